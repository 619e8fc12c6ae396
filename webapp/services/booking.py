"""A resident asks, is offered free seats, books and cancels; the desk does the same for a caller."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from matching import offers
from matching.model import DAY, LATEST, MeetingPoint, Ride, Rule, Run, TripRequest
from matching.offers import Offer, Refusal
from matching.rides import without
from routing.places import Named
from routing.times import Place
from webapp import metrics
from webapp.db import tables
from webapp.db.store import Door, PromiseBroken, Records
from webapp.services import agreements, messages, proxies, rules, tokens, wishes
from webapp.services.accounts import check_party
from webapp.services.errors import Conflict, Gone, Invalid, NotAllowed
from webapp.town import Town

DAYS_AHEAD = 13
CANCELLED, DECLINED, UNANSWERED = "cancelled", "declined", "unanswered"
"""What becomes of a request whose seat is given back: by its rider, who was asked and said no, or said nothing."""
ANSWERS = (
    "service_date", "origin_label", "origin_lat", "origin_lon", "destination_label", "destination_lat",
    "destination_lon", "depart_earliest", "arrive_latest", "people", "wheelchairs", "stowage", "purpose", "after",
    "needs", "max_walk",
)  # fmt: skip
"""What a rider said of a trip: the columns of a request that a changed trip takes over."""


class _BookedMeanwhile(Exception):
    """A trip that follows a cancelled one was booked on a run that the cancellation did not lock."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was told: offers with the token that books each, or a refusal."""

    request: tables.Request
    offers: tuple[tuple[Offer, str], ...]
    refusal: Refusal | None


def start(
    town: Town,
    rider_id: str,
    *,
    actor: str,
    channel: str = "web",
    like: tables.Request | None = None,
    to: Named | None = None,
) -> tables.Request:
    """Open a new request for a rider, asked by the rider or by the desk; `to`: where it ends, if that is known.

    Nothing is told twice: who travels is as on the trip that it is `like`, else as always with this rider, who then
    starts from the place where most of their trips start.
    """
    if to is not None:
        town.roads.snap(to.place)
    request = tables.Request(
        id=secrets.token_urlsafe(12),
        rider_id=rider_id,
        asked_by=actor,
        channel=channel,
        needs=[],
        created_at=town.clock(),
    )

    def change(door: Door) -> tables.Request:
        rider = door.get_user(rider_id)
        known = like or rider
        request.people, request.wheelchairs, request.stowage = known.people, known.wheelchairs, known.stowage
        request.needs, request.max_walk = [*known.needs], known.max_walk
        if to is not None:
            request.destination_label, request.destination_lat, request.destination_lon = (
                to.name,
                to.place.lat,
                to.place.lon,
            )
        if like is None:
            _start_at_home(door, request, rider)
        return door.put(request)

    return town.store.commit(change)


def _start_at_home(door: Records, request: tables.Request, rider: tables.User) -> None:
    home = door.find_saved_place(rider.home_id) if rider.home_id else None
    going_there = home is not None and (home.lat, home.lon) == (request.destination_lat, request.destination_lon)
    if home is not None and home.owner_id == rider.id and not going_there:
        request.origin_label, request.origin_lat, request.origin_lon = home.name, home.lat, home.lon


def answer_place(town: Town, request_id: str, *, end: str, label: str, place: Place) -> None:
    """Set where a request begins (`end` "origin") or ends ("destination").

    Raises routing.times.UnreachablePlace where no vehicle can come near.
    """
    town.roads.snap(place)
    fields = {f"{end}_label": label[:120], f"{end}_lat": place.lat, f"{end}_lon": place.lon}
    _update(town, request_id, fields)


def answer_when(
    town: Town, request_id: str, *, day: date, depart: int | None = None, arrive: int | None = None
) -> None:
    """Set the service date and either the earliest departure or the latest arrival, seconds of that day."""
    if not town.today() <= day <= town.today() + timedelta(days=DAYS_AHEAD):
        raise Invalid("day")
    if (depart is None) == (arrive is None):
        raise Invalid("when")
    if not -DAY <= (depart or arrive or 0) <= LATEST:
        raise Invalid("time")
    _update(town, request_id, {"service_date": day, "depart_earliest": depart, "arrive_latest": arrive})


def answer_who(
    town: Town,
    request_id: str,
    *,
    people: int,
    wheelchairs: int,
    needs: Sequence[str] = (),
    max_walk: int,
    stowage: int | None = None,
    purpose: str | None = None,
) -> None:
    """Set the party: people in all, how many of them in a wheelchair, other needs, and metres that they can walk.

    stowage: 1 where a walker, a pram or luggage needs room. purpose: one that the town's objective weighs, or "" for
    none. What of these two is not given stays as it was.
    """
    check_party(people=people, wheelchairs=wheelchairs, stowage=stowage or 0, max_walk=max_walk)
    if purpose and purpose not in dict(town.objective.classes):
        raise Invalid("purpose")
    fields = {"people": people, "wheelchairs": wheelchairs, "needs": sorted(needs), "max_walk": max_walk}
    told = {"stowage": stowage, "purpose": purpose}
    _update(town, request_id, fields | {name: value for name, value in told.items() if value is not None})


def follow(town: Town, request_id: str, *, purpose: str, after: str | None) -> None:
    """Say that a request has an earlier trip's purpose, and `after` which booked request's trip it follows."""
    _update(town, request_id, {"purpose": purpose, "after": after})


def ask(town: Town, request_id: str) -> Answer:
    """Search the runs of the day for a request and keep what it was told. Nothing is held: a booking asks again.

    A return whose outbound trip is no longer booked on that day is from here on a trip like any other.
    """
    now = town.clock()
    with town.store.read() as records:
        row = records.get_request(request_id)
        rider = records.get_user(row.rider_id)
        runs = rules.bounded(records, [town.freeze(run) for run in records.list_runs(wishes.service_date(row))])
        covered, opened = agreements.opened_to(records, runs, row.people)
        row.after = wishes.outbound(records, row)
        held = _held(records, row)
    row.asked_at, row.changes = now, held.id if held else None
    wish = _wish(town, row, rider, runs, held)
    opened = [_without(run, held) for run in opened]
    fleet = None if held else town.fleet(wish.service_date, opened)  # its runs are those that are kept
    with metrics.searching():
        found = offers.offers(wish, opened, town.roads, fleet)
    if isinstance(found, Refusal):
        full = _closed(town, wish, agreements.closed(covered, opened), Rule.QUOTA)
        full = found if found.rule is Rule.QUOTA else full
        found = full or _closed(town, wish, agreements.closed(runs, covered), Rule.AGREEMENT) or found
    refusal = found if isinstance(found, Refusal) else None
    status, reason = ("refused", refusal.rule.value) if refusal else ("offered", "")
    status = row.status if row.status == "waiting" else status  # looking again gives up no place on the list
    row = _update(
        town,
        request_id,
        {"status": status, "reason": reason, "asked_at": now, "after": row.after, "changes": row.changes},
        rider_id=row.rider_id,
    )
    made = () if isinstance(found, Refusal) else found
    return Answer(row, tuple((offer, tokens.sign(town, row, offer)) for offer in made), refusal)


def _held(records: Records, row: tables.Request) -> tables.Booking | None:
    """Give the booking in whose place a request's trip is wanted, as long as it is booked."""
    held = records.get_booking(row.changes) if row.changes else None
    return held if held and held.status == "booked" else None


def _without(run: Run, held: tables.Booking | None) -> Run:
    """Give a run as it is once a trip that is to be changed has left it."""
    return without(run, held.ride_id) if held and held.run_id == run.id else run


def _wish(
    town: Town, row: tables.Request, rider: tables.User, runs: Sequence[Run], held: tables.Booking | None
) -> TripRequest:
    """Say what a rider asked for; a changed trip keeps the name of its ride, by which its way back knows it."""
    wish = wishes.trip_request(town, row, rider, runs)
    return replace(wish, id=held.ride_id) if held else wish


def _closed(town: Town, wish: TripRequest, closed: Sequence[Run], rule: Rule) -> Refusal | None:
    """Refuse by a rule where a seat would be free on the runs that it closes."""
    if not closed or isinstance(offers.offers(wish, closed, town.roads), Refusal):
        return None
    return Refusal(rule, closed[0].policy.article(rule), ())


def read_offer(town: Town, text: str) -> tuple[Offer, str]:
    """Read back a signed offer and the id of its request.

    Raises Gone when it expired, NotAllowed when it was altered.
    """
    token = tokens.read(town, text)
    tokens.check_time(town, token)
    return token.offer, token.request


def book(
    town: Town, text: str, *, key: str, actor: str, tell: bool = True, request: tables.Request | None = None
) -> tables.Booking:
    """Turn a signed offer into a booking; the same `key` gives the same booking again, however often it is sent.

    Where the trip is wanted in the place of another, that one is given back in the same transaction, or nothing is
    done; what follows it falls away where the day is another.

    request: the one, as its rider's page has it, that the offer must answer.

    Raises NotAllowed when the offer was altered or answers another request, Invalid when the key was used for another
    offer, Conflict when the rider travels at that time already, Gone when the offer expired, the seat went to somebody
    else, no agreement covers the run any more or the answers changed since (ask again for new offers), Busy when the
    run is locked for too long.
    """
    token = tokens.read(town, text)
    offer = token.offer
    if request is not None and request.id != token.request:
        raise NotAllowed("offer")
    rider_id, locked = _locks_of(town, token, request)

    def change(door: Door) -> tables.Booking:
        known = door.find_booking(rider_id, key)
        if known is not None:
            if known.request_hash != token.digest:
                raise Invalid("key")
            return known
        tokens.check_time(town, token)
        request = door.get_request(token.request)
        if request.status == "booked":
            raise Conflict("booked")
        if wishes.answers(request) != token.answers or wishes.outbound(door, request) != request.after:
            raise Gone("answers")
        held = _held(door, request)
        freed = _given_back(door, request, held)
        if bool(request.changes) != bool(held) or any(one.run_id not in locked for one in freed):
            raise Gone("answers")
        if is_travelling(door, request, offer.pickup_time, offer.dropoff_time, instead_of=freed):
            raise Conflict("overlap")
        if held:
            request = _take_over(town, door, request, held, actor)
        rider = door.get_user(rider_id)
        kept = door.find_run(offer.run)
        if kept is None:
            raise Gone("seat")
        run = town.freeze(kept)
        door.hold_agreements(run.operator)
        bounded = rules.bounded(door, [run])
        covered, opened = agreements.opened_to(door, bounded, request.people)
        if agreements.closed(bounded, covered):
            raise Gone("agreement")
        new = offers.place(offer, _wish(town, request, rider, [run], held), opened[0], town.roads)
        if new is None:
            raise Gone("seat")
        new = replace(new, policy=replace(run.policy, quota=opened[0].policy.quota))
        booking = _booking(town, request, offer, (key, token.digest))
        how = "changed" if held else "booked"
        enter(door, new, [(request, booking)], cause=how, actor=actor, told=how if tell else "")
        return booking

    with metrics.booking(Gone, Conflict):
        try:
            return town.store.commit(change, runs=locked, rider=rider_id, times=town.roads)
        except PromiseBroken as error:
            raise Gone("seat") from error


def _locks_of(town: Town, token: tokens.Token, request: tables.Request | None) -> tuple[str, set[str]]:
    """Give the rider of an offer, and the runs that booking it may change."""
    if request is not None and request.changes is None:
        return request.rider_id, {token.offer.run}
    with town.store.read() as records:
        asked = records.get_request(token.request)
        freed = _given_back(records, asked, _held(records, asked))
    return asked.rider_id, {token.offer.run, *(one.run_id for one in freed)}


def _given_back(records: Records, request: tables.Request, held: tables.Booking | None) -> list[tables.Booking]:
    """List what is given back for a changed trip: the old one, and on another day the trips that follow it."""
    if held is None:
        return []
    return [held, *(following(records, held)[0] if held.service_date != request.service_date else ())]


def _take_over(town: Town, door: Door, request: tables.Request, held: tables.Booking, actor: str) -> tables.Request:
    """Give a trip's old seat back, and let its request want what is wanted now; the request of the change is done."""
    waiting = following(door, held)[1] if held.service_date != request.service_date else []
    for one in _given_back(door, request, held):
        _release(town, door, one, actor)
    for row in waiting:
        row.status = CANCELLED
        door.put(row)
    first = door.get_request(held.request_id)
    for field in ANSWERS:
        setattr(first, field, getattr(request, field))
    request.status, request.reason, request.asked_at = "changed", "", None
    door.put(request)
    return first


def enter(
    door: Door,
    run: Run,
    made: Sequence[tuple[tables.Request, tables.Booking]],
    *,
    cause: str,
    actor: str | None = None,
    told: str = "booked",
) -> None:
    """Keep a run with new rides on it, their bookings, and the messages about them, in one transaction.

    told: kind of the messages, none where it is empty; who has to answer first is asked instead.
    """
    rides = {ride.id: ride for ride in run.rides}
    labels: dict[str, tuple[str, bool]] = {}
    for _, booking in made:
        ride = rides[booking.ride_id]
        labels |= {ride.pickup: (booking.pickup_label, True), ride.dropoff: (booking.dropoff_label, True)}
    door.keep(run, cause=cause, actor=actor, labels=labels)
    for request, booking in made:
        request.status, request.reason = "booked", ""
        door.put(request)
        door.put(booking)
        if told:
            proxies.tell(door, "seat offered" if booking.answer_by else told, booking, request, actor)


def cancel(town: Town, booking_id: str, *, actor: str) -> tables.Booking:
    """Give a booked seat back, and the seats of the trips that follow it; cancelling again changes nothing.

    Raises Conflict once the vehicle has been there.
    """
    return _give_back(town, booking_id, actor=actor, outcome=CANCELLED)


def decline(town: Town, booking_id: str, *, actor: str) -> tables.Booking:
    """Say no to a seat from the waiting list: it goes to the next, and this rider waits no more."""
    return _give_back(town, booking_id, actor=actor, outcome=DECLINED)


def lapse(town: Town, booking_id: str) -> bool:
    """Give a seat back for which nobody answered in time; False where somebody did, or it was given back before.

    A seat where the vehicle has been since stays its rider's.
    """

    def keep(door: Door) -> bool:
        row = door.get_booking(booking_id)
        row.answer_by = None
        door.put(row)
        return False

    try:
        return _give_back(town, booking_id, actor=None, outcome=UNANSWERED).status != "booked"
    except Conflict:
        with town.store.read() as records:
            run = records.get_booking(booking_id).run_id
        return town.store.commit(keep, runs=[run])


def _give_back(town: Town, booking_id: str, *, actor: str | None, outcome: str) -> tables.Booking:
    with town.store.read() as records:
        found = records.get_booking(booking_id)
        locked = {found.run_id, *(one.run_id for one in following(records, found)[0])}

    def change(door: Door) -> tables.Booking:
        booking = door.get_booking(booking_id)
        if booking.status != "booked" or (outcome == UNANSWERED and not is_overdue(booking, door)):
            return booking
        said = DECLINED if booking.answer_by and outcome == CANCELLED else outcome
        returns, waiting = following(door, booking)
        if any(one.run_id not in locked for one in returns):
            raise _BookedMeanwhile
        for one in (booking, *returns):
            _release(town, door, one, actor, said if one is booking else CANCELLED)
        for row in waiting:
            row.status = CANCELLED
            door.put(row)
        kinds = {UNANSWERED: "seat lapsed", DECLINED: "seat declined"}
        kind = "cancelled with return" if returns or waiting else CANCELLED
        messages.tell(door, kinds.get(said, kind), booking.rider_id, {"booking": booking.id})
        return door.get_booking(booking_id)

    try:
        return town.store.commit(change, runs=locked, rider=found.rider_id, times=town.roads)
    except _BookedMeanwhile:
        return _give_back(town, booking_id, actor=actor, outcome=outcome)


def is_overdue(booking: tables.Booking, door: Door) -> bool:
    """Is the time over in which a seat that was put aside could be taken?"""
    return booking.answer_by is not None and booking.answer_by <= door.now()


def has_return(town: Town, trip: tables.Booking) -> bool:
    """Would another trip fall away, or no longer be waited for, if this one were cancelled?"""
    with town.store.read() as records:
        return any(following(records, trip))


def following(records: Records, trip: tables.Booking) -> tuple[list[tables.Booking], list[tables.Request]]:
    """List what falls away with a trip: the bookings of its return and of what follows that, and such that wait."""
    day, rider = trip.service_date, trip.rider_id
    linked = [row for row in records.list_requests(service_date=day, rider_id=rider) if row.after is not None]
    names = {trip.request_id}
    for _ in linked:
        names |= {row.id for row in linked if row.after in names}
    names.remove(trip.request_id)
    booked = records.list_bookings(rider_id=rider, service_date=day, status="booked") if names else []
    waiting = [row for row in linked if row.id in names and row.status == "waiting"]
    return [one for one in booked if one.request_id in names], waiting


def _release(town: Town, door: Door, booking: tables.Booking, actor: str | None, outcome: str = CANCELLED) -> None:
    """Take a booked ride off its run. Raises Conflict once the vehicle has been there."""
    run = town.freeze(door.get_run(booking.run_id))
    ride = next(ride for ride in run.rides if ride.id == booking.ride_id)
    came = any(event.stop_id == ride.pickup for event in door.list_events(run.id))
    if came or run.positions()[ride.pickup] < run.done:
        raise Conflict("served")
    door.keep(without(run, ride.id), cause="cancelled", actor=actor)
    booking.status, booking.cancelled_at, booking.answer_by = "cancelled", door.now(), None
    door.put(booking)
    request = door.get_request(booking.request_id)
    request.status = outcome
    door.put(request)


def wait(town: Town, request_id: str, *, at_once: bool = False) -> tables.Request:
    """Put a refused request on the waiting list: a seat that is found is put aside, and the rider is asked.

    at_once: the rider said that it may be booked without asking. A trip that is to be changed has its seat already.
    """
    with town.store.read() as records:
        row = records.get_request(request_id)
    if row.status not in ("refused", "waiting") or row.changes:
        raise Conflict("not refused")
    return _update(town, request_id, {"status": "waiting", "at_once": at_once})


def stop_waiting(town: Town, request_id: str) -> tables.Request:
    """Take a request off the waiting list: no seat will be booked for it by itself any more."""
    with town.store.read() as records:
        row = records.get_request(request_id)
    return _update(town, request_id, {"status": "refused"}) if row.status == "waiting" else row


def booking_of(
    town: Town, request: tables.Request, run: Run, ride: Ride, begin: tuple[int, int], *, key: str = ""
) -> tables.Booking:
    """Make the booking of a ride that a re-planning placed, promised as an offer is (`begin`: pickup, drop-off).

    key: what books it once; of a request that is planned for the first time, the request itself.
    """
    stops = {stop.id: stop.place for stop in run.stops}
    pickup, dropoff = offers.told(begin[0]), -offers.told(-begin[1])
    ends = [
        wishes.meeting_point(town, request, end, stops[at])
        for end, at in (("origin", ride.pickup), ("destination", ride.dropoff))
    ]
    offer = Offer(
        run=run.id, revision=run.revision, ride=ride, pickup=ends[0], dropoff=ends[1],
        pickup_time=pickup, dropoff_time=dropoff, detour=0, delay=0,
        fare=run.policy.fare * ride.party.people, fare_currency=run.policy.fare_currency, expires=LATEST,
    )  # fmt: skip
    return _booking(town, request, offer, (key or f"planned-{request.id}", ""))


def _update(town: Town, request_id: str, fields: dict[str, Any], *, rider_id: str = "") -> tables.Request:
    """Change answers of a request; rider_id: whose it is, which never changes, where that is known."""

    def change(door: Door) -> tables.Request:
        row = door.get_request(request_id)
        if row.status == "booked":
            raise Conflict("booked")
        for name, value in fields.items():
            setattr(row, name, value)
        door.put(row)
        return row

    if not rider_id:
        with town.store.read() as records:
            rider_id = records.get_request(request_id).rider_id
    return town.store.commit(change, rider=rider_id)


def is_travelling(
    door: Records,
    request: tables.Request,
    pickup: int,
    dropoff: int,
    *,
    instead_of: Sequence[tables.Booking] = (),
) -> bool:
    """Has the rider of a request booked a trip that overlaps these seconds? Nobody travels twice at once."""
    booked = door.list_bookings(rider_id=request.rider_id, service_date=request.service_date, status="booked")
    others = (other for other in booked if other.id not in {one.id for one in instead_of})
    return any(other.pickup < dropoff and pickup < other.dropoff for other in others)


def _booking(town: Town, request: tables.Request, offer: Offer, key: tuple[str, str]) -> tables.Booking:
    return tables.Booking(
        id=secrets.token_urlsafe(12),
        rider_id=request.rider_id,
        request_id=request.id,
        run_id=offer.run,
        ride_id=offer.ride.id,
        key=key[0],
        request_hash=key[1],
        service_date=wishes.service_date(request),
        pickup=offer.pickup_time,
        dropoff=offer.dropoff_time,
        pickup_label=label_of(town, offer.pickup, request.origin_label),
        dropoff_label=label_of(town, offer.dropoff, request.destination_label),
        walk=offer.pickup.walk,
        walk_after=offer.dropoff.walk,
        fare=offer.fare,
        fare_currency=offer.fare_currency,
        created_at=town.clock(),
    )


def label_of(town: Town, point: MeetingPoint, door: str) -> str:
    """Name a meeting point for people: the door itself by what its owner called it, another by what stands there."""
    return door if point.walk <= 60 else town.places.describe(point.place) or door
