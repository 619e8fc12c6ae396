"""What a family and whoever lets it be told see and do; nobody reads or ends what is another's."""

import hmac
import json
from base64 import b64encode
from dataclasses import replace

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.webapp.absentees import AINO, BERTTA, CARLA
from tests.webapp.browsing import DESKTOP, PATIENCE, PHONE, check, draw, open_browser, sign_in
from tests.webapp.conftest import Clock, SignIn
from tests.webapp.postboxes import Reader, open_postbox
from tests.webapp.small_town import NEIGHBOUR, RIDER
from tests.webapp.test_channels import SECRET, TOKEN, tell
from tests.webapp.test_family import consent, say, with_pupils
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import book, newcomer, rider_id, tamper
from webapp.app import create_app
from webapp.db import tables
from webapp.services import family, messages, reach
from webapp.services.family import Subject
from webapp.town import Town

DISPATCHED = f"/dispatch/absences/{AINO.key}"
OWN = {"email": "daughter@example.org", "kinds": ["boarded", "late"]}


@pytest.fixture
def bus(town: Town) -> Town:
    with_pupils(town)
    return town


@pytest.fixture
def site(town: Town) -> Flask:
    """Give the site of a town with every channel."""
    settings = replace(town.settings, line_token=TOKEN, line_secret=SECRET, push_services=("127.0.0.1",))
    made = create_app(town=replace(town, settings=settings))
    made.config["TESTING"] = True
    return made


# Who agrees


def test_a_dispatcher_enters_what_a_guardian_signed_on_paper(bus: Town, sign_in: SignIn) -> None:
    dispatcher, said = sign_in("dispatcher"), {"email": "neighbour@example.org", "kinds": ["boarded"]}
    dispatcher.get(f"{DISPATCHED}/guardians")
    dispatcher.post(f"{DISPATCHED}/consents", said, status=422)
    assert "on paper" in dispatcher.error("paper")
    dispatcher.post(f"{DISPATCHED}/consents", {**said, "paper": "1", "kinds": []}, status=422)
    assert dispatcher.error("kinds")
    dispatcher.post(f"{DISPATCHED}/consents", {**said, "paper": "1", "ends": "2026-11-22"}, status=422)
    assert dispatcher.error("ends")
    dispatcher.post(f"{DISPATCHED}/consents", {**said, "paper": "1", "starts": "2026-11-23", "ends": "2026-12-24"})
    assert "Neighbour Testi" in dispatcher.text and "boarding, until 24 Dec 2026" in dispatcher.text
    dispatcher.send("Tell them no more")
    assert "Nobody so far." in dispatcher.text


def test_another_operators_dispatcher_enters_and_ends_nothing(bus: Town, sign_in: SignIn) -> None:
    given = consent(bus)
    tamper(bus, "UPDATE \"user\" SET operator_id = 'care' WHERE email = 'dispatcher@example.org'")
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch/absences")
    said = {"email": "a@example.org", "kinds": ["boarded"], "paper": "1", "consent": given}
    for tail in ("consents", "consents/end"):
        dispatcher.post(f"{DISPATCHED}/{tail}", said, status=404)
    bus.store.commit(lambda door: door.put(tables.Member(operator_id="care", code="C01", name="Carla")))
    dispatcher.post(f"/dispatch/absences/{CARLA.key}/consents/end", said, status=404)
    assert [one.id for one in family.list_given(bus, Subject("school", "A01"))] == [given]


def test_a_resident_says_who_is_told_of_the_own_trips(town: Town, sign_in: SignIn) -> None:
    resident = sign_in(RIDER)
    resident.get("/family/told")
    resident.post("/family/told", {**OWN, "email": "no address"}, status=422)
    assert resident.error("email")
    resident.post("/family/told", OWN)
    assert "daughter@example.org" in resident.text and "boarding, delay" in resident.text
    given = family.list_given(town, Subject(resident=rider_id(town)))[0].id
    other = sign_in(NEIGHBOUR)
    other.get("/family/told")
    other.post("/family/told/end", {"consent": given}, status=404)
    other.post("/family/stop", {"consent": given}, status=404)
    resident.send("Tell them no more")
    assert family.list_given(town, Subject(resident=rider_id(town))) == []


def test_whoever_has_no_account_stops_by_the_link_in_the_message(bus: Town, clock: Clock, visitor: Visitor) -> None:
    consent(bus, who="grandmother@example.org")
    say(bus, clock, "liisankatu", "boarded", "pupils-a")
    with open_postbox() as (box, server):
        settings = replace(bus.settings, smtp=server, address="https://rides.example.org")
        assert messages.deliver(replace(bus, settings=settings)) == 1
        said = box.mail[0].get_content()
    link = next(line for line in said.splitlines() if line.startswith("https://"))
    path = link.removeprefix("https://rides.example.org")
    visitor.get(path)
    assert len(family.list_given(bus, Subject("school", "A01"))) == 1  # a mail scanner that opens it ends nothing
    visitor.send("Send me no more")
    assert "no such messages" in visitor.text and family.list_given(bus, Subject("school", "A01")) == []
    visitor.get("/family/stop/nonsense")


# What is seen


def test_a_family_sees_the_ride_of_today_and_stops_being_told(bus: Town, clock: Clock, sign_in: SignIn) -> None:
    consent(bus)
    guardian = sign_in(NEIGHBOUR).keep_phone()
    clock.forward(50 * 60)
    guardian.get("/family")
    assert "Aino Esimerkki" in guardian.text and "Not boarded yet. The vehicle comes at about" in guardian.text
    say(bus, clock, "liisankatu", "boarded", "pupils-a")
    part = guardian.browser.get("/family/today")
    assert "Boarded at 07:50. Arrives at about" in part.text
    assert guardian.browser.get("/family/today", headers={"If-None-Match": part.headers["ETag"]}).status_code == 304
    for secret in ("liisankatu", "Liisankatu", "Ressu", "60.1", "Yellow bus", "Bertta"):
        assert secret not in part.text
    guardian.get("/family")
    guardian.send("Stop this")
    assert "Aino" not in guardian.text


def test_strangers_are_shown_no_rides_of_others(bus: Town, sign_in: SignIn, visitor: Visitor) -> None:
    consent(bus)
    other = sign_in(RIDER)
    other.get("/family")
    assert "Aino" not in other.text and "Aino" not in other.browser.get("/family/today").text
    for path in ("/family", "/family/today", "/family/told", "/messages", "/desk/messages", "/desk/letters"):
        visitor.get(path)
        assert visitor.path == "/login"
    for role in ("driver", "town", "dispatcher"):
        staff = sign_in(role)
        for path in ("/family/today", "/family/told", "/messages", "/desk/messages", "/desk/letters"):
            staff.get(path, status=404)


# How one is told


def test_a_resident_chooses_the_way_and_quiet_hours(town: Town, sign_in: SignIn) -> None:
    reader = Reader("http://127.0.0.1:9/push")
    resident = sign_in(RIDER)
    resident.get("/messages")
    keys = {"endpoint": reader.endpoint, "p256dh": reader.p256dh, "auth": reader.auth}
    resident.post("/messages/browser", keys, status=204)
    resident.get("/messages/first")
    resident.send("Save", {"channel": "email"})
    assert reach.get_habits(town, rider_id(town)).channels == ("email", "push")
    resident.post("/messages/first", {"channel": "smoke signs"}, status=422)
    resident.get("/messages/quiet")
    resident.send("Save", {"begins": "22:15", "ends": "6:30"})
    assert "22:15 to 06:30" in resident.text
    resident.get("/messages/quiet")
    resident.send("Save", {"begins": "soon", "ends": "6:30"}, status=422)
    resident.post("/messages/browser", {**keys, "endpoint": "https://example.org/"}, status=422)
    resident.get("/messages")
    resident.send("Show them nowhere any more")
    assert reach.get_habits(town, rider_id(town)).channels == ("email",)


def test_the_desk_sets_how_a_caller_is_told_but_not_by_its_own_browser(town: Town, sign_in: SignIn) -> None:
    desk, reader = sign_in("desk"), Reader("http://127.0.0.1:9/push")
    desk.get("/desk")
    desk.post("/desk/act-for", {"user": rider_id(town)})
    desk.get("/messages")
    assert "Show messages here" not in desk.text
    keys = {"endpoint": reader.endpoint, "p256dh": reader.p256dh, "auth": reader.auth}
    desk.post("/messages/browser", keys, status=404)
    desk.get("/messages/quiet")
    desk.send("Save", {"begins": "0:00", "ends": "0:00"})
    assert reach.get_habits(town, rider_id(town)).quiet == (0, 0)


def test_line_links_whoever_sent_the_code_and_believes_nobody_else(town: Town, site: Flask, sign_in: SignIn) -> None:
    resident = sign_in(RIDER)
    resident.get("/messages")
    resident.send("Link my LINE account")
    code = "".join(word for word in resident.text.split() if word.isdecimal() and len(word) == 4)
    event = {"type": "message", "source": {"userId": "U-mine"}, "message": {"type": "text", "text": code}}
    body = json.dumps({"events": [event]}).encode()
    right = b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()
    line = site.test_client()
    assert line.post("/line", data=body, headers={"X-Line-Signature": "no"}).status_code == 404
    assert line.post("/line", data=body, headers={"X-Line-Signature": right}).status_code == 200
    resident.get("/messages")
    assert "Your LINE account is linked." in resident.text
    resident.send("End the link with LINE")
    assert "linked" not in resident.text


# The desk


@pytest.fixture
def unreached(town: Town) -> Town:
    """Give a town whose messages reached nobody: two are dead, one waits to be printed."""
    number = tell(town, "withdrawn")
    over = tell(town, "boarded", time="7:52")
    caller = newcomer(town, "No Phone")
    town.store.commit(lambda door: messages.tell(door, "booked", caller, {}))
    messages.deliver(town)
    for dead in (number, over):
        tamper(town, "UPDATE outbox SET state = 'dead', error = 'SMTPDataError' WHERE id = :id", id=dead)
    return town


def test_the_desk_deals_with_what_reached_nobody(unreached: Town, sign_in: SignIn) -> None:
    desk = sign_in("desk")
    desk.get("/desk/messages")
    for said in ("Resident Testi", "had to be cancelled", "Perhaps the address is wrong.", "Call +358 00 000 01"):
        assert said in desk.text
    first = messages.list_unreachable(unreached)[-1].id
    desk.post("/desk/messages/letter", {"message": first})
    desk.send("Put away")
    assert "Every message has reached somebody." in desk.text
    desk.get("/desk/letters")
    assert "No Phone" in desk.text and "Resident Testi" in desk.text
    desk.send("They are printed", {"letter": [one.id for one in messages.list_letters(unreached)]})
    desk.get("/desk/letters")
    assert "No letter waits to be printed." in desk.text
    desk.post("/desk/messages/again", {"message": first}, status=409)
    for wrong in ("", "x", "-1", str(2**40)):
        desk.post("/desk/messages/away", {"message": wrong}, status=422)
    desk.post("/desk/messages/away", {"message": 999}, status=404)


# At a real browser


def look(page: Page, path: str, name: str) -> None:
    page.goto(path)
    check(page)
    draw(page, name, whole=True)


@pytest.fixture
def waiting(bus: Town, unreached: Town, clock: Clock) -> Town:
    """Give a town in which a family sees a ride, and messages reached nobody."""
    consent(bus)
    consent(bus, Subject(resident=rider_id(bus)), "daughter@example.org")
    book(bus)
    say(unreached, clock, "liisankatu", "boarded", "pupils-a")
    return unreached


@pytest.mark.parametrize(("width", "language"), [(PHONE["width"], "ja"), (DESKTOP["width"], "en")])
def test_pages_of_families_and_messages_have_no_barriers(
    waiting: Town, chromium: Browser, live_site: str, width: int, language: str
) -> None:
    assert messages.list_unreachable(waiting)
    pages: dict[str, list[str]] = {
        NEIGHBOUR: ["/family", "/messages", "/messages/quiet", "/messages/first"],
        RIDER: ["/family/told"],
        "desk": ["/desk/messages", "/desk/letters"],
        "dispatcher": [f"/dispatch/absences/{BERTTA.key}/guardians", f"{DISPATCHED}/guardians"],
    }
    for role, paths in pages.items():
        context = open_browser(chromium, live_site, width=width)
        page = sign_in(context, role)
        if language != "en":
            page.locator("details.menu summary").last.click()
            page.locator(f"button[lang={language}]").click()
        for path in paths:
            look(page, path, f"{language}-{path.strip('/').replace('/', '-')[:30]}")
        context.close()


def test_a_browser_shows_what_it_is_sent_and_nothing_of_anybody(chromium: Browser, live_site: str) -> None:
    context = open_browser(chromium, live_site)
    context.grant_permissions(["notifications"], origin=live_site)
    page = sign_in(context, RIDER)
    page.goto("/messages")
    expect(page.get_by_role("button", name="Show messages here")).to_be_visible()
    found: list[str] = []
    protocol = context.new_cdp_session(page)
    protocol.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: found.extend(one["registrationId"] for one in event["registrations"]),
    )
    protocol.send("ServiceWorker.enable")
    worker = page.locator("[data-push]").get_attribute("data-worker")
    page.evaluate(
        "async (worker) => { await navigator.serviceWorker.register(worker, {scope: '/messages'});"
        " await navigator.serviceWorker.ready; }",
        worker,
    )
    for _ in range(PATIENCE // 50):
        if not found:
            page.wait_for_timeout(50)
    said = json.dumps({"title": "News from Noriai", "tag": "1", "open": "/family"})
    protocol.send("ServiceWorker.deliverPushMessage", {"origin": live_site, "registrationId": found[-1], "data": said})
    shown = page.wait_for_function(
        "async () => { const here = await navigator.serviceWorker.ready; const all = await here.getNotifications();"
        " return all.length && all.map((one) => [one.title, one.body, one.data.open]); }"
    )
    assert shown.json_value() == [["News from Noriai", "", "/family"]]
    context.close()
