"""Who waits, waits in line; not for longer than there is time, and not in others' way."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import Event, Thread

import pytest

from tests.webapp.conftest import HELSINKI, Clock, SignIn
from tests.webapp.toy_records import settled
from webapp.db.lines import Line, NamedLines, Turns
from webapp.db.store import Busy, Door, Store
from webapp.town import Town

LONG, SHORT = 30.0, 0.05


def standing(line: Line, count: int) -> None:
    """Wait until so many stand in a line."""
    while len(line._standing) < count:
        Event().wait(0.001)


def test_who_came_first_passes_first_and_who_comes_back_goes_ahead() -> None:
    line, passed = Line(), list[str]()
    line.enter(LONG)

    def wait(name: str, *, ahead: bool = False) -> None:
        line.enter(LONG, ahead=ahead)
        passed.append(name)
        line.leave()

    threads = []
    for count, (name, ahead) in enumerate((("first", False), ("second", False), ("back", True)), 1):
        threads.append(Thread(target=wait, args=(name,), kwargs={"ahead": ahead}))
        threads[-1].start()
        standing(line, count)
    line.leave()
    for thread in threads:
        thread.join()
    assert passed == ["back", "first", "second"]


def test_who_has_no_more_time_leaves_the_line_and_holds_up_nobody() -> None:
    line = Line()
    line.enter(LONG)
    with pytest.raises(Busy):
        line.enter(SHORT)
    line.leave()
    line.enter(SHORT)


def test_names_are_held_each_by_one_and_forgotten_afterwards() -> None:
    lines = NamedLines()
    with lines.held(["b", "a"], LONG):
        with ThreadPoolExecutor(1) as pool, pytest.raises(Busy):
            pool.submit(enter, lines, ["c", "a"]).result()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(enter, lines, ["c"]).result()
    assert not lines._lines


def enter(lines: NamedLines, names: list[str]) -> None:
    with lines.held(names, SHORT):
        pass


def test_of_a_rush_only_as_many_wait_as_can_be_answered() -> None:
    turns = Turns(at_once=1, most=2, patience=LONG)
    turns.take()
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(take_and_end, turns)
        standing(turns._line, 1)
        with pytest.raises(Busy, match="too many"):
            pool.submit(turns.take).result()
        turns.end()
        waiting.result()
    turns.take()
    turns.end()


def take_and_end(turns: Turns) -> None:
    turns.take()
    turns.end()


def works_beside_a_waiting_booker(store: Store, url: str, clock: Clock) -> bool:
    """Let one booker with a turn wait for a lock that another service holds; can anybody else work meanwhile?"""
    settled(store)
    here = Store(url, clock=clock, timezone=HELSINKI, patience=LONG)
    here.turns = Turns(at_once=1, patience=LONG)
    held, done, asked = Event(), Event(), Event()

    def hold(_: Door) -> None:
        held.set()
        done.wait(LONG)

    def book() -> None:
        here.turns.take()
        asked.set()
        try:
            here.commit(lambda door: door.get_run("bus"), runs=["bus"])
        finally:
            here.turns.end()

    with ThreadPoolExecutor(2) as pool:
        elsewhere = pool.submit(store.commit, hold, runs=["bus"])
        held.wait(LONG)
        booker = pool.submit(book)
        asked.wait(LONG)
        try:
            here.turns._line.enter(1.0)
        except Busy:
            return False
        else:
            here.turns._line.leave()
            return True
        finally:
            done.set()
            elsewhere.result()
            booker.result()
            here.close()


def test_who_waits_for_a_lock_lets_others_work(store: Store, database_url: str, clock: Clock) -> None:
    assert works_beside_a_waiting_booker(store, database_url, clock)


def test_who_kept_the_turn_while_waiting_would_stop_everybody(
    store: Store, database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Turns, "lent", lambda _: nullcontext())
    assert not works_beside_a_waiting_booker(store, database_url, clock)


def test_a_resident_for_whom_there_is_no_time_is_told_when_to_come_again(town: Town, sign_in: SignIn) -> None:
    visitor = sign_in("resident")
    town.store.turns = Turns(most=0)
    answer = visitor.browser.get("/trips")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
    assert answer.headers["X-Request-ID"] and "Cache-Control" in answer.headers
    assert sign_in("driver").browser.get("/drive").status_code == 200, "who drives stands in no line"
