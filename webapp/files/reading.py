"""Read the fields of one row, and note what cannot be read."""

from collections.abc import Callable
from datetime import date
from typing import TypeVar

from webapp.files.columns import Record
from webapp.files.dates import Listed, Span, date_of, listed_of, shifts_of
from webapp.files.messages import Messages
from webapp.files.spelling import Cell, Unclear, coordinate_of, count_of, flag_of, minutes_of, shown, time_of

_Value = TypeVar("_Value")


class RowReader:
    """Reads one row for one run; each method gives None where the cell is blank or was refused with a message."""

    def __init__(self, record: Record, messages: Messages, run: str = "") -> None:
        self.record = record
        self.run = run
        self._messages = messages

    def note(self, code: str, field: str, *, variant: str = "", value: str | None = None, **facts: object) -> None:
        """Add a message about a field of this row; the value is the cell's own where none is given."""
        self._messages.add(
            code,
            variant=variant,
            sheet=self.record.sheet,
            row=self.record.number,
            column=self.record.column(field),
            value=shown(self.record.cell(field)) if value is None else value,
            run=self.run,
            **facts,
        )

    def is_blank(self, field: str) -> bool:
        return not self.record.text(field)

    def time(self, field: str) -> int | None:
        """Read seconds of the service day."""
        return self._take(field, time_of, "E-TIME")

    def minutes(self, field: str) -> int | None:
        """Read minutes as seconds."""
        return self._take(field, minutes_of, "E-COUNT")

    def count(self, field: str) -> int | None:
        return self._take(field, count_of, "E-COUNT")

    def flag(self, field: str) -> bool | None:
        return self._take(field, flag_of, "E-FLAG")

    def day(self, field: str) -> date | None:
        return self._take(field, date_of, "E-DATE")

    def listed(self, field: str, is_name: Callable[[str], bool]) -> Listed:
        """Read a list of dates, ranges and names that stand for dates, empty where it is blank or refused."""
        return self._take(field, lambda cell: listed_of(cell, is_name), "E-DATE") or Listed()

    def shifts(self, field: str) -> tuple[Span, ...]:
        """Read on which days a timetable moves, empty where it is blank or refused."""
        return self._take(field, shifts_of, "E-SHIFT") or ()

    def degrees(self, lat: str, lon: str) -> tuple[float, float] | tuple[None, None]:
        """Read a pair of coordinates; one without the other is refused."""
        if not self.record.header.has(lat, lon):
            return None, None
        found = coordinate_of(self.record.cell(lat), most=90), coordinate_of(self.record.cell(lon), most=180)
        if isinstance(found[0], float) and isinstance(found[1], float):
            return found[0], found[1]
        if isinstance(coordinate_of(self.record.cell(lat), most=180), float) and isinstance(found[0], Unclear):
            self.note("E-PLACE", lat, variant="beyond")
        elif found != (None, None):
            at_fault = lat if isinstance(found[0], Unclear) or found[0] is None else lon
            self.note("E-PLACE", at_fault, variant="degrees")
        return None, None

    def _take(self, field: str, read: Callable[[Cell], _Value | None | Unclear], code: str) -> _Value | None:
        cell = self.record.cell(field)
        if cell is None or cell == "":
            return None
        found = read(cell)
        if not isinstance(found, Unclear):
            return found
        value = found.piece or None
        if found.readings and code in {"E-TIME", "E-DATE"}:
            self.note(f"{code}-AMBIG", field, value=value, readings=found.readings)
        else:
            self.note(code, field, value=value)
        return None
