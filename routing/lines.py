"""The compiled geometry of streets and footways: the nearest found, spots on and beside them, parts of them drawn.

Coordinates are (lon, lat) in units of 1e-7 degrees; `scale` turns degrees into local metres (east, north), about the
middle of the area. Street s has points[first[s]:first[s + 1]]; segment p leads from point p to the next.
"""

from math import sqrt
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from routing.area import EARTH_RADIUS
from routing.streets import E7, Stretches

Array = NDArray[Any]

SMALLEST, LARGEST = 50.0, 1000.0
"""Metres of a cell."""

_EDGE = 1e-6
"""Share of a cell by which a segment may be nearer than numbers say."""

_SIDE = 1.0
"""Metres before and after a spot between which the direction of its street is measured."""


class Lines:
    """Streets as lines on a plane, and a grid of cells that says which segments of served streets pass where."""

    def __init__(self, first: Array, points: Array, served: Array) -> None:
        self._first, self._points = _plain(first), _plain(points)
        middle = np.radians(float(np.median(points[:, 1])) * E7)
        self._scale = np.array([np.cos(middle), 1.0]) * np.radians(1) * EARTH_RADIUS
        west, south = self._points.min(axis=0) * E7 * self._scale
        east, north = self._points.max(axis=0) * E7 * self._scale
        cell = min(max(sqrt((east - west) * (north - south) / len(self._points)), SMALLEST), LARGEST)
        shape = np.array([int((east - west) / cell) + 1, int((north - south) / cell) + 1])
        about = (self._first, self._points, self._scale, np.array([west, south]), shape, cell)
        self._grid: Any = (*about, *_fill(*about, np.asarray(served)))

    def find(self, lat: float, lon: float, within: float, corner: float) -> tuple[int, float, float, float, float]:
        """Find the spot on the nearest street where a vehicle may stop, at least `corner` metres from its ends.

        Returns the street's number, the share of it before the spot, the metres that the point lies to the left of it
        there, and the spot's lon and lat. A street shorter than two corners has its spot in the middle. Of equally near
        streets the lowest number wins. A street farther away than `within` metres takes longer to find.
        """
        asked: Any = (*self._grid, lon * self._scale[0], lat * self._scale[1], within, corner)
        found: tuple[int, float, float, float, float] = _spot(*asked)
        return found

    def near(self, lat: float, lon: float, within: float, margin: float) -> Array:
        """List the served streets that are at most `margin` metres farther than the nearest one.

        Rows of (number, metres along it, its length in metres), by number; none where none is `within` some metres.
        """
        *_, segments = self._grid
        if not len(segments):
            return np.empty((0, 3))
        asked: Any = (*self._grid, lon * self._scale[0], lat * self._scale[1], within, margin)
        found: Array = _near(*asked)
        return found

    def at(self, street: int, along: float, left: float) -> tuple[float, float]:
        """Give the point (lon, lat) so many metres along a street, and so many to the left of it."""
        found: tuple[float, float] = _beside(self._first, self._points, self._scale, street, along, left)
        return found

    def length(self, street: int) -> float:
        """Measure a street in metres."""
        return float(_length(self._first, self._points, self._scale, street))

    def draw(self, stretches: Stretches) -> tuple[Array, Array]:
        """Draw legs one after the other: leg k is points[first[k]:first[k + 1]], (lon, lat) degrees of six decimals.

        Returns first, points. Points that lie upon each other are drawn once.
        """
        s = stretches
        found: tuple[Array, Array] = _draw(self._first, self._points, self._scale, s.first, s.street, s.start, s.end)
        return found


def warm() -> None:
    """Compile everything, or load it from Numba's cache."""
    lines = Lines(np.array([0, 2], np.int32), np.eye(2, dtype=np.int32), np.ones(1, bool))
    lines.at(lines.find(0.0, 0.0, 1.0, 1.0)[0], 1.0, 1.0)
    lines.near(0.0, 0.0, 1.0, 1.0)
    lines.length(0)
    lines.draw(Stretches(np.zeros(1, np.int32), np.empty(0, np.int32), np.empty(0), np.empty(0)))


def _plain(array: Array) -> Array:
    """See an array as the one type that the compiled functions know: contiguous and read-only."""
    plain = np.ascontiguousarray(array, np.int32).view()
    plain.flags.writeable = False
    return plain


@njit(cache=True, nogil=True)
def _length(first: Array, points: Array, scale: Array, street: int) -> float:
    return _metres(points, scale, first[street], first[street + 1] - 1)


@njit(cache=True, nogil=True)
def _metres(points: Array, scale: Array, a: int, b: int) -> float:
    """Measure from point `a` along the line to point `b`."""
    length = np.float64(0)
    for p in range(a, b):
        x = (np.int64(points[p + 1, 0]) - points[p, 0]) * E7 * scale[0]
        y = (np.int64(points[p + 1, 1]) - points[p, 1]) * E7 * scale[1]
        length += sqrt(x * x + y * y)
    return length


@njit(cache=True, nogil=True)
def _fill(
    first: Array, points: Array, scale: Array, corner: Array, shape: Array, cell: float, served: Array
) -> tuple[Any, ...]:
    """List the segments that pass through each cell: cell k has segments[begin[k]:begin[k + 1]], by rising number."""
    begin = np.zeros(shape[0] * shape[1] + 2, np.int64)
    segments = np.empty(0, np.int32)
    for is_filling in range(2):
        for s in np.flatnonzero(served):
            for p in range(first[s], first[s + 1] - 1):
                x, y = _local(points, scale, p)
                to_x, to_y = _local(points, scale, p + 1)
                low = np.int64(max((min(y, to_y) - corner[1]) / cell - _EDGE, 0.0))
                high = min(np.int64((max(y, to_y) - corner[1]) / cell + _EDGE), shape[1] - 1)
                for row in range(low, high + 1):
                    enter, leave = np.float64(0), np.float64(1)
                    if y != to_y:
                        south = (corner[1] + row * cell - y) / (to_y - y)
                        north = (corner[1] + (row + 1) * cell - y) / (to_y - y)
                        enter, leave = max(enter, min(south, north)), min(leave, max(south, north))
                    here, there = x + enter * (to_x - x) - corner[0], x + leave * (to_x - x) - corner[0]
                    west = np.int64(max(min(here, there) / cell - _EDGE, 0.0))
                    east = min(np.int64(max(here, there) / cell + _EDGE), shape[0] - 1)
                    for k in range(row * shape[0] + west, row * shape[0] + east + 1):
                        if is_filling:
                            segments[begin[k + 1]] = p
                            begin[k + 1] += 1
                        else:
                            begin[k + 2] += 1
        if not is_filling:
            begin = np.cumsum(begin)
            segments = np.empty(begin[-1], np.int32)
    return begin[:-1].copy(), segments


@njit(cache=True, nogil=True)
def _find(
    first: Array, points: Array, scale: Array, corner: Array, shape: Array, cell: float, begin: Array,
    segments: Array, x: float, y: float, within: float,
) -> tuple[Any, float, float]:  # fmt: skip
    """Look into one ring of cells after the other, and at all segments where none of these is near."""
    column, row = np.int64(np.floor((x - corner[0]) / cell)), np.int64(np.floor((y - corner[1]) / cell))
    nearest, best, rings = np.int64(-1), np.inf, np.int64(within / cell) + 2
    ring = np.int64(0)
    while ring <= rings and not best < (max(ring - 1, np.int64(0)) * cell) ** 2:
        for r in range(max(row - ring, np.int64(0)), min(row + ring, shape[1] - 1) + 1):
            step = 1 if abs(r - row) == ring else max(2 * ring, 1)
            for c in range(column - ring, column + ring + 1, step):
                if 0 <= c < shape[0]:
                    k = r * shape[0] + c
                    for e in range(begin[k], begin[k + 1]):
                        away = _away(points, scale, segments[e], x, y)
                        if away < best or (away == best and segments[e] < nearest):
                            nearest, best = np.int64(segments[e]), away
        ring += 1
    if not best < ((rings - 1) * cell) ** 2:
        for p in segments:
            away = _away(points, scale, p, x, y)
            if away < best or (away == best and p < nearest):
                nearest, best = np.int64(p), away
    street = np.searchsorted(first, nearest, side="right") - 1
    along = _metres(points, scale, first[street], nearest)
    along += _share(points, scale, nearest, x, y) * _metres(points, scale, nearest, nearest + 1)
    return street, along, _length(first, points, scale, street)


@njit(cache=True, nogil=True)
def _spot(
    first: Array, points: Array, scale: Array, corner: Array, shape: Array, cell: float, begin: Array,
    segments: Array, x: float, y: float, within: float, apart: float,
) -> tuple[Any, ...]:  # fmt: skip
    street, along, length = _find(first, points, scale, corner, shape, cell, begin, segments, x, y, within)
    along = min(max(along, apart), length - apart) if length > 2 * apart else length / 2
    left = _left_of(first, points, scale, street, along, x, y)
    lon, lat = _point_at(points, scale, first[street], first[street + 1], along)
    return street, along / length if length else 0.0, left, lon, lat


@njit(cache=True, nogil=True)
def _near(
    first: Array, points: Array, scale: Array, corner: Array, shape: Array, cell: float, begin: Array,
    segments: Array, x: float, y: float, within: float, margin: float,
) -> Array:  # fmt: skip
    street, _, _ = _find(first, points, scale, corner, shape, cell, begin, segments, x, y, within)
    least = np.inf
    for p in range(first[street], first[street + 1] - 1):
        least = min(least, _away(points, scale, p, x, y))
    reach = sqrt(least) + margin
    if least > within * within:
        return np.empty((0, 3))
    low = np.int64(max((y - reach - corner[1]) / cell, 0.0)), np.int64(max((x - reach - corner[0]) / cell, 0.0))
    high = np.int64((y + reach - corner[1]) / cell), np.int64((x + reach - corner[0]) / cell)
    rows = range(low[0], min(high[0], shape[1] - 1) + 1)
    last = min(high[1], shape[0] - 1)
    room = np.int64(0)
    for r in rows:
        if low[1] <= last:
            room += begin[r * shape[0] + last + 1] - begin[r * shape[0] + low[1]]
    number, segment, distance = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
    count = 0
    for r in rows:
        for c in range(low[1], last + 1):
            for e in range(begin[r * shape[0] + c], begin[r * shape[0] + c + 1]):
                p = np.int64(segments[e])
                away = _away(points, scale, p, x, y)
                if away > reach * reach:
                    continue
                s, k = np.searchsorted(first, p, side="right") - 1, 0
                while k < count and number[k] != s:
                    k += 1
                if k == count or away < distance[k] or (away == distance[k] and p < segment[k]):
                    number[k], segment[k], distance[k] = s, p, away
                    count = max(count, k + 1)
    found = np.empty((count, 3))
    for row, k in enumerate(np.argsort(number[:count])):
        s, p = number[k], segment[k]
        along = _metres(points, scale, first[s], p)
        along += _share(points, scale, p, x, y) * _metres(points, scale, p, p + 1)
        found[row, 0], found[row, 1], found[row, 2] = s, along, _length(first, points, scale, s)
    return found


@njit(cache=True, nogil=True)
def _local(points: Array, scale: Array, p: int) -> tuple[float, float]:
    """Give a point in local metres."""
    return points[p, 0] * E7 * scale[0], points[p, 1] * E7 * scale[1]


@njit(cache=True, nogil=True)
def _share(points: Array, scale: Array, p: int, x: float, y: float) -> float:
    """Give the share of segment `p` before its spot that is nearest to a point."""
    from_x, from_y = _local(points, scale, p)
    to_x, to_y = _local(points, scale, p + 1)
    square = (to_x - from_x) ** 2 + (to_y - from_y) ** 2
    if square == 0:
        return 0.0
    return min(max(((x - from_x) * (to_x - from_x) + (y - from_y) * (to_y - from_y)) / square, 0.0), 1.0)


@njit(cache=True, nogil=True)
def _away(points: Array, scale: Array, p: int, x: float, y: float) -> float:
    """Give the square of the metres from a point to segment `p`; the same for all that end in the nearest spot."""
    share = _share(points, scale, p, x, y)
    from_x, from_y = _local(points, scale, p)
    to_x, to_y = _local(points, scale, p + 1)
    if share == 1:
        return (x - to_x) ** 2 + (y - to_y) ** 2
    return (x - from_x - share * (to_x - from_x)) ** 2 + (y - from_y - share * (to_y - from_y)) ** 2


@njit(cache=True, nogil=True)
def _heading(first: Array, points: Array, scale: Array, street: int, along: float) -> tuple[float, float, float, float]:
    """Give a spot in local metres, and the direction of the street there as a step of one metre east and north."""
    a, b = first[street], first[street + 1]
    x, y = _point_at(points, scale, a, b, along)
    from_x, from_y = _point_at(points, scale, a, b, max(0.0, along - _SIDE))
    to_x, to_y = _point_at(points, scale, a, b, min(_length(first, points, scale, street), along + _SIDE))
    east, north = (to_x - from_x) * scale[0], (to_y - from_y) * scale[1]
    step = sqrt(east * east + north * north)
    if step == 0:
        step = 1.0
    return x * scale[0], y * scale[1], east / step, north / step


@njit(cache=True, nogil=True)
def _beside(first: Array, points: Array, scale: Array, street: int, along: float, left: float) -> tuple[float, float]:
    x, y, east, north = _heading(first, points, scale, street, along)
    return (x - left * north) / scale[0], (y + left * east) / scale[1]


@njit(cache=True, nogil=True)
def _left_of(first: Array, points: Array, scale: Array, street: int, along: float, x: float, y: float) -> float:
    on_x, on_y, east, north = _heading(first, points, scale, street, along)
    return east * (y - on_y) - north * (x - on_x)


@njit(cache=True, nogil=True)
def _point_at(points: Array, scale: Array, a: int, b: int, metres: float) -> tuple[float, float]:
    """Give the point so far along the line of points[a:b], (lon, lat) degrees."""
    along = np.float64(0)
    for p in range(a, b - 1):
        step = _metres(points, scale, p, p + 1)
        if along + step >= metres and step > 0:
            share = (metres - along) / step
            x = points[p, 0] + share * (np.int64(points[p + 1, 0]) - points[p, 0])
            y = points[p, 1] + share * (np.int64(points[p + 1, 1]) - points[p, 1])
            return x * E7, y * E7
        along += step
    return points[b - 1, 0] * E7, points[b - 1, 1] * E7


@njit(cache=True, nogil=True)
def _put(drawn: Array, at: int, lon: float, lat: float) -> Any:
    """Write a point of six decimals; returns where the next goes."""
    drawn[at, 0], drawn[at, 1] = np.rint(lon * 1e6) / 1e6, np.rint(lat * 1e6) / 1e6
    return at + 1


@njit(cache=True, nogil=True)
def _draw(
    first: Array, points: Array, scale: Array, leg: Array, street: Array, start: Array, end: Array
) -> tuple[Any, ...]:
    """Take whole streets as they lie, and measure along the others."""
    room = np.int64(0)
    for k in range(len(street)):
        room += first[street[k] + 1] - first[street[k]] + 2
    drawn, begin, used = np.empty((room, 2)), np.zeros(len(leg), np.int64), np.int64(0)
    for part in range(len(leg) - 1):
        begin[part] = used
        for k in range(leg[part], leg[part + 1]):
            s = street[k]
            a, b = np.int64(first[s]), np.int64(first[s + 1])
            low, high, top = min(start[k], end[k]), max(start[k], end[k]), used
            if low == 0 and high == 1:
                for p in range(a, b):
                    top = _put(drawn, top, points[p, 0] * E7, points[p, 1] * E7)
            else:
                length = _metres(points, scale, a, b - 1)
                low, high, along = low * length, high * length, np.float64(0)
                top = _put(drawn, top, *_point_at(points, scale, a, b, low))
                for p in range(a + 1, b):
                    along += _metres(points, scale, p - 1, p)
                    if low < along < high:
                        top = _put(drawn, top, points[p, 0] * E7, points[p, 1] * E7)
                top = _put(drawn, top, *_point_at(points, scale, a, b, high))
            if start[k] > end[k]:
                drawn[used:top] = drawn[used:top][::-1].copy()
            for p in range(used, top):
                last = used - 1
                if used == begin[part] or drawn[p, 0] != drawn[last, 0] or drawn[p, 1] != drawn[last, 1]:
                    drawn[used] = drawn[p]
                    used += 1
    begin[len(leg) - 1] = used
    return begin, drawn[:used].copy()
