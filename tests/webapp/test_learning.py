"""Drivers' taps teach how slow the roads are; runs are published by that, and promised ones stay as they are."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from matching.model import Run
from routing.pace import DayKind, Factors
from tests.webapp.conftest import Clock, SignIn
from tests.webapp.handing_in import MONDAYS_AND_TUESDAYS, TWO, at_times, check, kept_run, run, said, take_in
from tests.webapp.schedule_samples import sheet
from tests.webapp.small_town import LIISANKATU, MONDAY, RESSU
from tests.webapp.wishes import VAN, book, run_of, tap
from webapp.publishing import run_id
from webapp.service_day import instant_of
from webapp.services import learning, planning, schedules
from webapp.services.schedules import Kept
from webapp.town import Town

RUSH = Factors(weekday=(*[1000] * 8, 1200, *[1000] * 15))
Drive = Callable[..., None]


@pytest.fixture
def drive(town: Town, clock: Clock) -> Drive:
    """Give a function that drives a run at a pace and taps at every stop; `taps` says which, of all stops or of one."""

    def go(driven: Run, *, pace: int = 1300, dwell: int = 40, **taps: str) -> None:
        clock.now = instant_of(
            driven.stops[0].planned or 0, date.fromisoformat(driven.service_date), town.settings.timezone
        )
        for k, stop in enumerate(driven.stops):
            if k:
                clock.forward(-(-town.roads.between(driven.stops[k - 1].place, stop.place) * pace // 1000))
            for kind in ("arrived", "departed"):
                if kind in taps.get(stop.id, "arrived departed"):
                    tap(town, driven.id, stop.id, kind)
                clock.forward(dwell if kind == "arrived" else 0)

    return go


def morning(town: Town, count: int) -> list[Run]:
    """Take in so many runs of two legs at eight o'clock; give those of Monday."""
    codes = [f"D{n}" for n in range(count)]
    take_in(town, sheet([row for code in codes for row in run(code, vehicle=f"V-{code}")]))
    return [kept_run(town, code) for code in codes]


def lesson_of(town: Town) -> tuple[dict[str, int], int]:
    lesson = learning.read_lesson(town)
    return dict(lesson.left_out), lesson.drives


# Learning


def test_a_day_of_taps_teaches_the_pace_that_was_driven(town: Town, drive: Drive) -> None:
    for one in morning(town, 10):
        drive(one)
    lesson = learning.read_lesson(town)
    assert (lesson.before, lesson.enough, lesson.counts) == (Factors(), True, {(DayKind.WEEKDAY, 8): 20})
    assert 1300 <= lesson.after.weekday[8] <= 1315
    assert (lesson.after.saturday, lesson.after.sunday) == (Factors().saturday, Factors().sunday)
    learning.keep_factors(town, lesson.after)
    assert learning.read_lesson(town).before == lesson.after


def test_too_few_taps_teach_nothing(town: Town, drive: Drive) -> None:
    """Negative control: nine runs have eighteen drives, and one hour of one day wants twenty."""
    learning.keep_factors(town, RUSH)
    for one in morning(town, 9):
        drive(one)
    lesson = learning.read_lesson(town)
    assert (lesson.drives, lesson.enough, lesson.after) == (18, False, RUSH)


@pytest.mark.parametrize(
    ("taps", "left_out", "drives"),
    [
        ({}, {}, 2),
        ({"dwell": 300}, {}, 2),
        ({"s1": "departed", "s3": "arrived"}, {}, 2),
        ({"s1": ""}, {"missing": 1}, 1),
        ({"s2": ""}, {"missing": 2}, 0),
        ({"s2": "arrived"}, {"missing": 1}, 1),
        ({"s2": "departed"}, {"missing": 1}, 1),
        ({"s1": "", "s2": ""}, {"missing": 1}, 0),
        ({"pace": 0}, {"fast": 2}, 0),
        ({"pace": 0, "dwell": 0}, {"together": 2}, 0),
        ({"dwell": 3}, {"together": 2}, 0),
        ({"pace": 5000}, {"slow": 2}, 0),
    ],
    ids=str,
)
def test_taps_that_tell_no_drive_are_left_out_and_counted(
    town: Town, drive: Drive, taps: dict[str, int | str], left_out: dict[str, int], drives: int
) -> None:
    (one,) = morning(town, 1)
    drive(one, **taps)
    assert lesson_of(town) == (left_out, drives)


def test_taps_in_the_wrong_order_tell_no_drive(town: Town, clock: Clock) -> None:
    (one,) = morning(town, 1)
    for stop, kind in (("s2", "arrived"), ("s1", "departed")):
        clock.forward(60)
        tap(town, one.id, stop, kind)
    assert lesson_of(town) == ({"order": 1}, 0)


def test_a_stop_that_came_into_the_plan_on_the_way_makes_it_no_drive(town: Town, clock: Clock) -> None:
    tap(town, VAN, "home", "departed")
    clock.forward(120)
    planned = run_of(town, VAN)
    home = planned.stops[1]
    added = replace(home, id="added", sequence=None, planned=None)
    longer = replace(planned, stops=(planned.stops[0], home, added, *planned.stops[2:]))
    town.store.commit(lambda door: door.keep(longer, cause="booked"), runs=[VAN], times=town.roads)
    clock.forward(120)
    tap(town, VAN, "other-home", "arrived")
    assert lesson_of(town) == ({"missing": 2}, 0)


def test_only_the_days_that_are_asked_for_teach(town: Town, drive: Drive) -> None:
    (one,) = morning(town, 1)
    drive(one)
    assert learning.read_lesson(town, MONDAY).drives == 2
    assert learning.read_lesson(town, date(2026, 11, 24)).drives == 0


def test_a_table_takes_the_place_of_the_one_before(town: Town) -> None:
    for factors in (RUSH, Factors(sunday=(700, *[3000] * 23)), Factors()):
        learning.keep_factors(town, factors)
        with town.store.read() as records:
            assert records.pace_factors() == factors


# Publishing


def paces(town: Town) -> dict[str, int]:
    with town.store.read() as records:
        runs = [one for day in records.list_run_dates("school") for one in records.list_runs(day, "school")]
    return {f"{one.service_date} {one.stops[0].planned}": one.pace for one in runs if one.vehicle == "B7"}


def test_runs_are_published_at_the_slowest_pace_of_their_hours(town: Town) -> None:
    learning.keep_factors(town, RUSH)
    take_in(town, TWO)
    assert (kept_run(town, "D1").pace, kept_run(town, "D2").pace) == (1200, 1000)
    assert planning.verify(town)[1] == []


def test_a_pace_goes_by_the_day_of_the_week(town: Town) -> None:
    learning.keep_factors(town, replace(RUSH, saturday=(1100,) * 24, sunday=(900,) * 24))
    daily = [{**row, "days": "Fri Sat Sun", "not_on": "none"} if "days" in row else row for row in run("D1")]
    take_in(town, sheet(daily))
    assert [*paces(town).values()] == [1200, 1100, 900] * 2


def test_a_timetable_that_the_traffic_makes_late_is_told_once_and_published_all_the_same(town: Town) -> None:
    """Of its days, one of the slowest is judged: on Mondays and Tuesdays this run is on time."""
    daily = [
        {**row, "days": "Mon Tue Sun", "not_on": "none"} if "days" in row else row
        for row in at_times(run("D1"), "8:00 8:04 8:09")
    ]
    assert said(check(town, sheet(daily))) == []
    learning.keep_factors(town, Factors(sunday=(3000,) * 24))
    checked = check(town, sheet(daily))
    assert said(checked) == ["W-LATE"]
    assert take_in(town, sheet(daily)).new == 6


def test_what_is_published_keeps_its_pace_until_it_is_published_again(town: Town, clock: Clock) -> None:
    take_in(town, TWO)
    learning.keep_factors(town, RUSH)
    assert set(paces(town).values()) == {1000}
    clock.forward(7 * 86400)
    assert schedules.extend(town) == MONDAYS_AND_TUESDAYS
    eight = [pace for when, pace in sorted(paces(town).items()) if when.endswith(" 28800")]
    assert eight == [1000] * 4 + [1200] * 2


def test_handing_a_schedule_in_again_brings_the_new_pace_where_it_keeps_what_was_promised(town: Town) -> None:
    take_in(town, TWO)
    book(town, run=run_id("school", "D1", MONDAY), ends=(LIISANKATU, RESSU))
    learning.keep_factors(town, RUSH)
    assert take_in(town, TWO) == Kept(0, 4, MONDAYS_AND_TUESDAYS, (), moves=1)
    assert kept_run(town, "D1").pace == 1200 and planning.verify(town)[1] == []
    assert take_in(town, TWO).changed == 0


def test_a_booking_leaves_the_pace_as_it_is(town: Town) -> None:
    learning.keep_factors(town, RUSH)
    take_in(town, TWO)
    book(town, run=run_id("school", "D1", MONDAY), ends=(LIISANKATU, RESSU))
    assert (kept_run(town, "D1").revision, kept_run(town, "D1").pace) == (1, 1200)
    with town.store.read() as records:
        assert [one.run.pace for one in records.history(run_id("school", "D1", MONDAY))] == [1200, 1200]


@pytest.mark.parametrize(
    ("pace", "sentence"),
    [
        (1142, "Timed 15 % slower than the empty road, as usual at this hour."),
        (900, "Timed 10 % faster than the roads of the map, as usual at this hour."),
        (1000, ""),
    ],
)
def test_a_dispatcher_reads_at_which_pace_a_run_was_timed(
    town: Town, sign_in: SignIn, pace: int, sentence: str
) -> None:
    learning.keep_factors(town, Factors((pace,) * 24, (pace,) * 24, (pace,) * 24))
    take_in(town, TWO)
    dispatcher = sign_in("dispatcher")
    dispatcher.get(f"/dispatch/runs/{run_id('school', 'D1', MONDAY)}")
    assert sentence in dispatcher.text
    assert ("Timed" in dispatcher.text) == bool(sentence)
