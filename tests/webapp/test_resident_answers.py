"""Answers of a resident that cannot be used are said beside their field, and kept; nothing of them is ever a fault."""

from typing import Any

import pytest

from tests.webapp.asking import answer_place, asked, begin
from tests.webapp.conftest import SignIn
from tests.webapp.small_town import RIDER
from tests.webapp.visitor import Visitor
from webapp.db import tables
from webapp.town import Town


@pytest.fixture
def rider(sign_in: SignIn) -> Visitor:
    return sign_in(RIDER)


def test_an_unknown_place_is_said_to_be_unknown(rider: Visitor) -> None:
    begin(rider)
    rider.send("Search", {"text": "Xyzzy 1"}, status=422)
    assert "We do not know a place of that name" in rider.error("text")
    assert rider.field("text") == "Xyzzy 1"


@pytest.mark.parametrize(("text", "found"), [("Anankatu 14", "Annankatu 14"), ("Annankatu 17", "Annankatu 19")])
def test_a_place_that_is_only_guessed_is_called_so(rider: Visitor, text: str, found: str) -> None:
    begin(rider)
    rider.send("Search", {"text": text})
    assert found in rider.options("place")
    assert "We do not know exactly that place. Is it one of these?" in rider.text


def test_a_place_that_is_known_is_not_called_a_guess(rider: Visitor) -> None:
    """Negative control: only what was mended or is near is."""
    begin(rider)
    rider.send("Search", {"text": "annankatu 14"})
    assert "We found these places. Which one is it?" in rider.text


def test_a_place_without_a_road_is_refused_with_the_reason(rider: Visitor, town: Town) -> None:
    with town.store.read() as records:
        me = records.find_user(email=f"{RIDER}@example.org")
    assert me is not None
    far: dict[str, Any] = {"origin_label": "Porvoo", "origin_lat": 60.3932, "origin_lon": 25.6644}
    earlier = tables.Request(id="old", rider_id=me.id, asked_by=me.id, needs=[], created_at=town.clock(), **far)
    town.store.commit(lambda door: door.put(earlier))
    begin(rider)
    rider.post(rider.path, {"place": rider.buttons("place")["Porvoo"]}, status=422)
    assert rider.error("text")
    assert "unknown" not in rider.error("text")


@pytest.mark.parametrize("place", ["", "0", "WyJIZXJlIiw2MC4xNyAyNC45NF0.forged"])
def test_a_place_that_was_not_shown_cannot_be_chosen(rider: Visitor, place: str) -> None:
    begin(rider)
    rider.send("Search", {"text": "Liisankatu"})
    rider.send("Continue", {"place": place}, status=422)
    assert "Choose one of the places" in rider.error("place")


def test_a_trip_does_not_end_where_it_starts(rider: Visitor) -> None:
    begin(rider)
    answer_place(rider, "Liisankatu 29")
    rider.send("Search", {"text": "Liisankatu 29"})
    rider.send("Continue", {"place": rider.options("place")["Liisankatu 29"]}, status=422)
    assert "You start and end at the same place" in rider.error("place")


@pytest.mark.parametrize(
    ("field", "faulty"),
    [
        ("day", [{"day": day} for day in ("2026-11-22", "2026-12-07", "2029-11-23", "never", "")]),
        ("how", [{"how": "perhaps"}]),
        ("time", [{"time": time} for time in ("25:00", "9:61", "half past", "")]),
    ],
)
def test_a_day_or_time_of_no_sense_is_said_beside_its_field(
    rider: Visitor, field: str, faulty: list[dict[str, str]]
) -> None:
    path = asked(rider)
    for answers in faulty:
        rider.get(f"{path}/when")
        rider.send("Continue", {"day": "tomorrow", "how": "arrive", "time": "9:10", **answers}, status=422)
        assert rider.error(field)
        assert rider.field("time") == answers.get("time", "9:10")


def test_a_time_may_be_written_as_people_write_it(rider: Visitor) -> None:
    path = asked(rider)
    for written in ("9:10", "09.10", "0910", "910", " 9 10 ", "９：１０", "9時10分"):
        rider.get(f"{path}/when")
        rider.send("Continue", {"day": "tomorrow", "how": "depart", "time": written})
        rider.get(f"{path}/when")
        assert rider.field("time") == "09:10"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("people", ("0", "9", "²", "-1", "", "1.5", "1_0", "9" * 5000, "\x00")),
        ("wheelchairs", ("2", "-1", "no")),
        ("max_walk", ("801", "-1", "far")),
    ],
)
def test_a_party_of_no_sense_is_said_beside_its_field(rider: Visitor, field: str, values: tuple[str, ...]) -> None:
    path = asked(rider)
    for value in values:
        rider.get(f"{path}/who")
        rider.send("Show free seats", {"people": "1", "wheelchairs": "0", "max_walk": "300", field: value}, status=422)
        assert rider.error(field)
        assert field == "max_walk" or value.startswith(rider.field(field))


def test_offers_are_not_shown_before_all_is_answered(rider: Visitor) -> None:
    begin(rider)
    path = rider.path.removesuffix("/from")
    rider.get(f"{path}/offers")
    assert rider.path == f"{path}/from"
    rider.get(f"{path}/check")
    assert rider.path == f"{path}/from"


def test_how_far_somebody_can_walk_stays_chosen_whatever_it_is(rider: Visitor, town: Town) -> None:
    with town.store.read() as records:
        user = next(one for one in records.list_users("resident") if one.email == "resident@example.org")
    user.max_walk = 240
    town.store.commit(lambda door: door.put(user))
    rider.get(f"{asked(rider)}/who")
    assert rider.field("max_walk") == "240"
