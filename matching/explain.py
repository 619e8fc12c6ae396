"""Why a party fits on a run, or which promise stops it and by how much: the nearest miss, as the judge sees it.

Every pair of places is bounded from below by what it must miss at least; in that order the runs are built and judged,
until no other pair can come nearer.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from matching import eligibility, kernel, promises, schedule
from matching.fleet import Fleet, Insertion
from matching.model import Broken, Detour, Load, MeetingPoint, Rule, Run, Stop, TripRequest
from matching.objective import Objective
from matching.rides import ride_of
from routing.times import NO_WAY, Place, TravelTimes

PERSON = 60
"""Seconds that one person (seat, place, companion) too many counts when misses are compared."""

NEVER = 1 << 20
"""Seconds that count for a rule which no number of seconds or seats would satisfy."""

PEOPLE = frozenset({Rule.SEATS, Rule.WHEELCHAIR, Rule.STOWAGE, Rule.QUOTA, Rule.APART, Rule.ACCOMPANIED, Rule.LAST_IN})
SECONDS = frozenset({Rule.WINDOW, Rule.BELL, Rule.EXTRA, Rule.MAX_RIDE, Rule.DETOUR, Rule.CUTOFF, Rule.TIME})


@dataclass(frozen=True, slots=True)
class Explanation:
    """Either how a party fits, or what its nearest miss would break: one fault for each rule, the gravest first.

    A run that is not on the road when the party wants to travel says so before that.
    """

    fits: Insertion | None
    stopped: tuple[Broken, ...] = ()

    @property
    def miss(self) -> tuple[int, int]:
        """How far from fitting: the gravest fault and the sum of all, people counted as `PERSON` seconds each."""
        return (0, 0) if self.fits else _miss(self.stopped)


def explain(request: TripRequest, run: Run, times: TravelTimes, objective: Objective | None = None) -> Explanation:
    """Say why a request fits on a run, or which rule stops it and by how much (seconds, or people)."""
    if request.service_date != run.service_date:
        return Explanation(None, (Broken(Rule.TIME, run.id),))
    return explained(request, Fleet([run], times, objective, index=False), 0)


def explained(request: TripRequest, fleet: Fleet, r: int) -> Explanation:
    """Explain a request on one run of a fleet."""
    run = fleet.run(r)
    for place in fleet.places(request, r, 1):
        found = fleet.inserted(place)
        if not promises.broken(found.run, fleet.times, before=run):
            return Explanation(found)
    entry = eligibility.obstacles(request, run)
    if entry:
        return Explanation(None, tuple(sorted(entry, key=_weight, reverse=True)))
    away = tuple(_off_the_road(request, fleet, r))
    late = () if away else tuple(_too_late(request, fleet, r))
    return Explanation(None, late or (*away, *_nearest_miss(request, fleet, r)))


def nearest(request: TripRequest, fleet: Fleet, runs: Iterable[int]) -> tuple[int, Explanation] | None:
    """Explain a request, which fits nowhere, on the run that it misses by least; None where there is no run.

    Bounds grow sharper in turn: the run's own hours, then its pairs of places, then the judge.
    """
    queue = [(_entry_miss(request, fleet, r), 0, r) for r in runs]
    heapify(queue)
    best: tuple[tuple[int, int], int, Explanation] | None = None
    while queue and (best is None or queue[0][0] < best[0]):
        bound, stage, r = heappop(queue)
        if stage == 0:
            sharper = bound if _notice(request, fleet.run(r)) else max(bound, least_miss(request, fleet, r))
            heappush(queue, (sharper, 1, r))
            continue
        said = explained(request, fleet, r)
        if said.stopped and (best is None or said.miss < best[0]):
            best = said.miss, r, said
    return best and (best[1], best[2])


def least_miss(request: TripRequest, fleet: Fleet, r: int) -> tuple[int, int]:
    """Bound from below how far a request is from fitting on a run, without building it."""
    entry = eligibility.obstacles(request, fleet.run(r))
    if entry:
        return _miss(entry)
    return min((one.miss for one in _Pairs(request, fleet, r)), default=(NEVER, NEVER))


def _entry_miss(request: TripRequest, fleet: Fleet, r: int) -> tuple[int, int]:
    faults = eligibility.obstacles(request, fleet.run(r)) or [*_off_the_road(request, fleet, r)]
    return _miss(faults) if faults else (0, 0)


def _weight(fault: Broken) -> int:
    if fault.rule in PEOPLE:
        return PERSON * fault.excess
    return fault.excess if fault.rule in SECONDS and fault.excess else NEVER


def _miss(faults: Sequence[Broken]) -> tuple[int, int]:
    weights = [_weight(fault) for fault in faults]
    return max(weights), sum(weights)


def _off_the_road(request: TripRequest, fleet: Fleet, r: int) -> Iterator[Broken]:
    """Seconds between what was asked and the run's first and last second."""
    first, last = (int(end) for end in fleet.state.span[:, r])
    latest = min(request.depart.latest, request.arrive.latest)
    gap = max(first - latest, max(request.depart.earliest, request.arrive.earliest) - last)
    if gap > 0:
        yield Broken(Rule.TIME, fleet.run(r).id, gap)


def _notice(request: TripRequest, run: Run) -> bool:
    """Would an earlier booking allow an earlier pickup?"""
    return request.asked_at + run.policy.notice > request.depart.earliest


def _too_late(request: TripRequest, fleet: Fleet, r: int) -> Iterator[Broken]:
    """Seconds by which a booking comes too late, where an earlier one would have found a seat."""
    low, high = request.depart.earliest - fleet.run(r).policy.notice, request.asked_at
    if not _notice(request, fleet.run(r)) or not fleet.places(replace(request, asked_at=low), r, 1):
        return
    while high - low > 1:
        middle = (low + high) // 2
        if fleet.places(replace(request, asked_at=middle), r, 1):
            low = middle
        else:
            high = middle
    yield Broken(Rule.CUTOFF, fleet.run(r).id, request.asked_at - low)


def _nearest_miss(request: TripRequest, fleet: Fleet, r: int) -> tuple[Broken, ...]:
    run = fleet.run(r)
    found: tuple[Broken, ...] = (Broken(Rule.TIME, run.id),)
    least = (NEVER * NEVER, 0)
    for pair in sorted(_Pairs(request, fleet, r), key=lambda pair: pair.miss):
        if pair.miss >= least:
            break
        faults = promises.broken(_carrying(request, run, pair, fleet.times), fleet.times, before=run)
        faults = [fault for fault in faults if fault.rule is Rule.ROAD] or faults
        if faults and _miss(faults) < least:
            least, found = _miss(faults), tuple(_gravest(faults))
    return found


def _gravest(faults: Sequence[Broken]) -> list[Broken]:
    """Keep the gravest fault of each rule."""
    gravest: dict[Rule, Broken] = {}
    for fault in sorted(faults, key=_weight, reverse=True):
        gravest.setdefault(fault.rule, fault)
    return list(gravest.values())


class _End(NamedTuple):
    """A pickup or a drop-off: at stop `at` itself, or added behind it."""

    at: int
    added: bool
    point: MeetingPoint


class _Pair(NamedTuple):
    """A pickup and a drop-off, and what they miss at least."""

    miss: tuple[int, int]
    on: _End
    off: _End


def _carrying(request: TripRequest, run: Run, pair: _Pair, times: TravelTimes) -> Run:
    stops, ids = list(run.stops), []
    for end, mark in ((pair.off, "-"), (pair.on, "+")):
        ids.append(request.id + mark if end.added else run.stops[end.at].id)
        if end.added:
            stops.insert(end.at + 1, Stop(request.id + mark, end.point.place))
    direct = schedule.drive(run, pair.on.point.place, pair.off.point.place, times)
    return replace(run, stops=tuple(stops), rides=(*run.rides, ride_of(request, run, (ids[1], ids[0]), direct=direct)))


class _Pairs:
    """All pairs of places for a request on one run of a fleet, each with what it misses at least.

    Bounds rest on what only grows: begins without any longest ride, and the latest begins that windows allow.
    """

    def __init__(self, request: TripRequest, fleet: Fleet, r: int) -> None:
        self._request, self._times, self._run = request, fleet.times, fleet.run(r)
        st = fleet.state
        self._n, self._known = int(st.route[r, kernel.N]), int(st.route[r, kernel.KNOWN])
        rows = st.line[r, : self._n].tolist()
        self._dwell, self._leg = [row[kernel.DWELL] for row in rows], [row[kernel.LEG] for row in rows]
        self._first = max(0, self._run.fixed - 1, self._known - 1)
        self._begin, self._last = self._plain(rows)
        self._inside = [row[kernel.GAP] >= 0 for row in rows]
        self._spare = [row[kernel.SPARE] for row in rows]
        self._spare_all = int(st.route[r, kernel.SPARE_ALL])
        loads = [Load(*row[kernel.ABOARD : kernel.ABOARD + 3]) for row in rows]
        self._crowd = [self._too_many(load) for load in loads]
        self._dwell_more = self._run.policy.dwell_for(request.party, request.needs)
        self._board = request.depart.earliest, request.depart.latest
        self._board = max(self._board[0], request.asked_at + self._run.policy.notice), self._board[1]

    def _plain(self, rows: list[list[int]]) -> tuple[list[int], list[int]]:
        begin, last = [row[kernel.EARLIEST] for row in rows], [row[kernel.LATEST] for row in rows]
        for k in range(max(1, self._known), self._n):
            begin[k] = max(begin[k], begin[k - 1] + self._dwell[k - 1] + self._leg[k - 1])
        for k in range(self._n - 2, self._known - 1, -1):
            last[k] = min(last[k], last[k + 1] - self._dwell[k] - self._leg[k])
        return begin, last

    def _drive(self, origin: Place, destination: Place) -> int:
        return schedule.drive(self._run, origin, destination, self._times)

    def _too_many(self, load: Load) -> int:
        """How much too much is aboard with the party, in seconds; what is too much already counts for nothing."""
        now, then = (max(_lacking(self._run, one)) for one in (load, load + self._request.takes))
        return PERSON * then if then > max(0, now) else 0

    def __iter__(self) -> Iterator[_Pair]:
        for point in self._request.pickups:
            if point.walk <= self._request.max_walk:
                for k in range(self._first, self._n):
                    yield from self._behind(_End(k, False, point))  # noqa: FBT003
                    yield from self._behind(_End(k, True, point))  # noqa: FBT003

    def _joins(self, k: int, point: MeetingPoint) -> bool:
        stop = self._run.stops[k]
        return k >= self._run.fixed and stop.scheduled and not stop.depot and stop.place == point.place

    def _behind(self, on: _End) -> Iterator[_Pair]:
        """Pair a pickup with every drop-off behind it."""
        k, place, drive = on.at, on.point.place, self._drive
        stop = self._run.stops[k]
        if on.added:
            if k == self._n - 1:
                return
            to = drive(stop.place, place)
            begin = max(self._begin[k] + self._dwell[k] + to, self._board[0])
            late, leave = begin - self._board[1], begin + self._dwell_more
            extra = to + drive(place, self._run.stops[k + 1].place) - self._leg[k]
        elif self._joins(k, on.point):
            begin = max(self._begin[k], self._board[0])
            late = max(begin - self._board[1], begin - self._last[k])
            leave, extra, to = begin + self._dwell[k] + self._dwell_more, 0, 0
        else:
            return
        shut = not on.added and not stop.residents
        crowd, arrive = self._crowd[k], leave
        for j in range(k, self._n):
            if j > k:
                arrive = max(arrive, self._begin[j])
                late = max(late, arrive - self._last[j])
                yield from self._at(on, j, arrive, late, crowd=crowd, extra=extra, shut=shut)
                crowd = max(crowd, self._crowd[j])
                arrive += self._dwell[j]
            if j < self._n - 1:
                yield from self._added(on, j, arrive, late, crowd=crowd, extra=(to, extra), shut=shut)
                here = place if j == k else self._run.stops[j].place
                arrive += drive(here, self._run.stops[j + 1].place)

    def _at(self, on: _End, j: int, arrive: int, late: int, *, crowd: int, extra: int, shut: bool) -> Iterator[_Pair]:
        window, closed = self._request.arrive, not self._run.stops[j].residents
        for point in self._request.dropoffs:
            if point.walk <= self._request.max_walk and point.place != on.point.place and self._joins(j, point):
                later = max(late, max(arrive, window.earliest) - min(window.latest, self._last[j]))
                never = (shut or closed) + (on.added and self._never(on.at))
                far = self._too_far([(on.at, extra)]) if on.added else 0
                yield _Pair(_sum(never, later, crowd, far), on, _End(j, False, point))  # noqa: FBT003

    def _added(
        self, on: _End, j: int, leave: int, late: int, *, crowd: int, extra: tuple[int, int], shut: bool
    ) -> Iterator[_Pair]:
        stops, window, drive = self._run.stops, self._request.arrive, self._drive
        for point in self._request.dropoffs:
            if point.walk > self._request.max_walk or point.place == on.point.place:
                continue
            here = on.point.place if j == on.at else stops[j].place
            way, on_way = drive(here, point.place), drive(point.place, stops[j + 1].place)
            if max(way, on_way, extra[0]) >= NO_WAY:
                yield _Pair((NEVER, NEVER), on, _End(j, True, point))  # noqa: FBT003
                continue
            begin = max(leave + way, window.earliest)
            then = max(begin + self._dwell_more + on_way, self._begin[j + 1])
            later = max(late, begin - window.latest, then - self._last[j + 1])
            never = shut + (on.added and self._never(on.at)) + self._never(j)
            if j == on.at:
                drives = [(j, way + on_way + extra[0] - self._leg[j])]
            else:
                drives = [(j, way + on_way - self._leg[j])] + ([(on.at, extra[1])] if on.added else [])
            yield _Pair(_sum(never, later, crowd, self._too_far(drives)), on, _End(j, True, point))  # noqa: FBT003

    def _never(self, k: int) -> bool:
        """Is no stop ever added behind a position, whoever is aboard?"""
        policy = self._run.policy
        return policy.detour is Detour.NONE if self._inside[k] else not policy.deadhead

    def _too_far(self, drives: Sequence[tuple[int, int]]) -> int:
        """Seconds of driving too many, at least."""
        inside = [(k, extra) for k, extra in drives if self._inside[k]]
        if not inside or self._run.policy.detour is Detour.NONE:
            return 0
        if self._run.policy.detour is Detour.UP_TO:
            return sum(extra for _, extra in inside) - self._spare_all
        return max((extra - self._spare[k] for k, extra in inside if self._spare[k] >= 0), default=0)


def _sum(never: int, *misses: int) -> tuple[int, int]:
    """Join what different rules miss: the gravest, and all together."""
    counted = [max(0, miss) for miss in misses]
    return (NEVER if never else max(counted)), NEVER * never + sum(counted)


def _lacking(run: Run, load: Load) -> tuple[int, int, int]:
    """How many wheelchair places, seats beside these, and places to stow things a load lacks."""
    return tuple(excess for _, excess in eligibility.lacking(load, run.capacity))  # type: ignore[return-value]
