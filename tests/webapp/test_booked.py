"""What a resident has of a booked trip: digits and a picture to board with, a calendar file, the way back at once."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from tests.webapp.asking import asked, book, bookings
from tests.webapp.conftest import Clock, SignIn
from tests.webapp.small_town import MONDAY, RIDER
from tests.webapp.visitor import Visitor
from webapp.services import boarding
from webapp.town import Town

ARRIVED = 90 * 60
"""Seconds from the morning until a trip of 8:00 is over."""


@pytest.fixture
def rider(sign_in: SignIn) -> Visitor:
    return sign_in(RIDER)


# Boarding


def test_digits_and_picture_of_a_booking_open_it_and_no_other(rider: Visitor, sign_in: SignIn, town: Town) -> None:
    book(rider)
    book(sign_in("neighbour"), "Rautatientori")
    mine, other = sorted(bookings(town), key=lambda one: one.pickup)
    pin, token = boarding.pin(town, mine.id), boarding.token(town, mine.id)
    assert len(pin) == 4 and pin.isdigit() and pin in rider.text
    for said in (pin, token, f" {pin[:2]} {pin[2:]} ", pin.translate({ord("0") + n: ord("０") + n for n in range(10)})):
        assert boarding.matches(town, mine.id, said)
    wrong = f"{(int(pin) + 1) % 10_000:04}"
    for said in ("", wrong, pin[:3], pin + "0", mine.id, boarding.token(town, other.id), "９９９\x00é"):
        assert not boarding.matches(town, mine.id, said)
    assert not boarding.matches(town, other.id, token)


def test_a_picture_finds_its_booking_on_its_run_alone(rider: Visitor, town: Town) -> None:
    path = book(rider)
    (mine,) = bookings(town)
    said = boarding.token(town, mine.id)
    found = boarding.find_by_token(town, mine.run_id, said)
    assert found is not None and found.id == mine.id
    assert boarding.find_by_token(town, "van-23", said) is None
    assert boarding.find_by_token(town, mine.run_id, "x" + said) is None
    rider.get(f"{path}/cancel")
    rider.send("Cancel this trip")
    assert boarding.find_by_token(town, mine.run_id, said) is None
    assert boarding.pin(town, mine.id) not in rider.text


def test_a_picture_tells_nothing_of_the_trip(rider: Visitor, town: Town) -> None:
    book(rider)
    (mine,) = bookings(town)
    said = boarding.token(town, mine.id)
    assert mine.id not in said and mine.rider_id not in said and not said.startswith("http")


# The calendar


def calendar(rider: Visitor, path: str) -> Calendar:
    rider.get(f"{path}/calendar.ics")
    read = Calendar.from_ical(rider.page)
    assert isinstance(read, Calendar)
    return read


def test_a_trip_goes_into_a_calendar_at_the_towns_time(rider: Visitor, sign_in: SignIn) -> None:
    path = book(rider)
    book(sign_in("neighbour"), "Rautatientori")
    (event,) = calendar(rider, path).events
    assert event.start == datetime(2026, 11, 23, 8, 0, tzinfo=ZoneInfo("Europe/Helsinki"))
    assert event.end == datetime(2026, 11, 23, 8, 22, tzinfo=ZoneInfo("Europe/Helsinki"))
    assert (event["STATUS"], event["SEQUENCE"], event["LOCATION"]) == ("CONFIRMED", 0, "Liisankatu 29")
    assert "Hotel Kämp by 08:22." in str(event["DESCRIPTION"]) and "Testi" not in rider.page


def test_a_later_file_of_a_cancelled_trip_replaces_the_first(rider: Visitor) -> None:
    path = book(rider)
    (first,), (again,) = calendar(rider, path).events, calendar(rider, path).events
    assert first.to_ical() == again.to_ical()
    rider.get(f"{path}/cancel")
    rider.send("Cancel this trip")
    (after,) = calendar(rider, path).events
    assert (after["UID"], after["STATUS"], after["SEQUENCE"]) == (first["UID"], "CANCELLED", 1)


def test_the_calendar_file_of_another_resident_is_not_there(rider: Visitor, sign_in: SignIn) -> None:
    path = book(rider)
    sign_in("neighbour").get(f"{path}/calendar.ics", status=404)


# Back at once


def test_who_has_arrived_asks_for_the_way_back_with_one_tap(rider: Visitor, clock: Clock, town: Town) -> None:
    path = book(rider.keep_phone())
    clock.forward(ARRIVED)
    rider.get("/trips")
    rider.send("I am ready to go back now")
    assert "Choose a ride" in rider.text and "Hotel Kämp" in rider.text
    with town.store.read() as records:
        row = records.get_request(rider.path.split("/")[2])
        (out,) = [one for one in records.list_bookings() if f"/bookings/{one.id}" == path]
    assert (row.service_date, row.depart_earliest, row.after) == (MONDAY, 8 * 3600 + 1800, out.request_id)
    rider.send("Choose this ride")
    rider.send("Book this trip")
    rider.get("/trips")
    assert "I am ready to go back now" not in rider.text, "the way back is booked"


def test_before_one_is_there_nobody_is_asked_whether_they_go_back(rider: Visitor) -> None:
    """Negative control: a trip to come has its way back asked for as any other."""
    path = book(rider)
    assert "I am ready to go back now" not in rider.text + rider.get("/trips")
    rider.get(path)
    assert "Ask for the way back" in rider.text


def test_from_a_trip_of_yesterday_nobody_goes_back_now(rider: Visitor, clock: Clock) -> None:
    path = book(rider.keep_phone())
    clock.forward(86_400)
    rider.get(path)
    assert "I am ready to go back now" not in rider.text
    rider.post(f"{path}/now", status=409)


def test_the_way_back_of_another_resident_is_not_there(rider: Visitor, sign_in: SignIn, clock: Clock) -> None:
    path, neighbour = book(rider), sign_in("neighbour").keep_phone()
    clock.forward(ARRIVED)
    neighbour.get("/trips")
    neighbour.post(f"{path}/now", status=404)


# When and where


def test_as_soon_as_possible_needs_neither_day_nor_time(rider: Visitor, town: Town) -> None:
    path = asked(rider)
    rider.post(f"{path}/when", {"how": "now"})
    with town.store.read() as records:
        row = records.get_request(path.split("/")[-1])
    assert (row.service_date, row.depart_earliest) == (MONDAY, 7 * 3600)
    assert rider.path == f"{path}/who"


def test_any_day_of_two_weeks_is_one_choice(rider: Visitor, town: Town) -> None:
    path = asked(rider)
    days = rider.options("day")
    assert len(days) == 14 and list(days)[:3] == [
        "Today, Monday 23 November",
        "Tomorrow, Tuesday 24 November",
        "Wednesday 25 November",
    ]
    rider.send("Continue", {"day": [*days.values()][13], "how": "arrive", "time": "9"})
    with town.store.read() as records:
        assert records.get_request(path.split("/")[-1]).service_date == date(2026, 12, 6)
    rider.get(f"{path}/when")
    assert (rider.field("day"), rider.field("time")) == ("2026-12-06", "09:00")


def test_a_point_of_the_map_is_named_and_then_confirmed(rider: Visitor) -> None:
    rider.get("/trips")
    rider.send("Ask for a trip")
    path, token = rider.path, rider.token
    sent = {"csrf_token": token, "lat": "60.168207", "lon": "24.947299"}
    answer = rider.browser.post("/places/point", data=sent)
    assert answer.status_code == 200 and "is that right?" in answer.json["said"]  # type: ignore[index]
    rider.post(path, {"csrf_token": token, "place": answer.json["token"]})  # type: ignore[index]
    assert rider.path == path.removesuffix("from") + "to"


@pytest.mark.parametrize(
    "point", [{}, {"lat": "nan", "lon": "24"}, {"lat": "91", "lon": "0"}, {"lat": "0", "lon": "0"}]
)
def test_a_point_of_no_sense_or_without_a_road_is_said_to_be_so(rider: Visitor, point: dict[str, str]) -> None:
    rider.get("/trips")
    answer = rider.browser.post("/places/point", data={"csrf_token": rider.token, **point})
    assert answer.status_code == 422 and answer.json["said"]  # type: ignore[index]


def test_a_stranger_is_told_nothing_of_a_point(visitor: Visitor) -> None:
    visitor.get("/login")
    visitor.post("/places/point", {"lat": "60.168207", "lon": "24.947299"})
    assert visitor.path == "/login"
