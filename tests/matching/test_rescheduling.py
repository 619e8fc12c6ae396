"""Another schedule of a run says what it changes, and takes nobody along whose promise it cannot keep."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from matching.insertion import best
from matching.model import Capacity, Run, Window
from matching.offers import promised
from matching.promises import broken, carried
from matching.rescheduling import Carried, Change, carry, changes
from matching.schedule import baseline, timetable
from tests.matching.toy import EIGHT, GRID, OPEN, corner, morning_bus, stop, wish

WINDOW = Window(EIGHT - 60, EIGHT + 3600)


def with_resident(run: Run, origin: tuple[float, float], destination: tuple[float, float], name: str = "q") -> Run:
    """Seat a resident, and promise what an offer promises."""
    found = best(wish(origin, destination, name=name, depart=WINDOW), [run], GRID)
    assert found is not None
    ride = promised(found.ride, run.policy, found.pickup_time, found.dropoff_time)
    return replace(found.run, rides=(*run.rides, ride))


def shifted(run: Run, seconds: int) -> Run:
    """The same run, later by some seconds."""
    stops = tuple(
        replace(
            one, window=Window(one.window.earliest + seconds, one.window.latest), planned=(one.planned or 0) + seconds
        )
        for one in run.stops
    )
    return replace(run, stops=stops)


def test_the_same_schedule_is_no_change_whoever_rides() -> None:
    run = morning_bus()
    assert changes(run, run) == [] == changes(with_resident(run, (1, 0), (4, 1)), replace(run, rides=run.rides[::-1]))


def test_each_change_is_told_with_what_was_and_what_will_be() -> None:
    run = morning_bus()
    later = shifted(run, 120)
    moved = replace(run, stops=(*run.stops[:1], replace(run.stops[1], place=corner(2, 1)), *run.stops[2:]))
    more = replace(run, stops=(*run.stops[:2], stop("x", 3, 0, EIGHT + 180, sequence=9), *run.stops[2:]))
    table = [
        (replace(run, vehicle="bus-2"), Change("vehicle", "bus-1", "bus-2")),
        (replace(run, capacity=Capacity.of(6)), Change("seats", 4, 6)),
        (replace(run, policy=replace(OPEN, riders=frozenset())), Change("who", "registered", "")),
        (replace(run, policy=replace(OPEN, max_extra=0)), Change("extra", 600, 0)),
        (replace(run, rides=run.rides[:1]), Change("riders", 2, 1)),
        (replace(run, pace=1500), Change("pace", 1000, 1500)),
        (later, Change("time", EIGHT, EIGHT + 120, "a", "a")),
        (moved, Change("place", None, None, "b", "b")),
        (more, Change("stop", None, EIGHT + 180, "", "x")),
    ]
    assert [changes(run, after)[0] for after, _ in table] == [change for _, change in table]
    assert changes(run, replace(run, stops=(*run.stops[:1], *run.stops[2:]), rides=run.rides[:1]))[-1] == Change(
        "stop", EIGHT + 120, None, "b"
    )


def test_who_can_be_carried_is_told_by_how_much_they_move() -> None:
    run = with_resident(morning_bus(), (2, 0), (4, 0))
    done = carry(run, shifted(morning_bus(), 240), GRID)
    assert (done.moved, done.left) == ({"q": (240, 240)}, ())


def test_the_bound_under_which_somebody_was_placed_is_kept_and_is_no_change_of_schedule() -> None:
    run = with_resident(morning_bus(), (2, 0), (4, 0))
    bounded = replace(run, policy=replace(run.policy, quota=1))
    assert changes(bounded, morning_bus()) == []
    assert carry(bounded, shifted(morning_bus(), 240), GRID).run.policy.quota == 1


def test_who_cannot_be_carried_is_left_and_the_others_are_not() -> None:
    run = with_resident(with_resident(morning_bus(), (0, 0), (2, 0), "one"), (2, 0), (4, 0), "two")
    full = replace(morning_bus(), capacity=Capacity.of(2), stops=morning_bus().stops)
    done = carry(run, full, GRID)
    assert [ride.id for ride in done.left] == ["two"] and [ride.id for ride in done.run.residents] == ["one"]


def test_a_run_that_closes_to_residents_carries_none() -> None:
    run = with_resident(morning_bus(), (2, 0), (4, 0))
    closed = replace(morning_bus(), policy=replace(OPEN, riders=frozenset()))
    assert [ride.id for ride in carry(run, closed, GRID).left] == ["q"]


@given(
    st.integers(-15, 15),
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 4), st.integers(0, 2)), max_size=3),
    st.booleans(),
)
def test_nobody_is_carried_at_the_cost_of_any_promise(
    minutes: int, seats: int, ends: list[tuple[int, int, int, int]], detour: bool
) -> None:
    """Whatever the new schedule: everyone is carried as promised or left, and the run is no worse than without them."""
    run = morning_bus()
    for k, (a, b, c, d) in enumerate(ends):
        found = best(wish((a, b), (c, d), name=f"q{k}", depart=WINDOW), [run], GRID) if (a, b) != (c, d) else None
        if found is not None:
            ride = promised(found.ride, run.policy, found.pickup_time, found.dropoff_time)
            run = replace(found.run, rides=(*run.rides, ride))
    after = replace(shifted(morning_bus(), 60 * minutes), capacity=Capacity.of(max(2, seats)))
    after = after if detour else replace(after, policy=replace(OPEN, max_detour=120))
    done = carry(run, after, GRID)
    assert_sound(run, done)


def assert_sound(before: Run, done: Carried) -> None:
    kept, left = {ride.id for ride in done.run.residents}, {ride.id for ride in done.left}
    assert kept | left == {ride.id for ride in before.residents} and not kept & left
    assert carried(before, done.run) == []
    assert not done.run.residents or broken(done.run, GRID, baseline(done.run)) == []
    begin = {visit.stop.id: visit.begin for visit in timetable(done.run, GRID)}
    for ride in done.run.residents:
        was = next(one for one in before.residents if one.id == ride.id)
        assert begin[ride.pickup] in was.board and begin[ride.dropoff] <= was.alight.latest
