"""The day as a dispatcher watches it: each run timed once, what is known of its driver, and who is still aboard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from matching.model import Run
from matching.schedule import Visit, expected, timetable
from webapp.db import tables
from webapp.services import dispatching, replacing, schedules
from webapp.services.dispatching import RunSheet
from webapp.services.errors import NotFound
from webapp.town import Town

LATE = 5 * 60
"""Seconds behind its own plan from which a run counts as late."""
DUE = 5 * 60
"""Seconds after its first minute from which a run without a sign of life should have begun."""
LOST = 3600
"""Seconds after its planned end until which a run that is not told of any more is still expected somewhere."""

AHEAD, DUE_NOW, UNDER_WAY, OVER, DONE = STATES = ("ahead", "due", "under way", "over", "done")
"""Not begun yet; should have begun; begun; its last stop has passed, but nobody ended it; ended."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One run on the board; its sheet is timed as it is expected now.

    late: seconds by which it is expected later than its own plan, at the stop ahead where that is most. late_at: that
    stop. aboard, open: people who boarded and have not got off; rides of which the driver told nothing, though the run
    is over. change: what a schedule file makes of it, empty for nothing; before: as it is without that file.
    """

    sheet: RunSheet
    state: str
    late: int = 0
    late_at: str = ""
    aboard: int = 0
    open: int = 0
    told: bool = False
    watch: tables.RunWatch | None = None
    change: str = ""
    before: tuple[Visit, ...] = ()

    @property
    def closed(self) -> bool:
        """Does it take no residents at all?"""
        return not self.sheet.run.policy.riders

    @property
    def is_late(self) -> bool:
        return self.late >= LATE


@dataclass(frozen=True, slots=True)
class Board:
    """An operator's service date on one page. now: second of that day.

    removed: runs that left the schedule, now or with the file. draft: the file with which the day is shown.
    """

    day: date
    now: int
    lanes: tuple[Lane, ...]
    removed: tuple[tables.Run, ...]
    sheet: dispatching.DaySheet
    drafts: tuple[tables.Upload, ...] = ()
    draft: tables.Upload | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """What the drivers' side is known to have said of the day's runs."""

    events: Mapping[str, Sequence[tables.Event]] = field(default_factory=dict)
    watches: Mapping[str, tables.RunWatch] = field(default_factory=dict)


def read_board(town: Town, day: date, *, operator: str, draft: str = "", language: str = "en") -> Board:
    """Read a service date, as it is in force, or as it would be with an uploaded file (`draft`: its id).

    Raises NotFound for a file that is none of the operator's, or that was taken in or dropped.
    """
    sheet = dispatching.read_day(town, day, operator=operator)
    with town.store.read() as records:
        told = _Told(records.day_events(day, operator), records.day_watches(day, operator))
        removed = tuple(records.list_removed_heads(day, operator))
        uploads = records.list_uploads(operator)
    drafts = tuple(row for row in uploads if row.status == "checked")
    lanes = tuple(
        lane_of(town, one, told.events.get(one.run.id, ()), told.watches.get(one.run.id)) for one in sheet.sheets
    )
    board = Board(day, town.seconds_now(day), lanes, removed, sheet, drafts)
    if not draft:
        return board
    chosen = next((row for row in drafts if row.id == draft), None)
    if chosen is None:
        raise NotFound("upload")
    look = schedules.look(town, draft, operator=operator, language=language)
    return _drafted(town, replace(board, draft=chosen), look.comparison)


def lane_of(town: Town, sheet: RunSheet, events: Sequence[tables.Event], watch: tables.RunWatch | None = None) -> Lane:
    """Say how far a run is, and how late. Only a run that is behind is timed more than once."""
    run, now = sheet.run, town.seconds_now(sheet.head.service_date)
    ended = (watch is not None and watch.closed_at is not None) or _is_left(run, events)
    told, ahead = bool(events), max(run.done, len(run.reached))
    plan_ends = sheet.visits[-1].begin
    late, late_at = 0, ""
    if told and not ended and now <= plan_ends + LOST:
        overdue = ahead < len(run.stops) and sheet.visits[ahead].begin < now
        if overdue:
            sheet = replace(sheet, visits=expected(run, town.roads, now))
        if overdue or run.reached:
            late, late_at = _lateness(town, run, sheet.visits, ahead)
    states = _states(run, events)
    return Lane(
        sheet=sheet,
        state=_state(sheet, now, told=told, ended=ended),
        late=late,
        late_at=late_at,
        aboard=sum(ride.party.people for ride in run.rides if states[ride.id] == "boarded"),
        open=sum(states[ride.id] == "expected" for ride in run.rides),
        told=told,
        watch=watch,
    )


def _is_left(run: Run, events: Sequence[tables.Event]) -> bool:
    """Did the driver tell that the last stop is left behind?"""
    return any(event.kind == "departed" and event.stop_id == run.stops[-1].id for event in events)


def _lateness(town: Town, run: Run, visits: Sequence[Visit], ahead: int) -> tuple[int, str]:
    """Give the most seconds by which a stop ahead is later than in the run's own plan, and that stop.

    Published minutes are rounded, and often cannot be driven: what counts is the plan as it could have been driven.
    """
    plan = timetable(replace(run, done=0, reached=(), frozen=0), town.roads)
    behind = [(new.begin - old.begin, new.stop.id) for new, old in zip(visits, plan, strict=True)][ahead:]
    return max(behind, key=lambda one: one[0], default=(0, ""))


def _state(sheet: RunSheet, now: int, *, told: bool, ended: bool) -> str:
    if ended:
        return DONE
    if now > sheet.visits[-1].departure:
        return OVER
    if told:
        return UNDER_WAY
    return DUE_NOW if now > sheet.begins + DUE else AHEAD


def _states(run: Run, events: Sequence[tables.Event]) -> dict[str, str]:
    """Say of each ride what was told of it last; expected where nothing was."""
    states = dict.fromkeys((ride.id for ride in run.rides), "expected")
    states.update((event.ride_id, event.kind) for event in events if event.ride_id in states)
    return states


def _drafted(town: Town, board: Board, comparison: replacing.Comparison) -> Board:
    """Put what a file would make of each run of the day in its place, beside what it is now."""
    kinds = {one.run: one for one in comparison.diffs if one.day == board.day}
    writes = {one.id: one for one in comparison.writes if one.id in kinds}
    lanes: list[Lane] = []
    for lane in board.lanes:
        diff, write = kinds.pop(lane.sheet.run.id, None), writes.get(lane.sheet.run.id)
        kind = "" if diff is None or diff.kind == replacing.UNCHANGED else diff.kind
        if write is None or write.run is None:
            lanes.append(replace(lane, change=kind))
        else:
            lanes.append(replace(_as_would_be(town, lane.sheet, write), change=kind, before=lane.sheet.visits))
    for run_id, diff in kinds.items():
        write = writes.get(run_id)
        if write is not None and write.run is not None:
            head = tables.Run(
                id=run_id, operator_id=write.run.operator, service_date=board.day, code=diff.code, name=diff.name,
                vehicle=write.run.vehicle, layouts=[], policy={},
            )  # fmt: skip
            empty = RunSheet(head, write.run, (), {}, (), ())
            lanes.append(replace(_as_would_be(town, empty, write), change=diff.kind))
    ordered = sorted(lanes, key=lambda lane: (lane.sheet.begins, lane.sheet.head.code))
    return replace(board, lanes=tuple(ordered))


def _as_would_be(town: Town, sheet: RunSheet, write: replacing.Write) -> Lane:
    run = write.run
    if run is None:
        raise ValueError("the run would leave the schedule")
    labels = {**sheet.labels, **{stop: text for stop, (text, _private) in write.labels.items()}}
    return lane_of(town, replace(sheet, run=run, labels=labels, visits=timetable(run, town.roads), faults=()), ())
