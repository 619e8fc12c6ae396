"""Who does not come: the dispatcher's pages, and those of a guardian, which the desk uses on behalf of a caller."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import wraps
from typing import Any

from babel.dates import get_day_names
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from matching.model import DAY
from webapp.db import tables
from webapp.services import absences, dispatching
from webapp.services import family as families
from webapp.services.absences import Away, Back, Person, Told
from webapp.services.errors import Invalid
from webapp.services.family import Subject
from webapp.views import days
from webapp.views import family as consents
from webapp.views.riders import for_self
from webapp.views.shared import clock_time, error_text, locale, needs, town, whole_number, words, written

pages = Blueprint("absences", __name__)
family = Blueprint("family", __name__)

View = Callable[..., ResponseReturnValue]
MINUTE = 60


def of_member(view: View) -> View:
    """Hand a page a member of the dispatcher's own operator."""

    @needs("dispatcher")
    @wraps(view)
    def opened(key: str, **answers: Any) -> ResponseReturnValue:
        return view(absences.get_member(town(), key, operator=current_user.operator_id), **answers)

    return opened


def of_ward(view: View) -> View:
    """Hand a page a member of whom the rider is the guardian, and the rider."""

    @for_self
    @wraps(view)
    def opened(rider: tables.User, key: str, **answers: Any) -> ResponseReturnValue:
        return view(absences.get_ward(town(), key, guardian=rider.id), rider, **answers)

    return opened


# The dispatcher


@pages.get("/dispatch/absences")
@needs("dispatcher")
def show() -> ResponseReturnValue:
    """List who does not come when, and until when that may be told."""
    operator = current_user.operator_id
    listed = [(person, ranges(away)) for person, away in absences.list_absences(town(), operator)]
    page = {"absent": listed, "deadline": deadline_text(absences.get_operator(town(), operator))}
    return render_template("dispatcher/absences.html", **page)


@pages.get("/dispatch/absences/new")
@needs("dispatcher")
def choose() -> ResponseReturnValue:
    """Ask who does not come."""
    members = absences.members_of(town(), current_user.operator_id)
    return render_template("dispatcher/absent_who.html", members=members)


@pages.get("/dispatch/absences/<key>")
@of_member
def ask_when(person: Person) -> ResponseReturnValue:
    """Ask when a member does not come."""
    return _ask_when("dispatcher/absent_when.html", person, {})


@pages.post("/dispatch/absences/<key>")
@of_member
def enter(person: Person) -> ResponseReturnValue:
    """Enter when a member does not come; the dispatcher may do so at any time."""
    try:
        told = absences.enter(town(), person, _days(), actor=current_user.id, late=True)
    except Invalid as fault:
        return _ask_when("dispatcher/absent_when.html", person, _fault(fault)), 422
    _say_told(told)
    return redirect(url_for("absences.show"))


@pages.post("/dispatch/absences/<key>/withdraw")
@of_member
def withdraw(person: Person) -> ResponseReturnValue:
    """Let a member come after all."""
    _say_back(absences.withdraw(town(), person, _days()))
    return _back_to_day() or redirect(url_for("absences.show"))


@pages.post("/dispatch/absences/<key>/seen")
@of_member
def seen(person: Person) -> ResponseReturnValue:
    """Put away that a member was to come after all."""
    absences.put_away(town(), person, _day("first"))
    return _back_to_day() or redirect(url_for("absences.show"))


@pages.post("/dispatch/runs/<run_id>/absent")
@needs("dispatcher")
def absent_from_run(run_id: str) -> ResponseReturnValue:
    """Enter that a member on a run does not come on its date."""
    sheet, _history = dispatching.read_run(town(), run_id, operator=current_user.operator_id)
    person = absences.get_member(town(), words("member"), operator=current_user.operator_id)
    day = sheet.head.service_date
    _say_told(absences.enter(town(), person, [day], actor=current_user.id, late=True))
    return redirect(url_for("dispatcher.run", run_id=run_id))


@pages.get("/dispatch/absences/deadline")
@needs("dispatcher")
def ask_deadline() -> ResponseReturnValue:
    """Ask until when an absence may be told."""
    row = absences.get_operator(town(), current_user.operator_id)
    return _ask_deadline(_deadline_said(row), {})


@pages.post("/dispatch/absences/deadline")
@needs("dispatcher")
def set_deadline() -> ResponseReturnValue:
    """Set until when an absence may be told."""
    try:
        notice, closes = _deadline_read()
        absences.set_deadline(town(), current_user.operator_id, notice=notice, closes=closes)
    except Invalid as fault:
        return _ask_deadline(written(), {str(fault): error_text(str(fault))}), 422
    return redirect(url_for("absences.show"))


@pages.get("/dispatch/absences/<key>/guardians")
@of_member
def guardians(person: Person) -> ResponseReturnValue:
    """List the guardians of a member, and ask for one more."""
    return _guardians(person, {})


@pages.post("/dispatch/absences/<key>/guardians")
@of_member
def add_guardian(person: Person) -> ResponseReturnValue:
    """Make a resident a guardian of a member."""
    try:
        absences.add_guardian(town(), person, words("guardian"))
    except Invalid as fault:
        return _guardians(person, {str(fault): error_text(str(fault))}), 422
    return redirect(url_for("absences.guardians", key=person.key))


@pages.post("/dispatch/absences/<key>/guardians/remove")
@of_member
def remove_guardian(person: Person) -> ResponseReturnValue:
    """Let a resident no longer be a guardian of a member."""
    absences.remove_guardian(town(), person, words("user"))
    return redirect(url_for("absences.guardians", key=person.key))


@pages.post("/dispatch/absences/<key>/consents")
@of_member
def add_consent(person: Person) -> ResponseReturnValue:
    """Keep that somebody is told of a member's rides, as a guardian said on paper."""
    try:
        if not request.form.get("paper"):
            raise Invalid("paper")
        consents.read_consent(_subject(person), basis="paper")
    except Invalid as fault:
        return _guardians(person, {consents.field_of(fault): error_text(str(fault))}), 422
    return redirect(url_for("absences.guardians", key=person.key))


@pages.post("/dispatch/absences/<key>/consents/end")
@of_member
def end_consent(person: Person) -> ResponseReturnValue:
    """Let somebody be told of a member's rides no more."""
    families.withdraw(town(), _subject(person), words("consent"), actor=current_user.id)
    return redirect(url_for("absences.guardians", key=person.key))


# The family, and the desk for a caller


@family.get("/family")
@for_self
def wards(rider: tables.User) -> ResponseReturnValue:
    """Show a family how today's rides are, what it is told of, and when each of its own does not come."""
    found = [(ward, ranges(ward.away)) for ward in absences.list_wards(town(), rider.id)]
    return render_template("resident/family.html", wards=found, **consents.today_part(rider))


@family.get("/family/<key>")
@of_ward
def ask_ward(person: Person, _rider: tables.User) -> ResponseReturnValue:
    """Ask when somebody of one's own does not come."""
    return _ask_when("resident/absent_when.html", person, {})


@family.post("/family/<key>")
@of_ward
def enter_ward(person: Person, _rider: tables.User) -> ResponseReturnValue:
    """Enter when somebody of one's own does not come, before the operator's deadline."""
    try:
        told = absences.enter(town(), person, _days(), actor=current_user.id)
    except Invalid as fault:
        return _ask_when("resident/absent_when.html", person, _fault(fault)), 422
    _say_told(told)
    return redirect(url_for("resident.family.wards"))


@family.post("/family/<key>/withdraw")
@of_ward
def withdraw_ward(person: Person, _rider: tables.User) -> ResponseReturnValue:
    """Say that somebody of one's own comes after all."""
    _say_back(absences.withdraw(town(), person, _days()))
    return redirect(url_for("resident.family.wards"))


# What the pages read and write


def ranges(away: Sequence[Away]) -> list[dict[str, Any]]:
    """Write the days on which somebody does not come."""
    return [
        {
            "first": one.first.isoformat(),
            "last": one.last.isoformat(),
            "weekdays": sorted(one.weekdays),
            "text": away_text(one),
            "wanted_back": one.wanted_back,
        }
        for one in away
    ]


def away_text(away: Away) -> str:
    """Write when somebody does not come, weekdays as people say them: every Tuesday until 18 December."""
    first, last = days.write_short(away.first), days.write_short(away.last)
    if away.weekdays:
        names = get_day_names("wide", "stand-alone", locale=locale())
        said = ", ".join(names[day] for day in sorted(away.weekdays))
        if away.first - town().today() < timedelta(days=absences.WEEK):
            return _("every %(weekdays)s until %(last)s", weekdays=said, last=last)
        return _("every %(weekdays)s from %(first)s until %(last)s", weekdays=said, first=first, last=last)
    return first if away.first == away.last else f"{first} – {last}"


def deadline_text(operator: tables.Operator) -> str:
    """Say until when an operator takes absences."""
    if operator.absence_closes is None:
        minutes = operator.absence_notice // MINUTE
        return ngettext("%(num)s minute before the run begins", "%(num)s minutes before the run begins", minutes)
    clock = _clock(operator.absence_closes)
    if operator.absence_closes < 0:
        return _("%(time)s on the day before", time=clock)
    return _("%(time)s on the same day", time=clock)


def _clock(closes: int) -> str:
    hours, minutes = divmod(closes % DAY // MINUTE, 60)
    return f"{hours}:{minutes:02}"


def _days() -> list[date]:
    """Read from when to when, and on which weekdays; without an end it is one day. Raises Invalid."""
    first = _day("first")
    last = _day("last") if request.form.get("last") else first
    chosen = request.form.getlist("weekdays")
    if not {*chosen} <= {str(day) for day in range(7)}:
        raise Invalid("weekdays")
    return absences.days_of(first, last, map(int, chosen))


def _day(field: str) -> date:
    found = days.read_day(request.form.get(field, ""))
    if found is None:
        raise Invalid(field)
    return found


def _fault(fault: Invalid) -> dict[str, str]:
    return {str(fault): error_text(f"absent {fault}")}


def _ask_when(template: str, person: Person, errors: dict[str, str]) -> str:
    names = get_day_names("wide", locale=locale())
    return render_template(
        template,
        person=person,
        errors=errors,
        said=written() or {"first": town().today().isoformat()},
        chosen=request.form.getlist("weekdays"),
        weekdays=[(str(day), names[day]) for day in range(7)],
        today=town().today().isoformat(),
        most=(town().today() + timedelta(days=absences.LONGEST)).isoformat(),
    )


def _deadline_said(row: tables.Operator) -> dict[str, str]:
    minutes = str(row.absence_notice // MINUTE)
    if row.absence_closes is None:
        return {"kind": "before", "minutes": minutes, "clock": ""}
    kind = "previous" if row.absence_closes < 0 else "same"
    return {"kind": kind, "minutes": minutes, "clock": _clock(row.absence_closes)}


def _deadline_read() -> tuple[int, int | None]:
    """Read a deadline as seconds before a run and, if that was chosen, a second of the service day."""
    kind = request.form.get("kind")
    if kind == "before":
        return whole_number("minutes") * MINUTE, None
    if kind not in ("same", "previous"):
        raise Invalid("kind")
    clock = clock_time("clock")
    closes = clock.hour * 3600 + clock.minute * MINUTE
    known = absences.get_operator(town(), current_user.operator_id)
    return known.absence_notice, closes - DAY if kind == "previous" else closes


def _ask_deadline(said: dict[str, str], errors: dict[str, str]) -> str:
    kinds = [
        ("before", _("Some minutes before the run begins")),
        ("same", _("At a time on the same day")),
        ("previous", _("At a time on the day before")),
    ]
    return render_template("dispatcher/absence_deadline.html", said=said, kinds=kinds, errors=errors)


def _guardians(person: Person, errors: dict[str, str]) -> str:
    people = absences.list_guardians(town(), person)
    page = {"person": person, "guardians": people, "errors": errors, "given": consents.given_list(_subject(person))}
    return render_template("dispatcher/guardians.html", **page, **consents.consent_form())


def _subject(person: Person) -> Subject:
    return Subject(person.operator, person.member)


def _back_to_day() -> ResponseReturnValue | None:
    day = days.read_day(request.form.get("day", ""))
    return redirect(url_for("dispatcher.day", day=day.isoformat())) if day else None


def _say_told(told: Told) -> None:
    if told.absent:
        count = len(told.absent)
        flash(ngettext("Absent on %(num)s day. Thank you.", "Absent on %(num)s days. Thank you.", count), "success")
    if told.too_late:
        dates = ", ".join(map(days.write_short, told.too_late))
        flash(_("Too late to change here: %(dates)s. Please call the operator.", dates=dates), "warning")


def _say_back(back: Back) -> None:
    if back.comes:
        dates = ", ".join(map(days.write_short, back.comes))
        flash(_("Expected again: %(dates)s", dates=dates), "success")
    if back.promised:
        dates = ", ".join(map(days.write_short, back.promised))
        flash(
            _("The seat has been promised to somebody else: %(dates)s. The operator is told.", dates=dates), "warning"
        )
