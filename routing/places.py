"""Places that people can name: search by words, the best name of a point, and meeting points within a walk."""

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import cos, inf, radians
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy.spatial import cKDTree

from routing.area import EARTH_RADIUS, NAMES, metres
from routing.times import Place, RoadError

ADDRESS = "address"
STREET = "street"

_NEAR = 150
_AT_THE_DOOR = 10
_ADDRESS_BEATS = 60
_SAME_THING = 250
_SAME_STREET = 2000
_INSIDE = 4


@dataclass(frozen=True, slots=True)
class Named:
    """A place with the name and the kind ("school", "bus stop", "address", ...) that people know it by."""

    name: str
    kind: str
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """A named place as the extract has it, with its other names (languages, short forms)."""

    name: str
    kind: str
    place: Place
    aliases: tuple[str, ...] = ()


class Walks(Protocol):
    """Walking distances; `routing.engine.Engine` knows them."""

    def walk(self, origin: Place, places: Sequence[Place]) -> list[int]:
        """Metres on foot from `origin` to each place; `NO_WAY` where it is too far."""
        ...


class PlaceIndex:
    """Search over the named places of one area, without a network."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._named = [Named(entry.name, entry.kind, entry.place) for entry in entries]
        self._folded = [[fold(name) for name in (entry.name, *entry.aliases)] for entry in entries]
        self._text = [" " + "  ".join(names) for names in self._folded]
        self._points = [k for k, named in enumerate(self._named) if named.kind != STREET]
        self._scale = cos(radians(entries[0].place.lat)) if entries else 1.0
        self._tree = cKDTree(np.array([self._flat(self._named[k].place) for k in self._points]).reshape(-1, 2))

    @staticmethod
    def load(folder: Path) -> "PlaceIndex":
        """Read a prepared area's names. Raises RoadError when they are missing or damaged."""
        try:
            rows = json.loads((folder / NAMES).read_text(encoding="utf-8"))
            return PlaceIndex([Entry(name, kind, Place(lat, lon), tuple(more)) for name, kind, lat, lon, *more in rows])
        except (OSError, ValueError, TypeError) as error:
            message = f"{folder / NAMES} is missing or damaged ({error}). Prepare the area again."
            raise RoadError(message) from error

    def search(self, text: str, limit: int = 8) -> list[Named]:
        """List the places whose names hold every word of `text` (its beginning is enough), the likeliest first.

        Words of four letters may also stand inside a longer one: "kirjasto" finds the keskustakirjasto, further down.
        A stair or flat after the house number ("Mannerheimintie 22 A 5") is passed over when nothing is known by it.
        """
        words = fold(text).split()
        found = self._matches(words) or self._matches(_without_flat(words))
        return [self._named[k] for k in sorted(found, key=lambda k: self._rank(k, words))[:limit]]

    def describe(self, place: Place) -> str:
        """Name a point by what stands there or nearest to it; by its coordinates where nothing is within 150 m."""
        near = sorted((metres(place, named.place), named.kind != ADDRESS, named.name) for named in self._around(place))
        if not near:
            return f"{place.lat:.5f}, {place.lon:.5f}"
        if near[0][0] <= _AT_THE_DOOR:
            return near[0][2]
        return next((name for far, other, name in near if not other and far <= _ADDRESS_BEATS), near[0][2])

    def _matches(self, words: list[str]) -> list[int]:
        if not words:
            return []
        needles = [word if len(word) >= _INSIDE or _has_no_spaces(word) else " " + word for word in words]
        return [k for k, text in enumerate(self._text) if all(needle in text for needle in needles)]

    def _rank(self, k: int, words: list[str]) -> tuple[bool, bool, int, bool, int, str]:
        named, names, query = self._named[k], self._folded[k], " ".join(words)
        inside = any(" " + word not in self._text[k] for word in words)
        kind = {STREET: 1, ADDRESS: 2}.get(named.kind, 0)
        return (
            query not in names,
            inside,
            kind,
            not any(n.startswith(query) for n in names),
            len(named.name),
            named.name,
        )

    def _around(self, place: Place) -> list[Named]:
        near = self._tree.query_ball_point(self._flat(place), _NEAR * 1.02)
        return [n for n in (self._named[self._points[k]] for k in near) if metres(place, n.place) <= _NEAR]

    def _flat(self, place: Place) -> tuple[float, float]:
        degree = radians(1) * EARTH_RADIUS
        return place.lon * degree * self._scale, place.lat * degree


def meeting_points(walks: Walks, origin: Place, candidates: Sequence[Place], max_walk: int) -> list[tuple[Place, int]]:
    """List the candidates within `max_walk` metres on foot, with their metres, the nearest first."""
    near = [place for place in dict.fromkeys(candidates) if metres(origin, place) <= max_walk]
    walked = zip(near, walks.walk(origin, near), strict=True)
    return sorted(((place, walk) for place, walk in walked if walk <= max_walk), key=lambda one: (one[1], one[0]))


def save_names(folder: Path, entries: Iterable[Entry]) -> None:
    """Write the names of an area, the same thing only once."""
    rows = [[e.name, e.kind, e.place.lat, e.place.lon, *e.aliases] for e in merged(entries)]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / NAMES).write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def merged(entries: Iterable[Entry]) -> list[Entry]:
    """Keep one of several entries of one name and kind close together: both sides of a bus stop, parts of a street."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((fold(entry.name), entry.kind), []).append(entry)
    return [kept for (_, kind), group in sorted(groups.items()) for kept in _apart(group, kind)]


def fold(text: str) -> str:
    """Fold case, width, Latin accents and punctuation, so that "toolonlahdenkatu" finds Töölönlahdenkatu."""
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    bare = unicodedata.normalize("NFC", "".join(c for c in plain if not "\u0300" <= c <= "\u036f"))
    return " ".join("".join(c if c.isalnum() else " " for c in bare).split())


def _apart(group: list[Entry], kind: str) -> list[Entry]:
    reach = _SAME_STREET if kind == STREET else _SAME_THING
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
    return Entry(best.name, best.kind, best.place, tuple(aliases))


def _without_flat(words: list[str]) -> list[str]:
    number = next((k for k, word in enumerate(words) if k and word[0].isdigit()), inf)
    return words[: int(number) + 1] if number < len(words) - 1 else []


def _has_no_spaces(word: str) -> bool:
    """Japanese and Chinese write words together: there a word may stand anywhere in a name."""
    return any("\u3040" <= c <= "\u30ff" or "\u3400" <= c <= "\u9fff" for c in word)
