"""What is too near in time to be changed any more: the first stops of a run, so far ahead as its town has set."""

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from matching import schedule
from matching.model import Run
from routing.times import TravelTimes
from webapp import service_day


def freeze(run: Run, times: TravelTimes, now: datetime, timezone: ZoneInfo) -> Run:
    """Freeze the leading stops of a run that begin within its policy's `freeze` seconds from `now` (UTC)."""
    second = service_day.seconds_of(now, date.fromisoformat(run.service_date), timezone) + run.policy.freeze
    if not run.stops or second <= run.stops[0].window.earliest:  # no stop begins before its run's first window opens
        return replace(run, frozen=0) if run.frozen else run
    return schedule.frozen_until(run, times, second)
