"""Run every benchmark, one process after another on one core, and write what they measured as a page.

Days come from folders with day.json and seconds.npy; their own name is all that the page tells of where they are. So it
is with extracts (--roads). What is not asked for stays on the page as it was measured before.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import roads_page
from benchmarks.machine import machine, on_one_core

PAGE = Path("docs/performance.md")

SECONDS = ((100, 10.0), (500, 30.0), (sys.maxsize, 60.0))
"""Seconds of re-planning for a day of up to so many runs."""

Report = dict[str, Any]
Cell = str | int | float | None


def run(module: str, *arguments: object) -> Any:
    """Run one benchmark in a process of its own and read its JSON; raises where it does not answer."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own module
    if not done.stdout.startswith(("{", "[")):
        raise RuntimeError(f"benchmarks.{module} ended with {done.returncode} and gave no figures.")
    return json.loads(done.stdout)


def seconds_for(folder: Path) -> float:
    """Give the seconds in which a day is re-planned when none are asked for."""
    runs = len(json.loads((folder / "day.json").read_text(encoding="utf-8"))["runs"])
    return next(seconds for most, seconds in SECONDS if runs <= most)


def page(days: Sequence[Report], darp: Report | None, *, command: str, on: str) -> str:
    """Write the page: how it was measured, online answers, re-planned days, dial-a-ride instances."""
    measured = days[0] if days else darp
    if measured is None:
        raise ValueError("Nothing was measured.")
    parts = [_head(measured, command, on)]
    if days:
        ordered = sorted(days, key=lambda day: (day["runs"], day["day"]))
        parts += [_online(ordered), _growth(ordered), _replanned(ordered)]
    if darp:
        parts.append(_darp(darp))
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(measured: Report, command: str, on: str) -> str:
    of, versions = measured["machine"], measured["versions"]
    named = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    return f"""# Performance

Measured on {on}, one process after another, each on one core: {of["processor"]}, {of["cores"]} cores,
{of["memory_gib"]} GiB. {named[0].upper() + named[1:]}.

```
{command}
```

This page is written by that command. Every plan in it, whoever made it, was built anew from its visits and judged by
`matching.promises`; *broken* counts the runs in which a promise is not kept."""


def _online(days: Sequence[Report]) -> str:
    head = ["day", "runs", "requests", "served", "p50, ms", "p99, ms", "mean, ms", "accept p50, ms"]
    head += ["candidates/s", "ns each", "broken"]
    keys = "served", "p50_ms", "p99_ms", "mean_ms", "accept_p50_ms", "candidates_per_second", "ns_per_candidate"
    rows = [
        [day["day"], day["runs"], day["requests"], *(day["online"][key] for key in keys), _faults(day["online"])]
        for day in days
        if day["online"]
    ]
    return f"""## Online: one request after another

Requests in the order in which they were asked, each taken where it adds the least driving. A time is that of the whole
call from Python, candidate runs included; accepting is told apart. A candidate is a position that is looked at in a
run; its nanoseconds are those of the compiled search alone, for all requests over the filled runs.

{_table(head, rows)}"""


def _growth(days: Sequence[Report]) -> str:
    known = {day["runs"]: day for day in days if day["online"]}
    said = [
        f"From {few} to {many} runs the p50 grows {_ratio(known, few, many, 'p50_ms')} times,"
        f" the p99 {_ratio(known, few, many, 'p99_ms')} times."
        for few, many in zip(known, list(known)[1:], strict=False)
    ]
    return "\n".join(said)


def _ratio(known: dict[int, Report], few: int, many: int, key: str) -> str:
    return f"{known[many]['online'][key] / known[few]['online'][key]:.1f}"


def _replanned(days: Sequence[Report]) -> str:
    head = ["day", "planner", "served", "at most", "added drive, h", "seconds", "peak memory, MB", "broken"]
    rows = [row for day in days for row in _planners(day)]
    return f"""## Re-planning a day

Every planner starts from the runs with their committed riders, OR-Tools from what online answers left. *At most*: no
plan of the day can serve more, by a relaxation. VROOM cannot be told a longest ride, nor an order of stops.

{_table(head, rows)}"""


def _planners(day: Report) -> Iterator[list[Cell]]:
    yield ["**" + day["day"] + "**", "Noriai", *_planned(day, day["upper_bound"])]
    for name, title in (("pyvroom", "VROOM"), ("ortools", "OR-Tools")):
        answer = (day["peers"] or {}).get(name)
        if answer and answer["reason"]:
            yield ["", title, None, None, None, None, None, answer["reason"]]
        elif answer:
            yield ["", title, *_planned(answer, None)]


def _planned(one: Report, most: int | None) -> list[Cell]:
    hours = f"{one['added_drive_seconds'] / 3600:.1f}"
    return [one["served"], most, hours, one["seconds"], one["peak_memory_mb"], _faults(one)]


def _darp(report: Report) -> str:
    head = ["instance", "distance", "optimum", "gap, %", "seconds", "every promise kept"]
    rows: list[list[Cell]] = [
        [
            one["instance"],
            f"{one['distance']:.2f}",
            None if one["optimum"] is None else f"{one['optimum']:.2f}",
            None if one["gap_percent"] is None else f"{one['gap_percent']:.2f}",
            one["seconds"],
            "yes" if one["sound"] else "**no**",
        ]
        for one in report["instances"]
    ]
    gaps = report["mean_gap_percent"], report["worst_gap_percent"]
    said = "" if None in gaps else f"Gap to the optimum: mean {gaps[0]:.2f} %, worst {gaps[1]:.2f} %.\n\n"
    return f"""## Dial-a-ride instances of Cordeau (2006)

Total distance, everyone served, with the longest ride and the longest route of the instance; seed {report["seed"]}.

{said}{_table(head, rows)}"""


def _faults(one: Report) -> str:
    return ", ".join(f"{rule}: {count}" for rule, count in one["broken"].items()) or "none"


def _table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Cell) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else str(value)


def told(args: argparse.Namespace) -> str:
    """Write the command as anyone could give it, with the folders' own names."""
    words = ["python -m benchmarks.performance"]
    if args.days:
        words += ["--days", *(folder.resolve().name for folder in args.days)]
    if args.darp:
        words += ["--darp", args.darp.resolve().name]
    if args.seconds:
        words += ["--seconds", f"{args.seconds:g}"]
    if args.bound:
        words += ["--bound", f"{args.bound:g}"]
    if args.days or args.darp:
        words += ["--darp-seconds", f"{args.darp_seconds:g}", "--peer-seconds", f"{args.peer_seconds:g}"]
        words += ["--seed", str(args.seed)]
    return " ".join(words)


def told_of_roads(args: argparse.Namespace) -> str:
    """Write the command of the roads as anyone could give it, with the files' own names."""
    words = ["python -m benchmarks.performance --roads", *(path.name for path in args.roads)]
    words += [f"--town {junctions}" for junctions in args.town]
    return " ".join([*words, *(["--osrm", args.osrm.name] if args.osrm else [])])


def measure_roads(args: argparse.Namespace) -> str:
    """Measure roads, draw how they agree with OSRM's beside the page, and write their part of it."""
    pictures = args.out.parent / "images"
    asked: list[object] = [*args.roads, *(word for junctions in args.town for word in ("--town", junctions))]
    asked += ["--osrm", args.osrm, "--plots", pictures] if args.osrm else []
    folder = pictures.name if args.osrm else None
    rows = run("matrix", *asked)
    return roads_page.part(rows, command=told_of_roads(args), on=args.date, machine=machine(), pictures=folder)


def kept(path: Path) -> tuple[str, str]:
    """Read what the page says of matching, and what of roads: a part that is not measured anew stays as it is."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    matching, heading, roads = text.partition(f"\n{roads_page.HEADING}\n")
    return matching, f"{heading[1:]}{roads}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.performance", description=__doc__)
    parser.add_argument("--days", type=Path, nargs="+", default=[], help="folders of days")
    parser.add_argument("--darp", type=Path, help="folder of dial-a-ride instances (*.txt)")
    parser.add_argument("--roads", type=Path, nargs="+", default=[], metavar="EXTRACT", help="OpenStreetMap files")
    parser.add_argument("--town", type=int, action="append", default=[], metavar="JUNCTIONS", help="as of the roads")
    parser.add_argument("--osrm", type=Path, metavar="INTERPRETER", help="a Python that has osrm-bindings")
    parser.add_argument("--seconds", type=float, help="of re-planning a day (default: 10, 30 or 60, by its runs)")
    parser.add_argument("--darp-seconds", type=float, default=10.0, help="for each instance (default: 10)")
    parser.add_argument("--bound", type=float, default=20.0, help="seconds to tighten each day's upper bound")
    parser.add_argument("--peer-seconds", type=float, default=60.0, help="for each peer and day; 0: without peers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--date", default=date.today().isoformat(), help="written on the page (default: today)")
    parser.add_argument("--out", type=Path, default=PAGE, help=f"file for the page (default: {PAGE})")
    args = parser.parse_args(argv)
    if not (args.days or args.darp or args.roads):
        parser.error("neither --days nor --darp nor --roads: there is nothing to measure")
    on_one_core()
    show, days = Console(stderr=True), []
    for folder in args.days:
        seconds = args.seconds or seconds_for(folder)
        show.print(f"{folder.resolve().name}: online, then {seconds:g} s of re-planning")
        peers = ["--peers", "--peer-seconds", args.peer_seconds] if args.peer_seconds else []
        asked = ["--seconds", seconds, "--bound", args.bound, "--seed", args.seed, "--online", *peers]
        days.append(run("empty_seats", folder, *asked))
    darp = None
    if args.darp:
        instances = sorted(args.darp.glob("*.txt"))
        show.print(f"{args.darp.resolve().name}: {len(instances)} instances, {args.darp_seconds:g} s each")
        darp = run("darp", *instances, "--seconds", args.darp_seconds, "--seed", args.seed)
    matching, roads = kept(args.out)
    if days or darp:
        matching = page(days, darp, command=told(args), on=args.date)
    if args.roads:
        roads = measure_roads(args)
    args.out.write_text("\n".join(part for part in (matching, roads) if part), encoding="utf-8")
    show.print(f"{args.out} written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
