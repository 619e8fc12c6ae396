"""Open the tables of a GTFS feed: rows under their own numbers, columns by their names in the specification."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from webapp.files.encoding import CERTAIN, decode
from webapp.files.messages import Messages
from webapp.files.sheets import Row, Unopened, letter, numbered, unreadable

_NEEDED = {
    "stops.txt": ("stop_id", "stop_lat", "stop_lon"),
    "trips.txt": ("trip_id", "route_id", "service_id"),
    "stop_times.txt": ("trip_id", "stop_id", "stop_sequence", "departure_time"),
    "calendar.txt": ("service_id", "start_date", "end_date"),
    "calendar_dates.txt": ("service_id", "date", "exception_type"),
    "frequencies.txt": ("trip_id", "start_time", "end_time", "headway_secs"),
    "routes.txt": ("route_id",),
}
_EITHER = {"departure_time": "arrival_time"}
"""Columns that another one can stand in for."""


@dataclass(frozen=True, slots=True)
class FeedTable:
    """One table of a feed. labels: its header as written; columns: name -> index."""

    name: str
    labels: tuple[str, ...] = ()
    columns: Mapping[str, int] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()

    def text(self, row: Row, column: str) -> str:
        """Read a cell, trimmed; empty where the row is too short or the column is not there."""
        index = self.columns.get(column, len(row.cells))
        return str(row.cells[index]).strip() if index < len(row.cells) else ""

    def column(self, name: str) -> str:
        """Name a column by letter and label; empty where it is not there."""
        index = self.columns.get(name)
        return "" if index is None else f"{letter(index)} {self.labels[index]}"


class FeedTables:
    """Reads the tables of a feed one by one. encoding: of all of them, such as `utf-8`."""

    def __init__(self, contents: Mapping[str, bytes], messages: Messages) -> None:
        self._contents = contents
        self._messages = messages
        self._code_page = self._guessed()
        self.encoding = self._code_page or "utf-8"

    def __contains__(self, name: str) -> bool:
        return name in self._contents

    def table(self, name: str) -> FeedTable:
        """Read a table; one that is not there, or cannot be used, has no rows, the latter with a message."""
        if name not in self._contents:
            return FeedTable(name)
        read = self._rows(self._contents[name])
        if isinstance(read, Unopened):
            self._messages.add(read.code, variant=read.variant, sheet=name, row=read.row, value=name)
            return FeedTable(name)
        return self._with_header(name, read)

    def _guessed(self) -> str:
        """Guess the code page of the files that are no UTF-8 from all of them together; empty where there is none."""
        decoded = ((content, decode(content)) for content in self._contents.values())
        foreign = [content for content, found in decoded if found and found[1] not in CERTAIN]
        found = decode(b"\n".join(foreign)) if foreign else None
        return found[1] if found else ""

    def _rows(self, content: bytes) -> tuple[Row, ...] | Unopened:
        found = decode(content)
        if found is None:
            return Unopened("E-FILE-TYPE", "text")
        text = found[0] if found[1] in CERTAIN else content.decode(self._code_page, errors="replace")
        reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
        try:
            return numbered(reader)
        except csv.Error as fault:
            return unreadable(fault, reader.line_num)

    def _with_header(self, name: str, rows: tuple[Row, ...]) -> FeedTable:
        labels = tuple(str(cell).strip() for cell in rows[0].cells) if rows else ()
        columns: dict[str, int] = {}
        for index, label in enumerate(labels):
            columns.setdefault(label.casefold(), index)
        needed = _NEEDED.get(name, ())
        missing = [one for one in needed if one not in columns and _EITHER.get(one) not in columns]
        if missing:
            found = ", ".join(labels) or "–"
            self._messages.add("E-HEADER", sheet=name, row=1, missing=", ".join(missing), found=found)
            return FeedTable(name)
        if self._code_page:
            self._note_encoding(name, rows)
        return FeedTable(name, labels, columns, rows[1:])

    def _note_encoding(self, name: str, rows: tuple[Row, ...]) -> None:
        """Show one foreign word of a table whose encoding was guessed, for a person to confirm."""
        words: Iterator[tuple[Row, str]] = ((row, str(cell)) for row in rows for cell in row.cells)
        sample = next(((row, word) for row, word in words if not word.isascii()), None)
        if sample and name == "stops.txt":
            self._messages.add("W-ENCODING", sheet=name, row=sample[0].number, value=sample[1], name=self._code_page)
