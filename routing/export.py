"""Flatten an OSMnx graph into the engine's streets, draw them as vector tiles, and write the graph as it is."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import geopandas as gpd
import networkx as nx
import numpy as np
import pyogrio
from numpy.typing import NDArray
from shapely import LineString, get_coordinates, get_num_coordinates, linestrings

from routing.streets import E7, ONE_WAY, Streets

Shape = NDArray[np.int32]
Key = tuple[int, int, int]
Edge = dict[str, Any]
Arc = tuple[int, int, int, Edge]
"""An arc's number (see `Streets.restrictions`), the nodes where it begins and ends, its edge."""

_TILING = {"MINZOOM": 10, "MAXZOOM": 13, "MAX_SIZE": 2_000_000}
"""A tile of zoom 13 tells a metre from the next: maps draw nearer views from it."""


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """Streets with what people see of them: a line (WGS 84 degrees), a name or "", and the road class, row by row.

    keys: the graph's edges (u, v, key) of both directions, None where there is no way back. unplaced: how many of the
    graph's turn restrictions fit no turn.
    """

    streets: Streets
    lines: list[LineString]
    names: list[str]
    classes: list[str]
    keys: list[tuple[Key, Key | None]]
    unplaced: int


def flatten(graph: nx.MultiDiGraph) -> Flat:
    """Number junctions and streets by OSM id, and join both directions of a two-way street to one row."""
    nodes = sorted(graph.nodes)
    number = {node: k for k, node in enumerate(nodes)}
    sorted_edges = sorted(graph.edges(keys=True, data=True), key=lambda one: one[:3])
    shapes: list[Shape] = []
    edges: list[Edge] = []
    back: dict[int, Edge] = {}
    keys: list[tuple[Key, Key | None]] = []
    waiting: dict[tuple[int, int, bytes], list[int]] = {}
    for (u, v, key, edge), shape in zip(sorted_edges, _shapes(graph, sorted_edges), strict=True):
        if u == v and not np.ptp(shape, axis=0).any():
            continue
        twins = waiting.get((v, u, shape[::-1].tobytes()))
        if twins:
            row = twins.pop()
            back[row], keys[row] = edge, (keys[row][0], (u, v, key))
            continue
        waiting.setdefault((u, v, shape.tobytes()), []).append(len(edges))
        keys.append(((u, v, key), None))
        shapes.append(shape)
        edges.append(edge)
    ends = np.array([(number[u], number[v]) for (u, v, _), _ in keys], np.int32)
    tail, head = ends.T
    arcs = [(2 * k, tail[k], head[k], edge) for k, edge in enumerate(edges)]
    arcs += [(2 * k + 1, head[k], tail[k], edge) for k, edge in sorted(back.items())]
    restrictions, unplaced = _restrictions(graph, arcs, number)
    streets = _streets(graph, nodes, ends, shapes=shapes, edges=edges, back=back, restrictions=restrictions)
    parts = np.repeat(np.arange(len(edges)), np.diff(streets.first))
    lines = linestrings(streets.points * E7, indices=parts)
    names, classes = ([_one(edge.get(tag)) for edge in edges] for tag in ("name", "highway"))
    return Flat(streets, list(lines), names, classes, keys, unplaced)


def write_tiles(flat: Flat, path: Path) -> None:
    """Write the streets as PMTiles, layer "roads" with `name` and `highway`."""
    frame = gpd.GeoDataFrame({"name": flat.names, "highway": flat.classes}, geometry=flat.lines, crs="epsg:4326")
    pyogrio.write_dataframe(frame, path, layer="roads", driver="PMTiles", **_TILING)


def write_graphml(graph: nx.MultiDiGraph, path: Path) -> None:
    """Write what `osmnx.save_graphml` would, all values as text: its writer takes longer than all other files."""
    ids: dict[tuple[str, str], str] = {}
    parts: list[str] = []
    said = "".join(_data(graph.graph, "graph", ids, '    <data key="{}">{}</data>\n'))
    for node, about in graph.nodes(data=True):
        parts += [f'    <node id="{node}">\n', *_data(about, "node", ids), "    </node>\n"]
    for u, v, key, edge in graph.edges(keys=True, data=True):
        parts += [f'    <edge source="{u}" target="{v}" id="{key}">\n', *_data(edge, "edge", ids), "    </edge>\n"]
    keys = [
        f'  <key id="{id_}" for="{what}" attr.name={quoteattr(name)} attr.type="string"/>\n'
        for (what, name), id_ in ids.items()
    ]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        file.writelines(keys)
        file.write(f'  <graph edgedefault="directed">\n{said}')
        file.writelines(parts)
        file.write("  </graph>\n</graphml>\n")


def _data(
    about: Edge, what: str, ids: dict[tuple[str, str], str], form: str = '      <data key="{}">{}</data>\n'
) -> Iterator[str]:
    for name, value in about.items():
        id_ = ids.setdefault((what, name), f"d{len(ids)}")
        yield form.format(id_, escape(str(value)))


def _streets(
    graph: nx.MultiDiGraph,
    nodes: list[int],
    ends: NDArray[np.int32],
    *,
    shapes: list[Shape],
    edges: list[Edge],
    back: dict[int, Edge],
    restrictions: NDArray[np.int32],
) -> Streets:
    tail, head = np.ascontiguousarray(ends.T)
    there, again = list(enumerate(edges)), sorted(back.items())
    first = np.concatenate(([0], np.cumsum([len(shape) for shape in shapes]))).astype(np.int32)
    return Streets(
        tail=tail,
        head=head,
        forward=_per_street(there, _tenths, len(edges)),
        backward=_per_street(again, _tenths, len(edges)),
        length=np.array([max(0.1, float(edge["length"])) for edge in edges], np.float32),
        points=np.concatenate(shapes),
        first=first,
        nodes=_corners(graph, nodes),
        forward_delay=_per_street(there, lambda edge: edge.get("delay", 0), len(edges), otherwise=0),
        backward_delay=_per_street(again, lambda edge: edge.get("delay", 0), len(edges), otherwise=0),
        private=np.array([bool(edge.get("private")) for edge in edges], bool),
        roundabout=np.array([bool(edge.get("roundabout")) for edge in edges], bool),
        no_stopping=np.array([bool(edge.get("no_stopping")) for edge in edges], bool),
        turning=np.array([bool(graph.nodes[node].get("turning")) for node in nodes], bool),
        restrictions=restrictions,
        left_hand=np.array(graph.graph.get("left_hand") == "yes"),
    )


def _per_street(
    rows: list[tuple[int, Edge]], value: Callable[[Edge], int], size: int, *, otherwise: int = ONE_WAY
) -> NDArray[np.int32]:
    found = np.full(size, otherwise, np.int32)
    for k, edge in rows:
        found[k] = value(edge)
    return found


def _tenths(edge: Edge) -> int:
    """A graph from elsewhere knows whole seconds only."""
    return int(edge["tenths"]) if "tenths" in edge else max(1, 10 * int(edge["travel_time"]))


def _restrictions(graph: nx.MultiDiGraph, arcs: list[Arc], places: dict[int, int]) -> tuple[NDArray[np.int32], int]:
    """Find the arcs of each restriction, and count those with a missing member or one that may mean two arcs."""
    said = json.loads(graph.graph.get("restrictions", "[]"))
    mentioned = {one[key] for one in said for key in ("from", "way", "to") if one.get(key) is not None}
    into: dict[int, list[Arc]] = {}
    out_of: dict[tuple[int, int], list[Arc]] = {}
    for arc in arcs:
        _, start, _, edge = arc
        if _way(edge, "last_osmid") in mentioned:
            into.setdefault(_way(edge, "last_osmid"), []).append(arc)
        if _way(edge, "first_osmid") in mentioned:
            out_of.setdefault((_way(edge, "first_osmid"), int(start)), []).append(arc)
    rows: set[tuple[int, int, int, int]] = set()
    unplaced = 0
    for one in said:
        node = places.get(one["node"], -1) if one.get("node") is not None else None
        found = [
            (int(one["only"]), start[0], over, to)
            for start in into.get(one["from"], [])
            if node is None or int(start[2]) == node
            for over, to in _onward(out_of, int(start[2]), one)
        ]
        if len(found) == 1:
            rows.add(found[0])
        else:
            unplaced += 1
    return np.array(sorted(rows), np.int32).reshape(-1, 4), unplaced


def _onward(out_of: dict[tuple[int, int], list[Arc]], node: int, said: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """The arcs that go on from a junction as a restriction says: (over arc or -1, to arc)."""
    if said.get("way") is None:
        yield from ((-1, to[0]) for to in out_of.get((said["to"], node), []))
        return
    for over in out_of.get((said["way"], node), []):
        if _way(over[3], "last_osmid") == said["way"]:
            yield from ((over[0], to[0]) for to in out_of.get((said["to"], int(over[2])), []))


def _way(edge: Edge, key: str) -> int:
    """The way at one end of a merged edge."""
    way = edge.get(key, edge.get("osmid", 0))
    return way if isinstance(way, int) else 0


def _corners(graph: nx.MultiDiGraph, nodes: list[int]) -> NDArray[np.int32]:
    return np.array([_at(graph, node) for node in nodes], np.int32)


def _shapes(graph: nx.MultiDiGraph, edges: list[tuple[int, int, int, Edge]]) -> list[Shape]:
    """Each edge's points, in the order of the drive; an edge without a geometry is straight."""
    bent = [edge["geometry"] for _, _, _, edge in edges if "geometry" in edge]
    points = np.rint(get_coordinates(bent) / E7).astype(np.int32)
    split = iter(np.split(points, np.cumsum(get_num_coordinates(bent))[:-1]))
    return [
        next(split) if "geometry" in edge else np.array([_at(graph, u), _at(graph, v)], np.int32)
        for u, v, _, edge in edges
    ]


def _at(graph: nx.MultiDiGraph, node: int) -> tuple[int, int]:
    return round(graph.nodes[node]["x"] / E7), round(graph.nodes[node]["y"] / E7)


def _one(tag: Any) -> str:
    """The first of a merged street's names or classes."""
    first = tag[0] if isinstance(tag, list) else tag
    return first if isinstance(first, str) else ""
