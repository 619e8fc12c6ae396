"""The one judge: which promises would a run break?

It shares no code with `insertion` and `solver`, and times a run by itself: the difference constraints of its windows,
drives and longest rides are relaxed to a fixpoint (Bellman-Ford), so no timing rule of a planner is presumed.
"""

from collections.abc import Iterator
from dataclasses import replace

from matching.model import Broken, Detour, Load, Ride, Rule, Run, Stop, Window
from routing.times import NO_WAY, TravelTimes

ON_ROUTE_SLACK = 5
"""Seconds of driving that a stop on the run's own road may add to a leg: whole-second rounding at its ends."""


def broken(run: Run, times: TravelTimes, before: Run | None = None) -> list[Broken]:
    """List every promise that `run` would break; an empty list means that it is sound.

    before: the run as it is kept now; then scheduled stops, committed rides, served stops and promises made to
    residents must all still be there. A ride that `before` holds and `run` does not must have been cancelled by its
    rider, and is the caller's to answer for.
    """
    faults = [*_shape(run)]
    if before is not None:
        faults += _kept(before, run)
    if faults:
        return faults
    legs = [times.between(a.place, b.place) for a, b in zip(run.stops, run.stops[1:], strict=False)]
    if NO_WAY in legs:
        return [Broken(Rule.ROAD, run.stops[legs.index(NO_WAY) + 1].id)]
    return [*_load(run), *_entitled(run), *_timing(run, legs, times), *_detour(run, legs, times)]


def _shape(run: Run) -> Iterator[Broken]:
    """Every ride is picked up, and later dropped off; scheduled stops stand in their order; no id stands twice."""
    at = {stop.id: k for k, stop in enumerate(run.stops)}
    if len(at) < len(run.stops):
        yield Broken(Rule.STOPS, run.id, len(run.stops) - len(at))
    sequence = [stop.sequence for stop in run.stops if stop.sequence is not None]
    if sequence != sorted(set(sequence)):
        yield Broken(Rule.ORDER, run.id)
    for name in {ride.id for ride in run.rides if sum(ride.id == other.id for other in run.rides) > 1}:
        yield Broken(Rule.ORDER, name)
    for ride in run.rides:
        if ride.pickup not in at or ride.dropoff not in at or at[ride.pickup] >= at[ride.dropoff]:
            yield Broken(Rule.ORDER, ride.id)
    for k, stop in enumerate(run.stops):
        if stop.depot and (0 < k < len(run.stops) - 1 or any(stop.id in (r.pickup, r.dropoff) for r in run.rides)):
            yield Broken(Rule.STOPS, stop.id)


def _kept(before: Run, after: Run) -> Iterator[Broken]:
    """Nothing that was scheduled, served or promised is taken away."""
    stops, rides = {stop.id: stop for stop in after.stops}, {ride.id: ride for ride in after.rides}
    for stop in before.stops:
        if stop.scheduled and stops.get(stop.id) != stop:
            yield Broken(Rule.STOPS, stop.id)
    for ride in before.rides:
        now = rides.get(ride.id)
        if now is None and ride.committed:
            yield Broken(Rule.STOPS, ride.id)
        if now is not None and not _promise_kept(ride, now):
            yield Broken(Rule.WINDOW, ride.id)
    if after.stops[: before.done] != before.stops[: before.done]:
        yield Broken(Rule.DONE, before.stops[min(before.done, len(before.stops)) - 1].id)
    yield from _aboard_stay(before, after)


def _promise_kept(old: Ride, new: Ride) -> bool:
    """The same party between the same stops, with windows and a longest ride that are no wider than was promised."""
    same = replace(new, board=old.board, alight=old.alight, max_ride=old.max_ride) == old
    narrower = _inside(new.board, old.board) and _inside(new.alight, old.alight)
    return same and narrower and new.max_ride <= old.max_ride


def _inside(inner: Window, outer: Window) -> bool:
    return inner.earliest >= outer.earliest and inner.latest <= outer.latest


def _aboard_stay(before: Run, after: Run) -> Iterator[Broken]:
    """Nobody who boarded at a served stop leaves the plan before being dropped off."""
    served = {stop.id for stop in before.stops[: before.done]}
    left = {ride.id for ride in after.rides}
    for ride in before.rides:
        if ride.pickup in served and ride.dropoff not in served and ride.id not in left:
            yield Broken(Rule.DONE, ride.id)
    for ride in after.rides:
        if ride.id not in {old.id for old in before.rides} and ride.pickup in served:
            yield Broken(Rule.DONE, ride.id)


def _load(run: Run) -> Iterator[Broken]:
    """What the vehicle carries after each stop fits one of its layouts."""
    for k, stop in enumerate(run.stops):
        load = _aboard_after(run, k)
        if run.capacity.fits(load):
            continue
        if load.wheelchairs > run.capacity.most_wheelchairs:
            yield Broken(Rule.WHEELCHAIR, stop.id, load.wheelchairs - run.capacity.most_wheelchairs)
        else:
            yield Broken(Rule.SEATS, stop.id, load.seats - run.capacity.seats_beside(load.wheelchairs))


def _aboard_after(run: Run, k: int) -> Load:
    at = {stop.id: n for n, stop in enumerate(run.stops)}
    aboard = [ride.party for ride in run.rides if at[ride.pickup] <= k < at[ride.dropoff]]
    return Load(sum(party.seats for party in aboard), sum(party.wheelchairs for party in aboard))


def _entitled(run: Run) -> Iterator[Broken]:
    """Residents ride where the policy admits them, and use only stops that are open to them."""
    closed = {stop.id for stop in run.stops if stop.scheduled and not stop.residents}
    for ride in run.residents:
        if not run.policy.admits(ride.groups):
            yield Broken(Rule.WHO, ride.id)
        if ride.pickup in closed or ride.dropoff in closed:
            yield Broken(Rule.RESIDENTS, ride.id)


def _timing(run: Run, legs: list[int], times: TravelTimes) -> Iterator[Broken]:
    """Windows, bells, the delay of committed riders, and everyone's longest ride, in the earliest schedule there is."""
    begin, dwell = _begin(run, legs)
    at = {stop.id: k for k, stop in enumerate(run.stops)}
    for k, stop in enumerate(run.stops):
        latest = _window(run, stop).latest
        if begin[k] > latest:
            rule = Rule.BELL if stop.scheduled and begin[k] > stop.window.latest else Rule.WINDOW
            yield Broken(rule, stop.id, begin[k] - latest)
    for stop_id, latest in _undelayed(run, times).items():
        if begin[at[stop_id]] > latest:
            yield Broken(Rule.EXTRA, stop_id, begin[at[stop_id]] - latest)
    for ride in run.rides:
        aboard = begin[at[ride.dropoff]] - begin[at[ride.pickup]] - dwell[at[ride.pickup]]
        if aboard > ride.max_ride:
            yield Broken(Rule.MAX_RIDE, ride.id, aboard - ride.max_ride)


def _begin(run: Run, legs: list[int]) -> tuple[list[int], list[int]]:
    """Earliest begin of service at each stop, and dwell there; longest rides are left out where they cannot be kept."""
    at = {stop.id: k for k, stop in enumerate(run.stops)}
    dwell = [s.dwell + sum(r.dwell for r in run.rides if s.id in (r.pickup, r.dropoff)) for s in run.stops]
    edges = [(k, k + 1, dwell[k] + leg) for k, leg in enumerate(legs)]
    caps = [(at[r.dropoff], at[r.pickup], -r.max_ride - dwell[at[r.pickup]]) for r in run.rides]
    earliest = [_window(run, stop).earliest for stop in run.stops]
    held = _relax(list(earliest), edges + caps)
    if held is None:
        held = _relax(list(earliest), edges)
    return held or earliest, dwell


def _relax(begin: list[int], edges: list[tuple[int, int, int]]) -> list[int] | None:
    """Raise `begin` until begin[j] >= begin[i] + w on every edge; None when no schedule can do that."""
    for _ in range(len(begin) + 1):
        moved = False
        for i, j, w in edges:
            if begin[i] + w > begin[j]:
                begin[j], moved = begin[i] + w, True
        if not moved:
            return begin
    return None


def _window(run: Run, stop: Stop) -> Window:
    window = stop.window
    for ride in run.rides:
        window = window & ride.board if ride.pickup == stop.id else window
        window = window & ride.alight if ride.dropoff == stop.id else window
    return window


def _undelayed(run: Run, times: TravelTimes) -> dict[str, int]:
    """Latest begin at each stop that committed riders use: the run's time without residents, and the allowed delay."""
    committed = tuple(ride for ride in run.rides if ride.committed)
    alone = replace(run, stops=tuple(stop for stop in run.stops if stop.scheduled), rides=committed)
    legs = [times.between(a.place, b.place) for a, b in zip(alone.stops, alone.stops[1:], strict=False)]
    begin, _ = _begin(alone, legs)
    used = {stop for ride in committed for stop in (ride.pickup, ride.dropoff)}
    return {s.id: begin[k] + run.policy.max_extra for k, s in enumerate(alone.stops) if s.id in used}


def _detour(run: Run, legs: list[int], times: TravelTimes) -> Iterator[Broken]:
    """Added stops keep to the parts and to the extra driving that the policy allows."""
    first, last = _scheduled_part(run)
    added = [k for k, stop in enumerate(run.stops) if not stop.scheduled]
    if not run.policy.deadhead:
        yield from (Broken(Rule.DEADHEAD, run.stops[k].id) for k in added if not first < k < last)
    inside = [k for k in added if first < k < last]
    if inside and run.policy.detour is Detour.NONE:
        yield Broken(Rule.DETOUR, run.stops[inside[0]].id)
    elif inside:
        yield from _extra_drive(run, legs, times)


def _scheduled_part(run: Run) -> tuple[int, int]:
    """Positions of the first and the last stop of a committed rider; without any, of the run's own ends."""
    used = {stop for ride in run.rides if ride.committed for stop in (ride.pickup, ride.dropoff)}
    at = [k for k, stop in enumerate(run.stops) if stop.id in used]
    return (at[0], at[-1]) if at else (0, len(run.stops) - 1)


def _extra_drive(run: Run, legs: list[int], times: TravelTimes) -> Iterator[Broken]:
    first, last = _scheduled_part(run)
    fixed = [k for k in range(first, last + 1) if run.stops[k].scheduled]
    extra = {
        run.stops[j].id: sum(legs[i:j]) - times.between(run.stops[i].place, run.stops[j].place)
        for i, j in zip(fixed, fixed[1:], strict=False)
    }
    if run.policy.detour is Detour.ON_ROUTE:
        yield from (Broken(Rule.DETOUR, at, s - ON_ROUTE_SLACK) for at, s in extra.items() if s > ON_ROUTE_SLACK)
    elif sum(extra.values()) > run.policy.max_detour:
        yield Broken(Rule.DETOUR, run.stops[last].id, sum(extra.values()) - run.policy.max_detour)
