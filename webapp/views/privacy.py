"""What is known of a person, for themselves: to take along, and to be erased; and who looked at a member's places."""

from flask import Blueprint, Response, flash, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp.db import tables
from webapp.services import absences, access_log, erasing, portrait
from webapp.services.access_log import Reading
from webapp.services.errors import Conflict
from webapp.views import days
from webapp.views.auth import leave
from webapp.views.riders import for_self
from webapp.views.shared import ACTING, acts_by_phone, language, needs, sign_in_page, town

pages = Blueprint("privacy", __name__)
readings = Blueprint("readings", __name__)


@pages.get("/privacy")
@for_self
def show(rider: tables.User) -> ResponseReturnValue:
    """Say what somebody can do with what is known of them, and who looked at it."""
    seen = [reading_text(one) for one in access_log.read_resident(town(), rider.id)]
    return render_template("resident/privacy.html", seen=seen)


@pages.get("/privacy/known.zip")
@for_self
def known(rider: tables.User) -> ResponseReturnValue:
    """All that is known of somebody, as a file; its name says nothing of whom."""
    content = portrait.pack(town(), portrait.of_resident(town(), rider.id), language=language())
    answer = Response(content, mimetype="application/zip")
    answer.headers["Content-Disposition"] = "attachment; filename=noriai.zip"
    answer.headers["Cache-Control"] = "no-store"
    return answer


@pages.get("/privacy/delete")
@for_self
def ask_delete(rider: tables.User) -> ResponseReturnValue:
    """Say what deleting the account does, and ask whether that is wanted."""
    return _ask(rider, "")


@pages.post("/privacy/delete")
@for_self
def delete(rider: tables.User) -> ResponseReturnValue:
    """Erase all that is known of somebody; who asked for it is signed out, the desk's call ends."""
    try:
        erasing.erase_resident(town(), rider.id, by=current_user.id)
    except Conflict:
        return _ask(rider, _("You are on a vehicle now. Try again once you have got off.")), 409
    flash(_("The account is deleted, and everything that was known with it."), "success")
    if acts_by_phone():
        for kept in (ACTING, "call", "chosen", "sought", "back_on"):
            session.pop(kept, None)
        return redirect(url_for("desk.find"))
    leave()
    return redirect(sign_in_page())


@readings.get("/dispatch/absences/<key>/readings")
@needs("dispatcher")
def of_member(key: str) -> ResponseReturnValue:
    """Tell a dispatcher who looked at where a member of the own operator is."""
    person = absences.get_member(town(), key, operator=current_user.operator_id)
    seen = [reading_text(one) for one in access_log.read_member(town(), person.operator, person.member)]
    return render_template("dispatcher/readings.html", person=person, seen=seen)


def reading_text(reading: Reading) -> tuple[str, str, str]:
    """Write when somebody looked, who, and at which page."""
    page = {
        "board": _("Board"),
        "dispatcher": _("The day"),
        "papers": _("Manifests of the day"),
        "steering": _("Board"),
        "alerts": _("Alerts"),
        "absences": _("Absences"),
        "driver": _("My runs"),
        "calls": _("Phone desk"),
    }.get(reading.purpose.partition(".")[0], _("Family") if "resident" in reading.purpose else reading.purpose)
    return " ".join(days.write_date_and_time(reading.at)), reading.name, page


def _ask(rider: tables.User, refused: str) -> str:
    try:
        plan = erasing.plan_resident(town(), rider.id)
    except Conflict:
        plan, refused = None, _("You are on a vehicle now. Try again once you have got off.")
    cancelled = [days.write_short(day) for day in plan.cancelled] if plan else []
    return render_template("resident/delete.html", plan=plan, cancelled=cancelled, refused=refused)
