"""What a resident shows when they board: four digits or a picture, kept nowhere; each follows from the booking's id."""

import hashlib
import hmac
from typing import NamedTuple
from unicodedata import normalize

from webapp.db import tables
from webapp.services import codes
from webapp.town import Town

PIN_DIGITS = 4


class CheckValue(NamedTuple):
    """By what a device without a connection checks PIN and token: SHA-256 of "salt:said" of each.

    Whoever has the device can find the PIN by trying all 10,000: this guards against mistaking people, not drivers.
    """

    salt: str
    pin: str
    token: str


def pin(town: Town, booking_id: str) -> str:
    """Give the digits that whoever holds a booking tells the driver."""
    return codes.digits(town.settings.secret_key, "boarding", booking_id, PIN_DIGITS)


def token(town: Town, booking_id: str) -> str:
    """Give what the picture of a booking says; nobody can tell from it who travels, when or where."""
    return codes.token(town.settings.secret_key, "boarding", booking_id)


def matches(town: Town, booking_id: str, said: str) -> bool:
    """Do these digits, or these words of a picture, belong to a booking? Takes the same time whatever is said."""
    given = "".join(normalize("NFKC", said).split()).encode()
    made = [codes.digits(key, "boarding", booking_id, PIN_DIGITS) for key in town.settings.keys]
    made += [codes.token(key, "boarding", booking_id) for key in town.settings.keys]
    return any([hmac.compare_digest(given, one.encode()) for one in made])  # noqa: C419 - none is left out


def find_by_token(town: Town, run_id: str, said: str) -> tables.Booking | None:
    """Find the booking of a run whose picture says this; nobody's on any other run."""
    given = said.strip().encode()
    with town.store.read() as records:
        booked = records.list_bookings(run_id=run_id, status="booked")
    made = ((one, codes.token(key, "boarding", one.id)) for one in booked for key in town.settings.keys)
    return next((one for one, said in made if hmac.compare_digest(given, said.encode())), None)


def check_value(town: Town, booking_id: str) -> CheckValue:
    """Give what a manifest carries of a booking to be checked without a connection."""
    salt = codes.token(town.settings.secret_key, "boarding salt", booking_id)[:16]
    return CheckValue(salt, *(_salted(salt, made(town, booking_id)) for made in (pin, token)))


def _salted(salt: str, said: str) -> str:
    return hashlib.sha256(f"{salt}:{said}".encode()).hexdigest()
