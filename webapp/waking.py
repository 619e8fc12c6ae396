"""Waking those who work beside the site: by the clock in each of their processes, and at once through a shared queue.

What is queued is only that there is work of a kind. The work itself, and whose it is, stand in the records: a queue
that is lost, full or broken costs seconds.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from huey import Huey, MemoryHuey, PostgresHuey, SqliteHuey
from huey.consumer import Consumer, Scheduler
from huey.serializer import SignedSerializer

from webapp.config import Settings
from webapp.db.engines import plain_address

LOG = logging.getLogger(__name__)
MOST_WAITING = 100
"""Calls in the shared queue beyond which none is added: nobody answers them."""
FRESH = 60
"""Seconds for which a call is worth answering; the clock calls as well."""
LOOKS = {"initial_delay": 0.1, "max_delay": 1.0, "backoff": 1.3}
"""Seconds from one look into an empty queue to the next: the first, the longest, and how they grow."""
HELPERS = 2
"""Threads of a process that answer calls."""
GRACE = 25.0
"""Seconds that work which has begun is given to come to its end."""


class Bell:
    """The shared queue: a file beside the records where they are SQLite, tables beside them where PostgreSQL."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._huey: Huey | None = None
        self._quiet_until = 0.0

    def ring(self, kind: str) -> None:
        """Call for work of a kind, whoever does it. Never raises, and never keeps its caller waiting for long."""
        if time.monotonic() < self._quiet_until:
            return
        try:
            huey = self.open()
            if huey.pending_count() < MOST_WAITING:
                huey.enqueue(_task(huey, _ignore).s(kind))
        except Exception as fault:  # nothing is lost: the clock calls, too
            self._quiet_until = time.monotonic() + FRESH
            LOG.warning("nobody was called to work at once: %s", type(fault).__name__)

    def open(self) -> Huey:
        """Open the queue; its tables are made where they are missing."""
        if self._huey is None:
            kind, address = plain_address(self._settings.database_url)
            # Whoever can write to the queue could otherwise make a worker run anything.
            said: dict[str, Any] = {"results": False, "serializer": SignedSerializer(self._settings.secret_key, "wake")}
            if kind == "sqlite":
                self._huey = SqliteHuey("noriai", filename=f"{address}.wake", fsync=False, timeout=1, **said)
            else:
                self._huey = PostgresHuey("noriai", dsn=address, connect_timeout=2, **said)
        return self._huey


def _ignore(_kind: str) -> None:
    """Do nothing: who rings does not work."""


def _task(huey: Huey, do: Callable[[str], None]) -> Any:
    return huey.task(name="wake", expires=FRESH)(do)


class _Ticking(Scheduler):  # type: ignore[misc]
    periodic_task_seconds = 1


class _Consumer(Consumer):  # type: ignore[misc]
    scheduler_class = _Ticking

    def _set_signal_handlers(self) -> None:
        """Leave signals to the program, of which this is a part."""


class _Every:
    """Is it time again? As often as so many seconds, by a clock that never jumps, and at once for the first time."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._next = seconds, time.monotonic()

    def __call__(self, _moment: object) -> bool:
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + self._seconds
        return True


@contextmanager
def woken(bell: Bell, every: Mapping[str, float], do: Callable[[str], None]) -> Iterator[None]:
    """Let threads of this process `do` work of each kind: every so many seconds, and whenever the bell rings.

    When the block ends, what has begun is done to its end, for at most GRACE seconds.
    """
    clock = MemoryHuey("clock", results=False)
    for kind, seconds in every.items():
        task = clock.periodic_task(_Every(seconds), name=kind, expires=max(1, round(seconds)))
        task(lambda kind=kind: do(kind))
    consumers = [_Consumer(clock, workers=len(every), shutdown_timeout=GRACE, **LOOKS)]
    try:
        shared = bell.open()
        _task(shared, do)
        consumers.append(_Consumer(shared, workers=HELPERS, periodic=False, shutdown_timeout=GRACE, **LOOKS))
    except Exception as fault:  # the clock is enough
        LOG.warning("calls to work at once are not heard: %s", type(fault).__name__)
    for consumer in consumers:
        consumer.start()
    try:
        yield
    finally:
        for consumer in consumers:
            consumer.stop_flag.set()
        for consumer in consumers:
            consumer.stop(graceful=True)
