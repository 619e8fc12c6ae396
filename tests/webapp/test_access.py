"""Nobody opens what is not theirs: every page, every role, and every name swapped for a foreign one that is there."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from benchmarks.trust import crossing
from benchmarks.trust.crossing import Answer, Browser, Ground
from tests.webapp import wishes
from tests.webapp.conftest import Clock, SignIn
from tests.webapp.wishes import BUS, VAN
from webapp.services import access, rights
from webapp.services.errors import Invalid
from webapp.town import Town
from webapp.views import guard
from webapp.views.shared import anybody


class InProcess:
    """A browser that asks the site without a network."""

    def __init__(self, site: Flask) -> None:
        self.client = site.test_client()

    def send(
        self, method: str, path: str, data: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        try:
            answer = self.client.open(path, method=method, data=data, headers=headers)
        except Exception:  # what a site that is not under test answers with 500
            return Answer(500, "")
        shown = answer.text if answer.mimetype.startswith("text/") else ""
        return Answer(answer.status_code, shown, answer.location or "")


def everybody(site: Flask, ground: Ground) -> dict[str, Browser]:
    return {who: crossing.sign_in(InProcess(site), who, ground.things) for who in crossing.ROLES}


def test_nobody_opens_or_changes_what_is_not_theirs(site: Flask, town: Town) -> None:
    ground = Ground(site, crossing.settle(town))
    browsers = everybody(site, ground)
    found = crossing.try_all(ground, browsers, town.settings.database_url)
    assert found.leaks == []
    assert found.untried == []
    assert found.attempts > 1000
    assert crossing.open_own(ground, browsers) == []


def test_without_the_guard_things_of_others_are_opened(
    site: Flask, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the attempts above would find what they look for."""
    ground = Ground(site, crossing.settle(town))
    browsers = {who: one for who, one in everybody(site, ground).items() if who in ("neighbour", "driver-south")}
    asked = [one for one in site.before_request_funcs[None] if one is not guard.refuse]
    monkeypatch.setitem(site.before_request_funcs, None, asked)
    found = crossing.try_all(ground, browsers, town.settings.database_url)
    assert len(found.leaks) > 10


def test_a_refusal_is_noted_without_a_person(
    site: Flask, town: Town, sign_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="noriai.access"):
        sign_in("dispatcher").get(f"/dispatch/runs/{VAN}", status=404)
        sign_in("driver").get("/dispatch", status=404)
        sign_in("dispatcher").get("/dispatch/runs/no-such-run", status=404)
    assert [one.getMessage() for one in caplog.records] == [
        "refused endpoint=dispatcher.run roles=dispatcher kind=run",
        "refused endpoint=dispatcher.day roles=driver kind=a page",
    ]


def test_a_site_with_a_page_that_says_nothing_does_not_start() -> None:

    def thing(thing_id: str) -> str:
        return thing_id

    app = Flask("undeclared")
    app.add_url_rule("/silent", endpoint="silent", view_func=lambda: "")
    app.add_url_rule("/things/<thing_id>", endpoint="thing", view_func=anybody(thing))
    with pytest.raises(guard.Undeclared) as fault:
        guard.add_guard(app)
    assert "decorate silent with needs" in str(fault.value) and "what thing_id names" in str(fault.value)


def test_a_form_sets_no_column_that_is_not_asked_for(site: Flask, town: Town) -> None:
    ground = Ground(site, crossing.settle(town))
    sent = crossing.send_own(ground, everybody(site, ground))
    assert sent > 100
    assert crossing.mass_assigned(town.settings.database_url) == []


def test_odd_methods_and_paths_reach_no_page(site: Flask, town: Town) -> None:
    ground = Ground(site, crossing.settle(town))
    browser = everybody(site, ground)["dispatcher-north"]
    before = crossing.rows_of(town.settings.database_url)
    assert crossing.odd_answers(ground, browser, "dispatcher-north") == []
    assert crossing.changes(before, crossing.rows_of(town.settings.database_url)) == []


def test_the_page_of_who_may_what_is_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "access.md").read_text(encoding="utf-8")
    assert access.table() in page


# The driver's window


@pytest.mark.parametrize(
    ("minutes", "status"),
    [(-61, 404), (-60, 200), (0, 200), (90, 200), (120, 200), (121, 404), (1440, 404)],
)
def test_a_run_shows_who_rides_from_two_hours_before_until_half_an_hour_after(
    town: Town, sign_in: SignIn, clock: Clock, minutes: int, status: int
) -> None:
    """At 7:00 the bus of 8:00, whose last stop takes it until 8:30 at the latest."""
    driver = sign_in("driver")
    clock.forward(minutes * 60)
    driver.get(f"/drive/{BUS}", status=status)
    driver.get(f"/drive/{BUS}/manifest", status=status)
    assert (f'href="/drive/{BUS}"' in driver.get("/drive?day=2026-11-23")) is (status == 200)


def test_a_run_that_was_begun_stays_open_until_it_is_ended(town: Town, sign_in: SignIn, clock: Clock) -> None:
    driver = sign_in("driver")
    clock.forward(90 * 60)
    for ride, stop in (("pupils-a", "liisankatu"), ("pupils-b", "station")):
        wishes.tap(town, BUS, stop, "no_show", ride)
    clock.forward(6 * 3600)
    driver.get(f"/drive/{BUS}")
    driver.send("Close the run", {"looked": ["seats", "blankets", "boot"]})
    driver.get(f"/drive/{BUS}")
    clock.forward(31 * 60)
    driver.get(f"/drive/{BUS}", status=404)


# Rights that end


@pytest.mark.parametrize("ended", ["block", "role", "operator"])
def test_open_pages_end_with_the_right_to_them(town: Town, sign_in: SignIn, ended: str) -> None:
    """Each of these is what an open page asks every few seconds."""
    open_pages = {"driver": f"/drive/{BUS}/manifest", "dispatcher": "/dispatch/alerts/live"}
    visitors = {role: sign_in(role) for role in open_pages}
    for role, path in open_pages.items():
        assert visitors[role].browser.get(path).status_code == 200
        end_right(town, f"{role}@example.org", role, ended)
        answer = visitors[role].browser.get(path)
        assert (answer.status_code, answer.location.partition("?")[0]) == (302, "/login")
        assert "Testi" not in answer.text


def end_right(town: Town, email: str, role: str, ended: str) -> None:
    if ended == "block":
        rights.block(town, email)
    elif ended == "role":
        rights.give_role(town, email, "desk", operator=None)
    else:
        rights.give_role(town, email, role, operator="care")


def test_who_is_blocked_signs_in_no_more_until_let_in_again(town: Town, sign_in: SignIn) -> None:
    rights.block(town, "driver@example.org")
    assert "/login" in sign_in("driver").path
    rights.unblock(town, "driver@example.org")
    assert sign_in("driver").path == "/drive"


def test_a_dispatcher_without_an_operator_opens_nothing(town: Town, sign_in: SignIn) -> None:
    """Without one, no operator would be asked for anywhere, and that means all of them."""
    dispatcher = sign_in("dispatcher")
    wishes.tamper(town, "UPDATE \"user\" SET operator_id = NULL WHERE email = 'dispatcher@example.org'")
    dispatcher.get("/dispatch", status=404)


@pytest.mark.parametrize(
    ("role", "operator"), [("driver", None), ("desk", "care"), ("driver", "nobody"), ("king", None)]
)
def test_a_role_is_given_with_its_operator_alone(town: Town, role: str, operator: str | None) -> None:
    with pytest.raises(Invalid):
        rights.give_role(town, "driver@example.org", role, operator=operator)
