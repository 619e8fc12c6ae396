"""Signing in without a password: a code or a link to what a person has, the same answers for known and unknown."""

import hmac
import secrets
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
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
MOST_CODES = ((QUARTER, 5), (DAY, 20))
"""Codes that one account is sent within a period: whoever guesses at all of them all day opens one in 10,000."""
MOST_PASSWORDS = ((QUARTER, 10),)
MOST_OF_PEER = ((QUARTER, 100),)
"""Tries of all kinds from one network address."""
KEPT = timedelta(days=2)
_TAIL = 6
"""Digits of a number by which the records are searched before whole numbers are compared."""


class Ways(NamedTuple):
    """By which ways this town can send codes."""

    mail: bool
    text: bool


def ways(town: Town) -> Ways:
    return Ways(bool(town.settings.smtp), town.texting is not None)


def begin(town: Town, said: str, *, peer: str, language: str) -> str:
    """Send a code to an e-mail address or a phone number, if a resident has it; give the id of the sign-in in any case.

    peer: network address that asks. Known and unknown ones take the same path, and write the same rows.
    Raises Invalid for what is neither, TooMany.
    """
    channel, subject = _read_address(town, said)
    row_id, key = secrets.token_urlsafe(16), town.settings.secret_key
    link = codes.digest(codes.token(key, "link", row_id))
    country = town.country() if channel == "text" else ""

    def change(door: Door) -> str:
        count(door, key, account=subject, most=MOST_CODES, peer=peer)
        door.forget_sign_ins(door.now() - KEPT)
        users = [user.id for user in _find(door, channel, subject, country)]
        door.put(tables.SignIn(id=row_id, link=link, channel=channel, user_ids=users, created_at=door.now()))
        told = users[0] if users else None
        messages.tell(door, "code", told, {"sign_in": row_id, "language": language}, channel=channel)
        return row_id

    return town.store.commit(change)


def prove_by_code(town: Town, sign_in_id: str, said: str, *, peer: str) -> None:
    """Try a code. Raises Invalid when it is wrong, Gone when no code of this sign-in is good any more, TooMany."""
    key = town.settings.secret_key
    right = codes.six_digits(key, sign_in_id)
    given = read_digits(said)

    def change(door: Door) -> tables.SignIn | None:
        count(door, key, peer=peer)
        since = door.now() - CODE_LIFE
        row = door.take_try(sign_in_id, since=since, most=MOST_TRIES)
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


def count_password(town: Town, said: str, *, peer: str) -> None:
    """Count a try of a password for an e-mail address. Raises TooMany."""
    account, key = said.strip().lower(), town.settings.secret_key
    town.store.commit(lambda door: count(door, key, account=f"password {account}", most=MOST_PASSWORDS, peer=peer))


def count(door: Door, key: str, *, peer: str, account: str = "", most: tuple[tuple[timedelta, int], ...] = ()) -> None:
    """Count a try of an account and of a network address, exactly, however many processes serve. Raises TooMany."""
    limits = [(codes.pseudonym(key, "account", account), *one) for one in most]
    limits += [(codes.pseudonym(key, "peer", _network(peer)), *one) for one in MOST_OF_PEER]
    for name, period, allowed in sorted(limits):
        starts = _start(door.now(), period)
        if door.count_sign_in(f"{name} {period.total_seconds():.0f}", starts) > allowed:
            raise TooMany("tries")


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
