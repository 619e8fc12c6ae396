"""One day of runs with free seats: its files as domain objects, and a plan of it as a file that anyone can judge.

A folder holds seconds.npy (int32 [place, place], travel times) and day.json: runs with their scheduled stops and the
committed riders who board and alight there, and residents' requests. All times are whole seconds of the service day.

A plan is `{"runs": {"<run>": [["start"], ["stop", 0], ["pickup", 17], ["dropoff", 17], ["end"]]}}`; a run that is left
out keeps its scheduled stops only.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.table_times import MatrixTimes
from matching.model import (
    LATEST,
    Capacity,
    Detour,
    Load,
    MeetingPoint,
    Policy,
    Ride,
    Rule,
    Run,
    Stop,
    TripRequest,
    Window,
)
from matching.promises import broken

SERVICE_DATE = "2026-01-01"

Visit = list[str | int]
Plan = Mapping[str, Mapping[str, list[Visit]]]


def allow_all(name: str, most: int, **rules: Any) -> Policy:
    """Make a policy that forbids nothing but what `rules` say: `most` seconds are more than any way takes."""
    return Policy(
        name=name,
        riders=frozenset({"anyone"}),
        detour=Detour.UP_TO,
        max_detour=most,
        deadhead=True,
        max_extra=most,
        max_ride=most,
        notice=0,
        **rules,
    )


POLICY = allow_all("a day of free seats", LATEST, ride_slack=600, dwell=60)
"""All that a day forbids stands in windows, seats and longest rides: a run may leave its road as far as they allow."""


class DayError(ValueError):
    """A day that this benchmark cannot stand for: a sentence that says what is wrong with its files."""


@dataclass(frozen=True)
class Day:
    """Runs with their committed riders, residents' requests, and travel times."""

    name: str
    runs: tuple[Run, ...]
    requests: tuple[TripRequest, ...]
    times: MatrixTimes

    @cached_property
    def by_id(self) -> dict[str, TripRequest]:
        return {request.id: request for request in self.requests}

    def drive(self, runs: Iterable[Run]) -> int:
        """Sum the seconds of driving over runs."""
        pairs = (pair for run in runs for pair in zip(run.stops, run.stops[1:], strict=False))
        return sum(self.times.between(a.place, b.place) for a, b in pairs)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a plan is worth: requests served, driving that it adds (seconds), and runs that break each rule."""

    served: int
    added_drive_seconds: int
    broken: dict[str, int]


def read_day(folder: Path) -> Day:
    """Read the files of a day; raises DayError where they ask for what the domain's policy does not say."""
    data = json.loads((folder / "day.json").read_text(encoding="utf-8"))
    times = MatrixTimes(np.load(folder / "seconds.npy"))
    runs = tuple(_run(one, times) for one in data["runs"])
    return Day(folder.resolve().name, runs, tuple(_request(one, times) for one in data["requests"]), times)


def _run(data: dict[str, Any], times: MatrixTimes) -> Run:
    start, end = data["start"], data["end"]
    whole = Window(start["earliest"], end["latest"])
    stops = [Stop("start", times.places[start["place"]], whole, sequence=0)]
    for k, stop in enumerate(data["stops"]):
        window = Window(stop["earliest"], stop["latest"])
        stops.append(Stop(f"stop {k}", times.places[stop["place"]], window, stop["dwell"], sequence=k + 1))
    stops.append(Stop("end", times.places[end["place"]], whole, sequence=len(stops)))
    return Run(
        id=str(data["id"]),
        service_date=SERVICE_DATE,
        operator="operator",
        vehicle=f"vehicle {data['id']}",
        capacity=Capacity.of(data["capacity"]),
        stops=tuple(stops),
        rides=tuple(_committed(data)),
        policy=POLICY,
    )


def _committed(data: dict[str, Any]) -> Iterable[Ride]:
    """Make a ride of those who board at one stop and alight at another, first come first out, the last at the end."""
    aboard = Counter({"start": data["load_at_start"]})
    alight = [(f"stop {k}", stop["alight"], stop["board"]) for k, stop in enumerate(data["stops"])]
    for name, leaving, boarding in [*alight, ("end", None, 0)]:
        due = aboard.total() if leaving is None else leaving
        if due > aboard.total():
            raise DayError(f"Run {data['id']}: more riders alight at {name} than are aboard.")
        for origin in list(aboard):
            number = min(due, aboard[origin])
            due -= number
            aboard[origin] -= number
            if number:
                party = Load(number)
                yield Ride(f"{origin} to {name}", origin, name, party, max_ride=LATEST, committed=True)
        aboard[name] += boarding


def _request(data: dict[str, Any], times: MatrixTimes) -> TripRequest:
    pickup, dropoff = times.places[data["pickup"]], times.places[data["dropoff"]]
    longest = POLICY.longest_ride(times.between(pickup, dropoff))
    if (data["dwell"], data["max_ride"]) != (POLICY.dwell, longest):
        raise DayError(
            f"Request {data['id']}: a dwell of {data['dwell']} s and rides up to {data['max_ride']} s, "
            f"where the policy has {POLICY.dwell} s and {longest} s."
        )
    return TripRequest(
        id=str(data["id"]),
        service_date=SERVICE_DATE,
        pickups=(MeetingPoint(pickup),),
        dropoffs=(MeetingPoint(dropoff),),
        party=Load(data["party"]),
        depart=Window(data["earliest"], data["latest"]),
        arrive=Window(data["earliest"], data["dropoff_latest"]),
        asked_at=data["asked_at"],
    )


def plan_of(runs: Iterable[Run]) -> dict[str, dict[str, list[Visit]]]:
    """Write runs as a plan: one visit for each scheduled stop, each pickup and each drop-off."""
    return {"runs": {run.id: _visits(run) for run in runs}}


def _visits(run: Run) -> list[Visit]:
    visits: list[Visit] = []
    for stop in run.stops:
        if stop.scheduled:
            name, *number = stop.id.split()
            visits.append([name, *map(int, number)])
        visits += [["dropoff", int(ride.id)] for ride in run.residents if ride.dropoff == stop.id]
        visits += [["pickup", int(ride.id)] for ride in run.residents if ride.pickup == stop.id]
    return visits


def judge(plan: Plan, day: Day) -> Verdict:
    """Judge a plan by the promises alone: its runs are built anew from what it says, whoever made it."""
    planned = dict(plan["runs"])
    runs = [_planned(planned.pop(run.id), run, day) if run.id in planned else run for run in day.runs]
    faults: Counter[str] = Counter()
    for old, new in zip(day.runs, runs, strict=True):
        faults.update(_faults(new, old, day))
    served = Counter(ride.id for run in runs for ride in run.residents)
    faults["served twice"] = sum(count > 1 for count in served.values())
    faults["no such run"] = len(planned)
    return Verdict(len(served), day.drive(runs) - day.drive(day.runs), {k: n for k, n in faults.items() if n})


def _faults(new: Run, old: Run, day: Day) -> set[str]:
    """Name the rules that a run breaks: the longest ride, where all would be well with longer ones."""
    rules = {str(fault.rule) for fault in broken(new, day.times, old)}
    longer = replace(new, rides=tuple(replace(ride, max_ride=LATEST) for ride in new.rides))
    return {str(Rule.MAX_RIDE)} if rules and not broken(longer, day.times, old) else rules


def _planned(visits: list[Visit], run: Run, day: Day) -> Run:
    """Build the run that a list of visits describes; what is missing or stands twice is for the judge to see."""
    scheduled = {stop.id: stop for stop in run.stops}
    stops, asked = [], dict[str, TripRequest]()
    for kind, *number in visits:
        name = " ".join(map(str, [kind, *number]))
        if kind in ("pickup", "dropoff"):
            request = asked.setdefault(str(number[0]), day.by_id[str(number[0])])
            points, window = (
                (request.pickups, request.depart) if kind == "pickup" else (request.dropoffs, request.arrive)
            )
            stops.append(Stop(name, points[0].place, window))
        else:
            stops.append(scheduled[name])
    rides = tuple(_ride(request, day) for request in asked.values())
    return replace(run, stops=tuple(stops), rides=(*run.rides, *rides))


def _ride(request: TripRequest, day: Day) -> Ride:
    return Ride(
        id=request.id,
        pickup=f"pickup {request.id}",
        dropoff=f"dropoff {request.id}",
        party=request.party,
        max_ride=POLICY.longest_ride(day.times.between(request.pickups[0].place, request.dropoffs[0].place)),
        board=request.depart,
        alight=request.arrive,
        dwell=POLICY.dwell,
    )
