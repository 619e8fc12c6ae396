"""The compiled search behind the upper bound: the requests of most weight that one run could serve together.

A label is the beginning of a way of the run: how far along its chain of scheduled stops it is, where it stands, who is
aboard, and what was won. Labels are extended best first, by the next stop of the chain, a drop-off or a pickup; one
that another is no worse than is left out (label setting for pickup and delivery with longest rides, Gschwind & Irnich
2015). What a label may still win is over-estimated, so the best estimate that is still open bounds the optimum at any
moment.

For an open ride a label holds two numbers, LAST and SINCE: when the vehicle begins at the label's node at second t,
the ride has left its pickup at min(LAST, t - SINCE) at the latest. That is all that later stops need to know of it.

Stops at one place may be one stop, at which service begins once: nodes that share a place are therefore visited without
drive, each may begin as soon as the first did, and their dwell adds up (`group`) before the vehicle leaves.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from matching.borrowed import borrowed

NEVER = -(1 << 40)
"""A second before any day: where it is the latest, nothing can begin."""

HERE = -(1 << 30)
"""SINCE of a ride that boards at the label's own place: it leaves with the vehicle."""

OPEN = 12
"""Open rides of a label whose longest rides are watched; others' are not (which lets more through, never less)."""

ITEMS = 62
"""Rides that a search may choose from: bits of a mask."""

SCANNED = 200
"""Labels that are compared with a new one, the newest first."""

# columns of `field`: position on the chain, node, begin, departure, dwell of the group, latest begin, weight won, rides
# watched, what is aboard, whether it is covered by another, and the label before it in its bucket
(AT, NODE, BEGIN, LEAVE, GROUP, UNTIL, WON, WATCHED, SEATS, CHAIRS, THINGS, COVERED, OLDER, FIELDS) = range(14)
# columns of `mask`: rides that were picked up, that are aboard, and that cannot be picked up any more
(TAKEN, ABOARD, GONE) = range(3)
# columns of `ride`
(ITEM, LAST, SINCE) = range(3)


class Model(NamedTuple):
    """What a run could do: nodes are its chain of N stops, then M pickups, then M drop-offs; whole seconds.

    drive: int64 [nodes, nodes], keeps the triangle inequality. same: bool [nodes, nodes], may they be one stop?
    early, late, dwell: int64 [nodes]. latest: int64 [2 M, N], latest begin on the leg behind each stop of the chain,
    NEVER where it may not be; after: the same for this leg or a later one. joins: bool [2 M, N], only as a part of the
    chain's own stop. load: int64 [N, 3] on the leg behind each stop; takes: int64 [M, 3]; layouts: int64 [layouts, 3].
    longest: int64 [M], seconds aboard. cost: int64 [M], seconds that serving one takes of the run's time at least.
    busy: int64 [N], seconds from the begin at each stop of the chain to the begin at the last. must: bool [M].
    """

    drive: Any
    same: Any
    early: Any
    late: Any
    dwell: Any
    latest: Any
    after: Any
    joins: Any
    load: Any
    takes: Any
    layouts: Any
    longest: Any
    cost: Any
    busy: Any
    must: Any


class Labels(NamedTuple):
    """Room for labels, which one search after another uses: `stamp` says which search wrote a bucket of `table`."""

    field: Any
    mask: Any
    ride: Any
    key: Any
    heap: Any
    table: Any
    stamp: Any


def labels(most: int) -> Labels:
    """Make room for so many labels."""
    buckets = 1 << (2 * most).bit_length()
    return Labels(
        np.empty((most, FIELDS), np.int64),
        np.empty((most, 3), np.uint64),
        np.empty((most, OPEN, 3), np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.empty(buckets, np.int64),
        np.zeros(buckets, np.int64),
    )


@njit(cache=True)
def closed(drive):
    """Shorten drives, in place, until they keep the triangle inequality (Floyd & Warshall)."""
    for via in range(len(drive)):
        onward = drive[via].copy()
        for a in range(len(drive)):
            way, row = drive[a, via], drive[a]
            for b in range(len(onward)):
                through = way + onward[b]
                row[b] = min(row[b], through)


@njit(cache=True)
def near(seconds, chain, wishes, dwell, ons, on_start, offs, off_start, rounding):
    """Tell by time alone which wishes a run could meet: picked up on one leg, dropped off on the same or a later one.

    chain: row, earliest, latest and dwell of each stop. wishes: windows of pickup and of drop-off. ons, offs: rows of
    their points, those of wish q from `start[q]` on. rounding: seconds by which drives may be too long.
    """
    stops = len(chain)
    early, late = chain[:, 1].copy(), chain[:, 2].copy()
    for k in range(1, stops):
        early[k] = max(early[k], early[k - 1] + chain[k - 1, 3] + seconds[chain[k - 1, 0], chain[k, 0]] - rounding)
    for k in range(stops - 2, -1, -1):
        late[k] = min(late[k], late[k + 1] - chain[k, 3] - seconds[chain[k, 0], chain[k + 1, 0]] + rounding)
    found = np.zeros(len(wishes), np.bool_)
    for q in range(len(wishes)):
        wish = wishes[q]
        if wish[0] > late[stops - 1] or min(wish[1], wish[3]) < early[0]:
            continue
        on, off, direct = ons[on_start[q] : on_start[q + 1]], offs[off_start[q] : off_start[q + 1]], -NEVER
        for a in on:
            for b in off:
                direct = min(direct, 0 if a == b else dwell + seconds[a, b] - rounding)
        picked = -NEVER
        for k in range(stops):
            picked = min(picked, _soonest(seconds, chain, early, late, dwell, wish[0], wish[1], on, k, rounding))
            if picked < -NEVER:
                after = max(wish[2], picked + direct)
                if _soonest(seconds, chain, early, late, dwell, after, wish[3], off, k, rounding) < -NEVER:
                    found[q] = True
                    break
    return found


@njit(cache=True)
def _soonest(seconds, chain, early, late, dwell, since, until, points, k, rounding):
    """Begin of service at one of these points at or behind stop k, as early as can be; -NEVER where it cannot be."""
    best, here = -NEVER, chain[k, 0]
    for at in points:
        begin = max(since, early[k] if at == here else early[k] + chain[k, 3] + seconds[here, at] - rounding)
        possible = begin <= until and (k + 1 < len(chain) or at == here)
        if possible and k + 1 < len(chain) and at != chain[k + 1, 0]:
            possible = begin + dwell + seconds[at, chain[k + 1, 0]] - rounding <= late[k + 1]
        elif possible and k + 1 < len(chain):
            possible = begin <= late[k + 1]
        if possible:
            best = min(best, begin)
    return best


@njit(cache=True)
def prepare(drive, same, early, late, dwell, direct, spare, open_):
    """Tighten the windows of a chain, in place, and give latest begins by leg, as a `Model` has them."""
    stops, count = len(spare), (len(drive) - len(spare)) // 2
    busy = np.zeros(stops, np.int64)
    for k in range(1, stops):
        early[k] = max(early[k], early[k - 1] if same[k - 1, k] else early[k - 1] + dwell[k - 1] + drive[k - 1, k])
    for k in range(stops - 2, -1, -1):
        step = 0 if same[k, k + 1] else dwell[k] + drive[k, k + 1]
        late[k] = min(late[k], late[k + 1] - step)
        busy[k] = busy[k + 1] + step
    latest, joins = np.full((2 * count, stops), NEVER), np.zeros((2 * count, stops), np.bool_)
    after = np.full((2 * count, stops), NEVER)
    for end in range(2 * count - 1, -1, -1):
        node, partner = stops + end, stops + end + count
        best = NEVER
        for k in range(stops - 1, -1, -1):
            until = late[node]
            if k < stops - 1:
                extra = drive[k, node] + drive[node, k + 1] - direct[k]
                joins[end, k] = extra > spare[k]
                until = min(until, late[k + 1] - (0 if same[node, k + 1] else dwell[node] + drive[node, k + 1]))
            else:
                joins[end, k] = True
            if end < count:
                onward = 0 if same[node, partner] else dwell[node] + drive[node, partner]
                until = min(until, after[end + count, k] - onward)
            soonest = early[k] if same[k, node] else early[k] + dwell[k] + drive[k, node]
            allowed = not joins[end, k] or (open_[k] and same[k, node])
            if allowed and max(soonest, early[node]) <= until:
                latest[end, k] = until
            best = max(best, latest[end, k])
            after[end, k] = best
    return latest, after, joins, busy


@njit(cache=True)
def _fits(load, more, layouts):
    layouts = borrowed(layouts)
    for layout in layouts:
        if load[0] + more[0] <= layout[0] and load[1] + more[1] <= layout[1] and load[2] + more[2] <= layout[2]:
            return True
    return False


@njit(cache=True)
def _watch(model, labels, at, new, node, joint, begin, leave, group, k, dropped):
    """Carry the rides of label `at` over to label `new`; -1 where one of them can no longer be dropped off in time.

    Else how many are watched, and the latest begin that the one `dropped` here allows.
    """
    model, labels = borrowed(model), borrowed(labels)
    field, ride = labels.field[at], labels.ride
    drops, until, count = len(model.load) + len(model.longest), -NEVER, 0
    for s in range(field[WATCHED]):
        item, last, since = ride[at, s, ITEM], ride[at, s, LAST], ride[at, s, SINCE]
        way = model.drive[field[NODE], node]
        if not joint and since == HERE:
            last, since = last + field[GROUP], way
        elif not joint:
            last, since = min(last, field[UNTIL] - since), since + field[GROUP] + way
        longest = model.longest[item]
        if item == dropped:
            until = last + longest + (group if since == HERE else 0)
            if (since != HERE and since > longest) or begin > until:
                return -1, until
            continue
        drop = drops + item
        one_stop = model.same[node, drop]
        soonest = max(begin if one_stop else leave + model.drive[node, drop], model.early[drop])
        if soonest > model.after[len(model.longest) + item, k]:
            return -1, until
        if since != HERE:
            aboard = since if one_stop else since + group + model.drive[node, drop]
            if aboard > longest or soonest > last + longest:
                return -1, until
        ride[new, count, ITEM], ride[new, count, LAST], ride[new, count, SINCE] = item, last, since
        count += 1
    return count, until


@njit(cache=True)
def _ahead(model, node, begin, leave, k, ahead):
    """Earliest begin at each stop of the chain to come, and the seconds to spare until the last."""
    model, ahead = borrowed(model), borrowed(ahead)
    stops = len(model.load)
    if k == stops - 1:
        return -NEVER
    soonest = begin if model.same[node, k + 1] else leave + model.drive[node, k + 1]
    for j in range(k + 1, stops):
        ahead[j] = max(soonest, model.early[j])
        if j + 1 < stops:
            soonest = ahead[j] if model.same[j, j + 1] else ahead[j] + model.dwell[j] + model.drive[j, j + 1]
    soonest = begin if model.same[node, k + 1] else leave + model.drive[node, k + 1]
    return model.late[stops - 1] - soonest - model.busy[k + 1]


@njit(cache=True)
def _reachable(model, item, node, begin, leave, k, ahead):
    """Could a ride still be picked up, straight from here or from a stop of the chain to come?"""
    model, ahead = borrowed(model), borrowed(ahead)
    stops = len(model.load)
    pickup = stops + item
    if (begin if model.same[node, pickup] else leave + model.drive[node, pickup]) <= model.latest[item, k]:
        return True
    for j in range(k + 1, stops):
        if model.after[item, j] < ahead[j]:
            return False
        soonest = ahead[j] if model.same[j, pickup] else ahead[j] + model.dwell[j] + model.drive[j, pickup]
        if soonest <= model.latest[item, j]:
            return True
    return False


@njit(cache=True)
def _outlook(model, order, weight, taken, aboard, node, begin, leave, k, ahead):
    """Over-estimate what may still be won, by a knapsack of the time to spare; -1 where a ride that must be is lost.

    Also which rides cannot be picked up any more. `order` is by weight for each second, the best first.
    """
    model, ahead = borrowed(model), borrowed(ahead)
    stops = len(model.load)
    spare = _ahead(model, node, begin, leave, k, ahead)
    one = np.uint64(1)
    for s in range(len(order)):
        if aboard & (one << np.uint64(s)):
            spare -= model.cost[order[s]] - model.dwell[stops + order[s]]
    whole, more, gone = spare, 0, taken
    for s in range(len(order)):
        item = order[s]
        if taken & (one << np.uint64(s)):
            continue
        cost = model.cost[item]
        if cost > whole or not _reachable(model, item, node, begin, leave, k, ahead):
            if model.must[item]:
                return -1, gone
            gone |= one << np.uint64(s)
        elif cost <= spare:
            more += weight[item]
            spare -= cost
        elif spare > 0:
            more += weight[item] * spare // cost + 1
            spare = 0
    return more, gone


@njit(cache=True)
def _no_worse(labels, a, b):
    """Can label `a` do all that label `b` can, at the same node with the same rides aboard?"""
    labels = borrowed(labels)
    one, other = labels.field[a], labels.field[b]
    if one[BEGIN] > other[BEGIN] or one[LEAVE] > other[LEAVE] or one[WON] < other[WON]:
        return False
    if one[GROUP] != other[GROUP] or one[UNTIL] < other[UNTIL]:
        return False
    if labels.mask[a, GONE] & ~labels.mask[b, GONE]:
        return False
    for x in range(one[WATCHED]):
        found = False
        for y in range(other[WATCHED]):
            if labels.ride[a, x, ITEM] == labels.ride[b, y, ITEM]:
                later = labels.ride[a, x, LAST] >= labels.ride[b, y, LAST]
                found = later and labels.ride[a, x, SINCE] <= labels.ride[b, y, SINCE]
                break
        if not found:
            return False
    return True


@njit(cache=True)
def _covered(labels, new, call):
    """Is a new label covered by one in its bucket? If not, it is put there, and covers others."""
    labels = borrowed(labels)
    field, mask = labels.field, labels.mask
    k, node, aboard = field[new, AT], field[new, NODE], mask[new, ABOARD]
    spread = (aboard * np.uint64(0xC2B2AE3D27D4EB4F)) ^ np.uint64(node * 1000003 + k * 7919)
    spread ^= spread >> np.uint64(29)
    size = len(labels.table)
    bucket = np.int64(spread & np.uint64(size - 1))
    while labels.stamp[bucket] == call:
        head = labels.table[bucket]
        if mask[head, ABOARD] == aboard and field[head, AT] == k and field[head, NODE] == node:
            break
        bucket = (bucket + 1) & (size - 1)
    head = labels.table[bucket] if labels.stamp[bucket] == call else -1
    old = head
    for _ in range(SCANNED):
        if old < 0:
            break
        if _no_worse(labels, old, new):
            return True
        if _no_worse(labels, new, old):
            field[old, COVERED] = 1
        old = field[old, OLDER]
    field[new, OLDER] = head
    labels.table[bucket], labels.stamp[bucket] = new, call
    return False


@njit(cache=True)
def _push(labels, size, key, label):
    labels = borrowed(labels)
    i = size
    while i > 0 and labels.key[(i - 1) // 2] < key:
        labels.key[i], labels.heap[i] = labels.key[(i - 1) // 2], labels.heap[(i - 1) // 2]
        i = (i - 1) // 2
    labels.key[i], labels.heap[i] = key, label


@njit(cache=True)
def _pop(labels, size):
    """Take the label with the greatest key out of a heap of so many; give that label."""
    labels = borrowed(labels)
    top, key, label = labels.heap[0], labels.key[size - 1], labels.heap[size - 1]
    i = 0
    while 2 * i + 1 < size - 1:
        child = 2 * i + 1
        if child + 1 < size - 1 and labels.key[child + 1] > labels.key[child]:
            child += 1
        if labels.key[child] <= key:
            break
        labels.key[i], labels.heap[i] = labels.key[child], labels.heap[child]
        i = child
    labels.key[i], labels.heap[i] = key, label
    return top


@njit(cache=True)
def best_set(model, order, weight, floor, labels, most, call):
    """Bound the weight of the rides in `order` (at most ITEMS) that one run can serve, as far as it is above `floor`.

    order: int64 [items], by weight for each second of `cost`, the best first. weight: int64 [M]. most: labels that may
    be made. call: another number each time the same `labels` are used. Gives the bound, what the best set found weighs,
    and masks over `order` of the last sets that each were the best so far.
    """
    model, labels = borrowed(model), borrowed(labels)
    field, mask, ride = labels.field, labels.mask, labels.ride
    stops, items, choices = len(model.load), len(model.longest), len(order)
    one, found, sets, best = np.uint64(1), np.zeros(8, np.uint64), 0, floor
    ahead, nothing = np.empty(stops + 1, np.int64), np.zeros(3, np.int64)
    first = np.int64(0)  # like all other labels: of another type, all that takes one would be compiled twice
    field[0, :] = 0
    field[0, BEGIN], field[0, LEAVE] = model.early[0], model.early[0] + model.dwell[0]
    field[0, GROUP], field[0, UNTIL], field[0, OLDER] = model.dwell[0], model.late[0], -1
    mask[0, :] = 0
    more, _ = _outlook(
        model, order, weight, mask[0, TAKEN], mask[0, ABOARD], first, field[0, BEGIN], field[0, LEAVE], first, ahead
    )
    _push(labels, first, more, first)
    size, count = first + 1, first + 1
    while size:
        key = labels.key[0]
        if key <= best:
            break
        if count + 2 * choices + 1 >= most:
            return key, best, found
        at = _pop(labels, size)
        size -= 1
        if field[at, COVERED]:
            continue
        k, node = field[at, AT], field[at, NODE]
        taken, aboard = mask[at, TAKEN], mask[at, ABOARD]
        room = aboard == 0 or _fits(field[at, SEATS : THINGS + 1], model.load[k], model.layouts)
        for step in range(2 * choices + 1):
            s = (step - 1) % choices if step else 0
            item, bit = order[s], one << np.uint64(s)
            on, off = step > choices, 0 < step <= choices
            if not step:
                if k == stops - 1:
                    continue
                to, leg, until = k + 1, k + 1, model.late[k + 1]
            else:
                if (on and taken & bit) or (off and not aboard & bit):
                    continue
                end = item if on else items + item
                to, leg, until = stops + end, k, model.latest[end, k]
                if model.joins[end, k] and not model.same[node, to]:
                    continue
            joint = model.same[node, to]
            if not joint and not room:
                continue
            begin = max(field[at, BEGIN] if joint else field[at, LEAVE] + model.drive[node, to], model.early[to])
            if begin > until:
                continue
            leave = (max(field[at, LEAVE], model.early[to]) if joint else begin) + model.dwell[to]
            group = model.dwell[to] + (field[at, GROUP] if joint else 0)
            new = count
            watched, by = _watch(model, labels, at, new, to, joint, begin, leave, group, leg, item if off else -1)
            if watched < 0:
                continue
            now_taken = taken | bit if on else taken
            now_aboard = aboard | bit if on else (aboard & ~bit if off else aboard)
            more, gone = _outlook(model, order, weight, now_taken, now_aboard, to, begin, leave, leg, ahead)
            won = field[at, WON] + (weight[item] if on else 0)
            if more < 0 or won + more <= best:
                continue
            if on and watched < OPEN:
                ride[new, watched, ITEM], ride[new, watched, LAST], ride[new, watched, SINCE] = item, until, HERE
                watched += 1
            field[new, AT], field[new, NODE], field[new, BEGIN], field[new, LEAVE] = leg, to, begin, leave
            field[new, GROUP], field[new, UNTIL], field[new, WON] = group, min(until, by), won
            field[new, WATCHED], field[new, COVERED] = watched, 0
            takes = model.takes[item] if step else nothing
            for d in range(3):
                field[new, SEATS + d] = field[at, SEATS + d] + (takes[d] if on else -takes[d])
            mask[new, TAKEN], mask[new, ABOARD], mask[new, GONE] = now_taken, now_aboard, gone
            if _covered(labels, new, call):
                continue
            count += 1
            if now_aboard == 0 and won > best:
                best = won
                found[sets % 8] = now_taken
                sets += 1
            _push(labels, size, won + more, new)
            size += 1
    return best, best, found
