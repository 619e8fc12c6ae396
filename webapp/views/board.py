"""The dispatcher's board: the day on a timeline, as a table and on the map, and what residents asked for on it."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from matching.schedule import Visit
from routing.times import Place
from webapp.services import board, dispatching, explaining, replacing
from webapp.services.board import Board, Lane
from webapp.views import days
from webapp.views.previews import COLOURS, thinned
from webapp.views.shared import language, needs, rule_text, town, write_clock, write_span

pages = Blueprint("board", __name__)

HOUR = 3600
SPANS = {
    "all": None,
    "morning": (5 * HOUR, 11 * HOUR),
    "noon": (10 * HOUR, 15 * HOUR),
    "afternoon": (14 * HOUR, 21 * HOUR),
}
"""Parts of the day that the timeline shows, in seconds of it; all: from the first minute of any run to the last."""
VIEWS = ("timeline", "table", "map")
NARROW, SLIM = 5.5, 1.6
"""Percent of the timeline below which a number has no room on a phone, and on any screen."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a day is shown: which view of it, which part, which runs, and with which file."""

    view: str
    span: str
    text: str
    state: str
    file: str

    def address(self, day: date, endpoint: str = "board.show", **other: str) -> str:
        """Give the address of this choice with something else in it."""
        said = {"view": self.view, "span": self.span, "q": self.text, "state": self.state, "file": self.file, **other}
        default = {"view": VIEWS[0], "span": "all"}
        kept: dict[str, Any] = {key: value for key, value in said.items() if value and value != default.get(key)}
        return url_for(endpoint, day=day.isoformat(), **kept)


@pages.get("/dispatch/board")
@needs("dispatcher")
def show() -> ResponseReturnValue:
    """The operator's day at a glance, as it is in force or as it would be with a file."""
    shown, choice = days.chosen(dispatching.list_dates(town(), current_user.operator_id)), _choice()
    read = _read(shown.shown, choice)
    lanes = _wanted(read, choice)
    page = {"days": shown, "board": read, "choice": choice, "etag": "", "spans": span_texts(), "states": state_texts()}
    if choice.view == "map":
        page["stops"] = _stops([lane for lane in lanes if lane.sheet.visits])
        page["tiles"] = [url_for("roads", number=k) for k in range(len(town().settings.area))]
    part = _part(read, choice, lanes)
    return render_template("dispatcher/board.html", part=part, **page)


@pages.get("/dispatch/board/live")
@needs("dispatcher")
def live() -> ResponseReturnValue:
    """The part of the board that changes; 304 while it says the same."""
    choice = _choice()
    day = days.read_day(request.args.get("day", "")) or town().today()
    read = _read(day, choice)
    return _fresh(_part(read, choice, _wanted(read, choice)))


@pages.get("/dispatch/board.geojson")
@needs("dispatcher")
def lines() -> ResponseReturnValue:
    """The lines of the runs that are shown, along their roads, and their stops, each place once."""
    choice = _choice()
    day = days.read_day(request.args.get("day", "")) or town().today()
    lanes = [lane for lane in _wanted(_read(day, choice), choice) if lane.sheet.visits]
    drawn = [
        {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": thinned(dispatching.path_of(town(), lane.sheet.run))},
            "properties": {"code": lane.sheet.head.code, "colour": COLOURS[k % len(COLOURS)], "width": 5},
        }
        for k, lane in enumerate(lanes)
    ]
    points = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [place.lon, place.lat]},
            "properties": {"label": str(number), "name": label, "kind": "planned"},
        }
        for number, (place, label, _calls) in enumerate(_stops(lanes), 1)
    ]
    answer = jsonify(type="FeatureCollection", features=[*drawn, *points])
    answer.mimetype = "application/geo+json"
    return answer


def _choice() -> Choice:
    said = request.args
    view, span = said.get("view", VIEWS[0]), said.get("span", "all")
    return Choice(
        view=view if view in VIEWS else VIEWS[0],
        span=span if span in SPANS else "all",
        text=said.get("q", "").strip()[:60],
        state=said.get("state", ""),
        file=said.get("file", ""),
    )


def _read(day: date, choice: Choice) -> Board:
    operator = current_user.operator_id
    return board.read_board(town(), day, operator=operator, draft=choice.file, language=language())


def _fresh(part: str) -> ResponseReturnValue:
    """Answer with a part of a page, or with 304 where the browser has the same."""
    version = hashlib.sha256(part.encode()).hexdigest()[:20]
    if version in request.if_none_match:
        return Response(status=304, headers={"ETag": f'"{version}"'})
    return part, {"ETag": f'"{version}"'}


# Which runs are shown


def state_texts() -> list[tuple[str, str]]:
    """List what runs can be chosen by."""
    return [
        ("", _("All runs")),
        ("late", _("Late")),
        ("free", _("With free seats")),
        ("full", _("Full")),
        ("under way", _("Under way")),
        ("due", _("Should have begun")),
        ("ahead", _("Not begun yet")),
        ("over", _("Over, not ended")),
        ("closed", _("Closed to residents")),
    ]


def span_texts() -> list[tuple[str, str]]:
    return [
        ("all", _("The whole day")),
        ("morning", _("Morning")),
        ("noon", _("Noon")),
        ("afternoon", _("Afternoon")),
    ]


def _wanted(read: Board, choice: Choice) -> list[Lane]:
    """Choose the runs of which the text is in the code, name or vehicle, and the state holds."""
    text = choice.text.casefold()
    return [
        lane
        for lane in read.lanes
        if text in f"{lane.sheet.head.code} {lane.sheet.head.name} {lane.sheet.head.vehicle}".casefold()
        and _holds(lane, choice.state)
    ]


def _holds(lane: Lane, state: str) -> bool:
    if state in ("free", "full"):
        return not lane.closed and (lane.sheet.least_free > 0) is (state == "free")
    if state in board.STATES:
        return lane.state == state
    return {"late": lane.is_late, "closed": lane.closed}.get(state, True)


# The timeline


@dataclass(frozen=True, slots=True)
class Scale:
    """The part of a day that a timeline shows; `at` gives percent of its width."""

    first: int
    last: int

    def at(self, second: int) -> float:
        return round(100 * (min(max(second, self.first), self.last) - self.first) / (self.last - self.first), 2)

    def width(self, begin: int, end: int) -> float:
        return round(max(self.at(end) - self.at(begin), 0.3), 2)

    def shows(self, begin: int, end: int) -> bool:
        return begin < self.last and end > self.first


def _part(read: Board, choice: Choice, lanes: Sequence[Lane]) -> str:
    scale = _scale(lanes, choice.span)
    seen = [lane for lane in lanes if scale.shows(lane.sheet.visits[0].begin, lane.sheet.visits[-1].departure)]
    return render_template(
        "dispatcher/_board.html",
        board=read,
        choice=choice,
        lanes=[lane_text(lane, scale) for lane in seen],
        outside=len(lanes) - len(seen),
        hours=_hours(scale, read.day),
        now=scale.at(read.now) if scale.first <= read.now <= scale.last else None,
        now_text=write_clock(read.now, read.day) if scale.first <= read.now <= scale.last else "",
        removed=[head for head in read.removed if choice.text.casefold() in f"{head.code} {head.name}".casefold()],
        live_address=choice.address(read.day, "board.live"),
    )


def _scale(lanes: Sequence[Lane], span: str) -> Scale:
    fixed = SPANS[span]
    if fixed is not None:
        return Scale(*fixed)
    first = min((lane.sheet.visits[0].begin for lane in lanes), default=6 * HOUR) // HOUR * HOUR
    last = -(-max((lane.sheet.visits[-1].departure for lane in lanes), default=18 * HOUR) // HOUR) * HOUR
    return Scale(first, max(last, first + HOUR))


def _hours(scale: Scale, day: date) -> list[tuple[float, str, bool]]:
    """Give the full hours: where, how they are written, and whether a phone has room for that."""
    hours = range(-(-scale.first // HOUR) * HOUR, scale.last, HOUR)
    every = max(1, -(-len(hours) // 5))
    return [(scale.at(hour), write_clock(hour, day), k % every == 0) for k, hour in enumerate(hours)]


def lane_text(lane: Lane, scale: Scale) -> dict[str, Any]:
    """Write one run for its bar, its row and its name."""
    sheet, day = lane.sheet, lane.sheet.head.service_date
    visits, parts = sheet.visits, _parts(lane, scale)
    return {
        "lane": lane,
        "head": sheet.head,
        "times": f"{write_clock(sheet.begins, day)} – {write_clock(sheet.ends, day)}",
        "href": url_for("dispatcher.run", run_id=sheet.head.id) if lane.change != replacing.NEW else "",
        "way": (scale.at(visits[0].begin), scale.width(visits[0].begin, visits[-1].begin)),
        "ghost": _ghost(lane, scale),
        "parts": parts,
        "marks": [scale.at(visit.begin) for visit in visits if scale.first <= visit.begin <= scale.last],
        "range": _range(parts, scale, visits),
        "badges": badges(lane),
        "legs": [(leg.origin, write_clock(leg.departs, day), leg.free) for leg in sheet.legs()],
        "said": said(lane),
    }


def _ghost(lane: Lane, scale: Scale) -> tuple[float, float] | None:
    """Where the run was to be: by its plan where it is late, by the plan in force where a file changes it."""
    before: Sequence[Visit] = lane.before
    if before:
        return scale.at(before[0].begin), scale.width(before[0].begin, before[-1].begin)
    if lane.is_late:
        begin, end = lane.sheet.visits[0].begin, lane.sheet.visits[-1].begin - lane.late
        return scale.at(begin), scale.width(begin, end)
    return None


def _parts(lane: Lane, scale: Scale) -> list[dict[str, Any]]:
    """Give the stretches of a run on which as many seats are free, neighbours joined: place, width, number, colour."""
    legs = lane.sheet.legs()
    found: list[list[Any]] = []
    for k, leg in enumerate(legs):
        end = legs[k + 1].departs if k + 1 < len(legs) else leg.arrives
        tone = "closed" if lane.closed else "full" if not leg.free else "few" if leg.free * 4 <= leg.total else "free"
        if found and found[-1][2:] == [leg.free, tone]:
            found[-1][1] = end
        else:
            found.append([leg.departs, end, leg.free, tone])
    return [
        {
            "x": scale.at(begin),
            "width": scale.width(begin, end),
            "middle": round(scale.at(begin) + scale.width(begin, end) / 2, 2),
            "free": free,
            "tone": tone,
            "room": "wide" if scale.width(begin, end) >= NARROW else "slim" if scale.width(begin, end) >= SLIM else "",
        }
        for begin, end, free, tone in found
        if scale.shows(begin, end)
    ]


def _range(parts: Sequence[dict[str, Any]], scale: Scale, visits: Sequence[Visit]) -> dict[str, Any] | None:
    """Write the fewest and the most free seats beside a bar that is too short for all its numbers."""
    if not parts or all(part["room"] == "wide" for part in parts):
        return None
    free = [part["free"] for part in parts]
    text = str(free[0]) if min(free) == max(free) else f"{min(free)}–{max(free)}"
    begin, end = scale.at(visits[0].begin), scale.at(visits[-1].departure)
    room = "phone" if all(part["room"] for part in parts) else "all"
    return {"text": text, "x": begin if end > 80 else end, "side": "left" if end > 80 else "right", "room": room}


def badges(lane: Lane) -> list[tuple[str, str]]:
    """Say what is special about a run: words, and how grave they are."""
    changed = {
        replacing.NEW: _("New with this file"),
        replacing.CHANGED: _("Changed by this file"),
        replacing.REMOVED: _("Goes with this file no longer"),
        replacing.HELD: _("Stays, although the file changes it"),
        replacing.OTHER: _("Takes somebody from another run"),
    }
    found = [(changed[lane.change], "resident")] if lane.change in changed else []
    if lane.is_late:
        late = write_span(lane.late)
        where = lane.sheet.labels.get(lane.late_at, "")
        text = _("%(span)s late at %(place)s", span=late, place=where) if where else _("%(span)s late", span=late)
        found.append((text, "danger"))
    states = {
        board.DUE_NOW: (_("Should have begun"), "danger"),
        board.UNDER_WAY: (_("Under way"), "info"),
        board.OVER: (_("Over, not ended"), "warning"),
        board.DONE: (_("Ended"), "quiet"),
    }
    found += [states[lane.state]] if lane.state in states else []
    if lane.closed:
        found.append((_("Closed to residents"), "quiet"))
    if lane.sheet.faults:
        found.append((_("A promise would be broken"), "danger"))
    return found


def said(lane: Lane) -> str:
    """Say the free seats of a run leg by leg, for who does not see its bar."""
    day = lane.sheet.head.service_date
    legs = []
    for leg in lane.sheet.legs():
        time, place = write_clock(leg.departs, day), leg.origin
        seats = {"free": leg.free, "total": leg.total}
        legs.append(_("from %(time)s %(place)s: %(free)s of %(total)s seats free", time=time, place=place, **seats))
    return "; ".join(legs)


def _stops(lanes: Sequence[Lane]) -> list[tuple[Place, str, list[str]]]:
    """List the places at which these runs stop, and which runs are there when."""
    calls: dict[Place, list[tuple[str, str]]] = defaultdict(list)
    for lane in lanes:
        day = lane.sheet.head.service_date
        for visit in lane.sheet.visits:
            if not visit.stop.depot:
                at = f"{lane.sheet.head.code} {write_clock(dispatching.shown_time(visit), day)}"
                calls[visit.stop.place].append((lane.sheet.labels.get(visit.stop.id, ""), at))
    return [(place, some[0][0], [at for _label, at in some]) for place, some in calls.items()]


# Why not?


@pages.get("/dispatch/requests")
@needs("dispatcher")
def list_requests() -> ResponseReturnValue:
    """What residents asked for on a date, without their names: of each, every run can be asked whether it would fit."""
    shown = days.chosen(dispatching.list_dates(town(), current_user.operator_id))
    rows = explaining.list_requests(town(), shown.shown, operator=current_user.operator_id)
    run_id = request.args.get("run", "")
    head = dispatching.read_run(town(), run_id, operator=current_user.operator_id)[0].head if run_id else None
    found = [(row, request_state(row.status), rule_text(row.reason) if row.reason else "") for row in rows]
    return render_template("dispatcher/requests.html", days=shown, rows=found, run=head)


def request_state(status: str) -> tuple[str, str]:
    """Say what became of a request."""
    return {
        "booked": (_("Has a seat"), "info"),
        "waiting": (_("Waits for a seat"), "warning"),
        "refused": (_("No seat"), "warning"),
        "offered": (_("Was offered a seat"), "quiet"),
    }.get(status, (_("Cancelled"), "quiet"))


def change_texts(changes: Sequence[Any]) -> list[str]:
    """Say by how little a request would have to change to fit."""
    said = []
    for change in changes:
        if change.kind == "time" and change.amount > 0:
            said.append(_("%(span)s later", span=write_span(change.amount)))
        elif change.kind == "time":
            said.append(_("%(span)s earlier", span=write_span(change.amount)))
        elif change.kind == "walk":
            said.append(_("with a walk of up to %(metres)s m", metres=change.amount))
        else:
            said.append(ngettext("for %(num)s person", "for %(num)s people", change.amount))
    return said
