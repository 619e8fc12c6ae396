"""So near in time that its driver may be on the way: nothing of it changes, whoever asks."""

from dataclasses import replace

import pytest

from matching.model import Load, Ride
from tests.webapp.conftest import Clock
from tests.webapp.small_town import KAMP, LIISANKATU, MINUTE, MONDAY
from tests.webapp.wishes import BUS, VAN, ask, book, newcomer, rider_id, run_of, token_of
from webapp.db.store import PromiseBroken
from webapp.services import booking, planning
from webapp.services.errors import Gone
from webapp.town import Town

PAST_THE_STATION = 70 * MINUTE
"""At 7:00 this reaches beyond the bus's second stop, at 8:06."""


def freeze(town: Town, run_id: str, seconds: int) -> None:
    """Publish a run again with stops that are fixed so many seconds before they begin."""
    run = run_of(town, run_id)
    frozen = replace(run, policy=replace(run.policy, freeze=seconds))
    town.store.commit(
        lambda door: door.keep(frozen, cause="published", as_published=True), runs=[run_id], times=town.roads
    )


@pytest.mark.parametrize(("seconds", "offered"), [(0, True), (59 * MINUTE, True), (PAST_THE_STATION, False)])
def test_nobody_is_offered_a_stop_that_is_too_near(town: Town, seconds: int, offered: bool) -> None:
    freeze(town, BUS, seconds)
    assert (BUS in {offer.run for offer, _ in ask(town).offers}) is offered


def test_an_offer_of_a_stop_that_came_too_near_is_gone(town: Town, clock: Clock) -> None:
    freeze(town, BUS, 50 * MINUTE)
    token = token_of(ask(town))
    clock.forward(14 * MINUTE)
    with pytest.raises(Gone, match="seat"):
        booking.book(town, token, key="key", actor=rider_id(town))


def test_an_offer_of_a_stop_that_is_far_enough_stands(town: Town, clock: Clock) -> None:
    """Negative control of the test above: the same minutes, without a horizon."""
    token = token_of(ask(town))
    clock.forward(14 * MINUTE)
    assert booking.book(town, token, key="key", actor=rider_id(town)).run_id == BUS


def board(town: Town) -> None:
    run = run_of(town)
    ride = Ride("new", "liisankatu", "kamp", Load(1), max_ride=3600, groups=frozenset({"registered"}))
    new = replace(run, rides=(*run.rides, ride))
    town.store.commit(lambda door: door.keep(new, cause="booked"), runs=[BUS], times=town.roads)


def test_the_write_door_itself_lets_nobody_on_at_a_stop_that_is_too_near(town: Town) -> None:
    freeze(town, BUS, PAST_THE_STATION)
    with pytest.raises(PromiseBroken):
        board(town)


def test_the_write_door_lets_people_on_at_a_stop_that_is_far_enough(town: Town) -> None:
    board(town)
    assert [ride.id for ride in run_of(town).residents] == ["new"]


@pytest.mark.parametrize(("minutes_before", "stays"), [(20, True), (40, False)])
def test_a_stop_whose_rider_cancels_is_left_out_only_if_it_is_far_enough(
    town: Town, clock: Clock, minutes_before: int, stays: bool
) -> None:
    freeze(town, VAN, 30 * MINUTE)
    made = book(town, run=VAN)
    (ride,) = run_of(town, VAN).residents
    clock.forward(made.pickup - town.seconds_now(MONDAY) - minutes_before * MINUTE)
    booking.cancel(town, made.id, actor=made.rider_id)
    run = run_of(town, VAN)
    assert run.residents == ()
    assert (ride.pickup in run.positions()) is stays
    assert planning.verify(town)[1] == []


@pytest.mark.parametrize(("seconds", "found"), [(0, 1), (PAST_THE_STATION, 0)])
def test_a_replanning_books_nobody_at_a_stop_that_is_too_near(town: Town, seconds: int, found: int) -> None:
    taken = book(town, newcomer(town, "The Quicker One"))
    refused = ask(town, arrive=8 * 3600 + 14 * MINUTE, ends=(LIISANKATU, KAMP))
    booking.wait(town, refused.request.id)
    booking.cancel(town, taken.id, actor=taken.rider_id)
    if seconds:
        freeze(town, BUS, seconds)
    assert len(planning.replan(town, MONDAY, seconds=1).booked) == found
