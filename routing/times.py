"""Whole seconds between places: the only thing that `matching` knows about roads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, overload

if (
    TYPE_CHECKING
):  # who only measures between places needs no numpy: the process that reads strangers' files stays small
    import numpy as np
    from numpy.typing import NDArray

Seconds: TypeAlias = "NDArray[np.int32]"

NO_WAY = 2**29
"""Seconds that `TravelTimes.table` holds where no road leads: more than any day has, and three of them fit an int32."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A point at the roadside where a vehicle may stop, in WGS 84 degrees (keep six decimals: 0.1 m)."""

    lat: float
    lon: float


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Places(Sequence[Place]):
    """Places that are asked about again and again: what roads prepare for this object they keep as long as it lives."""

    listed: tuple[Place, ...]

    def __len__(self) -> int:
        return len(self.listed)

    @overload
    def __getitem__(self, at: int) -> Place: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[Place, ...]: ...

    def __getitem__(self, at: int | slice) -> Place | tuple[Place, ...]:
        return self.listed[at]

    def __iter__(self) -> Iterator[Place]:
        return iter(self.listed)


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
        """Drive from each origin (row) to each destination (column), whole seconds; `NO_WAY` where no road leads.

        Few against the same many again and again are answered fastest when the many are one and the same `Places`.
        """
        ...
