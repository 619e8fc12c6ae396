"""Which service date a page shows, and the way to the dates before and after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from babel.dates import format_date, format_skeleton
from flask import request

from webapp import service_day
from webapp.views.shared import locale, town, write_instant


@dataclass(frozen=True, slots=True)
class Days:
    """The date that is shown, its neighbours among `dates`, and all the dates that have runs."""

    shown: date
    previous: date | None
    next: date | None
    dates: tuple[date, ...]


def chosen(dates: Sequence[date]) -> Days:
    """Read the date from the address; without one, today or the next date that has runs, else the last."""
    today = town().today()
    shown = read_day(request.args.get("day", "")) or next((day for day in dates if day >= today), None)
    shown = shown or (dates[-1] if dates else today)
    return Days(
        shown=shown,
        previous=next((day for day in reversed(dates) if day < shown), None),
        next=next((day for day in dates if day > shown), None),
        dates=tuple(dates),
    )


def read_day(text: str) -> date | None:
    """Read an ISO 8601 date; None for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def write_short(day: date) -> str:
    """Write a date in little room: Nov 23, 2026."""
    return format_date(day, "medium", locale=locale())


def write_moment(instant: datetime) -> str:
    """Write an instant (UTC) with its date, as the town's clock shows it."""
    day = service_day.today(instant, town().settings.timezone)
    return f"{format_date(day, 'short', locale=locale())} {write_instant(instant)}"


def write_date_and_time(instant: datetime) -> tuple[str, str]:
    """Write an instant (UTC) as the date without its year, 23 November, and what the town's clock shows."""
    day = service_day.today(instant, town().settings.timezone)
    return format_skeleton("MMMMd", datetime.combine(day, time(12)), locale=locale()), write_instant(instant)
