"""Re-planning for residents and never against them, and the check that every promise ever made was kept."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from matching import offers, promises, schedule, steering
from matching.insertion import reinsert
from matching.model import Broken, Rule, Run
from matching.plan import drive_of
from matching.rides import without
from webapp import searching
from webapp.db import tables
from webapp.db.store import Door, PromiseBroken, Records, Revision
from webapp.services import agreements, answering, booking, rules, wishes
from webapp.town import Town

LOG = logging.getLogger(__name__)
ITS_OWN = frozenset({Rule.BELL, Rule.WINDOW, Rule.MAX_RIDE})
"""What a schedule may be unable to keep by itself: its dispatcher was told, and no resident may make it worse."""

BREAKDOWNS = ("broke down", "repaired")
"""Causes of revisions at which riders leave a vehicle on its way, or board it again."""


@dataclass(frozen=True, slots=True)
class Replanned:
    """What a re-planning did: parties served before and after, requests newly booked, driving before and after (s).

    upper_bound: parties that any plan could serve at most, those with a seat counted. fault: why the search gave
    nothing that could be used, in one word; every run is then as it was. stale: runs whose new plan no longer fitted
    what they had become; they stay as they are, and are planned anew the next time. changed: runs that were changed.
    """

    before: int
    after: int
    booked: tuple[str, ...]
    drive_before: int
    drive_after: int
    upper_bound: int
    fault: str = ""
    stale: int = 0
    changed: int = 0


def replan(town: Town, day: date, *, seconds: float) -> Replanned:
    """Re-plan a service date for at most `seconds`, book what the waiting list gains, and tell or ask those riders.

    The plan is made with no transaction open; each run then goes through the write door, rebased on what it became
    meanwhile. The search is another process, and its plan is judged before (`webapp.searching`): where it gives none,
    everything stays, and `fault` says why. A run that no longer fits its plan stays as it is. A run that is late takes
    part, as long as nothing gets worse; a return waits until its outbound trip has a seat.
    """
    with town.store.read() as records:
        runs = _opened(records, [town.freeze(run) for run in records.list_runs(day)])
        waiting = [row for row in records.list_requests(service_date=day, status="waiting") if _may_ride(records, row)]
        riders = {row.rider_id: records.get_user(row.rider_id) for row in waiting}
        refusals = {row.id: wishes.count_refusals(records, row) for row in waiting}
    if not runs:
        return Replanned(before=0, after=0, booked=(), drive_before=0, drive_after=0, upper_bound=0)
    asked = [wishes.trip_request(town, row, riders[row.rider_id], runs, refusals=refusals[row.id]) for row in waiting]
    now = town.seconds_now(day)
    asked = [replace(wish, asked_at=max(wish.asked_at, now)) for wish in asked]
    open_runs = [run for run in runs if run.policy.riders and town.is_drivable(run)]
    held, drive = sum(len(run.residents) for run in open_runs), sum(drive_of(run, town.roads) for run in open_runs)
    try:
        plan = searching.replan(
            open_runs, asked, town.roads, seconds=seconds, objective=town.objective, bound_seconds=min(5, seconds)
        )
    except searching.NoPlan as none:
        LOG.warning("the plan of %s stays as it is: %s", day, none.why)
        return Replanned(held, held, (), drive, drive, upper_bound=0, fault=none.why)
    rows = {row.id: row for row in waiting}
    old = {run.id: run for run in open_runs}
    answers = [_commit(town, run, rows) for run in plan.runs if run != old[run.id]]
    booked = [name for answer in answers for name in answer or ()]
    return Replanned(
        plan.before,
        plan.before + len(booked),
        tuple(booked),
        plan.drive_before,
        plan.drive_after,
        plan.upper_bound,
        stale=answers.count(None),
        changed=len(answers) - answers.count(None),
    )


def _opened(records: Records, runs: Sequence[Run]) -> list[Run]:
    """Give runs as the town's rules and the agreements open them to one more resident."""
    return agreements.opened(records, rules.bounded(records, runs), people=1)


def _may_ride(records: Records, row: tables.Request) -> bool:
    """Is a request's outbound trip booked, where it follows one?"""
    return wishes.outbound(records, row) == row.after


def _commit(town: Town, planned: Run, waiting: dict[str, tables.Request]) -> list[str] | None:
    """Take one planned run through the door; give the requests that it newly books, None where it no longer fits."""

    def change(door: Door) -> list[str] | None:
        current, rows = town.freeze(door.get_run(planned.id)), _still_wanted(door, planned, waiting, town)
        door.hold_agreements(current.operator)
        if _opened(door, [current])[0].policy != planned.policy:
            return None
        wanted = _admitted(door, current, rows)
        new = rebase(planned, current, wanted, town)
        if new is None:
            return None
        begin = {visit.stop.id: visit.begin for visit in schedule.timetable(new, town.roads)}
        made = []
        for name in sorted(wanted & {ride.id for ride in new.rides}):
            new, row = _promise(new, name, begin), rows[name]
            ride = next(ride for ride in new.rides if ride.id == name)
            one = booking.booking_of(town, row, new, ride, (begin[ride.pickup], begin[ride.dropoff]))
            if not row.at_once:
                latest = _answer_by(door, town, row, new, begin[ride.pickup])
                one.answer_by = latest or door.now() + answering.SHORTEST
            made.append((row, one))
        booking.enter(door, new, made, cause="replanned")
        return [row.id for row, _ in made]

    riders = {waiting[ride.id].rider_id for ride in planned.residents if ride.id in waiting}
    try:
        return town.store.commit(change, runs=[planned.id], riders=riders, times=town.roads)
    except PromiseBroken:
        return None


def _answer_by(door: Door, town: Town, row: tables.Request, run: Run, pickup: int) -> datetime | None:
    """Until when has the rider of a request to say yes? None where there is no time left to ask."""
    return answering.deadline(door, town, wishes.service_date(row), pickup, run.policy)


def _admitted(door: Door, run: Run, rows: dict[str, tables.Request]) -> set[str]:
    """Give the requests, longest waiting first, whom the agreements that cover a run admit in all."""
    left, admitted = agreements.left_on(door, run), set[str]()
    for row in sorted(rows.values(), key=lambda row: (row.created_at, row.id)):
        if left is None or row.people <= left:
            admitted.add(row.id)
            left = None if left is None else left - row.people
    return admitted


def _still_wanted(
    door: Door, planned: Run, waiting: dict[str, tables.Request], town: Town
) -> dict[str, tables.Request]:
    """Give the newly planned requests that wait for a seat now, and whose rider is then not on another trip."""
    begin = {visit.stop.id: visit.begin for visit in schedule.timetable(planned, town.roads)}
    rows: dict[str, tables.Request] = {}
    for ride in planned.residents:
        if ride.id in waiting:
            row = door.get_request(ride.id)
            twice = row.rider_id in {other.rider_id for other in rows.values()}
            askable = row.at_once or _answer_by(door, town, row, planned, begin[ride.pickup]) is not None
            elsewhere = booking.is_travelling(door, row, begin[ride.pickup], begin[ride.dropoff])
            if row.status == "waiting" and askable and not twice and not elsewhere and _may_ride(door, row):
                rows[ride.id] = row
    return rows


def rebase(planned: Run, current: Run, wanted: set[str], town: Town) -> Run | None:
    """Carry a plan over to what its run has become: cancelled rides leave it, rides booked meanwhile are put in.

    wanted: the newly planned rides that are still wanted. None when a ride booked meanwhile finds no place in the plan,
    and when somebody said meanwhile that a committed rider does not come, or comes after all.
    """
    if (planned.absent, planned.skipped) != (current.absent, current.skipped):
        return None
    held = {ride.id for ride in current.rides}
    new = replace(
        planned,
        policy=replace(current.policy, quota=planned.policy.quota),
        revision=current.revision,
        done=current.done,
        reached=current.reached,
        frozen=current.frozen,
    )
    for ride in planned.residents:
        if ride.id not in held | wanted:
            new = without(new, ride.id)
    for ride in current.residents:
        if ride.id not in {one.id for one in new.rides}:
            places = {stop.id: stop.place for stop in current.stops}
            placed = reinsert(ride, (places[ride.pickup], places[ride.dropoff]), new, town.roads)
            if placed is None:
                return None
            new = placed
    return new


def _promise(run: Run, ride_id: str, begin: dict[str, int]) -> Run:
    """Narrow a newly planned ride's windows to what its rider is told."""
    rides = tuple(
        offers.promised(ride, run.policy, begin[ride.pickup], begin[ride.dropoff]) if ride.id == ride_id else ride
        for ride in run.rides
    )
    return replace(run, rides=rides)


@dataclass(frozen=True, slots=True)
class Fault:
    """A promise that was found broken, at which revision of which run."""

    run: str
    revision: int
    broken: Broken


def verify(town: Town, day: date | None = None) -> tuple[int, list[Fault]]:
    """Judge every revision that every run ever had, and every booking: how many revisions were judged, and the faults.

    What a schedule cannot keep by itself is its operator's to mend, and no fault while only its own riders are on it.
    """
    with town.store.read(anew=True) as records:
        ids = records.all_run_ids(day)
        histories = {run_id: records.history(run_id) for run_id in ids}
        current = {run_id: records.get_run(run_id) for run_id in ids}
        bookings = [b for run_id in ids for b in records.list_bookings(run_id=run_id, status="booked")]
    faults = []
    for run_id, history in histories.items():
        faults += [Fault(run_id, number, one) for number, one in _misplanned(history, town)]
        whole = [entry.number for entry in history] == [*range(current[run_id].revision + 1)]
        if not whole or _plan(current[run_id]) != _plan(history[-1].run):
            faults.append(Fault(run_id, current[run_id].revision, Broken(Rule.STOPS, "history")))
    judged = sum(bool(entry.run.stops) for history in histories.values() for entry in history)
    return judged, faults + _unkept(current, bookings) + _unlinked(current)


def _plan(run: Run) -> Run:
    """Leave out of a run what its vehicle has done since."""
    return replace(run, done=0, reached=(), frozen=0)


def _misplanned(history: list[Revision], town: Town) -> Iterator[tuple[int, Broken]]:
    before: Run | None = None
    for entry in (one for one in history if one.run.stops):
        published = entry.cause == "published"
        if before is not None:  # the vehicle was by then where this entry says
            before = replace(before, done=entry.run.done, reached=entry.run.reached)
        held_to = _held_to(entry, before)
        stranded = steering.exchanged(held_to, entry.run) if held_to and entry.cause in BREAKDOWNS else ()
        for fault in promises.broken(entry.run, town.roads, held_to, stranded=stranded):
            if not (published and fault.rule in ITS_OWN and not entry.run.residents):
                yield entry.number, fault
        before = entry.run


def _held_to(entry: Revision, before: Run | None) -> Run | None:
    """Give the plan that a revision may be no worse than; residents on a new schedule make it no worse than itself."""
    if entry.cause != "published":
        return before
    return schedule.baseline(entry.run) if entry.run.residents else None


def _unlinked(current: dict[str, Run]) -> list[Fault]:
    """Every ride that follows another still has that other on its day."""
    lost = {one.where: one for one in promises.unlinked(current.values())}
    return [
        Fault(run.id, run.revision, lost[ride.id]) for run in current.values() for ride in run.rides if ride.id in lost
    ]


def _unkept(current: dict[str, Run], bookings: list[tables.Booking]) -> list[Fault]:
    """Every booking is a ride of its own at its promised time, and every resident aboard has a booking."""
    told = Counter((one.run_id, one.ride_id) for one in bookings)
    twice = [one for one, count in told.items() if count > 1]
    faults = [Fault(run_id, current[run_id].revision, Broken(Rule.SEATS, ride, 1)) for run_id, ride in twice]
    for one in bookings:
        run = current[one.run_id]
        ride = next((ride for ride in run.rides if ride.id == one.ride_id), None)
        if ride is None or one.pickup not in ride.board or ride.alight.latest < one.dropoff - 60:
            faults.append(Fault(run.id, run.revision, Broken(Rule.WINDOW, one.ride_id)))
    for run in current.values():
        untold = (ride for ride in run.residents if (run.id, ride.id) not in told)
        faults += [Fault(run.id, run.revision, Broken(Rule.WHO, ride.id)) for ride in untold]
    return faults
