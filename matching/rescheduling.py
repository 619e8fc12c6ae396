"""Another schedule of the same run: what it changes for those who read it, and whose promise it can still keep."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from matching.insertion import reinsert
from matching.model import Ride, Run, Stop
from matching.promises import broken, carried
from matching.schedule import baseline, everyone, timetable
from routing.times import TravelTimes


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a new schedule says otherwise; None where one of them does not say it at all.

    what: "vehicle", "seats", "wheelchairs", "riders", "who", "detour", "deadhead", "extra", "pace", "stop", "place",
    "time", "bell", "residents", "depot" or "other". old, new: ids of the stop before and after, empty where the whole
    run is meant; before, after: numbers (seconds of the service day, seconds, people) or words.
    """

    what: str
    before: int | str | None = None
    after: int | str | None = None
    old: str = ""
    new: str = ""


@dataclass(frozen=True, slots=True)
class Carried:
    """A new schedule with the residents for whom it can keep what they were promised; `left` are the others.

    moved: ride -> seconds by which its pickup and its drop-off are expected later (negative: earlier) than before.
    """

    run: Run
    moved: dict[str, tuple[int, int]]
    left: tuple[Ride, ...]


def carry(before: Run, after: Run, times: TravelTimes) -> Carried:
    """Put the residents of a run on its new schedule, in order of their pickups, each within the promised times."""
    if not before.residents:
        return Carried(after, {}, ())
    was = {visit.stop.id: visit.begin for visit in timetable(before, times)}
    places = {stop.id: stop.place for stop in before.stops}
    run, left = replace(after, policy=replace(after.policy, quota=before.policy.quota)), list[Ride]()
    for ride in sorted(before.residents, key=lambda ride: (was[ride.pickup], ride.id)):
        placed = reinsert(ride, (places[ride.pickup], places[ride.dropoff]), run, times)
        if placed is None or broken(placed, times, baseline(placed)) or carried(before, placed):
            left.append(ride)
        else:
            run = placed
    now = {visit.stop.id: visit.begin for visit in timetable(run, times)}
    rides = {ride.id: ride for ride in before.residents}
    moved = {
        ride.id: (now[ride.pickup] - was[rides[ride.id].pickup], now[ride.dropoff] - was[rides[ride.id].dropoff])
        for ride in run.residents
    }
    return Carried(run, moved, tuple(left))


def changes(before: Run, after: Run) -> list[Change]:
    """List what a new schedule says otherwise, whoever rides on the run or is absent now.

    Stops are compared in order: the longest row of places that stayed is found first.
    """
    old, new = _in_order(before), _in_order(after)
    if old == new:
        return []
    found = [*_of_run(old, new), *_of_stops(old, new)]
    return found or [Change("other")]


def _in_order(run: Run) -> Run:
    """Reduce a run to what its schedule says; in which order it lists its riders says nothing."""
    bare = replace(everyone(run), revision=0, policy=replace(run.policy, quota=None))
    return replace(bare, rides=tuple(sorted(bare.rides, key=lambda ride: ride.id)))


def _of_run(old: Run, new: Run) -> Iterator[Change]:
    pairs: list[tuple[str, int | str | None, int | str | None]] = [
        ("vehicle", old.vehicle, new.vehicle),
        ("seats", old.capacity.most_seats, new.capacity.most_seats),
        ("wheelchairs", old.capacity.most_wheelchairs, new.capacity.most_wheelchairs),
        ("riders", _riders(old), _riders(new)),
        ("who", ", ".join(sorted(old.policy.riders)), ", ".join(sorted(new.policy.riders))),
        ("detour", old.policy.detour.value, new.policy.detour.value),
        ("detour", old.policy.max_detour, new.policy.max_detour),
        ("deadhead", old.policy.deadhead, new.policy.deadhead),
        ("extra", old.policy.max_extra, new.policy.max_extra),
        ("pace", old.pace, new.pace),
    ]
    yield from (Change(what, a, b) for what, a, b in pairs if a != b)


def _riders(run: Run) -> int:
    return sum(ride.party.people for ride in run.rides)


def _of_stops(old: Run, new: Run) -> Iterator[Change]:
    a, b = ([stop for stop in run.stops if not stop.depot] for run in (old, new))
    matcher = SequenceMatcher(None, [stop.place for stop in a], [stop.place for stop in b], autojunk=False)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag == "equal" or (tag == "replace" and i_end - i == j_end - j):
            yield from (change for x, y in zip(a[i:i_end], b[j:j_end], strict=True) for change in _of_stop(x, y))
        else:
            yield from (Change("stop", one.planned or 0, None, one.id) for one in a[i:i_end])
            yield from (Change("stop", None, one.planned or 0, "", one.id) for one in b[j:j_end])
    depots = [[(s.place, s.window) for s in run.stops if s.depot] for run in (old, new)]
    if depots[0] != depots[1]:
        yield Change("depot")


def _of_stop(old: Stop, new: Stop) -> Iterator[Change]:
    if old.place != new.place:
        yield Change("place", None, None, old.id, new.id)
    pairs: list[tuple[str, int | None, int | None]] = [
        ("time", old.planned, new.planned),
        ("bell", old.window.latest, new.window.latest),
        ("residents", old.residents, new.residents),
    ]
    yield from (Change(what, a, b, old.id, new.id) for what, a, b in pairs if a != b)
