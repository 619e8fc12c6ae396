"""A resident's pages, which the desk uses on behalf of a caller: ask, choose, check, book, cancel."""

from datetime import UTC
from typing import Any

import segno
from flask import Blueprint, Response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from routing.places import Named
from routing.times import Place
from webapp import calendar_files, service_day
from webapp.calendar_files import Entry
from webapp.db import tables
from webapp.services import (
    absences,
    arriving,
    boarding,
    booking,
    family,
    feedback,
    places,
    proxies,
    series,
    trips,
    waiting,
)
from webapp.services.errors import Conflict, Gone, NotFound, ServiceError
from webapp.views import absences as absence_pages
from webapp.views import bookings as booking_pages
from webapp.views import channels, privacy, profile, questions
from webapp.views import family as told_pages
from webapp.views import helpers as helper_pages
from webapp.views import places as own_places
from webapp.views.riders import for_rider, of_request, of_trip
from webapp.views.saying import say_offer, say_trip
from webapp.views.shared import (
    OTHERS,
    acts_by_phone,
    error_text,
    find_rider,
    is_helping,
    language,
    rating_text,
    rule_text,
    town,
    whole_number,
    words,
    write_clock,
    write_end,
    write_span,
    write_spot,
)

pages = Blueprint("resident", __name__)
QUIET = 4
"""White modules around a picture to scan (ISO/IEC 18004)."""
pages.register_blueprint(questions.pages)
pages.register_blueprint(own_places.pages)
pages.register_blueprint(profile.pages)
pages.register_blueprint(absence_pages.family)
pages.register_blueprint(booking_pages.pages)
pages.register_blueprint(helper_pages.pages)
pages.register_blueprint(told_pages.pages)
pages.register_blueprint(channels.pages)
pages.register_blueprint(privacy.pages)


@pages.context_processor
def who_calls() -> dict[str, Any]:
    """Tell every page of the desk, and of a resident who helps another, for whom they act."""
    try:
        calling = find_rider() if acts_by_phone() or is_helping() else None
    except NotFound:
        calling = None  # it has just ended: the page that says so is nobody else's
    return {"calling": calling, "helping": is_helping()}


@pages.get("/trips", endpoint="trips")
@for_rider
def list_trips(rider: tables.User) -> ResponseReturnValue:
    """Show everything that a rider has booked or waits for."""
    waiting.lapse(town())
    listed = trips.list_trips(town(), rider.id)
    own = not is_helping()
    return render_template(
        "resident/trips.html",
        trips=listed,
        related=own and (absences.is_guardian(town(), rider.id) or family.follows(town(), rider.id)),
        near={trip.booking.id: _near(trip) for trip in listed.coming},
        weekly=bool(series.list_weekly(town(), rider.id)),
        choices=[] if acts_by_phone() else _for_whom(),
        own=own,
        goals=_goals(rider),
        open_return=trips.open_return(town(), listed),
    )


def _goals(rider: tables.User) -> list[tuple[str, str]]:
    """Put what a rider saved on buttons: what a form sends back, and the rider's own word."""
    saved = [(one.label, Named(one.name, "", Place(one.lat, one.lon))) for one in places.list_saved(town(), rider.id)]
    return [(trips.sign_place(town(), named), label) for label, named in saved]


def _near(trip: trips.Trip) -> str:
    """Say how far a trip's vehicle is, where that can be said."""
    return booking_pages.approach_text(trip, arriving.approach(town(), trip.booking))


def _for_whom() -> list[tuple[str, str]]:
    """List for whom somebody may act, themselves first; nobody where that is nobody else."""
    others = [
        (one.row.rider_id, one.name) for one in proxies.list_helped(town(), current_user.id) if one.row.accepted_at
    ]
    return [("", _("Myself")), *others] if others else []


@pages.post("/trips/new")
@for_rider
def start(rider: tables.User) -> ResponseReturnValue:
    """Open a request, perhaps to a place that was saved, and put its first question."""
    goal = trips.read_place(town(), words("place", 1000)) if "place" in request.form else None
    return questions.ask_next(booking.start(town(), rider.id, actor=current_user.id, channel=_channel(), to=goal))


@pages.get("/trips/<request_id>/offers")
@of_request
def offers(row: tables.Request) -> ResponseReturnValue:
    """Show what is free, or why nothing is and what would help."""
    return questions.ask_next(row) if questions.unanswered(row) else _offers(row)


def _offers(row: tables.Request, fault: ServiceError | None = None) -> ResponseReturnValue:
    waiting.lapse(town())
    answer = booking.ask(town(), row.id)
    page: dict[str, Any] = {"row": answer.request, "said": error_text(str(fault)) if fault else ""}
    if answer.refusal is None:
        choices = trips.list_choices(town(), answer)
        page["choices"] = [(one, say_offer(answer.request, one)) for one in choices]
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
    booking.wait(town(), row.id, at_once=words("how") == "book")
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
@for_rider
def book(rider: tables.User, request_id: str) -> ResponseReturnValue:
    """Book what was checked; the form's key makes a second sending harmless."""
    row = trips.get_request(town(), request_id, rider.id)
    token, key = words("token", 3000), words("key") or row.id
    try:
        made = booking.book(town(), token, request=row, key=key, actor=current_user.id)
    except (Gone, Conflict) as fault:
        return _instead(row, fault)
    return redirect(url_for("resident.booked", booking_id=made.id))


def _instead(row: tables.Request, fault: Gone | Conflict) -> ResponseReturnValue:
    """Show what is free instead, or the booking that the request became under another key."""
    now = trips.get_request(town(), row.id, row.rider_id)
    if now.status in ("booked", "changed"):
        return redirect(url_for("resident.booked", booking_id=trips.get_booked(town(), now).id))
    return _offers(row, fault)


@pages.get("/bookings/<booking_id>")
@of_trip
def booked(trip: trips.Trip) -> ResponseReturnValue:
    """Show a booking: to look at on the way, or to print."""
    waiting.lapse(town())
    trip = trips.get_trip(town(), trip.booking.id, trip.booking.rider_id)
    made, near, said = trip.booking, arriving.approach(town(), trip.booking), feedback.find(town(), trip.booking.id)
    return render_template(
        "resident/booking.html",
        trip=trip,
        coming=trips.is_coming(town(), trip),
        there=trips.is_there(town(), trip),
        sentence=say_trip(trip),
        near=booking_pages.approach_text(trip, near),
        etag=f'"{booking_pages.approach_etag(trip, near)}"',
        unsaved=[
            (end, write_end(trip.request, column))
            for end, column in trips.ENDS.items()
            if column in places.list_unsaved(town(), trip.request)
        ],
        watched=arriving.is_watched(town(), made),
        opinion=said,
        opinion_open=feedback.is_open(town(), made, said),
        rated=rating_text(said.rating) if said else "",
        **_boarding(made),
    )


def _boarding(row: tables.Booking) -> dict[str, str]:
    """Give what a rider shows a driver: four digits, and the picture that says the same."""
    picture = segno.make(boarding.token(town(), row.id), error="m", micro=False)
    return {"pin": boarding.pin(town(), row.id), "picture": picture.svg_data_uri(border=QUIET, light="#fff")}


@pages.get("/bookings/<booking_id>/calendar.ics")
@of_trip
def calendar(trip: trips.Trip) -> ResponseReturnValue:
    """Give a booking as a file for a calendar."""
    made, zone = trip.booking, town().settings.timezone
    goal, about = write_end(trip.request, "destination"), say_trip(trip)
    entry = Entry(
        id=made.id,
        title=_("Noriai: ride to %(place)s", place=goal),
        place=write_spot(made.pickup_label, trip.pickup_place),
        about=about + " " + _("Phone desk: %(phone)s", phone=town().settings.desk_phone),
        starts=service_day.local_time(made.pickup, made.service_date, zone),
        ends=service_day.local_time(trip.there_by, made.service_date, zone),
        changed=(made.cancelled_at or made.created_at).replace(tzinfo=UTC),
        cancelled=made.status == "cancelled",
    )
    answer = Response(calendar_files.write(entry), mimetype="text/calendar")
    answer.headers["Content-Disposition"] = 'attachment; filename="noriai.ics"'
    return answer


@pages.get("/bookings/<booking_id>/cancel")
@of_trip
def ask_cancel(trip: trips.Trip) -> ResponseReturnValue:
    """Say what cancelling means, and ask."""
    if not trips.is_coming(town(), trip):
        return redirect(url_for("resident.booked", booking_id=trip.booking.id))
    returns = booking.has_return(town(), trip.booking)
    terms = trips.cancel_terms(town(), trip.booking, language())
    return render_template("resident/cancel.html", trip=trip, returns=returns, terms=terms)


@pages.post("/bookings/<booking_id>/cancel")
@of_trip
def cancel(trip: trips.Trip) -> ResponseReturnValue:
    """Give a seat back."""
    booking.cancel(town(), trip.booking.id, actor=current_user.id)
    return redirect(url_for("resident.booked", booking_id=trip.booking.id))


@pages.post("/bookings/<booking_id>/now")
@of_trip
def go_back_now(trip: trips.Trip) -> ResponseReturnValue:
    """Look for the way back from now on: one tap, and no question."""
    row = trips.go_back_now(town(), trip.booking, actor=current_user.id, channel=_channel())
    return redirect(url_for("resident.offers", request_id=row.id))


@pages.post("/bookings/<booking_id>/<any('back', 'again'):way>")
@of_trip
def repeat(trip: trips.Trip, way: str) -> ResponseReturnValue:
    """Ask for the way back, or for the same trip again, with nothing to tell but its time."""
    actor, back = current_user.id, way == "back"
    return questions.ask_next(trips.start_like(town(), trip.booking, actor=actor, channel=_channel(), back=back))


def _channel() -> str:
    return "phone" if acts_by_phone() else "web"
