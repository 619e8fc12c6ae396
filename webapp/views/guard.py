"""The one guard of all pages: asked before each, it lets in whom the page admits, to things that are theirs.

A page says by a decorator whom it admits (`needs`, `anybody`, `for_rider` and those made of them); its path and its
form name things by words that `services.access` knows. What says nothing admits nobody: the site does not start.
"""

import logging
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from flask import Flask, abort, current_app, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from webapp.services import access
from webapp.services.access import Actor, Foreign
from webapp.views.shared import Admission, admission, find_rider, is_helping, sign_in_page, town

log = logging.getLogger("noriai.access")

EVERYBODY = Admission(frozenset())
OUTSIDE: Mapping[str, Admission] = MappingProxyType(
    dict.fromkeys(("static", "security.login", "security.logout", "security.static"), EVERYBODY)
)
"""Pages that libraries bring: files that everybody may read, and the way in and out."""
READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Undeclared(Exception):
    """A page does not say whom it admits, or its path names what `services.access` does not know."""


def add_guard(app: Flask) -> None:
    """Ask the guard before every page; call this when all pages are there. Raises Undeclared."""
    faults = [*undeclared(app)]
    if faults:
        raise Undeclared("; ".join(faults))
    app.before_request(refuse)


def undeclared(app: Flask) -> Iterator[str]:
    """Name the pages that nobody can judge, and why."""
    known = access.ARGUMENTS.keys() | access.PLAIN | access.SEALED
    for rule in app.url_map.iter_rules():
        if admitted_by(app, rule.endpoint) is None:
            yield f"{rule.rule}: decorate {rule.endpoint} with needs(...) or anybody"
        for argument in sorted(rule.arguments - known):
            yield f"{rule.rule}: services.access does not know what {argument} names"


def admitted_by(app: Flask, endpoint: str) -> Admission | None:
    """Give whom a page admits, if that was said."""
    return OUTSIDE.get(endpoint) or admission(app.view_functions[endpoint])


def refuse() -> ResponseReturnValue | None:
    """Refuse whoever the page does not admit, and whoever names a thing that is not theirs."""
    if request.endpoint is None:
        return None
    admitted = admitted_by(current_app, request.endpoint)
    if admitted is None:
        abort(404)
    if not admitted.roles:
        return None
    if not current_user.is_authenticated:
        return redirect(sign_in_page(next=request.path if request.method == "GET" else "/"))
    roles = access.roles_of(current_user.role_names, current_user.operator_id) & admitted.roles
    helping = admitted.about_rider and is_helping()
    if not roles or (helping and not admitted.helpers):
        _note("a page")
        abort(404)
    things = [*named(admitted)]
    if things:
        _check(things, frozenset({access.HELPER}) if helping else roles, about_rider=admitted.about_rider)
    return None


def named(admitted: Admission) -> Iterator[tuple[str, str]]:
    """List the things that a request names, in its path, its query, its form or its JSON: (kind, name)."""
    for argument, value in (request.view_args or {}).items():
        if argument in access.ARGUMENTS:
            yield access.ARGUMENTS[argument], str(value)
    sent = request.get_json(silent=True) if request.is_json else None
    for field, kind in {**access.FIELDS, **admitted.fields}.items():
        if not kind:
            continue
        values = [*request.args.getlist(field), *request.form.getlist(field)]
        if isinstance(sent, dict) and field in sent:
            values.append(str(sent[field]))
        for value in filter(None, map(str.strip, values)):
            yield kind, value


def _check(things: list[tuple[str, str]], roles: frozenset[str], *, about_rider: bool) -> None:
    rider = find_rider() if about_rider else None
    if about_rider and rider is None:
        return  # a desk in no call has nobody's things before it: the page leads it to its search
    actor = Actor(current_user.id, roles, current_user.operator_id, rider.id if rider else current_user.id)
    for kind, name in things:
        try:
            access.check(town(), kind, name, actor, writes=request.method not in READS)
        except Foreign:
            _note(kind)
            raise


def _note(kind: str) -> None:
    """Note a refusal, without any person: which page, which role, what kind of thing."""
    log.warning("refused endpoint=%s roles=%s kind=%s", request.endpoint, ",".join(current_user.role_names), kind)
