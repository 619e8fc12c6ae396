"""Recognise exports without a header by what their columns hold: lists of riders of school information systems."""

import re
from collections.abc import Callable
from itertools import pairwise

from webapp.files.columns import Header
from webapp.files.sheets import Row, Table
from webapp.files.spelling import plain, time_of

_NO_RIDE = "no transportation"
_MORNING = re.compile(r"\d{1,2}:\d\d\s*a\.?m\.?", re.IGNORECASE)
_AFTERNOON = re.compile(r"\d{1,2}:\d\d\s*p\.?m\.?", re.IGNORECASE)
_NUMBER = re.compile(r"\d{3,12}")
_ROUTE = re.compile(r"(?=.*\d)[0-9A-Za-z-]{1,8}")
_ADDRESS = re.compile(r"(?=.*\d)(?=.*[^\W\d_]).*\s.*")
_NAME = re.compile(r"[^\d]*[^\W\d_][^\d]*")
_SAMPLE = 200
_WIDTHS = {8, 13}
_WEEKDAYS = 5


def rider_template(table: Table) -> Header | None:
    """Recognise the columns of a student bus import: code, name, and route, time and address in the morning and later.

    The order of route, time and address may differ; columns Y or N for Monday to Friday may stand behind or between.
    None where any column could be something else.
    """
    rows = [row for row in table.rows if len([cell for cell in row.cells if plain(cell)]) > 2][:_SAMPLE]
    width = max((len(row.cells) for row in rows), default=0)
    if width not in _WIDTHS or not rows:
        return None
    kinds = [_kind(rows, k) for k in range(width)]
    days = [k for k, kind in enumerate(kinds) if kind == "flag"]
    in_a_row = len(days) == _WEEKDAYS and all(later == earlier + 1 for earlier, later in pairwise(days))
    others = [k for k in range(width) if k not in days]
    if (days and not in_a_row) or len(others) != min(_WIDTHS):
        return None
    fields = _fields([kinds[k] for k in others])
    if fields is None:
        return None
    by_column = dict(zip(others, fields, strict=True)) | dict.fromkeys(days, "weekday")
    return Header("roster", 0, ("",) * width, tuple(by_column[k] for k in range(width)))


def _fields(kinds: list[str]) -> list[str] | None:
    """Name the columns of both ways: what stands before the second way's first column belongs to the first."""
    if sorted(kinds) != sorted(["code", "name", "am", "pm", "route", "route", "address", "address"]):
        return None
    if kinds.index("am") > kinds.index("pm"):
        return None
    names: list[str] = []
    seen: dict[str, int] = {}
    for kind in kinds:
        way = "drop_off" if seen.get(kind) else "pick_up"
        seen[kind] = 1
        names.append(
            {
                "code": "rider",
                "name": "person",
                "am": "pick_up",
                "pm": "drop_off",
                "route": f"{way}_run",
                "address": f"{way}_place",
            }[kind]
        )
    return names


def _kind(rows: list[Row], k: int) -> str:
    words = [plain(row.cells[k]) for row in rows if k < len(row.cells)]
    words = [word for word in words if word and word.casefold() != _NO_RIDE]
    tests: list[tuple[str, Callable[[str], object]]] = [
        ("flag", lambda word: word.upper() in {"Y", "N"}),
        ("am", lambda word: _MORNING.fullmatch(word) and isinstance(time_of(word), int)),
        ("pm", lambda word: _AFTERNOON.fullmatch(word) and isinstance(time_of(word), int)),
        ("code", lambda word: k == 0 and _NUMBER.fullmatch(word)),
        ("route", _ROUTE.fullmatch),
        ("address", lambda word: len(word) < 200 and _ADDRESS.fullmatch(word)),
        ("name", lambda word: len(word) < 200 and _NAME.fullmatch(word)),
    ]
    return next((kind for kind, test in tests if words and all(map(test, words))), "")
