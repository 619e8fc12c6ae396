"""The records room's own door: open the records, read them, change them.

Plan outside, lock, revalidate, commit: a search for seats runs with no transaction open; then `Store.commit` locks the
runs that it wants to change, looks again, and writes. SQLite and PostgreSQL take the same path.
"""

import copy
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
from webapp import metrics
from webapp.db import health, leases, tables
from webapp.db.door import Door, Grip, RunHead
from webapp.db.engines import CONNECTIONS, lost_a_race, open_database, out_of_reach
from webapp.db.errors import Busy, LeaseLost, NotFound, PromiseBroken, StoreError, Unavailable
from webapp.db.kept_runs import KeptRuns
from webapp.db.leases import Fence
from webapp.db.lines import NamedLines, Turns
from webapp.db.migrations import newest, read_revision, revision_of, upgrade
from webapp.db.records import Records, Revision

__all__ = [
    "Busy",
    "Door",
    "Fence",
    "LeaseLost",
    "NotFound",
    "PromiseBroken",
    "Records",
    "Revision",
    "RunHead",
    "Store",
    "StoreError",
    "Unavailable",
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
    _one_version: ClassVar[bool] = True
    """Tests switch this off to show that an old version would write into newer records without it."""
    _fences: ClassVar[bool] = True
    """And the fences, to show that a worker would write after another one took over."""

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
        self._fence: Fence | None = None
        self.on_work: Callable[[str], None] | None = None
        """Hears, after a commit, which kind of work it made; must not raise."""
        self._kept_runs = KeptRuns()

    def behind(self, fence: Fence) -> "Store":
        """Give these records to a worker: its commits raise LeaseLost once its lease is another one's."""
        fenced = copy.copy(self)
        fenced._fence = fence
        return fenced

    @property
    def address(self) -> str:
        """Tell where the records are, without a password."""
        return self._database.engine.url.render_as_string()

    def migrate(self, *, anew: bool = True) -> None:
        """Bring the tables up to date; several processes may do so at once.

        anew: whether records may be begun where there are none. Raises StoreError for newer or damaged records, for
        those that may only be read, or where there is no database at the address.
        """
        try:
            if not anew and not self._database.is_there():
                raise StoreError(f"{self.address} is gone")
            with self._database.migrating() as connection:
                if not anew and not revision_of(connection):
                    raise StoreError(f"{self.address} is empty")
                upgrade(connection)
        except DBAPIError as error:
            said = " ".join(str(error.orig).split())
            raise StoreError(f"{self.address} cannot be opened: {said}") from error

    def scrub(self, *, rewrite: bool = False) -> None:
        """Leave nothing in the files of what was deleted; rewrite: all anew, while nobody works. Raises Busy."""
        try:
            self._database.scrub(self._patience, rewrite=rewrite)
        except OperationalError as error:
            raise Busy("others use the records") from error

    def examine(self) -> health.Health:
        """Ask the database how it is. Raises StoreError where it does not answer."""
        try:
            with self._database.snapshot() as connection:
                return health.examine(connection)
        except (DBAPIError, PoolTimeout) as error:
            raise StoreError("the database does not answer") from error

    def backlog(self) -> health.Backlog:
        """Count what still has to be told. Raises StoreError where the database does not answer."""
        try:
            with self._database.snapshot() as connection, Session(connection) as session:
                return health.count_backlog(session, self._clock())
        except (DBAPIError, PoolTimeout) as error:
            raise StoreError("the database does not answer") from error

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def read(self, *, anew: bool = False) -> Iterator[Records]:
        """See one moment of the records; do not call `commit` before leaving. Raises Busy, Unavailable.

        anew: put every run together from its rows, whatever was read of it before.
        """
        try:
            with self._database.snapshot() as connection, Session(connection, expire_on_commit=False) as session:
                yield Records(session, self._timezone, None if anew else self._kept_runs)
        except PoolTimeout as late:
            metrics.database_failed(late)
            raise Busy("every connection is in use") from late
        except DBAPIError as error:
            metrics.database_failed(error)
            if lost_a_race(error):
                raise Busy("the records are being written") from error
            self._explain(error)
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

        Raises Busy when the locks were not had in time, Unavailable when the database cannot be reached or written or
        belongs to another version, StoreError when a rule of the tables refused a row, LeaseLost behind a fence. After
        Unavailable it may be that the change was kept all the same: whoever asks again with the same key is told.
        """
        grip = Grip(frozenset(runs), times, self._clock, self._timezone)
        people = sorted({*riders, *([rider] if rider else ())})
        deadline = monotonic() + self.turns.seconds_left(self._patience)
        for left in reversed(range(TRIES)):
            try:
                answer, makes = self._attempt(change, grip, people, deadline - monotonic())
            except PoolTimeout as late:
                metrics.database_failed(late)
                raise Busy("every connection is in use") from late
            except IntegrityError as error:
                metrics.database_failed(error)
                raise StoreError(_rule_of(error)) from error
            except DBAPIError as error:
                metrics.database_failed(error)
                if not lost_a_race(error):
                    self._explain(error)
                    raise
                if not left or monotonic() >= deadline:
                    raise Busy("others are changing the same runs") from error
            else:
                if self.on_work:
                    for kind in sorted(makes):
                        self.on_work(kind)
                return answer
            sleep(uniform(0, LONGEST_PAUSE))
        raise AssertionError("the last try answers or raises")

    def _attempt(
        self, change: Callable[[Door], T], grip: Grip, riders: list[str], seconds: float
    ) -> tuple[T, set[str]]:
        asked = monotonic()
        until = asked + seconds
        with ExitStack() as held:
            with self.turns.lent():
                if self._locks:
                    held.enter_context(self._held_here.held(grip.locked, seconds))
                left = max(0.0, until - monotonic())
                connection = held.enter_context(self._database.alone(left, locks=self._locks))
                session = held.enter_context(Session(connection, expire_on_commit=False))
                if self._fence and self._fences:
                    leases.hold(session, self._fence)
                if self._one_version and read_revision(connection) != newest():
                    raise Unavailable("the records are of another version of Noriai: start the service anew")
                if self._locks:
                    _lock(session, grip.locked, riders)
                metrics.waited(monotonic() - asked)
            door = Door(session, grip)
            return change(door), door.makes

    def _explain(self, error: DBAPIError) -> None:
        """Raise Unavailable where the fault is the database's, or where its tables are those of another version."""
        if out_of_reach(error):
            raise Unavailable(" ".join(str(error.orig).split())) from error
        with self._database.snapshot() as connection:
            strange = revision_of(connection) != newest()
        if strange:
            raise Unavailable("the records are of another version of Noriai: start the service anew") from error


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
