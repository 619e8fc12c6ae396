"""What every page needs: the town behind it, who may see it, and how times, money and distances are written."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import cache
from typing import Any, cast
from unicodedata import normalize

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency, format_decimal
from flask import current_app, g, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from matching.model import Broken, Rule
from routing.places import Relation
from routing.times import Place
from webapp import service_day
from webapp.config import LANGUAGES, LOCALES
from webapp.db import tables
from webapp.live import LiveTown
from webapp.services import accounts, places, proxies, signin, trips, watching, wishes
from webapp.services.errors import Invalid, NotFound
from webapp.town import Town

View = Callable[..., ResponseReturnValue]
OTHERS = frozenset({Rule.APART, Rule.ACCOMPANIED})
"""Rules about other riders: whoever asks is told nothing of them, not even which rule it was."""
TIMED = frozenset(
    {Rule.TIME, Rule.WINDOW, Rule.BELL, Rule.EXTRA, Rule.MAX_RIDE, Rule.DETOUR, Rule.DEADHEAD, Rule.CUTOFF}
)
"""Rules that are broken by seconds."""
ACTING = "acting_for"
"""Where a session keeps who acts for whom."""
CENTS = {"JPY": 1, "KRW": 1}
"""Currencies whose smallest coin is the unit itself; all others count in hundredths."""


def town() -> Town:
    """Give the town that this site serves, the same throughout a request: its roads may be replaced meanwhile."""
    if "town" not in g:
        g.town = cast(LiveTown, current_app.extensions["noriai"]).now()
    return cast(Town, g.town)


def go_without_records() -> None:
    """Ask the records nothing more in this request: who visits counts as nobody unless that is known by now."""
    g.without_records = True


def is_without_records() -> bool:
    return "without_records" in g


def language() -> str:
    """Choose the language: what the visitor chose here, else what the browser asks for, else the town's own."""
    chosen = session.get("language")
    if chosen in LANGUAGES:
        return str(chosen)
    if "asked_language" not in g:
        g.asked_language = request.accept_languages.best_match(list(LANGUAGES)) or town().settings.language
    return str(g.asked_language)


def reading() -> tuple[str, str]:
    """Give how the visitor reads: the size of the words and the contrast, "" as usual."""
    return session.get("text_size", ""), session.get("contrast", "")


@dataclass(frozen=True, slots=True)
class Admission:
    """Whom a page lets in, which `webapp.views.guard` sees to: people of some roles; without roles, everybody.

    about_rider: it is about whoever is acted for, by the desk or, where `helpers` may, by who helps. fields: of its
    form, those that name another kind of thing here than elsewhere, or none ("").
    """

    roles: frozenset[str]
    about_rider: bool = False
    helpers: bool = True
    fields: Mapping[str, str] = field(default_factory=dict)


def needs(*roles: str) -> Callable[[View], View]:
    """Let only people of these roles in: strangers are asked to sign in, others are told nothing (404)."""

    def declare(view: View) -> View:
        known = admission(view)
        both = frozenset(roles) & known.roles if known else frozenset(roles)
        return _admit(view, replace(known or Admission(both), roles=both))

    return declare


def anybody(view: View) -> View:
    """Let everybody in: the page finds out by itself who asks, or tells nothing of anybody."""
    return _admit(view, Admission(frozenset()))


def about_rider(view: View, *, helpers: bool) -> View:
    """Say that a page is about whoever is acted for, and whether those who help may open it."""
    known = admission(view) or Admission(frozenset({"resident", "desk"}))
    return _admit(view, replace(known, about_rider=True, helpers=helpers))


def sends(**fields: str) -> Callable[[View], View]:
    """Say what fields of a form name, where they name another thing elsewhere; "" for no thing of anybody's."""

    def declare(view: View) -> View:
        known = admission(view)
        assert known is not None, f"{view.__name__}: say first whom the page needs"
        return _admit(view, replace(known, fields={**known.fields, **fields}))

    return declare


def admission(view: Callable[..., Any]) -> Admission | None:
    """Give whom a page lets in, if that was said."""
    return getattr(view, "admission", None)


def _admit(view: View, admitted: Admission) -> View:
    view.admission = admitted  # type: ignore[attr-defined]
    return view


def sign_in_page(**said: Any) -> str:
    """Give the address where people sign in: without a password, where the town can send codes."""
    return url_for("signin.start" if any(signin.ways(town())) else "security.login", **said)


def find_rider() -> tables.User | None:
    """Give who travels: who is signed in, or whom they act for: the desk for a caller, a resident for who agreed.

    Raises NotFound, once, where somebody acts for a resident who no longer agrees, or whom they no longer help.
    """
    actor, rider = session.get(ACTING, ("", ""))
    if acts_by_phone():
        return accounts.get_rider(town(), rider) if actor == current_user.id else None
    if actor != current_user.id:
        return cast(tables.User, current_user.row)
    if not proxies.may_act(town(), actor, rider):
        session.pop(ACTING)
        raise NotFound("proxy")
    return accounts.get_rider(town(), rider)


def acts_by_phone() -> bool:
    """Is it the desk that uses the pages of who calls?"""
    return current_user.is_authenticated and "desk" in current_user.role_names


def on_shared_tablet() -> bool:
    """Did a driver sign in by PIN on a tablet that others use? What is theirs alone is not for there."""
    return "until" in session


def must_enrol() -> bool:
    """Does somebody have to add a second factor before anything else?"""
    return "enrol" in session


def is_helping() -> bool:
    """Does a resident use the pages of somebody whom they help?"""
    if not current_user.is_authenticated or acts_by_phone():
        return False
    return bool(session.get(ACTING, ("", ""))[0] == current_user.id)


def inside(path: str) -> str:
    """Give a path of this site as it is, and the first page for any other address."""
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if ours else "/"


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
    """Read a time of the day as people write it: 9:10, 09.10, 910, 9時10分, 9. Raises Invalid with its field."""
    written = normalize("NFKC", request.form.get(field, "")).strip()
    said = re.fullmatch(r"(\d{1,2})(?:[:. 時시]? ?(\d{2})[分분]?|[時시])?", written, re.ASCII)
    hour, minute = (int(said[1]), int(said[2] or 0)) if said else (24, 0)
    if hour > 23 or minute > 59:
        raise Invalid(field)
    return time(hour, minute)


def navigation() -> list[tuple[str, str, bool]]:
    """List where the signed-in person may go: (label, address, is it this page)."""
    own = [] if on_shared_tablet() else [(_("Signing in"), "factors.show")]
    pages = {
        "resident": [
            (_("My trips"), "resident.trips"),
            (_("Messages"), "resident.channels.show"),
            (_("Signing in"), "signin.mine"),
        ],
        "desk": [
            (_("Phone desk"), "desk.find"),
            (_("Messages"), "letters.unreached"),
            (_("Signing in"), "factors.show"),
        ],
        "dispatcher": [
            (_("Board"), "board.show"),
            (_("Alerts"), "alerts.show"),
            (_("The day"), "dispatcher.day"),
            (_("Absences"), "absences.show"),
            (_("Schedules"), "dispatcher.upload"),
            (_("Agreements"), "agreements.overview"),
            (_("Tablets"), "tablets.overview"),
            (_("Signing in"), "factors.show"),
        ],
        "driver": [(_("My runs"), "driver.runs"), *own],
        "town": [
            (_("Figures"), "city.figures"),
            (_("Opinions"), "city.opinions"),
            (_("Rules"), "rules.overview"),
            (_("Agreements"), "agreements.overview"),
            (_("Signing in"), "factors.show"),
        ],
    }
    roles = getattr(current_user, "role_names", []) if current_user.is_authenticated else []
    if must_enrol():
        return []
    shown = [page for role in roles for page in pages[role]]
    return [(label, url_for(end), request.endpoint == end) for label, end in shown]


def write_clock(seconds: int, day: date) -> str:
    """Write a second of a service day as the town's clock shows it, of 24 hours in every language: 9:10, 0:40."""
    shown = service_day.local_time(seconds, day, town().settings.timezone)
    return _clock_text(shown.hour, shown.minute, locale())


@cache
def _clock_text(hour: int, minute: int, form: Locale) -> str:
    return format_skeleton("Hm", time(hour, minute), locale=form)


def write_short_day(day: date) -> str:
    """Write a date with its weekday and without its year, for days that are near."""
    return format_skeleton("MMMMEEEEd", day, locale=locale())


def write_instant(instant: datetime) -> str:
    """Write an instant (UTC) as the town's clock shows it."""
    zone = town().settings.timezone
    day = service_day.today(instant, zone)
    return write_clock(service_day.seconds_of(instant, day, zone), day)


def write_until(instant: datetime) -> str:
    """Write an instant (UTC) with its day, unless that is today."""
    day = service_day.today(instant, town().settings.timezone)
    clock = write_instant(instant)
    return clock if day == town().today() else f"{write_day(day)} {clock}"


def write_date_of(instant: datetime, code: str = "") -> str:
    """Write the date of an instant (UTC) as the town's calendar shows it, in the reader's language or another."""
    return format_date(service_day.today(instant, town().settings.timezone), "long", locale=_locale_of(code))


def write_trip_of(booked: tables.Booking, code: str) -> str:
    """Write a booking in one line, in a language: 23 November 2026, 8:00 Home – 8:12 Shop."""
    day, zone = booked.service_date, town().settings.timezone
    begin, end = (service_day.local_time(second, day, zone) for second in (booked.pickup, booked.dropoff))
    clock = [format_skeleton("Hm", shown, locale=_locale_of(code)) for shown in (begin, end)]
    way = f"{clock[0]} {booked.pickup_label} – {clock[1]} {booked.dropoff_label}"
    return f"{format_date(day, 'full', locale=_locale_of(code))}, {way}"


def _locale_of(code: str) -> Locale:
    return Locale.parse(LOCALES.get(code, code), sep="_") if code else locale()


def from_drivers(operator: str | None = None) -> dict[str, Any]:
    """Give what drivers ask for and wrote, and the runs that nobody closed: of one operator, or to the desk of all."""
    return {
        "unclosed": watching.list_unclosed(town(), town().clock(), operator),
        "calls": watching.list_remarks(town(), "call", operator),
        "notes": watching.list_remarks(town(), "note", operator),
        "reference": watching.reference,
        "may_call": operator is None,
    }


def write_instant_day(instant: datetime) -> str:
    """Write an instant (UTC) with its date, short, as the town's clock shows it."""
    day = service_day.today(instant, town().settings.timezone)
    return f"{format_skeleton('MMMd', day, locale=locale())}, {write_instant(instant)}"


def write_card_number(number: str) -> str:
    """Write the eight digits of a card in two groups, as they are read out."""
    return f"{number[:4]} {number[4:]}"


def write_day(day: date) -> str:
    """Write a date with its weekday, and the year only in languages whose full form has it."""
    return format_date(day, "full", locale=locale())


def write_money(amount: int, currency: str) -> str:
    """Write an amount of cents, or of yen."""
    if not amount:
        return _("free of charge")
    return format_currency(amount / CENTS.get(currency, 100), currency, locale=locale())


def write_walk(metres: int, row: tables.Request) -> str:
    """Write a party's walk and its time in words that do not pretend to know it to the metre."""
    if metres < wishes.AT_THE_DOOR:
        return _("at the door")
    return ngettext(
        "%(metres)s m walk, about %(num)s minute",
        "%(metres)s m walk, about %(num)s minutes",
        -(-wishes.walking_seconds(row, metres) // 60),
        metres=-(-metres // 10) * 10,
    )


def write_name(label: str, place: Place | None) -> str:
    """Write the name of a place as its signs have it in the reader's language, where the map knows that."""
    return town().places.called(label, place, language()) if place else label


def write_end(row: tables.Request, end: str) -> str:
    """Write the name of one end of a request, "origin" or "destination"."""
    return write_name(getattr(row, f"{end}_label"), places.place_of(row, end))


def write_spot(label: str, place: Place | None) -> str:
    """Write where a vehicle stops: beside what its label names, in words that leave every name as it is."""
    relation, name = place and places.relation(town(), label, place), write_name(label, place)
    return {
        Relation.IN_FRONT_OF: _("In front of %(place)s", place=name),
        Relation.BY: _("By %(place)s", place=name),
        Relation.NEAR: _("Near %(place)s", place=name),
    }.get(relation or Relation.AT, name)


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


def write_hours(minutes: float) -> str:
    """Write a sum of minutes in hours and tenths."""
    return format_decimal(minutes / 60, format="#,##0.0", locale=locale())


def locale() -> Locale:
    """Give the form in which the reader's dates, times and amounts are written."""
    return Locale.parse(LOCALES.get(language(), language()))


def rating_text(rating: int) -> str:
    """Say in a word how a trip was."""
    return {
        5: _("Very good"),
        4: _("Good"),
        3: _("In between"),
        2: _("Not good"),
        1: _("Bad"),
    }[rating]


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
        Rule.AGREEMENT: _("The agreement of the vehicle's operator with the town does not cover this day."),
        Rule.QUOTA: _("All places that the operator keeps for residents are taken."),
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
        Rule.AGREEMENT: _("No agreement with the town that is in force covers it."),
        Rule.QUOTA: _("All places that the agreement keeps for residents are taken."),
    }.get(Rule(rule), _("It would break a promise."))


def excess_text(fault: Broken) -> str:
    """Say by how much a rule would be broken; nothing where that is no amount."""
    if fault.excess <= 0:
        return ""
    if fault.rule in (Rule.SEATS, Rule.WHEELCHAIR, Rule.STOWAGE, Rule.QUOTA):
        return _("%(missing)s more needed", missing=fault.excess)
    return write_span(fault.excess) if fault.rule in TIMED else ""


def error_text(code: str) -> str:
    """Say in plain words what was wrong with an answer, or what happened to a seat."""
    return {
        "day": _("Choose a day from today to two weeks ahead."),
        "date": _("Choose a day from today to two weeks ahead."),
        "time": _("Write a time of the day, such as 9:10."),
        "text": _("Write the name of a place or an address."),
        "address": _("Write your e-mail address or your phone number."),
        "email": _("Write an e-mail address, such as name@example.org."),
        "email taken": _("Somebody else signs in with this address."),
        "phone number": _("Write your phone number."),
        "code": _("These are not the six digits that we sent last. Look at the newest message."),
        "pin": _("Choose four to six digits: not all the same, and not one after the other as in 1234."),
        "pin of card": _("This PIN does not open the card. After five wrong PINs a card is locked: then call us."),
        "sign-in": _("This sign-in has run out. Start again, and ask for new digits or scan your card."),
        "person": _("Choose who you are."),
        "tries": _("That was tried too often. Wait 15 minutes, or call us."),
        "guesses": _("Too many digits were tried for this address today. Open the link in the message, or call us."),
        "factor locked": _("That was tried too often. Wait 15 minutes, or call us."),
        "factor": _("This code is not right, or it was used already. Wait for the next one."),
        "passkey": _("This passkey is not known here, or it did not work. Try again, or use another way."),
        "passkey late": _("That took too long. Try again."),
        "passkey name": _("Write a name for this passkey, in up to 40 letters."),
        "password wrong": _("This is not your password of now."),
        "password short": _("Write at least 12 characters. Several words are good."),
        "password common": _("This password is soon guessed. Take several words that do not belong together."),
        "app": _("You have an app already. Remove it first."),
        "unknown": _("We do not know a place of that name here. Try an address, or a school, library, shop or stop."),
        "place": _("Choose one of the places, or search again."),
        "label": _("Write what you call this place, in up to 40 letters."),
        "label taken": _("You call another place so already. Choose another word."),
        "many places": _("You have saved 20 places already. Remove one of them first."),
        "caller": _("Write at least two letters of the name, or two digits of the number."),
        "name": _("Write the name of the caller."),
        "phone": _("Write a phone number with at least five digits."),
        "answers": _("You have changed your answers since. Here are the times for them."),
        "when": _("Choose either when you want to leave or when you must be there."),
        "point": _("That is no point of the map. Try again, or write the name of the place."),
        "home": _("Choose one of your places."),
        "not today": _("Only from a trip of today you can ask for the way back from now on."),
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
        "agreement": _("The agreement for that run has ended. Here are the times that are free now."),
        "agreement withdrawn": _("This agreement was withdrawn, so it can no longer be signed."),
        "agreement operator": _("Choose the operator."),
        "starts": _("Write the first day, as year-month-day."),
        "ends": _("Write the last day, as year-month-day."),
        "agreement ends": _("The last day comes before the first. Change one of them."),
        "agreement over": _("The last day has gone by already. Write a later one."),
        "price": _("Write an amount such as 1.50, or leave it empty."),
        "per": _("Choose what the price is for."),
        "rules": _("This file has errors, so it cannot be used."),
        "rules start": _("Choose a first day from today on."),
        "trial open": _("These rules are still being tried. Wait until that is done."),
        "quota": _("Write how many, from 1 on, or leave it empty."),
        "quota_in_all": _("Write how many, from 1 on, or leave it empty."),
        "liability": _("Write who is liable for residents, in up to 4,000 letters."),
        "overlap": _("You already have a trip at that time."),
        "booked": _("This trip is booked already."),
        "key": _("This form was sent before with other answers. Start again."),
        "answer late": _("The time to answer is over, or the seat was given back. Ask for the trip again."),
        "answer": _("Choose yes or no."),
        "trip over": _("This trip can no longer be changed."),
        "rating": _("Choose how the trip was."),
        "opinion": _("Write at most 1,000 letters."),
        "helper": _("Write an e-mail address or a phone number with at least five digits."),
        "helper self": _("This is your own address. Write that of the person who helps you."),
        "consent": _("Ask the caller whether they agree, and say here that they do."),
        "many helpers": _("You have named five people already. End one of them first."),
        "series weekdays": _("Choose at least one weekday."),
        "series until": _("Choose a last day after this trip, at most half a year ahead."),
        "series dates": _("None of these weekdays lies between this trip and the last day. Choose others."),
        "series otherwise": _("Choose what is to happen on a day without a seat."),
        "many series": _("You have ten weekly trips already. Stop one of them first."),
        "served": _("The vehicle has been there already, so this trip can no longer be cancelled."),
        "upload done": _("This file was taken in or dropped before."),
        "outdated": _("Somebody changed these runs meanwhile. Look at your file again."),
        "agreed": _("Other bookings are affected than you agreed to. Look at your file again."),
        "columns": _("Choose a column for each line, and none of them twice."),
        "upload refused": _("This file has errors, so nothing was taken in."),
        "ride": _("This rider is not at that stop of this run."),
        "stop": _("This stop is no longer on this run."),
        "off the run": _("This trip was cancelled meanwhile: they are no longer on this run."),
        "otherwise": _("Something else was told of this rider on another device. Look at the list."),
        "closed": _("This run was closed already, so nothing can be added."),
        "not to undo": _("This can no longer be taken back: other things were told since."),
        "somebody left": _("Somebody is still aboard, or not accounted for. The run stays open."),
        "looked": _("Look at every seat, under blankets and into the boot, and tick all three."),
        "not begun": _("Nothing was told of this run yet, so it cannot be closed."),
        "note of driver": _("Write a note of up to 500 letters."),
        "tablet": _("Write a name for this tablet, in up to 40 letters."),
        "pin of driver": _("This PIN is not right. After five wrong PINs it is locked."),
        "pin locked": _("This PIN is locked. Ask your dispatcher for a new one."),
        "not aboard": _("They did not board, so they cannot get off."),
        "alighted": _("They have got off already."),
        "absent first": _("Choose a first day from today on."),
        "absent last": _("Choose a last day after the first, at most a year later."),
        "absent weekdays": _("None of these weekdays lies between the two days. Choose others, or none for every day."),
        "kind": _("Choose one of the three."),
        "minutes": _("Write minutes from 0 to 10080, which is a week."),
        "taken": _("A colleague is calling this person now."),
        "group": _("Choose a group."),
        "document": _("Choose which kind of paper you saw."),
        "until": _("Write the last day on which it is valid, from today on, or leave it empty."),
        "consent_on": _("Write the day of the signature; it cannot lie ahead."),
        "helper_phone": _("Write a phone number with at least five digits."),
        "note": _("Write a note of up to 300 letters."),
        "number": _("Choose one of the numbered trips."),
        "result": _("Choose how the call went."),
        "clock": _("Write a time of the day, such as 9:10."),
        "paper": _("Enter this only if you have it on paper."),
        "news": _("Choose at least one kind of news."),
        "consent ends": _("Choose a last day that is still to come, and not before the first."),
        "many told": _("Five people are told of your trips already. Remove one of them first."),
        "channel": _("Choose one of the ways."),
        "message settled": _("Somebody has dealt with this message already."),
        "steer done": _("This was done or dropped before."),
        "steer not done": _("There is nothing here that could be undone."),
        "steer begun": _("No run of this day is left that has not begun."),
        "steer day": _("Choose a day with runs of yours."),
        "many actions": _("That is as much as can be reckoned together. Do or drop it first."),
        "guardian": _("No resident signs in with this address. They have to be registered first."),
    }.get(code, _("That did not work. Go back and try again."))
