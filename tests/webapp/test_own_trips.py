"""What a rider does with a booked trip: change it, repeat it every week, see how far it is, and say how it was."""

from datetime import date, timedelta

import pytest

from tests.webapp.asking import book as book_on_pages
from tests.webapp.conftest import Clock, SignIn
from tests.webapp.small_town import (
    ANNANKATU,
    EIGHT,
    KAMP,
    LIISANKATU,
    MINUTE,
    MONDAY,
    NEIGHBOUR,
    RAUTATIENTORI,
    RESSU,
    RIDER,
    care_van,
    school_bus,
)
from tests.webapp.test_planning import BY_BUS, riding
from tests.webapp.wishes import BUS, VAN, ask, book, newcomer, rider_id, run_of, tap, token_of
from webapp.db import tables
from webapp.db.store import Door, RunHead
from webapp.services import arriving, booking, feedback, planning, series, trips
from webapp.services.errors import Conflict, Gone, Invalid
from webapp.town import Town

TUESDAY = MONDAY + timedelta(days=1)


def publish(town: Town, day: date) -> None:
    """Let the bus and the van go on one more day."""

    def write(door: Door) -> None:
        for run in (school_bus(town, day), care_van(town, day)):
            door.keep(run, cause="published", head=RunHead(run.id), as_published=True)

    town.store.commit(write, times=town.roads)


def booked(town: Town, rider: str = "") -> list[tables.Booking]:
    with town.store.read() as records:
        return records.list_bookings(rider_id=rider or rider_id(town), status="booked")


def told(town: Town, rider: str = "") -> list[tuple[str, dict[str, object]]]:
    with town.store.read() as records:
        rows = records.pending_outbox(200)
    return [(row.kind, row.facts) for row in rows if row.user_id == (rider or rider_id(town))]


def sound(town: Town) -> bool:
    return planning.verify(town)[1] == []


# Change


def changing(town: Town, old: tables.Booking) -> tables.Request:
    return trips.start_change(town, old, actor=old.rider_id, channel="web")


def test_a_changed_trip_takes_the_place_of_the_old_one_in_one_step(town: Town) -> None:
    old = book(town)
    row = changing(town, old)
    booking.answer_place(town, row.id, end="destination", label="School", place=RESSU)
    token = token_of(booking.ask(town, row.id))
    assert [one.id for one in booked(town)] == [old.id]
    new = booking.book(town, token, key="changed", actor=old.rider_id)
    assert booking.book(town, token, key="changed", actor=old.rider_id).id == new.id
    assert [one.id for one in booked(town)] == [new.id]
    assert new.dropoff_label == "School"
    assert trips.get_booked(town, row).id == new.id
    assert [kind for kind, _ in told(town)] == ["booked", "changed"]
    assert sound(town)


def test_on_a_full_bus_ones_own_seat_can_be_used_for_the_change(town: Town) -> None:
    old = book(town, arrive=BY_BUS)
    assert ask(town, newcomer(town, "Another"), arrive=BY_BUS).refusal is not None
    row = changing(town, old)
    booking.answer_place(town, row.id, end="origin", label="Station", place=RAUTATIENTORI)
    new = booking.book(town, token_of(booking.ask(town, row.id)), key="changed", actor=old.rider_id)
    assert (len(booked(town)), new.pickup_label) == (1, "Station")
    assert sound(town)


def test_who_cannot_have_the_new_seat_keeps_the_old_one(town: Town) -> None:
    old = book(town, ends=(LIISANKATU, RAUTATIENTORI))
    row = changing(town, old)
    booking.answer_place(town, row.id, end="destination", label="Kämp", place=KAMP)
    token = token_of(booking.ask(town, row.id))
    book(town, newcomer(town, "The Quicker One"))
    before = run_of(town)
    with pytest.raises(Gone, match="seat"):
        booking.book(town, token, key="changed", actor=old.rider_id)
    assert [one.id for one in booked(town)] == [old.id]
    assert run_of(town) == before
    assert sound(town)


def test_a_change_that_is_refused_leaves_the_trip_and_the_waiting_list_alone(town: Town) -> None:
    old = book(town)
    row = changing(town, old)
    booking.answer_when(town, row.id, day=MONDAY, depart=14 * 3600)
    assert booking.ask(town, row.id).refusal is not None
    with pytest.raises(Conflict):
        booking.wait(town, row.id)
    assert [one.id for one in booked(town)] == [old.id]


def test_a_trip_can_be_changed_to_another_run(town: Town) -> None:
    old = book(town)
    row = changing(town, old)
    booking.answer_when(town, row.id, day=MONDAY, depart=EIGHT + 45 * MINUTE)
    new = booking.book(town, token_of(booking.ask(town, row.id), VAN), key="changed", actor=old.rider_id)
    assert (riding(town, BUS), riding(town, VAN)) == (set(), {new.ride_id})
    assert sound(town)


def test_the_way_back_stays_with_a_trip_that_changes_on_its_day(town: Town) -> None:
    old = book(town, ends=(LIISANKATU, RAUTATIENTORI))
    back = trips.start_like(town, old, actor=old.rider_id, channel="web", back=True)
    booking.answer_when(town, back.id, day=MONDAY, depart=EIGHT + 45 * MINUTE)
    offers = booking.ask(town, back.id).offers
    made = booking.book(town, offers[0][1], key="back", actor=old.rider_id)
    row = changing(town, old)
    booking.answer_who(town, row.id, people=2, wheelchairs=0, max_walk=300)
    new = booking.book(town, token_of(booking.ask(town, row.id)), key="changed", actor=old.rider_id)
    assert {one.id for one in booked(town)} == {new.id, made.id}
    assert sound(town)


def test_the_way_back_falls_away_with_a_trip_that_moves_to_another_day(town: Town) -> None:
    publish(town, TUESDAY)
    old = book(town, ends=(LIISANKATU, RAUTATIENTORI))
    back = trips.start_like(town, old, actor=old.rider_id, channel="web", back=True)
    booking.answer_when(town, back.id, day=MONDAY, depart=EIGHT + 45 * MINUTE)
    booking.book(town, booking.ask(town, back.id).offers[0][1], key="back", actor=old.rider_id)
    row = changing(town, old)
    booking.answer_when(town, row.id, day=TUESDAY, depart=EIGHT - 10 * MINUTE)
    new = booking.book(town, token_of(booking.ask(town, row.id), "bus-24"), key="changed", actor=old.rider_id)
    assert [one.id for one in booked(town)] == [new.id]
    assert sound(town)


def test_a_trip_that_was_cancelled_meanwhile_is_asked_for_like_any_other(town: Town) -> None:
    old = book(town)
    row = changing(town, old)
    token = token_of(booking.ask(town, row.id))
    booking.cancel(town, old.id, actor=old.rider_id)
    with pytest.raises(Gone, match="answers"):
        booking.book(town, token, key="changed", actor=old.rider_id)
    new = booking.book(town, token_of(booking.ask(town, row.id)), key="again", actor=old.rider_id)
    assert (new.request_id, [one.id for one in booked(town)]) == (row.id, [new.id])
    assert sound(town)


def test_a_trip_is_changed_on_the_pages(town: Town, sign_in: SignIn) -> None:
    rider = sign_in(RIDER)
    path = book_on_pages(rider)
    rider.get(path)
    rider.send("Change this trip")
    assert "Your seat stays booked until you book the new trip." in rider.text
    offers = rider.path.replace("/what", "/offers")
    rider.get(offers.replace("/offers", "/who"))
    rider.send("Show free seats", {"people": "2", "wheelchairs": "0", "max_walk": "300"})
    rider.send("Choose this ride")
    assert "your old seat is given back in the same moment" in rider.text
    rider.send("Book this trip")
    assert "Your seat is booked" in rider.text
    rider.get(offers)
    assert "Your seat is booked" in rider.text
    assert len(booked(town)) == 1
    other = sign_in(NEIGHBOUR)
    other.get("/trips")
    other.post(f"{path}/change", status=404)


def test_the_rule_of_the_town_is_shown_before_somebody_cancels(town: Town, sign_in: SignIn, clock: Clock) -> None:
    town.rules.update(
        {"cancel_minutes": 30, "late_cancel": {"en": "The fare is due."}, "no_show": {"en": "A call follows."}}
    )
    rider = sign_in(RIDER)
    path = book_on_pages(rider)
    rider.get(f"{path}/cancel")
    for said in ("You are in time: the town asks to cancel by 07:30.", "The fare is due.", "A call follows."):
        assert said in rider.text
    clock.forward(10 * MINUTE)
    rider.get(f"{path}/cancel")
    assert "This is a late cancellation" not in rider.text
    clock.forward(14 * MINUTE)
    rider.get("/trips")
    clock.forward(7 * MINUTE)
    rider.get(f"{path}/cancel")
    assert "This is a late cancellation" in rider.text
    assert "free of charge" not in rider.text


# Every week


def start(town: Town, trip: tables.Booking, **changes: object) -> tables.Series:
    said: dict[str, object] = {"weekdays": [0, 1], "until": MONDAY + timedelta(days=60), "otherwise": "wait"}
    return series.start(town, trip, actor=trip.rider_id, **{**said, **changes})  # type: ignore[arg-type]


def dates(town: Town) -> list[tuple[date, str]]:
    (weekly,) = series.list_weekly(town, rider_id(town))
    return [(one.day, one.request.status) for one in weekly.dates]


def test_a_trip_is_repeated_as_far_as_runs_are_published_and_goes_on_with_them(town: Town) -> None:
    trip = book(town)
    publish(town, TUESDAY)
    start(town, trip)
    assert dates(town) == [(TUESDAY, "booked")]
    assert series.extend(town) == 0
    publish(town, MONDAY + timedelta(days=7))
    assert series.extend(town) == 1
    assert series.extend(town) == 0
    assert dates(town) == [(TUESDAY, "booked"), (MONDAY + timedelta(days=7), "booked")]
    assert [one.pickup for one in booked(town)] == [trip.pickup] * 3
    counts = [facts for kind, facts in told(town) if kind == "weekly trips"]
    assert counts == [{"booked": 1, "waiting": 0, "refused": 0}] * 2
    assert [kind for kind, _ in told(town)].count("booked") == 1
    assert sound(town)


@pytest.mark.parametrize(
    ("otherwise", "status", "at_once"), [("wait", "waiting", False), ("book", "waiting", True), ("", "refused", False)]
)
def test_a_date_without_a_seat_is_told_and_waited_for_as_was_wished(
    town: Town, otherwise: str, status: str, at_once: bool
) -> None:
    trip = book(town, arrive=BY_BUS)
    publish(town, TUESDAY)
    other = newcomer(town, "Has the Seat")
    row = ask(town, other, arrive=BY_BUS).request
    booking.answer_when(town, row.id, day=TUESDAY, arrive=BY_BUS)
    booking.book(town, token_of(booking.ask(town, row.id), "bus-24"), key="key", actor=other)
    start(town, trip, otherwise=otherwise)
    assert dates(town) == [(TUESDAY, status)]
    with town.store.read() as records:
        (asked,) = records.list_requests(service_date=TUESDAY, rider_id=trip.rider_id)
    assert asked.at_once == at_once
    assert told(town)[-1] == ("weekly trips", {"booked": 0, "waiting": 0, "refused": 0, status: 1})


def test_nothing_is_asked_for_after_the_end(town: Town) -> None:
    trip = book(town)
    row = start(town, trip, otherwise="wait")
    publish(town, TUESDAY)
    series.stop(town, row.id, trip.rider_id, actor=trip.rider_id)
    assert series.extend(town) == 0
    assert series.list_weekly(town, trip.rider_id) == []
    assert [one.id for one in booked(town)] == [trip.id]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"weekdays": []}, "weekdays"),
        ({"weekdays": [9]}, "weekdays"),
        ({"until": MONDAY}, "until"),
        ({"until": MONDAY + timedelta(days=400)}, "until"),
        ({"weekdays": [6], "until": TUESDAY}, "dates"),
        ({"otherwise": "perhaps"}, "otherwise"),
    ],
)
def test_weekly_trips_that_cannot_be_are_refused(town: Town, changes: dict[str, object], fault: str) -> None:
    trip = book(town)
    with pytest.raises(Invalid, match=f"series {fault}"):
        start(town, trip, **changes)


def test_weekly_trips_are_started_once_shown_and_stopped_on_the_pages(town: Town, sign_in: SignIn) -> None:
    publish(town, TUESDAY)
    rider = sign_in(RIDER)
    path = book_on_pages(rider)
    rider.get(f"{path}/weekly")
    rider.send("Repeat this trip", {"weekdays": ["0", "1"], "until": ""}, status=422)
    assert "at most half a year ahead" in rider.error("until")
    rider.send("Repeat this trip", {"weekdays": ["0", "1"], "until": "2026-12-31", "otherwise": "none"})
    assert "Monday and Tuesday until Thursday, 31 December 2026" in rider.text
    assert "Tuesday, 24 November 2026, 08:00" in rider.text
    (weekly,) = series.list_weekly(town, rider_id(town))
    other = sign_in(NEIGHBOUR)
    other.get("/trips")
    other.post(f"/weekly/{weekly.row.id}/stop", status=404)
    rider.send("Stop these weekly trips")
    assert "No weekly trips" in rider.text
    assert len(booked(town)) == 2


# How far it is


def state(town: Town, trip: tables.Booking) -> tuple[str, int] | None:
    near = arriving.approach(town, trip)
    return (near.state, near.minutes) if near else None


def test_a_rider_is_told_how_far_the_vehicle_is_until_they_are_there(town: Town, clock: Clock) -> None:
    trip = book(town, ends=(KAMP, RESSU), arrive=EIGHT + 30 * MINUTE)
    clock.forward(30 * MINUTE)
    assert state(town, trip) is None  # 7:30, and the pickup is at 8:12
    clock.forward(20 * MINUTE)
    assert state(town, trip) == ("silent", 22)
    clock.forward(14 * MINUTE)  # 8:04, four minutes late
    tap(town, BUS, "liisankatu", "arrived")
    name, minutes = state(town, trip) or ("", 0)
    assert (name, minutes > 5) == ("coming", True)
    clock.forward(30 * MINUTE)
    assert (state(town, trip) or ("",))[0] == "overdue"
    tap(town, BUS, "kamp", "arrived")
    assert state(town, trip) == ("here", 0)
    tap(town, BUS, "kamp", "boarded", trip.ride_id)
    assert (state(town, trip) or ("",))[0] == "aboard"
    tap(town, BUS, "school", "alighted", trip.ride_id)
    assert state(town, trip) == ("arrived", 0)
    clock.forward(3600)
    assert state(town, trip) is None


def test_who_was_not_met_is_told_so(town: Town, clock: Clock) -> None:
    trip = book(town)
    clock.forward(3600)
    tap(town, BUS, "liisankatu", "no_show", trip.ride_id)
    assert state(town, trip) == ("missed", 0)


def test_the_live_part_tells_minutes_and_nothing_of_anybody_else(town: Town, sign_in: SignIn, clock: Clock) -> None:
    trip = book(town, run=VAN, depart=EIGHT + 45 * MINUTE, ends=(ANNANKATU, LIISANKATU))
    rider, other = sign_in(RIDER).keep_phone(), sign_in(NEIGHBOUR).keep_phone()
    clock.now += timedelta(seconds=trip.pickup - 20 * MINUTE - 7 * 3600)
    here = f"/bookings/{trip.id}/now"
    shown = rider.browser.get(here).text
    assert "We have no word from the vehicle yet." in shown
    for secret in ("Vuorikatu", "Annankatu 14", "Day centre", "Kasarmitori", "60.1", "client"):
        assert secret not in shown
    other.get(here, status=404)
    other.get(f"/bookings/{trip.id}", status=404)
    tag = rider.browser.get(here).headers["ETag"]
    assert rider.browser.get(here, headers={"If-None-Match": tag}).status_code == 304
    tap(town, VAN, "depot", "departed")
    answer = rider.browser.get(here, headers={"If-None-Match": tag})
    assert (answer.status_code, "away." in answer.text) == (200, True)
    rider.get("/trips")
    assert "away." in rider.text


# How it was


def test_a_rider_says_once_how_it_was_and_may_change_that_for_a_week(town: Town, sign_in: SignIn, clock: Clock) -> None:
    trip = book(town)
    rider = sign_in(RIDER).keep_phone()
    rider.get(f"/bookings/{trip.id}/opinion")
    assert rider.path == f"/bookings/{trip.id}"  # not before the trip
    clock.forward(3 * 3600)
    rider.get(f"/bookings/{trip.id}/opinion")
    assert "The town reads your answer without your name" in rider.text
    rider.send("Send", {"words": "x"}, status=422)
    assert rider.error("rating") == "Error: Choose how the trip was."
    rider.send("Send", {"rating": "5", "words": "y" * 1001}, status=422)
    rider.send("Send", {"rating": "4", "words": "Kind driver.\nThank you."})
    assert "You said: Good." in rider.text
    clock.forward(6 * 86_400)
    feedback.say(town, trip.id, rating=2, words="", actor=trip.rider_id)
    clock.forward(2 * 86_400)
    with pytest.raises(Conflict, match="opinion late"):
        feedback.say(town, trip.id, rating=5, words="", actor=trip.rider_id)
    assert feedback.find(town, trip.id) is not None


def test_the_town_reads_words_without_names_and_no_average_of_few(town: Town, sign_in: SignIn, clock: Clock) -> None:
    made = [book(town, newcomer(town, f"Rider {n}"), ends=(LIISANKATU, RAUTATIENTORI)) for n in range(3)]
    made += [book(town, newcomer(town, f"Rider {n}"), run=VAN, depart=EIGHT + 45 * MINUTE) for n in (3, 4)]
    clock.forward(4 * 3600)
    for n, one in enumerate(made[:4]):
        feedback.say(town, one.id, rating=5 - n % 2, words=f"Words {n}", actor=one.rider_id)
    hall = sign_in("town")
    hall.get("/town/opinions")
    assert "fewer than 5" in hall.text
    assert "Mean" not in hall.text
    assert "Words 3" in hall.text
    feedback.say(town, made[4].id, rating=1, words="", actor=made[4].rider_id)
    hall.get("/town/opinions")
    assert "Mean, of 5 3.8" in hall.text
    for name in ("Rider", "Liisankatu", "bus-23", made[0].id):
        assert name not in hall.text
    sign_in(RIDER).get("/town/opinions", status=404)


def test_only_the_rider_says_how_a_trip_was(town: Town, sign_in: SignIn, clock: Clock) -> None:
    trip = book(town)
    clock.forward(3 * 3600)
    other = sign_in(NEIGHBOUR)
    other.get("/trips")
    other.post(f"/bookings/{trip.id}/opinion", {"rating": "1"}, status=404)
    assert feedback.find(town, trip.id) is None
