"""Each promise, broken and mended: every test holds a run that breaks one rule only, and the same run made sound."""

import ast
import inspect
from dataclasses import replace
from typing import Any

import pytest

from matching import promises
from matching.model import Broken, Capacity, Detour, Load, Policy, Ride, Rule, Run, Stop, Window
from matching.promises import broken
from routing.times import NO_WAY, Place
from tests.matching.toy import EIGHT, GRID, OPEN, GridTimes, care_van, corner, morning_bus

BUS = morning_bus()
VAN = care_van()
ONE = Load(1)


def resident(pickup: str = "a", dropoff: str = "school", party: Load = ONE, **changes: Any) -> Ride:
    return replace(Ride("r", pickup, dropoff, party, 3600, groups=frozenset({"registered"})), **changes)


def carrying(ride: Ride, run: Run = BUS) -> Run:
    return replace(run, rides=(*run.rides, ride))


def boarding_at(place: Place, run: Run = BUS, *, behind: int = 1, dropoff: str = "school") -> Run:
    """Pick a resident up at a stop added behind position `behind`."""
    stops = (*run.stops[: behind + 1], Stop("r+", place), *run.stops[behind + 1 :])
    return carrying(resident("r+", dropoff), replace(run, stops=stops))


def changed(run: Run, name: str, **changes: Any) -> Run:
    """Change one stop or one ride of a run."""
    stops = tuple(replace(one, **changes) if one.id == name else one for one in run.stops)
    rides = tuple(replace(one, **changes) if one.id == name else one for one in run.rides)
    return replace(run, stops=stops, rides=rides)


def changed_ride(run: Run, field: str, window: Window) -> Run:
    return changed(run, "r", **{field: window})


def rules(run: Run, before: Run | None = None) -> list[Rule]:
    return [one.rule for one in broken(run, GRID, before)]


def test_the_toy_runs_are_sound() -> None:
    assert rules(BUS, BUS) == rules(VAN, VAN) == []


@pytest.mark.parametrize("ride", [resident("b", "a"), resident("a", "a"), resident("a", "gone"), resident("gone", "a")])
def test_a_ride_is_dropped_off_after_its_pickup(ride: Ride) -> None:
    assert rules(carrying(ride)) == [Rule.ORDER]
    assert rules(carrying(resident("a", "b"))) == []


def test_scheduled_stops_stand_in_their_published_order() -> None:
    a, b, c, school = BUS.stops
    assert rules(replace(BUS, stops=(a, c, b, school))) == [Rule.ORDER]
    assert rules(replace(BUS, stops=(a, b, c, school))) == []


def test_nobody_rides_twice_under_one_id() -> None:
    assert rules(carrying(BUS.rides[0])) == [Rule.ORDER]
    assert rules(carrying(replace(BUS.rides[0], id="p3"))) == []


def test_a_scheduled_stop_is_never_taken_away_or_altered() -> None:
    a, b, _, school = BUS.stops
    assert rules(replace(BUS, stops=(a, b, school)), BUS) == [Rule.STOPS]
    assert rules(changed(BUS, "c", place=corner(4, 1)), BUS) == [Rule.STOPS]
    assert rules(replace(BUS, stops=(a, b, school))) == []


def test_a_committed_rider_is_never_left_out() -> None:
    assert rules(replace(BUS, rides=BUS.rides[:1]), BUS) == [Rule.STOPS]
    assert rules(BUS, replace(BUS, rides=BUS.rides[:1])) == []


def test_no_stop_stands_twice() -> None:
    twice = (*BUS.stops, replace(BUS.stops[2], sequence=9))
    assert [(one.rule, one.excess) for one in broken(replace(BUS, stops=twice), GRID)] == [(Rule.STOPS, 1)]


def test_nobody_boards_at_a_depot_and_a_depot_is_at_an_end() -> None:
    assert rules(carrying(resident("out", "e"), VAN)) == [Rule.STOPS]
    assert rules(changed(VAN, "e", depot=True)) == [Rule.STOPS]
    assert rules(carrying(resident("d", "e"), VAN)) == []


def test_a_seat_is_never_sold_twice() -> None:
    small = morning_bus(seats=2)
    assert [(one.where, one.excess) for one in broken(carrying(resident(), small), GRID)] == [("b", 1), ("c", 1)]
    assert rules(carrying(resident("a", "b"), small)) == []
    assert set(rules(carrying(resident(), small))) == {Rule.SEATS}


def test_a_wheelchair_place_takes_its_seats_away() -> None:
    assert set(rules(carrying(resident("d", "e", Load(2)), VAN))) == {Rule.SEATS}
    assert rules(carrying(resident("d", "e", Load(1)), VAN)) == []
    assert rules(carrying(resident("d", "e", Load(3)), replace(VAN, rides=()))) == []


def test_a_wheelchair_needs_a_place_of_its_own() -> None:
    assert rules(carrying(resident("d", "e", Load(0, 1)), VAN)) == [Rule.WHEELCHAIR]
    assert rules(carrying(resident("d", "e", Load(0, 1)), replace(VAN, rides=()))) == []
    assert rules(carrying(resident("d", "e", Load(0, 1)), replace(VAN, capacity=Capacity.of(3, 2, 1)))) == []


@pytest.mark.parametrize("field", ["board", "alight"])
def test_a_resident_is_served_within_the_promised_window(field: str) -> None:
    run = carrying(resident("b", "school") if field == "board" else resident("a", "b"))
    assert rules(changed_ride(run, field, Window(latest=EIGHT + 119))) == [Rule.WINDOW]
    assert rules(changed_ride(run, field, Window(latest=EIGHT + 120))) == []


@pytest.mark.parametrize("field", ["board", "alight"])
def test_a_promised_window_may_be_narrowed_but_never_moved(field: str) -> None:
    before = changed_ride(carrying(resident()), field, Window(EIGHT, EIGHT + 900))
    for wider in (Window(EIGHT, EIGHT + 901), Window(EIGHT - 1, EIGHT + 900)):
        assert rules(changed_ride(before, field, wider), before) == [Rule.WINDOW]
    assert rules(changed_ride(before, field, Window(EIGHT, EIGHT + 600)), before) == []


def test_a_promise_names_its_stops_party_and_longest_ride() -> None:
    before = carrying(resident())
    for other in (resident("b"), resident(party=Load(2)), resident(max_ride=3601)):
        assert rules(carrying(other), before) == [Rule.WINDOW]
    assert rules(carrying(resident(max_ride=3599)), before) == []


def test_the_bell_is_kept() -> None:
    bell = [changed(BUS, "school", window=Window(EIGHT, latest)) for latest in (EIGHT + 359, EIGHT + 360)]
    assert broken(bell[0], GRID) == [Broken(Rule.BELL, "school", 1)]
    assert rules(bell[1]) == []


def test_a_committed_rider_is_delayed_no_more_than_the_policy_allows() -> None:
    run = boarding_at(corner(2, 1))
    assert rules(replace(run, policy=replace(OPEN, max_extra=119))) == [Rule.EXTRA]
    assert rules(replace(run, policy=replace(OPEN, max_extra=120))) == []


def test_the_delay_is_counted_from_the_drivable_plan_not_from_published_minutes() -> None:
    rushed = tuple(replace(one, planned=EIGHT, window=Window(EIGHT)) for one in BUS.stops)
    assert rules(replace(BUS, stops=rushed, policy=replace(OPEN, max_extra=0))) == []


def test_nobody_rides_longer_than_promised() -> None:
    assert broken(carrying(resident(max_ride=359)), GRID) == [Broken(Rule.MAX_RIDE, "r", 1)]
    assert rules(carrying(resident(max_ride=360))) == []


def test_standing_aboard_while_others_board_counts_as_riding() -> None:
    slow = changed(BUS, "b", dwell=60)
    assert rules(carrying(resident(max_ride=419), slow)) == [Rule.MAX_RIDE]
    assert rules(carrying(resident(max_ride=420), slow)) == []


def test_waiting_aboard_counts_as_riding_unless_the_vehicle_can_wait_before_the_pickup() -> None:
    waits = changed(BUS, "b", window=Window(EIGHT + 900, EIGHT + 1800))
    prompt = changed(waits, "a", window=Window(EIGHT, EIGHT))
    ride = resident("a", "b", max_ride=899)
    assert rules(carrying(ride, prompt)) == [Rule.BELL]
    assert rules(carrying(ride, waits)) == rules(carrying(replace(ride, max_ride=900), prompt)) == []


@pytest.mark.parametrize(
    ("place", "policy", "sound"),
    [
        (corner(3, 0), replace(OPEN, detour=Detour.NONE), False),
        (corner(3, 0), replace(OPEN, detour=Detour.ON_ROUTE), True),
        (corner(3, 1), replace(OPEN, detour=Detour.ON_ROUTE), False),
        (corner(3, 1), replace(OPEN, max_detour=119), False),
        (corner(3, 1), replace(OPEN, max_detour=120), True),
    ],
)
def test_a_run_leaves_its_road_no_farther_than_the_policy_allows(place: Place, policy: Policy, sound: bool) -> None:
    run = replace(boarding_at(place), policy=policy)
    assert rules(run) == ([] if sound else [Rule.DETOUR])


def test_all_detours_of_a_run_are_added_up() -> None:
    two = replace(boarding_at(corner(2, 1)), policy=replace(OPEN, max_detour=239))
    stops = (two.stops[0], Stop("s-", corner(0, 1)), *two.stops[1:])
    both = carrying(replace(resident("a", "s-"), id="s"), replace(two, stops=stops))
    assert rules(both) == [Rule.DETOUR]
    assert rules(replace(both, policy=OPEN)) == []


def test_residents_ride_outside_the_scheduled_part_only_where_deadhead_is_open() -> None:
    run = boarding_at(corner(0, 1), VAN, behind=0, dropoff="e")
    assert rules(replace(run, policy=replace(OPEN, deadhead=False))) == [Rule.DEADHEAD]
    assert rules(run) == []
    assert rules(replace(run, policy=replace(OPEN, max_detour=0, detour=Detour.NONE))) == []


class Fenced(GridTimes):
    def between(self, origin: Place, destination: Place) -> int:
        return NO_WAY if destination == corner(2, 1) != origin else super().between(origin, destination)


def test_a_run_only_goes_where_a_road_leads() -> None:
    assert [(one.rule, one.where) for one in broken(boarding_at(corner(2, 1)), Fenced())] == [(Rule.ROAD, "r+")]
    assert broken(boarding_at(corner(3, 1)), Fenced()) == []


def test_a_resident_holds_a_group_that_the_policy_admits() -> None:
    stranger = carrying(resident(groups=frozenset({"visitor"})))
    assert rules(stranger) == [Rule.WHO]
    assert rules(replace(stranger, policy=replace(OPEN, riders=frozenset({"anyone"})))) == []
    assert rules(replace(stranger, policy=replace(OPEN, riders=frozenset({"visitor"})))) == []


@pytest.mark.parametrize("closed", ["a", "school"])
def test_a_resident_uses_only_stops_that_are_open_to_residents(closed: str) -> None:
    assert rules(carrying(resident(), changed(BUS, closed, residents=False))) == [Rule.RESIDENTS]
    assert rules(carrying(resident(), changed(BUS, "b", residents=False))) == []


def test_what_has_been_served_is_never_changed() -> None:
    before = boarding_at(corner(1, 0), behind=0)
    without = replace(before, stops=BUS.stops, rides=BUS.rides)
    assert rules(without, replace(before, done=1)) == []
    assert Rule.DONE in rules(without, replace(before, done=2))


def test_nobody_aboard_is_left_out_of_the_plan() -> None:
    before = carrying(resident("a", "c"))
    assert rules(BUS, replace(before, done=1)) == [Rule.DONE]
    assert rules(BUS, replace(before, done=3)) == rules(BUS, before) == []


def test_nobody_boards_at_a_served_stop() -> None:
    assert rules(carrying(resident()), replace(BUS, done=1)) == [Rule.DONE]
    assert rules(carrying(resident("b")), replace(BUS, done=1)) == []


def test_the_judge_shares_no_code_with_those_it_judges() -> None:
    tree = ast.parse(inspect.getsource(promises))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name for name in imported if name and name.split(".")[0] in ("matching", "routing", "webapp")} == {
        "matching.model",
        "routing.times",
    }
