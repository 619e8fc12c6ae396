"""Travel times read from a matrix, for places that are numbered and have no road between them."""

from collections.abc import Sequence

import numpy as np

from routing.times import Place, Seconds


class MatrixTimes:
    """Travel times between numbered places: place k is `Place(k, 0)`."""

    def __init__(self, seconds: Seconds) -> None:
        """Take the travel time from each place (row) to each place (column), whole seconds."""
        self.seconds: Seconds = np.ascontiguousarray(seconds, dtype=np.int32)
        self.places = tuple(Place(float(k), 0.0) for k in range(len(seconds)))
        self._number = {place: k for k, place in enumerate(self.places)}

    def number(self, place: Place) -> int:
        """Give the row and column of a place."""
        return self._number[place]

    def between(self, origin: Place, destination: Place) -> int:
        return int(self.seconds[self._number[origin], self._number[destination]])

    def table(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        rows, columns = ([self._number[place] for place in places] for places in (origins, destinations))
        return self.seconds[np.ix_(rows, columns)]
