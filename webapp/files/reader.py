"""Read any file that a dispatcher sends, and the process that does so: started once, split for each file, and limited.

`python -m webapp.files.reader` waits on its standard input, a socket, for the ends of other sockets. On each of them
comes one file, and goes one answer: a keeper forks the reader proper, waits for its end and says how it ended. A reader
that takes too much is ended by the system itself, whatever code it is in; nothing of it outlives its file.
"""

import gc
import json
import os
import resource
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import NamedTuple

from pydantic import TypeAdapter

from webapp.files.answers import Answers
from webapp.files.archive import is_feed
from webapp.files.canonical import read_schedule
from webapp.files.field_names import FieldNames
from webapp.files.glimpses import ColumnsTold
from webapp.files.gtfs import read_feed
from webapp.files.scheduled import ScheduleFile
from webapp.holiday_tables import NO_HOLIDAYS, PUBLIC, Holidays
from webapp.resources import data_path

SCHEDULE = TypeAdapter(ScheduleFile)
ANSWERS = TypeAdapter(Answers)
UNANSWERED = Answers()
OUT_OF_MEMORY = 3
"""Exit status of a reader that was refused memory."""
STATUS = struct.Struct("<i")
"""How the reader ended, behind its answer: its exit status, or the signal that ended it as a negative number."""
_LENGTH = struct.Struct("<Q")
_ONE_MORE = b"f"
_BEHIND = 5


class Limits(NamedTuple):
    """What reading one file may cost. memory: bytes of address space; cpu, wall: seconds; None for no limit."""

    memory: int | None = 512 * 1024 * 1024
    cpu: int | None = 60
    wall: float | None = 120


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known beside a file: what was said of it, what its operator calls columns, the holidays of its town.

    columns: as said before, by the digest of a header.
    """

    answers: Answers = UNANSWERED
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    holidays: Holidays = NO_HOLIDAYS


BESIDE = TypeAdapter(Beside)
ALONE = Beside()


def read_file(content: bytes, filename: str, *, language: str = "en", beside: Beside = ALONE) -> ScheduleFile:
    """Read a feed, a workbook or a text file in this very process; most answers are heard for feeds only.

    Strangers' files go to `confined.read_confined`, which bounds what reading may cost.
    """
    if is_feed(content):
        return read_feed(content, filename, language=language, answers=beside.answers)
    told = ColumnsTold(beside.answers.columns, beside.columns)
    return read_schedule(content, filename, language=language, names=_names(), holidays=beside.holidays, columns=told)


@cache
def _names() -> FieldNames:
    return FieldNames.load(data_path("field_names.toml"))


def question(filename: str, language: str, beside: Beside, limits: Limits) -> bytes:
    """Write what goes before a file's content."""
    asked = {"filename": filename, "language": language, "beside": BESIDE.dump_python(beside, mode="json")}
    words = json.dumps({**asked, "limits": limits}).encode()
    return _LENGTH.pack(len(words)) + words


def hand_over(control: socket.socket, line: socket.socket) -> None:
    """Give one end of a socket to the process that reads, for one file."""
    socket.send_fds(control, [_ONE_MORE], [line.fileno()])


def main() -> None:
    """Serve the socket on standard input until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the service, whose end ends this process
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers leave nothing behind
    read_file(b"", "")  # loads what every file needs, before the first one is there
    Holidays("JP").find(PUBLIC, date(2026, 1, 1))  # and so does the first question about any country's holidays
    control = socket.socket(fileno=os.dup(0))
    while True:
        word, ends, _flags, _address = socket.recv_fds(control, len(_ONE_MORE), 1)
        if not word:
            return
        with socket.socket(fileno=ends[0]) as line:
            _split(lambda line=line: _keep(line, control))  # type: ignore[misc]


def _split(work: Callable[[], int]) -> int:
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
        traceback.print_tb(fault.__traceback__)  # where it was, but no word of the file
        if type(fault).__name__ == "PanicException":  # compiled code outside the parsers fails for want of memory alone
            status = OUT_OF_MEMORY
        sys.stderr.write(f"{type(fault).__name__}\n")
        sys.stderr.flush()
    finally:
        os._exit(status)


def _keep(line: socket.socket, control: socket.socket) -> int:
    control.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    reader = _split(lambda: _read(line))
    _number, status = os.waitpid(reader, 0)
    line.sendall(STATUS.pack(os.waitstatus_to_exitcode(status)))
    return 0


def _read(line: socket.socket) -> int:
    with line.makefile("rb") as stream:
        asked = json.loads(stream.read(*_LENGTH.unpack(stream.read(_LENGTH.size))))
        content = stream.read()
    _confine(Limits(*asked.pop("limits")))
    gc.disable()  # the process ends with its file: looking for cycles among a million cells would only take time
    beside = BESIDE.validate_python(asked.pop("beside"))
    line.sendall(SCHEDULE.dump_json(read_file(content, beside=beside, **asked)))
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


if __name__ == "__main__":
    main()
