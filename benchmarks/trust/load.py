"""Promises 1, 4 and 13 under load, over HTTP: seats sold once, one tap one booking, and a clear "busy" in time.

A booking is measured as two waits of its resident: for the page of offers (`GET .../offers`, a search of the day), and
for the confirmation (`POST .../book`, until the redirect to the booking). All questions were answered before, sessions
were signed before; each resident books once. Clients, auditor and database share the machine with the server.
"""

import asyncio
import re
import sqlite3
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from random import Random
from statistics import quantiles

import psycopg
from sqlalchemy import make_url

from benchmarks.trust import market
from benchmarks.trust.audit import Audit, Ledger, replay, summed, watched
from benchmarks.trust.clients import Answer, Browser
from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.market import Seeker
from benchmarks.trust.site import Served, records_at, serving, settings_of

BOOKERS, RUNS, SEATS = 64, 40, 16
ROUND, ROUNDS, ROUNDS_A_TOWN = 10.0, 30, 10
SHORT_ROUND = 4.0
COACH = 60
"""Seats of the one run that everybody wants."""
MOST_P99, LEAST_RATE, LEAST_HOT_RATE = 1.5, 40.0, 15.0
TAPS, KEYS = 8, 150
RIVALS, ROUNDS_OF_RIVALS = 50, 20
LONGEST_WAIT, IN_TIME = 5.0, 3.5
"""Seconds within which every booker has an answer, and a busy site says so: its 3 seconds and the way there."""
STALL, CROWD = 10.0, 200
_TOKEN = re.compile(rb'name="token" value="([^"]+)"')
_CSRF = re.compile(rb'name="csrf_token" value="([^"]+)"')
_BOOKED, _TAKEN, _BUSY = 302, 409, 503
Figure = dict[str, float | int | str | bool]


@dataclass(slots=True)
class Tally:
    """Every answer of a trial by what was asked and its status: the seconds it took, and busy ones without a time."""

    waits: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    untimed: int = 0

    def note(self, what: str, answer: Answer) -> Answer:
        self.waits[what, answer.status].append(answer.seconds)
        self.untimed += answer.status == _BUSY and not answer.header("Retry-After")
        return answer

    def count(self, what: str, *statuses: int) -> int:
        return sum(len(waits) for (asked, status), waits in self.waits.items() if asked == what and status in statuses)

    def of_status(self, wrong: Callable[[int], bool]) -> int:
        return sum(len(waits) for (_, status), waits in self.waits.items() if wrong(status))

    @property
    def faults(self) -> int:
        """Answers that nobody may get: none, or 500 and above but 503 with the time to try again."""
        return self.of_status(lambda status: status == 0 or (status >= 500 and status != _BUSY)) + self.untimed

    def p99(self, what: str) -> float:
        """Give the seconds that 99 of 100 waited for something, whatever the answer was."""
        waits = [one for (asked, _), some in self.waits.items() if asked == what for one in some]
        return round(quantiles(waits, n=100, method="inclusive")[98], 3) if len(waits) > 1 else 0.0

    def p50(self, what: str) -> float:
        waits = [one for (asked, _), some in self.waits.items() if asked == what for one in some]
        return round(quantiles(waits, n=2, method="inclusive")[0], 3) if len(waits) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What an offers page holds: a token for each offer, and what a form on it must send back."""

    tokens: list[str]
    csrf: str


def run(bench: Bench) -> Iterator[Finding]:
    """Try all of it on each database."""
    for database in bench.databases:
        yield from _sales(bench, database)
        with records_at(bench, database) as url:
            settings = settings_of(bench, url)
            days = [market.day_after(settings, ahead) for ahead in range(1, 7)]
            wanted = _Wanted(bench, database, url)
            crowds = {
                "hot": market.settle(settings, days[0], runs=1, seats=COACH, seekers=1000),
                "last": market.settle(settings, days[1], runs=1, seats=3, seekers=BOOKERS),
                "taps": market.settle(settings, days[2], runs=RUNS, seats=SEATS, seekers=2 * wanted.keys + BOOKERS),
                "fair": market.settle(settings, days[3], runs=RUNS, seats=4, seekers=RIVALS * wanted.fair_rounds),
                "race": market.settle(settings, days[4], runs=8, seats=3, seekers=9 * wanted.races),
                "stall": market.settle(settings, days[5], runs=1, seats=COACH, seekers=CROWD + 20),
            }
            with serving(settings) as served:
                _wake(served, crowds["taps"][-BOOKERS:])
                yield _hot(wanted, served, crowds["hot"], days[0])
                yield _last_seat(wanted, served, crowds["last"], days[1])
                yield _equal_keys(wanted, served, crowds["taps"][:-BOOKERS], days[2])
                yield _other_body(wanted, served, crowds["taps"][-BOOKERS:])
                yield _fair(wanted, served, crowds["fair"], days[3])
                yield _cancel_and_book(wanted, served, crowds["race"], days[4])
                yield _stalled(wanted, served, crowds["stall"], days[5])
        yield from _control(bench, database)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """How much of everything a trial does, and where."""

    bench: Bench
    database: str
    url: str

    @property
    def keys(self) -> int:
        return 20 if self.bench.short else KEYS

    @property
    def fair_rounds(self) -> int:
        return 2 if self.bench.short else ROUNDS_OF_RIVALS

    @property
    def races(self) -> int:
        return 5 if self.bench.short else 40

    @property
    def seconds(self) -> float:
        return SHORT_ROUND if self.bench.short else ROUND

    def found(self, promise: int, trial: str, held: bool, figure: Figure) -> Finding:  # noqa: FBT001
        return Finding(promise, trial, held, figure, self.database)


# Seats are sold once


def _sales(bench: Bench, database: str) -> Iterator[Finding]:
    """Let bookers buy up a day of forty runs, day after day, and count what they were told and what was sold."""
    rounds, seconds = (1, SHORT_ROUND) if bench.short else (ROUNDS, ROUND)
    tally, audits, rates = Tally(), list[Audit](), list[float]()
    for first in range(0, rounds, ROUNDS_A_TOWN):
        with records_at(bench, database) as url:
            settings = settings_of(bench, url)
            days = [market.day_after(settings, 1 + k) for k in range(min(rounds - first, ROUNDS_A_TOWN))]
            crowd = round(seconds * 100)
            seekers = {day: market.settle(settings, day, runs=RUNS, seats=SEATS, seekers=crowd) for day in days}
            idle = market.settle(settings, market.day_after(settings, 12), runs=RUNS, seats=SEATS, seekers=BOOKERS)
            with serving(settings) as served:
                _wake(served, idle)
                for day in days:
                    sold, found = _round(served, url, seekers[day], day, (seconds, tally))
                    rates.append(sold)
                    audits.append(found)
    found, rate = summed(audits), sum(rates) / len(rates)
    confirmed = tally.count("book", _BOOKED)
    held = found.sound and not tally.faults and rate >= LEAST_RATE and tally.p99("book") <= MOST_P99
    figure: Figure = {
        "bookers": BOOKERS, "runs": RUNS, "rounds": rounds, "confirmed": confirmed,
        "cancelled": tally.count("cancel", _BOOKED), "taken_by_others": tally.count("book", _TAKEN),
        "confirmed_per_second": round(rate, 1), "p50_confirm_s": tally.p50("book"), "p99_confirm_s": tally.p99("book"),
        "p99_offers_s": tally.p99("offers"), "busy": tally.of_status(lambda status: status == _BUSY),
        "faults": tally.faults, "overbooked": found.overbooked, "ghosts": found.ghosts, "missing": found.missing,
        "gaps": found.gaps, "looks": found.looks, "plans_replayed": found.plans,
    }  # fmt: skip
    yield Finding(1, "seats are sold once", held, figure, database)


def _round(
    served: Served, url: str, seekers: Sequence[Seeker], day: date, wanted: tuple[float, Tally]
) -> tuple[float, Audit]:
    """Sell for some seconds; give the confirmations per second and what the auditor found."""
    seconds, tally = wanted
    before = tally.count("book", _BOOKED)
    with watched(url, day.isoformat()) as audits:
        began = time.monotonic()
        shares = market.shares(seekers, BOOKERS)
        asyncio.run(_all(_buy(served.port, share, began + seconds, (tally, Random(k)))
                         for k, share in enumerate(shares)))  # fmt: skip
        lasted = time.monotonic() - began
    return (tally.count("book", _BOOKED) - before) / lasted, audits[0]


async def _all(work: Iterator[Awaitable[None]]) -> None:
    await asyncio.gather(*work)


async def _buy(
    port: int, share: Sequence[Seeker], until: float, how: tuple[Tally, Random], cancel: float = 0.2
) -> None:
    """Act for one resident after the other: look, choose, confirm, and sometimes think better of it."""
    tally, random = how
    browser = Browser(port)
    for seeker in share:
        if time.monotonic() > until:
            break
        shown = _shown(tally.note("offers", await browser.get(f"/trips/{seeker.request}/offers", seeker.cookie)))
        answer = await _choose(browser, seeker, shown, how) if shown.tokens else None
        if answer and answer.status == _BOOKED and random.random() < cancel:
            await _give_back(browser, seeker, answer, shown, tally)
    browser.close()


async def _choose(browser: Browser, seeker: Seeker, shown: Shown, how: tuple[Tally, Random]) -> Answer:
    """Confirm one of the offers that are shown; where it was taken meanwhile, one of those that are shown instead."""
    tally, random = how
    while True:
        token = random.choice(shown.tokens)
        answer = tally.note("book", await _confirm(browser, seeker, token, shown.csrf))
        shown = _shown(answer)
        if answer.status != _TAKEN or not shown.tokens:
            return answer


async def _confirm(browser: Browser, seeker: Seeker, token: str, csrf: str, key: str = "") -> Answer:
    form = {"csrf_token": csrf, "token": token, "key": key or f"key-{seeker.request}"}
    return await browser.post(f"/trips/{seeker.request}/book", seeker.cookie, form)


async def _give_back(browser: Browser, seeker: Seeker, booked: Answer, shown: Shown, tally: Tally) -> Answer:
    path = booked.header("Location") + "/cancel"
    return tally.note("cancel", await browser.post(path, seeker.cookie, {"csrf_token": shown.csrf}))


def _shown(page: Answer) -> Shown:
    csrf = _CSRF.search(page.body)
    return Shown([token.decode() for token in _TOKEN.findall(page.body)], csrf[1].decode() if csrf else "")


async def _look(port: int, seekers: Sequence[Seeker]) -> list[Shown]:
    """Show everybody their offers, a few at a time."""
    turns = asyncio.Semaphore(8)

    async def look(seeker: Seeker) -> Shown:
        async with turns:
            browser = Browser(port)
            page = await browser.get(f"/trips/{seeker.request}/offers", seeker.cookie)
            browser.close()
            return _shown(page)

    return list(await asyncio.gather(*map(look, seekers)))


def _wake(served: Served, seekers: Sequence[Seeker]) -> None:
    """Let every process answer once before anything is measured."""
    asyncio.run(_look(served.port, seekers))


def _hot(wanted: _Wanted, served: Served, seekers: Sequence[Seeker], day: date) -> Finding:
    """Let everybody want the same run; half of them give their seat back, so that it is never simply full."""
    tally, seconds = Tally(), wanted.seconds
    with watched(wanted.url, day.isoformat()) as audits:
        began = time.monotonic()
        shares = market.shares(seekers, BOOKERS)
        asyncio.run(_all(_buy(served.port, share, began + seconds, (tally, Random(k)), 0.5)
                         for k, share in enumerate(shares)))  # fmt: skip
        lasted = time.monotonic() - began
    rate = tally.count("book", _BOOKED) / lasted
    held = rate >= LEAST_HOT_RATE and not tally.faults and audits[0].sound
    return wanted.found(1, "one run that all want", held, {
        "bookers": BOOKERS, "confirmed": tally.count("book", _BOOKED), "confirmed_per_second": round(rate, 1),
        "p99_confirm_s": tally.p99("book"), "busy": tally.of_status(lambda status: status == _BUSY),
        "faults": tally.faults, "overbooked": audits[0].overbooked, "gaps": audits[0].gaps,
    })  # fmt: skip


def _last_seat(wanted: _Wanted, served: Served, seekers: Sequence[Seeker], day: date) -> Finding:
    """Show one run with a single free seat to all, and let all confirm in the same moment."""
    alone = [seeker for seeker in seekers if seeker.alone]
    tally = Tally()

    async def rush() -> None:
        shown = await _look(served.port, alone)
        there = [(seeker, page) for seeker, page in zip(alone, shown, strict=True) if page.tokens]
        browsers = [Browser(served.port) for _ in there]
        answers = await asyncio.gather(*(_confirm(browser, seeker, page.tokens[0], page.csrf)
                                         for browser, (seeker, page) in zip(browsers, there, strict=True)))  # fmt: skip
        for answer in answers:
            tally.note("book", answer)

    asyncio.run(rush())
    sold, told = tally.count("book", _BOOKED), tally.count("book", _TAKEN)
    audit = _replayed(wanted.url, day)
    slowest = max((max(waits) for waits in tally.waits.values()), default=0.0)
    held = audit.sound and not tally.faults and sold >= 1 and slowest <= IN_TIME
    return wanted.found(1, "the last seats of one run", held, {
        "bookers": sold + told + tally.count("book", _BUSY), "sold": sold, "refused_with_other_offers": told,
        "busy": tally.count("book", _BUSY), "faults": tally.faults, "overbooked": audit.overbooked,
        "slowest_answer_s": round(slowest, 2),
    })  # fmt: skip


def _replayed(url: str, day: date) -> Audit:
    with closing(Ledger(url)) as ledger:
        return replay(ledger, day.isoformat())


# One tap, one booking


def _equal_keys(wanted: _Wanted, served: Served, seekers: Sequence[Seeker], day: date) -> Finding:
    """Send each confirmation eight times at once, each time on another connection."""
    rest, places, tally = [*seekers], list[str](), Tally()

    async def tap() -> int:
        differ, browsers = 0, [Browser(served.port) for _ in range(TAPS)]
        for _ in range(wanted.keys):
            page, seeker = await _another(served.port, rest)
            answers = await asyncio.gather(*(_confirm(one, seeker, page.tokens[0], page.csrf) for one in browsers))
            said = {(tally.note("book", one).status, one.header("Location")) for one in answers}
            differ += len(said) != 1
            places.extend(sorted(where for status, where in said if status == _BOOKED))
        return differ

    differing = asyncio.run(tap())
    audit = _replayed(wanted.url, day)
    made = _booked_on(wanted.url, day)
    held = made == wanted.keys == len(set(places)) and not differing and not tally.faults and audit.sound
    return wanted.found(4, "one tap, one booking", held, {
        "equal_taps": TAPS, "rounds": wanted.keys, "bookings": made, "differing_answers": differing,
        "faults": tally.faults, "messages_missing_or_doubled": audit.gaps,
    })  # fmt: skip


async def _another(port: int, rest: list[Seeker]) -> tuple[Shown, Seeker]:
    """Give the next resident for whom a seat is free."""
    while True:
        seeker = rest.pop()
        page = (await _look(port, [seeker]))[0]
        if page.tokens:
            return page, seeker


def _booked_on(url: str, day: date) -> int:
    with closing(Ledger(url)) as ledger:
        return int(ledger.read(day.isoformat(), "SELECT count(*) FROM booking WHERE service_date = '{day}'")[0][0][0])


def _other_body(wanted: _Wanted, served: Served, seekers: Sequence[Seeker]) -> Finding:
    """Send another offer under a key that has booked one."""
    statuses: list[int] = []

    async def reuse() -> None:
        browser = Browser(served.port)
        rest = [*seekers]
        for _ in range(min(5, wanted.keys // 4)):
            page, seeker = await _another(served.port, rest)
            while len(page.tokens) < 2:
                page, seeker = await _another(served.port, rest)
            statuses.extend([(await _confirm(browser, seeker, one, page.csrf)).status for one in page.tokens[:2]])

    asyncio.run(reuse())
    refused = statuses[1::2].count(422)
    held = refused == len(statuses) // 2 and set(statuses[::2]) == {_BOOKED}
    return wanted.found(
        4, "another body under the same key", held, {"tried": len(statuses) // 2, "refused_422": refused}
    )


# Nobody starves, nobody waits for nothing


def _fair(wanted: _Wanted, served: Served, seekers: Sequence[Seeker], day: date) -> Finding:
    """Let fifty equal bookers go for a few seats at once, each until they have one or are told that none is left."""
    tally, longest = Tally(), list[float]()

    async def want(seeker: Seeker, shown: Shown, seed: int) -> None:
        browser, random, began = Browser(served.port), Random(seed), time.monotonic()
        while shown.tokens:
            answer = tally.note("book", await _confirm(browser, seeker, random.choice(shown.tokens), shown.csrf))
            if answer.status == _BUSY:
                await asyncio.sleep(float(answer.header("Retry-After") or 0))
                continue
            shown = _shown(answer) if answer.status == _TAKEN else Shown([], "")
        longest.append(time.monotonic() - began)
        browser.close()

    async def compete() -> None:
        for first in range(0, len(seekers), RIVALS):
            rivals = seekers[first : first + RIVALS]
            pages = await _look(served.port, rivals)
            await asyncio.gather(*(want(one, page, k) for k, (one, page) in enumerate(zip(rivals, pages, strict=True))))

    asyncio.run(compete())
    audit = _replayed(wanted.url, day)
    held = max(longest) <= LONGEST_WAIT and not tally.faults and audit.sound
    return wanted.found(1, "no booker starves", held, {
        "bookers": RIVALS, "rounds": len(seekers) // RIVALS, "longest_wait_s": round(max(longest), 2),
        "confirmed": tally.count("book", _BOOKED), "taken_by_others": tally.count("book", _TAKEN),
        "busy": tally.count("book", _BUSY), "faults": tally.faults, "overbooked": audit.overbooked,
    })  # fmt: skip


def _cancel_and_book(wanted: _Wanted, served: Served, seekers: Sequence[Seeker], day: date) -> Finding:
    """Let one cancel, twice, while eight confirm: whatever comes first, no seat has two riders and none is lost."""
    tally = Tally()

    async def race() -> None:
        for first in range(0, len(seekers), 9):
            pages = await _look(served.port, seekers[first : first + 9])
            there = [pair for pair in zip(seekers[first : first + 9], pages, strict=True) if pair[1].tokens]
            if not there:
                continue
            (owner, page), *others = there
            browsers = [Browser(served.port) for _ in range(len(others) + 2)]
            mine = tally.note("book", await _confirm(browsers[0], owner, page.tokens[0], page.csrf))
            if mine.status != _BOOKED:
                continue
            await asyncio.gather(
                *(_give_back(browser, owner, mine, page, tally) for browser in browsers[:2]),
                *(_noted(tally, _confirm(browser, other, shown.tokens[0], shown.csrf))
                  for browser, (other, shown) in zip(browsers[2:], others, strict=True)),
            )  # fmt: skip

    asyncio.run(race())
    audit = _replayed(wanted.url, day)
    given = tally.count("cancel", _BOOKED)
    held = audit.sound and not tally.faults and given == tally.of_status(lambda _: True) - _asked(tally, "book")
    return wanted.found(1, "cancel and book at once", held, {
        "races": len(seekers) // 9, "cancels_sent": given, "confirmed": tally.count("book", _BOOKED),
        "taken_by_others": tally.count("book", _TAKEN), "faults": tally.faults, "overbooked": audit.overbooked,
        "messages_missing_or_doubled": audit.gaps,
    })  # fmt: skip


async def _noted(tally: Tally, asked: Awaitable[Answer]) -> None:
    tally.note("book", await asked)


def _asked(tally: Tally, what: str) -> int:
    return sum(len(waits) for (asked, _), waits in tally.waits.items() if asked == what)


def _stalled(wanted: _Wanted, served: Served, seekers: Sequence[Seeker], day: date) -> Finding:
    """Hold the lock of a run for ten seconds while two hundred confirm a seat on it; then let one more book."""
    crowd, late = seekers[:CROWD], seekers[CROWD:]
    tally, seconds = Tally(), (4.0 if wanted.bench.short else STALL)
    pages = asyncio.run(_look(served.port, seekers))
    there = [pair for pair in zip(crowd, pages, strict=False) if pair[1].tokens]

    async def wait() -> None:
        browsers = [Browser(served.port) for _ in there]
        asked = [_noted(tally, _confirm(one, seeker, page.tokens[0], page.csrf))
                 for one, (seeker, page) in zip(browsers, there, strict=True)]  # fmt: skip
        reader = asyncio.create_task(_read_meanwhile(served.port, crowd[0], tally, seconds))
        await asyncio.gather(*asked)
        await reader

    with _holding(wanted.url, f"{day.isoformat()}-0"):
        began = time.monotonic()
        asyncio.run(wait())
        time.sleep(max(0.0, seconds - (time.monotonic() - began)))
    after = time.monotonic()
    again = Tally()
    asyncio.run(_buy(served.port, late, after + LONGEST_WAIT, (again, Random(0)), 0.0))
    slowest = max((max(waits) for (asked, _), waits in tally.waits.items() if asked == "book"), default=0.0)
    recovered = again.count("book", _BOOKED)
    busy = tally.count("book", _BUSY)
    held = slowest <= IN_TIME and not tally.faults and busy == len(there) and recovered > 0 and not again.faults
    return wanted.found(13, "a lock that is held for long", held, {
        "held_s": seconds, "waiting": len(there), "busy_503": busy, "slowest_answer_s": round(slowest, 2),
        "faults": tally.faults, "p99_other_page_s": tally.p99("page"), "booked_afterwards": recovered,
        "p99_confirm_afterwards_s": again.p99("book"),
    })  # fmt: skip


async def _read_meanwhile(port: int, seeker: Seeker, tally: Tally, seconds: float) -> None:
    """Ask for a page that writes nothing, ten times a second."""
    browser, until = Browser(port), time.monotonic() + min(seconds, 3.0)
    while time.monotonic() < until:
        tally.note("page", await browser.get("/weekly", seeker.cookie))
        await asyncio.sleep(0.1)


@contextmanager
def _holding(url: str, run_id: str) -> Iterator[None]:
    """Hold what a booking on a run must have: its row, or in SQLite the right to write."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(address.database), isolation_level=None)) as held:
            held.execute("BEGIN IMMEDIATE")
            yield
            held.execute("ROLLBACK")
        return
    plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        connection.execute("SELECT id FROM run WHERE id = %s FOR UPDATE", (run_id,))
        yield
        connection.rollback()


# Without the locks


def _control(bench: Bench, database: str) -> Iterator[Finding]:
    """Take the locks away: the same bookers must then see it go wrong, or this trial could see nothing."""
    with records_at(bench, database) as url:
        settings, tally = settings_of(bench, url), Tally()
        day = market.day_after(settings)
        seekers = market.settle(settings, day, runs=2, seats=SEATS, seekers=400)
        with serving(settings, app="benchmarks.trust.controls:create_unlocked()") as served:
            _wake(served, seekers[-8:])
            _, audit = _round(served, url, seekers[:-8], day, (SHORT_ROUND, tally))
    wrong = tally.faults + audit.overbooked + audit.gaps + audit.ghosts + audit.missing
    yield Finding(1, "without locks it goes wrong", wrong > 0, {
        "faults": tally.faults, "overbooked": audit.overbooked, "gaps": audit.gaps, "ghosts": audit.ghosts,
        "missing": audit.missing, "confirmed": tally.count("book", _BOOKED),
    }, database)  # fmt: skip
