"""Figures of a day, checked by hand on the toy town."""

from dataclasses import replace

from hypothesis import given

from matching.metrics import committed_delays, day_figures, drive
from matching.model import Load, Need, Run
from tests.matching.oracle import cheapest
from tests.matching.strategies import Day, days
from tests.matching.toy import GRID, care_van, morning_bus, wish


def with_resident() -> Run:
    found = cheapest(wish((2, 1), (4, 2), party=Load(2)), morning_bus(), GRID)
    assert found is not None
    return found[1]


def test_a_day_without_residents_has_free_seats_and_no_delay() -> None:
    figures = day_figures([morning_bus(), care_van()], GRID)
    assert (figures.runs, figures.committed, figures.residents) == (2, 3, 0)
    assert figures.seat_minutes_free == (3 * 2 + 2 * 2 + 2 * 2) + (3 * 1 + 1 * 2 + 1 * 1 + 3 * 4)
    assert (figures.drive, figures.extra_drive) == (360 + 480, 0)
    assert (figures.worst_delay, figures.mean_delay, figures.promises_broken) == (0, 0.0, 0)


def test_residents_fill_seats_and_their_detour_is_counted() -> None:
    figures = day_figures([with_resident()], GRID)
    assert (figures.residents, figures.extra_drive, figures.worst_delay) == (2, 120, 120)
    assert figures.seat_minutes_filled == 2 * 5
    assert figures.seat_minutes_free == 3 * 3 + 1 * 1 + 0 * 4


def test_driving_and_delay_in_traffic_are_measured_in_that_traffic() -> None:
    figures = day_figures([replace(with_resident(), pace=1500)], GRID)
    assert (figures.drive, figures.extra_drive, figures.worst_delay) == (720, 180, 180)


def test_a_delay_is_that_of_each_committed_riders_arrival() -> None:
    assert committed_delays(with_resident(), GRID) == [120, 120]
    assert drive(with_resident(), GRID) == 480


def test_people_are_counted_and_seats_are_what_is_left_beside_them() -> None:
    plain, spacious = with_resident(), with_resident()
    needy = replace(spacious.rides[-1], needs=frozenset({Need.EMPTY_SEAT}))
    figures = [day_figures([run], GRID) for run in (plain, replace(spacious, rides=(*spacious.rides[:-1], needy)))]
    assert [(one.residents, one.seat_minutes_filled) for one in figures] == [(2, 10), (2, 10)]
    assert figures[0].seat_minutes_free - figures[1].seat_minutes_free == 1 * 1


def test_broken_promises_are_counted() -> None:
    overfull = replace(morning_bus(seats=1), id="overfull")
    assert day_figures([morning_bus(), overfull], GRID).promises_broken == 2


def test_no_runs_make_no_figures() -> None:
    assert set(vars_of(day_figures([], GRID))) == {0}


def vars_of(figures: object) -> list[float]:
    return [getattr(figures, name) for name in figures.__dataclass_fields__]  # type: ignore[attr-defined]


@given(days())
def test_no_committed_rider_of_a_day_is_delayed_beyond_the_policy(day: Day) -> None:
    run = day.run
    for served, request in day.steps:
        found = cheapest(request, replace(run, done=served), GRID)
        run = found[1] if found else run
    figures = day_figures([run], GRID)
    assert 0 <= figures.worst_delay <= run.policy.max_extra
    assert figures.promises_broken == 0
