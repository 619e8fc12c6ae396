"""Random orders of a driver's taps: no run is closed while anybody is aboard, or not accounted for (promise 9).

What may be is reckoned by a small machine of our own: a ride is expected, boarded, no-show or alighted by the last tap
that was taken. A run that nobody closes raises its alarm within minutes, once.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from random import Random
from unittest.mock import patch

from benchmarks.trust.actions import Clock
from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.site import records_at, settings_of
from matching.model import Run
from matching.schedule import timetable
from webapp import demo, service_day
from webapp.db.store import Store
from webapp.services import driving, schedules, watching
from webapp.services.errors import ServiceError
from webapp.town import Town, open_town

LATEST = timedelta(minutes=5)
"""From a run's planned end until somebody has to be told that it is open."""
SOME = 12
"""Taps before a run is asked to be closed, at most, more than it has riders."""


def run(bench: Bench) -> Iterator[Finding]:
    """Try random orders on each database, then with the gate switched off."""
    orders = 40 if bench.short else 1_000
    for database in bench.databases:
        with records_at(bench, database) as url:
            tried = Orders(bench, url)
            silent = tried.play(orders)
            figure = {"orders": orders, "closed_silently": silent, **tried.figures()}
            yield Finding(9, "random orders of taps", silent == 0 and figure["closed"] > 0, figure, database)
            late = tried.alarms()
            figure = {"runs": tried.left, "late_or_twice": late}
            yield Finding(9, "a run left open is told of", late == 0, figure, database)
            tried.town.store.close()
    with records_at(bench, "sqlite") as url:
        tried = Orders(bench, url)
        with patch.object(driving, "_check_end", lambda *_: None):
            silent = tried.play(orders)
        tried.town.store.close()
        figure = {"closed_silently": silent}
        yield Finding(9, "control: without the gate runs close silently", silent > 0, figure, "sqlite")


class Orders:
    """The demo's runs on many days; each is one order of taps."""

    def __init__(self, bench: Bench, url: str) -> None:
        self.clock, self.draw = Clock(datetime(2026, 11, 22, 9, 0)), Random(9)
        self.town: Town = open_town(settings_of(bench, url), self.clock)
        demo.settle(self.town)
        self.count: Counter[str] = Counter()
        self.left = 0

    def figures(self) -> dict[str, int]:
        return {"taps": self.count["taps"], "closed": self.count["closed"], "refused": self.count["refused"]}

    def play(self, orders: int) -> int:
        """Tap runs in random orders; count those that were closed with somebody not accounted for."""
        silent = done = 0
        while done < orders:
            for run in self._runs(self._next_day()):
                silent += self._order(run)
                done += 1
                if done == orders:
                    break
        return silent

    def _next_day(self) -> date:
        """Move to the next weekday that has runs, publishing the days that come into reach."""
        day = demo.next_weekday(self.town.today(), self.town.holidays)
        self.clock.instant = service_day.instant_of(6 * 3600, day, self.town.settings.timezone)
        schedules.extend(self.town)
        return day

    def _runs(self, day: date) -> Sequence[Run]:
        with self.town.store.read() as records:
            return [run for run in records.list_runs(day) if run.rides]

    def _order(self, run: Run) -> int:
        """Tap anything, allowed or not, and ask now and then to close; 1 where that closed a run with somebody open."""
        state = dict.fromkeys((ride.id for ride in run.rides), "expected")
        for number in range(len(run.rides) + self.draw.randrange(2 * SOME)):
            kind = self.draw.choice(("boarded", "boarded", "alighted", "alighted", "no_show", "closed"))
            if kind == "closed":
                if self._tap(run, number, "closed"):
                    self.count["closed"] += 1
                    return int(any(one in ("expected", "boarded") for one in state.values()))
                continue
            ride = self.draw.choice(run.rides)
            stop = ride.dropoff if kind == "alighted" else ride.pickup
            if self._tap(run, number, kind, stop, ride.id):
                state[ride.id] = kind
        if self.draw.random() < 0.5:
            return self._end_well(run, state)
        self.count["left open"] += 1
        return 0

    def _end_well(self, run: Run, state: Mapping[str, str]) -> int:
        """Account for everybody as the gate demands, and close."""
        for number, ride in enumerate(run.rides):
            if state[ride.id] == "expected":
                self._tap(run, 500 + number, "no_show", ride.pickup, ride.id)
            if state[ride.id] == "boarded":
                self._tap(run, 500 + number, "alighted", ride.dropoff, ride.id)
        self.count["closed"] += self._tap(run, 900, "closed")
        return 0

    def _tap(self, run: Run, number: int, kind: str, stop: str = "", ride: str = "") -> bool:
        self.count["taps"] += 1
        said = driving.Tap(
            id=f"{run.id}-{number:04}",
            run=run.id,
            stop=stop,
            kind=kind,
            happened_at=self.clock(),
            ride=ride,
            looked=True,
        )
        try:
            return driving.record(self.town, said, operator=run.operator, actor="")
        except ServiceError:
            self.count["refused"] += 1
            return False

    def alarms(self) -> int:
        """Leave the runs of one more day open; count those of which nobody is told in time, or twice."""
        day = self._next_day()
        runs = self._runs(day)
        self.left, zone = len(runs), self.town.settings.timezone
        for run in runs:
            watching.seen(self.town, run.id, run.revision)
        late = 0
        for run in sorted(runs, key=lambda one: timetable(one, self.town.roads)[-1].departure):
            end = timetable(run, self.town.roads)[-1].departure
            self.clock.instant = max(self.clock.instant, service_day.instant_of(end, day, zone) + LATEST)
            watching.raise_alarms(self.town)
            late += not self._was_told(self.town.store, run.id)
        return late + watching.raise_alarms(self.town)

    @staticmethod
    def _was_told(store: Store, run: str) -> bool:
        with store.read() as records:
            watch = records.find_watch(run)
            return watch is not None and watch.alarmed_at is not None
