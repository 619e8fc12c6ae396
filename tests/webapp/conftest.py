"""Records to test with: every test that asks for `store` runs on SQLite, and on PostgreSQL where there is one."""

import os
import tomllib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import Connection, create_engine, make_url, text

from routing.engine import Engine
from routing.places import PlaceIndex
from tests.webapp import small_town
from tests.webapp.visitor import Visitor
from webapp.app import create_app
from webapp.config import Settings
from webapp.db.store import Store
from webapp.resources import data_path
from webapp.town import Town, read_policy

POSTGRESQL = "NORIAI_TEST_DATABASE_URL"
UNHURRIED = 60.0
"""Seconds that tests wait for a lock: a busy machine is no reason to fail."""


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


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """Make a database for this session on the server that the environment names, and drop it at the end."""
    if not os.environ.get(POSTGRESQL):
        pytest.skip(f"set {POSTGRESQL} to the address of a PostgreSQL server to test on it too")
    server, name = make_url(os.environ[POSTGRESQL]).set(drivername="postgresql+psycopg"), f"noriai_test_{uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        yield server.set(database=name).render_as_string(hide_password=False)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.db'}"
    url: str = request.getfixturevalue("postgresql_url")
    engine = create_engine(url)
    with engine.begin() as connection:
        _empty(connection)
    engine.dispose()
    return url


def _empty(connection: Connection) -> None:
    connection.execute(text("DROP SCHEMA public CASCADE"))
    connection.execute(text("CREATE SCHEMA public"))


@pytest.fixture
def store(database_url: str, clock: Clock) -> Iterator[Store]:
    """Give empty records with their tables made."""
    opened = Store(database_url, clock=clock, patience=UNHURRIED)
    opened.migrate()
    yield opened
    opened.close()


# A town and its site


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
    rules = tomllib.loads(data_path("policies", "demo-town.toml").read_text(encoding="utf-8"))
    roads, names = request.getfixturevalue("roads"), request.getfixturevalue("names")
    made = Town(Settings(tmp_path, database_url, "not a secret"), store, roads, names, read_policy(rules), rules, clock)
    small_town.settle(made)
    return made


@pytest.fixture
def site(town: Town) -> Flask:
    made = create_app(town=town)
    made.config["TESTING"] = True
    return made


@pytest.fixture
def visitor(site: Flask) -> Visitor:
    """Give somebody who has not signed in."""
    return Visitor(site)


@pytest.fixture
def sign_in(site: Flask) -> SignIn:
    """Give a function that signs somebody of a role in, at a browser of their own."""
    return lambda role: Visitor(site).sign_in(role)
