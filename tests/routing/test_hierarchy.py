"""The hierarchy against plain Dijkstra, on small graphs of every awkward kind."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.hierarchy import (
    FAR,
    FEW,
    LANES,
    Buckets,
    Hierarchy,
    Labels,
    Seeds,
    contract,
    join,
    join_each,
    labels,
    paths,
    round_up,
    sweep,
)

Edge = tuple[int, int, int]
Place = list[tuple[int, int]]

many = settings(max_examples=150, deadline=None)


@dataclass(frozen=True)
class Graph:
    """A multigraph as (from, to, weight)."""

    size: int
    edges: list[Edge]

    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give it as `contract` takes it."""
        in_order = sorted(self.edges, key=lambda edge: edge[0])
        tails = [tail for tail, _, _ in in_order]
        first = np.searchsorted(tails, np.arange(self.size + 1))
        flat = np.array([(head, weight) for _, head, weight in in_order], np.int32).reshape(-1, 2)
        return first.astype(np.int32), flat[:, 0].copy(), flat[:, 1].copy()

    def reversed(self) -> "Graph":
        return Graph(self.size, [(head, tail, weight) for tail, head, weight in self.edges])

    def contracted(self) -> Hierarchy:
        return contract(*self.rows())

    def distances(self, seeds: Place) -> list[int]:
        """Dijkstra from the seeds to every node."""
        out: list[list[tuple[int, int]]] = [[] for _ in range(self.size)]
        for tail, head, weight in self.edges:
            out[tail].append((head, weight))
        found = [FAR] * self.size
        queue: list[tuple[int, int]] = []
        for node, offset in seeds:
            heappush(queue, (offset, node))
        while queue:
            at, node = heappop(queue)
            if at < found[node]:
                found[node] = at
                for head, weight in out[node]:
                    heappush(queue, (at + weight, head))
        return found

    def table(self, origins: list[Place], destinations: list[Place]) -> list[list[int]]:
        """The distance from each origin to each destination."""
        return [
            [min([FAR, *(found[node] + offset for node, offset in end if found[node] < FAR)]) for end in destinations]
            for found in map(self.distances, origins)
        ]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Up to 14 nodes: loops, parallel edges, free edges, islands and one-way traps among them."""
    size = draw(st.integers(1, 14))
    node, weight = st.integers(0, size - 1), st.integers(0, 3) | st.integers(0, 100_000)
    return Graph(size, draw(st.lists(st.tuples(node, node, weight), max_size=3 * size)))


@st.composite
def places_on(draw: st.DrawFn, graph: Graph, most: int = 4) -> list[Place]:
    seed = st.tuples(st.integers(0, graph.size - 1), st.integers(-50, 50) | st.integers(-100_000, 100_000))
    return draw(st.lists(st.lists(seed, max_size=3), min_size=1, max_size=most))


def town(width: int = 20) -> Graph:
    """A grid of streets with random weights, some of them one-way."""
    random = Random(4)
    edges = []
    for x in range(width):
        for y in range(width):
            for other in [(x + 1) * width + y] * (x + 1 < width) + [x * width + y + 1] * (y + 1 < width):
                here, seconds = x * width + y, random.randint(10, 90)
                edges += [(here, other, seconds), (other, here, seconds)][: random.choice((1, 2, 2, 2))]
    return Graph(width * width, edges)


def table(hierarchy: Hierarchy, origins: list[Place], destinations: list[Place]) -> list[list[int]]:
    out = labels(hierarchy, Seeds.of(origins), forward=True)
    into = labels(hierarchy, Seeds.of(destinations), forward=False)
    rows: list[list[int]] = join(out, into).tolist()
    return rows


def assert_every_answer_is_right(graph: Graph, hierarchy: Hierarchy, places: list[Place]) -> None:
    right = graph.table(places, places)
    assert table(hierarchy, places, places) == right
    for origin, row in zip(places, right, strict=True):
        assert sweep(hierarchy, Seeds.of([origin]), forward=True).tolist() == graph.distances(origin)
        assert sweep(hierarchy, Seeds.of([origin]), forward=False).tolist() == graph.reversed().distances(origin)
        for destination, distance in zip(places, row, strict=True):
            assert_path_is_right(graph, hierarchy, origin, destination, distance=distance)


def assert_path_is_right(
    graph: Graph, hierarchy: Hierarchy, origin: Place, destination: Place, *, distance: int
) -> None:
    (found,), _, nodes = paths(hierarchy, Seeds.of([origin]), Seeds.of([destination]))
    assert found == distance
    assert nodes.dtype == np.int32
    if distance == FAR:
        assert not len(nodes)
        return
    lightest: dict[tuple[int, int], int] = {}
    for tail, head, weight in graph.edges:
        lightest[tail, head] = min(weight, lightest.get((tail, head), FAR))
    steps = sum(lightest[step] for step in zip(nodes[:-1].tolist(), nodes[1:].tolist(), strict=True))
    before = min(offset for node, offset in origin if node == nodes[0])
    after = min(offset for node, offset in destination if node == nodes[-1])
    assert before + steps + after == distance


@many
@given(st.data())
def test_every_answer_equals_plain_dijkstra(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    assert_every_answer_is_right(graph, graph.contracted(), data.draw(places_on(graph)))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_table_of_many_origins_equals_plain_dijkstra(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    origins, destinations = data.draw(places_on(graph, most=20)) * 4, data.draw(places_on(graph, most=20))
    assert table(graph.contracted(), origins, destinations) == graph.table(origins, destinations)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_some_pairs_of_a_table_are_those_of_the_whole_table(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    places = data.draw(places_on(graph))
    out, into = (labels(graph.contracted(), Seeds.of(places), forward=way) for way in (True, False))
    at = st.integers(0, len(places) - 1)
    pairs = np.array(data.draw(st.lists(st.tuples(at, at), max_size=9)), np.int64).reshape(-1, 2)
    whole = np.array(graph.table(places, places)).reshape(len(places), -1)
    assert join_each(out, into, pairs).tolist() == whole[pairs[:, 0], pairs[:, 1]].tolist()


@given(st.lists(st.one_of(st.integers(0, FAR - 1), st.just(FAR)), max_size=40))
def test_tenths_are_rounded_up_to_whole_units(tenths: list[int]) -> None:
    distances = np.array([tenths], np.int32)
    round_up(distances, 7)
    assert distances.tolist() == [[7 if one == FAR else -(-one // 10) for one in tenths]]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_labels_in_buckets_give_the_same_distances(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    hierarchy, few, many_ = graph.contracted(), data.draw(places_on(graph)), data.draw(places_on(graph, most=40))
    out, into = (labels(hierarchy, Seeds.of(few), forward=way) for way in (True, False))
    kept_into, kept_out = (
        Buckets.of(labels(hierarchy, Seeds.of(many_), forward=way), graph.size) for way in (False, True)
    )
    assert join(out, kept_into).tolist() == graph.table(few, many_)
    assert join(kept_out, into).tolist() == graph.table(many_, few)


@many
@given(st.data())
def test_the_way_back_is_the_way_there_with_every_edge_turned_round(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    places = data.draw(places_on(graph))
    there, back = table(graph.contracted(), places, places), table(graph.reversed().contracted(), places, places)
    assert there == [list(column) for column in zip(*back, strict=True)]


def test_a_town_is_answered_right_whether_few_or_many_ask() -> None:
    graph, random = town(), Random(5)
    hierarchy = graph.contracted()
    places = [[(random.randrange(graph.size), random.randint(-30, 30))] for _ in range(2 * LANES + 5)]
    right = graph.table(places[: LANES + 7], places)
    assert table(hierarchy, places[: LANES + 7], places) == right
    assert table(hierarchy, places[:3], places) == right[:3]
    assert table(hierarchy, places[: LANES + 7], places[:3]) == [row[:3] for row in right]
    assert table(hierarchy, places[:3], places[:FEW]) == [row[:FEW] for row in right[:3]]
    assert_every_answer_is_right(graph, hierarchy, places[:8])


def test_a_tangle_in_which_everything_is_near_everything_is_answered_right() -> None:
    random = Random(6)
    edges = [(random.randrange(150), random.randrange(150), random.randint(50, 60)) for _ in range(1_500)]
    graph = Graph(150, edges)
    assert_every_answer_is_right(graph, graph.contracted(), [[(k, 0)] for k in range(0, 150, 10)])


def test_a_place_may_join_the_graph_at_every_node() -> None:
    graph = town()
    everywhere, corner = [(node, node % 11) for node in range(graph.size)], [(0, 0)]
    assert_every_answer_is_right(graph, graph.contracted(), [everywhere, corner])


def test_a_long_road_is_unpacked_node_by_node() -> None:
    size = 2_000
    hierarchy = Graph(size, [(k, k + 1, k % 7) for k in range(size - 1)]).contracted()
    (seconds,), _, nodes = paths(hierarchy, Seeds.of([[(0, 5)]]), Seeds.of([[(size - 1, -3)]]))
    assert nodes.tolist() == list(range(size))
    assert seconds == sum(k % 7 for k in range(size - 1)) + 2
    first, last = sorted(hierarchy.node[:2].tolist())  # one shortcut leads from one to the other
    assert paths(hierarchy, Seeds.of([[(first, 0)]]), Seeds.of([[(last, 0)]]))[2].tolist() == list(
        range(first, last + 1)
    )


def test_an_origin_after_its_destination_on_one_road_may_be_a_negative_time_away() -> None:
    hierarchy = Graph(2, [(0, 1, 10)]).contracted()
    assert table(hierarchy, [[(0, 0)]], [[(0, -4)]]) == [[-4]]


def test_nothing_reaches_a_place_without_seeds() -> None:
    hierarchy = Graph(2, [(0, 1, 10)]).contracted()
    assert table(hierarchy, [[], [(0, -9)]], [[], [(1, -9)]]) == [[FAR, FAR], [FAR, -8]]


def test_a_graph_may_have_no_edge_and_even_no_node() -> None:
    assert table(Graph(1, []).contracted(), [[(0, 3)]], [[(0, 4)]]) == [[7]]
    assert Graph(0, []).contracted().up_first.tolist() == [0]


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Graph(2, [(0, 1, -1)]).contracted()


def test_labels_hold_exact_distances_only() -> None:
    graph = town()
    hierarchy = graph.contracted()
    label = labels(hierarchy, Seeds.of([[(7, 0)]]), forward=True)
    distance = graph.distances([(7, 0)])
    tops = hierarchy.node[label.node].tolist()
    assert sum(seconds == distance[top] for top, seconds in zip(tops, label.seconds.tolist(), strict=True)) == len(tops)
    assert np.all(np.diff(label.node) > 0)


def test_a_hierarchy_from_read_only_files_answers_the_same(tmp_path: Path) -> None:
    graph = town()
    hierarchy = graph.contracted()
    for name, array in hierarchy.arrays().items():
        np.save(tmp_path / f"{name}.npy", array)
    mapped = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in hierarchy.arrays()}
    again = Hierarchy.of(mapped)
    assert all(np.shares_memory(getattr(again, name), array) for name, array in mapped.items())
    assert_every_answer_is_right(graph, again, [[(0, 0)], [(399, -5), (20, 3)], [(210, 7)]])


def test_labels_may_be_taken_apart_and_put_together() -> None:
    graph, places = town(), [[(k, 0)] for k in range(0, 60, 4)]
    hierarchy = graph.contracted()
    into = labels(hierarchy, Seeds.of(places), forward=False)
    each = [labels(hierarchy, Seeds.of([place]), forward=True) for place in places]
    sizes = np.cumsum([0, *(len(one.node) for one in each)])
    nodes, seconds = (np.concatenate([getattr(one, name) for one in each]) for name in ("node", "seconds"))
    assert join(Labels(sizes, nodes, seconds), into).tolist() == table(hierarchy, places, places)


def test_threads_share_a_hierarchy_and_each_builds_the_same_bytes() -> None:
    graph, places = town(), [[(k, k % 5)] for k in range(0, 400, 3)]

    def work(_: int) -> tuple[list[bytes], list[list[int]]]:
        own = graph.contracted()
        return [array.tobytes() for array in own.arrays().values()], table(hierarchy, places, places)

    hierarchy = graph.contracted()
    alone = work(0)
    with ThreadPoolExecutor(2) as pool:
        assert all(one == alone for one in pool.map(work, range(8)))


def test_progress_rises_to_the_last_node() -> None:
    graph, heard = town(), list[tuple[int, int]]()
    contract(*graph.rows(), lambda done, size: heard.append((done, size)))
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert heard[-1] == (graph.size, graph.size)


def test_a_damaged_shortcut_is_noticed() -> None:
    graph = town()
    hierarchy = graph.contracted()
    weight = hierarchy.up_weight.copy()
    weight[hierarchy.up_middle >= 0] -= 1
    damaged = Hierarchy.of(replace(hierarchy, up_weight=weight).arrays())
    with pytest.raises(AssertionError):
        assert_every_answer_is_right(graph, damaged, [[(k, 0)] for k in range(0, 400, 40)])
