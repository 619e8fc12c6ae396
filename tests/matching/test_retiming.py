"""A run on other roads: a dispatcher is told of what moves by more than a minute, and of promises that break."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from matching.model import Rule
from matching.promises import broken
from matching.retiming import Retimed, retimed
from matching.schedule import timetable
from routing.times import NO_WAY, Place
from tests.matching.toy import EIGHT, GRID, GridTimes, care_van, corner, morning_bus


@dataclass(frozen=True)
class Slowed(GridTimes):
    """The grid with longer drives, in seconds for each, and a corner that no road reaches."""

    by: int = 0
    lost: Place | None = None

    def between(self, origin: Place, destination: Place) -> int:
        if self.lost in (origin, destination):
            return NO_WAY
        return super().between(origin, destination) + (self.by if origin != destination else 0)


def changed(times: Slowed) -> Retimed:
    found = retimed(morning_bus(), GRID, times)
    assert found
    return found


def test_the_same_roads_change_nothing() -> None:
    assert retimed(morning_bus(), GRID, GRID) is None and retimed(care_van(), GRID, GRID) is None


def test_a_minute_is_not_told_and_a_second_more_is() -> None:
    assert retimed(morning_bus(), GRID, Slowed(20)) is None
    assert changed(Slowed(21)).end.by == 63


def test_the_end_and_the_stop_that_moves_most_are_named() -> None:
    found = changed(Slowed(100))
    assert (found.end.stop, found.end.before, found.end.after) == ("school", EIGHT + 360, EIGHT + 660)
    assert found.most.by == 300 and not found.broken


def test_the_end_of_a_run_is_its_last_stop_before_the_depot() -> None:
    found = retimed(care_van(), GRID, Slowed(100))
    assert found and found.end.stop == "centre"


def test_a_promise_that_breaks_now_is_told_and_one_that_was_broken_before_is_not() -> None:
    assert [fault.rule for fault in changed(Slowed(600)).broken] == [Rule.BELL]
    worse = retimed(morning_bus(), Slowed(600), Slowed(700))
    assert worse and not worse.broken


def test_a_stop_that_no_road_reaches_any_more_is_named_once() -> None:
    nowhere = Slowed(lost=corner(2, 0))
    found = changed(nowhere)
    assert found.unreachable == ("b",) and found.end.after is None
    assert retimed(morning_bus(), nowhere, nowhere) is None


@given(st.integers(0, 900), st.integers(0, 900))
def test_whatever_is_not_told_moved_by_a_minute_at_most_and_breaks_nothing_new(old: int, new: int) -> None:
    run, before, after = morning_bus(), Slowed(old), Slowed(new)
    if retimed(run, before, after) is None:
        pairs = zip(timetable(run, before), timetable(run, after), strict=True)
        assert all(abs(a.begin - b.begin) <= 60 for a, b in pairs)
        assert {fault.rule for fault in broken(run, after)} <= {fault.rule for fault in broken(run, before)}
