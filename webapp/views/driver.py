"""The driver's pages: which runs, what the manifest says, and one big button for each thing that happens."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from flask import Blueprint, Response, current_app, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp.services import dispatching, driving
from webapp.services.driving import Manifest, Passenger, Tap, Visit
from webapp.services.errors import Invalid
from webapp.views import days
from webapp.views.shared import needs, town, write_clock

pages = Blueprint("driver", __name__)

OPEN = {"boarding": ("expected",), "alighting": ("expected", "boarded")}
"""States in which somebody at a stop still has to be tapped."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A manifest as it is read on the road: what is next, what comes, what was left open behind, what is done."""

    now: Visit | None
    later: tuple[Visit, ...]
    left_open: tuple[tuple[Visit, Passenger, str], ...]
    done: tuple[Visit, ...]


@pages.get("/drive")
@needs("driver")
def runs() -> ResponseReturnValue:
    """Today's runs, or those of the next date that has any."""
    shown = days.chosen(dispatching.list_dates(town(), current_user.operator_id))
    day = dispatching.read_day(town(), shown.shown, operator=current_user.operator_id)
    return render_template("driver/runs.html", days=shown, sheets=day.sheets, today=town().today())


@pages.get("/drive/<run_id>")
@needs("driver")
def manifest(run_id: str) -> ResponseReturnValue:
    """A run's manifest, which then keeps itself up to date."""
    read = driving.read_manifest(town(), run_id, operator=current_user.operator_id)
    worker = url_for("service_worker", v=current_app.config["STATIC_VERSION"])
    return render_template("driver/manifest.html", **_facts(read), owner=_owner(), service_worker=worker)


@pages.get("/drive/<run_id>/manifest")
@needs("driver")
def live_manifest(run_id: str) -> ResponseReturnValue:
    """The part of the manifest that changes; 304 while it has not."""
    version = driving.manifest_version(town(), run_id, operator=current_user.operator_id)
    if version in request.if_none_match:
        return Response(status=304, headers={"ETag": f'"{version}"'})
    read = driving.read_manifest(town(), run_id, operator=current_user.operator_id)
    page = render_template("driver/_manifest.html", **_facts(read), message=_news(read))
    return page, {"ETag": f'"{read.version}"'}


@pages.post("/drive/<run_id>/events")
@needs("driver")
def event(run_id: str) -> ResponseReturnValue:
    """Record a tap: sent by the page's script when there is a connection, or as a plain form."""
    new = driving.record(town(), _tap(run_id), operator=current_user.operator_id, actor=current_user.id)
    if request.accept_mimetypes.best == "application/json":
        return jsonify(recorded=True, repeated=not new)
    return redirect(url_for("driver.manifest", run_id=run_id))


def _tap(run_id: str) -> Tap:
    """Read a tap; a form sent without the page's script has no id and no time of its own."""
    form = request.form
    return Tap(
        id=form.get("event_id") or str(uuid4()),
        run=run_id,
        stop=form.get("stop", ""),
        kind=form.get("kind", ""),
        happened_at=_instant(form.get("device_time", "")),
        ride=form.get("ride", ""),
    )


def _instant(text: str) -> datetime:
    if not text:
        return town().clock()
    try:
        said = datetime.fromisoformat(text)
        return (said.astimezone(UTC) if said.tzinfo else said).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise Invalid("time") from error


def _facts(read: Manifest) -> dict[str, object]:
    return {
        "manifest": read,
        "day": read.head.service_date,
        "run_id": read.head.id,
        "sheet": _sheet(read),
        "etag": f'"{read.version}"',
    }


def _sheet(read: Manifest) -> Sheet:
    done = tuple(visit for visit in read.visits if visit.state == "departed")
    ahead = read.visits[len(done) :]
    left_open = tuple(
        (visit, passenger, way)
        for visit in done
        for way, states in OPEN.items()
        for passenger in getattr(visit, way)
        if passenger.state in states and not (way == "alighting" and passenger.state == "expected")
    )
    return Sheet(ahead[0] if ahead else None, ahead[1:], left_open, done)


def _news(read: Manifest) -> str:
    """Say what changed since the page last asked: a driver hears of a booking without looking for it."""
    known = next(iter(request.if_none_match.as_set(include_weak=True)), "").partition("-")[0]
    if not known.isdecimal() or len(known) > 9 or int(known) >= read.head.revision:
        return ""
    came, went = driving.changes_since(town(), read.head.id, int(known), operator=read.head.operator_id)
    told = [
        _("Booking added: %(time)s %(place)s", time=write_clock(visit.time, read.head.service_date), place=visit.label)
        for visit in read.visits
        for passenger in visit.boarding
        if passenger.ride in came
    ]
    if went:
        told.append(_("Booking cancelled: the list has changed."))
    return ". ".join(told) or _("The plan of this run has changed.")


def _owner() -> str:
    """Mark what a device keeps as this driver's own, without writing the id there."""
    return hashlib.sha256(f"driver {current_user.id}".encode()).hexdigest()[:16]
