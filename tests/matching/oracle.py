"""The naive search: try every pair of positions and of meeting points, and let the judge decide."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import ceil

from matching.model import MeetingPoint, Ride, Run, Stop, TripRequest, Window
from matching.promises import broken
from matching.schedule import timetable
from routing.times import NO_WAY, Place, TravelTimes


@dataclass(frozen=True, slots=True)
class End:
    """Use stop `at` of a run itself, or (`stop` given) add that one behind it."""

    at: int
    point: MeetingPoint
    stop: Stop | None


def least_cost(request: TripRequest, run: Run, times: TravelTimes, *, harm: int = 0) -> int | None:
    """Cost of the cheapest sound place, as `cheapest` counts it; None when there is none."""
    found = cheapest(request, run, times, harm=harm)
    return found[0] if found else None


def cheapest(request: TripRequest, run: Run, times: TravelTimes, *, harm: int = 0) -> tuple[int, Run] | None:
    """Find the cheapest sound place and the run as it then is; None when there is none.

    Cost is seconds of added driving and of walking, and `harm` for each person-second by which the drop-offs of
    committed riders begin later than on the run as it was.
    """
    if run.policy.closes is not None and request.asked_at > run.policy.closes:
        return None
    everywhere = sorted(_places(request, run, times, harm), key=lambda one: one[0])
    return next(((cost, new) for cost, new in everywhere if not broken(new, times, before=run)), None)


def _places(request: TripRequest, run: Run, times: TravelTimes, harm: int) -> Iterator[tuple[int, Run]]:
    now, arrived = _drive(run, times), _arrived(run, times) if harm else 0
    for on in _ends(request, run, request.pickups, "+"):
        for off in _ends(request, run, request.dropoffs, "-"):
            if on.point.place != off.point.place and _in_order(on, off):
                new = _carrying(request, run, (on, off), times)
                drive = _drive(new, times)
                if drive < NO_WAY:
                    later = _arrived(new, times) - arrived if harm else 0
                    yield drive - now + on.point.walk + off.point.walk + harm * later, new


def _arrived(run: Run, times: TravelTimes) -> int:
    """Sum when each committed person's drop-off begins."""
    begin = {visit.stop.id: visit.begin for visit in timetable(run, times)}
    return sum(begin[ride.dropoff] * ride.party.people for ride in run.rides if ride.committed)


def _ends(request: TripRequest, run: Run, points: tuple[MeetingPoint, ...], mark: str) -> Iterator[End]:
    for point in points:
        if point.walk <= request.max_walk:
            for k, stop in enumerate(run.stops):
                if stop.scheduled and stop.place == point.place:
                    yield End(k, point, None)
                if k < len(run.stops) - 1:
                    yield End(k, point, Stop(request.id + mark, point.place))


def _in_order(on: End, off: End) -> bool:
    if on.at == off.at:
        return off.stop is not None
    return on.at < off.at


def _carrying(request: TripRequest, run: Run, ends: tuple[End, End], times: TravelTimes) -> Run:
    on, off = ends
    stops: list[Stop] = []
    for k, stop in enumerate(run.stops):
        stops.append(stop)
        stops += [end.stop for end in ends if end.stop is not None and end.at == k]
    pickup, dropoff = (end.stop.id if end.stop else run.stops[end.at].id for end in ends)
    ride = Ride(
        request.id,
        pickup,
        dropoff,
        request.party,
        max_ride=min(request.max_ride, run.policy.longest_ride(_at_pace(run, on.point.place, off.point.place, times))),
        needs=request.needs,
        board=request.depart & Window(request.asked_at + run.policy.notice),
        alight=request.arrive,
        dwell=run.policy.dwell_for(request.party, request.needs),
        groups=request.groups,
        apart=request.apart,
        after=request.after,
    )
    return replace(run, stops=tuple(stops), rides=(*run.rides, ride))


def _drive(run: Run, times: TravelTimes) -> int:
    return sum(_at_pace(run, a.place, b.place, times) for a, b in pairwise(run.stops))


def _at_pace(run: Run, origin: Place, destination: Place, times: TravelTimes) -> int:
    return ceil(Fraction(times.between(origin, destination) * run.pace, 1000))
