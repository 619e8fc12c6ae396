"""Gather remarks on a file: the same fault once, with all its cells; and write all of them into a report."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Literal

from webapp.files.messages import Message
from webapp.files.sheets import disarmed

MOST_EXAMPLES = 20
COLUMNS = ("sheet", "row", "column", "value", "code", "severity", "message", "run")
_WIDTHS = (14, 8, 18, 24, 18, 10, 100, 14)


@dataclass(frozen=True, slots=True)
class Group:
    """One fault and where it stands: rows as ranges "3, 7, 12–40", count of remarks.

    values, said: what was read and what is said of it, each wording once, the first few.
    """

    code: str
    severity: Literal["error", "warning"]
    sheet: str
    column: str
    rows: str
    count: int
    values: tuple[str, ...]
    said: tuple[str, ...]
    outcomes: tuple[str, ...]


def grouped(messages: Iterable[Message]) -> list[Group]:
    """Put remarks on the same fault in the same column together: errors first, then in order of sheet and row."""
    alike: dict[tuple[str, ...], list[Message]] = defaultdict(list)
    for one in messages:
        alike[one.severity, one.fault or one.code, one.sheet, one.column].append(one)
    groups = [_group(some) for some in alike.values()]
    return sorted(groups, key=lambda one: one.severity)


def _group(some: Sequence[Message]) -> Group:
    first = some[0]
    return Group(
        code=first.code,
        severity=first.severity,
        sheet=first.sheet,
        column=first.column,
        rows=ranges(one.row for one in some if one.row),
        count=len(some),
        values=_once(one.value for one in some),
        said=_once(one.said for one in some),
        outcomes=_once(one.outcome for one in some),
    )


def _once(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(islice(dict.fromkeys(filter(None, words)), MOST_EXAMPLES))


def ranges(numbers: Iterable[int]) -> str:
    """Write numbers in short: 3, 7, 12–40. Neighbours are joined from three on."""
    return ", ".join(_ranges(sorted(set(numbers))))


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    for _, some in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in some]
        yield from (f"{run[0]}–{run[-1]}",) if len(run) > 2 else map(str, run)


def report_csv(messages: Iterable[Message]) -> bytes:
    """Write every remark as a row of CSV in UTF-8 with a byte order mark, which spreadsheets ask for."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(map(_row, messages))
    return text.getvalue().encode("utf-8-sig")


def report_xlsx(messages: Iterable[Message]) -> bytes:
    """Write every remark as a row of a workbook; each cell is text or a number, none is a formula."""
    from openpyxl import Workbook  # only who asks for a workbook waits for its library
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    sheet = book.create_sheet("report")
    sheet.freeze_panes = "A2"
    for letter, width in zip("ABCDEFGH", _WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width
    heads = [WriteOnlyCell(sheet, name) for name in COLUMNS]
    for cell in heads:
        cell.font = Font(bold=True)
    sheet.append(heads)
    for one in messages:
        sheet.append(_row(one))
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _row(one: Message) -> list[str | int]:
    cells: list[str | int] = [
        one.sheet, one.row or "", one.column, one.value, one.code, one.severity, one.text, one.run
    ]  # fmt: skip
    return [_printable(disarmed(cell)) if isinstance(cell, str) else cell for cell in cells]


def _printable(value: str) -> str:
    """Leave out what XML, and so a workbook, cannot hold."""
    return "".join(letter for letter in value if letter.isprintable() or letter in "\t\n")
