"""How people who work here sign in: passkeys, an app's codes, recovery codes and the password; one question a page."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec
from urllib.parse import urlsplit

import segno
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp.db import tables
from webapp.services import factors, passkeys, passwords, signin
from webapp.services.accounts import ROLES
from webapp.services.errors import Conflict, Invalid
from webapp.services.passkeys import Site
from webapp.views.auth import device, enter, half_in, leave, prove_again, with_fresh_proof
from webapp.views.shared import anybody, error_text, inside, needs, on_shared_tablet, sign_in_page, town, words

P = ParamSpec("P")
pages = Blueprint("factors", __name__)

STAFF = tuple(role for role in ROLES if role != "resident")
LONGEST_CODE = 60
QUIET = 4
"""White modules around the picture, as ISO/IEC 18004 asks for."""


def for_staff(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Let only people in who work here, at a device of their own: a PIN opens no more than the runs of a shift."""

    @needs(*STAFF)
    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if on_shared_tablet():
            abort(404)
        return view(*args, **kwargs)

    return guarded


def site() -> Site | None:
    """Tell for whom passkeys are made: the town's own address, or this machine by its name; none elsewhere."""
    address = town().settings.address or request.host_url.rstrip("/")
    parts = urlsplit(address)
    host = parts.hostname or ""
    safe = host == "localhost" or (bool(town().settings.address) and parts.scheme == "https" and not _is_number(host))
    return Site(host, f"{parts.scheme}://{parts.netloc}") if safe else None


# The way in


@pages.get("/second-factor")
@anybody
def ask() -> ResponseReturnValue:
    """Ask for a second factor after the password, or again before something dangerous."""
    who = _who_is_asked()
    return _ask_page(who[0]) if who else redirect(sign_in_page())


@pages.post("/second-factor")
@anybody
def answer() -> ResponseReturnValue:
    """Try a code of the app, a recovery code, or, of whoever has neither, the password again."""
    who = _who_is_asked()
    if who is None:
        return redirect(sign_in_page())
    row, onward = who
    try:
        if factors.find(town(), row.id).any:
            factors.prove(town(), row.id, words("code", LONGEST_CODE), peer=peer())
        elif not current_user.is_authenticated:
            return redirect(sign_in_page())
        else:
            signin.count_password(town(), row.email or row.id, peer=peer(), device=device())
            if not passwords.is_right(row, request.form.get("password", "")):
                raise Invalid("password wrong")
    except Invalid as fault:
        return _ask_page(row, str(fault)), 422
    return _go_on(row, onward)


@pages.post("/passkey/options")
@anybody
def options() -> ResponseReturnValue:
    """Give a browser what it needs to show one of its passkeys."""
    return _json(*passkeys.ask_to_show(town(), _site(), peer=peer()))


@pages.post("/passkey")
@anybody
def use_passkey() -> ResponseReturnValue:
    """Sign in by a passkey alone, or show one before something dangerous."""
    who = _who_is_asked()
    try:
        row = passkeys.prove(town(), _site(), session.pop("challenge", ""), _credential(), peer=peer())
        if who and row.id != who[0].id:
            raise Invalid("passkey")
    except Invalid as fault:
        if who:
            return _ask_page(who[0], str(fault)), 422
        flash(error_text(str(fault)), "error")
        return redirect(url_for("security.login", next=inside(request.args.get("next", ""))))
    return _go_on(row, who[1] if who else inside(request.args.get("next", "")))


# What somebody has


@pages.get("/account")
@for_staff
def show() -> ResponseReturnValue:
    """Show how somebody signs in."""
    return render_template(
        "auth/account.html",
        has=factors.find(town(), current_user.id),
        offered=town().settings.second_factor != "off",
        required=town().settings.second_factor == "required",
        can_passkey=site() is not None,
    )


@pages.get("/account/start")
@for_staff
def start() -> ResponseReturnValue:
    """Ask whoever has to add a second factor which it is to be."""
    return render_template("auth/enrol.html", can_passkey=site() is not None)


@pages.get("/account/passkey")
@for_staff
@with_fresh_proof
def name_passkey() -> ResponseReturnValue:
    """Ask for the name of a new passkey."""
    _site()
    return render_template("auth/new_passkey.html", errors={}, said="")


@pages.post("/account/passkey/options")
@for_staff
@with_fresh_proof
def new_options() -> ResponseReturnValue:
    """Give a browser what it needs to make a passkey."""
    return _json(*passkeys.ask_to_make(town(), _site(), current_user.row, peer=peer()))


@pages.post("/account/passkey")
@for_staff
@with_fresh_proof
def add_passkey() -> ResponseReturnValue:
    """Keep a new passkey."""
    said, challenge = words("name"), session.pop("challenge", "")
    try:
        passkeys.add(town(), _site(), current_user.id, said, challenge=challenge, made=_credential())
    except Invalid as fault:
        errors = {"name": error_text(str(fault))}
        return render_template("auth/new_passkey.html", errors=errors, said=said), 422
    return _added()


@pages.post("/account/passkey/remove")
@for_staff
@with_fresh_proof
def remove_passkey() -> ResponseReturnValue:
    """Let a passkey open nothing any more."""
    factors.remove_passkey(town(), current_user.id, words("passkey", 2000))
    _renew()
    flash(_("This passkey opens nothing any more."), "success")
    return redirect(url_for("factors.show"))


@pages.get("/account/app")
@for_staff
@with_fresh_proof
def new_app() -> ResponseReturnValue:
    """Show the picture for an authenticator app, and ask for the first code."""
    session["seed"] = factors.new_seed()
    return _app_page()


@pages.post("/account/app")
@for_staff
@with_fresh_proof
def add_app() -> ResponseReturnValue:
    """Let the app count from now on."""
    if "seed" not in session:
        return redirect(url_for("factors.new_app"))
    try:
        factors.add_app(town(), current_user.id, session["seed"], words("code"))
    except Invalid as fault:
        return _app_page({"code": error_text(str(fault))}), 422
    except Conflict:
        return redirect(url_for("factors.show"))
    return _added()


@pages.post("/account/app/remove")
@for_staff
@with_fresh_proof
def remove_app() -> ResponseReturnValue:
    """Let the app open nothing any more."""
    factors.remove_app(town(), current_user.id)
    _renew()
    flash(_("Codes of the app open nothing any more."), "success")
    return redirect(url_for("factors.show"))


@pages.post("/account/recovery")
@for_staff
@with_fresh_proof
def new_recovery_codes() -> ResponseReturnValue:
    """Give ten new recovery codes, shown this once."""
    if not factors.find(town(), current_user.id).any:
        return redirect(url_for("factors.show"))
    return _recovery_page()


@pages.get("/account/password")
@for_staff
def ask_password() -> ResponseReturnValue:
    """Ask for a new password."""
    return render_template("auth/password.html", errors={}, shortest=passwords.SHORTEST)


@pages.post("/account/password")
@for_staff
def change_password() -> ResponseReturnValue:
    """Keep a new password; every other session ends."""
    old, new = (request.form.get(name, "") for name in ("old", "new"))
    try:
        passwords.change(town(), current_user.id, old, new, peer=peer(), device=device())
    except Invalid as fault:
        errors = {"old" if str(fault) == "password wrong" else "new": error_text(str(fault))}
        return render_template("auth/password.html", errors=errors, shortest=passwords.SHORTEST), 422
    _renew()
    flash(_("Your new password counts from now on. Everybody else who was signed in as you is signed out."), "success")
    return redirect(url_for("factors.show"))


@pages.post("/account/end")
@for_staff
def end_all() -> ResponseReturnValue:
    """Sign somebody out on all devices, this one too."""
    signin.sign_out_everywhere(town(), current_user.id)
    leave()
    return redirect(sign_in_page())


def peer() -> str:
    """Give the network address that asks."""
    return request.remote_addr or ""


def _who_is_asked() -> tuple[tables.User, str] | None:
    """Give who is to show a second factor, and where they go on."""
    if not current_user.is_authenticated:
        return half_in()
    if on_shared_tablet() or not factors.works_here(current_user.row):
        return None
    return current_user.row, inside(session.get("onward", ""))


def _go_on(row: tables.User, onward: str) -> ResponseReturnValue:
    """Let in who has shown who they are, or go on with what they were about to do."""
    if current_user.is_authenticated:
        session.pop("onward", None)
        prove_again()
    else:
        enter(row)
    return redirect(onward)


def _ask_page(row: tables.User, fault: str = "") -> str:
    has = factors.find(town(), row.id)
    return render_template(
        "auth/second_factor.html",
        has=has,
        errors={("code" if has.any else "password"): error_text(fault)} if fault else {},
        can_passkey=bool(has.passkeys) and site() is not None,
        again=current_user.is_authenticated,
    )


def _app_page(errors: dict[str, str] | None = None) -> str:
    key = factors.app_key(town(), session["seed"])
    address = factors.app_address(town(), session["seed"], current_user.email)
    return render_template(
        "auth/new_app.html",
        picture=segno.make(address, error="m", micro=False).svg_data_uri(border=QUIET, light="#fff"),
        key=" ".join(key[at : at + 4] for at in range(0, len(key), 4)),
        errors=errors or {},
    )


def _added() -> ResponseReturnValue:
    """Go on after a factor was added; with the first one come recovery codes."""
    onward = session.get("enrol", "")
    _renew()
    if not factors.find(town(), current_user.id).codes:
        return _recovery_page(onward)
    flash(_("From now on you can sign in with it."), "success")
    return redirect(onward or url_for("factors.show"))


def _recovery_page(onward: str = "") -> str:
    made = factors.make_recovery_codes(town(), current_user.id)
    return render_template("auth/recovery.html", codes=made, onward=onward or url_for("factors.show"))


def _renew() -> None:
    """Stay in where all sessions of somebody have ended."""
    with town().store.read() as records:
        row = records.get_user(current_user.id)
    enter(row, noted=False)


def _site() -> Site:
    found = site()
    if found is None:
        abort(404)
    return found


def _credential() -> str:
    return request.form.get("credential", "")


def _json(challenge: str, said: str) -> Any:
    session["challenge"] = challenge
    return Response(said, mimetype="application/json")


def _is_number(host: str) -> bool:
    """Is this an address of numbers, for which no browser makes passkeys?"""
    return ":" in host or host.replace(".", "").isdecimal()


@pages.app_context_processor
def _frame() -> dict[str, Any]:
    return {"passkey_site": site} if request.endpoint == "security.login" else {}
