"""Read a stranger's file without running its risks: in another process, which may take only so much memory and time."""

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from webapp.files.archive import fault_of
from webapp.files.messages import Messages
from webapp.files.reader import ALONE, OUT_OF_MEMORY, SCHEDULE, STATUS, Beside, Limits, hand_over, question
from webapp.files.scheduled import ScheduleFile
from webapp.files.sheets import MOST_BYTES, Unopened

LIMITS = Limits()
AT_ONCE = 2
"""Files that one process of the service lets be read at a time: their memory adds up."""
_PATIENCE = 60
"""Seconds that a file waits for its turn."""
_GRACE = 5
_ENDINGS = {
    OUT_OF_MEMORY: "memory",
    -signal.SIGABRT: "memory",
    -signal.SIGKILL: "memory",
    -signal.SIGALRM: "time",
    -signal.SIGXCPU: "time",
}
"""What ended a reader, as a variant of the message: compiled code aborts, and the system kills, for want of memory."""
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "LANG", "LC_ALL")
"""What the reading process sees of the environment: no secret, no address of the database."""


def read_confined(
    content: bytes, filename: str, *, language: str = "en", beside: Beside = ALONE, limits: Limits | None = None
) -> ScheduleFile:
    """Read a schedule file in a limited process; whatever happens there becomes a message, never an exception.

    The size of the file and the directory of a zip are judged before anything is handed over. Without `limits` those of
    `LIMITS` hold.
    """
    limits = limits or LIMITS
    fault = Unopened("E-FILE-BIG") if len(content) > MOST_BYTES else fault_of(content)
    if fault:
        return _refused(fault, filename, language, limits)
    if not _PROCESS.turns.acquire(timeout=_PATIENCE):
        return _refused(Unopened("E-FILE-LIMIT", "busy"), filename, language, limits)
    try:
        answer = _ask(question(filename, language, beside, limits), content, limits)
    except OSError:  # no process, no memory for one, or it was ended from outside
        answer = Unopened("E-FILE-LIMIT")
    finally:
        _PROCESS.turns.release()
    if isinstance(answer, Unopened):
        return _refused(answer, filename, language, limits)
    return SCHEDULE.validate_json(answer)


def _refused(fault: Unopened, filename: str, language: str, limits: Limits) -> ScheduleFile:
    messages = Messages(language)
    messages.add(fault.code, variant=fault.variant, value=filename, megabytes=(limits.memory or 0) >> 20)
    return ScheduleFile(messages=messages.listed(runs=0))


def _ask(words: bytes, content: bytes, limits: Limits) -> bytes | Unopened:
    """Hand a file over; give the answer, or how the reading ended."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            _PROCESS.take(theirs)
        if limits.wall is not None:
            ours.settimeout(limits.wall + _GRACE)
        with suppress(BrokenPipeError):  # ended while it took the file: its status tells why
            ours.sendall(words)
            ours.sendall(content)
            ours.shutdown(socket.SHUT_WR)
        try:
            answer = _received(ours)
        except TimeoutError:
            return Unopened("E-FILE-LIMIT", "time")
    if len(answer) < STATUS.size:
        return Unopened("E-FILE-LIMIT")
    (status,) = STATUS.unpack(answer[-STATUS.size :])
    return Unopened("E-FILE-LIMIT", _ENDINGS.get(status, "")) if status else answer[: -STATUS.size]


def _received(line: socket.socket) -> bytes:
    parts = []
    while part := line.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


class _Process:
    """The process that reads files for this one: started when the first comes, and again if it has ended.

    turns: held while a file is read.
    """

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._running: subprocess.Popen[bytes] | None = None
        self.anew()

    def anew(self) -> None:
        """Let go of a process that belongs to the one this was forked from; another is started when it is needed."""
        self._leave()
        self._lock = threading.Lock()
        self.turns = threading.BoundedSemaphore(AT_ONCE)

    def take(self, line: socket.socket) -> None:
        """Give it a file's socket. Raises OSError where no process can be had."""
        with self._lock:
            if self._control is not None:
                with suppress(OSError):
                    hand_over(self._control, line)
                    return
                self.end()
            hand_over(self._start(), line)

    def _start(self) -> socket.socket:
        self._control, theirs = socket.socketpair()
        seen = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        places = os.pathsep.join(str(Path(place).absolute()) for place in sys.path)
        command = [sys.executable, "-P", "-m", "webapp.files.reader"]
        with theirs:
            self._running = subprocess.Popen(
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env={**seen, "PYTHONPATH": places}
            )
        return self._control

    def _leave(self) -> None:
        if self._control is not None:
            self._control.close()
        self._control = self._running = None

    def end(self) -> None:
        """End it, and wait until it has."""
        running = self._running
        self._leave()
        if running is not None:
            try:
                running.wait(_GRACE)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


_PROCESS = _Process()

atexit.register(_PROCESS.end)
os.register_at_fork(after_in_child=_PROCESS.anew)  # a worker of a web server has one of its own
