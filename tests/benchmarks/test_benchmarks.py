"""The benchmarks end to end on what fits on a page: what they print, what they write, and what they refuse."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks import darp, empty_seats, performance
from benchmarks.day import judge, read_day
from tests.benchmarks.tiny import INSTANCE, write_day, write_instance

KEYS = {"served", "requests", "added_drive_seconds", "seconds", "upper_bound", "online", "peers"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_day(tmp_path / "tiny")


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def test_a_day_is_measured_online_and_re_planned(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.json"
    assert empty_seats.main([str(folder), "--seconds", "0.5", "--online", "--json", "--plan", str(plan)]) == 0
    report = printed(capsys)
    assert set(report) >= KEYS
    assert (report["served"], report["requests"], report["broken"], report["peers"]) == (2, 3, {}, None)
    assert 2 <= report["upper_bound"] <= 3
    assert set(report["online"]) >= {"served", "p50_ms", "p99_ms", "candidates_per_second", "ns_per_candidate"}
    assert report["online"]["served"] == 2


def test_the_plan_is_written_as_its_judge_reads_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plan.json"
    empty_seats.main([str(folder), "--seconds", "0.5", "--json", "--plan", str(path)])
    plan, report, day = json.loads(path.read_text(encoding="utf-8")), printed(capsys), read_day(folder)
    assert set(plan) == {"runs"} and set(plan["runs"]) == {"0", "1"}
    for visits in plan["runs"].values():
        assert [visit for visit in visits if visit[0] not in ("pickup", "dropoff")] == [
            ["start"],
            ["stop", 0],
            ["stop", 1],
            ["end"],
        ]
    verdict = judge(plan, day)
    assert (verdict.served, verdict.broken) == (report["served"], {})
    assert verdict.added_drive_seconds == report["added_drive_seconds"]


def test_without_json_a_person_reads_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert empty_seats.main([str(folder), "--seconds", "0.5", "--online"]) == 0
    said = capsys.readouterr().out
    assert "2 of 3" in said and "online: p50" in said


def test_online_alone_leaves_its_own_plan(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert empty_seats.main([str(folder), "--seconds", "0", "--online", "--json"]) == 0
    report = printed(capsys)
    assert (report["served"], report["seconds"]) == (report["online"]["served"], None)


def test_nothing_to_measure_is_said(folder: Path) -> None:
    with pytest.raises(SystemExit):
        empty_seats.main([str(folder), "--seconds", "0"])


def test_an_instance_is_served_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    solution = tmp_path / "routes.json"
    path = write_instance(tmp_path)
    assert darp.main([str(path), "--seconds", "0.5", "--json", "--solution", str(solution)]) == 0
    report = printed(capsys)
    [one] = report["instances"]
    assert (one["instance"], one["sound"], one["optimum"], one["gap_percent"]) == ("t2-4", True, None, None)
    assert (report["mean_gap_percent"], report["worst_gap_percent"]) == (None, None)
    routes, instance = json.loads(solution.read_text(encoding="utf-8"))["routes"], darp.read_instance(path)
    assert sorted(node for route in routes for node in route) == list(range(1, 9))
    assert one["distance"] == pytest.approx(instance.distance(routes), abs=1e-4)


def test_several_instances_are_written_to_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write_instance(tmp_path)
    second = tmp_path / "u2-4.txt"
    second.write_text(INSTANCE, encoding="utf-8")
    out = tmp_path / "routes"
    assert darp.main([str(first), str(second), "--seconds", "0.5", "--solution", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["t2-4.json", "u2-4.json"]
    assert "yes" in capsys.readouterr().out


def test_an_instance_is_read_with_its_copy_of_the_depot(tmp_path: Path) -> None:
    instance = darp.read_instance(write_instance(tmp_path))
    assert (instance.n, instance.vehicles, len(instance.nodes)) == (4, 2, 9)
    assert instance.requests()[3].party.seats == 2


def test_distances_are_rounded_up_by_less_than_a_unit(tmp_path: Path) -> None:
    instance = darp.read_instance(write_instance(tmp_path))
    route = [1, 2, 5, 6]
    path = [instance.times.places[k] for k in (0, *route, 0)]
    units = sum(instance.times.between(a, b) for a, b in pairwise(path))
    assert 0 <= units / darp.UNIT - instance.distance([route]) < 5 / darp.UNIT


SERVED = [[1, 2, 5, 6], [3, 4, 7, 8]]


def test_routes_that_keep_every_promise_are_sound(tmp_path: Path) -> None:
    assert darp.read_instance(write_instance(tmp_path)).sound(SERVED)


@pytest.mark.parametrize(
    ("routes", "changed"),
    [
        ([[1, 2, 5, 6]], {}),
        ([[1, 2, 5, 6], [3, 4, 7, 8], [1, 5]], {}),
        ([[1, 2], [3, 4, 7, 8, 5, 6]], {}),
        ([[5, 1, 2, 6], [3, 4, 7, 8]], {}),
        (SERVED, {"2 8 100 3 30": "1 8 100 3 30"}),
        (SERVED, {"2 8 100 3 30": "2 8 100 2 30"}),
        (SERVED, {"2 8 100 3 30": "2 8 100 3 5"}),
        (SERVED, {"2 8 100 3 30": "2 8 20 3 30"}),
        (SERVED, {"3 -1  20   90": "3 -1  0   5"}),
    ],
    ids=["left out", "twice", "on two vehicles", "order", "vehicles", "capacity", "ride", "duration", "window"],
)
def test_routes_with_a_fault_are_called_unsound(
    tmp_path: Path, routes: list[list[int]], changed: dict[str, str]
) -> None:
    """Negative control of the judge of the dial-a-ride instances."""
    text = INSTANCE
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    assert not darp.read_instance(write_instance(tmp_path, text)).sound(routes)


def test_other_service_at_the_dropoff_is_refused(tmp_path: Path) -> None:
    path = write_instance(tmp_path, INSTANCE.replace("3 -1   0   90", "4 -1   0   90"))
    with pytest.raises(darp.InstanceError, match="request 1"):
        darp.read_instance(path).requests()


def test_the_page_tells_figures_and_no_paths(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty_seats.main([str(folder), "--seconds", "0.5", "--online", "--json"])
    report = printed(capsys)
    report["peers"] = {"ortools": {"reason": "not built: 7,000 nodes"}}
    text = performance.page([report], None, command="python -m benchmarks.performance --days tiny", on="2026-01-01")
    assert "2026-01-01" in text and "| **tiny** | Noriai | 2 |" in text and "not built: 7,000 nodes" in text
    assert str(folder.parent) not in text
