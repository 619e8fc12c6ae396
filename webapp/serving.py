"""The site behind its own web server, and what goes on beside it: mail, the runs of each day, and new roads."""

import logging
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from routing.times import RoadError
from webapp import logs, metrics, production
from webapp.app import create_app
from webapp.db.store import StoreError
from webapp.frontend.build_assets import list_missing
from webapp.http_server import Server
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
FINISH_WITHIN = 30.0
"""Seconds that requests and jobs in work are given once the process was asked to end."""


def serve(
    live: LiveTown,
    *,
    host: str,
    port: int,
    hints: dict[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Serve a town's site until the process is asked to end (SIGTERM, SIGINT); what is in work is finished first.

    hints: tell on the sign-in page who may sign in. progress: hears how far the search is ready (done, of) before the
    first request is answered. Raises production.Unsafe where others could reach a site with unsafe settings.
    """
    settings = live.now().settings
    production.refuse_unsafe(settings, [host])
    logs.write_to(form=settings.log)
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
    server = Server(
        site,
        patience=FINISH_WITHIN,
        host=host,
        port=port,
        threads=THREADS,
        ident="noriai",
        connection_limit=CONNECTIONS,
    )
    _stop_on_signals(server)
    jobs = _start_jobs(live)
    finished = server.run(live.stopping.set)
    for job in jobs:
        job.join(FINISH_WITHIN)
    LOG.info("ended" if finished and not any(job.is_alive() for job in jobs) else "ended with something unfinished")


def _stop_on_signals(server: Server) -> None:
    """Let the service end in order when the system or a person says so; where there are no signals, nobody does."""
    if threading.current_thread() is not threading.main_thread():
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _start_jobs(live: LiveTown) -> list[threading.Thread]:
    """Start the work beside the requests; each piece ends after what it is doing once the town is stopping."""
    jobs = [
        threading.Thread(target=_every, args=(live, seconds, work, name), daemon=True)
        for name, seconds, work in (
            ("messages", MAIL_EVERY, messages.deliver),
            ("news", NEWS_EVERY, family.tell),
            ("waiting", WAITING_EVERY, waiting.attendant()),
            ("alarms", ALARMS_EVERY, watching.raise_alarms),
            ("days", DAYS_EVERY, _extend_days),
        )
    ]
    for job in jobs:
        job.start()
    return [*jobs, live.watch()]


def _extend_days(town: Town) -> int:
    """Publish the runs of days that came into reach, then ask for the weekly trips on them."""
    return schedules.extend(town) + series.extend(town)


def _every(live: LiveTown, seconds: float, work: Callable[[Town], int], name: str) -> None:
    """Do some work at once and then every so many seconds; what fails is said in the log and tried again next time."""
    while True:
        try:
            work(live.now())
        except (StoreError, ServiceError, RoadError):
            metrics.job_failed(name)
            LOG.exception("%s will be tried again", name)
        else:
            metrics.job_done(name)
        if live.stopping.wait(seconds):
            return
