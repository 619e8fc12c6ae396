"""Passwords that people choose: which are too easily guessed, and a new one in place of the old."""

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from zxcvbn import zxcvbn

from webapp.db import tables
from webapp.db.store import Door
from webapp.services import signin
from webapp.services.errors import Invalid, NotFound
from webapp.town import Town

SHORTEST, LONGEST = 12, 1000
_WEIGHED = 72
"""Characters that are weighed; to weigh more takes long."""
_GOOD = 3
"""Of 4, as zxcvbn weighs: more than 10^8 guesses."""
OF_HERE = ("noriai", "乗合", "busschool", "password")


def check(password: str, *, about: tuple[str, ...] = ()) -> None:
    """Raise Invalid for a password that is short, or soon guessed by who knows lists and words `about` the person."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid("password short")
    known = [word for text in about for word in (text, *text.replace("@", " ").replace(".", " ").split()) if word]
    if zxcvbn(password[:_WEIGHED], user_inputs=[*OF_HERE, *known])["score"] < _GOOD:
        raise Invalid("password common")


def is_right(user: tables.User, password: str) -> bool:
    """Is this somebody's password?"""
    try:
        return PasswordHasher().verify(user.password or "", password[:LONGEST])
    except VerificationError:
        return False


def change(town: Town, user_id: str, old: str, new: str, *, peer: str, device: str) -> None:
    """Give somebody a new password who knows the old one; every session of theirs ends. Raises Invalid, TooMany."""
    with town.store.read() as records:
        user = records.get_user(user_id)
    signin.count_password(town, user.email or user_id, peer=peer, device=device)
    if not is_right(user, old):
        raise Invalid("password wrong")
    put(town, user, new, by=user_id)


def put(town: Town, user: tables.User, password: str, *, by: str = "") -> None:
    """Give somebody a new password; every session of theirs ends. Raises Invalid for one that is soon guessed."""
    check(password, about=(user.name, user.email or ""))
    sealed = PasswordHasher().hash(password)

    def change(door: Door) -> None:
        row = door.get_user(user.id)
        row.password = sealed
        door.put(row)
        signin.change_locks(door, user.id)
        signin.record(town, door, user.id, "password changed", by)

    town.store.commit(change, rider=user.id)


def find_user(town: Town, email: str) -> tables.User:
    """Find whose address this is, for the command line. Raises NotFound."""
    with town.store.read() as records:
        user = records.find_user(email=email.strip().lower())
    if user is None:
        raise NotFound(f"nobody has the address {email}")
    return user
