"""Read the sheet of calendars (school terms, seasons, lists of holidays), and combine a run's own days with them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from webapp.files.columns import Record
from webapp.files.dates import DayRule, Span, day_rule_of, joined, write_spans
from webapp.files.field_names import FieldNames, folded
from webapp.files.messages import Messages
from webapp.files.reading import RowReader
from webapp.files.scheduled import ScheduledRun
from webapp.files.spelling import Unclear, shown
from webapp.holiday_tables import NO_HOLIDAYS, PUBLIC, Holidays

BETWEEN = "between terms"
"""Why no run goes between two terms of a calendar, for pages to translate."""

_NONE = "none"
_DAY = timedelta(days=1)
_EVERY_DAY = frozenset(range(7))
_MOST_DATES = 8
"""Dates that one message names."""
_MOST_DAYS = 3_700
"""Days of a calendar that may stand for its dates in another: ten years."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Service days under a name that runs refer to, as in `ScheduledRun`; what it leaves open, the run must say.

    idle: weekdays of some of its terms on which others do not run.
    """

    name: str = ""
    days: frozenset[int] | None = None
    first: date | None = None
    last: date | None = None
    not_on: tuple[Span, ...] = ()
    also_on: tuple[Span, ...] = ()
    shifts: tuple[Span, ...] = ()
    closed_on: tuple[str, ...] = ()
    open_on: tuple[str, ...] = ()
    follows_town: bool = True
    idle: tuple[Span, ...] = ()

    def goes_on(self, day: date, holidays: Holidays) -> bool:
        """Is a day one of its dates? One that names no weekdays holds every day from its first to its last."""
        if any(day in span for span in self.also_on):
            return True
        if not self.first or not self.last or not self.first <= day <= self.last:
            return False
        if holidays.includes(self.closed_on, day) or any(day in span for span in self.not_on):
            return False
        regular = self.days is None or day.weekday() in self.days
        return holidays.includes(self.open_on, day) or (regular and not any(day in span for span in self.idle))

    def days_off(self, open_on: Sequence[str], holidays: Holidays) -> tuple[Span, ...]:
        """List the dates on which a run of this calendar is off that also goes on the holidays of these tables."""
        days = (span.first + k * _DAY for span in self.idle if open_on for k in range(span.length))
        return self.not_on + without(self.idle, joined(day for day in days if holidays.includes(open_on, day)))


NO_CALENDAR = Calendar()


@dataclass(frozen=True, slots=True)
class Almanac:
    """The names that stand for dates: the town's tables of holidays, and the calendars of the file by folded name."""

    names: FieldNames
    holidays: Holidays = NO_HOLIDAYS
    calendars: Mapping[str, Calendar] = field(default_factory=dict)

    def find_table(self, name: str) -> str | None:
        """Find the table of holidays that a name means, also one that this town does not have."""
        common = self.names.find("holidays", name)
        own = {folded(table): table for table in self.holidays.tables}
        return own.get(folded(name), None if common == _NONE else common)

    def is_none(self, name: str) -> bool:
        """Does a name say that there are no such days?"""
        return self.names.find("holidays", name) == _NONE

    def is_name(self, name: str) -> bool:
        """Is this a name, whether known or not, rather than a date that is written wrong?"""
        known = folded(name) in self.calendars or self.find_table(name) is not None
        return known or self.is_none(name) or not any(sign.isdigit() for sign in name)

    def dates_of(self, calendar: Calendar) -> tuple[Span, ...]:
        """List the dates of a calendar as spans that tell its name."""
        ends = [end for span in calendar.also_on for end in (span.first, span.last)]
        ends += filter(None, (calendar.first, calendar.last))
        if not ends:
            return ()
        length = min((max(ends) - min(ends)).days + 1, _MOST_DAYS)
        days = (min(ends) + k * _DAY for k in range(length))
        return tuple(
            replace(span, why=calendar.name) for span in joined(d for d in days if calendar.goes_on(d, self.holidays))
        )


class Exceptions(NamedTuple):
    """What the columns of one row say beside its weekdays, as in `ScheduledRun`."""

    not_on: tuple[Span, ...] = ()
    also_on: tuple[Span, ...] = ()
    shifts: tuple[Span, ...] = ()
    closed_on: tuple[str, ...] = ()
    open_on: tuple[str, ...] = ()
    follows_town: bool = True


class DayReader:
    """Reads the columns about service days, of a calendar's row or of a run's."""

    def __init__(self, almanac: Almanac, messages: Messages) -> None:
        self._almanac = almanac
        self._messages = messages

    def rule(self, reader: RowReader) -> DayRule | None:
        """Read the weekdays and what is said of public holidays beside them; None where blank, or refused and said."""
        rule = day_rule_of(reader.record.cell("days"))
        if isinstance(rule, Unclear):
            reader.note("E-DAYS", "days")
            return None
        if rule and rule.holidays and not self._almanac.holidays.has(PUBLIC):
            if rule.holidays == "not" or not rule.days:
                reader.note("E-CALENDAR", "days", variant=PUBLIC)
            else:
                reader.note("W-HOLIDAY", "days")
                return DayRule(rule.days)
        return rule

    def exceptions(self, saying: Callable[[str], RowReader], rule: DayRule | None) -> Exceptions:
        """Read the exceptions; `saying` gives the reader of the row that says a field."""
        also_on = saying("also_on")
        off = self._read(saying("not_on"), "not_on")
        extra = self._read(also_on, "also_on")
        closed = (*off.closed_on, *((PUBLIC,) if rule and rule.holidays == "not" else ()))
        opened = (*extra.closed_on, *((PUBLIC,) if rule and rule.holidays == "also" else ()))
        self._refuse_both(off.not_on, extra.not_on, also_on)
        if set(closed) & set(opened):
            also_on.note("E-DATE-BOTH", "also_on", value=", ".join(sorted(set(closed) & set(opened))))
        shifts = saying("shift").shifts("shift")
        return Exceptions(off.not_on, extra.not_on, shifts, _once([closed]), _once([opened]), off.follows_town)

    def note_outside(self, reader: RowReader, field: str, spans: Sequence[Span], terms: Sequence[Span]) -> None:
        """Tell of dates that lie in no term: off, they change nothing; extra, they are driven all the same."""
        lost = [span for span in spans if not any(span.meets(term) for term in terms)]
        if terms and lost:
            variant = "extra" if field == "also_on" else ""
            reader.note("W-DATE-OUTSIDE", field, variant=variant, value=written(lost), terms=written(terms))

    def _read(self, reader: RowReader, field: str) -> Exceptions:
        """Read a list of dates and names; its tables come as `closed_on`, whatever the column means by them."""
        listed = reader.listed(field, self._almanac.is_name)
        spans, tables, follows_town = list(listed.spans), [], True
        for name in listed.names:
            calendar, table = self._almanac.calendars.get(folded(name)), self._almanac.find_table(name)
            if calendar is not None:
                spans += self._almanac.dates_of(calendar)
            elif table is not None and self._almanac.holidays.has(table):
                tables.append(table)
            elif self._almanac.is_none(name):
                follows_town = False
            else:
                reader.note("E-CALENDAR", field, variant=table or "", value=name)
        return Exceptions(tuple(spans), closed_on=tuple(tables), follows_town=follows_town)

    def _refuse_both(self, off: Sequence[Span], extra: Sequence[Span], reader: RowReader) -> None:
        """Refuse a date that is both; one extra day within a longer time off is meant, and goes."""
        both = [one for one in extra if any(one.meets(other) and other.length <= max(one.length, 1) for other in off)]
        if both:
            reader.note("E-DATE-BOTH", "also_on", value=written(both))


def list_calendars(rows: Iterable[Record], messages: Messages, almanac: Almanac) -> dict[str, Calendar]:
    """Read calendars by folded name; rows of one name are its terms, and a blank name is that above.

    A calendar may name those further up. One in which anything is refused is left out.
    """
    grouped: dict[str, list[Record]] = {}
    above: Record | None = None
    for record in rows:
        above = record if record.text("name") else above
        if above is None:
            RowReader(record, messages).note("E-CALENDAR", "name", variant="name")
            continue
        grouped.setdefault(folded(above.text("name")), []).append(record)
    known: dict[str, Calendar] = {}
    for name, records in grouped.items():
        calendar = _CalendarReader(records, replace(almanac, calendars=dict(known)), messages).read()
        if calendar is not None:
            known[name] = calendar
    return known


class _Term(NamedTuple):
    reader: RowReader
    days: frozenset[int] | None
    first: date | None
    last: date | None
    said: Exceptions


class _CalendarReader:
    """Reads the rows of one calendar: its terms."""

    def __init__(self, records: Sequence[Record], almanac: Almanac, messages: Messages) -> None:
        self._readers = [RowReader(record, messages) for record in records]
        self._days = DayReader(almanac, messages)
        self._messages = messages
        self._name = shown(records[0].cell("name"))

    def read(self) -> Calendar | None:
        errors = self._messages.errors
        terms = [self._term(reader) for reader in self._readers]
        if len(terms) > 1:
            terms = self._in_order(terms)
        if self._messages.errors > errors:
            return None
        spans = [Span(term.first, term.last) for term in terms if term.first and term.last]
        for term in terms:
            for name, some in (("not_on", term.said.not_on), ("also_on", term.said.also_on)):
                self._days.note_outside(term.reader, name, some, spans if len(spans) == len(terms) else ())
        return self._combined(terms)

    def _term(self, reader: RowReader) -> _Term:
        rule = self._days.rule(self._readers[0] if reader.is_blank("days") else reader)
        first, last = reader.day("from"), reader.day("until")
        said = self._days.exceptions(lambda _: reader, rule)
        if first and last and last < first:
            reader.note("E-DATE-RANGE", "until", first=first.isoformat())
        elif first and last:
            within = (_within(span, Span(first, last)) for span in said.shifts)
            said = said._replace(shifts=tuple(span for span in within if span))
        return _Term(reader, rule.days if rule else None, first, last, said)

    def _in_order(self, terms: Sequence[_Term]) -> list[_Term]:
        """Sort several terms, each of which needs its two dates and a time of its own."""
        for term in terms:
            for name in ("from", "until"):
                if term.reader.is_blank(name):
                    term.reader.note("E-DATE", name, variant="missing")
        ordered = sorted(terms, key=lambda term: term.first or date.max)
        for one, other in pairwise(ordered):
            if one.last and other.first and other.first <= one.last:
                first, last = one.reader.record.number, one.last.isoformat()
                other.reader.note("E-DATE-RANGE", "from", variant="overlap", first=first, last=last)
        return ordered

    def _combined(self, terms: Sequence[_Term]) -> Calendar:
        named = [term.days for term in terms if term.days is not None]
        days = frozenset().union(*named) if named else None
        apart: list[Span] = []
        idle: list[Span] = []
        for one, other in pairwise(terms):
            if one.last and other.first and other.first - one.last > _DAY:
                apart.append(Span(one.last + _DAY, other.first - _DAY, why=BETWEEN))
        for term in terms:
            others = (days or frozenset()) - (term.days or frozenset())
            if others and term.first and term.last:
                idle.append(Span(term.first, term.last, days=others))
        return Calendar(
            name=self._name,
            days=days,
            first=terms[0].first,
            last=terms[-1].last,
            not_on=(*(span for term in terms for span in term.said.not_on), *apart),
            also_on=tuple(span for term in terms for span in term.said.also_on),
            shifts=tuple(span for term in terms for span in term.said.shifts),
            closed_on=_once(term.said.closed_on for term in terms),
            open_on=_once(term.said.open_on for term in terms),
            follows_town=all(term.said.follows_town for term in terms),
            idle=tuple(idle),
        )


def without(spans: Iterable[Span], off: Sequence[Span]) -> tuple[Span, ...]:
    """Take days out of spans."""
    left = list(spans)
    for one in off:
        left = [part for span in left for part in _cut(span, one)]
    return tuple(left)


def written(spans: Sequence[Span]) -> str:
    """Name dates in a message, the first of many."""
    parts = (
        one.first.isoformat() + (f"..{one.last.isoformat()}" if one.last > one.first else "")
        for one in spans[:_MOST_DATES]
    )
    return ", ".join(parts) + (" …" if len(spans) > _MOST_DATES else "")


def day_cells(run: ScheduledRun) -> dict[str, str]:
    """Write the columns about a run's days but for weekdays, first and last, so that reading gives the same days."""
    off = [*run.closed_on, *([] if run.follows_town else [_NONE])]
    return {
        "not_on": ", ".join(filter(None, (write_spans(run.not_on), *off))),
        "also_on": ", ".join(filter(None, (write_spans(run.also_on), *run.open_on))),
        "shift": write_spans(run.shifts),
        "calendar": "",
    }


# All days at once, as the bits of one number


def days_by_shift(run: ScheduledRun, first: date, holidays: Holidays = NO_HOLIDAYS) -> tuple[tuple[int, int], ...]:
    """Give the days on which a run goes by how its times move on them, as `ScheduledRun.runs_on` tells of one day.

    A day is a bit, that of `first` the lowest. No day before `first` may be one of the run's.
    """
    closed = (*run.closed_on, *((holidays.closed or ()) if run.follows_town else ()))
    said = _Said(run.first, run.last, run.days, run.not_on, run.also_on, run.shifts, closed, run.open_on)
    return _bits(said, first, holidays)


def earliest(run: ScheduledRun) -> date:
    """Give a date before which a run never goes."""
    return min([run.first, *(span.first for span in run.also_on)])


def first_day(run: ScheduledRun, holidays: Holidays) -> date | None:
    """Find the first date on which a run goes; None where there is none."""
    days = 0
    for _shift, some in days_by_shift(run, earliest(run), holidays):
        days |= some
    return earliest(run) + timedelta((days & -days).bit_length() - 1) if days else None


class _Said(NamedTuple):
    """All that decides on which days a run goes."""

    first: date
    last: date
    days: frozenset[int]
    not_on: tuple[Span, ...]
    also_on: tuple[Span, ...]
    shifts: tuple[Span, ...]
    closed: tuple[str, ...]
    opened: tuple[str, ...]


@lru_cache(maxsize=4_096)
def _bits(said: _Said, first: date, holidays: Holidays) -> tuple[tuple[int, int], ...]:
    by_shift: dict[int, int] = defaultdict(int)
    extra = 0
    for span in said.also_on:
        days = _of_span(span, first) & ~extra
        by_shift[span.shift] |= days
        extra |= days
    closed, opened = (
        _of_dates(holidays.dates(tables, said.first, said.last), first) for tables in (said.closed, said.opened)
    )
    regular = (_weekly(said.days, said.first, said.last, first) & ~closed | opened) & ~extra
    for span in said.not_on:
        regular &= ~_of_span(span, first)
    for span in said.shifts:
        days = _of_span(span, first) & regular
        by_shift[span.shift] |= days
        regular &= ~days
    by_shift[0] |= regular
    return tuple((shift, days) for shift, days in by_shift.items() if days)


def _of_span(span: Span, first: date) -> int:
    if span.days is not None:
        return _weekly(span.days, span.first, span.last, first)
    return _between(span.first, span.last, first)


def _of_dates(days: Iterable[date], first: date) -> int:
    bits = 0
    for day in days:
        bits |= 1 << (day - first).days if day >= first else 0
    return bits


def _between(begins: date, ends: date, first: date) -> int:
    start, stop = max(0, (begins - first).days), (ends - first).days + 1
    return (1 << stop) - (1 << start) if stop > start else 0


def _weekly(weekdays: frozenset[int], begins: date, ends: date, first: date) -> int:
    """Set the bits of some weekdays between two dates: one for each week is 1 + 2^7 + 2^14 + ..."""
    if ends < begins or ends < first:
        return 0
    weeks = (ends - first).days // 7 + 2
    each_week = ((1 << 7 * weeks) - 1) // 127
    pattern = sum(1 << (day - first.weekday()) % 7 for day in weekdays)
    return each_week * pattern & _between(begins, ends, first)


def _within(span: Span, other: Span) -> Span | None:
    first, last = max(span.first, other.first), min(span.last, other.last)
    return replace(span, first=first, last=last) if first <= last else None


def _cut(span: Span, off: Span) -> list[Span]:
    inner = _within(span, off)
    if inner is None:
        return [span]
    parts = [replace(span, last=inner.first - _DAY)] if span.first < inner.first else []
    left = (_EVERY_DAY if span.days is None else span.days) - (_EVERY_DAY if off.days is None else off.days)
    parts += [replace(inner, days=left)] if left else []
    return parts + ([replace(span, first=inner.last + _DAY)] if inner.last < span.last else [])


def _once(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for one in lists for name in one))
