"""Re-planning gives seats to those who wait, and takes none; and no promise is broken without being found."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from matching import promises
from matching.model import Load, Rule
from routing.times import Place
from tests.webapp.conftest import Clock
from tests.webapp.small_town import EIGHT, KAMP, LIISANKATU, MINUTE, MONDAY, NEIGHBOUR, RAUTATIENTORI, RESSU
from tests.webapp.wishes import BUS, VAN, ask, book, newcomer, rider_id, run_of, tamper, tap
from webapp import searching
from webapp.db import tables
from webapp.services import booking, planning
from webapp.town import Town

BY_BUS = EIGHT + 14 * MINUTE
"""Who must be there by then can take the bus alone, on whose last leg but one a single seat is free."""


def wait(town: Town, rider: str = "", ends: tuple[Place, Place] = (LIISANKATU, KAMP)) -> str:
    """Ask for the bus when it is full, and wait for a seat; give the id of the request."""
    answer = ask(town, rider, arrive=BY_BUS, ends=ends)
    assert answer.refusal is not None
    booking.wait(town, answer.request.id, at_once=True)
    return answer.request.id


def waited(town: Town) -> tuple[str, tables.Booking]:
    """Wait for the seat that somebody has: the request, and the booking that stands in its way."""
    taken = book(town, newcomer(town, "The Quicker One"))
    return wait(town), taken


def cancel(town: Town, made: tables.Booking) -> None:
    booking.cancel(town, made.id, actor=made.rider_id)


def replan(town: Town) -> planning.Replanned:
    return planning.replan(town, MONDAY, seconds=1)


def riding(town: Town, run_id: str = BUS) -> set[str]:
    return {ride.id for ride in run_of(town, run_id).residents}


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen between the plan and its commit."""
    search = searching.replan

    def slow(*given: Any, **said: Any) -> Any:
        plan = search(*given, **said)
        happens()
        return plan

    monkeypatch.setattr(searching, "replan", slow)


def test_a_seat_that_was_given_back_goes_to_who_waits(town: Town) -> None:
    request, taken = waited(town)
    cancel(town, taken)
    done = replan(town)
    assert (done.before, done.after, done.booked) == (0, 1, (request,))
    assert done.upper_bound >= done.after
    with town.store.read() as records:
        (made,) = records.list_bookings(rider_id=rider_id(town))
        told = [one for one in records.pending_outbox(50) if one.user_id == made.rider_id]
    assert (made.request_id, made.run_id, made.status, made.fare) == (request, BUS, "booked", 150)
    assert [(one.kind, one.facts) for one in told] == [("booked", {"booking": made.id})]
    assert planning.verify(town)[1] == []


def test_what_a_replanning_promises_is_what_an_offer_would(town: Town) -> None:
    offer = next(offer for offer, _ in ask(town, newcomer(town, "Asks First")).offers if offer.run == BUS)
    _, taken = waited(town)
    cancel(town, taken)
    replan(town)
    with town.store.read() as records:
        (made,) = records.list_bookings(rider_id=rider_id(town))
    (ride,) = run_of(town).residents
    assert (made.pickup, made.dropoff) == (offer.pickup_time, offer.dropoff_time)
    assert (ride.board, ride.alight.latest) == (offer.ride.board, BY_BUS)


def test_nobody_who_booked_is_dropped_or_moved_for_who_waits(town: Town) -> None:
    request, _ = waited(town)
    old = run_of(town)
    assert replan(town).booked == ()
    assert run_of(town) == old
    with town.store.read() as records:
        assert records.get_request(request).status == "waiting"


def test_everyone_keeps_run_and_windows_through_a_replanning(demo_town: Town) -> None:
    riders = [newcomer(demo_town, f"Rider {n}") for n in range(4)]
    for n, rider in enumerate(riders):
        answer = ask(demo_town, rider, depart=EIGHT + n * 45 * MINUTE, people=2)
        booking.book(demo_town, answer.offers[0][1], key="key", actor=rider)
    with demo_town.store.read() as records:
        before = {run.id: run.rides for run in records.list_runs(MONDAY)}
    replan(demo_town)
    with demo_town.store.read() as records:
        assert {run.id: run.rides for run in records.list_runs(MONDAY)} == before
    assert planning.verify(demo_town)[1] == []


def test_a_seat_that_is_booked_while_the_plan_is_made_stays_booked(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    request, taken = waited(town)
    cancel(town, taken)
    made: list[tables.Booking] = []
    meanwhile(monkeypatch, lambda: made.append(book(town, newcomer(town, "The Quickest"))))
    assert replan(town).booked == ()
    assert riding(town) == {made[0].ride_id}
    with town.store.read() as records:
        assert records.get_request(request).status == "waiting"
    assert planning.verify(town)[1] == []


def test_where_there_is_room_for_both_both_ride(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    request, taken = waited(town)
    cancel(town, taken)
    made: list[tables.Booking] = []
    there = (LIISANKATU, RAUTATIENTORI)
    meanwhile(monkeypatch, lambda: made.append(book(town, newcomer(town, "One Stop Only"), ends=there)))
    assert replan(town).booked == (request,)
    assert riding(town) == {request, made[0].ride_id}
    assert planning.verify(town)[1] == []


def test_what_is_cancelled_while_the_plan_is_made_stays_cancelled(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    request, taken = waited(town)
    cancel(town, taken)
    other = book(town, newcomer(town, "One Stop Only"), ends=(LIISANKATU, RAUTATIENTORI))
    meanwhile(monkeypatch, lambda: cancel(town, other))
    assert replan(town).booked == (request,)
    assert riding(town) == {request}
    assert planning.verify(town)[1] == []


def test_who_gave_up_while_the_plan_was_made_is_not_booked(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    request, taken = waited(town)
    cancel(town, taken)
    meanwhile(monkeypatch, lambda: booking.stop_waiting(town, request))
    assert replan(town).booked == ()
    assert riding(town) == set()


def test_a_stop_that_is_left_while_the_plan_is_made_takes_nobody_on(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, taken = waited(town)
    cancel(town, taken)
    meanwhile(monkeypatch, lambda: tap(town, BUS, "liisankatu", "departed"))
    assert replan(town).booked == ()
    assert riding(town) == set()


def test_who_waits_twice_for_one_trip_is_booked_once(town: Town) -> None:
    there = (LIISANKATU, RAUTATIENTORI)
    others = [book(town, newcomer(town, f"Rider {n}"), ends=there) for n in range(3)]
    waiting = [wait(town, ends=there) for _ in range(2)]
    for one in others:
        cancel(town, one)
    (booked,) = replan(town).booked
    assert booked in waiting


def test_who_waits_and_then_travels_another_way_is_not_booked_twice(town: Town) -> None:
    request, taken = waited(town)
    cancel(town, taken)
    own = book(town, ends=(LIISANKATU, RAUTATIENTORI))
    assert replan(town).booked == ()
    with town.store.read() as records:
        assert records.get_request(request).status == "waiting"
        assert [one.id for one in records.list_bookings(rider_id=own.rider_id)] == [own.id]


def late_by_itself(town: Town) -> None:
    """Publish the bus with a bell that it cannot keep."""
    run = run_of(town)
    stops = (*run.stops[:-1], replace(run.stops[-1], window=replace(run.stops[-1].window, latest=EIGHT)))
    change = replace(run, stops=stops)
    town.store.commit(
        lambda door: door.keep(change, cause="published", as_published=True), runs=[BUS], times=town.roads
    )


def test_a_seat_on_a_bus_that_is_late_by_itself_makes_nothing_worse(town: Town) -> None:
    request, taken = waited(town)
    cancel(town, taken)
    late_by_itself(town)
    before = promises.broken(run_of(town), town.roads)
    assert [fault.rule for fault in before] == [Rule.BELL]
    assert replan(town).booked == (request,)
    assert promises.broken(run_of(town), town.roads) == before
    assert planning.verify(town)[1] == []


def test_a_bus_that_is_late_takes_part(town: Town, clock: Clock) -> None:
    book(town, ends=(KAMP, RESSU), arrive=EIGHT + 30 * MINUTE)
    clock.forward(3600 + 9 * MINUTE)
    tap(town, BUS, "liisankatu", "arrived")
    assert promises.broken(run_of(town), town.roads) != []
    done = replan(town)
    assert (done.before, done.after) == (1, 1)
    assert planning.verify(town)[1] == []


def test_nobody_is_booked_onto_a_bus_that_has_gone(town: Town, clock: Clock) -> None:
    _, taken = waited(town)
    cancel(town, taken)
    clock.forward(2 * 3600)
    assert replan(town).booked == ()


# Verify


def test_a_sound_town_has_nothing_to_hide(town: Town) -> None:
    made = [book(town, key="a"), book(town, rider_id(town, NEIGHBOUR), run=VAN)]
    cancel(town, made[0])
    assert planning.verify(town, MONDAY) == (5, [])
    assert planning.verify(town, MONDAY.replace(day=24)) == (0, [])


def test_a_bus_on_its_way_has_nothing_to_hide(town: Town) -> None:
    book(town)
    for stop in ("liisankatu", "station"):
        tap(town, BUS, stop, "arrived")
    assert run_of(town).reached != ()
    assert planning.verify(town)[1] == []


def test_who_gives_a_seat_on_a_late_bus_back_breaks_no_promise(town: Town, clock: Clock) -> None:
    made = book(town, ends=(KAMP, RESSU), arrive=EIGHT + 30 * MINUTE)
    clock.forward(3600 + 9 * MINUTE)
    tap(town, BUS, "liisankatu", "arrived")
    late = run_of(town)
    assert late.reached == (EIGHT + 9 * MINUTE,)
    assert promises.broken(late, town.roads) != []
    cancel(town, made)
    assert riding(town) == set()
    assert planning.verify(town)[1] == []


TAMPERED = {
    "a ride is taken away": "DELETE FROM run_ride WHERE id = :ride",
    "a ride is moved to another stop": "UPDATE run_ride SET dropoff = 'school' WHERE id = :ride",
    "more people get on": "UPDATE run_ride SET seats = 4 WHERE id = :ride",
    "a promised time is changed": "UPDATE booking SET pickup = pickup - 3600",
    "a bell is put off": "UPDATE run_stop SET latest = latest + 900 WHERE id = 'school'",
    "a seat is unscrewed": "UPDATE run SET layouts = '[[2, 0]]' WHERE id = :run",
    "a booking is forgotten": "DELETE FROM booking",
    "a booking is called off by nobody": "UPDATE booking SET status = 'cancelled'",
    "the last plan is forgotten": "DELETE FROM run_event WHERE run_id = :run AND revision = 2",
    "a plan in between is forgotten": "DELETE FROM run_event WHERE run_id = :run AND revision = 1",
    "the first plan is forgotten": "DELETE FROM run_event WHERE run_id = :run AND revision = 0",
    "all plans are forgotten": "DELETE FROM run_event WHERE run_id = :run",
    "a plan is replaced by an earlier one": (
        "UPDATE run_event SET plan = (SELECT plan FROM run_event WHERE run_id = :run AND revision = 0) "
        "WHERE run_id = :run AND revision = 2"
    ),
}


@pytest.mark.parametrize("statement", TAMPERED.values(), ids=TAMPERED)
def test_records_that_were_tampered_with_are_found(town: Town, statement: str) -> None:
    book(town, newcomer(town, "One Stop Only"), ends=(LIISANKATU, RAUTATIENTORI))
    made = book(town)
    assert planning.verify(town)[1] == []
    names = {name: value for name, value in (("ride", made.ride_id), ("run", BUS)) if f":{name}" in statement}
    tamper(town, statement, **names)
    _, faults = planning.verify(town)
    assert {fault.run for fault in faults} == {BUS}


def test_a_seat_that_was_sold_twice_is_found(town: Town) -> None:
    made = book(town)
    second = made.model_copy(update={"id": "second", "rider_id": rider_id(town, NEIGHBOUR)})
    town.store.commit(lambda door: door.put(tables.Booking(**second.model_dump())))
    _, faults = planning.verify(town)
    assert [(fault.run, fault.broken.where) for fault in faults] == [(BUS, made.ride_id)]


def test_a_schedule_that_is_late_by_itself_is_no_broken_promise(town: Town) -> None:
    late_by_itself(town)
    assert planning.verify(town)[1] == []


def test_what_no_schedule_may_do_is_a_fault_even_as_published(town: Town) -> None:
    run = run_of(town)
    full = replace(run, rides=(*run.rides, replace(run.rides[0], id="too-many", party=Load(9))))
    town.store.commit(lambda door: door.keep(full, cause="published", as_published=True), runs=[BUS], times=town.roads)
    assert {fault.broken.rule for fault in planning.verify(town)[1]} == {Rule.SEATS}
