"""The migrations make exactly the tables that the code reads, however often and by however many they are run."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import JSON, text

from tests.webapp.conftest import HELSINKI, Clock
from tests.webapp.toy_records import booking, keep, put, settled, with_ride
from webapp.db import tables
from webapp.db.migrations import config_for
from webapp.db.store import Store, StoreError

MIGRATE = """
import sys
from datetime import datetime
from zoneinfo import ZoneInfo
from webapp.db.store import Store
Store(sys.argv[1], clock=datetime.now, timezone=ZoneInfo("Europe/Helsinki")).migrate()
"""


def default_differs(*compared: Any) -> bool | None:
    """Compare defaults of JSON as they are written: PostgreSQL knows no equality of them; of all others it decides."""
    _context, _inspected, column, there, _default, here = compared
    return None if not isinstance(column.type, JSON) else (there or "").partition("::")[0] != (here or "")


def test_migrations_make_exactly_the_tables_of_the_code(store: Store) -> None:
    with store._database.snapshot() as connection:
        found = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": default_differs}
        )
        assert compare_metadata(found, tables.METADATA) == []


def test_migrating_again_changes_nothing(store: Store) -> None:
    run = settled(store)
    store.migrate()
    with store.read() as records:
        assert records.get_run("bus") == run


def test_processes_that_start_at_once_may_all_migrate(database_url: str, clock: Clock) -> None:
    home = Path(__file__).parents[2]
    started = [subprocess.Popen([sys.executable, "-c", MIGRATE, database_url], cwd=home) for _ in range(2)]
    assert [process.wait() for process in started] == [0, 0]
    store = Store(database_url, clock=clock, timezone=HELSINKI)
    settled(store)
    store.close()


def test_records_of_a_newer_version_are_left_alone(store: Store) -> None:
    with store._database.migrating() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'r9999'"))
    with pytest.raises(StoreError, match="this version of Noriai"):
        store.migrate()


def test_what_an_earlier_version_wrote_reads_as_before(store: Store) -> None:
    run = keep(store, with_ride(settled(store), "r1"))
    put(store, booking("r1"))
    with store._database.migrating() as connection:
        command.downgrade(config_for(connection), "r0001")
        connection.execute(text("UPDATE run SET layouts = '[[4, 0]]'"))
    store.migrate()
    with store.read() as records:
        assert records.get_run("bus") == run
        request = records.get_request("wish")
        assert (request.purpose, request.after, request.stowage) == ("", None, 0)
        assert [one.id for one in records.list_bookings(run_id="bus")] == ["r1"]


def test_who_waited_before_may_still_be_booked_at_once(store: Store) -> None:
    keep(store, with_ride(settled(store), "r1"))
    put(store, booking("r1"))
    with store._database.migrating() as connection:
        command.downgrade(config_for(connection), "r0012")
        connection.execute(text("UPDATE request SET status = 'waiting' WHERE id = 'wish'"))
    store.migrate()
    with store.read() as records:
        assert records.get_request("wish").at_once


def test_addresses_and_guardians_of_before_become_the_consents_that_they_stood_for(store: Store) -> None:
    settled(store)
    with store._database.migrating() as connection:
        command.downgrade(config_for(connection), "r0012")
        operator = connection.execute(text("SELECT id FROM operator ORDER BY id LIMIT 1")).scalar_one()
        user = connection.execute(text('SELECT id FROM "user" ORDER BY id LIMIT 1')).scalar_one()
        for code, email in (("A01", "Parent@example.org"), ("A02", "")):
            said = {"operator": operator, "code": code, "email": email}
            connection.execute(text("INSERT INTO member VALUES (:operator, :code, '', :email)"), said)
        said = {"user": user, "operator": operator}
        connection.execute(text("INSERT INTO guardian VALUES (:user, :operator, 'A02')"), said)
    store.migrate()
    with store.read() as records:
        found = {(one.member, one.email, one.user_id, one.basis) for one in records.list_consents()}
        kinds = {tuple(one.kinds) for one in records.list_consents()}
    assert found == {("A01", "parent@example.org", None, "records"), ("A02", "", user, "records")}
    assert kinds == {("boarded", "alighted", "no_show")}
    with store._database.migrating() as connection:
        command.downgrade(config_for(connection), "r0012")
        kept = connection.execute(text("SELECT code, guardian_email FROM member ORDER BY code")).all()
        assert [tuple(row) for row in kept] == [("A01", "parent@example.org"), ("A02", "")]
    store.migrate()


def test_the_first_step_can_be_taken_back(store: Store) -> None:
    with store._database.migrating() as connection:
        command.downgrade(config_for(connection), "base")
    store.migrate()
    settled(store)
