"""The turn-expanded form of the streets: arcs as nodes, turns as edges, tenths of a second.

Costs of turns are those of OSRM's car profile (car.lua 26.10, `process_turn`), so that times can be held against it:
a sigmoid of the angle at junctions of more than two streets, more for turns across oncoming traffic, and a fixed price
for turning round, which is done only where the road ends or a turning circle is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.area import EARTH_RADIUS
from routing.streets import E7, ONE_WAY, Streets

TURN = 75
"""Tenths of a second of the sharpest turn."""

BIAS = 1.075
"""How much easier the turn to the near side is than the turn to the far side."""

ONCOMING = 20
"""Tenths of a second spent waiting for oncoming traffic at a sharp turn across it."""

U_TURN = 200
"""Tenths of a second for turning round, beside the angle's own."""

LOOK = 10.0
"""Metres before and after a junction between which the angle of a turn is measured."""

_OVER = -1

Ints = NDArray[np.int32]
Whole = NDArray[np.int32] | NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Turns:
    """Directed arcs and the turns between them.

    Node k is street[k], driven from its head to its tail where backward[k]. The first nodes are the arcs in the order
    of `Streets.both_ways`; behind them stand copies of arcs that are reached with a restriction in force (over a way).
    So one arc may be several nodes: a drive may end on any of them, and begins on the first.
    time[k]: tenths of the whole arc. private[k]: the arc is driven only where a way begins or ends.
    The turns of node k lead to head[first[k]:first[k + 1]] (ascending) and cost the same slice of cost, in tenths;
    delays at the node (signals, gates) are part of it. A turn that is not listed may not be driven.
    """

    street: Ints
    backward: NDArray[np.bool_]
    time: Ints
    private: NDArray[np.bool_]
    first: Ints
    head: Ints
    cost: Ints

    def __len__(self) -> int:
        return len(self.street)


@dataclass(frozen=True, slots=True, eq=False)
class _Arcs:
    """Every drivable direction of every street.

    tail, head: junctions. delay: tenths at its head. begins, ends: radians clockwise from north, driven at both ends.
    """

    tail: Ints
    head: Ints
    time: Ints
    street: Ints
    backward: NDArray[np.bool_]
    delay: Ints
    begins: NDArray[np.float64]
    ends: NDArray[np.float64]


def expand(streets: Streets) -> Turns:
    """Expand streets to arcs and allowed turns, n arcs and their copies."""
    arcs = _arcs(streets)
    source, target = _pairs(arcs, len(streets.nodes))
    over_node, over_way = _restricted(streets, arcs)
    allowed = ~_is_forbidden(source, target, over_node, len(arcs.street))
    source, target = source[allowed], target[allowed]
    allowed = _may_turn_round(streets, arcs, source, target)
    source, target = source[allowed], target[allowed]
    cost = _costs(streets, arcs, source, target)
    return _with_copies(streets, arcs, source, target, cost=cost, over_way=over_way)


def connected(turns: Turns, streets: Streets) -> NDArray[np.bool_]:
    """Say of every node whether a vehicle gets there and away again, from and to the largest part of the public roads.

    Where streets fall into parts that no street joins, each has a largest part of its own; one without public roads is
    taken as if it were public. Private arcs count when they are reached and left without going through: over private
    arcs only.
    """
    from scipy.sparse.csgraph import connected_components

    source = np.repeat(np.arange(len(turns)), np.diff(turns.first))
    joined = _graph(len(streets.nodes), streets.tail, streets.head)
    region = connected_components(joined, directed=False)[1][streets.tail[turns.street]]
    has_public = np.zeros(len(streets.nodes), bool)
    has_public[region[~turns.private]] = True
    private = turns.private & has_public[region]
    public = ~private[source] & ~private[turns.head]
    _, part = connected_components(_graph(len(turns), source[public], turns.head[public]), connection="strong")
    size = np.bincount(part[~private], minlength=len(turns))
    largest = np.full(len(streets.nodes), -1)
    by_size = np.lexsort((-part, size[part]))
    by_size = by_size[~private[by_size]]
    largest[region[by_size]] = part[by_size]
    network = ~private & (part == largest[region])
    into, out_of = private[turns.head], private[source]
    reached = _reached(len(turns), source[into], turns.head[into], network)
    left = _reached(len(turns), turns.head[out_of], source[out_of], network)
    usable: NDArray[np.bool_] = network | (private & reached & left)
    return usable


def _reached(size: int, source: Whole, target: Whole, begin: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Search from all of `begin` at once, by an arc from one node more."""
    from scipy.sparse.csgraph import breadth_first_order

    starts = np.flatnonzero(begin)
    ends: Whole = np.concatenate((target, starts)).astype(np.int64)
    graph = _graph(size + 1, np.concatenate((source, np.full(len(starts), size))), ends)
    found = np.zeros(size + 1, bool)
    found[breadth_first_order(graph, size, return_predecessors=False)] = True
    return found[:size]


def _graph(size: int, source: Whole, target: Whole) -> Any:
    from scipy.sparse import csr_matrix

    return csr_matrix((np.ones(len(source), np.int8), (source, target)), shape=(size, size))


def _arcs(streets: Streets) -> _Arcs:
    tail, head, time, street, backward = streets.both_ways()
    back = backward.astype(bool)
    at_tail, at_head = _bearings(streets)
    there, again = np.arange(len(streets.tail)), np.flatnonzero(streets.backward != ONE_WAY)
    return _Arcs(
        tail=tail,
        head=head,
        time=time,
        street=street,
        backward=back,
        delay=np.concatenate((streets.forward_delay[there], streets.backward_delay[again])),
        begins=np.where(back, at_head[street], at_tail[street]),
        ends=np.where(back, at_tail[street], at_head[street]) + np.pi,
    )


def _bearings(streets: Streets) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Look from both ends of each street a few metres into it: radians clockwise from north."""
    start, end = streets.first[:-1].astype(np.int64), streets.first[1:].astype(np.int64) - 1
    degrees = streets.points * E7
    scale = np.radians(1) * EARTH_RADIUS
    middle = np.repeat(degrees[start, 1], np.diff(streets.first))
    points = np.column_stack((degrees[:, 0] * np.cos(np.radians(middle)), degrees[:, 1])) * scale
    steps = np.hypot(*np.diff(points, axis=0).T)
    steps[end[:-1]] = 0
    along = np.concatenate(([0.0], np.cumsum(steps)))
    look = np.minimum(LOOK, (along[end] - along[start]) / 2)
    seen = [_point_at(points, along, at, start, end) for at in (along[start] + look, along[end] - look)]
    rays = [seen[0] - points[start], seen[1] - points[end]]
    return np.arctan2(rays[0][:, 0], rays[0][:, 1]), np.arctan2(rays[1][:, 0], rays[1][:, 1])


def _point_at(
    points: NDArray[np.float64],
    along: NDArray[np.float64],
    at: NDArray[np.float64],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
) -> NDArray[np.float64]:
    before = np.clip(np.searchsorted(along, at, side="right") - 1, start, end - 1)
    step = along[before + 1] - along[before]
    share = np.divide(at - along[before], step, out=np.zeros_like(at), where=step > 0)
    found: NDArray[np.float64] = points[before] + share[:, None] * (points[before + 1] - points[before])
    return found


def _pairs(arcs: _Arcs, junctions: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every arc with every arc that begins where it ends, in ascending order."""
    leaving = np.argsort(arcs.tail, kind="stable")
    first = np.searchsorted(arcs.tail[leaving], np.arange(junctions + 1))
    count = np.diff(first)[arcs.head]
    source = np.repeat(np.arange(len(arcs.head)), count)
    place = np.arange(len(source)) - np.repeat(np.cumsum(count) - count, count)
    return source, leaving[first[arcs.head[source]] + place]


def _restricted(streets: Streets, arcs: _Arcs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Restrictions over a node (only, from, to) and over a way (only, from, over, to), in numbers of nodes."""
    node = np.full(2 * len(streets.tail), -1, np.int64)
    node[2 * arcs.street.astype(np.int64) + arcs.backward] = np.arange(len(arcs.street))
    rows = streets.restrictions.astype(np.int64)
    over_node, over_way = rows[rows[:, 2] == _OVER][:, [0, 1, 3]], rows[rows[:, 2] != _OVER]
    over_node[:, 1:], over_way[:, 1:] = node[over_node[:, 1:]], node[over_way[:, 1:]]
    return over_node, over_way


def _is_forbidden(
    source: NDArray[np.int64], target: NDArray[np.int64], rows: NDArray[np.int64], size: int
) -> NDArray[np.bool_]:
    turn, said = source * size + target, rows[:, 1] * size + rows[:, 2]
    only = rows[:, 0] == 1
    forbidden: NDArray[np.bool_] = np.isin(turn, said[~only])
    forbidden |= np.isin(source, rows[only, 1]) & ~np.isin(turn, said[only])
    return forbidden


def _may_turn_round(
    streets: Streets, arcs: _Arcs, source: NDArray[np.int64], target: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Vehicles turn round where there is room, and where nothing else is left: at the end, or before a private gate."""
    back = _is_back(arcs, source, target)
    open_to = streets.private[arcs.street[source]] | ~streets.private[arcs.street[target]]
    exits = np.bincount(source[~back & open_to], minlength=len(arcs.street))
    may: NDArray[np.bool_] = ~back | streets.turning[arcs.head[source]] | (exits[source] == 0)
    return may


def _is_back(arcs: _Arcs, source: NDArray[np.int64], target: NDArray[np.int64]) -> NDArray[np.bool_]:
    same = arcs.street[source] == arcs.street[target]
    back: NDArray[np.bool_] = same & (arcs.backward[source] != arcs.backward[target])
    return back


def _costs(streets: Streets, arcs: _Arcs, source: NDArray[np.int64], target: NDArray[np.int64]) -> Ints:
    """Tenths of each turn: delays at its node, the angle's price, the oncoming traffic's, and that of turning round."""
    angle = np.degrees(arcs.begins[target] - arcs.ends[source])
    angle = (angle + 180) % 360 - 180
    far_side = -angle if not streets.left_hand else angle
    back = _is_back(arcs, source, target)
    legs = np.bincount(np.concatenate((streets.tail, streets.head)), minlength=len(streets.nodes))
    junction = (legs > 2)[arcs.head[source]]
    circling = streets.roundabout[arcs.street[source]] | streets.roundabout[arcs.street[target]]
    crossing = (far_side > 0) & junction & ~back & ~circling
    sharp = 13 * np.abs(angle) / 180
    slope, shift = np.where(far_side > 0, BIAS, 1 / BIAS), np.where(far_side > 0, 1 / BIAS, BIAS)
    cost = arcs.delay[source] + np.where(junction | back, TURN / (1 + np.exp(6.5 * shift - slope * sharp)), 0)
    cost = cost + np.where(crossing, ONCOMING / (1 + np.exp(3.25 - sharp)), 0) + np.where(back, U_TURN, 0)
    rounded: Ints = np.rint(cost).astype(np.int32)
    return rounded


def _with_copies(
    streets: Streets,
    arcs: _Arcs,
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    *,
    cost: Ints,
    over_way: NDArray[np.int64],
) -> Turns:
    """Lead the first turn of a restriction over a way to a copy of that way, which knows what must follow."""
    size = len(arcs.street)
    turns = np.lexsort((target, source))
    source, target, cost = source[turns], target[turns], cost[turns]
    begun = np.unique(over_way[:, 1:3], axis=0)
    copy_of = {(int(start), int(over)): size + k for k, (start, over) in enumerate(begun)}
    copied = _turns_of_copies(source, target, over_way, begun)
    of_copy = np.array([where for where, _ in copied], np.int64)
    picked = np.array([turn for _, turn in copied], np.int64)
    all_source = np.concatenate((source, of_copy + size))
    all_base, all_target = np.concatenate((source, source[picked])), np.concatenate((target, target[picked]))
    all_cost = np.concatenate((cost, cost[picked]))
    for (start, over), copy in copy_of.items():
        all_target[(all_base == start) & (all_target == over)] = copy
    order = np.lexsort((all_target, all_source))
    arc = np.concatenate((np.arange(size), begun[:, 1]))
    return Turns(
        street=arcs.street[arc],
        backward=arcs.backward[arc],
        time=arcs.time[arc],
        private=streets.private[arcs.street[arc]],
        first=np.searchsorted(all_source[order], np.arange(len(arc) + 1)).astype(np.int32),
        head=all_target[order].astype(np.int32),
        cost=all_cost[order].astype(np.int32),
    )


def _turns_of_copies(
    source: NDArray[np.int64], target: NDArray[np.int64], over_way: NDArray[np.int64], begun: NDArray[np.int64]
) -> list[tuple[int, int]]:
    """The turns that are left to each copy, as (copy, turn of the arc it copies)."""
    found: list[tuple[int, int]] = []
    for copy, (start, over) in enumerate(begun):
        rows = over_way[(over_way[:, 1] == start) & (over_way[:, 2] == over)]
        no, only = set(rows[rows[:, 0] == 0, 3].tolist()), set(rows[rows[:, 0] == 1, 3].tolist())
        first, end = np.searchsorted(source, [over, over + 1])
        for turn in range(int(first), int(end)):
            to = int(target[turn])
            if to not in no and (not only or to in only):
                found.append((copy, turn))
    return found
