"""What is always true of a rider's trips is told once, and holds for every trip until one is different."""

import pytest

from tests.webapp.asking import answer_place, ask, asked, begin
from tests.webapp.conftest import SignIn
from tests.webapp.small_town import RIDER
from tests.webapp.visitor import Visitor
from webapp.db import tables
from webapp.town import Town

USUAL = {"people": "2", "wheelchairs": "1", "needs": "companion", "max_walk": "150"}


@pytest.fixture
def rider(sign_in: SignIn) -> Visitor:
    return sign_in(RIDER)


def kept(town: Town, who: str = RIDER) -> tables.User:
    with town.store.read() as records:
        found = records.find_user(email=f"{who}@example.org")
    assert found is not None
    return found


def save_home(rider: Visitor, text: str = "Liisankatu 29") -> None:
    """Save where a trip starts, and say that most of them do."""
    begin(rider)
    rider.send("Search", {"text": text})
    rider.send("Continue, and save", {"place": rider.options("place")[text], "save": "yes"})
    rider.send("Save this place", {"label": "Home", "home": "yes"})


def test_who_travels_is_told_once(rider: Visitor) -> None:
    rider.get("/profile")
    rider.send("Keep this", USUAL)
    asked(rider)
    rider.send("Continue", {"day": "today", "how": "depart", "time": "7:50"})
    assert "As usual 2 people, 1 in a wheelchair, with a companion" in rider.text
    assert "Walk up to 150 m" in rider.text
    rider.send("Show free seats")
    assert "White van CAR-2" in rider.text


def test_one_trip_may_be_different_and_changes_no_other(rider: Visitor, town: Town) -> None:
    path = ask(rider, "Liisankatu 29", "Hotel Kämp", time="7:50", who={"people": "3"})
    rider.get(f"{path}/who")
    assert "This time 3 people" in rider.text
    assert kept(town).people == 1
    rider.get(f"{asked(rider, 'Ressun lukio')}/who")
    assert "As usual 1 person" in rider.text


def test_what_is_kept_leaves_the_groups_to_the_desk(rider: Visitor, town: Town) -> None:
    rider.get("/profile")
    rider.send("Keep this", {**USUAL, "groups": "senior"})
    assert (kept(town).groups, kept(town).wheelchairs) == (["registered"], 1)


@pytest.mark.parametrize(
    ("field", "value"), [("people", "9"), ("wheelchairs", "3"), ("max_walk", "801"), ("home", "x")]
)
def test_a_profile_of_no_sense_is_said_beside_its_field(rider: Visitor, town: Town, field: str, value: str) -> None:
    save_home(rider)
    rider.get("/profile")
    rider.send("Keep this", {**USUAL, field: value}, status=422)
    assert rider.error(field)
    assert kept(town).people == 1


def test_a_trip_starts_where_most_trips_start(rider: Visitor) -> None:
    save_home(rider)
    begin(rider)
    assert "Where do you want to go?" in rider.text
    assert "You start at Home." in rider.text
    answer_place(rider, "Hotel Kämp")
    assert "When do you want to travel?" in rider.text


def test_a_saved_place_is_straight_ahead_and_the_way_home_asks_where_one_is(rider: Visitor) -> None:
    save_home(rider)
    rider.get("/trips")
    rider.post("/trips/new", {"place": rider.buttons("place")["Home"]})
    assert "Where do you start?" in rider.text


def test_who_is_asked_each_time_is_asked_where_they_start(rider: Visitor) -> None:
    """Negative control: without a home nothing is taken for granted."""
    save_home(rider)
    rider.get("/profile")
    rider.send("Keep this", {"home": ""})
    begin(rider)
    assert "Where do you start?" in rider.text


def test_the_place_of_somebody_else_is_nobodys_home(rider: Visitor, sign_in: SignIn, town: Town) -> None:
    save_home(rider)
    neighbour = sign_in("neighbour")
    save_home(neighbour, "Hotel Kämp")
    neighbour.get("/profile")
    neighbour.send("Keep this", {"home": kept(town).home_id or ""}, status=404)
    assert kept(town, "neighbour").home_id not in (None, kept(town).home_id)


def test_the_desk_keeps_the_profile_of_a_caller(sign_in: SignIn, town: Town) -> None:
    desk = sign_in("desk")
    desk.get("/profile")
    assert desk.path == "/desk"
    desk.send("Search", {"text": "resident testi"})
    desk.get("/profile")
    assert "How Resident Testi travels" in desk.text
    desk.send("Keep this", USUAL)
    assert (kept(town).people, kept(town).needs) == (2, ["companion"])


# How the pages are read


def test_the_size_of_the_words_stays_when_one_signs_in_again(rider: Visitor, sign_in: SignIn, town: Town) -> None:
    rider.post("/display", {"text_size": "largest", "next": "/places"})
    assert rider.path == "/places" and 'data-text-size="largest"' in rider.page
    rider.post("/display", {"contrast": "high"})
    assert 'data-text-size="largest" data-contrast="high"' in rider.page
    assert (kept(town).text_size, kept(town).contrast) == ("largest", "high")
    assert 'data-text-size="largest" data-contrast="high"' in sign_in(RIDER).get("/trips")
    assert "data-text-size" not in sign_in("neighbour").get("/trips")


@pytest.mark.parametrize("wish", [{"text_size": "giant"}, {"contrast": "pink"}, {}])
def test_a_look_that_there_is_not_changes_nothing(visitor: Visitor, wish: dict[str, str]) -> None:
    visitor.get("/login")
    visitor.post("/display", {**wish, "next": "/login"})
    assert "data-text-size" not in visitor.page and "data-contrast" not in visitor.page


def test_a_stranger_reads_in_large_words_too_and_goes_nowhere_else(visitor: Visitor) -> None:
    visitor.get("/login")
    visitor.post("/display", {"text_size": "large", "next": "//elsewhere.example"})
    assert visitor.path == "/login" and 'data-text-size="large"' in visitor.page
