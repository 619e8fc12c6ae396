"""A resident's request in the words of `matching`: meeting points on the road, windows, party, and no name."""

from collections.abc import Sequence
from datetime import date
from math import ceil
from typing import Any

from matching.model import DAY, Load, MeetingPoint, Run, TripRequest, Window
from routing.places import meeting_points
from routing.times import Place
from webapp import service_day
from webapp.db import tables
from webapp.db.store import Records
from webapp.services.accounts import FARTHEST_WALK, current_groups
from webapp.services.dispatching import UNSERVED
from webapp.services.errors import Invalid
from webapp.town import Town

PACE, SLOW_PACE = 1.0, 0.8
"""Metres a second that old people walk, and with a walker or a wheelchair (docs/decisions/0013)."""

AT_THE_DOOR = 20
"""Metres below which a vehicle stands at the door."""

SEARCH = 2 * 3600
"""Seconds after "from" or before "by" within which a trip still answers what was asked."""


def trip_request(
    town: Town, row: tables.Request, rider: tables.User, runs: Sequence[Run], *, refusals: int = 0
) -> TripRequest:
    """Say what a rider asked for; `runs` name the stops within a walk, `refusals` count earlier days without a seat.

    Raises Invalid when unanswered.
    """
    day = service_date(row)
    origin = Place(row.origin_lat or 0, row.origin_lon or 0)
    destination = Place(row.destination_lat or 0, row.destination_lon or 0)
    depart, arrive = _windows(row)
    return TripRequest(
        id=row.id,
        service_date=day.isoformat(),
        pickups=_meeting_points(town, origin, runs, step_free=is_step_free(row)),
        dropoffs=_meeting_points(town, destination, runs, step_free=is_step_free(row)),
        party=Load(row.people - row.wheelchairs, row.wheelchairs, row.stowage),
        depart=depart,
        arrive=arrive,
        asked_at=service_day.seconds_of(row.asked_at or town.clock(), day, town.settings.timezone),
        max_walk=row.max_walk,
        needs=frozenset(row.needs),
        groups=frozenset(current_groups(rider, day)),
        after=row.after,
        purpose=row.purpose,
        refusals=refusals,
    )


def outbound(records: Records, row: tables.Request) -> str | None:
    """Name the request whose trip this one follows, as long as that is booked on the same service date."""
    if row.after is None:
        return None
    booked = records.list_requests(service_date=row.service_date, status="booked", rider_id=row.rider_id)
    return row.after if row.after in {one.id for one in booked} else None


def count_refusals(records: Records, row: tables.Request) -> int:
    """Count the earlier service dates on which the rider of a request wanted a seat and was given none.

    Days are counted, not requests: who asks in many ways for one trip was refused once.
    """
    asked = [one for status in UNSERVED for one in records.list_requests(status=status, rider_id=row.rider_id)]
    day = service_date(row)
    unserved = {one.service_date for one in asked if not one.changes}  # who wanted a change kept a seat
    return len({one for one in unserved if one is not None and one < day})


def service_date(row: tables.Request) -> date:
    """Give the date of a request of which every question is answered. Raises Invalid otherwise."""
    if row.origin_lat is None or row.destination_lat is None or row.service_date is None:
        raise Invalid("unanswered")
    if (row.origin_lat, row.origin_lon) == (row.destination_lat, row.destination_lon):
        raise Invalid("same place")
    return row.service_date


def answers(row: tables.Request) -> list[Any]:
    """List what an offer answers: an offer for other answers than the request now has is no longer its offer."""
    ends = [row.origin_lat, row.origin_lon, row.destination_lat, row.destination_lon]
    party = [row.people, row.wheelchairs, row.stowage, row.max_walk, row.after, *row.needs]
    return [service_date(row).isoformat(), *ends, row.depart_earliest, row.arrive_latest, *party]


def _windows(row: tables.Request) -> tuple[Window, Window]:
    if row.arrive_latest is not None:
        return Window(row.arrive_latest - SEARCH), Window(-DAY, row.arrive_latest)
    earliest = row.depart_earliest or 0
    return Window(earliest, earliest + SEARCH), Window()


def is_step_free(row: tables.Request) -> bool:
    """Must every walk of a party be without a step? With a wheelchair, a walker, or what needs room as they do."""
    return bool(row.wheelchairs or row.stowage or "walker" in row.needs)


def walking_seconds(row: tables.Request, metres: int) -> int:
    """Give the time that a party takes for a walk."""
    return ceil(metres / (SLOW_PACE if is_step_free(row) else PACE))


def meeting_point(town: Town, row: tables.Request, end: str, place: Place) -> MeetingPoint:
    """Give the walk between one end of a trip ("origin", "destination") and a place where the vehicle stops."""
    door, step_free = Place(getattr(row, f"{end}_lat"), getattr(row, f"{end}_lon")), is_step_free(row)
    at_door = _at_door(town, door, step_free=step_free)
    if at_door.place == place:
        return at_door
    return MeetingPoint(place, town.roads.walk(door, [place], step_free=step_free)[0])


def _meeting_points(town: Town, door: Place, runs: Sequence[Run], *, step_free: bool) -> tuple[MeetingPoint, ...]:
    """The door itself, as near as the road comes, then the scheduled stops that residents may use, nearest first."""
    stops = {stop.place for run in runs for stop in run.stops if stop.scheduled and stop.residents and not stop.depot}
    near = meeting_points(town.roads, door, sorted(stops), FARTHEST_WALK, step_free=step_free)
    return (_at_door(town, door, step_free=step_free), *(MeetingPoint(place, walk) for place, walk in near))


def _at_door(town: Town, door: Place, *, step_free: bool) -> MeetingPoint:
    """Where the road comes nearest, straight from the door: but round the steps, where footways say that some are."""
    snapped = town.roads.snap(door)
    if step_free and snapped.walk >= AT_THE_DOOR:
        plain, level = (town.roads.walk(door, [snapped.place], step_free=free)[0] for free in (False, True))
        if level > plain:
            return MeetingPoint(snapped.place, level)
    return MeetingPoint(snapped.place, snapped.walk)
