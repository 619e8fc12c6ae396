"""Tablets that drivers share: a dispatcher's page on them, and how a driver signs in on one by name and PIN."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from flask import Blueprint, current_app, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from webapp.db import tables
from webapp.services import dispatching, tablets, watching
from webapp.services.errors import Conflict, Invalid
from webapp.views import days
from webapp.views.auth import enter, leave
from webapp.views.shared import anybody, error_text, needs, sign_in_page, town, words

pages = Blueprint("tablets", __name__)

COOKIE = "noriai-tablet"
ALWAYS = ("noriai.css", "logo.svg", "favicon.svg", "js/app.js", "js/live.js", "vendor/htmx.esm.min.js")
"""Files that every page of the driver loads, beside the modules of `js/driver`."""
COOKIE_LIFE = timedelta(days=400)
"""As long as browsers keep a cookie; it is set anew at each sign-in."""
SHIFT = timedelta(hours=14)
AFTER_LAST_RUN = timedelta(minutes=10)


def here() -> tables.Tablet | None:
    """Give the tablet that asks, if it is one."""
    if "tablet" not in g:
        shown = request.cookies.get(COOKIE, "")
        g.tablet = tablets.find(town(), shown) if shown else None
    return cast(tables.Tablet | None, g.tablet)


@pages.app_template_global("driver_files")
def _files() -> list[str]:
    """List the files that the driver's pages load, so that a device keeps them before it needs them."""
    folder = Path(str(current_app.static_folder))
    own = sorted(f"js/driver/{path.name}" for path in (folder / "js" / "driver").glob("*.js"))
    return [url_for("static", filename=name) for name in (*ALWAYS, *own)]


def run_closed(run_id: str) -> None:
    """Let the session on a shared tablet end soon after the last run of its vehicle was closed."""
    if "until" not in session:
        return
    today = town().today()
    sheets = dispatching.read_day(town(), today, operator=current_user.operator_id).sheets
    vehicle = next((sheet.head.vehicle for sheet in sheets if sheet.head.id == run_id), None)
    own = {sheet.head.id for sheet in sheets if sheet.head.vehicle == vehicle}
    if not own - watching.list_closed(town(), own):
        session["until"] = min(session["until"], _stamp(town().clock() + AFTER_LAST_RUN))


@pages.before_app_request
def _end_shift() -> ResponseReturnValue | None:
    """End a session on a shared tablet when the shift is over, or when the tablet was revoked."""
    if "until" not in session or request.endpoint == "static" or not current_user.is_authenticated:
        return None
    tablet = here()
    if tablet and tablet.operator_id == current_user.operator_id and _stamp(town().clock()) <= session["until"]:
        return None
    leave()
    return None if request.endpoint == "driver.event" else redirect(url_for("tablets.who", ended=1))


@pages.get("/dispatch/tablets")
@needs("dispatcher")
def overview() -> ResponseReturnValue:
    """The operator's tablets and its drivers' PINs."""
    return _overview()


@pages.post("/dispatch/tablets")
@needs("dispatcher")
def enrol() -> ResponseReturnValue:
    """Make this very device a tablet of the operator, and sign the dispatcher out of it."""
    try:
        _row, shown = tablets.enrol(town(), words("name"), operator=current_user.operator_id, actor=current_user.id)
    except Invalid as fault:
        return _overview({"name": error_text(str(fault))}), 422
    leave()
    answer = redirect(url_for("tablets.who"))
    _keep_cookie(answer, shown)
    return answer


@pages.post("/dispatch/tablets/<tablet_id>/revoke")
@needs("dispatcher")
def revoke(tablet_id: str) -> ResponseReturnValue:
    """Let a tablet open nothing any more."""
    tablets.revoke(town(), tablet_id, operator=current_user.operator_id)
    flash(_("This tablet opens nothing any more."), "success")
    return redirect(url_for("tablets.overview"))


@pages.post("/dispatch/drivers/<driver_id>/pin")
@needs("dispatcher")
def set_pin(driver_id: str) -> ResponseReturnValue:
    """Give a driver a PIN."""
    try:
        tablets.set_pin(town(), driver_id, words("pin"), operator=current_user.operator_id, actor=current_user.id)
    except Invalid as fault:
        return _overview({f"pin-{driver_id}": error_text(str(fault))}), 422
    flash(_("The new PIN counts from now on."), "success")
    return redirect(url_for("tablets.overview"))


@pages.get("/tablet")
@anybody
def who() -> ResponseReturnValue:
    """Ask which driver it is; names stand on an enrolled tablet only."""
    tablet = here()
    if tablet is None:
        return redirect(sign_in_page())
    return render_template("driver/who.html", tablet=tablet, drivers=_drivers(tablet), **_connection(), errors={})


@pages.post("/tablet")
@anybody
def choose() -> ResponseReturnValue:
    """Remember which driver it is."""
    tablet = here()
    if tablet is None:
        return redirect(sign_in_page())
    if words("driver") not in {user.id for user in _drivers(tablet)}:
        errors = {"driver": error_text("person")}
        page = {"tablet": tablet, "drivers": _drivers(tablet), "errors": errors, **_connection()}
        return render_template("driver/who.html", **page), 422
    session["driver"] = words("driver")
    return redirect(url_for("tablets.pin"))


@pages.get("/tablet/pin")
@anybody
def pin() -> ResponseReturnValue:
    """Ask for the PIN."""
    driver = _chosen()
    return render_template("driver/pin.html", driver=driver, errors={}) if driver else redirect(url_for("tablets.who"))


@pages.post("/tablet/pin")
@anybody
def try_pin() -> ResponseReturnValue:
    """Try the PIN, and begin a shift."""
    driver, tablet = _chosen(), here()
    if driver is None or tablet is None:
        return redirect(url_for("tablets.who"))
    try:
        row = tablets.sign_in(town(), tablet, driver.id, words("pin"), peer=request.remote_addr or "")
    except (Invalid, Conflict) as fault:
        return render_template("driver/pin.html", driver=driver, errors={"pin": error_text(str(fault))}), 422
    enter(row, own=True)
    session["until"] = _stamp(town().clock() + SHIFT)
    answer = redirect(url_for("driver.runs"))
    _keep_cookie(answer, request.cookies[COOKIE])
    return answer


def _chosen() -> tables.User | None:
    tablet = here()
    known = _drivers(tablet) if tablet else []
    return next((user for user in known if user.id == session.get("driver")), None)


def _drivers(tablet: tables.Tablet) -> list[tables.User]:
    return [user for user, kept in tablets.list_drivers(town(), tablet.operator_id) if kept]


def _connection() -> dict[str, object]:
    """Let what earlier drivers left unsent go out from here, too; nobody is signed in."""
    worker = url_for("service_worker", v=current_app.config["STATIC_VERSION"])
    return {"owner": "", "ticket": "", "keep": [], "service_worker": worker, "ended": "ended" in request.args}


def _overview(errors: dict[str, str] | None = None) -> str:
    operator = current_user.operator_id
    return render_template(
        "dispatcher/tablets.html",
        tablets=tablets.list_tablets(town(), operator),
        drivers=tablets.list_drivers(town(), operator),
        most=tablets.MOST_TRIES,
        this=here(),
        moment=days.write_moment,
        errors=errors or {},
    )


def _keep_cookie(answer: Response, shown: str) -> None:
    answer.set_cookie(
        COOKIE,
        shown,
        max_age=COOKIE_LIFE,
        httponly=True,
        samesite="Lax",
        secure=town().settings.https,
    )


def _stamp(instant: datetime) -> int:
    return int(instant.replace(tzinfo=UTC).timestamp())
