"""Batch re-planning: many requests over many runs at once, with the routing library of OR-Tools.

The model is built so that its rules are bounds of dimensions and domains of variables (slots.py says how order becomes
one): the local search sees those before it tries a change. Rules that stand beside the dimensions stall it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from matching.model import DAY, LATEST, Detour, Policy, Run, TripRequest
from matching.plan import Plan, Progress, plan_of, settled, worth
from matching.problem import Problem, problem_of
from matching.promises import ON_ROUTE_SLACK
from matching.slots import SLOTS, UNLIMITED
from routing.times import TravelTimes

__all__ = ["Plan", "Progress", "replan"]

PENALTY = 7200
"""Seconds of driving that one end of an unserved request weighs: serving comes first, driving second."""

ROUND = 60
"""Requests that are searched together, neighbours in time; the search slows down sharply beyond some 500 nodes."""


def replan(
    runs: Sequence[Run],
    requests: Sequence[TripRequest],
    times: TravelTimes,
    *,
    seconds: int,
    progress: Callable[[Progress], None] | None = None,
) -> Plan:
    """Place as many requests as possible on runs, then drive as little as possible, in `seconds` of search.

    Booked rides stay on their run and within their promised windows; only their own stops may move. A run that breaks
    a promise already is left alone. The answer is never worse than `runs`, nor than insertion round by round.
    """
    now, rounds = [*runs], _rounds(requests) or [[]]
    for asked in rounds:
        problem = problem_of(now, asked, times)
        if problem is not None:
            tell = progress and _adding(progress, worth(now, times)[0] - worth(runs, times)[0])
            now = _searched(now, problem, times, _Model(problem).solve(max(1, seconds // len(rounds)), tell))
    return plan_of(runs, now, requests, times)


def _rounds(requests: Sequence[TripRequest]) -> list[list[TripRequest]]:
    """Part the requests by their times of day; each round keeps them in the order given."""
    by_time = sorted(requests, key=lambda request: max(request.depart.earliest, request.arrive.earliest))
    rounds = [{one.id for one in by_time[k : k + ROUND]} for k in range(0, len(by_time), ROUND)]
    return [[request for request in requests if request.id in names] for names in rounds]


def _searched(now: Sequence[Run], problem: Problem, times: TravelTimes, routes: list[list[int]]) -> list[Run]:
    """Give the runs that a search found, or those that insertion found if they are worth more."""
    found = {chain.run.id: problem.run_of(v, routes[v], times) for v, chain in enumerate(problem.chains)}
    plans = ([settled(run, plan.get(run.id, run), times) for run in now] for plan in (found, problem.inserted))
    return max(plans, key=lambda runs: worth(runs, times))


def _adding(progress: Callable[[Progress], None], placed: int) -> Callable[[Progress], None]:
    return lambda said: progress(replace(said, served=said.served + placed))


class _Model:
    """The routing model: a vehicle per run, a node per stop, and a node per way to begin or to end a request's ride."""

    def __init__(self, problem: Problem) -> None:
        self._problem, self._chains, self._nodes = problem, problem.chains, problem.nodes
        self._manager = pywrapcp.RoutingIndexManager(len(self._nodes) + 1, len(self._chains), len(self._nodes))
        self._routing = pywrapcp.RoutingModel(self._manager)
        self._index = [self._manager.NodeToIndex(k) for k in range(len(self._nodes))]
        self._pairs = 0
        self._keep_order()
        self._bound_drive()
        self._clock = self._bound_time()
        self._bound_load()
        self._hold_rides()
        self._offer_wishes()

    def solve(self, seconds: int, progress: Callable[[Progress], None] | None) -> list[list[int]]:
        """Search from what insertion found, where the model allows that, else from the runs as they are."""
        parameters = pywrapcp.DefaultRoutingSearchParameters()
        parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
        parameters.time_limit.FromSeconds(seconds)
        self._routing.CloseModelWithParameters(parameters)
        routes = self._problem.routes()
        for number, route in enumerate(self._problem.start()):
            tried = [*routes[:number], route, *routes[number + 1 :]]
            routes = tried if self._assignment(tried) else routes
        given = self._assignment(routes)
        if progress is not None:
            self._routing.AddAtSolutionCallback(self._reporter(progress))
        found = given and self._routing.SolveFromAssignmentWithParameters(given, parameters)
        return [self._route(v, found) for v in range(len(self._chains))] if found else routes

    def _assignment(self, routes: list[list[int]]) -> Any:
        indices = [[self._index[k] for k in route] for route in routes]
        return self._routing.ReadAssignmentFromRoutes(indices, True)  # noqa: FBT003 - OR-Tools knows no names

    def _route(self, number: int, found: Any) -> list[int]:
        route, index = [], found.Value(self._routing.NextVar(self._routing.Start(number)))
        while not self._routing.IsEnd(index):
            route.append(self._manager.IndexToNode(index))
            index = found.Value(self._routing.NextVar(index))
        return route

    def _reporter(self, progress: Callable[[Progress], None]) -> Callable[[], None]:
        active = [self._routing.ActiveVar(self._index[k]) for pickups, _ in self._problem.wishes for k in pickups]
        seen: list[int] = []

        def report() -> None:
            objective = self._routing.CostVar().Value()
            if objective < min(seen, default=objective + 1):
                progress(Progress(sum(one.Value() for one in active), objective, len(seen) + 1))
            seen.append(objective)

        return report

    def _keep_order(self) -> None:
        """Let each visit be followed only by what may stand behind it, in slots that never go back."""
        routing, top = self._routing, max(SLOTS * len(chain.stops) for chain in self._chains)
        still = routing.RegisterUnaryTransitVector([0] * (len(self._nodes) + 1))
        slot = self._dimension("slot", still, most=[top], slack=top)
        holders: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, node in zip(self._index, self._nodes, strict=True):
            for number, where in node.slots.items():
                for one in where:
                    holders[number, one].append(index)
        for index, node in zip(self._index, self._nodes, strict=True):
            slot.CumulVar(index).SetValues(sorted(frozenset().union(*node.slots.values())))
            after = {other for v, where in node.slots.items() for other in self._after(v, where, holders)} - {index}
            absent = node.request is not None
            routing.NextVar(index).SetValues(sorted(after | {index} if absent else after))
            routing.VehicleVar(index).SetValues([-1, *node.slots] if absent else [*node.slots])
        for number in range(len(self._chains)):
            routing.NextVar(routing.Start(number)).SetValue(holders[number, 0][0])

    def _after(self, number: int, where: frozenset[int], holders: dict[tuple[int, int], list[int]]) -> Iterator[int]:
        for slot in where:
            stop = SLOTS * (slot // SLOTS + 1)
            for later in range(slot if slot % SLOTS else slot + 1, stop + 1):
                yield from holders[number, later]
            if stop == SLOTS * len(self._chains[number].stops):
                yield self._routing.End(number)

    def _bound_drive(self) -> None:
        """Cost is driving; a run leaves its road no farther than its policy allows."""
        matrix = self._routing.RegisterTransitMatrix(self._matrix([0] * len(self._nodes)))
        self._routing.SetArcCostEvaluatorOfAllVehicles(matrix)
        drive = self._dimension("drive", matrix, most=[2 * UNLIMITED], free_start=True)
        for number, chain in enumerate(self._chains):
            stops = [stop for stop in chain.stops[chain.part[0] : chain.part[1] + 1] if stop.scheduled]
            cumuls = [drive.CumulVar(self._index[self._problem.at[number, stop.id]]) for stop in stops]
            legs = [self._problem.road.drive(a.place, b.place) for a, b in zip(stops, stops[1:], strict=False)]
            if chain.run.policy.detour is not Detour.NONE:
                self._bound_detour(chain.run.policy, cumuls, legs)

    def _bound_detour(self, policy: Policy, cumuls: list[Any], legs: list[int]) -> None:
        """Count driving from the first scheduled rider's stop, where the count stands at UNLIMITED."""
        for cumul in cumuls[:1]:
            cumul.SetValue(UNLIMITED)
        for n, leg in enumerate(legs, start=1):
            on_route = policy.detour is Detour.ON_ROUTE
            cumuls[n].SetMax(UNLIMITED + sum(legs[:n]) + (n * ON_ROUTE_SLACK if on_route else policy.max_detour))
            if on_route:
                self._routing.solver().Add(cumuls[n] - cumuls[n - 1] <= leg + ON_ROUTE_SLACK)

    def _bound_time(self) -> Any:
        """Begin service within every window. The model counts seconds from a day before: none may be negative."""
        matrix, horizon = self._matrix([node.dwell for node in self._nodes]), DAY + LATEST
        elapsed = self._routing.RegisterTransitMatrix(matrix)
        clock = self._dimension("time", elapsed, most=[horizon], slack=horizon, free_start=True)
        for index, node in zip(self._index, self._nodes, strict=True):
            earliest, latest = node.window.earliest + DAY, node.window.latest + DAY
            clock.CumulVar(index).SetRange(max(0, earliest), min(horizon, latest))
        return clock

    def _matrix(self, dwells: list[int]) -> list[list[int]]:
        places = [node.stop.place for node in self._nodes]
        rows = [
            [dwell + self._problem.road.drive(a, b) for b in places] for dwell, a in zip(dwells, places, strict=True)
        ]
        return [*([*row, 0] for row in rows), [0] * (len(places) + 1)]

    def _bound_load(self) -> None:
        """Carry only what fits one layout of the very run: so many seats beside so many wheelchairs."""
        capacities = [chain.run.capacity for chain in self._chains]
        changes = [[n.change.seats for n in self._nodes], [n.change.wheelchairs for n in self._nodes]]
        change = [self._routing.RegisterUnaryTransitVector([*one, 0]) for one in changes]
        seats = self._dimension("seats", change[0], most=[one.most_seats for one in capacities])
        places = self._dimension("wheelchairs", change[1], most=[one.most_wheelchairs for one in capacities])
        wide, solver = max(capacity.most_wheelchairs for capacity in capacities) + 1, self._routing.solver()
        beside = [UNLIMITED] * wide + [c.seats_beside(n) for c in capacities for n in range(wide)]
        for index in self._index if wide > 1 else []:
            row = (self._routing.VehicleVar(index) + 1) * wide + places.CumulVar(index)
            solver.Add(seats.CumulVar(index) <= solver.Element(beside, row.Var()))

    def _dimension(self, name: str, transit: int, *, most: list[int], slack: int = 0, free_start: bool = False) -> Any:
        """Count something along every run; `most` of it for each run, or one for all."""
        bounds = most * (len(self._chains) // len(most))
        self._routing.AddDimensionWithVehicleCapacity(transit, slack, bounds, not free_start, name)
        return self._routing.GetDimensionOrDie(name)

    def _hold_rides(self) -> None:
        """Keep every ride that a run already has, for no longer than its longest ride."""
        for number, chain in enumerate(self._chains):
            for ride in chain.run.rides:
                on, off = self._problem.at[number, ride.pickup], self._problem.at[number, ride.dropoff]
                longest = self._nodes[on].dwell + ride.max_ride
                if self._nodes[on].stays or self._nodes[off].stays:
                    begin, end = (self._clock.CumulVar(self._index[k]) for k in (on, off))
                    self._routing.solver().Add(end - begin <= longest)
                else:
                    self._routing.AddPickupAndDelivery(self._index[on], self._index[off])
                    self._limit([[longest]])

    def _offer_wishes(self) -> None:
        """Serve each request once or not at all, from one of its pickups to one of its drop-offs on the same run."""
        routing, solver = self._routing, self._routing.solver()
        for wish in self._problem.wishes:
            ends = [[self._index[k] for k in numbers] for numbers in wish]
            routing.AddPickupAndDeliverySets(*[routing.AddDisjunction(end, PENALTY) for end in ends])
            self._limit([[self._problem.longest(on, off) for off in wish[1]] for on in wish[0]])
            on, off = ([routing.VehicleVar(index) for index in end] for end in ends)
            solver.Add(solver.Sum(on) + len(on) == solver.Sum(off) + len(off))

    def _limit(self, longest: list[list[int]]) -> None:
        """Bound the time between the begins of the pair made last, by which of its pickups and drop-offs are used."""
        self._clock.SetPickupToDeliveryLimitFunctionForPair(lambda on, off: longest[on][off], self._pairs)
        self._pairs += 1
