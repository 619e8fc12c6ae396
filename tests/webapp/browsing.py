"""What people and aids to them meet in a real browser: sign in, and check a page as axe and a narrow screen do."""

import os
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.webapp.visitor import PASSWORD

AXE = Path(__file__).parents[2] / "webapp" / "static" / "vendor" / "axe.min.js"
PICTURES = "NORIAI_SCREENSHOTS"
"""Environment variable: the folder into which pictures for the docs are drawn; without it none are."""
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
LEVEL = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PATIENCE = 30_000
"""Milliseconds until a page counts as stuck: a busy machine is no reason to fail."""
expect.set_options(timeout=PATIENCE)
NOTE_FORBIDDEN = """addEventListener("securitypolicyviolation",
    ({ violatedDirective, blockedURI }) => (window.forbidden ??= []).push([violatedDirective, blockedURI]));"""


def open_browser(chromium: Browser, site: str, *, width: int = PHONE["width"], script: bool = True) -> BrowserContext:
    """Give somebody a browser of their own, which notes what the site's content policy forbids."""
    size = PHONE if width == PHONE["width"] else DESKTOP
    context = chromium.new_context(base_url=site, viewport=size, java_script_enabled=script)
    context.set_default_timeout(PATIENCE)
    context.add_init_script(NOTE_FORBIDDEN)
    return context


def sign_in(context: BrowserContext, role: str) -> Page:
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("E-mail address").fill(f"{role}@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_navigation():
        page.get_by_role("button", name="Sign in").click()
    return page


def check(page: Page) -> None:
    """Raise AssertionError for what the content policy forbade, breaches of WCAG 2.2 AA, and scrolling sideways."""
    page.wait_for_load_state()  # after a click the next page may have begun, without anything to look at yet
    forbidden = page.evaluate("window.forbidden ?? []")
    assert not forbidden, f"{page.url}: {forbidden}"
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("tags => axe.run({runOnly: {type: 'tag', values: tags}})", LEVEL)
    faults = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]
    assert not faults, f"{page.url}: {faults}"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page.url} scrolls sideways"


def draw(page: Page, name: str, *, whole: bool = False) -> None:
    """Draw what is on the screen, or the whole page, as a picture for the docs, where somebody asked for pictures."""
    if os.environ.get(PICTURES):
        path = Path(os.environ[PICTURES]) / f"{name}-{page.viewport_size['width']}.png"  # type: ignore[index]
        page.screenshot(path=path, full_page=whole)
