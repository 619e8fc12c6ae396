"""The town's page: what a day of free seats gave, in figures that point at nobody."""

from babel.dates import format_skeleton
from babel.numbers import format_decimal
from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.services import dispatching, feedback, ledger
from webapp.views import days
from webapp.views.shared import locale, needs, rating_text, rule_text, town, write_money

pages = Blueprint("city", __name__)


@pages.get("/town")
@needs("town")
def figures() -> ResponseReturnValue:
    """The figures of one service date."""
    shown = days.chosen(dispatching.list_dates(town()))
    day = ledger.day_ledger(town(), shown.shown)
    hidden = ledger.coarse(day.figures.residents) is None
    return render_template(
        "city/figures.html",
        days=shown,
        figures=day.figures,
        fares=[] if hidden else [(_("Fares"), write_money(sum_, currency)) for currency, sum_ in day.fares.items()],
        requests=[(outcome_text(outcome), few(count)) for outcome, count in day.requests.items()],
        refused=[(rule_text(rule), few(count)) for rule, count in day.refused.items()],
        few=few,
        hidden=hidden,
    )


@pages.get("/town/opinions")
@needs("town")
def opinions() -> ResponseReturnValue:
    """What riders said of their trips, without names."""
    said = feedback.read(town())
    return render_template(
        "city/opinions.html",
        total=few(said.total),
        counts=[(rating_text(rating), few(count)) for rating, count in (said.counts or {}).items()],
        mean="" if said.mean is None else format_decimal(said.mean, format="0.0", locale=locale()),
        words=[
            (format_skeleton("yMMMM", month, locale=locale()), rating_text(rating), text)
            for month, rating, text in said.words
        ],
    )


def few(count: int) -> str:
    """Write a count of people, or only that there were few."""
    shown = ledger.coarse(count)
    return _("fewer than %(count)s", count=ledger.SMALLEST_CELL) if shown is None else str(shown)


def outcome_text(outcome: str) -> str:
    """Say what became of a request."""
    return {
        "booked": _("Booked"),
        "cancelled": _("Booked, then cancelled"),
        "offered": _("Offered, not booked"),
        "refused": _("Refused"),
        "waiting": _("On the waiting list"),
        "declined": _("A seat came free, and they said no"),
        "unanswered": _("A seat came free, and they did not answer"),
    }.get(outcome, _("Not finished"))
