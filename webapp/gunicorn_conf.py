"""How gunicorn serves the site: gunicorn --config python:webapp.gunicorn_conf "webapp.app:create_app()".

Each worker opens its own roads, threads and connections, so nothing is loaded before the fork, and a reload (SIGHUP)
takes over new code and settings. On a reload the old workers go on answering until one of the new ones is ready.
"""

import logging
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from typing import Any

bind = os.environ.get("NORIAI_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("NORIAI_WORKERS", "") or max(2, os.cpu_count() or 1))
worker_class = "gthread"
threads = int(os.environ.get("NORIAI_THREADS", "") or 64)
worker_connections = 1000
timeout = 120
"""Seconds without a sign of life from a worker's main loop, which answers no request itself, until it is replaced."""
graceful_timeout = 30
keepalive = 5
preload_app = False
accesslog = None
forwarded_allow_ips = ""
control_socket_disable = True
errorlog = "-"
proc_name = "noriai"

READY_WITHIN = 120.0
"""Seconds that old workers wait for a new one when they are replaced."""

_generation = multiprocessing.Value("i", 0)
"""How often the service was reloaded."""
_ready = multiprocessing.Value("i", -1)
"""The latest generation of which a worker answers."""
_own_generation = 0
_figures = tempfile.mkdtemp(prefix="noriai-metrics-", dir=os.environ.get("RUNTIME_DIRECTORY"))
os.environ["PROMETHEUS_MULTIPROC_DIR"] = _figures


def on_starting(server: Any) -> None:
    """Refuse to start on unsafe settings, in plain words and before anything listens."""
    from webapp import config, logs, production

    try:
        settings = config.read_settings()
        hosts = [address if isinstance(address, str) else address[0] for address in server.cfg.address]
        production.refuse_unsafe(settings, hosts, encrypted=server.cfg.is_ssl)
    except ValueError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201
        shutil.rmtree(_figures, ignore_errors=True)
        raise SystemExit(1) from None
    logs.write_to(form=settings.log)


def on_reload(_server: Any) -> None:
    """Begin a new generation of workers; gunicorn has just set up its own log again."""
    from webapp import config, logs

    logs.write_to(form=config.read_settings().log)
    _generation.value += 1


def post_fork(_server: Any, _worker: Any) -> None:
    """Let a worker read the code as it is now, not as it was when the service began."""
    global _own_generation  # noqa: PLW0603
    _own_generation = _generation.value
    for name in [name for name in sys.modules if name.split(".")[0] in {"webapp", "matching", "routing"}]:
        if name != __name__:
            del sys.modules[name]


def post_worker_init(worker: Any) -> None:
    """Say that a worker answers, and let it end in order: after its successors are ready, if it is replaced."""
    live = worker.wsgi.extensions["noriai"]
    leave = worker.handle_exit
    _answers()

    def leave_now(number: int, frame: Any) -> None:
        live.stopping.set()
        leave(number, frame)

    def stop(number: int, frame: Any) -> None:
        if _own_generation == _generation.value:
            _answers()  # the whole service ends: who waits for us waits no more
            leave_now(number, frame)
        elif not getattr(worker, "is_leaving", False):
            worker.is_leaving = True
            threading.Thread(target=wait, args=(number,), daemon=True).start()

    def wait(number: int) -> None:
        until = time.monotonic() + READY_WITHIN
        while _ready.value <= _own_generation and time.monotonic() < until:
            time.sleep(0.1)
        leave_now(number, None)

    signal.signal(signal.SIGTERM, stop)
    logging.getLogger("webapp").info("worker %d is answering", worker.pid)


def _answers() -> None:
    _ready.value = max(_ready.value, _own_generation)


def child_exit(_server: Any, worker: Any) -> None:
    """Take what an ended worker still held out of the figures; what it counted stays."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    """Leave nothing behind."""
    shutil.rmtree(_figures, ignore_errors=True)
