"""Who does not come frees a seat at once and comes back as before, unless it was promised; few are told."""

from datetime import date, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.model import DAY
from tests.webapp import absentees
from tests.webapp.absentees import AINO, BERTTA, CARLA, RUN, TUESDAY, away, enter, token, wish
from tests.webapp.conftest import HELSINKI, UNHURRIED, Clock
from tests.webapp.handing_in import confirm
from tests.webapp.schedule_samples import SEASON, sheet
from tests.webapp.small_town import NINE
from tests.webapp.wishes import count_rows, newcomer, rider_id, run_of, tamper
from webapp import service_day
from webapp.db import tables
from webapp.db.store import Store
from webapp.services import absences, attendance, booking, driving, planning, schedules
from webapp.services.absences import days_of
from webapp.services.errors import Gone, Invalid, NotFound
from webapp.town import Town

FIRST = date(2026, 11, 23)


@pytest.fixture
def van(town: Town) -> Town:
    absentees.settle(town)
    return town


# The seat and the way


def test_an_absence_frees_the_seat_and_the_way_to_the_door(van: Town) -> None:
    assert booking.ask(van, wish(van)).refusal
    assert enter(van).absent == (TUESDAY,)
    run = run_of(van, RUN)
    assert [ride.id for ride in run.rides] == ["client-b"] and [stop.id for stop in run.skipped] == ["home"]
    assert booking.ask(van, wish(van)).offers
    assert planning.verify(van)[1] == []


def test_who_waits_is_asked_at_once(van: Town) -> None:
    rider = rider_id(van)
    request = wish(van, rider)
    booking.ask(van, request)
    booking.wait(van, request)
    enter(van)
    with van.store.read() as records:
        (booked,) = records.list_bookings(rider_id=rider, status="booked")
        told = [row.kind for row in records.pending_outbox(9) if row.user_id == rider]
    assert (booked.request_id, told) == (request, ["seat offered"])
    assert booked.answer_by is not None
    assert planning.verify(van)[1] == []


def test_who_comes_after_all_has_the_seat_as_before(van: Town) -> None:
    before = run_of(van, RUN)
    enter(van)
    assert absences.withdraw(van, AINO, [TUESDAY]).comes == (TUESDAY,)
    after = run_of(van, RUN)
    assert (after.stops, {*after.rides}, after.absent, after.skipped) == (before.stops, {*before.rides}, (), ())
    assert away(van) == [] and planning.verify(van)[1] == []


def test_a_seat_that_was_promised_is_not_taken_back_and_the_dispatcher_is_told(van: Town) -> None:
    enter(van)
    booked = booking.book(van, token(van), key="key", actor=rider_id(van))
    assert absences.withdraw(van, AINO, [TUESDAY]).promised == (TUESDAY,)
    assert absences.list_unkept(van, "school", TUESDAY) == ([AINO], [])
    assert [ride.id for ride in run_of(van, RUN).residents] == [booked.ride_id] and away(van) == [TUESDAY]
    booking.cancel(van, booked.id, actor=rider_id(van))
    assert absences.withdraw(van, AINO, [TUESDAY]).comes == (TUESDAY,)
    assert absences.list_unkept(van, "school", TUESDAY) == ([], [])


def test_a_dispatcher_can_put_away_that_somebody_was_to_come_after_all(van: Town) -> None:
    enter(van)
    booking.book(van, token(van), key="key", actor=rider_id(van))
    absences.withdraw(van, AINO, [TUESDAY])
    absences.put_away(van, AINO, TUESDAY)
    assert absences.list_unkept(van, "school", TUESDAY) == ([], []) and away(van) == [TUESDAY]


def test_where_one_date_is_promised_the_others_come_back(van: Town) -> None:
    later = TUESDAY + timedelta(days=7)
    enter(van, TUESDAY, later)
    booking.book(van, token(van), key="key", actor=rider_id(van))
    back = absences.withdraw(van, AINO, [TUESDAY, later])
    assert (back.comes, back.promised) == ((later,), (TUESDAY,))


# Once is once


def test_the_same_absence_twice_is_one_and_ranges_that_overlap_are_joined(van: Town) -> None:
    enter(van, *absences.days_of(TUESDAY, date(2026, 11, 27)))
    once = count_rows(van)
    assert enter(van).absent == (TUESDAY,) and count_rows(van) == once
    enter(van, *absences.days_of(date(2026, 11, 26), date(2026, 11, 30)))
    ((person, joined),) = absences.list_absences(van, "school")
    assert (person, [(one.first, one.last) for one in joined]) == (AINO, [(TUESDAY, date(2026, 11, 30))])


def test_to_withdraw_what_never_was_changes_nothing(van: Town) -> None:
    before = count_rows(van)
    assert absences.withdraw(van, BERTTA, [TUESDAY]) == absences.Back((), ())
    absences.put_away(van, BERTTA, TUESDAY)
    assert count_rows(van) == before and run_of(van, RUN).revision == 0


@given(st.dates(date(2026, 1, 1), date(2028, 1, 1)), st.integers(-5, 400), st.sets(st.integers(0, 6)))
def test_days_are_those_that_a_calendar_would_tick(first: date, span: int, weekdays: set[int]) -> None:
    last = first + timedelta(days=span)
    calendar = [date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1)]
    ticked = [day for day in calendar if not weekdays or day.weekday() in weekdays]
    if 0 <= span < absences.LONGEST and ticked:
        assert absences.days_of(first, last, weekdays) == ticked
    else:
        with pytest.raises(Invalid):
            absences.days_of(first, last, weekdays)


# Until when


def at(clock: Clock, second: int) -> None:
    clock.now = service_day.instant_of(second, TUESDAY, HELSINKI)


@pytest.mark.parametrize(
    ("closes", "last"),
    [(None, NINE - 40 * 60), (7 * 3600, 7 * 3600), (18 * 3600 - DAY, 18 * 3600 - DAY)],
    ids=["an hour before the run", "7:00", "18:00 the day before"],
)
def test_an_absence_is_taken_until_the_operators_deadline(
    van: Town, clock: Clock, closes: int | None, last: int
) -> None:
    absences.set_deadline(van, "school", notice=3600, closes=closes)
    at(clock, last + 1)
    assert enter(van).too_late == (TUESDAY,) and away(van) == []
    at(clock, last)
    assert enter(van).absent == (TUESDAY,)
    assert [ride.id for ride in run_of(van, RUN).absent] == ["client-a"]


def test_later_ones_are_the_dispatchers_to_enter(van: Town, clock: Clock) -> None:
    at(clock, NINE - 10 * 60)
    assert enter(van, late=True).absent == (TUESDAY,)
    assert [ride.id for ride in run_of(van, RUN).absent] == ["client-a"]


def test_a_day_that_is_past_is_nobodys_to_enter(van: Town) -> None:
    with pytest.raises(Invalid, match="first"):
        enter(van, FIRST - timedelta(days=1))


# Runs that are published later


ROWS = sheet(
    [
        {
            **SEASON, "days": "Wed", "vehicle": "B1", "seats": "8", "run_id": "W1", "place": "Yard", "time": "11:00",
            "lat": "60.168207", "lon": "24.947299", "riders_on": "A01;A02",
        },
        {"place": "Square", "time": "11:20", "lat": "60.165171", "lon": "24.947828", "riders_off": "A01;A02"},
    ]
)  # fmt: skip


def absent_on(town: Town, day: date) -> list[str]:
    with town.store.read() as records:
        return sorted(
            records.run_members(run.id)[ride.id] for run in records.list_runs(day, "school") for ride in run.absent
        )


def test_runs_that_are_published_later_and_again_respect_an_absence(van: Town, clock: Clock) -> None:
    wednesday, ahead = date(2026, 11, 25), date(2026, 12, 9)
    enter(van, wednesday, ahead)
    uploads = [schedules.upload(van, text.encode(), "runs.csv", operator="school", actor=None) for text in (ROWS, ROWS)]
    confirm(van, uploads[0])
    assert absent_on(van, wednesday) == ["A01"]
    kept = confirm(van, uploads[1])
    assert (kept.new, kept.changed) == (0, 0) and absent_on(van, wednesday) == ["A01"]
    changed = schedules.upload(van, ROWS.replace("11:00", "10:55").encode(), "runs.csv", operator="school", actor=None)
    assert confirm(van, changed).changed > 0
    assert absent_on(van, wednesday) == ["A01"]
    clock.now += timedelta(days=3)
    schedules.extend(van)
    assert absent_on(van, ahead) == ["A01"]
    assert planning.verify(van)[1] == []


def test_to_follow_again_changes_nothing(van: Town) -> None:
    enter(van)
    revision = run_of(van, RUN).revision
    assert attendance.follow(van, "school") == set() and run_of(van, RUN).revision == revision


def test_a_plan_is_not_carried_over_an_absence_nor_over_its_withdrawal(van: Town) -> None:
    """A re-planning that began before would bring the absent back, or leave at home who comes after all."""
    present = run_of(van, RUN)
    enter(van)
    gone = run_of(van, RUN)
    assert planning.rebase(present, gone, set(), van) is None
    assert planning.rebase(gone, present, set(), van) is None
    assert planning.rebase(gone, gone, set(), van) == gone


# Who is told


def test_the_driver_reads_first_who_does_not_come(van: Town) -> None:
    enter(van)
    read = driving.read_manifest(van, RUN, operator="school")
    assert [one.name for one in read.absent] == [AINO.name] and read.expected == 1
    assert AINO.name not in {one.name for visit in read.visits for one in (*visit.boarding, *visit.alighting)}


def test_a_guardian_sees_the_own_member_and_nobody_else(van: Town) -> None:
    enter(van)
    enter(van, person=BERTTA)
    (ward,) = absences.list_wards(van, rider_id(van, "neighbour"))
    assert (ward.person, [one.first for one in ward.away]) == (AINO, [TUESDAY])
    assert absences.list_wards(van, rider_id(van)) == []
    for stranger in (BERTTA, CARLA):
        with pytest.raises(NotFound):
            absences.get_ward(van, stranger.key, guardian=rider_id(van, "neighbour"))


def test_guardians_are_told_that_something_changed_and_not_what(van: Town) -> None:
    enter(van)
    with van.store.read() as records:
        (row,) = records.pending_outbox(9)
    assert (row.kind, row.user_id, row.facts) == ("absences changed", rider_id(van, "neighbour"), {})


# All at once


def in_a_process(town: Town, start: Barrier, act: str, what: str, answers: Any) -> None:
    """Do one thing to the records in a process of its own, and say how it went."""
    store = Store(town.settings.database_url, clock=town.clock, timezone=HELSINKI, patience=UNHURRIED)
    object.__setattr__(town, "store", store)
    start.wait()
    try:
        if act == "book":
            answers.put((act, booking.book(town, what, key="key", actor="").status))
        else:
            answers.put((act, "comes" if absences.withdraw(town, AINO, [TUESDAY]).comes else "promised"))
    except Gone:
        answers.put((act, "gone"))


@pytest.mark.parametrize("turn", range(3))
def test_a_freed_seat_is_promised_once_whoever_comes_first(van: Town, turn: int) -> None:
    enter(van)
    acts = [("book", token(van, newcomer(van, f"Rider {n}"))) for n in range(2)] + [("withdraw", "")]
    van.store.close()
    context = get_context("fork")
    start, answers = context.Barrier(len(acts)), context.Queue()
    working = [context.Process(target=in_a_process, args=(van, start, *act, answers)) for act in acts]
    for one in working:
        one.start()
    told = [answers.get(timeout=120) for _ in working]
    for one in working:
        one.join()
    run = run_of(van, RUN)
    booked = told.count(("book", "booked"))
    assert booked == len(run.residents) and planning.verify(van)[1] == []
    assert (("withdraw", "comes") in told) == ("client-a" in {ride.id for ride in run.rides})
    assert ("withdraw", "promised") not in told or booked, "nobody else has the seat of who was refused"


def test_two_on_one_seat_would_be_seen(van: Town) -> None:
    """Negative control: the check of the race above finds a seat that was promised twice."""
    enter(van)
    booking.book(van, token(van), key="key", actor=rider_id(van))
    tamper(van, "UPDATE run_ride SET absent = false WHERE run_id = :run", run=RUN)
    assert planning.verify(van)[1] != []


def test_who_is_off_a_run_is_part_of_its_history(van: Town) -> None:
    enter(van)
    with van.store.read() as records:
        last = records.history(RUN)[-1]
    assert (last.cause, [ride.id for ride in last.run.absent]) == ("absent", ["client-a"])
    assert isinstance(last.at, datetime)


WEEKS = st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=30, unique_by=lambda one: one[0]).map(sorted)


@given(WEEKS, st.sets(st.integers(0, 6), min_size=1, max_size=3), st.integers(0, 6))
def test_what_is_said_of_absences_is_those_days_and_no_other(
    chance: list[tuple[int, bool]], weekdays: set[int], weeks: int
) -> None:
    regular = {7 * n + day: False for n in range(weeks) for day in weekdays}
    moment = datetime(2026, 11, 1)
    rows = [
        tables.AbsentDay(
            operator_id="o", member="m", service_date=FIRST + timedelta(days=n), entered_by="", entered_at=moment,
            late=False, wanted_back_at=moment if wanted else None,
        )
        for n, wanted in sorted((dict(chance) | regular).items())
    ]  # fmt: skip
    said = [
        (day, one.wanted_back) for one in absences.in_order(rows) for day in days_of(one.first, one.last, one.weekdays)
    ]
    assert sorted(said) == [(row.service_date, row.wanted_back_at is not None) for row in rows]


def test_weeks_that_begin_and_end_in_the_middle_are_one() -> None:
    moment = datetime(2026, 11, 1)
    rows = [
        tables.AbsentDay(operator_id="o", member="m", service_date=day, entered_by="", entered_at=moment, late=False)
        for day in days_of(date(2026, 11, 25), date(2026, 12, 15), {1, 2})
    ]
    (away,) = absences.in_order(rows)
    assert (away.first, away.last, away.weekdays) == (date(2026, 11, 25), date(2026, 12, 15), frozenset({1, 2}))
