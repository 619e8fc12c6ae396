"""What a day cost and gave, for the town: figures of runs and fares, none of which points at a person."""

from dataclasses import dataclass
from datetime import date

from matching.metrics import DayFigures, day_figures
from webapp.db import tables
from webapp.town import Town

SMALLEST_CELL = 5
"""A count of fewer people is not shown to the town: it could be somebody's neighbour."""


@dataclass(frozen=True, slots=True)
class DayLedger:
    """Figures of one service date; fares in cents or yen by currency, requests by what became of them."""

    day: date
    figures: DayFigures
    fares: dict[str, int]
    requests: dict[str, int]
    refused: dict[str, int]


def day_ledger(town: Town, day: date) -> DayLedger:
    """Add up a service date."""
    with town.store.read() as records:
        runs = records.list_runs(day)
        bookings = records.list_bookings(service_date=day, status="booked")
        requests = records.list_requests(service_date=day)
    fares: dict[str, int] = {}
    for booking in bookings:
        fares[booking.fare_currency] = fares.get(booking.fare_currency, 0) + booking.fare
    riding = {booking.request_id for booking in bookings}
    asked = [request for request in requests if request.asked_at is not None]
    return DayLedger(
        day=day,
        figures=day_figures(runs, town.roads),
        fares=fares,
        requests=_count([_outcome(request, riding) for request in asked]),
        refused=_count([request.reason for request in asked if request.reason]),
    )


def coarse(count: int) -> int | None:
    """Give a count of people that may be shown; None where it is too small to hide a person."""
    return None if 0 < count < SMALLEST_CELL else count


def _outcome(request: tables.Request, riding: set[str]) -> str:
    """Say what became of a request; one whose booking was given back is "cancelled"."""
    return "cancelled" if request.status == "booked" and request.id not in riding else request.status


def _count(values: list[str]) -> dict[str, int]:
    return {value: values.count(value) for value in sorted(set(values))}
