"""What a schedule file says: runs with their days and stops, vehicles, places."""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from webapp.files.answers import Line
from webapp.files.dates import Span
from webapp.files.messages import Message
from webapp.holiday_tables import NO_HOLIDAYS, Holidays


@dataclass(frozen=True, slots=True)
class RiderCode:
    """A committed rider by the operator's own code; no name."""

    code: str
    wheelchair: bool = False


@dataclass(frozen=True, slots=True)
class ScheduledStop:
    """One visit of a run to a place; row: where it stands in the sheet.

    time: planned departure, at the last stop arrival; time_latest: the bell; both seconds of the service day.
    board, alight: committed riders, those in wheelchairs included; wheelchair_on: those who board in one.
    dwell: seconds. residents: may others than committed riders use this stop; None where it is not said.
    """

    row: int
    place_name: str
    address: str
    stop_code: str
    lat: float | None
    lon: float | None
    time: int | None
    time_latest: int | None
    board: int
    alight: int
    wheelchair_on: int
    riders_on: tuple[RiderCode, ...]
    riders_off: tuple[RiderCode, ...]
    dwell: int
    residents: bool | None
    note: str


class DayKind(StrEnum):
    """Why a run goes on a date, or does not."""

    REGULAR = "regular"
    SHIFTED = "shifted"
    EXTRA = "extra"
    HOLIDAY = "holiday"
    OFF = "off"
    OUTSIDE = "outside"
    OTHER_WEEKDAY = "other weekday"


class DayService(NamedTuple):
    """What a run does on a date; shift: seconds by which its times move, None where it does not go; why: as told."""

    shift: int | None
    kind: DayKind
    why: str = ""


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """One run as the schedule repeats it, with the days on which it goes.

    seats: None where the file does not say. days: 0 = Monday to 6 = Sunday, from `first` to `last`, both included.
    who_may_ride: groups, "registered" or "anyone"; empty for committed riders only.
    detour: "none", "on route" or "up to" `max_detour` seconds; deadhead: residents may ride before and after, too.
    max_extra, max_ride: seconds, None where the file does not say.
    shifts: by how much the times move on some of its days. closed_on: tables of holidays on which it does not go;
    open_on: those on which it goes on any weekday. follows_town: it also does not go on those that the town closes.
    """

    code: str
    name: str
    operator: str
    vehicle: str
    sheet: str
    row: int
    seats: int | None
    wheelchairs: int
    seats_per_wheelchair: int
    days: frozenset[int]
    first: date
    last: date
    not_on: tuple[Span, ...]
    also_on: tuple[Span, ...]
    who_may_ride: tuple[str, ...]
    detour: str
    max_detour: int
    deadhead: bool
    max_extra: int | None
    max_ride: int | None
    stops: tuple[ScheduledStop, ...]
    shifts: tuple[Span, ...] = ()
    closed_on: tuple[str, ...] = ()
    open_on: tuple[str, ...] = ()
    follows_town: bool = True

    def runs_on(self, day: date, holidays: Holidays = NO_HOLIDAYS) -> int | None:
        """Tell by how many seconds its times move on a day; None where it does not run."""
        return self.service_on(day, holidays).shift

    def service_on(self, day: date, holidays: Holidays = NO_HOLIDAYS) -> DayService:
        """Tell whether it goes on a day, and why.

        Extra dates come first, then dates off, then holidays on which it goes, then weekdays less closed holidays.
        """
        extra = next((span for span in self.also_on if day in span), None)
        if extra is not None:
            return DayService(extra.shift, DayKind.EXTRA, extra.why)
        off = next((span for span in self.not_on if day in span), None)
        if off is not None:
            return DayService(None, DayKind.OFF, off.why)
        return self._in_season(day, holidays) if self.first <= day <= self.last else DayService(None, DayKind.OUTSIDE)

    def _in_season(self, day: date, holidays: Holidays) -> DayService:
        moved = next((span for span in self.shifts if day in span), _UNMOVED)
        if holidays.includes(self.open_on, day):
            return DayService(moved.shift, DayKind.HOLIDAY, moved.why)
        if day.weekday() not in self.days:
            return DayService(None, DayKind.OTHER_WEEKDAY)
        if holidays.includes(self.closed_on, day) or (self.follows_town and holidays.includes(holidays.closed, day)):
            return DayService(None, DayKind.HOLIDAY)
        return DayService(moved.shift, DayKind.SHIFTED if moved.shift else DayKind.REGULAR, moved.why)


_UNMOVED = Span(date.min, date.max)


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One line of the sheet `vehicles`; availability in seconds of the service day, None where it is not said."""

    code: str
    seats: int | None = None
    wheelchairs: int = 0
    seats_per_wheelchair: int = 0
    depot_name: str = ""
    depot_lat: float | None = None
    depot_lon: float | None = None
    available_from: int | None = None
    available_until: int | None = None
    lift: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class PlaceEntry:
    """One line of the sheet `places`; private: somebody's home, never shown to others. row: of a feed's stops.txt."""

    code: str
    name: str
    address: str = ""
    lat: float | None = None
    lon: float | None = None
    private: bool = False
    row: int = 0


@dataclass(frozen=True, slots=True)
class GlimpseColumn:
    """One column of a sheet: its letter, its own name, the field that it was read as and how that is called.

    samples: its first values below the header.
    """

    letter: str
    label: str
    field: str
    called: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The first rows of a sheet as they were read, for a person to look at; what names persons is covered.

    layout: "runs", "roster", "template", "timetable", "feed", "vehicles", "places", "calendar", or "" where none was
    recognised. header: row of the header, 0 where there is none; digest: tells it from other headers.
    rows: (number, cells). told: its columns were read as the operator once said.
    """

    sheet: str
    layout: str
    header: int
    digest: str
    columns: tuple[GlimpseColumn, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    told: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleFile:
    """All that a file says: the runs without a fault, and messages about everything else.

    vehicles by code, places by code or else by name. rows: how many rows of stops the file holds.
    lines: the routes of a GTFS feed, those that are left out too; none for any other file.
    delimiter: of a CSV file. glimpses: of its first sheets.
    """

    runs: tuple[ScheduledRun, ...] = ()
    vehicles: dict[str, Vehicle] = field(default_factory=dict)
    places: dict[str, PlaceEntry] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    encoding: str = ""
    rows: int = 0
    lines: tuple[Line, ...] = ()
    delimiter: str = ""
    glimpses: tuple[Glimpse, ...] = ()

    @property
    def errors(self) -> tuple[Message, ...]:
        return tuple(message for message in self.messages if message.severity == "error")


class CommittedRide(NamedTuple):
    """So many riders from the stop at index `on` to the one at `off`, `wheelchairs` of them in wheelchairs."""

    on: int
    off: int
    riders: int
    wheelchairs: int
    code: str | None


@dataclass(slots=True)
class _Aboard:
    number: int
    on: int
    others: int
    wheelchairs: int
    code: str | None

    @property
    def count(self) -> int:
        return self.others + self.wheelchairs

    def leave(self, off: int, most: int) -> CommittedRide:
        """Let up to `most` of the group alight, those in wheelchairs last."""
        others = min(self.others, most)
        wheelchairs = min(self.wheelchairs, most - others)
        self.others -= others
        self.wheelchairs -= wheelchairs
        return CommittedRide(self.on, off, others + wheelchairs, wheelchairs, self.code)


def committed_rides(stops: Sequence[ScheduledStop]) -> list[CommittedRide]:
    """Pair each boarding with its alighting: by code where codes are written, else who boarded first alights first.

    Counts alone do not tell who of one group alights; those in wheelchairs are taken to stay, which needs more room.
    Riders who never alight are left out (see `rides_and_left`).
    """
    return rides_and_left(stops)[0]


def rides_and_left(stops: Sequence[ScheduledStop]) -> tuple[list[CommittedRide], list[CommittedRide]]:
    """Give the committed rides, and the riders still aboard after the last stop, as rides that end beyond it.

    Whoever has a code that no stop reads out alights with those who have none.
    """
    rides: list[CommittedRide] = []
    awaited = {rider.code for stop in stops for rider in stop.riders_off}
    named: dict[str | None, list[_Aboard]] = defaultdict(list)
    unnamed: deque[_Aboard] = deque()
    boarded = 0
    for index, stop in enumerate(stops):
        called = {rider.code for rider in stop.riders_off}
        leaving = [group for code in called for group in named.pop(code, ())]
        rides += [group.leave(index, 1) for group in sorted(leaving, key=_number)]
        rides += _first_in_first_out(unnamed, index, stop.alight - len(leaving))
        for group in _boarding(index, stop, boarded):
            (named[group.code] if group.code in awaited else unnamed).append(group)
            boarded += 1
    staying = sorted([*unnamed, *(group for groups in named.values() for group in groups)], key=_number)
    left = [group.leave(len(stops), group.count) for group in staying]
    return sorted(rides, key=lambda ride: ride[:2]), left


def _number(group: _Aboard) -> int:
    return group.number


def _first_in_first_out(aboard: deque[_Aboard], off: int, most: int) -> Iterator[CommittedRide]:
    while aboard and most > 0:
        ride = aboard[0].leave(off, most)
        most -= ride.riders
        yield ride
        if not aboard[0].count:
            aboard.popleft()


def _boarding(index: int, stop: ScheduledStop, number: int) -> list[_Aboard]:
    """List the groups that board, numbered on: each rider with a code, and the others together."""
    coded = [
        _Aboard(number + k, index, not rider.wheelchair, rider.wheelchair, rider.code)
        for k, rider in enumerate(stop.riders_on)
    ]
    wheelchairs = max(0, stop.wheelchair_on - sum(rider.wheelchair for rider in stop.riders_on))
    others = max(0, stop.board - len(coded) - wheelchairs)
    rest = _Aboard(number + len(coded), index, others, wheelchairs, None)
    return [*coded, rest] if rest.count else coded
