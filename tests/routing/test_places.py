"""Finding places by the words that people use, and naming points."""

from pathlib import Path

import pytest

from routing.engine import Engine
from routing.places import ADDRESS, STREET, Entry, PlaceIndex, fold, meeting_points, merged
from routing.times import Place, RoadError


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("Ateneum", "Ateneum", "museum"),
        ("hotel kamp", "Hotel Kämp", "hotel"),
        ("ressun luk", "Ressun lukio", "school"),
        ("kirjasto oodi", "Helsingin keskustakirjasto Oodi", "library"),
        ("Rautatientori", "Rautatientori", "bus station"),
        ("Järnvägstorget", "Rautatientori", "bus station"),
        ("Mannerheimvägen", "Mannerheimintie", STREET),
        ("MANNERHEIMINTIE 1", "Mannerheimintie 1", ADDRESS),
        ("Vuorikatu 14", "Vuorikatu 14", ADDRESS),
        ("vuorikatu 14 B 3", "Vuorikatu 14", ADDRESS),
        ("Ｖｕｏｒｉｋａｔｕ　１４", "Vuorikatu 14", ADDRESS),
    ],
)
def test_people_find_places_in_their_own_words(names: PlaceIndex, text: str, name: str, kind: str) -> None:
    first = names.search(text)[0]
    assert (first.name, first.kind) == (name, kind)


@pytest.mark.parametrize("text", ["", "  ", "-", "Xyzzy", "Ateneum Xyzzy"])
def test_words_that_name_nothing_find_nothing(names: PlaceIndex, text: str) -> None:
    assert names.search(text) == []


def test_a_search_keeps_to_its_limit(names: PlaceIndex) -> None:
    assert len(names.search("katu", limit=3)) <= len(names.search("m")) == 8


def test_every_found_place_lies_in_the_area(names: PlaceIndex, engine: Engine) -> None:
    west, south, east, north = engine.bounds
    for found in names.search("mannerheimintie", limit=50):
        assert south - 0.01 < found.place.lat < north + 0.01
        assert west - 0.01 < found.place.lon < east + 0.01


def test_a_point_is_named_by_what_stands_there(names: PlaceIndex) -> None:
    school = names.search("Ressun lukio")[0]
    assert names.describe(school.place) == "Ressun lukio"


def test_a_point_far_from_everything_is_named_by_its_coordinates(names: PlaceIndex) -> None:
    assert names.describe(Place(60.25, 24.5)) == "60.25000, 24.50000"


def test_folding_forgets_accents_but_not_japanese_sounds() -> None:
    assert fold("Töölönlahdenkatu 3–B") == "toolonlahdenkatu 3 b"
    assert fold("ｶﾞｯｺｳ") == fold("ガッコウ") != fold("カッコウ")


def test_japanese_words_are_found_inside_a_name() -> None:
    index = PlaceIndex([Entry("名古屋中央病院", "hospital", Place(35.17, 136.9))])
    assert [found.name for found in index.search("中央 病院")] == ["名古屋中央病院"]


def test_one_thing_is_listed_once() -> None:
    here, across, elsewhere = Place(60.17, 24.94), Place(60.1701, 24.9402), Place(60.18, 24.94)
    stops = [Entry("Tori", "bus stop", place) for place in (here, across, elsewhere)]
    kept = [entry.place for entry in merged(stops)]
    assert len(kept) == 2
    assert elsewhere in kept


def test_an_area_without_names_can_be_searched() -> None:
    nothing = PlaceIndex([])
    assert nothing.search("school") == []
    assert nothing.describe(Place(1, 2)) == "1.00000, 2.00000"


def test_missing_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RoadError, match="Prepare the area again"):
        PlaceIndex.load(tmp_path)


def test_meeting_points_are_within_the_walk_nearest_first(names: PlaceIndex, engine: Engine) -> None:
    origin = names.search("Vuorikatu 14")[0].place
    stops = [found.place for found in names.search("rautatientori", limit=50)]
    found = meeting_points(engine, origin, [*stops, origin, Place(61, 25)], 800)
    assert found[0] == (origin, 0)
    assert [walk for _, walk in found] == sorted(walk for _, walk in found)
    assert all(walk <= 800 for _, walk in found)
    assert len(found) > 1
