"""Vehicles and days of a schedule: nobody is in two places, and the next day always comes into view."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from matching.schedule import timetable
from tests.webapp.conftest import Clock
from tests.webapp.handing_in import (
    MONDAYS_AND_TUESDAYS,
    TWO,
    WORKBOOKS,
    at_times,
    check,
    run,
    said,
    take_in,
    with_depot,
)
from tests.webapp.small_town import MONDAY
from tests.webapp.wishes import tamper
from webapp.files.reader import SCHEDULE
from webapp.services import schedules
from webapp.town import Town

# Depots


def test_two_runs_of_one_vehicle_never_overlap(town: Town) -> None:
    """Each may leave the depot only when the other must be home again."""
    runs = [run("D1"), run("D2", hour=9), run("D3", hour=10)]
    file = with_depot(runs, available_from="7:30", available_until="11:00")
    today = [one.run for one in check(town, file, "runs.xlsx").runs if one.run.service_date == "2026-11-23"]
    ends = [(one.stops[0].window.earliest, one.stops[-1].window.latest) for one in today]
    assert ends == sorted(ends)
    assert all(before[1] <= after[0] for before, after in zip(ends, ends[1:], strict=False))
    assert (ends[0][0], ends[-1][1]) == (int(7.5 * 3600), 11 * 3600)


def test_a_vehicle_that_has_no_time_to_go_home_is_told(town: Town) -> None:
    brisk = [at_times(run("D1"), "8:00 8:03 8:09"), at_times(run("D2"), "8:14 8:17 8:23")]
    checked = check(town, with_depot(brisk), "runs.xlsx")
    assert said(checked) == ["W-VEHICLE-TIGHT"]
    assert {message.value for message in checked.messages} == {"Kasarmitori"}


def test_a_vehicle_is_kept_with_its_layouts_whenever_it_drives(town: Town) -> None:
    file = with_depot([run("D1")], wheelchair_places="1", seats_per_wheelchair="2")
    checked = replace(check(town, file, "runs.xlsx"), runs=())
    schedules.keep(town, checked, operator="school", actor=None)
    with town.store.read() as records:
        vehicle = next(one for one in records.list_vehicles("school") if one.code == "B7")
    assert vehicle.layouts == [[4, 0, 0], [2, 1, 0]]


def test_vehicles_are_never_in_two_places_on_the_demo_day(demo_town: Town) -> None:
    with demo_town.store.read() as records:
        runs = records.list_runs(MONDAY)
    for vehicle in {(one.operator, one.vehicle) for one in runs}:
        own = [timetable(one, demo_town.roads) for one in runs if (one.operator, one.vehicle) == vehicle]
        spans = sorted((visits[0].departure, visits[-1].arrival) for visits in own)
        assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:], strict=False))


# Day by day


@pytest.mark.parametrize("path", WORKBOOKS, ids=[path.stem for path in WORKBOOKS])
@pytest.mark.parametrize("year", [2026, 2033])
def test_the_demo_drives_whenever_it_is_shown(path: Path, year: int, demo_town: Town, clock: Clock) -> None:
    """Its workbooks have no error, and runs on every weekday in view."""
    clock.now = clock.now.replace(year=year, month=7)
    checked = schedules.check(demo_town, path.read_bytes(), path.name, operator="mallila")
    assert [message.text for message in checked.messages if message.severity == "error"] == []
    assert len(checked.dates) == 10


@pytest.mark.parametrize("path", WORKBOOKS, ids=[path.stem for path in WORKBOOKS])
def test_a_schedule_is_remembered_as_it_was_read(path: Path, demo_town: Town) -> None:
    file = schedules.check(demo_town, path.read_bytes(), path.name, operator="mallila").file
    written = SCHEDULE.dump_json(file)
    assert SCHEDULE.validate_json(written) == file


def test_as_days_pass_the_next_ones_come_into_view(town: Town, clock: Clock) -> None:
    take_in(town, TWO)
    assert schedules.extend(town) == 0
    clock.forward(7 * 86400)
    assert schedules.extend(town) == MONDAYS_AND_TUESDAYS
    with town.store.read() as records:
        assert records.list_run_dates("school")[-1] == date(2026, 12, 8)
    assert take_in(town, TWO).unchanged == 2 * MONDAYS_AND_TUESDAYS


def test_a_run_of_a_day_in_view_is_not_made_again(town: Town) -> None:
    take_in(town, TWO)
    tamper(town, "UPDATE run SET name = 'Kept'")
    schedules.extend(town)
    with town.store.read() as records:
        assert {records.get_run_head(one).name for one in records.all_run_ids(MONDAY)} == {"Kept"}
