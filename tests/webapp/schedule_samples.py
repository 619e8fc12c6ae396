"""Small schedule files, and short ways to read them."""

import csv
import io

from webapp.files.canonical import FieldNames, Message, ScheduleFile, read_schedule
from webapp.resources import data_path

NAMES = FieldNames.load(data_path("field_names.toml"))

JAPANESE = """便ID,車両,座席数,運行日,開始日,終了日,場所,時刻,乗車,降車
D1迎え,1号車,8,月火木,R8.4.1,R9.3.31,本町1-2 (A12),８時15分,1,
,,,,,,港町3-4 (B07w),8:27,1,
,,,,,,あおぞらデイ,9時,,2
"""

HEADER = "run_id vehicle seats wheelchair_places days from until who_may_ride place time time_latest board alight"
HEADER += " riders_on riders_off wheelchair_on seq lat lon detour not_on also_on max_extra_min stop_code residents"
FIELDS = [*HEADER.split(), "operator", "shift"]
SEASON = {"days": "Mon", "from": "2026-04-01", "until": "2027-03-31", "who_may_ride": "anyone"}
TWO_RUNS: list[dict[str, str]] = [
    {"run_id": "D1", "vehicle": "V1", "seats": "4", "place": "A", "time": "8:00", "board": "2", **SEASON},
    {"place": "B", "time": "8:10", "board": "1"},
    {"place": "C", "time": "8:30", "alight": "3"},
    {"run_id": "D2", "vehicle": "V2", "seats": "4", "place": "A", "time": "8:15", "board": "1", **SEASON},
    {"place": "C", "time": "9:20", "alight": "1"},
]
"""D1 in rows 2 to 4 and D2 in rows 5 and 6 of the sheet, both without a fault."""


def read(content: bytes | str, filename: str = "runs.csv", language: str = "en") -> ScheduleFile:
    data = content.encode() if isinstance(content, str) else content
    return read_schedule(data, filename, language=language, names=NAMES)


def sheet(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def with_changes(changes: dict[tuple[int, str], str]) -> ScheduleFile:
    """Read the two runs with other words in the cells at (row of the sheet, column)."""
    rows = [dict(row) for row in TWO_RUNS]
    for (row, field), words in changes.items():
        rows[row - 2][field] = words
    return read(sheet(rows))


def codes(file: ScheduleFile) -> list[str]:
    return [message.code for message in file.messages]


def message_of(file: ScheduleFile, code: str) -> Message:
    return next(message for message in file.messages if message.code == code)
