"""Who looked at where people are: written once a quarter of an hour for each reader and object; ids alone, no names."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Lock
from weakref import WeakKeyDictionary

from webapp import service_day
from webapp.db import tables
from webapp.db.store import Records, Store
from webapp.town import Town

PERIOD = timedelta(minutes=15)
MANY_MEMBERS = 60
"""Members at whom nobody looks one by one within a day in the course of their work."""
KEPT = timedelta(days=365)

Object = tuple[str, str]
"""Kind and id of what was looked at, as in `tables.PlaceRead`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """That somebody looked: who (id, and name while they have one), by which page, and in which quarter of an hour."""

    reader: str
    name: str
    purpose: str
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Somebody who looked at more members within a day than work explains."""

    reader: str
    name: str
    operator: str
    members: int


class _Known:
    """What this process wrote lately, so that a page that asks every second writes once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._starts = datetime.min
        self._seen: set[tuple[str, ...]] = set()

    def new(self, starts: datetime, keys: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
        with self._lock:
            if starts != self._starts:
                self._starts, self._seen = starts, set()
            return [key for key in dict.fromkeys(keys) if key not in self._seen]

    def keep(self, starts: datetime, keys: Iterable[tuple[str, ...]]) -> None:
        with self._lock:
            if starts == self._starts:
                self._seen.update(keys)


_KNOWN: WeakKeyDictionary[Store, _Known] = WeakKeyDictionary()


def member_key(operator: str, member: str) -> str:
    """Name a member by what tells nothing; pages address members by the same."""
    return hashlib.sha256(f"{operator}\n{member}".encode()).hexdigest()[:20]


def seen(town: Town, reader: str, objects: Iterable[Object], *, purpose: str, operator: str = "") -> int:
    """Keep that somebody looked at objects; count what was new within the quarter of an hour. Raises Busy."""
    starts = _period(town.clock())
    known = _KNOWN.setdefault(town.store, _Known())
    new = known.new(starts, ((reader, kind, one, purpose, operator) for kind, one in objects))
    if not new:
        return 0
    rows = [
        tables.PlaceRead(
            reader_id=reader, kind=kind, object_id=one, purpose=purpose, operator_id=operator, starts=starts
        )
        for reader, kind, one, purpose, operator in sorted(new)
    ]
    added = town.store.commit(lambda door: sum(door.add_place_read(row) for row in rows))
    known.keep(starts, new)
    return added


def refused(town: Town, reader: str, *, endpoint: str, kind: str) -> int:
    """Count that somebody was refused what is not theirs; tell the how manieth time in this quarter of an hour.

    reader: id of a user, or "" for nobody who signed in. kind: a word such as "foreign", never what was asked for.
    Raises Busy.
    """
    row = tables.RefusedAccess(reader_id=reader, kind=kind, endpoint=endpoint, starts=_period(town.clock()))
    return town.store.commit(lambda door: door.count_refused(row))


def read_member(town: Town, operator: str, member: str) -> list[Reading]:
    """List who looked at an operator's member: at their own pages, at a run that they are on, or at its whole day.

    Runs that have left the records are known by their readings no more.
    """
    with town.store.read() as records:
        runs = records.list_member_runs(operator, member, date.min)
        days = {day for day, _ in runs}
        objects = [("member", member_key(operator, member), ""), *(("run", run, "") for _, run in runs)]
        objects += [("day", day.isoformat(), operator) for day in sorted(days)]
        return _readings(records, records.list_place_reads(objects=objects))


def read_resident(town: Town, user_id: str) -> list[Reading]:
    """List who looked at a resident's places, other than they themselves."""
    with town.store.read() as records:
        booked = {one.run_id: one.service_date for one in records.list_bookings(rider_id=user_id)}
        objects = [("rider", user_id, ""), *(("run", run, "") for run in booked)]
        for run, day in booked.items():
            objects.append(("day", day.isoformat(), records.get_run_head(run).operator_id))
        return [one for one in _readings(records, records.list_place_reads(objects=objects)) if one.reader != user_id]


def find_anomalies(town: Town, day: date, *, most: int = MANY_MEMBERS) -> list[Anomaly]:
    """List who looked at more than so many members on a date, those who looked at most first."""
    first, last = (
        service_day.instant_of(0, one, town.settings.timezone).replace(tzinfo=None)
        for one in (day, day + timedelta(days=1))
    )
    with town.store.read() as records:
        counted = records.count_members_read(first, last)
        names = records.name_users(reader for reader, _ in counted)
    found = [Anomaly(who, names.get(who, ""), of, count) for (who, of), count in counted.items() if count > most]
    return sorted(found, key=lambda one: (-one.members, one.reader))


def list_refused(town: Town, since: datetime) -> list[tables.RefusedAccess]:
    """List what was refused to whom from an instant on."""
    with town.store.read() as records:
        return records.list_refused(since)


def _readings(records: Records, rows: Iterable[tables.PlaceRead]) -> list[Reading]:
    found = list(rows)
    names = records.name_users(row.reader_id for row in found)
    return [Reading(row.reader_id, names.get(row.reader_id, ""), row.purpose, row.kind, row.starts) for row in found]


def _period(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
