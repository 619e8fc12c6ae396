"""A card of the desk signs its owner in with a PIN; alone, lost, withdrawn or replaced it opens nothing."""

from html import unescape

import pytest
import segno
from argon2 import PasswordHasher

from tests.webapp.conftest import SignIn
from tests.webapp.small_town import NEIGHBOUR, RIDER
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import rider_id
from webapp.db import tables
from webapp.services import accounts, cards, pins
from webapp.services.errors import Invalid
from webapp.town import Town
from webapp.views.cards import QUIET

PEER, PIN = "192.0.2.7", "2580"


def issue(town: Town, pin: str = PIN, key: str = "one", rider: str = RIDER) -> tables.Card:
    return cards.issue(town, rider_id(town, rider), pin, key=key, actor=rider_id(town, "desk"))


def opens(town: Town, card: tables.Card, pin: str = PIN) -> bool:
    try:
        cards.use(town, cards.token(town, card.id), pin, peer=PEER)
    except Invalid:
        return False
    return True


def call(desk: Visitor, text: str) -> None:
    desk.get("/desk")
    desk.send("Search", {"text": text})


@pytest.fixture
def desk(sign_in: SignIn) -> Visitor:
    made = sign_in("desk")
    call(made, "resident testi")
    return made


def test_the_desk_issues_a_card_that_signs_in_with_its_pin(desk: Visitor, town: Town, visitor: Visitor) -> None:
    desk.get("/trips")
    desk.get("/desk/signing-in")
    assert "No card is in use." in desk.text
    desk.send("Issue a new card", {"pin": "1234"}, status=422)
    assert desk.error("pin")
    desk.send("Issue a new card", {"pin": PIN})
    card = cards.find(town, rider_id(town))
    assert card and desk.path == "/desk/card"
    for said in ("Resident Testi", f"{card.number[:4]} {card.number[4:]}", town.settings.desk_phone):
        assert said in desk.text
    said = f"http://localhost/card/{cards.token(town, card.id)}"
    picture = segno.make(said, error="m", micro=False).svg_data_uri(border=QUIET, light="#fff")
    assert picture in unescape(desk.page), "any well-kept reader of the picture reads the address of the card"
    assert cards.token(town, card.id) not in desk.page
    visitor.get(f"/card/{cards.token(town, card.id)}")
    assert "Resident" not in visitor.text, "a card that was found tells no more than is printed on it"
    visitor.send("Continue", {"pin": "2581"}, status=422)
    assert visitor.error("pin")
    visitor.send("Continue", {"pin": "２５８０"})
    visitor.send("Others use it too")
    assert visitor.path == "/trips"
    assert card.number[:4] in visitor.get("/signing-in")


def test_the_desk_finds_a_caller_by_the_number_of_a_card(desk: Visitor, town: Town) -> None:
    number, other = issue(town).number, issue(town, rider=NEIGHBOUR).number
    for said in (number, f"{number[:4]} {number[4:]}"):
        assert [user.id for user in accounts.find_riders(town, said)] == [rider_id(town)]
    slipped = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert slipped != other and accounts.find_riders(town, slipped) == [], "a check digit"
    assert accounts.find_riders(town, number[:7]) == []
    cards.withdraw(town, rider_id(town))
    assert accounts.find_riders(town, number), "a card that somebody found still tells whose it was"


def test_five_wrong_pins_lock_a_card_and_a_right_one_counts_anew(town: Town) -> None:
    card = issue(town)
    for _ in range(2):
        for wrong in ("", "0000", "25800", "abcd"):
            assert not opens(town, card, wrong)
        assert opens(town, card), "four wrong ones are forgiven"
    for _ in range(5):
        assert not opens(town, card, "2581")
    assert not opens(town, card), "the right one comes too late"
    assert opens(town, issue(town, key="two")), "until the desk issues another"


def test_a_card_opens_nothing_once_it_is_withdrawn_or_replaced(town: Town) -> None:
    first = issue(town)
    second = issue(town, pin="2580", key="two")
    assert (opens(town, first), opens(town, second)) == (False, True)
    assert first.number != second.number
    cards.withdraw(town, rider_id(town))
    cards.withdraw(town, rider_id(town))
    assert not opens(town, second) and cards.find(town, rider_id(town)) is None


def test_a_form_that_is_sent_twice_issues_one_card(town: Town) -> None:
    assert issue(town).number == issue(town).number
    assert issue(town, rider=NEIGHBOUR).number != issue(town).number
    assert opens(town, issue(town))


def test_what_is_kept_of_a_card_opens_nothing(town: Town) -> None:
    card = issue(town)
    assert PIN not in f"{card.pin} {card.link} {card.id}".replace(card.number, "")
    assert cards.token(town, card.id) not in str(card)
    assert PasswordHasher().verify(card.pin, pins._peppered(town.settings.secret_key, card.id, PIN))
    with pytest.raises(Invalid):  # the hash alone cannot be searched through: the town's secret is in it
        cards.use(town, card.link, PIN, peer=PEER)


def test_a_pin_is_four_to_six_digits_that_no_thief_tries_first(town: Town) -> None:
    for pin in ("", "258", "2580258", "25 8o", "pin", "0000", "1234", "98765", "٣"):
        with pytest.raises(Invalid, match="pin"):
            issue(town, pin=pin)
    for n, pin in enumerate(("2580", "25801", "258 013", "０１３７")):
        assert opens(town, issue(town, pin=pin, key=str(n)), pin), pin


def test_every_card_that_opens_nothing_gives_the_same_answer(town: Town, visitor: Visitor) -> None:
    lost, locked, valid = issue(town), issue(town, rider=NEIGHBOUR), ""
    cards.withdraw(town, rider_id(town))
    for _ in range(5):
        opens(town, locked, "2581")
    said = set()
    for token in (cards.token(town, lost.id), cards.token(town, locked.id), "nobodys", "x" * 500):
        visitor.get(f"/card/{token}")
        visitor.send("Continue", {"pin": PIN}, status=422)
        said.add(visitor.text)
    valid = cards.token(town, issue(town, key="two").id)
    visitor.get(f"/card/{valid}")
    visitor.send("Continue", {"pin": "2581"}, status=422)
    assert said == {visitor.text}


def test_a_withdrawn_card_ends_the_sessions_of_its_owner(desk: Visitor, town: Town, sign_in: SignIn) -> None:
    issue(town)
    owner, neighbour = sign_in(RIDER), sign_in(NEIGHBOUR)
    desk.get("/desk/signing-in")
    desk.send("Withdraw the card")
    assert "No card is in use." in desk.text
    desk.get("/desk/card", status=404)
    for visitor, path in ((owner, "/login"), (neighbour, "/trips")):
        visitor.get("/trips")
        assert visitor.path == path


def test_the_desk_keeps_an_address_and_ends_sessions_for_a_caller(desk: Visitor, sign_in: SignIn) -> None:
    desk.get("/desk/signing-in")
    for said in ("no address", "neighbour@example.org"):
        desk.send("Keep the address", {"email": said}, status=422)
        assert desk.error("email") and desk.field("email") == said
    desk.send("Keep the address", {"email": "New@example.org"})
    assert desk.field("email") == "new@example.org"
    desk.send("Keep the address", {"email": ""})
    assert desk.field("email") == ""
    desk.send("Keep the address", {"email": "resident@example.org"})
    owner = sign_in(RIDER)
    desk.send("Sign out everywhere")
    assert "Signed out on all phones and computers." in desk.text
    owner.get("/trips")
    assert owner.path == "/login"


def test_the_desk_sees_how_somebody_signs_in_only_in_a_call(sign_in: SignIn) -> None:
    free = sign_in("desk")
    for path in ("/desk/signing-in", "/desk/card"):
        free.get(path)
        assert free.path == "/desk"
