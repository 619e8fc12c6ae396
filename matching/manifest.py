"""A run becomes the lines that its driver reads; names are joined elsewhere."""

from dataclasses import dataclass

from matching.model import Load, Run
from matching.schedule import timetable
from routing.times import TravelTimes


@dataclass(frozen=True, slots=True)
class Line:
    """One stop as a driver meets it: seconds of the service day, ride ids, and the parties aboard when it is left.

    served: the vehicle has reached a later stop.
    """

    stop: str
    arrival: int
    departure: int
    planned: int | None
    boarding: tuple[str, ...]
    alighting: tuple[str, ...]
    load: Load
    served: bool


def lines(run: Run, times: TravelTimes) -> tuple[Line, ...]:
    """List a run's stops in driving order."""
    return tuple(
        Line(
            stop=visit.stop.id,
            arrival=visit.arrival,
            departure=visit.departure,
            planned=visit.stop.planned,
            boarding=tuple(ride.id for ride in visit.boarding),
            alighting=tuple(ride.id for ride in visit.alighting),
            load=visit.aboard,
            served=k < run.done - 1,
        )
        for k, visit in enumerate(timetable(run, times))
    )
