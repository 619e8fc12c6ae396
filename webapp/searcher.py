"""The process that searches for a better plan of a day (see `webapp.apart`): it is told numbers, and no name."""

from typing import Any

import numpy as np
from pydantic import TypeAdapter

from matching import solver
from matching.model import Run, TripRequest
from matching.objective import Objective
from matching.plan import Plan
from matching.verification import Table
from routing.times import Place
from webapp import apart

RUNS = TypeAdapter(list[Run])
REQUESTS = TypeAdapter(list[TripRequest])
PLACES = TypeAdapter(list[Place])
OBJECTIVE = TypeAdapter(Objective)
PLAN = TypeAdapter(Plan)


def question(
    runs: list[Run], requests: list[TripRequest], places: list[Place], objective: Objective, **how: float
) -> dict[str, Any]:
    """Write what is asked; behind it goes the table of travel times between the places, int32 row by row."""
    return {
        "runs": RUNS.dump_python(runs, mode="json"),
        "requests": REQUESTS.dump_python(requests, mode="json"),
        "places": PLACES.dump_python(places, mode="json"),
        "objective": OBJECTIVE.dump_python(objective, mode="json"),
        "how": how,
    }


def _answer(asked: dict[str, Any], content: bytes) -> bytes:
    places = PLACES.validate_python(asked["places"])
    seconds = np.frombuffer(content, np.int32).reshape(len(places), len(places))
    runs, requests = RUNS.validate_python(asked["runs"]), REQUESTS.validate_python(asked["requests"])
    objective = OBJECTIVE.validate_python(asked["objective"])
    return PLAN.dump_json(solver.replan(runs, requests, Table(places, seconds), objective=objective, **asked["how"]))


def main() -> None:
    """Search until nobody asks any more."""
    solver.warm_search()
    apart.serve(_answer)


if __name__ == "__main__":
    main()
