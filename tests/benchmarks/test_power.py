"""The disk after a power cut is rebuilt as it may be, so that what a database did not sync is really gone."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.trust.findings import Bench
from benchmarks.trust.power import WAYS, Disk, Step, build, read_log

WRITER = """
import os, sqlite3, sys
opened = sqlite3.connect(sys.argv[1] + "/records.db", isolation_level=None)
for setting in ("journal_mode=" + sys.argv[2], "synchronous=" + sys.argv[3]):
    opened.execute("PRAGMA " + setting)
opened.execute("CREATE TABLE told (number INTEGER)")
acks = os.open(sys.argv[1] + "/acks", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for number in range(8):
    opened.execute("INSERT INTO told VALUES (?)", (number,))
    os.write(acks, b"+")
os._exit(0)
"""


def did(*steps: tuple[str, str, int, bytes]) -> Disk:
    disk = Disk()
    for step in steps:
        disk.do(Step(*step))
    return disk


def test_what_was_synced_stays_and_the_rest_may_go() -> None:
    made = ("C", "a", 0, b""), ("W", "a", 0, b"first"), ("S", "a", 0, b""), ("D", ".", 0, b"")
    disk = did(*made, ("W", "a", 0, b"later"), ("T", "a", 2, b""))
    left = {way: disk.after_a_cut(way, random.Random(1))["a"] for way in WAYS}
    assert (left["nothing"], left["all"]) == (b"first", b"la")


def test_a_file_whose_folder_was_not_synced_may_not_be_there() -> None:
    disk = did(("C", "a", 0, b""), ("W", "a", 0, b"x"), ("S", "a", 0, b""))
    assert (disk.after_a_cut("nothing", random.Random(1)), disk.after_a_cut("all", random.Random(1))) == (
        {},
        {"a": b"x"},
    )


def test_a_write_is_torn_between_sectors_only() -> None:
    made = ("C", "a", 0, b""), ("W", "a", 0, bytes(2048)), ("S", "a", 0, b""), ("D", ".", 0, b"")
    disk = did(*made, ("W", "a", 256, b"x" * 1500))
    kept = {disk.after_a_cut("torn", random.Random(seed))["a"] for seed in range(40)}
    assert len(kept) > 8
    sectors = [{one[at : at + 512] for one in kept} for at in range(0, 2048, 512)]
    assert [len(found) for found in sectors] == [2, 2, 2, 2]


@pytest.mark.skipif(not (shutil.which("gcc") or shutil.which("cc")), reason="no C compiler")
def test_sqlite_keeps_what_it_synced_and_loses_what_it_did_not(tmp_path: Path) -> None:
    library = build(Bench(tmp_path))
    assert library is not None
    assert (losses(tmp_path, library, "TRUNCATE", "FULL"), losses(tmp_path, library, "WAL", "FULL")) == (0, 0)
    assert losses(tmp_path, library, "TRUNCATE", "OFF") > 0


def losses(tmp_path: Path, library: Path, journal: str, synchronous: str) -> int:
    """Count the rows that were told to be kept and that some power cut takes away."""
    folder, log = tmp_path / f"{journal}-{synchronous}", tmp_path / f"{journal}-{synchronous}.log"
    folder.mkdir()
    watched = {"LD_PRELOAD": str(library), "POWER_FOLDER": f"{folder}/", "POWER_LOG": str(log)}
    command = [sys.executable, "-c", WRITER, str(folder), journal, synchronous]
    subprocess.run(command, env={**os.environ, **watched}, check=True)
    disk, told, lost = Disk(), 0, 0
    for number, step in enumerate(read_log(log.read_bytes())):
        if step.path == "acks":
            told += step.kind == "W"
            lost += max(0, told - rows(disk.after_a_cut(WAYS[number % 4], random.Random(number)), tmp_path))
        else:
            disk.do(Step("D", ".", 0, b"") if step.path == "." else step)
    return lost


def rows(files: dict[str, bytes], tmp_path: Path) -> int:
    place = tmp_path / "after"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name, content in files.items():
        if not name.endswith("-shm"):
            (place / name).write_bytes(content)
    opened = sqlite3.connect(place / "records.db")
    try:
        return int(opened.execute("SELECT count(*) FROM told").fetchone()[0])
    except sqlite3.DatabaseError:
        return 0
    finally:
        opened.close()
