"""Who does not come frees a seat and the way to the door, harms nobody by that, and comes back as before."""

from dataclasses import replace

from hypothesis import given

from matching.absence import bring_back, take_off
from matching.insertion import best
from matching.model import Capacity, Load, Need, Ride, Rule, Run, Stop, Window
from matching.promises import broken
from matching.schedule import everyone, latest_begin, legs_of, scheduled_part, timetable
from tests.matching.strategies import Day, days
from tests.matching.toy import EIGHT, GRID, OPEN, corner


def home(name: str, x: float, y: float, planned: int, sequence: int) -> Stop:
    return Stop(name, corner(x, y), Window(planned, planned + 600), dwell=60, sequence=sequence, planned=planned)


def van(**changes: object) -> Run:
    """Two homes, the second out of the way, and a day centre; one seat each and one more."""
    stops = (
        home("first", 0, 0, EIGHT, 0),
        home("aside", 2, 2, EIGHT + 300, 1),
        replace(home("centre", 4, 0, EIGHT + 660, 2), residents=True),
    )
    rides = tuple(Ride(name, name, "centre", Load(1), max_ride=3600, committed=True) for name in ("first", "aside"))
    run = Run("van", "2026-11-23", "care", "V1", Capacity.of(3), stops=stops, rides=rides, policy=OPEN)
    return replace(run, **changes)  # type: ignore[arg-type]


def off(run: Run, *names: str) -> Run:
    found = take_off(run, names, GRID)
    assert found is not None
    return found


def test_the_vehicle_does_not_go_where_only_the_absent_would_board() -> None:
    without = off(van(), "aside")
    assert [stop.id for stop in without.stops] == ["first", "centre"]
    assert [stop.id for stop in without.skipped] == ["aside"] and [ride.id for ride in without.absent] == ["aside"]
    assert broken(without, GRID, van()) == []


def test_it_still_leaves_nowhere_early() -> None:
    before = {visit.stop.id: visit for visit in timetable(van(), GRID)}
    for visit in timetable(off(van(), "aside"), GRID):
        assert visit.begin >= (visit.stop.planned or 0) and visit.begin <= before[visit.stop.id].begin


def test_a_stop_that_residents_may_use_stays() -> None:
    open_stop = tuple(replace(stop, residents=True) for stop in van().stops)
    assert off(van(stops=open_stop), "aside").skipped == ()


def test_a_stop_stays_for_a_sibling_and_goes_with_the_last() -> None:
    twin = Ride("twin", "aside", "centre", Load(1), max_ride=3600, committed=True)
    one = off(van(rides=(*van().rides, twin)), "aside")
    assert one.skipped == ()
    assert [stop.id for stop in off(one, "twin").skipped] == ["aside"]


def test_a_run_that_nobody_is_left_for_goes_as_published() -> None:
    assert off(van(), "first", "aside").stops == van().stops


def test_who_comes_back_comes_back_as_before() -> None:
    back = bring_back(off(van(), "aside"), {"aside"}, GRID)
    assert back is not None
    assert (back.stops, {*back.rides}, back.absent, back.skipped) == (van().stops, {*van().rides}, (), ())


def test_nobody_comes_back_to_a_seat_that_was_promised() -> None:
    full = off(van(capacity=Capacity.of(2)), "aside")
    party = Ride("r", "first", "centre", Load(1), max_ride=3600, groups=frozenset({"registered"}))
    open_stops = tuple(replace(stop, residents=True) for stop in full.stops)
    sold = replace(full, stops=open_stops, rides=(*full.rides, party))
    assert broken(sold, GRID) == []
    assert bring_back(sold, {"aside"}, GRID) is None


def test_nobody_leaves_a_child_alone_with_residents() -> None:
    guarded = replace(van().rides[0], needs=frozenset({Need.ACCOMPANIED}))
    party = Ride("r", "first", "centre", Load(1), max_ride=3600, groups=frozenset({"registered"}))
    stops = tuple(replace(stop, residents=True) for stop in van().stops)
    third = replace(van().rides[0], id="third")
    run = van(stops=stops, rides=(guarded, third, van().rides[1], party), capacity=Capacity.of(4))
    assert broken(run, GRID) == []
    assert take_off(run, {"third"}, GRID) is None


def test_the_judge_lets_nobody_vanish_and_no_stop_go_unasked() -> None:
    """Negative control: what is neither driven nor kept as absent was taken away."""
    run = van()
    vanished = replace(run, rides=run.rides[:1])
    assert {fault.rule for fault in broken(vanished, GRID, run)} == {Rule.STOPS}
    unasked = replace(run, stops=run.stops[::2], rides=run.rides[:1], skipped=run.stops[1:2])
    assert {fault.rule for fault in broken(unasked, GRID, run)} == {Rule.STOPS}
    lost = replace(off(run, "aside"), absent=())
    assert Rule.STOPS in {fault.rule for fault in broken(lost, GRID, off(run, "aside"))}


def test_the_allowed_delay_counts_from_what_was_promised() -> None:
    assert latest_begin(off(van(), "aside"), GRID)["centre"] == latest_begin(van(), GRID)["centre"]
    assert scheduled_part(off(van(), "first")) == (0, 1)


@given(days())
def test_an_absence_breaks_no_promise_and_its_withdrawal_restores_the_run(day: Day) -> None:
    for run in as_it_fills(day):
        for ride in [ride for ride in run.rides if ride.committed]:
            away = take_off(run, {ride.id}, GRID)
            if away is not None:
                assert broken(away, GRID, run) == []
                assert in_order(everyone(away)) == in_order(everyone(run))
                back = bring_back(away, {ride.id}, GRID)
                assert back is not None or run.fixed
                if back is not None:
                    assert broken(back, GRID, away) == []
                    assert in_order(replace(back, stops=run.stops)) == in_order(run)
                    assert {*back.stops} == {*run.stops} and in_order(everyone(back)) == in_order(everyone(run))
                    assert sum(legs_of(back, GRID)) <= sum(legs_of(run, GRID))


@given(days())
def test_what_an_absence_frees_is_offered_as_the_judge_allows(day: Day) -> None:
    for run in as_it_fills(day):
        for name in [ride.id for ride in run.rides if ride.committed][:1]:
            away = take_off(run, {name}, GRID) or run
            for _, request in day.steps:
                found = best(replace(request, id="newcomer"), [away], GRID)
                assert found is None or broken(found.run, GRID, away) == []


def as_it_fills(day: Day) -> list[Run]:
    """Give the run of a day before anybody asks, and after each party that was taken aboard; homes are private."""
    used = {ride.pickup for ride in day.run.rides if ride.committed}
    stops = tuple(replace(stop, residents=stop.residents and stop.id not in used) for stop in day.run.stops)
    run = replace(day.run, stops=stops)
    found = [run]
    for served, request in day.steps:
        run = day.reach(run, served)
        booked = best(request, [run], GRID)
        run = booked.run if booked else run
        found.append(run)
    return found


def in_order(run: Run) -> Run:
    return replace(run, rides=tuple(sorted(run.rides, key=lambda ride: ride.id)))
