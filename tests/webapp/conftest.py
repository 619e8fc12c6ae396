"""Records to test with: every test that asks for `store` runs on SQLite, and on PostgreSQL where there is one."""

import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import create_engine, make_url, text
from waitress.server import create_server

from routing.engine import Engine
from routing.places import PlaceIndex
from tests.webapp import small_town
from tests.webapp.visitor import Visitor
from webapp import demo, searching
from webapp.app import create_app
from webapp.config import Settings
from webapp.db.store import Store
from webapp.live import LiveTown
from webapp.resources import data_path
from webapp.town import Town, read_objective, read_policy

POSTGRESQL = "NORIAI_TEST_DATABASE_URL"
CHROMIUM = Path("/usr/bin/chromium")
UNHURRIED = 60.0
"""Seconds that tests wait for a lock: a busy machine is no reason to fail."""


HELSINKI = ZoneInfo("Europe/Helsinki")
MORNING = datetime(2026, 11, 23, 5, 0)
"""Monday, 7:00 in Helsinki."""
SignIn = Callable[[str], Visitor]


class Clock:
    """A clock that stands still until a test moves it; UTC without an offset."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 9, 0)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


Fill = Callable[[str], None]
"""Writes what a test begins with into the empty database at an address."""


class SQLite:
    """Databases that are files: a new one is a copy of one that was filled once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def filled(self, name: str, fill: Fill) -> None:
        """Fill the database of a name, if that was not done in this session."""
        if not self._file(name).exists():
            fill(f"sqlite:///{self._file(name)}")

    def copy(self, name: str, folder: Path) -> str:
        """Give the address of a copy of a filled database; of an empty one for no name."""
        if name:
            shutil.copy(self._file(name), folder / "records.db")
        return f"sqlite:///{folder / 'records.db'}"

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.db"


class PostgreSQL:
    """Databases on a server, all of them of this session: a new one is made from one that was filled once."""

    def __init__(self, server: str) -> None:
        self._server = make_url(server).set(drivername="postgresql+psycopg")
        self._engine = create_engine(self._server, isolation_level="AUTOCOMMIT")
        self._prefix, self._made = f"noriai_test_{uuid4().hex[:16]}", set[str]()

    def filled(self, name: str, fill: Fill) -> None:
        """Fill the database of a name, if that was not done in this session."""
        if f"{self._prefix}_{name}" not in self._made:
            fill(self._anew(name, "template1"))

    def copy(self, name: str, folder: Path) -> str:
        """Give the address of a copy of a filled database; of an empty one for no name. The last copy goes."""
        assert folder.exists()
        return self._anew("copy", f"{self._prefix}_{name}" if name else "template1")

    def close(self) -> None:
        for name in self._made:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")
        self._engine.dispose()

    def _anew(self, name: str, like: str) -> str:
        name = f"{self._prefix}_{name}"
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE {like}")
        self._made.add(name)
        return self._server.set(database=name).render_as_string(hide_password=False)

    def _run(self, *statements: str) -> None:
        with self._engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> SQLite:
    return SQLite(tmp_path_factory.mktemp("filled"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Keep databases for this session on the server that the environment names, and drop them at the end."""
    if not os.environ.get(POSTGRESQL):
        pytest.skip(f"set {POSTGRESQL} to the address of a PostgreSQL server to test on it too")
    databases = PostgreSQL(os.environ[POSTGRESQL])
    yield databases
    databases.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of a database: of a settled town, of records with their tables, or an empty one, as is asked."""
    databases: SQLite | PostgreSQL = request.getfixturevalue(request.param)
    wanted = next((name for name in ("town", "store") if name in request.fixturenames), "")
    if wanted == "town":
        area = request.getfixturevalue("roads"), request.getfixturevalue("names")
        databases.filled("town", lambda url: _settle(url, tmp_path, area))
    elif wanted == "store":
        databases.filled("store", lambda url: _opened(url, Clock()).close())
    return databases.copy(wanted, tmp_path)


def _opened(url: str, clock: Clock) -> Store:
    opened = Store(url, clock=clock, timezone=HELSINKI, patience=UNHURRIED)
    opened.migrate()
    return opened


def _settle(url: str, folder: Path, area: tuple[Engine, PlaceIndex]) -> None:
    clock = Clock()
    clock.now = MORNING
    opened = _opened(url, clock)
    small_town.settle(_town(folder, url, opened, area, clock))
    opened.close()


@pytest.fixture
def store(database_url: str, clock: Clock) -> Iterator[Store]:
    """Give empty records with their tables made."""
    opened = Store(database_url, clock=clock, timezone=HELSINKI, patience=UNHURRIED)
    yield opened
    opened.close()


# A town and its site


@pytest.fixture(scope="session", autouse=True)
def unhurried_searches() -> None:
    """Let a search that is told to take a second take as long as a busy machine needs."""
    searching.SLACK = UNHURRIED


@pytest.fixture(scope="session")
def roads(helsinki: Path) -> Engine:
    return Engine.load(helsinki)


@pytest.fixture(scope="session")
def names(helsinki: Path) -> PlaceIndex:
    return PlaceIndex.load(helsinki)


@pytest.fixture
def town(store: Store, database_url: str, clock: Clock, tmp_path: Path, request: pytest.FixtureRequest) -> Town:
    """Give a town with its small day, on Monday 23 November 2026 at 7:00 of its clock; `clock` moves that."""
    clock.now = MORNING
    (tmp_path / "areas").mkdir()
    (tmp_path / "areas" / "helsinki").symlink_to(request.getfixturevalue("helsinki"))
    area = request.getfixturevalue("roads"), request.getfixturevalue("names")
    return _town(tmp_path, database_url, store, area, clock)


def _town(folder: Path, url: str, store: Store, area: tuple[Engine, PlaceIndex], clock: Clock) -> Town:
    rules = tomllib.loads(data_path("policies", "demo-town.toml").read_text(encoding="utf-8"))
    settings = Settings(folder, url, "not a secret")
    return Town(settings, store, *area, read_policy(rules), rules, clock, read_objective(rules))


@pytest.fixture(scope="session")
def any_site() -> Callable[[Town], Flask]:
    """Give a function that lets one site serve a town: to build another would cost each test its routes and pages."""
    made: list[Flask] = []

    def serve(town: Town) -> Flask:
        if not made:
            made.append(create_app(town=town))
            made[0].config["TESTING"] = True
            cost = ("time_cost", "memory_cost", "parallelism")
            quick = {f"argon2__{name}": getattr(small_town.QUICK, name) for name in cost}
            made[0].extensions["security"].pwd_context.update(**quick)
        made[0].extensions["noriai"] = LiveTown(town)
        return made[0]

    return serve


@pytest.fixture
def site(town: Town, any_site: Callable[[Town], Flask]) -> Flask:
    return any_site(town)


@pytest.fixture
def visitor(site: Flask) -> Visitor:
    """Give somebody who has not signed in."""
    return Visitor(site)


@pytest.fixture
def sign_in(site: Flask) -> SignIn:
    """Give a function that signs somebody of a role in, at a browser of their own."""
    return lambda role: Visitor(site).sign_in(role)


# A real browser


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium once; without it, what needs a browser is skipped."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def live_site(site: Flask) -> Iterator[str]:
    """Serve the site on a free port of this machine; give its address."""
    server = create_server(site, host="127.0.0.1", port=0, threads=16)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    for channel in [*server.active_channels.values()]:
        channel.will_close = True  # a browser's open connections would keep the server running
    thread.join(timeout=5)
    server.task_dispatcher.shutdown(timeout=1)


# The demo's day


@pytest.fixture(scope="session")
def demo_records(tmp_path_factory: pytest.TempPathFactory, roads: Engine, names: PlaceIndex) -> Path:
    """Write the demo's people and its three workbooks once, on the Sunday before; tests copy this file."""
    clock, folder = Clock(), tmp_path_factory.mktemp("demo")
    made = _sqlite_town(folder, clock, (roads, names))
    demo.settle(made)
    made.store.close()
    return folder / "noriai.db"


@pytest.fixture
def demo_town(demo_records: Path, clock: Clock, tmp_path: Path, roads: Engine, names: PlaceIndex) -> Iterator[Town]:
    """Give a town with the demo's schedules on the Sunday before its Monday, in SQLite."""
    shutil.copy(demo_records, tmp_path / "noriai.db")
    made = _sqlite_town(tmp_path, clock, (roads, names))
    yield made
    made.store.close()


def _sqlite_town(folder: Path, clock: Clock, area: tuple[Engine, PlaceIndex]) -> Town:
    url = f"sqlite:///{folder / 'noriai.db'}"
    return _town(folder, url, _opened(url, clock), area, clock)
