"""Open an Excel workbook that a stranger may have made: it is measured before the parser sees it."""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from webapp.files.sheets import MOST_ROWS, Book, Row, Table, Unopened, numbered

_MOST_UNPACKED = 200 * 1024 * 1024
_MOST_PARTS = 2_000
_MOST_SHEETS = 500
_MOST_CELLS = 6_000_000
"""The parser takes memory for the whole rectangle of a sheet, so two cells in far corners would end the process."""

_REFERENCE = re.compile(rb"""\sr\s*=\s*["']\s*([A-Za-z]*)(\d+)""")
_NO_VALUE = re.compile(
    rb"""<c\b[^<>]{0,80}?\sr="([A-Z]{1,3}\d{1,7})"[^<>]{0,80}>\s?<f\b"""
    rb"""(?:[^<>]{0,80}/>|[^<>]{0,80}>[^<]{0,9000}</f>)\s?(?:<v\s?/>|<v></v>)?\s?</c>"""
)
"""Every repetition is bounded, so that no content makes the search slow."""

_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_COMPOUND_FILE = bytes.fromhex("D0CF11E0A1B11AE1")


@dataclass(frozen=True, slots=True)
class _Parts:
    """The unpacked XML parts of a workbook, by name."""

    content: dict[str, bytes]

    def sheets(self) -> Iterator[bytes]:
        return (part for part in self.content.values() if b"sheetData" in part)


def is_workbook(content: bytes) -> bool:
    """Do these bytes begin as an Excel file does, of today (a zip) or of old (a compound file)?"""
    return content.startswith((b"PK\x03\x04", _COMPOUND_FILE))


def read_workbook(content: bytes) -> Book | Unopened:
    """Read the visible sheets of an .xlsx workbook."""
    if content.startswith(_COMPOUND_FILE):
        return Unopened("E-FILE-PASSWORD" if _ENCRYPTED in content else "E-FILE-TYPE")
    parts = _unpacked(content)
    if isinstance(parts, Unopened):
        return parts
    if any(_area(sheet) > _MOST_CELLS for sheet in parts.sheets()):
        return Unopened("E-FILE-BIG")
    tables = _tables(parts)
    return tables if isinstance(tables, Unopened) else Book(tables, "xlsx", _formulas_without_value(parts))


def _unpacked(content: bytes) -> _Parts | Unopened:
    """Unpack the XML parts, never more bytes than the archive's own list of contents admits."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = [info for info in archive.infolist() if info.filename.endswith((".xml", ".rels"))]
            if any(info.flag_bits & 1 for info in infos):
                return Unopened("E-FILE-PASSWORD")
            if len(infos) > _MOST_PARTS or sum(info.file_size for info in infos) > _MOST_UNPACKED:
                return Unopened("E-FILE-BIG")
            parts = {info.filename: archive.read(info) for info in infos}
    except Exception:
        return Unopened("E-FILE-TYPE")
    return _Parts(parts) if "xl/workbook.xml" in parts else Unopened("E-FILE-TYPE")


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
    return tuple(cell.decode("ascii") for sheet in parts.sheets() for cell in _NO_VALUE.findall(sheet))


def _repacked(parts: _Parts) -> io.BytesIO:
    """Pack the measured parts anew: an archive that lies about its sizes cannot make the parser unpack more."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.content.items():
            archive.writestr(name, content)
    packed.seek(0)
    return packed


def _tables(parts: _Parts) -> tuple[Table, ...] | Unopened:
    try:
        workbook = CalamineWorkbook.from_filelike(_repacked(parts))
        return _visible_tables(workbook)
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
        rows: tuple[Row, ...] | Unopened = numbered(workbook.get_sheet_by_name(name).to_python(skip_empty_area=False))
        if isinstance(rows, Unopened) or sum(len(table.rows) for table in tables) + len(rows) > MOST_ROWS:
            return Unopened("E-FILE-BIG")
        tables.append(Table(name, rows))
    return tuple(tables)
