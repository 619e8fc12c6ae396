"""The dispatcher's board and alerts at a real browser: without barriers, by keyboard alone, and large."""

import pytest
from playwright.sync_api import Browser, expect

from tests.webapp.browsing import DESKTOP, PHONE, check, draw, open_browser, sign_in
from tests.webapp.conftest import Clock
from tests.webapp.small_town import MINUTE, MONDAY
from tests.webapp.wishes import BUS, book, tap
from webapp.town import Town

WIDTHS = pytest.mark.parametrize("width", [PHONE["width"], DESKTOP["width"]])


@WIDTHS
def test_the_day_is_watched_and_worked_without_barriers(
    chromium: Browser, live_site: str, width: int, town: Town, clock: Clock
) -> None:
    book(town)
    clock.forward(75 * MINUTE)
    tap(town, BUS, "liisankatu", "arrived")
    context = open_browser(chromium, live_site, width=width)
    page = sign_in(context, "dispatcher")
    for view in ("timeline", "table", "map"):
        page.goto(f"/dispatch/board?day={MONDAY}&view={view}")
        check(page)
        draw(page, f"board-{view}", whole=True)
    expect(page.locator("[data-map]")).to_have_attribute("data-drawn", "yes")
    page.goto(f"/dispatch/alerts?day={MONDAY}")
    expect(page.get_by_role("button", name="Switch a sound for new alerts on")).to_be_visible()
    page.locator(".alert__more summary").first.click()
    check(page)
    draw(page, "alerts", whole=True)
    page.get_by_label("What you did or found out").first.fill("The driver is called")
    page.get_by_role("button", name="Put away").first.click()
    expect(page.get_by_text("1 alert was put away")).to_be_visible()
    page.goto(f"/dispatch/runs/{BUS}/manifest")
    check(page)
    context.close()


def test_a_run_is_found_and_opened_by_keyboard_on_a_page_twice_as_large(
    chromium: Browser, live_site: str, town: Town
) -> None:
    context = open_browser(chromium, live_site, width=DESKTOP["width"])
    page = sign_in(context, "dispatcher")
    page.set_viewport_size({"width": 640, "height": 450})  # what 1280 pixels show at 200 %
    page.goto(f"/dispatch/board?day={MONDAY}")
    check(page)
    page.get_by_label("Run or vehicle").focus()
    page.keyboard.type("morning")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=morning**")
    lane = page.get_by_role("link", name="from 08:00 Liisankatu 29: 3 of 5 seats free")
    for _ in range(40):
        if lane.evaluate("one => one === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Morning bus")
    context.close()
