"""Alerts: found from records and clock, worked down by people, back when they get worse."""

from datetime import timedelta
from typing import Any

import pytest

from tests.webapp.conftest import Clock, SignIn
from tests.webapp.small_town import MINUTE, MONDAY, RIDER
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import BUS, VAN, ask, book, rider_id, tap
from webapp.db import tables
from webapp.services import alerts, booking
from webapp.services.alerts import Standing, Working
from webapp.services.errors import Conflict, Invalid
from webapp.town import Town

PAGE = f"/dispatch/alerts?day={MONDAY}"


def read(town: Town, operator: str = "school") -> Working:
    return alerts.read(town, MONDAY, operator=operator)


def kinds(town: Town) -> list[str]:
    return [one.alert.kind for one in read(town).standing]


def work(town: Town, step: str, note: str = "", *, key: str = "key-00001", alert: str = f"silent:{BUS}") -> None:
    actor = rider_id(town, "dispatcher")
    alerts.work(town, MONDAY, alert, step, operator="school", actor=actor, key=key, note=note)


def watch(town: Town, **values: Any) -> None:
    town.store.commit(lambda door: door.put(tables.RunWatch(run_id=BUS, **values)))


def first(town: Town) -> Standing:
    return read(town).standing[0]


def test_a_quiet_morning_has_no_alerts(town: Town) -> None:
    assert kinds(town) == []


def test_a_run_that_should_have_begun_is_told_until_its_driver_taps(town: Town, clock: Clock) -> None:
    clock.forward(66 * MINUTE)
    assert kinds(town) == ["silent"]
    tap(town, BUS, "liisankatu", "arrived")
    assert "silent" not in kinds(town)


def test_a_late_run_says_by_how_much_and_whether_residents_were_promised_otherwise(town: Town, clock: Clock) -> None:
    book(town)
    clock.forward(95 * MINUTE)
    tap(town, BUS, "liisankatu", "arrived")
    late = next(one.alert for one in read(town).standing if one.alert.kind == "late")
    assert late.promised and 30 <= late.amount <= 35


def test_a_device_that_is_silent_while_the_run_is_on_is_told(town: Town, clock: Clock) -> None:
    clock.forward(61 * MINUTE)
    tap(town, BUS, "liisankatu", "arrived")
    watch(town, seen_at=clock.now - timedelta(minutes=4))
    assert kinds(town) == []
    watch(town, seen_at=clock.now - timedelta(minutes=6))
    assert kinds(town) == ["offline"]


def test_changes_of_today_that_the_driver_has_not_read_are_told(town: Town) -> None:
    book(town)
    assert kinds(town) == ["unread"]
    watch(town, acknowledged=1)
    assert kinds(town) == []


def test_a_run_that_is_over_is_told_until_it_is_ended(town: Town, clock: Clock) -> None:
    clock.forward(3 * 3600)
    assert kinds(town) == ["unclosed"]
    watch(town, closed_at=clock.now)
    assert kinds(town) == []


def test_somebody_aboard_after_the_end_comes_first_of_all(town: Town, clock: Clock) -> None:
    clock.forward(60 * MINUTE)
    tap(town, BUS, "liisankatu", "arrived")
    tap(town, BUS, "liisankatu", "boarded", "pupils-a")
    clock.forward(90 * MINUTE)
    alert = first(town).alert
    assert (alert.kind, alert.amount) == ("aboard", 3)  # two pupils are aboard, of one party nothing was told


def test_requests_without_a_seat_are_told_by_reason(town: Town) -> None:
    answer = ask(town, depart=18 * 3600)
    booking.wait(town, answer.request.id)
    alert = first(town).alert
    assert (alert.kind, alert.amount, alert.about) == ("waiting", 1, "no run at that time")


def test_alerts_of_another_operator_are_not_told(town: Town, clock: Clock) -> None:
    clock.forward(66 * MINUTE)
    assert all(one.alert.run is None or one.alert.run[0] == VAN for one in read(town, "care").standing)


# Working them down


def test_an_alert_is_taken_by_somebody_and_left_again(town: Town, clock: Clock) -> None:
    clock.forward(66 * MINUTE)
    work(town, "take")
    assert first(town).taken == "Dispatcher Testi"
    clock.forward(1)
    work(town, "leave", key="key-00002")
    assert first(town).taken == ""


def test_an_alert_that_was_put_away_comes_back_when_it_is_worse(town: Town, clock: Clock) -> None:
    clock.forward(66 * MINUTE)
    work(town, "away", "Bus has a flat tyre, on its way")
    assert (kinds(town), len(read(town).away)) == ([], 1)
    clock.forward(10 * MINUTE)
    back = first(town)
    assert (back.again, back.steps[0].note) == (True, "Bus has a flat tyre, on its way")


def test_putting_away_asks_for_a_note_and_the_same_step_counts_once(town: Town, clock: Clock) -> None:
    clock.forward(66 * MINUTE)
    with pytest.raises(Invalid):
        work(town, "away", "  ")
    work(town, "note", "called")
    work(town, "note", "called")
    assert len(first(town).steps) == 1


def test_an_alert_that_is_over_cannot_be_worked(town: Town) -> None:
    with pytest.raises(Conflict):
        work(town, "take")


# The page


def test_the_page_and_the_navigation_count_and_the_list_can_be_worked(
    sign_in: SignIn, town: Town, clock: Clock
) -> None:
    clock.forward(66 * MINUTE)
    visitor: Visitor = sign_in("dispatcher")
    visitor.get(PAGE)
    assert "Alerts (1)" in visitor.text and f"{BUS} should have begun 6 min ago" in visitor.text
    visitor.send("I see to it")
    assert "Dispatcher Testi sees to it" in visitor.text
    said = {"step": "away", "alert": f"silent:{BUS}", "day": MONDAY.isoformat(), "key": "away-12345"}
    visitor.post("/dispatch/alerts", {**said, "note": ""}, 422)
    assert "Write what you did or found out, in a few words." in visitor.text
    visitor.post("/dispatch/alerts", {**said, "note": "Replaced by bus 2"})
    assert "Nothing needs a look now." in visitor.text and "Replaced by bus 2" in visitor.text
    visitor.post("/dispatch/alerts", {**said, "note": "x", "step": "explode", "key": "12345678"}, 422)


def test_the_live_list_is_sent_only_when_it_changed(sign_in: SignIn, clock: Clock) -> None:
    browser = sign_in("dispatcher").browser
    address = f"/dispatch/alerts/live?day={MONDAY}"
    sent = browser.get(address)
    assert browser.get(address, headers={"If-None-Match": sent.headers["ETag"]}).status_code == 304
    clock.forward(10 * MINUTE * 7)
    assert browser.get(address, headers={"If-None-Match": sent.headers["ETag"]}).status_code == 200


def test_a_resident_works_no_alerts(sign_in: SignIn) -> None:
    visitor = sign_in(RIDER)
    visitor.get("/trips")
    visitor.post("/dispatch/alerts", {"step": "take"}, 404)
