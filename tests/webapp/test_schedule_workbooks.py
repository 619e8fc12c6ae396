"""Workbooks bring typed cells, merged cells and further sheets, and now and then a trap."""

import io
from datetime import datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from webapp.files.canonical import FieldNames, PlaceEntry, ScheduleFile, read_schedule
from webapp.files.confined import read_confined
from webapp.files.spelling import Cell
from webapp.resources import data_path

NAMES = FieldNames.load(data_path("field_names.toml"))
HEADER: list[Cell] = ["便ID", "車両", "座席数", "運行日", "開始日", "終了日", "場所", "時刻", "乗車", "降車"]
FIRST: list[Cell] = [
    "D1",
    "V1",
    None,
    "平日",
    datetime(2026, 4, 1),
    datetime(2027, 3, 31),
    "本町",
    time(23, 50),
    2,
    None,
]
LAST: list[Cell] = [None, None, None, None, None, None, "港町", timedelta(hours=24, minutes=30), None, 2]


def read(content: bytes, filename: str = "runs.xlsx") -> ScheduleFile:
    return read_schedule(content, filename, names=NAMES)


def workbook(**tables: list[list[Cell]]) -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in tables.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    return saved(book)


def saved(book: Workbook) -> bytes:
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def codes(content: bytes, filename: str = "runs.xlsx") -> list[str]:
    return [message.code for message in read(content, filename).messages]


GOOD = workbook(四月=[HEADER, FIRST, LAST], vehicles=[["code", "seats", "depot", "depot_lat", "depot_lon"], ["V1", 8]])


def test_typed_cells_read_like_written_ones_and_seats_come_from_the_vehicle() -> None:
    file = read(GOOD)
    assert [stop.time for stop in file.runs[0].stops] == [23 * 3600 + 3000, 24 * 3600 + 1800]
    assert (file.runs[0].sheet, file.runs[0].seats, file.encoding) == ("四月", 8, "xlsx")


def test_merged_cells_mean_as_above() -> None:
    book = Workbook()
    page = book.worksheets[0]
    for row in (HEADER, FIRST, LAST):
        page.append(row)
    page.merge_cells("A2:A3")
    assert [len(run.stops) for run in read(saved(book)).runs] == [2]


def test_places_and_calendars_of_the_same_workbook_are_referred_to_by_name() -> None:
    calendar: list[list[Cell]] = [["name", "days", "from", "until", "not_on"]]
    calendar.append(["授業日", "月火水木金", "2026-04-08", "2027-03-19", "2026-07-21..2026-08-31"])
    places: list[list[Cell]] = [["code", "name", "lat", "lon", "private"], ["P1", "本町", 35.1, 139.2, "○"]]
    first = [*FIRST[:3], "授業日", None, None, *FIRST[6:]]
    file = read(workbook(runs=[HEADER, first, LAST], calendar=calendar, places=places))
    run = file.runs[0]
    assert (run.first.isoformat(), len(run.not_on), sorted(run.days)) == ("2026-04-08", 1, [0, 1, 2, 3, 4])
    assert (run.stops[0].lat, run.stops[0].lon, run.stops[0].residents) == (35.1, 139.2, False)
    assert file.places == {"P1": PlaceEntry("P1", "本町", "", 35.1, 139.2, private=True)}


def test_a_sheet_that_holds_no_schedule_is_passed_over_and_a_hidden_one_not_read() -> None:
    book = Workbook()
    book.worksheets[0].append(["hello"])
    for title in ("runs", "old"):
        page = book.create_sheet(title)
        for row in (HEADER, FIRST, LAST):
            page.append(row)
    book["old"].sheet_state = "hidden"
    file = read(saved(book))
    assert [run.sheet for run in file.runs] == ["runs"]
    assert "W-IGNORED-SHEET" in [message.code for message in file.messages]


def test_a_message_names_the_sheet_and_the_row_that_the_dispatcher_sees() -> None:
    late = [*LAST[:7], 7.5, *LAST[8:]]
    message = read(workbook(四月=[["title"], [], HEADER, FIRST, late])).errors[0]
    assert (message.sheet, message.row, message.column, message.value) == ("四月", 5, "H 時刻", "7.5")
    assert message.text.startswith('Sheet "四月", row 5, column H "時刻": "7.5" could mean 7:50 or 7:30.')


def test_a_formula_that_was_never_calculated_is_told() -> None:
    file = read(workbook(runs=[HEADER, FIRST, [*LAST[:7], "=H2", *LAST[8:]]]))
    assert "H3" in next(message.text for message in file.messages if message.code == "W-FORMULA")


def test_two_vehicles_of_one_code_are_refused() -> None:
    vehicles: list[list[Cell]] = [["code", "seats"], ["V1", 8], ["V1", 9]]
    assert "E-CODE-TWICE" in codes(workbook(runs=[HEADER, FIRST, LAST], vehicles=vehicles))


def test_the_content_decides_what_a_file_is_not_its_name() -> None:
    assert codes(GOOD, "runs.csv")[0] == "W-FILE-TYPE"
    assert codes(",".join(map(str, HEADER)).encode(), "runs.xlsx") == ["W-FILE-TYPE", "E-FILE-EMPTY"]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=40))
def test_a_damaged_workbook_never_raises(position: int, damage: bytes) -> None:
    file = read_confined(GOOD[:position] + damage + GOOD[position + len(damage) :], "sent")
    assert file.runs or file.messages
