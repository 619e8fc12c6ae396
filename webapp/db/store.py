"""The records room's own door: open the records, read them, change them.

Plan outside, lock, revalidate, commit: a search for seats runs with no transaction open; then `Store.commit` locks the
runs that it wants to change, looks again, and writes. SQLite and PostgreSQL take the same path.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from random import uniform
from time import monotonic, sleep
from typing import ClassVar, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session, col, select

from routing.times import TravelTimes
from webapp.db import tables
from webapp.db.door import Door, Grip, RunHead
from webapp.db.engines import CONNECTIONS, lost_a_race, open_database
from webapp.db.errors import Busy, NotFound, PromiseBroken, StoreError
from webapp.db.kept_runs import KeptRuns
from webapp.db.lines import NamedLines, Turns
from webapp.db.migrations import upgrade
from webapp.db.records import Records, Revision

__all__ = [
    "Busy",
    "Door",
    "NotFound",
    "PromiseBroken",
    "Records",
    "Revision",
    "RunHead",
    "Store",
    "StoreError",
]

T = TypeVar("T")

PATIENCE = 3.0
WRITTEN = 0.5
"""Seconds of these that are left to write the page which says that somebody has to come again."""
TRIES = 8
LONGEST_PAUSE = 0.2


class Store:
    """The records of one database. Threads share one store; each process opens its own."""

    _locks: ClassVar[bool] = True
    """Tests switch the locks off to show that seats would be sold twice without them."""

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], datetime],
        timezone: ZoneInfo,
        patience: float = PATIENCE,
        connections: int = CONNECTIONS,
    ) -> None:
        """Open the records at "sqlite:///file" or "postgresql://..."; wait for locks at most `patience` seconds.

        timezone: the town's, in which its service days begin. connections: most that are open at once.
        """
        self._database = open_database(url, patience, connections)
        self._held_here = NamedLines()
        self.turns = Turns(patience=max(patience - WRITTEN, patience / 2))
        self._clock = clock
        self._timezone = timezone
        self._patience = patience
        self._kept_runs = KeptRuns()

    def migrate(self) -> None:
        """Bring the tables up to date; several processes may do so at once.

        Raises StoreError for newer records, or where there is no database at the address.
        """
        try:
            with self._database.migrating() as connection:
                upgrade(connection)
        except OperationalError as error:
            raise StoreError(f"{self._database.engine.url!r} cannot be opened: {error.orig}") from error

    def close(self) -> None:
        self._database.engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Records]:
        """See one moment of the records; do not call `commit` before leaving. Raises Busy."""
        try:
            with self._database.snapshot() as connection, Session(connection, expire_on_commit=False) as session:
                yield Records(session, self._timezone, self._kept_runs)
        except PoolTimeout as late:
            raise Busy("every connection is in use") from late
        except DBAPIError as error:
            if lost_a_race(error):
                raise Busy("the records are being written") from error
            raise

    def commit(
        self,
        change: Callable[[Door], T],
        *,
        runs: Iterable[str] = (),
        rider: str | None = None,
        riders: Iterable[str] = (),
        times: TravelTimes | None = None,
    ) -> T:
        """Lock the runs in ascending id, then the riders alike; let `change` read and write; commit; return its answer.

        An exception in `change` undoes all of it. After a lost race `change` is called again, so it must act on nothing
        but the door; it must not call `commit` or `read` of this store. times: what `Door.keep` judges by.

        Raises Busy when the locks were not had in time, StoreError when a rule of the tables refused a row.
        """
        grip = Grip(frozenset(runs), times, self._clock, self._timezone)
        people = sorted({*riders, *([rider] if rider else ())})
        deadline = monotonic() + self.turns.seconds_left(self._patience)
        for left in reversed(range(TRIES)):
            try:
                return self._attempt(change, grip, people, deadline - monotonic())
            except PoolTimeout as late:
                raise Busy("every connection is in use") from late
            except IntegrityError as error:
                raise StoreError(_rule_of(error)) from error
            except DBAPIError as error:
                if not lost_a_race(error):
                    raise
                if not left or monotonic() >= deadline:
                    raise Busy("others are changing the same runs") from error
            sleep(uniform(0, LONGEST_PAUSE))
        raise AssertionError("the last try answers or raises")

    def _attempt(self, change: Callable[[Door], T], grip: Grip, riders: list[str], seconds: float) -> T:
        until = monotonic() + seconds
        with ExitStack() as held:
            with self.turns.lent():
                if self._locks:
                    held.enter_context(self._held_here.held(grip.locked, seconds))
                left = max(0.0, until - monotonic())
                connection = held.enter_context(self._database.alone(left, locks=self._locks))
                session = held.enter_context(Session(connection, expire_on_commit=False))
                if self._locks:
                    _lock(session, grip.locked, riders)
            return change(Door(session, grip))


def _lock(session: Session, runs: Iterable[str], riders: list[str]) -> None:
    """Lock rows; SQLite drops FOR UPDATE, and its writers are alone already."""
    wanted = sorted(runs)
    if wanted:
        held = select(tables.Run.id).where(col(tables.Run.id).in_(wanted)).order_by(tables.Run.id).with_for_update()
        session.exec(held).all()
    if riders:
        people = select(tables.User.id).where(col(tables.User.id).in_(riders)).order_by(tables.User.id)
        session.exec(people.with_for_update()).all()


def _rule_of(error: IntegrityError) -> str:
    """Name the rule that refused a row, without the row's values: they may be somebody's."""
    diagnosis = getattr(error.orig, "diag", None)
    return str(diagnosis.message_primary if diagnosis else error.orig)
