"""The driver's day: which runs, what each manifest says, and what happened at each stop."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from matching import manifest
from matching.model import Load, Run
from webapp import service_day
from webapp.db import tables
from webapp.db.store import Door, Records
from webapp.services import messages
from webapp.services.errors import Conflict, Invalid, NotFound
from webapp.town import Town

KINDS = ("arrived", "boarded", "no_show", "alighted", "departed")
LONGEST_OFFLINE = timedelta(hours=36)


@dataclass(frozen=True, slots=True)
class Passenger:
    """Somebody on the manifest, as their driver may know them: what to call them, and what they need."""

    ride: str
    name: str
    party: Load
    needs: tuple[str, ...]
    committed: bool
    state: str


@dataclass(frozen=True, slots=True)
class Visit:
    """One stop on the manifest, with the names of those who board and alight; seconds of the service day."""

    stop: str
    label: str
    place: tuple[float, float]
    arrival: int
    departure: int
    planned: int | None
    boarding: tuple[Passenger, ...]
    alighting: tuple[Passenger, ...]
    load: Load
    state: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A run as its driver reads it at one revision; `aboard` counts the people who boarded and have not alighted."""

    head: tables.Run
    visits: tuple[Visit, ...]
    aboard: int
    expected: int
    version: str


def runs_of(town: Town, operator: str, day: date) -> list[tables.Run]:
    """List an operator's runs of a day, in order of their first minute."""
    with town.store.read() as records:
        runs = {run.id: run for run in records.list_runs(day, operator)}
        heads = records.run_heads(day, operator)
    return sorted(heads, key=lambda head: (runs[head.id].stops[0].window.earliest, head.code))


def read_manifest(town: Town, run_id: str, *, operator: str) -> Manifest:
    """Read the manifest of an operator's own run. Raises NotFound for any other."""
    with town.store.read() as records:
        head = _own(records, run_id, operator)
        run = records.get_run(run_id)
        labels, names = records.run_labels(run_id), _names(records, run)
        events = records.list_events(run_id)
    states = _states(run, events)
    passengers = {
        ride.id: Passenger(
            ride.id, names[ride.id], ride.party, tuple(sorted(ride.needs)), ride.committed, states[ride.id]
        )
        for ride in run.rides
    }
    seen = {event.stop_id: event.kind for event in events if event.kind in ("arrived", "departed")}
    places = {stop.id: (stop.place.lat, stop.place.lon) for stop in run.stops}
    visits = tuple(
        Visit(
            stop=line.stop,
            label=labels[line.stop][0],
            place=places[line.stop],
            arrival=line.arrival,
            departure=line.departure,
            planned=line.planned,
            boarding=tuple(passengers[name] for name in line.boarding),
            alighting=tuple(passengers[name] for name in line.alighting),
            load=line.load,
            state="departed" if line.served else seen.get(line.stop, "ahead"),
        )
        for line in manifest.lines(run, town.roads)
    )
    people: Counter[str] = Counter()
    for passenger in passengers.values():
        people[passenger.state] += passenger.party.people
    return Manifest(
        head=head,
        visits=visits,
        aboard=people["boarded"],
        expected=people.total() - people["no_show"],
        version=f"{run.revision}-{len(events)}",
    )


def manifest_version(town: Town, run_id: str, *, operator: str) -> str:
    """Give the version (ETag) of a manifest without making it. Raises NotFound for another operator's run."""
    with town.store.read() as records:
        head = _own(records, run_id, operator)
        return f"{head.revision}-{len(records.list_events(run_id))}"


@dataclass(frozen=True, slots=True)
class Tap:
    """What a driver tapped: `id` and `happened_at` (UTC) come from the device, so that a resend changes nothing."""

    id: str
    run: str
    stop: str
    kind: str
    happened_at: datetime
    ride: str = ""


def record(town: Town, tap: Tap, *, operator: str, actor: str) -> bool:
    """Append what happened at a stop, and tell the family; False when it was recorded before.

    Raises NotFound for another operator's run, Invalid for a stop, ride or time that cannot be, Conflict when somebody
    gets off who never got on.
    """
    if tap.kind not in KINDS or not 8 <= len(tap.id) <= 64:
        raise Invalid("event")
    if not -LONGEST_OFFLINE <= tap.happened_at - town.clock() <= timedelta(minutes=5):
        raise Invalid("time")

    def change(door: Door) -> bool:
        head = _own(door, tap.run, operator)
        events = door.list_events(tap.run)
        if any(event.id == tap.id for event in events):
            return False
        _check(door.get_run(tap.run), events, tap)
        added = door.add_event(
            tables.Event(
                id=tap.id,
                run_id=tap.run,
                stop_id=tap.stop,
                ride_id=tap.ride,
                kind=tap.kind,
                happened_at=tap.happened_at,
                received_at=door.now(),
                actor=actor,
            )
        )
        _tell_family(town, door, head, tap)
        return added

    return town.store.commit(change, runs=[tap.run])


def _check(run: Run, events: list[tables.Event], tap: Tap) -> None:
    ride = next((ride for ride in run.rides if ride.id == tap.ride), None)
    if tap.stop not in run.positions():
        raise Invalid("stop")
    if tap.kind in ("arrived", "departed"):
        return
    if ride is None or tap.stop != (ride.dropoff if tap.kind == "alighted" else ride.pickup):
        raise Invalid("ride")
    state = _states(run, events)[ride.id]
    if tap.kind == "alighted" and state != "boarded":
        raise Conflict("not aboard")
    if tap.kind in ("boarded", "no_show") and state == "alighted":
        raise Conflict("alighted")


def _states(run: Run, events: list[tables.Event]) -> dict[str, str]:
    """Say of each ride whether it is expected, boarded, no_show or alighted: what was tapped last counts."""
    states = {ride.id: "expected" for ride in run.rides}
    for event in events:
        if event.ride_id in states:
            states[event.ride_id] = event.kind
    return states


def _own(records: Records, run_id: str, operator: str) -> tables.Run:
    head = records.get_run_head(run_id)
    if head.operator_id != operator:
        raise NotFound("run")
    return head


def _names(records: Records, run: Run) -> dict[str, str]:
    """Join the names that a run's own driver needs: members of the operator, and residents who booked."""
    members, codes = records.list_members(run.operator), records.run_members(run.id)
    names = {b.ride_id: records.get_user(b.rider_id).name for b in records.list_bookings(run_id=run.id, status="booked")}
    for ride in run.rides:
        if ride.committed:
            code = codes.get(ride.id, "")
            names[ride.id] = members[code].name if code in members and members[code].name else code
    return {ride.id: names.get(ride.id, "") for ride in run.rides}


def _tell_family(town: Town, door: Door, head: tables.Run, tap: Tap) -> None:
    """Tell a committed rider's guardian of boarding and alighting, if the operator gave an address."""
    if tap.kind not in ("boarded", "alighted"):
        return
    code = door.run_members(tap.run).get(tap.ride, "")
    member = door.list_members(head.operator_id).get(code)
    if member is None or not member.guardian_email:
        return
    zone = town.settings.timezone
    seconds = service_day.seconds_of(tap.happened_at, head.service_date, zone)
    shown = service_day.local_time(seconds, head.service_date, zone)
    messages.tell(door, tap.kind, None, {"time": f"{shown:%H:%M}"}, email=member.guardian_email)
