"""Drives between spots: turns, kerbs and private yards against a plain search that knows nothing of hierarchies."""

from collections.abc import Set
from heapq import heappop, heappush
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.drives import Drives, Remembered, Spot, through
from routing.hierarchy import FAR, contract
from routing.turns import Turns

STREETS = 7


def network(times: list[tuple[int, int]], turns: dict[tuple[int, int], int], private: Set[int] = frozenset()) -> Turns:
    """Build arcs 2 s (forward) and 2 s + 1 of streets with these tenths there and back, and their turns with costs."""
    rows = sorted(turns)
    arcs = range(2 * len(times))
    return Turns(
        street=np.array([arc // 2 for arc in arcs], np.int32),
        backward=np.array([bool(arc % 2) for arc in arcs]),
        time=np.array([times[arc // 2][arc % 2] for arc in arcs], np.int32),
        private=np.array([arc // 2 in private for arc in arcs]),
        first=np.searchsorted([a for a, _ in rows], np.arange(len(arcs) + 1)).astype(np.int32),
        head=np.array([b for _, b in rows], np.int32),
        cost=np.array([turns[row] for row in rows], np.int32),
    )


def drives_of(turns: Turns) -> Drives:
    return Drives(turns, contract(*through(turns)))


def drive(drives: Drives, a: Spot, b: Spot) -> int:
    return int(drives.table(([a], drives.out_of([a])), ([b], drives.into([b])))[0, 0])


def plain_drive(turns: Turns, a: Spot, b: Spot) -> int:
    """Search arc by arc: once a vehicle has entered a private yard it may only go on inside it."""
    arcs = (2 * turns.street + turns.backward).tolist()
    time, private, first = turns.time.tolist(), turns.private.tolist(), turns.first.tolist()
    start = arcs.index(a.arc)
    done_a, done_b = (round(spot.driven * time[arcs.index(spot.arc)]) for spot in (a, b))
    if a.arc == b.arc and done_a <= done_b:
        return int(done_b - done_a)
    queue: list[tuple[int, int, bool]] = [(time[start] - done_a, start, False)]
    seen: set[tuple[int, bool]] = set()
    best: int = FAR
    while queue:
        tenths, node, entered = heappop(queue)
        if tenths >= best or (node, entered) in seen:
            continue
        seen.add((node, entered))
        part = slice(first[node], first[node + 1])
        for to, cost in zip(turns.head[part].tolist(), turns.cost[part].tolist(), strict=True):
            if entered and not private[to]:
                continue
            if arcs[to] == b.arc:
                best = min(best, tenths + cost + done_b)
            heappush(queue, (tenths + cost + time[to], to, entered or (private[to] and not private[node])))
    return best


@st.composite
def networks(draw: st.DrawFn, yards: bool = True) -> Turns:
    count = draw(st.integers(1, STREETS))
    times = draw(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=count, max_size=count))
    pairs = st.tuples(st.integers(0, 2 * count - 1), st.integers(0, 2 * count - 1))
    turns = draw(st.dictionaries(pairs, st.integers(0, 9), max_size=30))
    private = draw(st.sets(st.integers(0, count - 1), max_size=2)) if yards else set()
    return network(times, turns, private)


def spots(turns: Turns) -> st.SearchStrategy[Spot]:
    streets = st.integers(0, len(turns) // 2 - 1)
    return st.builds(Spot, streets, st.booleans(), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_drive_equals_a_plain_search(data: Any) -> None:
    turns = data.draw(networks())
    drives, ends = drives_of(turns), [data.draw(spots(turns)) for _ in range(4)]
    table = drives.table((ends, drives.out_of(ends)), (ends, drives.into(ends)))
    assert table.tolist() == [[plain_drive(turns, a, b) for b in ends] for a in ends]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_labels_that_are_remembered_forgotten_or_asked_twice_are_those_of_a_fresh_search(data: Any) -> None:
    turns = data.draw(networks())
    drives = drives_of(turns)
    remembered = Remembered(drives.out_of, most=3)
    for asked in data.draw(st.lists(st.lists(spots(turns), max_size=5), max_size=5)):
        found, fresh = remembered(asked), drives.out_of(asked)
        for name in ("first", "node", "seconds"):
            np.testing.assert_array_equal(getattr(found, name), getattr(fresh, name))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_stop_on_the_way_makes_no_drive_shorter(data: Any) -> None:
    turns = data.draw(networks(yards=False))
    a, b, c = (data.draw(spots(turns)) for _ in range(3))
    drives = drives_of(turns)
    assert drive(drives, a, c) <= drive(drives, a, b) + drive(drives, b, c)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_path_is_the_drive_that_was_timed_and_hangs_together(data: Any) -> None:
    turns = data.draw(networks())
    a, b = data.draw(spots(turns)), data.draw(spots(turns))
    drives = drives_of(turns)
    (tenths,), found = drives.along([(a, b)])
    stretches = list(zip(found.street.tolist(), found.start.tolist(), found.end.tolist(), strict=True))
    assert tenths == drive(drives, a, b)
    if tenths == FAR:
        assert stretches == []
        return
    assert (stretches[0][:2], stretches[-1][2]) == ((a.street, a.share), b.share)
    arcs = [2 * a.street + a.backward, *(2 * s + (end < begin) for s, begin, end in stretches[1:-1])]
    arcs += [2 * b.street + b.backward] if len(stretches) > 1 else []
    driven = 0
    for arc, to in zip(arcs, arcs[1:], strict=False):
        part = slice(turns.first[arc], turns.first[arc + 1])
        driven += int(turns.cost[part][turns.head[part] == to][0])
    for arc, (_, begin, end) in zip(arcs, stretches, strict=True):
        time = int(turns.time[arc])
        driven += round((1 - end if arc % 2 else end) * time) - round((1 - begin if arc % 2 else begin) * time)
    assert driven == tenths


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_legs_are_drawn_together_as_each_would_be_alone(data: Any) -> None:
    turns = data.draw(networks())
    drives, legs = drives_of(turns), data.draw(st.lists(st.tuples(spots(turns), spots(turns)), max_size=5))
    tenths, found = drives.along(legs)
    assert tenths.tolist() == [drive(drives, a, b) for a, b in legs]
    for k, leg in enumerate(legs):
        alone, part = drives.along([leg])[1], slice(found.first[k], found.first[k + 1])
        for name in ("street", "start", "end"):
            np.testing.assert_array_equal(getattr(found, name)[part], getattr(alone, name))


def ring() -> Turns:
    """Streets 0 - 1 - 2 - 0 driven round one way; street 3 is a yard between the ends of 0 and 1, a shorter way."""
    turns = {(0, 2): 5, (2, 4): 5, (4, 0): 5, (0, 6): 1, (6, 2): 1, (6, 4): 1}
    return network([(100, 100), (100, 100), (100, 100), (10, 10)], turns, {3})


def test_a_place_that_was_just_passed_is_reached_round_the_block() -> None:
    drives = drives_of(ring())
    assert drive(drives, Spot(0, False, 0.5), Spot(0, False, 0.25)) == 50 + 5 + 100 + 5 + 100 + 5 + 25
    assert drive(drives, Spot(0, False, 0.25), Spot(0, False, 0.5)) == 25


def test_a_yard_is_reached_and_left_but_never_crossed() -> None:
    drives, yard = drives_of(ring()), Spot(3, False, 0.5)
    assert drive(drives, Spot(0, False, 0.0), yard) == 100 + 1 + 5
    assert drive(drives, yard, Spot(2, False, 0.5)) == 5 + 1 + 50
    assert drive(drives, Spot(0, False, 0.0), Spot(2, False, 0.5)) == 100 + 5 + 100 + 5 + 50


def test_a_yard_that_is_open_to_all_is_crossed() -> None:
    """Negative control: without the flag the short cut is taken."""
    turns = ring()
    open_to_all = Turns(
        turns.street, turns.backward, turns.time, np.zeros(8, bool), turns.first, turns.head, turns.cost
    )
    assert drive(drives_of(open_to_all), Spot(0, False, 0.0), Spot(2, False, 0.5)) == 100 + 1 + 10 + 1 + 50


@pytest.mark.parametrize("backward", [False, True])
def test_a_place_where_no_turn_leads_is_far(backward: bool) -> None:
    drives = drives_of(network([(10, 10), (10, 10)], {}))
    assert drive(drives, Spot(0, backward, 0.5), Spot(1, backward, 0.5)) == FAR
