"""What is known of somebody is theirs to take along and to have erased: by page, by the desk, by one command."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask

from tests.webapp import canary
from tests.webapp.conftest import Clock, SignIn
from tests.webapp.small_town import RIDER
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import book, rider_id
from webapp.cli import main
from webapp.services import access_log, erasing, portrait
from webapp.town import Town


def test_the_export_holds_everything_and_opens_nothing(town: Town, clock: Clock, site: Flask) -> None:
    canary.settle(town)
    canary.live(town, clock)
    who = canary.resident(town)
    access_log.seen(town, rider_id(town, "desk"), [("rider", who)], purpose="calls.show")
    with zipfile.ZipFile(io.BytesIO(portrait.pack(town, portrait.of_resident(town, who), language="fi"))) as packed:
        data, page = packed.read("data.json").decode(), packed.read("index.html").decode()
    assert {one["text"] for one in json.loads(data)["consents"] if "kinds" in one} == {"1"}
    missing = {*canary.OF_RESIDENT} - {
        word for _, word in canary.hits({"data": data, "page": page}, canary.OF_RESIDENT)
    }
    assert missing == {canary.REMARK} - {word for word in (canary.REMARK,) if word in data}
    assert "argon2" not in data and "Mitä sinusta tiedetään" in page
    assert json.loads(data)["readers"][0]["who"] == "Desk Testi"
    assert canary.hits({"data": data}, canary.GUARDIAN[2:]) == []


def test_the_export_of_a_member_holds_who_looked(town: Town, clock: Clock, site: Flask) -> None:
    canary.settle(town)
    Visitor(site).sign_in("driver").get(f"/drive/{canary.RUN}-23")
    found = portrait.of_member(town, "school", canary.CODE)
    assert found["readers"] and found["consents"] and found["rides"]
    assert canary.CHILD[1] in portrait.as_json(found) and clock


def test_somebody_downloads_and_deletes_their_own_account(town: Town, sign_in: SignIn) -> None:
    rider = sign_in(RIDER)
    trip = book(town)
    rider.get("/signing-in")
    rider.get("/privacy")
    answer = rider.browser.get("/privacy/known.zip")
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    assert RIDER not in answer.headers["Content-Disposition"]
    rider.get("/privacy/delete")
    assert "is cancelled, and the driver is told" in rider.text
    rider.send("Delete everything for good")
    assert rider.path in ("/login", "/sign-in") and canary.trip_of(town, trip.id).status == "cancelled"
    rider.get("/trips")
    assert rider.path in ("/login", "/sign-in")


def test_the_desk_deletes_the_account_of_a_caller(town: Town, sign_in: SignIn) -> None:
    desk, who = sign_in("desk"), rider_id(town)
    desk.get("/desk")
    desk.post("/desk/act-for", {"user": who})
    desk.get("/privacy/delete")
    desk.send("Delete everything for good")
    assert desk.path == "/desk" and erasing.plan_resident(town, who).done


@pytest.mark.parametrize("path", ["/privacy", "/privacy/known.zip", "/privacy/delete"])
@pytest.mark.parametrize("role", ["driver", "dispatcher", "town"])
def test_nobody_else_opens_these_pages(sign_in: SignIn, role: str, path: str) -> None:
    sign_in(role).get(path, status=404)


def test_one_command_exports_and_one_erases(
    town: Town, helsinki: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("webapp.commands.person.open_the_town", lambda: town)
    monkeypatch.setattr(type(town.store), "close", lambda _: None)
    run = CliRunner()
    out = tmp_path / "known.zip"
    said = run.invoke(main, ["person", "export", "resident@example.org", "--out", str(out)])
    assert said.exit_code == 0 and zipfile.is_zipfile(out) and helsinki, said.output
    assert "say --yes" in run.invoke(main, ["person", "erase", "resident@example.org"]).output
    assert "erased" in run.invoke(main, ["person", "erase", "resident@example.org", "--yes"]).output
    again = run.invoke(main, ["person", "erase", "resident@example.org", "--yes"])
    assert again.exit_code == 1 and "no resident" in again.output
    assert run.invoke(main, ["retention", "--dry-run"]).exit_code == 0
    audit = run.invoke(main, ["audit", "--date", "2026-11-23", "--most", "0"])
    assert audit.exit_code == 0, audit.output
