"""How a request becomes a ride on a run, boards it as late as it can, and leaves it again without a trace."""

from dataclasses import replace

from matching import eligibility, schedule
from matching.model import DAY, MeetingPoint, Ride, Run, TripRequest
from routing.times import Place, TravelTimes

LONG_AGO = -365 * DAY
"""A time of asking before which no booking closes: what was promised needs no second permission."""


def ride_of(request: TripRequest, run: Run, ends: tuple[str, str], *, direct: int) -> Ride:
    """Make the ride that serves a request between two stops of a run (ids) which are `direct` seconds apart."""
    return Ride(
        id=request.id,
        pickup=ends[0],
        dropoff=ends[1],
        party=request.party,
        max_ride=min(run.policy.longest_ride(direct), request.max_ride),
        needs=request.needs,
        board=eligibility.boarding_window(request, run),
        alight=request.arrive,
        dwell=run.policy.dwell_for(request.party, request.needs),
        groups=request.groups,
        apart=request.apart,
        after=request.after,
    )


def asked_again(ride: Ride, ends: tuple[Place, Place], service_date: str) -> TripRequest:
    """Ask again for a ride that was promised, within its own windows; ends: where its party boards and alights."""
    return TripRequest(
        id=ride.id,
        service_date=service_date,
        pickups=(MeetingPoint(ends[0]),),
        dropoffs=(MeetingPoint(ends[1]),),
        party=ride.party,
        depart=ride.board,
        arrive=ride.alight,
        asked_at=LONG_AGO,
        max_ride=ride.max_ride,
        needs=ride.needs,
        apart=ride.apart,
        groups=ride.groups,
        after=ride.after,
    )


def board_late(run: Run, ride: Ride, times: TravelTimes) -> Run:
    """Pick a party up so late at its own added stop that the vehicle need not wait at the next one with it aboard."""
    visits = schedule.timetable(run, times)
    k = run.positions()[ride.pickup]
    waiting = visits[k + 1].begin - visits[k + 1].arrival
    earliest = max(ride.board.earliest, min(visits[k].begin + waiting, ride.board.latest))
    late = replace(ride, board=replace(ride.board, earliest=earliest))
    return replace(run, rides=tuple(late if other.id == ride.id else other for other in run.rides))


def without(run: Run, ride_id: str) -> Run:
    """Take a resident or a guest out of a run, with the stops that were added for it alone and can still be changed."""
    rides = tuple(ride for ride in run.rides if ride.id != ride_id)
    used = {stop for ride in (*rides, *run.absent) for stop in (ride.pickup, ride.dropoff)}
    stops = tuple(s for k, s in enumerate(run.stops) if s.scheduled or s.id in used or k < run.fixed)
    return replace(run, stops=stops, rides=rides)
