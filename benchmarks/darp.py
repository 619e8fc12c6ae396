"""Measure the dial-a-ride instances of Cordeau (2006): total distance in given time, against the optimum where known.

The instances know minutes with fractions. Here one unit of time is 1e-5 minutes, and distances are rounded up: what is
kept in whole units is kept in minutes, too. The distance told is the sum of the unrounded ones, as in the literature.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.day import SERVICE_DATE, allow_all
from benchmarks.machine import machine, peak_memory_mb, versions
from benchmarks.table_times import MatrixTimes
from matching import solver
from matching.model import Capacity, Load, MeetingPoint, Policy, Ride, Run, Stop, TripRequest, Window
from matching.objective import Objective
from matching.promises import broken

UNIT = 100_000
"""Units of time in a minute."""

UNBOUND = 2**28
"""Units that nothing of an instance reaches, and whose sum with any of its times still fits an int32."""

OPTIMA = {
    "a2-16": 294.248,
    "a2-20": 344.8341,
    "a2-24": 431.1204,
    "a3-24": 344.8336,
    "a3-30": 494.8467,
    "a3-36": 583.1871,
    "a4-32": 485.4957,
    "a4-40": 557.6872,
    "a4-48": 668.8182,
    "a5-40": 498.4074,
    "a5-50": 686.6249,
    "a5-60": 808.4234,
    "a6-48": 604.1232,
    "a6-60": 819.2458,
    "a6-72": 916.0489,
    "a7-56": 724.0396,
    "a7-70": 889.1192,
    "a7-84": 1033.3655,
    "a8-64": 747.4621,
    "a8-80": 945.7306,
    "a8-96": 1229.6649,
}
"""Set a, proven by an exact solver (restricted fragments); to two decimals as in Ropke, Cordeau and Laporte (2007)."""


class InstanceError(ValueError):
    """An instance that this benchmark cannot stand for: a sentence that says what is wrong with the file."""


@dataclass(frozen=True, slots=True)
class Node:
    """One line of an instance: a point, minutes of service, what boards there (less than 0: alights), its window."""

    x: float
    y: float
    service: float
    load: int
    window: Window


@dataclass(frozen=True)
class Instance:
    """An instance: node 0 is the depot, nodes 1 to n are pickups, and n + 1 to 2n their drop-offs. Minutes."""

    name: str
    vehicles: int
    duration: float
    capacity: int
    longest_ride: float
    nodes: tuple[Node, ...]

    @property
    def n(self) -> int:
        return len(self.nodes) // 2

    @cached_property
    def times(self) -> MatrixTimes:
        """Distances in units, rounded up, which keeps the triangle inequality."""
        points = np.array([(node.x, node.y) for node in self.nodes])
        away = np.hypot(*(points[:, None, :] - points[None, :, :]).transpose(2, 0, 1))
        return MatrixTimes(np.ceil(away * UNIT).astype(np.int32))

    @cached_property
    def policy(self) -> Policy:
        """Whatever an instance forbids stands in windows, loads and rides; service is a need of the party."""
        services = {_service(node): round(node.service * UNIT) for node in self.nodes}
        return allow_all(self.name, UNBOUND, ride_slack=UNBOUND, dwell=0, dwell_needs=tuple(sorted(services.items())))

    @cached_property
    def objective(self) -> Objective:
        """Requests first; all weights and all driving together stay within an int32."""
        return Objective(unserved=min(200 * UNIT, (2**31 - 1) // (2 * self.n)), harm=0)

    def runs(self) -> tuple[Run, ...]:
        """Make a run of each vehicle, out of the depot and back; its longest duration is the ride of nobody."""
        depot, place = self.nodes[0], self.times.places[0]
        stops = tuple(Stop(name, place, depot.window, sequence=k) for k, name in enumerate(("out", "in")))
        ride = Ride(
            id="duration",
            pickup="out",
            dropoff="in",
            party=Load(),
            max_ride=round(self.duration * UNIT),
            committed=True,
            board=depot.window,
            alight=depot.window,
        )
        run = Run("", SERVICE_DATE, "operator", "", Capacity.of(self.capacity), stops, (ride,), self.policy)
        names = (str(k + 1) for k in range(self.vehicles))
        return tuple(replace(run, id=name, vehicle=f"vehicle {name}") for name in names)

    def requests(self) -> tuple[TripRequest, ...]:
        return tuple(self._request(k) for k in range(1, self.n + 1))

    def _request(self, k: int) -> TripRequest:
        pickup, dropoff = self.nodes[k], self.nodes[k + self.n]
        if pickup.service != dropoff.service or pickup.load != -dropoff.load:
            raise InstanceError(f"{self.name}: request {k} alights with another load or service than it boards with.")
        return TripRequest(
            id=str(k),
            service_date=SERVICE_DATE,
            pickups=(MeetingPoint(self.times.places[k]),),
            dropoffs=(MeetingPoint(self.times.places[k + self.n]),),
            party=Load(pickup.load),
            depart=pickup.window,
            arrive=dropoff.window,
            needs=frozenset({_service(pickup)}),
            max_ride=round(self.longest_ride * UNIT),
        )

    def distance(self, routes: Sequence[Sequence[int]]) -> float:
        """Sum the unrounded distances of routes, from the depot and back."""
        paths = ([self.nodes[k] for k in (0, *route, 0)] for route in routes)
        legs = (leg for path in paths for leg in zip(path, path[1:], strict=False))
        return sum(math.dist((a.x, a.y), (b.x, b.y)) for a, b in legs)

    def sound(self, routes: Sequence[Sequence[int]]) -> bool:
        """Is every request served once, on no more vehicles than there are, with every promise kept?"""
        served = sorted(node for route in routes for node in route)
        if len(routes) > self.vehicles or served != list(range(1, 2 * self.n + 1)):
            return False
        runs = zip(self.runs(), routes, strict=False)
        return not any(broken(self._driven(run, route), self.times, run) for run, route in runs)

    def _driven(self, run: Run, route: Sequence[int]) -> Run:
        """Build the run that drives a route, from the instance alone."""
        windows = {k: self.nodes[k].window for k in route}
        stops = [Stop(str(k), self.times.places[k], windows[k]) for k in route]
        rides = tuple(
            Ride(
                id=f"request {k}",
                pickup=str(k),
                dropoff=str(k + self.n),
                party=Load(self.nodes[k].load),
                max_ride=round(self.longest_ride * UNIT),
                board=windows[k],
                alight=self.nodes[k + self.n].window,
                dwell=round(self.nodes[k].service * UNIT),
            )
            for k in sorted({k - self.n * (k > self.n) for k in route})
            if k in windows
        )
        return replace(run, stops=(run.stops[0], *stops, run.stops[1]), rides=(*run.rides, *rides))


def _service(node: Node) -> str:
    return f"service {node.service:g}"


def read_instance(path: Path) -> Instance:
    """Read an instance.

    First line: vehicles, 2n (or n), longest duration of a route, capacity, longest ride; then id, x, y, service, load,
    earliest and latest of the depot, the pickups and the drop-offs. Some files end with a copy of the depot.
    """
    head, *rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    nodes = tuple(_node(row) for row in rows)
    nodes = nodes if len(nodes) % 2 else nodes[:-1]
    if len(nodes) // 2 not in (int(head[1]), int(head[1]) // 2):
        raise InstanceError(f"{path.name}: {len(nodes)} nodes, where its first line has {head[1]}.")
    return Instance(path.stem, int(head[0]), float(head[2]), int(head[3]), float(head[4]), nodes)


def _node(row: Sequence[str]) -> Node:
    x, y, service, load, earliest, latest = (float(value) for value in row[1:7])
    window = Window(math.ceil(round(earliest * UNIT, 3)), math.floor(round(latest * UNIT, 3)))
    return Node(x, y, service, round(load), window)


def routes_of(runs: Sequence[Run], n: int) -> list[list[int]]:
    """Write runs as routes of node numbers, one for each vehicle that leaves the depot."""
    routes = [list(_visited(run, n)) for run in runs]
    return [route for route in routes if route]


def _visited(run: Run, n: int) -> Iterator[int]:
    for stop in run.stops:
        yield from (int(ride.id) + n for ride in run.residents if ride.dropoff == stop.id)
        yield from (int(ride.id) for ride in run.residents if ride.pickup == stop.id)


def solve(instance: Instance, *, seconds: float, seed: int) -> tuple[dict[str, Any], list[list[int]]]:
    """Plan one instance in `seconds`; give its report and its routes."""
    runs, requests, times = instance.runs(), instance.requests(), instance.times
    began, worked = time.perf_counter(), time.process_time()
    plan = solver.replan(runs, requests, times, seconds=seconds, objective=instance.objective, seed=seed)
    took, cpu = time.perf_counter() - began, time.process_time() - worked
    routes = routes_of(plan.runs, instance.n)
    distance, optimum = instance.distance(routes), OPTIMA.get(instance.name)
    sound = instance.sound(routes)
    return {
        "instance": instance.name,
        "served": sum(len(route) for route in routes) // 2,
        "requests": instance.n,
        "distance": round(distance, 4),
        "optimum": optimum,
        "gap_percent": round(100 * (distance / optimum - 1), 4) if optimum and sound else None,
        "seconds": round(took, 3),
        "cpu_seconds": round(cpu, 3),
        "sound": sound,
    }, routes


def measure(
    paths: Sequence[Path], *, seconds: float, seed: int, solution: Path | None, show: Console
) -> dict[str, Any]:
    """Plan instances one after another, and sum up their gaps to the optimum."""
    began = time.perf_counter()
    solver.warm()
    warm, reports = time.perf_counter() - began, []
    with Progress(console=show, auto_refresh=False) as bar:
        for path in bar.track(paths, description="instances"):
            bar.refresh()
            report, routes = solve(read_instance(path), seconds=seconds, seed=seed)
            reports.append(report)
            if solution:
                _write(routes, solution if len(paths) == 1 else solution / f"{path.stem}.json")
    gaps = [report["gap_percent"] for report in reports if report["gap_percent"] is not None]
    return {
        "instances": reports,
        "mean_gap_percent": round(sum(gaps) / len(gaps), 4) if gaps else None,
        "worst_gap_percent": max(gaps, default=None),
        "warm_seconds": round(warm, 3),
        "seed": seed,
        "peak_memory_mb": peak_memory_mb(),
        "machine": machine(),
        "versions": versions(),
    }


def _write(routes: list[list[int]], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"routes": routes}), encoding="utf-8")


def show_report(report: dict[str, Any], show: Console) -> None:
    """Print a report for a person."""
    table = Table("instance", "distance", "optimum", "gap, %", "seconds", "sound")
    for one in report["instances"]:
        known = ("-", "-") if one["gap_percent"] is None else (f"{one['optimum']:.2f}", f"{one['gap_percent']:.2f}")
        table.add_row(
            one["instance"], f"{one['distance']:.2f}", *known, f"{one['seconds']:.1f}", "yes" if one["sound"] else "NO"
        )
    show.print(table)
    if report["mean_gap_percent"] is not None:
        show.print(f"gap: mean {report['mean_gap_percent']:.3f} %, worst {report['worst_gap_percent']:.3f} %")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when every plan serves everyone and keeps every promise."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.darp", description=__doc__)
    parser.add_argument("instances", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each instance (default: 10)")
    parser.add_argument("--solution", type=Path, help="file for the routes (JSON); with several instances, a folder")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, and nothing else")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    show = Console(stderr=True, quiet=args.json)
    report = measure(args.instances, seconds=args.seconds, seed=args.seed, solution=args.solution, show=show)
    if args.json:
        print(json.dumps(report))
    else:
        show_report(report, Console())
    return 0 if all(one["sound"] for one in report["instances"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
