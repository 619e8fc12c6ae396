"""Write scheduled runs in the canonical layout: reading the file again gives the same runs.

What columns there are, and what they are called, is the table of names that the reader uses; a column that is new there
is written as soon as the entries have it.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from webapp.files.calendars import day_cells
from webapp.files.encoding import decode
from webapp.files.field_names import FieldNames
from webapp.files.grouping import RUN_FIELDS
from webapp.files.headers import NEEDED
from webapp.files.scheduled import RiderCode, ScheduledRun, ScheduledStop, ScheduleFile
from webapp.files.sheets import disarmed
from webapp.files.spelling import UNSAID, clock

ENCODINGS = ("utf-8-sig", "cp932")
"""Of CSV files: the first opens rightly in every program of today, the second in old Japanese ones, too."""

Value = str | int
"""What a cell of the file holds; numbers stay numbers, so that a spreadsheet can add them up."""

_ENTRIES: Mapping[str, Callable[[ScheduleFile], Iterable[Any]]] = {
    "vehicles": lambda file: file.vehicles.values(),
    "places": lambda file: file.places.values(),
}
"""The lists beside the runs, each a sheet of its own; their fields are attributes of the entries."""

_ATTRIBUTES = {
    "run_id": "code",
    "run_name": "name",
    "wheelchair_places": "wheelchairs",
    "from": "first",
    "until": "last",
    "max_extra_min": "max_extra",
    "max_ride_min": "max_ride",
    "place": "place_name",
    "dwell_min": "dwell",
}
"""Fields whose values have another name in the code."""

_TIMES = {"time", "time_latest", "available_from", "available_until"}
_HEADCOUNTS = {"board", "alight", "wheelchair_on"}
_WEEKDAYS = {"en": "Mon Tue Wed Thu Fri Sat Sun", "fi": "ma ti ke to pe la su", "ja": "月 火 水 木 金 土 日"}
_WEEKDAYS |= {"ko": "월 화 수 목 금 토 일", "sv": "mån tis ons tors fre lör sön"}
_NO_DAY = {"en": "none", "fi": "ei", "ja": "なし", "ko": "없음", "sv": "ingen"}
_YES_NO = {
    "en": ("yes", "no"),
    "fi": ("kyllä", "ei"),
    "ja": ("はい", "いいえ"),
    "ko": ("예", "아니요"),
    "sv": ("ja", "nej"),
}
_MOST_SHOWN = 5


class NotInEncoding(ValueError):
    """The file cannot be written in that encoding; the argument is what it cannot hold, in short."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of the file: what its tab says, and its rows, the header first."""

    name: str
    rows: tuple[tuple[Value, ...], ...]


def write_sheets(file: ScheduleFile, names: FieldNames, language: str) -> tuple[Sheet, ...]:
    """Write runs, and the vehicles and places beside them, under headers of a language; empty lists give no sheet."""
    words = _Words(names, language)
    sheets = [Sheet(words.call("runs", "sheets"), _filled(names.fields["runs"], _run_rows(file.runs, words), words))]
    for kind, entries in _ENTRIES.items():
        rows = [[words.of(entry, field) for field in names.fields[kind]] for entry in entries(file)]
        if rows:
            sheets.append(Sheet(words.call(kind, "sheets"), _filled(names.fields[kind], rows, words, kind)))
    return tuple(sheets)


def write_csv(sheet: Sheet, encoding: str = ENCODINGS[0]) -> bytes:
    """Write one table as CSV. Raises NotInEncoding where `encoding` lacks a letter, or where it would be misread."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([_safe(value) for value in row] for row in sheet.rows)
    said = text.getvalue()
    try:
        content = said.encode(encoding)
    except UnicodeEncodeError as fault:
        lacking = dict.fromkeys(sign for sign in said if not _has(sign, encoding))
        raise NotInEncoding(" ".join([*lacking][:_MOST_SHOWN])) from fault
    if encoding != ENCODINGS[0] and decode(content) != (said, encoding) and not said.isascii():
        raise NotInEncoding("")
    return content


def write_xlsx(sheets: Iterable[Sheet]) -> bytes:
    """Write tables as one workbook in which no cell is a formula."""
    from openpyxl import Workbook  # only who asks for a workbook waits for its library

    book = Workbook(write_only=True)
    for sheet in sheets:
        page = book.create_sheet(sheet.name)
        page.freeze_panes = "A2"
        for row in sheet.rows:
            page.append([None if value == "" else _typed(page, _safe(value)) for value in row])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _typed(page: Any, value: Value) -> Any:
    """Say of a text which the program would take for an error of a formula (#N/A) that it is a text."""
    if isinstance(value, int) or not value.startswith("#"):
        return value
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(page, value)
    cell.data_type = "s"
    return cell


def _safe(value: Value) -> Value:
    return disarmed(value) if isinstance(value, str) else value


def _has(sign: str, encoding: str) -> bool:
    try:
        sign.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _filled(
    fields: Iterable[str], rows: Sequence[Sequence[Value]], words: "_Words", kind: str = "runs"
) -> tuple[tuple[Value, ...], ...]:
    """Put the header over rows and leave out the columns that say nothing, unless a schedule needs them."""
    listed = list(fields)
    needed = {group[0] for group in NEEDED} if kind == "runs" else set()
    kept = [k for k, field in enumerate(listed) if field in needed or any(row[k] != "" for row in rows)]
    header = tuple(words.call(listed[k], kind) for k in kept)
    return header, *(tuple(row[k] for k in kept) for row in rows)


def _run_rows(runs: Iterable[ScheduledRun], words: "_Words") -> list[list[Value]]:
    """Write one row for each stop; what is said of a run stands in its first row alone, as people write it.

    There a blank would take over what stands above, so a run that says nothing where one above it does says so.
    """
    rows: list[list[Value]] = []
    above: set[str] = set()
    for run in runs:
        for number, stop in enumerate(run.stops, start=1):
            said = _about_run(run, words, above) if number == 1 else {"run_id": words.of(run, "run_id")}
            rows.append([_stop_cell(field, stop, number, said, words) for field in words.fields])
    return rows


def _about_run(run: ScheduledRun, words: "_Words", above: set[str]) -> dict[str, Value]:
    said: dict[str, Value] = {}
    days = day_cells(run)
    for field in RUN_FIELDS:
        value = days[field] if field in days else words.of(run, field)
        if value != "":
            above.add(field)
        elif field in above and field != "run_name":
            value = UNSAID
        said[field] = value
    return said


def _stop_cell(field: str, stop: ScheduledStop, number: int, said: Mapping[str, Value], words: "_Words") -> Value:
    if field in RUN_FIELDS:
        return said.get(field, "")
    if field == "seq":
        return number
    value = words.of(stop, field)
    return "" if field in _HEADCOUNTS and value == 0 else value


@dataclass(frozen=True, slots=True)
class _Words:
    """Writes values as the reader of a language reads them."""

    names: FieldNames
    language: str

    @property
    def fields(self) -> Iterable[str]:
        return self.names.fields["runs"]

    def call(self, field: str, kind: str) -> str:
        return self.names.call(field, self.language, kind)

    def of(self, entry: Any, field: str) -> Value:
        """Write a field of a run, a stop or an entry of a list; nothing where it says nothing."""
        if isinstance(entry, ScheduledRun) and field in {"detour", "who_may_ride"}:
            return self._detour(entry) if field == "detour" else self._riders(entry.who_may_ride)
        value = getattr(entry, _ATTRIBUTES.get(field, field))
        if isinstance(value, bool) or value is None:
            return "" if value is None else _YES_NO[self.language][not value]
        if isinstance(value, int):
            return clock(value) if field in _TIMES else _minutes(value) if field.endswith("_min") else value
        return self._text(value)

    def _text(self, value: Any) -> str:
        if isinstance(value, float):
            return format(Decimal(repr(value)), "f")
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, frozenset):
            return self._days(value)
        if isinstance(value, tuple):
            return ", ".join(map(_item, value))
        return str(value)

    def _days(self, days: frozenset[int]) -> str:
        named = _WEEKDAYS[self.language].split()
        between = "" if self.language in {"ja", "ko"} else ", "
        return between.join(named[day] for day in sorted(days)) or _NO_DAY[self.language]

    def _riders(self, groups: Iterable[str]) -> str:
        known = self.names.fields["who_may_ride"]
        said = [self.call(group, "who_may_ride") if group in known else group for group in groups]
        return ", ".join(said) or self.call("committed", "who_may_ride")

    def _detour(self, run: ScheduledRun) -> str:
        said = []
        if run.detour == "up to":
            said.append(self._up_to(run.max_detour))
        elif run.detour == "on route":
            said.append(self.call("on_route", "detour"))
        if run.deadhead:
            said.append(self.call("deadhead", "detour"))
        return " + ".join(said) or self.call("none", "detour")

    def _up_to(self, most: int) -> str:
        word, minutes = self.call("up_to", "detour"), most // 60
        return {"ja": f"{minutes}分{word}", "ko": f"{minutes}분 {word}"}.get(self.language, f"{word} {minutes} min")


def _minutes(seconds: int) -> Value:
    return f"{seconds} s" if seconds % 60 else seconds // 60


def _item(value: Any) -> str:
    if isinstance(value, RiderCode):
        return f"{value.code}w" if value.wheelchair else value.code
    return str(value)
