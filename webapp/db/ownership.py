"""Read whose a thing is, without reading the thing: what every request is asked before its page is made."""

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import func
from sqlmodel import Session, col, select

from webapp.db.tables import Event, RoadReview, Run, RunStop, RunWatch


class RunSpan(NamedTuple):
    """Whose a run is and when it is driven; begins, ends: seconds of its service day, as published.

    told: did its driver tell anything of it yet? closed_at: when its driver ended it.
    """

    operator_id: str
    service_date: date
    begins: int
    ends: int
    told: bool
    closed_at: datetime | None


class Ownership:
    """The part of `Records` that says whose a thing is."""

    _session: Session

    def run_span(self, run_id: str) -> RunSpan | None:
        """Give whose a run is and when it is driven, with one query."""
        first = func.coalesce(RunStop.planned, RunStop.earliest)
        of_run = col(RunStop.run_id) == Run.id
        begins = select(func.min(first)).where(of_run, ~col(RunStop.depot)).scalar_subquery()
        ends = select(func.max(RunStop.latest)).where(of_run).scalar_subquery()
        told = select(func.count()).where(Event.run_id == run_id).scalar_subquery()
        chosen = select(Run.operator_id, Run.service_date, begins, ends, told, RunWatch.closed_at)  # type: ignore[call-overload]
        joined = chosen.outerjoin(RunWatch, col(RunWatch.run_id) == Run.id).where(Run.id == run_id)
        row = self._session.exec(joined).first()
        return RunSpan(row[0], row[1], row[2] or 0, row[3] or 0, row[4] > 0, row[5]) if row else None

    def event_operator(self, event_id: str) -> str | None:
        """Give the operator of the run of which something was told."""
        chosen = select(Run.operator_id).join(Event, col(Event.run_id) == Run.id).where(Event.id == event_id)
        return self._session.exec(chosen).first()

    def operators_on(self, day: date) -> frozenset[str]:
        """Name the operators that have a run on a date."""
        chosen = select(Run.operator_id).where(Run.service_date == day, ~col(Run.removed)).distinct()
        return frozenset(self._session.exec(chosen))

    def operators_reviewing(self, update_id: str) -> frozenset[str]:
        """Name the operators whose runs were timed anew on new roads."""
        return frozenset(self._session.exec(select(RoadReview.operator_id).where(RoadReview.update_id == update_id)))
