"""Driving times, paths and walks: exact, both ways, and refused where no road is."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from math import inf, nan
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from routing.area import ABOUT, ROADS, metres
from routing.drives import Spot
from routing.engine import MAX_SNAP, Engine
from routing.graph import prepare
from routing.network import Network
from routing.snapping import KERB
from routing.times import NO_WAY, Place, Places, RoadError, UnreachablePlace
from tests.routing.conftest import STREET, Ways, WriteOsm
from tests.routing.test_drives import plain_drive

WEST, SOUTH, EAST, NORTH = 24.9352, 60.1642, 24.9534, 60.1790
helsinki_places = st.builds(Place, lat=st.floats(SOUTH, NORTH), lon=st.floats(WEST, EAST))
real_roads = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def random_places(engine: Engine, count: int) -> list[Place]:
    random, (west, south, east, north) = Random(2), engine.bounds
    return [Place(random.uniform(south, north), random.uniform(west, east)) for _ in range(count)]


def is_private(engine: Engine, place: Place) -> bool:
    spot = engine._spot(place)
    return isinstance(spot, Spot) and bool(engine._streets.private[spot.street])


def test_every_drive_equals_a_plain_search_over_arcs_and_turns(engine: Engine, helsinki: Path) -> None:
    turns = Network.load(helsinki).turns
    places = [place for place in random_places(engine, 40) if engine.between(place, place) == 0]
    spots = [spot for spot in map(engine._spot, places) if isinstance(spot, Spot)]
    for place, start in list(zip(places, spots, strict=True))[:15]:
        plain = [plain_drive(turns, start, end) for end in spots]
        assert engine.table([place], places)[0].tolist() == [-(-tenths // 10) for tenths in plain]


@real_roads
@given(a=helsinki_places, b=helsinki_places, c=helsinki_places)
def test_no_way_round_is_faster_than_the_way(engine: Engine, a: Place, b: Place, c: Place) -> None:
    """Private yards are left out: only who stops there may drive through."""
    assume(not is_private(engine, b))
    assert engine.between(a, c) <= engine.between(a, b) + engine.between(b, c)


@real_roads
@given(places=st.lists(helsinki_places, min_size=1, max_size=6))
def test_a_table_holds_what_between_says(engine: Engine, places: list[Place]) -> None:
    table = engine.table(places[:3], places)
    assert table.dtype == np.int32
    assert table.tolist() == [[engine.between(a, b) for b in places] for a in places[:3]]


@real_roads
@given(a=helsinki_places, b=helsinki_places)
def test_the_drawn_path_leads_from_kerb_to_kerb(engine: Engine, a: Place, b: Place) -> None:
    start, end = engine._spot(a), engine._spot(b)
    if isinstance(start, str) or isinstance(end, str):
        return
    line = engine.path(a, b)
    assert metres(Place(line[0][1], line[0][0]), engine.snap(a).place) < KERB[0] + 1
    assert metres(Place(line[-1][1], line[-1][0]), engine.snap(b).place) < KERB[0] + 1


def test_a_one_way_street_is_driven_in_its_direction_only(toytown: Engine) -> None:
    north, south = Place(10.0045, 20.005), Place(10.0005, 20.005)
    assert (toytown.between(north, south), toytown.between(south, north)) == (67, 269)


def test_a_two_way_street_is_served_on_the_side_of_the_place(toytown: Engine) -> None:
    """Traffic keeps right: along the northern side it drives west, and who just missed a door goes round the ring."""
    west, east = Place(10.00502, 20.001), Place(10.00502, 20.004)
    assert (toytown.between(east, west), toytown.between(west, east)) == (50, 447)
    west, east = Place(10.00498, 20.001), Place(10.00498, 20.004)
    assert (toytown.between(west, east), toytown.between(east, west)) == (50, 286)


def test_nobody_turns_round_in_the_middle_of_a_street(toytown: Engine) -> None:
    south_side, north_side = Place(10.00498, 20.0025), Place(10.00502, 20.0025)
    assert toytown.between(south_side, north_side) > 300


def test_a_place_is_no_drive_from_itself(engine: Engine) -> None:
    assert engine.between(engine.centre, engine.centre) == 0


def test_the_path_follows_the_streets(toytown: Engine) -> None:
    line = toytown.path(Place(10.0, 20.005), Place(10.005, 20.005))
    assert set(map(tuple, line.tolist())) > {(20.005, 10.0), (20.005, 10.005)}
    assert len(line) >= 4


def test_a_run_is_drawn_leg_by_leg_and_left_out_where_no_road_leads(toytown: Engine) -> None:
    nowhere, here, there = Place(0, 0), Place(10.0, 20.004), Place(10.005, 20.006)
    drawn = toytown.paths([here, there, nowhere, here, there])
    assert [len(leg) > 0 for leg in drawn] == [True, False, False, True]
    np.testing.assert_array_equal(drawn[0], toytown.path(here, there))
    assert toytown.paths([here]) == toytown.paths([]) == []


def test_few_against_the_same_many_is_what_a_table_says(engine: Engine) -> None:
    few = [*random_places(engine, 3), Place(0, 0)]
    many = Places((*random_places(engine, 30), *few))
    for _ in range(2):
        assert engine.table(few, many).tolist() == [[engine.between(a, b) for b in many] for a in few]
        assert engine.table(many, few).tolist() == [[engine.between(a, b) for b in few] for a in many]
    assert engine.table(few, Places((Place(0, 0),) * 20)).tolist() == [[NO_WAY] * 20] * 4


def test_the_path_from_a_place_to_itself_is_still_a_line(engine: Engine) -> None:
    assert len(engine.path(engine.centre, engine.centre)) == 2


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (Place(60.1710, 24.80), "from the nearest road"),
        (Place(24.944, 60.171), "swapped"),
        (Place(0, 0), "missing"),
        (Place(nan, 24.9), "numbers"),
        (Place(60.17, inf), "numbers"),
        (Place(160.17, 24.9), "90 degrees"),
    ],
)
def test_a_place_without_a_road_is_refused_and_never_timed(engine: Engine, place: Place, reason: str) -> None:
    with pytest.raises(UnreachablePlace, match=reason):
        engine.snap(place)
    with pytest.raises(UnreachablePlace, match=reason):
        engine.path(engine.centre, place)
    assert engine.between(engine.centre, place) == engine.between(place, engine.centre) == NO_WAY
    assert engine.table([place], [engine.centre, place]).tolist() == [[NO_WAY, NO_WAY]]
    assert engine.walk(engine.centre, [place]) == engine.walk(place, [engine.centre]) == [NO_WAY]


def test_a_place_beside_the_road_is_walked_to(toytown: Engine) -> None:
    snap = toytown.snap(Place(10.006, 20.0025))
    assert (snap.place.lat, snap.walk) == (10.005018, 109)
    with pytest.raises(UnreachablePlace, match=f"{MAX_SNAP} m"):
        toytown.snap(Place(10.008, 20.0025))


@pytest.mark.parametrize("tags", [{"highway": "motorway", "oneway": "no"}, {**STREET, "tunnel": "yes"}])
def test_nobody_boards_on_a_motorway_or_below_the_ground(
    write_osm: WriteOsm, tmp_path: Path, tags: dict[str, str]
) -> None:
    nodes = {1: (10.0, 20.0), 2: (10.0, 20.01), 3: (10.001, 20.0), 4: (10.001, 20.01)}
    ways: Ways = [((1, 3, 4, 2), STREET), ((1, 2), tags)]
    prepare("x", str(write_osm(nodes, ways)), tmp_path / "x")
    engine, beside = Engine.load(tmp_path / "x"), Place(10.0001, 20.005)
    assert engine.snap(beside).walk == pytest.approx(100, abs=10)
    ways = [((1, 3, 4, 2), STREET), ((1, 2), STREET)]
    prepare("y", str(write_osm(nodes, ways)), tmp_path / "y")
    assert Engine.load(tmp_path / "y").snap(beside).walk == pytest.approx(11, abs=5)


def test_an_area_of_motorways_alone_serves_nobody(write_osm: WriteOsm, tmp_path: Path) -> None:
    nodes = {1: (10.0, 20.0), 2: (10.0, 20.01), 3: (10.001, 20.0)}
    prepare("x", str(write_osm(nodes, [((1, 2, 3, 1), {"highway": "motorway"})])), tmp_path / "x")
    with pytest.raises(UnreachablePlace, match="No road of this area lets a vehicle stop"):
        Engine.load(tmp_path / "x").snap(Place(10.0, 20.005))


@real_roads
@given(place=helsinki_places)
def test_a_snapped_place_stays_where_it_is(engine: Engine, place: Place) -> None:
    if engine.between(place, place) == 0:
        snapped = engine.snap(place).place
        assert metres(engine.snap(snapped).place, snapped) < 1


@real_roads
@given(origin=helsinki_places, places=st.lists(helsinki_places, max_size=4))
def test_a_walk_is_never_shorter_than_the_straight_line(engine: Engine, origin: Place, places: list[Place]) -> None:
    for place, walk in zip(places, engine.walk(origin, places), strict=True):
        assert walk >= metres(origin, place)


def test_a_walk_goes_against_one_way_streets(toytown: Engine) -> None:
    north, south = Place(10.0045, 20.005), Place(10.0005, 20.005)
    assert toytown.walk(north, [south, north]) == [445, 0]
    assert toytown.walk(south, [north]) == [445]


def test_threads_get_the_same_answers(engine: Engine, helsinki: Path) -> None:
    places, shared = random_places(engine, 40), Engine.load(helsinki)
    with ThreadPoolExecutor(16) as pool:
        tables = list(pool.map(lambda _: shared.table(places, places).tolist(), range(32)))
    assert all(table == engine.table(places, places).tolist() for table in tables)


def test_loading_an_area_needs_no_osmnx(helsinki: Path) -> None:
    script = (
        "import sys, pathlib; from routing.engine import Engine; from routing.places import PlaceIndex\n"
        "folder = pathlib.Path(sys.argv[1]); Engine.load(folder); PlaceIndex.load(folder)\n"
        "print(*{'osmnx', 'networkx', 'geopandas', 'pandas', 'osmium', 'pyogrio'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", script, str(helsinki)], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""


def test_a_missing_or_damaged_area_is_refused(helsinki: Path, tmp_path: Path) -> None:
    with pytest.raises(RoadError, match="noriai area add"):
        Engine.load(tmp_path / "nowhere")
    copy = shutil.copytree(helsinki, tmp_path / "copy")
    (copy / ROADS).write_bytes((copy / ROADS).read_bytes()[:5000])
    with pytest.raises(RoadError, match="cut off"):
        Engine.load(copy)


def test_an_area_of_another_format_is_refused(helsinki: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(helsinki, tmp_path / "copy")
    about = json.loads((copy / ABOUT).read_text())
    (copy / ABOUT).write_text(json.dumps({**about, "format": 0}))
    with pytest.raises(RoadError, match="format 0"):
        Engine.load(copy)
