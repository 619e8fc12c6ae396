"""A paper form is printed in five languages, entered in one page, and makes one person, once."""

from datetime import timedelta
from typing import Any

import pytest

from tests.webapp.conftest import SignIn
from tests.webapp.small_town import MONDAY
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import count_rows, rider_id
from webapp.config import LANGUAGES
from webapp.services import accounts, callers, eligibility, places
from webapp.services.errors import Conflict, Invalid
from webapp.town import Town

FORM = {
    "name": "山田 花子", "reading": "やまだ はなこ", "phone": "０９０-1111-2222", "home": "Liisankatu 29",
    "needs": "walker",
    "max_walk": "150", "language": "ja", "proof-senior": "pension", "until-senior": "", "proof-student": "asked",
    "helper_name": "山田 一郎", "helper_phone": "090 3333 4444", "note": "耳が遠い", "consent_on": MONDAY.isoformat(),
}  # fmt: skip


@pytest.fixture
def desk(sign_in: SignIn) -> Visitor:
    made = sign_in("desk")
    made.get("/desk/sign-up")
    return made


def test_a_form_becomes_a_person_with_a_home_groups_and_a_helper(desk: Visitor, town: Town) -> None:
    desk.send("Register and start the call", FORM)
    for said in (
        "For 山田 花子 · 090-1111-2222",
        "やまだ はなこ",
        "Is a senior",
        "with a walker",
        "山田 一郎",
        "耳が遠い",
    ):
        assert said in desk.text, said
    (made,) = accounts.find_riders(town, "山田花子")
    assert accounts.current_groups(made, MONDAY) == ["registered", "senior"], "what was only asked for admits nobody"
    decided = {row.group_name: (row.decision, by) for row, by in eligibility.history(town, made.id)}
    assert decided == {"senior": ("verified", "Desk Testi"), "student": ("asked", "Desk Testi")}
    assert [(one.label, one.name) for one in places.list_saved(town, made.id)] == [("Home", "Liisankatu 29")]
    profile = callers.find_profile(town, made.id)
    assert profile is not None and profile.consent_on == MONDAY


def test_a_form_that_is_sent_twice_makes_one_person(desk: Visitor, town: Town) -> None:
    sent = {**FORM, "key": desk.field("key")}
    desk.post("/desk/sign-up", sent)
    rows = count_rows(town)
    desk.post("/desk/sign-up", sent)
    assert count_rows(town) == rows and "山田 花子" in desk.text


def test_who_has_the_number_already_is_pointed_out(desk: Visitor, town: Town) -> None:
    same = {**FORM, "phone": "+358-00-000-01"}
    desk.send("Register and start the call", same, status=409)
    assert "This is Resident Testi" in desk.text and accounts.find_riders(town, "花子") == []
    desk.send(
        "Register and start the call", {**same, "others": rider_id(town, "neighbour"), "another": "yes"}, status=409
    )
    desk.send("Register and start the call", {**same, "another": "yes"})
    assert "For 山田 花子" in desk.text


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("name", ""),
        ("phone", "call me"),
        ("home", "Xqzw"),
        ("home", "Hotel"),
        ("consent_on", ""),
        ("consent_on", (MONDAY + timedelta(days=1)).isoformat()),
        ("helper_phone", "my son"),
        ("email", "neighbour@example.org"),
    ],
)
def test_what_cannot_be_is_said_and_nobody_is_made(desk: Visitor, town: Town, field: str, said: str) -> None:
    rows = count_rows(town)
    desk.send("Register and start the call", {**FORM, field: said}, status=422)
    assert desk.error(field) and count_rows(town)["user"] == rows["user"]
    assert desk.field("reading") == FORM["reading"]


def test_without_a_signature_nobody_is_signed_up(town: Town) -> None:
    said: dict[str, Any] = {"key": "k", "actor": rider_id(town, "desk")}
    with pytest.raises(Invalid, match="consent_on"):
        callers.sign_up(town, callers.SignUp("Uusi Testi", "040 111 2222"), **said)
    with pytest.raises(Conflict, match="known"):
        callers.sign_up(town, callers.SignUp("Uusi Testi", "+358 00 000 01", consent_on=MONDAY), **said)


@pytest.mark.parametrize("spoken", [*LANGUAGES])
def test_the_form_is_printed_in_a_language_with_consent_and_a_signature(desk: Visitor, town: Town, spoken: str) -> None:
    desk.get(f"/desk/paper?language={spoken}")
    words = {"en": "Signature", "fi": "Allekirjoitus", "ja": "署名", "ko": "서명", "sv": "Underskrift"}
    assert words[spoken] in desk.text and f'<html lang="{spoken}"' in desk.page
    assert town.settings.desk_phone in desk.text


def test_the_town_says_in_its_own_words_what_is_signed(desk: Visitor, town: Town) -> None:
    town.rules["data_protection"] = {"ja": "町の条例に従います。"}
    desk.get("/desk/paper?language=ja")
    assert "町の条例に従います。" in desk.text
    desk.get("/desk/paper?language=en")
    assert "I agree that the town keeps what I write here" in desk.text
