"""A service day counts elapsed seconds from noon minus twelve hours, whatever its clocks do."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp import service_day

HELSINKI, TOKYO, SEOUL = (ZoneInfo(name) for name in ("Europe/Helsinki", "Asia/Tokyo", "Asia/Seoul"))
SPRING, AUTUMN, PLAIN = date(2025, 3, 30), date(2025, 10, 26), date(2025, 6, 2)
HOUR = 3600
ODD = [ZoneInfo(name) for name in ("UTC", "Australia/Lord_Howe", "America/St_Johns")]
zones = st.sampled_from([HELSINKI, TOKYO, SEOUL, *ODD])
days = st.dates(date(2000, 1, 1), date(2060, 1, 1))


@pytest.mark.parametrize(
    ("day", "zone", "start"),
    [
        (PLAIN, HELSINKI, datetime(2025, 6, 1, 21)),
        (SPRING, HELSINKI, datetime(2025, 3, 29, 21)),
        (AUTUMN, HELSINKI, datetime(2025, 10, 25, 22)),
        (PLAIN, TOKYO, datetime(2025, 6, 1, 15)),
    ],
)
def test_a_day_starts_twelve_hours_before_noon(day: date, zone: ZoneInfo, start: datetime) -> None:
    assert service_day.day_start(day, zone) == start


@pytest.mark.parametrize(
    ("day", "clock", "seconds"),
    [
        (PLAIN, time(8), 8 * HOUR),
        (SPRING, time(8), 8 * HOUR),
        (AUTUMN, time(8), 8 * HOUR),
        (SPRING, time(2, 30), 3 * HOUR + 1800),
        (SPRING, time(0), HOUR),
        (AUTUMN, time(0), -HOUR),
    ],
)
def test_a_bus_at_eight_leaves_at_second_28800_on_every_day(day: date, clock: time, seconds: int) -> None:
    """Only before the clocks change is an hour missing or one too many."""
    assert service_day.seconds_at(clock, day, HELSINKI) == seconds


@pytest.mark.parametrize("day", [PLAIN, SPRING, AUTUMN, SPRING - timedelta(days=1), AUTUMN - timedelta(days=1)])
def test_ten_past_twenty_five_is_the_next_morning(day: date) -> None:
    shown = service_day.local_time(25 * HOUR + 600, day, HELSINKI)
    assert (shown.date(), shown.time()) == (day + timedelta(days=1), time(1, 10))


def test_after_a_clock_change_at_night_a_late_run_is_shown_an_hour_on() -> None:
    shown = service_day.local_time(28 * HOUR, SPRING - timedelta(days=1), HELSINKI)
    assert (shown.date(), shown.time()) == (SPRING, time(5))


@given(st.integers(-86400, 2 * 86400), days, zones)
def test_a_second_and_its_instant_are_one(seconds: int, day: date, zone: ZoneInfo) -> None:
    instant = service_day.instant_of(seconds, day, zone)
    assert instant.tzinfo is None
    assert service_day.seconds_of(instant, day, zone) == seconds


@given(st.integers(4 * 60, 24 * 60 - 1), days, zones)
def test_what_the_clock_shows_is_read_back(minute: int, day: date, zone: ZoneInfo) -> None:
    clock = time(*divmod(minute, 60))
    shown = service_day.local_time(service_day.seconds_at(clock, day, zone), day, zone)
    assert (shown.date(), shown.time()) == (day, clock)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1)), zones)
def test_an_instant_before_the_start_of_a_day_is_negative(instant: datetime, zone: ZoneInfo) -> None:
    day = service_day.today(instant, zone)
    assert day == instant.replace(tzinfo=UTC).astimezone(zone).date()
    assert service_day.seconds_of(instant, day + timedelta(days=2), zone) < 0


def test_a_part_of_a_second_before_the_start_is_before_it() -> None:
    almost = service_day.day_start(PLAIN, TOKYO) - timedelta(milliseconds=1)
    assert service_day.seconds_of(almost, PLAIN, TOKYO) == -1


NIGHTS = [SPRING - timedelta(days=1), SPRING, AUTUMN - timedelta(days=1), AUTUMN]
"""The dates on whose nights Helsinki moves its clocks, and the dates before them, whose late runs drive through it."""


@given(st.lists(st.integers(0, 172_799), min_size=2, max_size=12), st.sampled_from(NIGHTS))
def test_a_run_through_a_clock_change_keeps_its_order_and_the_length_of_every_leg(times: list[int], day: date) -> None:
    """Nothing is driven twice, left out or turned around, whatever the clocks of the town do meanwhile."""
    for zone in (HELSINKI, TOKYO, SEOUL):
        instants = [service_day.instant_of(time, day, zone) for time in sorted(times)]
        lengths = [later - earlier for earlier, later in zip(instants, instants[1:], strict=False)]
        planned = [later - earlier for earlier, later in zip(sorted(times), sorted(times)[1:], strict=False)]
        assert lengths == [timedelta(seconds=one) for one in planned]


@given(st.integers(4 * 60, 24 * 60 - 1), days)
def test_a_printed_time_is_on_the_clock_of_every_date_in_every_town(minute: int, day: date) -> None:
    """Of times before four in the morning that holds where no clock is changed: always in Tokyo and Seoul."""
    for zone in (HELSINKI, TOKYO, SEOUL):
        for shown_day in (day, *NIGHTS):
            shown = service_day.local_time(60 * minute, shown_day, zone)
            assert (shown.date(), shown.hour * 60 + shown.minute) == (shown_day, minute)
    for night in NIGHTS:
        for zone in (TOKYO, SEOUL):
            shown = service_day.local_time(60 * (minute % 240), night, zone)
            assert (shown.date(), shown.hour * 60 + shown.minute) == (night, minute % 240)
