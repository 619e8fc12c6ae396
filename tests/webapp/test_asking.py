"""What residents answer: what cannot be meant, and what becomes of a request."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from tests.webapp.small_town import (
    EIGHT,
    KAMP,
    MONDAY,
)
from tests.webapp.wishes import (
    BUS,
    VAN,
    ask,
    book,
    rider_id,
    run_of,
    wish,
)
from webapp.services import booking
from webapp.services.errors import Conflict, Invalid
from webapp.town import Town

WHO: dict[str, Any] = {"people": 1, "wheelchairs": 0, "max_walk": 300}


@pytest.mark.parametrize(
    "changes",
    [{"people": 0}, {"people": 13}, {"wheelchairs": 2}, {"wheelchairs": -1}, {"max_walk": -1}, {"max_walk": 5000}],
)
def test_a_party_that_cannot_be_is_invalid(town: Town, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=next(iter(changes))):
        booking.answer_who(town, wish(town), **{**WHO, **changes})


@pytest.mark.parametrize(
    ("day", "said", "why"),
    [
        (MONDAY - timedelta(days=1), {"depart": EIGHT}, "day"),
        (MONDAY + timedelta(days=90), {"depart": EIGHT}, "day"),
        (MONDAY, {}, "when"),
        (MONDAY, {"depart": EIGHT, "arrive": EIGHT}, "when"),
        (MONDAY, {"arrive": 10**6}, "time"),
    ],
)
def test_a_time_that_cannot_be_is_invalid(town: Town, day: date, said: dict[str, int], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        booking.answer_when(town, wish(town), day=day, **said)


def test_a_trip_leads_somewhere_else(town: Town) -> None:
    with pytest.raises(Invalid, match="same place"):
        ask(town, ends=(KAMP, KAMP))


def test_a_question_left_open_is_not_searched_for(town: Town) -> None:
    row = booking.start(town, rider_id(town), actor=rider_id(town))
    with pytest.raises(Invalid, match="unanswered"):
        booking.ask(town, row.id)


def test_only_who_was_refused_waits(town: Town) -> None:
    with pytest.raises(Conflict):
        booking.wait(town, ask(town).request.id)


def test_to_give_up_what_is_not_waited_for_changes_nothing(town: Town) -> None:
    assert booking.stop_waiting(town, ask(town).request.id).status == "offered"
    assert booking.stop_waiting(town, book(town).request_id).status == "booked"


def test_what_is_booked_is_asked_no_more(town: Town) -> None:
    made = book(town)
    with pytest.raises(Conflict, match="booked"):
        booking.ask(town, made.request_id)


def test_the_runs_kept_as_arrays_are_made_anew_when_one_of_them_changes(town: Town) -> None:
    runs = [run_of(town, BUS), run_of(town, VAN)]
    day = runs[0].service_date
    first = town.fleet(day, runs)
    assert town.fleet(day, [*runs]) is first
    for changed in (
        replace(runs[0], revision=99),
        replace(runs[0], done=1),
        replace(runs[0], done=1, reached=(8 * 3600,)),
        replace(runs[0], frozen=1),
    ):
        assert town.fleet(day, [changed, runs[1]]) is not first
