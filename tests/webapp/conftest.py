"""Records to test with: every test that asks for `store` runs on SQLite, and on PostgreSQL where there is one."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Connection, create_engine, make_url, text

from webapp.db.store import Store

POSTGRESQL = "NORIAI_TEST_DATABASE_URL"
UNHURRIED = 60.0
"""Seconds that tests wait for a lock: a busy machine is no reason to fail."""


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
