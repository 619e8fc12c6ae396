"""Streets as lines: the grid finds what a search through all of them finds."""

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.lines import Lines
from routing.streets import E7

WIDE = 300_000
"""Of the area, in units of 1e-7 degrees: some kilometres."""

corners = st.tuples(st.integers(0, WIDE), st.integers(0, WIDE))
shapes = st.lists(st.lists(corners, min_size=2, max_size=5), min_size=1, max_size=12)


def drawn_as(lines: list[list[tuple[int, int]]], served: list[bool] | None = None) -> Lines:
    points = np.array([corner for line in lines for corner in line], np.int32)
    first = np.cumsum([0, *map(len, lines)]).astype(np.int32)
    return Lines(first, points, np.array(served or [True] * len(lines)))


@settings(max_examples=150, deadline=None)
@given(
    shapes, st.tuples(st.integers(-WIDE, 2 * WIDE), st.integers(-WIDE, 2 * WIDE)), st.sampled_from([1.0, 250.0, 9e3])
)
def test_no_street_is_nearer_than_the_one_found(
    lines: list[list[tuple[int, int]]], point: tuple[int, int], within: float
) -> None:
    drawn = drawn_as(lines)
    lon, lat = point[0] * E7, point[1] * E7
    street, share, _, *spot = drawn.find(lat, lon, within, 0.0)
    scaled = [shapely.LineString(np.array(line) * E7 * drawn._scale) for line in lines]
    here = shapely.Point(lon * drawn._scale[0], lat * drawn._scale[1])
    away = shapely.distance(scaled, here)
    assert away[street] <= away.min() + 1e-6
    assert abs(shapely.Point(np.array(spot) * drawn._scale).distance(here) - away[street]) < 1e-6
    np.testing.assert_allclose(drawn.at(street, share * scaled[street].length, 0.0), spot, atol=1e-9)


@settings(max_examples=150, deadline=None)
@given(shapes, corners, st.sampled_from([0.0, 10.0, 500.0]), st.data())
def test_the_streets_hardly_farther_than_the_nearest_are_those_of_a_search_through_all(
    lines: list[list[tuple[int, int]]], point: tuple[int, int], margin: float, data: st.DataObject
) -> None:
    served = data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
    drawn, (lon, lat) = drawn_as(lines, served), (point[0] * E7, point[1] * E7)
    here = shapely.Point(lon * drawn._scale[0], lat * drawn._scale[1])
    away = np.array([here.distance(shapely.LineString(np.array(line) * E7 * drawn._scale)) for line in lines])
    away[~np.array(served)] = np.inf
    found = drawn.near(lat, lon, 250.0, margin)[:, 0].astype(int).tolist()
    if away.min() > 250 + 1e-6:
        assert found == []
    elif away.min() < 250 - 1e-6:
        reach = away.min() + margin
        assert set(np.flatnonzero(away < reach - 1e-6)) <= set(found) <= set(np.flatnonzero(away < reach + 1e-6))
        assert found == sorted(found)


def test_a_street_where_nobody_stops_is_not_found_however_near() -> None:
    lines = drawn_as([[(0, 0), (0, WIDE)], [(WIDE, 0), (WIDE, WIDE)]], [False, True])
    assert lines.find(0.0, 0.0, 250.0, 0.0)[0] == 1


@given(st.permutations(range(4)))
def test_of_streets_that_meet_in_the_nearest_corner_the_first_is_found(order: list[int]) -> None:
    ends = [(0, 0), (0, WIDE), (WIDE, 0), (WIDE // 2, 0)]
    lines = drawn_as([[ends[k], (WIDE, WIDE)] for k in order])
    assert lines.find((WIDE + 100) * E7, (WIDE + 100) * E7, 250.0, 0.0)[0] == 0


def test_a_point_beside_a_street_lies_as_far_to_its_left() -> None:
    lines = drawn_as([[(0, 0), (0, WIDE)]])
    lon, lat = lines.at(0, 500.0, 2.0)
    assert lon < 0
    assert abs(lines.find(lat, lon, 250.0, 0.0)[2] - 2.0) < 1e-6


def test_no_spot_is_nearer_to_an_end_than_a_corner_is_wide() -> None:
    lines = drawn_as([[(0, 0), (0, WIDE)], [(WIDE, 0), (WIDE, 100)]])
    long = lines.length(0)
    assert lines.find(0.0, 0.0, 250.0, 5.0)[1] * long == 5.0
    assert lines.find(WIDE * E7, 0.0, 250.0, 5.0)[1] * long == long - 5.0
    assert lines.find(0.0, WIDE * E7, 250.0, 5.0)[:2] == (1, 0.5)
