"""The phone desk: find or register who calls, then use that person's pages for them."""

from collections.abc import Mapping

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp.services import accounts
from webapp.services.errors import Invalid
from webapp.views.shared import error_text, find_rider, needs, town, walks, whole_number, words, written

pages = Blueprint("desk", __name__)


@pages.get("/desk")
@needs("desk")
def find() -> ResponseReturnValue:
    """Ask who calls."""
    return render_template("desk/find.html", calling=find_rider(), text="", errors={}, found=None)


@pages.post("/desk/search")
@needs("desk")
def search() -> ResponseReturnValue:
    """List those whose name or number holds what was said."""
    text = words("text")
    found = accounts.find_riders(town(), text)
    errors = {} if len(text) > 1 else {"text": error_text("caller")}
    page = render_template("desk/find.html", calling=find_rider(), text=text, errors=errors, found=found)
    return page, 422 if errors else 200


@pages.post("/desk/act-for")
@needs("desk")
def act_for() -> ResponseReturnValue:
    """Begin a call: from here on the resident's pages are this caller's."""
    return _call(accounts.get_rider(town(), words("user")).id)


@pages.get("/desk/new")
@needs("desk")
def new() -> ResponseReturnValue:
    """Ask what must be known of somebody who calls for the first time."""
    return _new({"max_walk": "300"}, ["registered"])


@pages.post("/desk/new")
@needs("desk")
def register() -> ResponseReturnValue:
    """Register a caller and begin the call."""
    groups = [group for group in _groups() if group in request.form.getlist("groups")]
    try:
        walk = whole_number("max_walk")
        caller = accounts.add_caller(town(), name=words("name"), phone=words("phone"), groups=groups, max_walk=walk)
    except Invalid as fault:
        return _new(written(), groups, {str(fault): error_text(str(fault))})
    return _call(caller.id)


@pages.post("/desk/done")
@needs("desk")
def done() -> ResponseReturnValue:
    """End a call."""
    session.pop("acting_for", None)
    return redirect(url_for("desk.find"))


def _call(rider_id: str) -> ResponseReturnValue:
    session["acting_for"] = [current_user.id, rider_id]
    return redirect(url_for("resident.trips"))


def _groups() -> list[str]:
    """Groups that a town admits residents by, and the one that the questions of a trip start from."""
    return [*town().rules.get("groups", ["registered"]), "wheelchair"]


def _group_options() -> list[tuple[str, str]]:
    known = {
        "registered": _("Is registered with the town"),
        "senior": _("Is a senior"),
        "disabled": _("Has a disability"),
        "student": _("Is a student"),
        "wheelchair": _("Travels in a wheelchair"),
    }
    return [(group, known.get(group, group)) for group in _groups()]


def _new(said: Mapping[str, str], groups: list[str], errors: dict[str, str] | None = None) -> ResponseReturnValue:
    page = {"said": said, "chosen": groups, "groups": _group_options(), "errors": errors or {}, "walks": walks()}
    return render_template("desk/new.html", **page), 422 if errors else 200
