"""What a re-plan answers, and how a run with new rides is settled: judged, and boarded as late as it can be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matching import schedule
from matching.model import Run, Stop, TripRequest
from matching.promises import broken
from matching.rides import board_late, ride_of, without
from routing.times import TravelTimes


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search has come: requests newly placed, its objective (seconds), solutions seen."""

    served: int
    objective: int
    solutions: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Every run given, changed or not, in the order given; revisions are untouched.

    served, unserved: ids of the requests newly placed, and of the others. before, after: residents' parties carried.
    drive_before, drive_after: seconds of driving over all runs.
    """

    runs: tuple[Run, ...]
    served: tuple[str, ...]
    unserved: tuple[str, ...]
    before: int
    after: int
    drive_before: int
    drive_after: int


def plan_of(before: Sequence[Run], after: Sequence[Run], requests: Sequence[TripRequest], times: TravelTimes) -> Plan:
    """Sum up what a re-plan changed."""
    riding = {ride.id for run in after for ride in run.residents}
    return Plan(
        tuple(after),
        served=tuple(request.id for request in requests if request.id in riding),
        unserved=tuple(request.id for request in requests if request.id not in riding),
        before=worth(before, times)[0],
        after=worth(after, times)[0],
        drive_before=-worth(before, times)[1],
        drive_after=-worth(after, times)[1],
    )


def with_stops(
    run: Run, stops: tuple[Stop, ...], served: Sequence[tuple[TripRequest, Stop, Stop]], times: TravelTimes
) -> Run:
    """Give a run other stops, and a ride to each request served there between two of them."""
    rides = tuple(
        ride_of(request, run, (on.id, off.id), direct=times.between(on.place, off.place)) for request, on, off in served
    )
    return replace(run, stops=stops, rides=run.rides + rides)


def settled(old: Run, new: Run, times: TravelTimes) -> Run:
    """Take new rides out of a run until the judge agrees; keep the old run where nothing is won."""
    held = {ride.id for ride in old.rides}
    while faults := {fault.where for fault in broken(new, times, old)}:
        fresh = [ride for ride in new.rides if ride.id not in held]
        if not fresh:
            return old
        named = [ride for ride in fresh if faults & {ride.id, ride.pickup, ride.dropoff}]
        new = without(new, (named or fresh)[-1].id)
    if len(new.rides) > len(old.rides):
        late = _boarded_late(new, held, times)
        return new if broken(late, times, old) else late
    return new if _drive_of(new, times) < _drive_of(old, times) else old


def worth(runs: Sequence[Run], times: TravelTimes) -> tuple[int, int]:
    """Rank plans of the same runs: residents' parties carried first, then seconds of driving saved."""
    return sum(len(run.residents) for run in runs), -sum(_drive_of(run, times) for run in runs)


def _drive_of(run: Run, times: TravelTimes) -> int:
    return sum(schedule.legs_of(run, times))


def _boarded_late(run: Run, held: set[str], times: TravelTimes) -> Run:
    """Pick new parties up so late at their own stops that the vehicle need not wait with them at the next one."""
    for k in reversed(range(len(run.stops) - 1)):
        name = run.stops[k].id
        ride = next((ride for ride in run.rides if ride.pickup == name and ride.id not in held), None)
        if ride is not None and not run.stops[k].scheduled:
            run = board_late(run, ride, times)
    return run
