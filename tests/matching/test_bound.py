"""The upper bound holds against every plan that a search by hand can find on small days, and is tight on plain ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import ceil
from random import Random
from time import monotonic

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import eligibility
from matching.bound import PRICE, _Day, _Search, upper_bound
from matching.model import Capacity, Detour, Load, MeetingPoint, Need, Policy, Ride, Run, Stop, TripRequest, Window
from matching.promises import broken
from matching.rides import ride_of
from matching.schedule import timetable
from routing.times import Seconds
from tests.matching.toy import EIGHT, GRID, OPEN, care_van, corner, morning_bus, wish

KEPT = 16
"""Ways of carrying one set of parties that a search by hand goes on from."""

JOINING = replace(OPEN, detour=Detour.NONE, deadhead=False)
"""Residents use the stops of the schedule, and nothing else."""


@dataclass(frozen=True, slots=True)
class Day:
    runs: tuple[Run, ...]
    requests: tuple[TripRequest, ...]


def some_day(seed: int) -> Day:
    """Make two small runs and three parties; some runs are under way, late, or carry a resident already."""
    chance = Random(seed)
    runs = tuple(_run(chance, f"run{k}") for k in range(chance.choice([1, 2])))
    requests = tuple(_request(chance, runs, f"q{k}") for k in range(chance.choice([2, 3, 3])))
    if chance.random() < 0.4:
        runs = (_with_resident(chance, runs[0]), *runs[1:])
    return Day(tuple(_under_way(chance, run) for run in runs), requests)


def _run(chance: Random, name: str) -> Run:
    clock, stops, depot = EIGHT, list[Stop](), chance.choice([None, corner(0, 2)])
    if depot:
        stops.append(Stop(f"{name}out", depot, Window(EIGHT - chance.choice([0, 900])), sequence=0, depot=True))
    for k in range(chance.choice([2, 3])):
        place = corner(chance.randrange(5), chance.randrange(3))
        clock += chance.choice([0, 60, 300]) + (GRID.between(stops[-1].place, place) if stops else 0)
        window = Window(clock, clock + chance.choice([300, 900, 1800]))
        dwell = chance.choice([0, 0, 60])
        stops.append(Stop(f"{name}s{k}", place, window, dwell, sequence=k + 1, residents=chance.random() < 0.7))
    if depot:
        stops.append(Stop(f"{name}home", depot, Window(latest=clock + 2400), sequence=9, depot=True))
    used = [stop.id for stop in stops if not stop.depot]
    rides = tuple(
        Ride(f"{name}c{k}", used[0], used[-1], chance.choice([Load(1), Load(0, 1)]), 3600, committed=True)
        for k in range(chance.choice([0, 1, 2]))
    )
    policy = Policy(
        riders=frozenset({"registered"}),
        detour=chance.choice([Detour.UP_TO, Detour.UP_TO, Detour.UP_TO, Detour.ON_ROUTE, Detour.NONE]),
        max_detour=chance.choice([240, 1200]),
        deadhead=chance.random() < 0.7,
        max_extra=chance.choice([300, 1200]),
        max_ride=chance.choice([300, 2700]),
        ride_slack=chance.choice([0, 60, 600]),
        notice=chance.choice([0, 600]),
        dwell=chance.choice([0, 40]),
        dwell_wheelchair=30,
    )
    capacity = Capacity.of(chance.choice([2, 3, 4]), chance.choice([1, 2]), 1, stowage=1)
    pace = chance.choice([1000, 1000, 1000, 700, 1450])
    return Run(name, "2026-11-23", "care", name, capacity, tuple(stops), rides, policy, pace=pace)


def _request(chance: Random, runs: Sequence[Run], name: str) -> TripRequest:
    near = [stop.place for run in runs for stop in run.stops]
    doors = chance.sample([*dict.fromkeys([*near, *(corner(x, y) for x in range(5) for y in (0, 2))])], 4)
    far = chance.choice([100, 900, 900])
    start = EIGHT - 300 + 60 * chance.randrange(15)
    return TripRequest(
        name,
        "2026-11-23",
        (MeetingPoint(doors[0]), MeetingPoint(doors[1], far)),
        (MeetingPoint(doors[2]), MeetingPoint(doors[3], far)),
        chance.choice([Load(1), Load(1), Load(2), Load(0, 1), Load(1, 0, 1)]),
        depart=chance.choice([Window(), Window(start, start + chance.choice([120, 600]))]),
        arrive=chance.choice([Window(), Window(latest=start + 900)]),
        asked_at=chance.choice([0, EIGHT - 600]),
        max_walk=300,
        needs=frozenset({chance.choice(["none", "none", Need.EMPTY_SEAT])}),
        groups=frozenset({"registered"}),
        max_ride=chance.choice([3600, 400]),
    )


def _with_resident(chance: Random, run: Run) -> Run:
    booked = [*_carrying(_request(chance, [run], "booked"), run, run)]
    return chance.choice(booked)[0] if booked else run


def _under_way(chance: Random, run: Run) -> Run:
    """Let the vehicle have reached its first stops, on time or late, or let these be too near to be changed."""
    done = chance.choice([0, 0, 0, 1, 2])
    if not done:
        return replace(run, frozen=chance.choice([0, 0, 1]))
    late = chance.choice([0, 200, 1200])
    reached = tuple(visit.begin + late for visit in timetable(run, GRID)[:done])
    return replace(run, done=done, reached=chance.choice([reached, ()]))


def most_by_hand(day: Day) -> int:
    """Try every way to add one party after another to each run, and share the parties out among the runs."""
    best = {frozenset[str]()}
    for run in day.runs:
        sets = _sets(run, day.requests)
        best = {old | new for old in best for new in sets if not old & new}
    return max(len(one) for one in best)


def _sets(run: Run, requests: Sequence[TripRequest]) -> set[frozenset[str]]:
    ways = {frozenset[str](): [run]}
    for _ in requests:
        more: dict[frozenset[str], list[Run]] = {}
        for names, runs in ways.items():
            for request in requests:
                if request.id not in names:
                    found = more.setdefault(names | {request.id}, [])
                    for way in runs:
                        found += [new for new, _ in _carrying(request, way, run)]
        ways |= {names: found[:: max(1, len(found) // KEPT)] for names, found in more.items() if found}
    return set(ways)


def _carrying(request: TripRequest, now: Run, before: Run) -> Iterator[tuple[Run, Ride]]:
    """Yield every sound run that carries a party, too: at stops of its own, or at others' where it may join them."""
    if eligibility.obstacles(request, now):
        return
    for stops, pickup, on in _ends(request.id + "+", request.pickups, now.stops, request.max_walk):
        for both, dropoff, off in _ends(request.id + "-", request.dropoffs, stops, request.max_walk):
            if on.place != off.place:
                direct = ceil(GRID.between(on.place, off.place) * now.pace / 1000)
                ride = ride_of(request, now, (pickup, dropoff), direct=direct)
                new = replace(now, stops=both, rides=(*now.rides, ride))
                if not broken(new, GRID, before):
                    yield new, ride


def _ends(
    name: str, points: Sequence[MeetingPoint], stops: tuple[Stop, ...], most: int
) -> Iterator[tuple[tuple[Stop, ...], str, MeetingPoint]]:
    for point in points:
        if point.walk <= most:
            for k, stop in enumerate(stops):
                if stop.place == point.place and not stop.depot:
                    yield stops, stop.id, point
                if k + 1 < len(stops):
                    yield (*stops[: k + 1], Stop(name, point.place), *stops[k + 1 :]), name, point


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32))
def test_no_plan_found_by_hand_serves_more(seed: int) -> None:
    day = some_day(seed)
    assert upper_bound(day.runs, day.requests, GRID, seconds=2) >= most_by_hand(day)


def test_a_plan_found_by_hand_often_serves_as_many() -> None:
    """The bound says something: on most small days it is what can be served, and it is seldom all who ask."""
    found = [
        (upper_bound(day.runs, day.requests, GRID, seconds=2), most_by_hand(day)) for day in map(some_day, range(40))
    ]
    assert sum(bound == served for bound, served in found) >= 28


def test_without_time_it_counts_those_who_fit_alone() -> None:
    far = wish((0, 0), (4, 2), name="late", depart=Window(EIGHT + 7200, EIGHT + 7800))
    near = wish((0, 0), (4, 2), name="near", depart=Window(EIGHT, EIGHT + 600))
    assert upper_bound([morning_bus()], [far, near], GRID, seconds=0) == 1


def test_seats_bound_those_who_ride_at_once() -> None:
    asking = [wish((0, 0), (4, 2), name=f"q{k}") for k in range(5)]
    assert upper_bound([morning_bus(JOINING, seats=4)], asking, GRID, seconds=2) == 2


def test_layouts_bound_what_rides_together() -> None:
    """The van has one seat beside a wheelchair, whose place is taken by a committed rider."""
    asking = [wish((1, 2), (4, 2), name=f"q{k}") for k in range(2)]
    assert upper_bound([care_van(JOINING)], asking, GRID, seconds=2) == 1


@pytest.mark.parametrize(("pace", "served"), [(1000, 1), (1300, 0), (700, 1)])
def test_traffic_bounds_who_can_be_met_in_time(pace: int, served: int) -> None:
    bus = replace(morning_bus(), pace=pace)
    in_time = wish((2, 0), (4, 0), depart=Window(EIGHT, EIGHT + 120), arrive=Window(latest=EIGHT + 240))
    assert upper_bound([bus], [in_time], GRID, seconds=2) == served


def test_two_runs_do_not_serve_one_party_twice() -> None:
    buses = [replace(morning_bus(), id=name) for name in ("one", "two")]
    assert upper_bound(buses, [wish((0, 0), (4, 2))], GRID, seconds=2) == 1


def test_a_booked_resident_keeps_the_seat() -> None:
    bus = morning_bus(JOINING, seats=3)
    booked = next(new for new, _ in _carrying(wish((0, 0), (4, 2), name="booked"), bus, bus))
    asking = [wish((0, 0), (4, 2), name="q")]
    assert upper_bound([bus], asking, GRID, seconds=2) == 1
    assert upper_bound([booked], asking, GRID, seconds=2) == 0


def test_a_booked_resident_between_own_stops_keeps_the_seat() -> None:
    bus = morning_bus(replace(OPEN, detour=Detour.ON_ROUTE, deadhead=False), seats=3)
    apart = wish((1, 0), (3, 0), name="booked", depart=Window(EIGHT, EIGHT + 600))
    booked = next(new for new, ride in _carrying(apart, bus, bus) if ride.pickup == "booked+")
    asking = [wish((1, 0), (3, 0), name="q")]
    assert upper_bound([bus], asking, GRID, seconds=2) == 1
    assert upper_bound([booked], asking, GRID, seconds=2) == 0


def test_who_rides_already_is_served() -> None:
    bus = morning_bus(seats=3)
    party = wish((0, 0), (4, 2), name="q")
    booked = next(new for new, _ in _carrying(party, bus, bus))
    assert upper_bound([booked], [party], GRID, seconds=2) == 1


def test_it_is_never_below_a_known_plan() -> None:
    bus = morning_bus(JOINING, seats=3)
    party = wish((0, 0), (4, 2), name="q")
    known = next(new for new, _ in _carrying(party, bus, bus))
    assert upper_bound([bus], [party, wish((0, 0), (4, 2), name="p")], GRID, seconds=2, known=[known]) == 1


def test_no_runs_and_no_requests_are_a_day_too() -> None:
    assert upper_bound([], [wish((0, 0), (4, 2))], GRID, seconds=1) == 0
    assert upper_bound([morning_bus()], [], GRID, seconds=1) == 0


@pytest.mark.parametrize("pace", [1000, 1700, 4000])
def test_a_faster_run_beside_a_slow_one_is_measured_by_its_own_drives(pace: int) -> None:
    """The slow one comes first, and leaves the other's drives as they are."""
    runs = [replace(morning_bus(), id="slow", pace=pace), replace(morning_bus(), id="quick", pace=500)]
    hasty = wish((2, 0), (4, 0), depart=Window(EIGHT, EIGHT + 120), arrive=Window(latest=EIGHT + 180))
    assert upper_bound(runs, [hasty], GRID, seconds=2) == 1


class Rounded:
    """Roads of which each drive is rounded to whole seconds by itself, so that a way round may seem shorter."""

    def between(self, origin: object, destination: object) -> int:
        return int(self.table([origin], [destination])[0, 0])

    def table(self, origins: Sequence[object], destinations: Sequence[object]) -> Seconds:
        a, b = (np.array([(one.lat, one.lon) for one in places]) for places in (origins, destinations))  # type: ignore[attr-defined]
        drives: Seconds = np.rint(np.hypot(*(a[:, None] - b[None]).transpose(2, 0, 1)) * 1.45).astype(np.int32)
        return drives


@pytest.mark.parametrize(("pace", "dwell", "latest"), [(1000, 1, 6), (2500, 3, 15)])
def test_rounded_drives_do_not_turn_a_party_away(pace: int, dwell: int, latest: int) -> None:
    """The way over the party's door is a second shorter than the direct one: exactly on time, where 300 s are left."""
    times = Rounded()
    assert times.between(corner(0, 0), corner(2, 0)) > 2 * times.between(corner(0, 0), corner(1, 0))
    policy = replace(OPEN, riders=frozenset({"anyone"}), dwell=dwell)
    stops = (
        Stop("a", corner(0, 0), Window(EIGHT, EIGHT), sequence=0),
        Stop("b", corner(2, 0), Window(EIGHT, EIGHT + latest), sequence=1),
    )
    bus = Run("bus", "2026-11-23", "school", "bus", Capacity.of(2), stops, (), policy, pace=pace)
    asking = wish((1, 0), (1.4, 0))
    on, off = Stop("on", corner(1, 0)), Stop("off", corner(1.4, 0))
    direct = ceil(times.between(on.place, off.place) * pace / 1000)
    ride = ride_of(asking, bus, ("on", "off"), direct=direct)
    served = replace(bus, stops=(stops[0], on, off, stops[1]), rides=(ride,))
    assert not broken(served, times, bus)
    assert upper_bound([bus], [asking], times, seconds=1) == 1


def _search(day: Day) -> _Search:
    search = _Search(_Day(day.runs, day.requests, GRID), {}, enough=-1)
    search.improve(monotonic() + 2)
    return search


def tight_day() -> Day:
    """A day on which the bound is what can be served, and more than nothing."""
    days = (some_day(seed) for seed in count())
    return next(day for day in days if most_by_hand(day) == upper_bound(day.runs, day.requests, GRID, seconds=2) == 2)


def test_prices_too_low_by_one_part_are_caught() -> None:
    """Negative control: a sum that is rounded down is below what a plan found by hand serves."""
    day = tight_day()
    search = _search(day)
    assert search.bound == most_by_hand(day)
    priced = search.prices > 0
    totals = int(search.prices.sum() + search.worth.sum())
    search.prices[priced] -= 1 + (totals - PRICE * most_by_hand(day)) // int(priced.sum())
    assert search.bound < most_by_hand(day)


@pytest.mark.parametrize("rule", ["longest", "late", "latest"])
def test_a_model_that_forbids_what_the_judge_allows_is_caught(rule: str) -> None:
    """Negative control: with any rule made tighter than it is, some day's bound falls below what is served by hand."""

    def tightened(day: Day) -> int:
        built = _Day(day.runs, day.requests, GRID)
        for model in built.models:
            getattr(model, rule)[...] -= 240
        search = _Search(built, {}, enough=-1)
        search.improve(monotonic() + 2)
        return search.bound

    assert any(tightened(day) < most_by_hand(day) for day in map(some_day, range(200)))
