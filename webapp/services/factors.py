"""Second factors of people who work here: the codes of an app (TOTP), and recovery codes for whoever has lost all else.

Neither the app's key is kept, nor a recovery code: the key follows from an id and the town's secret key, and of codes
there are hashes.
"""

import re
import secrets
from base64 import b32encode
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from unicodedata import normalize

import pyotp

from webapp.db import tables
from webapp.db.store import Door
from webapp.services import codes, pins, signin
from webapp.services.errors import Conflict, Invalid, TooMany
from webapp.town import Town

STEP = 30
"""Seconds for which an app shows one code (RFC 6238)."""
DRIFT = (0, -1, 1)
"""Steps by which a telephone's clock may be wrong."""
MOST_TRIES = 5
LOCKED = timedelta(minutes=15)
RECOVERY_CODES = 10
RECOVERY_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ"
"""Letters that are not mistaken for digits or for each other."""
RECOVERY_LENGTH = 12
ISSUER = "Noriai"


class Factors(NamedTuple):
    """What somebody can prove who they are with, beside the password. codes: recovery codes that are left."""

    passkeys: tuple[tables.Passkey, ...]
    app_since: datetime | None
    codes: int

    @property
    def any(self) -> bool:
        return bool(self.passkeys or self.app_since)


def works_here(user: tables.User) -> bool:
    """Does somebody sign in to work, and not to travel?"""
    return set(user.roles) != {"resident"}


def find(town: Town, user_id: str) -> Factors:
    """Tell which second factors somebody has."""
    with town.store.read() as records:
        row = records.find_second_factor(user_id)
        left = [one for one in records.list_recovery_codes(user_id) if one.used_at is None]
        return Factors(tuple(records.list_passkeys(user_id)), row.app_since if row else None, len(left))


def new_seed() -> str:
    """Give the id from which the key of a new app follows."""
    return secrets.token_urlsafe(16)


def app_key(town: Town, seed: str) -> str:
    """Give the key that is shown to an app once, as people type it (base 32)."""
    return b32encode(codes.app_key(town.settings.secret_key, seed)).decode()


def app_address(town: Town, seed: str, email: str) -> str:
    """Give what the picture for an app says."""
    return pyotp.TOTP(app_key(town, seed)).provisioning_uri(name=email, issuer_name=ISSUER)


def add_app(town: Town, user_id: str, seed: str, said: str) -> None:
    """Let an app count from now on that shows the right code; every session of the person ends.

    Raises Invalid for a wrong code, Conflict where there is an app already.
    """
    given, key = signin.read_digits(said), app_key(town, seed)

    def change(door: Door) -> None:
        known = door.find_second_factor(user_id) or tables.SecondFactor(user_id=user_id)
        if known.app_since:
            raise Conflict("app")
        step = _matching_step(key, given, _step(door.now()), 0)
        if step is None:
            raise Invalid("factor")
        known.seed, known.app_since, known.last_step = seed, door.now(), step
        known.tries, known.locked_until = 0, None
        door.put(known)
        signin.change_locks(door, user_id)
        signin.record(town, door, user_id, "app added", user_id)

    town.store.commit(change, rider=user_id)


def remove_app(town: Town, user_id: str) -> None:
    """Let somebody's app open nothing any more; every session of the person ends."""

    def change(door: Door) -> None:
        if door.find_second_factor(user_id):
            door.forget_app(user_id)
            _end_sessions(town, door, user_id, "app removed")

    town.store.commit(change, rider=user_id)


def remove_passkey(town: Town, user_id: str, passkey_id: str) -> None:
    """Let a passkey of somebody open nothing any more; every session of the person ends."""

    def change(door: Door) -> None:
        row = door.find_passkey(passkey_id)
        if row and row.user_id == user_id:
            door.forget_passkey(passkey_id)
            _end_sessions(town, door, user_id, "passkey removed")

    town.store.commit(change, rider=user_id)


def reset(town: Town, user_id: str, *, by: str = "") -> None:
    """Take every second factor from somebody who has lost them; every session of theirs ends."""

    def change(door: Door) -> None:
        door.forget_factors(user_id)
        signin.change_locks(door, user_id)
        signin.record(town, door, user_id, "factors reset", by)

    town.store.commit(change, rider=user_id)


def make_recovery_codes(town: Town, user_id: str) -> list[str]:
    """Give somebody ten new recovery codes, to be seen this once; those of before open nothing any more."""
    made = ["".join(secrets.choice(RECOVERY_LETTERS) for _ in range(RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)]
    sealed = [pins.seal_text(town, user_id, code) for code in made]

    def change(door: Door) -> None:
        for number, one in enumerate(sealed, 1):
            door.put(tables.RecoveryCode(user_id=user_id, number=number, sealed=one))
        signin.record(town, door, user_id, "recovery codes made", user_id)

    town.store.commit(change, rider=user_id)
    return [f"{number}-{code[:4]}-{code[4:8]}-{code[8:]}" for number, code in enumerate(made, 1)]


def prove(town: Town, user_id: str, said: str, *, peer: str) -> str:
    """Try the code of an app, or a recovery code; give which it was ("app", "recovery").

    Each code counts once, also when several come at the same moment. Raises Invalid, TooMany after five wrong ones.
    """
    digits, recovery = signin.read_digits(said), _read_recovery(said)
    known = _known_code(town, user_id, recovery)

    def change(door: Door) -> str:
        signin.count(door, town.settings.secret_key, peer=peer)
        row = door.find_second_factor(user_id) or tables.SecondFactor(user_id=user_id)
        if row.locked_until and row.locked_until > door.now():
            raise TooMany("factor locked", round((row.locked_until - door.now()).total_seconds()) or 1)
        way = _use(town, door, row, digits, known)
        row.tries = 0 if way else row.tries + 1
        if row.tries >= MOST_TRIES:
            row.tries, row.locked_until = 0, door.now() + LOCKED
        door.put(row)
        return way

    way = town.store.commit(change, rider=user_id)
    if not way:
        raise Invalid("factor")
    return way


def _use(town: Town, door: Door, row: tables.SecondFactor, digits: str, known: int) -> str:
    """Use a code up, if it is good still; tell which kind it was."""
    if known:
        code = next(one for one in door.list_recovery_codes(row.user_id) if one.number == known)
        if code.used_at:
            return ""
        code.used_at = door.now()
        door.put(code)
        signin.record(town, door, row.user_id, "recovery code used", row.user_id)
        return "recovery"
    if not row.app_since:
        return ""
    step = _matching_step(app_key(town, row.seed), digits, _step(door.now()), row.last_step)
    if step is None:
        return ""
    row.last_step = step
    return "app"


def _matching_step(key: str, given: str, now: int, last: int) -> int | None:
    """Give the step whose code this is; one that was used, or that is before it, is none."""
    app = pyotp.TOTP(key, interval=STEP)
    fits = [now + drift for drift in DRIFT if pyotp.utils.strings_equal(app.generate_otp(now + drift), given)]
    return next((step for step in fits if step > last), None)


def _step(now: datetime) -> int:
    return int(now.replace(tzinfo=UTC).timestamp()) // STEP


def _read_recovery(said: str) -> tuple[int, str]:
    """Read a recovery code as people write it; number 0 for what is none."""
    found = re.fullmatch(r"(\d{1,2})([A-Z]+)", re.sub(r"[\s-]", "", normalize("NFKC", said)).upper(), re.ASCII)
    return (int(found[1]), found[2]) if found else (0, "")


def _known_code(town: Town, user_id: str, said: tuple[int, str]) -> int:
    """Give the number of a recovery code that is somebody's, 0 for none; hashing keeps no row locked."""
    number, letters = said
    if not number:
        return 0
    with town.store.read() as records:
        sealed = {one.number: one.sealed for one in records.list_recovery_codes(user_id)}
    return number if pins.fits(town, user_id, letters, sealed.get(number)) else 0


def _end_sessions(town: Town, door: Door, user_id: str, why: str) -> None:
    if not door.list_passkeys(user_id) and not door.find_second_factor(user_id):
        door.forget_recovery_codes(user_id)
    signin.change_locks(door, user_id)
    signin.record(town, door, user_id, why, user_id)
