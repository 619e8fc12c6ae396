"""What a plan is worth, in seconds of driving: every number of it is a town's to set."""

from typing import Any

import pytest

from matching.model import TripRequest
from matching.objective import Objective
from tests.matching.oracle import least_cost
from tests.matching.toy import GRID, morning_bus, wish

TRIP = ((0, 0), (4, 2))
OWN = Objective(unserved=1000, classes=(("medical", 5000),), refused=10)


def asked(**changes: Any) -> TripRequest:
    return wish(*TRIP, **changes)


@pytest.mark.parametrize(
    ("request_", "weight"),
    [
        (asked(), 1000),
        (asked(purpose="medical"), 5000),
        (asked(purpose="shopping"), 1000),
        (asked(refusals=3), 1030),
        (asked(purpose="medical", refusals=3), 5030),
        (asked(refusals=99), 1100),
    ],
)
def test_a_request_weighs_as_its_purpose_and_its_earlier_refusals_say(request_: TripRequest, weight: int) -> None:
    assert OWN.weight(request_) == weight


def test_weights_of_those_without_a_seat_are_added_up() -> None:
    assert OWN.unserved_weight([asked(), asked(purpose="medical")]) == 6000
    assert OWN.unserved_weight([]) == 0


def test_a_seat_is_worth_more_than_any_drive_to_it_unless_a_town_says_otherwise() -> None:
    assert Objective().weight(asked()) == 4 * 3600
    assert Objective().weight(asked(refusals=1)) == 5 * 3600
    assert Objective().weight(asked(purpose="medical")) == 4 * 3600


@pytest.mark.parametrize(("harm", "cost"), [(0, 120), (1, 120 + 2 * 120), (3, 120 + 6 * 120)])
def test_harm_is_counted_for_each_committed_person_and_second(harm: int, cost: int) -> None:
    """The bus leaves its road for two minutes, with two pupils aboard until the school."""
    assert least_cost(wish((3, 1), (4, 2)), morning_bus(), GRID, harm=harm) == cost
