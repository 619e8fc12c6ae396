"""The main job on real roads, as anybody runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
Said = dict[str, Any]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, helsinki: Path) -> Path:
    """Make a folder to stand in, a home of its own, and one for the demo in which the roads are prepared already."""
    folder = tmp_path_factory.mktemp("demo")
    for name in ("here", "home", "temporary", "demo/areas"):
        (folder / name).mkdir(parents=True)
    (folder / "demo" / "areas" / "helsinki").symlink_to(helsinki)
    return folder


def play(place: Path, *more: str) -> str:
    """Run the demo as a program of its own; give what it prints."""
    command = [sys.executable, "-m", "webapp.cli", "demo", "--no-serve", "--solve", "2", "--dir", str(place / "demo")]
    own = {"HOME": str(place / "home"), "TMPDIR": str(place / "temporary"), "PYTHONPATH": str(ROOT)}
    env = {name: value for name, value in os.environ.items() if not name.startswith(("NORIAI_", "XDG_"))}
    done = subprocess.run(
        [*command, *more], cwd=place / "here", env={**env, **own}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def said(place: Path) -> Said:
    found: Said = json.loads(play(place, "--json"))
    return found


def test_the_demo_keeps_every_promise(said: Said) -> None:
    assert said["promises_broken"] == 0
    assert said["revisions_judged"] >= said["runs"] + said["booked"]


def test_the_demo_serves_half_of_those_who_ask(said: Said) -> None:
    assert said["requests"] == 60
    assert said["offered"] + sum(said["refused"].values()) == said["requests"]
    assert said["booked"] >= 30
    assert said["booked"] == said["solver"]["after"]


def test_re_planning_is_no_worse_than_what_was_there(said: Said) -> None:
    assert said["solver"]["after"] >= said["solver"]["before"] >= 30
    assert said["solver"]["seconds"] > 0


def test_the_demo_is_as_large_as_was_asked(said: Said) -> None:
    assert said["runs"] >= 16
    assert said["committed"] >= 90
    assert len(said["refused"]) >= 3


def test_the_demo_says_how_long_an_offer_takes(said: Said) -> None:
    assert 0 < said["offer_ms"]["p50"] <= said["offer_ms"]["p99"]


def test_the_demo_writes_nothing_outside_its_folder(said: Said, place: Path) -> None:
    left = {name: list((place / name).rglob("*")) for name in ("here", "home", "temporary")}
    assert left == {"here": [], "home": [], "temporary": []}


def test_the_demo_may_be_run_again_in_the_same_folder(said: Said, place: Path) -> None:
    table = play(place)
    assert "60 / " in table
    assert f"{said['revisions_judged']}, 0" in table or ", 0" in table
