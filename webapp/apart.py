"""Do a piece of work in another process, which may take only so much memory and time, and knows no secret.

A process of a module's own is started once and loads what every piece of its work needs. On its standard input, a
socket, come the ends of other sockets; on each of them comes one piece of work, and goes one answer: a keeper forks the
worker proper, waits for its end, and says how it ended. One that takes too much is ended by the system itself, and
failing that by its keeper, whatever code it is in; nothing of it outlives its work.
"""

import atexit
import gc
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

OUT_OF_MEMORY = 3
"""Exit status of a worker that was refused memory."""
STATUS = struct.Struct("<i")
"""How the worker ended, behind its answer: its exit status, or the signal that ended it as a negative number."""
_LENGTH = struct.Struct("<Q")
_ONE_MORE, _READY = b"f", b"r"
_BEHIND = 5
_STARTS = 300.0
"""Seconds that a process may take to load what it needs: the first one on a machine compiles."""
_ENDINGS = {
    OUT_OF_MEMORY: "memory",
    -signal.SIGABRT: "memory",
    -signal.SIGKILL: "memory",
    -signal.SIGALRM: "time",
    -signal.SIGXCPU: "time",
}
"""What ended a worker: compiled code aborts, and the system kills, for want of memory."""
_TOO_LATE = -signal.SIGALRM
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "LANG", "LC_ALL", "NUMBA_CACHE_DIR")
"""What the other process sees of the environment: no secret, no address of the database."""


class Limits(NamedTuple):
    """What one piece of work may cost. memory: bytes of address space; cpu, wall: seconds; None for no limit.

    grace: seconds after `wall` until its keeper kills what the system did not end.
    """

    memory: int | None = 512 * 1024 * 1024
    cpu: int | None = 60
    wall: float | None = 120
    grace: float = 5.0


class Ended(Exception):
    """A piece of work gave no answer; `why` is memory, time, busy, or empty where it is not known."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why or "no answer")
        self.why = why


# In the process that asks


class Helper:
    """The process that works for this one: started when the first work comes, and again if it has ended.

    turns: held while something is worked at.
    """

    def __init__(self, module: str, *, at_once: int) -> None:
        """Let `module` be run, for so many pieces of work at a time: their memory adds up."""
        self._module, self._at_once = module, at_once
        self._control: socket.socket | None = None
        self._running: subprocess.Popen[bytes] | None = None
        self.anew()
        atexit.register(self.end)
        os.register_at_fork(after_in_child=self.anew)  # a worker of a web server has one of its own

    def anew(self) -> None:
        """Let go of a process that belongs to the one this was forked from; another is started when it is needed."""
        self._leave()
        self._lock = threading.Lock()
        self.turns = threading.BoundedSemaphore(self._at_once)

    def ask(self, words: dict[str, Any], content: bytes, limits: Limits, *, patience: float) -> bytes:
        """Hand work over, once it is its turn, within `patience` seconds; give the answer. Raises Ended."""
        if not self.turns.acquire(timeout=patience):
            raise Ended("busy")
        try:
            return self._ask(words, content, limits)
        except TimeoutError as late:
            raise Ended("time") from late
        except OSError as fault:  # no process, no memory for one, or it was ended from outside
            raise Ended from fault
        finally:
            self.turns.release()

    def start(self) -> None:
        """Start the process before it is needed, if it is not running. Raises OSError where none can be had."""
        with self._lock:
            if self._control is None:
                self._start()

    def _ask(self, words: dict[str, Any], content: bytes, limits: Limits) -> bytes:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self._take(theirs)
            if limits.wall is not None:
                ours.settimeout(limits.wall + limits.grace)
            said = json.dumps({**words, "limits": limits}).encode()
            with suppress(BrokenPipeError):  # ended while it took the work: its status tells why
                ours.sendall(_LENGTH.pack(len(said)) + said)
                ours.sendall(content)
                ours.shutdown(socket.SHUT_WR)
            until = None if limits.wall is None else time.monotonic() + limits.wall + limits.grace
            answer = _received(ours, until)
        if len(answer) < STATUS.size:
            raise Ended
        (status,) = STATUS.unpack(answer[-STATUS.size :])
        if status:
            raise Ended(_ENDINGS.get(status, ""))
        return answer[: -STATUS.size]

    def _take(self, line: socket.socket) -> None:
        """Give the process a socket for one piece of work. Raises OSError where no process can be had."""
        with self._lock:
            if self._control is not None:
                with suppress(OSError):
                    _hand_over(self._control, line)
                    return
                self.end()
            _hand_over(self._start(), line)

    def _start(self) -> socket.socket:
        control, theirs = socket.socketpair()
        seen = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        places = os.pathsep.join(str(Path(place).absolute()) for place in sys.path)
        command = [sys.executable, "-P", "-m", self._module]
        try:
            with theirs:
                self._running = subprocess.Popen(
                    command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env={**seen, "PYTHONPATH": places}
                )
            control.settimeout(_STARTS)
            if control.recv(len(_READY)) != _READY:
                raise OSError(f"{self._module} ended before it was ready")
        except OSError:
            control.close()
            raise
        control.settimeout(None)
        self._control = control
        return control

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
                running.wait(5)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def _hand_over(control: socket.socket, line: socket.socket) -> None:
    socket.send_fds(control, [_ONE_MORE], [line.fileno()])


def _received(line: socket.socket, until: float | None) -> bytes:
    parts = []
    while part := line.recv(1 << 20):
        parts.append(part)
        if until is not None:  # whoever answers in drops is no exception
            line.settimeout(max(0.001, until - time.monotonic()))
    return b"".join(parts)


# In the process that works


def serve(work: Callable[[dict[str, Any], bytes], bytes]) -> None:
    """Answer what comes on standard input until its other end is closed; each piece of work in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the service, whose end ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers leave nothing behind
    control = socket.socket(fileno=os.dup(0))
    control.sendall(_READY)
    while True:
        word, ends, _flags, _address = socket.recv_fds(control, len(_ONE_MORE), 1)
        if not word:
            return
        with socket.socket(fileno=ends[0]) as line:
            split(lambda line=line: _keep(line, control, work))  # type: ignore[misc]


def split(work: Callable[[], int]) -> int:
    """Do some work in a process of its own, which ends with the status that it gives; give that process's number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        status = work()
    except MemoryError:
        status = OUT_OF_MEMORY
    except BaseException as fault:  # a panic of the Rust parser is no Exception
        traceback.print_tb(fault.__traceback__)  # where it was, but no word of the work
        if type(fault).__name__ == "PanicException":  # compiled code outside the parsers fails for want of memory alone
            status = OUT_OF_MEMORY
        sys.stderr.write(f"{type(fault).__name__}\n")
        sys.stderr.flush()
    finally:
        os._exit(status)


def _keep(line: socket.socket, control: socket.socket, work: Callable[[dict[str, Any], bytes], bytes]) -> int:
    control.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with line.makefile("rb") as stream:
        asked = json.loads(stream.read(*_LENGTH.unpack(stream.read(_LENGTH.size))))
        limits = Limits(*asked.pop("limits"))
        worker = split(lambda: _work(line, asked, stream.read(), limits, work))
    line.sendall(STATUS.pack(_wait_for(worker, limits)))
    return 0


def _wait_for(worker: int, limits: Limits) -> int:
    """Give the status of a worker at its end, which is not later than its limit and half the grace."""
    until = None if limits.wall is None else time.monotonic() + limits.wall + limits.grace / 2
    pause = 0.0005
    while True:
        number, status = os.waitpid(worker, 0 if until is None else os.WNOHANG)
        if number:
            return os.waitstatus_to_exitcode(status)
        if until is not None and time.monotonic() > until:
            os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)
            return _TOO_LATE
        time.sleep(pause)
        pause = min(2 * pause, 0.02)


def _work(
    line: socket.socket,
    asked: dict[str, Any],
    content: bytes,
    limits: Limits,
    work: Callable[[dict[str, Any], bytes], bytes],
) -> int:
    _confine(limits)
    gc.disable()  # the process ends with its work: looking for cycles among a million objects would only take time
    line.sendall(work(asked, content))
    return 0


def _confine(limits: Limits) -> None:
    """Let the system end this process when it takes more than it may, and let bookings go before it meanwhile."""
    os.nice(_BEHIND)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if limits.memory is not None and sys.platform != "darwin":  # macOS counts gigabytes of shared libraries
        _limit(resource.RLIMIT_AS, limits.memory, limits.memory)
    if limits.cpu is not None:
        _limit(resource.RLIMIT_CPU, limits.cpu, limits.cpu + 1)
    if limits.wall is not None:
        signal.setitimer(signal.ITIMER_REAL, limits.wall)


def _limit(kind: int, soft: int, hard: int) -> None:
    most = resource.getrlimit(kind)[1]
    lesser = (soft, hard) if most == resource.RLIM_INFINITY else (min(soft, most), min(hard, most))
    resource.setrlimit(kind, lesser)
