"""Times, loads and free seats of a run, told from one pass over its stops."""

from dataclasses import replace
from math import ceil

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from matching import promises
from matching.model import Load, Need, Run, Window
from matching.schedule import (
    baseline,
    drive,
    free_seats,
    frozen_until,
    latest_begin,
    legs_of,
    paced,
    paced_table,
    timetable,
)
from routing.times import NO_WAY
from tests.matching.oracle import cheapest
from tests.matching.strategies import Day, days
from tests.matching.toy import EIGHT, GRID, OPEN, care_van, morning_bus, pupil, wish


def filled(day: Day) -> Run:
    """Seat on a day whoever finds a place, while its vehicle goes its way as it is seen to go."""
    run = day.run
    for served, request in day.steps:
        run = day.reach(run, served)
        found = cheapest(request, run, GRID)
        run = found[1] if found else run
    return run


def punctual(day: Day) -> Run:
    """Seat on a day whoever finds a place, while nothing is seen of its vehicle."""
    return filled(replace(day, late=()))


def begins(run: Run) -> list[int]:
    return [visit.begin - EIGHT for visit in timetable(run, GRID)]


@given(days())
def test_a_timetable_agrees_with_the_judges_own_timing(day: Day) -> None:
    run = filled(day)
    judged = promises._lay_out(run, GRID)
    visits = timetable(run, GRID)
    assert [visit.begin for visit in visits[1:]] == judged.begin[1:]
    assert [visit.departure - visit.begin for visit in visits] == judged.dwell
    assert visits[0].begin == judged.begin[0] or (run.stops[0].depot and not run.reached)


@given(days())
def test_service_began_when_it_did_and_what_is_ahead_follows_from_that(day: Day) -> None:
    run = filled(day)
    visits = timetable(run, GRID)
    assert tuple(visit.begin for visit in visits[: len(run.reached)]) == run.reached
    for a, b in zip(visits[max(len(run.reached) - 1, 0) :], visits[max(len(run.reached), 1) :], strict=False):
        assert b.begin >= b.arrival == a.departure + ceil(GRID.between(a.stop.place, b.stop.place) * run.pace / 1000)


@given(days())
def test_a_vehicle_arrives_before_it_begins_and_begins_within_every_window(day: Day) -> None:
    run = punctual(day)
    for visit in timetable(run, GRID):
        assert visit.arrival <= visit.begin <= visit.departure
        assert visit.begin in visit.stop.window
        assert all(visit.begin in ride.board for ride in visit.boarding)
        assert all(visit.begin in ride.alight for ride in visit.alighting)


@given(days())
def test_nobody_is_aboard_longer_than_their_longest_ride(day: Day) -> None:
    run = punctual(day)
    at = {visit.stop.id: visit for visit in timetable(run, GRID)}
    assert all(at[ride.dropoff].begin - at[ride.pickup].departure <= ride.max_ride for ride in run.rides)


@given(days())
def test_free_seats_are_what_one_more_party_can_take(day: Day) -> None:
    run = filled(day)
    visits = timetable(run, GRID)
    for visit, free in zip(visits, free_seats(run, visits), strict=False):
        assert run.capacity.fits(visit.load + Load(free.seats))
        assert not run.capacity.fits(visit.load + Load(free.seats + 1))
        assert run.capacity.fits(visit.load + Load(0, free.wheelchairs))
        assert not run.capacity.fits(visit.load + Load(0, free.wheelchairs + 1))
        assert run.capacity.fits(visit.load + Load(0, 0, free.stowage))
        assert not run.capacity.fits(visit.load + Load(0, 0, free.stowage + 1))


def test_a_vehicle_waits_for_a_published_minute() -> None:
    late = tuple(replace(one, window=Window(EIGHT + 600)) if one.id == "b" else one for one in morning_bus().stops)
    visits = timetable(replace(morning_bus(), stops=late), GRID)
    assert [visit.arrival - EIGHT for visit in visits] == [0, 120, 720, 840]
    assert [visit.begin - EIGHT for visit in visits] == [0, 600, 720, 840]


def test_a_vehicle_waits_before_a_pickup_rather_than_with_somebody_aboard_too_long() -> None:
    *before, school = morning_bus().stops
    stops = (*before, replace(school, window=Window(EIGHT + 900)))
    rides = (replace(pupil("p1", "a", "school"), max_ride=400),)
    assert begins(replace(morning_bus(), stops=stops, rides=rides)) == [500, 620, 740, 900]


def test_a_vehicle_stands_in_its_depot_rather_than_at_its_first_stop() -> None:
    assert begins(care_van())[:2] == [-60, 0]
    hasty = replace(care_van().stops[0], window=Window(EIGHT - 1800, EIGHT - 300))
    assert begins(replace(care_van(), stops=(hasty, *care_van().stops[1:])))[:2] == [-300, 0]


def test_a_longest_ride_that_cannot_be_kept_leaves_a_run_timed_and_late() -> None:
    rides = (replace(pupil("p1", "a", "school"), max_ride=100),)
    assert begins(replace(morning_bus(), rides=rides)) == [0, 120, 240, 360]


def test_dwell_is_the_schedules_own_and_each_partys() -> None:
    slow = tuple(replace(one, dwell=40) if one.id == "b" else one for one in morning_bus().stops)
    rides = (replace(pupil("p1", "a", "b"), dwell=20), replace(pupil("p2", "b", "school"), dwell=20))
    visits = timetable(replace(morning_bus(), stops=slow, rides=rides), GRID)
    assert [visit.departure - visit.begin for visit in visits] == [20, 80, 0, 20]


def test_loads_change_where_riders_board_and_alight() -> None:
    visits = timetable(morning_bus(), GRID)
    assert [visit.load for visit in visits] == [Load(1), Load(2), Load(2), Load(0)]
    assert [ride.id for ride in visits[-1].alighting] == ["p1", "p2"]


def test_a_wheelchair_aboard_leaves_fewer_seats_free() -> None:
    van = care_van()
    assert free_seats(van, timetable(van, GRID)) == [Load(3, 1), Load(1, 0), Load(1, 0), Load(3, 1)]


def test_seated_riders_leave_no_wheelchair_place_free() -> None:
    full = replace(care_van(), rides=tuple(pupil(f"p{n}", "d", "centre") for n in range(2)))
    assert free_seats(full, timetable(full, GRID))[1] == Load(1, 0)


def test_the_baseline_of_a_run_is_the_run_without_residents_and_without_a_past() -> None:
    found = cheapest(wish((1, 1), (4, 1)), morning_bus(), GRID)
    assert found is not None
    assert baseline(replace(found[1], done=2, reached=(EIGHT + 60, EIGHT + 300), frozen=3)) == morning_bus()


def test_the_latest_begin_at_a_stop_is_the_bell_or_the_allowed_delay() -> None:
    limits = latest_begin(morning_bus(), GRID)
    assert limits == {"a": EIGHT + 600, "b": EIGHT + 720, "c": 172_800, "school": EIGHT + 960}
    assert latest_begin(morning_bus(replace(OPEN, max_extra=3600)), GRID)["school"] == EIGHT + 1800


def test_the_latest_begin_does_not_move_with_residents_aboard_nor_when_the_vehicle_is_late() -> None:
    found = cheapest(wish((1, 1), (4, 1)), morning_bus(), GRID)
    assert found is not None
    late = replace(found[1], done=1, reached=(EIGHT + 3600,))
    assert latest_begin(late, GRID) == latest_begin(morning_bus(), GRID)


def test_who_needs_an_empty_seat_takes_two_and_is_one() -> None:
    run = replace(morning_bus(), rides=(replace(pupil("p1", "a", "school"), needs=frozenset({Need.EMPTY_SEAT})),))
    visits = timetable(run, GRID)
    assert [(visit.load, visit.aboard) for visit in visits[::3]] == [(Load(2), Load(1)), (Load(), Load())]
    assert free_seats(run, visits)[0] == Load(2)


def test_a_vehicle_that_came_late_goes_on_from_when_it_came() -> None:
    late = replace(morning_bus(), done=2, reached=(EIGHT + 60, EIGHT + 300))
    assert begins(late) == [60, 300, 420, 540]
    assert begins(replace(late, reached=(EIGHT - 600,))) == [-600, 120, 240, 360]


def test_a_vehicle_that_left_its_depot_stands_there_no_more() -> None:
    gone = replace(care_van(), done=1, reached=(EIGHT - 1200,))
    visits = timetable(gone, GRID)
    assert (visits[0].begin, visits[1].arrival, visits[1].begin) == (EIGHT - 1200, EIGHT - 1140, EIGHT)
    assert begins(replace(gone, reached=()))[0] == -1800


def test_nobody_who_was_picked_up_is_picked_up_again_later_to_ride_less_long() -> None:
    *before, school = morning_bus().stops
    waiting = (*before, replace(school, window=Window(EIGHT + 900)))
    rides = (replace(pupil("p1", "a", "school"), max_ride=400),)
    run = replace(morning_bus(), stops=waiting, rides=rides)
    assert begins(replace(run, done=1, reached=(EIGHT,))) == [0, 120, 240, 900]
    assert begins(replace(run, done=1)) == [500, 620, 740, 900]


def test_stops_that_are_near_are_frozen_and_those_reached_among_them() -> None:
    run = morning_bus()
    assert [frozen_until(run, GRID, EIGHT + at).frozen for at in (0, 1, 120, 121, 3600)] == [0, 1, 1, 2, 4]
    late = replace(run, done=2, reached=(EIGHT, EIGHT + 600))
    assert [frozen_until(late, GRID, EIGHT + at).frozen for at in (0, 720, 721)] == [2, 2, 3]
    assert frozen_until(run, GRID, EIGHT + 121) == replace(run, frozen=2)


def test_a_run_of_one_stop_stands_still() -> None:
    one = replace(morning_bus(), stops=morning_bus().stops[:1], rides=())
    assert begins(one) == [0]
    assert free_seats(one, timetable(one, GRID)) == []


# Pace

DRIVES = st.integers(0, 100_000) | st.sampled_from([0, 1, NO_WAY])
PACES = st.integers(500, 4000) | st.just(1000)


def test_in_traffic_every_drive_takes_longer_and_a_second_begun_counts_whole() -> None:
    slow = replace(morning_bus(), pace=1301)
    assert legs_of(morning_bus(), GRID) == [120, 120, 120]
    assert legs_of(slow, GRID) == [157, 157, 157]
    assert begins(slow) == [0, 157, 314, 471]
    assert drive(slow, slow.stops[0].place, slow.stops[3].place, GRID) == 469


def test_a_stop_is_frozen_by_when_the_vehicle_really_gets_there() -> None:
    until = EIGHT + 150
    assert frozen_until(morning_bus(), GRID, until).frozen == 2
    assert frozen_until(replace(morning_bus(), pace=1300), GRID, until).frozen == 1


def test_a_delay_in_traffic_is_counted_from_the_same_run_in_the_same_traffic() -> None:
    slow = replace(morning_bus(), pace=2000)
    assert latest_begin(slow, GRID)["b"] == EIGHT + 240 + slow.policy.max_extra


@given(DRIVES, DRIVES, PACES)
def test_drives_at_a_pace_keep_the_triangle_inequality(a: int, b: int, pace: int) -> None:
    assert paced(a, pace) + paced(b, pace) >= paced(min(a + b, NO_WAY), pace)


@given(st.lists(DRIVES, min_size=1), PACES)
def test_a_table_at_a_pace_is_each_of_its_drives_at_that_pace_and_no_way_stays_none(
    seconds: list[int], pace: int
) -> None:
    table = paced_table(np.array([seconds], np.int32), pace)
    assert table.dtype == np.int32
    assert table.tolist() == [[paced(one, pace) for one in seconds]]
    assert all((one == NO_WAY) == (paced(one, pace) == NO_WAY) for one in seconds)
    assert paced(NO_WAY - 1, 4000) == NO_WAY
    assert paced_table(table, 1000) is table
