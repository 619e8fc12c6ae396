"""The driver, the dispatcher and the town at a real browser: live manifests, dead connections, and no barriers."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from routing.times import Place
from tests.webapp import wishes
from tests.webapp.browsing import DESKTOP, PHONE, check, draw, open_browser, sign_in
from tests.webapp.feed_samples import feed
from tests.webapp.handing_in import TWO, take_in
from tests.webapp.small_town import KASARMITORI, MONDAY
from tests.webapp.test_dispatcher import GOOD, WRONG
from tests.webapp.test_previews import OWN_WORDS, TOLD
from tests.webapp.test_service_dates import file as file_of_runs
from webapp.publishing import run_id
from webapp.town import Town

BUS = "bus-23"
WIDTHS = pytest.mark.parametrize("width", [PHONE["width"], DESKTOP["width"]])


@WIDTHS
def test_the_dispatcher_meets_no_barriers(chromium: Browser, live_site: str, width: int, tmp_path: Path) -> None:
    context = open_browser(chromium, live_site, width=width)
    page = sign_in(context, "dispatcher")
    check(page)
    page.locator("summary", has_text="Free seats").first.click()
    check(page)
    page.get_by_role("link", name="Morning bus").click()
    expect(page.locator("[data-map]")).to_have_attribute("data-drawn", "yes")
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
    page = sign_in(context, "town")
    check(page)
    page.get_by_role("link", name="Agreements").click()
    check(page)
    page.get_by_role("link", name="Write a new agreement").click()
    check(page)
    draw(page, "agreement-new")
    page.get_by_role("button", name="Write it down").click()
    check(page)
    page.get_by_label("Who is liable for residents?").fill("The town insures residents.")
    page.get_by_role("button", name="Write it down").click()
    check(page)
    page.get_by_role("button", name="Sign this agreement").click()
    check(page)
    draw(page, "agreement")
    page.get_by_role("link", name="Agreements").first.click()
    check(page)
    draw(page, "agreements")
    context.close()


def hand_in(page: Page, content: str, file: Path) -> None:
    file.write_text(content, encoding="utf-8")
    page.get_by_label("Schedule file").set_input_files(file)
    page.get_by_role("button", name="Check this file").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Check runs.csv")


@WIDTHS
def test_the_dates_of_runs_are_told_without_barriers(chromium: Browser, live_site: str, width: int, town: Town) -> None:
    take_in(town, file_of_runs(shift="Wed+60min", not_on="2026-12-28..2026-12-30 (staff days)", also_on="2027-01-02"))
    context = open_browser(chromium, live_site, width=width)
    page = sign_in(context, "dispatcher")
    page.get_by_role("link", name="When the runs go").click()
    expect(page.get_by_text("No run on Thu, 24 Dec 2026: Christmas Eve")).to_be_visible()
    check(page)
    draw(page, "dates")
    context.close()


@WIDTHS
def test_a_schedule_is_read_drawn_and_replaced_without_barriers(
    chromium: Browser, live_site: str, width: int, tmp_path: Path, town: Town
) -> None:
    context = open_browser(chromium, live_site, width=width)
    page = sign_in(context, "dispatcher")
    page.goto("/dispatch/upload")
    hand_in(page, OWN_WORDS, tmp_path / "runs.csv")
    check(page)
    draw(page, "columns", whole=True)
    for field, column in TOLD.items():
        page.locator(f"#{field}").select_option(column)
    page.get_by_role("button", name="Read the file like this").click()
    expect(page.locator("[data-map]")).to_have_attribute("data-drawn", "yes")
    check(page)
    draw(page, "preview", whole=True)
    page.get_by_role("button", name="Take in 1 run").click()
    expect(page.get_by_text("Confirmed by Dispatcher Testi")).to_be_visible()
    check(page)
    ends = Place(60.168207, 24.947299), KASARMITORI
    wishes.book(town, run=run_id("school", "N1", MONDAY), ends=ends, depart=10 * 3600 + 3000)
    page.goto("/dispatch/upload")
    hand_in(page, OWN_WORDS.replace("11:00", "15:00").replace("11:20", "15:20"), tmp_path / "runs.csv")
    stale = page.url
    page.get_by_role("button", name="Take in everything").click()
    expect(page.get_by_text("There is a problem")).to_be_visible()
    check(page)
    draw(page, "replace", whole=True)
    other = sign_in(open_browser(chromium, live_site, width=width), "dispatcher")
    other.goto("/dispatch/upload")
    hand_in(other, GOOD.replace("11:20", "11:24"), tmp_path / "runs.csv")
    other.get_by_role("button", name="Take in 1 run").click()
    expect(other.get_by_text("Confirmed by")).to_be_visible()
    other.context.close()
    page.get_by_label("I, Dispatcher Testi, agree").check()
    page.get_by_role("button", name="Take in everything").click()
    expect(page.get_by_text("Runs were changed while you looked at them")).to_be_visible()
    check(page)
    draw(page, "meanwhile", whole=True)
    assert page.url.startswith(stale)
    page.get_by_label("I, Dispatcher Testi, agree").check()
    page.get_by_role("button", name="Take in everything").click()
    expect(page.get_by_text("Bookings that were moved or cancelled")).to_be_visible()
    check(page)
    draw(page, "replaced", whole=True)
    context.close()


@WIDTHS
def test_a_preview_without_scripts_shows_the_same(
    chromium: Browser, live_site: str, width: int, tmp_path: Path
) -> None:
    context = open_browser(chromium, live_site, width=width, script=False)
    page = sign_in(context, "dispatcher")
    page.goto("/dispatch/upload")
    hand_in(page, TWO, tmp_path / "runs.csv")
    expect(page.locator("svg.drawing")).to_be_visible()
    expect(page.locator("svg.timeline")).to_be_visible()
    draw(page, "no-script", whole=True)
    context.close()


@WIDTHS
def test_the_form_about_a_feed_has_no_barriers(chromium: Browser, live_site: str, width: int, tmp_path: Path) -> None:
    file = tmp_path / "feed.zip"
    file.write_bytes(feed())
    context = open_browser(chromium, live_site, width=width)
    page = sign_in(context, "dispatcher")
    page.goto("/dispatch/upload")
    page.get_by_label("Schedule file").set_input_files(file)
    page.get_by_role("button", name="Check this file").click()
    check(page)
    page.get_by_label("Seats").fill("999")
    page.get_by_label("registered residents").check()
    page.get_by_role("button", name="Write this down for the routes").click()
    expect(page.get_by_text("There is a problem")).to_be_visible()
    check(page)
    page.get_by_label("Seats").fill("8")
    page.get_by_role("button", name="Write this down for the routes").click()
    expect(page.get_by_text("8 seats, registered residents").first).to_be_visible()
    check(page)
    draw(page, "feed")
    page.get_by_role("button", name="Take in 2 runs").click()
    expect(page.get_by_text("Taken in: 20 new")).to_be_visible()
    context.close()
