"""Several areas in one service: each place is served in its own, and no drive is made up between two."""

from pathlib import Path

import numpy as np
import pytest

from routing.atlas import Atlas, open_areas
from routing.engine import Engine
from routing.graph import prepare
from routing.places import PlaceIndex
from routing.times import NO_WAY, Place, RoadError, UnreachablePlace
from routing.ways import VAN, Rules
from tests.routing.test_union import BLOCK, COLUMNS, EAST, TOWN, WEST, Inside, corners, moved

NEAR, FAR = ("near", corners(4, 10)), ("far", [Place(one.lat, round(one.lon + 0.5, 6)) for one in corners(4, 10)])
HERE, THERE = NEAR[1], FAR[1]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Prepare two valleys: in the second traffic keeps left."""
    home = tmp_path_factory.mktemp("areas")
    for name, town, country in (("near", TOWN, "FI"), ("far", moved(TOWN, 0.5, 0), "JP")):
        prepare(name, town.write(home / f"{name}.osm"), home / name, rules=Rules(VAN, country))
    return [home / "near", home / "far"]


@pytest.fixture(scope="module")
def atlas(folders: list[Path]) -> Atlas:
    opened = open_areas(folders)
    assert isinstance(opened, Atlas)
    return opened


def test_one_area_alone_is_served_by_its_engine(folders: list[Path]) -> None:
    assert type(open_areas(folders[:1])) is Engine


def test_each_area_answers_as_it_does_alone(atlas: Atlas, folders: list[Path]) -> None:
    for folder, places in zip(folders, (HERE, THERE), strict=True):
        alone = Engine.load(folder)
        assert np.array_equal(atlas.table(places, places), alone.table(places, places))
        assert atlas.walk(places[0], places) == alone.walk(places[0], places)
        assert [atlas.snap(place) for place in places] == [alone.snap(place) for place in places]
        assert np.array_equal(atlas.path(*places[:2]), alone.path(*places[:2]))
        assert atlas.between(*places[:2]) == alone.between(*places[:2]) < NO_WAY


def test_no_road_leads_from_one_area_to_another(atlas: Atlas) -> None:
    both = [*HERE, *THERE]
    table, n = atlas.table(both, both), len(HERE)
    assert (table[:n, n:] == NO_WAY).all()
    assert (table[n:, :n] == NO_WAY).all()
    assert (table[:n, :n] < NO_WAY).all()
    assert (table[n:, n:] < NO_WAY).all()
    assert atlas.between(HERE[0], THERE[0]) == NO_WAY
    assert atlas.walk(HERE[0], THERE) == [NO_WAY] * n
    with pytest.raises(UnreachablePlace, match="prepared apart"):
        atlas.path(HERE[0], THERE[0])


def test_traffic_keeps_to_the_side_of_each_areas_country(atlas: Atlas) -> None:
    east_of_the_street = 0.00002
    here = atlas.snap(Place(10 + 0.5 * BLOCK, 20 + 2 * BLOCK + east_of_the_street)).place
    there = atlas.snap(Place(10 + 0.5 * BLOCK, 20.5 + 2 * BLOCK + east_of_the_street)).place
    assert atlas.between(here, Place(10 + 0.9 * BLOCK, here.lon)) < atlas.between(here, Place(10.0002, here.lon))
    assert atlas.between(there, Place(10.0002, there.lon)) < atlas.between(there, Place(10 + 0.9 * BLOCK, there.lon))


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (Place(10.1, 20.0), "nearest road"),
        (Place(20.01, 10.01), "swapped"),
        (Place(20.51, 10.01), "swapped"),
        (Place(float("nan"), 20.0), "must be numbers"),
        (Place(0.0, 0.0), "missing"),
        (Place(95.0, 20.0), "no place on Earth"),
    ],
)
def test_a_place_without_a_road_is_told_why_by_the_area_that_it_was_meant_for(
    atlas: Atlas, place: Place, why: str
) -> None:
    for ask in (lambda: atlas.snap(place), lambda: atlas.path(HERE[0], place), lambda: atlas.path(place, HERE[0])):
        with pytest.raises(UnreachablePlace, match=why):
            ask()
    assert atlas.between(HERE[0], place) == atlas.between(place, HERE[0]) == NO_WAY
    assert atlas.table([place], [HERE[0], place, THERE[0]]).tolist() == [[NO_WAY] * 3]
    assert atlas.walk(place, HERE[:2]) == [NO_WAY] * 2


def test_every_place_of_an_area_is_let_in_by_the_screen(folders: list[Path], atlas: Atlas) -> None:
    """Around the border of an area, a place is served just when the area itself serves it."""
    alone = Engine.load(folders[0])
    west, south, _, north = alone.bounds
    for metres in range(0, 300, 10):
        away = metres / 111_195
        for place in (Place(south - away, west), Place(north + away, west), Place(south, west - away)):
            assert (atlas.between(place, HERE[0]) < NO_WAY) == alone.serves(place)


def test_a_drive_that_begins_where_areas_overlap_ends_in_either(tmp_path: Path) -> None:
    def half(name: str, inside: Inside) -> Path:
        prepare(name, TOWN.cut(inside, "clipped").write(tmp_path / f"{name}.osm"), tmp_path / name)
        return tmp_path / name

    folders = [half("west", WEST), half("east", EAST)]
    atlas, (west, east) = open_areas(folders), (Engine.load(folder) for folder in folders)
    overlap, far_west, far_east = (Place(10.0001, round(20 + k * BLOCK, 6)) for k in (3.5, 0.5, COLUMNS - 1.5))
    assert atlas.between(overlap, far_west) == west.between(overlap, far_west) < NO_WAY
    assert atlas.between(overlap, far_east) == east.between(overlap, far_east) < NO_WAY
    assert atlas.between(far_west, far_east) == NO_WAY
    places = [overlap, far_west, far_east]
    assert atlas.table(places, places)[0].max() < NO_WAY
    assert np.array_equal(atlas.path(overlap, far_east), east.path(overlap, far_east))
    library = [one for one in PlaceIndex.load(*folders).search("Border Library") if one.name == "Border Library"]
    assert len(library) == 1


def test_names_of_every_area_are_found(folders: list[Path]) -> None:
    index = PlaceIndex.load(*folders)
    assert len([one for one in index.search("West School") if one.name == "West School"]) == 2


def test_an_area_that_is_missing_is_named(folders: list[Path]) -> None:
    with pytest.raises(RoadError, match="noriai area add elsewhere"):
        open_areas([folders[0], folders[0].parent / "elsewhere"])
    with pytest.raises(RoadError, match="No area is named"):
        open_areas([])
