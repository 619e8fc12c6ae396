"""The phone desk: find or register who calls; the call itself is one screen (`calls`)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp.db import tables
from webapp.services import accounts, call_backs, callers, eligibility
from webapp.services.errors import Invalid
from webapp.views.shared import (
    ACTING,
    error_text,
    find_rider,
    from_drivers,
    needs,
    town,
    walks,
    whole_number,
    words,
    written,
)

pages = Blueprint("desk", __name__)
LONGEST_SCAN = 300
"""Characters of what a scanner types: the address of a site, and a token."""
NOTHING: Mapping[str, str] = MappingProxyType({})


@pages.get("/desk")
@needs("desk")
def find() -> ResponseReturnValue:
    """Ask who calls."""
    return _find()


@pages.post("/desk/search")
@needs("desk")
def search() -> ResponseReturnValue:
    """Begin the call of the one who is meant, or list those who may be."""
    text = words("text", LONGEST_SCAN)
    found = accounts.find_riders(town(), text)
    if len(found) == 1:
        return _call(found[0].id)
    return _find(text, found, {} if len(text) > 1 else {"text": error_text("caller")})


@pages.post("/desk/act-for")
@needs("desk")
def act_for() -> ResponseReturnValue:
    """Begin a call: from here on the resident's pages are this caller's."""
    return _call(accounts.get_rider(town(), words("user")).id)


@pages.post("/desk/new")
@needs("desk")
def register() -> ResponseReturnValue:
    """Register somebody who calls for the first time and begin the call; who has that number is pointed out before."""
    groups = [group for group in eligibility.list_groups(town()) if group in request.form.getlist("groups")]
    name, phone = words("name"), words("phone")
    others = [one for one in callers.find_namesakes(town(), phone) if one.name != name]
    if others and "another" not in request.form:
        return _find(said=written(), groups=groups, namesakes=others)
    try:
        walk = whole_number("max_walk")
        caller = accounts.add_caller(town(), name=name, phone=phone, groups=groups, max_walk=walk)
    except Invalid as fault:
        return _find(errors={str(fault): error_text(str(fault))}, said=written(), groups=groups)
    return _call(caller.id)


@pages.post("/desk/done")
@needs("desk")
def done() -> ResponseReturnValue:
    """End a call."""
    for kept in (ACTING, "call", "chosen", "sought", "back_on"):
        session.pop(kept, None)
    return redirect(url_for("desk.find"))


def _call(rider_id: str) -> ResponseReturnValue:
    session[ACTING] = [current_user.id, rider_id]
    session.pop("call", None)
    return redirect(url_for("calls.show"))


def group_options() -> list[tuple[str, str]]:
    """List the groups that a resident can hold, and what each is called."""
    return [(group, group_text(group)) for group in eligibility.list_groups(town())]


def group_text(group: str) -> str:
    """Say what a group is called; one of the town's own bears its own name."""
    return {
        "registered": _("Is registered with the town"),
        "senior": _("Is a senior"),
        "disabled": _("Has a disability"),
        "student": _("Is a student"),
        "wheelchair": _("Travels in a wheelchair"),
        "anyone": _("Anyone with an account"),
    }.get(group, group)


def _find(
    text: str = "",
    found: Sequence[tables.User] | None = None,
    errors: Mapping[str, str] = NOTHING,
    *,
    said: Mapping[str, str] | None = None,
    groups: Sequence[str] = ("registered",),
    namesakes: Sequence[tables.User] = (),
) -> ResponseReturnValue:
    """Show the one field that finds a caller, whom it found, and the form for a new one, filled with what was said."""
    number = sum(map(str.isdigit, text)) > len(text) / 2
    page = {
        "calling": find_rider(),
        "text": text,
        "found": found,
        "errors": errors,
        "said": said or {"max_walk": "300", "phone" if number else "name": text if found == [] and not errors else ""},
        "new": said is not None or (found == [] and not errors),
        "chosen": groups,
        "groups": group_options(),
        "walks": walks(),
        "namesakes": namesakes,
        "waiting": len([one for one in call_backs.list_people(town()) if not one.later]),
        "endings": len(eligibility.list_endings(town())),
        **from_drivers(),
    }
    return render_template("desk/find.html", **page), 422 if errors else 409 if namesakes else 200
