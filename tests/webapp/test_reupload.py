"""A changed schedule is compared with what is kept; whoever booked keeps their seat, or somebody answers for it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest

from matching.model import Load, Run
from matching.promises import carried
from tests.webapp.conftest import Clock
from tests.webapp.handing_in import MONDAYS_AND_TUESDAYS, TWO, confirm, hand_in, kept_run, look, run, take_in
from tests.webapp.schedule_samples import sheet
from tests.webapp.small_town import LIISANKATU, MONDAY, RESSU
from tests.webapp.wishes import BUS, VAN, book, count_rows, newcomer, rider_id, run_of, tap, token_of, wish
from webapp.db import tables
from webapp.db.store import Door, StoreError
from webapp.publishing import run_id
from webapp.services import absences, booking, planning, replacing, schedules
from webapp.services.errors import Conflict, Invalid
from webapp.services.schedules import Kept
from webapp.town import Town

D2 = run_id("school", "D2", MONDAY)
NINE = 9 * 3600


@pytest.fixture
def town(town: Town) -> Town:
    """Give the town with no run of anybody but those that are handed in."""

    def empty(door: Door) -> None:
        for name in (BUS, VAN):
            door.remove(name, cause="published")

    town.store.commit(empty, runs=[BUS, VAN], times=town.roads)
    return town


def moved(minutes: int, *, hour: int = 9) -> str:
    """The two runs with the second one later by some minutes."""
    return TWO.replace("9:00", f"{hour}:{minutes:02}").replace("9:06", f"{hour}:{6 + minutes:02}").replace(
        "9:20", f"{hour}:{20 + minutes:02}"
    )  # fmt: skip


LATER, MUCH_LATER = moved(4), sheet([*run("D1"), *run("D2", hour=14)])
BESIDE = sheet([*run("D1"), *run("D2", hour=14), *run("D3", "B9", hour=9)])
ONLY_D1 = sheet(run("D1"))


def booked_on_d2(town: Town, who: str = "") -> tables.Booking:
    return book(town, who, run=D2, ends=(LIISANKATU, RESSU), depart=NINE - 600)


def booking_of(town: Town, row: tables.Booking) -> tables.Booking:
    with town.store.read() as records:
        return records.get_booking(row.id)


def told(town: Town) -> list[str]:
    with town.store.read() as records:
        return [row.kind for row in records.pending_outbox(100)]


def kinds(town: Town, row: tables.Upload) -> list[tuple[str, str]]:
    """List what would become of each booking, and of its run."""
    return [(one.kind, fate.kind) for one in look(town, row).comparison.diffs for fate in one.fates]


# What is shown


def test_what_changes_is_shown_with_stop_and_time_before_and_after(town: Town) -> None:
    take_in(town, TWO)
    seen = look(town, hand_in(town, LATER.replace(",4,", ",6,"))).comparison
    assert [seen.count(kind) for kind in replacing.KINDS] == [0, 2 * MONDAYS_AND_TUESDAYS, 0, 0]
    d2 = next(one for one in seen.diffs if one.code == "D2")
    assert {(one.what, one.before, one.after) for one in d2.changes if one.what == "seats"} == {("seats", 4, 6)}
    assert ("s1", NINE, NINE + 240) in [(one.new, one.before, one.after) for one in d2.changes if one.what == "time"]


def test_stops_that_come_and_go_are_shown_as_such(town: Town) -> None:
    take_in(town, TWO)
    rows = run("D2", hour=9)
    seen = look(town, hand_in(town, sheet([*run("D1"), rows[0], rows[2]]))).comparison
    d2 = next(one for one in seen.diffs if one.code == "D2")
    assert [(one.what, one.old, one.after) for one in d2.changes] == [("stop", "s2", None)]


def test_looking_at_a_changed_file_keeps_nothing(town: Town) -> None:
    take_in(town, TWO)
    booked_on_d2(town)
    row = hand_in(town, MUCH_LATER)
    rows = count_rows(town)
    look(town, row)
    assert count_rows(town) == rows


def test_names_of_stops_and_runs_count_as_changes_and_are_kept(town: Town) -> None:
    take_in(town, TWO)
    assert take_in(town, TWO.replace("Rautatientori", "Railway Square")).changed == 2 * MONDAYS_AND_TUESDAYS
    with town.store.read() as records:
        assert records.run_labels(D2)["s2"] == ("Railway Square", False)


def test_a_file_says_itself_which_earlier_one_it_replaces_unless_a_dispatcher_does(town: Town) -> None:
    take_in(town, TWO)
    row = schedules.upload(town, ONLY_D1.encode(), "new name.csv", operator="school", actor=None)
    seen = look(town, row)
    assert seen.earlier is not None and seen.comparison.count(replacing.REMOVED) == MONDAYS_AND_TUESDAYS
    schedules.answer(town, row.id, operator="school", change=lambda answers: answers.for_schedule(""))
    assert look(town, row).comparison.count(replacing.REMOVED) == 0


def test_a_replaced_schedule_makes_no_runs_any_more(town: Town, clock: Clock) -> None:
    take_in(town, TWO)
    confirm(town, schedules.upload(town, ONLY_D1.encode(), "new name.csv", operator="school", actor=None))
    clock.now += timedelta(days=7)
    assert schedules.extend(town) == 2
    with town.store.read() as records:
        codes = {head.code for day in records.list_run_dates("school") for head in records.run_heads(day, "school")}
    assert "D2" not in codes


# What becomes of bookings


def test_a_booking_keeps_its_seat_where_its_promise_can_be_kept(town: Town) -> None:
    take_in(town, TWO)
    made, row = booked_on_d2(town), hand_in(town, LATER)
    assert kinds(town, row) == [("changed", "moves")]
    kept = confirm(town, row)
    assert (kept.changed, kept.moves, kept.placed, kept.lost) == (MONDAYS_AND_TUESDAYS, 1, 0, 0)
    assert booking_of(town, made) == made and kept_run(town, "D2").stops[0].planned == NINE + 240
    assert kept_run(town, "D2").residents[0].id == made.ride_id
    assert planning.verify(town)[1] == []


def test_nobody_loses_a_seat_without_somebody_s_yes(town: Town) -> None:
    take_in(town, TWO)
    made, before = booked_on_d2(town), kept_run(town, "D2")
    row = hand_in(town, MUCH_LATER)
    assert kinds(town, row) == [("changed", "lost")]
    kept = confirm(town, row)
    assert kept.held == ("D2 2026-11-23",) and kept_run(town, "D2") == before
    assert booking_of(town, made).status == "booked"


def test_agreeing_to_another_number_than_is_affected_changes_nothing(town: Town) -> None:
    take_in(town, TWO)
    booked_on_d2(town)
    row = hand_in(town, MUCH_LATER)
    rows = count_rows(town)
    with pytest.raises(Invalid, match="agreed"):
        confirm(town, row, agreed=2)
    assert count_rows(town) == rows


def test_who_agrees_is_written_down_and_the_rider_is_told(town: Town) -> None:
    take_in(town, TWO)
    made, row = booked_on_d2(town), hand_in(town, MUCH_LATER)
    kept = confirm(town, row, agreed=1)
    assert (kept.lost, booking_of(town, made).status, told(town)[-1]) == (1, "cancelled", "withdrawn")
    assert kept_run(town, "D2").residents == () and kept_run(town, "D2").stops[0].planned == 14 * 3600
    outcome = schedules.get_outcome(town, row.id, operator="school")
    assert outcome is not None and outcome.by == "Dispatcher Testi"
    assert [(one.booking.id, one.instead) for one in outcome.harmed] == [(made.id, None)]
    with town.store.read() as records:
        assert records.history(D2)[-1].cause == "published"
    assert planning.verify(town)[1] == []


def test_another_seat_is_tried_first_and_booked(town: Town) -> None:
    take_in(town, TWO)
    made, row = booked_on_d2(town), hand_in(town, BESIDE)
    assert kinds(town, row) == [("changed", "placed")]
    confirm(town, row, agreed=1)
    outcome = schedules.get_outcome(town, row.id, operator="school")
    assert outcome is not None and outcome.harmed[0].instead is not None
    new = outcome.harmed[0].instead
    assert (new.run_id, new.status, new.rider_id) == (run_id("school", "D3", MONDAY), "booked", made.rider_id)
    assert [ride.id for ride in kept_run(town, "D3").residents] == [made.ride_id]
    assert told(town)[-1] == "moved" and planning.verify(town)[1] == []


def test_the_last_seat_is_given_to_one_of_two(town: Town) -> None:
    """Who is picked up first is seated first; nobody gets a seat that is somebody's already."""
    take_in(town, TWO)
    rows = [booked_on_d2(town), booked_on_d2(town, newcomer(town, "Other"))]
    tight = sheet([*run("D1"), *run("D2", hour=14), *[{**one, **({"seats": "3"} if "seats" in one else {})}
                   for one in run("D3", "B9", hour=9)]])  # fmt: skip
    row = hand_in(town, tight)
    assert sorted(kind for _run, kind in kinds(town, row)) == ["lost", "placed"]
    confirm(town, row, agreed=2)
    assert [booking_of(town, one).status for one in rows] == ["cancelled", "cancelled"]
    assert sum(ride.party.people for ride in kept_run(town, "D3").rides) == 3 and planning.verify(town)[1] == []


def test_a_run_with_a_booking_is_removed_only_with_a_yes(town: Town) -> None:
    take_in(town, TWO)
    made = booked_on_d2(town)
    kept = confirm(town, hand_in(town, ONLY_D1))
    assert (kept.removed, kept.held) == (MONDAYS_AND_TUESDAYS - 1, ("D2 2026-11-23",))
    assert booking_of(town, made).status == "booked"
    row = hand_in(town, ONLY_D1.replace("Ressun lukio", "School"))
    schedules.answer(town, row.id, operator="school", change=lambda answers: answers)
    with town.store.read() as records:
        assert D2 in records.all_run_ids()
    kept = confirm(town, row, agreed=len(look(town, row).comparison.list_fates(*replacing.HARMED)))
    assert planning.verify(town)[1] == []


def test_a_removed_run_leaves_its_bookings_readable_and_may_come_back(town: Town) -> None:
    take_in(town, TWO)
    made, row = booked_on_d2(town), hand_in(town, ONLY_D1)
    assert confirm(town, row, agreed=1).removed == MONDAYS_AND_TUESDAYS
    with town.store.read() as records:
        assert records.find_run(D2) is None and D2 not in records.all_run_ids()
        assert records.get_run_head(D2).code == "D2"
    assert booking_of(town, made).status == "cancelled"
    assert take_in(town, TWO).new == MONDAYS_AND_TUESDAYS
    assert kept_run(town, "D2").revision == 3 and planning.verify(town)[1] == []


def test_the_way_back_falls_away_with_the_trip_that_it_follows(town: Town) -> None:
    both = sheet([*run("D1"), *run("D2", hour=9), *reversed_run("D4")])
    take_in(town, both)
    made = booked_on_d2(town)
    back = return_of(town, made)
    row = hand_in(town, both.replace("9:00", "14:00").replace("9:06", "14:06").replace("9:20", "14:20")
                  .replace("9:30", "14:30"))  # fmt: skip
    assert {kind for _run, kind in kinds(town, row)} == {"lost"}
    confirm(town, row, agreed=2)
    assert [booking_of(town, one).status for one in (made, back)] == ["cancelled", "cancelled"]
    assert kept_run(town, "D4").residents == () and planning.verify(town)[1] == []


def test_who_rides_on_an_absent_rider_s_seat_keeps_it(town: Town) -> None:
    rows = run("D2", hour=9)
    rows[0] = {**rows[0], "seats": "2", "riders_on": "A01 A02"}
    rows[2] = {**rows[2], "riders_off": "A01 A02"}
    take_in(town, sheet(rows))
    person = next(one for one in absences.members_of(town, "school") if one.member == "A01")
    absences.enter(town, person, [MONDAY], actor=rider_id(town, "dispatcher"))
    made = booked_on_d2(town)
    later = sheet([{**one, "time": time} for one, time in zip(rows, ("9:03", "9:09", "9:23"), strict=True)])
    row = hand_in(town, later)
    assert kinds(town, row) == [("changed", "moves")]
    confirm(town, row)
    assert booking_of(town, made).status == "booked" and len(kept_run(town, "D2").absent) == 1
    assert planning.verify(town)[1] == []


def test_what_a_driver_has_begun_stays_as_it_is(town: Town) -> None:
    take_in(town, TWO)
    row = hand_in(town, MUCH_LATER)
    tap(town, D2, "s1", "arrived")
    assert "D2 2026-11-23" in confirm(town, row).held
    assert kept_run(town, "D2").stops[0].planned == NINE


def reversed_run(code: str) -> list[dict[str, str]]:
    rows = run(code, "B8", hour=16)
    first, last = rows[0], rows[2]
    at = ("place", "lat", "lon")
    return [
        {
            **{k: v for k, v in first.items() if k not in at},
            **{k: last[k] for k in at},
            "time": "16:00",
            "max_extra_min": "5",
        },
        {**{k: first[k] for k in at}, "residents": "yes", "time": "16:08", "alight": "2"},
    ]


def return_of(town: Town, trip: tables.Booking) -> tables.Booking:
    """Book the way back of a trip, which follows it."""
    request = wish(town, ends=(RESSU, LIISANKATU), depart=15 * 3600 + 3000)
    booking.follow(town, request, purpose="", after=trip.request_id)
    answer = booking.ask(town, request)
    return booking.book(town, token_of(answer, run_id("school", "D4", MONDAY)), key="back", actor=rider_id(town))


# What is confirmed is what was shown


def test_a_booking_that_came_meanwhile_asks_for_another_look(town: Town) -> None:
    take_in(town, TWO)
    row = hand_in(town, MUCH_LATER)
    shown = look(town, row).shown
    made = booked_on_d2(town)
    rows = count_rows(town)
    with pytest.raises(Conflict, match="outdated"):
        confirm(town, row, shown=shown)
    assert count_rows(town) == rows and booking_of(town, made).status == "booked"


def test_of_two_dispatchers_one_wins_and_the_other_is_shown_what_changed(town: Town, clock: Clock) -> None:
    take_in(town, TWO)
    clock.forward(60)
    mine, theirs = hand_in(town, LATER), hand_in(town, MUCH_LATER)
    shown, seen_at = look(town, mine).shown, clock()
    clock.forward(60)
    confirm(town, theirs)
    with pytest.raises(Conflict, match="outdated"):
        confirm(town, mine, shown=shown)
    (meanwhile,) = schedules.list_meanwhile(town, "school", seen_at)
    assert (meanwhile.by, meanwhile.what) == ("Dispatcher Testi", "runs.csv")
    assert meanwhile.kept is not None and meanwhile.kept.changed == MONDAYS_AND_TUESDAYS
    assert kept_run(town, "D2").stops[0].planned == 14 * 3600
    assert confirm(town, mine).changed == MONDAYS_AND_TUESDAYS, "nothing of the own file was lost"


def test_two_who_confirm_at_the_same_moment_do_not_mix(town: Town) -> None:
    take_in(town, TWO)
    files = [hand_in(town, LATER), hand_in(town, MUCH_LATER)]
    shown = [look(town, row).shown for row in files]
    assert sorted(at_once(town, files, shown)) == ["kept", "outdated"]
    assert {kept_run(town, "D2").stops[0].planned} <= {NINE + 240, 14 * 3600}
    starts = {run_of(town, one).stops[0].planned for one in d2_ids(town)}
    assert len(starts) == 1 and planning.verify(town)[1] == []


def test_new_runs_of_two_who_confirm_at_the_same_moment_do_not_mix(town: Town) -> None:
    """Runs that are not there yet cannot be locked: the operator is."""
    files = [hand_in(town, TWO), hand_in(town, MUCH_LATER)]
    shown = [look(town, row).shown for row in files]
    assert sorted(at_once(town, files, shown)) == ["kept", "outdated"]
    assert len({run_of(town, one).stops[0].planned for one in d2_ids(town)}) == 1


def test_a_double_click_takes_in_once(town: Town) -> None:
    take_in(town, TWO)
    booked_on_d2(town)
    row = hand_in(town, MUCH_LATER)
    shown = look(town, row).shown
    first = confirm(town, row, shown=shown, agreed=1)
    rows = count_rows(town)
    assert confirm(town, row, shown=shown, agreed=1) == first
    assert count_rows(town) == rows


def test_two_clicks_at_the_same_moment_take_in_once(town: Town) -> None:
    take_in(town, TWO)
    row = hand_in(town, LATER)
    shown = look(town, row).shown
    assert at_once(town, [row, row], [shown, shown]) == ["kept", "kept"]
    assert kept_run(town, "D2").revision == 1


def test_without_the_look_at_revisions_one_dispatcher_would_undo_the_other(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: with the guard switched off, what was never shown is written over what another confirmed."""
    take_in(town, TWO)
    mine = hand_in(town, LATER)
    stale = schedules.look(town, mine.id, operator="school")
    confirm(town, hand_in(town, MUCH_LATER))
    monkeypatch.setattr(schedules, "look", lambda *_a, **_k: stale)
    with pytest.raises(Conflict, match="outdated"):
        confirm(town, mine, shown=stale.shown)
    writes = tuple(replace(one, base=one.base + 1) if one.base is not None else one for one in stale.comparison.writes)
    unguarded = replace(stale, comparison=replace(stale.comparison, writes=writes))
    monkeypatch.setattr(schedules, "look", lambda *_a, **_k: unguarded)
    monkeypatch.setattr(schedules.Look, "shown", stale.shown)
    confirm(town, mine, shown=stale.shown)
    assert kept_run(town, "D2").stops[0].planned == NINE + 240


def test_the_write_door_lets_no_schedule_lose_a_resident_of_whom_nobody_spoke(town: Town) -> None:
    take_in(town, TWO)
    made, kept = booked_on_d2(town), kept_run(town, "D2")
    bare = replace(kept, rides=tuple(ride for ride in kept.rides if ride.committed))

    def lose(dropped: tuple[str, ...]) -> Run:
        return town.store.commit(
            lambda door: door.keep(bare, cause="published", as_published=True, dropped=dropped),
            runs=[D2],
            times=town.roads,
        )

    with pytest.raises(StoreError, match="would lose residents"):
        lose(())
    assert lose((made.ride_id,)).residents == ()


def test_a_resident_who_is_carried_elsewhere_or_at_another_time_was_not_carried(town: Town) -> None:
    take_in(town, TWO)
    booked_on_d2(town)
    run, (ride,) = kept_run(town, "D2"), kept_run(town, "D2").residents
    assert carried(run, run) == []
    others = [
        replace(ride, dropoff="s2"),
        replace(ride, board=replace(ride.board, latest=ride.board.latest + 60)),
        replace(ride, party=Load(2)),
    ]
    for other in others:
        assert carried(run, replace(run, rides=(*run.rides[:-1], other))) != []


def d2_ids(town: Town) -> list[str]:
    with town.store.read() as records:
        days = records.list_run_dates("school")
        return [head.id for day in days for head in records.run_heads(day, "school") if head.code == "D2"]


def at_once(town: Town, files: list[tables.Upload], shown: list[str]) -> list[str]:
    """Let several confirm at the same moment; say what became of each."""
    gate = Barrier(len(files))

    def press(row: tables.Upload, said: str) -> str:
        gate.wait()
        try:
            confirm(town, row, shown=said)
        except Conflict as lost:
            return str(lost)
        return "kept"

    with ThreadPoolExecutor(len(files)) as pool:
        return list(pool.map(press, files, shown))


def test_a_command_takes_nothing_from_anybody(town: Town) -> None:
    take_in(town, TWO)
    made = booked_on_d2(town)
    row = hand_in(town, ONLY_D1)
    kept = schedules.keep(town, look(town, row).checked, operator="school", actor=None, upload=row)
    assert kept == Kept(0, 0, MONDAYS_AND_TUESDAYS, ("D2 2026-11-23",), removed=MONDAYS_AND_TUESDAYS - 1)
    assert booking_of(town, made).status == "booked"
