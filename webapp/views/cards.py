"""The desk's pages on how a caller signs in: their e-mail address, their card, and an end to every session."""

import segno
from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from webapp.db import tables
from webapp.services import accounts, cards, signin
from webapp.services.errors import Conflict, Invalid, NotFound
from webapp.views.riders import for_rider
from webapp.views.shared import error_text, needs, town, words

pages = Blueprint("cards", __name__)

LONGEST_EMAIL = 254
QUIET = 3
"""White modules around the picture; the card, white too, gives the fourth that ISO/IEC 18004 asks for."""


@pages.get("/desk/signing-in")
@needs("desk")
@for_rider
def show(rider: tables.User) -> ResponseReturnValue:
    """Show how a caller signs in."""
    return _page(rider, rider.email or "")


@pages.post("/desk/signing-in/email")
@needs("desk")
@for_rider
def keep_email(rider: tables.User) -> ResponseReturnValue:
    """Keep a caller's e-mail address."""
    said = words("email", LONGEST_EMAIL)
    try:
        accounts.set_email(town(), rider.id, said)
    except (Invalid, Conflict) as fault:
        return _page(rider, said, {"email": error_text(str(fault))})
    return redirect(url_for("cards.show"))


@pages.post("/desk/card")
@needs("desk")
@for_rider
def issue(rider: tables.User) -> ResponseReturnValue:
    """Issue a card, in place of the one of before."""
    try:
        cards.issue(town(), rider.id, words("pin"), key=words("key"), actor=current_user.id)
    except Invalid as fault:
        return _page(rider, rider.email or "", {"pin": error_text(str(fault))})
    return redirect(url_for("cards.to_print"))


@pages.get("/desk/card")
@needs("desk")
@for_rider
def to_print(rider: tables.User) -> ResponseReturnValue:
    """Show the card that a caller has, to be printed and cut out."""
    card = cards.find(town(), rider.id)
    if card is None:
        raise NotFound("card")
    site = town().settings.address or request.url_root.rstrip("/")
    said = site + url_for("signin.card", token=cards.token(town(), card.id))
    picture = segno.make(said, error="m", micro=False).svg_data_uri(border=QUIET, light="#fff")
    return render_template("desk/card.html", calling=rider, card=card, picture=picture)


@pages.post("/desk/card/withdraw")
@needs("desk")
@for_rider
def withdraw(rider: tables.User) -> ResponseReturnValue:
    """Take a card back."""
    cards.withdraw(town(), rider.id)
    return redirect(url_for("cards.show"))


@pages.post("/desk/signing-in/end")
@needs("desk")
@for_rider
def end_all(rider: tables.User) -> ResponseReturnValue:
    """Sign a caller out on all devices."""
    signin.sign_out_everywhere(town(), rider.id)
    return redirect(url_for("cards.show", ended=1))


def _page(rider: tables.User, email: str, errors: dict[str, str] | None = None) -> ResponseReturnValue:
    card = cards.find(town(), rider.id)
    page = {
        "calling": rider,
        "email": email,
        "card": card,
        "locked": card is not None and card.tries >= cards.MOST_TRIES,
        "ended": "ended" in request.args,
        "errors": errors or {},
    }
    return render_template("desk/signing_in.html", **page), 422 if errors else 200
