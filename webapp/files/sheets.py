"""Open a file that somebody sent: bytes in, tables of cells with their own row numbers out, or the reason why not."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from webapp.files.encoding import decode
from webapp.files.spelling import Cell, plain

MOST_BYTES = 20 * 1024 * 1024
MOST_ROWS = 200_000
MOST_COLUMNS = 1_000
HEADER_WITHIN = 20
"""Rows in which a header must stand; titles may stand above it."""


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row that is not blank; number: as the sender's own program shows it, from 1."""

    number: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet of a workbook, or a CSV file, whose name is empty."""

    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """An opened file. encoding: of its text, `xlsx` for a workbook. formulas: cells whose formula has no value yet."""

    tables: tuple[Table, ...]
    encoding: str
    formulas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unopened:
    """Why a file cannot be opened: code and variant of the message, and the row at fault where there is one."""

    code: str
    variant: str = ""
    row: int = 0


def letter(index: int) -> str:
    """Name a column as spreadsheets do: 0 is A, 26 is AA."""
    before, last = divmod(index, 26)
    return (letter(before - 1) if before else "") + chr(ord("A") + last)


def numbered(rows: Iterable[Sequence[Cell]]) -> tuple[Row, ...] | Unopened:
    """Number the rows from 1 and keep those that are not blank, without the blank cells at their ends."""
    kept: list[Row] = []
    for number, cells in enumerate(rows, start=1):
        filled = next((k for k in range(len(cells), 0, -1) if plain(cells[k - 1])), 0)
        if len(kept) >= MOST_ROWS or filled > MOST_COLUMNS:
            return Unopened("E-FILE-BIG")
        if filled:
            kept.append(Row(number, tuple(cells[:filled])))
    return tuple(kept)


def read_text(content: bytes, known: Callable[[str], bool]) -> Book | Unopened:
    """Read a CSV file in any usual encoding and with comma, semicolon or tab; `known` tells names of columns."""
    decoded = decode(content)
    if decoded is None:
        return Unopened("E-FILE-TYPE")
    text, encoding = decoded
    lines = _Lines(text, _delimiter(text, known))
    try:
        rows = numbered(lines)
    except csv.Error:
        return Unopened("E-FILE-TYPE", "quote", lines.count + 1)
    return rows if isinstance(rows, Unopened) else Book((Table("", rows),), encoding)


class _Lines:
    """The records of a CSV text, counted, so that a fault can be told with its row."""

    def __init__(self, text: str, delimiter: str) -> None:
        self.count = 0
        stream = io.StringIO(text, newline="")
        self._reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=True, strict=True)

    def __iter__(self) -> Iterator[list[Cell]]:
        for record in self._reader:
            self.count += 1
            yield list(record)


def _delimiter(text: str, known: Callable[[str], bool]) -> str:
    """Choose the delimiter under which one row holds most known names, then the one that gives most cells."""
    return max(",;\t", key=lambda delimiter: _known_names(text, delimiter, known))


def _known_names(text: str, delimiter: str, known: Callable[[str], bool]) -> tuple[int, int]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        rows = [row[:MOST_COLUMNS] for row in islice(reader, HEADER_WITHIN)]
    except csv.Error:
        return 0, 0
    return max((sum(map(known, row)) for row in rows), default=0), max(map(len, rows), default=0)
