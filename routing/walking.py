"""What OSM tags mean for people on foot: may they walk there, in which direction, and without a step?

Tag meanings: https://wiki.openstreetmap.org/wiki/Key:foot, Key:sidewalk, Key:kerb, Key:wheelchair, Key:conveying.
Where tags do not say, a walk for people of 80 is meant: no mountain paths, no roads without a pavement on which cars
race. "Step-free" is a walk with a wheelchair or a walker.
"""

import re
from math import radians, tan

from routing.ways import FERRY, Direction, Tags

STEEP = 8.0
"""Per cent of incline beyond which a way is not step-free (about 1:12, the steepest ramp that building rules know)."""

_ROADS = {
    "primary", "primary_link", "secondary", "secondary_link", "tertiary", "tertiary_link", "unclassified",
    "residential", "living_street", "service", "road", "track",
}  # fmt: skip
_FAST_ROADS = {"motorway", "motorway_link", "trunk", "trunk_link"}
_BUILT_FOR_FEET = {"footway", "path", "pedestrian", "steps", "corridor", "platform", "elevator", "crossing"}
_FOR_OTHERS = {"cycleway", "bridleway", "busway"}

_LET_IN = {"yes", "designated", "permissive", "official", "public", "destination", "customers"}
_SHUT_OUT = {
    "no", "private", "use_sidepath", "agricultural", "forestry", "delivery", "military", "emergency", "restricted",
    "permit",
}  # fmt: skip
_SIDEWALKS = ("sidewalk", "sidewalk:both", "sidewalk:left", "sidewalk:right")
_PAVED_BESIDE = {"both", "left", "right", "yes"}

_WALLS = {"yes", "wall", "fence", "retaining_wall", "city_wall", "hedge"}
_PASSED_ON_FOOT = {
    "bollard", "block", "kerb", "stile", "kissing_gate", "turnstile", "cycle_barrier", "motorcycle_barrier",
    "horse_stile", "log", "chain", "cattle_grid", "bus_trap", "sump_buster", "planter", "height_restrictor",
}  # fmt: skip
"""Barriers whose `access` speaks of vehicles: only `foot` counts."""

_CLIMBED = {
    "stile", "kissing_gate", "turnstile", "full-height_turnstile", "cycle_barrier", "motorcycle_barrier",
    "horse_stile", "log", "cattle_grid", "step",
}  # fmt: skip
_RAISED_KERBS = {"raised", "rolled", "yes"}
_ROUGH = {
    "smoothness": {"very_bad", "horrible", "very_horrible", "impassable"},
    "surface": {"sand", "mud", "rock", "rocky", "stepping_stones", "pebblestone", "snow", "ice"},
    "tracktype": {"grade4", "grade5"},
    "ford": {"yes", "stepping_stones", "boat"},
}


def may_walk(tags: Tags) -> bool:
    """May people walk on a way, or along the outline of an area? `foot` decides over `access`, both over the class."""
    if "impassable" in (tags.get("smoothness"), tags.get("status")) or _is_mountain_path(tags):
        return False
    said = _said(tags)
    if said in _SHUT_OUT:
        return False
    highway = tags.get("highway")
    if highway in _ROADS or highway in _BUILT_FOR_FEET or _is_platform(tags):
        return True
    let_in = tags.get("foot") in _LET_IN
    if highway in _FAST_ROADS:
        return let_in or any(tags.get(key) in _PAVED_BESIDE for key in _SIDEWALKS)
    return let_in and (highway in _FOR_OTHERS or tags.get("route") == FERRY)


def is_step_free(tags: Tags) -> bool:
    """Can a way be used with a wheelchair or a walker? Where nothing is tagged, all but steps can."""
    wheelchair = tags.get("wheelchair")
    if wheelchair == "no":
        return False
    if tags.get("highway") == "steps":
        return wheelchair in {"yes", "designated"} or tags.get("ramp:wheelchair") == "yes"
    return _incline(tags.get("incline", "")) <= STEEP and not any(tags.get(key) in bad for key, bad in _ROUGH.items())


def foot_direction(tags: Tags) -> Direction:
    """Read the direction of walking; only tags that speak of people on foot, and escalators, are one-way."""
    said = tags.get("oneway:foot") or {"forward": "yes", "backward": "-1"}.get(tags.get("conveying", ""))
    if said == "yes" or tags.get("foot:backward") == "no":
        return Direction.FORWARD
    return Direction.BACKWARD if said == "-1" or tags.get("foot:forward") == "no" else Direction.BOTH


def lets_pass(tags: Tags) -> bool:
    """Do people get past a node? Walls and fences stop them, gates only when locked or private."""
    barrier, foot = tags.get("barrier"), tags.get("foot")
    if foot is not None:
        return foot.split(";")[0].strip() not in _SHUT_OUT
    if barrier is None:
        return not (tags.get("highway") == "elevator" and _said(tags) in _SHUT_OUT)
    if barrier in _WALLS:
        return False
    return barrier in _PASSED_ON_FOOT or not (tags.get("locked") == "yes" or _said(tags) in _SHUT_OUT)


def is_step(tags: Tags) -> bool:
    """Does a node stop wheelchairs and walkers on footways: a raised kerb, a stile, anything tagged so?"""
    wheelchair, kerb = tags.get("wheelchair"), tags.get("kerb")
    if wheelchair in {"yes", "designated", "limited", "no"}:
        return wheelchair == "no"
    if kerb is not None:
        return kerb in _RAISED_KERBS
    return tags.get("barrier") in _CLIMBED or tags.get("barrier") == "kerb"


def is_built_for_feet(tags: Tags) -> bool:
    """Does a way cross kerbs? Roads pass below them."""
    return tags.get("highway") not in _ROADS | _FAST_ROADS


def _said(tags: Tags) -> str | None:
    said = tags.get("foot") or tags.get("access")
    return said.split(";")[0].strip() if said else None


def _is_platform(tags: Tags) -> bool:
    return (
        tags.get("railway") == "platform"
        or tags.get("public_transport") == "platform"
        or tags.get("man_made") == "pier"
    )


def _is_mountain_path(tags: Tags) -> bool:
    """Paths of any hiking grade, and roads of a hard one."""
    grade = tags.get("sac_scale", "strolling")
    return grade != "strolling" and (grade != "hiking" or tags.get("highway") == "path")


def _incline(value: str) -> float:
    """Read an incline ("8%", "-10 %", "5°") in per cent, without its sign; 0 where it says no number."""
    number = re.fullmatch(r"[-+]?(\d+(?:[.,]\d+)?) ?(%|°)?", value.strip())
    if not number:
        return STEEP + 1 if value.strip() == "steep" else 0.0
    steep = float(number[1].replace(",", "."))
    return 100 * tan(radians(min(steep, 89))) if number[2] == "°" else steep
