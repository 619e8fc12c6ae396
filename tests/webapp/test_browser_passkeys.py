"""Passkeys in a real browser with a virtual authenticator: made, shown, refused when copied or sent twice."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, CDPSession, Page

from tests.webapp.browsing import DESKTOP, PHONE, check, draw, open_browser, sign_in
from tests.webapp.conftest import Clock
from webapp.live import LiveTown
from webapp.services import factors, passkeys, passwords, pins
from webapp.services.errors import Invalid
from webapp.services.passkeys import Site
from webapp.town import Town


@pytest.fixture(params=[PHONE["width"], DESKTOP["width"]])
def page(request: pytest.FixtureRequest, chromium: Browser, live_site: str) -> Iterator[Page]:
    context = open_browser(chromium, at_name(live_site), width=request.param)
    yield context.new_page()
    context.close()


@pytest.fixture
def key(page: Page) -> tuple[CDPSession, str]:
    """Plug an authenticator in that knows its owner; give the session by which it is asked, and its id."""
    asked = page.context.new_cdp_session(page)
    asked.send("WebAuthn.enable")
    made = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    return asked, asked.send("WebAuthn.addVirtualAuthenticator", {"options": made})["authenticatorId"]


def at_name(address: str) -> str:
    """Give the address of this machine by its name: browsers make no passkeys for numbers."""
    return f"http://localhost:{urlsplit(address).port}"


def make_passkey(page: Page, name: str = "Work phone") -> None:
    page.goto("/account/passkey")
    page.get_by_label("A name for this device").fill(name)
    check(page)
    draw(page, "new-passkey", whole=True)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Keep these ten codes").wait_for()


def sign_in_by_passkey(page: Page) -> None:
    page.goto("/login")
    check(page)
    draw(page, "login-passkey", whole=True)
    page.get_by_role("button", name="Use a passkey").click()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/login")


def test_a_passkey_is_made_signs_in_alone_and_is_refused_when_it_was_copied(
    page: Page, key: tuple[CDPSession, str], town: Town
) -> None:
    sign_in(page.context, "desk").close()
    make_passkey(page)
    check(page)
    draw(page, "recovery-codes", whole=True)
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("heading", name="Work phone").wait_for()
    check(page)
    draw(page, "account", whole=True)
    sign_out(page)

    sign_in_by_passkey(page)
    page.wait_for_url("**/desk")
    user = passwords.find_user(town, "desk@example.org").id
    (kept,) = factors.find(town, user).passkeys
    assert kept.used_at is not None and kept.sign_count > 0
    sign_out(page)

    sign_in(page.context, "desk").close()
    page.goto("/second-factor")
    check(page)
    draw(page, "second-factor", whole=True)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/desk")
    sign_out(page)

    asked, authenticator = key
    (credential,) = asked.send("WebAuthn.getCredentials", {"authenticatorId": authenticator})["credentials"]
    asked.send("WebAuthn.clearCredentials", {"authenticatorId": authenticator})
    asked.send(
        "WebAuthn.addCredential", {"authenticatorId": authenticator, "credential": {**credential, "signCount": 0}}
    )
    sign_in_by_passkey(page)
    page.get_by_text("This passkey is not known here, or it did not work").wait_for()
    (kept,) = factors.find(town, user).passkeys
    assert kept.suspect_at is not None, "a copy counts backwards"
    sign_in_by_passkey(page)
    page.get_by_text("This passkey is not known here, or it did not work").wait_for()


@pytest.mark.usefixtures("key")
def test_what_a_browser_answered_counts_once_for_five_minutes_and_for_this_site_alone(
    page: Page, town: Town, clock: Clock, live_site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(page.context, "desk").close()
    make_passkey(page)
    site = Site("localhost", at_name(live_site))
    page.goto("/")
    sign_out(page)

    def shown() -> tuple[str, str]:
        challenge, _ = passkeys.ask_to_show(town, site, peer="192.0.2.7")
        said = page.evaluate(SHOW, challenge)
        return challenge, said

    challenge, said = shown()
    assert passkeys.prove(town, site, challenge, said, peer="192.0.2.7").email == "desk@example.org"
    with pytest.raises(Invalid, match="late"):
        passkeys.prove(town, site, challenge, said, peer="192.0.2.7")
    challenge, said = shown()
    with pytest.raises(Invalid):
        passkeys.prove(town, replace_origin(site), challenge, said, peer="192.0.2.7")
    other, _ = passkeys.ask_to_show(town, site, peer="192.0.2.7")
    challenge, said = shown()
    with pytest.raises(Invalid):
        passkeys.prove(town, site, other, said, peer="192.0.2.7")
    challenge, said = shown()
    clock.forward(301)
    with pytest.raises(Invalid, match="late"):
        passkeys.prove(town, site, challenge, said, peer="192.0.2.7")
    monkeypatch.setattr(passkeys, "_use_up", lambda *_: None)
    assert passkeys.prove(town, site, challenge, said, peer="192.0.2.7"), "or nothing was tried here"


def test_the_code_of_an_app_signs_in_without_scripts(
    chromium: Browser, live_site: str, town: Town, site: Flask, clock: Clock
) -> None:
    from tests.webapp.test_factors import add_app, code_at

    site.extensions["noriai"] = LiveTown(replace(town, settings=replace(town.settings, second_factor="required")))
    for width in (PHONE["width"], DESKTOP["width"]):
        context = open_browser(chromium, live_site, width=width)
        page = sign_in(context, "town")
        check(page)
        draw(page, "enrol", whole=True)
        page.get_by_role("link", name="With an app").click()
        check(page)
        draw(page, "new-app", whole=True)
        context.close()
    _, key = add_app(town, clock, "town@example.org")
    context = open_browser(chromium, live_site, script=False)
    page = sign_in(context, "town")
    page.get_by_label("Six digits, or a recovery code").fill(code_at(town, key, clock))
    draw(page, "code-of-app", whole=True)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/town*")
    page.goto("/account/password")
    draw(page, "password", whole=True)
    context.close()


def replace_origin(site: Site) -> Site:
    return Site(site.host, "https://evil.example")


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.webapp.small_town import QUICK

    monkeypatch.setattr(pins, "PasswordHasher", lambda: QUICK)


SHOW = """async challenge => {
    const bytes = said => Uint8Array.from(
        atob(said.replaceAll("-", "+").replaceAll("_", "/")), one => one.charCodeAt(0));
    const text = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer)))
        .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const { id, rawId, type, response } = await navigator.credentials.get({
        publicKey: { challenge: bytes(challenge), rpId: "localhost", userVerification: "required" },
    });
    const said = {};
    for (const name of ["clientDataJSON", "authenticatorData", "signature", "userHandle"]) {
        said[name] = text(response[name]);
    }
    return JSON.stringify({ id, rawId: text(rawId), type, response: said, clientExtensionResults: {} });
}"""
