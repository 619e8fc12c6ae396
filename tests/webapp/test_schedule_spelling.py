"""People write times, dates and days in many ways; what could mean two things is refused with both readings."""

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.files.dates import Span, date_of, days_of, spans_of
from webapp.files.spelling import (
    Cell,
    Unclear,
    clock,
    coordinate_of,
    count_of,
    flag_of,
    minutes_of,
    time_of,
)

QUARTER_TO_EIGHT = [
    "7:45",
    "07:45:00",
    "７：４５",
    "７時４５分",
    "午前7時45分",
    "AM 7:45",
    "7:45AM",
    "klo 7.45",
    "kl. 7.45",
    "klockan 7:45",
    "7h45",
]
QUARTER_TO_EIGHT += ["7.45", "0745", "745", "074500", "7:45頃", "오전 7시 45분"]
WEDNESDAY = [
    "令和8年4月1日（水）",
    "R8.4.1",
    "R8/4/1",
    "2026/4/1",
    "20260401",
    "1.4.2026",
    "ke 1.4.2026",
    "ons 1.4.2026",
    "46113",
]


@pytest.mark.parametrize("words", [*QUARTER_TO_EIGHT, 7.45, 745.0, 0.3229, time(7, 45), timedelta(hours=7.75)])
def test_a_quarter_to_eight_is_one_time_however_it_is_written(words: Cell) -> None:
    assert time_of(words) == 7 * 3600 + 45 * 60


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("7時半", "7:30"),
        ("9時", "9:00"),
        ("7時5分", "7:05"),
        ("午後12時10分", "12:10"),
        ("午前12時10分", "0:10"),
        ("12:05 am", "0:05"),
        ("1:30 PM", "13:30"),
        ("正午", "12:00"),
        ("24:30", "24:30"),
        ("25:05", "25:05"),
        ("47:59", "47:59"),
        ("翌0:30", "24:30"),
        ("8:00頃", "8:00"),
        ("noin 8.15", "8:15"),
        ("８：２７", "8:27"),
        ("오후 3시 5분", "15:05"),
        ("3:13PM", "15:13"),
        ("7시 반", "7:30"),
        (" 7:45 ", "7:45"),
        ("7:45:30", "7:45:30"),
        (datetime(1900, 1, 1, 0, 30), "24:30"),
        (timedelta(days=1, seconds=1800), "24:30"),
        (1.0208333333, "24:30"),
    ],
)
def test_a_time_of_the_service_day_is_read(words: Cell, meant: str) -> None:
    read = time_of(words)
    assert isinstance(read, int)
    assert clock(read) == meant


@pytest.mark.parametrize(
    ("words", "readings"),
    [
        (7.5, ("7:50", "7:30")),
        ("7.5", ("7:50", "7:30")),
        (13, ("13:00", "0:13")),
        ("7:5", ("7:50", "7:05")),
        (0.25, ("0:25", "6:00")),
        ("7", ("7:00", "0:07")),
        ("7.1", ("7:10", "7:06")),
    ],
)
def test_a_time_with_two_meanings_is_refused_with_both(words: Cell, readings: tuple[str, ...]) -> None:
    assert time_of(words) == Unclear(readings)


@pytest.mark.parametrize("words", ["7;45", "48:00", "7:60", "午後13時", "p.m.", True, datetime(2026, 4, 1), "now"])
def test_what_is_no_time_is_refused(words: Cell) -> None:
    assert time_of(words) == Unclear()


@pytest.mark.parametrize("words", [*WEDNESDAY, 46113.0, "2026年4月1日", date(2026, 4, 1), datetime(2026, 4, 1)])
def test_the_first_of_april_is_one_date_however_it_is_written(words: Cell) -> None:
    assert date_of(words) == date(2026, 4, 1)


def test_a_date_with_slashes_is_read_only_where_one_order_explains_it() -> None:
    assert date_of("4/1/2026") == Unclear(("2026-01-04", "2026-04-01"))
    assert date_of("13/4/2026") == date_of("4/13/2026") == date(2026, 4, 13)
    assert date_of("令和元年5月1日") == date(2019, 5, 1)
    assert date_of("12/13/2025") == date(2025, 12, 13)
    assert date_of("２０２５/１２/０１") == date_of("2025년 12월 1일") == date(2025, 12, 1)
    assert date_of("2/2/2026") == date(2026, 2, 2)


@pytest.mark.parametrize(
    "words",
    ["2026-02-30", "2025-02-29", "00/00/2026", "2026-13-01", "4月1日", "ennen 1.4.2026", "31.12.1999", "1.4.26", 7.5],
)
def test_what_is_no_date_is_refused(words: Cell) -> None:
    assert date_of(words) == Unclear()


def test_a_list_of_dates_holds_ranges_and_shifts() -> None:
    august = Span(date(2026, 8, 1), date(2026, 8, 25))
    late = Span(date(2026, 9, 9), date(2026, 9, 9), 3600)
    assert spans_of("2026-08-01..2026-08-25, 2026-09-09+60min") == (august, late)
    assert spans_of("R8.8.1～R8.8.25、2026年9月9日+60分") == (august, late)
    assert spans_of("20260909 20260910") == (Span(late.first, late.last), Span(date(2026, 9, 10), date(2026, 9, 10)))
    assert spans_of("2026-08-01, 2026-08-25..2026-08-01") == Unclear((), "2026-08-25..2026-08-01")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("月火木", "013"),
        ("月曜日、火曜日", "01"),
        ("月～金", "01234"),
        ("Mon,Tue", "01"),
        ("Mon to Fri", "01234"),
        ("Monday & Friday", "04"),
        ("ma–pe", "01234"),
        ("ma to pe", "034"),
        ("la-ma", "056"),
        ("må–fr", "01234"),
        ("må ti to", "013"),
        ("måndag till fredag", "01234"),
        ("mån, ons och fre", "024"),
        ("lö–sö", "56"),
        ("vardagar", "01234"),
        ("varje dag", "0123456"),
        ("inga", ""),
        ("inget", ""),
        ("월,화", "01"),
        ("1111100", "01234"),
        (1111100.0, "01234"),
        ("毎日", "0123456"),
        ("平日", "01234"),
        ("土日祝", "56"),
        ("日", "6"),
    ],
)
def test_weekdays_are_read_in_every_language(words: Cell, meant: str) -> None:
    assert days_of(words) == frozenset(map(int, meant))


@pytest.mark.parametrize("words", ["授業日", "school days", "11", "0000000", "祝", "-"])
def test_a_school_day_is_never_inferred_from_its_name(words: str) -> None:
    assert days_of(words) == Unclear()


COUNTS: dict[Cell, int | None] = {
    "2名": 2,
    "３": 3,
    "4席": 4,
    "5 hlö": 5,
    "1대": 1,
    "": None,
    None: None,
    2.0: 2,
    "0": 0,
    "2 personer": 2,
    "2 st.": 2,
}
NO_COUNTS: list[Cell] = ["1～3", 2.5, "4.5", "-1", "4+1", True, "10000000000", "many", "1e3", "NaN"]
FLAGS = {
    True: ["○", "◯", "✓", "レ", "有", "あり", "yes", "Kyllä", "Ja", "예", "1", 1.0, True],
    False: ["×", "✕", "無", "なし", "no", "Ei", "Nej", "아니요", "0", 0.0, False],
}


def test_counts_minutes_degrees_and_yes_or_no_are_read_as_written() -> None:
    assert {cell: count_of(cell) for cell in COUNTS} == COUNTS
    assert [count_of(cell) for cell in NO_COUNTS] == [Unclear()] * len(NO_COUNTS)
    assert [minutes_of(words) for words in ("5分", "5 min", 5.0, "5 minuter")] == [300] * 4
    assert {meant: {flag_of(words) for words in words} for meant, words in FLAGS.items()} == {
        True: {True},
        False: {False},
    }
    assert [flag_of("maybe"), flag_of("1.5"), flag_of(None)] == [Unclear(), Unclear(), None]
    assert [coordinate_of("60,17", most=90), coordinate_of("91", most=90)] == [60.17, Unclear()]
    assert [coordinate_of(words, most=90) for words in ("NaN", "inf", "60°10'")] == [Unclear()] * 3


@given(st.integers(0, 2879))
def test_every_minute_of_a_service_day_reads_back_as_it_was_written(minute: int) -> None:
    assert time_of(clock(minute * 60)) == minute * 60
    assert time_of(timedelta(minutes=minute)) == minute * 60


@given(st.text(max_size=30) | st.floats() | st.integers() | st.datetimes() | st.times() | st.timedeltas())
def test_any_cell_is_read_or_refused_but_never_fails(cell: Cell) -> None:
    for read in (time_of, date_of, spans_of, days_of, count_of, minutes_of, flag_of):
        read(cell)
    coordinate_of(cell, most=90)
