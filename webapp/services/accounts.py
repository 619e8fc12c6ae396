"""Who signs in: people, their roles, and what each may see."""

import secrets
from collections.abc import Sequence
from datetime import date
from unicodedata import normalize

from argon2 import PasswordHasher
from email_validator import EmailNotValidError, validate_email
from rapidfuzz import fuzz

from routing.naming import fold
from webapp.config import LANGUAGES
from webapp.db import tables
from webapp.db.store import Door, Records
from webapp.services import codes
from webapp.services.errors import Conflict, Invalid, NotFound
from webapp.town import Town

LONGEST_NAME = 80
LONGEST_PHONE = 30
FARTHEST_WALK = 800
"""Metres that anybody may be asked to walk."""
MOST_PEOPLE = 8
TEXT_SIZES = ("", "large", "largest")
CONTRASTS = ("", "high")
ALIKE = 75
"""Of 100: how much of a name must be as it was said, where nobody bears it letter by letter."""
MOST_ALIKE = 5
ROLES = ("resident", "desk", "dispatcher", "driver", "town")
OF_OPERATORS = frozenset({"dispatcher", "driver"})
"""Roles that are nothing without an operator. An operator has no administrator beside its dispatchers."""


def add_user(
    town: Town,
    *,
    name: str,
    role: str,
    email: str | None = None,
    password: str | None = None,
    operator: str | None = None,
    phone: str = "",
    groups: Sequence[str] = (),
    language: str = "",
    max_walk: int = 300,
) -> tables.User:
    """Add somebody; a password of None means that they cannot sign in until they are given one.

    Raises Invalid for an unknown role, language or operator or an address that is none, Conflict when it is taken.
    """
    if role not in ROLES:
        raise Invalid("role")
    if role in OF_OPERATORS and not operator:
        raise Invalid("operator")
    if language and language not in LANGUAGES:
        raise Invalid("language")
    user = tables.User(
        id=secrets.token_urlsafe(9),
        email=read_email(email) if email else None,
        password=PasswordHasher().hash(password) if password else None,
        fs_uniquifier=secrets.token_hex(16),
        roles=[role],
        operator_id=operator,
        name=name.strip(),
        phone=normalize("NFKC", phone).strip(),
        language=language,
        groups=sorted(groups),
        max_walk=max_walk,
        wheelchairs=int("wheelchair" in groups),
        created_at=town.clock(),
    )

    def change(door: Door) -> tables.User:
        if user.email and door.find_user(email=user.email):
            raise Conflict("email")
        if operator and operator not in {one.id for one in door.list_operators()}:
            raise Invalid("operator")
        return door.put(user)

    return town.store.commit(change)


def read_email(text: str) -> str:
    """Write an e-mail address in its one form. Raises Invalid."""
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise Invalid("email") from error


def add_caller(town: Town, *, name: str, phone: str, groups: Sequence[str] = (), max_walk: int = 300) -> tables.User:
    """Register somebody who books by phone; the one who has this very name and number already is given instead.

    Raises Invalid for a name or a number that nobody could be found by.
    """
    check_caller(name, phone, max_walk)
    same = (user for user in find_riders(town, phone) if user.name == name.strip())
    known = next(same, None)
    return known or add_user(town, name=name, role="resident", phone=phone, groups=groups, max_walk=max_walk)


def check_caller(name: str, phone: str, max_walk: int) -> None:
    """Raise Invalid for a name or a number that nobody could be found by, or too long a walk."""
    if not 2 <= len(name.strip()) <= LONGEST_NAME:
        raise Invalid("name")
    if not is_number(phone):
        raise Invalid("phone")
    if not 0 <= max_walk <= FARTHEST_WALK:
        raise Invalid("max_walk")


def is_number(phone: str) -> bool:
    """Could this be the number of a telephone?"""
    return 5 <= sum(map(str.isdigit, phone)) <= 15 and len(phone) <= LONGEST_PHONE


def current_groups(user: tables.User, day: date) -> list[str]:
    """List the groups that somebody holds on a date: the one place that says so, wherever groups admit or are shown."""
    return [group for group in user.groups if day.isoformat() <= user.groups_until.get(group, "9999-12-31")]


def add_operator(town: Town, *, code: str, name: str, kind: str) -> tables.Operator:
    """Add an operator of vehicles, or rename the one that has this code."""
    return town.store.commit(lambda door: door.put(tables.Operator(id=code, name=name, kind=kind)))


def set_language(town: Town, user_id: str, language: str) -> None:
    """Remember the language in which somebody reads the site. Raises Invalid for one that it does not speak."""
    if language not in LANGUAGES:
        raise Invalid("language")

    def change(door: Door) -> None:
        user = door.get_user(user_id)
        user.language = language
        door.put(user)

    town.store.commit(change)


def set_reading(town: Town, user_id: str, *, text_size: str, contrast: str) -> None:
    """Remember how somebody reads the site. Raises Invalid for a size or a contrast that it does not have."""
    if text_size not in TEXT_SIZES or contrast not in CONTRASTS:
        raise Invalid("display")

    def change(door: Door) -> None:
        user = door.get_user(user_id)
        user.text_size, user.contrast = text_size, contrast
        door.put(user)

    town.store.commit(change)


def check_party(*, people: int, wheelchairs: int, stowage: int, max_walk: int) -> None:
    """Raise Invalid, with the field's name, for a party that nobody can be."""
    if not 1 <= people <= MOST_PEOPLE:
        raise Invalid("people")
    if not 0 <= wheelchairs <= people:
        raise Invalid("wheelchairs")
    if stowage not in (0, 1):
        raise Invalid("stowage")
    if not 0 <= max_walk <= FARTHEST_WALK:
        raise Invalid("max_walk")


def set_usual(
    town: Town,
    rider_id: str,
    *,
    people: int,
    wheelchairs: int,
    needs: Sequence[str] = (),
    stowage: int = 0,
    max_walk: int,
    home: str | None = None,
) -> None:
    """Keep who travels on a rider's trips as a rule; groups, by which a town admits people, stay as they are.

    home: which saved place most trips start from, "" for none; None leaves that as it is. Raises Invalid.
    """
    check_party(people=people, wheelchairs=wheelchairs, stowage=stowage, max_walk=max_walk)

    def change(door: Door) -> None:
        rider = door.get_user(rider_id)
        rider.people, rider.wheelchairs, rider.stowage = people, wheelchairs, stowage
        rider.needs, rider.max_walk = sorted(needs), max_walk
        if home is not None:
            if home and home not in {one.id for one in door.list_saved_places(rider_id)}:
                raise Invalid("home")
            rider.home_id = home or None
        door.put(rider)

    town.store.commit(change, rider=rider_id)


def find_riders(town: Town, text: str) -> list[tables.User]:
    """Search residents for the desk: by number, by name or reading as they are said, or by the picture of a card.

    Where nobody bears the words, those whose names are nearly so.
    """
    said = normalize("NFKC", text)
    with town.store.read() as records:
        if "/card/" in said:
            card = records.find_card(link=codes.digest(said.strip().rpartition("/card/")[2]))
            return [records.get_user(card.user_id)] if card else []
        return records.search_users(said, role="resident") or _sound_alike(records, said)


def _sound_alike(records: Records, said: str) -> list[tables.User]:
    wanted = fold(said)
    if len(wanted) < 2 or any(map(str.isdigit, wanted)):
        return []
    names = {
        (user_id, number): fold(name)
        for user_id, *said_of in records.list_names("resident")
        for number, name in enumerate(said_of)
        if name
    }
    scores = sorted(((_likeness(wanted, name), user_id) for (user_id, _), name in names.items()), reverse=True)
    ids = dict.fromkeys(user_id for score, user_id in scores if score >= ALIKE)
    return [records.get_user(user_id) for user_id in ids][:MOST_ALIKE]


def _likeness(one: str, other: str) -> float:
    """Compare names whichever comes first, written together or apart, whole or one of two (of 100)."""
    together = fuzz.ratio(one.replace(" ", ""), other.replace(" ", ""))
    part = max((fuzz.ratio(one, word) for word in other.split()), default=0.0) - 5
    return max(together, fuzz.token_sort_ratio(one, other), part)


def get_rider(town: Town, user_id: str) -> tables.User:
    """Give a resident for whom the desk acts. Raises NotFound for anybody else's id."""
    with town.store.read() as records:
        user = records.find_user(id=user_id)
    if user is None or "resident" not in user.roles:
        raise NotFound("rider")
    return user


def set_email(town: Town, user_id: str, email: str) -> None:
    """Keep where somebody reads mail, nothing for nowhere. Raises Invalid for no address, Conflict when it is taken."""
    address = read_email(email) if email.strip() else None

    def change(door: Door) -> None:
        user = door.get_user(user_id)
        other = door.find_user(email=address) if address else None
        if other and other.id != user_id:
            raise Conflict("email taken")
        user.email = address
        door.put(user)

    town.store.commit(change)
