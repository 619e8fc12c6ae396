"""A resident and the phone desk at a real browser, on a phone and on a wide screen."""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.webapp.browsing import DESKTOP, PHONE, check, draw, open_browser, sign_in

Role = Literal["button", "link"]
WIDTHS = pytest.mark.parametrize("width", [PHONE["width"], DESKTOP["width"]])


@pytest.fixture
def screen(chromium: Browser, live_site: str, width: int) -> Iterator[Page]:
    """Give a page in a browser of this width."""
    context = open_browser(chromium, live_site, width=width)
    yield context.new_page()
    context.close()


def press(page: Page, words: str, *, role: Role = "button") -> None:
    """Press a button, or follow a link, and wait for the page that comes."""
    with page.expect_navigation():
        page.get_by_role(role, name=words).first.click()


def find_place(page: Page, text: str) -> None:
    check(page)
    page.get_by_label("Place or address").fill(text)
    press(page, "Search")
    page.get_by_label(text).first.check()
    check(page)
    press(page, "Continue")


def answer_questions(page: Page, time: str) -> None:
    """Answer the four questions of a trip, looking at each page with axe."""
    press(page, "Ask for a trip")
    find_place(page, "Liisankatu 29")
    find_place(page, "Hotel Kämp")
    page.get_by_label("Today").check()
    page.get_by_label("I want to leave after this time").check()
    page.get_by_label("Time", exact=True).fill(time)
    check(page)
    press(page, "Continue")
    check(page)
    press(page, "Show free seats")
    check(page)


@WIDTHS
def test_a_resident_books_and_cancels_on_pages_without_barriers(screen: Page) -> None:
    page = sign_in(screen.context, "resident")
    check(page)
    answer_questions(page, "07:50")
    draw(page, "offers")
    press(page, "Choose this ride")
    check(page)
    press(page, "Book this trip")
    check(page)
    press(page, "All trips", role="link")
    check(page)
    press(page, "Cancel this trip", role="link")
    check(page)
    press(page, "Cancel this trip")
    check(page)
    assert page.title().startswith("This trip is cancelled")


@WIDTHS
def test_a_refused_resident_meets_no_barriers(screen: Page) -> None:
    page = sign_in(screen.context, "resident")
    answer_questions(page, "14:00")
    press(page, "Put me on the waiting list")
    check(page)
    expect(page.get_by_role("heading", name="Waiting for a seat")).to_be_visible()


@WIDTHS
def test_the_desk_meets_no_barriers(screen: Page) -> None:
    page = sign_in(screen.context, "desk")
    check(page)
    page.get_by_label("Name or phone number").fill("resident")
    press(page, "Search")
    check(page)
    press(page, "Trips of Resident Testi", role="link")
    answer_questions(page, "07:50")


@WIDTHS
def test_a_page_with_faults_meets_no_barriers(screen: Page) -> None:
    page = sign_in(screen.context, "resident")
    press(page, "Ask for a trip")
    press(page, "Search")
    check(page)
    page.get_by_role("alert").get_by_role("link").click()
    assert page.get_by_label("Place or address").evaluate("field => field === document.activeElement")


def test_a_resident_books_without_javascript(chromium: Browser, live_site: str) -> None:
    context = open_browser(chromium, live_site, script=False)
    page = sign_in(context, "resident")
    press(page, "Ask for a trip")
    for text in ("Liisankatu 29", "Hotel Kämp"):
        page.get_by_label("Place or address").fill(text)
        press(page, "Search")
        page.get_by_label(text).first.check()
        press(page, "Continue")
    page.get_by_label("Today").check()
    page.get_by_label("I must be there by this time").check()
    page.get_by_label("Time", exact=True).fill("09:00")
    for button in ("Continue", "Show free seats", "Choose this ride", "Book this trip"):
        press(page, button)
    assert page.title().startswith("Your seat is booked")
    context.close()


def test_the_pages_of_a_trip_can_be_gone_back_through(chromium: Browser, live_site: str) -> None:
    context = open_browser(chromium, live_site)
    page = sign_in(context, "resident")
    answer_questions(page, "07:50")
    press(page, "Choose this ride")
    for heading in ("Choose a ride", "Who travels?", "When do you want to travel?", "Where do you want to go?"):
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    context.close()
