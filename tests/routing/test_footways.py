"""Walks: along footways, over nothing that stops people, and without a step when asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from routing.area import metres
from routing.engine import MAX_WALK, Engine
from routing.footways import Footpath, Footways
from routing.graph import prepare
from routing.pavements import read_footways
from routing.places import meeting_points
from routing.times import NO_WAY, Place, RoadError
from routing.walking import is_step, is_step_free, lets_pass, may_walk
from routing.walks import MARGIN, MAX_ASIDE, WalkSearch
from tests.routing.conftest import STREET, WriteOsm

FOOTWAY = {"highway": "footway"}
STEPS = {"highway": "steps"}
LATITUDE = 111.195
"""Metres of a thousandth of a degree of latitude."""

# 1 ------- 2 ------- 3     Two streets of 556 m each, 222 m apart, joined by streets at both ends; from 2 to 5 it is
# |         :         |     what a test says, and that is all the tests differ in.
# 4 ------- 5 ------- 6
LADDER = {
    1: (0.002, 20.000), 2: (0.002, 20.005), 3: (0.002, 20.010),
    4: (0.000, 20.000), 5: (0.000, 20.005), 6: (0.000, 20.010), 7: (0.001, 20.005),
}  # fmt: skip
STREETS = [((1, 2, 3), STREET), ((4, 5, 6), STREET), ((1, 4), STREET), ((3, 6), STREET)]
NORTH, SOUTH = Place(0.002, 20.005), Place(0.0, 20.005)
SHORT, ROUND = 223, 1335


@pytest.fixture
def rungs(write_osm: WriteOsm) -> Any:
    """Walk from 2 to 5 over what is drawn between them (2 - 7 - 5), by the tags of the way and of the node 7."""

    def walk(way: Mapping[str, str], node: Mapping[str, str] | None = None, *, step_free: bool = False) -> int:
        path = write_osm(LADDER, [*STREETS, ((2, 7, 5), way)], tags={7: node or {}})
        search = WalkSearch(read_footways(path))
        there, back = search.walk(NORTH, [SOUTH], step_free=step_free), search.walk(SOUTH, [NORTH], step_free=step_free)
        assert there == back or "conveying" in way
        return there[0]

    return walk


def test_people_walk_where_nobody_drives(rungs: Any) -> None:
    assert rungs(FOOTWAY) == rungs({"highway": "path"}) == rungs({"highway": "pedestrian"}) == SHORT
    assert rungs({"highway": "construction"}) == ROUND


def test_steps_are_avoided_only_when_asked(rungs: Any) -> None:
    assert rungs(STEPS) == SHORT
    assert rungs(STEPS, step_free=True) == ROUND
    assert rungs({**STEPS, "ramp:wheelchair": "yes"}, step_free=True) == SHORT
    assert rungs(FOOTWAY, step_free=True) == SHORT, "negative control: without steps nothing is avoided"


@pytest.mark.parametrize(
    "said",
    [
        {"wheelchair": "no"}, {"incline": "12%"}, {"incline": "-10 %"}, {"incline": "6°"}, {"smoothness": "very_bad"},
        {"surface": "sand"},
    ],
)  # fmt: skip
def test_what_no_wheelchair_can_use_is_not_step_free(rungs: Any, said: dict[str, str]) -> None:
    assert rungs(FOOTWAY | said) == SHORT
    assert rungs(FOOTWAY | said, step_free=True) == ROUND


@pytest.mark.parametrize(
    ("way", "walked"),
    [
        ({"highway": "footway", "foot": "no"}, False),
        ({"highway": "footway", "foot": "private"}, False),
        ({"highway": "residential", "foot": "use_sidepath"}, False),
        ({"highway": "service", "access": "private"}, False),
        ({"highway": "service", "access": "no", "foot": "yes"}, True),
        ({"highway": "cycleway"}, False),
        ({"highway": "cycleway", "foot": "designated"}, True),
        ({"highway": "bridleway", "foot": "yes"}, True),
        ({"highway": "motorway"}, False),
        ({"highway": "trunk"}, False),
        ({"highway": "trunk", "sidewalk": "both"}, True),
        ({"highway": "trunk", "foot": "yes"}, True),
        ({"railway": "platform"}, True),
        ({"route": "ferry"}, False),
        ({"route": "ferry", "foot": "yes"}, True),
        ({"highway": "path", "sac_scale": "hiking"}, False),
        ({"highway": "residential", "oneway": "yes"}, True),
        ({"railway": "rail"}, False),
    ],
)
def test_tags_say_who_may_walk(way: dict[str, str], walked: bool) -> None:
    assert may_walk(way) is walked


@pytest.mark.parametrize(
    ("node", "walked"),
    [
        ({"barrier": "fence"}, False),
        ({"barrier": "wall", "foot": "yes"}, True),
        ({"barrier": "gate"}, True),
        ({"barrier": "gate", "access": "private"}, False),
        ({"barrier": "gate", "access": "private", "foot": "yes"}, True),
        ({"barrier": "gate", "locked": "yes"}, False),
        ({"barrier": "bollard", "access": "no"}, True),
        ({"barrier": "stile"}, True),
        ({"highway": "crossing"}, True),
    ],
)
def test_walls_and_private_gates_stop_people(rungs: Any, node: dict[str, str], walked: bool) -> None:
    assert lets_pass(node) is walked
    assert rungs(FOOTWAY, node) == (SHORT if walked else ROUND)


@pytest.mark.parametrize(
    ("node", "stops"),
    [
        ({"kerb": "raised"}, True),
        ({"kerb": "lowered"}, False),
        ({"barrier": "kerb"}, True),
        ({"barrier": "stile"}, True),
        ({"highway": "crossing", "wheelchair": "no"}, True),
        ({"highway": "elevator"}, False),
        ({"barrier": "bollard"}, False),
    ],
)
def test_kerbs_and_stiles_stop_wheelchairs_only(rungs: Any, node: dict[str, str], stops: bool) -> None:
    assert is_step(node) is stops
    assert rungs(FOOTWAY, node) == SHORT
    assert rungs(FOOTWAY, node, step_free=True) == (ROUND if stops else SHORT)


def test_a_raised_kerb_does_not_stop_a_wheelchair_on_the_road(rungs: Any) -> None:
    assert rungs(STREET, {"kerb": "raised", "highway": "crossing"}, step_free=True) == SHORT


def test_an_escalator_is_ridden_in_its_direction_only(write_osm: WriteOsm) -> None:
    up = {"highway": "steps", "conveying": "forward"}
    search = WalkSearch(read_footways(write_osm(LADDER, [*STREETS, ((2, 7, 5), up)])))
    assert (search.walk(NORTH, [SOUTH]), search.walk(SOUTH, [NORTH])) == ([SHORT], [ROUND])


def test_a_river_without_a_bridge_is_not_crossed(write_osm: WriteOsm) -> None:
    far = {node + 10: (lat + 0.003, lon) for node, (lat, lon) in LADDER.items()}
    north = [(tuple(node + 10 for node in nodes), tags) for nodes, tags in STREETS]
    search = WalkSearch(read_footways(write_osm(LADDER | far, [*STREETS, *north])))
    assert search.walk(NORTH, [Place(0.003, 20.005), Place(0.002, 20.006)]) == [NO_WAY, 112]


def test_an_isolated_piece_of_footway_takes_nobody_in(write_osm: WriteOsm) -> None:
    nodes = LADDER | {8: (0.0022, 20.0045), 9: (0.0022, 20.0055)}
    search = WalkSearch(read_footways(write_osm(nodes, [*STREETS, ((8, 9), FOOTWAY)])))
    beside = Place(0.0022, 20.005)
    assert search.walk(beside, [NORTH]) == [23]
    assert search.walk(beside, [SOUTH]) == [ROUND + 22]


def test_a_square_is_walked_along_its_outline(write_osm: WriteOsm) -> None:
    corners = {20: (0.0005, 20.0052), 21: (0.0015, 20.0052), 22: (0.0015, 20.0048), 23: (0.0005, 20.0048)}
    square = {"type": "multipolygon", "highway": "pedestrian"}
    ways = [*STREETS, ((2, 21), FOOTWAY), ((5, 20), FOOTWAY), ((20, 21, 22), {}), ((22, 23, 20), {})]
    members = [("way", "outer", 7), ("way", "outer", 8)]
    search = WalkSearch(read_footways(write_osm(LADDER | corners, ways, [(members, square)])))
    assert SHORT < search.walk(NORTH, [SOUTH])[0] < SHORT + 20


def test_two_places_on_one_way_are_as_far_apart_as_they_lie(rungs: Any, write_osm: WriteOsm) -> None:
    search = WalkSearch(read_footways(write_osm(LADDER, STREETS)))
    west, east = Place(0.002, 20.0012), Place(0.002, 20.0042)
    assert search.walk(west, [east, west]) == [334, 0]
    aside = Place(0.002 + 0.00015, 20.0042)
    assert search.walk(west, [aside]) == [334 + 17]


def test_the_kerb_is_reached_from_the_pavement_beside_it(write_osm: WriteOsm) -> None:
    nodes = LADDER | {30: (0.00207, 20.0), 31: (0.00207, 20.010)}
    search = WalkSearch(read_footways(write_osm(nodes, [*STREETS, ((1, 30, 31, 3), FOOTWAY)])))
    assert search.walk(Place(0.00215, 20.005), [Place(0.00202, 20.005)])[0] < 2 * MARGIN


def test_nobody_is_sent_farther_than_allowed(toytown: Engine) -> None:
    origin, place = Place(10.005, 20.0), Place(10.005, 20.001)
    assert toytown.walk(origin, [place], limit=110) == [110]
    assert toytown.walk(origin, [place], limit=109) == [NO_WAY]
    assert toytown.walk(Place(10.0, 20.0), [Place(10.0, 20.005)], limit=10 * MAX_WALK) == [548]
    assert toytown.walk(origin, []) == []


def test_a_place_far_from_every_footway_is_not_walked_to(toytown: Engine) -> None:
    away = 1.05 * MAX_ASIDE / LATITUDE / 1000
    assert toytown.walk(Place(10.005, 20.0), [Place(10.005 + away, 20.001)]) == [NO_WAY]


def test_a_wheelchair_reaches_only_stops_without_a_step(write_osm: WriteOsm, tmp_path: Path) -> None:
    prepare("ladder", str(write_osm(LADDER, [*STREETS, ((2, 7, 5), STEPS)])), tmp_path / "ladder")
    engine = Engine.load(tmp_path / "ladder")
    beside = Place(0.002, 20.0047)
    assert [place for place, _ in meeting_points(engine, NORTH, [SOUTH, beside], 250)] == [beside, SOUTH]
    assert [place for place, _ in meeting_points(engine, NORTH, [SOUTH, beside], 250, step_free=True)] == [beside]


def test_the_same_extract_gives_the_same_footways(write_osm: WriteOsm) -> None:
    path = write_osm(LADDER, [*STREETS, ((2, 7, 5), FOOTWAY)], tags={7: {"kerb": "raised"}})
    first, again = read_footways(path), read_footways(path)
    for name in Footways.__slots__:
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes()


def test_junctions_only_are_kept(write_osm: WriteOsm) -> None:
    footways = read_footways(write_osm(LADDER, [*STREETS, ((2, 7, 5), FOOTWAY)]))
    assert (len(footways.tail), len(footways.out_first) - 1) == (3, 2)


def test_an_extract_where_nobody_walks_is_no_error(write_osm: WriteOsm) -> None:
    search = WalkSearch(read_footways(write_osm(LADDER, [((1, 2), {"highway": "motorway"})])))
    assert search.walk(NORTH, [SOUTH]) == search.walk(NORTH, [SOUTH], step_free=True) == [NO_WAY]


def test_a_damaged_extract_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.osm").write_text("<osm version='0.6'><node id=", encoding="utf-8")
    with pytest.raises(RoadError, match="cut off"):
        read_footways(tmp_path / "cut.osm")


spots = st.builds(Place, lat=st.floats(-0.002, 0.012), lon=st.floats(19.998, 20.012))
steps = st.tuples(st.integers(0, 35), st.sampled_from([1, 6, 7]), st.booleans())


@st.composite
def towns(draw: st.DrawFn) -> tuple[Footways, nx.MultiGraph]:
    """Draw footways on a grid of 36 corners 222 m apart, some of them not step-free."""
    places = {k: (round(2e8 + k % 6 * 2e4), round(k // 6 * 2e4)) for k in range(42)}
    links = {(a, a + by): free for a, by, free in draw(st.lists(steps, min_size=5)) if a % 6 < 5 or by == 6}
    assume(links)
    footways = Footways.joined([Footpath(ends, free) for ends, free in links.items()], places)
    graph = nx.MultiGraph()
    for way, (u, v) in enumerate(zip(footways.tail.tolist(), footways.head.tolist(), strict=True)):
        graph.add_edge(u, v, way, mm=int(footways.length[way]), free=bool(footways.step_free[way]))
    return footways, graph


def plain_walk(town: tuple[Footways, nx.MultiGraph], search: WalkSearch, ends: tuple[Place, Place], free: bool) -> int:
    """Walk by networkx, each place a node of its own that divides the footways which it joins."""
    footways, graph = town
    graph = nx.MultiGraph((u, v, key, edge) for u, v, key, edge in graph.edges(keys=True, data=True)
                          if edge["free"] or not free)  # fmt: skip
    joins = [
        np.frombuffer(search._joined[free](place), np.float64)[2:].reshape(-1, 3).astype(int).tolist() for place in ends
    ]
    cuts: dict[int, list[tuple[int, str, int]]] = {}
    for name, joined in zip(("start", "end"), joins, strict=True):
        for way, along, aside in joined:
            if way >= 0:
                cuts.setdefault(way, []).append((along, name, aside))
    for way, here in cuts.items():
        line: list[Any] = [int(footways.tail[way])]
        so_far = 0
        for k, (along, name, aside) in enumerate(sorted(here)):
            graph.add_edge(line[-1], (way, k), mm=along - so_far)
            graph.add_edge((way, k), name, mm=aside)
            line.append((way, k))
            so_far = along
        graph.add_edge(line[-1], int(footways.head[way]), mm=int(footways.length[way]) - so_far)
    try:
        walked = nx.dijkstra_path_length(graph, "start", "end", weight="mm")
    except (nx.NodeNotFound, nx.NetworkXNoPath):
        return NO_WAY
    whole = -(-walked // 1000)
    return max(whole, int(np.ceil(metres(*ends)))) if whole <= MAX_WALK else NO_WAY


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(town=towns(), a=spots, b=spots, c=spots, free=st.booleans())
def test_every_walk_equals_a_plain_search(
    town: tuple[Footways, nx.MultiGraph], a: Place, b: Place, c: Place, free: bool
) -> None:
    """And it is as long back as there, and never shorter than the crow flies."""
    assume(len({a, b, c}) == 3)
    search = WalkSearch(town[0])
    walked = search.walk(a, [b, c], step_free=free)
    assert walked == [plain_walk(town, search, (a, place), free) for place in (b, c)]
    for place, walk in zip((b, c), walked, strict=True):
        assert search.walk(place, [a], step_free=free) == [walk]
        assert walk >= metres(a, place)
        assert free or walk <= search.walk(a, [place], step_free=True)[0]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(town=towns(), corners=st.tuples(*[st.integers(0, 99)] * 3))
def test_no_way_round_over_the_network_is_shorter(
    town: tuple[Footways, nx.MultiGraph], corners: tuple[int, int, int]
) -> None:
    """Between junctions; each whole metre is rounded up."""
    footways, _ = town
    search = WalkSearch(footways)
    a, b, c = (Place(*(footways.points[k % len(footways.points)] * 1e-7)[::-1].tolist()) for k in corners)
    (direct,), (first,), (second,) = search.walk(a, [c]), search.walk(a, [b]), search.walk(b, [c])
    assert direct <= first + second + 1


def test_wheelchair_tags_decide_over_what_is_likely() -> None:
    assert is_step_free({**STEPS, "wheelchair": "yes"})
    assert not is_step_free({"highway": "residential", "wheelchair": "no"})
    assert not is_step({"barrier": "cycle_barrier", "wheelchair": "yes"})
