"""A dispatcher's actions on a running or coming day: shown first, done once as shown, and undone where that can be.

What is wanted is a list of actions in a record of its own. It is reckoned anew at every look, with no transaction open;
`confirm` writes exactly what was shown, in one commit that holds all the runs, or nothing.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Annotated, Any, TypeGuard

from pydantic import Field, TypeAdapter

from matching import steering
from matching.metrics import DayFigures, day_figures
from matching.model import Broken, Load, Rule, Run, TripRequest
from matching.steering import Action, Breakdown, Change, Move, Outcome, Put
from webapp.db import tables
from webapp.db.store import Door, NotFound, PromiseBroken, Records, RunHead
from webapp.services import agreements, booking, driving, messages, rules, wishes
from webapp.services.dispatching import UNSERVED
from webapp.services.errors import Conflict, Invalid
from webapp.services.errors import NotFound as Hidden
from webapp.town import Town

_ACTIONS: TypeAdapter[list[Action]] = TypeAdapter(list[Annotated[Action, Field(discriminator="kind")]])
MOST_ACTIONS = 40
NOBODY_ASKS: Mapping[str, TripRequest] = MappingProxyType({})
OPEN_TO_PUT = ("offered", "refused", "waiting")
"""Standings of a request that a dispatcher may put on a run."""


@dataclass(frozen=True, slots=True)
class Person:
    """A party as its operator's dispatcher may know it: what to call it, where to call, and who else is told."""

    name: str
    phone: str = ""
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What becomes of one party, with its name, and how many people it is."""

    change: Change
    person: Person
    people: int
    accounted: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a list of actions would do, or an undoing; `digest` is of everything that is shown of it.

    heads: runs by id, new ones among them. labels: stops by run and id. stopped: what stops an undoing.
    """

    row: tables.Steering
    actions: tuple[Action, ...]
    outcome: Outcome
    told: tuple[Told, ...]
    heads: Mapping[str, RunHead]
    labels: Mapping[str, Mapping[str, str]]
    figures: tuple[DayFigures, DayFigures]
    unserved: tuple[int, int]
    digest: str

    @property
    def may_be_done(self) -> bool:
        return bool(self.outcome.touched) and not self.outcome.refused


@dataclass(frozen=True, slots=True)
class _Sight:
    """What was read of a day, once: its runs frozen as of now, the operator's heads, and who booked."""

    day: date
    runs: Mapping[str, Run]
    heads: Mapping[str, RunHead]
    labels: Mapping[str, dict[str, tuple[str, bool]]]
    members: Mapping[str, dict[str, str]]
    booked: Mapping[tuple[str, str], tables.Booking]


# What is wanted


def begin(town: Town, day: date, actions: Sequence[Action], *, operator: str, actor: str) -> tables.Steering:
    """Write down what a dispatcher wants to see the effect of. Nothing is done yet."""
    row = tables.Steering(
        id=secrets.token_urlsafe(12),
        operator_id=operator,
        service_date=day,
        actions=_dump(actions),
        created_by=actor,
        created_at=town.clock(),
        outcome={},
    )
    return town.store.commit(lambda door: door.put(row))


def add(town: Town, steering_id: str, action: Action, *, operator: str) -> tables.Steering:
    """Add an action to those that are only looked at. Raises NotFound, Conflict once they are done."""
    return _rewrite(town, steering_id, operator, lambda actions: [*actions, action])


def leave_out(town: Town, steering_id: str, number: int, *, operator: str) -> tables.Steering:
    """Take an action out of those that are only looked at, by its number."""
    return _rewrite(town, steering_id, operator, lambda actions: [one for k, one in enumerate(actions) if k != number])


def drop(town: Town, steering_id: str, *, operator: str) -> None:
    """Forget what was only looked at."""

    def change(door: Door) -> None:
        row = _own(door, steering_id, operator)
        if row.status != "open":
            raise Conflict("steer done")
        row.status = "dropped"
        door.put(row)

    town.store.commit(change)


def _rewrite(town: Town, steering_id: str, operator: str, make: Any) -> tables.Steering:
    def change(door: Door) -> tables.Steering:
        row = _own(door, steering_id, operator)
        if row.status != "open":
            raise Conflict("steer done")
        actions = make(read_actions(row))
        if len(actions) > MOST_ACTIONS:
            raise Invalid("many actions")
        row.actions = _dump(actions)
        return door.put(row)

    return town.store.commit(change)


def _dump(actions: Sequence[Action]) -> list[dict[str, Any]]:
    dumped: list[dict[str, Any]] = _ACTIONS.dump_python([*actions], mode="json")
    for one in dumped:  # the order of a set is nobody's
        one.update({name: sorted(value) for name, value in one.items() if name in ("aboard", "over")})
    return dumped


def read_actions(row: tables.Steering) -> list[Action]:
    """Read the actions of a record."""
    return _ACTIONS.validate_python(row.actions)


def _own(records: Records, steering_id: str, operator: str) -> tables.Steering:
    try:
        row = records.get_steering(steering_id)
    except NotFound as missing:
        raise Hidden("steering") from missing
    if row.operator_id != operator:
        raise Hidden("steering")
    return row


def list_log(town: Town, day: date, *, operator: str) -> list[tuple[tables.Steering, str, str]]:
    """List what dispatchers did on a date, or look at, newest first: the record, who began it, and who undid it."""
    with town.store.read() as records:
        rows = [row for row in records.list_steerings(operator, service_date=day) if row.status != "dropped"]
        names = {one: records.get_user(one).name for row in rows for one in (row.created_by, row.undone_by) if one}
    return [(row, names[row.created_by], names.get(row.undone_by or "", "")) for row in reversed(rows)]


def get(town: Town, steering_id: str, *, operator: str) -> tables.Steering:
    """Give the record of what an operator's dispatcher wants done, or did. Raises NotFound for any other."""
    with town.store.read() as records:
        return _own(records, steering_id, operator)


def list_vehicles(town: Town, operator: str) -> list[tables.Vehicle]:
    """List the vehicles that an operator has."""
    with town.store.read() as records:
        return records.list_vehicles(operator)


def breakdown_of(
    town: Town, run_id: str, stop: str, *, operator: str, relief: int | None, vehicle: str = ""
) -> Breakdown:
    """Say that a vehicle broke down at one of its stops, with whoever the driver's taps say is aboard.

    Who should have boarded by now and of whom nothing is known counts as aboard: somebody has to look for them.
    """
    with town.store.read() as records:
        _own_run(records, run_id, operator)
        run, events = records.get_run(run_id), records.list_events(run_id)
        layouts = {one.code: one.layouts for one in records.list_vehicles(operator)}
    place = next((one.place for one in run.stops if one.id == stop), None)
    if place is None:
        raise Invalid("stop")
    states, at = driving.states_of(run, events), run.positions()
    over = {ride.id for ride in run.rides if states[ride.id] in ("alighted", "no_show")}
    aboard = {
        ride.id
        for ride in run.rides
        if ride.id not in over and (states[ride.id] == "boarded" or at[ride.pickup] < run.done)
    }
    if relief is not None and not 0 <= relief - town.seconds_now(_day_of(run)) + 60 <= 6 * 3600:
        raise Invalid("relief")
    return Breakdown(
        run_id,
        town.seconds_now(_day_of(run)),
        place,
        frozenset(aboard),
        frozenset(over),
        relief,
        vehicle,
        tuple(Load(*one) for one in layouts.get(vehicle, ())),
    )


def _own_run(records: Records, run_id: str, operator: str) -> tables.Run:
    try:
        head = records.get_run_head(run_id)
    except NotFound as missing:
        raise Hidden("run") from missing
    if head.operator_id != operator or head.removed:
        raise Hidden("run")
    return head


def _day_of(run: Run) -> date:
    return date.fromisoformat(run.service_date)


# What it would do


def look(town: Town, steering_id: str, *, operator: str) -> Effect:
    """Reckon what the actions of a record would do to the day as it is now. Raises NotFound."""
    with town.store.read() as records:
        row = _own(records, steering_id, operator)
        sight = _see(town, records, row.service_date, operator)
        actions = read_actions(row)
        day = _day(town, records, sight, actions, operator)
        outcome = steering.apply(actions, day)
        outcome = _without_overlaps(records, actions, outcome)
        return _effect(town, records, row, sight, outcome, asked=day.wishes)


def _see(town: Town, records: Records, day: date, operator: str) -> _Sight:
    heads = {head.id: RunHead(head.code, head.name) for head in records.run_heads(day, operator)}
    beside = records.beside_runs(day, operator)
    bookings = records.list_bookings(service_date=day, status="booked")
    return _Sight(
        day=day,
        runs={run.id: town.freeze(run) for run in records.list_runs(day)},
        heads=heads,
        labels={name: beside[name][0] for name in heads},
        members={name: beside[name][1] for name in heads},
        booked={(one.run_id, one.ride_id): one for one in bookings},
    )


def _day(town: Town, records: Records, sight: _Sight, actions: Sequence[Action], operator: str) -> steering.Day:
    own = [run for run in sight.runs.values() if run.operator == operator]
    opened = agreements.opened(records, rules.bounded(records, own), people=1)
    acted = {one.run for one in actions}
    asked = [one.request_id for (run, _), one in sight.booked.items() if run in acted]
    return steering.Day(
        runs=[*sight.runs.values()],
        operator=operator,
        now=town.seconds_now(sight.day),
        times=town.roads,
        wishes=_wishes(town, records, [*asked, *(one.request for one in actions if isinstance(one, Put))], own),
        open_to={run.id: run.policy for run in opened},
        objective=town.objective,
    )


def _wishes(town: Town, records: Records, requests: Iterable[str], runs: Sequence[Run]) -> dict[str, TripRequest]:
    found = {}
    for request_id in requests:
        row = records.get_request(request_id)
        rider = records.get_user(row.rider_id)
        if row.status == "booked" or (row.status in OPEN_TO_PUT and row.service_date is not None):
            wish = wishes.trip_request(town, row, rider, runs, refusals=wishes.count_refusals(records, row))
            found[row.id] = replace(wish, after=wishes.outbound(records, row))
    return found


def _without_overlaps(records: Records, actions: Sequence[Action], outcome: Outcome) -> Outcome:
    """Refuse to seat somebody at whose time they have another trip booked."""
    wanted = {one.request if isinstance(one, Put) else one.ride: k for k, one in enumerate(actions) if _seats(one)}
    refused = list(outcome.refused)
    for change in outcome.of("put", "moved"):
        if change.ride in wanted and change.after:
            row = records.get_request(change.ride)
            booked = records.list_bookings(rider_id=row.rider_id, service_date=row.service_date, status="booked")
            others = [one for one in booked if one.request_id != row.id]
            if any(one.pickup < change.after[1] and change.after[0] < one.dropoff for one in others):
                stopped = (Broken(Rule.TIME, change.ride),)
                refused.append(steering.Refused(wanted[change.ride], change.to, stopped))
    return replace(outcome, refused=tuple(refused))


def _seats(action: Action) -> TypeGuard[Put | Move]:
    return isinstance(action, Put | Move)


def _effect(
    town: Town,
    records: Records,
    row: tables.Steering,
    sight: _Sight,
    outcome: Outcome,
    *,
    asked: Mapping[str, TripRequest] = NOBODY_ASKS,
) -> Effect:
    own = [name for name, run in sight.runs.items() if run.operator == row.operator_id]
    then = [run for run in outcome.runs.values() if run.operator == row.operator_id]
    asked_today = records.list_requests(sight.day)
    unserved = sum(one.status in UNSERVED and bool(one.reason) for one in asked_today)
    put = len(outcome.of("put"))
    heads = dict(sight.heads)
    for name, was in outcome.made.items():
        heads[name] = _head_of_relief(heads[was])
    accounted = row.outcome.get("accounted", {})
    told = [
        Told(
            change,
            _person(records, sight, change, row.operator_id),
            _people(sight, outcome, change, asked),
            accounted.get(f"{change.run}/{change.ride}", {}).get("by", ""),
        )
        for change in outcome.changes
    ]
    order = {"stranded": 0, "lost": 1, "called off": 2, "moved": 3, "put": 4, "retimed": 5}
    told.sort(key=lambda one: (order[one.change.kind], not one.change.committed, one.change.before or (0, 0)))
    return Effect(
        row=row,
        actions=tuple(read_actions(row)),
        outcome=outcome,
        told=tuple(told),
        heads=heads,
        labels={name: {stop: text for stop, (text, _) in said.items()} for name, said in sight.labels.items()},
        figures=(day_figures([sight.runs[name] for name in own], town.roads), day_figures(then, town.roads)),
        unserved=(unserved, max(0, unserved - put)),
        digest=_digest(row, sight, outcome),
    )


def _head_of_relief(head: RunHead) -> RunHead:
    return RunHead(f"{head.code}+", head.name)


def _person(records: Records, sight: _Sight, change: Change, operator: str) -> Person:
    """Name a party: a member by what its operator calls it, a resident who booked by name; who only asked stays one."""
    if change.committed:
        code = sight.members.get(change.run or change.to, {}).get(change.ride, "")
        member = records.list_members(operator).get(code)
        guardians = [records.get_user(one.user_id) for one in records.list_guardians(operator=operator, member=code)]
        phones = ", ".join(one.phone for one in guardians if one.phone)
        name = member.name if member and member.name else code
        told = (
            records.get_user(user).name if user else email
            for user, email in _family(records, operator, code, sight.day)
        )
        return Person(name, phones, tuple(told))
    row = sight.booked.get((change.run or change.to, change.ride))
    if row is None:
        return Person("")
    user = records.get_user(row.rider_id)
    return Person(user.name, user.phone, (user.name,))


def _people(sight: _Sight, outcome: Outcome, change: Change, asked: Mapping[str, TripRequest]) -> int:
    run = sight.runs.get(change.run) or outcome.runs.get(change.to)
    name = change.ride if change.run else change.new
    ride = next((one for one in run.rides if one.id == name), None) if run else None
    return ride.party.people if ride else asked[change.ride].party.people if change.ride in asked else 1


def _digest(row: tables.Steering, sight: _Sight, outcome: Outcome) -> str:
    """Sum up what is shown: the actions, the runs at their revisions, and what becomes of each party to the minute."""
    said: list[Any] = [row.id, row.actions]
    said.append([[name, sight.runs[name].revision if name in sight.runs else -1] for name in sorted(outcome.touched)])
    said += [
        [one.kind, one.run, one.ride, one.to, *(second // 60 for second in one.after or ())] for one in outcome.changes
    ]
    said += [[one.action, one.run] for one in outcome.refused]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


# Doing it


class _Outdated(Exception):
    """A run or a booking is no longer as it was when the effect was reckoned."""


def confirm(town: Town, steering_id: str, *, shown: str, operator: str, actor: str) -> tables.Steering:
    """Do what was shown, all of it or nothing; once more changes nothing.

    Raises NotFound; Conflict "steer outdated" where it would do something else by now, "steer refused" where an action
    cannot be done.
    """
    with town.store.read() as records:
        row = _own(records, steering_id, operator)
    if row.status == "done":
        return row
    if row.status != "open":
        raise Conflict("steer done")
    effect = look(town, steering_id, operator=operator)
    if effect.digest != shown:
        raise Conflict("steer outdated")
    if not effect.may_be_done:
        raise Conflict("steer refused")
    with town.store.read() as records:
        sight = _see(town, records, row.service_date, operator)
        riders = {
            sight.booked[one.change.run, one.change.ride].rider_id
            for one in effect.told
            if (one.change.run, one.change.ride) in sight.booked
        } | {records.get_request(one.ride).rider_id for one in effect.outcome.of("put")}
    if any(sight.runs[name].revision != run.revision for name, run in _kept(effect.outcome, sight).items()):
        raise Conflict("steer outdated")
    writer = _Writer(town, effect, sight, actor)
    try:
        return town.store.commit(writer.write, runs=_kept(effect.outcome, sight), riders=riders, times=town.roads)
    except (_Outdated, PromiseBroken) as lost:
        raise Conflict("steer outdated") from lost


def _kept(outcome: Outcome, sight: _Sight) -> dict[str, Run]:
    """Give the runs that are there and that an outcome changes, as they would be; those that go as they are."""
    return {name: outcome.runs.get(name, sight.runs[name]) for name in outcome.touched if name in sight.runs}


class _Writer:
    """Writes an effect behind the door, with the messages about it and the record by which it is undone."""

    def __init__(self, town: Town, effect: Effect, sight: _Sight, actor: str) -> None:
        self._town, self._effect, self._sight, self._actor = town, effect, sight, actor
        self._outcome = effect.outcome
        self._down = any(isinstance(one, Breakdown) for one in effect.actions)

    def write(self, door: Door) -> tables.Steering:
        """Write all of it. Raises _Outdated where anything is no longer as it was seen."""
        row = door.get_steering(self._effect.row.id)
        if row.status == "done":
            return row
        self._check(door, row)
        residents = [one.change for one in self._effect.told if not one.change.committed]
        labels = self._labels(door)
        ended = {one.ride: self._end(door, one) for one in residents if one.kind in ("moved", "lost")}
        runs = {name: self._keep(door, name, labels) for name in self._order()}
        changed = [one for one in residents if one.kind in ("moved", "put", "lost")]
        pairs = [self._make(door, one, ended.get(one.ride)) for one in changed]
        requests = {one.ride: door.get_request(one.ride).status for one in residents if one.kind == "put"}
        for one in residents:
            if one.kind == "put":
                self._settle(door, one.ride, "booked")
            elif one.kind == "lost":
                requests |= self._unserve(door, ended[one.ride])
        restore = {name: self._remember(door, name) for name in self._outcome.gone}
        for name in sorted(self._outcome.gone):
            dropped = [ride.id for ride in self._sight.runs[name].residents]
            door.remove(name, cause="called off", actor=self._actor, dropped=dropped)
        self._tell(door, {one.ride: new for (_, new), one in zip(pairs, changed, strict=True)})
        row.status, row.done_by, row.done_at = "done", self._actor, door.now()
        row.outcome = {
            "runs": runs,
            "bookings": pairs,
            "requests": requests,
            "restore": restore,
            "made": sorted(self._outcome.made),
            "gone": sorted(self._outcome.gone),
            "steered": self._steered(),
            "left": [
                {"run": one.run, "ride": one.ride, "committed": one.committed} for one in self._outcome.of("stranded")
            ],
            "accounted": {},
        }
        return door.put(row)

    def _check(self, door: Door, row: tables.Steering) -> None:
        names = sorted(self._outcome.touched)
        now = door.list_revisions(names)
        was = {name: self._sight.runs[name].revision for name in names if name in self._sight.runs}
        told = [one.change for one in self._effect.told]
        booked = [self._sight.booked.get((one.run, one.ride)) for one in told if not one.committed and one.run]
        still = all(one is not None and door.get_booking(one.id).status == "booked" for one in booked)
        asked = all(door.get_request(one.ride).status in OPEN_TO_PUT for one in told if one.kind == "put")
        if row.status != "open" or row.actions != self._effect.row.actions or now != was or not still or not asked:
            raise _Outdated

    def _order(self) -> list[str]:
        return sorted(self._outcome.touched - self._outcome.gone)

    def _keep(self, door: Door, name: str, labels: Mapping[str, dict[str, tuple[str, bool]]]) -> list[int | None]:
        """Write one run; give its revisions before and after."""
        run, outcome, was = self._outcome.runs[name], self._outcome, self._sight.runs.get(name)
        stranded = outcome.stranded.get(name, frozenset())
        cause = "broke down" if name in outcome.stranded else "relief" if was is None else "steered"
        kept = door.keep(
            replace(run, revision=was.revision if was else 0),
            cause=cause,
            actor=self._actor,
            labels=labels.get(name, {}),
            members=self._members(name),
            head=self._effect.heads[name] if was is None else None,
            stranded=stranded,
        )
        return [was.revision if was else None, kept.revision]

    def _members(self, name: str) -> dict[str, str]:
        codes = {one.new: self._sight.members.get(one.run, {}).get(one.ride, "") for one in self._changes_to(name)}
        return {ride: code for ride, code in codes.items() if code}

    def _changes_to(self, name: str) -> list[Change]:
        return [one for one in self._outcome.changes if one.to == name]

    def _labels(self, door: Door) -> dict[str, dict[str, tuple[str, bool]]]:
        """Name the stops that are new on each run: by what they are called where they come from, else by the place."""
        found: dict[str, dict[str, tuple[str, bool]]] = {}
        for name in self._order():
            said = found.setdefault(name, {})
            run, own = self._outcome.runs[name], self._sight.labels.get(name, {})
            rides = {ride.id: ride for ride in run.rides}
            places = {stop.id: stop.place for stop in run.stops}
            if name in self._outcome.made:
                said |= self._sight.labels[self._outcome.made[name]]
            for change in self._changes_to(name):
                ride, ends = rides[change.new], self._end_labels(door, change)
                said |= {stop: ends[k] for k, stop in enumerate((ride.pickup, ride.dropoff)) if stop not in own | said}
                if change.aboard and ride.pickup not in own:
                    said[ride.pickup] = (self._town.places.describe(places[ride.pickup]) or ends[0][0], True)
        return found

    def _end_labels(self, door: Door, change: Change) -> list[tuple[str, bool]]:
        if change.kind == "put":
            row = door.get_request(change.ride)
            return [(row.origin_label, True), (row.destination_label, True)]
        ride = next(one for one in self._sight.runs[change.run].rides if one.id == change.ride)
        said = self._sight.labels[change.run]
        return [(said[stop][0], True) for stop in (ride.pickup, ride.dropoff)]

    # Bookings

    def _end(self, door: Door, change: Change) -> tables.Booking:
        row = door.get_booking(self._sight.booked[change.run, change.ride].id)
        row.status, row.cancelled_at = "cancelled", door.now()
        return door.put(row)

    def _make(self, door: Door, change: Change, old: tables.Booking | None) -> list[str | None]:
        """Book where a party rides now; give the bookings that ended and that were made."""
        if change.kind == "lost":
            return [old.id if old else None, None]
        run = self._outcome.runs[change.to]
        ride = next(one for one in run.rides if one.id == change.new)
        request = door.get_request(change.ride)
        begin = change.after or (0, 0)
        if old is None and booking.is_travelling(door, request, *begin):
            raise _Outdated
        key = f"steered-{self._effect.row.id}-{old.id if old else request.id}"
        made = booking.booking_of(self._town, request, run, ride, begin, key=key)
        if old is not None:
            made.fare, made.fare_currency = old.fare, old.fare_currency
        if change.aboard:
            made.walk = 0
        door.put(made)
        return [old.id if old else None, made.id]

    def _settle(self, door: Door, request_id: str, status: str) -> None:
        request = door.get_request(request_id)
        request.status, request.reason = status, "" if status == "booked" else request.reason
        door.put(request)

    def _unserve(self, door: Door, trip: tables.Booking) -> dict[str, str]:
        """Let a request go unserved, and those that wait for the trip back; give what they were."""
        waiting = booking.following(door, trip)[1]
        was = {trip.request_id: "booked"} | {row.id: row.status for row in waiting}
        for name in was:
            self._settle(door, name, "cancelled")
        return was

    def _remember(self, door: Door, name: str) -> dict[str, Any]:
        head = door.get_run_head(name)
        return {
            "code": head.code,
            "name": head.name,
            "revision": head.revision,
            "labels": {stop: [*said] for stop, said in door.run_labels(name).items()},
            "members": door.run_members(name),
        }

    def _steered(self) -> list[str]:
        """List the runs whose own schedule is no longer as it was published."""
        return [
            name
            for name in self._order()
            if name in self._outcome.made or _schedule(self._outcome.runs[name]) != _schedule(self._sight.runs[name])
        ]

    # Messages

    def _tell(self, door: Door, made: Mapping[str, str | None]) -> None:
        day = self._sight.day.isoformat()
        for one in self._effect.told:
            change = one.change
            if change.committed:
                code = self._sight.members.get(change.run, {}).get(change.ride, "")
                kind, facts = _family_words(change, down=self._down, day=day)
                tell_family(door, self._effect.row.operator_id, code, kind, facts, day=self._sight.day)
                continue
            if change.kind == "put":
                user = door.get_request(change.ride).rider_id
            else:
                user = self._sight.booked[change.run, change.ride].rider_id
            about = made.get(change.ride) or (self._sight.booked[change.run, change.ride].id if change.run else "")
            facts = {"booking": about, "minutes": _later(change)}
            messages.tell(door, _resident_kind(change, down=self._down), user, facts)


def _schedule(run: Run) -> Any:
    own = [ride.id for ride in run.rides if ride.committed]
    stops = [(stop.id, stop.held) for stop in run.stops if stop.scheduled]
    return run.vehicle, run.capacity, run.policy.closes, own, stops


def _later(change: Change) -> int:
    """Count the minutes by which a pickup, or for those aboard a drop-off, is later."""
    if change.before is None or change.after is None:
        return 0
    return max((b - a) // 60 for a, b in zip(change.before, change.after, strict=True))


def _resident_kind(change: Change, *, down: bool) -> str:
    if change.kind == "moved":
        return "broke down" if down else "moved by dispatcher"
    return {"put": "booked", "stranded": "broke down, waiting", "lost": "called off", "retimed": "delayed"}[change.kind]


def _family_words(change: Change, *, down: bool, day: str) -> tuple[str, dict[str, Any]]:
    kinds = {"called off": "family called off", "retimed": "family delayed", "stranded": "family broke down, waiting"}
    late = down and _later(change) > 0
    return kinds.get(change.kind, "family broke down" if late else "family moved"), {
        "day": day,
        "minutes": _later(change),
    }


def tell_family(door: Door, operator: str, code: str, kind: str, facts: Mapping[str, Any], *, day: date) -> None:
    """Tell the family of a member, as far as the operator or the town knows how to reach it."""
    for user, email in _family(door, operator, code, day):
        messages.tell(door, kind, user, facts, email=email)


def _family(records: Records, operator: str, code: str, day: date) -> list[tuple[str | None, str]]:
    """List the accounts, or the addresses of those without one, of a member's guardians and of who may be told."""
    if not code:
        return []
    guardians: list[tuple[str | None, str]] = [
        (one.user_id, "") for one in records.list_guardians(operator=operator, member=code)
    ]
    consents = records.list_consents(day, operator=operator, member=code)
    return list(dict.fromkeys((*guardians, *((one.user_id, one.email) for one in consents if one.starts <= day))))


# Who is left to be called


def account(town: Town, steering_id: str, run: str, ride: str, *, operator: str, actor: str) -> tables.Steering:
    """Note that somebody who could not be placed has been reached and cared for; once more changes nothing."""

    def change(door: Door) -> tables.Steering:
        row = _own(door, steering_id, operator)
        if not any((one["run"], one["ride"]) == (run, ride) for one in row.outcome.get("left", ())):
            raise Hidden("ride")
        said = dict(row.outcome["accounted"])
        said.setdefault(f"{run}/{ride}", {"by": door.get_user(actor).name, "at": door.now().isoformat()})
        row.outcome = {**row.outcome, "accounted": said}
        return door.put(row)

    return town.store.commit(change, runs=[run])


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody whom a breakdown left, and who has reached them since."""

    run: str
    ride: str
    person: Person
    accounted: str


def list_left(town: Town, row: tables.Steering) -> list[Left]:
    """List those for whom nothing was found, committed riders first, with where to call."""
    with town.store.read() as records:
        found = []
        for one in row.outcome.get("left", ()):
            members = {one["run"]: records.run_members(one["run"])}
            rows = records.list_bookings(run_id=one["run"])
            booked = {(each.run_id, each.ride_id): each for each in rows}
            sight = _Sight(row.service_date, {}, {}, {}, members, booked)
            change = Change("stranded", one["ride"], one["run"], "", one["committed"])
            by = row.outcome["accounted"].get(f"{one['run']}/{one['ride']}", {}).get("by", "")
            found.append(Left(one["run"], one["ride"], _person(records, sight, change, row.operator_id), by))
    return found


# Undoing it


@dataclass(frozen=True, slots=True)
class _Back:
    """What an undoing would write: runs as they would be, what stops it, and bookings that end and come back."""

    runs: Mapping[str, Run]
    now: Mapping[str, Run]
    stopped: tuple[Broken, ...]
    ends: tuple[str, ...]
    comes: tuple[str, ...]


def look_back(town: Town, steering_id: str, *, operator: str) -> Effect:
    """Reckon what undoing would do to the day as it is now. Raises NotFound, Conflict where nothing is to be undone."""
    with town.store.read() as records:
        row = _own(records, steering_id, operator)
        if row.status != "done":
            raise Conflict("steer not done")
        return _effect_back(town, records, row, _take_back(town, records, row))


def _effect_back(town: Town, records: Records, row: tables.Steering, back: _Back) -> Effect:
    sight = _see(town, records, row.service_date, row.operator_id)
    runs = {name: run for name, run in sight.runs.items() if name not in row.outcome["made"]} | dict(back.runs)
    outcome = Outcome(
        runs=runs,
        changes=tuple(steering.changes(back.now, back.runs, town.roads)),
        refused=(steering.Refused(0, back.stopped[0].where, back.stopped),) if back.stopped else (),
        touched=frozenset({*row.outcome["runs"], *row.outcome["gone"]}),
    )
    heads = {name: RunHead(said["code"], said["name"]) for name, said in row.outcome["restore"].items()}
    members = {name: said["members"] for name, said in row.outcome["restore"].items()}
    coming = [records.get_booking(name) for name in back.comes]
    sight = replace(
        sight,
        heads={**heads, **sight.heads},
        members={**members, **sight.members},
        booked={**sight.booked, **{(one.run_id, one.ride_id): one for one in coming}},
    )
    return _effect(town, records, row, sight, outcome)


def _take_back(town: Town, records: Records, row: tables.Steering) -> _Back:
    """Reckon the runs without what a record did to them; who gave up a seat since does not get it back."""
    gone, ends, comes = _bookings_back(records, row)
    runs: dict[str, Run] = {}
    now: dict[str, Run] = {}
    stopped: list[Broken] = []
    for name, (before, after) in row.outcome["runs"].items():
        kept = records.find_run(name)
        if kept is None:
            stopped.append(Broken(Rule.DONE, name))
            continue
        now[name] = town.freeze(kept)
        if before is None:
            stopped += [Broken(Rule.DONE, name)] if records.list_events(name) else []
            continue
        plans = {one.number: one.run for one in records.history(name) if one.number in (before, after)}
        found, faults = steering.undo(plans[before], plans[after], now[name], town.roads, gone)
        stopped += faults
        if found is not None:
            runs[name] = found
    for name, said in row.outcome["restore"].items():
        plan = next(one.run for one in records.history(name) if one.number == said["revision"])
        plan = town.freeze(replace(plan, done=0, reached=()))
        kept = replace(plan, rides=tuple(ride for ride in plan.rides if ride.id not in gone))
        runs[name] = replace(kept, frozen=0)
        stopped += [Broken(Rule.DONE, name)] if plan.fixed or records.find_run(name) else []
    return _Back(runs, now, tuple(stopped), ends, comes)


def _bookings_back(records: Records, row: tables.Steering) -> tuple[set[str], tuple[str, ...], tuple[str, ...]]:
    """Give the rides that do not come back, and the bookings that end and that come back."""
    gone: set[str] = set()
    ends: list[str] = []
    comes: list[str] = []
    for old, new in row.outcome["bookings"]:
        made = records.get_booking(new) if new else None
        stands = made is not None and made.status == "booked"
        if new and stands:
            ends.append(new)
        was = records.get_booking(old) if old else None
        if was is None:
            continue
        request = records.get_request(was.request_id)
        free = stands or (new is None and not booking.is_travelling(records, request, was.pickup, was.dropoff))
        if free:
            comes.append(was.id)
        else:
            gone.add(was.ride_id)
    return gone, tuple(ends), tuple(comes)


def undo(town: Town, steering_id: str, *, shown: str, operator: str, actor: str) -> tables.Steering:
    """Undo what was done, as it was shown; once more changes nothing. Raises as `confirm` does."""
    with town.store.read() as records:
        row = _own(records, steering_id, operator)
        if row.status == "undone":
            return row
        named = [name for pair in row.outcome.get("bookings", ()) for name in pair if name]
        riders = {records.get_booking(name).rider_id for name in named}
    locked = [*row.outcome.get("runs", {}), *row.outcome.get("gone", ())]

    def change(door: Door) -> tables.Steering:
        kept = _own(door, steering_id, operator)
        if kept.status == "undone":
            return kept
        if kept.status != "done":
            raise Conflict("steer not done")
        back = _take_back(town, door, kept)
        effect = _effect_back(town, door, kept, back)
        if effect.digest != shown:
            raise Conflict("steer outdated")
        if back.stopped:
            raise Conflict("steer refused")
        _write_back(door, kept, back, actor)
        _tell_back(door, kept, back, effect.outcome.changes)
        kept.status, kept.undone_by, kept.undone_at = "undone", actor, door.now()
        return door.put(kept)

    try:
        return town.store.commit(change, runs=locked, riders=riders, times=town.roads)
    except PromiseBroken as lost:
        raise Conflict("steer refused") from lost


def _write_back(door: Door, row: tables.Steering, back: _Back, actor: str) -> None:
    for name in back.ends:
        made = door.get_booking(name)
        made.status, made.cancelled_at = "cancelled", door.now()
        door.put(made)
    for name, run in sorted(back.runs.items()):
        if name in row.outcome["restore"]:
            _restore(door, run, row.outcome["restore"][name], actor)
            continue
        moved = steering.exchanged(run, back.now[name])
        down = run.policy.closes != back.now[name].policy.closes
        door.keep(run, cause="repaired" if down else "undone", actor=actor, stranded=moved if down else ())
    for name in row.outcome["made"]:
        dropped = [ride.id for ride in back.now[name].residents]
        door.remove(name, cause="undone", actor=actor, dropped=dropped)
    for name in back.comes:
        was = door.get_booking(name)
        was.status, was.cancelled_at = "booked", None
        door.put(was)
    for name, status in row.outcome["requests"].items():
        request = door.get_request(name)
        if status != "booked" or any(door.get_booking(one).request_id == name for one in back.comes):
            request.status = status
            door.put(request)


def _restore(door: Door, run: Run, said: Mapping[str, Any], actor: str) -> None:
    """Let a run that was called off go after all, as it was."""
    door.keep(
        replace(run, revision=0),
        cause="goes after all",
        actor=actor,
        labels={stop: (text, private) for stop, (text, private) in said["labels"].items()},
        members=said["members"],
        head=RunHead(said["code"], said["name"]),
        as_published=True,
    )


def _tell_back(door: Door, row: tables.Steering, back: _Back, changes: Sequence[Change]) -> None:
    """Tell those who were told before that it is as it was."""
    for name in back.comes:
        was = door.get_booking(name)
        messages.tell(door, "as before", was.rider_id, {"booking": was.id})
    for old, new in row.outcome["bookings"]:
        if old is None and new in back.ends:
            made = door.get_booking(new)
            messages.tell(door, "cancelled", made.rider_id, {"booking": made.id})
    for change in (one for one in changes if one.committed and one.to):
        code = door.run_members(change.to).get(change.new, "")
        tell_family(door, row.operator_id, code, "family as before", {}, day=row.service_date)
