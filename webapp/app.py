"""The one place where the rooms meet: settings, records, roads and pages become a site."""

import hashlib
import logging
import secrets
from pathlib import Path
from typing import Any, cast

from flask import Flask, Response, abort, g, make_response, render_template, request, send_from_directory, session
from flask.typing import ResponseReturnValue
from flask_babel import Babel
from flask_login import user_logged_in
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from routing.area import TILES
from routing.times import RoadError
from webapp import logs, production
from webapp.config import LANGUAGES, Settings, read_settings
from webapp.db.store import Busy, Unavailable
from webapp.db.store import NotFound as NoRecord
from webapp.live import LiveTown
from webapp.services.errors import Conflict, Gone, Invalid, NotAllowed, NotFound, ServiceError, TooMany
from webapp.town import Town, open_town
from webapp.views import (
    absences,
    agreements,
    alerts,
    audited,
    auth,
    board,
    call_backs,
    calls,
    cards,
    channels,
    city,
    desk,
    dispatcher,
    driver,
    factors,
    family,
    guard,
    letters,
    operations,
    papers,
    privacy,
    registration,
    resident,
    rules,
    shared,
    signin,
    steering,
    tablets,
)
from webapp.waking import Bell
from webapp.warming import warm_requests

LOG = logging.getLogger(__name__)
LARGEST_UPLOAD = 20 * 2**20
LARGEST_REQUEST = LARGEST_UPLOAD + 2**20
"""Bytes of a form with its file; what is longer is refused (413) before it is read."""
LARGEST_FIELDS, MOST_PARTS = 500_000, 1_000
"""Bytes of a form without a file, or of the fields beside one; and parts of a form that sends a file."""
TAKES_FILES = frozenset({"dispatcher.hand_in"})
STATIC = Path(__file__).parent / "static"
ONE_YEAR = 365 * 86_400
HSTS = f"max-age={2 * ONE_YEAR}"
"""Two years, for this name alone: the town's other sites decide for themselves."""
CSP = (
    "default-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def create_app(settings: Settings | None = None, *, town: Town | LiveTown | None = None) -> Flask:
    """Build the site for a town; without one, for the town of the settings, read from the environment by default.

    A worker that brings no town is warm when this returns: no request of a resident compiles anything. It watches for
    new roads by itself; whoever brings a town does that, if it is to be done.
    """
    if town is None:
        settings = settings or read_settings()
        logs.write_to(form=settings.log)
        production.refuse_unsafe(settings)
        warm_requests()
    live = town if isinstance(town, LiveTown) else LiveTown(town or open_town(settings or read_settings()))
    served = live.now().settings
    version = _static_version(STATIC)
    app = Flask(__name__, static_url_path=f"/static/{version}")
    app.config.update(
        SECRET_KEY=served.secret_key,
        SECRET_KEY_FALLBACKS=[*served.old_secret_keys],
        SECURITY_PASSWORD_SALT=served.secret_key,
        MAX_CONTENT_LENGTH=LARGEST_FIELDS,
        MAX_FORM_MEMORY_SIZE=LARGEST_FIELDS,
        MAX_FORM_PARTS=MOST_PARTS,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SECURE=served.https,
        SESSION_COOKIE_NAME="__Host-session" if served.https else "session",
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_CHECK_DEFAULT=True,
        WTF_CSRF_SSL_STRICT=False,
        STATIC_VERSION=version,
        PROVIDE_AUTOMATIC_OPTIONS=False,
        SEND_FILE_MAX_AGE_DEFAULT=ONE_YEAR,
    )
    app.extensions["noriai"] = live
    operations.watch_over(app)
    if served.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, *[served.proxies] * 3)  # type: ignore[method-assign]
    Babel(app, locale_selector=shared.language, default_translation_directories="locale")
    app.before_request(_let_files_in)
    app.before_request(_take_turn)
    CSRFProtect(app).exempt(channels.hooks)
    auth.add_security(app)
    user_logged_in.connect(_read_as_before, app)
    for_residents = (auth, signin, factors, cards, resident)
    at_desk = (desk, calls, call_backs, registration, letters)
    for_staff = (dispatcher, board, alerts, papers, steering, absences, driver, tablets, city, rules, agreements)
    for pages in (
        *(view.pages for view in (*for_residents, *at_desk, *for_staff)),
        channels.hooks,
        family.links,
        privacy.readings,
    ):
        app.register_blueprint(pages)
    _add_words(app)
    _add_files(app)
    _add_errors(app)
    app.before_request(_refuse_control_characters)
    app.teardown_request(_end_turn)
    guard.add_guard(app)
    app.after_request(_harden)
    app.after_request(_write_down)
    if town is None:
        live.now().store.on_work = Bell(served).ring  # those who work are other processes
        live.watch()
    return app


def _static_version(folder: Path) -> str:
    """Name what the static files hold: their addresses carry it, so that a browser may keep them for good."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _read_as_before(_app: Flask, user: Any, **_: Any) -> None:
    if user.row.language:
        session.setdefault("language", user.row.language)
    session.setdefault("text_size", user.row.text_size)
    session.setdefault("contrast", user.row.contrast)


def _add_words(app: Flask) -> None:
    for write in (
        shared.write_card_number,
        shared.write_date_of,
        shared.write_trip_of,
        shared.write_clock,
        shared.write_day,
        shared.write_short_day,
        shared.write_instant,
        shared.write_until,
        shared.write_instant_day,
        shared.write_money,
        shared.write_walk,
        shared.write_minutes,
        shared.write_span,
        shared.write_hours,
        shared.write_name,
        shared.write_end,
        shared.write_spot,
    ):
        app.jinja_env.filters[write.__name__.removeprefix("write_")] = write
    app.jinja_env.globals["rule_text"] = shared.rule_text
    app.context_processor(_frame)


def _frame() -> dict[str, Any]:
    """What `base.html` expects on every page."""
    spoken = shared.language()
    served = shared.town()
    nav = shared.navigation()
    return {
        "nav": nav if shared.is_without_records() else alerts.with_count(nav),
        "languages": [(code, name, code == spoken) for code, name in LANGUAGES.items()],
        "reading": shared.reading(),
        "desk_phone": served.settings.desk_phone,
        "sign_in_url": shared.sign_in_page(),
        "form_key": secrets.token_urlsafe(12),
    }


def _add_files(app: Flask) -> None:
    @app.get("/roads/<int:number>.pmtiles")
    @shared.anybody
    def roads(number: int) -> Response:
        """The road map of one of the areas, in ranges, as MapLibre asks for it."""
        folders = shared.town().settings.area_folders
        if number >= len(folders):
            abort(404)
        return send_from_directory(folders[number], TILES, conditional=True, max_age=3600)

    @app.get("/service-worker.js")
    @shared.anybody
    def service_worker() -> Response:
        """The worker that keeps a driver's last manifest; from the root, so that it may serve every page."""
        return send_from_directory(str(app.static_folder), "sw.js", max_age=0)

    @app.get("/push-worker.js")
    @shared.anybody
    def push_worker() -> Response:
        """The worker that shows messages; apart from the one above, which keeps pages for drivers."""
        return send_from_directory(str(app.static_folder), "push-worker.js", max_age=0)


def _add_errors(app: Flask) -> None:
    """Turn every fault into a page for people; the input stays in their browser, and nothing was half done."""
    answers: dict[type[Exception], int] = {
        Invalid: 422,
        NotFound: 404,
        NoRecord: 404,
        NotAllowed: 403,
        Conflict: 409,
        Gone: 409,
        RoadError: 422,
    }
    for kind, status in answers.items():
        app.register_error_handler(kind, lambda error, status=status: _sorry(error, status))
    app.register_error_handler(TooMany, _too_many)
    app.register_error_handler(Busy, _busy)
    app.register_error_handler(CSRFError, lambda error: _sorry(error, 400))
    app.register_error_handler(HTTPException, _refused)


def _sorry(error: Exception, status: int) -> ResponseReturnValue:
    said = shared.error_text(str(error)) if isinstance(error, ServiceError) else ""
    return _page(status, said), status


def _too_many(error: TooMany) -> ResponseReturnValue:
    return *cast(tuple[str, int], _sorry(error, 429)), {"Retry-After": str(error.after)}


def _refused(error: HTTPException) -> ResponseReturnValue:
    """Keep what the protocol wants beside the page, such as the methods that an address does take."""
    kept = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    return _page(error.code or 500), error.code or 500, kept


def _busy(error: Busy) -> ResponseReturnValue:
    """Say when to try again; a page that says so must not ask the records itself."""
    shared.go_without_records()
    gone = isinstance(error, Unavailable)
    if gone:
        LOG.error("the records are out of reach: %s", error)
    return _page(503, gone=gone), 503, {"Retry-After": "5" if gone else "3"}


def _page(status: int, said: str = "", *, gone: bool = False) -> str:
    """Write what went wrong; where the records fail meanwhile, without what stands in them."""
    try:
        return render_template("error.html", status=status, said=said, gone=gone)
    except Busy:
        shared.go_without_records()
        return render_template("error.html", status=status, said=said, gone=gone)


def _let_files_in() -> None:
    """Only where files are handed in may a request be long: a form of fields alone is read whole into memory."""
    if request.endpoint in TAKES_FILES and request.mimetype == "multipart/form-data":
        request.max_content_length = LARGEST_REQUEST


def _take_turn() -> None:
    """Let residents stand in line for the process, whole forms in hand; nobody else waits behind them. Raises Busy."""
    if "resident" in request.blueprints:
        request.form  # noqa: B018
        shared.town().store.turns.take()


def _end_turn(_: BaseException | None) -> None:
    if "town" in g:
        shared.town().store.turns.end()


def _refuse_control_characters() -> ResponseReturnValue | None:
    """No page has such an address, and PostgreSQL would not look it up."""
    if any(letter < " " for letter in request.path):
        return Response("This address cannot be read.", 400, mimetype="text/plain")
    return None


def _write_down(response: Response) -> Response:
    """Show no place of anybody that could not be written down as seen."""
    try:
        return audited.keep(response)
    except Busy as late:
        return make_response(_busy(late))


def _harden(response: Response) -> Response:
    if shared.town().settings.https:
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Content-Security-Policy", CSP)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", "geolocation=(self), camera=(), microphone=()")
    if response.mimetype == "text/html" or "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response
