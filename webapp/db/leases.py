"""Leases in the records: one worker at a time for each kind of work and area, whatever the clocks of machines say.

A lease that is held is taken over by whoever saw it stand still, by a clock that never jumps, for as long as a lease
lasts. Its token then grows, and what its former holder still wants to write is refused in the same transaction.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from webapp.db.errors import LeaseLost
from webapp.db.tables import Lease

Beat = tuple[int, int]
"""By which a lease is told from what it becomes: its token and its beat."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A lease that somebody took: what is written behind it is written only while nobody else has taken it."""

    kind: str
    area: str
    token: int


class LeaseReader:
    """What `Records` tells of leases."""

    _session: Session

    def list_leases(self) -> list[Lease]:
        """List all leases, held or not, with how the work of each went last."""
        return list(self._session.exec(select(Lease).order_by(Lease.kind, Lease.area)))

    def find_lease(self, kind: str, area: str) -> Lease | None:
        return self._session.exec(select(Lease).where(Lease.kind == kind, Lease.area == area)).first()


class LeaseWriter(LeaseReader):
    """What `Door` does with leases."""

    def now(self) -> datetime:
        raise NotImplementedError

    def take_lease(self, kind: str, area: str, holder: str, *, lasts: timedelta, still: Beat | None) -> Lease | None:
        """Take a lease that nobody holds, or one that still has the beat `still`; None when another one holds it."""
        insert: Any = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}[self._session.get_bind().dialect.name]
        fresh = Lease(kind=kind, area=area).model_dump()
        self._session.connection().execute(insert(Lease).values(fresh).on_conflict_do_nothing())
        row = self._session.exec(_named(kind, area).with_for_update()).one()
        if row.holder and (row.token, row.beat) != still:
            return None
        row.holder, row.token, row.beat = holder, row.token + 1, 0
        row.taken_at = self.now()
        row.held_until = row.taken_at + lasts
        self._session.flush()
        return row

    def renew_lease(self, fence: Fence, lasts: timedelta) -> bool:
        """Go on holding a lease; False when it is another one's by now."""
        return self._update_lease(fence, beat=col(Lease.beat) + 1, held_until=self.now() + lasts)

    def end_lease(self, fence: Fence, error: str | None) -> bool:
        """Give a lease back and note how the work went; `error` names the kind of fault. False as for `renew_lease`."""
        free: dict[str, Any] = {"holder": "", "held_until": None}
        if error is None:
            return self._update_lease(fence, **free, succeeded_at=self.now(), error="", attempts=0)
        return self._update_lease(fence, **free, failed_at=self.now(), error=error, attempts=col(Lease.attempts) + 1)

    def forget_leases(self, kind: str, areas: Iterable[str]) -> None:
        """Delete leases that nobody holds."""
        gone = (Lease.kind == kind, col(Lease.area).in_(list(areas)), Lease.holder == "")
        self._session.exec(delete(Lease).where(*gone))

    def _update_lease(self, fence: Fence, **values: Any) -> bool:
        changed = update(Lease).where(*_held(fence)).values(**values).returning(col(Lease.token))
        return self._session.connection().execute(changed).first() is not None


def hold(session: Session, fence: Fence) -> None:
    """Let nobody take a lease over until this transaction ends. Raises LeaseLost when somebody has."""
    held = select(Lease.token).where(*_held(fence)).with_for_update(read=True)
    if session.exec(held).first() is None:
        raise LeaseLost(f"{fence.kind} for {fence.area} is another worker's by now")


def _named(kind: str, area: str) -> Any:
    return select(Lease).where(Lease.kind == kind, Lease.area == area)


def _held(fence: Fence) -> tuple[Any, ...]:
    return (Lease.kind == fence.kind, Lease.area == fence.area, Lease.token == fence.token, Lease.holder != "")
