"""The driver's pages: which runs, what the manifest says, and one big button for each thing that happens."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp.db import tables
from webapp.db.store import NotFound as NoRecord
from webapp.services import access, boarding, dispatching, driving, tablets, watching
from webapp.services.driving import Change, Manifest, Passenger, Tap, Visit
from webapp.services.errors import Conflict, Invalid, NotFound, ServiceError
from webapp.views import days
from webapp.views.shared import anybody, error_text, needs, sign_in_page, town, words, write_clock
from webapp.views.tablets import here, run_closed

pages = Blueprint("driver", __name__)

OPEN = {"boarding": ("expected",), "alighting": ("expected", "boarded")}
"""States in which somebody at a stop still has to be tapped."""
LOOKED = ("seats", "blankets", "boot")
"""What a driver looks through before a run is closed."""
REFUSALS: dict[type[Exception], int] = {Invalid: 422, NotFound: 404, NoRecord: 404, Conflict: 409}
OWN_CAMERA = "geolocation=(self), camera=(self), microphone=()"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A manifest as it is read on the road: what is next, what comes, what was left open behind, what is done."""

    now: Visit | None
    later: tuple[Visit, ...]
    left_open: tuple[tuple[Visit, Passenger, str], ...]
    done: tuple[Visit, ...]


@pages.after_request
def _let_scan(response: Response) -> Response:
    """Let these pages alone use the camera: it reads what residents show."""
    response.headers["Permissions-Policy"] = OWN_CAMERA
    return response


@pages.get("/drive")
@needs("driver")
def runs() -> ResponseReturnValue:
    """Today's runs of the chosen vehicle, or those of the next date that has any; the others are a step away."""
    shown = days.chosen(dispatching.list_dates(town(), current_user.operator_id))
    sheets = dispatching.read_day(town(), shown.shown, operator=current_user.operator_id).sheets
    vehicles = sorted({sheet.head.vehicle for sheet in sheets})
    chosen = session.get("vehicle") if session.get("vehicle") in vehicles else None
    own = [sheet for sheet in sheets if chosen in (None, sheet.head.vehicle)]
    opening = access.openings(town(), [sheet.head.id for sheet in sheets])
    keep = [url_for("driver.manifest", run_id=sheet.head.id) for sheet in own if opening[sheet.head.id].now]
    return render_template(
        "driver/runs.html",
        days=shown,
        own=own,
        others=[sheet for sheet in sheets if sheet not in own],
        vehicles=vehicles,
        vehicle=chosen,
        opening=opening,
        now=town().clock(),
        today=town().today(),
        **_connection(keep if shown.shown == town().today() and (chosen or len(vehicles) == 1) else ()),
    )


@pages.post("/drive/vehicle")
@needs("driver")
def choose_vehicle() -> ResponseReturnValue:
    """Remember which vehicle the driver has today."""
    session["vehicle"] = words("vehicle")
    return redirect(url_for("driver.runs"))


@pages.get("/drive/<run_id>")
@needs("driver")
def manifest(run_id: str) -> ResponseReturnValue:
    """A run's manifest, which then keeps itself up to date."""
    read = driving.read_manifest(town(), run_id, operator=current_user.operator_id)
    watching.seen(town(), run_id, read.head.revision)
    return render_template("driver/manifest.html", **_facts(read), **_connection(()))


@pages.get("/drive/<run_id>/manifest")
@needs("driver")
def live_manifest(run_id: str) -> ResponseReturnValue:
    """The part of the manifest that changes; 304 while it has not."""
    version = driving.manifest_version(town(), run_id, operator=current_user.operator_id)
    if version in request.if_none_match:
        watching.seen(town(), run_id, _revision(version))
        return Response(status=304, headers={"ETag": f'"{version}"'})
    read = driving.read_manifest(town(), run_id, operator=current_user.operator_id)
    watching.seen(town(), run_id, read.head.revision)
    page = render_template("driver/_manifest.html", **_facts(read), message=_news(read))
    return page, {"ETag": f'"{read.version}"'}


@pages.post("/drive/<run_id>/events")
@anybody
def event(run_id: str) -> ResponseReturnValue:
    """Record a tap: sent by the page's script when there is a connection, or as a plain form.

    What a device kept is sent with the ticket of who tapped it, whoever is signed in by then.
    """
    wants_json = request.accept_mimetypes.best == "application/json"
    driver = _who_tapped()
    if driver is None:
        return (jsonify(reason=""), 401) if wants_json else redirect(sign_in_page(next="/drive"))
    try:
        tap = _tap(run_id)
        new = driving.record(town(), tap, operator=driver.operator_id or "", actor=driver.id)
    except (ServiceError, NoRecord) as fault:
        if not wants_json:
            raise
        return jsonify(reason=error_text(str(fault))), REFUSALS.get(type(fault), 422)
    if tap.kind == "closed":
        run_closed(run_id)
    if wants_json:
        return jsonify(recorded=True, repeated=not new)
    return redirect(url_for("driver.manifest", run_id=run_id))


@pages.post("/drive/<run_id>/check")
@needs("driver")
def check(run_id: str) -> ResponseReturnValue:
    """Check what a rider said, where the page's script cannot."""
    read = driving.read_manifest(town(), run_id, operator=current_user.operator_id)
    ride = words("ride")
    rider = next((one for visit in read.visits for one in visit.boarding if one.ride == ride and one.check), None)
    if rider is None:
        raise NotFound("ride")
    booking = driving.booking_of(town(), run_id, ride, operator=current_user.operator_id)
    if boarding.matches(town(), booking, words("said")) and rider.state == "boarded":
        said = _("%(name)s is aboard already. Ask for the name: this may be a copy.", name=rider.name)
        flash(said, "warning")
    elif boarding.matches(town(), booking, words("said")):
        flash(_("Right: this is %(name)s.", name=rider.name), "success")
    else:
        flash(_("This is not the number of %(name)s. Ask for the name before they board.", name=rider.name), "warning")
    return redirect(url_for("driver.manifest", run_id=run_id))


@pages.post("/remarks/<event_id>/answered")
@needs("desk", "dispatcher")
def answer(event_id: str) -> ResponseReturnValue:
    """Put a driver's note or wish for a call away; a dispatcher those of the own operator."""
    operator = None if "desk" in current_user.role_names else current_user.operator_id
    watching.answer(town(), event_id, actor=current_user.id, operator=operator)
    return redirect(url_for("desk.find" if operator is None else "dispatcher.day"))


@pages.get("/drive/app.webmanifest")
@anybody
def web_manifest() -> ResponseReturnValue:
    """What a device needs to install the driver's pages."""
    picture = {"type": "image/png"}
    icons = [
        {"src": url_for("static", filename=f"icon-{size}.png"), "sizes": f"{size}x{size}", **picture, "purpose": use}
        for size in (192, 512)
        for use in ("any", "maskable")
    ]
    said = {
        "name": _("Noriai for drivers"),
        "short_name": "Noriai",
        "start_url": url_for("driver.runs"),
        "scope": "/",
        "display": "standalone",
        "background_color": "#faf6ed",
        "theme_color": "#0d4a3b",
        "icons": icons,
    }
    answer = jsonify(said)
    answer.mimetype = "application/manifest+json"
    return answer


def _who_tapped() -> tables.User | None:
    """Give the driver who tapped: by the ticket that came with the tap, else who is signed in.

    A ticket counts on the tablet that it was made for, or beside a driver of the same operator who is signed in.
    """
    tablet, signed_in = here(), current_user.is_authenticated
    if signed_in and "driver" not in current_user.role_names:
        abort(404)
    said = request.form.get("ticket", "")[:200]
    owner = tablets.read_ticket(town(), said, tablet.id if tablet else "") if said else None
    operator = tablet.operator_id if tablet else current_user.operator_id if signed_in else None
    if owner and operator and owner.operator_id == operator:
        return owner
    return current_user.row if signed_in and not said else None


def _tap(run_id: str) -> Tap:
    """Read a tap; a form sent without the page's script has no id and no time of its own."""
    form = request.form
    revision = form.get("revision", "")
    return Tap(
        id=form.get("event_id") or str(uuid4()),
        run=run_id,
        stop=form.get("stop", ""),
        kind=form.get("kind", ""),
        happened_at=_instant(form.get("device_time", "")),
        ride=form.get("ride", ""),
        device_now=_instant(form["device_now"]) if form.get("device_now") else None,
        was=form.get("was", ""),
        about=form.get("about", ""),
        text=" ".join("".join(one if one.isprintable() else " " for one in form.get("text", "")).split()),
        revision=int(revision) if revision.isdecimal() and len(revision) < 10 else 0,
        looked={*LOOKED} <= {*form.getlist("looked")} or form.get("looked") == ",".join(LOOKED),
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
        "positions": {visit.stop: at for at, visit in enumerate(read.visits)},
        "change_text": change_text,
        "ways": ways,
        "reference": watching.reference,
        "checks": {one.ride: one.check for visit in read.visits for one in visit.boarding if one.check},
        "last": read.last,
    }


def _connection(keep: Sequence[str]) -> dict[str, Any]:
    """Give what the page's script needs: who taps, by which ticket that is sent, and which pages are to be kept."""
    tablet = here()
    owner = hashlib.sha256(f"driver {current_user.id}".encode()).hexdigest()[:16]
    return {
        "owner": owner,
        "ticket": tablets.ticket(town(), current_user.id, tablet.id if tablet else ""),
        "keep": list(keep),
        "service_worker": url_for("service_worker", v=current_app.config["STATIC_VERSION"]),
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


def ways(visit: Visit) -> list[tuple[str, str]]:
    """List the programs that lead the way to a stop, each with the address that opens it there."""
    lat, lon = f"{visit.place.lat:.6f}", f"{visit.place.lon:.6f}"
    return [
        (_("Map of this device"), f"geo:{lat},{lon}?q={lat},{lon}"),
        ("Google Maps", f"https://www.google.com/maps/dir/?api=1&destination={lat},{lon}&travelmode=driving"),
        ("Apple Maps", f"https://maps.apple.com/?daddr={lat},{lon}&dirflg=d"),
        ("OpenStreetMap", f"https://www.openstreetmap.org/directions?to={lat},{lon}"),
    ]


def _revision(version: str) -> int:
    """Read the revision that a version begins with; -1 for what is none."""
    said = version.partition("-")[0]
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else -1


def _news(read: Manifest) -> str:
    """Say what changed since the page last asked: a driver hears of a booking without looking for it."""
    known = _revision(next(iter(request.if_none_match.as_set(include_weak=True)), ""))
    if not 0 <= known < read.head.revision:
        return ""
    return ". ".join(change_text(change, read) for change in read.changes) or _("The plan of this run has changed.")


def change_text(change: Change, read: Manifest) -> str:
    """Say one thing that is new on a run."""
    clock = "" if change.time is None else write_clock(change.time, read.head.service_date)
    if change.kind == "came":
        return _("Booking added: %(time)s %(place)s", time=clock, place=change.label)
    if change.kind == "absent":
        return _("Absent today: %(name)s", name=change.name)
    if change.kind == "went" and change.label:
        return _("Booking cancelled: %(time)s %(place)s", time=clock, place=change.label)
    if change.kind == "went" and clock:
        return _("Booking cancelled: %(time)s", time=clock)
    return (
        _("Booking cancelled: the list has changed.")
        if change.kind == "went"
        else _("The plan of this run has changed.")
    )
