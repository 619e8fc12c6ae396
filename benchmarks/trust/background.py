"""Promises 5, 6 and 14: what goes on beside the site undoes no booking, loses no message, and keeps nobody waiting."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from email import message_from_bytes
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any
from uuid import uuid4

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.site import free_port, records_at, settings_of
from matching.model import Capacity, Detour, Load, Ride, Run, Stop, Window
from routing.times import Place
from webapp import apart, searching
from webapp.config import Settings
from webapp.db import tables
from webapp.db.store import RunHead, StoreError
from webapp.leasing import Leases
from webapp.live import LiveTown
from webapp.services import accounts, booking, messages, planning
from webapp.services.errors import ServiceError
from webapp.town import Town, open_town
from webapp.warming import warm_requests
from webapp.working import Worker

MINUTE = 60
LIISANKATU, STATION, KAMP, RESSU = (
    Place(60.174151, 24.951375),
    Place(60.171366, 24.943045),
    Place(60.168207, 24.947299),
    Place(60.167146, 24.938253),
)
ELSEWHERE = (Place(60.165171, 24.947828), Place(60.170596, 24.947862), Place(60.164791, 24.939595))
SEATS, SOLVE = 40, 0.5
FIRST = 9 * 60 * MINUTE
LEASE = 2.0
"""Seconds that leases last here, so that each taking over is soon."""
PROCESSES = get_context("forkserver")
"""Workers are forked from a process without threads: one that others write from may not be forked."""
ABOUT = {"run": "Morning bus", "vehicle": "B1"}
"""What the messages of the trial say: of a kind that goes out in quiet hours, too."""
SOONER = 1.5
"""Seconds after a lease within which it has to be another one's: workers look every half second."""


def run(bench: Bench) -> Iterator[Finding]:
    """Try the optimiser, the outbox, faulty searches and leases on each database."""
    warm_requests()
    searching.start()
    searching.SLACK = 20.0  # only where a search goes wrong its limit is what is tried
    PROCESSES.set_forkserver_preload([__name__])
    for database in bench.databases:
        with town_on(bench, database) as town:
            yield from optimising(bench, database, town)
            yield from searching_wrongly(bench, database, town)
        with town_on(bench, database) as town:
            yield from telling(bench, database, town)
            yield from taking_turns(bench, database, town)


@contextmanager
def town_on(bench: Bench, database: str) -> Iterator[Town]:
    """Open a town with one bus tomorrow, and nobody on it but two pupils."""
    with records_at(bench, database) as url:
        town = open_town(settings_of(bench, url))
        day = tomorrow(town)
        accounts.add_operator(town, code="school", name="Example School", kind="school")
        labels = {name: (name, False) for name in ("a", "b", "c", "d")}

        def publish(door: Any) -> None:
            bus = bus_of(town, day)
            door.keep(bus, cause="published", labels=labels, head=RunHead(bus.id), as_published=True)

        town.store.commit(publish, times=town.roads)
        yield town
        town.store.close()


def tomorrow(town: Town) -> date:
    return town.today() + timedelta(days=1)


def bus_of(town: Town, day: date) -> Run:
    """Make a bus with room for many, which may drive some way for them."""
    policy = replace(town.policy, detour=Detour.UP_TO, max_detour=40 * MINUTE, deadhead=True, max_extra=40 * MINUTE)
    stops = tuple(
        Stop(name, place, Window(FIRST + at * 10 * MINUTE, FIRST + 90 * MINUTE), sequence=at,
             planned=FIRST + at * 10 * MINUTE, residents=True)
        for at, (name, place) in enumerate(zip("abcd", (LIISANKATU, STATION, KAMP, RESSU), strict=True))
    )  # fmt: skip
    own = Ride("own", "a", "d", Load(2), max_ride=90 * MINUTE, committed=True, dwell=30)
    return Run("bus", day.isoformat(), "school", "B1", Capacity.of(SEATS), stops=stops, rides=(own,), policy=policy)


def asked(town: Town, draw: Random) -> tuple[str, str]:
    """Let somebody new want to ride tomorrow, some from a door of their own; give request and rider."""
    rider = accounts.add_user(town, name="Somebody", role="resident", groups=["registered"]).id
    row = booking.start(town, rider, actor=rider)
    ends = [draw.choice((LIISANKATU, *ELSEWHERE)), draw.choice((KAMP, RESSU))]
    for end, place in zip(("origin", "destination"), ends, strict=True):
        booking.answer_place(town, row.id, end=end, label=end, place=place)
    booking.answer_when(town, row.id, day=tomorrow(town), depart=FIRST - 5 * MINUTE, arrive=None)
    booking.answer_who(town, row.id, people=1, wheelchairs=0, max_walk=300)
    return row.id, rider


# Promise 5


@dataclass
class Traffic:
    """What bookers did: seconds of each booking, how many changes, and what went wrong."""

    took: list[float]
    changes: int = 0
    faults: int = 0


def book_and_cancel(town: Town, rate: float, ended: threading.Event, kept: Traffic, seed: int) -> None:
    """Change the bus so many times a second, as near to it as the machine allows: book, and later cancel."""
    draw, made, next_at = Random(seed), list[tables.Booking](), time.monotonic()
    while not ended.wait(max(0.0, next_at - time.monotonic())):
        next_at = max(next_at + 1 / rate, time.monotonic() - 1)
        try:
            if len(made) > 6 or (made and draw.random() < 0.45):
                gone = made.pop(draw.randrange(len(made)))
                booking.cancel(town, gone.id, actor=gone.rider_id)
            else:
                request, rider = asked(town, draw)
                began = time.monotonic()
                answer = booking.ask(town, request)
                if not answer.offers:
                    continue
                made.append(booking.book(town, answer.offers[0][1], key=request, actor=rider))
                kept.took.append(time.monotonic() - began)
            kept.changes += 1
        except (ServiceError, StoreError):
            kept.faults += 1


@contextmanager
def bookers(town: Town, rate: float) -> Iterator[Traffic]:
    """Let three bookers change the bus while the block lasts, together so many times a second."""
    ended, kept = threading.Event(), Traffic([])
    threads = [threading.Thread(target=book_and_cancel, args=(town, rate / 3, ended, kept, seed)) for seed in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield kept
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@dataclass
class Audit:
    """What snapshots showed: bookings without a ride, and rides without a booking."""

    snapshots: int = 0
    missing: int = 0
    ghosts: int = 0


@contextmanager
def auditing(town: Town) -> Iterator[Audit]:
    """Look at one moment of the records after another while the block lasts."""
    ended, found = threading.Event(), Audit()

    def look() -> None:
        while not ended.wait(0.05):
            with town.store.read() as records:
                aboard = {ride.id for ride in records.get_run("bus").residents}
                booked = {one.ride_id for one in records.list_bookings(run_id="bus", status="booked")}
            found.snapshots += 1
            found.missing += len(booked - aboard)
            found.ghosts += len(aboard - booked)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def optimising(bench: Bench, database: str, town: Town) -> Iterator[Finding]:
    """Re-plan without a pause while people book and cancel; then overwrite instead of rebasing."""
    lasts = 5.0 if bench.short else 60.0
    for rate in (0.9, 6.0):
        audit, traffic, done = _optimise(town, rate, lasts)
        changed, stale = sum(one.changed for one in done), sum(one.stale for one in done)
        share = round(changed / max(1, changed + stale), 3)
        faults = Counter(one.fault for one in done if one.fault)
        broken = len(planning.verify(town)[1])
        held = not (audit.missing or audit.ghosts or broken) and changed > 0 and share >= 0.9
        figure = {
            "changes_a_second": round(traffic.changes / lasts, 1), "solves": len(done), "applied_plans": changed,
            "applied": share, "no_plan": sum(faults.values()), "snapshots": audit.snapshots, "missing": audit.missing,
            "ghosts": audit.ghosts, "promises_broken": broken,
        }  # fmt: skip
        yield Finding(5, f"the optimiser beside {rate} changes a second", held, figure, database)
    rebase = planning.rebase
    planning.rebase = _overwrite
    try:
        audit, _, _ = _optimise(town, 6.0, lasts)
    finally:
        planning.rebase = rebase
    lost = audit.missing + audit.ghosts
    figure = {"missing_or_ghosts": lost, "snapshots": audit.snapshots}
    yield Finding(5, "control: without rebasing, riders are lost", lost > 0, figure, database)


def _optimise(town: Town, rate: float, lasts: float) -> tuple[Audit, Traffic, list[planning.Replanned]]:
    done, draw = list[planning.Replanned](), Random(7)
    with bookers(town, rate) as traffic, auditing(town) as audit:
        until = time.monotonic() + lasts
        while time.monotonic() < until:
            request, _rider = asked(town, draw)
            town.store.commit(lambda door, request=request: _let_wait(door, request))  # type: ignore[misc]
            done.append(planning.replan(town, tomorrow(town), seconds=SOLVE))
            with town.store.read() as records:
                late = [
                    one for one in records.list_bookings(run_id="bus", status="booked") if one.request_id == request
                ]
            for one in late:
                booking.cancel(town, one.id, actor=one.rider_id)
    return audit, traffic, done


def _overwrite(planned: Run, current: Run, wanted: set[str], town: Town) -> Run | None:
    """Do as who knows nothing of what happened meanwhile."""
    return replace(planned, revision=current.revision) if wanted or town else None


def _let_wait(door: Any, request_id: str) -> None:
    row = door.get_request(request_id)
    row.status, row.at_once = "waiting", True
    door.put(row)


# Promise 14

FAULTY = """
import os, signal, time
from webapp import apart
def hang(*_):
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while True:
        sum(range(10**6))
WAYS = {"hang": hang, "kill": lambda *_: os.kill(os.getpid(), signal.SIGKILL), "garbage": lambda *_: os.urandom(10**6)}
apart.serve(WAYS["@"])
"""


@contextmanager
def faulty(bench: Bench, way: str) -> Iterator[None]:
    """Put a search that goes wrong in some way in the place of ours, with a hard limit of the seconds it is told."""
    name, ours, slack = f"search_{way}_{uuid4().hex[:8]}", searching._PROCESS, searching.SLACK
    (bench.folder / f"{name}.py").write_text(FAULTY.replace("@", way), encoding="utf-8")
    sys.path.append(str(bench.folder))
    searching._PROCESS, searching.SLACK = apart.Helper(name, at_once=1), 0.0
    searching.start()
    try:
        yield
    finally:
        searching._PROCESS.end()
        searching._PROCESS, searching.SLACK = ours, slack
        sys.path.remove(str(bench.folder))


def searching_wrongly(bench: Bench, database: str, town: Town) -> Iterator[Finding]:
    """Book while the search is killed, hangs and lies."""
    times, limit = (2 if bench.short else 20), 2 * SOLVE
    for way in ("kill", "hang", "garbage"):
        with faulty(bench, way), bookers(town, 4.0) as traffic:
            took, answers = _search(town, times)
        p99 = _p99(traffic.took)
        refused = all(one.fault for one in answers)
        figure = {
            "searches": times, "refused": sum(bool(one.fault) for one in answers),
            "longest_seconds": round(max(took), 2), "limit_seconds": limit,
            "bookings": len(traffic.took), "booking_p99_seconds": p99,
        }  # fmt: skip
        held = refused and max(took) <= limit + 1 and p99 <= 3 and bool(traffic.took)
        yield Finding(14, f"booking while the search fails: {way}", held, figure, database)
    with faulty(bench, "hang"):
        searching.SLACK = 2.0
        took, _ = _search(town, 1)
    late = max(took) > limit + 1
    yield Finding(14, "control: with a later limit it ends later", late, {"seconds": round(max(took), 2)}, database)


def _search(town: Town, times: int) -> tuple[list[float], list[planning.Replanned]]:
    """Re-plan some times; give the seconds that each search took, from being asked to being over, and the answers."""
    took, answers, draw = list[float](), list[planning.Replanned](), Random(3)
    ask = searching._ask

    def timed(*given: Any) -> Any:
        began = time.monotonic()
        try:
            return ask(*given)
        finally:
            took.append(time.monotonic() - began)

    searching._ask = timed  # type: ignore[assignment]
    try:
        for _ in range(times):
            request, _rider = asked(town, draw)
            town.store.commit(lambda door, request=request: _let_wait(door, request))  # type: ignore[misc]
            answers.append(planning.replan(town, tomorrow(town), seconds=SOLVE))
            time.sleep(0.5)
    finally:
        searching._ask = ask
    return took, answers


def _p99(took: list[float]) -> float:
    if len(took) < 2:
        return round(max(took, default=0.0), 3)
    return round(quantiles(took, n=100, method="inclusive")[-1], 3)


# Promise 6


class Inbox:
    """A mail server of this machine that takes its time, and counts by the name of each message what it got."""

    def __init__(self) -> None:
        self.got: Counter[str] = Counter()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        self.got[str(message_from_bytes(envelope.content or b"")["Message-ID"])] += 1  # type: ignore[arg-type]
        return "250 OK"


def telling(bench: Bench, database: str, town: Town) -> Iterator[Finding]:
    """Kill a worker again and again while it sends; then one that notes a message as sent before it sends it."""
    kills = 3 if bench.short else 12
    for careless in (False, True):
        inbox = Inbox()
        server = Controller(inbox, hostname="127.0.0.1", port=free_port())
        server.start()
        try:
            mailing = replace(town, settings=replace(town.settings, smtp=f"127.0.0.1:{server.port}"))
            told = _tell_through_kills(mailing, kills, inbox.got.total, careless=careless)
        finally:
            server.stop()
        lost, twice = told - len(inbox.got), sum(count - 1 for count in inbox.got.values())
        figure = {"kills": kills, "messages": told, "lost": lost, "sent_twice_under_one_name": twice}
        if careless:
            yield Finding(6, "control: noted before it is sent, mail is lost", lost > 0, figure, database)
        else:
            yield Finding(6, "a worker is killed while it sends", lost == 0, figure, database)


def _tell_through_kills(town: Town, kills: int, sent: Callable[[], int], *, careless: bool) -> int:
    """Tell people things without a pause while workers are killed; give how many, all of them sent by the end."""
    draw, told, ended = Random(1), 0, threading.Event()

    def tell() -> None:
        nonlocal told
        while not ended.wait(0.1):
            email = f"{told}@example.org"
            town.store.commit(lambda door, email=email: messages.tell(door, "unclosed", None, ABOUT, email=email))  # type: ignore[misc]
            told += 1

    teller = threading.Thread(target=tell)
    teller.start()
    for _ in range(kills):
        worker, before = started(town, send_carelessly if careless else send), sent()
        while sent() == before:
            time.sleep(0.01)
        time.sleep(draw.uniform(0.1, 0.4))
        worker.kill()
        worker.join()
    ended.set()
    teller.join()
    worker = started(town, send_carelessly if careless else send)
    while _is_waiting(town):
        time.sleep(0.1)
    worker.terminate()
    worker.join()
    return told


def _is_waiting(town: Town) -> bool:
    with town.store.read() as records:
        return bool(records.list_outbox("waiting"))


def started(town: Town, work: Callable[..., None], *given: Any) -> BaseProcess:
    """Start a process of its own with a store of its own."""
    process = PROCESSES.Process(target=_work, args=(town.settings, work, given))
    process.start()
    return process


def _work(settings: Settings, work: Callable[..., None], given: tuple[Any, ...]) -> None:
    work(open_town(settings), *given)


def send(town: Town) -> None:
    worker = Worker(LiveTown(town), lasts=LEASE)
    while True:
        worker.do("messages")
        time.sleep(0.1)


def send_carelessly(town: Town) -> None:
    """Note each batch as sent, then send it."""
    town.store.commit(lambda door: door.free_messages())
    while True:
        batch = town.store.commit(lambda door: door.claim_messages(messages.BATCH, messages.LEASE))
        for row in batch:
            town.store.commit(lambda door, row=row: door.mark_sent(row.id or 0))  # type: ignore[misc]
        for row in batch:
            with town.store.read() as records:
                post = messages._address(town, records, row)
            messages._carry(town, post, set())
        time.sleep(0.01)


# One worker at a time


def taking_turns(bench: Bench, database: str, town: Town) -> Iterator[Finding]:
    """Let two workers want the same work, kill the one that has it, and see when the other goes on."""
    kills = 2 if bench.short else 20
    for careless in (False, True):
        folder = bench.folder / uuid4().hex
        folder.mkdir()
        waits, twice = _take_turns(town, folder, kills, careless=careless)
        figure = {"kills": kills, "two_at_once": twice, "longest_wait_seconds": round(max(waits), 2), "lease": LEASE}
        if careless:
            yield Finding(14, "control: workers that heed no lease work at once", twice > 0, figure, database)
        else:
            held = twice == 0 and max(waits) <= LEASE + SOONER
            yield Finding(14, "two workers, one at a time, and one is killed", held, figure, database)


def _take_turns(town: Town, folder: Path, kills: int, *, careless: bool) -> tuple[list[float], int]:
    """Give the seconds from each kill to the work of the other, and how often both were at it."""
    waits, said, ready = list[float](), folder / "said", folder / "ready"
    said.touch()
    ready.touch()
    ended = PROCESSES.Event()
    with ExitStack() as after:
        workers = {name: started(town, work_in_turns, folder, name, ended, careless) for name in ("one", "two")}
        after.callback(lambda: _kill(workers))
        for past in range(kills):
            _wait_for_line(ready, 1 + past)
            time.sleep(1)
            holder = _wait_for_line(said, len(said.read_text(encoding="ascii").splitlines()))
            at = len(said.read_text(encoding="ascii").splitlines())
            workers[holder].kill()
            workers[holder].join()
            (folder / "inside").unlink(missing_ok=True)
            began = time.monotonic()
            while holder == _wait_for_line(said, at):
                at += 1
            waits.append(time.monotonic() - began)
            workers[holder] = started(town, work_in_turns, folder, holder, ended, careless)
        ended.set()
        for one in workers.values():
            one.join()
    return waits, said.read_text(encoding="ascii").count("twice")


def _kill(workers: dict[str, BaseProcess]) -> None:
    for one in workers.values():
        one.kill()


def _wait_for_line(said: Path, at: int) -> str:
    """Give the worker that last began to work, once somebody began after so many had."""
    while len(lines := said.read_text(encoding="ascii").splitlines()) <= at:
        time.sleep(0.01)
    return lines[-1].split()[0]


def work_in_turns(town: Town, folder: Path, name: str, ended: Event, careless: bool) -> None:  # noqa: FBT001
    """Do the same work as another one, each piece for longer than it is looked for; say when both are at it."""
    if careless:
        Leases._is_silent = lambda *_: True  # type: ignore[method-assign]
    leases, inside = Leases(town.store, lasts=LEASE), folder / "inside"
    with (folder / "ready").open("a", encoding="ascii") as ready:
        ready.write(f"{name}\n")
    while not ended.is_set():
        with leases.held("trial", "helsinki") as held:
            if held is not None:
                twice = "twice" if inside.exists() else ""
                inside.touch()
                with (folder / "said").open("a", encoding="ascii") as said:
                    said.write(f"{name} {twice}\n")
                time.sleep(0.4)
                inside.unlink(missing_ok=True)
        time.sleep(0.05)
