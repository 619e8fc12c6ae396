"""A resident asks, is offered free seats, books and cancels: what is promised then, and what is not."""

from dataclasses import replace
from random import Random

import pytest

from tests.webapp.conftest import Clock
from tests.webapp.small_town import (
    KAMP,
    LIISANKATU,
    MINUTE,
    NEIGHBOUR,
    RAUTATIENTORI,
    RESSU,
)
from tests.webapp.wishes import (
    BUS,
    VAN,
    ask,
    book,
    count_rows,
    free,
    newcomer,
    rider_id,
    run_of,
    tap,
    token_of,
)
from webapp.services import booking
from webapp.services.errors import Conflict, Gone, Invalid, NotAllowed
from webapp.town import Town

BOOKERS = 32
SEATS = 3
"""Free on the bus from its first stop to the second."""


@pytest.mark.parametrize("run_id", [BUS, VAN])
def test_a_cancelled_seat_is_as_free_as_before(town: Town, run_id: str) -> None:
    before, seats = run_of(town, run_id), free(town, run_id)
    made = book(town, run=run_id)
    assert free(town, run_id) != seats
    booking.cancel(town, made.id, actor=made.rider_id)
    assert run_of(town, run_id) == replace(before, revision=2)
    assert free(town, run_id) == seats


def test_when_all_have_cancelled_nothing_of_them_is_left(town: Town) -> None:
    before, chance = [run_of(town, one) for one in (BUS, VAN)], Random(7)
    made = []
    for n in range(6):
        rider = newcomer(town, f"Rider {n}")
        offered = ask(town, rider).offers
        made.append(booking.book(town, chance.choice(offered)[1], key="key", actor=rider))
    assert {one.run_id for one in made} == {BUS, VAN}
    for one in chance.sample(made, len(made)):
        booking.cancel(town, one.id, actor=one.rider_id)
    assert [replace(run_of(town, run.id), revision=0) for run in before] == before


def test_what_was_offered_is_what_is_booked(town: Town) -> None:
    answer = ask(town)
    offer, token = answer.offers[0]
    made = booking.book(town, token, key="key", actor=rider_id(town))
    assert (made.run_id, made.pickup, made.dropoff) == (offer.run, offer.pickup_time, offer.dropoff_time)
    assert (made.fare, made.walk, made.pickup_label) == (offer.fare, offer.pickup.walk, "Home")
    assert run_of(town).residents == (replace(offer.ride, groups=frozenset({"registered"})),)


def test_a_request_that_is_sent_twice_books_once(town: Town) -> None:
    token = token_of(ask(town))
    first = booking.book(town, token, key="key", actor=rider_id(town))
    rows = count_rows(town)
    assert booking.book(town, token, key="key", actor=rider_id(town)) == first
    assert count_rows(town) == rows


def test_an_answer_that_was_lost_is_given_again_though_the_offer_has_run_out(town: Town, clock: Clock) -> None:
    token = token_of(ask(town))
    first = booking.book(town, token, key="key", actor=rider_id(town))
    clock.forward(30 * MINUTE)
    assert booking.book(town, token, key="key", actor=rider_id(town)) == first


def test_a_key_stands_for_one_offer_only(town: Town) -> None:
    offered = ask(town).offers
    booking.book(town, offered[0][1], key="key", actor=rider_id(town))
    with pytest.raises(Invalid, match="key"):
        booking.book(town, offered[1][1], key="key", actor=rider_id(town))


def test_a_request_is_booked_once_under_whatever_key(town: Town) -> None:
    offered = ask(town).offers
    booking.book(town, offered[0][1], key="key", actor=rider_id(town))
    with pytest.raises(Conflict, match="booked"):
        booking.book(town, offered[1][1], key="another key", actor=rider_id(town))


def test_two_riders_may_choose_the_same_key(town: Town) -> None:
    others = newcomer(town, "Somebody Else")
    assert book(town, key="1").id != book(town, others, key="1", run=VAN).id


@pytest.mark.parametrize("where", [0, 20, -2])
def test_an_offer_that_was_altered_is_nobodys(town: Town, where: int) -> None:
    token = list(token_of(ask(town)))
    token[where] = "A" if token[where] != "A" else "B"
    with pytest.raises(NotAllowed):
        booking.book(town, "".join(token), key="key", actor=rider_id(town))


def test_an_offer_of_another_town_is_worth_nothing(town: Town) -> None:
    elsewhere = replace(town, settings=replace(town.settings, secret_key="another secret"))
    with pytest.raises(NotAllowed):
        booking.book(elsewhere, token_of(ask(town)), key="key", actor=rider_id(town))


def test_an_offer_stands_for_a_quarter_of_an_hour(town: Town, clock: Clock) -> None:
    token = token_of(ask(town))
    rows = count_rows(town)
    clock.forward(15 * MINUTE + 1)
    with pytest.raises(Gone, match="expired"):
        booking.book(town, token, key="key", actor=rider_id(town))
    assert count_rows(town) == rows


def test_an_offer_answers_only_what_was_asked(town: Town) -> None:
    answer = ask(town)
    booking.answer_who(town, answer.request.id, people=2, wheelchairs=0, max_walk=300)
    with pytest.raises(Gone, match="answers"):
        booking.book(town, token_of(answer), key="key", actor=rider_id(town))


def test_a_seat_that_went_to_somebody_else_is_gone_and_nothing_is_written(town: Town) -> None:
    answer = ask(town)
    book(town, newcomer(town, "The Quicker One"))
    rows, run = count_rows(town), run_of(town)
    with pytest.raises(Gone, match="seat"):
        booking.book(town, token_of(answer), key="key", actor=rider_id(town))
    assert (count_rows(town), run_of(town)) == (rows, run)


def test_nobody_travels_twice_at_once(town: Town) -> None:
    later = ask(town, ends=(RAUTATIENTORI, RESSU))
    book(town, ends=(LIISANKATU, KAMP))
    with pytest.raises(Conflict, match="overlap"):
        booking.book(town, token_of(later), key="another", actor=rider_id(town))


def test_one_may_travel_twice_a_day(town: Town) -> None:
    book(town, run=BUS, key="out")
    book(town, run=VAN, key="on")
    with town.store.read() as records:
        assert len(records.list_bookings(rider_id=rider_id(town), status="booked")) == 2


def test_a_booking_is_in_the_name_of_who_asked_whoever_sends_it(town: Town) -> None:
    token, other = token_of(ask(town)), rider_id(town, NEIGHBOUR)
    made = booking.book(town, token, key="key", actor=other)
    assert made.rider_id == rider_id(town)
    with town.store.read() as records:
        assert records.list_bookings(rider_id=other) == []
        assert records.find_booking(other, "key") is None


def test_cancelling_twice_changes_nothing(town: Town) -> None:
    made = book(town)
    first = booking.cancel(town, made.id, actor=made.rider_id)
    rows, run = count_rows(town), run_of(town)
    assert booking.cancel(town, made.id, actor=made.rider_id) == first
    assert (count_rows(town), run_of(town)) == (rows, run)


@pytest.mark.parametrize(("run_id", "kind"), [(BUS, "arrived"), (BUS, "departed"), (VAN, "arrived")])
def test_what_the_vehicle_came_for_is_not_cancelled(town: Town, run_id: str, kind: str) -> None:
    made = book(town, run=run_id)
    stop = next(ride.pickup for ride in run_of(town, run_id).residents)
    tap(town, run_id, stop, kind)
    with pytest.raises(Conflict, match="served"):
        booking.cancel(town, made.id, actor=made.rider_id)
    assert [ride.id for ride in run_of(town, run_id).residents] == [made.ride_id]


def test_a_stop_that_was_left_takes_no_more_bookings(town: Town) -> None:
    token = token_of(ask(town))
    tap(town, BUS, "liisankatu", "departed")
    with pytest.raises(Gone):
        booking.book(town, token, key="key", actor=rider_id(town))
    offered = ask(town, newcomer(town, "Late Comer")).offers
    assert BUS not in {offer.run for offer, _ in offered}
