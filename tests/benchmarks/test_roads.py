"""The benchmark of roads on a tiny town: the same questions to all, the same answers, and rows that others can read."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from benchmarks import matrix, performance, road_engines, roads_page
from benchmarks.road_engines import FRESH, Questions
from benchmarks.towns import write_town

PLACES = 30
MACHINE = {"processor": "a processor", "cores": 2, "memory_gib": 8.0}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare a town of 49 corners, and draw what is asked."""
    folder = tmp_path_factory.mktemp("town")
    write_town(folder / "town.osm", 49)
    road_engines.prepare(folder / "town.osm", folder / "area")
    road_engines.choose(folder / "area", folder / "asked.npz", [10, PLACES], 0)
    return folder / "asked.npz"


@pytest.fixture(scope="module")
def rows(asked: Path) -> list[dict[str, Any]]:
    """Ask every engine that is at hand everywhere, and keep its answers beside the questions."""
    found = [{"work": "prepare", "n": 49, "engine": "noriai", "cpu_seconds": 1.0, "peak_mb": 100.0, "mb": 0.5}]
    for name, engine in road_engines.ENGINES.items():
        if name == "igraph":
            pytest.importorskip("igraph", reason="the dependency group `bench` is not installed")
        measured, answers = engine(asked.parent / "area", Questions.load(asked))
        np.save(asked.with_name(f"{name}.npy"), answers)
        found += measured
    return [{"extract": "town", **row} for row in found]


def test_a_town_is_the_same_one_every_time(tmp_path: Path) -> None:
    for name in ("a.osm.pbf", "b.osm.pbf"):
        write_town(tmp_path / name, 100)
    assert (tmp_path / "a.osm.pbf").read_bytes() == (tmp_path / "b.osm.pbf").read_bytes()


def test_every_engine_says_the_same_seconds(asked: Path, rows: list[dict[str, Any]]) -> None:
    matrix.compare(asked)
    compared = np.load(asked.with_name("scipy.npy"))
    assert compared.shape == (PLACES, PLACES) and (compared >= 0).mean() > 0.9


def test_a_second_more_is_a_disagreement(asked: Path, rows: list[dict[str, Any]]) -> None:
    """Negative control of the comparison that every figure rests on."""
    ours = asked.with_name("noriai.npy")
    right = np.load(ours)
    wrong = right.copy()
    wrong[0, np.flatnonzero(np.load(asked.with_name("scipy.npy"))[0] >= 0)[0]] += 1
    np.save(ours, wrong)
    try:
        with pytest.raises(matrix.Disagreement, match="1 of"):
            matrix.compare(asked)
    finally:
        np.save(ours, right)


def test_rows_are_named_as_others_read_them(rows: list[dict[str, Any]]) -> None:
    assert all({"extract", "work", "n", "engine", "cpu_seconds", "peak_mb"} <= set(row) for row in rows)
    squares = {(row["engine"], row["n"]) for row in rows if row["work"] == "matrix"}
    assert squares == {(engine, n) for engine in ("noriai", "scipy", "igraph") for n in (10, PLACES)}
    assert {row["work"] for row in rows} >= {"load", "one to many", "new address", "one to all", "path", "polyline"}


def test_one_question_is_put_to_all_and_no_place_is_new_twice(asked: Path) -> None:
    beside = json.loads(asked.with_suffix(".json").read_text(encoding="utf-8"))
    known, fresh = ({tuple(place) for place in beside[name]} for name in ("places", "new"))
    assert (len(beside["places"]), len(beside["new"])) == (PLACES, FRESH)
    assert not known & fresh
    assert len(beside["pairs"]) == len(Questions.load(asked).tenths)


def test_a_person_reads_a_table(rows: list[dict[str, Any]]) -> None:
    screen = Console(width=120)
    with screen.capture() as printed:
        matrix.show(beside_osrm(rows), screen)
    assert "matrix" in printed.get() and "0.500" in printed.get()


def beside_osrm(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put an OSRM beside that takes twice our time."""
    ours = [row for row in rows if row["engine"] == "noriai" and row["work"] != "first answer"]
    agreed = {"work": "agreement", "n": 99, "median": 1.01, "within_15": 0.97, "cpu_seconds": 0.0, "peak_mb": 0.0}
    slower = [{**row, "engine": "osrm", "cpu_seconds": 2 * row["cpu_seconds"]} for row in ours]
    return [*rows, *slower, {"extract": "town", "engine": "osrm", **agreed}]


def test_the_page_tells_ratios_growth_and_agreement(rows: list[dict[str, Any]]) -> None:
    larger = [{**row, "extract": "city", "n": 490, "cpu_seconds": 20.0} for row in rows if row["work"] == "prepare"]
    text = roads_page.part(
        [*beside_osrm(rows), *larger], command="python -m x", on="2026-01-01", machine=MACHINE, pictures="images"
    )
    assert "| matrix | 30 |" in text and "| 0.50 |" in text
    assert "| City | 490 | 20.0 | 1.30 | – | – |" in text
    assert "97.0%" in text and "(images/agreement-town.png)" in text


def test_a_part_that_is_not_measured_anew_stays_on_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    assert performance.kept(page) == ("", "")
    page.write_text("# Performance\n\nmatching\n\n## Roads\n\nroads\n", encoding="utf-8")
    assert performance.kept(page) == ("# Performance\n\nmatching\n", "## Roads\n\nroads\n")


def test_nothing_to_measure_is_said() -> None:
    with pytest.raises(SystemExit):
        matrix.main([])


def test_a_picture_needs_something_to_compare_with(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        matrix.main([str(tmp_path / "x.osm"), "--plots", str(tmp_path)])


def test_the_agreement_is_drawn(tmp_path: Path) -> None:
    agreement = pytest.importorskip("benchmarks.agreement", reason="the dependency group `bench` is not installed")
    theirs = np.linspace(60, 900, 50)
    theirs[3] = np.nan
    agreement.draw("town", theirs * 1.02, theirs, tmp_path / "town.png")
    assert (tmp_path / "town.png").read_bytes().startswith(b"\x89PNG")


def test_engines_that_disagree_end_the_benchmark_with_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def disagree(*_: object, **__: object) -> list[dict[str, Any]]:
        raise matrix.Disagreement("1 of 9 seconds differ.")

    monkeypatch.setattr(matrix, "measure", disagree)
    monkeypatch.setattr(matrix, "on_one_core", lambda: None)
    assert matrix.main([str(tmp_path / "x.osm"), "--json"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and "differ" in said.err


def test_roads_are_measured_anew_beside_what_is_known_of_matching(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    asked: list[object] = []

    def run(*words: object) -> list[dict[str, Any]]:
        asked.extend(words)
        return beside_osrm(rows)

    monkeypatch.setattr(performance, "run", run)
    monkeypatch.setattr(performance, "on_one_core", lambda: None)
    page = tmp_path / "page.md"
    page.write_text("# Performance\n\nmatching\n\n## Roads\n\nold\n", encoding="utf-8")
    extract, interpreter = tmp_path / "far" / "porto.osm.pbf", tmp_path / "bin" / "python3.12"
    words = ["--roads", str(extract), "--town", "900", "--osrm", str(interpreter), "--out", str(page)]
    assert performance.main([*words, "--date", "2026-01-01"]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Performance\n\nmatching\n\n## Roads\n") and "old" not in text
    assert "--roads porto.osm.pbf --town 900 --osrm python3.12" in text and str(tmp_path) not in text
    assert asked[:4] == ["matrix", extract, "--town", 900]
