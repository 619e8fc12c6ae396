"""What a dispatcher says beside a file: its columns, what it replaces and when, and what GTFS cannot say."""

from collections.abc import Set
from dataclasses import dataclass, field, replace
from datetime import date


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for the trips of a route in one direction.

    seats: None where it is not said. who_may_ride: as in `ScheduledRun`, None where it is not said.
    max_detour, max_extra: seconds. riders: committed riders on every trip, from its first stop to its last.
    """

    seats: int | None = None
    wheelchairs: int = 0
    who_may_ride: tuple[str, ...] | None = None
    detour: str = "none"
    max_detour: int = 0
    deadhead: bool = False
    max_extra: int | None = None
    riders: int = 0


@dataclass(frozen=True, slots=True)
class Answers:
    """All that is said of one file; effective: it holds from this service date on, None for at once.

    The rest is about a feed: `terms`, `only` and `left_out` name lines: a route in one direction.
    only: the lines to take in, None for all of them. first: the plan is to be used for a year from this day on.
    week: any day of the week that is then repeated, None for the one with most trips.
    sound_only: runs without a fault are taken in although others have one.
    columns: what the file's own columns mean, name as written -> field. replaces: id of the upload whose schedule ends
    with this one, "" for none; None where that is not said.
    """

    otherwise: Terms = Terms()
    terms: dict[str, Terms] = field(default_factory=dict)
    only: frozenset[str] | None = None
    left_out: frozenset[str] = frozenset()
    first: date | None = None
    week: date | None = None
    sound_only: bool = False
    effective: date | None = None
    until: date | None = None
    columns: dict[str, str] = field(default_factory=dict)
    replaces: str | None = None

    def takes(self, line: str, route: str) -> bool:
        """Is a line to be taken in? A route's own name stands for its lines."""
        named = {line, route}
        return (self.only is None or bool(named & self.only)) and not named & self.left_out

    def terms_of(self, line: str) -> Terms:
        return self.terms.get(line, self.otherwise)

    def for_all(self, terms: Terms) -> "Answers":
        """Take in every line on the same terms."""
        return replace(self, otherwise=terms, terms={}, only=None, left_out=frozenset())

    def for_some(self, lines: Set[str], terms: Terms) -> "Answers":
        """Take in these lines on these terms; the others stay as they are."""
        only = None if self.only is None else self.only | lines
        return replace(self, terms=self.terms | dict.fromkeys(lines, terms), only=only, left_out=self.left_out - lines)

    def for_only(self, lines: Set[str], terms: Terms) -> "Answers":
        """Take in these lines on these terms, and no other."""
        return replace(self.for_some(lines, terms), only=frozenset(lines))

    def for_days(self, first: date | None, week: date | None) -> "Answers":
        """Use the plan for a year from a day on, or on its own days."""
        return replace(self, first=first, week=week)

    def for_faults(self, *, sound_only: bool) -> "Answers":
        """Take in sound runs beside those with a fault, or nothing."""
        return replace(self, sound_only=sound_only)

    def from_day(self, effective: date | None) -> "Answers":
        """Let the file hold from a service date on, or at once."""
        return replace(self, effective=effective)

    def bare(self) -> "Answers":
        """Leave out what was said of this one file alone: its columns, and in whose place it holds, and when."""
        return replace(self, columns={}, replaces=None, effective=None, until=None)

    def up_to(self, until: date | None) -> "Answers":
        """Let the file hold no longer from a service date on."""
        return replace(self, until=until)

    def for_columns(self, columns: dict[str, str]) -> "Answers":
        """Read columns of these names as these fields, and no other column than by its name."""
        return replace(self, columns=columns)

    def for_schedule(self, replaces: str) -> "Answers":
        """Let it take the place of an earlier upload, or of none ("")."""
        return replace(self, replaces=replaces)

    def without(self, lines: Set[str]) -> "Answers":
        """Leave these lines out."""
        return replace(self, left_out=self.left_out | lines)


@dataclass(frozen=True, slots=True)
class Line:
    """A route of a feed in one direction, as its form shows it.

    trips: how many the feed holds; with_wheelchairs: on how many of them it says that wheelchairs can ride.
    """

    key: str
    name: str
    first_stop: str
    last_stop: str
    trips: int
    with_wheelchairs: int
    taken: bool
    terms: Terms
