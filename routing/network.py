"""The roads of a prepared area as the engine needs them: streets, turns, hierarchy and footways, in one file."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from routing import prepared
from routing.area import FORMAT, ROADS
from routing.drives import through
from routing.footways import Footways
from routing.hierarchy import Hierarchy, contract
from routing.streets import Streets
from routing.turns import Turns, expand

_KIND = "roads"
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Streets, the turns between them, the hierarchy of their drives, and where people walk."""

    streets: Streets
    turns: Turns
    hierarchy: Hierarchy
    footways: Footways

    @staticmethod
    def build(streets: Streets, footways: Footways, progress: Callable[[int, int], None] | None = None) -> "Network":
        """Expand streets to turns, and order these; `progress` hears how many arcs of how many are done."""
        turns = expand(streets)
        return Network(streets, turns, contract(*through(turns), progress), footways)

    @staticmethod
    def load(folder: Path) -> "Network":
        """Map the roads of an area into memory. Raises RoadError when they are missing, damaged or of another time."""
        arrays, _ = prepared.load(folder / ROADS, _KIND, FORMAT)

        def part(name: str, kind: type[Part]) -> Part:
            return kind(**{one.name: arrays[f"{name}.{one.name}"] for one in fields(cast(Any, kind))})

        return Network(
            part("streets", Streets), part("turns", Turns), part("hierarchy", Hierarchy), part("footways", Footways)
        )

    def save(self, folder: Path) -> None:
        """Write everything to one file; the same roads always give the same bytes."""
        parts: dict[str, Any] = {part.name: getattr(self, part.name) for part in fields(self)}
        arrays = {f"{name}.{one.name}": getattr(part, one.name) for name, part in parts.items() for one in fields(part)}
        prepared.save(folder / ROADS, _KIND, FORMAT, arrays)
