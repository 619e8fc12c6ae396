"""No seat is sold twice, whoever comes at once; and without the locks it would be."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from random import uniform
from threading import Barrier, Event
from time import sleep
from typing import Any, TypeVar

import pytest

from matching import model
from tests.matching.toy import GRID
from tests.webapp.conftest import HELSINKI, Clock
from tests.webapp.toy_records import booking, keep, put, settled, user, with_detour, with_ride
from webapp.db.engines import wal_is_sound
from webapp.db.store import Busy, Door, Store
from webapp.serving import THREADS

T = TypeVar("T")
BOOKERS = 32
FREE = 4


def race(book: Callable[[int], bool]) -> int:
    """Let all bookers go at once; count those who were told that they have a seat."""
    start = Barrier(BOOKERS)

    def run(number: int) -> bool:
        start.wait()
        return book(number)

    with ThreadPoolExecutor(BOOKERS) as pool:
        return sum(pool.map(run, range(BOOKERS)))


def think() -> None:
    """Take the time between looking and writing in which another booker may look, too."""
    sleep(uniform(0.005, 0.02))


def book_by_counting(store: Store) -> Callable[[int], bool]:
    """Check, then insert: nothing but the lock stands between two bookers here."""

    def book(number: int) -> bool:
        def change(door: Door) -> bool:
            full = len(door.list_bookings(run_id="bus")) >= FREE
            think()
            if not full:
                door.put(booking(f"b{number}"))
            return not full

        return store.commit(change, runs=["bus"])

    return book


def test_exactly_as_many_are_booked_as_fit(store: Store) -> None:
    settled(store, seats=2 + FREE)

    def book(number: int) -> bool:
        def change(door: Door) -> bool:
            run = door.get_run("bus")
            think()
            if len(run.residents) == FREE:
                return False
            door.keep(with_ride(run, f"r{number}"), cause="booking")
            return True

        return store.commit(change, runs=["bus"], times=GRID)

    assert race(book) == FREE
    with store.read() as records:
        assert len(records.get_run("bus").residents) == FREE
        assert [one.number for one in records.history("bus")] == list(range(FREE + 1))


def test_a_seat_is_never_sold_twice(store: Store) -> None:
    settled(store)
    assert race(book_by_counting(store)) == FREE


def test_without_the_locks_seats_are_sold_twice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(store)
    monkeypatch.setattr(Store, "_locks", False)
    assert race(book_by_counting(store)) > FREE


def test_even_without_the_locks_no_revision_is_written_twice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = settled(store, seats=2 + BOOKERS)
    monkeypatch.setattr(Store, "_locks", False)

    def book(number: int) -> bool:
        try:
            keep(store, with_ride(run, f"r{number}"))
        except Exception:  # however it is refused
            return False
        return True

    assert race(book) == 1
    with store.read() as records:
        assert len(records.get_run("bus").residents) == 1
        assert [one.run for one in records.history("bus")][-1] == records.get_run("bus")


def test_the_locks_are_on_unless_a_test_switches_them_off() -> None:
    assert Store._locks


@contextmanager
def elsewhere(work: Callable[[], T]) -> Iterator[Future[T]]:
    """Do some work in another thread, and have it done at the end."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work)


@contextmanager
def holding(store: Store, *, runs: tuple[str, ...] = (), rider: str | None = None) -> Iterator[None]:
    """Let another booker hold its locks for as long as the block lasts."""
    held, done = Event(), Event()

    def change(_: Door) -> None:
        held.set()
        done.wait()

    with elsewhere(lambda: store.commit(change, runs=runs, rider=rider)):
        assert held.wait(30)
        try:
            yield
        finally:
            done.set()


@pytest.mark.parametrize("locks", [{"runs": ("bus",)}, {"rider": "rider"}], ids=["run", "rider"])
def test_who_waits_too_long_for_a_lock_is_told_so(
    store: Store, database_url: str, clock: Clock, locks: dict[str, Any]
) -> None:
    settled(store)
    hasty = Store(database_url, clock=clock, timezone=HELSINKI, patience=0.2)
    with holding(store, **locks), pytest.raises(Busy):
        hasty.commit(lambda door: door.now(), **locks)
    assert hasty.commit(lambda door: door.now(), **locks) == clock.now
    hasty.close()


def test_every_thread_of_the_server_can_read_at_once(store: Store, database_url: str, clock: Clock) -> None:
    settled(store)
    hasty = Store(database_url, clock=clock, timezone=HELSINKI, patience=0.2)
    with ExitStack() as opened:
        readers = [opened.enter_context(hasty.read()) for _ in range(THREADS)]
        assert {records.get_run_head("bus").revision for records in readers} == {0}
    hasty.close()


def test_a_reader_sees_a_run_whole_while_it_is_changed(store: Store) -> None:
    before = settled(store)
    with store.read() as records:
        assert records.get_run_head("bus").revision == 0
        writer = ThreadPoolExecutor(1)
        change = writer.submit(keep, store, with_detour(before, "r1"))
        sleep(0.2)
        assert records.get_run("bus") == before
        assert len(records.history("bus")) == 1
    after = change.result()
    writer.shutdown()
    with store.read() as records:
        assert records.get_run("bus") == after != before


def test_what_is_not_committed_is_not_read(store: Store) -> None:
    run = settled(store)

    def peek() -> model.Run:
        with store.read() as records:
            return records.get_run("bus")

    def change(door: Door) -> None:
        door.keep(with_ride(run, "r1"), cause="booking")
        with elsewhere(peek) as other:
            assert other.result() == run

    store.commit(change, runs=["bus"], times=GRID)
    assert peek().revision == 1


def test_bookers_over_two_runs_do_not_stand_in_each_others_way(store: Store) -> None:
    settled(store)
    put(store, user("other"))

    def book(number: int) -> bool:
        runs = ["bus", "van"] if number % 2 else ["van", "bus"]
        rider = ("rider", "other")[number % 3 % 2]
        return store.commit(lambda door: door.find_run("bus") is not None, runs=runs, rider=rider)

    assert race(book) == BOOKERS


@pytest.mark.parametrize(
    ("version", "sound"),
    [("3.40.1", False), ("3.44.5", False), ("3.44.6", True), ("3.45.0", False), ("3.50.7", True), ("3.51.2", False)]
    + [("3.51.3", True), ("3.52.0", True)],
)
def test_the_write_ahead_log_is_used_only_where_it_is_sound(version: str, sound: bool) -> None:
    assert wal_is_sound(tuple(map(int, version.split(".")))) == sound


def test_sqlite_keeps_what_it_said_it_kept(tmp_path: object, clock: Clock) -> None:
    store = Store(f"sqlite:///{tmp_path}/records.db", clock=clock, timezone=HELSINKI)
    store.migrate()
    journal = "wal" if wal_is_sound(sqlite3.sqlite_version_info) else "truncate"
    with store._database.snapshot() as connection:
        asked = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "journal_mode")]
    assert asked == [2, journal]
    store.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_records_must_outlive_the_process(url: str, clock: Clock) -> None:
    with pytest.raises(ValueError, match="outlive"):
        Store(url, clock=clock, timezone=HELSINKI)
