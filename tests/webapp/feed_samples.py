"""A small GTFS feed in central Helsinki: one route both ways on Mondays to Fridays, and ways to spoil it."""

import io
import zipfile
from collections.abc import Mapping

from tests.webapp.small_town import KAMP, LIISANKATU, RAUTATIENTORI, RESSU
from webapp.files.answers import Answers
from webapp.files.gtfs import read_feed
from webapp.files.scheduled import ScheduleFile

_STOPS = {"L": LIISANKATU, "R": RAUTATIENTORI, "K": KAMP, "S": RESSU}
FEED = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\na,Bus,https://example.org,Europe/Helsinki\n",
    "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\n"
    + "".join(f"{name},Stop {name},{place.lat},{place.lon}\n" for name, place in _STOPS.items()),
    "routes.txt": "route_id,route_short_name,route_long_name,route_type\nr1,1,School line,3\n",
    "trips.txt": "route_id,service_id,trip_id,trip_headsign,direction_id,block_id,wheelchair_accessible\n"
    "r1,wk,t1,School,0,B1,1\nr1,wk,t2,Home,1,B1,2\n",
    "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence,pickup_type,drop_off_type\n"
    "t1,08:00:00,08:00:00,L,1,0,1\nt1,08:06:00,08:07:00,R,2,3,3\nt1,08:20:00,08:20:00,S,3,1,0\n"
    "t2,15:00:00,15:00:00,S,1,0,1\nt2,15:15:00,15:15:00,L,2,1,0\n",
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    "wk,1,1,1,1,1,0,0,20260801,20270630\n",
    "calendar_dates.txt": "service_id,date,exception_type\nwk,20261124,2\nwk,20261128,1\n",
}


def feed(changes: Mapping[str, str | bytes | None] | None = None, folder: str = "") -> bytes:
    """Zip the feed with other tables in it; None takes one out."""
    tables = {name: content for name, content in {**FEED, **(changes or {})}.items() if content is not None}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in tables.items():
            archive.writestr(folder + name, content)
    return packed.getvalue()


def read(content: bytes | None = None, answers: Answers = Answers(), **changes: str | None) -> ScheduleFile:  # noqa: B008
    """Read the feed with other tables, named without their ending."""
    tables = {f"{name}.txt": text for name, text in changes.items()}
    return read_feed(feed(tables) if content is None else content, "feed.zip", answers=answers)


def table(name: str, old: str = "", new: str = "") -> str:
    """Give a table of the feed with one part put otherwise."""
    text = FEED[f"{name}.txt"]
    assert old in text
    return text.replace(old, new)
