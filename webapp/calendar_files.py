"""A trip as a file that calendars read (iCalendar, RFC 5545): one event, and nothing of anybody else."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from icalendar import Alarm, Calendar, Event

REMINDED = timedelta(hours=1)
"""How long before its start a calendar says so."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a calendar keeps: `id` for good, `starts` and `ends` in the town's time zone, `changed` an instant (UTC)."""

    id: str
    title: str
    place: str
    about: str
    starts: datetime
    ends: datetime
    changed: datetime
    cancelled: bool


def write(entry: Entry) -> bytes:
    """Write a calendar with one entry; a later file of the same entry replaces it, also where it is cancelled."""
    calendar, event = Calendar(), Event()
    for name, value in {"prodid": "-//Noriai//EN", "version": "2.0", "method": "PUBLISH"}.items():
        calendar.add(name, value)
    facts: dict[str, Any] = {
        "uid": f"{entry.id}@noriai",
        "sequence": int(entry.cancelled),
        "status": "CANCELLED" if entry.cancelled else "CONFIRMED",
        "dtstamp": entry.changed,
        "dtstart": entry.starts,
        "dtend": entry.ends,
        "summary": entry.title,
        "location": entry.place,
        "description": entry.about,
    }
    for name, fact in facts.items():
        event.add(name, fact)
    if not entry.cancelled:
        event.add_component(_reminder(entry.title))
    calendar.add_component(event)
    first = entry.starts.date().replace(month=1, day=1)
    calendar.add_missing_timezones(first_date=first, last_date=first.replace(year=first.year + 2))
    return bytes(calendar.to_ical())


def _reminder(title: str) -> Alarm:
    alarm = Alarm()
    for name, value in {"action": "DISPLAY", "description": title, "trigger": -REMINDED}.items():
        alarm.add(name, value)
    return alarm
