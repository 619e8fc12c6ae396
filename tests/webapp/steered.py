"""A school with two buses on one way, ten minutes apart, and members whose families are told."""

from collections.abc import Sequence
from dataclasses import replace

from matching.model import Capacity, Detour, Run
from matching.steering import Action
from tests.webapp.small_town import LABELS, MINUTE, MONDAY, school_bus
from tests.webapp.wishes import BUS, rider_id
from webapp.db import tables
from webapp.db.store import Door, RunHead
from webapp.services import family, planning, steering
from webapp.services.steering import Effect
from webapp.services.wording import NEWS
from webapp.town import Town

SECOND = "bus2-23"
LATER = 10 * MINUTE


def second_bus(town: Town, *, seats: int = 6) -> Run:
    """Two pupils of its own, on the same stops ten minutes later; it may leave its way for ten minutes."""
    bus = school_bus(town)
    policy = replace(bus.policy, detour=Detour.UP_TO, max_detour=10 * MINUTE, deadhead=True, max_extra=10 * MINUTE)
    stops = [
        replace(
            stop,
            planned=(stop.planned or 0) + LATER,
            window=replace(
                stop.window, earliest=stop.window.earliest + LATER, latest=stop.window.latest + LATER + 20 * MINUTE
            ),
        )
        for stop in bus.stops
    ]
    rides = (replace(bus.rides[1], id="pupils-c"),)
    return replace(
        bus, id=SECOND, vehicle="B2", capacity=Capacity.of(seats), stops=tuple(stops), rides=rides, policy=policy
    )


def settle(town: Town, *, seats: int = 6) -> None:
    """Add the second bus, a small van, and who is aboard."""

    def change(door: Door) -> None:
        door.put(tables.Vehicle(operator_id="school", code="B2", layouts=[[seats, 0]], description="Blue bus"))
        door.put(tables.Vehicle(operator_id="school", code="S1", layouts=[[4, 0]], description="Small van"))
        for code, name in (("A", "Aino Esimerkki"), ("B", "Bertta Esimerkki"), ("C", "Carla Esimerkki")):
            door.put(tables.Member(operator_id="school", code=code, name=name))
            told = family.draft(
                town,
                family.Subject("school", code),
                f"{code.lower()}@example.org",
                NEWS,
                starts=MONDAY,
                ends=None,
                basis="paper",
                actor=rider_id(town, "dispatcher"),
            )
            family.add(door, told)
        bus = door.get_run(BUS)
        head = RunHead("bus-23", "Morning bus")
        members = {"pupils-a": "A", "pupils-b": "B"}
        door.keep(bus, cause="published", labels=LABELS, members=members, head=head, as_published=True)
        door.keep(
            second_bus(town, seats=seats),
            cause="published",
            labels=LABELS,
            members={"pupils-c": "C"},
            head=RunHead("bus2-23", "Second bus"),
            as_published=True,
        )

    town.store.commit(change, runs=[BUS], times=town.roads)


def actor(town: Town) -> str:
    return rider_id(town, "dispatcher")


def begin(town: Town, *actions: Action) -> tables.Steering:
    return steering.begin(town, MONDAY, actions, operator="school", actor=actor(town))


def look(town: Town, row: tables.Steering) -> Effect:
    return steering.look(town, row.id, operator="school")


def do(town: Town, *actions: Action) -> tables.Steering:
    """Look at actions, and do what was shown."""
    row = begin(town, *actions)
    shown = look(town, row).digest
    return steering.confirm(town, row.id, shown=shown, operator="school", actor=actor(town))


def undo(town: Town, row: tables.Steering) -> tables.Steering:
    shown = steering.look_back(town, row.id, operator="school").digest
    return steering.undo(town, row.id, shown=shown, operator="school", actor=actor(town))


def sound(town: Town) -> None:
    assert planning.verify(town)[1] == []


def told(town: Town) -> list[str]:
    with town.store.read() as records:
        return [row.kind for row in records.pending_outbox(100)]


def kinds(effect: Effect) -> Sequence[tuple[str, str, str]]:
    return [(one.change.ride, one.change.kind, one.change.to) for one in effect.told]
