"""Which ways are driven, in which direction, how fast."""

import pytest

from routing.ways import PRIVATE_SPEED, Direction, Tags, direction, is_driven, max_speed


@pytest.mark.parametrize(
    ("tags", "driven"),
    [
        ({"highway": "residential"}, True),
        ({"highway": "service", "service": "driveway"}, True),
        ({"highway": "service", "access": "private"}, True),
        ({"highway": "residential", "access": "private"}, False),
        ({"highway": "residential", "access": "no", "motor_vehicle": "yes"}, True),
        ({"highway": "tertiary", "motor_vehicle": "no"}, False),
        ({"highway": "residential", "motor_vehicle": "destination"}, True),
        ({"highway": "service", "access": "no"}, False),
        ({"highway": "service", "service": "parking_aisle"}, False),
        ({"highway": "service", "area": "yes"}, False),
        ({"highway": "primary", "oneway": "reversible"}, False),
        ({"highway": "footway"}, False),
        ({"highway": "construction"}, False),
        ({"railway": "rail"}, False),
    ],
)
def test_a_way_is_driven_where_a_vehicle_of_a_school_or_care_facility_may_go(tags: Tags, driven: bool) -> None:
    assert is_driven(tags) is driven


@pytest.mark.parametrize(
    ("tags", "flow"),
    [
        ({}, Direction.BOTH),
        ({"oneway": "no"}, Direction.BOTH),
        ({"oneway": "yes"}, Direction.FORWARD),
        ({"oneway": "1"}, Direction.FORWARD),
        ({"oneway": "-1"}, Direction.BACKWARD),
        ({"junction": "roundabout"}, Direction.FORWARD),
        ({"junction": "circular"}, Direction.FORWARD),
        ({"junction": "roundabout", "oneway": "-1"}, Direction.BACKWARD),
        ({"highway": "motorway"}, Direction.FORWARD),
        ({"highway": "motorway", "oneway": "no"}, Direction.BOTH),
    ],
)
def test_traffic_flows_as_the_tags_say_or_imply(tags: Tags, flow: Direction) -> None:
    assert direction(tags) is flow


@pytest.mark.parametrize(
    ("tagged", "kept"),
    [("50", "50"), ("30 mph", "30 mph"), ("none", None), ("FI:urban", None), ("0", None), ("999", None), ("", None)],
)
def test_only_a_sensible_number_counts_as_a_speed_limit(tagged: str, kept: str | None) -> None:
    assert max_speed({"highway": "residential", "maxspeed": tagged}) == kept


def test_a_private_yard_is_slow_so_that_it_is_no_short_cut() -> None:
    assert max_speed({"highway": "service", "access": "private", "maxspeed": "30"}) == str(PRIVATE_SPEED)
