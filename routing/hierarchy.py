"""The compiled core of routing: a contraction hierarchy on plain arrays, which knows nodes and weights but no roads.

Every node gets a position, 0 the most important. Edges of the hierarchy, shortcuts among them, lead from a node to
more important ones, and any shortest path climbs to its top and comes down again (Geisberger et al. 2008). Weights are
whole numbers >= 0, here tenths of a second, and so are all answers. Distances must stay below `FAR` / 2.

A label of a place is the set of tops that its shortest paths may have, with the exact distance to each; two labels
give the distance between their places (Abraham et al. 2011). All that a search allocates is its own: any number of
threads may share a hierarchy.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int32]
Array = NDArray[Any]
Progress = Callable[[int, int], None]

FAR = 2**30
"""The distance of what cannot be reached."""

LANES = 64
"""Origins that `join` takes at once, so that each step is a few vector instructions."""

_SETTLED = 40
"""Nodes that a search for a way around settles at most."""

_QUEUE = 2**14
"""Nodes that wait in such a search at most; those beyond are not followed."""
_TILE = 16
"""Destinations whose answers are turned from [destination, lane] to [lane, destination] at once: a line of cache."""

FEW = 10
"""Origins or destinations up to which `join` does better without a table."""

_SHARED = 16
"""A node that one of so many places has in its label has a row of its own in `Buckets`: as many lanes has a vector."""

# what comes before a position that a search did not climb to
_SEED, _STALLED = -1, -2

_IDLE: dict[int, list[Ints]] = {}
"""Scratch arrays that no search uses just now, by number of nodes."""

# columns of the edges of a graph that is being contracted: the other end, the weight, the node under a shortcut or -1,
# and the original edges that the edge stands for
(OTHER, WEIGHT, MIDDLE, HOPS, COLUMNS) = range(5)


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """A contraction hierarchy of N nodes; all arrays int32 and read-only.

    number: [N], position of each node. node: [N], node at each position; every other array speaks of positions only.
    up_*: edges that leave a position p for more important ones, as rows first[p]:first[p + 1] of (head, weight,
    middle). down_*: edges that enter p from more important ones, `head` then being where they come from. middle: the
    position that a shortcut passes over, -1 for an edge of the graph.
    """

    number: Ints
    node: Ints
    up_first: Ints
    up_head: Ints
    up_weight: Ints
    up_middle: Ints
    down_first: Ints
    down_head: Ints
    down_weight: Ints
    down_middle: Ints

    def arrays(self) -> dict[str, Ints]:
        """Give everything by name, to be kept in a file."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @staticmethod
    def of(arrays: Mapping[str, ArrayLike]) -> "Hierarchy":
        """Take back what `arrays` gave; memory maps stay where they are. Raises KeyError when one is missing."""
        return Hierarchy(**{field.name: _plain(arrays[field.name]) for field in fields(Hierarchy)})


@dataclass(frozen=True, slots=True, eq=False)
class Seeds:
    """Where P places join the graph: place p by nodes node[k], `offset` away, for k in first[p]:first[p + 1].

    Offsets may be negative: a destination lies before the end of its road. All arrays int32.
    """

    first: Ints
    node: Ints
    offset: Ints

    @staticmethod
    def of(places: Iterable[Iterable[tuple[int, int]]]) -> "Seeds":
        """Take the (node, offset) pairs of each place."""
        listed = [list(place) for place in places]
        first = np.cumsum([0, *map(len, listed)]).astype(np.int32)
        flat = np.array([pair for place in listed for pair in place], np.int32).reshape(-1, 2)
        return Seeds(first, flat[:, 0].copy(), flat[:, 1].copy())


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labels of P places: place p has rows first[p]:first[p + 1] of (node, seconds), by rising position `node`.

    seconds: in units of the weights, offsets included. All arrays int32 but `first`, int64 [P + 1].
    """

    first: NDArray[np.int64]
    node: Ints
    seconds: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """Labels of P places, by node: a few labels are joined with these without looking at what they do not share.

    row: [N], the row of `table` for a node that many places share, else -1. table: [rows, P], seconds or `FAR`.
    Any other node v has rows first[v]:first[v + 1] of (place, seconds). All arrays int32.
    """

    row: Ints
    table: Ints
    first: Ints
    place: Ints
    seconds: Ints

    @staticmethod
    def of(labels: Labels, nodes: int) -> "Buckets":
        """Sort the labels of places on a hierarchy of so many nodes."""
        places = len(labels.first) - 1
        owner = np.repeat(np.arange(places, dtype=np.int32), np.diff(labels.first))
        count = np.bincount(labels.node, minlength=nodes)
        shared = count * _SHARED >= max(places, 1)
        row = np.where(shared, np.cumsum(shared) - 1, -1).astype(np.int32)
        table = np.full((np.count_nonzero(shared), places), FAR, np.int32)
        wide = shared[labels.node]
        table[row[labels.node[wide]], owner[wide]] = labels.seconds[wide]
        order = np.flatnonzero(~wide)[np.argsort(labels.node[~wide], kind="stable")]
        first = np.concatenate(([0], np.cumsum(np.where(shared, 0, count))))
        return Buckets(*map(_plain, (row, table, first, owner[order], labels.seconds[order])))


def contract(first: ArrayLike, head: ArrayLike, weight: ArrayLike, progress: Progress | None = None) -> Hierarchy:
    """Build the hierarchy of a graph in rows (CSR); the same graph always gives the same bytes.

    first: [N + 1]; head, weight: [E], int32. `progress` hears how many nodes of how many are done. Nodes of one round
    are no neighbours, and each the cheapest of its neighbourhood: by added edges, hops and level (as in RoutingKit).
    Raises ValueError when a weight is negative.
    """
    starts, heads, weights = _plain(first, np.int64), _plain(head), _plain(weight)
    if len(weights) and weights.min() < 0:
        raise ValueError("A weight is negative: a shortest path would not be defined.")
    size = len(starts) - 1
    pool, begin, count, room = _spread(starts, heads, weights)
    level, cost, left = np.zeros(size, np.int32), np.full(size, -1, np.int64), np.arange(size, dtype=np.int32)
    far, queue = np.full(size, FAR, np.int32), np.empty(_QUEUE, np.int64)
    stale = np.ones(size, np.bool_)  # a cost of before a neighbour went: too low as a rule, so worked out again in time
    while len(left):
        _appraise(pool, begin, count, level, cost, stale, left, far, queue)
        pool, left = _round(pool, begin, count, room, level, cost, stale, left, far, queue)
        if progress:
            progress(size - len(left), size)
    return _arrange(pool, begin, count, level)


def labels(hierarchy: Hierarchy, starts: Seeds, *, forward: bool) -> Labels:
    """Label places as origins (`forward`) or as destinations."""
    with _scratch(len(hierarchy.node)) as scratch:
        return Labels(*_labels(*_searched(hierarchy, forward=forward), *_seeds(hierarchy, starts), scratch))


def join(origins: Labels | Buckets, destinations: Labels | Buckets) -> Ints:
    """Give the distance from each of P origins to each of Q destinations, int32 [P, Q]; `FAR` where there is no way.

    origins: labelled forward, destinations: labelled backward, of one hierarchy. Not both may be buckets.
    """
    if isinstance(destinations, Buckets):
        return _join_buckets(origins, destinations)
    if isinstance(origins, Buckets):
        return np.ascontiguousarray(_join_buckets(destinations, origins).T)
    out = _plain(origins.first, np.int64), _plain(origins.node), _plain(origins.seconds)
    into = _plain(destinations.first, np.int64), _plain(destinations.node), _plain(destinations.seconds)
    if len(origins.first) - 1 <= FEW and len(destinations.first) - 1 <= FEW:
        return _join_pairs(*out, *into)
    if len(origins.first) - 1 <= FEW:
        return _join_few(*out, *into)
    if len(destinations.first) - 1 <= FEW:
        return np.ascontiguousarray(_join_few(*into, *out).T)
    return _join_many(*out, *into)


def join_each(origins: Labels, destinations: Labels, pairs: Array) -> Ints:
    """Give the distance from origin pairs[k, 0] to destination pairs[k, 1], int32 [K]; `FAR` where there is no way."""
    out = _plain(origins.first, np.int64), _plain(origins.node), _plain(origins.seconds)
    into = _plain(destinations.first, np.int64), _plain(destinations.node), _plain(destinations.seconds)
    return _join_each(*out, *into, _plain(pairs, np.int64))


def round_up(distances: Ints, far: int) -> None:
    """Turn tenths [P, Q], none negative, into whole units in place, rounded up; those that are `FAR` become `far`."""
    _round_up(distances.reshape(-1), np.int32(far))


def sweep(hierarchy: Hierarchy, seeds: Seeds, *, forward: bool) -> Ints:
    """Give the distance of every node from the seeds (`forward`) or to them, int32 [N] (Delling et al. 2011, PHAST)."""
    _, node, offset = _seeds(hierarchy, seeds)
    with _scratch(len(hierarchy.node)) as scratch:
        return _sweep(hierarchy.number, *_searched(hierarchy, forward=forward), node, offset, scratch)


def paths(hierarchy: Hierarchy, sources: Seeds, targets: Seeds) -> tuple[Ints, Ints, Ints]:
    """Give the distances of P shortest paths and their nodes in order: path p has nodes[first[p]:first[p + 1]].

    Path p leads from any of the seeds of source p to any of target p; both offsets are part of the distance, which is
    `FAR` where there is no way, and no nodes. All int32.
    """
    h = hierarchy
    up = h.up_first, h.up_head, h.up_weight, h.up_middle
    down = h.down_first, h.down_head, h.down_weight, h.down_middle
    with _scratch(len(h.node)) as scratch:
        return _paths(h.node, *up, *down, *_seeds(h, sources), *_seeds(h, targets), scratch)


def warm() -> None:
    """Compile everything, or load it from Numba's cache."""
    hierarchy = contract([0, 1, 2, 2], [1, 2], [1, 1])
    ends = Seeds.of([[(0, 0)]] * (FEW + 1))
    out, into = labels(hierarchy, ends, forward=True), labels(hierarchy, ends, forward=False)
    one = Labels(out.first[:2], out.node, out.seconds)
    for many in (into, one, Buckets.of(into, 3)):
        join(one, many)
    join(out, into)
    round_up(join_each(out, into, np.zeros((1, 2))), FAR)
    sweep(hierarchy, ends, forward=True)
    paths(hierarchy, ends, ends)


@contextmanager
def _scratch(size: int) -> Iterator[Ints]:
    """Lend int32 [6, size] whose first two rows are `FAR`, as every search leaves them: to fill them takes longer."""
    idle = _IDLE.setdefault(size, [])
    try:
        scratch = idle.pop()
    except IndexError:
        scratch = np.full((6, size), FAR, np.int32)
    yield scratch
    idle.append(scratch)


def _plain(array: ArrayLike, kind: type[np.signedinteger] = np.int32) -> Array:
    """See an array as the one type that the compiled functions know: contiguous, aligned and read-only."""
    plain = np.require(array, kind, ("C", "A")).view(np.ndarray)
    plain.flags.writeable = False
    return plain


def _seeds(hierarchy: Hierarchy, seeds: Seeds) -> tuple[Ints, Ints, Ints]:
    return _plain(seeds.first), _plain(hierarchy.number[seeds.node]), _plain(seeds.offset)


def _searched(hierarchy: Hierarchy, *, forward: bool) -> tuple[Ints, Ints, Ints, Ints, Ints, Ints]:
    """The edges that a search climbs, and those that lead the same way but down."""
    h = hierarchy
    up, down = (h.up_first, h.up_head, h.up_weight), (h.down_first, h.down_head, h.down_weight)
    return (*up, *down) if forward else (*down, *up)


def _arrange(pool: Ints, begin: NDArray[np.int64], count: Ints, level: Ints) -> Hierarchy:
    """Order nodes by falling level: what a sweep reads then lies in the order in which it is read."""
    node = np.argsort(-level, kind="stable").astype(np.int32)
    number = np.empty_like(node)
    number[node] = np.arange(len(node), dtype=np.int32)
    rows: list[Ints] = []
    for side in (0, 1):
        sizes = count[2 * node + side].astype(np.int64)
        first = np.concatenate(([0], np.cumsum(sizes)))
        at = np.repeat(begin[2 * node + side] - first[:-1], sizes) + np.arange(first[-1])
        owner = np.repeat(np.arange(len(node)), sizes)
        other, middle = number[pool[at, OTHER]], pool[at, MIDDLE]
        order = np.lexsort((other, owner))
        rows += [first, other[order], pool[at, WEIGHT][order], np.where(middle < 0, -1, number[middle])[order]]
    return Hierarchy(*map(_plain, (number, node, *rows)))


@njit(cache=True, nogil=True)
def _push(heap: Array, size: int, key: int) -> Any:
    """Put a key into a heap of `size` keys, the least on top; returns the new size."""
    k = np.int64(size)
    while k > 0:
        above = (k - 1) >> 1
        if heap[above] <= key:
            break
        heap[k] = heap[above]
        k = above
    heap[k] = key
    return size + 1


@njit(cache=True, nogil=True)
def _drop(heap: Array, size: int) -> Any:
    """Take the top off a heap of `size` keys; returns the new size."""
    size -= 1
    key, k = heap[size], np.int64(0)
    while True:
        below = 2 * k + 1
        if below >= size:
            break
        if below + 1 < size and heap[below + 1] < heap[below]:
            below += 1
        if heap[below] >= key:
            break
        heap[k] = heap[below]
        k = below
    heap[k] = key
    return size


@njit(cache=True, nogil=True)
def _spread(first: Array, head: Array, weight: Array) -> tuple[Any, ...]:
    """Lay the graph out so that it can grow: lists of edges out (2 v) and in (2 v + 1), each with room for more.

    Loops are left out, and the lightest of parallel edges stays. Returns edges [K, COLUMNS] and for each list its
    first row, its rows and its room.
    """
    n = len(first) - 1
    count, last = np.zeros(2 * n, np.int32), np.full(n, -1, np.int64)
    lightest = weight.copy()
    for v in range(n):
        for e in range(first[v], first[v + 1]):
            x = head[e]
            if x == v:
                lightest[e] = -1
            elif last[x] >= first[v]:
                lightest[last[x]] = min(lightest[last[x]], weight[e])
                lightest[e] = -1
            else:
                last[x] = e
                count[2 * v] += 1
                count[2 * x + 1] += 1
    begin, room = np.empty(2 * n, np.int64), np.empty(2 * n, np.int32)
    used = np.int64(0)
    for k in range(2 * n):
        begin[k], room[k] = used, count[k] + 2
        used += room[k]
        count[k] = 0
    pool = np.empty((2 * used + 64, COLUMNS), np.int32)
    for v in range(n):
        for e in range(first[v], first[v + 1]):
            if lightest[e] >= 0:
                _append(pool, begin, count, 2 * v, head[e], lightest[e], -1, 1)
                _append(pool, begin, count, 2 * head[e] + 1, v, lightest[e], -1, 1)
    return pool, begin, count, room


@njit(cache=True, nogil=True)
def _append(pool: Array, begin: Array, count: Array, k: int, other: int, weight: int, middle: int, hops: int) -> None:
    """Add an edge to list `k`, which has room for it."""
    row = begin[k] + count[k]
    pool[row, OTHER], pool[row, WEIGHT], pool[row, MIDDLE], pool[row, HOPS] = other, weight, middle, hops
    count[k] += 1


@njit(cache=True, nogil=True)
def _shortcuts(
    pool: Array, begin: Array, count: Array, v: int, far: Array, queue: Array, touched: Array, found: Array
) -> tuple[Any, Any]:
    """Find the shortcuts that the graph needs without `v`; returns how many, and their original edges.

    Writes (from, to, weight, original edges) to `found` as far as it reaches. A way around that the limited search
    does not see costs a shortcut too many, never a wrong one. The last edge of a way around is looked for from its
    head: so a search ends one edge earlier, among far fewer nodes.
    """
    needed, hops = np.int64(0), np.int64(0)
    out, into = begin[2 * v], begin[2 * v + 1]
    out_end, into_end = out + count[2 * v], into + count[2 * v + 1]
    beyond = np.empty(out_end - out, np.int64)
    for o in range(out, out_end):
        beyond[o - out] = pool[o, WEIGHT] - _lightest_but(pool, begin, count, 2 * np.int64(pool[o, OTHER]) + 1, v)
    for i in range(into, into_end):
        u, before = pool[i, OTHER], np.int64(pool[i, WEIGHT])
        limit, waiting = np.int64(-1), 0
        for o in range(out, out_end):
            if pool[o, OTHER] != u:
                limit = max(limit, before + beyond[o - out])
                waiting += 1
        if not waiting:
            continue
        seen = _look_around(pool, begin, count, u, v, limit, far, queue, touched)
        for o in range(out, out_end):
            x, weight = np.int64(pool[o, OTHER]), before + pool[o, WEIGHT]
            if x == u or _is_reached(pool, begin, count, x, v, weight, far):
                continue
            if needed < len(found):
                found[needed, 0], found[needed, 1], found[needed, 2] = u, x, weight
                found[needed, 3] = pool[i, HOPS] + pool[o, HOPS]
            needed += 1
            hops += pool[i, HOPS] + pool[o, HOPS]
        for k in range(seen):
            far[touched[k]] = FAR
    return needed, hops


@njit(cache=True, nogil=True)
def _look_around(
    pool: Array, begin: Array, count: Array, u: int, v: int, limit: int, far: Array, queue: Array, touched: Array
) -> Any:
    """Search from `u` around `v`, as far as `limit`; fills `far` for the nodes in `touched`, and returns how many."""
    seen, size, settled = 1, 1, 0
    far[u], touched[0], queue[0] = 0, u, u
    while size and settled < _SETTLED:
        key = queue[0]
        at, x = key >> 32, np.int64(key & 0xFFFFFFFF)
        if at > limit:
            break
        size = _drop(queue, size)
        if at > far[x]:
            continue
        settled += 1
        for e in range(begin[2 * x], begin[2 * x] + count[2 * x]):
            y = pool[e, OTHER]
            there = at + pool[e, WEIGHT]
            if there < far[y] and y != v:
                if far[y] == FAR:
                    touched[seen] = y
                    seen += 1
                far[y] = there
                if there <= limit and size < len(queue):
                    size = _push(queue, size, (there << 32) | np.int64(y))
    return seen


@njit(cache=True, nogil=True)
def _lightest_but(pool: Array, begin: Array, count: Array, k: int, v: int) -> Any:
    """The least weight in list `k` of an edge whose other end is not `v`."""
    least = np.int64(FAR)
    for e in range(begin[k], begin[k] + count[k]):
        if pool[e, OTHER] != v:
            least = min(least, np.int64(pool[e, WEIGHT]))
    return least


@njit(cache=True, nogil=True)
def _is_reached(pool: Array, begin: Array, count: Array, x: int, v: int, weight: int, far: Array) -> bool:
    """Is `x` no farther than `weight`, itself or by one edge more from what a search around `v` saw?"""
    if far[x] <= weight:
        return True
    for e in range(begin[2 * x + 1], begin[2 * x + 1] + count[2 * x + 1]):
        y = pool[e, OTHER]
        if y != v and np.int64(far[y]) + pool[e, WEIGHT] <= weight:
            return True
    return False


@njit(cache=True, nogil=True)
def _appraise(
    pool: Array, begin: Array, count: Array, level: Array, cost: Array, stale: Array, left: Array,
    far: Array, queue: Array,
) -> None:  # fmt: skip
    """Work out again what it costs to contract each node that seems the cheapest of its neighbourhood."""
    touched, nothing = np.empty(len(far), np.int32), np.empty((0, 4), np.int32)
    for v in left:
        if not (stale[v] and _is_cheapest(pool, begin, count, cost, np.int64(v))):
            continue
        added, hops = _shortcuts(pool, begin, count, np.int64(v), far, queue, touched, nothing)
        gone, gone_hops = np.int64(0), np.int64(0)
        for k in range(2 * v, 2 * v + 2):
            gone += count[k]
            for e in range(begin[k], begin[k] + count[k]):
                gone_hops += pool[e, HOPS]
        price = 250 * np.int64(level[v])
        if gone:
            price += 1000 * added // gone + 1000 * hops // gone_hops
        cost[v], stale[v] = (price << 32) | ((np.int64(v) * 2654435761) & 0xFFFFFFFF), False


@njit(cache=True, nogil=True)
def _round(
    pool: Array, begin: Array, count: Array, room: Array, level: Array, cost: Array, stale: Array,
    left: Array, far: Array, queue: Array,
) -> tuple[Any, ...]:  # fmt: skip
    """Contract the nodes that cost less than all their neighbours; returns the edges and the nodes left."""
    used = np.int64(0)
    for k in range(len(begin)):
        used = max(used, begin[k] + room[k])
    chosen = np.zeros(len(left), np.bool_)
    for k in range(len(left)):
        v = np.int64(left[k])
        chosen[k] = not stale[v] and _is_cheapest(pool, begin, count, cost, v)
    touched, found = np.empty(len(far), np.int32), np.empty((64, 4), np.int32)
    for k in range(len(left)):
        if not chosen[k]:
            continue
        v = np.int64(left[k])
        most = np.int64(count[2 * v]) * count[2 * v + 1]
        if most > len(found):
            found = np.empty((2 * most, 4), np.int32)
        added, _ = _shortcuts(pool, begin, count, v, far, queue, touched, found)
        for side in range(2):
            for e in range(begin[2 * v + side], begin[2 * v + side] + count[2 * v + side]):
                x = np.int64(pool[e, OTHER])
                _take_out(pool, begin, count, 2 * x + 1 - side, v)
                level[x] = max(level[x], level[v] + 1)
                stale[x] = True
        for s in range(added):
            u, x = np.int64(found[s, 0]), np.int64(found[s, 1])
            for end in range(2):
                at, other = (2 * u, x) if end == 0 else (2 * x + 1, u)
                row = _find(pool, begin, count, at, other)
                if row >= 0:
                    pool[row, WEIGHT], pool[row, MIDDLE], pool[row, HOPS] = found[s, 2], v, found[s, 3]
                    continue
                if count[at] == room[at]:
                    room[at] = 2 * room[at]
                    if used + room[at] > len(pool):
                        wider = np.empty((2 * len(pool) + room[at], COLUMNS), np.int32)
                        wider[:used] = pool[:used]
                        pool = wider
                    for e in range(count[at]):
                        for c in range(COLUMNS):
                            pool[used + e, c] = pool[begin[at] + e, c]
                    begin[at] = used
                    used += room[at]
                _append(pool, begin, count, at, other, found[s, 2], v, found[s, 3])
    return pool, left[~chosen]


@njit(cache=True, nogil=True)
def _is_cheapest(pool: Array, begin: Array, count: Array, cost: Array, v: int) -> bool:
    """Does no neighbour of `v` cost less?"""
    for k in range(2 * v, 2 * v + 2):
        for e in range(begin[k], begin[k] + count[k]):
            if cost[pool[e, OTHER]] < cost[v]:
                return False
    return True


@njit(cache=True, nogil=True)
def _find(pool: Array, begin: Array, count: Array, k: int, other: int) -> Any:
    """The row of list `k` whose other end is `other`, or -1."""
    for e in range(begin[k], begin[k] + count[k]):
        if pool[e, OTHER] == other:
            return e
    return -1


@njit(cache=True, nogil=True)
def _take_out(pool: Array, begin: Array, count: Array, k: int, other: int) -> None:
    """Take the edge with that other end out of list `k`."""
    row, last = _find(pool, begin, count, k, other), begin[k] + count[k] - 1
    for c in range(COLUMNS):
        pool[row, c] = pool[last, c]
    count[k] -= 1


@njit(cache=True, nogil=True)
def _climb(
    first: Array, head: Array, weight: Array, down_first: Array, down_head: Array, down_weight: Array,
    seed: Array, offset: Array, begin: int, end: int, far: Array, via: Array, order: Array, heap: Array,
) -> Any:  # fmt: skip
    """Search upwards from seeds[begin:end], the least important first; returns how many positions were reached.

    In this order a distance by upward edges is final when its turn comes, whatever the signs of the offsets. A position
    that is nearer by way of a more important one leads nowhere (stall-on-demand). Fills `order`, the positions by
    rising importance, and for these `far`, which must be `FAR` everywhere before, and `via`: the position before,
    `_SEED` or `_STALLED`.
    """
    size, seen = np.int64(0), np.int64(0)
    for s in range(begin, end):
        v = np.int64(seed[s])
        if offset[s] < far[v]:
            if far[v] == FAR:
                size = _push(heap, size, -v)
            far[v], via[v] = offset[s], _SEED
    while size:
        v = -np.int64(heap[0])
        size = _drop(heap, size)
        order[seen] = v
        seen += 1
        here = _from_above(down_first, down_head, down_weight, v, far)
        if here < far[v]:
            far[v], via[v] = here, _STALLED
            continue
        for e in range(np.uint64(first[v]), np.uint64(first[v + 1])):
            x, there = np.uint32(head[e]), np.int32(here + weight[e])
            if there < far[x]:
                if far[x] == FAR:
                    size = _push(heap, size, -np.int64(x))
                far[x], via[x] = there, v
    return seen


@njit(cache=True, nogil=True)
def _from_above(first: Array, head: Array, weight: Array, v: int, far: Array) -> Any:
    """The distance of position `v` as it is, or by the best way over a more important one."""
    best = np.int32(far[v])
    for e in range(np.uint64(first[v]), np.uint64(first[v + 1])):  # unsigned: no index can count from the end
        there = np.int32(far[np.uint32(head[e])] + weight[e])
        best = min(best, there)
    return best


@njit(cache=True, nogil=True)
def _labels(
    first: Array, head: Array, weight: Array, down_first: Array, down_head: Array, down_weight: Array,
    starts: Array, seed: Array, offset: Array, scratch: Array,
) -> tuple[Any, ...]:  # fmt: skip
    """Climb from each place; keep what no way over a more important position beats."""
    far, via, order, heap = scratch[0], scratch[2], scratch[4], scratch[5]
    places, used = len(starts) - 1, np.int64(0)
    begins, node = np.zeros(places + 1, np.int64), np.empty(128 * places, np.int32)
    seconds = np.empty_like(node)
    for p in range(places):
        seen = _climb(
            first, head, weight, down_first, down_head, down_weight, seed, offset, starts[p], starts[p + 1], far, via,
            order, heap,
        )  # fmt: skip
        if used + seen > len(node):
            node, seconds = _doubled(node, seen), _doubled(seconds, seen)
        for k in range(seen - 1, -1, -1):
            v = np.int64(order[k])
            best = _from_above(down_first, down_head, down_weight, v, far)
            if best == far[v] and via[v] != _STALLED:
                node[used], seconds[used] = v, best
                used += 1
            far[v] = best
        for k in range(seen):
            far[order[k]] = FAR
        begins[p + 1] = used
    return begins, node[:used].copy(), seconds[:used].copy()


@njit(cache=True, nogil=True)
def _doubled(array: Array, more: int) -> Array:
    """Make room for as many again and `more`."""
    wide = np.empty(2 * len(array) + more, array.dtype)
    wide[: len(array)] = array
    return wide


def _join_buckets(few: Labels, many: Buckets) -> Ints:
    labels = _plain(few.first, np.int64), _plain(few.node), _plain(few.seconds)
    return _join_shared(*labels, many.row, many.table, many.first, many.place, many.seconds)


@njit(cache=True, nogil=True)
def _join_shared(
    first: Array, node: Array, far: Array, row: Array, table: Array, bucket: Array, place: Array, seconds: Array
) -> Array:
    """Look only at what the few labels and the buckets share. Serves both directions."""
    result = np.full((len(first) - 1, table.shape[1]), FAR, np.int32)
    for p in range(len(first) - 1):
        best = result[p]
        for e in range(first[p], first[p + 1]):
            v, here = node[e], np.int32(far[e])
            if row[v] >= 0:
                beyond = table[row[v]]
                for q in range(len(best)):
                    there = np.int32(beyond[q] + here)
                    best[q] = min(best[q], there)
                continue
            for k in range(np.uint64(bucket[v]), np.uint64(bucket[v + 1])):
                q, there = np.uint32(place[k]), np.int32(seconds[k] + here)
                best[q] = min(best[q], there)
        for q in range(len(best)):
            if best[q] >= FAR // 2:
                best[q] = FAR
    return result


@njit(cache=True, nogil=True)
def _join_pairs(
    out_first: Array, out_node: Array, out_far: Array, in_first: Array, in_node: Array, in_far: Array
) -> Array:
    """Go through both labels of each pair side by side."""
    result = np.empty((len(out_first) - 1, len(in_first) - 1), np.int32)
    for p in range(len(out_first) - 1):
        for q in range(len(in_first) - 1):
            result[p, q] = _join_pair(out_first, out_node, out_far, in_first, in_node, in_far, p, q)
    return result


@njit(cache=True, nogil=True)
def _join_each(
    out_first: Array, out_node: Array, out_far: Array, in_first: Array, in_node: Array, in_far: Array, pairs: Array
) -> Array:
    """Go through both labels of some pairs side by side."""
    result = np.empty(len(pairs), np.int32)
    for k in range(len(pairs)):
        p, q = pairs[k, 0], pairs[k, 1]
        result[k] = _join_pair(out_first, out_node, out_far, in_first, in_node, in_far, p, q)
    return result


@njit(cache=True, nogil=True)
def _join_pair(
    out_first: Array, out_node: Array, out_far: Array, in_first: Array, in_node: Array, in_far: Array, p: int, q: int
) -> Any:
    best, a, b = np.int32(FAR // 2), out_first[p], in_first[q]
    while a < out_first[p + 1] and b < in_first[q + 1]:
        if out_node[a] == in_node[b]:
            best = min(best, np.int32(out_far[a] + in_far[b]))
            a, b = a + 1, b + 1
        elif out_node[a] < in_node[b]:
            a += 1
        else:
            b += 1
    return best if best < FAR // 2 else np.int32(FAR)


@njit(cache=True, nogil=True)
def _round_up(distances: Array, far: int) -> None:
    for k in range(len(distances)):
        rounded = np.int32(np.uint32(distances[k] + 9) // np.uint32(10))  # unsigned: some vector instructions
        distances[k] = far if distances[k] >= FAR else rounded


@njit(cache=True, nogil=True)
def _join_few(
    out_first: Array, out_node: Array, out_far: Array, in_first: Array, in_node: Array, in_far: Array
) -> Array:
    """Join by one array of distances for each origin. Serves the other direction as well."""
    top = np.int64(0)
    for e in range(out_first[-1]):
        top = max(top, out_node[e])
    for e in range(in_first[-1]):
        top = max(top, in_node[e])
    result = np.empty((len(out_first) - 1, len(in_first) - 1), np.int32)
    far = np.full(top + 1, FAR, np.int32)
    for p in range(len(out_first) - 1):
        for e in range(out_first[p], out_first[p + 1]):
            far[out_node[e]] = out_far[e]
        for q in range(len(in_first) - 1):
            best = np.int32(FAR)
            for e in range(np.uint64(in_first[q]), np.uint64(in_first[q + 1])):
                there = np.int32(far[np.uint32(in_node[e])] + in_far[e])
                best = min(best, there)
            result[p, q] = best if best < FAR // 2 else FAR
        for e in range(out_first[p], out_first[p + 1]):
            far[out_node[e]] = FAR
    return result


@njit(cache=True, nogil=True)
def _join_many(
    out_first: Array, out_node: Array, out_far: Array, in_first: Array, in_node: Array, in_far: Array
) -> Array:
    """Join `LANES` origins at once, in a table [hub, lane] of the hubs that labels of both sides share."""
    origins, destinations = len(out_first) - 1, len(in_first) - 1
    top = np.int64(0)
    for e in range(in_first[-1]):
        top = max(top, in_node[e])
    hub = np.full(top + 1, -1, np.int32)
    for e in range(out_first[-1]):
        if out_node[e] <= top:
            hub[out_node[e]] = -2
    row, from_far, begin = np.empty(in_first[-1], np.int32), np.empty(in_first[-1], np.int32), np.empty_like(in_first)
    used, hubs = np.int64(0), np.int64(0)
    for q in range(destinations):
        begin[q] = used
        for e in range(in_first[q], in_first[q + 1]):
            v = in_node[e]
            if hub[v] == -2:
                hub[v] = hubs
                hubs += 1
            if hub[v] >= 0:
                row[used], from_far[used] = hub[v], in_far[e]
                used += 1
    begin[destinations] = used
    result = np.empty((origins, destinations), np.int32)
    table, best = np.full((hubs, LANES), FAR, np.int32), np.empty((_TILE, LANES), np.int32)
    for block in range(0, origins, LANES):
        lanes = min(LANES, origins - block)
        for lane in range(lanes):
            for e in range(out_first[block + lane], out_first[block + lane + 1]):
                v = out_node[e]
                if v <= top and hub[v] >= 0:
                    table[hub[v], lane] = out_far[e]
        for start in range(0, destinations, _TILE):
            wide = min(_TILE, destinations - start)
            best[:] = FAR
            for t in range(wide):
                for e in range(np.uint64(begin[start + t]), np.uint64(begin[start + t + 1])):
                    k, more = np.uint32(row[e]), from_far[e]
                    for lane in range(LANES):
                        there = np.int32(table[k, lane] + more)
                        best[t, lane] = min(best[t, lane], there)
            for lane in range(lanes):
                for t in range(wide):
                    result[block + lane, start + t] = best[t, lane] if best[t, lane] < FAR // 2 else FAR
        for lane in range(lanes):
            for e in range(out_first[block + lane], out_first[block + lane + 1]):
                v = out_node[e]
                if v <= top and hub[v] >= 0:
                    table[hub[v], lane] = FAR
    return result


@njit(cache=True, nogil=True)
def _sweep(
    number: Array, first: Array, head: Array, weight: Array, down_first: Array, down_head: Array,
    down_weight: Array, seed: Array, offset: Array, scratch: Array,
) -> Array:  # fmt: skip
    """Climb from the seeds, then come down through all positions in order."""
    n, far = len(number), scratch[0]
    _climb(
        first, head, weight, down_first, down_head, down_weight, seed, offset, np.int64(0), np.int64(len(seed)), far,
        scratch[2], scratch[4], scratch[5],
    )  # fmt: skip
    for v in range(n):
        far[v] = _from_above(down_first, down_head, down_weight, v, far)
    result = np.empty(n, np.int32)
    for v in range(n):
        result[v] = far[number[v]]
    far[:] = FAR
    return result


@njit(cache=True, nogil=True)
def _paths(
    node: Array, up_first: Array, up_head: Array, up_weight: Array, up_middle: Array, down_first: Array,
    down_head: Array, down_weight: Array, down_middle: Array, sources: Array, source: Array, before: Array,
    targets: Array, target: Array, after: Array, scratch: Array,
) -> tuple[Any, ...]:  # fmt: skip
    """Find one path after the other; their nodes lie end to end."""
    count = len(sources) - 1
    distance, first = np.empty(count, np.int32), np.zeros(count + 1, np.int32)
    nodes = np.empty(256 * count, np.int32)
    for p in range(count):
        a, b, c, d = sources[p], sources[p + 1], targets[p], targets[p + 1]
        distance[p], found = _path(
            node, up_first, up_head, up_weight, up_middle, down_first, down_head, down_weight, down_middle,
            source[a:b], before[a:b], target[c:d], after[c:d], scratch,
        )  # fmt: skip
        first[p + 1] = first[p] + len(found)
        if first[p + 1] > len(nodes):
            nodes = _doubled(nodes, np.int64(len(found)))
        nodes[first[p] : first[p + 1]] = found
    return distance, first, nodes[: first[count]].copy()


@njit(cache=True, nogil=True)
def _path(
    node: Array, up_first: Array, up_head: Array, up_weight: Array, up_middle: Array, down_first: Array,
    down_head: Array, down_weight: Array, down_middle: Array, source: Array, before: Array, target: Array,
    after: Array, scratch: Array,
) -> tuple[Any, ...]:  # fmt: skip
    """Climb from both ends, meet where the sum is least, and unpack the shortcuts between."""
    far, far_back, via, via_back, order, heap = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5]
    seen_back = _climb(
        down_first, down_head, down_weight, up_first, up_head, up_weight, target, after, np.int64(0),
        np.int64(len(target)), far_back, via_back, order, heap,
    )  # fmt: skip
    reached = order[:seen_back].copy()
    seen = _climb(
        up_first, up_head, up_weight, down_first, down_head, down_weight, source, before, np.int64(0),
        np.int64(len(source)), far, via, order, heap,
    )  # fmt: skip
    best, top = np.int64(FAR // 2), np.int64(-1)
    for v in order[:seen]:
        both = np.int64(far[v]) + far_back[v]
        if both < best and via[v] != _STALLED and via_back[v] != _STALLED:
            best, top = both, np.int64(v)
    for v in order[:seen]:
        far[v] = FAR
    for v in reached:
        far_back[v] = FAR
    if top < 0:
        return np.int64(FAR), np.empty(0, np.int32)
    climbed, size = _length(via, top), _length(via_back, top)
    stations = np.empty(climbed + size - 1, np.int32)
    v = top
    for k in range(climbed - 1, -1, -1):
        stations[k] = v
        v = np.int64(via[v])
    v = top
    for k in range(climbed - 1, len(stations)):
        stations[k] = v
        v = np.int64(via_back[v])
    return best, _unpack(node, stations, up_first, up_head, up_middle, down_first, down_head, down_middle)


@njit(cache=True, nogil=True)
def _edge(head: Array, begin: int, end: int, other: int) -> Any:
    """Find an edge that is there among those of a position, which are sorted by their other end."""
    low, high = np.int64(begin), np.int64(end - 1)
    while low < high:
        middle = (low + high) >> 1
        if head[middle] < other:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _length(via: Array, v: int) -> Any:
    """Count the positions from `v` back to its seed."""
    size = 0
    while v >= 0:
        size, v = size + 1, via[v]
    return size


@njit(cache=True, nogil=True)
def _unpack(
    node: Array, stations: Array, up_first: Array, up_head: Array, up_middle: Array, down_first: Array,
    down_head: Array, down_middle: Array,
) -> Array:  # fmt: skip
    """Put what shortcuts pass over between the stations of a path. The nodes still to come lie on a stack."""
    stack, size = np.empty(len(stations), np.int32), np.int64(0)
    for k in range(len(stations) - 1, 0, -1):
        stack[size] = stations[k]
        size += 1
    result, length = np.empty(256, np.int32), np.int64(1)
    at = np.int64(stations[0])
    result[0] = node[at]
    while size:
        to = np.int64(stack[size - 1])
        if to < at:
            middle = np.int64(up_middle[_edge(up_head, up_first[at], up_first[at + 1], to)])
        else:
            middle = np.int64(down_middle[_edge(down_head, down_first[to], down_first[to + 1], at)])
        if middle >= 0:
            if size == len(stack):
                stack = _doubled(stack, np.int64(0))
            stack[size] = middle
            size += 1
            continue
        size -= 1
        at = to
        if length == len(result):
            result = _doubled(result, np.int64(0))
        result[length] = node[at]
        length += 1
    return result[:length].copy()
