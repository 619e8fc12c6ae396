"""Signing in: flask-security over the records, without a second way to the database."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, timedelta
from functools import wraps
from typing import Any, ParamSpec, cast
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue, ResponseValue
from flask_babel import lazy_gettext as lazy
from flask_login import current_user, user_logged_in, user_logged_out
from flask_security import RoleMixin, Security, UserMixin, login_user, logout_user
from flask_security.datastore import UserDatastore
from flask_security.password_util import PasswordUtil
from flask_security.tf_plugin import TfPlugin

from webapp.config import LANGUAGES
from webapp.db import tables
from webapp.db.store import Busy
from webapp.services import accounts, factors, signin
from webapp.views.shared import (
    anybody,
    inside,
    is_without_records,
    must_enrol,
    reading,
    sign_in_page,
    town,
    words,
)

P = ParamSpec("P")
pages = Blueprint("auth", __name__)

LONGEST_ADDRESS = 2000
LONGEST_PASSWORD = 1000
OWN_LIFE = timedelta(days=90)
"""How long a session lasts on a phone of one's own, from the last page on."""
IDLE = timedelta(minutes=15)
"""Without a new page for so long, a session on a shared phone is over."""
FRESH = timedelta(minutes=15)
"""How long a proof of who it is counts for what is dangerous."""
HALF_LIFE = timedelta(minutes=10)
"""How long a right password waits for the second factor."""
LONGEST_DEVICE = 64
ALWAYS = ("static", "security.logout", "auth.choose_language", "auth.choose_display")
"""What is open to whoever has to add a second factor first."""
READING = ("language", "text_size", "contrast")
"""What a visitor chose of how the pages are to be read: it stays when they sign in."""
HOMES = {
    "resident": "resident.trips",
    "desk": "desk.find",
    "dispatcher": "dispatcher.day",
    "driver": "driver.runs",
    "town": "city.figures",
}


class Role(RoleMixin):
    """A role by its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.permissions: list[str] = []


class Visitor(UserMixin):
    """Somebody signed in, as flask-security wants to see them."""

    fs_uniquifier: str = ""

    def __init__(self, row: tables.User) -> None:
        self.row = row
        self.id = cast(Any, row.id)
        self.email, self.password, self.active = row.email or "", row.password, row.active
        self.fs_uniquifier = row.fs_uniquifier
        self.name, self.operator_id, self.role_names = row.name, row.operator_id, row.roles
        self.roles = [Role(name) for name in row.roles]


class People(UserDatastore):
    """Find people for flask-security in the one store; it changes nothing but passwords, and those not here yet."""

    def __init__(self) -> None:
        super().__init__(Visitor, Role)

    def find_user(self, case_insensitive: bool = False, **wanted: Any) -> Visitor | None:
        known = {key: value for key, value in wanted.items() if key in ("id", "email", "fs_uniquifier")}
        if not known or is_without_records():
            return None
        if "email" in known:
            known["email"] = str(known["email"]).lower()
        with town().store.read() as records:
            row = records.find_user(**known)
        return Visitor(row) if row else None

    def find_role(self, role: str) -> Role | None:
        return Role(role) if role in accounts.ROLES else None

    def put(self, model: Visitor) -> Visitor:
        """Keep a password that was hashed anew with stronger settings."""

        def change(door: Any) -> None:
            row = door.get_user(model.id)
            row.password = model.password
            door.put(row)

        town().store.commit(change)
        return model

    def commit(self) -> None:
        """Nothing waits: `put` has committed."""


class Passwords(PasswordUtil):
    """Read passwords; the hash refuses to look at a very long one, which is wrong like any other."""

    def normalize(self, password: str) -> str:
        return str(super().normalize(password))[:LONGEST_PASSWORD]


def add_security(app: Flask) -> None:
    """Let flask-security guard the site."""
    app.config.update(
        SECURITY_PASSWORD_HASH="argon2",
        SECURITY_PASSWORD_SCHEMES=["argon2"],
        SECURITY_PASSWORD_SINGLE_HASH=["argon2"],
        SECURITY_DEPRECATED_PASSWORD_SCHEMES=[],
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_LOGIN_USER_TEMPLATE="auth/login.html",
        SECURITY_POST_LOGIN_VIEW="/",
        SECURITY_POST_LOGOUT_VIEW="/login",
        SECURITY_LOGOUT_METHODS=["POST"],
        SECURITY_UNAUTHORIZED_VIEW=None,
        SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS=False,
        SECURITY_USE_REGISTER_V2=True,
        SECURITY_TRACKABLE=False,
        SECURITY_FRESHNESS=timedelta(seconds=-1),
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_DEFAULT_REMEMBER_ME=False,
        SECURITY_MSG_GENERIC_AUTHN_FAILED=(lazy("The e-mail address or the password is not right."), "error"),
        SECURITY_REDIRECT_VALIDATE_MODE=["absolute", "regex"],
    )
    app.config["PERMANENT_SESSION_LIFETIME"] = OWN_LIFE
    security = Security(app, People(), password_util_cls=Passwords)
    security.two_factor_plugins = SecondStep()
    user_logged_in.connect(_begin_session, app)
    user_logged_out.connect(_end_session, app)
    app.before_request(_count_passwords)
    app.before_request(_end_idle_session)
    app.before_request(_ask_to_enrol)
    app.after_request(_clear_browser)
    app.after_request(_keep_device)


class SecondStep(TfPlugin):
    """What comes after the password: flask-security asks here."""

    def tf_enter(
        self, user: UserMixin, remember_me: bool | None, primary_authn_via: str, next_loc: str | None
    ) -> ResponseValue:
        """Answer in any case: flask-security signs nobody in by itself."""
        return current_app.make_response(arrive(cast(Visitor, user).row, inside(request.args.get("next", ""))))


def arrive(row: tables.User, onward: str) -> ResponseReturnValue:
    """Go on after a right password: to the second factor of whoever has one, or in."""
    rule = town().settings.second_factor
    asked = rule != "off" and factors.works_here(row)
    has_one = asked and factors.find(town(), row.id).any
    if has_one:
        _forget_before()
        session["half"] = [row.fs_uniquifier, _now(), onward]
        return redirect(url_for("factors.ask"))
    enter(row)
    if asked and rule == "required":
        session["enrol"] = onward
        return redirect(url_for("factors.start"))
    return redirect(onward)


def half_in() -> tuple[tables.User, str] | None:
    """Give who has shown the right password and has to show a second factor, and where they go on."""
    name, at, onward = session.get("half", ("", 0, "/"))
    if not name or _now() - at > HALF_LIFE.total_seconds():
        return None
    with town().store.read() as records:
        row = records.find_user(fs_uniquifier=name)
    return (row, onward) if row and row.active else None


def enter(row: tables.User, *, own: bool | None = None, noted: bool = True) -> None:
    """Sign somebody in; nothing of who was there before stays.

    own: on a phone that is their own, or that others use too; None where nobody said so. noted: a browser that is new
    is told them by mail, unless they came by a message to the same address.
    """
    _forget_before()
    login_user(Visitor(row), remember=False)
    prove_again()
    if own is not None:
        stay(own=own)
    _meet_device(row, noted=noted)


def prove_again() -> None:
    """Note that somebody has shown just now who they are."""
    session["proved_at"] = _now()


def with_fresh_proof(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Before what is dangerous, ask again who it is whoever showed that more than 15 minutes ago."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if _now() - session.get("proved_at", 0) <= FRESH.total_seconds():
            return view(*args, **kwargs)
        came_from = request.path if request.method == "GET" else urlsplit(request.referrer or "").path
        session["onward"] = inside(came_from)
        return redirect(url_for("factors.ask"))

    return guarded


def device() -> str:
    """Give what this browser shows of itself; empty before somebody was in."""
    return request.cookies.get(device_cookie(), "")[:LONGEST_DEVICE]


def device_cookie() -> str:
    return "__Host-noriai-device" if town().settings.https else "noriai-device"


def _forget_before() -> None:
    chosen = {name: session[name] for name in READING if name in session}
    session.clear()
    session.update(chosen)


def _meet_device(row: tables.User, *, noted: bool) -> None:
    """Know this browser from now on, by a cookie that says nothing of the person."""
    g.device = device() or secrets.token_urlsafe(32)
    with suppress(Busy):  # the next time is early enough
        signin.meet_device(town(), row.id, g.device, noted=noted)


def _keep_device(response: Response) -> Response:
    if "device" in g:
        safe = town().settings.https
        life = None if "seen" in session else signin.DEVICE_LIFE  # a phone that others use forgets when it is closed
        response.set_cookie(device_cookie(), g.device, max_age=life, httponly=True, samesite="Lax", secure=safe)
    return response


def _ask_to_enrol() -> ResponseReturnValue | None:
    """Let whoever must have a second factor do nothing else before."""
    if not must_enrol() or not current_user.is_authenticated:
        return None
    endpoint = request.endpoint or ""
    if endpoint in ALWAYS or endpoint.startswith("factors."):
        return None
    return redirect(url_for("factors.start"))


def stay(*, own: bool) -> None:
    """Let the session last as long as it may on a phone of one's own, or on a shared one."""
    session.permanent = own
    if own:
        session.pop("seen", None)
        if device():
            g.device = device()
    else:
        session["seen"] = _now()


def leave() -> None:
    """Sign out whoever is there, and forget what was said."""
    logout_user()
    session.clear()


def _begin_session(_app: Flask, user: Visitor, **_: Any) -> None:
    """A resident's session is short unless they say that the phone is theirs; staff work all day at one screen."""
    if "resident" in user.role_names:
        session["seen"] = _now()


def _end_session(_app: Flask, user: Any, **_: Any) -> None:
    """Let the browser forget all pages; a driver's unsent taps wait in its storage and are needed still."""
    g.forget = '"cache"' if "driver" in getattr(user, "role_names", ()) else '"cache", "storage"'


def _clear_browser(response: Response) -> Response:
    """The session's cookie goes by itself: the header's word for cookies would sign out of the town's other sites."""
    if "forget" in g:
        session.clear()
        response.headers["Clear-Site-Data"] = g.forget
    return response


def _count_passwords() -> None:
    if request.endpoint == "security.login" and request.method == "POST":
        said = request.form.get("email", "")[:LONGEST_ADDRESS]
        signin.count_password(town(), said, peer=request.remote_addr or "", device=device())


def _end_idle_session() -> ResponseReturnValue | None:
    """End a session on a shared phone that nobody used for a while; what a page fetches by itself is no use."""
    if request.endpoint == "static" or "seen" not in session or not current_user.is_authenticated:
        return None
    if _now() - session["seen"] > IDLE.total_seconds():
        leave()
        return redirect(sign_in_page(ended=1))
    if not request.if_none_match and "HX-Request" not in request.headers:
        session["seen"] = _now()
    return None


def _now() -> int:
    return int(town().clock().replace(tzinfo=UTC).timestamp())


@pages.get("/")
@anybody
def home() -> ResponseReturnValue:
    """Lead everybody to their own first page."""
    if not current_user.is_authenticated:
        return redirect(sign_in_page())
    return redirect(url_for(HOMES[current_user.role_names[0]]))


@pages.post("/language")
@anybody
def choose_language() -> ResponseReturnValue:
    """Change the language of the pages, and stay where one was."""
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        session["language"] = chosen
        if current_user.is_authenticated:
            accounts.set_language(town(), current_user.id, chosen)
    return redirect(inside(words("next", LONGEST_ADDRESS).removesuffix("?")))


@pages.post("/display")
@anybody
def choose_display() -> ResponseReturnValue:
    """Change how large the words are, or how strong the contrast, and stay where one was."""
    size, contrast = reading()
    size, contrast = request.form.get("text_size", size), request.form.get("contrast", contrast)
    if size in accounts.TEXT_SIZES and contrast in accounts.CONTRASTS:
        session["text_size"], session["contrast"] = size, contrast
        if current_user.is_authenticated:
            accounts.set_reading(town(), current_user.id, text_size=size, contrast=contrast)
    return redirect(inside(words("next", LONGEST_ADDRESS).removesuffix("?")))


__all__ = ["add_security", "enter", "leave", "pages", "stay", "with_fresh_proof"]
