"""What a dispatcher has to look at now, the most urgent first: found from records and clock, worked down by people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from webapp import service_day
from webapp.db import tables
from webapp.db.store import Door, Records
from webapp.services import absences, board, road_changes, service_dates
from webapp.services.absences import Person
from webapp.services.board import DONE, DUE_NOW, LATE, OVER, UNDER_WAY, Board, Lane
from webapp.services.errors import Conflict, Invalid
from webapp.services.road_changes import Notice
from webapp.town import Town

OFFLINE = 5 * 60
"""Seconds without a request of the driver's device, while the run is on, after which that is an alert."""
UNCLOSED = 5 * 60
"""Seconds after a run's last stop at which it should have been ended."""
WORSE = 10 * 60
"""Seconds by which waiting longer makes an alert worse, so that it comes back."""
RUNS_OUT = 14
"""Days ahead within which the end of schedules and agreements is told."""
LONGEST_NOTE = 300

KINDS = (
    "aboard", "silent", "late", "offline", "unread", "wanted", "broken", "staying", "unclosed", "waiting", "expired",
    "roads", "runs out",
)  # fmt: skip
"""Kinds of alerts, the most urgent first."""
GRAVE = frozenset({"aboard", "silent", "late", "offline"})
"""Kinds about people who are on the road now."""
RIDERS = frozenset({"booked", "cancelled", "absent", "present", "replaced", "replanned"})
"""Causes of revisions that change who rides."""
TAKE, LEAVE, NOTE, AWAY = STEPS = ("take", "leave", "note", "away")


@dataclass(frozen=True, slots=True)
class Alert:
    """Something to look at.

    key: the same as long as it is the same thing. grade: grows as it gets worse. since: instant (UTC) from which it
    holds, as far as that is known. amount: minutes, people or requests, as the kind has it. about: a rule, a name, or a
    place. run: id and code of its run. promised: are residents expected later than they were promised?
    """

    key: str
    kind: str
    grade: int
    since: datetime | None = None
    amount: int = 0
    about: str = ""
    run: tuple[str, str] | None = None
    day: date | None = None
    promised: bool = False

    @property
    def order(self) -> tuple[int, int, str]:
        """Sort key: late beyond a promise comes before late, else by kind, then the gravest."""
        return KINDS.index(self.kind) - (1 if self.promised else 0), -self.grade, self.key


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody did about an alert, and when (UTC)."""

    step: str
    by: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """An alert and what was done about it. taken: who sees to it. again: it was put away and has got worse since."""

    alert: Alert
    steps: tuple[Step, ...] = ()
    taken: str = ""
    away: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """All that alerts are found from.

    changed: run id -> the newest revision of the service date itself that changed who rides, and when. waiting:
    requests without a seat by rule. ends: (kind, last date, what) of schedules and agreements that end.
    """

    board: Board
    clock: datetime
    day_begins: datetime
    is_today: bool
    changed: Mapping[str, tuple[int, datetime]]
    waiting: Mapping[str, int]
    wanted: Sequence[Person] = ()
    staying: Sequence[Person] = ()
    notices: Sequence[Notice] = ()
    ends: Sequence[tuple[str, date, str]] = ()


@dataclass(frozen=True, slots=True)
class Working:
    """A day's alerts as dispatchers work them down: those that stand, and those that were put away."""

    board: Board
    standing: tuple[Standing, ...]
    away: tuple[Standing, ...]


def found(facts: Facts) -> list[Alert]:
    """Find all that needs a look, the most urgent first."""
    alerts = [alert for lane in facts.board.lanes for alert in _of_lane(facts, lane)]
    alerts += _of_day(facts)
    return sorted(alerts, key=lambda one: one.order)


def _of_lane(facts: Facts, lane: Lane) -> Iterator[Alert]:
    yield from _of_end(facts, lane)
    if lane.state == DUE_NOW:
        behind = facts.board.now - lane.sheet.begins
        yield _alert(facts, lane, "silent", 1 + behind // WORSE, _at(facts, lane.sheet.begins), amount=behind // 60)
    if lane.is_late:
        where = lane.sheet.labels.get(lane.late_at, "")
        late = _alert(facts, lane, "late", 1 + lane.late // LATE, amount=lane.late // 60)
        yield replace(late, about=where, promised=_misses(lane))
    elif lane.sheet.faults and lane.state not in (OVER, DONE):
        grave = sum(max(fault.excess, 60) for fault in lane.sheet.faults) // 60
        broken = _alert(facts, lane, "broken", grave, amount=len(lane.sheet.faults))
        yield replace(broken, about=lane.sheet.faults[0].rule.value)
    if facts.is_today:
        yield from _of_device(facts, lane)


def _of_end(facts: Facts, lane: Lane) -> Iterator[Alert]:
    """Who is still aboard, or not accounted for, once a run is over; and a run that nobody ended."""
    over = lane.sheet.visits[-1].departure
    closed = lane.watch is not None and lane.watch.closed_at is not None
    if facts.board.now <= over + UNCLOSED or closed:
        return
    left = lane.aboard + (lane.open if lane.told else 0)
    if left:
        yield _alert(facts, lane, "aboard", left, _at(facts, over), amount=left)
    else:
        yield _alert(facts, lane, "unclosed", 1, _at(facts, over))


def _of_device(facts: Facts, lane: Lane) -> Iterator[Alert]:
    """A driver's device that is not heard of while the run is on, and changes that the driver has not read."""
    watch = lane.watch
    if lane.state == UNDER_WAY and watch is not None and watch.seen_at is not None:
        silent = (facts.clock - watch.seen_at) // timedelta(seconds=1)
        if silent > OFFLINE:
            yield _alert(facts, lane, "offline", 1 + silent // WORSE, watch.seen_at, amount=silent // 60)
    revision, at = facts.changed.get(lane.sheet.run.id, (-1, facts.clock))
    if lane.state not in (OVER, DONE) and revision > (watch.acknowledged if watch else 0):
        yield _alert(facts, lane, "unread", revision, at)


def _alert(facts: Facts, lane: Lane, kind: str, grade: int, since: datetime | None = None, *, amount: int = 0) -> Alert:
    head = lane.sheet.head
    run = (head.id, head.code)
    return Alert(f"{kind}:{head.id}", kind, grade, since, amount, run=run, day=facts.board.day)


def _at(facts: Facts, second: int) -> datetime:
    return facts.day_begins + timedelta(seconds=second)


def _misses(lane: Lane) -> bool:
    """Is a resident ahead expected later than they were promised?"""
    run = lane.sheet.run
    ahead = {visit.stop.id: visit.begin for visit in lane.sheet.visits[max(run.done, len(run.reached)) :]}
    return any(
        ahead.get(ride.pickup, ride.board.latest) > ride.board.latest
        or ahead.get(ride.dropoff, ride.alight.latest) > ride.alight.latest
        for ride in run.residents
    )


def _of_day(facts: Facts) -> Iterator[Alert]:
    day = facts.board.day
    for rule, count in facts.waiting.items():
        yield Alert(f"waiting:{rule}", "waiting", count, amount=count, about=rule, day=day)
    for kind, people in (("wanted", facts.wanted), ("staying", facts.staying)):
        for person in people:
            yield Alert(f"{kind}:{person.key}", kind, 1, about=person.name, day=day)
    for notice in facts.notices:
        if notice.changed:
            amount = len(notice.changed)
            yield Alert(f"roads:{notice.update.id}", "roads", amount, notice.update.at, amount, day=day)
    for what, last, about in facts.ends:
        over = last < facts.clock.date()
        kind = "expired" if over else "runs out"
        yield Alert(f"{kind}:{what}:{last.isoformat()}", kind, 1, about=about, day=last)


# From the records


def read(town: Town, day: date, *, operator: str) -> Working:
    """Read a service date's alerts as an operator's dispatchers have worked them down."""
    shown = board.read_board(town, day, operator=operator)
    facts = _facts(town, shown, operator)
    with town.store.read() as records:
        steps = records.list_alert_steps(day, operator)
        names = records.name_users(step.user_id for step in steps)
    standings = [_standing(alert, [one for one in steps if one.alert == alert.key], names) for alert in found(facts)]
    kept = tuple(one for one in standings if not one.away)
    return Working(shown, kept, tuple(one for one in standings if one.away))


def _facts(town: Town, shown: Board, operator: str) -> Facts:
    day, zone = shown.day, town.settings.timezone
    begins = service_day.day_start(day, zone)
    wanted, staying = absences.list_unkept(town, operator, day)
    with town.store.read() as records:
        changed = {
            event.run_id: (event.revision, event.at)
            for event, _head in records.list_day_changes(day, operator, begins)
            if event.cause in RIDERS
        }
        ends = list(_ends(town, records, operator))
    return Facts(
        board=shown,
        clock=town.clock(),
        day_begins=begins,
        is_today=day == town.today(),
        changed=changed,
        waiting=shown.sheet.unserved,
        wanted=wanted,
        staying=staying,
        notices=road_changes.list_notices(town, operator),
        ends=ends,
    )


def _ends(town: Town, records: Records, operator: str) -> Iterator[tuple[str, date, str]]:
    """Name the schedules and agreements of an operator that end soon, or have ended, and nothing follows them."""
    today, soon = town.today(), town.today() + timedelta(days=RUNS_OUT)
    dates = records.list_run_dates(operator)
    if dates and dates[-1] < today + timedelta(days=town.settings.horizon_days - 4):
        plans = service_dates.list_plans(records, today, operator)
        lasts = [min(run.last, (plan.until or date.max)) for plan in plans for run in plan.file.runs]
        last = max(lasts, default=date.max)
        if last < soon:
            yield "schedule", last, "schedule"
    signed = [row for row in records.list_signed_agreements() if row.operator_id == operator and not row.withdrawn_at]
    last = max((row.ends for row in signed), default=date.max)
    if last < soon:
        yield "agreement", last, "agreement"


def _standing(alert: Alert, steps: Iterable[tables.AlertStep], names: Mapping[str, str]) -> Standing:
    """Put the steps about an alert together; one that was put away stays there until it is worse than it was then."""
    said, taken, grade = [], "", -1
    for one in steps:
        by = names.get(one.user_id, "")
        said.append(Step(one.step, by, one.at, one.note))
        taken = by if one.step == TAKE else "" if one.step in (LEAVE, AWAY) else taken
        grade = one.grade if one.step == AWAY else grade
    return Standing(alert, tuple(said), taken, away=alert.grade <= grade, again=-1 < grade < alert.grade)


def work(town: Town, day: date, alert: str, step: str, *, operator: str, actor: str, key: str, note: str = "") -> None:
    """Take an alert, leave it to others, note something, or put it away with a note; once for each `key`.

    Raises Invalid for a step that is none, or a note that is missing, Conflict when the alert is no longer there.
    """
    note = note.strip()[:LONGEST_NOTE]
    if step not in STEPS or not 8 <= len(key) <= 64:
        raise Invalid("alert")
    if step in (NOTE, AWAY) and not note:
        raise Invalid("note")
    once = f"{actor}-{step}-{key}"
    working = read(town, day, operator=operator)
    grade = next((one.alert.grade for one in (*working.standing, *working.away) if one.alert.key == alert), None)

    def write(door: Door) -> None:
        if grade is None:
            if any(one.id == once for one in door.list_alert_steps(day, operator)):
                return
            raise Conflict("alert gone")
        door.add_alert_step(
            tables.AlertStep(
                id=once, operator_id=operator, service_date=day, alert=alert, step=step, grade=grade,
                note=note, user_id=actor, at=door.now(),
            )
        )  # fmt: skip

    town.store.commit(write)
