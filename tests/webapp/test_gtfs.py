"""A GTFS feed is read as its timetable means it, whatever its exporter did, and no zip takes the site down."""

import io
import zipfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webapp.feed_samples import FEED, feed, read, table
from tests.webapp.schedule_samples import codes, message_of
from webapp.files.answers import Answers, Terms
from webapp.files.archive import is_feed, pack_feed
from webapp.files.gtfs import read_feed
from webapp.files.scheduled import ScheduleFile

SAID = Answers(otherwise=Terms(seats=20, who_may_ride=("anyone",)))
TUESDAY, SATURDAY = date(2026, 11, 24), date(2026, 11, 28)
BACKWARD = "\n".join([FEED["stop_times.txt"].splitlines()[0], *FEED["stop_times.txt"].splitlines()[:0:-1]])
"""The rows of stop_times.txt from the last to the first: only stop_sequence orders them."""
CALENDAR = "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"


def essence(file: ScheduleFile) -> list[tuple[str, list[tuple[str, int | None]]]]:
    return [(run.code, [(stop.place_name, stop.time) for stop in run.stops]) for run in file.runs]


def test_each_trip_of_a_service_is_a_run() -> None:
    file = read(answers=SAID)
    to_school, home = file.runs
    assert (file.messages, file.rows, file.encoding) == ((), 5, "utf-8")
    assert (to_school.code, to_school.name, to_school.vehicle, home.name) == ("t1", "1 School", "B1", "1 Home")
    assert [stop.time for stop in to_school.stops] == [28800, 29220, 30000]
    assert [stop.dwell for stop in to_school.stops] == [0, 60, 0]


def test_days_are_those_of_the_calendar_and_its_exceptions() -> None:
    run = read().runs[0]
    assert [run.runs_on(day) for day in (date(2026, 11, 23), TUESDAY, SATURDAY)] == [0, None, 0]
    assert run.runs_on(date(2027, 7, 1)) is None


def test_a_service_may_have_dates_only() -> None:
    run = read(calendar=None).runs[0]
    assert (run.runs_on(SATURDAY), run.runs_on(date(2026, 11, 23))) == (0, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"stop_times.txt": FEED["stop_times.txt"].replace(",08:", ",8:")},
        {"stop_times.txt": "\ufeff" + FEED["stop_times.txt"]},
        {"stop_times.txt": FEED["stop_times.txt"].replace("\n", "\r\n").rstrip()},
        {"stop_times.txt": FEED["stop_times.txt"].replace("\n", "\n\n")},
        {"stop_times.txt": FEED["stop_times.txt"].replace(",", ", ")},
        {"stop_times.txt": FEED["stop_times.txt"].replace("t1,", '"t1",')},
        {"stop_times.txt": FEED["stop_times.txt"].replace("\n", ",\n")},
        {"stop_times.txt": FEED["stop_times.txt"].replace(",1,0\n", "\n")},
        {"trips.txt": FEED["trips.txt"].replace("wheelchair_accessible", "wheelchair_accesible")},
        {"stop_times.txt": BACKWARD},
        {"shapes.txt": "x" * 1000, "office_jp.txt": b"\xff\x00"},
        {"agency.txt": None, "routes.txt": None},
    ],
    ids=["hour", "bom", "crlf", "blank", "spaces", "quotes", "trailing", "ragged", "misspelt", "order", "extra", "few"],
)  # fmt: skip
def test_what_exporters_do_changes_nothing(changes: dict[str, str | bytes | None]) -> None:
    file = read_feed(feed(changes), "feed.zip", answers=SAID)
    assert (essence(file), file.messages) == (essence(read()), ())


def test_tables_may_lie_in_a_folder_of_the_zip() -> None:
    assert essence(read(feed(folder="export/2026/"))) == essence(read())


def test_a_folder_is_packed_alike_each_time(tmp_path: Path) -> None:
    for name, text in FEED.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert pack_feed(tmp_path) == pack_feed(tmp_path)
    assert essence(read(pack_feed(tmp_path))) == essence(read())


def test_japanese_ids_in_windows_encoding_are_compared_as_they_stand() -> None:
    changes = {
        name: text.replace("wk", "平日（月～金）").replace("Stop", "停留所").encode("cp932")
        for name, text in FEED.items()
    }
    file = read_feed(feed(changes), "feed.zip", answers=SAID)
    assert (file.encoding, codes(file), file.runs[0].stops[0].place_name) == ("cp932", ["W-ENCODING"], "停留所 L")


def test_times_go_on_beyond_midnight() -> None:
    late = table("stop_times").replace("08:", "25:")
    assert read(stop_times=late).runs[0].stops[0].time == 25 * 3600


def test_a_trip_may_visit_a_stop_twice() -> None:
    assert [stop.stop_code for stop in read(stop_times=table("stop_times", ",S,3,", ",L,3,")).runs[0].stops] == [
        "L",
        "R",
        "L",
    ]


def test_a_stop_without_a_time_is_left_to_the_road() -> None:
    run = read(stop_times=table("stop_times", "08:06:00,08:07:00", ",")).runs[0]
    assert [stop.time for stop in run.stops] == [28800, None, 30000]


def test_only_a_one_forbids_residents_to_board_or_alight() -> None:
    assert [stop.residents for run in read().runs for stop in run.stops] == [True] * 5
    closed = read(stop_times=table("stop_times", "R,2,3,3", "R,2,1,1"))
    half = read(stop_times=table("stop_times", "R,2,3,3", "R,2,1,0"))
    assert [file.runs[0].stops[1].residents for file in (closed, half)] == [False, False]
    assert "W-STOP-HALF" in codes(half) and "W-STOP-HALF" not in codes(closed)


def test_a_platform_takes_what_it_leaves_blank_from_its_station() -> None:
    stops = table("stops", "stop_lon\n", "stop_lon,parent_station\n").replace("Stop L,60.174151,24.951375", ",,,S")
    assert read(stops=stops).runs[0].stops[0].place_name == "Stop S"


def test_headways_become_runs_of_their_own() -> None:
    head = "trip_id,start_time,end_time,headway_secs,exact_times\n"
    file = read(frequencies=head + "t1,07:00:00,08:00:00,1200,0\n")
    assert [run.code for run in file.runs] == ["t1@7:00", "t1@7:20", "t1@7:40", "t2"]
    assert [stop.time for stop in file.runs[1].stops] == [26400, 26820, 27600]
    assert "W-FREQUENCY" in codes(file)


HEADWAYS = "trip_id,start_time,end_time,headway_secs,exact_times\n"


def test_exact_headways_are_told_apart_and_adjoining_periods_follow_each_other() -> None:
    rows = "t1,07:00:00,08:00:00,1200,1\nt1,08:00:00,09:00:00,1800,1\nt2,15:00:00,15:30:00,900,\n"
    file = read(frequencies=HEADWAYS + rows, trips=table("trips", "B1", ""))
    starts = ["t1@7:00", "t1@7:20", "t1@7:40", "t1@8:00", "t1@8:30", "t2@15:00", "t2@15:15"]
    assert [run.code for run in file.runs] == starts
    told = [m.text for m in file.messages if m.code == "W-FREQUENCY"]
    assert "without exact times: 1. Each of their 2 departures" in told[1]
    assert "with exact times: 1. Each of their 5 departures" in told[0]


def test_a_vehicle_that_cannot_drive_all_departures_is_left_off_them() -> None:
    file = read(frequencies=HEADWAYS + "t1,07:00:00,08:00:00,600,1\n")
    assert {run.vehicle for run in file.runs} == {"", "B1"}
    assert len(file.runs) == 7 and codes(file).count("W-FREQUENCY") == 2
    wide = read(frequencies=HEADWAYS + "t1,07:00:00,08:00:00,1200,1\n")
    assert {run.vehicle for run in wide.runs} == {"B1"} and codes(wide).count("W-FREQUENCY") == 1


def test_a_fault_of_headways_is_told_at_its_cell_and_refuses_all_departures_of_its_trip() -> None:
    faults = {
        "t1,07:00:00,08:00:00,0,0": ("E-COUNT", "D headway_secs"),
        "t1,07:00:00,08:00:00,often,0": ("E-COUNT", "D headway_secs"),
        "t1,07:00:00,08:00:00,1200,2": ("E-RUN-VALUE", "E exact_times"),
        "t1,08:00:00,08:00:00,1200,0": ("E-TIME", "C end_time"),
        "t1,soon,08:00:00,1200,0": ("E-TIME", "B start_time"),
        "t1,46:00:00,47:59:00,3600,0": ("E-TIME", "C end_time"),
        "t1,06:00:00,07:00:00,1200,0\nt1,06:50:00,08:00:00,1200,0": ("E-TIME", "B start_time"),
        "t1,06:00:00,07:00:00,1200,0\nt1,05:00:00,08:00:00,1200,0": ("E-TIME", "B start_time"),
    }
    for rows, fault in faults.items():
        late = table("stop_times", "08:20:00,08:20:00", "09:20:00,09:20:00") if "46:00" in rows else table("stop_times")
        file = read(frequencies=HEADWAYS + rows + "\n", stop_times=late)
        told = [(m.code, m.column) for m in file.messages if m.severity == "error"]
        assert (told, [run.code for run in file.runs]) == ([fault], ["t2"]), rows


def test_headways_of_a_second_are_refused_before_they_fill_the_memory() -> None:
    file = read(frequencies="trip_id,start_time,end_time,headway_secs\nt1,00:00:00,47:00:00,1\n")
    assert ("E-FILE-BIG" in codes(file), file.runs) == (True, ())


# Answers


def test_what_is_not_said_is_asked_and_no_seat_is_open_meanwhile() -> None:
    file = read()
    assert codes(file) == ["W-SEATS-UNKNOWN", "W-WHO-DEFAULT"]
    assert (file.runs[0].seats, file.runs[0].who_may_ride) == (None, ())


def test_routes_are_answered_for_by_direction() -> None:
    there, back = Terms(12, 1, ("registered",), riders=3), Terms(9, 1, ())
    file = read(answers=Answers().for_some({"r1/0"}, there).for_some({"r1/1"}, back))
    assert [(run.seats, run.wheelchairs, run.who_may_ride) for run in file.runs] == [
        (12, 1, ("registered",)),
        (9, 0, ()),
    ]
    assert [(stop.board, stop.alight) for stop in file.runs[0].stops] == [(3, 0), (0, 0), (0, 3)]
    assert [(line.key, line.first_stop, line.trips, line.with_wheelchairs) for line in file.lines] == [
        ("r1/0", "Stop L", 1, 1),
        ("r1/1", "Stop S", 1, 0),
    ]


def test_a_route_that_is_left_out_is_not_judged() -> None:
    broken = table("stop_times", "15:15:00,15:15:00", "14:15:00,14:15:00")
    assert "E-TIME-BACK" in codes(read(stop_times=broken))
    for answers in (SAID.without({"r1/1"}), SAID.for_only({"r1/0"}, SAID.otherwise)):
        file = read(answers=answers, stop_times=broken)
        assert ([run.code for run in file.runs], file.messages) == (["t1"], ())


def test_an_answer_about_a_route_that_is_not_there_is_refused() -> None:
    assert message_of(read(answers=Answers(only=frozenset({"r9"}))), "E-FEED-ID").value == "r9"


def test_an_old_plan_is_used_for_another_year() -> None:
    old = CALENDAR + "wk,1,1,1,1,1,0,0,20200801,20210630\nsummer,1,1,1,1,1,1,1,20200601,20200731\n"
    trips = table("trips") + "r1,summer,t3,Beach,0,,\n"
    times = table("stop_times") + "t3,10:00:00,10:00:00,L,1,,\nt3,10:20:00,10:20:00,S,2,,\n"
    answers = SAID.for_days(date(2026, 9, 1), None)
    file = read(answers=answers, calendar=old, trips=trips, stop_times=times)
    assert [run.runs_on(TUESDAY) for run in file.runs] == [0, 0, None]
    assert [run.runs_on(date(2027, 9, 1)) for run in file.runs] == [None] * 3
    assert "summer" in message_of(file, "W-YEAR").text
    beach = read(
        answers=answers.for_days(date(2026, 9, 1), date(2020, 7, 1)), calendar=old, trips=trips, stop_times=times
    )
    assert [run.runs_on(TUESDAY) for run in beach.runs] == [None, None, 0]


def test_dates_without_a_calendar_are_repeated_by_their_week() -> None:
    dates = "service_id,date,exception_type\nwk,20200907,1\nwk,20200909,1\n"
    file = read(answers=SAID.for_days(date(2026, 11, 1), None), calendar=None, calendar_dates=dates)
    assert file.runs[0].days == {0, 2}


# Messages

FAULTS = [
    ("stop_times", "08:06:00,08:07:00", "07:06:00,07:07:00", "E-TIME-BACK", 3, "B arrival_time"),
    ("stop_times", "08:06:00", "8;06", "E-TIME", 3, "B arrival_time"),
    ("stop_times", "08:00:00,08:00:00", ",", "E-TIME-MISSING", 2, "C departure_time"),
    ("stop_times", "08:20:00,08:20:00", "08:07:00,08:07:00", "W-TIME-SAME", 4, "B arrival_time"),
    ("stop_times", "R,2", "Q,2", "E-FEED-ID", 3, "D stop_id"),
    ("stop_times", "R,2", "R,x", "E-RUN-SPLIT", 3, "E stop_sequence"),
    ("stop_times", "t2,15:00", "t9,15:00", "E-FEED-ID", 5, "A trip_id"),
    ("trips", "r1,wk,t2", "r1,we,t2", "E-FEED-ID", 3, "B service_id"),
    ("trips", "wk,t2", "wk,t1", "E-CODE-TWICE", 3, "C trip_id"),
    ("calendar", "20260801", "20261301", "E-DATE", 2, "I start_date"),
    ("calendar", "20260801", "20280801", "E-DATE-RANGE", 2, "J end_date"),
    ("stops", "60.174151", "", "E-PLACE", 2, "C stop_lat"),
    ("stops", "60.174151", "60.242", "W-SPEED", 3, "B arrival_time"),
    ("stops", "60.174151", "61.2", "E-SPEED", 3, "B arrival_time"),
    ("stops", "stop_lat", "latitude", "E-HEADER", 1, ""),
    ("calendar_dates", "20261124,2", "20261124,3", "E-RUN-VALUE", 2, "C exception_type"),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_with_its_file_row_and_column(fault: tuple[str, str, str, str, int, str]) -> None:
    name, old, new, code, row, column = fault
    file = read_feed(feed({f"{name}.txt": table(name, old, new)}), "feed.zip", answers=SAID)
    message = message_of(file, code)
    assert (message.sheet, message.row, message.column) == (
        f"{name if 'SPEED' not in code else 'stop_times'}.txt",
        row,
        column,
    )
    assert len(file.runs) < 2 or code.startswith("W")


@pytest.mark.parametrize("name", ["stops", "trips", "stop_times"])
def test_a_table_that_every_feed_needs_is_missed_by_name(name: str) -> None:
    assert message_of(read(feed({f"{name}.txt": None})), "E-FEED-FILE").value == f"{name}.txt"


def test_a_feed_needs_one_of_the_two_calendars() -> None:
    assert codes(read(calendar=None, calendar_dates=None)) == ["E-FEED-FILE"]


def test_what_rides_on_demand_is_said_not_to_be_supported() -> None:
    head = "trip_id,stop_id,stop_sequence,arrival_time,departure_time,"
    head += "start_pickup_dropoff_window,end_pickup_dropoff_window\n"
    area = "t1,zone,1,,,08:00:00,20:00:00\n"
    mixed = "t2,L,1,10:00:00,10:00:00,,\nt2,R,2,,,10:00:00,11:00:00\nt2,S,3,10:20:00,10:20:00,,\n"
    file = read(stop_times=head + area + mixed, location_groups="location_group_id,location_id\nzone,L\n")
    assert [(run.code, len(run.stops)) for run in file.runs] == [("t2", 2)]
    assert [message.value for message in file.messages if message.code == "W-FLEX"] == ["t1", "t2"]
    assert file.errors == ()


# Zips


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as made:
        for name, content in members:
            made.writestr(zipfile.ZipInfo(name), content, method)
    return packed.getvalue()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", archive(("xl/workbook.xml", b"")), b"run_id,place\n"])
def test_what_is_no_feed_is_left_to_the_other_readers(content: bytes) -> None:
    assert not is_feed(content)


@given(name=st.sampled_from(sorted(FEED)), cut=st.integers(0, 300), junk=st.binary(max_size=20))
def test_whatever_is_in_the_tables_gets_messages_and_no_exception(name: str, cut: int, junk: bytes) -> None:
    text = FEED[name].encode()
    file = read_feed(feed({name: text[:cut] + junk + text[cut + len(junk) :]}), "feed.zip", answers=SAID)
    assert all(message.text for message in file.messages)


@given(st.binary(max_size=60), st.integers(0, 2000))
def test_whatever_is_in_a_zip_gets_messages_and_no_exception(junk: bytes, at: int) -> None:
    content = feed()
    read(content[:at] + junk + content[at + len(junk) :])
