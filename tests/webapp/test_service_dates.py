"""Runs go on their service dates and on no other: by holidays, effective dates and the rules of the town."""

import io
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from tests.webapp.conftest import Clock, SignIn
from tests.webapp.handing_in import TWO, check, confirm, hand_in, kept_run, run, said, take_in
from tests.webapp.schedule_samples import sheet
from tests.webapp.small_town import LIISANKATU, MONDAY, RESSU
from tests.webapp.wishes import ask, book, newcomer
from webapp.files.answers import Answers
from webapp.files.scheduled import DayKind
from webapp.publishing import run_id
from webapp.services import planning, schedules, service_dates
from webapp.services.service_dates import list_dates
from webapp.town import Town

DAILY = {"days": "Mon-Fri", "from": "2026-08-11", "until": "2027-06-04"}
DECEMBER = datetime(2026, 12, 21, 5, 0)
EVE, CHRISTMAS = date(2026, 12, 24), date(2026, 12, 25)


def file(code: str = "D1", hour: int = 8, **more: str) -> str:
    rows = run(code, hour=hour)
    return sheet([{**rows[0], **DAILY, **more}, *rows[1:]])


def dates(town: Town, code: str = "D1") -> list[date]:
    with town.store.read() as records:
        found = {day: records.run_heads(day, "school") for day in records.list_run_dates("school")}
    return [day for day, heads in found.items() if any(head.code == code for head in heads)]


def with_rules(town: Town, **said: Any) -> Town:
    """Give the town other words on holidays."""
    return replace(town, rules={**town.rules, "holidays": {**town.rules["holidays"], **said}})


def test_no_run_is_made_on_a_public_holiday_and_its_page_says_why(town: Town, clock: Clock) -> None:
    clock.now = DECEMBER
    take_in(town, file())
    assert [day.day for day in dates(town) if day.month == 12] == [21, 22, 23, 28, 29, 30, 31]
    told = list_dates(town, "school", "en")
    assert [(one.first, one.why) for one in told[0].exceptions[:3]] == [
        (EVE, "Christmas Eve"),
        (CHRISTMAS, "Christmas Day"),
        (date(2027, 1, 1), "New Year's Day"),
    ]
    assert [one.why for one in list_dates(town, "school", "fi")[0].exceptions[:1]] == ["Jouluaatto"]
    assert told[0].next[0] == (date(2026, 12, 21), 0)


def test_a_resident_never_meets_a_run_on_a_holiday_on_which_it_does_not_go(
    town: Town, clock: Clock, sign_in: SignIn
) -> None:
    clock.now = DECEMBER
    take_in(town, file())
    for day, found in ((date(2026, 12, 23), True), (EVE, False)):
        with town.store.read() as records:
            assert bool(records.list_runs(day)) == found


def test_the_file_opens_a_run_that_the_town_closes_and_closes_one_that_it_opens(town: Town, clock: Clock) -> None:
    clock.now = DECEMBER
    take_in(town, file(not_on="none"))
    assert EVE in dates(town)
    open_town = with_rules(town, closed=[])
    take_in(open_town, file("D2", 10, not_on="public holidays").replace("B7", "B8"))
    assert EVE not in dates(town, "D2") and date(2026, 12, 23) in dates(town, "D2")


def test_a_town_that_says_nothing_of_holidays_is_told_which_run_goes_on_the_next(town: Town) -> None:
    silent = replace(town, rules={**town.rules, "holidays": {"country": "FI"}})
    checked = check(silent, file())
    assert said(checked) == ["W-HOLIDAY"]
    assert "2026-12-24 (Christmas Eve): D1" in checked.messages[0].text
    assert said(check(silent, file(not_on="none"))) == said(check(town, file())) == []


def test_what_is_over_is_told_as_a_file_or_run_by_run(town: Town) -> None:
    old: dict[str, Any] = {"from": "2025-08-11", "until": "2026-06-05"}
    assert [(m.code, m.value) for m in check(town, file(**old)).messages] == [("W-EXPIRED", "2026-06-05")]
    rows = run("D2", "B8", hour=10)
    both = sheet([{**run("D1")[0], **DAILY, **old}, *run("D1")[1:], {**rows[0], **DAILY}, *rows[1:]])
    messages = check(town, both).messages
    assert [m.code for m in messages] == ["W-EXPIRED"] and ": D1." in messages[0].text


# Shifts and seasons


def test_a_shift_moves_a_whole_run_on_its_days_only(town: Town) -> None:
    take_in(town, file(shift="Wed+60min"))
    with town.store.read() as records:
        planned = {
            day.weekday(): [stop.planned for stop in records.get_run(run_id("school", "D1", day)).stops]
            for day in dates(town)
        }
    assert planned[2] == [time + 3600 for time in planned[0] if time is not None]
    assert planned[0] == planned[1] == planned[3]
    told = list_dates(town, "school", "en")[0]
    assert [shift for day, shift in told.next if day.weekday() == 2] == [3600]
    assert all(one.kind is not DayKind.SHIFTED for one in told.exceptions)


def test_a_summer_and_a_winter_timetable_follow_each_other(town: Town) -> None:
    rows = run("D1")
    summer = {**rows[0], **DAILY, "until": "2026-11-27"}
    winter = {**rows[0], **DAILY, "from": "2026-11-28"}
    later = [*run("D1", hour=9)[1:]]
    take_in(town, sheet([summer, *rows[1:], {**winter, "time": "9:00"}, *later]))
    hours = [(stop.planned or 0) // 3600 for day in dates(town)[3:7] for stop in _run(town, day).stops[:1]]
    assert hours == [8, 8, 9, 9]


def _run(town: Town, day: date) -> Any:
    with town.store.read() as records:
        return records.get_run(run_id("school", "D1", day))


# Effective dates


FRIDAY = date(2026, 11, 27)


def take_in_from(town: Town, clock: Clock, text: str, day: date) -> schedules.Kept:
    clock.forward(60)
    row = hand_in(town, text)
    schedules.answer(town, row.id, operator="school", change=lambda answers: answers.from_day(day))
    return confirm(town, row)


def test_an_upload_changes_nothing_before_its_effective_date(town: Town, clock: Clock) -> None:
    take_in(town, file())
    kept = take_in_from(town, clock, file(hour=10), FRIDAY)
    assert (kept.new, kept.changed, kept.unchanged) == (0, 6, 0)
    hours = {day: (_run(town, day).stops[0].planned or 0) // 3600 for day in dates(town)}
    assert hours == {day: 8 if day < FRIDAY else 10 for day in hours}
    clock.forward(86400)
    assert schedules.extend(town) == 1
    assert (_run(town, date(2026, 12, 7)).stops[0].planned or 0) // 3600 == 10


def test_a_run_that_a_later_plan_lacks_goes_until_that_plan_holds(town: Town, clock: Clock) -> None:
    both = (*run("D1"), *run("D2", hour=9))
    take_in(town, sheet([{**row, **(DAILY if "days" in row else {})} for row in both]))
    kept = take_in_from(town, clock, file(), FRIDAY)
    with town.store.read() as records:
        days = [day for day in records.list_run_dates("school") if records.find_run(run_id("school", "D2", day))]
    assert days and max(days) < FRIDAY and kept.removed == len(dates(town)) - len(days)


def test_days_before_an_effective_date_beyond_the_horizon_are_made_by_the_old_plan(town: Town, clock: Clock) -> None:
    take_in(town, file())
    later = date(2026, 12, 9)
    assert take_in_from(town, clock, file(hour=10), later) == schedules.Kept(0, 0, 0, ())
    clock.forward(7 * 86400)
    schedules.extend(town)
    hours = {day: (_run(town, day).stops[0].planned or 0) // 3600 for day in dates(town)}
    assert hours == {day: 8 if day < later else 10 for day in hours} and max(hours) > later
    plans = list_dates(town, "school", "en")
    assert [(one.plan.first, one.plan.until) for one in plans] == [(date.min, later), (later, None)]


def test_a_later_upload_without_a_date_holds_at_once_and_for_good(town: Town, clock: Clock) -> None:
    take_in(town, file())
    take_in_from(town, clock, file(hour=10), FRIDAY)
    clock.forward(60)
    take_in(town, file(hour=9))
    with town.store.read() as records:
        plans = service_dates.list_plans(records, town.today(), "school")
    assert [(plan.first, plan.until) for plan in plans] == [(date.min, None)]
    assert service_dates.Plan("school", plans[0].file, FRIDAY).going(MONDAY, town.holidays) == set()


def test_check_hears_an_effective_date_for_any_file(town: Town) -> None:
    checked = schedules.check(town, TWO.encode(), "runs.csv", operator="school", answers=Answers(effective=FRIDAY))
    assert checked.dates == ["2026-11-30", "2026-12-01"]


# What goes no longer


def closing(town: Town, day: date) -> Town:
    own = [{"table": "closing", "first": day, "name": {"en": "Snow"}}]
    return with_rules(town, days=own, closed=["public", "closing"])


def test_a_run_is_taken_out_when_the_town_closes_its_day(town: Town) -> None:
    take_in(town, file())
    assert FRIDAY in dates(town)
    closed = closing(town, FRIDAY)
    assert schedules.extend(closed) == 0
    assert FRIDAY not in dates(town) and MONDAY in dates(town)
    assert [one.why for one in list_dates(closed, "school", "en")[0].exceptions[:1]] == ["Snow"]
    assert service_dates.list_stale(closed, "school") == []
    assert schedules.extend(town) == 1 and FRIDAY in dates(town)
    assert planning.verify(town)[1] == []


def offered(town: Town, name: str) -> list[str]:
    return [offer.run for offer, _ in ask(town, newcomer(town, name), ends=(LIISANKATU, RESSU)).offers]


def test_a_run_with_bookings_stays_when_its_day_is_closed_and_nobody_else_can_book(town: Town) -> None:
    take_in(town, TWO)
    booked = book(town, run=run_id("school", "D1", MONDAY), ends=(LIISANKATU, RESSU))
    closed = closing(town, MONDAY)
    schedules.extend(closed)
    assert [head.code for head in service_dates.list_stale(closed, "school")] == ["D1"]
    kept = kept_run(town, "D1")
    assert [ride.id for ride in kept.residents] == [booked.ride_id]
    assert kept.id not in offered(town, "Late")
    revision = kept.revision
    schedules.extend(closed)
    assert kept_run(town, "D1").revision == revision
    schedules.extend(town)
    assert kept.id in offered(town, "Later")
    assert planning.verify(town)[1] == []


def test_runs_that_no_file_knows_are_left_alone(town: Town) -> None:
    take_in(town, file())
    schedules.extend(closing(town, MONDAY))
    with town.store.read() as records:
        assert [head.id for head in records.run_heads(MONDAY, "school")] == ["bus-23"]


# Pages


def test_the_page_says_in_plain_words_when_runs_go(town: Town, sign_in: SignIn, clock: Clock) -> None:
    clock.now = DECEMBER
    take_in(town, file(shift="Wed+60min", not_on="2026-12-28..2026-12-30 (staff days)", also_on="2027-01-02"))
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch/dates")
    for words in (
        "Monday–Friday, from 11 Aug 2026 to 4 Jun 2027.",
        "By the rules of the town not on public holidays.",
        "Wednesday, 1 h later.",
        "No run on Thu, 24 Dec 2026: Christmas Eve",
        "staff days",
        "Extra run on Sat, 2 Jan 2027",
    ):
        assert words in dispatcher.text
    dispatcher.get("/dispatch?day=2026-12-24")
    assert "Christmas Eve" in dispatcher.text


def test_a_run_that_its_file_takes_off_a_date_is_listed_until_it_is_taken_out(town: Town, sign_in: SignIn) -> None:
    take_in(town, file())
    book(town, run=run_id("school", "D1", MONDAY), ends=(LIISANKATU, RESSU))
    with town.store.read() as records:
        upload = records.list_kept_uploads("school")[0]
        plan = records.get_upload(upload.id)
    assert plan.schedule is not None
    off = {"first": MONDAY.isoformat(), "last": MONDAY.isoformat(), "shift": 0}
    plan.schedule = {**plan.schedule, "runs": [{**one, "not_on": [off]} for one in plan.schedule["runs"]]}
    town.store.commit(lambda door: door.put(plan))
    schedules.extend(town)
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch/dates")
    assert "Nobody else can book." in dispatcher.text and "D1 · 23 Nov 2026" in dispatcher.text
    dispatcher.get(f"/dispatch/runs/{run_id('school', 'D1', MONDAY)}")
    assert "Closed to more residents: no run on this date" in dispatcher.text


def test_a_dispatcher_says_from_when_on_a_file_holds(town: Town, sign_in: SignIn) -> None:
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch/upload")
    page = dispatcher.post("/dispatch/upload", {"file": (io.BytesIO(file().encode()), "runs.csv")})
    with town.store.read() as records:
        upload = records.list_uploads("school")[0].id
    assert "This file holds from" in dispatcher.text and page
    for wrong in ("2026-11-22", "soon", "2100-01-01"):
        dispatcher.post(f"/dispatch/uploads/{upload}/effective", {"effective": wrong}, status=422)
        assert "Write today or a later day" in dispatcher.text
    dispatcher.post(f"/dispatch/uploads/{upload}/effective", {"effective": "2026-11-27"})
    dispatcher.send("Take in 1 run")
    assert dates(town)[0] == FRIDAY


@pytest.mark.parametrize("days", [0, 40])
def test_another_operators_dates_are_not_shown(town: Town, sign_in: SignIn, clock: Clock, days: int) -> None:
    checked = schedules.check(town, TWO.encode(), "runs.csv", operator="care")
    row = schedules.upload(town, TWO.encode(), "runs.csv", operator="care", actor=None)
    schedules.keep(town, checked, operator="care", actor=None, upload=row)
    clock.forward(days * 86400)
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch/dates")
    assert "D1" not in dispatcher.text and "No schedule file holds" in dispatcher.text
