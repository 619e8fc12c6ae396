"""The prepared road network as flat arrays: one row per street between two junctions, tenths of a second each way."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

E7 = 1e-7
"""Degrees of one coordinate unit: OSM's own precision."""

ONE_WAY = -1
"""What `backward` is of a street that is driven only from `tail` to `head`."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """Parts of streets, one after the other: leg k of a drive follows those in first[k]:first[k + 1].

    street: its number. start, end: the shares of its length at which the part begins and ends.
    """

    first: NDArray[np.int32]
    street: NDArray[np.int32]
    start: NDArray[np.float64]
    end: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Streets:
    """Streets and their shapes.

    tail, head: node numbers (0..n-1) of both ends. forward, backward: tenths of a second of the drive from tail to
    head and back, at least 1. length: metres. points: (lon, lat) in units of 1e-7 degrees; street s has
    points[first[s]:first[s + 1]], tail first. nodes: (lon, lat) of each node in the same units.

    forward_delay, backward_delay: tenths spent at the end of the street before driving on (signals, gates). private:
    driven only where a vehicle's way begins or ends. roundabout: part of one. no_stopping: nobody gets in or out there.
    turning: per node, may a vehicle turn round there. restrictions: rows (is it the only way 0/1, from arc, over arc or
    -1, to arc), where arc 2 * s is street s driven forward and 2 * s + 1 backward. left_hand: traffic keeps left (no
    dimension).
    """

    tail: NDArray[np.int32]
    head: NDArray[np.int32]
    forward: NDArray[np.int32]
    backward: NDArray[np.int32]
    length: NDArray[np.float32]
    points: NDArray[np.int32]
    first: NDArray[np.int32]
    nodes: NDArray[np.int32]
    forward_delay: NDArray[np.int32]
    backward_delay: NDArray[np.int32]
    private: NDArray[np.bool_]
    roundabout: NDArray[np.bool_]
    no_stopping: NDArray[np.bool_]
    turning: NDArray[np.bool_]
    restrictions: NDArray[np.int32]
    left_hand: NDArray[np.bool_]

    def both_ways(self) -> tuple[NDArray[np.int32], ...]:
        """List every drivable direction as arrays (from node, to node, tenths, street, is it backward)."""
        there, back = np.arange(len(self.tail)), np.flatnonzero(self.backward != ONE_WAY)
        return (
            np.concatenate((self.tail, self.head[back])),
            np.concatenate((self.head, self.tail[back])),
            np.concatenate((self.forward, self.backward[back])),
            np.concatenate((there, back)).astype(np.int32),
            np.concatenate((np.zeros(len(there)), np.ones(len(back)))).astype(np.int32),
        )
