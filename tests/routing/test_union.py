"""Several extracts as one area: nothing twice, nothing lost at a border, and parts that no road joins stay apart.

The town is a grid of streets 300 m apart, cut in two where the halves overlap by one column of blocks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from routing.area import GRAPH, NAMES, ROADS, Area
from routing.engine import Engine
from routing.graph import prepare, read_graph
from routing.places import PlaceIndex
from routing.times import NO_WAY, Place, RoadError
from tests.routing.conftest import STREET

COLUMNS, ROWS = 8, 5
BLOCK = 0.003
Inside = Callable[[float], bool]
"""Whether a longitude lies in an extract."""

WEST: Inside = lambda lon: lon < 20 + 4.5 * BLOCK  # noqa: E731
EAST: Inside = lambda lon: lon > 20 + 2.5 * BLOCK  # noqa: E731


@dataclass(frozen=True)
class Extract:
    """What an .osm file holds: (lat, lon) and tags of nodes; nodes and tags of ways; members and tags of relations."""

    nodes: Mapping[int, tuple[float, float, Mapping[str, str]]]
    ways: Mapping[int, tuple[Sequence[int], Mapping[str, str]]]
    relations: Mapping[int, tuple[Sequence[tuple[str, str, int]], Mapping[str, str]]]
    version: int = 1

    def cut(self, inside: Inside, how: str) -> "Extract":
        """Keep what lies inside. how: "whole" ways, ways with "missing" nodes, or "clipped" to the nodes inside."""
        ways = {k: way for k, way in self.ways.items() if any(inside(self.nodes[ref][1]) for ref in way[0])}
        whole = {ref for refs, _ in ways.values() for ref in refs} if how == "whole" else set()
        nodes = {k: node for k, node in self.nodes.items() if inside(node[1]) or k in whole}
        if how == "clipped":
            ways = {k: ([ref for ref in refs if ref in nodes], tags) for k, (refs, tags) in ways.items()}
        relations = {
            k: (members, tags)
            for k, (members, tags) in self.relations.items()
            if any(ref in (ways if kind == "way" else nodes) for kind, _, ref in members)
        }
        return Extract(nodes, ways, relations, self.version)

    def write(self, path: Path, *, backward: bool = False) -> str:
        """Write the file; `backward`: neither kinds nor ids in their order."""
        version = f'version="{self.version}" timestamp="2026-01-0{self.version}T00:00:00Z"'
        lines = [
            f'<node id="{k}" {version} lat="{lat:.7f}" lon="{lon:.7f}">{_tagged(tags)}</node>'
            for k, (lat, lon, tags) in sorted(self.nodes.items())
        ]
        for k, (refs, tags) in sorted(self.ways.items()):
            inside = "".join(f'<nd ref="{ref}"/>' for ref in refs)
            lines.append(f'<way id="{k}" {version}>{inside}{_tagged(tags)}</way>')
        for k, (members, tags) in sorted(self.relations.items()):
            inside = "".join(f'<member type="{kind}" ref="{ref}" role="{role}"/>' for kind, role, ref in members)
            lines.append(f'<relation id="{k}" {version}>{inside}{_tagged(tags)}</relation>')
        body = "".join(reversed(lines) if backward else lines)
        path.write_text(f'<osm version="0.6">{body}</osm>', encoding="utf-8")
        return str(path)


def _tagged(tags: Mapping[str, str]) -> str:
    return "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())


def _node(column: int, row: int) -> int:
    return 100 * (row + 1) + column


def _town() -> Extract:
    nodes: dict[int, tuple[float, float, Mapping[str, str]]] = {
        _node(c, r): (10 + r * BLOCK, 20 + c * BLOCK, {}) for c in range(COLUMNS) for r in range(ROWS)
    }
    lat, lon, _ = nodes[_node(3, 2)]
    nodes[_node(3, 2)] = (lat, lon, {"highway": "traffic_signals"})
    nodes[9001] = (10 + 1.1 * BLOCK, 20 + 3.1 * BLOCK, {"amenity": "library", "name": "Border Library"})
    nodes[9002] = (10 + 1.1 * BLOCK, 20 + 0.1 * BLOCK, {"amenity": "school", "name": "West School"})
    nodes[9003] = (10 + 1.1 * BLOCK, 20 + 6.1 * BLOCK, {"amenity": "clinic", "name": "East Clinic"})
    ways: dict[int, tuple[Sequence[int], Mapping[str, str]]] = {}
    for r in range(ROWS):  # from end to end of the town, every other one a one-way street
        one_way = {"oneway": "yes"} if r % 2 else {}
        ways[10 + r] = ([_node(c, r) for c in range(COLUMNS)], {**STREET, **one_way, "name": f"Row {r}"})
    for c in range(COLUMNS):
        ways[30 + c] = ([_node(c, r) for r in range(ROWS)], {**STREET, "name": f"Column {c}"})
    ban = [("way", "from", 10), ("node", "via", _node(3, 0)), ("way", "to", 33)]
    return Extract(nodes, ways, {1: (ban, {"type": "restriction", "restriction": "no_left_turn"})})


TOWN = _town()


def moved(extract: Extract, east: float, ids: int) -> Extract:
    """The same town elsewhere, of other things."""
    nodes = {k + ids: (lat, lon + east, tags) for k, (lat, lon, tags) in extract.nodes.items()}
    ways = {k + ids: ([ref + ids for ref in refs], tags) for k, (refs, tags) in extract.ways.items()}
    return Extract(nodes, ways, {})


def made(folder: Path, *sources: str) -> Engine:
    prepare("town", sources, folder)
    return Engine.load(folder)


def corners(seed: int, count: int) -> list[Place]:
    random = Random(seed)
    lats, lons = 10 + BLOCK * (ROWS - 1), 20 + BLOCK * (COLUMNS - 1)
    return [Place(round(random.uniform(10, lats), 6), round(random.uniform(20, lons), 6)) for _ in range(count)]


@pytest.mark.parametrize("how", ["whole", "missing", "clipped"])
def test_drives_over_the_border_of_two_extracts_are_those_of_the_whole(how: str, tmp_path: Path) -> None:
    whole = made(tmp_path / "whole", TOWN.write(tmp_path / "whole.osm"))
    halves = [TOWN.cut(part, how).write(tmp_path / f"{k} half.osm") for k, part in enumerate((WEST, EAST))]
    places = corners(1, 40)
    joined = made(tmp_path / "joined", *halves)
    assert np.array_equal(joined.table(places, places), whole.table(places, places))
    assert (tmp_path / "joined" / ROADS).read_bytes() == (tmp_path / "whole" / ROADS).read_bytes()
    swapped = made(tmp_path / "swapped", *reversed(halves))
    assert swapped.between(*places[:2]) == joined.between(*places[:2])
    for name in (ROADS, NAMES, GRAPH):
        assert (tmp_path / "swapped" / name).read_bytes() == (tmp_path / "joined" / name).read_bytes(), name


def test_one_half_alone_gives_other_drives(tmp_path: Path) -> None:
    """Negative control: what the halves lack is really missing."""
    half = made(tmp_path / "half", TOWN.cut(WEST, "missing").write(tmp_path / "half.osm"))
    west, east = Place(10 + BLOCK, 20.0), Place(10 + BLOCK, 20 + BLOCK * (COLUMNS - 1))
    assert half.between(west, east) == NO_WAY


def test_names_of_all_extracts_are_found_once(tmp_path: Path) -> None:
    halves = [TOWN.cut(part, "whole").write(tmp_path / f"{k}.osm") for k, part in enumerate((WEST, EAST))]
    prepare("town", halves, tmp_path / "town")
    index = PlaceIndex.load(tmp_path / "town")
    for name in ("Border Library", "West School", "East Clinic", "Row 2"):
        assert [one.name for one in index.search(name)][:2].count(name) == 1


def test_an_area_tells_all_it_was_made_of_and_no_path(tmp_path: Path) -> None:
    halves = [TOWN.cut(part, "whole").write(tmp_path / f"{k}.osm") for k, part in (("west", WEST), ("east", EAST))]
    digests = set()
    for sources in (halves, halves[::-1]):
        prepare("town", sources, tmp_path / "town")
        about = Area.load(tmp_path / "town")
        assert about.source == "east.osm, west.osm"
        digests.add(about.sha256)
    assert len(digests) == 1


def test_the_newer_version_is_right(tmp_path: Path) -> None:
    closed = {**TOWN.ways, 12: (TOWN.ways[12][0], {**STREET, "access": "no"})}
    newer = replace(TOWN, ways=closed, version=2)
    for n, pair in enumerate(([TOWN, newer], [newer, TOWN])):
        sources = [one.write(tmp_path / f"{n}-{k}.osm") for k, one in enumerate(pair)]
        names = str(list(read_graph(sources).edges(data="name")))
        assert "Row 2" not in names
        assert "Row 1" in names


def test_what_contradicts_itself_is_told_and_the_first_is_right(tmp_path: Path) -> None:
    lat, lon, tags = TOWN.nodes[_node(0, 0)]
    other = replace(TOWN, nodes={**TOWN.nodes, _node(0, 0): (lat - 0.001, lon, tags)})
    sources = [one.write(tmp_path / f"{k}.osm") for k, one in enumerate((TOWN, other))]
    told: list[str] = []
    prepare("town", sources, tmp_path / "town", told.append)
    said = "Left aside: 1 node that lies elsewhere in another extract."
    assert said in told
    assert said in Area.load(tmp_path / "town").left_aside
    assert Area.load(tmp_path / "town").bounds[1] == lat


def test_pieces_of_a_way_that_do_not_meet_are_told_and_the_longest_is_right(tmp_path: Path) -> None:
    line = TOWN.ways[12][0]
    pieces = [replace(TOWN, ways={**TOWN.ways, 12: (part, STREET)}) for part in (line[:3], line[4:])]
    told: list[str] = []
    read_graph([one.write(tmp_path / f"{k}.osm") for k, one in enumerate(pieces)], told.append)
    assert "Left aside: 1 piece of a way that does not fit what another extract has of it." in told


def test_extracts_that_no_road_joins_keep_their_largest_part_each(tmp_path: Path) -> None:
    """Two valleys, the second with a one-street island of its own."""
    valley = moved(TOWN, 0.5, 10_000)
    island: dict[int, tuple[float, float, dict[str, str]]] = {90_001: (10.05, 20.5, {}), 90_002: (10.055, 20.5, {})}
    far = replace(valley, nodes={**valley.nodes, **island}, ways={**valley.ways, 90_001: ((90_001, 90_002), STREET)})
    told: list[str] = []
    sources = [TOWN.write(tmp_path / "near.osm"), far.write(tmp_path / "far.osm")]
    prepare("valleys", sources, tmp_path / "valleys", told.append)
    assert "Left aside: 1 street, wholly or in part, that no road joins with the rest to and fro." in told
    assert any("2 parts that no road joins" in line for line in told)
    engine, alone = Engine.load(tmp_path / "valleys"), made(tmp_path / "alone", sources[0])
    here = corners(2, 12)
    there = [Place(place.lat, round(place.lon + 0.5, 6)) for place in here]
    assert np.array_equal(engine.table(here, here), alone.table(here, here))
    assert (engine.table(there, there) < NO_WAY).all()
    assert (engine.table(here, there) == NO_WAY).all()
    assert (engine.table(there, here) == NO_WAY).all()


def test_one_extract_of_two_valleys_keeps_the_largest_alone(tmp_path: Path) -> None:
    """Negative control: only an extract of its own speaks for a part that nothing joins."""
    both, far = TOWN, moved(TOWN.cut(WEST, "clipped"), 0.5, 10_000)
    one = Extract({**both.nodes, **far.nodes}, {**both.ways, **far.ways}, both.relations)
    assert set(read_graph(one.write(tmp_path / "one.osm"))) <= TOWN.nodes.keys()


def test_a_private_yard_stays_one_in_each_part(tmp_path: Path) -> None:
    yard = ([_node(0, 0), 9100], {"highway": "service", "access": "private"})
    near = replace(TOWN, nodes={**TOWN.nodes, 9100: (9.999, 20.0, {})}, ways={**TOWN.ways, 60: yard})
    far = moved(near, 0.5, 10_000)
    graph = read_graph([near.write(tmp_path / "near.osm"), far.write(tmp_path / "far.osm")])
    private = {way for _, _, way in (e for e in graph.edges(data="osmid") if graph.edges[e[0], e[1], 0].get("private"))}
    assert private == {60, 10_060}


def test_a_file_in_no_order_is_read_as_well(tmp_path: Path) -> None:
    halves = [TOWN.cut(part, "clipped") for part in (WEST, EAST)]
    ordered, mixed = (
        made(
            tmp_path / f"made-{backward}",
            *(half.write(tmp_path / f"{backward}-{k}.osm", backward=backward) for k, half in enumerate(halves)),
        )
        for backward in (False, True)
    )
    places = corners(3, 12)
    assert np.array_equal(ordered.table(places, places), mixed.table(places, places))


@pytest.mark.parametrize("others", [0, 1])
def test_what_an_extract_says_twice_counts_once_and_is_told(others: int, tmp_path: Path) -> None:
    """Alone, and read together with another extract."""
    right = made(tmp_path / "right", TOWN.write(tmp_path / "right.osm"))
    halves = [TOWN.cut(WEST, "missing").write(tmp_path / f"{k}.osm") for k in range(others)]
    body = Path(TOWN.write(tmp_path / "twice.osm")).read_text().removeprefix('<osm version="0.6">')
    (tmp_path / "twice.osm").write_text(f'<osm version="0.6">{body.removesuffix("</osm>")}{body}')
    twice = made(tmp_path / "once", str(tmp_path / "twice.osm"), *halves)
    places = corners(4, 12)
    assert np.array_equal(twice.table(places, places), right.table(places, places))
    count = len(TOWN.nodes) + len(TOWN.ways) + len(TOWN.relations)
    told = f"Left aside: {count} repetitions of nodes, ways or relations, of which the newest count."
    assert told in Area.load(tmp_path / "once").left_aside


def test_a_source_named_twice_is_read_once_and_told(tmp_path: Path) -> None:
    source = TOWN.write(tmp_path / "my town.osm")
    told: list[str] = []
    read_graph([source, str(tmp_path / "." / "my town.osm")], told.append)
    assert "Left aside: my town.osm, which was named before." in told


@pytest.mark.parametrize("other", ["place:Porvoo, Finland", "other.graphml"])
def test_only_openstreetmap_files_can_be_joined(other: str, tmp_path: Path) -> None:
    (tmp_path / "other.graphml").touch()
    other = str(tmp_path / other) if other.endswith("graphml") else other
    for sources in ([TOWN.write(tmp_path / "town.osm"), other], [other, str(tmp_path / "town.osm")]):
        with pytest.raises(RoadError, match=r"(Porvoo|other\.graphml).* cannot be joined .* alone\."):
            prepare("town", sources, tmp_path / "town")
    assert not (tmp_path / "town").exists()


@pytest.mark.parametrize("damaged", [0, 1])
def test_a_damaged_extract_among_several_is_named_and_leaves_nothing(damaged: int, tmp_path: Path) -> None:
    sources = [TOWN.write(tmp_path / f"extract-{k}.osm") for k in range(2)]
    Path(sources[damaged]).write_text("<osm><node", encoding="utf-8")
    with pytest.raises(RoadError, match=rf"extract-{damaged}\.osm cannot be read"):
        prepare("town", sources, tmp_path / "areas" / "town")
    assert not (tmp_path / "areas").exists()
