"""The things that people can name in an OpenStreetMap extract: amenities, streets, districts and addresses.

Japan's addresses have no streets: quarter, block and house number (https://wiki.openstreetmap.org/wiki/Japan_tagging),
in parts or, just as often, written out in `addr:full`.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import osmium

from routing.extract import readable
from routing.naming import ADDRESS, STREET, Entry, fold
from routing.times import Place
from routing.ways import Tags

DISTRICT = "district"

_KEYS = ("amenity", "healthcare", "shop", "office", "tourism", "leisure", "railway", "public_transport", "place")
_NAMES = (
    "name", "alt_name", "short_name", "official_name", "loc_name", "old_name", "name:fi", "name:sv", "name:en",
    "name:de", "name:ko", "name:ja", "name:ja-Hira", "name:ja_kana", "name:ja_rm", "name:ja-Latn",
)  # fmt: skip
_LANGUAGES = tuple(key.removeprefix("name:") for key in _NAMES if re.fullmatch("name:[a-z]{2}", key))
_SIGNED = 1 / 3
"""A language in which at least so many of the named streets have a name is one of the signs."""
_TELLING = ("name", "addr:full", "addr:housenumber", "addr:block_number")
_NOT_NAMED_BY_PEOPLE = {
    "atm", "bench", "vending_machine", "parking_space", "parking_entrance", "waste_basket", "clock", "stop_position",
    "city_block", "yes", "artwork", "switch", "signal",
}  # fmt: skip
_LARGEST_DISTRICT = 7
"""The admin_level from which on people name a district as a place to go to: towns, wards, quarters."""

_TOWNS_JA = re.compile(r"(?:[^0-9]{2,3}[都道府県])?(?:[^0-9]+?郡)?(?:[^0-9]+?市(?!市))?(?:[^0-9]{1,4}区)?")
_TOLD_WHOLE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+[0-9]")
_NUMBER = re.compile(r"[0-9]+")


def named_things(path: Path) -> list[Entry]:
    """List what has a name or an address in an extract, with its names in every tagged language.

    Raises RoadError when the file cannot be read.
    """
    found: list[Entry] = []
    districts: list[Entry] = []
    keys = osmium.filter.KeyFilter(*_TELLING)
    with readable(path):
        for item in osmium.FileProcessor(path).with_areas(keys).with_filter(keys):
            place = _place(item)
            if place:
                for entry in _entries({tag.k: tag.v for tag in item.tags}, place):
                    (districts if entry.kind == DISTRICT else found).append(entry)
    signed = _languages_of_signs(found)
    found, districts = ([_as_on_signs(entry, signed) for entry in entries] for entries in (found, districts))
    streets = {entry.name: entry for entry in found if entry.kind == STREET}
    centres = {fold(entry.name) for entry in found if entry.kind not in (STREET, ADDRESS)}
    found += [entry for entry in districts if fold(entry.name) not in centres]
    return [_with_names_of_street(entry, streets) for entry in found]


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
        aliases = tuple(name for name in names if name and name != tags["name"])
        yield Entry(tags["name"], kind, place, aliases, _spoken(tags))
    address, *others = _addresses(tags) or [""]
    if address:
        yield Entry(address, ADDRESS, place, tuple(others))


def _spoken(tags: Tags) -> tuple[tuple[str, str], ...]:
    names = ((language, tags.get(f"name:{language}", "").split(";")[0].strip()) for language in _LANGUAGES)
    return tuple((language, name) for language, name in names if name)


def _languages_of_signs(entries: list[Entry]) -> set[str]:
    """List the languages of the street signs: names in others serve to find a place, not to recognise it there."""
    streets = [entry for entry in entries if entry.kind == STREET]
    named = Counter(language for entry in streets for language, _ in entry.spoken)
    return {language for language, count in named.items() if count >= _SIGNED * len(streets)}


def _as_on_signs(entry: Entry, signed: set[str]) -> Entry:
    spoken = tuple((language, name) for language, name in entry.spoken if language in signed and name != entry.name)
    return replace(entry, spoken=spoken)


def _kind(tags: Tags) -> str | None:
    if tags.get("highway") == "bus_stop":
        return "bus stop"
    if "highway" in tags:
        return STREET if tags["highway"] not in {"platform", "elevator", "steps", "corridor"} else None
    key = next((key for key in _KEYS if key in tags), None)
    value = tags[key] if key else None
    if value == "social_facility":
        value = tags.get("social_facility", value)
    if value is None and tags.get("boundary") == "administrative":
        level = tags.get("admin_level", "")
        return DISTRICT if level.isdecimal() and int(level) >= _LARGEST_DISTRICT else None
    if value is None or (value in _NOT_NAMED_BY_PEOPLE and key != "shop"):
        return None
    return "shop" if value == "yes" else value.replace("_", " ")


def _addresses(tags: Tags) -> list[str]:
    """Give the address as people say it, then its other forms; nothing where there is no number."""
    whole, house, block = (unicodedata.normalize("NFKC", tags.get(key, "")).strip() for key in _TELLING[1:])
    quarter, part = tags.get("addr:quarter", ""), tags.get("addr:neighbourhood", "")
    street = tags.get("addr:street") or tags.get("addr:place")
    if _TOLD_WHOLE.match(house):
        return [house]
    if (quarter or part) and (house or block):
        area = unicodedata.normalize("NFKC", part if part.startswith(quarter) else quarter + part)
        return [f"{area} {_house_in_block(block, house)}"]
    if street and house:
        return [f"{street} {house}"]
    if whole and any(sign.isdigit() for sign in whole):
        short = _without_towns(whole)
        return [short, whole] if short != whole else [whole]
    return []


def _house_in_block(block: str, house: str) -> str:
    """Write 3-26, of "3番" and "26号" as well as of "3" and "3-26"."""
    first, then = _NUMBER.findall(block), _NUMBER.findall(house)
    return "-".join(then if then[: len(first)] == first and len(then) > len(first) else [*first, *then])


def _without_towns(whole: str) -> str:
    """Leave out prefecture, city and ward, and what follows the number: the town's people write only the rest."""
    found = _TOWNS_JA.match(whole)
    rest = whole[found.end() :] if found else whole
    name, _, more = rest.partition(" ")
    return name if more and any(sign.isdigit() for sign in name) else rest or whole


def _with_names_of_street(entry: Entry, streets: dict[str, Entry]) -> Entry:
    """An address is also known by its street's other names: Mannerheimvägen 22, Annegatan 29 B."""
    if entry.kind != ADDRESS:
        return entry
    words = entry.name.split(" ")
    for k in range(len(words) - 1, 0, -1):
        street, number = " ".join(words[:k]), " ".join(words[k:])
        if street in streets:
            aliases = (*entry.aliases, *(f"{name} {number}" for name in streets[street].aliases))
            spoken = tuple((language, f"{name} {number}") for language, name in streets[street].spoken)
            return replace(entry, aliases=aliases, spoken=spoken)
    return entry
