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
    are one stop or several, whichever is better, and what is aboard counts when the vehicle leaves the place. A detour
    is measured for each added stop by itself. Riders with one movable end weigh nothing. Longest rides of committed
    riders, company (who rides with whom), the quota of residents, last in first out, linked trips, and walking are left
    out. A run that is late may stay as late as it is.
presumed: a run starts at its first stop and ends at its last; a booked resident keeps the run and the places; drives
    keep the triangle inequality, or did so before each was rounded to a whole second while every dwell is as long as
    a second of driving is at the run's pace.

With fewer stops or shorter drives a schedule stays possible (its begins still keep every difference constraint), so
each run's own drives are first shortened until the triangle inequality holds exactly among its places.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, pairwise
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from matching import schedule
from matching.eligibility import obstacles
from matching.labels import ITEMS, NEVER, Model, best_set, closed, labels, near, prepare
from matching.model import DAY, LATEST, Detour, Load, MeetingPoint, Ride, Run, Stop, TripRequest, Window
from matching.promises import ON_ROUTE_SLACK
from matching.rides import ride_of
from matching.schedule import paced, paced_table
from routing.times import NO_WAY, Place, Seconds, TravelTimes

Numbers = NDArray[np.int64]

PRICE = 10**6
"""What a request is worth: prices are whole parts of it."""

BLOCK = 100
"""Runs whose prices are searched together."""

FEW, MANY = 2_000, 200_000
"""Labels of one run's search at first, and at most."""

NEAR = PRICE // 20
"""How near to the value of the linear program a block's bound is near enough."""

OPEN_SHARE = 0.3
"""Share of a block's gap from which searches that were cut short are worth more labels."""

MUST = PRICE * PRICE
"""Weight of a booked resident: more than all requests for each second."""

UNLIMITED = 10**7
"""More seconds of extra driving, or seats, than there can be."""


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
    return max(held + search.bound, served)


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
    """Runs and requests as arrays: for each run its model, and which requests it could carry by themselves.

    runs: ids of those that could carry any. candidates: for each of these, numbers of the requests that its model
    offers; -1 for those that do not fit and for booked residents.
    """

    def __init__(self, runs: Sequence[Run], requests: Sequence[TripRequest], times: TravelTimes) -> None:
        self._road = _Road(runs, requests, times)
        self.number = {request.id: q for q, request in enumerate(requests)}
        self.models: list[Model] = []
        self.candidates: list[Numbers] = []
        self.runs: list[str] = []
        wishes = _Wishes(requests, self._road)
        for run in runs:
            chain, booked = _chain_of(run, times)
            numbers = [q for q in wishes.near(run, chain) if not obstacles(requests[q], run)]
            direct = [paced(wishes.direct[q], run.pace) for q in numbers]
            rides = [ride_of(requests[q], run, ("", ""), direct=one) for q, one in zip(numbers, direct, strict=True)]
            offers = [_Offer(*wishes.ends[q], ride) for q, ride in zip(numbers, rides, strict=True)]
            if offers:
                model = self._model(run, chain, [*booked, *offers])
                who = np.array([-1] * len(booked) + numbers)
                self.models.append(model)
                self.candidates.append(np.where(_fits(model), who, -1))
                self.runs.append(run.id)

    def _model(self, run: Run, chain: _Chain, offers: Sequence[_Offer]) -> Model:
        places: list[tuple[Place, ...]] = [(stop.place,) for stop in chain.stops]
        places += [one.pickups for one in offers] + [one.dropoffs for one in offers]
        drive, same = self._road.among(places, run.pace)
        windows = [*chain.windows, *(one.ride.board for one in offers), *(one.ride.alight for one in offers)]
        early, late = (np.array([getattr(one, end) for one in windows]) for end in ("earliest", "latest"))
        dwell = np.array([*chain.dwell, *(one.ride.dwell for one in offers), *(one.ride.dwell for one in offers)])
        closed(drive)
        spare = np.array([*chain.spare, -1])
        direct = self._road.legs(chain.stops, run.pace)
        if run.policy.detour is Detour.UP_TO:  # another leg may seem to win what rounding took from it
            spare[spare >= 0] += int(sum(max(0, a - drive[k, k + 1]) for k, a in enumerate(direct)))
        open_ = np.array(chain.open)
        count = len(offers)
        latest, after, joins, busy = prepare(drive, same, early, late, dwell, np.array([*direct, 0]), spare, open_)
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


def _fits(model: Model) -> NDArray[np.bool_]:
    """Tell of each party whether it could be picked up and dropped off on some legs."""
    possible: NDArray[np.bool_] = (model.after[:, 0] > NEVER).reshape(2, -1).all(axis=0)
    return possible


class _Road:
    """Drives among all places of a day, read from the network in one table, and scaled once for each pace."""

    def __init__(self, runs: Sequence[Run], requests: Sequence[TripRequest], times: TravelTimes) -> None:
        stops = (stop.place for run in runs for stop in run.stops)
        points = (point.place for one in requests for points in (one.pickups, one.dropoffs) for point in points)
        places = [*dict.fromkeys([*stops, *points])]
        self.index = {place: k for k, place in enumerate(places)}
        self._seconds = times.table(places, places)
        self._paced: dict[int, Seconds] = {}

    def at(self, pace: int) -> Seconds:
        """Give all drives at a pace."""
        if pace not in self._paced:
            self._paced[pace] = paced_table(self._seconds, pace)
        return self._paced[pace]

    def numbers(self, places: Iterable[Place]) -> list[int]:
        return [self.index[place] for place in places]

    def longest(self, origins: Sequence[Place], destinations: Sequence[Place]) -> int:
        """Give the longest drive on the empty road from one of these places to one of those; 0 where no road leads."""
        drives = (int(self._seconds[a, b]) for a in self.numbers(origins) for b in self.numbers(destinations))
        return max((drive for drive in drives if drive < NO_WAY), default=0)

    def legs(self, stops: Sequence[Stop], pace: int) -> list[int]:
        at, seconds = self.numbers(stop.place for stop in stops), self.at(pace)
        return [int(seconds[a, b]) for a, b in pairwise(at)]

    def among(self, nodes: Sequence[tuple[Place, ...]], pace: int) -> tuple[Numbers, NDArray[np.bool_]]:
        """Give the least drive between any places of two nodes, and whether they have a place in common."""
        at = np.array(self.numbers(place for places in nodes for place in places))
        start = np.cumsum([0, *(len(places) for places in nodes[:-1])])
        drive = self.at(pace)[np.ix_(at, at)].astype(np.int64)
        same = at[:, None] == at[None, :]
        drive = np.minimum.reduceat(np.minimum.reduceat(drive, start, axis=0), start, axis=1)
        same = np.logical_or.reduceat(np.logical_or.reduceat(same, start, axis=0), start, axis=1)
        return np.where(same, 0, drive), same


class _Wishes:
    """All requests as arrays, to see at once which of them one run could meet.

    ends: places of both ends within reach on foot. direct: longest drive between two of these on the empty road.
    """

    def __init__(self, requests: Sequence[TripRequest], road: _Road) -> None:
        self._road = road
        self._dates = np.array([one.service_date for one in requests])
        windows = [(*_ends(one.depart), *_ends(one.arrive)) for one in requests]
        self._windows = np.array(windows, dtype=np.int64).reshape(-1, 4)
        self.ends = [(_places(one.pickups, one.max_walk), _places(one.dropoffs, one.max_walk)) for one in requests]
        self._rows: list[Numbers] = []
        for side in range(2):
            at = [road.numbers(ends[side]) for ends in self.ends]
            self._rows.append(np.array([row for rows in at for row in rows], dtype=np.int64))
            self._rows.append(np.cumsum([0, *map(len, at)]))
        self.direct = [road.longest(*ends) for ends in self.ends]

    def near(self, run: Run, chain: _Chain) -> list[int]:
        """List the requests that a run could meet by time alone.

        Drives may break the triangle inequality by rounding: a second of the empty road, beside the dwell of each stop
        between.
        """
        if not self.ends:
            return []
        rows = self._road.numbers(stop.place for stop in chain.stops)
        early, late = zip(*map(_ends, chain.windows), strict=True)
        stops = np.array([rows, early, late, chain.dwell], dtype=np.int64).T.copy()
        dwell, rounding = run.policy.dwell, paced(len(rows) + 1, run.pace)
        on, on_start, off, off_start = self._rows
        found = near(self._road.at(run.pace), stops, self._windows, dwell, on, on_start, off, off_start, rounding)
        listed: list[int] = np.flatnonzero(found & (self._dates == run.service_date)).tolist()
        return listed


def _ends(window: Window) -> tuple[int, int]:
    return window.earliest, window.latest


def _chain_of(run: Run, times: TravelTimes) -> tuple[_Chain, list[_Offer]]:
    """Part a run into what stands, and the booked residents who may be moved as a whole."""
    begin = {visit.stop.id: visit.begin for visit in schedule.timetable(run, times)}
    known = max(run.fixed, len(run.reached))
    loose = {stop.id for stop in run.stops[known:] if not stop.scheduled}
    at = [k for k, stop in enumerate(run.stops) if k >= known - 1 and stop.id not in loose]
    stops = tuple(run.stops[k] for k in at)
    limits = schedule.latest_begin(run, times)
    windows = []
    for stop in stops:
        window = schedule.window_at(run, stop)
        latest = max(min(window.latest, limits.get(stop.id, LATEST)), begin[stop.id])
        windows.append(Window(window.earliest, latest))
    windows[0] = Window(_soonest(run, at[0], times), windows[0].latest)
    loads = _standing_loads(run, loose)
    chain = _Chain(
        stops,
        tuple(windows),
        tuple(schedule.dwell_at(run, stop) for stop in stops),
        tuple(loads[k] for k in at),
        tuple(_spare(run, at, times)),
        tuple(
            k >= known and stop.scheduled and stop.residents and not stop.depot
            for k, stop in zip(at, stops, strict=True)
        ),
    )
    users = Counter(end for ride in run.rides for end in (ride.pickup, ride.dropoff))
    own = {name for name in loose if users[name] == 1}
    return chain, [_booked(ride, run, begin) for ride in run.rides if {ride.pickup, ride.dropoff} <= own]


def _soonest(run: Run, last: int, times: TravelTimes) -> int:
    """Earliest begin at a stop that no plan can get before: as it was, or by drives and windows alone."""
    begin = run.reached[last] if last < len(run.reached) else -DAY
    for k in range(len(run.reached), last + 1):
        if k:
            before = run.reached[k - 1] if k == len(run.reached) else begin
            leg = schedule.drive(run, run.stops[k - 1].place, run.stops[k].place, times)
            begin = before + schedule.dwell_at(run, run.stops[k - 1]) + leg
        begin = max(begin, schedule.window_at(run, run.stops[k]).earliest)
    return begin


def _standing_loads(run: Run, loose: set[str]) -> list[Load]:
    """Load behind each stop of the rides that cannot move; where even that is too much, none, so that all may enter."""
    load, loads = Load(), []
    standing = [ride for ride in run.rides if ride.pickup not in loose and ride.dropoff not in loose]
    for stop in run.stops:
        for ride in standing:
            load = load - ride.takes if ride.dropoff == stop.id else load
            load = load + ride.takes if ride.pickup == stop.id else load
        loads.append(load if run.capacity.fits(load) else Load(-UNLIMITED, -UNLIMITED, -UNLIMITED))
    return loads


def _spare(run: Run, at: Sequence[int], times: TravelTimes) -> list[int]:
    """Most seconds of driving that one added stop may add on each leg; what a run adds already, it may go on adding."""
    part = schedule.scheduled_part(run)
    legs = schedule.legs_of(run, times)
    pairs = [*pairwise(at)]
    direct = (schedule.drive(run, run.stops[a].place, run.stops[b].place, times) for a, b in pairs)
    extra = [sum(legs[a:b]) - one for (a, b), one in zip(pairs, direct, strict=True)]
    inside = [part[0] <= a and b <= part[-1] for a, b in pairs]
    most = max(run.policy.max_detour, sum(more for more, yes in zip(extra, inside, strict=True) if yes))
    slack, spare = paced(ON_ROUTE_SLACK, run.pace), []
    for (a, b), more, yes in zip(pairs, extra, inside, strict=True):
        if not yes:
            spare.append(UNLIMITED if run.policy.deadhead else -1)
        elif run.policy.detour is Detour.NONE:
            spare.append(-1)
        elif not (run.stops[a].scheduled and run.stops[b].scheduled):
            spare.append(UNLIMITED)
        else:
            spare.append(max(slack, more) if run.policy.detour is Detour.ON_ROUTE else most)
    strayed = any(limit < 0 and b > a + 1 for (a, b), limit in zip(pairs, spare, strict=True))
    return [UNLIMITED] * len(spare) if strayed else spare


def _booked(ride: Ride, run: Run, begin: Mapping[str, int]) -> _Offer:
    """Take a booked resident with two own stops as a party that must be carried; one that is late may stay as late."""
    place = {stop.id: stop.place for stop in run.stops}
    windows = {stop.id: schedule.window_at(run, stop) for stop in run.stops}
    board, alight = (
        Window(windows[end].earliest, max(windows[end].latest, begin[end])) for end in (ride.pickup, ride.dropoff)
    )
    aboard = begin[ride.dropoff] - begin[ride.pickup]
    ride = replace(ride, board=board, alight=alight, max_ride=max(ride.max_ride, aboard))
    return _Offer((place[ride.pickup],), (place[ride.dropoff],), ride, must=True)


class _Search:
    """Prices of a day's requests, and with them the bound; a better one is looked for block by block of runs.

    prices: of each request, in parts of PRICE. worth: for each run, a bound on what any set of its requests wins beyond
    their prices.
    """

    def __init__(self, day: _Day, known: Mapping[str, Run], enough: int) -> None:
        self._day, self._enough, self._labels, self._calls = day, enough, labels(MANY), 0
        self.prices = np.zeros(len(day.number), dtype=np.int64)
        self._runs_of: list[set[int]] = [set() for _ in day.number]
        for r, fits in enumerate(day.candidates):
            for q in fits[fits >= 0].tolist():
                self._runs_of[q].add(r)
                self.prices[q] = PRICE
        self.worth = np.zeros(len(day.models), dtype=np.int64)
        self._sets: list[set[frozenset[int]]] = [self._known(r, known) for r in range(len(day.models))]
        self._part = self._parts()

    def _known(self, run: int, known: Mapping[str, Run]) -> set[frozenset[int]]:
        plan, fits = known.get(self._day.runs[run]), set(self._day.candidates[run].tolist())
        served = {self._day.number.get(ride.id, -1) for ride in plan.rides} & fits - {-1} if plan else set()
        return {frozenset(served)} if served else set()

    def _parts(self) -> tuple[Numbers, Numbers]:
        """Number the parts of the day that share no request: for each request and for each run."""
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components

        queries, count = len(self.prices), len(self.prices) + len(self.worth)
        pairs = [(q, queries + r) for q, runs in enumerate(self._runs_of) for r in runs]
        ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        graph = csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
        part = connected_components(graph, directed=False)[1].astype(np.int64)
        return part[:queries], part[queries:]

    @property
    def bound(self) -> int:
        """Most requests that can be served: a whole number in each part of the day, as parts share no request."""
        totals = np.zeros(len(self.prices) + len(self.worth) + 1, dtype=np.int64)
        for part, worth in zip(self._part, (self.prices, self.worth), strict=True):
            np.add.at(totals, part, worth)
        return int((totals // PRICE).sum())

    def improve(self, until: float) -> None:
        """Lower the bound until that time (of the monotonic clock), or until the known plan is proved to be best."""
        idle = 0
        for turn in count():
            blocks, before, done = self._blocks(turn), self._total, True
            left = len(self.worth)
            for block in blocks:
                now = monotonic()
                if now >= until or self.bound <= self._enough:
                    return
                done &= self._improve(block, now + (until - now) * len(block) / left)
                left -= len(block)
            idle = idle + 1 if done and before - self._total < NEAR else 0
            if idle >= min(2, len(blocks)):
                return

    @property
    def _total(self) -> int:
        return int(self.prices.sum() + self.worth.sum())

    def _blocks(self, turn: int) -> list[list[int]]:
        """Part the runs into blocks that share many requests; another way each turn."""
        near = [Counter(s for q in fits[fits >= 0].tolist() for s in self._runs_of[q]) for fits in self._day.candidates]
        left = dict.fromkeys(range(len(near)) if turn % 2 == 0 else reversed(range(len(near))))
        blocks = []
        while left:
            block, shared = list[int](), Counter({next(iter(left)): 1})
            while shared and len(block) < BLOCK:
                run = max(shared, key=shared.__getitem__)
                del left[run], shared[run]
                block.append(run)
                shared.update({other: n for other, n in near[run].items() if other in left})
            blocks.append(block)
        return blocks

    def _improve(self, block: list[int], until: float) -> bool:
        """Lower the prices of requests that only these runs can carry, by column generation; False if time ran out."""
        inside = set(block)
        own = np.array([q for q, runs in enumerate(self._runs_of) if runs and runs <= inside], dtype=np.int64)
        target, most = self.prices[own] * 9 // 10, FEW
        if not len(own):
            return True
        if all(self._sets[run] for run in block):
            target = (self.prices[own] + self._program(block, own)[1]) // 2
        while monotonic() < until:
            trial = self.prices.copy()
            trial[own] = target
            tried = self._try(block, trial, most, until)
            if tried is None:
                return False
            worth, open_, fresh = tried
            best = int(self.prices[own].sum() + self.worth[block].sum())
            better = int(trial[own].sum() + worth.sum()) < best
            if better:
                best = int(trial[own].sum() + worth.sum())
                self.prices[own], self.worth[block] = trial[own], worth
            least, duals = self._program(block, own)
            if self.bound <= self._enough or best - least < NEAR:
                return True
            stuck = not better and not fresh
            if stuck and not open_ and np.array_equal(target, duals):
                return True
            if open_ > OPEN_SHARE * (best - least) or (stuck and open_):
                if most == MANY and stuck:
                    return True
                most = min(2 * most, MANY)
            target = duals if stuck else (self.prices[own] + duals) // 2
        return False

    def _try(self, block: list[int], prices: Numbers, most: int, until: float) -> tuple[Numbers, int, int] | None:
        """Search each run's best set at these prices; None when time is up.

        Gives each run's bound, by how much these are not sure to be reached, and how many sets are new.
        """
        worth, open_, fresh = np.zeros(len(block), dtype=np.int64), 0, 0
        for k, run in enumerate(block):
            if monotonic() > until:
                return None
            worth[k], reached, sets = self._best(run, prices, most)
            open_ += int(worth[k]) - reached
            fresh += len(sets - self._sets[run])
            self._sets[run] |= sets
        return worth, open_, fresh

    def _best(self, run: int, prices: Numbers, most: int) -> tuple[int, int, set[frozenset[int]]]:
        model, who = self._day.models[run], self._day.candidates[run]
        weight = np.where(model.must, MUST, np.where(who >= 0, PRICE - prices[who], 0))
        order = np.flatnonzero(weight > 0)
        order = order[np.argsort(-weight[order] / np.maximum(model.cost[order], 0.5), kind="stable")]
        spilt, order = int(weight[order[ITEMS:]][~model.must[order[ITEMS:]]].sum()), order[:ITEMS]
        floor = MUST * int(model.must[order].sum())
        if not len(order) or model.must[order].all():
            return spilt, 0, set()
        self._calls += 1
        bound, reached, found = best_set(model, order, weight, floor, self._labels, most, self._calls)
        sets = {frozenset(int(q) for s, q in enumerate(who[order]) if q >= 0 and int(mask) >> s & 1) for mask in found}
        return bound - floor + spilt, reached - floor, sets - {frozenset()}

    def _program(self, block: list[int], own: Numbers) -> tuple[float, Numbers]:
        """Solve the linear program of set packing over the sets found: its value, and the block's prices."""
        from scipy.optimize import linprog
        from scipy.sparse import csr_array

        row = {int(q): k for k, q in enumerate(own)}
        rows, columns, gain = list[int](), list[int](), list[int]()
        for k, run in enumerate(block):
            for one in self._sets[run]:
                inside = [row[q] for q in one if q in row]
                rows += [*inside, len(own) + k]
                columns += [len(gain)] * (len(inside) + 1)
                gain.append(PRICE * len(inside) + sum(PRICE - int(self.prices[q]) for q in one if q not in row))
        if not gain:
            return 0.0, np.zeros_like(own)
        size = len(own) + len(block)
        matrix = csr_array((np.ones(len(rows)), (rows, columns)), shape=(size, len(gain)))
        solved = linprog(-np.array(gain) / PRICE, A_ub=matrix, b_ub=np.ones(size), method="highs-ds")
        if solved.status:  # HiGHS gave up: the prices as they are prove as much as before
            return 0.0, self.prices[own]
        duals = np.clip(-solved.ineqlin.marginals[: len(own)], 0.0, 1.0)
        return -solved.fun * PRICE, np.rint(duals * PRICE).astype(np.int64)
