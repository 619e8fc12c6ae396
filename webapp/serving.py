"""The site behind its web server, and the work that goes on beside it: mail, the runs of each day, and new roads."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from waitress import serve as run_server

from routing.times import RoadError
from webapp.app import LARGEST_REQUEST, create_app
from webapp.db.store import StoreError
from webapp.frontend.build_assets import list_missing
from webapp.live import LiveTown
from webapp.services import family, messages, schedules, series, waiting, watching
from webapp.services.errors import ServiceError
from webapp.town import Town
from webapp.warming import warm, warm_requests

LOG = logging.getLogger(__name__)
THREADS = 64
"""Threads of the web server: fewer let many open pages starve each other."""
MAIL_EVERY, NEWS_EVERY, WAITING_EVERY, ALARMS_EVERY, DAYS_EVERY = 5.0, 10.0, 30.0, 60.0, 3600.0
"""Seconds from one look to the next: into the outbox, at what families are to be told, at the waiting list, for runs
that nobody closed, and at the calendar."""
CONNECTIONS = 1000
"""Open pages that keep a connection: each driver's keeps one, and select() would stop at 1024 files."""


def serve(
    live: LiveTown,
    *,
    host: str,
    port: int,
    hints: dict[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Serve a town's site until the process is ended; `hints` tell on the sign-in page who may sign in.

    progress: hears how far the search is ready (done, of) before the first request is answered.
    """
    warm_requests(progress)
    site = create_app(town=live)
    missing = list_missing(Path(str(site.static_folder)) / "vendor")
    if missing:
        again = "uv sync --reinstall-package noriai"
        LOG.warning("maps and live updates are missing (%s); fetch them: %s", ", ".join(missing), again)
    if hints:
        site.jinja_env.globals["hints"] = hints
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a line for each waiting page would drown the rest
    threading.Thread(target=warm, daemon=True).start()  # re-planning is asked for later, if at all
    stopped = threading.Event()
    for seconds, work in (
        (MAIL_EVERY, messages.deliver),
        (NEWS_EVERY, family.tell),
        (WAITING_EVERY, waiting.attendant()),
        (ALARMS_EVERY, watching.raise_alarms),
        (DAYS_EVERY, _extend_days),
    ):
        threading.Thread(target=_every, args=(stopped, seconds, work, live), daemon=True).start()
    live.watch(stopped)
    reach = {"host": host, "port": port, "connection_limit": CONNECTIONS, "asyncore_use_poll": True}
    reach["max_request_body_size"] = LARGEST_REQUEST
    run_server(site, threads=THREADS, ident="noriai", **reach)
    stopped.set()


def _extend_days(town: Town) -> int:
    """Publish the runs of days that came into reach, then ask for the weekly trips on them."""
    return schedules.extend(town) + series.extend(town)


def _every(stopped: threading.Event, seconds: float, work: Callable[[Town], int], live: LiveTown) -> None:
    """Do some work at once and then every so many seconds; what fails is said in the log and tried again next time."""
    while True:
        try:
            work(live.now())
        except (StoreError, ServiceError, RoadError):
            LOG.exception("%s will be tried again", work.__name__)
        if stopped.wait(seconds):
            return
