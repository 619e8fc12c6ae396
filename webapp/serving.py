"""The site behind its web server, and the work that goes on beside it: mail, and the runs of each new day."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from waitress import serve as run_server

from matching import solver
from routing.times import RoadError
from webapp.app import create_app
from webapp.db.store import StoreError
from webapp.frontend.build_assets import list_missing
from webapp.services import messages, schedules
from webapp.services.errors import ServiceError
from webapp.town import Town

LOG = logging.getLogger(__name__)
THREADS = 64
"""Threads of the web server: fewer let many open pages starve each other."""
MAIL_EVERY, DAYS_EVERY = 5.0, 3600.0
"""Seconds from one look into the outbox to the next, and from one look at the calendar to the next."""


def serve(
    town: Town,
    *,
    host: str,
    port: int,
    hints: dict[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Serve a town's site until the process is ended; `hints` tell on the sign-in page who may sign in.

    progress: hears how far the search is ready (done, of) before the first request is answered.
    """
    solver.warm(progress)
    site = create_app(town=town)
    missing = list_missing(Path(str(site.static_folder)) / "vendor")
    if missing:
        again = "uv sync --reinstall-package noriai"
        LOG.warning("maps and live updates are missing (%s); fetch them: %s", ", ".join(missing), again)
    if hints:
        site.jinja_env.globals["hints"] = hints
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a line for each waiting page would drown the rest
    stopped = threading.Event()
    for seconds, work in ((MAIL_EVERY, messages.deliver), (DAYS_EVERY, schedules.extend)):
        threading.Thread(target=_every, args=(stopped, seconds, work, town), daemon=True).start()
    run_server(site, host=host, port=port, threads=THREADS, ident="noriai")
    stopped.set()


def _every(stopped: threading.Event, seconds: float, work: Callable[[Town], int], town: Town) -> None:
    """Do some work at once and then every so many seconds; what fails is said in the log and tried again next time."""
    while True:
        try:
            work(town)
        except (StoreError, ServiceError, RoadError):
            LOG.exception("%s will be tried again", work.__name__)
        if stopped.wait(seconds):
            return
