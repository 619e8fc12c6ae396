"""The same day asked of others: VROOM by its Python binding, and the routing library of OR-Tools by itself.

What one of them cannot be told is left out of its model, and counted by the judge afterwards: VROOM knows neither a
longest ride nor an order of stops that must be kept.
"""

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from benchmarks.day import POLICY, Day, Plan, Visit, judge, read_day
from benchmarks.machine import peak_memory_mb
from matching.model import Load, Run, Stop, Window
from routing.times import Seconds

PENALTY = 7_200
"""Seconds of driving that OR-Tools takes for each end of an unserved request: serving comes first."""

MOST_REQUESTS = 3_000
"""Requests up to which VROOM is asked: for more it takes many minutes, whatever it is told."""

MOST_NODES = 2_500
"""Nodes up to which the model of OR-Tools is built: its matrices are lists of lists of that many rows."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A peer's plan as the judge sees it; without one, `reason` says why.

    broken: in how many runs the plan breaks each rule. seconds, cpu_seconds: of the model and the search.
    """

    served: int | None = None
    added_drive_seconds: int | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    broken: dict[str, int] | None = None
    peak_memory_mb: float | None = None
    settings: dict[str, int | float] = field(default_factory=dict)
    reason: str | None = None


class TooLargeError(Exception):
    """A day for which a peer's model is not built: a sentence that says why."""


def ask_peers(folder: Path, start: Plan, *, seconds: float, exploration: int) -> dict[str, dict[str, Any]]:
    """Ask every peer for a plan of the day, one after another, each in a process of its own.

    start: a sound plan from which OR-Tools searches; VROOM finds more when it starts from the runs as they are.
    """
    asked: dict[str, tuple[Callable[[Day], Plan], dict[str, int | float]]] = {
        "pyvroom": (
            partial(plan_of_vroom, seconds=seconds, exploration=exploration),
            {"time_limit": seconds, "exploration": exploration},
        ),
        "ortools": (
            partial(plan_of_ortools, start=start, seconds=seconds),
            {"time_limit": seconds, "served_at_start": judge(start, read_day(folder)).served},
        ),
    }
    answers = {}
    for name, (ask, settings) in asked.items():
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            answers[name] = asdict(process.submit(answer, folder, ask, settings).result())
    return answers


def answer(folder: Path, ask: Callable[[Day], Plan], settings: dict[str, int | float]) -> Answer:
    """Time one peer on a day, and judge its plan."""
    day = read_day(folder)
    began, worked = time.perf_counter(), time.process_time()
    try:
        plan = ask(day)
    except TooLargeError as error:
        return Answer(settings=settings, reason=str(error))
    took, cpu = time.perf_counter() - began, time.process_time() - worked
    memory, verdict = peak_memory_mb(), judge(plan, day)
    return Answer(
        verdict.served,
        verdict.added_drive_seconds,
        seconds=round(took, 3),
        cpu_seconds=round(cpu, 3),
        broken=verdict.broken,
        peak_memory_mb=memory,
        settings=settings,
    )


def plan_of_vroom(day: Day, *, seconds: float, exploration: int) -> Plan:
    """Ask VROOM: a vehicle for each run, a job for each scheduled stop that only this vehicle has the skill for.

    It starts from the runs as they are, and searches on one thread.
    """
    import vroom

    if len(day.requests) > MOST_REQUESTS:
        raise TooLargeError(f"not asked: {len(day.requests)} requests take it many minutes")
    problem, zero = vroom.Input(), _zero(day)
    problem.set_durations_matrix("car", day.times.seconds.astype(np.uint32))
    jobs: dict[int, Visit] = {}
    for number, run in enumerate(day.runs):
        start, *stops, end = run.stops
        delivered, collected, through = _change(run)
        steps = []
        for k, stop in enumerate(stops):
            jobs[len(jobs)] = ["stop", k]
            job = vroom.Job(
                id=len(jobs) - 1,
                location=day.times.number(stop.place),
                default_service=stop.dwell,
                delivery=[delivered[stop.id]],
                pickup=[collected[stop.id]],
                skills={number},
                priority=100,
                time_windows=[_shifted(stop.window, zero)],
            )
            problem.add_job(job)
            steps.append(vroom.VehicleStep("single", job.id))
        problem.add_vehicle(
            vroom.Vehicle(
                id=number,
                start=day.times.number(start.place),
                end=day.times.number(end.place),
                capacity=[run.capacity.most_seats - through],
                skills={number},
                time_window=_shifted(start.window & end.window, zero),
                steps=[vroom.VehicleStep("start"), *steps, vroom.VehicleStep("end")],
            )
        )
    for request in day.requests:
        ends = ((request.pickups, request.depart), (request.dropoffs, request.arrive))
        pickup, dropoff = (
            vroom.ShipmentStep(
                id=int(request.id),
                location=day.times.number(points[0].place),
                default_service=POLICY.dwell,
                time_windows=[_shifted(window, zero)],
            )
            for points, window in ends
        )
        problem.add_job(vroom.Shipment(pickup, dropoff, amount=[request.party.seats]))
    found = problem.solve(exploration_level=exploration, nb_threads=1, timeout=timedelta(seconds=seconds)).routes
    visits: dict[str, list[Visit]] = {run.id: [] for run in day.runs}
    names = {"delivery": "dropoff"}
    # A vehicle without any task has no route, and then it has dropped its scheduled stops.
    for vehicle, kind, task in zip(found["vehicle_id"], found["type"], found["id"], strict=True):
        visit = jobs[int(task)] if kind == "job" else [names.get(kind, kind)]
        visits[day.runs[vehicle].id].append([*visit, int(task)] if kind in ("pickup", "delivery") else visit)
    return {"runs": visits}


def _change(run: Run) -> tuple[Counter[str], Counter[str], int]:
    """Count committed riders from the start by the stop where they alight, those to the end by theirs, and both."""
    delivered, collected, through = Counter[str](), Counter[str](), 0
    for ride in run.rides:
        if (ride.pickup, ride.dropoff) == ("start", "end"):
            through += ride.party.seats
        elif ride.pickup == "start":
            delivered[ride.dropoff] += ride.party.seats
        elif ride.dropoff == "end":
            collected[ride.pickup] += ride.party.seats
        else:
            raise ValueError(f"Run {run.id}: this model of VROOM has no riders from one stop to another, as {ride.id}.")
    return delivered, collected, through


def _zero(day: Day) -> int:
    """Earliest second that the day knows: both libraries count time from zero on."""
    earliest = [stop.window.earliest for run in day.runs for stop in run.stops]
    return min(0, *earliest, *(request.depart.earliest for request in day.requests))


def _shifted(window: Window, zero: int) -> tuple[int, int]:
    return window.earliest - zero, window.latest - zero


@dataclass(frozen=True, slots=True)
class _Node:
    """What OR-Tools visits once: a plan's visit, where and when it is, and what the vehicle takes there."""

    visit: Visit
    stop: Stop
    change: Load


def plan_of_ortools(day: Day, start: Plan, *, seconds: float) -> Plan:
    """Ask the routing library of OR-Tools: guided local search from a sound plan.

    Everything stands in dimensions: the order of scheduled stops as precedences of time, the longest ride as the limit
    of a pair. Rules that stand beside the dimensions stall its search.
    """
    nodes, of_run = _nodes(day)
    if len(nodes) > MOST_NODES:
        entries = round(2 * len(nodes) ** 2 / 1e6)
        raise TooLargeError(f"not built: {len(nodes)} nodes are two matrices of {entries} million entries in all")
    at = [day.times.number(node.stop.place) for node in nodes]
    dwell = np.array([node.stop.dwell for node in nodes], dtype=np.int32)
    starts, ends = ([visits[k] for visits in of_run] for k in (0, -1))
    manager = pywrapcp.RoutingIndexManager(len(nodes), len(day.runs), starts, ends)
    routing = pywrapcp.RoutingModel(manager)
    drive: Seconds = day.times.seconds[np.ix_(at, at)]
    routing.SetArcCostEvaluatorOfAllVehicles(routing.RegisterTransitMatrix(drive.tolist()))
    elapsed, horizon = routing.RegisterTransitMatrix((dwell[:, None] + drive).tolist()), _horizon(day)
    routing.AddDimension(elapsed, horizon, horizon, False, "time")  # noqa: FBT003 - OR-Tools knows no names
    load = routing.RegisterUnaryTransitVector([node.change.seats for node in nodes])
    seats = [run.capacity.most_seats for run in day.runs]
    routing.AddDimensionWithVehicleCapacity(load, 0, seats, True, "load")  # noqa: FBT003
    _hold(routing, manager, nodes, of_run, zero=_zero(day))
    _offer(routing, manager, day, nodes)
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    parameters.time_limit.FromMilliseconds(round(seconds * 1000))
    routing.CloseModelWithParameters(parameters)
    given = routing.ReadAssignmentFromRoutes(_routes(manager, nodes, of_run, day, start), True)  # noqa: FBT003
    found = given and routing.SolveFromAssignmentWithParameters(given, parameters)
    if not found:
        raise ValueError(f"{day.name}: OR-Tools refuses the plan that it is to start from.")
    return {"runs": {run.id: _route(routing, manager, found, v, nodes) for v, run in enumerate(day.runs)}}


def _nodes(day: Day) -> tuple[list[_Node], list[list[int]]]:
    """List the nodes of every run, in order, then the pickup and the drop-off of every request."""
    nodes: list[_Node] = []
    of_run: list[list[int]] = []
    for run in day.runs:
        of_run.append([*range(len(nodes), len(nodes) + len(run.stops))])
        for stop in run.stops:
            name, *number = stop.id.split()
            change = sum((ride.party for ride in run.rides if ride.pickup == stop.id), Load())
            change -= sum((ride.party for ride in run.rides if ride.dropoff == stop.id), Load())
            nodes.append(_Node([name, *map(int, number)], stop, change))
    for request in day.requests:
        for kind, points, window, change in (
            ("pickup", request.pickups, request.depart, request.party),
            ("dropoff", request.dropoffs, request.arrive, Load() - request.party),
        ):
            visit: Visit = [kind, int(request.id)]
            nodes.append(_Node(visit, Stop(kind, points[0].place, window, POLICY.dwell), change))
    return nodes, of_run


def _routes(manager: Any, nodes: list[_Node], of_run: list[list[int]], day: Day, start: Plan) -> list[list[int]]:
    """Write a plan as indices of OR-Tools, without the ends of each run."""
    asked = {(str(node.visit[0]), node.visit[-1]): k for k, node in enumerate(nodes) if not node.stop.scheduled}
    routes = []
    for run, of in zip(day.runs, of_run, strict=True):
        here = {(str(nodes[k].visit[0]), nodes[k].visit[-1]): k for k in of} | asked
        visits = start["runs"].get(run.id, [nodes[k].visit for k in of])
        routes.append([manager.NodeToIndex(here[str(visit[0]), visit[-1]]) for visit in visits[1:-1]])
    return routes


def _horizon(day: Day) -> int:
    latest = max(run.stops[-1].window.latest for run in day.runs)
    return max(latest, *(request.arrive.latest for request in day.requests)) - _zero(day)


def _hold(routing: Any, manager: Any, nodes: list[_Node], of_run: list[list[int]], *, zero: int) -> None:
    """Keep every run's scheduled stops on it, in their order; keep every window."""
    clock = routing.GetDimensionOrDie("time")
    for vehicle, (start, *stops, end) in enumerate(of_run):
        clock.CumulVar(routing.Start(vehicle)).SetRange(*_shifted(nodes[start].stop.window, zero))
        clock.CumulVar(routing.End(vehicle)).SetRange(*_shifted(nodes[end].stop.window, zero))
        indices = [manager.NodeToIndex(k) for k in stops]
        for index in indices:
            routing.VehicleVar(index).SetValues([vehicle])
        for k, (before, after) in enumerate(zip(indices, indices[1:], strict=False)):
            clock.AddNodePrecedence(before, after, nodes[stops[k]].stop.dwell)
    ends = {visits[k] for visits in of_run for k in (0, -1)}
    for k, node in enumerate(nodes):
        if k not in ends:
            clock.CumulVar(manager.NodeToIndex(k)).SetRange(*_shifted(node.stop.window, zero))


def _offer(routing: Any, manager: Any, day: Day, nodes: list[_Node]) -> None:
    """Serve each request once or not at all, within its longest ride, by a run that could reach both its ends."""
    clock, first = routing.GetDimensionOrDie("time"), len(nodes) - 2 * len(day.requests)
    near = np.array([_reaches(run, day) for run in day.runs])
    for pair, request in enumerate(day.requests):
        on, off = (manager.NodeToIndex(first + 2 * pair + k) for k in (0, 1))
        routing.AddPickupAndDelivery(on, off)
        routing.solver().Add(routing.VehicleVar(on) == routing.VehicleVar(off))
        for index in (on, off):
            routing.AddDisjunction([index], PENALTY)
            routing.VehicleVar(index).SetValues([-1, *np.flatnonzero(near[:, pair]).tolist()])
        places = request.pickups[0].place, request.dropoffs[0].place
        longest = POLICY.dwell + POLICY.longest_ride(day.times.between(*places))
        clock.SetPickupToDeliveryLimitFunctionForPair(lambda _on, _off, most=longest: most, pair)


def _reaches(run: Run, day: Day) -> NDArray[np.bool_]:
    """Say of each request whether both its ends fit by themselves between two stops of a run, each at its soonest."""
    at, drive = [day.times.number(stop.place) for stop in run.stops], day.times.seconds
    soonest, latest = [stop.window.earliest for stop in run.stops], [stop.window.latest for stop in run.stops]
    for k in range(1, len(at)):
        soonest[k] = max(soonest[k], soonest[k - 1] + run.stops[k - 1].dwell + int(drive[at[k - 1], at[k]]))
    for k in reversed(range(len(at) - 1)):
        latest[k] = min(latest[k], latest[k + 1] - run.stops[k].dwell - int(drive[at[k], at[k + 1]]))
    fits = np.ones(len(day.requests), dtype=np.bool_)
    for ends in (
        [(request.pickups[0].place, request.depart) for request in day.requests],
        [(request.dropoffs[0].place, request.arrive) for request in day.requests],
    ):
        places = [day.times.number(place) for place, _ in ends]
        opens, closes = (np.array([getattr(window, end) for _, window in ends]) for end in ("earliest", "latest"))
        one = np.zeros_like(fits)
        for k in range(len(at) - 1):
            begin = np.maximum(soonest[k] + run.stops[k].dwell + drive[at[k], places], opens)
            one |= (begin <= closes) & (begin + POLICY.dwell + drive[places, at[k + 1]] <= latest[k + 1])
        fits &= one
    return fits


def _route(routing: Any, manager: Any, found: Any, vehicle: int, nodes: list[_Node]) -> list[Visit]:
    index, visits = routing.Start(vehicle), []
    while not routing.IsEnd(index):
        visits.append(nodes[manager.IndexToNode(index)].visit)
        index = found.Value(routing.NextVar(index))
    return [*visits, nodes[manager.IndexToNode(index)].visit]
