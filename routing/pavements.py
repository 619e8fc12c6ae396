"""Read from an OpenStreetMap extract where people walk: ways, outlines of squares, and what stops them on the way.

A node that stops everybody (a fence across a path) ends every way there. One that stops wheelchairs and walkers (a
raised kerb) is a step of no length between the pieces of footway that meet there; roads pass below the kerb.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import osmium

from routing.extract import Point, pieces, readable
from routing.footways import Footpath, Footways
from routing.streets import E7
from routing.walking import foot_direction, is_built_for_feet, is_step, is_step_free, lets_pass, may_walk
from routing.ways import Direction, Tags

_KEYS = ("highway", "railway", "public_transport", "man_made", "route", "barrier", "kerb", "wheelchair")

_Line = tuple[Tags, list[tuple[Point, ...]]]


def read_footways(path: Path) -> Footways:
    """Read the pedestrian network of an extract. Raises RoadError when the file cannot be read."""
    ways: dict[int, tuple[int, _Line]] = {}
    outlines: dict[int, _Line] = {}
    nodes: dict[int, Tags] = {}
    keys = osmium.filter.KeyFilter(*_KEYS)
    with readable(path):
        for item in osmium.FileProcessor(path).with_areas(keys).with_filter(keys):
            tags = {tag.k: tag.v for tag in item.tags}
            if isinstance(item, osmium.osm.Node):
                nodes[item.id] = tags
            elif isinstance(item, osmium.osm.Way):
                if item.version >= ways.get(item.id, (0,))[0]:
                    ways[item.id] = item.version, (tags, pieces(item.nodes, tags)[0] if may_walk(tags) else [])
            elif isinstance(item, osmium.osm.Area) and not item.from_way() and may_walk(tags):
                outlines[item.orig_id()] = tags, list(_outline(item))
    lines = [*(line for _, line in ways.values()), *outlines.values()]
    places = {node: (round(lon / E7), round(lat / E7)) for _, parts in lines for p in parts for node, lon, lat in p}
    return Footways.joined(_footpaths(lines, nodes, places), places)


def _outline(area: osmium.osm.Area) -> Iterator[tuple[Point, ...]]:
    for outer in area.outer_rings():
        yield from pieces(outer, {})[0]
        for inner in area.inner_rings(outer):
            yield from pieces(inner, {})[0]


def _footpaths(
    lines: Iterable[_Line], nodes: dict[int, Tags], places: dict[int, tuple[int, int]]
) -> Iterator[Footpath]:
    """Cut lines at the nodes that stop somebody, each piece ending there at a node of its own (added to `places`)."""
    closed = {node for node, tags in nodes.items() if node in places and not lets_pass(tags)}
    steps = {node for node, tags in nodes.items() if node in places and is_step(tags)} - closed
    least = min(0, *places) if places else 0
    for tags, parts in lines:
        direction = foot_direction(tags)
        kind = is_step_free(tags), direction is not Direction.BOTH
        stops = closed | steps if is_built_for_feet(tags) else closed
        for part in parts:
            line = [node for node, _, _ in (reversed(part) if direction is Direction.BACKWARD else part)]
            breaks = [k for k, node in enumerate(line) if node in stops]
            for first, last in pairwise(sorted({0, *breaks, len(line) - 1})):
                piece = line[first : last + 1]
                for end in (0, -1):
                    if (node := piece[end]) in stops:
                        least -= 1
                        piece[end], places[least] = least, places[node]
                        if node in steps:
                            yield Footpath((least, node), step_free=False)
                yield Footpath(tuple(piece), *kind)
