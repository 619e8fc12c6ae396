"""Waitress, ended without cutting off an answer: it takes nothing new, finishes what it has, then closes."""

import threading
import time
from collections.abc import Callable
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

LOOK_EVERY = 0.1


class Server:
    """A web server for a site; `run` ends some time after `stop`."""

    def __init__(self, site: Any, *, patience: float, **adjustments: Any) -> None:
        """Listen as `adjustments` tell waitress; once stopped, finish what is in work within `patience` seconds."""
        self._sockets: dict[int, Any] = {}
        self._server = create_server(site, map=self._sockets, asyncore_use_poll=True, **adjustments)
        self._patience = patience
        self._stopped = threading.Event()

    @property
    def port(self) -> int:
        return int(next(one.effective_port for one in self._sockets.values() if isinstance(one, BaseWSGIServer)))

    def stop(self) -> None:
        """Let `run` end: no new connection is taken from now on."""
        self._stopped.set()

    def run(self, tell: Callable[[], None] = lambda: None) -> bool:
        """Serve until stopped; say whether every request in work was answered in time. `tell` is called on stopping."""
        while not self._stopped.is_set():
            self._turn()
        tell()
        self._turn()  # who has connected already is not turned away
        for one in self._each(BaseWSGIServer):
            wasyncore.dispatcher.close(one)  # its trigger stays: threads wake us by it when an answer is ready
        until = time.monotonic() + self._patience
        while self._each(HTTPChannel) and time.monotonic() < until:
            for channel in self._each(HTTPChannel):
                if not (channel.requests or channel.request or channel.total_outbufs_len):
                    channel.will_close = True
            self._turn()
        finished = not self._each(HTTPChannel)
        self._server.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._sockets)
        return finished

    def _turn(self) -> None:
        wasyncore.loop(timeout=LOOK_EVERY, map=self._sockets, use_poll=True, count=1)

    def _each(self, kind: type) -> list[Any]:
        return [one for one in [*self._sockets.values()] if isinstance(one, kind)]
