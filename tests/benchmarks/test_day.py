"""A day is read as it is written, and its judge finds every fault of a plan, whoever made it."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from benchmarks.day import Day, DayError, judge, plan_of, read_day
from benchmarks.peers import plan_of_ortools, plan_of_vroom
from matching.model import Load
from tests.benchmarks.tiny import EIGHT, SOUND, tiny_day, write_day

NOTHING: dict[str, Any] = {"runs": {}}


@pytest.fixture
def day(tmp_path: Path) -> Day:
    return read_day(write_day(tmp_path / "tiny"))


def test_those_who_board_together_are_one_ride_to_where_they_alight(day: Day) -> None:
    rides = [[(ride.pickup, ride.dropoff, ride.party) for ride in run.rides] for run in day.runs]
    assert rides == [
        [("stop 0", "end", Load(2)), ("stop 1", "end", Load(1))],
        [("start", "stop 0", Load(1)), ("start", "stop 1", Load(2))],
    ]
    assert all(ride.committed for run in day.runs for ride in run.rides)


def test_the_runs_by_themselves_break_no_promise(day: Day) -> None:
    assert (judge(NOTHING, day).broken, judge(NOTHING, day).served) == ({}, 0)


def test_a_plan_is_worth_what_it_serves_and_what_it_drives(day: Day) -> None:
    verdict = judge(SOUND, day)
    assert (verdict.broken, verdict.served, verdict.added_drive_seconds) == ({}, 2, 0)


def test_runs_are_written_as_the_plan_that_they_were_read_from(day: Day) -> None:
    assert plan_of(day.runs) == {
        "runs": {
            run: [visit for visit in visits if visit[0] in ("start", "stop", "end")]
            for run, visits in SOUND["runs"].items()
        }
    }


def swapped_stops(plan: dict[str, Any]) -> None:
    visits = plan["runs"]["0"]
    visits[2], visits[3] = visits[3], visits[2]


def dropped_stop(plan: dict[str, Any]) -> None:
    plan["runs"]["0"].remove(["stop", 1])


def no_dropoff(plan: dict[str, Any]) -> None:
    plan["runs"]["0"].remove(["dropoff", 0])


def dropoff_first(plan: dict[str, Any]) -> None:
    visits = plan["runs"]["0"]
    visits.remove(["dropoff", 0])
    visits.insert(1, ["dropoff", 0])


def twice(plan: dict[str, Any]) -> None:
    plan["runs"]["1"][1:1] = [["pickup", 0], ["dropoff", 0]]


def too_late(plan: dict[str, Any]) -> None:
    plan["runs"]["1"][1:1] = [["pickup", 2], ["dropoff", 2]]


def unknown_run(plan: dict[str, Any]) -> None:
    plan["runs"]["7"] = [["start"], ["end"]]


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (swapped_stops, "order"),
        (dropped_stop, "stops"),
        (no_dropoff, "order"),
        (dropoff_first, "order"),
        (twice, "served twice"),
        (too_late, "time window"),
        (unknown_run, "no such run"),
    ],
)
def test_a_plan_with_a_fault_is_called_unsound(day: Day, spoil: Callable[[dict[str, Any]], None], rule: str) -> None:
    """Negative control of the judge that every figure of the benchmark rests on."""
    plan = deepcopy(SOUND)
    spoil(plan)
    assert rule in judge(plan, day).broken


def test_a_ride_that_lasts_too_long_is_called_so(tmp_path: Path) -> None:
    """Negative control: a stop with a late window keeps the party aboard for longer than 25 minutes."""
    data = tiny_day()
    data["runs"][0]["stops"][1] |= {"earliest": EIGHT + 3200, "latest": EIGHT + 9000}
    data["runs"][0]["end"]["latest"] = data["requests"][0]["dropoff_latest"] = EIGHT + 9000
    data["requests"][0]["latest"] = EIGHT + 700
    day = read_day(write_day(tmp_path / "late", data))
    assert judge(SOUND, day).broken == {"maximum ride": 1}


def test_more_people_than_seats_are_called_so(tmp_path: Path) -> None:
    data = tiny_day()
    data["requests"][0]["party"] = 2
    day = read_day(write_day(tmp_path / "full", data))
    assert judge(SOUND, day).broken == {"seats": 1}


def test_a_day_with_other_longest_rides_than_the_policy_is_refused(tmp_path: Path) -> None:
    data = tiny_day()
    data["requests"][1]["max_ride"] += 1
    with pytest.raises(DayError, match="Request 1"):
        read_day(write_day(tmp_path / "other", data))


def test_nobody_alights_who_is_not_aboard(tmp_path: Path) -> None:
    data = tiny_day()
    data["runs"][0]["stops"][0]["alight"] = 1
    with pytest.raises(DayError, match="Run 0"):
        read_day(write_day(tmp_path / "ghost", data))


def test_or_tools_answers_the_same_day(day: Day) -> None:
    verdict = judge(plan_of_ortools(day, NOTHING, seconds=1), day)
    assert (verdict.served, verdict.broken) == (2, {})


def test_or_tools_goes_on_from_a_plan(day: Day) -> None:
    verdict = judge(plan_of_ortools(day, SOUND, seconds=1), day)
    assert (verdict.served, verdict.broken) == (2, {})


def test_vroom_answers_the_same_day(day: Day) -> None:
    pytest.importorskip("vroom", reason="the dependency group `bench` is not installed")
    assert judge(plan_of_vroom(day, seconds=1, exploration=1), day).served == 2
