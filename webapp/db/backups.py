"""Copy the records whole, and put a copy in their place: SQLite by its online backup, PostgreSQL by its own tools.

A copy is one moment of the records. A copy that comes back is made ready apart, and takes the place of what is there in
one step, which stays beside it under another name.
"""

import os
import re
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import URL, Connection, Engine, create_engine, delete, inspect, make_url, text, update
from sqlmodel import col, select

from webapp.db import tables
from webapp.db.door import Door
from webapp.db.engines import Gate
from webapp.db.errors import StoreError
from webapp.db.migrations import is_known, revision_of
from webapp.db.store import Store

Progress = Callable[[int, int], None]
PAGES = 1024
PATIENCE = 60.0
HELD = "held"
"""State of a message that waits after a restore until somebody says whether it was sent already."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What a copy holds: kind of database, its major version (PostgreSQL), the step of its tables, rows by table."""

    kind: str
    server: int
    revision: str
    counts: Mapping[str, int]


def copy_records(url: str, target: Path, progress: Progress) -> Copy:
    """Copy one moment of the records into a file while they are in use; `progress` hears (done, of).

    Raises StoreError where that cannot be done.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        return _copy_file(_file_of(address), target, progress)
    return _dump(address, target, progress)


def check_copy(kind: str, file: Path) -> None:
    """Read a copy through from its file. Raises StoreError for one that could not be restored."""
    if kind == "sqlite":
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as opened:
            try:
                found = opened.execute("PRAGMA integrity_check(1)").fetchone()[0]
            except sqlite3.DatabaseError as error:
                found = str(error)
        if found != "ok":
            raise StoreError(f"the copy cannot be read: {found}")
        return
    _run([_tool("pg_restore"), "--file", os.devnull, str(file)], {})


def count_records(url: str) -> dict[str, int]:
    """Count the rows of every table; nothing where there are no records.

    Raises StoreError where something is there that cannot be read.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        file = _file_of(address)
        if not file.exists() or not file.stat().st_size:
            return {}
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True)) as opened:
            try:
                return _count_in_file(opened)
            except sqlite3.DatabaseError as error:
                raise StoreError(f"{file} cannot be read: {error}") from error
    engine = _engine(address)
    try:
        if not _exists(address):
            return {}
        with engine.connect() as connection:
            return _count(connection)
    finally:
        engine.dispose()


def make_ready(url: str, copied: Copy, source: Path, *, stamp: str) -> str:
    """Write a copy to a place of its own beside the records; give the address of that.

    Raises StoreError for a copy of another kind of database, or of a newer version of Noriai or of PostgreSQL.
    """
    address = make_url(url)
    if address.get_backend_name() != copied.kind:
        raise StoreError(f"this is a backup of {copied.kind}, and these records are kept in another database")
    if not is_known(copied.revision):
        raise StoreError(f"this backup was made by a newer version of Noriai (step {copied.revision}): install that")
    if copied.kind == "sqlite":
        ready = _file_of(address).with_name(f"{_file_of(address).name}.restoring-{stamp}")
        ready.parent.mkdir(parents=True, exist_ok=True)
        ready.touch(mode=0o600)
        shutil.copyfile(source, ready)
        with ready.open("rb+") as file:
            os.fsync(file.fileno())
        return f"sqlite:///{ready}"
    return _restore(address, copied, source, stamp)


def take_place(url: str, ready: str, *, stamp: str) -> str:
    """Put records that are ready in place of those that are there; tell under which name the old ones stay, if any.

    Raises StoreError while a service has them open.
    """
    address, made = make_url(url), make_url(ready)
    if address.get_backend_name() == "sqlite":
        return _swap_files(_file_of(address), _file_of(made), stamp)
    if made.database == address.database:
        return ""
    return _swap_databases(address, str(made.database), stamp)


def drop_ready(ready: str) -> None:
    """Throw away records that did not become ready."""
    address = make_url(ready)
    if address.get_backend_name() == "sqlite":
        for beside in ("", "-wal", "-shm", "-journal", ".lock"):
            Path(f"{_file_of(address)}{beside}").unlink(missing_ok=True)
        return
    with suppress(StoreError):
        _command(_server(address), f'DROP DATABASE IF EXISTS "{address.database}" WITH (FORCE)')


def settle(ready: str, clock: Callable[[], datetime], timezone: ZoneInfo, *, sign_out: bool) -> int:
    """Make restored records fit for service: tables of this version, messages held, everybody signed out if wanted.

    Gives how many messages are held: they may have gone out after the backup was made.
    """
    store = Store(ready, clock=clock, timezone=timezone, patience=PATIENCE)
    try:
        store.migrate(anew=False)
        return store.commit(lambda door: _hold(door, sign_out=sign_out))
    finally:
        store.close()


def count_held(store: Store) -> dict[str, int]:
    """Count the messages that are held since a restore, by kind."""
    with store.read() as records:
        kinds = records._session.exec(select(tables.Outbox.kind).where(tables.Outbox.state == HELD)).all()
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def release_held(store: Store, *, send: bool) -> int:
    """Let held messages be sent after all, or put them away; tell how many."""
    become = "waiting" if send else "away"

    def change(door: Door) -> int:
        changed = update(tables.Outbox).where(col(tables.Outbox.state) == HELD).values(state=become)
        return int(door._session.connection().execute(changed).rowcount)

    return store.commit(change)


def _hold(door: Door, *, sign_out: bool) -> int:
    connection, outbox = door._session.connection(), tables.Outbox
    waiting = update(outbox).where(col(outbox.state) == "waiting").values(state=HELD, leased_until=None)
    held = int(connection.execute(waiting).rowcount)
    if sign_out:
        connection.execute(delete(tables.SignIn))
        for user_id in door._session.exec(select(tables.User.id)).all():
            anew = update(tables.User).where(col(tables.User.id) == user_id)
            connection.execute(anew.values(fs_uniquifier=secrets.token_hex(16)))
    return held


# SQLite


def _file_of(address: URL) -> Path:
    return Path(str(address.database).removeprefix("file:"))


def _copy_file(file: Path, target: Path, progress: Progress) -> Copy:
    if not file.exists():
        raise StoreError(f"{file} is not there")
    opened = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=PATIENCE)
    with closing(opened) as source, closing(sqlite3.connect(target)) as made:
        try:
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it is one moment
            source.backup(made, pages=PAGES, progress=lambda _, left, of: progress(of - left, of))
        except sqlite3.Error as error:
            raise StoreError(f"{file} cannot be copied: {error}") from error
        revision = str(made.execute("SELECT version_num FROM alembic_version").fetchone()[0])
        return Copy("sqlite", 0, revision, _count_in_file(made))


def _count_in_file(opened: sqlite3.Connection) -> dict[str, int]:
    names = opened.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {name: opened.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in names.fetchall()}  # noqa: S608


def _swap_files(file: Path, ready: Path, stamp: str) -> str:
    with Gate(file).held(PATIENCE):
        _refuse_while_open(file)
        aside = file.with_name(f"{file.name}.before-{stamp}")
        for beside in ("", "-wal", "-journal"):
            with suppress(FileNotFoundError):
                Path(f"{file}{beside}").rename(f"{aside}{beside}")
        Path(f"{file}-shm").unlink(missing_ok=True)
        ready.rename(file)
        _sync(file.parent)
    for beside in (".lock", "-wal", "-shm", "-journal"):
        Path(f"{ready}{beside}").unlink(missing_ok=True)
    return str(aside) if aside.exists() else ""


def _refuse_while_open(file: Path) -> None:
    """Raise StoreError while a process has the file open, as far as this one may see that (Linux)."""
    wanted = str(file.absolute())
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(link.readlink()) == wanted:
                raise StoreError(f"process {link.parts[2]} has {file} open: stop the service first")


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


# PostgreSQL


def _engine(address: URL) -> Engine:
    return create_engine(address.set(drivername="postgresql+psycopg"), hide_parameters=True)


def _server(address: URL) -> URL:
    return address.set(database="postgres")


def _command(address: URL, *statements: str) -> None:
    engine = create_engine(address.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
    except Exception as error:
        said = str(getattr(error, "orig", error)).split("\n")[0]
        raise StoreError(f"{said}: this account must be allowed to make databases (ALTER ROLE ... CREATEDB)") from error
    finally:
        engine.dispose()


def _exists(address: URL) -> bool:
    engine = _engine(_server(address))
    try:
        with engine.connect() as connection:
            found = connection.execute(
                text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": address.database}
            )
            return found.first() is not None
    finally:
        engine.dispose()


def _count(connection: Connection) -> dict[str, int]:
    names = inspect(connection).get_table_names()
    return {name: int(connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one()) for name in names}  # noqa: S608


def _dump(address: URL, target: Path, progress: Progress) -> Copy:
    tool, engine = _tool("pg_dump"), _engine(address)
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            server = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
            if _version(tool) < server:
                raise StoreError(f"pg_dump is of version {_version(tool)} and the server of {server}: install that one")
            moment = str(connection.execute(text("SELECT pg_export_snapshot()")).scalar_one())
            copied = Copy("postgresql", server, revision_of(connection), _count(connection))
            asked = ["--format=custom", "--no-owner", "--no-privileges", "--verbose", f"--snapshot={moment}"]
            progress(0, len(copied.counts))
            done = _run([tool, *asked, "--file", str(target), "--dbname", _plain(address)], _secret(address))
            progress(done.count("dumping contents of table"), len(copied.counts))
            return copied
    finally:
        engine.dispose()


def _restore(address: URL, copied: Copy, source: Path, stamp: str) -> str:
    tool = _tool("pg_restore")
    empty = _exists(address) and not count_records(address.render_as_string(hide_password=False))
    ready = address if empty else address.set(database=f"{str(address.database)[:32]}_restoring_{stamp.lower()}")
    if not empty:
        _command(_server(address), f'CREATE DATABASE "{ready.database}"')
    engine = _engine(ready)
    with engine.connect() as connection:
        server = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    engine.dispose()
    if server < copied.server:
        raise StoreError(f"this is a backup of PostgreSQL {copied.server}, and the server is of version {server}")
    asked = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    try:
        _run([tool, *asked, "--dbname", _plain(ready), str(source)], _secret(ready))
    except StoreError:
        if not empty:
            drop_ready(ready.render_as_string(hide_password=False))
        raise
    return ready.render_as_string(hide_password=False)


def _swap_databases(address: URL, ready: str, stamp: str) -> str:
    name = str(address.database)
    if not _exists(address):
        _command(_server(address), f'ALTER DATABASE "{ready}" RENAME TO "{name}"')
        return ""
    engine = _engine(_server(address))
    with engine.connect() as connection:
        asked = text("SELECT count(*) FROM pg_stat_activity WHERE datname = :name")
        users = connection.execute(asked, {"name": name}).scalar_one()
    engine.dispose()
    if users:
        raise StoreError(f"{users} connections to {name} are open: stop the service first")
    aside = f"{name[:32]}_before_{stamp.lower()}"
    _command(
        _server(address),
        f'ALTER DATABASE "{name}" RENAME TO "{aside}"',
        f'ALTER DATABASE "{ready}" RENAME TO "{name}"',
    )
    return aside


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise StoreError(f"{name} is not installed: it comes with PostgreSQL's client (postgresql-client)")
    return found


def _version(tool: str) -> int:
    said = re.search(r"\) (\d+)", _run([tool, "--version"], {}, output=True))
    return int(said[1]) if said else 0


def _plain(address: URL) -> str:
    """Write an address as PostgreSQL's tools read it, without the password: others can list a process's arguments."""
    return address.set(drivername="postgresql", password=None).render_as_string(hide_password=False)


def _secret(address: URL) -> dict[str, str]:
    return {"PGPASSWORD": str(address.password)} if address.password else {}


def _run(command: list[str], secret: Mapping[str, str], *, output: bool = False) -> str:
    """Run one of PostgreSQL's tools; give what it says. Raises StoreError with its last line."""
    ran = subprocess.run(  # noqa: S603
        command, env={**os.environ, **secret}, capture_output=True, text=True, errors="replace", check=False
    )
    if ran.returncode:
        said = [line for line in ran.stderr.splitlines() if "error" in line.lower()] or ran.stderr.splitlines()[-1:]
        raise StoreError(" ".join(f"{Path(command[0]).name}: {' '.join(said[:1])}".split()))
    return ran.stdout if output else ran.stderr
