"""The town's page: what a day of free seats gave, in figures that point at nobody."""

from collections.abc import Mapping
from typing import TypeVar

from babel.dates import format_skeleton
from babel.numbers import format_decimal
from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.services import feedback, ledger, suppression
from webapp.views import days
from webapp.views.shared import locale, needs, rating_text, rule_text, town, write_money

pages = Blueprint("city", __name__)
Name = TypeVar("Name")


@pages.get("/town")
@needs("town")
def figures() -> ResponseReturnValue:
    """The figures of one service date; while it is not over, only such as do not tell of a single booking."""
    shown = days.chosen(ledger.list_dates(town()))
    day = ledger.day_ledger(town(), shown.shown)
    is_over = shown.shown < town().today()
    hidden = not is_over or suppression.coarse(day.figures.residents) is None
    return render_template(
        "city/figures.html",
        days=shown,
        figures=day.figures,
        fares=[] if hidden else [(_("Fares"), write_money(sum_, currency)) for currency, sum_ in day.fares.items()],
        requests=[(outcome_text(one), text) for one, text in table(day.requests, is_over=is_over)],
        refused=[(rule_text(one), text) for one, text in table(day.refused, is_over=is_over)],
        committed=few(day.figures.committed),
        residents=few(day.figures.residents, is_over=is_over),
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
        counts=[(rating_text(one), text) for one, text in table(said.counts or {}, is_over=True)],
        mean="" if said.mean is None else format_decimal(said.mean, format="0.0", locale=locale()),
        words=[
            (format_skeleton("yMMMM", month, locale=locale()), rating_text(rating), text)
            for month, rating, text in said.words
        ],
    )


def few(count: int, *, is_over: bool = True) -> str:
    """Write a count of people, or only that there were few.

    One that still grows is written in steps: else two looks at the page would tell of the one who came between them.
    """
    shown = suppression.coarse(count)
    if shown is None:
        return _("fewer than %(count)s", count=suppression.SMALLEST_CELL)
    least = count // suppression.SMALLEST_CELL * suppression.SMALLEST_CELL
    return str(shown) if is_over or not shown else _("%(count)s or more", count=least)


def table(counts: Mapping[Name, int], *, is_over: bool) -> list[tuple[Name, str]]:
    """Write the counts of a table, in which none that is hidden can be reckoned from the others and their sum."""
    kept = suppression.suppressed(counts)
    shut = {name: few(count, is_over=is_over) for name, count in counts.items()}
    large = (name for name, shown in kept.items() if shown is None and suppression.coarse(counts[name]) is not None)
    return [*({**shut, **dict.fromkeys(large, _("not shown"))}).items()]


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
