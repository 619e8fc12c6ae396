"""The rules of the town on a service date, and how a named person switches others on."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from matching.model import Policy, Run
from webapp import town_rules
from webapp.db import tables
from webapp.db.store import Records
from webapp.publishing import within
from webapp.services.errors import NotFound
from webapp.town import Town, in_force, read_policy
from webapp.town_rules import Remark


@dataclass(frozen=True, slots=True)
class Decision:
    """Rules that were switched on: their name, the name of who decided that, and whether they count today."""

    row: tables.RuleChange
    name: str
    decided_by: str
    counts: bool


def policy_on(records: Records, town: Town, day: date) -> Policy:
    """Give the policy from which the runs of a service date start."""
    change = in_force(records.list_rule_changes(), day)
    return town.policy if change is None else _policy(change)


def rules_on(records: Records, town: Town, day: date) -> dict[str, Any]:
    """Give what the town's rules say on a service date."""
    change = in_force(records.list_rule_changes(), day)
    return town.rules if change is None else change.rules


def bounded(records: Records, runs: Sequence[Run]) -> list[Run]:
    """Give runs as the rules of their service date bound them, though they were published under others before.

    Rules that open more than those show on runs once they are published anew. Like agreements, this is for asking and
    placing alone: what was promised stays promised.
    """
    changes = records.list_rule_changes()
    if not changes:
        return list(runs)
    days = {run.service_date: in_force(changes, date.fromisoformat(run.service_date)) for run in runs}
    return [_bounded(run, days[run.service_date]) for run in runs]


def _bounded(run: Run, change: tables.RuleChange | None) -> Run:
    return run if change is None else replace(run, policy=under(_policy(change), run.policy))


def under(policy: Policy, kept: Policy) -> Policy:
    """Give the policy that a run would have under a town's other rules."""
    return within(
        replace(policy, quota=kept.quota),
        riders=kept.riders,
        detour=kept.detour,
        max_detour=kept.max_detour,
        deadhead=kept.deadhead,
        max_extra=kept.max_extra,
    )


_READ: dict[str, Policy] = {}
"""Policies of the rules that were switched on, by the id of their change, which is never changed itself."""


def _policy(change: tables.RuleChange) -> Policy:
    if change.id not in _READ:
        _READ[change.id] = read_policy(change.rules)
    return _READ[change.id]


# What there is to choose from


@dataclass(frozen=True, slots=True)
class Rulebook:
    """A rules file that the service knows: what it says (JSON values; nothing where it has errors), all remarks."""

    file: str
    rules: dict[str, Any]
    remarks: tuple[Remark, ...]

    @property
    def name(self) -> str:
        return str(self.rules.get("name", self.file))


def list_rulebooks() -> list[Rulebook]:
    """List the rules files that come with the service."""
    return [_rulebook(path) for path in town_rules.list_files()]


def get_rulebook(file: str) -> Rulebook:
    """Give one of the rules files that come with the service. Raises NotFound."""
    path = next((path for path in town_rules.list_files() if path.name == file), None)
    if path is None:
        raise NotFound("rules")
    return _rulebook(path)


def _rulebook(path: Path) -> Rulebook:
    rules, remarks = town_rules.check(path)
    return Rulebook(path.name, json.loads(json.dumps(rules, default=str)), tuple(remarks))


def list_decisions(town: Town) -> list[Decision]:
    """List the rules that were switched on, the newest decision first."""
    with town.store.read() as records:
        changes = records.list_rule_changes()
        names = {one.decided_by: records.get_user(one.decided_by).name for one in changes}
    now = in_force(changes, town.today())
    return [Decision(one, str(one.rules["name"]), names[one.decided_by], one == now) for one in reversed(changes)]
