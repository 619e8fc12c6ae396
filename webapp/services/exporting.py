"""An operator's schedule as a file again: what was taken in last, in the layout that every upload may have."""

from webapp.files.export import ENCODINGS, write_csv, write_sheets, write_xlsx
from webapp.files.field_names import FieldNames
from webapp.files.scheduled import PlaceEntry, ScheduledRun, ScheduleFile, Vehicle
from webapp.resources import data_path
from webapp.services import service_dates
from webapp.services.errors import NotFound
from webapp.town import Town

FORMATS = {"xlsx": "", "csv": ENCODINGS[0], "csv-cp932": ENCODINGS[1]}
"""What may be asked for, with the encoding of a text file."""


def export(town: Town, operator: str, kind: str, language: str) -> bytes:
    """Write an operator's schedule as one of `FORMATS`; a text file holds the runs alone.

    Raises NotFound where nothing was taken in, or for any other kind, and files.export.NotInEncoding.
    """
    file = kept_schedule(town, operator)
    if kind not in FORMATS or not file.runs:
        raise NotFound("schedule")
    sheets = write_sheets(file, FieldNames.load(data_path("field_names.toml")), language)
    return write_xlsx(sheets) if kind == "xlsx" else write_csv(sheets[0], FORMATS[kind])


def kept_schedule(town: Town, operator: str) -> ScheduleFile:
    """Put together the files that an operator's runs come from; of a run that two of them hold, the newer counts."""
    with town.store.read() as records:
        kept = [plan.file for plan in service_dates.list_plans(records, town.today(), operator)]
    runs: list[ScheduledRun] = []
    vehicles: dict[str, Vehicle] = {}
    places: dict[str, PlaceEntry] = {}
    for file in reversed(kept):
        held = {run.code for run in runs}
        runs += [run for run in file.runs if run.code not in held]
        vehicles, places = file.vehicles | vehicles, file.places | places
    return ScheduleFile(tuple(runs), vehicles, places)
