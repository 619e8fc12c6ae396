"""Turns: what is forbidden, what it costs, and what a signal, a yard, a barrier or a ferry makes of a way.

    2           Crossing: four dead ends, of 556 m each, about junction 1; way 1 is the northern arm, 2 the western,
3 - 1 - 4       3 the eastern, 4 the southern.
    5
"""

import json
from collections.abc import Mapping
from itertools import pairwise, permutations
from pathlib import Path

import networkx as nx
import numpy as np
import osmnx as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from routing.export import flatten
from routing.graph import load_graph, read_graph
from routing.streets import Streets
from routing.turns import BIAS, ONCOMING, TURN, U_TURN, Turns, connected, expand
from routing.ways import BUS, CAR, GATE, LEVEL_CROSSING, SIGNAL, STOP, Rules
from tests.routing.conftest import ONE_WAY, STREET, Members, Ways, WriteOsm

CROSSING: dict[int, tuple[float, float]] = {
    1: (10.000, 20.000), 2: (10.005, 20.000), 3: (10.000, 19.995), 4: (10.000, 20.005), 5: (9.995, 20.000),
}  # fmt: skip
ARMS: Ways = [((2, 1), STREET), ((3, 1), STREET), ((4, 1), STREET), ((5, 1), STREET)]

LADDER: dict[int, tuple[float, float]] = {
    1: (10.000, 20.000), 2: (10.000, 20.005), 3: (10.000, 20.010),
    4: (10.0005, 20.000), 5: (10.0005, 20.005), 6: (10.0005, 20.010),
}  # fmt: skip
RUNGS: Ways = [((1, 2), STREET), ((2, 3), STREET), ((5, 4), STREET), ((6, 5), STREET), ((2, 5), STREET)]
"""1 - 2 - 3 and 6 - 5 - 4 with one link, way 5, between 2 and 5."""


class Roads:
    """A toy town read and expanded, asked in OSM node ids: an arc is named by the nodes at its ends."""

    def __init__(self, path: Path, rules: Rules | None = None) -> None:
        self.graph = read_graph(str(path), rules=rules)
        self.streets = flatten(self.graph).streets
        self.turns = expand(self.streets)
        self.nodes = sorted(self.graph)

    def arc(self, u: int, v: int) -> int:
        return next(k for k in self.arcs(u, v))

    def arcs(self, u: int, v: int) -> list[int]:
        """All nodes of the turn-expanded form that are the arc from u to v."""
        return [k for k in range(len(self.turns)) if self.ends(k) == (u, v)]

    def ends(self, k: int) -> tuple[int, int]:
        street = self.turns.street[k]
        ends = self.nodes[self.streets.tail[street]], self.nodes[self.streets.head[street]]
        return ends[::-1] if self.turns.backward[k] else ends

    def turn(self, u: int, v: int, w: int) -> int | None:
        """Tenths from the end of arc u -> v to the beginning of arc v -> w; None where it may not be driven."""
        return costs(self.turns, self.arc(u, v)).get(self.arc(v, w))

    def drive(self, *nodes: int) -> int | None:
        """Tenths of the drive over these nodes; None where it may not be driven so."""
        here, seconds = self.arc(*nodes[:2]), int(self.turns.time[self.arc(*nodes[:2])])
        for leg in list(pairwise(nodes))[1:]:
            onward = {k: cost for k, cost in costs(self.turns, here).items() if self.ends(k) == leg}
            if not onward:
                return None
            here, cost = next(iter(onward.items()))
            seconds += cost + int(self.turns.time[here])
        return seconds


def costs(turns: Turns, k: int) -> dict[int, int]:
    part = slice(turns.first[k], turns.first[k + 1])
    return dict(zip(turns.head[part].tolist(), turns.cost[part].tolist(), strict=True))


def over(kind: str, via: int, start: int = 1, end: int = 3) -> Members:
    return [("way", "from", start), (kind, "via", via), ("way", "to", end)]


def restriction(what: str, **more: str) -> Mapping[str, str]:
    return {"type": "restriction", "restriction": what, **more}


def crossing(write_osm: WriteOsm, members: Members, tags: Mapping[str, str], rules: Rules | None = None) -> Roads:
    return Roads(write_osm(CROSSING, ARMS, [(members, tags)]), rules)


def ways_from_north(roads: Roads) -> set[int]:
    return {node for node in (2, 3, 4, 5) if roads.turn(2, 1, node) is not None}


def test_every_street_but_the_same_one_may_be_turned_into(write_osm: WriteOsm) -> None:
    roads = Roads(write_osm(CROSSING, ARMS))
    assert {(u, w) for u, w in permutations((2, 3, 4, 5), 2) if roads.turn(u, 1, w) is None} == set()
    assert ways_from_north(roads) == {3, 4, 5}


def test_no_left_turn(write_osm: WriteOsm) -> None:
    assert ways_from_north(crossing(write_osm, over("node", 1), restriction("no_left_turn"))) == {3, 5}


def test_only_straight_on(write_osm: WriteOsm) -> None:
    roads = crossing(write_osm, over("node", 1, end=4), restriction("only_straight_on"))
    assert ways_from_north(roads) == {5}
    assert roads.turn(3, 1, 2) is not None


def test_two_obligations_leave_both_ways_open(write_osm: WriteOsm) -> None:
    both = [(over("node", 1, end=end), restriction("only_straight_on")) for end in (3, 4)]
    assert ways_from_north(Roads(write_osm(CROSSING, ARMS, both))) == {4, 5}


@pytest.mark.parametrize(
    "tags",
    [
        restriction("no_left_turn", **{"except": "psv;bicycle"}),
        restriction("no_left_turn", **{"except": "bus"}),
        {"type": "restriction", "restriction:motorcar": "no_left_turn"},
        restriction("no_left_turn", **{"restriction:bus": "none"}),
    ],
)
def test_a_restriction_except_for_buses_binds_a_car_only(write_osm: WriteOsm, tags: Mapping[str, str]) -> None:
    assert ways_from_north(crossing(write_osm, over("node", 1), tags, Rules(CAR))) == {3, 5}
    assert ways_from_north(crossing(write_osm, over("node", 1), tags, Rules(BUS))) == {3, 4, 5}


def test_a_restriction_for_lorries_or_at_some_hours_binds_nobody(write_osm: WriteOsm) -> None:
    for key in ("restriction:hgv", "restriction:conditional"):
        roads = crossing(write_osm, over("node", 1), {"type": "restriction", key: "no_left_turn @ (07:00-09:00)"})
        assert ways_from_north(roads) == {3, 4, 5}


def test_what_is_left_aside_is_counted(write_osm: WriteOsm) -> None:
    told: list[str] = []
    tags = {"type": "restriction", "restriction:conditional": "no_left_turn @ (07:00-09:00)"}
    relations = [(over("node", 1), tags), (over("node", 1)[1:], restriction("no_left_turn"))]
    read_graph(str(write_osm(CROSSING, ARMS, relations)), told.append)
    assert {
        "Left aside: 1 turn restriction that holds at certain times only.",
        "Left aside: 1 turn restriction without the ways or the node that it needs.",
    } <= set(told)


@pytest.mark.parametrize(
    "members",
    [
        over("node", 99),
        over("node", 2),
        over("way", 99),
        over("way", 4),
        over("node", 1, start=99),
        over("node", 1, end=99),
        [*over("node", 1), ("node", "via", 1)],
        over("relation", 1),
        [],
    ],
)
def test_a_restriction_with_missing_or_senseless_members_is_harmless(write_osm: WriteOsm, members: Members) -> None:
    assert ways_from_north(crossing(write_osm, members, restriction("no_left_turn"))) == {3, 4, 5}


def test_the_same_restriction_twice_is_one(write_osm: WriteOsm) -> None:
    roads = Roads(write_osm(CROSSING, ARMS, 2 * [(over("node", 1), restriction("no_left_turn"))]))
    assert ways_from_north(roads) == {3, 5}
    assert len(json.loads(roads.graph.graph["restrictions"])) == len(roads.streets.restrictions) == 1


def test_no_entry_holds_for_each_of_several_ways(write_osm: WriteOsm) -> None:
    roads = crossing(write_osm, [("way", "from", 2), *over("node", 1)], restriction("no_entry"))
    assert (roads.turn(2, 1, 4), roads.turn(3, 1, 4)) == (None, None)
    assert roads.turn(5, 1, 4) is not None


def test_a_restriction_where_two_ways_only_meet_is_kept(write_osm: WriteOsm) -> None:
    """Without it, the node in the middle of a street would be merged away."""
    ways: Ways = [*RUNGS, ((3, 6), STREET)]
    roads = Roads(write_osm(LADDER, ways, [(over("node", 3, start=2, end=6), restriction("no_straight_on"))]))
    assert (len(roads.arcs(5, 3)), roads.arcs(3, 5)) == (1, [])  # no turn leads there any more
    assert None not in (roads.turn(2, 3, 2), roads.turn(5, 3, 2))  # to turn round is all that is left
    assert 3 not in Roads(write_osm(LADDER, ways)).nodes


def test_a_restriction_over_a_way_forbids_the_detour_and_nothing_else(write_osm: WriteOsm) -> None:
    roads = Roads(write_osm(LADDER, RUNGS, [(over("way", 5), restriction("no_u_turn"))]))
    assert roads.drive(1, 2, 5, 4) is None
    assert None not in (roads.drive(1, 2, 5, 6), roads.drive(3, 2, 5, 4), roads.drive(1, 2, 3), roads.drive(4, 5, 2, 1))
    assert len(roads.arcs(2, 5)) == 2
    assert roads.drive(2, 5, 4) is not None


def test_an_obligation_over_a_way_leaves_one_turn_after_it(write_osm: WriteOsm) -> None:
    roads = Roads(write_osm(LADDER, RUNGS, [(over("way", 5), restriction("only_u_turn"))]))
    assert roads.drive(1, 2, 5, 6) is None
    assert None not in (roads.drive(1, 2, 5, 4), roads.drive(3, 2, 5, 6), roads.drive(2, 5, 6))


def test_vehicles_turn_round_at_dead_ends_and_turning_circles_only(write_osm: WriteOsm) -> None:
    line = {node: CROSSING[node] for node in (3, 1, 4)}
    ways: Ways = [((3, 1, 4), STREET)]
    plain = Roads(write_osm(line, ways))
    assert plain.turn(3, 4, 3) == pytest.approx(TURN + U_TURN, abs=1)
    assert 1 not in plain.nodes
    circle = Roads(write_osm(line, ways, tags={1: {"highway": "turning_circle"}}))
    assert circle.turn(3, 1, 3) == circle.turn(4, 1, 4) == plain.turn(3, 4, 3)
    assert circle.turn(3, 1, 4) == 0


def test_a_way_on_to_another_name_is_no_turn(write_osm: WriteOsm) -> None:
    signal = {1: {"highway": "turning_circle"}}
    roads = Roads(write_osm({n: CROSSING[n] for n in (2, 1, 4)}, [((2, 1), STREET), ((1, 4), STREET)], tags=signal))
    assert roads.turn(2, 1, 4) == 0


def test_a_turn_costs_by_its_angle_and_more_across_the_oncoming_traffic(write_osm: WriteOsm) -> None:
    roads = Roads(write_osm(CROSSING, ARMS))
    right, left, on = roads.turn(2, 1, 3), roads.turn(2, 1, 4), roads.turn(2, 1, 5)
    assert on == 0
    assert right == pytest.approx(TURN / (1 + np.exp(-(6.5 / BIAS - 6.5 * BIAS))), abs=1)
    across = ONCOMING / (1 + np.exp(-3.25))
    assert left == pytest.approx(TURN / (1 + np.exp(-(6.5 * BIAS - 6.5 / BIAS))) + across, abs=1)


def test_left_hand_traffic_mirrors_the_costs(write_osm: WriteOsm) -> None:
    right, left = (Roads(write_osm(CROSSING, ARMS), Rules(country=country)) for country in ("FI", "JP"))
    mirror = {2: 2, 3: 4, 4: 3, 5: 5}
    for u, w in permutations((2, 3, 4, 5), 2):
        assert right.turn(u, 1, w) == left.turn(mirror[u], 1, mirror[w])
    assert right.turn(2, 1, 3) != left.turn(2, 1, 3)


def test_the_angle_is_that_of_the_last_metres_not_of_the_whole_street(write_osm: WriteOsm) -> None:
    """Way 1 comes from the east but swings round to enter the junction from the north."""
    nodes = {**CROSSING, 6: (10.0003, 20.0), 2: (10.0003, 20.005)}
    roads = Roads(write_osm(nodes, [((2, 6, 1), STREET), *ARMS[1:]]))
    straight = Roads(write_osm(CROSSING, ARMS))
    assert [roads.turn(2, 1, node) for node in (3, 4, 5)] == [straight.turn(2, 1, node) for node in (3, 4, 5)]


@pytest.mark.parametrize(
    ("tags", "wait"),
    [
        ({"highway": "traffic_signals"}, SIGNAL),
        ({"highway": "stop"}, STOP),
        ({"railway": "level_crossing"}, LEVEL_CROSSING),
        ({"highway": "crossing", "crossing": "traffic_signals"}, SIGNAL),
    ],
)
def test_a_signal_costs_time_at_a_junction_and_in_the_middle_of_a_street(
    write_osm: WriteOsm, tags: Mapping[str, str], wait: int
) -> None:
    nodes, ways = {**CROSSING, 6: (10.0025, 20.0)}, [((2, 6, 1), STREET), *ARMS[1:]]
    plain = Roads(write_osm(nodes, ways)).drive(2, 1, 4)
    assert plain is not None
    assert Roads(write_osm(nodes, ways, tags={1: tags})).drive(2, 1, 4) == plain + wait
    assert Roads(write_osm(nodes, ways, tags={6: tags})).drive(2, 1, 4) == plain + wait
    assert Roads(write_osm(nodes, ways, tags={1: tags, 6: tags})).drive(2, 1, 4) == plain + 2 * wait


def test_a_signal_that_faces_one_way_costs_nothing_the_other_way(write_osm: WriteOsm) -> None:
    nodes, ways = {**CROSSING, 6: (10.0025, 20.0)}, [((2, 6, 1), STREET), *ARMS[1:]]
    signal = {6: {"highway": "traffic_signals", "traffic_signals:direction": "forward"}}
    plain, roads = Roads(write_osm(nodes, ways)), Roads(write_osm(nodes, ways, tags=signal))
    assert roads.turns.time[roads.arc(2, 1)] == plain.turns.time[plain.arc(2, 1)] + SIGNAL
    assert roads.turns.time[roads.arc(1, 2)] == plain.turns.time[plain.arc(1, 2)]


SHORT_CUT: dict[int, tuple[float, float]] = {
    1: (10.000, 20.000), 2: (10.000, 20.001), 3: (10.005, 20.000), 4: (10.005, 20.001), 5: (10.001, 20.0005),
}  # fmt: skip
ROUND: Ways = [((1, 3, 4, 2), STREET)]


def test_a_bus_gate_is_open_to_a_bus_and_closed_to_a_car(write_osm: WriteOsm) -> None:
    gate = {**STREET, "motor_vehicle": "no", "bus": "yes"}
    path = write_osm(SHORT_CUT, [*ROUND, ((1, 2), gate)])
    bus, car = (read_graph(str(path), rules=Rules(vehicle)) for vehicle in (BUS, CAR))
    assert shortest(bus, 1, 2) < 200 < shortest(car, 1, 2)


def test_a_low_bridge_closes_to_a_bus_only(write_osm: WriteOsm) -> None:
    path = write_osm(SHORT_CUT, [*ROUND, ((1, 2), {**STREET, "maxheight": "2.4"})])
    bus, car = (read_graph(str(path), rules=Rules(vehicle)) for vehicle in (BUS, CAR))
    assert shortest(car, 1, 2) < 200 < shortest(bus, 1, 2)


def shortest(graph: nx.MultiDiGraph, u: int, v: int) -> float:
    length: float = nx.shortest_path_length(graph, u, v, weight="length")
    return length


def test_a_private_yard_is_reached_but_never_crossed(write_osm: WriteOsm) -> None:
    """1 - 5 - 2 is a yard beside the long way round; its own stop at 5 is served from both sides."""
    yard = {**STREET, "access": "private"}
    ways: Ways = [*ROUND, ((1, 5), yard), ((5, 2), yard)]
    roads = Roads(write_osm(SHORT_CUT, ways, tags={5: {"highway": "turning_circle"}}))
    private = {roads.ends(k) for k in np.flatnonzero(roads.turns.private).tolist()}
    assert private == {(1, 5), (5, 1), (5, 2), (2, 5)}
    assert connected(roads.turns, roads.streets).all()
    assert public_only(roads, (2, 1), (1, 2))


def public_only(roads: Roads, start: tuple[int, int], end: tuple[int, int]) -> bool:
    """Is there a drive between two public arcs over public arcs?"""
    turns = roads.turns
    source = np.repeat(np.arange(len(turns)), np.diff(turns.first))
    ok = ~turns.private[source] & ~turns.private[turns.head]
    graph = csr_matrix((turns.cost[ok] + 1, (source[ok], turns.head[ok])), shape=(len(turns), len(turns)))
    return bool(np.isfinite(dijkstra(graph, indices=roads.arc(*start))[roads.arc(*end)]))


def test_before_a_private_yard_a_vehicle_may_turn_round(write_osm: WriteOsm) -> None:
    yard = {**STREET, "access": "private"}
    line = Roads(write_osm({n: CROSSING[n] for n in (3, 1, 4)}, [((3, 1), STREET), ((1, 4), yard)]))
    assert (line.turn(3, 1, 3), line.turn(3, 1, 4)) == (line.turn(1, 3, 1), 0)
    assert line.turn(4, 1, 4) is None


def test_what_lies_behind_a_private_gate_is_private(write_osm: WriteOsm) -> None:
    nodes = {**CROSSING, 6: (10.0025, 20.0), 7: (10.003, 20.0), 8: (10.005, 20.002), 9: (10.002, 20.0)}
    ways: Ways = [((2, 7, 6, 9, 1), STREET), ((2, 8), STREET), *ARMS[1:]]
    roads = Roads(write_osm(nodes, ways, tags={6: {"barrier": "gate", "access": "private"}}))
    private = {roads.ends(k) for k in np.flatnonzero(roads.turns.private).tolist()}
    assert {end for ends in private for end in ends} >= {8}
    assert (1, 4) not in private


def test_a_bollard_closes_the_road_for_good(write_osm: WriteOsm) -> None:
    nodes = {**SHORT_CUT, 6: (10.0, 20.0005), 7: (9.999, 20.0), 8: (9.999, 20.001)}
    ways: Ways = [*ROUND, ((1, 6, 2), STREET), ((1, 7), STREET), ((2, 8), STREET)]
    open_road = read_graph(str(write_osm(nodes, ways)))
    closed = read_graph(str(write_osm(nodes, ways, tags={6: {"barrier": "bollard"}})))
    assert shortest(open_road, 1, 2) < 200 < shortest(closed, 1, 2)
    assert 6 not in closed
    assert len({(node["x"], node["y"]) for _, node in closed.nodes(data=True)}) == len(closed)


def test_a_gate_is_passed_and_costs_time(write_osm: WriteOsm) -> None:
    nodes, ways = {**CROSSING, 6: (10.0025, 20.0)}, [((2, 6, 1), STREET), *ARMS[1:]]
    plain = Roads(write_osm(nodes, ways)).drive(2, 1, 4)
    assert plain is not None
    assert Roads(write_osm(nodes, ways, tags={6: {"barrier": "gate"}})).drive(2, 1, 4) == plain + GATE


@pytest.mark.parametrize("reverse", [False, True])
def test_two_ferries_of_one_direction_each_take_their_time(write_osm: WriteOsm, *, reverse: bool) -> None:
    nodes = {**CROSSING, 6: (10.02, 20.0), 7: (10.02, 20.005), 8: (10.01, 20.01)}
    ferry = {"route": "ferry", "duration": "00:20", "oneway": "-1" if reverse else "yes"}
    there, again = ((6, 2), (4, 8, 7)) if reverse else ((2, 6), (7, 8, 4))
    roads = Roads(write_osm(nodes, [*ARMS, ((6, 7), STREET), (there, ferry), (again, ferry)]))
    assert (roads.arcs(6, 2), roads.arcs(4, 7)) == ([], [])
    sailing = sorted(int(time) for time in roads.turns.time)[-2:]
    assert sailing[0] >= 12_000
    assert sailing[1] < 25_000


def test_an_island_stays_when_a_ferry_leads_there(write_osm: WriteOsm) -> None:
    nodes = {**CROSSING, 6: (10.02, 20.0), 7: (10.02, 20.005)}
    island: Ways = [*ARMS, ((6, 7), STREET)]
    assert not {6, 7} & set(read_graph(str(write_osm(nodes, island))))
    ferry = {"route": "ferry", "duration": "00:20", "motor_vehicle": "yes"}
    roads = Roads(write_osm(nodes, [*island, ((2, 6), ferry)]))
    assert {6, 7} <= set(roads.nodes)
    assert roads.turns.time[roads.arc(2, 6)] == roads.turns.time[roads.arc(6, 2)] == 12_000


def test_nodes_on_top_of_each_other_do_not_break_the_road(write_osm: WriteOsm) -> None:
    nodes = {**CROSSING, 6: CROSSING[1]}
    broken: Ways = [((2, 6), STREET), ((6, 1), STREET), *ARMS[1:]]
    roads = Roads(write_osm(nodes, broken))
    plain = Roads(write_osm(CROSSING, ARMS))
    assert roads.nodes == plain.nodes
    assert roads.drive(2, 1, 4) == plain.drive(2, 1, 4)


def test_a_loop_and_a_way_drawn_twice_are_harmless(write_osm: WriteOsm) -> None:
    nodes = {**CROSSING, 6: (10.001, 20.001), 7: (10.0, 20.001)}
    loop = ((1, 6, 7, 1), STREET)
    roads = Roads(write_osm(nodes, [*ARMS, loop, ARMS[0], ((3, 3), STREET), ((4, 1), STREET)]))
    assert roads.drive(2, 1, 4) is not None
    assert min(roads.turns.time) >= 1
    assert connected(roads.turns, roads.streets).all()


def test_ways_with_the_same_id_count_once(tmp_path: Path, write_osm: WriteOsm) -> None:
    text = write_osm(CROSSING, ARMS).read_text()
    again = '<way id="1" version="2"><nd ref="2"/><nd ref="1"/><tag k="highway" v="footway"/></way>'
    (tmp_path / "again.osm").write_text(text.replace("</osm>", again + "</osm>"))
    told: list[str] = []
    graph = read_graph(str(tmp_path / "again.osm"), told.append)
    assert 2 not in graph
    assert "Left aside: 1 repetition of a node, way or relation, of which the newest counts." in told


def test_a_street_that_no_turn_leads_to_is_left_out(write_osm: WriteOsm) -> None:
    """From every arm it is forbidden to turn north: whoever lives there cannot be reached."""
    bans = [(over("node", 1, start=start, end=1), restriction("no_entry")) for start in (2, 3, 4)]
    roads = Roads(write_osm(CROSSING, ARMS, bans))
    assert 2 not in roads.nodes
    assert connected(roads.turns, roads.streets).all()


def test_one_way_streets_may_be_turned_into_and_not_against(write_osm: WriteOsm) -> None:
    roads = Roads(write_osm(SHORT_CUT, [*ROUND, ((1, 2), ONE_WAY)]))
    assert roads.arcs(1, 2)
    assert len(roads.arcs(2, 1)) == 1  # the long way round only


def test_the_graph_file_keeps_restrictions_and_signals(write_osm: WriteOsm, tmp_path: Path) -> None:
    ban, signal = (over("node", 1), restriction("no_left_turn")), {1: {"highway": "traffic_signals"}}
    graph = read_graph(str(write_osm(CROSSING, ARMS, [ban], signal)), rules=Rules(country="JP"))
    ox.save_graphml(graph, tmp_path / "again.graphml")
    again = read_graph(str(tmp_path / "again.graphml"))
    assert again.nodes[1]["highway"] == "traffic_signals"
    before, after = flatten(graph).streets, flatten(again).streets
    assert all(np.array_equal(getattr(before, name), getattr(after, name)) for name in Streets.__slots__)
    assert before.left_hand


def test_in_helsinki_turns_are_listed_in_order_and_every_arc_is_connected(helsinki: Path) -> None:
    streets = flatten(load_graph(helsinki)).streets
    turns = expand(streets)
    for k in range(len(turns)):
        heads = turns.head[turns.first[k] : turns.first[k + 1]]
        assert (np.diff(heads) > 0).all()
    assert connected(turns, streets).all()
    assert (turns.time >= 1).all()
    assert (turns.cost >= 0).all()


def star(bans: list[tuple[bool, int, int]]) -> Streets:
    """Four dead ends about node 0, street k from its far end to the node; bans: (only, from street, to street)."""
    k, ones = np.arange(4, dtype=np.int32), np.ones(4, np.int32)
    far = np.array([[0, 9000], [9000, 0], [0, -9000], [-9000, 0]], np.int32)
    return Streets(
        tail=k + 1, head=0 * k, forward=100 * ones, backward=100 * ones, length=np.full(4, 100, np.float32),
        points=np.array([point for end in far for point in (end, (0, 0))], np.int32),
        first=np.arange(0, 9, 2, dtype=np.int32), nodes=np.vstack(([[0, 0]], far)).astype(np.int32),
        forward_delay=0 * ones, backward_delay=0 * ones,
        private=np.zeros(4, bool), roundabout=np.zeros(4, bool), no_stopping=np.zeros(4, bool),
        turning=np.zeros(5, bool),
        restrictions=np.array([(only, 2 * a, -1, 2 * b + 1) for only, a, b in bans], np.int32).reshape(-1, 4),
        left_hand=np.array(False),
    )  # fmt: skip


streets_of_star = st.integers(0, 3)


@given(bans=st.lists(st.tuples(st.booleans(), streets_of_star, streets_of_star), max_size=6))
def test_what_is_listed_is_what_restrictions_leave(bans: list[tuple[bool, int, int]]) -> None:
    turns = expand(star(bans))
    for start in range(4):
        no, only = ({b for o, a, b in bans if a == start and o is kind} for kind in (False, True))
        left = {b for b in range(4) if b not in no and (not only or b in only)}
        others = left - {start}
        assert {int(turns.street[head]) for head in costs(turns, start)} == (others or left)
