"""No figure tells of fewer than five people, alone, by the others and their total, or beside yesterday's."""

from collections.abc import Mapping
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.services import suppression
from webapp.services.suppression import SMALLEST_CELL, coarse, suppressed

TABLES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 30), min_size=1, max_size=6)


def solutions(counts: Mapping[str, int], shown: Mapping[str, int | None]) -> list[tuple[int, ...]]:
    """List all that the hidden counts may be for who knows the others and the total."""
    hidden = [name for name, count in shown.items() if count is None]
    left = sum(counts.values()) - sum(count for count in shown.values() if count is not None)
    most = range(min(left, 60) + 1)
    if not hidden:
        return [()]
    return [(*some, left - sum(some)) for some in product(most, repeat=min(len(hidden), 3) - 1) if sum(some) <= left]


def is_safe(counts: Mapping[str, int], shown: Mapping[str, int | None]) -> bool:
    """Is nobody's small count told, by itself or by what is left of the total?"""
    small = [name for name, count in counts.items() if coarse(count) is None]
    told = [name for name in small if shown[name] is not None]
    return not told and (not small or len(solutions(counts, shown)) > 1 or len(shown) == 1)


@given(TABLES)
def test_no_hidden_count_follows_from_the_others_and_their_total(counts: dict[str, int]) -> None:
    shown = suppressed(counts)
    assert is_safe(counts, shown)
    assert all(shown[name] in (None, count) for name, count in counts.items())
    if all(coarse(count) is not None for count in counts.values()):
        assert shown == counts


@given(TABLES)
def test_a_single_count_is_never_hidden_beside_others_that_are_shown(counts: dict[str, int]) -> None:
    shown = suppressed(counts)
    hidden = [name for name, count in shown.items() if count is None]
    assert len(hidden) != 1 or len([name for name in counts if counts[name]]) == 1


def test_hiding_the_small_counts_alone_would_tell_them() -> None:
    """Negative control: with the total known, one hidden count is no secret."""
    counts = {"booked": 12, "refused": 2}
    alone = {name: coarse(count) for name, count in counts.items()}
    assert not is_safe(counts, alone) and is_safe(counts, suppressed(counts))


@pytest.mark.parametrize("count", range(SMALLEST_CELL, 40))
def test_two_looks_at_a_day_that_is_not_over_never_differ_by_one_person(count: int) -> None:
    steps = {count // SMALLEST_CELL * SMALLEST_CELL, (count + 1) // SMALLEST_CELL * SMALLEST_CELL}
    assert len(steps) == 1 or max(steps) - min(steps) >= SMALLEST_CELL
    assert not suppression.differ_enough(count, count + 1)
