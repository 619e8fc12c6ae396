"""Data leaves on time, and of one person at once; what others count by stays right."""

from pathlib import Path

import pytest
from sqlalchemy import event

from tests.webapp import canary
from tests.webapp.conftest import Clock
from tests.webapp.small_town import MONDAY
from webapp.db import expiry, tables
from webapp.db.expiry import EXPIRED
from webapp.services import erasing, ledger, planning, retention
from webapp.services.errors import Conflict, NotFound
from webapp.town import Town


@pytest.fixture
def lived(town: Town, clock: Clock) -> str:
    canary.settle(town)
    return canary.live(town, clock)


def test_every_class_of_data_has_a_limit_and_a_way_to_leave() -> None:
    assert {*EXPIRED} | {"trips", "schedules"} == {limit.name for limit in retention.LIMITS}


def test_trips_leave_on_time_and_their_figures_stay(town: Town, clock: Clock, lived: str, tmp_path: Path) -> None:
    before = ledger.day_ledger(town, MONDAY)
    canary.later(clock, 89)
    retention.tidy(town)
    assert canary.trip_of(town, lived).status == "booked"
    canary.later(clock, 2)
    planned = retention.preview(town)
    assert planned["trips"] > 10 and retention.tidy(town) >= planned["trips"]
    assert ledger.day_ledger(town, MONDAY) == before and before.fares
    assert MONDAY in ledger.list_dates(town)
    assert canary.hits(canary.dumped(town), (*canary.PLACES[2:], canary.OPINION, lived)) == []
    assert planning.verify(town)[1] == []


def test_tidying_again_changes_nothing(town: Town, clock: Clock, lived: str) -> None:
    canary.later(clock, 400)
    assert retention.tidy(town) > 0 and lived
    then = canary.dumped(town)
    assert (retention.tidy(town), sum(retention.preview(town).values())) == (0, 0)
    assert canary.dumped(town) == then


def test_a_preview_lets_nothing_go(town: Town, clock: Clock, lived: str) -> None:
    canary.later(clock, 400)
    then = canary.dumped(town)
    assert sum(retention.preview(town).values()) > 0 and lived
    assert canary.dumped(town) == then


def test_an_erased_resident_is_nowhere_any_more(town: Town, lived: str, tmp_path: Path) -> None:
    who = canary.resident(town)
    words = (*canary.OF_RESIDENT, "U-zebulon", "fcm.googleapis.com/zebulon", "sukulainen@example.org")
    assert {word for _, word in canary.hits(canary.dumped(town), words)} == {*words}
    counted = ledger.day_ledger(town, MONDAY)
    plan = erasing.plan_resident(town, who)
    assert (plan.weekly, plan.helpers, plan.consents, plan.done) == (1, 1, 1, False)
    done = erasing.erase_resident(town, who, by="desk")
    assert done.done and done.rows["saved_place"] == 1
    assert canary.hits(canary.dumped(town), words) == []
    assert canary.hits(canary.files(tmp_path), words) == []
    assert ledger.day_ledger(town, MONDAY) == counted and planning.verify(town)[1] == []
    assert canary.trip_of(town, lived).pickup_label == ""


BY_WHOM = {
    ("absent_day", "entered_by"),
    ("agreement", "drafted_by"),
    ("agreement", "withdrawn_by"),
    ("agreement_signature", "user_id"),
    ("alert_step", "user_id"),
    ("confirmation", "user_id"),
    ("driver_pin", "set_by"),
    ("driver_pin", "user_id"),
    ("rule_change", "decided_by"),
    ("rule_trial", "started_by"),
    ("steering", "created_by"),
    ("steering", "done_by"),
    ("steering", "undone_by"),
    ("tablet", "enrolled_by"),
    ("upload", "user_id"),
}
"""What staff did: an id that leads to nobody once somebody is erased."""
EMPTIED = {"booking", "request", "consent", "consent_end", "feedback", "outbox", "proxy", "series"}


def test_every_table_that_names_a_person_is_erased_or_said_to_keep_an_id() -> None:
    erased = {str(table.__tablename__) for table, _ in expiry._OF_RESIDENT} | EMPTIED
    named = {
        (table.name, column.name)
        for table in tables.METADATA.sorted_tables
        for column in table.columns
        for key in column.foreign_keys
        if key.target_fullname == "user.id"
    }
    assert {(table, column) for table, column in named if table not in erased} - BY_WHOM == set()


def test_erasing_again_changes_nothing(town: Town, lived: str) -> None:
    who = canary.resident(town)
    erasing.erase_resident(town, who, by="desk")
    then = canary.dumped(town)
    assert erasing.erase_resident(town, who, by="desk").done and lived
    assert canary.dumped(town) == then
    with pytest.raises(NotFound):
        erasing.find_resident(town, canary.RESIDENT[1])


def test_a_member_is_erased_once_no_schedule_has_them(town: Town, clock: Clock, lived: str, tmp_path: Path) -> None:
    with pytest.raises(Conflict):
        erasing.erase_member(town, "school", canary.CODE, by="desk")
    canary.later(clock, 1)
    done = erasing.erase_member(town, "school", canary.CODE, by="desk")
    assert done.rows["member"] == 1 and lived
    assert canary.hits(canary.dumped(town), canary.OF_CHILD) == []
    assert canary.hits(canary.files(tmp_path), canary.OF_CHILD) == []
    assert erasing.erase_member(town, "school", canary.CODE, by="desk").done
    assert planning.verify(town)[1] == []


def test_without_secure_delete_the_file_still_tells(town: Town, lived: str, tmp_path: Path) -> None:
    """Negative control: freed pages hold what was deleted, unless SQLite zeroes them."""
    engine = town.store._database.engine
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL has no such setting")
    engine.dispose()
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA secure_delete=OFF"))
    erasing.erase_resident(town, canary.resident(town), by="desk")
    assert canary.hits(canary.dumped(town), canary.OF_RESIDENT) == []
    assert canary.hits(canary.files(tmp_path), canary.OF_RESIDENT) != [] and lived
