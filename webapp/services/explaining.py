"""Why has a request no seat? The answer of each of an operator's runs, for its dispatcher and without a name."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matching.explain import explain
from matching.model import Broken, TripRequest
from webapp.db import tables
from webapp.services import dispatching, wishes
from webapp.services.dispatching import UNSERVED, RunSheet
from webapp.services.errors import NotFound
from webapp.town import Town


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one run says to a request: it fits, or what its nearest miss would break, the gravest first.

    closed: the run takes no residents at all.
    """

    sheet: RunSheet
    closed: bool
    fits: bool = False
    stopped: tuple[Broken, ...] = ()


def why_not(town: Town, request_id: str, *, operator: str) -> tuple[tables.Request, list[Verdict]]:
    """Ask each run that an operator has on a request's day whether it fits, and if not, why.

    A day to come is asked as of now. Raises NotFound for a request that is not left without a seat, and where the
    operator has no run on its day.
    """
    with town.store.read() as records:
        row = records.get_request(request_id)
        rider = records.get_user(row.rider_id)
    if row.status not in UNSERVED or row.service_date is None:
        raise NotFound("request")
    sheets = dispatching.read_day(town, row.service_date, operator=operator).sheets
    if not sheets:
        raise NotFound("request")
    wish = wishes.trip_request(town, row, rider, [sheet.run for sheet in sheets])
    if row.service_date >= town.today():
        wish = replace(wish, asked_at=max(wish.asked_at, town.seconds_now(row.service_date)))
    return row, _verdicts(town, wish, sheets)


def _verdicts(town: Town, wish: TripRequest, sheets: Sequence[RunSheet]) -> list[Verdict]:
    """Put first the runs that fit, then those that come nearest to it, and last those that are closed."""
    closed = [sheet for sheet in sheets if not sheet.run.policy.riders]
    asked = [
        (sheet, explain(wish, town.freeze(sheet.run), town.roads, town.objective))
        for sheet in sheets
        if sheet not in closed
    ]
    asked.sort(key=lambda one: one[1].miss)
    told = [Verdict(sheet, closed=False, fits=said.fits is not None, stopped=said.stopped) for sheet, said in asked]
    return told + [Verdict(sheet, closed=True) for sheet in closed]
