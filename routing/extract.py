"""Read what our vehicles drive from an OpenStreetMap extract, with pyosmium."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import pairwise, product
from pathlib import Path

import osmium

from routing.area import metres
from routing.times import Place, RoadError
from routing.ways import FERRY, Access, Rules, Tags, Vehicle, access, passage

SUFFIXES = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")

_BEFORE_BARRIER = 1e-5
"""Degrees between a barrier and the end of the road: a metre."""

LONGEST, LONGEST_FERRY = 100, 1_000
"""Kilometres between two neighbouring nodes beyond which a line is no street, and no ferry."""

_SURELY_NEAR = 0.8
"""Degrees of latitude and longitude together that are always fewer kilometres than `LONGEST`."""

_UNDEFINED = 2**31 - 1
"""The coordinate that osmium gives to a node which it has not seen."""

Point = tuple[int, float, float]


class LeftAside(Enum):
    """Why something of a source is not part of the roads: what is said of one such thing, and of several."""

    CUT = (
        "way, wholly or in part, as the file lacks some of its nodes",
        "ways, wholly or in part, as the file lacks some of their nodes",
    )
    UNNUMBERED = (
        "way, wholly or in part, as some of its nodes have negative ids (osmium renumber gives them others)",
        "ways, wholly or in part, as some of their nodes have negative ids (osmium renumber gives them others)",
    )
    BEYOND = (
        "way, wholly or in part, as some of its nodes lie outside the world",
        "ways, wholly or in part, as some of their nodes lie outside the world",
    )
    GAP = (
        f"way with a gap of more than {LONGEST} km (a ferry: {LONGEST_FERRY:,} km) between two nodes",
        f"ways with a gap of more than {LONGEST} km (ferries: {LONGEST_FERRY:,} km) between two nodes",
    )
    MOVED = (
        "second place of a node that stands twice in the file",
        "second places of nodes that stand twice in the file",
    )
    REPEATED = (
        "repetition of a node, way or relation, of which the newest counts",
        "repetitions of nodes, ways or relations, of which the newest count",
    )
    ELSEWHERE = (
        "node that lies elsewhere in another extract",
        "nodes that lie elsewhere in another extract",
    )
    UNFITTING = (
        "piece of a way that does not fit what another extract has of it",
        "pieces of ways that do not fit what another extract has of them",
    )
    CONDITIONAL = (
        "turn restriction that holds at certain times only",
        "turn restrictions that hold at certain times only",
    )
    CHAINED = (
        "turn restriction that leads over more than one way",
        "turn restrictions that lead over more than one way",
    )
    LAME = (
        "turn restriction without the ways or the node that it needs",
        "turn restrictions without the ways or the node that they need",
    )
    UNPLACED = (
        "turn restriction that could not be placed: a way that it names is not driven, or ends elsewhere",
        "turn restrictions that could not be placed: ways that they name are not driven, or end elsewhere",
    )
    TRAPPED = (
        "direction of a street that no turn joins with the rest",
        "directions of streets that no turn joins with the rest",
    )

    def told(self, count: int) -> str:
        """Say how many."""
        one, several = self.value
        return f"Left aside: {count:,} {one if count == 1 else several}."


@dataclass(frozen=True, slots=True)
class Way:
    """A piece of a driven way whose nodes all lie in the extract; nodes: (OSM id, lon, lat) in their order.

    whole: nothing of the way is missing. private: driven only where a vehicle's own way begins or ends.
    """

    id: int
    tags: Tags
    nodes: tuple[Point, ...]
    whole: bool = True
    private: bool = False


@dataclass(frozen=True, slots=True)
class Restriction:
    """From one way over a node or over another way (one of both is given): `to_way` is forbidden, or the only way."""

    only: bool
    from_way: int
    to_way: int
    node: int | None = None
    way: int | None = None


@dataclass(frozen=True, slots=True)
class Roads:
    """The driven ways, the tags of nodes on them, turn restrictions, and what was left aside, by reason.

    A node where the road is closed (a bollard) stands once for each way that ends there, under negative ids.
    """

    ways: list[Way]
    nodes: dict[int, Tags]
    restrictions: list[Restriction]
    ignored: Counter[LeftAside] = field(default_factory=Counter)


def read_roads(path: Path, rules: Rules) -> Roads:
    """Read the roads of a sorted extract for one vehicle; a way cut by the extract's border gives its pieces.

    Raises RoadError when the file cannot be read.
    """
    driven: list[Way] = []
    nodes: dict[int, Tags] = {}
    restrictions: dict[Restriction, None] = {}
    ignored: Counter[LeftAside] = Counter()
    keys = osmium.filter.KeyFilter("highway", "barrier", "railway", "route", "restriction", "type")
    with readable(path):
        for item in osmium.FileProcessor(path).with_locations().with_filter(keys):
            tags = {tag.k: tag.v for tag in item.tags}
            if isinstance(item, osmium.osm.Node):
                nodes[item.id] = tags
            elif isinstance(item, osmium.osm.Way):
                driven += _driven(item, tags, rules.vehicle, ignored)
            elif isinstance(item, osmium.osm.Relation) and tags.get("type") == "restriction":
                restrictions.update(dict.fromkeys(_restrictions(item, tags, rules.vehicle, ignored)))
    return _tidied(Roads(driven, nodes, [*restrictions], ignored), rules.vehicle)


def _driven(way: osmium.osm.Way, tags: Tags, vehicle: Vehicle, ignored: Counter[LeftAside]) -> list[Way]:
    let_in = access(tags, vehicle)
    if let_in is Access.CLOSED:
        return []
    parts, reasons = pieces(way.nodes, tags)
    ignored.update(reasons)
    return [Way(way.id, tags, piece, not reasons, let_in is Access.PRIVATE) for piece in parts]


def _restrictions(
    relation: osmium.osm.Relation, tags: Tags, vehicle: Vehicle, ignored: Counter[LeftAside]
) -> Iterator[Restriction]:
    """Read what binds this vehicle; several ways of entry or exit give a restriction each."""
    if any(key.startswith("restriction") and key.endswith(":conditional") for key in tags):
        ignored[LeftAside.CONDITIONAL] += 1
    keys = [*(f"restriction:{mode}" for mode in vehicle.modes), "restriction"]
    said = next((tags[key] for key in keys if key in tags), "")
    if not said.startswith(("no_", "only_")) or _is_exempt(tags, vehicle):
        return
    members: dict[str, list[osmium.osm.RelationMember]] = {"from": [], "via": [], "to": []}
    for member in relation.members:
        members.get(member.role, []).append(member)
    starts, ends = ([one.ref for one in members[role] if one.type == "w"] for role in ("from", "to"))
    via = [(one.type, one.ref) for one in members["via"]]
    if not starts or not ends or len(via) != 1 or via[0][0] == "r":
        is_chain = starts and ends and len(via) > 1 and {kind for kind, _ in via} == {"w"}
        ignored[LeftAside.CHAINED if is_chain else LeftAside.LAME] += 1
        return
    (kind, ref), only = via[0], said.startswith("only_")
    for start, end in product(starts, ends):
        yield Restriction(only, start, end, node=ref if kind == "n" else None, way=ref if kind == "w" else None)


def _is_exempt(tags: Tags, vehicle: Vehicle) -> bool:
    return not {mode.strip() for mode in tags.get("except", "").split(";")}.isdisjoint(vehicle.modes)


def _tidied(roads: Roads, vehicle: Vehicle) -> Roads:
    """Make one of nodes that lie on each other along a way, and close the road at its barriers."""
    same = _same_nodes(roads.ways)
    ways = [_renamed(way, same) for way in roads.ways] if same else roads.ways
    on_roads = {node for way in ways for node, _, _ in way.nodes}
    nodes: dict[int, Tags] = {}
    for node, tags in roads.nodes.items():
        name = same.get(node, node)
        if name in on_roads:
            nodes[name] = {**nodes.get(name, {}), **tags}
    closed = {node for node, tags in nodes.items() if passage(tags, vehicle) is Access.CLOSED}
    gates = {node for node, tags in nodes.items() if passage(tags, vehicle) is Access.PRIVATE}
    ways = list(_cut(ways, closed, gates, min(0, *on_roads))) if closed or gates else ways
    restrictions = [_renamed_via(one, same) for one in roads.restrictions] if same else roads.restrictions
    kept = {node: tags for node, tags in nodes.items() if node not in closed}
    return Roads([way for way in ways if len(way.nodes) > 1], kept, restrictions, roads.ignored)


def _same_nodes(ways: Iterable[Way]) -> dict[int, int]:
    """Nodes at the same spot, one after the other on a way, by the least id among them: no street has no length."""
    same: dict[int, int] = {}

    def root(node: int) -> int:
        while node in same:
            node = same[node]
        return node

    for way in ways:
        for (a, *at), (b, *there) in pairwise(way.nodes):
            if at == there:
                least, other = sorted((root(a), root(b)))
                if least != other:
                    same[other] = least
    return {node: root(node) for node in same}


def _renamed(way: Way, same: dict[int, int]) -> Way:
    names = [(same.get(node, node), lon, lat) for node, lon, lat in way.nodes]
    fresh = [names[0], *(b for a, b in pairwise(names) if a[0] != b[0])]
    return replace(way, nodes=tuple(fresh))


def _renamed_via(one: Restriction, same: dict[int, int]) -> Restriction:
    return one if one.node is None else replace(one, node=same.get(one.node, one.node))


def _cut(ways: Iterable[Way], closed: set[int], gates: set[int], least: int) -> Iterator[Way]:
    """End ways at closed nodes, each at an end of its own (ids below `least`); beside a private gate, private."""
    for way in ways:
        nodes = list(way.nodes)
        breaks = [k for k, (node, _, _) in enumerate(nodes) if node in closed]
        beside = {b for k, (node, _, _) in enumerate(nodes) if node in gates for b in (k - 1, k, k + 1)}
        if not breaks and not beside:
            yield way
            continue
        borders = sorted({0, *breaks, *beside, len(nodes) - 1} & set(range(len(nodes))))
        for first, last in pairwise(borders):
            piece = nodes[first : last + 1]
            for k, inside in ((0, 1), (-1, -2)):
                if piece[k][0] in closed:
                    least -= 1
                    piece[k] = (least, *_before(piece[k], piece[inside]))
            at_gate = piece[0][0] in gates or piece[-1][0] in gates
            whole = way.whole and len(borders) == 2
            yield replace(way, nodes=tuple(piece), whole=whole, private=way.private or at_gate)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into a RoadError that names it."""
    if not path.is_file():
        raise RoadError(f"{path} does not exist. Name an OpenStreetMap extract ({', '.join(SUFFIXES)}).")
    try:
        yield
    except (RuntimeError, OSError, ValueError, osmium.InvalidLocationError) as error:
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RoadError(
            f"{path} cannot be read as OpenStreetMap data ({what}). "
            "It may be cut off or of another kind: fetch it again."
        ) from error


def pieces(nodes: osmium.osm.NodeRefList, tags: Tags) -> tuple[list[tuple[Point, ...]], set[LeftAside]]:
    """Cut a way where nodes are missing or too far apart, and say why; a node named twice in a row stands once."""
    longest = LONGEST_FERRY if tags.get("route") == FERRY else LONGEST
    found: list[list[Point]] = [[]]
    reasons: set[LeftAside] = set()
    for node in nodes:
        line = found[-1]
        if not node.location.valid():
            reasons.add(_lack(node))
            found.append([])
            continue
        point = (node.ref, node.location.lon, node.location.lat)
        if line and _is_gap(line[-1], point, longest):
            reasons.add(LeftAside.GAP)
            found.append([point])
        elif not line or line[-1][0] != node.ref:
            line.append(point)
    return [tuple(line) for line in found if len(line) > 1], reasons


def _lack(node: osmium.osm.NodeRef) -> LeftAside:
    if node.location.x != _UNDEFINED:
        return LeftAside.BEYOND
    return LeftAside.UNNUMBERED if node.ref < 0 else LeftAside.CUT


def _is_gap(a: Point, b: Point, longest: int) -> bool:
    if abs(a[1] - b[1]) + abs(a[2] - b[2]) < _SURELY_NEAR:
        return False
    return metres(Place(a[2], a[1]), Place(b[2], b[1])) > 1000 * longest


def _before(barrier: Point, inside: Point) -> tuple[float, float]:
    """Where the road ends before a barrier, so that both its sides can be told apart: (lon, lat)."""
    lon, lat = inside[1] - barrier[1], inside[2] - barrier[2]
    share = min(_BEFORE_BARRIER / max(abs(lon), abs(lat), 1e-7), 1 / 3)
    return round(barrier[1] + share * lon, 7), round(barrier[2] + share * lat, 7)
