"""A seat that comes free is put aside for who waits: they are asked, have time to answer, and then it goes on."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.model import Policy
from tests.webapp.asking import ask as ask_for
from tests.webapp.conftest import HELSINKI, Clock, SignIn
from tests.webapp.small_town import MINUTE, MONDAY, NEIGHBOUR, RIDER
from tests.webapp.test_planning import BY_BUS, cancel, riding
from tests.webapp.wishes import BUS, ask, book, newcomer, rider_id, tamper, tap
from webapp import service_day
from webapp.config import Settings
from webapp.db import tables
from webapp.services import answering, booking, messages, planning, trips, waiting
from webapp.services.errors import Conflict, Gone
from webapp.texts import translator
from webapp.town import Town, utc_now

EARLY_MORNING = datetime(2026, 11, 23, 2, 0)
"""Monday, 4:00 in Helsinki: four hours before the bus."""


def wait(town: Town, rider: str = "", *, at_once: bool = False) -> str:
    answer = ask(town, rider, arrive=BY_BUS)
    assert answer.refusal is not None
    booking.wait(town, answer.request.id, at_once=at_once)
    return answer.request.id


def offered(town: Town, riders: int = 1) -> list[str]:
    """Let some wait for the one seat, give it back, and ask one; give their requests, that one's first."""
    taken = book(town, newcomer(town, "The Quicker One"))
    waits = [wait(town, rider_id(town) if n == 0 else newcomer(town, f"Waits {n}")) for n in range(riders)]
    cancel(town, taken)
    (asked,) = planning.replan(town, MONDAY, seconds=1).booked
    return sorted(waits, key=lambda request: request != asked)


def put_aside(town: Town) -> tables.Booking:
    (one,) = waiting.list_unanswered(town)
    return one.booking


def status(town: Town, request_id: str) -> str:
    with town.store.read() as records:
        return records.get_request(request_id).status


def told(town: Town, rider: str) -> list[str]:
    with town.store.read() as records:
        return [row.kind for row in records.pending_outbox(100) if row.user_id == rider]


def attendant() -> Callable[[Town], int]:
    """Give what serves the waiting list again and again, as a worker does."""
    searched: dict[date, object] = {}

    def serve(town: Town) -> int:
        waiting.lapse(town)
        return waiting.search(town, searched, lambda day: planning.replan(town, day, seconds=1))

    return serve


def sound(town: Town) -> bool:
    return planning.verify(town)[1] == []


# Asking and answering


def test_who_waits_is_asked_and_the_seat_is_theirs_meanwhile(town: Town) -> None:
    (request,) = offered(town)
    (one,) = waiting.list_unanswered(town)
    assert (one.request.id, one.rider.id) == (request, rider_id(town))
    assert one.booking.answer_by == town.clock() + timedelta(minutes=30)  # booking for 8:00 closes at 7:30
    assert riding(town) == {request}
    assert ask(town, rider_id(town, NEIGHBOUR), arrive=BY_BUS).refusal is not None
    assert told(town, rider_id(town)) == ["seat offered"]
    assert sound(town)


def test_a_yes_makes_it_a_booking_like_any_other_however_often_it_is_said(town: Town) -> None:
    offered(town)
    made = put_aside(town)
    for _ in range(2):
        assert waiting.accept(town, made.id, actor=made.rider_id).answer_by is None
    assert waiting.list_unanswered(town) == []
    assert told(town, made.rider_id) == ["seat offered", "booked"]
    assert sound(town)


def test_a_no_gives_the_seat_to_the_next_who_waits(town: Town) -> None:
    first, second = offered(town, 2)
    made = put_aside(town)
    booking.decline(town, made.id, actor=made.rider_id)
    assert status(town, first) == "declined"
    serve = attendant()
    assert serve(town) == 1
    assert put_aside(town).request_id == second
    assert sound(town)


def test_who_does_not_answer_in_time_loses_the_seat_to_the_next(town: Town, clock: Clock) -> None:
    first, second = offered(town, 2)
    made, serve = put_aside(town), attendant()
    assert serve(town) == 0
    clock.now = made.answer_by or clock.now
    clock.forward(-1)
    serve(town)
    assert status(town, first) == "booked"
    clock.forward(1)
    serve(town)
    assert status(town, first) == "unanswered"
    assert "seat lapsed" in told(town, made.rider_id)
    assert status(town, second) == "waiting"  # 7:30: too late to ask anybody for the 8:00 bus
    assert waiting.list_unanswered(town) == []
    assert sound(town)


def test_the_next_is_asked_where_time_is_left(town: Town, clock: Clock) -> None:
    clock.now = EARLY_MORNING
    first, second = offered(town, 2)
    made, serve = put_aside(town), attendant()
    booking.decline(town, made.id, actor=made.rider_id)
    assert serve(town) == 1
    assert (status(town, first), put_aside(town).request_id) == ("declined", second)


def test_a_yes_after_the_time_comes_too_late(town: Town, clock: Clock) -> None:
    offered(town)
    made = put_aside(town)
    clock.forward(31 * MINUTE)
    with pytest.raises(Gone, match="answer late"):
        waiting.accept(town, made.id, actor=made.rider_id)
    assert riding(town) == set()
    assert waiting.lapse(town) == 0
    assert sound(town)


def test_who_said_so_beforehand_is_booked_without_being_asked(town: Town) -> None:
    taken = book(town, newcomer(town, "The Quicker One"))
    request = wait(town, at_once=True)
    cancel(town, taken)
    assert planning.replan(town, MONDAY, seconds=1).booked == (request,)
    assert waiting.list_unanswered(town) == []
    assert told(town, rider_id(town)) == ["booked"]


def test_nobody_is_asked_who_would_have_no_time_to_answer(town: Town, clock: Clock) -> None:
    taken = book(town, newcomer(town, "The Quicker One"))
    request = wait(town)
    cancel(town, taken)
    clock.forward(25 * MINUTE)  # 7:25: booking closes in five minutes
    assert planning.replan(town, MONDAY, seconds=1).booked == ()
    assert status(town, request) == "waiting"


def test_a_cancelled_seat_reaches_the_next_by_itself(town: Town, clock: Clock) -> None:
    clock.now = EARLY_MORNING
    taken, serve = book(town, newcomer(town, "The Quicker One")), attendant()
    wait(town)
    assert serve(town) == 0
    assert serve(town) == 0
    cancel(town, taken)
    assert serve(town) == 1
    assert serve(town) == 0


def test_a_seat_that_was_not_answered_for_stays_where_the_vehicle_has_been(town: Town, clock: Clock) -> None:
    offered(town)
    made = put_aside(town)
    clock.forward(3600)
    tap(town, BUS, "liisankatu", "departed")
    assert waiting.lapse(town) == 0
    with town.store.read() as records:
        kept = records.get_booking(made.id)
    assert (kept.status, kept.answer_by) == ("booked", None)


def test_a_seat_that_is_put_aside_is_judged_like_any_booking(town: Town) -> None:
    (request,) = offered(town)
    tamper(town, "DELETE FROM run_ride WHERE id = :ride", ride=request)
    assert not sound(town)


# At once


def at_once(*acts: Callable[[], Any]) -> Counter[str]:
    start = Barrier(len(acts))

    def do(act: Callable[[], Any]) -> str:
        start.wait()
        try:
            act()
        except (Gone, Conflict) as fault:
            return type(fault).__name__
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return Counter(pool.map(do, acts))


def test_a_yes_and_a_no_at_once_leave_one_answer(town: Town) -> None:
    (request,) = offered(town)
    made = put_aside(town)
    at_once(
        lambda: waiting.accept(town, made.id, actor="a"),
        lambda: booking.decline(town, made.id, actor=made.rider_id),
        lambda: waiting.accept(town, made.id, actor="a"),
    )
    assert status(town, request) == "declined"  # a no after a yes gives the booked seat back
    assert riding(town) == set()
    assert sound(town)


def test_a_yes_and_the_end_of_the_time_at_once_never_both_win(town: Town, clock: Clock) -> None:
    (request,) = offered(town)
    made = put_aside(town)
    clock.forward(30 * MINUTE)
    said = at_once(*[lambda: waiting.accept(town, made.id, actor="a"), lambda: waiting.lapse(town)] * 4)
    assert said == {"Gone": 4, "done": 4}
    assert (status(town, request), riding(town)) == ("unanswered", set())
    assert told(town, made.rider_id).count("seat lapsed") == 1
    assert sound(town)


def test_two_who_look_for_the_waiting_list_at_once_ask_one(town: Town) -> None:
    taken = book(town, newcomer(town, "The Quicker One"))
    for n in range(3):
        wait(town, newcomer(town, f"Waits {n}"))
    cancel(town, taken)
    at_once(*[lambda: attendant()(town)] * 3)
    assert len(waiting.list_unanswered(town)) == 1
    assert sound(town)


# How long


POLICY = Policy()


class _Rules:
    def list_rule_changes(self) -> list[tables.RuleChange]:
        return []


def deadline(town: Town, now: datetime, pickup: datetime, policy: Policy = POLICY, **rules: Any) -> datetime | None:
    """Reckon in the town's own time, for a pickup at an instant of it."""
    when = replace(town, clock=lambda: utc(now), rules={**town.rules, **rules})
    seconds = service_day.seconds_of(utc(pickup), pickup.date(), HELSINKI)
    records: Any = _Rules()
    found = answering.deadline(records, when, pickup.date(), seconds, policy)
    return found and service_day.local_time(service_day.seconds_of(found, MONDAY, HELSINKI), MONDAY, HELSINKI).replace(
        tzinfo=None
    )


def utc(local: datetime) -> datetime:
    offset = local.replace(tzinfo=HELSINKI).utcoffset()
    assert offset is not None
    return local - offset


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute)


@pytest.mark.parametrize(
    ("now", "pickup", "until"),
    [
        (at(23, 10), at(24, 9), at(23, 12)),  # two hours
        (at(23, 10), at(23, 12, 30), at(23, 11, 30)),  # an hour before the pickup
        (at(23, 10), at(23, 10, 50), at(23, 10, 20)),  # as long as others may book, where an hour is not left
        (at(23, 10), at(23, 10, 35), None),  # five minutes are none
        (at(22, 23), at(23, 15), at(23, 9)),  # the clock waits till morning
        (at(22, 20), at(23, 15), at(23, 8)),  # one hour in the evening, one in the morning
        (at(22, 23), at(23, 8), at(23, 7)),  # but not where the trip comes first
        (at(23, 3), at(23, 6), at(23, 5)),
    ],
)
def test_the_time_to_answer_ends_when_people_would_expect(
    town: Town, now: datetime, pickup: datetime, until: datetime | None
) -> None:
    assert deadline(town, now, pickup) == until


def test_a_town_says_how_long_and_when_people_sleep(town: Town) -> None:
    assert deadline(town, at(22, 23), at(23, 15), quiet_hours="none", answer_minutes=30) == at(22, 23, 30)
    assert deadline(town, at(23, 12, 30), at(23, 18), quiet_hours="13:00-14:00") == at(23, 15, 30)
    assert deadline(town, at(23, 10), at(24, 9), replace(POLICY, freeze=22 * 3600)) == at(23, 11)


@settings(max_examples=60, deadline=None)
@given(
    minutes=st.integers(-600, 3000),
    ahead=st.integers(0, 3000),
    thinking=st.integers(10, 2880),
    notice=st.integers(0, 300),
    quiet=st.sampled_from(["none", "21:00-7:00", "0:00-23:00", "13:00-14:30"]),
)
def test_nobody_has_longer_than_the_promises_of_others_allow(
    minutes: int, ahead: int, thinking: int, notice: int, quiet: str
) -> None:
    nothing: Any = None
    bare = Town(Settings(Path(), "", ""), nothing, nothing, nothing, POLICY, {}, utc_now)
    now = at(23, 12) + timedelta(minutes=minutes)
    pickup = now + timedelta(minutes=ahead)
    found = deadline(bare, now, pickup, replace(POLICY, notice=notice * 60), answer_minutes=thinking, quiet_hours=quiet)
    if ahead < notice + 10:
        assert found is None
    else:
        assert found is not None
        assert now + timedelta(minutes=10) <= found <= pickup - timedelta(minutes=notice)
        assert ahead < max(60, notice) + 10 or found <= pickup - timedelta(minutes=60)


# What they read


def test_the_message_says_until_when_and_has_no_link_without_an_address(town: Town) -> None:
    offered(town)
    with town.store.read() as records:
        (row,) = [one for one in records.pending_outbox(100) if one.kind == "seat offered"]
    words = messages._words(town, row, "en")
    assert "Say yes until 07:30 on your trips page" in words
    assert "http" not in words
    linked = replace(town, settings=replace(town.settings, address="https://noriai.example.org"))
    assert messages._words(linked, row, "en").endswith("https://noriai.example.org/trips")
    assert translator("ja")("No, give it to the next") != "No, give it to the next"


# On the pages


def test_a_rider_chooses_to_be_asked_and_says_yes_with_one_tap(town: Town, sign_in: SignIn) -> None:
    rider = sign_in(RIDER)
    taken = [book(town, newcomer(town, f"Quick {n}"), arrive=BY_BUS) for n in range(1)]
    ask_for(rider, "Liisankatu 29", "Hotel Kämp", time="14:00")
    rider.send("Put me on the waiting list", {"how": "ask"})
    assert "we keep it for you and ask you" in rider.text
    wait(town)
    cancel(town, taken[0])
    planning.replan(town, MONDAY, seconds=1)
    rider.get("/trips")
    assert "It is kept for you until 07:30." in rider.text
    rider.send("Yes, I take this seat")
    assert "Your seat is booked" in rider.text
    assert waiting.list_unanswered(town) == []


def test_a_seat_that_was_put_aside_can_be_declined_and_is_nobody_elses_to_answer(town: Town, sign_in: SignIn) -> None:
    offered(town)
    made = put_aside(town)
    other = sign_in(NEIGHBOUR)
    other.get("/trips")
    other.post(f"/bookings/{made.id}/answer", {"answer": "yes"}, status=404)
    rider = sign_in(RIDER)
    rider.get(f"/bookings/{made.id}")
    rider.send("No, give it to the next")
    assert "This trip is cancelled" in rider.text
    assert riding(town) == set()


def test_a_page_that_is_opened_after_the_time_says_so(town: Town, sign_in: SignIn, clock: Clock) -> None:
    offered(town)
    made, rider = put_aside(town), sign_in(RIDER).keep_phone()
    rider.get(f"/bookings/{made.id}")
    clock.forward(31 * MINUTE)
    rider.send("Yes, I take this seat", status=409)
    assert "The time to answer is over" in rider.text
    rider.get("/trips")
    assert "It is kept for you" not in rider.text


def test_what_was_put_aside_is_not_changed_before_it_is_answered(town: Town) -> None:
    offered(town)
    made = put_aside(town)
    with pytest.raises(Conflict, match="trip over"):
        trips.start_change(town, made, actor=made.rider_id, channel="web")


# Whatever people do


def test_whatever_people_do_no_seat_is_sold_twice_and_every_promise_is_kept(town: Town, clock: Clock) -> None:
    clock.now = EARLY_MORNING
    chance, people, done = Random(3), [newcomer(town, f"Rider {n}") for n in range(6)], Counter[str]()
    for _ in range(40):
        act = chance.choice(ACTS)
        done[act.__name__] += 1
        with suppress(Gone, Conflict):
            act(town, chance, chance.choice(people))
        clock.forward(chance.randrange(240))
        assert sound(town)
        with town.store.read() as records:
            standing = records.list_bookings(status="booked")
            late = records.list_put_aside(by=clock())
        assert len({(one.run_id, one.ride_id) for one in standing}) == len(standing)
        waiting.lapse(town)
        assert len(waiting.list_unanswered(town)) <= len(standing) - len(late)
    assert len(done) == len({*ACTS})


def _ask_or_wait(town: Town, chance: Random, rider: str) -> None:
    answer = ask(town, rider, arrive=BY_BUS)
    if answer.refusal:
        booking.wait(town, answer.request.id, at_once=chance.random() < 0.3)
    else:
        booking.book(town, chance.choice(answer.offers)[1], key=answer.request.id, actor=rider)


def _serve(town: Town, chance: Random, rider: str) -> None:
    attendant()(town)


def _answer(town: Town, chance: Random, rider: str) -> None:
    for one in waiting.list_unanswered(town):
        chance.choice([waiting.accept, booking.decline])(town, one.booking.id, actor=rider)


def _cancel(town: Town, chance: Random, rider: str) -> None:
    with town.store.read() as records:
        standing = records.list_bookings(status="booked")
    if standing:
        cancel(town, chance.choice(standing))


def _change(town: Town, chance: Random, rider: str) -> None:
    with town.store.read() as records:
        standing = records.list_bookings(rider_id=rider, status="booked")
    if standing:
        row = trips.start_change(town, standing[0], actor=rider, channel="web")
        booking.answer_who(town, row.id, people=chance.choice((1, 2)), wheelchairs=0, max_walk=300)
        offers = booking.ask(town, row.id).offers
        if offers:
            booking.book(town, chance.choice(offers)[1], key=row.id, actor=rider)


ACTS = (_ask_or_wait, _ask_or_wait, _serve, _answer, _cancel, _change)
