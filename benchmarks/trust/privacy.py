"""Promises 8 and 18: where a child is is seen by nobody else, looks are written down, and data leaves on time.

Three people with unmistakable words about them live in a town; the words are looked for in all that other roles are
answered over HTTP, in the server's log, and, with the clock moved on, in every table and file.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import create_engine, event

from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.site import Served, records_at, serving, settings_of
from matching.model import Capacity, Load, Ride, Run, Stop, Window
from routing.times import Place
from webapp.config import Settings
from webapp.db import tables
from webapp.db.store import Door, RunHead
from webapp.services import absences, accounts, erasing, planning, retention
from webapp.services.absences import Person
from webapp.services.access_log import member_key
from webapp.town import Town, open_town

PASSWORD = "trust-benchmark"  # noqa: S105 - of people whom the trial makes
RUN, CODE, NAME, STREET = "child-run", "KQX-77", "Kvitterina Sirkutin", "Sirkuttajankatu 66"
CHILD = (NAME, CODE, STREET)
RESIDENT = ("Zebulon Kanarialintu", "zebulon.kanaria@example.org", "+358 44 9876543", "Munkkikoti")
HOME, SCHOOL = Place(60.174151, 24.951375), Place(60.167146, 24.938253)
HOUR = 3600
OTHERS = ("neighbour", "town", "desk", "other")
"""Who has nothing to do with the child: a resident, the town hall, the phone desk, another operator's dispatcher."""


def run(bench: Bench) -> Iterator[Finding]:
    """Try both promises on each database."""
    for database in bench.databases:
        with records_at(bench, database) as url:
            settings = settings_of(bench, url)
            town = open_town(settings)
            _settle(town)
            yield from _seen(bench, town, settings, database)
            yield from _left(town, settings, database)
            town.store.close()


def _settle(town: Town) -> None:
    """Let a school fetch a child at home today, and a resident leave their words."""
    for code in ("school", "care"):
        accounts.add_operator(town, code=code, name=code.title(), kind="school")
    for name, role, operator in (
        ("neighbour", "resident", None),
        ("guardian", "resident", None),
        ("town", "town", None),
        ("desk", "desk", None),
        ("driver", "driver", "school"),
        ("other", "dispatcher", "care"),
    ):
        email = f"{name}@example.org"
        accounts.add_user(
            town,
            name=f"{name} Testi",
            role=role,
            email=email,
            password=PASSWORD,
            operator=operator,
            groups=["registered"],
        )
    rider = accounts.add_user(
        town, name=RESIDENT[0], role="resident", email=RESIDENT[1], phone=RESIDENT[2], groups=["registered"]
    )
    day, begin = town.today(), max(0, town.seconds_now(town.today()))
    stops = tuple(
        Stop(name, place, Window(begin + late, begin + late + HOUR), sequence=k, planned=begin + late, residents=False)
        for k, (name, place, late) in enumerate((("home", HOME, 0), ("school", SCHOOL, 1800)))
    )
    ride = Ride("child", "home", "school", Load(1), max_ride=HOUR, committed=True, dwell=30)
    plan = Run(RUN, day.isoformat(), "school", "B1", Capacity.of(5), policy=town.policy, stops=stops, rides=(ride,))

    def write(door: Door) -> None:
        door.put(tables.Vehicle(operator_id="school", code="B1", layouts=[[5, 0]]))
        door.put(tables.Member(operator_id="school", code=CODE, name=NAME))
        labels = {"home": (STREET, True), "school": ("School", False)}
        door.keep(
            plan, cause="published", labels=labels, members={"child": CODE}, head=RunHead("K1"), as_published=True
        )
        place = {"label": RESIDENT[3], "name": "Liisankatu 29", "lat": HOME.lat, "lon": HOME.lon}
        door.put(tables.SavedPlace(id="saved", owner_id=rider.id, **place, created_at=door.now()))  # type: ignore[arg-type]

    town.store.commit(write, times=town.roads)
    absences.add_guardian(town, Person("school", CODE, NAME), "guardian@example.org")


def _seen(bench: Bench, town: Town, settings: Settings, database: str) -> Iterator[Finding]:
    bench.say(f"  who sees the child ({database})")
    with serving(settings, processes=1 if bench.short else 4) as served:
        shown = {who: _opened(served, who) for who in (*OTHERS, "", "driver", "guardian")}
        log = served.log.read_text(encoding="utf-8", errors="replace")
    hits = [(who, word) for who in (*OTHERS, "") for word in CHILD if word in shown[who]]
    logged = [word for word in (*CHILD, *RESIDENT) if word in log]
    with town.store.read() as records:
        readers = records.name_users(row.reader_id for row in records.list_place_reads(objects=[("run", RUN, "")]))
    figure: dict[str, Any] = {
        "roles": len(OTHERS) + 1,
        "hits": len(hits),
        "in_log": len(logged),
        "readers_written": len(readers),
    }
    held = not hits and not logged and [*readers.values()] == ["driver Testi"]
    yield Finding(8, "a child's name and door", held, figure, database)
    control = sum(word in shown["driver"] for word in CHILD)
    yield Finding(8, "control: the driver's pages do hold them", control >= 2, {"words_found": control}, database)


def _opened(served: Served, who: str) -> str:
    """Open every page that a role might try, and give all that was answered."""
    address = f"http://127.0.0.1:{served.port}"
    with requests.Session() as browser:
        if who:
            page = browser.get(f"{address}/login", timeout=60).text
            token = re.search(r'name="csrf_token" value="([^"]+)"', page)
            said = {"csrf_token": token[1] if token else "", "email": f"{who}@example.org", "password": PASSWORD}
            browser.post(f"{address}/login", data=said, timeout=60)
        answers = [browser.get(f"{address}{path}", timeout=60) for path in _paths()]
        return "\n".join(f"{one.url} {one.headers} {one.text}" for one in answers)


def _paths() -> list[str]:
    key = member_key("school", CODE)
    return [
        "/", "/trips", "/places", "/profile", "/family", "/family/today", f"/family/{key}", "/privacy", "/town",
        "/town/opinions", "/town/rules", "/desk", "/desk/call-backs", "/desk/messages", "/desk/letters",
        "/drive", f"/drive/{RUN}",
        f"/drive/{RUN}/manifest", "/dispatch", "/dispatch/board", "/dispatch/board/live", "/dispatch/board.geojson",
        f"/dispatch/runs/{RUN}", f"/dispatch/runs/{RUN}.geojson", f"/dispatch/runs/{RUN}/manifest",
        "/dispatch/manifests", "/dispatch/manifests.csv", "/dispatch/absences", f"/dispatch/absences/{key}",
        f"/dispatch/absences/{key}/guardians",
        f"/dispatch/absences/{key}/readings", "/dispatch/requests", "/dispatch/alerts", "/dispatch/schedule/csv",
    ]  # fmt: skip


def _left(town: Town, settings: Settings, database: str) -> Iterator[Finding]:
    began = datetime.now(UTC).replace(tzinfo=None)
    before = sum(word in said for said in _dumped(settings).values() for word in (*CHILD, *RESIDENT))
    with town.store.read() as records:
        user = records.find_user(email=RESIDENT[1])
    if user is None:
        raise LookupError("the resident is not there")
    erasing.erase_resident(town, user.id, by="trial")
    erased = _hits(settings, RESIDENT)
    later = replace(town, clock=lambda: began + timedelta(days=400))
    later.store._clock = later.clock
    gone = retention.tidy(later)
    erasing.erase_member(later, "school", CODE, by="trial")
    left = _hits(settings, (*CHILD, str(HOME.lat)))
    again = retention.tidy(later)
    judged, faults = planning.verify(later)
    figure = {
        "hits_before": before,
        "hits_after_erasing": erased,
        "rows_gone": gone,
        "hits_after": left,
        "again": again,
    }
    held = before > 0 and not erased and not left and gone > 0 and not again and not faults and judged == 0
    yield Finding(18, "data leaves on time, and with its person", held, figure, database)
    if database == "sqlite":
        yield _control(town, settings)


def _control(town: Town, settings: Settings) -> Finding:
    """Without zeroed pages, what was deleted is still in the file."""
    town.store._database.engine.dispose()
    event.listen(town.store._database.engine, "connect", lambda one, _: one.execute("PRAGMA secure_delete=OFF"))
    user = accounts.add_user(town, name=RESIDENT[0], role="resident", email=RESIDENT[1], groups=["registered"])
    erasing.erase_resident(town, user.id, by="trial")
    found = _hits(settings, RESIDENT[:2])
    return Finding(18, "control: without secure_delete the file tells", found > 0, {"hits": found}, "sqlite")


def _hits(settings: Settings, words: tuple[str, ...]) -> int:
    said = {**_dumped(settings), **_files(settings)}
    return sum(word in text for text in said.values() for word in words)


def _dumped(settings: Settings) -> dict[str, str]:
    """Write every table as text."""
    engine = create_engine(settings.database_url)
    try:
        with engine.connect() as connection:
            return {
                table.name: "\n".join(repr(tuple(row)) for row in connection.execute(table.select()))
                for table in tables.METADATA.sorted_tables
            }
    finally:
        engine.dispose()


def _files(settings: Settings) -> dict[str, str]:
    """Read a SQLite database byte by byte, its log too."""
    if not settings.database_url.startswith("sqlite"):
        return {}
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    return {one.name: one.read_bytes().decode("utf-8", "replace") for one in path.parent.glob(f"{path.name}*")}
