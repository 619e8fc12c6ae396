"""A dispatcher acts on the day: what is done is what was shown, every promise is kept, and it can be undone."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from random import Random
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.model import Load
from matching.steering import OUT_OF_SERVICE, Action, Breakdown, CallOff, Hold, Move, Put, Swap
from tests.webapp import steered
from tests.webapp.conftest import Clock
from tests.webapp.small_town import EIGHT, KAMP, LIISANKATU, MINUTE, MONDAY, RAUTATIENTORI, RESSU
from tests.webapp.steered import SECOND, begin, do, kinds, look, settle, sound, told, undo
from tests.webapp.wishes import BUS, VAN, ask, book, newcomer, run_of, tamper, tap, wish
from webapp.db import tables
from webapp.db.store import Busy
from webapp.services import absences, booking, planning, steering
from webapp.services.absences import Person
from webapp.services.errors import Conflict, NotFound
from webapp.town import Town


@pytest.fixture
def town(town: Town) -> Town:
    settle(town)
    return town


def standing(town: Town, row: tables.Booking | str) -> str:
    with town.store.read() as records:
        return records.get_booking(row if isinstance(row, str) else row.id).status


def drive(town: Town, clock: Clock, *, boarded: bool = True) -> None:
    """Let the first bus leave its first two stops with everybody aboard."""
    clock.forward(3600)
    for stop, ride in (("liisankatu", "pupils-a"), ("station", "pupils-b")):
        tap(town, BUS, stop, "arrived")
        if boarded:
            tap(town, BUS, stop, "boarded", ride)
        tap(town, BUS, stop, "departed")
        clock.forward(6 * MINUTE)


def breakdown(town: Town, relief: int | None = None) -> Breakdown:
    return steering.breakdown_of(town, BUS, "station", operator="school", relief=relief)


# One after another


def test_a_waiting_request_is_put_on_a_run_past_its_notice_and_its_rider_is_told(town: Town, clock: Clock) -> None:
    clock.forward(50 * MINUTE)
    answer = ask(town)
    assert BUS not in {offer.run for offer, _ in answer.offers}
    row = do(town, Put(answer.request.id, BUS))
    assert (row.status, row.outcome["bookings"][0][0], told(town)) == ("done", None, ["booked"])
    sound(town)
    undo(town, row)
    with town.store.read() as records:
        assert records.get_request(answer.request.id).status == answer.request.status
    assert run_of(town).residents == ()
    sound(town)


def test_a_request_that_does_not_fit_is_refused_with_what_it_would_break(town: Town) -> None:
    request = ask(town, people=4).request
    effect = look(town, begin(town, Put(request.id, BUS)))
    assert (effect.may_be_done, effect.outcome.refused[0].stopped[0].rule) == (False, "seats")
    with pytest.raises(Conflict, match="steer refused"):
        steering.confirm(town, effect.row.id, shown=effect.digest, operator="school", actor=steered.actor(town))


def test_nobody_is_put_on_a_run_while_they_travel_otherwise(town: Town) -> None:
    request = ask(town).request
    book(town)
    assert look(town, begin(town, Put(request.id, SECOND))).outcome.refused[0].stopped[0].rule == "no run at that time"


def test_a_ride_moves_to_another_run_and_back(town: Town) -> None:
    old = book(town)
    row = do(town, Move(old.request_id, BUS, SECOND))
    new = row.outcome["bookings"][0][1]
    assert (standing(town, old), standing(town, new)) == ("cancelled", "booked")
    with town.store.read() as records:
        assert records.get_booking(new).run_id == SECOND
    assert told(town) == ["booked", "moved by dispatcher"]
    sound(town)
    undo(town, row)
    assert (standing(town, old), standing(town, new)) == ("booked", "cancelled")
    assert (
        told(town)[2:] == ["as before", "family as before", "family as before", "family as before"][:1] + told(town)[3:]
    )
    sound(town)


def test_a_hold_shows_who_is_later_and_is_refused_beyond_a_promise(town: Town) -> None:
    book(town)
    effect = look(town, begin(town, Hold(SECOND, "kamp", 12 * MINUTE)))
    assert kinds(effect) == [("pupils-c", "retimed", SECOND)]
    row = do(town, Hold(SECOND, "kamp", 12 * MINUTE))
    assert run_of(town, SECOND).stops[2].held == 12 * MINUTE
    assert told(town) == ["booked", "family delayed"]
    sound(town)
    effect = look(town, begin(town, Hold(SECOND, "kamp", 25 * MINUTE)))
    assert effect.outcome.refused[0].stopped[0].rule == "extra minutes"
    undo(town, row)
    assert run_of(town, SECOND).stops[2].held == 0
    sound(town)


def test_a_smaller_vehicle_sends_residents_to_another_run(town: Town) -> None:
    old = book(town)
    row = do(town, Swap(BUS, "S1", (Load(4),)))
    assert (run_of(town).vehicle, standing(town, old)) == ("S1", "cancelled")
    assert [ride.id for ride in run_of(town, SECOND).residents] == [old.request_id]
    sound(town)
    undo(town, row)
    assert (run_of(town).vehicle, standing(town, old)) == ("B1", "booked")
    sound(town)


def test_a_breakdown_takes_pupils_and_residents_along_and_tells_everybody(town: Town, clock: Clock) -> None:
    old = book(town)
    drive(town, clock)
    row = do(town, breakdown(town, relief=town.seconds_now(MONDAY) + 15 * MINUTE))
    bus = run_of(town)
    assert bus.policy.closes == OUT_OF_SERVICE
    rides = {ride.id for name in (SECOND, f"{BUS}+") for ride in _rides(town, name)}
    left = {one["ride"] for one in row.outcome["left"]}
    assert {"pupils-a", "pupils-b", old.request_id} == {
        ride.removeprefix(f"{BUS}~") for ride in rides if ride != "pupils-c"
    } | left
    assert {"family broke down", "broke down"} <= {*told(town)}
    sound(town)
    planning.replan(town, MONDAY, seconds=1)
    sound(town)


def _rides(town: Town, name: str) -> list[tables.RunRide]:
    with town.store.read() as records:
        run = records.find_run(name)
    return list(run.rides) if run else []  # type: ignore[arg-type]


def test_whom_no_vehicle_can_take_is_listed_until_somebody_has_reached_them(town: Town, clock: Clock) -> None:
    do(town, CallOff(SECOND))
    drive(town, clock)
    row = do(town, breakdown(town))
    left = steering.list_left(town, row)
    assert {one.person.name for one in left} == {"Aino Esimerkki", "Bertta Esimerkki"}
    assert "family broke down, waiting" in told(town)
    row = steering.account(town, row.id, BUS, "pupils-a", operator="school", actor=steered.actor(town))
    assert [bool(one.accounted) for one in steering.list_left(town, row)] == [True, False]
    with pytest.raises(NotFound):
        steering.account(town, row.id, BUS, "nobody", operator="school", actor=steered.actor(town))
    sound(town)


def test_a_breakdown_that_was_none_is_undone(town: Town, clock: Clock) -> None:
    book(town)
    drive(town, clock)
    before = run_of(town)
    row = do(town, breakdown(town, relief=town.seconds_now(MONDAY) + 30 * MINUTE))
    undo(town, row)
    after = run_of(town)
    assert (after.rides, after.stops, after.policy, after.absent) == (
        before.rides,
        before.stops,
        before.policy,
        before.absent,
    )
    sound(town)


def test_a_day_is_called_off_and_goes_after_all(town: Town) -> None:
    old = book(town)
    row = do(town, CallOff(BUS))
    with town.store.read() as records:
        assert records.find_run(BUS) is None
        assert records.list_steered("school", MONDAY) == {BUS: "called off"}
    assert standing(town, old) == "cancelled"
    assert told(town).count("family called off") == 2
    sound(town)
    undo(town, row)
    assert {ride.id for ride in run_of(town).rides} == {"pupils-a", "pupils-b", old.request_id}
    assert standing(town, old) == "booked"
    sound(town)


def test_what_is_called_off_cannot_go_after_all_once_it_should_have_begun(town: Town, clock: Clock) -> None:
    row = do(town, CallOff(BUS))
    clock.forward(3 * 3600)
    with pytest.raises(Conflict, match="steer refused"):
        undo(town, row)


def test_what_cannot_be_undone_any_more_says_so(town: Town, clock: Clock) -> None:
    """Somebody took the seat meanwhile: the old plan has no room for both."""
    old = book(town, people=1)
    row = do(town, Move(old.request_id, BUS, SECOND))
    for n in range(3):
        other = newcomer(town, f"Other {n}")
        if BUS in {offer.run for offer, _ in ask(town, other, ends=(LIISANKATU, RAUTATIENTORI)).offers}:
            book(town, other, key=f"other-{n}", ends=(LIISANKATU, RAUTATIENTORI))
    effect = steering.look_back(town, row.id, operator="school")
    assert effect.outcome.refused
    with pytest.raises(Conflict, match="steer refused"):
        undo(town, row)
    assert standing(town, old) == "cancelled"
    sound(town)


def test_who_cancelled_meanwhile_does_not_come_back_when_a_hold_is_undone(town: Town) -> None:
    gone = book(town)
    row = do(town, Hold(BUS, "kamp", 60))
    booking.cancel(town, gone.id, actor=gone.rider_id)
    undo(town, row)
    assert standing(town, gone) == "cancelled"
    assert gone.ride_id not in {ride.id for ride in run_of(town).rides}
    sound(town)


# Who may, and when it is too late


def test_the_records_of_another_operator_do_not_exist(town: Town) -> None:
    row = begin(town, CallOff(BUS))
    with pytest.raises(NotFound):
        steering.look(town, row.id, operator="care")
    with pytest.raises(NotFound):
        steering.breakdown_of(town, VAN, "home", operator="school", relief=None)
    assert look(town, begin(town, CallOff(VAN))).outcome.refused


def test_what_changed_since_it_was_shown_is_not_done(town: Town) -> None:
    row = begin(town, CallOff(BUS))
    shown = look(town, row).digest
    book(town)
    with pytest.raises(Conflict, match="steer outdated"):
        steering.confirm(town, row.id, shown=shown, operator="school", actor=steered.actor(town))
    assert run_of(town).residents


def test_doing_and_undoing_twice_changes_nothing(town: Town) -> None:
    row = begin(town, Hold(BUS, "kamp", 60))
    shown = look(town, row).digest
    for _ in range(2):
        steering.confirm(town, row.id, shown=shown, operator="school", actor=steered.actor(town))
    revision = run_of(town).revision
    back = steering.look_back(town, row.id, operator="school").digest
    for _ in range(2):
        steering.undo(town, row.id, shown=back, operator="school", actor=steered.actor(town))
    assert run_of(town).revision == revision + 1


def test_two_dispatchers_at_once_do_not_both_win(town: Town) -> None:
    rows = [begin(town, Hold(BUS, "station", seconds)) for seconds in (60, 120)]
    shown = [look(town, row).digest for row in rows]
    start = Barrier(2)

    def confirm(n: int) -> str:
        start.wait()
        while True:
            try:
                steering.confirm(town, rows[n].id, shown=shown[n], operator="school", actor=steered.actor(town))
            except Conflict as lost:
                return str(lost)
            except Busy:  # SQLite while the other one writes: people are asked to try again
                continue
            return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(confirm, range(2))) == ["done", "steer outdated"]
    sound(town)


def test_an_absence_withdrawn_does_not_bring_a_child_onto_two_buses(town: Town, clock: Clock) -> None:
    drive(town, clock)
    do(town, breakdown(town, relief=town.seconds_now(MONDAY) + 10 * MINUTE))
    person = Person("school", "A", "Aino Esimerkki")
    absences.enter(town, person, [MONDAY], actor=steered.actor(town), late=True)
    absences.withdraw(town, person, [MONDAY])
    riding = [run for run in (BUS, SECOND, f"{BUS}+") for ride in _rides(town, run) if "pupils-a" in ride.id]
    assert len(riding) <= 1
    sound(town)


# Any sequence


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000))
def test_after_any_sequence_of_actions_every_promise_is_kept(town: Town, seed: int) -> None:
    draw, done = Random(seed), list[tables.Steering]()
    for n in range(3):
        who = newcomer(town, f"Rider {seed} {n}")
        ends = draw.choice([(LIISANKATU, KAMP), (LIISANKATU, RESSU), (RAUTATIENTORI, RESSU)])
        answer = booking.ask(town, wish(town, who, ends=ends))
        if answer.offers and draw.random() < 0.7:
            booking.book(town, answer.offers[0][1], key=f"{seed}-{n}", actor=who)
    for _ in range(4):
        if done and draw.random() < 0.4:
            row = done.pop(draw.randrange(len(done)))
            action = None
        else:
            row, action = None, _any_action(town, draw)
        with suppress(Conflict):
            if row is not None:
                undo(town, row)
            elif action is not None:
                done.append(do(town, action))
        sound(town)
    for row in reversed(done):
        with suppress(Conflict):
            undo(town, row)
    sound(town)


def _any_action(town: Town, draw: Random) -> Action | None:
    with town.store.read() as records:
        runs = [run for run in records.list_runs(MONDAY) if run.operator == "school"]
        waiting = [row.id for row in records.list_requests(MONDAY) if row.status in ("offered", "refused")]
    if not runs:
        return None
    run, other = draw.choice(runs), draw.choice(runs)
    options: list[Action] = [
        Hold(run.id, draw.choice(run.stops).id, draw.choice((60, 300))),
        Swap(run.id, "S1", (Load(draw.choice((3, 4, 8))),)),
        Breakdown(run.id, EIGHT - 1800, run.stops[0].place, relief=draw.choice((None, EIGHT))),
        CallOff(run.id),
    ]
    options += [Move(ride.id, run.id, other.id) for ride in run.residents[:1]]
    options += [Put(name, run.id) for name in waiting[:1]]
    return draw.choice(options)


def test_a_promise_that_was_broken_behind_the_door_is_found(town: Town) -> None:
    """Negative control: `sound` sees harm."""
    book(town)
    tamper(town, "UPDATE booking SET pickup = pickup - 7200")
    with pytest.raises(AssertionError):
        sound(town)
