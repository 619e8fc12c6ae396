"""Compile all that a request needs before the first one comes, or load it from the cache."""

from collections.abc import Callable

from matching import fleet, solver
from routing import hierarchy, lines, walks


def warm(progress: Callable[[int, int], None] | None = None) -> None:
    """Warm what requests need, then re-planning; tell how many steps of how many are done."""

    def tell(done: int, of: int) -> None:
        if progress is not None:
            progress(1 + done, 1 + of)

    _warm_roads()
    tell(0, 3)
    solver.warm(tell)


def warm_requests(progress: Callable[[int, int], None] | None = None) -> None:
    """Warm what the answer to a resident needs and no more, so that the first one comes soon."""

    def tell(done: int, of: int) -> None:
        if progress is not None:
            progress(1 + done, 1 + of)

    _warm_roads()
    fleet.warm(tell)


def _warm_roads() -> None:
    hierarchy.warm()
    lines.warm()
    walks.warm()
