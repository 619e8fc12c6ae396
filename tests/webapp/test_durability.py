"""What is told to be kept is kept: whatever becomes of the database, nothing is written by halves, or elsewhere."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from flask import Flask
from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError

from tests.webapp.conftest import HELSINKI, Clock, SignIn
from tests.webapp.toy_records import booking, keep, put, settled, user, with_ride
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import count_rows
from webapp import town as towns
from webapp.db.engines import network_file_system
from webapp.db.migrations import config_for, newest
from webapp.db.store import Store, StoreError, Unavailable
from webapp.town import Town

ROOT = Path(__file__).parents[2]


@contextmanager
def out_of_reach(url: str) -> Iterator[None]:
    """Let a database be gone for as long as the block lasts: its file lies elsewhere, or its name is another."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        file = Path(str(address.database))
        file.rename(f"{file}.away")
        try:
            yield
        finally:
            Path(f"{file}.away").rename(file)
        return
    server = create_engine(address.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        rename(connection, str(address.database), f"{address.database}_away")
        try:
            yield
        finally:
            rename(connection, f"{address.database}_away", str(address.database))
    server.dispose()


def rename(connection: Any, name: str, become: str) -> None:
    said = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
    connection.execute(said, {"name": name})
    connection.execute(text(f"ALTER DATABASE {name} RENAME TO {become}"))


def addresses(site: Flask) -> list[str]:
    """Give an address of every page that can be opened, with something in place of each id."""
    with site.test_request_context():
        adapter = site.url_map.bind("localhost")
        rules = [rule for rule in site.url_map.iter_rules() if "GET" in (rule.methods or ())]
        return [
            adapter.build(rule.endpoint, {name: filler(rule, name) for name in rule.arguments}, method="GET")
            for rule in rules
        ]


def filler(rule: Any, name: str) -> Any:
    kind = type(rule._converters[name]).__name__
    if kind == "AnyConverter":
        return min(rule._converters[name].items)
    return 1 if kind in ("IntegerConverter", "FloatConverter") else "x"


@pytest.mark.parametrize("role", ["", "resident", "desk", "dispatcher", "driver", "town"])
def test_no_page_is_a_fault_while_the_records_are_out_of_reach(
    site: Flask, town: Town, sign_in: SignIn, visitor: Visitor, role: str
) -> None:
    there = sign_in(role) if role else visitor
    with out_of_reach(town.settings.database_url):
        told = {path: there.browser.get(path) for path in addresses(site)}
    assert len(told) > 90
    assert {path: answer.status_code for path, answer in told.items() if answer.status_code == 500} == {}
    busy = [answer for answer in told.values() if answer.status_code == 503]
    assert {answer.headers["Retry-After"] for answer in busy} == {"5"}
    if role:
        assert len(busy) > 20


def test_who_comes_while_the_records_are_gone_is_told_what_to_do_and_served_right_after(
    town: Town, sign_in: SignIn
) -> None:
    rider = sign_in("resident")
    with out_of_reach(town.settings.database_url):
        rider.get("/trips", 503)
        assert "nothing is booked twice" in rider.text
        rider.get("/nowhere", 503)
        rider.post("/trips/new", status=503)
    rider.get("/trips")
    assert "My trips" in rider.text


def test_without_the_mapping_a_failing_database_would_be_a_fault(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the two tests above."""
    monkeypatch.setattr(Store, "_explain", lambda _store, _error: None)
    monkeypatch.setattr(type(store._database), "_check_file", lambda _database: None, raising=False)
    with out_of_reach(database_url), pytest.raises(DBAPIError), store.read() as records:
        records.list_users()


def test_a_full_disk_is_told_and_nothing_is_half_kept(tmp_path: Path, clock: Clock) -> None:
    store = Store(f"sqlite:///{tmp_path}/records.db", clock=clock, timezone=HELSINKI)
    store.migrate()
    plans = [settled(store)]
    most = {"pages": 1}

    def limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {most['pages']}")  # SQLite takes what it has as the least

    event.listen(store._database.engine, "checkout", limit)
    kept = until_full(lambda number: put(store, user(f"one more {number}", name="x" * 1000)))
    with store.read() as records:
        assert len(records.list_users()) == 1 + kept
    until_full(lambda _: plans.append(keep(store, plans[-1])))
    with store.read() as records:
        assert [plans[-1], records.get_run("bus")] == [one.run for one in records.history("bus")][-1:] * 2
    most["pages"] = 1_000_000
    put(store, user("there is room again"))
    store.close()


def until_full(write: Callable[[int], object]) -> int:
    """Write until the disk is full; tell how often that went well."""
    for number in range(400):
        try:
            write(number)
        except Unavailable:
            return number
    raise AssertionError("the disk never was full")


def test_an_old_version_does_not_write_into_newer_records(store: Store) -> None:
    settled(store)
    become(store, "r9999")
    with pytest.raises(Unavailable, match="another version"):
        put(store, user("other"))
    become(store, newest())
    put(store, user("other"))


def test_without_the_fence_an_old_version_would_write(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(store)
    become(store, "r9999")
    monkeypatch.setattr(Store, "_one_version", False)
    put(store, user("other"))
    with store.read() as records:
        assert records.find_user(id="other")


def test_an_old_version_that_reads_what_is_no_longer_there_is_told_so(store: Store) -> None:
    settled(store)
    with store._database.migrating() as connection:
        connection.execute(text("ALTER TABLE rule_change RENAME TO decided_rules"))
    become(store, "r9999")
    with store.read() as records, pytest.raises(Exception, match="rule_change"):
        records.list_rule_changes()
    with pytest.raises(Unavailable, match="another version"), store.read() as records:
        records.list_rule_changes()


def become(store: Store, revision: str) -> None:
    with store._database.migrating() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})


def test_lost_records_are_not_begun_anew(store: Store, tmp_path: Path) -> None:
    made = tmp_path / towns.MADE
    towns._open_records(store, made)
    settled(store)
    lose(store)
    with pytest.raises(StoreError, match=r"(gone|empty).*noriai restore"):
        towns._open_records(reopened(store), made)
    if store.address.startswith("sqlite"):
        assert not Path(str(store._database.engine.url.database)).exists()
    made.unlink()
    anew = reopened(store)
    towns._open_records(anew, made)
    settled(anew)
    anew.close()


def lose(store: Store) -> None:
    store.close()
    if store.address.startswith("sqlite"):
        Path(str(store._database.engine.url.database)).unlink()
        return
    with store._database.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    store.close()


def reopened(store: Store) -> Store:
    url = store._database.engine.url.render_as_string(hide_password=False)
    return Store(url, clock=Clock(), timezone=HELSINKI)


def test_a_file_that_left_its_place_is_not_written(tmp_path: Path, clock: Clock) -> None:
    """A writer that keeps an old file open would tell people that they are booked, where nobody looks again."""
    file = tmp_path / "records.db"
    store = Store(f"sqlite:///{file}", clock=clock, timezone=HELSINKI)
    store.migrate()
    settled(store)
    shutil.copy(file, tmp_path / "yesterday.db")
    file.rename(tmp_path / "aside.db")
    with pytest.raises(Unavailable, match="gone"):
        put(store, user("other"))
    (tmp_path / "yesterday.db").rename(file)
    with pytest.raises(Unavailable, match="replaced"):
        put(store, user("other"))
    store.close()


def test_a_damaged_file_is_refused_with_one_line(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "records.db"
    store = Store(f"sqlite:///{file}", clock=clock, timezone=HELSINKI)
    store.migrate()
    settled(store)
    store.close()
    whole = file.read_bytes()
    for at, size in ((8192, 4096), (0, 100)):
        file.write_bytes(whole[:at] + os.urandom(size) + whole[at + size :])
        with pytest.raises(StoreError, match=r"damaged|cannot be opened") as refusal:
            store.migrate()
        assert "\n" not in str(refusal.value)
        store.close()
    file.write_bytes(whole)
    store.migrate()
    store.close()


def test_records_that_may_only_be_read_are_refused_at_the_start(store: Store) -> None:
    address = store._database.engine.url
    if address.get_backend_name() == "sqlite":
        url = f"sqlite:///file:{address.database}?mode=ro&uri=true"
    else:
        asked = {"options": "-c default_transaction_read_only=on"}
        url = address.update_query_dict(asked).render_as_string(hide_password=False)
    bound = Store(url, clock=Clock(), timezone=HELSINKI)
    with pytest.raises(StoreError, match=r"readonly|only be read") as refusal:
        bound.migrate()
    assert "\n" not in str(refusal.value)
    bound.close()


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path, clock: Clock) -> None:
    store = Store(f"sqlite:///{tmp_path}/not-mounted/records.db", clock=clock, timezone=HELSINKI)
    with pytest.raises(StoreError, match="is not there"):
        store.migrate()
    assert not (tmp_path / "not-mounted").exists()


def test_a_network_file_system_is_known_by_its_mount() -> None:
    mounts = "/dev/sda1 / ext4 rw 0 0\nserver:/x /srv/far\\040away nfs4 rw 0 0\n//s/y /srv/win cifs rw 0 0\n"
    kinds = [
        network_file_system(Path(path), mounts)
        for path in ("/srv/records.db", "/srv/far away/a/records.db", "/srv/win/records.db")
    ]
    assert kinds == ["", "nfs4", "cifs"]


KILLED = """
import os, signal, sys
from datetime import datetime
from zoneinfo import ZoneInfo
from sqlalchemy import event
from webapp.db.store import Store

def die_at(number):
    store, said = Store(sys.argv[1], clock=datetime.now, timezone=ZoneInfo("Europe/Helsinki")), []
    def count(*_):
        said.append(1)
        if len(said) == number:
            os.kill(os.getpid(), signal.SIGKILL)
    event.listen(store._database.engine, "after_cursor_execute", count)
    store.migrate()
    os._exit(0)

for number in map(int, sys.argv[2:]):
    child = os.fork()
    if not child:
        die_at(number)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_migration_that_is_killed_half_way_changes_nothing_and_can_be_done_again(
    store: Store, database_url: str
) -> None:
    keep(store, with_ride(settled(store), "r1"))
    put(store, booking("r1"))
    with store._database.migrating() as connection:
        command.downgrade(config_for(connection), "r0012")
    store.close()
    before = count_all(database_url)
    points = (12, 45)
    run = subprocess.run(
        [sys.executable, "-c", KILLED, database_url, *map(str, points)], cwd=ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert run.stdout.split() == [str(-signal.SIGKILL)] * len(points)
    assert count_all(database_url) == before
    for _ in range(2):
        store.migrate()
        after = count_all(database_url)
        assert {name: after.get(name) for name in before if name not in ("alembic_version", "consent")} == {
            name: number for name, number in before.items() if name not in ("alembic_version", "consent")
        }
    with store.read() as records:
        assert records.get_run("bus").revision == 1


def count_all(url: str) -> dict[str, int]:
    """Count the rows of every table that is there; of the one that names the step, tell the step."""
    engine = create_engine(url)
    with engine.connect() as connection:
        names = list(engine.dialect.get_table_names(connection))
        counts = {name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one() for name in names}
        counts["alembic_version"] = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    engine.dispose()
    return counts


def test_a_town_whose_records_fail_counts_the_same_rows_after(town: Town, sign_in: SignIn) -> None:
    rider, before = sign_in("resident"), count_rows(town)
    with out_of_reach(town.settings.database_url):
        for path in ("/trips/new", "/display", "/language"):
            rider.browser.post(path, data={"csrf_token": rider.token, "language": "fi", "text_size": "large"})
    assert count_rows(town) == before


def test_a_lock_that_is_held_is_a_503_and_then_works(
    town: Town, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    rider = sign_in("resident")
    monkeypatch.setattr(town.store, "_patience", 0.2)
    opened = Store(town.settings.database_url, clock=town.clock, timezone=HELSINKI)

    def meanwhile(door: Any) -> int:
        door.get_user(rider_of(town))
        return rider.browser.post("/trips/new", data={"csrf_token": rider.token}).status_code

    status = opened.commit(meanwhile, rider=rider_of(town))
    opened.close()
    if town.settings.database_url.startswith("sqlite"):
        assert status == 503
    assert rider.browser.post("/trips/new", data={"csrf_token": rider.token}).status_code == 302


def rider_of(town: Town) -> str:
    with town.store.read() as records:
        found = records.find_user(email="resident@example.org")
    assert found
    return found.id
