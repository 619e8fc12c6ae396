"""A resident with places of their own books in six pages: by keyboard, without JavaScript, in large words, by a map."""

from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.webapp.browsing import DESKTOP, PHONE, check, draw, open_browser, sign_in
from tests.webapp.small_town import KAMP, LIISANKATU, RIDER
from webapp.services import booking, places
from webapp.town import Town

WIDTHS = pytest.mark.parametrize("width", [PHONE["width"], DESKTOP["width"]])
NARROW, ZOOMED = 320, 640
"""Pixels to which a page has to shrink (WCAG 1.4.10), and what is left of a wide screen at 200 %."""


@pytest.fixture
def at_home(town: Town) -> None:
    """Save two places of the resident; most trips start from the first."""
    with town.store.read() as records:
        rider = records.find_user(email=f"{RIDER}@example.org")
    assert rider is not None
    row = booking.start(town, rider.id, actor=rider.id)
    for end, label, place in (("origin", "Liisankatu 29", LIISANKATU), ("destination", "Hotel Kämp", KAMP)):
        booking.answer_place(town, row.id, end=end, label=label, place=place)
    with town.store.read() as records:
        row = records.get_request(row.id)
    places.save(town, row, "origin", "Home", home=True)
    places.save(town, row, "destination", "Clinic")


def tab_to(page: Page, target: Locator) -> None:
    """Move the focus forward until it is there; nothing is clicked."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if target.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"{target} is not reached with the keyboard")


def press_key(page: Page, target: Locator) -> None:
    tab_to(page, target)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def look(page: Page, name: str, width: int, eyes: Page) -> None:
    """Check a page, and that nothing of it is lost when narrow or at 200 %; axe needs `eyes` that run scripts."""
    eyes.context.clear_cookies()
    eyes.context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    eyes.goto(page.url)
    check(eyes)
    draw(page, name, whole=True)
    for small in (ZOOMED, NARROW) if width == DESKTOP["width"] else (NARROW,):
        page.set_viewport_size({"width": small, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls at {small}"
    page.set_viewport_size(PHONE if width == PHONE["width"] else DESKTOP)


def book_by_keyboard(page: Page, language: str, time: str, width: int, eyes: Page) -> list[str]:
    """Book from the list of trips to the confirmation; give the address of each page."""
    page.goto("/trips")
    seen = []

    def on_page(name: str) -> None:
        assert page.locator("html").get_attribute("lang") == language
        look(page, f"{language}-{name}", width, eyes)
        seen.append(page.url)

    on_page("trips")
    press_key(page, page.locator(".goals button", has_text="Clinic"))
    on_page("when")
    for field in ("day", "how"):
        tab_to(page, page.locator(f"input[name={field}]").first)
        page.keyboard.press("Space")
    tab_to(page, page.locator("[name=time]"))
    page.keyboard.type(time)
    press_key(page, page.locator("main form").last.locator("button"))
    on_page("who")
    press_key(page, page.locator("main form button.button--big"))
    on_page("offers")
    press_key(page, page.locator(".offer form button").first)
    on_page("check")
    press_key(page, page.locator("main form button.button--big"))
    on_page("booked")
    return seen


@pytest.mark.usefixtures("at_home")
@WIDTHS
def test_a_trip_takes_six_pages_by_keyboard_without_javascript(chromium: Browser, live_site: str, width: int) -> None:
    context = open_browser(chromium, live_site, width=width, script=False)
    page = sign_in(context, RIDER)
    eyes = open_browser(chromium, live_site, width=width).new_page()
    for language, time in (("en", "750"), ("ja", "910")):
        page.locator("details.menu").last.locator("summary").click()
        with page.expect_navigation():
            page.locator(f"button[name=language][value={language}]").click()
        seen = book_by_keyboard(page, language, time, width, eyes)
        assert len(seen) == 6
        assert page.locator(".boarding__pin [aria-hidden]").inner_text().isdigit()
    page.goto(seen[3])
    assert "/bookings/" in page.url, "what is booked is not booked again from an old page"
    eyes.context.close()
    context.close()


@pytest.mark.usefixtures("at_home")
def test_the_largest_words_in_high_contrast_fit_a_narrow_screen(chromium: Browser, live_site: str) -> None:
    context = open_browser(chromium, live_site, script=False)
    page = sign_in(context, RIDER)
    for choice in ("text_size][value=largest", "contrast][value=high"):
        page.locator("details.menu").first.locator("summary").click()
        with page.expect_navigation():
            page.locator(f"button[name={choice}]").click()
    size = page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")
    assert size == 16 * 1.125 * 1.5
    eyes = open_browser(chromium, live_site).new_page()
    book_by_keyboard(page, "en", "750", PHONE["width"], eyes)
    page.goto("/profile")
    look(page, "profile", PHONE["width"], eyes)
    eyes.emulate_media(forced_colors="active")
    check(eyes)
    eyes.context.close()
    page.goto("/trips")
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Ask for a trip")).not_to_be_visible()
    context.close()


def test_a_place_is_chosen_on_a_map_by_tap_by_keyboard_and_by_where_one_is(chromium: Browser, live_site: str) -> None:
    context = open_browser(chromium, live_site)
    context.grant_permissions(["geolocation"])
    context.set_geolocation({"latitude": KAMP.lat, "longitude": KAMP.lon})
    page = sign_in(context, RIDER)
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(unquote(request.url)))
    with page.expect_navigation():
        page.get_by_role("button", name="Ask for a trip").click()
    page.get_by_role("button", name="Choose on a map").click()
    expect(page.locator(".pin .map")).to_have_attribute("data-drawn", "yes")
    said, take = page.locator(".pin__said"), page.get_by_role("button", name="Yes, take this place")
    page.get_by_role("button", name="Take the middle of the map").press("Enter")
    expect(said).to_contain_text("is that right?")
    canvas = page.locator(".pin canvas")
    size = canvas.bounding_box()
    assert size is not None
    canvas.click(position={"x": size["width"] / 2 + 60, "y": size["height"] / 2})
    expect(take).to_be_visible()
    check(page)
    draw(page, "pin", whole=True)
    with page.expect_navigation():
        take.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Where do you want to go?")
    page.get_by_role("button", name="Where I am now").click()
    expect(said).to_contain_text("Kämp")
    with page.expect_navigation():
        take.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("When do you want to travel?")
    assert not [one for one in addresses if "60.1" in one or "24.9" in one], "no address tells where somebody is"
    context.close()
