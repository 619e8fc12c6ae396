"""Agreements on a page: read by both parties, drafted by the town, signed and withdrawn by either."""

import re
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp.services import agreements
from webapp.services.agreements import Agreement, Terms
from webapp.services.errors import Invalid
from webapp.views import days
from webapp.views.desk import group_options
from webapp.views.shared import CENTS, error_text, needs, town, words, write_money, written

pages = Blueprint("agreements", __name__)

CURRENCIES = ("EUR", "JPY", "KRW")
FIELDS = {"agreement operator": "operator", "agreement ends": "ends", "agreement over": "ends"}
"""Fields to which a fault belongs that does not bear their name."""


@pages.get("/agreements")
@needs("town", "dispatcher")
def overview() -> ResponseReturnValue:
    """List the agreements: the town's with all operators, a dispatcher's own."""
    listed = [(one, _period(one), standing_text(one.standing)) for one in agreements.list_agreements(town(), _party())]
    return render_template("agreements/list.html", listed=listed, may_draft=_party() is None)


@pages.get("/agreements/new")
@needs("town")
def new() -> ResponseReturnValue:
    """Ask what is to be agreed."""
    today = town().today()
    said = {"starts": today.isoformat(), "ends": today.replace(month=12, day=31).isoformat(), "per": "seat"}
    return _form({**said, "currency": town().policy.fare_currency, "key": agreements.new_key()}, [])


@pages.post("/agreements")
@needs("town")
def draft() -> ResponseReturnValue:
    """Write an agreement down."""
    riders = [group for group, _label in group_options() if group in request.form.getlist("riders")]
    try:
        row = agreements.draft(town(), _terms(riders), key=words("key"), actor=current_user.id)
    except Invalid as fault:
        said = {**written(), "liability": _paragraphs()}
        name = str(fault)
        return _form(said, riders, {FIELDS.get(name, name): error_text(name)})
    flash(_("The agreement is written down. It counts once both parties have signed it."), "success")
    return redirect(url_for("agreements.show", agreement_id=row.id))


@pages.get("/agreements/<agreement_id>")
@needs("town", "dispatcher")
def show(agreement_id: str) -> ResponseReturnValue:
    """One agreement in full, with its signatures."""
    one = agreements.get_agreement(town(), agreement_id, _party())
    own = "operator" if _party() else "town"
    return render_template(
        "agreements/show.html",
        one=one,
        rows=_rows(one),
        signatures=[(label, *_signature(one, party)) for party, label in _parties(one)],
        standing=standing_text(one.standing),
        may_sign=own not in one.signed and one.standing == "draft",
        may_withdraw=one.standing not in ("withdrawn", "ended"),
    )


@pages.post("/agreements/<agreement_id>/sign")
@needs("town", "dispatcher")
def sign(agreement_id: str) -> ResponseReturnValue:
    """Sign for one's own party."""
    agreements.sign(town(), agreement_id, actor=current_user.id, operator=_party())
    flash(_("You have signed this agreement."), "success")
    return redirect(url_for("agreements.show", agreement_id=agreement_id))


@pages.post("/agreements/<agreement_id>/withdraw")
@needs("town", "dispatcher")
def withdraw(agreement_id: str) -> ResponseReturnValue:
    """End an agreement for new bookings."""
    agreements.withdraw(town(), agreement_id, actor=current_user.id, operator=_party())
    flash(_("This agreement is withdrawn. Rides that are booked already stay booked."), "success")
    return redirect(url_for("agreements.show", agreement_id=agreement_id))


def _party() -> str | None:
    """Name the operator for whom somebody acts; nobody's where they act for the town."""
    return None if "town" in current_user.role_names else str(current_user.operator_id)


def _form(said: dict[str, str], riders: list[str], errors: dict[str, str] | None = None) -> ResponseReturnValue:
    operators = [(one.id, one.name) for one in agreements.list_operators(town())]
    page: dict[str, Any] = {"said": said, "chosen": riders, "groups": group_options(), "operators": operators}
    page |= {"per": _per_options(), "currencies": [(code, code) for code in CURRENCIES], "errors": errors or {}}
    return render_template("agreements/new.html", **page), 422 if errors else 200


def _terms(riders: list[str]) -> Terms:
    currency = words("currency") if words("currency") in CURRENCIES else CURRENCIES[0]
    return Terms(
        operator=words("operator"),
        starts=_day("starts"),
        ends=_day("ends"),
        runs=tuple(filter(None, map(str.strip, re.split(r"[,、;\s]+", words("runs", 1000))))),
        riders=tuple(riders),
        price=_price(currency),
        currency=currency,
        per=words("per"),
        liability=_paragraphs(),
        quota=_count("quota"),
        quota_in_all=_count("quota_in_all"),
    )


def _day(field: str) -> date:
    found = days.read_day(words(field))
    if found is None:
        raise Invalid(field)
    return found


def _count(field: str) -> int | None:
    """Read a number of people; None where nothing is written. Raises Invalid."""
    said = words(field)
    if said and not re.fullmatch(r"\d{1,6}", said, re.ASCII):
        raise Invalid(field)
    return int(said) if said else None


def _price(currency: str) -> int | None:
    """Read an amount as people write it, in cents, or yen; None where nothing is written. Raises Invalid."""
    said = words("price")
    if not said:
        return None
    parts = re.fullmatch(r"(\d{1,7})(?:[.,](\d{1,2}))?", said, re.ASCII)
    cents = CENTS.get(currency, 100)
    if parts is None or (parts[2] and cents == 1):
        raise Invalid("price")
    return int(parts[1]) * cents + int((parts[2] or "").ljust(2, "0"))


def _paragraphs() -> str:
    """Read a text of several lines."""
    said = request.form.get("liability", "").replace("\r\n", "\n")
    return "".join(one for one in said if one.isprintable() or one == "\n").strip()


def _rows(one: Agreement) -> list[tuple[str, str]]:
    """Write what was agreed, line by line."""
    row, known = one.row, dict(group_options())
    price = _("nothing")
    if row.price is not None:
        price = f"{write_money(row.price, row.price_currency)}, {dict(_per_options())[row.price_per]}"
    return [
        (_("Parties"), " – ".join(label for _party, label in _parties(one))),
        (_("Service dates"), _period(one)),
        (_("Runs"), ", ".join(row.runs) or _("all runs of the operator")),
        (
            _("Who may ride"),
            ", ".join(known.get(group, group) for group in row.riders) or _("everybody admitted by the rules"),
        ),
        (_("Residents aboard at once, on each run"), _at_most(row.quota)),
        (_("Residents in all, while it lasts"), _at_most(row.quota_in_all)),
        (_("The town pays"), price),
    ]


def _at_most(quota: int | None) -> str:
    return _("as many as there is room for") if quota is None else _("at most %(count)s", count=quota)


def _parties(one: Agreement) -> list[tuple[str, str]]:
    return [("town", _("The town")), ("operator", one.operator)]


def _signature(one: Agreement, party: str) -> tuple[str, str]:
    if party not in one.signed:
        return "", ""
    name, moment = one.signed[party]
    return name, days.write_moment(moment)


def _period(one: Agreement) -> str:
    return f"{days.write_short(one.row.starts)} – {days.write_short(one.row.ends)}"


def _per_options() -> list[tuple[str, str]]:
    return [("seat", _("for each seat")), ("ride", _("for each ride"))]


def standing_text(standing: str) -> str:
    """Say whether an agreement counts today."""
    return {
        "draft": _("Not signed by both"),
        "coming": _("Signed, begins later"),
        "in force": _("In force"),
        "ended": _("Over"),
        "withdrawn": _("Withdrawn"),
    }[standing]
