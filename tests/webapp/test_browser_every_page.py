"""Every page that a role can reach by links, in a real browser: no barriers or faults, nothing from elsewhere."""

from collections import deque
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page
from werkzeug.exceptions import HTTPException

from tests.webapp import wishes
from tests.webapp.browsing import DESKTOP, PHONE, check, draw, open_browser, sign_in
from webapp.town import Town

ROLES = ("resident", "desk", "dispatcher", "driver", "town")
READERS = ((PHONE["width"], "ja"), (DESKTOP["width"], "en"))
LINKS = """[...document.links].filter(one => !one.download && one.origin === location.origin)
    .map(one => one.href.split('#')[0])"""


@pytest.fixture(params=READERS, ids=str)
def page(request: pytest.FixtureRequest, chromium: Browser, live_site: str, town: Town) -> Iterator[Page]:
    """Give a page in a browser of a width and a language, in a town where a seat is booked."""
    wishes.book(town)
    width, language = request.param
    context = open_browser(chromium, live_site, width=width)
    signed_in = sign_in(context, request.getfixturevalue("role"))
    context.set_extra_http_headers({"Accept-Language": language})
    yield signed_in
    context.close()


@pytest.mark.parametrize("role", ROLES)
def test_every_page_that_links_lead_to_is_without_barriers(page: Page, site: Flask, role: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    seen, waiting = {""}, deque([page.url])
    while waiting:
        answer = page.goto(waiting.popleft())
        assert answer is not None and answer.ok, page.url
        check(page)
        language = page.evaluate("document.documentElement.lang")
        check_magnified(page)
        draw(page, f"{role}-{endpoint(site, page.url)}-{language}", whole=True)
        for link in page.evaluate(LINKS):
            name = endpoint(site, link)
            if name not in seen and is_page(page.request.head(link).headers):
                waiting.append(link)
            seen.add(name)
    hosts = {urlsplit(url).hostname for url in asked if url.startswith("http")}
    assert hosts == {"127.0.0.1"} and len(seen) > 3


def test_what_the_content_policy_forbids_does_not_pass(chromium: Browser, live_site: str) -> None:
    context = open_browser(chromium, live_site)
    page = context.new_page()
    page.goto("/login")
    check(page)
    page.evaluate("document.head.append(Object.assign(document.createElement('script'), {textContent: 'let it = 1'}))")
    with pytest.raises(AssertionError, match="script-src"):
        check(page)
    context.close()


def check_magnified(page: Page) -> None:
    """Raise AssertionError for a page that scrolls sideways on a desk's screen at 200 %; a phone's is narrower yet."""
    if page.viewport_size != DESKTOP:
        return
    page.set_viewport_size({"width": DESKTOP["width"] // 2, "height": DESKTOP["height"] // 2})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page.url} scrolls sideways"
    page.set_viewport_size(DESKTOP)


def endpoint(site: Flask, url: str) -> str:
    """Name the view behind an address; "" where there is none that answers a GET."""
    try:
        return str(site.url_map.bind("").match(urlsplit(url).path, method="GET")[0])
    except HTTPException:
        return ""


def is_page(headers: dict[str, str]) -> bool:
    """Is the answer shown, not kept as a file?"""
    kept = "attachment" in headers.get("content-disposition", "")
    return headers.get("content-type", "").startswith("text/html") and not kept
