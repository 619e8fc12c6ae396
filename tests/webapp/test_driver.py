"""A driver reads one manifest at a time, and what is tapped is recorded once, whatever the connection does."""

from datetime import UTC, timedelta
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from tests.webapp.asking import book
from tests.webapp.conftest import Clock, SignIn
from tests.webapp.small_town import RIDER
from tests.webapp.visitor import Visitor
from webapp.town import Town

BUS, VAN = "bus-23", "van-23"
JSON = {"Accept": "application/json"}


@pytest.fixture
def driver(sign_in: SignIn) -> Visitor:
    return sign_in("driver")


def tap(driver: Visitor, stop: str, kind: str, ride: str = "", **more: Any) -> TestResponse:
    """Send an event as the page's script does, a second after the one before."""
    driver.get("/drive")
    driver.browser.application.extensions["noriai"].clock.forward(1)
    fields = {"stop": stop, "kind": kind, "ride": ride, "event_id": str(uuid4()), **more}
    run = fields.pop("run", BUS)
    return driver.browser.post(f"/drive/{run}/events", data={"csrf_token": driver.token, **fields}, headers=JSON)


def kinds(town: Town, run: str = BUS) -> list[str]:
    with town.store.read() as records:
        return [event.kind for event in records.list_events(run)]


# Reading


def test_a_driver_sees_the_runs_of_today_with_their_riders(driver: Visitor) -> None:
    driver.get("/drive")
    assert "Morning bus" in driver.text and "4 stops · 4 riders" in driver.text and "Morning van" not in driver.text


def test_without_runs_today_the_next_date_is_shown_and_said(driver: Visitor, clock: Clock) -> None:
    clock.forward(-86_400)
    driver.get("/drive")
    assert "No run today. These are the runs of Monday, 23 November 2026." in driver.text


@pytest.mark.parametrize("path", ["/drive/{}", "/drive/{}/manifest"])
@pytest.mark.parametrize("run", [VAN, "no-such-run"])
def test_the_manifest_of_another_operator_is_not_there(driver: Visitor, path: str, run: str) -> None:
    driver.get(path.format(run), status=404)


def test_the_next_stop_is_on_top(driver: Visitor) -> None:
    driver.get(f"/drive/{BUS}")
    assert driver.text.index("Next stop 08:00") < driver.text.index("After that")
    tap(driver, "liisankatu", "departed")
    driver.get(f"/drive/{BUS}")
    assert "Next stop 08:06 Rautatientori" in driver.text


def test_an_unchanged_manifest_is_not_sent_again(driver: Visitor) -> None:
    first = driver.browser.get(f"/drive/{BUS}/manifest")
    again = driver.browser.get(f"/drive/{BUS}/manifest", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")


@pytest.mark.parametrize("known", ["9" * 5000, "9" * 5000 + "-1", "-1-1", "²-1", "*,,", 'W/"'])
def test_a_version_that_was_never_sent_gives_the_whole_manifest(driver: Visitor, known: str) -> None:
    answer = driver.browser.get(f"/drive/{BUS}/manifest", headers={"If-None-Match": f'"{known}"'})
    assert answer.status_code == 200 and "Rautatientori" in answer.text


def test_a_booking_changes_the_manifest_and_announces_the_new_stop(driver: Visitor, sign_in: SignIn) -> None:
    etag = driver.browser.get(f"/drive/{BUS}/manifest").headers["ETag"]
    book(sign_in(RIDER))
    changed = driver.browser.get(f"/drive/{BUS}/manifest", headers={"If-None-Match": etag})
    assert changed.status_code == 200 and changed.headers["ETag"] != etag
    assert 'data-message="Booking added: 08:00 Liisankatu 29"' in changed.text
    assert "Resident Testi" in changed.text


def test_a_tap_changes_the_manifest_without_announcing_a_booking(driver: Visitor) -> None:
    etag = driver.browser.get(f"/drive/{BUS}/manifest").headers["ETag"]
    tap(driver, "liisankatu", "arrived")
    changed = driver.browser.get(f"/drive/{BUS}/manifest", headers={"If-None-Match": etag})
    assert changed.headers["ETag"] != etag and "Booking added" not in changed.text


# Recording


def test_an_event_that_is_sent_twice_is_recorded_once(driver: Visitor, town: Town) -> None:
    once = {"event_id": "4b1c2d3e-0000-4000-8000-000000000001"}
    answers = [tap(driver, "liisankatu", "arrived", **once).get_json() for _ in range(2)]
    assert [answer["repeated"] for answer in answers] == [False, True] and kinds(town) == ["arrived"]


def test_a_tap_without_the_script_is_recorded_at_the_time_of_the_server(driver: Visitor, town: Town) -> None:
    driver.get(f"/drive/{BUS}")
    driver.send("Arrived")
    assert driver.path == f"/drive/{BUS}" and kinds(town) == ["arrived"]


def test_heads_aboard_are_counted_against_those_expected(driver: Visitor) -> None:
    tap(driver, "liisankatu", "boarded", "pupils-a")
    driver.get(f"/drive/{BUS}")
    assert "2 aboard of 4 expected" in driver.text
    tap(driver, "station", "no_show", "pupils-b")
    driver.get(f"/drive/{BUS}")
    assert "2 aboard of 2 expected" in driver.text


def test_a_run_is_not_finished_while_somebody_is_aboard(driver: Visitor) -> None:
    tap(driver, "liisankatu", "boarded", "pupils-a")
    tap(driver, "station", "no_show", "pupils-b")
    tap(driver, "school", "departed")
    driver.get(f"/drive/{BUS}")
    assert "Not accounted for" in driver.text and "finished" not in driver.text
    tap(driver, "school", "alighted", "pupils-a")
    driver.get(f"/drive/{BUS}")
    assert "This run is finished. Nobody is left aboard." in driver.text


def test_nobody_gets_off_who_did_not_board(driver: Visitor, town: Town) -> None:
    assert tap(driver, "school", "alighted", "pupils-a").status_code == 409
    assert kinds(town) == []


def test_what_was_tapped_offline_keeps_the_time_of_the_device(driver: Visitor, clock: Clock, town: Town) -> None:
    at = clock.now - timedelta(hours=2)
    tap(driver, "liisankatu", "arrived", device_time=at.replace(tzinfo=UTC).isoformat())
    with town.store.read() as records:
        assert [event.happened_at for event in records.list_events(BUS)] == [at]


@pytest.mark.parametrize("run", [VAN, "no-such-run"])
def test_an_event_on_the_run_of_another_operator_is_not_there(driver: Visitor, town: Town, run: str) -> None:
    assert tap(driver, "home", "arrived", run=run).status_code == 404
    assert kinds(town, VAN) == []


@pytest.mark.parametrize(
    ("stop", "kind", "more"),
    [
        ("liisankatu", "flown", {}),
        ("", "arrived", {}),
        ("no-such-stop", "arrived", {}),
        ("home", "arrived", {}),
        ("liisankatu", "boarded", {}),
        ("liisankatu", "boarded", {"ride": "client-a"}),
        ("school", "boarded", {"ride": "pupils-a"}),
        ("liisankatu", "arrived", {"ride": "pupils-a"}),
        ("liisankatu", "departed", {"ride": "\x00" * 5000}),
        ("liisankatu", "arrived", {"event_id": "short"}),
        ("liisankatu", "arrived", {"event_id": "x" * 1000}),
        ("liisankatu", "arrived", {"event_id": "\x00" * 20}),
        ("liisankatu", "arrived", {"device_time": "noon"}),
        ("liisankatu", "arrived", {"device_time": "9999-12-31T23:59:59-23:00"}),
        ("liisankatu", "arrived", {"device_time": "2020-01-01T00:00:00Z"}),
        ("liisankatu", "arrived", {"device_time": "2026-11-24T00:00:00Z"}),
    ],
)
def test_nonsense_is_refused(driver: Visitor, town: Town, stop: str, kind: str, more: dict[str, str]) -> None:
    assert tap(driver, stop, kind, **more).status_code == 422
    assert kinds(town) == []


def test_the_worker_that_keeps_pages_serves_the_whole_site_and_names_its_version(driver: Visitor) -> None:
    driver.get(f"/drive/{BUS}")
    version = driver.page.split("/static/")[1].split("/")[0]
    assert f'data-service-worker="/service-worker.js?v={version}"' in driver.page
    assert driver.browser.get(f"/service-worker.js?v={version}").mimetype == "text/javascript"


def test_a_static_file_is_kept_for_good_because_its_address_names_its_version(driver: Visitor) -> None:
    driver.get("/drive")
    version = driver.page.split("/static/")[1].split("/")[0]
    answer = driver.browser.get(f"/static/{version}/noriai.css")
    assert answer.cache_control.max_age == 365 * 86_400 and driver.browser.get("/static/noriai.css").status_code == 404


def test_a_stop_that_was_left_says_when(driver: Visitor, clock: Clock) -> None:
    clock.forward(3720)
    tap(driver, "liisankatu", "departed")
    driver.get(f"/drive/{BUS}")
    assert "Done 08:02 Liisankatu 29" in driver.text
