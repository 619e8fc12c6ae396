"""A dispatcher hands in a schedule file: it is checked, shown, and kept as a whole or not at all."""

import hashlib
import json
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any, Self

from matching.metrics import drive
from matching.model import Capacity, Rule, Run
from matching.promises import broken
from matching.schedule import timetable
from routing.pace import Factors
from routing.times import NO_WAY, Place, RoadError
from webapp.db import tables
from webapp.db.store import Door, PromiseBroken, Records
from webapp.files.answers import Answers
from webapp.files.confined import read_confined
from webapp.files.messages import Message, Messages
from webapp.files.reader import ANSWERS, SCHEDULE, UNANSWERED, Beside
from webapp.files.scheduled import PlaceEntry, ScheduledRun, ScheduleFile
from webapp.holiday_tables import PUBLIC
from webapp.publishing import Located, Locator, Published, add_depots, publish
from webapp.services import attendance, replacing, rules, service_dates
from webapp.services.errors import Conflict, Invalid, NotFound
from webapp.services.replacing import Comparison
from webapp.services.service_dates import Plan, answers_of
from webapp.town import Town

NO_COLUMNS: Mapping[str, Mapping[str, str]] = MappingProxyType({})
Change = Callable[[Answers], Answers]
TRIES = 5
LATE = 180
"""Seconds by which the road makes a run late on its own minutes before a dispatcher is told: minutes are rounded."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file says and what keeping it would do: the runs of each date, and every remark about it.

    answers: what was said of a feed beside it.
    """

    file: ScheduleFile
    runs: tuple[Published, ...]
    messages: tuple[Message, ...]
    answers: Answers = UNANSWERED

    @property
    def refused(self) -> bool:
        """Is nothing of it kept? One error refuses a file, unless its sound runs were asked for and there are some."""
        if self.answers.sound_only and self.file.lines:
            return not self.file.runs
        return any(message.severity == "error" for message in self.messages)

    @property
    def dates(self) -> list[str]:
        return sorted({one.run.service_date for one in self.runs})


@dataclass(frozen=True, slots=True)
class Kept:
    """How many runs of a file were new, changed, unchanged and removed, and the codes of those that stay as they are.

    stays, moves, placed, lost: how many bookings kept their minutes, have others within their promise, have another
    seat, or none any more.
    """

    new: int
    changed: int
    unchanged: int
    held: tuple[str, ...]
    removed: int = 0
    stays: int = 0
    moves: int = 0
    placed: int = 0
    lost: int = 0

    @classmethod
    def of(cls, comparison: Comparison) -> Self:
        """Count what a comparison says."""
        held = (f"{one.code} {one.day}" for one in comparison.diffs if one.kind == replacing.HELD)
        new, changed, unchanged, removed = (comparison.count(kind) for kind in replacing.KINDS)
        stays, moves, placed, lost = (len(comparison.list_fates(kind)) for kind in replacing.FATES)
        return cls(new, changed, unchanged, tuple(held), removed, stays, moves, placed, lost)


@dataclass(frozen=True, slots=True)
class Look:
    """An upload, what it says, and what keeping it would do.

    earlier: the upload whose schedule would end. others: the uploads whose schedules hold now.
    """

    upload: tables.Upload
    checked: Checked
    comparison: Comparison
    earlier: tables.Upload | None
    others: tuple[tables.Upload, ...]

    @property
    def shown(self) -> str:
        """Sum up the file, what was said beside it, and all that it would do: what somebody agrees to."""
        said = [self.upload.sha256, self.upload.answers, self.earlier and self.earlier.id, self.comparison.digest]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def known(self) -> tables.Upload | None:
        """Is it the very file that it would replace, with the same answers? Then that one."""
        if self.earlier is None or self.earlier.sha256 != self.upload.sha256:
            return None
        said, before = (answers_of(one).from_day(self.checked.answers.effective) for one in (self.upload, self.earlier))
        return self.earlier if said.bare() == before.bare() else None


@dataclass(frozen=True, slots=True)
class Harmed:
    """A booking that a new schedule ended, its rider, and the booking that they have instead."""

    booking: tables.Booking
    rider: tables.User
    instead: tables.Booking | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What taking a file in did; by: name of who confirmed it, empty for a command. at: UTC."""

    kept: Kept
    by: str
    at: datetime
    harmed: tuple[Harmed, ...]


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What changed an operator's runs: a file (`kept` says what it did), or a single run for a `cause`.

    by: name of who works for the operator or the town, empty for a resident, and where nobody did it. at: UTC.
    """

    at: datetime
    by: str
    what: str
    kept: Kept | None
    cause: str = ""


def check(
    town: Town,
    content: bytes,
    filename: str,
    *,
    operator: str,
    language: str = "en",
    answers: Answers = UNANSWERED,
    columns: Mapping[str, Mapping[str, str]] = NO_COLUMNS,
) -> Checked:
    """Read a schedule file and put its runs on the road; nothing is kept. Most `answers` are heard for GTFS feeds only.

    columns: what the operator said before that its own columns mean, by the digest of their header.
    """
    beside = Beside(answers, dict(columns), town.holidays)
    file = read_confined(content, filename, language=language, beside=beside)
    days = [day for day in service_dates.horizon(town) if day >= (answers.effective or day)]
    return replace(_expand(town, file, operator, language, days), answers=answers)


def names_of_columns(records: Records, operator: str) -> dict[str, dict[str, str]]:
    """Give what an operator said that its own columns mean, by the digest of their header."""
    return {row.header: row.columns for row in records.list_column_names(operator)}


def tell_columns(
    town: Town, upload_id: str, *, operator: str, actor: str | None, header: str, columns: Mapping[str, str]
) -> None:
    """Say what the columns of an upload mean (name as written -> field), and remember it for files of this header.

    header: its digest. No columns: forget what was said. Raises Invalid where one field stands for two columns.
    """
    meant = [field for field in columns.values() if field]
    if len(set(meant)) < len(meant):
        raise Invalid("columns")
    answer(town, upload_id, operator=operator, change=lambda answers: answers.for_columns(dict(columns)))
    _remember(town, operator, header, columns, actor)


def remember_columns(town: Town, checked: Checked, *, operator: str, actor: str | None) -> None:
    """Remember what was said of the columns of a checked file, for files with the same headers."""
    for one in checked.file.glimpses:
        if one.layout == "runs" and one.digest and checked.answers.columns:
            _remember(town, operator, one.digest, checked.answers.columns, actor)


def _remember(town: Town, operator: str, header: str, columns: Mapping[str, str], actor: str | None) -> None:
    row = tables.ColumnNames(
        operator_id=operator, header=header, columns=dict(columns), told_by=actor, told_at=town.clock()
    )

    def write(door: Door) -> None:
        if columns:
            door.put(row)
        else:
            door.forget_column_names(row)

    town.store.commit(write)


def _expand(town: Town, file: ScheduleFile, operator: str, language: str, days: Sequence[date]) -> Checked:
    notes = Messages(language)
    reach = cache(lambda place: _is_on_road(town, place))
    locator = Locator(file, town.places)
    located = [(run, _located(run, file, locator, notes, reach)) for run in file.runs]
    if file.lines:
        _note_feed(town, file, notes, reach)
    else:
        _note_days(town, file, notes)
    sound = [(replace(run, operator=operator), place) for run, place in located if place is not None]
    runs: list[Published] = []
    with town.store.read() as records:
        factors = records.pace_factors()
    for day in days:
        runs += _of_day(town, sound, file, day, factors)
    _judge(town, runs, notes)
    messages = (*file.messages, *notes.listed(len(file.runs)))
    return Checked(file, tuple(runs), messages)


def upload(
    town: Town, content: bytes, filename: str, *, operator: str, actor: str | None, answers: Answers | None = None
) -> tables.Upload:
    """Put a file aside for its dispatcher to look at and confirm.

    answers: what is said beside it; without any, what was said of the file before it whose name differs in digits only.
    """
    name = "".join(filter(str.isprintable, filename))[-120:] or "-"
    said = answers or answers_before(town, operator, name)
    row = tables.Upload(
        id=secrets.token_urlsafe(12),
        operator_id=operator,
        user_id=actor,
        filename=name,
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        answers=None if said == UNANSWERED else ANSWERS.dump_python(said, mode="json"),
        created_at=town.clock(),
    )
    return town.store.commit(lambda door: door.put(row))


def answers_before(town: Town, operator: str, filename: str) -> Answers:
    """Give what was said of the last file that was taken in under this name, whatever digits are in it."""
    with town.store.read() as records:
        kept = records.list_kept_uploads(operator)
    before = [one for one in kept if _undated(one.filename) == _undated(filename)]
    return answers_of(before[-1]).bare() if before else UNANSWERED


def _undated(filename: str) -> str:
    return "".join(letter for letter in filename.casefold() if not letter.isdecimal())


def get_upload(town: Town, upload_id: str, *, operator: str) -> tables.Upload:
    """Give an operator's own upload. Raises NotFound for any other."""
    with town.store.read() as records:
        row = records.get_upload(upload_id)
    if row.operator_id != operator:
        raise NotFound("upload")
    return row


def answer(town: Town, upload_id: str, *, operator: str, change: Change) -> None:
    """Change what is answered about an upload. Raises Conflict when it was kept or dropped before."""
    get_upload(town, upload_id, operator=operator)

    def write(door: Door) -> None:
        row = door.get_upload(upload_id)
        if row.content is None:
            raise Conflict("upload done")
        row.answers = ANSWERS.dump_python(change(answers_of(row)), mode="json")
        door.put(row)

    town.store.commit(write)


def look(town: Town, upload_id: str, *, operator: str, language: str = "en") -> Look:
    """Check an upload, and compare it with what is kept. Raises Conflict when it was kept or dropped before."""
    row, checked = recheck(town, upload_id, operator=operator, language=language)
    return _look(town, row, checked, operator)


def recheck(town: Town, upload_id: str, *, operator: str, language: str = "en") -> tuple[tables.Upload, Checked]:
    """Read an upload again. Raises Conflict when it was kept or dropped before."""
    row = get_upload(town, upload_id, operator=operator)
    if row.content is None:
        raise Conflict("upload done")
    with town.store.read() as records:
        columns = names_of_columns(records, operator)
    answers = answers_of(row)
    return row, check(
        town, row.content, row.filename, operator=operator, language=language, answers=answers, columns=columns
    )


def _look(town: Town, row: tables.Upload, checked: Checked, operator: str, *, spare: bool = False) -> Look:
    with town.store.read() as records:
        others = service_dates.list_uploads_that_hold(records, town.today(), operator)
    earlier = _earlier(row, checked, others)
    ended = _ended(earlier, others)
    gone = {code for one in ended for code in _codes(one)}
    gone -= {code for one in others if one not in ended for code in _codes(one)}
    runs = () if checked.refused else checked.runs
    since = checked.answers.effective
    comparison = replacing.compare(town, operator, runs, gone if runs else (), since=since, spare=spare)
    return Look(row, checked, comparison, earlier, tuple(others))


def _ended(earlier: tables.Upload | None, others: Sequence[tables.Upload]) -> list[tables.Upload]:
    """List the uploads that end with the one that is replaced: those of its name in whose place it holds later on."""
    if earlier is None:
        return []
    return [one for one in others if one is earlier or (one.filename == earlier.filename and answers_of(one).until)]


def _earlier(row: tables.Upload, checked: Checked, others: Sequence[tables.Upload]) -> tables.Upload | None:
    """Find the upload that this one replaces: as was said; else of the same name, or with half of its runs in this."""
    said = answers_of(row).replaces
    if said is not None:
        return next((one for one in others if one.id == said), None)
    named = [one for one in others if one.filename == row.filename]
    mine = {run.code for run in checked.file.runs}
    alike = [one for one in others if 2 * len(_codes(one) & mine) >= len(_codes(one)) > 0]
    return next(reversed(named or sorted(alike, key=lambda one: len(_codes(one) & mine))), None)


def _codes(row: tables.Upload) -> frozenset[str]:
    return frozenset(str(run["code"]) for run in (row.schedule or {}).get("runs", ()))


def confirm(town: Town, upload_id: str, *, operator: str, actor: str, shown: str, agreed: int = 0) -> Kept:
    """Keep what an upload showed, all of it at once; the same again gives the same answer and changes nothing.

    shown: what `Look.shown` was when it was looked at. agreed: how many bookings the dispatcher agreed to see changed
    or cancelled; with none, runs on which there are such stay as they are.

    Raises Conflict when it has errors, was kept or dropped before, or shows something else by now ("outdated"), and
    Invalid when more or fewer bookings are affected than were agreed to.
    """
    get_upload(town, upload_id, operator=operator)
    try:
        return _confirm(town, upload_id, operator=operator, actor=actor, shown=shown, agreed=agreed)
    except Conflict:  # the same click a moment ago may have changed all that this one compares itself with
        with town.store.read() as records:
            known = records.find_confirmation(upload_id)
        if known is None or known.digest != shown:
            raise
        return _kept(known)


def _confirm(town: Town, upload_id: str, *, operator: str, actor: str, shown: str, agreed: int) -> Kept:
    seen = look(town, upload_id, operator=operator)
    if seen.checked.refused:
        raise Conflict("upload refused")
    if seen.shown != shown:
        raise Conflict("outdated")
    harmed = len(seen.comparison.list_fates(replacing.PLACED, replacing.LOST))
    if agreed and agreed != harmed:
        raise Invalid("agreed")
    if harmed and not agreed:
        seen = _look(town, seen.upload, seen.checked, operator, spare=True)
    try:
        return _commit(town, seen, operator=operator, actor=actor, shown=shown)
    except (replacing.Outdated, PromiseBroken) as error:
        raise Conflict("outdated") from error


def drop(town: Town, upload_id: str, *, operator: str) -> None:
    """Forget an upload that was not confirmed; its hash stays. Raises Conflict when it was kept or dropped before."""
    row = get_upload(town, upload_id, operator=operator)
    if row.content is None:
        raise Conflict("upload done")
    row.content, row.status = None, "dropped"
    town.store.commit(lambda door: door.put(row))


def keep(
    town: Town, checked: Checked, *, operator: str, actor: str | None, upload: tables.Upload | None = None
) -> Kept:
    """Keep checked runs without asking: none on which a resident would lose a seat, and none that is under way."""
    row = upload or tables.Upload(id="", operator_id=operator, filename="", sha256="", created_at=town.clock())
    for _ in range(TRIES):
        if upload is None:
            comparison = replacing.compare(town, operator, checked.runs, spare=True)
            seen = Look(row, checked, comparison, None, ())
        else:
            seen = _look(town, row, checked, operator, spare=True)
        try:
            return _commit(town, seen, operator=operator, actor=actor, shown=seen.shown)
        except replacing.Outdated:
            continue
    raise Conflict("outdated")


def _commit(town: Town, seen: Look, *, operator: str, actor: str | None, shown: str) -> Kept:
    upload, comparison = seen.upload, seen.comparison

    def change(door: Door) -> Kept:
        door.lock_operator(operator)
        if upload.id and door.get_upload(upload.id).content is None:
            known = door.find_confirmation(upload.id)
            if known is None or known.digest != shown:
                raise Conflict("upload done")
            return _kept(known)
        _keep_vehicles(door, seen.checked, operator)
        replacing.apply(town, door, comparison, actor=actor or None)
        kept = Kept.of(comparison)
        if upload.id:
            _close(door, seen, kept, actor=actor or None, shown=shown)
        return kept

    kept = town.store.commit(change, runs=comparison.runs, riders=comparison.riders, times=town.roads)
    attendance.follow(town, operator)
    return kept


def _close(door: Door, seen: Look, kept: Kept, *, actor: str | None, shown: str) -> None:
    """Write down who took the file in and what that did, and let the file itself go."""
    row, file = door.get_upload(seen.upload.id), seen.checked.file
    row.content, row.status, row.runs = None, "kept", kept.new + kept.changed
    row.schedule = SCHEDULE.dump_python(replace(file, messages=(), lines=(), glimpses=()), mode="json")
    door.put(row)
    effective = seen.checked.answers.effective
    for one in _ended(seen.earlier, seen.others):
        earlier = door.get_upload(one.id)
        said = answers_of(earlier)
        if effective is None or effective <= (said.effective or date.min):
            earlier.status = "replaced"
        else:
            until = min(effective, said.until or effective)
            earlier.answers = ANSWERS.dump_python(said.up_to(until), mode="json")
        door.put(earlier)
    outcome: dict[str, Any] = {name: getattr(kept, name) for name in Kept.__slots__}
    outcome["harmed"] = [one.booking.id for one in seen.comparison.list_fates(*replacing.HARMED)]
    door.add_confirmation(
        tables.Confirmation(
            upload_id=row.id, operator_id=row.operator_id, user_id=actor, at=door.now(), digest=shown, outcome=outcome
        )
    )


def _kept(known: tables.Confirmation) -> Kept:
    said = {name: known.outcome[name] for name in Kept.__slots__}
    return Kept(**{**said, "held": tuple(said["held"])})


def get_outcome(town: Town, upload_id: str, *, operator: str) -> Outcome | None:
    """Tell who took an upload in, when, and what that did; None for one that was dropped, or kept by itself."""
    get_upload(town, upload_id, operator=operator)
    with town.store.read() as records:
        known = records.find_confirmation(upload_id)
        if known is None:
            return None
        who = records.find_user(id=known.user_id) if known.user_id else None
        harmed = [records.get_booking(name) for name in known.outcome["harmed"]]
        riders = {row.rider_id: records.get_user(row.rider_id) for row in harmed}
        seats = {row.id: records.find_booking(row.rider_id, f"moved-{row.id}") for row in harmed}
    people = tuple(Harmed(row, riders[row.rider_id], seats[row.id]) for row in harmed)
    return Outcome(_kept(known), who.name if who else "", known.at, people)


def name_riders(town: Town, comparison: Comparison) -> dict[str, str]:
    """Map the riders of whose bookings a comparison speaks to their names."""
    wanted = {fate.booking.rider_id for fate in comparison.fates}
    with town.store.read() as records:
        return {rider: records.get_user(rider).name for rider in wanted}


def list_meanwhile(town: Town, operator: str, since: datetime) -> list[Meanwhile]:
    """List who changed an operator's runs from an instant on (UTC): files that were taken in, and single runs."""
    with town.store.read() as records:
        taken = records.list_confirmations(operator, since)
        events = [(event, head) for event, head in records.list_changes(operator, since) if event.cause != "published"]
        who = {
            user_id: records.find_user(id=user_id)
            for user_id in {one.user_id for one in taken} | {event.actor for event, _ in events}
            if user_id
        }
        files = {one.upload_id: records.get_upload(one.upload_id).filename for one in taken}

    def name(user_id: str | None) -> str:
        user = who.get(user_id or "")
        return user.name if user and set(user.roles) & {"dispatcher", "desk", "town"} else ""

    found = [Meanwhile(one.at, name(one.user_id), files[one.upload_id], _kept(one)) for one in taken]
    found += [
        Meanwhile(event.at, name(event.actor), f"{head.code} {head.service_date}", None, event.cause)
        for event, head in events
    ]
    return sorted(found, key=lambda one: one.at)


def extend(town: Town) -> int:
    """Make the runs of the days that have come into view, take out those that go no longer, and count the new ones."""
    with town.store.read() as records:
        plans = service_dates.list_plans(records, town.today())
    new = sum(_extend(town, plan) for plan in reversed(plans))  # of two that speak of one run, the later one counts
    for operator in sorted({plan.operator for plan in plans}):
        service_dates.withdraw(town, operator, plans)
    return new


def follow_rules(town: Town, since: date) -> None:
    """Publish the runs from a date on anew, as far as nobody rides on them yet: other rules open them otherwise."""
    with town.store.read() as records:
        plans = service_dates.list_plans(records, since)
    for plan in plans:
        days = [day for day in service_dates.horizon(town) if day >= since and plan.holds_on(day)]
        checked = _expand(town, plan.file, plan.operator, town.settings.language, days)
        keep(town, checked, operator=plan.operator, actor=None)


def _extend(town: Town, plan: Plan) -> int:
    """Make the runs of a plan that are not there; only the days on which one is lacking are worked out."""
    with town.store.read() as records:
        known = service_dates.known_ids(records, plan.operator, service_dates.horizon(town))
    days = service_dates.lacking(town, plan, known)
    if not days:
        return 0
    checked = _expand(town, plan.file, plan.operator, town.settings.language, days)
    fresh = tuple(one for one in checked.runs if one.run.id not in known[date.fromisoformat(one.run.service_date)])
    return keep(town, replace(checked, runs=fresh), operator=plan.operator, actor=None).new if fresh else 0


def _keep_vehicles(door: Door, checked: Checked, operator: str) -> None:
    for one in checked.file.vehicles.values():
        capacity = Capacity.of(one.seats or 0, one.wheelchairs, one.seats_per_wheelchair)
        layouts = [[layout.seats, layout.wheelchairs, layout.stowage] for layout in capacity.layouts]
        door.put(tables.Vehicle(operator_id=operator, code=one.code, layouts=layouts, description=one.description))


def _located(
    run: ScheduledRun, file: ScheduleFile, locator: Locator, notes: Messages, reach: Callable[[Place], bool]
) -> Located | None:
    """Put a run's stops on the road; None, with a remark for each, where one cannot be found or reached.

    The stops of a feed are remarked on once, not at each run (see `_note_feed`).
    """
    located, lost = locator.locate(run), False
    for stop, place, label in zip(run.stops, located.places, located.labels, strict=True):
        if place is not None and reach(place):
            continue
        lost, variant = True, "" if place is None else "far"
        if not file.lines:
            notes.add("E-PLACE", variant=variant, sheet=run.sheet, row=stop.row, value=label, run=run.code)
    return None if lost else located


def _is_on_road(town: Town, place: Place) -> bool:
    try:
        town.roads.snap(place)
    except RoadError:
        return False
    return True


def _note_feed(town: Town, file: ScheduleFile, notes: Messages, reach: Callable[[Place], bool]) -> None:
    """Say which stops of a feed no road reaches, and that its plan is over if it is."""
    callers: dict[str, int] = defaultdict(int)
    for run in file.runs:
        for code in {stop.stop_code for stop in run.stops}:
            callers[code] += 1
    for entry in file.places.values():
        place = _place_of(entry)
        if place is not None and not reach(place):
            where = {"sheet": "stops.txt", "value": entry.name}
            notes.add("E-PLACE", variant="stop-far", row=entry.row, runs=callers[entry.code], **where)
    last = max((max([run.last, *(span.last for span in run.also_on)]) for run in file.runs), default=town.today())
    if last < town.today():
        notes.add("W-EXPIRED", value=last.isoformat())


def _note_days(town: Town, file: ScheduleFile, notes: Messages) -> None:
    """Say which runs are over, and which go on public holidays because nobody says anything of these."""
    today = town.today()
    last: dict[str, date] = {}
    for run in file.runs:
        last[run.code] = max([last.get(run.code, run.last), run.last, *(span.last for span in run.also_on)])
    over = [code for code, day in last.items() if day < today]
    if over and len(over) == len(last):
        notes.add("W-EXPIRED", variant="file", value=max(last.values()).isoformat())
    elif over:
        notes.add("W-EXPIRED", variant="runs", runs=", ".join(over))
    if town.holidays.closed is None and town.holidays.has(PUBLIC):
        _note_holidays(town, [run for run in file.runs if run.follows_town and not run.open_on], notes)


def _note_holidays(town: Town, silent: Sequence[ScheduledRun], notes: Messages) -> None:
    days = [town.today() + timedelta(days=n) for n in range(366)]
    for day in (day for day in days if town.holidays.find(PUBLIC, day) is not None):
        runs = list(dict.fromkeys(run.code for run in silent if run.runs_on(day, town.holidays) is not None))
        if runs:
            name = town.holidays.find(PUBLIC, day, notes.language)
            notes.add("W-HOLIDAY", variant="goes", day=day.isoformat(), name=name, runs=", ".join(runs))
            return


def _place_of(entry: PlaceEntry) -> Place | None:
    return None if entry.lat is None or entry.lon is None else Place(round(entry.lat, 6), round(entry.lon, 6))


def _of_day(
    town: Town, sound: Sequence[tuple[ScheduledRun, Located]], file: ScheduleFile, day: date, factors: Factors
) -> list[Published]:
    with town.store.read() as records:
        policy = rules.policy_on(records, town, day)
    made = (
        publish(run, file, located, day=day, policy=policy, factors=factors, holidays=town.holidays)
        for run, located in sound
    )
    return add_depots([one for one in made if one is not None], file.vehicles)


def _judge(town: Town, runs: Sequence[Published], notes: Messages) -> None:
    """Say once of each run what the road makes of its timetable; one that would break a promise takes no residents.

    Of its days, one of those on which it is slowest is judged.
    """
    slowest: dict[str, Published] = {}
    for one in runs:
        if one.code not in slowest or one.run.pace > slowest[one.code].run.pace:
            slowest[one.code] = one
    for one in slowest.values():
        for code, facts in _remarks(one.run, town):
            notes.add(code, run=one.code, value=one.labels.get(facts.pop("stop"), ("", True))[0], **facts)


def _remarks(run: Run, town: Town) -> Iterator[tuple[str, dict[str, Any]]]:
    if drive(run, town.roads) >= NO_WAY:
        yield "E-PLACE", {"stop": run.stops[0].id, "reason": ""}
        return
    depots = {stop.id for stop in run.stops if stop.depot}
    for fault in broken(run, town.roads):
        known = {Rule.BELL: "W-BELL", Rule.MAX_RIDE: "W-RIDE-LONG"}.get(fault.rule)
        code = known if known and fault.where not in depots else "W-VEHICLE-TIGHT"
        yield code, {"stop": fault.where, "minutes": str(-(-fault.excess // 60))}
    for visit in timetable(run, town.roads):
        planned = visit.stop.planned
        if planned is not None and visit.begin - planned > LATE:
            yield "W-LATE", {"stop": visit.stop.id, "minutes": str((visit.begin - planned) // 60)}
            return
