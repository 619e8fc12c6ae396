"""Work beside the site is done by one worker at a time, whoever is killed or paused, and whatever the clock says."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.webapp.conftest import HELSINKI, UNHURRIED, Clock
from webapp.db import tables
from webapp.db.store import Door, Fence, LeaseLost, Store, StoreError
from webapp.leasing import LASTS, Leases
from webapp.town import utc_now

KIND, AREA = "planning", "helsinki 2026-11-23"
SHORT = 1.0
"""Seconds that the leases of real processes last here."""


class Ticks:
    """A clock that never jumps, and stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


def lease(store: Store) -> tables.Lease:
    with store.read() as records:
        (row,) = records.list_leases()
    return row


def take(store: Store) -> Fence:
    """Take the lease as a worker does that is killed before it renews or gives it back."""
    lasts = timedelta(seconds=LASTS)
    row = store.commit(lambda door: door.take_lease(KIND, AREA, "killed", lasts=lasts, still=None))
    assert row is not None
    return Fence(KIND, AREA, row.token)


def is_had(leases: Leases) -> bool:
    with leases.held(KIND, AREA) as held:
        return held is not None


def operator(code: str) -> Callable[[Door], tables.Operator]:
    return lambda door: door.put(tables.Operator(id=code, name=code, kind="school"))


def test_what_was_done_is_noted_and_so_is_what_failed(store: Store, clock: Clock) -> None:
    leases = Leases(store)
    for _ in range(2):
        with pytest.raises(KeyError), leases.held(KIND, AREA):
            raise KeyError("personal")
    failed = lease(store)
    assert (failed.holder, failed.error, failed.attempts, failed.failed_at) == ("", "KeyError", 2, clock.now)
    assert is_had(leases)
    done = lease(store)
    assert (done.error, done.attempts, done.succeeded_at, done.held_until) == ("", 0, clock.now, None)


def test_while_one_works_another_goes_away_and_other_areas_are_free(store: Store) -> None:
    one, other = Leases(store), Leases(store)
    with one.held(KIND, AREA) as held:
        assert held is not None and not held.taken_over
        assert not is_had(other) and not is_had(one)
        with other.held(KIND, "elsewhere") as there, other.held("messages", AREA) as beside:
            assert there is not None and beside is not None
    assert is_had(other)


def test_a_killed_workers_lease_is_another_ones_once_it_lasted_and_no_sooner(store: Store, ticks: Ticks) -> None:
    take(store)
    other = Leases(store, monotonic=ticks)
    assert not is_had(other)
    ticks.now += LASTS - 1
    assert not is_had(other)
    ticks.now += 1
    with other.held(KIND, AREA) as held:
        assert held is not None and held.taken_over


def test_a_lease_that_is_renewed_stays(store: Store, ticks: Ticks) -> None:
    fence, other = take(store), Leases(store, monotonic=ticks)
    for _ in range(5):
        assert not is_had(other)
        ticks.now += LASTS - 1
        assert store.commit(lambda door: door.renew_lease(fence, timedelta(seconds=LASTS)))


@pytest.mark.parametrize("hours", [-5, -1, 1, 5])
def test_a_clock_that_jumps_neither_frees_a_lease_nor_holds_it(
    store: Store, ticks: Ticks, clock: Clock, hours: int
) -> None:
    take(store)
    other = Leases(store, monotonic=ticks)
    assert not is_had(other)
    clock.forward(hours * 3600)
    assert not is_had(other)
    ticks.now += LASTS
    assert is_had(other)
    assert lease(store).succeeded_at == clock.now


def test_what_a_worker_writes_after_its_lease_was_taken_over_is_refused(store: Store, ticks: Ticks) -> None:
    paused = store.behind(take(store))
    paused.commit(operator("in-time"))
    other = Leases(store, monotonic=ticks)
    is_had(other)
    ticks.now += LASTS
    with other.held(KIND, AREA), pytest.raises(LeaseLost):
        paused.commit(operator("late"))
    with pytest.raises(LeaseLost):
        paused.commit(operator("later"))
    with store.read() as records:
        assert [one.id for one in records.list_operators()] == ["in-time"]


def test_it_is_the_fence_that_refuses_it(store: Store, ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: without it, both workers write."""
    monkeypatch.setattr(Store, "_fences", False)
    paused, other = store.behind(take(store)), Leases(store, monotonic=ticks)
    is_had(other)
    ticks.now += LASTS
    with other.held(KIND, AREA) as held:
        assert held is not None
        held.store.commit(operator("one"))
        paused.commit(operator("two"))
    with store.read() as records:
        assert [one.id for one in records.list_operators()] == ["one", "two"]


def test_after_its_lease_was_given_back_a_worker_writes_no_more(store: Store) -> None:
    with Leases(store).held(KIND, AREA) as held:
        assert held is not None
    with pytest.raises(LeaseLost):
        held.store.commit(operator("late"))


def test_what_hangs_is_renewed_for_so_long_and_then_no_more(store: Store, ticks: Ticks) -> None:
    hanging = Leases(store, lasts=0.03, longest=0.0, monotonic=time.monotonic)
    with hanging.held(KIND, AREA) as held:
        assert held is not None
        time.sleep(0.1)
        assert lease(store).beat == 0
        other = Leases(store, monotonic=ticks)
        is_had(other)
        ticks.now += LASTS
        assert is_had(other)
    assert lease(store).holder == ""


def test_leases_are_written_by_their_own_door_alone(store: Store) -> None:
    with pytest.raises(StoreError):
        store.commit(lambda door: door.put(tables.Lease(kind=KIND, area=AREA)))


# Real processes


class Processes:
    """Workers that are processes of their own, each with its own store, on the machine's own clock."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder
        self.started: list[BaseProcess] = []

    def start(self, work: Callable[["Processes", Leases], None]) -> BaseProcess:
        process = get_context("fork").Process(target=self._run, args=(work,))
        process.start()
        self.started.append(process)
        return process

    def _run(self, work: Callable[["Processes", Leases], None]) -> None:
        store = Store(self._url, clock=utc_now, timezone=HELSINKI, patience=UNHURRIED)
        work(self, Leases(store, lasts=SHORT))

    def say(self, word: str) -> None:
        with (self._folder / "said").open("a", encoding="utf-8") as said:
            said.write(f"{word}\n")

    def said(self) -> list[str]:
        path = self._folder / "said"
        return path.read_text(encoding="utf-8").split() if path.exists() else []

    def wait_for(self, word: str, times: int = 1) -> None:
        while self.said().count(word) < times:
            time.sleep(0.01)

    def enter(self) -> bool:
        """Go where only one may be; False when somebody is there."""
        try:
            os.close(os.open(self._folder / "inside", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        time.sleep(0.02)
        (self._folder / "inside").unlink()
        return True


def work_in_turns(processes: Processes, leases: Leases) -> None:
    """Work again and again beside one other, until both did ten pieces or something was done twice."""
    processes.say("ready")
    processes.wait_for("ready", 2)
    while processes.said().count("alone") < 20 and "twice" not in processes.said():
        with leases.held("planning", "helsinki") as held:
            if held is not None:
                processes.say("alone" if processes.enter() else "twice")


def work_regardless(processes: Processes, leases: Leases) -> None:
    Leases._is_silent = lambda *_: True  # type: ignore[method-assign]
    work_in_turns(processes, leases)


def hold_on(processes: Processes, leases: Leases) -> None:
    """Hold the lease until told to write."""
    with leases.held("planning", "helsinki") as held:
        assert held is not None
        processes.say("holding")
        processes.wait_for("go")
        try:
            held.store.commit(operator("late"))
            processes.say("wrote")
        except LeaseLost:
            processes.say("refused")


def hold_on_unfenced(processes: Processes, leases: Leases) -> None:
    Store._fences = False
    hold_on(processes, leases)


@pytest.fixture
def processes(store: Store, database_url: str, tmp_path: Path) -> Iterator[Processes]:
    made = Processes(database_url, tmp_path)
    yield made
    for one in made.started:
        one.kill()
        one.join()


def take_over(store: Store) -> tables.Lease:
    """Look again and again, as workers do, until the lease is had from the one that holds it."""
    other, taken = Leases(store, lasts=SHORT), False
    while not taken:
        time.sleep(0.05)
        with other.held("planning", "helsinki") as held:
            taken = held is not None
            assert held is None or held.taken_over
    return lease(store)


def test_of_several_processes_one_works_at_a_time(processes: Processes) -> None:
    for one in [processes.start(work_in_turns) for _ in range(2)]:
        one.join()
    assert "twice" not in processes.said() and processes.said().count("alone") >= 20


def test_it_is_the_lease_that_keeps_them_apart(processes: Processes) -> None:
    """Negative control: workers that take no notice of each other's leases do the same work twice."""
    for one in [processes.start(work_regardless) for _ in range(2)]:
        one.join()
    assert "twice" in processes.said()


def test_the_work_of_a_process_that_was_killed_is_taken_over(processes: Processes, store: Store) -> None:
    holder = processes.start(hold_on)
    processes.wait_for("holding")
    holder.kill()
    holder.join()
    assert take_over(store).token == 2


@pytest.mark.parametrize(("work", "says"), [(hold_on, "refused"), (hold_on_unfenced, "wrote")])
def test_a_process_that_was_paused_past_its_lease_writes_only_without_a_fence(
    processes: Processes, store: Store, work: Callable[[Processes, Leases], None], says: str
) -> None:
    holder = processes.start(work)
    processes.wait_for("holding")
    os.kill(holder.pid or 0, signal.SIGSTOP)
    take_over(store)
    processes.say("go")
    os.kill(holder.pid or 0, signal.SIGCONT)
    processes.wait_for(says)
