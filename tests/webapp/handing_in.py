"""Small schedules of a school in central Helsinki, handed in as a dispatcher does."""

from collections.abc import Sequence

from matching.model import Run
from routing.times import Place
from tests.webapp.schedule_samples import sheet
from tests.webapp.small_town import KASARMITORI, LIISANKATU, MONDAY, RAUTATIENTORI, RESSU
from tests.webapp.test_schedule_workbooks import workbook
from tests.webapp.wishes import rider_id, run_of
from webapp.db import tables
from webapp.files.spelling import Cell
from webapp.publishing import run_id
from webapp.resources import data_path
from webapp.services import schedules
from webapp.services.schedules import Checked, Kept, Look
from webapp.town import Town

Rows = list[dict[str, str]]
Cells = list[list[Cell]]
SEASON = {"days": "Mon Tue", "from": "2026-08-01", "until": "2027-06-30", "who_may_ride": "registered"}
MONDAYS_AND_TUESDAYS = 4
"""Of the fortnight that begins on the town's Monday."""
WORKBOOKS = sorted(data_path("demo").glob("*.xlsx"))


def at(place: Place, name: str, time: str, **more: str) -> dict[str, str]:
    return {"place": name, "lat": str(place.lat), "lon": str(place.lon), "time": time, "residents": "yes", **more}


def run(code: str, vehicle: str = "B7", hour: int = 8, *, late: str = "") -> Rows:
    """A run of three stops and two pupils; `late` puts the bell when the road does not lead there in time."""
    head = {"run_id": code, "vehicle": vehicle, "seats": "4", **SEASON}
    bell = {"time_latest": late or f"{hour}:30"}
    return [
        head | at(LIISANKATU, "Liisankatu 29", f"{hour}:00", board="2"),
        at(RAUTATIENTORI, "Rautatientori", f"{hour}:03" if late else f"{hour}:06"),
        at(RESSU, "Ressun lukio", late or f"{hour}:20", alight="2", **bell),
    ]


def at_times(rows: Rows, times: str) -> Rows:
    return [{**row, "time": time} for row, time in zip(rows, times.split(), strict=True)]


TWO = sheet([*run("D1"), *run("D2", hour=9)])


def check(town: Town, file: str | bytes, name: str = "runs.csv") -> Checked:
    content = file.encode() if isinstance(file, str) else file
    return schedules.check(town, content, name, operator="school")


def hand_in(town: Town, file: str) -> tables.Upload:
    return schedules.upload(town, file.encode(), "runs.csv", operator="school", actor=rider_id(town, "dispatcher"))


def look(town: Town, row: tables.Upload) -> Look:
    return schedules.look(town, row.id, operator="school")


def confirm(town: Town, row: tables.Upload, operator: str = "school", *, agreed: int = 0, shown: str = "") -> Kept:
    """Take in what is shown now, or was shown before; without agreeing, nobody loses a seat."""
    shown = shown or schedules.look(town, row.id, operator=operator).shown
    return schedules.confirm(
        town, row.id, operator=operator, actor=rider_id(town, "dispatcher"), shown=shown, agreed=agreed
    )


def take_in(town: Town, file: str) -> Kept:
    return confirm(town, hand_in(town, file))


def kept_run(town: Town, code: str) -> Run:
    return run_of(town, run_id("school", code, MONDAY))


def said(checked: Checked) -> list[str]:
    return [message.code for message in checked.messages]


def with_depot(runs: Sequence[Rows], **vehicle: str) -> bytes:
    """A workbook of runs of one vehicle that stands at Kasarmitori."""
    depot: list[Cell] = ["B7", 4, "Kasarmitori", KASARMITORI.lat, KASARMITORI.lon, *vehicle.values()]
    head: list[Cell] = ["code", "seats", "depot", "depot_lat", "depot_lon", *vehicle]
    return workbook(runs=table([row for one in runs for row in one]), vehicles=[head, depot])


def table(rows: Rows) -> Cells:
    """Lay rows out below their columns."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    written: Cells = [[row.get(name) for name in names] for row in rows]
    return [[*names], *written]
