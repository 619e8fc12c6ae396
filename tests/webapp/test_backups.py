"""Records can be brought back: whole, as they were, on an empty machine, and never over others without being asked."""

import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from click.testing import CliRunner
from sqlalchemy import create_engine, make_url, text

from tests.webapp.conftest import MORNING
from tests.webapp.wishes import book, count_rows, newcomer, rider_id, run_of
from webapp import backups
from webapp.backups import BackupError, Manifest, Restored
from webapp.cli import main
from webapp.db import backups as copies
from webapp.db import tables
from webapp.db.migrations import config_for
from webapp.db.store import StoreError
from webapp.services import messages, planning
from webapp.town import Town


def quiet(_name: str, _done: int, _of: int) -> None:
    """Hear how far it is, and say nothing."""


def back_up(town: Town, folder: Path, **said: bool) -> tuple[Path, Manifest]:
    return backups.back_up(town.settings, folder / "backups", MORNING, quiet, **said)


def restore(town: Town, file: Path, **said: bool) -> Restored:
    """Restore as with the service stopped: nobody has the records open."""
    town.store.close()
    return backups.restore(town.settings, file, lambda: MORNING, quiet, **said)


@pytest.fixture
def dropped(database_url: str) -> Iterator[Callable[[Restored], None]]:
    """Give a function that remembers databases that a restore set aside, so that they are dropped at the end."""
    aside: list[str] = []
    yield lambda done: aside.append(done.aside)
    for name in aside:
        if database_url.startswith("postgresql") and name:
            engine = create_engine(make_url(database_url).set(database="postgres"), isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
            engine.dispose()


def test_what_was_backed_up_comes_back_and_what_is_there_stays_aside(
    town: Town, tmp_path: Path, dropped: Callable[[Restored], None]
) -> None:
    made = book(town)
    plan, rows = run_of(town), count_rows(town)
    file, manifest = back_up(town, tmp_path)
    assert dict(manifest.counts) == rows | {"alembic_version": 1}
    assert file.stat().st_mode & 0o777 == 0o600
    newcomer(town, "Later")
    done = restore(town, file, replace=True)
    dropped(done)
    assert (count_rows(town), run_of(town)) == (rows, plan)
    with town.store.read() as records:
        assert records.get_booking(made.id).status == "booked"
    assert planning.verify(town)[1] == []
    assert (dict(done.lost), done.key, bool(done.aside)) == ({"user": 1}, "same", True)
    if done.aside.startswith("/"):
        assert Path(done.aside).exists()


def test_records_are_not_overwritten_unless_that_is_asked_for(town: Town, tmp_path: Path) -> None:
    file, _ = back_up(town, tmp_path)
    newcomer(town, "Later")
    rows = count_rows(town)
    with pytest.raises(BackupError, match="records already"):
        restore(town, file)
    assert count_rows(town) == rows


def test_records_in_use_are_not_replaced(town: Town, tmp_path: Path) -> None:
    file, _ = back_up(town, tmp_path)
    with town.store.read() as records:
        records.list_users()
        with pytest.raises(StoreError, match="stop the service"):
            backups.restore(town.settings, file, lambda: MORNING, quiet, replace=True)
    assert [path.name for path in Path(town.settings.home).glob("*restoring*")] == []


def test_what_may_have_been_sent_is_held_until_somebody_decides(
    town: Town, tmp_path: Path, dropped: Callable[[Restored], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    book(town)
    file, _ = back_up(town, tmp_path)
    done = restore(town, file, replace=True)
    dropped(done)
    sent = []

    def deliver(_town: Town, row: tables.Outbox, _silent: set[str]) -> int:
        sent.append(row.id)
        return 1

    monkeypatch.setattr(messages, "_deliver", deliver)
    messages.deliver(town)
    assert (sent, done.held > 0) == ([], True)
    assert sum(copies.count_held(town.store).values()) == done.held
    assert copies.release_held(town.store, send=True) == done.held
    messages.deliver(town)
    assert len(sent) == done.held


def test_everybody_signs_in_again_since_sessions_that_were_ended_would_be_open(
    town: Town, tmp_path: Path, dropped: Callable[[Restored], None]
) -> None:
    file, _ = back_up(town, tmp_path)
    with town.store.read() as records:
        before = records.get_user(rider_id(town)).fs_uniquifier
    dropped(restore(town, file, replace=True))
    with town.store.read() as records:
        assert records.get_user(rider_id(town)).fs_uniquifier != before


def test_a_backup_of_an_older_version_is_brought_up_to_date(
    town: Town, tmp_path: Path, dropped: Callable[[Restored], None]
) -> None:
    with town.store._database.migrating() as connection:
        command.downgrade(config_for(connection), "r0016")
    file, manifest = back_up(town, tmp_path)
    assert manifest.revision == "r0016"
    dropped(restore(town, file, replace=True))
    book(town)


@pytest.fixture
def small(tmp_path: Path, demo_town: Town) -> tuple[Town, Path]:
    """Give a town on SQLite, and a backup of it."""
    return demo_town, back_up(demo_town, tmp_path)[0]


def rewritten(file: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Pack a backup anew with other members."""
    with tarfile.open(file) as archive:
        members = {one.name: (archive.extractfile(one) or BytesIO()).read() for one in archive}
    change(members)
    other = file.with_name("other.tar.gz")
    with tarfile.open(other, "w:gz") as archive:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, BytesIO(content))
    return other


def say(members: dict[str, bytes], **other: object) -> None:
    members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | other).encode()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda members: members.update(records=members["records"][:-1] + b"!"), "altered"),
        (lambda members: members.pop("records"), "missing"),
        (lambda members: members.update({"../escaped": b"x"}), "not in its manifest"),
        (lambda members: members.pop("manifest.json"), "no backup of Noriai"),
        (lambda members: say(members, revision="r9999"), "newer version"),
        (lambda members: say(members, database="postgresql"), "another database|damaged"),
        (lambda members: say(members, format=2), "format 2"),
    ],
    ids=["altered", "missing", "escaped", "foreign", "newer", "other database", "other format"],
)
def test_a_backup_that_is_not_whole_or_not_ours_changes_nothing(
    small: tuple[Town, Path], change: Callable[[dict[str, bytes]], None], told: str
) -> None:
    town, file = small
    rows, other = count_rows(town), rewritten(file, change)
    with pytest.raises((BackupError, StoreError), match=told):
        restore(town, other, replace=True)
    assert count_rows(town) == rows
    assert [
        path.name for path in town.settings.home.iterdir() if "restoring" in path.name or ".noriai" in path.name
    ] == []


def test_a_backup_that_was_cut_off_is_refused(small: tuple[Town, Path]) -> None:
    town, file = small
    whole = file.read_bytes()
    for share in (0, 10, 50, 90, 99):
        cut = file.with_name("cut.tar.gz")
        cut.write_bytes(whole[: len(whole) * share // 100])
        with pytest.raises(BackupError):
            restore(town, cut, replace=True)


def test_nothing_that_opens_anything_is_in_a_backup_unless_asked_for(small: tuple[Town, Path], tmp_path: Path) -> None:
    town, _ = small
    secrets: dict[str, Any] = {"secret_key": "canary-key", "smtp_password": "canary-mail", "line_secret": "canary-line",
               "line_token": "canary-token", "sms_authorization": "canary-sms"}  # fmt: skip
    told = replace(town, settings=replace(town.settings, **secrets))
    for with_key, found in ((False, 0), (True, 1)):
        file, _ = backups.back_up(told.settings, tmp_path / f"{with_key}", MORNING, quiet, with_key=with_key)
        with tarfile.open(file) as archive:
            held = [(archive.extractfile(one) or BytesIO()).read() for one in archive if one.name != "records"]
        assert sum(content.count(b"canary") for content in held) == found
    address = replace(town.settings, database_url="postgresql://me:hidden@server/db")
    assert "hidden" not in json.dumps(backups.plain_settings(address))


def test_a_backup_that_fails_leaves_no_file(small: tuple[Town, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    town, file = small
    file.unlink()

    def fail(_kind: str, _file: Path) -> None:
        raise StoreError("cannot be read")

    monkeypatch.setattr(copies, "check_copy", fail)
    with pytest.raises(BackupError):
        back_up(town, file.parent.parent)
    assert list(file.parent.iterdir()) == []


def test_only_the_newest_backups_stay(tmp_path: Path) -> None:
    names = [f"noriai-202611{day:02}T030000Z.tar.gz" for day in range(1, 6)]
    for name in (*names, "noriai-keep-this.tar.gz", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in backups.prune(tmp_path, 2)] == names[:3]
    assert {path.name for path in tmp_path.iterdir()} == {*names[3:], "noriai-keep-this.tar.gz", "notes.txt"}


def test_a_tool_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match="pg_dump is not installed"):
        copies.copy_records("postgresql://postgres@127.0.0.1:1/none", tmp_path / "copy", lambda _done, _of: None)


def test_an_empty_machine_is_brought_back_by_one_command(
    small: tuple[Town, Path], tmp_path: Path, helsinki: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drill: with the key, which the new machine does not have, and every plan judged at the end."""
    town, _ = small
    rows, plans = count_rows(town), len(planning.verify(town)[1])
    monkeypatch.setenv("NORIAI_HOME", str(town.settings.home))
    (town.settings.home / "secret-key").write_text("the key of before", encoding="ascii")
    made = CliRunner().invoke(main, ["backup", str(tmp_path / "store"), "--with-key"])
    assert made.exit_code == 0, made.output
    home = tmp_path / "new machine"
    (home / "areas").mkdir(parents=True)
    shutil.copytree(helsinki, home / "areas" / "helsinki")
    monkeypatch.setenv("NORIAI_HOME", str(home))
    (file,) = (tmp_path / "store").iterdir()
    done = CliRunner().invoke(main, ["restore", str(file)])
    assert done.exit_code == 0, done.output
    assert f"{plans} promises broken" in done.output
    assert "is not in it" in done.output
    assert (home / "secret-key").read_text(encoding="ascii") == "the key of before"
    assert (home / "secret-key").stat().st_mode & 0o777 == 0o600
    again = replace(town, settings=replace(town.settings, database_url=f"sqlite:///{home / 'noriai.db'}"))
    assert count_rows(again) == rows
