"""Plans follow absences: who does not come is taken off the runs of those dates, also of runs published later."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date

from matching import absence
from matching.model import Ride, Run
from matching.schedule import everyone, timetable
from matching.steering import OUT_OF_SERVICE, guest_id
from webapp import service_day
from webapp.db import tables
from webapp.db.store import Door, PromiseBroken, Records
from webapp.town import Town


def follow(town: Town, operator: str, days: Iterable[date] | None = None) -> set[date]:
    """Take absent members off an operator's runs, of some dates or of all from today on; give the dates that changed.

    Doing so again changes nothing. Who cannot be taken off without breaking a promise to somebody else stays on.
    """
    wanted = None if days is None else set(days)
    with town.store.read() as records:
        absent = {row.service_date for row in records.list_absent_days(operator, since=town.today())}
        chosen = sorted(absent if wanted is None else absent & wanted)
        runs = [(day, run) for day in chosen for run in records.list_runs(day, operator)]
        found = [(day, run.id) for day, run in runs if leaving(town, records, run)]
    return {day for day, run_id in found if _follow(town, run_id)}


def _follow(town: Town, run_id: str) -> bool:
    def change(door: Door) -> bool:
        run = kept = town.freeze(door.get_run(run_id))
        for ride in leaving(town, door, run):
            run = absence.take_off(run, {ride.id}, town.roads) or run
        if run is kept:
            return False
        door.keep(run, cause="absent")
        return True

    try:
        return town.store.commit(change, runs=[run_id], times=town.roads)
    except PromiseBroken:
        return False


def leaving(town: Town, records: Records, run: Run, held: Mapping[str, str] | None = None) -> list[Ride]:
    """List the rides still on a run whose member said in time that they do not come.

    held: ride id -> member code, of a run that is not kept as it is.
    """
    day = date.fromisoformat(run.service_date)
    rows = {row.member: row for row in records.list_absent_days(run.operator, service_date=day)}
    if not rows:
        return []
    closes, members = deadline(records.get_operator(run.operator), run), held or records.run_members(run.id)
    told = {name for name, row in rows.items() if row.late or _said(town, row) <= closes}
    return [ride for ride in run.rides if ride.committed and members.get(ride.id) in told]


def _said(town: Town, row: tables.AbsentDay) -> int:
    return service_day.seconds_of(row.entered_at, row.service_date, town.settings.timezone)


def deadline(operator: tables.Operator, run: Run) -> int:
    """Give the last second of the service day at which an absence on a run can be told."""
    if operator.absence_closes is not None:
        return operator.absence_closes
    first = next((stop for stop in everyone(run).stops if not stop.depot), None)
    begins = 0 if first is None else first.window.earliest if first.planned is None else first.planned
    return begins - operator.absence_notice


def absent_rides(records: Records, run: Run) -> dict[str, list[Ride]]:
    """Map the code of each member who is off a run to the rides that wait for them."""
    members = records.run_members(run.id)
    elsewhere = records.list_guests(run.operator, date.fromisoformat(run.service_date)) if run.absent else set()
    found: dict[str, list[Ride]] = defaultdict(list)
    for ride in run.absent:
        if run.policy.closes == OUT_OF_SERVICE or guest_id(run.id, ride.id) in elsewhere:
            continue
        found[members.get(ride.id, "")].append(ride)
    return found


def is_past(town: Town, run: Run, rides: Iterable[Ride]) -> bool:
    """Would these absent rides have begun by now, had everybody come?"""
    begins = {visit.stop.id: visit.begin for plan in (run, everyone(run)) for visit in timetable(plan, town.roads)}
    now = town.seconds_now(date.fromisoformat(run.service_date))
    return all(begins[ride.pickup] < now for ride in rides)
