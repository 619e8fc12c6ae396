"""Whole seconds between places: the only thing that `matching` knows about roads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.int32]

NO_WAY = 2**29
"""Seconds that `TravelTimes.table` holds where no road leads: more than any day has, and three of them fit an int32."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A point at the roadside where a vehicle may stop, in WGS 84 degrees (keep six decimals: 0.1 m)."""

    lat: float
    lon: float


class RoadError(Exception):
    """Roads that cannot be read, prepared or used: a sentence for a person (what was read, why not, what to do)."""


class UnreachablePlace(RoadError):
    """A point that no vehicle of this road network can serve."""


class TravelTimes(Protocol):
    """Driving times on one road network. Every answer keeps the triangle inequality."""

    def between(self, origin: Place, destination: Place) -> int:
        """Drive from `origin` to `destination`, whole seconds; `NO_WAY` where no road leads."""
        ...

    def table(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        """Drive from each origin (row) to each destination (column), whole seconds; `NO_WAY` where no road leads."""
        ...
