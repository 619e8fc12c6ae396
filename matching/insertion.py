"""Online insertion: the cheapest sound places for one request on each run.

Candidates pass the O(1) screens of `screens`; what passes is put into the run and timed exactly, cheapest first. Cost
is seconds of added driving plus seconds of walking.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from matching import eligibility, schedule
from matching.model import DAY, Detour, MeetingPoint, Ride, Rule, Run, Stop, TripRequest, Window
from matching.rides import board_late, ride_of
from matching.screens import ON_ROUTE_SLACK, End, candidates, meets
from matching.slack import Timed, extra_drives, measure
from routing.times import Place, TravelTimes

ANCIENT = -365 * DAY
"""A time of asking before which no booking closes: what was promised needs no second permission."""

NEARNESS = {
    rule: k
    for k, rule in enumerate(
        (Rule.TIME, Rule.ROAD, Rule.WINDOW, Rule.DEADHEAD, Rule.DETOUR, Rule.RESIDENTS, Rule.WHO, Rule.CUTOFF)
        + (Rule.WHEELCHAIR, Rule.SEATS, Rule.MAX_RIDE, Rule.EXTRA, Rule.BELL)
    )
}
"""How near to a seat a party came when this rule stopped it: the nearest miss is the reason that is told."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """One sound way to carry a party: the run as it would be, and what that costs (seconds)."""

    run: Run
    ride: Ride
    pickup: MeetingPoint
    dropoff: MeetingPoint
    pickup_time: int
    dropoff_time: int
    detour: int
    cost: int


@dataclass(frozen=True, slots=True)
class Search:
    """What a search over one run found: sound insertions, cheapest first, and how often each rule stopped another."""

    insertions: tuple[Insertion, ...]
    stopped: Counter[Rule]

    def nearest_miss(self) -> Rule:
        return max(self.stopped, key=NEARNESS.__getitem__, default=Rule.TIME)


def search(request: TripRequest, run: Run, times: TravelTimes, *, most: int = 6) -> Search:
    """Find up to `most` sound insertions of a request on one run, each with its own pickup position, cheapest first."""
    return search_timed(request, measure(run, times), times, most=most)


def search_timed(request: TripRequest, timed: Timed, times: TravelTimes, *, most: int = 6) -> Search:
    """Search a run that was timed before, as `search` does."""
    run = timed.run
    if request.service_date != run.service_date or not meets(request.depart, request, timed):
        return Search((), Counter([Rule.TIME]))
    stopped: Counter[Rule] = Counter(fault.rule for fault in eligibility.obstacles(request, run))
    if not meets(eligibility.boarding_window(request, run), request, timed):
        stopped[Rule.CUTOFF] += 1
    if stopped:
        return Search((), stopped)
    found: dict[tuple[int, bool], Insertion] = {}
    for cost, pickup, dropoff in sorted(candidates(request, timed, times, stopped), key=_cheapest_first):
        if len(found) == most:
            break
        if pickup.order in found:
            continue
        insertion = _insert(request, timed, (pickup, dropoff), times)
        if isinstance(insertion, Rule):
            stopped[insertion] += 1
        else:
            found[pickup.order] = replace(insertion, cost=cost)
    return Search(tuple(found.values()), stopped)


def _cheapest_first(candidate: tuple[int, End, End]) -> tuple[int, int, tuple[int, bool], tuple[int, bool]]:
    """Order by cost; of equal ones, a scheduled stop comes before an added one, an early place before a late one."""
    cost, pickup, dropoff = candidate
    return cost, pickup.added + dropoff.added, pickup.order, dropoff.order


def best(request: TripRequest, runs: Sequence[Run], times: TravelTimes) -> Insertion | None:
    """Find the cheapest sound insertion over many runs; None when no run can carry the party."""
    found = [one for run in runs for one in search(request, run, times, most=1).insertions]
    return min(found, key=lambda one: (one.cost, one.pickup_time, one.run.id), default=None)


def reinsert(ride: Ride, ends: tuple[Place, Place], run: Run, times: TravelTimes) -> Run | None:
    """Put a ride that was promised or held before on a run as it is now, with its own windows and longest ride.

    ends: where its party boards and alights. None when the run can no longer keep what the ride was promised.
    """
    wish = TripRequest(
        id=ride.id,
        service_date=run.service_date,
        pickups=(MeetingPoint(ends[0]),),
        dropoffs=(MeetingPoint(ends[1]),),
        party=ride.party,
        depart=ride.board,
        arrive=ride.alight,
        asked_at=ANCIENT,
        needs=ride.needs,
        groups=ride.groups,
    )
    for one in search(wish, run, times).insertions:
        kept = replace(ride, pickup=one.ride.pickup, dropoff=one.ride.dropoff, dwell=one.ride.dwell)
        new = replace(one.run, rides=(*run.rides, kept))
        begin = {visit.stop.id: visit for visit in schedule.timetable(new, times)}
        if begin[kept.dropoff].begin - begin[kept.pickup].departure <= kept.max_ride:
            return new
    return None


def _insert(request: TripRequest, timed: Timed, ends: tuple[End, End], times: TravelTimes) -> Insertion | Rule:
    """Build the run with this ride and time it exactly: the insertion, or the rule that it would break."""
    on, off = ends
    run = timed.run
    stops = list(run.stops)
    ids = []
    for end, mark in ((off, "-"), (on, "+")):
        if end.added:
            stops.insert(end.at + 1, Stop(request.id + mark, end.point.place))
        ids.append(request.id + mark if end.added else run.stops[end.at].id)
    direct = times.between(on.point.place, off.point.place)
    ride = ride_of(request, run, (ids[1], ids[0]), direct=direct)
    new = replace(run, stops=tuple(stops), rides=(*run.rides, ride))
    if on.added:
        new = board_late(new, ride, times)
    visits = schedule.timetable(new, times)
    fault = _fault(new, visits, timed, times)
    if fault is not None:
        return fault
    at = {visit.stop.id: visit.begin for visit in visits}
    detour = sum(schedule.legs_of(new, times)) - sum(timed.legs)
    return Insertion(new, new.rides[-1], on.point, off.point, at[ride.pickup], at[ride.dropoff], detour, detour)


def _fault(run: Run, visits: tuple[schedule.Visit, ...], timed: Timed, times: TravelTimes) -> Rule | None:
    """Name the first rule that a timed run would break."""
    at = {visit.stop.id: visit for visit in visits}
    for visit in visits:
        if not run.capacity.fits(visit.load):
            return Rule.WHEELCHAIR if visit.load.wheelchairs > run.capacity.most_wheelchairs else Rule.SEATS
    for ride in run.rides:
        if at[ride.dropoff].begin - at[ride.pickup].departure > ride.max_ride:
            return Rule.MAX_RIDE
    for visit in visits:
        if visit.begin > timed.limits.get(visit.stop.id, Window().latest):
            return Rule.BELL if visit.begin > visit.stop.window.latest else Rule.EXTRA
        if visit.begin > schedule.window_at(run, visit.stop).latest:
            return Rule.WINDOW
    return _detour_fault(run, timed, times)


def _detour_fault(run: Run, timed: Timed, times: TravelTimes) -> Rule | None:
    at = run.positions()
    first, last = (at[timed.run.stops[k].id] for k in timed.part)
    extra = extra_drives(run, (first, last), schedule.legs_of(run, times), times)
    on_route = run.policy.detour is Detour.ON_ROUTE and max(extra, default=0) > ON_ROUTE_SLACK
    too_far = run.policy.detour is Detour.UP_TO and sum(extra) > run.policy.max_detour
    return Rule.DETOUR if on_route or too_far else None
