"""How each person is reached: channels in the order of their choice, quiet hours, browsers and LINE accounts."""

import hashlib
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from matching.model import DAY
from webapp import pushing, service_day
from webapp.db import tables
from webapp.db.store import Door, Records
from webapp.services import codes, rules
from webapp.services.errors import Invalid
from webapp.texting import international
from webapp.town import Town
from webapp.town_rules import quiet_hours

CHANNELS = ("push", "line", "email", "text")
"""Channels in the order in which they are tried for whoever chose none: the quickest and cheapest first."""
MOST_BROWSERS = 10
CODE_LIFE = timedelta(minutes=30)
MOST_CODES = 5
"""Codes that one LINE account may try in a quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Route:
    """One way to somebody: `address` is an e-mail address, a phone number, a LINE account, or empty for browsers."""

    channel: str
    address: str = ""
    browsers: tuple[tables.PushSubscription, ...] = ()


@dataclass(frozen=True, slots=True)
class Habits:
    """How somebody is told: the channels that they have, the first one first, and their quiet hours."""

    routes: tuple[Route, ...]
    quiet: tuple[int, int]

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(route.channel for route in self.routes)


def serves(town: Town, channel: str) -> bool:
    """Can this town send by a channel?"""
    settings = town.settings
    ready = {"email": bool(settings.smtp), "text": town.texting is not None, "line": bool(settings.line_token)}
    return ready.get(channel, True)


def find_habits(town: Town, records: Records, user: tables.User) -> Habits:
    """Tell by what somebody can be reached; mail counts without a mail server, too, and waits for one."""
    kept = records.find_reach(user.id)
    number = international(user.phone, town.country()) if user.phone and town.texting else ""
    line = records.find_line_link(user_id=user.id) if town.settings.line_token else None
    browsers = tuple(records.list_push_subscriptions(user.id))
    has = {
        "push": Route("push", browsers=browsers) if browsers else None,
        "line": Route("line", line.line_id) if line and line.line_id else None,
        "email": Route("email", user.email) if user.email else None,
        "text": Route("text", number) if number else None,
    }
    order = in_order(kept.channels if kept else ())
    quiet = town_quiet(town, records)
    if kept and kept.quiet_from is not None and kept.quiet_until is not None:
        quiet = (kept.quiet_from, kept.quiet_until)
    return Habits(tuple(route for channel in order if (route := has[channel])), quiet)


def town_quiet(town: Town, records: Records) -> tuple[int, int]:
    """Tell from when until when nothing rings that can wait, for who chose nothing else: seconds of the day."""
    hours = quiet_hours(rules.rules_on(records, town, town.today())) or (time(), time())
    begins, ends = (clock.hour * 3600 + clock.minute * 60 for clock in hours)
    return begins, ends


def get_habits(town: Town, user_id: str) -> Habits:
    """Tell by what somebody can be reached."""
    with town.store.read() as records:
        return find_habits(town, records, records.get_user(user_id))


def in_order(chosen: Iterable[str]) -> tuple[str, ...]:
    """Put what somebody chose before all other channels."""
    first = [one for one in dict.fromkeys(chosen) if one in CHANNELS]
    return (*first, *(one for one in CHANNELS if one not in first))


def quiet_until(town: Town, quiet: tuple[int, int], now: datetime) -> datetime | None:
    """Give the end (UTC) of quiet hours that run now; None while nobody sleeps."""
    begins, ends = quiet
    today = service_day.today(now, town.settings.timezone)
    for day in (today - timedelta(days=1), today):
        first = _instant(town, day, begins)
        last = _instant(town, day if ends >= begins else day + timedelta(days=1), ends)
        if first <= now < last:
            return last
    return None


def _instant(town: Town, day: date, seconds: int) -> datetime:
    """Give the instant (UTC) at which the town's clock shows so many seconds of a day, also when clocks change."""
    zone, (hour, rest) = town.settings.timezone, divmod(seconds, 3600)
    return service_day.instant_of(service_day.seconds_at(time(hour, rest // 60), day, zone), day, zone)


def choose(town: Town, user_id: str, first: str) -> None:
    """Let somebody be told by a channel first; the others follow in the order of before. Raises Invalid."""
    if first not in CHANNELS:
        raise Invalid("channel")
    _keep(town, user_id, lambda row: setattr(row, "channels", list(in_order([first, *row.channels]))))


def set_quiet(town: Town, user_id: str, begins: int, ends: int) -> None:
    """Set from when until when nothing that can wait rings at somebody's. Raises Invalid for no time of a day."""
    if not (0 <= begins < DAY and 0 <= ends < DAY):
        raise Invalid("quiet")

    def change(row: tables.Reach) -> None:
        row.quiet_from, row.quiet_until = begins, ends

    _keep(town, user_id, change)


def _keep(town: Town, user_id: str, change: Callable[[tables.Reach], None]) -> None:
    def write(door: Door) -> None:
        row = door.find_reach(user_id) or tables.Reach(user_id=user_id, channels=[])
        change(row)
        door.put(row)

    town.store.commit(write, rider=user_id)


# Browsers


def subscribe(town: Town, user_id: str, endpoint: str, p256dh: str, auth: str) -> None:
    """Let a browser show somebody's messages; it takes the place of whoever used it before.

    Raises Invalid for what no push service of this town gave out, or for too many browsers.
    """
    if not pushing.is_sound(town.settings, endpoint, p256dh, auth):
        raise Invalid("browser")

    def change(door: Door) -> None:
        row_id = codes.digest(endpoint)
        others = [one for one in door.list_push_subscriptions(user_id) if one.id != row_id]
        if len(others) >= MOST_BROWSERS:
            raise Invalid("browsers")
        door.put(
            tables.PushSubscription(
                id=row_id, user_id=user_id, endpoint=endpoint, p256dh=p256dh, auth=auth, created_at=door.now()
            )
        )

    town.store.commit(change, rider=user_id)


def unsubscribe(town: Town, user_id: str) -> None:
    """Let none of somebody's browsers show messages any more."""

    def change(door: Door) -> None:
        for one in door.list_push_subscriptions(user_id):
            door.forget_push_subscription(one.id)

    town.store.commit(change, rider=user_id)


# LINE


def begin_line(town: Town, user_id: str) -> str:
    """Give somebody eight digits that link the LINE account from which they send them to the town's own."""
    said = f"{secrets.randbelow(10**8):08}"

    def change(door: Door) -> None:
        row = door.find_line_link(user_id=user_id) or tables.LineLink(user_id=user_id)
        row.code, row.code_at = _sealed(town, said), door.now()
        door.put(row)

    town.store.commit(change, rider=user_id)
    return said


def end_line(town: Town, user_id: str) -> None:
    """Let somebody's LINE account be told nothing any more."""
    town.store.commit(lambda door: door.put(tables.LineLink(user_id=user_id)), rider=user_id)


def link_line(town: Town, line_id: str, said: str) -> str | None:
    """Link a LINE account to whoever was given what it sent; give their id, or None where that is nobody.

    An account may try five codes in a quarter of an hour; what it sends beyond that is not looked at.
    """
    digits = "".join(filter(str.isdecimal, said))[:20]
    key = codes.pseudonym(town.settings.secret_key, "line", hashlib.sha256(line_id.encode()).hexdigest())

    def change(door: Door) -> str | None:
        now = door.now()
        starts = now - (now - datetime(2000, 1, 1)) % timedelta(minutes=15)
        if len(digits) != 8 or door.count_sign_in(f"line {key}", starts) > MOST_CODES:
            return None
        row = door.find_line_link(code=_sealed(town, digits))
        if row is None or row.code_at is None or row.code_at <= now - CODE_LIFE:
            return None
        row.line_id, row.code, row.code_at = line_id, "", None
        door.put(row)
        return row.user_id

    return town.store.commit(change)


def _sealed(town: Town, said: str) -> str:
    return codes.pseudonym(town.settings.secret_key, "line code", said)
