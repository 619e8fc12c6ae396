"""What a trial found: a promise, whether it held, and the figures that say so."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise of docs/trust.md, tried on one database ("sqlite", "postgresql", "" where it needs none)."""

    promise: int
    trial: str
    held: bool
    figure: Mapping[str, float | int | str | bool]
    database: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a trial works with.

    short: few of each, to see that a trial works; otherwise the whole count.
    postgresql: SQLAlchemy address of a server on which databases may be made, empty where there is none.
    folder: empty, and thrown away afterwards. say: hears what is being done.
    """

    folder: Path
    short: bool = False
    postgresql: str = ""
    say: Callable[[str], None] = field(default=lambda _: None, compare=False)

    @property
    def databases(self) -> tuple[str, ...]:
        return ("sqlite", "postgresql") if self.postgresql else ("sqlite",)


Trial = Callable[[Bench], Iterator[Finding]]
