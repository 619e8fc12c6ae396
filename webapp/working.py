"""The work beside the site: mail, news, the waiting list, alarms and the days to come, by one worker at a time."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date

from webapp.leasing import LASTS, Leases
from webapp.live import LiveTown
from webapp.services import family, messages, planning, retention, schedules, series, waiting, watching
from webapp.town import Town
from webapp.waking import Bell, woken

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work: every how many seconds it is looked at, and what does it, and counts what it did."""

    every: float
    do: Callable[[Town], int]


def _extend_days(town: Town) -> int:
    """Publish the runs of days that came into reach, then ask for the weekly trips on them."""
    return schedules.extend(town) + series.extend(town)


WORK = {
    "messages": Work(5.0, messages.deliver),
    "news": Work(10.0, family.tell),
    "waiting": Work(30.0, waiting.lapse),
    "alarms": Work(60.0, watching.raise_alarms),
    "days": Work(3600.0, _extend_days),
    "retention": Work(86_400.0, retention.tidy),
}
PLANNING = "planning"
"""The work of searching for seats, whose lease is for one service date."""


class Worker:
    """Does the work of a town in this process, each kind for as long as no other worker does it."""

    def __init__(self, live: LiveTown, *, lasts: float = LASTS) -> None:
        self._live, self._leases = live, Leases(live.now().store, lasts=lasts)
        self._searched: dict[date, object] = {}
        self.stopped = threading.Event()

    def do(self, kind: str) -> int | None:
        """Do what there is of a kind of work, and count it; None where another worker is at it, or it failed.

        What failed is said in the log and in its lease, and tried again next time.
        """
        if self.stopped.is_set():
            return None
        try:
            done = self._do(kind, area_of(self._live.now()), WORK[kind].do)
            if kind == "waiting":
                self._search()
        except Exception:  # this thread has more to do
            LOG.exception("%s will be tried again", kind)
            return None
        return done

    def _do(self, kind: str, area: str, do: Callable[[Town], int]) -> int | None:
        with self._leases.held(kind, area) as held:
            if held is None:
                return None
            if held.taken_over and kind == "messages":
                held.store.commit(lambda door: door.free_messages())
            return do(replace(self._live.now(), store=held.store))

    def _search(self) -> None:
        """Search for seats on each day of which anything changed since this process last searched."""
        town = self._live.now()
        waiting.search(town, self._searched, lambda day: plan_day(self._leases, town, day, stopped=self.stopped))


def plan_day(
    leases: Leases,
    town: Town,
    day: date,
    *,
    seconds: int = waiting.SOLVE_SECONDS,
    stopped: threading.Event | None = None,
) -> planning.Replanned | None:
    """Re-plan a service date; None where another worker does, or this one is to end."""
    if stopped is not None and stopped.is_set():
        return None
    with leases.held(PLANNING, f"{area_of(town)} {day}") as held:
        return planning.replan(replace(town, store=held.store), day, seconds=seconds) if held else None


def area_of(town: Town) -> str:
    """Name what a town's leases are for: the areas that it drives in."""
    return ",".join(town.settings.area)


@contextmanager
def beside(live: LiveTown, *, lasts: float = LASTS) -> Iterator[Worker]:
    """Work in threads of this process until the block ends, and a little longer: nothing is left half done."""
    worker, bell = Worker(live, lasts=lasts), Bell(live.now().settings)
    live.now().store.on_work = bell.ring
    with woken(bell, {kind: work.every for kind, work in WORK.items()}, worker.do):
        try:
            yield worker
        finally:
            worker.stopped.set()


def work(live: LiveTown, *, lasts: float = LASTS) -> None:
    """Work until this process is told to end (SIGTERM or SIGINT), then end what has begun."""
    ending = threading.Event()
    for told in (signal.SIGTERM, signal.SIGINT):
        signal.signal(told, lambda *_: ending.set())
    with beside(live, lasts=lasts):
        live.watch(ending)
        ending.wait()
