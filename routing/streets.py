"""The prepared road network as flat arrays: one row per street between two junctions, whole seconds each way."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from routing.area import STREETS
from routing.times import RoadError

E7 = 1e-7
"""Degrees of one coordinate unit: OSM's own precision."""

ONE_WAY = -1
"""Seconds `backward` of a street that is driven only from `tail` to `head`."""

Stretch = tuple[int, float, float]
"""A part of a street: its number, and the shares of its length at which the part begins and ends."""


@dataclass(frozen=True, slots=True, eq=False)
class Streets:
    """Streets and their shapes.

    tail, head: node numbers (0..n-1) of both ends. forward, backward: seconds of the whole drive tail -> head and back.
    length: metres. points: (lon, lat) in units of 1e-7 degrees; street s has points[first[s]:first[s + 1]], tail first.
    nodes: (lon, lat) of each node in the same units.
    """

    tail: NDArray[np.int32]
    head: NDArray[np.int32]
    forward: NDArray[np.int32]
    backward: NDArray[np.int32]
    length: NDArray[np.float32]
    points: NDArray[np.int32]
    first: NDArray[np.int32]
    nodes: NDArray[np.int32]

    @staticmethod
    def load(folder: Path) -> "Streets":
        """Read `area.npz`. Raises RoadError when it is missing or damaged."""
        path = folder / STREETS
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return Streets(**{name: arrays[name] for name in _names()})
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise RoadError(f"{path} is missing or damaged ({error}). Prepare the area again.") from error

    def save(self, folder: Path) -> None:
        """Write `area.npz`; the same streets always give the same bytes."""
        arrays = {name: getattr(self, name) for name in _names()}
        np.savez(folder / STREETS, **cast(Any, arrays))

    def both_ways(self) -> tuple[NDArray[np.int32], ...]:
        """List every drivable direction as arrays (from node, to node, seconds, street, is it backward)."""
        there, back = np.arange(len(self.tail)), np.flatnonzero(self.backward != ONE_WAY)
        return (
            np.concatenate((self.tail, self.head[back])),
            np.concatenate((self.head, self.tail[back])),
            np.concatenate((self.forward, self.backward[back])),
            np.concatenate((there, back)).astype(np.int32),
            np.concatenate((np.zeros(len(there)), np.ones(len(back)))).astype(np.int32),
        )


def _names() -> list[str]:
    return [field.name for field in fields(Streets)]
