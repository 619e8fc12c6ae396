"""May this party board this run at all? What needs no road and no timetable to answer."""

from collections.abc import Iterator
from dataclasses import replace

from matching.model import Broken, Capacity, Load, Rule, Run, TripRequest, Window


def obstacles(request: TripRequest, run: Run) -> list[Broken]:
    """List the rules that keep a party off a run whatever its stops: who may ride, booking time, vehicle size."""
    found = []
    if not run.policy.admits(request.groups):
        found.append(Broken(Rule.WHO, run.id))
    if run.policy.closes is not None and request.asked_at > run.policy.closes:
        found.append(Broken(Rule.CUTOFF, run.id, request.asked_at - run.policy.closes))
    if run.policy.quota is not None and request.party.people > run.policy.quota:
        found.append(Broken(Rule.QUOTA, run.id, request.party.people - run.policy.quota))
    found += (Broken(rule, run.id, excess) for rule, excess in lacking(request.takes, run.capacity) if excess > 0)
    return found


def lacking(load: Load, capacity: Capacity) -> Iterator[tuple[Rule, int]]:
    """How much of each a load lacks in a vehicle that carries nothing else, at its best layout."""
    yield Rule.WHEELCHAIR, load.wheelchairs - capacity.most_wheelchairs
    places = min(load.wheelchairs, capacity.most_wheelchairs)
    seats = capacity.seats_beside(places)
    yield Rule.SEATS, load.seats - seats
    fitting = [one for one in capacity.layouts if one.wheelchairs >= places and one.seats >= min(load.seats, seats)]
    yield Rule.STOWAGE, load.stowage - max(one.stowage for one in fitting)


def boarding_window(request: TripRequest, run: Run) -> Window:
    """When a party's pickup may begin, given what it asked for and how long before a pickup a booking must be made."""
    return replace(request.depart, earliest=max(request.depart.earliest, request.asked_at + run.policy.notice))
