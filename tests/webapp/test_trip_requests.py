"""What a rider asked for reaches the search whole, and what was refused before counts."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from matching.model import Load, TripRequest
from routing.engine import Engine
from routing.graph import prepare
from routing.times import Place
from tests.webapp.small_town import MONDAY, school_bus
from tests.webapp.wishes import rider_id, wish
from webapp.db import tables
from webapp.db.store import Door
from webapp.services import wishes
from webapp.town import Town


def asked(town: Town, request_id: str, **changes: Any) -> TripRequest:
    with town.store.read() as records:
        row = records.get_request(request_id)
        rider = records.get_user(row.rider_id)
    return wishes.trip_request(town, row, rider, [], **changes)


def refused(town: Town, days: int, status: str = "refused") -> None:
    """Let the rider have been refused so many days before Monday."""
    change(town, wish(town), status=status, service_date=MONDAY - timedelta(days=days))


def change(town: Town, request_id: str, **fields: Any) -> None:
    def write(door: Door) -> None:
        row = door.get_request(request_id)
        door.put(tables.Request(**{**row.model_dump(), **fields}))

    town.store.commit(write)


def counted(town: Town, request_id: str) -> int:
    with town.store.read() as records:
        return wishes.count_refusals(records, records.get_request(request_id))


def test_a_request_tells_its_purpose_its_outbound_trip_and_what_is_to_be_stowed(town: Town) -> None:
    request = wish(town, people=2)
    plain = asked(town, request)
    assert (plain.party, plain.purpose, plain.after, plain.refusals) == (Load(2), "", None, 0)
    change(town, request, stowage=1, purpose="medical", after="outbound")
    told = asked(town, request, refusals=3)
    assert (told.party, told.purpose, told.after, told.refusals) == (Load(2, 0, 1), "medical", "outbound", 3)


@pytest.mark.parametrize(("column", "value"), [("stowage", 1), ("after", "outbound")])
def test_an_offer_answers_what_was_asked_then(town: Town, column: str, value: object) -> None:
    request = wish(town)
    with town.store.read() as records:
        row = records.get_request(request)
    other = tables.Request(**{**row.model_dump(), column: value})
    assert wishes.answers(other) != wishes.answers(row)


@pytest.mark.parametrize(
    ("earlier", "count"),
    [
        ([], 0),
        ([(1, "refused")], 1),
        ([(1, "refused"), (2, "waiting")], 2),
        ([(1, "refused"), (1, "refused")], 1),
        ([(0, "refused"), (-1, "refused")], 0),
        ([(1, "booked"), (2, "cancelled")], 0),
    ],
)
def test_days_on_which_a_rider_was_refused_are_counted(town: Town, earlier: list[tuple[int, str]], count: int) -> None:
    for days, status in earlier:
        refused(town, days, status)
    assert counted(town, wish(town)) == count


def test_a_refusal_counts_for_who_was_refused(town: Town) -> None:
    refused(town, 1)
    assert rider_id(town) != rider_id(town, "neighbour")
    assert counted(town, wish(town, rider_id(town, "neighbour"))) == 0


# Walks

STEPS = """<osm version="0.6">
<node id="1" version="1" lat="60.170" lon="24.940"/><node id="2" version="1" lat="60.170" lon="24.945"/>
<node id="3" version="1" lat="60.170" lon="24.950"/><node id="4" version="1" lat="60.171" lon="24.940"/>
<node id="5" version="1" lat="60.171" lon="24.945"/><node id="6" version="1" lat="60.171" lon="24.950"/>
<way id="1" version="1"><nd ref="1"/><nd ref="2"/><nd ref="3"/><nd ref="6"/><nd ref="5"/><nd ref="4"/><nd ref="1"/>
<tag k="highway" v="residential"/></way>
<way id="2" version="1"><nd ref="2"/><nd ref="5"/><tag k="highway" v="steps"/></way></osm>"""
"""Two streets, one above the other, with steps between them in the middle; the way round is 670 m."""

ABOVE, BELOW = Place(60.171, 24.945), Place(60.170, 24.945)


@pytest.fixture
def steep(town: Town, tmp_path: Path) -> Town:
    """Give the town on streets above one another."""
    (tmp_path / "steep.osm").write_text(STEPS, encoding="utf-8")
    prepare("steep", str(tmp_path / "steep.osm"), tmp_path / "steep")
    return replace(town, roads=Engine.load(tmp_path / "steep"))


def walk_down(town: Town, **who: Any) -> int:
    """Ask from the upper street for the bus that stops on the lower one; give the walk to it."""
    request = wish(town, ends=(ABOVE, Place(60.170, 24.949)), max_walk=800)
    change(town, request, **who)
    run = school_bus(town)
    run = replace(run, stops=(replace(run.stops[0], place=BELOW), *run.stops[1:]))
    with town.store.read() as records:
        row = records.get_request(request)
        told = wishes.trip_request(town, row, records.get_user(row.rider_id), [run])
    assert wishes.meeting_point(town, row, "origin", BELOW) in told.pickups
    assert wishes.meeting_point(town, row, "origin", told.pickups[0].place) == told.pickups[0]
    return next(point.walk for point in told.pickups if point.place == BELOW)


@pytest.mark.parametrize("who", [{"wheelchairs": 1}, {"needs": ["walker"]}, {"stowage": 1}])
def test_who_needs_it_is_only_ever_led_along_walks_without_a_step(steep: Town, who: dict[str, Any]) -> None:
    assert 665 <= walk_down(steep, **who) <= 675


@pytest.mark.parametrize("who", [{}, {"needs": ["companion"]}, {"people": 3}])
def test_everybody_else_takes_the_steps(steep: Town, who: dict[str, Any]) -> None:
    """Negative control: the way round is walked because of the need, not because of the map."""
    assert 110 <= walk_down(steep, **who) <= 120


@pytest.mark.parametrize(
    ("who", "seconds"),
    [({}, 120), ({"wheelchairs": 1}, 150), ({"needs": ["walker"]}, 150), ({"needs": ["companion"]}, 120)],
)
def test_a_walk_takes_longer_with_a_walker_or_a_wheelchair(town: Town, who: dict[str, Any], seconds: int) -> None:
    request = wish(town)
    change(town, request, **who)
    with town.store.read() as records:
        assert wishes.walking_seconds(records.get_request(request), 120) == seconds
