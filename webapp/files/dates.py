"""Read dates, lists of dates and lists of weekdays as people write them."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from webapp.files.spelling import Cell, Unclear, plain

_YEARS = range(2000, 2100)
_EXCEL_ZERO = date(1899, 12, 30)
_ERAS = {"令和": 2018, "r": 2018, "平成": 1988, "h": 1988}


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` to `last`, both included, on which every time moves by `shift` seconds."""

    first: date
    last: date
    shift: int = 0

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


_WEEKDAYS = (
    ("月", "월", "ma", "maanantai", "mon", "monday"),
    ("火", "화", "ti", "tiistai", "tue", "tues", "tuesday"),
    ("水", "수", "ke", "keskiviikko", "wed", "wednesday"),
    ("木", "목", "to", "torstai", "thu", "thur", "thurs", "thursday"),
    ("金", "금", "pe", "perjantai", "fri", "friday"),
    ("土", "토", "la", "lauantai", "sat", "saturday"),
    ("日", "일", "su", "sunnuntai", "sun", "sunday"),
)
_DAY_NUMBER = {name: number for number, names in enumerate(_WEEKDAYS) for name in names}

# Dates

_WEEKDAY = "|".join(sorted(map(re.escape, _DAY_NUMBER), key=len, reverse=True))
_WEEKDAY_BEFORE = re.compile(rf"^(?:{_WEEKDAY})[.,]?\s+(?=\d)")
_WEEKDAY_AFTER = re.compile(rf"\s*\(\w{{1,3}}\)$|\s+(?:{_WEEKDAY})\.?$")
_ERA = re.compile(r"(令和|平成|r|h)(元|\d{1,2})[年./-](\d{1,2})[月./-](\d{1,2})日?")
_YEAR_FIRST = re.compile(r"(\d{4})[年년./-](\d{1,2})[月월./-](\d{1,2})[日일]?\.?(?:t?00:00(?::00)?)?")
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)")
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_EITHER_FIRST = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})")
_SERIAL = re.compile(r"\d{5}")


def date_of(cell: Cell) -> date | None | Unclear:
    """Read a date of the years 2000 to 2099; None for a blank cell."""
    if isinstance(cell, datetime):
        return _plausible(cell.date()) if cell.time() == time() else Unclear()
    if isinstance(cell, date):
        return _plausible(cell)
    words = plain(cell).casefold()
    return _written_date(words) if words else None


def _plausible(day: date) -> date | Unclear:
    return day if day.year in _YEARS else Unclear()


def _written_date(words: str) -> date | Unclear:
    core = "".join(_WEEKDAY_AFTER.sub("", _WEEKDAY_BEFORE.sub("", words)).split())
    if found := _ERA.fullmatch(core):
        year = 1 if found[2] == "元" else int(found[2])
        return _day(_ERAS[found[1]] + year, int(found[3]), int(found[4]))
    if found := _YEAR_FIRST.fullmatch(core) or _COMPACT.fullmatch(core):
        return _day(*map(int, found.groups()))
    if found := _DAY_FIRST.fullmatch(core):
        return _day(*map(int, reversed(found.groups())))
    if found := _EITHER_FIRST.fullmatch(core):
        return _either_order(*map(int, found.groups()))
    return _plausible(_EXCEL_ZERO + timedelta(int(core))) if _SERIAL.fullmatch(core) else Unclear()


def _day(year: int, month: int, day: int) -> date | Unclear:
    try:
        return _plausible(date(year, month, day))
    except ValueError:
        return Unclear()


def _either_order(one: int, other: int, year: int) -> date | Unclear:
    """Take 13/4/2026, which only one order explains, and refuse 4/1/2026, which both do."""
    found = [day for day in (_day(year, other, one), _day(year, one, other)) if isinstance(day, date)]
    if len(set(found)) == 1:
        return found[0]
    return Unclear(tuple(day.isoformat() for day in found))


# Lists of dates

_BETWEEN_DATES = re.compile(r"[,、;，]")
_RANGE = re.compile(r"\.{2,}|[~〜–—]|から")
_SHIFT = re.compile(r"(\+\d{1,3})(?:min|分|분)?$|(-\d{1,3})(?:min|分|분)$")


def spans_of(cell: Cell) -> tuple[Span, ...] | Unclear:
    """Read dates and ranges such as `2026-08-01..2026-08-25, 2026-09-09+60min`; an empty tuple for a blank cell."""
    if isinstance(cell, date):
        cell = cell.isoformat()[:10]
    spans: list[Span] = []
    for item in filter(None, map(str.strip, _BETWEEN_DATES.split(plain(cell)))):
        read = _items(item)
        if isinstance(read, Unclear):
            return read
        spans += read
    return tuple(spans)


def _items(item: str) -> list[Span] | Unclear:
    """Read one span, or several that only blanks keep apart."""
    whole = _span(item)
    if isinstance(whole, Span):
        return [whole]
    parts = [_span(part) for part in item.split()]
    spans = [part for part in parts if isinstance(part, Span)]
    return spans if len(spans) == len(parts) > 1 else whole


def _span(item: str) -> Span | Unclear:
    tight = item.replace(" ", "").casefold()
    shift = _SHIFT.search(tight)
    days = item[: item.rindex(shift[0][0])] if shift else item
    ends = [date_of(end) for end in _RANGE.split(days)]
    unclear = next((end for end in ends if isinstance(end, Unclear)), Unclear())
    dates = [end for end in ends if isinstance(end, date)]
    if len(dates) != len(ends) or len(dates) > 2 or dates[-1] < dates[0]:
        return Unclear(unclear.readings, item)
    return Span(dates[0], dates[-1], int(shift[1] or shift[2]) * 60 if shift else 0)


# Lists of weekdays

_GROUPS = {
    **dict.fromkeys(("平日", "평일", "weekdays", "weekday", "arkisin", "arki"), frozenset(range(5))),
    **dict.fromkeys(("土日", "土日祝", "土日祝日", "주말", "weekends", "weekend", "viikonloppu"), frozenset((5, 6))),
    **dict.fromkeys(("毎日", "매일", "daily", "everyday", "päivittäin", "jokapäivä"), frozenset(range(7))),
}
_ENDING = re.compile(r"曜日|曜|요일|祝日?(?=$)|\.")
_DAYS_APART = re.compile(r"[,、;/・&+\s]+")
_DAYS_BETWEEN = re.compile(r"[~〜–—-]|から")
_ENGLISH_TO = re.compile(r"(?<=[a-z]{3})\s+(?:to|through)\s+(?=[a-z]{3})")
"""Between English names `to` makes a range; between Finnish short names (ma to pe) it is Thursday."""


def days_of(cell: Cell) -> frozenset[int] | None | Unclear:
    """Read weekdays, 0 = Monday to 6 = Sunday; None for a blank cell.

    Public holidays are dates, not weekdays: 祝 adds nothing here, and `names_holidays` tells that it was written.
    """
    words = plain(cell).casefold()
    if not words:
        return None
    if "".join(words.split()) in _GROUPS:
        return _GROUPS["".join(words.split())]
    if re.fullmatch(r"[01]{7}", words):
        return frozenset(k for k, sign in enumerate(words) if sign == "1") or Unclear()
    days: set[int] = set()
    for item in filter(None, _DAYS_APART.split(_close_ranges(_ENDING.sub("", words)))):
        some = _some_days(item)
        if some is None:
            return Unclear()
        days |= some
    return frozenset(days) or Unclear()


def names_holidays(cell: Cell) -> bool:
    """Does a list of days speak of public holidays, whose dates it does not give?"""
    return "祝" in plain(cell)


def _close_ranges(words: str) -> str:
    return re.sub(r"\s*([~〜–—-])\s*", r"\1", _ENGLISH_TO.sub("-", words))


def _some_days(item: str) -> set[int] | None:
    if item in _GROUPS:
        return set(_GROUPS[item])
    ends = [_DAY_NUMBER.get(end) for end in _DAYS_BETWEEN.split(item)]
    if len(ends) == 2 and ends[0] is not None and ends[1] is not None:
        return {day % 7 for day in range(ends[0], ends[1] + 1 + 7 * (ends[1] < ends[0]))}
    if item in _DAY_NUMBER:
        return {_DAY_NUMBER[item]}
    signs = [_DAY_NUMBER.get(sign) for sign in item]
    return {sign for sign in signs if sign is not None} if None not in signs else None
