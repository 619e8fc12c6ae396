"""Insertion finds what the naive search finds, at the same cost, and breaks nothing."""

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import event, given, settings

from matching.fleet import Insertion
from matching.insertion import best, reinsert, search
from matching.model import Detour, Load, MeetingPoint, Ride, Run, TripRequest, Window
from matching.objective import Objective
from matching.promises import broken
from matching.rides import without
from matching.schedule import baseline, free_seats, timetable
from tests.matching.oracle import least_cost
from tests.matching.strategies import Day, days
from tests.matching.toy import EIGHT, GRID, OPEN, care_van, corner, morning_bus, stop, wish


def bookings(day: Day) -> Iterator[tuple[Run, Insertion]]:
    """Yield every insertion found on a day with the run that it was found on; the best of each step is kept."""
    run = day.run
    for served, request in day.steps:
        run = day.reach(run, served)
        found = search(request, run, GRID).insertions
        yield from ((run, one) for one in found)
        run = found[0].run if found else run


MANY = int(os.environ.get("NORIAI_ORACLE_EXAMPLES", "1500"))
"""Days on which every search is compared with the naive one: NORIAI_ORACLE_EXAMPLES=100000 for a long look."""


@pytest.mark.parametrize("harm", [0, 1])
@given(day=days())
@settings(max_examples=MANY, deadline=None)
def test_insertion_finds_a_place_exactly_when_the_naive_search_does_and_at_the_same_cost(harm: int, day: Day) -> None:
    run = day.run
    for served, request in day.steps:
        run = day.reach(run, served)
        found = best(request, [run], GRID, objective=Objective(harm=harm))
        assert (found.cost if found else None) == least_cost(request, run, GRID, harm=harm)
        event("placed" if found else "refused")
        run = found.run if found else run


@given(days())
def test_an_insertion_is_never_refused_by_the_judge(day: Day) -> None:
    for run, one in bookings(day):
        assert broken(one.run, GRID, before=run) == []


@given(days())
def test_insertions_come_cheapest_first_each_with_its_own_pickup_position(day: Day) -> None:
    for served, request in day.steps:
        found = search(request, day.reach(day.run, served), GRID, most=3).insertions
        pickups = [(one.run.positions()[one.ride.pickup], one.ride.pickup) for one in found]
        assert [one.cost for one in found] == sorted(one.cost for one in found)
        assert len(found) <= 3
        assert len(set(pickups)) == len(pickups)


@given(days())
def test_scheduled_and_served_stops_keep_their_order_and_riders_their_seats(day: Day) -> None:
    for run, one in bookings(day):
        assert [s for s in one.run.stops if s in run.stops] == list(run.stops)
        assert one.run.stops[: run.done] == run.stops[: run.done]
        assert one.run.rides[:-1] == run.rides
        assert baseline(one.run) == baseline(run)


@given(days())
def test_a_cancelled_ride_gives_back_its_stops_and_seats_exactly(day: Day) -> None:
    for run, one in bookings(day):
        cancelled = without(one.run, one.ride.id)
        assert cancelled == run
        assert free_seats(cancelled, timetable(cancelled, GRID)) == free_seats(run, timetable(run, GRID))


@given(days())
def test_a_ride_taken_off_a_run_fits_on_it_again(day: Day) -> None:
    for run, one in bookings(day):
        again = reinsert(one.ride, (one.pickup.place, one.dropoff.place), run, GRID)
        assert again is not None
        assert broken(again, GRID, before=run) == []
        assert replace(again.rides[-1], pickup=one.ride.pickup, dropoff=one.ride.dropoff) == one.ride


@pytest.mark.parametrize(("held", "fits"), [(359, False), (360, True)])
def test_a_ride_put_back_keeps_its_own_longest_ride_and_takes_the_dwell_of_today(held: int, fits: bool) -> None:
    run = morning_bus(replace(OPEN, detour=Detour.NONE, dwell=0))
    ride = Ride("q", "a", "school", Load(1), held, dwell=45, groups=frozenset({"registered"}))
    again = reinsert(ride, (corner(0, 0), corner(4, 2)), run, GRID)
    assert (again and again.rides[-1]) == (replace(ride, dwell=0) if fits else None)


@given(days())
def test_the_times_of_an_insertion_are_those_of_its_run_and_within_what_was_asked(day: Day) -> None:
    asked = {request.id: request for _, request in day.steps}
    for run, one in bookings(day):
        begin = {visit.stop.id: visit.begin for visit in timetable(one.run, GRID)}
        assert (one.pickup_time, one.dropoff_time) == (begin[one.ride.pickup], begin[one.ride.dropoff])
        request = asked[one.ride.id]
        assert one.pickup_time in request.depart
        assert one.pickup_time >= request.asked_at + run.policy.notice
        assert one.dropoff_time in request.arrive
        assert max(one.pickup.walk, one.dropoff.walk) <= request.max_walk


def test_a_served_stop_of_a_cancelled_ride_stays_where_it_was() -> None:
    found = best(wish((1, 1), (4, 2)), [morning_bus()], GRID)
    assert found is not None
    kept = without(replace(found.run, done=2), "q")
    assert [one.id for one in kept.stops] == ["a", "q+", "b", "c", "school"]


def test_the_cheapest_run_of_many_is_taken() -> None:
    found = best(wish((1, 2), (3, 2)), [morning_bus(), care_van()], GRID)
    assert found is not None
    assert (found.run.id, found.cost) == ("van", 0)


def test_a_party_is_picked_up_late_rather_than_made_to_wait_aboard() -> None:
    found = best(wish((0, 1), (4, 2)), [care_van()], GRID)
    assert found is not None
    visits = {visit.stop.id: visit for visit in timetable(found.run, GRID)}
    assert found.pickup_time == EIGHT - 120
    assert visits["d"].arrival == visits["d"].begin == EIGHT


def test_walking_counts_one_second_for_each_metre() -> None:
    points = (MeetingPoint(corner(1, 1)), MeetingPoint(corner(2, 0), walk=119))
    request = wish((1, 1), (4, 2), max_walk=150, pickups=points)
    nearer = replace(request, pickups=(points[0], replace(points[1], walk=121)))
    assert [_cost(one) for one in (request, nearer, replace(request, max_walk=100))] == [119, 120, 120]


def _cost(request: TripRequest) -> int | None:
    found = best(request, [morning_bus()], GRID, objective=Objective(harm=0))
    return found.cost if found else None


def test_a_run_of_another_day_carries_nobody() -> None:
    tomorrow = wish((0, 0), (4, 2), service_date="2026-11-24")
    assert search(tomorrow, morning_bus(), GRID).insertions == ()
    assert best(tomorrow, [morning_bus()], GRID) is None


def test_a_van_may_wait_for_a_party_after_its_last_committed_rider() -> None:
    found = best(wish((4, 2), (0, 2), depart=Window(EIGHT + 1800)), [care_van()], GRID)
    assert found is not None
    assert found.pickup_time == EIGHT + 1800


def test_a_stop_that_takes_no_residents_is_passed_over_for_one_beside_it() -> None:
    shut = replace(morning_bus(), stops=tuple(replace(one, residents=False) for one in morning_bus().stops))
    found = best(wish((2, 0), (4, 0)), [shut], GRID)
    assert found is not None
    assert (found.ride.pickup, found.ride.dropoff, found.cost) == ("q+", "q-", 0)


def test_a_run_may_visit_a_place_twice() -> None:
    loop = (*morning_bus().stops, stop("again", 0, 0, EIGHT + 900, sequence=4))
    found = best(wish((4, 2), (0, 0)), [replace(morning_bus(), stops=loop)], GRID)
    assert found is not None
    assert (found.ride.pickup, found.ride.dropoff) == ("school", "again")
