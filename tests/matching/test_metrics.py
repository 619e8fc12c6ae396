"""Figures of a day, checked by hand on the toy town."""

from dataclasses import replace

from hypothesis import given

from matching.insertion import best
from matching.metrics import committed_delays, day_figures, drive
from matching.model import Load, Run
from tests.matching.strategies import Day, days
from tests.matching.toy import GRID, care_van, morning_bus, wish


def with_resident() -> Run:
    found = best(wish((2, 1), (4, 2), party=Load(2)), [morning_bus()], GRID)
    assert found is not None
    return found.run


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


def test_a_delay_is_that_of_each_committed_riders_arrival() -> None:
    assert committed_delays(with_resident(), GRID) == [120, 120]
    assert drive(with_resident(), GRID) == 480


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
    for _, request in day.steps:
        found = best(request, [run], GRID)
        run = found.run if found else run
    figures = day_figures([run], GRID)
    assert 0 <= figures.worst_delay <= run.policy.max_extra
    assert figures.promises_broken == 0
