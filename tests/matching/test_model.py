"""The nouns are values: frozen, added, compared; policies answer from their data."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from matching.manifest import lines
from matching.metrics import day_figures
from matching.model import Broken, Capacity, Load, Need, Policy, Rule, Window, room_for
from matching.objective import Objective
from matching.offers import Change, Refusal, offers
from matching.schedule import timetable
from routing.times import Place
from tests.matching.toy import GRID, care_van, morning_bus, wish

REQUEST = wish((2, 0), (4, 2))
OFFERED = offers(REQUEST, [morning_bus()], GRID)
assert not isinstance(OFFERED, Refusal)
NOUNS = (
    Load(1),
    Capacity.of(3),
    Window(),
    Policy(),
    Objective(),
    morning_bus(),
    morning_bus().stops[0],
    morning_bus().rides[0],
    REQUEST,
    REQUEST.pickups[0],
    Broken(Rule.SEATS, "a"),
    Place(0, 0),
    timetable(morning_bus(), GRID)[0],
    OFFERED[0],
    Change("time", 60),
    Refusal(Rule.TIME, None, ()),
    lines(morning_bus(), GRID)[0],
    day_figures([morning_bus()], GRID),
)


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: type(noun).__name__)
def test_every_noun_is_frozen(noun: object) -> None:
    for field in fields(noun):  # type: ignore[arg-type]
        with pytest.raises(FrozenInstanceError):
            setattr(noun, field.name, None)


def test_loads_add_and_subtract_and_count_heads() -> None:
    assert Load(2, 1, 3) + Load(1, 0, 1) - Load(0, 1, 2) == Load(3, 0, 2)
    assert Load(2, 1, 3).people == 3


@pytest.mark.parametrize(
    ("load", "fits"),
    [
        (Load(4), True),
        (Load(5), False),
        (Load(2, 1), True),
        (Load(3, 1), False),
        (Load(0, 2), True),
        (Load(1, 2), False),
        (Load(0, 3), False),
    ],
)
def test_a_wheelchair_place_removes_seats(load: Load, fits: bool) -> None:
    assert Capacity.of(4, wheelchairs=2, seats_per_wheelchair=2).fits(load) is fits


def test_room_to_stow_things_is_there_in_every_layout_of_a_vehicle_or_as_each_says() -> None:
    assert [Capacity.of(3, 1, 2, stowage=1).fits(Load(1, 1, n)) for n in (1, 2)] == [True, False]
    assert [Capacity((Load(3), Load(1, 0, 2))).fits(Load(n, 0, 1)) for n in (1, 2)] == [True, False]


@pytest.mark.parametrize(("needs", "takes"), [((), Load(1, 1)), ({"AV-99"}, Load(1, 1)), ({"AV-12"}, Load(2, 1))])
def test_an_empty_seat_beside_somebody_is_taken(needs: set[str], takes: Load) -> None:
    held = frozenset(needs)
    ride = replace(morning_bus().rides[0], party=Load(1, 1), needs=held)
    assert ride.takes == replace(REQUEST, party=Load(1, 1), needs=held).takes == room_for(Load(1, 1), held) == takes
    assert ride.party == Load(1, 1)


def test_needs_that_bind_a_plan_are_words_as_all_needs_are() -> None:
    assert frozenset({"AV-01", "accompanied", "guide dog"}) & frozenset(Need) == {Need.ALONE, Need.ACCOMPANIED}


def test_a_vehicle_tells_the_seats_left_beside_wheelchairs() -> None:
    van = Capacity.of(3, wheelchairs=2, seats_per_wheelchair=2)
    assert [van.seats_beside(n) for n in range(4)] == [3, 1, 0, -1]
    assert (van.most_seats, van.most_wheelchairs) == (3, 2)


def test_both_ends_of_a_window_belong_to_it() -> None:
    both = Window(10, 20) & Window(15, 30)
    assert both == Window(15, 20)
    assert [time in both for time in (14, 15, 20, 21)] == [False, True, True, False]


def test_a_policy_without_groups_admits_nobody_and_one_for_anyone_admits_all() -> None:
    assert not Policy().admits({"registered"})
    assert Policy(riders=frozenset({"anyone"})).admits([])
    assert Policy(riders=frozenset({"over 65", "pupil"})).admits(["pupil"])


def test_a_longest_ride_grows_with_the_trip_and_ends_at_the_policys_own() -> None:
    policy = Policy(max_ride=1800, ride_slack=600)
    assert [policy.longest_ride(direct) for direct in (0, 400, 800, 801)] == [600, 1200, 1800, 1800]


def test_a_wheelchair_takes_its_own_time_at_a_stop() -> None:
    assert Policy(dwell=30, dwell_wheelchair=180).dwell_for(Load(2, 1)) == 210


def test_a_need_takes_its_own_time_at_a_stop() -> None:
    policy = Policy(dwell=30, dwell_wheelchair=180, dwell_needs=(("AV-01", 60), ("guide dog", 20)))
    needs = ((), ("AV-01",), ("AV-01", "guide dog"), ("AV-03",))
    assert [policy.dwell_for(Load(1), one) for one in needs] == [30, 90, 110, 30]


def test_booking_ends_with_the_notice_or_at_the_closing_hour_whichever_is_first() -> None:
    assert Policy(notice=1800).booking_ends(30_000) == 28_200
    assert Policy(notice=1800, closes=-3600).booking_ends(30_000) == -3600


def test_a_policy_cites_its_article() -> None:
    policy = Policy(articles=((Rule.WHO, "Article 4"),))
    assert policy.article(Rule.WHO) == "Article 4"
    assert policy.article(Rule.SEATS) is None


@pytest.mark.parametrize("pace", [499, 4001, 0, -1000])
def test_a_pace_that_no_traffic_explains_is_refused(pace: int) -> None:
    with pytest.raises(ValueError, match=f"Run bus: its pace is {pace} thousandths .* from 500 to 4000"):
        replace(morning_bus(), pace=pace)
    assert [replace(morning_bus(), pace=one).pace for one in (500, 4000)] == [500, 4000]


def test_a_run_knows_its_residents_and_the_positions_of_its_stops() -> None:
    assert care_van().residents == ()
    assert [replace(care_van(), done=done, frozen=2).fixed for done in (0, 2, 3)] == [2, 2, 3]
    assert morning_bus().positions() == {"a": 0, "b": 1, "c": 2, "school": 3}
