"""The dispatcher's actions on a day: choose, see the effect, confirm it as shown, and undo."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from matching.model import Load
from matching.steering import Action, Breakdown, CallOff, Hold, Move, Put, Swap
from webapp import service_day
from webapp.services import dispatching, steering
from webapp.services.errors import Conflict, Invalid, NotFound
from webapp.services.steering import Effect, Told
from webapp.views import days
from webapp.views.shared import (
    clock_time,
    excess_text,
    needs,
    obstacle_text,
    sends,
    town,
    whole_number,
    words,
    write_clock,
    write_span,
)

pages = Blueprint("steering", __name__)

LONGEST_HOLD = 240
"""Minutes for which a page lets a run be held."""

CHOICES = ("stop", "where", "vehicle", "relief", "ride", "to")
"""Fields of which one of a list is chosen."""


@pages.get("/dispatch/steer")
@needs("dispatcher")
def log() -> ResponseReturnValue:
    """What dispatchers did on a day, with what can be undone; and how a whole day is called off."""
    shown = days.chosen(dispatching.list_dates(town(), current_user.operator_id))
    sheets = dispatching.read_day(town(), shown.shown, operator=current_user.operator_id).sheets
    heads = {sheet.head.id: sheet.head.code for sheet in sheets}
    rows = [
        {
            "row": row,
            "by": by,
            "undone_by": undone_by,
            "actions": [action_text(one, heads) for one in steering.read_actions(row)],
            "at": days.write_moment(row.done_at or row.created_at),
        }
        for row, by, undone_by in steering.list_log(town(), shown.shown, operator=current_user.operator_id)
    ]
    return render_template("dispatcher/steer/log.html", days=shown, rows=rows, sheets=sheets)


@pages.get("/dispatch/runs/<run_id>/steer")
@needs("dispatcher")
def choose(run_id: str) -> ResponseReturnValue:
    """What can be done to a run."""
    return _choose_page(run_id, {})


def _choose_page(run_id: str, errors: dict[str, str]) -> str:
    operator = current_user.operator_id
    sheet, _history = dispatching.read_run(town(), run_id, operator=operator)
    day = sheet.head.service_date
    others = dispatching.read_day(town(), day, operator=operator).sheets
    ahead = sheet.visits[max(0, sheet.run.done - 1) :]
    stops = [
        (one.stop.id, f"{write_clock(dispatching.shown_time(one), day)} {sheet.labels[one.stop.id]}") for one in ahead
    ]
    return render_template(
        "dispatcher/steer/choose.html",
        sheet=sheet,
        day=day,
        stops=stops,
        vehicles=[
            (one.code, f"{one.code} {one.description}".strip()) for one in steering.list_vehicles(town(), operator)
        ],
        runs=[(one.head.id, f"{one.head.code} {write_clock(one.begins, day)}") for one in others],
        rides=[(one.booking.ride_id, f"{write_clock(one.booking.pickup, day)} {one.name}") for one in sheet.bookings],
        into=_into(),
        errors=errors,
        written=request.form,
        most=LONGEST_HOLD,
    )


def _into() -> str:
    """Give the list to which the next action is added, if one was begun."""
    return words("into") or " ".join(request.args.get("into", "").split())[:40]


@pages.post("/dispatch/runs/<run_id>/steer")
@sends(to="run")
@needs("dispatcher")
def choose_action(run_id: str) -> ResponseReturnValue:
    """Write down what is wanted, and show its effect."""
    sheet, _history = dispatching.read_run(town(), run_id, operator=current_user.operator_id)
    try:
        action = _read_action(run_id, sheet)
    except Invalid as fault:
        field = str(fault)
        said = {
            "minutes": _("Write minutes from 0 to %(most)s, or a time.", most=LONGEST_HOLD),
            "until": _("Write a time after that at which the run leaves this stop."),
            "arrives": _("Write when the other vehicle is there: within the next six hours."),
            "at": _("Write a time of the day, such as 9:10."),
        }
        if field not in {*said, *CHOICES}:
            raise
        return _choose_page(run_id, {field: said.get(field, _("Choose one of the list."))}), 422
    return _begin(sheet.head.service_date, [action])


def _begin(day: date, actions: list[Action]) -> ResponseReturnValue:
    own = {"operator": current_user.operator_id}
    into = _into()
    if into:
        row = steering.get(town(), into, **own)
        if row.service_date != day:
            raise Invalid("steer day")
        for action in actions:
            row = steering.add(town(), into, action, **own)
    else:
        row = steering.begin(town(), day, actions, actor=current_user.id, **own)
    return redirect(url_for("steering.effect", steering_id=row.id))


def _read_action(run_id: str, sheet: dispatching.RunSheet) -> Action:
    kind = words("kind")
    stops = {stop.id for stop in sheet.run.stops}
    if kind == "hold":
        stop = _one_of("stop", stops)
        return Hold(run_id, stop, _held(sheet, stop))
    if kind == "swap":
        vehicles = {one.code: one for one in steering.list_vehicles(town(), current_user.operator_id)}
        chosen = vehicles[_one_of("vehicle", vehicles)]
        return Swap(run_id, chosen.code, tuple(Load(*one) for one in chosen.layouts))
    if kind == "breakdown":
        stop = _one_of("where", stops)
        relief = _seconds("arrives", sheet) if words("arrives") else None
        known = {"", *(one.code for one in steering.list_vehicles(town(), current_user.operator_id))}
        own = {"operator": current_user.operator_id, "relief": relief, "vehicle": _one_of("relief", known)}
        try:
            return steering.breakdown_of(town(), run_id, stop, **own)
        except Invalid as fault:
            raise Invalid("arrives") from fault
    if kind == "move":
        rides = {ride.id for ride in sheet.run.residents}
        at = _seconds("at", sheet) if words("at") else None
        return Move(_one_of("ride", rides), run_id, words("to"), at)
    if kind == "call_off":
        return CallOff(run_id)
    raise Invalid("kind")


def _one_of(field: str, known: Mapping[str, Any] | set[str]) -> str:
    said = request.form.get(field, "")
    if said not in known:
        raise Invalid(field)
    return said


def _seconds(field: str, sheet: dispatching.RunSheet) -> int:
    said = clock_time(field)
    return service_day.seconds_at(said, sheet.head.service_date, town().settings.timezone)


def _held(sheet: dispatching.RunSheet, stop: str) -> int:
    """Read for how long: in minutes, or until a time, counted from when it would leave."""
    if words("until"):
        visit = next(one for one in sheet.visits if one.stop.id == stop)
        seconds = _seconds("until", sheet) - (visit.departure - visit.stop.held)
        if not 0 < seconds <= LONGEST_HOLD * 60:
            raise Invalid("until")
        return seconds
    minutes = whole_number("minutes")
    if not 0 <= minutes <= LONGEST_HOLD:
        raise Invalid("minutes")
    return minutes * 60


@pages.post("/dispatch/requests/<request_id>/put")
@needs("dispatcher")
def put(request_id: str) -> ResponseReturnValue:
    """Show what putting a request on a run would do."""
    sheet, _history = dispatching.read_run(town(), words("run"), operator=current_user.operator_id)
    return _begin(sheet.head.service_date, [Put(request_id, sheet.head.id)])


@pages.post("/dispatch/steer/call-off")
@needs("dispatcher")
def call_off() -> ResponseReturnValue:
    """Show what calling off all runs of a day that have not begun would do."""
    day = days.read_day(request.form.get("day", ""))
    if day is None:
        raise Invalid("steer day")
    sheets = dispatching.read_day(town(), day, operator=current_user.operator_id).sheets
    coming = [sheet for sheet in sheets if not town().freeze(sheet.run).fixed]
    if not coming:
        raise Conflict("steer begun")
    return _begin(day, [CallOff(sheet.head.id) for sheet in coming[: steering.MOST_ACTIONS]])


@pages.get("/dispatch/steer/<steering_id>")
@needs("dispatcher")
def effect(steering_id: str) -> ResponseReturnValue:
    """What is wanted and what it would do; or, once it is done, what was done."""
    row = steering.get(town(), steering_id, operator=current_user.operator_id)
    if row.status == "open":
        return _effect_page(steering_id)
    heads = _codes(row.service_date)
    return render_template(
        "dispatcher/steer/done.html",
        row=row,
        day=row.service_date,
        actions=[action_text(one, heads) for one in steering.read_actions(row)],
        left=steering.list_left(town(), row),
        codes=heads,
        at=days.write_moment(row.done_at or row.created_at),
        undone=days.write_moment(row.undone_at) if row.undone_at else "",
    )


def _codes(day: date) -> dict[str, str]:
    sheets = dispatching.read_day(town(), day, operator=current_user.operator_id).sheets
    return {sheet.head.id: sheet.head.code for sheet in sheets}


def _effect_page(steering_id: str, *, outdated: bool = False, back: bool = False) -> str:
    look = steering.look_back if back else steering.look
    seen = look(town(), steering_id, operator=current_user.operator_id)
    heads = {name: head.code for name, head in seen.heads.items()}
    day = seen.row.service_date
    sheets = () if back else dispatching.read_day(town(), day, operator=current_user.operator_id).sheets
    return render_template(
        "dispatcher/steer/effect.html",
        seen=seen,
        back=back,
        day=day,
        outdated=outdated,
        actions=[action_text(one, heads) for one in seen.actions],
        refused=[_refused(seen, one, heads) for one in seen.outcome.refused],
        told=[_line(seen, one, heads) for one in seen.told],
        figures=_figures(seen),
        runs=[sheet.head for sheet in sheets],
        left=dispatching.read_day(town(), day, operator=current_user.operator_id).left if sheets else (),
    )


def _refused(seen: Effect, one: Any, heads: Mapping[str, str]) -> dict[str, Any]:
    labels = seen.labels.get(one.run, {})
    people = {(each.change.run, each.change.ride): each.person.name for each in seen.told}
    reasons = [
        (
            obstacle_text(fault.rule),
            labels.get(fault.where) or people.get((one.run, fault.where), ""),
            excess_text(fault),
        )
        for fault in one.stopped
    ]
    action = action_text(seen.actions[one.action], heads) if not seen.row.done_at else heads.get(one.run, one.run)
    return {"action": action, "run": heads.get(one.run, ""), "reasons": list(dict.fromkeys(reasons))}


def _line(seen: Effect, one: Told, heads: Mapping[str, str]) -> dict[str, Any]:
    """Write what becomes of one party, old and new side by side."""
    change, day = one.change, seen.row.service_date
    later = 0
    if change.before and change.after:
        gaps = [b // 60 - a // 60 for a, b in zip(change.before, change.after, strict=True)]
        later = max(gaps, key=abs)
    return {
        "name": one.person.name or _("The rider of the request"),
        "own": change.committed,
        "people": one.people,
        "fate": fate_text(change.kind),
        "urgent": change.kind in ("stranded", "lost"),
        "phone": one.person.phone,
        "aboard": change.aboard,
        "before": _ends(change.run, change.before, heads, day),
        "after": _ends(change.to, change.after, heads, day),
        "later": ("+" if later > 0 else "−") + write_span(60 * later) if later else "",
        "late": write_span(change.late) if change.late >= 60 else "",
        "told": ", ".join(one.person.told) or ("" if change.committed else _("the rider")),
    }


def _ends(run: str, ends: tuple[int, int] | None, heads: Mapping[str, str], day: date) -> str:
    if not run or ends is None:
        return "–"
    return f"{heads.get(run, run)}: {write_clock(ends[0], day)} – {write_clock(ends[1], day)}"


def _figures(seen: Effect) -> list[tuple[str, str, str]]:
    now, then = seen.figures
    drive = seen.outcome.drive if seen.outcome.drive != (0, 0) else (now.drive, then.drive)
    return [
        (_("Residents with a seat"), str(now.residents), str(then.residents)),
        (_("Requests without a seat"), str(seen.unserved[0]), str(seen.unserved[1])),
        (_("Filled seats, in minutes"), str(now.seat_minutes_filled), str(then.seat_minutes_filled)),
        (_("Driving of all runs"), write_span(drive[0]), write_span(drive[1])),
        (_("Longest delay of own riders"), write_span(now.worst_delay), write_span(then.worst_delay)),
        (_("Promises that the runs do not keep"), str(now.promises_broken), str(then.promises_broken)),
    ]


@pages.post("/dispatch/steer/<steering_id>/confirm")
@needs("dispatcher")
def confirm(steering_id: str) -> ResponseReturnValue:
    """Do what was shown, and nothing else."""
    own = {"operator": current_user.operator_id, "actor": current_user.id}
    try:
        steering.confirm(town(), steering_id, shown=words("shown"), **own)
    except Conflict as lost:
        if str(lost) not in ("steer outdated", "steer refused"):
            raise
        return _effect_page(steering_id, outdated=str(lost) == "steer outdated"), 409
    flash(_("Done. Everybody whom it concerns is being told."), "success")
    return redirect(url_for("steering.effect", steering_id=steering_id))


@pages.post("/dispatch/steer/<steering_id>/leave-out")
@needs("dispatcher")
def leave_out(steering_id: str) -> ResponseReturnValue:
    """Take one action out of the list."""
    steering.leave_out(town(), steering_id, whole_number("number"), operator=current_user.operator_id)
    return redirect(url_for("steering.effect", steering_id=steering_id))


@pages.post("/dispatch/steer/<steering_id>/drop")
@needs("dispatcher")
def drop(steering_id: str) -> ResponseReturnValue:
    """Forget what was only looked at."""
    row = steering.get(town(), steering_id, operator=current_user.operator_id)
    steering.drop(town(), steering_id, operator=current_user.operator_id)
    flash(_("Dropped. Nothing was changed."), "success")
    return redirect(url_for("steering.log", day=row.service_date.isoformat()))


@pages.get("/dispatch/steer/<steering_id>/undo")
@needs("dispatcher")
def look_back(steering_id: str) -> ResponseReturnValue:
    """What undoing would do."""
    return _effect_page(steering_id, back=True)


@pages.post("/dispatch/steer/<steering_id>/undo")
@needs("dispatcher")
def undo(steering_id: str) -> ResponseReturnValue:
    """Undo what was done, as it was shown."""
    own = {"operator": current_user.operator_id, "actor": current_user.id}
    try:
        steering.undo(town(), steering_id, shown=words("shown"), **own)
    except Conflict as lost:
        if str(lost) not in ("steer outdated", "steer refused"):
            raise
        return _effect_page(steering_id, outdated=str(lost) == "steer outdated", back=True), 409
    flash(_("Undone. Everybody who was told is being told again."), "success")
    return redirect(url_for("steering.effect", steering_id=steering_id))


@pages.post("/dispatch/steer/<steering_id>/reached")
@needs("dispatcher")
def reached(steering_id: str) -> ResponseReturnValue:
    """Note that somebody for whom nothing was found has been reached."""
    run, ride = request.form.get("run", ""), request.form.get("ride", "")
    own = {"operator": current_user.operator_id, "actor": current_user.id}
    if not run or not ride:
        raise NotFound("ride")
    steering.account(town(), steering_id, run, ride, **own)
    return redirect(url_for("steering.effect", steering_id=steering_id))


def action_text(action: Action, heads: Mapping[str, str]) -> str:
    """Say what a dispatcher wants done."""
    run = heads.get(action.run, action.run)
    match action:
        case Put():
            said = _("Put a request on %(run)s", run=run)
        case Move(to=to) if to == action.run:
            said = _("Move a booking on %(run)s to another time", run=run)
        case Move(to=to):
            said = _("Move a booking from %(run)s to %(other)s", run=run, other=heads.get(to, to))
        case Hold(seconds=seconds):
            said = _("Hold %(run)s for %(span)s", run=run, span=write_span(seconds))
        case Swap(vehicle=vehicle):
            said = _("Let %(run)s go with the vehicle %(vehicle)s", run=run, vehicle=vehicle)
        case Breakdown():
            said = _("%(run)s has broken down", run=run)
        case CallOff():
            said = _("%(run)s does not go on this day", run=run)
    return said


def fate_text(kind: str) -> str:
    """Say what becomes of somebody."""
    return {
        "stranded": _("Nothing found: call them"),
        "lost": _("Loses the seat"),
        "called off": _("Does not travel"),
        "moved": _("Another vehicle or time"),
        "put": _("Gets a seat"),
        "retimed": _("Same vehicle, other times"),
    }[kind]
