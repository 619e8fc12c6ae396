"""Find the header of a table and read its rows by field."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from webapp.files.field_names import FieldNames
from webapp.files.sheets import HEADER_WITHIN, Row, Table, letter
from webapp.files.spelling import Cell, plain, shown

_TOTALS = {"合計", "総計", "計", "小計", "합계", "계", "total", "totals", "yhteensä"}
_NOWHERE = 2**31
_FOOTNOTES = ("*", "※", "注")


@dataclass(frozen=True, slots=True)
class Header:
    """Which column holds which field. row: of the header itself; labels: its cells as written; kind: of the table.

    columns: where in the sheet these columns stand, where they are picked from it; empty for all from the first on.
    indices: field -> its first column, from 0.
    """

    kind: str
    row: int
    labels: tuple[str, ...]
    fields: tuple[str | None, ...]
    columns: tuple[int, ...] = ()
    indices: Mapping[str | None, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        indices = {name: len(self.fields) - 1 - k for k, name in enumerate(reversed(self.fields))}
        object.__setattr__(self, "indices", indices)

    def index(self, field: str) -> int | None:
        """Find a field's column, from 0."""
        return self.indices.get(field)

    def has(self, *fields: str) -> bool:
        """Is there a column for any of these fields?"""
        return any(field in self.indices for field in fields)

    def column(self, index: int) -> str:
        """Name a column by letter and label."""
        return f"{letter(self.columns[index] if self.columns else index)} {self.labels[index]}".strip()

    @property
    def twice(self) -> tuple[int, ...]:
        """List the columns of the first field that stands more than once."""
        counts = Counter(field for field in self.fields if field)
        doubled = next((field for field, count in counts.items() if count > 1), None)
        return tuple(k for k, field in enumerate(self.fields) if doubled and field == doubled)

    def unknown(self) -> Iterator[int]:
        """List the labelled columns that stand for no field."""
        return (k for k, label in enumerate(self.labels) if label and self.fields[k] is None)


def find_header(table: Table, kind: str, names: FieldNames, *, least: int) -> Header | None:
    """Find the first row that names at least so many different fields of this kind of table."""
    for row in table.rows:
        if row.number > HEADER_WITHIN:
            return None
        labels = tuple(map(shown, row.cells))
        fields = tuple(names.find(kind, label) for label in labels)
        if len(set(fields) - {None}) >= least:
            return Header(kind, row.number, labels, fields)
    return None


class Record(NamedTuple):
    """One row of data under its header."""

    sheet: str
    row: Row
    header: Header

    def cell(self, field: str) -> Cell:
        """Give a field's cell, None where the row or the header has none."""
        cells, index = self.row.cells, self.header.indices.get(field, _NOWHERE)
        return cells[index] if index < len(cells) else None

    def text(self, field: str) -> str:
        """Give a field's cell as plain text, for codes and keywords to be compared."""
        cells, index = self.row.cells, self.header.indices.get(field, _NOWHERE)
        return plain(cells[index]) if index < len(cells) else ""

    def words(self, field: str) -> str:
        """Give a field's cell as it was written, for people to read."""
        return shown(self.cell(field))

    def column(self, field: str) -> str:
        """Name a field's column by letter and header, empty where it has none."""
        index = self.header.index(field)
        return self.header.column(index) if index is not None else ""

    @property
    def number(self) -> int:
        return self.row.number


class Spot(NamedTuple):
    """A cell of the sheet picked for a field; column: from 0; label: what stands above or beside it."""

    field: str
    column: int
    label: str
    cell: Cell


def picked(sheet: str, number: int, spots: Iterable[Spot]) -> Record:
    """Make a record of cells that stand in different places of a sheet, which messages name as they are."""
    fields, columns, labels, cells = zip(*spots, strict=True)
    return Record(sheet, Row(number, cells), _picked_header(labels, fields, columns))


@lru_cache(maxsize=1_024)
def _picked_header(labels: tuple[str, ...], fields: tuple[str | None, ...], columns: tuple[int, ...]) -> Header:
    return Header("runs", 0, labels, fields, columns)


def records(table: Table, header: Header) -> Iterator[Record]:
    """List the rows of data: below the header, without totals, footnotes and repeated headers."""
    for row in table.rows:
        if row.number > header.row and not is_remark(row) and not _repeats(header, row):
            yield Record(table.name, row, header)


def _repeats(header: Header, row: Row) -> bool:
    return shown(row.cells[0]) == header.labels[0] and tuple(map(shown, row.cells)) == header.labels


def is_footnote(row: Row) -> bool:
    """Is this row a remark for people below or above a table?"""
    words = filter(None, map(plain, row.cells))
    return next(words, "").startswith(_FOOTNOTES) and sum(1 for _ in words) < 2


def is_remark(row: Row) -> bool:
    """Is this row a footnote or a line of totals?"""
    first = next(filter(None, map(plain, row.cells)), "")
    return first.casefold() in _TOTALS or (first.startswith(_FOOTNOTES) and is_footnote(row))
