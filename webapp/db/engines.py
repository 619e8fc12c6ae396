"""Open a database so that a reader sees one snapshot and a writer is alone with what it changes.

SQLite lets writers sleep and poll, which starves them, and drops FOR UPDATE without a word; so they wait at a gate
instead. PostgreSQL locks rows by itself.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import filelock
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from webapp.db.errors import Busy, StoreError, Unavailable
from webapp.db.lines import Line

CONNECTIONS = 66
"""One for each thread of the web server and of the work beside it. PostgreSQL gives 100 to all processes together
unless it is told otherwise."""
POLL = 0.001
"""Seconds from one look at the lock file to the next: nobody else tells when another process has let go of it."""
MIGRATION_SECONDS = 120.0
MIGRATION_LOCK = 6_674_294
"""Key of PostgreSQL's advisory lock under which one process at a time migrates; any number that is ours alone."""

logging.getLogger("sqlalchemy.engine.Engine").addFilter(lambda record: record.levelno > logging.DEBUG)
"""Statements are logged without their values; rows, which SQLAlchemy writes out for DEBUG, never are."""

LOST_RACES = frozenset({"40001", "40P01", "55P03"})
"""SQLSTATEs after which the same transaction may succeed: serialization failure, deadlock, lock not available."""
OUT_OF_REACH = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    }
)
"""SQLite's codes for a disk that is full, gone, read-only or broken."""
OUT_OF_REACH_CLASSES = ("08", "53", "57", "58", "25006", "XX001", "XX002")
"""How SQLSTATEs begin of a server that is gone, full, stopping or broken, or that may only be read."""
CONNECT_SECONDS = 2
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs"})
"""File systems whose locks cannot be trusted by SQLite (https://sqlite.org/useovernet.html)."""
MOUNTS = Path("/proc/self/mounts")


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
        """Give a connection beside which no other process migrates. Raises Busy.

        Raises StoreError for a database that cannot be relied on.
        """
        ...

    def close(self) -> None:
        """Let all connections go; whoever uses the database again begins anew."""
        ...

    def is_there(self) -> bool:
        """Is there a database at the address, be it empty? Where it takes asking, connecting will tell."""
        ...

    def scrub(self, seconds: float, *, rewrite: bool) -> None:
        """Leave nothing of deleted rows behind where that can be done beside others; rewrite: whatever it takes."""
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


def plain_address(url: str) -> tuple[str, str]:
    """Give the kind of a database, and where it is as its own driver wants to be told."""
    address = make_url(url)
    kind = address.get_backend_name()
    if kind == "sqlite":
        return kind, str(address.database)
    return kind, address.set(drivername=kind).render_as_string(hide_password=False)


def wal_is_sound(version: tuple[int, ...]) -> bool:
    """Is the write-ahead log of this SQLite free of the reset race that could corrupt it?"""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


def lost_a_race(error: DBAPIError) -> bool:
    """Could the same transaction succeed if it was tried again?"""
    busy = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
    return busy or getattr(error.orig, "sqlstate", None) in LOST_RACES


def out_of_reach(error: DBAPIError) -> bool:
    """Is it the database that fails, rather than what it was asked?"""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in OUT_OF_REACH
    state = getattr(error.orig, "sqlstate", None)
    lost = error.connection_invalidated or (state is None and isinstance(error, OperationalError))
    return lost or (state or "").startswith(OUT_OF_REACH_CLASSES)


def network_file_system(path: Path, mounts: str) -> str:
    """Name the network file system that a path lies on, by a table of mounts as Linux writes it; else nothing."""
    lines = [line.split() for line in mounts.splitlines()]
    kinds = {line[1].replace("\\040", " "): line[2] for line in lines if len(line) > 2}
    there = next((str(one) for one in (path, *path.parents) if str(one) in kinds), "")
    return kinds[there] if kinds.get(there) in NETWORK else ""


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
            connect_args={"connect_timeout": CONNECT_SECONDS},
        )
        self._wait = f"{round(1000 * patience)}ms"
        event.listen(self.engine, "connect", self._prepare)

    def _prepare(self, connection: Any, _record: object) -> None:
        """Let nobody wait for a lock for good, not even who only reads while tables are changed."""
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (self._wait,))
        connection.commit()

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
            wait = f"{round(1000 * MIGRATION_SECONDS)}ms"
            connection.execute(text("SELECT set_config('lock_timeout', :wait, true)"), {"wait": wait})
            if connection.execute(text("SHOW transaction_read_only")).scalar_one() == "on":
                raise StoreError(f"{self.engine.url!r} may only be read: name the server that takes writes")
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            yield connection

    def close(self) -> None:
        self.engine.dispose()

    def is_there(self) -> bool:
        return True

    def scrub(self, seconds: float, *, rewrite: bool) -> None:
        """VACUUM frees dead rows; their bytes go once a page is written anew, or by FULL, which locks tables."""
        engine = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("SELECT set_config('lock_timeout', :wait, false)"), {"wait": f"{seconds:.0f}s"})
            try:
                connection.exec_driver_sql("VACUUM FULL" if rewrite else "VACUUM")
            finally:
                connection.exec_driver_sql("RESET lock_timeout")


class SqliteDatabase:
    """Writers pass a gate one by one and begin IMMEDIATE; readers begin deferred."""

    def __init__(self, address: URL, patience: float, connections: int) -> None:
        if address.database in (None, "", ":memory:") or address.query.get("mode") == "memory":
            raise ValueError("records must outlive the process: give SQLite a file, not memory")
        self._path = Path(str(address.database).removeprefix("file:"))
        self._gate = Gate(self._path)
        self._file: tuple[int, int] | None = None
        self._busy_ms = round(1000 * patience)
        self.engine = create_engine(
            address, pool_size=connections, max_overflow=0, pool_timeout=patience, hide_parameters=True
        )
        event.listen(self.engine, "connect", self._prepare)
        event.listen(self.engine, "begin", self._begin)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        self._check_file()
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def alone(self, seconds: float, *, locks: bool = True) -> Iterator[Connection]:
        self._check_file()
        if not locks:
            with self._begun("") as connection:
                yield connection
            return
        until = monotonic() + seconds
        with self._gate.held(seconds), self._begun("BEGIN IMMEDIATE", until) as connection:
            self._check_file()  # a backup may have been restored while this writer waited
            yield connection

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        kind = network_file_system(self._path.resolve(), MOUNTS.read_text(encoding="utf-8") if MOUNTS.exists() else "")
        if kind:
            raise StoreError(
                f"{self._path} lies on {kind}, where SQLite's locks do not hold: "
                "keep the records on a disk of this machine, or in PostgreSQL"
            )
        with self._gate.held(MIGRATION_SECONDS), self._begun("BEGIN IMMEDIATE") as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if found != "ok":
                raise StoreError(f"{self._path} is damaged: restore a backup ({' '.join(str(found).split())})")
            known = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            connection.exec_driver_sql(f"PRAGMA user_version = {known}")  # BEGIN IMMEDIATE takes a read-only file, too
            yield connection

    def close(self) -> None:
        self.engine.dispose()
        self._file = None

    def is_there(self) -> bool:
        return self._path.exists()

    def _check_file(self) -> None:
        """Refuse to work on a file that left its place: what was written there would be lost, and nobody would know."""
        try:
            found = self._path.stat()
        except OSError as error:
            raise Unavailable(f"{self._path} is gone") from error
        there = (found.st_dev, found.st_ino)
        self._file = self._file or there
        if there != self._file:
            raise Unavailable(f"{self._path} was replaced: start the service anew")

    def scrub(self, seconds: float, *, rewrite: bool) -> None:
        """Freed pages are zeroed by secure_delete; the write-ahead log still holds them as they were."""
        with self._gate.held(seconds), self.engine.connect() as connection:
            driver: Any = connection.connection.dbapi_connection
            if rewrite:
                driver.execute("VACUUM")
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

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
        kept = ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
        settings = (f"busy_timeout={self._busy_ms}", f"journal_mode={journal}", *kept)
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")


def _lower(value: str | float | bytes | None) -> str | float | bytes | None:
    return value.lower() if isinstance(value, str) else value


class Gate:
    """Let one writer at a time into a file: a line of threads, a lock file beside it among processes."""

    def __init__(self, path: Path) -> None:
        self._line = Line()
        self._folder = path.parent
        self._file = filelock.FileLock(f"{path}.lock", thread_local=False)

    @contextmanager
    def held(self, seconds: float) -> Iterator[None]:
        """Hold the gate. Raises Busy when others hold it for more than `seconds`."""
        deadline = monotonic() + seconds
        if not self._folder.is_dir():
            raise Unavailable(f"the folder {self._folder} is not there")
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
        except OSError as error:
            raise Unavailable(f"the lock file cannot be written: {error}") from error
