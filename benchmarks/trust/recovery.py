"""Promise 17: the records come back on an empty machine, by the documented command, in minutes.

A town with bookings is backed up while people book; its machine is thrown away; a new one is brought back and judged.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, make_url, text

from benchmarks.trust import bookers
from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.site import environment, records_at, settings_of
from webapp.db.backups import count_records
from webapp.db.store import Busy
from webapp.services import booking
from webapp.town import Town, open_town

LONGEST = 300.0
RIDERS, SHORT_RIDERS = 40, 4


def run(bench: Bench) -> Iterator[Finding]:
    for database in bench.databases:
        with records_at(bench, database) as url:
            yield drill(bench, database, url)


def drill(bench: Bench, database: str, url: str) -> Finding:
    """Back up, lose everything, restore; compare."""
    town = open_town(settings_of(bench, url))
    riders = bookers.settle(town, SHORT_RIDERS if bench.short else RIDERS)
    for rider in riders:
        for wish in bookers.wishes(town, rider, range(0, bookers.RUNS, 2)):
            booking.book(town, wish.token, key=wish.key, actor=rider)
    store = bench.folder / f"backups-{database}"
    stop, meanwhile = threading.Event(), [0, 0]
    writer = threading.Thread(target=_book_on, args=(town, riders[0], stop, meanwhile))
    writer.start()
    taken, said = _noriai(town.settings.home, url, "backup", str(store))
    stop.set()
    writer.join()
    rows = sum(count_records(url).values())
    town.store.close()
    file = next(iter(store.glob("noriai-*.tar.gz")), None)
    figures: dict[str, float | int | str] = {"rows": rows, "backup_s": round(taken, 1)}
    figures |= {"booked_meanwhile": meanwhile[0], "refused_meanwhile": meanwhile[1]}
    if file is None:
        return Finding(17, "a machine is lost", held=False, figure={**figures, "said": said[-200:]}, database=database)
    figures["backup_kib"] = file.stat().st_size // 1024
    with _elsewhere(bench, database) as new:
        home = bench.folder / f"new-{database}"
        home.mkdir()
        (home / "areas").symlink_to(town.settings.home / "areas")
        took, said = _noriai(home, new, "restore", str(file))
        back = sum(count_records(new).values())
        again = open_town(replace(town.settings, home=home, database_url=new))
        broken = bookers.partial(again)
        again.store.close()
    figures |= {"restore_s": round(took, 1), "rows_back": back, "partial": broken}
    sound = "0 promises broken" in said and not broken and rows - back <= 12 * (meanwhile[0] + 1)
    return Finding(17, "a machine is lost", sound and took <= LONGEST, figures, database)


def _book_on(town: Town, rider: str, stop: threading.Event, count: list[int]) -> None:
    """Book and give back until told to stop; count what went well and what was refused."""
    while not stop.is_set():
        for wish in bookers.wishes(town, rider, [1]):
            try:
                made = booking.book(town, wish.token, key=wish.key, actor=rider)
                booking.cancel(town, made.id, actor=rider)
                count[0] += 1
            except Busy:
                count[1] += 1


def _noriai(home: Path, url: str, *arguments: str) -> tuple[float, str]:
    """Run a command as a person does; give the seconds and what it said."""
    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-m", "webapp.cli", *arguments],
        env={**os.environ, **environment(home, url, {})}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return time.monotonic() - began, ran.stdout + ran.stderr


@contextmanager
def _elsewhere(bench: Bench, database: str) -> Iterator[str]:
    """Give an address where no database is yet; what is made there is dropped."""
    name = f"noriai_trust_{uuid4().hex[:12]}"
    if database == "sqlite":
        yield f"sqlite:///{bench.folder / f'{name}.db'}"
        return
    server = make_url(bench.postgresql).set(drivername="postgresql+psycopg")
    yield server.set(database=name).render_as_string(hide_password=False)
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    engine.dispose()
