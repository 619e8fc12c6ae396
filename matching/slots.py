"""Where a run has room for added stops: its chain of stops that keep their order, and the slots along that chain.

Slots number the places of a chain in their order: `4k` is its stop k, `4k + 1` a resident who uses that very stop,
`4k + 2` a stop added on the leg behind it, `4k + 3` a resident who leaves at stop k + 1 before others board there.
A path whose slots never go back keeps the schedule.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from matching import schedule
from matching.eligibility import boarding_window, obstacles
from matching.model import LATEST, Detour, MeetingPoint, Run, Stop, TripRequest, Window
from matching.promises import ON_ROUTE_SLACK
from routing.times import Place, TravelTimes

POINTS = 4
"""Meeting points of each end at which an added stop is tried, the party's door first."""

SLOTS = 4
"""Slots from one stop of a chain to the next."""

UNLIMITED = 10**7
"""Seconds of extra driving that no leg can hold."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The stops of a run that keep their order: what is scheduled, served, at an end, or shared by rides.

    legs: drive to the next. spare: by leg, most seconds of driving that added stops may add, -1 where none may be.
    part: positions of the first and last stop of its scheduled part. windows: when service may begin at each stop;
    reach: when it can begin at all, whatever is added.
    """

    run: Run
    stops: tuple[Stop, ...]
    legs: tuple[int, ...]
    spare: tuple[int, ...]
    part: tuple[int, int]
    windows: tuple[Window, ...]
    reach: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class End:
    """One way to begin or end a ride on a run: at its stop (`joins`) or at a stop to add, in any of these slots.

    window: when its own share of the stop may begin. detour: least seconds of driving that this adds.
    """

    stop: Stop
    joins: bool
    slots: frozenset[int]
    window: Window
    detour: int


Ends = tuple[list[End], list[End]]
"""How a request's ride could begin, and how it could end, on one run."""


class Road:
    """Drives among a set of places, whole seconds, read from the network in one table."""

    def __init__(self, places: Iterable[Place], times: TravelTimes) -> None:
        known = [*dict.fromkeys(places)]
        self._index = {place: k for k, place in enumerate(known)}
        self._seconds: list[list[int]] = times.table(known, known).tolist() if known else []

    def drive(self, origin: Place, destination: Place) -> int:
        return self._seconds[self._index[origin]][self._index[destination]]


def chain_of(run: Run, times: TravelTimes) -> Chain:
    """Tell the stops of a run that stay from those that may move, and what each leg can take."""
    users = Counter(stop for ride in run.rides for stop in (ride.pickup, ride.dropoff))
    ends = (0, len(run.stops) - 1)
    stays = [s.scheduled or k < run.done or k in ends or users[s.id] != 1 for k, s in enumerate(run.stops)]
    stops = tuple(stop for stop, fixed in zip(run.stops, stays, strict=True) if fixed)
    legs = tuple(times.between(a.place, b.place) for a, b in zip(stops, stops[1:], strict=False))
    limits = schedule.latest_begin(run, times)
    windows = tuple(schedule.window_at(run, s) & Window(latest=limits.get(s.id, LATEST)) for s in stops)
    part = _scheduled_part(run, stops)
    spare = tuple(_spare(run, part, k) for k in range(len(legs)))
    return Chain(run, stops, legs, spare, part, windows, reach=_reach(run, stops, legs, windows))


def _scheduled_part(run: Run, stops: tuple[Stop, ...]) -> tuple[int, int]:
    used = {stop for ride in run.rides if ride.committed for stop in (ride.pickup, ride.dropoff)}
    at = [k for k, stop in enumerate(stops) if stop.id in used] or [0, len(stops) - 1]
    return at[0], at[-1]


def _spare(run: Run, part: tuple[int, int], leg: int) -> int:
    if leg < run.done - 1:
        return -1
    if not part[0] <= leg < part[1]:
        return UNLIMITED if run.policy.deadhead else -1
    return {Detour.NONE: -1, Detour.ON_ROUTE: ON_ROUTE_SLACK, Detour.UP_TO: run.policy.max_detour}[run.policy.detour]


def _reach(run: Run, stops: tuple[Stop, ...], legs: tuple[int, ...], windows: tuple[Window, ...]) -> tuple[Window, ...]:
    earliest, latest = [one.earliest for one in windows], [one.latest for one in windows]
    spent = [schedule.dwell_at(run, stop) + leg for stop, leg in zip(stops, legs, strict=False)]
    for k, after in enumerate(spent):
        earliest[k + 1] = max(earliest[k + 1], earliest[k] + after)
    for k, after in reversed([*enumerate(spent)]):
        latest[k] = min(latest[k], latest[k + 1] - after)
    return tuple(Window(a, b) for a, b in zip(earliest, latest, strict=True))


def legs_for(chain: Chain, stop: Stop, road: Road, *, window: Window, dwell: int) -> dict[int, int]:
    """Map each leg on which a stop could be added to the least seconds of driving that it adds there."""
    found = {}
    for k, leg in enumerate(chain.legs):
        to, on = road.drive(chain.stops[k].place, stop.place), road.drive(stop.place, chain.stops[k + 1].place)
        left = chain.reach[k].earliest + schedule.dwell_at(chain.run, chain.stops[k])
        begin = max(left + to, window.earliest)
        late = begin > window.latest or begin + dwell + on > chain.reach[k + 1].latest
        if to + on - leg <= chain.spare[k] and not late:
            found[k] = to + on - leg
    return found


def slots_of_booked(chain: Chain, stop: Stop, road: Road) -> frozenset[int]:
    """List the slots to which a booked resident's own stop may move, on its side of the ride's other end."""
    run = chain.run
    at = {fixed.id: k for k, fixed in enumerate(chain.stops)}
    ride = next(ride for ride in run.rides if stop.id in (ride.pickup, ride.dropoff))
    first, last = at.get(ride.pickup, 0), at.get(ride.dropoff, len(chain.legs))
    window, dwell = schedule.window_at(run, stop), schedule.dwell_at(run, stop)
    legs = legs_for(chain, stop, road, window=window, dwell=dwell)
    return frozenset(SLOTS * k + 2 for k in legs if first <= k < last)


def ends_on(chain: Chain, request: TripRequest, road: Road) -> Ends | None:
    """List how a request's ride could begin and how it could end on a run; None when the run is none for it."""
    if request.service_date != chain.run.service_date or obstacles(request, chain.run):
        return None
    pickups = [*_ends(chain, request, road, pickup=True)]
    begun = {end.stop.id for end in pickups}
    dropoffs = [end for end in _ends(chain, request, road, pickup=False) if end.stop.id not in begun]
    if not pickups or not dropoffs or min(map(_first, pickups)) > max(map(_last, dropoffs)):
        return None
    return pickups, dropoffs


def places_of(request: TripRequest) -> list[Place]:
    """List the places where an added stop is tried for a request."""
    ends = (request.pickups, request.dropoffs)
    return [point.place for points in ends for point in _near(points, request)[:POINTS]]


def _near(points: tuple[MeetingPoint, ...], request: TripRequest) -> list[MeetingPoint]:
    return [point for point in points if point.walk <= request.max_walk]


def _ends(chain: Chain, request: TripRequest, road: Road, *, pickup: bool) -> Iterator[End]:
    run = chain.run
    window = boarding_window(request, run) if pickup else request.arrive
    near = _near(request.pickups if pickup else request.dropoffs, request)
    places, dwell = {point.place for point in near}, run.policy.dwell_for(request.party)
    for k, stop in enumerate(chain.stops):
        can_begin = window & chain.reach[k]
        is_open = stop.scheduled and stop.residents and not stop.depot and k >= run.done
        if is_open and stop.place in places and can_begin.earliest <= can_begin.latest:
            yield _joining(chain, k, window, pickup=pickup)
    for point in near[:POINTS]:
        stop = Stop(request.id + ("+" if pickup else "-"), point.place)
        legs = legs_for(chain, stop, road, window=window, dwell=dwell)
        if legs:
            slots = frozenset(SLOTS * k + 2 for k in legs)
            yield End(stop, joins=False, slots=slots, window=window, detour=min(legs.values()))


def _joining(chain: Chain, k: int, window: Window, *, pickup: bool) -> End:
    """Use stop k of a chain: behind its own riders, whose dwell comes first, or leave the seat before they board."""
    stop = chain.stops[k]
    if not pickup and k and any(ride.pickup == stop.id for ride in chain.run.rides):
        return End(stop, joins=True, slots=frozenset({SLOTS * k - 1}), window=window & chain.windows[k], detour=0)
    dwell = schedule.dwell_at(chain.run, stop)
    later = Window(window.earliest + dwell, window.latest + dwell)
    return End(stop, joins=True, slots=frozenset({SLOTS * k + 1}), window=later, detour=0)


def _first(end: End) -> int:
    return min(end.slots)


def _last(end: End) -> int:
    return max(end.slots)
