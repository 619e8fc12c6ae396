"""Say what is wrong with the header of a table, and which of its columns are left out."""

from collections.abc import Iterable

from webapp.files.columns import Header
from webapp.files.field_names import FieldNames
from webapp.files.messages import Messages
from webapp.files.sheets import Table, letter
from webapp.files.spelling import Cell, shown

NEEDED = (
    ("run_id",),
    ("days", "calendar"),
    ("from", "calendar"),
    ("until", "calendar"),
    ("place", "address", "stop_code", "lat"),
    ("time",),
    ("board", "riders_on"),
    ("alight", "riders_off"),
)
"""Of each group one column must be there. Seats are not needed: the sheet `vehicles` may give them, or a person."""


def note_no_header(table: Table, names: FieldNames, messages: Messages) -> None:
    """Refuse a table in which no row looks like a header."""
    row, missing = table.rows[0], _called(NEEDED, names, messages.language)
    found = _listed(row.cells)
    messages.add("E-HEADER", variant="none", sheet=table.name, row=row.number, found=found, missing=missing)


def missing_columns(header: Header) -> list[tuple[str, ...]]:
    """List the groups of columns of which a schedule needs one and has none."""
    return [group for group in NEEDED if not header.has(*group)]


def note_missing(header: Header, table: Table, names: FieldNames, messages: Messages) -> None:
    """Refuse a table whose header lacks needed columns."""
    called, found = _called(missing_columns(header), names, messages.language), _listed(header.labels)
    messages.add("E-HEADER", sheet=table.name, row=header.row, missing=called, found=found)


def is_usable(header: Header, table: Table, names: FieldNames, messages: Messages) -> bool:
    """Note the columns that are left out; False where two columns mean the same."""
    personal = [k for k in header.unknown() if names.is_personal(header.labels[k])]
    ignored = [k for k in header.unknown() if k not in personal]
    for code, columns in (("W-PERSONAL-DATA", personal), ("W-IGNORED-COLUMN", ignored)):
        if columns:
            listed, first = ", ".join(map(header.column, columns)), header.column(columns[0])
            messages.add(code, sheet=table.name, row=header.row, column=first, columns=listed)
    if header.twice:
        letters, name = ", ".join(map(letter, header.twice)), header.labels[header.twice[0]]
        column = header.column(header.twice[1])
        at = {"sheet": table.name, "column": column}
        messages.add("E-HEADER", variant="twice", row=header.row, columns=letters, name=name, **at)
    return not header.twice


def _called(groups: Iterable[tuple[str, ...]], names: FieldNames, language: str) -> str:
    return ", ".join(names.call(group[0], language) for group in groups)


def _listed(cells: Iterable[Cell]) -> str:
    return ", ".join(filter(None, map(shown, cells)))
