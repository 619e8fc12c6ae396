"""What a day of runs costs and gives: seats free and filled, extra driving, delay of committed riders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matching.model import Run
from matching.promises import broken
from matching.schedule import baseline, free_seats, legs_of, timetable
from routing.times import TravelTimes


@dataclass(frozen=True, slots=True)
class DayFigures:
    """Figures of a set of runs. Minutes are whole; `seat_minutes_free` counts empty seats while their vehicle drives.

    committed: also who is absent, so that the figure does not tell who is. residents: who ride.
    drive, extra_drive: seconds of driving, and how many of them residents added. worst_delay, mean_delay: seconds by
    which committed riders reach their drop-off later than without residents.
    """

    runs: int
    committed: int
    residents: int
    seat_minutes_free: int
    seat_minutes_filled: int
    drive: int
    extra_drive: int
    worst_delay: int
    mean_delay: float
    promises_broken: int


def day_figures(runs: Sequence[Run], times: TravelTimes) -> DayFigures:
    """Measure runs as they are against the same runs without residents."""
    delays = [delay for run in runs for delay in committed_delays(run, times)]
    return DayFigures(
        runs=len(runs),
        committed=sum(ride.party.people for run in runs for ride in (*run.rides, *run.absent) if ride.committed),
        residents=sum(ride.party.people for run in runs for ride in run.residents),
        seat_minutes_free=sum(_free_seat_seconds(run, times) for run in runs) // 60,
        seat_minutes_filled=sum(_ridden_seconds(run, times) for run in runs) // 60,
        drive=sum(drive(run, times) for run in runs),
        extra_drive=sum(drive(run, times) - drive(baseline(run), times) for run in runs),
        worst_delay=max(delays, default=0),
        mean_delay=_mean(delays),
        promises_broken=sum(len(broken(run, times)) for run in runs),
    )


def drive(run: Run, times: TravelTimes) -> int:
    """Seconds that a run drives."""
    return sum(legs_of(run, times))


def committed_delays(run: Run, times: TravelTimes) -> list[int]:
    """Seconds by which each committed rider is dropped off later than on the run without residents."""
    alone = {visit.stop.id: visit.begin for visit in timetable(baseline(run), times)}
    now = {visit.stop.id: visit.begin for visit in timetable(run, times)}
    return [now[ride.dropoff] - alone[ride.dropoff] for ride in run.rides if ride.own]


def _free_seat_seconds(run: Run, times: TravelTimes) -> int:
    free = free_seats(run, timetable(run, times))
    return sum(seats.seats * leg for seats, leg in zip(free, legs_of(run, times), strict=True))


def _ridden_seconds(run: Run, times: TravelTimes) -> int:
    at = {visit.stop.id: visit for visit in timetable(run, times)}
    return sum((at[ride.dropoff].begin - at[ride.pickup].departure) * ride.party.people for ride in run.residents)


def _mean(values: Iterable[int]) -> float:
    kept = list(values)
    return round(sum(kept) / len(kept), 1) if kept else 0.0
