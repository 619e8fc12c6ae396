"""The fuzz run: clean on random days, awake to harm done on purpose, and its verifier not a copy of the judge."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import fuzz, verifier
from matching.model import Detour, Load, Need, Ride, Rule, Run, Stop, Window
from matching.promises import broken
from tests.matching.toy import EIGHT, GRID, OPEN, care_van, corner, morning_bus
from tests.test_architecture import MODULES, imported


def resident(name: str = "q", pickup: str = "a", dropoff: str = "c", party: Load = Load(1), **changes: object) -> Ride:  # noqa: B008
    fields = {"max_ride": 3600, "groups": frozenset({"registered"}), **changes}
    return Ride(name, pickup, dropoff, party, **fields)  # type: ignore[arg-type]


def carrying(*riders: Ride, run: Run | None = None) -> Run:
    run = run or morning_bus()
    return replace(run, rides=(*run.rides, *riders))


def with_a_stop(x: float, y: float, **changes: object) -> Run:
    """Put a resident's own stop behind the bus's second one."""
    bus = carrying(resident(pickup="q+"), run=morning_bus(replace(OPEN, **changes)))  # type: ignore[arg-type]
    return replace(bus, stops=(*bus.stops[:2], Stop("q+", corner(x, y)), *bus.stops[2:]))


HARM = {
    "seats": (carrying(resident(party=Load(4))), Rule.SEATS),
    "wheelchairs": (carrying(resident(party=Load(0, 1))), Rule.WHEELCHAIR),
    "a seat beside": (carrying(resident(party=Load(2), needs=frozenset({Need.EMPTY_SEAT}))), Rule.SEATS),
    "things": (carrying(resident(party=Load(1, 0, 1))), Rule.STOWAGE),
    "alone": (carrying(resident(needs=frozenset({Need.ALONE}))), Rule.APART),
    "last in": (carrying(resident(needs=frozenset({Need.LAST_IN_FIRST_OUT}))), Rule.LAST_IN),
    "a stranger": (carrying(resident(groups=frozenset())), Rule.WHO),
    "too late": (carrying(resident(alight=Window(latest=EIGHT))), Rule.WINDOW),
    "too long": (carrying(resident(max_ride=60)), Rule.MAX_RIDE),
    "an hour at a stop": (carrying(resident(dwell=3600)), Rule.EXTRA),
    "the bell": (carrying(resident(dwell=3600)), Rule.BELL),
    "off the road": (with_a_stop(3, 2, detour=Detour.ON_ROUTE), Rule.DETOUR),
    "too far": (with_a_stop(3, 2, max_detour=60), Rule.DETOUR),
    "backwards": (carrying(resident(pickup="c", dropoff="a")), Rule.ORDER),
}


@pytest.mark.parametrize("harm", HARM)
def test_the_verifier_sees_harm_as_the_judge_does(harm: str) -> None:
    run, rule = HARM[harm]
    found = verifier.faults(run, GRID)
    assert rule in {name for name, _ in found}
    assert found == {(one.rule.value, one.where): one.excess for one in broken(run, GRID)}


@pytest.mark.parametrize("run", [morning_bus(), care_van()], ids=["bus", "van"])
def test_the_verifier_finds_nothing_on_a_sound_run(run: Run) -> None:
    assert verifier.faults(run, GRID) == {}


def test_the_verifier_knows_nothing_but_the_nouns() -> None:
    known = imported(Path(verifier.__file__))
    assert {one for one in known if one in MODULES} == {"matching.model", "routing.times"}


def test_three_hundred_random_actions_break_no_promise(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--actions", "300", "--seed", "5", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["actions"], report["violations"]) == (300, 0)
    assert report["counts"]["book: booked"] > 10


@pytest.mark.parametrize("kind", fuzz.SABOTAGE)
def test_sabotage_is_found_and_can_be_repeated(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--actions", "200", "--seed", "3", "--sabotage", kind]) == 1
    printed = capsys.readouterr().out
    assert f"sabotage: {kind}" in printed and "--seed 3 --day 0" in printed


def test_judges_who_disagree_are_a_violation() -> None:
    day = fuzz.Day(0, 0, fuzz.GridTimes())
    run = next(iter(day.runs.values()))
    nowhere = replace(run.rides[0], pickup=run.stops[0].id, dropoff=run.stops[0].id)
    day.known[run.id] = run, {}
    with pytest.raises(fuzz.Violation):
        day.put(replace(run, rides=(nowhere, *run.rides[1:])))
