"""Family acts for somebody who agreed: who helps me, whom I help, and for whom the pages are now."""

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from webapp.db import tables
from webapp.services import proxies
from webapp.services.errors import Conflict, Invalid, NotFound
from webapp.views.riders import for_self
from webapp.views.shared import ACTING, acts_by_phone, error_text, needs, sends, town, words

pages = Blueprint("helpers", __name__)


@pages.get("/helpers")
@for_self
def show(rider: tables.User) -> ResponseReturnValue:
    """List who acts for a rider, and for whom the rider acts."""
    return _page(rider, "", {})


@pages.post("/helpers")
@sends(consent="")
@for_self
def name(rider: tables.User) -> ResponseReturnValue:
    """Name one more helper; the desk says that it made sure of the rider's consent."""
    said = words("helper", 254)
    agreed = not acts_by_phone() or "consent" in request.form
    try:
        proxies.name(town(), rider.id, said, actor=current_user.id, agreed=agreed)
    except (Invalid, Conflict) as fault:
        field = "consent" if str(fault) == "consent" else "helper"
        return _page(rider, said, {field: error_text(str(fault))})
    return redirect(url_for(".show"))


@pages.post("/helpers/<proxy_id>/accept")
@for_self
def accept(rider: tables.User, proxy_id: str) -> ResponseReturnValue:
    """Begin to act for somebody."""
    proxies.accept(town(), proxy_id, rider.id)
    return redirect(url_for(".show"))


@pages.post("/helpers/<proxy_id>/end")
@for_self
def end(rider: tables.User, proxy_id: str) -> ResponseReturnValue:
    """End that one person acts for the other."""
    proxies.end(town(), proxy_id, rider.id, actor=current_user.id)
    return redirect(url_for(".show"))


@pages.post("/act-for")
@needs("resident")
def act_for() -> ResponseReturnValue:
    """Choose for whom the pages are from here on: oneself, or somebody who agreed."""
    rider = words("rider")
    session.pop(ACTING, None)
    if rider and rider != current_user.id:
        if not proxies.may_act(town(), current_user.id, rider):
            raise NotFound("proxy")
        session[ACTING] = [current_user.id, rider]
    return redirect(url_for("resident.trips"))


def _page(rider: tables.User, said: str, errors: dict[str, str]) -> ResponseReturnValue:
    page = {
        "helpers": proxies.list_helpers(town(), rider.id),
        "helped": proxies.list_helped(town(), rider.id),
        "said": said,
        "errors": errors,
        "by_phone": acts_by_phone(),
    }
    return render_template("resident/helpers.html", **page), 422 if errors else 200
