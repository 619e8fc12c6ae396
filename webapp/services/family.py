"""Families: who agreed that whom is told of whose rides, what each is told, once, and what each may see today.

What is told follows from what the driver's taps say now, not from each tap: an undone tap is told nobody if it was
undone at once, and taken back if it was not.
"""

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from matching import schedule
from matching.model import Ride, Run
from webapp import service_day
from webapp.db import tables
from webapp.db.store import Door, Records
from webapp.services import accounts, codes, driving, messages
from webapp.services.dispatching import shown_time
from webapp.services.errors import Invalid, NotFound
from webapp.services.wording import NEWS
from webapp.town import Town

SETTLED = timedelta(seconds=15)
"""How long a tap has to stand before anybody is told: a slip of the finger is undone within that."""
HEARD = timedelta(hours=3)
"""Runs of which no driver told anything for so long have no news."""
AHEAD = 15 * 60
"""Seconds before its first stop from which on a run is shown."""
LATE_MINUTES = 10
"""Minutes behind what was promised that a family is told of, where the town's rules say no other."""
MOST_TOLD = 3
"""How often the same is told of one ride, however often it is corrected."""
MOST_DELAYS = 2
"""A delay is told once, and once more when it has doubled."""
TEXT = "1"
"""Version of the words of the consent, on the page and on paper: count on when either says something else."""
MOST_OWN = 5
"""People whom a resident may let be told of the own trips."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose rides it is about: a member of an operator, or a resident."""

    operator: str = ""
    member: str = ""
    resident: str = ""

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.operator}\n{self.member}\n{self.resident}".encode()).hexdigest()[:20]


NOBODY = Subject()


@dataclass(frozen=True, slots=True)
class Given:
    """A consent as pages show it: `name` is of whom is told for those who are, and who is told for all others."""

    id: str
    name: str
    kinds: tuple[str, ...]
    starts: date
    ends: date | None
    basis: str


@dataclass(frozen=True, slots=True)
class RideToday:
    """A ride of today as somebody may see it: `at` (second of the service day) is when the state began.

    expected: second at which the vehicle is expected where it picks up, or sets down who is aboard; None once the ride
    is over. day: its service date.
    """

    state: str
    day: date
    at: int | None = None
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """Somebody whose rides one is told of, by which consents, and how they are today."""

    name: str
    given: tuple[Given, ...]
    today: tuple[RideToday, ...]


@dataclass(frozen=True, slots=True)
class _News:
    """Something to tell one person of one ride; `corrects` is what is taken back instead."""

    consent: tables.Consent
    ride: str
    kind: str
    at: int
    number: int = 0
    amount: int = 0
    corrects: tables.FamilyNews | None = None


@dataclass(frozen=True, slots=True)
class _Course:
    """How a run goes: its plan, where it is late, what was said of each ride and when, and who agreed to what."""

    run: Run
    day: date
    zone: ZoneInfo
    now: int
    states: dict[str, str]
    events: list[tables.Event]
    visits: dict[str, schedule.Visit]
    subjects: dict[str, Subject]
    booked: dict[str, tables.Booking]


# Consents


def draft(
    town: Town,
    subject: Subject,
    email: str,
    kinds: Iterable[str],
    *,
    starts: date,
    ends: date | None,
    basis: str,
    actor: str,
) -> tables.Consent:
    """Write a consent that somebody may be told of somebody's rides.

    Raises Invalid for an address that is none, no kind of news, or an end before the beginning.
    """
    chosen, address = [kind for kind in NEWS if kind in set(kinds)], accounts.read_email(email)
    if not chosen:
        raise Invalid("news")
    if ends is not None and ends < max(starts, town.today()):
        raise Invalid("consent ends")
    return tables.Consent(
        id=secrets.token_urlsafe(12),
        operator_id=subject.operator or None,
        member=subject.member,
        subject_id=subject.resident or None,
        email=address,
        kinds=chosen,
        starts=starts,
        ends=ends,
        basis=basis,
        given_by=actor,
        given_at=town.clock(),
        text=TEXT,
    )


def give(town: Town, consent: tables.Consent) -> None:
    """Keep a consent, which counts from the next event on. Raises Invalid where a resident lets too many be told."""

    def change(door: Door) -> None:
        own = door.list_consents(town.today(), subject=consent.subject_id) if consent.subject_id else []
        if len(own) >= MOST_OWN:
            raise Invalid("many told")
        add(door, consent)

    town.store.commit(change, rider=consent.subject_id)


def add(door: Door, consent: tables.Consent) -> None:
    """Keep a consent for the resident who has its address, if there is one: they then choose how they are told."""
    known = door.find_user(email=consent.email)
    if known and "resident" in known.roles:
        consent.user_id, consent.email = known.id, ""
    door.add_consent(consent)


def list_given(town: Town, subject: Subject) -> list[Given]:
    """List who is told of somebody's rides."""
    with town.store.read() as records:
        return [_given(row, _recipient_name(records, row)) for row in _of(records, town.today(), subject)]


def withdraw(town: Town, subject: Subject, consent_id: str, *, actor: str) -> None:
    """End a consent about somebody; once more changes nothing. Raises NotFound for one about anybody else."""
    with town.store.read() as records:
        row = records.find_consent(consent_id)
    if row is None or _subject(row) != subject:
        raise NotFound("consent")
    _end(town, consent_id, actor)


def stop(town: Town, consent_id: str, *, recipient: str) -> None:
    """Let somebody be told no more by a consent of which they are the one told. Raises NotFound for any other."""
    with town.store.read() as records:
        row = records.find_consent(consent_id)
    if row is None or row.user_id != recipient:
        raise NotFound("consent")
    _end(town, consent_id, recipient)


def find_by_token(town: Town, token: str) -> str | None:
    """Give the id of the consent that the link in a message names, if it still holds."""
    with town.store.read() as records:
        rows = [row for row in records.list_consents() if row.email]
    made = ((row.id, codes.token(key, "consent", row.id)) for row in rows for key in town.settings.keys)
    return next((row_id for row_id, said in made if said == token), None)


def stop_by_token(town: Town, token: str) -> None:
    """End the consent that the link in a message names; once more changes nothing."""
    found = find_by_token(town, token)
    if found:
        _end(town, found, None)


def _end(town: Town, consent_id: str, actor: str | None) -> None:
    def change(door: Door) -> None:
        door.end_consent(tables.ConsentEnd(consent_id=consent_id, at=door.now(), ended_by=actor))

    town.store.commit(change)


def _of(records: Records, day: date, subject: Subject) -> list[tables.Consent]:
    if subject.resident:
        return records.list_consents(day, subject=subject.resident)
    return records.list_consents(day, operator=subject.operator, member=subject.member)


def _given(row: tables.Consent, name: str) -> Given:
    return Given(row.id, name, tuple(row.kinds), row.starts, row.ends, row.basis)


def _recipient_name(records: Records, row: tables.Consent) -> str:
    user = records.find_user(id=row.user_id) if row.user_id else None
    return user.name if user else row.email


def _subject(row: tables.Consent) -> Subject:
    return Subject(row.operator_id or "", row.member, row.subject_id or "")


# What one may see


def list_followed(town: Town, user_id: str) -> list[Followed]:
    """List of whose rides somebody is told, and how these are today; nothing of anybody else."""
    today = town.today()
    with town.store.read() as records:
        rows = records.list_consents(today, user_id=user_id)
        subjects = list(dict.fromkeys(map(_subject, rows)))
        found = []
        for one in subjects:
            own = [row for row in rows if _subject(row) == one]
            name = _subject_name(records, one)
            holds = {kind for row in own if row.starts <= today for kind in row.kinds}
            rides = tuple(_rides_today(town, records, one, holds)) if holds else ()
            found.append(Followed(name, tuple(_given(row, name) for row in own), rides))
    return sorted(found, key=lambda one: one.name)


def list_subjects(town: Town, user_id: str) -> list[Subject]:
    """List of whose rides somebody is told."""
    with town.store.read() as records:
        return list(dict.fromkeys(map(_subject, records.list_consents(town.today(), user_id=user_id))))


def follows(town: Town, user_id: str) -> bool:
    """Is somebody told of anybody's rides, or will they be?"""
    with town.store.read() as records:
        return bool(records.list_consents(town.today(), user_id=user_id))


def _subject_name(records: Records, subject: Subject) -> str:
    if subject.resident:
        return records.get_user(subject.resident).name
    known = records.list_members(subject.operator).get(subject.member)
    return (known.name if known else "") or subject.member


def _rides_today(town: Town, records: Records, subject: Subject, kinds: set[str]) -> Iterator[RideToday]:
    today = town.today()
    if subject.resident:
        booked = records.list_bookings(rider_id=subject.resident, service_date=today, status="booked")
        run_ids = [one.run_id for one in booked]
    else:
        run_ids = [
            run_id for day, run_id in records.list_member_runs(subject.operator, subject.member, today) if day == today
        ]
    for run_id in dict.fromkeys(run_ids):
        run = records.find_run(run_id)
        if run is None:
            continue
        course = _course(town, records, run, today, _subjects(records, run_id))
        own = [ride for ride, whose in course.subjects.items() if whose == subject]
        for ride in run.rides:
            if ride.id in own and (course.states[ride.id] != "expected" or _has_begun(course)):
                yield _ride_today(course, ride, kinds)
        if any(ride.id in own for ride in run.absent):
            yield RideToday("absent", today)


def _ride_today(course: _Course, ride: Ride, kinds: set[str]) -> RideToday:
    """Say of a ride what the consents allow; once it is over nothing but how it ended."""
    state = course.states[ride.id]
    if state == "alighted":
        return RideToday("alighted" if "alighted" in kinds else "over", course.day)
    if state == "no_show":
        return RideToday("no_show" if "no_show" in kinds else "over", course.day)
    if _is_over(course):
        return RideToday("over", course.day)
    expected = _expected(course, ride.dropoff if state == "boarded" else ride.pickup)
    at = _since(course, ride.id, state) if state == "boarded" else None
    if state == "boarded" and "boarded" not in kinds:
        return RideToday("under way", course.day)
    if state == "boarded":
        return RideToday("boarded", course.day, at, expected if {"alighted", "late"} & kinds else None)
    return RideToday("expected", course.day, None, expected if {"boarded", "late"} & kinds else None)


def _has_begun(course: _Course) -> bool:
    """Is the vehicle on its way, or about to be?"""
    first = min((visit.begin for visit in course.visits.values()), default=0)
    return bool(course.run.reached) or course.now >= first - AHEAD


def _is_over(course: _Course) -> bool:
    """Has the vehicle been everywhere, or should it have long ago?"""
    last = max((visit.departure for visit in course.visits.values()), default=0)
    return course.run.done >= len(course.run.stops) or course.now > last + HEARD.total_seconds()


# What is told


def tell(town: Town) -> int:
    """Tell families what is new of the rides that are driven now, each thing once, and take back what was corrected."""
    with town.store.read() as records:
        runs = records.list_heard_runs(town.clock() - HEARD)
        consents: dict[Subject, list[tables.Consent]] = defaultdict(list)
        for row in records.list_consents(town.today() - timedelta(days=1)) if runs else ():
            consents[_subject(row)].append(row)
        news = [(run_id, _find_news(town, records, run_id, consents)) for run_id in runs if consents]
    return sum(_tell(town, run_id, found) for run_id, found in news if found)


def _find_news(
    town: Town, records: Records, run_id: str, consents: Mapping[Subject, Sequence[tables.Consent]]
) -> list[_News]:
    subjects, booked = _subjects(records, run_id)
    run = records.find_run(run_id) if any(consents.get(whose) for whose in subjects.values()) else None
    if run is None:
        return []
    day = records.get_run_head(run_id).service_date
    course = _course(town, records, run, day, (subjects, booked))
    told = records.list_family_news(run_id)
    return [
        one
        for ride in run.rides
        for row in consents.get(subjects.get(ride.id, NOBODY), ())
        if row.starts <= day <= (row.ends or day)
        for one in _news(town, course, ride, row, [past for past in told if _is_about(past, ride, row)])
    ]


def _is_about(news: tables.FamilyNews, ride: Ride, consent: tables.Consent) -> bool:
    return (news.ride_id, news.recipient) == (ride.id, _recipient(consent))


def _recipient(consent: tables.Consent) -> str:
    return consent.user_id or consent.email


def _news(
    town: Town, course: _Course, ride: Ride, consent: tables.Consent, told: Sequence[tables.FamilyNews]
) -> Iterator[_News]:
    state = course.states[ride.id]
    for past in told:
        if past.corrected_at is None and _is_wrong(past.kind, state) and _has_settled(town, course, ride.id):
            yield _News(consent, ride.id, "corrected", course.now, corrects=past)
    last = _last_event(course, ride.id, state)
    holds = [past for past in told if past.kind == state and past.corrected_at is None]
    if state in consent.kinds and not holds and last and _is_new(town, course, ride.id, last, consent):
        number = sum(past.kind == state for past in told)
        if number < MOST_TOLD:
            yield _News(consent, ride.id, state, _second(course, last), number)
    if "late" in consent.kinds and state in {"expected", "boarded"}:
        yield from _delay(town, course, ride, consent, told)


def _is_wrong(kind: str, state: str) -> bool:
    """Was somebody told what is not so by now? Whoever gets off has been aboard."""
    return kind in {"boarded", "alighted", "no_show"} and kind != state and (kind, state) != ("boarded", "alighted")


def _is_new(town: Town, course: _Course, ride: str, last: tables.Event, consent: tables.Consent) -> bool:
    """Was it tapped since somebody agreed, and has it stood for a while?"""
    return last.received_at >= consent.given_at and _has_settled(town, course, ride)


def _has_settled(town: Town, course: _Course, ride: str) -> bool:
    about = [event.received_at for event in course.events if event.ride_id == ride]
    return not about or max(about) <= town.clock() - SETTLED


def _last_event(course: _Course, ride: str, kind: str) -> tables.Event | None:
    return next((one for one in reversed(course.events) if (one.ride_id, one.kind) == (ride, kind)), None)


def _since(course: _Course, ride: str, kind: str) -> int | None:
    last = _last_event(course, ride, kind)
    return _second(course, last) if last else None


def _second(course: _Course, event: tables.Event) -> int:
    return service_day.seconds_of(event.happened_at, course.day, course.zone)


def _delay(
    town: Town, course: _Course, ride: Ride, consent: tables.Consent, told: Sequence[tables.FamilyNews]
) -> Iterator[_News]:
    """Tell of a delay once, and once more when it has doubled."""
    kind, stop = ("late arrival", ride.dropoff) if course.states[ride.id] == "boarded" else ("late", ride.pickup)
    if not course.run.reached or course.run.positions()[stop] < len(course.run.reached):
        return
    expected = _expected(course, stop)
    behind = expected - _promised(town, course, ride, stop)
    before = [past for past in told if past.kind == kind]
    is_news = behind >= 2 * before[-1].amount if before else behind > late_minutes(town) * 60
    if is_news and len(before) < MOST_DELAYS:
        yield _News(consent, ride.id, kind, expected, len(before), behind)


def late_minutes(town: Town) -> int:
    """Give by how many minutes a vehicle has to be late for families to be told."""
    return int(town.rules.get("late_minutes", LATE_MINUTES))


def _expected(course: _Course, stop: str) -> int:
    """Give when a stop is expected to be served: never before now, while the vehicle has not been there."""
    visit = course.visits[stop]
    is_ahead = bool(course.run.reached) and course.run.positions()[stop] >= len(course.run.reached)
    return max(shown_time(visit), course.now) if is_ahead else shown_time(visit)


def _promised(town: Town, course: _Course, ride: Ride, stop: str) -> int:
    """Give what was promised: to a resident the booked time, to a member the timetable's, else the plan's own."""
    if ride.id in course.booked:
        booked = course.booked[ride.id]
        return booked.pickup if stop == ride.pickup else booked.dropoff
    planned = course.visits[stop].stop.planned
    if planned is not None:
        return planned
    plain = schedule.timetable(schedule.everyone(course.run), town.roads)
    return next((shown_time(one) for one in plain if one.stop.id == stop), course.visits[stop].begin)


def _subjects(records: Records, run_id: str) -> tuple[dict[str, Subject], dict[str, tables.Booking]]:
    """Tell whose each ride of a run is, and which bookings are on it, both by ride."""
    operator, members = records.get_run_head(run_id).operator_id, records.run_members(run_id)
    booked = {one.ride_id: one for one in records.list_bookings(run_id=run_id, status="booked")}
    subjects = {ride: Subject(operator, code) for ride, code in members.items()}
    return subjects | {ride: Subject(resident=one.rider_id) for ride, one in booked.items()}, booked


def _course(
    town: Town, records: Records, run: Run, day: date, whose: tuple[dict[str, Subject], dict[str, tables.Booking]]
) -> _Course:
    subjects, booked = whose
    return _Course(
        run=run,
        day=day,
        zone=town.settings.timezone,
        now=service_day.seconds_of(town.clock(), day, town.settings.timezone),
        states=driving.read_states(records, run),
        events=records.list_events(run.id),
        visits={visit.stop.id: visit for visit in schedule.timetable(run, town.roads)},
        subjects=subjects,
        booked=booked,
    )


def _tell(town: Town, run_id: str, found: Sequence[_News]) -> int:
    """Put news into the outbox; another process that found the same tells nothing."""
    return town.store.commit(lambda door: sum(_tell_one(town, door, run_id, one) for one in found))


def _tell_one(town: Town, door: Door, run_id: str, news: _News) -> bool:
    consent = news.consent
    if news.corrects is not None:
        is_ours = door.correct_family_news(news.corrects)
    else:
        is_ours = door.add_family_news(
            tables.FamilyNews(
                run_id=run_id,
                ride_id=news.ride,
                recipient=_recipient(consent),
                kind=news.kind,
                number=news.number,
                consent_id=consent.id,
                amount=news.amount,
                at=door.now(),
            )
        )
    if is_ours:
        day = door.get_run_head(run_id).service_date
        shown = service_day.local_time(news.at, day, town.settings.timezone)
        facts = {"time": f"{shown:%H:%M}", "consent": consent.id}
        messages.tell(door, news.kind, consent.user_id, facts, email=consent.email)
    return is_ours
