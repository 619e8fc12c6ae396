"""Promises 3 and 13: the database is killed, gone, full, or locked; people are told to come again, and nothing is lost.

Only 503 with Retry-After, within three seconds; the next good answer within five seconds of the recovery; the site is
never started anew. Negative control: PostgreSQL with synchronous_commit=off loses bookings that it had confirmed.
"""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.trust import bookers
from benchmarks.trust.bookers import Booker, Told
from benchmarks.trust.cluster import Cluster, filled, small_disk, tools
from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.site import Served, serving, settings_of
from webapp.db.store import Busy
from webapp.services import booking
from webapp.town import Town, open_town

RIDERS, SEATS_ASKED = 4, 10
KILLS, SHORT_KILLS = 20, 2
GONE, SHORT_GONE = 30.0, 2.0
HELD, SHORT_HELD = 10.0, 4.0
READ, SHORT_READ = 600.0, 4.0
DISK, CLUSTER_DISK = 8, 160
WITHIN, AGAIN = 3.5, 5.0
"""Seconds until a refusal, with half a second for the way, and until the first good answer after a recovery."""
CONTROL = 12


def run(bench: Bench) -> Iterator[Finding]:
    folder = bench.folder / "small"
    folder.mkdir()
    with small_disk(folder, DISK) as is_small:
        town = open_town(settings_of(bench, f"sqlite:///{folder / 'records.db'}"))
        with _open(town) as (served, people, riders):
            trial = Trial(bench, town, served, people, riders, "sqlite")
            yield trial.locked()
            yield trial.read_for_long()
            yield trial.full(folder) if is_small else skipped("the disk is full", "no right to mount", "sqlite")
    programs = tools()
    if programs is None:
        yield skipped("PostgreSQL is killed", "no initdb", "postgresql")
        return
    cluster = Cluster(programs)
    try:
        with small_disk(cluster.folder, CLUSTER_DISK) as is_small:
            try:
                yield from _on(bench, cluster, is_small=is_small)
            finally:
                cluster.kill()
    finally:
        cluster.remove()


def _on(bench: Bench, cluster: Cluster, *, is_small: bool) -> Iterator[Finding]:
    cluster.make()
    cluster.start()
    town = open_town(settings_of(bench, cluster.url))
    with _open(town) as (served, people, riders):
        trial = Trial(bench, town, served, people, riders, "postgresql")
        yield trial.locked()
        yield trial.read_for_long()
        yield trial.killed(cluster)
        if is_small:
            yield trial.full(cluster.folder)
            cluster.kill()
            cluster.start()
        else:
            yield skipped("the disk is full", "no right to mount", "postgresql")
    yield weak(cluster, town, riders)
    town.store.close()


def skipped(trial: str, why: str, database: str) -> Finding:
    return Finding(13, trial, held=True, figure={"skipped": why}, database=database)


@contextmanager
def _open(town: Town) -> Iterator[tuple[Served, list[Booker], list[str]]]:
    """Serve a town in which some residents are signed in."""
    riders, people = bookers.settle(town, RIDERS), [Booker(number) for number in range(RIDERS)]
    with serving(town.settings, processes=2, threads=8) as served:
        for person in people:
            person.sign_in(served.port)
        yield served, people, riders


@dataclass
class Trial:
    """One served town, and what is done to its database."""

    bench: Bench
    town: Town
    served: Served
    people: list[Booker]
    riders: list[str]
    database: str
    chance: random.Random = field(default_factory=lambda: random.Random(13))

    def plans(self) -> list[list[bookers.Wish]]:
        slots = range(bookers.RUNS)
        return [bookers.wishes(self.town, rider, self.chance.sample(slots, SEATS_ASKED)) for rider in self.riders]

    def rush(self, told: Told) -> list[threading.Thread]:
        return bookers.rush(self.served.port, self.people, self.plans(), told, threading.Event())

    def found(self, trial: str, told: Told, again: float, *, promise: int = 13, **more: float) -> Finding:
        """Compare what was told with the records, send everything again, and give the seats back."""
        confirmed = len(told.booked)
        refused, wrong = len(told.statuses), sum(status not in (503, 409) for status in told.statuses)
        lost = bookers.lost(self.town.store, told)
        for wish, number in told.unknown:
            first, second = (self.people[number].book(self.served.port, wish)[1] for _ in range(2))
            wrong += first != second
            if first:
                told.booked[first] = (wish, number)
                told.tried.add(first)
        broken = bookers.partial(self.town)
        for made in told.booked:
            booking.cancel(self.town, made, actor=self.riders[0])
        figures = {
            "confirmed": confirmed, "after_asking_again": len(told.booked),
            "refused": refused, "slowest_refusal_s": round(told.slowest, 2),
            "other_than_503": wrong, "without_retry_after": told.unhelpful, "lost": lost, "partial": broken,
            "good_again_after_s": round(again, 2), **more,
        }  # fmt: skip
        held = not (wrong or lost or broken or told.unhelpful) and told.slowest <= WITHIN and again <= AGAIN
        return Finding(promise, trial, held, figures, self.database)

    def again(self) -> float:
        """Wait until a page that needs the records is good; tell the seconds."""
        began = time.monotonic()
        while self.people[0].ask(self.served.port, "GET", "/trips")[0] != 200 and time.monotonic() < began + 60:
            time.sleep(0.05)
        return time.monotonic() - began

    def locked(self) -> Finding:
        """Let somebody hold the locks of all runs for long."""
        seconds, told = (SHORT_HELD if self.bench.short else HELD), Told()
        plans, held = self.plans(), threading.Event()
        runs = [f"run-{number}" for number in range(bookers.RUNS)]

        def hold(_door: object) -> None:
            held.set()
            time.sleep(seconds)

        holder = threading.Thread(target=lambda: self.town.store.commit(hold, runs=runs))
        holder.start()
        held.wait()
        ends = time.monotonic() + seconds
        first = [plan[:1] for plan in plans]
        threads = bookers.rush(self.served.port, self.people, first, told, threading.Event())
        reads = self.people[0].ask(self.served.port, "GET", "/trips")[0]
        for thread in threads:
            thread.join()
        waited_out = time.monotonic() >= ends
        holder.join()
        finding = self.found("a lock is held", told, self.again(), held_s=seconds, readers_served=int(reads == 200))
        return replace(finding, held=finding.held and reads == 200 and bool(waited_out or told.statuses))

    def read_for_long(self) -> Finding:
        """Let somebody read one moment of the records for long, as a report does, while others book."""
        seconds, told = (SHORT_READ if self.bench.short else READ), Told()
        plans = self.plans()
        with self.town.store.read() as records:
            records.list_users()
            began = time.monotonic()
            threads = bookers.rush(self.served.port, self.people, plans, told, threading.Event())
            grown = 0
            while time.monotonic() < began + seconds and (self.bench.short or any(one.is_alive() for one in threads)):
                time.sleep(0.2)
                grown = max(grown, self._beside())
            meanwhile = len(told.booked)
        for thread in threads:
            thread.join()
        return self.found("a long reader", told, self.again(), booked_meanwhile=meanwhile, journal_kib=grown // 1024)

    def _beside(self) -> int:
        """Give the bytes of the journal beside an SQLite file."""
        file = self.town.settings.database_url.removeprefix("sqlite:///")
        beside = [Path(f"{file}{end}") for end in ("-wal", "-journal")] if self.database == "sqlite" else []
        return sum(path.stat().st_size for path in beside if path.exists())

    def full(self, folder: Path) -> Finding:
        """Fill the disk of the records while people book, and make room again."""
        told = Told()
        plans = self.plans()
        with filled(folder):
            threads = bookers.rush(self.served.port, self.people, plans, told, threading.Event())
            for thread in threads:
                thread.join()
            refused = len(told.statuses)
        again = self._books_again()
        finding = self.found("the disk is full", told, again)
        return replace(finding, held=finding.held and refused > 0)

    def _books_again(self) -> float:
        began = time.monotonic()
        while time.monotonic() < began + 60:
            try:
                (wish,) = bookers.wishes(self.town, self.riders[0], [self.chance.randrange(bookers.RUNS)])
                made = self.people[0].book(self.served.port, wish)[1]
                if made:
                    booking.cancel(self.town, made, actor=self.riders[0])
                    return time.monotonic() - began
            except (OSError, ValueError, Busy):
                time.sleep(0.1)
        return time.monotonic() - began

    def killed(self, cluster: Cluster) -> Finding:
        """Kill PostgreSQL again and again while everybody books; once it stays away for long."""
        kills = SHORT_KILLS if self.bench.short else KILLS
        gone = SHORT_GONE if self.bench.short else GONE
        sums: dict[str, float] = {}
        held = True
        for number in range(kills):
            told = Told()
            threads = self.rush(told)
            bookers.wait_for(told, self.chance.randrange(3, 12))
            cluster.kill()
            for thread in threads:
                thread.join()
            if number == 0:
                self._stays_refused(told, gone)
            cluster.start()
            one = self.found("PostgreSQL is killed while people book", told, self.again(), promise=3)
            held = held and one.held
            for name, value in one.figure.items():
                most = name in ("slowest_refusal_s", "good_again_after_s")
                sums[name] = max(sums.get(name, 0), float(value)) if most else sums.get(name, 0) + int(value)
            self.bench.say(f"  {number + 1} of {kills} kills of PostgreSQL")
        return Finding(3, "PostgreSQL is killed while people book", held, {"kills": kills, **sums}, self.database)

    def _stays_refused(self, told: Told, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.monotonic()
            status = self.people[0].ask(self.served.port, "GET", "/trips")[0]
            told.statuses.append(status)
            told.slowest = max(told.slowest, time.monotonic() - began)
            time.sleep(0.2)


def weak(cluster: Cluster, town: Town, riders: Sequence[str]) -> Finding:
    """Negative control: a server that confirms before it has written loses what it confirmed."""
    cluster.set("synchronous_commit", "off")
    cluster.set("wal_writer_delay", "10s")
    cluster.kill()
    cluster.start()
    told = Told()
    plans = bookers.wishes(town, riders[0], range(min(CONTROL, bookers.RUNS)))
    for wish in plans:
        made = booking.book(town, wish.token, key=wish.key, actor=riders[0])
        told.booked[made.id] = (wish, 0)
    cluster.kill()
    cluster.start()
    town.store.close()
    gone = bookers.lost(town.store, told)
    figures = {"booked": len(told.booked), "lost": gone}
    return Finding(3, "control: synchronous_commit=off loses bookings", gone > 0, figures, "postgresql")
