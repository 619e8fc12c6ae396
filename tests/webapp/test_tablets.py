"""Tablets that drivers share: who gets in on which, until when, and under whose name taps are kept."""

import re
from uuid import uuid4

import pytest

from tests.webapp.conftest import Clock, SignIn
from tests.webapp.test_driver import BUS, JSON, LOOKED
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import rider_id
from webapp.services import accounts, tablets
from webapp.services.errors import Conflict, Invalid, NotFound
from webapp.town import Town

PIN = "7294"


@pytest.fixture
def second(town: Town) -> str:
    """Give the id of a second driver of the school."""
    return accounts.add_user(town, name="Second Driver", role="driver", operator="school").id


@pytest.fixture
def tablet(sign_in: SignIn, town: Town, second: str) -> Visitor:
    """Give a browser that a dispatcher enrolled, with a PIN for both drivers."""
    dispatcher = sign_in("dispatcher")
    for driver in (rider_id(town, "driver"), second):
        tablets.set_pin(town, driver, PIN, operator="school", actor=rider_id(town, "dispatcher"))
    dispatcher.get("/dispatch/tablets")
    dispatcher.send("Enrol this device", {"name": "Bus B1"})
    return dispatcher


def enter(tablet: Visitor, name: str = "Driver Testi", pin: str = PIN, status: int = 200) -> None:
    tablet.get("/tablet")
    tablet.post("/tablet", {"driver": tablet.buttons("driver")[name]})
    tablet.send("Sign in", {"pin": pin}, status)


def ticket(tablet: Visitor) -> str:
    return re.search(r'data-ticket="([^"]*)"', tablet.page)[1]  # type: ignore[index]


def send(tablet: Visitor, **fields: object) -> int:
    said = {"csrf_token": tablet.token, "event_id": str(uuid4()), "stop": "liisankatu", "kind": "arrived", **fields}
    return tablet.browser.post(f"/drive/{BUS}/events", data=said, headers=JSON).status_code


def actors(town: Town) -> list[str | None]:
    with town.store.read() as records:
        return [event.actor for event in records.list_told(BUS)]


def test_enrolling_signs_the_dispatcher_out_and_shows_the_drivers_names(tablet: Visitor) -> None:
    assert tablet.path == "/tablet" and {*tablet.buttons("driver")} == {"Driver Testi", "Second Driver"}
    tablet.get("/dispatch")
    assert tablet.path == "/login"


def test_no_other_device_tells_names(visitor: Visitor, tablet: Visitor) -> None:
    visitor.browser.set_cookie("noriai-tablet", "guessed.secret")
    visitor.get("/tablet")
    assert visitor.path == "/login" and "Driver Testi" not in visitor.text


def test_a_driver_signs_in_with_a_pin(tablet: Visitor) -> None:
    enter(tablet)
    assert tablet.path == "/drive" and "Morning bus" in tablet.text


def test_a_pin_is_locked_after_five_wrong_ones_until_another_is_set(tablet: Visitor, town: Town) -> None:
    for _ in range(tablets.MOST_TRIES):
        enter(tablet, pin="0000", status=422)
    enter(tablet, status=422)
    assert "Ask your dispatcher for a new one" in tablet.text
    tablets.set_pin(town, rider_id(town, "driver"), PIN, operator="school", actor=rider_id(town, "dispatcher"))
    enter(tablet)
    assert tablet.path == "/drive"


def test_a_right_pin_forgives_the_wrong_ones(tablet: Visitor) -> None:
    for _ in range(2):
        for _ in range(tablets.MOST_TRIES - 1):
            enter(tablet, pin="0000", status=422)
        enter(tablet)
        tablet.send("Sign out")


@pytest.mark.parametrize("pin", ["123", "1234", "7777", "1234567", "abcd", ""])
def test_a_pin_that_a_thief_would_try_first_is_refused(town: Town, pin: str) -> None:
    with pytest.raises(Invalid, match="pin"):
        tablets.set_pin(town, rider_id(town, "driver"), pin, operator="school", actor=rider_id(town, "dispatcher"))


def test_another_operators_dispatcher_sets_no_pin_and_revokes_no_tablet(tablet: Visitor, town: Town) -> None:
    with pytest.raises(NotFound):
        tablets.set_pin(town, rider_id(town, "driver"), PIN, operator="care", actor=rider_id(town, "dispatcher"))
    (own,) = tablets.list_tablets(town, "school")
    with pytest.raises(NotFound):
        tablets.revoke(town, own.id, operator="care")


def test_a_revoked_tablet_opens_nothing_and_tells_nothing(tablet: Visitor, town: Town) -> None:
    enter(tablet)
    tablet.get(f"/drive/{BUS}")
    kept = ticket(tablet)
    tablets.revoke(town, tablets.list_tablets(town, "school")[0].id, operator="school")
    assert send(tablet, ticket=kept) == 401
    tablet.get(f"/drive/{BUS}")
    assert tablet.path == "/login" and actors(town) == []


def test_taps_of_a_first_driver_are_sent_under_their_name_whoever_is_signed_in(
    tablet: Visitor, town: Town, second: str
) -> None:
    enter(tablet)
    tablet.get(f"/drive/{BUS}")
    first = ticket(tablet)
    tablet.send("Sign out")
    tablet.get("/tablet")
    assert send(tablet, ticket=first) == 200
    enter(tablet, "Second Driver")
    tablet.get(f"/drive/{BUS}")
    assert send(tablet, ticket=first, stop="station") == 200 and send(tablet, ticket=ticket(tablet)) == 200
    assert sorted(map(str, actors(town))) == sorted([*[rider_id(town, "driver")] * 2, second])


@pytest.mark.parametrize("spoil", [lambda said: said[:-2] + "xx", lambda _: "a.b.c", lambda _: "x"])
def test_a_ticket_that_was_altered_tells_nothing(tablet: Visitor, town: Town, spoil: object) -> None:
    enter(tablet)
    tablet.get(f"/drive/{BUS}")
    said = spoil(ticket(tablet))  # type: ignore[operator]
    assert send(tablet, ticket=said) == 401 and actors(town) == []


def test_a_ticket_runs_out(tablet: Visitor, town: Town, clock: Clock) -> None:
    enter(tablet)
    tablet.get(f"/drive/{BUS}")
    said = ticket(tablet)
    clock.forward(int(tablets.TICKET_LIFE.total_seconds()) + 60)
    tablet.get("/tablet")
    assert send(tablet, ticket=said) == 401


def test_a_driver_is_signed_out_at_the_end_of_the_shift(tablet: Visitor, clock: Clock) -> None:
    enter(tablet)
    clock.forward(14 * 3600 + 1)
    tablet.get("/drive")
    assert tablet.path == "/tablet" and "You were signed out" in tablet.text


def test_a_driver_is_signed_out_soon_after_the_last_run_is_closed(tablet: Visitor, clock: Clock) -> None:
    enter(tablet)
    tablet.get(f"/drive/{BUS}")
    for ride, stop in (("pupils-a", "liisankatu"), ("pupils-b", "station")):
        assert send(tablet, kind="no_show", ride=ride, stop=stop) == 200
    assert send(tablet, kind="closed", stop="", looked=LOOKED) == 200
    clock.forward(5 * 60)
    tablet.get("/drive")
    assert tablet.path == "/drive"
    clock.forward(6 * 60)
    tablet.get("/drive")
    assert tablet.path == "/tablet"


def test_the_dispatcher_sees_when_a_tablet_was_seen_last(tablet: Visitor, sign_in: SignIn) -> None:
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch/tablets")
    assert "Last seen:" in dispatcher.text and "Has a PIN" in dispatcher.text
    dispatcher.send("Take its access away")
    assert "No tablet was enrolled yet." in dispatcher.text


def test_a_locked_pin_is_a_conflict_and_a_wrong_one_invalid(town: Town) -> None:
    driver = rider_id(town, "driver")
    tablets.set_pin(town, driver, PIN, operator="school", actor=driver)
    row, _ = tablets.enrol(town, "T", operator="school", actor=driver)
    kinds = []
    for _ in range(tablets.MOST_TRIES + 1):
        with pytest.raises((Invalid, Conflict)) as fault:
            tablets.sign_in(town, row, driver, "9999", peer="127.0.0.1")
        kinds.append(str(fault.value))
    assert kinds == ["pin of driver"] * 4 + ["pin locked"] * 2
