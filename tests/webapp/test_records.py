"""Records are found by what people know of them."""

from functools import partial

import pytest

from tests.matching.toy import care_van
from tests.webapp.conftest import Clock
from tests.webapp.toy_records import MONDAY, SUNDAY_MORNING, booking, keep, put, settle, settled, user
from webapp.db import tables
from webapp.db.store import Door, Store, StoreError


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("äijö", ["aijo"]),
        ("ÄIJ", ["aijo"]),
        ("5551", ["matti"]),
        ("40-555", ["matti"]),
        ("山", []),
        ("山田", ["yamada"]),
        ("a", []),
        ("%", []),
        ("%%", []),
        ("__", []),
    ],
)
def test_the_desk_finds_callers_by_name_or_number(store: Store, text: str, found: list[str]) -> None:
    matti = user("matti", name="Matti", phone="+358 40-555 1234")
    put(store, user("aijo", name="Äijö"), matti, user("yamada", name="山田"))
    with store.read() as records:
        assert [one.id for one in records.search_users(text)] == found


def test_users_are_found_by_what_identifies_them(store: Store) -> None:
    put(store, user("one", email="one@example.org", roles=["driver", "dispatcher"]))
    with store.read() as records:
        for known in ({"id": "one"}, {"email": "one@example.org"}, {"fs_uniquifier": "unique-one"}):
            assert records.find_user(**known) == records.get_user("one")
        assert records.find_user() is records.find_user(id="two") is None
        assert [one.id for one in records.list_users("driver")] == ["one"]
        assert records.list_users("drive") == []


def test_bookings_and_requests_are_listed_by_all_that_is_given(store: Store) -> None:
    settled(store)
    put(store, booking("b1"), booking("b2", status="cancelled"))
    with store.read() as records:
        assert [one.id for one in records.list_bookings(run_id="bus", service_date=MONDAY)] == ["b1", "b2"]
        assert [one.id for one in records.list_bookings(rider_id="rider", status="booked")] == ["b1"]
        assert records.list_bookings(run_id="van") == []
        assert records.find_booking("rider", "b1") == records.get_booking("b1")
        assert [one.id for one in records.list_requests(rider_id="rider", status="draft")] == ["wish"]
        assert records.list_requests(service_date=MONDAY) == []


def test_one_key_is_one_booking(store: Store) -> None:
    settled(store)
    put(store, booking("b1", key="tap"))
    with pytest.raises(StoreError, match=r"(?i)unique"):
        put(store, booking("b2", key="tap"))


def test_days_and_runs_are_listed_by_operator(store: Store) -> None:
    settled(store)
    keep(store, care_van())
    with store.read() as records:
        assert records.list_run_dates() == records.list_run_dates("care") == [MONDAY]
        assert records.list_run_dates("nobody") == []
        assert [head.id for head in records.run_heads(MONDAY, "care")] == ["van"]
        assert records.all_run_ids(MONDAY) == ["bus", "van"]


def test_an_operators_people_and_vehicles_are_its_own(store: Store) -> None:
    settle(store)
    vehicle = tables.Vehicle(operator_id="care", code="van-1", layouts=[[3, 0], [1, 1]])
    put(store, tables.Member(operator_id="care", code="C-1"), vehicle)
    with store.read() as records:
        assert set(records.list_members("care")) == {"C-1"}
        assert [one.code for one in records.list_vehicles("care")] == ["van-1"]
        assert records.list_members("school") == {} and records.list_vehicles("school") == []
        assert [one.id for one in records.list_operators()] == ["care", "school"]


def test_a_message_waits_until_it_is_sent_and_lets_others_pass_when_it_fails(store: Store, clock: Clock) -> None:
    def write(to: str) -> int | None:
        message = tables.Outbox(kind="booked", email=to, facts={"run": "bus"}, created_at=SUNDAY_MORNING)
        return store.commit(lambda door: door.put(message)).id

    first, second = write("a@example.org") or 0, write("b@example.org") or 0
    store.commit(lambda door: door.mark_failed(first, "refused"))
    with store.read() as records:
        assert [(one.id, one.error) for one in records.pending_outbox(9)] == [(second, ""), (first, "refused")]
    clock.forward(60)
    for message in (first, second):
        store.commit(partial(Door.mark_sent, outbox_id=message))
    with store.read() as records:
        assert records.pending_outbox(9) == []
