"""What drivers' taps teach of the town's roads: seconds from one stop to the next, and nothing of who rode."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from matching.model import Run
from routing.pace import ENOUGH, Band, DayKind, Factors, Observation, learn, sift
from routing.times import NO_WAY
from webapp import service_day
from webapp.db import tables
from webapp.db.store import Revision
from webapp.town import Town

TOGETHER = timedelta(seconds=5)
"""Between two taps that were made at once: nobody gets on or off in that time."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a table would become: how many drives each hour has, and why other pairs of stops taught nothing.

    left_out: missing (no departure and arrival at two stops that follow one another in the plan), order (an arrival
    before the departure), together (arrival and departure tapped at once where somebody got on or off), road (none
    leads there), short, fast and slow (see `routing.pace.sift`).
    """

    before: Factors
    after: Factors
    counts: Mapping[Band, int]
    left_out: Mapping[str, int]
    by_hand: bool = False

    @property
    def drives(self) -> int:
        return sum(self.counts.values())

    @property
    def enough(self) -> bool:
        """Was the table written by hand, or has any kind of day as many drives as it takes to learn of it?"""
        return self.by_hand or any(
            sum(count for (of, _), count in self.counts.items() if of == kind) >= ENOUGH for kind in DayKind
        )


def read_lesson(town: Town, since: date | None = None) -> Lesson:
    """Find what the taps of all service dates, or of those from one on, teach; nothing is kept."""
    with town.store.read() as records:
        before, ids = records.pace_factors(), records.run_ids_with_events(since)
    left_out: Counter[str] = Counter()
    observed: list[Observation] = []
    for run_id in ids:
        with town.store.read() as records:  # one run at a time: a long look would hold up those who write
            history, events = records.history(run_id), records.list_events(run_id)
        for drive in _drives(town, history, events):
            if isinstance(drive, str):
                left_out[drive] += 1
            else:
                observed.append(drive)
    sifted = sift(observed)
    return Lesson(before, learn(sifted.drives, before), sifted.counts, left_out + Counter(sifted.left_out))


def read_table(town: Town, path: Path) -> Lesson:
    """Read a table that was written by hand; nothing is kept. Raises RoadError for a table of no sense."""
    after = Factors.read(path)
    with town.store.read() as records:
        return Lesson(records.pace_factors(), after, {}, {}, by_hand=True)


def keep_factors(town: Town, factors: Factors) -> None:
    """Keep how much slower than the empty road the town drives; what is published from now on is timed by that."""
    town.store.commit(lambda door: door.put_factors(factors))


def _drives(town: Town, history: Sequence[Revision], events: Sequence[tables.Event]) -> Iterator[Observation | str]:
    """Give each drive of a run between two stops in a row of the plan then in force, or why the taps do not tell it."""
    departed, arrived = _first(events, "departed"), _first(events, "arrived")
    left = {leg for stop, at in departed.items() for leg in _legs(history, at) if leg[0] == stop}
    came = {leg for stop, at in arrived.items() for leg in _legs(history, at) if leg[1] == stop}
    hasty = {stop for stop, at in arrived.items() if _is_hasty(_plan(history, at), stop, at, departed.get(stop))}
    for origin, destination in sorted(left | came):
        if (origin, destination) not in left & came:
            yield "missing"
        elif origin in hasty or destination in hasty:
            yield "together"
        else:
            plan = _plan(history, departed[origin])
            yield _observe(town, plan, (origin, departed[origin]), (destination, arrived[destination]))


def _first(events: Sequence[tables.Event], kind: str) -> dict[str, datetime]:
    """Map each stop to when a kind of event was first told of it; events in the order in which they happened."""
    return {event.stop_id: event.happened_at for event in reversed(events) if event.kind == kind}


def _plan(history: Sequence[Revision], moment: datetime) -> Run:
    """Give the plan that was in force at a moment: the first one before there was any."""
    return next((one.run for one in reversed(history) if one.at <= moment), history[0].run)


def _legs(history: Sequence[Revision], moment: datetime) -> Iterator[tuple[str, str]]:
    return pairwise(stop.id for stop in _plan(history, moment).stops)


def _is_hasty(plan: Run, stop: str, came: datetime, left: datetime | None) -> bool:
    """Were arrival and departure tapped at once where somebody got on or off, so that one of them is not true?"""
    busy = any(stop in (ride.pickup, ride.dropoff) for ride in plan.rides)
    return busy and left is not None and abs(left - came) < TOGETHER


def _observe(town: Town, plan: Run, leaving: tuple[str, datetime], coming: tuple[str, datetime]) -> Observation | str:
    (origin, left), (destination, came) = leaving, coming
    if came < left:
        return "order"
    places = {stop.id: stop.place for stop in plan.stops}
    empty = town.roads.between(places[origin], places[destination])
    if empty >= NO_WAY:
        return "road"
    day = date.fromisoformat(plan.service_date)
    departure = service_day.seconds_of(left, day, town.settings.timezone)
    return Observation(DayKind.of(day), departure, (came - left) // timedelta(seconds=1), empty)
