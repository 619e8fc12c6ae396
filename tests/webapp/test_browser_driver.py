"""A driver at a real browser: live manifests, dead connections, a whole run without one, and no barriers."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.webapp import wishes
from tests.webapp.browsing import DESKTOP, PATIENCE, PHONE, check, draw, open_browser, sign_in
from tests.webapp.conftest import MORNING
from tests.webapp.wishes import rider_id
from webapp.services import boarding, booking, tablets
from webapp.town import Town

BUS = "bus-23"
WIDTHS = pytest.mark.parametrize("width", [PHONE["width"], DESKTOP["width"]])


@pytest.fixture
def phone(chromium: Browser, live_site: str) -> Iterator[BrowserContext]:
    """Give a driver's phone, which keeps to the site's content policy and to the town's clock."""
    context = chromium.new_context(base_url=live_site, viewport={"width": 390, "height": 844})
    context.set_default_timeout(PATIENCE)
    context.clock.set_system_time(f"{MORNING:%Y-%m-%dT%H:%M:%S}Z")
    yield context
    context.close()


@pytest.fixture
def manifest(phone: BrowserContext) -> Page:
    """Open the manifest of the bus, and wait until it could be opened without a connection."""
    page = sign_in(phone, "driver")
    page.get_by_role("link", name="Morning bus").click()
    expect(page.locator("[data-connection]")).to_have_attribute("data-state", "online")
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    return page


def tap(page: Page, words: str) -> None:
    page.locator(".driver-stop--next").get_by_role("button", name=words).first.click()


def says(page: Page, words: str) -> None:
    expect(page.locator("[data-connection]")).to_contain_text(words)


def recorded(town: Town) -> list[str]:
    with town.store.read() as records:
        return sorted(event.kind for event in records.list_events(BUS))


def book(page: Page) -> None:
    """Book from Liisankatu to Hotel Kämp as a resident does."""
    page.get_by_role("button", name="Ask for a trip").first.click()
    for place in ("Liisankatu 29", "Hotel Kämp"):
        page.get_by_label("Place or address").fill(place)
        page.get_by_role("button", name="Search").click()
        page.get_by_label(place).first.check()
        page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_label("Today").check()
    page.get_by_label("I want to leave after this time").check()
    page.get_by_label("Time", exact=True).fill("07:50")
    for button in ("Continue", "Show free seats", "Choose this ride", "Book this trip"):
        page.get_by_role("button", name=button).first.click()
    expect(page.get_by_role("heading", name="Your seat is booked")).to_be_visible()


# The driver's open page


def test_a_resident_books_on_a_phone_and_the_open_manifest_receives_it_by_itself(
    chromium: Browser, live_site: str, manifest: Page
) -> None:
    resident = open_browser(chromium, live_site)
    book(sign_in(resident, "resident"))
    expect(manifest.locator(".driver-stop--next")).to_contain_text("Resident Testi")
    expect(manifest.locator("#live-status")).to_have_text("Booking added: 08:00 Liisankatu 29")
    expect(manifest.locator("#headcount")).to_contain_text("of 5 expected")
    resident.close()


def test_an_open_manifest_asks_once_an_interval_and_loads_nothing_while_nothing_is_new(manifest: Page) -> None:
    expect(manifest.locator("[data-connection]")).to_have_attribute("data-kept", "yes")
    manifest.wait_for_load_state("networkidle")
    asked: list[str] = []
    manifest.on("request", lambda request: asked.append(urlsplit(request.url).path))
    manifest.wait_for_timeout(5_000)
    assert 1 <= len(asked) <= 4 and {*asked} == {f"/drive/{BUS}/manifest"}


def test_a_town_in_trouble_leaves_the_manifest_as_it_is_and_says_so_once(manifest: Page) -> None:
    shown = manifest.locator("#roll-call").inner_text()
    manifest.route("**/manifest", lambda route: route.fulfill(status=503, body="<p>in trouble</p>"))
    expect(manifest.locator("#live-status")).not_to_be_empty()
    assert manifest.locator("#roll-call").inner_text() == shown
    said = manifest.locator("#live-status").inner_text()
    manifest.unroute("**/manifest")
    expect(manifest.locator("#live-status")).not_to_have_text(said)
    assert manifest.locator("#roll-call").inner_text() == shown


def test_taps_without_a_connection_are_kept_and_sent_once(phone: BrowserContext, manifest: Page, town: Town) -> None:
    phone.set_offline(True)
    tap(manifest, "Arrived")
    tap(manifest, "Boarded")
    says(manifest, "Offline — 2 waiting to send")
    assert recorded(town) == []
    phone.set_offline(False)
    says(manifest, "Connected.")
    expect(manifest.locator("#headcount")).to_contain_text("2 aboard")
    assert recorded(town) == ["arrived", "boarded"]


def test_the_manifest_opens_without_a_connection_and_still_knows_what_waits(
    phone: BrowserContext, manifest: Page, town: Town
) -> None:
    phone.set_offline(True)
    tap(manifest, "Arrived")
    says(manifest, "Offline — 1 waiting to send")
    manifest.reload()
    says(manifest, "Offline — 1 waiting to send")
    expect(manifest.locator(".event__waiting:visible")).to_have_text("Kept on this device, not sent yet")
    phone.set_offline(False)
    says(manifest, "Connected.")
    assert recorded(town) == ["arrived"]


def test_an_event_whose_answer_was_lost_is_sent_again_and_counted_once(manifest: Page, town: Town) -> None:
    lost: list[str] = []

    def lose_first(route: Route) -> None:
        lost.append(route.request.url)
        route.fetch()
        if len(lost) == 1:
            route.abort()
        else:
            route.continue_()

    manifest.context.route("**/events", lose_first)
    tap(manifest, "Arrived")
    expect(manifest.locator("#undo")).to_contain_text("Arrived")
    says(manifest, "Connected.")
    assert len(lost) > 1 and recorded(town) == ["arrived"]


def test_a_refused_event_is_shown_to_the_driver(manifest: Page, town: Town) -> None:
    manifest.locator("#more-school > summary").click()
    manifest.locator("#more-school").get_by_role("button", name="Got off").first.click()
    says(manifest, "One entry was refused. Please call the desk.")
    assert recorded(town) == []


def test_buttons_are_large_enough_for_a_thumb(manifest: Page) -> None:
    for button in manifest.locator(".driver-stop--next button:visible").all():
        box = button.bounding_box()
        assert box is not None and box["height"] >= 56


# A whole run


def told(town: Town) -> list[tuple[str, str, str]]:
    """List all that was told of the bus, in the order in which it happened."""
    with town.store.read() as records:
        return [(event.kind, event.stop_id, event.ride_id) for event in records.list_told(BUS)]


def press(page: Page, words: str, *, times: int = 1) -> None:
    """Press buttons of the next stop; the page follows each by itself."""
    for _ in range(times):
        page.locator("#now-stop").get_by_role("button", name=words, exact=True).first.click()


def next_stop(page: Page) -> str:
    return page.locator("#now-stop .driver-stop__title").inner_text()


def close(page: Page) -> None:
    for label in ("every seat", "blankets", "boot"):
        page.get_by_label(label).check()
    page.locator("#closing").get_by_role("button", name="Close the run").click()


def test_a_whole_run_is_driven_without_a_connection_and_arrives_once_and_in_order(
    phone: BrowserContext, town: Town
) -> None:
    made = wishes.book(town)
    page = sign_in(phone, "driver")
    expect(page.locator("[data-connection]")).to_have_attribute("data-state", "online")
    expect(page.locator("[data-connection]")).to_have_attribute("data-kept", "yes")
    phone.set_offline(True)
    page.get_by_role("link", name="Morning bus").click()  # never opened before: it was kept beforehand
    count = page.locator("#headcount")
    expect(count).to_contain_text("0 aboard of 5 expected")

    page.locator("#now-stop").get_by_text("Check the number, note, call").click()
    said = page.get_by_label("Number that they say")
    for number, answer in (("12345", "This is not the number of"), (boarding.pin(town, made.id), "Right: this is")):
        said.fill(number)
        page.get_by_role("button", name="Check the number").click()
        expect(page.locator(".check__answer")).to_contain_text(answer)

    press(page, "Arrived")
    press(page, "Boarded")
    expect(count).to_contain_text("2 aboard of 5 expected")
    press(page, "Not here")
    expect(count).to_contain_text("2 aboard of 4 expected")
    page.get_by_role("button", name="Take back").click()
    expect(count).to_contain_text("2 aboard of 5 expected")
    press(page, "Boarded")
    expect(count).to_contain_text("3 aboard of 5 expected")
    press(page, "Departed")
    expect(page.locator("#now-stop .driver-stop__title")).to_contain_text("Rautatientori")

    page.reload()
    expect(count).to_contain_text("3 aboard of 5 expected")
    says(page, "Offline — 6 waiting to send")
    assert "Rautatientori" in next_stop(page)
    press(page, "Departed")
    expect(page.locator("#left-open")).to_contain_text("Not accounted for")
    page.locator("#left-open").get_by_role("button", name="Not here", exact=True).click()
    expect(page.locator("#left-open")).to_be_hidden()
    press(page, "Got off")
    press(page, "Departed")
    press(page, "Got off")
    press(page, "Finish the run")
    expect(count).to_contain_text("0 aboard of 3 expected")
    close(page)
    says(page, "Offline — 13 waiting to send")
    assert told(town) == []

    phone.set_offline(False)
    expect(page.get_by_text("This run was closed at")).to_be_visible()
    says(page, "Connected.")
    own, resident = "pupils-a", made.ride_id
    assert [one[0] for one in told(town)] == [
        *("arrived", "boarded", "no_show", "undone", "boarded", "departed"),
        *("departed", "no_show", "alighted", "departed", "alighted", "departed", "closed"),
    ]
    assert {own, resident} < {ride for _, _, ride in told(town)}
    with town.store.read() as records:
        watch = records.find_watch(BUS)
    assert watch and watch.closed_at


def test_a_booking_calls_until_it_is_read_and_that_is_kept_without_a_connection(
    phone: BrowserContext, manifest: Page, town: Town
) -> None:
    manifest.locator("h1").click()
    expect(manifest.locator("[data-sound]")).to_have_text("Sound is on")
    wishes.book(town)
    expect(manifest.locator("#changes")).to_contain_text("Booking added: 08:00 Liisankatu 29")
    expect(manifest.locator("html")).to_have_attribute("data-called", "1")
    draw(manifest, "driver-change")
    phone.set_offline(True)
    manifest.get_by_role("button", name="I have read this").click()
    expect(manifest.locator("#changes")).to_be_hidden()
    phone.set_offline(False)
    says(manifest, "Connected.")
    with town.store.read() as records:
        watch = records.find_watch(BUS)
    assert watch and watch.acknowledged == 1


def test_what_cannot_be_true_any_more_is_listed_until_the_driver_puts_it_away(
    phone: BrowserContext, town: Town
) -> None:
    made = wishes.book(town)
    page = sign_in(phone, "driver")
    page.get_by_role("link", name="Morning bus").click()
    expect(page.locator("[data-connection]")).to_have_attribute("data-state", "online")
    phone.set_offline(True)
    page.locator(f'#now-stop .rider[data-ride="{made.ride_id}"]').get_by_role(
        "button", name="Boarded", exact=True
    ).click()
    booking.cancel(town, made.id, actor=made.rider_id)
    phone.set_offline(False)
    refused = page.locator("#refused")
    expect(refused).to_contain_text("Boarded · Resident Testi")
    expect(refused).to_contain_text("This trip was cancelled meanwhile")
    draw(page, "driver-refused")
    refused.get_by_role("button", name="Put away").click()
    expect(refused).to_be_hidden()
    assert told(town) == []


def test_a_second_driver_sends_what_a_first_one_left_on_the_tablet_under_the_first_name(
    chromium: Browser, live_site: str, town: Town
) -> None:
    tablets.set_pin(town, rider_id(town, "driver"), "7294", operator="school", actor=rider_id(town, "dispatcher"))
    context = open_browser(chromium, live_site)
    context.clock.set_system_time(f"{MORNING:%Y-%m-%dT%H:%M:%S}Z")
    page = sign_in(context, "dispatcher")
    page.goto("/dispatch/tablets")
    check(page)
    draw(page, "tablets", whole=True)
    page.get_by_label("Name of the tablet").fill("Bus B1")
    page.get_by_role("button", name="Enrol this device").click()
    check(page)
    draw(page, "who-drives")
    page.get_by_role("button", name="Driver Testi").click()
    check(page)
    page.get_by_label("Your PIN").fill("7294")
    page.get_by_role("button", name="Sign in").last.click()
    page.get_by_role("link", name="Morning bus").click()
    page.route("**/events", lambda route: route.abort())
    press(page, "Arrived")
    expect(page.locator("[data-connection]")).to_contain_text("1 waiting")
    page.get_by_role("button", name="Sign out").click()
    page.goto("/tablet")
    expect(page.locator("[data-connection]")).to_contain_text("Of another driver")
    page.unroute("**/events")
    expect(page.locator("[data-connection]")).to_contain_text("Connected")
    with town.store.read() as records:
        assert [event.actor for event in records.list_told(BUS)] == [rider_id(town, "driver")]
    context.close()


# Barriers


@WIDTHS
@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_driver_meets_no_barriers(chromium: Browser, live_site: str, width: int, language: str, town: Town) -> None:
    wishes.book(town)
    context = open_browser(chromium, live_site, width=width)
    page = sign_in(context, "driver")
    if language == "ja":
        page.locator(".menu summary").last.click()
        page.get_by_role("button", name="日本語").click()
    check(page)
    draw(page, f"driver-runs-{language}")
    page.locator(".run-list a").first.click()
    expect(page.locator("[data-connection]")).to_have_attribute("data-state", "online")
    draw(page, f"driver-manifest-{language}", whole=True)
    for more in page.locator("main details:not([open]) > summary").all():
        if more.is_visible():
            more.click()
    check(page)
    context.close()


def test_the_next_thing_is_reached_and_pressed_by_keyboard_and_is_not_hidden_by_the_bar(manifest: Page) -> None:
    button = manifest.locator("#now-stop").get_by_role("button", name="Arrived", exact=True)
    for _ in range(60):
        manifest.keyboard.press("Tab")
        if button.evaluate("one => one === document.activeElement"):
            break
    box, bar = button.bounding_box(), manifest.locator(".driver-bar").bounding_box()
    assert box and bar and box["y"] >= bar["y"] + bar["height"]
    manifest.keyboard.press("Enter")
    expect(manifest.locator('#now-stop [data-state="arrived"]')).to_be_visible()
