"""Leases of one worker: taken for a piece of work, renewed while it goes on, taken over from whoever fell silent.

No clock of a machine decides: a holder is silent when its lease did not change for as long as a lease lasts by this
process's own monotonic clock. A clock that is set back or forward neither frees a lease nor holds it.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_hex

from webapp.db.leases import Beat
from webapp.db.store import Fence, Store

LOG = logging.getLogger(__name__)
LASTS = 30.0
"""Seconds after which the lease of a worker that fell silent is another one's."""
LONGEST = 900.0
"""Seconds for which one piece of work renews its lease: what hangs for longer holds nothing any more."""


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that was had: `store` writes behind its fence. taken_over: its former holder fell silent at its work."""

    store: Store
    taken_over: bool


class Leases:
    """The leases of one process."""

    def __init__(
        self,
        store: Store,
        *,
        lasts: float = LASTS,
        longest: float = LONGEST,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take leases in some records, which last for so many seconds unless they are renewed."""
        self.lasts = lasts
        self._store, self._longest, self._monotonic = store, longest, monotonic
        self._name = f"{socket.gethostname()} {os.getpid()} {token_hex(4)}"
        self._seen: dict[tuple[str, str], tuple[Beat, float]] = {}

    @contextmanager
    def held(self, kind: str, area: str) -> Iterator[Held | None]:
        """Hold a lease while the block lasts; give None where another worker holds it. Raises Busy.

        An exception in the block is noted as how the work went, and goes on.
        """
        taken = self._take(kind, area)
        if taken is None:
            yield None
            return
        fence, taken_over = taken
        ended = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(fence, ended), daemon=True)
        renewing.start()
        error: str | None = "stopped"
        try:
            yield Held(self._store.behind(fence), taken_over)
            error = None
        except Exception as fault:
            error = type(fault).__name__
            raise
        finally:
            ended.set()
            renewing.join()
            self._end(fence, error)

    def _take(self, kind: str, area: str) -> tuple[Fence, bool] | None:
        with self._store.read() as records:
            row = records.find_lease(kind, area)
        still = None
        if row is not None and row.holder:
            still = row.token, row.beat
            if not self._is_silent((kind, area), still):
                return None
        lasts = timedelta(seconds=self.lasts)
        taken = self._store.commit(lambda door: door.take_lease(kind, area, self._name, lasts=lasts, still=still))
        if taken is None:
            return None
        self._seen.pop((kind, area), None)
        if still:
            LOG.warning("%s for %s was taken over from a worker that fell silent", kind, area)
        return Fence(kind, area, taken.token), still is not None

    def _is_silent(self, lease: tuple[str, str], beat: Beat) -> bool:
        """Did a lease stand still for as long as it lasts, as far as this process has looked?"""
        seen, since = self._seen.get(lease, (None, 0.0))
        if seen != beat:
            self._seen[lease] = beat, self._monotonic()
            return False
        return self._monotonic() - since >= self.lasts

    def _renew(self, fence: Fence, ended: threading.Event) -> None:
        begin, lasts = self._monotonic(), timedelta(seconds=self.lasts)
        while not ended.wait(self.lasts / 3) and self._monotonic() - begin < self._longest:
            try:
                if not self._store.commit(lambda door: door.renew_lease(fence, lasts)):
                    return
            except Exception as fault:  # the database may be away: the next beat may come in time
                LOG.warning("the lease of %s could not be renewed: %s", fence.kind, type(fault).__name__)

    def _end(self, fence: Fence, error: str | None) -> None:
        """Give a lease back; one that cannot be given back is taken over once it has been silent."""
        try:
            if not self._store.commit(lambda door: door.end_lease(fence, error)):
                LOG.warning("%s for %s was another worker's before it was done", fence.kind, fence.area)
        except Exception as fault:  # what was done is done, whatever becomes of its lease
            LOG.warning("the lease of %s could not be given back: %s", fence.kind, type(fault).__name__)
