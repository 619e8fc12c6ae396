"""A dispatcher hands in a GTFS feed, says what it cannot say, and gets runs that residents may book."""

import io
from datetime import date

import pytest

from tests.webapp.conftest import SignIn
from tests.webapp.feed_samples import feed, table
from tests.webapp.handing_in import confirm, said
from tests.webapp.small_town import LIISANKATU, MONDAY, RESSU
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import book, rider_id, run_of
from webapp.files.answers import Answers, Terms
from webapp.publishing import run_id
from webapp.services import planning, schedules
from webapp.services.errors import Conflict
from webapp.town import Town

SAID = Answers(otherwise=Terms(seats=6, who_may_ride=("registered",), riders=2))
DAYS_IN_VIEW = 10
"""Weekdays of the fortnight, without the Tuesday but with the Saturday of the feed's exceptions."""
OLD = table("calendar", "20260801,20270630", "20190801,20200630")
FAR = table("stops") + "F,Far away,61.5,23.8\n"


@pytest.fixture
def dispatcher(sign_in: SignIn) -> Visitor:
    return sign_in("dispatcher")


def hand_in(dispatcher: Visitor, content: bytes) -> str:
    dispatcher.get("/dispatch/upload")
    return dispatcher.post("/dispatch/upload", {"file": (io.BytesIO(content), "feed.zip")})


def fill(dispatcher: Visitor, status: int = 200, **answers: object) -> str:
    written = {"scope": "all", "seats": "6", "who": "registered", "detour": "none", **answers}
    return dispatcher.send("Write this down for the routes", written, status)


def check(town: Town, content: bytes, answers: Answers = SAID) -> schedules.Checked:
    return schedules.check(town, content, "feed.zip", operator="school", answers=answers)


def take_in(town: Town, content: bytes, change: schedules.Change) -> schedules.Kept:
    actor = rider_id(town, "dispatcher")
    row = schedules.upload(town, content, "feed.zip", operator="school", actor=actor)
    schedules.answer(town, row.id, operator="school", change=change)
    return confirm(town, row)


def test_residents_book_on_a_run_of_a_feed(town: Town) -> None:
    kept = take_in(town, feed(), lambda _: SAID)
    assert kept == schedules.Kept(2 * DAYS_IN_VIEW, 0, 0, ())
    made = book(town, run=run_id("school", "t1", MONDAY), ends=(LIISANKATU, RESSU))
    assert made.status == "booked" and planning.verify(town)[1] == []


def test_the_same_feed_again_changes_nothing(town: Town) -> None:
    take_in(town, feed(), lambda _: SAID)
    assert take_in(town, feed(), lambda _: SAID) == schedules.Kept(0, 0, 2 * DAYS_IN_VIEW, ())


def test_the_days_that_come_into_view_keep_what_was_answered(town: Town) -> None:
    take_in(town, feed(), lambda _: SAID)
    assert schedules.extend(town) == 0
    assert run_of(town, run_id("school", "t1", MONDAY)).policy.riders == {"registered"}


def test_nothing_can_be_answered_about_a_file_that_was_kept(town: Town) -> None:
    actor = rider_id(town, "dispatcher")
    row = schedules.upload(town, feed(), "feed.zip", operator="school", actor=actor)
    confirm(town, row)
    with pytest.raises(Conflict):
        schedules.answer(town, row.id, operator="school", change=lambda _: SAID)


def test_a_plan_that_is_over_is_said_to_be_so_until_another_year_is_given(town: Town) -> None:
    over = check(town, feed({"calendar.txt": OLD, "calendar_dates.txt": None}))
    assert (said(over), over.runs) == (["W-EXPIRED"], ())
    again = check(town, feed({"calendar.txt": OLD, "calendar_dates.txt": None}), SAID.for_days(date(2026, 11, 1), None))
    assert said(again) == ["W-YEAR"] and len(again.runs) == 20


def test_a_stop_beyond_the_roads_is_told_once_with_the_runs_that_call_there(town: Town) -> None:
    drawn_out = table("stop_times", ",S,", ",F,").replace("08:20:00", "13:20:00").replace("15:15:00", "20:15:00")
    checked = check(town, feed({"stops.txt": FAR, "stop_times.txt": drawn_out}))
    places = [one for one in checked.messages if one.code == "E-PLACE"]
    assert [(one.sheet, one.row, one.value) for one in places] == [("stops.txt", 6, "Far away")]
    assert "not taken in: 2" in places[0].text


def test_sound_runs_are_kept_beside_faulty_ones_only_when_that_is_asked_for(town: Town) -> None:
    broken = feed({"stop_times.txt": table("stop_times", "15:15:00,15:15:00", "14:15:00,14:15:00")})
    assert check(town, broken).refused
    with pytest.raises(Conflict):
        take_in(town, broken, lambda _: SAID)
    assert take_in(town, broken, lambda _: SAID.for_faults(sound_only=True)).new == DAYS_IN_VIEW


def test_a_dispatcher_fills_in_the_form_and_takes_the_feed_in(dispatcher: Visitor, town: Town) -> None:
    hand_in(dispatcher, feed())
    assert "No answer yet: no seat is offered" in dispatcher.text
    fill(dispatcher, riders="2")
    assert "Written down." in dispatcher.text and "6 seats, registered residents" in dispatcher.text
    dispatcher.send("Take in 2 runs")
    run = run_of(town, run_id("school", "t1", MONDAY))
    assert (run.capacity.layouts[0].seats, len(run.rides), run.policy.riders) == (6, 1, frozenset({"registered"}))


def test_a_dispatcher_takes_only_the_ticked_route(dispatcher: Visitor) -> None:
    hand_in(dispatcher, feed())
    fill(dispatcher, scope="only", line="r1/1")
    assert "Left out" in dispatcher.text
    dispatcher.send("Take in 1 run")


def test_a_dispatcher_uses_an_old_plan_for_another_year(dispatcher: Visitor) -> None:
    hand_in(dispatcher, feed({"calendar.txt": OLD, "calendar_dates.txt": None}))
    assert "the last day of this plan was 2020-06-30" in dispatcher.text.replace("The last", "the last")
    dispatcher.send("Write this down for the days", {"first": "2026-11-01"})
    assert "Take in 2 runs" in dispatcher.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scope", ""),
        ("seats", ""),
        ("seats", "many"),
        ("seats", "-1"),
        ("who", "me"),
        ("detour", "far"),
        ("riders", "7"),
    ],
)
def test_an_answer_that_cannot_be_used_is_told_beside_its_field(dispatcher: Visitor, field: str, value: str) -> None:
    hand_in(dispatcher, feed())
    fill(dispatcher, 422, **{field: value})
    assert "There is a problem" in dispatcher.text and dispatcher.error(field)


def test_ticks_and_minutes_and_dates_that_are_missing_are_told(dispatcher: Visitor) -> None:
    hand_in(dispatcher, feed())
    fill(dispatcher, 422, scope="some")
    assert "Tick at least one route" in dispatcher.text
    fill(dispatcher, 422, detour="up to")
    assert dispatcher.error("detour_min")
    dispatcher.send("Write this down for the days", {"first": "someday"}, 422)
    assert dispatcher.error("first")


def test_nobody_answers_about_the_feed_of_another_operator(dispatcher: Visitor, town: Town) -> None:
    theirs = schedules.upload(town, feed(), "feed.zip", operator="care", actor=rider_id(town, "dispatcher"))
    for form in ("routes", "plan"):
        dispatcher.get("/dispatch/upload")
        dispatcher.post(f"/dispatch/uploads/{theirs.id}/{form}", {"scope": "all", "seats": "1", "who": "anyone"}, 404)
