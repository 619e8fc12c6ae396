"""An auditor who shares no code with the site: plain SQL on the rows, a count of heads on each leg."""

import json
import multiprocessing
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from typing import Any

import psycopg
from sqlalchemy import make_url

EVERY = 0.1
"""Seconds from one look to the next."""
HELD_UP = 60.0
_HEADS = "SELECT id, layouts, revision FROM run WHERE service_date = '{day}'"
_STOPS = (
    "SELECT s.run_id, s.id FROM run_stop s JOIN run r ON r.id = s.run_id "
    "WHERE r.service_date = '{day}' AND NOT s.skipped ORDER BY s.run_id, s.position"
)
_RIDES = (
    "SELECT t.run_id, t.id, t.pickup, t.dropoff, t.seats, t.wheelchairs, t.stowage, t.committed FROM run_ride t "
    "JOIN run r ON r.id = t.run_id WHERE r.service_date = '{day}' AND NOT t.absent"
)
_BOOKED = "SELECT run_id, ride_id, id FROM booking WHERE service_date = '{day}' AND status = 'booked'"
_MADE = "SELECT id, status FROM booking WHERE service_date = '{day}'"
_TOLD = "SELECT kind, facts FROM outbox"
_PLANS = (
    "SELECT e.run_id, e.revision, e.plan FROM run_event e JOIN run r ON r.id = e.run_id "
    "WHERE r.service_date = '{day}' ORDER BY e.run_id, e.revision"
)


@dataclass(frozen=True, slots=True)
class Audit:
    """What was looked at, and all that was wrong with it.

    overbooked: legs with more than the vehicle holds; ghosts: residents aboard without a booking; missing: bookings
    without a seat; gaps: revisions left out, heads that name another revision than the last, bookings of which nobody
    was told.
    """

    looks: int = 0
    plans: int = 0
    overbooked: int = 0
    ghosts: int = 0
    missing: int = 0
    gaps: int = 0
    most_seconds: float = 0.0

    @property
    def sound(self) -> bool:
        return not (self.overbooked or self.ghosts or self.missing or self.gaps)


class Ledger:
    """The records, by the database's own driver and in one snapshot at a time."""

    def __init__(self, url: str) -> None:
        address = make_url(url)
        self._connection: Any
        if address.get_backend_name() == "sqlite":
            self._connection = sqlite3.connect(str(address.database), timeout=HELD_UP, isolation_level=None)
            self._begin = "BEGIN"
        else:
            plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
            self._connection = psycopg.connect(plain, autocommit=True)
            self._begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    def close(self) -> None:
        self._connection.close()

    def read(self, day: str, *wanted: str) -> list[list[Any]]:
        """Give the rows of some queries, all of one moment."""
        cursor = self._connection.cursor()
        cursor.execute(self._begin)
        try:
            return [cursor.execute(query.format(day=day)).fetchall() for query in wanted]
        finally:
            cursor.execute("COMMIT")


def look(ledger: Ledger, day: str) -> Audit:
    """Count one moment of a day: who is aboard on each leg, and whether bookings and seats are the same."""
    heads, stops, rides, booked = ledger.read(day, _HEADS, _STOPS, _RIDES, _BOOKED)
    way: dict[str, list[str]] = defaultdict(list)
    aboard: dict[str, list[Sequence[Any]]] = defaultdict(list)
    for run, stop in stops:
        way[run].append(stop)
    for run, *ride in rides:
        aboard[run].append(ride)
    over = sum(overbooked(_read(layouts), way[run], [one[1:6] for one in aboard[run]]) for run, layouts, _ in heads)
    seats = {(run, ride) for run, ride, *rest in rides if not rest[-1]}
    sold = {(run, ride) for run, ride, _ in booked}
    return Audit(looks=1, overbooked=over, ghosts=len(seats - sold), missing=len(sold - seats))


def overbooked(layouts: Sequence[Sequence[int]], stops: Sequence[str], rides: Sequence[Sequence[Any]]) -> int:
    """Count the legs on which no layout of the vehicle holds who is aboard; a ride: pickup, drop-off, its load."""
    at = {stop: k for k, stop in enumerate(stops)}
    load = [[0, 0, 0] for _ in stops]
    for pickup, dropoff, *takes in rides:
        for leg in range(at[pickup], at[dropoff]):
            for kind in range(3):
                load[leg][kind] += takes[kind]
    return sum(not any(_within(leg, layout) for layout in layouts) for leg in load)


def _within(load: Sequence[int], layout: Sequence[int]) -> bool:
    return all(taken <= there for taken, there in zip(load, [*layout, 0], strict=False))


def replay(ledger: Ledger, day: str) -> Audit:
    """Count every plan that any run of a day ever had, and whether its history is whole and was told to everybody."""
    heads, plans, rides, made, told = ledger.read(day, _HEADS, _PLANS, _RIDES, _MADE, _TOLD)
    live = defaultdict(set)
    for run, ride, *_ in rides:
        live[run].add(ride)
    history: dict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for run, revision, plan in plans:
        history[run].append((revision, _read(plan)))
    over = gaps = 0
    for run, _, revision in heads:
        kept = history[run]
        gaps += [number for number, _ in kept] != [*range(revision + 1)]
        gaps += not kept or {one["id"] for one in kept[-1][1]["rides"]} != live[run]
        for _, plan in kept:
            layouts = [[one["seats"], one["wheelchairs"], one["stowage"]] for one in plan["capacity"]["layouts"]]
            over += overbooked(layouts, [one["id"] for one in plan["stops"]], [*map(_ride, plan["rides"])])
    notes = Counter((kind.startswith("cancelled"), _read(facts).get("booking")) for kind, facts in told)
    gaps += sum(notes[False, one] != 1 or notes[True, one] != (status == "cancelled") for one, status in made)
    return Audit(plans=len(plans), overbooked=over, gaps=gaps)


def _ride(said: dict[str, Any]) -> list[Any]:
    party = said["party"]
    return [said["pickup"], said["dropoff"], party["seats"], party["wheelchairs"], party["stowage"]]


def _read(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


@contextmanager
def watched(url: str, day: str) -> Iterator[list[Audit]]:
    """Look at a day ten times a second, in a process of its own, while the block lasts; then the list holds the sum."""
    spawn = multiprocessing.get_context("spawn")
    ended, results = spawn.Event(), spawn.Queue()
    process = spawn.Process(target=_watch, args=(url, day, ended, results), daemon=True)
    process.start()
    found: list[Audit] = []
    results.get(timeout=HELD_UP)  # it looks now
    try:
        yield found
    finally:
        ended.set()
        found.append(results.get(timeout=HELD_UP))
        process.join()


def _watch(url: str, day: str, ended: Event, results: Any) -> None:
    with closing(Ledger(url)) as ledger:
        looks: list[Audit] = []
        slowest = 0.0
        results.put("looking")
        while not ended.is_set():
            began = time.monotonic()
            looks.append(look(ledger, day))
            spent = time.monotonic() - began
            slowest = max(slowest, spent)
            ended.wait(max(0.0, EVERY - spent))
        results.put(summed([*looks, replay(ledger, day)], slowest))


def summed(audits: Sequence[Audit], most_seconds: float = 0.0) -> Audit:
    """Add audits up."""
    names = ("looks", "plans", "overbooked", "ghosts", "missing", "gaps")
    slowest = max([most_seconds, *(one.most_seconds for one in audits)])
    return Audit(**{name: sum(getattr(one, name) for one in audits) for name in names}, most_seconds=slowest)
