"""Turn the rows of one run into a scheduled run, or into messages that say why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from matching.model import LATEST
from webapp.files.calendars import NO_CALENDAR, Almanac, Calendar, DayReader, without
from webapp.files.dates import DayRule, Span
from webapp.files.field_names import FieldNames, folded
from webapp.files.grouping import RunRows
from webapp.files.messages import Messages
from webapp.files.reading import RowReader
from webapp.files.rules import DetourRule, detour_rule, rider_codes, riders_allowed
from webapp.files.scheduled import PlaceEntry, RiderCode, ScheduledRun, ScheduledStop, Vehicle
from webapp.files.spelling import UNSAID, clock

_DWELL = 60
_DWELL_WHEELCHAIR = 300


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the rest of the file says that runs refer to; places by folded code and by folded name."""

    almanac: Almanac
    vehicles: Mapping[str, Vehicle] = field(default_factory=dict)
    places: Mapping[str, PlaceEntry] = field(default_factory=dict)

    @property
    def names(self) -> FieldNames:
        return self.almanac.names

    @property
    def calendars(self) -> Mapping[str, Calendar]:
        return self.almanac.calendars

    def find_place(self, *words: str) -> PlaceEntry | None:
        """Find the place that the first of these words names."""
        if not self.places:
            return None
        return next((self.places[folded(word)] for word in words if word and folded(word) in self.places), None)

    def has_calendar(self, name: str) -> bool:
        """Is there a calendar of this name?"""
        return folded(name) in self.calendars


class _ServiceDays(NamedTuple):
    days: frozenset[int]
    first: date
    last: date
    not_on: tuple[Span, ...] = ()
    also_on: tuple[Span, ...] = ()
    shifts: tuple[Span, ...] = ()
    closed_on: tuple[str, ...] = ()
    open_on: tuple[str, ...] = ()
    follows_town: bool = True


_NEVER = _ServiceDays(frozenset(), date.max, date.min)
"""Stands in for days that were refused, so that everything else in the run is still judged."""


class RunReader:
    """Reads the rows of one run."""

    def __init__(self, rows: RunRows, around: Surroundings, messages: Messages) -> None:
        self._rows = rows
        self._around = around
        self._messages = messages
        self._day_reader = DayReader(around.almanac, messages)

    def read(self) -> ScheduledRun | None:
        """Read the run without judging it; None where it has fewer than two stops."""
        days = self._service_days()
        stops = self._stops()
        detour = self._detour()
        max_extra = self._about("max_extra_min").minutes("max_extra_min")
        max_ride = self._about("max_ride_min").minutes("max_ride_min")
        seats, wheelchairs, seats_per_wheelchair = self._capacity()
        self._check_shifts(days, stops)
        if len(stops) < 2:
            self._about("run_id").note("E-RUN-VALUE", "run_id", variant="stops")
            return None
        return ScheduledRun(
            code=self._rows.code,
            name=self._about("run_name").record.words("run_name") if "run_name" in self._rows.said_in else "",
            operator=self._text("operator"),
            vehicle=self._text("vehicle"),
            sheet=self._rows.rows[0].sheet,
            row=self._rows.rows[0].number,
            seats=seats,
            wheelchairs=wheelchairs,
            seats_per_wheelchair=seats_per_wheelchair,
            **days._asdict(),
            who_may_ride=riders_allowed(self._text("who_may_ride"), self._around.names),
            detour=detour.mode,
            max_detour=detour.most,
            deadhead=detour.deadhead,
            max_extra=max_extra,
            max_ride=max_ride,
            stops=stops,
        )

    def _about(self, name: str) -> RowReader:
        return self._rows.reader(name, self._messages)

    def _text(self, name: str) -> str:
        said = self._about(name).record.text(name) if name in self._rows.said_in else ""
        return "" if said == UNSAID else said

    def _service_days(self) -> _ServiceDays:
        errors = self._messages.errors
        calendar, rule = self._calendar_and_rule()
        days = calendar.days if rule is None else rule.days
        if rule is not None and calendar.days is not None:
            days = rule.days & calendar.days
        first = self._day("from", calendar.first)
        last = self._day("until", calendar.last)
        if first and last and last < first:
            self._about("until").note("E-DATE-RANGE", "until", first=first.isoformat())
        said = self._day_reader.exceptions(self._about, rule)
        if self._messages.errors > errors or days is None or not first or not last:
            return _NEVER
        terms, open_on = [Span(first, last)], said.open_on or calendar.open_on
        also_on = said.also_on + without(calendar.also_on, said.not_on)
        closed_on = (*said.closed_on, *(calendar.closed_on if said.follows_town else ()))
        for name, spans in (("not_on", said.not_on), ("also_on", said.also_on)):
            if self._rows.said_in.get(name) in self._rows.rows:  # what stands above was told at the run above
                self._day_reader.note_outside(self._about(name), name, spans, terms)
        return _ServiceDays(
            days,
            max(first, calendar.first or first),
            min(last, calendar.last or last),
            said.not_on + without(calendar.days_off(open_on, self._around.almanac.holidays), also_on),
            also_on,
            said.shifts + calendar.shifts,
            tuple(dict.fromkeys(table for table in closed_on if table not in open_on)),
            open_on,
            said.follows_town and calendar.follows_town,
        )

    def _check_shifts(self, days: _ServiceDays, stops: Sequence[ScheduledStop]) -> None:
        """Refuse a shift by which the run would begin before its service day or end after the next."""
        times = [stop.time for stop in stops if stop.time is not None]
        for name, spans in (("shift", days.shifts), ("also_on", days.also_on)):
            for shift in {span.shift for span in spans} if times else ():
                if min(times) + shift < 0 or max(times) + shift >= LATEST:
                    first, last = clock(min(times)), clock(max(times))
                    minutes = shift // 60
                    self._about(name).note("E-SHIFT", name, variant="day", minutes=minutes, first=first, last=last)

    def _calendar_and_rule(self) -> tuple[Calendar, DayRule | None]:
        """Give the calendar that the run names, and its own weekdays; where both are missing, a message says so."""
        name, days = self._text("calendar"), self._text("days")
        calendar = self._around.calendars.get(folded(name)) if name else None
        if name and calendar is None and not self._around.almanac.is_none(name):
            self._about("calendar").note("E-CALENDAR", "calendar")
        if calendar is None and folded(days) in self._around.calendars:
            calendar, days = self._around.calendars[folded(days)], ""
        rule = self._day_reader.rule(self._about("days")) if days else None
        if not days and (calendar is None or calendar.days is None):
            self._about("days").note("E-DAYS", "days")
        return calendar or NO_CALENDAR, rule

    def _day(self, name: str, otherwise: date | None) -> date | None:
        reader = self._about(name)
        if reader.is_blank(name) and not otherwise:
            reader.note("E-DATE", name, variant="missing")
        return reader.day(name) or otherwise

    def _capacity(self) -> tuple[int | None, int, int]:
        """Give seats, wheelchair places and seats per wheelchair; what the run leaves open comes from its vehicle."""
        listed = self._around.vehicles.get(self._text("vehicle")) or Vehicle("")
        seats = self._about("seats").count("seats")
        wheelchairs = self._about("wheelchair_places").count("wheelchair_places")
        folded_away = self._about("seats_per_wheelchair").count("seats_per_wheelchair")
        seats = listed.seats if seats is None else seats
        if seats is None and self._about("seats").record.text("seats") in ("", UNSAID):
            self._about("seats").note("W-SEATS-UNKNOWN", "seats")
        return (
            seats,
            listed.wheelchairs if wheelchairs is None else wheelchairs,
            listed.seats_per_wheelchair if folded_away is None else folded_away,
        )

    def _detour(self) -> DetourRule:
        rule = detour_rule(self._text("detour"), self._around.names)
        if rule is None:
            choices = "none, on route, up to 5 min, deadhead, on route + deadhead, up to 5 min + deadhead"
            self._about("detour").note("E-RUN-VALUE", "detour", variant="unknown", choices=choices)
        return rule or DetourRule()

    def _stops(self) -> tuple[ScheduledStop, ...]:
        readers = [RowReader(record, self._messages, self._rows.code) for record in self._rows.rows]
        codes = (code for reader in readers for code in rider_codes(reader.record.text("riders_on")))
        in_wheelchairs = frozenset(code.code for code in codes if code.wheelchair)
        return tuple(_stop(reader, in_wheelchairs, self._around) for reader in readers)


def _stop(reader: RowReader, in_wheelchairs: frozenset[str], around: Surroundings) -> ScheduledStop:
    text = reader.record.text
    lat, lon = reader.degrees("lat", "lon")
    entry = around.find_place(text("stop_code"), text("place"))
    if not (text("place") or any(map(text, ("address", "stop_code", "lat", "lon")))):
        reader.note("E-PLACE", "place", variant="blank")
    if entry and lat is None:
        lat, lon = entry.lat, entry.lon
    on, off = rider_codes(text("riders_on")), rider_codes(text("riders_off"))
    if in_wheelchairs and off:
        off = tuple(RiderCode(rider.code, rider.code in in_wheelchairs) for rider in off)
    wheelchair_on = _count(reader, "wheelchair_on", sum(rider.wheelchair for rider in on), coded=bool(on))
    wheelchairs = wheelchair_on + sum(rider.wheelchair for rider in off)
    dwell, residents = reader.minutes("dwell_min"), reader.flag("residents")
    return ScheduledStop(
        row=reader.record.number,
        place_name=reader.record.words("place"),
        address=reader.record.words("address"),
        stop_code=text("stop_code"),
        lat=lat,
        lon=lon,
        time=reader.time("time"),
        time_latest=reader.time("time_latest"),
        board=_count(reader, "board", len(on), coded=bool(on)),
        alight=_count(reader, "alight", len(off), coded=bool(off)),
        wheelchair_on=wheelchair_on,
        riders_on=on,
        riders_off=off,
        dwell=dwell if dwell is not None else _DWELL_WHEELCHAIR if wheelchairs else _DWELL,
        residents=False if residents is None and entry and entry.private else residents,
        note=reader.record.words("note"),
    )


def _count(reader: RowReader, name: str, codes: int, *, coded: bool) -> int:
    """Read a count, which the codes give where some are written, and with which it must then agree."""
    count = reader.count(name)
    if coded and count not in {None, codes}:
        reader.note("E-COUNT", name, variant="codes", codes=codes)
    return codes if coded else count or 0
