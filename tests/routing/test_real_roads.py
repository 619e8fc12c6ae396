"""The hierarchy on the real streets of Helsinki: against plain Dijkstra, and what holds of any metric."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from routing.drives import through
from routing.hierarchy import FAR, Hierarchy, Seeds, join, labels, paths, sweep
from routing.network import Network

PAIRS = 10_000
SIDE = 100


@pytest.fixture(scope="module")
def roads(helsinki: Path) -> Network:
    return Network.load(helsinki)


@pytest.fixture(scope="module")
def graph(roads: Network) -> csr_matrix:
    first, head, weight = through(roads.turns)
    return csr_matrix((weight.astype(np.float64), head, first), shape=(len(roads.turns), len(roads.turns)))


def some(roads: Network, count: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).choice(len(roads.turns), count, replace=False)


def at(node: int) -> Seeds:
    return Seeds.of([[(node, 0)]])


def table(hierarchy: Hierarchy, origins: NDArray[np.int64], destinations: NDArray[np.int64]) -> NDArray[np.int64]:
    out = labels(hierarchy, Seeds.of([[(node, 0)] for node in origins.tolist()]), forward=True)
    into = labels(hierarchy, Seeds.of([[(node, 0)] for node in destinations.tolist()]), forward=False)
    return join(out, into).astype(np.int64)


def plain(graph: csr_matrix, origins: NDArray[np.int64]) -> NDArray[np.int64]:
    rows = dijkstra(graph, indices=origins)
    whole: NDArray[np.int64] = np.where(np.isinf(rows), FAR, rows).astype(np.int64)
    return whole


def test_ten_thousand_pairs_are_those_of_a_plain_search(roads: Network, graph: csr_matrix) -> None:
    origins, destinations = some(roads, SIDE, 1), some(roads, PAIRS // SIDE, 2)
    right = plain(graph, origins)[:, destinations]
    assert right.size == PAIRS
    assert np.array_equal(table(roads.hierarchy, origins, destinations), right)
    assert np.unique(right).size > PAIRS // 10


def test_a_wrong_weight_is_seen_among_ten_thousand_pairs(roads: Network, graph: csr_matrix) -> None:
    """Negative control: a graph whose turns cost a tenth more gives other answers."""
    dearer = graph.copy()
    dearer.data += 1
    nodes = some(roads, SIDE, 1)
    assert (table(roads.hierarchy, nodes, nodes) != plain(dearer, nodes)[:, nodes]).mean() > 0.5


def test_a_search_from_an_origin_finds_what_a_search_to_the_destination_finds(
    roads: Network, graph: csr_matrix
) -> None:
    nodes = some(roads, 20, 3)
    there = np.array([sweep(roads.hierarchy, at(node), forward=True) for node in nodes.tolist()])
    back = np.array([sweep(roads.hierarchy, at(node), forward=False) for node in nodes.tolist()])
    assert np.array_equal(there, plain(graph, nodes))
    assert np.array_equal(there[:, nodes], back[:, nodes].T)


def test_no_node_on_the_way_makes_a_way_shorter(roads: Network) -> None:
    nodes = some(roads, 120, 4)
    tenths = table(roads.hierarchy, nodes, nodes)
    for via in range(len(nodes)):
        assert (tenths <= tenths[:, via, None] + tenths[None, via, :]).all()


def test_a_path_is_as_long_as_its_edges(roads: Network, graph: csr_matrix) -> None:
    first, head, weight = through(roads.turns)
    ends = some(roads, 400, 5).reshape(-1, 2)
    for start, end in ends.tolist():
        (tenths,), _, nodes = paths(roads.hierarchy, at(start), at(end))
        line = nodes.tolist()
        right = int(table(roads.hierarchy, np.array([start]), np.array([end]))[0, 0])
        assert tenths == right
        if tenths == FAR:
            continue
        assert (line[0], line[-1]) == (start, end)
        steps = 0
        for a, b in zip(line, line[1:], strict=False):
            part = slice(first[a], first[a + 1])
            steps += int(weight[part][head[part] == b].min())
        assert steps == tenths
