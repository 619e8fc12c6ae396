"""A request and the runs of its day become a few diverse offers, or the reason and the smallest change that helps."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from matching import promises, schedule
from matching.explain import nearest
from matching.fleet import Fleet, Insertion, Placement
from matching.insertion import reinsert
from matching.model import DAY, LATEST, Broken, MeetingPoint, Policy, Ride, Rule, Run, TripRequest, Window
from routing.times import TravelTimes

MOST_OFFERS = 4
APART = 600
"""Seconds of pickup time that make two offers on the same run worth showing both."""
HOLD = 900
"""Seconds for which an offer stands."""
MOST_PLACES = 6
"""Places that are looked at on one run, each with its own pickup position."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A sound place shown to somebody; times are seconds of the service day, walks metres, fare cents or yen.

    ride: as it would be kept, its windows narrowed to what is promised. delay: most seconds by which any rider already
    on the run would be later than now; zero means that nothing changes for anybody else.
    """

    run: str
    revision: int
    ride: Ride
    pickup: MeetingPoint
    dropoff: MeetingPoint
    pickup_time: int
    dropoff_time: int
    detour: int
    delay: int
    fare: int
    fare_currency: str
    expires: int


@dataclass(frozen=True, slots=True)
class Change:
    """The least by which a refused request must change to be offered a seat.

    kind "time": `amount` seconds later (negative: earlier); "walk": the new limit for the walk at each end, in metres;
    "party": how many people.
    """

    kind: str
    amount: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no seat was found: the rule of the nearest miss, the article that says so, and what would help.

    excess: by how much that rule would be broken, seconds or people.
    """

    rule: Rule
    article: str | None
    changes: tuple[Change, ...]
    excess: int = 0


@dataclass(frozen=True, slots=True)
class _Built:
    """A place that was built, and is not judged yet."""

    burden: int
    run: Run
    insertion: Insertion


def offers(
    request: TripRequest, runs: Sequence[Run], times: TravelTimes, fleet: Fleet | None = None
) -> tuple[Offer, ...] | Refusal:
    """Offer up to four sound places, the best first and no two alike; or refuse with the reason.

    Runs that take no residents are passed over without a word about them; so are those that break a promise already,
    unless a seat on them makes nothing worse. fleet: one of `asked`, made before and not in use elsewhere meanwhile.
    """
    fleet = fleet or Fleet(asked(request.service_date, runs), times, index=False)
    found = _best(request, fleet)
    return tuple(_offer(request, one.run, one.insertion, times) for one in found) or _refuse(request, fleet)


def asked(service_date: str, runs: Sequence[Run]) -> list[Run]:
    """List the runs of a service date that take residents at all."""
    return [run for run in runs if run.service_date == service_date and run.policy.riders]


def place(offer: Offer, request: TripRequest, run: Run, times: TravelTimes) -> Run | None:
    """Put an offered ride on a run as it is now; None when its promised times can no longer be kept there."""
    ride = replace(offer.ride, groups=request.groups, needs=request.needs)
    new = reinsert(ride, (offer.pickup.place, offer.dropoff.place), run, times)
    return None if new is None or promises.broken(new, times, before=run) else new


def _best(request: TripRequest, fleet: Fleet) -> list[_Built]:
    """Take sound places by their burden, none like one that is taken: the best, then other runs or other times.

    A place is built once nothing can burden less, and judged once it would be shown: of what is not shown, nothing more
    is asked.
    """
    kept: list[_Built] = []
    for one in _by_burden(request, fleet):
        if any(_alike(one, other) for other in kept) or promises.broken(one.insertion.run, fleet.times, before=one.run):
            continue
        kept.append(one)
        if len(kept) == MOST_OFFERS:
            break
    return kept


def _by_burden(request: TripRequest, fleet: Fleet) -> Iterator[_Built]:
    """Build places in order of what they turn out to burden, then of their runs' ids, no sooner than must be."""
    places = [place for r in fleet.on_the_road(request) for place in fleet.places(request, r, MOST_PLACES)]
    unbuilt = sorted(((_least_burden(fleet, place), place) for place in places), key=lambda pair: pair[0])
    built: list[tuple[int, str, int, _Built]] = []
    for k, (least, place) in enumerate(unbuilt):
        while built and built[0][0] < least:
            yield heappop(built)[-1]
        run, insertion = fleet.run(place.run), fleet.inserted(place)
        burden = _burden(request, insertion.cost, insertion.pickup_time, insertion.dropoff_time)
        heappush(built, (burden, run.id, k, _Built(burden, run, insertion)))
    while built:
        yield heappop(built)[-1]


def _least_burden(fleet: Fleet, place: Placement) -> int:
    """Give the least burden that a place can turn out to be."""
    soonest, latest, direct = fleet.between(place)
    ends = ((soonest, soonest + direct), (latest - direct, latest))
    return min(_burden(place.request, place.cost, *some) for some in ends)


def _burden(request: TripRequest, cost: int, pickup: int, dropoff: int) -> int:
    """Seconds that an offer costs all together: its cost, time aboard, and waiting for what was asked."""
    if request.arrive.latest < LATEST and request.depart.earliest <= request.asked_at:
        wait = max(0, request.arrive.latest - dropoff)
    else:
        wait = max(0, pickup - request.depart.earliest)
    return cost + dropoff - pickup + wait


def _alike(one: _Built, other: _Built) -> bool:
    return one.run.id == other.run.id and abs(one.insertion.pickup_time - other.insertion.pickup_time) < APART


def _offer(request: TripRequest, run: Run, one: Insertion, times: TravelTimes) -> Offer:
    policy = run.policy
    return Offer(
        run=run.id,
        revision=run.revision,
        ride=promised(one.ride, policy, one.pickup_time, one.dropoff_time),
        pickup=one.pickup,
        dropoff=one.dropoff,
        pickup_time=told(one.pickup_time),
        dropoff_time=-told(-one.dropoff_time),
        detour=one.detour,
        delay=_delay(run, one.run, times),
        fare=policy.fare * request.party.people,
        fare_currency=policy.fare_currency,
        expires=min(request.asked_at + HOLD, policy.booking_ends(one.pickup_time)),
    )


def told(time: int) -> int:
    """Round a time down to the minute that people are told; a negated time is rounded up."""
    return time // 60 * 60


def promised(ride: Ride, policy: Policy, pickup: int, dropoff: int) -> Ride:
    """Narrow a ride's windows to what its rider is told when it would begin at `pickup` and end at `dropoff`.

    The vehicle may be there from the very minute that is told, though it was planned for some seconds later.
    """
    latest = max(pickup, told(pickup) + policy.punctuality)
    board = Window(told(pickup), min(latest, ride.board.latest))
    alight = Window(latest=-told(-dropoff) + policy.punctuality)
    return replace(ride, board=board, alight=ride.alight & alight)


def _delay(before: Run, after: Run, times: TravelTimes) -> int:
    used = {stop for ride in before.rides for stop in (ride.pickup, ride.dropoff)}
    now = {visit.stop.id: visit.begin for visit in schedule.timetable(before, times)}
    then = {visit.stop.id: visit.begin for visit in schedule.timetable(after, times)}
    return max((then[stop] - now[stop] for stop in used), default=0)


def _refuse(request: TripRequest, fleet: Fleet) -> Refusal:
    """Name the nearest miss over the runs that keep their own promises."""
    sound = (r for r, run in enumerate(fleet.runs()) if not promises.broken(run, fleet.times))
    miss = nearest(request, fleet, sound)
    fault = miss[1].stopped[0] if miss else Broken(Rule.TIME, "")
    article = fleet.run(miss[0]).policy.article(fault.rule) if miss else None
    changes = (_other_time(request, fleet), _longer_walk(request, fleet), _fewer(request, fleet))
    return Refusal(fault.rule, article, tuple(change for change in changes if change is not None), fault.excess)


def _other_time(request: TripRequest, fleet: Fleet) -> Change | None:
    """The nearest time of the same day at which the party would be offered a seat."""
    anytime = replace(request, depart=Window(-DAY, LATEST), arrive=Window(-DAY, LATEST))
    places = [place for r in range(fleet.size) for place in fleet.places(anytime, r, MOST_PLACES)]
    least: int | None = None
    for estimate, place in sorted(((_estimate(request, fleet, one), one) for one in places), key=lambda pair: pair[0]):
        if least is not None and estimate > abs(least):
            break
        shift = _shift(request, fleet.inserted(place))
        if shift and (least is None or (abs(shift), shift) < (abs(least), least)):
            least = shift
    return Change("time", least) if least else None


def _estimate(request: TripRequest, fleet: Fleet, place: Placement) -> int:
    """Least seconds, either way, by which a request must move to be at a place when its run can be there."""
    soonest, latest, _ = fleet.between(place)
    late = max(soonest - end for end in (request.depart.latest, request.arrive.latest))
    return max(0, late, max(request.depart.earliest, request.arrive.earliest) - latest)


def _shift(request: TripRequest, one: Insertion) -> int | None:
    """Least seconds by which both windows of a request must move to suit this insertion; None: no move does."""
    wishes = ((one.pickup_time, request.depart), (one.dropoff_time, request.arrive))
    least = max((time - window.latest for time, window in wishes if window.latest < LATEST), default=-DAY)
    most = min((time - window.earliest for time, window in wishes if window.earliest > -DAY), default=LATEST)
    return min(max(0, least), most) if least <= most else None


def _longer_walk(request: TripRequest, fleet: Fleet) -> Change | None:
    """The shortest walk, beyond what was asked, that finds a seat; a longer one never closes what a shorter opens."""
    walks = sorted({p.walk for p in (*request.pickups, *request.dropoffs) if p.walk > request.max_walk})
    enough = bisect_left(walks, 1, key=lambda walk: int(fleet.best(replace(request, max_walk=walk)) is not None))
    return Change("walk", walks[enough]) if enough < len(walks) else None


def _fewer(request: TripRequest, fleet: Fleet) -> Change | None:
    """The largest part of the party that could ride together; those in wheelchairs are never left behind."""
    party = request.party
    for people in range(party.people - 1, max(0, party.wheelchairs - 1), -1):
        fewer = replace(party, seats=people - party.wheelchairs)
        if fleet.best(replace(request, party=fewer)):
            return Change("party", people)
    return None
