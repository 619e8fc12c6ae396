"""The town tries rules before a named person switches them on, and they bind from their first service date on."""

from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser

from matching.model import Detour, Rule
from tests.webapp.browsing import DESKTOP, PHONE, check, open_browser
from tests.webapp.browsing import sign_in as sign_in_browser
from tests.webapp.conftest import Clock, SignIn
from tests.webapp.handing_in import TWO, confirm, hand_in
from tests.webapp.small_town import LIISANKATU, MONDAY, RAUTATIENTORI, RIDER
from tests.webapp.test_agreements import signed
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import ask, book, count_rows, newcomer, rider_id, run_of, token_of
from webapp.db import tables
from webapp.live import LiveTown
from webapp.services import booking, planning, rules, schedules, trying
from webapp.services.errors import Conflict, Gone, Invalid, NotFound
from webapp.town import Town

STATION = (LIISANKATU, RAUTATIENTORI)
STRICT, NOT_FOR_ALL = "akkeshi.toml", "hiroo.toml"
"""One closes booking on the previous day; the other admits groups to which nobody here belongs."""


def tried(town: Town, file: str = STRICT) -> str:
    row = trying.start(town, rules.get_rulebook(file), actor=rider_id(town, "town"))
    while not trying.go_on(town, row.id, seconds=0)[1].is_finished:
        pass
    return row.id


def switch_on(town: Town, file: str = STRICT, *, days: int = 0) -> tables.RuleChange:
    starts = MONDAY + timedelta(days=days)
    return trying.switch_on(town, tried(town, file), starts=starts, actor=rider_id(town, "town"))


# A trial


def test_a_trial_that_is_looked_at_request_by_request_finds_what_one_look_finds(town: Town) -> None:
    for n in range(3):
        book(town, newcomer(town, f"Neighbour {n}"), key=str(n), ends=STATION)
    found = trying.get_trial(town, tried(town))[1]
    assert found == trying.try_rules(town, rules.get_rulebook(STRICT).rules, MONDAY - trying.MONTH)
    assert (found.asked, found.offered, found.lost) == (3, 3, {Rule.CUTOFF.value: 3})


def test_looking_at_a_finished_trial_writes_nothing(town: Town) -> None:
    name = tried(town)
    rows = count_rows(town)
    assert trying.go_on(town, name, seconds=0)[1].is_finished
    assert count_rows(town) == rows


# Switched on


def test_rules_bind_from_their_first_service_date_on(town: Town) -> None:
    switch_on(town, days=1)
    assert ask(town, ends=STATION).offers, "tomorrow's rules leave today alone"
    switch_on(town)
    refusal = ask(town, newcomer(town, "Late"), ends=STATION).refusal
    assert refusal is not None and refusal.rule is Rule.CUTOFF
    assert refusal.article


def test_what_was_booked_stays_and_an_offer_under_the_old_rules_is_void(town: Town) -> None:
    held = token_of(ask(town, newcomer(town, "Slow"), ends=STATION))
    made = book(town, ends=STATION)
    switch_on(town, NOT_FOR_ALL)
    with pytest.raises(Gone):
        booking.book(town, held, key="slow", actor="")
    assert made.ride_id in {ride.id for ride in run_of(town).residents}
    assert planning.verify(town)[1] == []
    assert booking.cancel(town, made.id, actor=made.rider_id).status == "cancelled"


def test_without_the_bound_an_offer_outlives_its_rules(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: what keeps the test above true is the look at the rules inside the booking's transaction."""
    held = token_of(ask(town, newcomer(town, "Slow"), ends=STATION))
    switch_on(town, NOT_FOR_ALL)
    monkeypatch.setattr(rules, "bounded", lambda records, runs: list(runs))
    assert booking.book(town, held, key="slow", actor="").status == "booked"


def test_the_last_decision_counts_on_all_dates_from_its_first_on(town: Town, clock: Clock) -> None:
    for file, days in ((STRICT, 3), ("full.toml", 5), ("deadhead.toml", 4)):
        switch_on(town, file, days=days)
        clock.forward(60)
    with town.store.read() as records:
        names = [rules.policy_on(records, town, MONDAY + timedelta(days=n)).name for n in range(6)]
    books = {file: rules.get_rulebook(file).name for file in (STRICT, "deadhead.toml")}
    deadhead = books["deadhead.toml"]
    assert names == [*[town.policy.name] * 3, books[STRICT], deadhead, deadhead]


def test_runs_ahead_are_published_anew_as_far_as_nobody_rides_on_them(town: Town) -> None:
    confirm(town, hand_in(town, TWO))
    with town.store.read() as records:
        before = {run.id: run for run in records.list_runs(MONDAY + timedelta(days=7), "school")}
    change = switch_on(town, days=7)
    with town.store.read() as records:
        after = {run.id: run for run in records.list_runs(MONDAY + timedelta(days=7), "school")}
        today = [run for run in records.list_runs(MONDAY, "school") if run.id in before or run.revision]
    assert before.keys() == after.keys()
    assert {run.policy.name for run in after.values()} == {change.rules["name"]}
    assert today == []
    rows = count_rows(town)
    schedules.follow_rules(town, change.starts)
    assert count_rows(town) == rows, "doing so again changes nothing"


def test_rules_open_no_run_farther_than_it_was_published(town: Town) -> None:
    switch_on(town, "full.toml")
    with town.store.read() as records:
        (bus,) = rules.bounded(records, [run_of(town)])
        wide = replace(run_of(town), policy=replace(run_of(town).policy, detour=Detour.UP_TO, max_detour=9999))
        (bounded,) = rules.bounded(records, [wide])
    assert bus.policy.detour is Detour.NONE
    assert bounded.policy.max_detour < 9999


def test_a_running_service_takes_the_rules_over_on_their_day_and_a_new_one_starts_with_them(
    town: Town, clock: Clock
) -> None:
    live = LiveTown(town)
    change = switch_on(town, days=1)
    assert (live.look_at_rules(), live.now().policy.name) == (False, town.policy.name)
    clock.forward(86_400)
    assert (live.look_at_rules(), live.now().policy.name) == (True, change.rules["name"])
    assert not live.look_at_rules()


def test_a_decision_is_kept_once_and_only_for_a_trial_that_is_done(town: Town) -> None:
    name, actor = tried(town), rider_id(town, "town")
    first = trying.switch_on(town, name, starts=MONDAY, actor=actor)
    rows = count_rows(town)
    trying.switch_on(town, name, starts=MONDAY + timedelta(days=3), actor=actor)
    assert count_rows(town) == rows
    assert [one.row.starts for one in rules.list_decisions(town)] == [first.starts]
    fresh = trying.start(town, rules.get_rulebook(STRICT), actor=actor)
    with pytest.raises(Conflict, match="trial open"):
        trying.switch_on(town, fresh.id, starts=MONDAY, actor=actor)
    with pytest.raises(Invalid, match="rules start"):
        trying.switch_on(town, name, starts=MONDAY - timedelta(days=1), actor=actor)
    with pytest.raises(NotFound):
        rules.get_rulebook("../people.toml")


# Pages


@pytest.fixture
def hall(sign_in: SignIn) -> Visitor:
    return sign_in("town")


def test_the_town_chooses_rules_reads_what_they_do_and_switches_them_on(town: Town, hall: Visitor) -> None:
    for n in range(3):
        book(town, newcomer(town, f"Neighbour {n}"), key=str(n), ends=STATION)
    hall.get("/town/rules")
    assert town.policy.name in hall.text and "akkeshi.toml, can be used" in hall.text
    hall.get(f"/town/rules/{STRICT}")
    assert "What would be other" in hall.text and "the day before at 16:00" in hall.text
    assert "not enforced by the machine" in hall.text and "It is too late to book that trip." in hall.text
    hall.send("Try these rules on last month's requests")
    while "Switch on from this day" not in hall.text:
        hall.get(hall.path)
    assert "Requests asked again fewer than 5" in hall.text
    assert "It is too late to book that trip. fewer than 5" in hall.text
    hall.send("Switch on from this day", {"starts": "2026-11-22"}, status=422)
    assert "Choose a first day from today on." in hall.text
    hall.send("Switch on from this day", {"starts": "2026-11-23"})
    assert "Town Testi" in hall.text and "23 Nov 2026" in hall.text
    with town.store.read() as records:
        assert [one.decided_by for one in records.list_rule_changes()] == [rider_id(town, "town")]
    hall.get("/town/rules")
    assert hall.text.index("In force today") < hall.text.index(rules.get_rulebook(STRICT).name)


def test_rules_are_the_towns_alone(town: Town, sign_in: SignIn) -> None:
    name = tried(town)
    for role in (RIDER, "dispatcher"):
        visitor = sign_in(role)
        for path in ("/town/rules", f"/town/rules/{STRICT}", f"/town/rules/trials/{name}"):
            visitor.get(path, status=404)
        visitor.get("/")
        visitor.post(f"/town/rules/trials/{name}/switch", {"starts": "2026-11-23"}, status=404)
    hall = sign_in("town")
    for path in ("/town/rules/none.toml", "/town/rules/trials/none"):
        hall.get(path, status=404)


# At a real browser


@pytest.mark.parametrize("width", [PHONE["width"], DESKTOP["width"]])
def test_pages_of_rules_agreements_and_schedules_have_no_barriers(
    town: Town, chromium: Browser, live_site: str, width: int
) -> None:
    confirm(town, hand_in(town, TWO))
    book(town, ends=STATION)
    pages = {
        "town": [
            "/town/rules", f"/town/rules/{STRICT}", f"/town/rules/trials/{tried(town)}", "/agreements/new",
            f"/agreements/{signed(town, quota=2, quota_in_all=40)}",
        ],
        "dispatcher": ["/dispatch/upload"],
    }  # fmt: skip
    switch_on(town, days=7)
    for role, paths in pages.items():
        page = sign_in_browser(open_browser(chromium, live_site, width=width), role)
        for path in paths:
            page.goto(path)
            check(page)
