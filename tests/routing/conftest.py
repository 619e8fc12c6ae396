"""Real roads of Helsinki, and toy towns drawn by hand.

1 ---- 2 ---- 3      Toytown: 1-2-3-6-5-4-1 is a ring, 2-5 a one-way street from 2 to 5.
|      v      |      Every block is 0.005 degrees (556 m of latitude) at the equator's edge, 30 km/h limit.
4 ---- 5 ---- 6      7 -> 8 is a one-way trap that leaves 6; 9 - 10 is an island.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from routing.engine import Engine
from routing.graph import prepare
from routing.places import PlaceIndex

Nodes = Mapping[int, tuple[float, float]]
Ways = Sequence[tuple[Sequence[int], Mapping[str, str]]]
Members = Sequence[tuple[str, str, int]]
"""Kind ("way", "node"), role and id of each member of a relation."""

Relations = Sequence[tuple[Members, Mapping[str, str]]]


class WriteOsm(Protocol):
    """Write an .osm file; ways are numbered from 1, relations too."""

    def __call__(
        self, nodes: Nodes, ways: Ways, relations: Relations = (), tags: Mapping[int, Mapping[str, str]] | None = None
    ) -> Path: ...


STREET = {"highway": "residential", "maxspeed": "30"}
ONE_WAY = {**STREET, "oneway": "yes", "name": "One Way"}

TOYTOWN: dict[int, tuple[float, float]] = {
    1: (10.005, 20.000), 2: (10.005, 20.005), 3: (10.005, 20.010),
    4: (10.000, 20.000), 5: (10.000, 20.005), 6: (10.000, 20.010),
    7: (9.998, 20.012), 8: (9.996, 20.014), 9: (10.020, 20.000), 10: (10.020, 20.005),
}  # fmt: skip
TOY_WAYS: Ways = [
    ((1, 2, 3, 6, 5, 4, 1), {**STREET, "name": "Ring"}),
    ((2, 5), ONE_WAY),
    ((6, 7, 8), ONE_WAY),
    ((9, 10), STREET),
]


@pytest.fixture
def write_osm(tmp_path: Path) -> WriteOsm:
    """Write nodes (lat, lon) with their tags, ways and relations as an .osm file."""

    def write(
        nodes: Nodes, ways: Ways, relations: Relations = (), tags: Mapping[int, Mapping[str, str]] | None = None
    ) -> Path:
        lines = [
            f'<node id="{n}" version="1" lat="{lat}" lon="{lon}">{_tagged((tags or {}).get(n, {}))}</node>'
            for n, (lat, lon) in nodes.items()
        ]
        for k, (refs, said) in enumerate(ways, start=1):
            inside = "".join(f'<nd ref="{ref}"/>' for ref in refs)
            lines.append(f'<way id="{k}" version="1">{inside}{_tagged(said)}</way>')
        for k, (members, said) in enumerate(relations, start=1):
            inside = "".join(f'<member type="{kind}" ref="{ref}" role="{role}"/>' for kind, role, ref in members)
            lines.append(f'<relation id="{k}" version="1">{inside}{_tagged(said)}</relation>')
        path = tmp_path / "toy.osm"
        path.write_text(f'<osm version="0.6">{"".join(lines)}</osm>', encoding="utf-8")
        return path

    return write


def _tagged(tags: Mapping[str, str]) -> str:
    return "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())


@pytest.fixture
def toytown(write_osm: WriteOsm, tmp_path: Path) -> Engine:
    prepare("toytown", str(write_osm(TOYTOWN, TOY_WAYS)), tmp_path / "toytown")
    return Engine.load(tmp_path / "toytown")


@pytest.fixture(scope="session")
def engine(helsinki: Path) -> Engine:
    return Engine.load(helsinki)


@pytest.fixture(scope="session")
def names(helsinki: Path) -> PlaceIndex:
    return PlaceIndex.load(helsinki)
