"""Roads: what preparing, loading and asking an area costs, beside scipy, igraph and OSRM.

python -m benchmarks.matrix EXTRACT... [--town JUNCTIONS]... [--osrm INTERPRETER] [--json] [--plots FOLDER]

Every engine works in a process of its own on one core, one after another, and every piece of work once; what is short
is done for several places and its mean given (`repeated`). With --json one list is printed, of rows
{extract, work, n, engine, cpu_seconds, peak_mb}: CPU seconds of one call, and the most MB (2**20 bytes) that the
process had held until its end. Ours is called `noriai`. The works, by name, and their n:

  prepare                 from the file to the prepared area on disk, the whole process (n: junctions; `mb` on disk)
  first answer            from the start of a process that imports the web application, to offers for one request
  load                    the prepared area into memory; compiled code is there (n: nodes of the turned graph)
  matrix                  all seconds between n places from their coordinates; nothing is known of the places before
  matrix of known places  the same again: a place that was asked before keeps its label
  one to many             one row of n places from their coordinates; nothing is known before
  new address             one more place against n known ones: its row and its column
  one to all              from a node to all n of the turned graph, and from all of them to it
  path, polyline          the line of one drive; of a run of n stops

We answer between kerbs on the turn-expanded graph with turn costs. scipy (csgraph.dijkstra) and igraph search that same
graph from node to node, with no coordinates and no lines; they do a matrix one origin after another, so that is
measured for some origins (`sampled`) and scaled. Their whole seconds must be ours for every sampled origin and all
places, or for --check PAIRS where that is more; the exit status is 1 where they are not. OSRM (its CH, car.lua) makes
its own graph of the extract, and only its calls are timed. How far its seconds agree with ours, for 1,000 pairs from
the middle of a street to that of another, is a row as well: work "agreement", engine "osrm", `median`, `within_15`.

--town makes an extract of about so many junctions by itself (`benchmarks.towns`). --plots draws the agreement.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import copyfile
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.machine import on_one_core
from benchmarks.road_engines import Questions
from benchmarks.towns import write_town
from routing.area import Area

SIZES = (100, 500, 2000)
DRIVER = Path(__file__).with_name("osrm_driver.py")
OURS, PEERS, OSRM = "noriai", ("scipy", "igraph"), "osrm"

Row = dict[str, Any]


class Disagreement(Exception):
    """Engines that were asked the same gave different answers."""


class Failure(Exception):
    """A process of the benchmark ended badly."""


def measured(command: Sequence[object], **variables: str) -> tuple[str, Row]:
    """Run a process to its end; give what it printed, and its CPU seconds, peak and wall, its own children included.

    variables: of its environment, beside ours.
    """
    start, words = perf_counter(), [*map(str, command)]
    process = subprocess.Popen(  # noqa: S603 - our own modules
        words, stdout=subprocess.PIPE, text=True, env=os.environ | variables
    )
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode:
        raise Failure(f"{' '.join(words[1:4])} ended with {process.returncode}.")
    peak = used.ru_maxrss / 2 ** (20 if sys.platform == "darwin" else 10)
    seconds = {"cpu_seconds": used.ru_utime + used.ru_stime, "wall_seconds": perf_counter() - start}
    return printed, {**seconds, "peak_mb": round(peak, 1)}


def our(*arguments: object) -> list[object]:
    return [sys.executable, "-m", "benchmarks.road_engines", *arguments]


def measure(extract: Path, folder: Path, *, osrm: Path | None, sizes: Sequence[int], check: int) -> Iterator[Row]:
    """Measure all engines on one extract, inside an empty folder; questions and drives of pairs stay in it.

    Raises Disagreement when ours and the peers' answers differ.
    """
    area, asked = folder / "area", folder / "asked.npz"
    measured(our("warm"))
    _, took = measured(our("prepare", extract, area))
    junctions = Area.load(area).nodes
    size = sum(file.stat().st_size for file in area.iterdir()) / 2**20
    yield {"work": "prepare", "n": junctions, "engine": OURS, **took, "mb": round(size, 1)}
    installed = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    measured(our("first", area), **installed)  # so that bytecode and compiled code lie in their caches
    yield {"work": "first answer", "n": 1, "engine": OURS, **measured(our("first", area), **installed)[1]}
    measured(our("choose", area, asked, json.dumps(sizes), check))
    for engine in (OURS, *PEERS):
        yield from json.loads(measured(our(engine, area, asked))[0])
    compare(asked)
    if osrm:
        yield from _osrm(extract, asked, osrm, junctions)


def compare(asked: Path) -> None:
    """Hold the answers of the peers against ours, beside the questions. Raises Disagreement."""
    ours = np.load(asked.with_name(f"{OURS}.npy"))
    for engine in PEERS:
        theirs = np.load(asked.with_name(f"{engine}.npy"))
        compared = theirs >= 0
        wrong = int((ours != theirs)[compared].sum())
        if wrong:
            raise Disagreement(f"{wrong:,} of {int(compared.sum()):,} seconds differ between {OURS} and {engine}.")


def _osrm(extract: Path, asked: Path, interpreter: Path, junctions: int) -> Iterator[Row]:
    beside = asked.parent / OSRM
    beside.mkdir()
    copied = beside / extract.name
    copyfile(extract, copied)
    _, took = measured([interpreter, DRIVER, "prepare", copied])
    size = sum(file.stat().st_size for file in beside.iterdir() if file != copied) / 2**20
    yield {"work": "prepare", "n": junctions, "engine": OSRM, **took, "mb": round(size, 1)}
    answer = json.loads(measured([interpreter, DRIVER, "measure", copied, asked.with_suffix(".json")])[0])
    yield from ({**row, "engine": OSRM} for row in answer["rows"])
    theirs = np.array([np.nan if one is None else one for one in answer["durations"]])
    ours = Questions.load(asked).tenths / 10
    np.savez(asked.with_name("agreement.npz"), ours=ours, theirs=theirs)
    ratio = (ours / theirs)[np.nan_to_num(theirs) > 0]
    within = float((np.abs(ratio - 1) <= 0.15).mean())
    found = {"median": round(float(np.median(ratio)), 4), "within_15": round(within, 4)}
    yield {"work": "agreement", "n": len(ratio), "engine": OSRM, "cpu_seconds": 0.0, "peak_mb": 0.0, **found}


def show(rows: Sequence[Row], console: Console) -> None:
    """Print milliseconds of every engine side by side, and ours as a share of OSRM's."""
    table = Table(title="CPU milliseconds; peak MB and the share of OSRM's time are ours")
    for title in ("extract", "work", "n", OURS, OSRM, *PEERS, "share", "MB"):
        table.add_column(title, justify="left" if title in {"extract", "work"} else "right", overflow="fold")
    for (extract, work, n), of in by_work(rows).items():
        times = [milliseconds(of[engine]["cpu_seconds"]) if engine in of else "-" for engine in (OURS, OSRM, *PEERS)]
        if work == "agreement":
            continue
        share = f"{of[OURS]['cpu_seconds'] / of[OSRM]['cpu_seconds']:.3f}" if {OURS, OSRM} <= set(of) else "-"
        peak = f"{of[OURS]['peak_mb']:.0f}" if OURS in of else "-"
        table.add_row(extract, work, f"{n:,}", *times, share, peak)
    console.print(table)
    for row in rows:
        if row["work"] == "agreement":
            said = f"median {row['median']:.3f}, {row['within_15']:.1%} within 15 %"
            console.print(f"{row['extract']}: our seconds over OSRM's, {row['n']:,} pairs: {said}")


def by_work(rows: Sequence[Row]) -> dict[tuple[str, str, int], dict[str, Row]]:
    """Put the engines of the same work on the same extract side by side."""
    found: dict[tuple[str, str, int], dict[str, Row]] = {}
    for row in rows:
        n = 0 if row["work"] in {"load", "first answer"} else row["n"]
        found.setdefault((row["extract"], row["work"], n), {})[row["engine"]] = row
    return found


def milliseconds(seconds: float) -> str:
    """Write seconds as milliseconds, three figures of them at least."""
    return f"{1000 * seconds:,.{3 if seconds < 0.01 else 1 if seconds < 1 else 0}f}"


def name_of(extract: Path) -> str:
    return extract.name.split(".")[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure extracts; 1 where answers differ or a process failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.matrix", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("extracts", type=Path, nargs="*", metavar="EXTRACT", help="OpenStreetMap files")
    parser.add_argument("--town", type=int, action="append", default=[], metavar="JUNCTIONS", help="make an extract")
    parser.add_argument("--osrm", type=Path, metavar="INTERPRETER", help="a Python that has osrm-bindings")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="places of the matrices")
    parser.add_argument("--check", type=int, default=0, metavar="PAIRS", help="compared with plain searches, at least")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="for pictures of the agreement with OSRM")
    parser.add_argument("--json", action="store_true", help="print rows, and nothing else")
    args = parser.parse_args(argv)
    if not args.extracts and not args.town:
        parser.error("neither an extract nor --town: there is nothing to measure")
    if args.plots and not args.osrm:
        parser.error("--plots shows the agreement with OSRM: name its interpreter by --osrm")
    on_one_core()
    console, rows = Console(stderr=True), list[Row]()
    with tempfile.TemporaryDirectory() as home:
        try:
            for extract in [*args.extracts, *_towns(args.town, Path(home))]:
                name, folder = name_of(extract), Path(tempfile.mkdtemp(dir=home))
                for row in measure(extract, folder, osrm=args.osrm, sizes=args.sizes, check=args.check):
                    rows.append({"extract": name, **row})
                    took = milliseconds(row["cpu_seconds"])
                    console.print(f"{name}: {row['work']} {row['n'] or ''} {row['engine']}: {took} ms")
                if args.plots:
                    _draw(name, folder, args.plots)
        except (Disagreement, Failure) as wrong:
            console.print(f"[red]{wrong}")
            return 1
    if args.json:
        print(json.dumps(rows))
    else:
        show(rows, Console())
    return 0


def _draw(name: str, folder: Path, pictures: Path) -> None:
    from benchmarks.agreement import draw

    with np.load(folder / "agreement.npz") as kept:
        pictures.mkdir(parents=True, exist_ok=True)
        draw(name, kept["ours"], kept["theirs"], pictures / f"agreement-{name}.png")


def _towns(sizes: Sequence[int], home: Path) -> Iterator[Path]:
    for junctions in sizes:
        path = home / f"town-{junctions}.osm.pbf"
        write_town(path, junctions)
        yield path


if __name__ == "__main__":
    raise SystemExit(main())
