"""A prepared area: the folder that `routing.graph` writes once and the web process reads in a blink."""

import json
from dataclasses import asdict, dataclass
from math import asin, cos, hypot, radians, sin, sqrt
from pathlib import Path

from routing.times import Place, RoadError

FORMAT = 4
"""Raised whenever a prepared file changes its shape; older folders are refused and prepared again."""

ABOUT = "area.json"
ROADS = "area.roads"
NAMES = "places.db"
GRAPH = "graph.graphml"
TILES = "roads.pmtiles"
BEFORE = "before"
"""Link in a prepared area to the one that it replaced, which is kept until the next one comes."""

LICENCE = "© OpenStreetMap contributors, ODbL 1.0 (https://www.openstreetmap.org/copyright)"

EARTH_RADIUS = 6_371_009
"""Metres, as OSMnx has it."""


@dataclass(frozen=True, slots=True)
class Area:
    """What is known about a prepared area. bounds: west, south, east, north; centre: lat, lon (WGS 84 degrees).

    source: its name, or those of all extracts that were read as one. left_aside: sentences on what it lacks of them.
    origin: what it can be prepared from again, files by their whole paths. vehicle, country: for whom and where tags
    were read. id: tells each preparation from all before it, and is the same wherever the same ones were made.
    """

    name: str
    source: str
    bounds: tuple[float, float, float, float]
    centre: tuple[float, float]
    nodes: int
    edges: int
    sha256: str | None = None
    left_aside: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    vehicle: str = "van"
    country: str = ""
    id: str = ""
    licence: str = LICENCE
    format: int = FORMAT

    @staticmethod
    def load(folder: Path) -> "Area":
        """Read what was prepared. Raises RoadError when there is nothing, or it was prepared by another version."""
        again = f"Prepare it: noriai area add {folder.name} SOURCE."
        try:
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RoadError(f"{folder} holds no prepared area. {again}") from None
        except (OSError, ValueError) as error:
            raise RoadError(f"{folder / ABOUT} cannot be read: {error}. {again}") from error
        found = about.get("format") if isinstance(about, dict) else None
        if found != FORMAT:
            raise RoadError(f"{folder} was prepared in format {found}, this program reads format {FORMAT}. {again}")
        lists = {name: tuple(value) for name, value in about.items() if isinstance(value, list)}
        try:
            return Area(**about | lists)
        except TypeError as error:
            raise RoadError(f"{folder / ABOUT} does not say what an area is: {error}. {again}") from error

    def save(self, folder: Path) -> None:
        """Write `area.json`."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=2)
        (folder / ABOUT).write_text(text + "\n", encoding="utf-8")


def metres(a: Place, b: Place) -> float:
    """Measure the great circle between two places."""
    half_lat, half_lon = radians(b.lat - a.lat) / 2, radians(b.lon - a.lon) / 2
    chord = hypot(sin(half_lat), sqrt(cos(radians(a.lat)) * cos(radians(b.lat))) * sin(half_lon))
    return 2 * EARTH_RADIUS * asin(min(1.0, chord))
