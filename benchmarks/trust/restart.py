"""A service that is reloaded, loses workers one by one, or is ended under load cuts off no answer."""

import http.client
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.site import PATIENCE, Served, records_at, serving, settings_of

CLIENTS, WORKERS = 8, 2
PAGES = ("/login", "/roads/0.pmtiles")
"""What is asked: a page, and a file of some megabytes."""
PROMISE = 13


class Load:
    """Clients that ask again and again, each time by a new connection, as a proxy without kept ones does."""

    def __init__(self, port: int) -> None:
        self._port, self._stopped = port, threading.Event()
        self.ends: Counter[str] = Counter()
        self.slowest = 0.0
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]

    @contextmanager
    def going_on(self) -> Iterator["Load"]:
        """Ask until the block ends."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            for thread in self._threads:
                thread.join()

    @property
    def failed(self) -> int:
        return sum(count for end, count in self.ends.items() if end != "answered")

    def _ask(self, number: int) -> None:
        while not self._stopped.is_set():
            began = time.monotonic()
            end = ask(self._port, PAGES[number % len(PAGES)])
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.ends[end] += 1
            if end == "refused":
                time.sleep(0.05)


def ask(port: int, page: str) -> str:
    """Say how one request ended: answered, refused, not taken (no byte came back), cut off, or by its status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.connect()
    except OSError:
        return "refused"
    try:
        return _read(connection, page)
    finally:
        connection.close()


def _read(connection: http.client.HTTPConnection, page: str) -> str:
    try:
        connection.request("GET", page)
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException):
        return "not taken"
    try:
        answer.read()
    except (OSError, http.client.HTTPException):
        return "cut off"
    return "answered" if answer.status == 200 else str(answer.status)


def run(bench: Bench) -> Iterator[Finding]:
    """Reload, replace, end and kill a service under load."""
    for database in bench.databases[:1] if bench.short else bench.databases:
        with records_at(bench, database) as url, serving(settings_of(bench, url), processes=WORKERS) as served:
            for name, change in (("reload under load", _reload), ("workers replaced one by one", _replace_workers)):
                yield _steady(served, name, change, database)
            yield _killed(served, database)
            yield _ended(served, database)


def _steady(served: Served, name: str, change: Callable[[Served], None], database: str) -> Finding:
    with Load(served.port).going_on() as load:
        time.sleep(1)
        change(served)
        time.sleep(1)
    ends = {end.replace(" ", "_"): count for end, count in sorted(load.ends.items())}
    figure = {**ends, "failed": load.failed, "slowest_s": round(load.slowest, 2)}
    return Finding(PROMISE, name, load.failed == 0, figure, database)


def _reload(served: Served) -> None:
    old = {*served.workers()}
    served.process.send_signal(signal.SIGHUP)
    _wait(lambda: not old & {*served.workers()})


def _replace_workers(served: Served) -> None:
    """End one worker after another, each once all of them answer."""
    for pid in served.workers():
        _wait(lambda: _all_answer(served))
        os.kill(pid, signal.SIGTERM)
        _wait(lambda pid=pid: pid not in served.workers())  # type: ignore[misc]
    _wait(lambda: _all_answer(served))


def _all_answer(served: Served) -> bool:
    said = served.log.read_text(encoding="utf-8", errors="replace")
    workers = served.workers()
    return len(workers) == WORKERS and all(f"worker {pid} is answering" in said for pid in workers)


def _killed(served: Served, database: str) -> Finding:
    """Negative control: workers that are killed do cut answers off, so the clients would see it."""
    until = time.monotonic() + 60
    with Load(served.port).going_on() as load:
        while not load.failed and time.monotonic() < until:
            time.sleep(0.5)
            for pid in served.workers()[:1]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(1)
    figure = {"requests": load.ends.total(), "failed": load.failed}
    return Finding(PROMISE, "control: killed workers cut answers off", load.failed > 0, figure, database)


def _ended(served: Served, database: str) -> Finding:
    _wait(lambda: ask(served.port, "/readyz") == "answered")
    with Load(served.port).going_on() as load:
        time.sleep(1)
        served.process.terminate()
        status = served.process.wait(PATIENCE)
    cut = load.ends["cut off"]
    taken = {"answered": load.ends["answered"], "cut_off": cut, "not_taken": load.ends["not taken"]}
    figure = {**taken, "exit_status": status}
    return Finding(PROMISE, "ended under load", cut == 0 and status == 0, figure, database)


def _wait(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > until:
            raise RuntimeError("the service did not change in time")
        time.sleep(0.1)
