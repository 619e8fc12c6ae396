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


def search(town: Town, searched: dict[date, object], plan: Callable[[date], planning.Replanned | None]) -> int:
    """Search for seats on each day of which anything changed since it was `searched`; count the requests newly booked.

    plan: re-plans a day; None where somebody else does. searched: is brought up to date.
    """
    found, now = 0, _states(town)
    for day, state in now.items():
        if searched.get(day) != state and (done := plan(day)) is not None:
            found += len(done.booked)
            searched[day] = state
    for day in searched.keys() - now.keys():
        del searched[day]
    return found


def _states(town: Town) -> dict[date, object]:
    """Describe each day that may gain from a search: one for which somebody waits, or on which residents ride.

    The hour belongs to it where somebody waits: stops freeze, and times to answer end, as time goes by.
    """
    found: dict[date, object] = {}
    hour = town.clock().replace(minute=0, second=0, microsecond=0)
    with town.store.read() as records:
        waiting = [row for row in records.list_requests(status="waiting") if row.service_date is not None]
        days = {row.service_date for row in waiting if row.service_date is not None}
        for day in sorted(days | {*records.list_ridden_dates(town.today())}):
            if day >= town.today():
                names = [row.id for row in waiting if row.service_date == day]
                plans = [(head.id, head.revision) for head in records.run_heads(day)]
                found[day] = (names, plans, hour if names else None)
    return found
