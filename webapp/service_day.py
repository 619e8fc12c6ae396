"""Between instants and seconds of a service day, whose zero is noon minus twelve hours in the town's zone (GTFS)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def day_start(day: date, timezone: ZoneInfo) -> datetime:
    """Give the instant (UTC, without an offset) of second zero: elapsed time counts back from noon, never the clock."""
    noon = datetime.combine(day, time(12), timezone).astimezone(UTC)
    return (noon - timedelta(hours=12)).replace(tzinfo=None)


def seconds_of(instant: datetime, day: date, timezone: ZoneInfo) -> int:
    """Count whole seconds from a service day's start to an instant (UTC); negative before it."""
    return (instant - day_start(day, timezone)) // timedelta(seconds=1)


def instant_of(seconds: int, day: date, timezone: ZoneInfo) -> datetime:
    """Give the instant (UTC) of a second of a service day."""
    return day_start(day, timezone) + timedelta(seconds=seconds)


def local_time(seconds: int, day: date, timezone: ZoneInfo) -> datetime:
    """Give a second of a service day as the town's clock shows it."""
    return instant_of(seconds, day, timezone).replace(tzinfo=UTC).astimezone(timezone)


def seconds_at(clock: time, day: date, timezone: ZoneInfo) -> int:
    """Give the second of a service day at which the town's clock shows `clock` on its date."""
    shown = datetime.combine(day, clock, timezone).astimezone(UTC).replace(tzinfo=None)
    return seconds_of(shown, day, timezone)


def today(instant: datetime, timezone: ZoneInfo) -> date:
    """Give the town's date at an instant (UTC)."""
    return instant.replace(tzinfo=UTC).astimezone(timezone).date()
