"""What a schedule file says: runs with their days and stops, vehicles, places."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from webapp.files.dates import Span
from webapp.files.messages import Message


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


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """One run as the schedule repeats it, with the days on which it goes.

    seats: None where the file does not say. days: 0 = Monday to 6 = Sunday, from `first` to `last`, both included.
    who_may_ride: groups, "registered" or "anyone"; empty for committed riders only.
    detour: "none", "on route" or "up to" `max_detour` seconds; deadhead: residents may ride before and after, too.
    max_extra, max_ride: seconds, None where the file does not say.
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

    def runs_on(self, day: date) -> int | None:
        """Tell by how many seconds its times move on a day; None where it does not run.

        `also_on` comes before everything, `not_on` before the weekdays.
        """
        for span in self.also_on:
            if day in span:
                return span.shift
        regular = self.first <= day <= self.last and day.weekday() in self.days
        return 0 if regular and not any(day in span for span in self.not_on) else None


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
    """One line of the sheet `places`; private: somebody's home, never shown to others."""

    code: str
    name: str
    address: str = ""
    lat: float | None = None
    lon: float | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleFile:
    """All that a file says: the runs without a fault, and messages about everything else.

    vehicles by code, places by code or else by name. rows: how many rows of stops the file holds.
    """

    runs: tuple[ScheduledRun, ...] = ()
    vehicles: dict[str, Vehicle] = field(default_factory=dict)
    places: dict[str, PlaceEntry] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    encoding: str = ""
    rows: int = 0

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
    Riders who never alight are left out (see `left_aboard`).
    """
    return _paired(stops)[0]


def left_aboard(stops: Sequence[ScheduledStop]) -> list[CommittedRide]:
    """List the riders still aboard after the last stop, as rides that end beyond it."""
    return [group.leave(len(stops), group.count) for group in _paired(stops)[1]]


def _paired(stops: Sequence[ScheduledStop]) -> tuple[list[CommittedRide], list[_Aboard]]:
    rides: list[CommittedRide] = []
    aboard: list[_Aboard] = []
    awaited = {rider.code for stop in stops for rider in stop.riders_off}
    for index, stop in enumerate(stops):
        named = {rider.code for rider in stop.riders_off}
        leaving = [group for group in aboard if group.code in named]
        rides += [group.leave(index, 1) for group in leaving]
        unnamed = max(0, stop.alight - len(leaving))
        for group in (group for group in aboard if group.code is None or group.code not in awaited):
            ride = group.leave(index, unnamed)
            unnamed -= ride.riders
            rides += [ride] if ride.riders else []
        aboard = [group for group in aboard if group.count] + _boarding(index, stop)
    return sorted(rides, key=lambda ride: ride[:2]), aboard


def _boarding(index: int, stop: ScheduledStop) -> list[_Aboard]:
    named = [_Aboard(index, not rider.wheelchair, rider.wheelchair, rider.code) for rider in stop.riders_on]
    wheelchairs = max(0, stop.wheelchair_on - sum(rider.wheelchair for rider in stop.riders_on))
    others = max(0, stop.board - len(named) - wheelchairs)
    return named + ([_Aboard(index, others, wheelchairs, None)] if others or wheelchairs else [])
