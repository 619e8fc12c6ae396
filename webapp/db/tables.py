"""Rows as they are kept: SQLModel tables without behaviour.

Instants are UTC without an offset; times of a service day are whole seconds from its start (noon minus twelve hours);
money is whole cents or yen. Opaque ids are random text, so that no address tells anything of a person.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel


def _json() -> Any:
    return Column(JSON, nullable=False)


def _column(default: str) -> dict[str, Any]:
    """Give a column that came later what rows written before have in it (SQL)."""
    return {"server_default": text(default)}


def _instant() -> Any:
    """Name the column type: SQLModel would choose one that, in newer versions, refuses instants without an offset."""
    return Field(sa_type=DateTime)


class Operator(SQLModel, table=True):
    """A school, a care facility, or whoever else runs vehicles.

    absence_notice, absence_closes: an absence is told so many seconds before the run's first stop at the latest, or by
    this second of the service day (negative: on an earlier day) where that is set.
    """

    id: str = Field(primary_key=True)
    name: str
    kind: str
    absence_notice: int = Field(default=3600, sa_column_kwargs=_column("3600"))
    absence_closes: int | None = None


class User(SQLModel, table=True):
    """Somebody who signs in, or for whom the desk acts. The first columns are those that flask-security reads.

    language: what they chose to read; empty while they have not, and then their browser tells. text_size, contrast: how
    they read it, "" as usual. people, wheelchairs, needs, stowage, max_walk: who travels on their trips as a rule.
    home_id: the saved place where most of their trips start, if any.
    groups_until: the last service date on which they hold one of their groups, as ISO 8601; none for good.
    """

    id: str = Field(primary_key=True)
    email: str | None = Field(default=None, unique=True)
    password: str | None = None
    active: bool = True
    fs_uniquifier: str = Field(unique=True)
    roles: list[str] = Field(sa_column=_json())
    operator_id: str | None = Field(default=None, foreign_key="operator.id")
    name: str
    phone: str = Field(default="", index=True)
    language: str = ""
    groups: list[str] = Field(sa_column=_json())
    groups_until: dict[str, str] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False, server_default=text("'{}'"))
    )
    max_walk: int = 300
    people: int = Field(default=1, sa_column_kwargs=_column("1"))
    wheelchairs: int = Field(default=0, sa_column_kwargs=_column("0"))
    needs: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False, **_column("'[]'")))
    stowage: int = Field(default=0, sa_column_kwargs=_column("0"))
    home_id: str | None = None
    text_size: str = Field(default="", sa_column_kwargs=_column("''"))
    contrast: str = Field(default="", sa_column_kwargs=_column("''"))
    created_at: datetime = _instant()


class RiderProfile(SQLModel, table=True):
    """What a resident signed on paper, and what the desk needs to call them by: only the desk reads it.

    reading: the name as it is spoken (kana). consent_on: the date beside the signature. helper: whom to call for them.
    """

    __tablename__ = "rider_profile"
    user_id: str = Field(foreign_key="user.id", primary_key=True)
    reading: str = ""
    address: str = ""
    helper_name: str = ""
    helper_phone: str = ""
    note: str = ""
    consent_on: date | None = None
    entered_by: str = Field(foreign_key="user.id")
    entered_at: datetime = _instant()


class GroupRecord(SQLModel, table=True):
    """What the desk decided of a group that a resident holds: append-only.

    decision: asked (on paper, without proof yet), verified or withdrawn. document: kind of paper that was seen. until:
    last service date that it proves, none for good.
    """

    __tablename__ = "group_record"
    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="user.id", index=True)
    group_name: str
    decision: str
    document: str = ""
    until: date | None = None
    by: str = Field(foreign_key="user.id")
    at: datetime = _instant()


class CallTurn(SQLModel, table=True):
    """Whose turn it is to call a resident back, how often that was tried in vain, and when it is tried again.

    last_key: of the form that changed it last, so that sending it twice changes nothing.
    """

    __tablename__ = "call_turn"
    user_id: str = Field(foreign_key="user.id", primary_key=True)
    taken_by: str | None = Field(default=None, foreign_key="user.id")
    taken_at: datetime | None = Field(default=None, sa_type=DateTime)
    tries: int = 0
    again_at: datetime | None = Field(default=None, sa_type=DateTime)
    last_key: str = ""


class CallBack(SQLModel, table=True):
    """A matter that a resident was told by telephone, or that was given up: append-only, one for each matter."""

    __tablename__ = "call_back"
    matter: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="user.id", index=True)
    result: str
    by: str = Field(foreign_key="user.id")
    at: datetime = _instant()


class SignIn(SQLModel, table=True):
    """Somebody on the way in. Neither code nor link is kept: both are derived from the id and the town's secret key.

    link: SHA-256 of the link's token. channel: email, text or card. user_ids: who it can be; nobody where the address
    is not known, which only the records tell. Guessed `tries` times, proved once, ended when the person was in.
    account: pseudonym of the address, known or not, under which guesses are counted.
    """

    __tablename__ = "sign_in"
    id: str = Field(primary_key=True)
    link: str = Field(unique=True)
    channel: str
    user_ids: list[str] = Field(sa_column=_json())
    tries: int = 0
    created_at: datetime = _instant()
    proved_at: datetime | None = Field(default=None, sa_type=DateTime)
    ended_at: datetime | None = Field(default=None, sa_type=DateTime)
    account: str = Field(default="", sa_column_kwargs=_column("''"))


class SignInCount(SQLModel, table=True):
    """How often one account, or one network address, tried to sign in within a period; `key` tells neither."""

    __tablename__ = "sign_in_count"
    key: str = Field(primary_key=True)
    starts: datetime = Field(primary_key=True, sa_type=DateTime)
    tries: int


class Card(SQLModel, table=True):
    """A card by which a resident signs in. link: SHA-256 of what its picture says; pin: argon2; tries: wrong in a row.

    number: eight digits by which the desk finds the person; they open nothing.
    """

    id: str = Field(primary_key=True)
    number: str = Field(unique=True)
    link: str = Field(unique=True)
    user_id: str = Field(foreign_key="user.id", index=True)
    pin: str
    tries: int = 0
    issued_at: datetime = _instant()
    issued_by: str = Field(foreign_key="user.id")
    withdrawn_at: datetime | None = Field(default=None, sa_type=DateTime)


class SavedPlace(SQLModel, table=True):
    """A place that its owner calls `label` ("Home") and the map `name`; only the owner and the desk may see it."""

    __tablename__ = "saved_place"
    __table_args__ = (UniqueConstraint("owner_id", "label"),)
    id: str = Field(primary_key=True)
    owner_id: str = Field(foreign_key="user.id")
    label: str
    name: str
    lat: float
    lon: float
    created_at: datetime = _instant()


class Vehicle(SQLModel, table=True):
    """A vehicle of an operator; `layouts` lists the [seats, wheelchairs, stowage] that it can take."""

    operator_id: str = Field(foreign_key="operator.id", primary_key=True)
    code: str = Field(primary_key=True)
    layouts: list[list[int]] = Field(sa_column=_json())
    description: str = ""


class Member(SQLModel, table=True):
    """A committed rider of an operator, known to plans by code alone; only that operator's drivers see the name."""

    operator_id: str = Field(foreign_key="operator.id", primary_key=True)
    code: str = Field(primary_key=True)
    name: str = ""


class Guardian(SQLModel, table=True):
    """A resident who may say that a member of an operator does not come."""

    user_id: str = Field(foreign_key="user.id", primary_key=True)
    operator_id: str = Field(foreign_key="operator.id", primary_key=True)
    member: str = Field(primary_key=True)


class Consent(SQLModel, table=True):
    """That somebody may be told of the rides of a member, or of a resident: append-only.

    operator_id, member or subject_id: of whom. user_id: who is told, where that is somebody who signs in; else email.
    kinds: of services.wording.NEWS. starts, ends: first and last service date. basis: "paper" (it lies with the
    operator), "self" (the resident said so here) or "records" (it was in the records before there were consents).
    text: version of what they were shown, or signed.
    """

    id: str = Field(primary_key=True)
    operator_id: str | None = Field(default=None, foreign_key="operator.id", index=True)
    member: str = ""
    subject_id: str | None = Field(default=None, foreign_key="user.id", index=True)
    user_id: str | None = Field(default=None, foreign_key="user.id", index=True)
    email: str = ""
    kinds: list[str] = Field(sa_column=_json())
    starts: date
    ends: date | None = None
    basis: str
    given_by: str | None = Field(default=None, foreign_key="user.id")
    given_at: datetime = _instant()
    text: str = Field(default="1", sa_column_kwargs=_column("'1'"))


class ConsentEnd(SQLModel, table=True):
    """When a consent was withdrawn, and by whom; nobody where a link in a message was used. Append-only."""

    __tablename__ = "consent_end"
    consent_id: str = Field(primary_key=True, foreign_key="consent.id")
    at: datetime = _instant()
    ended_by: str | None = Field(default=None, foreign_key="user.id")


class FamilyNews(SQLModel, table=True):
    """What somebody was told of a ride, so that no resend and no second device tells it twice.

    recipient: id of a user, or an address. number: how often it was told before. amount: of a delay, its seconds.
    corrected_at: when it was taken back, since the driver had corrected it.
    """

    __tablename__ = "family_news"
    run_id: str = Field(primary_key=True)
    ride_id: str = Field(primary_key=True)
    recipient: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    consent_id: str = Field(foreign_key="consent.id")
    amount: int = 0
    at: datetime = _instant()
    corrected_at: datetime | None = Field(default=None, sa_type=DateTime)


class Reach(SQLModel, table=True):
    """How somebody wants to be told: channels in order, and from when until when nothing is to ring.

    quiet_from, quiet_until: seconds of the day; None for the town's own, both the same for no quiet hours.
    """

    user_id: str = Field(primary_key=True, foreign_key="user.id")
    channels: list[str] = Field(sa_column=_json())
    quiet_from: int | None = None
    quiet_until: int | None = None


class PushSubscription(SQLModel, table=True):
    """A browser that somebody let show messages; `id` is SHA-256 of its endpoint."""

    __tablename__ = "push_subscription"
    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="user.id", index=True)
    endpoint: str
    p256dh: str
    auth: str
    created_at: datetime = _instant()


class LineLink(SQLModel, table=True):
    """Somebody's LINE account, once they have sent the code; `code` is kept under a keyed hash."""

    __tablename__ = "line_link"
    user_id: str = Field(primary_key=True, foreign_key="user.id")
    line_id: str = ""
    code: str = Field(default="", index=True)
    code_at: datetime | None = Field(default=None, sa_type=DateTime)


class AbsentDay(SQLModel, table=True):
    """A service date on which a member does not come.

    late: a dispatcher entered it, who may do so after the deadline. wanted_back_at: when it was to be withdrawn in
    vain, since the seat had been promised; none once a dispatcher has put that away.
    """

    __tablename__ = "absent_day"
    operator_id: str = Field(foreign_key="operator.id", primary_key=True)
    member: str = Field(primary_key=True)
    service_date: date = Field(primary_key=True, index=True)
    entered_by: str
    entered_at: datetime = _instant()
    late: bool = False
    wanted_back_at: datetime | None = Field(default=None, sa_type=DateTime)


class Upload(SQLModel, table=True):
    """A schedule file that a dispatcher handed in; its content goes once it is kept or dropped, the hash stays."""

    id: str = Field(primary_key=True)
    operator_id: str = Field(foreign_key="operator.id")
    user_id: str | None = Field(default=None, foreign_key="user.id")
    filename: str
    sha256: str
    content: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    schedule: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    answers: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    status: str = "checked"
    runs: int = 0
    created_at: datetime = _instant()


class Confirmation(SQLModel, table=True):
    """Who took a schedule file in, and what that did to runs and bookings: append-only, one for each upload.

    digest: of the changes that were shown when it was confirmed.
    """

    __table_args__ = (Index("ix_confirmation_operator_id_at", "operator_id", "at"),)
    upload_id: str = Field(foreign_key="upload.id", primary_key=True)
    operator_id: str = Field(foreign_key="operator.id")
    user_id: str | None = Field(default=None, foreign_key="user.id")
    at: datetime = _instant()
    digest: str
    outcome: dict[str, Any] = Field(sa_column=_json())


class ColumnNames(SQLModel, table=True):
    """What an operator's own columns mean: name as written -> field, for files whose header has this digest."""

    __tablename__ = "column_names"
    operator_id: str = Field(foreign_key="operator.id", primary_key=True)
    header: str = Field(primary_key=True)
    columns: dict[str, str] = Field(sa_column=_json())
    told_by: str | None = None
    told_at: datetime = _instant()


class Run(SQLModel, table=True):
    """The head of a run; its stops and rides are rows of their own.

    removed: it left the schedule; the row stays for the bookings that were once made on it.
    """

    id: str = Field(primary_key=True)
    operator_id: str = Field(foreign_key="operator.id", index=True)
    service_date: date = Field(index=True)
    code: str
    name: str = ""
    vehicle: str
    layouts: list[list[int]] = Field(sa_column=_json())
    policy: dict[str, Any] = Field(sa_column=_json())
    revision: int = 0
    pace: int = Field(default=1000, sa_column_kwargs=_column("1000"))
    removed: bool = Field(default=False, sa_column_kwargs=_column("false"))


class RunStop(SQLModel, table=True):
    """One visit of a run, in order of `position`. `label` is shown to its driver; a private one to nobody else."""

    __tablename__ = "run_stop"
    run_id: str = Field(foreign_key="run.id", primary_key=True)
    id: str = Field(primary_key=True)
    position: int
    lat: float
    lon: float
    label: str
    private: bool = True
    earliest: int
    latest: int
    dwell: int
    sequence: int | None = None
    planned: int | None = None
    residents: bool = False
    depot: bool = False
    skipped: bool = Field(default=False, sa_column_kwargs=_column("false"))
    held: int = Field(default=0, sa_column_kwargs=_column("0"))


class RunRide(SQLModel, table=True):
    """A party's place on a run, in order of `position`. A committed ride names its member by code."""

    __tablename__ = "run_ride"
    run_id: str = Field(foreign_key="run.id", primary_key=True)
    id: str = Field(primary_key=True)
    position: int
    pickup: str
    dropoff: str
    seats: int
    wheelchairs: int
    stowage: int = Field(default=0, sa_column_kwargs=_column("0"))
    max_ride: int
    committed: bool
    board_earliest: int
    board_latest: int
    alight_earliest: int
    alight_latest: int
    dwell: int
    needs: list[str] = Field(sa_column=_json())
    groups: list[str] = Field(sa_column=_json())
    apart: list[str] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    after: str | None = None
    member: str = ""
    absent: bool = Field(default=False, sa_column_kwargs=_column("false"))
    guest: bool = Field(default=False, sa_column_kwargs=_column("false"))


class RunEvent(SQLModel, table=True):
    """What a run became at one revision, and why: append-only, so that every plan that ever held can be judged."""

    __tablename__ = "run_event"
    __table_args__ = (Index("ix_run_event_cause_at", "cause", "at"),)
    run_id: str = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    at: datetime = _instant()
    cause: str
    actor: str | None = None
    plan: dict[str, Any] = Field(sa_column=_json())


class Request(SQLModel, table=True):
    """A resident's wish to travel, from its first question to its answer.

    stowage: places for walkers, prams and luggage. purpose: what the trip is for, where a town weighs that. after: id
    of the request whose trip this one follows (a return trip). at_once: a seat from the waiting list is booked without
    asking. changes: the booking in whose place this trip is wanted. series_id: of which weekly trips it is one.
    """

    id: str = Field(primary_key=True)
    rider_id: str = Field(foreign_key="user.id", index=True)
    asked_by: str = Field(foreign_key="user.id")
    channel: str = "web"
    status: str = "draft"
    service_date: date | None = Field(default=None, index=True)
    origin_label: str = ""
    origin_lat: float | None = None
    origin_lon: float | None = None
    destination_label: str = ""
    destination_lat: float | None = None
    destination_lon: float | None = None
    depart_earliest: int | None = None
    arrive_latest: int | None = None
    people: int = 1
    wheelchairs: int = 0
    stowage: int = Field(default=0, sa_column_kwargs=_column("0"))
    purpose: str = Field(default="", sa_column_kwargs=_column("''"))
    after: str | None = None
    needs: list[str] = Field(sa_column=_json())
    max_walk: int = 300
    reason: str = ""
    at_once: bool = Field(default=False, sa_column_kwargs=_column("false"))
    changes: str | None = None
    series_id: str | None = Field(default=None, index=True)
    asked_at: datetime | None = Field(default=None, sa_type=DateTime)
    created_at: datetime = _instant()


class Series(SQLModel, table=True):
    """A trip that is wanted every week: on these weekdays (0 Monday) until a date, as the booked request was.

    otherwise: what to do on a date without a seat: "" nothing, "wait" for one and ask, "book" one from the waiting list
    without asking. next_day: the first date that was not asked for yet.
    """

    id: str = Field(primary_key=True)
    rider_id: str = Field(foreign_key="user.id", index=True)
    request_id: str = Field(foreign_key="request.id")
    pickup: int
    asked_by: str = Field(foreign_key="user.id")
    channel: str
    weekdays: list[int] = Field(sa_column=_json())
    until: date
    otherwise: str
    next_day: date
    created_at: datetime = _instant()
    ended_at: datetime | None = Field(default=None, sa_type=DateTime)
    ended_by: str | None = Field(default=None, foreign_key="user.id")


class Booking(SQLModel, table=True):
    """An accepted offer. `pickup` and `dropoff` are the promised seconds of the service day; they never change.

    answer_by: the seat was put aside for somebody who waits, and goes to the next unless they say yes by then.
    """

    __table_args__ = (UniqueConstraint("rider_id", "key"),)
    id: str = Field(primary_key=True)
    rider_id: str = Field(foreign_key="user.id", index=True)
    request_id: str = Field(foreign_key="request.id")
    run_id: str = Field(foreign_key="run.id", index=True)
    ride_id: str
    key: str
    request_hash: str
    status: str = "booked"
    service_date: date
    pickup: int
    dropoff: int
    pickup_label: str
    dropoff_label: str
    walk: int
    walk_after: int
    fare: int
    fare_currency: str
    created_at: datetime = _instant()
    cancelled_at: datetime | None = Field(default=None, sa_type=DateTime)
    answer_by: datetime | None = Field(default=None, sa_type=DateTime, index=True)


class Feedback(SQLModel, table=True):
    """What a rider said of a trip: 1 (bad) to 5 (very good), and words; the town reads it without the name."""

    booking_id: str = Field(foreign_key="booking.id", primary_key=True)
    rating: int
    words: str
    written_by: str = Field(foreign_key="user.id")
    at: datetime = Field(sa_type=DateTime, index=True)
    changed_at: datetime = _instant()


class Proxy(SQLModel, table=True):
    """A resident who acts for another: named by `address`, acting once accepted, until either ends it.

    helper_id: who has that address; nobody where no resident has it, and then nobody is told so.
    """

    id: str = Field(primary_key=True)
    rider_id: str = Field(foreign_key="user.id", index=True)
    helper_id: str | None = Field(default=None, foreign_key="user.id", index=True)
    address: str
    named_by: str = Field(foreign_key="user.id")
    named_at: datetime = _instant()
    accepted_at: datetime | None = Field(default=None, sa_type=DateTime)
    ended_at: datetime | None = Field(default=None, sa_type=DateTime)
    ended_by: str | None = Field(default=None, foreign_key="user.id")


class Agreement(SQLModel, table=True):
    """What the town and an operator agree on for the residents on its runs; it binds once both have signed.

    runs: codes of runs, none for all. riders: groups, none for all whom the rules admit. price: what the town pays per
    `price_per`, "seat" or "ride". quota: most residents aboard a run at once; quota_in_all: most that are carried while
    it lasts; None for no such bound. starts, ends: first and last service date.
    """

    id: str = Field(primary_key=True)
    operator_id: str = Field(foreign_key="operator.id", index=True)
    runs: list[str] = Field(sa_column=_json())
    riders: list[str] = Field(sa_column=_json())
    price: int | None = None
    price_currency: str
    price_per: str
    liability: str
    quota: int | None = None
    quota_in_all: int | None = None
    starts: date
    ends: date
    drafted_by: str = Field(foreign_key="user.id")
    created_at: datetime = _instant()
    withdrawn_at: datetime | None = Field(default=None, sa_type=DateTime)
    withdrawn_by: str | None = Field(default=None, foreign_key="user.id")


class AgreementSignature(SQLModel, table=True):
    """Who signed an agreement for a party, "town" or "operator": append-only, one for each party."""

    __tablename__ = "agreement_signature"
    __table_args__ = (UniqueConstraint("agreement_id", "party"),)
    id: str = Field(primary_key=True)
    agreement_id: str = Field(foreign_key="agreement.id")
    party: str
    user_id: str = Field(foreign_key="user.id")
    at: datetime = _instant()


class RuleChange(SQLModel, table=True):
    """The rules that somebody switched on from a service date: append-only. file: where they stood; rules: in full.

    On a date, those count that were switched on last among all that start by then.
    """

    __tablename__ = "rule_change"
    id: str = Field(primary_key=True)
    file: str
    rules: dict[str, Any] = Field(sa_column=_json())
    starts: date
    decided_by: str = Field(foreign_key="user.id")
    at: datetime = _instant()


class RuleTrial(SQLModel, table=True):
    """What rules would have done to recorded requests from a service date on, as far as that was found out.

    found: as `services.trying.Trial`, with the days and the requests of the next day that are done.
    """

    __tablename__ = "rule_trial"
    id: str = Field(primary_key=True)
    file: str
    rules: dict[str, Any] = Field(sa_column=_json())
    since: date
    found: dict[str, Any] = Field(sa_column=_json())
    started_by: str = Field(foreign_key="user.id")
    at: datetime = _instant()


class Event(SQLModel, table=True):
    """What a driver said of a run: append-only; the device makes `id`, so that a resend changes nothing.

    about: id of the event that this one takes back (undone) or answers (answered). text: of a note. skew: seconds by
    which the device's clock was behind, which `happened_at` makes good.
    """

    __table_args__ = (Index("ix_event_kind_received_at", "kind", "received_at"),)
    id: str = Field(primary_key=True)
    run_id: str = Field(foreign_key="run.id", index=True)
    stop_id: str
    ride_id: str = ""
    kind: str
    happened_at: datetime = _instant()
    received_at: datetime = _instant()
    actor: str | None = None
    about: str = Field(default="", sa_column_kwargs=_column("''"))
    text: str = Field(default="", sa_column_kwargs=_column("''"))
    skew: int = Field(default=0, sa_column_kwargs=_column("0"))


class Steering(SQLModel, table=True):
    """What a dispatcher wants done on a service date, and what came of it: who, when, what.

    actions: as `matching.steering`, in their order. status: "open" while only looked at, then "done" or "dropped", and
    "undone". outcome: once done, the plans before and after, bookings ended and made, and who is left to be called.
    """

    __table_args__ = (Index("ix_steering_operator_id_service_date", "operator_id", "service_date"),)
    id: str = Field(primary_key=True)
    operator_id: str = Field(foreign_key="operator.id")
    service_date: date
    actions: list[dict[str, Any]] = Field(sa_column=_json())
    status: str = "open"
    created_by: str = Field(foreign_key="user.id")
    created_at: datetime = _instant()
    done_by: str | None = Field(default=None, foreign_key="user.id")
    done_at: datetime | None = Field(default=None, sa_type=DateTime)
    undone_by: str | None = Field(default=None, foreign_key="user.id")
    undone_at: datetime | None = Field(default=None, sa_type=DateTime)
    outcome: dict[str, Any] = Field(sa_column=_json())


class RunWatch(SQLModel, table=True):
    """What the driver's side of a run is known to have: when a device last asked for it, and which revision it showed.

    acknowledged: the newest revision that the driver said to have read. closed_at: when the driver ended the run, with
    everybody accounted for and every seat looked at. alarmed_at: when the desk was told that nobody had.
    """

    __tablename__ = "run_watch"
    run_id: str = Field(foreign_key="run.id", primary_key=True)
    seen_at: datetime | None = Field(default=None, sa_type=DateTime)
    seen_revision: int = 0
    acknowledged: int = 0
    acknowledged_at: datetime | None = Field(default=None, sa_type=DateTime)
    closed_at: datetime | None = Field(default=None, sa_type=DateTime)
    closed_by: str | None = None
    alarmed_at: datetime | None = Field(default=None, sa_type=DateTime)


class Tablet(SQLModel, table=True):
    """A device that an operator's drivers share. secret: SHA-256 of what it shows; revoked, it opens nothing."""

    id: str = Field(primary_key=True)
    operator_id: str = Field(foreign_key="operator.id", index=True)
    name: str
    secret: str
    enrolled_at: datetime = _instant()
    enrolled_by: str = Field(foreign_key="user.id")
    seen_at: datetime | None = Field(default=None, sa_type=DateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime)


class DriverPin(SQLModel, table=True):
    """The PIN (argon2) by which a driver signs in on a tablet of the operator; tries: wrong ones in a row."""

    __tablename__ = "driver_pin"
    user_id: str = Field(foreign_key="user.id", primary_key=True)
    pin: str
    tries: int = 0
    set_at: datetime = _instant()
    set_by: str = Field(foreign_key="user.id")


class AlertStep(SQLModel, table=True):
    """What a dispatcher did about an alert of a service date: append-only.

    alert: its key. step: take, leave, note or away. grade: how grave it was then, so that it comes back when it is
    worse.
    """

    __tablename__ = "alert_step"
    __table_args__ = (Index("ix_alert_step_operator_id_service_date", "operator_id", "service_date"),)
    id: str = Field(primary_key=True)
    operator_id: str = Field(foreign_key="operator.id")
    service_date: date
    alert: str
    step: str
    grade: int
    note: str = ""
    user_id: str = Field(foreign_key="user.id")
    at: datetime = _instant()


class PaceFactor(SQLModel, table=True):
    """How much slower than the empty road the town drives in an hour of a kind of day, in thousandths."""

    __tablename__ = "pace_factor"
    day_kind: str = Field(primary_key=True)
    hour: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    thousandths: int


class Outbox(SQLModel, table=True):
    """A message to be sent, written in the transaction of what it tells.

    channel: the one that it is bound to, "email" or "text"; empty for those that the person chose. state: waiting,
    sent, dead (it reached nobody, and the desk is asked), letter (to be printed), printed or away (put away by the
    desk). due_at: not to be sent before. leased_until: a process is sending it. via: the channel that took it.
    """

    __table_args__ = (Index("ix_outbox_state_due_at", "state", "due_at"),)
    id: int | None = Field(default=None, primary_key=True)
    kind: str
    channel: str = Field(default="", sa_column_kwargs=_column("'email'"))
    user_id: str | None = Field(default=None, foreign_key="user.id")
    email: str = ""
    facts: dict[str, Any] = Field(sa_column=_json())
    created_at: datetime = _instant()
    sent_at: datetime | None = Field(default=None, sa_type=DateTime)
    attempts: int = 0
    error: str = ""
    state: str = Field(default="waiting", sa_column_kwargs=_column("'waiting'"))
    due_at: datetime | None = Field(default=None, sa_type=DateTime)
    leased_until: datetime | None = Field(default=None, sa_type=DateTime)
    via: str = Field(default="", sa_column_kwargs=_column("''"))


class RoadUpdate(SQLModel, table=True):
    """New roads that the service took over; `id` is that of the prepared roads, so that each is judged once."""

    __tablename__ = "road_update"
    id: str = Field(primary_key=True)
    area: str
    at: datetime = _instant()


class RoadReview(SQLModel, table=True):
    """How many of an operator's runs were timed anew on new roads.

    until: last date for which its dispatchers need to know. seen_at: when one of them put the notice away.
    """

    __tablename__ = "road_review"
    update_id: str = Field(foreign_key="road_update.id", primary_key=True)
    operator_id: str = Field(foreign_key="operator.id", primary_key=True)
    runs: int
    until: date
    seen_at: datetime | None = Field(default=None, sa_type=DateTime)
    seen_by: str | None = None


class RoadChange(SQLModel, table=True):
    """A run that new roads changed; its run may have left the schedule since.

    end, most: last stop, and the stop whose time moved most, each with its second of the service day on the old and the
    new roads (none where no road leads). broken: [rule, where, excess] of promises that it kept before. unreachable:
    stops that no vehicle can serve any more.
    """

    __tablename__ = "road_change"
    update_id: str = Field(foreign_key="road_update.id", primary_key=True)
    run_id: str = Field(primary_key=True)
    end_stop: str
    end_before: int | None
    end_after: int | None
    most_stop: str
    most_before: int | None
    most_after: int | None
    broken: list[list[Any]] = Field(sa_column=_json())
    unreachable: list[str] = Field(sa_column=_json())


class PlaceRead(SQLModel, table=True):
    """That somebody looked at where people are, or will be: append-only, ids alone, kept a year.

    kind, object_id: "run" (its id), "day" (a service date of the operator), "member" (`access_log.member_key`) or
    "rider" (a user's id). purpose: endpoint that showed it. starts: of the quarter of an hour in which it was; within
    one, looking again is no other reading.
    """

    __tablename__ = "place_read"
    reader_id: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    object_id: str = Field(primary_key=True, index=True)
    purpose: str = Field(primary_key=True)
    starts: datetime = Field(primary_key=True, sa_type=DateTime, index=True)
    operator_id: str = ""


class RefusedAccess(SQLModel, table=True):
    """How often somebody asked for what is not theirs: ids alone, kept a year.

    kind: what was refused, such as "foreign" or "role". times: how often in the quarter of an hour that starts then.
    """

    __tablename__ = "refused_access"
    reader_id: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    endpoint: str = Field(primary_key=True)
    starts: datetime = Field(primary_key=True, sa_type=DateTime, index=True)
    times: int = 1


class PastDay(SQLModel, table=True):
    """What is left of a service date once its trips have left the records: figures that point at nobody.

    figures: as `matching.metrics.DayFigures`. fares: cents or yen by currency. requests, refused: counts by what became
    of them. stops: public stops at which at least `suppression.SMALLEST_CELL` residents boarded or alighted.
    """

    __tablename__ = "past_day"
    service_date: date = Field(primary_key=True)
    figures: dict[str, Any] = Field(sa_column=_json())
    fares: dict[str, int] = Field(sa_column=_json())
    requests: dict[str, int] = Field(sa_column=_json())
    refused: dict[str, int] = Field(sa_column=_json())
    stops: dict[str, int] = Field(sa_column=_json())


class PastRun(SQLModel, table=True):
    """How many residents a run carried that has left the records: what agreements count by."""

    __tablename__ = "past_run"
    operator_id: str = Field(primary_key=True)
    service_date: date = Field(primary_key=True)
    code: str = Field(primary_key=True)
    residents: int


class ErasedPerson(SQLModel, table=True):
    """That everything known of somebody was erased: append-only. subject: an id that leads to nobody any more."""

    __tablename__ = "erased_person"
    subject: str = Field(primary_key=True)
    kind: str
    by: str
    at: datetime = _instant()


class Lease(SQLModel, table=True):
    """Who does a kind of work for an area now, and how it went last.

    holder: empty while nobody does it. token: counts how often it was taken, so that a worker whose lease was taken
    over is told from the one that took it. beat: counts how often it was renewed since. held_until: by the holder's
    clock, for people to read; who takes over goes by `beat` alone. error: what kind of fault the last failure was;
    attempts: failures since the last success.
    """

    kind: str = Field(primary_key=True)
    area: str = Field(primary_key=True)
    holder: str = ""
    token: int = 0
    beat: int = 0
    taken_at: datetime | None = Field(default=None, sa_type=DateTime)
    held_until: datetime | None = Field(default=None, sa_type=DateTime)
    succeeded_at: datetime | None = Field(default=None, sa_type=DateTime)
    failed_at: datetime | None = Field(default=None, sa_type=DateTime)
    error: str = ""
    attempts: int = 0


class Erasure(SQLModel, table=True):
    """Why a transaction may change what is append-only: there inside it alone, so that no reader ever sees a row."""

    reason: str = Field(primary_key=True)


class Passkey(SQLModel, table=True):
    """A passkey (WebAuthn) of somebody who works here. id: that of the credential, base64url.

    public_key: COSE. sign_count: uses that it counted, 0 where it counts none. suspect_at: it counted backwards, so
    there may be a copy; it opens nothing any more.
    """

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="user.id", index=True)
    name: str
    public_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    sign_count: int
    transports: list[str] = Field(sa_column=_json())
    added_at: datetime = _instant()
    used_at: datetime | None = Field(default=None, sa_type=DateTime)
    suspect_at: datetime | None = Field(default=None, sa_type=DateTime)


class PasskeyChallenge(SQLModel, table=True):
    """What a browser was asked to sign, until it has. id: SHA-256 of the challenge."""

    __tablename__ = "passkey_challenge"
    id: str = Field(primary_key=True)
    created_at: datetime = _instant()


class SecondFactor(SQLModel, table=True):
    """Somebody's authenticator app (TOTP), and how often codes were tried.

    seed: id from which the app's key follows with the town's secret key; "" without an app. last_step: the 30 seconds
    whose code was used last. tries: wrong codes in a row.
    """

    __tablename__ = "second_factor"
    user_id: str = Field(foreign_key="user.id", primary_key=True)
    seed: str = ""
    app_since: datetime | None = Field(default=None, sa_type=DateTime)
    last_step: int = 0
    tries: int = 0
    locked_until: datetime | None = Field(default=None, sa_type=DateTime)


class RecoveryCode(SQLModel, table=True):
    """One of the codes, each good once, for whoever has lost passkeys and app. sealed: argon2."""

    __tablename__ = "recovery_code"
    user_id: str = Field(foreign_key="user.id", primary_key=True)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    sealed: str
    used_at: datetime | None = Field(default=None, sa_type=DateTime)


class KnownDevice(SQLModel, table=True):
    """A browser in which somebody was signed in. device: SHA-256 of its cookie."""

    __tablename__ = "known_device"
    user_id: str = Field(foreign_key="user.id", primary_key=True)
    device: str = Field(primary_key=True, index=True)
    first_at: datetime = _instant()
    used_at: datetime = _instant()


class IdentityEvent(SQLModel, table=True):
    """What changed of how somebody signs in: append-only. by: who did it, empty for the command line."""

    __tablename__ = "identity_event"
    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="user.id", index=True)
    kind: str
    by: str = ""
    at: datetime = _instant()


APPEND_ONLY = (
    RunEvent,
    Event,
    Consent,
    ConsentEnd,
    Confirmation,
    AgreementSignature,
    RuleChange,
    IdentityEvent,
    PlaceRead,
    ErasedPerson,
)
"""Tables whose rows the database itself lets nobody change or delete, but for an erasure (see `Erasure`)."""

METADATA = SQLModel.metadata
"""Every table of the records, for the migrations."""
