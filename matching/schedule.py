"""One pass over a run: when its vehicle arrives, begins, departs, and what it carries.

The vehicle goes as early as its windows allow, and waits *before* a pickup rather than with somebody aboard whose
longest ride would run out: the componentwise earliest solution of the run's difference constraints (Cordeau & Laporte
2003 reach the same with their eight steps).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from matching.model import Load, Ride, Run, Stop, Window
from routing.times import TravelTimes


@dataclass(frozen=True, slots=True)
class Visit:
    """One stop of a timed run, whole seconds of the service day; `load` is what the vehicle carries when it leaves."""

    stop: Stop
    arrival: int
    begin: int
    departure: int
    load: Load
    boarding: tuple[Ride, ...]
    alighting: tuple[Ride, ...]


def timetable(run: Run, times: TravelTimes) -> tuple[Visit, ...]:
    """Time every stop of a run, in order. A run that cannot keep its promises is timed too, late where it is."""
    on: dict[str, list[Ride]] = defaultdict(list)
    off: dict[str, list[Ride]] = defaultdict(list)
    for ride in run.rides:
        on[ride.pickup].append(ride)
        off[ride.dropoff].append(ride)
    legs = legs_of(run, times)
    dwell = [_dwell(stop, on[stop.id], off[stop.id]) for stop in run.stops]
    earliest = [_window(stop, on[stop.id], off[stop.id]).earliest for stop in run.stops]
    begin = _earliest_begin(run, legs, dwell, earliest)
    load, visits = Load(), []
    for k, stop in enumerate(run.stops):
        boarding, alighting = tuple(on[stop.id]), tuple(off[stop.id])
        for ride in alighting:
            load = load - ride.party
        for ride in boarding:
            load = load + ride.party
        arrival = begin[k - 1] + dwell[k - 1] + legs[k - 1] if k else begin[0]
        visits.append(Visit(stop, arrival, begin[k], begin[k] + dwell[k], load, boarding, alighting))
    return tuple(visits)


def baseline(run: Run) -> Run:
    """Reduce a run to what it would be without residents: the drivable plan that harm is measured against.

    Published minutes are rounded and often undrivable, so a committed rider's delay is counted from this plan's times.
    """
    committed = tuple(ride for ride in run.rides if ride.committed)
    return replace(run, stops=tuple(stop for stop in run.stops if stop.scheduled), rides=committed, done=0)


def latest_begin(run: Run, times: TravelTimes) -> dict[str, int]:
    """Give the latest second at which service may begin at each scheduled stop: its window, and the allowed delay."""
    used = {stop for ride in run.rides if ride.committed for stop in (ride.pickup, ride.dropoff)}
    return {
        visit.stop.id: min(visit.stop.window.latest, visit.begin + run.policy.max_extra)
        if visit.stop.id in used
        else visit.stop.window.latest
        for visit in timetable(baseline(run), times)
    }


def window_at(run: Run, stop: Stop) -> Window:
    """Intersect a stop's own window with what was promised to those who board and alight there."""
    return _window(stop, *_callers(run, stop))


def dwell_at(run: Run, stop: Stop) -> int:
    """Seconds spent at a stop: the schedule's own and what each resident's party adds."""
    return _dwell(stop, *_callers(run, stop))


def _callers(run: Run, stop: Stop) -> tuple[list[Ride], list[Ride]]:
    boarding = [ride for ride in run.rides if ride.pickup == stop.id]
    return boarding, [ride for ride in run.rides if ride.dropoff == stop.id]


def _window(stop: Stop, boarding: Iterable[Ride], alighting: Iterable[Ride]) -> Window:
    window = stop.window
    for ride in boarding:
        window = window & ride.board
    for ride in alighting:
        window = window & ride.alight
    return window


def _dwell(stop: Stop, boarding: Iterable[Ride], alighting: Iterable[Ride]) -> int:
    return stop.dwell + sum(ride.dwell for ride in boarding) + sum(ride.dwell for ride in alighting)


def legs_of(run: Run, times: TravelTimes) -> list[int]:
    """Drive of each leg, whole seconds: one less than the stops."""
    return [times.between(a.place, b.place) for a, b in zip(run.stops, run.stops[1:], strict=False)]


def free_seats(run: Run, visits: tuple[Visit, ...]) -> list[Load]:
    """Free load of each leg: seats beside the wheelchairs aboard, and wheelchair places beside the people seated."""
    free = []
    for visit in visits[:-1]:
        seats = run.capacity.seats_beside(visit.load.wheelchairs) - visit.load.seats
        places = [one.wheelchairs for one in run.capacity.layouts if one.seats >= visit.load.seats]
        free.append(Load(max(0, seats), max(0, max(places, default=0) - visit.load.wheelchairs)))
    return free


def _earliest_begin(run: Run, legs: list[int], dwell: list[int], earliest: list[int]) -> list[int]:
    position = run.positions()
    caps = [(position[r.pickup], position[r.dropoff], r.max_ride) for r in run.rides if _rides_on(position, r)]
    begin = list(earliest)
    _drive(begin, legs, dwell)
    plain = list(begin)
    for _ in range(len(caps) + 1):
        held = False
        for pickup, dropoff, most in caps:
            late_start = begin[dropoff] - most - dwell[pickup]
            if begin[pickup] < late_start:
                begin[pickup], held = late_start, True
        if not held:
            return _leave_depot_late(run, begin, legs, dwell)
        _drive(begin, legs, dwell)
    return plain


def _rides_on(position: dict[str, int], ride: Ride) -> bool:
    return position.get(ride.pickup, -1) < position.get(ride.dropoff, -2)


def _drive(begin: list[int], legs: list[int], dwell: list[int]) -> None:
    for k, leg in enumerate(legs):
        begin[k + 1] = max(begin[k + 1], begin[k] + dwell[k] + leg)


def _leave_depot_late(run: Run, begin: list[int], legs: list[int], dwell: list[int]) -> list[int]:
    """Let the vehicle stand in its depot, not at its first stop: nobody is aboard yet, so no time of others moves."""
    if len(begin) > 1 and run.stops[0].depot and not run.done:
        begin[0] = max(begin[0], min(begin[1] - dwell[0] - legs[0], run.stops[0].window.latest))
    return begin
