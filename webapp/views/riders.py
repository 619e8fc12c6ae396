"""Whose page it is: hand a view the rider, the rider's own request or the rider's own booking, and nobody else's."""

from functools import wraps
from typing import Any

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from webapp.db import tables
from webapp.services import trips
from webapp.views.shared import View, about_rider, find_rider, town


def for_rider(view: View) -> View:
    """Hand a page the rider it is about; a desk that acts for nobody is led to its search."""

    @wraps(view)
    def opened(**answers: Any) -> ResponseReturnValue:
        rider = find_rider()
        return view(rider, **answers) if rider else redirect(url_for("desk.find"))

    return about_rider(opened, helpers=True)


def for_self(view: View) -> View:
    """Hand a page the rider, and nobody who acts for them but the desk: it is not for helpers (404)."""
    return about_rider(for_rider(view), helpers=False)


def of_request(view: View) -> View:
    """Hand a page the rider's own request; one that was booked leads to its booking."""

    @for_rider
    @wraps(view)
    def opened(rider: tables.User, request_id: str, **answers: Any) -> ResponseReturnValue:
        row = trips.get_request(town(), request_id, rider.id)
        if row.status in ("booked", "changed"):
            return redirect(url_for("resident.booked", booking_id=trips.get_booked(town(), row).id))
        return view(row, **answers)

    return opened


def of_trip(view: View) -> View:
    """Hand a page the rider's own booking."""

    @for_rider
    @wraps(view)
    def opened(rider: tables.User, booking_id: str, **answers: Any) -> ResponseReturnValue:
        return view(trips.get_trip(town(), booking_id, rider.id), **answers)

    return opened
