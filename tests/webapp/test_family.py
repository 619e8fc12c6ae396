"""A family is told what it agreed to, once, by nobody's slip of a finger, and sees nothing of anybody else's day."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from tests.webapp.conftest import Clock
from tests.webapp.small_town import MINUTE, MONDAY, NEIGHBOUR, RIDER
from tests.webapp.wishes import BUS, book, rider_id, run_of, tap
from webapp.db import tables
from webapp.db.store import StoreError
from webapp.services import driving, family, messages
from webapp.services.errors import Invalid, NotFound
from webapp.services.family import RideToday, Subject
from webapp.services.wording import NEWS
from webapp.town import Town

AINO = Subject("school", "A01")
BERTTA = Subject("school", "A02")
PICKUP, SCHOOL = "liisankatu", "school"
STANDS = 20
"""Seconds after which a tap counts as meant."""


def with_pupils(town: Town) -> None:
    """Let two parties of the bus be members of the school."""
    run = run_of(town)

    def change(door: Any) -> None:
        for code, name in (("A01", "Aino Esimerkki"), ("A02", "Bertta Esimerkki")):
            door.put(tables.Member(operator_id="school", code=code, name=name))
        members = {"pupils-a": "A01", "pupils-b": "A02"}
        door.keep(run, cause="published", members=members, as_published=True)

    town.store.commit(change, runs=[BUS], times=town.roads)


def consent(
    town: Town, whose: Subject = AINO, who: str = NEIGHBOUR, kinds: Iterable[str] = NEWS, **changes: Any
) -> str:
    basis, actor = ("self", whose.resident) if whose.resident else ("paper", rider_id(town, "dispatcher"))
    facts = {"starts": MONDAY, "ends": None, "basis": basis, "actor": actor, **changes}
    row = family.draft(town, whose, who if "@" in who else f"{who}@example.org", kinds, **facts)
    family.give(town, row)
    return row.id


def told(town: Town) -> list[tuple[str, str]]:
    """List what families are told: (kind, time)."""
    with town.store.read() as records:
        return [(one.kind, one.facts["time"]) for one in records.pending_outbox(50) if "consent" in one.facts]


def say(town: Town, clock: Clock, stop: str, kind: str, ride: str = "") -> int:
    """Let the driver tap, and the tap stand; count who is told."""
    tap(town, BUS, stop, kind, ride)
    clock.forward(STANDS)
    return family.tell(town)


def again(town: Town, kind: str, number: int) -> None:
    """Let the driver tap the same once more, as another device would."""
    said = driving.Tap(f"another-{number:04}", BUS, PICKUP, kind, town.clock(), "pupils-a")
    driving.record(town, said, operator="school", actor=rider_id(town, "driver"))


@pytest.fixture
def bus(town: Town) -> Town:
    with_pupils(town)
    return town


# What is told


def test_each_thing_is_told_once_whatever_is_sent_again(bus: Town, clock: Clock) -> None:
    consent(bus)
    for _ in range(2):
        say(bus, clock, PICKUP, "boarded", "pupils-a")
    again(bus, "boarded", 1)
    clock.forward(STANDS)
    assert family.tell(bus) == 0
    assert told(bus) == [("boarded", "07:00")]
    clock.forward(25 * MINUTE)
    say(bus, clock, SCHOOL, "alighted", "pupils-a")
    assert [kind for kind, _ in told(bus)] == ["boarded", "alighted"]


def test_nobody_is_told_without_a_consent(bus: Town, clock: Clock) -> None:
    consent(bus, BERTTA)
    assert say(bus, clock, PICKUP, "boarded", "pupils-a") == 0
    assert told(bus) == []


@pytest.mark.parametrize("kind", ["boarded", "no_show"])
def test_only_what_was_agreed_to_is_told(bus: Town, clock: Clock, kind: str) -> None:
    consent(bus, kinds=[kind])
    say(bus, clock, PICKUP, "no_show", "pupils-a")
    assert [one for one, _ in told(bus)] == (["no_show"] if kind == "no_show" else [])


def test_a_consent_counts_from_the_next_event_and_not_for_what_was(bus: Town, clock: Clock) -> None:
    say(bus, clock, PICKUP, "boarded", "pupils-a")
    consent(bus)
    assert family.tell(bus) == 0
    clock.forward(20 * MINUTE)
    say(bus, clock, SCHOOL, "alighted", "pupils-a")
    assert [kind for kind, _ in told(bus)] == ["alighted"]


@pytest.mark.parametrize(
    ("starts", "ends", "is_told"),
    [
        (MONDAY, MONDAY, True),
        (MONDAY + timedelta(days=1), None, False),
    ],
)
def test_a_consent_counts_on_its_own_dates(
    bus: Town, clock: Clock, starts: date, ends: date | None, is_told: bool
) -> None:
    consent(bus, starts=starts, ends=ends)
    assert bool(say(bus, clock, PICKUP, "boarded", "pupils-a")) is is_told


def test_a_consent_that_was_withdrawn_ends_what_is_on_its_way_too(bus: Town, clock: Clock) -> None:
    given = consent(bus)
    say(bus, clock, PICKUP, "boarded", "pupils-a")
    family.withdraw(bus, AINO, given, actor=rider_id(bus, "dispatcher"))
    family.withdraw(bus, AINO, given, actor=rider_id(bus, "dispatcher"))
    mailing = replace(bus, settings=replace(bus.settings, smtp="127.0.0.1:1"))
    assert (messages.deliver(mailing), told(bus)) == (0, [])
    clock.forward(25 * MINUTE)
    assert say(bus, clock, SCHOOL, "alighted", "pupils-a") == 0


def test_two_consents_for_one_person_tell_once(bus: Town, clock: Clock) -> None:
    consent(bus)
    consent(bus, kinds=["boarded"])
    consent(bus, who="grandmother@example.org")
    assert say(bus, clock, PICKUP, "boarded", "pupils-a") == 2


def test_a_slip_of_the_finger_tells_nobody(bus: Town, clock: Clock) -> None:
    consent(bus)
    tap(bus, BUS, PICKUP, "no_show", "pupils-a")
    clock.forward(5)
    assert family.tell(bus) == 0
    say(bus, clock, PICKUP, "boarded", "pupils-a")
    assert [kind for kind, _ in told(bus)] == ["boarded"]


def test_what_the_driver_corrects_later_is_taken_back_once(bus: Town, clock: Clock) -> None:
    consent(bus)
    say(bus, clock, PICKUP, "no_show", "pupils-a")
    clock.forward(60)
    say(bus, clock, PICKUP, "boarded", "pupils-a")
    family.tell(bus)
    assert [kind for kind, _ in told(bus)] == ["no_show", "corrected", "boarded"]


def test_what_is_corrected_to_and_fro_is_told_a_few_times_at_most(bus: Town, clock: Clock) -> None:
    consent(bus)
    for number in range(10):
        clock.forward(30)
        again(bus, ("boarded", "no_show")[number % 2], number)
        clock.forward(STANDS)
        family.tell(bus)
    kinds = [kind for kind, _ in told(bus)]
    assert (kinds.count("boarded"), kinds.count("no_show")) == (family.MOST_TOLD, family.MOST_TOLD)


def test_processes_that_look_at_once_tell_once(bus: Town, clock: Clock) -> None:
    """Negative control: what each of them found is the same, so only the key keeps the second from telling."""
    consent(bus)
    tap(bus, BUS, PICKUP, "boarded", "pupils-a")
    clock.forward(STANDS)
    with bus.store.read() as records:
        consents = {AINO: records.list_consents(MONDAY)}
        found = [family._find_news(bus, records, BUS, consents) for _ in range(2)]
    assert [len(one) for one in found] == [1, 1]
    assert [family._tell(bus, BUS, one) for one in found] == [1, 0]


def test_consents_are_append_only(bus: Town) -> None:
    given = consent(bus)
    with bus.store.read() as records:
        row = records.find_consent(given)
    assert row is not None
    with pytest.raises(StoreError):
        bus.store.commit(lambda door: door.put(row))


# Late


def test_a_delay_is_told_once_and_once_more_when_it_doubles(bus: Town, clock: Clock) -> None:
    consent(bus, BERTTA, kinds=["late"])
    clock.forward(MINUTE * 60)
    say(bus, clock, PICKUP, "arrived")
    assert told(bus) == []
    for minutes in (18, 1, 12, 20):
        clock.forward(minutes * MINUTE)
        again(bus, "boarded", minutes)
        clock.forward(STANDS)
        family.tell(bus)
    assert [kind for kind, _ in told(bus)] == ["late", "late"]


def test_who_is_aboard_a_late_vehicle_is_awaited_where_they_get_off(bus: Town, clock: Clock) -> None:
    consent(bus, kinds=["late"])
    clock.forward(MINUTE * 95)
    tap(bus, BUS, PICKUP, "arrived")
    say(bus, clock, PICKUP, "boarded", "pupils-a")
    ((kind, expected),) = told(bus)
    assert kind == "late arrival" and "08:40" < expected < "08:59"


def test_a_vehicle_of_which_nothing_is_known_is_not_called_late(bus: Town, clock: Clock) -> None:
    consent(bus, kinds=["late"])
    clock.forward(3600 * 2)
    assert family.tell(bus) == 0


def test_a_town_says_from_how_many_minutes_on_it_is_late(bus: Town, clock: Clock) -> None:
    consent(bus, BERTTA, kinds=["late"])
    patient = replace(bus, rules={**bus.rules, "late_minutes": 60})
    clock.forward(MINUTE * 90)
    tap(bus, BUS, PICKUP, "arrived")
    clock.forward(STANDS)
    assert (family.tell(patient), family.tell(bus)) == (0, 1)


# Who agrees


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"who": "no address@"}, "email"),
        ({"kinds": []}, "news"),
        ({"kinds": ["position"]}, "news"),
        ({"ends": MONDAY - timedelta(days=1)}, "consent ends"),
    ],
)
def test_what_is_no_consent_is_invalid(bus: Town, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        consent(bus, **changes)


def test_a_resident_lets_a_few_people_be_told_of_the_own_trips(town: Town, clock: Clock) -> None:
    made, own = book(town), Subject(resident=rider_id(town))
    for number in range(family.MOST_OWN):
        consent(town, own, f"child{number}@example.org")
    with pytest.raises(Invalid, match="many told"):
        consent(town, own, "one-more@example.org")
    with town.store.read() as records:
        stop = next(ride.pickup for ride in records.get_run(BUS).rides if ride.id == made.ride_id)
    assert say(town, clock, stop, "boarded", made.ride_id) == family.MOST_OWN


def test_nobody_ends_the_consent_of_others(bus: Town) -> None:
    given = consent(bus)
    with pytest.raises(NotFound):
        family.withdraw(bus, BERTTA, given, actor=rider_id(bus, "dispatcher"))
    with pytest.raises(NotFound):
        family.stop(bus, given, recipient=rider_id(bus, RIDER))
    assert [one.id for one in family.list_given(bus, AINO)] == [given]
    family.stop(bus, given, recipient=rider_id(bus, NEIGHBOUR))
    assert family.list_given(bus, AINO) == []


# What is seen


def seen(town: Town, who: str = NEIGHBOUR) -> tuple[RideToday, ...]:
    return tuple(ride for one in family.list_followed(town, rider_id(town, who)) for ride in one.today)


def test_a_ride_is_seen_while_it_is_driven_and_afterwards_only_that_it_is_over(bus: Town, clock: Clock) -> None:
    consent(bus)
    assert seen(bus) == ()
    clock.forward(50 * MINUTE)
    assert [(one.state, one.expected is None) for one in seen(bus)] == [("expected", False)]
    say(bus, clock, PICKUP, "boarded", "pupils-a")
    (aboard,) = seen(bus)
    assert (aboard.state, aboard.at, aboard.expected is None) == ("boarded", 7 * 3600 + 50 * MINUTE, False)
    clock.forward(25 * MINUTE)
    say(bus, clock, SCHOOL, "alighted", "pupils-a")
    assert seen(bus) == (RideToday("alighted", MONDAY),)
    clock.forward(24 * 3600)
    assert seen(bus) == ()


def test_another_guardian_and_an_ended_consent_see_nothing(bus: Town, clock: Clock) -> None:
    given = consent(bus)
    say(bus, clock, PICKUP, "boarded", "pupils-a")
    assert seen(bus, RIDER) == () and len(seen(bus)) == 1
    family.stop(bus, given, recipient=rider_id(bus, NEIGHBOUR))
    assert family.list_followed(bus, rider_id(bus, NEIGHBOUR)) == []


def test_what_was_not_agreed_to_is_not_seen_either(bus: Town, clock: Clock) -> None:
    consent(bus, kinds=["no_show"])
    clock.forward(50 * MINUTE)
    assert seen(bus) == (RideToday("expected", MONDAY),)
    say(bus, clock, PICKUP, "boarded", "pupils-a")
    assert seen(bus) == (RideToday("under way", MONDAY),)
