"""The questions of a request, one on each page: where from, where to, when, and who travels; places saved for later."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from matching.model import Rule
from routing.places import Named
from routing.times import Place, UnreachablePlace
from webapp import service_day
from webapp.db import tables
from webapp.geocoding import ONLINE
from webapp.local_names import STOP
from webapp.services import accounts, booking, places, trips
from webapp.services.errors import Invalid, ServiceError
from webapp.views.riders import for_rider, of_request
from webapp.views.shared import (
    clock_time,
    error_text,
    language,
    rule_text,
    sends,
    town,
    walks,
    whole_number,
    words,
    write_end,
    write_name,
    write_short_day,
    write_spot,
    written,
)

pages = Blueprint("questions", __name__)
PARTY = ("people", "wheelchairs", "stowage", "max_walk")
FIELDS = {"when": "how", "unknown": "text"}
"""Where the fault of an answer is shown when it is not the field of its name."""


def unanswered(row: tables.Request) -> str | None:
    """Name the first question of a request that has no answer."""
    for end, column in trips.ENDS.items():
        if getattr(row, f"{column}_lat") is None:
            return url_for("resident.questions.ask_place", request_id=row.id, end=end)
    return None if row.service_date else url_for("resident.questions.ask_when", request_id=row.id)


def ask_next(row: tables.Request) -> ResponseReturnValue:
    """Lead to the next question; a request that was asked before has its last one answered, and goes to its offers."""
    return redirect(_next_page(trips.get_request(town(), row.id, row.rider_id)))


def _next_page(row: tables.Request) -> str:
    last = "resident.questions.ask_who" if row.status == "draft" else "resident.offers"
    return unanswered(row) or url_for(last, request_id=row.id)


def kind_text(kind: str) -> str:
    """Say what kind of place it is; nothing rather than a word of another language."""
    known = {
        "address": _("address"),
        "street": _("street"),
        "suburb": _("part of town"),
        STOP: _("stop"),
        ONLINE: _("found online"),
        "bus stop": _("bus stop"),
        "bus station": _("bus station"),
        "tram stop": _("tram stop"),
        "station": _("station"),
        "subway entrance": _("metro entrance"),
        "school": _("school"),
        "library": _("library"),
        "clinic": _("health centre"),
        "doctors": _("doctor"),
        "dentist": _("dentist"),
        "hospital": _("hospital"),
        "pharmacy": _("pharmacy"),
        "supermarket": _("food shop"),
        "shop": _("shop"),
        "bank": _("bank"),
        "place of worship": _("church or temple"),
        "park": _("park"),
        "museum": _("museum"),
        "theatre": _("theatre"),
        "cinema": _("cinema"),
        "hotel": _("hotel"),
        "restaurant": _("restaurant"),
        "cafe": _("café"),
    }
    return str(known.get(kind, kind if language() == "en" else ""))


@pages.get("/trips/<request_id>/<any('from', 'to'):end>")
@of_request
def ask_place(row: tables.Request, end: str) -> ResponseReturnValue:
    """Ask where a trip begins or ends."""
    return _place(row, end, _sought(row, end))


@pages.post("/trips/<request_id>/<any('from', 'to'):end>")
@of_request
def answer_place(row: tables.Request, end: str) -> ResponseReturnValue:
    """Search for the words that were written, or take the place that was chosen."""
    if "text" in request.form and not request.form.get("place"):
        return _search(row, end, words("text"))
    try:
        trips.choose_place(town(), row, trips.ENDS[end], words("place", 1000))
    except (Invalid, UnreachablePlace) as fault:
        return _place(row, end, _sought(row, end), fault)
    if "save" in request.form:
        return redirect(url_for(".ask_label", request_id=row.id, end=end))
    return ask_next(row)


@pages.post("/places/point")
@for_rider
def name_point(_rider: tables.User) -> ResponseReturnValue:
    """Say what stands at a point of the map, for it to be confirmed; where it is comes in the body, in no address."""
    try:
        named = places.at_point(town(), _point())
    except (Invalid, UnreachablePlace) as fault:
        return jsonify(said=_sentence(fault)), 422
    said = _("%(place)s: is that right?", place=write_spot(named.name, named.place))
    return jsonify(token=trips.sign_place(town(), named), said=said)


def _point() -> Place:
    try:
        lat, lon = float(request.form.get("lat", "")), float(request.form.get("lon", ""))
    except ValueError as error:
        raise Invalid("point") from error
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise Invalid("point")
    return Place(round(lat, 6), round(lon, 6))


@pages.post("/trips/<request_id>/<any('from', 'to'):end>/suggestions")
@of_request
def suggest(row: tables.Request, end: str) -> ResponseReturnValue:
    """List what may be meant while it is being written; the words come in the body, for no address may hold them."""
    found = places.search(town(), words("text"), near=_other_end(row, end))
    options = [{"token": token, "name": name, "hint": hint} for token, name, hint in _options(found)]
    count = ngettext("%(num)d place found", "%(num)d places found", len(options)) if options else _("No place found")
    return jsonify(options=options, count=count)


def _search(row: tables.Request, end: str, text: str) -> ResponseReturnValue:
    """Keep the words in the visitor's own session, never in an address, and show what they find."""
    if not places.find(town(), text, near=_other_end(row, end)):
        return _place(row, end, text, Invalid("unknown" if text else "text"))
    session["sought"] = [row.id, end, text]
    return redirect(url_for(".ask_place", request_id=row.id, end=end))


def _sought(row: tables.Request, end: str) -> str:
    *where, text = session.get("sought", ["", "", ""])
    return str(text) if where == [row.id, end] else ""


def _place(row: tables.Request, end: str, text: str, fault: Exception | None = None) -> ResponseReturnValue:
    found = places.find(town(), text, near=_other_end(row, end)) if text else []
    usual = [] if found else places.list_usual(town(), row, trips.ENDS[end])
    errors = {"place" if found else "text": _sentence(fault)} if fault else {}
    label = write_end(row, trips.ENDS[end])
    page = {"row": row, "end": end, "text": text or label, "options": _options(found), "errors": errors}
    page |= {"guessed": not any(named.sure for named in found), "usual": [_usual(one) for one in usual]}
    page |= {"origin": _own_word(row, "origin"), "map": _map(row, end)}
    return render_template("resident/place.html", **page), 422 if fault else 200


def _options(found: list[Named]) -> list[tuple[str, str, str]]:
    """Put places to choose from: what a form sends back, the name, and what tells it from others of that name."""
    parts = places.tell_apart(town(), found, language())
    hints = [
        [kind_text(named.kind), part and _("near %(place)s", place=part)]
        for named, part in zip(found, parts, strict=True)
    ]
    return [
        (trips.sign_place(town(), named), write_name(named.name, named.place), " · ".join(filter(None, hint)))
        for named, hint in zip(found, hints, strict=True)
    ]


def _usual(one: places.Usual) -> tuple[str, str, str]:
    name = write_name(one.named.name, one.named.place)
    return trips.sign_place(town(), one.named), one.label or name, name if one.label else ""


def _own_word(row: tables.Request, end: str) -> str:
    """Call one end of a request by its rider's own word, where it has one."""
    place = places.place_of(row, end)
    return places.own_words(town(), row.rider_id).get(place, write_end(row, end)) if place else ""


def _map(row: tables.Request, end: str) -> dict[str, Any]:
    """Say which roads the map of a question draws, and where it opens: at this end, the other, or over the area."""
    near = places.place_of(row, trips.ENDS[end]) or _other_end(row, end)
    tiles = [url_for("roads", number=k) for k in range(len(town().settings.area))]
    return {"tiles": tiles, "centre": [near.lon, near.lat] if near else [], "bounds": town().roads.bounds}


def _other_end(row: tables.Request, end: str) -> Place | None:
    return places.place_of(row, "destination" if end == "from" else "origin")


@pages.get("/trips/<request_id>/<any('from', 'to'):end>/save")
@for_rider
def ask_label(rider: tables.User, request_id: str, end: str) -> ResponseReturnValue:
    """Ask what the rider calls one end of a request, to save it for later trips."""
    return _label(trips.get_request(town(), request_id, rider.id), end)


@pages.post("/trips/<request_id>/<any('from', 'to'):end>/save")
@sends(home="")
@for_rider
def save_place(rider: tables.User, request_id: str, end: str) -> ResponseReturnValue:
    """Save one end of a request by the rider's own word, and go on where they were."""
    row = trips.get_request(town(), request_id, rider.id)
    try:
        places.save(town(), row, trips.ENDS[end], words("label", 1000), home="home" in request.form)
    except Invalid as fault:
        return _label(row, end, fault)
    return redirect(_onward(row))


def _label(row: tables.Request, end: str, fault: Invalid | None = None) -> ResponseReturnValue:
    name = write_end(row, trips.ENDS[end])
    errors = {"label": _sentence(fault)} if fault else {}
    page = {"row": row, "end": end, "name": name, "said": words("label"), "errors": errors, "onward": _onward(row)}
    return render_template("resident/save.html", **page), 422 if fault else 200


def _onward(row: tables.Request) -> str:
    """Where to go when a place is saved, or not."""
    if row.status in ("booked", "cancelled", "changed"):
        return url_for("resident.booked", booking_id=trips.get_booked(town(), row).id)
    return _next_page(row)


@pages.get("/trips/<request_id>/when")
@of_request
def ask_when(row: tables.Request) -> ResponseReturnValue:
    """Ask for the day and the time."""
    return _when(row, _said_when(row))


def _when(row: tables.Request, said: Mapping[str, str], errors: dict[str, str] | None = None) -> ResponseReturnValue:
    page = {"row": row, "said": said, "errors": errors or {}, "days": _days()}
    return render_template("resident/when.html", **page), 422 if errors else 200


@pages.post("/trips/<request_id>/when")
@of_request
def answer_when(row: tables.Request) -> ResponseReturnValue:
    """Take the day and the time, or that it is to be as soon as possible."""
    how = words("how")
    try:
        if how == "now":
            today = town().today()
            booking.answer_when(town(), row.id, day=today, depart=town().seconds_now(today))
        else:
            day = _chosen_day()
            seconds = service_day.seconds_at(clock_time("time"), day, town().settings.timezone)
            booking.answer_when(town(), row.id, day=day, **({how: seconds} if how in ("depart", "arrive") else {}))
    except Invalid as fault:
        return _when(row, written(), _errors(fault))
    return ask_next(row)


def _days() -> list[tuple[str, str]]:
    """List the days that can be asked for: what a form sends, and what people call the day."""
    days = [town().today() + timedelta(days=ahead) for ahead in range(booking.DAYS_AHEAD + 1)]
    today, tomorrow, *later = [(day.isoformat(), write_short_day(day)) for day in days]
    near = [("today", _("Today, %(day)s", day=today[1])), ("tomorrow", _("Tomorrow, %(day)s", day=tomorrow[1]))]
    return [*near, *later]


def _chosen_day() -> date:
    """Give the day that was chosen; a form that was opened before midnight names it as it was then."""
    today = town().today()
    near = {"today": today, "tomorrow": today + timedelta(days=1)}
    try:
        return near.get(words("day")) or date.fromisoformat(words("day"))
    except ValueError as error:
        raise Invalid("day") from error


def _said_when(row: tables.Request) -> dict[str, str]:
    """Write the answer that a request has in the words of its form."""
    day, seconds = row.service_date, row.depart_earliest if row.arrive_latest is None else row.arrive_latest
    if day is None or seconds is None:
        return {}
    today = town().today()
    near = {today: "today", today + timedelta(days=1): "tomorrow"}
    shown = service_day.local_time(seconds, day, town().settings.timezone)
    return {
        "day": near.get(day, day.isoformat()),
        "how": "depart" if row.arrive_latest is None else "arrive",
        "time": shown.strftime("%H:%M"),
    }


@pages.get("/trips/<request_id>/who")
@of_request
def ask_who(row: tables.Request) -> ResponseReturnValue:
    """Ask who travels and how far they can walk."""
    return _who(row, {field: getattr(row, field) for field in (*PARTY, "purpose")}, row.needs)


@pages.post("/trips/<request_id>/who")
@of_request
def answer_who(row: tables.Request) -> ResponseReturnValue:
    """Take who travels and how far they can walk; kept for all later trips, if that is wished."""
    needs = said_needs()
    try:
        party = said_party()
        booking.answer_who(town(), row.id, needs=needs, purpose=words("purpose"), **party)
        if "always" in request.form:
            accounts.set_usual(town(), row.rider_id, needs=needs, **party)
    except Invalid as fault:
        return _who(row, written(), needs, fault)
    return redirect(url_for("resident.offers", request_id=row.id))


def said_needs() -> list[str]:
    """Read what of a party the driver should know."""
    return [need for need in trips.NEEDS if need in request.form.getlist("needs")]


def said_party() -> dict[str, Any]:
    """Read who travels. Raises Invalid with the field's name."""
    counts = {field: whole_number(field) for field in ("people", "wheelchairs", "max_walk")}
    return counts | {"stowage": whole_number("stowage") if "stowage" in request.form else 0}


def _who(
    row: tables.Request, said: Mapping[str, Any], needs: list[str], fault: Invalid | None = None
) -> ResponseReturnValue:
    page = {
        "row": row,
        "said": said,
        "needs": needs,
        "usual": trips.is_as_usual(town(), row),
        "errors": _errors(fault) if fault else {},
        "walks": walks(row.max_walk),
        "purposes": _purposes(),
        "room": trips.asks_for_room(town()),
    }
    return render_template("resident/who.html", **page), 422 if fault else 200


def _purposes() -> list[tuple[str, str]]:
    """What a trip may be for, where the town weighs that; nobody has to say it."""
    known = {
        "medical": _("To a doctor, a hospital or a treatment"),
        "school": _("To school or to study"),
        "work": _("To work"),
        "care": _("To care for somebody"),
        "shopping": _("To the shops"),
    }
    weighed = [name for name, _weight in town().objective.classes]
    return [*((name, known.get(name, name)) for name in weighed), ("", _("Something else, or I do not want to say"))]


def _sentence(fault: Exception) -> str:
    return error_text(str(fault)) if isinstance(fault, ServiceError) else rule_text(Rule.ROAD)


def _errors(fault: ServiceError) -> dict[str, str]:
    return {FIELDS.get(str(fault), str(fault)): _sentence(fault)}
