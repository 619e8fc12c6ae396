"""The batch search never gives up what it was given, and all that it adds is sound."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from numba import njit

from matching import insertion, kernel, solver
from matching.borrowed import borrowed
from matching.model import Detour, Load, MeetingPoint, Rule, Run, Stop, TripRequest, Window
from matching.objective import Objective
from matching.plan import Draft, settled
from matching.promises import broken, unlinked
from tests.matching.strategies import Day, days
from tests.matching.toy import EIGHT, GRID, OPEN, care_van, corner, morning_bus, wish

RIGID = replace(OPEN, detour=Detour.NONE, deadhead=False)


def plan_for(runs: list[Run], *requests: TripRequest) -> solver.Plan:
    return solver.replan(runs, requests, GRID, seconds=1)


def scheduled(run: Run) -> list[str]:
    return [stop.id for stop in run.stops if stop.scheduled]


def booked(run: Run, request: TripRequest) -> Run:
    found = insertion.best(request, [run], GRID)
    assert found is not None
    return found.run


def test_a_request_is_served_where_a_seat_is_plainly_free() -> None:
    plan = plan_for([morning_bus()], wish((0, 0), (4, 2)))
    (ride,) = plan.runs[0].residents
    assert (plan.served, plan.unserved) == (("q",), ())
    assert (ride.pickup, ride.dropoff) == ("a", "school")


def test_a_party_that_the_bus_has_no_seats_for_is_left_waiting() -> None:
    run = morning_bus(RIGID, seats=3)
    plan = plan_for([run], wish((0, 0), (4, 2), seats=2))
    assert (plan.runs, plan.unserved) == ((run,), ("q",))


def test_the_last_seat_goes_to_one_of_two() -> None:
    wishes = [wish((0, 0), (4, 2), name=name) for name in ("q1", "q2")]
    plan = plan_for([morning_bus(RIGID, seats=3)], *wishes)
    assert (len(plan.served), len(plan.unserved)) == (1, 1)


def test_a_wheelchair_place_leaves_one_seat_beside_it() -> None:
    wishes = [wish((1, 2), (4, 2), name=name) for name in ("q1", "q2")]
    plan = plan_for([care_van(RIGID)], *wishes)
    assert len(plan.served) == 1


def test_a_second_wheelchair_rides_before_or_after_the_first_but_never_beside_it() -> None:
    (van,) = plan_for([care_van()], wish((1, 2), (3, 2), party=Load(0, 1))).runs
    names = [stop.id for stop in van.stops]
    (ride,) = van.residents
    assert names.index(ride.dropoff) < names.index("d") or names.index(ride.pickup) > names.index("centre")


def test_a_run_that_may_not_leave_its_road_serves_only_its_own_stops() -> None:
    plan = plan_for([morning_bus(RIGID)], wish((0, 0), (2, 0), name="at"), wish((1, 1), (4, 2), name="off"))
    assert (plan.served, scheduled(plan.runs[0])) == (("at",), [stop.id for stop in plan.runs[0].stops])


def test_somebody_walks_to_an_open_stop_where_the_bus_may_not_come_to_the_door() -> None:
    near = (MeetingPoint(corner(0, 1)), MeetingPoint(corner(0, 0), walk=150))
    request = wish((0, 1), (4, 2), pickups=near, max_walk=200)
    plan = plan_for([morning_bus(RIGID)], request)
    assert plan.runs[0].residents[0].pickup == "a"


def test_a_longer_walk_than_was_accepted_is_not_asked() -> None:
    near = (MeetingPoint(corner(0, 1)), MeetingPoint(corner(0, 0), walk=150))
    request = wish((0, 1), (4, 2), pickups=near, max_walk=100)
    assert plan_for([morning_bus(RIGID)], request).served == ()


def test_a_booking_that_comes_too_late_for_the_pickup_is_not_placed() -> None:
    run = morning_bus(replace(OPEN, notice=1800))
    late = wish((0, 0), (4, 2), asked_at=EIGHT)
    assert plan_for([run], late).served == ()


def test_nobody_is_placed_twice() -> None:
    request = wish((0, 0), (4, 2))
    run = booked(morning_bus(), request)
    plan = plan_for([run], request)
    assert (plan.runs, plan.before, plan.after) == ((run,), 1, 1)


def test_booked_rides_stay_on_their_run_when_others_join() -> None:
    bus, van = booked(morning_bus(), wish((1, 0), (4, 2), name="kept")), care_van()
    plan = plan_for([bus, van], *(wish((k, 1), (4, 2), name=f"q{k}") for k in range(4)))
    assert "kept" in {ride.id for ride in plan.runs[0].residents}
    assert plan.after == plan.before + len(plan.served) > 1


def test_a_seat_goes_to_the_party_that_has_no_other_when_both_can_ride() -> None:
    runs = [morning_bus(RIGID, seats=3), care_van(RIGID)]
    near = (MeetingPoint(corner(0, 0)), MeetingPoint(corner(1, 2), walk=150))
    flexible = wish((0, 0), (4, 2), name="flexible", pickups=near, max_walk=200)
    bus_only = wish((0, 0), (4, 2), name="bus only")
    crowded = [booked(runs[0], flexible), runs[1]]
    assert insertion.best(bus_only, crowded, GRID) is None
    assert plan_for(runs, flexible, bus_only).unserved == ()


def test_served_stops_stay_as_they_were() -> None:
    bus = replace(booked(morning_bus(), wish((1, 0), (4, 2), name="kept")), done=2)
    (after,) = plan_for([bus], wish((3, 0), (4, 2))).runs
    assert after.stops[:2] == bus.stops[:2]
    assert {ride.id for ride in after.residents} == {"kept", "q"}


def test_a_stop_that_nobody_uses_any_more_falls_away_and_nobody_is_taken_for_another() -> None:
    """It was too near to be changed when its rider cancelled; the run is late, and now it is not too near any more."""
    kept = booked(morning_bus(), wish((3, 1), (4, 1), name="kept"))
    left = Stop("left+", corner(1, 0), Window())
    bus = replace(kept, stops=(kept.stops[0], left, *kept.stops[1:]))
    (after,) = plan_for([bus], wish((2, 1), (4, 2))).runs
    assert "left+" not in after.positions()
    assert {ride.id for ride in after.residents} == {"kept", "q"}
    assert broken(after, GRID, bus) == []
    assert scheduled(after) == scheduled(bus)


def test_a_run_that_breaks_a_promise_already_gets_no_worse() -> None:
    bus = morning_bus()
    late = replace(bus, stops=(*bus.stops[:-1], replace(bus.stops[-1], window=Window(latest=EIGHT))))
    (after,) = plan_for([late], wish((0, 0), (4, 0)), wish((1, 1), (4, 0), name="delays")).runs
    assert [ride.id for ride in after.residents] == ["q"]
    assert broken(after, GRID) == broken(late, GRID) != []


def test_only_runs_of_the_day_are_used() -> None:
    assert plan_for([morning_bus()], wish((0, 0), (4, 2), service_date="2026-11-24")).served == ()


def test_without_requests_nothing_changes() -> None:
    runs = [morning_bus(), care_van()]
    plan = plan_for(runs)
    assert (plan.runs, plan.drive_before) == (tuple(runs), plan.drive_after)


def test_progress_tells_how_many_are_placed() -> None:
    said: list[solver.Progress] = []
    wishes = [wish((0, 0), (4, 2), name=name) for name in ("q1", "q2")]
    plan = solver.replan([morning_bus()], wishes, GRID, seconds=1, progress=said.append)
    assert said[-1].served == len(plan.served) == 2


def test_a_ride_that_the_judge_refuses_is_taken_out_and_the_others_stay() -> None:
    bus = morning_bus(seats=3)
    one = booked(bus, wish((0, 0), (4, 2), name="q1"))
    other = replace(one.residents[0], id="q2")
    crowded = replace(one, rides=(*one.rides, other))
    assert {fault.rule for fault in broken(crowded, GRID, bus)} == {Rule.SEATS}
    assert len(settled(bus, crowded, GRID).residents) == 1


@settings(max_examples=12)
@given(days(asking=2), days(asking=2))
def test_a_replan_of_runs_at_different_paces_is_sound_and_keeps_trips_there_and_back_together(
    one: Day, other: Day
) -> None:
    runs = [replace(one.run, id="one", pace=1450), replace(other.run, id="other", pace=800), replace(one.run, id="x")]
    wishes = [request for k, day in enumerate((one, other)) for request in _renamed(day, k)]
    plan = plan_for(runs, *wishes)
    for run, after in zip(runs, plan.runs, strict=True):
        assert after.pace == run.pace
        assert broken(run, GRID) or not broken(after, GRID, before=run)
    assert unlinked(plan.runs) == []
    assert len(plan.served) + len(plan.unserved) == len(wishes)


def _renamed(day: Day, number: int) -> list[TripRequest]:
    """Number a day's parties anew; the second of them returns only if the first one went."""
    out, back = (replace(request, id=f"{number} {request.id}") for _, request in day.steps)
    return [out, replace(back, after=out.id)]


def test_a_party_rides_out_on_one_run_and_back_on_another_each_at_its_own_pace() -> None:
    out = wish((1, 2), (4, 2), name="out", depart=Window(EIGHT), arrive=Window(latest=EIGHT + 240))
    back = wish((4, 2), (0, 2), name="back", depart=Window(EIGHT + 7200), after="out")
    later = tuple(replace(one, window=Window(EIGHT + 7200)) for one in reversed(care_van().stops[1:4]))
    stops = tuple(replace(one, sequence=k) for k, one in enumerate(later))
    home = replace(care_van(), id="home", stops=(*stops, replace(care_van().stops[0], id="end", sequence=9)), rides=())
    plan = plan_for([care_van(), replace(home, pace=1500)], out, back)
    assert plan.served == ("out", "back")
    assert plan_for([replace(care_van(), pace=1400), replace(home, pace=1500)], out, back).served == ()


@settings(max_examples=12)
@given(days(asking=3))
def test_on_any_day_a_replan_is_sound_keeps_what_was_promised_and_serves_no_fewer(day: Day) -> None:
    (done, first), *rest = day.steps
    found = insertion.best(first, [day.run], GRID)
    run = replace(found.run if found else day.run, done=min(done, len(day.run.stops) - 1))
    plan = plan_for([run], *(request for _, request in rest))
    (after,) = plan.runs
    assert broken(run, GRID) or not broken(after, GRID, before=run)
    assert {ride.id for ride in run.rides} <= {ride.id for ride in after.rides}
    assert scheduled(after) == scheduled(run)
    assert plan.after == plan.before + len(plan.served)
    assert plan.served or plan.drive_after <= plan.drive_before


def test_a_day_on_which_nobody_waits_is_driven_no_farther_than_it_must_be() -> None:
    run = booked(morning_bus(), wish((3, 1), (4, 1)))
    too_early = tuple(sorted(run.stops, key=lambda stop: (stop.id != "a", stop.scheduled)))
    plan = plan_for([replace(run, stops=too_early)])
    assert plan.drive_after < plan.drive_before
    assert plan.runs[0].residents == run.residents


def vans_and_a_trip_there_and_back() -> tuple[list[Run], list[TripRequest]]:
    out, back = wish((1, 2), (4, 2), name="out"), wish((1, 2), (4, 2), name="back")
    return [care_van(), replace(care_van(), id="second")], [out, replace(back, after="out")]


def test_vehicles_that_differ_only_in_names_are_of_one_kind() -> None:
    small = replace(care_van(), id="small", capacity=morning_bus(seats=2).capacity)
    slow = replace(care_van(), id="slow", pace=1200)
    runs = [care_van(), replace(care_van(), id="other", vehicle="van-9"), small, morning_bus(), slow]
    draft = Draft(runs, [wish((1, 2), (4, 2))], GRID, Objective(), seed=0)
    assert [int(kind) for kind in draft.kinds] == [0, 0, 1, 2, 3]


def test_a_vehicle_that_somebody_booked_is_like_no_other() -> None:
    """Negative control: what was promised on one run cannot be kept by its twin."""
    held = booked(care_van(), wish((1, 1), (3, 1)))
    draft = Draft([held, replace(care_van(), id="other")], [wish((1, 2), (4, 2))], GRID, Objective(), seed=0)
    assert len(set(draft.kinds.tolist())) == 2


def test_nobody_is_brought_back_who_was_not_brought_there() -> None:
    runs, wishes = vans_and_a_trip_there_and_back()
    plan = plan_for(runs, *wishes)
    assert plan.served == ("out", "back")
    assert unlinked(plan.runs) == []
    only_back = plan_for(runs, wishes[1])
    assert only_back.served == ()


def test_a_run_is_not_chosen_anew_while_another_outside_the_group_depends_on_it() -> None:
    runs, wishes = vans_and_a_trip_there_and_back()
    draft = Draft(runs, wishes, GRID, Objective(), seed=0)
    draft.state.task[:2, kernel.RUN] = (0, 1)
    assert solver._on_their_own(draft, {0}) == set()
    assert solver._on_their_own(draft, {1}) == {1}
    assert solver._on_their_own(draft, {0, 1}) == {0, 1}


def test_views_that_own_nothing_show_what_their_arrays_hold() -> None:
    @njit
    def last_of_double(one: Any) -> int:
        view = borrowed(one)
        view[:] *= 2
        return int(view[-1])

    numbers = np.arange(4)
    assert last_of_double(numbers) == 6
    assert numbers.tolist() == [0, 2, 4, 6]
