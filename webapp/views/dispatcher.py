"""The dispatcher's pages: the operator's day, one run, and the schedule files."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from matching.metrics import day_figures
from matching.model import Broken
from matching.schedule import free_seats
from webapp.publishing import Published
from webapp.services import dispatching, explaining, planning, schedules
from webapp.services.dispatching import RunSheet
from webapp.services.errors import Invalid
from webapp.services.schedules import Kept
from webapp.views import days
from webapp.views.shared import excess_text, language, needs, obstacle_text, rule_text, town, write_clock

pages = Blueprint("dispatcher", __name__)

SOLVE_SECONDS = 5
MOST_MESSAGES = 200
"""Remarks that one page shows: whoever has more puts these right first."""


@pages.get("/dispatch")
@needs("dispatcher")
def day() -> ResponseReturnValue:
    """The operator's day: every run with its free seats, and who booked."""
    shown = days.chosen(dispatching.list_dates(town(), current_user.operator_id))
    sheet = dispatching.read_day(town(), shown.shown, operator=current_user.operator_id)
    figures = day_figures([one.run for one in sheet.sheets], town().roads)
    bookings = [(one, booked) for one in sheet.sheets for booked in one.bookings]
    unserved = [(rule_text(reason), count) for reason, count in sheet.unserved.items()]
    return render_template(
        "dispatcher/day.html",
        days=shown,
        sheets=sheet.sheets,
        figures=figures,
        bookings=sorted(bookings, key=lambda one: one[1].booking.pickup),
        unserved=unserved,
        left=[(row, rule_text(row.reason)) for row in sheet.left],
        legs=leg_texts,
    )


@pages.get("/dispatch/requests/<request_id>")
@needs("dispatcher")
def why_not(request_id: str) -> ResponseReturnValue:
    """Why a request has no seat: what stops it on each run of the operator, and by how much."""
    row, verdicts = explaining.why_not(town(), request_id, operator=current_user.operator_id)
    shown = [(one, [_say(fault, one.sheet.labels) for fault in one.stopped]) for one in verdicts]
    return render_template("dispatcher/why_not.html", row=row, day=row.service_date, verdicts=shown)


def _say(fault: Broken, labels: dict[str, str]) -> tuple[str, str, str]:
    """Say what stops a request on a run: the rule in words, where, and by how much."""
    return obstacle_text(fault.rule), labels.get(fault.where, ""), excess_text(fault)


@pages.get("/dispatch/runs/<run_id>")
@needs("dispatcher")
def run(run_id: str) -> ResponseReturnValue:
    """One run: its stops, its seats, its map, its bookings, its history."""
    sheet, history = dispatching.read_run(town(), run_id, operator=current_user.operator_id)
    return render_template(
        "dispatcher/run.html",
        sheet=sheet,
        day=sheet.head.service_date,
        faults=[(rule_text(fault.rule), sheet.labels.get(fault.where, ""), fault.excess) for fault in sheet.faults],
        free=free_seats(sheet.run, sheet.visits),
        moment=days.write_moment,
        history=[(one.number, one.at, cause_text(one.cause)) for one in reversed(history)],
        legs=leg_texts,
        shown_time=dispatching.shown_time,
    )


@pages.get("/dispatch/runs/<run_id>.geojson")
@needs("dispatcher")
def run_map(run_id: str) -> ResponseReturnValue:
    """A run as GeoJSON: its line along the roads and its numbered stops."""
    sheet, _history = dispatching.read_run(town(), run_id, operator=current_user.operator_id)
    answer = jsonify(type="FeatureCollection", features=[_line(sheet), *_points(sheet)])
    answer.mimetype = "application/geo+json"
    return answer


@pages.post("/dispatch/replan")
@needs("dispatcher")
def replan() -> ResponseReturnValue:
    """Look for seats for the waiting list of a day."""
    wanted = days.read_day(request.form.get("day", ""))
    if wanted is None:
        raise Invalid("replan day")
    done = planning.replan(town(), wanted, seconds=SOLVE_SECONDS)
    found = len(done.booked)
    said = ngettext(
        "A seat was found for %(num)s waiting request.", "Seats were found for %(num)s waiting requests.", found
    )
    said = said if found else _("No seat was found for those who wait. Every booking stays as it is.")
    most = _("%(served)s of at most %(most)s requests have a seat.", served=done.after, most=done.upper_bound)
    flash(f"{said} {most}" if done.upper_bound else said, "success")
    return redirect(url_for("dispatcher.day", day=wanted.isoformat()))


@pages.get("/dispatch/upload")
@needs("dispatcher")
def upload() -> ResponseReturnValue:
    """Where a schedule file is handed in."""
    return _upload_page({})


@pages.post("/dispatch/upload")
@needs("dispatcher")
def hand_in() -> ResponseReturnValue:
    """Put a file aside and show what is in it."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return _upload_page({"file": _("Choose a file first.")}), 422
    row = schedules.upload(town(), file.read(), file.filename, operator=current_user.operator_id, actor=current_user.id)
    return redirect(url_for("dispatcher.uploaded", upload_id=row.id))


@pages.get("/dispatch/uploads/<upload_id>")
@needs("dispatcher")
def uploaded(upload_id: str) -> ResponseReturnValue:
    """What a file says and what taking it in would do; afterwards, what was done."""
    row = schedules.get_upload(town(), upload_id, operator=current_user.operator_id)
    if row.content is None:
        return render_template("dispatcher/upload_done.html", upload=row)
    checked = schedules.check(town(), row.content, row.filename, operator=current_user.operator_id, language=language())
    remarks = {kind: [m for m in checked.messages if m.severity == kind] for kind in ("error", "warning")}
    return render_template(
        "dispatcher/upload_check.html",
        upload=row,
        checked=checked,
        runs=_by_code(checked.runs),
        short_day=days.write_short,
        remarks=remarks,
        most=MOST_MESSAGES,
    )


@pages.post("/dispatch/uploads/<upload_id>/confirm")
@needs("dispatcher")
def confirm(upload_id: str) -> ResponseReturnValue:
    """Take in what was shown."""
    kept = schedules.confirm(town(), upload_id, operator=current_user.operator_id, actor=current_user.id)
    _tell_kept(kept)
    return redirect(url_for("dispatcher.uploaded", upload_id=upload_id))


@pages.post("/dispatch/uploads/<upload_id>/drop")
@needs("dispatcher")
def drop(upload_id: str) -> ResponseReturnValue:
    """Forget a file that was not taken in."""
    schedules.drop(town(), upload_id, operator=current_user.operator_id)
    flash(_("The file was dropped. Nothing was changed."), "success")
    return redirect(url_for("dispatcher.upload"))


def leg_texts(sheet: RunSheet) -> list[dict[str, Any]]:
    """Write the legs of a run for the bar that shows them."""
    day = sheet.head.service_date
    return [
        {
            "origin": leg.origin,
            "destination": leg.destination,
            "departs": write_clock(leg.departs, day),
            "arrives": write_clock(leg.arrives, day),
            "free": leg.free,
            "total": leg.total,
        }
        for leg in sheet.legs()
    ]


def cause_text(cause: str) -> str:
    """Say why a run changed."""
    return {
        "published": _("Schedule taken in"),
        "booked": _("Seat booked"),
        "cancelled": _("Booking cancelled"),
        "replanned": _("Planned anew for the waiting list"),
    }.get(cause, cause)


def _upload_page(errors: dict[str, str]) -> str:
    uploads = dispatching.list_uploads(town(), current_user.operator_id)
    return render_template("dispatcher/upload.html", errors=errors, uploads=uploads, moment=days.write_moment)


def _by_code(runs: Sequence[Published]) -> list[tuple[Published, date, date, int]]:
    """Put the dates of each run of a file together: its first run, first and last date, how many dates."""
    grouped: dict[str, list[Published]] = defaultdict(list)
    for one in runs:
        grouped[one.code].append(one)
    return [(some[0], _date_of(some[0]), _date_of(some[-1]), len(some)) for some in grouped.values()]


def _date_of(one: Published) -> date:
    return date.fromisoformat(one.run.service_date)


def _tell_kept(kept: Kept) -> None:
    flash(
        _(
            "Taken in: %(new)s new, %(changed)s changed, %(unchanged)s as before; each day counted.",
            new=kept.new,
            changed=kept.changed,
            unchanged=kept.unchanged,
        ),
        "success",
    )
    if kept.held:
        codes = ", ".join(kept.held)
        flash(
            _("Not changed, because residents have booked on them or they are under way: %(runs)s", runs=codes),
            "warning",
        )


def _line(sheet: RunSheet) -> dict[str, Any]:
    geometry = {"type": "LineString", "coordinates": dispatching.path_of(town(), sheet.run)}
    return {"type": "Feature", "geometry": geometry, "properties": {"code": sheet.head.code}}


def _points(sheet: RunSheet) -> list[dict[str, Any]]:
    return [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [stop.place.lon, stop.place.lat]},
            "properties": {
                "label": str(number),
                "name": sheet.labels[stop.id],
                "kind": "done" if number <= sheet.run.done else "planned" if stop.scheduled else "resident",
            },
        }
        for number, stop in enumerate(sheet.run.stops, 1)
    ]
