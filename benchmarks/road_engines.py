"""What `benchmarks.matrix` has done in a process of its own: one engine, one area, one core.

python -m benchmarks.road_engines warm                      compile what preparing and asking need
python -m benchmarks.road_engines prepare EXTRACT AREA      prepare an area for a car
python -m benchmarks.road_engines first AREA                start as the web process does, and answer one request
python -m benchmarks.road_engines choose AREA QUESTIONS     choose places, and what is asked of every engine
python -m benchmarks.road_engines noriai AREA QUESTIONS     answer it, and print what it took; so do scipy and igraph
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import peak_memory_mb
from routing import hierarchy as ch
from routing import lines
from routing.drives import Spot, through
from routing.engine import Engine
from routing.hierarchy import FAR, Seeds
from routing.network import Network
from routing.snapping import Roadside
from routing.streets import E7
from routing.times import Place, Places

SAMPLED = 50
"""Origins that are asked of an engine which searches from one origin after another; the time of more is scaled."""

FRESH, TRIPS, RUNS, STOPS, PAIRS = 20, 50, 20, 10, 1000
"""New addresses, single paths, runs with so many stops, and pairs that are held against OSRM."""

Row = dict[str, Any]
Tenths = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """What every engine is asked: places at kerbs of public streets, by (lon, lat) and as nodes of the turned graph.

    nodes: of each place, those of its arc; rest: tenths from the place to the end of its arc. places: how many of them
    stand in tables, the others are new addresses. sources: how many rows are compared. pairs: (lon, lat) of both ends,
    in the middle of their streets, with the tenths of our drive from either side to either side.
    """

    points: NDArray[np.float64]
    first: NDArray[np.int64]
    nodes: NDArray[np.int64]
    rest: Tenths
    places: int
    sizes: tuple[int, ...]
    sources: int
    pairs: NDArray[np.float64]
    tenths: Tenths

    def save(self, path: Path) -> None:
        """Write them for our engines (npz), and beside it for a program that knows nothing of ours (json)."""
        arrays: dict[str, Any] = {one.name: np.asarray(getattr(self, one.name)) for one in fields(self)}
        np.savez(path, **arrays)
        places = self.points.tolist()
        trips, runs = self.trips()
        asked = {
            "places": places[: self.places],
            "new": places[self.places :],
            "sizes": self.sizes,
            "trips": [[places[k] for k in trip] for trip in trips],
            "runs": [[places[k] for k in run] for run in runs],
            "pairs": self.pairs.tolist(),
        }
        path.with_suffix(".json").write_text(json.dumps(asked), encoding="utf-8")

    @staticmethod
    def load(path: Path) -> "Questions":
        with np.load(path) as kept:
            found: dict[str, Any] = dict(kept)
        whole = {name: int(found[name]) for name in ("places", "sources")}
        return Questions(**{**found, **whole, "sizes": tuple(found["sizes"].tolist())})

    def trips(self) -> tuple[list[list[int]], list[list[int]]]:
        """Number the ends of each single path, and the stops of each run."""
        random = np.random.default_rng(1)
        trips = [random.choice(self.places, 2, replace=False).tolist() for _ in range(TRIPS)]
        return trips, [random.choice(self.places, STOPS, replace=False).tolist() for _ in range(RUNS)]

    def drives(self, row: int, ends: NDArray[np.float64]) -> NDArray[np.int64]:
        """Turn the distances of all nodes from the end of a place's arc into whole seconds to each place.

        -1 where both are on the same arc, which is no question for a graph of whole arcs.
        """
        there = np.minimum.reduceat(ends[self.nodes], self.first[:-1])[: self.places]
        tenths = self.rest[row] + there.astype(np.int64) - self.rest[: self.places]
        arcs = self.nodes[self.first[:-1]]
        return np.where(arcs[: self.places] == arcs[row], -1, -(-tenths // 10))


class Clock:
    """Rows of what work took: CPU seconds of one call, and the most memory that the process held until then."""

    def __init__(self, engine: str) -> None:
        self.rows: list[Row] = []
        self._engine = engine

    def time(self, work: str, n: int, calls: Iterable[Callable[[], Any]], scaled: Sequence[int] = ()) -> list[Any]:
        """Make calls one after another and note their mean; or, for each of `scaled`, so many times the mean."""
        answers, took = [], 0.0
        for call in calls:
            start = process_time()
            answers.append(call())
            took += process_time() - start
        mean = took / len(answers)
        for size in scaled:
            self._note(work, size, size * mean, {"sampled": len(answers)})
        if not scaled:
            self._note(work, n, mean, {"repeated": len(answers)})
        return answers

    def _note(self, work: str, n: int, seconds: float, how: dict[str, int]) -> None:
        measured = {"engine": self._engine, "cpu_seconds": seconds, "peak_mb": peak_memory_mb()}
        self.rows.append({"work": work, "n": n, **measured, **how})


def prepare(extract: Path, area: Path) -> None:
    from routing import graph
    from routing.ways import VEHICLES, Rules

    graph.prepare(area.name, str(extract), area, rules=Rules(VEHICLES["car"]))


def choose(area: Path, path: Path, sizes: Sequence[int], check: int) -> None:
    """Draw places at random kerbs of public streets, several at one street where there are few."""
    network = Network.load(area)
    turns, roadside = network.turns, Roadside(network.streets)
    arcs = 2 * turns.street.astype(np.int64) + turns.backward
    public = np.unique(arcs[~turns.private])
    random, most = np.random.default_rng(0), max(sizes)
    points = list[tuple[float, float]]()
    nodes, rest = list[NDArray[np.int64]](), list[int]()
    while len(points) < most + FRESH:
        arc, share = int(random.choice(public)), float(random.uniform(0.1, 0.9))
        place = roadside.place_at(Spot(arc // 2, bool(arc % 2), share))
        spot = roadside.find_spot(place)
        if isinstance(spot, Spot) and spot.arc == arc:
            of_arc = np.flatnonzero(arcs == arc)
            points.append((place.lon, place.lat))
            nodes.append(of_arc)
            rest.append(_rest(turns.time[of_arc[0]], spot))
    first = np.cumsum([0, *map(len, nodes)])
    pairs, tenths = _pairs(network, roadside, random)
    sources = max(min(SAMPLED, most), min(-(-check // most), most))
    flat = np.concatenate(nodes)
    Questions(np.array(points), first, flat, np.array(rest), most, tuple(sizes), sources, pairs, tenths).save(path)


def _rest(time: int, spot: Spot) -> int:
    return int(time) - round(spot.driven * int(time))


def _pairs(
    network: Network, roadside: Roadside, random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw pairs of streets, and drive from the middle of one to that of the other; OSRM minds no side of a street."""
    turns, streets = network.turns, network.streets
    arcs = 2 * turns.street.astype(np.int64) + turns.backward
    public = np.unique(turns.street[~turns.private])
    drawn = np.array([random.choice(public, 2, replace=False) for _ in range(PAIRS)])

    def seeds(street: int, sign: int) -> list[tuple[int, int]]:
        of = [np.flatnonzero(arcs == 2 * street + side) for side in (0, 1)]
        half = [(ends, int(turns.time[ends[0]]) - int(turns.time[ends[0]]) // 2) for ends in of if len(ends)]
        return [(int(node), sign * rest) for ends, rest in half for node in (ends if sign < 0 else ends[:1])]

    out = ch.labels(network.hierarchy, Seeds.of([seeds(a, 1) for a in drawn[:, 0].tolist()]), forward=True)
    into = ch.labels(network.hierarchy, Seeds.of([seeds(b, -1) for b in drawn[:, 1].tolist()]), forward=False)
    tenths = ch.join(out, into).diagonal().astype(np.int64)
    assert len(streets.tail) > drawn.max()
    middles = {s: roadside.place_of(Spot(s, backward=False, share=0.5)) for s in np.unique(drawn).tolist()}
    ends = [[[middles[s].lon, middles[s].lat] for s in pair] for pair in drawn.tolist()]
    kept = tenths < FAR
    return np.array(ends)[kept], tenths[kept]


def noriai(area: Path, asked: Questions) -> tuple[list[Row], NDArray[np.int64]]:
    """Measure our own engine on places, as the service asks it; compiled before, as the service is at its start."""
    ch.warm()
    lines.warm()
    clock = Clock("noriai")
    places = [Place(lat, lon) for lon, lat in asked.points.tolist()]
    known, fresh = places[: asked.places], places[asked.places :]
    about = len(Network.load(area).turns)
    [engine] = clock.time("load", about, [lambda: Engine.load(area)])
    answers = engine.table(known[: asked.sources], known)
    for n in asked.sizes:
        engine = Engine.load(area)
        square = partial(engine.table, known[:n], known[:n])
        clock.time("matrix", n, [square])
        clock.time("matrix of known places", n, [square])
    engine, day = Engine.load(area), Places(tuple(known))
    clock.time("one to many", asked.places, [lambda: engine.table(known[:1], known)])
    engine.table(day, day)
    _both(engine, known[0], day)
    both = [partial(_both, engine, one, day) for one in fresh]
    clock.time("new address", asked.places, both)
    network = Network.load(area)
    starts = asked.nodes[asked.first[:FRESH]].tolist()

    def sweeps(node: int) -> tuple[object, object]:
        seeds = Seeds.of([[(node, 0)]])
        return ch.sweep(network.hierarchy, seeds, forward=True), ch.sweep(network.hierarchy, seeds, forward=False)

    sweeps(starts[-1])
    clock.time("one to all", about, [partial(sweeps, node) for node in starts[:-1]])
    trips, runs = asked.trips()
    engine.path(known[0], known[1])
    clock.time("path", 1, [partial(engine.path, known[a], known[b]) for a, b in trips])
    clock.time("polyline", STOPS, [partial(engine.paths, [known[k] for k in run]) for run in runs])
    return clock.rows, answers.astype(np.int64)


def _both(engine: Engine, one: Place, known: Sequence[Place]) -> tuple[object, object]:
    """The row and the column of a place."""
    return engine.table([one], known), engine.table(known, [one])


def _along(path: Callable[[Any, Any], object], stops: Sequence[Any]) -> list[object]:
    return [path(a, b) for a, b in zip(stops[:-1], stops[1:], strict=True)]


def scipy(area: Path, asked: Questions) -> tuple[list[Row], NDArray[np.int64]]:
    """Measure scipy's Dijkstra on the graph of arcs and turns that our hierarchy is built of."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    first, head, weight = through(Network.load(area).turns)
    size = len(first) - 1
    graph = csr_matrix((weight.astype(np.float64), head, first), shape=(size, size))
    back = graph.T.tocsr()

    def one(node: int) -> NDArray[np.float64]:
        found: NDArray[np.float64] = dijkstra(graph, indices=node)
        return found

    def both(node: int) -> tuple[object, object]:
        return one(node), dijkstra(back, indices=node)

    def path(start: int, end: int) -> list[int]:
        _, before = dijkstra(graph, indices=start, return_predecessors=True)
        found = [end]
        while found[-1] != start:
            found.append(int(before[found[-1]]))
        return found[::-1]

    return _peer("scipy", asked, size, one=one, both=both, path=path)


def igraph(area: Path, asked: Questions) -> tuple[list[Row], NDArray[np.int64]]:
    """Measure igraph's Dijkstra on the same graph."""
    from igraph import Graph

    first, head, weight = through(Network.load(area).turns)
    size = len(first) - 1
    edges = np.column_stack((np.repeat(np.arange(size), np.diff(first)), head))
    graph = Graph(n=size, edges=edges, directed=True)
    weights = weight.tolist()
    targets = np.unique(asked.nodes)

    def one(node: int) -> NDArray[np.float64]:
        found = np.full(size, np.inf)
        found[targets] = graph.distances([node], targets.tolist(), weights=weights, mode="out")[0]
        return found

    def both(node: int) -> tuple[object, object]:
        out, into = (graph.distances([node], None, weights=weights, mode=mode) for mode in ("out", "in"))
        return out, into

    def path(start: int, end: int) -> list[int]:
        found: list[int] = graph.get_shortest_path(start, end, weights=weights, mode="out", output="vpath")
        return found

    return _peer("igraph", asked, size, one=one, both=both, path=path)


def _peer(
    name: str,
    asked: Questions,
    size: int,
    *,
    one: Callable[[int], NDArray[np.float64]],
    both: Callable[[int], tuple[object, object]],
    path: Callable[[int, int], list[int]],
) -> tuple[list[Row], NDArray[np.int64]]:
    """Measure an engine that searches a plain graph from one node."""
    clock = Clock(name)
    starts = asked.nodes[asked.first[:-1]].tolist()
    rows = [asked.drives(k, one(starts[k])) for k in range(asked.sources)]
    sampled = starts[: min(SAMPLED, *asked.sizes)]
    clock.time("matrix", 0, [partial(one, node) for node in sampled], scaled=asked.sizes)
    few = starts[: FRESH // 4]
    clock.time("one to many", asked.places, [partial(one, node) for node in few])
    clock.time("new address", asked.places, [partial(both, node) for node in few])
    clock.time("one to all", size, [partial(both, node) for node in few])
    trips, runs = asked.trips()
    clock.time("path", 1, [partial(path, starts[a], starts[b]) for a, b in trips[: len(few)]])
    few_runs = [[starts[k] for k in run] for run in runs[:2]]
    clock.time("polyline", STOPS, [partial(_along, path, run) for run in few_runs])
    return clock.rows, np.array(rows)


def first_answer(area: Path) -> None:
    """Start as the web process does, load the area, and offer a seat on one run to somebody who asks."""
    import webapp.app  # noqa: F401 - its import is part of the start
    from matching.model import Capacity, Detour, Load, MeetingPoint, Policy, Run, Stop, TripRequest, Window
    from matching.offers import offers
    from routing.places import PlaceIndex

    engine = Engine.load(area)
    PlaceIndex.load(area)
    corners = Network.load(area).streets.nodes
    some = corners[np.linspace(0, len(corners) - 1, 6).astype(int)] * E7
    at = [engine.snap(Place(lat, lon)).place for lon, lat in some.tolist()]
    free = Window(8 * 3600, 12 * 3600)
    stops = tuple(Stop(str(k), place, free, sequence=k, residents=True) for k, place in enumerate(at[:4]))
    policy = Policy(riders=frozenset({"anyone"}), detour=Detour.UP_TO, max_detour=3600, deadhead=True, max_extra=3600)
    run = Run("run", "2026-01-05", "school", "bus", Capacity.of(8), stops, (), policy)
    pickups, dropoffs = ((MeetingPoint(place),) for place in at[4:])
    answer = offers(TripRequest("asked", run.service_date, pickups, dropoffs, Load(1)), [run], engine)
    loaded = sorted({"osmnx", "networkx", "geopandas"} & set(sys.modules))
    assert not loaded, f"the web process imported {', '.join(loaded)}"
    print(answer)


ENGINES = {"noriai": noriai, "scipy": scipy, "igraph": igraph}


def main(argv: Sequence[str]) -> None:
    """Do one piece of work; rows and answers of an engine go to ENGINE.npy beside the questions and to stdout."""
    what, *rest = argv
    if what == "warm":
        ch.warm()
        lines.warm()
    elif what == "prepare":
        prepare(Path(rest[0]), Path(rest[1]))
    elif what == "first":
        first_answer(Path(rest[0]))
    elif what == "choose":
        choose(Path(rest[0]), Path(rest[1]), json.loads(rest[2]), int(rest[3]))
    else:
        path = Path(rest[1])
        rows, answers = ENGINES[what](Path(rest[0]), Questions.load(path))
        np.save(path.with_name(f"{what}.npy"), answers)
        print(json.dumps(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
