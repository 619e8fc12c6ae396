"""Travel times and plans that came from elsewhere are believed only as far as they were looked at."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from matching import solver
from matching.model import Load, Run, Stop, Window
from matching.objective import Objective
from matching.plan import Plan
from matching.verification import Table, Unbelievable, check_plan, check_times, places_of
from routing.times import NO_WAY, Place, Seconds
from tests.matching.toy import GRID, morning_bus, wish

HERE, THERE, FAR_OFF = PLACES = (Place(60.17, 24.94), Place(60.18, 24.95), Place(60.21, 24.99))
RUNS = [morning_bus()]
WISHES = [wish((0, 0), (2, 0), name="q1"), wish((2, 0), (4, 0), name="q2")]
OBJECTIVE = Objective()


def sound() -> Seconds:
    return np.array([[0, 180, 600], [200, 0, 500], [620, 480, 0]], np.int32)


def changed(row: int, column: int, seconds: int) -> Seconds:
    table = sound()
    table[row, column] = seconds
    return table


def test_a_sound_table_is_believed() -> None:
    assert check_times(PLACES, sound()) == set()
    assert Table(PLACES, sound()).between(THERE, HERE) == 200
    assert Table(PLACES, sound()).table([FAR_OFF], [HERE, THERE]).tolist() == [[620, 480]]


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (sound()[:2], "shape"),
        (sound().astype(np.float64), "not a number"),
        (np.where(np.eye(3) == 1, 0.0, np.nan), "not a number"),
        (changed(0, 1, -1), "negative"),
        (changed(1, 1, 5), "not zero"),
        (changed(0, 1, 1_000_000), "endless"),
        (changed(0, 2, 0), "too fast"),
        (changed(0, 2, 20), "too fast"),
        (changed(0, 1, 9_000), "lopsided"),
    ],
)
def test_a_table_that_cannot_be_is_refused(table: Any, why: str) -> None:
    with pytest.raises(Unbelievable) as refused:
        check_times(PLACES, table)
    assert refused.value.why == why


def test_one_way_streets_are_no_fault_and_traps_are_told() -> None:
    assert check_times(PLACES, changed(0, 1, 1_500)) == set()
    trap = sound()
    trap[2, :2] = NO_WAY
    assert check_times(PLACES, trap) == {FAR_OFF}
    trap[:2, 2] = NO_WAY
    assert check_times(PLACES, trap) == {FAR_OFF}
    nothing = np.full((3, 3), NO_WAY, np.int32)
    np.fill_diagonal(nothing, 0)
    assert check_times(PLACES, nothing) == {*PLACES}


def test_two_towns_that_no_road_joins_are_two_towns() -> None:
    places = (*PLACES[:2], Place(61.0, 25.0), Place(61.01, 25.01))
    table = np.full((4, 4), NO_WAY, np.int32)
    for first in (0, 2):
        table[first : first + 2, first : first + 2] = [[0, 200], [210, 0]]
    assert check_times(places, table) == set()


# Plans


def solved() -> Plan:
    return solver.replan(RUNS, WISHES, GRID, seconds=1)


def judged(runs: tuple[Run, ...], upper_bound: int = 2) -> Plan:
    return check_plan(RUNS, runs, WISHES, GRID, objective=OBJECTIVE, upper_bound=upper_bound)


def test_a_good_plan_is_summed_up_anew() -> None:
    plan = solved()
    assert set(plan.served) == {"q1", "q2"}
    assert judged(plan.runs) == replace(plan, upper_bound=2)
    assert judged(plan.runs, upper_bound=-7).upper_bound == 2
    assert judged(tuple(RUNS)).served == ()


def _ride(run: Run, name: str, **changes: Any) -> Run:
    return replace(run, rides=tuple(replace(one, **changes) if one.id == name else one for one in run.rides))


SPOILT: dict[str, tuple[str, Callable[[Run], tuple[Run, ...]]]] = {
    "no run at all": ("runs", lambda _: ()),
    "another run": ("runs", lambda run: (replace(run, id="other"),)),
    "a larger vehicle": ("runs", lambda run: (replace(run, capacity=replace(run.capacity, layouts=(Load(99),))),)),
    "a rule of its own": ("runs", lambda run: (replace(run, policy=replace(run.policy, max_extra=9999)),)),
    "another revision": ("runs", lambda run: (replace(run, revision=7),)),
    "a pupil is gone": ("rides", lambda run: (replace(run, rides=tuple(r for r in run.rides if r.id != "p1")),)),
    "a pupil rides longer": ("rides", lambda run: (_ride(run, "p1", max_ride=9999),)),
    "a ghost": ("rides", lambda run: (replace(run, rides=(*run.rides, replace(run.rides[-1], id="ghost"))),)),
    "twice aboard": ("rides", lambda run: (replace(run, rides=(*run.rides, run.rides[-1])),)),
    "a stop of nobody": ("stops", lambda run: (replace(run, stops=(Stop("x", Place(1, 1)), *run.stops)),)),
    "a smaller party": ("wishes", lambda run: (_ride(run, "q1", party=Load(0)),)),
    "in other groups": ("wishes", lambda run: (_ride(run, "q1", groups=frozenset({"staff"})),)),
    "boards before it asked": ("wishes", lambda run: (_ride(run, "q1", board=Window(-999_999, 0)),)),
    "alights where it did not ask": ("wishes", lambda run: (_ride(run, "q1", dropoff="school"),)),
    "stops turned round": ("promises", lambda run: (replace(run, stops=run.stops[::-1]),)),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_plan_is_refused(how: str) -> None:
    why, spoil = SPOILT[how]
    (run,) = solved().runs
    with pytest.raises(Unbelievable) as refused:
        judged(spoil(run))
    assert refused.value.why == why


def test_a_plan_that_costs_more_than_what_is_there_is_refused() -> None:
    (run,) = solved().runs
    cheap = Objective(unserved=-9999, refused=0)
    with pytest.raises(Unbelievable, match="worse"):
        check_plan(RUNS, [run], WISHES, GRID, objective=cheap, upper_bound=2)


def test_the_roads_are_asked_about_every_place_of_a_plan() -> None:
    wished = {point.place for one in WISHES for point in (*one.pickups, *one.dropoffs)}
    assert {*places_of(RUNS, WISHES)} == {stop.place for run in RUNS for stop in run.stops} | wished
