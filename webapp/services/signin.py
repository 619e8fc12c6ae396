"""Signing in without a password: a code or a link to what a person has, the same answers for known and unknown."""

import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from types import MappingProxyType
from typing import NamedTuple
from unicodedata import normalize

from webapp.db import tables
from webapp.db.store import Door, Records
from webapp.services import accounts, codes, messages
from webapp.services.codes import CODE_LIFE
from webapp.services.errors import Gone, Invalid, TooMany
from webapp.texting import international
from webapp.town import Town

MOST_TRIES = 5
"""Guesses at one code."""
QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)
Limits = tuple[tuple[timedelta, int], ...]
MOST_CODES: Limits = ((QUARTER, 5), (DAY, 20))
"""Codes that one network address may have sent to one account, or a device in which the account was in before."""
MOST_CODES_IN_ALL: Limits = ((QUARTER, 10), (DAY, 100))
"""Codes that one account is sent, whoever asks, but for the devices in which it was in before."""
MOST_GUESSES: Limits = ((DAY, 100),)
"""Digits tried for one account: whoever guesses all day opens one in 10,000. Then its links still open."""
MOST_PASSWORDS: Limits = ((QUARTER, 10),)
MOST_OF_PEER: Limits = ((QUARTER, 100),)
"""Tries of all kinds from one network address."""
DEVICE_LIFE = timedelta(days=400)
"""A browser that nobody used for so long is new again: as long as browsers keep a cookie."""
KEPT = timedelta(days=2)
_TAIL = 6
"""Digits of a number by which the records are searched before whole numbers are compared."""


class Ways(NamedTuple):
    """By which ways this town can send codes."""

    mail: bool
    text: bool


def ways(town: Town) -> Ways:
    return Ways(bool(town.settings.smtp), town.texting is not None)


def begin(town: Town, said: str, *, peer: str, language: str, device: str = "") -> str:
    """Send a code to an e-mail address or a phone number, if a resident has it; give the id of the sign-in in any case.

    peer: network address that asks. device: what its browser shows. Known and unknown addresses take the same path,
    and write the same rows. Nobody can use up the codes of somebody who asks in a browser of theirs.
    Raises Invalid for what is neither, TooMany.
    """
    channel, subject = _read_address(town, said)
    row_id, key = secrets.token_urlsafe(16), town.settings.secret_key
    link = codes.digest(codes.token(key, "link", row_id))
    country = town.country() if channel == "text" else ""

    def change(door: Door) -> str:
        users = [user.id for user in _find(door, channel, subject, country)]
        if is_known(door, device, users):
            allowed = {f"{subject} {codes.digest(device)}": MOST_CODES}
        else:
            allowed = {f"{subject} {_network(peer)}": MOST_CODES, subject: MOST_CODES_IN_ALL}
        count(door, key, peer=peer, allowed=allowed)
        door.forget_sign_ins(door.now() - KEPT)
        row = tables.SignIn(id=row_id, link=link, channel=channel, user_ids=users, created_at=door.now())
        row.account = codes.pseudonym(key, "account", subject)
        door.put(row)
        told = users[0] if users else None
        messages.tell(door, "code", told, {"sign_in": row_id, "language": language}, channel=channel)
        return row_id

    return town.store.commit(change)


def prove_by_code(town: Town, sign_in_id: str, said: str, *, peer: str, device: str = "") -> None:
    """Try a code. Raises Invalid when it is wrong, Gone when no code of this sign-in is good any more, TooMany."""
    key = town.settings.secret_key
    right = codes.six_digits(key, sign_in_id)
    given = read_digits(said)

    def change(door: Door) -> tables.SignIn | None:
        since = door.now() - CODE_LIFE
        row = door.take_try(sign_in_id, since=since, most=MOST_TRIES)
        known = is_known(door, device, row.user_ids if row else ())
        count(door, key, peer=peer)
        if row and not known:
            _count_all(door, key, {f"guess {row.account}": MOST_GUESSES}, "guesses")
        is_right = hmac.compare_digest(right.encode(), given.encode())
        return door.prove(id=sign_in_id, since=since) if row and row.user_ids and is_right else row

    row = town.store.commit(change)
    if row is None or (row.proved_at is None and row.tries >= MOST_TRIES):
        raise Gone("code")
    if row.proved_at is None:
        raise Invalid("code")


def prove_by_link(town: Town, token: str, *, peer: str) -> str:
    """Use a link up; give the id of its sign-in. Raises Gone when it was used or has run out, TooMany."""
    link = codes.digest(token)

    def change(door: Door) -> tables.SignIn | None:
        count(door, town.settings.secret_key, peer=peer)
        row = door.prove(link=link, since=door.now() - CODE_LIFE)
        return row if row and row.user_ids else None

    row = town.store.commit(change)
    if row is None:
        raise Gone("link")
    return row.id


def people(town: Town, sign_in_id: str) -> list[tables.User]:
    """List who may go in by a sign-in that was proved: several where a household shares a number. Raises Gone."""
    with town.store.read() as records:
        row = records.find_sign_in(sign_in_id)
        if row is None or row.proved_at is None or row.ended_at or row.proved_at <= town.clock() - CODE_LIFE:
            raise Gone("sign-in")
        found = [records.find_user(id=one) for one in row.user_ids]
    return [user for user in found if user and user.active]


def end(town: Town, sign_in_id: str, user_id: str) -> tables.User:
    """Let one of the people of a proved sign-in in, once. Raises Gone, Invalid for anybody else."""

    def change(door: Door) -> tables.User | None:
        row = door.end_sign_in(sign_in_id, since=door.now() - CODE_LIFE)
        if row and user_id not in row.user_ids:
            raise Invalid("person")
        return door.get_user(user_id) if row else None

    user = town.store.commit(change)
    if user is None or not user.active:
        raise Gone("sign-in")
    return user


def sign_out_everywhere(town: Town, user_id: str) -> None:
    """End every session of somebody, on all devices."""
    town.store.commit(lambda door: change_locks(door, user_id))


def change_locks(door: Door, user_id: str) -> None:
    """Give somebody another name in sessions, so that none of before is known any more."""
    user = door.get_user(user_id)
    user.fs_uniquifier = secrets.token_hex(16)
    door.put(user)


def record(town: Town, door: Door, user_id: str, kind: str, by: str = "") -> None:
    """Note what changed of how somebody signs in, and let them know by mail: it may have been somebody else.

    by: who did it, empty for the command line.
    """
    event = tables.IdentityEvent(id=secrets.token_urlsafe(12), user_id=user_id, kind=kind, by=by, at=door.now())
    door.add_identity_event(event)
    if town.settings.smtp:
        messages.tell(door, "signing in changed", user_id, {}, channel="email")


def meet_device(town: Town, user_id: str, device: str, *, noted: bool = True) -> None:
    """Note that somebody is in in a browser; one that is new is told them by mail, if it is to be `noted`."""

    def change(door: Door) -> None:
        users = door.list_users_of_device(codes.digest(device))
        door.forget_devices(door.now() - DEVICE_LIFE)
        row = tables.KnownDevice(user_id=user_id, device=codes.digest(device), first_at=door.now(), used_at=door.now())
        if user_id not in users:
            door.put(row)
            if noted and town.settings.smtp:
                messages.tell(door, "new device", user_id, {}, channel="email")
        else:
            door.use_device(user_id, row.device, door.now())

    town.store.commit(change)


def is_known(records: Records, device: str, user_ids: Iterable[str]) -> bool:
    """Was one of these people in before in the browser that shows this?"""
    return not records.list_users_of_device(codes.digest(device)).isdisjoint(user_ids)


def count_password(town: Town, said: str, *, peer: str, device: str = "") -> None:
    """Count a try of a password for an e-mail address; its own browsers are counted apart. Raises TooMany."""
    account, key = said.strip().lower(), town.settings.secret_key

    def change(door: Door) -> None:
        user = door.find_user(email=account)
        known = is_known(door, device, [user.id] if user else ())
        subject = f"password {account} {codes.digest(device) if known else ''}"
        count(door, key, peer=peer, allowed={subject: MOST_PASSWORDS})

    town.store.commit(change)


def count(door: Door, key: str, *, peer: str, allowed: Mapping[str, Limits] = MappingProxyType({})) -> None:
    """Count a try from a network address, and of subjects that have limits. Raises TooMany."""
    _count_all(door, key, {**allowed, f"\n{_network(peer)}": MOST_OF_PEER}, "tries")


def _count_all(door: Door, key: str, allowed: Mapping[str, Limits], why: str) -> None:
    """Count exactly, however many processes serve, and in one order, so that none waits for another's."""
    limits = [(codes.pseudonym(key, "account", name), *one) for name, most in allowed.items() for one in most]
    for name, period, most in sorted(limits):
        starts = _start(door.now(), period)
        if door.count_sign_in(f"{name} {period.total_seconds():.0f}", starts) > most:
            raise TooMany(why, round((starts + period - door.now()).total_seconds()) or 1)


def read_digits(said: str) -> str:
    """Read digits as people write them: in groups, or as wide as Japanese keyboards write them; empty for all else."""
    bare = "".join(normalize("NFKC", said).replace("-", " ").split())
    return bare if bare.isascii() and bare.isdecimal() else ""


def _start(now: datetime, period: timedelta) -> datetime:
    """Begin of the period that an instant lies in."""
    return now - (now - datetime(2000, 1, 1)) % period


def _network(peer: str) -> str:
    """Take one customer's network of IPv6 for one address: each can use 2^64."""
    try:
        found = ip_address(peer)
    except ValueError:
        return ""
    return str(int(found) >> 64) if isinstance(found, IPv6Address) else str(found)


def _read_address(town: Town, said: str) -> tuple[str, str]:
    """Tell which way an address is for, and write it in its one form. Raises Invalid."""
    text = normalize("NFKC", said).strip()
    by = ways(town)
    if by.mail and ("@" in text or not by.text):
        return "email", accounts.read_email(text)
    number = international(text, town.country()) if by.text else ""
    if len(number) <= _TAIL:
        raise Invalid("address" if by.mail else "phone number")
    return "text", number


def _find(records: Records, channel: str, subject: str, country: str) -> list[tables.User]:
    """List the residents who have an address; staff keep to their passwords."""
    if channel == "email":
        user = records.find_user(email=subject)
        return [user] if user and user.active and "resident" in user.roles else []
    alike = records.list_users_by_phone(subject[-_TAIL:], role="resident")
    return [user for user in alike if user.active and international(user.phone, country) == subject]
