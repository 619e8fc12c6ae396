"""Random small days on the toy town's grid: a sound run, and parties who ask for it one after another.

A day is read off a string of bytes, one byte for each choice: ten times as fast as drawing every choice by itself, and
it shrinks as well, because each choice has its plainest answer first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from hypothesis import strategies as st

from matching.model import Capacity, Detour, Load, MeetingPoint, Policy, Ride, Run, Stop, TripRequest, Window
from matching.promises import broken
from matching.schedule import timetable
from routing.times import Place
from tests.matching.toy import EIGHT, GRID

T = TypeVar("T")
CORNERS = [Place(x, y) for x in range(5) for y in range(3)]
PARTIES = [Load(1), Load(1), Load(2), Load(0, 1), Load(1, 1)]


@dataclass(frozen=True, slots=True)
class Day:
    """A sound run, and steps that follow one another: how many stops are served by then, and who asks."""

    run: Run
    steps: tuple[tuple[int, TripRequest], ...]


class Choices:
    """Read one choice after another off a string of bytes; past its end, always the plainest."""

    def __init__(self, drawn: bytes) -> None:
        self._bytes = iter(drawn)

    def pick(self, options: Sequence[T]) -> T:
        return options[next(self._bytes, 0) % len(options)]


def days(asking: int = 3) -> st.SearchStrategy[Day]:
    """Make days on which so many parties ask."""
    size = 48 + 20 * asking
    return st.binary(min_size=size, max_size=size).map(lambda drawn: _day(Choices(drawn), asking))


def _day(choices: Choices, asking: int) -> Day:
    run = _run(choices)
    served = sorted(choices.pick([0, 0, 0, 1, 2]) for _ in range(asking))
    return Day(run, tuple((done, _request(choices, run, f"q{k}")) for k, done in enumerate(served)))


def _run(choices: Choices) -> Run:
    """Make a run that keeps its promises; its depots, closed stops, bells and tight longest rides come and go."""
    stops = _stops(choices)
    rides = [_committed(choices, stops, f"c{k}") for k in range(choices.pick([1, 2, 3, 0]))]
    capacity = Capacity.of(choices.pick([3, 4, 2, 1]), choices.pick([1, 2, 0]), choices.pick([1, 0, 2]))
    kept = tuple(ride for ride in rides if ride is not None)
    run = Run("run", "2026-11-23", "care", "van-1", capacity, stops, kept, _policy(choices))
    while broken(run, GRID):
        run = replace(run, rides=run.rides[:-1])
    return _with_bells(run, choices)


def _policy(choices: Choices) -> Policy:
    return Policy(
        riders=frozenset({choices.pick(["registered", "anyone"])}),
        detour=choices.pick([Detour.UP_TO, Detour.UP_TO, Detour.ON_ROUTE, Detour.NONE]),
        max_detour=choices.pick([600, 120]),
        deadhead=choices.pick([True, True, False]),
        max_extra=choices.pick([900, 900, 120, 0]),
        max_ride=choices.pick([2700, 420]),
        ride_slack=choices.pick([600, 0]),
        notice=choices.pick([0, 900]),
        closes=choices.pick([None, None, None, EIGHT - 3600]),
        punctuality=choices.pick([600, 0]),
        dwell=choices.pick([0, 40]),
    )


def _stops(choices: Choices) -> tuple[Stop, ...]:
    depot, shut, dwell = choices.pick([None, Place(0, 2), Place(2, 1)]), choices.pick(range(7)), choices.pick([0, 60])
    clock, stops = EIGHT, []
    if depot is not None:
        stops.append(Stop("out", depot, _standing(choices), sequence=0, depot=True))
    for k in range(1, choices.pick([2, 3, 4]) + 1):
        place = choices.pick(CORNERS)
        clock += choices.pick([0, 0, 60, 300, -60]) + (GRID.between(stops[-1].place, place) if stops else 0)
        stops.append(Stop(f"s{k}", place, Window(clock), dwell, sequence=k, planned=clock, residents=k != shut))
    if depot is not None:
        stops.append(Stop("home", depot, Window(EIGHT - 1800, EIGHT + 7200), sequence=9, depot=True))
    return tuple(stops)


def _standing(choices: Choices) -> Window:
    return Window(EIGHT - 1800, choices.pick([2 * 86_400, EIGHT - 600]))


def _committed(choices: Choices, stops: tuple[Stop, ...], name: str) -> Ride | None:
    names = [stop.id for stop in stops if not stop.depot]
    first, last = sorted(choices.pick(range(len(names))) for _ in range(2))
    party, most = choices.pick([Load(1), Load(0, 1)]), choices.pick([3600, 600])
    return Ride(name, names[first], names[last], party, most, committed=True, dwell=30) if first < last else None


def _with_bells(run: Run, choices: Choices) -> Run:
    """Ring bells at some stops, so long after the run is there by itself."""
    stops = []
    for visit in timetable(run, GRID):
        bell = min(visit.stop.window.latest, visit.begin + choices.pick([172_800, 172_800, 172_800, 1800, 300, 0]))
        stops.append(replace(visit.stop, window=Window(visit.stop.window.earliest, bell)))
    return replace(run, stops=tuple(stops))


def _request(choices: Choices, run: Run, name: str) -> TripRequest:
    """Make a party that asks near a run: two meeting points at each end, its door first."""
    pickups, dropoffs = (
        (MeetingPoint(_near(choices, run)), MeetingPoint(_near(choices, run), choices.pick([50, 200, 900])))
        for _ in range(2)
    )
    return TripRequest(
        name,
        run.service_date,
        pickups,
        dropoffs,
        choices.pick(PARTIES),
        depart=_wanted(choices),
        arrive=_wanted(choices),
        asked_at=EIGHT - choices.pick([7200, 7200, 600]),
        max_walk=choices.pick([300, 0]),
        groups=frozenset({"registered"}),
    )


def _near(choices: Choices, run: Run) -> Place:
    return choices.pick([*(stop.place for stop in run.stops), *CORNERS])


def _wanted(choices: Choices) -> Window:
    if choices.pick([True, True, True, False]):
        return Window()
    start = EIGHT - 600 + 60 * choices.pick(range(40))
    return Window(start, start + choices.pick([1200, 600, 300, 0]))
