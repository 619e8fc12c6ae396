"""Before anything is kept, a dispatcher sees how a file was read, where its runs go, and what taking it in would do."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from tests.webapp.asking import ask, choose
from tests.webapp.conftest import SignIn
from tests.webapp.feed_samples import feed
from tests.webapp.handing_in import TWO
from tests.webapp.schedule_samples import read
from tests.webapp.small_town import MONDAY, RIDER
from tests.webapp.test_dispatcher import GOOD, WRONG, codes, hand_in
from tests.webapp.test_schedule_layouts import DOWN, GENESIS, ROSTER, SEASON
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import run_of
from webapp.files.glimpses import COVERED
from webapp.files.remarks import grouped, ranges
from webapp.publishing import run_id
from webapp.services import schedules
from webapp.town import Town

OWN_WORDS = GOOD.replace("run_id", "Linie").replace(",time,", ",Abfahrt,").replace("place", "Haltepunkt")
"""The good file with three columns named as nobody could know."""
TOLD = {"column-run_id": "Linie", "column-time": "Abfahrt", "column-place": "Haltepunkt"}
SVG = "{http://www.w3.org/2000/svg}"
MUCH_LATER = GOOD.replace("11:00", "15:00").replace("11:20", "15:20")


@pytest.fixture
def dispatcher(sign_in: SignIn) -> Visitor:
    return sign_in("dispatcher")


# How it was read


def test_the_first_rows_are_shown_as_read_with_what_each_column_was_taken_for(dispatcher: Visitor) -> None:
    hand_in(dispatcher, GOOD.replace(",", ";").encode("utf-16"))
    assert "Read as utf-16" in dispatcher.text and "Columns are parted by: semicolon." in dispatcher.text
    assert "One row for each stop of a run" in dispatcher.text and "2 N1 B1 8" in dispatcher.text


@pytest.mark.parametrize(
    ("content", "layouts"),
    [
        (TWO, ["runs"]),
        (SEASON + DOWN, ["timetable"]),
        (ROSTER, ["roster"]),
        (GENESIS, ["template"]),
        ("a,b\n1,2\n", [""]),
    ],
)
def test_the_layout_of_each_sheet_is_known_to_the_preview(content: str, layouts: list[str]) -> None:
    assert [one.layout for one in read(content).glimpses] == layouts


def test_names_of_persons_are_covered_in_every_layout() -> None:
    for content, secrets in ((ROSTER, ("山田", "犬に")), (GENESIS, ("Doe", "Roe")), ("name,x\nAda,1\n", ("Ada",))):
        shown = repr(read(content).glimpses)
        assert COVERED in shown and not any(secret in shown for secret in secrets)


def test_a_feed_shows_its_first_rows_too(dispatcher: Visitor) -> None:
    dispatcher.get("/dispatch/upload")
    dispatcher.post("/dispatch/upload", {"file": (io.BytesIO(feed()), "feed.zip")})
    assert "stop_times.txt: A table of a GTFS feed" in dispatcher.text


# Where and when its runs go


def test_the_runs_are_drawn_without_a_script_and_listed_beside(dispatcher: Visitor) -> None:
    hand_in(dispatcher, TWO)
    drawn = [one for one in dispatcher.tree.iter() if str(one.tag).startswith(SVG)]
    assert [one.get("class") for one in drawn if one.tag == f"{SVG}svg"] == ["drawing", "timeline"]
    assert sum(one.tag == f"{SVG}polyline" for one in drawn) == 2
    assert sum(one.tag == f"{SVG}line" and "bar" in one.get("class", "") for one in drawn) == 2
    assert "Liisankatu 29 D1 08:00, D2 09:00" in dispatcher.text and "D2: 09:00 – 09:20" in dispatcher.text


# What is wrong with it


def test_numbers_are_written_in_ranges() -> None:
    said = {(): "", (3,): "3", (3, 4): "3, 4", (7, 3, 12, 13, 14, 3): "3, 7, 12–14", (1, 2, 3, 9, 10): "1–3, 9, 10"}
    assert {numbers: ranges(numbers) for numbers in said} == said


@given(st.sets(st.integers(1, 300)))
def test_ranges_name_every_number_once(numbers: set[int]) -> None:
    parts = [part.split("–") for part in ranges(numbers).split(", ") if part]
    named = [number for part in parts for number in range(int(part[0]), int(part[-1]) + 1)]
    assert named == sorted(numbers)


def test_the_same_fault_stands_once_with_all_its_rows(dispatcher: Visitor) -> None:
    wrong = TWO.replace("8:06", "8:66").replace("9:00", "9;0x").replace("9:06", "9;0x").replace("9:20", "9;0x")
    (group,) = [one for one in grouped(read(wrong).messages) if one.code == "E-TIME"]
    assert (group.rows, group.count, group.values) == ("3, 5–7", 4, ("8:66", "9;0x"))
    hand_in(dispatcher, wrong)
    assert "Rows 3, 5–7" in dispatcher.text and "Run D1 was not taken in" in dispatcher.text


def test_every_remark_is_in_the_report_and_none_is_a_formula(dispatcher: Visitor) -> None:
    hand_in(dispatcher, WRONG.replace("11:75", '"=HYPERLINK(""x"")"'))
    upload = dispatcher.path
    answer = dispatcher.browser.get(f"{upload}/report.csv")
    assert answer.data.startswith(b"\xef\xbb\xbf") and "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [row["value"] for row in rows if row["code"] == "E-TIME"] == ['\'=HYPERLINK("x")']
    book = load_workbook(io.BytesIO(dispatcher.browser.get(f"{upload}/report.xlsx").data))
    cells = [cell for row in book["report"].iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert [str(cell.value or "") for cell in cells[8:16]] == [*rows[0].values()]


def test_the_report_and_the_answers_of_another_operator_s_file_are_not_there(dispatcher: Visitor, town: Town) -> None:
    theirs = schedules.upload(town, WRONG.encode(), "runs.csv", operator="care", actor=None)
    dispatcher.get("/dispatch/upload")
    for page in ("report.csv", "report.xlsx"):
        dispatcher.get(f"/dispatch/uploads/{theirs.id}/{page}", status=404)
    for form in ("columns", "replaces", "confirm"):
        dispatcher.get("/dispatch/upload")
        dispatcher.post(f"/dispatch/uploads/{theirs.id}/{form}", {"earlier": ""}, status=404)


def test_a_file_that_was_dropped_has_no_report(dispatcher: Visitor) -> None:
    hand_in(dispatcher, WRONG)
    upload = dispatcher.path
    dispatcher.send("Drop this file")
    dispatcher.get(f"{upload}/report.csv", status=409)


# What its columns mean


def test_columns_of_other_names_are_asked_for_and_remembered(dispatcher: Visitor, town: Town) -> None:
    hand_in(dispatcher, OWN_WORDS)
    assert "What do your columns mean?" in dispatcher.text and "A Linie – N1" in dispatcher.text
    dispatcher.send("Read the file like this", {**filled(dispatcher), **TOLD})
    assert "Written down." in dispatcher.text
    dispatcher.send("Take in 1 run")
    assert "N1" in codes(town)
    hand_in(dispatcher, OWN_WORDS.replace("N1", "N7"))
    assert "They were read as was said before" in dispatcher.text and "Take in 1 run" in dispatcher.text
    dispatcher.send("Forget what was said")
    assert "Some columns were not recognised." in dispatcher.text


def test_what_was_said_of_columns_is_not_heard_for_another_header(dispatcher: Visitor) -> None:
    hand_in(dispatcher, OWN_WORDS)
    dispatcher.send("Read the file like this", {**filled(dispatcher), **TOLD})
    hand_in(dispatcher, OWN_WORDS.replace("Linie", "Kurs"))
    assert "Some columns were not recognised." in dispatcher.text


@pytest.mark.parametrize("column", ["Linie", "no such column"])
def test_a_column_stands_for_one_thing_only(dispatcher: Visitor, column: str) -> None:
    hand_in(dispatcher, OWN_WORDS)
    dispatcher.send("Read the file like this", {**filled(dispatcher), **TOLD, "column-time": column}, status=422)
    assert "none of them twice" in dispatcher.error("column-run_id")


def filled(dispatcher: Visitor) -> dict[str, str]:
    """Give what the choices of the open page hold."""
    chosen = {}
    for select in dispatcher.tree.iter("select"):
        options = [one for one in select.iter("option") if "selected" in one.attrib]
        chosen[select.get("name", "")] = options[0].get("value", "") if options else ""
    return chosen


# What taking it in would do


def book_on_n1(sign_in: SignIn, dispatcher: Visitor) -> None:
    hand_in(dispatcher, GOOD)
    dispatcher.send("Take in 1 run")
    rider = sign_in(RIDER)
    ask(rider, "Hotel Kämp", "Kasarmitori", time="10:50")
    choose(rider)
    rider.send("Book this trip")


def test_a_dispatcher_agrees_by_name_or_nothing_is_taken_from_anybody(
    dispatcher: Visitor, sign_in: SignIn, town: Town
) -> None:
    book_on_n1(sign_in, dispatcher)
    hand_in(dispatcher, MUCH_LATER)
    assert "I, Dispatcher Testi, agree that 1 booking is moved or cancelled as listed." in dispatcher.text
    assert "Time, Yard: 11:00 → 15:00" in dispatcher.text
    dispatcher.send("Take in everything", {"choice": "agree"}, status=422)
    assert dispatcher.error("agreed") and run_of(town, run_id("school", "N1", MONDAY)).residents
    dispatcher.send("Take in everything", {"choice": "agree", "agreed": "1"})
    assert "Confirmed by Dispatcher Testi on" in dispatcher.text and "Resident Testi" in dispatcher.text
    assert not run_of(town, run_id("school", "N1", MONDAY)).residents
    rider = sign_in(RIDER)
    rider.get("/trips")
    assert "Cancelled" in rider.text


def test_who_comes_second_is_shown_what_the_first_changed(dispatcher: Visitor, town: Town) -> None:
    hand_in(dispatcher, GOOD)
    dispatcher.send("Take in 1 run")
    hand_in(dispatcher, MUCH_LATER)
    mine = dispatcher.page
    hand_in(dispatcher, GOOD.replace("11:20", "11:30"), "other.csv")
    dispatcher.send("Take in 1 run")
    dispatcher.page = mine
    dispatcher.send("Take in 1 run", status=409)
    assert "Runs were changed while you looked at them" in dispatcher.text
    assert "Dispatcher Testi: other.csv – taken in: 0 new, 2 changed, 0 removed" in dispatcher.text
    assert run_of(town, run_id("school", "N1", MONDAY)).stops[1].planned == 11 * 3600 + 1800
    dispatcher.send("Take in 1 run")
    assert run_of(town, run_id("school", "N1", MONDAY)).stops[1].planned == 15 * 3600 + 1200


def test_answers_about_a_feed_are_taken_over_by_the_next_one(dispatcher: Visitor) -> None:
    for name in ("feed-2026-10.zip", "feed-2026-11.zip"):
        dispatcher.get("/dispatch/upload")
        dispatcher.post("/dispatch/upload", {"file": (io.BytesIO(feed()), name)})
        if "No answer yet" in dispatcher.text:
            said = {"scope": "all", "seats": "6", "who": "registered", "detour": "none"}
            dispatcher.send("Write this down for the routes", said)
            dispatcher.send("Take in 2 runs")
    assert "What was said of the file before this one was taken over." in dispatcher.text
    assert "6 seats, registered residents" in dispatcher.text
