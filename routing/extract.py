"""Read an OpenStreetMap extract with pyosmium: the ways our vehicles drive, and the things that people can name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import osmium

from routing.places import ADDRESS, STREET, Entry
from routing.times import Place, RoadError
from routing.ways import Tags, is_driven

SUFFIXES = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")

_KEYS = ("amenity", "healthcare", "shop", "office", "tourism", "leisure", "railway", "public_transport", "place")
_NAMES = (
    "name", "alt_name", "short_name", "official_name", "name:fi", "name:sv", "name:en", "name:de", "name:ko",
    "name:ja", "name:ja-Hira", "name:ja_kana", "name:ja_rm", "name:ja-Latn",
)  # fmt: skip
_ADDRESSED = ("addr:street", "addr:place", "addr:neighbourhood", "addr:quarter")
_NOT_NAMED_BY_PEOPLE = {
    "atm", "bench", "vending_machine", "parking_space", "parking_entrance", "waste_basket", "clock", "stop_position",
    "city_block", "yes", "artwork", "switch", "signal",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Way:
    """A piece of a driven way whose nodes all lie in the extract; nodes: (OSM id, lon, lat) in their order."""

    id: int
    tags: Tags
    nodes: tuple[tuple[int, float, float], ...]


def driven_ways(path: Path) -> Iterator[Way]:
    """List the ways that vehicles may use; a way cut by the extract's border gives its pieces. Raises RoadError."""
    with _readable(path):
        ways = osmium.FileProcessor(path).with_locations().with_filter(osmium.filter.EntityFilter(osmium.osm.WAY))
        for way in ways.with_filter(osmium.filter.KeyFilter("highway")):
            assert isinstance(way, osmium.osm.Way)
            tags = {tag.k: tag.v for tag in way.tags}
            if is_driven(tags):
                yield from (Way(way.id, tags, piece) for piece in _pieces(way.nodes))


def named_things(path: Path) -> list[Entry]:
    """List named amenities, shops, stops and streets, and addresses with their names in every tagged language."""
    found: list[Entry] = []
    keys = osmium.filter.KeyFilter("name", "addr:housenumber")
    with _readable(path):
        for item in osmium.FileProcessor(path).with_areas(keys).with_filter(keys):
            place = _place(item)
            if place:
                tags = {tag.k: tag.v for tag in item.tags}
                found.extend(_entries(tags, place))
    streets = {entry.name: entry.aliases for entry in found if entry.kind == STREET}
    return [_with_street_aliases(entry, streets) for entry in found]


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    if not path.is_file():
        raise RoadError(f"{path} does not exist. Name an OpenStreetMap extract ({', '.join(SUFFIXES)}).")
    try:
        yield
    except (RuntimeError, OSError, ValueError) as error:
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RoadError(
            f"{path} cannot be read as OpenStreetMap data ({what}). "
            "It may be cut off or of another kind: fetch it again."
        ) from error


def _pieces(nodes: osmium.osm.WayNodeList) -> Iterator[tuple[tuple[int, float, float], ...]]:
    piece: list[tuple[int, float, float]] = []
    for node in nodes:
        if not node.location.valid():
            if len(piece) > 1:
                yield tuple(piece)
            piece = []
        elif not piece or piece[-1][0] != node.ref:
            piece.append((node.ref, node.location.lon, node.location.lat))
    if len(piece) > 1:
        yield tuple(piece)


def _place(item: object) -> Place | None:
    """The middle of its corners is good enough to name it; closed ways are seen as ways, other areas by their rings."""
    if isinstance(item, osmium.osm.Node):
        return _middle([item.location])
    if isinstance(item, osmium.osm.Way):
        corners = [node.location for node in item.nodes]
        return _middle(corners[:-1] if item.is_closed() else [corners[len(corners) // 2]])
    if isinstance(item, osmium.osm.Area) and not item.from_way():
        return _middle([node.location for ring in item.outer_rings() for node in ring])
    return None


def _middle(corners: list[osmium.osm.Location]) -> Place | None:
    valid = [corner for corner in corners if corner.valid()]
    if not valid:
        return None
    return Place(round(sum(c.lat for c in valid) / len(valid), 6), round(sum(c.lon for c in valid) / len(valid), 6))


def _entries(tags: Tags, place: Place) -> Iterator[Entry]:
    kind = _kind(tags)
    if "name" in tags and kind:
        names = dict.fromkeys(part.strip() for key in _NAMES for part in tags.get(key, "").split(";"))
        yield Entry(tags["name"], kind, place, tuple(name for name in names if name and name != tags["name"]))
    address = _address(tags)
    if address:
        yield Entry(address, ADDRESS, place)


def _kind(tags: Tags) -> str | None:
    if tags.get("highway") == "bus_stop":
        return "bus stop"
    if "highway" in tags:
        return STREET if tags["highway"] not in {"platform", "elevator", "steps", "corridor"} else None
    key = next((key for key in _KEYS if key in tags), None)
    value = tags[key] if key else None
    if value == "social_facility":
        value = tags.get("social_facility", value)
    if value is None or (value in _NOT_NAMED_BY_PEOPLE and key != "shop"):
        return None
    return "shop" if value == "yes" else value.replace("_", " ")


def _address(tags: Tags) -> str | None:
    """Street and number; in Japan, where streets have no names, quarter, block and number."""
    where = next((tags[key] for key in _ADDRESSED if key in tags), None)
    number = "-".join(tags[key] for key in ("addr:block_number", "addr:housenumber") if key in tags)
    return f"{where} {number}" if where and "addr:housenumber" in tags else None


def _with_street_aliases(entry: Entry, streets: dict[str, tuple[str, ...]]) -> Entry:
    """An address is also known by its street's other names: Mannerheimvägen 22."""
    street, _, number = entry.name.rpartition(" ")
    if entry.kind != ADDRESS or not streets.get(street):
        return entry
    return Entry(entry.name, entry.kind, entry.place, tuple(f"{name} {number}" for name in streets[street]))
