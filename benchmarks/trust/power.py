"""Promise 3: a power cut at any moment loses nothing that was acknowledged (SQLite).

Bookings run under a library that logs every write, truncation and sync of the records' files (`power.c`). From that log
the disk is rebuilt as a power cut may leave it: what was synced is there; of what was not, nothing, all, any part, or
parts torn within a sector's bounds. Negative controls: the same with synchronous=NORMAL and OFF.
"""

import json
import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.site import settings_of
from webapp.db import tables
from webapp.db.store import Store, StoreError

SECTOR = 512
CUTS, SHORT_CUTS = 120, 12
BOOKINGS, SHORT_BOOKINGS = 60, 14
KEPT, WEAKER = ("TRUNCATE/FULL", "WAL/FULL"), ("TRUNCATE/OFF", "WAL/NORMAL")
WAYS = ("nothing", "all", "some", "torn")
"""What becomes of writes that were not synced."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done to a file; `data` of a rename is the new name."""

    kind: str
    path: str
    offset: int
    data: bytes


@dataclass(slots=True)
class Disk:
    """Files as the disk certainly has them, and what was done since without a sync. names: of which files it knows."""

    files: dict[str, bytearray] = field(default_factory=dict)
    waiting: dict[str, list[Step]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    changed_names: list[Step] = field(default_factory=list)

    def do(self, step: Step) -> None:
        if step.kind in "WT":
            self.waiting.setdefault(step.path, []).append(step)
        elif step.kind == "S":
            for one in self.waiting.pop(step.path, []):
                apply(self.files.setdefault(step.path, bytearray()), one)
        elif step.kind == "D":
            for one in self.changed_names:
                self._name(one)
            self.changed_names.clear()
        elif step.kind in "CUR":
            self.changed_names.append(step)

    def _name(self, step: Step) -> None:
        if step.kind == "C":
            self.names.add(step.path)
            self.files.setdefault(step.path, bytearray())
        elif step.kind == "U":
            self.names.discard(step.path)
            self.files.pop(step.path, None)
            self.waiting.pop(step.path, None)

    def after_a_cut(self, way: str, chance: random.Random) -> dict[str, bytes]:
        """Give the files as a power cut may leave them."""
        names = set(self.names)
        for step in self.changed_names:
            if way == "all" or (way != "nothing" and chance.random() < 0.5):
                (names.add if step.kind == "C" else names.discard)(step.path)
        left = {}
        for name in names:
            content = bytearray(self.files.get(name, b""))
            for step in self.waiting.get(name, []):
                for part in parts(step, way, chance):
                    apply(content, part)
            left[name] = bytes(content)
        return left


def apply(content: bytearray, step: Step) -> None:
    if step.kind == "T":
        del content[step.offset :]
        content.extend(bytes(step.offset - len(content)))
        return
    content.extend(bytes(max(0, step.offset - len(content))))
    content[step.offset : step.offset + len(step.data)] = step.data


def parts(step: Step, way: str, chance: random.Random) -> Iterator[Step]:
    """Give what reaches the disk of something that was not synced."""
    if way == "nothing" or (way == "some" and chance.random() < 0.5):
        return
    if way != "torn" or step.kind == "T":
        if way != "torn" or chance.random() < 0.5:
            yield step
        return
    at = 0
    while at < len(step.data):
        size = SECTOR - (step.offset + at) % SECTOR
        if chance.random() < 0.5:
            yield Step("W", step.path, step.offset + at, step.data[at : at + size])
        at += size


def run(bench: Bench) -> Iterator[Finding]:
    built = build(bench)
    if built is None:
        yield Finding(3, "power cuts", held=True, figure={"skipped": "no C compiler"}, database="sqlite")
        return
    steps = record(bench, built)
    cuts = SHORT_CUTS if bench.short else CUTS
    for mode in (*KEPT, *WEAKER):
        figures = tried(bench, mode, steps, cuts)
        if mode in KEPT:
            held = not (figures["lost"] or figures["partial"] or figures["damaged"]) and figures["told"] > 0
            yield Finding(3, f"power cuts, {mode}", held, figures, "sqlite")
        else:
            held = bool(figures["lost"] or figures["damaged"])
            yield Finding(3, f"control: power cuts lose bookings with {mode}", held, figures, "sqlite")


def build(bench: Bench) -> Path | None:
    """Compile the log of writes, where there is a compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    target, source = bench.folder / "power.so", Path(__file__).with_name("power.c")
    command = [compiler, "-shared", "-fPIC", "-O2", "-D_FILE_OFFSET_BITS=64", "-o", str(target), str(source), "-ldl"]
    subprocess.run([part for part in command if part != "-D_FILE_OFFSET_BITS=64"], check=True)
    return target


def record(bench: Bench, library: Path) -> list[Step]:
    """Book under the log, in all modes; give everything that was done, in order."""
    home = settings_of(bench, f"sqlite:///{bench.folder / 'unused.db'}").home
    folder, log = bench.folder / "powered", bench.folder / "power.log"
    folder.mkdir()
    times = SHORT_BOOKINGS if bench.short else BOOKINGS
    watched = {"LD_PRELOAD": str(library), "POWER_FOLDER": f"{folder}/", "POWER_LOG": str(log)}
    command = [sys.executable, "-m", "benchmarks.trust.powered", str(home), str(folder), str(times), *KEPT, *WEAKER]
    subprocess.run(command, env={**os.environ, **watched}, check=True)
    return list(read_log(log.read_bytes()))


def read_log(log: bytes) -> Iterator[Step]:
    at = 0
    while at < len(log):
        (length,) = struct.unpack_from("<H", log, at + 1)
        kind, path = chr(log[at]), log[at + 3 : at + 3 + length].decode()
        offset, size = struct.unpack_from("<QI", log, at + 3 + length)
        at += 15 + length + size
        yield Step(kind, path, offset, log[at - size : at])


def tried(bench: Bench, mode: str, steps: list[Step], cuts: int) -> dict[str, int]:
    """Cut the power at random moments of one mode; count what was told, lost, partly there, and damaged."""
    folder = mode.replace("/", "-")
    mine = [step for step in steps if step.path == folder or step.path.startswith(f"{folder}/")]
    begins = next(at for at, step in enumerate(mine) if step.path == f"{folder}/acks" and step.kind == "W")
    chance = random.Random(11)
    moments = sorted(chance.randrange(begins + 1, len(mine) + 1) for _ in range(cuts))
    figures = {"cuts": cuts, "told": 0, "lost": 0, "partial": 0, "damaged": 0}
    disk, done, told = Disk(), 0, ""
    for number, moment in enumerate(moments):
        for step in mine[done:moment]:
            if step.path == f"{folder}/acks":
                told += step.data.decode() if step.kind == "W" else ""
            elif step.path == folder:
                disk.do(Step("D", step.path, 0, b""))
            else:
                disk.do(step)
        done = moment
        left = disk.after_a_cut(WAYS[number % len(WAYS)], chance)
        place = bench.folder / f"after-{folder}-{number}"
        place.mkdir()
        for name, content in left.items():
            if not name.endswith(("-shm", ".lock")):
                (place / Path(name).name).write_bytes(content)
        _look(place / "records.db", told, figures)
        shutil.rmtree(place)
    return figures


def _look(file: Path, told: str, figures: dict[str, int]) -> None:
    """Open the records after a cut as a service would, and compare them with what was told."""
    booked, tried_to, cancelled = set[str](), set[str](), set[str]()
    for line in told.splitlines():
        said = json.loads(line)
        for kind, known in (("booked", booked), ("tried", tried_to), ("cancelled", cancelled)):
            if kind in said:
                known.add(said[kind])
    figures["told"] += len(booked) + len(cancelled)
    store = Store(f"sqlite:///{file}", clock=datetime.now, timezone=ZoneInfo("Europe/Helsinki"))
    try:
        store.migrate(anew=False)
        with store.read() as records:
            sound = records._session.connection().execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
            found = {row.id: row for row in records._session.exec(select(tables.Booking)).all()}
            sent = {row.facts.get("booking") for row in records._session.exec(select(tables.Outbox)).all()}
            runs = {run: (records.history(run), records.get_run(run)) for run in records.all_run_ids()}
    except (StoreError, DBAPIError, IndexError):
        figures["damaged"] += 1
        figures["lost"] += len(booked)
        return
    finally:
        store.close()
    figures["damaged"] += not sound
    figures["lost"] += len(booked - set(found)) + sum(found[one].status == "booked" for one in cancelled & set(found))
    figures["lost"] += sum(found[one].status != "booked" for one in (booked & set(found)) - tried_to)
    figures["partial"] += sum(one not in sent for one in found)
    for history, run in runs.values():
        rides = {ride.id for ride in run.residents}
        kept = {row.ride_id for row in found.values() if row.run_id == run.id and row.status == "booked"}
        whole = [entry.number for entry in history] == [*range(run.revision + 1)]
        figures["partial"] += (not whole) + (rides != kept) + (history[-1].run.rides != run.rides)
