"""Measure a workbook of the old Excel (.xls) before the parser sees it, which takes memory for whole rectangles."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import olefile

from webapp.files.sheets import letter

_BEGIN, _END, _PASSWORD, _FORMULA = 0x0809, 0x000A, 0x002F, 0x0006
_CELLS = {0x0203, 0x0204, 0x00FD, 0x027E, 0x0205, 0x00D6, _FORMULA, 0x0002, 0x0003, 0x0004, 0x0005}
_MANY_CELLS = 0x00BD
_ERROR = b"\x02"
_STREAMS = ("Workbook", "Book")
_LOCKED = "EncryptedPackage".encode("utf-16-le")
_MOST_FORMULAS = 1_000


@dataclass(slots=True)
class Measure:
    """cells: of the rectangles from A1 to the farthest cell of each sheet. formulas: cells that hold an error."""

    locked: bool = False
    cells: int = 0
    formulas: list[str] = field(default_factory=list)


def measure(content: bytes) -> Measure | None:
    """Measure a compound file; None where it holds no workbook or is damaged."""
    if _LOCKED in content:
        return Measure(locked=True)
    try:
        with olefile.OleFileIO(io.BytesIO(content)) as compound:
            name = next((name for name in _STREAMS if compound.exists(name)), None)
            return _measured(compound.openstream(name).read()) if name else None
    except MemoryError:
        raise
    except Exception:
        return None


def _measured(stream: bytes) -> Measure:
    found = Measure()
    last_row = last_column = depth = 0
    for kind, body in _records(stream):
        if kind == _PASSWORD:
            return Measure(locked=True)
        if kind == _BEGIN:
            depth += 1
        elif kind == _END:
            depth -= 1
            if depth <= 0:
                found.cells += last_row * last_column
                last_row = last_column = depth = 0
        elif (kind in _CELLS or kind == _MANY_CELLS) and len(body) >= 6:
            row, column = struct.unpack_from("<HH", body)
            last = struct.unpack_from("<H", body, len(body) - 2)[0] if kind == _MANY_CELLS else column
            last_row, last_column = max(last_row, row + 1), max(last_column, last + 1, column + 1)
            is_error = kind == _FORMULA and body[6:7] == _ERROR and body[12:14] == b"\xff\xff"
            if is_error and len(found.formulas) < _MOST_FORMULAS:
                found.formulas.append(f"{letter(column)}{row + 1}")
    found.cells += last_row * last_column
    return found


def _records(stream: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, position)
        yield kind, stream[position + 4 : position + 4 + size]
        position += 4 + size
