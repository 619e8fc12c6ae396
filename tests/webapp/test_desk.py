"""The phone desk finds or registers who calls, and asks, books and cancels for them on the pages that they have."""

import pytest

from tests.webapp.asking import ask, book, bookings, choose
from tests.webapp.conftest import SignIn
from tests.webapp.visitor import Visitor
from webapp.town import Town


@pytest.fixture
def desk(sign_in: SignIn) -> Visitor:
    return sign_in("desk")


def call(desk: Visitor, text: str = "resident testi") -> None:
    """Find somebody and begin the call."""
    desk.get("/desk")
    desk.send("Search", {"text": text})
    assert desk.path == "/desk/call", "the only one who is meant needs no choosing"
    desk.get("/trips")


@pytest.mark.parametrize(
    "said", ["Resident Testi", "resid", "RESIDENT", "0000001", "+358 00 000 01", "0001", "０００１", "+358-00-000-01"]
)
def test_a_caller_is_found_by_a_part_of_the_name_or_number(desk: Visitor, said: str) -> None:
    desk.get("/desk")
    desk.send("Search", {"text": said})
    assert "Resident Testi" in desk.text
    assert "+358 00 000 01" in desk.text


def test_only_residents_are_found(desk: Visitor) -> None:
    desk.get("/desk")
    desk.send("Search", {"text": "testi"})
    assert "Driver Testi" not in desk.text
    assert "Neighbour Testi" in desk.text


def test_nobody_found_is_said(desk: Visitor) -> None:
    desk.get("/desk")
    desk.send("Search", {"text": "Nobody"})
    assert "Nobody is known by that name or number." in desk.text
    desk.send("Search", {"text": "a"}, status=422)
    assert desk.error("text")
    assert desk.field("text") == "a"


def test_the_desk_books_for_a_caller_whose_own_page_shows_it(desk: Visitor, sign_in: SignIn, town: Town) -> None:
    call(desk)
    assert "For Resident Testi · +358 00 000 01" in desk.text
    assert "Your seat is booked" in desk.get(book(desk))
    caller = sign_in("resident")
    assert "Liisankatu 29" in caller.get("/trips")
    assert "Coming trips" in caller.page
    with town.store.read() as records:
        request = records.get_request(bookings(town)[0].request_id)
        assert (records.get_user(request.asked_by).name, request.channel) == ("Desk Testi", "phone")


def test_the_desk_can_read_an_offer_out(desk: Visitor) -> None:
    call(desk)
    ask(desk, "Liisankatu 29", "Hotel Kämp", time="7:50")
    assert "At about 08:00: Liisankatu 29 (at the door). Hotel Kämp by 08:22. It costs €1.50." in desk.text
    assert "Yellow bus ABC-1, Example School." in desk.text


def test_the_banner_stands_on_every_page_until_the_call_is_finished(desk: Visitor) -> None:
    call(desk)
    path = ask(desk, "Liisankatu 29", "Hotel Kämp", time="7:50")
    for page in ("from", "to", "when", "who", "offers"):
        assert "For Resident Testi" in desk.get(f"{path}/{page}")
    choose(desk)
    assert "For Resident Testi" in desk.text
    desk.send("Finish this call")
    assert desk.path == "/desk"
    assert "For Resident Testi" not in desk.text
    desk.get("/trips")
    assert desk.path == "/desk"


def test_a_finished_call_leaves_no_way_to_the_callers_pages(desk: Visitor) -> None:
    call(desk)
    path = book(desk)
    desk.send("Finish this call")
    call(desk, "neighbour testi")
    desk.get(path, status=404)


def test_a_colleague_at_the_same_screen_does_not_act_for_the_last_caller(desk: Visitor) -> None:
    with desk.browser.session_transaction() as session:
        session["acting_for"] = ["a colleague", "anybody"]
    desk.get("/trips")
    assert desk.path == "/desk"


def test_a_new_caller_is_registered_once_and_their_needs_are_known(desk: Visitor) -> None:
    known = {"name": "Uusi Testi", "phone": "+358 00 000 77", "groups": ["registered", "wheelchair"], "max_walk": "50"}
    for _ in range(2):
        desk.get("/desk")
        desk.send("Register and start the call", known)
        assert "For Uusi Testi · +358 00 000 77" in desk.text
    assert (desk.field("wheelchairs"), desk.path) == ("1", "/desk/call")
    desk.get("/trips")
    desk.send("Ask for a trip")
    desk.get(desk.path.removesuffix("from") + "who")
    assert (desk.field("wheelchairs"), desk.field("max_walk")) == ("1", "50")
    desk.get("/desk")
    desk.send("Search", {"text": "Uusi"})
    assert desk.path == "/desk/call", "there is one of that name"


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", "\x00"), ("phone", ""), ("phone", "call me"), ("phone", "1" * 99), ("max_walk", "²")],
)
def test_what_cannot_be_registered_is_said_beside_its_field(desk: Visitor, field: str, value: str) -> None:
    desk.get("/desk")
    good = {"name": "Uusi Testi", "phone": "+358 00 000 77", "max_walk": "50"}
    desk.send("Register and start the call", {**good, field: value}, status=422)
    assert desk.error(field)
    kept = {name: desk.field(name) for name in ("name", "phone") if name != field}
    assert all(good[name] == said for name, said in kept.items())


@pytest.mark.parametrize("user", ["", "nobody", "\x00"])
def test_the_desk_acts_for_residents_only(desk: Visitor, town: Town, user: str) -> None:
    desk.get("/desk")
    desk.post("/desk/act-for", {"user": user}, status=404)
    with town.store.read() as records:
        (driver,) = records.list_users("driver")
    desk.post("/desk/act-for", {"user": driver.id}, status=404)


@pytest.mark.parametrize("role", ["resident", "driver", "town"])
def test_nobody_else_uses_the_desk(sign_in: SignIn, role: str) -> None:
    visitor = sign_in(role)
    visitor.get("/desk", status=404)
    visitor.get("/")
    visitor.post("/desk/search", {"text": "testi"}, status=404)
