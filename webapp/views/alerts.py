"""The one list of alerts that a dispatcher works down, and their number in the navigation."""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from webapp.db.store import Store
from webapp.services import alerts as alerting
from webapp.services import dispatching
from webapp.services.alerts import Alert, Standing
from webapp.services.errors import Conflict, Invalid
from webapp.views import days
from webapp.views.shared import language, needs, rule_text, town, words, write_span

pages = Blueprint("alerts", __name__)

FRESH = timedelta(seconds=30)
"""For so long the number of alerts in the navigation may be an old one."""

_counts: WeakKeyDictionary[Store, dict[str, tuple[datetime, int]]] = WeakKeyDictionary()


@pages.get("/dispatch/alerts")
@needs("dispatcher")
def show() -> ResponseReturnValue:
    """All that needs a look, the most urgent first."""
    shown = days.chosen(dispatching.list_dates(town(), current_user.operator_id))
    return render_template("dispatcher/alerts.html", days=shown, **_facts(shown.shown))


@pages.get("/dispatch/alerts/live")
@needs("dispatcher")
def live() -> ResponseReturnValue:
    """The list of alerts, for a page that is open; 304 while nothing about it is new."""
    facts = _facts(days.read_day(request.args.get("day", "")) or town().today())
    if facts["version"] in request.if_none_match:
        return Response(status=304, headers={"ETag": f'"{facts["version"]}"'})
    return render_template("dispatcher/_alerts.html", **facts), {"ETag": f'"{facts["version"]}"'}


@pages.post("/dispatch/alerts")
@needs("dispatcher")
def work() -> ResponseReturnValue:
    """Take an alert, leave it to others, note something, or put it away."""
    day = days.read_day(words("day"))
    if day is None:
        raise Invalid("date")
    own = {"operator": current_user.operator_id, "actor": current_user.id}
    try:
        note = words("note", alerting.LONGEST_NOTE)
        alerting.work(town(), day, words("alert", 200), words("step"), key=words("key"), note=note, **own)
    except Conflict:
        flash(_("This alert is over by now."), "success")
    except Invalid as fault:
        if str(fault) != "note":
            raise
        facts = _facts(day)
        errors = {f"note-{_id(words('alert', 200))}": _("Write what you did or found out, in a few words.")}
        shown = days.chosen(dispatching.list_dates(town(), current_user.operator_id))
        return render_template("dispatcher/alerts.html", days=shown, **{**facts, "errors": errors}), 422
    _counts.pop(town().store, None)
    return redirect(url_for("alerts.show", day=day.isoformat()))


def _facts(day: date) -> dict[str, Any]:
    working = alerting.read(town(), day, operator=current_user.operator_id)
    told = [repr((one.alert, one.steps, one.again)) for one in (*working.standing, *working.away)]
    version = hashlib.sha256("\n".join([language(), *told]).encode()).hexdigest()[:20]
    return {
        "day": day,
        "standing": [_written(one) for one in working.standing],
        "away": [_written(one) for one in working.away],
        "version": version,
        "etag": f'"{version}"',
        "keys": " ".join(f"{_id(one.alert.key)}-{one.alert.grade}" for one in working.standing if not one.taken),
        "errors": {},
    }


def _id(key: str) -> str:
    """Name an alert within a page."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def _written(one: Standing) -> dict[str, Any]:
    alert = one.alert
    return {
        "one": one,
        "alert": alert,
        "id": _id(alert.key),
        "text": alert_text(alert),
        "todo": todo(alert),
        "grave": "danger" if alert.kind in alerting.GRAVE else "warning",
        "since": "" if alert.since is None else days.write_moment(alert.since),
        "steps": [(step, days.write_moment(step.at)) for step in one.steps],
    }


def alert_text(alert: Alert) -> str:
    """Say what is the matter."""
    run, number = alert.run[1] if alert.run else "", alert.amount
    if alert.kind == "late":
        span = write_span(alert.amount * 60)
        return _("%(run)s is %(span)s late at %(place)s", run=run, span=span, place=alert.about or "–")
    if alert.kind in ("silent", "offline"):
        span = write_span(alert.amount * 60)
        if alert.kind == "silent":
            return _("%(run)s should have begun %(span)s ago, and nothing was heard of it", run=run, span=span)
        return _("The driver's device of %(run)s has not been heard of for %(span)s", run=run, span=span)
    if alert.kind == "aboard":
        return ngettext(
            "%(run)s is over, but %(num)s rider is aboard or not accounted for",
            "%(run)s is over, but %(num)s riders are aboard or not accounted for", number, run=run,
        )  # fmt: skip
    if alert.kind == "waiting":
        text = ngettext("%(num)s request without a seat", "%(num)s requests without a seat", number)
        return f"{text}: {rule_text(alert.about)}"
    last = days.write_short(alert.day) if alert.day else ""
    ends = {"schedule": _("The schedules"), "agreement": _("The agreement with the town")}.get(alert.about, "")
    return {
        "unread": _("The driver of %(run)s has not read today's changes", run=run),
        "unclosed": _("%(run)s is over, but was not ended", run=run),
        "broken": _("%(run)s would break a promise as it is planned", run=run),
        "wanted": _("%(name)s was to come after all, but the seat is promised to somebody else.", name=alert.about),
        "staying": _(
            "%(name)s is absent, but the seat stays taken: without it a promise to another rider would be broken.",
            name=alert.about,
        ),
        "roads": ngettext("New roads changed %(num)s run", "New roads changed %(num)s runs", number),
        "runs out": _("%(what)s: the last day is %(date)s", what=ends, date=last),
        "expired": _("%(what)s: the last day was %(date)s", what=ends, date=last),
    }[alert.kind]


def todo(alert: Alert) -> list[tuple[str, str]]:
    """Say what can be done: words and an address."""
    run = url_for("dispatcher.run", run_id=alert.run[0]) if alert.run else ""
    day = alert.day.isoformat() if alert.day else None
    look = (_("Look at the run"), run)
    calls = {
        "aboard": _("Call the driver, and have somebody walk through the vehicle"),
        "silent": _("Call the driver; look for another vehicle"),
        "late": _("Call those who wait; tell the driver"),
        "offline": _("Call the driver"),
        "unread": _("Call the driver and read the changes out"),
        "unclosed": _("Ask the driver to end the run"),
    }
    if alert.kind in calls and alert.run:
        return [(f"{calls[alert.kind]}. {look[0]}", run)]
    if alert.kind == "waiting":
        return [(_("Ask your runs why"), url_for("board.list_requests", day=day))]
    if alert.kind in ("wanted", "staying", "roads"):
        return [(_("Go to the day"), url_for("dispatcher.day", day=day))]
    if alert.about == "agreement":
        return [(_("Go to the agreements"), url_for("agreements.overview"))]
    return [look] if alert.run else [(_("Hand in a schedule"), url_for("dispatcher.upload"))]


def count() -> int:
    """Count today's alerts of the signed-in dispatcher's operator, as they were at most half a minute ago."""
    operator, now = current_user.operator_id, town().clock()
    known = _counts.setdefault(town().store, {})
    at, number = known.get(operator, (datetime.min, 0))
    if not timedelta() <= now - at < FRESH:
        number = len(alerting.read(town(), town().today(), operator=operator).standing)
        known[operator] = (now, number)
    return number


def with_count(nav: Sequence[tuple[str, str, bool]]) -> list[tuple[str, str, bool]]:
    """Write the number of alerts behind their entry of the navigation."""
    address = url_for("alerts.show")
    return [(f"{label} ({count()})" if href == address else label, href, current) for label, href, current in nav]
