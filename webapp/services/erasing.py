"""Erase one person: what is to come is given back by the usual doors, then rows go, or keep an id that names nobody.

In order: trips to come are cancelled (drivers see that), waiting ends, weekly trips end, helpers and families are let
go and told, then everything known of the person goes. Figures, fares and the histories of runs stay, without them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from webapp import service_day
from webapp.db import tables
from webapp.db.store import Door, Records
from webapp.files.scheduled import ScheduledRun
from webapp.services import access_log, booking, codes, proxies, retention, series, service_dates
from webapp.services.errors import Conflict, NotFound
from webapp.town import Town


@dataclass(frozen=True, slots=True)
class Erasing:
    """What erasing somebody does, or did: trips given back, things ended, and rows that went, by table.

    done: was it done, now or before? rows: empty while it was not.
    """

    subject: str
    cancelled: tuple[date, ...] = ()
    waiting: int = 0
    weekly: int = 0
    helpers: int = 0
    consents: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    done: bool = False


def find_resident(town: Town, said: str) -> tables.User:
    """Find the one resident of an id, an e-mail address, a phone number or a card's number. Raises NotFound."""
    text = said.strip()
    digits = "".join(filter(str.isdigit, text))
    with town.store.read() as records:
        user = records.find_user(id=text) or records.find_user(email=text.lower())
        card = records.find_card(number=digits) if digits else None
        user = user or (records.get_user(card.user_id) if card else None)
        if user is None and len(digits) >= proxies.SHORTEST_NUMBER:
            same = records.list_users_by_phone(digits.lstrip("0")[-9:], role="resident")
            user = same[0] if len(same) == 1 else None
        known = user is not None and ("resident" in user.roles or records.find_erased(user.id) is not None)
    if user is None or not known:
        raise NotFound("person")
    return user


def plan_resident(town: Town, user_id: str) -> Erasing:
    """Say what erasing a resident would do. Raises NotFound."""
    with town.store.read() as records:
        if records.find_erased(user_id):
            return Erasing(user_id, done=True)
        records.get_user(user_id)
        return _plan(town, records, user_id)


def erase_resident(town: Town, user_id: str, *, by: str) -> Erasing:
    """Erase all that is known of a resident; once more changes nothing, and what was interrupted is finished.

    by: who does so: an id, or a word for whoever works at the command line.

    Raises Conflict while they are on a vehicle, NotFound.
    """
    plan = plan_resident(town, user_id)
    if plan.done:
        return plan
    with town.store.read() as records:
        coming = _coming(town, records, user_id)
        waiting = records.list_requests(status="waiting", rider_id=user_id)
        weekly = records.list_series(rider_id=user_id)
        helpers = [*records.list_proxies(rider_id=user_id), *records.list_proxies(helper_id=user_id)]
    for trip in coming:
        try:
            booking.cancel(town, trip.id, actor=user_id)
        except Conflict as served:
            raise Conflict("under way") from served
    for row in waiting:
        booking.stop_waiting(town, row.id)
    for one in weekly:
        series.stop(town, one.id, user_id, actor=user_id)
    for helper in helpers:
        proxies.end(town, helper.id, user_id, actor=user_id)
    rows = town.store.commit(lambda door: door.erase_resident(user_id, by=by), rider=user_id)
    town.store.scrub()
    return Erasing(
        user_id, plan.cancelled, plan.waiting, plan.weekly, plan.helpers, plan.consents, dict(rows), done=True
    )


def subject_of(town: Town, operator: str, code: str) -> str:
    """Name an erased member so that nobody can tell from it who that was."""
    return codes.pseudonym(town.settings.secret_key, "erased", f"{operator}\n{code}")[:32]


def plan_member(town: Town, operator: str, code: str) -> Erasing:
    """Say what erasing an operator's member would do. Raises NotFound, Conflict while a schedule in force has them."""
    subject = subject_of(town, operator, code)
    with town.store.read() as records:
        known = code in records.list_member_codes(operator)
        if not known:
            if records.find_erased(subject):
                return Erasing(subject, done=True)
            raise NotFound("member")
        ahead = records.list_member_runs(operator, code, town.today())
        plans = service_dates.list_plans(records, town.today(), operator)
        if ahead or any(code in _members(run) for plan in plans for run in plan.file.runs):
            raise Conflict("scheduled")
        consents = len(records.list_consents(operator=operator, member=code))
        guardians = len(records.list_guardians(operator=operator, member=code))
    return Erasing(subject, helpers=guardians, consents=consents)


def erase_member(town: Town, operator: str, code: str, *, by: str) -> Erasing:
    """Erase all that is known of a member who is on no schedule any more, old schedules included.

    Files of the operator that nobody took in yet are dropped, too: nobody can tell whom they name.
    """
    plan = plan_member(town, operator, code)
    if plan.done:
        return plan
    with town.store.read() as records:
        old = retention.list_outdated_schedules(records, town.today(), operator)
    for one in old:
        town.store.commit(lambda door, one=one: door.forget_schedule(one))  # type: ignore[misc]

    def change(door: Door) -> dict[str, int]:
        key = access_log.member_key(operator, code)
        return door.erase_member(operator, code, subject=plan.subject, key=key, by=by)

    rows = town.store.commit(change)
    town.store.scrub()
    return Erasing(plan.subject, helpers=plan.helpers, consents=plan.consents, rows=dict(rows), done=True)


def _plan(town: Town, records: Records, user_id: str) -> Erasing:
    coming = _coming(town, records, user_id)
    told = {one.id for one in (*records.list_consents(subject=user_id), *records.list_consents(user_id=user_id))}
    helpers = [*records.list_proxies(rider_id=user_id), *records.list_proxies(helper_id=user_id)]
    return Erasing(
        subject=user_id,
        cancelled=tuple(one.service_date for one in coming),
        waiting=len(records.list_requests(status="waiting", rider_id=user_id)),
        weekly=len(records.list_series(rider_id=user_id)),
        helpers=len(helpers),
        consents=len(told),
    )


def _coming(town: Town, records: Records, user_id: str) -> list[tables.Booking]:
    """List the trips that can still be given back. Raises Conflict while somebody is under way."""
    zone, now = town.settings.timezone, town.clock()
    booked = records.list_bookings(rider_id=user_id, status="booked")
    ahead = [one for one in booked if service_day.instant_of(one.dropoff, one.service_date, zone) >= now]
    if any(_is_under_way(records, one) for one in ahead):
        raise Conflict("under way")
    return ahead


def _is_under_way(records: Records, trip: tables.Booking) -> bool:
    told = [one.kind for one in records.list_events(trip.run_id) if one.ride_id == trip.ride_id]
    return bool(told) and told[-1] == "boarded"


def _members(run: ScheduledRun) -> Iterable[str]:
    return (rider.code for stop in run.stops for rider in (*stop.riders_on, *stop.riders_off))
