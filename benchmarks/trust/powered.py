"""Book and cancel on SQLite as it is set up, and in weaker set-ups: run by `power` under its log of all writes.

python -m benchmarks.trust.powered HOME FOLDER TIMES MODE ...   (a mode is JOURNAL/SYNCHRONOUS, such as TRUNCATE/FULL)
"""

import json
import os
import random
import sqlite3
import sys
from pathlib import Path

from benchmarks.trust import bookers
from webapp.config import read_settings
from webapp.db import engines
from webapp.services import booking
from webapp.town import open_town

KEY = "trust-benchmark " * 3


def main(home: Path, folder: Path, times: int, modes: list[str]) -> None:
    for mode in modes:
        journal, synchronous = mode.split("/")
        _weaken(journal, synchronous)
        place = folder / mode.replace("/", "-")
        place.mkdir()
        _book(home, place, times)


def _weaken(journal: str, synchronous: str) -> None:
    """Let every connection be set up so; TRUNCATE/FULL or WAL/FULL is what the service itself chooses."""
    as_it_is = engines.SqliteDatabase._prepare
    engines.wal_is_sound = lambda _version: journal == "WAL"  # type: ignore[assignment]

    def prepare(self: engines.SqliteDatabase, connection: sqlite3.Connection, record: object) -> None:
        as_it_is(self, connection, record)
        if synchronous != "FULL":
            connection.execute(f"PRAGMA synchronous={synchronous}")

    engines.SqliteDatabase._prepare = prepare  # type: ignore[method-assign]


def _book(home: Path, place: Path, times: int) -> None:
    said = {"NORIAI_DATABASE_URL": f"sqlite:///{place / 'records.db'}", "NORIAI_SECRET_KEY": KEY}
    town = open_town(read_settings(said, home=home))
    riders, chance = bookers.settle(town, 2), random.Random(5)
    acks = os.open(place / "acks", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def tell(**what: str) -> None:
        os.write(acks, json.dumps(what).encode() + b"\n")

    tell(begin="")
    for number in range(times):
        rider = riders[number % len(riders)]
        (wish,) = bookers.wishes(town, rider, [number % bookers.RUNS])
        made = booking.book(town, wish.token, key=wish.key, actor=rider)
        tell(booked=made.id)
        if chance.random() < bookers.CANCELS or number >= len(riders) * bookers.RUNS // 2:
            tell(tried=made.id)
            booking.cancel(town, made.id, actor=rider)
            tell(cancelled=made.id)
    town.store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
