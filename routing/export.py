"""Flatten an OSMnx graph into the engine's streets, and draw them as vector tiles."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pyogrio
from numpy.typing import NDArray
from shapely import LineString

from routing.streets import E7, ONE_WAY, Streets

Shape = tuple[tuple[int, int], ...]

_TILING = {"MINZOOM": 10, "MAXZOOM": 14, "MAX_SIZE": 2_000_000}


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """Streets with what people see of them: a line (WGS 84 degrees), a name or "", and the road class, row by row."""

    streets: Streets
    lines: list[LineString]
    names: list[str]
    classes: list[str]


def flatten(graph: nx.MultiDiGraph) -> Flat:
    """Number junctions and streets by OSM id, and join both directions of a two-way street to one row."""
    nodes = sorted(graph.nodes)
    number = {node: k for k, node in enumerate(nodes)}
    rows: list[list[int]] = []
    shapes: list[Shape] = []
    edges: list[dict[str, Any]] = []
    waiting: dict[tuple[int, int, Shape], list[int]] = {}
    for u, v, _, edge in sorted(graph.edges(keys=True, data=True), key=lambda one: one[:3]):
        shape = _shape(graph, u, v, edge)
        if len(set(shape)) < 2:
            continue
        twins = waiting.get((v, u, shape[::-1]))
        if twins:
            rows[twins.pop()][3] = edge["travel_time"]
            continue
        waiting.setdefault((u, v, shape), []).append(len(rows))
        rows.append([number[u], number[v], edge["travel_time"], ONE_WAY])
        shapes.append(shape)
        edges.append(edge)
    lengths = np.array([max(0.1, float(edge["length"])) for edge in edges], np.float32)
    lines = [LineString(np.array(shape) * E7) for shape in shapes]
    streets = _streets(np.array(rows, np.int32), lengths, shapes, nodes=_corners(graph, nodes))
    return Flat(
        streets, lines, [_one(edge.get("name")) for edge in edges], [_one(edge.get("highway")) for edge in edges]
    )


def write_tiles(flat: Flat, path: Path) -> None:
    """Write the streets as PMTiles, layer "roads" with `name` and `highway`."""
    frame = gpd.GeoDataFrame({"name": flat.names, "highway": flat.classes}, geometry=flat.lines, crs="epsg:4326")
    pyogrio.write_dataframe(frame, path, layer="roads", driver="PMTiles", **_TILING)


def _streets(
    rows: NDArray[np.int32], lengths: NDArray[np.float32], shapes: list[Shape], *, nodes: NDArray[np.int32]
) -> Streets:
    tail, head, forward, backward = np.ascontiguousarray(rows.T)
    first = np.concatenate(([0], np.cumsum([len(shape) for shape in shapes]))).astype(np.int32)
    points = np.concatenate([np.array(shape, np.int32) for shape in shapes])
    return Streets(tail, head, forward, backward, lengths, points, first, nodes)


def _corners(graph: nx.MultiDiGraph, nodes: list[int]) -> NDArray[np.int32]:
    return np.array([_units(graph.nodes[node]["x"], graph.nodes[node]["y"]) for node in nodes], np.int32)


def _shape(graph: nx.MultiDiGraph, u: int, v: int, edge: dict[str, Any]) -> Shape:
    if "geometry" in edge:
        return tuple(_units(x, y) for x, y in edge["geometry"].coords)
    return tuple(_units(graph.nodes[node]["x"], graph.nodes[node]["y"]) for node in (u, v))


def _units(lon: float, lat: float) -> tuple[int, int]:
    return round(lon / E7), round(lat / E7)


def _one(tag: Any) -> str:
    """The first of a merged street's names or classes."""
    first = tag[0] if isinstance(tag, list) else tag
    return first if isinstance(first, str) else ""
