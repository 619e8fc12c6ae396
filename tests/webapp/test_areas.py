"""One service in two areas: Helsinki, and a valley far away that no road of ours leads to."""

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from matching.model import Capacity, Detour, Load, Ride, Run, Stop, Window
from routing.area import TILES
from routing.atlas import open_areas
from routing.graph import prepare
from routing.places import PlaceIndex
from tests.routing.test_union import TOWN
from tests.webapp.asking import ask, book, bookings
from tests.webapp.small_town import EIGHT, MINUTE, MONDAY, NEIGHBOUR
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import BUS
from webapp.app import create_app
from webapp.db.store import Door, RunHead
from webapp.services import planning
from webapp.town import Town

VALLEY_BUS = "valley-23"
WEST_SCHOOL, EAST_CLINIC = "West School", "East Clinic"


@pytest.fixture(scope="module")
def valley(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("areas") / "valley"
    prepare("valley", TOWN.write(folder.parent / "valley.osm"), folder)
    return folder


@pytest.fixture
def both(town: Town, valley: Path) -> Town:
    """Give the town of the other tests with a second area, and a bus there."""
    (town.settings.areas / "valley").symlink_to(valley)
    settings = replace(town.settings, area=("helsinki", "valley"))
    places = PlaceIndex.load(*settings.area_folders)
    made = replace(town, settings=settings, roads=open_areas(settings.area_folders), places=places)
    run = _valley_bus(made)
    labels = {stop.id: (stop.id, False) for stop in run.stops}

    def publish(door: Door) -> None:
        door.keep(run, cause="published", labels=labels, head=RunHead(run.id, "Valley bus"), as_published=True)

    made.store.commit(publish, times=made.roads)
    return made


def _valley_bus(town: Town) -> Run:
    stops = []
    for n, name in enumerate((WEST_SCHOOL, EAST_CLINIC)):
        planned = EIGHT + 15 * n * MINUTE
        (found, *_) = town.places.search(name)
        window = Window(planned, planned + 10 * MINUTE)
        stops.append(Stop(name, found.place, window, sequence=n, planned=planned, residents=True))
    pupils = Ride("pupils", WEST_SCHOOL, EAST_CLINIC, Load(2), max_ride=45 * MINUTE, committed=True, dwell=30)
    policy = replace(town.policy, detour=Detour.NONE, max_detour=0, deadhead=False, max_extra=2 * MINUTE)
    return Run(
        VALLEY_BUS, MONDAY.isoformat(), "school", "B2", Capacity.of(5), policy=policy, stops=tuple(stops),
        rides=(pupils,),
    )  # fmt: skip


@pytest.fixture
def rider(both: Town) -> Visitor:
    return Visitor(_site(both)).sign_in("resident")


def _site(town: Town) -> Flask:
    made = create_app(town=town)
    made.config["TESTING"] = True
    return made


def test_a_resident_books_in_either_area(rider: Visitor, both: Town) -> None:
    book(rider)
    book(Visitor(rider.browser.application).sign_in(NEIGHBOUR), WEST_SCHOOL, EAST_CLINIC)
    assert {one.run_id for one in bookings(both)} == {BUS, VALLEY_BUS}
    assert planning.verify(both)[1] == []


def test_a_trip_from_one_area_to_another_is_refused_with_a_reason(rider: Visitor, both: Town) -> None:
    for ends in (("Liisankatu 29", EAST_CLINIC), (WEST_SCHOOL, "Hotel Kämp")):
        ask(rider, *ends, time="7:50")
        assert "Choose this ride" not in rider.text
        assert "No seat is free" in rider.text
    assert bookings(both) == []


def test_seats_are_found_anew_in_both_areas_at_once(rider: Visitor, both: Town) -> None:
    """Re-planning asks for drives between all stops of a day, of whichever area."""
    book(rider, WEST_SCHOOL, EAST_CLINIC)
    planning.replan(both, MONDAY, seconds=1)
    assert len(bookings(both)) == 1
    assert planning.verify(both)[1] == []


def test_runs_of_both_areas_are_drawn_on_the_roads_of_both(both: Town) -> None:
    dispatcher = Visitor(_site(both)).sign_in("dispatcher")
    for run in (BUS, VALLEY_BUS):
        assert "/roads/0.pmtiles" in dispatcher.get(f"/dispatch/runs/{run}")
        assert "/roads/1.pmtiles" in dispatcher.page
        answer = dispatcher.browser.get(f"/dispatch/runs/{run}.geojson").get_json()
        assert answer["features"][0]["geometry"]["coordinates"]


def test_the_map_of_each_area_is_served_in_ranges_and_nothing_else(both: Town) -> None:
    browser = Visitor(_site(both)).browser
    for number, folder in enumerate(both.settings.area_folders):
        answer = browser.get(f"/roads/{number}.pmtiles", headers={"Range": "bytes=0-99"})
        assert answer.status_code == 206
        assert answer.data == (folder / TILES).read_bytes()[:100]
    for path in ("2", "-1", "01x", "..", "%2e%2e%2fhelsinki%2froads"):
        assert browser.get(f"/roads/{path}.pmtiles").status_code == 404
