"""May this party board this run at all? What needs no road and no timetable to answer."""

from matching.model import Broken, Rule, Run, TripRequest, Window


def obstacles(request: TripRequest, run: Run) -> list[Broken]:
    """List the rules that keep a party off a run whatever its stops: who may ride, booking time, vehicle size."""
    found = []
    if not run.policy.admits(request.groups):
        found.append(Broken(Rule.WHO, run.id))
    if run.policy.closes is not None and request.asked_at > run.policy.closes:
        found.append(Broken(Rule.CUTOFF, run.id, request.asked_at - run.policy.closes))
    if request.party.wheelchairs > run.capacity.most_wheelchairs:
        found.append(Broken(Rule.WHEELCHAIR, run.id, request.party.wheelchairs - run.capacity.most_wheelchairs))
    elif not run.capacity.fits(request.party):
        seats = run.capacity.seats_beside(request.party.wheelchairs)
        found.append(Broken(Rule.SEATS, run.id, request.party.seats - seats))
    return found


def boarding_window(request: TripRequest, run: Run) -> Window:
    """When a party's pickup may begin, given what it asked for and how long before a pickup a booking must be made."""
    return request.depart & Window(request.asked_at + run.policy.notice)
