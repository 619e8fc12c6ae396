"""Agreements of the town with operators: which runs are open to residents, from when to when, and who signed that."""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from types import MappingProxyType

from matching.model import Run
from webapp.db import tables
from webapp.db.store import Door, Records
from webapp.services.errors import Conflict, Invalid, NotFound
from webapp.town import Town

TOWN, OPERATOR = "town", "operator"
"""The two parties of an agreement."""
PARTIES = frozenset({TOWN, OPERATOR})
PER = ("seat", "ride")
LONGEST_LIABILITY = 4000
HIGHEST_PRICE = 1_000_000
LARGEST_QUOTA = 1_000_000
NONE_NEW: Mapping[str, str] = MappingProxyType({})
_KEY = re.compile(r"[\w-]{12,40}")


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed.

    runs: codes of the schedule, none for all of the operator's. riders: groups who may ride, none for all whom the
    rules and the schedule admit. price: what the town pays for a seat or a ride (`per`), cents or yen; None for none.
    quota: most residents aboard a run at once; quota_in_all: most that are carried while it lasts; None for as many as
    there is room for. starts, ends: first and last service date.
    """

    operator: str
    starts: date
    ends: date
    runs: tuple[str, ...] = ()
    riders: tuple[str, ...] = ()
    price: int | None = None
    currency: str = "EUR"
    per: str = "seat"
    liability: str = ""
    quota: int | None = None
    quota_in_all: int | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """An agreement with its operator's name and its signatures: party -> (name of who signed, when).

    standing: "draft" until both have signed, "coming", "in force", "ended" or "withdrawn", as of today.
    """

    row: tables.Agreement
    operator: str
    signed: dict[str, tuple[str, datetime]]
    standing: str


def new_key() -> str:
    """Make the key under which a draft is kept once, however often its form is sent."""
    return secrets.token_urlsafe(12)


def draft(town: Town, terms: Terms, *, key: str, actor: str) -> tables.Agreement:
    """Write an agreement down for both parties to read and sign; what was drafted is never changed afterwards.

    The same `key` gives the same draft again. Raises Invalid for terms that make no sense.
    """
    _check(town, terms, key)
    row = tables.Agreement(
        id=key,
        operator_id=terms.operator,
        runs=sorted(set(terms.runs)),
        riders=sorted(set(terms.riders)),
        price=terms.price,
        price_currency=terms.currency,
        price_per=terms.per,
        liability=terms.liability,
        quota=terms.quota,
        quota_in_all=terms.quota_in_all,
        starts=terms.starts,
        ends=terms.ends,
        drafted_by=actor,
        created_at=town.clock(),
    )

    def change(door: Door) -> tables.Agreement:
        if terms.operator not in {one.id for one in door.list_operators()}:
            raise Invalid("agreement operator")
        door.add_agreement(row)
        return door.get_agreement(key)

    return town.store.commit(change)


def _check(town: Town, terms: Terms, key: str) -> None:
    if not _KEY.fullmatch(key):
        raise Invalid("key")
    if terms.ends < terms.starts:
        raise Invalid("agreement ends")
    if terms.ends < town.today():
        raise Invalid("agreement over")
    if terms.price is not None and not 0 <= terms.price <= HIGHEST_PRICE:
        raise Invalid("price")
    for name, most in (("quota", terms.quota), ("quota_in_all", terms.quota_in_all)):
        if most is not None and not 1 <= most <= LARGEST_QUOTA:
            raise Invalid(name)
    if terms.per not in PER:
        raise Invalid("per")
    if not terms.liability.strip() or len(terms.liability) > LONGEST_LIABILITY:
        raise Invalid("liability")


def sign(town: Town, agreement_id: str, *, actor: str, operator: str | None = None) -> None:
    """Sign for the town, or for an operator; signing again changes nothing.

    Raises NotFound for another operator's agreement, Conflict for one that was withdrawn.
    """
    party = OPERATOR if operator else TOWN

    def change(door: Door) -> None:
        if _get(door, agreement_id, operator).withdrawn_at is not None:
            raise Conflict("agreement withdrawn")
        name = f"{agreement_id}:{party}"
        door.add_signature(
            tables.AgreementSignature(id=name, agreement_id=agreement_id, party=party, user_id=actor, at=door.now())
        )

    town.store.commit(change)


def withdraw(town: Town, agreement_id: str, *, actor: str, operator: str | None = None) -> None:
    """End an agreement at once: nobody can book under it any more, and rides that are booked stay.

    Withdrawing again changes nothing. Raises NotFound for another operator's agreement.
    """

    def change(door: Door) -> None:
        row = _get(door, agreement_id, operator)
        if row.withdrawn_at is None:
            row.withdrawn_at, row.withdrawn_by = door.now(), actor
            door.put(row)

    town.store.commit(change)


def _get(records: Records, agreement_id: str, operator: str | None) -> tables.Agreement:
    row = records.get_agreement(agreement_id)
    if operator is not None and row.operator_id != operator:
        raise NotFound("agreement")
    return row


def list_operators(town: Town) -> list[tables.Operator]:
    """List those with whom the town can agree."""
    with town.store.read() as records:
        return records.list_operators()


def list_agreements(town: Town, operator: str | None = None) -> list[Agreement]:
    """List the agreements of one operator or of all, the newest first."""
    with town.store.read() as records:
        return [_agreement(town, records, row) for row in records.list_agreements(operator)]


def get_agreement(town: Town, agreement_id: str, operator: str | None = None) -> Agreement:
    """Give an agreement. Raises NotFound, also for another operator's."""
    with town.store.read() as records:
        return _agreement(town, records, _get(records, agreement_id, operator))


def _agreement(town: Town, records: Records, row: tables.Agreement) -> Agreement:
    made = records.list_signatures(row.id)
    signed = {one.party: (records.get_user(one.user_id).name, one.at) for one in made}
    return Agreement(
        row, records.get_operator(row.operator_id).name, signed, _standing(row, signed.keys(), town.today())
    )


def _standing(row: tables.Agreement, signed: Iterable[str], today: date) -> str:
    if row.withdrawn_at is not None:
        return "withdrawn"
    if row.ends < today:
        return "ended"
    if set(signed) < PARTIES:
        return "draft"
    return "in force" if row.starts <= today else "coming"


def opened(records: Records, runs: Sequence[Run], new: Mapping[str, str] = NONE_NEW, *, people: int = 0) -> list[Run]:
    """Give runs as their agreements open them to a party: closed without one in force on their service date.

    An agreement that admits fewer than so many people more does not count. Of several, the widest counts, group by
    group and place by place. An operator who never had an agreement that both parties signed is bound by none.

    The narrowed policy is for asking and placing. A run is kept with its own, but for the quota under which somebody
    was placed on it last: by that it is judged. new: run id -> code, of runs that are not kept yet.
    """
    return _opened_by(records, records.list_signed_agreements(), runs, new, people)


def opened_to(records: Records, runs: Sequence[Run], people: int) -> tuple[list[Run], list[Run]]:
    """Give runs as their agreements open them at all, and as they open them to a party of so many people."""
    signed = records.list_signed_agreements()
    covered, opened = (_opened_by(records, signed, runs, NONE_NEW, party) for party in (0, people))
    return covered, opened


def _opened_by(
    records: Records, signed: Sequence[tables.Agreement], runs: Sequence[Run], new: Mapping[str, str], people: int
) -> list[Run]:
    bound = {row.operator_id for row in signed}
    if not any(run.operator in bound for run in runs):
        return list(runs)
    codes = {**_codes(records, [run for run in runs if run.id not in new]), **new}
    left = cache(lambda key: left_in_all(records, next(row for row in signed if row.id == key)))
    wide = [row for row in signed if not people or row.quota_in_all is None or left(row.id) >= people]
    return [_opened(run, codes[run.id], wide) if run.operator in bound else run for run in runs]


def left_in_all(records: Records, row: tables.Agreement) -> int:
    """Count the residents whom an agreement with a bound in all still admits; less than none where many rode before."""
    return (row.quota_in_all or 0) - records.count_residents(row.operator_id, row.runs, row.starts, row.ends)


def left_on(records: Records, run: Run) -> int | None:
    """Count the residents whom the agreements that cover a run still admit in all; None where nothing bounds them."""
    code, day = records.get_run_head(run.id).code, date.fromisoformat(run.service_date)
    rows = [row for row in records.list_signed_agreements() if row.operator_id == run.operator]
    covering = [row for row in rows if _covers(row, code, day)]
    if not covering or any(row.quota_in_all is None for row in covering):
        return None
    return max(left_in_all(records, row) for row in covering)


def closed(runs: Sequence[Run], opened: Sequence[Run]) -> list[Run]:
    """List the runs that would take residents if an agreement covered them."""
    return [run for run, now in zip(runs, opened, strict=True) if run.policy.riders and not now.policy.riders]


def _codes(records: Records, runs: Sequence[Run]) -> dict[str, str]:
    if len(runs) == 1:
        return {runs[0].id: records.get_run_head(runs[0].id).code}
    days = {date.fromisoformat(run.service_date) for run in runs}
    return {head.id: head.code for day in days for head in records.run_heads(day)}


def _opened(run: Run, code: str, signed: Sequence[tables.Agreement]) -> Run:
    day = date.fromisoformat(run.service_date)
    covering = [row for row in signed if row.operator_id == run.operator and _covers(row, code, day)]
    quotas = [row.quota for row in covering if row.quota is not None]
    policy = replace(run.policy, quota=max(quotas) if quotas and len(quotas) == len(covering) else None)
    if any(not row.riders for row in covering):
        return replace(run, policy=policy)
    riders = frozenset(group for row in covering for group in row.riders)
    return replace(run, policy=policy.narrowed(riders))


def _covers(row: tables.Agreement, code: str, day: date) -> bool:
    return row.withdrawn_at is None and row.starts <= day <= row.ends and (not row.runs or code in row.runs)
