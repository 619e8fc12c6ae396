"""Random small days on the toy town's grid: a sound run, and parties who ask for it one after another.

Most days are plain, and most roads empty. On one in three, riders have needs, things to stow, or others whom they must
not meet; and on some the vehicle is seen to be early or late on its way, so that its run may break promises before
anybody asks.

A day is read off a string of bytes, one byte for each choice: ten times as fast as drawing every choice by itself, and
it shrinks as well, because each choice has its plainest answer first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from hypothesis import strategies as st

from matching.model import (
    LATEST,
    Capacity,
    Detour,
    Load,
    MeetingPoint,
    Need,
    Policy,
    Ride,
    Run,
    Stop,
    TripRequest,
    Window,
)
from matching.promises import broken
from matching.schedule import timetable
from routing.times import Place
from tests.matching.toy import EIGHT, GRID

T = TypeVar("T")
CORNERS = [Place(x, y) for x in range(5) for y in range(3)]
PARTIES = [Load(1), Load(1), Load(2), Load(0, 1), Load(1, 1)]
LAYOUTS = Capacity((Load(4, 0, 1), Load(2, 1, 2), Load(1, 2)))
NOBODY: frozenset[str] = frozenset()
LOUD, PUPILS = frozenset({"loud"}), frozenset({"pupil"})
PACES = [1000, 1000, 1000, 1000, 1000, 1337, 777, 1001, 2500]
NEEDS = [NOBODY, NOBODY, *(frozenset({need}) for need in Need)]


@dataclass(frozen=True, slots=True)
class Day:
    """A sound run, and steps that follow one another: how many stops are served by then, and who asks.

    late: seconds by which service is then seen to have begun late at each leading stop, as far as that is known.
    ahead: how many stops beyond those served are frozen.
    """

    run: Run
    steps: tuple[tuple[int, TripRequest], ...]
    late: tuple[int, ...] = ()
    ahead: int = 0

    def reach(self, run: Run, served: int) -> Run:
        """Drive a run of this day on until so many stops are served."""
        reached = run.reached
        for k in range(len(reached), min(served, len(self.late))):
            begin = timetable(replace(run, done=served, reached=reached), GRID)[k].begin
            reached = (*reached, begin + self.late[k])
        frozen = min(served + self.ahead, len(run.stops)) if self.ahead else 0
        return replace(run, done=served, reached=reached, frozen=frozen)


class Choices:
    """Read one choice after another off a string of bytes; past its end, always the plainest."""

    def __init__(self, drawn: bytes) -> None:
        self._bytes = iter(drawn)
        self._special = self.pick([False, False, True])

    def pick(self, options: Sequence[T]) -> T:
        return options[next(self._bytes, 0) % len(options)]

    def rare(self, options: Sequence[T]) -> T:
        """Pick on a special day; on any other, take the plainest."""
        return self.pick(options) if self._special else options[0]


def days(asking: int = 3) -> st.SearchStrategy[Day]:
    """Make days on which so many parties ask."""
    size = 64 + 24 * asking
    return st.binary(min_size=size, max_size=size).map(lambda drawn: _day(Choices(drawn), asking))


def _day(choices: Choices, asking: int) -> Day:
    run = _run(choices)
    known = choices.pick([0, 0, 0, 1, 2])
    late = tuple(choices.pick([1200, 60, 0, 300, 600, -60]) for _ in range(known))
    served = sorted(choices.pick([known, known, 0, 1, 2]) for _ in range(asking))
    ahead = choices.pick([0, 0, 0, 0, 1, 2])
    return Day(run, tuple((done, _request(choices, run, f"q{k}")) for k, done in enumerate(served)), late, ahead)


def _run(choices: Choices) -> Run:
    """Make a run that keeps its promises; its depots, closed stops, bells and tight longest rides come and go."""
    stops = _stops(choices)
    rides = [_committed(choices, stops, f"c{k}") for k in range(choices.pick([1, 2, 3, 0]))]
    kept = tuple(ride for ride in rides if ride is not None)
    capacity, policy, pace = _capacity(choices), _policy(choices), choices.pick(PACES)
    run = Run("run", "2026-11-23", "care", "van-1", capacity, stops, kept, policy, pace=pace)
    while broken(run, GRID):
        run = replace(run, rides=run.rides[:-1])
    return _with_bells(run, choices)


def _capacity(choices: Choices) -> Capacity:
    of = Capacity.of(
        seats=choices.pick([3, 4, 2, 1]),
        wheelchairs=choices.pick([1, 2, 0]),
        seats_per_wheelchair=choices.pick([1, 0, 2]),
        stowage=choices.rare([1, 2, 0]),
    )
    return choices.rare([of, of, LAYOUTS])


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
        dwell_needs=choices.rare([(), ((Need.EMPTY_SEAT, 20), (Need.ALONE, 50))]),
        quota=choices.pick([None, None, None, 1, 2, 0]),
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
    ride = Ride(
        name,
        names[first],
        names[last],
        choices.pick([Load(1), Load(0, 1)]) + choices.rare([Load(), Load(), Load(0, 0, 1)]),
        max_ride=choices.pick([3600, 600]),
        needs=choices.rare(NEEDS),
        committed=True,
        dwell=30,
        groups=choices.rare([NOBODY, PUPILS]),
        apart=choices.rare([NOBODY, NOBODY, LOUD]),
    )
    return ride if first < last else None


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
        choices.pick(PARTIES) + choices.rare([Load(), Load(), Load(0, 0, 1), Load(0, 0, 2)]),
        depart=_wanted(choices),
        arrive=_wanted(choices),
        asked_at=EIGHT - choices.pick([7200, 7200, 600]),
        max_walk=choices.pick([300, 0]),
        needs=choices.rare(NEEDS),
        groups=frozenset({"registered"}) | choices.rare([NOBODY, NOBODY, LOUD]),
        max_ride=choices.rare([LATEST, LATEST, 600, 240]),
        apart=choices.rare([NOBODY, NOBODY, NOBODY, PUPILS]),
    )


def _near(choices: Choices, run: Run) -> Place:
    return choices.pick([*(stop.place for stop in run.stops), *CORNERS])


def _wanted(choices: Choices) -> Window:
    if choices.pick([True, True, True, False]):
        return Window()
    start = EIGHT - 600 + 60 * choices.pick(range(40))
    return Window(start, start + choices.pick([1200, 600, 300, 0]))
