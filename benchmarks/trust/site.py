"""A town on its own database, served by several processes of gunicorn, as in production."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine, create_engine, make_url, text

from benchmarks.trust.findings import Bench
from routing.graph import prepare
from webapp.config import Settings, read_settings

PATIENCE = 300.0
"""Seconds until a server counts as stuck: the first one of a machine compiles what the search needs."""
PROCESSES, THREADS, CONNECTIONS = 4, 64, 20


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers: its port, its main process, and where it keeps what."""

    port: int
    process: subprocess.Popen[bytes]
    settings: Settings
    log: Path

    def workers(self) -> list[int]:
        """Give the processes that answer requests."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in listed.read_text(encoding="ascii").split()]


@contextmanager
def records_at(bench: Bench, database: str) -> Iterator[str]:
    """Give the address of an empty database of a kind; it is dropped afterwards."""
    name = f"noriai_trust_{uuid4().hex[:12]}"
    if database == "sqlite":
        folder = bench.folder / name
        folder.mkdir()
        yield f"sqlite:///{folder / 'records.db'}"
        return
    server = make_url(bench.postgresql).set(drivername="postgresql+psycopg")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        _run(engine, f"CREATE DATABASE {name}")
        yield server.set(database=name).render_as_string(hide_password=False)
        _run(engine, f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        engine.dispose()


def settings_of(bench: Bench, url: str, **said: str) -> Settings:
    """Give the settings of a town in Helsinki whose records are at an address; its roads are prepared once."""
    home = bench.folder / "home"
    if not (home / "areas" / "helsinki").exists():
        bench.say("preparing the roads")
        prepare("helsinki", "helsinki", home / "areas" / "helsinki")
    return read_settings(environment(home, url, said), home=home)


@contextmanager
def serving(
    settings: Settings,
    *,
    processes: int = PROCESSES,
    threads: int = THREADS,
    said: Mapping[str, str] | None = None,
    app: str = "webapp.app:create_app()",
) -> Iterator[Served]:
    """Serve a town by several processes until the block ends; then all of them are gone."""
    port = free_port()
    log = settings.home / f"server-{port}.log"
    command = [sys.executable, "-m", "gunicorn", app, "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(processes), "--threads", str(threads), "--timeout", str(round(PATIENCE))]
    with log.open("wb") as written:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment(settings.home, settings.database_url, said or {})},
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    try:
        served = Served(port, process, settings, log)
        wait_until_ready(served)
        yield served
    finally:
        kill_group(process)


def environment(home: Path, url: str, said: Mapping[str, str]) -> dict[str, str]:
    """Give the settings of a town as the variables that a server reads."""
    fixed = {"NORIAI_HOME": str(home), "NORIAI_DATABASE_URL": url, "NORIAI_SECRET_KEY": "trust-benchmark " * 3}
    fixed["NORIAI_CONNECTIONS"] = str(CONNECTIONS)
    return {**fixed, **said}


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a server and all processes that it started, at once: kill -9."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until_ready(served: Served) -> None:
    """Wait until the server answers. Raises RuntimeError when it ends instead, with the end of its log."""
    until = time.monotonic() + PATIENCE
    while True:
        if served.process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(served.log.read_text(encoding="utf-8", errors="replace")[-2000:])
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/login")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.2)
        else:
            return
        finally:
            connection.close()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _run(engine: Engine, statement: str) -> None:
    with engine.connect() as connection:
        connection.execute(text(statement))
