"""New roads under published runs: each future run is timed and judged once more, and its dispatcher is told."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import filelock

from matching.model import Broken, Rule, Run
from matching.retiming import Moved, Retimed, retimed
from matching.schedule import timetable
from routing.times import TravelTimes
from webapp.db import tables
from webapp.db.store import Door
from webapp.town import Town

LOCK = "road-review.lock"
"""File in the home folder that one process at a time holds while it judges: the others then find it done."""


@dataclass(frozen=True, slots=True)
class ChangedRun:
    """An operator's run that new roads changed, and what people call its stops."""

    head: tables.Run
    end: Moved
    most: Moved
    broken: tuple[Broken, ...]
    unreachable: tuple[str, ...]
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Notice:
    """What an operator's dispatchers are told of an update; `runs` were looked at."""

    update: tables.RoadUpdate
    runs: int
    changed: tuple[ChangedRun, ...]


def is_reviewed(town: Town) -> bool:
    """Were the runs judged on the roads that the town drives on?"""
    with town.store.read() as records:
        return records.find_road_update(town.roads.id) is not None


def review(town: Town, before: TravelTimes) -> bool:
    """Time and judge the runs ahead on the roads before and on the town's own; False when that was done already.

    What is found is written in one commit with the update itself: whoever is stopped before leaves all of it to others.
    """
    with filelock.FileLock(town.settings.home / LOCK):
        if is_reviewed(town):
            return False
        looked_at: dict[str, int] = defaultdict(int)
        changed: list[tuple[Run, Retimed]] = []
        for run in _runs_ahead(town, before):
            looked_at[run.operator] += 1
            found = retimed(run, before, town.roads)
            if found is not None:
                changed.append((run, found))
        return town.store.commit(lambda door: _write(door, town, looked_at, changed))


def list_notices(town: Town, operator: str) -> list[Notice]:
    """List what an operator's dispatchers should know of new roads and have not put away, newest first."""
    with town.store.read() as records:
        told = []
        for update, found in records.list_road_reviews(operator, town.today()):
            rows = records.list_road_changes(update.id, operator)
            changed = [_changed_run(row, head, records.run_labels(head.id)) for row, head in rows]
            told.append(Notice(update, found.runs, tuple(changed)))
    return told


def put_away(town: Town, update_id: str, *, operator: str, actor: str) -> None:
    """Show an operator's dispatchers a notice no longer. Raises NotFound when it is none of theirs."""

    def change(door: Door) -> None:
        found = door.get_road_review(update_id, operator)
        if found.seen_at is None:
            found.seen_at, found.seen_by = door.now(), actor
            door.put(found)

    town.store.commit(change)


def _runs_ahead(town: Town, before: TravelTimes) -> Iterator[Run]:
    """Give the runs from today on that have not begun."""
    today = town.today()
    with town.store.read() as records:
        days = [day for day in records.list_run_dates() if day >= today]
    for day in days:
        with town.store.read() as records:
            runs = records.list_runs(day)
        now = town.seconds_now(day)
        yield from (run for run in runs if not run.done and timetable(run, before)[0].begin >= now)


def _write(door: Door, town: Town, looked_at: dict[str, int], changed: list[tuple[Run, Retimed]]) -> bool:
    update = tables.RoadUpdate(id=town.roads.id, area=town.roads.name, at=door.now())
    if not door.add_road_update(update):
        return False
    for operator, runs in looked_at.items():
        dates = (date.fromisoformat(run.service_date) for run, _ in changed if run.operator == operator)
        until = max((town.today(), *dates))
        door.put(tables.RoadReview(update_id=update.id, operator_id=operator, runs=runs, until=until))
    for run, found in changed:
        door.put(_row(update.id, run.id, found))
    return True


def _row(update_id: str, run_id: str, found: Retimed) -> tables.RoadChange:
    return tables.RoadChange(
        update_id=update_id,
        run_id=run_id,
        end_stop=found.end.stop,
        end_before=found.end.before,
        end_after=found.end.after,
        most_stop=found.most.stop,
        most_before=found.most.before,
        most_after=found.most.after,
        broken=[[fault.rule.value, fault.where, fault.excess] for fault in found.broken],
        unreachable=list(found.unreachable),
    )


def _changed_run(row: tables.RoadChange, head: tables.Run, labels: dict[str, tuple[str, bool]]) -> ChangedRun:
    return ChangedRun(
        head=head,
        end=Moved(row.end_stop, row.end_before, row.end_after),
        most=Moved(row.most_stop, row.most_before, row.most_after),
        broken=tuple(Broken(Rule(rule), where, excess) for rule, where, excess in row.broken),
        unreachable=tuple(row.unreachable),
        labels={stop: label for stop, (label, _) in labels.items()},
    )
