"""Whom the desk calls back: people whom no message reaches, for whom a seat was found or a trip changed.

Matters come from `SOURCES`; another kind of news is one more function there. Whom one worker has taken no other calls:
a turn is theirs for `LEASE`, under the lock of that person's row.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from webapp.db import tables
from webapp.db.store import Door, Records
from webapp.services import reach, trips
from webapp.services.errors import Conflict, Invalid
from webapp.town import Town

LEASE = timedelta(minutes=10)
AGAIN = (timedelta(minutes=30), timedelta(hours=2), timedelta(hours=4))
"""After how long somebody who was not reached is called again, the first time, the second, and from then on."""
MEMORY = timedelta(days=14)
"""How far back news is looked for: no trip is asked for farther ahead."""
REACHED, MISSED, GIVEN_UP = RESULTS = ("reached", "missed", "given up")
CALLED_OFF = ("withdrawn", "called off")
NEWS = ("booked", "seat offered", "moved", "moved by dispatcher", "broke down", "broke down, waiting", *CALLED_OFF)
"""Kinds of messages about what nobody who travels has done by themselves, or heard on the telephone."""


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing to tell somebody; `key` names it once and for all, `trip` is the booking that it is about.

    reached: a message reaches them too.
    """

    key: str
    rider_id: str
    kind: str
    since: datetime
    trip: trips.Trip
    reached: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to call, all that there is to tell, and who is at it (`holder`, by name, as long as that counts)."""

    rider: tables.User
    matters: tuple[Matter, ...]
    turn: tables.CallTurn | None
    holder: str
    later: bool

    @property
    def since(self) -> datetime:
        return self.matters[0].since

    @property
    def phone(self) -> str:
        return self.rider.phone


Source = Callable[[Town, Records], Iterator[Matter]]
"""Finds all matters of a kind, and says of each whether a message reaches the person too."""


def list_people(town: Town, *, everybody: bool = False) -> list[Person]:
    """List whom to call, who has waited longest first; those who were not reached come again when it is time.

    everybody: also those whom a message reaches.
    """
    with town.store.read() as records:
        told, turns = records.list_told_matters(town.clock() - 2 * MEMORY), records.list_call_turns()
        grouped: dict[str, list[Matter]] = defaultdict(list)
        for matter in (one for source in SOURCES for one in source(town, records)):
            if matter.key not in told and (everybody or not matter.reached):
                grouped[matter.rider_id].append(matter)
        people = [_person(town, records, rider_id, found, turns.get(rider_id)) for rider_id, found in grouped.items()]
    return sorted(people, key=lambda one: (one.later, one.since, one.rider.id))


def take(town: Town, rider_id: str, *, actor: str) -> None:
    """Take somebody to call them, or for longer. Raises Conflict while a colleague has them."""

    def change(door: Door) -> None:
        turn = door.find_call_turn(rider_id) or tables.CallTurn(user_id=rider_id)
        _check_free(turn, actor, door.now())
        turn.taken_by, turn.taken_at = actor, door.now()
        door.put(turn)

    town.store.commit(change, rider=rider_id)


def report(town: Town, rider_id: str, result: str, matters: list[str], *, key: str, actor: str) -> None:
    """Record how a call went: what was told is off the list, who was not reached is called again later.

    matters: those that were on the page. Sent again with the same `key`, nothing changes. Raises Invalid for an unknown
    result, Conflict while a colleague has the person.
    """
    if result not in RESULTS:
        raise Invalid("result")
    own = {
        one.key for person in list_people(town, everybody=True) for one in person.matters if one.rider_id == rider_id
    }

    def change(door: Door) -> None:
        turn = door.find_call_turn(rider_id) or tables.CallTurn(user_id=rider_id)
        if turn.last_key == key:
            return
        _check_free(turn, actor, door.now())
        turn.taken_by, turn.taken_at, turn.last_key = None, None, key
        if result == MISSED:
            turn.again_at = door.now() + AGAIN[min(turn.tries, len(AGAIN) - 1)]
            turn.tries += 1
        else:
            turn.again_at, turn.tries = None, 0
            for matter in sorted(own & {*matters}):
                told = tables.CallBack(matter=matter, user_id=rider_id, result=result, by=actor, at=door.now())
                door.add_call_back(told)
        door.put(turn)

    town.store.commit(change, rider=rider_id)


def give_back(town: Town, rider_id: str, *, actor: str) -> None:
    """Leave somebody to the colleagues; nothing changes where the turn is another's."""

    def change(door: Door) -> None:
        turn = door.find_call_turn(rider_id)
        if turn and turn.taken_by == actor:
            turn.taken_by, turn.taken_at = None, None
            door.put(turn)

    town.store.commit(change, rider=rider_id)


def _person(town: Town, records: Records, rider_id: str, matters: list[Matter], turn: tables.CallTurn | None) -> Person:
    held = turn is not None and _is_held(turn, town.clock())
    holder = records.get_user(turn.taken_by).name if turn and turn.taken_by and held else ""
    later = turn is not None and turn.again_at is not None and turn.again_at > town.clock()
    ordered = tuple(sorted(matters, key=lambda one: (one.since, one.key)))
    return Person(records.get_user(rider_id), ordered, turn, holder, later)


def _is_held(turn: tables.CallTurn, now: datetime) -> bool:
    return turn.taken_by is not None and turn.taken_at is not None and now < turn.taken_at + LEASE


def _check_free(turn: tables.CallTurn, actor: str, now: datetime) -> None:
    if _is_held(turn, now) and turn.taken_by != actor:
        raise Conflict("taken")


def _messages(town: Town, records: Records) -> Iterator[Matter]:
    """News of trips to come that went into the outbox, whether or not there is an address to send it to."""
    coming = {one.id: one for one in records.list_bookings_since(town.today() - timedelta(days=1))}
    for row in records.list_messages(NEWS, town.clock() - MEMORY):
        booking = coming.get(row.facts.get("booking", ""))
        if booking is None or not _is_news(town, row.kind, booking):
            continue
        rider = records.get_user(booking.rider_id)
        if rider.phone:
            trip, reached = trips.get_trip_in(records, booking.id), _is_reached(town, records, rider)
            yield Matter(f"message {row.id}", rider.id, row.kind, row.created_at, trip, reached)


def _is_reached(town: Town, records: Records, rider: tables.User) -> bool:
    routes = reach.find_habits(town, records, rider).routes
    return any(route.channel != "email" or town.settings.smtp for route in routes)


def _is_news(town: Town, kind: str, booking: tables.Booking) -> bool:
    """Is the trip still as the message says, still to come, and not one that they booked themselves?"""
    now = town.seconds_now(booking.service_date)
    if kind in CALLED_OFF:
        return booking.pickup >= now
    if kind == "seat offered":
        return booking.status == "booked" and booking.answer_by is not None
    own = kind == "booked" and not booking.key.startswith("planned-")
    return booking.status == "booked" and not own and booking.dropoff >= now


SOURCES: tuple[Source, ...] = (_messages,)
