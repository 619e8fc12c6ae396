"""Ruin and recreate: take some neighbouring tasks off their runs, put back what fits best, keep what is worth it.

Slack induction by removals (Christiaens & Vanden Berghe 2020) on the kernel of `matching.kernel`, with simulated
annealing. Every run that an accepted plan had is kept as a column, from which `matching.solver` chooses the best set.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from matching.borrowed import borrowed
from matching.kernel import (
    COST,
    DRIVE,
    FAR,
    FOUND,
    GUARDED,
    HARM,
    HELD,
    LONGEST,
    NODE,
    OFF_AT,
    OFF_END,
    OFF_FROM,
    OFF_POINT,
    ON,
    ON_AT,
    ON_END,
    ON_FROM,
    ON_POINT,
    OWN,
    RIDER,
    RIDERS,
    RUN,
    T_ARRIVE,
    T_ARRIVE_LATEST,
    T_DWELL,
    T_EARLIEST,
    T_LATEST,
    T_MAX_RIDE,
    T_OPEN,
    T_PACE,
    T_RIDE_SLACK,
    WEIGHT,
    N,
    candidates,
    put,
    refresh,
    scan,
    strike,
    take,
)  # fmt: skip

NEAR = 48
"""Neighbours that each task knows."""

TOUCHED = 96
"""Runs that one round may change."""

# columns of `column`: run, cost (driving, harm and walking), where its words begin, how many riders and nodes it has
(C_RUN, C_COST, C_FROM, C_RIDERS, C_NODES, COLUMN) = range(6)
# words of a rider in a column: task, points, how it is held, numbers of the fixed stops it uses
RIDER_WORDS = 6
# numbers in `count`
(ROUND, VERSION, COLUMNS, WORDS, RANDOM, CURRENT, BEST, ACCEPTED, RUNS, TASKS, WORK, COUNTS) = range(12)
# ticks of some 5 nanoseconds that a round, a search of a run, and a change of a run take beside each position looked at
(ROUND_TICKS, SCAN_TICKS, REFRESH_TICKS) = (1200, 50, 200)


class Search(NamedTuple):
    """What a ruin-and-recreate search keeps beside the state of R runs and Q tasks.

    first, choice: the runs on which task q may ride are choice[first[q] : first[q + 1]]. near: [Q, NEAR], neighbours
    of each task, -1 behind the last. leader, follower: [Q], the task without which one falls away, and the one that
    falls away without it, or -1. version, kept, best_version: [R]; floor, struck: [R], the version from which on the
    run only got more riders this round, and whether it lost any. known: [choices, 2] versions, and place: [choices, 2,
    FOUND], the best places found on them. best_*: the best plan. old_*: what a round may have to restore; run_round,
    task_round: the round that last saved each, in the order of run_list and task_list. column, word, hashed: the
    columns, their content, a hash table over them; salt: [Q] random numbers. bank: tasks to be put back.
    """

    first: Any
    choice: Any
    near: Any
    leader: Any
    follower: Any
    version: Any
    kept: Any
    floor: Any
    struck: Any
    known: Any
    place: Any
    best_route: Any
    best_line: Any
    best_task: Any
    best_version: Any
    old_route: Any
    old_line: Any
    old_mask: Any
    old_task: Any
    run_round: Any
    task_round: Any
    run_list: Any
    task_list: Any
    column: Any
    word: Any
    hashed: Any
    salt: Any
    bank: Any
    string: Any
    key: Any
    count: Any


@njit(cache=True, inline="always")
def _draw(count, below):
    """Draw a whole number from 0 to below - 1 (xorshift, Marsaglia 2003)."""
    x = count[RANDOM]
    x ^= (x << 13) & 0xFFFFFFFF
    x ^= x >> 17
    x ^= (x << 5) & 0xFFFFFFFF
    count[RANDOM] = x
    return x % below


@njit(cache=True)
def worth(st: Any) -> int:
    """Sum up what a plan costs: driving, harm, walking, and the weight of what is not served."""
    st = borrowed(st)
    total = 0
    for r in range(len(st.route)):
        total += st.route[r, DRIVE] + st.route[r, HARM]
    for q in range(len(st.task)):
        total += stands_for(st, q)
    return total


@njit(cache=True)
def stands_for(st, q):
    """What a task adds to the cost beside driving: its walks, or its weight when it is not served."""
    st = borrowed(st)
    if st.task[q, RUN] < 0:
        return st.task[q, WEIGHT]
    return st.point[st.task[q, ON_POINT], 1] + st.point[st.task[q, OFF_POINT], 1]


@njit(cache=True, inline="always")
def _copy_run(route, line, r, to_route, to_line, at):
    """Copy a run, as far as it has stops or riders."""
    to_route[at] = route[r]
    rows = max(route[r, N], route[r, RIDERS])
    to_line[at, :rows] = line[r, :rows]


@njit(cache=True)
def _save_run(st, se, r):
    """Save a run before its first change of the round; False when no more may be changed."""
    st, se = borrowed(st), borrowed(se)
    count = se.count
    if se.run_round[r] == count[ROUND]:
        return True
    m = count[RUNS]
    if m == TOUCHED:
        return False
    se.run_round[r], se.run_list[m], se.kept[r] = count[ROUND], r, se.version[r]
    se.floor[r], se.struck[r] = count[VERSION], 0
    count[RUNS] += 1
    _copy_run(st.route, st.line, r, se.old_route, se.old_line, m)
    if st.weights[GUARDED]:
        se.old_mask[m] = st.mask[r]
    count[CURRENT] -= st.route[r, DRIVE] + st.route[r, HARM]
    return True


@njit(cache=True)
def _save_task(st, se, q):
    st, se = borrowed(st), borrowed(se)
    count = se.count
    if se.task_round[q] != count[ROUND]:
        se.task_round[q], se.task_list[count[TASKS]] = count[ROUND], q
        se.old_task[count[TASKS]] = st.task[q]
        count[TASKS] += 1
        count[CURRENT] -= stands_for(st, q)


@njit(cache=True, inline="always")
def _restore(st, se):
    for m in range(se.count[TASKS]):
        st.task[se.task_list[m]] = se.old_task[m]
    for m in range(se.count[RUNS]):
        r = np.int64(se.run_list[m])
        _copy_run(se.old_route, se.old_line, m, st.route, st.line, r)
        if st.weights[GUARDED]:
            st.mask[r] = se.old_mask[m]
        for k in range(st.route[r, N]):
            node = st.line[r, k, NODE]
            if node >= OWN:
                st.task[(node - OWN) >> 1, ON_AT + ((node - OWN) & 1)] = k
        se.version[r] = se.kept[r]


@njit(cache=True, inline="always")
def _count_up(se, r):
    """Give a run that changed a version of its own."""
    se.count[VERSION] += 1
    se.count[WORK] += REFRESH_TICKS
    se.version[r] = se.count[VERSION]


@njit(cache=True)
def _best_place(st, se, q):
    """Find the cheapest place of a task over its runs, now and then overlooking one: its choice and side, or -1.

    Runs on which a place is known come first. The others are searched only for what is cheaper than the best of these,
    and only when what is known of them may be: of the run as it is, or of the same run with fewer riders.
    """
    st, se = borrowed(st), borrowed(se)
    best, cost = -1, FAR
    for late in range(2):
        for c in range(se.first[q], se.first[q + 1]):
            r = np.int64(se.choice[c])
            side = _side(se, c, r)
            exact = side >= 0 and se.place[c, side, ON] >= 0
            if not late:
                if exact and se.place[c, side, COST] < cost and _draw(se.count, 64):
                    best, cost = 2 * c + side, se.place[c, side, COST]
            elif not exact:
                least = se.place[c, side, COST] if side >= 0 else _least(se, c, r)
                if least < cost and _draw(se.count, 64):
                    side = _look(st, se, q, c, r, cost)
                    if se.place[c, side, COST] < cost:
                        best, cost = 2 * c + side, se.place[c, side, COST]
    return best


@njit(cache=True, inline="always")
def _side(se, c, r):
    """Where the place on the run as it is stands, or -1 when it is not known."""
    if se.known[c, 0] == se.version[r]:
        return 0
    return 1 if se.known[c, 1] == se.version[r] else -1


@njit(cache=True, inline="always")
def _least(se, c, r):
    """What a place on a run costs at the least, by what is known of it with fewer riders."""
    least = 0
    if se.run_round[r] == se.count[ROUND]:
        for side in range(2):
            known = se.known[c, side]
            if known > se.floor[r] or (known == se.kept[r] and not se.struck[r]):
                least = max(least, se.place[c, side, COST])
    return least


@njit(cache=True, inline="always")
def _look(st, se, q, c, r, limit):
    """Search a run for a place cheaper than `limit`; where there is none, that is known of it, and no position (-1).

    What is known of the run as it was accepted is not overwritten.
    """
    old = se.kept[r] if se.run_round[r] == se.count[ROUND] else -1
    side = 1 if se.known[c, 0] == old or (se.known[c, 1] != old and se.known[c, 1] < se.known[c, 0]) else 0
    place = se.place[c, side]
    place[COST] = FAR
    if st.route[r, N] + 2 < st.line.shape[1] and st.route[r, RIDERS] + 1 < st.line.shape[1]:
        se.count[WORK] += SCAN_TICKS + 2 * scan(st, r, q, limit, np.bool_(0), se.place[c, side : side + 1])
        if place[COST] == FAR:
            place[COST], place[ON] = limit, -1
    se.known[c, side] = se.version[r]
    return side


@njit(cache=True)
def _take_off(st, se, q, filled):
    """Take a task off its run into the bank; how many are in the bank then."""
    st, se = borrowed(st), borrowed(se)
    r = np.int64(st.task[q, RUN])
    if filled == len(se.bank) or not _save_run(st, se, r):
        return filled
    _save_task(st, se, q)
    strike(st, q)
    se.struck[r] = 1
    se.bank[filled] = q
    return filled + 1


@njit(cache=True, inline="always")
def _take_string(st, se, q, most, filled):
    """Take tasks off a run whose pickups follow one another, `q` among them; how many are in the bank then."""
    r, string, at, own = st.task[q, RUN], se.string, 0, 0
    for k in range(st.route[r, N]):
        node = st.line[r, k, NODE]
        if node >= OWN and not (node - OWN) & 1:
            string[own] = (node - OWN) >> 1
            if string[own] == q:
                at = own
            own += 1
    if st.task[q, HELD] & 1 or own == 0:
        return _take_off(st, se, q, filled)
    length = 1 + _draw(se.count, min(own, most))
    first = max(0, min(at - _draw(se.count, length), own - length))
    for m in range(first, first + length):
        filled = _take_off(st, se, np.int64(string[m]), filled)
    return filled


@njit(cache=True, inline="always")
def _ruin(st, se, most):
    """Take tasks near a random one off their runs, one by one or by strings; give the tasks to be put back.

    Those are the tasks taken off, and their neighbours that are not served.
    """
    count, filled = se.count, 0
    seed, skip, strings = _draw(count, len(st.task)), _draw(count, 3), _draw(count, 2)
    left = 1 + _draw(count, 3 if strings else most)
    for m in range(-1, NEAR):
        q = seed if m < 0 else np.int64(se.near[seed, m])
        if q < 0 or filled == len(se.bank):
            break
        r = np.int64(st.task[q, RUN])
        if r < 0:
            if se.task_round[q] != count[ROUND]:
                se.bank[filled] = q
                filled += 1
        elif left > 0 and strings:
            if se.run_round[r] != count[ROUND]:
                filled = _take_string(st, se, q, most, filled)
                left -= 1
        elif left > 0 and not (skip and _draw(count, 4) < skip):
            filled = _take_off(st, se, q, filled)
            left -= 1
    for m in range(count[RUNS]):
        r = np.int64(se.run_list[m])
        refresh(st, r)
        _count_up(se, r)
        se.floor[r] = count[VERSION] - 1
    return filled


@njit(cache=True, inline="always")
def _sort(st, se, filled):
    """Put the bank in a random order, or in one by number of choices, by weight, or by how far it goes."""
    count, bank, key = se.count, se.bank, se.key
    way = _draw(count, 8)
    for m in range(filled):
        q = np.int64(bank[m])
        random = _draw(count, 1 << 16)
        if way < 3:
            key[m] = random
        elif way < 5:
            key[m] = ((se.first[q + 1] - se.first[q]) << 16) + random
        elif way == 5:
            key[m] = (_direct(st, q) << 8) + (random >> 8)
        elif way == 6:
            key[m] = (-_direct(st, q) << 8) + (random >> 8)
        else:
            key[m] = (st.terms[q, 0, T_EARLIEST] << 4) + (random >> 12)
        key[m] -= (st.task[q, WEIGHT] >> 8) << 40
    for m in range(1, filled):
        q, k, at = bank[m], key[m], m
        while at > 0 and key[at - 1] > k:
            bank[at], key[at] = bank[at - 1], key[at - 1]
            at -= 1
        bank[at], key[at] = q, k


@njit(cache=True, inline="always")
def _direct(st, q):
    return st.seconds[0, st.point[st.task[q, ON_POINT], 0], st.point[st.task[q, OFF_POINT], 0]]


@njit(cache=True, inline="always")
def _recreate(st, se, filled):
    for m in range(filled):
        q = np.int64(se.bank[m])
        if se.leader[q] >= 0 and st.task[se.leader[q], RUN] < 0:
            continue
        found = _best_place(st, se, q)
        if found < 0:
            continue
        c, side = found >> 1, found & 1
        r = np.int64(se.choice[c])
        if se.place[c, side, COST] < st.task[q, WEIGHT] and _save_run(st, se, r):
            _save_task(st, se, q)
            put(st, q, r, se.place[c, side])
            _count_up(se, r)
    _release(st, se, filled)


@njit(cache=True, inline="always")
def _release(st, se, filled):
    """Take tasks off their runs that depend on one which found no place."""
    for m in range(filled):
        q = np.int64(se.bank[m])
        other = se.follower[q]
        if other >= 0 and st.task[q, RUN] < 0 and st.task[other, RUN] >= 0:
            r = np.int64(st.task[other, RUN])
            if _save_run(st, se, r):
                _save_task(st, se, other)
                take(st, other)
                _count_up(se, r)
                se.struck[r], se.floor[r] = 1, se.count[VERSION] - 1


@njit(cache=True)
def search(st: Any, se: Any, work: int, hot: float, cold: float, most: int) -> None:
    """Anneal for so much work from temperature `hot` to `cold` (seconds of cost); the best plan is kept in `se`.

    work: ticks, which are counted, not timed, so that the same search ends the same way. most: tasks that one round
    takes off at most.
    """
    st, se = borrowed(st), borrowed(se)
    count = se.count
    start, heat, rounds = count[WORK], hot, 0
    while count[WORK] < start + work:
        if rounds % 64 == 0:
            heat = hot * (cold / hot) ** ((count[WORK] - start) / work)
        rounds += 1
        count[WORK] += ROUND_TICKS
        count[ROUND] += 1
        count[RUNS], count[TASKS] = 0, 0
        before = count[CURRENT]
        filled = _ruin(st, se, most)
        _sort(st, se, filled)
        _recreate(st, se, filled)
        for m in range(count[RUNS]):
            r = np.int64(se.run_list[m])
            count[CURRENT] += st.route[r, DRIVE] + st.route[r, HARM]
        for m in range(count[TASKS]):
            count[CURRENT] += stands_for(st, se.task_list[m])
        if count[CURRENT] < before + 4 * heat:
            for m in range(count[RUNS]):
                _keep_column(st, se, se.run_list[m])
        luck = (1 + _draw(count, 1 << 24)) / (1 << 24)
        if count[CURRENT] < before - heat * math.log(luck):
            if count[CURRENT] != before:
                count[ACCEPTED] += 1
            if count[CURRENT] < count[BEST]:
                _keep_best(st, se)
        else:
            _restore(st, se)
            count[CURRENT] = before


@njit(cache=True)
def _keep_best(st, se):
    st, se = borrowed(st), borrowed(se)
    se.count[BEST] = se.count[CURRENT]
    for r in range(len(st.route)):
        if se.best_version[r] != se.version[r]:
            se.best_version[r] = se.version[r]
            _copy_run(st.route, st.line, r, se.best_route, se.best_line, r)
            for m in range(st.route[r, RIDERS]):
                q = np.int64(st.line[r, m, RIDER])
                se.best_task[q] = st.task[q]


@njit(cache=True)
def rewind(st: Any, se: Any) -> None:
    """Go back to the best plan found."""
    st, se = borrowed(st), borrowed(se)
    for q in range(len(st.task)):
        st.task[q, RUN] = -1
    for r in range(len(st.route)):
        _copy_run(se.best_route, se.best_line, r, st.route, st.line, r)
        for m in range(st.route[r, RIDERS]):
            q = np.int64(st.line[r, m, RIDER])
            st.task[q] = se.best_task[q]
        refresh(st, r)
        se.version[r] = se.best_version[r]
    se.count[CURRENT] = se.count[BEST]


@njit(cache=True)
def begin(st: Any, se: Any) -> None:
    """Start a search from the runs as they are, with every task put where it fits best, one after another."""
    st, se = borrowed(st), borrowed(se)
    for r in range(len(st.route)):
        _count_up(se, r)
        _keep_column(st, se, r)
    fill(st, se)
    se.count[CURRENT] = worth(st)
    _keep_best(st, se)


@njit(cache=True)
def weigh(st: Any, se: Any, weights: Any) -> None:
    """Count the cost of the plan anew, with other weights of what is not served."""
    st, se = borrowed(st), borrowed(se)
    st.task[:, WEIGHT] = weights
    se.count[CURRENT] = worth(st)
    _keep_best(st, se)


@njit(cache=True)
def fill(st: Any, se: Any) -> None:
    """Put every task that is not served where it fits best, one after another."""
    st, se = borrowed(st), borrowed(se)
    for q in range(len(st.task)):
        if st.task[q, RUN] < 0 and (se.leader[q] < 0 or st.task[se.leader[q], RUN] >= 0):
            found = _best_place(st, se, q)
            if found >= 0 and se.place[found >> 1, found & 1, COST] < st.task[q, WEIGHT]:
                r = np.int64(se.choice[found >> 1])
                put(st, q, r, se.place[found >> 1, found & 1])
                _count_up(se, r)


@njit(cache=True)
def _keep_column(st, se, r):
    """Keep a run with its riders as a column, unless it is known as cheaply."""
    st, se = borrowed(st), borrowed(se)
    count, riders, n = se.count, st.route[r, RIDERS], st.route[r, N]
    if riders == 0:
        return
    cost, mix = st.route[r, DRIVE] + st.route[r, HARM], r * 0x5851F42D
    for m in range(riders):
        q = np.int64(st.line[r, m, RIDER])
        mix ^= se.salt[q]
        cost += stands_for(st, q)
    size = len(se.hashed)
    slot = (mix ^ (mix >> 31)) & (size - 1)
    while se.hashed[slot, 1] >= 0:
        if se.hashed[slot, 0] == mix:
            if se.column[se.hashed[slot, 1], C_COST] <= cost:
                return
            break
        slot = (slot + 1) & (size - 1)
    c, w = count[COLUMNS], count[WORDS]
    if c == len(se.column) or w + RIDER_WORDS * riders + n > len(se.word):
        return
    se.hashed[slot, 0], se.hashed[slot, 1] = mix, c
    se.column[c, C_RUN], se.column[c, C_COST], se.column[c, C_FROM] = r, cost, w
    se.column[c, C_RIDERS], se.column[c, C_NODES] = riders, n
    for m in range(riders):
        q = np.int64(st.line[r, m, RIDER])
        task = st.task[q]
        se.word[w], se.word[w + 1], se.word[w + 2] = q, task[ON_POINT], task[OFF_POINT]
        se.word[w + 3], se.word[w + 4], se.word[w + 5] = task[HELD], task[ON_AT], task[OFF_AT]
        w += RIDER_WORDS
    for k in range(n):
        se.word[w + k] = st.line[r, k, NODE]
    count[COLUMNS], count[WORDS] = c + 1, w + n


@njit(cache=True)
def take_columns(st: Any, se: Any, taken: Any) -> None:
    """Give runs the riders of columns: no rider may ride twice when all are taken. taken: [n, 2], run and column."""
    st, se = borrowed(st), borrowed(se)
    for m in range(len(taken)):
        _take_column(st, se, taken[m, 0], np.int64(-1))
    for m in range(len(taken)):
        _take_column(st, se, taken[m, 0], taken[m, 1])


@njit(cache=True)
def _take_column(st, se, r, c):
    """Give a run the riders of a column, or none (-1)."""
    st, se = borrowed(st), borrowed(se)
    for m in range(st.route[r, RIDERS]):
        q = np.int64(st.line[r, m, RIDER])
        if st.task[q, RUN] == r:
            st.task[q, RUN] = -1
    fixed = 0
    for k in range(st.route[r, N]):
        if st.line[r, k, NODE] < OWN:
            st.line[r, fixed, NODE] = st.line[r, k, NODE]
            fixed += 1
    st.route[r, N], st.route[r, RIDERS] = fixed, 0
    if c >= 0:
        w, riders = se.column[c, C_FROM], se.column[c, C_RIDERS]
        for m in range(riders):
            q = np.int64(se.word[w])
            st.line[r, m, RIDER] = q
            task = st.task[q]
            task[RUN], task[ON_POINT], task[OFF_POINT] = r, se.word[w + 1], se.word[w + 2]
            task[HELD], task[ON_AT], task[OFF_AT] = se.word[w + 3], se.word[w + 4], se.word[w + 5]
            w += RIDER_WORDS
        for k in range(se.column[c, C_NODES]):
            st.line[r, k, NODE] = se.word[w + k]
        st.route[r, N], st.route[r, RIDERS] = se.column[c, C_NODES], riders
    refresh(st, r)
    _count_up(se, r)


@njit(cache=True)
def recount(st: Any, se: Any) -> None:
    """Count the cost of the runs anew after columns were taken, and keep the plan if it is the best."""
    st, se = borrowed(st), borrowed(se)
    se.count[CURRENT] = worth(st)
    if se.count[CURRENT] < se.count[BEST]:
        _keep_best(st, se)


@njit(cache=True)
def tighten(st: Any, windows: Any) -> None:
    """Narrow the windows of every task's two ends by each other, and write the widest of each task to `windows`.

    A drop-off begins no sooner than the pickup, its dwell and the direct drive allow, and no later than the longest
    ride; and the other way round. What could be carried before can be carried still.
    """
    st = borrowed(st)
    for q in range(len(windows)):
        windows[q, 0], windows[q, 1], windows[q, 2], windows[q, 3] = FAR, -FAR, FAR, -FAR
        for p in range(st.terms.shape[1]):
            t, shortest, most = st.terms[q, p], FAR, 0
            for a in range(st.task[q, ON_FROM], st.task[q, ON_END]):
                for b in range(st.task[q, OFF_FROM], st.task[q, OFF_END]):
                    direct = st.seconds[t[T_PACE], st.point[a, 0], st.point[b, 0]]
                    shortest, most = min(shortest, direct), max(most, direct)
            ride = min(st.task[q, LONGEST], t[T_MAX_RIDE], (most * 3 >> 1) + t[T_RIDE_SLACK])
            on, on_by, off, off_by = t[T_EARLIEST], t[T_LATEST], t[T_ARRIVE], t[T_ARRIVE_LATEST]
            t[T_EARLIEST], t[T_LATEST] = max(on, off - t[T_DWELL] - ride), min(on_by, off_by - t[T_DWELL] - shortest)
            t[T_ARRIVE] = max(off, on + t[T_DWELL] + shortest)
            t[T_ARRIVE_LATEST] = min(off_by, on_by + t[T_DWELL] + ride)
            if t[T_OPEN]:
                windows[q, 0], windows[q, 1] = min(windows[q, 0], t[T_EARLIEST]), max(windows[q, 1], t[T_LATEST])
                windows[q, 2], windows[q, 3] = min(windows[q, 2], t[T_ARRIVE]), max(windows[q, 3], t[T_ARRIVE_LATEST])


@njit(cache=True)
def list_choices(st: Any, only: Any, windows: Any, first: Any, out: Any) -> int:
    """List the runs on which each task could ride by itself, task after task; count them.

    only: [Q], the one run of a task, or -1. windows: [Q, 4], as for `kernel.find`. Writes first [Q + 1], and out as far
    as it reaches: when the count is larger, it must be called again with more room.
    """
    st = borrowed(st)
    count, listed = 0, np.zeros(max(1, len(st.route)), np.int32)
    found = np.zeros((1, FOUND), np.int32)
    for q in range(len(only)):
        first[q] = count
        runs = candidates(st, q, windows[q], listed)
        for m in range(runs):
            if only[q] < 0 or only[q] == listed[m]:
                found[0, COST] = FAR
                scan(st, np.int64(listed[m]), q, FAR, np.bool_(0), found[0:1])
                if found[0, COST] < FAR:
                    if count < len(out):
                        out[count] = listed[m]
                    count += 1
    first[len(only)] = count
    return count


@njit(cache=True)
def list_near(st: Any, windows: Any, first: Any, choice: Any, near: Any) -> None:
    """List the nearest neighbours of each task among those that could ride on one of its runs, by time and road."""
    st, near, choice, first, windows = (
        borrowed(st),
        borrowed(near),
        borrowed(choice),
        borrowed(first),
        borrowed(windows),
    )
    tasks, runs, seconds = len(near), len(st.route), st.seconds[0]
    start, riders = np.zeros(runs + 2, np.int64), np.zeros(len(choice), np.int32)
    for c in choice:
        start[c + 2] += 1
    for r in range(runs):
        start[r + 2] += start[r + 1]
    for q in range(tasks):
        for c in range(first[q], first[q + 1]):
            riders[start[choice[c] + 1]] = q
            start[choice[c] + 1] += 1
    seen, score = np.full(tasks, -1, np.int64), np.zeros(NEAR, np.int64)
    for q in range(tasks):
        near[q] = -1
        kept, seen[q] = 0, q
        on, off = st.point[st.task[q, ON_POINT], 0], st.point[st.task[q, OFF_POINT], 0]
        for c in range(first[q], first[q + 1]):
            for m in range(start[choice[c]], start[choice[c] + 1]):
                other = riders[m]
                if seen[other] == q:
                    continue
                seen[other] = q
                apart = abs(windows[other, 0] - windows[q, 0]) + abs(windows[other, 3] - windows[q, 3])
                apart = apart + abs(windows[other, 1] - windows[q, 1]) + abs(windows[other, 2] - windows[q, 2]) >> 2
                apart += seconds[on, st.point[st.task[other, ON_POINT], 0]]
                apart += seconds[off, st.point[st.task[other, OFF_POINT], 0]]
                if kept == NEAR and apart >= score[NEAR - 1]:
                    continue
                at = min(kept, NEAR - 1)
                while at > 0 and score[at - 1] > apart:
                    score[at], near[q, at] = score[at - 1], near[q, at - 1]
                    at -= 1
                score[at], near[q, at] = apart, other
                kept = min(NEAR, kept + 1)
