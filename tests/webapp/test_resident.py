"""A resident asks for a trip, chooses a free seat, books it and gives it back, one question a page."""

from dataclasses import replace
from urllib.parse import unquote

import pytest

from matching.model import Load, Need, Rule
from tests.webapp.asking import answer_place, ask, asked, begin, book, bookings, choose
from tests.webapp.conftest import Clock, SignIn
from tests.webapp.small_town import RIDER
from tests.webapp.visitor import Visitor
from webapp.app import create_app
from webapp.db import tables
from webapp.town import Town


@pytest.fixture
def rider(sign_in: SignIn) -> Visitor:
    return sign_in(RIDER)


# Booking


def test_a_resident_books_from_the_first_question_to_the_confirmation(rider: Visitor) -> None:
    ask(rider, "Liisankatu 29", "Hotel Kämp", time="7:50")
    assert "Choose a ride" in rider.text
    assert "08:00" in rider.text
    assert "€1.50" in rider.text
    choose(rider)
    assert "Check your trip" in rider.text
    assert "Nothing is booked yet." in rider.text
    rider.send("Book this trip")
    assert "Your seat is booked" in rider.text
    assert "Yellow bus ABC-1" in rider.text
    assert "Example School" in rider.text
    rider.get("/trips")
    assert "23 November 2026" in rider.text
    assert "Liisankatu 29" in rider.text


def test_an_offer_says_what_it_changes_for_others_and_what_it_promises(rider: Visitor) -> None:
    ask(rider, "Liisankatu 29", "Hotel Kämp", time="7:50")
    assert "Nothing changes for anybody else." in rider.text
    assert "The vehicle comes between 08:00 and 08:10." in rider.text


def test_a_walk_is_told_with_its_time_on_every_page(rider: Visitor) -> None:
    ask(rider, "Liisankatu 21", "Hotel Kämp", time="7:50")
    walk = "120 m walk, about 2 minutes"
    assert walk in rider.text
    choose(rider)
    assert walk in rider.text
    rider.send("Book this trip")
    assert walk in rider.text
    rider.get("/trips")
    assert walk in rider.text


def test_a_wheelchair_is_offered_the_vehicle_that_has_a_place_for_it(rider: Visitor) -> None:
    ask(rider, "Liisankatu 29", "Hotel Kämp", time="7:50", who={"wheelchairs": "1"})
    assert "Example Care" in rider.text
    assert "Example School" not in rider.text


def test_no_place_name_or_time_stands_in_an_address(rider: Visitor) -> None:
    seen = [ask(rider, "Liisankatu 29", "Hotel Kämp", time="7:50"), rider.path]
    choose(rider)
    seen.append(rider.path)
    rider.send("Book this trip")
    seen.append(rider.path)
    assert not any(word in unquote(" ".join(seen)) for word in ("Liisankatu", "Kämp", "7:50", "Testi", "?"))


def test_the_same_form_sent_twice_books_once(rider: Visitor, town: Town) -> None:
    ask(rider, "Liisankatu 29", "Hotel Kämp", time="7:50")
    choose(rider)
    checked = rider.page
    rider.send("Book this trip")
    first, rider.page = rider.path, checked
    rider.send("Book this trip")
    assert rider.path == first
    assert len(bookings(town)) == 1


def test_one_can_go_back_to_every_page_of_a_trip(rider: Visitor) -> None:
    path = ask(rider, "Liisankatu 29", "Hotel Kämp", time="7:50")
    choose(rider)
    for page, heading in {
        "check": "Check your trip",
        "offers": "Choose a ride",
        "who": "Who travels?",
        "when": "When do you want to travel?",
        "to": "Where do you want to go?",
        "from": "Where do you start?",
    }.items():
        assert heading in rider.get(f"{path}/{page}")


def test_what_was_told_is_not_asked_again(rider: Visitor) -> None:
    usual = {"people": "2", "max_walk": "500", "always": "yes"}
    path = ask(rider, "Liisankatu 29", "Hotel Kämp", time="7:50", who=usual)
    rider.get(f"{path}/when")
    assert (rider.field("day"), rider.field("how"), rider.field("time")) == ("today", "depart", "07:50")
    begin(rider)
    assert {"Liisankatu 29", "Hotel Kämp"} == {*rider.buttons("place")}
    rider.get(rider.path.removesuffix("from") + "who")
    assert (rider.field("people"), rider.field("max_walk")) == ("2", "500")


def test_changing_one_answer_leads_back_to_the_offers(rider: Visitor) -> None:
    path = ask(rider, "Liisankatu 29", "Hotel Kämp", time="7:50")
    rider.get(f"{path}/to")
    answer_place(rider, "Ressun lukio")
    assert rider.path == f"{path}/offers"
    assert "Ressun lukio" in rider.text


def test_the_way_back_asks_only_for_its_time(rider: Visitor) -> None:
    book(rider)
    rider.send("Ask for the way back")
    assert "When do you want to travel?" in rider.text
    rider.send("Continue", {"day": "today", "how": "depart", "time": "9:00"})
    rider.send("Show free seats")
    assert "Hotel Kämp" in rider.text
    assert rider.path.endswith("/offers")


# Tokens


def test_an_altered_offer_is_refused(rider: Visitor, town: Town) -> None:
    ask(rider, "Liisankatu 29", "Hotel Kämp", time="7:50")
    choose(rider)
    rider.send("Book this trip", {"token": "x" + rider.field("token")}, status=403)
    assert bookings(town) == []


def test_an_offer_of_another_request_is_refused(rider: Visitor, town: Town) -> None:
    other = ask(rider, "Liisankatu 29", "Ressun lukio", time="7:50")
    ask(rider, "Liisankatu 29", "Hotel Kämp", time="7:50")
    choose(rider)
    rider.post(f"{other}/book", {"token": rider.field("token"), "key": "k"}, status=403)
    assert bookings(town) == []


def test_an_offer_that_ran_out_is_replaced_by_those_free_now(rider: Visitor, town: Town, clock: Clock) -> None:
    ask(rider.keep_phone(), "Liisankatu 29", "Ressun lukio", time="7:40", who={"max_walk": "800"})
    choose(rider)
    clock.forward(16 * 60)
    rider.send("Book this trip", status=409)
    assert "have run out" in rider.text
    assert bookings(town) == []
    choose(rider)
    rider.send("Book this trip")
    assert len(bookings(town)) == 1


def test_an_offer_for_answers_that_were_changed_is_not_booked(rider: Visitor, town: Town) -> None:
    path = ask(rider, "Liisankatu 29", "Hotel Kämp", time="7:50")
    choose(rider)
    checked = rider.page
    rider.get(f"{path}/who")
    rider.send("Show free seats", {"people": "2"})
    rider.page = checked
    rider.send("Book this trip", status=409)
    assert "You have changed your answers since." in rider.text
    assert bookings(town) == []


def test_a_seat_that_somebody_else_took_leads_to_what_is_left(rider: Visitor, sign_in: SignIn, town: Town) -> None:
    ask(rider, "Rautatientori", "Hotel Kämp", time="7:50")
    choose(rider)
    neighbour = sign_in("neighbour")
    book(neighbour, "Rautatientori")
    rider.send("Book this trip", status=409)
    assert "That seat has just been taken." in rider.text
    assert len(bookings(town)) == 1


def test_nobody_travels_twice_at_once(rider: Visitor, town: Town) -> None:
    book(rider)
    ask(rider, "Liisankatu 29", "Rautatientori", time="7:50")
    choose(rider)
    rider.send("Book this trip", status=409)
    assert "You already have a trip at that time." in rider.text
    assert len(bookings(town)) == 1


# Whose


@pytest.mark.parametrize("page", ["from", "to", "when", "who", "offers", "check"])
def test_the_request_of_another_resident_is_not_there(rider: Visitor, sign_in: SignIn, page: str) -> None:
    path = asked(rider)
    sign_in("neighbour").get(f"{path}/{page}", status=404)


def test_the_booking_of_another_resident_is_not_there(rider: Visitor, sign_in: SignIn, town: Town) -> None:
    path, neighbour = book(rider), sign_in("neighbour")
    neighbour.get(path, status=404)
    neighbour.get(f"{path}/cancel", status=404)
    neighbour.get("/trips")
    neighbour.post(f"{path}/cancel", status=404)
    assert len(bookings(town)) == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [("/trips/nothing/from", 404), ("/trips/%00/when", 400), ("/bookings/%00", 400), ("/bookings/none/cancel", 404)],
)
def test_an_address_of_no_sense_is_not_there(rider: Visitor, path: str, status: int) -> None:
    rider.get(path, status)


def test_who_is_not_signed_in_is_asked_to(visitor: Visitor) -> None:
    visitor.get("/trips")
    assert visitor.path == "/login"


@pytest.mark.parametrize("role", ["driver", "dispatcher", "town"])
def test_others_than_residents_and_the_desk_see_no_trips(sign_in: SignIn, role: str) -> None:
    sign_in(role).get("/trips", status=404)


# Refusal


def test_a_refusal_shows_the_rule_the_article_and_a_change_that_works(rider: Visitor) -> None:
    ask(rider, "Liisankatu 29", "Hotel Kämp", time="14:00")
    assert "No seat is free for that trip" in rider.text
    assert "No vehicle that takes residents drives then." in rider.text
    assert "Art. 1" in rider.text
    rider.send("earlier than you asked")
    assert "Choose a ride" in rider.text


@pytest.mark.parametrize(
    ("answers", "button"),
    [
        ({"people": "4"}, "Travel with 1 of 4 people"),
        ({"max_walk": "50", "from": "Liisankatu 21"}, "Walk about 120 m"),
    ],
)
def test_a_smaller_party_or_a_longer_walk_is_one_tap_away(rider: Visitor, answers: dict[str, str], button: str) -> None:
    answers = {**answers}  # the other database is asked with the same ones
    origin = answers.pop("from", "Liisankatu 29")
    ask(rider, origin, "Hotel Kämp", time="6:10", who=answers)
    rider.send(button)
    assert "Choose a ride" in rider.text


@pytest.mark.parametrize("change", [{"answer": "depart", "value": "9" * 30}, {"answer": "rider_id", "value": "1"}, {}])
def test_a_senseless_change_is_refused(rider: Visitor, change: dict[str, str]) -> None:
    path = ask(rider, "Liisankatu 29", "Hotel Kämp", time="14:00")
    rider.post(f"{path}/change", change, status=422)


def test_a_refused_trip_can_wait_for_a_seat_and_stop_waiting(rider: Visitor, town: Town) -> None:
    path = ask(rider, "Liisankatu 29", "Hotel Kämp", time="14:00")
    rider.send("Put me on the waiting list")
    assert "Waiting for a seat" in rider.text
    assert "Liisankatu 29 to Hotel Kämp" in rider.text
    rider.get(f"{path}/offers")
    assert "This trip is on the waiting list." in rider.text
    rider.get("/trips")
    rider.send("Stop waiting")
    assert "Waiting for a seat" not in rider.text


# What the town weighs, and what needs room


def test_who_wants_to_says_what_the_trip_is_for(rider: Visitor, town: Town) -> None:
    path = ask(rider, "Liisankatu 29", "Hotel Kämp", time="7:50", who={"purpose": "medical"})
    with town.store.read() as records:
        assert records.get_request(path.split("/")[-1]).purpose == "medical"
    rider.get(f"{path}/who")
    assert rider.field("purpose") == "medical"
    rider.send("Show free seats", {"purpose": ""})
    assert "Choose a ride" in rider.text


def test_a_purpose_that_the_town_does_not_weigh_is_refused(rider: Visitor) -> None:
    path = asked(rider)
    rider.send("Continue", {"day": "today", "how": "depart", "time": "7:50"})
    rider.post(f"{path}/who", {"people": "1", "wheelchairs": "0", "max_walk": "300", "purpose": "fun"}, status=422)
    assert rider.error("purpose")


def test_a_town_that_weighs_no_purpose_asks_for_none(town: Town) -> None:
    indifferent = replace(town, objective=replace(town.objective, classes=()))
    rider = Visitor(create_app(town=indifferent)).sign_in(RIDER)
    rider.get(f"{asked(rider)}/who")
    assert "What is the trip for?" not in rider.text


def test_room_for_a_walker_is_asked_for_where_vehicles_say_what_room_they_have(rider: Visitor, town: Town) -> None:
    path = asked(rider)
    rider.get(f"{path}/who")
    assert "Does anything need room in the vehicle?" not in rider.text
    roomy = tables.Vehicle(operator_id="school", code="B1", layouts=[[5, 0, 1]], description="Yellow bus ABC-1")
    town.store.commit(lambda door: door.put(roomy))
    rider.send("Show free seats", {"people": "1"})
    rider.get(f"{path}/who")
    rider.send("Show free seats", {"stowage": "1"})
    with town.store.read() as records:
        assert records.get_request(path.split("/")[-1]).stowage == 1


# Other riders


def test_a_refusal_tells_nothing_of_who_else_is_aboard(rider: Visitor, town: Town) -> None:
    with town.store.read() as records:
        run = records.get_run("bus-23")
    fragile = replace(run.rides[0], party=Load(1), needs=frozenset({Need.ACCOMPANIED}))
    change = replace(run, rides=(fragile,))
    town.store.commit(
        lambda door: door.keep(change, cause="published", as_published=True), runs=[run.id], times=town.roads
    )
    path = asked(rider)
    rider.send("Continue", {"day": "today", "how": "depart", "time": "6:02"})
    rider.send("Show free seats", {"people": "1", "wheelchairs": "0", "max_walk": "300"})
    with town.store.read() as records:
        assert records.get_request(path.split("/")[-1]).reason == Rule.ACCOMPANIED
    assert "have no place for you at that time" in rider.text
    assert "Art." not in rider.text


# Cancelling


def test_the_way_back_is_cancelled_with_the_trip_and_that_is_said_before(rider: Visitor, town: Town) -> None:
    path = book(rider)
    rider.get(f"{path}/cancel")
    assert "The way back is cancelled with it." not in rider.text
    rider.get(path)
    rider.send("Ask for the way back")
    rider.send("Continue", {"day": "today", "how": "depart", "time": "8:40"})
    rider.send("Show free seats")
    choose(rider)
    rider.send("Book this trip")
    rider.get(f"{path}/cancel")
    assert "The way back is cancelled with it." in rider.text
    rider.send("Cancel this trip")
    assert bookings(town) == []


def test_cancelling_frees_the_seat_for_somebody_else(rider: Visitor, sign_in: SignIn, town: Town) -> None:
    path, neighbour = book(rider, "Rautatientori"), sign_in("neighbour")
    ask(neighbour, "Rautatientori", "Hotel Kämp", time="6:10")
    assert "Not enough seats are free" in neighbour.text
    rider.get(f"{path}/cancel")
    assert "free of charge" in rider.text
    rider.send("Cancel this trip")
    assert "This trip is cancelled" in rider.text
    assert bookings(town) == []
    book(neighbour, "Rautatientori")
    assert len(bookings(town)) == 1


def test_a_trip_that_is_over_can_be_asked_for_again_but_not_cancelled(rider: Visitor, clock: Clock) -> None:
    path = book(rider.keep_phone())
    clock.forward(3 * 3600)
    rider.get(f"{path}/cancel")
    assert rider.path == path
    assert "This trip is over" in rider.text
    rider.send("Ask for this trip again")
    assert "When do you want to travel?" in rider.text
