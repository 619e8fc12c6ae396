"""A driver reads one manifest at a time, and what is tapped is recorded once, whatever the connection does."""

import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from tests.webapp import wishes
from tests.webapp.asking import book, bookings
from tests.webapp.conftest import Clock, SignIn
from tests.webapp.small_town import LABELS, RIDER, school_bus
from tests.webapp.visitor import Visitor
from webapp.db.store import RunHead
from webapp.services import boarding, booking
from webapp.town import Town

BUS, VAN = "bus-23", "van-23"
LOOKED = ["seats", "blankets", "boot"]
JSON = {"Accept": "application/json"}


@pytest.fixture
def driver(sign_in: SignIn) -> Visitor:
    return sign_in("driver")


def tap(driver: Visitor, stop: str, kind: str, ride: str = "", **more: Any) -> TestResponse:
    """Send an event as the page's script does, a second after the one before."""
    driver.get("/drive")
    driver.browser.application.extensions["noriai"].now().clock.forward(1)
    fields = {"stop": stop, "kind": kind, "ride": ride, "event_id": str(uuid4()), **more}
    run = fields.pop("run", BUS)
    return driver.browser.post(f"/drive/{run}/events", data={"csrf_token": driver.token, **fields}, headers=JSON)


def is_hidden(driver: Visitor, part: str) -> bool:
    return next("hidden" in one.attrib for one in driver.tree.iter() if one.get("id") == part)


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
    assert is_hidden(driver, "closing") and not is_hidden(driver, "left-open")
    assert tap(driver, "", "closed", looked=LOOKED).status_code == 409
    tap(driver, "school", "alighted", "pupils-a")
    driver.get(f"/drive/{BUS}")
    assert is_hidden(driver, "left-open") and not is_hidden(driver, "closing")


def test_a_run_is_closed_once_every_seat_was_looked_at_and_can_only_be_read_then(driver: Visitor, town: Town) -> None:
    for ride, stop in (("pupils-a", "liisankatu"), ("pupils-b", "station")):
        tap(driver, stop, "no_show", ride)
    assert "Look at every seat" in tap(driver, "", "closed", looked=LOOKED[:2]).get_json()["reason"]
    assert tap(driver, "", "closed", looked=LOOKED).status_code == 200
    assert tap(driver, "school", "arrived").get_json()["reason"].startswith("This run was closed already")
    driver.get(f"/drive/{BUS}")
    assert "This run was closed at" in driver.text and 'value="boarded"' not in driver.page
    with town.store.read() as records:
        watch = records.find_watch(BUS)
        assert watch and watch.closed_at and records.get_run(BUS).done == 4


def test_what_was_tapped_last_is_taken_back(driver: Visitor, town: Town) -> None:
    tap(driver, "liisankatu", "boarded", "pupils-a", event_id="boarded-by-mistake")
    driver.get(f"/drive/{BUS}")
    assert driver.field("about") == "boarded-by-mistake" and "Boarded · " not in driver.text.split("Take back")[1]
    driver.send("Take back")
    assert "0 aboard of 4 expected" in driver.text and kinds(town) == []
    with town.store.read() as records:
        assert sorted(event.kind for event in records.list_told(BUS)) == ["boarded", "undone"]


def test_the_number_that_a_resident_says_is_checked(driver: Visitor, sign_in: SignIn, town: Town) -> None:
    book(sign_in(RIDER))
    (booked,) = bookings(town)
    driver.get(f"/drive/{BUS}")
    pin = boarding.pin(town, booked.id)
    for said, answer in ((pin, "Right: this is Resident Testi."), (f"{pin[:3]}x", "This is not the number of")):
        driver.send("Check the number", {"said": said})
        assert answer in driver.text
    assert pin not in driver.page and boarding.token(town, booked.id) not in driver.page


def test_a_picture_that_is_shown_again_is_told_for_a_copy(driver: Visitor, sign_in: SignIn, town: Town) -> None:
    book(sign_in(RIDER))
    (booked,) = bookings(town)
    with town.store.read() as records:
        ride = next(one for one in records.get_run(BUS).rides if one.id == booked.ride_id)
    driver.get(f"/drive/{BUS}")
    tap(driver, ride.pickup, "boarded", ride.id)
    for said in (boarding.pin(town, booked.id), boarding.token(town, booked.id)):
        driver.post(f"/drive/{BUS}/check", {"ride": ride.id, "said": said})
        assert "Resident Testi is aboard already" in driver.text and "Right: this is" not in driver.text
        driver.get(f"/drive/{BUS}")
    driver.post("/drive/van-23/check", {"ride": ride.id, "said": boarding.token(town, booked.id)}, status=404)


def test_the_manifest_carries_what_checks_a_number_offline(driver: Visitor, sign_in: SignIn, town: Town) -> None:
    book(sign_in(RIDER))
    (booked,) = bookings(town)
    driver.get(f"/drive/{BUS}")
    salt, pin, token = json.loads(unescape(re.search(r'data-checks="([^"]*)"', driver.page)[1]))[booked.ride_id]  # type: ignore[index]
    for kept, said in ((pin, boarding.pin(town, booked.id)), (token, boarding.token(town, booked.id))):
        assert hashlib.sha256(f"{salt}:{said}".encode()).hexdigest() == kept


def test_a_booking_has_to_be_acknowledged(driver: Visitor, sign_in: SignIn) -> None:
    driver.get(f"/drive/{BUS}")
    book(sign_in(RIDER))
    driver.get(f"/drive/{BUS}")
    assert "New on this run Booking added: 08:00 Liisankatu 29" in driver.text
    driver.send("I have read this")
    assert "New on this run" not in driver.text


def test_a_note_and_a_wish_for_a_call_reach_the_desk_without_a_number_on_the_page(
    driver: Visitor, sign_in: SignIn, town: Town
) -> None:
    resident, desk, dispatcher = sign_in(RIDER), sign_in("desk"), sign_in("dispatcher")
    book(resident)
    driver.get(f"/drive/{BUS}")
    driver.send("Ask the desk to call them")
    driver.send("Keep this note", {"text": "Waits at the back door"})
    assert "Waits at the back door" in driver.text and "+358 00 000 01" not in driver.text
    desk.get("/desk")
    assert "Resident Testi · +358 00 000 01" in desk.text and "Waits at the back door" in desk.text
    dispatcher.get("/dispatch")
    assert "Waits at the back door" in dispatcher.text and "+358 00 000 01" not in dispatcher.text
    assert kinds(town) == []
    desk.send("Put away")
    assert "+358 00 000 01" not in desk.text
    resident.get("/trips")
    assert "back door" not in resident.text


def test_only_the_drivers_pages_may_use_the_camera(driver: Visitor) -> None:
    assert "camera=(self)" in driver.browser.get(f"/drive/{BUS}").headers["Permissions-Policy"]
    assert "camera=()" in driver.browser.get("/login").headers["Permissions-Policy"]


def test_the_pages_can_be_installed(driver: Visitor) -> None:
    said = driver.browser.get("/drive/app.webmanifest").get_json()
    assert (said["display"], said["start_url"]) == ("standalone", "/drive")
    assert {driver.browser.get(icon["src"]).status_code for icon in said["icons"]} == {200}


def test_the_way_is_handed_to_other_programs_for_stops_of_this_run_alone(driver: Visitor) -> None:
    driver.get(f"/drive/{BUS}")
    links = [one for one in driver.tree.iter("a") if one.get("href", "").startswith("https://")]
    assert len(links) == 3 * 4 and {one.get("rel") for one in links} == {"noreferrer"}


@pytest.mark.parametrize("behind", [3600, -3600])
def test_the_clock_of_a_device_that_is_wrong_is_made_good(
    driver: Visitor, town: Town, clock: Clock, behind: int
) -> None:
    wrong = clock.now - timedelta(seconds=behind)
    for at, stop in enumerate(("liisankatu", "station")):
        times = {"device_time": f"{wrong + timedelta(seconds=at)}", "device_now": f"{wrong + timedelta(seconds=60)}"}
        tap(driver, stop, "arrived", **times)
    with town.store.read() as records:
        first, second = records.list_events(BUS)
    assert (second.happened_at - first.happened_at).total_seconds() == 1
    assert abs((first.happened_at - clock.now).total_seconds()) < 90


def test_what_another_device_told_otherwise_is_refused_with_a_reason(driver: Visitor, town: Town) -> None:
    tap(driver, "liisankatu", "no_show", "pupils-a")
    answer = tap(driver, "liisankatu", "boarded", "pupils-a", was="expected")
    assert answer.status_code == 409 and "another device" in answer.get_json()["reason"]
    assert tap(driver, "liisankatu", "boarded", "pupils-a", was="no_show").status_code == 200


def test_who_cancelled_meanwhile_cannot_board_and_the_driver_is_told_why(driver: Visitor, town: Town) -> None:
    made = wishes.book(town)
    booking.cancel(town, made.id, actor=made.rider_id)
    answer = tap(driver, "liisankatu", "boarded", made.ride_id)
    assert answer.status_code == 409 and "cancelled meanwhile" in answer.get_json()["reason"]


def test_with_several_vehicles_the_driver_chooses_one_and_the_others_stay_a_step_away(
    driver: Visitor, town: Town
) -> None:
    other = replace(school_bus(town), id="bus-x", vehicle="B2")
    head = RunHead("bus-x", "Other bus")
    town.store.commit(
        lambda door: door.keep(other, cause="published", labels=LABELS, head=head, as_published=True),
        times=town.roads,
    )
    driver.get("/drive")
    assert "Which vehicle do you drive?" in driver.text and 'data-keep="[]"' in driver.page
    driver.send("B2")
    own, others = driver.text.split("Runs of other vehicles")
    assert "Other bus" in own and "Morning bus" in others and "/drive/bus-x" in driver.page.split("data-keep=")[1][:60]
    driver.send("Choose another vehicle")
    assert "Which vehicle do you drive?" in driver.text


def test_a_driver_of_another_operator_reads_and_tells_nothing_with_a_ticket_of_ours(
    driver: Visitor, visitor: Visitor, town: Town
) -> None:
    driver.get(f"/drive/{BUS}")
    ticket = re.search(r'data-ticket="([^"]*)"', driver.page)[1]  # type: ignore[index]
    visitor.get("/login")
    sent = {"csrf_token": visitor.token, "stop": "liisankatu", "kind": "arrived", "ticket": ticket}
    assert visitor.browser.post(f"/drive/{BUS}/events", data=sent, headers=JSON).status_code == 401
    assert kinds(town) == []


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
