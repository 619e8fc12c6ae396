"""A schedule takes the place of another: what changes, what becomes of each booking, and who said yes to that.

All of it is reckoned with no transaction open. `apply` then looks whether the runs are still those that were compared,
and writes what was shown or nothing.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from matching import absence, offers, rescheduling
from matching.model import Ride, Run
from matching.offers import Offer
from matching.rescheduling import Change
from matching.rides import without
from webapp.db import tables
from webapp.db.store import Door, Records, RunHead
from webapp.publishing import Published
from webapp.services import agreements, attendance, booking, messages, rules, wishes
from webapp.services.errors import ServiceError
from webapp.town import Town

Labels = dict[str, tuple[str, bool]]
STAYS, MOVES, PLACED, LOST = FATES = ("stays", "moves", "placed", "lost")
"""What becomes of a booking: nothing; other minutes within its promise; another seat; none."""
HARMED = (PLACED, LOST)
NEW, CHANGED, UNCHANGED, REMOVED = KINDS = ("new", "changed", "unchanged", "removed")
HELD, OTHER = "held", "other"
"""What becomes of a run; one that is held stays as it is, although the file says otherwise. Other: not of this file."""


class Outdated(ServiceError):
    """Somebody changed what was compared; compare again."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a booking would have its seat instead: run and its code, and the promised seconds of the service day."""

    run: str
    code: str
    pickup: int
    dropoff: int
    ride: Ride
    labels: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Fate:
    """What would become of one booking.

    moved: seconds by which its pickup is expected later, negative for earlier. with_trip: it only falls away because
    the trip that it follows does.
    """

    booking: tables.Booking
    kind: str
    moved: int = 0
    seat: Seat | None = None
    with_trip: bool = False


@dataclass(frozen=True, slots=True)
class RunDiff:
    """What would become of one run of one date. before, after: labels of its stops; fates: of its bookings."""

    run: str
    code: str
    name: str
    day: date
    kind: str
    changes: tuple[Change, ...] = ()
    fates: tuple[Fate, ...] = ()
    before: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    after: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    renamed: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """One run to be written.

    base: revision that it was made from, None for a run that is not kept. run: None where it leaves the schedule.
    published: it is the schedule's own, else another's that takes somebody on or lets somebody go.
    """

    id: str
    base: int | None
    run: Run | None
    published: Published | None = None
    dropped: frozenset[str] = frozenset()
    labels: Mapping[str, tuple[str, bool]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that keeping a schedule would do; `digest` is of everything that was shown of it."""

    diffs: tuple[RunDiff, ...]
    writes: tuple[Write, ...]
    unserved: tuple[str, ...]
    digest: str

    def count(self, kind: str) -> int:
        return sum(one.kind == kind for one in self.diffs)

    @property
    def fates(self) -> list[Fate]:
        return [fate for one in self.diffs for fate in one.fates]

    def list_fates(self, *kinds: str) -> list[Fate]:
        return [fate for fate in self.fates if fate.kind in kinds]

    @property
    def harmful(self) -> bool:
        """Would anybody lose the seat that they were promised?"""
        return bool(self.list_fates(PLACED, LOST))

    @property
    def alike(self) -> bool:
        """Does nothing change at all?"""
        return all(one.kind == UNCHANGED for one in self.diffs)

    @property
    def runs(self) -> list[str]:
        return [one.id for one in self.writes]

    @property
    def riders(self) -> list[str]:
        return sorted({fate.booking.rider_id for fate in self.list_fates(PLACED, LOST)})


def compare(
    town: Town,
    operator: str,
    published: Sequence[Published],
    gone: Collection[str] = (),
    *,
    since: date | None = None,
    spare: bool = False,
) -> Comparison:
    """Reckon what keeping these runs, and taking the runs `gone` (codes) out of the days ahead, would do.

    since: the first day of which they are taken out, if it is not today. spare: leave every run as it is on which
    somebody would lose their seat.
    """
    first = max(since or town.today(), town.today())
    with town.store.read() as records:
        return _Comparing(town, records, operator, spare=spare).compare(published, frozenset(gone), first)


@dataclass(slots=True)
class _Day:
    """One service date: all runs as they would be, and what is written of them."""

    known: dict[str, Run]
    heads: dict[str, tables.Run]
    beside: dict[str, tuple[Labels, dict[str, str]]]
    runs: dict[str, Run] = field(default_factory=dict)


class _Comparing:
    """Compares day by day, within one look at the records."""

    def __init__(self, town: Town, records: Records, operator: str, *, spare: bool) -> None:
        self._town, self._records, self._operator, self._spare = town, records, operator, spare
        self._told = set(records.run_ids_with_events(town.today()))
        self._absent = {row.service_date for row in records.list_absent_days(operator, since=town.today())}
        self._steered = records.list_steered(operator, town.today())
        self._diffs: list[RunDiff] = []
        self._writes: dict[str, Write] = {}
        self.fates: dict[str, Fate] = {}
        self._unserved: list[str] = []

    def compare(self, published: Sequence[Published], gone: frozenset[str], first: date) -> Comparison:
        by_day: dict[date, list[Published]] = defaultdict(list)
        for one in published:
            by_day[date.fromisoformat(one.run.service_date)].append(one)
        ahead = [day for day in self._records.list_run_dates(self._operator) if day >= first]
        for day in sorted({*by_day, *(ahead if gone else ())}):
            self._compare_day(day, by_day[day], gone if day >= first else frozenset())
        diffs = tuple(replace(one, fates=tuple(self._final(one.fates))) for one in self._diffs)
        writes = tuple(sorted(self._writes.values(), key=lambda one: one.id))
        return Comparison(diffs, writes, tuple(self._unserved), _digest(diffs, writes))

    def _final(self, fates: Iterable[Fate]) -> Iterator[Fate]:
        return (self.fates.get(fate.booking.id, fate) for fate in fates)

    def _compare_day(self, day: date, published: Sequence[Published], gone: frozenset[str]) -> None:
        known = {run.id: run for run in self._records.list_runs(day, self._operator)}
        heads = {head.id: head for head in self._records.run_heads(day, self._operator)}
        state = _Day(known, heads, self._records.beside_runs(day, self._operator), dict(known))
        booked: dict[str, list[tables.Booking]] = defaultdict(list)
        if any(run.residents for run in known.values()):
            for row in self._records.list_bookings(service_date=day, status="booked"):
                booked[row.run_id].append(row)
        said = {one.run.id for one in published}
        left: list[Fate] = []
        for one in published:
            left += self._compare_run(day, one, state, booked[one.run.id])
        for run_id, head in heads.items():
            if head.code in gone and run_id not in said:
                left += self._remove(day, known[run_id], head, state, booked[run_id])
        if left:
            _Seats(self._town, self._records, self, day, state).find(left, {one.run.id: one.code for one in published})

    def _compare_run(self, day: date, one: Published, state: _Day, booked: Sequence[tables.Booking]) -> list[Fate]:
        """Compare one run; give the bookings that it cannot carry."""
        known = state.known.get(one.run.id)
        if known is None and one.run.id in self._steered:
            self._add(one, day, HELD)
            return []
        if known is None:
            state.runs[one.run.id] = one.run
            self._writes[one.run.id] = Write(one.run.id, None, one.run, one, labels=one.labels)
            self._add(one, day, NEW)
            return []
        labels, members = state.beside[one.run.id]
        found = tuple(rescheduling.changes(known, one.run))
        renamed = self._is_renamed(one, state, labels, members)
        if not found and not renamed:
            self._add(one, day, UNCHANGED)
            return []
        diff = {"changes": found, "before": labels, "after": one.labels, "renamed": renamed}
        if self._is_under_way(known):
            self._add(one, day, HELD, **diff)
            return []
        carried = rescheduling.carry(known, self._without_absent(day, one), self._town.roads)
        if self._spare and carried.left:
            self._add(one, day, HELD, **diff)
            return []
        fates = [_fate(row, carried) for row in booked]
        added = {stop: text for row in booked for stop, text in _labels_of(row, carried.run).items()}
        dropped = frozenset(ride.id for ride in carried.left)
        state.runs[known.id] = carried.run
        self._writes[known.id] = Write(known.id, known.revision, carried.run, one, dropped, {**added, **one.labels})
        self._add(one, day, CHANGED, fates=tuple(fates), **diff)
        return [fate for fate in fates if fate.kind == LOST]

    def _is_renamed(self, one: Published, state: _Day, labels: Labels, members: Mapping[str, str]) -> bool:
        own = {stop: text for stop, text in labels.items() if stop in one.labels}
        head = state.heads[one.run.id]
        return own != one.labels or dict(members) != one.members or (head.code, head.name) != (one.code, one.name)

    def _is_under_way(self, known: Run) -> bool:
        """Has the vehicle begun, did a dispatcher change it for its date, or is it too near for residents aboard?"""
        past = bool(known.done) or known.id in self._told or known.id in self._steered
        return past or bool(known.residents and self._town.freeze(known).fixed)

    def _without_absent(self, day: date, one: Published) -> Run:
        """Take off a run who said that they do not come: residents may have their seats, and their minutes."""
        run = one.run
        if day in self._absent:
            for ride in attendance.leaving(self._town, self._records, run, one.members):
                run = absence.take_off(run, {ride.id}, self._town.roads) or run
        return run

    def _remove(
        self, day: date, known: Run, head: tables.Run, state: _Day, booked: Sequence[tables.Booking]
    ) -> list[Fate]:
        under_way = self._is_under_way(known) or bool(self._town.freeze(known).fixed)
        kind = HELD if under_way or (self._spare and booked) else REMOVED
        fates = () if kind == HELD else tuple(Fate(row, LOST) for row in booked)
        before = state.beside.get(known.id, ({}, {}))[0]
        self._diffs.append(RunDiff(known.id, head.code, head.name, day, kind, fates=fates, before=before))
        if kind == REMOVED:
            state.runs.pop(known.id, None)
            dropped = frozenset(ride.id for ride in known.residents)
            self._writes[known.id] = Write(known.id, known.revision, None, dropped=dropped)
        return list(fates)

    def _add(self, one: Published, day: date, kind: str, **more: Any) -> None:
        self._diffs.append(RunDiff(one.run.id, one.code, one.name, day, kind, **more))

    # What a search for other seats settles

    def settle(self, fate: Fate) -> None:
        self.fates[fate.booking.id] = fate

    def fall_away(self, trip: tables.Booking) -> list[Fate]:
        """Let everything go that follows a trip without a seat; give the bookings among it."""
        returns, waiting = booking.following(self._records, trip)
        self._unserved += [row.id for row in waiting]
        lost = [Fate(row, LOST, with_trip=True) for row in returns]
        shown = {fate.booking.id for one in self._diffs for fate in one.fates}
        for fate in lost:
            self.settle(fate)
            if fate.booking.id not in shown:
                head = self._records.get_run_head(fate.booking.run_id)
                day = fate.booking.service_date
                self._diffs.append(RunDiff(head.id, head.code, head.name, day, OTHER, fates=(fate,)))
        return lost

    def take_off(self, row: tables.Booking, run: Run) -> None:
        """Write that a run, the schedule's own or another's, lets a ride go."""
        old = self._writes.get(run.id) or Write(run.id, run.revision, run)
        self._writes[run.id] = replace(old, run=without(run, row.ride_id), dropped=old.dropped | {row.ride_id})

    def take_on(self, run: Run, labels: Labels) -> None:
        """Write that a run takes a ride on."""
        old = self._writes.get(run.id) or Write(run.id, run.revision, run)
        self._writes[run.id] = replace(old, run=run, labels={**old.labels, **labels})


class _Seats:
    """Finds other seats on one service date, on all runs of the town as they would be."""

    def __init__(self, town: Town, records: Records, comparing: _Comparing, day: date, state: _Day) -> None:
        self._town, self._records, self._comparing, self._day = town, records, comparing, day
        others = {run.id: run for run in records.list_runs(day) if run.id not in state.known}
        self._runs = {name: town.freeze(run) for name, run in {**others, **state.runs}.items()}
        self._heads = {head.id: head.code for head in records.run_heads(day)}

    def find(self, left: Sequence[Fate], codes: Mapping[str, str]) -> None:
        """Try to seat each, those picked up first at first; what follows a trip that finds none falls away with it."""
        new = {name: codes[name] for name in self._runs if name not in self._heads}
        lost: set[str] = set()
        for fate in sorted(left, key=lambda one: (one.booking.pickup, one.booking.id)):
            if fate.booking.id in lost:
                continue
            placed = self._place(fate.booking, new, {**self._heads, **codes})
            self._comparing.settle(placed)
            if placed.kind == LOST:
                lost |= self._fall_away(fate.booking)

    def _fall_away(self, trip: tables.Booking) -> set[str]:
        gone = self._comparing.fall_away(trip)
        for fate in gone:
            run = self._runs.get(fate.booking.run_id)
            if run is not None and any(ride.id == fate.booking.ride_id for ride in run.rides):
                self._comparing.take_off(fate.booking, run)
                self._runs[run.id] = without(run, fate.booking.ride_id)
        return {fate.booking.id for fate in gone}

    def _place(self, row: tables.Booking, new: Mapping[str, str], codes: Mapping[str, str]) -> Fate:
        """Seat a booking anew within what its rider once asked for, as near to the promised minute as can be."""
        request, rider = self._records.get_request(row.request_id), self._records.get_user(row.rider_id)
        runs = list(self._runs.values())
        bounded = rules.bounded(self._records, runs)
        wide = agreements.opened(self._records, bounded, new, people=request.people)
        opened = [run for run in wide if self._town.is_drivable(run)]
        wish = wishes.trip_request(self._town, request, rider, runs)
        found = offers.offers(wish, opened, self._town.roads)
        for offer in sorted(() if isinstance(found, offers.Refusal) else found, key=lambda one: _shift(one, row)):
            placed = offers.place(offer, wish, next(run for run in opened if run.id == offer.run), self._town.roads)
            if placed is not None and not self._is_elsewhere(row, offer):
                return self._seat(row, request, offer, placed, codes)
        return Fate(row, LOST)

    def _is_elsewhere(self, row: tables.Booking, offer: Offer) -> bool:
        """Does the rider travel otherwise at that time, on what they have booked or were given here instead?"""
        for other in self._records.list_bookings(rider_id=row.rider_id, service_date=self._day, status="booked"):
            fate = self._comparing.fates.get(other.id)
            if other.id == row.id or (fate and fate.kind == LOST):
                continue
            ends = (fate.seat.pickup, fate.seat.dropoff) if fate and fate.seat else (other.pickup, other.dropoff)
            if ends[0] < offer.dropoff_time and offer.pickup_time < ends[1]:
                return True
        return False

    def _seat(
        self, row: tables.Booking, request: tables.Request, offer: Offer, placed: Run, codes: Mapping[str, str]
    ) -> Fate:
        ride = next(ride for ride in placed.rides if ride.id == offer.ride.id)
        ends = [(offer.pickup, request.origin_label), (offer.dropoff, request.destination_label)]
        words = tuple(booking.label_of(self._town, point, door) for point, door in ends)
        kept = replace(placed, policy=replace(self._runs[offer.run].policy, quota=placed.policy.quota))
        scheduled = {stop.id for stop in kept.stops if stop.scheduled}
        labels = {
            stop: (text, True) for stop, text in zip((ride.pickup, ride.dropoff), words, strict=True)
            if stop not in scheduled
        }  # fmt: skip
        self._comparing.take_on(kept, labels)
        self._runs[offer.run] = kept
        seat = Seat(offer.run, codes[offer.run], offer.pickup_time, offer.dropoff_time, ride, (words[0], words[1]))
        return Fate(row, PLACED, offer.pickup_time - row.pickup, seat)


def _shift(offer: Offer, row: tables.Booking) -> tuple[int, str]:
    return abs(offer.pickup_time - row.pickup), offer.run


def _fate(row: tables.Booking, carried: rescheduling.Carried) -> Fate:
    if row.ride_id not in carried.moved:
        return Fate(row, LOST)
    begins = [at for at in carried.moved[row.ride_id] if abs(at) >= 60]
    return Fate(row, MOVES, begins[0]) if begins else Fate(row, STAYS)


def _labels_of(row: tables.Booking, run: Run) -> Labels:
    """Name the stops that a booking's ride added to a run, which only its driver may read."""
    scheduled = {stop.id for stop in run.stops if stop.scheduled}
    rides = [ride for ride in run.rides if ride.id == row.ride_id]
    ends = [(ride.pickup, row.pickup_label) for ride in rides] + [(ride.dropoff, row.dropoff_label) for ride in rides]
    return {stop: (text, True) for stop, text in ends if stop not in scheduled}


def _digest(diffs: Iterable[RunDiff], writes: Iterable[Write]) -> str:
    """Sum up what is shown: which runs at which revision become what, and what becomes of each booking."""
    said: list[Any] = [[one.run, one.kind, [_said(fate) for fate in one.fates]] for one in diffs]
    said.append([[one.id, -1 if one.base is None else one.base] for one in writes])
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


def _said(fate: Fate) -> list[Any]:
    seat = [fate.seat.run, fate.seat.pickup, fate.seat.dropoff] if fate.seat else []
    return [fate.booking.id, fate.kind, fate.moved // 60, *seat]


# Writing it


def apply(town: Town, door: Door, comparison: Comparison, *, actor: str | None) -> None:
    """Write what was compared. Raises Outdated when any of it is no longer as it was."""
    now = door.list_revisions(comparison.runs)
    begun = set(door.run_ids_with_events(town.today()))
    for one in comparison.writes:
        own = one.published is not None or one.run is None
        if now.get(one.id) != one.base or (own and one.id in begun):
            raise Outdated("changed meanwhile")
    still = [door.get_booking(fate.booking.id).status for fate in comparison.list_fates(PLACED, LOST)]
    if any(status != "booked" for status in still):
        raise Outdated("changed meanwhile")
    for one in comparison.writes:
        _write(door, one, actor)
    for fate in comparison.list_fates(PLACED, LOST):
        _end(door, fate)
    for fate in comparison.list_fates(PLACED):
        _seat(town, door, fate, comparison)
    for request_id in comparison.unserved:
        _unserve(door, request_id)
    for one in comparison.writes:
        if one.run is None:
            door.remove(one.id, cause="published", actor=actor, dropped=one.dropped)


def _write(door: Door, one: Write, actor: str | None) -> None:
    if one.run is None:
        return
    run = one.run if one.base is None else replace(one.run, revision=one.base)
    if one.published is None:
        door.keep(run, cause="replaced", actor=actor, labels=one.labels)
        return
    head = RunHead(one.published.code, one.published.name)
    door.keep(
        run,
        cause="published",
        actor=actor,
        labels=one.labels,
        members=one.published.members,
        head=head,
        as_published=True,
        dropped=one.dropped,
    )


def _end(door: Door, fate: Fate) -> None:
    """End a booking; whoever gets no other seat is told so."""
    row = door.get_booking(fate.booking.id)
    row.status, row.cancelled_at = "cancelled", door.now()
    door.put(row)
    if fate.seat is None:
        _unserve(door, row.request_id)
        messages.tell(door, "withdrawn", row.rider_id, {"booking": row.id})


def _unserve(door: Door, request_id: str) -> None:
    request = door.get_request(request_id)
    request.status = "cancelled"
    door.put(request)


def _seat(town: Town, door: Door, fate: Fate, comparison: Comparison) -> None:
    """Book the other seat and tell its rider. Raises Outdated where they booked something at that time meanwhile."""
    row, seat = fate.booking, fate.seat
    run = next((one.run for one in comparison.writes if seat and one.id == seat.run), None)
    request = door.get_request(row.request_id)
    if seat is None or run is None or booking.is_travelling(door, request, seat.pickup, seat.dropoff):
        raise Outdated("changed meanwhile")
    begin = (seat.pickup, seat.dropoff)
    made = booking.booking_of(town, request, run, seat.ride, begin, key=f"moved-{row.id}")
    made.pickup_label, made.dropoff_label = seat.labels
    made.answer_by = row.answer_by
    door.put(made)
    messages.tell(door, "moved", row.rider_id, {"booking": made.id})
