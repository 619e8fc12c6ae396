"""The town's rules on a page: what a file says, what it would have done, and from when it counts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from matching.model import Detour, Policy, Rule
from webapp.services import rules, trying
from webapp.services.errors import Invalid
from webapp.services.rules import Rulebook
from webapp.services.trying import Trial
from webapp.town import read_policy
from webapp.views import days
from webapp.views.auth import with_fresh_proof
from webapp.views.city import few, table
from webapp.views.desk import group_text
from webapp.views.shared import OTHERS, error_text, language, needs, rule_text, town, words, write_money, write_span

pages = Blueprint("rules", __name__)

UNTOLD = frozenset({Rule.ORDER, Rule.STOPS, Rule.DONE, *OTHERS})
"""Rules that no resident is refused by in so many words."""

LOOK_SECONDS = 2.0
"""Seconds for which one look at a trial goes on with it: a page answers soon, and the next look goes on."""


@pages.get("/town/rules")
@needs("town")
def overview() -> ResponseReturnValue:
    """List the rules that were switched on, and the files to choose from."""
    decided = [
        (one, days.write_short(one.row.starts), days.write_moment(one.row.at)) for one in rules.list_decisions(town())
    ]
    books = [(book, _lint_text(book)) for book in rules.list_rulebooks()]
    return render_template("city/rules.html", now=town().policy.name, decided=decided, books=books)


@pages.get("/town/rules/<file>")
@needs("town")
def show(file: str) -> ResponseReturnValue:
    """One rules file: every remark on it, what it changes, and what refusals cite."""
    book = rules.get_rulebook(file)
    changes = list(_changes(town().policy, read_policy(book.rules))) if book.rules else []
    other = town().under(book.rules) if book.rules else town()
    told = [rule for rule in Rule if book.rules and rule not in UNTOLD]
    cited = [(rule_text(rule), other.article(rule, language())) for rule in told]
    return render_template("city/rulebook.html", book=book, changes=changes, cited=cited)


@pages.post("/town/rules/<file>/try")
@needs("town")
def begin(file: str) -> ResponseReturnValue:
    """Begin to ask the requests of the last month again."""
    row = trying.start(town(), rules.get_rulebook(file), actor=current_user.id)
    return redirect(url_for("rules.trial", trial_id=row.id))


@pages.get("/town/rules/trials/<trial_id>")
@needs("town")
def trial(trial_id: str) -> ResponseReturnValue:
    """How far a trial is; each look goes on with it. Once it is finished, its rules can be switched on."""
    return _trial_page(trial_id, {}, "")


@pages.post("/town/rules/trials/<trial_id>/switch")
@needs("town")
@with_fresh_proof
def switch(trial_id: str) -> ResponseReturnValue:
    """Let tried rules count from a service date on."""
    try:
        starts = days.read_day(words("starts"))
        if starts is None:
            raise Invalid("rules start")
        trying.switch_on(town(), trial_id, starts=starts, actor=current_user.id)
    except Invalid as fault:
        return _trial_page(trial_id, {"starts": error_text(str(fault))}, words("starts")), 422
    current_app.extensions["noriai"].look_at_rules()
    flash(_("Switched on. Your name and the time are kept with it."), "success")
    return redirect(url_for("rules.overview"))


def _trial_page(trial_id: str, errors: dict[str, str], said: str) -> str:
    row, found = trying.go_on(town(), trial_id, seconds=LOOK_SECONDS)
    return render_template(
        "city/trial.html",
        row=row,
        name=row.rules["name"],
        since=days.write_short(row.since),
        found=found,
        figures=_figures(found),
        gained=_reasons(found.gained),
        lost=_reasons(found.lost),
        starts=said or town().today().isoformat(),
        today=town().today().isoformat(),
        errors=errors,
    )


def _figures(found: Trial) -> list[tuple[str, str]]:
    return [
        (_("Requests asked again"), few(found.asked)),
        (_("Had an offer"), few(found.offered)),
        (_("More would have had one"), few(found.gained.total())),
        (_("Would have had none any more"), few(found.lost.total())),
    ]


def _reasons(counted: Counter[str]) -> list[tuple[str, str]]:
    return [(rule_text(rule), text) for rule, text in table(dict(counted.most_common()), is_over=True)]


def _lint_text(book: Rulebook) -> str:
    """Say in a few words what a file's remarks come to."""
    errors = sum(one.severity == "error" for one in book.remarks)
    if errors:
        return _("cannot be used, errors: %(count)s", count=errors)
    warnings = sum(one.severity == "warning" for one in book.remarks)
    return _("can be used, warnings: %(count)s", count=warnings) if warnings else _("can be used")


def _changes(now: Policy, then: Policy) -> Iterator[tuple[str, str, str]]:
    """Write what would be other: what it is about, now and then."""
    for (what, before), (_what, after) in zip(_lines(now), _lines(then), strict=True):
        if before != after:
            yield what, before, after


def _lines(policy: Policy) -> Sequence[tuple[str, Any]]:
    closes = _("no time of its own") if policy.closes is None else _clock(policy.closes)
    return [
        (_("Who may ride"), ", ".join(group_text(one) for one in sorted(policy.riders)) or _("nobody")),
        (_("How far a run may leave its road"), _detour_text(policy)),
        (_("Empty ways to and from the depot"), _("open") if policy.deadhead else _("closed")),
        (_("Booking ends before the pickup"), write_span(policy.notice)),
        (_("Booking closes"), closes),
        (_("Longest ride"), write_span(policy.max_ride)),
        (_("Fare"), write_money(policy.fare, policy.fare_currency)),
    ]


def _clock(seconds: int) -> str:
    minutes = seconds % 86_400 // 60
    return _("the day before at %(time)s", time=f"{minutes // 60}:{minutes % 60:02d}")


def _detour_text(policy: Policy) -> str:
    if policy.detour is Detour.UP_TO:
        return _("up to %(span)s", span=write_span(policy.max_detour))
    return _("not at all") if policy.detour is Detour.NONE else _("only to stops on its road")
