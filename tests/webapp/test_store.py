"""The records keep what they were given, whole and judged, or nothing at all."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from matching.model import Capacity, Load, Rule, Window
from tests.matching.toy import EIGHT, GRID, OPEN, care_van, morning_bus
from tests.webapp.toy_records import (
    MONDAY,
    SUNDAY_MORNING,
    booking,
    event,
    happen,
    keep,
    put,
    resident,
    settle,
    settled,
    user,
    with_detour,
    with_ride,
)
from webapp.db import tables
from webapp.db.store import Door, NotFound, PromiseBroken, RunHead, Store, StoreError

PLAN: dict[str, Any] = {"run_id": "bus", "revision": 1, "at": SUNDAY_MORNING, "cause": "", "plan": {}}


def revisions(store: Store, run_id: str = "bus") -> list[int]:
    with store.read() as records:
        return [one.number for one in records.history(run_id)]


def test_a_run_comes_back_exactly_as_it_was_kept(store: Store) -> None:
    settle(store)
    kept = [keep(store, run) for run in (morning_bus(), care_van())]
    with store.read() as records:
        assert records.list_runs(MONDAY) == kept == [morning_bus(), care_van()]
        assert records.list_runs(MONDAY, "school") == [records.get_run("bus")]


def test_whatever_a_ride_takes_and_whom_it_may_not_meet_comes_back(store: Store) -> None:
    run = settled(store)
    one, two = resident("r1"), resident("r2")
    loaded = replace(one, party=Load(1, 0, 2), needs=frozenset({"AV-12"}), apart=frozenset({"loud"}))
    roomy = replace(run, capacity=Capacity((Load(6, 0, 2), Load(4, 1, 3))))
    kept = keep(store, replace(roomy, rides=(*run.rides, loaded, replace(two, after="r1"))))
    with store.read() as records:
        assert records.get_run("bus") == records.history("bus")[-1].run == kept
        assert kept.rides[-2:] == (loaded, replace(two, after="r1"))


def test_a_changed_run_comes_back_in_its_new_order(store: Store) -> None:
    kept = keep(store, with_detour(settled(store), "r1"), cause="booking")
    with store.read() as records:
        assert records.get_run("bus") == kept
        assert [stop.id for stop in kept.stops] == ["a", "b", "c", "r1-stop", "school"]


def test_every_change_is_one_revision_and_history_replays_them(store: Store) -> None:
    plans = [settled(store)]
    plans.append(keep(store, with_ride(plans[-1], "r1"), cause="booking"))
    plans.append(keep(store, replace(plans[-1], rides=plans[-1].rides[:-1]), cause="cancel"))
    with store.read() as records:
        assert [plan.revision for plan in plans] == [0, 1, 2]
        assert [one.run for one in records.history("bus")] == plans
        assert [one.cause for one in records.history("bus")] == ["import", "booking", "cancel"]


def test_a_broken_run_is_refused_and_nothing_is_written(store: Store) -> None:
    run = settled(store, seats=2)

    def overfill(door: Door) -> None:
        door.put(user("other"))
        door.keep(with_ride(run, "r1"), cause="booking")

    with pytest.raises(PromiseBroken) as refusal:
        store.commit(overfill, runs=["bus"], times=GRID)
    assert {fault.rule for fault in refusal.value.broken} == {Rule.SEATS}
    with store.read() as records:
        assert records.get_run("bus") == run
        assert records.find_user(id="other") is None
    assert revisions(store) == [0]


def test_a_late_schedule_is_kept_only_as_published(store: Store) -> None:
    settle(store)
    late = morning_bus(seats=1)
    with pytest.raises(PromiseBroken):
        keep(store, late)
    assert keep(store, late, as_published=True) == late


def test_a_schedule_that_no_driver_could_follow_is_not_even_published(store: Store) -> None:
    settle(store)
    tangled = replace(morning_bus(), stops=morning_bus().stops[::-1])
    with pytest.raises(PromiseBroken):
        keep(store, tangled, as_published=True)


def test_a_plan_made_from_an_older_revision_is_refused(store: Store) -> None:
    first = settled(store)
    keep(store, with_ride(first, "r1"))
    with pytest.raises(StoreError, match="made from revision 0"):
        keep(store, with_ride(first, "r2"))
    assert revisions(store) == [0, 1]


@pytest.mark.parametrize("change", [{"operator": "care"}, {"service_date": "2026-11-24"}])
def test_a_run_stays_with_its_operator_and_day(store: Store, change: dict[str, str]) -> None:
    run = settled(store)
    with pytest.raises(StoreError, match="another operator or day"):
        keep(store, replace(run, **change))  # type: ignore[arg-type]


def test_only_a_locked_run_can_be_changed(store: Store) -> None:
    run = settled(store)
    with pytest.raises(StoreError, match="not locked"):
        store.commit(lambda door: door.keep(run, cause="booking"), runs=["van"], times=GRID)


def test_a_run_is_never_kept_unjudged(store: Store) -> None:
    run = settled(store)
    with pytest.raises(StoreError, match="travel times"):
        store.commit(lambda door: door.keep(run, cause="booking"), runs=["bus"])


@pytest.mark.parametrize("row", [event("e", "a", "arrived"), tables.RunEvent(**PLAN)], ids=["event", "plan"])
def test_plans_and_events_have_no_side_entrance(store: Store, row: SQLModel) -> None:
    settled(store)
    with pytest.raises(StoreError):
        store.commit(lambda door: door.put(row))


def test_a_vehicle_swap_is_a_change_like_any_other(store: Store) -> None:
    swapped = keep(store, replace(settled(store), vehicle="bus-9", capacity=Capacity.of(3, 2, 1)))
    with store.read() as records:
        assert records.get_run("bus") == swapped
        assert records.get_run_head("bus").code == "M1"


def test_stops_keep_their_labels_and_rides_their_members(store: Store) -> None:
    settle(store)
    labels, members = {"a": ("Home of p1", True), "school": ("School", False)}, {"p1": "P-01"}

    def arrive(door: Door) -> None:
        kept = door.keep(morning_bus(), cause="import", labels=labels, members=members, head=RunHead("M1"))
        door.keep(
            with_detour(kept, "r1"), cause="booking", labels={"a": ("Elsewhere", False), "r1-stop": ("Gate", True)}
        )

    store.commit(arrive, runs=["bus"], times=GRID)
    with store.read() as records:
        assert records.run_labels("bus") | labels == records.run_labels("bus")
        assert records.run_labels("bus")["r1-stop"] == ("Gate", True)
        assert records.run_members("bus") == members


def test_a_removed_run_leaves_its_history_and_may_come_back(store: Store) -> None:
    run = settled(store)
    store.commit(lambda door: door.remove("bus", cause="upload"), runs=["bus"])
    with store.read() as records:
        assert records.all_run_ids() == []
        assert records.history("bus")[-1].run.stops == ()
    assert keep(store, run).revision == 2


@pytest.mark.parametrize("past", ["ride", "booking", "event"])
def test_a_run_with_residents_or_a_past_is_not_removed(store: Store, past: str) -> None:
    run = settled(store)
    if past == "ride":
        keep(store, with_ride(run, "r1"))
    if past == "booking":
        put(store, booking("b"))
    if past == "event":
        happen(store, event("e", "a", "arrived"))
    with pytest.raises(StoreError, match="not removed"):
        store.commit(lambda door: door.remove("bus", cause="upload"), runs=["bus"])


def test_an_event_sent_again_changes_nothing(store: Store) -> None:
    settled(store)
    assert happen(store, event("e", "a", "arrived")) == [True]
    assert happen(store, event("e", "b", "departed"), event("f", "b", "arrived")) == [False, True]
    with store.read() as records:
        assert [(one.stop_id, one.kind) for one in records.list_events("bus")] == [("a", "arrived"), ("b", "arrived")]


@pytest.mark.parametrize(
    ("said", "done"),
    [
        ((), 0),
        ((("a", "arrived"),), 1),
        ((("a", "departed"),), 1),
        ((("c", "boarded"),), 3),
        ((("gone", "departed"),), 0),
    ],
)
def test_stops_that_the_vehicle_has_reached_are_done(
    store: Store, said: tuple[tuple[str, str], ...], done: int
) -> None:
    settled(store)
    happen(store, *(event(f"e{k}", stop, kind) for k, (stop, kind) in enumerate(said)))
    with store.read() as records:
        assert records.get_run("bus").done == done


@pytest.mark.parametrize(
    ("said", "reached"),
    [
        ([], []),
        ([("a", "arrived", 60)], [60]),
        ([("a", "departed", 60)], [60]),
        ([("a", "departed", 90), ("a", "arrived", 60)], [60]),
        ([("a", "arrived", 90), ("a", "arrived", 60)], [60]),
        ([("a", "boarded", 60)], []),
        ([("b", "arrived", 300)], []),
        ([("a", "arrived", 60), ("b", "arrived", 300)], [60, 300]),
        ([("a", "arrived", 60), ("c", "arrived", 900)], [60]),
        ([("a", "arrived", -600), ("b", "arrived", 60)], [0, 120]),
        ([("a", "arrived", 600), ("b", "arrived", 540)], [600, 600]),
        ([("a", "arrived", 60), ("gone", "arrived", 90)], [60]),
    ],
)
def test_service_began_when_the_vehicle_came_but_not_before_it_was_due(
    store: Store, said: list[tuple[str, str, int]], reached: list[int]
) -> None:
    settled(store)
    happen(store, *(event(f"e{k}", stop, kind, EIGHT + at) for k, (stop, kind, at) in enumerate(said)))
    with store.read() as records:
        assert records.get_run("bus").reached == tuple(EIGHT + at for at in reached)


@pytest.mark.parametrize(("came", "began"), [(60, 60), (0, 60), (90, 90)])
def test_nobody_was_left_behind_before_the_minute_that_they_were_promised(store: Store, came: int, began: int) -> None:
    run = settled(store)
    told = replace(resident("r1"), board=Window(EIGHT + 60, EIGHT + 600))
    keep(store, replace(run, rides=(*run.rides, told)))
    happen(store, event("e", "a", "arrived", EIGHT + came))
    with store.read() as records:
        assert records.get_run("bus").reached == (EIGHT + began,)


def test_a_change_on_the_way_is_kept_with_where_the_vehicle_was(store: Store) -> None:
    run = settled(store)
    happen(store, event("e", "a", "arrived", EIGHT + 60))
    kept = keep(store, replace(with_ride(run, "r1", "b"), frozen=3))
    assert (kept.done, kept.reached, kept.frozen) == (1, (EIGHT + 60,), 0)
    with store.read() as records:
        assert records.get_run("bus") == records.history("bus")[-1].run == kept


def test_a_late_bus_takes_no_harm_and_lets_its_riders_go(store: Store) -> None:
    strict = replace(settled(store), policy=replace(OPEN, max_extra=0))
    riding = keep(store, with_ride(strict, "r1", "b"))
    happen(store, event("e", "a", "arrived", EIGHT + 60))
    with pytest.raises(PromiseBroken) as refusal:
        keep(store, replace(riding, rides=(*riding.rides, replace(resident("r2", "b"), dwell=30))))
    assert Rule.EXTRA in {fault.rule for fault in refusal.value.broken}
    assert keep(store, replace(riding, rides=riding.rides[:-1])).residents == ()


def test_a_resident_cannot_board_where_the_bus_has_left(store: Store) -> None:
    run = settled(store)
    happen(store, event("e", "a", "departed"))
    with pytest.raises(PromiseBroken) as refusal:
        keep(store, with_ride(run, "late"))
    assert {fault.rule for fault in refusal.value.broken} == {Rule.DONE}


def test_what_a_table_refuses_is_a_store_error_that_names_nobody(store: Store) -> None:
    put(store, user("one", email="someone@example.org"))
    with pytest.raises(StoreError) as refusal:
        put(store, user("two", email="someone@example.org"))
    assert "someone" not in str(refusal.value)


@pytest.mark.parametrize(("keep_it", "name"), [(False, "Rider"), (True, "Renamed")])
def test_a_row_changed_by_its_reader_is_written_only_by_put(store: Store, keep_it: bool, name: str) -> None:
    settle(store)

    def rename(door: Door) -> None:
        found = door.get_user("rider")
        found.name, found.groups = "Renamed", [*found.groups, "senior"]
        if keep_it:
            door.put(found)
        door.list_users()

    store.commit(rename)
    with store.read() as records:
        assert records.get_user("rider").name == name
        assert ("senior" in records.get_user("rider").groups) == keep_it


def test_what_is_not_there_is_not_found(store: Store) -> None:
    with store.read() as records:
        for get in (records.get_run, records.get_user, records.get_booking, records.get_operator, records.get_run_head):
            with pytest.raises(NotFound):
                get("nobody")


def test_a_fault_of_the_database_names_no_values(store: Store) -> None:
    """What a row holds may be somebody's name: it must not reach a log by way of an error."""
    asked = text("SELECT name FROM nowhere WHERE name = :name").bindparams(name="Aino Esimerkki")
    with store.read() as records, pytest.raises(DBAPIError) as caught:
        records._session.connection().execute(asked)
    assert "Aino Esimerkki" not in str(caught.value)
