"""The one judge: which promises would a run break?

It shares no code with those who plan, and times a run by itself: the difference constraints of its windows, drives and
longest rides are relaxed to a fixpoint (Bellman-Ford), so no timing rule of a planner is presumed.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

from matching.model import Broken, Detour, Load, Need, Ride, Rule, Run, Stop, Window
from routing.times import NO_WAY, TravelTimes

ON_ROUTE_SLACK = 5
"""Seconds of driving, on the empty road, that a stop on the run's own road may add to a leg: rounding at its ends."""

TOGETHER = frozenset({Need.ALONE, Need.ACCOMPANIED})
"""Needs that bind who else is aboard."""

ENOUGH = 2
"""Committed people aboard of whom none is alone with residents."""


def broken(run: Run, times: TravelTimes, before: Run | None = None, *, stranded: Collection[str] = ()) -> list[Broken]:
    """List every promise that `run` would break; an empty list means that it is sound.

    before: the run as it is kept now, which knows where the vehicle has been; then scheduled stops, committed rides
    (driven, or skipped and absent as they were), fixed stops and promises made to residents must all still be there,
    and what `before` breaks itself may stay as it is, but get no worse; how many residents may ride is counted by the
    quota of `run`, so that a lower one takes no seat from anybody. A resident's ride that `before` holds and `run`
    does not must have been cancelled by its rider, and is the caller's to answer for; so is a guest's. stranded: rides
    (ids) aboard a vehicle that broke down: they may leave it on its way, committed ones as if they were absent, and
    board it again should it drive on.
    """
    faults = [*_shape(run)]
    if before is not None:
        run = replace(run, reached=before.reached)
        before = replace(before, policy=replace(before.policy, quota=run.policy.quota))
        faults += _kept(before, run, stranded)
    if faults:
        return faults
    course = _lay_out(run, times)
    faults = _faults(course)
    if before is None:
        return [fault for fault in faults if fault.rule is Rule.ROAD] or faults
    return _worsened(course, faults, before, times) if faults else []


def carried(before: Run, after: Run) -> list[Broken]:
    """List the promises to residents of `before` that `after`, another schedule of the same run, takes back.

    Who rides on boards and alights at the same places, within the same times. Whom `after` does not hold was dropped,
    and is the caller's to answer for.
    """
    was, now = ({stop.id: stop.place for stop in run.stops} for run in (before, after))
    rides = {ride.id: ride for ride in after.residents}
    faults = []
    for old in before.residents:
        new = rides.get(old.id)
        if new is None:
            continue
        moved = [(now.get(a), was.get(b)) for a, b in ((new.pickup, old.pickup), (new.dropoff, old.dropoff))]
        same = replace(new, pickup=old.pickup, dropoff=old.dropoff, dwell=old.dwell)
        if any(a != b for a, b in moved):
            faults.append(Broken(Rule.STOPS, old.id))
        elif not _promise_kept(old, same):
            faults.append(Broken(Rule.WINDOW, old.id))
    return faults


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
    names = Counter(ride.id for ride in (*run.rides, *run.absent))
    yield from (Broken(Rule.ORDER, name) for name, n in names.items() if n > 1)
    yield from _left_out(run, {*at})
    for ride in run.rides:
        if ride.pickup not in at or ride.dropoff not in at or at[ride.pickup] >= at[ride.dropoff]:
            yield Broken(Rule.ORDER, ride.id)
        elif ride.own and not (run.stops[at[ride.pickup]].scheduled and run.stops[at[ride.dropoff]].scheduled):
            yield Broken(Rule.STOPS, ride.id)
    used = {stop for ride in run.rides for stop in (ride.pickup, ride.dropoff)}
    for k, stop in enumerate(run.stops):
        if stop.depot and (0 < k < len(run.stops) - 1 or stop.id in used):
            yield Broken(Rule.STOPS, stop.id)


def _left_out(run: Run, driven: set[str]) -> Iterator[Broken]:
    """Only committed riders are absent, and only private stops that an absent rider alone would use are skipped."""
    skipped = {stop.id for stop in run.skipped}
    awaited = {stop for ride in run.absent for stop in (ride.pickup, ride.dropoff)}
    for ride in run.absent:
        if not ride.committed or not {ride.pickup, ride.dropoff} <= driven | skipped:
            yield Broken(Rule.STOPS, ride.id)
    for stop in run.skipped:
        if not stop.scheduled or stop.residents or stop.depot or stop.id in driven or stop.id not in awaited:
            yield Broken(Rule.STOPS, stop.id)


def _kept(before: Run, after: Run, stranded: Collection[str]) -> Iterator[Broken]:
    """Nothing that was scheduled, fixed or promised is taken away; a hold is judged by the times that it makes."""
    stops = {stop.id: _unheld(stop) for stop in (*after.stops, *after.skipped)}
    rides, absent = {ride.id: ride for ride in after.rides}, {ride.id: ride for ride in after.absent}
    for stop in (*before.stops, *before.skipped):
        if stop.scheduled and stops.get(stop.id) != _unheld(stop):
            yield Broken(Rule.STOPS, stop.id)
    for ride in before.absent:
        if ride.own and ride not in (rides.get(ride.id), absent.get(ride.id)):
            yield Broken(Rule.STOPS, ride.id)
    for ride in before.rides:
        now = rides.get(ride.id)
        if now is None and ride.own and absent.get(ride.id) != ride:
            yield Broken(Rule.STOPS, ride.id)
        if now is not None and now != ride and not _promise_kept(ride, now):
            yield Broken(Rule.WINDOW, ride.id)
    was, is_now = ([_unheld(stop) for stop in run.stops[: before.fixed]] for run in (before, after))
    if was != is_now:
        yield Broken(Rule.DONE, before.stops[min(before.fixed, len(before.stops)) - 1].id)
    yield from _aboard_stay(before, after, stranded)


def _unheld(stop: Stop) -> Stop:
    return replace(stop, held=0) if stop.held else stop


def _promise_kept(old: Ride, new: Ride) -> bool:
    """The same party between the same stops, with windows and a longest ride that are no wider than was promised."""
    same = replace(new, board=old.board, alight=old.alight, max_ride=old.max_ride) == old
    narrower = _inside(new.board, old.board) and _inside(new.alight, old.alight)
    return same and narrower and new.max_ride <= old.max_ride


def _inside(inner: Window, outer: Window) -> bool:
    return inner.earliest >= outer.earliest and inner.latest <= outer.latest


def _aboard_stay(before: Run, after: Run, stranded: Collection[str]) -> Iterator[Broken]:
    """Who boarded at a served stop stays in the plan until dropped off; nobody new uses a stop that is fixed."""
    served, fixed = ({stop.id for stop in before.stops[:n]} for n in (before.done, before.fixed))
    held, left = {ride.id for ride in before.rides}, {ride.id for ride in after.rides}
    for ride in before.rides:
        if ride.pickup in served and ride.dropoff not in served and ride.id not in {*left, *stranded}:
            yield Broken(Rule.DONE, ride.id)
    for ride in after.rides:
        if ride.id not in {*held, *stranded} and (ride.pickup in fixed or ride.dropoff in fixed):
            yield Broken(Rule.DONE, ride.id)


Span = tuple[Ride, int, int]
"""A ride with the positions of its pickup and its drop-off: it is aboard on the legs from the one to the other."""


@dataclass(frozen=True, slots=True)
class _Course:
    """A run laid out by position: its rides' spans, the drive of each leg, and when service begins at each stop.

    fixed: positions of scheduled stops and those of guests; direct: drive between each two neighbours of these.
    promised: scheduled stops in their order, skipped ones among them; promised_legs: drive between each two of these.
    """

    run: Run
    spans: list[Span]
    legs: list[int]
    fixed: list[int]
    direct: list[int]
    promised: list[Stop]
    promised_legs: list[int]
    begin: list[int]
    dwell: list[int]


def _lay_out(run: Run, times: TravelTimes) -> _Course:
    at = {stop.id: k for k, stop in enumerate(run.stops)}
    spans = [(ride, at[ride.pickup], at[ride.dropoff]) for ride in run.rides]
    legs = [_at_pace(times.between(a.place, b.place), run) for a, b in pairwise(run.stops)]
    guests = _guest_stops(run)
    fixed = [k for k, stop in enumerate(run.stops) if stop.scheduled or stop.id in guests]
    direct = [
        legs[i] if j == i + 1 else _at_pace(times.between(run.stops[i].place, run.stops[j].place), run)
        for i, j in pairwise(fixed)
    ]
    promised, promised_legs = [run.stops[k] for k in fixed], direct
    if run.skipped or guests:
        scheduled = (stop for stop in promised if stop.scheduled)
        promised = sorted((*scheduled, *run.skipped), key=lambda stop: stop.sequence or 0)
        promised_legs = [_at_pace(times.between(a.place, b.place), run) for a, b in pairwise(promised)]
    return _Course(run, spans, legs, fixed, direct, promised, promised_legs, *_begin(run, spans, legs))


def _guest_stops(run: Run) -> set[str]:
    return {stop for ride in run.rides if ride.guest for stop in (ride.pickup, ride.dropoff)}


def _at_pace(seconds: int, run: Run) -> int:
    """Whole seconds that so much driving on the empty road takes at the pace of a run, rounded up."""
    if seconds >= NO_WAY:
        return NO_WAY
    whole, rest = divmod(seconds * run.pace, 1000)
    return min(whole + (rest > 0), NO_WAY)


def _begin(run: Run, spans: Sequence[Span], legs: Sequence[int]) -> tuple[list[int], list[int]]:
    """When service begins at each stop, and dwell there: as it did at those reached, and else as early as can be.

    Longest rides are left out where they cannot be kept.
    """
    dwell = [stop.dwell + stop.held for stop in run.stops]
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
    carried = [*_load(course), *_quota(course), *_company(course), *_last_in(course), *_entitled(course)]
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


def _quota(course: _Course) -> Iterator[Broken]:
    """No more residents are aboard after any stop than the operator opened the run to."""
    most = course.run.policy.quota
    if most is None:
        return
    for k, stop in enumerate(course.run.stops):
        aboard = sum(ride.party.people for ride, on, off in course.spans if not ride.committed and on <= k < off)
        if aboard > most:
            yield Broken(Rule.QUOTA, stop.id, aboard - most)


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
    """Latest begin where committed riders board and alight: what the schedule promised them, and the allowed delay.

    That is the run's time without residents and with everybody who is absent: an absence makes no promise tighter.
    """
    run, place = course.run, {stop.id: n for n, stop in enumerate(course.promised)}
    own = [ride for ride in (*run.rides, *run.absent) if ride.own]
    spans = [(ride, place[ride.pickup], place[ride.dropoff]) for ride in own]
    unheld = tuple(_unheld(stop) for stop in course.promised)
    begin, _ = _begin(replace(run, stops=unheld, reached=()), spans, course.promised_legs)
    used = {k for ride, on, off in course.spans if ride.own for k in (on, off)}
    return {k: begin[place[run.stops[k].id]] + run.policy.max_extra for k in sorted(used)}


def _detour(course: _Course) -> Iterator[Broken]:
    """Added stops keep to the parts and to the extra driving that the policy allows."""
    policy, stops = course.run.policy, course.run.stops
    first, last = _scheduled_part(course)
    added = [k for k, stop in enumerate(stops) if not stop.scheduled and k not in course.fixed]
    if not policy.deadhead:
        yield from (Broken(Rule.DEADHEAD, stops[k].id) for k in added if not first < k < last)
    inside = [k for k in added if first < k < last]
    if policy.detour is Detour.NONE:
        yield from (Broken(Rule.DETOUR, stops[k].id) for k in inside)
    elif inside:
        yield from _extra_drive(course, first, last)


def _scheduled_part(course: _Course) -> tuple[int, int]:
    """Positions of the first and the last stop of a committed rider, absent ones counted; else the run's own ends."""
    awaited = {stop for ride in course.run.absent if ride.own for stop in (ride.pickup, ride.dropoff)}
    used = [k for ride, on, off in course.spans if ride.own for k in (on, off)]
    used += [k for k in course.fixed if course.run.stops[k].id in awaited]
    return (min(used), max(used)) if used else (0, len(course.run.stops) - 1)


def _extra_drive(course: _Course, first: int, last: int) -> Iterator[Broken]:
    run = course.run
    extra = {
        run.stops[j].id: sum(course.legs[i:j]) - direct
        for (i, j), direct in zip(pairwise(course.fixed), course.direct, strict=True)
        if first <= i and j <= last
    }
    if run.policy.detour is Detour.ON_ROUTE:
        slack = _at_pace(ON_ROUTE_SLACK, run)
        yield from (Broken(Rule.DETOUR, at, s - slack) for at, s in extra.items() if s > slack)
    elif sum(extra.values()) > run.policy.max_detour:
        yield Broken(Rule.DETOUR, run.stops[last].id, sum(extra.values()) - run.policy.max_detour)
