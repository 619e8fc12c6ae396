"""Read the records: domain runs, or rows that are detached from the database and safe to hand on."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, String, cast, func, or_
from sqlalchemy.orm import defer
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from matching import model
from webapp.db import rows
from webapp.db.errors import NotFound
from webapp.db.tables import (
    Booking,
    Event,
    Member,
    Operator,
    Outbox,
    Request,
    RunEvent,
    RunRide,
    RunStop,
    Upload,
    User,
    Vehicle,
)
from webapp.db.tables import Run as Head

Thing = TypeVar("Thing")
Row = TypeVar("Row", bound=SQLModel)
OfRun = TypeVar("OfRun", RunStop, RunRide, Event)

SHORTEST_SEARCH = 2
"""Letters or digits below which a search for people finds nobody, so that one letter never lists a town."""


class Revision(NamedTuple):
    """What a run became at one revision; a run with no stops was removed then."""

    number: int
    cause: str
    at: datetime
    run: model.Run


class Records:
    """One consistent view of the records. A row changed by its reader is not written by that."""

    def __init__(self, session: Session, timezone: ZoneInfo) -> None:
        self._session = session
        self._timezone = timezone

    # Runs

    def get_run(self, run_id: str) -> model.Run:
        """Put a run together. Raises NotFound."""
        return _found(self.find_run(run_id), run_id)

    def find_run(self, run_id: str) -> model.Run | None:
        return next(iter(self._runs(col(Head.id) == run_id)), None)

    def list_runs(self, service_date: date, operator: str | None = None) -> list[model.Run]:
        """Put together all runs of a day, in order of id, with four queries however many they are."""
        return self._runs(col(Head.service_date) == service_date, *_equal(Head.operator_id, operator))

    def get_run_head(self, run_id: str) -> Head:
        """Give the head of a run alone. Raises NotFound."""
        return self._get(Head, run_id)

    def run_heads(self, service_date: date, operator: str | None = None) -> list[Head]:
        chosen = select(Head).where(Head.service_date == service_date, *_equal(Head.operator_id, operator))
        return self._rows(chosen.order_by(Head.id))

    def list_run_dates(self, operator: str | None = None) -> list[date]:
        """List the service dates that have runs, earliest first."""
        day = col(Head.service_date)
        return list(self._session.exec(select(day).where(*_equal(Head.operator_id, operator)).distinct().order_by(day)))

    def all_run_ids(self, service_date: date | None = None) -> list[str]:
        ids = select(Head.id).where(*_equal(Head.service_date, service_date))
        return list(self._session.exec(ids.order_by(Head.id)))

    def run_labels(self, run_id: str) -> dict[str, tuple[str, bool]]:
        """Map each stop id to its label, and whether only the driver may read it."""
        stops = self._rows(select(RunStop).where(RunStop.run_id == run_id).order_by(col(RunStop.position)))
        return {stop.id: (stop.label, stop.private) for stop in stops}

    def run_members(self, run_id: str) -> dict[str, str]:
        """Map the id of each ride that a member holds to the member's code."""
        rides = self._rows(select(RunRide).where(RunRide.run_id == run_id, RunRide.member != ""))
        return {ride.id: ride.member for ride in rides}

    def history(self, run_id: str) -> list[Revision]:
        """List every plan that a run ever had, oldest first."""
        kept = self._rows(select(RunEvent).where(RunEvent.run_id == run_id).order_by(col(RunEvent.revision)))
        return [Revision(one.revision, one.cause, one.at, rows.plan_from_json(one.plan)) for one in kept]

    def list_events(self, run_id: str) -> list[Event]:
        """List what happened on a run, in the order in which it happened."""
        return self._rows(select(Event).where(Event.run_id == run_id).order_by(col(Event.happened_at), Event.id))

    # People

    def get_user(self, user_id: str) -> User:
        """Give a user. Raises NotFound."""
        return self._get(User, user_id)

    def find_user(
        self, *, id: str | None = None, email: str | None = None, fs_uniquifier: str | None = None
    ) -> User | None:
        """Find the user who has all that is given; nobody when nothing is."""
        wanted = [*_equal(User.id, id), *_equal(User.email, email), *_equal(User.fs_uniquifier, fs_uniquifier)]
        return self._first(select(User).where(*wanted)) if wanted else None

    def list_users(self, role: str | None = None) -> list[User]:
        chosen = select(User)
        if role is not None:
            chosen = chosen.where(_has_role(role))
        return self._rows(chosen.order_by(User.name, User.id))

    def search_users(self, text: str, limit: int = 10, *, role: str | None = None) -> list[User]:
        """Find people by a part of the name or by digits of the phone number; two letters or digits at least."""
        wanted, digits = text.strip(), "".join(filter(str.isdigit, text))
        if len(wanted) < SHORTEST_SEARCH:
            return []
        hits: list[ColumnElement[bool]] = [col(User.name).icontains(wanted, autoescape=True)]
        if len(digits) >= SHORTEST_SEARCH:
            hits.append(_digits(User.phone).contains(digits))
        of_role = [] if role is None else [_has_role(role)]
        return self._rows(select(User).where(or_(*hits), *of_role).order_by(User.name, User.id).limit(limit))

    # Operators

    def get_operator(self, operator_id: str) -> Operator:
        """Give an operator. Raises NotFound."""
        return self._get(Operator, operator_id)

    def list_operators(self) -> list[Operator]:
        return self._rows(select(Operator).order_by(Operator.name, Operator.id))

    def list_vehicles(self, operator_id: str) -> list[Vehicle]:
        return self._rows(select(Vehicle).where(Vehicle.operator_id == operator_id).order_by(Vehicle.code))

    def list_members(self, operator_id: str) -> dict[str, Member]:
        """Map the code of each of an operator's members to the member."""
        members = self._rows(select(Member).where(Member.operator_id == operator_id).order_by(Member.code))
        return {member.code: member for member in members}

    def get_upload(self, upload_id: str) -> Upload:
        """Give an upload. Raises NotFound."""
        return self._get(Upload, upload_id)

    def list_uploads(self, operator_id: str, limit: int = 10) -> list[Upload]:
        """List an operator's last uploads, newest first, without what they hold."""
        heavy: list[Any] = [Upload.content, Upload.schedule]
        chosen = select(Upload).where(Upload.operator_id == operator_id).options(*map(defer, heavy))
        return self._rows(chosen.order_by(col(Upload.created_at).desc(), Upload.id).limit(limit))

    def latest_schedules(self) -> list[Upload]:
        """List the newest kept upload of each file of each operator, oldest first."""
        kept = self._rows(select(Upload).where(Upload.status == "kept").order_by(col(Upload.created_at)))
        return list({(row.operator_id, row.filename): row for row in kept}.values())

    # Requests and bookings

    def get_request(self, request_id: str) -> Request:
        """Give a request. Raises NotFound."""
        return self._get(Request, request_id)

    def list_requests(
        self, service_date: date | None = None, status: str | None = None, rider_id: str | None = None
    ) -> list[Request]:
        """List the requests of which all that is given holds, oldest first."""
        wanted = [*_equal(Request.service_date, service_date), *_equal(Request.status, status)]
        chosen = select(Request).where(*wanted, *_equal(Request.rider_id, rider_id))
        return self._rows(chosen.order_by(col(Request.created_at), Request.id))

    def get_booking(self, booking_id: str) -> Booking:
        """Give a booking. Raises NotFound."""
        return self._get(Booking, booking_id)

    def find_booking(self, rider_id: str, key: str) -> Booking | None:
        """Find what a rider booked under an idempotency key."""
        return self._first(select(Booking).where(Booking.rider_id == rider_id, Booking.key == key))

    def list_bookings(
        self,
        *,
        rider_id: str | None = None,
        run_id: str | None = None,
        service_date: date | None = None,
        status: str | None = None,
    ) -> list[Booking]:
        """List the bookings of which all that is given holds, oldest first."""
        wanted = [*_equal(Booking.rider_id, rider_id), *_equal(Booking.run_id, run_id)]
        wanted += [*_equal(Booking.service_date, service_date), *_equal(Booking.status, status)]
        return self._rows(select(Booking).where(*wanted).order_by(col(Booking.created_at), Booking.id))

    # Messages

    def pending_outbox(self, limit: int) -> list[Outbox]:
        """List messages not sent yet, oldest first, those behind which have failed more often."""
        chosen = select(Outbox).where(col(Outbox.sent_at).is_(None))
        return self._rows(chosen.order_by(col(Outbox.attempts), col(Outbox.id)).limit(limit))

    # How it is read

    def _runs(self, *wanted: ColumnElement[bool]) -> list[model.Run]:
        heads = self._rows(select(Head).where(*wanted).order_by(Head.id))
        stops = self._by_run(select(RunStop).join(Head).where(*wanted).order_by(col(RunStop.position)))
        rides = self._by_run(select(RunRide).join(Head).where(*wanted).order_by(col(RunRide.position)))
        events = self._by_run(select(Event).join(Head).where(*wanted))
        zone = self._timezone
        return [rows.to_run(head, stops[head.id], rides[head.id], events[head.id], zone) for head in heads]

    def _by_run(self, chosen: SelectOfScalar[OfRun]) -> dict[str, list[OfRun]]:
        grouped: dict[str, list[OfRun]] = defaultdict(list)
        for row in self._rows(chosen):
            grouped[row.run_id].append(row)
        return grouped

    def _rows(self, chosen: SelectOfScalar[Row]) -> list[Row]:
        found = list(self._session.exec(chosen))
        self._session.expunge_all()
        return found

    def _first(self, chosen: SelectOfScalar[Row]) -> Row | None:
        return next(iter(self._rows(chosen.limit(1))), None)

    def _get(self, table: type[Row], key: str | int) -> Row:
        row = _found(self._session.get(table, key), key)
        self._session.expunge_all()
        return row


def _found(thing: Thing | None, key: str | int) -> Thing:
    if thing is None:
        raise NotFound(str(key))
    return thing


def _equal(column: object, value: object) -> Iterable[ColumnElement[bool]]:
    return () if value is None else (col(column) == value,)


def _has_role(role: str) -> ColumnElement[bool]:
    return cast(User.roles, String).contains(f'"{role}"', autoescape=True)


def _digits(column: object) -> ColumnElement[str]:
    bare: ColumnElement[str] = cast(column, String)
    for mark in (" ", "-", "(", ")", "+", "."):
        bare = func.replace(bare, mark, "")
    return bare
