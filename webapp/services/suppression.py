"""Counts of people that may be shown to anybody: none so small that it could be somebody's neighbour.

A count that is hidden must not be had by taking the others from the total either, nor by taking one figure from
another that differs from it by a few people.
"""

from collections.abc import Mapping
from typing import TypeVar

SMALLEST_CELL = 5
"""A count of fewer people is not shown: it could be somebody's neighbour."""
Name = TypeVar("Name")


def coarse(count: int) -> int | None:
    """Give a count of people that may be shown; None where it is too small to hide a person."""
    return None if 0 < count < SMALLEST_CELL else count


def suppressed(counts: Mapping[Name, int]) -> dict[Name, int | None]:
    """Give the counts of a table whose total is known, those hidden as None.

    Small ones are hidden, and then the next larger ones, until those hidden come to `SMALLEST_CELL` people at least and
    are two or more: what is left of the total then fits several tables. A table in all of which nobody can be hidden so
    shows nothing.
    """
    hidden = {name for name, count in counts.items() if coarse(count) is None}
    rest = sorted((name for name in counts if name not in hidden and counts[name]), key=lambda name: counts[name])
    while hidden and (len(hidden) < 2 or sum(counts[name] for name in hidden) < SMALLEST_CELL):
        if not rest:
            return dict.fromkeys(counts)
        hidden.add(rest.pop(0))
    return {name: None if name in hidden else count for name, count in counts.items()}


def differ_enough(one: int, other: int) -> bool:
    """May two figures be shown side by side, one of which counts some of the people of the other?"""
    return one == other or abs(one - other) >= SMALLEST_CELL
