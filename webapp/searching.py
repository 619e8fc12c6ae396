"""Search for a better plan in another process: it is ended when it takes too long, and its answer is not believed."""

import logging
from collections.abc import Sequence

import numpy as np
from pydantic import ValidationError

from matching.model import Run, TripRequest
from matching.objective import Objective
from matching.plan import Plan, plan_of
from matching.verification import Table, Unbelievable, check_plan, check_times, places_of
from routing.times import TravelTimes
from webapp.apart import Ended, Helper, Limits
from webapp.searcher import PLAN, question

LOG = logging.getLogger(__name__)
MEMORY = 4 * 2**30
"""Bytes of address space that a search may take; most of it are libraries that it shares."""
SLACK = 4.0
"""Seconds beyond those that a search is told to take which it may really take: machines are slow now and then."""
GRACE = 1.0
"""Seconds after that limit at which a search is ended for sure, whatever it is at."""
AT_ONCE = 1
"""Searches of one process at a time: each uses one core."""
PATIENCE = 20.0
"""Seconds that a search waits for its turn."""
_PROCESS = Helper("webapp.searcher", at_once=AT_ONCE)


class NoPlan(Exception):
    """A search gave no plan that could be used; `why` is one word for a report, without a name in it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def start() -> None:
    """Let the process get ready before the first search. Raises OSError where none can be had."""
    _PROCESS.start()


def replan(
    runs: Sequence[Run],
    requests: Sequence[TripRequest],
    times: TravelTimes,
    *,
    seconds: float,
    objective: Objective,
    bound_seconds: float = 0.0,
) -> Plan:
    """Place requests on runs as `matching.solver` does, within `seconds` and `bound_seconds`, and judge the answer.

    Runs and requests at places that no road joins with any other are left as they are. Raises NoPlan at the latest
    `GRACE` after the limit of that time and `SLACK`: for travel times that cannot be, for a search that ended or took
    too long, and for an answer that is no plan, breaks a promise, or is worse than the runs as they are.
    """
    if not runs or (not requests and not any(run.residents for run in runs)):
        return plan_of(runs, runs, requests, times, objective=objective, upper_bound=0)
    places = places_of(runs, requests)
    seen = times.table(places, places)
    try:
        cut_off = check_times(places, seen)
        table = Table(places, np.ascontiguousarray(seen, np.int32))
        joined = [run for run in runs if cut_off.isdisjoint(stop.place for stop in (*run.stops, *run.skipped))]
        wishes = [one for one in requests if cut_off.isdisjoint(places_of((), [one]))]
        found = _ask(joined, wishes, table, objective, {"seconds": seconds, "bound_seconds": bound_seconds})
        new = {run.id: run for run in found.runs}
        after = [new.get(run.id, run) if run in joined else run for run in runs]
        return check_plan(runs, after, requests, table, objective=objective, upper_bound=found.upper_bound)
    except Unbelievable as fault:
        raise NoPlan(fault.why) from fault


def _ask(
    runs: list[Run], requests: list[TripRequest], table: Table, objective: Objective, how: dict[str, float]
) -> Plan:
    limits = Limits(MEMORY, cpu=None, wall=sum(how.values()) + SLACK, grace=GRACE)
    asked = question(runs, requests, [*table.places], objective, **how)
    try:
        plan = PLAN.validate_json(_PROCESS.ask(asked, table.seconds.tobytes(), limits, patience=PATIENCE))
    except Ended as ended:
        raise NoPlan(ended.why or "ended") from ended
    except ValidationError as garbage:
        raise NoPlan("garbage") from garbage
    if [run.id for run in plan.runs] != [run.id for run in runs]:
        raise NoPlan("runs")
    return plan
