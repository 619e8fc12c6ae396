"""What a rider's own pages show: trips to come, waited for and gone by, and offers in full."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeSerializer

from matching.offers import Change, Offer
from routing.places import Named
from routing.times import Place
from webapp.db import tables
from webapp.db.store import Records
from webapp.services import booking, places, rules, wishes
from webapp.services.accounts import FARTHEST_WALK
from webapp.services.errors import Conflict, Invalid, NotAllowed, NotFound
from webapp.town import Town

WALKS = (50, 150, 300, 500, FARTHEST_WALK)
"""Metres among which riders say how far they can walk."""
NEEDS = ("walker", "companion")
ENDS = {"from": "origin", "to": "destination"}
ROUND = 300
"""Seconds to which a suggested time is rounded."""
MOST_PAST = 10


@dataclass(frozen=True, slots=True)
class Trip:
    """A booking, the request that it answers, and who drives it.

    wait_until, there_by: seconds of the service day by which it was promised, at the latest, to begin and to end.
    pickup_place, dropoff_place: where the vehicle stops; None once the ride is on no run any more.
    """

    booking: tables.Booking
    request: tables.Request
    vehicle: str
    operator: str
    wait_until: int
    there_by: int
    pickup_place: Place | None
    dropoff_place: Place | None


@dataclass(frozen=True, slots=True)
class Trips:
    """Everything of one rider: to come in order of time, waited for, and gone by or cancelled, the latest first."""

    coming: tuple[Trip, ...]
    waiting: tuple[tables.Request, ...]
    past: tuple[Trip, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """An offer in full, with the token that books it."""

    offer: Offer
    token: str
    vehicle: str
    operator: str
    pickup_label: str
    dropoff_label: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change of one answer that leads to a seat: `answer` ("depart", "arrive", "max_walk", "people") becomes `value`.

    at: what to tell of it: seconds of the day at which a vehicle comes or arrives, metres to walk, or people.
    """

    answer: str
    value: int
    at: int


def list_trips(town: Town, rider_id: str) -> Trips:
    """Sort a rider's trips by what they are to the rider now."""
    with town.store.read() as records:
        trips = [_trip(records, one) for one in records.list_bookings(rider_id=rider_id)]
        waiting = records.list_requests(status="waiting", rider_id=rider_id)
    trips.sort(key=lambda trip: (trip.booking.service_date, trip.booking.pickup))
    coming = tuple(trip for trip in trips if is_coming(town, trip))
    past = tuple(trip for trip in reversed(trips) if trip not in coming)[:MOST_PAST]
    hoped = tuple(row for row in waiting if row.service_date and row.service_date >= town.today())
    return Trips(coming, hoped, past)


def is_coming(town: Town, trip: Trip) -> bool:
    """Will this trip still be made, or is it being made?"""
    return trip.booking.status == "booked" and trip.there_by >= town.seconds_now(trip.booking.service_date)


def get_trip(town: Town, booking_id: str, rider_id: str) -> Trip:
    """Give a rider's own booking. Raises NotFound for anybody else's."""
    with town.store.read() as records:
        row = records.get_booking(booking_id)
        if row.rider_id != rider_id:
            raise NotFound("booking")
        return _trip(records, row)


def get_trip_in(records: Records, booking_id: str) -> Trip:
    """Give anybody's booking as part of a reading of the records. Raises NotFound."""
    return _trip(records, records.get_booking(booking_id))


def get_request(town: Town, request_id: str, rider_id: str) -> tables.Request:
    """Give a rider's own request. Raises NotFound for anybody else's."""
    with town.store.read() as records:
        row = records.get_request(request_id)
    if row.rider_id != rider_id:
        raise NotFound("request")
    return row


def get_booked(town: Town, request: tables.Request) -> tables.Booking:
    """Give the booking that a request became. Raises NotFound."""
    with town.store.read() as records:
        wanted = records.get_booking(request.changes).request_id if request.changes else request.id
        made = [one for one in records.list_bookings(rider_id=request.rider_id) if one.request_id == wanted]
    if not made:
        raise NotFound("booking")
    return max(made, key=lambda one: (one.status == "booked", one.created_at))


def start_like(town: Town, old: tables.Booking, *, actor: str, channel: str, back: bool) -> tables.Request:
    """Open a request for the same trip again, or for the way `back`; only its time is to be said.

    The way back on the day of a trip that is booked follows that trip: it falls away with it.
    """
    with town.store.read() as records:
        was = records.get_request(old.request_id)
    new = booking.start(town, old.rider_id, actor=actor, channel=channel, like=was)
    for end, other in (("origin", "destination"), ("destination", "origin")):
        like = other if back else end
        place = Place(getattr(was, f"{like}_lat"), getattr(was, f"{like}_lon"))
        booking.answer_place(town, new.id, end=end, label=getattr(was, f"{like}_label"), place=place)
    booking.follow(town, new.id, purpose=was.purpose, after=was.id if back and old.status == "booked" else None)
    return get_request(town, new.id, old.rider_id)


def go_back_now(town: Town, old: tables.Booking, *, actor: str, channel: str) -> tables.Request:
    """Ask for the way back of a trip from now on: nothing is left to be said.

    Raises Conflict where the trip is not of today, or was cancelled.
    """
    day = town.today()
    if old.service_date != day or old.status != "booked":
        raise Conflict("not today")
    row = start_like(town, old, actor=actor, channel=channel, back=True)
    booking.answer_when(town, row.id, day=day, depart=town.seconds_now(day))
    return get_request(town, row.id, old.rider_id)


def open_return(town: Town, trips: Trips) -> Trip | None:
    """Give the trip of today that brought a rider somewhere, if no later one, booked or hoped for, leads away again."""
    today = town.today()
    of_today = [one for one in (*trips.past, *trips.coming) if one.booking.service_date == today]
    booked = [one for one in of_today if one.booking.status == "booked"]
    there = [one for one in booked if is_there(town, one)]
    last = max(there, key=lambda one: one.booking.dropoff, default=None)
    if last is None or len(there) < len(booked) or any(row.service_date == today for row in trips.waiting):
        return None
    leads_home = last.request.after is not None
    return None if leads_home else last


def is_there(town: Town, trip: Trip) -> bool:
    """Has a booked trip of today come to its end, as it was promised?"""
    row = trip.booking
    today = row.service_date == town.today() and row.status == "booked"
    return today and row.dropoff <= town.seconds_now(row.service_date)


def is_as_usual(town: Town, row: tables.Request) -> bool:
    """Does the party travel of which the rider's profile tells?"""
    with town.store.read() as records:
        rider = records.get_user(row.rider_id)
    facts = ("people", "wheelchairs", "stowage", "needs", "max_walk")
    return all(getattr(row, name) == getattr(rider, name) for name in facts)


def start_change(town: Town, old: tables.Booking, *, actor: str, channel: str) -> tables.Request:
    """Open a request with every answer of a booked trip, to be booked in its place. Raises Conflict once it is over."""
    with town.store.read() as records:
        was, trip = records.get_request(old.request_id), _trip(records, old)
    if not is_coming(town, trip) or old.answer_by is not None:
        raise Conflict("trip over")
    answers = {field: getattr(was, field) for field in booking.ANSWERS}
    row = tables.Request(
        id=secrets.token_urlsafe(12),
        rider_id=old.rider_id,
        asked_by=actor,
        channel=channel,
        status="offered",
        changes=old.id,
        created_at=town.clock(),
        **answers,
    )
    return town.store.commit(lambda door: door.put(row))


@dataclass(frozen=True, slots=True)
class CancelTerms:
    """What a town says of giving a seat back: until which second of the service day, and what follows after that.

    until: None where that is the pickup itself. is_late: is that second over? late, no_show: the town's own words.
    """

    until: int | None
    is_late: bool
    late: str
    no_show: str


def cancel_terms(town: Town, row: tables.Booking, language: str) -> CancelTerms:
    """Say what the town's rules hold for who cancels a booking, in a language, or in English."""
    with town.store.read() as records:
        said = rules.rules_on(records, town, row.service_date)
    until = row.pickup - 60 * int(said.get("cancel_minutes", 0))
    late, missed = (said.get(key, {}) for key in ("late_cancel", "no_show"))
    return CancelTerms(
        until=until if until < row.pickup else None,
        is_late=until < row.pickup and town.seconds_now(row.service_date) > until,
        late=late.get(language, late.get("en", "")),
        no_show=missed.get(language, missed.get("en", "")),
    )


def asks_for_room(town: Town) -> bool:
    """Does any vehicle of the town say how much room it has for walkers, prams and luggage?"""
    with town.store.read() as records:
        vehicles = [one for operator in records.list_operators() for one in records.list_vehicles(operator.id)]
    return any(room for one in vehicles for _seats, _wheelchairs, *rest in one.layouts for room in rest)


def list_choices(town: Town, answer: booking.Answer) -> list[Choice]:
    """Put offers in full."""
    with town.store.read() as records:
        driven = records.name_vehicles({offer.run for offer, _ in answer.offers})
    return [_choice(town, driven.__getitem__, answer.request, one) for one in answer.offers]


def get_choice(town: Town, request: tables.Request, token: str) -> Choice:
    """Put one offer of this request in full. Raises Gone when it expired, NotAllowed for another's token."""
    offer, request_id = booking.read_offer(town, token)
    if request_id != request.id:
        raise NotAllowed("offer")
    with town.store.read() as records:
        driven = records.name_vehicles({offer.run})
    return _choice(town, driven.__getitem__, request, (offer, token))


def suggest(request: tables.Request, changes: Iterable[Change]) -> list[Suggestion]:
    """Turn the changes that would help into answers, rounded to what people say."""
    return [_suggestion(request, change) for change in changes]


def change(town: Town, request: tables.Request, answer: str, value: int) -> None:
    """Change one answer of a request to a suggested value. Raises Invalid."""
    day = request.service_date or town.today()
    walk, wheelchairs, needs = request.max_walk, request.wheelchairs, request.needs
    match answer:
        case "depart":
            booking.answer_when(town, request.id, day=day, depart=value)
        case "arrive":
            booking.answer_when(town, request.id, day=day, arrive=value)
        case "max_walk" | "people":
            people, walk = (value, walk) if answer == "people" else (request.people, value)
            booking.answer_who(town, request.id, people=people, wheelchairs=wheelchairs, needs=needs, max_walk=walk)
        case _:
            raise Invalid("change")


def sign_place(town: Town, named: Named) -> str:
    """Write a place that was shown so that a form can send it back unaltered."""
    return str(_serializer(town).dumps([named.name, named.place.lat, named.place.lon]))


def read_place(town: Town, token: str) -> Named:
    """Read back a place that was shown. Raises Invalid for any other."""
    try:
        label, lat, lon = _serializer(town).loads(token)
    except BadSignature as error:
        raise Invalid("place") from error
    return Named(label, "", Place(lat, lon))


def choose_place(town: Town, request: tables.Request, end: str, token: str) -> None:
    """Set one end ("origin" or "destination") of a request to a place that was shown.

    Raises Invalid for a place that was not shown, or is the other end; UnreachablePlace where no vehicle can come near.
    """
    chosen = read_place(town, token)
    if places.place_of(request, "destination" if end == "origin" else "origin") == chosen.place:
        raise Invalid("same place")
    booking.answer_place(town, request.id, end=end, label=chosen.name, place=chosen.place)


def _trip(records: Records, row: tables.Booking) -> Trip:
    head, run = records.get_run_head(row.run_id), records.find_run(row.run_id)
    ride = next((ride for ride in run.rides if ride.id == row.ride_id), None) if run else None
    vehicle, operator = _driven_by(records, head)
    spare = run.policy.punctuality if run else 0
    wait_until = min(ride.board.latest if ride else row.pickup, row.pickup + spare)
    there_by = min(ride.alight.latest if ride else row.dropoff, row.dropoff + spare)
    stops = {stop.id: stop.place for stop in run.stops} if run and ride else {}
    ends = (stops.get(ride.pickup), stops.get(ride.dropoff)) if ride else (None, None)
    return Trip(row, records.get_request(row.request_id), vehicle, operator, wait_until, there_by, *ends)


def _choice(
    town: Town, driven_by: Callable[[str], tuple[str, str]], row: tables.Request, offered: tuple[Offer, str]
) -> Choice:
    offer, token = offered
    vehicle, operator = driven_by(offer.run)
    pickup = booking.label_of(town, offer.pickup, row.origin_label)
    dropoff = booking.label_of(town, offer.dropoff, row.destination_label)
    return Choice(offer, token, vehicle, operator, pickup, dropoff)


def _driven_by(records: Records, head: tables.Run) -> tuple[str, str]:
    known = {one.code: one.description for one in records.list_vehicles(head.operator_id)}
    return known.get(head.vehicle) or head.vehicle, records.get_operator(head.operator_id).name


def _suggestion(request: tables.Request, change: Change) -> Suggestion:
    match change.kind:
        case "walk":
            return Suggestion("max_walk", next(walk for walk in WALKS if walk >= change.amount), change.amount)
        case "party":
            return Suggestion("people", change.amount, change.amount)
    if request.arrive_latest is not None:
        arrive = request.arrive_latest + change.amount
        arrive = -(-arrive // ROUND) * ROUND if change.amount > 0 else arrive // ROUND * ROUND
        return Suggestion("arrive", arrive, arrive)
    pickup = (request.depart_earliest or 0) + change.amount + (wishes.SEARCH if change.amount > 0 else 0)
    return Suggestion("depart", pickup // ROUND * ROUND, pickup)


def _serializer(town: Town) -> URLSafeSerializer:
    return URLSafeSerializer([*reversed(town.settings.keys)], salt="noriai place")
