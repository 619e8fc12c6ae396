"""What OSM tags mean for one vehicle: may it pass, in which direction, how fast, how long it waits.

Tag meanings: https://wiki.openstreetmap.org/wiki/Key:access, Key:oneway, Key:maxspeed, Key:barrier. Speeds, surfaces
and delays are those of OSRM's car profile (car.lua, 26.10), so that travel times can be held against OSRM's.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import product
from typing import Any, Literal

Tags = Mapping[str, str]

Kind = Literal["car", "van", "minibus", "bus"]


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What decides where a vehicle may go, and how fast.

    width, height, length: centimetres; weight: kilograms, fully laden; top: km/h that it may do on any road.
    """

    name: str
    kind: Kind
    width: int
    height: int
    length: int
    weight: int
    top: int

    @property
    def modes(self) -> tuple[str, ...]:
        """The words that OSM has for it, the most particular first; school transport counts as a bus."""
        return _MODES[self.kind]


CAR = Vehicle("car", "car", width=190, height=200, length=480, weight=2_000, top=140)
VAN = Vehicle("van", "van", width=205, height=260, length=560, weight=3_500, top=140)
MINIBUS = Vehicle("minibus", "minibus", width=210, height=280, length=720, weight=5_500, top=80)
BUS = Vehicle("bus", "bus", width=255, height=340, length=1_200, weight=18_000, top=80)

VEHICLES = {vehicle.name: vehicle for vehicle in (CAR, VAN, MINIBUS, BUS)}

_ROAD_USERS = ("motor_vehicle", "vehicle")
_MODES: dict[Kind, tuple[str, ...]] = {
    "car": ("motorcar", *_ROAD_USERS),
    "van": ("motorcar", *_ROAD_USERS),
    "minibus": ("minibus", "bus", "psv", "tourist_bus", *_ROAD_USERS),
    "bus": ("bus", "psv", "tourist_bus", *_ROAD_USERS),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """For whom and where tags are read. country: ISO 3166 code or ""; speeds: km/h driven on road classes, over all."""

    vehicle: Vehicle = VAN
    country: str = ""
    speeds: Mapping[str, float] = field(default_factory=dict)

    @property
    def left_hand(self) -> bool:
        """Does traffic keep to the left?"""
        return self.country.upper() in LEFT_HAND


class Access(Enum):
    """How far a vehicle is let in; private: only where its own way begins or ends."""

    OPEN = "open"
    PRIVATE = "private"
    CLOSED = "closed"


class Direction(Enum):
    """How a way may be driven, against the order of its nodes."""

    BOTH = "both"
    FORWARD = "forward"
    BACKWARD = "backward"


FERRY = "ferry"

SPEEDS: dict[str, float] = {
    "motorway": 90, "motorway_link": 45, "trunk": 85, "trunk_link": 40, "primary": 65, "primary_link": 30,
    "secondary": 55, "secondary_link": 25, "tertiary": 40, "tertiary_link": 20, "unclassified": 25,
    "residential": 25, "living_street": 10, "service": 15, "road": 25, "busway": 40, "track": 10, "pedestrian": 10,
    FERRY: 5,
}  # fmt: skip
"""km/h driven on each class where no limit is tagged (OSRM's class speeds)."""

PACE = 0.8
"""Share of a tagged or statutory limit that a vehicle keeps on the average (OSRM's `speed_reduction`)."""

LEFT_HAND = frozenset({
    "AG", "AI", "AU", "BB", "BD", "BM", "BN", "BS", "BT", "BW", "CY", "DM", "FJ", "FK", "GB", "GD", "GG", "GY",
    "HK", "ID", "IE", "IM", "IN", "JE", "JM", "JP", "KE", "KI", "KN", "KY", "LC", "LK", "LS", "MO", "MS", "MT",
    "MU", "MV", "MW", "MY", "MZ", "NA", "NP", "NR", "NZ", "PG", "PK", "PN", "SB", "SC", "SG", "SH", "SR", "SZ",
    "TC", "TH", "TL", "TO", "TT", "TV", "TZ", "UG", "VC", "VG", "VI", "WS", "ZA", "ZM", "ZW",
})  # fmt: skip
"""Countries where traffic keeps left (ISO 3166)."""

LIMITS: dict[str, dict[str, float]] = {
    "": {"urban": 50, "rural": 90, "trunk": 110, "motorway": 130, "living_street": 10},
    "AT": {"rural": 100, "trunk": 100},
    "CH": {"rural": 80, "trunk": 100, "motorway": 120, "living_street": 20},
    "DE": {"rural": 100, "living_street": 7, "bicycle_road": 30},
    "FI": {"rural": 80, "trunk": 100, "motorway": 120, "living_street": 20},
    "GB": {"urban": 48, "rural": 96, "nsl_restricted": 48, "nsl_single": 96, "nsl_dual": 112, "motorway": 112},
    "JP": {"urban": 60, "rural": 60, "trunk": 60, "motorway": 100, "national": 60},
    "KR": {"rural": 60, "trunk": 80, "motorway": 80, "living_street": 20},
    "LI": {"rural": 80, "trunk": 100, "motorway": 120, "living_street": 20},
    "PT": {"trunk": 100, "motorway": 120, "living_street": 20},
}
"""Statutory limits (km/h) by country, exceptions from "" only.

https://wiki.openstreetmap.org/wiki/Default_speed_limits, for one lane each way where lanes matter (KR). FI: the
general limit is 80 since 2020. JP: Road Traffic Act enforcement order, art. 11 and 27; KR: enforcement rule, art. 19.
Buses of more than 3.5 tonnes are held to 80 in DE, ES, FI and others: `Vehicle.top` of our minibus and bus.
"""

_LIMIT_OF_CLASS = {
    "motorway": "motorway", "trunk": "trunk", "primary": "rural", "secondary": "rural", "tertiary": "rural",
    "unclassified": "rural", "residential": "urban", "living_street": "living_street", "busway": "urban",
}  # fmt: skip

_SURFACES: dict[str, float] = {
    "cement": 80, "compacted": 80, "fine_gravel": 80, "paving_stones": 60, "metal": 60, "bricks": 60, "grass": 40,
    "wood": 40, "sett": 40, "grass_paver": 40, "gravel": 40, "unpaved": 40, "ground": 40, "dirt": 40,
    "pebblestone": 40, "tartan": 40, "cobblestone": 30, "clay": 30, "earth": 20, "stone": 20, "rocky": 20, "sand": 20,
    "laterite": 15, "mud": 10, "ice": 20, "snow": 30,
}  # fmt: skip
_TRACKTYPES: dict[str, float] = {"grade1": 60, "grade2": 40, "grade3": 30, "grade4": 25, "grade5": 20}
_SMOOTHNESS: dict[str, float] = {
    "intermediate": 80, "bad": 40, "very_bad": 20, "horrible": 10, "very_horrible": 5
}  # fmt: skip
_ROUGH = (("surface", _SURFACES), ("tracktype", _TRACKTYPES), ("smoothness", _SMOOTHNESS))

_WALK = 6.0
_NO_LIMIT = 140.0
_MPH = 1.609344

_CLOSED = {
    "no", "agricultural", "forestry", "emergency", "military", "restricted", "foot", "bicycle", "use_sidepath", "taxi",
    "share_taxi", "psv", "bus", "minibus", "hov", "official",
}  # fmt: skip
_PRIVATE = {"private", "delivery", "destination", "customers", "permit", "residents"}
_LET_IN = {"yes", "designated", "permissive", "public"}
_LEAD_NOWHERE = {"parking_aisle", "drive-through", "drive-thru", "emergency_access"}
_BY_PERMISSION = {"track", "pedestrian"}
_ONE_WAY = {"yes", "true", "1", "T"}
_ONE_WAY_BACK = {"-1", "reverse", "F"}

_PASSED = {
    "gate", "lift_gate", "swing_gate", "sliding_gate", "bump_gate", "hampshire_gate", "cattle_grid", "border_control",
    "toll_booth", "sally_port", "no", "entrance", "height_restrictor", "arch", "checkpoint",
}  # fmt: skip
_PASSED_BY_BUSES = {"bus_trap", "sump_buster"}
_LIMITING = {
    "width", "maxwidth", "maxwidth:physical", "maxheight", "maxheight:physical", "maxlength", "maxweight",
    "maxweightrating",
}  # fmt: skip
_BY_LEAVE = {"access", *(mode for modes in _MODES.values() for mode in modes)}
_GATES = {"gate", "lift_gate", "swing_gate", "sliding_gate"}

SIGNAL, STOP, GIVE_WAY, LEVEL_CROSSING, GATE = 20, 20, 10, 20, 600
"""Tenths of a second spent at a traffic signal, a stop sign, a yield sign, a railway's level crossing and a gate."""

_TURNING = {"turning_circle", "turning_loop", "mini_roundabout"}


def access(tags: Tags, vehicle: Vehicle) -> Access:
    """Say how far a vehicle may use a way: by its class, its access tags (the most particular decides) and its size.

    Service roads stay, private ones too: that is where schools and care facilities have their doors, and their own
    vehicles are let in. Aisles of car parks are left out.
    """
    highway = _class(tags)
    if highway not in SPEEDS or tags.get("area") == "yes" or tags.get("service") in _LEAD_NOWHERE:
        return Access.CLOSED
    if tags.get("oneway") == "reversible" or "impassable" in (tags.get("status"), tags.get("smoothness")):
        return Access.CLOSED
    if tags.get("impassable") == "yes" or not fits(tags, vehicle):
        return Access.CLOSED
    said = _said(tags, vehicle)
    if highway == "busway" and said is None:
        return Access.OPEN if "bus" in vehicle.modes else Access.CLOSED
    if highway in _BY_PERMISSION and said not in _LET_IN | _PRIVATE:
        return Access.CLOSED
    return _judged(said, vehicle)


def passage(tags: Tags, vehicle: Vehicle) -> Access:
    """Say whether a vehicle gets past a node: a bollard closes the road to those whom no access tag lets through."""
    barrier = tags.get("barrier")
    if barrier is None:
        return Access.OPEN
    if not fits(tags, vehicle):
        return Access.CLOSED
    said = _said(tags, vehicle)
    if said is not None:
        return _judged(said, vehicle)
    if tags.get("locked") == "yes":
        return Access.CLOSED
    lowered = tags.get("kerb") in {"lowered", "flush"} or (barrier == "kerb" and tags.get("highway") == "crossing")
    for_buses = barrier in _PASSED_BY_BUSES and vehicle.kind == "bus"
    passed = barrier in _PASSED or lowered or for_buses or tags.get("bollard") == "rising"
    return Access.OPEN if passed else Access.CLOSED


def fits(tags: Tags, vehicle: Vehicle) -> bool:
    """Is a vehicle small and light enough for the limits that are tagged? Limits that cannot be read do not count."""
    if _LIMITING.isdisjoint(tags):
        return True
    return (
        vehicle.width <= _least(tags, "maxwidth", "maxwidth:physical", "width")
        and vehicle.height <= _least(tags, "maxheight", "maxheight:physical")
        and vehicle.length <= _least(tags, "maxlength")
        and vehicle.weight <= min(_kilograms(tags.get("maxweight")), _kilograms(tags.get("maxweightrating")))
    )


def edge_access(edge: Mapping[str, Any], vehicle: Vehicle) -> Access:
    """Judge an OSMnx edge by the worst of the ways it was joined from; an untagged edge with a time is open."""
    if "highway" not in edge and "travel_time" in edge:
        return Access.OPEN
    found = {access(tags, vehicle) for tags in edge_tags(edge)}
    return next(one for one in (Access.CLOSED, Access.PRIVATE, Access.OPEN) if one in found)


def edge_tags(edge: Mapping[str, Any]) -> Iterator[Tags]:
    """List the tags that the ways of a merged OSMnx edge may have had: every mixture of its values."""
    said = {key: value for key, value in edge.items() if key in _EDGE_TAGS}
    for values in product(*(value if isinstance(value, list) else [value] for value in said.values())):
        yield {key: str(value) for key, value in zip(said, values, strict=True)}


_EDGE_TAGS = {
    "highway", "route", "area", "service", "maxspeed", "surface", "tracktype", "width", "maxwidth", "maxheight",
    "maxweight", "maxlength", "motorroad", "tunnel", "access", "vehicle", "motor_vehicle", "motorcar", "psv", "bus",
}  # fmt: skip


def direction(tags: Tags, vehicle: Vehicle = VAN) -> Direction:
    """Read the direction of traffic; roundabouts and motorways are one-way without saying so."""
    keys = [f"oneway:{mode}" for mode in vehicle.modes]
    oneway = next((tags[key] for key in (*keys, "oneway") if key in tags), None)
    if oneway in _ONE_WAY:
        return Direction.FORWARD
    if oneway in _ONE_WAY_BACK:
        return Direction.BACKWARD
    implied = is_roundabout(tags) or tags.get("highway") == "motorway"
    return Direction.FORWARD if implied and oneway != "no" else Direction.BOTH


def is_roundabout(tags: Tags) -> bool:
    """Is a way part of a roundabout?"""
    return tags.get("junction") in {"roundabout", "circular"}


def speed(tags: Tags, rules: Rules, *, backward: bool = False) -> float:
    """Give km/h driven on a way: the caller's own figure, or four fifths of the limit, or the usual of its class."""
    highway = _class(tags) or "road"
    own = rules.speeds.get(highway)
    limit = None if own else max_speed(tags, rules.country, backward=backward)
    usual = own or (limit * PACE if limit else _usual(highway, rules.country))
    rough = [table[tags[key]] for key, table in _ROUGH if tags.get(key) in table]
    return min([float(usual), rules.vehicle.top * PACE, *rough])


def max_speed(tags: Tags, country: str = "", *, backward: bool = False) -> float | None:
    """Read the tagged limit in km/h, whichever way it is written; None where there is none that can be read."""
    side = ":backward" if backward else ":forward"
    for key in ("maxspeed:advisory", "maxspeed", "maxspeed:type", "source:maxspeed", "zone:maxspeed"):
        for value in (tags.get(key + side), tags.get(key)):
            limit = _limit(value, country) if value else None
            if limit:
                return limit
    return None


def ferry_seconds(tags: Tags) -> int | None:
    """Read how long a ferry sails ("45", "00:45", "1:05:30", "PT45M"); None where nothing sensible is tagged."""
    text = tags.get("duration", "")
    iso = re.fullmatch(r"P(?:(\d+)D)?T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", text)
    if iso:
        days, hours, minutes, seconds = (int(part or 0) for part in iso.groups())
        return days * 86_400 + hours * 3_600 + minutes * 60 + seconds or None
    if not re.fullmatch(r"\d+(:\d\d){0,2}", text):
        return None
    parts = [int(part) for part in text.split(":")]
    hours, minutes, seconds = ([0, *parts, 0], [*parts, 0], parts)[len(parts) - 1]
    return hours * 3_600 + minutes * 60 + seconds or None


def delays(tags: Tags) -> tuple[int, int]:
    """Give tenths of a second spent at a node, driving with the order of its way's nodes and against it."""
    highway, wait = tags.get("highway"), 0
    signalled = tags.get("crossing") == "traffic_signals" or tags.get("crossing:signals") == "yes"
    if highway == "traffic_signals" or (highway == "crossing" and signalled):
        wait = SIGNAL
    elif highway == "stop" and tags.get("stop") != "minor":
        wait = STOP
    elif highway == "give_way":
        wait = GIVE_WAY
    if tags.get("barrier") in _GATES and _BY_LEAVE.isdisjoint(tags):
        wait += GATE
    if tags.get("railway") == "level_crossing":
        wait += LEVEL_CROSSING
    side = tags.get("traffic_signals:direction") or tags.get("direction")
    return (0 if side == "backward" else wait, 0 if side == "forward" else wait)


def lets_turn(tags: Tags) -> bool:
    """May a vehicle turn round at this node, though the road goes on?"""
    return tags.get("highway") in _TURNING


def lets_stop(tags: Tags) -> bool:
    """May a vehicle stop on this way to let somebody in or out? Not on motorways and ferries, nor below the ground."""
    highway = _class(tags)
    moving = highway in {FERRY, "motorway", "motorway_link"} or tags.get("motorroad") == "yes"
    return not moving and tags.get("tunnel") != "yes"


def _class(tags: Tags) -> str | None:
    return FERRY if tags.get("route") == FERRY else tags.get("highway")


def _said(tags: Tags, vehicle: Vehicle) -> str | None:
    """The most particular tag decides; of several values its first."""
    value = next((tags[key] for key in (*vehicle.modes, "access") if tags.get(key)), None)
    return value.split(";")[0].strip() if value else None


def _judged(said: str | None, vehicle: Vehicle) -> Access:
    if said in vehicle.modes:
        return Access.OPEN
    if said in _PRIVATE:
        return Access.PRIVATE
    return Access.CLOSED if said in _CLOSED else Access.OPEN


def _usual(highway: str, country: str) -> float:
    """The usual speed of a class, which never is above the pace that the country's statutory limit allows."""
    usual = SPEEDS.get(highway, SPEEDS["road"])
    kind = _LIMIT_OF_CLASS.get(highway)
    legal = LIMITS.get(country.upper(), {}).get(kind or "")
    return min(usual, legal * PACE) if legal else usual


def _limit(value: str, country: str) -> float | None:
    """Read a limit; of several values (times of day, lanes) the lowest, as nobody then arrives later than promised."""
    limits = (_one_limit(part.strip(), country) for part in re.split(r"[;|]", value))
    return min((limit for limit in limits if limit), default=None)


def _one_limit(value: str, country: str) -> float | None:
    number = re.fullmatch(r"(\d{1,3})(?:\.\d+)? ?(mph|km/h|kmh|kph)?", value)
    if number:
        limit = int(number[1]) * (_MPH if number[2] == "mph" else 1)
        return limit if 5 <= limit <= 150 else None
    if value in {"walk", "none"}:
        return _WALK if value == "walk" else _NO_LIMIT
    return _statutory(value, country)


def _statutory(value: str, country: str) -> float | None:
    """Read "FI:urban", "DE:zone:30", "DE:zone30", "RO:30" or a bare "urban"."""
    code, colon, kind = value.rpartition(":") if ":zone" not in value else value.partition(":")
    law = (code.split(":")[0].split("-")[0].upper() if colon else country.upper()).replace("UK", "GB")
    zone = re.fullmatch(r"(?:zone:?)?(\d{1,3})", kind)
    if zone and colon:
        return float(zone[1]) if 5 <= int(zone[1]) <= 150 else None
    limits = LIMITS[""] | LIMITS.get(law, {})
    return limits.get(kind)


def _least(tags: Tags, *keys: str) -> float:
    return min(_centimetres(tags.get(key)) for key in keys)


def _centimetres(value: str | None) -> float:
    """Read a length ("2.5", "2,5 m", "250 cm", "7'6", "8 ft"); infinity where it says no number."""
    text = (value or "").replace(",", ".").strip()
    feet = re.fullmatch(r"(\d+(?:\.\d+)?) ?(?:'|ft) ?(?:(\d+(?:\.\d+)?) ?(?:\"|''|in)?)?", text)
    if feet:
        return float(feet[1]) * 30.48 + float(feet[2] or 0) * 2.54
    number = re.fullmatch(r"(\d+(?:\.\d+)?) ?(m|cm)?", text)
    if not number or not float(number[1]):
        return float("inf")
    return float(number[1]) * (1 if number[2] == "cm" else 100)


def _kilograms(value: str | None) -> float:
    """Read a weight ("3.5", "7,5 t", "3500 kg", "12000 lbs", "8 st"); infinity where it says no number."""
    number = re.fullmatch(r"(\d+(?:\.\d+)?) ?(t|kg|lbs|st)?", (value or "").replace(",", ".").strip())
    if not number or not float(number[1]):
        return float("inf")
    return float(number[1]) * {None: 1000.0, "t": 1000.0, "kg": 1.0, "lbs": 0.45359237, "st": 907.18474}[number[2]]
