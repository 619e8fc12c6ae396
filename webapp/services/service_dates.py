"""On which dates runs go, and why not: the kept schedules that hold, the town's holidays, and plain reasons."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from webapp.db import tables
from webapp.db.store import Door, Records
from webapp.files.answers import Answers
from webapp.files.reader import ANSWERS, SCHEDULE, UNANSWERED
from webapp.files.scheduled import DayKind, DayService, ScheduledRun, ScheduleFile
from webapp.holiday_tables import Holidays
from webapp.publishing import run_id
from webapp.town import Town

NEXT = 5
"""Dates on which a run goes next that a page names."""
_AHEAD = 366
"""Days ahead in which exceptions are looked for."""
_DAY = timedelta(days=1)
_CLOSED = -366 * 86_400
"""Second of the service day at which booking closes on a run that goes no longer: before anybody could ask."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A kept schedule file of an operator; it holds from the service date `first` to the day before `until`, if any."""

    operator: str
    file: ScheduleFile
    first: date = date.min
    until: date | None = None

    def holds_on(self, day: date) -> bool:
        return self.first <= day and (self.until is None or day < self.until)

    def going(self, day: date, holidays: Holidays) -> set[str]:
        """List the codes of the runs that go on a day by this plan."""
        runs = self.file.runs if self.holds_on(day) else ()
        return {run.code for run in runs if run.runs_on(day, holidays) is not None}


@dataclass(frozen=True, slots=True)
class Exceptional:
    """Service days unlike the others, the first and the last of them; shift: seconds, None where the run does not go.

    why: what the file says of them, else the name of the holiday.
    """

    first: date
    last: date
    kind: DayKind
    shift: int | None
    why: str


@dataclass(frozen=True, slots=True)
class RunDates:
    """When runs of the same days go: the next dates with the seconds by which their times move, and the exceptions."""

    runs: tuple[ScheduledRun, ...]
    plan: Plan
    next: tuple[tuple[date, int], ...]
    exceptions: tuple[Exceptional, ...]


def answers_of(row: tables.Upload) -> Answers:
    """Give what has been answered about an upload."""
    return ANSWERS.validate_python(row.answers) if row.answers else UNANSWERED


def list_plans(records: Records, since: date, operator: str | None = None) -> list[Plan]:
    """List the plans that hold on some day from `since` on, of one operator or of all, oldest first.

    A file takes the place of an earlier one from the day on which it begins to hold.
    """
    return [
        Plan(row.operator_id, SCHEDULE.validate_python(row.schedule), *_holds(row))
        for row in list_uploads_that_hold(records, since, operator)
    ]


def list_uploads_that_hold(records: Records, since: date, operator: str | None = None) -> list[tables.Upload]:
    """List the uploads of these plans."""
    kept = [row for row in records.list_kept_uploads(operator) if since < (_holds(row)[1] or date.max)]
    return [records.get_upload(row.id) for row in kept]


def _holds(row: tables.Upload) -> tuple[date, date | None]:
    """Give the first service date on which a kept upload holds, and the first on which it holds no longer."""
    said = answers_of(row)
    return said.effective or date.min, said.until


def dates_of(plan: Plan, holidays: Holidays, *, since: date, language: str) -> list[RunDates]:
    """Work out when the runs of a plan go from a day on, those of the same days together; what is over is left out."""
    alike: dict[object, list[ScheduledRun]] = {}
    for run in plan.file.runs:
        days = (run.days, run.first, run.last, run.not_on, run.also_on, run.shifts)
        alike.setdefault((days, run.closed_on, run.open_on, run.follows_town), []).append(run)
    first = max(since, plan.first)
    found = (_dates_of(tuple(runs), plan, holidays, first, language) for runs in alike.values())
    return [one for one in found if one.next or one.runs[0].last >= first]


def list_dates(town: Town, operator: str, language: str) -> list[RunDates]:
    """Work out when an operator's runs go, by all the plans that hold."""
    with town.store.read() as records:
        plans = list_plans(records, town.today(), operator)
    found = (dates_of(plan, town.holidays, since=town.today(), language=language) for plan in plans)
    return [one for some in found for one in some]


def horizon(town: Town) -> list[date]:
    """List the service dates for which runs are made."""
    return [town.today() + k * _DAY for k in range(town.settings.horizon_days)]


def lacking(town: Town, plan: Plan, known: dict[date, set[str]]) -> list[date]:
    """List the dates in view on which a run of a plan goes that is not among the known ids."""
    return [
        day
        for day in horizon(town)
        if {run_id(plan.operator, code, day) for code in plan.going(day, town.holidays)} - known.get(day, set())
    ]


def known_ids(records: Records, operator: str, days: Iterable[date]) -> dict[date, set[str]]:
    """Map dates to the ids of an operator's runs."""
    wanted = list(days)
    called_off = records.list_steered(operator, min(wanted)) if wanted else {}
    return {day: {head.id for head in records.run_heads(day, operator)} | called_off.keys() for day in wanted}


def list_stale(town: Town, operator: str) -> list[tables.Run]:
    """List the runs in view that no plan of their operator lets go on their date, though one knows their code."""
    with town.store.read() as records:
        return _stale(town, operator, records, list_plans(records, town.today(), operator))


def withdraw(town: Town, operator: str, plans: Sequence[Plan]) -> None:
    """Take out the runs that go no longer on their date.

    One on which residents have booked, or of which a driver told anything, stays, but nobody else can book on it until
    it goes again.
    """
    own = [plan for plan in plans if plan.operator == operator]
    with town.store.read() as records:
        stale = [head.id for head in _stale(town, operator, records, own)]
        shut = [head.id for day in horizon(town) for head in records.run_heads(day, operator) if _is_shut(head)]
    again = [one for one in shut if one not in stale]

    def change(door: Door) -> None:
        for one in stale:
            _withdraw(door, one)
        for one in again:
            _close(door, one, town.policy.closes, cause="service again")

    if stale or again:
        town.store.commit(change, runs=[*stale, *again], times=town.roads)


def _withdraw(door: Door, run: str) -> None:
    kept = door.find_run(run)
    if kept is None:
        return
    if kept.residents or door.list_bookings(run_id=run) or door.list_told(run):
        _close(door, run, _CLOSED, cause="no service")
    else:
        door.remove(run, cause="no service")


def _close(door: Door, run: str, closes: int | None, *, cause: str) -> None:
    """Let booking on a run close at another time, if it does not do so already."""
    kept = door.find_run(run)
    if kept is not None and kept.policy.closes != closes:
        door.keep(replace(kept, policy=replace(kept.policy, closes=closes)), cause=cause)


def _is_shut(head: tables.Run) -> bool:
    return head.policy.get("closes") == _CLOSED


def _stale(town: Town, operator: str, records: Records, plans: Sequence[Plan]) -> list[tables.Run]:
    codes = {run.code for plan in plans for run in plan.file.runs}
    found = []
    for day in horizon(town):
        going = {code for plan in plans for code in plan.going(day, town.holidays)}
        found += [head for head in records.run_heads(day, operator) if head.code in codes - going]
    return found


def _dates_of(runs: tuple[ScheduledRun, ...], plan: Plan, holidays: Holidays, since: date, language: str) -> RunDates:
    coming: list[tuple[date, int]] = []
    found: list[Exceptional] = []
    between = False
    for day in (since + k * _DAY for k in range(_AHEAD)):
        if not plan.holds_on(day):
            break
        service = runs[0].service_on(day, holidays)
        if service.shift is not None and len(coming) < NEXT:
            coming.append((day, service.shift))
        if not _is_exceptional(runs[0], day, service):
            between = between or service.shift is not None
            continue
        why = service.why or holidays.call(day, language)
        one = Exceptional(day, day, service.kind, service.shift, why)
        if found and not between and _continues(found[-1], one):
            found[-1] = replace(found[-1], last=day)
        else:
            found.append(one)
        between = False
    return RunDates(runs, plan, tuple(coming), tuple(found))


def _is_exceptional(run: ScheduledRun, day: date, service: DayService) -> bool:
    """Is a day unlike others of its weekday: off though it is one of the run's, extra, a holiday, or at other times?"""
    if service.kind is DayKind.OFF:
        return run.first <= day <= run.last and day.weekday() in run.days
    if service.kind is DayKind.SHIFTED:
        return next(span for span in run.shifts if day in span).days is None
    if service.kind is DayKind.HOLIDAY:
        return service.shift is None or day.weekday() not in run.days
    return service.kind is DayKind.EXTRA


def _continues(before: Exceptional, one: Exceptional) -> bool:
    alike = (before.kind, before.shift, before.why) == (one.kind, one.shift, one.why)
    return alike and (one.shift is None or one.first - before.last == _DAY)
