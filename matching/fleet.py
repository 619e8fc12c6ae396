"""The runs of a day as arrays: searched in microseconds, changed one accepted ride at a time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from matching import kernel, schedule
from matching.kernel import FAR, OWN, State
from matching.model import EMPTY_ROAD, Capacity, Detour, Load, MeetingPoint, Need, Policy, Ride, Run, Stop, TripRequest
from matching.objective import Objective
from matching.rides import asked_again, board_late, ride_of
from matching.schedule import paced, paced_table
from routing.times import Place, Places, Seconds, TravelTimes

MODES = {Detour.NONE: kernel.NO_DETOUR, Detour.ON_ROUTE: kernel.ON_ROUTE, Detour.UP_TO: kernel.UP_TO}
SOMEBODY, RESIDENT, FIRST_TAG, WORD = 1, 2, 2, 62
"""Tags that everybody has, and every resident; the first bit of other tags, and how many fit into a word."""

DIMENSIONS = 4
"""Of a load: seats, wheelchair places, stowage, and residents, of whom a policy may admit only so many at once."""


MOST_TIMED = 4096
"""Runs that are kept timed."""
_ADDED = 64
"""Places that may come after `Places` were made before these are made anew."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A sound place for a request.

    run: its number; cost: seconds; pickup, dropoff: the points used; found: a row as `kernel.scan` writes it.
    """

    request: TripRequest
    run: int
    cost: int
    pickup: MeetingPoint
    dropoff: MeetingPoint
    found: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Insertion:
    """One sound way to carry a party: the run as it would be, and what that costs (seconds).

    detour: added driving; cost: that, the walks, and the harm that it does, weighed as the objective says.
    """

    run: Run
    ride: Ride
    pickup: MeetingPoint
    dropoff: MeetingPoint
    pickup_time: int
    dropoff_time: int
    detour: int
    cost: int


class Fleet:
    """Runs of one service date, ready to be searched; not to be used by two threads at once.

    places: where parties may ask to board or alight. With `index`, a table says when each run could be at each of them.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        times: TravelTimes,
        objective: Objective | None = None,
        *,
        places: Iterable[Place] = (),
        index: bool = True,
        timed: "Timed | None" = None,
    ) -> None:
        self._given, self.times = tuple(runs), times
        timed = timed or Timed(times)
        self._rows = [timed.rows(run) for run in runs]
        self.tasks: list[TripRequest] = []
        stops = (stop.place for run in runs for stop in run.stops)
        self._place = {place: k for k, place in enumerate(dict.fromkeys([*places, *stops]))}
        self._known = Places(tuple(self._place))
        self._paces = sorted({run.pace for run in runs}) or [EMPTY_ROAD]
        self._policies = list(dict.fromkeys((run.policy, run.pace) for run in runs)) or [(Policy(), EMPTY_ROAD)]
        self._tag = {name: FIRST_TAG + k for k, name in enumerate(sorted(_kept_apart(runs)))}
        self._held: dict[int, tuple[Ride, tuple[Stop, Stop]]] = {}
        self._points = 0
        self._pending: TripRequest | None = None
        self._window = np.zeros(4, np.int32)
        self._found = np.full((1, kernel.FOUND), FAR, np.int32)
        self._each = np.empty((0, kernel.FOUND), np.int32)
        self._listed = np.zeros(max(1, len(runs)), np.int32)
        self.state = self._build((objective or Objective()).harm, index=index)
        for r in range(len(runs)):
            kernel.refresh(self.state, r)

    @property
    def candidates(self) -> int:
        """Position pairs looked at so far."""
        return int(self.state.weights[kernel.LOOKED])

    def best(self, request: TripRequest) -> Placement | None:
        """Find the cheapest sound place for a request over all runs."""
        q = self._written(request)
        run = kernel.find(self.state, q, self._window, self._listed, self._found)
        return self._placement(request, q, int(run), self._found[0].tolist()) if run >= 0 else None

    def places(self, request: TripRequest, r: int, most: int) -> list[Placement]:
        """Find up to `most` sound places on one run, each with its own pickup position, cheapest first.

        Of equal ones a scheduled stop comes before an added one, an early place before a late one.
        """
        q, rows = self._written(request), 2 * self.state.line.shape[1]
        if len(self._each) < rows:
            self._each = np.empty((rows, kernel.FOUND), np.int32)
        self._each[:, kernel.COST] = FAR
        self.state.weights[kernel.LOOKED] += kernel.scan(self.state, r, q, FAR, True, self._each)  # noqa: FBT003
        found = self._each[self._each[:, kernel.COST] < FAR].tolist()
        return [self._placement(request, q, r, one) for one in sorted(found, key=_cheapest_first)[:most]]

    def on_the_road(self, request: TripRequest) -> list[int]:
        """Number the runs that are on the road when a party wants to travel; all others cannot carry it."""
        q = self._written(request)
        count = int(kernel.candidates(self.state, q, self._window, self._listed))
        return [int(r) for r in self._listed[:count]]

    def between(self, placement: Placement) -> tuple[int, int, int]:
        """Earliest begin of a placement's pickup, latest begin of its drop-off, and the direct drive between them."""
        request, row, line = placement.request, placement.found, self.state.line[placement.run]
        at, off = line[row[kernel.ON]], line[row[kernel.OFF] + row[kernel.OFF_ADDED]]
        soonest = int(at[kernel.BEGIN] + (at[kernel.DWELL] if row[kernel.ON_ADDED] else 0))
        return (
            max(soonest, request.depart.earliest),
            min(int(off[kernel.LAST]), request.arrive.latest),
            self._direct(placement),
        )

    def _direct(self, placement: Placement) -> int:
        ends = placement.pickup.place, placement.dropoff.place
        return schedule.drive(self._given[placement.run], *ends, self.times)

    @property
    def size(self) -> int:
        """How many runs there are."""
        return len(self._given)

    def inserted(self, placement: Placement) -> Insertion:
        """Build the run with a ride where `best` or `places` found room for it, and time it."""
        request, run, row = placement.request, self.run(placement.run), placement.found
        stops, ids = list(run.stops), []
        ends = ((row[kernel.OFF], row[kernel.OFF_ADDED], "-"), (row[kernel.ON], row[kernel.ON_ADDED], "+"))
        for (at, added, mark), point in zip(ends, (placement.dropoff, placement.pickup), strict=True):
            ids.append(request.id + mark if added else run.stops[at].id)
            if added:
                stops.insert(at + 1, Stop(request.id + mark, point.place))
        ride = ride_of(request, run, (ids[1], ids[0]), direct=self._direct(placement))
        new = replace(run, stops=tuple(stops), rides=(*run.rides, ride))
        if row[kernel.ON_ADDED]:
            new = board_late(new, ride, self.times)
        begin = {visit.stop.id: visit.begin for visit in schedule.timetable(new, self.times)}
        detour = sum(schedule.legs_of(new, self.times)) - int(self.state.route[placement.run, kernel.DRIVE])
        points, times = (placement.pickup, placement.dropoff), (begin[ride.pickup], begin[ride.dropoff])
        return Insertion(new, new.rides[-1], *points, *times, detour, placement.cost)

    def accept(self, placement: Placement) -> None:
        """Put a request where `best` or `places` found room for it, before any other is accepted."""
        q = self.add(placement.request)
        self._grow_positions()
        kernel.put(self.state, q, placement.run, np.array(placement.found, np.int32))

    def add(self, request: TripRequest) -> int:
        """Number a request as a task, which may then be put on a run."""
        q = self._written(request)
        self._keep_places(request)
        self._points = int(self.state.task[q, kernel.OFF_END])
        self.tasks.append(request)
        self._pending = None
        return q

    def hold(self, ride: Ride, run: Run) -> int:
        """Number a ride between two own stops of its run as a task, which may move within what it was promised."""
        stops = {stop.id: stop for stop in run.stops}
        ends = stops[ride.pickup], stops[ride.dropoff]
        q = self.add(asked_again(ride, (ends[0].place, ends[1].place), run.service_date))
        self._held[q] = ride, ends
        terms = self.state.terms[q]
        terms[:, kernel.T_OPEN], terms[:, kernel.T_DWELL] = 1, ride.dwell
        terms[:, kernel.T_MAX_RIDE] = terms[:, kernel.T_RIDE_SLACK] = FAR
        return q

    def trim(self, room: int) -> None:
        """Leave room for so many more stops on each run, and for no more tasks."""
        st, tasks = self.state, len(self.tasks)
        positions = int(st.route[:, kernel.N].max(initial=0)) + min(2 * tasks, room) + 4
        line = np.zeros((len(st.line), positions, st.line.shape[2]), np.int32)
        kept = min(positions, st.line.shape[1])
        line[:, :kept] = st.line[:, :kept]
        mask = np.zeros((len(st.mask), positions, st.mask.shape[2]), np.int64)
        mask[:, :kept] = st.mask[:, :kept]
        self.state = st._replace(
            line=line,
            mask=mask,
            work=np.zeros((kernel.WORK, _scratch(positions, len(st.cap))), np.int32),
            task=st.task[:tasks].copy(),
            task_mask=st.task_mask[:tasks].copy(),
            terms=st.terms[:tasks].copy(),
        )

    def run(self, r: int) -> Run:
        """Give a run as it is now, with the rides that were put on it."""
        return _as_run(self, r) if self.state.route[r, kernel.RIDERS] else self._given[r]

    def runs(self) -> list[Run]:
        """Give all runs as they are now."""
        return [self.run(r) for r in range(len(self._given))]

    def _placement(self, request: TripRequest, q: int, r: int, found: list[int]) -> Placement:
        st = self.state
        on, off = found[kernel.ON_BY] - st.task[q, kernel.ON_FROM], found[kernel.OFF_BY] - st.task[q, kernel.OFF_FROM]
        points = _near(request, request.pickups)[on], _near(request, request.dropoffs)[off]
        return Placement(request, r, found[kernel.COST], *points, tuple(found))

    def _written(self, request: TripRequest) -> int:
        return len(self.tasks) if self._pending is request else self._write(request)

    def _write(self, request: TripRequest) -> int:
        """Write a request behind the tasks there are."""
        self._pending, q = request, len(self.tasks)
        pickups, dropoffs = _near(request, request.pickups), _near(request, request.dropoffs)
        first = self._points
        between, end = first + len(pickups), first + len(pickups) + len(dropoffs)
        numbers = self._numbers([*pickups, *dropoffs])
        self._make_room(q, end + 1)
        st = self.state
        if end > first:
            st.point[first:end] = numbers
        takes, last_in = request.takes, Need.LAST_IN_FIRST_OUT in request.needs
        st.task[q] = (
            -1, first, between, 0, 0, 0, min(request.max_ride, FAR), last_in, takes == Load(request.party.people),
            first, between, between, end, 0, *_numbers(takes, request.party.people),
        )  # fmt: skip
        st.terms[q] = [(*_terms(request, policy), self._paces.index(pace)) for policy, pace in self._policies]
        earliest, latest = request.depart.earliest, request.depart.latest
        self._window[:] = (earliest, latest, request.arrive.earliest, request.arrive.latest)
        self._guard(q, request)
        return q

    def _numbers(self, points: list[MeetingPoint]) -> list[tuple[int, int]]:
        """Give place number and walk of meeting points; the roads are asked once for the places not yet known."""
        known = self._place
        later: dict[Place, int] = {}
        for point in points:
            if point.place not in known:
                later.setdefault(point.place, len(known) + len(later))
        if later:
            self._ask_roads([*later])
        return [(later[p.place] if p.place in later else known[p.place], p.walk) for p in points]

    def _ask_roads(self, unknown: list[Place]) -> None:
        """Write the drives between unknown places and all known ones behind the table."""
        n, m = len(self._place), len(unknown)
        if n + m > self.state.seconds.shape[1]:
            shape = (len(self._paces), 2 * (n + m), 2 * (n + m))
            self.state = self.state._replace(
                seconds=_padded(self.state.seconds, shape, FAR), reverse=_padded(self.state.reverse, shape, FAR)
            )
        if n - len(self._known) > _ADDED:
            self._known = Places(tuple(self._place))
        k = len(self._known)
        added, known, new = [*islice(self._place, k, None)], slice(0, k), slice(n, n + m)
        if k:
            self._write_drives(self.times.table(unknown, self._known), new, known)
            self._write_drives(self.times.table(self._known, unknown), known, new)
        self._write_drives(self.times.table(unknown, [*added, *unknown]), new, slice(k, n + m))
        if added:
            self._write_drives(self.times.table(added, unknown), slice(k, n), new)

    def _write_drives(self, roads: Seconds, origins: slice, destinations: slice) -> None:
        for pace, seconds, reverse in zip(self._paces, self.state.seconds, self.state.reverse, strict=True):
            drives = np.minimum(paced_table(roads, pace), FAR)
            seconds[origins, destinations], reverse[destinations, origins] = drives, drives.T

    def _keep_places(self, request: TripRequest) -> None:
        for point in (*_near(request, request.pickups), *_near(request, request.dropoffs)):
            self._place.setdefault(point.place, len(self._place))

    def _make_room(self, tasks: int, points: int) -> None:
        st = self.state
        if tasks >= len(st.task):
            size = 2 * tasks + 1
            self.state = st = st._replace(
                task=_padded(st.task, (size, st.task.shape[1]), 0),
                task_mask=_padded(st.task_mask, (size, st.task_mask.shape[1]), 0),
                terms=_padded(st.terms, (size, *st.terms.shape[1:]), 0),
            )
        if points > len(st.point):
            self.state = st._replace(point=_padded(st.point, (2 * points, 2), 0))

    def _grow_positions(self) -> None:
        """Leave room for two more stops on every run."""
        st = self.state
        if (
            st.route[:, kernel.N].max() + 2 > st.line.shape[1]
            or st.route[:, kernel.RIDERS].max() + 2 > st.line.shape[1]
        ):
            positions = 2 * st.line.shape[1]
            self.state = st._replace(
                line=_padded(st.line, (len(st.line), positions, st.line.shape[2]), 0),
                mask=_padded(st.mask, (st.mask.shape[0], positions, st.mask.shape[2]), 0),
                work=np.zeros((kernel.WORK, _scratch(positions, len(st.cap))), np.int32),
            )

    def _guard(self, q: int, request: TripRequest) -> None:
        """Write who a request is and whom it may not be with; a group never named before needs all masks anew."""
        new = sorted(request.apart - self._tag.keys())
        if new:
            self._tag |= {name: FIRST_TAG + len(self._tag) + k for k, name in enumerate(new)}
            self.state = self._with_masks()
        st = self.state
        st.task_mask[q] = _masks(request, self._tag, st.task_mask.shape[1] // 2, committed=False)
        apart = st.task_mask[q, st.task_mask.shape[1] // 2 :].any()
        if not st.weights[kernel.GUARDED] and (apart or st.task[q, kernel.LAST_IN]):
            st.weights[kernel.GUARDED] = 1
            for r in range(len(self._given)):
                kernel.refresh(st, r)

    def _with_masks(self) -> State:
        """Write all masks with as many words as there are tags."""
        st, words = self.state, 1 + (FIRST_TAG + len(self._tag)) // WORD
        fixed_mask = np.concatenate([_fixed_masks(run, self._tag, words) for run in self._given])
        task_mask = np.zeros((len(st.task_mask), 2 * words), np.int64)
        for q, request in enumerate(self.tasks):
            task_mask[q] = _masks(request, self._tag, words, committed=False)
        mask = np.zeros((*st.mask.shape[:2], 2 * words), np.int64)
        st = st._replace(fixed_mask=fixed_mask, task_mask=task_mask, mask=mask)
        st.weights[kernel.GUARDED] = 1
        for r in range(len(self._given)):
            kernel.refresh(st, r)
        return st

    def _build(self, harm: int, *, index: bool) -> State:
        places, runs = self._known, self._given
        seconds = np.full((len(self._paces), len(places), len(places)), FAR, np.int32)
        if places:
            roads = self.times.table(places, places)
            for pace, drives in zip(self._paces, seconds, strict=True):
                np.minimum(paced_table(roads, pace), FAR, out=drives)
        rows = self._rows
        words = 1 + (FIRST_TAG + len(self._tag)) // WORD
        positions = max(16, 8 + max((len(run.stops) for run in runs), default=0))
        route, line = (
            _routes(runs, rows, self._policies, self._paces),
            np.zeros((len(runs), positions, kernel.ABOARD + DIMENSIONS), np.int32),
        )
        for r, run in enumerate(runs):
            line[r, : len(run.stops), kernel.NODE] = np.arange(len(run.stops))
        caps = [cap for one in rows for cap in one.caps]
        fixed_mask = np.concatenate(
            [_fixed_masks(run, self._tag, words) for run in runs] or [np.zeros((0, 2 * words), np.int64)]
        )
        weights = np.array([harm, 0, bool(self._tag) or fixed_mask[:, words:].any() or any(one.shut for one in rows)])
        reach = (len(places), len(runs)) if index else (0, 0)
        return State(
            seconds=seconds,
            reverse=np.ascontiguousarray(seconds.transpose(0, 2, 1)),
            route=route,
            line=line,
            mask=np.zeros((len(runs), positions, 2 * words), np.int64),
            fixed=_table(
                [(self._place[place], *row) for one in rows for place, *row in one.stops], kernel.F_LOAD + DIMENSIONS
            ),
            fixed_mask=fixed_mask,
            cap=_table(caps, 3),
            layout=_table([_numbers(one, _most(run)) for run in runs for one in run.capacity.layouts], DIMENSIONS),
            task=np.zeros((64, kernel.TAKES + DIMENSIONS), np.int32),
            task_mask=np.zeros((64, 2 * words), np.int64),
            point=np.zeros((256, 2), np.int32),
            terms=np.zeros((64, len(self._policies), kernel.TERMS), np.int32),
            work=np.zeros((kernel.WORK, _scratch(positions, len(caps))), np.int32),
            weights=weights.astype(np.int64),
            span=np.zeros((2, len(runs)), np.int32),
            soon=np.full(reach, FAR, np.int32),
            late=np.full(reach, -FAR, np.int32),
        )


def warm(progress: Callable[[int, int], None] | None = None) -> None:
    """Compile the kernel, or load it from the cache, so that no request waits for that.

    progress: told after each step how many of how many are done.
    """
    run, wish, times = example()
    fleets: list[Fleet] = []
    steps: tuple[Callable[[], object], ...] = (
        lambda: fleets.append(Fleet([run], times)),
        lambda: fleets[0].on_the_road(wish),
        lambda: fleets[0].places(wish, 0, 1),
        lambda: fleets[0].best(wish),
        lambda: fleets[0].accept(fleets[0].places(wish, 0, 1)[0]),
    )
    for done, step in enumerate(steps, 1):
        step()
        if progress:
            progress(done, len(steps))


def example() -> tuple[Run, TripRequest, TravelTimes]:
    """Give a run of two stops, a request that it could serve, and the minute between them."""
    here, there = Place(0, 0), Place(0, 1)
    stops = (Stop("a", here, sequence=0, residents=True), Stop("b", there, sequence=1, residents=True))
    policy = Policy(riders=frozenset({"anyone"}), detour=Detour.UP_TO, max_detour=FAR)
    run = Run("warm", "1970-01-01", "", "", Capacity.of(9), stops, (), policy)
    wish = TripRequest("q", run.service_date, (MeetingPoint(here),), (MeetingPoint(there),), Load(1))
    return run, wish, _OneMinute()


class _OneMinute:
    """Roads on which every drive takes a minute."""

    def between(self, origin: Place, destination: Place) -> int:
        return 0 if origin == destination else 60

    def table(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        return np.array([[self.between(a, b) for b in destinations] for a in origins], np.int32)


def _near(request: TripRequest, points: Iterable[MeetingPoint]) -> list[MeetingPoint]:
    """List the points within the walk that a party asked for."""
    return [point for point in points if point.walk <= request.max_walk]


def _cheapest_first(found: list[int]) -> tuple[int, ...]:
    cost, on, on_added, _, off, off_added, _ = found
    return cost, on_added + off_added, on, on_added, off, off_added


class _Rows:
    """What stays where it is on a run, as rows for the kernel; what the run breaks already may just get no worse."""

    def __init__(self, run: Run, times: TravelTimes) -> None:
        visits = schedule.timetable(run, times)
        alone = {visit.stop.id: visit.begin for visit in schedule.timetable(schedule.baseline(run), times)}
        limits = schedule.latest_begin(run, times)
        at = run.positions()
        begin = [visit.begin for visit in visits]
        left = [visit.departure for visit in visits]
        known = len(run.reached)
        spans = [(ride, at[ride.pickup], at[ride.dropoff]) for ride in run.rides]
        self.holds = all(begin[off] - left[on] <= ride.max_ride for ride, on, off in spans if on >= known)
        caps: dict[tuple[int, int], int] = {}
        due: dict[int, int] = {}
        for ride, on, off in spans:
            most = max(ride.max_ride, begin[off] - left[on])
            if on >= known:
                caps[on, off] = min(caps.get((on, off), FAR), most)
            else:
                due[off] = min(due.get(off, FAR), left[on] + most)
        self.caps = [(*ends, most) for ends, most in caps.items() if most < FAR]
        self.closed = any(leg >= FAR for leg in schedule.legs_of(run, times))
        last_in = [(at[r.pickup], at[r.dropoff]) for r in run.rides if Need.LAST_IN_FIRST_OUT in r.needs]
        self.shut = bool(last_in)
        self.part = schedule.scheduled_part(run)
        self.stops = []
        load, residents = Load(), 0
        for k, visit in enumerate(visits):
            for ride in visit.alighting:
                load = load - ride.takes
                residents -= 0 if ride.committed else ride.party.people
            for ride in visit.boarding:
                load = load + ride.takes
                residents += 0 if ride.committed else ride.party.people
            window = schedule.window_at(run, visit.stop)
            latest = max(min(window.latest, limits.get(visit.stop.id, FAR), due.get(k, FAR)), visit.begin)
            earliest = window.earliest
            if k < known:
                earliest = latest = run.reached[k]
            people = sum(ride.party.people for ride in visit.alighting if ride.committed)
            is_open = visit.stop.scheduled and visit.stop.residents and not visit.stop.depot
            is_open = is_open and not any(on < k < off for on, off in last_in)
            self.stops.append((
                visit.stop.place, earliest, latest, visit.departure - visit.begin, people,
                alone.get(visit.stop.id, visit.begin), is_open, len(visit.boarding) + len(visit.alighting),
                visit.stop.scheduled, any(on <= k < off for on, off in last_in), *_numbers(load, residents),
            ))  # fmt: skip


class Timed:
    """Runs that were timed on the same roads before: of a day only those that changed are timed anew. Threads share it.

    Whoever hands a run in again hands in the same stops and rides, not equal ones.
    """

    def __init__(self, times: TravelTimes) -> None:
        self._times = times
        self._kept: dict[str, tuple[Run, _Rows]] = {}

    def rows(self, run: Run) -> "_Rows":
        """Give the rows of a run as it is now."""
        kept = self._kept.get(run.id)
        if kept is None or not _is_timed_alike(kept[0], run):
            if len(self._kept) >= MOST_TIMED:
                self._kept.clear()
            kept = self._kept[run.id] = run, _Rows(run, self._times)
        return kept[1]


def _is_timed_alike(one: Run, other: Run) -> bool:
    if one.stops is not other.stops or one.rides is not other.rides:
        return False
    same = (one.reached, one.done, one.pace, one.policy.max_extra)
    return same == (other.reached, other.done, other.pace, other.policy.max_extra)


def _routes(
    runs: Sequence[Run], rows: Sequence[_Rows], policies: Sequence[tuple[Policy, int]], paces: Sequence[int]
) -> Any:
    route, number = np.zeros((len(runs), kernel.ROUTE_FIELDS), np.int32), {one: p for p, one in enumerate(policies)}
    layout = stop = cap = 0
    for r, (run, one) in enumerate(zip(runs, rows, strict=True)):
        layouts = layout + len(run.capacity.layouts)
        fixed = len(run.stops) + 1 if one.closed else max(run.fixed, len(run.reached))
        route[r] = (
            len(run.stops), 0, fixed, number[run.policy, run.pace], MODES[run.policy.detour],
            min(run.policy.max_detour, FAR), run.policy.deadhead, *one.part, layout, layouts, stop, cap,
            cap + len(one.caps), one.holds, 0, 0, 0, len(run.reached), paces.index(run.pace),
            paced(kernel.TOLERANCE, run.pace), paced(kernel.ON_ROUTE_SLACK, run.pace),
        )  # fmt: skip
        layout, stop, cap = layouts, stop + len(run.stops), cap + len(one.caps)
    return route


def _terms(request: TripRequest, policy: Policy) -> tuple[int, ...]:
    is_open = policy.admits(request.groups) and (policy.closes is None or request.asked_at <= policy.closes)
    return (
        is_open, max(request.depart.earliest, request.asked_at + policy.notice), request.depart.latest,
        request.arrive.earliest, request.arrive.latest, policy.dwell_for(request.party, request.needs),
        min(policy.max_ride, FAR), min(policy.ride_slack, FAR),
    )  # fmt: skip


def _kept_apart(runs: Iterable[Run]) -> set[str]:
    return {name for run in runs for ride in run.rides for name in ride.apart}


def _masks(who: TripRequest | Ride, tag: dict[str, int], words: int, *, committed: bool) -> list[int]:
    """Write a party's tags, and then the tags that may not be with it, 62 to a word."""
    is_ = SOMEBODY if committed else SOMEBODY | RESIDENT
    apart = SOMEBODY if Need.ALONE in who.needs else 0
    for name in who.groups & tag.keys():
        is_ |= 1 << tag[name]
    for name in who.apart & tag.keys():
        apart |= 1 << tag[name]
    return [value >> (WORD * w) & ((1 << WORD) - 1) for value in (is_, apart) for w in range(words)]


def _fixed_masks(run: Run, tag: dict[str, int], words: int) -> Any:
    """Write whose tags are aboard behind each stop of a run, and the tags that may not come in there."""
    at = run.positions()
    masks = np.zeros((len(run.stops), 2 * words), np.int64)
    people = np.zeros(len(run.stops), np.int64)
    for ride in run.rides:
        aboard = slice(at[ride.pickup], at[ride.dropoff])
        masks[aboard] |= np.array(_masks(ride, tag, words, committed=ride.committed))
        people[aboard] += ride.party.people * ride.committed
    for ride in run.rides:
        if ride.committed and Need.ACCOMPANIED in ride.needs:
            for k in range(at[ride.pickup], at[ride.dropoff]):
                masks[k, words] |= RESIDENT if people[k] < 2 else 0
    return masks


def _numbers(load: Load, residents: int) -> tuple[int, int, int, int]:
    return load.seats, load.wheelchairs, load.stowage, residents


def _most(run: Run) -> int:
    return FAR if run.policy.quota is None else run.policy.quota


def _table(rows: list[Any], fields: int) -> Any:
    return np.array(rows, np.int32).reshape(len(rows), fields)


def _padded(array: Any, shape: tuple[int, ...], value: int) -> Any:
    """Copy an array into the corner of a larger one."""
    larger = np.full(shape, value, array.dtype)
    larger[tuple(slice(0, size) for size in array.shape)] = array
    return larger


def _scratch(positions: int, caps: int) -> int:
    return 4 * (positions + 2) + caps + 64


def _as_run(fleet: Fleet, r: int) -> Run:
    """Put the domain run together from the nodes and riders of a line."""
    st, run = fleet.state, fleet._given[r]
    line = st.line[r]
    stops: list[Stop] = []
    places = [*fleet._place]
    rides = []
    for k in range(st.route[r, kernel.N]):
        node = int(line[k, kernel.NODE])
        if node < OWN:
            stops.append(run.stops[node])
        else:
            q = (node - OWN) >> 1
            if q in fleet._held:
                stops.append(fleet._held[q][1][(node - OWN) & 1])
                continue
            request = fleet.tasks[q]
            stops.append(Stop(request.id + "+-"[(node - OWN) & 1], places[line[k, kernel.PLACE]]))
    for m in range(st.route[r, kernel.RIDERS]):
        q = line[m, kernel.RIDER]
        if q in fleet._held:
            rides.append(fleet._held[q][0])
            continue
        task, request = st.task[q], fleet.tasks[q]
        ends = [
            run.stops[task[kernel.ON_AT + off]].id if task[kernel.HELD] & (1 + off) else request.id + "+-"[off]
            for off in range(2)
        ]
        points = st.point[task[[kernel.ON_POINT, kernel.OFF_POINT]], 0]
        direct = int(st.seconds[st.route[r, kernel.PACE], points[0], points[1]])
        rides.append(ride_of(request, run, (ends[0], ends[1]), direct=direct))
    return replace(run, stops=tuple(stops), rides=run.rides + tuple(rides))
