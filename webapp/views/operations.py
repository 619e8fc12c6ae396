"""For who watches over the service: is it alive, is it ready, what does it count; a line of the log a request."""

import hmac
import logging
import re
import secrets
import time
from types import TracebackType
from typing import cast
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, abort, current_app, g, request
from flask.typing import ResponseReturnValue
from werkzeug.sansio.utils import host_is_trusted

from webapp import logs, metrics, production
from webapp.config import Settings
from webapp.live import LiveTown
from webapp.services import health
from webapp.views.shared import anybody

LOG = logging.getLogger(__name__)
pages = Blueprint("operations", __name__)

PROBES = frozenset({"operations.alive", "operations.ready", "operations.figures"})
"""Answered before all else: without a session, whoever asks and by whatever name; they are no page views."""
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
LOOK_EVERY = 1.0
"""Seconds for which an answer about the database holds: who asks more often asks this process alone."""


def watch_over(app: Flask) -> None:
    """Answer probes, name and count each request, and refuse those that were sent to another site's name.

    To be called before anything else is added to the site, so that probes meet nothing of it.
    """
    app.register_blueprint(pages)
    app.extensions["noriai readiness"] = ("", float("-inf"))
    app.before_request(_begin)
    app.before_request(_answer_probe)
    app.before_request(_refuse_other_names)
    app.after_request(_end)
    app.teardown_request(_forget)
    app.log_exception = _log_exception  # type: ignore[assignment, method-assign]


@pages.get("/healthz")
@anybody
def alive() -> ResponseReturnValue:
    """Say that this process answers; nothing else is asked."""
    return _said("alive", 200)


@pages.get("/readyz")
@anybody
def ready() -> ResponseReturnValue:
    """Say whether requests should be sent here, and if not, why (503)."""
    live, now = _live(), time.monotonic()
    why, looked_at = current_app.extensions["noriai readiness"]
    if live.stopping.is_set() or now - looked_at > LOOK_EVERY:
        why = health.unready(live)
        current_app.extensions["noriai readiness"] = (why, now)
    return _said(f"not ready: {why}", 503) if why else _said("ready", 200)


@pages.get("/metrics")
@anybody
def figures() -> ResponseReturnValue:
    """Give the figures to who says the token of the settings; to others there is no such page."""
    token = _settings().metrics_token
    said = request.headers.get("Authorization", "")
    if not token or not hmac.compare_digest(said.encode(), f"Bearer {token}".encode()):
        abort(404)
    return Response(metrics.exposition(health.readings(_live().now())), content_type=metrics.MEDIA_TYPE)


def _said(words: str, status: int) -> Response:
    return Response(f"{words}\n", status, mimetype="text/plain")


def _begin() -> None:
    """Name the request: as a trusted proxy did, or by chance."""
    said = request.headers.get("X-Request-ID", "")
    g.request_id = said if _settings().proxies and REQUEST_ID.fullmatch(said) else secrets.token_hex(8)
    g.began = time.perf_counter()
    logs.REQUEST.set(g.request_id)


def _answer_probe() -> ResponseReturnValue | None:
    if request.endpoint not in PROBES or request.routing_exception:
        return None
    return cast(ResponseReturnValue, current_app.view_functions[request.endpoint]())


def _refuse_other_names() -> ResponseReturnValue | None:
    """Answer nobody who was led here under another name: pages and links would be made for that name."""
    _warn_of_unnamed_proxy()
    ours = urlsplit(_settings().address).hostname
    if ours is None or host_is_trusted(request.host, [ours]):
        return None
    if production.is_loopback(request.remote_addr or "") and host_is_trusted(request.host, ["localhost", "127.0.0.1"]):
        return None  # somebody on this very machine
    return _said("This site has another address.", 400)


def _warn_of_unnamed_proxy() -> None:
    told = current_app.extensions
    if "X-Forwarded-For" in request.headers and not _settings().proxies and "noriai proxy told" not in told:
        told["noriai proxy told"] = True
        LOG.warning("requests carry X-Forwarded-For, which is not believed: set NORIAI_PROXIES where a proxy sends it")


def _end(response: Response) -> Response:
    """Count and log what was answered: the name of the page, never its address."""
    response.headers["X-Request-ID"] = g.request_id
    if request.endpoint in PROBES:
        return response
    seconds = time.perf_counter() - g.began
    page = request.endpoint or "none"
    metrics.answered(page, request.method, response.status_code, seconds)
    method = request.method if request.method in metrics.METHODS else "other"
    facts = {"endpoint": page, "method": method, "status": response.status_code, "ms": round(1000 * seconds, 1)}
    LOG.info("answered", extra={logs.FACTS: facts})
    return response


def _forget(_: BaseException | None) -> None:
    logs.REQUEST.set("")


def _log_exception(raised: tuple[type, BaseException, TracebackType] | tuple[None, None, None]) -> None:
    """Log what went wrong, and where in the code, under the name of the page; Flask would write address and words.

    The exception itself is not handed on: whatever else listens to the log would write what it says.
    """
    kind, fault, _ = raised
    if kind is None or fault is None:
        return
    method = request.method if request.method in metrics.METHODS else "other"
    told = [*logs.chain(fault)]
    where = " caused by ".join(f"{one['class']} at {' < '.join(reversed(one['at']))}" for one in told)
    LOG.error("%s in %s %s: %s", kind.__name__, method, request.endpoint, where, extra={logs.FACTS: {"raised": told}})


def _live() -> LiveTown:
    return cast(LiveTown, current_app.extensions["noriai"])


def _settings() -> Settings:
    return _live().now().settings
