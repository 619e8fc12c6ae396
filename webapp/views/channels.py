"""How somebody is told: the pages of a person, also for the desk on behalf of a caller, and what LINE says to us."""

from flask import Blueprint, Response, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp import line, pushing
from webapp.db import tables
from webapp.services import reach
from webapp.services.errors import Invalid
from webapp.views.riders import for_self
from webapp.views.shared import anybody, clock_time, error_text, needs, town, words, written

pages = Blueprint("channels", __name__)
hooks = Blueprint("hooks", __name__)

LARGEST_HOOK = 2**18
MINUTE = 60


@pages.get("/messages")
@for_self
def show(rider: tables.User) -> ResponseReturnValue:
    """Show how somebody is told, and when nothing rings."""
    habits = reach.get_habits(town(), rider.id)
    browsers = next((len(one.browsers) for one in habits.routes if one.channel == "push"), 0)
    return render_template(
        "resident/messages.html",
        ways=[_channel_text(channel) for channel in habits.channels],
        quiet=tuple(map(_clock, habits.quiet)),
        has_quiet=habits.quiet[0] != habits.quiet[1],
        browsers=browsers,
        is_own=rider.id == current_user.id,
        push_key=pushing.public_key(town().settings),
        worker=url_for("push_worker", v=current_app.config["STATIC_VERSION"]),
        has_line="line" in habits.channels,
        offers_line=reach.serves(town(), "line"),
    )


@pages.get("/messages/first")
@for_self
def ask_first(rider: tables.User) -> ResponseReturnValue:
    """Ask by which way somebody is told first."""
    return _ask_first(rider, {})


@pages.post("/messages/first")
@for_self
def set_first(rider: tables.User) -> ResponseReturnValue:
    """Keep by which way somebody is told first."""
    try:
        reach.choose(town(), rider.id, words("channel"))
    except Invalid as fault:
        return _ask_first(rider, {str(fault): error_text(str(fault))}), 422
    return redirect(url_for("resident.channels.show"))


@pages.get("/messages/quiet")
@for_self
def ask_quiet(rider: tables.User) -> ResponseReturnValue:
    """Ask from when until when nothing rings."""
    begins, ends = reach.get_habits(town(), rider.id).quiet
    return _ask_quiet({"begins": _clock(begins), "ends": _clock(ends)}, {})


@pages.post("/messages/quiet")
@for_self
def set_quiet(rider: tables.User) -> ResponseReturnValue:
    """Keep from when until when nothing rings."""
    try:
        begins, ends = (clock_time(field) for field in ("begins", "ends"))
    except Invalid as fault:
        return _ask_quiet(written(), {str(fault): error_text("clock")}), 422
    seconds = [one.hour * 3600 + one.minute * MINUTE for one in (begins, ends)]
    reach.set_quiet(town(), rider.id, *seconds)
    return redirect(url_for("resident.channels.show"))


@pages.post("/messages/line")
@for_self
def begin_line(rider: tables.User) -> ResponseReturnValue:
    """Show the digits that link somebody's LINE account."""
    if not reach.serves(town(), "line"):
        abort(404)
    return render_template("resident/line.html", code=reach.begin_line(town(), rider.id))


@pages.post("/messages/line/end")
@for_self
def end_line(rider: tables.User) -> ResponseReturnValue:
    """Tell nothing to a LINE account any more."""
    reach.end_line(town(), rider.id)
    return redirect(url_for("resident.channels.show"))


@pages.post("/messages/browser")
@needs("resident")
def subscribe() -> ResponseReturnValue:
    """Let this browser show messages: sent by the page's script, once the browser agreed."""
    said = (request.form.get(field, "") for field in ("endpoint", "p256dh", "auth"))
    reach.subscribe(town(), current_user.id, *said)
    return Response(status=204, mimetype="text/plain")


@pages.post("/messages/browser/end")
@for_self
def unsubscribe(rider: tables.User) -> ResponseReturnValue:
    """Let no browser show messages any more."""
    reach.unsubscribe(town(), rider.id)
    return redirect(url_for("resident.channels.show"))


@hooks.post("/line")
@anybody
def hear_line() -> ResponseReturnValue:
    """Hear from LINE who sent which code; LINE signs what it says, so it needs no token of a form."""
    request.max_content_length = LARGEST_HOOK
    body = request.get_data()
    if not line.is_signed(town().settings, body, request.headers.get("X-Line-Signature", "")):
        abort(404)
    try:
        texts = [*line.read_texts(body)]
    except ValueError:
        abort(400)
    for line_id, said in texts:
        reach.link_line(town(), line_id, said)
    return Response(mimetype="text/plain")


def _channel_text(channel: str) -> str:
    return {
        "push": _("On this phone or computer (browser)"),
        "line": _("LINE"),
        "email": _("E-mail"),
        "text": _("Text message"),
    }[channel]


def _clock(seconds: int) -> str:
    hours, minutes = divmod(seconds // MINUTE, 60)
    return f"{hours:02}:{minutes:02}"


def _ask_first(rider: tables.User, errors: dict[str, str]) -> str:
    channels = reach.get_habits(town(), rider.id).channels
    options = [(channel, _channel_text(channel)) for channel in channels]
    chosen = channels[0] if channels else ""
    return render_template("resident/first_channel.html", options=options, chosen=chosen, errors=errors)


def _ask_quiet(said: dict[str, str], errors: dict[str, str]) -> str:
    return render_template("resident/quiet.html", said=said, errors=errors)
