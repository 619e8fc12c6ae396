"""One pass over a run: when its vehicle arrives, begins, departs, and what it carries.

Where the vehicle has been, service began when it did. From there on it goes as early as its windows allow, and waits
*before* a pickup rather than with somebody aboard whose longest ride would run out: the componentwise earliest solution
of the run's difference constraints (Cordeau & Laporte 2003 reach the same with their eight steps).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import takewhile

from matching.model import Load, Ride, Run, Stop, Window
from routing.times import TravelTimes


@dataclass(frozen=True, slots=True)
class Visit:
    """One stop of a timed run, whole seconds of the service day.

    load, aboard: what of the vehicle is taken when it leaves, and the parties that are in it then; seats that must stay
    empty beside them are in the load alone.
    """

    stop: Stop
    arrival: int
    begin: int
    departure: int
    load: Load
    aboard: Load
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
    load, aboard, visits = Load(), Load(), []
    for k, stop in enumerate(run.stops):
        boarding, alighting = tuple(on[stop.id]), tuple(off[stop.id])
        for ride in alighting:
            load, aboard = load - ride.takes, aboard - ride.party
        for ride in boarding:
            load, aboard = load + ride.takes, aboard + ride.party
        arrival = begin[k - 1] + dwell[k - 1] + legs[k - 1] if k and k >= len(run.reached) else begin[k]
        visits.append(Visit(stop, arrival, begin[k], begin[k] + dwell[k], load, aboard, boarding, alighting))
    return tuple(visits)


def baseline(run: Run) -> Run:
    """Reduce a run to what it would be without residents: the drivable plan that harm is measured against.

    Published minutes are rounded and often undrivable, so a committed rider's delay is counted from this plan's times.
    """
    committed = tuple(ride for ride in run.rides if ride.committed)
    stops = tuple(stop for stop in run.stops if stop.scheduled)
    return replace(run, stops=stops, rides=committed, done=0, reached=(), frozen=0)


def frozen_until(run: Run, times: TravelTimes, second: int) -> Run:
    """Freeze the leading stops at which service begins before a second of the service day, and those reached."""
    near = sum(1 for _ in takewhile(lambda visit: visit.begin < second, timetable(run, times)))
    return replace(run, frozen=max(run.done, near))


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
    """Free load of each leg: how many more seats, or wheelchair places, or things to stow, beside what is aboard."""
    return [_free(run.capacity.layouts, visit.load) for visit in visits[:-1]]


def _free(layouts: Iterable[Load], load: Load) -> Load:
    fitting = [layout - load for layout in layouts if load.within(layout)]
    return Load(
        max((one.seats for one in fitting), default=0),
        max((one.wheelchairs for one in fitting), default=0),
        max((one.stowage for one in fitting), default=0),
    )


def _earliest_begin(run: Run, legs: list[int], dwell: list[int], earliest: list[int]) -> list[int]:
    position, known = run.positions(), len(run.reached)
    caps = [(position[r.pickup], position[r.dropoff], r.max_ride) for r in run.rides if _rides_on(position, r)]
    begin = [*run.reached, *earliest[known:]]
    _drive(begin, legs, dwell, known)
    plain = list(begin)
    for _ in range(len(caps) + 1):
        held = False
        for pickup, dropoff, most in caps:
            late_start = begin[dropoff] - most - dwell[pickup]
            if pickup >= known and begin[pickup] < late_start:
                begin[pickup], held = late_start, True
        if not held:
            return _leave_depot_late(run, begin, legs, dwell)
        _drive(begin, legs, dwell, known)
    return plain


def _rides_on(position: dict[str, int], ride: Ride) -> bool:
    return position.get(ride.pickup, -1) < position.get(ride.dropoff, -2)


def _drive(begin: list[int], legs: list[int], dwell: list[int], known: int) -> None:
    """Push every stop behind the `known` ones on to when the vehicle can be there."""
    for k in range(max(known, 1), len(begin)):
        begin[k] = max(begin[k], begin[k - 1] + dwell[k - 1] + legs[k - 1])


def _leave_depot_late(run: Run, begin: list[int], legs: list[int], dwell: list[int]) -> list[int]:
    """Let the vehicle stand in its depot, not at its first stop: nobody is aboard yet, so no time of others moves."""
    if len(begin) > 1 and run.stops[0].depot and not (run.done or run.reached):
        begin[0] = max(begin[0], min(begin[1] - dwell[0] - legs[0], run.stops[0].window.latest))
    return begin
