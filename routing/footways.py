"""Where people walk in a prepared area, as flat arrays: footways between junctions, in millimetres."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.area import EARTH_RADIUS
from routing.streets import E7, Streets

LEAST = 1_000_000
"""Millimetres of footway without which an unconnected part is a fragment that leads nowhere."""

_Link = tuple[int, int, bool, bool]
"""Two nodes next to each other, is the walk step-free, and is it walked only in this direction."""


class Footpath(NamedTuple):
    """A line that people walk along. nodes: ids in their order, at least two."""

    nodes: tuple[int, ...]
    step_free: bool = True
    one_way: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Footways:
    """E footways between N junctions.

    tail, head: [E] junction numbers of both ends. length: [E] millimetres. step_free: [E], fit for wheelchairs and
    walkers. one_way: [E], walked only from tail to head (escalators). points: (lon, lat) in units of 1e-7 degrees;
    footway f has points[first[f]:first[f + 1]], tail first. out: the footways that leave junction n are
    out[out_first[n]:out_first[n + 1]], footway f walked forward as 2 * f, backward as 2 * f + 1.
    """

    tail: NDArray[np.int32]
    head: NDArray[np.int32]
    length: NDArray[np.int32]
    step_free: NDArray[np.bool_]
    one_way: NDArray[np.bool_]
    points: NDArray[np.int32]
    first: NDArray[np.int32]
    out_first: NDArray[np.int32]
    out: NDArray[np.int32]

    @staticmethod
    def of(streets: Streets) -> "Footways":
        """Take every street both ways, where nothing is known but streets."""
        count = len(streets.tail)
        return _footways(
            (np.array(streets.tail), np.array(streets.head)),
            (np.ones(count, bool), np.zeros(count, bool)),
            np.array(streets.points),
            np.array(streets.first),
        )

    @staticmethod
    def joined(paths: Iterable[Footpath], places: dict[int, tuple[int, int]]) -> "Footways":
        """Join footpaths at their common nodes; parts shorter than `LEAST` that lead nowhere else are left out.

        places: (lon, lat) of each node in units of 1e-7 degrees. The same paths always give the same arrays.
        """
        chains = _largest_parts(sorted(_chains(_links(paths))), places)
        nodes = sorted({node for chain in chains for node in (chain.nodes[0], chain.nodes[-1])})
        number = {node: k for k, node in enumerate(nodes)}
        points = np.array([places[node] for chain in chains for node in chain.nodes], np.int32).reshape(-1, 2)
        ends = [[number[chain.nodes[end]] for chain in chains] for end in (0, -1)]
        return _footways(
            (np.array(ends[0], np.int32), np.array(ends[1], np.int32)),
            (np.array([one.step_free for one in chains], bool), np.array([one.one_way for one in chains], bool)),
            points,
            np.cumsum([0, *(len(chain.nodes) for chain in chains)]).astype(np.int32),
        )


def _footways(
    ends: tuple[NDArray[np.int32], NDArray[np.int32]],
    kind: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    points: NDArray[np.int32],
    first: NDArray[np.int32],
) -> Footways:
    (tail, head), (step_free, one_way) = ends, kind
    arcs = np.concatenate((2 * np.arange(len(tail)), 2 * np.flatnonzero(~one_way) + 1))
    start = np.where(arcs % 2, head[arcs // 2], tail[arcs // 2])
    order = np.lexsort((arcs, start))
    size = 1 + int(max(tail.max(initial=-1), head.max(initial=-1)))
    return Footways(
        tail=tail,
        head=head,
        length=_lengths(points, first),
        step_free=step_free,
        one_way=one_way,
        points=points,
        first=first,
        out_first=np.searchsorted(start[order], np.arange(size + 1)).astype(np.int32),
        out=arcs[order].astype(np.int32),
    )


def _lengths(points: NDArray[np.int32], first: NDArray[np.int32]) -> NDArray[np.int32]:
    """Measure lines along great circles, rounded up, so that no walk is shorter than the crow flies."""
    lon, lat = np.radians(points.astype(np.float64) * E7).T
    half_lat, half_lon = np.diff(lat) / 2, np.diff(lon) / 2
    chord = np.hypot(np.sin(half_lat), np.sqrt(np.cos(lat[1:]) * np.cos(lat[:-1])) * np.sin(half_lon))
    so_far = np.concatenate(([0.0], np.cumsum(2000 * EARTH_RADIUS * np.arcsin(chord))))
    whole = so_far[first[1:] - 1] - so_far[first[:-1]] if len(points) else np.empty(0)
    return np.ceil(whole.round(3)).astype(np.int32)


def _links(paths: Iterable[Footpath]) -> list[_Link]:
    """List what lies between neighbouring nodes, the same thing only once."""
    links: dict[_Link, None] = {}
    for path in paths:
        for u, v in pairwise(path.nodes):
            if u != v:
                ends = (u, v) if path.one_way else (min(u, v), max(u, v))
                links[*ends, path.step_free, path.one_way] = None
    return list(links)


def _chains(links: list[_Link]) -> Iterator[Footpath]:
    """Join links to footpaths between junctions: nodes where something branches, ends or changes."""
    at: dict[int, list[int]] = {}
    for k, (u, v, _, _) in enumerate(links):
        at.setdefault(u, []).append(k)
        at.setdefault(v, []).append(k)
    taken = [False] * len(links)
    passed = {
        node
        for node, here in at.items()
        if len(here) == 2 and not links[here[0]][3] and links[here[0]][2:] == links[here[1]][2:]
    }

    def chain(k: int, node: int) -> Footpath:
        start, nodes, kind = node, [node], links[k][2:]
        while not taken[k]:
            taken[k] = True
            u, v = links[k][:2]
            node = v if node == u else u
            nodes.append(node)
            if node == start or node not in passed:
                break
            k = next((other for other in at[node] if not taken[other]), k)
        return Footpath(tuple(nodes), *kind)

    nodes = sorted(at)
    junctions = [node for node in nodes if node not in passed]
    for node in (*junctions, *nodes):
        for k in at[node]:
            if not taken[k] and (not links[k][3] or links[k][0] == node):
                yield chain(k, node)


def _largest_parts(chains: list[Footpath], places: dict[int, tuple[int, int]]) -> list[Footpath]:
    """Keep the longest connected part, and every other that is long enough to lead somewhere."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not chains:
        return []
    nodes = sorted({node for chain in chains for node in (chain.nodes[0], chain.nodes[-1])})
    number = {node: k for k, node in enumerate(nodes)}
    tail, head = ([number[chain.nodes[end]] for chain in chains] for end in (0, -1))
    points = np.array([places[node] for chain in chains for node in chain.nodes], np.int32)
    lengths = _lengths(points, np.cumsum([0, *(len(chain.nodes) for chain in chains)]))
    graph = coo_matrix((np.ones(len(chains)), (tail, head)), shape=(len(nodes), len(nodes)))
    part = connected_components(graph, directed=False)[1][tail]
    size = np.bincount(part, lengths)
    kept = size[part] >= min(LEAST, size.max())
    return [chain for chain, keep in zip(chains, kept.tolist(), strict=True) if keep]
