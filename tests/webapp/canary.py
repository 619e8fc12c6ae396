"""Three people with unmistakable words about them: wherever one is found, somebody's data has got there."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from matching.model import Load, Ride, Stop, Window
from routing.times import Place
from tests.webapp import wishes
from tests.webapp.conftest import Clock
from tests.webapp.small_town import EIGHT, KAMP, LIISANKATU, MINUTE, MONDAY, QUICK, RESSU, school_bus
from tests.webapp.visitor import PASSWORD
from webapp.db import tables
from webapp.db.store import Door, RunHead
from webapp.services import absences, accounts, booking, codes, driving, family, feedback, proxies, series
from webapp.services.absences import Person
from webapp.services.family import Subject
from webapp.services.wording import NEWS
from webapp.town import Town

RUN, CODE = "bus-child", "KQX-77"
DOOR = Place(60.172417, 24.949173)
"""Where the resident lives; nothing else of the small town is there."""
CHILD_DOOR = Place(60.173829, 24.950391)

RESIDENT = (
    "Zebulon Kanarialintu",
    "zebulon.kanaria@example.org",
    "+358 44 9876543",
    "Paperikuja 12",
    "Munkkikoti",
    "Kanariankuja 77",
)
CHILD = ("Kvitterina Sirkutin", "Sirkuttajankatu 66")
GUARDIAN = ("Huoltaja Sirkutin", "huoltaja.sirkutin@example.org", "+358 45 1234987")
NOTE = "Kuiskattu huomautus"
OPINION = "Riemastuttava matka"
REMARK = "Kuljettajan kirjaus"
PLACES = (str(DOOR.lat), str(DOOR.lon), str(CHILD_DOOR.lat), str(CHILD_DOOR.lon))
OF_RESIDENT = (*RESIDENT, NOTE, OPINION, REMARK)
OF_CHILD = (*CHILD, CODE)
EVERYTHING = (*OF_RESIDENT, *OF_CHILD, *GUARDIAN)


def settle(town: Town) -> None:
    """Register the three, and let a school bus fetch the child at home."""
    for name, email, phone in (RESIDENT[:3], GUARDIAN):
        user = accounts.add_user(town, name=name, role="resident", email=email, phone=phone, groups=["registered"])
        user.password = QUICK.hash(PASSWORD)
        town.store.commit(lambda door, user=user: door.put(user))  # type: ignore[misc]
    publish(town, MONDAY)
    absences.add_guardian(town, Person("school", CODE, CHILD[0]), GUARDIAN[1])
    row = family.draft(
        town, Subject("school", CODE), GUARDIAN[1], NEWS, starts=MONDAY, ends=None, basis="paper", actor=desk(town)
    )
    family.give(town, row)


def publish(town: Town, day: date) -> None:
    """Let the bus of the child, and the child, be on a day's schedule."""
    bus = school_bus(town, day)
    home = Stop("home", CHILD_DOOR, Window(EIGHT + 30 * MINUTE, EIGHT + 45 * MINUTE), residents=False)
    home = replace(home, sequence=0, planned=EIGHT + 30 * MINUTE)
    school = Stop(
        "school", RESSU, Window(EIGHT + 50 * MINUTE, EIGHT + 70 * MINUTE), sequence=1, planned=EIGHT + 50 * MINUTE
    )
    ride = Ride("child", "home", "school", Load(1), max_ride=45 * MINUTE, committed=True, dwell=30)
    run = replace(bus, id=f"{RUN}-{day:%d}", stops=(home, school), rides=(ride,))

    def change(door: Door) -> None:
        door.put(tables.Member(operator_id="school", code=CODE, name=CHILD[0]))
        labels = {"home": (CHILD[1], True), "school": ("Ressun lukio", False)}
        head = RunHead("K1", "Child bus")
        door.keep(run, cause="published", labels=labels, members={"child": CODE}, head=head, as_published=True)

    town.store.commit(change, times=town.roads)


def desk(town: Town) -> str:
    return wishes.rider_id(town, "desk")


def resident(town: Town) -> str:
    with town.store.read() as records:
        user = records.find_user(email=RESIDENT[1])
    assert user is not None
    return user.id


def live(town: Town, clock: Clock) -> str:
    """Leave the resident's words in every table that takes any; give the id of the trip that was made."""
    who = resident(town)

    def write(door: Door) -> None:
        profile: dict[str, Any] = {"reading": RESIDENT[0], "address": RESIDENT[3], "note": NOTE, "consent_on": MONDAY}
        door.put(tables.RiderProfile(user_id=who, **profile, entered_by=desk(town), entered_at=door.now()))
        place: dict[str, Any] = {"label": RESIDENT[4], "name": RESIDENT[5], "lat": DOOR.lat, "lon": DOOR.lon}
        door.put(tables.SavedPlace(id="munkki", owner_id=who, **place, created_at=door.now()))
        door.put(tables.Reach(user_id=who, channels=["email"]))
        door.put(tables.LineLink(user_id=who, line_id="U-zebulon", code="zebucode", code_at=door.now()))
        browser = {"endpoint": "https://fcm.googleapis.com/zebulon", "p256dh": "x", "auth": "y"}
        door.put(tables.PushSubscription(id="browser", user_id=who, **browser, created_at=door.now()))
        step: dict[str, Any] = {"alert": "x", "step": "note", "grade": 1, "note": f"{REMARK}: {RESIDENT[0]} ringed"}
        alert = tables.AlertStep(
            id="step", operator_id="school", service_date=MONDAY, **step, user_id=desk(town), at=door.now()
        )
        door.add_alert_step(alert)

    town.store.commit(write)
    own = family.draft(
        town, Subject(resident=who), "sukulainen@example.org", NEWS, starts=MONDAY, ends=None, basis="self", actor=who
    )
    family.give(town, own)
    proxies.name(town, who, GUARDIAN[1], actor=who)
    row = booking.start(town, who, actor=who)
    booking.answer_place(town, row.id, end="origin", label=RESIDENT[5], place=LIISANKATU)
    booking.answer_place(town, row.id, end="destination", label="Kauppa", place=KAMP)
    booking.answer_when(town, row.id, day=MONDAY, depart=EIGHT - 10 * MINUTE)
    booking.answer_who(town, row.id, people=1, wheelchairs=0, max_walk=300)
    made = booking.book(town, wishes.token_of(booking.ask(town, row.id)), key="canary", actor=who)
    series.start(
        town, trip_of(town, made.id), weekdays=[0], until=MONDAY + timedelta(days=60), otherwise="wait", actor=who
    )
    for stop, kind in (("liisankatu", "boarded"), ("kamp", "alighted")):
        clock.forward(3600)
        with town.store.read() as records:
            run = records.get_run(made.run_id)
        ride = next(one for one in run.rides if one.id == made.ride_id)
        at = ride.pickup if kind == "boarded" else ride.dropoff
        wishes.tap(town, made.run_id, at, kind, made.ride_id)
        assert stop
    note = driving.Tap(
        f"note-{made.id}", made.run_id, "", "note", clock(), ride=made.ride_id, text=f"{RESIDENT[0]}: {REMARK}"
    )
    driving.record(town, note, operator="school", actor="driver")
    clock.forward(3600)
    feedback.say(town, made.id, rating=5, words=OPINION, actor=who)
    return made.id


def trip_of(town: Town, booking_id: str) -> tables.Booking:
    with town.store.read() as records:
        return records.get_booking(booking_id)


def dumped(town: Town) -> dict[str, str]:
    """Write every table as text."""
    with town.store._database.snapshot() as connection:
        return {
            table.name: "\n".join(repr(tuple(row)) for row in connection.execute(table.select()))
            for table in tables.METADATA.sorted_tables
        }


def hits(said: dict[str, str], words: tuple[str, ...]) -> list[tuple[str, str]]:
    """List where which of the words is found."""
    return [(name, word) for name, text in said.items() for word in words if word in text]


def files(folder: Path) -> dict[str, str]:
    """Read the files of a SQLite database byte by byte, its log among them."""
    return {path.name: path.read_bytes().decode("utf-8", "replace") for path in sorted(folder.glob("records.db*"))}


def later(clock: Clock, days: int) -> datetime:
    clock.forward(days * 86_400)
    return clock()


__all__ = ["codes", "dumped", "files", "hits", "later", "live", "publish", "resident", "settle"]
