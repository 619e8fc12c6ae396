"""A resident asks, is offered free seats, books and cancels; the desk does the same for a caller."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from matching import offers, rides
from matching.model import DAY, LATEST, MeetingPoint, Ride, Run
from matching.offers import Offer, Refusal
from routing.times import Place
from webapp.db import tables
from webapp.db.store import Door, PromiseBroken, Records
from webapp.services import messages, tokens, wishes
from webapp.services.accounts import FARTHEST_WALK
from webapp.services.errors import Conflict, Gone, Invalid
from webapp.town import Town

DAYS_AHEAD = 13
MOST_PEOPLE = 8


class _BookedMeanwhile(Exception):
    """A trip that follows a cancelled one was booked on a run that the cancellation did not lock."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was told: offers with the token that books each, or a refusal."""

    request: tables.Request
    offers: tuple[tuple[Offer, str], ...]
    refusal: Refusal | None


def start(town: Town, rider_id: str, *, actor: str, channel: str = "web") -> tables.Request:
    """Open a new request for a rider, asked by the rider or by the desk."""
    request = tables.Request(
        id=secrets.token_urlsafe(12),
        rider_id=rider_id,
        asked_by=actor,
        channel=channel,
        needs=[],
        created_at=town.clock(),
    )

    def change(door: Door) -> tables.Request:
        _answer_as_before(door, request)
        return door.put(request)

    return town.store.commit(change)


def _answer_as_before(door: Records, request: tables.Request) -> None:
    """Nothing is told twice: a party and its needs are taken from the rider's last trip, else from the profile."""
    rider = door.get_user(request.rider_id)
    request.max_walk, request.wheelchairs = rider.max_walk, int("wheelchair" in rider.groups)
    for last in door.list_requests(rider_id=rider.id)[-1:]:
        request.people, request.wheelchairs = last.people, last.wheelchairs
        request.needs, request.max_walk, request.stowage = last.needs, last.max_walk, last.stowage


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
    if not 1 <= people <= MOST_PEOPLE:
        raise Invalid("people")
    if not 0 <= wheelchairs <= people:
        raise Invalid("wheelchairs")
    if not 0 <= max_walk <= FARTHEST_WALK:
        raise Invalid("max_walk")
    if stowage not in (None, 0, 1):
        raise Invalid("stowage")
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
        runs = [town.freeze(run) for run in records.list_runs(wishes.service_date(row))]
        row.after = wishes.outbound(records, row)
    row.asked_at = now
    wish = wishes.trip_request(town, row, rider, runs)
    found = offers.offers(wish, runs, town.roads, town.fleet(wish.service_date, runs))
    refusal = found if isinstance(found, Refusal) else None
    status, reason = ("refused", refusal.rule.value) if refusal else ("offered", "")
    status = row.status if row.status == "waiting" else status  # looking again gives up no place on the list
    row = _update(town, request_id, {"status": status, "reason": reason, "asked_at": now, "after": row.after})
    made = () if isinstance(found, Refusal) else found
    return Answer(row, tuple((offer, tokens.sign(town, row, offer)) for offer in made), refusal)


def read_offer(town: Town, text: str) -> tuple[Offer, str]:
    """Read back a signed offer and the id of its request.

    Raises Gone when it expired, NotAllowed when it was altered.
    """
    token = tokens.read(town, text)
    tokens.check_time(town, token)
    return token.offer, token.request


def book(town: Town, text: str, *, key: str, actor: str) -> tables.Booking:
    """Turn a signed offer into a booking; the same `key` gives the same booking again, however often it is sent.

    Raises NotAllowed when the offer was altered, Conflict when the key was used for another offer or the rider travels
    at that time already, Gone when the offer expired, the seat went to somebody else or the answers changed since (ask
    again for new offers), Busy when the run is locked for too long.
    """
    token = tokens.read(town, text)
    offer = token.offer
    with town.store.read() as records:
        rider_id = records.get_request(token.request).rider_id

    def change(door: Door) -> tables.Booking:
        known = door.find_booking(rider_id, key)
        if known is not None:
            if known.request_hash != token.digest:
                raise Conflict("key")
            return known
        tokens.check_time(town, token)
        request = door.get_request(token.request)
        if request.status == "booked":
            raise Conflict("booked")
        if wishes.answers(request) != token.answers or wishes.outbound(door, request) != request.after:
            raise Gone("answers")
        if is_travelling(door, request, offer.pickup_time, offer.dropoff_time):
            raise Conflict("overlap")
        rider = door.get_user(rider_id)
        run = town.freeze(door.get_run(offer.run))
        new = offers.place(offer, wishes.trip_request(town, request, rider, [run]), run, town.roads)
        if new is None:
            raise Gone("seat")
        booking = _booking(town, request, offer, (key, token.digest))
        enter(door, new, [(request, booking)], cause="booked", actor=actor)
        return booking

    try:
        return town.store.commit(change, runs=[offer.run], rider=rider_id, times=town.roads)
    except PromiseBroken as error:
        raise Gone("seat") from error


def enter(
    door: Door,
    run: Run,
    made: Sequence[tuple[tables.Request, tables.Booking]],
    *,
    cause: str,
    actor: str | None = None,
) -> None:
    """Keep a run with new rides on it, their bookings, and the messages about them, in one transaction."""
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
        messages.tell(door, "booked", booking.rider_id, {"booking": booking.id})


def cancel(town: Town, booking_id: str, *, actor: str) -> tables.Booking:
    """Give a booked seat back, and the seats of the trips that follow it; cancelling again changes nothing.

    Raises Conflict once the vehicle has been there.
    """
    with town.store.read() as records:
        found = records.get_booking(booking_id)
        locked = {found.run_id, *(one.run_id for one in _following(records, found)[0])}

    def change(door: Door) -> tables.Booking:
        booking = door.get_booking(booking_id)
        if booking.status != "booked":
            return booking
        returns, waiting = _following(door, booking)
        if any(one.run_id not in locked for one in returns):
            raise _BookedMeanwhile
        for one in (booking, *returns):
            _release(town, door, one, actor)
        for row in waiting:
            row.status = "cancelled"
            door.put(row)
        kind = "cancelled with return" if returns or waiting else "cancelled"
        messages.tell(door, kind, booking.rider_id, {"booking": booking.id})
        return door.get_booking(booking_id)

    try:
        return town.store.commit(change, runs=locked, rider=found.rider_id, times=town.roads)
    except _BookedMeanwhile:
        return cancel(town, booking_id, actor=actor)


def has_return(town: Town, trip: tables.Booking) -> bool:
    """Would another trip fall away, or no longer be waited for, if this one were cancelled?"""
    with town.store.read() as records:
        return any(_following(records, trip))


def _following(records: Records, trip: tables.Booking) -> tuple[list[tables.Booking], list[tables.Request]]:
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


def _release(town: Town, door: Door, booking: tables.Booking, actor: str) -> None:
    """Take a booked ride off its run. Raises Conflict once the vehicle has been there."""
    run = town.freeze(door.get_run(booking.run_id))
    ride = next(ride for ride in run.rides if ride.id == booking.ride_id)
    came = any(event.stop_id == ride.pickup for event in door.list_events(run.id))
    if came or run.positions()[ride.pickup] < run.done:
        raise Conflict("served")
    door.keep(rides.without(run, ride.id), cause="cancelled", actor=actor)
    booking.status, booking.cancelled_at = "cancelled", door.now()
    door.put(booking)
    request = door.get_request(booking.request_id)
    request.status = "cancelled"
    door.put(request)


def wait(town: Town, request_id: str) -> tables.Request:
    """Put a refused request on the waiting list: a re-planning that finds a seat books it and tells the rider."""
    with town.store.read() as records:
        if records.get_request(request_id).status not in ("refused", "waiting"):
            raise Conflict("not refused")
    return _update(town, request_id, {"status": "waiting"})


def stop_waiting(town: Town, request_id: str) -> tables.Request:
    """Take a request off the waiting list: no seat will be booked for it by itself any more."""
    with town.store.read() as records:
        row = records.get_request(request_id)
    return _update(town, request_id, {"status": "refused"}) if row.status == "waiting" else row


def booking_of(town: Town, request: tables.Request, run: Run, ride: Ride, begin: tuple[int, int]) -> tables.Booking:
    """Make the booking of a ride that a re-planning placed, promised as an offer is (`begin`: pickup, drop-off)."""
    stops = {stop.id: stop.place for stop in run.stops}
    pickup, dropoff = offers.told(begin[0]), -offers.told(-begin[1])
    ends = [
        _point(town, request, end, stops[at]) for end, at in (("origin", ride.pickup), ("destination", ride.dropoff))
    ]
    offer = Offer(
        run=run.id, revision=run.revision, ride=ride, pickup=ends[0], dropoff=ends[1],
        pickup_time=pickup, dropoff_time=dropoff, detour=0, delay=0,
        fare=run.policy.fare * ride.party.people, fare_currency=run.policy.fare_currency, expires=LATEST,
    )  # fmt: skip
    return _booking(town, request, offer, (f"planned-{request.id}", ""))


def _point(town: Town, request: tables.Request, end: str, place: Place) -> MeetingPoint:
    door = Place(getattr(request, f"{end}_lat"), getattr(request, f"{end}_lon"))
    return MeetingPoint(place, town.roads.walk(door, [place])[0])


def _update(town: Town, request_id: str, fields: dict[str, Any]) -> tables.Request:
    def change(door: Door) -> tables.Request:
        row = door.get_request(request_id)
        if row.status == "booked":
            raise Conflict("booked")
        for name, value in fields.items():
            setattr(row, name, value)
        door.put(row)
        return row

    with town.store.read() as records:
        rider_id = records.get_request(request_id).rider_id
    return town.store.commit(change, rider=rider_id)


def is_travelling(door: Records, request: tables.Request, pickup: int, dropoff: int) -> bool:
    """Has the rider of a request booked a trip that overlaps these seconds? Nobody travels twice at once."""
    booked = door.list_bookings(rider_id=request.rider_id, service_date=request.service_date, status="booked")
    return any(other.pickup < dropoff and pickup < other.dropoff for other in booked)


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
