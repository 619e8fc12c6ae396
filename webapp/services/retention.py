"""How long each class of data stays, in one table, and the job that lets it go, in small commits.

Times are counted from the day of the trip, or from when a row was written or ended. docs/privacy.md says the same.
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from webapp.db import tables
from webapp.db.store import Door, Records
from webapp.services import ledger, service_dates
from webapp.services.suppression import SMALLEST_CELL
from webapp.town import Town


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a class of data stays, and what leaves then."""

    name: str
    days: int
    what: str


TRIPS = Limit("trips", 90, "runs with stops, rides and whole history, taps, bookings, requests, opinions, absences")
LIMITS = (
    Limit("sign-ins", 2, "tries to sign in, and how many there were"),
    Limit("codes", 2, "codes by which a LINE account is linked"),
    Limit("drafts", 2, "trips of which somebody answered some questions and then left"),
    Limit("requests", 35, "places, needs and purpose of requests that came to nothing"),
    Limit("messages", 30, "messages, sent or not: what waited so long is no news"),
    Limit("call-backs", 30, "whom the desk called back"),
    Limit("uploads", 7, "schedule files that nobody took in"),
    Limit("schedules", 30, "schedules since they hold no longer"),
    Limit("weekly trips", 30, "weekly trips since they ended"),
    TRIPS,
    Limit("histories", 90, "histories of runs that left the schedule before anybody rode"),
    Limit("cards", 90, "cards since they were withdrawn"),
    Limit("consents", 365, "consents since they ended"),
    Limit("helpers", 365, "who acted for whom, since it ended"),
    Limit("browsers", 365, "browsers that show messages, and those in which somebody was signed in"),
    Limit("audit", 365, "who looked, what was refused, and what changed of how people sign in"),
)
"""Each class of data. Codes and counts leave before what names the people whom they were for."""
SCHEDULES = next(limit for limit in LIMITS if limit.name == "schedules")


class _DryRun(Exception):
    """Undoes what was only to be counted."""


def tidy(town: Town) -> int:
    """Let everything go whose time is over, and count the rows; once more changes nothing."""
    gone = sum(_tidy(town, limit) for limit in LIMITS)
    if gone:
        town.store.scrub()
    return gone


def preview(town: Town) -> dict[str, int]:
    """Count the rows of each class of data that `tidy` would let go now."""
    counted: Counter[str] = Counter()

    def change(door: Door) -> None:
        counted.clear()
        for limit in LIMITS:
            if limit is TRIPS:
                counted[limit.name] = sum(door.expire_day(_emptied(day), ()) for day in _past_days(town, door))
            elif limit is SCHEDULES:
                counted[limit.name] = len(_outdated(town, door))
            else:
                counted[limit.name] = door.count_expired(limit.name, _before(town, limit))
        raise _DryRun

    with suppress(_DryRun):
        town.store.commit(change)
    return dict(counted)


def _tidy(town: Town, limit: Limit) -> int:
    if limit is TRIPS:
        return _tidy_trips(town)
    if limit is SCHEDULES:
        return _tidy_schedules(town)
    total = 0
    while gone := town.store.commit(lambda door: door.expire(limit.name, _before(town, limit))):
        total += gone
    return total


def _before(town: Town, limit: Limit) -> datetime:
    return town.clock() - timedelta(days=limit.days)


def _tidy_trips(town: Town) -> int:
    """Turn each day whose time is over into figures, one commit a day, its runs locked."""
    with town.store.read() as records:
        days = _past_days(town, records)
    total = 0
    for day in days:
        past = _figures(town, day)
        with town.store.read() as records:
            runs = records.list_run_residents(day)
            ids = records.all_run_ids(day)
        total += town.store.commit(lambda door, past=past, runs=runs: door.expire_day(past, runs), runs=ids)  # type: ignore[misc]
    return total


def _past_days(town: Town, records: Records) -> list[date]:
    return records.list_days_before(town.today() - timedelta(days=TRIPS.days))


def _figures(town: Town, day: date) -> tables.PastDay:
    """Add up a day for good; stops at which few got on or off are not named."""
    added = ledger.day_ledger(town, day)
    with town.store.read() as records:
        stops = _calls_at_stops(records, day)
    return tables.PastDay(
        service_date=day,
        figures=asdict(added.figures),
        fares=added.fares,
        requests=added.requests,
        refused=added.refused,
        stops={label: count for label, count in sorted(stops.items()) if count >= SMALLEST_CELL},
    )


def _calls_at_stops(records: Records, day: date) -> Mapping[str, int]:
    """Count the residents who boarded or alighted at each stop that anybody may read the name of."""
    counted: Counter[str] = Counter()
    for run in records.list_runs(day):
        labels = records.run_labels(run.id)
        for ride in run.residents:
            for stop in (ride.pickup, ride.dropoff):
                label, private = labels[stop]
                if label and not private:
                    counted[label] += ride.party.people
    return counted


def _emptied(day: date) -> tables.PastDay:
    return tables.PastDay(service_date=day, figures={}, fares={}, requests={}, refused={}, stops={})


def _tidy_schedules(town: Town) -> int:
    with town.store.read() as records:
        old = _outdated(town, records)
    for one in old:
        town.store.commit(lambda door, one=one: door.forget_schedule(one))  # type: ignore[misc]
    return len(old)


def _outdated(town: Town, records: Records) -> list[str]:
    return list_outdated_schedules(records, town.today() - timedelta(days=SCHEDULES.days))


def list_outdated_schedules(records: Records, since: date, operator: str | None = None) -> list[str]:
    """List the uploads (ids) that hold on no day from `since` on and still have their schedule."""
    held = {row.id for row in service_dates.list_uploads_that_hold(records, since, operator)}
    return [one for one in records.list_upload_ids_with_schedule(operator) if one not in held]
