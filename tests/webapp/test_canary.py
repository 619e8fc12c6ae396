"""Words about people are looked for everywhere that they must not get to: other roles' pages, addresses, logs, mail."""

import logging
import re
from collections.abc import Iterator
from datetime import datetime
from functools import wraps
from typing import Any

import pytest
from flask import Flask

from tests.webapp import canary
from tests.webapp.conftest import Clock
from tests.webapp.small_town import MONDAY, NEIGHBOUR, QUICK
from tests.webapp.visitor import PASSWORD, Visitor
from webapp.services import access_log, accounts, disclosure, messages, wording
from webapp.services.access_log import member_key
from webapp.town import Town
from webapp.views import audited

ROLES = {
    "driver": "driver",
    "dispatcher": "dispatcher",
    "desk": "desk",
    "town": "town",
    "other dispatcher": "other",
    "neighbour": NEIGHBOUR,
    "stranger": "",
}
FIELDS = {
    "resident": dict(zip(disclosure.RESIDENT, (*canary.RESIDENT, canary.NOTE, canary.OPINION), strict=True)),
    "member": dict(zip(disclosure.MEMBER, (canary.CHILD[0], canary.CODE, canary.CHILD[1]), strict=True)),
    "guardian": dict(zip(disclosure.GUARDIAN, canary.GUARDIAN, strict=True)),
}
WHILE_BOTH_RUNS_ARE_OPEN = datetime(2026, 11, 23, 6, 30)
PARTS = re.compile(r"<(?:[^:<>]+:)?([a-z_]+)>")


@pytest.fixture
def trip(town: Town, clock: Clock) -> str:
    canary.settle(town)
    made = canary.live(town, clock)
    other = accounts.add_user(
        town, name="Other Testi", role="dispatcher", email="other@example.org", operator="care", groups=[]
    )
    other.password = QUICK.hash(PASSWORD)
    town.store.commit(lambda door: door.put(other))
    clock.now = WHILE_BOTH_RUNS_ARE_OPEN
    return made


def addresses(site: Flask, town: Town, trip: str) -> Iterator[tuple[str, str]]:
    """Give every address of the site that is read, as far as its parts are known: (endpoint, address)."""
    booked = canary.trip_of(town, trip)
    known = {
        "run_id": [booked.run_id, f"{canary.RUN}-23"],
        "key": [member_key("school", canary.CODE)],
        "booking_id": [trip],
        "request_id": [booked.request_id],
        "kind": ["csv", "pdf"],
        "number": ["0"],
    }
    for rule in site.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint in ("static", "roads"):
            continue
        parts = PARTS.findall(rule.rule)
        if not {*parts} <= {*known}:
            continue
        for value in known[parts[0]] if parts else [""]:
            path = PARTS.sub(value, rule.rule)
            yield rule.endpoint, f"{path}?day={MONDAY}" if path.startswith("/dispatch") else path


def crawled(site: Flask, town: Town, trip: str, role: str) -> dict[str, str]:
    """Open every page as somebody of a role; map each address to all that was answered, headers too."""
    visitor = Visitor(site)
    if ROLES[role]:
        visitor.sign_in(ROLES[role])
    said = {}
    for _endpoint, path in addresses(site, town, trip):
        answer = visitor.browser.get(path)
        if answer.status_code == 200 and answer.mimetype == "text/html":
            assert answer.headers["Cache-Control"] == "no-store", path
        said[path] = f"{path}\n{answer.headers}\n{answer.get_data(as_text=True) if is_text(answer) else ''}"
    return said


def is_text(answer: Any) -> bool:
    return answer.mimetype.startswith("text/") or "json" in answer.mimetype


def leaks(role: str, said: dict[str, str]) -> list[tuple[str, str, str]]:
    """List what a role was shown that it may not see: (address, of whom, field)."""
    return [
        (path, whose, field)
        for path, text in said.items()
        for whose, fields in FIELDS.items()
        for field, word in fields.items()
        if field not in disclosure.SEES[role][whose] and word in text
    ]


@pytest.mark.parametrize("role", ROLES)
def test_no_page_shows_a_role_more_of_a_person_than_the_table_says(
    site: Flask, town: Town, trip: str, role: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        caplog.set_level(logging.DEBUG, "sqlalchemy.engine")
        said = crawled(site, town, trip, role)
    assert leaks(role, said) == []
    assert canary.hits({"log": caplog.text}, canary.EVERYTHING) == []
    if role in ("driver", "dispatcher"):
        assert any(canary.RESIDENT[0] in text for text in said.values())  # the crawl does reach people
        assert any(canary.CHILD[0] in text for text in said.values())


def test_a_page_that_leaks_is_found(site: Flask, town: Town, trip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a handler that shows one name too much."""

    @wraps(site.view_functions["resident.helpers.show"])
    def leak() -> str:
        return f"<p>{canary.GUARDIAN[2]}</p>"

    monkeypatch.setitem(site.view_functions, "resident.helpers.show", leak)
    assert ("/helpers", "guardian", "phone") in leaks("neighbour", crawled(site, town, trip, "neighbour"))


def test_a_fault_tells_nothing_of_anybody(
    site: Flask, town: Town, trip: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        name = canary.RESIDENT[0]
        raise ValueError(f"no such thing: {name}")

    monkeypatch.setattr(accounts, "find_riders", fail)
    monkeypatch.setitem(site.config, "PROPAGATE_EXCEPTIONS", False)
    visitor = Visitor(site).sign_in("desk")
    visitor.get("/desk")
    with caplog.at_level(logging.DEBUG):
        visitor.post("/desk/search", {"text": canary.RESIDENT[2]}, status=500)
    assert "ValueError in POST desk.search" in caplog.text and "webapp/views/desk.py" in caplog.text
    assert canary.hits({"page": visitor.page, "log": caplog.text}, canary.EVERYTHING) == [] and trip


def test_flasks_own_log_of_a_fault_would_tell(
    site: Flask, town: Town, trip: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the words of an exception get into the log unless it is written without them."""
    monkeypatch.setattr(site, "log_exception", lambda exc: Flask.log_exception(site, exc))
    monkeypatch.setitem(site.config, "PROPAGATE_EXCEPTIONS", False)

    def fail(*_: object, **__: object) -> None:
        raise ValueError(canary.RESIDENT[0])

    monkeypatch.setattr(accounts, "find_riders", fail)
    visitor = Visitor(site).sign_in("desk")
    visitor.get("/desk")
    visitor.post("/desk/search", {"text": "x1"}, status=500)
    assert canary.RESIDENT[0] in caplog.text and trip and town


def test_no_subject_and_no_push_text_names_anybody(town: Town, trip: str) -> None:
    with town.store.read() as records:
        rows = records.list_outbox("waiting", "sent", "dead", "letter")
    assert len(rows) > 1 and trip
    subjects = {wording.subject(row.kind, language) for row in rows for language in ("en", "fi", "ja", "ko", "sv")}
    texts = {messages.plain(town, row, "en") for row in rows}
    assert canary.hits({"said": "\n".join([*subjects, *texts])}, canary.EVERYTHING) == []


# Who looked


def test_every_page_of_staff_says_whether_it_shows_places(site: Flask) -> None:
    staff = (
        "board",
        "dispatcher",
        "papers",
        "steering",
        "alerts",
        "absences",
        "driver",
        "tablets",
        "readings",
        "agreements",
    )
    desk = ("desk", "calls", "call_backs", "letters", "cards", "registration")
    of_staff = {
        rule.endpoint
        for rule in site.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and rule.endpoint.partition(".")[0] in (*staff, *desk)
    }
    open_to_all = {"tablets.pin", "tablets.who", "agreements.new", "calls.cancel"}
    assert of_staff - {*audited.SHOWS} - audited.SHOWS_NOBODY - open_to_all == set()
    assert {*audited.SHOWS} & audited.SHOWS_NOBODY == set()
    assert {*audited.SHOWS} <= {rule.endpoint for rule in site.url_map.iter_rules()}


def test_each_reading_of_a_childs_place_is_written_down_once(town: Town, clock: Clock, trip: str, site: Flask) -> None:
    driver = Visitor(site).sign_in("driver")
    for _ in range(3):
        driver.browser.get(f"/drive/{canary.RUN}-23/manifest")
    read = access_log.read_member(town, "school", canary.CODE)
    assert [(one.name, one.purpose) for one in read] == [("Driver Testi", "driver.live_manifest")] and trip
    clock.forward(16 * 60)
    driver.browser.get(f"/drive/{canary.RUN}-23/manifest")
    assert len(access_log.read_member(town, "school", canary.CODE)) == 2
    stored = canary.dumped(town)["place_read"]
    assert canary.hits({"place_read": stored}, canary.EVERYTHING) == []


def test_a_dispatcher_sees_who_looked_at_an_own_member_alone(town: Town, trip: str, site: Flask) -> None:
    Visitor(site).sign_in("driver").get(f"/drive/{canary.RUN}-23")
    own = Visitor(site).sign_in("dispatcher")
    own.get(f"/dispatch/absences/{member_key('school', canary.CODE)}/readings")
    assert "Driver Testi" in own.text and trip and town
    other = Visitor(site).sign_in("other")
    other.get(f"/dispatch/absences/{member_key('school', canary.CODE)}/readings", status=404)


def test_who_looks_at_more_children_than_work_explains_is_told(town: Town, trip: str, site: Flask) -> None:
    Visitor(site).sign_in("driver").get(f"/drive/{canary.RUN}-23")
    assert [one.members for one in access_log.find_anomalies(town, MONDAY, most=0)] == [1] and trip
    assert access_log.find_anomalies(town, MONDAY) == []


def test_what_is_refused_is_counted_by_ids_alone(town: Town, clock: Clock) -> None:
    assert access_log.refused(town, "reader", endpoint="driver.manifest", kind="foreign") == 1
    assert access_log.refused(town, "reader", endpoint="driver.manifest", kind="foreign") == 2
    found = access_log.list_refused(town, clock())
    assert found == [] or found[0].times == 2
