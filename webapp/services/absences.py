"""Guardians, operators and the desk say who does not come when, and take that back."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from matching import absence
from webapp.db import tables
from webapp.db.store import Door, PromiseBroken, Records
from webapp.services import attendance, messages, planning
from webapp.services.errors import Invalid, NotAllowed, NotFound
from webapp.town import Town

LONGEST = 366
"""Days from the first to the last that one absence may span."""
SOLVE_SECONDS = 1
"""Seconds for which seats are looked for on a date on which somebody waits: whoever reports an absence waits too."""
MOST_NOTICE = 7 * 86_400
WEEK, LEAST_WEEKS = 7, 3
"""Days of a week, and weeks on end with the same weekdays that are called by these."""


class _Promised(Exception):
    """The seat or the minutes of somebody who was absent are somebody else's by now."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member of an operator; `key` is what addresses call them, and tells nothing."""

    operator: str
    member: str
    name: str

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.operator}\n{self.member}".encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Told:
    """What became of an absence: the dates that hold now, and those whose deadline had passed."""

    absent: tuple[date, ...]
    too_late: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class Back:
    """What became of a withdrawal: dates on which the member comes again, and those whose seat had been promised."""

    comes: tuple[date, ...]
    promised: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class Away:
    """Days on which a member does not come: all from `first` to `last`, or those of some weekdays (Monday is 0).

    wanted_back: was the member to come after all, in vain? Then a dispatcher has to look at it.
    """

    first: date
    last: date
    wanted_back: bool = False
    weekdays: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Ward:
    """What a guardian may know of a member: when they do not come."""

    person: Person
    operator: str
    away: tuple[Away, ...]


def days_of(first: date, last: date, weekdays: Iterable[int] = ()) -> list[date]:
    """List the dates from `first` to `last`, or those of some weekdays among them (Monday is 0).

    Raises Invalid for a range that ends before it begins or is longer than a year, and for one without any such day.
    """
    span, wanted = (last - first).days, set(weekdays) or set(range(7))
    if not 0 <= span < LONGEST:
        raise Invalid("last")
    days = [first + timedelta(days=n) for n in range(span + 1)]
    chosen = [day for day in days if day.weekday() in wanted]
    if not chosen:
        raise Invalid("weekdays")
    return chosen


def in_order(rows: Sequence[tables.AbsentDay]) -> tuple[Away, ...]:
    """Join the days of one member, given in order: the same weekdays for weeks on end, and days in a row."""
    days = {wanted: [row.service_date for row in rows if _is_wanted(row) is wanted] for wanted in (False, True)}
    weekly = [one for wanted in days for one in _weekly(days[wanted], _in_a_row(rows), wanted_back=wanted)]
    named = {(day, one.wanted_back) for one in weekly for day in _days_of(one)}
    rest = [row for row in rows if (row.service_date, _is_wanted(row)) not in named]
    return tuple(sorted((*weekly, *_in_a_row(rest)), key=lambda one: (one.first, one.last)))


def _is_wanted(row: tables.AbsentDay) -> bool:
    return row.wanted_back_at is not None


def _weekly(days: Sequence[date], ranges: Iterable[Away], *, wanted_back: bool) -> list[Away]:
    """Find the weekdays of weeks on end; a range as long as a week is not called by its weekdays.

    Weekdays that begin and end in the same weeks are said together.
    """
    long = [(one.first, one.last) for one in ranges if (one.last - one.first).days + 1 >= WEEK]
    found: list[Away] = []
    for chain in _chains([day for day in days if not any(first <= day <= last for first, last in long)]):
        one = Away(chain[0], chain[-1], wanted_back, frozenset({chain[0].weekday()}))
        joined = ((other, _together(other, one)) for other in found)
        other, both = next(((other, both) for other, both in joined if both), (None, one))
        found = [*(kept for kept in found if kept is not other), both]
    return found


def _chains(days: Sequence[date]) -> list[list[date]]:
    """List the days that lie a week apart, three of them or more, by their first; days: in order."""
    chains: dict[date, list[date]] = {}
    for day in days:
        chain = chains.pop(day - timedelta(days=WEEK), [])
        chains[day] = [*chain, day]
    return sorted(chain for chain in chains.values() if len(chain) >= LEAST_WEEKS)


def _together(one: Away, other: Away) -> Away | None:
    """Say two lists of weekdays as one; None where that would name another day, too."""
    first, last = min(one.first, other.first), max(one.last, other.last)
    joined = replace(one, first=first, last=last, weekdays=one.weekdays | other.weekdays)
    meant = _days_of(one) | _days_of(other)
    return joined if _days_of(joined) == meant else None


def _days_of(away: Away) -> set[date]:
    return set(days_of(away.first, away.last, away.weekdays))


def _in_a_row(rows: Sequence[tables.AbsentDay]) -> tuple[Away, ...]:
    """Join the days of one member, given in order, that follow each other."""
    joined: list[Away] = []
    for row in rows:
        day, wanted = row.service_date, row.wanted_back_at is not None
        if joined and joined[-1].last + timedelta(days=1) == day and joined[-1].wanted_back == wanted:
            joined[-1] = Away(joined[-1].first, day, wanted)
        else:
            joined.append(Away(day, day, wanted))
    return tuple(joined)


# Who it is about


def members_of(town: Town, operator: str) -> list[Person]:
    """List an operator's members by name."""
    with town.store.read() as records:
        return sorted(_members(records, operator), key=lambda one: (one.name, one.member))


def get_member(town: Town, key: str, *, operator: str) -> Person:
    """Give an operator's own member. Raises NotFound for anybody else's."""
    return _one(members_of(town, operator), key)


def find_member(town: Town, code: str, *, operator: str) -> Person:
    """Give an operator's member by code. Raises NotFound."""
    found = next((one for one in members_of(town, operator) if one.member == code), None)
    if found is None:
        raise NotFound("member")
    return found


def find_staff(town: Town, email: str, *, operator: str, late: bool) -> tables.User:
    """Give who may enter an operator's absences: its dispatcher, or the desk before the deadline. Raises NotAllowed."""
    with town.store.read() as records:
        user = records.find_user(email=email.strip().lower())
    is_dispatcher = user is not None and "dispatcher" in user.roles and user.operator_id == operator
    if user is None or not (is_dispatcher or ("desk" in user.roles and not late)):
        raise NotAllowed("by")
    return user


def get_ward(town: Town, key: str, *, guardian: str) -> Person:
    """Give a member of whom a resident is the guardian. Raises NotFound for anybody else."""
    with town.store.read() as records:
        return _one(_wards(records, guardian), key)


def list_wards(town: Town, guardian: str) -> list[Ward]:
    """List the members of whom a resident is the guardian, and nothing of anybody else."""
    with town.store.read() as records:
        return [_ward(town, records, person) for person in _wards(records, guardian)]


def is_guardian(town: Town, user_id: str) -> bool:
    """Is a resident the guardian of anybody?"""
    with town.store.read() as records:
        return bool(records.list_guardians(user_id=user_id))


def _members(records: Records, operator: str) -> list[Person]:
    named = records.list_members(operator)
    codes = records.list_member_codes(operator)
    return [Person(operator, code, (named[code].name if code in named else "") or code) for code in codes]


def _wards(records: Records, guardian: str) -> list[Person]:
    rows = records.list_guardians(user_id=guardian)
    named = {operator: records.list_members(operator) for operator in {row.operator_id for row in rows}}
    people = [(row, named[row.operator_id].get(row.member)) for row in rows]
    return [Person(row.operator_id, row.member, (known.name if known else "") or row.member) for row, known in people]


def _one(people: Iterable[Person], key: str) -> Person:
    found = next((one for one in people if one.key == key), None)
    if found is None:
        raise NotFound("member")
    return found


def _ward(town: Town, records: Records, person: Person) -> Ward:
    rows = records.list_absent_days(person.operator, since=town.today(), member=person.member)
    operator = records.get_operator(person.operator).name
    return Ward(person, operator, in_order(rows))


# Absences


def enter(town: Town, person: Person, days: Iterable[date], *, actor: str, late: bool = False) -> Told:
    """Enter that a member does not come on some dates, free their seats, and offer these to whoever waits.

    What was entered before stays as it is. late: also after the deadline, which is the dispatcher's to decide.
    Raises Invalid for a date that is past.
    """
    wanted = sorted(set(days))
    if not wanted or wanted[0] < town.today():
        raise Invalid("first")
    with town.store.read() as records:
        closed = set() if late else _closed(town, records, person, wanted[0])
    taken = [day for day in wanted if day not in closed]

    def change(door: Door) -> None:
        new = [_enter(door, person, day, actor, late=late) for day in taken]
        if any(new):
            _tell_guardians(door, person)

    town.store.commit(change)
    _offer_to_those_who_wait(town, attendance.follow(town, person.operator, taken))
    return Told(tuple(taken), tuple(day for day in wanted if day in closed))


def _closed(town: Town, records: Records, person: Person, first: date) -> set[date]:
    """Give the dates on which no run of a member is left whose deadline is still ahead."""
    operator, is_open = records.get_operator(person.operator), dict[date, bool]()
    for day, run_id in records.list_member_runs(person.operator, person.member, first):
        ahead = town.seconds_now(day) <= attendance.deadline(operator, records.get_run(run_id))
        is_open[day] = is_open.get(day, False) or ahead
    return {day for day, still in is_open.items() if not still}


def _enter(door: Door, person: Person, day: date, actor: str, *, late: bool) -> bool:
    row = tables.AbsentDay(
        operator_id=person.operator,
        member=person.member,
        service_date=day,
        entered_by=actor,
        entered_at=door.now(),
        late=late,
    )
    if door.add_absent_day(row):
        return True
    known = door.list_absent_days(person.operator, member=person.member, service_date=day)
    for one in known:
        if one.wanted_back_at is not None or (late and not one.late):
            one.late, one.wanted_back_at = one.late or late, None
            door.put(one)
    return False


def _tell_guardians(door: Door, person: Person) -> None:
    for row in door.list_guardians(operator=person.operator, member=person.member):
        messages.tell(door, "absences changed", row.user_id, {})


def _offer_to_those_who_wait(town: Town, days: Iterable[date]) -> None:
    for day in sorted(days):
        with town.store.read() as records:
            waiting = records.list_requests(service_date=day, status="waiting")
        if waiting:
            planning.replan(town, day, seconds=SOLVE_SECONDS)


def withdraw(town: Town, person: Person, days: Iterable[date]) -> Back:
    """Say that a member comes after all, on each date on which nobody was promised the seat since.

    On another date the absence stays, and the operator's dispatchers are shown that it was to end. A date on which
    the member was not absent, or that is past, stays as it is.
    """
    comes, promised = list[date](), list[date]()
    with town.store.read() as records:
        rows = records.list_absent_days(person.operator, since=town.today(), member=person.member)
        runs = records.list_member_runs(person.operator, person.member, town.today())
    absent = {row.service_date for row in rows}
    for day in sorted(absent & set(days)):
        back = _withdraw(town, person, day, [run_id for on, run_id in runs if on == day])
        (comes if back else promised).append(day)
    return Back(tuple(comes), tuple(promised))


def _withdraw(town: Town, person: Person, day: date, runs: Sequence[str]) -> bool:
    """Put a member on all runs of a date again, or on none of them."""

    def change(door: Door) -> None:
        for run_id in runs:
            run = town.freeze(door.get_run(run_id))
            own = attendance.absent_rides(door, run).get(person.member, [])
            if own and not attendance.is_past(town, run, own):
                back = absence.bring_back(run, {ride.id for ride in own}, town.roads)
                if back is None:
                    raise _Promised
                door.keep(back, cause="present")
        for row in door.list_absent_days(person.operator, member=person.member, service_date=day):
            door.forget_absent_day(row)
            _tell_guardians(door, person)

    try:
        town.store.commit(change, runs=runs, times=town.roads)
    except (_Promised, PromiseBroken):
        _mark(town, person, day, town.clock())
        return False
    return True


def put_away(town: Town, person: Person, day: date) -> None:
    """Let a dispatcher put away that an absence was to be withdrawn; the absence stays."""
    _mark(town, person, day, None)


def _mark(town: Town, person: Person, day: date, wanted_back_at: datetime | None) -> None:
    def change(door: Door) -> None:
        for row in door.list_absent_days(person.operator, member=person.member, service_date=day):
            row.wanted_back_at = wanted_back_at
            door.put(row)

    town.store.commit(change)


# What a dispatcher sees and sets


def list_absences(town: Town, operator: str) -> list[tuple[Person, tuple[Away, ...]]]:
    """List who of an operator's members does not come when, from today on, by name."""
    with town.store.read() as records:
        rows = records.list_absent_days(operator, since=town.today())
        people = sorted(_members(records, operator), key=lambda one: (one.name, one.member))
    found = [(one, in_order([row for row in rows if row.member == one.member])) for one in people]
    return [(one, away) for one, away in found if away]


def list_riders(town: Town, run_id: str, *, operator: str) -> list[tuple[str, str, bool]]:
    """List the members on an operator's own run: name, key, and whether they are off it for this date."""
    with town.store.read() as records:
        if records.get_run_head(run_id).operator_id != operator:
            raise NotFound("run")
        people = {one.member: one for one in _members(records, operator)}
        away = {ride.id for ride in records.get_run(run_id).absent}
        riders = records.run_members(run_id).items()
    return sorted((people[code].name, people[code].key, ride in away) for ride, code in riders)


def list_unkept(town: Town, operator: str, day: date) -> tuple[list[Person], list[Person]]:
    """List who was to come after all on a date though the seat is promised, and who is absent but still on a run."""
    with town.store.read() as records:
        rows = records.list_absent_days(operator, service_date=day)
        if not rows:
            return [], []
        people = {one.member: one for one in _members(records, operator)}
        staying: set[str] = set()
        for run in records.list_runs(day, operator):
            members = records.run_members(run.id)
            staying |= {members[ride.id] for ride in attendance.leaving(town, records, run)}
    wanted = [people[row.member] for row in rows if row.wanted_back_at is not None and row.member in people]
    return wanted, [people[code] for code in sorted(staying)]


def get_operator(town: Town, operator: str) -> tables.Operator:
    """Give an operator, with until when it takes absences."""
    with town.store.read() as records:
        return records.get_operator(operator)


def set_deadline(town: Town, operator: str, *, notice: int, closes: int | None) -> None:
    """Set until when an operator takes absences: seconds before a run's first stop, or a second of the service day.

    Raises Invalid for a notice of less than nothing or more than a week.
    """
    if not 0 <= notice <= MOST_NOTICE:
        raise Invalid("minutes")

    def change(door: Door) -> None:
        row = door.get_operator(operator)
        row.absence_notice, row.absence_closes = notice, closes
        door.put(row)

    town.store.commit(change)


def list_guardians(town: Town, person: Person) -> list[tables.User]:
    """List the guardians of a member."""
    with town.store.read() as records:
        rows = records.list_guardians(operator=person.operator, member=person.member)
        return [records.get_user(row.user_id) for row in rows]


def add_guardian(town: Town, person: Person, email: str) -> None:
    """Make the resident who signs in with an address a guardian of a member; once more changes nothing.

    Raises Invalid where no resident has that address.
    """

    def change(door: Door) -> None:
        user = door.find_user(email=email.strip().lower())
        if user is None or "resident" not in user.roles:
            raise Invalid("guardian")
        door.put(tables.Guardian(user_id=user.id, operator_id=person.operator, member=person.member))

    town.store.commit(change)


def remove_guardian(town: Town, person: Person, user_id: str) -> None:
    """Let a resident no longer be a guardian of a member, if they are."""
    gone = tables.Guardian(user_id=user_id, operator_id=person.operator, member=person.member)
    town.store.commit(lambda door: door.forget_guardian(gone))
