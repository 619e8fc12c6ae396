"""OSRM beside us: run by an interpreter that has `osrm-bindings`, with nothing of ours imported.

python osrm_driver.py prepare EXTRACT          extract and contract for the car, beside the extract, on one thread
python osrm_driver.py measure EXTRACT QUESTIONS   answer the questions (JSON), and print what it took (JSON)

Only calls of the library are timed, not the reading of what they answer.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import Any

import osrm

Point = tuple[float, float]
Row = dict[str, Any]


def base(extract: Path) -> Path:
    """Give the name that OSRM's files of an extract begin with."""
    name = extract.name
    for ending in (".bz2", ".gz", ".pbf", ".osm"):
        name = name.removesuffix(ending)
    return extract.with_name(name + ".osrm")


def prepare(extract: Path) -> None:
    profile = Path(osrm.__file__).parent / "share" / "profiles" / "car.lua"
    for step in (["extract", "-t", "1", "-p", profile, extract], ["contract", "-t", "1", base(extract)]):
        command = [sys.executable, "-m", "osrm", *map(str, step)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - OSRM's own tools


class Measure:
    """An engine, and what its calls took."""

    def __init__(self, extract: Path) -> None:
        self.rows: list[Row] = []
        start = process_time()
        self._engine = osrm.OSRM(
            storage_config=str(base(extract)),
            algorithm="CH",
            use_shared_memory=False,
            max_locations_distance_table=-1,
            max_locations_viaroute=-1,
        )
        self._row("load", 0, process_time() - start, 1)

    def time(self, work: str, n: int, calls: Sequence[Callable[[], object]]) -> list[Any]:
        """Make calls, and note the mean of what they took."""
        start = process_time()
        answers = [call() for call in calls]
        self._row(work, n, (process_time() - start) / len(calls), len(calls))
        return answers

    def table(self, origins: Sequence[Point], destinations: Sequence[Point]) -> Callable[[], Any]:
        points = [*origins, *destinations]
        question = osrm.TableParameters(
            coordinates=points,
            sources=list(range(len(origins))),
            destinations=list(range(len(origins), len(points))),
            annotations=["duration"],
        )
        return lambda: self._engine.Table(question)

    def square(self, points: Sequence[Point]) -> Callable[[], Any]:
        question = osrm.TableParameters(coordinates=list(points), annotations=["duration"])
        return lambda: self._engine.Table(question)

    def route(self, points: Sequence[Point]) -> Callable[[], Any]:
        question = osrm.RouteParameters(coordinates=list(points), geometries="geojson", overview="full")
        return lambda: self._answered(question)

    def _answered(self, question: Any) -> Any:
        try:
            return self._engine.Route(question)
        except RuntimeError:  # no way between the streets that it chose
            return None

    def _row(self, work: str, n: int, seconds: float, repeated: int) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2 ** (20 if sys.platform == "darwin" else 10)
        self.rows.append({"work": work, "n": n, "cpu_seconds": seconds, "peak_mb": peak, "repeated": repeated})


def measure(extract: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Answer all questions; durations in seconds, None where OSRM finds no way."""
    on = Measure(extract)
    places, fresh, pairs = asked["places"], asked["new"], asked["pairs"]
    for n in asked["sizes"]:
        on.time("matrix", n, [on.square(places[:n])])
    many = len(places)
    on.time("one to many", many, [on.table(places[:1], places)])
    rows, columns = [on.table([one], places) for one in fresh], [on.table(places, [one]) for one in fresh]
    both = [lambda row=row, column=column: (row(), column()) for row, column in zip(rows, columns, strict=True)]
    on.time("new address", many, both)
    on.time("path", 1, [on.route(trip) for trip in asked["trips"]])
    on.time("polyline", 10, [on.route(run) for run in asked["runs"]])
    found = [on.table([start], [end])()["durations"][0][0] for start, end in pairs]
    return {"rows": on.rows, "durations": [None if one is None else float(one) for one in found]}


def main(argv: Sequence[str]) -> None:
    if argv[0] == "prepare":
        prepare(Path(argv[1]))
        return
    asked = json.loads(Path(argv[2]).read_text(encoding="utf-8"))
    print(json.dumps(measure(Path(argv[1]), asked)))


if __name__ == "__main__":
    main(sys.argv[1:])
