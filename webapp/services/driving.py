"""The driver's day: which runs, what each manifest says, and what happened at each stop."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from matching import manifest, schedule
from matching.model import Load, Ride, Run
from routing.times import Place
from webapp import service_day
from webapp.db import tables
from webapp.db.rows import AT_A_STOP, standing
from webapp.db.store import Door, Records
from webapp.services import boarding, watching
from webapp.services.boarding import CheckValue
from webapp.services.dispatching import shown_time
from webapp.services.errors import Conflict, Invalid, NotFound
from webapp.town import Town

KINDS = (*AT_A_STOP, "undone", "note", "call", "acknowledged", "closed")
LONGEST_OFFLINE = timedelta(hours=36)
LONGEST_NOTE = 500
SAME_CLOCK = 30
"""Seconds by which the skew of a device may seem to change while its clock was not set: sending takes time."""
OPEN = ("expected", "boarded")
"""States of riders who are not accounted for yet."""


@dataclass(frozen=True, slots=True)
class Passenger:
    """Somebody on the manifest, as their driver may know them: what to call them, and what they need.

    apart: names, or groups, of those with whom they do not travel. check: how a resident's PIN or picture is checked.
    """

    ride: str
    name: str
    party: Load
    needs: tuple[str, ...]
    committed: bool
    state: str
    apart: tuple[str, ...] = ()
    check: CheckValue | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """One stop on the manifest, with the names of those who board and alight; seconds of the service day.

    time: what the timetable or a resident was told of it, as it is expected now; once it is left, when that was.
    """

    stop: str
    label: str
    place: Place
    time: int
    departure: int
    planned: int | None
    depot: bool
    boarding: tuple[Passenger, ...]
    alighting: tuple[Passenger, ...]
    load: Load
    state: str


@dataclass(frozen=True, slots=True)
class Change:
    """What is new on a run since the driver read it: somebody came, or went, was absent, or (plan) times changed."""

    kind: str
    name: str = ""
    time: int | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class LastTap:
    """The last thing that was told of a stop and may be taken back, and what was true of stop or rider before."""

    id: str
    kind: str
    stop: str
    ride: str
    name: str
    before: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A run as its driver reads it at one revision; `aboard` counts the people who boarded and have not alighted.

    absent: its own riders who do not come, by the names that the driver knows. changes: what the driver has not
    acknowledged yet. notes: what was written of a ride, or of the run (""), oldest first.
    """

    head: tables.Run
    visits: tuple[Visit, ...]
    absent: tuple[Passenger, ...]
    aboard: int
    expected: int
    version: str
    changes: tuple[Change, ...] = ()
    last: LastTap | None = None
    notes: tuple[tuple[str, str], ...] = ()
    closed_at: datetime | None = None

    @property
    def unaccounted(self) -> tuple[Passenger, ...]:
        """List who is aboard, or neither came nor was missed: while there is anybody, the run cannot be closed."""
        return tuple(one for visit in self.visits for one in visit.boarding if one.state in OPEN)


def read_manifest(town: Town, run_id: str, *, operator: str) -> Manifest:
    """Read the manifest of an operator's own run. Raises NotFound for any other."""
    with town.store.read() as records:
        head = _own(records, run_id, operator)
        run = records.get_run(run_id)
        labels, people = records.run_labels(run_id), _people(records, run)
        told, watch = records.list_told(run_id), records.find_watch(run_id)
        read = watch.acknowledged if watch else head.revision
        before = records.find_revision(run_id, read) if read < head.revision else None
    taps, checks = standing(told), _checks(town, people)
    passengers = _passengers(run, run.rides, people.names, states_of(run, taps), checks)
    zone = town.settings.timezone
    reached = {
        event.stop_id: (event.kind, service_day.seconds_of(event.happened_at, head.service_date, zone))
        for event in taps
        if event.kind in ("arrived", "departed")
    }
    visits = {visit.stop.id: visit for visit in schedule.timetable(run, town.roads)}
    counted: Counter[str] = Counter()
    for passenger in passengers.values():
        counted[passenger.state] += passenger.party.people
    lines = tuple(
        _visit(line, visits[line.stop], labels[line.stop][0], passengers, reached.get(line.stop, ("ahead", 0)))
        for line in manifest.lines(run, town.roads)
    )
    closed = next((event.happened_at for event in told if event.kind == "closed"), None)
    absent = dict.fromkeys((ride.id for ride in run.absent), "absent")
    return Manifest(
        head=head,
        visits=lines,
        absent=tuple(_passengers(run, run.absent, people.names, absent, {}).values()),
        aboard=counted["boarded"],
        expected=counted.total() - counted["no_show"],
        version=_version(town, head.revision, len(told), read),
        changes=_changes(before.run, run, lines, people) if before and not closed else (),
        last=None if closed else _last(run, taps, people.names),
        notes=tuple((event.ride_id, event.text) for event in told if event.kind == "note"),
        closed_at=closed,
    )


@dataclass(frozen=True, slots=True)
class _People:
    """Who is meant by rides: what the driver calls them, and the bookings of residents, also of those who cancelled."""

    names: dict[str, str]
    bookings: dict[str, tables.Booking]


def _people(records: Records, run: Run) -> _People:
    """Join the names that a run's own driver needs: members of the operator, and residents who booked."""
    members, codes = records.list_members(run.operator), records.run_members(run.id)
    bookings = {one.ride_id: one for one in records.list_bookings(run_id=run.id)}
    names = {one.ride_id: records.get_user(one.rider_id).name for one in bookings.values()}
    for ride in (*run.rides, *run.absent):
        if ride.committed:
            code = codes.get(ride.id, "")
            names[ride.id] = members[code].name if code in members and members[code].name else code
        names.setdefault(ride.id, "")
    return _People(names, bookings)


def _checks(town: Town, people: _People) -> dict[str, CheckValue]:
    booked = {ride: one for ride, one in people.bookings.items() if one.status == "booked"}
    return {ride: boarding.check_value(town, one.id) for ride, one in booked.items()}


def _passengers(
    run: Run, rides: Iterable[Ride], names: dict[str, str], states: dict[str, str], checks: dict[str, CheckValue]
) -> dict[str, Passenger]:
    return {
        ride.id: Passenger(
            ride=ride.id,
            name=names[ride.id],
            party=ride.party,
            needs=tuple(sorted(ride.needs)),
            committed=ride.committed,
            state=states[ride.id],
            apart=_apart(run, ride, names),
            check=checks.get(ride.id),
        )
        for ride in rides
    }


def _apart(run: Run, ride: Ride, names: dict[str, str]) -> tuple[str, ...]:
    """Name those of the same run with whom a rider does not travel."""
    others = (one for one in run.rides if one.id != ride.id and names[one.id])
    kept_apart = (one for one in others if ride.apart & one.groups or one.apart & ride.groups)
    return tuple(dict.fromkeys(names[one.id] for one in kept_apart))


def _changes(before: Run, run: Run, visits: Sequence[Visit], people: _People) -> tuple[Change, ...]:
    """Say what is new since a plan that the driver read."""
    known, rides = {ride.id for ride in before.rides}, {ride.id for ride in run.rides}
    came = [
        Change("came", one.name, visit.time, visit.label)
        for visit in visits
        for one in visit.boarding
        if one.ride not in known
    ]
    labels = {visit.stop: visit.label for visit in visits}
    at = {ride.id: labels.get(ride.pickup, "") for ride in before.rides}
    went = [_gone(run, ride, people, at[ride]) for ride in sorted(known - rides)]
    return (*went, *came) or (Change("plan"),)


def _gone(run: Run, ride: str, people: _People, label: str) -> Change:
    """Say that somebody left a run; label: of their stop if the vehicle still goes there."""
    booking = people.bookings.get(ride)
    if any(one.id == ride for one in run.absent):
        return Change("absent", people.names[ride])
    if booking is None:
        return Change("went", people.names.get(ride, ""))
    return Change("went", people.names[ride], booking.pickup, label)


def _last(run: Run, taps: Sequence[tables.Event], names: dict[str, str]) -> LastTap | None:
    """Find the last tap, in the order in which taps happened."""
    if not taps:
        return None
    last = taps[-1]
    alike = [one.kind for one in taps[:-1] if (one.stop_id, one.ride_id) == (last.stop_id, "")]
    before = states_of(run, taps[:-1]).get(last.ride_id, "expected") if last.ride_id else (alike or ["ahead"])[-1]
    return LastTap(last.id, last.kind, last.stop_id, last.ride_id, names.get(last.ride_id, ""), before)


def _visit(
    line: manifest.Line, timed: schedule.Visit, label: str, passengers: dict[str, Passenger], reached: tuple[str, int]
) -> Visit:
    state, at = reached
    return Visit(
        stop=line.stop,
        label=label,
        place=timed.stop.place,
        time=at if state == "departed" else shown_time(timed),
        departure=line.departure,
        planned=line.planned,
        depot=timed.stop.depot,
        boarding=tuple(passengers[name] for name in line.boarding),
        alighting=tuple(passengers[name] for name in line.alighting),
        load=line.load,
        state="departed" if line.served else state,
    )


def read_states(records: Records, run: Run) -> dict[str, str]:
    """Say of each ride of a run what the driver said of it last: expected, boarded, no_show or alighted."""
    return states_of(run, records.list_events(run.id))


def booking_of(town: Town, run_id: str, ride: str, *, operator: str) -> str:
    """Give the id of the booking of a ride. Raises NotFound where there is none on an own run."""
    with town.store.read() as records:
        _own(records, run_id, operator)
        booked = [one.id for one in records.list_bookings(run_id=run_id, status="booked") if one.ride_id == ride]
    if not booked:
        raise NotFound("ride")
    return booked[0]


def manifest_version(town: Town, run_id: str, *, operator: str) -> str:
    """Give the version (ETag) of a manifest without making it. Raises NotFound for another operator's run."""
    with town.store.read() as records:
        state = records.run_state(run_id)
    if state is None or state[0] != operator:
        raise NotFound("run")
    _, revision, told, read = state
    return _version(town, revision, told, revision if read < 0 else read)


def _version(town: Town, revision: int, told: int, read: int) -> str:
    """Name what a manifest says: its plan, what was told, what was read, and the roads that times are reckoned on."""
    return f"{revision}-{told}-{read}-{town.roads.id[:8]}"


@dataclass(frozen=True, slots=True)
class Tap:
    """What a driver tapped: `id` and `happened_at` (UTC) come from the device, so that a resend changes nothing.

    device_now: what the device's clock showed when this was sent. was: the rider's state that the device showed.
    about: the tap that is taken back. revision: up to which the changes were read. looked: every seat was looked at.
    """

    id: str
    run: str
    stop: str
    kind: str
    happened_at: datetime
    ride: str = ""
    device_now: datetime | None = None
    was: str = ""
    about: str = ""
    text: str = ""
    revision: int = 0
    looked: bool = False


def record(town: Town, tap: Tap, *, operator: str, actor: str) -> bool:
    """Append what happened at a stop; False when it was recorded before.

    Raises NotFound for another operator's run, Invalid for a stop, ride or time that cannot be, Conflict for what
    cannot be true beside what is known by now: the driver has to see that.
    """
    if tap.kind not in KINDS or not 8 <= len(tap.id) <= 64 or not tap.id.isprintable():
        raise Invalid("event")

    def change(door: Door) -> bool:
        head = _own(door, tap.run, operator)
        told = door.list_told(tap.run)
        if any(event.id == tap.id for event in told):
            return False
        if tap.kind == "acknowledged":
            return watching.acknowledge(door, head, tap.revision)
        _check(door, door.get_run(tap.run), told, tap)
        event = _event(door, tap, told, actor)
        added = door.add_event(event)
        if added and tap.kind == "closed":
            watching.close(door, head, at=event.happened_at, actor=actor)
        return added

    return town.store.commit(change, runs=[tap.run])


def _event(door: Door, tap: Tap, told: Sequence[tables.Event], actor: str) -> tables.Event:
    """Make the event of a tap, at the time of the town's clock. Raises Invalid for a time that cannot be."""
    skew = _skew(door.now(), tap, told, actor)
    happened = tap.happened_at + timedelta(seconds=skew)
    if not -LONGEST_OFFLINE <= happened - door.now() <= timedelta(minutes=5):
        raise Invalid("time")
    return tables.Event(
        id=tap.id,
        run_id=tap.run,
        stop_id=tap.stop,
        ride_id=tap.ride,
        kind=tap.kind,
        happened_at=happened,
        received_at=door.now(),
        actor=actor,
        about=tap.about,
        text=tap.text,
        skew=skew,
    )


def _skew(now: datetime, tap: Tap, told: Sequence[tables.Event], actor: str) -> int:
    """Give the seconds by which a device's clock is behind.

    What was measured before stands while it may be the same: sending takes longer at times, and must not change the
    order of what happened.
    """
    if tap.device_now is None:
        return 0
    measured = round((now - tap.device_now).total_seconds())
    known = (0, *(event.skew for event in told if event.actor == actor))
    return next((one for one in known if abs(one - measured) <= SAME_CLOCK), measured)


def _check(door: Door, run: Run, told: Sequence[tables.Event], tap: Tap) -> None:
    taps = standing(told)
    if tap.kind in ("note", "call"):
        _check_words(door, run, tap)
    elif any(event.kind == "closed" for event in told):
        raise Conflict("closed")
    elif tap.kind == "closed":
        _check_end(run, taps, tap)
    elif tap.kind == "undone":
        _check_undo(taps, tap)
    elif tap.stop not in run.positions():
        raise Invalid("stop")
    elif tap.kind in ("arrived", "departed"):
        if tap.ride:
            raise Invalid("ride")
    else:
        _check_ride(door, run, taps, tap)


def _check_ride(door: Door, run: Run, taps: Sequence[tables.Event], tap: Tap) -> None:
    ride = next((ride for ride in run.rides if ride.id == tap.ride), None)
    if ride is None and _was_here(door, run, tap.ride):
        raise Conflict("off the run")
    if ride is None or tap.stop != (ride.dropoff if tap.kind == "alighted" else ride.pickup):
        raise Invalid("ride")
    state = states_of(run, taps)[ride.id]
    if tap.was and state not in (tap.was, tap.kind):
        raise Conflict("otherwise")
    if tap.kind == "alighted" and state not in ("boarded", "alighted"):
        raise Conflict("not aboard")
    if tap.kind in ("boarded", "no_show") and state == "alighted":
        raise Conflict("alighted")


def _check_words(door: Door, run: Run, tap: Tap) -> None:
    known = tap.ride in {ride.id for ride in run.rides} or _was_here(door, run, tap.ride)
    if (tap.ride or tap.kind == "call") and not known:
        raise Invalid("ride")
    if tap.kind == "note" and not 1 <= len(tap.text.strip()) <= LONGEST_NOTE:
        raise Invalid("note of driver")


def _was_here(door: Door, run: Run, ride: str) -> bool:
    """Was somebody on this run who no longer is?"""
    booked = (one.ride_id for one in door.list_bookings(run_id=run.id))
    return ride != "" and ride in {*booked, *(one.id for one in run.absent)}


def _check_undo(taps: Sequence[tables.Event], tap: Tap) -> None:
    """Only what nothing later builds on is taken back: of a rider the last thing, of a stop the last thing of all."""
    at = next((k for k, event in enumerate(taps) if event.id == tap.about), None)
    if at is None:
        raise Conflict("not to undo")
    ride = taps[at].ride_id
    if any(not ride or event.ride_id == ride for event in taps[at + 1 :]):
        raise Conflict("not to undo")


def _check_end(run: Run, taps: Sequence[tables.Event], tap: Tap) -> None:
    if any(state in OPEN for state in states_of(run, taps).values()):
        raise Conflict("somebody left")
    if not tap.looked:
        raise Invalid("looked")
    if not taps:
        raise Conflict("not begun")


def states_of(run: Run, events: Iterable[tables.Event]) -> dict[str, str]:
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
