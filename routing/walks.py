"""Walking distances from one place to many: shortest ways over footways, with the way to and from them.

A place joins the nearest footway, and every other that is hardly farther away: the kerb in front of a house is
reached from the pavement beside it, not by way of the next crossing.
"""

import heapq
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from routing.area import EARTH_RADIUS, metres
from routing.footways import Footpath, Footways
from routing.lines import Lines
from routing.times import NO_WAY, Place

MAX_WALK = 5_000
"""Metres beyond which nobody is sent on foot."""

MAX_ASIDE = 250
"""Metres from a place to the nearest footway beyond which no walk begins or ends there."""

MARGIN = 10.0
"""Metres that another footway may be farther from a place than the nearest one, to be joined as well."""

_JOINS = 6
_COLUMNS = 2 + 3 * _JOINS
_NOWHERE = np.array([-1.0, 0.0, 0.0] * _JOINS)
_PLACES = 2**17
_FAR = 2**31 - 1


class WalkSearch:
    """Walks over the footways of an area. May be shared by threads."""

    def __init__(self, footways: Footways) -> None:
        self._graph = _Graph(*(_read_only(getattr(footways, name)) for name in _Graph._fields))
        pavements = _Pavements(footways)
        self._joined = [lru_cache(_PLACES)(join) for join in (pavements.join, pavements.join_step_free)]

    def walk(
        self, origin: Place, places: Sequence[Place], *, step_free: bool = False, limit: int = MAX_WALK
    ) -> list[int]:
        """Give metres from `origin` to each place, rounded up; `NO_WAY` where it is farther than `limit` metres."""
        joined = self._joined[step_free]
        rows = b"".join([joined(place) for place in (origin, *places)])
        ends = np.frombuffer(rows, np.float64).reshape(-1, _COLUMNS)
        walked: list[int] = _walks(self._graph, ends, min(limit, MAX_WALK), int(step_free)).tolist()
        return walked


class _Graph(NamedTuple):
    """The arrays of `Footways` that a search reads."""

    tail: Any
    head: Any
    length: Any
    step_free: Any
    one_way: Any
    out_first: Any
    out: Any


class _Pavements:
    """Footways as lines, and where places join them."""

    def __init__(self, footways: Footways) -> None:
        self._lines = Lines(footways.first, footways.points, footways.length > 0) if len(footways.length) else None
        self._length, self._step_free = footways.length, footways.step_free

    def join(self, place: Place) -> bytes:
        """Write where a place joins the footways: lat, lon, then (footway or -1, mm along it, mm to it) for each."""
        return _row(place, self._joins(place))

    def join_step_free(self, place: Place) -> bytes:
        """Write the same, but for footways with steps: whoever lives on stairs is not sent through the neighbour's."""
        return _row(place, [join for join in self._joins(place) if self._step_free[join[0]]])

    def _joins(self, place: Place) -> list[tuple[int, int, int]]:
        if self._lines is None or not (abs(place.lat) <= 90 and abs(place.lon) <= 180):
            return []
        joins = []
        for way, along, length in self._lines.near(place.lat, place.lon, MAX_ASIDE, MARGIN).tolist():
            lon, lat = self._lines.at(int(way), along, 0.0)
            at = round(along / length * float(self._length[int(way)]))
            joins.append((metres(place, Place(lat, lon)), int(way), at))
        return [(way, at, round(1000 * away)) for away, way, at in sorted(joins)[:_JOINS] if away <= MAX_ASIDE]


def _row(place: Place, joins: list[tuple[int, int, int]]) -> bytes:
    row = np.concatenate(([place.lat, place.lon], _NOWHERE))
    for k, join in enumerate(joins):
        row[2 + 3 * k : 5 + 3 * k] = join
    return row.tobytes()


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """See an array as the one type that the compiled functions know: an area's arrays are mapped read-only."""
    plain = np.asarray(array).view()
    plain.flags.writeable = False
    return plain


def warm() -> None:
    """Compile everything, or load it from Numba's cache."""
    lone = Footways.joined([Footpath((1, 2))], {1: (0, 0), 2: (10_000, 0)})
    WalkSearch(lone).walk(Place(0, 0), [Place(0, 0)])


@njit(cache=True, nogil=True)
def _walks(graph: _Graph, ends: Any, limit: int, step_free: int) -> Any:
    """Measure walks from the place in row 0 of `ends` to those in the other rows, whole metres (int64)."""
    reached = _reached(graph, ends[0], 1000 * limit, step_free)
    walked = np.empty(len(ends) - 1, np.int64)
    for k in range(1, len(ends)):
        least = np.int64(_FAR)
        for j in range(2, _COLUMNS, 3):
            if ends[k, j] < 0:
                break
            way, along, aside = np.int64(ends[k, j]), np.int64(ends[k, j + 1]), np.int64(ends[k, j + 2])
            least = min(least, np.int64(reached[graph.tail[way]]) + along + aside)
            if not graph.one_way[way]:
                least = min(least, np.int64(reached[graph.head[way]]) + graph.length[way] - along + aside)
            for i in range(2, _COLUMNS, 3):
                if ends[0, i] == way:
                    ahead = along - np.int64(ends[0, i + 1])
                    if ahead >= 0 or not graph.one_way[way]:
                        least = min(least, abs(ahead) + aside + np.int64(ends[0, i + 2]))
        straight = _straight(ends[0, 0], ends[0, 1], ends[k, 0], ends[k, 1])
        whole = np.int64(np.ceil(max(least / 1000, straight))) if straight > 0 else np.int64(0)
        walked[k - 1] = whole if least < _FAR and whole <= limit else NO_WAY
    return walked


@njit(cache=True, nogil=True)
def _reached(graph: _Graph, start: Any, limit: int, step_free: int) -> Any:
    """Search from one place (a row of `ends`); gives millimetres to each junction, `_FAR` beyond `limit`."""
    reached = np.full(len(graph.out_first) - 1, _FAR, np.int32)
    heap = [np.int64(0)]
    heap.clear()
    for j in range(2, _COLUMNS, 3):
        if start[j] < 0:
            break
        way, along, aside = np.int64(start[j]), np.int64(start[j + 1]), np.int64(start[j + 2])
        _visit(heap, reached, graph.head[way], aside + graph.length[way] - along, limit)
        if not graph.one_way[way]:
            _visit(heap, reached, graph.tail[way], aside + along, limit)
    while heap:
        key = heapq.heappop(heap)
        so_far, node = key >> 32, key & 0xFFFFFFFF
        if so_far > reached[node]:
            continue
        for k in range(graph.out_first[node], graph.out_first[node + 1]):
            way = graph.out[k] >> 1
            if graph.step_free[way] or not step_free:
                onward = graph.tail[way] if graph.out[k] & 1 else graph.head[way]
                _visit(heap, reached, onward, so_far + graph.length[way], limit)
    return reached


@njit(cache=True, nogil=True)
def _visit(heap: Any, reached: Any, node: int, so_far: Any, limit: int) -> None:
    if so_far <= limit and so_far < reached[node]:
        reached[node] = so_far
        heapq.heappush(heap, (np.int64(so_far) << 32) | np.int64(node))


@njit(cache=True, nogil=True)
def _straight(lat: float, lon: float, to_lat: float, to_lon: float) -> Any:
    """Measure the great circle as `routing.area.metres` does."""
    half_lat, half_lon = np.radians(to_lat - lat) / 2, np.radians(to_lon - lon) / 2
    chord = np.hypot(np.sin(half_lat), np.sqrt(np.cos(np.radians(lat)) * np.cos(np.radians(to_lat))) * np.sin(half_lon))
    return 2 * EARTH_RADIUS * np.arcsin(min(1.0, chord))
