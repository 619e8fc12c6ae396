"""The town sees what a day gave and cost, and nothing that points at a person; and each role has its own pages only."""

import pytest

from tests.webapp.asking import ask, book, bookings
from tests.webapp.conftest import SignIn
from tests.webapp.small_town import NEIGHBOUR, RIDER
from tests.webapp.visitor import Visitor
from webapp.services import booking
from webapp.town import Town

PAGES = {
    "dispatcher": [
        "/dispatch",
        "/dispatch/runs/bus-23",
        "/dispatch/runs/bus-23.geojson",
        "/dispatch/upload",
        "/dispatch/dates",
    ],
    RIDER: ["/signing-in"],
    "desk": [
        "/desk",
        "/desk/call",
        "/desk/groups",
        "/desk/endings",
        "/desk/sign-up",
        "/desk/paper",
        "/desk/call-backs",
        "/desk/signing-in",
        "/desk/card",
    ],
    "driver": ["/drive", "/drive/bus-23", "/drive/bus-23/manifest"],
    "town": ["/town", "/town/rules", "/town/rules/full.toml", "/agreements/new"],
}
FORMS = {
    "dispatcher": [
        "/dispatch/replan",
        "/dispatch/upload",
        "/dispatch/uploads/x/confirm",
        "/dispatch/uploads/x/drop",
        "/dispatch/uploads/x/effective",
        "/dispatch/uploads/x/replaces",
        "/dispatch/uploads/x/columns",
    ],
    RIDER: ["/signing-in/end", "/signing-in/phone"],
    "desk": [
        "/desk/call/ask",
        "/desk/call/book",
        "/desk/call/new",
        "/desk/groups/verify",
        "/desk/sign-up",
        "/desk/call-backs/take",
        "/desk/card",
        "/desk/card/withdraw",
        "/desk/signing-in/email",
        "/desk/signing-in/end",
    ],
    "driver": ["/drive/bus-23/events"],
    "town": ["/agreements", "/town/rules/full.toml/try", "/town/rules/trials/x/switch"],
}
ROLES = [*PAGES]


@pytest.fixture
def town_hall(sign_in: SignIn) -> Visitor:
    return sign_in("town")


def test_no_promise_is_broken_and_the_page_says_so(town_hall: Visitor) -> None:
    town_hall.get("/town")
    assert "Promises broken 0 of 2 runs" in town_hall.text and "Committed riders 6" in town_hall.text


def test_small_counts_are_hidden_with_the_fares_that_would_tell_them(town_hall: Visitor, sign_in: SignIn) -> None:
    book(sign_in(RIDER))
    town_hall.get("/town")
    assert "Residents who ride fewer than 5" in town_hall.text and "Booked fewer than 5" in town_hall.text
    assert "€" not in town_hall.text and "Extra driving for residents –" in town_hall.text


def test_refusals_are_counted_by_rule(town_hall: Visitor, sign_in: SignIn) -> None:
    rider = sign_in(RIDER)
    for _ in range(5):
        ask(rider, "Liisankatu 29", "Hotel Kämp", time="18:00")
    town_hall.get("/town")
    assert "Refused 5" in town_hall.text and "No vehicle that takes residents drives then. 5" in town_hall.text


def test_a_cancelled_booking_is_counted_as_such(town_hall: Visitor, sign_in: SignIn, town: Town) -> None:
    book(sign_in(RIDER))
    booking.cancel(town, bookings(town)[0].id, actor=bookings(town)[0].rider_id)
    town_hall.get("/town")
    assert "Booked, then cancelled fewer than 5" in town_hall.text and "Residents who ride 0" in town_hall.text


def test_no_name_of_a_person_or_of_their_place_is_on_the_page(town_hall: Visitor, sign_in: SignIn) -> None:
    book(sign_in(NEIGHBOUR))
    town_hall.get("/town")
    assert not any(word in town_hall.text for word in ("Neighbour", "Liisankatu", "Hotel Kämp"))


@pytest.mark.parametrize("day", ["2026-11-23", "2031-01-01", "", "never"])
def test_any_date_in_the_address_gives_a_page(town_hall: Visitor, day: str) -> None:
    town_hall.get(f"/town?day={day}")


# Who may open what


@pytest.mark.parametrize("role", ROLES)
def test_the_pages_of_other_roles_are_not_there(sign_in: SignIn, role: str) -> None:
    visitor = sign_in(role)
    for path in (path for owner in PAGES if owner != role for path in PAGES[owner]):
        visitor.get(path, status=404)


@pytest.mark.parametrize("role", ROLES)
def test_the_forms_of_other_roles_are_not_there(sign_in: SignIn, role: str) -> None:
    visitor = sign_in(role)
    for path in (path for owner in FORMS if owner != role for path in FORMS[owner]):
        visitor.get("/")
        visitor.post(path, status=404)


def test_who_has_not_signed_in_is_asked_to(visitor: Visitor) -> None:
    for path in (path for paths in PAGES.values() for path in paths):
        visitor.get(path)
        assert visitor.path == "/login"


@pytest.mark.parametrize(
    "away",
    ["//evil.example", "/\\evil.example", "/\t/evil.example", "\t//evil.example", "/\r\n/evil.example", "https://evil"],
)
def test_a_change_of_language_leads_nowhere_else(visitor: Visitor, away: str) -> None:
    visitor.get("/login")
    sent = {"csrf_token": visitor.token, "language": "fi", "next": away}
    assert visitor.browser.post("/language", data=sent).headers["Location"] == "/"


def test_a_password_of_any_length_is_only_wrong(visitor: Visitor) -> None:
    visitor.get("/login")
    visitor.post("/login", {"email": "town@example.org", "password": "x" * 100_000})
    assert "The e-mail address or the password is not right." in visitor.text


def test_a_method_that_an_address_does_not_take_is_told_which_it_does(visitor: Visitor) -> None:
    answer = visitor.browser.put("/login")
    assert answer.status_code == 405 and {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


def test_no_page_is_there_that_is_not_of_the_site(town_hall: Visitor) -> None:
    town_hall.get("/verify", status=404)
