"""Tablets that an operator's drivers share: enrolled by a dispatcher, opened by a driver's PIN."""

import hmac
import secrets
from datetime import datetime, timedelta

from webapp.db import tables
from webapp.db.store import Busy, Door
from webapp.services import codes, pins, signin
from webapp.services.driving import LONGEST_OFFLINE
from webapp.services.errors import Conflict, Invalid, NotFound
from webapp.town import Town

MOST_TRIES = 5
"""Wrong PINs one after another, after which a driver's PIN opens nothing until a dispatcher sets another."""
LONGEST_NAME = 40
SEEN_EVERY = timedelta(minutes=5)
STAMP = "%Y%m%d%H%M"
TICKET_LIFE = LONGEST_OFFLINE + timedelta(hours=12)


def enrol(town: Town, name: str, *, operator: str, actor: str) -> tuple[tables.Tablet, str]:
    """Enrol the device that asks; give it, and the secret that it must show from then on. Raises Invalid."""
    if not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise Invalid("tablet")
    secret = secrets.token_urlsafe(32)
    row = tables.Tablet(
        id=secrets.token_urlsafe(9),
        operator_id=operator,
        name=name.strip(),
        secret=codes.digest(secret),
        enrolled_at=town.clock(),
        enrolled_by=actor,
    )
    return town.store.commit(lambda door: door.put(row)), f"{row.id}.{secret}"


def find(town: Town, shown: str) -> tables.Tablet | None:
    """Find the tablet that shows its secret, unless it was revoked; note now and then that it was seen."""
    tablet_id, _, secret = shown.partition(".")
    with town.store.read() as records:
        row = records.find_tablet(tablet_id) if tablet_id else None
    if row is None or row.revoked_at or not hmac.compare_digest(row.secret, codes.digest(secret)):
        return None
    if row.seen_at is None or row.seen_at + SEEN_EVERY <= town.clock():
        _note_seen(town, row.id)
    return row


def revoke(town: Town, tablet_id: str, *, operator: str) -> None:
    """Let a tablet open nothing any more, and end what is open on it. Raises NotFound for another operator's."""

    def change(door: Door) -> None:
        row = door.find_tablet(tablet_id)
        if row is None or row.operator_id != operator:
            raise NotFound("tablet")
        row.revoked_at = row.revoked_at or door.now()
        door.put(row)

    town.store.commit(change)


def list_tablets(town: Town, operator: str) -> list[tables.Tablet]:
    """List an operator's tablets that were not revoked."""
    with town.store.read() as records:
        return records.list_tablets(operator)


def list_drivers(town: Town, operator: str) -> list[tuple[tables.User, tables.DriverPin | None]]:
    """List an operator's drivers, each with the PIN if one was set."""
    with town.store.read() as records:
        return records.list_drivers(operator)


def set_pin(town: Town, driver_id: str, pin: str, *, operator: str, actor: str) -> None:
    """Give a driver a PIN, in place of the one of before. Raises Invalid for a bad one, NotFound for no own driver."""
    sealed = pins.seal(town, driver_id, signin.read_digits(pin))

    def change(door: Door) -> None:
        if driver_id not in {user.id for user, _ in door.list_drivers(operator)}:
            raise NotFound("driver")
        door.put(tables.DriverPin(user_id=driver_id, pin=sealed, tries=0, set_at=door.now(), set_by=actor))

    town.store.commit(change)


def sign_in(town: Town, tablet: tables.Tablet, driver_id: str, pin: str, *, peer: str) -> tables.User:
    """Let a driver in at a tablet of the operator.

    Raises Invalid, in the same words for a wrong PIN and for none, Conflict once it is locked, TooMany.
    """

    def attempt(door: Door) -> tables.DriverPin | None:
        signin.count(door, town.settings.secret_key, peer=peer)
        return door.take_pin_try(driver_id, most=MOST_TRIES)

    own = {user.id: (user, kept) for user, kept in list_drivers(town, tablet.operator_id)}
    user, known = own.get(driver_id, (None, None))
    row = town.store.commit(attempt) if user else None
    right = pins.fits(town, driver_id, signin.read_digits(pin), row.pin if row else None)
    if user and right:
        town.store.commit(lambda door: _forgive(door, driver_id))
        return user
    if known and known.tries + 1 >= MOST_TRIES:
        raise Conflict("pin locked")
    raise Invalid("pin of driver")


def ticket(town: Town, driver_id: str, tablet_id: str = "") -> str:
    """Write by what a device later sends what it kept, under the name of who tapped it, whoever is signed in then."""
    stamp = town.clock().strftime(STAMP)
    return f"{driver_id}.{stamp}.{_seal(town.settings.secret_key, driver_id, tablet_id, stamp)}"


def read_ticket(town: Town, said: str, tablet_id: str = "") -> tables.User | None:
    """Tell whose ticket this is, on this tablet, while it is good."""
    driver_id, stamp, seal = [*said.rsplit(".", 2), "", ""][:3]
    seals = [_seal(key, driver_id, tablet_id, stamp) for key in town.settings.keys]
    if not any(hmac.compare_digest(seal.encode(), one.encode()) for one in seals):
        return None
    if town.clock() > datetime.strptime(stamp, STAMP) + TICKET_LIFE:
        return None
    with town.store.read() as records:
        user = records.find_user(id=driver_id)
    return user if user and user.active and "driver" in user.roles else None


def _seal(key: str, driver_id: str, tablet_id: str, stamp: str) -> str:
    return codes.token(key, "ticket", f"{driver_id} {tablet_id} {stamp}")


def _forgive(door: Door, driver_id: str) -> None:
    row = door.take_pin_try(driver_id, most=MOST_TRIES + 1)
    if row:
        row.tries = 0
        door.put(row)


def _note_seen(town: Town, tablet_id: str) -> None:
    def change(door: Door) -> None:
        row = door.find_tablet(tablet_id)
        if row:
            row.seen_at = door.now()
            door.put(row)

    try:
        town.store.commit(change)
    except Busy:  # whoever asks next notes it
        return
