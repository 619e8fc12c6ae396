"""What recorded drives teach of a town's hours, whatever noise is among them, and what they do not teach."""

from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.pace import ENOUGH, FASTEST, HOURS, SLOWEST, STEP, DayKind, Factors, Observation, learn, sift
from routing.times import RoadError

EIGHT = 8 * 3600
FACTORS = st.integers(FASTEST, SLOWEST)
KINDS = st.sampled_from(DayKind)
ROWS = st.tuples(*[FACTORS] * HOURS)
TABLES = st.builds(Factors, ROWS, ROWS, ROWS)
OBSERVATIONS = st.builds(
    Observation, KINDS, st.integers(-7200, 100_000), st.integers(-600, 20_000), st.integers(0, 3000)
)


def drive(factor: int = 1000, empty: int = 300, at: int = EIGHT, kind: DayKind = DayKind.WEEKDAY) -> Observation:
    return Observation(kind, at, -(-empty * factor // 1000), empty)


def hour_eight(factors: Factors) -> int:
    return factors.weekday[8]


# The table


def test_an_empty_table_changes_nothing() -> None:
    assert {Factors().over(kind, 0, 30 * 3600) for kind in DayKind} == {1000}


@given(TABLES, KINDS, st.integers(-90_000, 180_000), st.integers(0, 200_000))
def test_a_span_has_the_largest_factor_of_the_hours_that_it_touches(
    table: Factors, kind: DayKind, first: int, span: int
) -> None:
    row = table.row(kind)
    touched = {second // 3600 % 24 for second in (*range(first, first + span, 3600), first + span)}
    given = table.over(kind, first, first + span)
    assert 0 <= given - max(row[hour] for hour in touched) < STEP
    assert given % STEP == 0


@pytest.mark.parametrize(
    ("first", "last", "most"), [(0, 3599, 1000), (0, 3600, 1200), (-1, 0, 1500), (90_000, 0, 1200)]
)
def test_hours_before_and_after_the_day_are_those_of_the_clock(first: int, last: int, most: int) -> None:
    table = Factors(weekday=(1000, 1200, *[1000] * 21, 1500))
    assert table.over(DayKind.WEEKDAY, first, max(first, last)) == most


@pytest.mark.parametrize(
    ("day", "kind"), [(date(2026, 11, 23), "weekday"), (date(2026, 11, 28), "saturday"), (date(2026, 11, 29), "sunday")]
)
def test_a_date_has_the_kind_of_its_weekday(day: date, kind: str) -> None:
    assert DayKind.of(day) == kind


# What is learnt


@given(
    factor=FACTORS,
    legs=st.lists(st.integers(60, 1500), min_size=ENOUGH, max_size=80),
    jitter=st.lists(st.integers(0, 5), min_size=80, max_size=80),
    outliers=st.lists(st.tuples(st.booleans(), st.integers(60, 1500)), max_size=5),
)
def test_a_factor_is_found_again_among_noise_and_outliers(
    factor: int, legs: list[int], jitter: list[int], outliers: list[tuple[bool, int]]
) -> None:
    """Drives come up to five seconds early; odd ones, of less than a fifth of the driving, twice or half as fast."""
    drives = [replace(drive(factor, empty), driven=drive(factor, empty).driven - early)
              for empty, early in zip(legs, jitter, strict=False)]  # fmt: skip
    room = sum(legs) // 6
    for slow, empty in outliers:
        if empty <= room:
            room -= empty
            drives.append(drive(factor * 2 if slow else factor // 2, empty))
    found = hour_eight(learn(drives))
    assert factor - 5 * 1000 / 60 - 1 <= found <= factor + 1000 / 60 + 1


@given(st.integers(FASTEST, SLOWEST), st.lists(st.integers(200, 3000), min_size=ENOUGH))
def test_a_steady_pace_is_found_within_a_second_of_the_shortest_drive(factor: int, legs: list[int]) -> None:
    found = hour_eight(learn([drive(factor, empty) for empty in legs]))
    assert factor <= found <= factor + 1000 / min(legs) + 1


def test_eighty_per_cent_of_the_driving_is_done_at_that_pace_or_faster() -> None:
    drives = [drive(1000 + 10 * k, 1000) for k in range(100)]
    assert hour_eight(learn(drives)) == 1790


def test_a_long_drive_weighs_more_than_a_short_one() -> None:
    long, short = [drive(1100, 1200)] * 12, [drive(1900, 60)] * 20
    assert hour_eight(learn([*long, *short])) == 1100


@given(st.lists(OBSERVATIONS, max_size=200))
def test_nothing_is_learnt_that_no_town_drives(observations: list[Observation]) -> None:
    found = learn(observations)
    assert all(FASTEST <= factor <= SLOWEST for kind in DayKind for factor in found.row(kind))


@given(
    st.lists(OBSERVATIONS, max_size=60).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))), TABLES
)
def test_the_order_of_observations_does_not_matter(
    orders: tuple[list[Observation], list[Observation]], known: Factors
) -> None:
    assert learn(orders[0], known) == learn(orders[1], known)


@given(st.lists(st.tuples(st.integers(100, 900), st.integers(1, 20)), min_size=ENOUGH, max_size=60))
def test_a_slower_town_never_gets_a_faster_table(legs: list[tuple[int, int]]) -> None:
    drives = [drive(1000 + 40 * late, empty) for empty, late in legs]
    slower = [replace(one, driven=one.driven + 5) for one in drives]
    assert hour_eight(learn(slower)) >= hour_eight(learn(drives))


# What is not learnt


def test_too_few_drives_teach_nothing() -> None:
    """Negative control: one less than enough leaves what was known, and one more does not."""
    known = Factors(weekday=(1234,) * HOURS)
    drives = [drive(1500)] * (ENOUGH - 1)
    assert learn(drives, known) == known
    assert learn([*drives, drive(1500)], known) == replace(known, weekday=(1500,) * HOURS)


def test_what_is_no_drive_does_not_count_towards_enough() -> None:
    drives = [drive(1500)] * (ENOUGH - 1)
    assert learn([*drives, drive(1500, empty=19), drive(390), drive(4001, 1000)]) == Factors()


def test_what_cannot_be_a_drive_is_left_out_and_counted() -> None:
    odd = [drive(1000, 19), drive(1000, 0), drive(390), drive(-1000), drive(4010), drive(9000)]
    sound = [drive(1000, 20), drive(400), drive(4000)]
    sifted = sift([*odd, *sound])
    assert (list(sifted.drives), sifted.left_out) == (sound, {"short": 2, "fast": 2, "slow": 2})
    assert sifted.counts == {(DayKind.WEEKDAY, 8): 3}


def test_an_hour_of_few_drives_asks_its_neighbours_and_then_its_day() -> None:
    busy, calm = [drive(1600)] * ENOUGH, [drive(1200, at=13 * 3600)] * 200
    row = learn([*busy, drive(1000, at=9 * 3600), *calm]).weekday
    assert (row[8], row[7], row[9], row[13], row[14]) == (1600, 1600, 1600, 1200, 1200)
    assert row[3] == row[20] == 1200


def test_kinds_of_day_teach_nothing_of_each_other() -> None:
    found = learn([drive(1600)] * ENOUGH + [drive(1100, kind=DayKind.SUNDAY)] * ENOUGH)
    assert {row[8] for row in (found.weekday, found.saturday, found.sunday)} == {1600, 1000, 1100}


def test_a_drive_after_midnight_counts_as_of_its_service_day() -> None:
    night = learn([drive(1300, at=25 * 3600 + 60)] * ENOUGH + [drive(900)] * 200).weekday
    assert (night[1], night[8]) == (1300, 900)


# By hand


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "pace.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_table_is_written_by_hand(tmp_path: Path) -> None:
    table = Factors.read(write(tmp_path, "# rush\n[weekday]\n7 = 1350\n15 = 1200\n\n[sunday]\n0 = 900\n"))
    changed = {(kind, hour): table.row(kind)[hour] for kind, hour in product(DayKind, range(HOURS))}
    assert {band: factor for band, factor in changed.items() if factor != 1000} == {
        (DayKind.WEEKDAY, 7): 1350, (DayKind.WEEKDAY, 15): 1200, (DayKind.SUNDAY, 0): 900,
    }  # fmt: skip


def test_a_table_that_an_editor_marked_as_unicode_is_read(tmp_path: Path) -> None:
    assert Factors.read(write(tmp_path, b"\xef\xbb\xbf[weekday]\r\n7 = 1350\r\n")).weekday[7] == 1350


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("weekday: 7", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        ("[monday]\n7 = 1350", "'monday'"),
        ("weekday = 1350", "'weekday'"),
        ("[weekday]\n24 = 1350", "hour '24'"),
        ("[weekday]\n07 = 1350", "hour '07'"),
        ("[weekday]\n'7-9' = 1350", "hour '7-9'"),
        ("[weekday]\n7 = 1.35", "1.35 at [weekday] 7"),
        ("[weekday]\n7 = true", "True at [weekday] 7"),
        ("[weekday]\n7 = 699", "699 at [weekday] 7"),
        ("[weekday]\n7 = 3001", "3001 at [weekday] 7"),
        ("[weekday]\n7 = '1350'", "'1350' at [weekday] 7"),
    ],
)
def test_a_table_of_no_sense_says_where_and_what_to_write(tmp_path: Path, text: str | bytes, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(RoadError) as fault:
        Factors.read(path)
    assert said in str(fault.value) and str(path) in str(fault.value) and "7 = 1350" in str(fault.value)


def test_a_table_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RoadError, match=r"nothing\.toml"):
        Factors.read(tmp_path / "nothing.toml")
