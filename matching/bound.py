"""A proved upper bound: more requests than this, no plan of the day can serve.

For any prices p >= 0 of the requests, no sound plan serves more than

    sum of p(q) over all requests q  +  sum over all runs r of the most that  sum of 1 - p(q), q in S  can be

for a set S that run r could serve: a plan gives each run one such set and each request to one run at most, so its
number is the sum over runs of (1 - p) over its sets, plus p summed over the requests served (Lagrange). Any prices
prove a bound; those of the linear program of set packing over the sets found so far make it tight, and each search for
a run's best set finds further sets for that program (column generation; prices are smoothed as Wentges 1997 does).
Prices are whole millionths, so the sum is exact; a search that is cut short gives its best open estimate instead.

A run's model lets through whatever a sound plan may hold, and more. What `promises` demands, and how it is treated:

exact: windows of stops and parties, notice and closing time, who may ride, the order of the schedule, stops that are
    fixed, dwell, longest rides of residents (waiting counted), loads in every layout, where added stops are allowed at
    all, the allowed delay of committed riders; residents already booked stay on their run, unless they use one stop of
    the schedule and one of their own.
relaxed: a party uses the best of its meeting points, even another for each neighbour on the way. Stops at one place
    are one stop or several, whichever is better. A detour is measured for each added stop by itself. Riders with one
    movable end weigh nothing. Longest rides of committed riders, company (who rides with whom), last in first out,
    linked trips, and walking are left out. A run that is late may stay as late as it is.
presumed: a run starts at its first stop and ends at its last; a booked resident keeps the run and the places; drives
    keep the triangle inequality, or did so before each was rounded to a whole second while every dwell is a second or
    more.

With fewer stops or shorter drives a schedule stays possible (its begins still keep every difference constraint), so
each run's own drives are first shortened until the triangle inequality holds exactly among its places.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from time import monotonic
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from matching import schedule
from matching.eligibility import obstacles
from matching.labels import ITEMS, NEVER, Labels, Model, best_set, closed, labels
from matching.model import DAY, LATEST, Detour, Load, MeetingPoint, Ride, Run, Stop, TripRequest, Window
from matching.promises import ON_ROUTE_SLACK
from matching.rides import ride_of
from routing.times import NO_WAY, Place, TravelTimes

Numbers = NDArray[np.int64]

PRICE = 10**6
"""What a request is worth: prices are whole parts of it."""

BLOCK = 100
"""Runs whose prices are searched together."""

FEW, MANY = 2_000, 200_000
"""Labels of one run's search at first, and at most."""

UNLIMITED = 10**7
"""Seconds of extra driving that no leg can hold."""


def upper_bound(
    runs: Sequence[Run],
    requests: Sequence[TripRequest],
    times: TravelTimes,
    *,
    seconds: float,
    known: Sequence[Run] = (),
) -> int:
    """Bound how many of the requests any sound plan of these runs can serve, in about so many seconds of search.

    known: the runs of a plan of that day, whose sets the search starts from.
    """
    until = monotonic() + seconds
    riding = {ride.id for run in runs for ride in run.rides}
    asked = [request for request in requests if request.id not in riding]
    day = _Day(runs, asked, times)
    wanted = {request.id for request in requests}
    served = sum(ride.id in wanted for run in known for ride in run.rides)
    held = len(wanted & riding)
    search = _Search(day, {run.id: run for run in known}, enough=served - held)
    search.improve(until)
    return max(held + search.bound // PRICE, served)


@dataclass(frozen=True, slots=True)
class _Offer:
    """A party that a run could carry: its places at both ends, and when it boards and alights."""

    pickups: tuple[Place, ...]
    dropoffs: tuple[Place, ...]
    ride: Ride
    must: bool = False


@dataclass(frozen=True, slots=True)
class _Chain:
    """What of a run stands in its order, from the last stop on that is fixed: windows relaxed to what is so already.

    spare: by leg, most seconds of driving that one added stop may add; -1 where none may be. open: may newcomers use
    that stop itself? load: aboard on the leg behind each stop.
    """

    stops: tuple[Stop, ...]
    windows: tuple[Window, ...]
    dwell: tuple[int, ...]
    load: tuple[Load, ...]
    spare: tuple[int, ...]
    open: tuple[bool, ...]


class _Day:
    """Runs and requests as arrays: for each run its model, and which requests it could carry by themselves."""

    def __init__(self, runs: Sequence[Run], requests: Sequence[TripRequest], times: TravelTimes) -> None:
        self._road = _Road(runs, requests, times)
        self.number = {request.id: q for q, request in enumerate(requests)}
        self.models: list[Model] = []
        self.candidates: list[Numbers] = []
        self.runs: list[str] = []
        wishes = _Wishes(requests, self._road)
        for run in runs:
            chain, booked = _chain_of(run, times)
            near = [requests[q] for q in wishes.near(run, chain)]
            offers = [*booked, *(self._offer(one, run) for one in near if not obstacles(one, run))]
            model = self._model(run, chain, offers)
            fits = [i for i in range(len(offers)) if offers[i].must or _fits_alone(model, i)]
            if len(fits) > len(booked):
                offers = [offers[i] for i in fits]
                self.models.append(self._model(run, chain, offers))
                self.candidates.append(np.array([-1 if one.must else self.number[one.ride.id] for one in offers]))
                self.runs.append(run.id)

    def _offer(self, request: TripRequest, run: Run) -> _Offer:
        ends = [_places(points, request.max_walk) for points in (request.pickups, request.dropoffs)]
        drives = self._road.between(*ends)
        ride = ride_of(request, run, ("", ""), direct=int(drives[drives < NO_WAY].max(initial=0)))
        return _Offer(ends[0], ends[1], ride)

    def _model(self, run: Run, chain: _Chain, offers: Sequence[_Offer]) -> Model:
        places = [(stop.place,) for stop in chain.stops]
        places += [one.pickups for one in offers] + [one.dropoffs for one in offers]
        drive, same = self._road.among(places)
        windows = [*chain.windows, *(one.ride.board for one in offers), *(one.ride.alight for one in offers)]
        early, late = (np.array([getattr(one, end) for one in windows]) for end in ("earliest", "latest"))
        dwell = np.array([*chain.dwell, *(one.ride.dwell for one in offers), *(one.ride.dwell for one in offers)])
        closed(drive)
        spare = np.array([*chain.spare, -1])
        direct = self._road.legs(chain.stops)
        if run.policy.detour is Detour.UP_TO:  # another leg may seem to win what rounding took from it
            spare[spare >= 0] += int(sum(max(0, a - drive[k, k + 1]) for k, a in enumerate(direct)))
        open_ = np.array(chain.open)
        count = len(offers)
        latest, after, joins, busy = _prepare(drive, same, early, late, dwell, np.array([*direct, 0]), spare, open_, count)
        last, n = len(chain.stops) - 1, len(chain.stops)
        on, off = np.arange(n, n + count), np.arange(n + count, n + 2 * count)
        away = ~same[off, last]
        cost = np.where(away | ~same[on, last], dwell[on], 0) + np.where(away, dwell[off], 0)
        return Model(
            drive=drive,
            same=same,
            early=early,
            late=late,
            dwell=dwell,
            latest=latest,
            after=after,
            joins=joins,
            load=_loads(chain.load),
            takes=_loads(one.ride.takes for one in offers),
            layouts=_loads(run.capacity.layouts),
            longest=np.array([one.ride.max_ride for one in offers], dtype=np.int64),
            cost=cost,
            busy=busy,
            must=np.array([one.must for one in offers], dtype=np.bool_),
        )


def _loads(loads: Iterable[Load]) -> Numbers:
    return np.array([(one.seats, one.wheelchairs, one.stowage) for one in loads], dtype=np.int64).reshape(-1, 3)


def _places(points: Sequence[MeetingPoint], max_walk: int) -> tuple[Place, ...]:
    return tuple(point.place for point in points if point.walk <= max_walk)


def _fits_alone(model: Model, item: int) -> bool:
    return bool((model.latest[[item, len(model.longest) + item]].max(axis=1) > NEVER).all())


class _Road:
    """Drives among all places of a day, read from the network in one table."""

    def __init__(self, runs: Sequence[Run], requests: Sequence[TripRequest], times: TravelTimes) -> None:
        stops = (stop.place for run in runs for stop in run.stops)
        points = (point.place for one in requests for points in (one.pickups, one.dropoffs) for point in points)
        places = [*dict.fromkeys([*stops, *points])]
        self.index = {place: k for k, place in enumerate(places)}
        self.seconds = times.table(places, places)

    def numbers(self, places: Iterable[Place]) -> list[int]:
        return [self.index[place] for place in places]

    def between(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Numbers:
        return self.seconds[np.ix_(self.numbers(origins), self.numbers(destinations))].astype(np.int64)

    def legs(self, stops: Sequence[Stop]) -> list[int]:
        at = self.numbers(stop.place for stop in stops)
        return [int(self.seconds[a, b]) for a, b in pairwise(at)]

    def among(self, nodes: Sequence[tuple[Place, ...]]) -> tuple[Numbers, NDArray[np.bool_]]:
        """Give the least drive between any places of two nodes, and whether they have a place in common."""
        at = np.array(self.numbers(place for places in nodes for place in places))
        start = np.cumsum([0, *(len(places) for places in nodes[:-1])])
        drive = self.seconds[np.ix_(at, at)].astype(np.int64)
        same = at[:, None] == at[None, :]
        drive = np.minimum.reduceat(np.minimum.reduceat(drive, start, axis=0), start, axis=1)
        same = np.logical_or.reduceat(np.logical_or.reduceat(same, start, axis=0), start, axis=1)
        return np.where(same, 0, drive), same


class _Wishes:
    """All requests as arrays, to see at once which of them one run could meet."""

    def __init__(self, requests: Sequence[TripRequest], road: _Road) -> None:
        self._requests, self._road = requests, road
        self._dates = np.array([one.service_date for one in requests])
        self._windows = np.array(
            [(one.depart.earliest, one.depart.latest, one.arrive.earliest, one.arrive.latest) for one in requests],
            dtype=np.int64,
        ).reshape(-1, 4)
        self._ends = []
        for kind in ("pickups", "dropoffs"):
            at = [road.numbers(_places(getattr(one, kind), one.max_walk)) for one in requests]
            start = np.cumsum([0, *(len(places) for places in at)])
            self._ends.append((np.array([k for places in at for k in places], dtype=np.int64), start))

    def near(self, run: Run, chain: _Chain) -> Numbers:
        """List the requests that a run could pick up on one leg and drop off on the same or a later one, by time alone.

        Drives may break the triangle inequality by rounding: as much at each stop as makes up for it.
        """
        if not len(self._requests):
            return np.empty(0, np.int64)
        places = np.array(self._road.numbers(stop.place for stop in chain.stops))
        bounds = np.array([(one.earliest, one.latest) for one in chain.windows])
        rounding = len(chain.stops) + 2
        found = _near(
            self._road.seconds, places, bounds, np.array(chain.dwell), self._windows, *self._ends[0], *self._ends[1], rounding
        )
        return np.flatnonzero(found & (self._dates == run.service_date))


@njit(cache=True)
def _near(seconds, places, bounds, dwell, windows, ons, on_start, offs, off_start, rounding):
    stops, count = len(places), len(windows)
    early, late = bounds[:, 0].copy(), bounds[:, 1].copy()
    for k in range(1, stops):
        early[k] = max(early[k], early[k - 1] + dwell[k - 1] + seconds[places[k - 1], places[k]] - rounding)
    for k in range(stops - 2, -1, -1):
        late[k] = min(late[k], late[k + 1] - dwell[k] - seconds[places[k], places[k + 1]] + rounding)
    found = np.zeros(count, np.bool_)
    for q in range(count):
        if windows[q, 0] > late[stops - 1] or min(windows[q, 1], windows[q, 3]) < early[0]:
            continue
        picked = False
        for k in range(stops):
            if not picked:
                picked = _passes(seconds, places, early, late, dwell, windows[q, :2], ons, on_start[q : q + 2], k, rounding)
            if picked and _passes(seconds, places, early, late, dwell, windows[q, 2:], offs, off_start[q : q + 2], k, rounding):
                found[q] = True
                break
    return found


@njit(cache=True)
def _passes(seconds, places, early, late, dwell, window, points, span, k, rounding):
    """Could a stop be made at one of these points at or behind stop k, before the next is too late?"""
    for x in range(span[0], span[1]):
        at = points[x]
        way = seconds[places[k], at]
        begin = max(early[k] + (dwell[k] + way if way else 0) - rounding, window[0])
        onward = begin + seconds[at, places[k + 1]] - rounding <= late[k + 1] if k + 1 < len(places) else at == places[k]
        if begin <= window[1] and onward:
            return True
    return False


@njit(cache=True)
def _prepare(drive, same, early, late, dwell, direct, spare, open_, count):
    """Tighten the windows of a chain, in place, and give latest begins by leg, as a `Model` has them."""
    stops = len(spare)
    busy = np.zeros(stops, np.int64)
    for k in range(1, stops):
        early[k] = max(early[k], early[k - 1] if same[k - 1, k] else early[k - 1] + dwell[k - 1] + drive[k - 1, k])
    for k in range(stops - 2, -1, -1):
        step = 0 if same[k, k + 1] else dwell[k] + drive[k, k + 1]
        late[k] = min(late[k], late[k + 1] - step)
        busy[k] = busy[k + 1] + step
    latest, joins = np.full((2 * count, stops), NEVER), np.zeros((2 * count, stops), np.bool_)
    after = np.full((2 * count, stops), NEVER)
    for end in range(2 * count - 1, -1, -1):
        node, partner = stops + end, stops + end + count
        best = NEVER
        for k in range(stops - 1, -1, -1):
            until = late[node]
            if k < stops - 1:
                extra = drive[k, node] + drive[node, k + 1] - direct[k]
                joins[end, k] = extra > spare[k]
                until = min(until, late[k + 1] - (0 if same[node, k + 1] else dwell[node] + drive[node, k + 1]))
            else:
                joins[end, k] = True
            if end < count:
                onward = 0 if same[node, partner] else dwell[node] + drive[node, partner]
                until = min(until, after[end + count, k] - onward)
            soonest = early[k] if same[k, node] else early[k] + dwell[k] + drive[k, node]
            allowed = not joins[end, k] or (open_[k] and same[k, node])
            if allowed and max(soonest, early[node]) <= until:
                latest[end, k] = until
            best = max(best, latest[end, k])
            after[end, k] = best
    return latest, after, joins, busy


def _chain_of(run: Run, times: TravelTimes) -> tuple[_Chain, list[_Offer]]:
    """Part a run into what stands and the booked residents who may be moved as a whole."""
    visits = schedule.timetable(run, times)
    begin = {visit.stop.id: visit.begin for visit in visits}
    users = Counter(end for ride in run.rides for end in (ride.pickup, ride.dropoff))
    own = {s.id for k, s in enumerate(run.stops) if not s.scheduled and k >= run.fixed and users[s.id] == 1}
    loose = {s.id for k, s in enumerate(run.stops) if not s.scheduled and k >= run.fixed}
    moved = [ride for ride in run.rides if {ride.pickup, ride.dropoff} <= own]
    limits = schedule.latest_begin(run, times)
    stands = [k for k, stop in enumerate(run.stops) if stop.id not in loose]
    start = max(run.fixed - 1, 0)
    ahead = [k for k in stands if k >= start]
    load, loads = Load(), {}
    for k, stop in enumerate(run.stops):
        for ride in run.rides:
            if ride.pickup not in loose and ride.dropoff not in loose:
                load = load - ride.takes if ride.dropoff == stop.id else load
                load = load + ride.takes if ride.pickup == stop.id else load
        loads[k] = load if run.capacity.fits(load) else Load(-NO_WAY, -NO_WAY, -NO_WAY)
    stops = tuple(run.stops[k] for k in ahead)
    windows = []
    for k in ahead:
        stop = run.stops[k]
        window = schedule.window_at(run, stop)
        latest = max(min(window.latest, limits.get(stop.id, LATEST)), begin[stop.id])
        windows.append(Window(_soonest(run, start, visits) if k == start else window.earliest, latest))
    chain = _Chain(
        stops,
        tuple(windows),
        tuple(schedule.dwell_at(run, stop) for stop in stops),
        tuple(loads[k] for k in ahead),
        tuple(_spare(run, stops, times)),
        tuple(k >= run.fixed and run.stops[k].scheduled and run.stops[k].residents for k in ahead),
    )
    place = {stop.id: stop.place for stop in run.stops}
    return chain, [_booked(ride, run, place, begin) for ride in moved]
