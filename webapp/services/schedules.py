"""A dispatcher hands in a schedule file: it is checked, shown, and kept as a whole or not at all."""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from pydantic import TypeAdapter

from matching.metrics import drive
from matching.model import Capacity, Rule, Run
from matching.promises import broken
from matching.schedule import timetable
from routing.times import NO_WAY, RoadError
from webapp.db import tables
from webapp.db.store import Door, RunHead
from webapp.files.canonical import read_schedule
from webapp.files.field_names import FieldNames
from webapp.files.messages import Message, Messages
from webapp.files.scheduled import ScheduledRun, ScheduleFile
from webapp.publishing import Located, Published, add_depots, locate, publish
from webapp.resources import data_path
from webapp.services.errors import Conflict, NotFound
from webapp.town import Town

TOO_FAST, FAST = 120, 80
"""Kilometres an hour between two stops: impossible, and worth a look."""
SCHEDULE = TypeAdapter(ScheduleFile)
LATE = 180
"""Seconds by which the road makes a run late on its own minutes before a dispatcher is told: minutes are rounded."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file says and what keeping it would do: the runs of each date, and every remark about it."""

    file: ScheduleFile
    runs: tuple[Published, ...]
    messages: tuple[Message, ...]

    @property
    def refused(self) -> bool:
        return any(message.severity == "error" for message in self.messages)

    @property
    def dates(self) -> list[str]:
        return sorted({one.run.service_date for one in self.runs})


@dataclass(frozen=True, slots=True)
class Kept:
    """How many runs of a file were new, changed and unchanged, and the codes of those held back for their residents."""

    new: int
    changed: int
    unchanged: int
    held: tuple[str, ...]


def check(town: Town, content: bytes, filename: str, *, operator: str, language: str = "en") -> Checked:
    """Read a schedule file and put its runs on the road; nothing is kept."""
    file = read_schedule(content, filename, language=language, names=FieldNames.load(data_path("field_names.toml")))
    return _expand(town, file, operator, language)


def _expand(town: Town, file: ScheduleFile, operator: str, language: str) -> Checked:
    notes = Messages(language)
    located = [(run, _located(run, file, town, notes)) for run in file.runs]
    sound = [(replace(run, operator=operator), place) for run, place in located if place is not None]
    runs: list[Published] = []
    for n in range(town.settings.horizon_days):
        runs += _of_day(town, sound, file, town.today() + timedelta(days=n))
    _judge(town, runs, notes)
    messages = (*file.messages, *notes.listed(len(file.runs)))
    return Checked(file, tuple(runs), messages)


def upload(town: Town, content: bytes, filename: str, *, operator: str, actor: str | None) -> tables.Upload:
    """Put a file aside for its dispatcher to look at and confirm."""
    row = tables.Upload(
        id=secrets.token_urlsafe(12),
        operator_id=operator,
        user_id=actor,
        filename="".join(filter(str.isprintable, filename))[-120:] or "-",
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        created_at=town.clock(),
    )
    return town.store.commit(lambda door: door.put(row))


def get_upload(town: Town, upload_id: str, *, operator: str) -> tables.Upload:
    """Give an operator's own upload. Raises NotFound for any other."""
    with town.store.read() as records:
        row = records.get_upload(upload_id)
    if row.operator_id != operator:
        raise NotFound("upload")
    return row


def confirm(town: Town, upload_id: str, *, operator: str, actor: str) -> Kept:
    """Keep what an upload showed, all of it at once. Raises Conflict when it has errors or was kept before."""
    row = get_upload(town, upload_id, operator=operator)
    if row.content is None:
        raise Conflict("upload done")
    checked = check(town, row.content, row.filename, operator=operator)
    if checked.refused:
        raise Conflict("upload refused")
    return keep(town, checked, operator=operator, actor=actor, upload=row)


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
    """Keep checked runs: new ones, changed ones on which no resident rides, and none that is as it was."""

    def change(door: Door) -> Kept:
        if upload is not None and door.get_upload(upload.id).content is None:
            raise Conflict("upload done")
        _keep_vehicles(door, checked, operator)
        kept = _keep_runs(door, checked.runs, actor)
        if upload is not None:
            upload.content, upload.status, upload.runs = None, "kept", kept.new + kept.changed
            upload.schedule = SCHEDULE.dump_python(replace(checked.file, messages=()), mode="json")
            door.put(upload)
        return kept

    return town.store.commit(change, runs=[one.run.id for one in checked.runs], times=town.roads)


def extend(town: Town) -> int:
    """Make the runs of the days that have come into view since each operator's last upload; count them."""
    with town.store.read() as records:
        schedules = records.latest_schedules()
    new = 0
    for row in schedules:
        checked = _expand(town, SCHEDULE.validate_python(row.schedule), row.operator_id, town.settings.language)
        with town.store.read() as records:
            fresh = tuple(one for one in checked.runs if records.find_run(one.run.id) is None)
        new += keep(town, replace(checked, runs=fresh), operator=row.operator_id, actor=None).new if fresh else 0
    return new


def _keep_runs(door: Door, runs: Sequence[Published], actor: str | None) -> Kept:
    new = changed = unchanged = 0
    held = []
    for one in runs:
        known = door.find_run(one.run.id)
        head = RunHead(one.code, one.name)
        if known is not None and _same(known, one.run):
            unchanged += 1
        elif known is not None and (known.residents or known.done or door.list_events(known.id)):
            held.append(f"{one.code} {one.run.service_date}")
        else:
            new, changed = new + (known is None), changed + (known is not None)
            run = one.run if known is None else replace(one.run, revision=known.revision)
            door.keep(
                run,
                cause="published",
                actor=actor,
                labels=one.labels,
                members=one.members,
                head=head,
                as_published=True,
            )
    return Kept(new, changed, unchanged, tuple(held))


def _keep_vehicles(door: Door, checked: Checked, operator: str) -> None:
    for one in checked.file.vehicles.values():
        capacity = Capacity.of(one.seats or 0, one.wheelchairs, one.seats_per_wheelchair)
        layouts = [[layout.seats, layout.wheelchairs, layout.stowage] for layout in capacity.layouts]
        door.put(tables.Vehicle(operator_id=operator, code=one.code, layouts=layouts, description=one.description))


def _same(known: Run, new: Run) -> bool:
    """Is the schedule of a kept run the one that is handed in, whatever residents ride on it?"""
    stops = tuple(stop for stop in known.stops if stop.scheduled)
    rides = tuple(ride for ride in known.rides if ride.committed)
    return replace(known, stops=stops, rides=rides, revision=0, done=0, reached=(), frozen=0) == new


def _located(run: ScheduledRun, file: ScheduleFile, town: Town, notes: Messages) -> Located | None:
    """Put a run's stops on the road; None, with a remark for each, where one cannot be found or reached."""
    located, lost = locate(run, file, town.places), False
    for stop, place, label in zip(run.stops, located.places, located.labels, strict=True):
        if place is not None:
            try:
                town.roads.snap(place)
                continue
            except RoadError:
                pass
        lost, variant = True, "" if place is None else "far"
        notes.add("E-PLACE", variant=variant, sheet=run.sheet, row=stop.row, value=label, run=run.code)
    return None if lost else located


def _of_day(
    town: Town, sound: Sequence[tuple[ScheduledRun, Located]], file: ScheduleFile, day: date
) -> list[Published]:
    made = (publish(run, file, located, day=day, policy=town.policy) for run, located in sound)
    return add_depots([one for one in made if one is not None], file.vehicles)


def _judge(town: Town, runs: Sequence[Published], notes: Messages) -> None:
    """Say once of each run what the road makes of its timetable; one that would break a promise takes no residents."""
    seen: set[str] = set()
    for one in runs:
        if one.code in seen:
            continue
        seen.add(one.code)
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
