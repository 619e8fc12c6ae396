"""Promise 12: times are right after midnight, on days on which clocks change, and whatever a server is set to.

Checked by oracles that count the minutes of UTC one by one: they share nothing with webapp.service_day.
"""

import hashlib
import os
import re
import subprocess
import sys
import time as machine_time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.trust.api import session_of
from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.site import records_at, settings_of
from routing.times import Place
from tests.webapp.handing_in import at
from tests.webapp.schedule_samples import sheet
from tests.webapp.small_town import LIISANKATU, RESSU
from webapp import demo, service_day
from webapp.app import create_app
from webapp.config import read_settings
from webapp.services import booking, schedules, tokens
from webapp.services.errors import Gone
from webapp.town import Town, open_town

HELSINKI, TOKYO = ZoneInfo("Europe/Helsinki"), ZoneInfo("Asia/Tokyo")
CHANGES = (date(2025, 3, 30), date(2025, 10, 26))
DAYS = (
    *CHANGES,
    *(day - timedelta(days=1) for day in CHANGES),
    date(2025, 6, 2),
    date(2024, 2, 29),
    date(2025, 12, 31),
)
FIRST, MIDNIGHT, LAST = 4 * 60, 24 * 60, 27 * 60 + 59
"""Minutes of printed times: before four o'clock a changed clock may show a printed time twice, or not at all."""
NIGHTS = (date(2027, 11, 30), date(2027, 12, 31), date(2028, 2, 29))
MACHINES = (
    {"TZ": "UTC", "LANG": "en_US.UTF-8", "LC_ALL": "C.UTF-8"},
    {"TZ": "America/Los_Angeles", "LANG": "C", "LC_ALL": "C"},
    {"TZ": "Asia/Tokyo", "LANG": "ja_JP.UTF-8", "LC_ALL": "POSIX"},
)
"""What servers are set to; a town's own clock and language are settings of its own."""
CHANGING = re.compile(
    r'(name="csrf_token" value="|name="key" value="|data-key="|ticket="|data-ticket=")[^"]*|W/"[^"]*"'
)
"""What is drawn anew each time a page is made: tokens of forms."""


def run(bench: Bench) -> Iterator[Finding]:
    """Try every printed minute, nights over the ends of months, the last second of an offer, and other machines."""
    yield _every_minute()
    yield _control_of_walls()
    yield _spring_forward()
    for database in bench.databases:
        with records_at(bench, database) as url:
            town = open_town(settings_of(bench, url))
            demo.settle(town)
            yield _nights(town, database)
            yield _last_second(town, database)
            if database == "sqlite" or not bench.short:
                yield _other_machines(town, database)
            town.store.close()


def _every_minute() -> Finding:
    """Compare each printed minute with the one minute of UTC at which the town's clock shows it."""
    tried, worst = 0, 0
    for zone in (HELSINKI, TOKYO):
        for day in DAYS:
            shown = _shown(day, zone)
            for minute in range(FIRST, LAST + 1):
                instant = service_day.instant_of(60 * minute, day, zone)
                if minute < MIDNIGHT:
                    (right,) = shown[day, minute]
                else:
                    (last,) = shown[day, MIDNIGHT - 1]
                    right = last + timedelta(minutes=minute - MIDNIGHT + 1)
                worst = max(worst, abs(round((instant - right).total_seconds())))
                tried += 1
    return Finding(12, "printed times on days of changed clocks", worst == 0, {"times": tried, "worst_error_s": worst})


def _shown(day: date, zone: ZoneInfo) -> dict[tuple[date, int], list[datetime]]:
    """List for each date and minute that the clock shows the minutes of UTC in which it does so."""
    found: dict[tuple[date, int], list[datetime]] = {}
    begin = datetime.combine(day, time(0), UTC) - timedelta(hours=24)
    for minute in range(72 * 60):
        instant = begin + timedelta(minutes=minute)
        there = instant.astimezone(zone)
        found.setdefault((there.date(), there.hour * 60 + there.minute), []).append(instant.replace(tzinfo=None))
    return found


def _control_of_walls() -> Finding:
    """Midnight and so many minutes, as one would reckon first, is an hour off on such days."""
    worst = 0
    for day in CHANGES:
        shown = _shown(day, HELSINKI)
        begin = datetime.combine(day, time(0), HELSINKI).astimezone(UTC).replace(tzinfo=None)
        for minute in range(FIRST, MIDNIGHT):
            (right,) = shown[day, minute]
            worst = max(worst, abs(round((begin + timedelta(minutes=minute) - right).total_seconds())))
    return Finding(12, "negative control: counted from midnight", worst == 3600, {"worst_error_s": worst})


def _spring_forward() -> Finding:
    """A weekly run at 3:30 is 8.5 hours before noon (GTFS): on that day at 2:30 on the clock, and never at 4:30."""
    shown = [service_day.local_time(12_600, day, HELSINKI).strftime("%H:%M") for day in _weeks(CHANGES[0])]
    bells = [service_day.local_time(8 * 3600, day, HELSINKI).strftime("%H:%M") for day in _weeks(CHANGES[0])]
    held = shown == ["03:30", "02:30", "03:30"] and bells == ["08:00"] * 3
    return Finding(12, "a weekly run over the change", held, {"at_3_30": " ".join(shown), "bell": " ".join(bells)})


def _weeks(day: date) -> list[date]:
    return [day + timedelta(days=7 * week) for week in (-1, 0, 1)]


def _nights(town: Town, database: str) -> Finding:
    """Publish a run from 23:50 to 0:40 over the end of a month, of a year, and of a 29 February."""
    wrong = []
    for day in NIGHTS:
        then = replace(town, clock=lambda day=day: datetime.combine(day, time(6)))  # type: ignore[misc]
        schedule = {
            "days": f"{day:%a}",
            "from": day.isoformat(),
            "until": day.isoformat(),
            "who_may_ride": "registered",
        }
        rows = [
            {"run_id": f"N{day:%m%d}", "vehicle": "N1", "seats": "4", **schedule}
            | at(LIISANKATU, "Liisankatu 29", "23:50", board="1"),
            at(RESSU, "Ressun lukio", "24:40", alight="1"),
        ]
        actor, operator = _dispatcher(town)
        row = schedules.upload(then, sheet(rows).encode(), "night.csv", operator=operator, actor=actor)
        shown = schedules.look(then, row.id, operator=operator).shown
        schedules.confirm(then, row.id, operator=operator, actor=actor, shown=shown)
        with town.store.read() as records:
            following = day + timedelta(days=1)
            night, after = (
                [one for one in records.list_runs(date_, operator) if one.vehicle == "N1"] for date_ in (day, following)
            )
        stops = [stop for one in night for stop in one.stops]
        times = [service_day.local_time(stop.planned or 0, day, HELSINKI).strftime("%m-%d %H:%M") for stop in stops]
        if times != [f"{day:%m-%d} 23:50", f"{following:%m-%d} 00:40"] or after:
            wrong.append(f"{day}: {times}")
    return Finding(
        12,
        "runs over midnight at ends of months",
        not wrong,
        {"nights": len(NIGHTS), "wrong": "; ".join(wrong)},
        database,
    )


def _dispatcher(town: Town) -> tuple[str, str]:
    with town.store.read() as records:
        found = next(one for one in records.list_users("dispatcher") if one.operator_id)
    return found.id, str(found.operator_id)


def _last_second(town: Town, database: str) -> Finding:
    """An offer stands through its last second, whole, by the server's clock; then it is gone."""
    day = demo.next_weekday(town.today(), town.holidays)
    with town.store.read() as records:
        rider = next(one for one in records.list_users("resident") if one.email)
    token = next(_offers(town, rider.id, day))
    read = tokens.read(town, token)
    ends = service_day.instant_of(read.offer.expires, day, town.settings.timezone)
    stands = []
    for later in (timedelta(0), timedelta(milliseconds=999), timedelta(seconds=1)):
        try:
            tokens.check_time(replace(town, clock=lambda later=later: ends + later), read)  # type: ignore[misc]
        except Gone:
            stands.append(False)
        else:
            stands.append(True)
    said = " ".join("stands" if one else "gone" for one in stands)
    return Finding(
        12, "an offer at .000, .999 and one second on", stands == [True, True, False], {"it": said}, database
    )


def _offers(town: Town, rider: str, day: date) -> Iterator[str]:
    for row in demo.read_table("requests.csv"):
        one = booking.start(town, rider, actor=rider)
        for end, column in (("origin", "from"), ("destination", "to")):
            place = Place(float(row[f"{column}_lat"]), float(row[f"{column}_lon"]))
            booking.answer_place(town, one.id, end=end, label=row[column], place=place)
        booking.answer_when(town, one.id, day=day, depart=7 * 3600)
        booking.answer_who(town, one.id, people=1, wheelchairs=0, max_walk=600)
        yield from (token for _offer, token in booking.ask(town, one.id).offers)


def _other_machines(town: Town, database: str) -> Finding:
    """Make the same pages and files on machines that are set to other zones and languages."""
    said = [_elsewhere(town, machine) for machine in MACHINES]
    pages = said[0].splitlines()[1:]
    same = len({one.partition("\n")[2] for one in said}) == 1
    clocks = len({one.partition("\n")[0] for one in said})
    figure = {"machines": len(said), "pages_and_files": len(pages), "different": 0 if same else 1, "own_clocks": clocks}
    return Finding(
        12, "servers set to other zones and languages", same and len(pages) > 5 and clocks == 3, figure, database
    )


def _elsewhere(town: Town, machine: dict[str, str]) -> str:
    """Run this module on a machine set otherwise; give what its own clock shows, and a digest of each page and file."""
    home, url = str(town.settings.home), town.settings.database_url
    known = {name: value for name, value in os.environ.items() if name not in ("TZ", "LANG", "LANGUAGE", "LC_ALL")}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.trust.clocks", home, url, town.clock().isoformat()],
        env={**known, **machine},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def _pages(home: str, url: str, now: str) -> Iterator[str]:
    """Make pages and files at an instant; yield what this machine's own clock shows then, and a digest of each."""
    said = {"NORIAI_HOME": home, "NORIAI_DATABASE_URL": url, "NORIAI_SECRET_KEY": "trust-benchmark " * 3}
    instant = datetime.fromisoformat(now)
    town = open_town(read_settings(said, home=Path(home)), clock=lambda: instant)
    yield machine_time.strftime("%Y-%m-%d %H:%M", machine_time.localtime(instant.replace(tzinfo=UTC).timestamp()))
    day = demo.next_weekday(town.today(), town.holidays)
    app = create_app(town=town)
    for role, paths in _addresses(town, day).items():
        cookie, _token = session_of(app, town, role)
        browser = app.test_client()
        browser.set_cookie(app.config["SESSION_COOKIE_NAME"], cookie)
        for path in paths:
            answer = browser.get(path)
            words = CHANGING.sub("", answer.get_data(as_text=True))
            yield f"{path} {answer.status_code} {hashlib.sha256(words.encode()).hexdigest()}"
    town.store.close()


def _addresses(town: Town, day: date) -> dict[str, Sequence[str]]:
    _actor, operator = _dispatcher(town)
    with town.store.read() as records:
        run_id = records.list_runs(day, operator)[0].id
    shown = f"?day={day.isoformat()}"
    return {
        "dispatcher": (
            f"/dispatch{shown}",
            f"/dispatch/board{shown}",
            f"/dispatch/board.geojson{shown}",
            f"/dispatch/manifests{shown}",
            f"/dispatch/manifests.csv{shown}",
            f"/dispatch/runs/{run_id}",
            f"/dispatch/runs/{run_id}/manifest",
            "/dispatch/dates",
            "/dispatch/schedule/csv",
        ),
        "resident": ("/trips", "/messages/quiet"),
        "town": ("/town",),
    }


if __name__ == "__main__":
    for line in _pages(*sys.argv[1:]):
        sys.stdout.write(f"{line}\n")
