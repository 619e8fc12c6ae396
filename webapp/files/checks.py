"""Judge scheduled runs by pencil and paper: times, riders, seats, and runs against each other. No roads."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

from matching.model import Capacity
from webapp.files.grouping import RunRows
from webapp.files.messages import Messages
from webapp.files.reading import RowReader
from webapp.files.scheduled import RiderCode, ScheduledRun, ScheduledStop, committed_rides, left_aboard
from webapp.files.spelling import clock

_DAY = 24 * 3600


class RunChecks:
    """Judges one run that could be read whole."""

    def __init__(self, run: ScheduledRun, rows: RunRows, messages: Messages) -> None:
        self._run = run
        self._messages = messages
        self._readers = [RowReader(record, messages, run.code) for record in rows.rows]

    def check(self) -> None:
        """Add a message for everything in the run that cannot be true."""
        self._check_times()
        self._check_bells()
        errors = self._messages.errors
        self._check_codes()
        self._check_counts()
        if self._messages.errors == errors:
            self._check_loads()

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

    def _check_counts(self) -> None:
        """Refuse more alighting or fewer alighting than boarded."""
        aboard = 0
        for stop, reader in zip(self._run.stops, self._readers, strict=True):
            if stop.wheelchair_on > stop.board:
                reader.note("E-WHEELCHAIR", "wheelchair_on", variant="board", board=stop.board)
            if stop.alight > aboard:
                reader.note("E-LOAD-NEG", "alight", value=str(stop.alight), aboard=aboard)
                return
            aboard += stop.board - stop.alight
        staying = left_aboard(self._run.stops)
        for ride in staying:
            if ride.code:
                self._readers[ride.on].note("E-RIDER-NO-OFF", "riders_on", value=ride.code)
        unnamed = sum(ride.riders for ride in staying if not ride.code)
        if unnamed:
            self._readers[-1].note("E-LOAD-END", "alight", value=str(unnamed))

    def _check_loads(self) -> None:
        """Refuse a run that carries more committed riders than it has seats, or more wheelchairs than places."""
        run = self._run
        capacity = Capacity.of(run.seats or 0, run.wheelchairs, run.seats_per_wheelchair)
        for index, (riders, wheelchairs) in enumerate(_loads(run.stops)):
            seats = capacity.seats_beside(wheelchairs)
            if wheelchairs > run.wheelchairs:
                self._readers[index].note("E-WHEELCHAIR", "wheelchair_on", riders=wheelchairs, places=run.wheelchairs)
                return
            if run.seats is not None and riders - wheelchairs > seats:
                self._readers[index].note("E-LOAD-OVER", "board", riders=riders - wheelchairs, seats=seats)
                return


def _loads(stops: Sequence[ScheduledStop]) -> list[tuple[int, int]]:
    """Count riders and wheelchairs aboard after each stop."""
    changes = [[0, 0] for _ in range(len(stops) + 1)]
    for ride in committed_rides(stops):
        for index, sign in ((ride.on, 1), (ride.off, -1)):
            changes[index][0] += sign * ride.riders
            changes[index][1] += sign * ride.wheelchairs
    loads, riders, wheelchairs = [], 0, 0
    for more_riders, more_wheelchairs in changes[:-1]:
        riders, wheelchairs = riders + more_riders, wheelchairs + more_wheelchairs
        loads.append((riders, wheelchairs))
    return loads


def check_together(runs: Sequence[ScheduledRun], messages: Messages) -> set[int]:
    """Compare the sound runs of a file; give the indices of those to refuse, each time the one further down."""
    by_code: dict[tuple[str, str], list[int]] = defaultdict(list)
    by_vehicle: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, run in enumerate(runs):
        by_code[run.operator, run.code].append(index)
        if run.vehicle:
            by_vehicle[run.operator, run.vehicle].append(index)
    refused = _refused(runs, by_code.values(), _double, messages)
    return refused | _refused(runs, by_vehicle.values(), _overlap, messages)


def _refused(
    runs: Sequence[ScheduledRun],
    groups: Iterable[list[int]],
    compare: Callable[[ScheduledRun, ScheduledRun, Messages], bool],
    messages: Messages,
) -> set[int]:
    refused = set()
    for group in groups:
        for position, later in enumerate(group):
            if any(compare(runs[earlier], runs[later], messages) for earlier in group[:position]):
                refused.add(later)
    return refused


def _double(earlier: ScheduledRun, later: ScheduledRun, messages: Messages) -> bool:
    day = _common_day(earlier, later, at_once=False)
    if day:
        at = {"sheet": later.sheet, "value": later.code, "run": later.code}
        messages.add("E-RUN-DUP", row=later.row, other=earlier.row, day=day.isoformat(), **at)
    return day is not None


def _overlap(earlier: ScheduledRun, later: ScheduledRun, messages: Messages) -> bool:
    day = _common_day(earlier, later, at_once=True) if earlier.code != later.code else None
    if day:
        at = {"sheet": later.sheet, "value": later.vehicle, "run": later.code, "day": day.isoformat()}
        messages.add("E-VEHICLE-OVERLAP", row=later.row, other=earlier.code, first=earlier.row, **at)
    return day is not None


def _common_day(one: ScheduledRun, other: ScheduledRun, *, at_once: bool) -> date | None:
    """Find the first day on which both run, or with `at_once` on which their times also overlap."""
    if at_once and not (one.also_on or other.also_on) and not _meet(one, other, 0, 0):
        return None
    for day in _candidates(one, other):
        shift, other_shift = one.runs_on(day), other.runs_on(day)
        if shift is None or other_shift is None:
            continue
        if not at_once or _meet(one, other, shift, other_shift):
            return day
    return None


def _candidates(one: ScheduledRun, other: ScheduledRun) -> Iterable[date]:
    """List days on which both may run: the shared part of their seasons, and the extra days of either."""
    seasons = [_season(one), _season(other)]
    first, last = max(season[0] for season in seasons), min(season[1] for season in seasons)
    extra = bool(one.also_on or other.also_on)
    days = (first + timedelta(k) for k in range((last - first).days + 1))
    return (day for day in days if extra or day.weekday() in one.days & other.days)


def _season(run: ScheduledRun) -> tuple[date, date]:
    firsts, lasts = [span.first for span in run.also_on], [span.last for span in run.also_on]
    return min([run.first, *firsts]), max([run.last, *lasts])


def _meet(one: ScheduledRun, other: ScheduledRun, shift: int, other_shift: int) -> bool:
    begins, ends = _hours(one, shift)
    other_begins, other_ends = _hours(other, other_shift)
    return begins < other_ends and other_begins < ends


def _hours(run: ScheduledRun, shift: int) -> tuple[int, int]:
    times = [stop.time for stop in run.stops if stop.time is not None]
    return times[0] + shift, times[-1] + shift
