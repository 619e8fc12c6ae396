"""What every page needs: the town behind it, who may see it, and how times, money and distances are written."""

import re
from collections.abc import Callable
from datetime import date, datetime, time
from functools import wraps
from typing import ParamSpec, cast
from unicodedata import normalize

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency
from flask import abort, current_app, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from matching.model import Broken, Rule
from webapp import service_day
from webapp.config import LANGUAGES
from webapp.db import tables
from webapp.services import accounts, trips
from webapp.services.errors import Invalid
from webapp.town import Town

P = ParamSpec("P")
OTHERS = frozenset({Rule.APART, Rule.ACCOMPANIED})
"""Rules about other riders: whoever asks is told nothing of them, not even which rule it was."""
TIMED = frozenset(
    {Rule.TIME, Rule.WINDOW, Rule.BELL, Rule.EXTRA, Rule.MAX_RIDE, Rule.DETOUR, Rule.DEADHEAD, Rule.CUTOFF}
)
"""Rules that are broken by seconds."""
CENTS = {"JPY": 1, "KRW": 1}
"""Currencies whose smallest coin is the unit itself; all others count in hundredths."""


def town() -> Town:
    """Give the town that this site serves."""
    return cast(Town, current_app.extensions["noriai"])


def language() -> str:
    """Choose the language: what the visitor chose here, else what the browser asks for, else the town's own."""
    chosen = session.get("language")
    if chosen in LANGUAGES:
        return str(chosen)
    return request.accept_languages.best_match(list(LANGUAGES)) or town().settings.language


def needs(*roles: str) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
    """Let only people of these roles in; strangers are asked to sign in, others are told nothing (404)."""

    def guard(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            if not current_user.is_authenticated:
                return redirect(url_for("security.login", next=request.path if request.method == "GET" else "/"))
            if not set(roles) & set(current_user.role_names):
                abort(404)
            return view(*args, **kwargs)

        return guarded

    return guard


def find_rider() -> tables.User | None:
    """Give who travels: the resident who is signed in, or the caller for whom the desk acts, if it acts for anybody."""
    if "desk" not in current_user.role_names:
        return cast(tables.User, current_user.row)
    desk, rider = session.get("acting_for", ("", ""))
    return accounts.get_rider(town(), rider) if desk == current_user.id else None


def words(field: str, longest: int = 100) -> str:
    """Read a line of text of a form, without what cannot be printed."""
    return "".join(filter(str.isprintable, request.form.get(field, ""))).strip()[:longest]


def written() -> dict[str, str]:
    """Give back what was written in a form that has to be shown again."""
    return {field: words(field) for field in request.form}


def whole_number(field: str) -> int:
    """Read a whole number of a form. Raises Invalid with the field's name."""
    try:
        return int(request.form.get(field, "").replace("_", "."))
    except ValueError as error:
        raise Invalid(field) from error


def clock_time(field: str) -> time:
    """Read a time of the day as people write it: 9:10, 09.10 or 0910. Raises Invalid with the field's name."""
    said = re.fullmatch(r"(\d{1,2})[:. ]?(\d{2})", normalize("NFKC", request.form.get(field, "")).strip(), re.ASCII)
    hour, minute = (int(said[1]), int(said[2])) if said else (24, 0)
    if hour > 23 or minute > 59:
        raise Invalid(field)
    return time(hour, minute)


def navigation() -> list[tuple[str, str, bool]]:
    """List where the signed-in person may go: (label, address, is it this page)."""
    pages = {
        "resident": [(_("My trips"), "resident.trips")],
        "desk": [(_("Phone desk"), "desk.find")],
        "dispatcher": [(_("The day"), "dispatcher.day"), (_("Schedules"), "dispatcher.upload")],
        "driver": [(_("My runs"), "driver.runs")],
        "town": [(_("Figures"), "city.figures")],
    }
    roles = getattr(current_user, "role_names", []) if current_user.is_authenticated else []
    shown = [page for role in roles for page in pages[role]]
    return [(label, url_for(end), request.endpoint == end) for label, end in shown]


def write_clock(seconds: int, day: date) -> str:
    """Write a second of a service day as the town's clock shows it, of 24 hours in every language: 9:10, 0:40."""
    shown = service_day.local_time(seconds, day, town().settings.timezone)
    return format_skeleton("Hm", shown, locale=locale())


def write_instant(instant: datetime) -> str:
    """Write an instant (UTC) as the town's clock shows it."""
    zone = town().settings.timezone
    day = service_day.today(instant, zone)
    return write_clock(service_day.seconds_of(instant, day, zone), day)


def write_day(day: date) -> str:
    """Write a date with its weekday, and the year only in languages whose full form has it."""
    return format_date(day, "full", locale=locale())


def write_money(amount: int, currency: str) -> str:
    """Write an amount of cents, or of yen."""
    if not amount:
        return _("free of charge")
    return format_currency(amount / CENTS.get(currency, 100), currency, locale=locale())


def write_walk(metres: int) -> str:
    """Write a walk in words that do not pretend to know it to the metre."""
    if metres < 20:
        return _("at the door")
    return _("%(metres)s m walk", metres=-(-metres // 10) * 10)


def write_span(seconds: int) -> str:
    """Write how much earlier or later, in hours and minutes."""
    hours, minutes = divmod(-(-abs(seconds) // 60), 60)
    if not hours:
        return _("%(minutes)s min", minutes=minutes)
    return _("%(hours)s h %(minutes)s min", hours=hours, minutes=minutes) if minutes else _("%(hours)s h", hours=hours)


def walks(*said: int) -> list[tuple[int, str]]:
    """Offer the walks among which people say how far they can go, and what was `said` before; 60 metres a minute."""
    return [
        (metres, _("%(metres)s m, about %(minutes)s min", metres=metres, minutes=-(-metres // 60)))
        for metres in sorted({*trips.WALKS, *said})
    ]


def write_minutes(seconds: int) -> str:
    """Write a duration in whole minutes, rounded up."""
    return _("%(minutes)s min", minutes=-(-seconds // 60))


def locale() -> Locale:
    """English is written as in Europe: a town's clock has 24 hours."""
    return Locale.parse({"en": "en_GB"}.get(language(), language()))


def rule_text(rule: str) -> str:
    """Say in plain words which rule stopped a trip."""
    return {
        Rule.TIME: _("No vehicle that takes residents drives then."),
        Rule.WINDOW: _("No vehicle can be there at that time."),
        Rule.ROAD: _("No road that a vehicle can use leads there."),
        Rule.RESIDENTS: _("The vehicles that pass may not stop there for residents."),
        Rule.DEADHEAD: _("The vehicles that pass take residents only while their own riders are aboard."),
        Rule.DETOUR: _("The vehicles that pass may not leave their road that far."),
        Rule.WHO: _("The vehicles that pass take only people who are registered for them."),
        Rule.CUTOFF: _("It is too late to book that trip."),
        Rule.WHEELCHAIR: _("No wheelchair place is free on the vehicles that pass."),
        Rule.SEATS: _("Not enough seats are free on the vehicles that pass."),
        Rule.MAX_RIDE: _("You would have to sit in the vehicle for too long."),
        Rule.EXTRA: _("Somebody who relies on that vehicle would be late."),
        Rule.BELL: _("The vehicle would not be at the school in time."),
        Rule.STOWAGE: _("No room for a walker, a pram or luggage is left on the vehicles that pass."),
        Rule.LAST_IN: _("On the vehicles that pass you could not board last and get off first."),
        Rule.LINKED: _("The trip there has no seat, so its way back has none."),
        **dict.fromkeys(OTHERS, _("The vehicles that pass have no place for you at that time.")),
    }.get(Rule(rule), _("No seat was found."))


def obstacle_text(rule: str) -> str:
    """Tell a dispatcher in plain words what stops a request on one run."""
    return {
        Rule.TIME: _("It drives at another time."),
        Rule.WINDOW: _("It cannot be there within the time that was asked for or promised."),
        Rule.ROAD: _("No road leads there."),
        Rule.RESIDENTS: _("Residents may not use its stops near there."),
        Rule.DEADHEAD: _("It takes residents only while its own riders are aboard."),
        Rule.DETOUR: _("It would leave its road farther than it may."),
        Rule.WHO: _("It does not take this group of residents."),
        Rule.CUTOFF: _("Booking for it has closed."),
        Rule.WHEELCHAIR: _("Too few wheelchair places are free."),
        Rule.SEATS: _("Too few seats are free."),
        Rule.STOWAGE: _("Too little room is free for walkers, prams and luggage."),
        Rule.MAX_RIDE: _("Somebody would be aboard for too long."),
        Rule.EXTRA: _("Its own riders would be later than they may be."),
        Rule.BELL: _("It would come too late to the end of its way."),
        Rule.DONE: _("It has been there already, or is too near to be changed."),
        Rule.APART: _("Somebody aboard and this rider do not travel together."),
        Rule.LAST_IN: _("Somebody has to board last and get off first."),
        Rule.ACCOMPANIED: _("One of its own riders would be alone with residents."),
        Rule.LINKED: _("The trip there has no seat."),
    }.get(Rule(rule), _("It would break a promise."))


def excess_text(fault: Broken) -> str:
    """Say by how much a rule would be broken; nothing where that is no amount."""
    if fault.excess <= 0:
        return ""
    if fault.rule in (Rule.SEATS, Rule.WHEELCHAIR, Rule.STOWAGE):
        return _("%(missing)s more needed", missing=fault.excess)
    return write_span(fault.excess) if fault.rule in TIMED else ""


def error_text(code: str) -> str:
    """Say in plain words what was wrong with an answer, or what happened to a seat."""
    return {
        "day": _("Choose a day from today to two weeks ahead."),
        "date": _("Choose a day from today to two weeks ahead."),
        "time": _("Write a time of the day, such as 9:10."),
        "text": _("Write the name of a place or an address."),
        "unknown": _("We do not know a place of that name here. Try an address, or a school, library, shop or stop."),
        "place": _("Choose one of the places, or search again."),
        "caller": _("Write at least two letters of the name, or two digits of the number."),
        "name": _("Write the name of the caller."),
        "phone": _("Write a phone number with at least five digits."),
        "answers": _("You have changed your answers since. Here are the times for them."),
        "when": _("Choose either when you want to leave or when you must be there."),
        "people": _("Write how many people travel, from 1 to 8."),
        "wheelchairs": _("There cannot be more wheelchairs than people."),
        "max_walk": _("Choose how far you can walk."),
        "stowage": _("Say whether a walker, a pram or luggage needs room."),
        "purpose": _("Choose what the trip is for, or leave that open."),
        "unanswered": _("Answer all questions first."),
        "same place": _("You start and end at the same place. Change one of them."),
        "offer expired": _(
            "These times were kept for 15 minutes and have run out. Here are the times that are free now."
        ),
        "seat": _("That seat has just been taken. Here are the times that are free now."),
        "overlap": _("You already have a trip at that time."),
        "booked": _("This trip is booked already."),
        "key": _("This form was sent before with other answers. Start again."),
        "served": _("The vehicle has been there already, so this trip can no longer be cancelled."),
        "upload done": _("This file was taken in or dropped before."),
        "upload refused": _("This file has errors, so nothing was taken in."),
        "not aboard": _("They did not board, so they cannot get off."),
        "alighted": _("They have got off already."),
    }.get(code, _("That did not work. Go back and try again."))
