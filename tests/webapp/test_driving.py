"""A driver tells what happened, once for all; whose seat is taken then."""

from datetime import timedelta
from typing import Any

import pytest

from matching.model import Load
from tests.webapp.conftest import Clock
from tests.webapp.small_town import KAMP, LIISANKATU, RESSU
from tests.webapp.wishes import BUS, VAN, ask, book, count_rows, newcomer, rider_id, run_of, tap
from webapp.db import tables
from webapp.services import driving
from webapp.services.driving import Manifest, Passenger, Tap
from webapp.services.errors import Conflict, Invalid, NotFound
from webapp.town import Town


def manifest(town: Town, run_id: str = BUS, operator: str = "school") -> Manifest:
    return driving.read_manifest(town, run_id, operator=operator)


def passengers(town: Town) -> dict[str, Passenger]:
    return {one.ride: one for visit in manifest(town).visits for one in visit.boarding}


def record(town: Town, operator: str = "school", **changes: Any) -> bool:
    fields = {"id": "tap-0001", "run": BUS, "stop": "liisankatu", "kind": "arrived", "happened_at": town.clock()}
    return driving.record(town, Tap(**{**fields, **changes}), operator=operator, actor=rider_id(town, "driver"))


def with_family(town: Town, ride: str = "pupils-a") -> None:
    """Let a pupil have a name and a guardian."""
    run = run_of(town)

    def change(door: Any) -> None:
        door.put(tables.Member(operator_id="school", code="A01", name="Aino Esimerkki"))
        door.keep(run, cause="published", members={ride: "A01"}, as_published=True)

    town.store.commit(change, runs=[BUS], times=town.roads)


def test_what_is_sent_again_changes_nothing(town: Town) -> None:
    assert record(town)
    rows = count_rows(town)
    assert not record(town)
    assert count_rows(town) == rows


def test_an_event_keeps_when_it_happened_and_when_it_was_told(town: Town, clock: Clock) -> None:
    happened = clock.now
    clock.forward(3600)
    record(town, happened_at=happened)
    with town.store.read() as records:
        (event,) = records.list_events(BUS)
    assert (event.happened_at, event.received_at) == (happened, clock.now)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"kind": "vanished"}, "event"),
        ({"id": "short"}, "event"),
        ({"id": "x" * 65}, "event"),
        ({"id": "line\nbreak"}, "event"),
        ({"stop": "nowhere"}, "stop"),
        ({"kind": "arrived", "ride": "pupils-a"}, "ride"),
        ({"kind": "boarded"}, "ride"),
        ({"kind": "boarded", "ride": "nobody"}, "ride"),
        ({"kind": "boarded", "ride": "pupils-b"}, "ride"),
        ({"kind": "alighted", "ride": "pupils-a"}, "ride"),
    ],
)
def test_what_cannot_have_happened_is_invalid(town: Town, changes: dict[str, str], why: str) -> None:
    rows = count_rows(town)
    with pytest.raises(Invalid, match=why):
        record(town, **changes)
    assert count_rows(town) == rows


@pytest.mark.parametrize("later", [timedelta(minutes=6), timedelta(hours=-37)])
def test_a_time_that_cannot_be_is_invalid(town: Town, later: timedelta) -> None:
    with pytest.raises(Invalid, match="time"):
        record(town, happened_at=town.clock() + later)


def test_nobody_gets_off_who_never_got_on(town: Town) -> None:
    with pytest.raises(Conflict):
        tap(town, BUS, "school", "alighted", "pupils-a")
    tap(town, BUS, "liisankatu", "no_show", "pupils-a")
    with pytest.raises(Conflict):
        tap(town, BUS, "school", "alighted", "pupils-a")


def test_nobody_gets_on_again_after_getting_off(town: Town, clock: Clock) -> None:
    tap(town, BUS, "liisankatu", "boarded", "pupils-a")
    clock.forward(60)
    tap(town, BUS, "school", "alighted", "pupils-a")
    clock.forward(60)
    with pytest.raises(Conflict):
        record(town, kind="boarded", ride="pupils-a")


def test_who_came_late_after_all_is_aboard(town: Town, clock: Clock) -> None:
    tap(town, BUS, "liisankatu", "no_show", "pupils-a")
    assert manifest(town).expected == 2
    clock.forward(60)
    tap(town, BUS, "liisankatu", "boarded", "pupils-a")
    assert passengers(town)["pupils-a"].state == "boarded"
    assert (manifest(town).aboard, manifest(town).expected) == (2, 4)


def test_what_was_told_late_counts_when_it_happened(town: Town, clock: Clock) -> None:
    early = clock.now
    clock.forward(600)
    record(town, kind="boarded", ride="pupils-a")
    record(town, id="tap-0002", kind="no_show", ride="pupils-a", happened_at=early)
    assert passengers(town)["pupils-a"].state == "boarded"


def test_what_was_served_stays_whatever_is_booked(town: Town) -> None:
    book(town, newcomer(town, "Early Bird"))
    tap(town, BUS, "liisankatu", "departed")
    tap(town, BUS, "station", "arrived")
    served = run_of(town)
    assert served.done == 2
    offered = ask(town, newcomer(town, "Late Comer"), ends=(LIISANKATU, RESSU)).offers
    assert BUS not in {offer.run for offer, _ in offered}
    later = ask(town, newcomer(town, "Gets On Later"), ends=(KAMP, RESSU)).offers
    assert BUS in {offer.run for offer, _ in later}
    assert run_of(town) == served


def test_a_manifest_has_names_for_its_own_driver_alone(town: Town) -> None:
    with_family(town)
    made = book(town)
    names = {ride: one.name for ride, one in passengers(town).items()}
    assert names == {"pupils-a": "Aino Esimerkki", "pupils-b": "", made.ride_id: "Resident Testi"}
    for read in (driving.read_manifest, driving.manifest_version):
        with pytest.raises(NotFound):
            read(town, BUS, operator="care")


def test_who_cancelled_is_named_no_more(town: Town) -> None:
    from webapp.services import booking

    made = book(town)
    booking.cancel(town, made.id, actor=made.rider_id)
    assert made.ride_id not in passengers(town)


def test_another_operators_driver_tells_nothing(town: Town) -> None:
    with pytest.raises(NotFound):
        record(town, operator="care")
    with pytest.raises(NotFound):
        record(town, run=VAN)


def test_a_booking_is_seen_on_the_manifest_at_once(town: Town) -> None:
    before = manifest(town)
    book(town)
    after = manifest(town)
    assert after.version != before.version
    assert driving.manifest_version(town, BUS, operator="school") == after.version
    assert after.visits[1].load == Load(5)
