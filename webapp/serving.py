"""The site behind its own web server, and the work that goes on beside it in the same process."""

import logging
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from webapp import logs, production, working
from webapp.app import LARGEST_REQUEST, create_app
from webapp.frontend.build_assets import list_missing
from webapp.http_server import Server
from webapp.live import LiveTown
from webapp.warming import warm, warm_requests

LOG = logging.getLogger(__name__)
THREADS = 64
"""Threads of the web server: fewer let many open pages starve each other."""
CONNECTIONS = 1000
"""Open pages that keep a connection: each driver's keeps one, and select() would stop at 1024 files."""
FINISH_WITHIN = 30.0
"""Seconds that requests in work are given once the process was asked to end."""


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
    reach: dict[str, Any] = {"host": host, "port": port, "connection_limit": CONNECTIONS}
    reach["max_request_body_size"] = LARGEST_REQUEST
    server = Server(site, patience=FINISH_WITHIN, threads=THREADS, ident="noriai", **reach)
    _stop_on_signals(server)
    with working.beside(live):
        roads = live.watch()
        finished = server.run(live.stopping.set)
    roads.join(FINISH_WITHIN)
    LOG.info("ended" if finished else "ended with an answer cut off")


def _stop_on_signals(server: Server) -> None:
    """Let the service end in order when the system or a person says so; where there are no signals, nobody does."""
    if threading.current_thread() is not threading.main_thread():
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
