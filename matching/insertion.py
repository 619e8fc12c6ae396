"""Online insertion: the cheapest sound places for one request on each run.

Positions are screened in O(1) with the earliest departure and the latest begin of every stop (Jaw et al. 1986 call
their difference the slack); what passes is timed exactly. Cost is seconds of added driving plus seconds of walking.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from matching import eligibility, schedule
from matching.model import DAY, Detour, MeetingPoint, Ride, Rule, Run, Stop, TripRequest, Window
from routing.times import NO_WAY, Place, TravelTimes

WALKING_SPEED = 1.0
"""Metres a second of somebody of 80 (Bohannon 1997 has 0.9-1.3)."""

ON_ROUTE_SLACK = 5
"""Seconds of driving by which whole-second rounding may make a stop on the run's own road look like a detour."""

ANCIENT = -365 * DAY
"""A time of asking before which no booking closes: what was promised needs no second permission."""

NEARNESS = {
    rule: k
    for k, rule in enumerate(
        (Rule.TIME, Rule.ROAD, Rule.WINDOW, Rule.DEADHEAD, Rule.DETOUR, Rule.RESIDENTS, Rule.WHO, Rule.CUTOFF)
        + (Rule.WHEELCHAIR, Rule.SEATS, Rule.MAX_RIDE, Rule.EXTRA, Rule.BELL)
    )
}
"""How near to a seat a party came when this rule stopped it: the nearest miss is the reason that is told."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """One sound way to carry a party: the run as it would be, and what that costs (seconds)."""

    run: Run
    ride: Ride
    pickup: MeetingPoint
    dropoff: MeetingPoint
    pickup_time: int
    dropoff_time: int
    detour: int
    cost: int


@dataclass(frozen=True, slots=True)
class Search:
    """What a search over one run found: sound insertions, cheapest first, and how often each rule stopped another."""

    insertions: tuple[Insertion, ...]
    stopped: Counter[Rule]

    def nearest_miss(self) -> Rule:
        return max(self.stopped, key=NEARNESS.__getitem__, default=Rule.TIME)


@dataclass(frozen=True, slots=True)
class _Timed:
    """A run with what the screens need: by position its visit, earliest departure, latest begin, drive to the next.

    binds: the rule that sets each latest begin, here or farther on. limits: latest begin at each scheduled stop; part:
    first and last position of the scheduled part.
    """

    run: Run
    visits: tuple[schedule.Visit, ...]
    ready: tuple[int, ...]
    latest: tuple[int, ...]
    binds: tuple[Rule, ...]
    limits: dict[str, int]
    legs: tuple[int, ...]
    part: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a ride on a run: at scheduled stop `at` itself, or added between `at` and the stop after it."""

    point: MeetingPoint
    at: int
    added: bool

    @property
    def order(self) -> tuple[int, bool]:
        return self.at, self.added


def search(request: TripRequest, run: Run, times: TravelTimes, *, most: int = 6) -> Search:
    """Find up to `most` sound insertions of a request on one run, each with its own pickup position, cheapest first."""
    timed = _time(run, times)
    if request.service_date != run.service_date or not _meets(request.depart, request, timed):
        return Search((), Counter([Rule.TIME]))
    stopped: Counter[Rule] = Counter(fault.rule for fault in eligibility.obstacles(request, run))
    if not _meets(eligibility.boarding_window(request, run), request, timed):
        stopped[Rule.CUTOFF] += 1
    if stopped:
        return Search((), stopped)
    candidates = sorted(_candidates(request, timed, times, stopped), key=lambda one: one[0])
    found: dict[tuple[int, bool], Insertion] = {}
    for cost, pickup, dropoff in candidates:
        if len(found) == most:
            break
        if pickup.order in found:
            continue
        insertion = _insert(request, timed, (pickup, dropoff), times)
        if isinstance(insertion, Rule):
            stopped[insertion] += 1
        else:
            found[pickup.order] = replace(insertion, cost=cost)
    return Search(tuple(found.values()), stopped)


def best(request: TripRequest, runs: Sequence[Run], times: TravelTimes) -> Insertion | None:
    """Find the cheapest sound insertion over many runs; None when no run can carry the party."""
    found = [one for run in runs for one in search(request, run, times, most=1).insertions]
    return min(found, key=lambda one: (one.cost, one.pickup_time, one.run.id), default=None)


def reinsert(ride: Ride, ends: tuple[Place, Place], run: Run, times: TravelTimes) -> Run | None:
    """Put a ride that was promised or held before on a run as it is now, with its own windows and longest ride.

    ends: where its party boards and alights. None when the run can no longer keep what the ride was promised.
    """
    wish = TripRequest(
        id=ride.id,
        service_date=run.service_date,
        pickups=(MeetingPoint(ends[0]),),
        dropoffs=(MeetingPoint(ends[1]),),
        party=ride.party,
        depart=ride.board,
        arrive=ride.alight,
        asked_at=ANCIENT,
        needs=ride.needs,
        groups=ride.groups,
    )
    for one in search(wish, run, times).insertions:
        kept = replace(ride, pickup=one.ride.pickup, dropoff=one.ride.dropoff, dwell=one.ride.dwell)
        new = replace(one.run, rides=(*run.rides, kept))
        begin = {visit.stop.id: visit for visit in schedule.timetable(new, times)}
        if begin[kept.dropoff].begin - begin[kept.pickup].departure <= kept.max_ride:
            return new
    return None


def without(run: Run, ride_id: str) -> Run:
    """Take a resident's ride out of a run, with the stops that were added for it alone."""
    rides = tuple(ride for ride in run.rides if ride.id != ride_id)
    used = {stop for ride in rides for stop in (ride.pickup, ride.dropoff)}
    stops = tuple(s for k, s in enumerate(run.stops) if s.scheduled or s.id in used or k < run.done)
    return replace(run, stops=stops, rides=rides)


def _meets(wanted: Window, request: TripRequest, timed: _Timed) -> bool:
    """Does the run drive at all while the party could be aboard?"""
    soonest = max(wanted.earliest, min(timed.ready[0], timed.visits[0].begin))
    return soonest <= min(wanted.latest, request.arrive.latest, timed.latest[-1])


def _time(run: Run, times: TravelTimes) -> _Timed:
    visits = schedule.timetable(run, times)
    limits = schedule.latest_begin(run, times)
    legs = tuple(schedule.legs_of(run, times))
    bounds = [_bound(run, visit.stop, limits) for visit in visits]
    for k in range(len(bounds) - 2, -1, -1):
        after, rule = bounds[k + 1]
        dwell = visits[k].departure - visits[k].begin
        bounds[k] = min(bounds[k], (after - legs[k] - dwell, rule))
    latest, binds = zip(*bounds, strict=True)
    used = {stop for ride in run.rides if ride.committed for stop in (ride.pickup, ride.dropoff)}
    at = [k for k, stop in enumerate(run.stops) if stop.id in used]
    part = (at[0], at[-1]) if at else (0, len(run.stops) - 1)
    ready = tuple(_ready(run, k, visit) for k, visit in enumerate(visits))
    return _Timed(run, visits, ready, latest, binds, limits, legs, part)


def _ready(run: Run, k: int, visit: schedule.Visit) -> int:
    """Earliest departure: a vehicle that stands in its depot may leave long before its first rider needs it."""
    return visit.stop.window.earliest if k == 0 and visit.stop.depot and not run.done else visit.departure


def _bound(run: Run, stop: Stop, limits: dict[str, int]) -> tuple[int, Rule]:
    """Latest begin at a stop by itself, and the rule that says so."""
    return min(
        (stop.window.latest, Rule.BELL if stop.scheduled else Rule.WINDOW),
        (limits.get(stop.id, stop.window.latest), Rule.EXTRA),
        (schedule.window_at(run, stop).latest, Rule.WINDOW),
    )


def _candidates(
    request: TripRequest, timed: _Timed, times: TravelTimes, stopped: Counter[Rule]
) -> Iterator[tuple[int, _End, _End]]:
    """Yield (cost, pickup end, drop-off end) of what passes the screens."""
    pickups = [point for point in request.pickups if point.walk <= request.max_walk]
    dropoffs = [point for point in request.dropoffs if point.walk <= request.max_walk]
    road = _Road(timed.run, [*pickups, *dropoffs], times)
    ons = [end for end in _ends(timed, pickups, stopped) if _screen(request, timed, end, road, stopped)]
    offs = [*_ends(timed, dropoffs, stopped)]
    for on in ons:
        for off in offs:
            if on.order > off.order or on.order == off.order and not (on.added and off.added):
                continue
            if on.point.place == off.point.place:
                continue
            walk = round((on.point.walk + off.point.walk) / WALKING_SPEED)
            added = _added_drive(on, off, timed, road)
            if added < NO_WAY:
                yield added + walk, on, off
            else:
                stopped[Rule.ROAD] += 1


class _Road:
    """Drives between a run's stops and a request's meeting points, read from the network in three tables."""

    def __init__(self, run: Run, points: list[MeetingPoint], times: TravelTimes) -> None:
        stops = [stop.place for stop in run.stops]
        places = [point.place for point in points]
        self._index: dict[Place, int] = {place: k for k, place in enumerate(places)}
        self._to = times.table(stops, places)
        self._from = times.table(places, stops)
        self._among = times.table(places, places)

    def to(self, stop: int, place: Place) -> int:
        return int(self._to[stop, self._index[place]])

    def back(self, place: Place, stop: int) -> int:
        return int(self._from[self._index[place], stop])

    def among(self, origin: Place, destination: Place) -> int:
        return int(self._among[self._index[origin], self._index[destination]])


def _ends(timed: _Timed, points: list[MeetingPoint], stopped: Counter[Rule]) -> Iterator[_End]:
    """List where a ride could begin or end: at open scheduled stops, and between stops where the policy lets a run go."""
    run = timed.run
    first, last = timed.part
    for point in points:
        for k in range(max(run.done, 0), len(run.stops)):
            stop = run.stops[k]
            if stop.place == point.place and stop.scheduled and not stop.depot:
                if stop.residents:
                    yield _End(point, k, added=False)
                else:
                    stopped[Rule.RESIDENTS] += 1
        for k in range(max(run.done - 1, 0), len(run.stops) - 1):
            inside = first <= k < last
            if inside and run.policy.detour is Detour.NONE:
                stopped[Rule.DETOUR] += 1
            elif not inside and not run.policy.deadhead:
                stopped[Rule.DEADHEAD] += 1
            else:
                yield _End(point, k, added=True)


def _screen(request: TripRequest, timed: _Timed, on: _End, road: _Road, stopped: Counter[Rule]) -> bool:
    """Can the party board here at all, by windows, slack and room alone?"""
    wanted = eligibility.boarding_window(request, timed.run)
    visit, limit = timed.visits[on.at], on.at + on.added
    arrival, leaving = visit.begin, 0
    if on.added:
        arrival = timed.ready[on.at] + road.to(on.at, on.point.place)
        leaving = timed.run.policy.dwell_for(request.party) + road.back(on.point.place, limit)
    begin = max(arrival, wanted.earliest)
    if max(arrival, leaving) >= NO_WAY:
        stopped[Rule.ROAD] += 1
    elif begin > min(wanted.latest, request.arrive.latest) or begin + leaving > timed.latest[limit]:
        stopped[_too_late(request, timed, begin, limit)] += 1
    elif not timed.run.capacity.fits(visit.load + request.party):
        stopped[Rule.WHEELCHAIR if request.party.wheelchairs else Rule.SEATS] += 1
    else:
        return True
    return False


def _too_late(request: TripRequest, timed: _Timed, begin: int, limit: int) -> Rule:
    """Name what makes a pickup at `begin` too late: the notice, the party's own times, or what binds position `limit`."""
    if begin == request.asked_at + timed.run.policy.notice > request.depart.earliest:
        return Rule.CUTOFF
    if begin > min(request.depart.latest, request.arrive.latest):
        return Rule.WINDOW
    return timed.binds[limit]


def _added_drive(on: _End, off: _End, timed: _Timed, road: _Road) -> int:
    if on.added and off.added and on.at == off.at:
        through = road.to(on.at, on.point.place) + road.among(on.point.place, off.point.place)
        return min(NO_WAY, through + road.back(off.point.place, on.at + 1) - timed.legs[on.at])
    return min(NO_WAY, sum(_one_end(end, timed, road) for end in (on, off)))


def _one_end(end: _End, timed: _Timed, road: _Road) -> int:
    if not end.added:
        return 0
    return road.to(end.at, end.point.place) + road.back(end.point.place, end.at + 1) - timed.legs[end.at]


def _insert(
    request: TripRequest, timed: _Timed, ends: tuple[_End, _End], times: TravelTimes
) -> Insertion | Rule:
    """Build the run with this ride and time it exactly: the insertion, or the rule that it would break."""
    on, off = ends
    run = timed.run
    stops = list(run.stops)
    ids = []
    for end, mark in ((off, "-"), (on, "+")):
        if end.added:
            stops.insert(end.at + 1, Stop(request.id + mark, end.point.place))
        ids.append(request.id + mark if end.added else run.stops[end.at].id)
    direct = times.between(on.point.place, off.point.place)
    ride = ride_of(request, run, (ids[1], ids[0]), direct=direct)
    new = replace(run, stops=tuple(stops), rides=(*run.rides, ride))
    if on.added:
        new = _board_late(new, ride, times)
    visits = schedule.timetable(new, times)
    fault = _fault(new, visits, timed, times)
    if fault is not None:
        return fault
    at = {visit.stop.id: visit.begin for visit in visits}
    detour = sum(schedule.legs_of(new, times)) - sum(timed.legs)
    return Insertion(new, new.rides[-1], on.point, off.point, at[ride.pickup], at[ride.dropoff], detour, detour)


def _board_late(run: Run, ride: Ride, times: TravelTimes) -> Run:
    """Pick the party up so late that the vehicle need not wait at its next stop with the party aboard."""
    visits = schedule.timetable(run, times)
    k = run.positions()[ride.pickup]
    waiting = visits[k + 1].begin - visits[k + 1].arrival
    board = ride.board & Window(min(visits[k].begin + waiting, ride.board.latest))
    return replace(run, rides=(*run.rides[:-1], replace(ride, board=board)))


def ride_of(request: TripRequest, run: Run, ends: tuple[str, str], *, direct: int) -> Ride:
    """Make the ride that serves a request between two stops of a run (ids) which are `direct` seconds apart."""
    return Ride(
        id=request.id,
        pickup=ends[0],
        dropoff=ends[1],
        party=request.party,
        max_ride=run.policy.longest_ride(direct),
        needs=request.needs,
        board=eligibility.boarding_window(request, run),
        alight=request.arrive,
        dwell=run.policy.dwell_for(request.party),
        groups=request.groups,
    )


def _fault(run: Run, visits: tuple[schedule.Visit, ...], timed: _Timed, times: TravelTimes) -> Rule | None:
    """Name the first rule that a timed run would break."""
    at = {visit.stop.id: visit for visit in visits}
    for visit in visits:
        if not run.capacity.fits(visit.load):
            return Rule.WHEELCHAIR if visit.load.wheelchairs > run.capacity.most_wheelchairs else Rule.SEATS
    for ride in run.rides:
        if at[ride.dropoff].begin - at[ride.pickup].departure > ride.max_ride:
            return Rule.MAX_RIDE
    for visit in visits:
        if visit.begin > timed.limits.get(visit.stop.id, Window().latest):
            return Rule.BELL if visit.begin > visit.stop.window.latest else Rule.EXTRA
        if visit.begin > schedule.window_at(run, visit.stop).latest:
            return Rule.WINDOW
    return _detour_fault(run, timed, times)


def _detour_fault(run: Run, timed: _Timed, times: TravelTimes) -> Rule | None:
    ends = [timed.run.stops[k].id for k in timed.part]
    first, last = (run.positions()[name] for name in ends)
    inside, legs = run.stops[first : last + 1], schedule.legs_of(run, times)[first:last]
    extra, since = [0], 0
    for k in range(1, len(inside)):
        if inside[k].scheduled:
            extra.append(sum(legs[since:k]) - times.between(inside[since].place, inside[k].place))
            since = k
    on_route = run.policy.detour is Detour.ON_ROUTE and max(extra) > ON_ROUTE_SLACK
    too_far = run.policy.detour is Detour.UP_TO and sum(extra) > run.policy.max_detour
    return Rule.DETOUR if on_route or too_far else None
