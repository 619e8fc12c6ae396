"""A resident's pages, which the desk uses on behalf of a caller: ask, choose, check, book, cancel."""

from typing import Any

from flask import Blueprint, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp.db import tables
from webapp.services import booking, trips
from webapp.services.errors import Conflict, Gone, ServiceError
from webapp.views import questions
from webapp.views.riders import for_rider, of_request, of_trip
from webapp.views.shared import (
    OTHERS,
    error_text,
    find_rider,
    language,
    rule_text,
    town,
    whole_number,
    words,
    write_clock,
    write_span,
)

pages = Blueprint("resident", __name__)
pages.register_blueprint(questions.pages)


@pages.context_processor
def who_calls() -> dict[str, Any]:
    """Tell every page of the desk for whom it acts."""
    desk = current_user.is_authenticated and "desk" in current_user.role_names
    return {"calling": find_rider() if desk else None}


@pages.get("/trips", endpoint="trips")
@for_rider
def list_trips(rider: tables.User) -> ResponseReturnValue:
    """Show everything that a rider has booked or waits for."""
    return render_template("resident/trips.html", trips=trips.list_trips(town(), rider.id))


@pages.post("/trips/new")
@for_rider
def start(rider: tables.User) -> ResponseReturnValue:
    """Open a request and put its first question."""
    return questions.ask_next(booking.start(town(), rider.id, actor=current_user.id, channel=_channel()))


@pages.get("/trips/<request_id>/offers")
@of_request
def offers(row: tables.Request) -> ResponseReturnValue:
    """Show what is free, or why nothing is and what would help."""
    return questions.ask_next(row) if questions.unanswered(row) else _offers(row)


def _offers(row: tables.Request, fault: ServiceError | None = None) -> ResponseReturnValue:
    answer = booking.ask(town(), row.id)
    page: dict[str, Any] = {"row": answer.request, "said": error_text(str(fault)) if fault else ""}
    if answer.refusal is None:
        page["choices"] = trips.list_choices(town(), answer)
        return render_template("resident/offers.html", **page), 409 if fault else 200
    rule = answer.refusal.rule
    article = "" if rule in OTHERS else town().article(rule, language())
    page |= {"reason": rule_text(rule), "article": article}
    helpful = trips.suggest(answer.request, answer.refusal.changes)
    page["suggestions"] = [(_say(answer.request, one), one) for one in helpful]
    return render_template("resident/refused.html", **page), 409 if fault else 200


def _say(row: tables.Request, one: trips.Suggestion) -> str:
    """Put a change that would help on its button."""
    if one.answer == "max_walk":
        return _("Walk about %(metres)s m", metres=-(-one.at // 10) * 10)
    if one.answer == "people":
        return _("Travel with %(people)s of %(asked)s people", people=one.at, asked=row.people)
    asked = row.depart_earliest if row.arrive_latest is None else row.arrive_latest
    shift, clock = one.at // 60 * 60 - (asked or 0), write_clock(one.at, row.service_date or town().today())
    sentences = {
        ("depart", True): _("Leave at about %(time)s, %(span)s later than you asked"),
        ("depart", False): _("Leave at about %(time)s, %(span)s earlier than you asked"),
        ("arrive", True): _("Be there by %(time)s, %(span)s later than you asked"),
        ("arrive", False): _("Be there by %(time)s, %(span)s earlier than you asked"),
    }
    return sentences[one.answer, shift > 0] % {"time": clock, "span": write_span(shift)}


@pages.post("/trips/<request_id>/change")
@of_request
def change(row: tables.Request) -> ResponseReturnValue:
    """Apply a change that would help, and look again."""
    trips.change(town(), row, words("answer"), whole_number("value"))
    return redirect(url_for("resident.offers", request_id=row.id))


@pages.post("/trips/<request_id>/wait")
@of_request
def wait(row: tables.Request) -> ResponseReturnValue:
    """Put a refused request on the waiting list."""
    booking.wait(town(), row.id)
    return redirect(url_for("resident.trips"))


@pages.post("/trips/<request_id>/stop-waiting")
@of_request
def stop_waiting(row: tables.Request) -> ResponseReturnValue:
    """Take a request off the waiting list."""
    booking.stop_waiting(town(), row.id)
    return redirect(url_for("resident.trips"))


@pages.post("/trips/<request_id>/check")
@of_request
def choose(row: tables.Request) -> ResponseReturnValue:
    """Keep the chosen offer in the visitor's own session, so that one can go back to the page that shows it."""
    session["chosen"] = [row.id, words("token", 3000)]
    return redirect(url_for("resident.check", request_id=row.id))


@pages.get("/trips/<request_id>/check")
@of_request
def check(row: tables.Request) -> ResponseReturnValue:
    """Show everything that will be booked before it is."""
    request_id, token = session.get("chosen", ["", ""])
    if request_id != row.id:
        return redirect(url_for("resident.offers", request_id=row.id))
    try:
        return render_template("resident/check.html", row=row, choice=trips.get_choice(town(), row, token))
    except Gone as fault:
        return _offers(row, fault)


@pages.post("/trips/<request_id>/book")
@of_request
def book(row: tables.Request) -> ResponseReturnValue:
    """Book what was checked; the form's key makes a second sending harmless."""
    token = words("token", 3000)
    try:
        trips.get_choice(town(), row, token)
        made = booking.book(town(), token, key=words("key") or row.id, actor=current_user.id)
    except (Gone, Conflict) as fault:
        return _offers(row, fault)
    return redirect(url_for("resident.booked", booking_id=made.id))


@pages.get("/bookings/<booking_id>")
@of_trip
def booked(trip: trips.Trip) -> ResponseReturnValue:
    """Show a booking: to look at on the way, or to print."""
    return render_template("resident/booking.html", trip=trip, coming=trips.is_coming(town(), trip))


@pages.get("/bookings/<booking_id>/cancel")
@of_trip
def ask_cancel(trip: trips.Trip) -> ResponseReturnValue:
    """Say what cancelling means, and ask."""
    if not trips.is_coming(town(), trip):
        return redirect(url_for("resident.booked", booking_id=trip.booking.id))
    returns = booking.has_return(town(), trip.booking)
    return render_template("resident/cancel.html", trip=trip, returns=returns)


@pages.post("/bookings/<booking_id>/cancel")
@of_trip
def cancel(trip: trips.Trip) -> ResponseReturnValue:
    """Give a seat back."""
    booking.cancel(town(), trip.booking.id, actor=current_user.id)
    return redirect(url_for("resident.booked", booking_id=trip.booking.id))


@pages.post("/bookings/<booking_id>/<any('back', 'again'):way>")
@of_trip
def repeat(trip: trips.Trip, way: str) -> ResponseReturnValue:
    """Ask for the way back, or for the same trip again, with nothing to tell but its time."""
    actor, back = current_user.id, way == "back"
    return questions.ask_next(trips.start_like(town(), trip.booking, actor=actor, channel=_channel(), back=back))


def _channel() -> str:
    return "phone" if "desk" in current_user.role_names else "web"
