"""The form about a GTFS feed: what it cannot say of its routes, and for which days its plan is used."""

from datetime import date

from flask import request
from flask_babel import gettext as _

from webapp.files.answers import Answers, Line, Terms
from webapp.services.errors import Invalid
from webapp.services.schedules import Change
from webapp.views import days
from webapp.views.shared import words

MOST_LINES = 500
"""Routes that one page can ask about."""
_MOST = {"seats": 200, "wheelchairs": 20, "detour_min": 60, "extra_min": 120, "riders": 200}
_WHO: dict[str, tuple[str, ...]] = {"committed": (), "registered": ("registered",), "anyone": ("anyone",)}


def read_terms_change() -> Change:
    """Read what is said of routes. Raises Invalid with the field's name."""
    scope, lines = request.form.get("scope", ""), frozenset(request.form.getlist("line"))
    if scope not in {"all", "some", "only", "without"}:
        raise Invalid("scope")
    if scope != "all" and not lines:
        raise Invalid("line")
    if scope == "without":
        return lambda answers: answers.without(lines)
    terms = _read_terms()
    if scope == "all":
        return lambda answers: answers.for_all(terms)
    if scope == "some":
        return lambda answers: answers.for_some(lines, terms)
    return lambda answers: answers.for_only(lines, terms)


def _read_terms() -> Terms:
    seats, who = _count("seats"), request.form.get("who", "")
    detour, extra, riders = request.form.get("detour", "none"), _count("extra_min", blank=-1), _count("riders")
    most = _count("detour_min")
    if who not in _WHO:
        raise Invalid("who")
    if detour not in {"none", "on route", "up to"}:
        raise Invalid("detour")
    if detour == "up to" and not most:
        raise Invalid("detour_min")
    if riders > seats:
        raise Invalid("riders")
    return Terms(
        seats=seats,
        wheelchairs=_count("wheelchairs"),
        who_may_ride=_WHO[who],
        detour=detour,
        max_detour=60 * most if detour == "up to" else 0,
        max_extra=None if extra < 0 else 60 * extra,
        riders=riders,
    )


def _count(field: str, blank: int = 0) -> int:
    text = words(field)
    if not text and field != "seats":
        return blank
    if not text.isascii() or not text.isdecimal() or int(text[:6]) > _MOST[field]:
        raise Invalid(field)
    return int(text[:6])


def read_plan_change() -> Change:
    """Read for which days the plan is used, and whether runs with a fault may stay out. Raises Invalid likewise."""
    first, week = _date("first"), _date("week")
    sound_only = bool(request.form.get("sound_only"))
    return lambda answers: answers.for_days(first, week).for_faults(sound_only=sound_only)


def _date(field: str) -> date | None:
    text = words(field)
    day = days.read_day(text)
    if text and (day is None or not 2000 <= day.year < 2100):
        raise Invalid(field)
    return day


def fault_text(field: str) -> str:
    """Say what is wrong with an answer of the form."""
    return {
        "scope": _("Choose for which routes this holds."),
        "line": _("Tick at least one route in the list."),
        "seats": _("Write the number of seats, from 0 to 200."),
        "who": _("Choose who may ride."),
        "detour_min": _("Write a number of minutes from 1 to 60."),
        "riders": _("Write a whole number that is not larger than the seats."),
        "first": _("Write a date."),
        "week": _("Write a date."),
    }.get(field, _("Write a whole number."))


def written_terms(answers: Answers) -> dict[str, str]:
    """Fill the form: with what was sent, or else with what was answered for all routes."""
    if request.method == "POST":
        return {field: words(field) for field in request.form}
    terms = answers.otherwise
    who = next((name for name, groups in _WHO.items() if groups == terms.who_may_ride), "")
    minutes = {
        "detour_min": terms.max_detour // 60 or "",
        "extra_min": "" if terms.max_extra is None else terms.max_extra // 60,
    }
    said = {
        "seats": terms.seats,
        "wheelchairs": terms.wheelchairs,
        "riders": terms.riders,
        "who": who,
        "detour": terms.detour,
    }
    filled = {field: "" if value is None else str(value) for field, value in {**said, **minutes}.items()}
    return {
        **filled,
        "first": answers.first.isoformat() if answers.first else "",
        "week": answers.week.isoformat() if answers.week else "",
    }


def line_text(line: Line) -> str:
    """Say in a few words what holds for a route."""
    terms = line.terms
    if not line.taken:
        return _("Left out")
    if terms.seats is None:
        return _("No answer yet: no seat is offered")
    who = {(): _("committed riders only"), ("registered",): _("registered residents"), ("anyone",): _("anyone")}
    groups = ", ".join(terms.who_may_ride or ())
    return _("%(seats)s seats, %(who)s", seats=terms.seats, who=who.get(terms.who_may_ride or (), groups))
