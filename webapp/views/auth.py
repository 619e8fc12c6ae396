"""Signing in: flask-security over the records, without a second way to the database."""

from datetime import timedelta
from typing import Any, cast

from flask import Blueprint, Flask, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as lazy
from flask_login import current_user
from flask_security import RoleMixin, Security, UserMixin
from flask_security.datastore import UserDatastore
from flask_security.password_util import PasswordUtil

from webapp.config import LANGUAGES
from webapp.db import tables
from webapp.services import accounts
from webapp.town import Town
from webapp.views.shared import needs, town, words

pages = Blueprint("auth", __name__)

LONGEST_ADDRESS = 2000
LONGEST_PASSWORD = 1000
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

    def __init__(self, records: Town) -> None:
        super().__init__(Visitor, Role)
        self._town = records

    def find_user(self, case_insensitive: bool = False, **wanted: Any) -> Visitor | None:
        known = {key: value for key, value in wanted.items() if key in ("id", "email", "fs_uniquifier")}
        if not known:
            return None
        if "email" in known:
            known["email"] = str(known["email"]).lower()
        with self._town.store.read() as records:
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

        self._town.store.commit(change)
        return model

    def commit(self) -> None:
        """Nothing waits: `put` has committed."""


class Passwords(PasswordUtil):
    """Read passwords; the hash refuses to look at a very long one, which is wrong like any other."""

    def normalize(self, password: str) -> str:
        return str(super().normalize(password))[:LONGEST_PASSWORD]


def add_security(app: Flask, served: Town) -> None:
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
    Security(app, People(served), password_util_cls=Passwords)


@pages.get("/")
def home() -> ResponseReturnValue:
    """Lead everybody to their own first page."""
    if not current_user.is_authenticated:
        return redirect(url_for("security.login"))
    return redirect(url_for(HOMES[current_user.role_names[0]]))


@pages.post("/language")
def choose_language() -> ResponseReturnValue:
    """Change the language of the pages, and stay where one was."""
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        session["language"] = chosen
        if current_user.is_authenticated:
            accounts.set_language(town(), current_user.id, chosen)
    back = words("next", LONGEST_ADDRESS).removesuffix("?")
    inside = back.startswith("/") and not back.startswith(("//", "/\\"))
    return redirect(back if inside else "/")


__all__ = ["add_security", "needs", "pages"]
