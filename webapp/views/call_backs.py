"""The list of people whom the desk calls back: take one, read out what there is to tell, say how it went."""

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp.services import accounts, call_backs
from webapp.services.errors import Conflict
from webapp.views import scripts
from webapp.views.shared import ACTING, error_text, needs, town, words

pages = Blueprint("call_backs", __name__)


@pages.get("/desk/call-backs")
@needs("desk")
def show() -> ResponseReturnValue:
    """Show whom to call, who has waited longest first."""
    return _page()


@pages.post("/desk/call-backs/take")
@needs("desk")
def take() -> ResponseReturnValue:
    """Take somebody; no colleague can call them for ten minutes."""
    try:
        call_backs.take(town(), _rider(), actor=current_user.id)
    except Conflict as fault:
        return _page(error_text(str(fault))), 409
    return _back()


@pages.post("/desk/call-backs/report")
@needs("desk")
def report() -> ResponseReturnValue:
    """Say how the call went; the form's key makes a second sending harmless."""
    matters, result = request.form.getlist("matters"), words("result")
    try:
        call_backs.report(town(), _rider(), result, matters, key=words("key"), actor=current_user.id)
    except Conflict as fault:
        return _page(error_text(str(fault))), 409
    flash(_said(result), "success")
    return _back()


@pages.post("/desk/call-backs/leave")
@needs("desk")
def leave() -> ResponseReturnValue:
    """Leave somebody to the colleagues."""
    call_backs.give_back(town(), _rider(), actor=current_user.id)
    return _back()


@pages.post("/desk/call-backs/open")
@needs("desk")
def open_call() -> ResponseReturnValue:
    """Open the screen of a call with somebody of the list."""
    session[ACTING] = [current_user.id, _rider()]
    session.pop("call", None)
    return redirect(url_for("calls.show"))


def _said(result: str) -> str:
    return {
        call_backs.REACHED: _("Told. The next person is below."),
        call_backs.MISSED: _("They come up again later. The next person is below."),
        call_backs.GIVEN_UP: _("Taken off the list. The next person is below."),
    }[result]


def _rider() -> str:
    return accounts.get_rider(town(), words("user")).id


def _everybody() -> bool:
    return "all" in request.values


def _back() -> ResponseReturnValue:
    return redirect(url_for(".show", all=1) if _everybody() else url_for(".show"))


def _page(warning: str = "") -> str:
    people = call_backs.list_people(town(), everybody=_everybody())
    listed = [
        {
            "person": one,
            "matters": [(matter.key, scripts.news(matter.kind, matter.trip)) for matter in one.matters],
            "mine": bool(one.holder) and one.turn is not None and one.turn.taken_by == current_user.id,
        }
        for one in people
    ]
    listed.sort(key=lambda one: not one["mine"])
    return render_template("desk/call_backs.html", people=listed, all=_everybody(), warning=warning)
