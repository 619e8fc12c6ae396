"""What other rules would have done: requests that were recorded, asked again on the runs as they were then.

A trial goes on for as long as its asker likes to wait, and is kept as far as it came.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import islice
from time import monotonic
from typing import Any

from pydantic import TypeAdapter

from matching import offers
from matching.model import Policy, Run, TripRequest
from matching.offers import Refusal
from webapp import freezing
from webapp.db import tables
from webapp.db.store import Door, Records, Revision
from webapp.services import rules, schedules, wishes
from webapp.services.errors import Conflict, Invalid
from webapp.services.rules import Rulebook
from webapp.town import Town, read_policy

RECORDED = ("booked", "refused", "waiting")
MONTH = timedelta(days=31)


@dataclass(slots=True)
class Trial:
    """What a trial found: requests asked again, and those offered a seat under present rules.

    gained: by the rule that refuses them now, those who would be offered a seat. lost: by the rule that would refuse
    them, those who would be offered one no more. days: service dates done, of `of`; within: requests of the next one.
    """

    asked: int = 0
    offered: int = 0
    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    days: int = 0
    of: int = 0
    within: int = 0

    @property
    def is_finished(self) -> bool:
        return self.days == self.of


_TRIAL = TypeAdapter(Trial)


def try_rules(
    town: Town, said: dict[str, Any], since: date, progress: Callable[[int, int], None] = lambda *_: None
) -> Trial:
    """Ask every recorded request from a service date on again, under present rules and under those that are `said`.

    Nothing is written. Each run is as it was when the request was asked, or as it was published if that came later, and
    opens itself no farther than it did then; runs that left the schedule since are not there. Groups are those that
    the riders hold today.
    """
    trial = Trial(of=len(_days(town, since)))
    for one in _steps(town, said, since, trial):
        progress(one.days, one.of)
    return trial


def start(town: Town, book: Rulebook, *, actor: str) -> tables.RuleTrial:
    """Begin to try a rules file on the last month. Raises Invalid for one with errors."""
    if not book.rules:
        raise Invalid("rules")
    since = town.today() - MONTH
    row = tables.RuleTrial(
        id=secrets.token_urlsafe(12),
        file=book.file,
        rules=book.rules,
        since=since,
        found=_TRIAL.dump_python(Trial(of=len(_days(town, since))), mode="json"),
        started_by=actor,
        at=town.clock(),
    )
    return town.store.commit(lambda door: door.put(row))


def go_on(town: Town, trial_id: str, *, seconds: float) -> tuple[tables.RuleTrial, Trial]:
    """Ask on for about so many seconds, one request at least, and keep what was found. Raises NotFound."""
    row, trial = get_trial(town, trial_id)
    if trial.is_finished:
        return row, trial
    ends = monotonic() + seconds
    for _ in _steps(town, row.rules, row.since, trial):
        if monotonic() > ends:
            break
    row.found = _TRIAL.dump_python(trial, mode="json")
    town.store.commit(lambda door: door.put(row))
    return row, trial


def get_trial(town: Town, trial_id: str) -> tuple[tables.RuleTrial, Trial]:
    """Give a trial as far as it came. Raises NotFound."""
    with town.store.read() as records:
        row = records.get_rule_trial(trial_id)
    return row, _TRIAL.validate_python(row.found)


def switch_on(town: Town, trial_id: str, *, starts: date, actor: str) -> tables.RuleChange:
    """Let the rules of a finished trial count from a service date on; once more for the same trial changes nothing.

    Runs from then on are published anew, as far as nobody rides on them yet; what was promised stays promised. Raises
    Invalid for a date that is past, Conflict for a trial that is not finished.
    """
    row, trial = get_trial(town, trial_id)
    if starts < town.today():
        raise Invalid("rules start")
    if not trial.is_finished:
        raise Conflict("trial open")
    change = tables.RuleChange(
        id=row.id, file=row.file, rules=row.rules, starts=starts, decided_by=actor, at=town.clock()
    )

    def decide(door: Door) -> bool:
        return door.add_rule_change(change)

    if town.store.commit(decide):
        schedules.follow_rules(town, starts)
    return change


def _days(town: Town, since: date) -> list[date]:
    with town.store.read() as records:
        return [day for day in records.list_run_dates() if since <= day]


def _steps(town: Town, said: dict[str, Any], since: date, trial: Trial) -> Iterator[Trial]:
    """Go on with a trial request by request; each step leaves it as it then is."""
    policy = read_policy(said)
    for day in _days(town, since)[trial.days :]:
        with town.store.read() as records:
            histories = [records.history(run_id) for run_id in records.all_run_ids(day)]
            asked = list(islice(_asked(town, records, day, histories), trial.within, None))
        for wish, runs in asked:
            _count(trial, town, wish, runs, policy)
            trial.within += 1
            yield trial
        trial.days, trial.within = trial.days + 1, 0
        yield trial


def _asked(
    town: Town, records: Records, day: date, histories: Sequence[Sequence[Revision]]
) -> Iterator[tuple[TripRequest, list[Run]]]:
    """List what was asked for a day, each with the runs as they were at that minute."""
    for row in records.list_requests(service_date=day):
        if row.status in RECORDED and row.asked_at is not None and row.origin_lat is not None:
            past = [[one for one in history if one.at < row.asked_at] or history[:1] for history in histories]
            runs = [
                freezing.freeze(kept[-1].run, town.roads, row.asked_at, town.settings.timezone)
                for kept in past
                if kept and kept[-1].run.stops
            ]
            yield wishes.trip_request(town, row, records.get_user(row.rider_id), runs), runs


def _count(trial: Trial, town: Town, wish: TripRequest, runs: Sequence[Run], policy: Policy) -> None:
    then = offers.offers(wish, runs, town.roads)
    other = offers.offers(wish, [replace(run, policy=rules.under(policy, run.policy)) for run in runs], town.roads)
    had, has = not isinstance(then, Refusal), not isinstance(other, Refusal)
    trial.asked += 1
    trial.offered += had
    if has and isinstance(then, Refusal):
        trial.gained[then.rule.value] += 1
    if had and isinstance(other, Refusal):
        trial.lost[other.rule.value] += 1
