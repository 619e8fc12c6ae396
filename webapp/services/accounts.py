"""Who signs in: people, their roles, and what each may see."""

import secrets
from collections.abc import Sequence

from argon2 import PasswordHasher
from email_validator import EmailNotValidError, validate_email

from webapp.config import LANGUAGES
from webapp.db import tables
from webapp.db.store import Door
from webapp.services.errors import Conflict, Invalid, NotFound
from webapp.town import Town

LONGEST_NAME = 80
LONGEST_PHONE = 30
FARTHEST_WALK = 800
"""Metres that anybody may be asked to walk."""
ROLES = ("resident", "desk", "dispatcher", "driver", "town")


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
    if role in {"dispatcher", "driver"} and not operator:
        raise Invalid("operator")
    if language and language not in LANGUAGES:
        raise Invalid("language")
    user = tables.User(
        id=secrets.token_urlsafe(9),
        email=_address(email) if email else None,
        password=PasswordHasher().hash(password) if password else None,
        fs_uniquifier=secrets.token_hex(16),
        roles=[role],
        operator_id=operator,
        name=name.strip(),
        phone=phone.strip(),
        language=language,
        groups=sorted(groups),
        max_walk=max_walk,
        created_at=town.clock(),
    )

    def change(door: Door) -> tables.User:
        if user.email and door.find_user(email=user.email):
            raise Conflict("email")
        if operator and operator not in {one.id for one in door.list_operators()}:
            raise Invalid("operator")
        return door.put(user)

    return town.store.commit(change)


def _address(text: str) -> str:
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise Invalid("email") from error


def add_caller(town: Town, *, name: str, phone: str, groups: Sequence[str] = (), max_walk: int = 300) -> tables.User:
    """Register somebody who books by phone; the one who has this very name and number already is given instead.

    Raises Invalid for a name or a number that nobody could be found by.
    """
    if not 2 <= len(name.strip()) <= LONGEST_NAME:
        raise Invalid("name")
    if not 5 <= sum(map(str.isdigit, phone)) <= 15 or len(phone) > LONGEST_PHONE:
        raise Invalid("phone")
    if not 0 <= max_walk <= FARTHEST_WALK:
        raise Invalid("max_walk")
    same = (user for user in find_riders(town, phone) if user.name == name.strip())
    known = next(same, None)
    return known or add_user(town, name=name, role="resident", phone=phone, groups=groups, max_walk=max_walk)


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


def find_riders(town: Town, text: str) -> list[tables.User]:
    """Search residents by a part of the name or of the phone number, for the desk."""
    with town.store.read() as records:
        return records.search_users(text, role="resident")


def get_rider(town: Town, user_id: str) -> tables.User:
    """Give a resident for whom the desk acts. Raises NotFound for anybody else's id."""
    with town.store.read() as records:
        user = records.find_user(id=user_id)
    if user is None or "resident" not in user.roles:
        raise NotFound("rider")
    return user
