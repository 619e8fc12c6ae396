"""How the database itself is: whether it answers, what it is, and whether its tables are those of this version."""

import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, or_, text
from sqlmodel import Session, col, select

from webapp.db import tables
from webapp.db.engines import wal_is_sound
from webapp.db.migrations import newest, revision_of


@dataclass(frozen=True, slots=True)
class Health:
    """What a database says of itself.

    kind: "sqlite" or "postgresql". durable: does a commit wait until it is on the disk. at_head: are the tables those
    of this version; revision: which they are. ahead: by how much its clock is ahead of this machine's; none for
    SQLite, which has no other. sound: False for an SQLite whose write-ahead log could lose what was written, with
    which another journal is used. connections: in use, and how many there may be.
    """

    kind: str
    version: str
    revision: str
    at_head: bool
    durable: bool
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    ahead: timedelta | None = None
    sound: bool = True
    connections: tuple[int, int] | None = None


def examine(connection: Connection) -> Health:
    """Ask a database how it is, without writing anything."""
    revision = revision_of(connection)
    at_head = revision == newest()
    if connection.dialect.name == "sqlite":
        return _examine_sqlite(connection, revision, at_head=at_head)
    return _examine_postgresql(connection, revision, at_head=at_head)


def _examine_sqlite(connection: Connection, revision: str, *, at_head: bool) -> Health:
    said = {name: str(connection.execute(text(f"PRAGMA {name}")).scalar()) for name in ("journal_mode", "synchronous")}
    return Health(
        kind="sqlite",
        version=sqlite3.sqlite_version,
        revision=revision,
        at_head=at_head,
        durable=said["synchronous"] in {"2", "3"},
        settings=said,
        sound=wal_is_sound(sqlite3.sqlite_version_info),
    )


_POSTGRESQL = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "max_connections", "TimeZone")


def _examine_postgresql(connection: Connection, revision: str, *, at_head: bool) -> Health:
    said = {
        name: str(connection.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar())
        for name in _POSTGRESQL
    }
    before = time.time()
    theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    ours = (before + time.time()) / 2
    used = int(connection.execute(text("SELECT count(*) FROM pg_stat_activity")).scalar_one())
    return Health(
        kind="postgresql",
        version=said["server_version"],
        revision=revision,
        at_head=at_head,
        durable=said["fsync"] == "on" and said["synchronous_commit"] != "off",
        settings=said,
        ahead=theirs.astimezone(UTC) - datetime.fromtimestamp(ours, UTC),
        connections=(used, int(said["max_connections"])),
    )


@dataclass(frozen=True, slots=True)
class Backlog:
    """What still has to be told: messages that are due, since when the oldest of them, and such that reached nobody."""

    due: int
    since: datetime | None
    dead: int


def count_backlog(session: Session, now: datetime) -> Backlog:
    """Count what waits in the outbox at an instant."""
    row = tables.Outbox
    waiting = (col(row.state) == "waiting", or_(col(row.due_at).is_(None), col(row.due_at) <= now))
    due, since = session.exec(select(func.count(), func.min(col(row.created_at))).where(*waiting)).one()
    dead = session.exec(select(func.count()).where(col(row.state) == "dead")).one()
    return Backlog(due, since, dead)
