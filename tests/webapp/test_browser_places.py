"""Places while they are being written, at a real browser: by keyboard, by tap, and without JavaScript."""

from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.webapp.browsing import DESKTOP, PHONE, check, draw, open_browser, sign_in

WIDTHS = pytest.mark.parametrize("width", [PHONE["width"], DESKTOP["width"]])


@pytest.fixture
def page(chromium: Browser, live_site: str, width: int) -> Iterator[Page]:
    """Give a page that asks a resident where they start."""
    context = open_browser(chromium, live_site, width=width)
    opened = sign_in(context, "resident")
    with opened.expect_navigation():
        opened.get_by_role("button", name="Ask for a trip").click()
    opened.wait_for_load_state("networkidle")
    yield opened
    context.close()


@WIDTHS
def test_a_place_is_chosen_by_keyboard_alone(page: Page) -> None:
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(unquote(request.url)))
    field = page.get_by_role("combobox")
    field.focus()
    page.keyboard.type("hotel k")
    option = page.get_by_role("option", name="Hotel Kämp", exact=False).first
    option.wait_for()
    expect(field).to_have_attribute("aria-expanded", "true")
    check(page)
    draw(page, "places-found")
    while option.get_attribute("aria-selected") != "true":
        page.keyboard.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") == option.get_attribute("id")
    check(page)
    page.keyboard.press("Escape")
    expect(field).to_have_attribute("aria-expanded", "false")
    expect(field).to_be_focused()
    page.keyboard.type("ä")
    option.wait_for()
    expect(page.locator("form [role=status]").first).to_contain_text("found")
    with page.expect_navigation():
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Where do you want to go?")
    assert not [one for one in addresses if "hotel" in one.lower()], "no address holds what was written"


@WIDTHS
def test_a_place_is_chosen_by_tap_and_saved(page: Page) -> None:
    page.get_by_role("combobox").fill("Liisankatu 29")
    with page.expect_navigation():
        page.get_by_role("button", name="Search").click()
    check(page)
    page.get_by_label("Liisankatu 29").first.check()
    with page.expect_navigation():
        page.get_by_role("button", name="save this place").click()
    check(page)
    page.get_by_label("What do you call it?").fill("Home")
    draw(page, "save-place")
    with page.expect_navigation():
        page.get_by_role("button", name="Save this place").click()
    page.get_by_role("combobox").press_sequentially("hotel kä")
    with page.expect_navigation():
        page.get_by_role("option", name="Hotel Kämp").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("When do you want to travel?")
    page.goto("/places")
    check(page)
    draw(page, "own-places")
    page.goto("/trips")
    with page.expect_navigation():
        page.get_by_role("button", name="Ask for a trip").click()
    check(page)
    draw(page, "usual-places")
    with page.expect_navigation():
        page.get_by_role("button", name="Home").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Where do you want to go?")


def test_a_saved_place_is_one_tap_away_without_javascript(chromium: Browser, live_site: str) -> None:
    context = open_browser(chromium, live_site, script=False)
    page = sign_in(context, "resident")

    def press(words: str) -> None:
        with page.expect_navigation():
            page.get_by_role("button", name=words).first.click()

    press("Ask for a trip")
    assert page.get_by_role("combobox").count() == 0, "the plain form promises no list"
    page.get_by_label("Place or address").fill("Liisankatu 29")
    press("Search")
    page.get_by_label("Liisankatu 29").first.check()
    press("save this place")
    page.get_by_label("What do you call it?").fill("Home")
    press("Save this place")
    page.goto("/trips")
    press("Ask for a trip")
    press("Home")
    expect(page.get_by_role("heading", level=1)).to_have_text("Where do you want to go?")
    context.close()
