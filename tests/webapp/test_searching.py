"""Whatever becomes of the search for a better plan, the plan that holds stays, its end is near, and booking goes on."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routing.times import NO_WAY, Place, Seconds
from tests.webapp.small_town import MONDAY
from tests.webapp.test_planning import cancel, riding, waited
from tests.webapp.wishes import BUS, book, newcomer, run_of
from webapp import searching
from webapp.apart import Helper
from webapp.services import planning
from webapp.town import Town

CHILD = """
import os, signal, sys, time
from webapp import apart, searcher
from matching import solver

def hang(asked, content):
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while True:
        time.sleep(1)

def eat(asked, content):
    return b"x" * 2**40

def die(asked, content):
    os.kill(os.getpid(), signal.SIGKILL)

def twice(asked, content):
    return 2 * searcher._answer(asked, content)

def empty(asked, content):
    return searcher.PLAN.dump_json(solver.Plan((), (), (), 0, 0, 0, 0, 0, 0))

WAYS = {"hang": hang, "eat": eat, "die": die, "garbage": lambda *_: b"\\xff{]", "nothing": lambda *_: b"",
        "twice": twice, "empty": empty, "fault": lambda *_: 1 / 0}
apart.serve(WAYS["@"])
"""


@pytest.fixture
def spoilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Give a function that puts a search that goes wrong in some way in the place of ours."""
    made: list[Helper] = []
    monkeypatch.syspath_prepend(str(tmp_path))

    def spoil(way: str) -> None:
        (tmp_path / f"searcher_that_{way}s.py").write_text(CHILD.replace("@", way), encoding="utf-8")
        made.append(Helper(f"searcher_that_{way}s", at_once=1))
        monkeypatch.setattr(searching, "_PROCESS", made[0])

    yield spoil
    for one in made:
        one.end()


@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("hang", "time"),
        ("eat", "memory"),
        ("die", "memory"),
        ("garbage", "garbage"),
        ("nothing", "garbage"),
        ("twice", "garbage"),
        ("empty", "runs"),
        ("fault", "ended"),
    ],
)
def test_a_search_that_goes_wrong_leaves_the_plan_as_it_is(
    town: Town, spoilt: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, way: str, why: str
) -> None:
    _, taken = waited(town)
    cancel(town, taken)
    before = run_of(town)
    spoilt(way)
    if way == "hang":
        monkeypatch.setattr(searching, "SLACK", 0.0)
    done = planning.replan(town, MONDAY, seconds=0.3)
    assert (done.fault, done.booked, done.changed) == (why, (), 0)
    assert run_of(town) == before
    made = book(town, newcomer(town, "Goes On"))
    assert riding(town) == {made.ride_id}
    assert planning.verify(town)[1] == []


def test_without_its_limit_a_search_that_hangs_would_hang_for_ever(
    town: Town, spoilt: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: it is the keeper that ends it, not chance."""
    _, taken = waited(town)
    cancel(town, taken)
    spoilt("hang")
    monkeypatch.setattr(searching, "SLACK", 1.5)
    began = time.monotonic()
    assert planning.replan(town, MONDAY, seconds=0.1).fault == "time"
    assert time.monotonic() - began > 1.5


def test_a_process_that_cannot_be_started_leaves_the_plan_as_it_is(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    _, taken = waited(town)
    cancel(town, taken)
    monkeypatch.setattr(searching, "_PROCESS", Helper("webapp.there_is_no_such_module", at_once=1))
    assert planning.replan(town, MONDAY, seconds=1).fault == "ended"


def test_the_search_is_started_again_when_its_process_was_killed(town: Town) -> None:
    request, taken = waited(town)
    cancel(town, taken)
    searching.start()
    running = searching._PROCESS._running
    assert running is not None
    running.kill()
    running.wait()
    assert planning.replan(town, MONDAY, seconds=1).booked == (request,)


def test_the_search_is_told_no_name_and_no_secret(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    ask = Helper.ask

    def listen(helper: Helper, words: dict[str, Any], *rest: Any, **more: Any) -> bytes:
        said.append(repr(words))
        return ask(helper, words, *rest, **more)

    monkeypatch.setattr(Helper, "ask", listen)
    _, taken = waited(town)
    cancel(town, taken)
    planning.replan(town, MONDAY, seconds=1)
    assert said and not any(word in said[0] for word in ("Resident", "Testi", "example.org", "Liisankatu"))
    environ = Path(f"/proc/{searching._PROCESS._running.pid}/environ")  # type: ignore[union-attr]
    assert not environ.exists() or b"NORIAI" not in environ.read_bytes()


class WrongRoads:
    """Roads whose every drive is spoilt in some way."""

    def __init__(self, town: Town, spoil: Callable[[Any], Any]) -> None:
        self._roads, self._spoil = town.roads, spoil

    def between(self, origin: Place, destination: Place) -> int:
        return self._roads.between(origin, destination)

    def table(self, origins: Any, destinations: Any) -> Seconds:
        table: Seconds = self._spoil(self._roads.table(origins, destinations))
        return table


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda table: -table - 1, "negative"),
        (lambda table: table * np.nan, "not a number"),
        (lambda table: np.where(table > 0, 1_000_000, 0).astype(np.int32), "endless"),
        (lambda table: table * 0, "too fast"),
    ],
)
def test_travel_times_that_cannot_be_are_refused_before_anybody_searches(
    town: Town, spoil: Callable[[Any], Any], why: str
) -> None:
    with town.store.read() as records:
        runs = records.list_runs(MONDAY)
    _, taken = waited(town)
    wishes = [_wish(town)]
    with pytest.raises(searching.NoPlan) as none:
        searching.replan(runs, wishes, WrongRoads(town, spoil), seconds=1, objective=town.objective)
    assert none.value.why == why and riding(town) == {taken.ride_id}


def test_a_run_that_no_road_reaches_is_left_aside(town: Town) -> None:
    with town.store.read() as records:
        runs = records.list_runs(MONDAY)
    there = runs[0].stops[0].place
    wish = _wish(town)

    def cut(table: Any) -> Any:
        asked = [stop.place for run in runs for stop in run.stops]
        places = [*dict.fromkeys([p.place for p in (*wish.pickups, *wish.dropoffs) if p.walk <= wish.max_walk] + asked)]
        k = places.index(there)
        table = table.copy()
        table[k, :] = table[:, k] = NO_WAY
        table[k, k] = 0
        return table

    plan = searching.replan(runs, [wish], WrongRoads(town, cut), seconds=1, objective=town.objective)
    assert plan.runs[0] == runs[0]


def _wish(town: Town) -> Any:
    from tests.webapp.wishes import rider_id, wish
    from webapp.services import wishes

    name = wish(town)
    with town.store.read() as records:
        row, rider = records.get_request(name), records.get_user(rider_id(town))
        runs = records.list_runs(MONDAY)
    assert row.service_date == MONDAY and BUS in {run.id for run in runs} and os.getpid()
    return wishes.trip_request(town, row, rider, runs, refusals=0)
