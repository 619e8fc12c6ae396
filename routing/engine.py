"""Driving times, road paths and walking distances of a prepared area: arrays and scipy, ready in well under a second.

Every place is moved to the nearest street, to a point that is a whole number of seconds from both of its ends (or to
the junction itself). All answers are shortest paths in the graph that these points divide, counted in whole seconds,
so they add up and keep the triangle inequality exactly.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import dijkstra

from routing.area import Area, metres
from routing.network import Network
from routing.snapping import MAX_SNAP, Roadside, Snap, Spot
from routing.streets import ONE_WAY, Streets, Stretch
from routing.times import NO_WAY, Place, Seconds, UnreachablePlace

__all__ = ["MAX_SNAP", "MAX_WALK", "Engine", "Snap"]

MAX_WALK = 5_000
"""Metres beyond which nobody is sent on foot."""

_ROW_MEMORY = 256 * 2**20
_SPOTS = 2**16
_PAIRS = 2**17


class Gate(NamedTuple):
    """A junction through which a spot is left or reached, the seconds between both, and its share of the street."""

    node: int
    seconds: int
    share: float = 0.0


class Engine:
    """Travel times on one prepared area; implements `TravelTimes`. May be shared by threads."""

    def __init__(self, streets: Streets, area: Area) -> None:
        self.name = area.name
        self.bounds = area.bounds
        self.centre = Place(*area.centre)
        self._streets = streets
        self._roadside = Roadside(streets)
        self._roads = Network.driving(streets)
        self._walkways = Network.walking(streets)
        self._spot = lru_cache(_SPOTS)(self._roadside.find_spot)
        self._row = lru_cache(max(64, _ROW_MEMORY // (4 * len(streets.nodes))))(self._seconds_from)
        self._between = lru_cache(_PAIRS)(self._drive)

    @staticmethod
    def load(folder: Path) -> "Engine":
        """Read a prepared area. Raises RoadError when it is missing, damaged or of another version."""
        area = Area.load(folder)
        return Engine(Streets.load(folder), area)

    def snap(self, place: Place) -> Snap:
        """Move a place to the road. Raises UnreachablePlace when none is near, with a sentence that says why."""
        on_road = self._roadside.place_of(self._get_spot(place))
        return Snap(on_road, round(metres(place, on_road)))

    def between(self, origin: Place, destination: Place) -> int:
        """Drive from `origin` to `destination`, whole seconds; `NO_WAY` where either is not at a road."""
        return self._between(origin, destination)

    def table(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        """Drive from each origin (row) to each destination (column), whole seconds; `NO_WAY` where no road leads."""
        ends = [self._spot(place) for place in destinations]
        gates = _two_each([self._entries(end) for end in ends])
        neighbours = _by_street(ends)
        table = np.full((len(origins), len(destinations)), NO_WAY, np.int64)
        for row, place in zip(table, origins, strict=True):
            start = self._spot(place)
            for node, before, _ in self._exits(start):
                reached = self._row(node)
                for nodes, seconds in gates:
                    np.minimum(row, reached[nodes] + (before + seconds), out=row)
            if isinstance(start, Spot):
                for k, end in neighbours.get(start.street, []):
                    row[k] = min(row[k], self._directly(start, end))
        return table.astype(np.int32)

    def path(self, origin: Place, destination: Place) -> tuple[tuple[float, float], ...]:
        """Draw the fastest drive as (lon, lat), at least two points. Raises UnreachablePlace when there is none."""
        return self._roadside.line(self._stretches(self._get_spot(origin), self._get_spot(destination)))

    def walk(self, origin: Place, places: Sequence[Place]) -> list[int]:
        """Metres on foot along the roads, ways to the road included; `NO_WAY` beyond `MAX_WALK` or without a road."""
        start = self._spot(origin)
        if isinstance(start, str):
            return [NO_WAY] * len(places)
        reached = self._metres_from(start)
        return [self._walk(origin, start, place, reached) for place in places]

    def _get_spot(self, place: Place) -> Spot:
        spot = self._spot(place)
        if isinstance(spot, str):
            raise UnreachablePlace(spot)
        return spot

    def _drive(self, origin: Place, destination: Place) -> int:
        start, end = self._spot(origin), self._spot(destination)
        if isinstance(start, str) or isinstance(end, str):
            return NO_WAY
        round_the_ends = (self._seconds_by(out, into) for out, into in self._gates(start, end))
        return min(self._directly(start, end), *round_the_ends)

    def _gates(self, start: Spot | str, end: Spot | str) -> list[tuple[Gate, Gate]]:
        return [(out, into) for out in self._exits(start) for into in self._entries(end)]

    def _seconds_by(self, out: Gate, into: Gate) -> int:
        return out.seconds + int(self._row(out.node)[into.node]) + into.seconds

    def _exits(self, spot: Spot | str) -> list[Gate]:
        """Ends of its street that a vehicle at this spot can drive to."""
        if isinstance(spot, str) or spot.at_node:
            return [] if isinstance(spot, str) else [Gate(spot.node, 0, spot.share)]
        tail, head, forward, backward = self._roadside.street(spot.street)
        back = [] if backward == ONE_WAY else [Gate(tail, backward - spot.against, 0.0)]
        return [Gate(head, forward - spot.along, 1.0), *back]

    def _entries(self, spot: Spot | str) -> list[Gate]:
        """Ends of its street from which a vehicle can drive to this spot."""
        if isinstance(spot, str) or spot.at_node:
            return [] if isinstance(spot, str) else [Gate(spot.node, 0, spot.share)]
        tail, head, _, backward = self._roadside.street(spot.street)
        back = [] if backward == ONE_WAY else [Gate(head, spot.against, 1.0)]
        return [Gate(tail, spot.along, 0.0), *back]

    def _directly(self, start: Spot, end: Spot) -> int:
        """Seconds along the street that both stand on, without leaving it; `NO_WAY` where that cannot be driven."""
        if start == end:
            return 0
        if start.at_node or end.at_node or start.street != end.street:
            return NO_WAY
        if start.along <= end.along:
            return end.along - start.along
        return NO_WAY if self._streets.backward[start.street] == ONE_WAY else end.against - start.against

    def _seconds_from(self, node: int) -> Seconds:
        reached = dijkstra(self._roads.graph, indices=node)
        row = np.where(np.isfinite(reached), reached, NO_WAY).astype(np.int32)
        row.flags.writeable = False
        return row

    def _stretches(self, start: Spot, end: Spot) -> list[Stretch]:
        """List the parts of streets of the fastest drive."""
        out, into = min(self._gates(start, end), key=lambda gates: self._seconds_by(*gates))
        if self._directly(start, end) <= self._seconds_by(out, into):
            return [(start.street, start.share, end.share)]
        first, last = (start.street, start.share, out.share), (end.street, into.share, end.share)
        return [first, *self._roads.stretches(out.node, into.node), last]

    def _on_foot(self, spot: Spot) -> tuple[tuple[int, float], tuple[int, float]]:
        """Both ends of a spot's street with the metres to them."""
        tail, head, *_ = self._roadside.street(spot.street)
        length = float(self._streets.length[spot.street])
        return (tail, spot.share * length), (head, (1 - spot.share) * length)

    def _metres_from(self, start: Spot) -> NDArray[np.float64]:
        ends = self._on_foot(start)
        rows = [dijkstra(self._walkways.graph, indices=node, limit=MAX_WALK) + before for node, before in ends]
        return cast(NDArray[np.float64], np.minimum(*rows))

    def _walk(self, origin: Place, start: Spot, place: Place, reached: NDArray[np.float64]) -> int:
        end = self._spot(place)
        if isinstance(end, str):
            return NO_WAY
        if place == origin:
            return 0
        along = min(float(reached[node]) + after for node, after in self._on_foot(end))
        if start.street == end.street:
            along = min(along, abs(start.share - end.share) * float(self._streets.length[end.street]))
        off_road = metres(origin, self._roadside.place_of(start)) + metres(place, self._roadside.place_of(end))
        walk = max(along + off_road, metres(origin, place))
        return ceil(walk) if walk <= MAX_WALK else NO_WAY


def _two_each(gates: list[list[Gate]]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Give every spot two gates, missing ones behind a wall: (nodes, seconds) of all first gates, then all second."""
    wall = Gate(0, NO_WAY)
    both = ([one[k] if len(one) > k else wall for one in gates] for k in (0, 1))
    return [(np.array([g.node for g in one], np.int64), np.array([g.seconds for g in one], np.int64)) for one in both]


def _by_street(spots: Sequence[Spot | str]) -> dict[int, list[tuple[int, Spot]]]:
    found: dict[int, list[tuple[int, Spot]]] = {}
    for k, spot in enumerate(spots):
        if isinstance(spot, Spot):
            found.setdefault(spot.street, []).append((k, spot))
    return found
