"""Driving times, road paths and walking distances of a prepared area, from arrays that are mapped into memory.

Every place is served at the kerb of the nearest street, on the side on which it lies. All answers are shortest drives
in the turn-expanded graph that these spots divide, in tenths of a second, and given in whole seconds, rounded up:
they keep the triangle inequality, but for private yards, which nobody may cross who has no stop there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import cast
from weakref import WeakKeyDictionary

import numpy as np

from routing.area import Area, metres
from routing.drives import SPOTS, Drives, Remembered, Spot
from routing.hierarchy import FEW, Buckets, Labels, round_up
from routing.network import Network
from routing.snapping import MAX_SNAP, Line, Roadside, Snap
from routing.times import NO_WAY, Place, Places, Seconds, UnreachablePlace
from routing.walks import MAX_WALK, WalkSearch

__all__ = ["MAX_SNAP", "MAX_WALK", "Engine", "Snap"]

_PAIRS = 2**17


@dataclass(frozen=True, slots=True, eq=False)
class _Ends:
    """The places at a road among those that were asked: their numbers, their spots, and the labels of these."""

    at: list[int]
    spots: list[Spot]
    labels: Labels | Buckets


class Engine:
    """Travel times on one prepared area; implements `TravelTimes`. May be shared by threads."""

    def __init__(self, network: Network, area: Area) -> None:
        self.name = area.name
        self.id = area.id
        self.bounds = area.bounds
        self.centre = Place(*area.centre)
        self._streets = network.streets
        self._roadside = Roadside(network.streets)
        self._drives = Drives(network.turns, network.hierarchy)
        self._footways = network.footways
        self._spot = lru_cache(SPOTS)(self._roadside.find_spot)
        self._outward = Remembered(self._drives.out_of, SPOTS)
        self._inward = Remembered(self._drives.into, SPOTS)
        self._between = lru_cache(_PAIRS)(self._drive)
        self._known: WeakKeyDictionary[Places, tuple[_Ends, ...]] = WeakKeyDictionary()

    @staticmethod
    def load(folder: Path) -> "Engine":
        """Map a prepared area into memory. Raises RoadError when it is missing, damaged or of another version."""
        area = Area.load(folder)
        return Engine(Network.load(folder), area)

    def snap(self, place: Place) -> Snap:
        """Move a place to the roadside. Raises UnreachablePlace when no road is near, with a sentence that says why."""
        at_kerb = self._roadside.place_at(self._get_spot(place))
        return Snap(at_kerb, round(metres(place, at_kerb)))

    def serves(self, place: Place) -> bool:
        """Whether a road is near enough to a place."""
        return isinstance(self._spot(place), Spot)

    def between(self, origin: Place, destination: Place) -> int:
        """Drive from `origin` to `destination`, whole seconds; `NO_WAY` where either is not at a road."""
        return self._between(origin, destination)

    def table(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        """Drive from each origin (row) to each destination (column), whole seconds; `NO_WAY` where no road leads.

        Where a few stand against `Places`, no more is looked at than their labels have in common.
        """
        few = min(len(origins), len(destinations)) <= FEW
        here = self._ends(origins, forward=True, sorted_=few and len(origins) > FEW)
        there = self._ends(destinations, forward=False, sorted_=few and len(destinations) > FEW)
        if not (here.spots and there.spots):
            return np.full((len(origins), len(destinations)), NO_WAY, np.int32)
        seconds = self._drives.table((here.spots, here.labels), (there.spots, there.labels))
        round_up(seconds, NO_WAY)
        if seconds.shape == (len(origins), len(destinations)):
            return seconds
        table = np.full((len(origins), len(destinations)), NO_WAY, np.int32)
        table[np.ix_(here.at, there.at)] = seconds
        return table

    def path(self, origin: Place, destination: Place) -> Line:
        """Draw the fastest drive as (lon, lat) [k, 2], k at least 2. Raises UnreachablePlace where there is none."""
        (line,) = self._draw([(self._get_spot(origin), self._get_spot(destination))])
        if not len(line):
            raise UnreachablePlace("No road leads from there to here.")
        return line

    def paths(self, places: Sequence[Place]) -> list[Line]:
        """Draw the fastest drive from each place to the next as (lon, lat) [k, 2]; empty where there is none."""
        ends = list(pairwise(self._spot(place) for place in places))
        at = [k for k, spots in enumerate(ends) if all(isinstance(spot, Spot) for spot in spots)]
        lines: list[Line] = [np.empty((0, 2))] * len(ends)
        for k, line in zip(at, self._draw([cast(tuple[Spot, Spot], ends[k]) for k in at]), strict=True):
            lines[k] = line
        return lines

    def _draw(self, legs: Sequence[tuple[Spot, Spot]]) -> list[Line]:
        return self._roadside.draw(self._drives.along(legs)[1])

    def walk(
        self, origin: Place, places: Sequence[Place], *, step_free: bool = False, limit: int = MAX_WALK
    ) -> list[int]:
        """Metres on foot from `origin` to each place, ways to the footway included, rounded up.

        step_free: fit for wheelchairs and walkers. `NO_WAY` beyond `limit`, at most `MAX_WALK`, or without a footway.
        """
        return self._walks.walk(origin, places, step_free=step_free, limit=limit)

    @cached_property
    def _walks(self) -> WalkSearch:
        """Made when somebody walks first: whoever only drives needs no footways."""
        return WalkSearch(self._footways)

    def _ends(self, places: Sequence[Place], *, forward: bool, sorted_: bool) -> "_Ends":
        if not (sorted_ and isinstance(places, Places)):
            return _Ends(*self._labelled(places, forward=forward))
        kept = self._known.get(places)
        if kept is None:
            kept = self._known[places] = (self._sorted(places, forward=False), self._sorted(places, forward=True))
        return kept[forward]

    def _sorted(self, places: Sequence[Place], *, forward: bool) -> "_Ends":
        at, spots, labels = self._labelled(places, forward=forward)
        return _Ends(at, spots, self._drives.in_buckets(labels))

    def _labelled(self, places: Sequence[Place], *, forward: bool) -> tuple[list[int], list[Spot], Labels]:
        found = [self._spot(place) for place in places]
        at = [k for k, spot in enumerate(found) if isinstance(spot, Spot)]
        spots = [cast(Spot, found[k]) for k in at]
        label = self._outward if forward else self._inward
        return at, spots, label(spots)

    def _get_spot(self, place: Place) -> Spot:
        spot = self._spot(place)
        if isinstance(spot, str):
            raise UnreachablePlace(spot)
        return spot

    def _drive(self, origin: Place, destination: Place) -> int:
        return int(self.table([origin], [destination])[0, 0])
