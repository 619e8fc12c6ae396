"""Open a workbook of Excel or LibreOffice that a stranger may have made: it is measured before the parser sees it."""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from webapp.files import archive, biff, opendocument
from webapp.files.sheets import MOST_ROWS, Book, Row, Table, Unopened, numbered
from webapp.files.spelling import Cell

_MOST_SHEETS = 500
_MOST_CELLS = 6_000_000
"""The parser takes memory for the whole rectangle of a sheet, so two cells in far corners would end the process."""

_REFERENCE = re.compile(rb"""\sr\s*=\s*["']\s*([A-Za-z]*)(\d+)""")
_NO_VALUE = re.compile(
    rb"""<c\b[^<>]{0,80}?\sr="([A-Z]{1,3}\d{1,7})"[^<>]{0,80}>\s?<f\b"""
    rb"""(?:[^<>]{0,80}/>|[^<>]{0,80}>[^<]{0,9000}</f>)\s?(?:<v\s?/>|<v></v>)?\s?</c>"""
)
"""Every repetition is bounded, so that no content makes the search slow."""

_ERROR_CELL = re.compile(rb"""<c\b[^<>]{0,80}?\sr="([A-Z]{1,3}\d{1,7})"[^<>]{0,80}?\st="e\"""")
_STYLED_CELL = re.compile(rb"""<c\b[^<>]{0,80}?\ss="(\d{1,5})"[^<>]{0,80}>\s?<(?:v|is|f)\b""")
_FILLS = re.compile(rb"<fills\b.*?</fills>", re.DOTALL)
_FILL = re.compile(rb"<fill\b.*?</fill>|<fill/>", re.DOTALL)
_NO_COLOUR = re.compile(rb"""rgb="(?:FF|00)?FFFFFF"|patternType="none\"""")
_CELL_STYLES = re.compile(rb"<cellXfs\b.*?</cellXfs>", re.DOTALL)
_FILL_OF_STYLE = re.compile(rb"""<xf\b[^<>]{0,400}?\sfillId="(\d{1,5})\"""")
_DURATION = re.compile(r"PT(\d{1,4})H(\d{1,2})M(\d{1,2})(?:[.,]\d{1,9})?S")

_DECLARATIONS = [
    mark.encode(code) for mark in ("<!DOCTYPE", "<!ENTITY") for code in ("ascii", "utf-16-le", "utf-16-be")
]
_WORKBOOK = "xl/workbook.xml"
_OPEN_DOCUMENT = "content.xml"
_COMPOUND_FILE = bytes.fromhex("D0CF11E0A1B11AE1")


@dataclass(frozen=True, slots=True)
class _Parts:
    """The unpacked XML parts of a workbook, by name."""

    content: dict[str, bytes]

    def sheets(self) -> Iterator[bytes]:
        return (part for part in self.content.values() if b"sheetData" in part)


def is_workbook(content: bytes) -> bool:
    """Do these bytes begin as a workbook does, of today (a zip) or of old (a compound file)?"""
    return archive.is_archive(content) or content.startswith(_COMPOUND_FILE)


def read_workbook(content: bytes) -> Book | Unopened:
    """Read the visible sheets of an .xlsx, .xlsm, .xls or .ods workbook; macros are not even looked at."""
    if content.startswith(_COMPOUND_FILE):
        return _read_old(content)
    parts = _unpacked(content)
    if isinstance(parts, Unopened):
        return parts
    return _read_open_document(parts) if _OPEN_DOCUMENT in parts.content else _read_office_open(parts)


def _read_office_open(parts: _Parts) -> Book | Unopened:
    if any(_area(sheet) > _MOST_CELLS for sheet in parts.sheets()):
        return Unopened("E-FILE-BIG")
    tables = _tables(_repacked(parts))
    if isinstance(tables, Unopened):
        return tables
    return Book(tables, "xlsx", _formulas_without_value(parts), _coloured(parts))


def _read_old(content: bytes) -> Book | Unopened:
    measure = biff.measure(content)
    if measure is None or measure.locked:
        return Unopened("E-FILE-PASSWORD" if measure else "E-FILE-TYPE")
    if measure.cells > _MOST_CELLS:
        return Unopened("E-FILE-BIG")
    tables = _tables(io.BytesIO(content))
    return tables if isinstance(tables, Unopened) else Book(tables, "xls", tuple(measure.formulas))


def _read_open_document(parts: _Parts) -> Book | Unopened:
    if b"encryption-data" in parts.content.get("META-INF/manifest.xml", b""):
        return Unopened("E-FILE-PASSWORD")
    measure = opendocument.measure(parts.content[_OPEN_DOCUMENT])
    if measure is None or measure.cells > _MOST_CELLS:
        return Unopened("E-FILE-BIG" if measure else "E-FILE-TYPE")
    tables = _tables(_repacked(parts, mimetype="application/vnd.oasis.opendocument.spreadsheet"))
    return tables if isinstance(tables, Unopened) else Book(tables, "ods", tuple(measure.formulas))


def _unpacked(content: bytes) -> _Parts | Unopened:
    """Unpack the XML parts; none may declare a document type: entities are of no use in a sheet but to harm."""
    parts = archive.unpack(content, archive.is_part)
    if isinstance(parts, Unopened):
        return parts
    if not parts.keys() & {_WORKBOOK, _OPEN_DOCUMENT}:
        return Unopened("E-FILE-TYPE")
    return Unopened("E-FILE-TYPE", "entities") if any(map(_has_entities, parts.values())) else _Parts(parts)


def _has_entities(part: bytes) -> bool:
    """Does an XML part declare a document type or an entity, also in UTF-16?"""
    return any(mark in part for mark in _DECLARATIONS)


def _area(sheet: bytes) -> int:
    """Count the cells of the rectangle from A1 to the farthest row and column that the sheet mentions."""
    found = set(_REFERENCE.findall(sheet))
    rows = max((int(row[:10]) for _, row in found), default=0)
    return rows * max((_column_number(column) for column, _ in found), default=0)


def _column_number(letters: bytes) -> int:
    number = 0
    for sign in letters.upper()[:8]:
        number = number * 26 + sign - 64
    return max(number, 1)


def _formulas_without_value(parts: _Parts) -> tuple[str, ...]:
    """List cells whose formula has no value or ends in an error, which both read as blank."""
    found = (cell for sheet in parts.sheets() for cell in _NO_VALUE.findall(sheet) + _ERROR_CELL.findall(sheet))
    return tuple(cell.decode("ascii") for cell in dict.fromkeys(found))


def _coloured(parts: _Parts) -> int:
    """Count filled cells on a coloured ground, of which a sheet may have one for its headers: 0 for a single colour."""
    styles = parts.content.get("xl/styles.xml", b"")
    fills, cells = _FILLS.search(styles), _CELL_STYLES.search(styles)
    if not fills or not cells:
        return 0
    grounds = [bool(_NO_COLOUR.search(fill)) for fill in _FILL.findall(fills[0])]
    of_style = list(map(int, _FILL_OF_STYLE.findall(cells[0])))
    coloured = {k: fill for k, fill in enumerate(of_style) if 2 <= fill < len(grounds) and not grounds[fill]}
    seen = [coloured.get(int(style)) for sheet in parts.sheets() for style in _STYLED_CELL.findall(sheet)]
    bright = [fill for fill in seen if fill]
    return len(bright) if len(set(bright)) > 1 else 0


def _repacked(parts: _Parts, mimetype: str = "") -> io.BytesIO:
    """Pack the measured parts anew: an archive that lies about its sizes cannot make the parser unpack more."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as made:
        if mimetype:
            made.writestr("mimetype", mimetype)
        for name, content in parts.content.items():
            made.writestr(name, content)
    packed.seek(0)
    return packed


def _tables(stream: io.BytesIO) -> tuple[Table, ...] | Unopened:
    try:
        workbook = CalamineWorkbook.from_filelike(stream)
        return _visible_tables(workbook)
    except MemoryError:
        raise
    except BaseException as fault:  # a panic of the Rust parser is no Exception
        if isinstance(fault, Exception) or type(fault).__name__ == "PanicException":
            return Unopened("E-FILE-TYPE")
        raise


def _visible_tables(workbook: CalamineWorkbook) -> tuple[Table, ...] | Unopened:
    sheets = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    visible = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
    if len(visible) > _MOST_SHEETS:
        return Unopened("E-FILE-BIG")
    tables: list[Table] = []
    for name in visible:
        cells = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
        rows: tuple[Row, ...] | Unopened = numbered([_timed(cell) for cell in row] for row in cells)
        if isinstance(rows, Unopened) or sum(len(table.rows) for table in tables) + len(rows) > MOST_ROWS:
            return Unopened("E-FILE-BIG")
        tables.append(Table(name, rows))
    return tuple(tables)


def _timed(cell: Cell) -> Cell:
    """Give the time that an OpenDocument cell of a day or longer holds, which the parser leaves as it was written."""
    found = _DURATION.fullmatch(cell) if isinstance(cell, str) and cell.startswith("PT") else None
    return timedelta(hours=int(found[1]), minutes=int(found[2]), seconds=int(found[3])) if found else cell
