"""A call on one screen: usual trips, one form, offers with what to say, a read-back, and what a refusal offers."""

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from matching.model import Rule
from tests.webapp.asking import bookings
from tests.webapp.calling import begin, mondays, travelled
from tests.webapp.conftest import SignIn
from tests.webapp.small_town import EIGHT, KAMP, LIISANKATU, MINUTE, MONDAY, NEIGHBOUR, RESSU, RIDER
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import ask, book, rider_id
from webapp.config import LANGUAGES
from webapp.services import accounts, callers, cards, places, trips
from webapp.town import Town
from webapp.views import scripts
from webapp.views.shared import rule_text

TRIP = {"from": "Liisankatu 29", "to": "Hotel Kämp", "day": MONDAY.isoformat(), "how": "depart", "time": "7:50"}
TRIP |= {"people": "1", "wheelchairs": "0", "max_walk": "300"}


@pytest.fixture
def desk(sign_in: SignIn) -> Visitor:
    return sign_in("desk")


def ask_for(desk: Visitor, *, status: int = 200, **changes: Any) -> None:
    desk.send("Show free seats", {**TRIP, **changes}, status)


# Who calls


@pytest.mark.parametrize("said", ["Residnet Testi", "testi resident", "Rezident", "+358000000 1", "00358 00 000 01"])
def test_a_caller_is_found_however_the_name_or_the_number_is_said(town: Town, said: str) -> None:
    found = [user.name for user in accounts.find_riders(town, said)]
    assert "Resident Testi" in found


@pytest.mark.parametrize("said", ["Xyz", "Quentin", "+358 00 000 02", "0000000000000"])
def test_nobody_is_found_by_words_that_are_not_theirs(town: Town, said: str) -> None:
    assert accounts.find_riders(town, said) == []


def test_kanji_are_found_by_their_reading_and_with_or_without_a_gap(town: Town) -> None:
    form = callers.SignUp("山田 太郎", "090-1234-5678", reading="やまだ たろう", consent_on=MONDAY)
    made = callers.sign_up(town, form, key="k", actor=rider_id(town, "desk"))
    for said in ("山田", "山田太郎", "やまだ", "ヤマダタロウ", "09012345678", "+81 90 1234 5678", "５６７８"):
        assert [user.id for user in accounts.find_riders(town, said)] == [made.id], said


def test_the_picture_of_a_card_opens_the_call_of_its_owner(desk: Visitor, town: Town) -> None:
    card = cards.issue(town, rider_id(town), "2580", key="one", actor=rider_id(town, "desk"))
    begin(desk, f"https://noriai.example.org/card/{cards.token(town, card.id)}")
    assert "Resident Testi" in desk.text
    begin(desk, card.number)
    desk.get("/desk")
    desk.send("Search", {"text": "https://noriai.example.org/card/somebody-elses"})
    assert "Nobody is known" in desk.text


def test_without_a_call_there_is_no_screen_and_no_form(desk: Visitor) -> None:
    desk.get("/desk/call")
    assert desk.path == "/desk"
    desk.post("/desk/call/ask", TRIP)
    assert desk.path == "/desk"


def test_somebody_with_the_same_number_is_pointed_out_before_a_second_person_is_made(desk: Visitor, town: Town) -> None:
    desk.get("/desk")
    new = {"name": "Puoliso Testi", "phone": "+358-00-000-01", "max_walk": "300"}
    desk.send("Register and start the call", new, status=409)
    assert "This is Resident Testi" in desk.text and accounts.find_riders(town, "Puoliso") == []
    desk.send("Register and start the call", {**new, "another": "yes"})
    assert "For Puoliso Testi" in desk.text


# Usual trips


def test_usual_trips_are_those_asked_for_most_with_their_time_and_weekday(town: Town) -> None:
    travelled(town, *mondays(3))
    travelled(town, *(day + timedelta(days=1) for day in mondays(4)), labels=("Liisankatu 29", "School"),
              ends=(LIISANKATU, RESSU), depart=None, arrive=EIGHT + 33 * MINUTE)  # fmt: skip
    travelled(town, MONDAY - timedelta(days=2), labels=("Hotel Kämp", "Liisankatu 29"), ends=(KAMP, LIISANKATU))
    first, second, third = callers.list_usual_trips(town, rider_id(town))
    assert (first.times, first.how, f"{first.at:%H:%M}", first.weekday) == (4, "arrive", "08:30", 1)
    assert first.day == MONDAY + timedelta(days=1), "the next Tuesday"
    assert (second.times, second.weekday, second.day) == (3, 0, MONDAY), "today, for there is time enough"
    assert third.like.destination_label == "Liisankatu 29"
    assert callers.list_usual_trips(town, rider_id(town, NEIGHBOUR)) == [], "nobody sees another's"


def test_a_usual_trip_whose_time_is_too_near_is_meant_for_the_next_week(town: Town) -> None:
    travelled(town, *mondays(2), depart=7 * 3600 + 20 * MINUTE)
    assert callers.list_usual_trips(town, rider_id(town))[0].day == MONDAY + timedelta(weeks=1)


def test_one_key_fills_the_form_and_places_bear_the_callers_own_words(desk: Visitor, town: Town) -> None:
    travelled(town, *mondays(2))
    past = callers.list_usual_trips(town, rider_id(town))[0].like
    places.save(town, past, "origin", "Home")
    begin(desk)
    assert "1 Home → Hotel Kämp Monday, leave after 07:50" in desk.text
    assert 'accesskey="1"' in desk.page
    desk.send("Home → Hotel Kämp", {"number": "1"})
    said = {name: desk.field(name) for name in ("from", "to", "time", "people")}
    assert said == {"from": "Liisankatu 29", "to": "Hotel Kämp", "time": "07:50", "people": "1"}
    desk.post("/desk/call/usual", {"number": "2"}, status=422)


# From the form to the seat


def test_the_desk_books_on_one_screen_after_reading_back(desk: Visitor, town: Town) -> None:
    begin(desk)
    ask_for(desk)
    assert desk.path == "/desk/call"
    assert "“I have a place today at 08:00 from Liisankatu 29. You are there by 08:22. It costs €1.50.”" in quoted(desk)
    desk.send("08:00 → 08:12")
    assert "I book today at 08:00 from Liisankatu 29 to Hotel Kämp. Is that right?" in desk.text
    assert bookings(town) == []
    sent = {"token": desk.field("token"), "key": desk.field("key")}
    desk.send("Yes, book it")
    assert "It is booked. Please be at Liisankatu 29 today at 08:00." in desk.text
    assert "Coming trips" in desk.text and desk.text.count("Cancel this trip") == 1
    desk.post("/desk/call/book", sent)
    (row,) = bookings(town)
    with town.store.read() as records:
        request = records.get_request(row.request_id)
    assert (request.channel, request.asked_by) == ("phone", rider_id(town, "desk"))
    desk.send("Ask for the way back")
    assert (desk.field("from"), desk.field("to")) == ("Hotel Kämp", "Liisankatu 29")
    desk.get("/desk/call")
    desk.send("Finish this call")
    assert desk.path == "/desk" and "Resident Testi" not in desk.text


def test_asking_again_changes_the_one_request_of_the_call(desk: Visitor, town: Town) -> None:
    begin(desk)
    ask_for(desk)
    ask_for(desk, time="0755")
    ask_for(desk, people="2")
    with town.store.read() as records:
        (row,) = records.list_requests(rider_id=rider_id(town))
    assert (row.people, row.status) == (2, "offered")


def test_an_offer_for_other_answers_is_not_booked(desk: Visitor, town: Town) -> None:
    begin(desk)
    ask_for(desk)
    desk.send("08:00 → 08:12")
    sent = {"token": desk.field("token"), "key": desk.field("key")}
    ask_for(desk, people="2")
    desk.post("/desk/call/book", sent, status=409)
    assert "You have changed your answers since." in desk.text and bookings(town) == []


@pytest.mark.parametrize(
    ("field", "said"),
    [("from", ""), ("to", "Xqzw"), ("time", "soon"), ("day", "2020-01-01"), ("people", "99"), ("wheelchairs", "9")],
)
def test_all_that_cannot_be_is_said_at_once_and_nothing_written_is_lost(desk: Visitor, field: str, said: str) -> None:
    begin(desk)
    wrong: dict[str, Any] = {field: said}
    ask_for(desk, status=422, **wrong)
    assert desk.error(field)
    assert all(desk.field(name) == TRIP[name] for name in ("from", "to", "time", "people") if name != field)


def test_words_that_mean_several_places_are_put_to_choose_from(desk: Visitor) -> None:
    begin(desk)
    said: dict[str, Any] = {"from": "Hotel", "to": "Liisankatu 29"}
    ask_for(desk, status=422, **said)
    found = desk.options("from_pick")
    assert len(found) > 1
    ask_for(desk, **said, from_pick=next(iter(found.values())))
    assert desk.field("from") == next(iter(found)).split(" hotel")[0] or "Hotel" in desk.field("from")


def test_suggestions_begin_with_the_callers_own_places(desk: Visitor, town: Town) -> None:
    travelled(town, *mondays(1))
    places.save(town, callers.list_usual_trips(town, rider_id(town))[0].like, "origin", "Hotel of my daughter")
    begin(desk)
    said = json.loads(desk.post("/desk/call/places", {"text": "hotel"}))
    assert said["options"][0]["name"] == "Hotel of my daughter" and len(said["options"]) > 1
    begin(desk, "Neighbour")
    assert "daughter" not in desk.post("/desk/call/places", {"text": "hotel"})


def test_a_refusal_says_the_rule_and_what_would_help_and_waiting_is_one_key(desk: Visitor, town: Town) -> None:
    begin(desk)
    ask_for(desk, time="14:00")
    assert "I am sorry, I have no seat for that." in desk.text and "Would that do?" in desk.text
    desk.send("Would that do?")
    assert "Choose a ride" in desk.text
    ask_for(desk, time="14:00")
    assert 'accesskey="u"' in desk.page
    desk.send("Put the caller on the waiting list")
    assert "You are on the waiting list for today." in desk.text
    desk.send("Stop waiting")
    assert trips.list_trips(town, rider_id(town)).waiting == ()


def test_a_trip_is_cancelled_after_asking_once_more(desk: Visitor, town: Town) -> None:
    made = book(town)
    begin(desk)
    desk.get(f"/desk/call/cancel/{made.id}")
    assert "I cancel your trip today at 08:00. Is that right?" in desk.text
    desk.send("No, keep it")
    assert bookings(town)
    desk.get(f"/desk/call/cancel/{made.id}")
    desk.send("Yes, cancel this trip")
    assert bookings(town) == [] and "Your trip today at 08:00 is cancelled." in desk.text


def test_another_callers_trips_are_not_there(desk: Visitor, town: Town) -> None:
    made = book(town)
    begin(desk, "Neighbour")
    desk.get(f"/desk/call/cancel/{made.id}", status=404)
    desk.get("/desk/call")
    for path, sent in (("look", {"request": made.request_id}), ("return", {"booking": made.id})):
        desk.post(f"/desk/call/{path}", sent, status=404)


# What is said


@pytest.mark.parametrize("spoken", [*LANGUAGES])
def test_every_script_can_be_said_in_twenty_seconds(site: Flask, town: Town, spoken: str) -> None:
    made = book(town, rider_id(town, NEIGHBOUR))
    offered, refused = ask(town), ask(town, depart=14 * 3600)
    trip = trips.get_trip(town, made.id, rider_id(town, NEIGHBOUR))
    with site.test_request_context(headers={"Accept-Language": spoken}):
        row = refused.request
        said = [scripts.offer(one, offered.request) for one in trips.list_choices(town, offered)]
        said += [scripts.read_back(one, offered.request) for one in trips.list_choices(town, offered)]
        said += [scripts.booked(trip, "1234"), scripts.waiting(row), scripts.asked_to_cancel(trip)]
        changes = [scripts.change(row, one) for one in trips.suggest(row, refused.refusal.changes)]  # type: ignore[union-attr]
        said += changes + [scripts.refused(rule_text(rule), changes) for rule in Rule]
        said += [scripts.news(kind, trip) for kind in ("booked", "moved", "withdrawn")]
        slow = {one: scripts.spoken_seconds(one, spoken) for one in said}
        assert {one: seconds for one, seconds in slow.items() if seconds > scripts.LONGEST} == {}
        assert len(said) > 20 and min(slow.values()) > 1


@pytest.mark.parametrize("spoken", [*LANGUAGES])
def test_a_trip_between_places_of_long_names_a_week_ahead_is_read_back_in_time(
    site: Flask, town: Town, spoken: str
) -> None:
    found = ask(town)
    row = found.request
    row.service_date = MONDAY + timedelta(days=12)
    label = {"ja": "東" * 100, "ko": "가" * 100, "fi": "a" * 100}.get(spoken, "word " * 24)
    choice = replace(trips.list_choices(town, found)[0], pickup_label=label, dropoff_label=label)
    with site.test_request_context(headers={"Accept-Language": spoken}):
        for said in (scripts.offer(choice, row), scripts.read_back(choice, row)):
            assert scripts.spoken_seconds(said, spoken) <= scripts.LONGEST, said


@given(label=st.text(min_size=1, max_size=120), spoken=st.sampled_from([*LANGUAGES]))
def test_no_name_of_a_place_takes_longer_than_a_breath(label: str, spoken: str) -> None:
    short = scripts.brief(label, spoken)
    assert short in label and scripts.spoken_seconds(short, spoken) <= scripts.LONGEST_NAME


def test_the_pace_is_that_of_the_docs_and_a_long_speech_is_seen(site: Flask) -> None:
    assert scripts.spoken_seconds("one two three", "en") == pytest.approx(3 / 2.7)
    assert scripts.spoken_seconds("さくら、はな", "ja") > 5 / 6
    with site.test_request_context(headers={"Accept-Language": "en"}):
        assert scripts.fit("Short.", "word " * 60, "Kept.") == "Short. Kept.", "negative control: what is too long goes"


def test_a_date_is_said_as_people_say_it(site: Flask, town: Town) -> None:
    said = {}
    for spoken in LANGUAGES:
        with site.test_request_context(headers={"Accept-Language": spoken}):
            said[spoken] = scripts.spoken_day(date(2026, 11, 27))
            assert scripts.spoken_day(town.today()) in ("today", "tänään", "今日", "오늘", "i dag")
    assert said == {
        "en": "Friday, 27 November", "fi": "perjantaina 27. marraskuuta", "ja": "11月27日金曜日",
        "ko": "11월 27일 금요일", "sv": "fredag 27 november",
    }  # fmt: skip


def quoted(desk: Visitor) -> str:
    """Give what the page says with its quotations in marks, as browsers draw <q>."""
    return " ".join(f"“{' '.join(one.itertext())}”" for one in desk.tree.iter("q"))


def test_only_the_desk_opens_a_call(sign_in: SignIn) -> None:
    for role in (RIDER, "dispatcher", "driver", "town"):
        visitor = sign_in(role)
        visitor.get("/desk/call", status=404)
        visitor.get("/desk/call-backs", status=404)
