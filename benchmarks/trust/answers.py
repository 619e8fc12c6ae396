"""Promise 10: nobody ever gets an answer that was meant for somebody else, and no cache keeps a personal page.

Each resident's own word stands on their pages ("Home of" and their mark); a session that comes back must be theirs.
One request in ten asks for a page of somebody else's trip.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.trust import market
from benchmarks.trust.clients import Answer, Browser
from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.market import Seeker, Sessions
from benchmarks.trust.site import records_at, serving, settings_of

RESIDENTS, REQUESTS, SHORT_REQUESTS = 64, 10_000, 600
OWN = ("/trips", "/weekly", "/helpers")
OF_A_TRIP = ("who", "when", "from", "offers")
_MARK = re.compile(rb"Home of ([0-9a-f]{12})")


@dataclass(slots=True)
class Heard:
    """How many answers there were, and which named somebody else, named the asker, or could be kept by a cache."""

    answers: int = 0
    others: int = 0
    own: int = 0
    cacheable: int = 0
    faults: int = 0


def run(bench: Bench) -> Iterator[Finding]:
    """Let sixty-four residents read their pages side by side, from one process and from four."""
    wanted = SHORT_REQUESTS if bench.short else REQUESTS
    confused = "benchmarks.trust.controls:create_confused()"
    for database in bench.databases:
        with records_at(bench, database) as url:
            settings = settings_of(bench, url)
            day = market.day_after(settings)
            residents = market.settle(settings, day, runs=4, seats=8, seekers=RESIDENTS)
            sessions = Sessions(settings.secret_key)
            for processes in (4,) if bench.short else (1, 4):
                with serving(settings, processes=processes) as served:
                    heard = asyncio.run(_ask_all(served.port, residents, sessions, wanted))
                held = not (heard.others or heard.cacheable or heard.faults) and heard.own > 0
                yield Finding(10, f"everybody's own answer, processes: {processes}", held, _figure(heard), database)
            if database == "sqlite":
                with serving(settings, processes=1, app=confused) as served:
                    heard = asyncio.run(_ask_all(served.port, residents, sessions, SHORT_REQUESTS))
                yield Finding(10, "a site that mixes people up is seen", heard.others > 0, _figure(heard), database)


def _figure(heard: Heard) -> dict[str, float | int | str | bool]:
    return {
        "residents": RESIDENTS,
        "answers": heard.answers,
        "meant_for_another": heard.others,
        "that_name_the_asker": heard.own,
        "without_no_store": heard.cacheable,
        "faults": heard.faults,
    }


async def _ask_all(port: int, residents: Sequence[Seeker], sessions: Sessions, wanted: int) -> Heard:
    heard, left = Heard(), iter(range(wanted))
    await asyncio.gather(*(_ask(port, one, residents, sessions, (left, heard)) for one in residents))
    return heard


async def _ask(
    port: int, one: Seeker, residents: Sequence[Seeker], sessions: Sessions, shared: tuple[Iterator[int], Heard]
) -> None:
    left, heard = shared
    browser, random = Browser(port), Random(one.user)
    for _ in left:
        asked = one if random.random() < 0.9 else random.choice(residents)
        page = random.choice((*OWN, *(f"/trips/{asked.request}/{question}" for question in OF_A_TRIP)))
        answer = await browser.get(page, one.cookie)
        heard.answers += 1
        heard.others += _is_anothers(one, answer, sessions)
        heard.own += one.mark.encode() in _MARK.findall(answer.body)
        heard.cacheable += answer.header("Cache-Control") != "no-store"
        strange = asked is not one and page not in OWN
        heard.faults += answer.status not in ((404, 503) if strange else (200, 503))
    browser.close()


def _is_anothers(one: Seeker, answer: Answer, sessions: Sessions) -> bool:
    """Does an answer name anybody but who asked, or carry another's session?"""
    if set(_MARK.findall(answer.body)) - {one.mark.encode()}:
        return True
    given = answer.header("Set-Cookie").partition(";")[0]
    return bool(given) and sessions.user(given) != sessions.user(one.cookie)
