"""What can be said in O(1) of a pickup and a drop-off in a run, before anything is timed exactly.

Every screen is a necessary condition: it compares the earliest that could be with the latest that may be (Jaw et al.
1986 call their difference the slack), so whatever it turns away could not have been carried.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matching import eligibility
from matching.model import Detour, Load, MeetingPoint, Rule, Run, TripRequest, Window
from matching.slack import Timed
from routing.times import NO_WAY, Place, TravelTimes

WALKING_SPEED = 1.0
"""Metres a second of somebody of 80 (Bohannon 1997 has 0.9-1.3)."""

ON_ROUTE_SLACK = 5
"""Seconds of driving by which whole-second rounding may make a stop on the run's own road look like a detour."""

Stopped = Counter[Rule]


@dataclass(frozen=True, slots=True)
class End:
    """One end of a ride on a run: at scheduled stop `at` itself, or added between `at` and the stop after it.

    extra: seconds of driving that adding it costs by itself.
    """

    point: MeetingPoint
    at: int
    added: bool
    extra: int

    @property
    def order(self) -> tuple[int, bool]:
        return self.at, self.added


def meets(wanted: Window, request: TripRequest, timed: Timed) -> bool:
    """Does the run drive at all while the party could be aboard?"""
    soonest = max(wanted.earliest, min(timed.ready[0], timed.visits[0].begin))
    return soonest <= min(wanted.latest, request.arrive.latest, timed.latest[-1])


def candidates(
    request: TripRequest, timed: Timed, times: TravelTimes, stopped: Stopped
) -> Iterator[tuple[int, End, End]]:
    """Yield (cost, pickup end, drop-off end) of what passes every screen, and count in `stopped` what does not."""
    pickups = [point for point in request.pickups if point.walk <= request.max_walk]
    dropoffs = [point for point in request.dropoffs if point.walk <= request.max_walk]
    road = _Road(timed.run, [*pickups, *dropoffs], times)
    offs = sorted(_ends(timed, dropoffs, road, stopped), key=lambda end: end.order)
    for on in _ends(timed, pickups, road, stopped):
        begin = _boarded(request, timed, on, road, stopped)
        if begin is not None:
            yield from _Boarded(request, timed, on, road, begin=begin).pairs(offs, stopped)


class _Road:
    """Drives between a run's stops and a request's meeting points, read from the network in three tables."""

    def __init__(self, run: Run, points: list[MeetingPoint], times: TravelTimes) -> None:
        stops = [stop.place for stop in run.stops]
        places = list(dict.fromkeys(point.place for point in points))
        to, back, among = times.table(stops, places), times.table(places, stops), times.table(places, places)
        self.to: dict[Place, list[int]] = dict(zip(places, to.T.tolist(), strict=True))
        self.back: dict[Place, list[int]] = dict(zip(places, back.tolist(), strict=True))
        rows = zip(places, among.tolist(), strict=True)
        self.among = {place: dict(zip(places, row, strict=True)) for place, row in rows}


def _ends(timed: Timed, points: list[MeetingPoint], road: _Road, stopped: Stopped) -> Iterator[End]:
    """List where a ride could begin or end: at open scheduled stops, and between stops where the policy allows."""
    run = timed.run
    first, last = timed.part
    most = {Detour.NONE: -1, Detour.ON_ROUTE: ON_ROUTE_SLACK, Detour.UP_TO: timed.spare_detour}[run.policy.detour]
    for point in points:
        for k in range(run.done, len(run.stops)):
            stop = run.stops[k]
            if stop.place == point.place and stop.scheduled and not stop.depot:
                if stop.residents:
                    yield End(point, k, added=False, extra=0)
                else:
                    stopped[Rule.RESIDENTS] += 1
        to, back = road.to[point.place], road.back[point.place]
        for k in range(max(run.done - 1, 0), len(run.stops) - 1):
            extra = to[k] + back[k + 1] - timed.legs[k]
            inside = first <= k < last
            if max(to[k], back[k + 1]) >= NO_WAY:
                stopped[Rule.ROAD] += 1
            elif inside and extra > most:
                stopped[Rule.DETOUR] += 1
            elif not inside and not run.policy.deadhead:
                stopped[Rule.DEADHEAD] += 1
            else:
                yield End(point, k, added=True, extra=extra)


def _boarded(request: TripRequest, timed: Timed, on: End, road: _Road, stopped: Stopped) -> int | None:
    """Earliest begin of the pickup here, by windows, slack and room alone; None where the party cannot board."""
    wanted = eligibility.boarding_window(request, timed.run)
    visit, limit = timed.visits[on.at], on.at + on.added
    arrival, leaving = visit.begin, 0
    if on.added:
        arrival = timed.ready[on.at] + road.to[on.point.place][on.at]
        leaving = timed.run.policy.dwell_for(request.party) + road.back[on.point.place][limit]
    begin = max(arrival, wanted.earliest)
    if begin > min(wanted.latest, request.arrive.latest) or begin + leaving > timed.latest[limit]:
        stopped[_too_late(request, timed, begin, limit)] += 1
    elif not timed.run.capacity.fits(visit.load + request.party):
        stopped[no_room(request.party)] += 1
    else:
        return begin
    return None


def no_room(party: Load) -> Rule:
    """Name what a party lacks that finds no room: its wheelchair places, or seats."""
    return Rule.WHEELCHAIR if party.wheelchairs else Rule.SEATS


def _too_late(request: TripRequest, timed: Timed, begin: int, limit: int) -> Rule:
    """Name what makes a pickup at `begin` too late: the notice, the party's own times, or what binds `limit`."""
    if begin == request.asked_at + timed.run.policy.notice > request.depart.earliest:
        return Rule.CUTOFF
    if begin > min(request.depart.latest, request.arrive.latest):
        return Rule.WINDOW
    return timed.binds[limit]


class _Boarded:
    """A run into which a pickup was put, pushed on as little as that needs: where could the party get off?"""

    def __init__(self, request: TripRequest, timed: Timed, on: End, road: _Road, *, begin: int) -> None:
        self._request, self._timed, self._on, self._road = request, timed, on, road
        self._dwell = timed.run.policy.dwell_for(request.party)
        self._begin = begin
        self._leaves = begin + self._dwell if on.added else begin + self._scheduled_dwell(on.at) + self._dwell
        self._pushed = self._push()
        self._latest_leave = self._latest_departure()

    def _scheduled_dwell(self, k: int) -> int:
        return self._timed.visits[k].departure - self._timed.visits[k].begin

    def _push(self) -> list[int]:
        """Earliest departure of every stop behind the pickup, by position; of those before it, as it was."""
        timed, on = self._timed, self._on
        departure = [visit.departure for visit in timed.visits]
        clock = self._leaves
        if on.added:
            clock += self._road.back[on.point.place][on.at + 1]
        else:
            departure[on.at] = clock
            clock += timed.legs[on.at] if on.at < len(timed.legs) else 0
        for k in range(on.at + 1, len(departure)):
            departure[k] = max(departure[k], clock + self._scheduled_dwell(k))
            clock = departure[k] + (timed.legs[k] if k < len(timed.legs) else 0)
        return departure

    def _latest_departure(self) -> int:
        """Latest second at which the vehicle may leave the pickup."""
        timed, on = self._timed, self._on
        wanted = eligibility.boarding_window(self._request, timed.run).latest + self._leaves - self._begin
        if on.added:
            return min(wanted, timed.latest[on.at + 1] - self._road.back[on.point.place][on.at + 1])
        return min(wanted, timed.latest[on.at] + self._leaves - self._begin)

    def pairs(self, offs: Sequence[End], stopped: Stopped) -> Iterator[tuple[int, End, End]]:
        """Yield this pickup with every drop-off that passes the screens; `offs` are in driving order."""
        on = self._on
        full_from = self._full_from()
        for off in offs:
            if off.order < on.order or (off.order == on.order and not on.added) or off.point.place == on.point.place:
                continue
            if off.at + off.added > full_from:
                stopped[no_room(self._request.party)] += 1
                break
            fault, extra = self._fault(off)
            if fault is None:
                walk = round((on.point.walk + off.point.walk) / WALKING_SPEED)
                yield extra + walk, on, off
            else:
                stopped[fault] += 1

    def _full_from(self) -> int:
        """First position whose leg has no room for the party, so that it must be dropped off at that stop at last."""
        visits, party = self._timed.visits, self._request.party
        for k in range(self._on.at + 1, len(visits)):
            if not self._timed.run.capacity.fits(visits[k].load + party):
                return k
        return len(visits)

    def _fault(self, off: End) -> tuple[Rule | None, int]:
        """Name the rule that forbids this drop-off, if one does, and give the driving that both ends add."""
        on, timed = self._on, self._timed
        place, at = off.point.place, off.at
        direct = self._road.among[on.point.place][place]
        same_leg = on.added and off.added and on.at == at
        if same_leg:
            arrival, ridden = self._leaves + direct, direct
            extra = self._road.to[on.point.place][at] + direct + self._road.back[place][at + 1] - timed.legs[at]
        else:
            way = self._road.to[place][at] if off.added else 0
            arrival = self._pushed[at] + way if off.added else self._pushed[at] - self._scheduled_dwell(at)
            ridden = self._ridden(at, added=off.added) + way
            extra = on.extra + off.extra
        begin = max(arrival, self._request.arrive.earliest)
        onward = begin + self._dwell + self._road.back[place][at + 1] if off.added else begin
        if direct >= NO_WAY:
            return Rule.ROAD, extra
        if begin > self._request.arrive.latest:
            return Rule.WINDOW, extra
        if onward > timed.latest[at + off.added]:
            return timed.binds[at + off.added], extra
        if max(ridden, begin - self._latest_leave) > timed.run.policy.longest_ride(direct):
            return Rule.MAX_RIDE, extra
        return (Rule.DETOUR if self._too_far(off, extra) else None), extra

    def _ridden(self, at: int, *, added: bool) -> int:
        """Seconds aboard without any waiting, from the pickup to the arrival at stop `at`, or to its departure."""
        on, busy = self._on, self._timed.busy
        aboard = busy[at] - busy[on.at + 1] if at > on.at else 0
        if on.added:
            aboard += self._road.back[on.point.place][on.at + 1]
        elif at > on.at:
            aboard += self._timed.legs[on.at]
        return aboard + (self._scheduled_dwell(at) if added and at > on.at else 0)

    def _too_far(self, off: End, extra: int) -> bool:
        first, last = self._timed.part
        inside = [end.added and first <= end.at < last for end in (self._on, off)]
        if self._timed.run.policy.detour is Detour.UP_TO:
            alone = sum(end.extra for end, yes in zip((self._on, off), inside, strict=True) if yes)
            both = extra if all(inside) else alone
            return any(inside) and both > self._timed.spare_detour
        return all(inside) and self._on.at == off.at and extra > ON_ROUTE_SLACK
