"""An explanation is what the judge says of the placement that misses by least."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import event, given, settings

from matching.explain import Explanation, _carrying, _miss, _Pair, _Pairs, explain, explained, least_miss
from matching.fleet import Fleet
from matching.model import Broken, Detour, Load, Need, Ride, Rule, Run, TripRequest, Window
from matching.promises import broken
from routing.times import NO_WAY, Place
from tests.matching.oracle import least_cost
from tests.matching.strategies import Day, days
from tests.matching.toy import EIGHT, GRID, OPEN, GridTimes, care_van, corner, morning_bus, wish


def asked(day: Day) -> Iterator[tuple[TripRequest, Run, Explanation]]:
    """Yield each request of a day with its run and what is explained; who fits is booked."""
    run = day.run
    for served, request in day.steps:
        run = day.reach(run, served)
        said = explain(request, run, GRID)
        yield request, run, said
        run = said.fits.run if said.fits else run


def judged(request: TripRequest, run: Run) -> Iterator[tuple[_Pair, list[Broken]]]:
    """Build and judge every pair of places."""
    for pair in _Pairs(request, Fleet([run], GRID, index=False), 0):
        yield pair, broken(_carrying(request, run, pair, GRID), GRID, before=run)


@given(days())
@settings(max_examples=200)
def test_a_party_fits_exactly_where_the_naive_search_finds_a_place_and_else_a_rule_stops_it(day: Day) -> None:
    for request, run, said in asked(day):
        assert (said.fits is not None) == (least_cost(request, run, GRID, harm=1) is not None)
        assert (said.fits is None) == bool(said.stopped)
        event(str(said.stopped[0].rule) if said.stopped else "fits")


@given(days())
@settings(max_examples=100)
def test_no_placement_misses_by_less_than_the_one_that_is_told(day: Day) -> None:
    for request, run, said in asked(day):
        if said.fits is None and said.stopped[0].where != run.id:
            assert said.miss[0] == min(_miss(faults)[0] for _, faults in judged(request, run) if faults)


@given(days())
@settings(max_examples=100)
def test_no_placement_misses_by_less_than_its_bound(day: Day) -> None:
    for request, run, said in asked(day):
        if said.fits is None:
            for pair, faults in judged(request, run):
                roadless = any(fault.rule is Rule.ROAD for fault in faults)
                assert roadless or not faults or _miss(faults) >= pair.miss
            assert least_miss(request, Fleet([run], GRID, index=False), 0)[0] <= said.miss[0]


class Fenced(GridTimes):
    """The grid, but no road leads out of its middle."""

    def between(self, origin: Place, destination: Place) -> int:
        return NO_WAY if origin == corner(2, 1) != destination else super().between(origin, destination)


CLOSED = tuple(replace(one, residents=False) for one in morning_bus().stops)


ALONE = Ride("r", "b", "school", Load(1), 3600, needs=frozenset({Need.ALONE}))


@pytest.mark.parametrize(
    ("rule", "excess", "request_", "run"),
    [
        (Rule.TIME, 6240, wish((0, 0), (4, 2), depart=Window(EIGHT + 7200)), morning_bus()),
        (Rule.TIME, 60, wish((0, 0), (4, 2), arrive=Window(latest=EIGHT - 60)), morning_bus()),
        (Rule.ROAD, 0, wish((2, 1), (4, 2)), morning_bus()),
        (Rule.WINDOW, 60, wish((2, 0), (4, 2), depart=Window(EIGHT, EIGHT + 60)), morning_bus()),
        (Rule.WHO, 0, wish((0, 0), (4, 2), groups=frozenset()), morning_bus()),
        (Rule.CUTOFF, 1, wish((0, 0), (4, 2), asked_at=1), morning_bus(replace(OPEN, closes=0))),
        (Rule.CUTOFF, 6600, wish((0, 0), (4, 2), asked_at=EIGHT), morning_bus(replace(OPEN, notice=7200))),
        (
            Rule.CUTOFF,
            300,
            wish((0, 0), (4, 2), asked_at=EIGHT),
            morning_bus(replace(OPEN, detour=Detour.NONE, notice=900)),
        ),
        (Rule.WHEELCHAIR, 1, wish((0, 0), (4, 2), party=Load(0, 1)), morning_bus()),
        (Rule.WHEELCHAIR, 1, wish((1, 2), (4, 2), party=Load(0, 1)), care_van(replace(OPEN, deadhead=False))),
        (Rule.SEATS, 1, wish((0, 0), (4, 2), seats=4), morning_bus()),
        (Rule.DETOUR, 0, wish((1, 1), (4, 2)), morning_bus(replace(OPEN, detour=Detour.NONE))),
        (Rule.DETOUR, 115, wish((1, 1), (4, 2)), morning_bus(replace(OPEN, detour=Detour.ON_ROUTE))),
        (Rule.DETOUR, 1, wish((1, 1), (4, 2)), morning_bus(replace(OPEN, max_detour=119))),
        (
            Rule.RESIDENTS,
            0,
            wish((0, 0), (4, 2)),
            replace(morning_bus(replace(OPEN, detour=Detour.NONE)), stops=CLOSED),
        ),
        (Rule.MAX_RIDE, 1, wish((0, 0), (4, 0)), morning_bus(replace(OPEN, max_ride=239))),
        (Rule.EXTRA, 1, wish((1, 1), (4, 2)), morning_bus(replace(OPEN, max_extra=119))),
        (Rule.EXTRA, 40, wish((1, 0), (4, 2), depart=Window(EIGHT + 700)), morning_bus()),
        (Rule.BELL, 100, wish((1, 0), (4, 2), depart=Window(EIGHT + 1600)), morning_bus(replace(OPEN, max_extra=3600))),
        (
            Rule.DEADHEAD,
            0,
            wish((4, 2), (2, 2)),
            care_van(replace(OPEN, deadhead=False, detour=Detour.NONE)),
        ),
        (
            Rule.APART,
            1,
            wish((2, 0), (4, 2)),
            replace(morning_bus(replace(OPEN, detour=Detour.NONE)), rides=(ALONE,)),
        ),
    ],
)
def test_an_explanation_names_the_nearest_miss_and_by_how_much(
    rule: Rule, excess: int, request_: TripRequest, run: Run
) -> None:
    said = explain(request_, run, Fenced() if rule is Rule.ROAD else GRID)
    assert (said.fits, said.stopped[0].rule, said.stopped[0].excess) == (None, rule, excess)


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_party_fits_once_the_rule_that_stops_it_gives_way_by_what_was_told_and_not_before(seconds: int) -> None:
    request, run = wish((1, 1), (4, 2)), morning_bus(replace(OPEN, max_extra=90))
    (fault,) = explain(request, run, GRID).stopped
    wider = replace(run, policy=replace(run.policy, max_extra=90 + fault.excess - seconds))
    assert (explain(request, wider, GRID).fits is None) == bool(seconds)


def test_one_fleet_explains_many_runs_as_each_alone_does() -> None:
    runs = [morning_bus(replace(OPEN, max_extra=119)), care_van(replace(OPEN, deadhead=False))]
    request = wish((1, 1), (4, 2), party=Load(0, 1))
    fleet = Fleet(runs, GRID, index=False)
    assert [explained(request, fleet, r) for r in range(2)] == [explain(request, run, GRID) for run in runs]


def test_a_run_of_another_day_is_no_run_at_that_time() -> None:
    said = explain(wish((0, 0), (4, 2), service_date="2026-11-24"), morning_bus(), GRID)
    assert (said.fits, said.stopped) == (None, (Broken(Rule.TIME, "bus"),))
