"""What riders say of their trips, once each, and what the town reads of it: averages, and words without names."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from webapp import service_day
from webapp.db import tables
from webapp.db.store import Door
from webapp.services.errors import Conflict, Invalid
from webapp.services.suppression import SMALLEST_CELL, suppressed
from webapp.town import Town

RATINGS = (5, 4, 3, 2, 1)
LONGEST = 1000
OPEN = timedelta(days=30)
"""How long after a trip something can be said of it."""
CHANGEABLE = timedelta(days=7)
"""How long after that it can be changed."""
SHOWN = timedelta(days=92)
"""How far back the town reads."""


@dataclass(frozen=True, slots=True)
class Opinions:
    """What the town reads: how many said something, how many chose each rating, their mean, and words by month.

    counts and mean are None where so few spoke that they could be guessed; counts also where some are so small that
    mean and total would tell them. words: (first of the month, rating, words).
    """

    total: int
    counts: dict[int, int] | None
    mean: float | None
    words: tuple[tuple[date, int, str], ...]


def find(town: Town, booking_id: str) -> tables.Feedback | None:
    """Give what was said of a trip."""
    with town.store.read() as records:
        return records.find_feedback(booking_id)


def is_open(town: Town, booking: tables.Booking, said: tables.Feedback | None) -> bool:
    """Can something be said of a trip now, or what was said be changed?"""
    now = town.clock()
    ended = service_day.instant_of(booking.dropoff, booking.service_date, town.settings.timezone)
    if booking.status != "booked" or booking.answer_by is not None or now < ended:
        return False
    return now <= (ended + OPEN if said is None else said.at + CHANGEABLE)


def say(town: Town, booking_id: str, *, rating: int, words: str, actor: str) -> None:
    """Keep what a rider says of a trip, or what they say instead. Raises Invalid, and Conflict where it is too late."""
    text = words.strip()
    if rating not in RATINGS:
        raise Invalid("rating")
    if len(text) > LONGEST:
        raise Invalid("opinion")

    def change(door: Door) -> None:
        row, said = door.get_booking(booking_id), door.find_feedback(booking_id)
        if not is_open(town, row, said):
            raise Conflict("opinion late")
        door.put(
            tables.Feedback(
                booking_id=booking_id,
                rating=rating,
                words=text,
                written_by=said.written_by if said else actor,
                at=said.at if said else door.now(),
                changed_at=door.now(),
            )
        )

    with town.store.read() as records:
        rider_id = records.get_booking(booking_id).rider_id
    town.store.commit(change, rider=rider_id)


def read(town: Town) -> Opinions:
    """Read what riders said lately, in an order that tells nothing of the trip."""
    with town.store.read() as records:
        rows = records.list_feedback(town.clock() - SHOWN)
    counted = Counter(row.rating for row in rows)
    enough = len(rows) >= SMALLEST_CELL
    counts = {rating: counted[rating] for rating in RATINGS}
    whole = None not in suppressed(counts).values()
    zone = town.settings.timezone
    words = [(service_day.today(row.at, zone).replace(day=1), row.rating, row.words) for row in rows if row.words]
    words.sort(key=lambda one: (-one[0].toordinal(), one[1], one[2]))
    return Opinions(
        total=len(rows),
        counts=counts if enough and whole else None,
        mean=sum(row.rating for row in rows) / len(rows) if enough else None,
        words=tuple(words),
    )
