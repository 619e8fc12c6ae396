"""Promise 16: accounts cannot be listed or guessed: equal answers in equal time, and limits that hold."""

import http.client
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlencode
from uuid import uuid4

from argon2 import PasswordHasher
from flask import Flask
from flask_security import forms

from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.site import records_at, serving, settings_of
from webapp.app import create_app
from webapp.config import Settings
from webapp.services import accounts
from webapp.town import open_town

TRIES, SHORT_TRIES = 200, 20
LARGEST_DIFFERENCE = 10
"""Milliseconds, between medians."""
PEOPLE = 100
"""Known accounts: each is tried less often than it may be."""
TOKEN = re.compile(rb'name="csrf_token" value="([^"]+)"')
PER_ACCOUNT, PER_PEER = 10, 100


def careless_app() -> Flask:
    """Build the site without the hash that is reckoned for nobody: the negative control."""
    forms.hash_password = lambda _: ""
    return create_app()


def run(bench: Bench) -> Iterator[Finding]:
    """Try a password and a code for known and unknown addresses, and try more often than is allowed."""
    for database in bench.databases:
        with records_at(bench, database) as url:
            settings = settings_of(bench, url)
            _people(settings)
            said = {"NORIAI_SMTP": "127.0.0.1:1", "NORIAI_PROXIES": "1"}
            with serving(settings, processes=2, threads=4, said=said) as served:
                yield from _equal(bench, database, served.port)
                yield from _limited(database, served.port)
            careless = "benchmarks.trust.identity:careless_app()"
            with serving(settings, processes=1, threads=4, said=said, app=careless) as served:
                tries = SHORT_TRIES if bench.short else TRIES
                known, unknown = _timed(served.port, _password, tries)
                apart = _apart(known, unknown)
                held = apart > LARGEST_DIFFERENCE
                figure = {"tries_each": tries, "median_difference_ms": apart}
                yield Finding(16, "control: no hash is reckoned for nobody", held, figure, database)


def _people(settings: Settings) -> None:
    """Write the known accounts, all with one password: to hash it for each would take long."""
    town = open_town(settings)
    sealed = PasswordHasher().hash(uuid4().hex)
    for number in range(PEOPLE):
        user = accounts.add_user(town, name="Known Testi", role="resident", email=known_address(number))
        user.password = sealed
        town.store.commit(lambda door, user=user: door.put(user))  # type: ignore[misc]
    town.store.close()


@dataclass
class Browser:
    """A browser without scripts behind a network address of its own, which the one proxy in front tells."""

    port: int
    peer: str = field(default_factory=lambda: _address())  # noqa: PLW0108
    cookies: dict[str, str] = field(default_factory=dict)
    status: int = 0
    page: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, said: Mapping[str, str] | None = None) -> float:
        """Send a request; give the milliseconds until its answer was read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"X-Forwarded-For": self.peer, "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        body = urlencode({"csrf_token": self.token, **said}) if said is not None else None
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.connect()
        begun = time.perf_counter()
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        self.page = answer.read()
        taken = 1000 * (time.perf_counter() - begun)
        self.status, self.headers = answer.status, dict(answer.getheaders())
        for name, value in answer.getheaders():
            if name == "Set-Cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        connection.close()
        return taken

    @property
    def token(self) -> str:
        found = TOKEN.search(self.page)
        return unescape(found[1].decode()) if found else ""


Try = Callable[[Browser, str], float]


def _password(browser: Browser, address: str) -> float:
    browser.ask("GET", "/login")
    return browser.ask("POST", "/login", {"email": address, "password": "not the password"})


def _code(browser: Browser, address: str) -> float:
    browser.ask("GET", "/sign-in")
    return browser.ask("POST", "/sign-in", {"address": address})


def _card(browser: Browser, address: str) -> float:
    path = f"/card/{address.encode().hex()[:32]}"
    browser.ask("GET", path)
    return browser.ask("POST", path, {"pin": "2580"})


def _equal(bench: Bench, database: str, port: int) -> Iterator[Finding]:
    tries = SHORT_TRIES if bench.short else TRIES
    for name, attempt in (("password", _password), ("code asked for", _code)):
        known, unknown = _timed(port, attempt, tries)
        alike = _alike(port, attempt)
        apart = _apart(known, unknown)
        figure = {"tries_each": tries, "median_ms": round(statistics.median(known), 1), "median_difference_ms": apart}
        held = alike and apart <= LARGEST_DIFFERENCE
        yield Finding(16, f"{name}: known and unknown", held, {**figure, "same_answers": alike}, database)


def _timed(port: int, attempt: Try, tries: int) -> tuple[list[float], list[float]]:
    """Give the milliseconds of tries for known and unknown addresses, taken in turn; limits are not reached."""
    known, unknown = [], []
    for address in (known_address(number % PEOPLE) for number in range(tries)):
        for taken, said in ((known, address), (unknown, f"{uuid4().hex[:8]}@example.org")):
            browser = Browser(port)
            taken.append(attempt(browser, said))
            if browser.status not in {200, 302, 422}:
                raise RuntimeError(f"{browser.status} for a try that was allowed")
    return known, unknown


def _alike(port: int, attempt: Try) -> bool:
    """Are status and page of one try the same, but for what is drawn by lot and the address that was written?"""
    seen = set()
    for address in (known_address(0), f"{uuid4().hex[:7]}@example.org"):
        browser = Browser(port)
        attempt(browser, address)
        page = TOKEN.sub(b"", browser.page).replace(address.encode(), b"")
        seen.add((browser.status, browser.headers.get("Location"), page))
    return len(seen) == 1


def _limited(database: str, port: int) -> Iterator[Finding]:
    """Count how many tries are heard of one account from many networks, and of one network for many accounts."""
    address = f"{uuid4().hex[:8]}@example.org"
    heard = [_status(Browser(port), _password, address) for _ in range(PER_ACCOUNT + 5)]
    waits = Browser(port)
    _password(waits, address)
    peer = _address()
    many = [_status(Browser(port, peer), _card, uuid4().hex) for _ in range(PER_PEER + 5)]
    figure = {
        "heard_of_an_account": sum(status != 429 for status in heard),
        "heard_of_a_network": sum(status != 429 for status in many),
        "retry_after_s": int(waits.headers.get("Retry-After", 0)),
    }
    within = figure["heard_of_an_account"] <= PER_ACCOUNT and figure["heard_of_a_network"] <= PER_PEER
    held = within and figure["heard_of_an_account"] > 0 and 0 < figure["retry_after_s"] <= 900
    yield Finding(16, "limits of account and network", held, figure, database)


def _status(browser: Browser, attempt: Try, address: str) -> int:
    attempt(browser, address)
    return browser.status


def known_address(number: int) -> str:
    return f"known-{number}@example.org"


def _apart(known: list[float], unknown: list[float]) -> float:
    return round(abs(statistics.median(known) - statistics.median(unknown)), 1)


def _address() -> str:
    """Draw a network address that nobody has."""
    drawn = uuid4().int
    return f"10.{drawn % 256}.{drawn // 256 % 256}.{drawn // 65536 % 256}"
