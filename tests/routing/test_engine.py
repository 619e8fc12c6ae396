"""Driving times, paths and walks: exact, both ways, and refused where no road is."""

import itertools
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from math import inf, nan
from pathlib import Path
from random import Random

import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.area import ABOUT, STREETS, metres
from routing.engine import MAX_SNAP, Engine
from routing.graph import load_graph
from routing.snapping import Spot
from routing.streets import ONE_WAY, Streets
from routing.times import NO_WAY, Place, RoadError, UnreachablePlace

WEST, SOUTH, EAST, NORTH = 24.9352, 60.1642, 24.9534, 60.1790
helsinki_places = st.builds(Place, lat=st.floats(SOUTH, NORTH), lon=st.floats(WEST, EAST))
real_roads = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def random_places(engine: Engine, count: int) -> list[Place]:
    random, (west, south, east, north) = Random(2), engine.bounds
    return [Place(random.uniform(south, north), random.uniform(west, east)) for _ in range(count)]


def dijkstra_with_spots(streets: Streets, spots: list[Spot]) -> nx.MultiDiGraph:
    """Divide every street at the spots on it: the plain graph whose shortest paths the engine must give."""
    graph = nx.MultiDiGraph()
    for s in range(len(streets.tail)):
        on_it = sorted({(spot.along, spot.against) for spot in spots if spot.street == s and not spot.at_node})
        chain: list[tuple[object, int, int]] = [(int(streets.tail[s]), 0, int(streets.backward[s]))]
        chain += [((s, along), along, against) for along, against in on_it]
        chain += [(int(streets.head[s]), int(streets.forward[s]), 0)]
        for (a, along_a, against_a), (b, along_b, against_b) in itertools.pairwise(chain):
            graph.add_edge(a, b, weight=along_b - along_a)
            if streets.backward[s] != ONE_WAY:
                graph.add_edge(b, a, weight=against_a - against_b)
    return graph


def test_between_junctions_equals_plain_dijkstra_on_the_osmnx_graph(engine: Engine, helsinki: Path) -> None:
    graph, random = load_graph(helsinki), Random(1)
    at = {node: Place(data["y"], data["x"]) for node, data in graph.nodes(data=True)}
    for origin in random.sample(list(graph), 20):
        seconds = nx.single_source_dijkstra_path_length(graph, origin, weight="travel_time")
        for destination in random.sample(list(graph), 50):
            assert engine.between(at[origin], at[destination]) == seconds[destination]


def test_between_any_places_equals_plain_dijkstra_on_the_divided_streets(engine: Engine, helsinki: Path) -> None:
    places = [place for place in random_places(engine, 80) if engine.between(place, place) == 0]
    spots = [spot for spot in map(engine._spot, places) if isinstance(spot, Spot)]
    graph = dijkstra_with_spots(Streets.load(helsinki), spots)
    nodes = [spot.node if spot.at_node else (spot.street, spot.along) for spot in spots]
    for k, origin in enumerate(places[:20]):
        seconds = nx.single_source_dijkstra_path_length(graph, nodes[k])
        assert [engine.between(origin, place) for place in places] == [seconds[node] for node in nodes]


@real_roads
@given(a=helsinki_places, b=helsinki_places, c=helsinki_places)
def test_no_way_round_is_faster_than_the_way(engine: Engine, a: Place, b: Place, c: Place) -> None:
    assert engine.between(a, c) <= engine.between(a, b) + engine.between(b, c)


@real_roads
@given(places=st.lists(helsinki_places, min_size=1, max_size=6))
def test_a_table_holds_what_between_says(engine: Engine, places: list[Place]) -> None:
    table = engine.table(places[:3], places)
    assert table.dtype == np.int32
    assert table.tolist() == [[engine.between(a, b) for b in places] for a in places[:3]]


@real_roads
@given(a=helsinki_places, b=helsinki_places)
def test_the_drawn_path_is_the_drive_that_was_timed(engine: Engine, a: Place, b: Place) -> None:
    start, end = engine._spot(a), engine._spot(b)
    if isinstance(start, str) or isinstance(end, str):
        return
    seconds = 0
    for street, share, until in engine._stretches(start, end):
        _, _, forward, backward = engine._roadside.street(street)
        assert share <= until or backward != ONE_WAY
        along = [round(share * forward), round(until * forward)]
        back = [round(second * backward / forward) for second in along]
        seconds += along[1] - along[0] if share <= until else back[0] - back[1]
    line = engine.path(a, b)
    assert seconds == engine.between(a, b)
    assert metres(Place(line[0][1], line[0][0]), engine.snap(a).place) < 1
    assert metres(Place(line[-1][1], line[-1][0]), engine.snap(b).place) < 1


def test_a_one_way_street_is_driven_in_its_direction_only(toytown: Engine) -> None:
    north, south = Place(10.005, 20.005), Place(10.0, 20.005)
    there, back = toytown.between(north, south), toytown.between(south, north)
    assert (there, back) == (83, 248)


def test_on_one_street_a_vehicle_turns_back_only_where_traffic_flows_both_ways(toytown: Engine) -> None:
    up, down = Place(10.004, 20.005), Place(10.001, 20.005)
    left, right = Place(10.005, 20.001), Place(10.005, 20.004)
    assert toytown.between(up, down) == 66 - 17
    assert toytown.between(down, up) == (83 - 66) + 248 + 17
    assert toytown.between(left, right) == toytown.between(right, left)


def test_a_place_is_no_drive_from_itself(engine: Engine) -> None:
    assert engine.between(engine.centre, engine.centre) == 0


def test_the_path_follows_the_streets(toytown: Engine) -> None:
    line = toytown.path(Place(10.0, 20.005), Place(10.005, 20.005))
    assert set(line) > {(20.005, 10.0), (20.005, 10.005)}
    assert len(line) >= 4


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
    assert (snap.place.lat, snap.walk) == (10.005, 111)
    with pytest.raises(UnreachablePlace, match=f"{MAX_SNAP} m"):
        toytown.snap(Place(10.008, 20.0025))


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
    north, south = Place(10.005, 20.005), Place(10.0, 20.005)
    assert toytown.walk(north, [south, north]) == [556, 0]
    assert toytown.walk(south, [north]) == [556]


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
    (copy / STREETS).write_bytes((copy / STREETS).read_bytes()[:5000])
    with pytest.raises(RoadError, match="damaged"):
        Engine.load(copy)


def test_an_area_of_another_format_is_refused(helsinki: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(helsinki, tmp_path / "copy")
    about = json.loads((copy / ABOUT).read_text())
    (copy / ABOUT).write_text(json.dumps({**about, "format": 0}))
    with pytest.raises(RoadError, match="format 0"):
        Engine.load(copy)
