"""Several prepared areas in one service, each with its own country's traffic, answered as if they were one.

A drive or a walk stays in one area: it may begin and end wherever that area has a road, also where another area has the
same roads, and between places that no area has both of there is none. So the triangle inequality holds within an area,
not over places of several. Whoever wants to drive across a border prepares one area of both extracts.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from math import cos, hypot, radians
from pathlib import Path

import numpy as np

from routing.engine import MAX_SNAP, MAX_WALK, Engine, Snap
from routing.snapping import Line
from routing.times import NO_WAY, Place, RoadError, Seconds, UnreachablePlace

_PLACES = 2**16
_DEGREE = 111_000
"""Metres of a degree of latitude, rounded down."""


def open_areas(folders: Sequence[Path]) -> "Engine | Atlas":
    """Map prepared areas into memory. Raises RoadError when one is missing, damaged or of another version."""
    if not folders:
        raise RoadError("No area is named to drive in. Prepare one: noriai area add NAME SOURCE.")
    engines = [Engine.load(folder) for folder in folders]
    return engines[0] if len(engines) == 1 else Atlas(engines)


def identity(ids: Sequence[str]) -> str:
    """Tell one set of preparations from another by their ids; a single one keeps its own."""
    return ids[0] if len(ids) == 1 else sha256("\n".join(ids).encode()).hexdigest()


class Atlas:
    """Travel times on several areas; offers what `Engine` does. May be shared by threads."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._engines = tuple(engines)
        self.name = ",".join(engine.name for engine in engines)
        self.id = identity([engine.id for engine in engines])
        west, south, east, north = zip(*(engine.bounds for engine in engines), strict=True)
        self.bounds = (min(west), min(south), max(east), max(north))
        self.centre = Place((min(south) + max(north)) / 2, (min(west) + max(east)) / 2)
        self._serving = lru_cache(_PLACES)(self._find_serving)

    def snap(self, place: Place) -> Snap:
        """Move a place to the nearest roadside. Raises UnreachablePlace with a sentence that says why."""
        return self._nearest(place).snap(place)

    def between(self, origin: Place, destination: Place) -> int:
        """Drive from `origin` to `destination`, whole seconds; `NO_WAY` where no area has both, or no road leads."""
        return min(
            (engine.between(origin, destination) for engine in self._common(origin, destination)), default=NO_WAY
        )

    def table(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        """Drive from each origin (row) to each destination (column), whole seconds; `NO_WAY` as in `between`."""
        served = [self._serving(place) for place in origins], [self._serving(place) for place in destinations]
        table = np.full((len(origins), len(destinations)), NO_WAY, np.int32)
        for engine in self._engines:
            rows, columns = ([k for k, areas in enumerate(end) if engine in areas] for end in served)
            if len(rows) == len(origins) and len(columns) == len(destinations):
                table = np.minimum(table, engine.table(origins, destinations))
            elif rows and columns:
                drives = engine.table([origins[k] for k in rows], [destinations[k] for k in columns])
                block = np.ix_(rows, columns)
                table[block] = np.minimum(table[block], drives)
        return table

    def path(self, origin: Place, destination: Place) -> Line:
        """Draw the fastest drive as (lon, lat) [k, 2], k at least 2. Raises UnreachablePlace where there is none."""
        common = self._common(origin, destination)
        if common:
            return min(common, key=lambda engine: engine.between(origin, destination)).path(origin, destination)
        for place in (origin, destination):
            self.snap(place)
        raise UnreachablePlace("No road leads from there to here: they lie in areas that were prepared apart.")

    def paths(self, places: Sequence[Place]) -> list[Line]:
        """Draw the fastest drive from each place to the next as (lon, lat) [k, 2]; empty where there is none."""
        legs = [(a, b, self._common(a, b)) for a, b in pairwise(places)]
        return [
            min(common, key=lambda engine: engine.between(a, b)).paths((a, b))[0] if common else np.empty((0, 2))
            for a, b, common in legs
        ]

    def walk(
        self, origin: Place, places: Sequence[Place], *, step_free: bool = False, limit: int = MAX_WALK
    ) -> list[int]:
        """Metres on foot, the shortest in any area; `NO_WAY` as `Engine.walk` says."""
        near = [engine for engine in self._engines if _away(origin, engine) <= MAX_SNAP]
        walks = [engine.walk(origin, places, step_free=step_free, limit=limit) for engine in near]
        return [min(found) for found in zip(*walks, strict=True)] if walks else [NO_WAY] * len(places)

    def _common(self, origin: Place, destination: Place) -> list[Engine]:
        there = self._serving(destination)
        return [engine for engine in self._serving(origin) if engine in there]

    def _nearest(self, place: Place) -> Engine:
        """Give the area whose road is nearest; of a place without a road, the area that can say best what is wrong."""
        swapped = Place(place.lon, place.lat)
        far = self._engines
        return next(iter(self._serving(place)), min(far, key=lambda one: min(_away(place, one), _away(swapped, one))))

    def _find_serving(self, place: Place) -> tuple[Engine, ...]:
        """List the areas that have a road near a place, the nearest road first."""
        served = [engine for engine in self._engines if _away(place, engine) <= MAX_SNAP and engine.serves(place)]
        return tuple(served if len(served) < 2 else sorted(served, key=lambda engine: engine.snap(place).walk))


def _away(place: Place, engine: Engine) -> float:
    """Metres from the bounds of an area, at most."""
    west, south, east, north = engine.bounds
    lon, lat = max(west - place.lon, place.lon - east, 0.0), max(south - place.lat, place.lat - north, 0.0)
    return _DEGREE * hypot(lat, lon * cos(radians(min(90.0, abs(place.lat) + 1))))
