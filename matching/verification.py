"""What is believed of travel times, and of a plan that somebody else made: as much as was looked at here, no more."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from matching import promises, rides, schedule
from matching.model import DAY, MeetingPoint, Ride, Run, Stop, TripRequest
from matching.objective import Objective
from matching.plan import Plan, plan_of
from routing.times import NO_WAY, Place, Places, Seconds, TravelTimes

FASTEST = 60.0
"""Metres a second, as the crow flies, beyond which no vehicle of this kind drives: 216 km/h."""
NEAR = 500.0
"""Metres within which two places may count as one: vehicles stop at kerbs, not at doors."""
LOPSIDED, ODD = 3600, 4
"""A way back that takes an hour more, and so many times as long, is no one-way street."""
_METRES = 111_195.0
"""Metres of one degree of latitude."""


class Unbelievable(ValueError):
    """Travel times or a plan that cannot be; `why` is one word for a report, without a place or a person in it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Table:
    """Travel times between known places, whole seconds: `seconds` [N, N] from each (row) to each (column)."""

    def __init__(self, places: Sequence[Place], seconds: Seconds) -> None:
        self.places, self.seconds = Places(tuple(places)), seconds
        self._number = {place: k for k, place in enumerate(places)}

    def between(self, origin: Place, destination: Place) -> int:
        return int(self.seconds[self._number[origin], self._number[destination]])

    def table(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        rows, columns = ([self._number[place] for place in some] for some in (origins, destinations))
        return self.seconds[np.ix_(rows, columns)]


def places_of(runs: Iterable[Run], requests: Iterable[TripRequest]) -> list[Place]:
    """List each place once that a plan of these runs and requests may ask the roads about."""
    stops = (stop.place for run in runs for stop in (*run.stops, *run.skipped))
    points = (point.place for one in requests for point in (*_near(one, one.pickups), *_near(one, one.dropoffs)))
    return [*dict.fromkeys([*points, *stops])]


def check_times(places: Sequence[Place], seconds: NDArray[np.generic]) -> set[Place]:
    """Judge a table of travel times; give the places that are cut off: no way leads there and back from any other.

    Raises Unbelievable ("shape", "not a number", "negative", "not zero", "endless", "too fast", "lopsided").
    """
    count = len(places)
    if seconds.shape != (count, count):
        raise Unbelievable("shape")
    if not np.issubdtype(seconds.dtype, np.integer):
        raise Unbelievable("not a number")
    drives: NDArray[np.int64] = seconds.astype(np.int64)
    if (drives < 0).any():
        raise Unbelievable("negative")
    if drives.diagonal().any():
        raise Unbelievable("not zero")
    way = drives < NO_WAY
    if (way & (drives > DAY)).any():
        raise Unbelievable("endless")
    metres = _apart(places)
    if (way & (metres > NEAR) & (drives * FASTEST < metres - NEAR)).any():
        raise Unbelievable("too fast")
    both = way & way.T
    longer, shorter = np.maximum(drives, drives.T), np.minimum(drives, drives.T)
    if (both & (longer > shorter + LOPSIDED) & (longer > ODD * shorter)).any():
        raise Unbelievable("lopsided")
    joined = both & ~np.eye(count, dtype=np.bool_)
    return {place for place, there in zip(places, joined.any(axis=1), strict=True) if not there} if count > 1 else set()


def _apart(places: Sequence[Place]) -> NDArray[np.float32]:
    """Metres as the crow flies from each place to each; near enough within a town."""
    lat = np.array([place.lat for place in places], np.float32)
    lon = np.array([place.lon for place in places], np.float32) * np.cos(np.radians(lat.mean() if len(lat) else 0.0))
    apart: NDArray[np.float32] = np.hypot(lat[:, None] - lat, lon[:, None] - lon) * np.float32(_METRES)
    return apart


def check_plan(
    before: Sequence[Run],
    after: Sequence[Run],
    requests: Sequence[TripRequest],
    times: TravelTimes,
    *,
    objective: Objective,
    upper_bound: int,
) -> Plan:
    """Judge what is said to be a better plan of some runs, and sum it up anew.

    Raises Unbelievable: "runs", "rides", "stops" or "wishes" for what was not there or not asked for, "promises" for a
    plan that breaks one, "worse" for one that costs more than the runs as they are.
    """
    if [run.id for run in after] != [run.id for run in before]:
        raise Unbelievable("runs")
    asked = {one.id: one for one in requests}
    placed: set[str] = set()
    for old, new in zip(before, after, strict=True):
        if new != old:
            placed |= _check_run(old, new, {name: one for name, one in asked.items() if name not in placed}, times)
    if promises.unlinked(after) and not promises.unlinked(before):
        raise Unbelievable("promises")
    held = sum(len(run.residents) for run in before)
    bound = min(max(upper_bound, held + len(placed)), held + len(asked))
    plan, now = (
        plan_of(before, runs, requests, times, objective=objective, upper_bound=bound) for runs in (after, before)
    )
    if plan.objective > now.objective:
        raise Unbelievable("worse")
    return plan


def _check_run(old: Run, new: Run, asked: dict[str, TripRequest], times: TravelTimes) -> set[str]:
    """Judge one run that is said to be better, and give the requests that ride on it now."""
    if replace(new, stops=old.stops, rides=old.rides) != old:
        raise Unbelievable("runs")
    held = {ride.id: ride for ride in old.rides}
    if len({ride.id for ride in new.rides}) != len(new.rides) or not held.keys() <= {ride.id for ride in new.rides}:
        raise Unbelievable("rides")
    if any(held.get(ride.id, ride) != ride or (ride.id not in held and ride.id not in asked) for ride in new.rides):
        raise Unbelievable("rides")
    fresh = {ride.id: asked[ride.id] for ride in new.rides if ride.id not in held}
    _check_stops(old, new, fresh)
    for ride in new.rides:
        if ride.id in fresh:
            _check_ride(ride, fresh[ride.id], new, times)
    if promises.broken(new, times, old):
        raise Unbelievable("promises")
    return set(fresh)


def _check_stops(old: Run, new: Run, fresh: dict[str, TripRequest]) -> None:
    """Every stop is one that the run had, or is where somebody who rides now asked to board or alight."""
    had = {stop.id: stop for stop in old.stops}
    own = {
        stop
        for name, one in fresh.items()
        for mark, points in (("+", one.pickups), ("-", one.dropoffs))
        for stop in (Stop(name + mark, point.place) for point in _near(one, points))
    }
    if any(had.get(stop.id) != stop and stop not in own for stop in new.stops):
        raise Unbelievable("stops")


def _check_ride(ride: Ride, request: TripRequest, run: Run, times: TravelTimes) -> None:
    """A ride is what its request makes it; its party may be told to board later than it could."""
    at = {stop.id: stop.place for stop in run.stops}
    if ride.pickup not in at or ride.dropoff not in at:
        raise Unbelievable("stops")
    ends = at[ride.pickup], at[ride.dropoff]
    if ends[0] not in {one.place for one in _near(request, request.pickups)}:
        raise Unbelievable("wishes")
    if ends[1] not in {one.place for one in _near(request, request.dropoffs)}:
        raise Unbelievable("wishes")
    direct = schedule.drive(run, *ends, times)
    wanted = rides.ride_of(request, run, (ride.pickup, ride.dropoff), direct=direct)
    later = wanted.board.earliest <= ride.board.earliest <= ride.board.latest == wanted.board.latest
    if not later or replace(ride, board=wanted.board) != wanted:
        raise Unbelievable("wishes")


def _near(request: TripRequest, points: Iterable[MeetingPoint]) -> list[MeetingPoint]:
    return [point for point in points if point.walk <= request.max_walk]
