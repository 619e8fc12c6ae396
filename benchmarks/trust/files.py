"""Promise 11: no file crashes the site, is half taken in, or fills its memory; no slow upload keeps anybody waiting.

The files are those of the tests (tests/webapp/hostile_files), and sound files with one bad cell. Each is handed in by a
dispatcher at a real server (`noriai serve`), looked at, and confirmed all the same.
"""

import hashlib
import http.client
import re
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import uuid4

from sqlalchemy import create_engine, text

from benchmarks.trust.api import session_of
from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.site import (
    PATIENCE,
    Served,
    environment,
    free_port,
    kill_group,
    records_at,
    settings_of,
    wait_until_ready,
)
from tests.webapp.handing_in import run as good_run
from tests.webapp.hostile_files import TAKEN, cases
from tests.webapp.schedule_samples import sheet
from tests.webapp.test_confined import HEAVY, UNLIMITED
from webapp import demo
from webapp.apart import Limits
from webapp.app import create_app
from webapp.config import Settings
from webapp.db import tables
from webapp.files.confined import read_confined
from webapp.town import Town, open_town

LONGEST = 10.0
"""Seconds within which a bad file is refused."""
MOST_MEMORY = 512 * 2**20
LONGEST_PAGE = 3.0
"""Seconds in which a page comes while slow uploads are under way (the 99th of a hundred)."""
SLOW, SHORT_SLOW = 500, 60
PAGES = 60
OWN = ("upload",)
"""Tables that a file may be put aside in before anybody confirms it."""
BAD_CELLS: tuple[tuple[int, str, str], ...] = (
    (0, "seats", "0"),
    (0, "seats", "-1"),
    (0, "seats", "4.5"),
    (0, "seats", "many"),
    (1, "time", "7:45"),
    (1, "time", "25h"),
    (1, "time", "8.1"),
    (2, "time_latest", "8:10"),
    (0, "from", "12/13/2026"),
    (0, "from", "4/1/2026"),
    (0, "from", "2025-02-29"),
    (0, "until", "2020-01-01"),
    (0, "days", "school days"),
    (0, "detour", "sometimes"),
    (0, "run_id", "D2"),
    (1, "lat", "0"),
    (1, "lat", "NaN"),
    (1, "lat", "195"),
    (1, "lon", ""),
    (1, "lat", "24.94"),
    (1, "place", ""),
    (2, "alight", "9"),
    (2, "alight", "-1"),
    (0, "board", "9"),
    (0, "vehicle", "B9"),
    (2, "residents", "perhaps"),
)
"""Cells that are put into the first run of two: (its row, the column, what is written there)."""


@dataclass(frozen=True, slots=True)
class Bad:
    """A file that must be refused, and the row that its message names; 0 where it names none."""

    name: str
    content: bytes
    filename: str
    row: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: status, page and where it leads."""

    status: int
    page: str
    location: str


@dataclass(frozen=True, slots=True)
class Sender:
    """A browser of somebody who signed in."""

    port: int
    cookie: str
    token: str

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/x-www-form-urlencoded") -> Answer:
        headers = {"Cookie": self.cookie, "X-CSRFToken": self.token, "Content-Type": kind, "Connection": "close"}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request(method, path, body or None, headers)
            said = connection.getresponse()
            return Answer(said.status, said.read().decode("utf-8", "replace"), said.headers.get("Location", ""))

    def hand_in(self, content: bytes, filename: str) -> Answer:
        return self.ask("POST", "/dispatch/upload", *multipart(content, filename))


def run(bench: Bench) -> Iterator[Finding]:
    """Hand in what nobody should, and keep pages coming meanwhile."""
    warnings.simplefilter("ignore", UserWarning)  # zipfile remarks on the names that are doubled on purpose
    bad = [*_bad_files(bench)]
    for database in bench.databases:
        with records_at(bench, database) as url:
            settings = settings_of(bench, url)
            town = open_town(settings)
            demo.settle(town)
            with _serving(settings) as served:
                yield _refused_files(bad, town, served, database)
                yield _uploads_cut_short(town, served, database)
                yield _slow_uploads(SHORT_SLOW if bench.short else SLOW, town, served, database)
                yield _control_of_tables(town, served, database)
            town.store.close()
    yield _control_of_limits()


def _bad_files(bench: Bench) -> Iterator[Bad]:
    told = [case for case in cases() if case.expected != TAKEN]
    for case in told[::6] if bench.short else told:
        yield Bad(case.name, case.content, case.filename)
    for row, column, words in BAD_CELLS[::3] if bench.short else BAD_CELLS:
        rows = [*good_run("D1", "B9"), *good_run("D2", "B9", hour=8 if column == "vehicle" else 9)]
        rows[row] = rows[row] | {column: words}
        yield Bad(f"{column} {words!r}", sheet(rows).encode(), "runs.csv", row + 2)


def _refused_files(bad: Sequence[Bad], town: Town, served: Served, database: str) -> Finding:
    """Hand in each bad file, read what is said of it, and try to confirm it: nothing else may change."""
    sender, faults, slowest = _sender(town, served), [], 0.0
    before = _digest(town)
    with _memory_of_readers(served) as memory:
        for one in bad:
            began = time.perf_counter()
            answer = sender.hand_in(one.content, one.filename)
            page = sender.ask("GET", answer.location) if answer.status == 302 else answer
            slowest = max(slowest, time.perf_counter() - began)
            if fault := _fault_of(one, answer, page):
                faults.append(f"{one.name}: {fault}")
            if answer.status == 302 and (kept := sender.ask("POST", f"{answer.location}/confirm").status) not in (
                409,
                422,
            ):
                faults.append(f"{one.name}: confirmed with {kept}")
    changed = sorted(name for name, digest in _digest(town).items() if digest != before[name] and name not in OWN)
    figure: dict[str, Any] = {
        "files": len(bad),
        "not_refused": len(faults),
        "tables_changed": len(changed),
        "slowest_s": round(slowest, 2),
        "reader_mib": round(max(memory, default=0) / 2**20),
    }
    if faults or changed:
        figure["first"] = "; ".join([*faults[:4], *changed[:4]])
    held = not faults and not changed and slowest <= LONGEST and max(memory, default=0) <= MOST_MEMORY
    return Finding(11, "bad files handed in", held, figure, database)


def _fault_of(one: Bad, answer: Answer, page: Answer) -> str:
    """Say what is wrong with the answer to a bad file; nothing where it was refused in plain words."""
    if answer.status == 413:
        return ""
    if (answer.status, page.status) not in {(302, 200), (422, 422)}:
        return f"answered {answer.status}, {page.status}"
    if "root:" in page.page:
        return "shows another file"
    if answer.status == 302 and not re.search(r"\[?E-[A-Z]+", page.page):
        return "no error is shown"
    if one.row and not re.search(rf"\b{one.row}\b", page.page):
        return f"row {one.row} is not named"
    return ""


def _uploads_cut_short(town: Town, served: Served, database: str) -> Finding:
    """Cut uploads at half of their length; nothing is kept of them, and the next whole one is taken."""
    sender, before = _sender(town, served), _digest(town)
    body, kind = multipart(sheet(good_run("D1")).encode() * 400, "runs.csv")
    for _ in range(20):
        with _begun(sender, body, kind, len(body) // 2):
            pass
    time.sleep(0.5)
    kept = [name for name, digest in _digest(town).items() if digest != before[name]]
    after = sender.hand_in(sheet(good_run("D1")).encode(), "runs.csv").status
    figure = {"uploads_cut": 20, "tables_changed": len(kept), "next_upload": after}
    return Finding(11, "uploads cut at half", not kept and after == 302, figure, database)


def _slow_uploads(count: int, town: Town, served: Served, database: str) -> Finding:
    """Send many uploads a byte at a time, and ask for pages and new trips meanwhile."""
    dispatcher, rider = _sender(town, served), _sender(town, served, "resident")
    body, kind = multipart(sheet(good_run("D1")).encode() * 100, "runs.csv")
    alone = _seconds_of_pages(rider)
    held: list[socket.socket] = []
    stopped = threading.Event()

    def drip() -> None:
        while not stopped.wait(1):
            for one in held:
                with suppress(OSError):
                    one.send(b"x")

    try:
        for _ in range(count):
            one = _connected(dispatcher, body, kind)
            one.sendall(body[:100])
            held.append(one)
        threading.Thread(target=drip, daemon=True).start()
        meanwhile = _seconds_of_pages(rider)
    finally:
        stopped.set()
        for one in held:
            one.close()
    time.sleep(1)
    after = dispatcher.hand_in(sheet(good_run("D1")).encode(), "runs.csv").status
    figure = {
        "uploads_at_once": count,
        "pages_and_trips": PAGES,
        "p99_s_before": _p99(alone),
        "p99_s_meanwhile": _p99(meanwhile),
        "upload_afterwards": after,
    }
    return Finding(11, "slow uploads at once", _p99(meanwhile) <= LONGEST_PAGE and after == 302, figure, database)


def _control_of_tables(town: Town, served: Served, database: str) -> Finding:
    """A sound file that is confirmed does change the tables: so the digest would see one that was half taken in."""
    sender, before = _sender(town, served), _digest(town)
    answer = sender.hand_in(sheet(good_run("Z1", "B9")).encode(), "sound.csv")
    shown = re.search(r'name="shown" value="([^"]+)"', sender.ask("GET", answer.location).page)
    sender.ask("POST", f"{answer.location}/confirm", f"shown={shown[1] if shown else ''}".encode())
    changed = sorted(name for name, digest in _digest(town).items() if digest != before[name] and name not in OWN)
    figure = {"tables_changed": len(changed)}
    return Finding(11, "negative control: a sound file changes the tables", "run" in changed, figure, database)


def _control_of_limits() -> Finding:
    """The same heavy file is refused with a limit, and read to its end without one."""
    rows = [read_confined(HEAVY, "runs.csv", limits=limits).rows for limits in (Limits(wall=0.5), UNLIMITED)]
    return Finding(
        11,
        "negative control: limits refuse a heavy file",
        rows[0] == 0 and rows[1] > 0,
        {"rows_read_with_limits": rows[0], "without": rows[1]},
    )


# At the server


@contextmanager
def _serving(settings: Settings) -> Iterator[Served]:
    """Serve a town as `noriai serve` does."""
    port = free_port()
    log = settings.home / f"serve-{port}.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "webapp.cli", "serve", "--port", str(port)],
            env={"PATH": "/usr/bin:/bin", **_kept(), **environment(settings.home, settings.database_url, {})},
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    served = Served(port, process, settings, log)
    try:
        wait_until_ready(served)
        yield served
    finally:
        kill_group(process)


def _kept() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if name in ("NUMBA_CACHE_DIR", "PYTHONPATH", "HOME")}


def _sender(town: Town, served: Served, role: str = "dispatcher") -> Sender:
    app = create_app(town=town)
    cookie, token = session_of(app, town, role)
    return Sender(served.port, f"{app.config['SESSION_COOKIE_NAME']}={cookie}", token)


def multipart(content: bytes, filename: str) -> tuple[bytes, str]:
    """Give the body of a form with a file, and its type."""
    edge = uuid4().hex
    name = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + content + f"\r\n--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"


def _connected(sender: Sender, body: bytes, kind: str) -> socket.socket:
    """Open a connection and send the head of an upload."""
    made = socket.create_connection(("127.0.0.1", sender.port), timeout=PATIENCE)
    head = (
        f"POST /dispatch/upload HTTP/1.1\r\nHost: 127.0.0.1:{sender.port}\r\nCookie: {sender.cookie}\r\n"
        f"X-CSRFToken: {sender.token}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    made.sendall(head.encode())
    return made


@contextmanager
def _begun(sender: Sender, body: bytes, kind: str, length: int) -> Iterator[None]:
    with closing(_connected(sender, body, kind)) as made:
        made.sendall(body[:length])
        yield


def _seconds_of_pages(rider: Sender) -> list[float]:
    taken = []
    for number in range(PAGES):
        began = time.perf_counter()
        method, path = ("POST", "/trips/new") if number % 3 == 0 else ("GET", "/trips")
        answer = rider.ask(method, path)
        taken.append(time.perf_counter() - began if answer.status in (200, 302) else PATIENCE)
    return taken


def _p99(seconds: Sequence[float]) -> float:
    return round(quantiles(seconds, n=100)[98], 2)


@contextmanager
def _memory_of_readers(served: Served) -> Iterator[list[int]]:
    """Watch the processes that read files: the peak of each in bytes, looked at twenty times a second."""
    peaks: list[int] = []
    stopped = threading.Event()

    def watch() -> None:
        while not stopped.wait(0.05):
            peaks.extend(filter(None, map(_peak, _below(served.process.pid))))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peaks
    finally:
        stopped.set()
        watcher.join()


def _below(pid: int) -> list[int]:
    """List the processes that one started, and those that they did."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, listed.read_text(encoding="ascii").split()):
                found += [child, *_below(child)]
    return found


def _peak(pid: int) -> int:
    with suppress(OSError):
        said = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
        return int(said[1]) * 1024 if said else 0
    return 0


def _digest(town: Town) -> dict[str, str]:
    """Sum up every table, row by row."""
    engine = create_engine(town.settings.database_url)
    sums = {}
    with engine.connect() as connection:
        for name, table in tables.METADATA.tables.items():
            order = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
            rows = connection.execute(text(f'SELECT * FROM "{name}" ORDER BY {order}'))  # noqa: S608 - our own names
            digest = hashlib.sha256()
            for row in rows:
                digest.update(repr(tuple(row)).encode())
            sums[name] = digest.hexdigest()
    engine.dispose()
    return sums
