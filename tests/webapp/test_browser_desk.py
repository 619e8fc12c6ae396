"""The phone desk at a real browser, with the keyboard alone: a trip for a known caller in at most forty keystrokes."""

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import perf_counter

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.webapp.asking import bookings
from tests.webapp.browsing import DESKTOP, PHONE, PICTURES, check, draw, open_browser, sign_in
from tests.webapp.calling import mondays, travelled
from tests.webapp.small_town import MONDAY
from tests.webapp.wishes import rider_id
from webapp.config import LANGUAGES
from webapp.services import accounts, eligibility
from webapp.town import Town

MOST_KEYSTROKES = 40
SCREENS = pytest.mark.parametrize(
    ("width", "spoken"),
    [(PHONE["width"], "ja"), (DESKTOP["width"], "ja"), (PHONE["width"], "en"), (DESKTOP["width"], "en")],
)


class Keyboard:
    """Counts every key that is pressed."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.strokes = 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.strokes += 1 + key.count("+")
            self.page.keyboard.press(key)

    def go(self, *keys: str) -> None:
        """Press keys, the last of which leads to another page; a browser puts the focus there when it draws that."""
        with self.page.expect_navigation():
            self.press(*keys)
        self.page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")


@pytest.fixture
def desk(chromium: Browser, live_site: str, town: Town, width: int, spoken: str) -> Iterator[Page]:
    """Give the desk's first page in a browser of this width and language; the caller has a usual trip."""
    travelled(town, *mondays(4))
    context = open_browser(chromium, live_site, width=width)
    sign_in(context, "desk").close()
    context.set_extra_http_headers({"Accept-Language": spoken})
    page = context.new_page()
    page.goto("/desk", wait_until="networkidle")
    yield page
    context.close()


@pytest.mark.parametrize(("width", "spoken"), [(DESKTOP["width"], "en")])
def test_a_known_caller_has_a_seat_after_forty_keystrokes_at_most(desk: Page, town: Town) -> None:
    keyboard, began = Keyboard(desk), perf_counter()
    expect(desk.get_by_label("Name or phone number")).to_be_focused()
    keyboard.go(*"0001", "Enter")
    expect(desk.get_by_role("button", name="Liisankatu 29 → Hotel Kämp")).to_be_focused()
    desk.wait_for_load_state("networkidle")
    keyboard.go("1")
    expect(desk.get_by_role("button", name="Show free seats")).to_be_focused()
    keyboard.go("Enter")
    expect(desk.locator(".desk-offers button").first).to_be_focused()
    desk.wait_for_load_state("networkidle")
    keyboard.go("1")
    expect(desk.get_by_role("status").filter(has_text="Is that right?")).to_be_visible()
    assert bookings(town) == [], "nothing is booked before it was read back"
    keyboard.go("Enter")
    expect(desk.get_by_role("status").filter(has_text="It is booked.")).to_be_visible()
    assert len(bookings(town)) == 1 and keyboard.strokes <= MOST_KEYSTROKES
    print(f"{keyboard.strokes} keystrokes, {perf_counter() - began:.1f} s")


@pytest.mark.parametrize(("width", "spoken"), [(DESKTOP["width"], "en")])
def test_a_new_trip_is_written_and_waited_for_by_keyboard_alone(desk: Page, town: Town) -> None:
    keyboard = Keyboard(desk)
    keyboard.go(*"0001", "Enter")
    desk.wait_for_load_state("networkidle")
    keyboard.press("Alt+f")
    for field, words, place in (("From", "liisank", "Liisankatu 29"), ("To", "hotel k", "Hotel Kämp")):
        box = desk.get_by_role("combobox", name=field)
        expect(box).to_be_focused()
        keyboard.press(*words)
        option = desk.get_by_role("option", name=place, exact=False).first
        option.wait_for()
        while option.get_attribute("aria-selected") != "true":
            keyboard.press("ArrowDown")
        keyboard.press("Enter")
        expect(box).to_have_value(re.compile(place))
        keyboard.press("Tab")
    keyboard.press("Tab", "Tab", *"1400")
    keyboard.go("Enter")
    expect(desk.get_by_role("heading", name="No seat is free for that trip")).to_be_visible()
    keyboard.press("Alt+h")
    expect(desk.get_by_text("Choose a numbered button")).to_be_visible()
    keyboard.go("Alt+u")
    expect(desk.get_by_role("status").filter(has_text="You are on the waiting list")).to_be_visible()
    print(f"{keyboard.strokes} keystrokes")


@pytest.mark.parametrize(("width", "spoken"), [(DESKTOP["width"], "en")])
def test_the_paper_form_fills_one_sheet_in_each_language(desk: Page) -> None:
    pages = {}
    for language in LANGUAGES:
        desk.goto(f"/desk/paper?language={language}")
        printed = desk.pdf(prefer_css_page_size=True)
        pages[language] = len(re.findall(rb"/Type\s*/Page\b", printed))
        if os.environ.get(PICTURES):
            (Path(os.environ[PICTURES]) / f"paper-{language}.pdf").write_bytes(printed)
    assert pages == dict.fromkeys(LANGUAGES, 1)


@SCREENS
def test_the_desks_pages_meet_no_barriers(desk: Page, town: Town, width: int, spoken: str) -> None:
    def look(name: str) -> None:
        check(desk)
        draw(desk, f"desk-{name}-{spoken}", whole=True)

    student = accounts.add_user(town, name="Opiskelija Testi", role="resident", phone="040 111 2222")
    until = MONDAY + timedelta(days=9)
    desk_id = rider_id(town, "desk")
    eligibility.verify(town, student.id, "student", document="student", until=until, key="k", actor=desk_id)
    look("find")
    keyboard = Keyboard(desk)
    keyboard.go(*"0001", "Enter")
    desk.wait_for_load_state("networkidle")
    look("call")
    keyboard.go("1")
    keyboard.go("Enter")
    desk.wait_for_load_state("networkidle")
    look("offers")
    keyboard.go("1")
    look("check")
    keyboard.go("Enter")
    look("booked")
    desk.locator("#time").fill("14:00")
    desk.locator("#from").fill("hot")
    desk.locator("#to").fill("Liisankatu 29")
    with desk.expect_navigation():
        desk.locator("#people").press("Enter")
    look("unclear")
    if width == DESKTOP["width"]:
        desk.set_viewport_size({"width": width // 2, "height": DESKTOP["height"] // 2})
        check(desk)  # as at 200 % zoom
        desk.set_viewport_size(DESKTOP)
    for name in ("groups", "endings", "sign-up", "paper", "call-backs"):
        desk.goto(f"/desk/{name}")
        look(name)
