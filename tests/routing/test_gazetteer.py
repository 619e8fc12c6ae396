"""What an extract says of names and addresses becomes what people call them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from routing.gazetteer import named_things
from routing.naming import ADDRESS
from routing.places import PlaceIndex
from routing.times import Place, RoadError
from tests.routing.conftest import STREET, WriteOsm

HERE = (35.17, 136.9)
OLD_TOWN = {"boundary": "administrative", "type": "boundary", "name": "Old Town"}


def addresses(write_osm: WriteOsm, tags: Mapping[str, str]) -> list[tuple[str, tuple[str, ...]]]:
    path = write_osm({1: HERE}, (), tags={1: tags})
    return [(entry.name, entry.aliases) for entry in named_things(path) if entry.kind == ADDRESS]


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ({"addr:quarter": "錦", "addr:neighbourhood": "3丁目", "addr:block_number": "24", "addr:housenumber": "4"},
         "錦3丁目 24-4"),
        ({"addr:quarter": "栄", "addr:neighbourhood": "４丁目", "addr:block_number": "３番",
          "addr:housenumber": "２６号"},
         "栄4丁目 3-26"),
        ({"addr:quarter": "栄", "addr:neighbourhood": "栄三丁目", "addr:block_number": "5", "addr:housenumber": "5-12"},
         "栄三丁目 5-12"),
        ({"addr:neighbourhood": "本町一丁目", "addr:block_number": "7"}, "本町一丁目 7"),
        ({"addr:quarter": "大字中", "addr:housenumber": "123-4"}, "大字中 123-4"),
        ({"addr:street": "広小路通り", "addr:housenumber": "錦3-7-23"}, "錦3-7-23"),
        ({"addr:street": "Annankatu", "addr:housenumber": "29 B"}, "Annankatu 29 B"),
        ({"addr:place": "Isosaari", "addr:housenumber": "4"}, "Isosaari 4"),
        ({"addr:street": "중앙로", "addr:housenumber": "12-3"}, "중앙로 12-3"),
    ],
)  # fmt: skip
def test_an_address_is_what_people_say(write_osm: WriteOsm, tags: Mapping[str, str], name: str) -> None:
    assert addresses(write_osm, tags) == [(name, ())]


@pytest.mark.parametrize(
    ("whole", "name"),
    [
        ("愛知県名古屋市中区栄3-4-15", "栄3-4-15"),
        ("愛知県名古屋市中区錦3丁目24番2号　鶴重ビル１階", "錦3丁目24番2号"),
        ("三重県四日市市諏訪町1-5", "諏訪町1-5"),
        ("東京都千代田区丸の内1-9-1", "丸の内1-9-1"),
        ("名古屋市中区栄4-1-8", "栄4-1-8"),
    ],
)
def test_an_address_written_out_is_known_with_and_without_its_town(write_osm: WriteOsm, whole: str, name: str) -> None:
    ((found, aliases),) = addresses(write_osm, {"addr:full": whole})
    assert (found, [name in alias for alias in aliases]) == (name, [True])


@pytest.mark.parametrize(
    "tags", [{"addr:housenumber": "4"}, {"addr:full": "behind the church"}, {"addr:quarter": "錦"}]
)
def test_half_an_address_is_none(write_osm: WriteOsm, tags: Mapping[str, str]) -> None:
    assert addresses(write_osm, tags) == []


@pytest.mark.parametrize(
    "typed", ["錦三丁目24-4", "錦3-24-4", "錦３丁目２４番４号", "名古屋市中区錦3-24-4", "錦三丁目24番4"]
)
def test_a_japanese_address_of_parts_is_found_in_all_its_written_forms(write_osm: WriteOsm, typed: str) -> None:
    parts = {"addr:quarter": "錦", "addr:neighbourhood": "3丁目", "addr:block_number": "24", "addr:housenumber": "4"}
    index = PlaceIndex(named_things(write_osm({1: HERE}, (), tags={1: parts})))
    assert [(hit.name, hit.sure) for hit in index.search(typed)][:1] == [("錦3丁目 24-4", True)]


def test_a_place_is_called_as_the_street_signs_of_its_area_are_written(write_osm: WriteOsm) -> None:
    nodes = {1: (60.0, 25.0), 2: (60.001, 25.0), 3: (60.0005, 25.0002), 4: (60.0006, 25.0002)}
    street = {**STREET, "name": "Annankatu", "name:sv": "Annegatan", "name:fi": "Annankatu"}
    house = {"addr:street": "Annankatu", "addr:housenumber": "29 B"}
    library = {"amenity": "library", "name": "Kirjasto", "name:sv": "Biblioteket", "name:en": "Library"}
    index = PlaceIndex(named_things(write_osm(nodes, [((1, 2), street)], tags={3: house, 4: library})))
    calls = [("Annankatu 29 B", "sv"), ("Annankatu", "sv"), ("Kirjasto", "sv"), ("Kirjasto", "en"), ("Kirjasto", "fi")]
    called = [index.called(name, Place(*nodes[3]), language) for name, language in calls]
    assert called == ["Annegatan 29 B", "Annegatan", "Biblioteket", "Kirjasto", "Kirjasto"]
    assert index.called("Kirjasto", Place(61.0, 25.0), "sv") == "Kirjasto", "another of that name, elsewhere"


def test_a_house_with_a_stair_has_its_streets_other_names(write_osm: WriteOsm) -> None:
    nodes = {1: (60.0, 25.0), 2: (60.001, 25.0), 3: (60.0005, 25.0002)}
    street = {**STREET, "name": "Annankatu", "name:sv": "Annegatan"}
    house = {"addr:street": "Annankatu", "addr:housenumber": "29 B"}
    (found,) = [
        one for one in named_things(write_osm(nodes, [((1, 2), street)], tags={3: house})) if one.kind == ADDRESS
    ]
    assert found.aliases == ("Annegatan 29 B",)


@pytest.mark.parametrize(("level", "kinds"), [("8", ["district"]), ("4", []), ("about 8", [])])
def test_a_district_is_a_place_to_go_to_and_a_province_is_none(
    write_osm: WriteOsm, level: str, kinds: list[str]
) -> None:
    corners = {1: (60.0, 25.0), 2: (60.0, 25.01), 3: (60.01, 25.01)}
    ring = [((1, 2, 3, 1), {"boundary": "administrative"})]
    relation = [((("way", "outer", 1),), {**OLD_TOWN, "admin_level": level})]
    assert [entry.kind for entry in named_things(write_osm(corners, ring, relation))] == kinds


def test_a_town_with_a_centre_is_not_listed_twice(write_osm: WriteOsm) -> None:
    corners = {1: (60.0, 25.0), 2: (60.0, 25.01), 3: (60.01, 25.01), 4: (60.002, 25.006)}
    ring = [((1, 2, 3, 1), {"boundary": "administrative"})]
    relation = [((("way", "outer", 1),), {**OLD_TOWN, "admin_level": "8"})]
    path = write_osm(corners, ring, relation, tags={4: {"place": "town", "name": "Old Town"}})
    assert [entry.kind for entry in named_things(path)] == ["town"]


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.osm.pbf").write_bytes(b"PK\x03\x04")
    with pytest.raises(RoadError, match=r"x\.osm\.pbf cannot be read as OpenStreetMap data"):
        named_things(tmp_path / "x.osm.pbf")
