"""Paper and proof: the sign-up form to print, the page that enters one, and the groups that the desk verified."""

from datetime import date
from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_login import current_user

from routing.places import Named
from routing.times import UnreachablePlace
from webapp.config import LANGUAGES
from webapp.db import tables
from webapp.services import accounts, callers, eligibility, trips
from webapp.services.errors import Conflict, Invalid, ServiceError
from webapp.views import place_fields
from webapp.views.calls import in_call
from webapp.views.desk import group_options, group_text
from webapp.views.shared import (
    ACTING,
    error_text,
    language,
    needs,
    sends,
    town,
    walks,
    whole_number,
    words,
    written,
)

pages = Blueprint("registration", __name__)
LONGEST_TEXT = 300
UNPROVED = ("registered", "wheelchair", "anyone")
"""Groups of which nobody asks for a paper."""


def document_text(document: str) -> str:
    """Say what kind of paper proved a group."""
    return {
        "identity": _("Identity card, passport or driving licence"),
        "pension": _("Pension or health insurance card"),
        "disability": _("Disability certificate"),
        "student": _("Student card"),
        "care": _("Care insurance card or decision"),
        "other": _("Another paper"),
    }.get(document, "")


def decision_text(decision: str) -> str:
    """Say what was decided of a group."""
    return {
        eligibility.ASKED: _("Asked for, no proof seen yet"),
        eligibility.VERIFIED: _("Verified"),
        eligibility.WITHDRAWN: _("Withdrawn"),
    }[decision]


# Groups of a caller


@pages.get("/desk/groups")
@in_call
def groups(rider: tables.User) -> ResponseReturnValue:
    """Show which groups a caller holds, until when, and how that came about."""
    return _groups(rider)


@pages.post("/desk/groups/verify")
@in_call
def verify(rider: tables.User) -> ResponseReturnValue:
    """Record what a paper proves."""
    try:
        until = eligibility.read_date(words("until"))
        eligibility.verify(
            town(), rider.id, words("group"), document=words("document"), until=until, key=words("key"),
            actor=current_user.id,
        )  # fmt: skip
    except Invalid as fault:
        return _groups(rider, {str(fault): error_text(str(fault))})
    return redirect(url_for(".groups"))


@pages.post("/desk/groups/withdraw")
@in_call
def withdraw(rider: tables.User) -> ResponseReturnValue:
    """Record that a group holds no longer."""
    eligibility.withdraw(town(), rider.id, words("group"), key=words("key"), actor=current_user.id)
    return redirect(url_for(".groups"))


@pages.get("/desk/endings")
@needs("desk")
def endings() -> ResponseReturnValue:
    """List whose groups end soon, or have ended lately."""
    listed = [(one, group_text(one.group), one.until < town().today()) for one in eligibility.list_endings(town())]
    return render_template("desk/endings.html", endings=listed)


def _groups(rider: tables.User, errors: dict[str, str] | None = None) -> ResponseReturnValue:
    held = accounts.current_groups(rider, town().today())
    past = [(row, group_text(row.group_name), name) for row, name in eligibility.history(town(), rider.id)]
    proved = {row.group_name for row, *_rest in past if row.decision == eligibility.VERIFIED}
    page = {
        "calling": rider,
        "held": [(one, group_text(one), _day(rider.groups_until.get(one)), one in proved) for one in held],
        "ended": [(group_text(one), _day(day)) for one, day in rider.groups_until.items() if one not in held],
        "past": [(row, name, decision_text(row.decision), document_text(row.document), by) for row, name, by in past],
        "options": [(name, text) for name, text in group_options() if name != "anyone"],
        "documents": [(one, document_text(one)) for one in eligibility.DOCUMENTS],
        "said": written(),
        "errors": errors or {},
        "today": town().today(),
    }
    return render_template("desk/groups.html", **page), 422 if errors else 200


def _day(said: str | None) -> date | None:
    return date.fromisoformat(said) if said else None


# Sign-up on paper


@pages.get("/desk/paper")
@needs("desk")
def paper() -> ResponseReturnValue:
    """Show the sign-up form in one of the languages, to be printed."""
    chosen = request.args.get("language", "")
    spoken = chosen if chosen in LANGUAGES else language()
    with force_locale(spoken):
        page = {
            "spoken": spoken,
            "languages": [(code, name, code == spoken) for code, name in LANGUAGES.items()],
            "groups": [text for name, text in group_options() if name not in UNPROVED],
            "consent": town().rules.get("data_protection", {}).get(spoken, ""),
            "walks": [text for _metres, text in walks()],
        }
        return render_template("desk/paper.html", **page)


@pages.get("/desk/sign-up")
@needs("desk")
def enter() -> ResponseReturnValue:
    """Ask what stands on a paper form."""
    return _sign_up({"max_walk": "300", "language": language(), "consent_on": town().today().isoformat()})


@pages.post("/desk/sign-up")
@sends(home="")
@needs("desk")
def sign_up() -> ResponseReturnValue:
    """Register who signed it; who is known by that number already is pointed out first."""
    errors: dict[str, str] = {}
    found: dict[str, list[place_fields.Option]] = {}
    try:
        home = _home(errors, found)
        form = _form(home)
        if not errors:
            others = [one for one in request.form.getlist("others") if "another" in request.form]
            made = callers.sign_up(town(), form, key=words("key"), actor=current_user.id, others=others)
            session[ACTING] = [current_user.id, made.id]
            session.pop("call", None)
            return redirect(url_for("calls.show"))
    except Conflict as fault:
        if str(fault) == "known":
            return _sign_up(written(), namesakes=callers.find_namesakes(town(), words("phone")))
        errors["email"] = error_text(str(fault))
    except (Invalid, UnreachablePlace) as fault:
        field = str(fault) if isinstance(fault, Invalid) else "home"
        errors[field] = error_text(field) if isinstance(fault, Invalid) else str(fault)
    return _sign_up(written(), errors, found)


@pages.post("/desk/sign-up/places")
@sends(home="")
@needs("desk")
def suggest() -> ResponseReturnValue:
    """List what may be meant while the address is being written."""
    return jsonify(place_fields.suggestions())


def _home(errors: dict[str, str], found: dict[str, list[place_fields.Option]]) -> Named | None:
    if not words("home"):
        return None
    try:
        return trips.read_place(town(), place_fields.read("home"))
    except place_fields.Unclear as fault:
        found["home"] = fault.options
        errors["home"] = error_text(str(fault))
    except ServiceError as fault:
        errors["home"] = error_text(str(fault))
    return None


def _form(home: Named | None) -> callers.SignUp:
    return callers.SignUp(
        name=words("name"),
        phone=words("phone"),
        reading=words("reading"),
        email=words("email", 254),
        language=words("language") if words("language") in LANGUAGES else "",
        address=words("home", place_fields.LONGEST),
        home=home,
        home_label=_("Home"),
        needs=[need for need in trips.NEEDS if need in request.form.getlist("needs")],
        max_walk=whole_number("max_walk"),
        groups=_asked(),
        helper_name=words("helper_name"),
        helper_phone=words("helper_phone"),
        note=words("note", LONGEST_TEXT),
        consent_on=_consent(),
    )


def _asked() -> list[callers.Asked]:
    """Read each group's line: not asked for, asked for, or proved by a kind of paper until a day."""
    asked = [callers.Asked("wheelchair")] if "wheelchair" in request.form.getlist("needs") else []
    for group, _text in group_options():
        said = words(f"proof-{group}")
        if said and group not in UNPROVED:
            proof = said if said in eligibility.DOCUMENTS else ""
            asked.append(callers.Asked(group, proof, eligibility.read_date(words(f"until-{group}"))))
    return asked


def _consent() -> date:
    try:
        return date.fromisoformat(words("consent_on"))
    except ValueError as error:
        raise Invalid("consent_on") from error


def _sign_up(
    said: dict[str, Any],
    errors: dict[str, str] | None = None,
    found: dict[str, list[place_fields.Option]] | None = None,
    *,
    namesakes: list[tables.User] | None = None,
) -> ResponseReturnValue:
    page = {
        "said": said,
        "chosen": request.form.getlist("needs"),
        "errors": errors or {},
        "found": found or {},
        "namesakes": namesakes or [],
        "groups": [(name, text) for name, text in group_options() if name not in UNPROVED],
        "documents": [(one, document_text(one)) for one in eligibility.DOCUMENTS],
        "walks": walks(),
        "tongues": [*LANGUAGES.items()],
        "today": town().today(),
    }
    return render_template("desk/sign_up.html", **page), 422 if errors else 409 if namesakes else 200
