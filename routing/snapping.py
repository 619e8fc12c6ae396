"""From a point anywhere to a spot on the nearest street, and back from streets to lines on the map."""

from dataclasses import dataclass
from math import cos, isfinite, radians

import numpy as np
import shapely
from shapely.ops import substring

from routing.area import EARTH_RADIUS, metres
from routing.streets import E7, ONE_WAY, Streets, Stretch
from routing.times import Place

MAX_SNAP = 250
"""Metres from a place to the nearest road beyond which no vehicle can serve it."""

_DEGREE = radians(1) * EARTH_RADIUS


@dataclass(frozen=True, slots=True)
class Snap:
    """A place on the road, and the metres from the asked point to it."""

    place: Place
    walk: int


@dataclass(frozen=True, slots=True)
class Spot:
    """A point of the road graph: on a street, `along` seconds after its tail and `against` seconds after its head.

    share: of the street's length from its tail. node: the junction that it is (it is on all its streets then), or -1.
    """

    street: int
    along: int
    against: int
    share: float
    node: int = -1

    @property
    def at_node(self) -> bool:
        return self.node >= 0


class Roadside:
    """Streets as lines in local metres (equirectangular about the middle of the area), in a search tree."""

    def __init__(self, streets: Streets) -> None:
        self._streets = streets
        self._middle_lat = float(np.median(streets.nodes[:, 1])) * E7
        self._scale = np.array([cos(radians(self._middle_lat)) * _DEGREE, _DEGREE])
        parts = np.repeat(np.arange(len(streets.tail)), np.diff(streets.first))
        self._lines = shapely.linestrings(streets.points * (E7 * self._scale), indices=parts)
        self._tree = shapely.STRtree(self._lines)

    def find_spot(self, place: Place) -> Spot | str:
        """Find the spot of the nearest street; a sentence for a person where there is none."""
        wrong = _wrong_coordinates(place)
        if wrong:
            return wrong
        point = shapely.Point(place.lon * self._scale[0], place.lat * self._scale[1])
        street = int(self._tree.nearest(point))
        share = float(shapely.line_locate_point(self._lines[street], point, normalized=True))
        away = metres(place, self._at(street, share)) if isfinite(share) else 0.0
        if away > MAX_SNAP:
            return self._too_far(place, away)
        return self._whole_second(street, share)

    def street(self, street: int) -> tuple[int, int, int, int]:
        """Give a street's tail and head, its seconds from tail to head, and back (or `ONE_WAY`)."""
        of = self._streets
        return int(of.tail[street]), int(of.head[street]), int(of.forward[street]), int(of.backward[street])

    def place_of(self, spot: Spot) -> Place:
        """Give the coordinates of a spot."""
        return self._at(spot.street, spot.share)

    def line(self, stretches: list[Stretch]) -> tuple[tuple[float, float], ...]:
        """Join parts of streets, each from one share of its length to another, to one line of (lon, lat)."""
        joined: list[tuple[float, float]] = []
        for street, start, end in stretches:
            part = substring(self._lines[street], start, end, normalized=True)
            points = (shapely.get_coordinates(part) / self._scale).round(6).tolist()
            joined.extend((lon, lat) for lon, lat in points if not joined or joined[-1] != (lon, lat))
        return tuple(joined) if len(joined) > 1 else (joined[0], joined[0])

    def _at(self, street: int, share: float) -> Place:
        point = shapely.line_interpolate_point(self._lines[street], share, normalized=True)
        lon, lat = (shapely.get_coordinates(point)[0] / self._scale).round(6).tolist()
        return Place(lat, lon)

    def _whole_second(self, street: int, share: float) -> Spot:
        tail, head, forward, backward = self.street(street)
        along = round(share * forward) if isfinite(share) else 0
        if along in (0, forward):
            return Spot(street, along, 0, along / forward, tail if along == 0 else head)
        against = 0 if backward == ONE_WAY else backward - round(along * backward / forward)
        return Spot(street, along, against, along / forward)

    def _too_far(self, place: Place, away: float) -> str:
        south, north = (float(edge(self._streets.nodes[:, 1])) * E7 for edge in (np.min, np.max))
        west, east = (float(edge(self._streets.nodes[:, 0])) * E7 for edge in (np.min, np.max))
        swapped = south <= place.lon <= north and west <= place.lat <= east
        advice = " Latitude and longitude look swapped." if swapped else ""
        far = f"{away:.0f} m" if away < 10_000 else f"{away / 1000:.0f} km"
        return f"{_text(place)} is {far} from the nearest road (at most {MAX_SNAP} m): no vehicle gets there.{advice}"


def _wrong_coordinates(place: Place) -> str | None:
    if not (isfinite(place.lat) and isfinite(place.lon)):
        return f"{_text(place)} is no place: latitude and longitude must be numbers."
    if abs(place.lat) > 90 or abs(place.lon) > 180:
        return (
            f"{_text(place)} is no place on Earth: latitude ends at 90 degrees, longitude at 180 (are they swapped?)."
        )
    if place.lat == place.lon == 0:
        return "Latitude 0, longitude 0 is a point in the sea off Africa: the coordinates are probably missing."
    return None


def _text(place: Place) -> str:
    return f"{place.lat:.8g}, {place.lon:.8g}"
