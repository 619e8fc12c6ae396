"""Runs that were read before are read no more; but what is shown is always what is kept."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from random import Random

import pytest
from sqlalchemy import event as sqlalchemy_event

from matching.fleet import Fleet, Timed
from matching.model import Run
from tests.matching.toy import GRID, morning_bus
from tests.webapp.toy_records import MONDAY, event, happen, keep, settle, settled, with_ride
from webapp.db.kept_runs import KeptRuns, State
from webapp.db.store import Store, StoreError

STEPS = 40


@contextmanager
def counted(store: Store) -> Iterator[list[str]]:
    """List the statements that the block sends."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    engine = store._database.engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        sqlalchemy_event.remove(engine, "before_cursor_execute", note)


def of_monday(store: Store) -> list[Run]:
    with store.read() as records:
        return records.list_runs(MONDAY)


@pytest.mark.parametrize("runs", [1, 30])
def test_a_day_is_read_with_one_query_however_many_runs_it_has_and_five_when_some_changed(
    store: Store, runs: int
) -> None:
    settle(store)
    kept = [keep(store, replace(morning_bus(), id=f"bus-{n}")) for n in range(runs)]
    with counted(store) as cold:
        of_monday(store)
    with counted(store) as warm:
        of_monday(store)
    keep(store, with_ride(kept[0], "r"))
    with counted(store) as changed:
        of_monday(store)
    queries = [sum("FROM run" in one or "FROM event" in one for one in said) for said in (cold, warm, changed)]
    assert queries == [5, 1, 5]


def change_at_random(store: Store, draw: Random, number: int) -> None:
    """Seat somebody, let somebody off, let the vehicle come to a stop, or take the run out and put it back."""
    with store.read() as records:
        run = records.find_run("bus")
    with suppress(StoreError):
        if run is None:
            keep(store, morning_bus())
        elif draw.random() < 0.5:
            keep(store, with_ride(run, f"r{number}"))
        elif draw.random() < 0.5 and run.residents:
            gone = draw.choice(run.residents).id
            keep(store, replace(run, rides=tuple(ride for ride in run.rides if ride.id != gone)))
        elif draw.random() < 0.2:
            happen(store, event(f"e{number}", run.stops[0].id, "arrived"))
        else:
            store.commit(lambda door: door.remove("bus", cause="removed"), runs=["bus"])


def is_shown_as_kept(store: Store) -> bool:
    """Change a run at random, and compare what is shown with what is shown to who never read before."""
    settled(store)
    draw = Random(1)
    for number in range(STEPS):
        change_at_random(store, draw, number)
        shown, before = of_monday(store), store._kept_runs
        store._kept_runs = KeptRuns()
        kept, store._kept_runs = of_monday(store), before
        if shown != kept:
            return False
    return True


def test_what_is_shown_is_what_is_kept_whatever_changes(store: Store) -> None:
    assert is_shown_as_kept(store)


def test_without_a_look_at_its_state_a_run_would_be_shown_as_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_anything(runs: KeptRuns, run_id: str, _: State) -> Run | None:
        return runs._kept[run_id][1] if run_id in runs._kept else None

    monkeypatch.setattr(KeptRuns, "find", find_anything)
    assert not is_shown_as_kept(store)


def test_what_was_undone_is_not_shown_to_anybody_later(store: Store) -> None:
    """A writer's own view never enters what readers keep: it may not come to be."""
    run = settled(store)

    def seat_and_fail(name: str) -> None:
        def change(door: object) -> None:
            door.keep(with_ride(run, name), cause="booking")  # type: ignore[attr-defined]
            door.get_run("bus")  # type: ignore[attr-defined]
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.commit(change, runs=["bus"], times=GRID)

    seat_and_fail("undone")
    keep(store, with_ride(run, "booked"))
    assert [ride.id for ride in of_monday(store)[0].residents] == ["booked"]


def test_only_so_many_runs_are_kept() -> None:
    runs, state = KeptRuns(most=2), State(0, 0, None)
    for name in ("a", "b"):
        runs.keep(replace(morning_bus(), id=name), state)
    assert runs.find("a", state)
    runs.keep(replace(morning_bus(), id="c"), state)
    assert runs.find("b", state) is None
    assert runs.find("a", state)


def test_a_fleet_of_runs_that_were_timed_before_is_the_fleet_of_runs_timed_anew() -> None:
    timed, run = Timed(GRID), morning_bus()
    for number in range(5):
        run = with_ride(run, f"r{number}") if number != 2 else replace(run, done=1)
        for _ in range(2):
            known = Fleet([run], GRID, index=False, timed=timed).state
            anew = Fleet([run], GRID, index=False).state
            assert all((one == other).all() for one, other in zip(known, anew, strict=True))
