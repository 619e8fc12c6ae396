"""Places that people can name: search by words, the best name of a point, and meeting points within a walk."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import Protocol

from routing.area import NAMES, metres
from routing.naming import ADDRESS, STREET, Entry, Match, Named, fold, keys_of
from routing.search import Wish, find
from routing.shelf import Shelf
from routing.times import Place

__all__ = [
    "ADDRESS", "STREET", "Beside", "Entry", "Match", "Named", "PlaceIndex", "Relation", "Walks", "fold",
    "meeting_points", "merged", "save_names",
]  # fmt: skip

MOST_KEPT = 8192
"""Points whose names are kept from one page to the next."""
_NEAR = 150
_AT_THE_DOOR = 10
_IN_FRONT = 30
_ADDRESS_BEATS = 60
_SAME_THING = 250
_SAME_STREET = 2000
_LOCAL = 3000

_LANDMARKS = frozenset({
    "arts centre", "bus station", "cathedral", "cinema", "clinic", "college", "community centre", "courthouse",
    "doctors", "fire station", "hospital", "kindergarten", "library", "marketplace", "museum", "nursing home",
    "pharmacy", "place of worship", "police", "post office", "school", "sports centre", "station", "supermarket",
    "swimming pool", "theatre", "townhall", "university",
})  # fmt: skip
"""Kinds that everybody in a town knows, so that a point may be described by them."""


class Relation(Enum):
    """How a point lies to the thing that it is described by; the words for it are the reader's language's."""

    AT = "at"
    IN_FRONT_OF = "in front of"
    BY = "by"
    NEAR = "near"


@dataclass(frozen=True, slots=True)
class Beside:
    """A point described by a known thing: AT within 10 m, IN_FRONT_OF a landmark, BY an address, NEAR anything."""

    relation: Relation
    named: Named
    metres: int


class Walks(Protocol):
    """Walking distances; `routing.engine.Engine` knows them."""

    def walk(self, origin: Place, places: Sequence[Place], *, step_free: bool, limit: int) -> list[int]:
        """Metres on foot from `origin` to each place; `NO_WAY` where it is farther than `limit` metres."""
        ...


class PlaceIndex:
    """Search over the named places of one area or several, without a network; safe to use from many threads."""

    def __init__(self, entries: Sequence[Entry], *shelves: Shelf) -> None:
        self._shelves = (*shelves, Shelf.of(entries)) if entries else shelves
        # pages name the same few stops over and over, and the names never change under an index
        self.beside = lru_cache(MOST_KEPT)(self._beside)
        self.called = lru_cache(MOST_KEPT)(self._called)

    @staticmethod
    def load(*folders: Path) -> "PlaceIndex":
        """Open the names of prepared areas. Raises RoadError when they are missing or damaged."""
        return PlaceIndex((), *(Shelf.load(folder / NAMES) for folder in folders))

    def with_stops(self, stops: Iterable[Entry]) -> "PlaceIndex":
        """Add the stops of the schedules that are not known by that name already; the index itself stays as it is."""
        return PlaceIndex([stop for stop in merged(stops) if not self._knows(stop)], *self._shelves)

    def search(
        self, text: str, limit: int = 8, *, uses: Mapping[str, int] | None = None, near: Place | None = None
    ) -> list[Named]:
        """List the places whose names answer `text` while it is being typed, the likeliest first.

        Whole names come before beginnings of words, and those before words from inside ("kirjasto" finds the
        keskustakirjasto). Where nothing bears every word, the nearest house number, cut endings and mended letters are
        tried: such places are not `sure`. Alike answers are ranked by `uses` (how often the town uses a name), then by
        their distance from `near`. Raises RoadError when the file is damaged.
        """
        found = find(self._shelves, text, Wish(limit * len(self._shelves), uses or {}, near))
        return found if len(self._shelves) == 1 else _each_once(found)[:limit]

    def describe(self, place: Place) -> str:
        """Name a point by what stands there or nearest to it; by its coordinates where nothing is within 150 m."""
        beside = self.beside(place)
        return beside.named.name if beside else f"{place.lat:.5f}, {place.lon:.5f}"

    def _beside(self, place: Place) -> Beside | None:
        """Describe a point by what people know there: "in front of the library", "by Annankatu 14"."""
        near = sorted(
            (
                (metres(place, row.place), row.named(Match.EXACT))
                for shelf in self._shelves
                for row in shelf.around(place, _NEAR)
            ),
            key=lambda one: (one[0], one[1].kind != ADDRESS, one[1].name),
        )
        here = [one for one in near if one[0] <= _AT_THE_DOOR]
        landmarks = [one for one in near if one[1].kind in _LANDMARKS]
        addresses = [one for one in near if one[1].kind == ADDRESS]
        choices = (
            (Relation.AT, [one for one in here if one in landmarks] or here, _AT_THE_DOOR),
            (Relation.IN_FRONT_OF, landmarks, _IN_FRONT),
            (Relation.BY, addresses, _ADDRESS_BEATS),
            (Relation.NEAR, landmarks or near, _NEAR),
        )
        found = ((relation, one[0]) for relation, one, reach in choices if one and one[0][0] <= reach)
        return next((Beside(relation, named, round(far)) for relation, (far, named) in found), None)

    def _called(self, name: str, near: Place, language: str) -> str:
        """Give the name that signs in a language have for what bears this name at a point; else the name itself."""
        key = next(iter(keys_of(name)), None)
        rows = (row for shelf in self._shelves for row in shelf.exact(key)) if key else ()
        spoken = (
            (metres(near, row.place), row.spoken[language])
            for row in rows
            if row.name == name and language in row.spoken
        )
        far, other = min(spoken, default=(inf, name))
        return other if far <= _LOCAL else name

    def locality(self, place: Place) -> str:
        """Name the part of town or the village whose centre is nearest, within 3 km; nothing where none is known."""
        around = ((metres(place, row.place), row.name) for shelf in self._shelves for row in shelf.settlements)
        far, name = min(around, default=(inf, ""))
        return name if far <= _LOCAL else ""

    def _knows(self, stop: Entry) -> bool:
        return any(
            row.kind != STREET and fold(row.name) == fold(stop.name) and metres(row.place, stop.place) <= _SAME_THING
            for shelf in self._shelves
            for key in keys_of(stop.name)
            for row in shelf.exact(key)
        )


def meeting_points(
    walks: Walks, origin: Place, candidates: Sequence[Place], max_walk: int, *, step_free: bool = False
) -> list[tuple[Place, int]]:
    """List the candidates within `max_walk` metres on foot, with their metres, the nearest first."""
    near = [place for place in dict.fromkeys(candidates) if metres(origin, place) <= max_walk]
    walked = zip(near, walks.walk(origin, near, step_free=step_free, limit=max_walk), strict=True)
    return sorted(((place, walk) for place, walk in walked if walk <= max_walk), key=lambda one: (one[1], one[0]))


def save_names(folder: Path, entries: Iterable[Entry]) -> None:
    """Write the names of an area for `PlaceIndex.load`, the same thing only once."""
    Shelf.write(folder / NAMES, merged(entries))


def merged(entries: Iterable[Entry]) -> list[Entry]:
    """Keep one of several entries of one name and kind close together: both sides of a bus stop, parts of a street."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((fold(entry.name), entry.kind), []).append(entry)
    return [kept for (_, kind), group in sorted(groups.items()) for kept in _apart(group, kind)]


def _each_once(found: Iterable[Named]) -> list[Named]:
    """Keep the first of what stands in several areas, or in an area and the schedules."""
    kept: dict[tuple[str, str], list[Named]] = {}
    fresh = []
    for one in found:
        known = kept.setdefault((one.name, one.kind), [])
        if all(metres(one.place, other.place) > _reach(one.kind) for other in known):
            known.append(one)
            fresh.append(one)
    return fresh


def _reach(kind: str) -> int:
    """Metres within which things of one name and kind are one thing."""
    return _SAME_STREET if kind == STREET else _SAME_THING


def _apart(group: list[Entry], kind: str) -> list[Entry]:
    reach = _reach(kind)
    kept: list[list[Entry]] = []
    for entry in group:
        same = next((others for others in kept if metres(others[0].place, entry.place) <= reach), None)
        if same is None:
            kept.append([entry])
        else:
            same.append(entry)
    return [_middle_one(others) for others in kept]


def _middle_one(same: list[Entry]) -> Entry:
    lat, lon = (sum(values) / len(same) for values in ([e.place.lat for e in same], [e.place.lon for e in same]))
    best = min(same, key=lambda entry: metres(entry.place, Place(lat, lon)))
    aliases = dict.fromkeys(alias for entry in same for alias in entry.aliases)
    spoken = dict(pair for entry in (*same, best) for pair in entry.spoken)
    return Entry(best.name, best.kind, best.place, tuple(aliases), tuple(sorted(spoken.items())))
