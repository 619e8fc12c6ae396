"""Find the header of a table and read its rows by field."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from webapp.files.field_names import FieldNames
from webapp.files.sheets import HEADER_WITHIN, Row, Table, letter
from webapp.files.spelling import Cell, plain, shown

_TOTALS = {"合計", "総計", "計", "小計", "합계", "계", "total", "totals", "yhteensä"}
_FOOTNOTES = ("*", "※", "注")


@dataclass(frozen=True, slots=True)
class Header:
    """Which column holds which field. row: of the header itself; labels: its cells as written; kind: of the table."""

    kind: str
    row: int
    labels: tuple[str, ...]
    fields: tuple[str | None, ...]

    def index(self, field: str) -> int | None:
        """Find a field's column, from 0."""
        return self.fields.index(field) if field in self.fields else None

    def has(self, *fields: str) -> bool:
        """Is there a column for any of these fields?"""
        return any(field in self.fields for field in fields)

    def column(self, index: int) -> str:
        """Name a column by letter and label."""
        return f"{letter(index)} {self.labels[index]}".strip()

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


@dataclass(frozen=True, slots=True)
class Record:
    """One row of data under its header."""

    sheet: str
    row: Row
    header: Header

    def cell(self, field: str) -> Cell:
        """Give a field's cell, None where the row or the header has none."""
        index = self.header.index(field)
        return self.row.cells[index] if index is not None and index < len(self.row.cells) else None

    def text(self, field: str) -> str:
        """Give a field's cell as plain text, for codes and keywords to be compared."""
        return plain(self.cell(field))

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


def records(table: Table, header: Header) -> Iterator[Record]:
    """List the rows of data: below the header, without totals, footnotes and repeated headers."""
    for row in table.rows:
        if row.number > header.row and not _is_remark(row) and tuple(map(shown, row.cells)) != header.labels:
            yield Record(table.name, row, header)


def _is_remark(row: Row) -> bool:
    filled = [words for words in map(plain, row.cells) if words]
    is_footnote = len(filled) <= 2 and filled[0].startswith(_FOOTNOTES)
    return is_footnote or filled[0].casefold() in _TOTALS
