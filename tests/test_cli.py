"""Every command explains itself, does its work, and says in one line what went wrong."""

import json
import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text

from tests.webapp.schedule_samples import sheet
from webapp.cli import main

TOMORROW = date.today() + timedelta(days=1)
SEASON = {"days": "Mon Tue Wed Thu Fri Sat Sun", "who_may_ride": "registered"}
SEASON |= {"from": f"{TOMORROW:%Y-%m-%d}", "until": f"{TOMORROW + timedelta(days=2):%Y-%m-%d}"}
STOPS = [("Liisankatu 29", "60.174151", "24.951375", "8:00"), ("Ressun lukio", "60.167146", "24.938253", "8:20")]
SCHEDULE = sheet(
    [
        {"run_id": "D1", "vehicle": "B1", "seats": "4", "place": STOPS[0][0], "lat": STOPS[0][1], "lon": STOPS[0][2]}
        | {"time": STOPS[0][3], "board": "2", **SEASON},
        {"place": STOPS[1][0], "lat": STOPS[1][1], "lon": STOPS[1][2], "time": STOPS[1][3], "alight": "2"},
    ]
)


def commands(group: click.Group, name: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield name
    for word, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*name, word))
        else:
            yield (*name, word)


COMMANDS = sorted(commands(main))


def run(*arguments: str | Path, status: int = 0) -> Result:
    """Run a command; whatever it says, it never shows a traceback."""
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def fault(*arguments: str | Path, status: int = 1) -> str:
    """Run a command that must fail; give the one line that says why."""
    result = run(*arguments, status=status)
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.fixture
def home(tmp_path: Path, helsinki: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home with the roads of Helsinki, to which NORIAI_HOME points; one stands in an empty folder."""
    for name in [name for name in os.environ if name.startswith("NORIAI_")]:
        monkeypatch.delenv(name)
    made, here = tmp_path / "home", tmp_path / "here"
    (made / "areas").mkdir(parents=True)
    here.mkdir()
    (made / "areas" / "helsinki").symlink_to(helsinki)
    monkeypatch.setenv("NORIAI_HOME", str(made))
    monkeypatch.chdir(here)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "runs.csv"
    path.write_text(SCHEDULE, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(name: tuple[str, ...]) -> None:
    said = run(*name, "--help").output
    assert "Example" in said
    assert "noriai " in said.partition("Example")[2]
    assert run(*name, "-h").output == said


def test_every_command_that_was_asked_for_is_there() -> None:
    asked = "area add,area list,demo,plan,schedule check,schedule import,serve,user add,verify"
    assert set(asked.split(",")) <= {" ".join(name) for name in COMMANDS}


def test_an_area_is_prepared_and_listed(home: Path) -> None:
    (home / "areas" / "helsinki").unlink()
    assert run("area", "list").output == ""
    run("area", "add", "helsinki", "helsinki")
    (line,) = run("area", "list").output.splitlines()
    assert line.startswith("* helsinki: ")
    assert "junctions" in line


@pytest.mark.parametrize("name", ["../elsewhere", "/tmp/elsewhere", "", "A B", "."])
def test_an_area_stays_in_its_folder(home: Path, name: str) -> None:
    run("area", "add", name, "helsinki", status=2)
    assert [path.name for path in (home / "areas").iterdir()] == ["helsinki"]


@pytest.mark.parametrize("source", ["missing.osm.pbf", "nonsense", "damaged.osm", "damaged.osm.pbf", "damaged.graphml"])
def test_a_source_that_is_none_is_said_and_leaves_nothing(home: Path, source: str) -> None:
    if source.startswith("damaged"):
        Path(source).write_text("not a map", encoding="utf-8")
    assert source.partition(".")[0] in fault("area", "add", "new", source)
    assert [path.name for path in (home / "areas").iterdir()] == ["helsinki"]


def test_a_place_without_a_network_is_said_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    said = fault("area", "add", "porvoo", "place:Porvoo, Finland")
    assert "Porvoo, Finland" in said
    assert [path.name for path in (home / "areas").iterdir()] == ["helsinki"]


@pytest.mark.usefixtures("home")
def test_a_town_without_roads_is_told_how_to_get_them(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORIAI_AREA", "porvoo")
    for command in (["verify"], ["schedule", "check", str(file)], ["plan", "--date", "2026-11-23"]):
        assert "noriai area add porvoo" in fault(*command)


def test_a_schedule_is_checked_as_json_and_nothing_is_kept(home: Path, file: Path) -> None:
    said = json.loads(run("schedule", "check", file, "--json").stdout)
    assert {"runs", "rows", "encoding", "messages"} <= set(said)
    assert (said["runs"], said["rows"], said["messages"]) == (1, 2, [])
    assert run("verify").output.startswith("0 plans judged")


def test_a_schedule_with_errors_is_refused_by_check_and_import_alike(home: Path, file: Path) -> None:
    file.write_text(SCHEDULE.replace("8:20", "8:77"), encoding="utf-8")
    said = json.loads(run("schedule", "check", file, "--json", status=1).stdout)
    (message,) = said["messages"]
    assert {"code", "severity", "sheet", "row", "column", "value", "text", "run"} == set(message)
    assert (message["severity"], message["row"], message["run"]) == ("error", 3, "D1")
    assert "nothing was taken in" in fault("schedule", "import", file, "--operator", "school")
    assert run("verify").output.startswith("0 plans judged")


def test_a_schedule_speaks_the_language_of_its_dispatcher(home: Path, file: Path) -> None:
    file.write_text(SCHEDULE.replace("8:20", "8:77"), encoding="utf-8")
    assert "便" in run("schedule", "check", file, "--language", "ja", status=1).output


def test_a_schedule_is_imported_once_planned_and_verified(home: Path, file: Path) -> None:
    add = ("schedule", "import", file, "--operator", "school", "--operator-name", "Example School")
    assert run(*add).output == "3 runs new, 0 changed, 0 unchanged\n"
    assert run(*add).output == "0 runs new, 0 changed, 3 unchanged\n"
    said = run("plan", "--date", f"{TOMORROW:%Y-%m-%d}", "--seconds", "1").stdout
    assert said.startswith("0 parties before, 0 of at most 0 after; driving ")
    assert run("verify").output == "3 plans judged, 0 promises broken\n"
    assert run("verify", "--date", f"{TOMORROW:%Y-%m-%d}").output.startswith("1 plans judged")


def test_what_was_tampered_with_is_listed_and_fails(home: Path, file: Path) -> None:
    run("schedule", "import", file, "--operator", "school")
    engine = create_engine(f"sqlite:///{home / 'noriai.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE run_ride SET seats = 9"))
    engine.dispose()
    lines = run("verify", status=1).output.splitlines()
    assert len(lines) == 4
    assert lines[-1] == "3 plans judged, 3 promises broken"


def test_somebody_can_be_let_in(home: Path, file: Path) -> None:
    run("schedule", "import", file, "--operator", "school")
    add = ("user", "add", "anna@example.org", "--password", "a long secret")
    assert run(*add, "--role", "driver", "--operator", "school").output == "anna@example.org can sign in as driver\n"
    assert "somebody has it already" in fault(*add, "--role", "resident")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["anna@example.org", "--role", "driver"], "--operator"),
        (["anna@example.org", "--role", "driver", "--operator", "nobody"], "--operator"),
        (["anna", "--role", "resident"], "e-mail"),
    ],
)
def test_who_cannot_be_let_in_is_said(home: Path, more: list[str], why: str) -> None:
    assert why in fault("user", "add", *more, "--password", "a long secret")


@pytest.mark.parametrize(
    "arguments",
    [
        ["schedule", "check", "missing.csv"],
        ["schedule", "import", "missing.csv", "--operator", "school"],
        ["plan", "--date", "tomorrow"],
        ["plan", "--date", "2026-11-23", "--seconds", "0"],
        ["verify", "--date", "2026-13-01"],
        ["user", "add", "anna@example.org", "--role", "mayor"],
        ["demo", "--solve", "-1"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_asked_is_said(home: Path, arguments: list[str]) -> None:
    assert fault(*arguments, status=2)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("NORIAI_TIMEZONE", "Mars/Olympus"),
        ("NORIAI_HORIZON_DAYS", "many"),
        ("NORIAI_DATABASE_URL", "nonsense"),
        ("NORIAI_DATABASE_URL", "mysql://localhost/noriai"),
        ("NORIAI_DATABASE_URL", "postgresql://noriai:secret@127.0.0.1:9/noriai"),
        ("NORIAI_DATABASE_URL", "sqlite:////dev/null/noriai.db"),
        ("NORIAI_POLICY", "missing.toml"),
        ("NORIAI_AREA", "missing"),
    ],
)
def test_settings_that_cannot_be_are_said(home: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    monkeypatch.setenv(name, said)
    assert "secret" not in fault("verify")


def test_everything_is_kept_in_the_home_that_was_named(home: Path, file: Path) -> None:
    run("schedule", "import", file, "--operator", "school")
    assert {"areas", "noriai.db", "secret-key"} <= {path.name for path in home.iterdir()}
    assert list(Path.cwd().iterdir()) == []


def test_the_demo_leaves_records_alone_that_it_did_not_make(home: Path, file: Path) -> None:
    run("schedule", "import", file, "--operator", "school")
    assert "choose another folder" in fault("demo", "--no-serve", "--dir", home)
    assert run("verify").output.startswith("3 plans judged")


def test_the_built_in_area_prepares_itself(home: Path) -> None:
    (home / "areas" / "helsinki").unlink()
    run("verify")
    assert (home / "areas" / "helsinki" / "area.json").is_file()


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_that_cannot_be_is_refused_before_anything_starts(command: str) -> None:
    assert "--port" in fault(command, "--port", "99999", status=2)
