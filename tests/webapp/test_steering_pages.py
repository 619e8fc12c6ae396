"""The pages of a dispatcher's actions: shown first, confirmed as shown, undone; with and without a browser's aids."""

import pytest
from playwright.sync_api import Browser, Page, expect

from matching.steering import CallOff
from tests.webapp import steered
from tests.webapp.browsing import DESKTOP, PHONE, check, draw, open_browser, sign_in
from tests.webapp.conftest import Clock, SignIn
from tests.webapp.small_town import MINUTE, MONDAY
from tests.webapp.steered import SECOND, settle, sound
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import BUS, VAN, ask, book, run_of, tap
from webapp.town import Town


@pytest.fixture
def town(town: Town) -> Town:
    settle(town)
    return town


@pytest.fixture
def dispatcher(sign_in: SignIn) -> Visitor:
    return sign_in("dispatcher")


def choose(visitor: Visitor, kind: str, run: str = BUS, **answers: str) -> None:
    visitor.get(f"/dispatch/runs/{run}/steer")
    visitor.post(f"/dispatch/runs/{run}/steer", {"kind": kind, **answers})


def test_a_hold_is_shown_before_it_is_done_and_undone_as_shown(dispatcher: Visitor, town: Town) -> None:
    choose(dispatcher, "hold", SECOND, stop="kamp", minutes="12")
    assert "Nothing has been changed yet" in dispatcher.text
    assert "Carla Esimerkki" in dispatcher.text
    assert run_of(town, SECOND).stops[2].held == 0
    dispatcher.send("Do it as shown")
    assert run_of(town, SECOND).stops[2].held == 12 * MINUTE
    dispatcher.get(f"{dispatcher.path}/undo")
    dispatcher.send("Undo it as shown")
    assert run_of(town, SECOND).stops[2].held == 0
    assert "This was undone" in dispatcher.text
    sound(town)


def test_what_cannot_be_done_says_what_it_would_break_and_offers_no_button(dispatcher: Visitor) -> None:
    choose(dispatcher, "hold", BUS, stop="kamp", minutes="40")
    assert "This cannot be done: Hold bus-23 for 40 min" in dispatcher.text
    assert "Its own riders would be later than they may be." in dispatcher.text
    assert "Do it as shown" not in dispatcher.text


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"kind": "hold", "stop": "nowhere", "minutes": "5"}, "stop"),
        ({"kind": "hold", "stop": "kamp", "minutes": "many"}, "minutes"),
        ({"kind": "hold", "stop": "kamp", "until": "7:00"}, "until"),
        ({"kind": "breakdown", "where": "kamp", "arrives": "23:00"}, "arrives"),
        ({"kind": "swap", "vehicle": "V1"}, "vehicle"),
        ({"kind": "sing"}, ""),
    ],
)
def test_a_wrong_answer_is_told_beside_its_field(dispatcher: Visitor, answers: dict[str, str], field: str) -> None:
    dispatcher.get(f"/dispatch/runs/{BUS}/steer")
    dispatcher.post(f"/dispatch/runs/{BUS}/steer", answers, status=422)
    assert not field or dispatcher.error(field)


def test_what_somebody_changed_meanwhile_is_shown_again_and_not_done(dispatcher: Visitor, town: Town) -> None:
    choose(dispatcher, "call_off")
    book(town)
    dispatcher.send("Do it as shown", status=409)
    assert "Somebody changed these runs meanwhile" in dispatcher.text
    assert "Resident Testi" in dispatcher.text
    dispatcher.send("Do it as shown")
    with town.store.read() as records:
        assert records.find_run(BUS) is None


def test_several_changes_are_tried_together_and_done_together(dispatcher: Visitor, town: Town) -> None:
    request = ask(town, people=3).request
    choose(dispatcher, "hold", SECOND, stop="kamp", minutes="12")
    wanted = dispatcher.path.rsplit("/", 1)[1]
    dispatcher.post(f"/dispatch/requests/{request.id}/put", {"run": SECOND, "into": wanted})
    assert "Residents with a seat03" in dispatcher.text
    dispatcher.send("Leave out: Hold bus2-23 for 12 min")
    assert "Hold bus2-23" not in dispatcher.text
    dispatcher.send("Do it as shown")
    assert run_of(town, SECOND).residents[0].party.people == 3
    sound(town)


def test_a_whole_day_is_called_off_in_one_step(dispatcher: Visitor, town: Town) -> None:
    dispatcher.get("/dispatch/steer")
    dispatcher.send("Show what calling off the day does")
    dispatcher.send("Do it as shown")
    with town.store.read() as records:
        assert [run.id for run in records.list_runs(MONDAY)] == [VAN]
    dispatcher.get("/dispatch/steer")
    assert "bus-23 does not go on this day" in dispatcher.text


def test_others_do_not_find_it(dispatcher: Visitor, sign_in: SignIn, visitor: Visitor, town: Town) -> None:
    row = steered.begin(town, CallOff(BUS))
    for path in (f"/dispatch/steer/{row.id}", f"/dispatch/runs/{BUS}/steer", "/dispatch/steer"):
        sign_in("resident").get(path, status=404)
    dispatcher.get("/dispatch/steer/nothing", status=404)
    dispatcher.get(f"/dispatch/runs/{VAN}/steer", status=404)


# A real browser


def press(page: Page, kind: str) -> None:
    form = page.locator("form", has=page.locator(f"input[name=kind][value={kind}]"))
    with page.expect_navigation():
        form.locator("button").click()
    check(page)


def confirm(page: Page, action: str = "confirm") -> None:
    with page.expect_navigation():
        page.locator(f'form[action$="/{action}"] button').click()
    check(page)


@pytest.mark.parametrize(("width", "spoken"), [(PHONE["width"], "ja"), (DESKTOP["width"], "en")])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_breakdown_and_its_neighbours_at_a_real_browser(  # noqa: PLR0917
    chromium: Browser, live_site: str, town: Town, clock: Clock, width: int, spoken: str
) -> None:
    request = ask(town, people=7).request
    book(town, key="other")
    context = open_browser(chromium, live_site, width=width)
    page = sign_in(context, "dispatcher")
    page.set_extra_http_headers({"Accept-Language": spoken})
    page.goto(f"/dispatch/runs/{SECOND}/steer")
    if width != PHONE["width"]:
        check(page)
    draw(page, "steer-choose", whole=True)
    page.locator("#stop").select_option("kamp")
    page.locator("#minutes").fill("12")
    press(page, "hold")
    draw(page, "steer-hold", whole=True)
    page.goto(f"/dispatch/requests/{request.id}")
    with page.expect_navigation():
        page.locator("form[action$='/put'] button").last.click()
    check(page)
    draw(page, "steer-put", whole=True)
    clock.forward(3600)
    for stop, ride in (("liisankatu", "pupils-a"), ("station", "pupils-b")):
        tap(town, BUS, stop, "arrived")
        tap(town, BUS, stop, "boarded", ride)
    page.goto(f"/dispatch/runs/{BUS}/steer")
    press(page, "breakdown")
    draw(page, "steer-breakdown", whole=True)
    confirm(page)
    draw(page, "steer-done", whole=True)
    page.locator('a[href$="/undo"]').click()
    check(page)
    draw(page, "steer-undo", whole=True)
    confirm(page, "undo")
    page.goto("/dispatch/steer")
    check(page)
    draw(page, "steer-log", whole=True)
    expect(page.locator("article")).to_have_count(3)
    context.close()
    sound(town)
