"""Batch re-planning: many requests over many runs at once.

Ruin and recreate on the compiled kernel (`matching.ruin`) tries some ten thousand changes a second and keeps every run
that it made as a column; the CP-SAT solver of OR-Tools then chooses the best set of columns, one for each run, no
request twice (set packing, as in Subramanian, Uchoa & Ochi 2013). Both take turns.
Figures: docs/decisions/0008 and 0010.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic

import numpy as np
from ortools.sat.python import cp_model

from matching import fleet, kernel, ruin
from matching.bound import upper_bound
from matching.model import Run, TripRequest
from matching.objective import Objective
from matching.plan import Draft, Plan, Progress, plan_of
from routing.times import TravelTimes

__all__ = ["Plan", "Progress", "replan", "warm"]

TICKS = 60_000_000
"""Ticks of work that a slow core does in a second."""

CHUNK = 5_000_000
"""Ticks after which a search looks at the clock."""

TURNS, SEARCHING = (0.5, 0.25, 0.25), 0.85
"""Shares of the work that the turns take, and of the time that is for searching; the rest is for packing."""

MOST = 10
"""Tasks that one round takes off at most."""

HOT, COLD = (1.6, 0.5, 0.5), 0.02
"""Temperatures at the begin of each turn and at the end, in legs of middling length."""

WEIGHT = 15
"""What a request of middling weight weighs in a search, in legs: light enough for detours through worse plans."""

GROUP, PACKING = 120, 0.4
"""Runs whose columns are chosen together, and the deterministic seconds (as CP-SAT counts them) for that."""


def replan(
    runs: Sequence[Run],
    requests: Sequence[TripRequest],
    times: TravelTimes,
    *,
    seconds: float,
    objective: Objective | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    bound_seconds: float = 0.0,
) -> Plan:
    """Place requests on runs so that the objective becomes least, in at most about `seconds`.

    Rides that were promised stay on their run within their windows; only their own stops may move. A run that breaks a
    promise already gets no worse. The answer is never worse than `runs`. The same arguments give the same plan, unless
    the machine is so slow that the work has to be cut short. bound_seconds: for proving an upper bound after that;
    without, it is the number of requests.
    """
    until, weights = monotonic() + _searching(runs, requests, seconds), objective or Objective()
    draft = Draft(runs, requests, times, weights, seed)
    if len(draft.state.task):
        _improve(draft, _work(draft, _searching(runs, requests, seconds)), until, seed, progress)
    after = draft.finished()
    bound = len({one.id for one in requests})
    if bound_seconds > 0:
        bound = upper_bound(runs, requests, times, seconds=bound_seconds, known=after)
    held = sum(len(run.residents) for run in runs) - len({one.id for one in requests} & _riding(runs))
    return plan_of(runs, after, requests, times, objective=weights, upper_bound=held + bound)


def warm(progress: Callable[[int, int], None] | None = None) -> None:
    """Compile all that a request or a re-planning needs, or load it from the cache; tell how many steps are done."""
    run, wish, times = fleet.example()
    wishes = [wish, replace(wish, id="another")]
    steps: tuple[Callable[[], object], ...] = (
        fleet.warm,
        lambda: replan([run], wishes, times, seconds=0.01),
        lambda: upper_bound([run], wishes, times, seconds=0.1),
    )
    for done, step in enumerate(steps, start=1):
        step()
        if progress is not None:
            progress(done, len(steps))


def _riding(runs: Sequence[Run]) -> set[str]:
    return {ride.id for run in runs for ride in run.residents}


def _searching(runs: Sequence[Run], requests: Sequence[TripRequest], seconds: float) -> float:
    """How many of so many seconds are left for searching beside building arrays and judging runs."""
    return max(0.4 * seconds, seconds - 0.005 * len(runs) - 0.0006 * len(requests))


def _work(draft: Draft, seconds: float) -> int:
    """Ticks that a search of so many seconds may take; few tasks need few."""
    return int(min(SEARCHING * seconds * TICKS, 2_000_000 * len(draft.state.task) ** 2))


def _improve(draft: Draft, work: int, until: float, seed: int, progress: Callable[[Progress], None] | None) -> None:
    st, search, improved = draft.state, draft.search, 0
    leg = max(1.0, float(st.route[:, kernel.DRIVE].sum()) / max(1, int((st.route[:, kernel.N] - 1).sum())))
    weights = st.task[:, kernel.WEIGHT].copy()
    ruin.weigh(
        st, search, np.minimum(weights, np.maximum(1, weights * (WEIGHT * leg / np.median(weights)))).astype(np.int32)
    )
    draw = random.Random(seed)  # noqa: S311 - a search, no secret
    began = monotonic()
    for turn, share in enumerate(TURNS):
        hot, cold, end, done, late = HOT[turn] * leg, COLD * leg, int(work * share), 0, 0.0
        start = monotonic()
        patience = (until - began) * share * SEARCHING
        while done < end and late < 1:
            chunk = min(CHUNK, end - done)
            late = (monotonic() - start) / patience if patience > 0 else 1.0
            heats = [hot * (cold / hot) ** min(1.0, max(late, at / end)) for at in (done, done + chunk)]
            best = int(search.count[ruin.BEST])
            ruin.search(st, search, chunk, heats[0], heats[1], MOST)
            done += chunk
            improved += int(search.count[ruin.BEST]) < best
            if progress is not None:
                progress(Progress(_served(draft), int(search.count[ruin.BEST]), improved))
        ruin.rewind(st, search)
        _pack(draft, draw, until)
    ruin.weigh(st, search, weights)
    ruin.fill(st, search)
    ruin.recount(st, search)


def _served(draft: Draft) -> int:
    """Count the requests placed in the best plan yet."""
    best, riders = draft.search.best_line[:, :, kernel.RIDER], draft.search.best_route[:, kernel.RIDERS]
    aboard = best[np.arange(best.shape[1]) < riders[:, None]]
    return int((aboard < len(draft.asked)).sum())


class _Columns:
    """What a search tried, by run: number, cost beside the run's cost without riders, tasks."""

    def __init__(self, draft: Draft) -> None:
        search = draft.search
        self.of: dict[int, list[tuple[int, int, tuple[int, ...]]]] = defaultdict(list)
        count = int(search.count[ruin.COLUMNS])
        words = search.word.tolist() if count else []
        for c, (run, cost, first, riders, _) in enumerate(search.column[:count].tolist()):
            end = first + ruin.RIDER_WORDS * riders
            self.of[run].append((c, cost, tuple(words[first : end : ruin.RIDER_WORDS])))


def _pack(draft: Draft, draw: random.Random, until: float) -> None:
    """Choose the best columns, group by group of runs that compete for tasks; the plan gets no worse."""
    columns = _Columns(draft)
    left = sorted(columns.of)
    draw.shuffle(left)
    seen: set[int] = set()
    for start in left:
        if start not in seen and monotonic() < until:
            group = _group(columns, draft, start, seen)
            seen |= group
            _choose(draft, columns, sorted(group), max(0.5, until - monotonic()))
    ruin.recount(draft.state, draft.search)


def _group(columns: _Columns, draft: Draft, start: int, seen: set[int]) -> set[int]:
    """Collect runs that may carry the same tasks, from one on outwards."""
    search, group, queue = draft.search, {start}, [start]
    for run in queue:
        for _, _, tasks in columns.of[run]:
            for q in tasks:
                for other in search.choice[search.first[q] : search.first[q + 1]].tolist():
                    if other not in group and other not in seen and other in columns.of and len(group) < GROUP:
                        group.add(other)
                        queue.append(other)
        if len(group) >= GROUP:
            break
    return group


def _choose(draft: Draft, columns: _Columns, group: Sequence[int], seconds: float) -> None:
    """Give the runs of a group the columns that are best together, if they are better than what the runs have."""
    st, search = draft.state, draft.search
    now = {r: frozenset(st.line[r, : st.route[r, kernel.RIDERS], kernel.RIDER].tolist()) for r in group}
    mine = {q for tasks in now.values() for q in tasks}
    free = {q for q in range(len(st.task)) if st.task[q, kernel.RUN] < 0 or q in mine}
    weight = st.task[:, kernel.WEIGHT].tolist()
    bare = {r: int(_bare(st, r)) for r in group}
    model, values = cp_model.CpModel(), []
    by_task: dict[int, list[cp_model.IntVar]] = defaultdict(list)
    chosen: list[tuple[int, int, cp_model.IntVar]] = []
    for r in group:
        alike = []
        for c, cost, tasks in columns.of[r]:
            if free.issuperset(tasks):
                var = model.new_bool_var("")
                alike.append(var)
                chosen.append((r, c, var))
                values.append(cost - bare[r] - sum(weight[q] for q in tasks))
                model.add_hint(var, frozenset(tasks) == now[r])
                for q in tasks:
                    by_task[q].append(var)
        model.add_at_most_one(alike)
    for alike in by_task.values():
        model.add_at_most_one(alike)
    for q, leader in enumerate(search.leader.tolist()):
        if leader >= 0 and q in by_task and (leader in mine or st.task[leader, kernel.RUN] < 0):
            model.add(sum(by_task[q]) <= sum(by_task[leader]))
    model.minimize(sum(value * var for value, (_, _, var) in zip(values, chosen, strict=True)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = PACKING
    solver.parameters.max_time_in_seconds = seconds  # only on a machine too slow for the effort above
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return
    have = sum(int(st.route[r, kernel.DRIVE] + st.route[r, kernel.HARM]) - bare[r] for r in group)
    have += sum(int(ruin.stands_for(st, q)) - weight[q] for q in mine)
    if solver.objective_value < have:
        picked = {r: c for r, c, var in chosen if solver.boolean_value(var)}
        for r in group:
            ruin.take_column(st, search, r, -1)
        for r, c in picked.items():
            ruin.take_column(st, search, r, c)


def _bare(st: kernel.State, r: int) -> int:
    """Cost of a run without any task, as its fixed stops stand."""
    line, route = st.line[r], st.route[r]
    fixed = [node for node in line[: route[kernel.N], kernel.NODE].tolist() if node < kernel.OWN]
    places = st.fixed[route[kernel.FIX] + np.array(fixed), kernel.F_PLACE]
    return int(st.seconds[places[:-1], places[1:]].sum())
