"""What the phone desk knows of a caller: the trips that they usually make, and what they signed on paper."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from secrets import token_hex
from typing import Any
from unicodedata import normalize

from routing.places import Named
from routing.times import Place
from webapp import service_day
from webapp.db import tables
from webapp.db.records import TAIL
from webapp.db.store import Door, Records
from webapp.services import accounts, booking, codes, eligibility, places
from webapp.services.errors import Conflict, Invalid
from webapp.town import Town

MOST_USUAL = 5
LEAD = 1800
"""Seconds before a usual time from which on the next day is meant."""
LONGEST_NOTE = 300
OPEN = ("draft", "offered", "refused")
"""States of a request whose answers the desk may still change."""

Ends = tuple[float, float, float, float]
When = tuple[str, int, int]
"""How a time was said ("depart", "arrive"), the minute of the day that the clock shows, and the weekday."""


@dataclass(frozen=True, slots=True)
class UsualTrip:
    """A trip that somebody makes again and again, as it was asked last: `like` is that request.

    how: "depart" or "arrive". at: the time that it is asked for most. weekday: where most are on one, else None. day:
    the next date that fits. origin, destination: the rider's own words where the places are saved.
    """

    like: tables.Request
    times: int
    origin: str
    destination: str
    how: str
    at: time
    weekday: int | None
    day: date


@dataclass(frozen=True, slots=True)
class Asked:
    """A group that somebody ticked on paper; `document` is the kind of proof that was seen, empty for none yet."""

    group: str
    document: str = ""
    until: date | None = None


@dataclass(frozen=True, slots=True)
class SignUp:
    """A paper form as the desk entered it."""

    name: str
    phone: str
    reading: str = ""
    email: str = ""
    language: str = ""
    address: str = ""
    home: Named | None = None
    home_label: str = ""
    needs: Sequence[str] = ()
    max_walk: int = 300
    groups: Sequence[Asked] = field(default=())
    helper_name: str = ""
    helper_phone: str = ""
    note: str = ""
    consent_on: date | None = None


def list_usual_trips(town: Town, rider_id: str) -> list[UsualTrip]:
    """List the trips that somebody asks for most, the most frequent first and the latest of equals."""
    with town.store.read() as records:
        asked = [row for row in records.list_requests(rider_id=rider_id) if _is_whole(row)]
        saved = {(one.lat, one.lon): one.label for one in records.list_saved_places(rider_id)}
    grouped: dict[Ends, list[tables.Request]] = defaultdict(list)
    for row in asked:
        grouped[_ends(row)].append(row)
    latest = {id(row): n for n, row in enumerate(asked)}
    order = sorted(grouped.values(), key=lambda rows: (-_count_days(rows), -latest[id(rows[-1])]))
    return [_usual(town, rows, saved) for rows in order[:MOST_USUAL]]


def open_request(town: Town, rider_id: str, request_id: str, *, actor: str) -> tables.Request:
    """Give the request of this call while its answers may still change, else a new one: asking twice leaves no two."""
    if request_id:
        with town.store.read() as records:
            kept = [row for row in records.list_requests(rider_id=rider_id) if row.id == request_id]
        if kept and kept[0].status in OPEN:
            return kept[0]
    return booking.start(town, rider_id, actor=actor, channel="phone")


def fill(town: Town, request: tables.Request, usual: UsualTrip) -> None:
    """Answer every question of a request as the usual trip does."""
    was = usual.like
    for end in ("origin", "destination"):
        place = Place(getattr(was, f"{end}_lat"), getattr(was, f"{end}_lon"))
        booking.answer_place(town, request.id, end=end, label=getattr(was, f"{end}_label"), place=place)
    seconds = service_day.seconds_at(usual.at, usual.day, town.settings.timezone)
    when: dict[str, Any] = {usual.how: seconds}
    booking.answer_when(town, request.id, day=usual.day, **when)
    booking.answer_who(
        town,
        request.id,
        people=was.people,
        wheelchairs=was.wheelchairs,
        needs=was.needs,
        max_walk=was.max_walk,
        stowage=was.stowage,
        purpose=was.purpose if was.purpose in dict(town.objective.classes) else "",
    )


def find_profile(town: Town, rider_id: str) -> tables.RiderProfile | None:
    """Find what somebody signed on paper."""
    with town.store.read() as records:
        return records.find_profile(rider_id)


def find_namesakes(town: Town, phone: str) -> list[tables.User]:
    """List who is known by a phone number already, however it is written: the same person, or the same household."""
    with town.store.read() as records:
        return _same_number(records, phone)


def _same_number(records: Records, phone: str) -> list[tables.User]:
    said = _digits(phone)
    alike = records.search_users(said, role="resident") if accounts.is_number(phone) else []
    return [user for user in alike if _digits(user.phone)[-TAIL:] == said[-TAIL:]]


def _digits(phone: str) -> str:
    return "".join(filter(str.isdigit, normalize("NFKC", phone)))


def sign_up(town: Town, form: SignUp, *, key: str, actor: str, others: Sequence[str] = ()) -> tables.User:
    """Register who signed a paper form, all of it or nothing, once for each `key`.

    others: ids of those with the same number of whom it was said that they are somebody else. Raises Conflict ("known")
    for anybody else with it, Invalid with the field's name for a field that cannot be, Conflict ("email taken").
    """
    _check(town, form)
    user = _user(town, form, codes.digest(f"sign-up {actor} {key}")[:16])
    decided = [_decision(town, user.id, asked, key, actor) for asked in form.groups]

    def change(door: Door) -> tables.User:
        known = door.find_user(id=user.id)
        if known:
            return known
        if {one.id for one in _same_number(door, form.phone)} - {*others}:
            raise Conflict("known")
        if user.email and door.find_user(email=user.email):
            raise Conflict("email taken")
        for one in decided:
            eligibility.apply(user, one)
        kept = door.put(user)
        door.put(_profile(town, form, user.id, actor))
        for one in decided:
            door.add_group_record(one)
        if form.home:
            door.put(_home(town, form, user.id))
        return kept

    return town.store.commit(change)


def _check(town: Town, form: SignUp) -> None:
    accounts.check_caller(form.name, form.phone, form.max_walk)
    if form.consent_on is None or form.consent_on > town.today():
        raise Invalid("consent_on")
    if form.helper_phone and not accounts.is_number(form.helper_phone):
        raise Invalid("helper_phone")
    if len(form.note) > LONGEST_NOTE:
        raise Invalid("note")
    if form.home:
        town.roads.snap(form.home.place)


def _user(town: Town, form: SignUp, user_id: str) -> tables.User:
    return tables.User(
        id=user_id,
        email=accounts.read_email(form.email) if form.email else None,
        fs_uniquifier=token_hex(16),
        roles=["resident"],
        name=form.name.strip(),
        phone=normalize("NFKC", form.phone).strip(),
        language=form.language,
        groups=["registered"],
        needs=sorted(form.needs),
        wheelchairs=int(any(one.group == "wheelchair" for one in form.groups)),
        max_walk=form.max_walk,
        created_at=town.clock(),
    )


def _profile(town: Town, form: SignUp, user_id: str, actor: str) -> tables.RiderProfile:
    return tables.RiderProfile(
        user_id=user_id,
        reading=form.reading.strip(),
        address=form.address.strip(),
        helper_name=form.helper_name.strip(),
        helper_phone=normalize("NFKC", form.helper_phone).strip(),
        note=form.note.strip(),
        consent_on=form.consent_on,
        entered_by=actor,
        entered_at=town.clock(),
    )


def _home(town: Town, form: SignUp, user_id: str) -> tables.SavedPlace:
    home = form.home
    if home is None:
        raise Invalid("address")
    return tables.SavedPlace(
        id=codes.digest(f"home {user_id}")[:16],
        owner_id=user_id,
        label=form.home_label[: places.LONGEST_LABEL],
        name=home.name,
        lat=home.place.lat,
        lon=home.place.lon,
        created_at=town.clock(),
    )


def _decision(town: Town, user_id: str, asked: Asked, key: str, actor: str) -> tables.GroupRecord:
    """What was seen in proof is verified; a wheelchair needs none; all else was asked for, and admits nobody yet."""
    proved = bool(asked.document) or asked.group in ("wheelchair", "registered")
    decision, document = (eligibility.VERIFIED, asked.document or "other") if proved else (eligibility.ASKED, "")
    return eligibility.record(
        town, user_id, asked.group, decision, document=document, until=asked.until, key=key, actor=actor
    )


def _is_whole(row: tables.Request) -> bool:
    answered = row.origin_lat is not None and row.destination_lat is not None and row.service_date is not None
    return answered and row.status != "draft" and (row.depart_earliest, row.arrive_latest) != (None, None)


def _ends(row: tables.Request) -> Ends:
    ends = (row.origin_lat or 0, row.origin_lon or 0, row.destination_lat or 0, row.destination_lon or 0)
    return (round(ends[0], 5), round(ends[1], 5), round(ends[2], 5), round(ends[3], 5))


def _count_days(rows: list[tables.Request]) -> int:
    """Who asks again and again for one day wanted one trip."""
    return len({row.service_date for row in rows})


def _usual(town: Town, rows: list[tables.Request], saved: dict[tuple[float, float], str]) -> UsualTrip:
    said = [_when(town, row) for row in rows]
    how, minute = Counter((how, minute) for how, minute, _ in reversed(said)).most_common(1)[0][0]
    dates = {row.service_date: weekday for row, (_, _, weekday) in zip(rows, said, strict=True)}
    weekday, often = Counter(dates.values()).most_common(1)[0]
    usual = weekday if 2 * often > len(dates) or len(dates) == 1 else None
    at = time(minute // 60, minute % 60)
    like = rows[-1]
    origin = saved.get((like.origin_lat or 0, like.origin_lon or 0), "")
    destination = saved.get((like.destination_lat or 0, like.destination_lon or 0), "")
    return UsualTrip(like, len(dates), origin, destination, how, at, usual, _next_day(town, usual, at))


def _when(town: Town, row: tables.Request) -> When:
    day = row.service_date or town.today()
    seconds = row.depart_earliest if row.arrive_latest is None else row.arrive_latest
    shown = service_day.local_time(seconds or 0, day, town.settings.timezone)
    minute = (60 * shown.hour + shown.minute) // 5 * 5
    return "depart" if row.arrive_latest is None else "arrive", minute, day.weekday()


def _next_day(town: Town, weekday: int | None, at: time) -> date:
    """The next date on that weekday on which the time is not too near; of no weekday, the next date."""
    today = town.today()
    too_near = service_day.seconds_at(at, today, town.settings.timezone) < town.seconds_now(today) + LEAD
    first = today + timedelta(days=int(too_near))
    return first if weekday is None else first + timedelta(days=(weekday - first.weekday()) % 7)
