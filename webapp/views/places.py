"""A rider's own places: to see, to rename and to remove; the desk does so for a caller."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from routing.times import Place
from webapp.db import tables
from webapp.services import places
from webapp.services.errors import Invalid
from webapp.views.riders import for_rider
from webapp.views.shared import error_text, town, words, write_name

pages = Blueprint("places", __name__)


@pages.get("/places")
@for_rider
def show(rider: tables.User) -> ResponseReturnValue:
    """Show the places that a rider saved."""
    return _show(rider)


@pages.post("/places/<place_id>/rename")
@for_rider
def rename(rider: tables.User, place_id: str) -> ResponseReturnValue:
    """Give a place another word."""
    field = f"label-{place_id}"
    try:
        places.rename(town(), place_id, rider.id, words(field, 1000))
    except Invalid as fault:
        return _show(rider, {field: error_text(str(fault))}, {place_id: words(field)})
    return redirect(url_for(".show"))


@pages.post("/places/<place_id>/remove")
@for_rider
def remove(rider: tables.User, place_id: str) -> ResponseReturnValue:
    """Forget a place."""
    places.remove(town(), place_id, rider.id)
    return redirect(url_for(".show"))


def _show(
    rider: tables.User, errors: dict[str, str] | None = None, said: dict[str, str] | None = None
) -> ResponseReturnValue:
    saved = [
        (one, write_name(one.name, Place(one.lat, one.lon)), (said or {}).get(one.id, one.label))
        for one in places.list_saved(town(), rider.id)
    ]
    return render_template("resident/places.html", saved=saved, errors=errors or {}), 422 if errors else 200
