"""Online insertion: the cheapest sound places for one request on each run.

Cost is seconds of added driving, of walking, and the harm done to committed riders, weighed as an objective says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matching import schedule
from matching.fleet import Fleet, Insertion
from matching.model import Ride, Run, TripRequest
from matching.objective import Objective
from matching.rides import asked_again
from routing.times import Place, TravelTimes


@dataclass(frozen=True, slots=True)
class Search:
    """What a search over one run found: sound insertions, cheapest first."""

    insertions: tuple[Insertion, ...]


def search(
    request: TripRequest, run: Run, times: TravelTimes, *, most: int = 6, objective: Objective | None = None
) -> Search:
    """Find up to `most` sound insertions of a request on one run, each with its own pickup position, cheapest first."""
    if request.service_date != run.service_date:
        return Search(())
    fleet = Fleet([run], times, objective, index=False)
    return Search(tuple(fleet.inserted(one) for one in fleet.places(request, 0, most)))


def best(
    request: TripRequest, runs: Sequence[Run], times: TravelTimes, *, objective: Objective | None = None
) -> Insertion | None:
    """Find the cheapest sound insertion over many runs; None when no run can carry the party."""
    there = [run for run in runs if run.service_date == request.service_date]
    fleet = Fleet(there, times, objective, index=False)
    found = fleet.best(request)
    return fleet.inserted(found) if found else None


def reinsert(ride: Ride, ends: tuple[Place, Place], run: Run, times: TravelTimes) -> Run | None:
    """Put a ride that was promised or held before on a run as it is now, with its own windows and longest ride.

    ends: where its party boards and alights. None when the run can no longer keep what the ride was promised.
    """
    wish = asked_again(ride, ends, run.service_date)
    for one in search(wish, run, times).insertions:
        kept = replace(ride, pickup=one.ride.pickup, dropoff=one.ride.dropoff, dwell=one.ride.dwell)
        new = replace(one.run, rides=(*run.rides, kept))
        begin = {visit.stop.id: visit for visit in schedule.timetable(new, times)}
        if begin[kept.dropoff].begin - begin[kept.pickup].departure <= kept.max_ride:
            return new
    return None
