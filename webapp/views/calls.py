"""A call on one screen: who it is, their trips, the usual ones first, one form, numbered offers, and what to say.

The caller is in the session, and so is the request of this call: no address tells anything of either.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from babel.dates import format_date
from flask import Blueprint, flash, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from routing.times import UnreachablePlace
from webapp import service_day
from webapp.db import tables
from webapp.db.store import NotFound as NoRecord
from webapp.services import absences, accounts, boarding, booking, callers, places, trips
from webapp.services.errors import Conflict, Gone, Invalid, NotFound, ServiceError
from webapp.views import place_fields, scripts
from webapp.views.desk import group_text
from webapp.views.riders import for_rider
from webapp.views.shared import (
    OTHERS,
    clock_time,
    error_text,
    find_rider,
    language,
    locale,
    needs,
    rule_text,
    town,
    walks,
    whole_number,
    words,
    write_clock,
    write_end,
    written,
)

pages = Blueprint("calls", __name__)
Page = dict[str, Any]
View = Callable[..., ResponseReturnValue]


def in_call(view: View) -> View:
    """Hand a page of the desk its caller; without one, lead to the search."""
    return needs("desk")(for_rider(view))


@pages.get("/desk/call")
@in_call
def show(rider: tables.User) -> ResponseReturnValue:
    """Show the call as far as it is: the form, the offers, what to check, or what was booked."""
    row, stage = _current(rider)
    if row is None:
        return _page(rider, None)
    if row.status == "booked":
        return _page(rider, row, _booked(rider, row))
    if row.status == "waiting" and stage != "answer":
        return _page(rider, row, {"waits": scripts.waiting(row)})
    if stage == "check":
        return _check(rider, row)
    return _page(rider, row, _answer(row) if stage == "answer" else {})


@pages.post("/desk/call/usual")
@in_call
def take_usual(rider: tables.User) -> ResponseReturnValue:
    """Fill the form as a usual trip was asked last."""
    usual = callers.list_usual_trips(town(), rider.id)
    number = whole_number("number")
    if not 1 <= number <= len(usual):
        raise Invalid("number")
    row = _open(rider)
    callers.fill(town(), row, usual[number - 1])
    return _go_on(rider, row, "filled")


@pages.post("/desk/call/ask")
@in_call
def ask(rider: tables.User) -> ResponseReturnValue:
    """Take all answers at once, and look for seats."""
    errors: dict[str, str] = {}
    found: dict[str, list[place_fields.Option]] = {}
    row = _open(rider)
    for end in trips.ENDS:
        try:
            _answer_place(rider, trips.get_request(town(), row.id, rider.id), end)
        except (Invalid, UnreachablePlace) as fault:
            errors[end] = _sentence(fault)
            found |= {end: fault.options} if isinstance(fault, place_fields.Unclear) else {}
    for answer, field in ((_answer_when, "time"), (_answer_who, "people")):
        try:
            answer(row)
        except Invalid as fault:
            errors[str(fault) if str(fault) in ("day", "max_walk", "wheelchairs") else field] = _sentence(fault)
    if errors:
        _keep(rider, row, "filled")
        return _page(rider, trips.get_request(town(), row.id, rider.id), {"errors": errors, "found": found})
    return _go_on(rider, row, "answer")


@pages.post("/desk/call/places")
@in_call
def suggest(rider: tables.User) -> ResponseReturnValue:
    """List what may be meant while it is being written: the caller's own places first, then those of the map."""
    return jsonify(place_fields.suggestions(places.list_saved(town(), rider.id)))


@pages.post("/desk/call/change")
@in_call
def change(rider: tables.User) -> ResponseReturnValue:
    """Apply a change that would help, and look again."""
    row = _needed(rider)
    trips.change(town(), row, words("answer"), whole_number("value"))
    return _go_on(rider, row, "answer")


@pages.post("/desk/call/check")
@in_call
def choose(rider: tables.User) -> ResponseReturnValue:
    """Keep the chosen offer, to be read back to the caller."""
    row = _needed(rider)
    session["chosen"] = [row.id, words("token", 3000)]
    return _go_on(rider, row, "check")


@pages.post("/desk/call/back")
@in_call
def go_back(rider: tables.User) -> ResponseReturnValue:
    """Show the offers again."""
    return _go_on(rider, _needed(rider), "answer")


@pages.post("/desk/call/book")
@in_call
def book(rider: tables.User) -> ResponseReturnValue:
    """Book what was read back; the form's key makes a second sending harmless."""
    row, token = _needed(rider), words("token", 3000)
    try:
        trips.get_choice(town(), row, token)
        booking.book(town(), token, key=words("key") or row.id, actor=current_user.id)
    except (Gone, Conflict) as fault:
        _keep(rider, row, "answer")
        if row.status == "booked":
            return redirect(url_for(".show"))
        return _page(rider, row, {**_answer(row), "warning": _sentence(fault)}, status=409)
    session.pop("chosen", None)
    return _go_on(rider, row, "booked")


@pages.post("/desk/call/wait")
@in_call
def wait(rider: tables.User) -> ResponseReturnValue:
    """Put the refused request on the waiting list."""
    row = booking.wait(town(), _needed(rider).id)
    return _go_on(rider, row, "waiting")


@pages.post("/desk/call/look")
@in_call
def look(rider: tables.User) -> ResponseReturnValue:
    """Look again for a trip that waits for a seat."""
    return _go_on(rider, trips.get_request(town(), words("request"), rider.id), "answer")


@pages.post("/desk/call/stop-waiting")
@in_call
def stop_waiting(rider: tables.User) -> ResponseReturnValue:
    """Take a trip off the waiting list."""
    booking.stop_waiting(town(), trips.get_request(town(), words("request"), rider.id).id)
    return _new()


@pages.post("/desk/call/return")
@in_call
def ask_back(rider: tables.User) -> ResponseReturnValue:
    """Ask for the way back of a trip; only its time is to be said."""
    trip = trips.get_trip(town(), words("booking"), rider.id)
    row = trips.start_like(town(), trip.booking, actor=current_user.id, channel="phone", back=True)
    booking.answer_who(
        town(), row.id, people=trip.request.people, wheelchairs=trip.request.wheelchairs, needs=trip.request.needs,
        max_walk=trip.request.max_walk, stowage=trip.request.stowage,
    )  # fmt: skip
    session["back_on"] = [row.id, trip.booking.service_date.isoformat()]
    return _go_on(rider, row, "filled")


@pages.post("/desk/call/new")
@needs("desk")
def start_anew() -> ResponseReturnValue:
    """Begin another trip in the same call."""
    return _new()


@pages.get("/desk/call/cancel/<booking_id>")
@in_call
def ask_cancel(rider: tables.User, booking_id: str) -> ResponseReturnValue:
    """Ask the caller once more before a seat is given back."""
    trip = trips.get_trip(town(), booking_id, rider.id)
    if not trips.is_coming(town(), trip):
        return redirect(url_for(".show"))
    said = {"trip": trip, "script": scripts.asked_to_cancel(trip), "returns": booking.has_return(town(), trip.booking)}
    return _page(rider, _current(rider)[0], {"cancelling": said})


@pages.post("/desk/call/cancel/<booking_id>")
@in_call
def cancel(rider: tables.User, booking_id: str) -> ResponseReturnValue:
    """Give a seat back; cancelling again changes nothing."""
    trip = trips.get_trip(town(), booking_id, rider.id)
    booking.cancel(town(), trip.booking.id, actor=current_user.id)
    flash(scripts.cancelled(trip), "success")
    return _new()


# The call in the session


def _current(rider: tables.User) -> tuple[tables.Request | None, str]:
    """Give the request of this call and how far it is; none where the call has just begun."""
    rider_id, request_id, stage = session.get("call", ["", "", ""])
    if rider_id != rider.id:
        return None, ""
    try:
        return trips.get_request(town(), request_id, rider.id), stage
    except (NotFound, NoRecord):
        return None, ""


def _needed(rider: tables.User) -> tables.Request:
    row = _current(rider)[0]
    if row is None:
        raise NotFound("request")
    return row


def _open(rider: tables.User) -> tables.Request:
    known = _current(rider)[0]
    row = callers.open_request(town(), rider.id, known.id if known else "", actor=current_user.id)
    _keep(rider, row, "filled")
    return row


def _keep(rider: tables.User, row: tables.Request, stage: str) -> None:
    session["call"] = [rider.id, row.id, stage]


def _go_on(rider: tables.User, row: tables.Request, stage: str) -> ResponseReturnValue:
    _keep(rider, row, stage)
    return redirect(url_for(".show"))


def _new() -> ResponseReturnValue:
    session.pop("call", None)
    return redirect(url_for(".show"))


# What the form says


def _answer_place(rider: tables.User, row: tables.Request, end: str) -> None:
    """Take the place that a field names, unless it is the one that was taken before."""
    column = trips.ENDS[end]
    stays = places.place_of(row, column) and words(end, place_fields.LONGEST) == write_end(row, column)
    if not stays or words(f"{end}_place", 1000):
        trips.choose_place(town(), row, column, place_fields.read(end, places.list_saved(town(), rider.id)))


def _answer_when(row: tables.Request) -> None:
    try:
        day = date.fromisoformat(words("day"))
    except ValueError as error:
        raise Invalid("day") from error
    how, at = words("how"), clock_time("time")
    seconds = service_day.seconds_at(at, day, town().settings.timezone)
    booking.answer_when(town(), row.id, day=day, **({how: seconds} if how in ("depart", "arrive") else {}))


def _answer_who(row: tables.Request) -> None:
    counts = {field: whole_number(field) for field in ("people", "wheelchairs", "max_walk")}
    said = [need for need in trips.NEEDS if need in request.form.getlist("needs")]
    stowage = int("stowage" in request.form)
    booking.answer_who(town(), row.id, needs=said, stowage=stowage, purpose=row.purpose, **counts)


# What the page shows


def _page(
    rider: tables.User, row: tables.Request | None, more: Page | None = None, *, status: int = 200
) -> ResponseReturnValue:
    profile, more = callers.find_profile(town(), rider.id), more or {}
    errors = more.get("errors", {})
    page = {
        "calling": rider,
        "row": row,
        "profile": profile,
        "groups": [group_text(group) for group in accounts.current_groups(rider, town().today())],
        "trips": trips.list_trips(town(), rider.id),
        "usual": _usual(rider),
        "said": _said(rider, row) if not errors else {**written(), "needs": request.form.getlist("needs")},
        "days": _days(),
        "walks": walks(rider.max_walk, *([row.max_walk] if row else [])),
        "room": trips.asks_for_room(town()),
        "guardian": absences.is_guardian(town(), rider.id),
        "errors": errors,
        "found": {},
        **more,
    }
    return render_template("desk/call.html", **page), 422 if errors else status


def _answer(row: tables.Request) -> Page:
    """Ask, and put offers or a refusal into words."""
    answer = booking.ask(town(), row.id)
    if answer.refusal is None:
        choices = trips.list_choices(town(), answer)
        return {"row": answer.request, "offers": [(one, scripts.offer(one, answer.request)) for one in choices]}
    rule = answer.refusal.rule
    changes = trips.suggest(answer.request, answer.refusal.changes)
    asked = [scripts.change(answer.request, one) for one in changes]
    said = {
        "script": scripts.refused(rule_text(rule), asked),
        "article": "" if rule in OTHERS else town().article(rule, language()),
        "changes": list(zip(changes, asked, strict=True)),
    }
    return {"row": answer.request, "refusal": said}


def _check(rider: tables.User, row: tables.Request) -> ResponseReturnValue:
    request_id, token = session.get("chosen", ["", ""])
    try:
        choice = trips.get_choice(town(), row, token if request_id == row.id else "")
    except (Gone, ServiceError) as fault:
        _keep(rider, row, "answer")
        return _page(rider, row, {**_answer(row), "warning": _sentence(fault)}, status=409)
    return _page(rider, row, {"checking": {"choice": choice, "script": scripts.read_back(choice, row)}})


def _booked(rider: tables.User, row: tables.Request) -> Page:
    made = trips.get_booked(town(), row)
    trip = trips.get_trip(town(), made.id, rider.id)
    return {"booked": {"trip": trip, "script": scripts.booked(trip, boarding.pin(town(), made.id))}}


def _usual(rider: tables.User) -> list[Page]:
    return [
        {
            "origin": one.origin or scripts.brief(write_end(one.like, "origin")),
            "destination": one.destination or scripts.brief(write_end(one.like, "destination")),
            "when": _when_text(one),
            "times": one.times,
        }
        for one in callers.list_usual_trips(town(), rider.id)
    ]


def _when_text(one: callers.UsualTrip) -> str:
    clock = write_clock(service_day.seconds_at(one.at, one.day, town().settings.timezone), one.day)
    said = _("be there by %(time)s", time=clock) if one.how == "arrive" else _("leave after %(time)s", time=clock)
    return said if one.weekday is None else f"{format_date(one.day, 'EEEE', locale=locale())}, {said}"


def _said(rider: tables.User, row: tables.Request | None) -> Page:
    """Fill the form: as the request of this call is answered, else as the caller is known."""
    said: Page = {"people": rider.people, "wheelchairs": rider.wheelchairs, "max_walk": rider.max_walk}
    said |= {"needs": rider.needs, "stowage": rider.stowage, "how": "depart", "day": town().today().isoformat()}
    if row is None or row.status in ("booked", "cancelled"):
        return said
    said |= {"people": row.people, "wheelchairs": row.wheelchairs, "max_walk": row.max_walk, "needs": row.needs}
    said |= {"stowage": row.stowage, "from": write_end(row, "origin"), "to": write_end(row, "destination")}
    seconds = row.depart_earliest if row.arrive_latest is None else row.arrive_latest
    if row.service_date and seconds is not None:
        shown = service_day.local_time(seconds, row.service_date, town().settings.timezone)
        said |= {"day": row.service_date.isoformat(), "time": f"{shown:%H:%M}"}
        said["how"] = "depart" if row.arrive_latest is None else "arrive"
    request_id, day = session.get("back_on", ["", ""])
    return {**said, "day": day} if request_id == row.id and row.service_date is None else said


def _days() -> list[tuple[str, str]]:
    """Every day that can be asked for, as it is said on the telephone."""
    first = town().today()
    listed = [first + timedelta(days=n) for n in range(booking.DAYS_AHEAD + 1)]
    return [(day.isoformat(), scripts.spoken_day(day)) for day in listed]


def _sentence(fault: Exception) -> str:
    return error_text(str(fault)) if isinstance(fault, ServiceError) else str(fault)


@pages.context_processor
def who_calls() -> Page:
    """Tell every page of a call for whom it is."""
    return {"calling": find_rider() if current_user.is_authenticated and "desk" in current_user.role_names else None}
