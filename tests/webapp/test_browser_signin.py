"""Signing in at a real browser, on a phone and on a wide screen, with and without JavaScript."""

from dataclasses import replace

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from tests.webapp.browsing import DESKTOP, PHONE, check, draw, open_browser
from tests.webapp.browsing import sign_in as with_password
from tests.webapp.test_signin import RESIDENT, code_of, newest
from tests.webapp.wishes import rider_id
from webapp.app import create_app
from webapp.services import cards, codes
from webapp.town import Town

WIDTHS = pytest.mark.parametrize("width", [PHONE["width"], DESKTOP["width"]])


@pytest.fixture
def site(town: Town) -> Flask:
    """Give the site of a town that can send mail."""
    return create_app(town=replace(town, settings=replace(town.settings, smtp="127.0.0.1:1")))


def press(page: Page, words: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=words).first.click()


def look(page: Page, name: str) -> None:
    check(page)
    draw(page, name)


def give_address(page: Page) -> None:
    page.goto("/sign-in")
    look(page, "sign-in")
    press(page, "Continue")
    look(page, "sign-in-fault")
    page.get_by_label("Your e-mail address").fill(RESIDENT)
    press(page, "Continue")


@WIDTHS
def test_a_code_signs_in_on_a_shared_phone_that_shows_nothing_afterwards(
    chromium: Browser, live_site: str, town: Town, width: int
) -> None:
    context = open_browser(chromium, live_site, width=width, script=width == PHONE["width"])
    page = context.new_page()
    if width != PHONE["width"]:  # without JavaScript axe cannot look
        page.goto("/sign-in")
        page.get_by_label("Your e-mail address").fill(RESIDENT)
        press(page, "Continue")
    else:
        give_address(page)
        look(page, "sign-in-code")
        page.get_by_label("Six digits").fill("000000")
        press(page, "Continue")
        look(page, "sign-in-code-fault")
    field = page.get_by_label("Six digits")
    assert (field.get_attribute("autocomplete"), field.get_attribute("inputmode")) == ("one-time-code", "numeric")
    field.fill(code_of(town, newest(town)))
    press(page, "Continue")
    if width == PHONE["width"]:
        look(page, "sign-in-phone")
    press(page, "Others use it too")
    assert page.title().startswith("My trips")
    page.goto("/signing-in")
    if width == PHONE["width"]:
        look(page, "signing-in")
    page.goto("/trips")
    press(page, "Sign out")
    assert page.url.endswith(("/sign-in", "/login"))
    assert context.cookies() == [] or all(one["expires"] == -1 for one in context.cookies())
    page.go_back()
    page.wait_for_load_state()
    assert "My trips" not in page.content() and "Resident" not in page.content()
    context.close()


@WIDTHS
def test_link_and_card_meet_no_barriers(chromium: Browser, live_site: str, town: Town, width: int) -> None:
    context = open_browser(chromium, live_site, width=width)
    page = context.new_page()
    give_address(page)
    link = f"/sign-in/link/{codes.token(town.settings.secret_key, 'link', newest(town))}"
    page.goto(link)
    look(page, "sign-in-link")
    press(page, "Yes, sign in")
    page.goto(link)
    press(page, "Yes, sign in")
    look(page, "sign-in-over")
    card = cards.issue(town, rider_id(town), "2580", key="x", actor=rider_id(town, "desk"))
    page.goto(f"/card/{cards.token(town, card.id)}")
    look(page, "card-pin")
    page.get_by_label("PIN").fill("2580")
    press(page, "Continue")
    look(page, "sign-in-whose")
    press(page, "It is mine alone")
    assert page.title().startswith("My trips")
    context.close()


@WIDTHS
def test_the_desk_issues_and_prints_a_card_without_barriers(chromium: Browser, live_site: str, width: int) -> None:
    context = open_browser(chromium, live_site, width=width)
    page = with_password(context, "desk")
    page.get_by_label("Name or phone number").fill("resident")
    press(page, "Search")
    page.goto("/desk/signing-in")
    look(page, "desk-signing-in")
    page.get_by_label("PIN for a new card").fill("2580")
    press(page, "Issue a new card")
    look(page, "desk-card")
    page.goto("/desk/signing-in")
    look(page, "desk-signing-in-card")
    context.close()
