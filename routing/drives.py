"""Drives between spots on directed streets, in tenths of a second: turns, kerbs and private yards are kept to.

A vehicle stands at a spot on one side of a street, came along it and goes on the same way: so a drive by way of a spot
is never faster than the drive itself. Private streets are driven only to leave them, or to reach a spot on them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import heappop, heappush
from itertools import pairwise
from threading import Lock
from typing import NamedTuple

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from routing import hierarchy as ch
from routing.hierarchy import FAR, Buckets, Hierarchy, Ints, Labels, Seeds
from routing.streets import Stretches
from routing.turns import Turns

_ARCS = 2**12

SPOTS = 2**16
"""Spots whose labels are remembered at most."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A point at the kerb of a street.

    backward: does its traffic drive from head to tail? share: of the street's length from its tail.
    """

    street: int
    backward: bool
    share: float

    @property
    def arc(self) -> int:
        """Number of the directed street: twice the street's, and one more where it is driven backward."""
        return 2 * self.street + self.backward

    @property
    def driven(self) -> float:
        """Share of the street that a vehicle at this spot has driven."""
        return 1 - self.share if self.backward else self.share


class _Step(NamedTuple):
    """The way on into a private yard: tenths from a node's end to the end of the arc looked for, and the next node."""

    tenths: int
    node: int


class Drives:
    """All drives on a network; may be shared by threads."""

    def __init__(self, turns: Turns, hierarchy: Hierarchy) -> None:
        self._turns, self._hierarchy = turns, hierarchy
        arcs = 2 * turns.street.astype(np.int64) + turns.backward
        self._by_arc = np.argsort(arcs, kind="stable").astype(np.int32)
        self._first = np.searchsorted(arcs[self._by_arc], np.arange(int(arcs.max(initial=-1)) + 2))
        source = np.repeat(np.arange(len(turns)), np.diff(turns.first))
        order = np.argsort(turns.head, kind="stable")
        self._into = source[order]
        self._into_first = np.searchsorted(turns.head[order], np.arange(len(turns) + 1))
        self._into_cost = turns.cost[order]
        self._yard = lru_cache(_ARCS)(self._find_yard)
        self._departed = Remembered(self._onward_of, SPOTS)

    def out_of(self, spots: Sequence[Spot]) -> Labels:
        """Label spots as origins."""
        return ch.labels(self._hierarchy, Seeds.of(map(self._exits, spots)), forward=True)

    def into(self, spots: Sequence[Spot]) -> Labels:
        """Label spots as destinations."""
        return ch.labels(self._hierarchy, Seeds.of(map(self._entries, spots)), forward=False)

    def _onward_of(self, spots: Sequence[Spot]) -> Labels:
        """Label spots as origins of drives round the block."""
        return ch.labels(self._hierarchy, Seeds.of(map(self._departures, spots)), forward=True)

    def in_buckets(self, labels: Labels) -> Buckets:
        """Sort the labels of many spots, to be held against a few again and again."""
        return Buckets.of(labels, len(self._hierarchy.node))

    def table(
        self, origins: tuple[Sequence[Spot], Labels | Buckets], destinations: tuple[Sequence[Spot], Labels | Buckets]
    ) -> NDArray[np.int32]:
        """Drive from each origin (row) to each destination (column), tenths; `FAR` where no way leads."""
        (starts, outward), (ends, inward) = origins, destinations
        tenths = ch.join(outward, inward)
        passed = tenths < 0  # on its own arc, but already behind
        if passed.any():
            row, column = np.divmod(np.flatnonzero(passed), len(ends))
            some, k = np.unique(row, return_inverse=True)
            again = self._departed([starts[i] for i in some.tolist()])
            if isinstance(inward, Buckets):
                few, column = np.unique(column, return_inverse=True)
                inward = self.into([ends[j] for j in few.tolist()])
            tenths[passed] = ch.join_each(again, inward, np.stack((k, column), axis=1))
        return tenths

    def along(self, legs: Sequence[tuple[Spot, Spot]]) -> tuple[NDArray[np.int32], Stretches]:
        """Give the tenths of the fastest drive of each leg, `FAR` without a way, and what it follows of streets."""
        around = [a.arc == b.arc and self._rest(a) < self._rest(b) for a, b in legs]
        tenths, first, found = ch.paths(
            self._hierarchy,
            Seeds.of(
                self._departures(a) if back else self._exits(a) for (a, _), back in zip(legs, around, strict=True)
            ),
            Seeds.of(self._entries(b) for _, b in legs),
        )
        nodes = [found[begin:end] for begin, end in pairwise(first.tolist())]
        for k, (a, b) in enumerate(legs):
            if a.arc == b.arc and not around[k]:
                tenths[k], nodes[k] = self._rest(a) - self._rest(b), np.array([self._node(a.arc)], np.int32)
            elif tenths[k] != FAR:
                before = [self._node(a.arc)] if around[k] else []
                behind = self._behind_gate(int(nodes[k][-1]), b)
                if before or behind:
                    nodes[k] = np.concatenate((before, nodes[k], behind)).astype(np.int32)
        return tenths, self._stretches(legs, nodes)

    def _behind_gate(self, node: int, destination: Spot) -> list[int]:
        """List the nodes that follow in the destination's yard, if it stands in one."""
        yard, inside = self._yard(destination.arc), []
        while yard[node].node >= 0:
            node = yard[node].node
            inside.append(node)
        return inside

    def _stretches(self, legs: Sequence[tuple[Spot, Spot]], nodes: Sequence[Ints]) -> Stretches:
        first = np.cumsum([0, *map(len, nodes)]).astype(np.int32)
        flat = np.concatenate([*nodes, np.empty(0, np.int32)])
        start = self._turns.backward[flat].astype(np.float64)
        end = 1 - start
        for k, (a, b) in enumerate(legs):
            if len(nodes[k]):
                start[first[k]], end[first[k + 1] - 1] = a.share, b.share
        return Stretches(first, self._turns.street[flat], start, end)

    def _node(self, arc: int) -> int:
        """Give the node of an arc itself, not of its copies."""
        return int(self._by_arc[self._first[arc]])

    def _nodes(self, arc: int) -> list[int]:
        """List the node of an arc, and then its copies."""
        found: list[int] = self._by_arc[self._first[arc] : self._first[arc + 1]].tolist()
        return found

    def _rest(self, spot: Spot) -> int:
        """Tenths from a spot to the end of its street."""
        time = int(self._turns.time[self._node(spot.arc)])
        return time - round(spot.driven * time)

    def _exits(self, spot: Spot) -> list[tuple[int, int]]:
        return [(self._node(spot.arc), self._rest(spot))]

    def _departures(self, spot: Spot) -> list[tuple[int, int]]:
        """List the nodes after the first turn, for a drive round the block back to where it came from."""
        turns, node = self._turns, self._node(spot.arc)
        part = slice(turns.first[node], turns.first[node + 1])
        to = turns.head[part]
        through = turns.private[node] | ~turns.private[to]
        tenths = self._rest(spot) + turns.cost[part] + turns.time[to]
        return list(zip(to[through].tolist(), tenths[through].tolist(), strict=True))

    def _entries(self, spot: Spot) -> list[tuple[int, int]]:
        rest = self._rest(spot)
        return [(node, step.tenths - rest) for node, step in self._yard(spot.arc).items()]

    def _find_yard(self, arc: int) -> dict[int, _Step]:
        """Find the nodes of an arc and, where it is private, those from which it is entered, by way of private ones."""
        turns, ends = self._turns, self._nodes(arc)
        found = {node: _Step(0, -1) for node in ends}
        queue = [(0, node) for node in ends if turns.private[node]]
        while queue:
            tenths, node = heappop(queue)
            if tenths > found[node].tenths:
                continue
            for k in range(self._into_first[node], self._into_first[node + 1]):
                before, longer = int(self._into[k]), tenths + int(self._into_cost[k]) + int(turns.time[node])
                if before not in found or longer < found[before].tenths:
                    found[before] = _Step(longer, node)
                    if turns.private[before]:
                        heappush(queue, (longer, before))
        return found


def through(turns: Turns) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Give the graph that a hierarchy is built of (CSR first, head, weight in tenths): no turn into a private yard."""
    source = np.repeat(np.arange(len(turns)), np.diff(turns.first))
    kept = turns.private[source] | ~turns.private[turns.head]
    first = np.searchsorted(source[kept], np.arange(len(turns) + 1)).astype(np.int32)
    head = turns.head[kept]
    return first, head, (turns.cost[kept] + turns.time[head]).astype(np.int32)


class Remembered:
    """The labels of spots that were asked for lately; the others of one question are made in one search."""

    def __init__(self, label: Callable[[Sequence[Spot]], Labels], most: int) -> None:
        self._label = label
        self._known: LRUCache[Spot, Labels] = LRUCache(most)
        self._lock = Lock()

    def __call__(self, spots: Sequence[Spot]) -> Labels:
        """Give the labels of spots, in their order."""
        with self._lock:
            found = {spot: self._known[spot] for spot in spots if spot in self._known}
        unknown = list(dict.fromkeys(spot for spot in spots if spot not in found))
        if unknown:
            made = self._label(unknown)
            each = dict(zip(unknown, _single(made), strict=True))
            with self._lock:
                self._known.update(each)
            if len(unknown) == len(spots):
                return made
            found |= each
        return _gathered([found[spot] for spot in spots])


def _single(labels: Labels) -> Iterator[Labels]:
    """Split the labels of several places into those of each."""
    for begin, end in pairwise(labels.first.tolist()):
        first = np.array([0, end - begin], np.int64)
        yield Labels(first, labels.node[begin:end].copy(), labels.seconds[begin:end].copy())


def _gathered(parts: Sequence[Labels]) -> Labels:
    """Put the labels of several places one after another."""
    if len(parts) == 1:
        return parts[0]
    counts = [len(part.node) for part in parts]
    return Labels(
        np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        np.concatenate([part.node for part in parts] or [np.empty(0, np.int32)]),
        np.concatenate([part.seconds for part in parts] or [np.empty(0, np.int32)]),
    )
