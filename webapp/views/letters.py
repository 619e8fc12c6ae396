"""The desk's pages on messages that reached nobody: try again, call, print a letter, or put away."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.services import messages
from webapp.services.errors import Invalid
from webapp.services.messages import Unreached
from webapp.texts import translator
from webapp.views.shared import language, needs, town, whole_number

pages = Blueprint("letters", __name__)


@pages.get("/desk/messages")
@needs("desk")
def unreached() -> ResponseReturnValue:
    """List whom messages did not reach, about what, and why."""
    found = [one for one in messages.list_unreachable(town(), language()) if not one.letter]
    waiting = len(messages.list_letters(town()))
    return render_template("desk/unreached.html", found=[(one, why_text(one)) for one in found], letters=waiting)


@pages.post("/desk/messages/again")
@needs("desk")
def again() -> ResponseReturnValue:
    """Send a message once more."""
    messages.try_again(town(), _number())
    return redirect(url_for("letters.unreached"))


@pages.post("/desk/messages/letter")
@needs("desk")
def letter() -> ResponseReturnValue:
    """Let a message be printed."""
    messages.make_letter(town(), _number())
    return redirect(url_for("letters.unreached"))


@pages.post("/desk/messages/away")
@needs("desk")
def away() -> ResponseReturnValue:
    """Put a message away."""
    messages.put_away(town(), _number())
    return redirect(url_for("letters.unreached"))


@pages.get("/desk/letters")
@needs("desk")
def to_print() -> ResponseReturnValue:
    """Show the letters that wait, each on a sheet of its own, in its reader's language."""
    letters = [(one, translator(one.language)) for one in messages.list_letters(town())]
    return render_template("desk/letters.html", letters=letters)


@pages.post("/desk/letters/printed")
@needs("desk")
def printed() -> ResponseReturnValue:
    """Note which letters were printed."""
    try:
        numbers = [int(one) for one in request.form.getlist("letter")]
    except ValueError as error:
        raise Invalid("letter") from error
    messages.mark_printed(town(), numbers)
    return redirect(url_for("letters.unreached"))


def why_text(one: Unreached) -> str:
    """Say why a message reached nobody."""
    if one.why == "too late":
        return _("It was not sent in time.")
    if one.why == "no way":
        return _("No way to tell this person is known.")
    if one.why.startswith("SMTP"):
        return _("The mail server did not take it. Perhaps the address is wrong.")
    return _("It was sent several times, and not taken: %(fault)s", fault=one.why)


def _number() -> int:
    number = whole_number("message")
    if not 0 < number < 2**31:
        raise Invalid("message")
    return number
