"""Measure one day of runs with free seats: requests answered one by one, the whole day re-planned, and others beside.

JSON: what the plan serves, the driving it adds (seconds), what the search took, the most that any plan could serve,
and in how many runs each promise is broken (none, or the answer is no answer and the exit code is 1).
"""

import argparse
import gc
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.day import Day, judge, plan_of, read_day
from benchmarks.machine import machine, peak_memory_mb, versions
from benchmarks.peers import ask_peers
from matching import bound, fleet, kernel, ruin, solver
from matching.model import Run
from matching.objective import Objective

OBJECTIVE = Objective(unserved=100_000, harm=0)
"""Requests served first, then driving: what the days are compared by. A delay within the promises costs nothing."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured: `seconds` of re-planning (0: none), online, others beside with their own limit (seconds)."""

    seconds: float = 10.0
    bound_seconds: float = 0.0
    online: bool = False
    peers: bool = False
    peer_seconds: float = 60.0
    exploration: int = 5
    seed: int = 0


def measure(folder: Path, options: Options, show: Console) -> tuple[dict[str, Any], tuple[Run, ...]]:
    """Measure a day; give the report, and the runs of its plan: re-planned, or as online answers left them."""
    day = read_day(folder)
    began = time.perf_counter()
    solver.warm()
    warm = time.perf_counter() - began
    report: dict[str, Any] = {"day": day.name, "runs": len(day.runs), "requests": len(day.requests)}
    answered, online = day.runs, None
    if options.online:
        show.print(f"{day.name}: {len(day.requests)} requests, one by one")
        answered, online = answer_online(day)
    searched = _replan(day, options, show) if options.seconds else None
    runs, search = searched or (answered, {"seconds": None, "cpu_seconds": None, "upper_bound": None})
    if options.bound_seconds:
        proved = bound.upper_bound(day.runs, day.requests, day.times, seconds=options.bound_seconds, known=runs)
        search["upper_bound"] = min(proved, search["upper_bound"] or proved)
    verdict = judge(plan_of(runs), day)
    report |= {"served": verdict.served, "added_drive_seconds": verdict.added_drive_seconds, **search}
    report |= {"broken": verdict.broken, "online": online, "warm_seconds": round(warm, 3), "seed": options.seed}
    report |= {"peak_memory_mb": peak_memory_mb(), "machine": machine(), "versions": versions(), "peers": None}
    if options.peers:
        show.print(f"{day.name}: VROOM and OR-Tools, up to {options.peer_seconds:g} s each")
        start, limit = plan_of(answered), options.peer_seconds
        report["peers"] = ask_peers(folder, start, seconds=limit, exploration=options.exploration)
    return report, runs


def answer_online(day: Day) -> tuple[tuple[Run, ...], dict[str, Any]]:
    """Answer requests in the order in which they were asked, each taken where it fits best, and time every call.

    The day's places are known before its requests, as a town knows its streets. Nothing else runs meanwhile: no garbage
    collection, and nothing is drawn on a screen.
    """
    began = time.perf_counter()
    seats = fleet.Fleet(day.runs, day.times, objective=OBJECTIVE, places=day.times.places)
    built = time.perf_counter() - began
    found, taken = [], []
    before = seats.candidates
    gc.collect()
    gc.disable()
    try:
        for request in sorted(day.requests, key=lambda request: request.asked_at):
            began = time.perf_counter_ns()
            placement = seats.best(request)
            found.append(time.perf_counter_ns() - began)
            if placement is not None:
                began = time.perf_counter_ns()
                seats.accept(placement)
                taken.append(time.perf_counter_ns() - began)
    finally:
        gc.enable()
    runs = tuple(seats.runs())
    verdict, candidates = judge(plan_of(runs), day), seats.candidates - before
    return runs, {
        "served": verdict.served,
        "added_drive_seconds": verdict.added_drive_seconds,
        "p50_ms": _percentile(found, 50),
        "p99_ms": _percentile(found, 99),
        "mean_ms": round(sum(found) / len(found) / 1e6, 4),
        "accept_p50_ms": _percentile(taken, 50),
        "accept_p99_ms": _percentile(taken, 99),
        "candidates": candidates,
        "candidates_per_second": round(candidates / sum(found) * 1e9),
        "build_seconds": round(built, 3),
        "ns_per_candidate": _kernel_ns(runs, day),
        "broken": verdict.broken,
    }


def _kernel_ns(runs: Sequence[Run], day: Day) -> float | None:
    """Search the filled runs for every request once more inside compiled code: nanoseconds for each position."""
    seats = fleet.Fleet(runs, day.times, objective=OBJECTIVE, places=day.times.places)
    for request in day.requests:
        seats.add(request)
    windows, listed = np.zeros((len(day.requests), 4), np.int32), np.zeros(max(1, len(runs)), np.int32)
    ruin.tighten(seats.state, windows)
    found = np.zeros((1, kernel.FOUND), np.int32)
    _find_all(seats.state, windows[:1], listed, found)  # compiles it
    before, took = seats.candidates, []
    for _ in range(5):
        began = time.perf_counter_ns()
        _find_all(seats.state, windows, listed, found)
        took.append(time.perf_counter_ns() - began)
    looked = (seats.candidates - before) // len(took)
    return round(float(np.median(took)) / looked, 1) if looked else None


@njit
def _find_all(state: kernel.State, windows: Any, listed: Any, found: Any) -> None:
    for q in range(len(windows)):
        kernel.find(state, q, windows[q], listed, found)


def _percentile(nanoseconds: list[int], share: int) -> float | None:
    return round(float(np.percentile(nanoseconds, share)) / 1e6, 4) if nanoseconds else None


def _replan(day: Day, options: Options, show: Console) -> tuple[tuple[Run, ...], dict[str, Any]]:
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    # Without a thread of its own the bar takes no time from the search that it shows.
    with Progress(*columns, console=show, auto_refresh=False) as bar:
        task = bar.add_task(f"{day.name}: re-planning", total=options.seconds)
        began, worked = time.perf_counter(), time.process_time()

        def tell(said: solver.Progress) -> None:
            done = min(options.seconds, time.perf_counter() - began)
            bar.update(task, completed=done, description=f"{day.name}: {said.served} served", refresh=True)

        plan = solver.replan(
            day.runs,
            day.requests,
            day.times,
            seconds=options.seconds,
            objective=OBJECTIVE,
            seed=options.seed,
            progress=None if show.quiet else tell,
        )
        took, cpu = time.perf_counter() - began, time.process_time() - worked
        bar.update(task, completed=options.seconds, refresh=True)
    figures = {"seconds": round(took, 3), "cpu_seconds": round(cpu, 3), "upper_bound": plan.upper_bound}
    return tuple(plan.runs), figures


def show_report(report: dict[str, Any], show: Console) -> None:
    """Print a report for a person."""
    table = Table("", "served", "added drive, h", "seconds", "broken", title=f"{report['day']}: {report['runs']} runs")
    rows = {"re-plan": report if report["seconds"] is not None else None, "online": report["online"]}
    rows |= report["peers"] or {}
    for name, row in rows.items():
        if row is None:
            continue
        if row.get("reason"):
            table.add_row(name, "-", "-", "-", row["reason"])
            continue
        faults = ", ".join(f"{rule} in {count} runs" for rule, count in row["broken"].items()) or "nothing"
        served = f"{row['served']} of {report['requests']}"
        table.add_row(name, served, f"{row['added_drive_seconds'] / 3600:.2f}", f"{row.get('seconds', '')}", faults)
    show.print(table)
    if report["upper_bound"] is not None:
        show.print(f"No plan can serve more than {report['upper_bound']}.")
    if report["online"]:
        one = report["online"]
        show.print(
            f"online: p50 {one['p50_ms']} ms, p99 {one['p99_ms']} ms, {one['candidates_per_second']:,} candidates/s"
            f" ({one['ns_per_candidate']} ns each); accepting p50 {one['accept_p50_ms']} ms"
        )
    show.print(f"peak memory {report['peak_memory_mb']} MB; {report['machine']['processor']}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when every promise is kept."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.empty_seats", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("day", type=Path, help="folder with day.json and seconds.npy")
    parser.add_argument("--seconds", type=float, default=10.0, help="of re-planning; 0: online alone (default: 10)")
    parser.add_argument(
        "--bound", type=float, default=20.0, help="seconds to prove the upper bound after that (default: 20)"
    )
    parser.add_argument("--online", action="store_true", help="also answer the requests one by one, as they were asked")
    parser.add_argument("--plan", type=Path, help="file for the plan (JSON)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, and nothing else")
    parser.add_argument(
        "--peers",
        action="store_true",
        help="also ask VROOM (pyvroom) and OR-Tools, which starts from what --online gave",
    )
    parser.add_argument("--peer-seconds", type=float, default=60.0, help="for each of them (default: 60)")
    parser.add_argument("--exploration", type=int, default=5, choices=range(6), help="of VROOM (default: 5)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    if not (args.online or args.seconds):
        parser.error("--seconds 0 leaves nothing to measure without --online")
    options = Options(
        args.seconds, args.bound, args.online, args.peers, args.peer_seconds, args.exploration, seed=args.seed
    )
    report, runs = measure(args.day, options, Console(stderr=True, quiet=args.json))
    if args.plan:
        args.plan.write_text(json.dumps(plan_of(runs)), encoding="utf-8")
    if args.json:
        print(json.dumps(report))
    else:
        show_report(report, Console())
    return 1 if report["broken"] or (report["online"] or {}).get("broken") else 0


if __name__ == "__main__":
    raise SystemExit(main())
