"""No more residents ride than an agreement keeps places for, however many ask at once."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from threading import Barrier, BrokenBarrierError

import pytest

from matching.model import Rule
from matching.promises import broken
from tests.webapp.conftest import SignIn
from tests.webapp.handing_in import check, confirm, hand_in
from tests.webapp.handing_in import run as scheduled
from tests.webapp.schedule_samples import sheet
from tests.webapp.small_town import LABELS, LIISANKATU, MONDAY, RAUTATIENTORI, RIDER, school_bus
from tests.webapp.test_agreements import only, signed, withdraw, write_one
from tests.webapp.test_booking_races import BOOKERS, crowd, put, rush
from tests.webapp.wishes import BUS, ask, book, newcomer, rider_id, run_of, token_of, wish
from webapp.db import tables
from webapp.db.door import Door
from webapp.db.store import Records, RunHead, Store
from webapp.services import agreements, booking, explaining, planning, schedules
from webapp.services.errors import Gone
from webapp.town import Town

STATION = (LIISANKATU, RAUTATIENTORI)


def aboard(town: Town, run: str = BUS) -> int:
    return sum(ride.party.people for ride in run_of(town, run).residents)


def buses(town: Town, *names: str) -> None:
    """Publish more buses like the first."""
    runs = [replace(school_bus(town, seats=9), id=name) for name in names]

    def publish(door: Door) -> None:
        for run in runs:
            door.keep(run, cause="published", labels=LABELS, head=RunHead(run.id, run.id), as_published=True)

    town.store.commit(publish, times=town.roads)


# On each run


def test_a_seat_beyond_the_quota_is_not_offered_and_the_reason_is_told(town: Town, sign_in: SignIn) -> None:
    signed(town, quota=1)
    signed(town, operator="care", starts=MONDAY.replace(year=2027))
    assert [offer.run for offer, _ in ask(town, people=1).offers] == [BUS]
    book(town, ends=STATION)
    answer = ask(town, newcomer(town, "Second"), ends=STATION)
    refusal, row = answer.refusal, answer.request
    assert refusal is not None and refusal.rule is Rule.QUOTA
    assert refusal.article and "Art. 12" in refusal.article
    visitor = sign_in(RIDER)
    row.rider_id = rider_id(town)
    put(town, row)
    visitor.get(f"/trips/{row.id}/offers")
    assert "All places that the operator keeps for residents are taken." in visitor.text
    (verdict,) = explaining.why_not(town, row.id, operator="school")[1]
    assert [fault.rule for fault in verdict.stopped] == [Rule.QUOTA]


def test_a_party_larger_than_the_quota_is_told_that_fewer_would_fit(town: Town) -> None:
    signed(town, quota=1)
    signed(town, operator="care", quota=1)
    refusal = ask(town, people=2).refusal
    assert refusal is not None and refusal.rule is Rule.QUOTA
    assert [(change.kind, change.amount) for change in refusal.changes] == [("party", 1)]


def test_who_leaves_the_vehicle_leaves_a_place_to_the_next(town: Town) -> None:
    """The quota counts residents aboard at once, not all of the day."""
    signed(town, quota=1)
    book(town, ends=STATION)
    other = newcomer(town, "Behind")
    assert book(town, other, ends=(RAUTATIENTORI, run_of(town).stops[2].place), key="k2").status == "booked"
    assert aboard(town) == 2
    assert planning.verify(town)[1] == []


def test_of_thirty_two_at_once_no_more_are_booked_than_the_quota(town: Town) -> None:
    signed(town, quota=2)
    assert rush(town, crowd(town)) == {"booked": 2, "Gone": BOOKERS - 2}
    assert aboard(town) == 2
    assert planning.verify(town)[1] == []


def test_without_the_quota_in_the_plan_as_many_are_booked_as_there_are_seats(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: what keeps the test above true is the quota in the policy that is searched and judged."""
    signed(town, quota=2)
    tokens = crowd(town)
    monkeypatch.setattr(
        "webapp.services.booking.agreements.opened_to", lambda records, runs, people: (list(runs), list(runs))
    )
    assert rush(town, tokens)["booked"] == 3


def test_the_judge_finds_a_plan_with_more_residents_than_its_quota(town: Town) -> None:
    signed(town, quota=2)
    book(town, people=2, ends=STATION)
    run = run_of(town)
    assert run.policy.quota == 2
    less = replace(run, policy=replace(run.policy, quota=1))
    assert {fault.rule for fault in broken(less, town.roads)} == {Rule.QUOTA}


def test_a_lower_quota_keeps_who_is_booked_and_admits_others_only_on_other_legs(town: Town) -> None:
    wide = signed(town, quota=2)
    made = book(town, people=2, ends=STATION)
    withdraw(town, wide)
    signed(town, quota=1)
    later = newcomer(town, "Later")
    assert not any(offer.run == BUS for offer, _ in ask(town, later, ends=STATION).offers)
    assert book(town, later, ends=(RAUTATIENTORI, run_of(town).stops[3].place)).status == "booked"
    assert made.ride_id in {ride.id for ride in run_of(town).residents}
    assert planning.verify(town)[1] == []
    assert booking.cancel(town, made.id, actor=made.rider_id).status == "cancelled"


def test_the_waiting_list_gains_no_seat_beyond_the_quota(town: Town) -> None:
    signed(town, quota=1)
    signed(town, operator="care", starts=MONDAY.replace(year=2027))
    wait_for(town, 3)
    assert len(planning.replan(town, MONDAY, seconds=1).booked) == 1
    assert aboard(town) == 1
    assert planning.verify(town)[1] == []


def wait_for(town: Town, people: int) -> None:
    names = [wish(town, newcomer(town, f"Waiting {n}"), ends=STATION) for n in range(people)]
    for name in names:
        with town.store.read() as records:
            row = records.get_request(name)
        row.status = "waiting"
        put(town, row)


def test_a_file_that_is_handed_in_again_changes_no_run_that_bears_a_quota(town: Town) -> None:
    first, *rest = scheduled("D1", hour=10)
    content = sheet([first | {"max_extra_min": "10"}, *rest])
    confirm(town, hand_in(town, content))
    signed(town, quota=1)
    code = next(one.run.id for one in check(town, content).runs)
    made = book(town, run=code, depart=10 * 3600 - 600, ends=STATION)
    booking.cancel(town, made.id, actor=made.rider_id)
    assert run_of(town, code).policy.quota == 1
    kept = schedules.keep(town, check(town, content), operator="school", actor=None)
    assert (kept.changed, kept.unchanged) == (0, 4)


# In all


def test_an_agreement_whose_places_in_all_are_taken_opens_nothing_more(town: Town) -> None:
    signed(town, quota_in_all=2)
    signed(town, operator="care", starts=MONDAY.replace(year=2027))
    held = token_of(ask(town, newcomer(town, "Slow"), ends=STATION))
    made = book(town, people=2, ends=STATION)
    refusal = ask(town, newcomer(town, "Third"), ends=STATION).refusal
    assert refusal is not None and refusal.rule is Rule.QUOTA
    with pytest.raises(Gone, match="seat"):
        booking.book(town, held, key="slow", actor="")
    booking.cancel(town, made.id, actor=made.rider_id)
    assert ask(town, newcomer(town, "Fourth"), ends=STATION).offers


def many(town: Town) -> list[str]:
    """Let everybody hold an offer, spread over runs that no lock has in common."""
    names = [f"bus-23-{n}" for n in range(8)]
    buses(town, *names)
    offered = [booking.ask(town, f"wish-rider-{n}") for n in range(len(crowd(town)))]
    return [token_of(answer, names[n % 3]) for n, answer in enumerate(offered) if _has(answer, names[n % 3])]


def _has(answer: booking.Answer, run: str) -> bool:
    return any(offer.run == run for offer, _ in answer.offers)


def rides_on_all(town: Town) -> int:
    with town.store.read() as records:
        return sum(ride.party.people for run in records.list_runs(MONDAY, "school") for ride in run.residents)


def test_many_at_once_on_many_runs_do_not_pass_the_bound_in_all(town: Town) -> None:
    signed(town, quota_in_all=2)
    told = rush(town, many(town))
    assert told == Counter({"booked": 2, "Gone": sum(told.values()) - 2})
    assert rides_on_all(town) == 2


def test_without_the_locks_the_bound_in_all_is_passed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: PostgreSQL needs the lock on the agreement; SQLite has one writer, unless all locks are off.

    On PostgreSQL those who book on three runs wait for each other once they have counted.
    """
    signed(town, quota_in_all=2)
    tokens, counted, count = many(town), Barrier(3), agreements.left_in_all

    def count_together(records: Records, row: tables.Agreement) -> int:
        left = count(records, row)
        with suppress(BrokenBarrierError):
            counted.wait(timeout=5)
        return left

    monkeypatch.setattr(Door, "hold_agreements", lambda *_: None)
    if "sqlite" in town.settings.database_url:
        monkeypatch.setattr(Store, "_locks", False)
        told = rush(town, tokens)
    else:
        monkeypatch.setattr(agreements, "left_in_all", count_together)
        told = rush(town, tokens[:3])
    assert told["booked"] > 2 or told["StoreError"]


def test_the_waiting_list_does_not_pass_the_bound_in_all(town: Town) -> None:
    buses(town, "bus-23-1", "bus-23-2")
    signed(town, quota_in_all=2)
    signed(town, operator="care", starts=MONDAY.replace(year=2027))
    wait_for(town, 5)
    assert len(planning.replan(town, MONDAY, seconds=1).booked) == 2
    assert rides_on_all(town) == 2


# Pages


def test_both_bounds_are_written_down_and_shown_to_both_parties(town: Town, sign_in: SignIn) -> None:
    hall = sign_in("town")
    write_one(hall, quota="2", quota_in_all="40")
    row = only(town).row
    assert (row.quota, row.quota_in_all) == (2, 40)
    assert "Residents aboard at once, on each run at most 2" in hall.text
    assert "Residents in all, while it lasts at most 40" in hall.text
    assert hall.text.count("Place, date and signature") == 2, "for signing on paper"
