"""What a dispatcher does to random days: nobody is forgotten, and who stays is no worse off than the judge lets."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import Day as FuzzDay
from benchmarks.fuzz import GridTimes
from matching import steering
from matching.model import Capacity, Detour, Load, Rule, Run
from matching.promises import broken, unlinked
from matching.schedule import timetable
from matching.steering import Action, Breakdown, CallOff, Day, Hold, Move, Outcome, Put, Swap
from routing.times import Place
from tests.matching.toy import EIGHT, GRID, OPEN, care_van, morning_bus, wish

STREETS = GridTimes()


def of_school(run: Run) -> Run:
    return replace(run, operator="school")


def school_day(*runs: Run, now: int = EIGHT - 3600, **more: object) -> Day:
    return Day([of_school(run) for run in runs], "school", now, GRID, **more)  # type: ignore[arg-type]


def second_bus(seats: int = 4) -> Run:
    """The same way ten minutes later."""
    bus = morning_bus(seats=seats)
    later = [
        replace(
            stop,
            planned=stop.planned and stop.planned + 600,
            window=replace(stop.window, earliest=stop.window.earliest + 600),
        )
        for stop in bus.stops
    ]
    own = tuple(replace(ride, id=f"{ride.id}-2") for ride in bus.rides)
    return replace(bus, id="bus-2", vehicle="bus-2", stops=tuple(later), rides=own)


def random_day(seed: int) -> tuple[FuzzDay, Day]:
    """Let people book, and vehicles drive, on a random day of one operator."""
    made = FuzzDay(seed, 1, STREETS)
    draw = Random(seed)
    for _ in range(draw.randrange(8, 16)):
        made.book()
    for _ in range(draw.randrange(12)):
        made.reach()
    wishes = {one.id: one for one in made.waiting}
    day = Day([*made.runs.values()], "town", made.clock, STREETS, wishes)
    return made, day


def random_actions(day: Day, draw: Random) -> Iterator[Action]:
    for _ in range(draw.randrange(1, 4)):
        run = draw.choice(day.runs)
        stop = draw.choice(run.stops)
        residents = [ride.id for ride in run.residents]
        aboard = frozenset(ride.id for ride in _aboard(run))
        over = frozenset(ride.id for ride in run.rides if run.positions()[ride.dropoff] < run.done)
        place = run.stops[max(0, run.done - 1)].place
        kinds: list[Action] = [
            Hold(run.id, stop.id, draw.choice((60, 300, 1200))),
            Swap(run.id, "other", Capacity.of(draw.choice((1, 2, 6)), draw.choice((0, 1))).layouts),
            Breakdown(run.id, day.now, place, aboard, over, draw.choice((None, day.now + 600, day.now + 3600))),
            CallOff(run.id),
        ]
        kinds += [Put(name, run.id) for name in [*day.wishes][:1]]
        kinds += [Move(name, run.id, draw.choice(day.runs).id) for name in residents[:1]]
        yield draw.choice(kinds)


def _aboard(run: Run) -> list:  # type: ignore[type-arg]
    at = run.positions()
    return [ride for ride in run.rides if at[ride.pickup] < run.done <= at[ride.dropoff]]


def check(day: Day, found: Outcome) -> None:
    """Hold an outcome against the judge and against the rides that there were."""
    before = {run.id: run for run in day.runs}
    for name, run in found.runs.items():
        kept = before.get(name)
        assert broken(run, STREETS, kept, stranded=found.stranded.get(name, ())) == []
    riders = [ride.id for run in found.runs.values() for ride in run.rides]
    assert len(riders) == len(set(riders))
    was_linked = {one.where for one in unlinked(before.values())}
    assert {one.where for one in unlinked(found.runs.values())} <= was_linked
    told = {(one.run, one.ride): one for one in found.changes}
    for run in day.runs:
        for ride in run.rides:
            change = told.get((run.id, ride.id))
            stays = run.id in found.runs and ride in found.runs[run.id].rides
            if change is None:
                assert stays
            elif change.to:
                assert change.new in {one.id for one in found.runs[change.to].rides}
            elif change.kind == "stranded":
                assert stays
            else:
                assert not stays


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_whatever_is_done_to_a_day_the_judge_finds_nothing_worse_and_nobody_is_forgotten(seed: int) -> None:
    _, day = random_day(seed)
    check(day, steering.apply([*random_actions(day, Random(seed))], day))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_a_breakdown_accounts_for_everybody_on_the_run(seed: int) -> None:
    _, day = random_day(seed)
    run = max(day.runs, key=lambda one: (len(_aboard(one)), one.id))
    aboard = frozenset(ride.id for ride in _aboard(run))
    at = run.positions()
    over = frozenset(ride.id for ride in run.rides if at[ride.dropoff] < run.done)
    action = Breakdown(run.id, day.now, run.stops[max(0, run.done - 1)].place, aboard, over, day.now + 900)
    found = steering.apply([action], day)
    assert found.refused == ()
    check(day, found)
    left = {ride.id for ride in run.rides if ride.id not in over and (ride.id in aboard or at[ride.pickup] >= run.done)}
    assert left == {one.ride for one in found.changes if one.run == run.id}


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_what_was_done_is_undone_to_the_same_plan(seed: int) -> None:
    _, day = random_day(seed)
    found = steering.apply([*random_actions(day, Random(seed))], day)
    for name in found.touched - found.gone - {*found.made}:
        before = next(run for run in day.runs if run.id == name)
        back, faults = steering.undo(before, found.runs[name], found.runs[name], STREETS)
        assert back == before
        if not any(fault.rule in (Rule.DONE, Rule.STOPS) for fault in faults):
            assert faults == []


def test_a_hold_moves_all_that_follows_and_is_refused_where_a_rider_would_be_too_late() -> None:
    day = school_day(morning_bus())
    held = steering.apply([Hold("bus", "b", 300)], day)
    assert {(one.kind, one.ride, one.late) for one in held.changes} == {("retimed", "p1", 0), ("retimed", "p2", 0)}
    assert [one.after[1] - one.before[1] for one in held.changes if one.before and one.after] == [300, 300]
    late = steering.apply([Hold("bus", "b", 900)], day)
    assert (late.changes, late.touched) == ((), frozenset())
    assert late.refused[0].stopped[0].rule is Rule.EXTRA


def test_a_run_that_is_late_already_may_be_held_where_nothing_gets_worse() -> None:
    bus = replace(morning_bus(), done=4, reached=(EIGHT, EIGHT + 120, EIGHT + 240, EIGHT + 3600))
    assert steering.apply([Hold("bus", "school", 300)], school_day(bus)).refused == ()


def test_children_of_a_broken_bus_ride_on_another_before_residents_do() -> None:
    other = second_bus(seats=4)
    bus = morning_bus()
    booked = steering.apply([Put("q", "bus")], school_day(bus, other, wishes={"q": wish((2, 0), (4, 2))}))
    bus = replace(booked.runs["bus"], done=2, reached=(EIGHT, EIGHT + 120))
    aboard = frozenset({"p1", "p2", "q"})
    action = Breakdown("bus", EIGHT + 200, Place(3, 0), aboard)
    found = steering.apply([action], school_day(bus, other, now=EIGHT + 200))
    assert {one.ride: (one.kind, one.to) for one in found.changes if one.run == "bus"} == {
        "p1": ("moved", "bus-2"), "p2": ("moved", "bus-2"), "q": ("stranded", ""),
    }  # fmt: skip
    guests = [ride for ride in found.runs["bus-2"].rides if ride.guest]
    assert {ride.id for ride in guests} == {"bus~p1", "bus~p2"}
    assert [ride.id for ride in found.runs["bus"].rides] == ["q"]


def test_a_vehicle_that_relieves_another_takes_whom_no_run_can_take_and_says_how_late() -> None:
    bus = replace(morning_bus(), done=2, reached=(EIGHT, EIGHT + 120))
    action = Breakdown("bus", EIGHT + 200, Place(3, 0), frozenset({"p1", "p2"}), relief=EIGHT + 3600)
    found = steering.apply([action], school_day(bus, now=EIGHT + 200))
    assert {(one.ride, one.to) for one in found.changes} == {("p1", "bus+"), ("p2", "bus+")}
    assert found.made == {"bus+": "bus"}
    arrives = {visit.stop.id: visit.begin for visit in timetable(found.runs["bus+"], GRID)}["school"]
    assert [one.after[1] for one in found.changes if one.after] == [arrives, arrives]
    assert all(one.late > 1800 for one in found.changes)
    assert broken(found.runs["bus+"], GRID) == []


def test_a_smaller_vehicle_keeps_its_own_riders_and_lets_residents_go_first() -> None:
    asked = {"q": wish((2, 0), (4, 2))}
    day = school_day(morning_bus(), second_bus(seats=4), wishes=asked)
    booked = steering.apply([Put("q", "bus")], day)
    again = replace(day, runs=[*booked.runs.values()])
    found = steering.apply([Swap("bus", "small", (Load(2),))], again)
    assert [(one.ride, one.kind, one.to) for one in found.changes] == [("q", "moved", "bus-2")]
    none = steering.apply([Swap("bus", "tiny", (Load(0),))], school_day(morning_bus()))
    assert {one.rule for one in none.refused[0].stopped} == {Rule.SEATS}


def test_a_request_is_put_on_a_run_past_its_notice_but_never_past_a_promise() -> None:
    strict = replace(OPEN, notice=86_400, closes=-86_400)
    day = school_day(morning_bus(strict), wishes={"q": wish((2, 0), (4, 2)), "many": wish((2, 0), (4, 2), seats=5)})
    assert [one.kind for one in steering.apply([Put("q", "bus")], day).changes] == ["put"]
    refused = steering.apply([Put("many", "bus")], day).refused[0]
    assert (refused.stopped[0].rule, refused.stopped[0].excess) == (Rule.SEATS, 1)


def test_a_run_of_another_operator_is_not_touched() -> None:
    day = Day([morning_bus(), care_van()], "school", EIGHT - 3600, GRID)
    found = steering.apply([CallOff("van")], day)
    assert (found.touched, [one.run for one in found.refused]) == (frozenset(), ["van"])


@pytest.mark.parametrize("detour", [Detour.NONE, Detour.ON_ROUTE])
def test_a_guest_may_board_where_no_resident_could_but_delays_nobody_beyond_what_was_promised(detour: Detour) -> None:
    strict = replace(OPEN, detour=detour, max_detour=0, max_extra=240)
    other = replace(second_bus(), policy=strict)
    bus = replace(morning_bus(), done=1, reached=(EIGHT,))
    found = steering.apply(
        [Breakdown("bus", EIGHT + 60, Place(1, 1), frozenset({"p1"}))], school_day(bus, other, now=EIGHT + 60)
    )
    assert "bus~p1" in {ride.id for ride in found.runs["bus-2"].rides}
    far = steering.apply(
        [Breakdown("bus", EIGHT + 60, Place(1, 8), frozenset({"p1"}))], school_day(bus, other, now=EIGHT + 60)
    )
    assert [(one.ride, one.kind) for one in far.changes if one.aboard] == [("p1", "stranded")]
