"""What happens after somebody asked, at a real browser: the seat from the waiting list, changes, weeks, helpers."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.webapp.browsing import DESKTOP, PHONE, check, draw, open_browser, sign_in
from tests.webapp.conftest import Clock
from tests.webapp.small_town import KAMP, MINUTE, NEIGHBOUR, RESSU
from tests.webapp.test_browser_resident import press
from tests.webapp.test_own_trips import TUESDAY, publish, start
from tests.webapp.test_proxies import agreed, named
from tests.webapp.test_waiting import offered, put_aside
from tests.webapp.wishes import BUS, VAN, book, rider_id, tap
from webapp.db import tables
from webapp.services import proxies
from webapp.town import Town


@pytest.mark.parametrize("screen", [(PHONE["width"], "ja"), (DESKTOP["width"], "en")], ids=["phone", "desktop"])
def test_pages_after_asking_have_no_barriers(
    chromium: Browser, live_site: str, town: Town, clock: Clock, screen: tuple[int, str]
) -> None:
    width, language = screen
    made = (offered(town), put_aside(town))[1]
    publish(town, TUESDAY)
    trip = book(town, run=VAN, depart=9 * 3600, ends=(KAMP, RESSU), key="second")
    start(town, trip)
    named(town)
    proxies.name(town, rider_id(town, NEIGHBOUR), "resident@example.org", actor=rider_id(town))
    context = open_browser(chromium, live_site, width=width)
    page = sign_in(context, "resident")
    context.set_extra_http_headers({"Accept-Language": language})
    here = f"/bookings/{trip.id}"
    for name, path in {
        "answer": "/trips",
        "answer-trip": f"/bookings/{made.id}",
        "trip": here,
        "cancel": f"{here}/cancel",
        "repeat": f"{here}/weekly",
        "weekly": "/weekly",
        "helpers": "/helpers",
    }.items():
        page.goto(path)
        check(page)
        draw(page, f"after-{name}", whole=True)
    page.goto(here)
    with page.expect_navigation():
        page.locator(f"form[action='{here}/change'] button").click()
    check(page)
    draw(page, "after-change", whole=True)
    clock.forward(10 * MINUTE)
    page.goto("/trips")
    clock.forward(10 * MINUTE)
    page.goto("/trips")
    town.store.commit(lambda door: door.put(finished(door.get_booking(trip.id))))
    page.goto(f"{here}/opinion")
    check(page)
    draw(page, "after-opinion", whole=True)
    context.close()


def finished(row: tables.Booking) -> tables.Booking:
    """Let a trip have been yesterday."""
    row.service_date -= timedelta(days=1)
    return row


def test_a_seat_from_the_waiting_list_is_taken_without_javascript(
    chromium: Browser, live_site: str, town: Town
) -> None:
    offered(town)
    context = open_browser(chromium, live_site, script=False)
    page = sign_in(context, "resident")
    press(page, "Yes, I take this seat")
    assert page.title().startswith("Your seat is booked")
    context.close()


def test_a_trip_is_changed_and_repeated_without_javascript(chromium: Browser, live_site: str, town: Town) -> None:
    publish(town, TUESDAY)
    trip = book(town)
    context = open_browser(chromium, live_site, script=False)
    page = sign_in(context, "resident")
    page.goto(f"/bookings/{trip.id}")
    press(page, "Change this trip")
    press(page, "Change Who", role="link")
    page.get_by_text("Something is different this time").click()
    page.get_by_label("How many people travel?").fill("2")
    for button in ("Show free seats", "Choose this ride", "Book this trip"):
        press(page, button)
    assert page.title().startswith("Your seat is booked")
    press(page, "Repeat every week", role="link")
    page.get_by_label("Tuesday").check()
    page.get_by_label("Until when?").fill("2026-12-15")
    press(page, "Repeat this trip")
    expect(page.get_by_role("link", name="Tuesday, 24 November 2026")).to_be_visible()
    press(page, "Stop these weekly trips")
    expect(page.get_by_text("No weekly trips")).to_be_visible()
    context.close()


def test_a_helper_acts_for_who_agreed_without_javascript(chromium: Browser, live_site: str, town: Town) -> None:
    agreed(town)
    trip = book(town)
    context = open_browser(chromium, live_site, script=False)
    page = sign_in(context, NEIGHBOUR)
    with town.store.read() as records:
        aino = records.get_user(trip.rider_id).name
    page.get_by_label("For whom are you here?").select_option(label=aino)
    press(page, "Show these trips")
    expect(page.get_by_text(f"For: {aino}")).to_be_visible()
    press(page, "Show this trip", role="link")
    expect(page.get_by_text(f"For: {aino}")).to_be_visible()
    (row,) = proxies.list_helped(town, rider_id(town, NEIGHBOUR))
    proxies.end(town, row.row.id, trip.rider_id, actor=trip.rider_id)
    answer = page.reload()
    assert answer is not None
    assert answer.status == 404
    page.goto("/trips")
    expect(page.get_by_text(f"For: {aino}")).to_have_count(0)
    context.close()


def test_a_helper_and_a_town_meet_no_barriers(chromium: Browser, live_site: str, town: Town) -> None:
    agreed(town)
    context = open_browser(chromium, live_site)
    page = sign_in(context, NEIGHBOUR)
    check(page)
    page.get_by_label("For whom are you here?").select_option(index=1)
    press(page, "Show these trips")
    check(page)
    draw(page, "after-helping", whole=True)
    context.close()
    context = open_browser(chromium, live_site)
    page = sign_in(context, "town")
    page.goto("/town/opinions")
    check(page)
    context.close()


def test_minutes_until_ones_own_ride_are_kept_up_to_date(
    chromium: Browser, live_site: str, town: Town, clock: Clock
) -> None:
    trip = book(town, ends=(KAMP, RESSU))
    clock.now += timedelta(minutes=55)
    context = open_browser(chromium, live_site)
    page = sign_in(context, "resident")
    page.goto(f"/bookings/{trip.id}")
    now = page.locator("#now")
    expect(now).to_contain_text("We have no word from the vehicle yet.")
    check(page)
    clock.forward(5 * MINUTE)
    tap(town, BUS, "liisankatu", "arrived")
    wake(page)
    expect(now).to_contain_text(re.compile(r"It is 1\d minutes away\. It comes at about 08:1\d"))
    expect(page.locator("#live-status")).to_contain_text("minutes away")
    draw(page, "after-live", whole=True)
    context.close()


def wake(page: Page) -> None:
    """Let a page ask at once, as it does when one comes back to it."""
    page.wait_for_function("document.querySelector('#now').matches('[data-hx-get]')")
    page.wait_for_load_state("networkidle")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
