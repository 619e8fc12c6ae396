"""A trip every week: each date is asked for and booked like any other, as far ahead as runs are published."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from matching.offers import Offer
from routing.times import RoadError
from webapp.db import tables
from webapp.db.store import Door, Records, StoreError
from webapp.services import booking, messages
from webapp.services.errors import Conflict, Gone, Invalid, NotFound
from webapp.town import Town

LONGEST = 183
"""Days for which a trip can be repeated at most."""
MOST = 10
"""Weekly trips that one rider has at a time."""
SAME_TIME = 1800
"""Seconds by which a pickup may differ from that of the trip that is repeated."""
OTHERWISE = ("wait", "book", "")


@dataclass(frozen=True, slots=True)
class Date:
    """One date of weekly trips, its request, and what became of it; booking: where there is one."""

    day: date
    request: tables.Request
    booking: tables.Booking | None


@dataclass(frozen=True, slots=True)
class Weekly:
    """Weekly trips, the request that they repeat, and their dates from today on."""

    row: tables.Series
    like: tables.Request
    dates: tuple[Date, ...]


def start(
    town: Town,
    trip: tables.Booking,
    *,
    weekdays: Sequence[int],
    until: date,
    otherwise: str,
    actor: str,
    channel: str = "web",
    key: str = "",
) -> tables.Series:
    """Repeat a booked trip on some weekdays (0 Monday) until a date, and ask for every date that has runs already.

    key: what starts them once. Raises Invalid for no weekday, a date out of reach or without one of the weekdays,
    Conflict for too many.
    """
    chosen = sorted({day for day in weekdays if day in range(7)})
    first = max(town.today(), trip.service_date + timedelta(days=1))
    if not chosen:
        raise Invalid("series weekdays")
    if not first <= until <= town.today() + timedelta(days=LONGEST):
        raise Invalid("series until")
    if otherwise not in OTHERWISE:
        raise Invalid("series otherwise")
    days = ((first + timedelta(days=k)) for k in range(min(7, (until - first).days + 1)))
    if not any(day.weekday() in chosen for day in days):
        raise Invalid("series dates")
    row = tables.Series(
        id=_name(trip.rider_id, key), rider_id=trip.rider_id, request_id=trip.request_id, pickup=trip.pickup,
        asked_by=actor, channel=channel, weekdays=chosen, until=until, otherwise=otherwise, next_day=first,
        created_at=town.clock(),
    )  # fmt: skip

    def change(door: Door) -> tables.Series:
        same = door.find_series(row.id)
        if same is None and len(door.list_series(rider_id=trip.rider_id)) >= MOST:
            raise Conflict("many series")
        return same or door.put(row)

    made = town.store.commit(change, rider=trip.rider_id)
    _extend(town, made)
    return made


def extend(town: Town) -> int:
    """Ask for the dates of all weekly trips that have come into reach; count them. Doing so again changes nothing."""
    with town.store.read() as records:
        rows = records.list_series()
    return sum(_extend(town, row) for row in rows)


def list_weekly(town: Town, rider_id: str) -> list[Weekly]:
    """List a rider's weekly trips that are not over."""
    with town.store.read() as records:
        rows = [row for row in records.list_series(rider_id=rider_id) if row.until >= town.today()]
        return [_weekly(town, records, row) for row in rows]


def stop(town: Town, series_id: str, rider_id: str, *, actor: str) -> None:
    """End a rider's weekly trips: nothing more is asked for, and nothing more is waited for. Booked trips stay.

    Raises NotFound for anybody else's.
    """

    def change(door: Door) -> None:
        row = door.get_series(series_id)
        if row.rider_id != rider_id:
            raise NotFound("series")
        if row.ended_at is None:
            row.ended_at, row.ended_by = door.now(), actor
            door.put(row)
        for request in door.list_series_requests(series_id):
            if request.status in ("waiting", "draft"):
                request.status = booking.CANCELLED
                door.put(request)

    town.store.commit(change, rider=rider_id)


def _name(rider_id: str, key: str) -> str:
    """Name weekly trips by what starts them once: nobody's key names those of another rider."""
    return hashlib.sha256(f"{rider_id} {key or secrets.token_hex()}".encode()).hexdigest()[:24]


def _weekly(town: Town, records: Records, row: tables.Series) -> Weekly:
    rows = sorted(records.list_bookings(rider_id=row.rider_id), key=lambda one: one.status == "booked")
    booked = {one.request_id: one for one in rows}  # one that stands before one that it took the place of
    asked = [one for one in records.list_series_requests(row.id) if (one.service_date or date.min) >= town.today()]
    dates = tuple(Date(one.service_date or date.min, one, booked.get(one.id)) for one in asked)
    return Weekly(row, records.get_request(row.request_id), dates)


def _extend(town: Town, row: tables.Series) -> int:
    """Claim the dates in reach, each once whoever does so, then ask for those that nobody has asked for yet."""
    with town.store.read() as records:
        published = records.list_run_dates()
    reach = min([row.until, town.today() + timedelta(days=booking.DAYS_AHEAD), *published[-1:]])
    if published:
        town.store.commit(lambda door: _claim(town, door, row.id, reach), rider=row.rider_id)
    with town.store.read() as records:
        asked = [one for one in records.list_series_requests(row.id) if one.status == "draft"]
    outcomes = [_ask(town, row, one) for one in asked]
    counts = {kind: outcomes.count(kind) for kind in ("booked", "waiting", "refused")}
    if outcomes:
        town.store.commit(lambda door: messages.tell(door, "weekly trips", row.rider_id, counts))
    return len(outcomes)


def _claim(town: Town, door: Door, series_id: str, reach: date) -> None:
    row = door.get_series(series_id)
    if row.ended_at is not None or row.next_day > reach:
        return
    like, first = door.get_request(row.request_id), max(row.next_day, town.today())
    for day in (first + timedelta(days=k) for k in range((reach - first).days + 1)):
        if day.weekday() in row.weekdays:
            answers = {field: getattr(like, field) for field in booking.ANSWERS}
            answers |= {"service_date": day, "after": None, "needs": list(like.needs)}
            door.put(
                tables.Request(
                    id=secrets.token_urlsafe(12),
                    rider_id=row.rider_id,
                    asked_by=row.asked_by,
                    channel=row.channel,
                    series_id=row.id,
                    created_at=door.now(),
                    **answers,
                )
            )
    row.next_day = reach + timedelta(days=1)
    door.put(row)


def _ask(town: Town, row: tables.Series, request: tables.Request) -> str:
    """Ask for one date, and book the offer that is nearest to the usual time, or do what the rider said otherwise."""
    try:
        found = booking.ask(town, request.id).offers
        near = sorted((abs(offer.pickup_time - row.pickup), token) for offer, token in found if _is_usual(offer, row))
        for _, token in near[:1]:
            booking.book(town, token, key=request.id, actor=row.asked_by, tell=False)
            return "booked"
    except (Gone, Conflict, StoreError, RoadError):
        pass  # the seat went to somebody else, the rider travels then already, or no road leads there any more
    return _go_without(town, row, request)


def _is_usual(offer: Offer, row: tables.Series) -> bool:
    return abs(offer.pickup_time - row.pickup) <= SAME_TIME


def _go_without(town: Town, row: tables.Series, request: tables.Request) -> str:
    def change(door: Door) -> str:
        asked = door.get_request(request.id)
        if asked.status == "booked":
            return "booked"
        asked.status = "waiting" if row.otherwise else "refused"
        asked.at_once = row.otherwise == "book"
        door.put(asked)
        return asked.status

    return town.store.commit(change, rider=row.rider_id)
