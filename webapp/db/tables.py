"""Rows as they are kept: SQLModel tables without behaviour.

Instants are UTC without an offset; times of a service day are whole seconds from its start (noon minus twelve hours);
money is whole cents or yen. Opaque ids are random text, so that no address tells anything of a person.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, DateTime, LargeBinary, UniqueConstraint, text
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
    """A school, a care facility, or whoever else runs vehicles."""

    id: str = Field(primary_key=True)
    name: str
    kind: str


class User(SQLModel, table=True):
    """Somebody who signs in, or for whom the desk acts. The first columns are those that flask-security reads.

    language: what they chose to read; empty while they have not, and then their browser tells.
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
    max_walk: int = 300
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
    guardian_email: str = ""


class Upload(SQLModel, table=True):
    """A schedule file that a dispatcher handed in; its content goes once it is kept or dropped, the hash stays."""

    id: str = Field(primary_key=True)
    operator_id: str = Field(foreign_key="operator.id")
    user_id: str | None = Field(default=None, foreign_key="user.id")
    filename: str
    sha256: str
    content: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    schedule: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    status: str = "checked"
    runs: int = 0
    created_at: datetime = _instant()


class Run(SQLModel, table=True):
    """The head of a run; its stops and rides are rows of their own."""

    id: str = Field(primary_key=True)
    operator_id: str = Field(foreign_key="operator.id", index=True)
    service_date: date = Field(index=True)
    code: str
    name: str = ""
    vehicle: str
    layouts: list[list[int]] = Field(sa_column=_json())
    policy: dict[str, Any] = Field(sa_column=_json())
    revision: int = 0


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


class RunEvent(SQLModel, table=True):
    """What a run became at one revision, and why: append-only, so that every plan that ever held can be judged."""

    __tablename__ = "run_event"
    run_id: str = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    at: datetime = _instant()
    cause: str
    actor: str | None = None
    plan: dict[str, Any] = Field(sa_column=_json())


class Request(SQLModel, table=True):
    """A resident's wish to travel, from its first question to its answer.

    stowage: places for walkers, prams and luggage. purpose: what the trip is for, where a town weighs that. after: id
    of the request whose trip this one follows (a return trip).
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
    asked_at: datetime | None = Field(default=None, sa_type=DateTime)
    created_at: datetime = _instant()


class Booking(SQLModel, table=True):
    """An accepted offer. `pickup` and `dropoff` are the promised seconds of the service day; they never change."""

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


class Event(SQLModel, table=True):
    """What a driver said happened at a stop: append-only; the device makes `id`, so that a resend changes nothing."""

    id: str = Field(primary_key=True)
    run_id: str = Field(foreign_key="run.id", index=True)
    stop_id: str
    ride_id: str = ""
    kind: str
    happened_at: datetime = _instant()
    received_at: datetime = _instant()
    actor: str | None = None


class Outbox(SQLModel, table=True):
    """A message to be sent, written in the transaction of what it tells."""

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    user_id: str | None = Field(default=None, foreign_key="user.id")
    email: str = ""
    facts: dict[str, Any] = Field(sa_column=_json())
    created_at: datetime = _instant()
    sent_at: datetime | None = Field(default=None, sa_type=DateTime)
    attempts: int = 0
    error: str = ""


METADATA = SQLModel.metadata
"""Every table of the records, for the migrations."""
