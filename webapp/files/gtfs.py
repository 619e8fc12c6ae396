"""Read a GTFS or GTFS-JP feed as a schedule: each trip of a service is a run, and what GTFS cannot say is answered."""

import re
from bisect import bisect, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from matching.model import LATEST
from routing.area import metres
from routing.times import Place
from webapp.files.answers import Answers, Line
from webapp.files.archive import unpack_feed
from webapp.files.checks import check_together, odd_leg
from webapp.files.feed import FeedTable, FeedTables
from webapp.files.glimpses import feed_glimpse
from webapp.files.messages import Messages
from webapp.files.scheduled import PlaceEntry, ScheduledRun, ScheduledStop, ScheduleFile
from webapp.files.service_days import Service, ServiceReader
from webapp.files.sheets import MOST_BYTES, MOST_ROWS, Row, Unopened
from webapp.files.spelling import Unclear, clock, coordinate_of, count_of, plain, shown, time_of

MOST_RUNS = 10_000
_NAME = 120
_DAY = 24 * 3600
_TIME = re.compile(r"(\d{1,2}):(\d\d):(\d\d)")
_NO_BOARDING = "1"
_WINDOWS = (
    "start_pickup_drop_off_window",
    "end_pickup_drop_off_window",
    "start_pickup_dropoff_window",
    "end_pickup_dropoff_window",
    "location_id",
    "location_group_id",
)
"""Columns of GTFS-Flex, as adopted and in its drafts: whoever fills them rides on demand, not by timetable."""


def read_feed(content: bytes, filename: str, *, answers: Answers, language: str = "en") -> ScheduleFile:
    """Read a zipped feed; whatever is wrong with it becomes a message, never an exception.

    Runs with an error are left out of `runs`, and so are the lines that `answers` leave out, unjudged.
    """
    messages = Messages(language)
    tables = Unopened("E-FILE-BIG") if len(content) > MOST_BYTES else unpack_feed(content)
    if isinstance(tables, Unopened):
        messages.add(tables.code, variant=tables.variant, value=filename)
        return ScheduleFile(messages=messages.listed(runs=0))
    return _FeedReader(FeedTables(tables, messages), answers, messages).read(filename)


@dataclass(frozen=True, slots=True)
class _Trip:
    row: Row
    code: str
    route: str
    line: str
    service: str


@dataclass(frozen=True, slots=True)
class _Repeat:
    """One row of frequencies.txt, in seconds."""

    row: Row
    start: int
    end: int
    headway: int
    exact: bool

    @property
    def starts(self) -> range:
        """List the departures: the last one before the end."""
        return range(self.start, self.end, self.headway)


class _TooManyRuns(Exception):
    """Frequencies of seconds would make more runs and stops than any feed needs."""


class _FeedReader:
    """Reads the tables of one feed."""

    def __init__(self, tables: FeedTables, answers: Answers, messages: Messages) -> None:
        self._tables = tables
        self._answers = answers
        self._messages = messages
        self._metres = cache(metres)
        self._nowhere: dict[str, int] = defaultdict(int)
        self._runs_left, self._stops_left = MOST_RUNS, MOST_ROWS
        names = ("stops", "routes", "trips", "stop_times", "frequencies", "location_groups")
        self._stops, self._routes, self._trips, self._times, self._frequencies, self._groups = (
            tables.table(f"{name}.txt") for name in names
        )
        self._areas = {self._groups.text(row, "location_group_id") for row in self._groups.rows}
        self._flexible = bool(self._areas) or any(column in self._times.columns for column in _WINDOWS)
        self._route_rows = self._once(self._routes, "route_id")
        self._trip_rows: dict[str, Row] = {}

    def read(self, filename: str) -> ScheduleFile:
        """Read what runs refer to, then the trips, then compare the runs."""
        for name in ("stops.txt", "trips.txt", "stop_times.txt"):
            if name not in self._tables:
                self._messages.add("E-FEED-FILE", value=name)
        if "calendar.txt" not in self._tables and "calendar_dates.txt" not in self._tables:
            self._messages.add("E-FEED-FILE", value="calendar.txt")
        if self._messages.errors:
            return ScheduleFile(messages=self._messages.listed(runs=0), encoding=self._tables.encoding)
        return self._read_all(filename)

    def _read_all(self, filename: str) -> ScheduleFile:
        calendars = self._tables.table("calendar.txt"), self._tables.table("calendar_dates.txt")
        trips, visits, places = self._list_trips(), self._visits(), self._places()
        reader = ServiceReader(*calendars, self._messages)
        services = reader.read(self._answers, Counter(trip.service for trip in trips))
        lines = self._lines(trips, visits, places)
        taken = [trip for trip in trips if lines[trip.line].taken]
        self._note_services(taken, services, reader.faulty)
        self._note_answers(trips)
        repeats = self._repeats({trip.code for trip in trips})
        runs: list[ScheduledRun] = []
        try:
            for trip in taken:
                runs += self._runs(trip, visits.get(trip.code, ()), services.get(trip.service), places, repeats)
        except _TooManyRuns:
            self._messages.add("E-FILE-BIG", variant="runs", value=filename)
            return ScheduleFile(messages=self._messages.listed(runs=0), encoding=self._tables.encoding)
        self._note_nowhere({entry.code: entry for entry in places.values()})
        self._note_terms([line for line in lines.values() if line.taken])
        double = check_together(runs, self._messages)
        sound = tuple(run for index, run in enumerate(runs) if index not in double)
        if not trips and not self._messages.errors:
            self._messages.add("E-FILE-EMPTY", value=filename)
        return ScheduleFile(
            sound,
            places=_used(places.values(), sound),
            messages=self._messages.listed(runs=len(taken)),
            encoding=self._tables.encoding,
            rows=len(self._times.rows),
            lines=tuple(lines.values()),
            delimiter=",",
            glimpses=tuple(
                feed_glimpse(one.name, one.labels, one.rows) for one in (self._times, self._trips, self._stops)
            ),
        )

    # What runs refer to

    def _places(self) -> dict[str, PlaceEntry]:
        table = self._stops
        rows = self._once(table, "stop_id")
        return {name: self._place(name, row, rows) for name, row in rows.items()}

    def _place(self, name: str, row: Row, rows: dict[str, Row]) -> PlaceEntry:
        """Read a stop; what it leaves blank, its station says."""
        station = rows.get(self._stops.text(row, "parent_station"), row)
        said = self._stops.text(row, "stop_name") or self._stops.text(station, "stop_name")
        lat, lon = self._degrees(row)
        if lat is None:
            lat, lon = self._degrees(station)
        return PlaceEntry(plain(name), shown(said or name), lat=lat, lon=lon, row=row.number)

    def _degrees(self, row: Row) -> tuple[float | None, float | None]:
        lat = coordinate_of(self._stops.text(row, "stop_lat"), most=90)
        lon = coordinate_of(self._stops.text(row, "stop_lon"), most=180)
        if not isinstance(lat, float) or not isinstance(lon, float) or (lat == 0 and lon == 0):
            return None, None
        return lat, lon

    def _once(self, table: FeedTable, column: str) -> dict[str, Row]:
        """Index the rows of a table by their id; one that stands twice counts once, with a message."""
        rows: dict[str, Row] = {}
        for row in table.rows:
            name = table.text(row, column)
            if name in rows:
                self._note(table, row, column, "E-CODE-TWICE", first=rows[name].number)
            rows.setdefault(name, row)
        return rows

    def _list_trips(self) -> list[_Trip]:
        table, trips = self._trips, []
        self._trip_rows = self._once(table, "trip_id")
        for name, row in self._trip_rows.items():
            route, way = table.text(row, "route_id"), table.text(row, "direction_id")
            line = f"{route}/{way}" if way in {"0", "1"} else route
            trips.append(_Trip(row, name, route, line, table.text(row, "service_id")))
        return trips

    def _visits(self) -> dict[str, list[Row]]:
        visits: dict[str, list[Row]] = defaultdict(list)
        for row in self._times.rows:
            visits[self._times.text(row, "trip_id")].append(row)
        known = {self._trips.text(row, "trip_id") for row in self._trips.rows}
        for name in visits.keys() - known:
            self._note(self._times, visits[name][0], "trip_id", "E-FEED-ID", file="trips.txt")
        return visits

    def _repeats(self, trips: set[str]) -> dict[str, list[_Repeat]]:
        """Read when trips are repeated; one in which anything is wrong is repeated never, which a message says."""
        table = self._frequencies
        repeats: dict[str, list[_Repeat]] = defaultdict(list)
        faulty: set[str] = set()
        for row in table.rows:
            name = table.text(row, "trip_id")
            if name not in trips:
                self._note(table, row, "trip_id", "E-FEED-ID", file="trips.txt")
                continue
            repeat = self._repeat(row, name, repeats[name])
            if repeat is None:
                faulty.add(name)
            else:
                insort(repeats[name], repeat, key=lambda one: one.start)
        self._note_repeats({name: [] if name in faulty else some for name, some in repeats.items()})
        return {name: [] if name in faulty else some for name, some in repeats.items()}

    def _repeat(self, row: Row, trip: str, before: Sequence[_Repeat]) -> _Repeat | None:
        """Read one row; `before` are those of the same trip, which never overlap, in order of their start."""
        table, errors = self._frequencies, self._messages.errors
        start, end = (self._time(table, row, column, trip) for column in ("start_time", "end_time"))
        headway, exact = count_of(table.text(row, "headway_secs")[:5]), table.text(row, "exact_times")
        if not isinstance(headway, int) or not headway:
            self._note(table, row, "headway_secs", "E-COUNT", variant="headway", run=trip)
        if exact not in {"", "0", "1"}:
            self._note(table, row, "exact_times", "E-RUN-VALUE", variant="unknown", choices="0, 1", run=trip)
        if self._messages.errors == errors and (start is None or end is None or end <= start):
            self._note(table, row, "end_time", "E-TIME", variant="end", run=trip)
        if self._messages.errors > errors or start is None or end is None or not isinstance(headway, int):
            return None
        at = bisect(before, start, key=lambda one: one.start)
        beside = before[max(0, at - 1) : at + 1]
        other = next((one for one in beside if start < one.end and one.start < end), None)
        if other is not None:
            begins, ends, first = clock(other.start), clock(other.end), other.row.number
            self._note(
                table, row, "start_time", "E-TIME", variant="repeated", run=trip, first=first, begins=begins, ends=ends
            )
            return None
        return _Repeat(row, start, end, headway, exact == "1")

    def _note_repeats(self, repeats: Mapping[str, Sequence[_Repeat]]) -> None:
        """Say how many trips are given by headway, those whose minutes are exact apart from the others."""
        for exact, variant in ((False, ""), (True, "exact")):
            some = {name: [one for one in rows if one.exact == exact] for name, rows in repeats.items()}
            some = {name: rows for name, rows in some.items() if rows}
            if some:
                row = next(iter(some.values()))[0].row.number
                runs, sheet = sum(len(one.starts) for rows in some.values() for one in rows), self._frequencies.name
                self._messages.add("W-FREQUENCY", variant=variant, sheet=sheet, row=row, trips=len(some), runs=runs)

    # Lines

    def _lines(
        self, trips: list[_Trip], visits: dict[str, list[Row]], places: dict[str, PlaceEntry]
    ) -> dict[str, Line]:
        grouped: dict[str, list[_Trip]] = defaultdict(list)
        for trip in trips:
            grouped[trip.line].append(trip)
        lines = {}
        for key, some in grouped.items():
            ends = [self._stop_name(row, places) for row in self._ends(visits.get(some[0].code, []))]
            wheelchairs = sum(self._trips.text(trip.row, "wheelchair_accessible") == "1" for trip in some)
            lines[key] = Line(
                key=key,
                name=self._route_name(self._route_rows.get(some[0].route), some[0].route),
                first_stop=ends[0] if ends else "",
                last_stop=ends[-1] if ends else "",
                trips=len(some),
                with_wheelchairs=wheelchairs,
                taken=self._answers.takes(key, some[0].route),
                terms=self._answers.terms_of(key),
            )
        return lines

    def _ends(self, rows: list[Row]) -> list[Row]:
        ordered = sorted(rows, key=lambda row: self._sequence(row) or 0)
        return [ordered[0], ordered[-1]] if ordered else []

    def _stop_name(self, row: Row, places: dict[str, PlaceEntry]) -> str:
        name = self._times.text(row, "stop_id")
        return places[name].name if name in places else name

    def _route_name(self, row: Row | None, route: str) -> str:
        if row is None:
            return route
        short, long = (self._routes.text(row, column) for column in ("route_short_name", "route_long_name"))
        return " ".join(filter(None, (short, long)))[:_NAME] or route

    # Runs

    def _runs(
        self,
        trip: _Trip,
        rows: Sequence[Row],
        service: Service | None,
        places: dict[str, PlaceEntry],
        repeats: dict[str, list[_Repeat]],
    ) -> list[ScheduledRun]:
        """Make the runs of one trip: one, or as many as frequencies.txt says; none where it has a fault."""
        errors = self._messages.errors
        scheduled = [row for row in rows if not self._is_on_demand(row)]
        if len(scheduled) < len(rows):
            self._note(self._times, rows[0], "trip_id", "W-FLEX", value=trip.code)
        if len(scheduled) < 2:
            if len(scheduled) == len(rows):
                self._note(self._trips, trip.row, "trip_id", "E-RUN-VALUE", variant="stops", run=trip.code)
            return []
        ordered = self._in_order(scheduled, trip)
        lost = [row for row in ordered if self._times.text(row, "stop_id") not in places]
        for row in lost:
            self._note(self._times, row, "stop_id", "E-FEED-ID", file="stops.txt", run=trip.code)
        if lost:
            return []
        stops = self._stops_of(ordered, trip, places)
        nowhere = {stop.stop_code for stop in stops if stop.lat is None}
        for code in nowhere:
            self._nowhere[code] += 1
        if nowhere or service is None or self._messages.errors > errors:
            return []
        run = self._run(trip, stops, service)
        if trip.code not in repeats:
            self._spend(1, len(stops))
            return [run]
        return [run_at for one in repeats[trip.code] for run_at in self._repeated(run, one)]

    def _repeated(self, run: ScheduledRun, repeat: _Repeat) -> list[ScheduledRun]:
        self._spend(len(repeat.starts), len(run.stops))
        length = max(stop.time or 0 for stop in run.stops) - (run.stops[0].time or 0)
        minutes = length // 60
        if repeat.starts[-1] + length >= LATEST:
            where, last = (self._frequencies, repeat.row, "end_time"), clock(repeat.starts[-1])
            self._note(*where, "E-TIME", variant="late", run=run.code, last=last, minutes=minutes)
            return []
        if run.vehicle and repeat.headway < length and len(repeat.starts) > 1:
            block, every = (self._trips, self._trip_rows[run.code], "block_id"), clock(repeat.headway)
            self._note(*block, "W-FREQUENCY", variant="block", minutes=minutes, every=every)
            run = replace(run, vehicle="")
        return [_later(run, repeat, start) for start in repeat.starts]

    def _spend(self, runs: int, stops: int) -> None:
        self._runs_left -= runs
        self._stops_left -= runs * stops
        if self._runs_left < 0 or self._stops_left < 0:
            raise _TooManyRuns

    def _run(self, trip: _Trip, stops: tuple[ScheduledStop, ...], service: Service) -> ScheduledRun:
        text, terms = self._trips.text, self._answers.terms_of(trip.line)
        refuses_wheelchairs = text(trip.row, "wheelchair_accessible") == "2"
        return ScheduledRun(
            code=plain(trip.code),
            name=shown(self._run_name(trip)),
            operator="",
            vehicle=plain(text(trip.row, "block_id")),
            sheet=self._times.name,
            row=stops[0].row,
            seats=terms.seats,
            wheelchairs=0 if refuses_wheelchairs else terms.wheelchairs,
            seats_per_wheelchair=0,
            days=service.days,
            first=service.first,
            last=service.last,
            not_on=service.not_on,
            also_on=service.also_on,
            who_may_ride=terms.who_may_ride or (),
            detour=terms.detour,
            max_detour=terms.max_detour,
            deadhead=terms.deadhead,
            max_extra=terms.max_extra,
            max_ride=None,
            stops=_with_riders(stops, terms.riders),
            follows_town=self._answers.first is not None,
        )

    def _run_name(self, trip: _Trip) -> str:
        text = self._trips.text
        said = text(trip.row, "trip_headsign") or text(trip.row, "trip_short_name")
        row = self._route_rows.get(trip.route)
        short = self._routes.text(row, "route_short_name") if row else ""
        return " ".join(filter(None, (short, said)))[:_NAME] if said else self._route_name(row, trip.route)

    def _is_on_demand(self, row: Row) -> bool:
        if not self._flexible:
            return False
        filled = any(self._times.text(row, column) for column in _WINDOWS)
        return filled or self._times.text(row, "stop_id") in self._areas

    def _in_order(self, rows: Sequence[Row], trip: _Trip) -> list[Row]:
        numbered: dict[int, Row] = {}
        for row in rows:
            number = self._sequence(row)
            if number is None or number in numbered:
                self._note(self._times, row, "stop_sequence", "E-RUN-SPLIT", variant="seq", run=trip.code)
            else:
                numbered[number] = row
        return [numbered[number] for number in sorted(numbered)]

    def _sequence(self, row: Row) -> int | None:
        text = self._times.text(row, "stop_sequence")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None

    def _stops_of(self, rows: list[Row], trip: _Trip, places: dict[str, PlaceEntry]) -> tuple[ScheduledStop, ...]:
        stops: list[ScheduledStop] = []
        legs = _Legs(self, trip)
        for index, row in enumerate(rows):
            at_end = index in {0, len(rows) - 1}
            arrival, departure = (
                self._time(self._times, row, column, trip.code) for column in ("arrival_time", "departure_time")
            )
            arrives = departure if arrival is None else arrival
            leaves = arrival if departure is None else departure
            if at_end and arrives is None:
                self._note(self._times, row, "departure_time", "E-TIME-MISSING", run=trip.code)
            entry = places[self._times.text(row, "stop_id")]
            legs.add(row, entry, arrives, leaves)
            stops.append(
                ScheduledStop(
                    row=row.number,
                    place_name=entry.name,
                    address="",
                    stop_code=entry.code,
                    lat=entry.lat,
                    lon=entry.lon,
                    time=arrives if index == len(rows) - 1 else leaves,
                    time_latest=None,
                    board=0,
                    alight=0,
                    wheelchair_on=0,
                    riders_on=(),
                    riders_off=(),
                    dwell=max(0, leaves - arrives) if leaves is not None and arrives is not None else 0,
                    residents=self._open_to_residents(row, index, len(rows) - 1, trip),
                    note="",
                )
            )
        return tuple(stops)

    def _open_to_residents(self, row: Row, index: int, last: int, trip: _Trip) -> bool:
        """May residents use a stop? Where only boarding or only alighting is allowed on the way, they may not."""
        board = self._times.text(row, "pickup_type") != _NO_BOARDING
        alight = self._times.text(row, "drop_off_type") != _NO_BOARDING
        if index in {0, last}:
            return board if index == 0 else alight
        if board != alight:
            column = "drop_off_type" if board else "pickup_type"
            self._note(self._times, row, column, "W-STOP-HALF", value=self._times.text(row, "stop_id"), run=trip.code)
        return board and alight

    def _time(self, table: FeedTable, row: Row, column: str, run: str) -> int | None:
        text = table.text(row, column)
        if found := _TIME.fullmatch(text):
            hours, minutes, seconds = map(int, found.groups())
            if hours < 48 and minutes < 60 and seconds < 60:
                return hours * 3600 + minutes * 60 + seconds
        time = time_of(text)
        if isinstance(time, Unclear):
            self._note(table, row, column, "E-TIME", run=run)
            return None
        return time

    # Messages

    def note_leg(self, row: Row, column: str, code: str, run: str, value: str, **facts: object) -> None:
        """Say something of a leg at the row where it ends."""
        self._note(self._times, row, column, code, run=run, value=value, **facts)

    def far_apart(self, one: PlaceEntry, other: PlaceEntry) -> float:
        """Measure between two stops in a straight line, metres; 0 where either has no place."""
        if one.lat is None or one.lon is None or other.lat is None or other.lon is None:
            return 0
        return self._metres(Place(one.lat, one.lon), Place(other.lat, other.lon))

    def _note(
        self, table: FeedTable, row: Row, column: str, code: str, *, run: str = "", value: str = "", **facts: object
    ) -> None:
        where = {"sheet": table.name, "column": table.column(column), "value": value or table.text(row, column)}
        self._messages.add(code, row=row.number, run=run, **where, **facts)  # type: ignore[arg-type]

    def _note_services(self, trips: list[_Trip], services: dict[str, Service], faulty: set[str]) -> None:
        idle = set()
        for trip in trips:
            service = services.get(trip.service)
            if service is None and trip.service not in faulty:
                said = "calendar.txt, calendar_dates.txt"
                self._note(self._trips, trip.row, "service_id", "E-FEED-ID", file=said, run=trip.code)
            elif service is not None and trip.service not in idle and not service.runs and not self._answers.first:
                self._note(self._trips, trip.row, "service_id", "W-NO-DAY")
                idle.add(trip.service)

    def _note_answers(self, trips: list[_Trip]) -> None:
        """Refuse answers about routes that the feed does not hold."""
        known = {trip.line for trip in trips} | {trip.route for trip in trips}
        for name in sorted((self._answers.only or frozenset()) | self._answers.left_out | self._answers.terms.keys()):
            if name not in known:
                self._messages.add("E-FEED-ID", value=name, file="trips.txt")

    def _note_nowhere(self, places: dict[str, PlaceEntry]) -> None:
        for name, runs in self._nowhere.items():
            entry = places[name]
            where = {"sheet": self._stops.name, "column": self._stops.column("stop_lat")}
            self._messages.add("E-PLACE", variant="stop", row=entry.row, value=entry.name, runs=runs, **where)

    def _note_terms(self, lines: list[Line]) -> None:
        """Say of which lines the form has not been filled in."""
        silent = [line.name for line in lines if line.terms.seats is None]
        if silent:
            self._messages.add("W-SEATS-UNKNOWN", variant="routes", routes=len(silent), runs=", ".join(silent))
        silent = [line.name for line in lines if line.terms.who_may_ride is None]
        if silent:
            self._messages.add("W-WHO-DEFAULT", runs=", ".join(silent))


class _Legs:
    """Judges the legs of one trip by their times and the straight line between their stops."""

    def __init__(self, reader: _FeedReader, trip: _Trip) -> None:
        self._reader = reader
        self._trip = trip
        self._before: tuple[Row, int] | None = None
        self._from: PlaceEntry | None = None
        self._metres = 0.0

    def add(self, row: Row, entry: PlaceEntry, arrives: int | None, leaves: int | None) -> None:
        """Judge the leg that ends here; stops without a time belong to the leg that goes on."""
        if self._from:
            self._metres += self._reader.far_apart(self._from, entry)
        self._from = entry
        if arrives is None or leaves is None:
            return
        if leaves < arrives:
            self._back(row, "departure_time", leaves, arrives, row)
        if self._before:
            self._judge(row, arrives, *self._before)
        self._before, self._metres = (row, leaves), 0.0

    def _judge(self, row: Row, arrives: int, before: Row, left: int) -> None:
        if arrives < left:
            self._back(row, "arrival_time", arrives, left, before)
            return
        code, figure = odd_leg(self._metres, arrives - left)
        if code == "W-TIME-SAME":
            self._note(row, "arrival_time", code, clock(arrives), before=before.number, metres=figure)
        elif code:
            self._note(row, "arrival_time", code, str(figure), before=before.number)

    def _back(self, row: Row, column: str, time: int, before: int, there: Row) -> None:
        facts = {"earlier": clock(before), "before": there.number, "after_midnight": clock(time + _DAY)}
        self._note(row, column, "E-TIME-BACK", clock(time), **facts)

    def _note(self, row: Row, column: str, code: str, value: str, **facts: object) -> None:
        self._reader.note_leg(row, column, code, self._trip.code, value, **facts)


def _used(places: Iterable[PlaceEntry], runs: Sequence[ScheduledRun]) -> dict[str, PlaceEntry]:
    """Give the places by code at which some run stops."""
    used = {stop.stop_code for run in runs for stop in run.stops}
    return {entry.code: entry for entry in places if entry.code in used}


def _with_riders(stops: tuple[ScheduledStop, ...], riders: int) -> tuple[ScheduledStop, ...]:
    """Let committed riders board at the first stop and alight at the last."""
    if not riders:
        return stops
    return replace(stops[0], board=riders), *stops[1:-1], replace(stops[-1], alight=riders)


def _later(run: ScheduledRun, repeat: _Repeat, start: int) -> ScheduledRun:
    """Move a run so that it leaves its first stop at a time, and name it by that."""
    shift = start - (run.stops[0].time or 0)
    stops = tuple(stop if stop.time is None else replace(stop, time=stop.time + shift) for stop in run.stops)
    return replace(run, code=f"{run.code}@{clock(start)}", sheet="frequencies.txt", row=repeat.row.number, stops=stops)
