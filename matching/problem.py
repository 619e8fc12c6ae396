"""What a batch search has to decide, in numbers: runs, the visits that each could make, and where to start from."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from matching import insertion, schedule
from matching.insertion import Insertion
from matching.model import Load, Policy, Ride, Run, Stop, TripRequest, Window
from matching.plan import with_stops
from matching.promises import broken
from matching.slots import SLOTS, Chain, End, Ends, Road, chain_of, ends_on, places_of, slots_of_booked
from routing.times import TravelTimes

CANDIDATES = 4
"""Runs on which a request is tried: those that would leave their road least for it."""


@dataclass(frozen=True, slots=True)
class Node:
    """One visit that a plan may make; `slots` say where it may stand on each run, by the run's number.

    A node with a request begins or ends its ride. One that joins uses a stop of a chain: dwell, window and change of
    load are then its own share there, and `policy` is what every run of its slots allows it.
    """

    stop: Stop
    window: Window
    dwell: int
    change: Load
    slots: dict[int, frozenset[int]]
    request: TripRequest | None = None
    joins: bool = False
    policy: Policy = Policy()

    @property
    def stays(self) -> bool:
        """Is this a stop of a chain?"""
        return all(slot % SLOTS == 0 for slots in self.slots.values() for slot in slots)


Wish = tuple[list[int], list[int]]
"""The nodes at which a request's ride could begin, and those at which it could end."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Runs by number and nodes by number: first the stops that the runs have, in their order, then the wishes'.

    at: node of a stop, by run number and stop id. inserted: what insertion makes of the runs, by run id.
    """

    chains: list[Chain]
    road: Road
    nodes: list[Node]
    at: dict[tuple[int, str], int]
    wishes: list[Wish]
    inserted: dict[str, Run]

    def longest(self, on: int, off: int) -> int:
        """Most seconds between the begins of a wish's pickup and drop-off."""
        pickup, dropoff = self.nodes[on], self.nodes[off]
        return pickup.dwell + pickup.policy.longest_ride(self.road.drive(pickup.stop.place, dropoff.stop.place))

    def routes(self) -> list[list[int]]:
        """Give the runs as they are, as nodes."""
        return [[self.at[v, stop.id] for stop in chain.run.stops] for v, chain in enumerate(self.chains)]

    def start(self) -> list[list[int]]:
        """Give the runs, as nodes, after inserting the wishes one after another."""
        return [self._route(v, self.inserted.get(c.run.id, c.run)) for v, c in enumerate(self.chains)]

    def _route(self, number: int, run: Run) -> list[int]:
        joining: dict[str, list[int]] = defaultdict(list)
        for ride in run.rides[len(self.chains[number].run.rides) :]:
            ends = self._ends_of(number, run, ride)
            if ends:
                joining[ride.dropoff].insert(0, ends[1])
                joining[ride.pickup].append(ends[0])
        for stop in run.stops:
            if (number, stop.id) in self.at:
                joining[stop.id].append(self.at[number, stop.id])
                joining[stop.id].sort(key=lambda k: min(self.nodes[k].slots[number]) % SLOTS == 1)
        return [k for stop in run.stops for k in joining[stop.id]]

    def _ends_of(self, number: int, run: Run, ride: Ride) -> tuple[int, int] | None:
        """Find the nodes of an inserted ride; None when the problem has none for one of its ends."""
        stops = {stop.id: stop for stop in run.stops}
        ways = next(wish for wish in self.wishes if self._id_of(wish) == ride.id)
        on, off = (
            [k for k in end if number in self.nodes[k].slots and self.nodes[k].stop == stops[name]]
            for end, name in zip(ways, (ride.pickup, ride.dropoff), strict=True)
        )
        return (on[0], off[0]) if on and off else None

    def _id_of(self, wish: Wish) -> str | None:
        request = self.nodes[wish[0][0]].request
        return None if request is None else request.id

    def run_of(self, number: int, route: Sequence[int], times: TravelTimes) -> Run:
        """Make a run of the nodes that it visits."""
        visits = [self.nodes[k] for k in route]
        ended = {node.request.id: node.stop for node in visits if node.request}
        asked = [(node.request, node.stop) for node in visits if node.request]
        served = [(request, on, ended[request.id]) for request, on in asked if on != ended[request.id]]
        stops = tuple(node.stop for node in visits if not node.joins)
        return with_stops(self.chains[number].run, stops, served, times)


def problem_of(runs: Sequence[Run], requests: Sequence[TripRequest], times: TravelTimes) -> Problem | None:
    """Number the requests that ride nowhere yet and the sound runs that could serve them; None when there are none.

    When no run could serve any, what is left to improve is how the runs drive that residents ride on.
    """
    riding = {ride.id for run in runs for ride in run.rides}
    wanted = [request for request in requests if request.id not in riding]
    sound = [run for run in runs if len(run.stops) > 1 and not broken(run, times)]
    seated = _insert_all(sound, wanted, times)
    wanted = [_as_seated(request, seated) for request in wanted]
    chains = [chain_of(run, times) for run in sound]
    stops = [stop.place for run in sound for stop in run.stops]
    road = Road([*stops, *(place for request in wanted for place in places_of(request))], times)
    ways = {request: _ways(request, chains, road, seated.get(request.id)) for request in wanted}
    serving = {k for one in ways.values() for k, _ in one}
    used = sorted(serving or {k for k, run in enumerate(sound) if run.residents})
    if not used:
        return None
    chains = [chains[k] for k in used]
    nodes = [node for v, chain in enumerate(chains) for node in _nodes_of_run(v, chain, road)]
    at = {(v, node.stop.id): k for k, node in enumerate(nodes) for v in node.slots}
    wishes = []
    for request, one in ways.items():
        if one:
            ends = _nodes_of_request(request, [(used.index(k), chains[used.index(k)], ends) for k, ends in one])
            first = len(nodes), len(nodes) + len(ends[0])
            nodes += [*ends[0], *ends[1]]
            wishes.append(([*range(*first)], [*range(first[1], len(nodes))]))
    return Problem(chains, road, nodes, at, wishes, {one.run.id: one.run for one in seated.values()})


def _insert_all(runs: list[Run], requests: list[TripRequest], times: TravelTimes) -> dict[str, Insertion]:
    """Insert requests one after another, each where that is cheapest; give what was found, in that order."""
    now, seated = {run.id: run for run in runs}, {}
    for request in requests:
        found = insertion.best(request, [*now.values()], times)
        if found is not None:
            seated[request.id], now[found.run.id] = found, found.run
    return seated


def _as_seated(request: TripRequest, seated: dict[str, Insertion]) -> TripRequest:
    """Name first the meeting points at which insertion seats a request, so that they are tried before all others."""
    if request.id not in seated:
        return request
    on, off = seated[request.id].pickup, seated[request.id].dropoff
    return replace(
        request,
        pickups=tuple(dict.fromkeys([on, *request.pickups])),
        dropoffs=tuple(dict.fromkeys([off, *request.dropoffs])),
    )


def _ways(request: TripRequest, chains: list[Chain], road: Road, seated: Insertion | None) -> list[tuple[int, Ends]]:
    """Choose the runs on which a request is tried, by number, and how it could ride there; its own seat's run first."""
    ways = [(k, ends) for k, chain in enumerate(chains) if (ends := ends_on(chain, request, road))]
    detour = {k: sum(min(end.detour for end in ends) for ends in both) for k, both in ways}
    own = {k for k, chain in enumerate(chains) if seated is not None and chain.run.id == seated.run.id}
    return sorted(ways, key=lambda way: (way[0] not in own, detour[way[0]]))[:CANDIDATES]


def _nodes_of_run(number: int, chain: Chain, road: Road) -> Iterator[Node]:
    at = {stop.id: k for k, stop in enumerate(chain.stops)}
    for stop in chain.run.stops:
        k = at.get(stop.id)
        window = schedule.window_at(chain.run, stop) if k is None else chain.windows[k]
        where = slots_of_booked(chain, stop, road) if k is None else frozenset({SLOTS * k})
        yield Node(stop, window, schedule.dwell_at(chain.run, stop), _change_at(chain.run, stop), {number: where})


def _change_at(run: Run, stop: Stop) -> Load:
    boarding = (ride.party for ride in run.rides if ride.pickup == stop.id)
    alighting = (ride.party for ride in run.rides if ride.dropoff == stop.id)
    return sum(boarding, Load()) - sum(alighting, Load())


def _nodes_of_request(request: TripRequest, ways: list[tuple[int, Chain, Ends]]) -> tuple[list[Node], list[Node]]:
    """Make the nodes of a request, from run number, chain and ends; runs on the same terms share an added stop's."""
    pickups = (_node(request, number, chain, end, pickup=True) for number, chain, ends in ways for end in ends[0])
    dropoffs = (_node(request, number, chain, end, pickup=False) for number, chain, ends in ways for end in ends[1])
    return _merged(pickups), _merged(dropoffs)


def _node(request: TripRequest, number: int, chain: Chain, end: End, *, pickup: bool) -> Node:
    policy, change = chain.run.policy, request.party if pickup else Load() - request.party
    dwell = policy.dwell_for(request.party)
    return Node(end.stop, end.window, dwell, change, {number: end.slots}, request, end.joins, policy)


def _merged(nodes: Iterable[Node]) -> list[Node]:
    made: dict[object, Node] = {}
    for node in nodes:
        terms = (node.window, node.dwell, node.policy.max_ride, node.policy.ride_slack)
        key = (node.stop, terms, node.joins and next(iter(node.slots)))
        made[key] = replace(node, slots=made[key].slots | node.slots) if key in made else node
    return [*made.values()]
