"""Standing in line within one process: first come, first served, and not for longer than one has time."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from time import monotonic

from webapp.db.errors import Busy

PATIENCE = 3.0
LEAST = 0.3
"""Seconds that a lock is waited for at least, however long somebody stood in line before."""


class Line:
    """So many may pass at once; the others stand in line. `threading.Lock` lets whoever comes by at the moment in."""

    def __init__(self, width: int = 1) -> None:
        self._free = width
        self._guard = Lock()
        self._standing: deque[Lock] = deque()

    def enter(self, seconds: float, *, ahead: bool = False) -> None:
        """Wait for one's turn, `ahead` of all who stand there. Raises Busy after so many seconds."""
        with self._guard:
            if self._free:
                self._free -= 1
                return
            mine = Lock()
            mine.acquire()
            if ahead:
                self._standing.appendleft(mine)
            else:
                self._standing.append(mine)
        if mine.acquire(timeout=max(0.0, seconds)):
            return
        with self._guard:
            if mine in self._standing:
                self._standing.remove(mine)
                raise Busy("others were here before")

    def leave(self) -> None:
        """Let the next one pass."""
        with self._guard:
            if self._standing:
                self._standing.popleft().release()
            else:
                self._free += 1


class NamedLines:
    """A line for each name: who wants what another thread of this process holds waits without a connection."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._lines: dict[str, tuple[Line, int]] = {}

    @contextmanager
    def held(self, names: Iterable[str], seconds: float) -> Iterator[None]:
        """Hold all names, taken in ascending order. Raises Busy when that takes longer than so many seconds."""
        until = monotonic() + seconds
        with ExitStack() as held:
            for name in sorted(names):
                held.enter_context(self._one(name, until))
            yield

    @contextmanager
    def _one(self, name: str, until: float) -> Iterator[None]:
        with self._guard:
            line, users = self._lines.get(name, (Line(), 0))
            self._lines[name] = line, users + 1
        try:
            line.enter(until - monotonic())
            try:
                yield
            finally:
                line.leave()
        finally:
            with self._guard:
                line, users = self._lines.pop(name)
                if users > 1:
                    self._lines[name] = line, users - 1


class Turns:
    """How many requests one process works on at once; who waits for a lock lets others work meanwhile.

    Python runs one thread at a time anyway. With more of them at work each one's next statement waits for all others,
    and with it everybody behind the lock that it holds. Of a rush as many stand in line as can be answered in time; the
    others are told at once to come again.
    """

    def __init__(self, at_once: int = 2, most: int = 48, patience: float = PATIENCE) -> None:
        self._line = Line(at_once)
        self._most, self._patience = most, patience
        self._guard = Lock()
        self._inside = 0
        self._mine = threading.local()

    def take(self) -> None:
        """Wait for a turn; from here on this thread has `patience` seconds in all. Raises Busy."""
        until = monotonic() + self._patience
        with self._guard:
            if self._inside >= self._most:
                raise Busy("too many are waiting")
            self._inside += 1
        try:
            self._line.enter(self._patience)
        except Busy:
            self._go()
            raise
        self._mine.until = until

    def end(self) -> None:
        """Give the turn to the next; nothing happens for who has none."""
        if self._until is not None:
            self._mine.until = None
            self._line.leave()
            self._go()

    def seconds_left(self, patience: float) -> float:
        """Tell how long this thread may still wait for a lock."""
        if self._until is None:
            return patience
        return min(patience, max(LEAST, self._until - monotonic()))

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let others work while this thread waits; afterwards it comes first, for others wait for what it holds."""
        if self._until is None:
            yield
            return
        self._line.leave()
        try:
            yield
        finally:
            self._line.enter(threading.TIMEOUT_MAX, ahead=True)

    @property
    def _until(self) -> float | None:
        return getattr(self._mine, "until", None)

    def _go(self) -> None:
        with self._guard:
            self._inside -= 1
