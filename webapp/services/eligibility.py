"""The groups by which a town admits residents: what the desk saw in proof, until when it holds, and who decided."""

from dataclasses import dataclass
from datetime import date, timedelta
from unicodedata import normalize

from webapp.db import tables
from webapp.db.store import Door
from webapp.services import codes
from webapp.services.errors import Invalid
from webapp.town import Town

ASKED, VERIFIED, WITHDRAWN = DECISIONS = ("asked", "verified", "withdrawn")
DOCUMENTS = ("identity", "pension", "disability", "student", "care", "other")
"""Kinds of paper; their numbers are nobody's business and are not kept."""
BEFORE, AFTER = timedelta(days=60), timedelta(days=30)
"""How long before its last day, and after it, the desk is shown that a group ends."""
LONGEST = timedelta(days=366 * 20)


@dataclass(frozen=True, slots=True)
class Ending:
    """Somebody's group, and its last service date."""

    rider: tables.User
    group: str
    until: date


def list_groups(town: Town) -> list[str]:
    """List the groups that the town admits residents by, and the one that the questions of a trip start from."""
    return [*town.rules.get("groups", ["registered"]), "wheelchair"]


def verify(
    town: Town, rider_id: str, group: str, *, document: str, until: date | None, key: str, actor: str
) -> tables.GroupRecord:
    """Record that a paper proves a group until a service date, or for good; from now on the group admits.

    Raises Invalid for an unknown group or kind of paper, or a date that has gone by.
    """
    decided = record(town, rider_id, group, VERIFIED, document=document, until=until, key=key, actor=actor)
    return _decide(town, rider_id, decided)


def withdraw(town: Town, rider_id: str, group: str, *, key: str, actor: str) -> tables.GroupRecord:
    """Record that a group holds no longer: it admits nobody to a trip that is not booked yet. Raises Invalid."""
    return _decide(town, rider_id, record(town, rider_id, group, WITHDRAWN, key=key, actor=actor))


def record(
    town: Town,
    rider_id: str,
    group: str,
    decision: str,
    *,
    document: str = "",
    until: date | None = None,
    key: str,
    actor: str,
) -> tables.GroupRecord:
    """Write a decision down, once for each `key`. Raises Invalid as `verify` does."""
    if group not in list_groups(town):
        raise Invalid("group")
    if decision == VERIFIED and document not in DOCUMENTS:
        raise Invalid("document")
    if until is not None and not town.today() <= until <= town.today() + LONGEST:
        raise Invalid("until")
    return tables.GroupRecord(
        id=codes.digest(f"{rider_id} {group} {key}")[:24],
        user_id=rider_id,
        group_name=group,
        decision=decision,
        document=document,
        until=until,
        by=actor,
        at=town.clock(),
    )


def apply(rider: tables.User, decided: tables.GroupRecord) -> None:
    """Let a decision count: what a person may do is read from the person, what was decided from the records."""
    if decided.decision == ASKED:
        return
    ends = {group: day for group, day in rider.groups_until.items() if group != decided.group_name}
    groups = {*rider.groups} - {decided.group_name}
    if decided.decision == VERIFIED:
        groups.add(decided.group_name)
        ends |= {decided.group_name: decided.until.isoformat()} if decided.until else {}
    rider.groups, rider.groups_until = sorted(groups), ends


def history(town: Town, rider_id: str) -> list[tuple[tables.GroupRecord, str]]:
    """List what was decided of somebody's groups, the latest first, each with the name of who decided."""
    with town.store.read() as records:
        decided = records.list_group_records(rider_id)
        names = {one: records.get_user(one).name for one in {row.by for row in decided}}
    return [(row, names[row.by]) for row in reversed(decided)]


def list_endings(town: Town) -> list[Ending]:
    """List the groups that end soon or have ended lately, the earliest first."""
    first, last = (town.today() - AFTER).isoformat(), (town.today() + BEFORE).isoformat()
    with town.store.read() as records:
        riders = records.list_users_with_ends()
    found = [
        Ending(rider, group, date.fromisoformat(day))
        for rider in riders
        for group, day in rider.groups_until.items()
        if first <= day <= last
    ]
    return sorted(found, key=lambda one: (one.until, one.rider.name, one.group))


def read_date(text: str) -> date | None:
    """Read the last day of a paper, nothing for one that does not end. Raises Invalid."""
    said = normalize("NFKC", text).strip()
    try:
        return date.fromisoformat(said) if said else None
    except ValueError as error:
        raise Invalid("until") from error


def _decide(town: Town, rider_id: str, decided: tables.GroupRecord) -> tables.GroupRecord:
    def change(door: Door) -> None:
        if door.add_group_record(decided):
            rider = door.get_user(rider_id)
            apply(rider, decided)
            door.put(rider)

    town.store.commit(change, rider=rider_id)
    return decided
