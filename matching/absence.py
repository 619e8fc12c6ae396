"""Who does not come leaves a run, and comes back as before: the seat, and the way to a door where nobody waits."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import product

from matching.model import Ride, Run, Stop
from matching.promises import broken
from matching.schedule import legs_of
from routing.times import TravelTimes


def take_off(run: Run, names: Collection[str], times: TravelTimes) -> Run | None:
    """Take committed rides (ids) off a run for this date, and skip the stops that nobody else may use.

    Where skipping them would break a promise to somebody, the vehicle goes there all the same. None where somebody who
    stays needs them aboard, or who boarded already.
    """
    gone = tuple(ride for ride in run.rides if ride.id in names and ride.committed)
    kept = tuple(ride for ride in run.rides if ride not in gone)
    away = replace(run, rides=kept, absent=(*run.absent, *gone))
    return next((one for one in (_without_detours(away), away) if not broken(one, times, run)), None)


def bring_back(run: Run, names: Collection[str], times: TravelTimes) -> Run | None:
    """Put absent rides (ids) on a run again, between their own stops; None where their seats or minutes are promised.

    A skipped stop that they need comes back where the drive is shortest among the stops that residents added since.
    """
    back = tuple(ride for ride in run.absent if ride.id in names)
    needed = _ends(back)
    stops = sorted((stop for stop in run.skipped if stop.id in needed), key=_sequence)
    whole = replace(
        run,
        rides=(*run.rides, *back),
        absent=tuple(ride for ride in run.absent if ride not in back),
        skipped=tuple(stop for stop in run.skipped if stop not in stops),
    )
    sound = (one for one in _with_stops(whole, stops) if not broken(one, times, run))
    return min(sound, key=lambda one: sum(legs_of(one, times)), default=None)


def _without_detours(run: Run) -> Run:
    """Skip what only absent riders would use, as long as any committed rider is left for whom the run goes."""
    if not any(ride.committed for ride in run.rides):
        return run
    idle = _ends(run.absent) - _ends(run.rides)
    gone = tuple(
        stop
        for k, stop in enumerate(run.stops)
        if stop.id in idle and stop.scheduled and not stop.residents and not stop.depot and k >= run.fixed
    )
    return replace(run, stops=tuple(stop for stop in run.stops if stop not in gone), skipped=(*run.skipped, *gone))


def _with_stops(run: Run, stops: list[Stop]) -> Iterator[Run]:
    """Put scheduled stops into a run at every place that keeps the order of the schedule."""
    for spots in product(*(_spots(run, stop) for stop in stops)):
        driven = list(run.stops)
        for spot, stop in reversed([*zip(spots, stops, strict=True)]):
            driven.insert(spot, stop)
        yield replace(run, stops=tuple(driven))


def _spots(run: Run, stop: Stop) -> range:
    """Give the positions between the scheduled stops before and after one that is not driven now."""
    order = [(k, other.sequence) for k, other in enumerate(run.stops) if other.sequence is not None]
    first = max((k + 1 for k, at in order if at < _sequence(stop)), default=0)
    last = min((k for k, at in order if at > _sequence(stop)), default=len(run.stops))
    return range(first, last + 1)


def _sequence(stop: Stop) -> int:
    return stop.sequence or 0


def _ends(rides: Collection[Ride]) -> set[str]:
    return {stop for ride in rides for stop in (ride.pickup, ride.dropoff)}
