"""The driver's day: which runs, what each manifest says, and what happened at each stop."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from matching import manifest, schedule
from matching.model import Load, Run
from webapp import service_day
from webapp.db import tables
from webapp.db.store import Door, Records
from webapp.services import messages
from webapp.services.dispatching import shown_time
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
    """One stop on the manifest, with the names of those who board and alight; seconds of the service day.

    time: what the timetable or a resident was told of it, as it is expected now; once it is left, when that was.
    """

    stop: str
    label: str
    place: tuple[float, float]
    time: int
    departure: int
    planned: int | None
    depot: bool
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


def read_manifest(town: Town, run_id: str, *, operator: str) -> Manifest:
    """Read the manifest of an operator's own run. Raises NotFound for any other."""
    with town.store.read() as records:
        head = _own(records, run_id, operator)
        run = records.get_run(run_id)
        labels, names = records.run_labels(run_id), _names(records, run)
        events = records.list_events(run_id)
    passengers = _passengers(run, names, _states(run, events))
    zone = town.settings.timezone
    reached = {
        event.stop_id: (event.kind, service_day.seconds_of(event.happened_at, head.service_date, zone))
        for event in events
        if event.kind in ("arrived", "departed")
    }
    visits = {visit.stop.id: visit for visit in schedule.timetable(run, town.roads)}
    people: Counter[str] = Counter()
    for passenger in passengers.values():
        people[passenger.state] += passenger.party.people
    return Manifest(
        head=head,
        visits=tuple(
            _visit(line, visits[line.stop], labels[line.stop][0], passengers, reached.get(line.stop, ("ahead", 0)))
            for line in manifest.lines(run, town.roads)
        ),
        aboard=people["boarded"],
        expected=people.total() - people["no_show"],
        version=_version(head, events),
    )


def _passengers(run: Run, names: dict[str, str], states: dict[str, str]) -> dict[str, Passenger]:
    return {
        ride.id: Passenger(
            ride=ride.id,
            name=names[ride.id],
            party=ride.party,
            needs=tuple(sorted(ride.needs)),
            committed=ride.committed,
            state=states[ride.id],
        )
        for ride in run.rides
    }


def _visit(
    line: manifest.Line, timed: schedule.Visit, label: str, passengers: dict[str, Passenger], reached: tuple[str, int]
) -> Visit:
    state, at = reached
    return Visit(
        stop=line.stop,
        label=label,
        place=(timed.stop.place.lat, timed.stop.place.lon),
        time=at if state == "departed" else shown_time(timed),
        departure=line.departure,
        planned=line.planned,
        depot=timed.stop.depot,
        boarding=tuple(passengers[name] for name in line.boarding),
        alighting=tuple(passengers[name] for name in line.alighting),
        load=line.load,
        state="departed" if line.served else state,
    )


def manifest_version(town: Town, run_id: str, *, operator: str) -> str:
    """Give the version (ETag) of a manifest without making it. Raises NotFound for another operator's run."""
    with town.store.read() as records:
        head = _own(records, run_id, operator)
        return _version(head, records.list_events(run_id))


def _version(head: tables.Run, events: list[tables.Event]) -> str:
    return f"{head.revision}-{len(events)}"


def changes_since(town: Town, run_id: str, revision: int, *, operator: str) -> tuple[frozenset[str], frozenset[str]]:
    """Give the ids of the rides that came onto a run, and of those that left it, since a revision."""
    with town.store.read() as records:
        _own(records, run_id, operator)
        history = records.history(run_id)
        rides = frozenset(ride.id for ride in records.get_run(run_id).rides)
    before = next((frozenset(ride.id for ride in one.run.rides) for one in history if one.number == revision), rides)
    return rides - before, before - rides


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
    if tap.kind not in KINDS or not 8 <= len(tap.id) <= 64 or not tap.id.isprintable():
        raise Invalid("event")
    if not -LONGEST_OFFLINE <= tap.happened_at - town.clock() <= timedelta(minutes=5):
        raise Invalid("time")

    def change(door: Door) -> bool:
        head = _own(door, tap.run, operator)
        events = door.list_events(tap.run)
        if any(event.id == tap.id for event in events):
            return False
        run = door.get_run(tap.run)
        _check(run, events, tap)
        news = _states(run, events).get(tap.ride) != tap.kind
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
        if added and news:
            _tell_family(town, door, head, tap)
        return added

    return town.store.commit(change, runs=[tap.run])


def _check(run: Run, events: list[tables.Event], tap: Tap) -> None:
    ride = next((ride for ride in run.rides if ride.id == tap.ride), None)
    if tap.stop not in run.positions():
        raise Invalid("stop")
    if tap.kind in ("arrived", "departed"):
        if tap.ride:
            raise Invalid("ride")
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
    bookings = records.list_bookings(run_id=run.id, status="booked")
    names = {one.ride_id: records.get_user(one.rider_id).name for one in bookings}
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
