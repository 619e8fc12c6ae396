"""Write the records: what may be done while the runs in question are locked."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, bindparam, delete, func, inspect, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col, select

from matching import model, promises
from matching.model import Rule
from matching.schedule import baseline
from routing.pace import Factors
from routing.times import TravelTimes
from webapp import freezing
from webapp.db import rows, tables
from webapp.db.errors import PromiseBroken, StoreError
from webapp.db.expiry import Expiry
from webapp.db.identity import IdentityChanges
from webapp.db.leases import LeaseWriter
from webapp.db.records import Records, is_due

Row = TypeVar("Row", bound=SQLModel)
Once = (
    tables.Event
    | tables.RoadUpdate
    | tables.AbsentDay
    | tables.Agreement
    | tables.AgreementSignature
    | tables.RuleChange
    | tables.Confirmation
    | tables.Consent
    | tables.ConsentEnd
    | tables.FamilyNews
    | tables.GroupRecord
    | tables.CallBack
    | tables.AlertStep
    | tables.PlaceRead
)
OfRun = TypeVar("OfRun", tables.Run, tables.RunStop, tables.RunRide)
Clock = Callable[[], datetime]

NOBODY: Mapping[str, str] = MappingProxyType({})
UNLABELLED: Mapping[str, tuple[str, bool]] = MappingProxyType({})
SENSELESS = frozenset({Rule.ORDER, Rule.STOPS})
"""Rules whose breach makes a plan that no driver could follow; even a published schedule must keep these."""

FREEING = frozenset({"absent", "cancelled", "published", "replaced", "goes after all", "service again"})
"""Causes of revisions that may have made room for somebody who waits."""

BEHIND_KEEP = (
    tables.Run,
    tables.RunStop,
    tables.RunRide,
    tables.RunEvent,
    tables.Event,
    tables.Consent,
    tables.ConsentEnd,
    tables.Lease,
    tables.PlaceRead,
    tables.RefusedAccess,
    tables.ErasedPerson,
    tables.IdentityEvent,
)
"""Rows that `put` leaves alone: plans are judged first; histories, events and consents are append-only."""


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


class Door(IdentityChanges, Records, Expiry, LeaseWriter):
    """The records inside `Store.commit`: read what is locked, write, and leave; the commit follows by itself."""

    def __init__(self, session: Session, grip: Grip) -> None:
        super().__init__(session, grip.timezone)
        self._grip = grip
        self.makes = set[str]()
        """Kinds of work that what was written makes."""

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
        dropped: Collection[str] = (),
        stranded: Collection[str] = (),
    ) -> model.Run:
        """Judge a run, write its plan, and return it with its new revision. There is no other way to write a plan.

        labels: of new stops, (text, only its driver may read it); a stop that is kept keeps its own.
        members: ride id -> member code, for new committed rides. head: needed for a new run; renames a kept one.
        as_published: keep what a schedule says of a run that is new, or of which nothing has happened yet, although it
        is late; what no driver could follow is refused all the same. Its labels and members take the place of what was
        kept; residents ride on as they were promised, on a run that they make no worse, but for those rides that are
        `dropped` (ids) and whom somebody answers for. Of any other run the stops stay that are too near to be changed.

        stranded: rides (ids) that leave a vehicle on its way because it broke down, or board it again.

        Raises PromiseBroken, or StoreError when the kept run is not locked, or not the one that `run` was made from.
        """
        found = next(iter(self._read_rows(col(tables.Run.id) == run.id, ~col(tables.Run.removed))), None)
        before = rows.to_run(*found, self._grip.timezone) if found else None
        self._check_base(run, before)
        told = bool(found and found.events)
        self._judge(run, before, told=told, as_published=as_published, dropped=dropped, stranded=stranded)
        done, reached = (before.done, before.reached) if before else (0, ())
        revision = self._next_revision(run.id, before)
        kept = replace(run, revision=revision, done=done, reached=reached, frozen=0)
        self._append(kept, cause, actor)
        if cause in FREEING:
            self.makes.add("waiting")
        stops, rides = (found.stops, found.rides) if found else ([], [])
        said = {stop.id: (stop.label, stop.private) for stop in stops}
        held = {ride.id: ride.member for ride in rides if ride.member}
        self._write_head(kept, head, found.head if found else self._session.get(tables.Run, run.id))
        self._write(stops, rows.to_stop_rows(kept, {**said, **labels} if as_published else {**labels, **said}))
        named = members if as_published and members is not NOBODY else {**members, **held}
        self._write(rides, rows.to_ride_rows(kept, named))
        return kept

    def remove(self, run_id: str, *, cause: str, actor: str | None = None, dropped: Collection[str] = ()) -> None:
        """Take a run out of the schedule; its history stays, and ends with a plan of no stops.

        dropped: residents' rides (ids) on it for whom somebody answers. Raises StoreError when any other resident rides
        on it, when a booking on it still stands, or when an event was ever told of it.
        """
        run = self.get_run(run_id)
        self._check_base(run, run)
        booked = self.list_bookings(run_id=run_id)
        relied = {ride.id for ride in run.residents} - {*dropped} or any(one.status == "booked" for one in booked)
        if relied or self.list_told(run_id):
            raise StoreError(f"run {run_id} has residents or a past: it can be changed, not removed")
        self._append(
            replace(run, revision=self._next_revision(run_id, run), stops=(), rides=(), absent=(), skipped=()),
            cause,
            actor,
        )
        for table in (tables.RunRide, tables.RunStop, tables.RunWatch):
            self._session.exec(delete(table).where(col(table.run_id) == run_id))
        watched = self._session.get(tables.RunWatch, run_id) is not None
        if booked or watched:
            head = self.get_run_head(run_id)
            head.removed = True
            self._session.merge(head)
            self._flush()
        else:
            self._session.exec(delete(tables.Run).where(col(tables.Run.id) == run_id))

    def put(self, row: Row) -> Row:
        """Insert or update one row of any other table, at once; return it as it is kept, with its id."""
        if isinstance(row, BEHIND_KEEP):
            raise StoreError(f"{type(row).__name__} rows are written by keep, remove and the add_ methods alone")
        if isinstance(row, tables.Outbox) and row.state == "waiting":
            self.makes.add("messages")
        kept = self._session.merge(row)
        self._flush()
        return kept

    def put_factors(self, factors: Factors) -> None:
        """Keep how much slower than the empty road the town drives, in place of what was kept."""
        for row in rows.to_factor_rows(factors):
            self.put(row)

    def forget_place(self, place_id: str) -> None:
        """Delete a saved place, if it is there."""
        self._session.exec(delete(tables.SavedPlace).where(col(tables.SavedPlace.id) == place_id))

    def forget_absent_day(self, day: tables.AbsentDay) -> None:
        """Delete a day on which a member was not to come, if it is there."""
        self._forget(day)

    def forget_guardian(self, guardian: tables.Guardian) -> None:
        """Delete that somebody is a member's guardian, if they are."""
        self._forget(guardian)

    def add_event(self, event: tables.Event) -> bool:
        """Append what happened at a stop; False when this event was there already, and then nothing changes."""
        return self._add_once(event)

    def add_absent_day(self, day: tables.AbsentDay) -> bool:
        """Insert a day on which a member does not come; False when it was there already, and then nothing changes."""
        return self._add_once(day)

    def add_road_update(self, update: tables.RoadUpdate) -> bool:
        """Append an update of the roads; False when another process has judged it already."""
        return self._add_once(update)

    def add_agreement(self, agreement: tables.Agreement) -> bool:
        """Append an agreement; False when it was drafted already, and then nothing changes."""
        return self._add_once(agreement)

    def add_confirmation(self, confirmation: tables.Confirmation) -> bool:
        """Append who took a file in; False when that was done already, and then nothing changes."""
        return self._add_once(confirmation)

    def lock_operator(self, operator_id: str) -> None:
        """Let nobody else who locks it publish runs of this operator meanwhile: runs that are new cannot be locked."""
        held = select(tables.Operator.id).where(tables.Operator.id == operator_id)
        self._session.exec(held.with_for_update()).all()

    def forget_column_names(self, names: tables.ColumnNames) -> None:
        """Delete what an operator said of its columns, if it is there."""
        self._forget(names)

    def add_signature(self, signature: tables.AgreementSignature) -> bool:
        """Append a party's signature; False when that party has signed already, and then nothing changes."""
        return self._add_once(signature)

    def add_alert_step(self, step: tables.AlertStep) -> bool:
        """Append what a dispatcher did about an alert; False when that was kept already, and then nothing changes."""
        return self._add_once(step)

    def add_rule_change(self, change: tables.RuleChange) -> bool:
        """Append that rules were switched on; False when that was kept already, and then nothing changes."""
        return self._add_once(change)

    def add_group_record(self, record: tables.GroupRecord) -> bool:
        """Append what was decided of a group; False when that was kept already, and then nothing changes."""
        return self._add_once(record)

    def add_call_back(self, told: tables.CallBack) -> bool:
        """Append that a matter was told by telephone; False when it was told already, and then nothing changes."""
        return self._add_once(told)

    def hold_agreements(self, operator: str) -> None:
        """Wait until nobody else fills what an operator's agreements admit in all, and keep others waiting likewise."""
        bounded = select(tables.Agreement.id).where(
            tables.Agreement.operator_id == operator, col(tables.Agreement.quota_in_all).is_not(None)
        )
        self._session.exec(bounded.order_by(tables.Agreement.id).with_for_update()).all()

    def count_sign_in(self, key: str, starts: datetime) -> int:
        """Count one more try of a key in the period that starts then; tell the how manieth it is."""
        insert: Any = self._insert(tables.SignInCount).values(key=key, starts=starts, tries=1)
        more = {"tries": tables.SignInCount.__table__.c.tries + 1}  # type: ignore[attr-defined]
        counted = insert.on_conflict_do_update(index_elements=["key", "starts"], set_=more)
        return int(self._session.connection().execute(counted.returning(col(tables.SignInCount.tries))).scalar_one())

    def take_try(self, sign_in_id: str, *, since: datetime, most: int) -> tables.SignIn | None:
        """Use up one try of a code that may still be guessed; nobody else has the same try."""
        row = tables.SignIn
        open_still = (col(row.proved_at).is_(None), col(row.created_at) > since, col(row.tries) < most)
        return self._change(row, (col(row.id) == sign_in_id, *open_still), tries=col(row.tries) + 1)

    def prove(self, *, since: datetime, id: str | None = None, link: str | None = None) -> tables.SignIn | None:
        """Note once that somebody had the code, or the link, of a sign-in that is not older."""
        row = tables.SignIn
        named = col(row.id) == id if link is None else col(row.link) == link
        return self._change(
            row, (named, col(row.proved_at).is_(None), col(row.created_at) > since), proved_at=self.now()
        )

    def end_sign_in(self, sign_in_id: str, *, since: datetime) -> tables.SignIn | None:
        """Use up a sign-in that was proved: it lets one person in, once."""
        row = tables.SignIn
        proved = (col(row.id) == sign_in_id, col(row.ended_at).is_(None), col(row.proved_at) > since)
        return self._change(row, proved, ended_at=self.now())

    def take_card_try(self, link: str, *, most: int) -> tables.Card | None:
        """Use up one try of a card that is valid and not locked."""
        row = tables.Card
        valid = (col(row.link) == link, col(row.withdrawn_at).is_(None), col(row.tries) < most)
        return self._change(row, valid, tries=col(row.tries) + 1)

    def forget_sign_ins(self, before: datetime) -> None:
        """Delete what is left of tries to sign in from before then."""
        self._session.exec(delete(tables.SignIn).where(col(tables.SignIn.created_at) < before))
        self._session.exec(delete(tables.SignInCount).where(col(tables.SignInCount.starts) < before))

    def add_place_read(self, read: tables.PlaceRead) -> bool:
        """Append that somebody looked at a place; False when that was kept already, and then nothing changes."""
        return self._add_once(read)

    def count_refused(self, row: tables.RefusedAccess) -> int:
        """Count that something was refused to somebody; tell the how manieth time it is in its quarter of an hour."""
        insert: Any = self._insert(tables.RefusedAccess).values(row.model_dump())
        more = {"times": tables.RefusedAccess.__table__.c.times + 1}  # type: ignore[attr-defined]
        keys = ["reader_id", "kind", "endpoint", "starts"]
        counted = insert.on_conflict_do_update(index_elements=keys, set_=more)
        return int(self._session.connection().execute(counted.returning(col(tables.RefusedAccess.times))).scalar_one())

    @contextmanager
    def erasing(self, reason: str) -> Iterator[None]:
        """Change or delete, within the block, what is append-only: personal data whose time has come."""
        self._session.add(tables.Erasure(reason=reason))
        self._flush()
        yield
        self._session.exec(delete(tables.Erasure))

    def add_consent(self, consent: tables.Consent) -> bool:
        """Append a consent; False when it was given already, and then nothing changes."""
        return self._add_once(consent)

    def end_consent(self, end: tables.ConsentEnd) -> bool:
        """Append that a consent was withdrawn; False when it was already, and then nothing changes."""
        return self._add_once(end)

    def add_family_news(self, news: tables.FamilyNews) -> bool:
        """Append that somebody is told of a ride; False when another process tells the same."""
        return self._add_once(news)

    def correct_family_news(self, news: tables.FamilyNews) -> bool:
        """Note that what was told is taken back; False when another process has done so."""
        row = tables.FamilyNews
        same = [column == getattr(news, column.name) for column in inspect(row).primary_key]
        return self._change(row, (*same, col(row.corrected_at).is_(None)), corrected_at=self.now()) is not None

    def forget_push_subscription(self, subscription_id: str) -> None:
        """Delete a browser that shows messages no more, if it is there."""
        gone = col(tables.PushSubscription.id) == subscription_id
        self._session.exec(delete(tables.PushSubscription).where(gone))

    def claim_messages(self, limit: int, lease: timedelta) -> list[tables.Outbox]:
        """Take messages that are due for oneself, so that no other process sends them before the lease ends."""
        row = tables.Outbox
        chosen = select(row.id).where(*is_due(self.now(), lease)).order_by(col(row.attempts), col(row.id)).limit(limit)
        ids = list(self._session.exec(chosen.with_for_update(skip_locked=True)))
        changed = update(row).where(col(row.id).in_(ids)).values(leased_until=self.now() + lease).returning(row)
        taken = list(self._session.scalars(changed)) if ids else []
        self._session.expunge_all()
        return sorted(taken, key=lambda one: (one.attempts, one.id))

    def free_messages(self, ids: Collection[int] | None = None) -> None:
        """Let claimed messages be sent by anybody at once: some, or all of a worker that fell silent."""
        row = tables.Outbox
        claimed = [col(row.state) == "waiting", col(row.leased_until).is_not(None)]
        claimed += [] if ids is None else [col(row.id).in_(ids)]
        self._session.exec(update(row).where(*claimed).values(leased_until=None))

    def take_pin_try(self, user_id: str, *, most: int) -> tables.DriverPin | None:
        """Use up one try of a driver's PIN that is not locked."""
        row = tables.DriverPin
        return self._change(row, (col(row.user_id) == user_id, col(row.tries) < most), tries=col(row.tries) + 1)

    def mark_sent(self, outbox_id: int, via: str = "") -> None:
        """Note that a message went out, and by which channel. Raises NotFound."""
        message = self._get(tables.Outbox, outbox_id)
        message.sent_at, message.attempts, message.error = self.now(), message.attempts + 1, ""
        message.state, message.via, message.leased_until = "sent", via, None
        self.put(message)

    def mark_failed(self, outbox_id: int, error: str, due_at: datetime | None = None) -> None:
        """Note that a message could not be sent, why, and when to try again. Raises NotFound."""
        message = self._get(tables.Outbox, outbox_id)
        message.attempts, message.error = message.attempts + 1, error
        message.due_at, message.leased_until = due_at, None
        self.put(message)

    def mark_message(self, outbox_id: int, state: str, *, error: str = "", due_at: datetime | None = None) -> None:
        """Put a message into another state, or let it wait until `due_at`. Raises NotFound."""
        message = self._get(tables.Outbox, outbox_id)
        message.state, message.due_at, message.leased_until = state, due_at, None
        message.error = error or message.error
        self.put(message)

    def _forget(self, row: tables.AbsentDay | tables.Guardian | tables.ColumnNames) -> None:
        table = type(row)
        key = (column == getattr(row, column.name) for column in inspect(table).primary_key)
        self._session.exec(delete(table).where(*key))

    def _add_once(self, row: Once) -> bool:
        """Insert a row unless its key is there; a writer of the same row is waited for."""
        table = type(row)
        key = inspect(table).primary_key
        once = self._insert(table).values(row.model_dump()).on_conflict_do_nothing(index_elements=[*key])
        return self._session.connection().execute(once.returning(key[0])).first() is not None

    def _insert(self, table: type[SQLModel]) -> Any:
        kinds: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
        return kinds[self._session.get_bind().dialect.name](table)

    def _change(self, table: type[Row], wanted: Iterable[ColumnElement[bool]], **values: Any) -> Row | None:
        """Change the one row of which all that is wanted holds; two who want the same row are never both given it."""
        changed = update(table).where(*wanted).values(**values).returning(table)
        row = self._session.scalars(changed, execution_options={"populate_existing": True}).first()
        self._session.expunge_all()
        return row

    def _check_base(self, run: model.Run, before: model.Run | None) -> None:
        if before is None:
            return
        if run.id not in self._grip.locked:
            raise StoreError(f"run {run.id} was not locked by this commit")
        if run.revision != before.revision:
            raise StoreError(f"run {run.id} was made from revision {run.revision}, but {before.revision} is kept")
        if (run.operator, run.service_date) != (before.operator, before.service_date):
            raise StoreError(f"run {run.id} cannot move to another operator or day")

    def _judge(
        self,
        run: model.Run,
        before: model.Run | None,
        *,
        told: bool,
        as_published: bool,
        dropped: Collection[str],
        stranded: Collection[str],
    ) -> None:
        if self._grip.times is None:
            raise StoreError("a run is kept only by a commit that has travel times to judge it by")
        near = before and freezing.freeze(before, self._grip.times, self.now(), self._grip.timezone)
        begun = near is not None and bool(near.done or told or (near.residents and near.fixed))
        if as_published and not begun:
            faults = [*self._misses(run, before, dropped), *_senseless(run, self._grip.times)]
        else:
            faults = promises.broken(run, self._grip.times, near, stranded=stranded)
        if faults:
            raise PromiseBroken(faults)

    def _misses(self, run: model.Run, before: model.Run | None, dropped: Collection[str]) -> list[model.Broken]:
        """List the promises to residents that a new schedule of a run does not keep. Raises StoreError for a lost one.

        A resident makes no run worse than it is by its own schedule.
        """
        worse = promises.broken(run, self._grip.times, baseline(run)) if run.residents and self._grip.times else []
        if before is None:
            return worse
        told = replace(before, rides=tuple(ride for ride in before.rides if ride.id not in dropped))
        if {ride.id for ride in told.residents} - {ride.id for ride in run.rides}:
            raise StoreError(f"run {run.id} would lose residents of whom nobody said so")
        return [*promises.carried(told, run), *worse]

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

    def _write_head(self, run: model.Run, head: RunHead | None, kept: tables.Run | None) -> None:
        if kept is not None:
            head = head or RunHead(kept.code, kept.name)
        if head is None:
            raise StoreError(f"run {run.id} is new: say what people call it")
        self._write([kept] if kept else [], [rows.to_head(run, head.code, head.name)])

    def _write(self, kept: Sequence[OfRun], made: Sequence[OfRun]) -> None:
        """Make rows of a run equal to those made; only what differs is written."""
        gone, changed = {row.id: row for row in kept}, defaultdict[tuple[str, ...], list[dict[str, Any]]](list)
        for row in made:
            old = gone.pop(row.id, None)
            if old is None:
                self._session.add(row)
                continue
            now = {name: said for name, said in row.model_dump().items() if said != getattr(old, name)}
            if now:
                named = {f"of_{key.name}": getattr(row, key.name) for key in inspect(type(row)).primary_key}
                changed[tuple(now)].append(named | {f"now_{name}": said for name, said in now.items()})
        for row in gone.values():
            self._session.delete(row)
        self._flush()
        for names, values in changed.items():
            self._change_each(type(made[0]), names, values)

    def _change_each(self, table: type[SQLModel], names: Iterable[str], values: list[dict[str, Any]]) -> None:
        """Change the same columns of several rows by one statement."""
        same = [key == bindparam(f"of_{key.name}") for key in inspect(table).primary_key]
        now: dict[str, Any] = {name: bindparam(f"now_{name}") for name in names}
        changed = inspect(table).local_table.update()
        self._session.connection().execute(changed.where(*same).values(now), values)

    def _flush(self) -> None:
        self._session.flush()
        self._session.expunge_all()


def _senseless(run: model.Run, times: TravelTimes) -> list[model.Broken]:
    return [fault for fault in promises.broken(run, times) if fault.rule in SENSELESS]
