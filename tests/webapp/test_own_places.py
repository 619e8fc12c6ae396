"""People save places under words of their own, for their own eyes and the desk's."""

import pytest
from flask import Flask

from tests.webapp.asking import answer_place, begin, book
from tests.webapp.conftest import SignIn
from tests.webapp.visitor import Visitor
from webapp.db import tables
from webapp.services import booking, places
from webapp.services.errors import Invalid, NotFound
from webapp.town import Town


@pytest.fixture
def rider(sign_in: SignIn) -> Visitor:
    return sign_in("resident")


def user(town: Town, role: str = "resident") -> tables.User:
    with town.store.read() as records:
        found = records.find_user(email=f"{role}@example.org")
    assert found
    return found


def save(visitor: Visitor, text: str, label: str) -> None:
    """Find a place for a new request, and save it under a word."""
    begin(visitor)
    visitor.send("Search", {"text": text})
    visitor.post(visitor.path, {"place": visitor.options("place")[text], "save": "yes"})
    visitor.send("Save this place", {"label": label})


def asked_from(town: Town, label: str, lat: float, lon: float) -> tables.Request:
    """Put aside a request that begins at a point."""
    row = booking.start(town, user(town).id, actor=user(town).id)
    row.origin_label, row.origin_lat, row.origin_lon = label, lat, lon
    return town.store.commit(lambda door: door.put(row))


def test_a_saved_place_is_the_first_choice_and_one_tap_away(rider: Visitor) -> None:
    save(rider, "Liisankatu 29", "Home")
    assert rider.path.endswith("/to")
    begin(rider)
    token = rider.buttons("place")["Home Liisankatu 29"]
    assert next(iter(rider.buttons("place"))) == "Home Liisankatu 29"
    rider.post(rider.path, {"place": token})
    assert rider.path.endswith("/to")
    assert rider.buttons("place") == {}, "nobody travels to where they start"


def test_a_place_of_a_booked_trip_can_be_saved(rider: Visitor) -> None:
    path = book(rider)
    links = [one.get("href", "") for one in rider.tree.iter("a") if one.get("href", "").endswith("/save")]
    rider.get(links[1])
    rider.send("Save this place", {"label": "Hotel"})
    assert rider.path == path
    assert "Save “Liisankatu 29”" in rider.text and "Save “Hotel Kämp”" not in rider.text


def test_no_word_for_a_place_stands_in_an_address_or_on_a_drivers_manifest(rider: Visitor, sign_in: SignIn) -> None:
    save(rider, "Liisankatu 29", "Grandmother")
    rider.get("/trips")
    rider.send("Ask for a trip")
    rider.post(rider.path, {"place": rider.buttons("place")["Grandmother Liisankatu 29"]})
    answer_place(rider, "Hotel Kämp")
    rider.send("Continue", {"day": "today", "how": "depart", "time": "7:50"})
    rider.send("Show free seats", {"people": "1", "wheelchairs": "0", "max_walk": "300"})
    rider.send("Choose this ride")
    rider.send("Book this trip")
    assert "Grandmother" not in rider.path
    driver = sign_in("driver")
    page = driver.get("/drive/bus-23")
    assert "Resident Testi" in page and "Grandmother" not in page


def test_a_saved_place_is_renamed_and_removed_and_doing_so_again_changes_nothing(rider: Visitor, town: Town) -> None:
    save(rider, "Liisankatu 29", "Home")
    (one,) = places.list_saved(town, user(town).id)
    rider.get("/places")
    for _ in range(2):
        rider.post(f"/places/{one.id}/rename", {f"label-{one.id}": "Old home"})
        assert "Old home" in rider.text
    for _ in range(2):
        rider.post(f"/places/{one.id}/remove")
        assert "No places yet" in rider.text


def test_a_place_of_somebody_else_is_not_there(rider: Visitor, sign_in: SignIn, town: Town) -> None:
    save(rider, "Liisankatu 29", "Home")
    (one,) = places.list_saved(town, user(town).id)
    for role in ("neighbour", "driver", "dispatcher", "town"):
        other = sign_in(role)
        other.get("/login")
        other.post(f"/places/{one.id}/rename", {f"label-{one.id}": "Mine"}, status=404)
        other.post(f"/places/{one.id}/remove", status=404)
        assert "Liisankatu 29" not in other.get("/places", status=200 if role == "neighbour" else 404)
    assert [(one.label, one.id) for one in places.list_saved(town, user(town).id)] == [("Home", one.id)]


def test_a_strangers_request_gives_nothing_to_save(rider: Visitor, sign_in: SignIn) -> None:
    begin(rider)
    other = sign_in("neighbour")
    other.get("/trips")
    other.get(f"{rider.path}/save", status=404)
    other.post(f"{rider.path}/save", {"label": "Theirs"}, status=404)
    other.post(f"{rider.path}/suggestions", {"text": "kamp"}, status=404)


def test_the_desk_saves_places_for_its_caller_alone(sign_in: SignIn, town: Town) -> None:
    desk = sign_in("desk")
    desk.post("/desk/act-for", {"user": user(town).id})
    save(desk, "Liisankatu 29", "Home")
    desk.get("/places")
    assert "Places of Resident Testi" in desk.text and "Home" in desk.text
    (one,) = places.list_saved(town, user(town).id)
    desk.post("/desk/act-for", {"user": user(town, "neighbour").id})
    desk.post(f"/places/{one.id}/remove", status=404)
    assert "Home" not in desk.get("/places")


def test_saving_a_place_again_by_its_word_changes_nothing(town: Town) -> None:
    row = asked_from(town, "Liisankatu 29", 60.17, 24.95)
    first = places.save(town, row, "origin", "Home")
    assert places.save(town, row, "origin", " home ").id == first.id
    assert len(places.list_saved(town, user(town).id)) == 1


def test_a_word_names_one_place(town: Town) -> None:
    places.save(town, asked_from(town, "Liisankatu 29", 60.17, 24.95), "origin", "Home")
    other = places.save(town, asked_from(town, "Hotel Kämp", 60.168, 24.947), "origin", "Hotel")
    with pytest.raises(Invalid, match="label taken"):
        places.save(town, asked_from(town, "Oodi", 60.174, 24.938), "origin", "HOME")
    with pytest.raises(Invalid, match="label taken"):
        places.rename(town, other.id, user(town).id, "home")


@pytest.mark.parametrize("label", ["", "   ", "x" * 41])
def test_a_word_has_1_to_40_letters(town: Town, label: str) -> None:
    with pytest.raises(Invalid, match="label"):
        places.save(town, asked_from(town, "Liisankatu 29", 60.17, 24.95), "origin", label)


def test_nobody_saves_more_than_20_places(town: Town) -> None:
    for n in range(places.MOST_SAVED):
        places.save(town, asked_from(town, "Somewhere", 60.17 + n / 1e4, 24.95), "origin", f"Place {n}")
    with pytest.raises(Invalid, match="many places"):
        places.save(town, asked_from(town, "One more", 60.18, 24.95), "origin", "One more")


def test_a_word_that_is_refused_is_explained_beside_its_field(rider: Visitor, town: Town) -> None:
    save(rider, "Liisankatu 29", "Home")
    (one,) = places.list_saved(town, user(town).id)
    rider.get("/places")
    rider.post(f"/places/{one.id}/rename", {f"label-{one.id}": ""}, status=422)
    assert "Write what you call this place" in rider.error(f"label-{one.id}")
    with pytest.raises(NotFound):
        places.rename(town, "nothing", user(town).id, "Home")


def test_suggestions_come_in_the_body_and_are_kept_nowhere(rider: Visitor, site: Flask) -> None:
    begin(rider)
    sent = {"text": "hotel kä", "csrf_token": rider.token}
    answer = rider.browser.post(f"{rider.path}/suggestions", data=sent)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json and "Hotel Kämp" in [one["name"] for one in answer.json["options"]]
    assert answer.json["count"].endswith("found")
    assert rider.browser.post(f"{rider.path}/suggestions", data={"text": "hotel"}).status_code == 400, "no token"
