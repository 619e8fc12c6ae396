"""What residents want, by way of the services alone: ask, take the first offer, and what the records hold then."""

from typing import Any

from sqlalchemy import create_engine, text

from matching.model import Load, Run
from matching.schedule import free_seats, timetable
from routing.times import Place
from tests.webapp.small_town import EIGHT, KAMP, LIISANKATU, MINUTE, MONDAY, RIDER
from webapp.db import tables
from webapp.services import accounts, booking, driving
from webapp.services.booking import Answer
from webapp.town import Town

BUS, VAN = "bus-23", "van-23"
EARLY = EIGHT - 10 * MINUTE


def rider_id(town: Town, who: str = RIDER) -> str:
    """Give the id of the one whose address begins so."""
    with town.store.read() as records:
        user = records.find_user(email=f"{who}@example.org")
    assert user is not None
    return user.id


def newcomer(town: Town, name: str) -> str:
    """Register one more resident."""
    return accounts.add_user(town, name=name, role="resident", groups=["registered"]).id


def wish(
    town: Town,
    rider: str = "",
    *,
    ends: tuple[Place, Place] = (LIISANKATU, KAMP),
    depart: int | None = None,
    arrive: int | None = None,
    **who: Any,
) -> str:
    """Answer every question of a trip on Monday, at the bus's time unless told; give the id of the request."""
    rider = rider or rider_id(town)
    depart = EARLY if arrive is None and depart is None else depart
    row = booking.start(town, rider, actor=rider)
    for end, label, place in zip(("origin", "destination"), ("Home", "Shop"), ends, strict=True):
        booking.answer_place(town, row.id, end=end, label=label, place=place)
    booking.answer_when(town, row.id, day=MONDAY, depart=depart, arrive=arrive)
    booking.answer_who(town, row.id, **{"people": 1, "wheelchairs": 0, "max_walk": 300, **who})
    return row.id


def ask(town: Town, rider: str = "", **changes: Any) -> Answer:
    return booking.ask(town, wish(town, rider, **changes))


def token_of(answer: Answer, run: str = BUS) -> str:
    """Take the first offer on a run."""
    return next(token for offer, token in answer.offers if offer.run == run)


def book(town: Town, rider: str = "", *, run: str = BUS, key: str = "key", **changes: Any) -> tables.Booking:
    token = token_of(ask(town, rider, **changes), run)
    return booking.book(town, token, key=key, actor=rider or rider_id(town))


def run_of(town: Town, run_id: str = BUS) -> Run:
    with town.store.read() as records:
        return records.get_run(run_id)


def free(town: Town, run_id: str = BUS) -> list[Load]:
    """Count the free seats and wheelchair places of each leg."""
    run = run_of(town, run_id)
    return free_seats(run, timetable(run, town.roads))


def tamper(town: Town, statement: str, **values: Any) -> None:
    """Change rows behind the back of the write door, histories included."""
    engine = create_engine(town.settings.database_url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO erasure VALUES ('tampering')"))
        assert connection.execute(text(statement), values).rowcount
        connection.execute(text("DELETE FROM erasure"))
    engine.dispose()


def count_rows(town: Town) -> dict[str, int]:
    """Count the rows of every table."""
    engine = create_engine(town.settings.database_url)
    with engine.connect() as connection:
        counts = {
            name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one()
            for name in tables.METADATA.tables
        }
    engine.dispose()
    return counts


def tap(town: Town, run_id: str, stop: str, kind: str, ride: str = "") -> bool:
    """Let the driver say at once what happened."""
    with town.store.read() as records:
        operator = records.get_run_head(run_id).operator_id
    known = f"{run_id}-{stop}-{kind}-{ride}"
    said = driving.Tap(id=known, run=run_id, stop=stop, kind=kind, happened_at=town.clock(), ride=ride)
    return driving.record(town, said, operator=operator, actor=rider_id(town, "driver"))
