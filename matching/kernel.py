"""The compiled core: one request into one run, every position pair screened in O(1), exactly timed where it matters.

All arrays hold whole numbers; the columns of each are named below. A run is a row of `route` and a block of `line`,
whose rows are the positions of its stops. Stops and rides that stay where they are stand in `fixed` and `cap`; what
a search may place and take away again is a task: a request with points to choose from. The rules are those of
`matching.promises`, which shares no code with this module.

`BEGIN` is the earliest and `LAST` the latest begin of service that the run's difference constraints allow (forward and
backward slack, Savelsbergh 1992), so what they turn away could not have been carried. What passes is timed exactly:
the least fixpoint with every longest ride, in linear time for each ride that binds (the aim of the eight steps of
Cordeau & Laporte 2003; Tang et al. 2010).
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from matching.borrowed import borrowed

FAR = 1 << 29
"""Seconds that stand for "never" and for "no way", as `routing.times.NO_WAY`; two of them still fit into an int32."""

BROKEN = -FAR
"""Stands for the harm of a place that would break a promise."""

TOLERANCE = 2
"""Seconds by which whole-second roads may break the triangle inequality at one stop, when they are empty."""

ON_ROUTE_SLACK = 5
"""Seconds of driving by which rounding may make a stop on the run's own road look like a detour, when it is empty."""

OWN = 1 << 20
"""Nodes of a line from here on are ends of tasks: OWN + 2 task for its pickup, one more for its drop-off."""

# columns of `route`; MODE is one of the detour modes below, HOLDS: may a pickup wait so that a longest ride is kept?
# KNOWN: how many leading stops were reached, each then with the one second when it was as its window; POLICY: number
# of its policy and pace; PACE: which drives are its own; ROUNDING, ON_ROAD: TOLERANCE and ON_ROUTE_SLACK at its pace
(N, RIDERS, FIXED, POLICY, MODE, MAX_DETOUR, DEADHEAD, PART, PART_END) = range(9)
(LAYOUT, LAYOUT_END, FIX, CAP, CAP_END, HOLDS, DRIVE, HARM, SPARE_ALL, KNOWN) = range(9, 19)
(PACE, ROUNDING, ON_ROAD, ROUTE_FIELDS) = range(19, 23)
(NO_DETOUR, ON_ROUTE, UP_TO) = range(3)
# columns of `line`, a row for each position; RIDER by number of the rider, FIXED_AT by number of the fixed stop; NOW:
# when service begins as the run is, which is BEGIN or later; then the load aboard, one column for each dimension
(NODE, PLACE, EARLIEST, LATEST, DWELL, BEGIN, LAST, LEG, ROOM, SPARE, GAP, PEOPLE, OPEN, EVENTS) = range(14)
(RIDER, FIXED_AT, NOW, ABOARD) = range(14, 18)
# columns of `fixed`; then the load aboard when the vehicle leaves
(F_PLACE, F_EARLIEST, F_LATEST, F_DWELL, F_PEOPLE, F_BEGIN, F_OPEN, F_EVENTS, F_SCHEDULED, F_SHUT, F_LOAD) = range(11)
# columns of `task`; then what it takes. HELD: 1 boards, 2 alights at a fixed stop, whose number then stands in *_AT
(RUN, ON_POINT, OFF_POINT, ON_AT, OFF_AT, HELD, LONGEST, LAST_IN, SEATS_ONLY) = range(9)
(ON_FROM, ON_END, OFF_FROM, OFF_END, WEIGHT, TAKES) = range(9, 15)
# columns of `terms`: what a task is allowed on the runs of one policy and pace; T_PACE: which drives are theirs
(T_OPEN, T_EARLIEST, T_LATEST, T_ARRIVE, T_ARRIVE_LATEST, T_DWELL, T_MAX_RIDE, T_RIDE_SLACK, T_PACE, TERMS) = range(10)
# a place found: its cost, and for both ends a position, whether a stop is added behind it, and the point
(COST, ON, ON_ADDED, ON_BY, OFF, OFF_ADDED, OFF_BY, FOUND) = range(8)
# columns of `weights`: of harm; positions looked at; does anybody aboard any run keep others away?
(HARM_WEIGHT, LOOKED, GUARDED) = range(3)
# rows of `work`
(W_BEGIN, W_LAST, W_DWELL, W_STEP, W_OLD, W_PEOPLE, W_ON, W_OFF, W_MOST, WORK) = range(10)


class State(NamedTuple):
    """What a search knows, for F paces, P places, R runs, K positions, Q tasks, D dimensions of load, W words of tags.

    seconds, reverse: int32 [F, P, P], drives from row to column, and from column to row, at each pace, the fastest
    first. route: int32 [R, fields].
    line: int32 [R, K, fields + D]. mask, fixed_mask, task_mask: int64 [.., 2 W], tags aboard and then the tags that may
    not be with them. fixed, cap (pickup, drop-off, seconds), layout, task, point (place, walk), terms [Q, policies,
    fields]: int32. work: int32 scratch. weights: int64. span: int32 [2, R], when each run begins and
    ends at all. soon, late: int32 [P, R], earliest and latest begin of service at each place on each run; [0, 0] when
    no such index is kept.
    """

    seconds: Any
    reverse: Any
    route: Any
    line: Any
    mask: Any
    fixed: Any
    fixed_mask: Any
    cap: Any
    layout: Any
    task: Any
    task_mask: Any
    point: Any
    terms: Any
    work: Any
    weights: Any
    span: Any
    soon: Any
    late: Any


@njit(cache=True)
def refresh(st: State, r: int) -> None:
    """Work out everything about a run that a search needs, from its nodes and riders."""
    st = borrowed(st)
    route, line = st.route[r], st.line[r]
    seconds = st.seconds[route[PACE]]
    fixed, task, point, terms, dims = st.fixed, st.task, st.point, st.terms, st.layout.shape[1]
    n = route[N]
    for k in range(n):
        _describe(route, line, k, fixed, task, point, terms, dims)
    for m in range(route[RIDERS]):
        _join(route, line, line[m, RIDER], task, terms, dims)
    drive = 0
    for k in range(n - 1):
        leg = seconds[line[k, PLACE], line[k + 1, PLACE]]
        line[k, LEG] = leg
        drive += leg
    line[n - 1, LEG] = 0
    route[DRIVE] = drive
    _time(st, route, line)
    _load(st, route, line)
    if st.weights[GUARDED]:
        _guard(st, r, route, line)
    _allow_detour(st, route, line)
    st.span[0, r] = line[max(0, route[FIXED] - 1), BEGIN]
    st.span[1, r] = line[n - 1, LAST]
    if st.soon.shape[0]:
        _index(st, r, route, line)


@njit(cache=True, inline="always")
def _describe(route, line, k, fixed, task, point, terms, dims):
    """Write the node at a position, as it is without those who join it there."""
    node = line[k, NODE]
    if node < OWN:
        f = route[FIX] + node
        line[node, FIXED_AT] = k
        line[k, PLACE], line[k, EARLIEST], line[k, LATEST] = fixed[f, F_PLACE], fixed[f, F_EARLIEST], fixed[f, F_LATEST]
        line[k, DWELL], line[k, PEOPLE] = fixed[f, F_DWELL], fixed[f, F_PEOPLE]
        line[k, OPEN], line[k, EVENTS] = fixed[f, F_OPEN], fixed[f, F_EVENTS]
        for d in range(dims):
            line[k, ABOARD + d] = 0
    else:
        q, off, policy = (node - OWN) >> 1, (node - OWN) & 1, route[POLICY]
        task[q, ON_AT + off] = k
        line[k, PLACE] = point[task[q, ON_POINT + off], 0]
        line[k, EARLIEST] = terms[q, policy, T_EARLIEST + 2 * off]
        line[k, LATEST] = terms[q, policy, T_LATEST + 2 * off]
        line[k, DWELL] = terms[q, policy, T_DWELL]
        line[k, PEOPLE], line[k, OPEN], line[k, EVENTS] = 0, 0, 1
        for d in range(dims):
            line[k, ABOARD + d] = task[q, TAKES + d] * (1 - 2 * off)


@njit(cache=True, inline="always")
def _join(route, line, q, task, terms, dims):
    """Let a task weigh on the fixed stops that it uses."""
    policy = route[POLICY]
    for off in range(2):
        if task[q, HELD] & (1 + off):
            k = line[task[q, ON_AT + off], FIXED_AT]
            line[k, EARLIEST] = max(line[k, EARLIEST], terms[q, policy, T_EARLIEST + 2 * off])
            line[k, LATEST] = min(line[k, LATEST], terms[q, policy, T_LATEST + 2 * off])
            line[k, DWELL] += terms[q, policy, T_DWELL]
            line[k, EVENTS] += 1
            for d in range(dims):
                line[k, ABOARD + d] += task[q, TAKES + d] * (1 - 2 * off)


@njit(cache=True, inline="always")
def _at(task, line, q, off):
    """Position at which a task boards, or (off = 1) alights."""
    at = task[q, ON_AT + off]
    return line[at, FIXED_AT] if task[q, HELD] & (1 + off) else at


@njit(cache=True, inline="always")
def _longest(most, max_ride, slack, direct):
    """Most seconds aboard for a party: its own, the policy's, and what the direct drive allows."""
    return min(most, max_ride, (direct * 3 >> 1) + slack)


@njit(cache=True, inline="always")
def _list_caps(st, route, line):
    """Write position of pickup and drop-off and most seconds aboard of every ride that has a limit; count them."""
    work, task, terms, point, seconds, cap = st.work, st.task, st.terms, st.point, st.seconds[route[PACE]], st.cap
    m, policy = route[RIDERS], route[POLICY]
    for i in range(m):
        q = line[i, RIDER]
        work[W_ON, i], work[W_OFF, i] = _at(task, line, q, 0), _at(task, line, q, 1)
        direct = seconds[point[task[q, ON_POINT], 0], point[task[q, OFF_POINT], 0]]
        most, slack = terms[q, policy, T_MAX_RIDE], terms[q, policy, T_RIDE_SLACK]
        work[W_MOST, i] = _longest(task[q, LONGEST], most, slack, direct)
    for c in range(route[CAP], route[CAP_END]):
        work[W_ON, m], work[W_OFF, m] = line[cap[c, 0], FIXED_AT], line[cap[c, 1], FIXED_AT]
        work[W_MOST, m] = cap[c, 2]
        m += 1
    return m


@njit(cache=True, inline="always")
def _time(st, route, line):
    """Work out the earliest and the latest begin at every position, and the harm that the run does as it is."""
    n, known, work = route[N], route[KNOWN], st.work
    line[0, BEGIN] = line[0, EARLIEST]
    for k in range(1, known):
        line[k, BEGIN] = line[k, EARLIEST]
    for k in range(max(1, known), n):
        line[k, BEGIN] = max(line[k, EARLIEST], line[k - 1, BEGIN] + line[k - 1, DWELL] + line[k - 1, LEG])
    for k in range(known):
        line[k, LAST] = line[k, LATEST]
    line[n - 1, LAST] = line[n - 1, LATEST]
    for k in range(n - 2, known - 1, -1):
        line[k, LAST] = min(line[k, LATEST], line[k + 1, LAST] - line[k, DWELL] - line[k, LEG])
    if route[HOLDS]:
        caps = _list_caps(st, route, line)
        _hold_back(st, n, caps, line, BEGIN)
    for k in range(n):
        line[k, NOW] = line[k, BEGIN]
    if route[HOLDS]:
        _hold_back(st, n, caps, line, NOW)
        for m in range(caps):
            on, off = work[W_ON, m], work[W_OFF, m]
            if line[on, OPEN]:
                continue  # whoever joins there makes the vehicle leave later, and the longest ride end later
            soon = line[on, LAST] + line[on, DWELL] + work[W_MOST, m]
            if line[off, LAST] > soon:
                line[off, LAST] = soon
                for k in range(off - 1, known - 1, -1):
                    t = line[k + 1, LAST] - line[k, DWELL] - line[k, LEG]
                    if t >= line[k, LAST]:
                        break
                    line[k, LAST] = t
    route[HARM] = 0
    if st.weights[HARM_WEIGHT]:
        harm = 0
        for k in range(n):
            if line[k, PEOPLE]:
                harm += line[k, PEOPLE] * (line[k, NOW] - st.fixed[route[FIX] + line[k, NODE], F_BEGIN])
        route[HARM] = harm * st.weights[HARM_WEIGHT]


@njit(cache=True, inline="always")
def _hold_back(st, n, caps, line, begin):
    """Raise the begin (a column) of pickups until no longest ride is exceeded: the least fixpoint.

    BEGIN leaves out pickups at stops that others may join: whose dwell there lets the service begin so much earlier.
    """
    work = st.work
    for _ in range(caps + 1):
        moved = False
        for m in range(caps):
            on = work[W_ON, m]
            late = line[work[W_OFF, m], begin] - work[W_MOST, m] - line[on, DWELL]
            if line[on, begin] < late and (begin == NOW or not line[on, OPEN]):
                line[on, begin] = late
                moved = True
                for k in range(on + 1, n):
                    t = line[k - 1, begin] + line[k - 1, DWELL] + line[k - 1, LEG]
                    if t <= line[k, begin]:
                        break
                    line[k, begin] = t
        if not moved:
            return


@njit(cache=True, inline="always")
def _load(st, route, line):
    """Sum up what is aboard behind every position, and the seats that are free for residents beside it."""
    fixed, layout, fixed_at = st.fixed, st.layout, 0
    dims = layout.shape[1]
    for d in range(dims):
        own = 0
        for k in range(route[N]):
            own += line[k, ABOARD + d]
            if line[k, NODE] < OWN:
                fixed_at = line[k, NODE]
            line[k, ABOARD + d] = own + fixed[route[FIX] + fixed_at, F_LOAD + d]
    for k in range(route[N]):
        room = -1
        for one in range(route[LAYOUT], route[LAYOUT_END]):
            fits = True
            for d in range(1, dims):
                fits &= line[k, ABOARD + d] <= layout[one, d]
            if fits:
                own = layout[one, dims - 1] - line[k, ABOARD + dims - 1]
                room = max(room, min(layout[one, 0] - line[k, ABOARD], own))
        line[k, ROOM] = room


@njit(cache=True)
def _guard(st, r, route, line):
    """Write who is aboard behind every position and who may not come in, and shut what somebody's ride keeps shut."""
    st, route, line = borrowed(st), borrowed(route), borrowed(line)
    n, words, fixed_at = route[N], st.mask.shape[2], 0
    for k in range(n):
        if line[k, NODE] < OWN:
            fixed_at = line[k, NODE]
        for w in range(words):
            st.mask[r, k, w] = st.fixed_mask[route[FIX] + fixed_at, w]
    for m in range(route[RIDERS]):
        q = line[m, RIDER]
        on, off = _at(st.task, line, q, 0), _at(st.task, line, q, 1)
        for k in range(on, off):
            for w in range(words):
                st.mask[r, k, w] |= st.task_mask[q, w]
            if st.task[q, LAST_IN] and k > on:
                line[k, OPEN] = 0


@njit(cache=True, inline="always")
def _allow_detour(st, route, line):
    """Work out how far (seconds of driving) the run may leave its road behind every position; -1 where it may not."""
    n, fixed, seconds = route[N], st.fixed, st.seconds[route[PACE]]
    extra, spare, since = 0, route[MAX_DETOUR], -1
    part, end = line[route[PART], FIXED_AT], line[route[PART_END], FIXED_AT]
    for k in range(n):
        inside = part <= k < end
        scheduled = line[k, NODE] < OWN and fixed[route[FIX] + line[k, NODE], F_SCHEDULED]
        if part <= k <= end and scheduled:
            if since >= 0:
                extra -= seconds[line[since, PLACE], line[k, PLACE]]
                spare -= extra
                if route[MODE] == ON_ROUTE:
                    for j in range(since, k):
                        line[j, SPARE] = max(0, route[ON_ROAD] - extra)
            extra, since = 0, k
        extra += line[k, LEG]
        line[k, GAP] = since if inside else -1
        if not inside:
            line[k, SPARE] = FAR if route[DEADHEAD] else -1
        elif route[MODE] == NO_DETOUR:
            line[k, SPARE] = -1
    route[SPARE_ALL] = max(0, spare)
    for k in range(n):
        if part <= k < end and route[MODE] == UP_TO:
            line[k, SPARE] = route[SPARE_ALL]
        if k < route[FIXED] - 1:
            line[k, SPARE] = -1
        if k < route[FIXED]:
            line[k, OPEN] = 0
    if st.weights[GUARDED]:
        _shut(st, route, line)


@njit(cache=True)
def _shut(st, route, line):
    """Let nobody in while a party that is last in and first out is aboard."""
    st, route, line = borrowed(st), borrowed(route), borrowed(line)
    fixed_at = 0
    for k in range(route[N]):
        if line[k, NODE] < OWN:
            fixed_at = line[k, NODE]
        if st.fixed[route[FIX] + fixed_at, F_SHUT]:
            line[k, SPARE] = -1
    for m in range(route[RIDERS]):
        q = line[m, RIDER]
        if st.task[q, LAST_IN]:
            for k in range(_at(st.task, line, q, 0), _at(st.task, line, q, 1)):
                line[k, SPARE] = -1


@njit(cache=True)
def _index(st, r, route, line):
    """Write when each place could be served by a run at the earliest and at the latest, whatever the party."""
    st, route, line = borrowed(st), borrowed(route), borrowed(line)
    places, seconds, reverse = st.soon.shape[0], st.seconds[route[PACE]], st.reverse[route[PACE]]
    soon, late = np.full(places, FAR, np.int32), np.full(places, -FAR, np.int32)
    for k in range(route[N]):
        if line[k, OPEN]:
            soon[line[k, PLACE]] = min(soon[line[k, PLACE]], line[k, BEGIN])
            late[line[k, PLACE]] = max(late[line[k, PLACE]], line[k, LAST])
        if k < route[N] - 1 and line[k, SPARE] >= 0:
            to, back = seconds[line[k, PLACE]], reverse[line[k + 1, PLACE]]
            begin, end = line[k, BEGIN] + line[k, DWELL], line[k + 1, LAST]
            most = line[k, LEG] + min(line[k, SPARE] + route[ROUNDING], FAR)
            for p in range(places):
                if begin + to[p] <= end - back[p] and to[p] + back[p] <= most:
                    soon[p] = min(soon[p], begin + to[p])
                    late[p] = max(late[p], end - back[p])
    for p in range(places):
        st.soon[p, r] = soon[p]
        st.late[p, r] = late[p]


@njit(cache=True)
def _fits(st, route, line, k, q):
    """Is there a layout for a party beside those who are aboard behind a position?"""
    st, route, line = borrowed(st), borrowed(route), borrowed(line)
    for one in range(route[LAYOUT], route[LAYOUT_END]):
        fits = True
        for d in range(st.layout.shape[1]):
            fits &= line[k, ABOARD + d] + st.task[q, TAKES + d] <= st.layout[one, d]
        if fits:
            return True
    return False


@njit(cache=True)
def _together(st, r, k, q):
    """May a party ride with those who are aboard behind a position?"""
    st = borrowed(st)
    half = st.mask.shape[2] // 2
    for w in range(half):
        if st.mask[r, k, w] & st.task_mask[q, half + w] or st.mask[r, k, half + w] & st.task_mask[q, w]:
            return False
    return True


@njit(cache=True)
def scan(st: State, r: int, q: int, limit: int, each: bool, out: Any) -> int:
    """Find the cheapest sound place for task `q` on run `r`; return how many positions were looked at.

    limit: only what costs less counts. each: find the cheapest of every pickup position (row 2 position + added of
    `out`), else the cheapest of all (row 0). out: int32 [rows, FOUND], whose COST the caller has set to FAR.
    """
    st, out = borrowed(st), borrowed(out)
    policy, terms, task, point = st.route[r, POLICY], st.terms, st.task, st.point
    if not terms[q, policy, T_OPEN]:
        return 0
    earliest, latest, dwell = terms[q, policy, T_EARLIEST], terms[q, policy, T_LATEST], terms[q, policy, T_DWELL]
    line, first, n, looked = st.line[r], np.int64(max(0, st.route[r, FIXED] - 1)), np.int64(st.route[r, N]), 0
    simple, need, guarded = task[q, SEATS_ONLY], task[q, TAKES], st.weights[GUARDED]
    seconds, reverse, rounding = st.seconds[st.route[r, PACE]], st.reverse[st.route[r, PACE]], st.route[r, ROUNDING]
    joined, stops = np.int64(0), np.int64(1)  # not literals, for each of which Numba would compile anew
    for by in range(np.int64(task[q, ON_FROM]), np.int64(task[q, ON_END])):
        place = point[by, 0]
        to, back = reverse[place], seconds[place]
        for k in range(first, n - 1):
            if line[k, BEGIN] > latest:
                break
            looked += 1
            if line[k + 1, LAST] < earliest or (simple and line[k, ROOM] < need):
                continue
            joins = line[k, OPEN] and line[k, PLACE] == place
            begin = max(line[k, BEGIN] + line[k, DWELL] + to[line[k, PLACE]], earliest)
            last, extra = min(latest, line[k + 1, LAST] - dwell), 0
            adds = begin <= last and line[k, SPARE] >= 0
            if adds:  # the far ends of the table are read as seldom as can be
                extra = to[line[k, PLACE]] + back[line[k + 1, PLACE]] - line[k, LEG]
                adds = extra <= line[k, SPARE] + rounding and extra + point[by, 1] < limit + rounding
            if not (joins or adds) or not (simple or _fits(st, st.route[r], line, k, q)):
                continue
            if guarded and not _together(st, r, k, q):
                continue
            if joins:
                soon, late = max(line[k, BEGIN], earliest), min(line[k, LAST], latest)
                if soon <= late:
                    stay = line[k, DWELL] + dwell
                    looked += _carry(st, r, q, k, joined, by, soon + stay, late + stay, joined, limit, each, out)
            if adds:
                looked += _carry(st, r, q, k, stops, by, begin + dwell, last + dwell, extra, limit, each, out)
    return looked


@njit(cache=True)
def _carry(st, r, q, at, added, by, leaves, latest, extra, limit, each, out):
    """Try every drop-off for a pickup that the vehicle leaves between `leaves` and `latest`; count them."""
    st, out = borrowed(st), borrowed(out)
    line, policy, n, rounding = st.line[r], st.route[r, POLICY], st.route[r, N], st.route[r, ROUNDING]
    seconds, reverse = st.seconds[st.route[r, PACE]], st.reverse[st.route[r, PACE]]
    task, terms, point = st.task, st.terms, st.point
    arrive_from, arrive_by = terms[q, policy, T_ARRIVE], terms[q, policy, T_ARRIVE_LATEST]
    dwell, max_ride, slack = terms[q, policy, T_DWELL], terms[q, policy, T_MAX_RIDE], terms[q, policy, T_RIDE_SLACK]
    simple, need, guarded, last_in = task[q, SEATS_ONLY], task[q, TAKES], st.weights[GUARDED], task[q, LAST_IN]
    off_from, off_end, bearable = np.int64(task[q, OFF_FROM]), np.int64(task[q, OFF_END]), task[q, LONGEST]
    place, walk = point[by, 0], point[by, 1]
    row, looked, most = 2 * at + added if each else 0, 0, 0
    joined, stops = np.int64(0), np.int64(1)  # not literals, for each of which Numba would compile anew
    ways = seconds[place]
    for b in range(off_from, off_end):
        most = max(most, _longest(bearable, max_ride, slack, ways[point[b, 0]]))
    for k in range(at, n):
        if k == at:
            arrive = leaves
        else:
            arrive = max(arrive, line[k, BEGIN])
            if arrive > line[k, LAST] or arrive > arrive_by or arrive - latest > most:
                break
            if line[k, OPEN]:
                for b in range(off_from, off_end):
                    goal = point[b, 0]
                    if goal == line[k, PLACE] and goal != place:
                        looked += 1
                        cost = extra + walk + point[b, 1]
                        begin = max(arrive, arrive_from)
                        if begin <= min(arrive_by, line[k, LAST]) and cost < limit and cost <= out[row, COST]:
                            if not added or extra <= line[at, SPARE]:
                                _offer(st, r, q, at, added, by, k, joined, b, cost, limit, out[row])
            if k == n - 1 or (last_in and line[k, EVENTS]):
                break
            if (need > line[k, ROOM]) if simple else not _fits(st, st.route[r], line, k, q):
                break
            if guarded and not _together(st, r, k, q):
                break
            arrive += line[k, DWELL]
        spare, here, then = line[k, SPARE], line[k, PLACE], line[k + 1, PLACE]
        if spare >= 0:
            looked += off_end - off_from
            for b in range(off_from, off_end):
                goal = point[b, 0]
                way = ways[goal] if k == at else reverse[goal, here]
                begin = max(arrive + way, arrive_from)
                if begin > arrive_by or begin - latest > _longest(bearable, max_ride, slack, ways[goal]):
                    continue
                on = seconds[goal, then]
                drive = way + on - line[k, LEG]
                if k == at:
                    drive += reverse[place, here] if added else 0
                cost = (drive if k == at else extra + drive) + walk + point[b, 1]
                if cost >= limit or cost > out[row, COST] or (cost == out[row, COST] and added):
                    continue
                if begin + dwell + on > line[k + 1, LAST] or drive > spare + rounding:
                    continue
                near = drive <= spare if k == at else _near_enough(st.route[r], line, at, added, extra, k, drive)
                if near and goal != place:
                    _offer(st, r, q, at, added, by, k, stops, b, cost, limit, out[row])
        arrive += ways[then] if k == at and added else line[k, LEG]
    return looked


@njit(cache=True, inline="always")
def _near_enough(route, line, at, added, extra, k, drive):
    """May the run drive so far for a pickup behind one position and a drop-off behind another?"""
    if line[at, GAP] >= 0 and line[k, GAP] >= 0:
        if route[MODE] == UP_TO:
            return extra + drive <= route[SPARE_ALL]
        if line[at, GAP] == line[k, GAP]:
            return extra + drive <= line[k, SPARE]
    return (not added or extra <= line[at, SPARE]) and drive <= line[k, SPARE]


@njit(cache=True, forceinline=True)
def _offer(st, r, q, at, added, by, off, off_added, off_by, cost, limit, found):
    """Time a place exactly, and keep it if it is sound and the cheapest yet; of equals, the one with fewer stops."""
    st, found = borrowed(st), borrowed(found)
    harm = _settle(st, r, q, at, added, by, off, off_added, off_by)
    if harm == BROKEN:
        return
    cost += harm * st.weights[HARM_WEIGHT]
    fewer = added + off_added < found[ON_ADDED] + found[OFF_ADDED]
    if cost < limit and (cost < found[COST] or (cost == found[COST] and fewer)):
        found[COST] = cost
        found[ON], found[ON_ADDED], found[ON_BY] = at, added, by
        found[OFF], found[OFF_ADDED], found[OFF_BY] = off, off_added, off_by


@njit(cache=True, forceinline=True)
def _settle(st, r, q, at, added, by, off, off_added, off_by):
    """Time a run with one more ride exactly: person-seconds of harm that it adds, or BROKEN."""
    st = borrowed(st)
    route, line, work = st.route[r], st.line[r], st.work
    terms, seconds, reverse = st.terms[q, route[POLICY]], st.seconds[route[PACE]], st.reverse[route[PACE]]
    begin, last, dwell, step = work[W_BEGIN], work[W_LAST], work[W_DWELL], work[W_STEP]
    start, goal = st.point[by, 0], st.point[off_by, 0]
    n, m, on_at, off_at = route[N], 0, 0, 0
    for k in range(n):
        begin[m], last[m], dwell[m], step[m] = line[k, BEGIN], line[k, LAST], line[k, DWELL], line[k, LEG]
        work[W_OLD, m], work[W_PEOPLE, m] = line[k, NOW], line[k, PEOPLE]
        if k == at and not added:
            on_at = m
            begin[m], last[m] = max(begin[m], terms[T_EARLIEST]), min(last[m], terms[T_LATEST])
            dwell[m] += terms[T_DWELL]
        if k == off and not off_added:
            off_at = m
            begin[m], last[m] = max(begin[m], terms[T_ARRIVE]), min(last[m], terms[T_ARRIVE_LATEST])
            dwell[m] += terms[T_DWELL]
        m += 1
        if k == at and added:
            step[m - 1] = reverse[start, line[k, PLACE]]
            begin[m], last[m], dwell[m] = terms[T_EARLIEST], terms[T_LATEST], terms[T_DWELL]
            step[m] = seconds[start, line[k + 1, PLACE]]
            work[W_PEOPLE, m], on_at = 0, m
            m += 1
        if k == off and off_added:
            step[m - 1] = seconds[start, goal] if at == off else reverse[goal, line[k, PLACE]]
            begin[m], last[m], dwell[m] = terms[T_ARRIVE], terms[T_ARRIVE_LATEST], terms[T_DWELL]
            step[m] = seconds[goal, line[k + 1, PLACE]]
            work[W_PEOPLE, m], off_at = 0, m
            m += 1
    if begin[0] > last[0]:
        return BROKEN
    for k in range(max(1, route[KNOWN]), m):
        begin[k] = max(begin[k], begin[k - 1] + dwell[k - 1] + step[k - 1])
        if begin[k] > last[k]:
            return BROKEN
    caps = _list_caps(st, route, line)
    for c in range(caps):
        for row in (W_ON, W_OFF):
            k = work[row, c]
            work[row, c] = k + (added and k > at) + (off_added and k > off)
    work[W_ON, caps], work[W_OFF, caps] = on_at, off_at
    work[W_MOST, caps] = _longest(st.task[q, LONGEST], terms[T_MAX_RIDE], terms[T_RIDE_SLACK], seconds[start, goal])
    if not _keep_short(work, m, caps + 1, route[HOLDS]):
        return BROKEN
    harm = 0
    if st.weights[HARM_WEIGHT]:
        for k in range(m):
            if work[W_PEOPLE, k]:
                harm += work[W_PEOPLE, k] * (begin[k] - work[W_OLD, k])
    return harm


@njit(cache=True, inline="always")
def _keep_short(work, n, caps, holds):
    """Hold pickups back until no longest ride is exceeded; False when that breaks a window or has no end."""
    begin, last, dwell, step = work[W_BEGIN], work[W_LAST], work[W_DWELL], work[W_STEP]
    for _ in range(caps + 1):
        moved = False
        for c in range(caps - 1, -1, -1):
            on = work[W_ON, c]
            late = begin[work[W_OFF, c]] - work[W_MOST, c] - dwell[on]
            if begin[on] < late:
                if late > last[on] or not holds:
                    return False
                begin[on] = late
                moved = True
                for k in range(on + 1, n):
                    t = begin[k - 1] + dwell[k - 1] + step[k - 1]
                    if t <= begin[k]:
                        break
                    if t > last[k]:
                        return False
                    begin[k] = t
        if not moved:
            return True
    return False


@njit(cache=True)
def put(st: State, q: int, r: int, found: Any) -> None:
    """Place a task on a run where `scan` found room for it."""
    st = borrowed(st)
    route, line, task = st.route[r], st.line[r], st.task[q]
    task[RUN], task[ON_POINT], task[OFF_POINT] = r, found[ON_BY], found[OFF_BY]
    task[HELD] = (found[ON_ADDED] == 0) + 2 * (found[OFF_ADDED] == 0)
    if found[ON_ADDED] == 0:
        task[ON_AT] = line[found[ON], NODE]
    if found[OFF_ADDED] == 0:
        task[OFF_AT] = line[found[OFF], NODE]
    k = route[N] - 1 + found[ON_ADDED] + found[OFF_ADDED]
    for old in range(route[N] - 1, -1, -1):
        if found[OFF_ADDED] and old == found[OFF]:
            line[k, NODE] = OWN + 2 * q + 1
            k -= 1
        if found[ON_ADDED] and old == found[ON]:
            line[k, NODE] = OWN + 2 * q
            k -= 1
        line[k, NODE] = line[old, NODE]
        k -= 1
    route[N] += found[ON_ADDED] + found[OFF_ADDED]
    line[route[RIDERS], RIDER] = q
    route[RIDERS] += 1
    refresh(st, r)


@njit(cache=True)
def take(st: State, q: int) -> None:
    """Take a task off its run."""
    st = borrowed(st)
    r = np.int64(st.task[q, RUN])
    strike(st, q)
    refresh(st, r)


@njit(cache=True)
def strike(st: State, q: int) -> None:
    """Strike a task off its run, which must be refreshed before it is searched again."""
    st = borrowed(st)
    r = np.int64(st.task[q, RUN])
    route, line = st.route[r], st.line[r]
    kept = 0
    for k in range(route[N]):
        node = line[k, NODE]
        if node < OWN or (node - OWN) >> 1 != q:
            line[kept, NODE] = node
            kept += 1
    route[N] = kept
    kept = 0
    for m in range(route[RIDERS]):
        if line[m, RIDER] != q:
            line[kept, RIDER] = line[m, RIDER]
            kept += 1
    route[RIDERS] = kept
    st.task[q, RUN] = -1


@njit(cache=True)
def find(st: State, q: int, window: Any, out: Any, found: Any) -> int:
    """Find the cheapest sound place for a task over all runs; return its run, or -1, and count the positions looked at.

    window: the widest windows of the task's terms: pickup earliest, latest, arrival earliest, latest.
    """
    st, window, out, found = borrowed(st), borrowed(window), borrowed(out), borrowed(found)
    best, looked = -1, 0
    found[0, COST] = FAR
    for m in range(candidates(st, q, window, out)):
        cost = found[0, COST]
        least = np.int64(cost)  # so that the scan is compiled once
        looked += scan(st, np.int64(out[m]), q, np.int64(least), np.bool_(0), found[0:1])
        if found[0, COST] < cost:
            best = out[m]
    st.weights[LOOKED] += looked
    return best


@njit(cache=True)
def candidates(st: State, q: int, window: Any, out: Any) -> int:
    """List the runs that are on the road in time and, where an index is kept, can reach both ends; count them."""
    st, window, out = borrowed(st), borrowed(window), borrowed(out)
    count, runs = 0, st.span.shape[1]
    earliest, latest, arrive, arrive_latest = window[0], window[1], window[2], window[3]
    a, b = st.point[st.task[q, ON_FROM], 0], st.point[st.task[q, OFF_FROM], 0]
    places = st.soon.shape[0]
    single = st.task[q, ON_END] - st.task[q, ON_FROM] == 1 and st.task[q, OFF_END] - st.task[q, OFF_FROM] == 1
    if single and a < places and b < places:
        soon, late, soon_off, late_off = st.soon[a], st.late[a], st.soon[b], st.late[b]
        direct = st.seconds[0, a, b]  # no run is faster
        for r in range(runs):
            begin = max(soon[r], earliest)
            ends = max(begin + direct, soon_off[r], arrive)
            if begin <= min(late[r], latest) and ends <= min(late_off[r], arrive_latest):
                out[count] = r
                count += 1
        return count
    for r in range(runs):
        if st.span[0, r] <= min(latest, arrive_latest) and st.span[1, r] >= max(earliest, arrive):
            out[count] = r
            count += 1
    return count
