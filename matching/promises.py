"""The one judge: which promises would a run break?

It shares no code with those who plan, and times a run by itself: the difference constraints of its windows, drives and
longest rides are relaxed to a fixpoint (Bellman-Ford), so no timing rule of a planner is presumed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

from matching.model import Broken, Detour, Load, Need, Ride, Rule, Run, Window
from routing.times import NO_WAY, TravelTimes

ON_ROUTE_SLACK = 5
"""Seconds of driving that a stop on the run's own road may add to a leg: whole-second rounding at its ends."""

TOGETHER = frozenset({Need.ALONE, Need.ACCOMPANIED})
"""Needs that bind who else is aboard."""

ENOUGH = 2
"""Committed people aboard of whom none is alone with residents."""


def broken(run: Run, times: TravelTimes, before: Run | None = None) -> list[Broken]:
    """List every promise that `run` would break; an empty list means that it is sound.

    before: the run as it is kept now, which knows where the vehicle has been; then scheduled stops, committed rides,
    fixed stops and promises made to residents must all still be there, and what `before` breaks itself may stay as it
    is, but get no worse. A ride that `before` holds and `run` does not must have been cancelled by its rider, and is
    the caller's to answer for.
    """
    faults = [*_shape(run)]
    if before is not None:
        run = replace(run, reached=before.reached)
        faults += _kept(before, run)
    if faults:
        return faults
    course = _lay_out(run, times)
    faults = _faults(course)
    if before is None:
        return [fault for fault in faults if fault.rule is Rule.ROAD] or faults
    return _worsened(course, faults, before, times) if faults else []


def unlinked(runs: Iterable[Run]) -> list[Broken]:
    """List the rides that follow another (a return trip) which is on no run of their service date."""
    day = [(run.service_date, ride) for run in runs for ride in run.rides]
    there = {(date, ride.id) for date, ride in day}
    return [
        Broken(Rule.LINKED, ride.id) for date, ride in day if ride.after is not None and (date, ride.after) not in there
    ]


def _worsened(course: "_Course", faults: list[Broken], before: Run, times: TravelTimes) -> list[Broken]:
    """Leave out what `before` breaks at least as much; a new ride's own windows are kept all the same."""
    if any(_shape(before)):
        return faults
    excess: dict[tuple[Rule, str], int] = {}
    for fault in _faults(_lay_out(before, times)):
        excess[fault.rule, fault.where] = max(fault.excess, excess.get((fault.rule, fault.where), 0))
    worse = [fault for fault in faults if fault.excess > excess.get((fault.rule, fault.where), -1)]
    held, named = {ride.id for ride in before.rides}, {(fault.rule, fault.where) for fault in worse}
    fresh = _windows(course, [span for span in course.spans if span[0].id not in held])
    return worse + [fault for fault in fresh if (fault.rule, fault.where) not in named]


def _shape(run: Run) -> Iterator[Broken]:
    """Every ride is picked up, and later dropped off; scheduled stops stand in their order; no id stands twice."""
    at = {stop.id: k for k, stop in enumerate(run.stops)}
    if len(at) < len(run.stops):
        yield Broken(Rule.STOPS, run.id, len(run.stops) - len(at))
    if len(run.reached) > len(run.stops):
        yield Broken(Rule.DONE, run.id)
    sequence = [stop.sequence for stop in run.stops if stop.sequence is not None]
    if sequence != sorted(set(sequence)):
        yield Broken(Rule.ORDER, run.id)
    yield from (Broken(Rule.ORDER, name) for name, n in Counter(ride.id for ride in run.rides).items() if n > 1)
    for ride in run.rides:
        if ride.pickup not in at or ride.dropoff not in at or at[ride.pickup] >= at[ride.dropoff]:
            yield Broken(Rule.ORDER, ride.id)
        elif ride.committed and not (run.stops[at[ride.pickup]].scheduled and run.stops[at[ride.dropoff]].scheduled):
            yield Broken(Rule.STOPS, ride.id)
    used = {stop for ride in run.rides for stop in (ride.pickup, ride.dropoff)}
    for k, stop in enumerate(run.stops):
        if stop.depot and (0 < k < len(run.stops) - 1 or stop.id in used):
            yield Broken(Rule.STOPS, stop.id)


def _kept(before: Run, after: Run) -> Iterator[Broken]:
    """Nothing that was scheduled, fixed or promised is taken away."""
    stops, rides = {stop.id: stop for stop in after.stops}, {ride.id: ride for ride in after.rides}
    for stop in before.stops:
        if stop.scheduled and stops.get(stop.id) != stop:
            yield Broken(Rule.STOPS, stop.id)
    for ride in before.rides:
        now = rides.get(ride.id)
        if now is None and ride.committed:
            yield Broken(Rule.STOPS, ride.id)
        if now is not None and now != ride and not _promise_kept(ride, now):
            yield Broken(Rule.WINDOW, ride.id)
    if after.stops[: before.fixed] != before.stops[: before.fixed]:
        yield Broken(Rule.DONE, before.stops[min(before.fixed, len(before.stops)) - 1].id)
    yield from _aboard_stay(before, after)


def _promise_kept(old: Ride, new: Ride) -> bool:
    """The same party between the same stops, with windows and a longest ride that are no wider than was promised."""
    same = replace(new, board=old.board, alight=old.alight, max_ride=old.max_ride) == old
    narrower = _inside(new.board, old.board) and _inside(new.alight, old.alight)
    return same and narrower and new.max_ride <= old.max_ride


def _inside(inner: Window, outer: Window) -> bool:
    return inner.earliest >= outer.earliest and inner.latest <= outer.latest


def _aboard_stay(before: Run, after: Run) -> Iterator[Broken]:
    """Who boarded at a served stop stays in the plan until dropped off; nobody new uses a stop that is fixed."""
    served, fixed = ({stop.id for stop in before.stops[:n]} for n in (before.done, before.fixed))
    held, left = {ride.id for ride in before.rides}, {ride.id for ride in after.rides}
    for ride in before.rides:
        if ride.pickup in served and ride.dropoff not in served and ride.id not in left:
            yield Broken(Rule.DONE, ride.id)
    for ride in after.rides:
        if ride.id not in held and (ride.pickup in fixed or ride.dropoff in fixed):
            yield Broken(Rule.DONE, ride.id)


Span = tuple[Ride, int, int]
"""A ride with the positions of its pickup and its drop-off: it is aboard on the legs from the one to the other."""


@dataclass(frozen=True, slots=True)
class _Course:
    """A run laid out by position: its rides' spans, the drive of each leg, and when service begins at each stop.

    fixed: positions of scheduled stops; direct: drive between each two neighbours of these.
    """

    run: Run
    spans: list[Span]
    legs: list[int]
    fixed: list[int]
    direct: list[int]
    begin: list[int]
    dwell: list[int]


def _lay_out(run: Run, times: TravelTimes) -> _Course:
    at = {stop.id: k for k, stop in enumerate(run.stops)}
    spans = [(ride, at[ride.pickup], at[ride.dropoff]) for ride in run.rides]
    legs = [times.between(a.place, b.place) for a, b in pairwise(run.stops)]
    fixed = [k for k, stop in enumerate(run.stops) if stop.scheduled]
    direct = [
        legs[i] if j == i + 1 else times.between(run.stops[i].place, run.stops[j].place) for i, j in pairwise(fixed)
    ]
    return _Course(run, spans, legs, fixed, direct, *_begin(run, spans, legs))


def _begin(run: Run, spans: Sequence[Span], legs: Sequence[int]) -> tuple[list[int], list[int]]:
    """When service begins at each stop, and dwell there: as it did at those reached, and else as early as can be.

    Longest rides are left out where they cannot be kept.
    """
    dwell = [stop.dwell for stop in run.stops]
    earliest = [stop.window.earliest for stop in run.stops]
    for ride, on, off in spans:
        dwell[on] += ride.dwell
        dwell[off] += ride.dwell
        earliest[on] = max(earliest[on], ride.board.earliest)
        earliest[off] = max(earliest[off], ride.alight.earliest)
    known = len(run.reached)
    begin = [*run.reached, *earliest[known:]]
    drives = [(k, k + 1, dwell[k] + leg) for k, leg in enumerate(legs) if k + 1 >= known]
    caps = [(off, on, -ride.max_ride - dwell[on]) for ride, on, off in spans if on >= known]
    return _relax(begin, drives + caps) or _relax(begin, drives) or begin, dwell


def _relax(begin: Sequence[int], edges: Sequence[tuple[int, int, int]]) -> list[int] | None:
    """Raise `begin` until begin[j] >= begin[i] + w on every edge; None when no schedule can do that."""
    raised = list(begin)
    for _ in range(len(raised) + 1):
        moved = False
        for i, j, w in edges:
            if raised[i] + w > raised[j]:
                raised[j], moved = raised[i] + w, True
        if not moved:
            return raised
    return None


def _faults(course: _Course) -> list[Broken]:
    """List what a well-shaped run breaks by itself; where no road leads, the drive counts as longer than any day."""
    stops = course.run.stops
    roadless = [Broken(Rule.ROAD, stops[k + 1].id) for k, leg in enumerate(course.legs) if leg >= NO_WAY]
    carried = [*_load(course), *_company(course), *_last_in(course), *_entitled(course)]
    return [*roadless, *carried, *_timing(course), *_detour(course)]


def _load(course: _Course) -> Iterator[Broken]:
    """What the vehicle carries after each stop fits one of its layouts."""
    capacity, change = course.run.capacity, [Load() for _ in course.run.stops]
    for ride, on, off in course.spans:
        change[on] += ride.takes
        change[off] -= ride.takes
    load = Load()
    for stop, more in zip(course.run.stops, change, strict=True):
        load += more
        if not capacity.fits(load):
            yield from (Broken(rule, stop.id, excess) for rule, excess in _lacking(course.run, load) if excess > 0)


def _lacking(run: Run, load: Load) -> Iterator[tuple[Rule, int]]:
    """How much of each a load lacks: wheelchair places, then seats beside these, then room to stow things."""
    yield Rule.WHEELCHAIR, load.wheelchairs - run.capacity.most_wheelchairs
    places = min(load.wheelchairs, run.capacity.most_wheelchairs)
    beside = [one for one in run.capacity.layouts if one.wheelchairs >= places]
    most = max(one.seats for one in beside)
    yield Rule.SEATS, load.seats - most
    room = (one.stowage for one in beside if one.seats >= min(load.seats, most))
    yield Rule.STOWAGE, load.stowage - max(room)


def _company(course: _Course) -> Iterator[Broken]:
    """Nobody rides with those from whom it is kept apart, nor alone with residents where it must not be."""
    if not any(ride.apart or not TOGETHER.isdisjoint(ride.needs) for ride, _, _ in course.spans):
        return
    committed = [
        sum(ride.party.people for ride, on, off in course.spans if ride.committed and on <= k < off)
        for k in range(len(course.legs))
    ]
    met: Counter[tuple[Rule, str]] = Counter()
    for (a, on_a, off_a), (b, on_b, off_b) in combinations(course.spans, 2):
        shared = range(max(on_a, on_b), min(off_a, off_b))
        rules = [Rule.APART] if shared and _apart(a, b) else []
        if (_guarded(a, b) or _guarded(b, a)) and any(committed[k] < ENOUGH for k in shared):
            rules.append(Rule.ACCOMPANIED)
        met.update((rule, ride.id) for rule in rules for ride in (a, b))
    yield from (Broken(rule, name, others) for (rule, name), others in met.items())


def _apart(a: Ride, b: Ride) -> bool:
    alone = Need.ALONE in a.needs or Need.ALONE in b.needs
    return alone or not a.apart.isdisjoint(b.groups) or not b.apart.isdisjoint(a.groups)


def _guarded(ride: Ride, other: Ride) -> bool:
    return ride.committed and Need.ACCOMPANIED in ride.needs and not other.committed


def _last_in(course: _Course) -> Iterator[Broken]:
    """Who is last in is first out: meanwhile nobody boards or alights, but at its own two stops."""
    for ride, on, off in course.spans:
        if Need.LAST_IN_FIRST_OUT in ride.needs:
            others = sum(on < a < off or on < b < off for _, a, b in course.spans)
            if others:
                yield Broken(Rule.LAST_IN, ride.id, others)


def _entitled(course: _Course) -> Iterator[Broken]:
    """Residents ride where the policy admits them, and use only stops that are open to them."""
    run = course.run
    closed = {stop.id for stop in run.stops if stop.scheduled and not stop.residents}
    for ride in run.residents:
        if not run.policy.admits(ride.groups):
            yield Broken(Rule.WHO, ride.id)
        if ride.pickup in closed or ride.dropoff in closed:
            yield Broken(Rule.RESIDENTS, ride.id)


def _timing(course: _Course) -> Iterator[Broken]:
    """Bells, windows, the delay of committed riders, and everyone's longest ride; what has happened is history."""
    run, begin, known = course.run, course.begin, len(course.run.reached)
    for k in range(known, len(run.stops)):
        stop = run.stops[k]
        if begin[k] > stop.window.latest:
            yield Broken(Rule.BELL if stop.scheduled else Rule.WINDOW, stop.id, begin[k] - stop.window.latest)
    yield from _windows(course, course.spans)
    for k, latest in _undelayed(course).items():
        if k >= known and begin[k] > latest:
            yield Broken(Rule.EXTRA, run.stops[k].id, begin[k] - latest)
    for ride, on, off in course.spans:
        aboard = begin[off] - begin[on] - course.dwell[on]
        if off >= known and aboard > ride.max_ride:
            yield Broken(Rule.MAX_RIDE, ride.id, aboard - ride.max_ride)


def _windows(course: _Course, spans: Sequence[Span]) -> Iterator[Broken]:
    """At each stop ahead, when these rides were promised to board and alight there."""
    stops, begin = course.run.stops, course.begin
    latest: dict[int, int] = {}
    for ride, on, off in spans:
        latest[on] = min(latest.get(on, ride.board.latest), ride.board.latest)
        latest[off] = min(latest.get(off, ride.alight.latest), ride.alight.latest)
    for k in sorted(latest):
        if k >= len(course.run.reached) and begin[k] > latest[k]:
            yield Broken(Rule.WINDOW, stops[k].id, begin[k] - latest[k])


def _undelayed(course: _Course) -> dict[int, int]:
    """Latest begin where committed riders board and alight: the run's time without residents, and the allowed delay."""
    place = {k: n for n, k in enumerate(course.fixed)}
    spans = [(ride, place[on], place[off]) for ride, on, off in course.spans if ride.committed]
    stops = tuple(course.run.stops[k] for k in course.fixed)
    begin, _ = _begin(replace(course.run, stops=stops, reached=()), spans, course.direct)
    used = {n for _, on, off in spans for n in (on, off)}
    return {course.fixed[n]: begin[n] + course.run.policy.max_extra for n in sorted(used)}


def _detour(course: _Course) -> Iterator[Broken]:
    """Added stops keep to the parts and to the extra driving that the policy allows."""
    policy, stops = course.run.policy, course.run.stops
    first, last = _scheduled_part(course)
    added = [k for k, stop in enumerate(stops) if not stop.scheduled]
    if not policy.deadhead:
        yield from (Broken(Rule.DEADHEAD, stops[k].id) for k in added if not first < k < last)
    inside = [k for k in added if first < k < last]
    if policy.detour is Detour.NONE:
        yield from (Broken(Rule.DETOUR, stops[k].id) for k in inside)
    elif inside:
        yield from _extra_drive(course, first, last)


def _scheduled_part(course: _Course) -> tuple[int, int]:
    """Positions of the first and the last stop of a committed rider; without any, of the run's own ends."""
    used = [k for ride, on, off in course.spans if ride.committed for k in (on, off)]
    return (min(used), max(used)) if used else (0, len(course.run.stops) - 1)


def _extra_drive(course: _Course, first: int, last: int) -> Iterator[Broken]:
    run = course.run
    extra = {
        run.stops[j].id: sum(course.legs[i:j]) - direct
        for (i, j), direct in zip(pairwise(course.fixed), course.direct, strict=True)
        if first <= i and j <= last
    }
    if run.policy.detour is Detour.ON_ROUTE:
        yield from (Broken(Rule.DETOUR, at, s - ON_ROUTE_SLACK) for at, s in extra.items() if s > ON_ROUTE_SLACK)
    elif sum(extra.values()) > run.policy.max_detour:
        yield Broken(Rule.DETOUR, run.stops[last].id, sum(extra.values()) - run.policy.max_detour)
