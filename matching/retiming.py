"""What other roads make of a run: which of its times move, and which promises it can no longer keep."""

from dataclasses import dataclass
from itertools import chain

from matching.model import Broken, Run
from matching.promises import broken
from matching.schedule import Visit, timetable
from routing.times import NO_WAY, Place, TravelTimes

NOTICED = 60
"""Seconds by which a time may move before a dispatcher is told: what is printed is whole minutes."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A time at a stop on the old and on the new roads, seconds of the service day; None where no road leads."""

    stop: str
    before: int | None
    after: int | None

    @property
    def by(self) -> int:
        """Seconds later, or earlier where negative; more than any day has where a road came or went."""
        if self.before is None or self.after is None:
            return 0 if self.before == self.after else NO_WAY
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Retimed:
    """A run that other roads change.

    end: arrival at the last stop, a depot left out. most: what moves most at any stop. broken: promises kept before and
    not any more. unreachable: ids of stops that no vehicle can serve any more.
    """

    end: Moved
    most: Moved
    broken: tuple[Broken, ...]
    unreachable: tuple[str, ...]


def retimed(run: Run, old: TravelTimes, new: TravelTimes) -> Retimed | None:
    """Compare a run on old and new roads; None where no time moves by more than a minute and no more promises break."""
    was, becomes = timetable(run, old), timetable(run, new)
    if not was:
        return None
    arrivals = [_moved(a, a.arrival, b.arrival) for a, b in zip(was, becomes, strict=True)]
    begins = [_moved(a, a.begin, b.begin) for a, b in zip(was, becomes, strict=True)]
    most = max(chain(arrivals, begins), key=lambda moved: abs(moved.by))
    whole = arrivals[-1].by - begins[0].by
    known = {(fault.rule, fault.where) for fault in broken(run, old)}
    faults = tuple(fault for fault in broken(run, new) if (fault.rule, fault.where) not in known)
    lost = tuple(stop.id for stop in run.stops if _is_lost(stop.place, new) and not _is_lost(stop.place, old))
    if max(abs(most.by), abs(whole)) <= NOTICED and not faults and not lost:
        return None
    served = [moved for moved, visit in zip(arrivals, was, strict=True) if not visit.stop.depot]
    return Retimed((served or arrivals)[-1], most, faults, lost)


def _moved(visit: Visit, before: int, after: int) -> Moved:
    return Moved(visit.stop.id, before if before < NO_WAY else None, after if after < NO_WAY else None)


def _is_lost(place: Place, times: TravelTimes) -> bool:
    return times.between(place, place) >= NO_WAY
