"""Runs that were read before, so that a search reads of a day what changed since, however many runs it has."""

from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

from matching.model import Run

MOST = 4096


class State(NamedTuple):
    """What tells one state of a kept run from any other: its revision, and how much was told of it by when.

    Plans change by revisions alone, and what was told is only ever added to.
    """

    revision: int
    told: int
    last_told: object


class KeptRuns:
    """The runs of one database as they were committed; for readers alone. Threads share it.

    A run is never handed out for another state than the one that a reader has just read of it.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[str, tuple[State, Run]] = OrderedDict()
        self._lock = Lock()

    def find(self, run_id: str, state: State) -> Run | None:
        """Give a run if it is kept as it is in this state."""
        with self._lock:
            kept = self._kept.get(run_id)
            if kept is None or kept[0] != state:
                return None
            self._kept.move_to_end(run_id)
            return kept[1]

    def keep(self, run: Run, state: State) -> None:
        """Keep a run as it is in this state; of too many, the one that was asked for longest ago goes."""
        with self._lock:
            self._kept[run.id] = (state, run)
            self._kept.move_to_end(run.id)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
