"""A second judge, for the fuzz run: it shares no code with those who plan, nor with `matching.promises`.

It sweeps a run leg by leg and reads times off a graph of difference constraints. From `matching` it takes the nouns
alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from matching.model import Detour, Load, Need, Ride, Rule, Run, Stop
from routing.times import TravelTimes

Faults = dict[tuple[str, str], int]
"""What a run does not keep: rule and stop or ride id, by how much (seconds, or people)."""

ROUNDING = 5
"""Seconds that a stop on the run's own road may add to a leg where the road is empty."""


def worse(after: Faults, before: Faults) -> Faults:
    """Give what is broken now and was not before, or by less."""
    return {key: excess for key, excess in after.items() if excess > before.get(key, -1)}


def begins(run: Run, times: TravelTimes) -> list[int]:
    """Tell when service begins at each stop, in whole seconds: as it did where known, from there as early as can be."""
    return _Sweep(run, times).begin


def faults(run: Run, times: TravelTimes) -> Faults:
    """List what a run does not keep by itself; a run whose rides have no stops is reported for that alone."""
    found: Faults = {}
    for rule, where, excess in _shape(run) or _Sweep(run, times).faults():
        found[rule, where] = max(excess, found.get((rule, where), 0))
    return found


def taken_away(before: Run, after: Run) -> list[str]:
    """Name what an action on residents must not touch: scheduled stops, committed rides, and the fixed stops."""
    lost = []
    if [stop for stop in before.stops if stop.scheduled] != [stop for stop in after.stops if stop.scheduled]:
        lost.append(f"{after.id}: scheduled stops differ")
    if {ride for ride in before.rides if ride.committed} != {ride for ride in after.rides if ride.committed}:
        lost.append(f"{after.id}: committed rides differ")
    if after.stops[: before.fixed] != before.stops[: before.fixed]:
        lost.append(f"{after.id}: a stop that was fixed is changed")
    fixed = {stop.id for stop in before.stops[: before.fixed]}
    new = {ride.id for ride in after.rides} - {ride.id for ride in before.rides}
    lost += [
        f"{one.id}: boards at a fixed stop"
        for one in after.rides
        if one.id in new and {one.pickup, one.dropoff} & fixed
    ]
    return lost


def aboard_twice(runs: Iterable[Run]) -> list[str]:
    """Name the rides that stand on a day more than once."""
    seen: set[str] = set()
    twice = []
    for run in runs:
        for ride in run.rides:
            if ride.id in seen:
                twice.append(f"{ride.id}: rides twice")
            seen.add(ride.id)
    return twice


def _shape(run: Run) -> list[tuple[str, str, int]]:
    """List rides and stops that make no sense at all."""
    names = [stop.id for stop in run.stops]
    found = []
    if len(set(names)) < len(names):
        found.append((Rule.STOPS.value, run.id, len(names) - len(set(names))))
    order = [stop.sequence for stop in run.stops if stop.sequence is not None]
    if any(a >= b for a, b in zip(order, order[1:], strict=False)):
        found.append((Rule.ORDER.value, run.id, 0))
    at = {name: k for k, name in enumerate(names)}
    turned = (ride for ride in run.rides if at.get(ride.pickup, len(at)) >= at.get(ride.dropoff, -1))
    found += [(Rule.ORDER.value, ride.id, 0) for ride in turned]
    return found


def _longest_paths(nodes: int, edges: Sequence[tuple[int, int, int]]) -> list[int] | None:
    """Bellman-Ford from node 0: the least value of each node that keeps value[j] >= value[i] + w; None on a cycle."""
    value = [0] + [-(1 << 40)] * (nodes - 1)
    for _ in range(nodes + 1):
        changed = False
        for i, j, weight in edges:
            if value[i] + weight > value[j]:
                value[j] = value[i] + weight
                changed = True
        if not changed:
            return value
    return None


def _sequence(stop: Stop) -> int:
    return stop.sequence or 0


@dataclass(frozen=True, slots=True)
class _Span:
    ride: Ride
    on: int
    off: int


class _Sweep:
    """A run laid out in its order."""

    def __init__(self, run: Run, times: TravelTimes) -> None:
        self.run, self._times = run, times
        place = {stop.id: k for k, stop in enumerate(run.stops)}
        self.spans = [_Span(ride, place[ride.pickup], place[ride.dropoff]) for ride in run.rides]
        self.known = len(run.reached)
        self.begin, self.dwell = self._timed(run.stops, self.spans, run.reached)
        self.own = [span for span in self.spans if span.ride.committed and not span.ride.guest]
        away = {stop for ride in run.absent for stop in (ride.pickup, ride.dropoff)}
        users = [k for span in self.own for k in (span.on, span.off)]
        users += [k for k, stop in enumerate(run.stops) if stop.sequence is not None and stop.id in away]
        self.first, self.last = (min(users), max(users)) if users else (0, len(run.stops) - 1)
        taken_over = {k for span in self.spans if span.ride.guest for k in (span.on, span.off)}
        self.kept = [k for k, stop in enumerate(run.stops) if stop.sequence is not None or k in taken_over]

    def _timed(
        self, stops: Sequence[Stop], spans: Sequence[_Span], reached: Sequence[int]
    ) -> tuple[list[int], list[int]]:
        """Give begin and dwell at each stop; node 0 is the begin of time, node k + 1 is stop k."""
        dwell = [stop.dwell + stop.held for stop in stops]
        for span in spans:
            dwell[span.on] += span.ride.dwell
            dwell[span.off] += span.ride.dwell
        known = len(reached)
        edges = [(0, k + 1, second) for k, second in enumerate(reached)]
        edges += [(0, k + 1, stops[k].window.earliest) for k in range(known, len(stops))]
        for span in spans:
            ends = ((span.on, span.ride.board.earliest), (span.off, span.ride.alight.earliest))
            edges += [(0, k + 1, earliest) for k, earliest in ends if k >= known]
        for k in range(max(1, known), len(stops)):
            drive = self._drive(stops[k - 1], stops[k])
            edges.append((k, k + 1, dwell[k - 1] + drive))
        rides = [(s.off + 1, s.on + 1, -dwell[s.on] - s.ride.max_ride) for s in spans if s.on >= known]
        value = _longest_paths(len(stops) + 1, edges + rides) or _longest_paths(len(stops) + 1, edges) or []
        return value[1:], dwell

    def _drive(self, origin: Stop, destination: Stop) -> int:
        """Tell how long the run's vehicle takes: thousandths of the empty road's time, a second begun counts whole."""
        return self._stretched(self._times.between(origin.place, destination.place))

    def _stretched(self, seconds: int) -> int:
        return (seconds * self.run.pace + 999) // 1000

    def faults(self) -> Iterator[tuple[str, str, int]]:
        for rule, where, excess in (
            *self._loads(),
            *self._company(),
            *self._last_in(),
            *self._admitted(),
            *self._late(),
            *self._delayed(),
            *self._off_the_road(),
        ):
            yield rule.value, where, excess

    def _legs(self) -> Iterator[tuple[Stop, list[Ride]]]:
        """Give who is aboard on each leg, with the stop where it starts."""
        for k, stop in enumerate(self.run.stops):
            yield stop, [span.ride for span in self.spans if span.on <= k < span.off]

    def _loads(self) -> Iterator[tuple[Rule, str, int]]:
        layouts = self.run.capacity.layouts
        for stop, aboard in self._legs():
            seats = sum(one.party.seats + (Need.EMPTY_SEAT in one.needs) for one in aboard)
            wheelchairs, stowage = (sum(getattr(one.party, of) for one in aboard) for of in ("wheelchairs", "stowage"))
            if any(seats <= a.seats and wheelchairs <= a.wheelchairs and stowage <= a.stowage for a in layouts):
                continue
            yield from self._too_much(stop, Load(seats, wheelchairs, stowage))

    def _too_much(self, stop: Stop, load: Load) -> Iterator[tuple[Rule, str, int]]:
        """Tell what is too much: wheelchairs first, seats in the layouts that hold these, things in what is left."""
        layouts = self.run.capacity.layouts
        most = max(one.wheelchairs for one in layouts)
        holding = [one for one in layouts if one.wheelchairs >= min(most, load.wheelchairs)]
        seats = max(one.seats for one in holding)
        roomy = max(one.stowage for one in holding if one.seats >= min(seats, load.seats))
        for rule, excess in (
            (Rule.WHEELCHAIR, load.wheelchairs - most),
            (Rule.SEATS, load.seats - seats),
            (Rule.STOWAGE, load.stowage - roomy),
        ):
            if excess > 0:
                yield rule, stop.id, excess

    def _company(self) -> Iterator[tuple[Rule, str, int]]:
        met: set[tuple[Rule, str, str]] = set()
        for _, aboard in self._legs():
            guards = sum(one.party.seats + one.party.wheelchairs for one in aboard if one.committed)
            for one in aboard:
                for other in aboard:
                    if one is not other and (one.apart & other.groups or other.apart & one.groups):
                        met.add((Rule.APART, one.id, other.id))
                    if one is not other and Need.ALONE in one.needs | other.needs:
                        met.add((Rule.APART, one.id, other.id))
                    lonely = one.committed and Need.ACCOMPANIED in one.needs and not other.committed and guards < 2
                    if lonely:
                        met |= {(Rule.ACCOMPANIED, one.id, other.id), (Rule.ACCOMPANIED, other.id, one.id)}
        for rule, name in {(rule, name) for rule, name, _ in met}:
            yield rule, name, sum((rule, name) == pair[:2] for pair in met)

    def _last_in(self) -> Iterator[tuple[Rule, str, int]]:
        for span in self.spans:
            if Need.LAST_IN_FIRST_OUT in span.ride.needs:
                between = range(span.on + 1, span.off)
                if others := sum(one.on in between or one.off in between for one in self.spans):
                    yield Rule.LAST_IN, span.ride.id, others

    def _admitted(self) -> Iterator[tuple[Rule, str, int]]:
        riders = self.run.policy.riders
        for span in self.spans:
            if not span.ride.committed:
                if "anyone" not in riders and not riders & span.ride.groups:
                    yield Rule.WHO, span.ride.id, 0
                ends = (self.run.stops[span.on], self.run.stops[span.off])
                if any(stop.sequence is not None and not stop.residents for stop in ends):
                    yield Rule.RESIDENTS, span.ride.id, 0

    def _late(self) -> Iterator[tuple[Rule, str, int]]:
        """Tell where service ahead begins after its window, and who is aboard for too long."""
        for k, stop in enumerate(self.run.stops[self.known :], self.known):
            if self.begin[k] > stop.window.latest:
                rule = Rule.WINDOW if stop.sequence is None else Rule.BELL
                yield rule, stop.id, self.begin[k] - stop.window.latest
        for span in self.spans:
            ends = ((span.on, span.ride.board.latest), (span.off, span.ride.alight.latest))
            for k, latest in ends:
                if k >= self.known and self.begin[k] > latest:
                    yield Rule.WINDOW, self.run.stops[k].id, self.begin[k] - latest
            aboard = self.begin[span.off] - self.begin[span.on] - self.dwell[span.on]
            if span.off >= self.known and aboard > span.ride.max_ride:
                yield Rule.MAX_RIDE, span.ride.id, aboard - span.ride.max_ride

    def _delayed(self) -> Iterator[tuple[Rule, str, int]]:
        """Tell where committed riders are later than on the schedule, by more than is allowed.

        The schedule has no residents, no guests and no halts; who is absent rides, and no stop is skipped.
        """
        driven = [stop for stop in self.run.stops if stop.sequence is not None]
        stops = [replace(stop, held=0) for stop in sorted((*driven, *self.run.skipped), key=_sequence)]
        number = {stop.id: n for n, stop in enumerate(stops)}
        own = [ride for ride in (*self.run.rides, *self.run.absent) if ride.committed and not ride.guest]
        spans = [_Span(ride, number[ride.pickup], number[ride.dropoff]) for ride in own]
        alone, _ = self._timed(stops, spans, ())
        for k in sorted({k for span in self.own for k in (span.on, span.off)}):
            stop = self.run.stops[k].id
            late = self.begin[k] - alone[number[stop]] - self.run.policy.max_extra
            if k >= self.known and late > 0:
                yield Rule.EXTRA, stop, late

    def _off_the_road(self) -> Iterator[tuple[Rule, str, int]]:
        """Tell which added stops lie where the policy has none, and how much farther the scheduled part is driven."""
        policy, stops = self.run.policy, self.run.stops
        added = [k for k in range(len(stops)) if k not in self.kept]
        inside = [k for k in added if self.first < k < self.last]
        if not policy.deadhead:
            yield from ((Rule.DEADHEAD, stops[k].id, 0) for k in added if k not in inside)
        if policy.detour is Detour.NONE:
            yield from ((Rule.DETOUR, stops[k].id, 0) for k in inside)
            return
        farther = dict(self._farther())
        if inside and policy.detour is Detour.ON_ROUTE:
            most = self._stretched(ROUNDING)
            yield from ((Rule.DETOUR, at, more - most) for at, more in farther.items() if more > most)
        elif inside and sum(farther.values()) > policy.max_detour:
            yield Rule.DETOUR, stops[self.last].id, sum(farther.values()) - policy.max_detour

    def _farther(self) -> Iterator[tuple[str, int]]:
        """Give the driving that added stops cost between two neighbours that are kept, by the latter's id."""
        stops, start = self.run.stops, self.first
        for k in range(self.first + 1, self.last + 1):
            if k in self.kept:
                driven = sum(self._drive(stops[m], stops[m + 1]) for m in range(start, k))
                yield stops[k].id, driven - self._drive(stops[start], stops[k])
                start = k
