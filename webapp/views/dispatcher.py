"""The dispatcher's pages: the operator's day, one run, and the schedule files."""

import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from matching.metrics import day_figures
from matching.model import Broken, Rule
from matching.retiming import NOTICED, Moved
from matching.schedule import free_seats
from webapp.db import tables
from webapp.files import remarks
from webapp.files.export import NotInEncoding
from webapp.publishing import Published
from webapp.services import (
    absences,
    dispatching,
    explaining,
    exporting,
    planning,
    replacing,
    road_changes,
    schedules,
    service_dates,
)
from webapp.services.dispatching import RunSheet
from webapp.services.errors import Conflict, Invalid
from webapp.services.road_changes import ChangedRun
from webapp.services.schedules import Kept
from webapp.views import calendars, days, feeds, previews
from webapp.views.board import change_texts
from webapp.views.shared import (
    excess_text,
    from_drivers,
    language,
    needs,
    obstacle_text,
    rule_text,
    town,
    words,
    write_clock,
    write_span,
)

pages = Blueprint("dispatcher", __name__)

SOLVE_SECONDS = 5
MOST_MESSAGES = 200
"""Remarks that one page shows: whoever has more puts these right first."""

MOST_HELD = 20
REPORTS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
MOST_RUNS = 100
"""Runs that one page shows, each with its days."""


@pages.get("/dispatch")
@needs("dispatcher")
def day() -> ResponseReturnValue:
    """The operator's day: every run with its free seats, and who booked."""
    shown = days.chosen(dispatching.list_dates(town(), current_user.operator_id))
    sheet = dispatching.read_day(town(), shown.shown, operator=current_user.operator_id)
    figures = day_figures([one.run for one in sheet.sheets], town().roads)
    bookings = [(one, booked) for one in sheet.sheets for booked in one.bookings]
    wanted, staying = absences.list_unkept(town(), current_user.operator_id, shown.shown)
    unserved = [(rule_text(reason), count) for reason, count in sheet.unserved.items()]
    return render_template(
        "dispatcher/day.html",
        days=shown,
        holiday=town().holidays.call(shown.shown, language()),
        sheets=sheet.sheets,
        figures=figures,
        bookings=sorted(bookings, key=lambda one: one[1].booking.pickup),
        unserved=unserved,
        left=[(row, rule_text(row.reason)) for row in sheet.left],
        **from_drivers(current_user.operator_id),
        legs=leg_texts,
        wanted=wanted,
        staying=staying,
        notices=[
            (one, days.write_date_and_time(one.update.at), _changes(one.changed))
            for one in road_changes.list_notices(town(), current_user.operator_id)
        ],
    )


@pages.post("/dispatch/roads/<update_id>/seen")
@needs("dispatcher")
def roads_seen(update_id: str) -> ResponseReturnValue:
    """Put the notice of new roads away, for all dispatchers of the operator."""
    road_changes.put_away(town(), update_id, operator=current_user.operator_id, actor=current_user.id)
    shown = days.read_day(request.form.get("day", ""))
    return redirect(url_for("dispatcher.day", day=shown.isoformat() if shown else None))


def _changes(changed: Sequence[ChangedRun]) -> list[dict[str, Any]]:
    """Write how new roads changed runs; the dates of a run on which it changes alike stand together."""
    alike: dict[Any, list[tables.Run]] = defaultdict(list)
    for run in changed:
        alike[run.head.code, _moves(run), _faults(run)].append(run.head)
    return [
        {
            "heads": heads,
            "first": days.write_short(heads[0].service_date),
            "last": days.write_short(heads[-1].service_date),
            "moves": moves,
            "faults": faults,
        }
        for (_code, moves, faults), heads in alike.items()
    ]


def _moves(run: ChangedRun) -> tuple[tuple[str, str, str, str], ...]:
    """Write how the end of a run moves, and the stop that moves most if that is another."""
    elsewhere = run.most.stop != run.end.stop and abs(run.most.by) > NOTICED
    return tuple(_move(one, run) for one in ((run.end, run.most) if elsewhere else (run.end,)))


def _faults(run: ChangedRun) -> tuple[tuple[str, str, str], ...]:
    """Write what a run can no longer do; of a stop that is lost, not once more that no road leads on from it."""
    lost = [(obstacle_text(Rule.ROAD), run.labels.get(stop, ""), "") for stop in run.unreachable]
    kept = [fault for fault in run.broken if not (fault.rule is Rule.ROAD and lost)]
    return (*lost, *(_say(fault, run.labels) for fault in kept))


def _move(moved: Moved, run: ChangedRun) -> tuple[str, str, str, str]:
    """Write a time at a stop before and after, and by how much it moved, in the minutes that clocks show."""
    before, after = (
        "–" if second is None else write_clock(second, run.head.service_date) for second in (moved.before, moved.after)
    )
    by = ""
    if moved.before is not None and moved.after is not None:
        minutes = moved.after // 60 - moved.before // 60
        by = "" if not minutes else ("+" if minutes > 0 else "−") + write_span(60 * minutes)
    return run.labels.get(moved.stop, ""), before, after, by


@pages.get("/dispatch/requests/<request_id>")
@needs("dispatcher")
def why_not(request_id: str) -> ResponseReturnValue:
    """Whether a request fits on each run of the operator, or on one: what stops it, and what would help."""
    only = request.args.get("run", "")
    row, verdicts = explaining.why_not(town(), request_id, operator=current_user.operator_id, run_id=only)
    shown = [(one, [_say(fault, one.sheet.labels) for fault in one.stopped]) for one in verdicts]
    return render_template(
        "dispatcher/why_not.html", row=row, day=row.service_date, verdicts=shown, changes=change_texts
    )


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
        pace=pace_text(sheet.run.pace),
        faults=[(rule_text(fault.rule), sheet.labels.get(fault.where, ""), fault.excess) for fault in sheet.faults],
        free=free_seats(sheet.run, sheet.visits),
        moment=days.write_moment,
        history=[(one.number, one.at, cause_text(one.cause)) for one in reversed(history)],
        legs=leg_texts,
        shown_time=dispatching.shown_time,
        riders=absences.list_riders(town(), run_id, operator=current_user.operator_id),
        tiles=[url_for("roads", number=k) for k in range(len(town().settings.area))],
    )


@pages.get("/dispatch/runs/<run_id>.geojson")
@needs("dispatcher")
def run_map(run_id: str) -> ResponseReturnValue:
    """A run as GeoJSON: its line along the roads and its numbered stops."""
    sheet, _history = dispatching.read_run(town(), run_id, operator=current_user.operator_id)
    answer = jsonify(type="FeatureCollection", features=[_line(sheet), *_points(sheet)])
    answer.mimetype = "application/geo+json"
    return answer


@pages.get("/dispatch/dates")
@needs("dispatcher")
def dates() -> ResponseReturnValue:
    """On which dates each run goes, and why not on others."""
    operator = current_user.operator_id
    return render_template(
        "dispatcher/dates.html",
        when=calendars.cards(service_dates.list_dates(town(), operator, language())),
        most_cards=MOST_RUNS,
        stale=service_dates.list_stale(town(), operator),
        short_day=days.write_short,
    )


@pages.post("/dispatch/replan")
@needs("dispatcher")
def replan() -> ResponseReturnValue:
    """Look for seats for the waiting list of a day."""
    wanted = days.read_day(request.form.get("day", ""))
    if wanted is None:
        raise Invalid("replan day")
    done = planning.replan(town(), wanted, seconds=SOLVE_SECONDS)
    if done.fault:
        flash(_("The search for seats did not come to its end. Every booking stays as it is; try again."), "warning")
        return redirect(url_for("dispatcher.day", day=wanted.isoformat()))
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
        outcome = schedules.get_outcome(town(), upload_id, operator=current_user.operator_id)
        return render_template("dispatcher/upload_done.html", upload=row, outcome=outcome, moment=days.write_moment)
    return _check_page(upload_id, {})


@pages.post("/dispatch/uploads/<upload_id>/routes")
@needs("dispatcher")
def answer_routes(upload_id: str) -> ResponseReturnValue:
    """Write down what a feed does not say of its routes, and check it again."""
    return _answer(upload_id, feeds.read_terms_change)


@pages.post("/dispatch/uploads/<upload_id>/plan")
@needs("dispatcher")
def answer_plan(upload_id: str) -> ResponseReturnValue:
    """Write down for which days a feed's plan is used, and check it again."""
    return _answer(upload_id, feeds.read_plan_change)


@pages.post("/dispatch/uploads/<upload_id>/effective")
@needs("dispatcher")
def answer_effective(upload_id: str) -> ResponseReturnValue:
    """Write down from which service date on a file holds, and check it again."""
    return _answer(upload_id, calendars.read_effective, lambda _field: calendars.effective_text())


def _answer(
    upload_id: str, read: Callable[[], schedules.Change], tell: Callable[[str], str] = feeds.fault_text
) -> ResponseReturnValue:
    row = schedules.get_upload(town(), upload_id, operator=current_user.operator_id)
    try:
        change = read()
    except Invalid as fault:
        if row.content is None:
            raise
        return _check_page(upload_id, {str(fault): tell(str(fault))}), 422
    schedules.answer(town(), upload_id, operator=current_user.operator_id, change=change)
    flash(_("Written down. The file was checked again."), "success")
    return redirect(url_for("dispatcher.uploaded", upload_id=upload_id))


@pages.post("/dispatch/uploads/<upload_id>/replaces")
@needs("dispatcher")
def answer_replaces(upload_id: str) -> ResponseReturnValue:
    """Write down which earlier file ends with this one, and compare it again."""
    earlier = words("earlier")
    return _answer(upload_id, lambda: lambda answers: answers.for_schedule(earlier))


@pages.post("/dispatch/uploads/<upload_id>/columns")
@needs("dispatcher")
def answer_columns(upload_id: str) -> ResponseReturnValue:
    """Write down what the columns of a file mean, for this one and for those to come; or forget that."""
    own = {"operator": current_user.operator_id, "actor": current_user.id}
    seen = schedules.look(town(), upload_id, operator=current_user.operator_id, language=language())
    sheet = previews.sheet_to_tell(seen)
    if sheet is None:
        raise Invalid("columns")
    try:
        columns = {} if request.form.get("forget") else previews.read_columns(sheet)
        schedules.tell_columns(town(), upload_id, header=sheet.digest, columns=columns, **own)
    except Invalid:
        return _check_page(
            upload_id, {"column-run_id": _("Choose a column for each line, and none of them twice.")}
        ), 422
    flash(_("Written down. The file was checked again."), "success")
    return redirect(url_for("dispatcher.uploaded", upload_id=upload_id))


@pages.get("/dispatch/uploads/<upload_id>/report.<any(csv, xlsx):kind>")
@needs("dispatcher")
def report(upload_id: str, kind: str) -> ResponseReturnValue:
    """Everything that is remarked on a file that waits, one row each."""
    _row, checked = schedules.recheck(town(), upload_id, operator=current_user.operator_id, language=language())
    content = remarks.report_csv(checked.messages) if kind == "csv" else remarks.report_xlsx(checked.messages)
    return send_file(
        io.BytesIO(content), mimetype=REPORTS[kind], as_attachment=True, download_name=f"noriai-report.{kind}"
    )


def _check_page(upload_id: str, errors: dict[str, str], meanwhile: Sequence[Any] | None = None) -> str:
    operator = current_user.operator_id
    seen = schedules.look(town(), upload_id, operator=operator, language=language())
    checked = seen.checked
    groups = remarks.grouped(checked.messages)
    sheet = previews.sheet_to_tell(seen)
    return render_template(
        "dispatcher/upload_check.html",
        upload=seen.upload,
        look=seen,
        checked=checked,
        runs=_by_code(checked.runs),
        short_day=days.write_short,
        moment=days.write_moment,
        remarks={kind: [one for one in groups if one.severity == kind] for kind in ("error", "warning")},
        most=MOST_MESSAGES,
        most_runs=MOST_RUNS,
        lines=[(line, feeds.line_text(line)) for line in checked.file.lines],
        most_lines=feeds.MOST_LINES,
        written=feeds.written_terms(checked.answers),
        when=calendars.cards(_when(checked)),
        most_cards=MOST_RUNS,
        effective=calendars.written_effective(checked.answers.effective),
        errors=errors,
        previews=previews,
        sheet=sheet,
        columns=previews.column_options(sheet) if sheet else [],
        drawn=previews.draw(checked),
        timeline=previews.timeline(checked),
        tiles=[url_for("roads", number=k) for k in range(len(town().settings.area))],
        fates=previews.fates(seen, schedules.name_riders(town(), seen.comparison)),
        harmed=len(seen.comparison.list_fates(*replacing.HARMED)),
        now=town().clock().isoformat(),
        meanwhile=meanwhile,
        cause_text=cause_text,
    )


@pages.post("/dispatch/uploads/<upload_id>/confirm")
@needs("dispatcher")
def confirm(upload_id: str) -> ResponseReturnValue:
    """Take in what was shown, and nothing else: where it is no longer so, show what somebody changed meanwhile."""
    operator, agrees = current_user.operator_id, words("choice") == "agree"
    row = schedules.get_upload(town(), upload_id, operator=operator)
    agreed = words("agreed") if agrees else "0"
    if not (agreed.isascii() and agreed.isdecimal()) or (agrees and not int(agreed[:6])):
        return _check_page(upload_id, {"agreed": _("Tick that you agree, or leave these runs as they are.")}), 422
    try:
        kept = schedules.confirm(
            town(), upload_id, operator=operator, actor=current_user.id, shown=words("shown"), agreed=int(agreed[:6])
        )
    except (Conflict, Invalid) as lost:
        if str(lost) not in ("outdated", "agreed"):
            raise
        since = previews.read_seen(row.created_at)
        return _check_page(upload_id, {}, schedules.list_meanwhile(town(), operator, since)), 409
    _tell_kept(kept)
    return redirect(url_for("dispatcher.uploaded", upload_id=upload_id))


@pages.post("/dispatch/uploads/<upload_id>/drop")
@needs("dispatcher")
def drop(upload_id: str) -> ResponseReturnValue:
    """Forget a file that was not taken in."""
    schedules.drop(town(), upload_id, operator=current_user.operator_id)
    flash(_("The file was dropped. Nothing was changed."), "success")
    return redirect(url_for("dispatcher.upload"))


@pages.get("/dispatch/schedule/<kind>")
@needs("dispatcher")
def export(kind: str) -> ResponseReturnValue:
    """The operator's schedule as a file: xlsx, csv or csv-cp932."""
    try:
        content = exporting.export(town(), current_user.operator_id, kind, language())
    except NotInEncoding as fault:
        return _upload_page({"export": _not_in_encoding(str(fault))}), 422
    suffix = kind.partition("-")[0]
    name = f"{current_user.operator_id}-{town().today().isoformat()}.{suffix}"
    return send_file(io.BytesIO(content), REPORTS[suffix], as_attachment=True, download_name=name, max_age=0)


def _not_in_encoding(signs: str) -> str:
    if not signs:
        return _("This schedule cannot be told apart from other encodings in the old Japanese form: use UTF-8.")
    return _("The old Japanese form has no sign for %(signs)s. Use UTF-8 or Excel.", signs=signs)


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


def pace_text(pace: int) -> str:
    """Say how far a run's pace (thousandths) is from that of the empty road; nothing where it is the same."""
    percent = round((pace - 1000) / 10)
    if percent > 0:
        return _("Timed %(percent)s %% slower than the empty road, as usual at this hour.", percent=percent)
    if percent < 0:
        return _("Timed %(percent)s %% faster than the roads of the map, as usual at this hour.", percent=-percent)
    return ""


def cause_text(cause: str) -> str:
    """Say why a run changed."""
    return {
        "published": _("Schedule taken in"),
        "booked": _("Seat booked"),
        "cancelled": _("Booking cancelled"),
        "replanned": _("Planned anew for the waiting list"),
        "absent": _("A rider is absent"),
        "present": _("A rider comes after all"),
        "no service": _("Closed to more residents: no run on this date"),
        "service again": _("Open to residents again: it goes on this date after all"),
        "steered": _("Changed by a dispatcher"),
        "broke down": _("The vehicle broke down"),
        "relief": _("Comes for a vehicle that broke down"),
        "undone": _("A dispatcher's change undone"),
        "repaired": _("The vehicle drives on after all"),
        "called off": _("Called off for this day"),
        "goes after all": _("Goes on this day after all"),
        "replaced": _("A resident moved here from another run"),
    }.get(cause, cause)


def _upload_page(errors: dict[str, str]) -> str:
    uploads = dispatching.list_uploads(town(), current_user.operator_id)
    kept = any(one.status == "kept" for one in uploads)
    page = {"errors": errors, "uploads": uploads, "moment": days.write_moment, "may_export": kept}
    return render_template("dispatcher/upload.html", **page)


def _when(checked: schedules.Checked) -> list[service_dates.RunDates]:
    """Work out when the runs of a file that is only looked at would go."""
    plan = service_dates.Plan("", checked.file, checked.answers.effective or date.min)
    return service_dates.dates_of(plan, town().holidays, since=town().today(), language=language())


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
            "Taken in: %(new)s new, %(changed)s changed, %(unchanged)s as before, %(removed)s removed; "
            "each day counted.",
            new=kept.new,
            changed=kept.changed,
            unchanged=kept.unchanged,
            removed=kept.removed,
        ),
        "success",
    )
    if kept.held:
        codes = ", ".join(kept.held[:MOST_HELD]) + (" …" if len(kept.held) > MOST_HELD else "")
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
