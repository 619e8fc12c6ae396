"""The town's figures add up, and point at nobody."""

from datetime import timedelta

import pytest

from matching.model import Load
from tests.webapp.small_town import LIISANKATU, MONDAY, RAUTATIENTORI
from tests.webapp.wishes import VAN, ask, book, newcomer, run_of, wish
from webapp.services import booking, ledger, suppression
from webapp.town import Town


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (1, None), (4, None), (5, 5), (120, 120)])
def test_a_count_too_small_to_hide_a_person_is_not_shown(count: int, shown: int | None) -> None:
    assert suppression.coarse(count) == shown


def test_every_request_is_counted_by_what_became_of_it(town: Town) -> None:
    made = book(town, people=2, run=VAN)
    gone = book(town, newcomer(town, "Changed Mind"))
    booking.cancel(town, gone.id, actor=gone.rider_id)
    refused = ask(town, newcomer(town, "Large Party"), people=8)
    booking.wait(town, refused.request.id)
    ask(town, newcomer(town, "Still Thinking"))
    wish(town, newcomer(town, "Never Asked"))
    said = ledger.day_ledger(town, MONDAY)
    assert said.requests == {"booked": 1, "cancelled": 1, "offered": 1, "waiting": 1}
    assert said.refused == {"seats": 1}
    assert said.fares == {"EUR": made.fare} == {"EUR": 300}


def test_the_figures_are_those_of_the_runs(town: Town) -> None:
    book(town, run=VAN)
    book(town, newcomer(town, "One Stop Only"), ends=(LIISANKATU, RAUTATIENTORI), people=2)
    figures = ledger.day_ledger(town, MONDAY).figures
    runs = [run_of(town), run_of(town, VAN)]
    assert figures.runs == len(runs)
    assert figures.committed == sum(ride.party.people for run in runs for ride in run.rides if ride.committed) == 6
    assert figures.residents == sum((ride.party for run in runs for ride in run.residents), Load()).people == 3
    assert figures.promises_broken == 0
    assert 0 < figures.extra_drive < figures.drive
    assert figures.worst_delay >= figures.mean_delay >= 0


def test_a_day_on_which_nothing_drives_is_empty(town: Town) -> None:
    said = ledger.day_ledger(town, MONDAY + timedelta(days=1))
    assert (said.figures.runs, said.fares, said.requests, said.refused) == (0, {}, {}, {})
