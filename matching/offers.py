"""A request and the runs of its day become a few diverse offers, or the reason and the smallest change that helps."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from matching import promises, schedule
from matching.insertion import Insertion, Search, reinsert, search_timed
from matching.model import DAY, LATEST, MeetingPoint, Policy, Ride, Rule, Run, TripRequest, Window
from matching.slack import Timed, measure
from routing.times import TravelTimes

MOST_OFFERS = 4
APART = 600
"""Seconds of pickup time that make two offers on the same run worth showing both."""
HOLD = 900
"""Seconds for which an offer stands."""


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

    kind "time": `amount` seconds later (negative: earlier); "walk": metres to walk in all; "party": how many people.
    """

    kind: str
    amount: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no seat was found: the rule of the nearest miss, the article that says so, and what would help."""

    rule: Rule
    article: str | None
    changes: tuple[Change, ...]


def offers(request: TripRequest, runs: Sequence[Run], times: TravelTimes) -> tuple[Offer, ...] | Refusal:
    """Offer up to four sound places, the best first and no two alike; or refuse with the reason.

    Runs that take no residents, or that would be late by themselves, are passed over without a word about them.
    """
    timed = [measure(run, times) for run in runs if run.policy.riders and not promises.broken(run, times)]
    searches = [search_timed(request, one, times) for one in timed]
    found = [
        (one.run, insertion)
        for one, searched in zip(timed, searches, strict=True)
        for insertion in searched.insertions
        if not promises.broken(insertion.run, times, before=one.run)
    ]
    if not found:
        return _refuse(request, timed, searches, times)
    found.sort(key=lambda pair: (_burden(request, pair[1]), pair[0].id))
    return tuple(_offer(request, run, one, times) for run, one in _diverse(found))


def place(offer: Offer, request: TripRequest, run: Run, times: TravelTimes) -> Run | None:
    """Put an offered ride on a run as it is now; None when its promised times can no longer be kept there."""
    ride = replace(offer.ride, groups=request.groups, needs=request.needs)
    new = reinsert(ride, (offer.pickup.place, offer.dropoff.place), run, times)
    return None if new is None or promises.broken(new, times, before=run) else new


def _burden(request: TripRequest, one: Insertion) -> int:
    """Seconds that an offer costs all together: added driving, walking, time aboard, and waiting for what was asked."""
    aboard = one.dropoff_time - one.pickup_time
    if request.arrive.latest < LATEST and request.depart.earliest <= request.asked_at:
        wait = max(0, request.arrive.latest - one.dropoff_time)
    else:
        wait = max(0, one.pickup_time - request.depart.earliest)
    return one.cost + aboard + wait


def _diverse(found: Sequence[tuple[Run, Insertion]]) -> list[tuple[Run, Insertion]]:
    """Keep the best, then only what differs from all kept: another run, or a pickup ten minutes apart."""
    kept: list[tuple[Run, Insertion]] = []
    for run, one in found:
        alike = any(run.id == r.id and abs(one.pickup_time - k.pickup_time) < APART for r, k in kept)
        if not alike and len(kept) < MOST_OFFERS:
            kept.append((run, one))
    return kept


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


def _refuse(request: TripRequest, timed: Sequence[Timed], searches: Sequence[Search], times: TravelTimes) -> Refusal:
    stopped = sum((searched.stopped for searched in searches), Counter[Rule]())
    rule = Search((), stopped).nearest_miss()
    cited = (one.run.policy.article(rule) for one, said in zip(timed, searches, strict=True) if rule in said.stopped)
    article = next(filter(None, cited), None)
    changes = (_other_time(request, timed, times), _longer_walk(request, timed, times), _fewer(request, timed, times))
    return Refusal(rule, article, tuple(change for change in changes if change is not None))


def _seated(request: TripRequest, timed: Sequence[Timed], times: TravelTimes) -> bool:
    """Would the party find a seat on any run?"""
    return any(search_timed(request, one, times, most=1).insertions for one in timed)


def _other_time(request: TripRequest, timed: Sequence[Timed], times: TravelTimes) -> Change | None:
    """The nearest time of the same day at which the party would be offered a seat."""
    anytime = replace(request, depart=Window(-DAY, LATEST), arrive=Window(-DAY, LATEST))
    found = [one for run in timed for one in search_timed(anytime, run, times).insertions]
    shifts = [_shift(request, one) for one in found]
    return min((Change("time", s) for s in shifts if s), key=lambda c: (abs(c.amount), c.amount), default=None)


def _shift(request: TripRequest, one: Insertion) -> int | None:
    """Least seconds by which both windows of a request must move to suit this insertion; None: no move does."""
    wishes = ((one.pickup_time, request.depart), (one.dropoff_time, request.arrive))
    least = max((time - window.latest for time, window in wishes if window.latest < LATEST), default=-DAY)
    most = min((time - window.earliest for time, window in wishes if window.earliest > -DAY), default=LATEST)
    return min(max(0, least), most) if least <= most else None


def _longer_walk(request: TripRequest, timed: Sequence[Timed], times: TravelTimes) -> Change | None:
    """The shortest walk, beyond what was asked, that finds a seat; a longer one never closes what a shorter opens."""
    walks = sorted({p.walk for p in (*request.pickups, *request.dropoffs) if p.walk > request.max_walk})
    enough = bisect_left(walks, 1, key=lambda walk: int(_seated(replace(request, max_walk=walk), timed, times)))
    return Change("walk", walks[enough]) if enough < len(walks) else None


def _fewer(request: TripRequest, timed: Sequence[Timed], times: TravelTimes) -> Change | None:
    """The largest part of the party that could ride together; those in wheelchairs are never left behind."""
    party = request.party
    for people in range(party.people - 1, max(0, party.wheelchairs - 1), -1):
        fewer = replace(party, seats=people - party.wheelchairs)
        if _seated(replace(request, party=fewer), timed, times):
            return Change("party", people)
    return None
