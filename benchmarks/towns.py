"""Extracts of any size: a town of streets on a grid whose corners are shaken, the same one for the same number.

Every eighth street is an avenue, every thirty-second a trunk road; a tenth of the blocks are built over, a fifth of the
small streets lead one way only, and avenues cross under signals.
"""

from math import isqrt
from pathlib import Path
from random import Random

import osmium
from osmium.osm.mutable import Node, Way

BLOCK = 0.001
"""Degrees from corner to corner: a hundred metres."""

SOUTH, WEST = 40.0, 20.0


def write_town(path: Path, junctions: int, seed: int = 0) -> None:
    """Write a town of about so many junctions as an OpenStreetMap file."""
    random, side = Random(seed), isqrt(junctions)  # noqa: S311 - a town is no secret
    path.unlink(missing_ok=True)
    with osmium.SimpleWriter(str(path)) as writer:
        corners = side * side
        shaken = [(_shake(random, 0.3), _shake(random, 0.3)) for _ in range(corners)]
        at = [(WEST + BLOCK * (k % side) + dx, SOUTH + BLOCK * (k // side) + dy) for k, (dx, dy) in enumerate(shaken)]
        blocks = [(k, other) for k in range(corners) for other in _neighbours(k, side)]
        for k, place in enumerate(at):
            signal = k % side % 8 == 0 and k // side % 8 == 0
            writer.add_node(Node(id=k + 1, location=place, tags={"highway": "traffic_signals"} if signal else {}))
        for number, (a, b) in enumerate(blocks, start=1):
            (lon, lat), (to_lon, to_lat) = at[a], at[b]
            bend = (lon + to_lon) / 2 + _shake(random, 0.1), (lat + to_lat) / 2 + _shake(random, 0.1)
            writer.add_node(Node(id=corners + number, location=bend))
        for number, (a, b) in enumerate(blocks, start=1):
            line = a // side if b == a + 1 else a % side
            tags = {"highway": _class(line), "name": f"{'Street' if b == a + 1 else 'Avenue'} {line}"}
            built_over, one_way = random.random() < 0.1, random.random() < 0.2
            if line % 8 == 0 or not built_over:
                tags |= {"oneway": "yes" if line % 2 else "-1"} if one_way and line % 8 else {}
                writer.add_way(Way(id=number, nodes=[a + 1, corners + number, b + 1], tags=tags))


def _shake(random: Random, most: float) -> float:
    return random.uniform(-most, most) * BLOCK


def _neighbours(corner: int, side: int) -> list[int]:
    """The next corner east and the next one north."""
    return [corner + 1] * (corner % side + 1 < side) + [corner + side] * (corner // side + 1 < side)


def _class(line: int) -> str:
    if line % 32 == 0:
        return "primary"
    return "tertiary" if line % 8 == 0 else "residential"
