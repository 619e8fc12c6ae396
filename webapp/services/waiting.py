"""The waiting list: seats that were put aside are taken, declined or lapse, and what became free goes to the next."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from webapp.db import tables
from webapp.db.store import Door, StoreError
from webapp.services import booking, planning, proxies
from webapp.services.errors import Gone
from webapp.town import Town

SOLVE_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A seat that was put aside, and the person whose yes is waited for."""

    booking: tables.Booking
    request: tables.Request
    rider: tables.User


def list_unanswered(town: Town) -> list[Unanswered]:
    """List the seats for which somebody has still to say yes or no, the nearest end first."""
    lapse(town)
    with town.store.read() as records:
        rows = records.list_put_aside()
        return [Unanswered(row, records.get_request(row.request_id), records.get_user(row.rider_id)) for row in rows]


def accept(town: Town, booking_id: str, *, actor: str) -> tables.Booking:
    """Say yes to a seat that was put aside; saying so again changes nothing.

    Raises Gone once the time to answer is over, or the seat was given back.
    """
    with town.store.read() as records:
        found = records.get_booking(booking_id)

    def change(door: Door) -> tables.Booking:
        row = door.get_booking(booking_id)
        if row.status != "booked" or booking.is_overdue(row, door):
            raise Gone("answer late")
        if row.answer_by is None:
            return row
        row.answer_by = None
        proxies.tell(door, "booked", row, door.get_request(row.request_id), actor)
        return door.put(row)

    try:
        return town.store.commit(change, runs=[found.run_id], rider=found.rider_id)
    except Gone:
        lapse(town)
        raise


def lapse(town: Town) -> int:
    """Give back every seat for which nobody answered in time; count them. Doing so again changes nothing."""
    with town.store.read() as records:
        overdue = records.list_put_aside(by=town.clock())
    lapsed = 0
    for row in overdue:
        with suppress(StoreError):  # somebody holds that run: the next look tries again, and no page fails for it
            lapsed += booking.lapse(town, row.id)
    return lapsed


def attendant() -> Callable[[Town], int]:
    """Give the work that serves the waiting list every so often: it remembers for which days it searched in vain."""
    seen: dict[date, object] = {}

    def serve_waiting(town: Town) -> int:
        return _serve(town, seen)

    return serve_waiting


def _serve(town: Town, seen: dict[date, object]) -> int:
    """Let seats lapse, and offer what is free on each day of which anything changed since the last look."""
    lapse(town)
    states: dict[date, object] = {}
    with town.store.read() as records:
        waiting = records.list_requests(status="waiting")
        for day in sorted({row.service_date for row in waiting if row.service_date is not None}):
            if day >= town.today():
                names = [row.id for row in waiting if row.service_date == day]
                plans = [(head.id, head.revision) for head in records.run_heads(day)]
                states[day] = (names, plans, town.clock().replace(minute=0, second=0, microsecond=0))
    found = 0
    for day, state in states.items():
        if seen.get(day) != state:
            found += len(planning.replan(town, day, seconds=SOLVE_SECONDS).booked)
    seen.clear()
    seen.update(states)
    return found
