"""Read on which days the services of a GTFS feed run, from calendar.txt and calendar_dates.txt."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise

from webapp.files.answers import Answers
from webapp.files.dates import Span, date_of, joined
from webapp.files.feed import FeedTable
from webapp.files.messages import Messages
from webapp.files.sheets import Row

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = timedelta(days=1)
_WEEK = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class Service:
    """The days of a service, as in `ScheduledRun`; weekly: does calendar.txt hold it, or has it dates only?"""

    days: frozenset[int]
    first: date
    last: date
    not_on: tuple[Span, ...] = ()
    also_on: tuple[Span, ...] = ()
    weekly: bool = True

    @property
    def end(self) -> date:
        """The last day on which it may run."""
        return max([self.last, *(span.last for span in self.also_on)])

    @property
    def runs(self) -> bool:
        """Is there any day on which it runs?"""
        length = (self.last - self.first).days + 1
        regular = (day for day in (self.first + k * _DAY for k in range(length)) if day.weekday() in self.days)
        return bool(self.also_on) or any(not any(day in span for span in self.not_on) for day in regular)


class ServiceReader:
    """Reads the services of a feed. faulty: those that could not be read, which a message says."""

    def __init__(self, calendar: FeedTable, dates: FeedTable, messages: Messages) -> None:
        self._calendar = calendar
        self._dates = dates
        self._messages = messages
        self.faulty: set[str] = set()

    def read(self, answers: Answers, trips: Mapping[str, int]) -> dict[str, Service]:
        """Give every service by its id; for another year where `answers` say so. trips: how many each service has."""
        exceptions = self._exceptions()
        services = self._weekly(exceptions)
        for name, kinds in exceptions.items():
            if name not in services and name not in self.faulty and kinds[1]:
                days = sorted(kinds[1])
                services[name] = Service(frozenset(), days[0], days[-1], (), joined(days), weekly=False)
        return self._another_year(services, answers, trips) if answers.first else services

    def _weekly(self, exceptions: dict[str, dict[int, set[date]]]) -> dict[str, Service]:
        services: dict[str, Service] = {}
        rows: dict[str, int] = {}
        for row in self._calendar.rows:
            name = self._calendar.text(row, "service_id")
            if name in rows:
                self._note(self._calendar, row, "service_id", "E-CODE-TWICE", first=rows[name])
                continue
            rows[name] = row.number
            first, last = (self._date(self._calendar, row, column) for column in ("start_date", "end_date"))
            if first is None or last is None or name in self.faulty:
                self.faulty.add(name)
            elif last < first:
                self._note(self._calendar, row, "end_date", "E-DATE-RANGE", first=first.isoformat())
                self.faulty.add(name)
            else:
                days = frozenset(k for k, day in enumerate(_WEEKDAYS) if self._calendar.text(row, day) == "1")
                kinds = exceptions.get(name, {1: set(), 2: set()})
                services[name] = Service(days, first, last, joined(kinds[2]), joined(kinds[1]))
        return services

    def _exceptions(self) -> dict[str, dict[int, set[date]]]:
        """Give the dates of each service on which it also runs (1) and does not (2); the last word counts."""
        found: dict[str, dict[int, set[date]]] = defaultdict(lambda: {1: set(), 2: set()})
        for row in self._dates.rows:
            name, kind = self._dates.text(row, "service_id"), self._dates.text(row, "exception_type")
            day = self._date(self._dates, row, "date")
            if day is None:
                self.faulty.add(name)
            elif kind not in {"1", "2"}:
                self._note(self._dates, row, "exception_type", "E-RUN-VALUE", variant="unknown", choices="1, 2")
                self.faulty.add(name)
            else:
                found[name][int(kind)].add(day)
                found[name][3 - int(kind)].discard(day)
        return found

    def _another_year(
        self, services: dict[str, Service], answers: Answers, trips: Mapping[str, int]
    ) -> dict[str, Service]:
        """Repeat one week of the plan for a year.

        Without a week named it is the one in which most trips are in force. Weekly services in force then keep their
        weekdays, and lose their exceptions, which are dates of another year. A feed without any has its dates of that
        week repeated.
        """
        assert answers.first is not None
        weekly = {name: one for name, one in services.items() if one.weekly and one.days}
        kept = weekly or {name: one for name, one in services.items() if not one.weekly}
        week = answers.week or _fullest_week(kept, trips) or answers.first
        monday = _monday(week)
        season = answers.first, _year_after(answers.first) - _DAY
        moved = {name: _in_week(one, monday, *season) for name, one in kept.items()}
        taken = {name: one for name, one in moved.items() if one is not None}
        gone = ", ".join(name for name in services if name not in taken)
        self._messages.add(
            "W-YEAR",
            first=season[0].isoformat(),
            last=season[1].isoformat(),
            week=monday.isoformat(),
            until=(monday + _WEEK).isoformat(),
            gone=gone or "–",
        )
        return taken | {
            name: replace(one, days=frozenset(), also_on=()) for name, one in services.items() if name not in taken
        }

    def _date(self, table: FeedTable, row: Row, column: str) -> date | None:
        text = table.text(row, column)
        day = date_of(text)
        if isinstance(day, date):
            return day
        self._note(table, row, column, "E-DATE", variant="" if text else "missing")
        return None

    def _note(self, table: FeedTable, row: Row, column: str, code: str, **facts: object) -> None:
        where = {"sheet": table.name, "column": table.column(column), "value": table.text(row, column)}
        self._messages.add(code, row=row.number, **where, **facts)  # type: ignore[arg-type]


def _fullest_week(services: Mapping[str, Service], trips: Mapping[str, int]) -> date | None:
    """Find the week in which most trips are in force, the last of these: at its end a plan is often half gone."""
    changes: Counter[date] = Counter()
    for name, one in services.items():
        for first, last in _whole_weeks(one):
            changes[first] += trips.get(name, 0)
            changes[last + 7 * _DAY] -= trips.get(name, 0)
    fullest, most, at_once = None, 0, 0
    days = sorted(changes)
    for day, following in pairwise(days):
        at_once += changes[day]
        if at_once and at_once >= most:
            fullest, most = following - 7 * _DAY, at_once
    return fullest


def _whole_weeks(service: Service) -> set[tuple[date, date]]:
    """Give the first and the last Monday of weeks in which a service runs: of a weekly one, on all of its weekdays."""
    if not service.weekly:
        return {(_monday(span.first), _monday(span.last)) for span in service.also_on}
    first = _monday(service.first - min(service.days) * _DAY + _WEEK)
    last = _monday(service.last - max(service.days) * _DAY)
    return {(first, last)} if first <= last else set()


def _monday(day: date) -> date:
    return day - day.weekday() * _DAY


def _in_week(service: Service, monday: date, first: date, last: date) -> Service | None:
    if service.weekly:
        in_force = any(begins <= monday <= ends for begins, ends in _whole_weeks(service))
        return Service(service.days, first, last) if in_force else None
    week = [monday + k * _DAY for k in range(7)]
    days = frozenset(day.weekday() for day in week if any(day in span for span in service.also_on))
    return Service(days, first, last) if days else None


def _year_after(day: date) -> date:
    return day.replace(year=day.year + 1) if (day.month, day.day) != (2, 29) else date(day.year + 1, 3, 1)
