"""From a point anywhere to a spot at the kerb of the nearest street, and back from streets to lines on the map."""

from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from routing.area import metres
from routing.drives import Spot
from routing.lines import Lines
from routing.streets import E7, ONE_WAY, Streets, Stretches
from routing.times import Place

MAX_SNAP = 250
"""Metres from a place to the nearest road beyond which no vehicle can serve it."""

KERB = (2.0, 1.0, 0.5)
"""Metres beside the middle of a street at which a place on the road may stand, on the side of its traffic."""

CORNER = 5.0
"""Metres from a junction within which no vehicle stops."""

_ON_THE_LINE = 0.3
"""Metres within which coordinates cannot say on which side of a street a place lies."""


Line = NDArray[np.float64]
"""A line on the map, [points, 2], as (lon, lat)."""


@dataclass(frozen=True, slots=True)
class Snap:
    """A place at the roadside, and the metres from the asked point to it."""

    place: Place
    walk: int


class Roadside:
    """Both sides of all streets."""

    def __init__(self, streets: Streets) -> None:
        self._streets = streets
        self._lines = Lines(streets.first, streets.points, ~streets.no_stopping)
        self._is_closed, self._is_left_hand = bool(streets.no_stopping.all()), bool(streets.left_hand)

    def find_spot(self, place: Place) -> Spot | str:
        """Find the spot on the nearest street, on the side of the place; a sentence for a person where none is."""
        wrong = _wrong_coordinates(place)
        if wrong:
            return wrong
        if self._is_closed:
            return "No road of this area lets a vehicle stop: all are motorways, ferries or tunnels."
        street, share, left, lon, lat = self._lines.find(place.lat, place.lon, MAX_SNAP, CORNER)
        away = metres(place, Place(lat, lon))
        if away > MAX_SNAP:
            return self._too_far(place, away)
        two_way = int(self._streets.backward[street]) != ONE_WAY
        is_across = abs(left) >= _ON_THE_LINE and (left > 0) != self._is_left_hand
        return Spot(street, two_way and is_across, share)

    def place_at(self, spot: Spot) -> Place:
        """Give a place at the kerb of a spot, which is served there: nearer to the middle where streets are close."""
        side = 1 if self._is_left_hand != spot.backward else -1
        places = [self._at(spot.street, spot.share, side * away) for away in KERB]
        return next((place for place in places if self._arc_of(place) == spot.arc), places[-1])

    def place_of(self, spot: Spot) -> Place:
        """Give the coordinates of a spot in the middle of its street."""
        return self._at(spot.street, spot.share, 0.0)

    def draw(self, stretches: Stretches) -> list[Line]:
        """Draw each leg of a drive; a leg without a way is an empty line, any other has at least two points."""
        first, points = self._lines.draw(stretches)
        legs = [points[begin:end] for begin, end in pairwise(first.tolist())]
        return [leg if len(leg) != 1 else np.repeat(leg, 2, axis=0) for leg in legs]

    def _arc_of(self, place: Place) -> int | None:
        spot = self.find_spot(place)
        return spot.arc if isinstance(spot, Spot) else None

    def _at(self, street: int, share: float, left: float) -> Place:
        """Give the point at a share of a street, so many metres to the left of it."""
        lon, lat = self._lines.at(street, share * self._lines.length(street), left)
        return Place(round(lat, 6), round(lon, 6))

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
