"""What the records room refuses to do."""

from matching.model import Broken


class StoreError(Exception):
    """The records would be left wrong, so nothing was written."""


class PromiseBroken(StoreError):
    """The judge objected to a run; `broken` lists why."""

    def __init__(self, broken: list[Broken]) -> None:
        super().__init__("; ".join(f"{one.rule} at {one.where} by {one.excess}" for one in broken))
        self.broken = broken


class Busy(StoreError):
    """Others held what had to be locked for too long: say 503 and ask to try again in a few seconds."""


class Unavailable(Busy):
    """The database cannot be reached, or cannot be written: say 503; it works again once that is mended, by itself."""


class NotFound(StoreError):
    """No record has this id."""


class LeaseLost(StoreError):
    """A worker wrote after its lease was taken over or given back: another one does that work now."""
