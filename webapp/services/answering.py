"""How long somebody who waits may think about a seat that became free."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from matching.model import Policy
from webapp import service_day
from webapp.db.store import Records
from webapp.services import rules
from webapp.town import Town
from webapp.town_rules import quiet_hours

MINUTES = 120
"""How long, where a town's rules say nothing."""
BEFORE = 3600
"""Seconds before the pickup at which a seat is promised to somebody for good, where there is time for that."""
SHORTEST = timedelta(minutes=10)
"""Nobody is asked who would have less time to answer."""


def deadline(records: Records, town: Town, day: date, pickup: int, policy: Policy) -> datetime | None:
    """Give the instant (UTC) until which the rider of a pickup may say yes to a seat; None where it is too late to ask.

    That is never nearer to the pickup than booking closes for others, nor where its stop can no longer leave the plan.
    """
    now, said = town.clock(), rules.rules_on(records, town, day)
    latest = service_day.instant_of(pickup - max(policy.notice, policy.freeze), day, town.settings.timezone)
    early = service_day.instant_of(pickup - BEFORE, day, town.settings.timezone)
    last = min(latest, early) if min(latest, early) - now >= SHORTEST else latest
    if last - now < SHORTEST:
        return None
    thinking = timedelta(minutes=int(said.get("answer_minutes", MINUTES)))
    return min(_waking(now, thinking, quiet_hours(said), town.settings.timezone), last)


def _waking(now: datetime, left: timedelta, quiet: tuple[time, time] | None, zone: ZoneInfo) -> datetime:
    """Count time on from an instant (UTC); in quiet hours the clock stands still."""
    if quiet is None:
        return now + left
    begin, end = quiet
    while True:
        local = now.replace(tzinfo=UTC).astimezone(zone)
        if _within(local.time(), begin, end):
            now = _next(local, end)
            continue
        rest = _next(local, begin) - now
        if left <= rest:
            return now + left
        now, left = now + rest, left - rest


def _within(clock: time, begin: time, end: time) -> bool:
    return begin <= clock < end if begin < end else clock >= begin or clock < end


def _next(local: datetime, clock: time) -> datetime:
    """Give the next instant (UTC) at which the town's clock shows a time."""
    day = local.date() if local.time() < clock else local.date() + timedelta(days=1)
    return datetime.combine(day, clock, local.tzinfo).astimezone(UTC).replace(tzinfo=None)
