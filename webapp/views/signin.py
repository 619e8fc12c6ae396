"""Signing in without a password: an address, the six digits or the link or the card's PIN, and whose phone it is."""

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp.db import tables
from webapp.services import cards, signin
from webapp.services.errors import Gone, Invalid
from webapp.views.auth import device, enter, leave, stay
from webapp.views.shared import anybody, error_text, inside, language, needs, sign_in_page, town, words

pages = Blueprint("signin", __name__)

LONGEST_TOKEN = 64


@pages.get("/sign-in")
@anybody
def start() -> ResponseReturnValue:
    """Ask for an e-mail address or a phone number."""
    ways = signin.ways(town())
    if not any(ways):
        return redirect(url_for("security.login"))
    session["next"] = inside(request.args.get("next", ""))
    return render_template("auth/start.html", ways=ways, errors={}, said="", ended="ended" in request.args)


@pages.post("/sign-in")
@anybody
def begin() -> ResponseReturnValue:
    """Send a code; what is answered tells nobody whether the address is known."""
    ways, said = signin.ways(town()), words("address")
    if not any(ways):
        return redirect(url_for("security.login"))
    try:
        session["sign_in"] = signin.begin(town(), said, peer=peer(), language=language(), device=device())
    except Invalid as fault:
        page = {"ways": ways, "errors": {"address": error_text(str(fault))}, "said": said, "ended": False}
        return render_template("auth/start.html", **page), 422
    return redirect(url_for("signin.code"))


@pages.get("/sign-in/code")
@anybody
def code() -> ResponseReturnValue:
    """Ask for the six digits."""
    if "sign_in" not in session:
        return redirect(sign_in_page())
    return render_template("auth/code.html", errors={}, over=False)


@pages.post("/sign-in/code")
@anybody
def try_code() -> ResponseReturnValue:
    """Try the six digits."""
    if "sign_in" not in session:
        return redirect(sign_in_page())
    try:
        signin.prove_by_code(town(), session["sign_in"], words("code"), peer=peer(), device=device())
    except Invalid as fault:
        return render_template("auth/code.html", errors={"code": error_text(str(fault))}, over=False), 422
    except Gone:
        return render_template("auth/over.html", lost=_("These six digits can no longer be used")), 409
    return redirect(url_for("signin.who"))


@pages.get("/sign-in/link/<token>")
@anybody
def link(token: str) -> ResponseReturnValue:
    """Wait for a press of a button: programs that read mail open every link, and must not use it up."""
    return render_template("auth/link.html", token=token)


@pages.post("/sign-in/link/<token>")
@anybody
def use_link(token: str) -> ResponseReturnValue:
    """Use a link up."""
    try:
        session["sign_in"] = signin.prove_by_link(town(), token[:LONGEST_TOKEN], peer=peer())
    except Gone:
        return render_template("auth/over.html", lost=_("This link can no longer be used")), 409
    return redirect(url_for("signin.who"))


@pages.get("/card/<token>")
@anybody
def card(token: str) -> ResponseReturnValue:
    """Ask for the PIN of a card, whether or not there is one."""
    return render_template("auth/card.html", token=token, errors={})


@pages.post("/card/<token>")
@anybody
def use_card(token: str) -> ResponseReturnValue:
    """Try the PIN of a card."""
    try:
        session["sign_in"] = cards.use(town(), token[:LONGEST_TOKEN], words("pin"), peer=peer())
    except Invalid as fault:
        return render_template("auth/card.html", token=token, errors={"pin": error_text(str(fault))}), 422
    session["by_card"] = session["sign_in"]
    return redirect(url_for("signin.who"))


@pages.get("/sign-in/who")
@anybody
def who() -> ResponseReturnValue:
    """Ask who of a household it is; where only one person can be meant, go on."""
    people = _people()
    if len(people) > 1:
        return render_template("auth/who.html", people=people, errors={})
    return redirect(url_for("signin.phone"))


@pages.post("/sign-in/who")
@anybody
def choose() -> ResponseReturnValue:
    """Remember who of a household it is."""
    people, chosen = _people(), words("person")
    if chosen not in {user.id for user in people}:
        return render_template("auth/who.html", people=people, errors={"person": error_text("person")}), 422
    session["person"] = chosen
    return redirect(url_for("signin.phone"))


@pages.get("/sign-in/phone")
@anybody
def phone() -> ResponseReturnValue:
    """Ask whose phone it is: that tells how long they stay signed in."""
    return render_template("auth/phone.html", name=_person().name)


@pages.post("/sign-in/phone")
@anybody
def finish() -> ResponseReturnValue:
    """Sign in; a phone of which nothing was said counts as shared."""
    person, onward = _person(), inside(session.get("next", ""))
    by_card = session.get("by_card") == session["sign_in"]
    row = signin.end(town(), session["sign_in"], person.id)
    enter(row, own=words("phone") == "own", noted=by_card)
    return redirect(onward)


@pages.get("/signing-in")
@needs("resident")
def mine() -> ResponseReturnValue:
    """Show how somebody is signed in, and how to end that everywhere."""
    card = cards.find(town(), current_user.id)
    return render_template("auth/mine.html", shared="seen" in session, card=card)


@pages.post("/signing-in/phone")
@needs("resident")
def change_phone() -> ResponseReturnValue:
    """Hear whose phone it is from somebody who is in already, such as by a password, which asks nothing."""
    stay(own=words("phone") == "own")
    return redirect(url_for("signin.mine"))


@pages.post("/signing-in/end")
@needs("resident")
def end_all() -> ResponseReturnValue:
    """Sign somebody out on all devices, this one too."""
    signin.sign_out_everywhere(town(), current_user.id)
    leave()
    return redirect(sign_in_page())


def _people() -> list[tables.User]:
    """List who may go in from this browser. Raises Gone."""
    return signin.people(town(), session.get("sign_in", ""))


def _person() -> tables.User:
    """Give who goes in: the one person there is, or the one who was chosen. Raises Gone where nobody was."""
    people = _people()
    chosen = people if len(people) == 1 else [user for user in people if user.id == session.get("person")]
    if not chosen:
        raise Gone("sign-in")
    return chosen[0]


def peer() -> str:
    """Give the network address that asks."""
    return request.remote_addr or ""
