"""What a plan is worth: the one objective that every search minimises, in seconds of driving."""

from collections.abc import Iterable
from dataclasses import dataclass

from matching.model import TripRequest


@dataclass(frozen=True, slots=True)
class Objective:
    """Weights of a plan's cost, which is counted in seconds of driving; a town may set them in its policy.

    cost = sum of `weight` of every request that gets no seat
         + seconds of driving over all runs
         + seconds that served residents walk (a metre a second)
         + `harm` for each person-second by which a committed rider's drop-off begins later than on the run by itself.

    unserved: seconds that a request without a seat weighs: more than any seat can cost, so that serving comes first.
    classes: what it weighs by its purpose, such as ("medical", 28800). refused: seconds for each earlier refusal.
    Harm is bounded first, by the promises, and minimised second, by this sum.
    """

    unserved: int = 14_400
    classes: tuple[tuple[str, int], ...] = ()
    refused: int = 3_600
    harm: int = 1

    def weight(self, request: TripRequest) -> int:
        """Seconds of driving that it is worth to serve a request."""
        return dict(self.classes).get(request.purpose, self.unserved) + self.refused * min(request.refusals, 10)

    def unserved_weight(self, requests: Iterable[TripRequest]) -> int:
        """Sum the weights of requests that get no seat."""
        return sum(self.weight(request) for request in requests)
