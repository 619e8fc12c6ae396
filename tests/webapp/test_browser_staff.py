"""The driver, the dispatcher and the town at a real browser: live manifests, dead connections, and no barriers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.webapp.browsing import DESKTOP, PATIENCE, PHONE, check, open_browser, sign_in
from tests.webapp.conftest import MORNING
from tests.webapp.test_dispatcher import GOOD, WRONG
from webapp.town import Town

BUS = "bus-23"
WIDTHS = pytest.mark.parametrize("width", [PHONE["width"], DESKTOP["width"]])


@pytest.fixture
def phone(chromium: Browser, live_site: str) -> Iterator[BrowserContext]:
    """Give a driver's phone, which keeps to the site's content policy and to the town's clock."""
    context = chromium.new_context(base_url=live_site, viewport={"width": 390, "height": 844})
    context.set_default_timeout(PATIENCE)
    context.clock.set_system_time(f"{MORNING:%Y-%m-%dT%H:%M:%S}Z")
    yield context
    context.close()


@pytest.fixture
def manifest(phone: BrowserContext) -> Page:
    """Open the manifest of the bus, and wait until it could be opened without a connection."""
    page = sign_in(phone, "driver")
    page.get_by_role("link", name="Morning bus").click()
    expect(page.locator("[data-connection]")).to_have_attribute("data-state", "online")
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    return page


def tap(page: Page, words: str) -> None:
    page.locator(".driver-stop--next").get_by_role("button", name=words).first.click()


def says(page: Page, words: str) -> None:
    expect(page.locator("[data-connection]")).to_contain_text(words, timeout=PATIENCE)


def recorded(town: Town) -> list[str]:
    with town.store.read() as records:
        return sorted(event.kind for event in records.list_events(BUS))


def book(page: Page) -> None:
    """Book from Liisankatu to Hotel Kämp as a resident does."""
    page.get_by_role("button", name="Ask for a trip").first.click()
    for place in ("Liisankatu 29", "Hotel Kämp"):
        page.get_by_label("Place or address").fill(place)
        page.get_by_role("button", name="Search").click()
        page.get_by_label(place).first.check()
        page.get_by_role("button", name="Continue").click()
    page.get_by_label("Today").check()
    page.get_by_label("I want to leave after this time").check()
    page.get_by_label("Time", exact=True).fill("07:50")
    for button in ("Continue", "Show free seats", "Choose this ride", "Book this trip"):
        page.get_by_role("button", name=button).first.click()
    expect(page.get_by_role("heading", name="Your seat is booked")).to_be_visible()


# The driver's open page


def test_a_resident_books_on_a_phone_and_the_open_manifest_receives_it_by_itself(
    chromium: Browser, live_site: str, manifest: Page
) -> None:
    resident = open_browser(chromium, live_site)
    book(sign_in(resident, "resident"))
    expect(manifest.locator(".driver-stop--next")).to_contain_text("Resident Testi", timeout=PATIENCE)
    expect(manifest.locator("#live-status")).to_have_text("Booking added: 08:00 Liisankatu 29")
    expect(manifest.locator("#headcount")).to_contain_text("of 5 expected")
    resident.close()


def test_taps_without_a_connection_are_kept_and_sent_once(phone: BrowserContext, manifest: Page, town: Town) -> None:
    phone.set_offline(True)
    tap(manifest, "Arrived")
    tap(manifest, "Boarded")
    says(manifest, "Offline — 2 waiting to send")
    assert recorded(town) == []
    phone.set_offline(False)
    says(manifest, "Connected.")
    expect(manifest.locator("#headcount")).to_contain_text("2 aboard", timeout=PATIENCE)
    assert recorded(town) == ["arrived", "boarded"]


def test_the_manifest_opens_without_a_connection_and_still_knows_what_waits(
    phone: BrowserContext, manifest: Page, town: Town
) -> None:
    phone.set_offline(True)
    tap(manifest, "Arrived")
    says(manifest, "Offline — 1 waiting to send")
    manifest.reload()
    says(manifest, "Offline — 1 waiting to send")
    expect(manifest.get_by_text("Kept on this device, not sent yet").first).to_be_visible()
    phone.set_offline(False)
    says(manifest, "Connected.")
    assert recorded(town) == ["arrived"]


def test_an_event_whose_answer_was_lost_is_sent_again_and_counted_once(manifest: Page, town: Town) -> None:
    lost: list[str] = []

    def lose_first(route: Route) -> None:
        lost.append(route.request.url)
        route.fetch()
        if len(lost) == 1:
            route.abort()
        else:
            route.continue_()

    manifest.context.route("**/events", lose_first)
    tap(manifest, "Arrived")
    expect(manifest.locator(".driver-stop--next .badge").first).to_have_text("Arrived", timeout=PATIENCE)
    assert len(lost) > 1 and recorded(town) == ["arrived"]


def test_a_refused_event_is_shown_to_the_driver(manifest: Page, town: Town) -> None:
    manifest.locator("#more-school summary").click()
    manifest.locator("#more-school").get_by_role("button", name="Got off").first.click()
    says(manifest, "One entry was refused. Please call the desk.")
    assert recorded(town) == []


def test_buttons_are_large_enough_for_a_thumb(manifest: Page) -> None:
    for button in manifest.locator(".driver-stop--next button").all():
        box = button.bounding_box()
        assert box is not None and box["height"] >= 56


# Barriers


@WIDTHS
def test_the_driver_meets_no_barriers(chromium: Browser, live_site: str, width: int) -> None:
    context = open_browser(chromium, live_site, width=width)
    page = sign_in(context, "driver")
    check(page)
    page.get_by_role("link", name="Morning bus").click()
    for more in page.locator("summary", has_text="Buttons of this stop").all():
        more.click()
    check(page)
    context.close()


@WIDTHS
def test_the_dispatcher_meets_no_barriers(chromium: Browser, live_site: str, width: int, tmp_path: Path) -> None:
    context = open_browser(chromium, live_site, width=width)
    page = sign_in(context, "dispatcher")
    check(page)
    page.locator("summary", has_text="Free seats").first.click()
    check(page)
    page.get_by_role("link", name="Morning bus").click()
    expect(page.locator("[data-map]")).to_have_attribute("data-drawn", "yes", timeout=PATIENCE)
    check(page)
    for content in (WRONG, GOOD):
        page.get_by_role("link", name="Schedules").first.click()
        check(page)
        hand_in(page, content, tmp_path / "runs.csv")
        check(page)
    page.get_by_role("button", name="Take in 1 run").click()
    check(page)
    context.close()


@WIDTHS
def test_the_town_meets_no_barriers(chromium: Browser, live_site: str, width: int) -> None:
    context = open_browser(chromium, live_site, width=width)
    check(sign_in(context, "town"))
    context.close()


def hand_in(page: Page, content: str, file: Path) -> None:
    file.write_text(content, encoding="utf-8")
    page.get_by_label("Schedule file").set_input_files(file)
    page.get_by_role("button", name="Check this file").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Check runs.csv")
