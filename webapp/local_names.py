"""What the records add to the names of the map: the public stops of the schedules, and how many people use a name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from threading import Lock

from routing.naming import keys_of
from routing.places import Entry, PlaceIndex
from webapp.db.store import Store

STOP = "stop"
"""Kind of the places that only the schedules know."""
LEAST_RIDERS = 5
LEAST_RIDERS_OF_ADDRESS = 10
LOOKING_BACK = timedelta(days=180)
COUNTED_FOR = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Stops:
    area: PlaceIndex
    key: tuple[date, datetime | None]
    index: PlaceIndex


@dataclass(slots=True)
class LocalNames:
    """One process's memory of both, read anew when it is out of date; may be shared by threads."""

    _lock: Lock = field(default_factory=Lock)
    _stops: _Stops | None = None
    _uses: tuple[datetime, Mapping[str, int]] | None = None

    def index(self, area: PlaceIndex, store: Store, today: date) -> PlaceIndex:
        """Give the names of the area and of the stops that any resident may use from today on.

        A stop that is private, such as a rider's home, is in no index. Made anew when a schedule was published, a day
        is over, or the area is another one.
        """
        with store.read() as records:
            key = (today, records.published_at())
            kept = self._stops
            if kept is not None and kept.area is area and kept.key == key:
                return kept.index
            stops = [Entry(label, STOP, place) for label, place in records.list_public_stops(today)]
        made = _Stops(area, key, area.with_stops(stops))
        self._stops = made
        return made.index

    def uses(self, store: Store, now: datetime) -> Mapping[str, int]:
        """Map names to how many people travelled from or to them lately; a person counts once, however often they go.

        Nobody can be told from the order of a list of places: names of fewer than 5 people are not counted, and
        addresses, which may be private doors, only from 10 people on. Counted anew every 5 minutes.
        """
        with self._lock:
            if self._uses is None or not timedelta() <= now - self._uses[0] < COUNTED_FOR:
                with store.read() as records:
                    counted = records.count_riders_by_place(now - LOOKING_BACK, LEAST_RIDERS)
                self._uses = (now, {name: people for name, people in counted.items() if people >= _least(name)})
            return self._uses[1]


def _least(name: str) -> int:
    return LEAST_RIDERS_OF_ADDRESS if any(key.chain for key in keys_of(name)) else LEAST_RIDERS
