"""Who may see or change what: the one table of roles, kinds of things and relations, and the one check of it.

A thing is opened by a role in a relation to it: a dispatcher opens the runs of the own operator, a resident the own
bookings. What stands nowhere in the table is open to nobody, and a thing that is not open is not there (NotFound).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from webapp import service_day
from webapp.db.ownership import RunSpan
from webapp.db.store import NotFound as NoRecord
from webapp.db.store import Records
from webapp.services import accounts, explaining, proxies
from webapp.services.absences import Person
from webapp.services.errors import NotFound
from webapp.town import Town

OPENS = timedelta(hours=2)
"""Before its first stop a run shows its driver who rides: time for the way to it, and for the run before it."""
CLOSES = timedelta(minutes=30)
"""After its end, or after its driver ended it, a run shows that no longer."""
LONGEST_LATE = timedelta(hours=12)
"""So long after its end a run that was begun and never ended can still be opened, to end it."""

HELPER = "helper"
"""A resident on the pages of somebody for whom they act."""
ROLES = ("resident", HELPER, "desk", "dispatcher", "driver", "town")


class Relation(StrEnum):
    """What somebody is to a thing; in words, as docs/access.md has them."""

    OWN = "their own"
    ACTED_FOR = "of whom they act for"
    CALLER = "of who calls"
    OPERATOR = "of the own operator"
    OPEN = "of the own operator, while it is driven"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, and on whose pages: rider is whom they act for, or who calls, else themself."""

    id: str
    roles: frozenset[str]
    operator: str | None
    rider: str | None


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a thing is. open: may its driver read who rides, now?"""

    operators: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    open: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing: what it is, whose one of them is, and in which relation each role sees and changes it."""

    means: str
    owner: Callable[[Town, Records, str, Actor], Owner | None]
    sees: Mapping[str, Relation]
    changes: Mapping[str, Relation]


def is_open(town: Town, span: RunSpan, now: datetime) -> bool:
    """May a run's driver read now who rides on it?

    From `OPENS` before its first stop until `CLOSES` after its end or after it was ended, if that was later; one that
    was begun and not ended until `LONGEST_LATE` after its end.
    """
    zone = town.settings.timezone
    begins = service_day.instant_of(span.begins, span.service_date, zone)
    ends = service_day.instant_of(span.ends, span.service_date, zone)
    if span.closed_at is not None:
        until = max(ends, span.closed_at) + CLOSES
    else:
        until = ends + (LONGEST_LATE if span.told else CLOSES)
    return begins - OPENS <= now <= until


class Opening(NamedTuple):
    """May the driver of a run read now who rides on it, and from when (UTC) is that so?"""

    now: bool
    since: datetime


def openings(town: Town, run_ids: Iterable[str]) -> dict[str, Opening]:
    """Say of each run whether its driver may read now who rides on it."""
    now, zone = town.clock(), town.settings.timezone
    with town.store.read() as records:
        spans = {run_id: records.run_span(run_id) for run_id in run_ids}
    return {
        run_id: Opening(is_open(town, span, now), service_day.instant_of(span.begins, span.service_date, zone) - OPENS)
        for run_id, span in spans.items()
        if span
    }


def _run(town: Town, records: Records, run_id: str, _: Actor) -> Owner | None:
    span = records.run_span(run_id)
    return Owner(frozenset({span.operator_id}), open=is_open(town, span, town.clock())) if span else None


def _request(_: Town, records: Records, request_id: str, actor: Actor) -> Owner:
    row = records.get_request(request_id)
    day = row.service_date
    asked = day is not None and row.status in explaining.ANSWERED and "dispatcher" in actor.roles
    return Owner(records.operators_on(day) if asked and day else frozenset(), frozenset({row.rider_id}))


def _booking(_: Town, records: Records, booking_id: str, __: Actor) -> Owner:
    return Owner(people=frozenset({records.get_booking(booking_id).rider_id}))


def _series(_: Town, records: Records, series_id: str, __: Actor) -> Owner:
    return Owner(people=frozenset({records.get_series(series_id).rider_id}))


def _place(_: Town, records: Records, place_id: str, __: Actor) -> Owner | None:
    row = records.find_saved_place(place_id)
    return Owner(people=frozenset({row.owner_id})) if row else None


def _proxy(_: Town, records: Records, proxy_id: str, __: Actor) -> Owner:
    row = records.get_proxy(proxy_id)
    return Owner(people=frozenset(filter(None, (row.rider_id, row.helper_id))))


def _resident(_: Town, records: Records, user_id: str, __: Actor) -> Owner | None:
    """A resident is opened by themself, by who acts for them, and by operators whose members they are guardian of."""
    row = records.find_user(id=user_id)
    if row is None or "resident" not in row.roles:
        return None
    helpers = {one.helper_id for one in records.list_proxies(rider_id=user_id) if one.helper_id}
    acting = {one for one in helpers if proxies.is_helper(records, one, user_id)}
    operators = {one.operator_id for one in records.list_guardians(user_id=user_id)}
    return Owner(frozenset(operators), frozenset({user_id, *acting}))


def _member(_: Town, records: Records, key: str, actor: Actor) -> Owner | None:
    known = [one.id for one in records.list_operators()]
    known.sort(key=lambda one: one != actor.operator)
    for operator in known:
        code = next((one for one in records.list_member_codes(operator) if Person(operator, one, "").key == key), None)
        if code is not None:
            guardians = records.list_guardians(operator=operator, member=code)
            return Owner(frozenset({operator}), frozenset(one.user_id for one in guardians))
    return None


def _consent(_: Town, records: Records, consent_id: str, __: Actor) -> Owner | None:
    row = records.find_consent(consent_id)
    if row is None:
        return None
    operators = frozenset({row.operator_id}) if row.operator_id else frozenset[str]()
    return Owner(operators, frozenset(filter(None, (row.subject_id, row.user_id))))


def _upload(_: Town, records: Records, upload_id: str, __: Actor) -> Owner:
    return Owner(frozenset({records.get_upload(upload_id).operator_id}))


def _agreement(_: Town, records: Records, agreement_id: str, __: Actor) -> Owner:
    return Owner(frozenset({records.get_agreement(agreement_id).operator_id}))


def _trial(_: Town, records: Records, trial_id: str, __: Actor) -> Owner | None:
    return Owner() if records.get_rule_trial(trial_id) else None


def _steering(_: Town, records: Records, steering_id: str, __: Actor) -> Owner:
    return Owner(frozenset({records.get_steering(steering_id).operator_id}))


def _tablet(_: Town, records: Records, tablet_id: str, __: Actor) -> Owner | None:
    row = records.find_tablet(tablet_id)
    return Owner(frozenset({row.operator_id})) if row else None


def _driver(_: Town, records: Records, user_id: str, __: Actor) -> Owner | None:
    row = records.find_user(id=user_id)
    if row is None or "driver" not in row.roles or not row.operator_id:
        return None
    return Owner(frozenset({row.operator_id}))


def _remark(_: Town, records: Records, event_id: str, __: Actor) -> Owner | None:
    operator = records.event_operator(event_id)
    return Owner(frozenset({operator})) if operator else None


def _roads(_: Town, records: Records, update_id: str, __: Actor) -> Owner | None:
    return Owner(records.operators_reviewing(update_id)) if records.find_road_update(update_id) else None


def _message(_: Town, records: Records, number: str, __: Actor) -> Owner | None:
    bare = number.isascii() and number.isdecimal() and len(number) < 10
    return Owner() if bare and records.get_message(int(number)) else None


def _alike(*pairs: tuple[str, Relation]) -> dict[str, Mapping[str, Relation]]:
    """Say who both sees and changes a kind of thing."""
    return {"sees": dict(pairs), "changes": dict(pairs)}


_RIDERS = (("resident", Relation.OWN), (HELPER, Relation.ACTED_FOR), ("desk", Relation.CALLER))
_FAMILIES = (("resident", Relation.OWN), ("desk", Relation.CALLER))
_DISPATCHERS = ("dispatcher", Relation.OPERATOR)

KINDS: Mapping[str, Kind] = {
    "run": Kind("a run, its map, its riders and its manifest", _run, **_alike(_DISPATCHERS, ("driver", Relation.OPEN))),
    "request": Kind(
        "a wish to travel; dispatchers read it without a name, on a day of theirs",
        _request, **_alike(*_RIDERS, _DISPATCHERS),
    ),
    "booking": Kind("a booked trip, its calendar file and what was said of it", _booking, **_alike(*_RIDERS)),
    "series": Kind("weekly trips", _series, **_alike(*_RIDERS)),
    "place": Kind("a saved place", _place, **_alike(*_RIDERS)),
    "proxy": Kind("that one resident acts for another; both may end it", _proxy, **_alike(*_FAMILIES)),
    "resident": Kind(
        "a person, to act for or to be called; to a dispatcher a guardian of the operator's members",
        _resident, **_alike(("resident", Relation.OWN), ("desk", Relation.ANY), _DISPATCHERS),
    ),
    "member": Kind("a committed rider, whose guardians own it: absences", _member, **_alike(*_FAMILIES, _DISPATCHERS)),
    "consent": Kind(
        "that somebody is told of rides; of whom, and who is told, may end it",
        _consent, **_alike(*_FAMILIES, _DISPATCHERS),
    ),
    "upload": Kind("a schedule file, its report and what it did", _upload, **_alike(_DISPATCHERS)),
    "agreement": Kind(
        "what the town and an operator agree on", _agreement, **_alike(("town", Relation.ANY), _DISPATCHERS)
    ),
    "trial": Kind("what rules would have done", _trial, **_alike(("town", Relation.ANY))),
    "steering": Kind("what a dispatcher wants done on a day", _steering, **_alike(_DISPATCHERS)),
    "tablet": Kind("a device that drivers share", _tablet, **_alike(_DISPATCHERS)),
    "driver": Kind("a driver, who is given a PIN", _driver, **_alike(_DISPATCHERS)),
    "remark": Kind("a driver's note, or wish for a call", _remark, **_alike(("desk", Relation.ANY), _DISPATCHERS)),
    "roads": Kind("a notice that new roads changed runs", _roads, **_alike(_DISPATCHERS)),
    "message": Kind("a message that reached nobody, or a letter", _message, **_alike(("desk", Relation.ANY))),
}  # fmt: skip
"""The table. A kind that a new route names is entered here first."""

ARGUMENTS: Mapping[str, str] = {
    "run_id": "run",
    "request_id": "request",
    "booking_id": "booking",
    "series_id": "series",
    "place_id": "place",
    "proxy_id": "proxy",
    "key": "member",
    "upload_id": "upload",
    "agreement_id": "agreement",
    "trial_id": "trial",
    "steering_id": "steering",
    "tablet_id": "tablet",
    "driver_id": "driver",
    "event_id": "remark",
    "update_id": "roads",
}
"""Arguments of paths are called after what they name."""
PLAIN = frozenset({"kind", "end", "way", "number", "file", "filename"})
"""Arguments of paths that name no thing of anybody's: a format, an end of a trip, a map, a rulebook of the town."""
SEALED = frozenset({"token"})
"""Arguments of paths that are a secret of their own: who has a link or a card may use it, and nobody guesses one."""

FIELDS: Mapping[str, str] = {
    "run": "run",
    "request": "request",
    "booking": "booking",
    "home": "place",
    "rider": "resident",
    "user": "resident",
    "others": "resident",
    "member": "member",
    "consent": "consent",
    "earlier": "upload",
    "into": "steering",
    "message": "message",
    "letter": "message",
}
"""Fields of forms and queries that name a thing, unless a page says otherwise (`sends`)."""
LONGEST_NAME = 200


def check(town: Town, kind: str, name: str, actor: Actor, *, writes: bool) -> None:
    """Let somebody see or change a thing; one that is not there is for the page to miss. Raises Foreign."""
    if len(name) > LONGEST_NAME or not name.isprintable():
        return
    held = KINDS[kind]
    may = held.changes if writes else held.sees
    with town.store.read() as records:
        try:
            owner = held.owner(town, records, name, actor)
        except NoRecord:
            return
    if owner and not any(_holds(may[role], owner, actor) for role in actor.roles & may.keys()):
        raise Foreign(kind)


class Foreign(NotFound):
    """It is there, and not theirs: answered as if it were not there, and noted."""


def _holds(relation: Relation, owner: Owner, actor: Actor) -> bool:
    if relation is Relation.ANY:
        return True
    if relation is Relation.OPERATOR:
        return actor.operator in owner.operators
    if relation is Relation.OPEN:
        return actor.operator in owner.operators and owner.open
    return actor.rider in owner.people


def roles_of(roles: Iterable[str], operator: str | None) -> frozenset[str]:
    """List the roles that count: those of an operator only for who has one."""
    return frozenset(role for role in roles if operator or role not in accounts.OF_OPERATORS)


def table() -> str:
    """Write the table, as docs/access.md has it."""
    rows = [["Thing", "What it is", *ROLES], ["---"] * (len(ROLES) + 2)]
    for name, kind in KINDS.items():
        rows.append([name, kind.means, *(_cell(kind, role) for role in ROLES)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(kind: Kind, role: str) -> str:
    sees, changes = kind.sees.get(role), kind.changes.get(role)
    if sees == changes:
        return sees or "–"
    return "; ".join(f"{verb} {held}" for verb, held in (("sees", sees), ("changes", changes)) if held)
