"""The questions of a request, one on each page: where from, where to, when, and who travels."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from routing.times import UnreachablePlace
from webapp import service_day
from webapp.db import tables
from webapp.services import booking, trips
from webapp.services.errors import Invalid, ServiceError
from webapp.views.riders import of_request
from webapp.views.shared import clock_time, error_text, language, town, walks, whole_number, words, written

pages = Blueprint("questions", __name__)
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
    row = trips.get_request(town(), row.id, row.rider_id)
    last = "resident.questions.ask_who" if row.status == "draft" else "resident.offers"
    return redirect(unanswered(row) or url_for(last, request_id=row.id))


def kind_text(kind: str) -> str:
    """Say what kind of place it is; nothing rather than a word of another language."""
    known = {
        "address": _("address"),
        "street": _("street"),
        "suburb": _("part of town"),
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
    if "text" in request.form:
        return _search(row, end, words("text"))
    try:
        trips.choose_place(town(), row, trips.ENDS[end], words("place", 1000))
    except (Invalid, UnreachablePlace) as fault:
        return _place(row, end, _sought(row, end), fault)
    return ask_next(row)


def _search(row: tables.Request, end: str, text: str) -> ResponseReturnValue:
    """Keep the words in the visitor's own session, never in an address, and show what they find."""
    if not town().places.search(text, 1):
        return _place(row, end, text, Invalid("unknown" if text else "text"))
    session["sought"] = [row.id, end, text]
    return redirect(url_for(".ask_place", request_id=row.id, end=end))


def _sought(row: tables.Request, end: str) -> str:
    *where, text = session.get("sought", ["", "", ""])
    return str(text) if where == [row.id, end] else ""


def _place(row: tables.Request, end: str, text: str, fault: Exception | None = None) -> ResponseReturnValue:
    shown = town().places.search(text) if text else trips.list_recent_places(town(), row)
    options = [(trips.sign_place(town(), named), named.name, kind_text(named.kind)) for named in shown]
    errors = {"place" if options else "text": _sentence(fault)} if fault else {}
    label = getattr(row, f"{trips.ENDS[end]}_label")
    page = {"row": row, "end": end, "text": text or label, "options": options, "found": bool(text), "errors": errors}
    return render_template("resident/place.html", **page), 422 if fault else 200


@pages.get("/trips/<request_id>/when")
@of_request
def ask_when(row: tables.Request) -> ResponseReturnValue:
    """Ask for the day and the time."""
    return render_template("resident/when.html", row=row, said=_said_when(row), errors={}, days=_days())


@pages.post("/trips/<request_id>/when")
@of_request
def answer_when(row: tables.Request) -> ResponseReturnValue:
    """Take the day and the time."""
    how = words("how")
    try:
        day = _chosen_day()
        seconds = service_day.seconds_at(clock_time("time"), day, town().settings.timezone)
        booking.answer_when(town(), row.id, day=day, **({how: seconds} if how in ("depart", "arrive") else {}))
    except Invalid as fault:
        page = {"row": row, "said": written(), "errors": _errors(fault), "days": _days()}
        return render_template("resident/when.html", **page), 422
    return ask_next(row)


def _days() -> tuple[date, date, date]:
    """Today, tomorrow, and the last day that can be asked for."""
    today = town().today()
    return today, today + timedelta(days=1), today + timedelta(days=booking.DAYS_AHEAD)


def _chosen_day() -> date:
    today, tomorrow, last = _days()
    chosen = words("day")
    if chosen != "other":
        near = {"today": today, "tomorrow": tomorrow}
        if chosen not in near:
            raise Invalid("day")
        return near[chosen]
    try:
        day = date.fromisoformat(words("date"))
    except ValueError as error:
        raise Invalid("date") from error
    if not today <= day <= last:
        raise Invalid("date")
    return day


def _said_when(row: tables.Request) -> dict[str, str]:
    """Write the answer that a request has in the words of its form."""
    day, seconds = row.service_date, row.depart_earliest if row.arrive_latest is None else row.arrive_latest
    if day is None or seconds is None:
        return {}
    today, tomorrow = _days()[:2]
    near = {today: "today", tomorrow: "tomorrow"}.get(day, "other")
    shown = service_day.local_time(seconds, day, town().settings.timezone)
    return {
        "day": near,
        "date": day.isoformat() if near == "other" else "",
        "how": "depart" if row.arrive_latest is None else "arrive",
        "time": shown.strftime("%H:%M"),
    }


@pages.get("/trips/<request_id>/who")
@of_request
def ask_who(row: tables.Request) -> ResponseReturnValue:
    """Ask who travels and how far they can walk."""
    said = {field: getattr(row, field) for field in ("people", "wheelchairs", "stowage", "max_walk", "purpose")}
    return _who(row, said, row.needs)


@pages.post("/trips/<request_id>/who")
@of_request
def answer_who(row: tables.Request) -> ResponseReturnValue:
    """Take who travels and how far they can walk."""
    needs = [need for need in trips.NEEDS if need in request.form.getlist("needs")]
    try:
        counts = {field: whole_number(field) for field in ("people", "wheelchairs", "max_walk")}
        stowage = whole_number("stowage") if "stowage" in request.form else 0
        booking.answer_who(town(), row.id, needs=needs, stowage=stowage, purpose=words("purpose"), **counts)
    except Invalid as fault:
        return _who(row, written(), needs, fault)
    return redirect(url_for("resident.offers", request_id=row.id))


def _who(
    row: tables.Request, said: Mapping[str, Any], needs: list[str], fault: Invalid | None = None
) -> ResponseReturnValue:
    page = {
        "row": row,
        "said": said,
        "needs": needs,
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
    return error_text(str(fault)) if isinstance(fault, ServiceError) else str(fault)


def _errors(fault: ServiceError) -> dict[str, str]:
    return {FIELDS.get(str(fault), str(fault)): _sentence(fault)}
