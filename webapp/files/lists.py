"""Read the optional sheets of a workbook about vehicles and places; `calendars` reads the third."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from webapp.files.columns import Record
from webapp.files.messages import Messages
from webapp.files.reading import RowReader
from webapp.files.scheduled import PlaceEntry, Vehicle

_Entry = TypeVar("_Entry")

LEAST_NAMES = 2
"""How many known names make a row the header of such a sheet."""


def list_vehicles(rows: Iterable[Record], messages: Messages) -> dict[str, Vehicle]:
    """Read vehicles by code."""
    return _by_key(rows, messages, "code", _vehicle)


def list_places(rows: Iterable[Record], messages: Messages) -> dict[str, PlaceEntry]:
    """Read places by code, or by name where they have no code."""
    return _by_key(rows, messages, "code", _place, instead="name")


def _by_key(
    rows: Iterable[Record],
    messages: Messages,
    field: str,
    read: Callable[[RowReader], _Entry],
    *,
    instead: str = "",
) -> dict[str, _Entry]:
    """Read rows by their key; a row is left out where anything in it is refused."""
    entries: dict[str, _Entry] = {}
    first_rows: dict[str, int] = {}
    for record in rows:
        reader = RowReader(record, messages)
        key_field = field if record.text(field) or not instead else instead
        key, errors = record.text(key_field), messages.errors
        if key in entries:
            reader.note("E-CODE-TWICE", key_field, first=first_rows[key])
            continue
        entry = read(reader)
        if key and messages.errors == errors:
            entries[key], first_rows[key] = entry, record.number
    return entries


def _vehicle(reader: RowReader) -> Vehicle:
    lat, lon = reader.degrees("depot_lat", "depot_lon")
    return Vehicle(
        code=reader.record.text("code"),
        seats=reader.count("seats"),
        wheelchairs=reader.count("wheelchairs") or 0,
        seats_per_wheelchair=reader.count("seats_per_wheelchair") or 0,
        depot_name=reader.record.words("depot_name"),
        depot_lat=lat,
        depot_lon=lon,
        available_from=reader.time("available_from"),
        available_until=reader.time("available_until"),
        lift=bool(reader.flag("lift")),
        description=reader.record.words("description"),
    )


def _place(reader: RowReader) -> PlaceEntry:
    lat, lon = reader.degrees("lat", "lon")
    code, words = reader.record.text("code"), reader.record.words
    return PlaceEntry(code, words("name"), words("address"), lat, lon, bool(reader.flag("private")))
