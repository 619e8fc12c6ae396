"""Each promise, broken and mended: every test holds a run that breaks one rule only, and the same run made sound."""

import ast
import inspect
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from matching import promises
from matching.model import Broken, Capacity, Detour, Load, Need, Policy, Ride, Rule, Run, Stop, Window
from matching.promises import broken, unlinked
from matching.rides import without
from routing.times import NO_WAY, Place
from tests.matching.oracle import cheapest
from tests.matching.strategies import Day, days
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


def pair(needs: Need | None = None, other: Need | None = None, **changes: Any) -> Run:
    """Let two residents q and r alone ride the bus from a to the school; changes are those of r."""
    both = [resident(id=name, needs=frozenset({need} if need else ())) for name, need in (("q", other), ("r", needs))]
    return changed(replace(BUS, rides=tuple(both)), "r", **changes)


def at(field: str, stops: int) -> dict[str, Any]:
    """Say how many leading stops are `done` or `frozen`."""
    return {field: stops}


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


def test_nobody_aboard_is_left_out_of_the_plan() -> None:
    before = carrying(resident("a", "c"))
    assert rules(BUS, replace(before, done=1)) == [Rule.DONE]
    assert rules(BUS, replace(before, done=3)) == rules(BUS, before) == []


# Room


@pytest.mark.parametrize(("room", "sound"), [(1, False), (2, True)])
def test_walkers_and_luggage_are_stowed_where_there_is_room(room: int, sound: bool) -> None:
    run = carrying(resident("b", "c", Load(1, 0, 2)), replace(BUS, capacity=Capacity.of(4, stowage=room)))
    assert broken(run, GRID) == ([] if sound else [Broken(Rule.STOWAGE, "b", 1)])


def test_stowage_seats_and_wheelchair_places_are_those_of_one_layout() -> None:
    folding = replace(VAN, rides=(), capacity=Capacity((Load(3, 0, 2), Load(1, 1, 0))))
    for party, rule in ((Load(1, 1, 1), Rule.STOWAGE), (Load(2, 1), Rule.SEATS), (Load(0, 2), Rule.WHEELCHAIR)):
        assert broken(carrying(resident("d", "e", party), folding), GRID) == [Broken(rule, "d", 1)]
    assert rules(carrying(resident("d", "e", Load(3, 0, 2)), folding)) == []
    assert rules(carrying(resident("d", "e", Load(1, 1)), folding)) == []


@pytest.mark.parametrize(("need", "sound"), [("AV-12", False), ("AV-99", True)])
def test_the_seat_beside_who_needs_it_empty_is_not_sold(need: str, sound: bool) -> None:
    run = carrying(resident(needs=frozenset({need})), morning_bus(seats=3))
    assert set(rules(run)) == (set() if sound else {Rule.SEATS})
    assert rules(replace(run, capacity=Capacity.of(4))) == []


# Company


@pytest.mark.parametrize(
    ("run", "sound"),
    [
        (pair(apart=frozenset({"registered"})), False),
        (pair(apart=frozenset({"visitor"})), True),
        (pair(apart=frozenset({"registered"}), groups=frozenset({"registered", "loud"}), dropoff="b"), False),
        (changed(pair(apart=frozenset({"registered"}), dropoff="b"), "q", pickup="b"), True),
        (pair(Need.ALONE), False),
        (pair(other=Need.ALONE), False),
        (pair(), True),
        (changed(pair(Need.ALONE, dropoff="b"), "q", pickup="b"), True),
        (changed(pair(Need.ALONE, pickup="c"), "q", dropoff="c"), True),
        (changed(pair(Need.ALONE, pickup="b"), "q", dropoff="c"), False),
    ],
)
def test_nobody_rides_with_those_from_whom_it_is_kept_apart(run: Run, sound: bool) -> None:
    assert broken(run, GRID) == ([] if sound else [Broken(Rule.APART, name, 1) for name in ("q", "r")])


def test_residents_and_committed_riders_are_kept_apart_alike() -> None:
    pupil = changed(BUS, "p1", groups=frozenset({"pupil"}))
    kept = carrying(resident("a", "b", apart=frozenset({"pupil"})), pupil)
    assert {one.where for one in broken(kept, GRID)} == {"p1", "r"}
    assert rules(changed(kept, "p1", groups=frozenset())) == []


@pytest.mark.parametrize(
    ("run", "others"),
    [
        (pair(Need.LAST_IN_FIRST_OUT), 0),
        (changed(pair(Need.LAST_IN_FIRST_OUT), "q", pickup="b"), 1),
        (changed(pair(Need.LAST_IN_FIRST_OUT), "q", dropoff="c"), 1),
        (changed(pair(Need.LAST_IN_FIRST_OUT), "q", pickup="b", dropoff="c"), 1),
        (changed(pair(), "q", pickup="b", dropoff="c"), 0),
        (pair(Need.LAST_IN_FIRST_OUT, pickup="b", dropoff="c"), 0),
        (changed(pair(Need.LAST_IN_FIRST_OUT, pickup="b"), "q", dropoff="b"), 0),
        (changed(pair(Need.LAST_IN_FIRST_OUT, dropoff="c"), "q", pickup="c"), 0),
    ],
)
def test_who_is_last_in_is_first_out(run: Run, others: int) -> None:
    assert broken(run, GRID) == ([Broken(Rule.LAST_IN, "r", others)] if others else [])


@pytest.mark.parametrize(
    ("ends", "needs", "met"),
    [
        (("a", "b"), {"accompanied"}, True),
        (("a", "b"), {"AV-99"}, False),
        (("b", "school"), {"accompanied"}, False),
        (("a", "school"), {"accompanied"}, True),
    ],
)
def test_who_must_be_accompanied_is_never_alone_with_residents(
    ends: tuple[str, str], needs: set[str], met: bool
) -> None:
    """The first pupil is alone until the second one boards at b."""
    run = carrying(resident(*ends), changed(BUS, "p1", needs=frozenset(needs)))
    assert broken(run, GRID) == ([Broken(Rule.ACCOMPANIED, name, 1) for name in ("p1", "r")] if met else [])


def test_two_people_of_one_committed_party_accompany_one_another() -> None:
    run = carrying(resident("a", "b"), changed(BUS, "p1", needs=frozenset({Need.ACCOMPANIED})))
    assert set(rules(run)) == {Rule.ACCOMPANIED}
    assert rules(changed(run, "p1", party=Load(2))) == []


def test_a_resident_who_asks_to_be_accompanied_is_no_committed_rider() -> None:
    assert rules(carrying(resident("a", "b", needs=frozenset({Need.ACCOMPANIED})))) == []


# What has been, and what is near


@pytest.mark.parametrize("field", ["done", "frozen"])
def test_what_is_fixed_is_never_changed(field: str) -> None:
    before = boarding_at(corner(1, 0), behind=0)
    cancelled = replace(before, stops=BUS.stops, rides=BUS.rides)
    assert Rule.DONE in rules(cancelled, replace(before, **at(field, 2)))
    assert rules(cancelled, replace(before, **at(field, 1))) == []
    late = boarding_at(corner(1, 0), behind=0)
    assert Rule.DONE in rules(late, replace(BUS, **at(field, 2)))
    assert rules(late, replace(BUS, **at(field, 1))) == []


@pytest.mark.parametrize("field", ["done", "frozen"])
def test_nobody_new_boards_or_alights_at_a_fixed_stop(field: str) -> None:
    assert rules(carrying(resident("a")), replace(BUS, **at(field, 1))) == [Rule.DONE]
    assert rules(carrying(resident("b")), replace(BUS, **at(field, 1))) == []


def test_who_has_not_boarded_may_still_cancel_at_a_frozen_stop() -> None:
    before = replace(boarding_at(corner(1, 0), behind=0), frozen=2)
    assert rules(without(before, "r"), before) == []
    assert [one.id for one in without(before, "r").stops] == ["a", "r+", "b", "c", "school"]


def test_lateness_where_the_vehicle_has_been_is_history_and_what_follows_from_it_is_not() -> None:
    strict = replace(BUS, policy=replace(OPEN, max_extra=0))
    late = replace(strict, done=2, reached=(EIGHT, EIGHT + 180))
    assert broken(late, GRID) == [Broken(Rule.EXTRA, "school", 60)]
    assert rules(replace(late, reached=(EIGHT, EIGHT + 120))) == []
    assert rules(replace(late, done=4, reached=(EIGHT, EIGHT + 180, EIGHT + 300, EIGHT + 9000))) == []


@pytest.mark.parametrize(("dropoff", "faults"), [("b", []), ("c", [Rule.WINDOW, Rule.MAX_RIDE])])
def test_a_ride_that_is_over_is_history(dropoff: str, faults: list[Rule]) -> None:
    ride = resident("a", dropoff, max_ride=400, alight=Window(latest=EIGHT + 600))
    late = replace(carrying(ride), done=2, reached=(EIGHT, EIGHT + 610))
    assert rules(late) == faults


def test_a_plan_that_forgets_where_the_vehicle_is_is_judged_by_where_it_is() -> None:
    strict = replace(BUS, policy=replace(OPEN, max_extra=0))
    late = replace(strict, done=1, reached=(EIGHT + 60,))
    slower = carrying(resident("b", dwell=1), strict)
    assert broken(slower, GRID, late) == [Broken(Rule.EXTRA, "school", 61)]
    assert rules(strict, late) == []


def test_a_past_longer_than_the_run_is_no_past() -> None:
    assert rules(replace(BUS, stops=BUS.stops[:1], rides=(), reached=(EIGHT, EIGHT))) == [Rule.DONE]


# Runs that break promises already


LATE = replace(carrying(resident("b", "c"), morning_bus(replace(OPEN, max_extra=0))), done=1, reached=(EIGHT + 60,))


def test_a_late_run_may_be_kept_as_it_is_and_with_a_rider_less() -> None:
    assert {one.where for one in broken(LATE, GRID)} == {"b", "school"}
    assert rules(LATE, LATE) == rules(without(LATE, "r"), LATE) == []


def test_a_late_run_takes_who_makes_it_no_later() -> None:
    assert rules(carrying(resident("b", "school", id="s"), LATE), LATE) == []
    slower = carrying(resident("b", "school", id="s", dwell=1), LATE)
    assert broken(slower, GRID, LATE) == [Broken(Rule.EXTRA, "school", 61)]


def test_a_late_run_makes_no_promise_that_it_breaks_at_once() -> None:
    """Somebody whose window is missed already excuses nobody who is only promised one now."""
    missed = changed_ride(LATE, "board", Window(latest=EIGHT))
    assert Rule.WINDOW in rules(missed)
    assert rules(missed, missed) == []
    again = resident("b", "c", id="s", board=Window(latest=EIGHT + 179))
    assert broken(carrying(again, missed), GRID, missed) == [Broken(Rule.WINDOW, "b", 1)]
    assert rules(carrying(replace(again, board=Window(latest=EIGHT + 180)), missed), missed) == []


def test_what_a_run_breaks_excuses_neither_other_rules_nor_other_places() -> None:
    small = replace(LATE, capacity=Capacity.of(2))
    assert [one.rule for one in broken(small, GRID, LATE)] == [Rule.SEATS]
    full = carrying(resident("c", "school", id="s"), small)
    assert [one.where for one in broken(full, GRID, small)] == ["c"]
    assert rules(small, small) == []


def test_a_run_that_no_driver_could_follow_excuses_nothing() -> None:
    a, b, c, school = LATE.stops
    tangled = replace(LATE, stops=(a, c, b, school))
    assert Rule.ORDER in rules(tangled, tangled)
    assert set(rules(LATE, tangled)) == {Rule.EXTRA}


def test_a_road_that_was_closed_keeps_nobody_from_cancelling() -> None:
    cut_off = boarding_at(corner(2, 1))
    assert broken(without(cut_off, "r"), Fenced(), cut_off) == broken(cut_off, Fenced(), cut_off) == []
    assert Rule.ROAD in {one.rule for one in broken(cut_off, Fenced(), BUS)}


# Return trips


def test_a_return_trip_follows_an_outbound_one_of_its_day() -> None:
    out, back = carrying(resident(id="out")), carrying(resident(id="back", after="out"), VAN)
    assert unlinked([out, back]) == unlinked([carrying(resident(id="back", after="out"), out)]) == []
    assert unlinked([back]) == [Broken(Rule.LINKED, "back")]
    assert unlinked([replace(out, service_date="2026-11-24"), back]) == [Broken(Rule.LINKED, "back")]


def test_a_committed_rider_uses_scheduled_stops() -> None:
    run = boarding_at(corner(2, 1))
    assert rules(changed(run, "r", committed=True)) == [Rule.STOPS]
    assert rules(run) == []


@given(days())
@settings(max_examples=200)
def test_cancelling_never_makes_a_run_worse(day: Day) -> None:
    run = day.run
    for served, request in day.steps:
        run = day.reach(run, served)
        found = cheapest(request, run, GRID)
        run = found[1] if found else run
    late = day.reach(run, max((served for served, _ in day.steps), default=0))
    for ride in late.residents:
        if late.positions()[ride.pickup] >= late.done:
            assert broken(without(late, ride.id), GRID, before=late) == []


def test_the_judge_shares_no_code_with_those_it_judges() -> None:
    tree = ast.parse(inspect.getsource(promises))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name for name in imported if name and name.split(".")[0] in ("matching", "routing", "webapp")} == {
        "matching.model",
        "routing.times",
    }


# A quota of residents


def quota(most: int | None, run: Run = BUS) -> Run:
    return replace(run, policy=replace(run.policy, quota=most))


def test_no_more_residents_are_aboard_at_once_than_the_quota_however_many_seats_are_free() -> None:
    """Committed riders share the vehicle and not the quota, so a smaller vehicle would not say the same."""
    two = carrying(resident(id="q"), carrying(resident()))
    assert broken(quota(2, two), GRID) == broken(two, GRID) == []
    assert {fault.rule for fault in broken(quota(1, two), GRID)} == {Rule.QUOTA}
    assert [fault.excess for fault in broken(quota(0, two), GRID)] == [2, 2, 2]
    apart = carrying(resident("c", "school"), carrying(resident("a", "b", id="q")))
    assert broken(quota(1, apart), GRID) == [], "one after the other they take one place"


def test_a_lower_quota_takes_nobody_off_and_admits_nobody_new_beside_them() -> None:
    before = quota(2, carrying(resident("a", "c", id="q"), carrying(resident("a", "c"))))
    lower = quota(1, before)
    assert broken(lower, GRID, before) == []
    assert broken(carrying(resident("c", "school", id="s"), lower), GRID, before) == []
    beside = carrying(resident("b", "school", id="s"), replace(lower, capacity=Capacity.of(9)))
    faults = broken(beside, GRID, replace(before, capacity=Capacity.of(9)))
    assert {fault.rule for fault in faults} == {Rule.QUOTA}
