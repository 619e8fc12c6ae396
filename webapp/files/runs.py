"""Turn the rows of one run into a scheduled run, or into messages that say why not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from webapp.files.dates import Span, days_of, names_holidays
from webapp.files.field_names import FieldNames, folded
from webapp.files.grouping import RunRows
from webapp.files.lists import CalendarEntry
from webapp.files.messages import Messages
from webapp.files.reading import RowReader
from webapp.files.rules import DetourRule, detour_rule, rider_codes, riders_allowed
from webapp.files.scheduled import PlaceEntry, RiderCode, ScheduledRun, ScheduledStop, Vehicle
from webapp.files.spelling import Unclear

_DWELL = 60
_DWELL_WHEELCHAIR = 300


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the rest of the file says that runs refer to; places by folded code and by folded name."""

    names: FieldNames
    vehicles: Mapping[str, Vehicle] = field(default_factory=dict)
    places: Mapping[str, PlaceEntry] = field(default_factory=dict)
    calendars: Mapping[str, CalendarEntry] = field(default_factory=dict)

    def find_place(self, *words: str) -> PlaceEntry | None:
        """Find the place that the first of these words names."""
        return next((self.places[folded(word)] for word in words if word and folded(word) in self.places), None)


class _ServiceDays(NamedTuple):
    days: frozenset[int]
    first: date
    last: date
    not_on: tuple[Span, ...]
    also_on: tuple[Span, ...]


_NEVER = _ServiceDays(frozenset(), date.max, date.min, (), ())
"""Stands in for days that were refused, so that everything else in the run is still judged."""


class RunReader:
    """Reads the rows of one run."""

    def __init__(self, rows: RunRows, around: Surroundings, messages: Messages) -> None:
        self._rows = rows
        self._around = around
        self._messages = messages

    def read(self) -> ScheduledRun | None:
        """Read the run without judging it; None where it has fewer than two stops."""
        days = self._service_days()
        stops = self._stops()
        detour = self._detour()
        max_extra = self._about("max_extra_min").minutes("max_extra_min")
        max_ride = self._about("max_ride_min").minutes("max_ride_min")
        seats, wheelchairs, seats_per_wheelchair = self._capacity()
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
        return self._about(name).record.text(name) if name in self._rows.said_in else ""

    def _service_days(self) -> _ServiceDays:
        calendar = self._around.calendars.get(folded(self._text("days")))
        days = self._weekdays(calendar)
        first = self._day("from", calendar.first if calendar else None)
        last = self._day("until", calendar.last if calendar else None)
        not_on = self._about("not_on").spans("not_on") + (calendar.not_on if calendar else ())
        also_on = self._about("also_on").spans("also_on") + (calendar.also_on if calendar else ())
        if first and last and last < first:
            self._about("until").note("E-DATE-RANGE", "until", first=first.isoformat())
        return _ServiceDays(days, first, last, not_on, also_on) if days is not None and first and last else _NEVER

    def _weekdays(self, calendar: CalendarEntry | None) -> frozenset[int] | None:
        if calendar:
            return calendar.days
        reader = self._about("days")
        days = days_of(reader.record.cell("days"))
        if days is None or isinstance(days, Unclear):
            reader.note("E-DAYS", "days")
            return None
        if names_holidays(reader.record.cell("days")):
            reader.note("W-HOLIDAY", "days")
        return days

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
        seats = listed.seats if seats is None else seats
        if seats is None and self._about("seats").is_blank("seats"):
            self._about("seats").note("W-SEATS-UNKNOWN", "seats")
        return seats, listed.wheelchairs if wheelchairs is None else wheelchairs, listed.seats_per_wheelchair

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
    if not any(map(text, ("place", "address", "stop_code", "lat", "lon"))):
        reader.note("E-PLACE", "place", variant="blank")
    if entry and lat is None:
        lat, lon = entry.lat, entry.lon
    on = rider_codes(text("riders_on"))
    off = tuple(RiderCode(rider.code, rider.code in in_wheelchairs) for rider in rider_codes(text("riders_off")))
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
