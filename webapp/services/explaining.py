"""Would a request fit? The answer of each of an operator's runs, for its dispatcher and without a name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from matching import offers
from matching.explain import explain
from matching.model import Broken, Rule, TripRequest
from matching.offers import Change
from matching.rides import without
from webapp.db import tables
from webapp.services import agreements, dispatching, rules, wishes
from webapp.services.dispatching import RunSheet
from webapp.services.errors import NotFound
from webapp.town import Town

ANSWERED = frozenset({"offered", "booked", "refused", "waiting", "cancelled"})
"""States of requests that were asked to the end."""
MOST_CHANGES = 8
"""Runs for which the smallest changes are worked out: those that come nearest."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one run says to a request: it fits, or what its nearest miss would break, the gravest first.

    closed: the run takes no residents at all. rides: the request has its seat here. changes: the least by which the
    request would have to change to fit, worked out for the runs that come nearest.
    """

    sheet: RunSheet
    closed: bool
    fits: bool = False
    stopped: tuple[Broken, ...] = ()
    rides: bool = False
    changes: tuple[Change, ...] = ()


def list_requests(town: Town, day: date, *, operator: str) -> list[tables.Request]:
    """List what residents asked for on a date, by whatever channel and whatever became of it, by the time wanted.

    Nothing where the operator has no run.
    """
    with town.store.read() as records:
        asked = records.list_requests(service_date=day) if records.run_heads(day, operator) else []
    rows = [row for row in asked if row.status in ANSWERED]
    return sorted(rows, key=lambda row: (row.arrive_latest or row.depart_earliest or 0, row.id))


def why_not(town: Town, request_id: str, *, operator: str, run_id: str = "") -> tuple[tables.Request, list[Verdict]]:
    """Ask each run that an operator has on a request's day, or one of them, whether it fits, and if not, why.

    A day to come is asked as of now, and a run on which the request rides as it would be without it. Raises NotFound
    for a request that was never asked to the end, and where the operator has no such run on its day.
    """
    with town.store.read() as records:
        row = records.get_request(request_id)
        rider = records.get_user(row.rider_id)
        booked = records.list_bookings(rider_id=row.rider_id, service_date=row.service_date, status="booked")
    if row.status not in ANSWERED or row.service_date is None:
        raise NotFound("request")
    own = {one.run_id: one.ride_id for one in booked if one.request_id == row.id}
    day = dispatching.read_day(town, row.service_date, operator=operator)
    sheets = [_without(sheet, own) for sheet in day.sheets if run_id in ("", sheet.run.id)]
    if not sheets:
        raise NotFound("request")
    wish = wishes.trip_request(town, row, rider, [sheet.run for sheet in sheets])
    if row.service_date >= town.today():
        wish = replace(wish, asked_at=max(wish.asked_at, town.seconds_now(row.service_date)))
    with town.store.read() as records:
        bounded = rules.bounded(records, [sheet.run for sheet in sheets])
        agreed = agreements.opened(records, bounded)
        opened = agreements.opened(records, bounded, people=row.people)
    covered = [replace(sheet, run=run) for sheet, run in zip(sheets, opened, strict=True)]
    why = dict.fromkeys((run.id for run in agreements.closed(agreed, opened)), Rule.QUOTA)
    lapsed = agreements.closed(bounded, agreed)
    told = _verdicts(town, wish, covered, why | dict.fromkeys((run.id for run in lapsed), Rule.AGREEMENT))
    return row, [replace(one, rides=one.sheet.run.id in own) for one in _changed(town, wish, told)]


def _without(sheet: RunSheet, own: Mapping[str, str]) -> RunSheet:
    ride = own.get(sheet.run.id)
    return replace(sheet, run=without(sheet.run, ride)) if ride else sheet


def _changed(town: Town, wish: TripRequest, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Say of the runs that come nearest by how little the request would have to change."""
    told = list(verdicts)
    nearest = [k for k, one in enumerate(told) if not (one.fits or one.closed)][:MOST_CHANGES]
    for k in nearest:
        found = offers.offers(wish, [town.freeze(told[k].sheet.run)], town.roads)
        if isinstance(found, offers.Refusal):
            told[k] = replace(told[k], changes=found.changes)
    return told


def _verdicts(town: Town, wish: TripRequest, sheets: Sequence[RunSheet], why: Mapping[str, Rule]) -> list[Verdict]:
    """Put first the runs that fit, then those that come nearest to it, and last those that are closed.

    why: what closes those that would be open, by id.
    """
    closed = [sheet for sheet in sheets if not sheet.run.policy.riders]
    asked = [
        (sheet, explain(wish, town.freeze(sheet.run), town.roads, town.objective))
        for sheet in sheets
        if sheet not in closed
    ]
    asked.sort(key=lambda one: one[1].miss)
    told = [Verdict(sheet, closed=False, fits=said.fits is not None, stopped=said.stopped) for sheet, said in asked]
    stopped = {run: (Broken(rule, run),) for run, rule in why.items()}
    return told + [Verdict(sheet, closed=True, stopped=stopped.get(sheet.run.id, ())) for sheet in closed]
