"""Who may board a run, before any road or timetable is asked."""

from dataclasses import replace

import pytest

from matching.eligibility import boarding_window, obstacles
from matching.model import Broken, Capacity, Load, Need, Policy, Rule, TripRequest, Window
from tests.matching.toy import EIGHT, OPEN, care_van, morning_bus, wish

TRIP = ((0, 0), (4, 2))


def test_a_registered_party_that_asks_in_time_meets_no_obstacle() -> None:
    assert obstacles(wish(*TRIP), morning_bus()) == []


@pytest.mark.parametrize(
    ("request_", "rule", "excess"),
    [
        (wish(*TRIP, groups=frozenset({"visitor"})), Rule.WHO, 0),
        (wish(*TRIP, asked_at=60), Rule.CUTOFF, 60),
        (wish(*TRIP, party=Load(1, 2)), Rule.WHEELCHAIR, 1),
        (wish(*TRIP, party=Load(3, 1)), Rule.SEATS, 2),
        (wish(*TRIP, party=Load(4, 0)), Rule.SEATS, 1),
        (wish(*TRIP, party=Load(3, 0), needs=frozenset({Need.EMPTY_SEAT})), Rule.SEATS, 1),
        (wish(*TRIP, party=Load(1, 0, 2)), Rule.STOWAGE, 2),
    ],
)
def test_each_obstacle_names_its_rule(request_: TripRequest, rule: Rule, excess: int) -> None:
    assert obstacles(request_, care_van(replace(OPEN, closes=0))) == [Broken(rule, "van", excess)]


def test_all_obstacles_are_told_at_once() -> None:
    asked = wish(*TRIP, groups=frozenset(), asked_at=1, party=Load(9))
    rules = [one.rule for one in obstacles(asked, morning_bus(replace(OPEN, closes=0)))]
    assert rules == [Rule.WHO, Rule.CUTOFF, Rule.SEATS]


@pytest.mark.parametrize(("party", "excess"), [(Load(1, 1, 1), 0), (Load(1, 1, 2), 1), (Load(3, 0, 1), 1)])
def test_room_to_stow_things_is_that_of_the_layout_that_a_party_needs(party: Load, excess: int) -> None:
    van = replace(care_van(), capacity=Capacity((Load(3, 0, 0), Load(1, 1, 1))))
    assert obstacles(wish(*TRIP, party=party), van) == ([Broken(Rule.STOWAGE, "van", excess)] if excess else [])


def test_committed_riders_only_means_no_resident_at_all() -> None:
    assert [one.rule for one in obstacles(wish(*TRIP), morning_bus(Policy()))] == [Rule.WHO]


def test_a_party_boards_no_earlier_than_the_notice_allows() -> None:
    run = morning_bus(replace(OPEN, notice=1800))
    asked = wish(*TRIP, asked_at=EIGHT - 900, depart=Window(EIGHT, EIGHT + 3600))
    assert boarding_window(asked, run) == Window(EIGHT + 900, EIGHT + 3600)
    assert boarding_window(replace(asked, asked_at=0), run) == asked.depart
