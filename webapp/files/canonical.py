"""Read a schedule file: bytes in, runs and messages out.

Of each sheet the first layout that fits is taken: one row per stop of a run, a list of riders, a wide timetable, an
export without a header.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import PurePath

from webapp.files.calendars import Almanac, first_day, list_calendars
from webapp.files.checks import RunChecks, check_together
from webapp.files.columns import Header, Record, find_header, records
from webapp.files.encoding import CERTAIN, is_damaged
from webapp.files.field_names import FieldNames, folded
from webapp.files.glimpses import MOST_SHEETS, UNTOLD, ColumnsTold, glimpse
from webapp.files.grouping import RUN_FIELDS, RunRows, runs_of
from webapp.files.headers import is_usable, missing_columns, note_missing, note_no_header
from webapp.files.kinds import foreign_kind
from webapp.files.lists import LEAST_NAMES, list_places, list_vehicles
from webapp.files.messages import Message, Messages
from webapp.files.roster import Roster, roster_header
from webapp.files.runs import RunReader, Surroundings
from webapp.files.scheduled import (
    CommittedRide,
    Glimpse,
    PlaceEntry,
    RiderCode,
    ScheduledRun,
    ScheduledStop,
    ScheduleFile,
    Vehicle,
    committed_rides,
)
from webapp.files.sheets import HEADER_WITHIN, MOST_BYTES, Book, Table, Unopened, read_text
from webapp.files.spelling import shown
from webapp.files.templates import rider_template
from webapp.files.timetable import MOST_CELLS, Timetables, Unsure, cells_of, complete, shared_codes
from webapp.files.workbook import is_workbook, read_workbook
from webapp.holiday_tables import NO_HOLIDAYS, Holidays

__all__ = [
    "CommittedRide",
    "FieldNames",
    "Message",
    "Messages",
    "PlaceEntry",
    "RiderCode",
    "ScheduleFile",
    "ScheduledRun",
    "ScheduledStop",
    "Vehicle",
    "committed_rides",
    "read_schedule",
]

_LEAST_NAMES = 3
_SAMPLE = 10_000
_LONGEST_LABEL = 20
_WHERE = ("place", "address", "stop_code", "lat")
_FORMATS = {".xlsx": "xlsx", ".xlsm": "xlsx", ".xls": "xls", ".ods": "ods"}
_KINDS = {"xlsx": "Excel", "xls": "Excel (.xls)", "ods": "OpenDocument (.ods)"}
_ENCODING_NAMES = {
    "cp932": "Windows Japanese (cp932)",
    "cp949": "Windows Korean (cp949)",
    "cp1252": "Windows Western (cp1252)",
}


def read_schedule(
    content: bytes,
    filename: str,
    *,
    language: str = "en",
    names: FieldNames,
    holidays: Holidays = NO_HOLIDAYS,
    columns: ColumnsTold = UNTOLD,
) -> ScheduleFile:
    """Read a CSV file or a workbook; whatever is wrong with it becomes a message, never an exception.

    Runs with an error are left out of `runs`; `language` is that of the messages, `columns` what an operator says that
    its own columns mean.
    """
    messages = Messages(language)
    book = _open(content, filename, names, messages)
    if book is None:
        return ScheduleFile(messages=messages.listed(runs=0))
    told = columns.names_for(book, names)
    return _FileReader(book, told, holidays, messages, told=told is not names).read(filename)


def _open(content: bytes, filename: str, names: FieldNames, messages: Messages) -> Book | None:
    workbook, foreign = is_workbook(content), foreign_kind(content)
    book: Book | Unopened
    if len(content) > MOST_BYTES:
        book = Unopened("E-FILE-BIG")
    elif foreign:
        book = Unopened("E-FILE-TYPE", "foreign", kind=foreign)
    elif workbook:
        book = read_workbook(content)
    else:
        book = read_text(content, lambda name: names.find("runs", name) is not None)
    if isinstance(book, Unopened):
        messages.add(book.code, variant=book.variant, row=book.row, value=filename, kind=book.kind)
        return None
    named = PurePath(filename).suffix.casefold()
    if named and _FORMATS.get(named, "") != (book.encoding if workbook else ""):
        messages.add("W-FILE-TYPE", value=filename, kind=_KINDS[book.encoding] if workbook else "CSV")
    if _is_damaged(book):
        messages.add("E-MOJIBAKE", value=filename)
    return book


def _is_damaged(book: Book) -> bool:
    """Does one cell in a hundred show letters that were lost before the file came here?"""
    words = [
        cell for table in book.tables for row in table.rows[:_SAMPLE] for cell in row.cells if isinstance(cell, str)
    ]
    return sum(map(is_damaged, words)) * 100 >= max(1, len(words)) if any(map(is_damaged, words)) else False


class _FileReader:
    """Reads the tables of one opened file."""

    def __init__(self, book: Book, names: FieldNames, holidays: Holidays, messages: Messages, *, told: bool) -> None:
        self._book = book
        self._names = names
        self._holidays = holidays
        self._messages = messages
        self._told = told
        self._searched = 0
        self._layouts: dict[str, tuple[str, Header | None]] = {}

    def read(self, filename: str) -> ScheduleFile:
        """Read the lists first, because runs refer to them, then the runs, then compare the runs."""
        vehicles = list_vehicles(self._list("vehicles"), self._messages)
        places = list_places(self._list("places"), self._messages)
        almanac = Almanac(self._names, self._holidays)
        almanac = replace(almanac, calendars=list_calendars(self._list("calendar"), self._messages, almanac))
        around = Surroundings(almanac, vehicles, _by_any_name(places.values()))
        groups = self._groups(around)
        rows = sum(len(group.rows) for group in groups)
        if not rows and not self._messages.errors:
            self._messages.add("E-FILE-EMPTY", value=filename)
        runs = self._sound_runs(groups, around)
        self._note_who(groups)
        self._note_encoding()
        self._note_formulas()
        messages = self._messages.listed(runs=len(groups))
        seen = tuple(self._glimpse(table) for table in self._book.tables if table.rows)[:MOST_SHEETS]
        book = self._book
        return ScheduleFile(
            runs, vehicles, places, messages, book.encoding, rows, delimiter=book.delimiter, glimpses=seen
        )

    def _glimpse(self, table: Table) -> Glimpse:
        kind = self._names.find("sheets", table.name) or "runs"
        found = None if kind == "runs" else find_header(table, kind, self._names, least=LEAST_NAMES)
        layout, header = self._layouts.get(table.name, ("" if kind == "runs" else kind, found))
        return glimpse(table, layout, header, self._names, self._messages.language, told=self._told)

    def _tables(self, kind: str) -> list[Table]:
        tables = (table for table in self._book.tables if table.rows)
        return [table for table in tables if (self._names.find("sheets", table.name) or "runs") == kind]

    def _list(self, kind: str) -> Iterator[Record]:
        for table in self._tables(kind):
            header = find_header(table, kind, self._names, least=LEAST_NAMES)
            if header is None:
                self._messages.add("W-IGNORED-SHEET", sheet=table.name)
            elif is_usable(header, table, self._names, self._messages):
                yield from records(table, header)

    def _groups(self, around: Surroundings) -> list[RunRows]:
        """Read the sheets that hold runs; a sheet without a header is passed over where another has runs."""
        tables = self._tables("runs")
        read = [self._runs_of(table, around) for table in tables]
        some = any(found is not None for found in read)
        for table, found in zip(tables, read, strict=True):
            if found is None and some:
                self._messages.add("W-IGNORED-SHEET", sheet=table.name)
            elif found is None:
                note_no_header(table, self._names, self._messages)
        groups = [found or [] for found in read]
        shared = shared_codes([found for found in groups if found and found[0].rows[0].header.columns])
        for run in (run for found in groups for run in found):
            if run.code in shared and run.rows[0].header.columns:
                run.code = f"{run.rows[0].sheet} {run.code}"
        return [run for found in groups for run in found]

    def _runs_of(self, table: Table, around: Surroundings) -> list[RunRows] | None:
        """Read one sheet by the first layout that fits; None where none does."""
        header = find_header(table, "runs", self._names, least=_LEAST_NAMES)
        if header and not missing_columns(header):
            self._layouts[table.name] = "runs", header
            usable = is_usable(header, table, self._names, self._messages)
            return runs_of(records(table, header), self._messages) if usable else []
        listed = next(filter(None, (roster_header(row, self._names) for row in table.rows[:HEADER_WITHIN])), None)
        if listed:
            self._layouts[table.name] = "roster", listed
            return complete(Roster(table, around, self._messages).read(), around, self._messages)
        template = rider_template(table)
        if template:
            self._layouts[table.name] = "template", template
            return complete(Roster(table, around, self._messages).read(template), around, self._messages)
        found = self._timetable(table, header, around)
        if found is not None:
            self._layouts[table.name] = ("timetable" if found else ""), None
            return found
        self._layouts[table.name] = "", header
        if header:
            is_usable(header, table, self._names, self._messages)
            note_missing(header, table, self._names, self._messages)
        return [] if header else None

    def _timetable(self, table: Table, header: Header | None, around: Surroundings) -> list[RunRows] | None:
        is_of_stops = header and (header.has("time") or (header.has(*RUN_FIELDS) and header.has(*_WHERE)))
        if is_of_stops or self._is_about_persons(table):
            return None
        self._searched += cells_of(table)
        if self._searched > MOST_CELLS:
            self._messages.add("E-FILE-BIG", variant="timetables", sheet=table.name)
            return []
        found = Timetables(table, around, self._messages).read()
        if isinstance(found, Unsure):
            self._messages.add("E-HEADER", variant=found.variant, sheet=table.name, row=found.row)
            return []
        return found

    def _is_about_persons(self, table: Table) -> bool:
        """Does a heading speak of persons? Their names must never be taken for names of stops."""
        labels = (shown(cell) for row in table.rows[:HEADER_WITHIN] for cell in row.cells if isinstance(cell, str))
        short = (label for label in labels if len(label) <= _LONGEST_LABEL)
        return any(self._names.is_personal(label) and not self._names.find("runs", label) for label in short)

    def _sound_runs(self, groups: list[RunRows], around: Surroundings) -> tuple[ScheduledRun, ...]:
        sound: list[ScheduledRun] = []
        for group in groups:
            errors = self._messages.errors
            run = RunReader(group, around, self._messages).read()
            if run:
                RunChecks(run, group, self._messages).check()
            if run and group.is_sound and self._messages.errors == errors:
                self._note_no_day(run, group)
                sound.append(run)
        double = check_together(sound, self._messages, self._holidays)
        return tuple(run for index, run in enumerate(sound) if index not in double)

    def _note_no_day(self, run: ScheduledRun, group: RunRows) -> None:
        if first_day(run, self._holidays) is None:
            first, last = run.first.isoformat(), run.last.isoformat()
            field = "days" if "days" in group.said_in else "calendar"
            group.reader(field, self._messages).note("W-NO-DAY", field, variant="run", first=first, last=last)

    def _note_who(self, groups: list[RunRows]) -> None:
        """Note once for each sheet which runs do not say who may ride."""
        silent: dict[str, list[RunRows]] = defaultdict(list)
        for group in groups:
            if "who_may_ride" not in group.said_in:
                silent[group.rows[0].sheet].append(group)
        for sheet, some in silent.items():
            first, runs = some[0].rows[0], ", ".join(group.code for group in some)
            column = first.column("who_may_ride")
            self._messages.add("W-WHO-DEFAULT", sheet=sheet, row=first.number, column=column, runs=runs)

    def _note_encoding(self) -> None:
        """Show one foreign word of a file whose encoding was guessed, for a person to confirm."""
        encoding = self._book.encoding
        if encoding in CERTAIN or encoding in _KINDS:
            return
        rows = self._book.tables[0].rows
        words = ((row, shown(cell)) for row in rows[1:] + rows[:1] for cell in row.cells)
        sample = next(((row, word) for row, word in words if not word.isascii()), None)
        if sample:
            name = _ENCODING_NAMES.get(encoding, encoding)
            self._messages.add("W-ENCODING", row=sample[0].number, value=sample[1], name=name)

    def _note_formulas(self) -> None:
        if self._book.formulas:
            self._messages.add("W-FORMULA", cells=", ".join(self._book.formulas))
        if self._book.coloured:
            self._messages.add("W-COLOUR", cells=self._book.coloured)


def _by_any_name(places: Iterable[PlaceEntry]) -> dict[str, PlaceEntry]:
    """Index places by code and by name; a code goes before another place's name."""
    entries = list(places)
    by_name = {folded(entry.name): entry for entry in entries if entry.name}
    return by_name | {folded(entry.code): entry for entry in entries if entry.code}
