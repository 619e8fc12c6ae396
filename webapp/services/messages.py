"""What people are told: written to the outbox with what happened, sent by the way each of them chose, retried."""

import json
import smtplib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from random import uniform
from ssl import create_default_context
from typing import Any

from babel.dates import format_date, format_skeleton

from webapp import line, pushing, service_day
from webapp.config import LOCALES
from webapp.db import tables
from webapp.db.store import Door, NotFound, Records
from webapp.services import codes, reach, wording
from webapp.services.errors import Conflict
from webapp.services.reach import Route
from webapp.texts import translator
from webapp.town import Town

BATCH = 20
LEASE = timedelta(minutes=10)
"""How long a process may take for a batch: each message has at most a few servers to wait for, 10 seconds each."""
MOST_TRIES = 9
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 60, 8 * 3600, 3
"""Seconds from one try to the next, growing by this factor: nine tries take about a day."""
UNSERVED_PAUSE, DAY = timedelta(minutes=5), timedelta(days=1)
"""Least and most until it is looked again whether the town has a mail server: as long as was waited before."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on paper for somebody without any other way; `trip` is the booking that it is about."""

    id: int
    name: str
    text: str
    language: str
    written_at: datetime
    trip: tables.Booking | None = None


@dataclass(frozen=True, slots=True)
class Unreached:
    """Somebody whom a message did not reach: who, how they could be called, what it says, and why not.

    address: of whoever is nobody in the records. letter: it waits to be printed. over: too late to be sent again.
    """

    id: int
    kind: str
    name: str
    phone: str
    address: str
    text: str
    why: str
    at: datetime
    letter: bool
    over: bool
    user_id: str | None


@dataclass(frozen=True, slots=True)
class _Post:
    """A message on its way: to whom, in which language, by which routes, and when nothing may ring there."""

    row: tables.Outbox
    kind: wording.Kind | None
    user: tables.User | None
    language: str
    routes: tuple[Route, ...]
    quiet: tuple[int, int]


def tell(
    door: Door, kind: str, user_id: str | None, facts: Mapping[str, Any], *, email: str = "", channel: str = ""
) -> None:
    """Put a message into the outbox. `facts` names what it is about by id; words are chosen when it is sent.

    email: address of somebody who has no account here. channel: the only one that it may go by; else the person's own.
    Raises KeyError for a kind that has no words.
    """
    if kind not in wording.KINDS:
        raise KeyError(kind)
    said = dict(facts)
    door.put(tables.Outbox(kind=kind, channel=channel, user_id=user_id, email=email, facts=said, created_at=door.now()))


def deliver(town: Town) -> int:
    """Send what is due, and count it; what fails is tried again, ever later, and comes to the desk in the end."""
    with town.store.read() as records:
        if not records.is_message_due(town.clock()):
            return 0
    sent = 0
    while batch := town.store.commit(lambda door: door.claim_messages(BATCH, LEASE)):
        sent += sum(_deliver(town, row) for row in batch)
    return sent


def _deliver(town: Town, row: tables.Outbox) -> int:
    number = row.id or 0
    with town.store.read() as records:
        post = _address(town, records, row)
        why_not = _is_idle(town, records, post)
        waits_until = _waits_until(town, records, post)
    if why_not is not None:
        town.store.commit(lambda door: door.mark_message(number, "dead" if why_not else "away", error=why_not))
        return 0
    if waits_until:
        town.store.commit(lambda door: door.mark_message(number, "waiting", due_at=waits_until))
        return 0
    if not post.routes:
        _without_a_way(town, post)
        return 0
    via, error = _carry(town, post)
    if via:
        town.store.commit(lambda door: door.mark_sent(number, via))
        return 1
    _postpone(town, row, error)
    return 0


def _address(town: Town, records: Records, row: tables.Outbox) -> _Post:
    user = records.find_user(id=row.user_id) if row.user_id else None
    language = (user.language if user else "") or row.facts.get("language") or town.settings.language
    habits = reach.find_habits(town, records, user) if user else reach.Habits((), reach.town_quiet(town, records))
    routes = habits.routes
    if row.email:
        routes = (Route("email", row.email),)
    elif row.channel:
        routes = tuple(route for route in routes if route.channel == row.channel)
    return _Post(row, wording.KINDS.get(row.kind), user, language, routes, habits.quiet)


def _is_idle(town: Town, records: Records, post: _Post) -> str | None:
    """Say why a message is not to be sent at all; nothing where nobody misses it, None where it is to be sent."""
    row = post.row
    if post.kind and post.kind.lasts and town.clock() - row.created_at > post.kind.lasts:
        return "" if row.kind in wording.OF_SIGNING_IN else "too late"
    if row.kind in wording.OF_SIGNING_IN and not post.routes:
        return ""
    consent = row.facts.get("consent")
    if consent and not records.list_consents(town.today(), id=consent):
        return ""
    return None


def _waits_until(town: Town, records: Records, post: _Post) -> datetime | None:
    """Tell until when a message has to wait: the end of quiet hours, or until the town can send by its channel."""
    now = town.clock()
    if post.routes and not any(reach.serves(town, route.channel) for route in post.routes):
        return now + min(max(UNSERVED_PAUSE, now - post.row.created_at), DAY)
    if not post.routes or post.kind is None or post.kind.urgent:
        return None
    ends = reach.quiet_until(town, post.quiet, now)
    return None if ends is None or (post.kind.urgent_if_soon and _begins_before(town, records, post, ends)) else ends


def _begins_before(town: Town, records: Records, post: _Post, ends: datetime) -> bool:
    """Is a message about a trip that begins before then?"""
    trip = _trip(records, post.row)
    if trip is None:
        return False
    return service_day.instant_of(trip.pickup, trip.service_date, town.settings.timezone) < ends


def _without_a_way(town: Town, post: _Post) -> None:
    """Let the desk print what can wait for a letter, and call for all else."""
    state = "letter" if post.kind and post.kind.letter and post.user else "dead"
    town.store.commit(lambda door: door.mark_message(post.row.id or 0, state, error="no way"))


def _carry(town: Town, post: _Post) -> tuple[str, str]:
    """Send by the first channel that takes it; else say why none did. One bad row must not stop the others."""
    error = ""
    for route in post.routes:
        if not reach.serves(town, route.channel):
            continue
        try:
            _CARRIERS[route.channel](town, post, route)
        except (OSError, smtplib.SMTPException, ValueError, LookupError) as fault:
            error = error or type(fault).__name__
        else:
            return route.channel, ""
    return "", error


def _postpone(town: Town, row: tables.Outbox, error: str) -> None:
    number, tries = row.id or 0, row.attempts + 1
    due = town.clock() + timedelta(seconds=pause(tries) * uniform(0.75, 1.25))

    def change(door: Door) -> None:
        door.mark_failed(number, error, due)
        if tries >= MOST_TRIES:
            door.mark_message(number, "dead")

    town.store.commit(change)


def pause(tries: int) -> int:
    """Seconds to wait after so many tries."""
    return int(min(FIRST_PAUSE * GROWTH ** (tries - 1), LONGEST_PAUSE))


# Carriers


def _mail(town: Town, post: _Post, route: Route) -> None:
    settings = town.settings
    host, _, port = settings.smtp.partition(":")
    message = _compose(town, post, route.address)
    if settings.smtp_tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, int(port or 465), timeout=10, context=create_default_context())
    else:
        server = smtplib.SMTP(host, int(port or 25), timeout=10)
    with server:
        if settings.smtp_tls == "starttls":
            server.starttls(context=create_default_context())
        if settings.smtp_user:
            server.login(settings.smtp_user, settings.smtp_password)
        server.send_message(message)


def _text(town: Town, post: _Post, route: Route) -> None:
    if town.texting:
        town.texting.send(route.address, _words(town, post.row, post.language))


def _line(town: Town, post: _Post, route: Route) -> None:
    line.send(town.settings, route.address, _words(town, post.row, post.language), key=_message_id(town, post.row))


def _push(town: Town, post: _Post, route: Route) -> None:
    """Send to every browser of somebody; raises OSError when none took it. What a locked screen shows names nobody."""
    kind = post.kind or wording.KINDS[post.row.kind]
    shown = {"title": wording.subject(post.row.kind, post.language), "tag": _message_id(town, post.row)}
    text = json.dumps({**shown, "open": kind.leads}, ensure_ascii=False)
    seconds = int((kind.lasts or timedelta(days=1)).total_seconds())
    fault: OSError | ValueError | None = None
    taken = 0
    for one in route.browsers:
        keys = (one.p256dh, one.auth)
        try:
            pushing.send(town.settings, one.endpoint, keys, text, seconds=seconds, urgent=kind.urgent)
            taken += 1
        except pushing.Gone as gone:
            fault = gone
            town.store.commit(lambda door, gone_id=one.id: door.forget_push_subscription(gone_id))  # type: ignore[misc]
        except (OSError, ValueError) as silent:
            fault = silent
    if fault and not taken:
        raise fault


_CARRIERS: Mapping[str, Callable[[Town, _Post, Route], None]] = {
    "email": _mail,
    "text": _text,
    "line": _line,
    "push": _push,
}


def _compose(town: Town, post: _Post, address: str) -> EmailMessage:
    _ = translator(post.language)
    message = EmailMessage()
    message["Subject"] = wording.subject(post.row.kind, post.language)
    message["From"] = town.settings.mail_from
    message["To"] = address
    message["Message-ID"] = f"<{_message_id(town, post.row)}@noriai>"
    call = _("If anything is wrong, call us: %(phone)s") % {"phone": town.settings.desk_phone}
    message.set_content("\n\n".join((_words(town, post.row, post.language), *_leave(town, post), call)) + "\n")
    return message


def _message_id(town: Town, row: tables.Outbox) -> str:
    """Name a message the same in each try, so that mail servers and LINE see that it is one."""
    return codes.pseudonym(town.settings.secret_key, "message", str(row.id))[:32]


def _leave(town: Town, post: _Post) -> Iterable[str]:
    """Say where whoever has no account here can stop being told."""
    consent = post.row.facts.get("consent")
    if consent and post.user is None and town.settings.address:
        _ = translator(post.language)
        link = f"{town.settings.address}/family/stop/{codes.token(town.settings.secret_key, 'consent', consent)}"
        yield _("To stop these messages, open this page:") + "\n" + link


def _words(town: Town, row: tables.Outbox, language: str) -> str:
    if row.kind == "code":
        return _code_words(town, row.facts["sign_in"], language)
    said = wording.words(row.kind, _facts(town, row, language), language)
    return f"{said}\n\n{town.settings.address}/trips" if "until" in row.facts and town.settings.address else said


def _facts(town: Town, row: tables.Outbox, language: str) -> Mapping[str, Any]:
    """Give what a sentence is filled with, dates and times as the reader writes them.

    Until when an answer counts has its day only where that is another one.
    """
    zone, form = town.settings.timezone, LOCALES.get(language, language)
    if "day" in row.facts:
        return {**row.facts, "day": format_date(date.fromisoformat(row.facts["day"]), "full", locale=form)}
    if "until" not in row.facts:
        return row.facts
    said, until = (
        one.replace(tzinfo=UTC).astimezone(zone) for one in (row.created_at, datetime.fromisoformat(row.facts["until"]))
    )
    clock = format_skeleton("Hm", until, locale=form)
    day = f"{format_date(until, 'full', locale=form)} " if said.date() != until.date() else ""
    return {**row.facts, "time": day + clock}


def _code_words(town: Town, sign_in_id: str, language: str) -> str:
    """Write the code of a sign-in, and its link where the town has said under which address people reach it."""
    _ = translator(language)
    key = town.settings.secret_key
    code = codes.six_digits(key, sign_in_id)
    said = _("%(code)s is your code for Noriai. It works once, for 10 minutes. Tell it to nobody.") % {"code": code}
    if not town.settings.address:
        return said
    link = f"{town.settings.address}/sign-in/link/{codes.token(key, 'link', sign_in_id)}"
    return "\n\n".join((said, _("Or open this page:"), link))


# The desk


def list_unreachable(town: Town, language: str = "") -> list[Unreached]:
    """List whom messages did not reach, newest first, with those that wait to be printed."""
    with town.store.read() as records:
        rows = records.list_outbox("dead", "letter")
        return [_unreached(town, records, row, language) for row in reversed(rows)]


def _unreached(town: Town, records: Records, row: tables.Outbox, language: str) -> Unreached:
    user = records.find_user(id=row.user_id) if row.user_id else None
    kind = wording.KINDS.get(row.kind)
    return Unreached(
        id=row.id or 0,
        kind=row.kind,
        name=user.name if user else "",
        phone=user.phone if user else "",
        address="" if user else row.email,
        text=plain(town, row, language or town.settings.language),
        why=row.error,
        at=row.created_at,
        letter=row.state == "letter",
        over=bool(kind and kind.lasts and town.clock() - row.created_at > kind.lasts),
        user_id=row.user_id,
    )


def plain(town: Town, row: tables.Outbox, language: str) -> str:
    """Say what a message says; its kind alone where this release does not know it."""
    try:
        return wording.words(row.kind, _facts(town, row, language), language)
    except (LookupError, ValueError):
        return row.kind


def try_again(town: Town, message_id: int) -> None:
    """Send a message that reached nobody once more, as if it was new. Raises Conflict when it is settled by now."""

    def change(door: Door) -> None:
        row = _unsettled(door, message_id)
        row.state, row.attempts, row.due_at, row.error = "waiting", 0, None, ""
        door.put(row)

    town.store.commit(change)


def put_away(town: Town, message_id: int) -> None:
    """Let the desk put a message away: somebody called, or it is over. Raises Conflict when it is settled by now."""

    def change(door: Door) -> None:
        _unsettled(door, message_id)
        door.mark_message(message_id, "away")

    town.store.commit(change)


def make_letter(town: Town, message_id: int) -> None:
    """Let a message that reached nobody be printed. Raises Conflict when it is settled, or has no name."""

    def change(door: Door) -> None:
        if _unsettled(door, message_id).user_id is None:
            raise Conflict("letter")
        door.mark_message(message_id, "letter")

    town.store.commit(change)


def _unsettled(door: Door, message_id: int) -> tables.Outbox:
    row = door.get_message(message_id)
    if row.state not in {"dead", "letter"}:
        raise Conflict("message settled")
    return row


def list_letters(town: Town) -> list[Letter]:
    """List what is to be printed, oldest first, each in its reader's language."""
    with town.store.read() as records:
        return [_letter(town, records, row) for row in records.list_outbox("letter")]


def _letter(town: Town, records: Records, row: tables.Outbox) -> Letter:
    user = records.get_user(row.user_id or "")
    language = user.language or town.settings.language
    trip = _trip(records, row)
    is_on = trip is not None and trip.status == "booked"
    return Letter(row.id or 0, user.name, plain(town, row, language), language, row.created_at, trip if is_on else None)


def _trip(records: Records, row: tables.Outbox) -> tables.Booking | None:
    """Find the booking that a message is about."""
    try:
        return records.get_booking(row.facts["booking"])
    except (NotFound, KeyError):
        return None


def mark_printed(town: Town, message_ids: Iterable[int]) -> None:
    """Note which letters were printed, so that none is printed twice."""

    def change(door: Door) -> None:
        for number in message_ids:
            if door.get_message(number).state == "letter":
                door.mark_message(number, "printed")

    town.store.commit(change)
