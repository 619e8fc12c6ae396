"""`noriai doctor` names what is wrong and what to do about it, and changes nothing."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.webapp.conftest import Clock
from webapp import doctoring
from webapp.cli import main
from webapp.db import health
from webapp.doctoring import Finding, examine
from webapp.services import boarding, cards, codes, pins, tokens
from webapp.services.errors import NotAllowed
from webapp.services.tablets import read_ticket, ticket
from webapp.town import Town


def about(findings: list[Finding], subject: str, level: str) -> list[str]:
    return [f"{one.seen} {one.remedy}" for one in findings if (one.about, one.level) == (subject, level)]


def test_a_sound_installation_has_no_error(town: Town) -> None:
    found = examine(town.settings)
    assert [one for one in found if one.level == "error"] == []
    assert about(found, "tables", "ok")
    assert about(found, "roads", "ok")


def test_each_fault_is_named_beside_the_others(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "newest", lambda: "r9999")
    monkeypatch.setattr(doctoring, "LEAST_FREE", 10**18)
    broken = replace(
        town.settings, area=("nowhere",), policy="none.toml", address="http://rides.example.org", secret_key="short"
    )
    found = examine(broken)
    for subject in ("tables", "disk", "roads", "rules", "settings"):
        assert about(found, subject, "error"), subject
    assert all(one.remedy for one in found if one.level != "ok")


def test_a_database_that_is_gone_hides_nothing_else(town: Town) -> None:
    gone = replace(town.settings, database_url="postgresql://nobody:pass-word@127.0.0.1:1/none")
    found = examine(gone)
    assert about(found, "database", "error")
    assert about(found, "roads", "ok")
    assert "pass-word" not in str(found)


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_servers_are_tried_only_when_asked_for(town: Town, listening: int) -> None:
    settings = replace(town.settings, smtp=f"127.0.0.1:{listening}", sms="https://127.0.0.1:1/send")
    assert not about(examine(settings), "mail", "ok")
    found = examine(settings, online=True)
    assert about(found, "mail", "ok")
    assert about(found, "text messages", "error")


def test_the_exit_status_says_how_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORIAI_HOME", str(tmp_path))
    run = CliRunner().invoke(main, ["doctor", "--json"])
    assert run.exit_code == 2
    assert {"about": "rules", "level": "ok"}.items() <= next(
        one for one in json.loads(run.output) if one["about"] == "rules"
    ).items()
    assert CliRunner().invoke(main, ["doctor"]).exit_code == 2


# Keys that are changed


def changed(town: Town, *old: str) -> Town:
    return replace(town, settings=replace(town.settings, secret_key="another key", old_secret_keys=old))


def test_what_an_old_key_made_is_believed_while_it_is_named(town: Town, clock: Clock) -> None:
    old, key = town, town.settings.secret_key
    sealed = pins.seal(old, "owner", "2580")
    tag = ticket(old, "nobody")
    text = tokens._serializer(old).dumps(["said"])
    assert clock()
    for new, believed in ((changed(town, key), True), (changed(town), False)):
        assert boarding.matches(new, "booking", boarding.pin(old, "booking")) is believed
        assert boarding.matches(new, "booking", boarding.token(old, "booking")) is believed
        assert pins.fits(new, "owner", "2580", sealed) is believed
        assert not pins.fits(new, "owner", "2581", sealed)
        assert read_ticket(new, tag) is None
        try:
            tokens.read(new, text)
        except NotAllowed:
            assert not believed
        except (TypeError, ValueError):
            assert believed  # signed by us, though it is no offer


def test_a_card_is_printed_again_as_it_was(town: Town) -> None:
    with town.store.read() as records:
        rider = next(user for user in records.list_users("resident"))
    card = cards.issue(town, rider.id, "2580", key="form", actor=rider.id)
    printed = cards.token(town, card.id)
    assert cards.token(changed(town, town.settings.secret_key), card.id) == printed
    assert cards.token(changed(town), card.id) != printed
    new = changed(town, town.settings.secret_key)
    assert cards.use(new, printed, "2580", peer="192.0.2.1")
    assert codes.digest(printed) == card.link
