"""Batch re-planning: many requests over many runs at once.

Ruin and recreate on the compiled kernel (`matching.ruin`) tries some tens of thousands of changes a second and keeps
every run that it made as a column; the CP-SAT solver of OR-Tools then chooses the best set of columns, one for a run,
no request twice (set packing, as in Subramanian, Uchoa & Ochi 2013). Both take turns.
Figures: docs/decisions/0008 and 0010.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matching import fleet, kernel, ruin
from matching.bound import upper_bound
from matching.model import Run, TripRequest
from matching.objective import Objective
from matching.plan import Draft, Plan, Progress, plan_of
from routing.times import TravelTimes

if TYPE_CHECKING:
    from scipy.sparse import csc_array

__all__ = ["Plan", "Progress", "replan", "warm"]

TICKS = 200_000_000
"""Ticks of work that one core does in a second; more than that for small days, less for the largest."""

CHUNK = 5_000_000
"""Ticks after which a search looks at the clock."""

TURNS, SEARCHING, PACKING = (0.4, 0.2, 0.2, 0.2), 0.75, 0.18
"""Shares of the work that the turns take, and of the time that is for searching, and for CP-SAT."""

MOST = 10
"""Tasks that one round takes off at most."""

HOT, COLD = (1.6, 0.6, 0.6, 0.6), 0.02
"""Temperatures at the begin of each turn and at the end, in legs of middling length."""

WEIGHT = 15
"""What a request of middling weight weighs in a search, in legs: light enough for detours through worse plans."""

GROUP, KEPT, SIFTED = 120, 600, 3000
"""Runs whose columns are chosen together, columns left to CP-SAT, and columns that enter a linear program at once."""


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
    searching, weights = _searching(runs, requests, seconds), objective or Objective()
    until = monotonic() + searching
    draft = Draft(runs, requests, times, weights, seed)
    if len(draft.state.task):
        _improve(draft, searching, until, seed, progress)
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
        lambda: replan([run], wishes, times, seconds=60),
        lambda: upper_bound([run], wishes, times, seconds=60),
    )
    for done, step in enumerate(steps, start=1):
        step()
        if progress is not None:
            progress(done, len(steps))


def warm_search() -> None:
    """Compile all that a search needs, or load it, without starting a thread: this process may be forked then."""
    import scipy.optimize
    import scipy.sparse  # noqa: F401 - all three are loaded for the forks, and not used here

    fleet.warm()
    run, wish, times = fleet.example()
    draft = Draft([run], [wish, replace(wish, id="another")], times, Objective(), 0)
    for _ in _anneal(draft, (2.0, 1.0), CHUNK, 60.0):
        ruin.rewind(draft.state, draft.search)
    ruin.weigh(draft.state, draft.search, draft.state.task[:, kernel.WEIGHT].copy())
    _Pool(draft)
    ruin.take_columns(draft.state, draft.search, np.zeros((0, 2), np.int64))
    ruin.fill(draft.state, draft.search)
    ruin.recount(draft.state, draft.search)
    draft.finished()


def _riding(runs: Sequence[Run]) -> set[str]:
    return {ride.id for run in runs for ride in run.residents}


def _searching(runs: Sequence[Run], requests: Sequence[TripRequest], seconds: float) -> float:
    """How many of so many seconds are left for searching beside building arrays and judging runs."""
    return max(0.4 * seconds, seconds - 0.002 * len(runs) - 0.0003 * len(requests))


def _work(draft: Draft, seconds: float) -> int:
    """Ticks that a search of so many seconds may take; few tasks need few."""
    return int(min(SEARCHING * seconds * TICKS, 2_000_000 * len(draft.state.task) ** 2))


def _improve(
    draft: Draft, seconds: float, until: float, seed: int, progress: Callable[[Progress], None] | None
) -> None:
    st, search = draft.state, draft.search
    leg = max(1.0, float(st.route[:, kernel.DRIVE].sum()) / max(1, int((st.route[:, kernel.N] - 1).sum())))
    weights, work = st.task[:, kernel.WEIGHT].copy(), _work(draft, seconds)
    lighter = np.minimum(weights, np.maximum(1, weights * (WEIGHT * leg / np.median(weights))))
    ruin.weigh(st, search, lighter.astype(np.int32))
    draw, improved = random.Random(seed), 0  # noqa: S311 - a search, no secret
    for turn, share in enumerate(TURNS):
        patience = (until - monotonic()) * SEARCHING * share / sum(TURNS[turn:])
        for better in _anneal(draft, (HOT[turn] * leg, COLD * leg), int(work * share), patience):
            improved += better
            if progress is not None:
                progress(Progress(_served(draft), int(search.count[ruin.BEST]), improved))
        ruin.rewind(st, search)
        _pack(draft, draw, PACKING * seconds / len(TURNS), until)
    ruin.weigh(st, search, weights)
    ruin.fill(st, search)
    ruin.recount(st, search)


def _anneal(draft: Draft, heat: tuple[float, float], work: int, patience: float) -> Iterator[bool]:
    """Search for so many ticks, or seconds on a slow machine; tell after each chunk if it found a better plan."""
    (hot, cold), start, done, late = heat, monotonic(), 0, 0.0
    while done < work and late < 1:
        chunk = min(CHUNK, work - done)
        late = (monotonic() - start) / patience if patience > 0 else 1.0
        now, then = (hot * (cold / hot) ** min(1.0, max(late, at / work)) for at in (done, done + chunk))
        best = int(draft.search.count[ruin.BEST])
        ruin.search(draft.state, draft.search, chunk, now, then, MOST)
        done += chunk
        yield int(draft.search.count[ruin.BEST]) < best


def _served(draft: Draft) -> int:
    """Count the requests placed in the best plan yet."""
    best, riders = draft.search.best_line[:, :, kernel.RIDER], draft.search.best_route[:, kernel.RIDERS]
    aboard = best[np.arange(best.shape[1]) < riders[:, None]]
    return int((aboard < len(draft.asked)).sum())


class _Pool:
    """All columns that a search kept, as arrays. run, cost, riders: by column; cost: beside the run without riders.

    tasks: of the first column, of the second, and so on, those of column c from start[c] on. key: the same number for
    the same tasks on runs of the same kind.
    """

    def __init__(self, draft: Draft) -> None:
        search = draft.search
        table = search.column[: int(search.count[ruin.COLUMNS])].astype(np.int64)
        self.bare = np.array([_bare(draft.state, r) for r in range(len(draft.runs))], np.int64)
        self._salt, self._kind = search.salt, draft.kinds * 0x5851F42D
        self.run, self.riders = table[:, ruin.C_RUN], table[:, ruin.C_RIDERS]
        self.start = np.cumsum(self.riders) - self.riders
        first = np.repeat(table[:, ruin.C_FROM] - ruin.RIDER_WORDS * self.start, self.riders)
        self.tasks = search.word[first + ruin.RIDER_WORDS * np.arange(len(first))]
        self.cost = table[:, ruin.C_COST] - self.bare[self.run]
        self.key = self._kind[self.run] ^ self.join(np.bitwise_xor, self._salt)

    def join(self, how: np.ufunc, by_task: NDArray[Any]) -> NDArray[Any]:
        """Join what is known by task over the tasks of each column."""
        joined: NDArray[Any] = how.reduceat(by_task[self.tasks], self.start) if len(self.run) else by_task[:0]
        return joined

    def key_of(self, run: int, tasks: NDArray[Any]) -> int:
        """Give the key that a column of these tasks would have."""
        return int(self._kind[run] ^ np.bitwise_xor.reduce(self._salt[tasks]))


def _pack(draft: Draft, draw: random.Random, effort: float, until: float) -> None:
    """Choose the best columns, group by group of runs that compete for tasks; the plan gets no worse."""
    pool = _Pool(draft)
    left, groups = sorted(set(pool.run.tolist())), []
    draw.shuffle(left)
    while left:
        groups.append(_group(draft.search, left))
        left = [run for run in left if run not in groups[-1]]
    for group in groups:
        if monotonic() < until:
            _choose(draft, pool, sorted(_on_their_own(draft, group)), effort / len(groups), until)
    ruin.recount(draft.state, draft.search)


def _group(search: ruin.Search, left: Sequence[int]) -> set[int]:
    """Collect runs of these that may carry the same tasks, from the first one on outwards."""
    first, choice = search.first.tolist(), search.choice.tolist()
    asked = np.repeat(np.arange(len(first) - 1), np.diff(search.first))
    by_run = np.argsort(search.choice, kind="stable")
    start = np.searchsorted(search.choice[by_run], np.arange(max(left) + 2)).tolist()
    group, queue, seen, free = {left[0]}, [left[0]], set[int](), set(left)
    for run in queue:
        for q in asked[by_run[start[run] : start[run + 1]]].tolist():
            if q not in seen:
                seen.add(q)
                for other in choice[first[q] : first[q + 1]]:
                    if other in free and other not in group and len(group) < GROUP:
                        group.add(other)
                        queue.append(other)
        if len(group) >= GROUP:
            break
    return group


def _on_their_own(draft: Draft, group: set[int]) -> set[int]:
    """Leave out runs with a task that one on a run outside the group depends on."""
    run, follower = draft.state.task[:, kernel.RUN], draft.search.follower
    pairs = [(int(run[q]), int(run[follower[q]])) for q in np.flatnonzero(follower >= 0)]
    while outside := {a for a, b in pairs if a in group and b >= 0 and b not in group}:
        group = group - outside
    return group


def _choose(draft: Draft, pool: _Pool, group: Sequence[int], effort: float, until: float) -> None:
    """Give the runs of a group the columns that are best together, if they are better than what the runs have."""
    program = _Program(draft, pool, group)
    picked = program.solve(effort, until) if len(program.column) else []
    free = defaultdict[int, list[int]](list)
    for r in group:
        free[int(draft.kinds[r])].append(r)
    taken = [(free[int(draft.kinds[pool.run[c]])].pop(), c) for c in picked]
    taken += [(r, -1) for runs in free.values() for r in runs] if picked else []
    ruin.take_columns(draft.state, draft.search, np.array(taken, np.int64).reshape(-1, 2))


class _Program:
    """Set packing of a group: x in 0 and 1 for each `column`, so that rows @ x <= limit and value @ x is least.

    have: what the plan as it is comes to. now: which columns it has. Rows: each task once, as many columns of a kind
    as there are runs of it, and no task without its leader.
    """

    def __init__(self, draft: Draft, pool: _Pool, group: Sequence[int]) -> None:
        st, runs = draft.state, np.array(group, np.int64)
        inside = np.isin(np.arange(len(st.route) + 1), runs)  # the last one stands for no run, -1
        mine, free = inside[st.task[:, kernel.RUN]], st.task[:, kernel.RUN] < 0
        order = np.flatnonzero(inside[pool.run] & pool.join(np.logical_and, mine | free))
        order = order[np.lexsort((pool.cost[order], pool.key[order]))]
        self.column = order[np.diff(pool.key[order], prepend=-1) != 0]
        weight = st.task[:, kernel.WEIGHT].astype(np.int64)
        self.value = pool.cost[self.column] - pool.join(np.add, weight)[self.column]
        self.have = int((st.route[runs, kernel.DRIVE] + st.route[runs, kernel.HARM] - pool.bare[runs]).sum())
        self.have += sum(int(ruin.stands_for(st, q)) for q in np.flatnonzero(mine)) - int(weight[mine].sum())
        aboard = ((r, st.line[r, : st.route[r, kernel.RIDERS], kernel.RIDER]) for r in group)
        self.now = np.isin(pool.key[self.column], [pool.key_of(r, tasks) for r, tasks in aboard if len(tasks)])
        self.rows, self.limit = self._write_rows(draft, pool, runs, mine | free)

    def _write_rows(
        self, draft: Draft, pool: _Pool, runs: NDArray[np.int64], able: NDArray[np.bool_]
    ) -> "tuple[csc_array, NDArray[np.int64]]":
        from scipy.sparse import csc_array

        tasks, many = len(able), np.bincount(draft.kinds[runs])
        of = np.repeat(np.arange(len(self.column)), pool.riders[self.column])
        place = np.arange(len(of)) - np.searchsorted(of, of)
        who = pool.tasks[pool.start[self.column][of] + place]
        leader = draft.search.leader
        led = np.flatnonzero((leader >= 0) & able[leader])
        rows = [(who, of, 1), (tasks + draft.kinds[pool.run[self.column]], np.arange(len(self.column)), 1)]
        for ends, sign in ((led, 1), (leader[led], -1)):
            row = np.full(tasks, -1)
            row[ends] = tasks + len(many) + np.arange(len(led))
            rows.append((row[who][row[who] >= 0], of[row[who] >= 0], sign))
        entries = [np.full(len(row), sign) for row, _, sign in rows]
        shape = (tasks + len(many) + len(led), len(self.column))
        at = np.concatenate([row for row, *_ in rows]), np.concatenate([column for _, column, _ in rows])
        limit = np.concatenate((np.ones(tasks, np.int64), many, np.zeros(len(led), np.int64)))
        return csc_array((np.concatenate(entries), at), shape=shape), limit

    def solve(self, effort: float, until: float) -> list[int]:
        """Give the columns of a better plan, or none. effort: seconds, as CP-SAT counts them.

        What can be part of no better plan by the prices of the linear program is left out first (reduced cost fixing),
        and of the rest all but the cheapest.
        """
        from ortools.sat.python import cp_model
        from scipy.sparse import csr_array

        least, reduced = self._relax(until)
        some = np.flatnonzero(self.now | (reduced < self.have - least))
        some = some[np.argsort(np.where(self.now, -np.inf, reduced)[some], kind="stable")[:KEPT]]
        model = cp_model.CpModel()
        chosen = [model.new_bool_var("") for _ in some]
        rows = csr_array(self.rows[:, some])
        for row in np.flatnonzero(np.diff(rows.indptr) > 0):
            part = slice(rows.indptr[row], rows.indptr[row + 1])
            terms = [int(by) * chosen[k] for k, by in zip(rows.indices[part], rows.data[part], strict=True)]
            model.add(sum(terms) <= int(self.limit[row]))
        model.minimize(sum(int(value) * one for value, one in zip(self.value[some], chosen, strict=True)))
        for one, here in zip(chosen, self.now[some], strict=True):
            model.add_hint(one, bool(here))
        solver = cp_model.CpSolver()
        solver.parameters.num_workers, solver.parameters.linearization_level = 1, 2
        solver.parameters.max_deterministic_time = effort
        solver.parameters.max_time_in_seconds = max(0.5, until - monotonic())  # only where that is too slow
        solved = solver.solve(model) in (cp_model.OPTIMAL, cp_model.FEASIBLE)
        if not solved or solver.objective_value >= self.have:
            return []
        return [int(self.column[k]) for k, one in zip(some, chosen, strict=True) if solver.boolean_value(one)]

    def _relax(self, until: float) -> tuple[float, NDArray[np.float64]]:
        """Solve the linear program; give its value and the reduced cost of each column.

        Columns enter it as they are worth it, some thousand at a time.
        """
        from scipy.optimize import linprog

        active = self.now.copy()
        active[np.argsort(self.value, kind="stable")[:SIFTED]] = True
        while True:
            part = linprog(self.value[active], A_ub=self.rows[:, active], b_ub=self.limit, method="highs")
            reduced = self.value - self.rows.T @ part.ineqlin.marginals
            fresh = np.flatnonzero((reduced < -0.5) & ~active)
            if not len(fresh) or monotonic() > until:
                return float(part.fun), reduced
            active[fresh[np.argsort(reduced[fresh], kind="stable")[:SIFTED]]] = True


def _bare(st: kernel.State, r: int) -> int:
    """Cost of a run without any task, as its fixed stops stand."""
    line, route = st.line[r], st.route[r]
    fixed = [node for node in line[: route[kernel.N], kernel.NODE].tolist() if node < kernel.OWN]
    places = st.fixed[route[kernel.FIX] + np.array(fixed), kernel.F_PLACE]
    return int(st.seconds[route[kernel.PACE], places[:-1], places[1:]].sum())
