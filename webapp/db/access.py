"""Read who looked at whose places, what was refused, and what is left of days that have gone from the records."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, func, or_
from sqlmodel import Session, col, select

from webapp.db.tables import (
    AbsentDay,
    AlertStep,
    ErasedPerson,
    PastDay,
    PastRun,
    PlaceRead,
    RefusedAccess,
    Request,
    Run,
    RunRide,
    Steering,
    Upload,
)

_OF_DAY = (Run, Request, AbsentDay, AlertStep, Steering)


class AccessRecords:
    """The part of the records that tells of readers, and of the past in figures."""

    _session: Session

    def list_place_reads(
        self,
        *,
        objects: Iterable[tuple[str, str, str]] = (),
        operator: str | None = None,
        reader: str | None = None,
        since: datetime | None = None,
    ) -> list[PlaceRead]:
        """List who looked at any of these objects (kind, id, operator), or all of a reader, the latest first."""
        row = PlaceRead
        named = [
            and_(col(row.kind) == kind, col(row.object_id) == one, *([col(row.operator_id) == of] if of else ()))
            for kind, one, of in objects
        ]
        wanted = [or_(*named)] if named else []
        wanted += [] if operator is None else [col(row.operator_id) == operator]
        wanted += [] if reader is None else [col(row.reader_id) == reader]
        wanted += [] if since is None else [col(row.starts) >= since]
        found = list(self._session.exec(select(row).where(*wanted).order_by(col(row.starts).desc(), row.reader_id)))
        self._session.expunge_all()
        return found

    def count_members_read(self, first: datetime, last: datetime) -> dict[tuple[str, str], int]:
        """Map (reader, operator) to how many members they looked at one by one, or on manifests, from then to then.

        The board of a whole day is no looking at somebody.
        """
        within = (col(PlaceRead.starts) >= first, col(PlaceRead.starts) < last)
        of_runs = select(PlaceRead.reader_id, PlaceRead.operator_id, RunRide.member)
        of_runs = of_runs.join(RunRide, col(RunRide.run_id) == PlaceRead.object_id)
        seen = {
            (reader, operator, f"code {member}")
            for reader, operator, member in self._session.exec(
                of_runs.where(PlaceRead.kind == "run", RunRide.member != "", *within).distinct()
            )
        }
        alone = select(PlaceRead.reader_id, PlaceRead.operator_id, PlaceRead.object_id)
        seen |= set(self._session.exec(alone.where(PlaceRead.kind == "member", *within).distinct()))
        counted: dict[tuple[str, str], int] = {}
        for reader, operator, _member in seen:
            counted[reader, operator] = counted.get((reader, operator), 0) + 1
        return counted

    def list_refused(self, since: datetime) -> list[RefusedAccess]:
        """List what was refused to whom from an instant on, the latest first."""
        chosen = select(RefusedAccess).where(col(RefusedAccess.starts) >= since)
        found = list(self._session.exec(chosen.order_by(col(RefusedAccess.starts).desc(), RefusedAccess.reader_id)))
        self._session.expunge_all()
        return found

    def list_days_before(self, before: date) -> list[date]:
        """List the service dates before one that still have trips, requests or notes of staff, earliest first."""
        found: set[date] = set()
        for table in _OF_DAY:
            day: Any = col(table.service_date)
            found.update(self._session.exec(select(day).where(day < before).distinct()))
        return sorted(one for one in found if one)

    def find_past_day(self, day: date) -> PastDay | None:
        """Find the figures of a service date whose trips have left."""
        found = self._session.get(PastDay, day)
        self._session.expunge_all()
        return found

    def list_past_dates(self) -> list[date]:
        """List the service dates of which only figures are left, earliest first."""
        day = col(PastDay.service_date)
        return list(self._session.exec(select(day).order_by(day)))

    def count_past_residents(self, operator: str, runs: Iterable[str], first: date, last: date) -> int:
        """Count the residents whom an operator's runs carried that have left the records."""
        codes = list(runs)
        query = select(func.coalesce(func.sum(PastRun.residents), 0)).where(
            PastRun.operator_id == operator, col(PastRun.service_date).between(first, last)
        )
        return int(self._session.exec(query.where(col(PastRun.code).in_(codes)) if codes else query).one())

    def list_run_residents(self, day: date) -> list[PastRun]:
        """Count the residents of each run of a service date, by operator and code."""
        people = func.coalesce(func.sum(RunRide.seats + RunRide.wheelchairs), 0)
        query = select(Run.operator_id, Run.code, people).join(RunRide, col(RunRide.run_id) == Run.id)
        query = query.where(Run.service_date == day, ~col(RunRide.committed), ~col(Run.removed))
        rows = self._session.exec(query.group_by(Run.operator_id, Run.code))
        return [
            PastRun(operator_id=operator, service_date=day, code=code, residents=int(count))
            for operator, code, count in rows
        ]

    def list_upload_ids_with_schedule(self, operator: str | None = None) -> list[str]:
        """List the uploads that were taken in and still have what they held."""
        own = [] if operator is None else [col(Upload.operator_id) == operator]
        chosen = select(Upload.id).where(Upload.status == "kept", col(Upload.schedule).is_not(None), *own)
        return list(self._session.exec(chosen.order_by(Upload.id)))

    def find_erased(self, subject: str) -> ErasedPerson | None:
        """Find that everything known of somebody was erased."""
        found = self._session.get(ErasedPerson, subject)
        self._session.expunge_all()
        return found
