"""How soon an open manifest shows a booking, while 200 drivers poll one process.

python -m benchmarks.live [--drivers 200] [--bookings 60] [--seconds 1.5] [--json]

The real server (`noriai serve`) runs on loopback in a process of its own, over SQLite. In a second process each driver
asks as `static/js/live.js` does: every 1.5 seconds, with If-None-Match, on a kept connection. A third makes bookings by
the services and notes when each was committed; the driver of that run notes when an answer names a newer revision.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from random import Random
from statistics import quantiles
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any
from urllib.parse import urlencode

from argon2 import PasswordHasher

from benchmarks.machine import machine
from matching.model import Capacity, Load, Ride, Run, Stop, Window
from routing.graph import prepare
from routing.times import Place
from webapp.config import read_settings
from webapp.db.store import Door, RunHead
from webapp.services import accounts, booking
from webapp.town import Town, open_town

PLACES = (
    Place(60.174151, 24.951375),
    Place(60.171366, 24.943045),
    Place(60.168207, 24.947299),
    Place(60.167146, 24.938253),
)
FIRST, HEADWAY, MINUTE = 6 * 3600, 240, 60
ACCOUNTS = 40
"""Drivers who sign in; the others share their sessions, since one network address may sign in only so often."""
PASSWORD = "noriai-benchmark"
SETTLING = 12.0
"""Seconds until all drivers have their first manifest."""
PATIENCE = 900.0
"""Seconds until the server counts as stuck: it compiles what the search needs before it answers."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A revision of a run, and when a driver's page first had it."""

    run: str
    revision: int
    at: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print p50, p95 and what a poll costs the server."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drivers", type=int, default=200)
    parser.add_argument("--bookings", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=1.5, help="from one poll of a driver to the next")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    report = measure(chosen.drivers, chosen.bookings, chosen.seconds)
    if chosen.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            print(f"{name:>24}  {value}")
    return 0 if report["seen"] == report["bookings"] else 1


def measure(drivers: int, bookings: int, seconds: float) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        home = Path(folder)
        prepare("helsinki", "helsinki", home / "areas" / "helsinki")
        town = open_town(read_settings({"NORIAI_SECRET_KEY": "benchmark"}, home=home))
        day = town.today() + timedelta(days=1)
        runs = settle(town, day, drivers)
        port = _free_port()
        command = [sys.executable, "-c", "from webapp.cli import main; main()", "serve", "--port", str(port)]
        environment = {**os.environ, "NORIAI_HOME": folder, "NORIAI_SECRET_KEY": "benchmark"}
        server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            _wait(port)
            return _report(town, server.pid, port, runs, day, (bookings, seconds))
        finally:
            server.terminate()
            server.wait()
            town.store.close()


def _report(
    town: Town, server: int, port: int, runs: Sequence[str], day: date, wanted: tuple[int, float]
) -> dict[str, Any]:
    bookings, seconds = wanted
    spawn = multiprocessing.get_context("spawn")
    ended, results = spawn.Event(), spawn.Queue()
    clients = spawn.Process(target=poll_all, args=(port, runs, seconds, ended, results))
    clients.start()
    results.get(timeout=PATIENCE)  # all drivers are signed in
    time.sleep(SETTLING)
    began, used = time.monotonic(), _cpu(server)
    committed = [book(town, day, number, runs) for number in range(bookings)]
    time.sleep(max(5.0, 3 * seconds))
    spent, lasted = _cpu(server) - used, time.monotonic() - began
    ended.set()
    seen, polls = results.get(timeout=PATIENCE)
    clients.join()
    firsts = (
        (min((one.at for one in seen if one.run == run and one.revision >= revision), default=None), at)
        for run, revision, at in committed
    )
    waits = [first - at for first, at in firsts if first is not None]  # a later revision shows the booking, too
    cuts = quantiles(waits, n=100, method="inclusive")
    lengths = [length for at, length in polls if began <= at <= began + lasted]
    return {
        **machine(),
        "load_average": round(os.getloadavg()[0], 1),
        "drivers": len(runs),
        "seconds_between_polls": seconds,
        "bookings": len(committed),
        "seen": len(waits),
        "p50_seconds": round(cuts[49], 2),
        "p95_seconds": round(cuts[94], 2),
        "most_seconds": round(max(waits), 2),
        "polls_per_second": round(len(lengths) / lasted, 1),
        "answer_ms_p95": round(1000 * quantiles(lengths, n=100)[94], 1),
        "server_cores": round(spent / lasted, 2),
        "server_ms_per_poll": round(1000 * spent / len(lengths), 2),
    }


def settle(town: Town, day: date, drivers: int) -> list[str]:
    """Write an operator with a run for each driver; give the ids of the runs."""
    accounts.add_operator(town, code="school", name="Example School", kind="school")
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    for number in range(min(drivers, ACCOUNTS)):
        _add_driver(town, number, hashed)
    runs = [_run(town, day, number) for number in range(drivers)]

    def publish(door: Door) -> None:
        labels = {f"s{at}": (f"Stop {at}", False) for at in range(len(PLACES))}
        for run in runs:
            door.keep(run, cause="published", labels=labels, head=RunHead(run.id), as_published=True)

    town.store.commit(publish, times=town.roads)
    return [run.id for run in runs]


def _add_driver(town: Town, number: int, hashed: str) -> None:
    email = f"driver{number}@example.org"
    user = accounts.add_user(town, name=f"Driver {number}", role="driver", email=email, operator="school")
    user.password = hashed
    town.store.commit(lambda door: door.put(user))


def _run(town: Town, day: date, number: int) -> Run:
    """Make a run that begins four minutes after the one before."""
    begins = FIRST + number * HEADWAY
    policy = replace(town.policy, max_extra=2 * MINUTE)
    stops = tuple(
        Stop(f"s{at}", place, Window(begins + at * 6 * MINUTE, begins + at * 6 * MINUTE + 10 * MINUTE),
             sequence=at, planned=begins + at * 6 * MINUTE, residents=True)
        for at, place in enumerate(PLACES)
    )  # fmt: skip
    own = Ride("own", "s0", f"s{len(PLACES) - 1}", Load(2), max_ride=45 * MINUTE, committed=True, dwell=30)
    return Run(
        f"run-{number}",
        day.isoformat(),
        "school",
        f"B{number}",
        Capacity.of(8),
        stops=stops,
        rides=(own,),
        policy=policy,
    )


def book(town: Town, day: date, number: int, runs: Sequence[str]) -> tuple[str, int, float]:
    """Book a seat for somebody new; give the run, its new revision, and when that was committed."""
    rider = accounts.add_user(town, name=f"Resident {number}", role="resident", groups=["registered"]).id
    begins = FIRST + Random(number).randrange(len(runs)) * HEADWAY
    row = booking.start(town, rider, actor=rider)
    for end, place in (("origin", PLACES[0]), ("destination", PLACES[2])):
        booking.answer_place(town, row.id, end=end, label=end, place=place)
    booking.answer_when(town, row.id, day=day, depart=begins - 5 * MINUTE, arrive=None)
    booking.answer_who(town, row.id, people=1, wheelchairs=0, max_walk=300)
    offer, token = booking.ask(town, row.id).offers[0]
    booking.book(town, token, key=str(number), actor=rider)
    committed = time.monotonic()
    with town.store.read() as records:
        return offer.run, records.get_run_head(offer.run).revision, committed


def poll_all(port: int, runs: Sequence[str], seconds: float, ended: Event, results: Any) -> None:
    """Poll for all drivers until that is ended; hand over what was seen when, and each answer's moment and length."""
    cookies = [_sign_in(port, number) for number in range(min(len(runs), ACCOUNTS))]
    results.put("signed in")
    seen: list[Seen] = []
    polls: list[tuple[float, float]] = []
    draw = Random(0)
    threads = [
        Thread(
            target=_poll,
            args=(port, run, cookies[at % len(cookies)], (seconds, draw.random()), ended, (seen, polls)),
        )
        for at, run in enumerate(runs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put((seen, polls))


def _poll(
    port: int, run: str, cookie: str, pace: tuple[float, float], ended: Event,
    kept: tuple[list[Seen], list[tuple[float, float]]],
) -> None:  # fmt: skip
    seconds, phase = pace
    seen, polls = kept
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    headers = {"Cookie": cookie, "HX-Request": "true"}
    at = time.monotonic() + phase * seconds
    while not ended.is_set():
        time.sleep(max(0.0, at - time.monotonic()))
        asked = time.monotonic()
        connection.request("GET", f"/drive/{run}/manifest", headers=headers)
        answer = connection.getresponse()
        answer.read()
        now = time.monotonic()
        polls.append((now, now - asked))
        if answer.status == 200:
            tag = answer.headers["ETag"]
            seen.append(Seen(run, int(tag.strip('"').partition("-")[0]), now))
            headers["If-None-Match"] = tag
        elif answer.status not in (304, 503):  # busy: a page asks again, too
            raise RuntimeError(f"{run}: {answer.status}")
        at = max(at + seconds, now)


def _sign_in(port: int, number: int) -> str:
    """Sign a driver in by the page; give the cookie of the session."""
    page, cookie = _ask(port, "GET", "/login")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    said = {"csrf_token": token[1] if token else "", "email": f"driver{number}@example.org", "password": PASSWORD}
    kind = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    return _ask(port, "POST", "/login", urlencode(said), kind)[1]


def _ask(
    port: int, method: str, path: str, body: str = "", headers: Mapping[str, str] | None = None
) -> tuple[str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request(method, path, body, dict(headers or {}))
    answer = connection.getresponse()
    return answer.read().decode(), (answer.headers["Set-Cookie"] or "").partition(";")[0]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(port: int) -> None:
    """Wait until the server answers."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            _ask(port, "GET", "/login")
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return


def _cpu(pid: int) -> float:
    """Give the seconds of processor that a process has used, by the kernel's count."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    raise SystemExit(main())
