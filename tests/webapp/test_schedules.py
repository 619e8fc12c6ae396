"""A schedule file is checked, shown, and kept as a whole or not at all; what residents booked is left in peace."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from matching.model import Run
from matching.schedule import timetable
from routing.times import Place
from tests.webapp.conftest import Clock
from tests.webapp.schedule_samples import sheet
from tests.webapp.small_town import KASARMITORI, LIISANKATU, MONDAY, RAUTATIENTORI, RESSU
from tests.webapp.test_schedule_workbooks import workbook
from tests.webapp.wishes import ask, book, count_rows, rider_id, run_of, tamper, tap
from webapp.db import tables
from webapp.publishing import run_id
from webapp.resources import data_path
from webapp.services import booking, planning, schedules
from webapp.services.errors import Conflict, NotFound
from webapp.services.schedules import Checked, Kept
from webapp.town import Town

Rows = list[dict[str, str]]
SEASON = {"days": "Mon Tue", "from": "2026-08-01", "until": "2027-06-30", "who_may_ride": "registered"}
MONDAYS_AND_TUESDAYS = 4
"""Of the fortnight that begins on the town's Monday."""
WORKBOOKS = sorted(data_path("demo").glob("*.xlsx"))


def at(place: Place, name: str, time: str, **more: str) -> dict[str, str]:
    return {"place": name, "lat": str(place.lat), "lon": str(place.lon), "time": time, "residents": "yes", **more}


def run(code: str, vehicle: str = "B7", hour: int = 8, *, late: str = "") -> Rows:
    """A run of three stops and two pupils; `late` puts the bell when the road does not lead there in time."""
    head = {"run_id": code, "vehicle": vehicle, "seats": "4", **SEASON}
    bell = {"time_latest": late or f"{hour}:30"}
    return [
        head | at(LIISANKATU, "Liisankatu 29", f"{hour}:00", board="2"),
        at(RAUTATIENTORI, "Rautatientori", f"{hour}:01" if late else f"{hour}:06"),
        at(RESSU, "Ressun lukio", late or f"{hour}:20", alight="2", **bell),
    ]


def at_times(rows: Rows, times: str) -> Rows:
    return [{**row, "time": time} for row, time in zip(rows, times.split(), strict=True)]


TWO = sheet([*run("D1"), *run("D2", hour=9)])


def check(town: Town, file: str | bytes, name: str = "runs.csv") -> Checked:
    content = file.encode() if isinstance(file, str) else file
    return schedules.check(town, content, name, operator="school")


def hand_in(town: Town, file: str) -> tables.Upload:
    return schedules.upload(town, file.encode(), "runs.csv", operator="school", actor=rider_id(town, "dispatcher"))


def confirm(town: Town, row: tables.Upload, operator: str = "school") -> Kept:
    return schedules.confirm(town, row.id, operator=operator, actor=rider_id(town, "dispatcher"))


def take_in(town: Town, file: str) -> Kept:
    return confirm(town, hand_in(town, file))


def kept_run(town: Town, code: str) -> Run:
    return run_of(town, run_id("school", code, MONDAY))


def said(checked: Checked) -> list[str]:
    return [message.code for message in checked.messages]


def test_what_is_confirmed_is_kept_for_every_day_in_view(town: Town) -> None:
    kept = take_in(town, TWO)
    assert kept == Kept(2 * MONDAYS_AND_TUESDAYS, 0, 0, ())
    with town.store.read() as records:
        made = [run for day in records.list_run_dates("school") for run in records.list_runs(day, "school")]
    assert sum(run.vehicle == "B7" for run in made) == kept.new
    assert planning.verify(town)[1] == []


def test_looking_at_a_file_keeps_nothing_of_its_runs(town: Town) -> None:
    rows = count_rows(town)
    checked = check(town, TWO)
    assert (len(checked.runs), checked.refused, checked.dates[0]) == (8, False, "2026-11-23")
    assert count_rows(town) == rows


def test_residents_book_on_what_a_dispatcher_handed_in(town: Town) -> None:
    take_in(town, TWO)
    made = book(town, run=run_id("school", "D1", MONDAY), ends=(LIISANKATU, RESSU))
    assert (made.pickup_label, made.status) == ("Home", "booked")


def test_the_same_file_again_changes_nothing(town: Town) -> None:
    take_in(town, TWO)
    rows = count_rows(town)
    assert take_in(town, TWO) == Kept(0, 0, 2 * MONDAYS_AND_TUESDAYS, ())
    assert count_rows(town) == {**rows, "upload": rows["upload"] + 1}


def test_a_booking_does_not_make_a_run_look_changed(town: Town) -> None:
    take_in(town, TWO)
    book(town, run=run_id("school", "D1", MONDAY), ends=(LIISANKATU, RESSU))
    assert take_in(town, TWO).unchanged == 2 * MONDAYS_AND_TUESDAYS


BAD = {
    "a time that is none": TWO.replace("9:06", "9:66"),
    "a place that is nowhere": TWO.replace("Rautatientori", "Nowhere at All").replace(
        f"{RAUTATIENTORI.lat},{RAUTATIENTORI.lon}", ","
    ),
    "more riders than seats": TWO.replace(",4,", ",1,"),
    "a vehicle in two places": sheet([*run("D1"), *run("D2")]),
}


@pytest.mark.parametrize("file", BAD.values(), ids=BAD)
def test_of_a_file_with_one_bad_row_nothing_is_kept(town: Town, file: str) -> None:
    row = hand_in(town, file)
    rows = count_rows(town)
    with pytest.raises(Conflict, match="refused"):
        confirm(town, row)
    assert count_rows(town) == rows
    assert schedules.get_upload(town, row.id, operator="school").status == "checked"


def test_runs_are_kept_all_or_none(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong with the last run, the first is not left behind."""
    checked = check(town, TWO)
    senseless = replace(checked.runs[-1], run=replace(checked.runs[-1].run, rides=checked.runs[-1].run.rides * 2))
    rows = count_rows(town)
    with pytest.raises(Exception, match="order"):
        schedules.keep(town, replace(checked, runs=(*checked.runs[:-1], senseless)), operator="school", actor=None)
    assert count_rows(town) == rows


def test_a_file_is_confirmed_once(town: Town) -> None:
    row = hand_in(town, TWO)
    confirm(town, row)
    rows = count_rows(town)
    with pytest.raises(Conflict, match="done"):
        confirm(town, row)
    with pytest.raises(Conflict, match="done"):
        schedules.drop(town, row.id, operator="school")
    assert count_rows(town) == rows


def test_a_file_that_was_dropped_is_not_confirmed(town: Town) -> None:
    row = hand_in(town, TWO)
    schedules.drop(town, row.id, operator="school")
    with pytest.raises(Conflict):
        confirm(town, row)
    assert schedules.get_upload(town, row.id, operator="school").content is None


def test_a_file_of_another_operator_is_not_there(town: Town) -> None:
    row = hand_in(town, TWO)
    for use in (schedules.get_upload, schedules.drop):
        with pytest.raises(NotFound):
            use(town, row.id, operator="care")
    with pytest.raises(NotFound):
        confirm(town, row, "care")


def test_operators_may_use_the_same_codes(town: Town) -> None:
    take_in(town, TWO)
    checked = schedules.check(town, TWO.encode(), "runs.csv", operator="care")
    assert schedules.keep(town, checked, operator="care", actor=None).new == 2 * MONDAYS_AND_TUESDAYS


EARLIER = sheet([*run("D1"), *run("D2", hour=10)])


def test_a_changed_run_without_residents_changes(town: Town) -> None:
    take_in(town, TWO)
    assert take_in(town, EARLIER) == Kept(0, MONDAYS_AND_TUESDAYS, MONDAYS_AND_TUESDAYS, ())
    assert kept_run(town, "D2").stops[0].planned == 10 * 3600
    assert kept_run(town, "D2").revision == 1


def test_a_changed_run_on_which_residents_ride_is_held_and_told(town: Town) -> None:
    take_in(town, TWO)
    book(town, run=run_id("school", "D2", MONDAY), ends=(LIISANKATU, RESSU), depart=9 * 3600 - 600)
    old = kept_run(town, "D2")
    assert take_in(town, EARLIER) == Kept(0, 3, MONDAYS_AND_TUESDAYS, ("D2 2026-11-23",))
    assert kept_run(town, "D2") == old


@pytest.mark.parametrize("kind", ["arrived", "departed"])
def test_a_run_that_has_begun_is_held(town: Town, kind: str) -> None:
    take_in(town, TWO)
    tap(town, run_id("school", "D2", MONDAY), "s1", kind)
    assert take_in(town, EARLIER) == Kept(0, 3, MONDAYS_AND_TUESDAYS, ("D2 2026-11-23",))


def test_who_cancelled_holds_nothing_up(town: Town) -> None:
    take_in(town, TWO)
    made = book(town, run=run_id("school", "D2", MONDAY), ends=(LIISANKATU, RESSU), depart=9 * 3600 - 600)
    booking.cancel(town, made.id, actor=made.rider_id)
    assert take_in(town, EARLIER).changed == MONDAYS_AND_TUESDAYS
    assert planning.verify(town)[1] == []


def test_a_run_that_cannot_make_its_bell_is_told_and_closed_to_residents(town: Town) -> None:
    late = sheet(run("D1", late="8:03"))
    checked = check(town, late)
    assert said(checked) == ["W-BELL"]
    assert "D1" in checked.messages[0].text
    take_in(town, late)
    offered = ask(town, ends=(LIISANKATU, RESSU)).offers
    assert run_id("school", "D1", MONDAY) not in {offer.run for offer, _ in offered}


def test_a_place_that_is_not_found_is_told_with_its_row(town: Town) -> None:
    (message,) = check(town, BAD["a place that is nowhere"]).messages[:1]
    assert (message.code, message.row, message.value, message.run) == ("E-PLACE", 3, "Nowhere at All", "D1")
    assert "not found on the map" in message.text


def test_a_place_outside_the_roads_is_told_as_such(town: Town) -> None:
    (message,) = check(town, sheet(run("D1")).replace(str(RAUTATIENTORI.lat), "61.5")).messages
    assert (message.code, message.row) == ("E-PLACE", 3)
    assert "outside the roads" in message.text


def test_a_place_is_found_by_its_name_on_the_map(town: Town) -> None:
    file = sheet(run("D1")).replace(f"{LIISANKATU.lat},{LIISANKATU.lon}", ",")
    found = check(town, file).runs[0].run.stops[0].place
    assert (abs(found.lat - LIISANKATU.lat), abs(found.lon - LIISANKATU.lon)) < (0.0003, 0.0003)


def test_a_home_is_no_stop_for_residents(town: Town) -> None:
    places = [["code", "name", "lat", "lon", "private"], ["H1", "Vuorikatu 3", 60.170596, 24.947862, "yes"]]
    rows = [*run("D1")]
    rows[1] = {"place": "Vuorikatu 3", "stop_code": "H1", "time": "8:06", "residents": "yes"}
    names = list(dict.fromkeys(name for row in rows for name in row))
    book = workbook(runs=[names, *([row.get(name) for name in names] for row in rows)], places=places)
    checked = check(town, book, "runs.xlsx")
    made = checked.runs[0]
    assert not made.run.stops[1].residents
    assert made.labels["s2"] == ("Vuorikatu 3", True)


# Depots


def with_depot(runs: Sequence[Rows], **vehicle: str) -> bytes:
    """A workbook of runs of one vehicle that stands at Kasarmitori."""
    rows = [row for one in runs for row in one]
    names = list(dict.fromkeys(name for row in rows for name in row))
    depot: list[str | float] = ["B7", 4, "Kasarmitori", KASARMITORI.lat, KASARMITORI.lon, *vehicle.values()]
    head = ["code", "seats", "depot", "depot_lat", "depot_lon", *vehicle]
    return workbook(runs=[names, *([row.get(name) for name in names] for row in rows)], vehicles=[head, depot])


def test_two_runs_of_one_vehicle_never_overlap(town: Town) -> None:
    """Each may leave the depot only when the other must be home again."""
    file = with_depot([run("D1"), run("D2", hour=9), run("D3", hour=10)], available_from="7:30", available_until="11:00")
    today = [one.run for one in check(town, file, "runs.xlsx").runs if one.run.service_date == "2026-11-23"]
    ends = [(one.stops[0].window.earliest, one.stops[-1].window.latest) for one in today]
    assert ends == sorted(ends)
    assert all(before[1] <= after[0] for before, after in zip(ends, ends[1:], strict=False))
    assert (ends[0][0], ends[-1][1]) == (int(7.5 * 3600), 11 * 3600)


def test_a_vehicle_that_has_no_time_to_go_home_is_told(town: Town) -> None:
    brisk = [at_times(run("D1"), "8:00 8:02 8:05"), at_times(run("D2"), "8:08 8:10 8:14")]
    checked = check(town, with_depot(brisk), "runs.xlsx")
    assert said(checked) == ["W-VEHICLE-TIGHT"]
    assert {message.value for message in checked.messages} == {"Kasarmitori"}


def test_a_vehicle_is_kept_with_its_layouts_whenever_it_drives(town: Town) -> None:
    file = with_depot([run("D1")], wheelchair_places="1", seats_per_wheelchair="2")
    checked = replace(check(town, file, "runs.xlsx"), runs=())
    schedules.keep(town, checked, operator="school", actor=None)
    with town.store.read() as records:
        vehicle = next(one for one in records.list_vehicles("school") if one.code == "B7")
    assert vehicle.layouts == [[4, 0], [2, 1]]


def test_vehicles_are_never_in_two_places_on_the_demo_day(demo_town: Town) -> None:
    with demo_town.store.read() as records:
        runs = records.list_runs(MONDAY)
    for vehicle in {(run.operator, run.vehicle) for run in runs}:
        own = [timetable(run, demo_town.roads) for run in runs if (run.operator, run.vehicle) == vehicle]
        spans = sorted((visits[0].departure, visits[-1].arrival) for visits in own)
        assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:], strict=False))


# Day by day


@pytest.mark.parametrize("path", WORKBOOKS, ids=[path.stem for path in WORKBOOKS])
def test_the_demo_workbooks_have_no_error(path: Path, demo_town: Town) -> None:
    checked = schedules.check(demo_town, path.read_bytes(), path.name, operator="mallila")
    assert [message.text for message in checked.messages if message.severity == "error"] == []
    assert len(checked.dates) == 10


@pytest.mark.parametrize("path", WORKBOOKS, ids=[path.stem for path in WORKBOOKS])
def test_a_schedule_is_remembered_as_it_was_read(path: Path, demo_town: Town) -> None:
    file = schedules.check(demo_town, path.read_bytes(), path.name, operator="mallila").file
    written = schedules.SCHEDULE.dump_json(file)
    assert schedules.SCHEDULE.validate_json(written) == file


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
