"""Thirty-two residents book at once, thirty ask in any way they like, and every promise is kept."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier
from typing import Any

import pytest
from sqlmodel import SQLModel

from matching.offers import place
from matching.promises import broken
from routing.times import Place
from tests.webapp.small_town import (
    LIISANKATU,
    MONDAY,
    RAUTATIENTORI,
)
from tests.webapp.wishes import (
    BUS,
    free,
    newcomer,
    rider_id,
    token_of,
    wish,
)
from webapp.db import tables
from webapp.db.store import Store, StoreError
from webapp.services import booking, planning, wishes
from webapp.services.errors import Gone
from webapp.town import Town

BOOKERS = 32
SEATS = 3
"""Free on the bus from its first stop to the second."""


# Thirty-two at once


def crowd(town: Town) -> list[str]:
    """Let everybody ask for the bus to the station, and choose it; give their tokens."""
    like, riders = wish(town, ends=(LIISANKATU, RAUTATIENTORI)), [f"rider-{n}" for n in range(BOOKERS)]
    with town.store.read() as records:
        row, user = records.get_request(like), records.get_user(rider_id(town))
    for name in riders:
        person = tables.User(**{**user.model_dump(), "id": name, "email": None, "fs_uniquifier": name})
        request = tables.Request(**{**row.model_dump(), "id": f"wish-{name}", "rider_id": name})
        put(town, person, request)
    return [token_of(booking.ask(town, f"wish-{name}")) for name in riders]


def put(town: Town, *rows: SQLModel) -> None:
    town.store.commit(lambda door: [door.put(row) for row in rows])


def rush(town: Town, tokens: list[str]) -> Counter[str]:
    """Let everybody book at once; count what they are told."""
    start = Barrier(len(tokens))

    def try_to(token: str) -> str:
        start.wait()
        try:
            return booking.book(town, token, key="key", actor="").status
        except (Gone, StoreError) as told:
            return type(told).__name__

    with ThreadPoolExecutor(len(tokens)) as pool:
        return Counter(pool.map(try_to, tokens))


def test_of_thirty_two_at_once_exactly_as_many_are_booked_as_fit(town: Town) -> None:
    assert rush(town, crowd(town)) == {"booked": SEATS, "Gone": BOOKERS - SEATS}
    assert [leg.seats for leg in free(town)] == [0, 1, 1]
    with town.store.read() as records:
        rides = {one.ride_id for one in records.list_bookings(run_id=BUS, status="booked")}
        assert {ride.id for ride in records.get_run(BUS).residents} == rides
    assert planning.verify(town)[1] == []


def test_without_the_locks_thirty_two_are_not_served_so(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: what keeps the test above true is the lock, not the order in which threads happen to come."""
    tokens = crowd(town)
    monkeypatch.setattr(Store, "_locks", False)
    told = rush(town, tokens)
    assert told != {"booked": SEATS, "Gone": BOOKERS - SEATS}
    assert told["booked"] > SEATS or told["StoreError"]


# Promises


def test_no_offer_on_the_demo_day_breaks_a_promise(demo_town: Town) -> None:
    chance, spots = Random(7), places(demo_town)
    offered = booked = 0
    for n in range(30):
        rider = newcomer(demo_town, f"Rider {n}")
        ends, depart = chance.sample(spots, 2), chance.randrange(7, 16) * 3600
        party = {"people": chance.choice((1, 1, 2, 3)), "wheelchairs": chance.choice((0, 0, 0, 1))}
        request = wish(demo_town, rider, ends=(ends[0], ends[1]), depart=depart, **party)
        answer = booking.ask(demo_town, request)
        for offer, _ in answer.offers:
            offered += 1
            assert faults_of(demo_town, answer.request, offer) == []
        if answer.offers:
            booked += 1
            booking.book(demo_town, chance.choice(answer.offers)[1], key="key", actor=rider)
    assert offered > booked > 10
    assert planning.verify(demo_town)[1] == []


def places(town: Town) -> list[Place]:
    with town.store.read() as records:
        return sorted({stop.place for run in records.list_runs(MONDAY) for stop in run.stops})


def faults_of(town: Town, row: tables.Request, offer: Any) -> list[Any]:
    """Put an offer on its run; list what that would break, the promises of everybody on the run included."""
    with town.store.read() as records:
        run, rider = records.get_run(offer.run), records.get_user(row.rider_id)
    new = place(offer, wishes.trip_request(town, row, rider, [run]), run, town.roads)
    assert new is not None
    return broken(new, town.roads, before=run)
