"""Residents who book and cancel over HTTP, note what they were told, and records compared with that."""

import http.client
import random
import re
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from urllib.parse import urlencode

from argon2 import PasswordHasher
from sqlmodel import select

from matching.model import Capacity, Load, Ride, Run, Stop, Window
from routing.times import Place
from webapp.db import tables
from webapp.db.store import Door, RunHead, Store
from webapp.services import accounts, booking, planning
from webapp.town import Town

PLACES = (
    Place(60.174151, 24.951375),
    Place(60.171366, 24.943045),
    Place(60.168207, 24.947299),
    Place(60.167146, 24.938253),
)
PASSWORD = "noriai-trust"  # noqa: S105
MINUTE = 60
FIRST, HEADWAY, RUNS = 7 * 3600, 40 * MINUTE, 18
PATIENCE = 20.0
CANCELS = 0.4
"""Share of bookings that are given back at once."""


@dataclass(frozen=True, slots=True)
class Wish:
    """An offer that a rider may book: the request, the signed offer, and the key of the form."""

    request: str
    token: str
    key: str = field(default_factory=lambda: secrets.token_urlsafe(12))


@dataclass(slots=True)
class Told:
    """What riders were told. statuses: answers other than the expected ones; slowest: seconds of any answer."""

    booked: dict[str, tuple[Wish, int]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    tried: set[str] = field(default_factory=set)
    unknown: list[tuple[Wish, int]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    slowest: float = 0.0
    first_good: float = 0.0


def settle(town: Town, riders: int) -> list[str]:
    """Write a day of runs and some residents who can sign in; give their ids."""
    accounts.add_operator(town, code="school", name="Example School", kind="school")
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    found = []
    for number in range(riders):
        user = accounts.add_user(
            town, name=f"Rider {number}", role="resident", email=f"rider{number}@example.org", groups=["registered"]
        )
        user.password = hashed
        _put(town, user)
        found.append(user.id)

    def publish(door: Door) -> None:
        labels = {f"s{at}": (f"Stop {at}", False) for at in range(len(PLACES))}
        for number in range(RUNS):
            run = _run(town, number)
            door.keep(run, cause="published", labels=labels, head=RunHead(run.id), as_published=True)

    town.store.commit(publish, times=town.roads)
    return found


def _put(town: Town, user: tables.User) -> None:
    town.store.commit(lambda door: door.put(user))


def day_of(town: Town) -> date:
    return town.today() + timedelta(days=2)


def _run(town: Town, number: int) -> Run:
    begins = FIRST + number * HEADWAY
    stops = tuple(
        Stop(
            f"s{at}", place, Window(begins + at * 6 * MINUTE, begins + at * 6 * MINUTE + 10 * MINUTE),
            sequence=at, planned=begins + at * 6 * MINUTE, residents=True,
        )
        for at, place in enumerate(PLACES)
    )  # fmt: skip
    own = Ride("own", "s0", f"s{len(PLACES) - 1}", Load(2), max_ride=45 * MINUTE, committed=True, dwell=30)
    return Run(
        f"run-{number}", day_of(town).isoformat(), "school", f"B{number}", Capacity.of(16), stops=stops, rides=(own,),
        policy=replace(town.policy, max_extra=5 * MINUTE),
    )  # fmt: skip


def wishes(town: Town, rider: str, slots: Iterable[int]) -> list[Wish]:
    """Ask for a seat on some runs; give the offers."""
    found = []
    for slot in slots:
        row = booking.start(town, rider, actor=rider)
        for end, place in (("origin", PLACES[0]), ("destination", PLACES[2])):
            booking.answer_place(town, row.id, end=end, label=end, place=place)
        booking.answer_when(town, row.id, day=day_of(town), depart=FIRST + slot * HEADWAY - 5 * MINUTE)
        booking.answer_who(town, row.id, people=1, wheelchairs=0, max_walk=300)
        told = booking.ask(town, row.id)
        if told.offers:
            found.append(Wish(row.id, told.offers[0][1]))
    return found


class Booker:
    """One resident at a browser of their own; signed in once, since a session outlives the server."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.cookie = ""
        self.csrf = ""

    def sign_in(self, port: int) -> None:
        self._note(self.ask(port, "GET", "/login"))
        form = {"email": f"rider{self.number}@example.org", "password": PASSWORD, "csrf_token": self.csrf}
        answer = self.ask(port, "POST", "/login", form)
        if answer[0] != 302:
            raise RuntimeError(f"nobody could sign in: {answer[0]}")
        self._note(self.ask(port, "GET", "/trips"))

    def _note(self, answer: tuple[int, str, str]) -> None:
        found = re.search(r'name="csrf_token" value="([^"]+)"', answer[2])
        self.csrf = found[1] if found else self.csrf

    def ask(self, port: int, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Give status, Location and body of an answer. Raises OSError and http.client.HTTPException."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            headers = {"Cookie": self.cookie, "Content-Type": "application/x-www-form-urlencoded"}
            connection.request(method, path, urlencode(form or {}) if form else None, headers)
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace")
            said = answer.getheader("Set-Cookie")
            self.cookie = said.split(";")[0] if said else self.cookie
            return answer.status, answer.getheader("Location") or "", body
        finally:
            connection.close()

    def book(self, port: int, wish: Wish) -> tuple[int, str]:
        """Send the form that books; give the status, and the booking's id where there is one."""
        form = {"csrf_token": self.csrf, "token": wish.token, "key": wish.key}
        status, where, _ = self.ask(port, "POST", f"/trips/{wish.request}/book", form)
        made = where.rsplit("/", 1)[-1] if status == 302 and "/bookings/" in where else ""
        return status, made

    def cancel(self, port: int, made: str) -> int:
        return self.ask(port, "POST", f"/bookings/{made}/cancel", {"csrf_token": self.csrf})[0]


def rush(
    port: int, bookers: Sequence[Booker], plans: Sequence[Sequence[Wish]], told: Told, stop: threading.Event
) -> list[threading.Thread]:
    """Let everybody book and cancel until there is nothing left, the server is gone, or `stop` is set."""
    threads = [
        threading.Thread(target=_go, args=(port, booker, plan, told, stop), daemon=True)
        for booker, plan in zip(bookers, plans, strict=True)
    ]
    for thread in threads:
        thread.start()
    return threads


def _go(port: int, booker: Booker, plan: Sequence[Wish], told: Told, stop: threading.Event) -> None:
    chance = random.Random(plan[0].key if plan else 0)
    for wish in plan:
        if stop.is_set():
            return
        began = time.monotonic()
        try:
            status, made = booker.book(port, wish)
        except (OSError, http.client.HTTPException):
            told.unknown.append((wish, booker.number))
            continue
        told.slowest = max(told.slowest, time.monotonic() - began)
        if not made:
            told.statuses.append(status)
            told.unknown.append((wish, booker.number))
            continue
        told.booked[made] = (wish, booker.number)
        if chance.random() < CANCELS:
            told.tried.add(made)
            try:
                status = booker.cancel(port, made)
            except (OSError, http.client.HTTPException):
                continue
            if status == 302:
                told.cancelled.add(made)
            else:
                told.statuses.append(status)


def lost(store: Store, told: Told) -> int:
    """Count bookings and cancellations that were told and that the records do not know."""
    gone = 0
    with store.read() as records:
        for made in told.booked:
            row = records._session.get(tables.Booking, made)
            if row is None:
                gone += 1
            elif made in told.cancelled:
                gone += row.status == "booked"
            elif made not in told.tried:
                gone += row.status != "booked"
    return gone


def partial(town: Town) -> int:
    """Count what is there by halves: plans unlike bookings, gaps in histories, bookings without a message."""
    faults = len(planning.verify(town)[1])
    with town.store.read() as records:
        for run in records.all_run_ids():
            numbers = [entry.number for entry in records.history(run)]
            faults += numbers != [*range(len(numbers))]
        told = {message.facts.get("booking") for message in records._session.exec(select(tables.Outbox)).all()}
        rows = records._session.exec(select(tables.Booking)).all()
        faults += sum(row.id not in told for row in rows)
        faults += len(rows) - len({(row.rider_id, row.key) for row in rows})
    return faults
