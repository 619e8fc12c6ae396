"""Family acts for somebody who agreed: named by the rider, accepted by the helper, ended by either at any time."""

import secrets
from dataclasses import dataclass

from webapp.db import tables
from webapp.db.store import Door, Records
from webapp.services import messages
from webapp.services.accounts import read_email
from webapp.services.errors import Conflict, Invalid, NotFound
from webapp.town import Town

MOST = 5
"""Helpers that one person names at most."""
SHORTEST_NUMBER = 5


@dataclass(frozen=True, slots=True)
class Helper:
    """Somebody whom a rider named: by the address that was written, and by name once they accepted."""

    row: tables.Proxy
    name: str


@dataclass(frozen=True, slots=True)
class Helped:
    """Somebody who named this person as helper."""

    row: tables.Proxy
    name: str


def name(town: Town, rider_id: str, address: str, *, actor: str, agreed: bool = True) -> tables.Proxy:
    """Ask the resident of an e-mail address or phone number to act for a rider.

    Nobody is told whether a resident has that address: who has it finds the question on their own page. `agreed`: the
    rider said so themselves, or the desk made sure of it.

    Raises Invalid for no address, for the rider's own and without consent, Conflict when so many are named already.
    """
    if not agreed:
        raise Invalid("consent")
    text = address.strip()
    if "@" not in text and not SHORTEST_NUMBER <= len(_digits(text)) <= 15:
        raise Invalid("helper")
    wanted = _in_one_form(text)

    def change(door: Door) -> tables.Proxy:
        known = door.list_proxies(rider_id=rider_id)
        same = next((row for row in known if row.address == wanted), None)
        if same is not None:
            return same
        if len(known) >= MOST:
            raise Conflict("many helpers")
        helper = _find(door, wanted)
        if helper == rider_id:
            raise Invalid("helper self")
        row = tables.Proxy(
            id=secrets.token_urlsafe(12),
            rider_id=rider_id,
            helper_id=helper,
            address=wanted,
            named_by=actor,
            named_at=door.now(),
        )
        if helper:
            messages.tell(door, "helper asked", helper, {})
        return door.put(row)

    return town.store.commit(change, rider=rider_id)


def accept(town: Town, proxy_id: str, helper_id: str) -> None:
    """Begin to act for the rider who asked; both are told. Raises NotFound for anybody else's question."""

    def change(door: Door) -> None:
        row = _open(door, proxy_id)
        if row.helper_id != helper_id:
            raise NotFound("proxy")
        if row.accepted_at is None:
            row.accepted_at = door.now()
            door.put(row)
            _tell(door, "helper started", row)

    town.store.commit(change, rider=_rider(town, proxy_id))


def end(town: Town, proxy_id: str, user_id: str, *, actor: str) -> None:
    """End it, by the rider or the helper, at once; both are told. Raises NotFound for anybody else."""

    def change(door: Door) -> None:
        row = door.get_proxy(proxy_id)
        if user_id not in (row.rider_id, row.helper_id):
            raise NotFound("proxy")
        if row.ended_at is None:
            row.ended_at, row.ended_by = door.now(), actor
            door.put(row)
            if row.accepted_at is not None:
                _tell(door, "helper ended", row)

    town.store.commit(change, rider=_rider(town, proxy_id))


def list_helpers(town: Town, rider_id: str) -> list[Helper]:
    """List whom a rider named; who has not accepted has no name yet."""
    with town.store.read() as records:
        rows = records.list_proxies(rider_id=rider_id)
        return [Helper(row, _name(records, row.helper_id) if row.accepted_at else "") for row in rows]


def list_helped(town: Town, helper_id: str) -> list[Helped]:
    """List who named this person: those they act for, and those who asked."""
    with town.store.read() as records:
        return [Helped(row, _name(records, row.rider_id)) for row in records.list_proxies(helper_id=helper_id)]


def may_act(town: Town, helper_id: str, rider_id: str) -> bool:
    """May somebody act for a rider now?"""
    with town.store.read() as records:
        return is_helper(records, helper_id, rider_id)


def is_helper(records: Records, helper_id: str, rider_id: str) -> bool:
    """Has the rider named this person, who accepted, and did nobody end it?"""
    rows = records.list_proxies(rider_id=rider_id, helper_id=helper_id)
    return any(row.accepted_at is not None for row in rows)


def tell(door: Door, kind: str, booking: tables.Booking, request: tables.Request, actor: str | None) -> None:
    """Tell a rider of a booking, and the helper who made it, or who asked for it and may still act."""
    facts: dict[str, str] = {"booking": booking.id}
    if booking.answer_by is not None:
        facts["until"] = booking.answer_by.isoformat()
    made = actor is not None and actor != booking.rider_id and is_helper(door, actor, booking.rider_id)
    if made:
        messages.tell(door, "changed by helper" if kind == "changed" else "booked by helper", booking.rider_id, facts)
        messages.tell(door, "booked for another", actor, facts)
        return
    messages.tell(door, kind, booking.rider_id, facts)
    asked_by = request.asked_by
    if kind == "seat offered" and asked_by != booking.rider_id and is_helper(door, asked_by, booking.rider_id):
        messages.tell(door, "seat offered to another", asked_by, facts)


def _open(records: Records, proxy_id: str) -> tables.Proxy:
    row = records.get_proxy(proxy_id)
    if row.ended_at is not None:
        raise NotFound("proxy")
    return row


def _rider(town: Town, proxy_id: str) -> str:
    with town.store.read() as records:
        return records.get_proxy(proxy_id).rider_id


def _name(records: Records, user_id: str | None) -> str:
    return records.get_user(user_id).name if user_id else ""


def _tell(door: Door, kind: str, row: tables.Proxy) -> None:
    for user_id in (row.rider_id, row.helper_id):
        messages.tell(door, kind, user_id, {})


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def _in_one_form(text: str) -> str:
    try:
        return read_email(text) if "@" in text else text
    except Invalid as error:
        raise Invalid("helper") from error


def _find(records: Records, address: str) -> str | None:
    """Find the one resident who has an address; a number that several share names nobody."""
    if "@" in address:
        user = records.find_user(email=address)
        return user.id if user and "resident" in user.roles else None
    ending = _digits(address).removeprefix("00").lstrip("0")[-9:]
    found = records.list_users_by_phone(ending, role="resident") if len(ending) >= SHORTEST_NUMBER else []
    return found[0].id if len(found) == 1 else None
