"""Extracts with faults: refused in a sentence, or the fault changes nothing for the roads beside it."""

import io
import zipfile
from pathlib import Path

import pytest

from routing.area import Area
from routing.engine import Engine
from routing.extract import LeftAside
from routing.graph import prepare, read_graph
from routing.times import NO_WAY, Place, RoadError
from tests.routing.conftest import ONE_WAY, STREET, TOY_WAYS, TOYTOWN, Members, Ways, WriteOsm

CORNERS = [Place(10.0045, 20.005), Place(10.00498, 20.0025), Place(10.0002, 20.00998), Place(9.99998, 20.0025)]

ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("toy.osm", "<osm/>")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("zipped.osm", zipped()),
        ("page.osm", b"<html><body>404 not found</body></html>"),
        ("nothing.osm", b""),
        ("nothing.osm.pbf", b""),
        ("entities.osm", f'{ENTITIES}<osm version="0.6"><node id="1" lat="1" lon="1"/></osm>'.encode()),
        ("endless.osm", f'<osm version="0.6"><way id="1"><tag k="name" v="{"x" * 100_000}"/></way></osm>'.encode()),
        ("wordy.osm", b'<osm version="0.6"><node id="1" lat="north" lon="1"/></osm>'),
        ("beyond.osm", b'<osm version="0.6"><node id="1" lat="1" lon="400"/></osm>'),
        ("control.osm", b'<osm version="0.6"><way id="1"><tag k="name" v="a&#1;b"/></way></osm>'),
    ],
)
def test_what_is_no_extract_is_refused_in_a_sentence(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RoadError, match=rf"{name} cannot be read as OpenStreetMap data \(.+\)\. .+ fetch it again\."):
        prepare("town", str(tmp_path / name), tmp_path / "town")
    assert not (tmp_path / "town").exists()


@pytest.mark.parametrize("tags", [{}, {"highway": "footway"}, {"building": "yes"}])
def test_ways_that_nobody_drives_are_no_roads(tags: dict[str, str], write_osm: WriteOsm, tmp_path: Path) -> None:
    extract = write_osm(TOYTOWN, [(refs, tags) for refs, _ in TOY_WAYS])
    with pytest.raises(RoadError, match="holds no road"):
        prepare("town", str(extract), tmp_path / "town")


MORE_NODES = {20: (10.0025, 19.99), 21: (10.0025, 20.02), 22: (95.0, 20.0), 23: (10.005, 20.005), 24: (10.0, 20.0)}
MORE_NODES |= {25: (-40.0, -170.0), 26: (12.0, 20.0)}
FAULTS: dict[str, Ways] = {
    "a way of one node": [((5,), STREET)],
    "a way of no node": [((), STREET)],
    "a way that stands still": [((5, 5, 5), STREET)],
    "a node that is missing": [((77, 78), STREET)],
    "a node beyond the pole": [((22, 20), STREET)],
    "a node at the other end of the world": [((6, 25), STREET)],
    "a node two hundred kilometres away": [((26, 6), STREET)],
    "a bridge that joins nothing": [((20, 21), {**STREET, "bridge": "yes", "layer": "1"})],
    "a street without length": [((2, 23), STREET)],
    "a way in": [((6, 20), {**STREET, "oneway": "yes"})],
    "a way out": [((20, 6), {**STREET, "oneway": "yes"})],
}
APART = "street, wholly or in part, that no road joins with the rest to and fro."
GAP = "1 way with a gap of more than 100 km (a ferry: 1,000 km) between two nodes."
FAULTS_TOLD = {
    "a node that is missing": "1 way, wholly or in part, as the file lacks some of its nodes.",
    "a node beyond the pole": "1 way, wholly or in part, as some of its nodes lie outside the world.",
    "a node at the other end of the world": GAP,
    "a node two hundred kilometres away": GAP,
}
QUARTERS: Ways = [((1, 2), STREET), ((2, 3, 6, 5), STREET), ((5, 4, 1), STREET), ((2, 5), ONE_WAY)]
"""The ring in three ways: the first one leads to the fourth, the one-way street, over node 2."""

NO_TURN = {"type": "restriction", "restriction": "no_right_turn"}
LAME: dict[str, Members] = {
    "no members": [],
    "no via": [("way", "from", 1), ("way", "to", 4)],
    "a way that is missing": [("way", "from", 99), ("node", "via", 2), ("way", "to", 4)],
    "a node that is missing": [("way", "from", 1), ("node", "via", 99), ("way", "to", 4)],
    "a relation as via": [("way", "from", 1), ("relation", "via", 7), ("way", "to", 4)],
}


LAME["two ways between"] = [("way", "from", 1), ("way", "via", 2), ("way", "via", 3), ("way", "to", 4)]
LACKING = "1 turn restriction without the ways or the node that it needs."
UNPLACED = "1 turn restriction that could not be placed: a way that it names is not driven, or ends elsewhere."
LAME_TOLD = {
    "a way that is missing": UNPLACED,
    "a node that is missing": UNPLACED,
    "two ways between": "1 turn restriction that leads over more than one way.",
}


def seconds(extract: Path, folder: Path, east: float = 0) -> list[list[int]]:
    """Time the corners of Toytown, which lies so many degrees to the east."""
    prepare("town", str(extract), folder)
    corners = [Place(place.lat, round(place.lon + east, 6)) for place in CORNERS]
    rows: list[list[int]] = Engine.load(folder).table(corners, corners).tolist()
    return rows


def changed(extract: Path, *changes: tuple[str, str]) -> Path:
    text = extract.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    extract.write_text(text, encoding="utf-8")
    return extract


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_beside_the_roads_changes_no_time(fault: str, write_osm: WriteOsm, tmp_path: Path) -> None:
    right = seconds(write_osm(TOYTOWN, TOY_WAYS), tmp_path / "sound")
    extract = write_osm({**TOYTOWN, **MORE_NODES}, [*TOY_WAYS, *FAULTS[fault]])
    assert seconds(extract, tmp_path / "faulty") == right
    assert max(map(max, right)) < NO_WAY


@pytest.mark.parametrize("fault", FAULTS_TOLD)
def test_what_is_left_out_of_a_faulty_way_is_told(fault: str, write_osm: WriteOsm, tmp_path: Path) -> None:
    told: list[str] = []
    extract = str(write_osm({**TOYTOWN, **MORE_NODES}, [*TOY_WAYS, *FAULTS[fault]]))
    prepare("town", extract, tmp_path / "town", told.append)
    assert Area.load(tmp_path / "town").left_aside == (
        f"Left aside: {FAULTS_TOLD[fault]}",
        f"Left aside: 2 {APART.replace('street', 'streets')}",
    )
    assert set(Area.load(tmp_path / "town").left_aside) <= set(told)


def test_only_a_ferry_goes_far_without_a_node_between(write_osm: WriteOsm) -> None:
    nodes = {**TOYTOWN, 9: (13.0, 20.0), 10: (13.0, 20.005), 11: (25.0, 20.0)}
    ferry = {"route": "ferry", "motor_vehicle": "yes"}
    for tags, reached in ((ferry, {9, 10}), (STREET, set())):
        graph = read_graph(str(write_osm(nodes, [*TOY_WAYS, ((6, 9), tags), ((6, 11), tags)])))
        assert graph.nodes & {9, 10, 11} == reached


def test_a_street_cut_off_in_the_middle_of_a_way_is_told(write_osm: WriteOsm) -> None:
    """The way's other end is kept: a street is not whole because a part of it is."""
    told: list[str] = []
    bollard = {20: {"barrier": "bollard"}}
    ways = [*TOY_WAYS[:2], ((6, 20, 21), STREET)]
    read_graph(str(write_osm({**TOYTOWN, **MORE_NODES}, ways, tags=bollard)), told.append)
    assert f"Left aside: 1 {APART}" in told


def test_little_that_is_left_is_told(write_osm: WriteOsm) -> None:
    """Bollards at every corner leave nothing but the longest block."""
    said: dict[bool, list[str]] = {}
    for closed in (True, False):
        tags = {node: {"barrier": "bollard"} for node in range(1, 7)} if closed else {}
        read_graph(str(write_osm(TOYTOWN, TOY_WAYS[:2], tags=tags)), said.setdefault(closed, []).append)
    assert any("% of the roads' length is left:" in line for line in said[True])
    assert not any("length is left" in line for line in said[False])


def test_a_direction_that_no_turn_joins_with_the_rest_is_told(write_osm: WriteOsm) -> None:
    told: list[str] = []
    read_graph(str(write_osm(TOYTOWN, [((1, 2, 5, 4, 1), STREET)])), told.append)
    assert any(line.startswith("Left aside: ") and "that no turn joins with the rest" in line for line in told)


def test_a_town_across_the_date_line_is_refused(write_osm: WriteOsm, tmp_path: Path) -> None:
    across = {node: (lat, (lon + 159.993 + 180) % 360 - 180) for node, (lat, lon) in TOYTOWN.items()}
    with pytest.raises(RoadError, match=r"toy\.osm lies on both sides of the date line .+ Cut it there"):
        prepare("town", str(write_osm(across, TOY_WAYS)), tmp_path / "town")
    assert not (tmp_path / "town").exists()


def test_a_town_beside_the_date_line_is_timed_as_elsewhere(write_osm: WriteOsm, tmp_path: Path) -> None:
    right = seconds(write_osm(TOYTOWN, TOY_WAYS), tmp_path / "elsewhere")
    beside = {node: (lat, round(lon + 159.985, 6)) for node, (lat, lon) in TOYTOWN.items()}
    assert seconds(write_osm(beside, TOY_WAYS), tmp_path / "beside", east=159.985) == right


def test_an_extract_in_no_order_is_timed_as_if_sorted(write_osm: WriteOsm, tmp_path: Path) -> None:
    right = seconds(write_osm(TOYTOWN, TOY_WAYS), tmp_path / "sorted")
    extract = write_osm(TOYTOWN, TOY_WAYS)
    text = extract.read_text(encoding="utf-8").removeprefix('<osm version="0.6">').removesuffix("</osm>")
    first_way = text.index("<way")
    extract.write_text(f'<osm version="0.6">{text[first_way:]}{text[:first_way]}</osm>', encoding="utf-8")
    assert seconds(extract, tmp_path / "mixed") == right


@pytest.mark.parametrize(
    ("again", "told"),
    [
        ('<node id="5" version="1" lat="10.0" lon="20.005"/>', "1 repetition of a node, way or relation, of"),
        ('<node id="5" version="1" lat="10.0" lon="20.3"/>', "1 second place of a node that stands twice in the file."),
        ('<way id="4" version="1"><nd ref="10"/><nd ref="9"/></way>', "1 repetition of a node, way or relation, of"),
    ],
)
def test_what_stands_twice_in_a_file_is_told(again: str, told: str, write_osm: WriteOsm, tmp_path: Path) -> None:
    prepare("town", str(changed(write_osm(TOYTOWN, TOY_WAYS), ("</osm>", f"{again}</osm>"))), tmp_path / "town")
    assert any(line.startswith(f"Left aside: {told}") for line in Area.load(tmp_path / "town").left_aside)


def test_roads_without_their_nodes_are_refused_with_what_is_the_matter(write_osm: WriteOsm, tmp_path: Path) -> None:
    with pytest.raises(RoadError, match=r"no road that .+ 4 ways, .+ lacks some of their nodes\. .+ all their nodes\."):
        prepare("town", str(write_osm({}, TOY_WAYS)), tmp_path / "town")
    unsent = changed(write_osm(TOYTOWN, TOY_WAYS), ('<node id="', '<node id="-'), ('ref="', 'ref="-'))
    with pytest.raises(RoadError, match=r"4 ways, .+ negative ids \(osmium renumber"):
        prepare("town", str(unsent), tmp_path / "town")


@pytest.mark.parametrize("lame", LAME)
def test_a_restriction_without_its_members_changes_no_time(lame: str, write_osm: WriteOsm, tmp_path: Path) -> None:
    right = seconds(write_osm(TOYTOWN, QUARTERS), tmp_path / "sound")
    assert seconds(write_osm(TOYTOWN, QUARTERS, [(LAME[lame], NO_TURN)]), tmp_path / "faulty") == right
    told = f"Left aside: {LAME_TOLD.get(lame, LACKING)}"
    assert told in Area.load(tmp_path / "faulty").left_aside
    assert told not in Area.load(tmp_path / "sound").left_aside


def test_a_restriction_with_its_members_changes_times(write_osm: WriteOsm, tmp_path: Path) -> None:
    """Negative control: these places do notice what is forbidden."""
    right = seconds(write_osm(TOYTOWN, QUARTERS), tmp_path / "sound")
    members = [("way", "from", 1), ("node", "via", 2), ("way", "to", 4)]
    assert seconds(write_osm(TOYTOWN, QUARTERS, [(members, NO_TURN)]), tmp_path / "faulty") != right
    assert not any("restriction" in line for line in Area.load(tmp_path / "faulty").left_aside)


@pytest.mark.parametrize("what", LeftAside)
def test_one_and_several_are_told_as_a_person_would(what: LeftAside) -> None:
    one, several = (what.told(count).removeprefix("Left aside: ") for count in (1, 1_234))
    assert one.startswith("1 ")
    assert several.startswith("1,234 ")
    assert one[2:] != several[6:]


@pytest.mark.parametrize("limit", ["fast", "-50", "0", "nan", "inf", "1e9", "9" * 400])
def test_a_limit_that_makes_no_sense_is_none(limit: str, write_osm: WriteOsm, tmp_path: Path) -> None:
    plain = {key: said for key, said in STREET.items() if key != "maxspeed"}
    unlimited = [(refs, plain) for refs, _ in TOY_WAYS]
    nonsense = [(refs, {**plain, "maxspeed": limit}) for refs, _ in TOY_WAYS]
    right = seconds(write_osm(TOYTOWN, unlimited), tmp_path / "unlimited")
    assert seconds(write_osm(TOYTOWN, nonsense), tmp_path / "nonsense") == right
