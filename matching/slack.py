"""How much room a run has left, position by position: what every search of it needs, worked out once."""

from collections.abc import Sequence
from dataclasses import dataclass

from matching import schedule
from matching.model import Rule, Run, Stop
from routing.times import TravelTimes


@dataclass(frozen=True, slots=True)
class Timed:
    """A run with what a search needs: by position its visit, earliest departure, latest begin, drive to the next.

    binds: the rule that sets each latest begin, here or farther on. limits: latest begin at each scheduled stop; part:
    first and last position of the scheduled part. busy: seconds of driving and dwell from the first stop to each.
    spare_detour: seconds of driving that may still be added to the scheduled part.
    """

    run: Run
    visits: tuple[schedule.Visit, ...]
    ready: tuple[int, ...]
    latest: tuple[int, ...]
    binds: tuple[Rule, ...]
    limits: dict[str, int]
    legs: tuple[int, ...]
    part: tuple[int, int]
    busy: tuple[int, ...]
    spare_detour: int


def measure(run: Run, times: TravelTimes) -> Timed:
    """Prepare a run for any number of requests."""
    visits = schedule.timetable(run, times)
    limits = schedule.latest_begin(run, times)
    legs = tuple(schedule.legs_of(run, times))
    bounds = [_bound(run, visit.stop, limits) for visit in visits]
    busy = [0]
    for k in range(len(legs)):
        busy.append(busy[-1] + visits[k].departure - visits[k].begin + legs[k])
    for k in range(len(bounds) - 2, -1, -1):
        after, rule = bounds[k + 1]
        bounds[k] = min(bounds[k], (after - (busy[k + 1] - busy[k]), rule))
    latest, binds = zip(*bounds, strict=True)
    part = _scheduled_part(run)
    spare = run.policy.max_detour - sum(extra_drives(run, part, legs, times))
    ready = tuple(_ready(run, k, visit) for k, visit in enumerate(visits))
    return Timed(run, visits, ready, latest, binds, limits, legs, part, tuple(busy), spare)


def _scheduled_part(run: Run) -> tuple[int, int]:
    used = {stop for ride in run.rides if ride.committed for stop in (ride.pickup, ride.dropoff)}
    at = [k for k, stop in enumerate(run.stops) if stop.id in used]
    return (at[0], at[-1]) if at else (0, len(run.stops) - 1)


def extra_drives(run: Run, part: tuple[int, int], legs: Sequence[int], times: TravelTimes) -> list[int]:
    """Driving (s) that added stops cost between each two neighbouring scheduled stops of the scheduled part."""
    extra, since = [], part[0]
    for k in range(part[0] + 1, part[1] + 1):
        if run.stops[k].scheduled:
            direct = legs[since] if k == since + 1 else times.between(run.stops[since].place, run.stops[k].place)
            extra.append(sum(legs[since:k]) - direct)
            since = k
    return extra


def _ready(run: Run, k: int, visit: schedule.Visit) -> int:
    """Earliest departure: a vehicle that stands in its depot may leave long before its first rider needs it."""
    return visit.stop.window.earliest if k == 0 and visit.stop.depot and not run.done else visit.departure


def _bound(run: Run, stop: Stop, limits: dict[str, int]) -> tuple[int, Rule]:
    """Latest begin at a stop by itself, and the rule that says so."""
    return min(
        (stop.window.latest, Rule.BELL if stop.scheduled else Rule.WINDOW),
        (limits.get(stop.id, stop.window.latest), Rule.EXTRA),
        (schedule.window_at(run, stop).latest, Rule.WINDOW),
    )
