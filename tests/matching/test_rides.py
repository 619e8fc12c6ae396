"""A request becomes a ride with all that it asked for, and leaves a run as it found it."""

from dataclasses import replace
from typing import Any

import pytest

from matching.model import LATEST, Load, Need, Stop, TripRequest, Window
from matching.rides import ride_of, without
from tests.matching.toy import EIGHT, OPEN, corner, morning_bus, wish

TRIP = ((0, 0), (4, 2))


def asked(**changes: Any) -> TripRequest:
    return wish(*TRIP, **changes)


def test_a_ride_carries_what_its_request_asked_for() -> None:
    request = asked(
        party=Load(1, 0, 2),
        needs=frozenset({Need.ALONE}),
        groups=frozenset({"registered", "loud"}),
        apart=frozenset({"pupil"}),
        after="outbound",
        depart=Window(EIGHT, EIGHT + 600),
        arrive=Window(latest=EIGHT + 1800),
    )
    ride = ride_of(request, morning_bus(), ("a", "school"), direct=360)
    assert (ride.id, ride.party, ride.needs, ride.groups) == ("q", request.party, request.needs, request.groups)
    assert (ride.apart, ride.after, ride.committed) == (request.apart, "outbound", False)
    assert (ride.board, ride.alight) == (request.depart, request.arrive)


@pytest.mark.parametrize(("own", "most"), [(LATEST, 1140), (1140, 1140), (1139, 1139), (600, 600)])
def test_nobody_rides_longer_than_the_town_allows_or_the_party_can_bear(own: int, most: int) -> None:
    assert ride_of(asked(max_ride=own), morning_bus(), ("a", "school"), direct=360).max_ride == most


def test_a_party_takes_the_time_that_its_needs_take() -> None:
    run = morning_bus(replace(OPEN, dwell=30, dwell_needs=((Need.ALONE, 45),)))
    dwell = [
        ride_of(asked(needs=frozenset(needs)), run, ("a", "school"), direct=360).dwell for needs in ((), {Need.ALONE})
    ]
    assert dwell == [30, 75]


@pytest.mark.parametrize(("field", "fixed", "left"), [("done", 1, False), ("done", 2, True), ("frozen", 2, True)])
def test_a_stop_of_a_cancelled_ride_stays_where_it_can_no_longer_be_changed(field: str, fixed: int, left: bool) -> None:
    run = morning_bus()
    ride = ride_of(asked(), run, ("q+", "school"), direct=360)
    a, *rest = run.stops
    moment: dict[str, Any] = {field: fixed}
    riding = replace(run, stops=(a, Stop("q+", corner(1, 0)), *rest), rides=(*run.rides, ride), **moment)
    assert ("q+" in without(riding, "q").positions()) is left
    assert without(riding, "q").rides == run.rides
