"""The main job on real roads, as anybody runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.webapp.conftest import HELSINKI
from webapp.commands.demo import DEMO, _show
from webapp.db.store import Store
from webapp.db.tables import Operator
from webapp.town import utc_now

ROOT = Path(__file__).parent.parent
Said = dict[str, Any]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, helsinki: Path) -> Path:
    """Make a folder to stand in, a home, and one for the demo, where roads are prepared and an earlier demo ended."""
    folder = tmp_path_factory.mktemp("demo")
    for name in ("here", "home", "temporary", "demo/areas"):
        (folder / name).mkdir(parents=True)
    (folder / "demo" / "areas" / "helsinki").symlink_to(helsinki)
    (folder / "demo" / DEMO).touch()
    earlier = Store(records_of(folder), clock=utc_now, timezone=HELSINKI)
    earlier.migrate()
    earlier.commit(lambda door: door.put(Operator(id="earlier", name="An Earlier Demo", kind="school")))
    earlier.close()
    return folder


def records_of(place: Path) -> str:
    return f"sqlite:///{place / 'demo' / 'noriai.db'}"


@pytest.fixture(scope="module")
def said(place: Path) -> Said:
    """Run the demo as a program of its own; give what it says."""
    command = [sys.executable, "-m", "webapp.cli", "demo", "--no-serve", "--json", "--solve", "2"]
    own = {"HOME": str(place / "home"), "TMPDIR": str(place / "temporary"), "PYTHONPATH": str(ROOT)}
    env = {name: value for name, value in os.environ.items() if not name.startswith(("NORIAI_", "XDG_"))}
    done = subprocess.run(
        [*command, "--dir", str(place / "demo")],
        cwd=place / "here",
        env={**env, **own},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: Said = json.loads(done.stdout)
    return found


def test_the_demo_keeps_every_promise(said: Said) -> None:
    assert said["promises_broken"] == 0
    assert said["revisions_judged"] >= said["runs"] + said["booked"]


def test_the_demo_serves_half_of_those_who_ask(said: Said) -> None:
    assert said["requests"] == 60
    assert said["offered"] + sum(said["refused"].values()) == said["requests"]
    assert said["booked"] >= 30
    assert said["booked"] == said["solver"]["after"] + said["absence"]["booked"]


def test_an_absence_gives_its_seat_to_somebody_who_waits(said: Said) -> None:
    assert said["absence"]["absent"] == 1
    assert said["absence"]["booked"] >= 1


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
    store = Store(records_of(place), clock=utc_now, timezone=HELSINKI)
    with store.read() as records:
        assert "earlier" not in {one.id for one in records.list_operators()}
        assert len(records.list_operators()) == 3
        assert len(records.list_bookings(status="booked")) == said["booked"]
    store.close()


def test_people_are_shown_the_same_as_a_table(said: Said, capsys: pytest.CaptureFixture[str]) -> None:
    _show(SimpleNamespace(as_json=lambda: said))
    table = capsys.readouterr().out
    assert f"{said['requests']} / {said['offered']} / {said['booked']}" in table
    assert f"{said['revisions_judged']}, 0" in table
