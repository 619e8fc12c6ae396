"""A dispatcher's file becomes runs, or messages that name the row and column of the dispatcher's own sheet."""

import csv
import io
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webapp.schedule_samples import FIELDS, JAPANESE, TWO_RUNS, codes, message_of, read, sheet, with_changes
from webapp.files.canonical import RiderCode, committed_rides
from webapp.files.messages import Messages


def test_the_minimal_japanese_file_is_one_run() -> None:
    file = read(JAPANESE)
    run = file.runs[0]
    assert (run.code, run.vehicle, run.seats, sorted(run.days)) == ("D1迎え", "1号車", 8, [0, 1, 3])
    assert (run.first, run.last) == (date(2026, 4, 1), date(2027, 3, 31))
    assert [(stop.row, stop.place_name, stop.time) for stop in run.stops] == [
        (2, "本町1-2 (A12)", 8 * 3600 + 900),
        (3, "港町3-4 (B07w)", 8 * 3600 + 1620),
        (4, "あおぞらデイ", 9 * 3600),
    ]
    assert committed_rides(run.stops) == [(0, 2, 1, 0, None), (1, 2, 1, 0, None)]
    assert (file.errors, file.rows) == ((), 3)


def test_title_rows_blank_rows_totals_and_footnotes_are_passed_over() -> None:
    lines = sheet(TWO_RUNS).splitlines()
    text = "\n".join(
        ["April timetable", "", *lines[:3], "", lines[3], *lines[4:], "合計,,,,,,,,,,,4", "※ subject to change"]
    )
    file = read(text)
    assert [[stop.row for stop in run.stops] for run in file.runs] == [[4, 5, 7], [8, 9]]
    assert file.messages == ()


FAULTS: list[tuple[str, int, str, dict[tuple[int, str], str]]] = [
    ("E-RUN-VALUE", 3, "C seats", {(3, "seats"): "9"}),
    ("E-RUN-VALUE", 2, "T detour", {(2, "detour"): "sometimes", (5, "detour"): "none"}),
    ("E-TIME", 3, "J time", {(3, "time"): "7;45"}),
    ("E-TIME-AMBIG", 3, "J time", {(3, "time"): "8.1"}),
    ("E-TIME-MISSING", 4, "J time", {(4, "time"): ""}),
    ("E-TIME-BACK", 3, "J time", {(3, "time"): "7:44"}),
    ("E-BELL", 4, "K time_latest", {(4, "time_latest"): "8:29"}),
    ("E-DATE", 2, "F from", {(2, "from"): "spring"}),
    ("E-DATE", 2, "U not_on", {(2, "not_on"): "2026-05-01, 2026-13-45", (5, "not_on"): "2026-05-04"}),
    ("E-DATE-AMBIG", 2, "F from", {(2, "from"): "4/1/2026"}),
    ("E-DATE-RANGE", 2, "G until", {(2, "until"): "2025-03-31"}),
    ("E-DAYS", 2, "E days", {(2, "days"): "school days"}),
    ("E-COUNT", 3, "L board", {(3, "board"): "1～3"}),
    ("E-COUNT", 3, "L board", {(3, "riders_on"): "A1 A2"}),
    ("E-FLAG", 3, "Y residents", {(3, "residents"): "perhaps"}),
    ("E-PLACE", 3, "I place", {(3, "place"): ""}),
    ("E-PLACE", 3, "R lat", {(3, "lat"): "195", (3, "lon"): "24.9"}),
    ("E-PLACE", 3, "R lat", {(3, "lat"): "139.7", (3, "lon"): "35.6"}),
    ("E-PLACE", 3, "S lon", {(3, "lat"): "60.1", (3, "lon"): ""}),
    ("E-LOAD-OVER", 3, "L board", {(3, "board"): "3", (4, "alight"): "5"}),
    ("E-LOAD-NEG", 3, "M alight", {(3, "alight"): "3"}),
    ("E-LOAD-NEG", 4, "O riders_off", {(4, "riders_off"): "A1", (4, "alight"): "1"}),
    ("E-LOAD-END", 4, "M alight", {(4, "alight"): "2"}),
    ("E-RIDER-TWICE", 3, "N riders_on", {(2, "riders_on"): "A1 A2", (3, "riders_on"): "A1"}),
    ("E-RIDER-NO-OFF", 2, "N riders_on", {(2, "riders_on"): "A1 A2", (4, "riders_off"): "A1", (4, "alight"): ""}),
    ("E-WHEELCHAIR", 2, "P wheelchair_on", {(2, "wheelchair_on"): "1"}),
    ("E-WHEELCHAIR", 3, "P wheelchair_on", {(3, "wheelchair_on"): "2"}),
]


@pytest.mark.parametrize(("code", "row", "column", "changes"), FAULTS)
def test_a_fault_names_its_cell_and_refuses_its_run_only(
    code: str, row: int, column: str, changes: dict[tuple[int, str], str]
) -> None:
    file = with_changes(changes)
    message = message_of(file, code)
    assert (message.row, message.column, message.run) == (row, column, "D1")
    assert [run.code for run in file.runs] == ["D2"]
    assert message.text.endswith(f"Run D1 was not taken in; the other run is not affected. [{code}]")


FAR = {(2, "lat"): "60.17", (2, "lon"): "24.94", (3, "lon"): "24.94"}
LEGS = [("E-SPEED", "60.47"), ("W-SPEED", "60.3"), ("", "60.2"), ("W-TIME-SAME", "60.1735")]


@pytest.mark.parametrize(("code", "lat"), LEGS)
def test_a_leg_that_no_vehicle_drives_is_told_where_both_places_are_said(code: str, lat: str) -> None:
    at_once = {(3, "time"): "8:00"} if code == "W-TIME-SAME" else {}
    file = with_changes(FAR | {(3, "lat"): lat} | at_once)
    found = [(message.code, message.row, message.column) for message in file.messages]
    assert found == ([(code, 3, "J time")] if code else [])
    assert len(file.runs) == (1 if code == "E-SPEED" else 2)


def test_a_run_that_never_goes_is_told() -> None:
    file = with_changes({(2, "from"): "2026-04-07", (2, "until"): "2026-04-12"})
    assert (message_of(file, "W-NO-DAY").column, len(file.runs)) == ("E days", 2)
    taken_out = {(2, "not_on"): "2026-04-01..2027-03-31", (2, "also_on"): "2026-05-01"}
    assert codes(with_changes(taken_out)) == []


@pytest.mark.parametrize("code", ["007", "1E5", "TRUE", "NA", "12345678901234567890", "1.0", "-1", "=1+1", "@x"])
def test_a_code_is_text_whatever_it_looks_like(code: str) -> None:
    assert with_changes({(2, "run_id"): code, (2, "vehicle"): code}).runs[0].code == code


@pytest.mark.parametrize("seats", ["-1", "4.5", "4+1", "many", "NaN"])
def test_seats_that_are_no_number_refuse_their_run(seats: str) -> None:
    assert message_of(with_changes({(2, "seats"): seats}), "E-COUNT").column == "C seats"


def test_a_message_says_where_what_why_and_what_happened_in_the_readers_language() -> None:
    text = JAPANESE.replace("8:27", "7;45")
    assert read(text).errors[0].text == (
        'Row 3, column H "時刻": "7;45" is not a time. Write 7:45 or 7時45分. Run D1迎え was not taken in. [E-TIME]'
    )
    assert read(text, language="ja").errors[0].text == (
        "3行目 H列「時刻」：「7;45」は時刻として読めません。7:45 または 7時45分 のように書いてください。"
        "便「D1迎え」は取り込みませんでした。[E-TIME]"
    ).replace("。[", "。 [")


def test_a_row_before_any_run_is_refused_and_the_runs_are_kept() -> None:
    file = read(sheet([{"place": "Z", "time": "7:00"}, *TWO_RUNS]))
    assert (message_of(file, "E-RUN-ID").row, message_of(file, "E-RUN-ID").column) == (2, "A run_id")
    assert len(file.runs) == 2


def test_rows_of_a_run_stand_together_unless_they_are_numbered() -> None:
    split = [*TWO_RUNS[:2], *TWO_RUNS[3:], {"run_id": "D1", **TWO_RUNS[2]}]
    file = read(sheet(split))
    assert (message_of(file, "E-RUN-SPLIT").row, [run.code for run in file.runs]) == (6, ["D2"])
    numbered = [{**row, "seq": str(number)} for row, number in zip(split, (1, 2, 1, 2, 3), strict=True)]
    assert [len(run.stops) for run in read(sheet(numbered)).runs] == [3, 2]
    assert message_of(read(sheet([*numbered[:-1], {**numbered[-1], "seq": "2"}])), "E-RUN-SPLIT").column == "Q seq"


def test_what_a_run_leaves_blank_it_takes_from_above_but_not_from_another_vehicle_or_operator() -> None:
    above = {(2, "operator"): "School", (2, "detour"): "on route", (5, "vehicle"): "", (5, "time"): "8:30"}
    same = {(5, field): "" for field in ("seats", "days", "from", "until", "who_may_ride")}
    first, second = with_changes(above | same).runs
    assert (second.vehicle, second.seats, second.first, second.detour) == ("V1", 4, first.first, "on route")
    assert with_changes(above | same | {(5, "vehicle"): "V2"}).runs[1].seats is None
    other = with_changes(above | same | {(5, "operator"): "Care"}).runs[1]
    assert (other.vehicle, other.who_may_ride, other.detour, sorted(other.days)) == ("", (), "none", [0])


def test_a_run_stands_once_on_a_day_but_may_have_a_summer_and_a_winter_version() -> None:
    winter = {(2, "until"): "2026-10-31", (5, "run_id"): "D1", (5, "from"): "2026-11-01"}
    assert [run.code for run in with_changes(winter).runs] == ["D1", "D1"]
    file = with_changes(winter | {(5, "from"): "2026-10-26"})
    assert (message_of(file, "E-RUN-DUP").row, len(file.runs)) == (5, 1)


def test_a_vehicle_is_on_one_run_at_a_time() -> None:
    both = {(5, "vehicle"): "V1"}
    file = with_changes(both)
    assert (message_of(file, "E-VEHICLE-OVERLAP").row, [run.code for run in file.runs]) == (5, ["D1"])
    assert "on 2026-04-06" in message_of(file, "E-VEHICLE-OVERLAP").text
    for apart in ({(5, "days"): "Tue"}, {(5, "time"): "8:30"}, {(5, "from"): "2027-04-01", (5, "until"): "2028-03-31"}):
        assert len(with_changes(both | apart).runs) == 2
    shifted = both | {(5, "time"): "8:30", (2, "also_on"): "2026-09-07+15min", (5, "also_on"): "2026-09-08"}
    assert "on 2026-09-07" in message_of(with_changes(shifted), "E-VEHICLE-OVERLAP").text


def test_a_run_goes_on_its_weekdays_but_for_exceptions_which_may_shift_it() -> None:
    run = with_changes({(2, "not_on"): "2026-08-01..2026-08-31", (2, "also_on"): "2026-08-10, 2026-09-07+60min"}).runs[
        0
    ]
    days = [date(2026, 4, 6), date(2026, 4, 7), date(2026, 8, 3), date(2026, 8, 10), date(2026, 9, 7), date(2028, 4, 3)]
    assert [run.runs_on(day) for day in days] == [0, None, None, 0, 3600, None]


def test_riders_alight_in_the_order_in_which_they_boarded_unless_codes_say_otherwise() -> None:
    by_count = with_changes({(3, "alight"): "1", (4, "alight"): "2"}).runs[0]
    assert committed_rides(by_count.stops) == [(0, 1, 1, 0, None), (0, 2, 1, 0, None), (1, 2, 1, 0, None)]
    coded = {(2, "riders_on"): "A1、B2w", (2, "wheelchair_places"): "1", (3, "riders_off"): "B2", (4, "alight"): "2"}
    run = with_changes(coded).runs[0]
    assert run.stops[0].riders_on == (RiderCode("A1"), RiderCode("B2", wheelchair=True))
    assert committed_rides(run.stops) == [(0, 1, 1, 1, "B2"), (0, 2, 1, 0, "A1"), (1, 2, 1, 0, None)]
    assert [stop.dwell for stop in run.stops] == [300, 300, 60]


def test_words_about_the_detour_are_read_alone_and_together() -> None:
    spoken = ["none", "on route", "up to 5 min + deadhead", "deadhead", "5分まで", "路線上＋回送", "enintään 5 min"]
    runs = [with_changes({(2, "detour"): words}).runs[0] for words in spoken]
    none, on_route, five = ("none", 0), ("on route", 0), ("up to", 300)
    assert [(run.detour, run.max_detour) for run in runs] == [none, on_route, five, none, five, on_route, five]
    assert [run.deadhead for run in runs] == [False, False, True, True, False, True, False]


def test_what_a_run_leaves_open_is_said_and_taken_strictly() -> None:
    file = with_changes({(2, "seats"): "", (2, "who_may_ride"): "", (5, "who_may_ride"): "town, registered"})
    assert (file.runs[0].seats, file.runs[0].who_may_ride) == (None, ())
    assert file.runs[1].who_may_ride == ("town", "registered")
    assert codes(file) == ["W-SEATS-UNKNOWN", "W-WHO-DEFAULT"]


def test_personal_columns_are_dropped_and_unknown_ones_listed() -> None:
    file = read(JAPANESE.replace("降車\n", "降車,氏名,電話番号,天気\n").replace("8:27,1,", "8:27,1,,山田,090,晴"))
    assert message_of(file, "W-PERSONAL-DATA").column == "K 氏名"
    assert "M 天気" in message_of(file, "W-IGNORED-COLUMN").text
    assert "山田" not in repr(file)


def test_a_header_must_name_the_needed_columns_once() -> None:
    missing = read(JAPANESE.replace("時刻", "天気"), language="ja")
    assert (message_of(missing, "E-HEADER").row, missing.runs) == (1, ())
    assert message_of(missing, "E-HEADER").text.startswith("1行目：時刻の列がありません。")
    assert message_of(read(JAPANESE.replace("車両", "発時刻")), "E-HEADER").column == "H 時刻"
    assert codes(read("a,b\n1,2\n")) == ["E-HEADER"]


def test_a_service_adds_what_only_the_roads_can_tell_in_the_same_form() -> None:
    messages = Messages("en")
    messages.add("E-PLACE", row=3, column="G 場所", value="港町", run="D1")
    assert messages.listed(runs=3)[0].text == (
        'Row 3, column G "場所": "港町" was not found on the map, or several places bear that name. '
        "Write lat and lon, or a place of the sheet places. "
        "Run D1 was not taken in; the other 2 runs are not affected. [E-PLACE]"
    )


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_give_a_message_and_never_an_exception(content: bytes) -> None:
    assert read(content).errors


@given(st.lists(st.lists(st.text(max_size=12), max_size=len(FIELDS)), max_size=6))
def test_any_cells_under_a_good_header_never_raise(cells: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([FIELDS, *cells])
    read(text.getvalue())
