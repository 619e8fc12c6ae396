"""How much slower than the empty road a town drives, by kind of day and hour: a table that recorded drives teach."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

from routing.times import RoadError

EMPTY_ROAD = 1000
"""Thousandths that leave the seconds of the road as they are."""

SLOWEST, FASTEST = 3000, 700
"""Thousandths beyond which no town drives the whole of an hour: such a figure tells of the taps, not of the road."""

STEP = 50
"""Thousandths between the paces that runs are given: few different ones keep the tables of a day few."""

ENOUGH = 20
"""Drives below which nothing is learnt of an hour."""

SHARE = 80
"""Per cent of the driving of an hour that its factor is to cover."""

SHORTEST = 20
"""Seconds on the empty road below which the moment of a tap weighs more than the drive."""

IMPLAUSIBLY_FAST, IMPLAUSIBLY_SLOW = 400, 4000
"""Thousandths beyond which what lies between two taps was no drive."""

HOUR, HOURS = 3600, 24


class DayKind(StrEnum):
    """Days on which the traffic is alike. SUNDAY stands for public holidays, too, where somebody knows them."""

    WEEKDAY = "weekday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"

    @staticmethod
    def of(day: date) -> "DayKind":
        """Tell the kind of a date by its weekday alone."""
        return {5: DayKind.SATURDAY, 6: DayKind.SUNDAY}.get(day.weekday(), DayKind.WEEKDAY)


Band = tuple[DayKind, int]
"""A kind of day and an hour of its service days, 0 to 23: what happens at 25:10 counts as of hour 1 of the same day."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One drive. departure: second of its service day; driven, empty: seconds that it took, and on the empty road."""

    day_kind: DayKind
    departure: int
    driven: int
    empty: int

    @property
    def band(self) -> Band:
        return self.day_kind, self.departure // HOUR % HOURS

    @property
    def ratio(self) -> int:
        """Thousandths of the empty road that the drive took, rounded up."""
        return -(-self.driven * EMPTY_ROAD // self.empty)


Row = tuple[int, ...]
"""Thousandths of 24 hours."""

_EMPTY_ROADS: Row = (EMPTY_ROAD,) * HOURS


@dataclass(frozen=True, slots=True)
class Factors:
    """Thousandths of the empty road's seconds that a drive takes, for each kind of day and each hour of it."""

    weekday: Row = _EMPTY_ROADS
    saturday: Row = _EMPTY_ROADS
    sunday: Row = _EMPTY_ROADS

    def row(self, day_kind: DayKind) -> Row:
        return {DayKind.WEEKDAY: self.weekday, DayKind.SATURDAY: self.saturday, DayKind.SUNDAY: self.sunday}[day_kind]

    def over(self, day_kind: DayKind, first_second: int, last_second: int) -> int:
        """Give the largest factor of the hours that are touched from one second of a service day to another.

        Both ends count; they may lie before the day's start or after its end. Rounded up to whole steps of `STEP`.
        """
        hours = range(first_second // HOUR, last_second // HOUR + 1)[:HOURS]
        row = self.row(day_kind)
        return -(-max(row[hour % HOURS] for hour in hours) // STEP) * STEP

    @staticmethod
    def read(path: Path) -> "Factors":
        """Read a table that was written by hand: TOML, `[weekday]`, then lines such as `7 = 1350` for 7:00 to 7:59.

        What it does not name is 1000. Raises RoadError for a file that cannot be read, and for the first line of no
        sense.
        """
        try:
            said = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            raise RoadError(f"{path} cannot be read as a table of factors: {error}. {_HOW}") from error
        rows = {kind.value: [EMPTY_ROAD] * HOURS for kind in DayKind}
        for name, row in said.items():
            if name not in rows or not isinstance(row, dict):
                raise RoadError(f"{path} speaks of {name!r}, but days are weekday, saturday or sunday. {_HOW}")
            for hour, thousandths in row.items():
                rows[name][_hour(hour, name, path)] = _checked(thousandths, f"[{name}] {hour}", path)
        return Factors(**{name: tuple(row) for name, row in rows.items()})


_HOUR_NAMES = [str(hour) for hour in range(HOURS)]
_HOW = f"Write [weekday], then lines such as 7 = 1350: an hour, and {FASTEST} to {SLOWEST} thousandths."


def _hour(text: str, kind: str, path: Path) -> int:
    if text not in _HOUR_NAMES:
        raise RoadError(f"{path} speaks in [{kind}] of hour {text!r}, but hours are written 0, 1, ... 23. {_HOW}")
    return _HOUR_NAMES.index(text)


def _checked(thousandths: Any, where: str, path: Path) -> int:
    whole = isinstance(thousandths, int) and not isinstance(thousandths, bool)
    if not whole or not FASTEST <= thousandths <= SLOWEST:
        raise RoadError(f"{path} says {thousandths!r} at {where}, which is no factor. {_HOW}")
    return int(thousandths)


@dataclass(frozen=True, slots=True)
class Sifted:
    """The observations that are drives, and how many were left out, by reason: short, fast, slow."""

    drives: tuple[Observation, ...]
    left_out: Mapping[str, int]

    @property
    def counts(self) -> Mapping[Band, int]:
        """How many drives each band has."""
        return Counter(one.band for one in self.drives)


def sift(observations: Iterable[Observation]) -> Sifted:
    """Leave out what cannot be a drive: too short on the road, or implausibly fast or slow for it."""
    drives: list[Observation] = []
    left_out: Counter[str] = Counter()
    for one in observations:
        fault = _fault(one)
        if fault:
            left_out[fault] += 1
        else:
            drives.append(one)
    return Sifted(tuple(drives), left_out)


def _fault(one: Observation) -> str:
    if one.empty < SHORTEST:
        return "short"
    if one.driven * EMPTY_ROAD < IMPLAUSIBLY_FAST * one.empty:
        return "fast"
    return "slow" if one.driven * EMPTY_ROAD > IMPLAUSIBLY_SLOW * one.empty else ""


def learn(observations: Iterable[Observation], known: Factors | None = None) -> Factors:
    """Learn from observations, in whatever order they come, how much slower than the empty road each hour is.

    Of what `sift` keeps, the factor of a band is the 80th percentile of driven by empty seconds, each drive weighing as
    many as its seconds on the empty road: 80 % of the driving is done at that pace or faster. A band of fewer than 20
    drives takes the percentile of it and its two neighbouring hours together, and where these have fewer than 20,
    that of all hours of its kind of day. A kind of day with fewer than 20 drives stays as it is in `known` (1000
    everywhere without it). Whole thousandths, 700 to 3000.
    """
    known = known or Factors()
    bands: dict[Band, list[Observation]] = {(kind, hour): [] for kind in DayKind for hour in range(HOURS)}
    for one in sift(observations).drives:
        bands[one.band].append(one)
    return Factors(**{kind.value: _row(kind, bands, known) for kind in DayKind})


def _row(kind: DayKind, bands: Mapping[Band, list[Observation]], known: Factors) -> Row:
    hours = [bands[kind, hour] for hour in range(HOURS)]
    all_day = [one for drives in hours for one in drives]
    if len(all_day) < ENOUGH:
        return known.row(kind)
    around = ([*hours[hour - 1], *hours[hour], *hours[(hour + 1) % HOURS]] for hour in range(HOURS))
    wider = zip(hours, around, strict=True)
    return tuple(_percentile(next((some for some in pair if len(some) >= ENOUGH), all_day)) for pair in wider)


def _percentile(drives: Sequence[Observation]) -> int:
    """Find the smallest ratio within which `SHARE` per cent of the driving lies."""
    ordered = sorted((one.ratio, one.empty) for one in drives)
    wanted, covered = SHARE * sum(weight for _, weight in ordered), 0
    for ratio, weight in ordered:
        covered += 100 * weight
        if covered >= wanted:
            return min(max(ratio, FASTEST), SLOWEST)
    raise ValueError("of no drives nothing is learnt")
