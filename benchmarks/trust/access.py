"""Everybody tries, over HTTP, to open all that is not theirs; rights that end, end on the pages that are open.

Two operators, two families and two of all that they own (`crossing`): each page by each role, each name in path, query
and form swapped for a foreign one that is there. All rows of all tables are compared before and after.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from flask import Flask

from benchmarks.trust import crossing
from benchmarks.trust.crossing import Answer, Browser, Ground
from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.site import Served, records_at, serving, settings_of
from webapp.app import create_app
from webapp.services import rights
from webapp.town import Town, open_town
from webapp.views import guard

PATIENCE = 60
LIMIT = 60.0
"""Seconds after which nothing may be open any more."""
UNGUARDED = ("neighbour", "driver-south")
"""Of those whose rights did not end before."""
FEWEST_LEAKS = 10
"""What the negative control must find at least."""


class Remote:
    """A browser at a site that is served."""

    def __init__(self, served: Served) -> None:
        self._session, self._site = requests.Session(), f"http://127.0.0.1:{served.port}"

    def send(
        self, method: str, path: str, data: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        answer = self._session.request(
            method, f"{self._site}{path}", data=data, headers=headers, allow_redirects=False, timeout=PATIENCE
        )
        shown = answer.text if answer.headers.get("Content-Type", "").startswith("text/") else ""
        return Answer(answer.status_code, shown, answer.headers.get("Location", ""))


class InProcess:
    """A browser at a site in this process, whose guard can be taken away."""

    def __init__(self, site: Flask) -> None:
        self._client = site.test_client()

    def send(
        self, method: str, path: str, data: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        answer = self._client.open(path, method=method, data=data, headers=headers)
        shown = answer.text if answer.mimetype.startswith("text/") else ""
        return Answer(answer.status_code, shown, answer.location or "")


def run(bench: Bench) -> Iterator[Finding]:
    """Try it on each database."""
    for database in bench.databases:
        with records_at(bench, database) as url:
            settings = settings_of(bench, url)
            town = open_town(settings)
            ground = Ground(create_app(town=town), crossing.settle(town))
            with serving(settings) as served:
                yield from _tried(bench, ground, served, town, database)
            yield _without_guard(ground, town, database)
            town.store.close()


def _tried(bench: Bench, ground: Ground, served: Served, town: Town, database: str) -> Iterator[Finding]:
    url = town.settings.database_url
    browsers = {who: crossing.sign_in(Remote(served), who, ground.things) for who in crossing.ROLES}
    found = crossing.try_all(ground, browsers, url, short=bench.short)
    for fault in (*found.leaks, *found.untried):
        bench.say(f"    {fault}")
    closed = crossing.open_own(ground, browsers)
    figure = {"attempts": found.attempts, "pages": found.routes, "roles": len(browsers), "leaks": len(found.leaks)}
    held = not (found.leaks or found.untried or closed)
    yield Finding(7, "foreign names", held, {**figure, "never tried": len(found.untried)}, database)
    yield _odd(ground, browsers, url, database)
    yield _mass(ground, browsers, url, database)
    yield _ended(served, ground, town, database)


def _odd(ground: Ground, browsers: Mapping[str, Browser], url: str, database: str) -> Finding:
    before = crossing.rows_of(url)
    asked = ("dispatcher-north", "resident")
    faults = [fault for who in asked for fault in crossing.odd_answers(ground, browsers[who], who)]
    changed = crossing.changes(before, crossing.rows_of(url))
    return Finding(
        7, "odd methods and paths", not (faults or changed), {"answers": len(faults), "changes": len(changed)}, database
    )


def _mass(ground: Ground, browsers: Mapping[str, Browser], url: str, database: str) -> Finding:
    forms = crossing.send_own(ground, browsers)
    rows = crossing.mass_assigned(url)
    return Finding(7, "columns that no form may set", not rows, {"forms": forms, "rows": len(rows)}, database)


def _ended(served: Served, ground: Ground, town: Town, database: str) -> Finding:
    """Ask the pages that are open as their scripts do, while the rights to them end."""
    endings = {
        "driver-north": ("/drive/north-now/manifest", lambda email: rights.block(town, email)),
        "dispatcher-north": (
            "/dispatch/board/live",
            lambda email: rights.give_role(town, email, "desk", operator=None),
        ),
        "dispatcher-south": (
            "/dispatch/alerts/live",
            lambda email: rights.give_role(town, email, "dispatcher", operator="north"),
        ),
        "guardian": ("/family/today", lambda email: rights.block(town, email)),
    }
    slowest, still = 0.0, 0
    for who, (page, end) in endings.items():
        browser = crossing.sign_in(Remote(served), who, ground.things)
        still += browser.send("GET", page).status != 200
        end(crossing.address(who))
        since = time.monotonic()
        while browser.send("GET", page).status == 200 and time.monotonic() - since < LIMIT:
            time.sleep(0.5)
        slowest = max(slowest, time.monotonic() - since)
    figure = {"pages": len(endings), "slowest s": round(slowest, 2), "never open": still}
    return Finding(7, "rights that end", slowest < LIMIT and not still, figure, database)


def _without_guard(ground: Ground, town: Town, database: str) -> Finding:
    """Negative control: the same attempts find what is open, once nobody guards the pages."""
    site = create_app(town=town)
    browsers = {who: crossing.sign_in(InProcess(site), who, ground.things) for who in UNGUARDED}
    site.before_request_funcs[None].remove(guard.refuse)
    found = crossing.try_all(ground, browsers, town.settings.database_url)
    figure = {"attempts": found.attempts, "leaks": len(found.leaks)}
    return Finding(7, "negative control: no guard", len(found.leaks) >= FEWEST_LEAKS, figure, database)
