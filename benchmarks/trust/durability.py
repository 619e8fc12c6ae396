"""Promise 3: what was acknowledged is kept, whenever the site is killed, and nothing is kept by halves.

All processes of the site are killed while residents book and cancel over HTTP; then a booking is killed at each of its
steps. Negative control: a door that commits each write by itself leaves halves behind.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial as partial_of
from typing import Any

from flask import Flask
from sqlalchemy import event, text

from benchmarks.trust import bookers
from benchmarks.trust.bookers import Booker, Told, Wish
from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.site import records_at, serving, settings_of
from webapp.app import create_app
from webapp.db.store import Store
from webapp.live import LiveTown
from webapp.services import booking
from webapp.town import Town, open_town

RIDERS, SEATS_ASKED = 4, 16
KILLS, SHORT_KILLS = 100, 2
SHORT_STEPS = 12
LONGEST_ROUND = 15.0


def run(bench: Bench) -> Iterator[Finding]:
    for database in bench.databases:
        with records_at(bench, database) as url:
            town = open_town(settings_of(bench, url))
            riders = bookers.settle(town, RIDERS)
            yield from killed_at_each_step(bench, database, town, riders)
        with records_at(bench, database) as url:
            town = open_town(settings_of(bench, url))
            riders = bookers.settle(town, RIDERS)
            yield killed_at_any_time(bench, database, town, riders)
            town.store.close()


def killed_at_any_time(bench: Bench, database: str, town: Town, riders: list[str]) -> Finding:
    """Kill the whole site again and again while everybody books."""
    kills = SHORT_KILLS if bench.short else KILLS
    people, chance = [Booker(number) for number in range(RIDERS)], random.Random(3)
    signed_in, figures = False, {"kills": 0, "booked": 0, "cancelled": 0, "unanswered": 0, "lost": 0, "partial": 0}
    figures |= {"answered_otherwise": 0, "faults": 0}
    told = Told()
    for _ in range(kills + 1):  # the last time nobody is killed: what was told before is asked for again
        with serving(town.settings, processes=2, threads=8) as served:
            if not signed_in:
                for person in people:
                    person.sign_in(served.port)
                signed_in = True
            figures["answered_otherwise"] += _ask_again(served.port, people, told)
            if figures["kills"] == kills:
                break
            _empty(town, told)
            told, stop = Told(), threading.Event()
            plans = [bookers.wishes(town, rider, chance.sample(range(bookers.RUNS), SEATS_ASKED)) for rider in riders]
            threads = bookers.rush(served.port, people, plans, told, stop)
            _wait_for(told, chance.randrange(3, 20))
            time.sleep(chance.uniform(0, 0.05))
        stop.set()
        for thread in threads:
            thread.join()
        figures["kills"] += 1
        figures["booked"] += len(told.booked)
        figures["cancelled"] += len(told.cancelled)
        figures["unanswered"] += len(told.unknown)
        figures["lost"] += bookers.lost(town.store, told)
        figures["partial"] += bookers.partial(town)
        figures["faults"] += sum(status >= 500 and status != 503 for status in told.statuses)
        bench.say(f"  {figures['kills']} of {kills} kills ({database})")
    zero = ("lost", "partial", "answered_otherwise", "faults")
    held = not any(figures[name] for name in zero) and figures["booked"] > 0 and _is_sound(town)
    return Finding(3, "the site is killed while people book", held, figures, database)


def _wait_for(told: Told, answers: int) -> None:
    """Wait until so many were told that they are booked, but not for good."""
    until = time.monotonic() + LONGEST_ROUND
    while len(told.booked) < answers and time.monotonic() < until:
        time.sleep(0.005)


def _ask_again(port: int, people: list[Booker], told: Told) -> int:
    """Send every form again; count those that are answered otherwise than before, or not the same twice."""
    wrong = sum(people[number].book(port, wish)[1] != made for made, (wish, number) in told.booked.items())
    for wish, number in told.unknown:
        first, second = (people[number].book(port, wish)[1] for _ in range(2))
        wrong += first != second
        if first:
            told.booked[first] = (wish, number)
            told.tried.add(first)
    return wrong


def _empty(town: Town, told: Told) -> None:
    """Give all seats back, so that the next round finds some."""
    for made in told.booked:
        with town.store.read() as records:
            rider = records.get_booking(made).rider_id
        booking.cancel(town, made, actor=rider)


def _is_sound(town: Town) -> bool:
    if not town.settings.database_url.startswith("sqlite"):
        return True
    with town.store._database.snapshot() as connection:
        return bool(connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok")


# Each step


def killed_at_each_step(bench: Bench, database: str, town: Town, riders: list[str]) -> Iterator[Finding]:
    """Kill a process before, in and after each step of a booking, from the form to the answer."""
    (wish,) = bookers.wishes(town, riders[0], [3])
    site = create_app(town=town)
    site.config["WTF_CSRF_ENABLED"] = False
    browser = site.test_client()
    signed_in = browser.post("/login", data={"email": "rider0@example.org", "password": bookers.PASSWORD})
    before = _rows(town)
    town.store.close()  # a child must not inherit connections
    steps = _steps_of(site, town, browser, wish)
    at = (
        range(len(steps))
        if not bench.short
        else sorted({*range(0, len(steps), 1 + len(steps) // SHORT_STEPS), len(steps) - 1})
    )
    partial = wrong = 0
    for number in at:
        _in_child(partial_of(_book, site, town, browser, wish, die_at=number))
        now = _rows(town)
        done = steps[number] == "committed"
        partial += bookers.partial(town)
        wrong += (now != before) != done
        town.store.close()
    status, made = _again(site, town, browser, wish)
    figures = {"steps": len(steps), "killed_at": len(at), "partial": partial, "visible_too_early_or_lost": wrong}
    held = not partial and not wrong and signed_in.status_code == 302 and status == 302 and "/bookings/" in made
    yield Finding(3, "a booking is killed at its steps", held, figures, database)
    (other,) = bookers.wishes(town, riders[1], [5])
    town.store.close()
    halves = 0
    second = site.test_client()
    second.post("/login", data={"email": "rider1@example.org", "password": bookers.PASSWORD})
    town.store.close()
    middle = [number for number, name in enumerate(steps) if name == "write"]
    for number in middle[len(middle) // 2 :]:
        _in_child(partial_of(_book, site, town, second, other, die_at=number, each_by_itself=True))
        halves = bookers.partial(town)
        town.store.close()
        if halves:
            break
    control = {"halves_found": halves}
    yield Finding(3, "control: each write committed by itself leaves halves", halves > 0, control, database)


def _rows(town: Town) -> tuple[int, int]:
    with town.store.read() as records:
        made = sum(len(records.list_bookings(run_id=run)) for run in records.all_run_ids())
        return made, sum(len(records.history(run)) for run in records.all_run_ids())


def _in_child(work: Callable[[], object]) -> int:
    """Do some work in a process of its own, which may be killed; give how it ended."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _steps_of(site: Flask, town: Town, browser: Any, wish: Wish) -> list[str]:
    """Name the steps of a booking, by a child that undoes it at the end."""
    reading, writing = os.pipe()

    def go() -> None:
        steps = _book(site, town, browser, wish, undo=True)
        os.write(writing, " ".join(steps).encode())

    _in_child(go)
    os.close(writing)
    with os.fdopen(reading) as said:
        return said.read().split()


def _book(
    site: Flask, town: Town, browser: Any, wish: Wish, *, die_at: int = -1, undo: bool = False,
    each_by_itself: bool = False,
) -> list[str]:  # fmt: skip
    """Book by the whole site, on a store of its own whose steps are counted; die at one of them."""
    settings = town.settings
    store = Store(settings.database_url, clock=town.clock, timezone=settings.timezone)
    steps: list[str] = []

    def step(name: str) -> None:
        if die_at == len(steps):
            os.kill(os.getpid(), signal.SIGKILL)
        steps.append(name)

    database, inside = store._database, [False]
    alone = database.alone

    @contextmanager
    def watched(seconds: float, *, locks: bool = True) -> Iterator[Any]:
        step("unlocked")
        with ExitStack() as stack:
            connection = stack.enter_context(alone(seconds, locks=locks))
            inside[0] = True
            step("locked")
            yield connection
            step("uncommitted")
            inside[0] = False
            if undo:
                steps.append("committed")
                raise _Undone
        step("committed")

    def after(connection: Any, _cursor: object, statement: str, *_: object) -> None:
        if not inside[0]:
            return
        wrote = statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE"))
        step("write" if wrote else "read")
        if wrote and each_by_itself:
            driver = connection.connection.dbapi_connection
            driver.commit()
            if settings.database_url.startswith("sqlite"):
                driver.execute("BEGIN IMMEDIATE")

    database.alone = watched  # type: ignore[method-assign]
    event.listen(database.engine, "after_cursor_execute", after)
    site.extensions["noriai"] = LiveTown(replace(town, store=store))
    site.logger.disabled = True
    with suppress(_Undone):
        browser.post(f"/trips/{wish.request}/book", data={"token": wish.token, "key": wish.key})
    return steps


class _Undone(Exception):
    """A booking is not to be kept."""


def _again(site: Flask, town: Town, browser: Any, wish: Wish) -> tuple[int, str]:
    site.extensions["noriai"] = LiveTown(town)
    answer = browser.post(f"/trips/{wish.request}/book", data={"token": wish.token, "key": wish.key})
    town.store.close()
    return answer.status_code, answer.headers.get("Location", "")
