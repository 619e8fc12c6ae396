"""Judge scheduled runs by pencil and paper: times, riders, seats, and runs against each other. No roads."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from typing import NamedTuple

from matching.model import Capacity
from routing.area import metres
from routing.times import Place
from webapp.files.calendars import days_by_shift, earliest
from webapp.files.grouping import RunRows
from webapp.files.messages import Messages
from webapp.files.reading import RowReader
from webapp.files.scheduled import CommittedRide, RiderCode, ScheduledRun, ScheduledStop, rides_and_left
from webapp.files.spelling import clock
from webapp.holiday_tables import NO_HOLIDAYS, Holidays

_DAY = 24 * 3600
FAST, TOO_FAST = 80, 120
"""Kilometres an hour between two stops: worth a look, and impossible."""
WINDING = 1.3
"""How much longer a road is than the straight line, about."""
ROUNDED = 60
"""Seconds by which a leg may be longer than two printed minutes say."""
SAME_MINUTE = 300
"""Metres that nobody drives in no time."""


def odd_leg(straight: float, seconds: int) -> tuple[str, int]:
    """Judge a leg by its metres in a straight line: a code with its speed (km/h) or metres; no code where it may be."""
    speed = round(WINDING * straight / (seconds + ROUNDED) * 3.6)
    if speed > FAST:
        return "E-SPEED" if speed > TOO_FAST else "W-SPEED", speed
    return ("W-TIME-SAME", round(straight)) if not seconds and straight > SAME_MINUTE else ("", 0)


class RunChecks:
    """Judges one run that could be read whole."""

    def __init__(self, run: ScheduledRun, rows: RunRows, messages: Messages) -> None:
        self._run = run
        self._messages = messages
        self._said = rows.said_in.keys()
        self._readers = [RowReader(record, messages, run.code) for record in rows.rows]

    def check(self) -> None:
        """Add a message for everything in the run that cannot be true."""
        self._check_times()
        self._check_legs()
        self._check_bells()
        errors = self._messages.errors
        rides, left = rides_and_left(self._run.stops)
        self._check_codes()
        self._check_counts(left)
        if self._messages.errors == errors:
            self._check_loads(rides)

    def _check_times(self) -> None:
        stops = self._run.stops
        for at_end in (0, -1):
            if self._readers[at_end].is_blank("time"):
                self._readers[at_end].note("E-TIME-MISSING", "time")
        before: ScheduledStop | None = None
        for stop, reader in zip(stops, self._readers, strict=True):
            if stop.time is None:
                continue
            if before and before.time is not None and stop.time < before.time:
                earlier, later = clock(before.time), clock(stop.time + _DAY)
                reader.note("E-TIME-BACK", "time", earlier=earlier, before=before.row, after_midnight=later)
            before = stop

    def _check_legs(self) -> None:
        """Judge the drives between stops that have a place and a time; those without a time lie on the way."""
        before: ScheduledStop | None = None
        here: Place | None = None
        straight = 0.0
        for stop, reader in zip(self._run.stops, self._readers, strict=True):
            if stop.lat is None or stop.lon is None:
                before = here = None
                continue
            there = Place(stop.lat, stop.lon)
            straight += metres(here, there) if here else 0
            here = there
            if stop.time is None:
                continue
            if before and before.time is not None and stop.time >= before.time:
                _note_leg(reader, *odd_leg(straight, stop.time - before.time), before.row)
            before, straight = stop, 0.0

    def _check_bells(self) -> None:
        for stop, reader in zip(self._run.stops, self._readers, strict=True):
            if stop.time is None or stop.time_latest is None:
                continue
            arrival = stop.time if stop is self._run.stops[-1] else stop.time - stop.dwell
            if arrival > stop.time_latest:
                reader.note("E-BELL", "time_latest", arrival=clock(arrival))

    def _check_codes(self) -> None:
        boarded = self._first_rows("riders_on", lambda stop: stop.riders_on)
        self._first_rows("riders_off", lambda stop: stop.riders_off)
        aboard: set[str] = set()
        for stop, reader in zip(self._run.stops, self._readers, strict=True):
            for rider in stop.riders_off:
                if rider.code not in aboard:
                    reader.note("E-LOAD-NEG", "riders_off", variant="code", value=rider.code)
            aboard |= {rider.code for rider in stop.riders_on if boarded[rider.code] == stop.row}

    def _first_rows(self, name: str, riders: Callable[[ScheduledStop], Iterable[RiderCode]]) -> dict[str, int]:
        """Tell in which row each code stands, and refuse a code that stands twice."""
        first: dict[str, int] = {}
        for stop, reader in zip(self._run.stops, self._readers, strict=True):
            for rider in riders(stop):
                if rider.code in first:
                    reader.note("E-RIDER-TWICE", name, value=rider.code, first=first[rider.code])
                first.setdefault(rider.code, stop.row)
        return first

    def _check_counts(self, left: list[CommittedRide]) -> None:
        """Refuse more alighting or fewer alighting than boarded."""
        aboard = 0
        for stop, reader in zip(self._run.stops, self._readers, strict=True):
            if stop.wheelchair_on > stop.board:
                reader.note("E-WHEELCHAIR", "wheelchair_on", variant="board", board=stop.board)
            if stop.alight > aboard:
                reader.note("E-LOAD-NEG", "alight", value=str(stop.alight), aboard=aboard)
                return
            aboard += stop.board - stop.alight
        for ride in left:
            if ride.code:
                self._readers[ride.on].note("E-RIDER-NO-OFF", "riders_on", value=ride.code)
        unnamed = sum(ride.riders for ride in left if not ride.code)
        if unnamed:
            self._readers[-1].note("E-LOAD-END", "alight", value=str(unnamed))

    def _check_loads(self, rides: list[CommittedRide]) -> None:
        """Refuse a run that carries more committed riders than it has seats, or more wheelchairs than places."""
        run = self._run
        capacity = Capacity.of(run.seats or 0, run.wheelchairs, run.seats_per_wheelchair)
        for index, (riders, wheelchairs) in enumerate(_loads(rides, len(run.stops))):
            seats = capacity.seats_beside(wheelchairs)
            if wheelchairs and not run.wheelchairs and "wheelchair_places" not in self._said:
                self._readers[index].note("E-WHEELCHAIR", "wheelchair_on", variant="unsaid", riders=wheelchairs)
                return
            if wheelchairs > run.wheelchairs:
                self._readers[index].note("E-WHEELCHAIR", "wheelchair_on", riders=wheelchairs, places=run.wheelchairs)
                return
            if run.seats is not None and riders - wheelchairs > seats:
                self._readers[index].note("E-LOAD-OVER", "board", riders=riders - wheelchairs, seats=seats)
                return


def _loads(rides: list[CommittedRide], stops: int) -> list[tuple[int, int]]:
    """Count riders and wheelchairs aboard after each stop."""
    changes = [[0, 0] for _ in range(stops + 1)]
    for ride in rides:
        for index, sign in ((ride.on, 1), (ride.off, -1)):
            changes[index][0] += sign * ride.riders
            changes[index][1] += sign * ride.wheelchairs
    loads, riders, wheelchairs = [], 0, 0
    for more_riders, more_wheelchairs in changes[:-1]:
        riders, wheelchairs = riders + more_riders, wheelchairs + more_wheelchairs
        loads.append((riders, wheelchairs))
    return loads


def _note_leg(reader: RowReader, code: str, figure: int, before: int) -> None:
    if code == "W-TIME-SAME":
        reader.note(code, "time", before=before, metres=figure)
    elif code:
        reader.note(code, "time", value=str(figure), before=before)


# Runs against each other

_Days = Sequence[tuple[int, int]]
"""Days as bits, by how many seconds the times of a run move on them."""
_DaysOf = Callable[[ScheduledRun], _Days]


def check_together(runs: Sequence[ScheduledRun], messages: Messages, holidays: Holidays = NO_HOLIDAYS) -> set[int]:
    """Compare the sound runs of a file; give the indices of those to refuse, each time the one further down.

    Service days are the bits of one number, so that runs are compared on all days at once.
    """
    first = min(map(earliest, runs), default=date.min)
    days_of = partial(days_by_shift, first=first, holidays=holidays)
    by_code: dict[tuple[str, str], list[int]] = defaultdict(list)
    by_vehicle: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, run in enumerate(runs):
        by_code[run.operator, run.code].append(index)
        if run.vehicle:
            by_vehicle[run.operator, run.vehicle].append(index)
    refused = set()
    for group in by_code.values():
        for earlier, later, days in _doubles(runs, group, days_of) if len(group) > 1 else ():
            refused.add(later)
            _note_double(runs[earlier], runs[later], first + _lowest(days), messages)
    for group in by_vehicle.values():
        for earlier, later, days in _overlaps(runs, group, days_of) if len(group) > 1 else ():
            refused.add(later)
            _note_overlap(runs[earlier], runs[later], first + _lowest(days), messages)
    return refused


def _note_double(earlier: ScheduledRun, later: ScheduledRun, day: date, messages: Messages) -> None:
    at = {"sheet": later.sheet, "value": later.code, "run": later.code}
    messages.add("E-RUN-DUP", row=later.row, other=earlier.row, day=day.isoformat(), **at)


def _note_overlap(earlier: ScheduledRun, later: ScheduledRun, day: date, messages: Messages) -> None:
    at = {"sheet": later.sheet, "value": later.vehicle, "run": later.code, "day": day.isoformat()}
    messages.add("E-VEHICLE-OVERLAP", row=later.row, other=earlier.code, first=earlier.row, **at)


def _doubles(runs: Sequence[ScheduledRun], group: list[int], days_of: _DaysOf) -> Iterator[tuple[int, int, int]]:
    """Give pairs of runs of one code that share days, with these days; of each pair the second falls out."""
    kept: list[tuple[int, int]] = []
    taken = 0
    for index in group:
        days = _any_day(days_of(runs[index]))
        if days & taken:
            earlier, others = next(one for one in kept if one[1] & days)
            yield earlier, index, days & others
        else:
            kept.append((index, days))
            taken |= days


class _Drive(NamedTuple):
    """A run on the days on which its times move alike."""

    begins: int
    ends: int
    run: int
    days: int


def _overlaps(runs: Sequence[ScheduledRun], group: list[int], days_of: _DaysOf) -> Iterator[tuple[int, int, int]]:
    """Give pairs of runs of one vehicle that meet, by the clock; whoever falls out meets nobody else any more."""
    under_way: list[_Drive] = []
    gone: set[int] = set()
    for drive in sorted(drive for index in group for drive in _drives(runs[index], index, days_of(runs[index]))):
        under_way = [one for one in under_way if one.ends > drive.begins and one.run not in gone]
        for other in under_way:
            days = other.days & drive.days
            if days and drive.run not in gone and runs[other.run].code != runs[drive.run].code:
                earlier, later = sorted((other.run, drive.run))
                gone.add(later)
                yield earlier, later, days
        if drive.run not in gone:
            under_way.append(drive)


def _drives(run: ScheduledRun, index: int, days_by: _Days) -> Iterator[_Drive]:
    times = [stop.time for stop in run.stops if stop.time is not None]
    for shift, days in days_by:
        yield _Drive(times[0] + shift, times[-1] + shift, index, days)


def _any_day(days_by: _Days) -> int:
    days = 0
    for _shift, some in days_by:
        days |= some
    return days


def _lowest(days: int) -> timedelta:
    return timedelta((days & -days).bit_length() - 1)
