"""What a day cost and gave, for the town: figures of runs and fares, none of which points at a person."""

from dataclasses import dataclass
from datetime import date

from matching.metrics import DayFigures, day_figures
from webapp.db import tables
from webapp.town import Town


@dataclass(frozen=True, slots=True)
class DayLedger:
    """Figures of one service date; fares in cents or yen by currency, requests by what became of them."""

    day: date
    figures: DayFigures
    fares: dict[str, int]
    requests: dict[str, int]
    refused: dict[str, int]


def day_ledger(town: Town, day: date) -> DayLedger:
    """Add up a service date; of one whose trips have left the records, give what was kept of it."""
    with town.store.read() as records:
        past = records.find_past_day(day)
        if past is not None:
            return DayLedger(day, DayFigures(**past.figures), past.fares, past.requests, past.refused)
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


def list_dates(town: Town) -> list[date]:
    """List the service dates of which there are figures, earliest first."""
    with town.store.read() as records:
        return sorted({*records.list_past_dates(), *records.list_run_dates()})


def _outcome(request: tables.Request, riding: set[str]) -> str:
    """Say what became of a request; one whose booking was given back is "cancelled"."""
    return "cancelled" if request.status == "booked" and request.id not in riding else request.status


def _count(values: list[str]) -> dict[str, int]:
    return {value: values.count(value) for value in sorted(set(values))}
