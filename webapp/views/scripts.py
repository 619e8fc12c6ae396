"""What a desk worker reads out on the telephone: sentences of at most `LONGEST` seconds, in the language of the page.

How long a sentence takes is reckoned at a calm pace for listeners of eighty (docs/desk.md): see `spoken_seconds`.
"""

import re
from collections.abc import Iterable
from datetime import date, timedelta

from babel.dates import format_date, format_skeleton
from flask_babel import gettext as _
from flask_babel import ngettext

from routing.times import Place
from webapp.db import tables
from webapp.services import trips
from webapp.services.trips import Choice, Suggestion, Trip
from webapp.views.shared import language, locale, town, write_clock, write_money, write_name

LONGEST = 20.0
"""Seconds that somebody on the telephone can keep in mind."""
PACES = {"en": 2.7, "sv": 2.5, "fi": 10.0, "ja": 6.0, "ko": 4.5}
"""Words a second (en, sv), letters (fi), morae (ja), syllables (ko)."""
PAUSE = 0.3
"""Seconds that are taken at the end of each sentence or clause."""
LONGEST_NAME = 4.5
"""Seconds that are left for the name of a place: two of them stand in one sentence."""

_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_LONG_WORD = 12
_HAN = re.compile(r"[\u3400-\u9fff]")
_PAUSES = re.compile(r"[.,;:?!。、？！](?:\s|$)|[。、？！]")


def spoken_seconds(text: str, spoken: str) -> float:
    """Reckon how long a text takes to read out in a language: figures digit by digit, and a breath at each stop."""
    return _units(text, spoken) / PACES[spoken] + PAUSE * len(_PAUSES.findall(text))


def _units(text: str, spoken: str) -> float:
    digits, words = len(_DIGIT.findall(text)), _WORD.findall(text)
    if spoken in ("ja", "ko"):
        kanji = len(_HAN.findall(text)) if spoken == "ja" else 0
        return 2 * digits + kanji + sum(map(len, words)) + 4 * len(re.findall(r"[€$¥₩£]", text))
    money = len(re.findall(r"[€$¥₩£]", text))
    if spoken == "fi":
        return 5 * digits + sum(map(len, words)) + 5 * money
    return digits + money + sum(1 + len(word) // _LONG_WORD for word in words)


def fit(needed: str, *wanted: str) -> str:
    """Put sentences together: the first one whole, of the others those that can still be said in time."""
    said, join = needed, "" if language() == "ja" else " "
    for one in wanted:
        if one and spoken_seconds(said + join + one, language()) <= LONGEST:
            said += join + one
    return said


def spoken_day(day: date) -> str:
    """Say a date as people do: today, tomorrow, or a weekday and a date without its year."""
    near = {town().today(): _("today"), town().today() + timedelta(days=1): _("tomorrow")}
    date_alone = format_skeleton("MMMMd", day, locale=locale())
    weekday = format_date(day, "EEEE", locale=locale())
    return near.get(day) or _("%(weekday)s, %(date)s", weekday=weekday, date=date_alone)


def brief(name: str, spoken: str = "") -> str:
    """Shorten a name of a place to what is said of it: no brackets, nothing behind a comma, no more than a breath."""
    spoken = spoken or language()
    short = re.split(r"[(（,、]", name)[0].strip() or name.strip()
    while spoken_seconds(short, spoken) > LONGEST_NAME:
        short = short.rpartition(" ")[0].strip() or short[:-1]
    return short


def _named(label: str, place: Place | None) -> str:
    return brief(write_name(label, place))


def offer(choice: Choice, row: tables.Request) -> str:
    """Say what is free."""
    one, day = choice.offer, row.service_date or town().today()
    walk = -(-one.pickup.walk // 10) * 10
    at = {"day": spoken_day(day), "time": write_clock(one.pickup_time, day)}
    return fit(
        _(
            "I have a place %(day)s at %(time)s from %(place)s.",
            place=_named(choice.pickup_label, one.pickup.place),
            **at,
        ),
        _("You are there by %(time)s.", time=write_clock(one.ride.alight.latest, day)),
        _("It costs %(fare)s.", fare=write_money(one.fare, one.fare_currency)) if one.fare else _("It costs nothing."),
        _("You walk %(metres)s metres to the vehicle.", metres=walk) if one.pickup.walk >= 50 else "",
    )


def read_back(choice: Choice, row: tables.Request) -> str:
    """Say everything that will be booked, and ask."""
    one, day = choice.offer, row.service_date or town().today()
    return fit(
        _(
            "I book %(day)s at %(time)s from %(origin)s to %(destination)s. Is that right?",
            day=spoken_day(day),
            time=write_clock(one.pickup_time, day),
            origin=_named(choice.pickup_label, one.pickup.place),
            destination=_named(choice.dropoff_label, one.dropoff.place),
        ),
        ngettext("It is for %(num)d person.", "It is for %(num)d people.", row.people) if row.people > 1 else "",
    )


def booked(trip: Trip, pin: str = "") -> str:
    """Say what a caller needs who has a seat now: where to be, until when to wait, and the number for the driver."""
    row = trip.booking
    return fit(
        _(
            "It is booked. Please be at %(place)s %(day)s at %(time)s.",
            place=_named(row.pickup_label, trip.pickup_place),
            day=spoken_day(row.service_date),
            time=write_clock(row.pickup, row.service_date),
        ),
        _("Your number for the driver is %(pin)s.", pin=" ".join(pin)) if pin else "",
        _("If nobody is there by %(time)s, call us.", time=write_clock(trip.wait_until, row.service_date)),
    )


def refused(reason: str, changes: Iterable[str]) -> str:
    """Say why there is no seat, in the words of the rule, and what would help first."""
    first = next(iter(changes), "")
    return fit(_("I am sorry, I have no seat for that."), reason, first)


def change(row: tables.Request, one: Suggestion) -> str:
    """Say a change that would give a seat, as a question."""
    if one.answer == "max_walk":
        return _("Could you walk %(metres)s metres?", metres=-(-one.at // 10) * 10)
    if one.answer == "people":
        seats = ngettext("I have a seat for %(num)d person.", "I have seats for %(num)d people.", one.at)
        return fit(seats, _("Would that help?"))
    clock = write_clock(one.at, row.service_date or town().today())
    if one.answer == "depart":
        return _("I have a seat at about %(time)s. Would that do?", time=clock)
    return _("You could be there by %(time)s. Would that do?", time=clock)


def waiting(row: tables.Request) -> str:
    """Say what the waiting list means to who is on it now."""
    day = spoken_day(row.service_date or town().today())
    return fit(
        _("You are on the waiting list for %(day)s.", day=day), _("When a seat is free, we book it and call you.")
    )


def asked_to_cancel(trip: Trip) -> str:
    """Ask once more before a seat is given back."""
    return _("I cancel your trip %(day)s at %(time)s. Is that right?", **_moment(trip))


def cancelled(trip: Trip) -> str:
    """Say that a seat was given back."""
    return _("Your trip %(day)s at %(time)s is cancelled.", **_moment(trip))


def news(kind: str, trip: Trip) -> str:
    """Say to somebody whom the desk calls back what has happened."""
    row, said = trip.booking, _moment(trip)
    said["place"] = _named(row.pickup_label, trip.pickup_place)
    sentences = {
        "withdrawn": _("A timetable has changed, and your trip %(day)s at %(time)s had to be cancelled. I am sorry."),
        "called off": _("The vehicle of your trip %(day)s at %(time)s does not go. I am sorry."),
        "moved": _("A timetable has changed. You now travel %(day)s at %(time)s from %(place)s."),
        "moved by dispatcher": _("Another vehicle takes you: %(day)s at %(time)s from %(place)s."),
        "broke down": _("Another vehicle takes you: %(day)s at %(time)s from %(place)s."),
        "broke down, waiting": _(
            "The vehicle of your trip at %(time)s has broken down. We are looking for another way."
        ),
        "seat offered": _("A seat has become free for you: %(day)s at %(time)s from %(place)s."),
        "booked": _("We have found a seat for you: %(day)s at %(time)s from %(place)s."),
    }
    asked = {
        "withdrawn": _("Shall I look for another seat?"),
        "called off": _("Shall I look for another seat?"),
        "broke down, waiting": _("We will call you again."),
        "seat offered": _("Would you like it?"),
    }
    by = _("You are there by %(time)s.", time=write_clock(trip.there_by, row.service_date))
    more = [by] if kind in ("booked", "seat offered") else []
    return fit(sentences[kind] % said, asked.get(kind, _("Does that suit you?")), *more)


def _moment(trip: trips.Trip) -> dict[str, str]:
    row = trip.booking
    return {"day": spoken_day(row.service_date), "time": write_clock(row.pickup, row.service_date)}
