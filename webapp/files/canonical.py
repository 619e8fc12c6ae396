"""Read a schedule file of the canonical layout, one row per stop of a run: bytes in, runs and messages out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from webapp.files.checks import RunChecks, check_together
from webapp.files.columns import Header, Record, find_header, records
from webapp.files.encoding import CERTAIN
from webapp.files.field_names import FieldNames, folded
from webapp.files.grouping import RunRows, runs_of
from webapp.files.headers import is_complete, is_usable, note_no_header
from webapp.files.lists import LEAST_NAMES, list_calendars, list_places, list_vehicles
from webapp.files.messages import Message, Messages
from webapp.files.runs import RunReader, Surroundings
from webapp.files.scheduled import (
    CommittedRide,
    PlaceEntry,
    RiderCode,
    ScheduledRun,
    ScheduledStop,
    ScheduleFile,
    Vehicle,
    committed_rides,
)
from webapp.files.sheets import MOST_BYTES, Book, Table, Unopened, read_text
from webapp.files.spelling import shown
from webapp.files.workbook import is_workbook, read_workbook

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
_ENCODING_NAMES = {
    "cp932": "Windows Japanese (cp932)",
    "cp949": "Windows Korean (cp949)",
    "cp1252": "Windows Western (cp1252)",
}


def read_schedule(content: bytes, filename: str, *, language: str = "en", names: FieldNames) -> ScheduleFile:
    """Read a CSV or .xlsx file; whatever is wrong with it becomes a message, never an exception.

    Runs with an error are left out of `runs`; `language` is that of the messages.
    """
    messages = Messages(language)
    book = _open(content, filename, names, messages)
    if book is None:
        return ScheduleFile(messages=messages.listed(runs=0))
    return _FileReader(book, names, messages).read(filename)


def _open(content: bytes, filename: str, names: FieldNames, messages: Messages) -> Book | None:
    workbook = is_workbook(content)
    book: Book | Unopened
    if len(content) > MOST_BYTES:
        book = Unopened("E-FILE-BIG")
    elif workbook:
        book = read_workbook(content)
    else:
        book = read_text(content, lambda name: names.find("runs", name) is not None)
    if isinstance(book, Unopened):
        messages.add(book.code, variant=book.variant, row=book.row, value=filename)
        return None
    named = PurePath(filename).suffix.casefold()
    if (named in {".xlsx", ".xlsm"}) != workbook and named:
        messages.add("W-FILE-TYPE", value=filename, kind="Excel" if workbook else "CSV")
    return book


class _FileReader:
    """Reads the tables of one opened file."""

    def __init__(self, book: Book, names: FieldNames, messages: Messages) -> None:
        self._book = book
        self._names = names
        self._messages = messages

    def read(self, filename: str) -> ScheduleFile:
        """Read the lists first, because runs refer to them, then the runs, then compare the runs."""
        vehicles = list_vehicles(self._list("vehicles"), self._messages)
        places = list_places(self._list("places"), self._messages)
        calendars = list_calendars(self._list("calendar"), self._messages)
        around = Surroundings(self._names, vehicles, _by_any_name(places.values()), calendars)
        sheets = [list(records(table, header)) for table, header in self._schedules()]
        rows = sum(map(len, sheets))
        if not rows and not self._messages.errors:
            self._messages.add("E-FILE-EMPTY", value=filename)
        groups = [group for sheet in sheets for group in runs_of(sheet, self._messages)]
        runs = self._sound_runs(groups, around)
        self._note_who(groups)
        self._note_encoding()
        self._note_formulas()
        messages = self._messages.listed(runs=len(groups))
        return ScheduleFile(runs, vehicles, places, messages, self._book.encoding, rows)

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

    def _schedules(self) -> Iterator[tuple[Table, Header]]:
        """List the sheets that hold runs; a sheet without a header is passed over where another has one."""
        tables = self._tables("runs")
        headers = [find_header(table, "runs", self._names, least=_LEAST_NAMES) for table in tables]
        for table, header in zip(tables, headers, strict=True):
            if header is None and any(headers):
                self._messages.add("W-IGNORED-SHEET", sheet=table.name)
            elif header is None:
                note_no_header(table, self._names, self._messages)
            elif self._is_sound(header, table):
                yield table, header

    def _is_sound(self, header: Header, table: Table) -> bool:
        usable = is_usable(header, table, self._names, self._messages)
        return is_complete(header, table, self._names, self._messages) and usable

    def _sound_runs(self, groups: list[RunRows], around: Surroundings) -> tuple[ScheduledRun, ...]:
        sound: list[ScheduledRun] = []
        for group in groups:
            errors = self._messages.errors
            run = RunReader(group, around, self._messages).read()
            if run:
                RunChecks(run, group, self._messages).check()
            if run and group.is_sound and self._messages.errors == errors:
                sound.append(run)
        double = check_together(sound, self._messages)
        return tuple(run for index, run in enumerate(sound) if index not in double)

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
        if encoding in CERTAIN or encoding == "xlsx":
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


def _by_any_name(places: Iterable[PlaceEntry]) -> dict[str, PlaceEntry]:
    """Index places by code and by name; a code goes before another place's name."""
    entries = list(places)
    by_name = {folded(entry.name): entry for entry in entries if entry.name}
    return by_name | {folded(entry.code): entry for entry in entries if entry.code}
