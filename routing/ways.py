"""Which OSM ways a school bus or a care van drives, in which direction, and how fast: rules on tags, nothing else.

Tag meanings: https://wiki.openstreetmap.org/wiki/Key:access, Key:oneway, Key:maxspeed.
"""

import re
from collections.abc import Mapping
from enum import Enum
from itertools import product
from typing import Any

Tags = Mapping[str, str]

SPEEDS: dict[str, float] = {
    "motorway": 100, "motorway_link": 60, "trunk": 80, "trunk_link": 50, "primary": 60, "primary_link": 40,
    "secondary": 50, "secondary_link": 40, "tertiary": 45, "tertiary_link": 35, "unclassified": 40,
    "residential": 30, "living_street": 15, "service": 15, "road": 30,
}  # fmt: skip
"""Usual speed limit (km/h) of each class that is driven, where no `maxspeed` is tagged."""

FALLBACK_SPEED = 30

PACE = 0.8
"""Share of the speed limit that a vehicle keeps on the average, as OSRM's car profile has it (car.lua)."""

PRIVATE_SPEED = 7
"""km/h on private service roads: low, so that they lead to their own facility and are no short cut for others."""

_NOT_FOR_VEHICLES = {"no", "private", "agricultural", "forestry", "delivery", "customers", "military"}
_FACILITY_YARD = {"private", "delivery", "customers"}
_LEAD_NOWHERE = {"parking_aisle", "drive-through", "emergency_access"}
_ONE_WAY = {"yes", "true", "1", "T"}
_ONE_WAY_BACK = {"-1", "reverse", "F"}


class Direction(Enum):
    """How a way may be driven, against the order of its nodes."""

    BOTH = "both"
    FORWARD = "forward"
    BACKWARD = "backward"


def is_driven(tags: Tags) -> bool:
    """May our vehicles use this way at all?

    Service roads stay, private ones too: that is where schools and care facilities have their doors, and their own
    vehicles are let in. Aisles of car parks are left out.
    """
    highway = tags.get("highway")
    if highway not in SPEEDS or tags.get("area") == "yes" or tags.get("service") in _LEAD_NOWHERE:
        return False
    if tags.get("oneway") == "reversible":
        return False
    access = _access(tags)
    return access not in _NOT_FOR_VEHICLES or (highway == "service" and access in _FACILITY_YARD)


def is_driven_throughout(edge: Mapping[str, Any]) -> bool:
    """May our vehicles use all of an OSMnx edge, whichever ways it was joined from? An untagged edge with a time is."""
    if "highway" not in edge and "travel_time" in edge:
        return True
    said = {key: edge[key] for key in ("highway", "access", "area", "service") if key in edge}
    ways = product(*(value if isinstance(value, list) else [value] for value in said.values()))
    return all(is_driven(dict(zip(said, way, strict=True))) for way in ways)


def direction(tags: Tags) -> Direction:
    """Read the direction of traffic; roundabouts and motorways are one-way without saying so."""
    oneway = tags.get("oneway")
    if oneway in _ONE_WAY:
        return Direction.FORWARD
    if oneway in _ONE_WAY_BACK:
        return Direction.BACKWARD
    implied = tags.get("junction") in {"roundabout", "circular"} or tags.get("highway") == "motorway"
    return Direction.FORWARD if implied and oneway != "no" else Direction.BOTH


def max_speed(tags: Tags) -> str | None:
    """Give the tagged limit in OSM's own writing ("50", "30 mph"), None where it is missing or no usable number."""
    if tags.get("highway") == "service" and _access(tags) in _FACILITY_YARD:
        return str(PRIVATE_SPEED)
    number = re.fullmatch(r"(\d{1,3})( mph)?", tags.get("maxspeed", ""))
    return number[0] if number and 5 <= int(number[1]) <= 150 else None


def _access(tags: Tags) -> str | None:
    """The most particular tag decides."""
    return tags.get("motor_vehicle") or tags.get("vehicle") or tags.get("access")
