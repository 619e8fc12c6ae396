"""A schedule file before anything of it is kept: its first rows, map and timeline, and what taking it in would do."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from math import cos, radians
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import ngettext

from matching.model import LATEST
from matching.rescheduling import Change
from routing.times import Place
from webapp.files.scheduled import Glimpse
from webapp.publishing import Published
from webapp.services import dispatching, replacing
from webapp.services.errors import Invalid
from webapp.services.replacing import Fate, RunDiff
from webapp.services.schedules import Checked, Look
from webapp.views import days
from webapp.views.shared import town, words, write_clock, write_span

MOST_DRAWN = 30
"""Runs that one map and one timeline show: more lines could not be told apart."""
MOST_DIFFS = 100
COLOURS = ("#2f8f6b", "#d2622a", "#3f86d6", "#a066c8", "#b08d1e", "#d0507f")
"""Lines of the map, in turn; seen on light and on dark ground."""
_HOUR = 3600
_LEFT, _WIDTH, _ROW = 150, 1000, 34
_FINE = 2e-5
"""Degrees below which a bend of a drawn line is left out: two metres."""


# The first rows


def layout_text(layout: str) -> str:
    """Name a layout that was recognised."""
    return {
        "runs": _("One row for each stop of a run"),
        "roster": _("A list of riders"),
        "template": _("An export of riders without a header"),
        "timetable": _("A timetable: stops one way, runs the other"),
        "feed": _("A table of a GTFS feed"),
        "vehicles": _("A list of vehicles"),
        "places": _("A list of places"),
        "calendar": _("A calendar"),
    }.get(layout, _("Not recognised"))


def delimiter_text(delimiter: str) -> str:
    return {",": _("comma"), ";": _("semicolon"), "\t": _("tab"), "|": _("bar")}.get(delimiter, "")


# What columns mean


def column_fields() -> list[tuple[str, str, bool]]:
    """List what can be said of columns: field, its words, and whether a schedule needs it."""
    return [
        ("run_id", _("Run (code or number)"), True),
        ("place", _("Stop"), True),
        ("time", _("Time"), True),
        ("days", _("Days of the week"), True),
        ("from", _("First day"), True),
        ("until", _("Last day"), True),
        ("board", _("Riders who get on"), True),
        ("alight", _("Riders who get off"), True),
        ("vehicle", _("Vehicle"), False),
        ("seats", _("Seats"), False),
        ("lat", _("Latitude"), False),
        ("lon", _("Longitude"), False),
    ]


def sheet_to_tell(look: Look) -> Glimpse | None:
    """Give the sheet of which a person should say what its columns mean: not recognised, or read as was said before."""
    file = look.checked.file
    unread = [one for one in file.glimpses if one.header and not one.layout]
    told = [one for one in file.glimpses if one.told and one.layout == "runs"]
    asked = any(message.code == "E-HEADER" for message in file.messages)
    return next(chain(unread if asked else (), told), None) if not file.lines else None


def column_options(sheet: Glimpse) -> list[tuple[str, str]]:
    """List the named columns of a sheet with their first values."""
    named = [one for one in sheet.columns if one.label]
    texts = [f"{one.letter} {one.label}" + (f" – {', '.join(one.samples)}" if one.samples else "") for one in named]
    return [("", _("no column")), *((one.label, text) for one, text in zip(named, texts, strict=True))]


def read_columns(sheet: Glimpse) -> dict[str, str]:
    """Read which column is which. Raises Invalid where one column was chosen twice, or none that is there."""
    labels = {one.label for one in sheet.columns if one.label}
    said = {field: request.form.get(f"column-{field}", "") for field, _text, _needed in column_fields()}
    chosen = [label for label in said.values() if label]
    if not chosen or len(set(chosen)) < len(chosen) or not labels.issuperset(chosen):
        raise Invalid("columns")
    left_out = {one.label: "" for one in sheet.columns if one.field in said and said[one.field] != one.label}
    return {**left_out, **{label: field for field, label in said.items() if label}}


# The map and the timeline


@dataclass(frozen=True, slots=True)
class Drawn:
    """The first runs of a file, one date of each: lines and numbered stops, for the map, its picture, and its list."""

    lines: list[dict[str, Any]]
    stops: list[dict[str, Any]]
    calls: list[tuple[str, list[str]]]
    picture: dict[str, Any]
    more: int


def draw(checked: Checked) -> Drawn | None:
    """Draw the runs of a file along their roads; None where there is none."""
    firsts = list({one.code: one for one in reversed(checked.runs)}.values())[::-1]
    if not firsts:
        return None
    some = sorted(firsts, key=lambda one: (_span(one)[0], one.code))[:MOST_DRAWN]
    paths = [thinned(dispatching.path_of(town(), one.run)) for one in some]
    lines = [
        {
            "code": one.code,
            "colour": COLOURS[k % len(COLOURS)],
            "width": min(15, 5 + 3 * (len(some) - 1 - k)),  # of two on one road, the lower one's edges are seen
            "coordinates": path,
        }
        for k, (one, path) in enumerate(zip(some, paths, strict=True))
    ]
    calls: dict[Place, list[tuple[str, str]]] = defaultdict(list)
    for one in some:
        for stop in one.run.stops:
            if not stop.depot:
                at = "" if stop.planned is None else write_clock(stop.planned, _day(one))
                calls[stop.place].append((one.labels[stop.id][0], f"{one.code} {at}".strip()))
    stops = [
        {"lon": place.lon, "lat": place.lat, "label": str(k), "name": said[0][0], "kind": "planned"}
        for k, (place, said) in enumerate(calls.items(), 1)
    ]
    texts = [(said[0][0], list(dict.fromkeys(text for _label, text in said))) for said in calls.values()]
    return Drawn(lines, stops, texts, _picture(lines, stops), len(firsts) - len(some))


def thinned(line: Sequence[Sequence[float]]) -> list[list[float]]:
    """Leave the bends out of a line that nobody could see."""
    kept: list[list[float]] = []
    for lon, lat in line:
        if not kept or abs(kept[-1][0] - lon) + abs(kept[-1][1] - lat) > _FINE:
            kept.append([round(lon, 5), round(lat, 5)])
    return kept


def _picture(lines: Sequence[dict[str, Any]], stops: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Lay lines and stops out on a flat picture 800 wide, north above."""
    points = [point for line in lines for point in line["coordinates"]] + [[one["lon"], one["lat"]] for one in stops]
    west, south = min(point[0] for point in points), min(point[1] for point in points)
    east, north = max(point[0] for point in points), max(point[1] for point in points)
    narrow = cos(radians((south + north) / 2))
    scale = min(740 / max((east - west) * narrow, 1e-6), 540 / max(north - south, 1e-6))

    def at(lon: float, lat: float) -> tuple[int, int]:
        return round(30 + (lon - west) * narrow * scale), round(30 + (north - lat) * scale)

    ways = [
        (k % len(COLOURS), line["width"], " ".join(f"{x},{y}" for x, y in (at(*p) for p in line["coordinates"])))
        for k, line in enumerate(lines)
    ]
    height = round(60 + (north - south) * scale)
    return {"height": height, "ways": ways, "stops": [(*at(one["lon"], one["lat"]), one["label"]) for one in stops]}


def timeline(checked: Checked) -> dict[str, Any] | None:
    """Lay the runs of a file out over the hours of the day, one bar each, with a mark at each stop."""
    firsts = list({one.code: one for one in reversed(checked.runs)}.values())
    some = sorted(firsts, key=lambda one: (_span(one), one.code))[:MOST_DRAWN]
    if not some:
        return None
    first = min(_span(one)[0] for one in some) // _HOUR * _HOUR
    last = -(-max(_span(one)[1] for one in some) // _HOUR) * _HOUR
    last = max(last, first + _HOUR)

    def at(second: int) -> int:
        return round(_LEFT + (second - first) * (_WIDTH - _LEFT - 30) / (last - first))

    step = max(1, (last - first) // _HOUR // 12) * _HOUR
    hours = [(at(hour), write_clock(hour, _day(some[0]))) for hour in range(first, last + 1, step)]
    rows = []
    for k, one in enumerate(some):
        begin, end = _span(one)
        marks = [at(stop.planned) for stop in one.run.stops if stop.planned is not None and not stop.depot]
        said = f"{one.code}: {write_clock(begin, _day(one))} – {write_clock(end, _day(one))}"
        name = one.code if len(one.code) <= 14 else one.code[:13] + "…"
        rows.append({"y": 40 + k * _ROW, "code": name, "from": at(begin), "to": max(at(end), at(begin) + 4),
                     "marks": marks, "said": said, "colour": k % len(COLOURS)})  # fmt: skip
    return {"width": _WIDTH, "height": 40 + len(rows) * _ROW, "hours": hours, "rows": rows}


def _span(one: Published) -> tuple[int, int]:
    planned = [stop.planned for stop in one.run.stops if stop.planned is not None and not stop.depot]
    return (planned[0], planned[-1]) if planned else (0, 0)


def _day(one: Published) -> date:
    return date.fromisoformat(one.run.service_date)


# What taking it in would do


@dataclass(frozen=True, slots=True)
class ShownDiff:
    """A run of some dates on which the same would become of it."""

    code: str
    name: str
    kind: str
    days: str
    changes: tuple[tuple[str, str, str, str], ...]


def diffs(look: Look, *kinds: str) -> list[ShownDiff]:
    """Write what would become of runs; the dates on which it is the same stand together."""
    alike: dict[Any, list[RunDiff]] = defaultdict(list)
    for one in look.comparison.diffs:
        if one.kind in kinds:
            said = tuple(change_text(change, one) for change in one.changes)
            if one.renamed and not said:
                said = ((_("Names of stops or riders"), "", "", ""),)
            alike[one.code, one.name, one.kind, said].append(one)
    return [
        ShownDiff(code, name, kind, _period([one.day for one in some]), said)
        for (code, name, kind, said), some in alike.items()
    ]


def _period(dates: Sequence[date]) -> str:
    if len(dates) == 1:
        return days.write_short(dates[0])
    count = ngettext("%(num)s day", "%(num)s days", len(dates))
    return f"{days.write_short(dates[0])} – {days.write_short(dates[-1])} ({count})"


def change_text(change: Change, diff: RunDiff) -> tuple[str, str, str, str]:
    """Say what changes, at which stop, from what, to what."""
    place = diff.before.get(change.old, ("", False))[0] or diff.after.get(change.new, ("", False))[0]
    what = {
        "vehicle": _("Vehicle"),
        "seats": _("Seats"),
        "wheelchairs": _("Wheelchair places"),
        "riders": _("Committed riders"),
        "who": _("Who may ride"),
        "detour": _("Leaving its road"),
        "deadhead": _("Residents before and after its riders"),
        "extra": _("Most minutes lost"),
        "pace": _("Pace of its hours"),
        "stop": _("New stop") if change.before is None else _("Stop left out"),
        "place": _("Place of the stop"),
        "time": _("Time"),
        "bell": _("Latest arrival"),
        "residents": _("Residents at this stop"),
        "depot": _("Way from and to the depot"),
    }.get(change.what, _("Other details"))
    if change.what == "place":
        names = diff.before.get(change.old, ("", False))[0], diff.after.get(change.new, ("", False))[0]
        return what, names[0], *(names if names[0] != names[1] else ("", ""))
    return what, place, _value(change, change.before, diff.day), _value(change, change.after, diff.day)


def _value(change: Change, value: int | str | None, day: date) -> str:
    if value is None or change.what == "depot":
        return "–" if value is None else ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if change.what in ("time", "bell", "stop") and isinstance(value, int):
        return "–" if value >= LATEST else write_clock(value, day)
    if change.what in ("extra", "detour") and isinstance(value, int):
        return write_span(value)
    if change.what == "pace" and isinstance(value, int):
        return f"{value / 10:.0f} %"
    groups = {"": _("committed riders only"), "registered": _("registered residents"), "anyone": _("anyone")}
    return groups.get(str(value), str(value)) if change.what == "who" else str(value)


def fates(look: Look, names: dict[str, str]) -> list[dict[str, Any]]:
    """Write what would become of each booking, those first for whom most changes."""
    order = {replacing.LOST: 0, replacing.PLACED: 1, replacing.MOVES: 2, replacing.STAYS: 3}
    found = [(fate, one) for one in look.comparison.diffs for fate in one.fates]
    found.sort(key=lambda pair: (order[pair[0].kind], pair[1].day, pair[0].booking.pickup))
    return [
        {
            "kind": fate.kind,
            "day": days.write_short(one.day),
            "run": one.code if one.kind != replacing.OTHER else _("another run"),
            "time": write_clock(fate.booking.pickup, one.day),
            "rider": names.get(fate.booking.rider_id, ""),
            "said": fate_text(fate, one.day),
        }
        for fate, one in found
    ]


def fate_text(fate: Fate, day: date) -> str:
    """Say what would become of a booking."""
    if fate.kind == replacing.STAYS:
        return _("Keeps its seat and its minute.")
    if fate.kind == replacing.MOVES:
        span = write_span(fate.moved)
        if fate.moved < 0:
            return _("Keeps its seat, %(span)s earlier, within what was promised.", span=span)
        return _("Keeps its seat, %(span)s later, within what was promised.", span=span)
    if fate.seat is not None:
        ends = write_clock(fate.seat.pickup, day), write_clock(fate.seat.dropoff, day)
        return _(
            "Gets another seat: run %(run)s, %(pickup)s – %(dropoff)s.",
            run=fate.seat.code,
            pickup=ends[0],
            dropoff=ends[1],
        )
    if fate.with_trip:
        return _("Would be cancelled with the trip that it follows.")
    return _("No seat was found: would be cancelled.")


def read_seen(otherwise: datetime) -> datetime:
    """Read when the page that was confirmed had been made (UTC)."""
    try:
        return datetime.fromisoformat(words("seen")).replace(tzinfo=None)
    except ValueError:
        return otherwise


def count_kinds(look: Look) -> list[tuple[str, int]]:
    """Count the runs of each kind, each day counted."""
    named = {
        replacing.NEW: _("New"),
        replacing.CHANGED: _("Changed"),
        replacing.UNCHANGED: _("Unchanged"),
        replacing.REMOVED: _("Removed"),
        replacing.HELD: _("Left as they are"),
    }
    return [(text, look.comparison.count(kind)) for kind, text in named.items()]
