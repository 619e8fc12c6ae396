"""Merging segments to streets, held against OSMnx."""

from random import Random
from typing import Any

import networkx as nx
import osmnx as ox
import pytest

from routing.simplify import simplify

_MERGED: dict[str, Any] = {"length": sum, "ways": tuple}


def tangle(seed: int) -> nx.MultiDiGraph:
    """Random streets of many short segments: rings, dead ends, one-way and doubled segments, kept nodes among them."""
    random = Random(seed)
    graph = nx.MultiDiGraph(crs="epsg:4326")
    for node in range(60):
        kept = {"kept": 1} if random.random() < 0.1 else {}
        graph.add_node(node, x=random.random(), y=random.random(), **kept)
    for _ in range(25):
        line = [random.randrange(60) for _ in range(random.randint(2, 9))]
        for u, v in zip(line, line[1:], strict=False):
            about = {"length": random.random(), "ways": random.randrange(9), "name": random.choice("ab")}
            graph.add_edge(u, v, **about)
            if random.random() < 0.7:
                graph.add_edge(v, u, **about)
    return graph


@pytest.mark.parametrize("seed", range(100))
def test_streets_are_merged_as_osmnx_merges_them_in_the_same_order(seed: int) -> None:
    graph = tangle(seed)
    theirs = ox.simplify_graph(graph, node_attrs_include=("kept",), remove_rings=False, edge_attr_aggs=_MERGED)
    simplify(graph, {"kept"}, _MERGED)
    assert graph.graph == theirs.graph
    assert list(graph.nodes(data=True)) == list(theirs.nodes(data=True))
    ours, others = (list(one.edges(keys=True, data=True)) for one in (graph, theirs))
    assert ours == others
    assert [list(edge) for *_, edge in ours] == [list(edge) for *_, edge in others]


def test_a_graph_without_streets_stays_empty() -> None:
    graph = nx.MultiDiGraph(crs="epsg:4326")
    simplify(graph, {"kept"}, _MERGED)
    assert graph.graph["simplified"]
    assert not len(graph)
