"""A day to be re-planned: runs and requests as a search works on them, and what it answers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matching import kernel, ruin, schedule
from matching.fleet import Fleet
from matching.kernel import OWN
from matching.model import Ride, Run, TripRequest
from matching.objective import Objective
from matching.promises import broken
from matching.rides import board_late, without
from routing.times import TravelTimes

MUST = 1 << 28
"""Weight of a ride that was promised: no plan without it is worth more than one with it."""

ROOM = 96
"""Stops that a search may add to a run at most."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search has come: requests newly placed, its objective (seconds), improvements seen."""

    served: int
    objective: int
    solutions: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Every run given, changed or not, in the order given; revisions are untouched.

    served, unserved: ids of the requests newly placed, and of the others. before, after: residents' parties carried.
    drive_before, drive_after: seconds of driving over all runs. upper_bound: residents' parties that any plan could
    carry at most, proved. objective: seconds, see `matching.objective`.
    """

    runs: tuple[Run, ...]
    served: tuple[str, ...]
    unserved: tuple[str, ...]
    before: int
    after: int
    drive_before: int
    drive_after: int
    upper_bound: int
    objective: int


class Draft:
    """Runs and requests as arrays, which a ruin-and-recreate search changes, and the runs that come of it.

    Rides that were promised stay on their run; those between two stops of their own may move within their windows.
    kinds: a number for each run, the same for runs of which each could do what the others do.
    """

    def __init__(
        self, runs: Sequence[Run], requests: Iterable[TripRequest], times: TravelTimes, objective: Objective, seed: int
    ) -> None:
        self.runs, self._times = tuple(runs), times
        riding, dates = {ride.id for run in runs for ride in run.rides}, {run.service_date for run in runs}
        fresh = [one for one in requests if one.id not in riding and one.service_date in dates]
        there = riding | {one.id for one in fresh} | {None}
        self.asked = [one for one in fresh if one.after in there]
        moving = [_movable(run) for run in runs]
        bare = [_stripped(run, rides) for run, rides in zip(runs, moving, strict=True)]
        points = (point for one in self.asked for point in (*one.pickups, *one.dropoffs) if point.walk <= one.max_walk)
        self._fleet = Fleet(bare, times, objective, places=(point.place for point in points), index=False)
        only = [-1] * len(self.asked)
        for request in self.asked:
            self._fleet.add(request)
        for r, (run, rides) in enumerate(zip(runs, moving, strict=True)):
            for ride in rides:
                self._fleet.hold(ride, run)
                only.append(r)
        self._fleet.trim(ROOM)
        self.state = self._fleet.state
        self.kinds = np.array(_kinds(runs, moving), np.int64)
        weights = [objective.weight(request) for request in self.asked]
        self.state.task[:, kernel.WEIGHT] = [*weights, *([MUST] * (len(only) - len(weights)))]
        windows = np.zeros((len(only), 4), np.int32)
        ruin.tighten(self.state, windows)
        for r, (run, rides) in enumerate(zip(runs, moving, strict=True)):
            self._seat(r, _without_orphans(run, bare[r], rides), rides)
        self.search = _search_of(self.state, windows, np.array(only, np.int32), self._links(), seed)

    @property
    def served(self) -> int:
        """Requests placed in the best plan so far."""
        return len(self.asked) - int((self.state.task[: len(self.asked), kernel.RUN] < 0).sum())

    def finished(self) -> list[Run]:
        """Give the runs of the best plan, judged, each new party boarding as late as it can."""
        ruin.rewind(self.state, self.search)
        return [
            settled(run, self._fleet.run(r), self._times) if self.state.route[r, kernel.RIDERS] else run
            for r, run in enumerate(self.runs)
        ]

    def _links(self) -> list[int]:
        """Number the task without which each task falls away; -1 where that rides already, or there is none."""
        number = {one.id: q for q, one in enumerate(self._fleet.tasks)}
        return [number.get(one.after, -1) if one.after else -1 for one in self._fleet.tasks]

    def _seat(self, r: int, run: Run, moving: Sequence[Ride]) -> None:
        """Write the rides that may move where they are now."""
        if not moving:
            return
        line, task, first = self.state.line[r], self.state.task, {one.id: q for q, one in enumerate(self._fleet.tasks)}
        ends = {
            stop: OWN + 2 * first[ride.id] + off
            for ride in moving
            for off, stop in enumerate((ride.pickup, ride.dropoff))
        }
        fixed = 0
        for k, stop in enumerate(run.stops):
            line[k, kernel.NODE] = ends.get(stop.id, fixed)
            fixed += stop.id not in ends
        for m, ride in enumerate(moving):
            line[m, kernel.RIDER] = first[ride.id]
            task[first[ride.id], kernel.RUN] = r
        self.state.route[r, kernel.N], self.state.route[r, kernel.RIDERS] = len(run.stops), len(moving)
        kernel.refresh(self.state, r)


def settled(old: Run, new: Run, times: TravelTimes) -> Run:
    """Take new rides out of a run until the judge agrees; keep the old run where nothing is won."""
    held = {ride.id for ride in old.rides}
    new = replace(new, rides=_in_order(old, new))
    while faults := {fault.where for fault in broken(new, times, old)}:
        fresh = [ride for ride in new.rides if ride.id not in held]
        if not fresh:
            return old
        named = [ride for ride in fresh if faults & {ride.id, ride.pickup, ride.dropoff}]
        new = without(new, (named or fresh)[-1].id)
    if len(new.rides) > len(old.rides):
        late = _boarded_late(new, held, times)
        return new if broken(late, times, old) else late
    return new if drive_of(new, times) < drive_of(old, times) else old


def plan_of(
    before: Sequence[Run],
    after: Sequence[Run],
    requests: Sequence[TripRequest],
    times: TravelTimes,
    *,
    objective: Objective,
    upper_bound: int,
) -> Plan:
    """Sum up what a re-plan changed."""
    riding = {ride.id for run in after for ride in run.residents}
    left = [request for request in requests if request.id not in riding]
    drive = sum(drive_of(run, times) for run in after)
    return Plan(
        tuple(after),
        served=tuple(request.id for request in requests if request.id in riding),
        unserved=tuple(request.id for request in left),
        before=sum(len(run.residents) for run in before),
        after=sum(len(run.residents) for run in after),
        drive_before=sum(drive_of(run, times) for run in before),
        drive_after=drive,
        upper_bound=upper_bound,
        objective=drive + objective.unserved_weight(left),
    )


def drive_of(run: Run, times: TravelTimes) -> int:
    """Seconds that a run drives."""
    return sum(schedule.legs_of(run, times))


def _movable(run: Run) -> list[Ride]:
    """List the residents who board and alight at stops of their own that can still be changed."""
    at = run.positions()
    users: dict[str, int] = {}
    for ride in run.rides:
        for stop in (ride.pickup, ride.dropoff):
            users[stop] = users.get(stop, 0) + 1
    return [
        ride
        for ride in run.residents
        if all(
            users[stop] == 1 and at[stop] >= run.fixed and not run.stops[at[stop]].scheduled
            for stop in (ride.pickup, ride.dropoff)
        )
    ]


def _kinds(runs: Sequence[Run], moving: Sequence[Sequence[Ride]]) -> list[int]:
    """Number the runs so that those which differ in nothing but names share a number; who has a promise has none."""
    kinds: dict[object, int] = {}
    return [
        kinds.setdefault(r if rides else _nameless(run), len(kinds))
        for r, (run, rides) in enumerate(zip(runs, moving, strict=True))
    ]


def _nameless(run: Run) -> Run:
    at = {stop: str(k) for stop, k in run.positions().items()}
    rides = [replace(ride, id="", pickup=at[ride.pickup], dropoff=at[ride.dropoff]) for ride in run.rides]
    stops = tuple(replace(stop, id=at[stop.id]) for stop in run.stops)
    return replace(run, id="", vehicle="", revision=0, stops=stops, rides=tuple(rides))


def _stripped(run: Run, rides: Iterable[Ride]) -> Run:
    for ride in rides:
        run = without(run, ride.id)
    return run


def _without_orphans(run: Run, bare: Run, rides: Iterable[Ride]) -> Run:
    """Leave out the stops that nobody uses any more: they were too near to be changed when their riders cancelled."""
    used = {stop.id for stop in bare.stops} | {stop for ride in rides for stop in (ride.pickup, ride.dropoff)}
    return replace(run, stops=tuple(stop for stop in run.stops if stop.id in used))


def _in_order(old: Run, new: Run) -> tuple[Ride, ...]:
    """List the rides that a run had in their old order, and then the new ones."""
    rides = {ride.id: ride for ride in new.rides}
    held = [rides.pop(ride.id) for ride in old.rides if ride.id in rides]
    return (*held, *rides.values())


def _boarded_late(run: Run, held: set[str], times: TravelTimes) -> Run:
    """Pick new parties up so late at their own stops that the vehicle need not wait with them at the next one."""
    own = {ride.pickup: ride for ride in run.rides if ride.id not in held}
    for stop in reversed(run.stops):
        if stop.id in own and not stop.scheduled:
            run = board_late(run, own[stop.id], times)
    return run


def _search_of(st: kernel.State, windows: Any, only: Any, leader: list[int], seed: int) -> ruin.Search:
    """Prepare a search from the runs as they are."""
    runs, tasks, wide = len(st.route), len(st.task), np.int64
    first, choice = np.zeros(tasks + 1, np.int32), np.zeros(16 * tasks, np.int32)
    while (count := ruin.list_choices(st, only, windows, first, choice)) > len(choice):
        choice = np.zeros(count, np.int32)
    near = np.full((tasks, ruin.NEAR), -1, np.int32)
    ruin.list_near(st, windows, first, choice[:count], near)
    follower = np.full(tasks, -1, np.int32)
    for q, other in enumerate(leader):
        if other >= 0:
            follower[other] = q
    columns = min(400_000, 150_000 + 200 * tasks)
    words = columns * int(20 + 10 * tasks / max(1, runs))
    draw = np.random.default_rng(seed)
    search = ruin.Search(
        first=first,
        choice=choice[:count],
        near=near,
        leader=np.array(leader, np.int32),
        follower=follower,
        version=np.full(runs, -1, wide),
        kept=np.zeros(runs, wide),
        floor=np.zeros(runs, wide),
        struck=np.zeros(runs, wide),
        known=np.full((count, 2), -2, wide),
        place=np.zeros((count, 2, kernel.FOUND), np.int32),
        best_route=st.route.copy(),
        best_line=st.line.copy(),
        best_task=st.task.copy(),
        best_version=np.full(runs, -3, wide),
        old_route=np.zeros((ruin.TOUCHED, *st.route.shape[1:]), np.int32),
        old_line=np.zeros((ruin.TOUCHED, *st.line.shape[1:]), np.int32),
        old_mask=np.zeros((ruin.TOUCHED, *st.mask.shape[1:]), wide),
        old_task=np.zeros((4 * ruin.NEAR, *st.task.shape[1:]), np.int32),
        run_round=np.zeros(runs, wide),
        task_round=np.zeros(tasks, wide),
        run_list=np.zeros(ruin.TOUCHED, np.int32),
        task_list=np.zeros(4 * ruin.NEAR, np.int32),
        column=np.zeros((columns, ruin.COLUMN), np.int32),
        word=np.zeros(words, np.int32),
        hashed=np.full((1 << (2 * columns).bit_length(), 2), -1, wide),
        salt=draw.integers(1, 1 << 62, tasks),
        bank=np.zeros(ruin.NEAR + 1, np.int32),
        string=np.zeros(st.line.shape[1], np.int32),
        key=np.zeros(ruin.NEAR + 1, wide),
        count=np.zeros(ruin.COUNTS, wide),
    )
    search.count[ruin.RANDOM] = int(draw.integers(1, 1 << 31))
    ruin.begin(st, search)
    return search
