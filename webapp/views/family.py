"""Who is told of whose rides: what a family sees today, whom a resident lets be told, and how either ends it."""

import hashlib
from datetime import date
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp.db import tables
from webapp.services import family
from webapp.services.errors import Invalid
from webapp.services.family import Given, RideToday, Subject
from webapp.services.wording import NEWS
from webapp.views import days
from webapp.views.riders import for_self
from webapp.views.shared import anybody, error_text, town, words, write_clock, written

pages = Blueprint("told", __name__)
links = Blueprint("links", __name__)

LONGEST_EMAIL = 254


@pages.get("/family/today")
@for_self
def live(rider: tables.User) -> ResponseReturnValue:
    """Show how today's rides of those whom one is told of are: the part that changes; 304 while it has not."""
    part = today_part(rider)
    if part["etag"].strip('"') in request.if_none_match:
        return Response(status=304, headers={"ETag": part["etag"]})
    return render_template("resident/_today.html", **part), {"ETag": part["etag"]}


@pages.post("/family/stop")
@for_self
def stop(rider: tables.User) -> ResponseReturnValue:
    """Be told of somebody no more."""
    family.stop(town(), words("consent"), recipient=rider.id)
    return redirect(url_for("resident.family.wards"))


@pages.get("/family/told")
@for_self
def show(rider: tables.User) -> ResponseReturnValue:
    """List who is told of one's own trips, and ask for one more."""
    return _show(rider, {})


@pages.post("/family/told")
@for_self
def give(rider: tables.User) -> ResponseReturnValue:
    """Let somebody be told of one's own trips."""
    try:
        read_consent(Subject(resident=rider.id), basis="self" if rider.id == current_user.id else "paper")
    except Invalid as fault:
        return _show(rider, {field_of(fault): error_text(str(fault))}), 422
    return redirect(url_for("resident.told.show"))


@pages.post("/family/told/end")
@for_self
def end(rider: tables.User) -> ResponseReturnValue:
    """Let somebody be told of one's own trips no more."""
    family.withdraw(town(), Subject(resident=rider.id), words("consent"), actor=current_user.id)
    return redirect(url_for("resident.told.show"))


@links.get("/family/stop/<token>")
@anybody
def ask_stop(token: str) -> ResponseReturnValue:
    """Ask whoever has the link of a message whether they want no more of them."""
    return render_template("resident/stop.html", token=token, holds=family.find_by_token(town(), token) is not None)


@links.post("/family/stop/<token>")
@anybody
def stop_by_link(token: str) -> ResponseReturnValue:
    """End what the link of a message names."""
    family.stop_by_token(town(), token)
    return redirect(url_for("links.ask_stop", token=token))


def today_part(rider: tables.User) -> dict[str, Any]:
    """Write what one is told of whom, and how today's rides are, with a name for all of it (ETag)."""
    followed = [
        (one.name, [ride_text(ride) for ride in one.today], [(given.id, given_text(given)) for given in one.given])
        for one in family.list_followed(town(), rider.id)
    ]
    name = hashlib.sha256(repr(followed).encode()).hexdigest()[:16]
    return {"followed": followed, "etag": f'"{name}"'}


def ride_text(ride: RideToday) -> str:
    """Say how a ride of today is."""
    if ride.state == "boarded" and ride.at is not None:
        said = _("Boarded at %(time)s.", time=write_clock(ride.at, ride.day))
        return f"{said} {_arrives(ride)}" if ride.expected is not None else said
    if ride.state == "expected" and ride.expected is not None:
        return _("Not boarded yet. The vehicle comes at about %(time)s.", time=write_clock(ride.expected, ride.day))
    return {
        "expected": _("Not boarded yet."),
        "under way": _("Under way."),
        "alighted": _("Arrived."),
        "no_show": _("Was not at the stop."),
        "absent": _("Does not come today."),
    }.get(ride.state, _("The ride is over."))


def _arrives(ride: RideToday) -> str:
    return _("Arrives at about %(time)s.", time=write_clock(ride.expected or 0, ride.day))


def given_text(given: Given) -> str:
    """Say of what somebody is told, and until when."""
    said = ", ".join(label for kind, label in news_options() if kind in given.kinds)
    if given.starts > town().today():
        said = _("%(news)s, from %(day)s", news=said, day=days.write_short(given.starts))
    return _("%(news)s, until %(day)s", news=said, day=days.write_short(given.ends)) if given.ends else said


def news_options() -> list[tuple[str, str]]:
    """List the kinds of news that one can agree to."""
    said = {"boarded": _("boarding"), "alighted": _("arrival"), "late": _("delay"), "no_show": _("not at the stop")}
    return [(kind, said[kind]) for kind in NEWS]


def read_consent(subject: Subject, *, basis: str) -> None:
    """Read a consent from a form, and keep it. Raises Invalid."""
    first, last = (_day(field) for field in ("starts", "ends"))
    agreed = family.draft(
        town(),
        subject,
        words("email", LONGEST_EMAIL),
        request.form.getlist("kinds"),
        starts=first or town().today(),
        ends=last,
        basis=basis,
        actor=current_user.id,
    )
    family.give(town(), agreed)


def field_of(fault: Invalid) -> str:
    """Name the field of the form of a consent that a fault is about."""
    return {"news": "kinds", "consent ends": "ends", "many told": "email"}.get(str(fault), str(fault))


def consent_form() -> dict[str, Any]:
    """Give what the form of a consent is shown with: what was written, and what can be chosen."""
    chosen = request.form.getlist("kinds") if request.form else list(NEWS)
    news = [(kind, label[:1].upper() + label[1:]) for kind, label in news_options()]
    return {"said": written(), "news": news, "kinds": chosen, "today": town().today().isoformat()}


def given_list(subject: Subject) -> list[tuple[str, str, str]]:
    """List who is told of somebody, of what: (id, who, what)."""
    return [(one.id, one.name, given_text(one)) for one in family.list_given(town(), subject)]


def _day(field: str) -> date | None:
    said = request.form.get(field, "")
    found = days.read_day(said) if said else None
    if said and found is None:
        raise Invalid("consent ends" if field == "ends" else "starts")
    return found


def _show(rider: tables.User, errors: dict[str, str]) -> str:
    given = given_list(Subject(resident=rider.id))
    return render_template("resident/told.html", given=given, errors=errors, **consent_form())
