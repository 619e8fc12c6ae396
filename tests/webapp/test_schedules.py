"""A schedule file is checked, shown, and kept as a whole or not at all; what residents booked is left in peace."""

from dataclasses import replace

import pytest

from tests.webapp.handing_in import (
    MONDAYS_AND_TUESDAYS,
    TWO,
    Cells,
    check,
    confirm,
    hand_in,
    kept_run,
    run,
    said,
    table,
    take_in,
)
from tests.webapp.schedule_samples import sheet
from tests.webapp.small_town import LIISANKATU, MONDAY, RAUTATIENTORI, RESSU
from tests.webapp.test_schedule_workbooks import workbook
from tests.webapp.wishes import ask, book, count_rows, tap
from webapp.publishing import run_id
from webapp.services import booking, planning, schedules
from webapp.services.errors import Conflict, NotFound
from webapp.services.schedules import Kept
from webapp.town import Town


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
    assert count_rows(town) == {name: count + (name in ("upload", "confirmation")) for name, count in rows.items()}


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


def test_runs_are_kept_all_or_none(town: Town) -> None:
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


def test_a_run_that_has_begun_does_not_look_changed(town: Town) -> None:
    take_in(town, TWO)
    for stop in ("s1", "s2"):
        tap(town, run_id("school", "D2", MONDAY), stop, "arrived")
    assert take_in(town, TWO).unchanged == 2 * MONDAYS_AND_TUESDAYS


def test_who_cancelled_holds_nothing_up(town: Town) -> None:
    take_in(town, TWO)
    made = book(town, run=run_id("school", "D2", MONDAY), ends=(LIISANKATU, RESSU), depart=9 * 3600 - 600)
    booking.cancel(town, made.id, actor=made.rider_id)
    assert take_in(town, EARLIER).changed == MONDAYS_AND_TUESDAYS
    assert planning.verify(town)[1] == []


def test_a_run_that_cannot_make_its_bell_is_told_and_closed_to_residents(town: Town) -> None:
    late = sheet(run("D1", late="8:07"))
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
    (message,) = check(town, sheet(run("D1")).replace(str(RAUTATIENTORI.lat), "60.21")).messages
    assert (message.code, message.row) == ("E-PLACE", 3)
    assert "outside the roads" in message.text


def test_a_place_is_found_by_its_name_on_the_map(town: Town) -> None:
    file = sheet(run("D1")).replace(f"{LIISANKATU.lat},{LIISANKATU.lon}", ",")
    found = check(town, file).runs[0].run.stops[0].place
    assert (abs(found.lat - LIISANKATU.lat), abs(found.lon - LIISANKATU.lon)) < (0.0003, 0.0003)


def test_a_name_that_several_distant_places_bear_is_never_guessed(town: Town) -> None:
    assert len({named.place for named in town.places.search("Burger King") if named.name == "Burger King"}) > 1
    file = sheet(run("D1")).replace(f"{LIISANKATU.lat},{LIISANKATU.lon}", ",").replace("Liisankatu 29", "Burger King")
    message = check(town, file).messages[0]
    assert (message.code, message.row, message.value) == ("E-PLACE", 2, "Burger King")
    assert "several places bear that name" in message.text


def test_a_home_is_no_stop_for_residents(town: Town) -> None:
    places: Cells = [["code", "name", "lat", "lon", "private"], ["H1", "Vuorikatu 3", 60.170596, 24.947862, "yes"]]
    rows = [*run("D1")]
    rows[1] = {"place": "Vuorikatu 3", "stop_code": "H1", "time": "8:06", "residents": "yes"}
    checked = check(town, workbook(runs=table(rows), places=places), "runs.xlsx")
    made = checked.runs[0]
    assert not made.run.stops[1].residents
    assert made.labels["s2"] == ("Vuorikatu 3", True)
