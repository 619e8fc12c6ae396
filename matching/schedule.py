"""One pass over a run: when its vehicle arrives, begins, departs, and what it carries.

Where the vehicle has been, service began when it did. From there on it goes as early as its windows allow, and waits
*before* a pickup rather than with somebody aboard whose longest ride would run out: the componentwise earliest solution
of the run's difference constraints (Cordeau & Laporte 2003 reach the same with their eight steps).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np

from matching.model import EMPTY_ROAD, Load, Ride, Run, Stop, Window
from routing.times import NO_WAY, Place, Seconds, TravelTimes


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
    committed = tuple(ride for ride in run.rides if ride.own)
    stops = tuple(replace(stop, held=0) if stop.held else stop for stop in run.stops if stop.scheduled)
    return replace(run, stops=stops, rides=committed, done=0, reached=(), frozen=0)


def everyone(run: Run) -> Run:
    """Reduce a run to what its schedule promised: no residents, and everybody who is absent aboard as usual."""
    alone = baseline(run)
    stops = sorted((*alone.stops, *run.skipped), key=lambda stop: stop.sequence or 0)
    absent = (ride for ride in run.absent if ride.own)
    return replace(alone, stops=tuple(stops), rides=(*alone.rides, *absent), absent=(), skipped=())


def scheduled_part(run: Run) -> tuple[int, int]:
    """Positions of the first and the last stop of a committed rider, absent ones counted; else the run's own ends."""
    committed = [ride for ride in (*run.rides, *run.absent) if ride.own]
    used = {stop for ride in committed for stop in (ride.pickup, ride.dropoff)}
    at = [k for k, stop in enumerate(run.stops) if stop.id in used]
    return (at[0], at[-1]) if at else (0, len(run.stops) - 1)


def frozen_until(run: Run, times: TravelTimes, second: int) -> Run:
    """Freeze the leading stops at which service begins before a second of the service day, and those reached."""
    near = sum(1 for _ in takewhile(lambda visit: visit.begin < second, timetable(run, times)))
    return replace(run, frozen=max(run.done, near))


def expected(run: Run, times: TravelTimes, second: int) -> tuple[Visit, ...]:
    """Time a run as of a second of the service day: a stop that is not reached by then is reached then at the earliest.

    Where nothing is behind its plan, that is its timetable.
    """
    visits, ahead = timetable(run, times), max(run.done, len(run.reached))
    if ahead >= len(visits) or visits[ahead].begin >= second:
        return visits
    late = replace(visits[ahead].stop, window=Window(second, max(second, visits[ahead].stop.window.latest)))
    return timetable(replace(run, stops=(*run.stops[:ahead], late, *run.stops[ahead + 1 :])), times)


def latest_begin(run: Run, times: TravelTimes) -> dict[str, int]:
    """Give the latest second at which service may begin at each scheduled stop: its window, and the allowed delay.

    The delay counts from what the schedule promised: nobody's own promise gets tighter because somebody else is absent.
    """
    used = {stop for ride in run.rides if ride.own for stop in (ride.pickup, ride.dropoff)}
    return {
        visit.stop.id: min(visit.stop.window.latest, visit.begin + run.policy.max_extra)
        if visit.stop.id in used
        else visit.stop.window.latest
        for visit in timetable(everyone(run), times)
    }


def window_at(run: Run, stop: Stop) -> Window:
    """Intersect a stop's own window with what was promised to those who board and alight there."""
    return _window(stop, *_callers(run, stop))


def dwell_at(run: Run, stop: Stop) -> int:
    """Seconds spent at a stop: the schedule's own, those it is held, and what each party adds."""
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
    return stop.dwell + stop.held + sum(ride.dwell for ride in boarding) + sum(ride.dwell for ride in alighting)


def legs_of(run: Run, times: TravelTimes) -> list[int]:
    """Drive of each leg, whole seconds at the run's pace: one less than the stops."""
    return [drive(run, a.place, b.place, times) for a, b in zip(run.stops, run.stops[1:], strict=False)]


def drive(run: Run, origin: Place, destination: Place, times: TravelTimes) -> int:
    """Seconds that a run's vehicle takes from one place to another, at its pace; `NO_WAY` where no road leads."""
    return paced(times.between(origin, destination), run.pace)


def paced(seconds: int, pace: int) -> int:
    """Seconds that a drive takes at a pace which takes `seconds` on the empty road.

    Rounded up, and never beyond `NO_WAY`: what kept the triangle inequality keeps it.
    """
    return NO_WAY if seconds >= NO_WAY else min(-(-seconds * pace // EMPTY_ROAD), NO_WAY)


def paced_table(seconds: Seconds, pace: int) -> Seconds:
    """Scale a whole table of drives as `paced` does; at the pace of the empty road it is the very same table."""
    if pace == EMPTY_ROAD:
        return seconds
    wide = seconds.astype(np.int64)
    wide *= pace
    wide += EMPTY_ROAD - 1
    wide //= EMPTY_ROAD
    np.minimum(wide, NO_WAY, out=wide)
    wide[seconds >= NO_WAY] = NO_WAY
    return wide.astype(np.int32)


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
