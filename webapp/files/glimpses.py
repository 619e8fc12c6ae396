"""Show the first rows of a file as they were read, and what each column was taken for, but no names of persons."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from webapp.files.columns import Header
from webapp.files.field_names import FieldNames, folded
from webapp.files.rules import is_rider_code
from webapp.files.scheduled import Glimpse, GlimpseColumn
from webapp.files.sheets import HEADER_WITHIN, Book, Row, Table, letter
from webapp.files.spelling import plain, shown

MOST_SHEETS = 8
MOST_COLUMNS = 40
MOST_ROWS = 6
_SAMPLES = 3
_LONGEST = 40
_LONGEST_LABEL = 20
COVERED = "•••"
_ABOUT_PERSONS = (None, "person", "remarks")


@dataclass(frozen=True, slots=True)
class ColumnsTold:
    """What columns mean whose names are an operator's own: name as written -> field, "" for a column to leave out.

    here: for this file. known: for files with a header of this digest, from earlier ones.
    """

    here: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def names_for(self, book: Book, names: FieldNames) -> FieldNames:
        """Give the names by which to read this file."""
        return names.told(self.here or self._known_of(book) or {})

    def _known_of(self, book: Book) -> Mapping[str, str] | None:
        headers = (digest_of(row) for table in book.tables for row in table.rows[:HEADER_WITHIN]) if self.known else ()
        return next((self.known[digest] for digest in headers if digest in self.known), None)


UNTOLD = ColumnsTold()


def digest_of(row: Row) -> str:
    """Tell one header from another, whatever makes no difference in a name."""
    labels = "\n".join(folded(plain(cell)) for cell in row.cells)
    return hashlib.sha256(labels.encode()).hexdigest()[:32]


def glimpse(
    table: Table, layout: str, header: Header | None, names: FieldNames, language: str, *, told: bool = False
) -> Glimpse:
    """Show the first rows of a table from just above its header on; without one, the row most like a header counts."""
    at = _header_at(table, header, names)
    first = max(0, (at or 0) - 1)
    rows = table.rows[first : first + MOST_ROWS]
    width = min(MOST_COLUMNS, max((len(row.cells) for row in rows), default=0))
    covered = _covered(table, header, names)
    below = table.rows[(at if at is not None else -1) + 1 :][:_SAMPLES]
    head = table.rows[at] if at is not None else None
    samples = [tuple(filter(None, (_cell(row, k, covered) for row in below))) for k in range(width)]
    fields = header.fields if header else ()
    meanings = [(fields[k] if k < len(fields) else None) or "" for k in range(width)]
    return Glimpse(
        sheet=table.name,
        layout=layout,
        header=head.number if head else 0,
        digest=digest_of(head) if head else "",
        columns=tuple(_columns(head, samples, meanings, names, language)),
        rows=tuple((row.number, tuple(_cell(row, k, covered) for k in range(width))) for row in rows),
        told=told,
    )


def _header_at(table: Table, header: Header | None, names: FieldNames) -> int | None:
    """Find the index of the header row: the one that was found, else the one with most known names, then most words."""
    candidates = [(k, row) for k, row in enumerate(table.rows[:HEADER_WITHIN]) if row.number <= HEADER_WITHIN]
    if header is not None:
        return next((k for k, row in candidates if row.number == header.row), None)
    known = [(sum(names.find("runs", shown(cell)) is not None for cell in row.cells), k) for k, row in candidates]
    words = [(sum(bool(plain(cell)) for cell in row.cells), -k) for k, row in candidates]
    if not known:
        return None
    most, _ = max(known)
    return next(k for count, k in known if count == most) if most else -max(words)[1]


def _covered(table: Table, header: Header | None, names: FieldNames) -> dict[int, int]:
    """Map each column that holds persons to the row from which on it is covered."""
    found: dict[int, int] = {}
    for row in table.rows[:HEADER_WITHIN]:
        for k, cell in enumerate(row.cells[:MOST_COLUMNS]):
            label = shown(cell)
            known = names.find("runs", label) or names.find("roster", label)
            if isinstance(cell, str) and len(label) <= _LONGEST_LABEL and names.is_personal(label) and not known:
                found.setdefault(k, row.number + 1)
    if header is not None and header.kind == "roster":  # whatever else stands in a list of riders is about persons, too
        hidden = _ABOUT_PERSONS if _has_codes(table, header) else (*_ABOUT_PERSONS, "rider")
        found |= {k: header.row + 1 for k, meaning in enumerate(header.fields) if meaning in hidden}
    return found


def _has_codes(table: Table, header: Header) -> bool:
    """Does the column of rider codes hold nothing that could be a name?"""
    k = header.index("rider")
    if k is None:
        return True
    cells = (plain(row.cells[k]) for row in table.rows if row.number > header.row and k < len(row.cells))
    return all(is_rider_code(words) or words == header.labels[k] for words in cells if words)


def _cell(row: Row, k: int, covered: Mapping[int, int]) -> str:
    words = shown(row.cells[k]) if k < len(row.cells) else ""
    if words and row.number >= covered.get(k, row.number + 1):
        return COVERED
    line = " ".join(words.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _columns(
    head: Row | None, samples: Sequence[tuple[str, ...]], meanings: Sequence[str], names: FieldNames, language: str
) -> Iterator[GlimpseColumn]:
    for k, (values, meaning) in enumerate(zip(samples, meanings, strict=True)):
        label = shown(head.cells[k]) if head and k < len(head.cells) else ""
        kind = next((kind for kind in ("runs", "roster") if meaning in names.fields[kind]), "")
        called = names.call(meaning, language, kind) if kind else meaning.replace("_", " ")
        yield GlimpseColumn(letter(k), label, meaning, called, values)


def feed_glimpse(name: str, labels: Sequence[str], rows: Sequence[Row]) -> Glimpse:
    """Show the first rows of a table of a feed, whose columns bear the names of the specification."""
    width = min(MOST_COLUMNS, len(labels))
    some = rows[: MOST_ROWS - 1]
    columns = tuple(
        GlimpseColumn(letter(k), labels[k], labels[k], "", tuple(_cell(row, k, {}) for row in some[:_SAMPLES]))
        for k in range(width)
    )
    shown_rows = [
        (1, tuple(labels[:width])),
        *((row.number, tuple(_cell(row, k, {}) for k in range(width))) for row in some),
    ]
    return Glimpse(name, "feed", 1, "", columns, tuple(shown_rows))
