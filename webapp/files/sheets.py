"""Open a file that somebody sent: bytes in, tables of cells with their own row numbers out, or the reason why not."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from webapp.files.encoding import damaged_row, decode
from webapp.files.spelling import Cell, plain

MOST_BYTES = 20 * 1024 * 1024
MOST_ROWS = 200_000
MOST_COLUMNS = 1_000
_WIDEST = 20_000
"""Cells of a row, blank ones counted, beyond which it is not looked through: Excel has 16,384 columns."""
_HEAD = 200_000
"""Characters in which the delimiter is looked for."""
HEADER_WITHIN = 20
"""Rows in which a header must stand; titles may stand above it."""


class Row(NamedTuple):
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
    """An opened file.

    encoding: of its text, or `xlsx`, `xls`, `ods` for a workbook.

    formulas: cells whose formula has no value yet or ends in an error. coloured: how many filled cells bear a colour.
    delimiter: of a CSV file.
    """

    tables: tuple[Table, ...]
    encoding: str
    formulas: tuple[str, ...] = ()
    coloured: int = 0
    delimiter: str = ""


@dataclass(frozen=True, slots=True)
class Unopened:
    """Why a file cannot be opened: code and variant of the message, the row at fault, and what the file is instead."""

    code: str
    variant: str = ""
    row: int = 0
    kind: str = ""


def letter(index: int) -> str:
    """Name a column as spreadsheets do: 0 is A, 26 is AA."""
    before, last = divmod(index, 26)
    return (letter(before - 1) if before else "") + chr(ord("A") + last)


def numbered(rows: Iterable[Sequence[Cell]]) -> tuple[Row, ...] | Unopened:
    """Number the rows from 1 and keep those that are not blank, without the blank cells at their ends."""
    kept: list[Row] = []
    for number, cells in enumerate(rows, start=1):
        if not cells:
            continue
        wide = len(cells) > _WIDEST
        filled = 0 if wide else next((k for k in range(len(cells), 0, -1) if plain(cells[k - 1])), 0)
        if wide or len(kept) >= MOST_ROWS or filled > MOST_COLUMNS:
            return Unopened("E-FILE-BIG")
        if filled:
            kept.append(Row(number, tuple(map(_rearmed, cells[:filled]))))
    return tuple(kept)


_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
"""Beginnings that a spreadsheet may take for a formula, whatever apostrophes stand before them already."""

_BEGINNINGS = frozenset("'=+-@\t\r＝＋－＠")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def disarmed(text: str) -> str:
    """Put an apostrophe before a text that spreadsheets take for a formula; reading a file takes it off again."""
    if text[:1] not in _BEGINNINGS or not _FORMULA.match(text) or _NUMBER.fullmatch(text):
        return text
    return f"'{text}"


def _rearmed(cell: Cell) -> Cell:
    is_disarmed = isinstance(cell, str) and cell[:1] == "'" and _FORMULA.match(cell)
    return cell[1:] if is_disarmed else cell  # type: ignore[index]


def read_text(content: bytes, known: Callable[[str], bool]) -> Book | Unopened:
    """Read a CSV file in any usual encoding and with comma, semicolon, tab or bar; `known` tells names of columns."""
    decoded = decode(content)
    if decoded is None:
        row = damaged_row(content)
        return Unopened("E-FILE-TYPE", "byte" if row else "", row)
    text, encoding = decoded
    delimiter = _delimiter(text, known)
    lines = _Lines(text, delimiter)
    try:
        rows = numbered(lines)
    except csv.Error as fault:
        return unreadable(fault, lines.count + 1)
    return rows if isinstance(rows, Unopened) else Book((Table("", rows),), encoding, delimiter=delimiter)


def unreadable(fault: csv.Error, row: int) -> Unopened:
    """Say why a record of a text cannot be read: a cell without end, or a quotation mark in the wrong place."""
    return Unopened("E-FILE-BIG", "cell", row) if "field limit" in str(fault) else Unopened("E-FILE-TYPE", "quote", row)


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
    head = text[:_HEAD]
    return max(",;\t|", key=lambda delimiter: _known_names(head, delimiter, known))


def _known_names(text: str, delimiter: str, known: Callable[[str], bool]) -> tuple[int, int]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        rows = [row[:MOST_COLUMNS] for row in islice(reader, HEADER_WITHIN)]
    except csv.Error:
        return 0, 0
    return max((sum(map(known, row)) for row in rows), default=0), max(map(len, rows), default=0)
