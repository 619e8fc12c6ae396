"""Open a database so that a reader sees one snapshot and a writer is alone with what it changes.

SQLite lets writers sleep and poll, which starves them, and drops FOR UPDATE without a word; so they wait at a gate
instead. PostgreSQL locks rows by itself.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import filelock
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from webapp.db.errors import Busy
from webapp.db.lines import Line

CONNECTIONS = 66
"""One for each thread of the web server and of the work beside it. PostgreSQL gives 100 to all processes together
unless it is told otherwise."""
POLL = 0.001
"""Seconds from one look at the lock file to the next: nobody else tells when another process has let go of it."""
MIGRATION_SECONDS = 120.0
MIGRATION_LOCK = 6_674_294
"""Key of PostgreSQL's advisory lock under which one process at a time migrates; any number that is ours alone."""

LOST_RACES = frozenset({"40001", "40P01", "55P03"})
"""SQLSTATEs after which the same transaction may succeed: serialization failure, deadlock, lock not available."""


class Database(Protocol):
    """An open database of either kind."""

    engine: Engine

    def snapshot(self) -> AbstractContextManager[Connection]:
        """Give a connection that sees one moment of the records."""
        ...

    def alone(self, seconds: float, *, locks: bool = True) -> AbstractContextManager[Connection]:
        """Give a connection that may write, and commit at the end; wait for others at most `seconds`. Raises Busy."""
        ...

    def migrating(self) -> AbstractContextManager[Connection]:
        """Give a connection beside which no other process migrates. Raises Busy."""
        ...


def open_database(url: str, patience: float, connections: int = CONNECTIONS) -> Database:
    """Open the database at an SQLAlchemy address; `patience` is how many seconds anyone waits for a lock."""
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise ValueError("this is no database address: write sqlite:////path/file.db or postgresql://...") from error
    if address.get_backend_name() == "postgresql":
        return PostgresDatabase(address, patience, connections)
    if address.get_backend_name() == "sqlite":
        return SqliteDatabase(address, patience, connections)
    raise ValueError(f"Noriai keeps its records in SQLite or PostgreSQL, not in {address.get_backend_name()}")


def wal_is_sound(version: tuple[int, ...]) -> bool:
    """Is the write-ahead log of this SQLite free of the reset race that could corrupt it?"""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


def lost_a_race(error: DBAPIError) -> bool:
    """Could the same transaction succeed if it was tried again?"""
    busy = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
    return busy or getattr(error.orig, "sqlstate", None) in LOST_RACES


class PostgresDatabase:
    """Rows are locked by SELECT ... FOR UPDATE under READ COMMITTED; readers take REPEATABLE READ."""

    def __init__(self, address: URL, patience: float, connections: int) -> None:
        self.engine = create_engine(
            address.set(drivername="postgresql+psycopg"),
            pool_size=connections,
            max_overflow=0,
            pool_timeout=patience,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            hide_parameters=True,
        )

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def alone(self, seconds: float, *, locks: bool = True) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            if locks:
                wait = f"{max(1, round(1000 * seconds))}ms"
                connection.execute(text("SELECT set_config('lock_timeout', :wait, true)"), {"wait": wait})
            yield connection

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            yield connection


class SqliteDatabase:
    """Writers pass a gate one by one and begin IMMEDIATE; readers begin deferred."""

    def __init__(self, address: URL, patience: float, connections: int) -> None:
        if address.database in (None, "", ":memory:") or address.query.get("mode") == "memory":
            raise ValueError("records must outlive the process: give SQLite a file, not memory")
        self._gate = Gate(Path(str(address.database)))
        self._busy_ms = round(1000 * patience)
        self.engine = create_engine(
            address, pool_size=connections, max_overflow=0, pool_timeout=patience, hide_parameters=True
        )
        event.listen(self.engine, "connect", self._prepare)
        event.listen(self.engine, "begin", self._begin)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def alone(self, seconds: float, *, locks: bool = True) -> Iterator[Connection]:
        if not locks:
            with self._begun("") as connection:
                yield connection
            return
        until = monotonic() + seconds
        with self._gate.held(seconds), self._begun("BEGIN IMMEDIATE", until) as connection:
            yield connection

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        with self._gate.held(MIGRATION_SECONDS), self._begun("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _begun(self, begin: str, until: float | None = None) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            connection.execution_options(sqlite_begin=begin, sqlite_until=until)
            with connection.begin():
                yield connection

    def _begin(self, connection: Connection) -> None:
        """Begin what the connection's options say; "" leaves it to Python's sqlite3, which reads outside a transaction.

        What was waited at the gate is not waited for the file once more.
        """
        said = connection.get_execution_options()
        begin, until = said.get("sqlite_begin", "BEGIN"), said.get("sqlite_until")
        driver: Any = connection.connection.dbapi_connection
        driver.isolation_level = None if begin else "DEFERRED"
        wait = self._busy_ms if until is None else max(1, round(1000 * (until - monotonic())))
        driver.execute(f"PRAGMA busy_timeout={wait}")
        if begin:
            connection.exec_driver_sql(begin)

    def _prepare(self, connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        # SQLite's own lower() leaves every letter but A-Z as it is, so that a search for "äijö" would miss "Äijö".
        connection.create_function("lower", 1, _lower, deterministic=True)
        journal = "WAL" if wal_is_sound(sqlite3.sqlite_version_info) else "TRUNCATE"
        settings = (f"busy_timeout={self._busy_ms}", f"journal_mode={journal}", "synchronous=FULL", "foreign_keys=ON")
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")


def _lower(value: str | float | bytes | None) -> str | float | bytes | None:
    return value.lower() if isinstance(value, str) else value


class Gate:
    """Let one writer at a time into a file: a line of threads, a lock file beside it among processes."""

    def __init__(self, path: Path) -> None:
        self._line = Line()
        self._file = filelock.FileLock(f"{path}.lock", thread_local=False)

    @contextmanager
    def held(self, seconds: float) -> Iterator[None]:
        """Hold the gate. Raises Busy when others hold it for more than `seconds`."""
        deadline = monotonic() + seconds
        self._line.enter(seconds)
        try:
            self._wait_for_file(deadline - monotonic())
            try:
                yield
            finally:
                self._file.release()
        finally:
            self._line.leave()

    def _wait_for_file(self, seconds: float) -> None:
        try:
            self._file.acquire(timeout=max(0.0, seconds), poll_interval=POLL)
        except filelock.Timeout as late:
            raise Busy("another process is writing") from late
