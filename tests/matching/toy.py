r"""The toy town: a grid of streets, one minute of driving between neighbouring corners, four stops to hold in the head.

y
2  . . . . .        morning bus:  (0,0) -> (2,0) -> (4,0) -> school at (4,2), bell 08:30
1  . . . . .        care van:     depot (0,2) -> (1,2) -> (3,2) -> day centre (4,2) -> depot
0  H . H . H   x
"""

from collections.abc import Sequence

import numpy as np

from matching.model import Capacity, Detour, Load, MeetingPoint, Policy, Ride, Run, Stop, TripRequest, Window
from routing.times import Place, Seconds

EIGHT = 8 * 3600


class GridTimes:
    """One minute between neighbouring corners of the grid, in every direction."""

    def between(self, origin: Place, destination: Place) -> int:
        return round(60 * (abs(origin.lat - destination.lat) + abs(origin.lon - destination.lon)))

    def table(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        rows = [[self.between(a, b) for b in destinations] for a in origins]
        return np.array(rows, dtype=np.int32).reshape(len(origins), len(destinations))


GRID = GridTimes()
OPEN = Policy(
    name="open",
    riders=frozenset({"registered"}),
    detour=Detour.UP_TO,
    max_detour=600,
    deadhead=True,
    max_extra=600,
    notice=0,
    dwell=0,
    dwell_wheelchair=120,
    fare=200,
    fare_currency="JPY",
)


def corner(x: float, y: float) -> Place:
    return Place(x, y)


def stop(name: str, x: float, y: float, planned: int, *, sequence: int, latest: int = 2 * 86_400) -> Stop:
    """Make a scheduled stop that is open to residents and takes no time of its own."""
    window = Window(planned, latest)
    return Stop(name, corner(x, y), window, sequence=sequence, planned=planned, residents=True)


def pupil(name: str, pickup: str, dropoff: str, *, wheelchair: bool = False) -> Ride:
    party = Load(0, 1) if wheelchair else Load(1, 0)
    return Ride(name, pickup, dropoff, party, max_ride=3600, committed=True)


def morning_bus(policy: Policy = OPEN, seats: int = 4) -> Run:
    """Two pupils on four stops; the bell rings at 08:30 and the bus is there at 08:06."""
    stops = (
        stop("a", 0, 0, EIGHT, sequence=0),
        stop("b", 2, 0, EIGHT + 120, sequence=1),
        stop("c", 4, 0, EIGHT + 240, sequence=2),
        stop("school", 4, 2, EIGHT + 360, sequence=3, latest=EIGHT + 1800),
    )
    rides = (pupil("p1", "a", "school"), pupil("p2", "b", "school"))
    return Run("bus", "2026-11-23", "school", "bus-1", Capacity.of(seats), stops, rides, policy)


def care_van(policy: Policy = OPEN) -> Run:
    """Three seats, or one seat beside a wheelchair; depots at both ends, half an hour to spare before and after."""
    stops = (
        Stop("out", corner(0, 2), Window(EIGHT - 1800), sequence=0, depot=True),
        stop("d", 1, 2, EIGHT, sequence=1),
        stop("e", 3, 2, EIGHT + 120, sequence=2),
        stop("centre", 4, 2, EIGHT + 240, sequence=3, latest=EIGHT + 1800),
        Stop("home", corner(0, 2), Window(EIGHT - 1800, EIGHT + 3600), sequence=4, depot=True),
    )
    rides = (pupil("w1", "d", "centre", wheelchair=True),)
    return Run("van", "2026-11-23", "care", "van-1", Capacity.of(3, 1, 2), stops, rides, policy)


def wish(
    origin: tuple[float, float], destination: tuple[float, float], *, seats: int = 1, name: str = "q", **changes: object
) -> TripRequest:
    """Ask for a trip between two corners, any time of the day unless `changes` say otherwise."""
    fields: dict[str, object] = {
        "id": name,
        "service_date": "2026-11-23",
        "pickups": (MeetingPoint(corner(*origin)),),
        "dropoffs": (MeetingPoint(corner(*destination)),),
        "party": Load(seats, 0),
        "groups": frozenset({"registered"}),
        **changes,
    }
    return TripRequest(**fields)  # type: ignore[arg-type]
