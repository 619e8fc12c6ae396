"""Each page about absences is one person's: the operator's dispatcher, the guardian or the desk for one, the driver."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.webapp import absentees
from tests.webapp.absentees import AINO, BERTTA, CARLA, RUN, TUESDAY, away, enter, token, wish
from tests.webapp.browsing import DESKTOP, PHONE, check, open_browser, sign_in
from tests.webapp.conftest import SignIn
from tests.webapp.small_town import NEIGHBOUR, RIDER
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import rider_id, run_of
from webapp.services import booking
from webapp.town import Town

DAY = {"first": TUESDAY.isoformat()}
NAMES = ("Aino", "A01", AINO.key, "Vuorikatu", "absen")


@pytest.fixture
def van(town: Town) -> Town:
    absentees.settle(town)
    return town


# The dispatcher


def test_a_dispatcher_enters_an_absence_and_takes_it_back(van: Town, sign_in: SignIn) -> None:
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch/absences")
    assert "Nobody is absent from today on." in dispatcher.text
    dispatcher.get("/dispatch/absences/new")
    assert "Aino Esimerkki" in dispatcher.text and "Carla" not in dispatcher.text
    dispatcher.get(f"/dispatch/absences/{AINO.key}")
    dispatcher.send("Enter the absence", {"first": "2026-11-24", "last": "2026-12-04", "weekdays": ["1", "3"]})
    assert "Absent on 4 days. Thank you." in dispatcher.text and "24 Nov 2026" in dispatcher.text
    dispatcher.send("Comes after all")
    assert "Expected again: 24 Nov 2026" in dispatcher.text
    assert [day.isoformat() for day in away(van)] == ["2026-11-26", "2026-12-01", "2026-12-03"]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"first": ""}, "Choose a first day from today on."),
        ({"first": "2026-11-22"}, "Choose a first day from today on."),
        ({"first": "2026-11-24", "last": "2026-11-23"}, "Choose a last day after the first"),
        ({"first": "2026-11-24", "last": "2028-11-24"}, "Choose a last day after the first"),
        ({"first": "2026-11-24", "weekdays": ["0"]}, "None of these weekdays lies between"),
        ({"first": "2026-11-24", "weekdays": ["7"]}, "None of these weekdays lies between"),
    ],
)
def test_days_that_cannot_be_are_refused_and_nothing_is_kept(
    van: Town, sign_in: SignIn, answers: dict[str, Any], said: str
) -> None:
    dispatcher = sign_in("dispatcher")
    dispatcher.get(f"/dispatch/absences/{AINO.key}")
    dispatcher.post(f"/dispatch/absences/{AINO.key}", answers, status=422)
    assert said in dispatcher.text and away(van) == []


def test_from_the_page_of_a_run_somebody_is_absent_on_its_day(van: Town, sign_in: SignIn) -> None:
    dispatcher = sign_in("dispatcher")
    dispatcher.get(f"/dispatch/runs/{RUN}")
    dispatcher.send("Does not come on this day")
    assert away(van) == [TUESDAY]
    dispatcher.get(f"/dispatch/runs/{RUN}")
    assert "Aino Esimerkki Absent" in dispatcher.text and "A rider is absent" in dispatcher.text


def test_a_seat_that_cannot_be_taken_back_stands_on_the_day_until_somebody_saw_it(van: Town, sign_in: SignIn) -> None:
    enter(van)
    booking.book(van, token(van), key="key", actor=rider_id(van))
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch/absences")
    dispatcher.send("Comes after all")
    assert "The seat has been promised to somebody else: 24 Nov 2026." in dispatcher.text
    dispatcher.get("/dispatch?day=2026-11-24")
    assert "Aino Esimerkki was to come after all" in dispatcher.text
    dispatcher.send("Try again")
    assert "Aino Esimerkki was to come after all" in dispatcher.text
    dispatcher.send("Seen")
    assert "was to come after all" not in dispatcher.text and away(van) == [TUESDAY]


@pytest.mark.parametrize(
    ("answers", "shown"),
    [
        ({"kind": "before", "minutes": "90"}, "until: 90 minutes before the run begins"),
        ({"kind": "same", "clock": "7:05"}, "until: 7:05 on the same day"),
        ({"kind": "previous", "clock": "18:00"}, "until: 18:00 on the day before"),
    ],
)
def test_a_dispatcher_sets_the_deadline(van: Town, sign_in: SignIn, answers: dict[str, str], shown: str) -> None:
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch/absences/deadline")
    dispatcher.send("Save", answers)
    assert shown in dispatcher.text


@pytest.mark.parametrize(
    "answers",
    [
        {"kind": ""},
        {"kind": "before", "minutes": "-1"},
        {"kind": "before", "minutes": "99999"},
        {"kind": "same", "clock": "25"},
    ],
)
def test_a_deadline_that_cannot_be_is_refused(van: Town, sign_in: SignIn, answers: dict[str, str]) -> None:
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch/absences/deadline")
    dispatcher.post("/dispatch/absences/deadline", answers, status=422)
    assert "There is a problem" in dispatcher.text


def test_a_dispatcher_says_who_is_a_guardian(van: Town, sign_in: SignIn) -> None:
    dispatcher, path = sign_in("dispatcher"), f"/dispatch/absences/{BERTTA.key}/guardians"
    dispatcher.get(path)
    for nobody in ("nobody@example.org", "driver@example.org"):
        dispatcher.post(path, {"guardian": nobody}, status=422)
        assert "No resident signs in with this address." in dispatcher.text
    for _ in range(2):
        dispatcher.post(path, {"guardian": "Resident@example.org"})
    assert dispatcher.text.count("Remove") == 1
    dispatcher.send("Remove")
    assert "Remove" not in dispatcher.text


# The family


def test_a_guardian_tells_an_absence_and_takes_it_back(van: Town, sign_in: SignIn) -> None:
    guardian = sign_in(NEIGHBOUR)
    guardian.get("/trips")
    guardian.get("/family")
    assert "Aino Esimerkki" in guardian.text and "Bertta" not in guardian.text
    guardian.get(f"/family/{AINO.key}")
    guardian.send("Enter the absence", DAY)
    assert "Absent on 1 day. Thank you." in guardian.text and [ride.id for ride in run_of(van, RUN).absent] == [
        "client-a"
    ]
    guardian.send("Comes after all")
    assert away(van) == [] and run_of(van, RUN).absent == ()


def test_a_guardian_who_is_late_is_told_to_call(van: Town, sign_in: SignIn, clock: Any) -> None:
    guardian = sign_in(NEIGHBOUR).keep_phone()
    clock.forward(86_400 + 2 * 3600)
    guardian.get(f"/family/{AINO.key}")
    guardian.send("Enter the absence", DAY)
    assert "Too late to change here: 24 Nov 2026." in guardian.text and away(van) == []


def test_the_desk_does_it_for_a_caller(van: Town, sign_in: SignIn) -> None:
    desk = sign_in("desk")
    desk.get("/family")
    assert "Who is calling?" in desk.text
    desk.post("/desk/act-for", {"user": rider_id(van, NEIGHBOUR)})
    assert "Family of Neighbour Testi" in desk.text
    desk.get(f"/family/{AINO.key}")
    desk.send("Enter the absence", DAY)
    assert away(van) == [TUESDAY]


# Whose page it is

OF_MEMBER = ["", "/withdraw", "/seen", "/guardians", "/guardians/remove"]


@pytest.mark.parametrize("tail", OF_MEMBER)
@pytest.mark.parametrize("key", [CARLA.key, "no-such-key"])
def test_the_member_of_another_operator_is_not_there(van: Town, sign_in: SignIn, tail: str, key: str) -> None:
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch/absences/deadline")
    dispatcher.post(f"/dispatch/absences/{key}{tail}", {**DAY, "user": rider_id(van)}, status=404)
    assert away(van, CARLA) == []


def test_neither_is_its_run_nor_a_member_of_another_on_the_own_run(van: Town, sign_in: SignIn) -> None:
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch/absences/deadline")
    dispatcher.post("/dispatch/runs/van-23/absent", {"member": AINO.key}, status=404)
    dispatcher.post(f"/dispatch/runs/{RUN}/absent", {"member": CARLA.key}, status=404)
    assert away(van) == away(van, CARLA) == []


@pytest.mark.parametrize("role", [RIDER, NEIGHBOUR, "desk", "driver", "town"])
def test_what_is_the_dispatchers_is_nobody_elses(van: Town, sign_in: SignIn, role: str) -> None:
    visitor = sign_in(role)
    visitor.get("/")
    for tail in ("", "/new", "/deadline", f"/{AINO.key}", f"/{AINO.key}/guardians"):
        visitor.get(f"/dispatch/absences{tail}", status=404)
    for tail in OF_MEMBER:
        visitor.post(f"/dispatch/absences/{AINO.key}{tail}", DAY, status=404)
    visitor.post("/dispatch/absences/deadline", {"kind": "before", "minutes": "0"}, status=404)
    visitor.post(f"/dispatch/runs/{RUN}/absent", {"member": AINO.key}, status=404)
    assert away(van) == []


@pytest.mark.parametrize("role", [RIDER, "driver", "town", "dispatcher"])
def test_nobody_but_a_guardian_tells_the_familys_absences(van: Town, sign_in: SignIn, role: str) -> None:
    visitor = sign_in(role)
    visitor.get("/family", status=200 if role == RIDER else 404)
    visitor.get(f"/family/{AINO.key}", status=404)
    visitor.get("/")
    for tail in ("", "/withdraw"):
        visitor.post(f"/family/{AINO.key}{tail}", DAY, status=404)
    assert away(van) == [] and not any(name in visitor.page for name in NAMES[:3])


def test_strangers_are_asked_to_sign_in(van: Town, visitor: Visitor) -> None:
    for path in ("/family", "/dispatch/absences", f"/dispatch/absences/{AINO.key}"):
        visitor.get(path)
        assert visitor.path == "/login"


def test_weekdays_are_said_as_people_say_them_and_taken_back_alone(van: Town, sign_in: SignIn) -> None:
    thursday = TUESDAY + timedelta(days=9)
    enter(van, *(TUESDAY + timedelta(days=7 * n) for n in range(4)), thursday)
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch/absences")
    assert "every Tuesday until 15 Dec 2026" in dispatcher.text and "3 Dec 2026" in dispatcher.text
    dispatcher.send("Comes after all Aino Esimerkki every Tuesday")
    assert away(van) == [thursday]
    enter(van, *(thursday + timedelta(days=7 * n + d) for n in range(3) for d in (4, 7)))
    family = sign_in("neighbour")
    family.get("/family")
    assert "every Monday, Thursday from 3 Dec 2026 until 24 Dec 2026" in family.text


# Nobody can learn that a home is empty


def test_offers_are_those_of_a_van_that_never_fetched_the_absent(van: Town, sign_in: SignIn) -> None:
    """Negative control: the same page, read before the absence, does tell the van apart that drives by the door."""
    visitor, request = sign_in(RIDER), wish(van)
    visitor.get(f"/trips/{request}/offers")
    fetching = visitor.text
    enter(van)
    visitor.get(f"/trips/{request}/offers")
    offered = visitor.text
    assert offered != fetching
    assert not any(name in visitor.page for name in NAMES)
    run = run_of(van, RUN)
    never = replace(run, absent=(), skipped=())
    van.store.commit(lambda door: door.keep(never, cause="published", as_published=True), runs=[RUN], times=van.roads)
    visitor.get(f"/trips/{request}/offers")
    assert visitor.text == offered


def test_the_town_and_residents_read_the_same_as_before(van: Town, sign_in: SignIn) -> None:
    paths = {RIDER: ["/trips", "/family"], "town": ["/town?day=2026-11-24"]}
    visitors = {role: sign_in(role) for role in paths}
    before = read(visitors, paths)
    enter(van)
    after = read(visitors, paths)
    assert after[RIDER] == before[RIDER]
    assert not any(name in page for page in after["town"] for name in NAMES)
    assert committed(after["town"]) == committed(before["town"])


def read(visitors: dict[str, Visitor], paths: dict[str, list[str]]) -> dict[str, list[str]]:
    return {role: [(visitors[role].get(path), visitors[role].text)[1] for path in paths[role]] for role in paths}


def committed(pages: list[str]) -> list[str]:
    return [page.partition("Committed riders")[2][:4] for page in pages]


# At a real browser


@pytest.mark.parametrize("width", [PHONE["width"], DESKTOP["width"]])
def test_pages_about_absences_have_no_barriers(van: Town, chromium: Browser, live_site: str, width: int) -> None:
    enter(van)
    booking.book(van, token(van), key="key", actor=rider_id(van))
    pages = {
        "dispatcher": [
            "/dispatch/absences", "/dispatch/absences/new", "/dispatch/absences/deadline",
            f"/dispatch/absences/{AINO.key}", f"/dispatch/absences/{AINO.key}/guardians", f"/dispatch/runs/{RUN}",
        ],
        NEIGHBOUR: ["/family", f"/family/{AINO.key}"],
        "driver": [f"/drive/{RUN}"],
    }  # fmt: skip
    for role, paths in pages.items():
        context = open_browser(chromium, live_site, width=width)
        page = sign_in(context, role)
        for path in paths:
            page.goto(path)
            check(page)
        if role == NEIGHBOUR:
            page.goto("/family")
            page.get_by_role("button", name="Comes after all").click()
            check(page)
        context.close()
    context = open_browser(chromium, live_site, width=width)
    page = sign_in(context, "dispatcher")
    page.goto("/dispatch?day=2026-11-24")
    expect(page.get_by_text("Aino Esimerkki was to come after all")).to_be_visible()
    check(page)
    context.close()
