"""A scheduled run and a service date become a `Run` on the town's roads, with the labels that people read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from matching.model import DAY, LATEST, Capacity, Detour, Load, Policy, Ride, Run, Stop, Window
from routing.area import metres
from routing.pace import DayKind, Factors
from routing.places import STREET, PlaceIndex
from routing.times import Place, UnreachablePlace
from webapp.files.scheduled import PlaceEntry, ScheduledRun, ScheduledStop, ScheduleFile, Vehicle, committed_rides
from webapp.holiday_tables import NO_HOLIDAYS, Holidays

LONGEST_COMMITTED_RIDE = 2 * 3600
"""Seconds aboard for a committed rider whose schedule names no limit (Finnish law allows 2.5 h a day to the young)."""

SAME_PLACE = 250
"""Metres within which things of one name are one stop: a school, and the bus stop before it."""
MOST_NAMESAKES = 50


@dataclass(frozen=True, slots=True)
class Published:
    """A run of one date with what stands beside it in the records: stop labels, members' codes, code and name."""

    run: Run
    code: str
    name: str
    labels: dict[str, tuple[str, bool]]
    members: dict[str, str]


@dataclass(frozen=True, slots=True)
class Located:
    """Where the stops of a scheduled run are: a place and a label for each, or None where it could not be found."""

    places: tuple[Place | None, ...]
    labels: tuple[str, ...]
    private: tuple[bool, ...]


class Locator:
    """Finds the stops of a file's runs; each name is looked for once, however many stops bear it."""

    def __init__(self, file: ScheduleFile, places: PlaceIndex) -> None:
        self._by_code = file.places
        self._by_name: dict[str, PlaceEntry] = {}
        for entry in file.places.values():
            self._by_name.setdefault(entry.name, entry)
        self._places = places
        self._found: dict[str, Place | None] = {}

    def locate(self, scheduled: ScheduledRun) -> Located:
        """Find each stop by its own coordinates, else by the file's places, else by its address or name on the map.

        A name that several places bear is nobody's address: such a stop counts as not found.
        """
        found, labels, private = [], [], []
        for stop in scheduled.stops:
            named = self._by_name.get(stop.place_name) if stop.place_name else None
            entry = self._by_code.get(stop.stop_code) or named
            found.append(self._place(stop, entry))
            labels.append(stop.place_name or (entry.name if entry else "") or stop.address or stop.stop_code)
            private.append(bool(entry and entry.private) or not stop.residents)
        return Located(tuple(found), tuple(labels), tuple(private))

    def _place(self, stop: ScheduledStop, entry: PlaceEntry | None) -> Place | None:
        for lat, lon in ((stop.lat, stop.lon), (entry.lat, entry.lon) if entry else (None, None)):
            if lat is not None and lon is not None:
                return Place(round(lat, 6), round(lon, 6))
        text = stop.address or (entry.address if entry else "") or stop.place_name
        if text not in self._found:
            self._found[text] = self._on_map(text)
        return self._found[text]

    def _on_map(self, text: str) -> Place | None:
        hits = [hit for hit in self._places.search(text, MOST_NAMESAKES) if hit.sure] if text else []
        exact = [hit for hit in hits if hit.name.casefold() == text.casefold()]
        things = [hit for hit in exact if hit.kind != STREET]  # a bus stop often bears the name of its street
        chosen = [hit.place for hit in things or exact or hits]
        return chosen[0] if chosen and all(metres(chosen[0], other) <= SAME_PLACE for other in chosen) else None


def publish(
    scheduled: ScheduledRun,
    file: ScheduleFile,
    located: Located,
    *,
    day: date,
    policy: Policy,
    factors: Factors,
    holidays: Holidays = NO_HOLIDAYS,
) -> Published | None:
    """Make the run of one date; None on a day on which it does not go. `located` must have found every stop.

    Its pace is the slowest that the town's factors know between its first and its last planned minute.
    """
    shift = scheduled.runs_on(day, holidays)
    if shift is None:
        return None
    operator = scheduled.operator
    stops = [_stop(scheduled, located, k, shift) for k in range(len(scheduled.stops))]
    rides, members = _rides(scheduled, [stop.id for stop in stops])
    vehicle = file.vehicles.get(scheduled.vehicle)
    run = Run(
        id=run_id(operator, scheduled.code, day),
        service_date=day.isoformat(),
        operator=operator,
        vehicle=scheduled.vehicle,
        capacity=_capacity(scheduled, vehicle, rides),
        stops=tuple(stops),
        rides=tuple(rides),
        policy=as_allowed(scheduled, policy),
    )
    run = replace(run, pace=factors.over(DayKind.of(day), *_span(run)))
    labels = {stop.id: (located.labels[k], located.private[k]) for k, stop in enumerate(stops)}
    return Published(run, scheduled.code, scheduled.name, labels, members)


def run_id(operator: str, code: str, day: date) -> str:
    """Name a run for ever: opaque, and the same for the same operator, code and date."""
    return hashlib.sha256(f"{operator}\n{code}\n{day.isoformat()}".encode()).hexdigest()[:20]


def _stop(scheduled: ScheduledRun, located: Located, k: int, shift: int) -> Stop:
    row, place = scheduled.stops[k], located.places[k]
    if place is None:
        raise UnreachablePlace(located.labels[k])
    last = k == len(scheduled.stops) - 1
    planned = None if row.time is None else row.time + shift
    early = -DAY if planned is None or last else planned - row.dwell
    latest = LATEST if row.time_latest is None else row.time_latest + shift
    return Stop(
        id=f"s{k + 1}",
        place=place,
        window=Window(early, latest),
        dwell=row.dwell,
        sequence=k + 1,
        planned=planned,
        residents=bool(row.residents) and not located.private[k],
    )


def _rides(scheduled: ScheduledRun, stops: Sequence[str]) -> tuple[list[Ride], dict[str, str]]:
    rides, members = [], {}
    for n, one in enumerate(committed_rides(scheduled.stops)):
        name = f"c{n + 1}"
        rides.append(
            Ride(
                id=name,
                pickup=stops[one.on],
                dropoff=stops[one.off],
                party=Load(one.riders - one.wheelchairs, one.wheelchairs),
                max_ride=scheduled.max_ride or LONGEST_COMMITTED_RIDE,
                needs=frozenset({"wheelchair"} if one.wheelchairs else ()),
                committed=True,
            )
        )
        if one.code:
            members[name] = one.code
    return rides, members


def _capacity(scheduled: ScheduledRun, vehicle: Vehicle | None, rides: Sequence[Ride]) -> Capacity:
    """Take the seats of the row, else of the vehicle; where neither says, as many as committed riders need."""
    if scheduled.seats is not None:
        return Capacity.of(scheduled.seats, scheduled.wheelchairs, scheduled.seats_per_wheelchair)
    if vehicle is not None and vehicle.seats is not None:
        return Capacity.of(vehicle.seats, vehicle.wheelchairs, vehicle.seats_per_wheelchair)
    return Capacity((Load(sum(r.party.seats for r in rides), sum(r.party.wheelchairs for r in rides)),))


def as_allowed(scheduled: ScheduledRun, policy: Policy) -> Policy:
    """Let a run do what its columns say, as far as the town's rules allow."""
    return within(
        policy,
        riders=frozenset(scheduled.who_may_ride),
        detour=Detour(scheduled.detour),
        max_detour=scheduled.max_detour,
        deadhead=scheduled.deadhead,
        max_extra=policy.max_extra if scheduled.max_extra is None else scheduled.max_extra,
    )


def within(
    policy: Policy, *, riders: frozenset[str], detour: Detour, max_detour: int, deadhead: bool, max_extra: int
) -> Policy:
    """Open a run as far as its operator wants and the town's rules allow; max_extra is the operator's alone to say."""
    modes = [Detour.NONE, Detour.ON_ROUTE, Detour.UP_TO]
    lesser = min(detour, policy.detour, key=modes.index)
    return replace(
        policy.narrowed(riders),
        detour=lesser,
        max_detour=min(max_detour, policy.max_detour) if lesser is Detour.UP_TO else 0,
        deadhead=deadhead and policy.deadhead,
        max_extra=max_extra,
    )


def add_depots(published: Sequence[Published], vehicles: dict[str, Vehicle]) -> list[Published]:
    """Let each vehicle of a day start and end at its depot, and share the time between two of its runs by halves."""
    done = []
    for code in sorted({one.run.vehicle for one in published}):
        chain = sorted((one for one in published if one.run.vehicle == code), key=lambda one: _span(one.run)[0])
        vehicle = vehicles.get(code)
        if vehicle is None or vehicle.depot_lat is None or vehicle.depot_lon is None:
            done += chain
            continue
        depot = Place(round(vehicle.depot_lat, 6), round(vehicle.depot_lon, 6))
        for n, one in enumerate(chain):
            window = _availability(vehicle, [_span(other.run) for other in chain], n)
            done.append(_with_depot(one, depot, window, vehicle.depot_name or code))
    return done


def _span(run: Run) -> tuple[int, int]:
    planned = [stop.planned for stop in run.stops if stop.planned is not None]
    return planned[0], planned[-1]


def _availability(vehicle: Vehicle, spans: Sequence[tuple[int, int]], n: int) -> Window:
    first, last = spans[n]
    before = (spans[n - 1][1] + first) // 2 if n else vehicle.available_from
    after = (last + spans[n + 1][0]) // 2 if n + 1 < len(spans) else vehicle.available_until
    return Window(
        first - 1800 if before is None else min(before, first), last + 1800 if after is None else max(after, last)
    )


def _with_depot(one: Published, depot: Place, window: Window, label: str) -> Published:
    out = Stop("out", depot, Window(window.earliest), sequence=0, depot=True)
    home = Stop("home", depot, Window(window.earliest, window.latest), sequence=len(one.run.stops) + 1, depot=True)
    labels = {**one.labels, "out": (label, True), "home": (label, True)}
    return replace(one, run=replace(one.run, stops=(out, *one.run.stops, home)), labels=labels)
