"""What is known of a driver's device: what it showed, what was acknowledged, whether the run was closed, who asks."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from matching.schedule import timetable
from webapp import service_day
from webapp.db import tables
from webapp.db.store import Busy, Door, Records
from webapp.services import messages
from webapp.services.errors import NotFound
from webapp.town import Town

SEEN_EVERY = timedelta(minutes=1)
"""How often it is written down that a device asked: polling stays cheap."""
CLOSE_WITHIN = timedelta(minutes=3)
"""From the end of a run until it should have been closed; the job that tells the desk looks once a minute."""
ASKED_SINCE = timedelta(hours=18)
ALARMED = ("desk", "dispatcher")


@dataclass(frozen=True, slots=True)
class Unclosed:
    """A run that nobody closed although it should be over; `aboard` counts parties not known to have got off."""

    head: tables.Run
    since: datetime
    told: bool


@dataclass(frozen=True, slots=True)
class Remark:
    """What a driver wants others to know (note) or to do (call): about a rider, where `rider` names one."""

    event: tables.Event
    head: tables.Run
    driver: str
    rider: str
    phone: str


def seen(town: Town, run_id: str, revision: int) -> None:
    """Note that a device asked for a run and showed a revision, at most once a minute unless that is a newer one."""
    now = town.clock()
    at, shown = town.seen_runs.get(run_id, (datetime.min, -1))
    if shown >= revision and at <= now < at + SEEN_EVERY:
        return

    def change(door: Door) -> None:
        watch = _watch(door, run_id, revision)
        watch.seen_at, watch.seen_revision = door.now(), max(watch.seen_revision, revision)
        door.put(watch)

    try:
        town.store.commit(change, runs=[run_id])
    except Busy:  # whoever asks next writes it down
        return
    town.seen_runs[run_id] = (now, revision)


def acknowledge(door: Door, head: tables.Run, revision: int) -> bool:
    """Note that the driver has read a run up to a revision; False when that was known."""
    watch = _watch(door, head.id, head.revision)
    read = min(revision, head.revision)
    if read <= watch.acknowledged:
        return False
    watch.acknowledged, watch.acknowledged_at = read, door.now()
    door.put(watch)
    return True


def close(door: Door, head: tables.Run, *, at: datetime, actor: str) -> None:
    """Note that the driver ended a run, with everybody accounted for and every seat looked at."""
    watch = _watch(door, head.id, head.revision)
    watch.closed_at, watch.closed_by = at, actor
    door.put(watch)


def list_unclosed(town: Town, now: datetime, operator: str | None = None) -> list[Unclosed]:
    """List the runs that a device asked for and nobody closed, some minutes after they should have ended.

    A run ends when its last stop is left, or at the time that is expected of it. Of runs that no device ever asked for
    nothing is known here.
    """
    zone = town.settings.timezone
    found = []
    with town.store.read() as records:
        for watch, head in records.list_open_watches(service_day.today(now, zone) - timedelta(days=1)):
            if operator not in (None, head.operator_id):
                continue
            run = records.get_run(head.id)
            if not run.rides or not run.stops:
                continue
            taps, last = records.list_events(head.id), run.stops[-1].id
            left = [tap.happened_at for tap in taps if tap.stop_id == last and tap.kind == "departed"]
            end = timetable(run, town.roads)[-1].departure
            ended = left[0] if left else service_day.instant_of(end, head.service_date, zone)
            if ended + CLOSE_WITHIN <= now:
                found.append(Unclosed(head, ended, watch.alarmed_at is not None))
    return found


def list_closed(town: Town, runs: Iterable[str]) -> set[str]:
    """Give those of some runs that their driver closed."""
    with town.store.read() as records:
        watches = ((run, records.find_watch(run)) for run in runs)
        return {run for run, watch in watches if watch and watch.closed_at}


def reference(ride: str) -> str:
    """Give four signs by which driver and desk name a ride on the phone, and which tell nobody else anything."""
    return hashlib.sha256(ride.encode()).hexdigest()[:4].upper()


def raise_alarms(town: Town) -> int:
    """Tell the desk and the operator's dispatchers of each unclosed run, once; count the runs."""
    return sum(_raise_alarm(town, one.head) for one in list_unclosed(town, town.clock()) if not one.told)


def _raise_alarm(town: Town, head: tables.Run) -> int:
    def change(door: Door) -> int:
        watch = door.find_watch(head.id)
        if watch is None or watch.closed_at or watch.alarmed_at:
            return 0
        for user in (user for role in ALARMED for user in door.list_users(role)):
            if user.active and user.email and ("desk" in user.roles or user.operator_id == head.operator_id):
                messages.tell(door, "unclosed", user.id, {"run": head.name or head.code, "vehicle": head.vehicle})
        watch.alarmed_at = door.now()
        door.put(watch)
        return 1

    return town.store.commit(change, runs=[head.id])


def list_remarks(town: Town, kind: str, operator: str | None = None) -> list[Remark]:
    """List the notes, or the calls that are asked for and not answered yet, of the last hours; newest first."""
    since = town.clock() - ASKED_SINCE
    with town.store.read() as records:
        told = records.list_told_of_kinds((kind, "answered"), since)
        answered = {event.about for event, _ in told if event.kind == "answered"}
        found = []
        for event, head in reversed(told):
            if event.kind != kind or event.id in answered or operator not in (None, head.operator_id):
                continue
            driver = records.find_user(id=event.actor) if event.actor else None
            rider, phone = _rider(records, event, head, members=operator is not None)
            found.append(Remark(event, head, driver.name if driver else "", rider, phone))
    return found


def _rider(records: Records, event: tables.Event, head: tables.Run, *, members: bool) -> tuple[str, str]:
    """Name who is meant, and a resident's number; an operator's own riders only where its own people ask."""
    booked = [one for one in records.list_bookings(run_id=head.id) if event.ride_id and one.ride_id == event.ride_id]
    if booked:
        user = records.get_user(booked[-1].rider_id)
        return user.name, user.phone
    code = records.run_members(head.id).get(event.ride_id, "") if members else ""
    member = records.list_members(head.operator_id).get(code)
    return (member.name if member else code), ""


def answer(town: Town, event_id: str, *, actor: str, operator: str | None = None) -> None:
    """Put a note or a call away, once. Raises NotFound for another operator's."""
    known: Sequence[Remark] = [one for kind in ("note", "call") for one in list_remarks(town, kind, operator)]
    asked = next((one for one in known if one.event.id == event_id), None)
    if asked is None:
        raise NotFound("remark")
    now = town.clock()
    said = tables.Event(
        id=f"answered {event_id}"[:64],
        run_id=asked.head.id,
        stop_id="",
        kind="answered",
        happened_at=now,
        received_at=now,
        actor=actor,
        about=event_id,
    )
    town.store.commit(lambda door: door.add_event(said), runs=[asked.head.id])


def _watch(door: Door, run_id: str, revision: int) -> tables.RunWatch:
    """Give what is known of a run's device; one that asks for the first time is shown all, so it has read all."""
    return door.find_watch(run_id) or tables.RunWatch(run_id=run_id, acknowledged=revision)
