"""Read the records: domain runs, or rows that are detached from the database and safe to hand on."""

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, String, and_, cast, func, literal, or_, union
from sqlalchemy.orm import defer
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from matching import model
from routing.pace import Factors
from routing.times import Place
from webapp.db import rows
from webapp.db.access import AccessRecords
from webapp.db.errors import NotFound
from webapp.db.identity import IdentityRecords
from webapp.db.kept_runs import KeptRuns, State
from webapp.db.leases import LeaseReader
from webapp.db.ownership import Ownership
from webapp.db.person import PersonRecords
from webapp.db.tables import (
    AbsentDay,
    Agreement,
    AgreementSignature,
    AlertStep,
    Booking,
    CallBack,
    CallTurn,
    Card,
    ColumnNames,
    Confirmation,
    Consent,
    ConsentEnd,
    DriverPin,
    Event,
    FamilyNews,
    Feedback,
    GroupRecord,
    Guardian,
    LineLink,
    Member,
    Operator,
    Outbox,
    PaceFactor,
    Proxy,
    PushSubscription,
    Reach,
    Request,
    RiderProfile,
    RoadChange,
    RoadReview,
    RoadUpdate,
    RuleChange,
    RuleTrial,
    RunEvent,
    RunRide,
    RunStop,
    RunWatch,
    SavedPlace,
    Series,
    SignIn,
    Steering,
    Tablet,
    Upload,
    User,
    Vehicle,
)
from webapp.db.tables import Run as Head

Thing = TypeVar("Thing")
Row = TypeVar("Row", bound=SQLModel)
OfRun = TypeVar("OfRun", RunStop, RunRide, Event)

_STANDS = ~col(Head.removed)
"""What every search for runs says: such as left the schedule are looked up by their id alone, or not at all."""

_END_LABELS = (col(Request.origin_label), col(Request.destination_label))

MOST_NAMED = 500
"""Ids that one query names: databases bound how many."""

LONGEST_WAIT = timedelta(days=2)
"""No message is put off for so long."""

SHORTEST_SEARCH = 2
"""Letters or digits below which a search for people finds nobody, so that one letter never lists a town."""


TAIL = 7
"""Last digits by which two ways to write one phone number are known for the same."""


class Revision(NamedTuple):
    """What a run became at one revision; a run with no stops was removed then."""

    number: int
    cause: str
    at: datetime
    run: model.Run


class RunRows(NamedTuple):
    """All rows of a run: its head, its stops and rides in order of position, and what was told of it."""

    head: Head
    stops: list[RunStop]
    rides: list[RunRide]
    events: list[Event]


class Records(AccessRecords, IdentityRecords, Ownership, PersonRecords, LeaseReader):
    """One consistent view of the records. A row changed by its reader is not written by that."""

    def __init__(self, session: Session, timezone: ZoneInfo, kept: KeptRuns | None = None) -> None:
        self._session = session
        self._timezone = timezone
        self._kept = kept

    # Runs

    def get_run(self, run_id: str) -> model.Run:
        """Put a run together. Raises NotFound."""
        return _found(self.find_run(run_id), run_id)

    def find_run(self, run_id: str) -> model.Run | None:
        """Find a run that is in the schedule."""
        return next(iter(self._runs(col(Head.id) == run_id)), None)

    def list_runs(self, service_date: date, operator: str | None = None) -> list[model.Run]:
        """Put together all runs of a day, in order of id, with five queries at most, however many they are."""
        return self._runs(col(Head.service_date) == service_date, *_equal(Head.operator_id, operator))

    def get_run_head(self, run_id: str) -> Head:
        """Give the head of a run alone. Raises NotFound."""
        return self._get(Head, run_id)

    def name_vehicles(self, run_ids: Set[str]) -> dict[str, tuple[str, str]]:
        """Map a few runs to what people call their vehicles and their operators. Raises NotFound."""
        told = func.coalesce(func.nullif(Vehicle.description, ""), Head.vehicle)
        driven = (col(Vehicle.operator_id) == Head.operator_id, col(Vehicle.code) == Head.vehicle)
        chosen = select(col(Head.id), told, col(Operator.name)).join(Operator, col(Operator.id) == Head.operator_id)
        chosen = chosen.outerjoin(Vehicle, and_(*driven)).where(col(Head.id).in_(sorted(run_ids)))
        named = {run_id: (vehicle, operator) for run_id, vehicle, operator in self._session.exec(chosen)}
        for missing in run_ids - named.keys():
            raise NotFound(missing)
        return named

    def run_heads(self, service_date: date, operator: str | None = None) -> list[Head]:
        chosen = select(Head).where(Head.service_date == service_date, *_equal(Head.operator_id, operator), _STANDS)
        return self._rows(chosen.order_by(Head.id))

    def list_run_dates(self, operator: str | None = None) -> list[date]:
        """List the service dates that have runs, earliest first."""
        day = col(Head.service_date)
        chosen = select(day).where(*_equal(Head.operator_id, operator), _STANDS)
        return list(self._session.exec(chosen.distinct().order_by(day)))

    def list_ridden_dates(self, since: date) -> list[date]:
        """List the service dates from one on at whose runs residents ride."""
        day = col(Head.service_date)
        chosen = select(day).join(RunRide, col(RunRide.run_id) == Head.id)
        chosen = chosen.where(~col(RunRide.committed), day >= since, _STANDS)
        return list(self._session.exec(chosen.distinct().order_by(day)))

    def all_run_ids(self, service_date: date | None = None) -> list[str]:
        ids = select(Head.id).where(*_equal(Head.service_date, service_date), _STANDS)
        return list(self._session.exec(ids.order_by(Head.id)))

    def run_labels(self, run_id: str) -> dict[str, tuple[str, bool]]:
        """Map each stop id to its label, and whether only the driver may read it."""
        stops = self._rows(select(RunStop).where(RunStop.run_id == run_id).order_by(col(RunStop.position)))
        return {stop.id: (stop.label, stop.private) for stop in stops}

    def run_members(self, run_id: str) -> dict[str, str]:
        """Map the id of each ride that a member holds to the member's code."""
        rides = self._rows(select(RunRide).where(RunRide.run_id == run_id, RunRide.member != ""))
        return {ride.id: ride.member for ride in rides}

    def list_revisions(self, run_ids: Sequence[str]) -> dict[str, int]:
        """Map those of these runs that are in the schedule to their revisions."""
        found: dict[str, int] = {}
        for first in range(0, len(run_ids), MOST_NAMED):
            some = run_ids[first : first + MOST_NAMED]
            chosen = select(col(Head.id), col(Head.revision)).where(col(Head.id).in_(some), _STANDS)
            found |= dict(self._session.exec(chosen).all())
        return found

    def beside_runs(
        self, service_date: date, operator: str
    ) -> dict[str, tuple[dict[str, tuple[str, bool]], dict[str, str]]]:
        """Map each run of an operator's day to its labels and its members, as `run_labels` and `run_members` do."""
        wanted = (Head.service_date == service_date, Head.operator_id == operator, _STANDS)
        stops = select(RunStop.run_id, RunStop.id, RunStop.label, RunStop.private).join(Head).where(*wanted)
        rides = select(RunRide.run_id, RunRide.id, RunRide.member).join(Head).where(*wanted, RunRide.member != "")
        beside: dict[str, tuple[dict[str, tuple[str, bool]], dict[str, str]]] = defaultdict(lambda: ({}, {}))
        for run_id, stop, label, private in self._session.exec(stops):
            beside[run_id][0][stop] = (label, private)
        for run_id, ride, member in self._session.exec(rides):
            beside[run_id][1][ride] = member
        return beside

    def list_removed_heads(self, service_date: date, operator: str) -> list[Head]:
        """List the runs of an operator's day that left the schedule."""
        wanted = (Head.service_date == service_date, Head.operator_id == operator, col(Head.removed))
        return self._rows(select(Head).where(*wanted).order_by(Head.code))

    def day_events(self, service_date: date, operator: str) -> dict[str, list[Event]]:
        """Map each run of an operator's day to what happened on it, in the order in which it happened."""
        wanted = (Head.service_date == service_date, Head.operator_id == operator)
        return self._by_run(select(Event).join(Head).where(*wanted).order_by(col(Event.happened_at), Event.id))

    def day_watches(self, service_date: date, operator: str) -> dict[str, RunWatch]:
        """Map the runs of an operator's day to what their drivers' side is known to have, as far as it is known."""
        wanted = (Head.service_date == service_date, Head.operator_id == operator)
        return {one.run_id: one for one in self._rows(select(RunWatch).join(Head).where(*wanted))}

    def list_day_changes(self, service_date: date, operator: str, since: datetime) -> list[tuple[RunEvent, Head]]:
        """List what became of the runs of an operator's day from an instant on, oldest first, without the plans."""
        chosen = select(RunEvent, Head).join(Head, col(Head.id) == RunEvent.run_id)
        chosen = chosen.where(Head.operator_id == operator, Head.service_date == service_date)
        heavy: Any = RunEvent.plan
        wanted = chosen.where(col(RunEvent.at) >= since).options(defer(heavy))
        found = list(self._session.exec(wanted.order_by(col(RunEvent.at), RunEvent.run_id, col(RunEvent.revision))))
        self._session.expunge_all()
        return found

    def list_alert_steps(self, service_date: date, operator: str) -> list[AlertStep]:
        """List what an operator's dispatchers did about alerts of a service date, oldest first."""
        own = (AlertStep.operator_id == operator, AlertStep.service_date == service_date)
        return self._rows(select(AlertStep).where(*own).order_by(col(AlertStep.at), AlertStep.id))

    def history(self, run_id: str) -> list[Revision]:
        """List every plan that a run ever had, oldest first."""
        kept = self._rows(select(RunEvent).where(RunEvent.run_id == run_id).order_by(col(RunEvent.revision)))
        return [Revision(one.revision, one.cause, one.at, rows.plan_from_json(one.plan)) for one in kept]

    def list_events(self, run_id: str) -> list[Event]:
        """List what happened at a run's stops and was not taken back, in the order in which it happened."""
        return rows.standing(self.list_told(run_id))

    def list_told(self, run_id: str) -> list[Event]:
        """List all that was ever told of a run, what was taken back too, in the order in which it happened."""
        return self._rows(select(Event).where(Event.run_id == run_id).order_by(col(Event.happened_at), Event.id))

    def list_told_of_kinds(self, kinds: Sequence[str], since: datetime) -> list[tuple[Event, Head]]:
        """List what was told of kinds since an instant, on all runs, oldest first."""
        chosen = select(Event, Head).join(Head, col(Head.id) == Event.run_id)
        chosen = chosen.where(col(Event.kind).in_(kinds), col(Event.received_at) >= since)
        found = list(self._session.exec(chosen.order_by(col(Event.received_at), Event.id)))
        self._session.expunge_all()
        return found

    def find_revision(self, run_id: str, number: int) -> Revision | None:
        """Find what a run was at one revision."""
        one = self._first(select(RunEvent).where(RunEvent.run_id == run_id, RunEvent.revision == number))
        return Revision(one.revision, one.cause, one.at, rows.plan_from_json(one.plan)) if one else None

    def run_state(self, run_id: str) -> tuple[str, int, int, int] | None:
        """Give operator, revision, how much was told, and what the driver acknowledged, of a run: with one query."""
        told = select(func.count()).where(Event.run_id == run_id).scalar_subquery()
        chosen = select(Head.operator_id, Head.revision, told, func.coalesce(RunWatch.acknowledged, -1))
        joined = chosen.outerjoin(RunWatch, col(RunWatch.run_id) == Head.id).where(Head.id == run_id)
        row = self._session.exec(joined).first()
        return (str(row[0]), int(row[1]), int(row[2]), int(row[3])) if row else None

    def find_watch(self, run_id: str) -> RunWatch | None:
        return self._first(select(RunWatch).where(RunWatch.run_id == run_id))

    def list_open_watches(self, since: date) -> list[tuple[RunWatch, Head]]:
        """List the runs of service dates from one on that a device asked for and that nobody closed."""
        chosen = select(RunWatch, Head).join(Head, col(Head.id) == RunWatch.run_id)
        chosen = chosen.where(col(RunWatch.closed_at).is_(None), col(Head.service_date) >= since, _STANDS)
        found = list(self._session.exec(chosen.order_by(col(Head.service_date), Head.id)))
        self._session.expunge_all()
        return found

    def run_ids_with_events(self, since: date | None = None) -> list[str]:
        """List the runs of which a driver told anything, of all service dates or from one on."""
        later = () if since is None else (col(Head.service_date) >= since,)
        ids = select(Head.id).where(col(Head.id).in_(select(Event.run_id)), *later)
        return list(self._session.exec(ids.order_by(col(Head.service_date), Head.id)))

    def pace_factors(self) -> Factors:
        """Give how much slower than the empty road the town drives."""
        return rows.to_factors(self._rows(select(PaceFactor)))

    # People

    def get_user(self, user_id: str) -> User:
        """Give a user. Raises NotFound."""
        return self._get(User, user_id)

    def name_users(self, user_ids: Iterable[str]) -> dict[str, str]:
        """Map people's ids to their names."""
        wanted = sorted(set(user_ids))
        named: dict[str, str] = {}
        for first in range(0, len(wanted), MOST_NAMED):
            some = col(User.id).in_(wanted[first : first + MOST_NAMED])
            named |= dict(self._session.exec(select(col(User.id), col(User.name)).where(some)).all())
        return named

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
        """Find people by a part of the name, its reading or the phone number, two signs at least, or by their card.

        A number is found however its prefix is written: +358 40, 0040 and 040 are one beginning.
        """
        wanted, digits = text.strip(), "".join(filter(str.isdigit, text))
        if len(wanted) < SHORTEST_SEARCH:
            return []
        spoken = select(RiderProfile.user_id).where(col(RiderProfile.reading).icontains(wanted, autoescape=True))
        hits: list[ColumnElement[bool]] = [
            col(User.name).icontains(wanted, autoescape=True),
            col(User.id).in_(spoken),
        ]
        if len(digits) >= SHORTEST_SEARCH:
            hits += _has_number(digits)
            hits.append(col(User.id).in_(select(Card.user_id).where(Card.number == digits)))
        of_role = [] if role is None else [_has_role(role)]
        return self._rows(select(User).where(or_(*hits), *of_role).order_by(User.name, User.id).limit(limit))

    def list_names(self, role: str) -> list[tuple[str, str, str]]:
        """List the ids, the names and the readings of the people of a role."""
        chosen = select(col(User.id), col(User.name), func.coalesce(RiderProfile.reading, ""))
        chosen = chosen.join(RiderProfile, col(RiderProfile.user_id) == User.id, isouter=True).where(_has_role(role))
        return [(one, name, reading) for one, name, reading in self._session.exec(chosen.order_by(User.name, User.id))]

    def list_users_by_phone(self, ending: str, *, role: str) -> list[User]:
        """List the people of a role whose phone number ends with these digits."""
        chosen = select(User).where(_digits(User.phone).endswith(ending, autoescape=True), _has_role(role))
        return self._rows(chosen.order_by(User.name, User.id))

    def find_tablet(self, tablet_id: str) -> Tablet | None:
        return self._first(select(Tablet).where(Tablet.id == tablet_id))

    def list_tablets(self, operator_id: str) -> list[Tablet]:
        """List an operator's tablets that were not revoked, in the order in which they were enrolled."""
        own = (Tablet.operator_id == operator_id, col(Tablet.revoked_at).is_(None))
        return self._rows(select(Tablet).where(*own).order_by(col(Tablet.enrolled_at), Tablet.id))

    def list_drivers(self, operator_id: str) -> list[tuple[User, DriverPin | None]]:
        """List an operator's drivers by name, each with the PIN if one was set."""
        chosen = select(User, DriverPin).outerjoin(DriverPin, col(DriverPin.user_id) == User.id)
        chosen = chosen.where(User.operator_id == operator_id, _has_role("driver"), col(User.active))
        found: list[tuple[User, DriverPin | None]] = [
            (user, pin) for user, pin in self._session.exec(chosen.order_by(User.name, User.id))
        ]
        self._session.expunge_all()
        return found

    def find_sign_in(self, sign_in_id: str) -> SignIn | None:
        return self._first(select(SignIn).where(SignIn.id == sign_in_id))

    def find_card(self, *, id: str | None = None, number: str | None = None, link: str | None = None) -> Card | None:
        """Find a card by its id, its number or the digest of its picture, withdrawn or not."""
        wanted = [*_equal(Card.id, id), *_equal(Card.number, number), *_equal(Card.link, link)]
        return self._first(select(Card).where(*wanted))

    def find_valid_card(self, user_id: str) -> Card | None:
        """Find the one card of a person that was not withdrawn."""
        return self._first(select(Card).where(Card.user_id == user_id, col(Card.withdrawn_at).is_(None)))

    def find_profile(self, user_id: str) -> RiderProfile | None:
        return self._first(select(RiderProfile).where(RiderProfile.user_id == user_id))

    def list_group_records(self, user_id: str) -> list[GroupRecord]:
        """List what was decided of somebody's groups, oldest first."""
        chosen = select(GroupRecord).where(GroupRecord.user_id == user_id)
        return self._rows(chosen.order_by(col(GroupRecord.at), GroupRecord.id))

    def list_users_with_ends(self) -> list[User]:
        """List the people who hold a group that ends."""
        return self._rows(select(User).where(cast(User.groups_until, String) != "{}").order_by(User.name, User.id))

    # Places

    def list_saved_places(self, owner_id: str) -> list[SavedPlace]:
        """List what somebody saved, in the order in which it was saved."""
        own = select(SavedPlace).where(SavedPlace.owner_id == owner_id)
        return self._rows(own.order_by(col(SavedPlace.created_at), SavedPlace.id))

    def find_saved_place(self, place_id: str) -> SavedPlace | None:
        return self._first(select(SavedPlace).where(SavedPlace.id == place_id))

    def count_riders_by_place(self, since: datetime, least: int) -> dict[str, int]:
        """Map the names that at least so many people travelled from or to to how many; a person counts once."""
        asked = (col(Request.created_at) >= since, Request.status != "draft")
        ends = union(
            *(select(Request.rider_id, name.label("name")).where(*asked, name != "") for name in _END_LABELS)
        ).subquery()
        counted = select(ends.c.name, func.count()).group_by(ends.c.name).having(func.count() >= least)
        return {name: int(people) for name, people in self._session.exec(counted)}

    def published_at(self) -> datetime | None:
        """Tell when a schedule was last published; at once, however long the history is."""
        return self._session.exec(select(func.max(RunEvent.at)).where(RunEvent.cause == "published")).one()

    def list_public_stops(self, since: date) -> list[tuple[str, Place]]:
        """List the names of scheduled stops that any resident may use and anybody may read, from a date on."""
        public = (col(RunStop.residents), ~col(RunStop.private), ~col(RunStop.depot), RunStop.label != "")
        chosen = select(RunStop.label, RunStop.lat, RunStop.lon).join(Head).where(Head.service_date >= since, *public)
        found = self._session.exec(chosen.where(col(RunStop.sequence).is_not(None)).distinct())
        return sorted((label, Place(lat, lon)) for label, lat, lon in found)

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

    def list_member_codes(self, operator_id: str) -> list[str]:
        """List the codes of an operator's members: those who have a name, and those who are on a run."""
        named = select(Member.code).where(Member.operator_id == operator_id)
        riding = select(RunRide.member).join(Head, col(Head.id) == RunRide.run_id)
        riding = riding.where(Head.operator_id == operator_id, RunRide.member != "")
        return sorted({*self._session.exec(named), *self._session.exec(riding.distinct())})

    def list_member_runs(self, operator_id: str, member: str, since: date) -> list[tuple[date, str]]:
        """List the service dates and ids of the runs that hold a ride of a member, absent or not, from a date on."""
        chosen = select(col(Head.service_date), col(Head.id)).join(RunRide, col(RunRide.run_id) == Head.id)
        chosen = chosen.where(
            Head.operator_id == operator_id, RunRide.member == member, col(Head.service_date) >= since
        )
        return list(self._session.exec(chosen.distinct().order_by(col(Head.service_date), Head.id)))

    def list_guardians(
        self, *, user_id: str | None = None, operator: str | None = None, member: str | None = None
    ) -> list[Guardian]:
        """List who is whose guardian, as far as all that is given holds."""
        wanted = [*_equal(Guardian.user_id, user_id), *_equal(Guardian.operator_id, operator)]
        chosen = select(Guardian).where(*wanted, *_equal(Guardian.member, member))
        return self._rows(chosen.order_by(Guardian.operator_id, Guardian.member, Guardian.user_id))

    def list_absent_days(
        self, operator: str, *, since: date | None = None, member: str | None = None, service_date: date | None = None
    ) -> list[AbsentDay]:
        """List when members of an operator do not come, in order of member and date."""
        later = () if since is None else (col(AbsentDay.service_date) >= since,)
        wanted = [*_equal(AbsentDay.member, member), *_equal(AbsentDay.service_date, service_date), *later]
        chosen = select(AbsentDay).where(AbsentDay.operator_id == operator, *wanted)
        return self._rows(chosen.order_by(AbsentDay.member, col(AbsentDay.service_date)))

    def get_upload(self, upload_id: str) -> Upload:
        """Give an upload. Raises NotFound."""
        return self._get(Upload, upload_id)

    def find_confirmation(self, upload_id: str) -> Confirmation | None:
        return self._first(select(Confirmation).where(Confirmation.upload_id == upload_id))

    def list_confirmations(self, operator_id: str, since: datetime) -> list[Confirmation]:
        """List what an operator's dispatchers took in from an instant on, oldest first."""
        chosen = select(Confirmation).where(Confirmation.operator_id == operator_id, col(Confirmation.at) >= since)
        return self._rows(chosen.order_by(col(Confirmation.at), Confirmation.upload_id))

    def list_changes(self, operator_id: str, since: datetime) -> list[tuple[RunEvent, Head]]:
        """List what became of an operator's runs from an instant on, oldest first, without the plans."""
        chosen = select(RunEvent, Head).join(Head, col(Head.id) == RunEvent.run_id)
        chosen = chosen.where(Head.operator_id == operator_id, col(RunEvent.at) >= since)
        heavy: Any = RunEvent.plan
        found = list(self._session.exec(chosen.options(defer(heavy)).order_by(col(RunEvent.at), Head.code)))
        self._session.expunge_all()
        return found

    def list_column_names(self, operator_id: str) -> list[ColumnNames]:
        """List what an operator said that its own columns mean."""
        chosen = select(ColumnNames).where(ColumnNames.operator_id == operator_id)
        return self._rows(chosen.order_by(ColumnNames.header))

    def list_uploads(self, operator_id: str, limit: int = 10) -> list[Upload]:
        """List an operator's last uploads, newest first, without what they hold."""
        heavy: list[Any] = [Upload.content, Upload.schedule]
        chosen = select(Upload).where(Upload.operator_id == operator_id).options(*map(defer, heavy))
        return self._rows(chosen.order_by(col(Upload.created_at).desc(), Upload.id).limit(limit))

    def list_kept_uploads(self, operator: str | None = None) -> list[Upload]:
        """List the uploads that were taken in, of one operator or of all, oldest first, without what they hold."""
        heavy: list[Any] = [Upload.content, Upload.schedule]
        kept = select(Upload).where(Upload.status == "kept", *_equal(Upload.operator_id, operator))
        return self._rows(kept.options(*map(defer, heavy)).order_by(col(Upload.created_at), Upload.id))

    # Actions of dispatchers

    def get_steering(self, steering_id: str) -> Steering:
        """Give what a dispatcher wants done, or did. Raises NotFound."""
        return self._get(Steering, steering_id)

    def list_steerings(
        self, operator: str, *, service_date: date | None = None, since: date | None = None, status: str | None = None
    ) -> list[Steering]:
        """List what an operator's dispatchers want done, or did, oldest first."""
        later = () if since is None else (col(Steering.service_date) >= since,)
        wanted = (*_equal(Steering.service_date, service_date), *_equal(Steering.status, status), *later)
        chosen = select(Steering).where(Steering.operator_id == operator, *wanted)
        return self._rows(chosen.order_by(col(Steering.created_at), Steering.id))

    def list_steered(self, operator: str, since: date) -> dict[str, str]:
        """Map the runs that a dispatcher changed for their date, from a date on, to how: "changed" or "called off"."""
        rows = self.list_steerings(operator, since=since, status="done")
        changed = {run: "changed" for row in rows for run in row.outcome["steered"]}
        return changed | {run: "called off" for row in rows for run in row.outcome["gone"]}

    def list_guests(self, operator: str, service_date: date) -> set[str]:
        """List the rides (ids) that runs of a date carry for other runs of their operator."""
        chosen = select(RunRide.id).join(Head).where(Head.operator_id == operator, col(RunRide.guest))
        return set(self._session.exec(chosen.where(Head.service_date == service_date, _STANDS)))

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

    def list_bookings_since(self, first: date) -> list[Booking]:
        """List the bookings of a service date and of all after it, cancelled or not."""
        return self._rows(select(Booking).where(col(Booking.service_date) >= first).order_by(Booking.id))

    def list_put_aside(
        self, *, by: datetime | None = None, rider_id: str | None = None, run_id: str | None = None
    ) -> list[Booking]:
        """List the seats that wait for their rider's yes, of which all that is given holds, the nearest end first.

        by: only those whose time to answer is over then.
        """
        over = () if by is None else (col(Booking.answer_by) <= by,)
        aside = (col(Booking.answer_by).is_not(None), Booking.status == "booked", *over)
        chosen = select(Booking).where(*aside, *_equal(Booking.rider_id, rider_id), *_equal(Booking.run_id, run_id))
        return self._rows(chosen.order_by(col(Booking.answer_by), Booking.id))

    def get_series(self, series_id: str) -> Series:
        """Give weekly trips. Raises NotFound."""
        return self._get(Series, series_id)

    def find_series(self, series_id: str) -> Series | None:
        return self._first(select(Series).where(Series.id == series_id))

    def list_series(self, *, rider_id: str | None = None) -> list[Series]:
        """List the weekly trips of a rider, or of all, that nobody ended."""
        chosen = select(Series).where(col(Series.ended_at).is_(None), *_equal(Series.rider_id, rider_id))
        return self._rows(chosen.order_by(col(Series.created_at), Series.id))

    def list_series_requests(self, series_id: str) -> list[Request]:
        """List what was asked for as part of weekly trips, in order of the date."""
        chosen = select(Request).where(Request.series_id == series_id)
        return self._rows(chosen.order_by(col(Request.service_date), Request.id))

    def find_feedback(self, booking_id: str) -> Feedback | None:
        return self._first(select(Feedback).where(Feedback.booking_id == booking_id))

    def list_feedback(self, since: datetime) -> list[Feedback]:
        """List what riders said from an instant on, newest first."""
        chosen = select(Feedback).where(col(Feedback.at) >= since)
        return self._rows(chosen.order_by(col(Feedback.at).desc(), Feedback.booking_id))

    # Proxies

    def get_proxy(self, proxy_id: str) -> Proxy:
        """Give who was named to act for whom. Raises NotFound."""
        return self._get(Proxy, proxy_id)

    def list_proxies(self, *, rider_id: str | None = None, helper_id: str | None = None) -> list[Proxy]:
        """List who was named to act for a rider, or whom somebody was named to act for, as far as nobody ended it."""
        wanted = [*_equal(Proxy.rider_id, rider_id), *_equal(Proxy.helper_id, helper_id)]
        chosen = select(Proxy).where(col(Proxy.ended_at).is_(None), *wanted)
        return self._rows(chosen.order_by(col(Proxy.named_at), Proxy.id))

    # Agreements

    def get_agreement(self, agreement_id: str) -> Agreement:
        """Give an agreement. Raises NotFound."""
        return self._get(Agreement, agreement_id)

    def list_agreements(self, operator: str | None = None) -> list[Agreement]:
        """List the agreements of one operator or of all, newest first."""
        chosen = select(Agreement).where(*_equal(Agreement.operator_id, operator))
        return self._rows(chosen.order_by(col(Agreement.created_at).desc(), Agreement.id))

    def list_signed_agreements(self) -> list[Agreement]:
        """List the agreements that both parties have signed, those withdrawn since and those long over among them."""
        both = (
            select(AgreementSignature.agreement_id).group_by(AgreementSignature.agreement_id).having(func.count() == 2)
        )
        return self._rows(select(Agreement).where(col(Agreement.id).in_(both)).order_by(Agreement.id))

    def list_signatures(self, agreement_id: str) -> list[AgreementSignature]:
        """List who signed an agreement, in the order in which they did."""
        chosen = select(AgreementSignature).where(AgreementSignature.agreement_id == agreement_id)
        return self._rows(chosen.order_by(col(AgreementSignature.at), AgreementSignature.party))

    def count_residents(self, operator: str, runs: Sequence[str], first: date, last: date) -> int:
        """Count the residents on an operator's runs of some codes, or on all of them, from one date to another."""
        people = func.coalesce(func.sum(RunRide.seats + RunRide.wheelchairs), 0)
        query = select(people).join(Head, col(Head.id) == col(RunRide.run_id)).where(~col(RunRide.committed))
        query = query.where(Head.operator_id == operator, col(Head.service_date).between(first, last))
        kept = int(self._session.exec(query.where(col(Head.code).in_(runs)) if runs else query).one())
        return kept + self.count_past_residents(operator, runs, first, last)

    # Rules

    def list_rule_changes(self) -> list[RuleChange]:
        """List the rules that were switched on, in the order in which that was decided."""
        return self._rows(select(RuleChange).order_by(col(RuleChange.at), RuleChange.id))

    def get_rule_trial(self, trial_id: str) -> RuleTrial:
        """Give a trial of rules. Raises NotFound."""
        return self._get(RuleTrial, trial_id)

    # New roads

    def find_road_update(self, update_id: str) -> RoadUpdate | None:
        return self._first(select(RoadUpdate).where(RoadUpdate.id == update_id))

    def get_road_review(self, update_id: str, operator: str) -> RoadReview:
        """Give an operator's review of an update. Raises NotFound."""
        chosen = select(RoadReview).where(RoadReview.update_id == update_id, RoadReview.operator_id == operator)
        return _found(self._first(chosen), update_id)

    def list_road_reviews(self, operator: str, day: date) -> list[tuple[RoadUpdate, RoadReview]]:
        """List what an operator's dispatchers have not put away and may need on a date, newest first."""
        chosen = select(RoadUpdate, RoadReview).join(RoadReview).where(RoadReview.operator_id == operator)
        chosen = chosen.where(col(RoadReview.seen_at).is_(None), RoadReview.until >= day)
        found = list(self._session.exec(chosen.order_by(col(RoadUpdate.at).desc(), RoadUpdate.id)))
        self._session.expunge_all()
        return found

    def list_road_changes(self, update_id: str, operator: str) -> list[tuple[RoadChange, Head]]:
        """List an operator's runs that an update changed, as far as they are still scheduled, in order of date."""
        chosen = select(RoadChange, Head).join(Head, col(Head.id) == RoadChange.run_id)
        chosen = chosen.where(RoadChange.update_id == update_id, Head.operator_id == operator, _STANDS)
        found = list(self._session.exec(chosen.order_by(col(Head.service_date), Head.code)))
        self._session.expunge_all()
        return found

    # Messages

    def pending_outbox(self, limit: int, channel: str | None = None) -> list[Outbox]:
        """List messages that wait to be sent, oldest first, those behind which have failed more often."""
        chosen = select(Outbox).where(Outbox.state == "waiting", *_equal(Outbox.channel, channel))
        return self._rows(chosen.order_by(col(Outbox.attempts), col(Outbox.id)).limit(limit))

    def is_message_due(self, now: datetime, lease: timedelta) -> bool:
        """Is there a message that somebody should send now? lease: for how long messages are claimed."""
        return self._first(select(Outbox).where(*is_due(now, lease))) is not None

    def list_outbox(self, *states: str) -> list[Outbox]:
        """List the messages in some states, oldest first."""
        return self._rows(select(Outbox).where(col(Outbox.state).in_(states)).order_by(col(Outbox.id)))

    def get_message(self, outbox_id: int) -> Outbox:
        """Give a message. Raises NotFound."""
        return self._get(Outbox, outbox_id)

    def find_reach(self, user_id: str) -> Reach | None:
        return self._first(select(Reach).where(Reach.user_id == user_id))

    def list_push_subscriptions(self, user_id: str) -> list[PushSubscription]:
        """List the browsers that somebody let show messages, oldest first."""
        own = select(PushSubscription).where(PushSubscription.user_id == user_id)
        return self._rows(own.order_by(col(PushSubscription.created_at), PushSubscription.id))

    def find_line_link(self, *, user_id: str | None = None, code: str | None = None) -> LineLink | None:
        """Find the LINE account of somebody, or who was given a code."""
        return self._first(select(LineLink).where(*_equal(LineLink.user_id, user_id), *_equal(LineLink.code, code)))

    # Families

    def find_consent(self, consent_id: str) -> Consent | None:
        """Find a consent, withdrawn or not."""
        return self._first(select(Consent).where(Consent.id == consent_id))

    def list_consents(
        self,
        day: date | None = None,
        *,
        id: str | None = None,
        operator: str | None = None,
        member: str | None = None,
        subject: str | None = None,
        user_id: str | None = None,
    ) -> list[Consent]:
        """List the consents that nobody has withdrawn, those that count on a date or have not ended before `day`."""
        wanted = [*_equal(Consent.id, id), *_equal(Consent.operator_id, operator), *_equal(Consent.member, member)]
        wanted += [*_equal(Consent.subject_id, subject), *_equal(Consent.user_id, user_id)]
        if day is not None:
            wanted.append(or_(col(Consent.ends).is_(None), col(Consent.ends) >= day))
        chosen = select(Consent).where(*wanted, col(Consent.id).not_in(select(ConsentEnd.consent_id)))
        return self._rows(chosen.order_by(col(Consent.given_at), Consent.id))

    def list_family_news(self, run_id: str) -> list[FamilyNews]:
        """List what families were told of a run."""
        told = select(FamilyNews).where(FamilyNews.run_id == run_id)
        return self._rows(told.order_by(col(FamilyNews.at), col(FamilyNews.number)))

    def list_heard_runs(self, since: datetime) -> list[str]:
        """List the runs of which a driver told something from an instant on."""
        heard = select(col(Event.run_id)).where(col(Event.received_at) >= since).distinct()
        return sorted(self._session.exec(heard))

    def list_messages(self, kinds: Sequence[str], since: datetime) -> list[Outbox]:
        """List the messages of some kinds from an instant on, sent or not, oldest first."""
        chosen = select(Outbox).where(col(Outbox.kind).in_(kinds), col(Outbox.created_at) >= since)
        return self._rows(chosen.order_by(col(Outbox.created_at), col(Outbox.id)))

    def find_call_turn(self, user_id: str) -> CallTurn | None:
        return self._first(select(CallTurn).where(CallTurn.user_id == user_id))

    def list_call_turns(self) -> dict[str, CallTurn]:
        """Map the id of each person whom the desk took, or tried, to their turn."""
        return {turn.user_id: turn for turn in self._rows(select(CallTurn))}

    def list_told_matters(self, since: datetime) -> set[str]:
        """Name the matters that were told by telephone, or given up, from an instant on."""
        return set(self._session.exec(select(CallBack.matter).where(col(CallBack.at) >= since)))

    # How it is read

    def _runs(self, *wanted: ColumnElement[bool]) -> list[model.Run]:
        return self._read_runs(*wanted) if self._kept is None else self._known_runs(self._kept, *wanted)

    def _known_runs(self, kept: KeptRuns, *wanted: ColumnElement[bool]) -> list[model.Run]:
        """Read the states of runs, and put together only those that are kept in none or in another one."""
        told = select(func.count(), func.max(Event.received_at)).where(Event.run_id == Head.id)
        count, last = (told.with_only_columns(one).scalar_subquery() for one in told.selected_columns)
        states = self._session.exec(select(Head.id, Head.revision, count, last).where(*wanted, _STANDS))
        now = {run_id: State(revision, number, last) for run_id, revision, number, last in states}
        found = {run_id: kept.find(run_id, state) for run_id, state in now.items()}
        unknown = [run_id for run_id, run in found.items() if run is None]
        if unknown:
            some = (col(Head.id).in_(unknown),) if len(unknown) <= MOST_NAMED else wanted
            for run in self._read_runs(*some):
                found[run.id] = run
                kept.keep(run, now[run.id])
        return [run for _, run in sorted(found.items()) if run is not None]

    def _read_runs(self, *wanted: ColumnElement[bool]) -> list[model.Run]:
        return [rows.to_run(*kept, self._timezone) for kept in self._read_rows(*wanted)]

    def _read_rows(self, *wanted: ColumnElement[bool]) -> list[RunRows]:
        heads = self._rows(select(Head).where(*wanted, _STANDS).order_by(Head.id))
        if not heads:
            return []
        stops = self._by_run(select(RunStop).join(Head).where(*wanted).order_by(col(RunStop.position)))
        rides = self._by_run(select(RunRide).join(Head).where(*wanted).order_by(col(RunRide.position)))
        events = self._by_run(select(Event).join(Head).where(*wanted))
        return [RunRows(head, stops[head.id], rides[head.id], events[head.id]) for head in heads]

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


def is_due(now: datetime, lease: timedelta) -> tuple[ColumnElement[bool], ...]:
    """Say what holds for a message that should be sent now, and that no process is sending.

    What was put off or claimed for longer than anybody does was written before the clock was set back.
    """
    due, leased = col(Outbox.due_at), col(Outbox.leased_until)
    waits = (due.is_(None), due <= now, due > now + LONGEST_WAIT)
    free = (leased.is_(None), leased <= now, leased > now + lease)
    return (col(Outbox.state) == "waiting", or_(*waits), or_(*free))


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
    for mark in (" ", "-", "(", ")", "+", ".", "/"):
        bare = func.replace(bare, mark, "")
    return bare


def _has_number(digits: str) -> list[ColumnElement[bool]]:
    """Does a number hold these digits? Of whole numbers the zeros in front, and one side's country, are passed over."""
    kept, bare = _digits(User.phone), digits.lstrip("0")
    hits = [kept.contains(digits)]
    if len(bare) >= TAIL:
        short = func.ltrim(kept, "0")
        said_more = literal(bare).endswith(short, autoescape=False) & (func.length(short) >= TAIL)
        hits += [kept.contains(bare), said_more, kept.endswith(bare[-TAIL:])]
    return hits
