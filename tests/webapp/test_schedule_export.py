"""A schedule that goes out as a file comes back as the same schedule."""

import csv
import io
import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from tests.webapp import feed_samples, schedule_samples
from tests.webapp.conftest import Clock, SignIn
from tests.webapp.handing_in import TWO, check, confirm, hand_in
from webapp.config import LANGUAGES
from webapp.files.answers import Answers, Terms
from webapp.files.dates import Span
from webapp.files.export import NotInEncoding, write_csv, write_sheets, write_xlsx
from webapp.files.scheduled import PlaceEntry, RiderCode, ScheduledRun, ScheduledStop, ScheduleFile, Vehicle
from webapp.files.sheets import disarmed
from webapp.files.spelling import plain, shown
from webapp.resources import data_path
from webapp.services import exporting, schedules
from webapp.services.errors import NotFound
from webapp.town import Town

SIMPLE = schedule_samples.read(schedule_samples.sheet(schedule_samples.TWO_RUNS)).runs[0]


def comparable(runs: tuple[ScheduledRun, ...]) -> list[ScheduledRun]:
    """Runs without the rows in which they stood."""
    bare = [replace(run, sheet="", row=0, stops=tuple(replace(stop, row=0) for stop in run.stops)) for run in runs]
    return sorted(bare, key=lambda run: (run.code, run.first))


def returned(file: ScheduleFile, language: str = "en") -> list[ScheduleFile]:
    """Read the schedule again from each kind of file."""
    sheets = write_sheets(file, schedule_samples.NAMES, language)
    read = schedule_samples.read(write_csv(sheets[0]), "out.csv"), schedule_samples.read(write_xlsx(sheets), "out.xlsx")
    return [*read]


def assert_returns(file: ScheduleFile, language: str = "en") -> None:
    for again in returned(file, language):
        assert [m.text for m in again.messages if m.severity == "error"] == []
        assert comparable(again.runs) == comparable(file.runs)
    assert again.vehicles == file.vehicles
    assert again.places == {key: replace(entry, row=0) for key, entry in file.places.items()}


# Any schedule

NASTY = (
    "=1+1",
    "+x",
    "-x",
    "@cmd",
    "'=x",
    "''@",
    "＝１",
    "＋a",
    "－b",
    "＠c",
    "'",
    '"q"',
    "a,b",
    "a;b",
    "#N/A",
    "TRUE",
    "1e5",
)
TEXT = st.one_of(
    st.sampled_from([*NASTY, "", "本町1-2 (A12)", "Kirkko", "학교", "髙﨑㈱①", "Ääkkönen"]),
    st.text("aäxЖ鉄가=+-@'＝ 0.9", max_size=8),
).map(shown)
PLAIN = TEXT.map(plain).filter(lambda text: text != "?")
DAYS = st.dates(date(2025, 1, 1), date(2030, 12, 31))
CORNER = st.tuples(st.floats(-89, 89), st.floats(-179, 179))
ASIDE = st.floats(0, 0.0005)
"""Degrees that a vehicle drives in any time."""
MINUTES = st.one_of(st.none(), st.integers(0, 9000))


@st.composite
def spans(draw: Any, shifts: st.SearchStrategy[int], apart: tuple[Span, ...] = ()) -> tuple[Span, ...]:
    """Days that meet none of those apart."""
    found = []
    for _ in range(draw(st.integers(0, 3))):
        first = draw(DAYS)
        found.append(Span(first, first + timedelta(draw(st.integers(0, 9))), 60 * draw(shifts)))
    return tuple(span for span in found if not any(span.meets(other) for other in apart))


@st.composite
def stops(draw: Any, run: int) -> tuple[ScheduledStop, ...]:
    """Stops at rising minutes, where codes or counts board before they alight."""
    count, coded, rows, corner = draw(st.integers(2, 6)), draw(st.booleans()), [], draw(CORNER)
    time = draw(st.integers(90 * 60, 40 * 3600))
    aboard: list[RiderCode] = []
    counted = 0
    for n in range(count):
        last, on, off, board, alight, chairs = n == count - 1, [], [], 0, 0, 0
        if coded:
            off = aboard if last else [one for one in aboard if draw(st.booleans())]
            aboard = [one for one in aboard if one not in off]
            on = (
                []
                if last
                else [RiderCode(f"R{run}-{n}{k}", draw(st.booleans())) for k in range(draw(st.integers(0, 2)))]
            )
            aboard += on
            board, alight, chairs = len(on), len(off), sum(one.wheelchair for one in on)
        else:
            alight = counted if last else draw(st.integers(0, counted))
            board = 0 if last else draw(st.integers(0, 3))
            chairs = draw(st.integers(0, min(board, 1)))
            counted += board - alight
        time += draw(st.integers(0, 600))
        lat, lon = (round(x + draw(ASIDE), 9) for x in corner) if draw(st.booleans()) else (None, None)
        is_timed = n in (0, count - 1) or draw(st.booleans())
        rows.append(
            ScheduledStop(
                row=0, place_name=draw(TEXT) or "x", address=draw(TEXT), stop_code=draw(PLAIN), lat=lat, lon=lon,
                time=time if is_timed else None, time_latest=draw(st.sampled_from([None, 47 * 3600])),
                board=board, alight=alight, wheelchair_on=chairs, riders_on=tuple(on), riders_off=tuple(off),
                dwell=draw(st.sampled_from([0, 20, 60, 90, 300])), residents=draw(st.sampled_from([None, True, False])),
                note=draw(TEXT),
            )
        )  # fmt: skip
    return tuple(rows)


@st.composite
def any_schedule(draw: Any) -> ScheduleFile:
    runs = []
    for n in range(draw(st.integers(1, 4))):
        first = draw(DAYS)
        mode = draw(st.sampled_from(["none", "on route", "up to"]))
        runs.append(
            ScheduledRun(
                code=f"{n}" + draw(PLAIN), name=draw(TEXT), operator=draw(PLAIN),
                vehicle=f"V{n}" if draw(st.booleans()) else "",
                sheet="", row=0, seats=draw(st.sampled_from([None, 30, 99])), wheelchairs=draw(st.integers(20, 30)),
                seats_per_wheelchair=draw(st.integers(0, 1)), days=frozenset(draw(st.sets(st.integers(0, 6)))),
                first=first, last=first + timedelta(draw(st.integers(0, 400))),
                not_on=(off := draw(spans(st.just(0)))), also_on=draw(spans(st.integers(-90, 90), off)),
                shifts=draw(spans(st.integers(1, 90))), follows_town=draw(st.booleans()),
                who_may_ride=tuple(draw(st.sets(st.sampled_from(["registered", "anyone", "over-65", "町民"])))),
                detour=mode, max_detour=60 * draw(st.integers(0, 30)) if mode == "up to" else 0,
                deadhead=draw(st.booleans()), max_extra=draw(MINUTES), max_ride=draw(MINUTES), stops=draw(stops(n)),
            )
        )  # fmt: skip
    vehicles = {
        run.vehicle: Vehicle(run.vehicle, run.seats, run.wheelchairs, depot_name=draw(TEXT), available_from=6 * 3600)
        for run in runs
        if run.vehicle
    }
    return ScheduleFile(tuple(runs), vehicles, {"H-9": PlaceEntry("H-9", "Home", "Road 1", 60.1, -0.5, private=True)})


@settings(max_examples=60, deadline=None)
@given(any_schedule(), st.sampled_from([*LANGUAGES]))
def test_any_schedule_comes_back_as_it_was(file: ScheduleFile, language: str) -> None:
    assert_returns(file, language)


# Every kind of file


def test_what_was_read_from_any_kind_of_file_comes_back_as_it_was() -> None:
    from tests.webapp.test_schedule_layouts import ACROSS, DOWN, GENESIS, ROSTER, SEASON

    packed = data_path("demo").glob("*.xlsx")
    files = [
        schedule_samples.read(schedule_samples.JAPANESE),
        schedule_samples.read(SEASON + DOWN),
        schedule_samples.read(ACROSS),
        schedule_samples.read(ROSTER),
        schedule_samples.read(GENESIS),
        feed_samples.read(
            answers=Answers(otherwise=Terms(seats=20, riders=3, who_may_ride=("anyone",), max_extra=300))
        ),
        feed_samples.read(
            stops=feed_samples.table("stops", "L,Stop L", "Ｌ（１）,駅　前").replace("K,Stop K", "K,=Stop"),
            stop_times=feed_samples.FEED["stop_times.txt"].replace(",L,", ",Ｌ（１）,").replace("t1,", "ｔ１,"),
            trips=feed_samples.table("trips", "t1,School", "ｔ１,＝学校"),
        ),
        *(schedule_samples.read(path.read_bytes(), path.name) for path in packed),
    ]
    for file in files:
        assert file.runs, file.messages
        for language in LANGUAGES:
            assert_returns(file, language)


def test_a_feed_without_regular_weekdays_comes_back_with_its_dates_alone() -> None:
    file = feed_samples.read(calendar=None)
    assert not file.runs[0].days
    assert_returns(file, "ja")


def test_a_run_that_says_nothing_does_not_take_over_what_the_one_above_says() -> None:
    """Negative control: with blanks instead of the mark, the second run would have the first one's limits."""
    rich = replace(
        SIMPLE, vehicle="V1", max_extra=300, max_ride=1800, not_on=(Span(date(2026, 12, 24), date(2026, 12, 26)),)
    )
    poor = replace(SIMPLE, code="B", vehicle="V2", seats=None)
    assert_returns(ScheduleFile((rich, replace(poor, vehicle=""))))
    file = ScheduleFile((rich, poor))
    assert_returns(file)
    sheet = write_sheets(file, schedule_samples.NAMES, "en")[0]
    blank = replace(sheet, rows=tuple(tuple("" if cell == "?" else cell for cell in row) for row in sheet.rows))
    assert schedule_samples.read(write_csv(blank), "out.csv").runs[1].max_extra == 300


# Formulas


def formula_cells(file: ScheduleFile) -> list[str]:
    sheets = write_sheets(file, schedule_samples.NAMES, "en")
    rows = csv.reader(io.StringIO(write_csv(sheets[0]).decode("utf-8-sig"), newline=""))
    cells = [cell for row in rows for cell in row]
    for page in load_workbook(io.BytesIO(write_xlsx(sheets))):
        assert not [cell for row in page.iter_rows() for cell in row if cell.data_type == "f"]
        cells += [cell.value for row in page.iter_rows() for cell in row if isinstance(cell.value, str)]
    return [
        cell for cell in cells if re.match(r"[=+\-@\t\r＝＋－＠]", cell) and not re.fullmatch(r"[+-]?\d+(\.\d+)?", cell)
    ]


def test_no_cell_begins_as_a_formula_and_reading_gives_the_words_back(monkeypatch: pytest.MonkeyPatch) -> None:
    signs = "=+-@＝＋－＠"
    stops = tuple(
        replace(stop, place_name=f"{sign}HYPERLINK(1)", note=f"'{sign}x", board=0)
        for sign in signs
        for stop in SIMPLE.stops[:1]
    )
    file = ScheduleFile((replace(SIMPLE, name="=cmd|' /C calc'!A0", stops=(*stops, *SIMPLE.stops)),))
    assert formula_cells(file) == []
    assert_returns(file)
    assert disarmed("\tx") == "'\tx"
    assert disarmed("\r=1") == "'\r=1"
    assert disarmed("-0.5") == "-0.5"
    monkeypatch.setattr("webapp.files.export.disarmed", lambda text: text)
    assert formula_cells(replace(file, runs=(replace(SIMPLE, name="@x"),))), "the negative control must find one"


# Encodings and words


def test_the_old_japanese_encoding_is_offered_where_it_holds_every_letter() -> None:
    japanese, finnish = (
        schedule_samples.read(schedule_samples.JAPANESE),
        ScheduleFile((replace(SIMPLE, name="Äänekoski ä"),)),
    )
    sheet = write_sheets(japanese, schedule_samples.NAMES, "ja")[0]
    again = schedule_samples.read(write_csv(sheet, "cp932"), "out.csv")
    assert again.encoding == "cp932"
    assert comparable(again.runs) == comparable(japanese.runs)
    with pytest.raises(NotInEncoding, match="Ä ä"):
        write_csv(write_sheets(finnish, schedule_samples.NAMES, "en")[0], "cp932")


def test_headers_are_in_the_readers_language() -> None:
    first = {
        language: write_sheets(ScheduleFile((SIMPLE,)), schedule_samples.NAMES, language)[0] for language in LANGUAGES
    }
    assert [sheet.rows[0][0] for sheet in first.values()] == ["run_id", "vuorotunnus", "便ID", "운행ID", "turkod"]
    assert [sheet.name for sheet in first.values()] == ["runs", "vuorot", "便", "운행", "turer"]


def test_every_column_of_the_layout_is_written_or_the_schedule_does_not_have_it() -> None:
    """A column that is added to the table of names without a value in the entries must fail here."""
    file = ScheduleFile((SIMPLE,), {"V": Vehicle("V")}, {"P": PlaceEntry("P", "P")})
    write_sheets(file, schedule_samples.NAMES, "en")
    more = replace(schedule_samples.NAMES, fields={**schedule_samples.NAMES.fields, "places": {"colour": ("colour",)}})
    with pytest.raises(AttributeError):
        write_sheets(file, more, "en")


# The dispatcher's page and the command line


def test_a_dispatcher_gets_their_own_schedule_which_handed_in_again_changes_nothing(
    town: Town, sign_in: SignIn
) -> None:
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch/upload")
    assert "CSV (UTF-8)" not in dispatcher.text, "nothing was taken in yet"
    dispatcher.get("/dispatch/schedule/xlsx", status=404)
    confirm(town, hand_in(town, TWO))
    dispatcher.get("/dispatch/upload")
    assert "CSV (UTF-8)" in dispatcher.text
    for kind, ending in (("xlsx", "xlsx"), ("csv", "csv"), ("csv-cp932", "csv")):
        answer = dispatcher.browser.get(f"/dispatch/schedule/{kind}")
        assert answer.headers["Content-Disposition"] == f"attachment; filename=school-2026-11-23.{ending}"
        again = check(town, answer.data, f"runs.{ending}")
        assert not again.refused
        kept = schedules.keep(town, again, operator="school", actor=None)
        assert (kept.new, kept.changed, kept.unchanged) == (0, 0, 8)
    dispatcher.get("/dispatch/schedule/pdf", status=404)
    with pytest.raises(NotFound):
        exporting.export(town, "care", "csv", "en")


def test_what_the_old_encoding_cannot_hold_is_told_on_the_page(town: Town, sign_in: SignIn) -> None:
    confirm(town, hand_in(town, TWO.replace("Liisankatu 29", "Hämeentie 1")))
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch/schedule/csv-cp932", status=422)
    assert "The old Japanese form has no sign for ä. Use UTF-8 or Excel." in dispatcher.text


def test_of_a_run_that_two_files_hold_the_newer_counts(town: Town, clock: Clock) -> None:
    confirm(town, hand_in(town, TWO))
    clock.forward(60)
    other = schedules.upload(town, TWO.replace("9:00", "9:01").encode(), "new.csv", operator="school", actor=None)
    confirm(town, other)
    runs = {run.code: run.stops[0].time for run in exporting.kept_schedule(town, "school").runs}
    assert runs == {"D1": 8 * 3600, "D2": 9 * 3600 + 60}
