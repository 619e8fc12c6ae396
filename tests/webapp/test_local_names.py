"""Places are found by the stops of the schedules, ranked by what the town uses, and described in the reader's words."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from flask import Flask

from routing.places import Entry, PlaceIndex
from routing.times import Place
from tests.webapp.asking import begin
from tests.webapp.conftest import MORNING, Clock, SignIn
from tests.webapp.small_town import LABELS, RAUTATIENTORI, school_bus
from webapp.db import tables
from webapp.db.store import Door, RunHead
from webapp.live import LiveTown
from webapp.local_names import COUNTED_FOR, LEAST_RIDERS, LEAST_RIDERS_OF_ADDRESS
from webapp.services import accounts, places
from webapp.town import Town
from webapp.views.shared import write_spot

HERE = Place(60.17, 24.94)


def names(town: Town, text: str) -> list[str]:
    return [found.name for found in places.search(town, text)]


def publish(town: Town, clock: Clock, label: str, *, private: bool) -> None:
    """Publish tomorrow's bus with a stop of this name."""
    clock.forward(1)
    labels = {**LABELS, "kamp": (label, private)}
    run = school_bus(town, date(2026, 11, 24))

    def change(door: Door) -> None:
        door.keep(run, cause="published", labels=labels, head=RunHead(run.id), as_published=True)

    town.store.commit(change, runs=[run.id], times=town.roads)


def ask(town: Town, name: str, people: Iterable[str], *, at: datetime = MORNING, status: str = "offered") -> None:
    """Put aside one request of each of these people, to a place of this name."""
    for person in people:

        def change(door: Door, person: str = person) -> None:
            number = len(door.list_requests())
            made = tables.Request(id=f"r{number}", rider_id=person, asked_by=person, needs=[], created_at=at)
            made.destination_label, made.status = name, status
            door.put(made)

        town.store.commit(change)


@pytest.fixture
def people(town: Town) -> list[str]:
    return [accounts.add_user(town, name=f"Person {n}", role="resident").id for n in range(LEAST_RIDERS_OF_ADDRESS)]


def uses(town: Town, clock: Clock) -> dict[str, int]:
    clock.forward(round(COUNTED_FOR.total_seconds()))
    return dict(town.local_names.uses(town.store, clock()))


def test_a_stop_of_the_schedules_is_found_by_its_name_as_soon_as_it_is_published(town: Town, clock: Clock) -> None:
    assert names(town, "Saunalahden tupa") == []
    publish(town, clock, "Saunalahden tupa", private=False)
    (found,) = places.search(town, "saunalahden")
    assert (found.name, found.kind, found.sure) == ("Saunalahden tupa", "stop", True)


def test_a_private_stop_is_never_found(town: Town, clock: Clock) -> None:
    publish(town, clock, "Saunalahden tupa", private=True)
    assert names(town, "Saunalahden tupa") == []
    with town.store.read() as records:
        assert "Vuorikatu 3" not in [label for label, _ in records.list_public_stops(date(2026, 11, 23))]


def test_a_stop_that_is_served_no_more_is_no_longer_found(town: Town, clock: Clock) -> None:
    publish(town, clock, "Saunalahden tupa", private=False)
    assert names(town, "saunalahden tupa")
    clock.forward(2 * 86_400)
    assert names(town, "saunalahden tupa") == []


def test_the_index_is_made_once_for_as_long_as_nothing_is_published(town: Town, clock: Clock) -> None:
    first = town.local_names.index(town.places, town.store, town.today())
    clock.forward(3600)
    assert town.local_names.index(town.places, town.store, town.today()) is first
    elsewhere = PlaceIndex([Entry("Oodi", "library", HERE)])
    assert town.local_names.index(elsewhere, town.store, town.today()) is not first


def test_what_the_town_uses_comes_first(town: Town, clock: Clock, people: list[str]) -> None:
    twins = [Entry("Apteekki Ahven", "pharmacy", HERE), Entry("Apteekki Hauki", "pharmacy", Place(60.18, 24.95))]
    town = replace(town, places=PlaceIndex(twins))
    assert names(town, "apteekki") == ["Apteekki Ahven", "Apteekki Hauki"]
    ask(town, "Apteekki Hauki", people[:LEAST_RIDERS])
    clock.forward(round(COUNTED_FOR.total_seconds()))
    assert names(town, "apteekki") == ["Apteekki Hauki", "Apteekki Ahven"]


def test_a_name_that_few_people_use_does_not_rank(town: Town, clock: Clock, people: list[str]) -> None:
    ask(town, "Apteekki Hauki", people[: LEAST_RIDERS - 1])
    assert uses(town, clock) == {}
    ask(town, "Apteekki Hauki", people[:1] * 20)
    assert uses(town, clock) == {}, "one person counts once"
    ask(town, "Apteekki Hauki", people[LEAST_RIDERS - 1 : LEAST_RIDERS])
    assert uses(town, clock) == {"Apteekki Hauki": LEAST_RIDERS}


def test_an_address_ranks_only_when_many_use_it(town: Town, clock: Clock, people: list[str]) -> None:
    ask(town, "Vuorikatu 3", people[:-1])
    assert uses(town, clock) == {}
    ask(town, "Vuorikatu 3", people[-1:])
    assert uses(town, clock) == {"Vuorikatu 3": LEAST_RIDERS_OF_ADDRESS}


def test_drafts_and_what_is_long_ago_do_not_count(town: Town, clock: Clock, people: list[str]) -> None:
    ask(town, "Apteekki Hauki", people, status="draft")
    ask(town, "Apteekki Hauki", people, at=MORNING - timedelta(days=181))
    assert uses(town, clock) == {}


def test_namesakes_are_told_apart_by_the_part_of_town(town: Town) -> None:
    index = [
        Entry("Kirkkokatu 3", "address", HERE),
        Entry("Kirkkokatu 3", "address", Place(60.25, 24.94)),
        Entry("Kluuvi", "suburb", Place(60.171, 24.941)),
        Entry("Oulunkylä", "suburb", Place(60.251, 24.941)),
    ]
    found = (town := replace(town, places=PlaceIndex(index))).places.search("kirkkokatu 3")
    assert {*places.tell_apart(town, found)} == {"Kluuvi", "Oulunkylä"}
    assert places.tell_apart(town, found[:1]) == [""], "no namesake, no need"


@pytest.mark.parametrize(
    ("language", "north", "kind", "said"),
    [
        ("en", 2, "library", "Oodi"),
        ("en", 20, "library", "In front of Oodi"),
        ("en", 40, "address", "By Oodi"),
        ("en", 100, "library", "Near Oodi"),
        ("fi", 20, "library", "Oodi, edessä"),
        ("ja", 20, "library", "Oodiの前"),
        ("ja", 100, "library", "Oodiの近く"),
        ("ko", 20, "library", "Oodi 앞"),
        ("ko", 100, "library", "Oodi 근처"),
        ("sv-FI", 20, "library", "Framför Oodi"),
        ("sv-SE", 40, "address", "Vid Oodi"),
    ],
)
def test_a_point_is_described_in_the_readers_words(
    site: Flask, language: str, north: int, kind: str, said: str
) -> None:
    town = site.extensions["noriai"].now()
    site.extensions["noriai"] = LiveTown(replace(town, places=PlaceIndex([Entry("Oodi", kind, HERE)])))
    with site.test_request_context(headers={"Accept-Language": language}):
        point = Place(HERE.lat + north / 111_195, HERE.lon)
        assert write_spot("Oodi", point) == said
        assert write_spot("Home", point) == "Home", "a word that is no name of what is there stays as it is"
        assert write_spot("Oodi", None) == "Oodi"


def test_a_name_is_read_as_the_readers_signs_have_it_and_kept_as_the_map_has_it(
    site: Flask, sign_in: SignIn, town: Town
) -> None:
    library = Entry("Kirjasto", "library", RAUTATIENTORI, ("Biblioteket",), (("sv", "Biblioteket"),))
    site.extensions["noriai"] = LiveTown(replace(town, places=PlaceIndex([library])))
    rider = begin(sign_in("resident"))
    shown = {}
    for language in ("fi", "sv"):
        rider.post("/language", {"language": language, "next": rider.path})
        rider.send({"fi": "Hae", "sv": "Sök"}[language], {"text": "bibliot"})
        shown[language] = [*rider.options("place")]
    assert shown == {"fi": ["Kirjasto"], "sv": ["Biblioteket"]}
    rider.send("Fortsätt", {"place": rider.options("place")["Biblioteket"]})
    with town.store.read() as records:
        assert [row.origin_label for row in records.list_requests()] == ["Kirjasto"]
    with site.test_request_context(headers={"Accept-Language": "sv"}):
        assert write_spot("Kirjasto", RAUTATIENTORI) == "Biblioteket"
