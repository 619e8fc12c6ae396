"""What is known of a caller before the telephone rings, and how the desk begins a call."""

from datetime import date, datetime, timedelta

from routing.times import Place
from tests.webapp.small_town import EIGHT, KAMP, LIISANKATU, MINUTE, MONDAY
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import rider_id
from webapp.db import tables
from webapp.db.store import Door
from webapp.town import Town

EARLY = EIGHT - 10 * MINUTE


def travelled(
    town: Town,
    *days: date,
    ends: tuple[Place, Place] = (LIISANKATU, KAMP),
    labels: tuple[str, str] = ("Liisankatu 29", "Hotel Kämp"),
    depart: int | None = EARLY,
    arrive: int | None = None,
    who: str = "",
) -> None:
    """Write that somebody asked for a trip on these days."""
    rider = who or rider_id(town)

    def change(door: Door) -> None:
        for day in days:
            door.put(
                tables.Request(
                    id=f"past-{rider}-{day}-{labels[1]}", rider_id=rider, asked_by=rider, status="booked",
                    service_date=day, origin_label=labels[0], origin_lat=ends[0].lat, origin_lon=ends[0].lon,
                    destination_label=labels[1], destination_lat=ends[1].lat, destination_lon=ends[1].lon,
                    depart_earliest=depart, arrive_latest=arrive, needs=[], max_walk=300,
                    created_at=datetime.combine(day, datetime.min.time()),
                )
            )  # fmt: skip

    town.store.commit(change)


def mondays(count: int) -> list[date]:
    """List the Mondays before the tests' Monday, the earliest first."""
    return [MONDAY - timedelta(weeks=n) for n in range(count, 0, -1)]


def begin(desk: Visitor, text: str = "0001") -> Visitor:
    """Find the only one who is meant: the call begins."""
    desk.get("/desk")
    desk.send("Search", {"text": text})
    assert desk.path == "/desk/call"
    return desk
