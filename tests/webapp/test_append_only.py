"""History cannot be changed quietly: the database itself refuses, whoever asks it."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import delete

from tests.webapp.toy_records import event, settled
from webapp.db import tables
from webapp.db.migrations.versions import r0024_append_only
from webapp.db.store import Door, Store, StoreError

NAMES = [table.__tablename__ for table in tables.APPEND_ONLY]
HARM = {"change": "UPDATE {table} SET {column} = {column}", "deletion": "DELETE FROM {table}"}


def filled(store: Store) -> None:
    """Write one row into each table that is append-only, with no regard to what it refers to."""
    settled(store)
    store.commit(lambda door: door.add_event(event("e", "a", "arrived")), runs=["bus"])


def harm(store: Store, statement: str) -> int:
    with store._database.alone(5) as connection:
        return connection.execute(text(statement)).rowcount


@pytest.mark.parametrize("what", HARM)
@pytest.mark.parametrize("table", ["run_event", "event"])
def test_no_statement_changes_or_deletes_a_row_of_a_history(store: Store, table: str, what: str) -> None:
    filled(store)
    with pytest.raises(IntegrityError, match="neither changed nor deleted"):
        harm(store, HARM[what].format(table=table, column="run_id"))
    assert harm(store, "UPDATE run SET revision = revision") == 1


def test_every_table_that_is_append_only_is_guarded_in_both_ways(store: Store) -> None:
    with store._database.snapshot() as connection:
        if connection.dialect.name == "sqlite":
            found = connection.execute(text("SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'")).all()
            wanted = {(name, f"{name}_keeps_{way}") for name in NAMES for way in ("UPDATE", "DELETE")}
        else:
            asked = "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal"
            found = connection.execute(text(asked)).all()
            wanted = {(name, f"{name}_{way}") for name in NAMES for way in ("keeps", "keeps_all")}
    assert {tuple(row) for row in found} >= wanted
    assert {*r0024_append_only.TABLES} <= {*NAMES}


def test_nor_can_a_whole_history_be_emptied(store: Store) -> None:
    filled(store)
    if store._database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(IntegrityError, match="neither changed nor deleted"):
        harm(store, "TRUNCATE event")


def test_what_has_to_leave_leaves_inside_a_transaction_that_says_so(store: Store) -> None:
    filled(store)

    def erase(door: Door) -> Any:
        with door.erasing("retention"):
            return door._session.exec(delete(tables.Event)).rowcount

    assert store.commit(erase) == 1
    with store.read() as records:
        assert records.list_events("bus") == []


def test_and_nothing_more_leaves_afterwards_in_the_same_transaction(store: Store) -> None:
    filled(store)

    def erase(door: Door) -> None:
        with door.erasing("retention"):
            pass
        door._session.exec(delete(tables.Event))

    with pytest.raises(StoreError, match="neither changed nor deleted"):
        store.commit(erase)


def test_an_erasure_that_fails_leaves_the_tables_guarded(store: Store) -> None:
    filled(store)

    def erase(door: Door) -> None:
        with door.erasing("retention"):
            raise KeyError("something else")

    with pytest.raises(KeyError):
        store.commit(erase)
    with pytest.raises(IntegrityError):
        harm(store, "DELETE FROM event")


def test_without_the_guard_a_history_can_be_changed(store: Store) -> None:
    """Negative control: it is the trigger that refuses."""
    filled(store)
    on = "" if store._database.engine.dialect.name == "sqlite" else " ON event"
    name = "event_keeps_DELETE" if not on else "event_keeps"
    harm(store, f"DROP TRIGGER {name}{on}")
    assert harm(store, "DELETE FROM event") == 1


def test_tables_that_are_append_only_say_so() -> None:
    assert [one for one in tables.APPEND_ONLY if "append-only" not in (one.__doc__ or "").lower()] == []
