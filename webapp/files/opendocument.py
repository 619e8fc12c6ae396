"""Measure an OpenDocument spreadsheet before the parser sees it: a few bytes may repeat a cell a million times."""

from dataclasses import dataclass, field
from xml.parsers import expat

from webapp.files.sheets import letter

_TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0"
_OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
_TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
_CELLS = {f"{_TABLE} table-cell", f"{_TABLE} covered-table-cell"}
_MOST_FORMULAS = 1_000


@dataclass(slots=True)
class Measure:
    """cells: of the rectangles from A1 to the farthest filled cell of each sheet. formulas: cells without a value."""

    cells: int = 0
    formulas: list[str] = field(default_factory=list)


def measure(content: bytes) -> Measure | None:
    """Measure `content.xml`; None where it is no sound XML or declares entities."""
    counter = _Counter()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = counter.start
    parser.EndElementHandler = counter.end
    parser.StartDoctypeDeclHandler = counter.refuse
    try:
        parser.Parse(content, True)  # noqa: FBT003 - expat's own signature
    except (expat.ExpatError, _HasDoctypeError):
        return None
    return counter.measure


class _HasDoctypeError(Exception):
    """The document declares a type, and with it perhaps entities: no spreadsheet program writes that."""


class _Counter:
    """Follows rows and cells with their repetitions."""

    def __init__(self) -> None:
        self.measure = Measure()
        self._row = self._column = self._last_row = self._last_column = 0
        self._row_times = self._cell_times = 1
        self._filled_to = 0
        self._formula = self._is_filled = False

    def refuse(self, *_: object) -> None:
        raise _HasDoctypeError

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == f"{_TABLE} table":
            self._row = self._last_row = self._last_column = 0
        elif name == f"{_TABLE} table-row":
            self._column = self._filled_to = 0
            self._row_times = _times(attributes, "number-rows-repeated")
        elif name in _CELLS:
            self._cell_times = _times(attributes, "number-columns-repeated")
            self._formula = f"{_TABLE} formula" in attributes
            self._is_filled = f"{_OFFICE} value-type" in attributes
        elif name == f"{_TEXT} p":
            self._is_filled = True

    def end(self, name: str) -> None:
        if name in _CELLS:
            self._column += self._cell_times
            if self._is_filled or self._formula:
                self._filled_to = self._column
            if self._formula and not self._is_filled and len(self.measure.formulas) < _MOST_FORMULAS:
                self.measure.formulas.append(f"{letter(self._column - 1)}{self._row + 1}")
        elif name == f"{_TABLE} table-row":
            self._row += self._row_times
            if self._filled_to:
                self._last_row, self._last_column = self._row, max(self._last_column, self._filled_to)
        elif name == f"{_TABLE} table":
            self.measure.cells += self._last_row * self._last_column


def _times(attributes: dict[str, str], name: str) -> int:
    written = attributes.get(f"{_TABLE} {name}", "1")
    return int(written[:10]) if written.isascii() and written.isdecimal() else 1
