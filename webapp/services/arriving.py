"""How far one's own ride is: minutes until it comes, from where the vehicle was last heard of, and nothing else."""

from dataclasses import dataclass

from matching.schedule import timetable
from webapp.db import tables
from webapp.services.driving import states_of
from webapp.town import Town

AHEAD = 30 * 60
"""Seconds before the promised pickup from which a rider is told how far the vehicle is."""
WATCHED = 2 * 3600
"""Seconds before the pickup from which a page that is left open asks again by itself."""
OVERDUE = 120
"""Seconds after which a time that passed without word is no longer called near."""

SAID = {"alighted": "arrived", "no_show": "missed"}
"""What the driver tapped last of a ride that is over."""


@dataclass(frozen=True, slots=True)
class Approach:
    """What a rider may know of the vehicle: `state`, and the second of the service day at which it is expected.

    state: "silent" (nothing was heard of it yet), "coming", "overdue" (it should have come, and nothing newer was
    heard), "here", "aboard", "arrived" or "missed". minutes: until then, whole ones, rounded up.
    """

    state: str
    at: int
    minutes: int


def approach(town: Town, booking: tables.Booking) -> Approach | None:
    """Tell how far a booked ride is; nothing long before its pickup and once it is over."""
    now = town.seconds_now(booking.service_date)
    if booking.status != "booked" or booking.answer_by is not None or now < booking.pickup - AHEAD:
        return None
    with town.store.read() as records:
        run = records.find_run(booking.run_id)
        events = records.list_events(booking.run_id)
    ride = next((ride for ride in run.rides if ride.id == booking.ride_id), None) if run else None
    if run is None or ride is None:
        return None
    begins = {one.stop.id: one.begin for one in timetable(run, town.roads)}
    comes, arrives = max(begins[ride.pickup], booking.pickup), begins[ride.dropoff]
    there = max(booking.dropoff, arrives)
    state, at_pickup = states_of(run, events)[ride.id], {one.kind for one in events if one.stop_id == ride.pickup}
    if now > there + AHEAD or ("departed" in at_pickup and state == "expected"):
        return None
    if state == "boarded":
        return _ahead("aboard", max(arrives, now), now)
    known = SAID.get(state, "here" if at_pickup else "")
    if known:
        return Approach(known, comes, 0)
    return _ahead("silent" if not run.reached else "overdue" if now > comes + OVERDUE else "coming", comes, now)


def is_watched(town: Town, booking: tables.Booking) -> bool:
    """Is the pickup so near that a page that is open may soon have something to say?"""
    return town.seconds_now(booking.service_date) >= booking.pickup - WATCHED


def _ahead(state: str, at: int, now: int) -> Approach:
    return Approach(state, at, max(0, -(-(at - now) // 60)))
