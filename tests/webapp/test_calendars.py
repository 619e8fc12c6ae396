"""Service days of a file: terms, holidays, exceptions, shifts, the fault of each cell, and a naive oracle."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.webapp.schedule_samples import NAMES, codes, message_of
from tests.webapp.test_schedule_workbooks import workbook
from webapp.config import LANGUAGES
from webapp.files.calendars import day_cells, days_by_shift, first_day
from webapp.files.canonical import ScheduledRun, ScheduleFile, read_schedule
from webapp.files.dates import Span, day_rule_of, days_of, shifts_of, spans_of, write_spans
from webapp.files.scheduled import DayKind
from webapp.files.spelling import Cell, Unclear
from webapp.holiday_tables import NO_HOLIDAYS, PUBLIC, SCHOOL, Holidays, OwnDays

FINLAND = Holidays("FI", closed=(PUBLIC,))
JAPAN = Holidays("JP", own=(OwnDays(SCHOOL, date(2026, 7, 21), date(2026, 8, 25), (("ja", "夏休み"),)),))
YEAR = [date(2026, 4, 1) + timedelta(days=k) for k in range(365)]
Calendar = Sequence[Sequence[Cell]]
OPEN_ENDED: dict[str, Any] = {"from": "", "until": ""}
TERMS: Calendar = [
    ["name", "days", "from", "until", "not_on", "also_on", "shift"],
    ["school days", "Mon-Fri", "2026-08-11", "2026-12-18", "2026-10-12..2026-10-16 (autumn break)", None, "Wed+60min"],
    [None, "Mon,Thu", "2027-01-07", "2027-06-04", "winter break", "2027-01-09", None],
]
BREAK = ["winter break", None, "2027-02-22", "2027-02-26"]


def read(terms: Calendar = (), holidays: Holidays = NO_HOLIDAYS, language: str = "en", **said: str) -> ScheduleFile:
    """Read one run whose columns about days are these, and the sheet of calendars."""
    run = {"days": "Mon", "from": "2026-04-01", "until": "2027-03-31", **said}
    head = {
        "run_id": "D1",
        "seats": "4",
        "who_may_ride": "anyone",
        **{name: text for name, text in run.items() if text},
    }
    rows: Calendar = [
        [*head, "place", "time", "board", "alight"],
        [*head.values(), "A", "12:00", 2, 0],
        [*("" for _ in head), "B", "12:20", 0, 2],
    ]
    sheets = {"runs": rows, "calendar": terms} if terms else {"runs": rows}
    return read_schedule(workbook(**sheets), "runs.xlsx", language=language, names=NAMES, holidays=holidays)  # type: ignore[arg-type]


def only(file: ScheduleFile) -> ScheduledRun:
    assert [message.text for message in file.messages if message.severity == "error"] == []
    return file.runs[0]


def going(run: ScheduledRun, holidays: Holidays = NO_HOLIDAYS, days: Sequence[date] = YEAR) -> list[date]:
    return [day for day in days if run.runs_on(day, holidays) is not None]


# Words


@pytest.mark.parametrize(
    ("words", "days", "holidays"),
    [
        ("土日祝", "56", "also"), ("日・祝", "6", "also"), ("祝", "", "also"), ("月～金", "01234", ""),
        ("平日（祝日を除く）", "01234", "not"), ("月～金 祝日除く", "01234", "not"),
        ("平日(祝日は運休)", "01234", "not"),
        ("평일(공휴일 제외)", "01234", "not"), ("주말, 공휴일", "56", "also"), ("ma–pe paitsi pyhinä", "01234", "not"),
        ("ma-pe (ei pyhinä)", "01234", "not"), ("su ja pyhät", "6", "also"),
        ("Mon-Fri except public holidays", "01234", "not"),
        ("Sat, Sun and holidays", "56", "also"),
        ("vardagar utom helgdagar", "01234", "not"), ("mån–fre (inte på helgdagar)", "01234", "not"),
        ("lör, sön och helgdagar", "56", "also"), ("helgdagar", "", "also"),
    ],
)  # fmt: skip
def test_what_is_said_of_holidays_beside_weekdays_is_read_in_every_language(
    words: str, days: str, holidays: str
) -> None:
    rule = day_rule_of(words)
    assert not isinstance(rule, Unclear) and rule is not None
    assert (rule.days, rule.holidays) == (frozenset(map(int, days)), holidays)
    assert days_of(words) == (rule.days or Unclear())


def test_lists_of_dates_say_why_and_every_which_weekday() -> None:
    why = spans_of("2026-12-24（木・祝）, 2026-10-12..2026-10-16 (autumn, break), 毎週水曜 2026-05-01～2026-05-31")
    assert isinstance(why, tuple)
    assert [span.why for span in why] == ["", "autumn, break", ""]
    assert [day.day for day in YEAR if day in why[2]] == [6, 13, 20, 27]
    assert spans_of("varje ons 1.5.2026–31.5.2026") == spans_of("every Wed 2026-05-01..2026-05-31") == (why[2],)
    assert shifts_of("varje onsdag+60min") == shifts_of("ons+60min") == shifts_of("every Wed+60min")
    weekly = shifts_of("ke+60min, 2026-09-09-15min (fair)")
    assert weekly == (
        Span(date(2000, 1, 1), date(2099, 12, 31), 3600, "", frozenset({2})),
        Span(date(2026, 9, 9), date(2026, 9, 9), -900, "fair"),
    )
    assert [shifts_of(words) for words in ("Wed", "2026-09-09", "soon+5min")] == [
        Unclear((), words) for words in ("Wed", "2026-09-09", "soon+5min")
    ]


spans = st.builds(
    lambda first, length, shift, why, days: Span(first, first + timedelta(days=length), 60 * shift, why, days),
    st.dates(date(2001, 1, 1), date(2098, 1, 1)),
    st.integers(0, 500),
    st.integers(-99, 99),
    st.sampled_from(["", "Christmas Eve", "開校記念日", "a, b"]),
    st.none() | st.frozensets(st.integers(0, 6), min_size=1),
)


@given(st.lists(spans, max_size=5))
def test_dates_read_back_as_they_are_written(some: list[Span]) -> None:
    assert spans_of(write_spans(some)) == tuple(some)


# What a file may say


def test_rows_of_one_name_are_the_terms_of_a_calendar_and_lists_of_holidays_go_by_their_name() -> None:
    calendar: Calendar = [TERMS[0], BREAK, *TERMS[1:]]
    run = only(read(calendar, days="", calendar="School days", **OPEN_ENDED))
    days = going(run, days=[date(2026, 8, 1) + timedelta(days=k) for k in range(330)])
    assert (days[0], days[-1]) == (date(2026, 8, 11), date(2027, 6, 3))
    told = {
        date(2026, 10, 14): (None, DayKind.OFF, "autumn break"),
        date(2026, 12, 25): (None, DayKind.OFF, "between terms"),
        date(2027, 1, 9): (0, DayKind.EXTRA, ""),
        date(2027, 1, 12): (None, DayKind.OFF, ""),
        date(2027, 2, 22): (None, DayKind.OFF, "winter break"),
        date(2026, 9, 9): (3600, DayKind.SHIFTED, ""),
        date(2027, 1, 13): (None, DayKind.OFF, ""),
        date(2027, 1, 14): (0, DayKind.REGULAR, ""),
    }
    assert {day: tuple(run.service_on(day)) for day in told} == told


def test_a_run_takes_some_weekdays_of_a_calendar_and_its_own_word_goes_before() -> None:
    calendar: Calendar = [TERMS[0], BREAK, *TERMS[1:]]
    run = only(read(calendar, days="Mon,Tue", calendar="school days", also_on="2026-10-13", not_on="2027-01-09"))
    assert (run.first, run.last) == (date(2026, 8, 11), date(2027, 3, 31))
    assert {day.weekday() for day in going(run)} == {0, 1}
    assert run.runs_on(date(2026, 10, 13)) == 0 and run.runs_on(date(2027, 1, 9)) is None
    assert run.runs_on(date(2026, 12, 8)) == 0 and run.runs_on(date(2027, 1, 12)) is None


def test_the_file_goes_before_the_town_in_what_happens_on_holidays() -> None:
    epiphany = date(2027, 1, 6)
    said = {"": None, "none": 0, "public holidays": None, "2027-01-07": None}
    for words, shift in said.items():
        assert only(read(holidays=FINLAND, days="Wed", not_on=words)).runs_on(epiphany, FINLAND) == shift
    other = Holidays("FI", own=JAPAN.own, closed=(PUBLIC,))
    assert only(read(holidays=other, days="Wed", not_on="school holidays")).runs_on(epiphany, other) is None
    assert only(read(holidays=other, days="Wed", not_on="school holidays, none")).runs_on(epiphany, other) == 0
    silent = only(read(holidays=FINLAND, days="Wed"))
    assert silent.runs_on(epiphany, Holidays("FI")) == 0
    also = only(read(holidays=FINLAND, days="Sat", also_on="pyhäpäivät"))
    assert also.service_on(epiphany, FINLAND).kind is DayKind.HOLIDAY
    assert also.runs_on(date(2027, 1, 5), FINLAND) is None


def test_japanese_words_for_holidays_use_the_tables_of_country_and_town() -> None:
    weekend = only(read(holidays=JAPAN, days="土日祝"))
    assert weekend.runs_on(date(2026, 11, 23), JAPAN) == 0 and weekend.runs_on(date(2026, 11, 24), JAPAN) is None
    weekdays = only(read(holidays=JAPAN, days="平日（祝日を除く）", not_on="学校休業日"))
    off = [day for day in YEAR if day.weekday() < 5 and weekdays.runs_on(day, JAPAN) is None]
    assert date(2026, 11, 23) in off and date(2026, 7, 21) in off and date(2026, 8, 25) in off
    assert len(off) == 17 + 26 - 1  # the Mountain Day lies in the summer holidays
    holidays_only = only(read(holidays=JAPAN, days="祝"))
    assert len(going(holidays_only, JAPAN)) == 19


def test_holidays_are_named_in_the_language_of_the_reader() -> None:
    eve = date(2026, 12, 24)
    assert [FINLAND.call(eve, language) for language in LANGUAGES] == [
        "Christmas Eve", "Jouluaatto", "Christmas Eve", "Christmas Eve", "Julafton"
    ]  # fmt: skip
    assert JAPAN.call(date(2026, 11, 23), "ja") == "勤労感謝の日" and JAPAN.call(date(2026, 8, 3), "en") == "夏休み"
    assert Holidays("GB", "SCT").find(PUBLIC, date(2026, 11, 30)) and not Holidays("GB").find(
        PUBLIC, date(2026, 11, 30)
    )


# Faults


ENDS = ["name", "from", "until"]
AUTUMN = ["x", "2026-09-01", "2026-12-18"]
FAULTS: list[tuple[str, str, int, dict[str, object]]] = [
    ("E-DAYS", "runs", 2, {"days": "school days"}),
    ("E-DAYS", "calendar", 2, {"terms": [["name", "days"], ["x", "sometimes"]]}),
    ("E-DATE-RANGE", "calendar", 2, {"terms": [ENDS, ["x", "2026-09-01", "2026-08-01"]]}),
    (
        "E-DATE-RANGE", "calendar", 3,
        {"terms": [ENDS, AUTUMN, ["x", "2026-12-18", "2027-06-01"]]},
    ),
    ("E-DATE", "calendar", 3, {"terms": [ENDS, AUTUMN, ["x", "", "2027-06-01"]]}),
    ("E-CALENDAR", "calendar", 2, {"terms": [ENDS, ["", "2026-09-01", "2026-12-18"]]}),
    ("E-CALENDAR", "runs", 2, {"not_on": "2026-12-24, exam week"}),
    ("E-CALENDAR", "runs", 2, {"not_on": "public holidays"}),
    ("E-CALENDAR", "runs", 2, {"not_on": "school holidays"}),
    ("E-CALENDAR", "runs", 2, {"days": "平日（祝日を除く）"}),
    ("E-DATE-BOTH", "runs", 2, {"not_on": "2026-12-21", "also_on": "2026-12-21"}),
    ("E-DATE-BOTH", "runs", 2, {"not_on": "2026-12-21", "also_on": "2026-12-20..2026-12-22"}),
    ("E-SHIFT", "runs", 2, {"shift": "Wednesdays"}),
    ("E-SHIFT", "runs", 2, {"shift": "Mon-780min"}),
    ("E-SHIFT", "runs", 2, {"also_on": "2026-12-21-780min"}),
    ("W-HOLIDAY", "runs", 2, {"days": "土日祝"}),
    ("W-DATE-OUTSIDE", "runs", 2, {"not_on": "2025-12-24"}),
    ("W-DATE-OUTSIDE", "runs", 2, {"also_on": "2028-12-24"}),
    ("W-DATE-OUTSIDE", "calendar", 2, {"terms": [[*ENDS, "not_on"], [*AUTUMN, "2026-12-24"]]}),
    ("W-NO-DAY", "runs", 2, {"from": "2026-04-07", "until": "2026-04-12"}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "sheet", "row", "said"), FAULTS)
def test_a_fault_of_a_calendar_is_told_once_at_its_cell_in_every_language(
    code: str, sheet: str, row: int, said: dict[str, object]
) -> None:
    texts = set()
    for language in LANGUAGES:
        file = read(language=language, **said)  # type: ignore[arg-type]
        assert codes(file) == [code]
        message = message_of(file, code)
        assert (message.sheet, message.row, bool(message.column)) == (sheet, row, True)
        assert (file.runs == ()) == (code.startswith("E") and sheet == "runs")
        texts.add(message.text)
    assert len(texts) == len(LANGUAGES)


def test_one_extra_day_within_a_longer_time_off_is_meant() -> None:
    run = only(read(not_on="2026-08-01..2026-08-31", also_on="2026-08-05"))
    assert going(run, days=[date(2026, 8, k) for k in range(1, 32)]) == [date(2026, 8, 5)]


def test_a_town_without_a_word_on_holidays_is_no_fault_and_known_tables_are_found() -> None:
    swedish = ("helgdagar", "allmänna helgdagar", "skollov", "skolans lov", "inga", "inget", "ingen")
    for words in ("public holidays", "school holidays", "none", *swedish):
        assert codes(read(holidays=JAPAN, not_on=words)) == []
    assert "E-CALENDAR" in codes(read(holidays=JAPAN, not_on="harvest holidays"))


def test_two_runs_of_one_vehicle_on_a_holiday_are_told() -> None:
    """On weekdays and at weekends they never meet; the weekend's run also goes on holidays, and so does the other."""
    head = {"vehicle": "V1", "seats": "4", "from": "2026-04-01", "until": "2027-03-31", "who_may_ride": "anyone"}
    rows = [
        {**head, "run_id": "D1", "days": "Mon-Fri", "place": "A", "time": "8:00", "board": "1", "not_on": "none"},
        {"place": "B", "time": "8:30", "alight": "1"},
        {**head, "run_id": "D2", "days": "土日祝", "place": "A", "time": "8:10", "board": "1", "not_on": "none"},
        {"place": "B", "time": "8:40", "alight": "1"},
    ]
    for holidays, told in (
        (JAPAN, True),
        (Holidays(own=(OwnDays(PUBLIC, date(2030, 1, 1), date(2030, 1, 1)),)), False),
    ):
        text = io.StringIO()
        writer = csv.DictWriter(text, [*rows[0], "alight"])
        writer.writeheader()
        writer.writerows(rows)
        file = read_schedule(text.getvalue().encode(), "runs.csv", names=NAMES, holidays=holidays)
        assert ("E-VEHICLE-OVERLAP" in codes(file)) == told


# The oracle


@dataclass(frozen=True)
class Term:
    days: frozenset[int]
    first: date
    last: date


@dataclass(frozen=True)
class Said:
    """What a random file says: a calendar of terms, and a run of it."""

    terms: tuple[Term, ...]
    calendar_off: tuple[Span, ...]
    calendar_extra: tuple[Span, ...]
    own_days: frozenset[int] | None
    own_off: tuple[Span, ...]
    own_extra: tuple[Span, ...]
    shift: tuple[int, int] | None
    holidays: frozenset[date]
    closed: bool
    opened: bool

    def goes(self, day: date) -> int | None:
        """Tell naively whether the run goes on a day, and by how many seconds its times move."""
        for extra, off in ((self.own_extra, self.own_off), (self.calendar_extra, self.calendar_off)):
            for span in (*extra, *off):
                if span.first <= day <= span.last:
                    return span.shift if span in extra else None
        moved = 60 * self.shift[1] if self.shift and day.weekday() == self.shift[0] else 0
        return moved if self._is_regular(day) else None

    def _is_regular(self, day: date) -> bool:
        term = next((term for term in self.terms if term.first <= day <= term.last), None)
        if term is None or (self.opened and day in self.holidays):
            return term is not None
        allowed = term.days if self.own_days is None else term.days & self.own_days
        return day.weekday() in allowed and not (self.closed and day in self.holidays)


START = date(2026, 8, 1)
WEEKDAYS = st.frozensets(st.integers(0, 6), min_size=1)
NAMES_OF_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _spans(shifts: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[Span, ...]]:
    one = st.builds(
        lambda start, length, shift: Span(
            START + timedelta(days=start), START + timedelta(days=start + length), 60 * shift
        ),
        st.integers(-5, 125),
        st.integers(0, 9),
        shifts,
    )
    return st.lists(one, max_size=4).map(tuple)


@st.composite
def sayings(draw: st.DrawFn) -> Said:
    terms, at = [], 0
    for _ in range(draw(st.integers(1, 3))):
        first = at + draw(st.integers(0, 20))
        last = first + draw(st.integers(0, 40))
        terms.append(Term(draw(WEEKDAYS), START + timedelta(days=first), START + timedelta(days=last)))
        at = last + 1
    extra, own_extra = draw(_spans(st.integers(-90, 90))), draw(_spans(st.just(0) | st.integers(-90, 90)))
    none = st.just(0)
    return Said(
        tuple(terms),
        _apart(draw(_spans(none)), extra),
        extra,
        draw(st.none() | WEEKDAYS),
        _apart(draw(_spans(none)), own_extra),
        own_extra,
        draw(st.none() | st.tuples(st.integers(0, 6), st.integers(1, 90))),
        draw(st.frozensets(st.integers(0, 125).map(lambda k: START + timedelta(days=k)), max_size=8)),
        draw(st.booleans()),
        draw(st.booleans()),
    )


def _apart(off: tuple[Span, ...], extra: tuple[Span, ...]) -> tuple[Span, ...]:
    """Leave out days off that would be refused as being extra days, too."""
    return tuple(
        one
        for one in off
        if not any(
            one.first <= b.last and b.first <= one.last and one.last - one.first <= b.last - b.first for b in extra
        )
    )


def _listed(days: frozenset[int]) -> str:
    return ",".join(NAMES_OF_DAYS[day] for day in sorted(days))


@settings(max_examples=80, deadline=None)
@given(sayings())
def test_the_service_dates_of_any_calendar_are_those_of_a_naive_oracle(said: Said) -> None:
    calendar: list[list[Cell]] = [["name", "days", "from", "until", "not_on", "also_on"]]
    for k, term in enumerate(said.terms):
        exceptions = (write_spans(said.calendar_off), write_spans(said.calendar_extra)) if not k else ("", "")
        calendar.append(["c", _listed(term.days), term.first, term.last, *exceptions])
    table = tuple(OwnDays(PUBLIC, day, day) for day in said.holidays) or (
        OwnDays(PUBLIC, date(2050, 1, 1), date(2050, 1, 1)),
    )
    holidays = Holidays(own=table, closed=(PUBLIC,) if said.closed else ())
    words = [write_spans(said.own_extra), *(["public holidays"] if said.opened else [])]
    columns = {
        "calendar": "c",
        "days": "" if said.own_days is None else _listed(said.own_days),
        "from": "",
        "until": "",
        "not_on": write_spans(said.own_off),
        "also_on": ", ".join(filter(None, words)),
        "shift": f"{NAMES_OF_DAYS[said.shift[0]]}+{said.shift[1]}min" if said.shift else "",
    }
    run = only(read(calendar, holidays, **columns))
    days = [START + timedelta(days=k) for k in range(-10, 160)]
    oracle = {day: said.goes(day) for day in days}
    assert {day: run.runs_on(day, holidays) for day in days} == oracle
    by_shift = days_by_shift(run, days[0], holidays)
    assert {day: shift for shift, bits in by_shift for k, day in enumerate(days) if bits >> k & 1} == {
        day: shift for day, shift in oracle.items() if shift is not None
    }
    assert first_day(run, holidays) == next((day for day in days if oracle[day] is not None), None)
    weekly = _listed(run.days) or "none"
    ends = {"from": run.first.isoformat(), "until": run.last.isoformat(), "days": weekly}
    again = only(read(holidays=holidays, **ends, **day_cells(run)))
    assert {day: again.runs_on(day, holidays) for day in days} == oracle


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_list_of_days_is_read_or_refused_but_never_fails(words: str) -> None:
    for read_words in (spans_of, shifts_of, day_rule_of):
        read_words(words)
