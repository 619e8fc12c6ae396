"""Read dates, lists of dates and lists of weekdays as people write them."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from webapp.files.spelling import UNSAID, Cell, Unclear, plain

_YEARS = range(2000, 2100)
_EXCEL_ZERO = date(1899, 12, 30)
_ERAS = {"令和": 2018, "r": 2018, "平成": 1988, "h": 1988}


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` to `last`, both included, on which every time moves by `shift` seconds.

    why: what the file says of these days, for people to read. days: the only weekdays that count, None for all.
    """

    first: date
    last: date
    shift: int = 0
    why: str = ""
    days: frozenset[int] | None = None

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last and (self.days is None or day.weekday() in self.days)

    @property
    def length(self) -> int:
        """Count the days from the first to the last."""
        return (self.last - self.first).days + 1

    def meets(self, other: "Span") -> bool:
        """Is there a day in both?"""
        first, last = max(self.first, other.first), min(self.last, other.last)
        days = (first + timedelta(k) for k in range(min(7, (last - first).days + 1)))
        return any(day in self and day in other for day in days)


_WEEKDAYS = (
    ("月", "월", "ma", "maanantai", "må", "mån", "måndag", "mon", "monday"),
    ("火", "화", "ti", "tiistai", "tis", "tisdag", "tue", "tues", "tuesday"),
    ("水", "수", "ke", "keskiviikko", "on", "ons", "onsdag", "wed", "wednesday"),
    ("木", "목", "to", "torstai", "tors", "torsdag", "thu", "thur", "thurs", "thursday"),
    ("金", "금", "pe", "perjantai", "fr", "fre", "fredag", "fri", "friday"),
    ("土", "토", "la", "lauantai", "lö", "lör", "lördag", "sat", "saturday"),
    ("日", "일", "su", "sunnuntai", "sö", "sön", "söndag", "sun", "sunday"),
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


@lru_cache(maxsize=4_096, typed=True)
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

_ITEM = re.compile(r"(?:\([^()]*\)|[^,、;，])+")
"""What stands between two commas, of which those in brackets do not count."""
_RANGE = re.compile(r"\.{2,}|[~〜–—]|から")
_SHIFT = re.compile(r"\s*(?:(\+\s?\d{1,3})\s*(?:min|分|분)?|(-\s?\d{1,3})\s*(?:min|分|분))$", re.IGNORECASE)
_WHY = re.compile(r"\s*\(([^()]+)\)$")
_EVERY = re.compile(r"^(?:every\s|joka\s|varje\s|毎週|매주)\s*([^\d]+?)曜?日?\s*(?=\d|[+-]|$)", re.IGNORECASE)
_EVER = date(_YEARS[0], 1, 1), date(_YEARS[-1], 12, 31)


class Listed(NamedTuple):
    """What a list of dates says: dates, and names that stand for others."""

    spans: tuple[Span, ...] = ()
    names: tuple[str, ...] = ()


def listed_of(cell: Cell, is_name: Callable[[str], bool]) -> Listed | Unclear:
    """Read dates such as `2026-08-01..2026-08-25, 2026-12-24 (party), every Wed 2026-05-01..2026-05-31, holidays`."""
    if isinstance(cell, date):
        cell = cell.isoformat()[:10]
    spans: list[Span] = []
    names: list[str] = []
    if plain(cell) == UNSAID:
        return Listed()
    for item in filter(None, map(str.strip, _ITEM.findall(plain(cell)))):
        if is_name(item):
            names.append(item)
            continue
        read = _items(item)
        if isinstance(read, Unclear):
            return read
        spans += read
    return Listed(tuple(spans), tuple(names))


def spans_of(cell: Cell) -> tuple[Span, ...] | Unclear:
    """Read dates and ranges such as `2026-08-01..2026-08-25, 2026-09-09+60min`; an empty tuple for a blank cell."""
    listed = listed_of(cell, lambda _: False)
    return listed if isinstance(listed, Unclear) else listed.spans


def shifts_of(cell: Cell) -> tuple[Span, ...] | Unclear:
    """Read by how much a timetable moves on some of its days: `Wed+60min, 2026-09-09+30min (fair)`."""
    spans: list[Span] = []
    if plain(cell) == UNSAID:
        return ()
    for item in filter(None, map(str.strip, _ITEM.findall(plain(cell)))):
        weekly = _weekly_shift(item)
        read = [weekly] if weekly else _items(item)
        if isinstance(read, Unclear) or not all(span.shift for span in read):
            return Unclear((), item)
        spans += read
    return tuple(spans)


def write_spans(spans: Iterable[Span]) -> str:
    """Write spans so that `spans_of` and `shifts_of` read them as they are."""
    return ", ".join(map(_written_span, spans))


def _written_span(span: Span) -> str:
    shift = f"{span.shift // 60:+d}min" if span.shift else ""
    why = f" ({span.why})" if span.why and not _is_weekday_mark(span.why) else ""
    every = "every " + "/".join(_WEEKDAYS[day][4] for day in sorted(span.days)) if span.days is not None else ""
    days = "" if (span.first, span.last) == _EVER and every else span.first.isoformat()
    if days and (span.last > span.first or every):
        days += f"..{span.last.isoformat()}"
    return f"{every} {days}".strip() + shift + why


def _weekly_shift(item: str) -> Span | None:
    """Read a shift on weekdays of the whole season."""
    item, why = _without_why(item)
    shift = _SHIFT.search(item)
    words = item[: shift.start()] if shift else ""
    days = days_of(_EVERY.sub(r"\1", words)) if words and not re.search(r"\d", words) else None
    if not shift or days is None or isinstance(days, Unclear):
        return None
    return Span(*_EVER, _seconds_of(shift), why, days)


def _seconds_of(shift: re.Match[str]) -> int:
    return int((shift[1] or shift[2]).replace(" ", "")) * 60


def _without_why(item: str) -> tuple[str, str]:
    """Part an item from the remark in brackets behind it; a weekday in brackets belongs to the date."""
    found = _WHY.search(item)
    if not found:
        return item, ""
    return item[: found.start()], "" if _is_weekday_mark(found[1]) else " ".join(found[1].split())


def _is_weekday_mark(words: str) -> bool:
    signs = re.sub(r"曜日?|요일|[・･\s.]|祝日?|休|振", "", words.casefold())
    return not signs or signs in _DAY_NUMBER


def _items(item: str) -> list[Span] | Unclear:
    """Read one span, or several that only blanks keep apart."""
    whole = _span(item)
    if isinstance(whole, Span):
        return [whole]
    parts = [_span(part) for part in item.split()]
    spans = [part for part in parts if isinstance(part, Span)]
    return spans if len(spans) == len(parts) > 1 else whole


def _span(item: str) -> Span | Unclear:
    core, why = _without_why(item)
    every = _EVERY.search(core)
    days = days_of(every[1]) if every else None
    core = core[every.end() :] if every else core
    shift = _SHIFT.search(core)
    ends = [date_of(end) for end in _RANGE.split(core[: shift.start()] if shift else core)]
    unclear = next((end for end in ends if isinstance(end, Unclear)), Unclear())
    dates = [end for end in ends if isinstance(end, date)]
    if len(dates) != len(ends) or len(dates) > 2 or dates[-1] < dates[0] or isinstance(days, Unclear):
        return Unclear(unclear.readings, item)
    return Span(dates[0], dates[-1], _seconds_of(shift) if shift else 0, why, days)


def joined(days: Iterable[date]) -> tuple[Span, ...]:
    """Write dates as spans of days that follow each other."""
    spans: list[Span] = []
    for day in sorted(days):
        if spans and spans[-1].last + timedelta(days=1) == day:
            spans[-1] = Span(spans[-1].first, day)
        else:
            spans.append(Span(day, day))
    return tuple(spans)


# Lists of weekdays

_GROUPS = {
    **dict.fromkeys(
        ("平日", "평일", "weekdays", "weekday", "arkisin", "arki", "vardagar", "vardag"), frozenset(range(5))
    ),
    **dict.fromkeys(("土日", "주말", "weekends", "weekend", "viikonloppu", "veckoslut", "helger"), frozenset((5, 6))),
    **dict.fromkeys(("none", "なし", "없음", "ei", "ingen", "inga", "inget"), frozenset[int]()),
    **dict.fromkeys(
        ("毎日", "매일", "daily", "everyday", "päivittäin", "jokapäivä", "dagligen", "varjedag", "alladagar"),
        frozenset(range(7)),
    ),
}
_ENDING = re.compile(r"曜日|曜|요일|\.")
_NOT_HOLIDAYS = re.compile(
    r"\(?(?:(?:祝祭?日?|公休日)[はをも]?(?:除く|除外|運休|休み|以外)|除祝日?"
    r"|공휴일[은을]?\s*(?:제외|운휴)"
    r"|(?:paitsi|ei\s+ajeta|ei)\s+(?:arki)?pyh\w+"
    r"|(?:utom|inte\s+på|ej)\s+helgdagar(?:na)?"
    r"|(?:except|excluding|excl\.?|not\s+on|no)\s+(?:public\s+|bank\s+)?holidays)\)?"
)
_HOLIDAYS = re.compile(
    r"(?:^|(?<=[\s,、;/・&+(])|(?<=[月火水木金土日曜]))(?:(?:and|ja|och|と|및)\s+)?"
    r"(?:祝祭?日?|공휴일|(?:public\s+|bank\s+)?holidays|(?:arki)?pyh(?:ät|inä|äpäivät|äpäivinä)|helgdagar)"
    r"(?=$|[\s,、;/・&+)])"
)

_DAYS_APART = re.compile(r"(?:[,、;/・&+\s]|\b(?:and|ja|och)\b)+")
_DAYS_BETWEEN = re.compile(r"[~〜–—-]|から")
_TO = re.compile(r"(?<=[a-z]{3})\s+(?:to|through)\s+(?=[a-z]{3})|(?<=\w)\s+till\s+(?=\w)")
"""Between English names `to` makes a range; between Finnish and Swedish short names (ma to pe) it is Thursday."""


class DayRule(NamedTuple):
    """Weekdays, 0 = Monday to 6 = Sunday, and what is said of public holidays: "also", "not", or nothing."""

    days: frozenset[int]
    holidays: str = ""


@lru_cache(maxsize=1_024, typed=True)
def day_rule_of(cell: Cell) -> DayRule | None | Unclear:
    """Read weekdays, and what is said of public holidays beside them (土日祝); None for a blank cell."""
    words = plain(cell).casefold()
    if not words:
        return None
    rest = _NOT_HOLIDAYS.sub(" ", words).strip(" ,、;・()")
    rule = "not" if rest != words else ""
    left = _HOLIDAYS.sub(" ", rest).strip(" ,、;/・&+()") if not rule else rest
    if left != rest:
        rule = "also"
    days = _weekdays_of(left) if left else frozenset[int]()
    return Unclear() if isinstance(days, Unclear) or (not left and rule != "also") else DayRule(days, rule)


def days_of(cell: Cell) -> frozenset[int] | None | Unclear:
    """Read weekdays, 0 = Monday to 6 = Sunday; None for a blank cell. Public holidays alone are no weekdays."""
    rule = day_rule_of(cell)
    if isinstance(rule, DayRule):
        return rule.days if rule.days or not rule.holidays else Unclear()
    return rule


def _weekdays_of(words: str) -> frozenset[int] | Unclear:
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


def _close_ranges(words: str) -> str:
    return re.sub(r"\s*([~〜–—-])\s*", r"\1", _TO.sub("-", words))


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
