"""A fleet finds over many runs what each run offers alone, however it grew, and a fault in it is seen."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import fleet as fleets
from matching import kernel
from matching.fleet import Fleet
from matching.model import Load, MeetingPoint, Need, Rule, Run, TripRequest
from matching.objective import Objective
from matching.promises import broken
from matching.schedule import timetable
from tests.matching.oracle import least_cost
from tests.matching.strategies import Day, days
from tests.matching.toy import EIGHT, GRID, OPEN, care_van, corner, morning_bus, stop, wish

LOUD = frozenset({"registered", "loud"})


def long_bus() -> Run:
    """Make a bus with many seats that crosses the town and takes an hour for it."""
    stops = tuple(stop(f"s{k}", k % 5, k // 5 % 3, EIGHT + 600 * k, sequence=k) for k in range(6))
    open_policy = replace(OPEN, max_detour=100_000, max_extra=100_000, max_ride=100_000, ride_slack=100_000)
    run = morning_bus(open_policy, seats=500)
    return replace(run, stops=stops, rides=())


def accept_all(fleet: Fleet, requests: list[TripRequest]) -> None:
    for request in requests:
        found = fleet.best(request)
        if found:
            fleet.accept(found)


def least(fleet: Fleet, request: TripRequest) -> int | None:
    found = fleet.best(request)
    return found.cost if found else None


@given(days(), st.booleans())
@settings(max_examples=300)
def test_a_fleet_that_accepts_rides_finds_what_the_naive_search_finds_on_its_runs(day: Day, index: bool) -> None:
    served = day.steps[0][0]
    fleet = Fleet([day.reach(day.run, served)], GRID, index=index)
    for _, request in day.steps:
        run = fleet.run(0)
        found = fleet.best(request)
        assert (found.cost if found else None) == least_cost(request, run, GRID, harm=1)
        if found:
            assert broken(fleet.inserted(found).run, GRID, before=run) == []
            fleet.accept(found)
            assert broken(fleet.run(0), GRID, before=run) == []


@given(days(asking=2), days(asking=2), st.booleans())
def test_the_best_over_many_runs_is_the_cheapest_of_each(one: Day, other: Day, index: bool) -> None:
    runs = [replace(day.run, id=name) for name, day in (("one", one), ("other", other))]
    places = [point.place for _, request in one.steps for point in (*request.pickups, *request.dropoffs)]
    fleet = Fleet(runs, GRID, places=places, index=index)
    for _, request in (*one.steps, *other.steps):
        costs = [least_cost(request, run, GRID, harm=1) for run in runs]
        assert least(fleet, request) == min((cost for cost in costs if cost is not None), default=None)


@given(days())
def test_the_places_of_a_run_begin_with_its_best_and_none_can_be_had_off_the_road(day: Day) -> None:
    fleet = Fleet([day.run], GRID)
    for _, request in day.steps:
        places = fleet.places(request, 0, 6)
        assert (places[0].cost if places else None) == least(fleet, request)
        assert not places or fleet.on_the_road(request) == [0]


@pytest.mark.parametrize(
    ("column", "change"), [(kernel.LAST, -1), (kernel.LAST, 1), (kernel.BEGIN, 1), (kernel.SPARE, -3)]
)
def test_a_screen_that_is_off_by_one_second_is_seen_by_the_oracle(column: int, change: int) -> None:
    """Negative control: on runs without any room to spare, one second decides."""
    exact = replace(OPEN, max_extra=120, max_detour=120)
    request, tight = wish((1, 1), (4, 2)), wish((1, 1), (4, 2), seats=1, name="t")
    short = morning_bus(replace(exact, max_extra=119))
    late = wish((1, 1), (4, 2), depart=replace(request.depart, latest=EIGHT + 120))
    seen = []
    for run, asked in ((morning_bus(exact), tight), (short, request), (morning_bus(exact), late)):
        fleet = Fleet([run], GRID, index=False)
        fleet.state.line[0, : len(run.stops), column] += change
        seen.append(least(fleet, asked) == least_cost(asked, run, GRID, harm=1))
    assert not all(seen)


def test_what_is_sound_on_the_empty_road_is_broken_in_traffic_and_no_place_is_found_there() -> None:
    """Negative control: with drives as they are when nobody is on the road, the kernel would put the party there."""
    run, request = morning_bus(replace(OPEN, max_detour=120, max_extra=120)), wish((1, 1), (4, 2))
    found = Fleet([run], GRID).best(request)
    assert found is not None
    plan, slow = Fleet([run], GRID).inserted(found).run, replace(run, pace=1300)
    assert broken(plan, GRID, before=run) == []
    assert {fault.rule for fault in broken(replace(plan, pace=1300), GRID, before=slow)} == {Rule.EXTRA, Rule.DETOUR}
    assert Fleet([slow], GRID).best(request) is None
    ends = (corner(1, 1), corner(4, 2))
    careless, empty = (Fleet([one], GRID, places=ends, index=False) for one in (slow, run))
    careless.state.seconds[:], careless.state.reverse[:] = empty.state.seconds, empty.state.reverse
    kernel.refresh(careless.state, 0)
    assert careless.best(request) is not None


def test_runs_at_many_paces_are_each_searched_at_their_own_also_for_places_not_known_before() -> None:
    policy = replace(OPEN, max_ride=3600, ride_slack=0)
    runs = [replace(morning_bus(policy), id=f"{pace}", pace=pace) for pace in (1700, 1000, 1001, 4000, 500, 1000)]
    fleet = Fleet(runs, GRID, places=[corner(1, 1)])
    for k in range(12):
        request = wish((k % 4 + k / 16, k % 3), (4, 2 - k % 2), name=f"q{k}", max_walk=300)
        costs = [least_cost(request, fleet.run(r), GRID, harm=1) for r in range(len(runs))]
        places = [fleet.places(request, r, 1) for r in range(len(runs))]
        assert [found[0].cost if found else None for found in places] == costs
        best = fleet.best(request)
        assert (best and best.cost) == min((cost for cost in costs if cost is not None), default=None)
        if best:
            before = fleet.run(best.run)
            fleet.accept(best)
            assert broken(fleet.run(best.run), GRID, before=before) == []


def test_the_longest_ride_grows_with_the_direct_drive_in_traffic() -> None:
    slow = replace(morning_bus(replace(OPEN, ride_slack=0)), pace=1500)
    fleet = Fleet([slow], GRID)
    found = fleet.best(wish((0, 0), (4, 2)))
    assert found is not None
    assert fleet.inserted(found).ride.max_ride == 360 * 3 // 2 * 3 // 2
    fleet.accept(found)
    assert fleet.run(0).rides[-1].max_ride == 810
    assert fleet.between(found)[2] == 540


def test_harm_weighs_as_the_objective_says() -> None:
    request = wish((1, 1), (4, 2))
    costs = [least(Fleet([morning_bus()], GRID, Objective(harm=harm)), request) for harm in (0, 1, 3)]
    assert costs == [120, 120 + 240, 120 + 720]


def test_a_fleet_that_outgrew_its_arrays_finds_what_a_fresh_one_does() -> None:
    """More tasks, positions and places than there was room for when it was built."""
    fleet = Fleet([long_bus()], GRID)
    asked = [wish((k % 5 + k / 100, k % 3), ((k + 2) % 5, (k + 1) % 3 + k / 100), name=f"q{k}") for k in range(90)]
    accept_all(fleet, asked)
    assert len(fleet.tasks) > 64
    fresh = Fleet([fleet.run(0)], GRID)
    assert broken(fleet.run(0), GRID, before=long_bus()) == []
    for k in range(20):
        request = wish((k % 5, k % 3 + 0.5), ((k + 1) % 5, 1.25), name="new", seats=1 + k % 3)
        old, new = fleet.best(request), fresh.best(request)
        assert (old and old.cost) == (new and new.cost)


@pytest.mark.parametrize("groups", [1, 80])
def test_a_group_named_for_the_first_time_keeps_those_apart_who_ride_already(groups: int) -> None:
    names = frozenset(f"group {k}" for k in range(groups)) | {"loud"}
    fleet = Fleet([long_bus()], GRID)
    accept_all(fleet, [wish((0, 0), (4, 0), name="loud one", groups=LOUD), wish((0, 0), (4, 0), name="quiet one")])
    shy = wish((1, 0), (3, 0), name="shy", apart=names)
    assert least(fleet, shy) == least(Fleet([fleet.run(0)], GRID), shy) == least_cost(shy, fleet.run(0), GRID, harm=1)
    assert least(fleet, shy) != least(fleet, replace(shy, apart=frozenset()))


def test_what_one_party_needs_does_not_bind_the_next_that_asks() -> None:
    fleet = Fleet([morning_bus()], GRID)
    alone = wish((0, 0), (4, 2), needs=frozenset({Need.ALONE}))
    assert least(fleet, alone) != least(fleet, wish((0, 0), (4, 2)))
    assert least(fleet, wish((0, 0), (4, 2))) == 0


def test_a_party_without_a_meeting_point_in_reach_finds_nothing() -> None:
    far = wish((0, 0), (4, 2), pickups=(MeetingPoint(corner(0, 0), walk=900),))
    assert Fleet([morning_bus()], GRID).best(far) is None


def test_a_fleet_of_no_runs_carries_nobody() -> None:
    assert Fleet([], GRID).best(wish((0, 0), (4, 2))) is None


def test_an_insertion_tells_the_times_and_the_driving_of_its_run() -> None:
    fleet = Fleet([care_van(), morning_bus()], GRID)
    found = fleet.best(wish((1, 1), (4, 2), party=Load(1)))
    assert found is not None
    one = fleet.inserted(found)
    begin = {visit.stop.id: visit.begin for visit in timetable(one.run, GRID)}
    assert (one.pickup_time, one.dropoff_time) == (begin[one.ride.pickup], begin[one.ride.dropoff])
    assert one.run.id == fleet.run(found.run).id


def test_warming_up_tells_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []
    fleets.warm(lambda done, of: told.append((done, of)))
    assert told == [(k + 1, len(told)) for k in range(len(told))]
    assert told
