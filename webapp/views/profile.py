"""What is always true of a rider's trips, told once: by the rider, or by the desk for a caller."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from webapp.db import tables
from webapp.services import accounts, places, trips
from webapp.services.errors import Invalid
from webapp.views.questions import PARTY, said_needs, said_party
from webapp.views.riders import for_rider
from webapp.views.shared import error_text, town, walks, words, written

pages = Blueprint("profile", __name__)


@pages.get("/profile")
@for_rider
def show(rider: tables.User) -> ResponseReturnValue:
    """Show who travels on a rider's trips as a rule, and from where."""
    return _show(rider, {field: getattr(rider, field) for field in PARTY} | {"home": rider.home_id or ""}, rider.needs)


@pages.post("/profile")
@for_rider
def keep(rider: tables.User) -> ResponseReturnValue:
    """Keep that for all trips to come; what is booked or waits stays as it was asked for."""
    needs = said_needs()
    try:
        accounts.set_usual(town(), rider.id, needs=needs, home=words("home"), **said_party())
    except Invalid as fault:
        return _show(rider, written(), needs, {str(fault): error_text(str(fault))})
    return redirect(url_for("resident.trips"))


def _show(
    rider: tables.User, said: Mapping[str, Any], needs: list[str], errors: dict[str, str] | None = None
) -> ResponseReturnValue:
    saved = [(one.id, one.label) for one in places.list_saved(town(), rider.id)]
    page = {"said": said, "needs": needs, "errors": errors or {}, "saved": saved, "walks": walks(rider.max_walk)}
    return render_template("resident/profile.html", **page, room=trips.asks_for_room(town())), 422 if errors else 200
