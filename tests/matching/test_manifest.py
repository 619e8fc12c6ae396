"""What a driver reads: the stops in driving order, who boards and alights, and what has been served."""

from dataclasses import replace

from matching.manifest import Line, lines
from matching.model import Load, Need
from tests.matching.oracle import cheapest
from tests.matching.toy import EIGHT, GRID, morning_bus, pupil, wish


def test_a_manifest_has_one_line_for_each_stop_in_driving_order() -> None:
    a, b, c, school = lines(morning_bus(), GRID)
    assert [line.stop for line in (a, b, c, school)] == ["a", "b", "c", "school"]
    assert b == Line("b", EIGHT + 120, EIGHT + 120, EIGHT + 120, ("p2",), (), Load(2), served=False)
    assert (school.alighting, school.load) == (("p1", "p2"), Load())


def test_stops_before_the_one_that_was_reached_last_are_marked_as_served() -> None:
    assert [line.served for line in lines(replace(morning_bus(), done=2), GRID)] == [True, False, False, False]


def test_a_residents_added_stop_has_no_published_minute() -> None:
    found = cheapest(wish((2, 1), (4, 2)), morning_bus(), GRID)
    assert found is not None
    line = next(line for line in lines(found[1], GRID) if line.stop == "q+")
    assert (line.planned, line.boarding, line.load) == (None, ("q",), Load(2))


def test_a_seat_that_is_kept_empty_is_nobody_aboard() -> None:
    alone = replace(pupil("p1", "a", "school"), needs=frozenset({Need.EMPTY_SEAT}))
    assert lines(replace(morning_bus(), rides=(alone,)), GRID)[0].load == Load(1)
