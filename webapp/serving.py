"""The site behind its web server, and the work that goes on beside it in the same process."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from waitress import serve as run_server

from webapp import working
from webapp.app import LARGEST_REQUEST, create_app
from webapp.frontend.build_assets import list_missing
from webapp.live import LiveTown
from webapp.warming import warm, warm_requests

LOG = logging.getLogger(__name__)
THREADS = 64
"""Threads of the web server: fewer let many open pages starve each other."""
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
    reach = {"host": host, "port": port, "connection_limit": CONNECTIONS, "asyncore_use_poll": True}
    reach["max_request_body_size"] = LARGEST_REQUEST
    with working.beside(live) as worker:
        live.watch(worker.stopped)
        run_server(site, threads=THREADS, ident="noriai", **reach)
