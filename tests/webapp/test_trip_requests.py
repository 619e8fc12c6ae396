"""What a rider asked for reaches the search whole, and what was refused before counts."""

from datetime import timedelta
from typing import Any

import pytest

from matching.model import Load, TripRequest
from tests.webapp.small_town import MONDAY
from tests.webapp.wishes import rider_id, wish
from webapp.db import tables
from webapp.db.store import Door
from webapp.services import wishes
from webapp.town import Town


def asked(town: Town, request_id: str, **changes: Any) -> TripRequest:
    with town.store.read() as records:
        row = records.get_request(request_id)
        rider = records.get_user(row.rider_id)
    return wishes.trip_request(town, row, rider, [], **changes)


def refused(town: Town, days: int, status: str = "refused") -> None:
    """Let the rider have been refused so many days before Monday."""
    change(town, wish(town), status=status, service_date=MONDAY - timedelta(days=days))


def change(town: Town, request_id: str, **fields: Any) -> None:
    def write(door: Door) -> None:
        row = door.get_request(request_id)
        door.put(tables.Request(**{**row.model_dump(), **fields}))

    town.store.commit(write)


def counted(town: Town, request_id: str) -> int:
    with town.store.read() as records:
        return wishes.count_refusals(records, records.get_request(request_id))


def test_a_request_tells_its_purpose_its_outbound_trip_and_what_is_to_be_stowed(town: Town) -> None:
    request = wish(town, people=2)
    plain = asked(town, request)
    assert (plain.party, plain.purpose, plain.after, plain.refusals) == (Load(2), "", None, 0)
    change(town, request, stowage=1, purpose="medical", after="outbound")
    told = asked(town, request, refusals=3)
    assert (told.party, told.purpose, told.after, told.refusals) == (Load(2, 0, 1), "medical", "outbound", 3)


@pytest.mark.parametrize(("column", "value"), [("stowage", 1), ("after", "outbound")])
def test_an_offer_answers_what_was_asked_then(town: Town, column: str, value: object) -> None:
    request = wish(town)
    with town.store.read() as records:
        row = records.get_request(request)
    other = tables.Request(**{**row.model_dump(), column: value})
    assert wishes.answers(other) != wishes.answers(row)


@pytest.mark.parametrize(
    ("earlier", "count"),
    [
        ([], 0),
        ([(1, "refused")], 1),
        ([(1, "refused"), (2, "waiting")], 2),
        ([(1, "refused"), (1, "refused")], 1),
        ([(0, "refused"), (-1, "refused")], 0),
        ([(1, "booked"), (2, "cancelled")], 0),
    ],
)
def test_days_on_which_a_rider_was_refused_are_counted(town: Town, earlier: list[tuple[int, str]], count: int) -> None:
    for days, status in earlier:
        refused(town, days, status)
    assert counted(town, wish(town)) == count


def test_a_refusal_counts_for_who_was_refused(town: Town) -> None:
    refused(town, 1)
    assert rider_id(town) != rider_id(town, "neighbour")
    assert counted(town, wish(town, rider_id(town, "neighbour"))) == 0
