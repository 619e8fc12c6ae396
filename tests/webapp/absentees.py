"""A Tuesday on which a school's van with two seats fetches Aino and Bertta at home, and is full with them."""

from dataclasses import replace
from datetime import date

from matching.model import Capacity
from tests.webapp import wishes
from tests.webapp.small_town import DAY_CENTRE, KAMP, LABELS, MINUTE, NINE, care_van
from webapp.db import tables
from webapp.db.store import Door, RunHead
from webapp.services import absences, booking
from webapp.services.absences import Person
from webapp.town import Town

TUESDAY = date(2026, 11, 24)
RUN = "van-24"
AINO, BERTTA = Person("school", "A01", "Aino Esimerkki"), Person("school", "A02", "Bertta Esimerkki")
CARLA = Person("care", "C01", "Carla Esimerkki")


def settle(town: Town) -> None:
    """Write the van, its members, and Aino's guardian: the neighbour."""
    run = replace(care_van(town, TUESDAY), operator="school", capacity=Capacity.of(2))
    run = replace(run, policy=replace(run.policy, deadhead=False))

    def change(door: Door) -> None:
        for one in (AINO, BERTTA, CARLA):
            door.put(tables.Member(operator_id=one.operator, code=one.member, name=one.name))
        members = {"client-a": "A01", "client-b": "A02"}
        head = RunHead("V24", "Tuesday van")
        door.keep(run, cause="published", labels=LABELS, members=members, head=head, as_published=True)

    town.store.commit(change, times=town.roads)
    absences.add_guardian(town, AINO, "neighbour@example.org")


def wish(town: Town, rider: str = "") -> str:
    """Ask for the van's way from Hotel Kämp to the day centre; give the id of the request."""
    row = wishes.wish(town, rider, ends=(KAMP, DAY_CENTRE), depart=NINE)
    booking.answer_when(town, row, day=TUESDAY, depart=NINE + 5 * MINUTE)
    return row


def token(town: Town, rider: str = "") -> str:
    return wishes.token_of(booking.ask(town, wish(town, rider)), RUN)


def away(town: Town, person: Person = AINO) -> list[date]:
    """List when somebody is entered as absent."""
    with town.store.read() as records:
        return [row.service_date for row in records.list_absent_days(person.operator, member=person.member)]


def enter(town: Town, *days: date, person: Person = AINO, late: bool = False) -> absences.Told:
    return absences.enter(town, person, days or [TUESDAY], actor=wishes.rider_id(town, "neighbour"), late=late)
