"""What a dispatcher does to a day: actions as data, applied to runs by one function that writes nothing.

Whoever loses a seat is placed anew in order of promise: committed riders before residents, those aboard before those
who wait, residents by class. Nobody is placed where the judge finds anything worse for those who are there already.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from matching import absence, offers, schedule
from matching.explain import explain
from matching.fleet import Insertion
from matching.insertion import reinsert, search
from matching.model import (
    DAY,
    LATEST,
    Broken,
    Capacity,
    Detour,
    Load,
    Policy,
    Ride,
    Rule,
    Run,
    Stop,
    TripRequest,
    Window,
)
from matching.objective import Objective
from matching.promises import broken
from matching.rides import asked_again, without
from routing.times import Place, TravelTimes

OUT_OF_SERVICE = -367 * DAY
"""Second at which booking closed on a run whose vehicle broke down, and on the one that takes its riders over."""

NOTICED = 60
"""Seconds by which an expected time must move before anybody is told: people are told whole minutes."""

PLACES = 12
"""Places that are looked at on one run, each with its own pickup position."""

LONGEST_HOLD = 4 * 3600
ROOM = (Rule.SEATS, Rule.WHEELCHAIR, Rule.STOWAGE)


@dataclass(frozen=True, slots=True)
class Put:
    """Put a request (id) on a run; only notice and closing time of its booking are passed over."""

    request: str
    run: str
    kind: Literal["put"] = "put"


@dataclass(frozen=True, slots=True)
class Move:
    """Move a resident's ride to another run, or to another time on the same; at: wanted second of the pickup."""

    ride: str
    run: str
    to: str
    at: int | None = None
    kind: Literal["move"] = "move"


@dataclass(frozen=True, slots=True)
class Hold:
    """Let a vehicle stand at a stop (id) for so many seconds more than planned; 0 lets it go as planned."""

    run: str
    stop: str
    seconds: int
    kind: Literal["hold"] = "hold"


@dataclass(frozen=True, slots=True)
class Swap:
    """Give a run another vehicle before it begins."""

    run: str
    vehicle: str
    layouts: tuple[Load, ...]
    kind: Literal["swap"] = "swap"


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A vehicle can go no farther from a second of the service day on, and stands at a place.

    aboard: rides (ids) that are in it; over: rides that ended before, or never began. relief: second at which another
    vehicle is there, None for no other; vehicle, layouts: which one that is, the same kind where nothing is said.
    """

    run: str
    second: int
    place: Place
    aboard: frozenset[str] = frozenset()
    over: frozenset[str] = frozenset()
    relief: int | None = None
    vehicle: str = ""
    layouts: tuple[Load, ...] = ()
    kind: Literal["breakdown"] = "breakdown"


@dataclass(frozen=True, slots=True)
class CallOff:
    """Let a run not go on its date."""

    run: str
    kind: Literal["call_off"] = "call_off"


Action = Put | Move | Hold | Swap | Breakdown | CallOff
Key = tuple[str, str]
"""A ride: the run that holds it, and its id there."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An action (its number) that cannot be done, on which run, and what it would break, the gravest first."""

    action: int
    run: str
    stopped: tuple[Broken, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one party; times are when its pickup and its drop-off are expected, seconds of the service day.

    kind: "put" on a run; "moved" to another run or time; "retimed"; "stranded": aboard or waiting, and nothing was
    found; "lost": its seat, and nothing was found; "called off". ride, new: its ids on the run before and after.
    late: seconds by which its drop-off is expected after the latest that it was promised.
    """

    kind: str
    ride: str
    run: str
    to: str
    committed: bool
    aboard: bool = False
    before: tuple[int, int] | None = None
    after: tuple[int, int] | None = None
    late: int = 0
    new: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A day after actions. runs: as they would be, without those that are `gone`; made: new runs -> whom they relieve.

    stranded: run -> rides that leave it on its way. drive: seconds that the
    operator's runs drive, before and after.
    """

    runs: Mapping[str, Run]
    changes: tuple[Change, ...] = ()
    refused: tuple[Refused, ...] = ()
    touched: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    made: Mapping[str, str] = field(default_factory=dict)
    stranded: Mapping[str, frozenset[str]] = field(default_factory=dict)
    drive: tuple[int, int] = (0, 0)

    def of(self, *kinds: str) -> list[Change]:
        return [one for one in self.changes if one.kind in kinds]


@dataclass(frozen=True, slots=True)
class Day:
    """What actions are applied to: all runs of one service date, frozen as of `now` (second of the service day).

    operator: whose dispatcher acts; only its runs take anybody on. wishes: request id -> what was asked, of those who
    may have to be placed. open_to: run -> policy as agreements and rules open it to residents now.
    """

    runs: Sequence[Run]
    operator: str
    now: int
    times: TravelTimes
    wishes: Mapping[str, TripRequest] = field(default_factory=dict)
    open_to: Mapping[str, Policy] = field(default_factory=dict)
    objective: Objective = field(default_factory=Objective)


def apply(actions: Sequence[Action], day: Day) -> Outcome:
    """Do actions one after another; one that cannot be done changes nothing, and says what stops it."""
    state = _State(day)
    for number, action in enumerate(actions):
        state.do(number, action)
    return state.outcome()


def undo(
    before: Run, after: Run, now: Run, times: TravelTimes, gone: Collection[str] = ()
) -> tuple[Run | None, list[Broken]]:
    """Take what made `after` of `before` out of the run as it is `now`: as it would be, and what that would break.

    gone: rides (ids) that do not come back, because their riders let them go meanwhile. No run where somebody finds no
    place there any more.
    """
    if _plan(now) == _plan(after):
        run: Run | None = replace(before, revision=now.revision, done=now.done, reached=now.reached, frozen=now.frozen)
        for name in gone:
            run = without(run, name) if run else None
    else:
        run = _taken_back(before, after, now, times, gone)
    if run is None:
        return None, [Broken(Rule.SEATS, now.id)]
    return run, broken(run, times, now, stranded=exchanged(run, now))


def exchanged(one: Run, other: Run) -> frozenset[str]:
    """Name the rides that only one of two plans holds."""
    return frozenset({ride.id for ride in one.rides} ^ {ride.id for ride in other.rides})


def _plan(run: Run) -> Run:
    return replace(run, revision=0, done=0, reached=(), frozen=0)


def _taken_back(before: Run, after: Run, now: Run, times: TravelTimes, gone: Collection[str]) -> Run | None:
    """Let go who came, put back what was changed, and find a place again for who left; others stay as they are."""
    had, has = ({ride.id: ride for ride in one.rides} for one in (before, after))
    came = {
        ride.id
        for ride in now.rides
        if not ride.own and ride.id in has and (ride.id not in had or not _same_promise(had[ride.id], has[ride.id]))
    }
    run = now
    for name in sorted(came):
        run = without(run, name)
    held = {stop.id: stop.held for stop in before.stops}
    run = replace(run, stops=tuple(replace(stop, held=held.get(stop.id, stop.held)) for stop in run.stops))
    if before.vehicle != after.vehicle:
        run = replace(run, vehicle=before.vehicle, capacity=before.capacity)
    if before.policy.closes != after.policy.closes:
        run = replace(run, policy=replace(run.policy, closes=before.policy.closes))
    away = {ride.id for ride in after.absent} - {ride.id for ride in before.absent}
    back = absence.bring_back(run, away, times) if away else run
    places = {stop.id: stop.place for stop in before.stops}
    there = {ride.id for ride in run.rides}
    for ride in before.rides:
        left = ride.id in came or ride.id not in has  # who left later did so by themselves
        if back is not None and left and not ride.own and ride.id not in {*there, *gone}:
            placed = reinsert(ride, (places[ride.pickup], places[ride.dropoff]), _wide_open(back), times)
            back = placed and replace(placed, policy=back.policy)
    return back


def _wide_open(run: Run) -> Run:
    """Open a run to those who had a seat on it: what closes it to others since does not bind them."""
    return replace(run, policy=replace(run.policy, notice=0, closes=None, quota=None))


def _same_promise(a: Ride, b: Ride) -> bool:
    return (a.board, a.alight, a.pickup, a.dropoff) == (b.board, b.alight, b.pickup, b.dropoff)


def guest_id(run: str, ride: str) -> str:
    """Name a committed ride on the run that takes it over."""
    return f"{run}~{ride}"


class _State:
    """A day while actions are done to it. roots: rides as they are now -> as they were at first."""

    def __init__(self, day: Day) -> None:
        self.day, self.times = day, day.times
        self.before = {run.id: run for run in day.runs}
        self.runs = dict(self.before)
        self.roots: dict[Key, Key] = {}
        self.fates: dict[Key, str] = {}
        self.aboard: set[Key] = set()
        self.gone: set[str] = set()
        self.made: dict[str, str] = {}
        self.stranded: dict[str, frozenset[str]] = {}
        self.refused: list[Refused] = []

    def do(self, number: int, action: Action) -> None:
        """Do one action, or nothing of it and note why."""
        name = action.to if isinstance(action, Move) else action.run
        held = ("runs", "roots", "fates", "aboard", "gone", "made", "stranded")
        kept = {part: getattr(self, part).copy() for part in held}
        own = [self.runs.get(one) for one in {action.run, name}]
        if any(run is None or run.operator != self.day.operator for run in own):
            stopped: Sequence[Broken] = (Broken(Rule.DONE, name),)
        else:
            stopped = getattr(self, f"_{action.kind}")(action, self.runs[action.run])
        if stopped:
            for part, value in kept.items():
                setattr(self, part, value)
            self.refused.append(Refused(number, name, tuple(stopped)))

    def _root(self, key: Key) -> Key:
        return self.roots.get(key, key)

    def _seat(self, old: Key, new: Key) -> None:
        root = self.roots.pop(old, old)
        self.roots[new] = root

    # The actions: each gives what stops it

    def _put(self, action: Put, run: Run) -> Sequence[Broken]:
        wish = self.day.wishes.get(action.request)
        riding = {ride.id for one in self.runs.values() for ride in one.rides}
        if wish is None or wish.id in riding:
            return (Broken(Rule.DONE, action.request),)
        if wish.after is not None and wish.after not in riding:
            return (Broken(Rule.LINKED, action.request),)
        asked = replace(wish, asked_at=self.day.now)
        found = self._find(asked, run, _cost)
        if found is None:
            return self._why(asked, run)
        self.runs[run.id] = found
        self._seat(("", wish.id), (run.id, wish.id))
        return ()

    def _move(self, action: Move, run: Run) -> Sequence[Broken]:
        ride = next((one for one in run.residents if one.id == action.ride), None)
        wish = self.day.wishes.get(action.ride)
        if ride is None or wish is None or run.positions()[ride.pickup] < run.fixed:
            return (Broken(Rule.DONE, action.ride),)
        wanted = _begins(run, self.times)[ride.pickup] if action.at is None else action.at
        self.runs[run.id] = without(run, ride.id)
        to = self.runs[action.to]
        wide = replace(wish, depart=Window(), arrive=Window(), asked_at=self.day.now, after=ride.after)
        found = self._find(wide, to, lambda one: abs(one.pickup_time - wanted))
        if found is None:
            return self._why(wide, to)
        self.runs[to.id] = found
        self._seat((run.id, ride.id), (to.id, ride.id))
        return ()

    def _hold(self, action: Hold, run: Run) -> Sequence[Broken]:
        at = run.positions().get(action.stop)
        if at is None or at < run.done - 1 or not 0 <= action.seconds <= LONGEST_HOLD:
            return (Broken(Rule.DONE, action.stop),)
        stops = tuple(replace(stop, held=action.seconds) if k == at else stop for k, stop in enumerate(run.stops))
        self.runs[run.id] = replace(run, stops=stops)
        return broken(self.runs[run.id], self.times, run)

    def _swap(self, action: Swap, run: Run) -> Sequence[Broken]:
        if run.fixed or not action.layouts:
            return (Broken(Rule.DONE, run.id),)
        kept = replace(run, vehicle=action.vehicle, capacity=Capacity(action.layouts))
        displaced: list[Ride] = []
        while faults := broken(kept, self.times, run):
            misfit = self._misfit(kept, faults)
            if misfit is None:
                return faults
            displaced.append(misfit)
            kept = _let_go(kept, misfit)
        self.runs[run.id] = kept
        left = [ride for ride in self._ranked(run, displaced) if not self._place_anew(run, ride)]
        committed = [ride for ride in left if ride.committed]
        if committed:
            return [Broken(Rule.SEATS, ride.id, ride.party.people) for ride in committed]
        self._lose(run, left)
        return ()

    def _misfit(self, run: Run, faults: Sequence[Broken]) -> Ride | None:
        """Name who must leave first where a vehicle is too small: the one aboard there whose promise ranks last."""
        at = run.positions()
        fault = next((one for one in faults if one.rule in ROOM), None)
        if fault is None:
            return None
        k, wanted = at[fault.where], {Rule.WHEELCHAIR: "wheelchairs", Rule.STOWAGE: "stowage"}.get(fault.rule, "seats")
        there = [ride for ride in run.rides if at[ride.pickup] <= k < at[ride.dropoff] and getattr(ride.takes, wanted)]
        return next(reversed(self._ranked(run, there)), None)

    def _breakdown(self, action: Breakdown, run: Run) -> Sequence[Broken]:
        at = run.positions()
        left = [ride for ride in run.rides if ride.id not in action.over]
        left = [ride for ride in left if ride.id in action.aboard or at[ride.pickup] >= run.done]
        self.aboard |= {(run.id, ride.id) for ride in left if ride.id in action.aboard}
        closed = replace(run, policy=replace(run.policy, closes=OUT_OF_SERVICE))
        self.runs[run.id] = closed
        relief = _Relief(action, run, self.times)
        placed: set[str] = set()
        for ride in self._ranked(run, left):
            here = self._elsewhere(run, ride, self._wishes(run, ride, action))
            late = not here and self._elsewhere(run, ride, self._wishes(run, ride, action, wide=True))
            comes = None if here else relief.arrival(ride)
            if comes is not None and (not late or comes <= late[0]):
                relief.take(ride)
            elif best := here or late:
                self._settle(run, ride, best)
            else:
                self.fates[self._root((run.id, ride.id))] = "stranded"
                continue
            placed.add(ride.id)
            closed = _let_go(closed, ride)
        self.runs[run.id] = closed
        if relief.run is not None:
            self.runs[relief.run.id], self.made[relief.run.id] = relief.run, run.id
            for ride in relief.run.rides:
                self._seat((run.id, ride.id), (relief.run.id, ride.id))
        self.stranded[run.id] = action.aboard & placed
        return broken(closed, self.times, run, stranded=self.stranded[run.id])

    def _call_off(self, _: CallOff, run: Run) -> Sequence[Broken]:
        if run.fixed or run.done:
            return (Broken(Rule.DONE, run.id),)
        del self.runs[run.id]
        self.gone.add(run.id)
        self.fates |= {self._root((run.id, ride.id)): "called off" for ride in run.rides if ride.committed}
        self._lose(run, [ride for ride in self._ranked(run, run.residents) if not self._place_anew(run, ride)])
        return ()

    # Finding other seats

    def _ranked(self, run: Run, rides: Iterable[Ride]) -> list[Ride]:
        """Put rides in order of promise."""
        begin = _begins(run, self.times)

        def rank(ride: Ride) -> tuple[bool, bool, int, int, str]:
            wish = self.day.wishes.get(ride.id)
            weight = self.day.objective.weight(wish) if wish else 0
            return not ride.committed, (run.id, ride.id) not in self.aboard, -weight, begin[ride.pickup], ride.id

        return sorted(rides, key=rank)

    def _place_anew(self, run: Run, ride: Ride) -> bool:
        """Place a ride on another run: within what it was promised, else within what was asked or, committed, later."""
        found = self._elsewhere(run, ride, self._wishes(run, ride)) or self._elsewhere(
            run, ride, self._wishes(run, ride, wide=True)
        )
        if found:
            self._settle(run, ride, found)
        return bool(found)

    def _settle(self, run: Run, ride: Ride, found: tuple[int, str, Run]) -> None:
        self.runs[found[1]] = found[2]
        self._seat((run.id, ride.id), (found[1], _name_elsewhere(run, ride)))

    def _elsewhere(self, run: Run, ride: Ride, wish: TripRequest | None) -> tuple[int, str, Run] | None:
        """Find the run of the operator that brings a party where it wants to be soonest: then, its id, and with it."""
        found = []
        for other in self.runs.values() if wish else ():
            takes = other.operator == self.day.operator and other.policy.closes != OUT_OF_SERVICE
            if wish and takes and other.id != run.id and other.service_date == run.service_date:
                placed = self._find(wish, other, _arrival, guest=ride.committed)
                if placed is not None:
                    end = next(one.dropoff for one in placed.rides if one.id == wish.id)
                    found.append((_begins(placed, self.times)[end], other.id, placed))
        return min(found, key=lambda one: one[:2], default=None)

    def _wishes(
        self, run: Run, ride: Ride, action: Breakdown | None = None, *, wide: bool = False
    ) -> TripRequest | None:
        """Ask for a ride again as it was promised; or `wide`, as its rider once asked, or as soon as can be."""
        stops = {stop.id: stop for stop in run.stops}
        on, off = stops[ride.pickup], stops[ride.dropoff]
        limits = schedule.latest_begin(run, self.times) if ride.own else {}
        board, alight = on.window & ride.board, off.window & ride.alight
        latest = min(board.latest, limits.get(on.id, LATEST)), min(alight.latest, limits.get(off.id, LATEST))
        stands = action is not None and ride.id in action.aboard
        now = max(self.day.now, action.second) if action else self.day.now
        begin = now if stands else max(board.earliest, now)
        again = asked_again(ride, (action.place if action and stands else on.place, off.place), run.service_date)
        again = replace(again, id=_name_elsewhere(run, ride), asked_at=now)
        if not wide:
            depart = Window(begin, LATEST if stands else latest[0])
            return replace(again, depart=depart, arrive=Window(latest=latest[1]))
        if ride.committed or action is not None:
            return replace(again, depart=Window(begin), arrive=Window(), max_ride=LATEST)
        wish = self.day.wishes.get(ride.id)
        return replace(wish, asked_at=now, after=ride.after) if wish else None

    def _find(self, wish: TripRequest, run: Run, key: Callable[[Insertion], int], *, guest: bool = False) -> Run | None:
        """Put a party on a run where the judge finds nothing worse; None where there is no such place."""
        opened = _open_to_own(run) if guest else self._opened(run)
        for one in sorted(search(wish, opened, self.times, most=PLACES).insertions, key=key):
            placed = _placed(one, run, opened, guest=guest)
            if not broken(placed, self.times, run):
                return placed
        return None

    def _opened(self, run: Run) -> Run:
        """Open a run to a resident as its dispatcher may: no notice, and no closing time but a breakdown's."""
        policy = self.day.open_to.get(run.id, run.policy)
        closes = run.policy.closes if run.policy.closes == OUT_OF_SERVICE else None
        return replace(run, policy=replace(policy, notice=0, closes=closes))

    def _why(self, wish: TripRequest, run: Run) -> tuple[Broken, ...]:
        return explain(wish, self._opened(run), self.times).stopped or (Broken(Rule.TIME, run.id),)

    def _lose(self, run: Run, rides: Sequence[Ride]) -> None:
        """Let parties go for whom nothing was found, and what follows their trips."""
        self.fates |= {self._root((run.id, ride.id)): "lost" for ride in rides}
        lost = {ride.id for ride in rides}
        while lost:
            following = [(one.id, ride.id) for one in self.runs.values() for ride in one.rides if ride.after in lost]
            lost = {ride for _, ride in following}
            for name, ride_id in following:
                self.runs[name] = without(self.runs[name], ride_id)
                self.fates[self._root((name, ride_id))] = "lost"

    # What came of it

    def outcome(self) -> Outcome:
        """Compare the day with what it was."""
        touched = {name for name, run in self.runs.items() if self.before.get(name) != run} | self.gone
        was, now = ({name: runs[name] for name in sorted(touched & {*runs})} for runs in (self.before, self.runs))
        after = [self._halted(run) for run in self.runs.values()]
        return Outcome(
            runs=self.runs,
            changes=tuple(changes(was, now, self.times, roots=self.roots, fates=self.fates, aboard=self.aboard)),
            refused=tuple(self.refused),
            touched=frozenset(touched),
            gone=frozenset(self.gone),
            made=self.made,
            stranded=self.stranded,
            drive=(self._drive(self.before.values()), self._drive(after)),
        )

    def _halted(self, run: Run) -> Run:
        """A vehicle that broke down drives no farther."""
        return replace(run, stops=run.stops[: run.done], rides=(), reached=()) if run.id in self.stranded else run

    def _drive(self, runs: Iterable[Run]) -> int:
        return sum(sum(schedule.legs_of(run, self.times)) for run in runs if run.operator == self.day.operator)


def changes(
    before: Mapping[str, Run],
    after: Mapping[str, Run],
    times: TravelTimes,
    *,
    roots: Mapping[Key, Key] = MappingProxyType({}),
    fates: Mapping[Key, str] = MappingProxyType({}),
    aboard: Collection[Key] = (),
) -> list[Change]:
    """Compare the rides of runs before and after: those that came first, then what became of those that were there.

    roots: rides as they are after -> as they were before, where their names do not tell.
    """
    old = {(name, ride.id): ride for name, run in before.items() for ride in run.rides}
    new = {(name, ride.id): ride for name, run in after.items() for ride in run.rides}
    named = {ride_id: (name, ride_id) for name, ride_id in old}
    at = {roots.get(key) or _former(key, old, named): key for key in new}
    was, then = ({name: _begins(run, times) for name, run in runs.items()} for runs in (before, after))
    found = []
    for root, key in sorted((root, key) for root, key in at.items() if root not in old):
        ride = new[key]
        ends = then[key[0]][ride.pickup], then[key[0]][ride.dropoff]
        found.append(Change("put", root[1], "", key[0], ride.committed, after=ends, new=ride.id))
    for root, ride in sorted(old.items()):
        ends = was[root[0]][ride.pickup], was[root[0]][ride.dropoff]
        change = Change("lost", ride.id, root[0], "", ride.committed, root in aboard, ends)
        if root in fates or root not in at:
            found.append(replace(change, kind=fates.get(root, "lost")))
            continue
        key, now = at[root], new[at[root]]
        later = then[key[0]][now.pickup], then[key[0]][now.dropoff]
        same = key == root and _same_promise(ride, now)
        if not same or max(abs(a - b) for a, b in zip(ends, later, strict=True)) >= NOTICED:
            late = max(0, later[1] - _due(before[root[0]], ride, times))
            kind = "retimed" if same else "moved"
            found.append(replace(change, kind=kind, to=key[0], after=later, late=late, new=now.id))
    return found


def _former(key: Key, old: Mapping[Key, Ride], named: Mapping[str, Key]) -> Key:
    """Find the ride of before that one is by its name: the same one, a resident's elsewhere, or a guest's come back."""
    return key if key in old else named.get(key[1]) or named.get(guest_id(*key)) or key


def _due(run: Run, ride: Ride, times: TravelTimes) -> int:
    """Give the last second at which a drop-off was promised to begin."""
    window = next(stop.window for stop in run.stops if stop.id == ride.dropoff) & ride.alight
    limit = schedule.latest_begin(run, times).get(ride.dropoff, LATEST) if ride.own else LATEST
    return min(window.latest, limit)


class _Relief:
    """A vehicle that comes to where another broke down, and drives on for as many of its riders as it can take.

    What it promises is what it can keep: its windows are those of the run before, or later ones.
    """

    def __init__(self, action: Breakdown, run: Run, times: TravelTimes) -> None:
        self._action, self._broken, self._times = action, run, times
        self.run: Run | None = None

    def arrival(self, ride: Ride) -> int | None:
        """Tell when it would bring a party to where it wants to be; None where it cannot take it."""
        run = self._with(ride)
        return None if run is None else _begins(run, self._times)[ride.dropoff]

    def take(self, ride: Ride) -> None:
        """Take a party along."""
        self.run = self._with(ride)

    def _with(self, ride: Ride) -> Run | None:
        if self._action.relief is None:
            return None
        aboard = {one.id for one in self.run.rides} if self.run else set()
        rides = [one for one in self._broken.rides if one.id in {*aboard, ride.id}]
        run = self._timed(self._built(rides))
        return None if broken(run, self._times) else run

    def _built(self, rides: Sequence[Ride]) -> Run:
        """Join its way from where the other one stands to all that these rides need, bound by no time yet."""
        action, was = self._action, self._broken
        name = f"{was.id}+"
        first = Stop(f"{name}start", action.place, Window(max(action.relief or 0, action.second)), sequence=0)
        taken = [replace(one, pickup=first.id) if one.id in action.aboard else one for one in rides]
        used = {stop for one in taken for stop in (one.pickup, one.dropoff)}
        ahead = [
            replace(stop, window=Window(stop.window.earliest), sequence=k + 1 if stop.scheduled else None, held=0)
            for k, stop in enumerate(was.stops)
            if stop.id in used
        ]
        free = [
            replace(
                one,
                board=Window() if one.id in action.aboard else Window(one.board.earliest),
                alight=Window(one.alight.earliest),
                max_ride=LATEST,
            )
            for one in taken
        ]
        policy = replace(
            was.policy, detour=Detour.UP_TO, max_detour=LATEST, deadhead=True, max_extra=LATEST, closes=OUT_OF_SERVICE
        )
        return Run(
            name,
            was.service_date,
            was.operator,
            action.vehicle or was.vehicle,
            Capacity(action.layouts) if action.layouts else was.capacity,
            (first, *ahead),
            tuple(free),
            policy,
            pace=was.pace,
        )

    def _timed(self, run: Run) -> Run:
        """Promise what it can keep: the windows that it would break are opened as far as they must be."""
        visits = {visit.stop.id: visit for visit in schedule.timetable(run, self._times)}
        slack = run.policy.punctuality
        windows = {stop.id: stop.window for stop in self._broken.stops}
        stops = []
        for stop in run.stops:
            latest = max(windows[stop.id].latest if stop.id in windows else 0, visits[stop.id].begin + slack)
            stops.append(replace(stop, window=Window(stop.window.earliest, latest)))
        rides = []
        for ride in run.rides:
            on, off = visits[ride.pickup], visits[ride.dropoff]
            told = offers.promised(ride, run.policy, on.begin, off.begin)
            rides.append(replace(told, max_ride=off.begin - on.departure + 2 * slack))
        return replace(run, stops=tuple(stops), rides=tuple(rides))


def _cost(one: Insertion) -> int:
    return one.cost


def _arrival(one: Insertion) -> int:
    return one.dropoff_time


def _begins(run: Run, times: TravelTimes) -> dict[str, int]:
    return {visit.stop.id: visit.begin for visit in schedule.timetable(run, times)}


def _name_elsewhere(run: Run, ride: Ride) -> str:
    return guest_id(run.id, ride.id) if ride.own else ride.id


def _let_go(run: Run, ride: Ride) -> Run:
    """Take a ride out of its run; one of the run's own is absent from then on."""
    if not ride.own:
        return without(run, ride.id)
    rides = tuple(one for one in run.rides if one.id != ride.id)
    return replace(run, rides=rides, absent=(*run.absent, ride))


def _open_to_own(run: Run) -> Run:
    """Open a run to a committed rider of its operator: its town's rules on residents do not bind these."""
    policy = replace(
        run.policy,
        riders=frozenset({"anyone"}),
        detour=Detour.UP_TO,
        max_detour=LATEST,
        deadhead=True,
        quota=None,
        notice=0,
        closes=None,
        max_ride=LATEST,
        ride_slack=LATEST,
    )
    return replace(run, policy=policy, stops=tuple(replace(stop, residents=not stop.depot) for stop in run.stops))


def _placed(one: Insertion, run: Run, opened: Run, *, guest: bool) -> Run:
    """Make the run of an insertion that was found while the run was opened wider than it is."""
    own = {stop.id: stop for stop in run.stops}
    ride = offers.promised(one.ride, run.policy, one.pickup_time, one.dropoff_time)
    if guest:
        ride = replace(ride, committed=True, guest=True)
    quota = run.policy.quota if guest else opened.policy.quota
    stops = tuple(own.get(stop.id, stop) for stop in one.run.stops)
    return replace(run, stops=stops, rides=(*run.rides, ride), policy=replace(run.policy, quota=quota))
