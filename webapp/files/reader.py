"""Read any file that a dispatcher sends, and the process that does so for strangers' files (see `webapp.apart`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from webapp import apart
from webapp.files.answers import Answers
from webapp.files.archive import is_feed
from webapp.files.canonical import read_schedule
from webapp.files.field_names import FieldNames
from webapp.files.glimpses import ColumnsTold
from webapp.files.gtfs import read_feed
from webapp.files.scheduled import ScheduleFile
from webapp.holiday_tables import NO_HOLIDAYS, PUBLIC, Holidays
from webapp.resources import data_path

SCHEDULE = TypeAdapter(ScheduleFile)
ANSWERS = TypeAdapter(Answers)
UNANSWERED = Answers()


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known beside a file: what was said of it, what its operator calls columns, the holidays of its town.

    columns: as said before, by the digest of a header.
    """

    answers: Answers = UNANSWERED
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    holidays: Holidays = NO_HOLIDAYS


BESIDE = TypeAdapter(Beside)
ALONE = Beside()


def read_file(content: bytes, filename: str, *, language: str = "en", beside: Beside = ALONE) -> ScheduleFile:
    """Read a feed, a workbook or a text file in this very process; most answers are heard for feeds only.

    Strangers' files go to `confined.read_confined`, which bounds what reading may cost.
    """
    if is_feed(content):
        return read_feed(content, filename, language=language, answers=beside.answers)
    told = ColumnsTold(beside.answers.columns, beside.columns)
    return read_schedule(content, filename, language=language, names=_names(), holidays=beside.holidays, columns=told)


@cache
def _names() -> FieldNames:
    return FieldNames.load(data_path("field_names.toml"))


def question(filename: str, language: str, beside: Beside) -> dict[str, Any]:
    """Give what goes before a file's content."""
    return {"filename": filename, "language": language, "beside": BESIDE.dump_python(beside, mode="json")}


def _answer(asked: dict[str, Any], content: bytes) -> bytes:
    beside = BESIDE.validate_python(asked.pop("beside"))
    return SCHEDULE.dump_json(read_file(content, beside=beside, **asked))


def main() -> None:
    """Read files until nobody sends any more."""
    read_file(b"", "")  # loads what every file needs, before the first one is there
    Holidays("JP").find(PUBLIC, date(2026, 1, 1))  # and so does the first question about any country's holidays
    apart.serve(_answer)


if __name__ == "__main__":
    main()
