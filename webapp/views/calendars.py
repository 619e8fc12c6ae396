"""On which dates runs go, in plain words: weekdays, season, holidays, the next dates, every exception with its why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from babel.dates import format_interval, format_skeleton, get_day_names
from flask import request
from flask_babel import gettext as _

from webapp.files.calendars import BETWEEN
from webapp.files.dates import Span
from webapp.files.scheduled import DayKind, ScheduledRun
from webapp.holiday_tables import PUBLIC, SCHOOL
from webapp.services.errors import Invalid
from webapp.services.schedules import Change
from webapp.services.service_dates import Exceptional, RunDates
from webapp.views import days
from webapp.views.shared import locale, town, words, write_span

MOST_CODES = 30
"""Runs that one card names."""
MOST_EXCEPTIONS = 20
"""Exceptions that one card lists."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a page says of runs that go on the same days: sentences, the next dates, and the exceptions."""

    runs: tuple[tuple[str, str], ...]
    more_runs: int
    sentences: tuple[str, ...]
    next: tuple[str, ...]
    exceptions: tuple[str, ...]
    more_exceptions: int


def cards(found: Sequence[RunDates]) -> list[Card]:
    """Put into words when runs go, those that go soonest first."""
    ordered = sorted(found, key=lambda one: (one.next[0][0] if one.next else date.max, one.runs[0].code))
    return [_card(one) for one in ordered]


def read_effective() -> Change:
    """Read from which day on a file holds; empty for at once. Raises Invalid("effective") for a day gone by or none."""
    text = words("effective")
    day = days.read_day(text)
    if text and (day is None or not town().today() <= day < date(2100, 1, 1)):
        raise Invalid("effective")
    return lambda answers: answers.from_day(day)


def effective_text() -> str:
    """Say what is wrong with the day from which a file is to hold."""
    return _("Write today or a later day, or leave it empty.")


def written_effective(effective: date | None) -> str:
    """Fill the form: with what was sent, or else with what was answered."""
    if request.method == "POST" and "effective" in request.form:
        return words("effective")
    return effective.isoformat() if effective else ""


def write_days(chosen: Iterable[int]) -> str:
    """Write weekdays: Monday–Friday, Saturday."""
    names = get_day_names("wide", locale=locale())
    left, parts = sorted(chosen), []
    if len(left) == 7:
        return _("every day")
    while left:
        run = [day for k, day in enumerate(left) if day == left[0] + k]
        left = left[len(run) :]
        if len(run) > 2:
            parts.append(f"{names[run[0]]}–{names[run[-1]]}")
        else:
            parts += [names[day] for day in run]
    return ", ".join(parts)


def write_date(day: date) -> str:
    """Write a date with its weekday: Thu, 24 Dec 2026."""
    return format_skeleton("yMMMEd", day, locale=locale())


def _write_dates(first: date, last: date) -> str:
    return write_date(first) if first == last else format_interval(first, last, "yMMMEd", locale=locale())


def _card(one: RunDates) -> Card:
    names = list(dict.fromkeys((run.code, run.name) for run in one.runs))
    told = [_exception(exception) for exception in one.exceptions]
    return Card(
        runs=tuple(names[:MOST_CODES]),
        more_runs=max(0, len(names) - MOST_CODES),
        sentences=tuple(filter(None, _sentences(one))),
        next=tuple(_moved(write_date(day), shift) for day, shift in one.next),
        exceptions=tuple(told[:MOST_EXCEPTIONS]),
        more_exceptions=max(0, len(told) - MOST_EXCEPTIONS),
    )


def _moved(written: str, shift: int) -> str:
    if not shift:
        return written
    if shift > 0:
        return _("%(day)s, %(time)s later", day=written, time=write_span(shift))
    return _("%(day)s, %(time)s earlier", day=written, time=write_span(shift))


def _sentences(one: RunDates) -> list[str]:
    run, plan = one.runs[0], one.plan
    season = {"first": days.write_short(run.first), "last": days.write_short(run.last)}
    said = [
        _("%(days)s, from %(first)s to %(last)s.", days=_capital(write_days(run.days)), **season) if run.days else ""
    ]
    if not run.days and run.first <= run.last and run.open_on:
        said.append(_("On holidays only, from %(first)s to %(last)s.", **season))
    elif not run.days:
        said.append(_("On single dates only."))
    said += [*_of_holidays(run), *_weekly(run.shifts, plan.first)]
    if plan.first > town().today():
        said.append(_("By a file that holds from %(day)s.", day=days.write_short(plan.first)))
    if plan.until is not None:
        said.append(_("From %(day)s on another file takes its place.", day=days.write_short(plan.until)))
    return said


def _of_holidays(run: ScheduledRun) -> list[str]:
    holidays = town().holidays
    own = [table for table in run.closed_on if table not in run.open_on]
    town_own = [table for table in holidays.closed or () if table not in {*own, *run.open_on} and run.follows_town]
    said = [_("Not on %(tables)s.", tables=_tables(own))] if own else []
    if town_own:
        said.append(_("By the rules of the town not on %(tables)s.", tables=_tables(town_own)))
    if holidays.has(PUBLIC) and run.days and PUBLIC not in {*own, *town_own, *run.open_on}:
        said.append(_("On public holidays as on other days."))
    return [*said, _("Also on %(tables)s.", tables=_tables(run.open_on))] if run.open_on and run.days else said


def _tables(tables: Sequence[str]) -> str:
    common = {PUBLIC: _("public holidays"), SCHOOL: _("school holidays")}
    return ", ".join(common.get(table, table) for table in tables)


def _weekly(shifts: Sequence[Span], since: date) -> list[str]:
    today = max(since, town().today())
    weekly = [span for span in shifts if span.days is not None and span.last >= today]
    moved = (_moved(_capital(write_days(span.days or ())), span.shift) + _season(span) for span in weekly)
    return [_("%(what)s.", what=what) for what in moved]


def _season(span: Span) -> str:
    """Write when a weekly shift holds, where that is not always."""
    if (span.first.year, span.last.year) == (2000, 2099):
        return ""
    return f" ({format_interval(span.first, span.last, 'yMMMd', locale=locale())})"


def _exception(one: Exceptional) -> str:
    dates, why = _write_dates(one.first, one.last), _("between two terms") if one.why == BETWEEN else one.why
    if one.shift is None:
        return _("No run on %(days)s: %(why)s", days=dates, why=why) if why else _("No run on %(days)s", days=dates)
    if one.kind is not DayKind.SHIFTED:
        dates = (
            _("Extra run on %(days)s", days=dates) if one.kind is DayKind.EXTRA else _("Run on %(days)s", days=dates)
        )
    told = _moved(dates, one.shift)
    return _("%(what)s: %(why)s", what=told, why=why) if why else told


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
