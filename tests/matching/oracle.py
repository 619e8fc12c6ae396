"""The naive search: try every pair of positions and of meeting points, and let the judge decide."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from matching.model import MeetingPoint, Ride, Run, Stop, TripRequest, Window
from matching.promises import broken
from routing.times import NO_WAY, TravelTimes


@dataclass(frozen=True, slots=True)
class End:
    """Use stop `at` of a run itself, or (`stop` given) add that one behind it."""

    at: int
    point: MeetingPoint
    stop: Stop | None


def least_cost(request: TripRequest, run: Run, times: TravelTimes) -> int | None:
    """Seconds of added driving and walking of the cheapest sound place; None when there is none."""
    if run.policy.closes is not None and request.asked_at > run.policy.closes:
        return None
    everywhere = sorted(_places(request, run, times), key=lambda one: one[0])
    return next((cost for cost, new in everywhere if not broken(new, times, before=run)), None)


def _places(request: TripRequest, run: Run, times: TravelTimes) -> Iterator[tuple[int, Run]]:
    now = _drive(run.stops, times)
    for on in _ends(request, run, request.pickups, "+"):
        for off in _ends(request, run, request.dropoffs, "-"):
            if on.point.place != off.point.place and _in_order(on, off):
                new = _carrying(request, run, (on, off), times)
                drive = _drive(new.stops, times)
                if drive < NO_WAY:
                    yield drive - now + on.point.walk + off.point.walk, new


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
        max_ride=run.policy.longest_ride(times.between(on.point.place, off.point.place)),
        board=request.depart & Window(request.asked_at + run.policy.notice),
        alight=request.arrive,
        dwell=run.policy.dwell_for(request.party),
        groups=request.groups,
    )
    return replace(run, stops=tuple(stops), rides=(*run.rides, ride))


def _drive(stops: tuple[Stop, ...], times: TravelTimes) -> int:
    return sum(times.between(a.place, b.place) for a, b in pairwise(stops))
