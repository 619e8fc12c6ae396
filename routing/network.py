"""The junctions of an area as sparse graphs, the fastest of parallel streets kept, and paths back to streets."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from routing.streets import Streets, Stretch


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A graph whose k-th stored arc is street[k], driven from head to tail where backward[k]."""

    graph: csr_matrix
    street: NDArray[np.int32]
    backward: NDArray[np.int32]

    @staticmethod
    def driving(streets: Streets) -> "Network":
        """Weigh arcs by whole seconds, one-way streets in their direction only."""
        source, target, seconds, street, backward = streets.both_ways()
        return _network(len(streets.nodes), (source, target), seconds, street, backward)

    @staticmethod
    def walking(streets: Streets) -> "Network":
        """Weigh arcs by metres, every street both ways."""
        ends = np.concatenate((streets.tail, streets.head)), np.concatenate((streets.head, streets.tail))
        street = np.arange(len(streets.tail), dtype=np.int32)
        backward = np.repeat(np.array([0, 1], np.int32), len(street))
        return _network(len(streets.nodes), ends, np.tile(streets.length, 2), np.tile(street, 2), backward)

    def stretches(self, start: int, end: int) -> list[Stretch]:
        """List the whole streets of a shortest path between two junctions that are connected."""
        _, before = dijkstra(self.graph, indices=start, return_predecessors=True)
        nodes = [end]
        while nodes[-1] != start:
            nodes.append(int(before[nodes[-1]]))
        return [self._stretch(a, b) for a, b in pairwise(reversed(nodes))]

    def _stretch(self, source: int, target: int) -> Stretch:
        first, end = self.graph.indptr[source : source + 2]
        arc = first + np.searchsorted(self.graph.indices[first:end], target)
        return (int(self.street[arc]), 1.0, 0.0) if self.backward[arc] else (int(self.street[arc]), 0.0, 1.0)


def _network(
    size: int,
    ends: tuple[NDArray[np.int32], NDArray[np.int32]],
    weight: NDArray[np.int32] | NDArray[np.float32],
    street: NDArray[np.int32],
    backward: NDArray[np.int32],
) -> Network:
    source, target = ends
    order = np.lexsort((street, weight, target, source))
    fresh = np.ones(len(order), bool)
    fresh[1:] = (np.diff(source[order]) != 0) | (np.diff(target[order]) != 0)
    arc = order[fresh]
    starts = np.searchsorted(source[arc], np.arange(size + 1)).astype(np.int32)
    graph = csr_matrix((weight[arc].astype(np.float64), target[arc], starts), shape=(size, size))
    return Network(graph, street[arc], backward[arc])
