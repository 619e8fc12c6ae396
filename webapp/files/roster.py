"""Read a list of riders, one row each, into the rows of runs to a facility and home from it."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from webapp.files.columns import Header, Record, Spot, is_footnote, is_remark, picked
from webapp.files.field_names import FieldNames, folded
from webapp.files.grouping import RUN_FIELDS, RunRows
from webapp.files.messages import Messages
from webapp.files.reading import RowReader
from webapp.files.rules import is_rider_code
from webapp.files.runs import Surroundings
from webapp.files.sheets import Row, Table
from webapp.files.spelling import Cell, Unclear, count_of, flag_of, plain, shown, time_of

_Direction = Literal["pick_up", "drop_off"]

_LEAST_NAMES = 3
_PLACES = {"place", "address", "pick_up_place", "drop_off_place", "lat"}
_TIMES = {"pick_up", "drop_off", "time"}
_SAID_ABOVE = {*RUN_FIELDS, "direction", "facility", "arrival", "departure"}
_OF_TITLE = {"direction": {"arrival", "departure"}, "vehicle": {"seats", "wheelchair_places"}}
"""What is said below one title no longer counts below the next."""

_VEHICLE = re.compile(r"(?<![^\W_])[0-9A-Z]{1,4}号車|(?<![^\W_])[0-9A-Z]{1,4}호차")
_TITLE = re.compile(r"(.+?)\s*(?:の)?\s*送迎\s*(?:表|予定表|リスト|一覧|計画表).*")
_COLON = re.compile(r"\s*[:：]\s*")
_LONGEST_LABEL = 60
_SKIPPED = {"no transportation", "なし", "送迎なし", "不要", "-", "―", "ー", "×", "ei kuljetusta", "없음"}
_DITTO = {"〃", "々", "同上", '"'}
_USUAL: dict[str, list[str]] = {
    "pick_up": ["迎え", "등원", "nouto", "AM"],
    "drop_off": ["送り", "하원", "vienti", "PM"],
}


class _Said(NamedTuple):
    """A value that stands above the riders, and where."""

    row: int
    column: int
    label: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class _Part:
    """Riders under one header, with what stands above them."""

    header: Header
    rows: tuple[Row, ...]
    above: Mapping[str, _Said]


class _Ride(NamedTuple):
    """One rider's way in one direction. when: seconds, None where it cannot be read; of: the run, by its code."""

    record: Record
    part: _Part
    direction: _Direction
    field: str
    when: int | None


def roster_header(row: Row, names: FieldNames) -> Header | None:
    """Take a row as the header of a list of riders: a time, a place, and three known names or more."""
    labels = tuple(map(shown, row.cells))
    fields = tuple(names.find("roster", label) if len(label) <= _LONGEST_LABEL else None for label in labels)
    known = set(fields) - {None}
    if len(known) < _LEAST_NAMES or not known & _TIMES or not known & _PLACES:
        return None
    about_riders = known & {"rider", "pick_up", "drop_off", "wheelchair"} or any(map(names.is_personal, labels))
    return Header("roster", row.number, labels, fields) if about_riders else None


class Roster:
    """Reads the lists of riders of one sheet."""

    def __init__(self, table: Table, around: Surroundings, messages: Messages) -> None:
        self._table = table
        self._around = around
        self._messages = messages
        self._names = around.names
        self._title = ""
        self._noted: set[tuple[str, str]] = set()

    def read(self, template: Header | None = None) -> list[RunRows]:
        """Read the runs; `template` says what the columns hold where no header does."""
        parts = list(self._parts(template))
        for part in parts:
            self._note_columns(part.header)
        rides = [ride for part in parts for ride in self._rides(part)]
        by_run: dict[tuple[str, str], list[_Ride]] = defaultdict(list)
        for ride in rides:
            by_run[self._code(ride), self._arrival_words(ride)].append(ride)
        runs = [run for (code, _), some in by_run.items() if (run := self._run(code, some))]
        if parts:
            self._tell(parts, rides, len(by_run), template)
        return runs

    # The sheet

    def _parts(self, template: Header | None) -> Iterator[_Part]:
        """Split the sheet into headers with their riders; what a title says counts until another title says it anew."""
        header, rows, above = template, list[Row](), dict[str, _Said]()
        used = above
        for row in self._table.rows:
            found = roster_header(row, self._names)
            said = {} if found else self._said_by(row, header)
            if found or said:
                if rows and header:
                    yield _Part(header, tuple(rows), dict(used))
                rows = []
                header = found or header
                above = self._renewed(above, said)
                used = above
            elif header and not is_remark(row):
                rows.append(row)
            elif not header:
                self._read_title(row)
        if rows and header:
            yield _Part(header, tuple(rows), used)

    @staticmethod
    def _renewed(above: dict[str, _Said], said: dict[str, _Said]) -> dict[str, _Said]:
        """Add what a title says; another direction takes other times, another vehicle other seats."""
        old = dict(above)
        for title, belongings in _OF_TITLE.items():
            if title in said and title in above:
                for name in belongings & old.keys():
                    if old[name].row >= above[title].row:
                        del old[name]
        return old | said

    def _said_by(self, row: Row, header: Header | None) -> dict[str, _Said]:
        """Read what a row above riders says of them: names with their values, or a direction or vehicle in a title."""
        if header and self._is_rider(row, header):
            return {}
        filled = [(k, cell) for k, cell in enumerate(row.cells) if plain(cell)]
        said: dict[str, _Said] = {}
        label_of: tuple[str, str] | None = None
        for k, cell in filled:
            if label_of:
                said[label_of[0]] = _Said(row.number, k, label_of[1], cell)
                label_of = None
                continue
            label, *value = _COLON.split(shown(cell), maxsplit=1)
            field = self._names.find("roster", label) if len(label) <= _LONGEST_LABEL else None
            if field not in _SAID_ABOVE:
                continue
            if value and value[0]:
                said[str(field)] = _Said(row.number, k, label, value[0])
            else:
                label_of = str(field), label
        return self._titled(row.number, filled) | said

    def _titled(self, number: int, filled: list[tuple[int, Cell]]) -> dict[str, _Said]:
        said: dict[str, _Said] = {}
        for k, cell in filled:
            words = plain(cell)
            if not isinstance(cell, str) or len(words) > _LONGEST_LABEL:
                continue
            if vehicle := _VEHICLE.search(words):
                said["vehicle"] = _Said(number, k, "", vehicle[0])
            if direction := self._direction_in(words):
                said["direction"] = _Said(number, k, "", direction)
        return said

    def _direction_in(self, words: str) -> str | None:
        """Find the one direction that a title names."""
        bare = words.replace("送迎", "")
        whole = self._names.find("direction", bare.strip(" 【】[]()<>■●◆◎▼"))
        if whole:
            return bare.strip(" 【】[]()<>■●◆◎▼")
        there, back = "迎え" in bare or "등원" in bare, "送り" in bare or "하원" in bare
        return None if there == back else ("迎え" if "迎え" in bare else "등원") if there else self._home_word(bare)

    @staticmethod
    def _home_word(words: str) -> str:
        return "送り" if "送り" in words else "하원"

    def _is_rider(self, row: Row, header: Header) -> bool:
        record = Record(self._table.name, row, header)
        return any(plain(record.cell(field)) for field in _TIMES) and any(record.text(field) for field in _PLACES)

    def _read_title(self, row: Row) -> None:
        for cell in row.cells:
            found = _TITLE.fullmatch(shown(cell)) if isinstance(cell, str) and len(cell) <= _LONGEST_LABEL else None
            if found and not self._title:
                self._title = found[1]

    # Riders

    def _rides(self, part: _Part) -> Iterator[_Ride]:
        """List the rides of a part, blank cells about the run filled from above."""
        said_before: dict[str, Cell] = {}
        for row in part.rows:
            record = Record(self._table.name, row, part.header)
            for field in ("vehicle", "run_id", "direction", "pick_up_vehicle", "drop_off_vehicle"):
                if record.text(field) and record.text(field) not in _DITTO:
                    said_before[field] = record.cell(field)
            full = record._replace(row=self._filled(record, said_before))
            yield from self._rides_of(full, part)

    @staticmethod
    def _filled(record: Record, before: Mapping[str, Cell]) -> Row:
        width = len(record.header.fields)
        cells = [*record.row.cells, *[None] * (width - len(record.row.cells))]
        for field, cell in before.items():
            index = record.header.index(field)
            if index is not None and plain(cells[index]) in {"", *_DITTO}:
                cells[index] = cell
        return Row(record.row.number, tuple(cells))

    def _rides_of(self, record: Record, part: _Part) -> Iterator[_Ride]:
        for field in ("pick_up", "drop_off", "time"):
            words = record.text(field)
            if not words or words.casefold() in _SKIPPED or self._is_skipped(record, field):
                continue
            when = time_of(record.cell(field))
            direction = self._direction(record, part) if field == "time" else field
            if direction is None:
                RowReader(record, self._messages).note("E-HEADER", field, variant="direction")
                continue
            way: _Direction = "pick_up" if direction == "pick_up" else "drop_off"
            yield _Ride(record, part, way, field, when if isinstance(when, int) else None)

    @staticmethod
    def _is_skipped(record: Record, field: str) -> bool:
        """Does another cell of this way say that the rider does not take it?"""
        others = (record.text(f"{field}_{what}") for what in ("run", "vehicle", "place"))
        return any(words.casefold() in _SKIPPED for words in others if words)

    def _direction(self, record: Record, part: _Part) -> str | None:
        said = part.above.get("direction")
        words = record.text("direction") or (plain(said.cell) if said else "")
        return self._names.find("direction", words)

    def _text(self, ride: _Ride, field: str) -> str:
        """Give what is said of a ride's run: in its row for this way, in its row, or above."""
        own = ride.record.text(f"{ride.direction}_{'run' if field == 'run_id' else field}") or ride.record.text(field)
        said = ride.part.above.get(field)
        return own or (plain(said.cell) if said else "")

    def _code(self, ride: _Ride) -> str:
        """Name a run by its own name or its vehicle, and by the way it goes."""
        return f"{self._text(ride, 'run_id') or self._text(ride, 'vehicle')} {self._way_words(ride)}".strip()

    @staticmethod
    def _way_words(ride: _Ride) -> str:
        """Say the direction in the words of the sheet."""
        said = ride.part.above.get("direction")
        index = ride.record.header.index(ride.field)
        label = "" if ride.field == "time" or index is None else ride.record.header.labels[index]
        return _way(ride.direction, ride.record.text("direction"), label, plain(said.cell) if said else "")

    @staticmethod
    def _arrival_words(ride: _Ride) -> str:
        return ride.record.text("arrival" if ride.direction == "pick_up" else "departure")

    # Runs

    def _run(self, code: str, rides: list[_Ride]) -> RunRows | None:
        facility = self._facility_name(rides[0])
        homes, at_facility = list[_Ride](), list[_Ride]()
        for ride in rides:
            is_facility = facility and folded(self._place_words(ride)[1]) == folded(facility)
            (at_facility if is_facility else homes).append(ride)
        if not homes:
            return None
        homes, coded = self._in_order(homes), self._has_codes(homes)
        stop = self._facility_stop(code, homes, at_facility, facility, coded=coded)
        if stop is None:
            return None
        riders = [self._home(ride, coded=coded) for ride in homes]
        rows = [*riders, stop] if rides[0].direction == "pick_up" else [stop, *riders]
        run = RunRows(code, rows, self._said_in(homes, code))
        self._check_agreement(run, homes)
        return run

    @staticmethod
    def _in_order(rides: list[_Ride]) -> list[_Ride]:
        """Sort by the column of the order where every row has a number of its own, else by time."""
        numbers = [count_of(ride.record.cell("order")) for ride in rides]
        whole = [number for number in numbers if isinstance(number, int)]
        if len(set(whole)) == len(rides):
            return [ride for _, ride in sorted(zip(whole, rides, strict=True), key=lambda pair: pair[0])]
        if any(ride.when is None for ride in rides):
            return rides
        return sorted(rides, key=lambda ride: ride.when or 0)

    def _place_words(self, ride: _Ride) -> tuple[str, str]:
        """Find where a ride begins or ends: the field that says it, and its words."""
        for field in (f"{ride.direction}_place", "place", "address"):
            words = ride.record.words(field)
            if words:
                return field, words
        return "address", ""

    def _home(self, ride: _Ride, *, coded: bool) -> Record:
        """Make the stop of one rider: a private place, where one person boards or alights."""
        record, boards = ride.record, ride.direction == "pick_up"
        wheelchair = flag_of(record.cell("wheelchair")) if record.text("wheelchair") else False
        if isinstance(wheelchair, Unclear):
            RowReader(record, self._messages).note("E-FLAG", "wheelchair")
        field, words = self._place_words(ride)
        spots = [_spot(record, field, "place", words), _spot(record, ride.field, "time", record.cell(ride.field))]
        if field != "address" and record.text("address"):
            spots.append(_spot(record, "address", "address", record.cell("address")))
        spots += [_spot(record, name, name, record.cell(name)) for name in ("lat", "lon") if record.text(name)]
        spots.append(Spot("residents", 0, "", cell=False))
        if coded:
            code = _coded(record.text("rider"), wheelchair=wheelchair is True)
            spots.append(_spot(record, "rider", "riders_on" if boards else "riders_off", code))
        else:
            spots.append(Spot("board" if boards else "alight", 0, "", 1))
            spots.append(Spot("wheelchair_on", 0, "", int(boards and wheelchair is True)))
        return picked(record.sheet, record.number, spots)

    @staticmethod
    def _has_codes(rides: list[_Ride]) -> bool:
        return all(is_rider_code(ride.record.text("rider")) for ride in rides)

    def _facility_name(self, ride: _Ride) -> str:
        """Find the facility: said in the sheet, the one public place of the sheet `places`, or in the title."""
        said = self._text(ride, "facility")
        public = {entry.name or entry.code for entry in self._around.places.values() if not entry.private}
        return said or (public.pop() if len(public) == 1 else "") or self._title

    def _facility_stop(
        self, code: str, homes: list[_Ride], own: list[_Ride], facility: str, *, coded: bool
    ) -> Record | None:
        """Make the stop at the facility, where all riders alight or board; None where its name or time is not said."""
        boards = homes[0].direction == "pick_up"
        name = "arrival" if boards else "departure"
        last = homes[-1 if boards else 0].record
        time = self._facility_time(name, homes, own)
        if not facility:
            self._messages.add("E-PLACE", variant="facility", sheet=last.sheet, row=last.number, run=code)
        if time is None:
            self._messages.add("E-TIME-MISSING", variant=name, sheet=last.sheet, row=last.number, run=code)
        if time is None or not facility:
            return None
        number, spot = time
        spots = [Spot("place", spot.column, "", facility), spot]
        if coded:
            codes = [_coded(ride.record.text("rider"), wheelchair=self._in_wheelchair(ride)) for ride in homes]
            spots.append(Spot("riders_off" if boards else "riders_on", spot.column, spot.label, " ".join(codes)))
        else:
            spots.append(Spot("alight" if boards else "board", spot.column, spot.label, len(homes)))
            wheelchairs = 0 if boards else sum(map(self._in_wheelchair, homes))
            spots.append(Spot("wheelchair_on", spot.column, spot.label, wheelchairs))
        return picked(last.sheet, number, spots)

    @staticmethod
    def _in_wheelchair(ride: _Ride) -> bool:
        return flag_of(ride.record.cell("wheelchair")) is True

    @staticmethod
    def _facility_time(name: str, homes: list[_Ride], own: list[_Ride]) -> tuple[int, Spot] | None:
        for ride in own:
            return ride.record.number, _spot(ride.record, ride.field, "time", ride.record.cell(ride.field))
        for ride in homes:
            if ride.record.text(name):
                return ride.record.number, _spot(ride.record, name, "time", ride.record.cell(name))
        said = homes[0].part.above.get(name)
        return (said.row, Spot("time", said.column, said.label, said.cell)) if said else None

    def _said_in(self, homes: list[_Ride], code: str) -> dict[str, Record]:
        """Give for each field about the run the row that says it."""
        found: dict[str, Record] = {}
        columns, above_all = _columns(homes), homes[0].part.above
        for field in RUN_FIELDS:
            above = above_all.get(field)
            own = [name for name in (f"{homes[0].direction}_{field}", field) if name in columns]
            if not own and not above:
                continue
            saying = ((ride.record, name) for ride in homes for name in own if ride.record.text(name))
            record, name = next(saying, (None, ""))
            if record:
                found[field] = picked(record.sheet, record.number, [_spot(record, name, field, record.cell(name))])
            elif above:
                spot = Spot(field, above.column, above.label, above.cell)
                found[field] = picked(homes[0].record.sheet, above.row, [spot])
        first = homes[0].record
        if "days" not in found and (weekdays := self._weekdays(homes)):
            found["days"] = weekdays
        found["run_id"] = picked(first.sheet, first.number, [Spot("run_id", 0, "", code)])
        return found

    @staticmethod
    def _weekdays(homes: list[_Ride]) -> Record | None:
        """Take the days on which anybody rides, where columns for Monday to Friday say so."""
        first = homes[0].record
        columns = [k for k, field in enumerate(first.header.fields) if field == "weekday"]
        rows = [ride.record.row.cells for ride in homes]
        days = [any(k < len(row) and plain(row[k]).upper() == "Y" for row in rows) for k in columns]
        if not any(days):
            return None
        signs = "".join("1" if day else "0" for day in days)
        return picked(first.sheet, first.number, [Spot("days", columns[0], "", f"{signs}00")])

    def _check_agreement(self, run: RunRows, homes: list[_Ride]) -> None:
        """Refuse a run whose riders' rows say different things about it."""
        for field in (set(RUN_FIELDS) - {"run_id"}) & _columns(homes):
            said = run.said_in.get(field)
            words = said.text(field) if said else ""
            for ride in homes:
                if said and ride.record.text(field) not in {"", words}:
                    reader = RowReader(ride.record, self._messages, run.code)
                    reader.note("E-RUN-VALUE", field, other=said.words(field), first=said.number)
                    run.is_sound = False
                    break

    # What was recognised

    def _note_columns(self, header: Header) -> None:
        """Tell which columns were dropped, for they are about persons, and which are not known."""
        personal = [k for k in header.unknown() if self._names.is_personal(header.labels[k])]
        personal += [k for k, field in enumerate(header.fields) if field == "remarks"]
        ignored = [k for k in header.unknown() if k not in personal]
        for code, columns in (("W-PERSONAL-DATA", personal), ("W-IGNORED-COLUMN", ignored)):
            listed = ", ".join(map(header.column, sorted(columns)))
            if columns and (code, listed) not in self._noted:
                self._noted.add((code, listed))
                first, sheet = header.column(min(columns)), self._table.name
                self._messages.add(code, sheet=sheet, row=header.row, column=first, columns=listed)

    @staticmethod
    def _columns_of(parts: list[_Part], fields: set[str]) -> list[str]:
        headers = [part.header for part in parts]
        found = (header.column(k) for header in headers for k, field in enumerate(header.fields) if field in fields)
        return list(dict.fromkeys(found))

    def _tell(self, parts: list[_Part], rides: list[_Ride], runs: int, template: Header | None) -> None:
        footnotes = [row.number for row in self._table.rows if is_footnote(row)]
        if footnotes:
            rows = ", ".join(map(str, footnotes))
            self._messages.add("W-FOOTNOTE", sheet=self._table.name, row=footnotes[0], rows=rows)
        times, places = self._columns_of(parts, _TIMES), self._columns_of(parts, _PLACES)
        riders = len({ride.record.number for ride in rides})
        facility = self._facility_name(rides[0]) if rides else ""
        self._messages.add(
            "W-LAYOUT",
            variant="template" if template else "riders",
            sheet=self._table.name,
            row=parts[0].header.row or self._table.rows[0].number,
            riders=riders,
            runs=runs,
            times=", ".join(times),
            places=", ".join(places),
            facility=facility or "–",
        )


@lru_cache(maxsize=1_024)
def _way(direction: _Direction, *words: str) -> str:
    """Find the usual word for a direction in what the sheet says of it, or else an English one."""
    for alias in _USUAL[direction]:
        if any(alias.casefold() in written.casefold() for written in words):
            return alias
    return "pick-up" if direction == "pick_up" else "drop-off"


def _columns(rides: list[_Ride]) -> set[str | None]:
    """Name the columns that the rows of some rides have."""
    headers = {id(ride.record.header): ride.record.header for ride in rides}
    return {field for header in headers.values() for field in header.fields}


def _spot(record: Record, source: str, field: str, cell: Cell) -> Spot:
    """Pick a cell of a rider's row under another name, where it stands."""
    index = record.header.index(source)
    if index is None:
        return Spot(field, 0, "", cell)
    return Spot(field, index, record.header.labels[index], cell)


def _coded(code: str, *, wheelchair: bool) -> str:
    return f"{code}w" if wheelchair and code[-1:].isdigit() else code
