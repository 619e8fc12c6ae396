"""Write the records: what may be done while the runs in question are locked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col, select

from matching import model, promises
from matching.model import Rule
from routing.times import TravelTimes
from webapp import freezing
from webapp.db import rows, tables
from webapp.db.errors import PromiseBroken, StoreError
from webapp.db.records import Records

Row = TypeVar("Row", bound=SQLModel)
OfRun = TypeVar("OfRun", tables.RunStop, tables.RunRide)
Clock = Callable[[], datetime]

NOBODY: Mapping[str, str] = MappingProxyType({})
UNLABELLED: Mapping[str, tuple[str, bool]] = MappingProxyType({})
SENSELESS = frozenset({Rule.ORDER, Rule.STOPS})
"""Rules whose breach makes a plan that no driver could follow; even a published schedule must keep these."""

BEHIND_KEEP = (tables.Run, tables.RunStop, tables.RunRide, tables.RunEvent, tables.Event)
"""Rows that `put` leaves alone: plans are judged first, histories and events are append-only."""


@dataclass(frozen=True, slots=True)
class RunHead:
    """What people call a run: its code in the schedule, and a name."""

    code: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Grip:
    """What one commit holds: the runs that it locked, the roads to judge by, the clock and its time zone."""

    locked: frozenset[str]
    times: TravelTimes | None
    clock: Clock
    timezone: ZoneInfo


class Door(Records):
    """The records inside `Store.commit`: read what is locked, write, and leave; the commit follows by itself."""

    def __init__(self, session: Session, grip: Grip) -> None:
        super().__init__(session, grip.timezone)
        self._grip = grip

    def now(self) -> datetime:
        """Tell the time: UTC without an offset."""
        moment = self._grip.clock()
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment

    def keep(
        self,
        run: model.Run,
        *,
        cause: str,
        actor: str | None = None,
        labels: Mapping[str, tuple[str, bool]] = UNLABELLED,
        members: Mapping[str, str] = NOBODY,
        head: RunHead | None = None,
        as_published: bool = False,
    ) -> model.Run:
        """Judge a run, write its plan, and return it with its new revision. There is no other way to write a plan.

        labels: of new stops, (text, only its driver may read it); a stop that is kept keeps its own.
        members: ride id -> member code, for new committed rides. head: needed for a new run; renames a kept one.
        as_published: keep what a schedule says of a run that is new, or that no resident and no event has touched,
        although it is late; what no driver could follow is refused all the same. Of any other run the stops stay that
        are too near to be changed.

        Raises PromiseBroken, or StoreError when the kept run is not locked, or not the one that `run` was made from.
        """
        before = self.find_run(run.id)
        self._check_base(run, before)
        self._judge(run, before, as_published=as_published)
        done, reached = (before.done, before.reached) if before else (0, ())
        revision = self._next_revision(run.id, before)
        kept = replace(run, revision=revision, done=done, reached=reached, frozen=0)
        self._append(kept, cause, actor)
        self._write_head(kept, head)
        self._write_stops(kept, labels)
        self._write_rides(kept, members)
        return kept

    def remove(self, run_id: str, *, cause: str, actor: str | None = None) -> None:
        """Take a run out of the schedule; its history stays, and ends with a plan of no stops.

        Raises StoreError when a resident rides on it, or when a booking or an event was ever made on it.
        """
        run = self.get_run(run_id)
        self._check_base(run, run)
        if run.residents or self.list_bookings(run_id=run_id) or self.list_events(run_id):
            raise StoreError(f"run {run_id} has residents or a past: it can be changed, not removed")
        self._append(replace(run, revision=self._next_revision(run_id, run), stops=(), rides=()), cause, actor)
        for table in (tables.RunRide, tables.RunStop):
            self._session.exec(delete(table).where(col(table.run_id) == run_id))
        self._session.exec(delete(tables.Run).where(col(tables.Run.id) == run_id))

    def put(self, row: Row) -> Row:
        """Insert or update one row of any other table, at once; return it as it is kept, with its id."""
        if isinstance(row, BEHIND_KEEP):
            raise StoreError(f"{type(row).__name__} rows are written by keep, remove and add_event alone")
        kept = self._session.merge(row)
        self._flush()
        return kept

    def add_event(self, event: tables.Event) -> bool:
        """Append what happened at a stop; False when this event was there already, and then nothing changes."""
        insert: Any = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}[self._session.get_bind().dialect.name]
        once = insert(tables.Event).values(event.model_dump()).on_conflict_do_nothing(index_elements=["id"])
        return self._session.connection().execute(once.returning(col(tables.Event.id))).first() is not None

    def mark_sent(self, outbox_id: int) -> None:
        """Note that a message went out. Raises NotFound."""
        message = self._get(tables.Outbox, outbox_id)
        message.sent_at, message.attempts, message.error = self.now(), message.attempts + 1, ""
        self.put(message)

    def mark_failed(self, outbox_id: int, error: str) -> None:
        """Note that a message could not be sent, and why. Raises NotFound."""
        message = self._get(tables.Outbox, outbox_id)
        message.attempts, message.error = message.attempts + 1, error
        self.put(message)

    def _check_base(self, run: model.Run, before: model.Run | None) -> None:
        if before is None:
            return
        if run.id not in self._grip.locked:
            raise StoreError(f"run {run.id} was not locked by this commit")
        if run.revision != before.revision:
            raise StoreError(f"run {run.id} was made from revision {run.revision}, but {before.revision} is kept")
        if (run.operator, run.service_date) != (before.operator, before.service_date):
            raise StoreError(f"run {run.id} cannot move to another operator or day")

    def _judge(self, run: model.Run, before: model.Run | None, *, as_published: bool) -> None:
        if self._grip.times is None:
            raise StoreError("a run is kept only by a commit that has travel times to judge it by")
        untouched = before is None or not (before.residents or before.done or self.list_events(run.id))
        if as_published and untouched:
            faults = [fault for fault in promises.broken(run, self._grip.times) if fault.rule in SENSELESS]
        else:
            near = before and freezing.freeze(before, self._grip.times, self.now(), self._grip.timezone)
            faults = promises.broken(run, self._grip.times, near)
        if faults:
            raise PromiseBroken(faults)

    def _next_revision(self, run_id: str, before: model.Run | None) -> int:
        """Count on from the plan that was judged, so that two writers who saw the same plan never both succeed.

        A run that was removed and comes back goes on where its history ends.
        """
        if before is not None:
            return before.revision + 1
        last = select(func.max(tables.RunEvent.revision)).where(tables.RunEvent.run_id == run_id)
        revision = self._session.exec(last).one()
        return 0 if revision is None else revision + 1

    def _append(self, run: model.Run, cause: str, actor: str | None) -> None:
        plan = rows.plan_to_json(run)
        become = tables.RunEvent(
            run_id=run.id, revision=run.revision, at=self.now(), cause=cause, actor=actor, plan=plan
        )
        self._session.add(become)
        self._flush()

    def _write_head(self, run: model.Run, head: RunHead | None) -> None:
        kept = self._session.get(tables.Run, run.id)
        if head is None and kept is None:
            raise StoreError(f"run {run.id} is new: say what people call it")
        if head is None and kept is not None:
            head = RunHead(kept.code, kept.name)
        if head is not None:
            self._session.merge(rows.to_head(run, head.code, head.name))
        self._flush()

    def _write_stops(self, run: model.Run, labels: Mapping[str, tuple[str, bool]]) -> None:
        said = {**labels, **self.run_labels(run.id)}
        made = [rows.to_stop_row(run.id, k, stop, said.get(stop.id, ("", True))) for k, stop in enumerate(run.stops)]
        self._replace(tables.RunStop, run.id, made)

    def _write_rides(self, run: model.Run, members: Mapping[str, str]) -> None:
        held = {**members, **self.run_members(run.id)}
        made = [rows.to_ride_row(run.id, k, ride, held.get(ride.id, "")) for k, ride in enumerate(run.rides)]
        self._replace(tables.RunRide, run.id, made)

    def _replace(self, table: type[OfRun], run_id: str, made: Iterable[OfRun]) -> None:
        """Make a run's rows equal to those made; only what differs is written."""
        gone = {row.id: row for row in self._session.exec(select(table).where(col(table.run_id) == run_id))}
        for row in made:
            self._session.merge(row)
            gone.pop(row.id, None)
        for row in gone.values():
            self._session.delete(row)
        self._flush()

    def _flush(self) -> None:
        self._session.flush()
        self._session.expunge_all()
