"""What can be done with a booked trip: answer, change, repeat every week, see how far it is, and say how it was."""

import hashlib
from datetime import date

from babel.lists import format_list
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from webapp.db import tables
from webapp.services import arriving, feedback, series, trips, waiting
from webapp.services import booking as bookings
from webapp.services.arriving import Approach
from webapp.services.errors import Conflict, Invalid
from webapp.views.riders import for_rider, of_request, of_trip
from webapp.views.shared import (
    acts_by_phone,
    error_text,
    locale,
    rating_text,
    town,
    words,
    write_clock,
)

pages = Blueprint("bookings", __name__)


@pages.post("/bookings/<booking_id>/answer")
@of_trip
def answer(trip: trips.Trip) -> ResponseReturnValue:
    """Take the yes or the no to a seat from the waiting list."""
    said = words("answer")
    if said not in ("yes", "no"):
        raise Invalid("answer")
    take = waiting.accept if said == "yes" else bookings.decline
    take(town(), trip.booking.id, actor=current_user.id)
    return redirect(url_for("resident.booked", booking_id=trip.booking.id))


# Change


@pages.post("/bookings/<booking_id>/change")
@of_trip
def change(trip: trips.Trip) -> ResponseReturnValue:
    """Open the questions of a booked trip again; it stays booked until the new one is."""
    row = trips.start_change(town(), trip.booking, actor=current_user.id, channel=_channel())
    return redirect(url_for(".what", request_id=row.id))


@pages.get("/trips/<request_id>/what")
@of_request
def what(row: tables.Request) -> ResponseReturnValue:
    """Ask which answer of a booked trip is to be another."""
    if row.service_date is None:
        return redirect(url_for("resident.offers", request_id=row.id))
    return render_template("resident/change.html", row=row)


# Every week


@pages.get("/weekly")
@for_rider
def weekly(rider: tables.User) -> ResponseReturnValue:
    """List a rider's weekly trips with their dates."""
    listed = series.list_weekly(town(), rider.id)
    shown = [(one, _weekdays(one.row.weekdays)) for one in listed]
    return render_template("resident/weekly.html", weekly=shown)


@pages.get("/bookings/<booking_id>/weekly")
@of_trip
def ask_weekly(trip: trips.Trip) -> ResponseReturnValue:
    """Ask on which weekdays a trip is to be repeated, and until when."""
    chosen = [str(trip.booking.service_date.weekday())]
    return _ask_weekly(trip, chosen, {"otherwise": "wait"}, {})


@pages.post("/bookings/<booking_id>/weekly")
@of_trip
def start_weekly(trip: trips.Trip) -> ResponseReturnValue:
    """Repeat a trip every week."""
    chosen = request.form.getlist("weekdays")
    said = {field: words(field) for field in ("until", "otherwise")}
    try:
        series.start(
            town(),
            trip.booking,
            weekdays=[int(day) for day in chosen if day.isdecimal()],
            until=_date(said["until"]),
            otherwise=said["otherwise"] if said["otherwise"] != "none" else "",
            actor=current_user.id,
            channel=_channel(),
            key=words("key"),
        )
    except Invalid as fault:
        field = str(fault).removeprefix("series ")
        field = "weekdays" if field == "dates" else field
        return _ask_weekly(trip, chosen, said, {field: error_text(str(fault))})
    return redirect(url_for(".weekly"))


@pages.post("/weekly/<series_id>/stop")
@for_rider
def stop_weekly(rider: tables.User, series_id: str) -> ResponseReturnValue:
    """End weekly trips."""
    series.stop(town(), series_id, rider.id, actor=current_user.id)
    return redirect(url_for(".weekly"))


def _ask_weekly(
    trip: trips.Trip, chosen: list[str], said: dict[str, str], errors: dict[str, str]
) -> ResponseReturnValue:
    names = locale().days["stand-alone"]["wide"]
    page = {
        "trip": trip,
        "weekdays": [(str(day), names[day]) for day in range(7)],
        "chosen": chosen,
        "said": said,
        "errors": errors,
    }
    return render_template("resident/repeat.html", **page), 422 if errors else 200


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("series until") from error


def _weekdays(days: list[int]) -> str:
    names = locale().days["stand-alone"]["wide"]
    return format_list([names[day] for day in days], locale=locale())


# How far it is


@pages.get("/bookings/<booking_id>/now")
@of_trip
def now(trip: trips.Trip) -> ResponseReturnValue:
    """Say how far one's own ride is; 304 while that is what the page says already."""
    near = arriving.approach(town(), trip.booking)
    etag = approach_etag(trip, near)
    if etag in request.if_none_match:
        return Response(status=304, headers={"ETag": f'"{etag}"'})
    page = render_template("resident/_now.html", trip=trip, near=approach_text(trip, near), etag=f'"{etag}"')
    return page, {"ETag": f'"{etag}"'}


def approach_etag(trip: trips.Trip, near: Approach | None) -> str:
    """Name what is said of a ride on its way."""
    return hashlib.sha256(approach_text(trip, near).encode()).hexdigest()[:16]


def approach_text(trip: trips.Trip, near: Approach | None) -> str:
    """Say in words how far one's own ride is; nothing where nothing is said of it."""
    if near is None:
        return ""
    day = trip.booking.service_date
    at, until = write_clock(near.at, day), write_clock(trip.wait_until, day)
    if near.state == "coming":
        if not near.minutes:
            return _("The vehicle should be there now.")
        away = ngettext("It is %(num)s minute away.", "It is %(num)s minutes away.", near.minutes)
        return _("%(away)s It comes at about %(time)s.", away=away, time=at)
    return {
        "silent": _("Planned for %(time)s. We have no word from the vehicle yet.", time=at),
        "overdue": _(
            "It was expected at %(time)s, and we have no newer word from it. If it is not there by %(until)s, call us.",
            time=at,
            until=until,
        ),
        "here": _("The vehicle is there."),
        "aboard": _("You are on board. You arrive at about %(time)s.", time=at),
        "arrived": _("You have arrived."),
        "missed": _("The driver did not meet you. If that is wrong, call us."),
    }[near.state]


# How it was


@pages.get("/bookings/<booking_id>/opinion")
@of_trip
def ask_opinion(trip: trips.Trip) -> ResponseReturnValue:
    """Ask how a trip was."""
    said = feedback.find(town(), trip.booking.id)
    if not feedback.is_open(town(), trip.booking, said):
        return redirect(url_for("resident.booked", booking_id=trip.booking.id))
    return _opinion(trip, str(said.rating) if said else "", said.words if said else "", {})


@pages.post("/bookings/<booking_id>/opinion")
@of_trip
def say_opinion(trip: trips.Trip) -> ResponseReturnValue:
    """Keep how a trip was."""
    rating, text = words("rating"), _lines("words")
    try:
        feedback.say(
            town(),
            trip.booking.id,
            rating=int(rating) if rating.isdecimal() and len(rating) == 1 else 0,
            words=text,
            actor=current_user.id,
        )
    except Invalid as fault:
        field = "rating" if str(fault) == "rating" else "words"
        return _opinion(trip, rating, text, {field: error_text(str(fault))})
    except Conflict:
        return redirect(url_for("resident.booked", booking_id=trip.booking.id))
    return redirect(url_for("resident.booked", booking_id=trip.booking.id))


def _opinion(trip: trips.Trip, rating: str, text: str, errors: dict[str, str]) -> ResponseReturnValue:
    ratings = [(str(one), rating_text(one)) for one in feedback.RATINGS]
    page = {"trip": trip, "ratings": ratings, "rating": rating, "text": text, "errors": errors}
    return render_template("resident/opinion.html", **page), 422 if errors else 200


def _lines(field: str) -> str:
    """Read several lines of a form, without what cannot be printed."""
    text = request.form.get(field, "").replace("\r\n", "\n")
    return "".join(letter for letter in text if letter == "\n" or letter.isprintable()).strip()[: 2 * feedback.LONGEST]


def _channel() -> str:
    return "phone" if acts_by_phone() else "web"
