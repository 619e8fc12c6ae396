"""Read a wide timetable, stops down and runs across or the other way round, into the rows of runs."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import median
from typing import Literal, NamedTuple

from webapp.files.columns import Record, Spot, is_footnote, picked
from webapp.files.dates import days_of
from webapp.files.grouping import RUN_FIELDS, RunRows
from webapp.files.messages import Messages
from webapp.files.runs import Surroundings
from webapp.files.sheets import Row, Table, letter
from webapp.files.spelling import Cell, Unclear, plain, shown, time_of

MOST_CELLS = 60_000
"""Cells of a file that are searched for timetables: the largest real workbook seen holds 52,318 in 413 sheets."""

_LEAST_TIMES = 3
_LEAST_GAPS = 3
_LONGEST_TIME = 20
_CLEARLY = 2
"""How much wider the steps between runs must be than those between stops, to tell one from the other."""

_STOP_FIELDS = ("place", "stop_code", "address", "lat", "lon", "residents", "board", "alight", "dwell_min")
_DITTO = {"〃", "々", "同上", '"', "''", "”", "″"}
_NOT_SERVED = {*"-‐–—―−－…‥・･=＝×✕xX.", "--", "---", "||", "..", "...", "通過", "경유안함", "ei"}
_PASSED = {*"レﾚ|｜∥‖↓⇩→⇒¦ǀ│┃"}
_NOTE_MARKS = re.compile(r"^[*＊※†‡]+\s*|\s*(?:[*＊※†‡]+\d?|[¹²³])$")
_COLON = re.compile(r"\s*[:：]\s*")
_STRONG = re.compile(r"\d\s*[:：時시hH]|\d\s*[ap]\.?m\.?$|^[ap]\.?m|午前|午後|오전|오후|正午", re.IGNORECASE)
_WEAK = re.compile(r"\d{1,2}\.\d\d|[0-2]\d[0-5]\d")
_ARRIVES = {"着", "到着", "arr", "arr.", "arrives", "arrival", "a", "tulo", "saapuu", "착", "도착"}
_LEAVES = {"発", "出発", "dep", "dep.", "departs", "departure", "d", "lähtö", "lähtee", "발", "출발"}


@dataclass(frozen=True, slots=True)
class Unsure:
    """A block of times that is no timetable for certain: the row where it begins, and the variant of the message."""

    row: int
    variant: str


class Timetables:
    """Finds and reads the timetables of one sheet."""

    def __init__(self, table: Table, around: Surroundings, messages: Messages) -> None:
        self._table = table
        self._around = around
        self._messages = messages
        self._rows = [_Line(row.number, _cleaned(row)) for row in _without_dittos(table) if not is_footnote(row)]
        self._footnotes = [row.number for row in table.rows if is_footnote(row)]
        self._is_strong = sum(_is_strong(cell) for row in table.rows for cell in row.cells) >= _LEAST_TIMES
        self._times_of = {line.number: self._read_times(line) for line in self._rows}

    def read(self) -> list[RunRows] | Unsure | None:
        """Read the runs of all timetables, None where there is no timetable; say what was recognised."""
        blocks: list[_Block] = []
        for head, body in self._segments():
            block = self._block(head or (blocks[-1].head_rows if blocks else []), body)
            if isinstance(block, Unsure):
                return block
            blocks += [block] if block else []
        if not blocks:
            return None
        runs = _with_season([list(block.runs()) for block in blocks])
        _name(runs)
        for block in blocks:
            self._tell(block)
        if self._footnotes:
            rows = ", ".join(map(str, self._footnotes))
            self._messages.add("W-FOOTNOTE", sheet=self._table.name, row=self._footnotes[0], rows=rows)
        self._note_marks()
        return self._complete(runs)

    def _times(self, line: "_Line") -> dict[int, int]:
        return self._times_of[line.number]

    def _read_times(self, line: "_Line") -> dict[int, int]:
        found = ((k, _clock(cell, strong=self._is_strong)) for k, cell in enumerate(line.cells))
        return {k: seconds for k, seconds in found if seconds is not None}

    def _segments(self) -> Iterator[tuple[list["_Line"], list["_Line"]]]:
        """Split the sheet into headers and the rows of times below them."""
        head: list[_Line] = []
        body: list[_Line] = []
        between: list[_Line] = []
        for line in self._rows:
            if not self._times(line):
                between.append(line)
                continue
            if body and self._begins_block(between, body, line):
                yield head, body
                head, body = between, [line]
            elif body:
                body += [*between, line]
            else:
                head, body = between, [line]
            between = []
        if body:
            yield head, body + [line for line in between if self._is_stop(line, body)]

    def _begins_block(self, between: list["_Line"], body: list["_Line"], line: "_Line") -> bool:
        if not between:
            return False
        columns = {k for one in body for k in self._times(one)}
        names = self._around.names
        for one in between:
            words = [plain(cell) for k, cell in enumerate(one.cells) if k in columns and plain(cell)]
            if names.find("runs", one.label) or (len(words) > 1 and not all(map(_has_digit, words))):
                return True
        last, now = self._times(body[-1]), self._times(line)
        shared = last.keys() & now.keys()
        return bool(shared) and all(now[k] < last[k] for k in shared)

    def _is_stop(self, line: "_Line", body: list["_Line"]) -> bool:
        columns = {k for one in body for k in self._times(one)}
        return any(_has_digit(plain(line.at(k))) for k in columns)

    def _block(self, head: list["_Line"], body: list["_Line"]) -> "_Block | Unsure | None":
        times = [self._times(line) for line in body]
        if sum(map(len, times)) < _LEAST_TIMES:
            return None
        way = self._direction(head, times)
        if way == "unsure":
            return Unsure(body[0].number, "direction")
        block = _Block(self._table.name, head, body, times, self._around, turned=way == "across")
        if not block.has_names:
            return Unsure(body[0].number, "names")
        return block

    def _direction(self, head: list["_Line"], times: list[dict[int, int]]) -> Literal["down", "across", "unsure"]:
        """Tell along which way the bus goes on: times never go back along it, and are closer together."""
        columns: dict[int, list[int]] = defaultdict(list)
        for row in times:
            for k, seconds in row.items():
                columns[k].append(seconds)
        down, across = _Steps.of(columns.values()), _Steps.of(row.values() for row in times)
        if not down.gaps or not across.gaps:
            return "down" if down.gaps else "across" if across.gaps else "unsure"
        first = min(columns)
        corner = {self._around.names.find("runs", plain(line.at(k))) for line in head for k in range(first)}
        if corner & {"place", "stop_code"} and down.back <= across.back:
            return "down"
        if down.back != across.back and min(down.back, across.back) * 4 <= max(down.back, across.back):
            return "down" if down.back < across.back else "across"
        if min(down.gaps, across.gaps) < _LEAST_GAPS:
            return "unsure"
        if down.step * _CLEARLY <= across.step:
            return "down"
        return "across" if across.step * _CLEARLY <= down.step else "unsure"

    def _tell(self, block: "_Block") -> None:
        variant, found = "across" if block.turned else "", block.description()
        self._messages.add(
            "W-LAYOUT",
            variant=variant,
            sheet=self._table.name,
            row=block.first_row,
            stops=found.stops,
            runs=found.runs,
            names=found.names,
            first=found.first,
            last=found.last,
        )
        if block.ignored:
            listed = ", ".join(block.ignored)
            self._messages.add("W-IGNORED-COLUMN", sheet=self._table.name, row=block.first_row, columns=listed)

    def _note_marks(self) -> None:
        marked = [
            f"{letter(k)}{row.number}"
            for row in self._table.rows
            if not is_footnote(row)
            for k, cell in enumerate(row.cells)
            if isinstance(cell, str) and len(cell) < _LONGEST_TIME and _NOTE_MARKS.search(cell) and _has_digit(cell)
        ]
        if marked:
            self._messages.add("W-FOOTNOTE", variant="marks", sheet=self._table.name, cells=", ".join(marked))

    def _complete(self, runs: list[RunRows]) -> list[RunRows]:
        """Keep the runs that have a name and days; say of all others together what to add above the times."""
        nameless = [run for run in runs if not run.code]
        if nameless:
            first = nameless[0].rows[0]
            columns = ", ".join(dict.fromkeys(run.rows[0].column("time").split()[0] for run in nameless))
            self._messages.add("E-RUN-ID", variant="above", sheet=first.sheet, row=first.number, columns=columns)
        return complete([run for run in runs if run.code], self._around, self._messages)


def complete(runs: Iterable[RunRows], around: Surroundings, messages: Messages) -> list[RunRows]:
    """Keep the runs whose days the sheet says; name the others in one message for each kind of gap."""
    silent: dict[tuple[str, ...], list[RunRows]] = defaultdict(list)
    sound = []
    for run in runs:
        missing = tuple(name for name in ("days", "from", "until") if name not in run.said_in)
        days = run.said_in["days"].text("days") if "days" in run.said_in else ""
        if missing and not (days and around.has_calendar(days)):
            silent[missing].append(run)
        else:
            sound.append(run)
    for missing, some in silent.items():
        called = ", ".join(around.names.call(name, messages.language) for name in missing)
        first, listed = some[0].rows[0], ", ".join(run.code for run in some)
        messages.add("E-DAYS", variant="above", sheet=first.sheet, row=first.number, missing=called, runs=listed)
    return sound


def _with_season(blocks: list[list[RunRows]]) -> list[RunRows]:
    """Let first and last day count for the timetables further down; the weekdays must be said of each."""
    season: dict[str, Record] = {}
    for runs in blocks:
        for run in runs:
            run.said_in = season | run.said_in
        for name in ("from", "until"):
            if runs and name in runs[0].said_in:
                season[name] = runs[0].said_in[name]
    return [run for runs in blocks for run in runs]


def _name(runs: list[RunRows]) -> None:
    """Shorten each code to its last part where that is enough to tell the runs apart."""
    last = Counter(run.code.rpartition("\n")[2] for run in runs)
    for run in runs:
        short = run.code.rpartition("\n")[2]
        run.code = short if last[short] == 1 else " ".join(dict.fromkeys(run.code.split("\n")))


@dataclass(frozen=True, slots=True)
class _Line:
    """A row without what only stands for a blank."""

    number: int
    cells: tuple[Cell, ...]

    def at(self, k: int) -> Cell:
        return self.cells[k] if k < len(self.cells) else None

    @property
    def label(self) -> str:
        return next((words for words in map(plain, self.cells) if words), "")


@dataclass(frozen=True, slots=True)
class _Steps:
    """The steps between neighbouring times along one way of the sheet: how many go back, and the usual one."""

    gaps: int
    back: int
    step: float

    @classmethod
    def of(cls, lines: Iterable[Iterable[int]]) -> "_Steps":
        steps = [later - earlier for line in lines for earlier, later in pairwise(line)]
        forward = [step for step in steps if step >= 0]
        return cls(len(steps), len(steps) - len(forward), median(forward) if forward else float("inf"))


class _Description(NamedTuple):
    """What was recognised: how many stops and runs, the row or column of the names, first and last column of times."""

    stops: int
    runs: int
    names: str
    first: str
    last: str


class _Block:
    """One timetable. `line`s go along the runs, `place`s across: rows and columns, or turned columns and rows."""

    def __init__(
        self,
        sheet: str,
        head: list[_Line],
        body: list[_Line],
        times: list[dict[int, int]],
        around: Surroundings,
        *,
        turned: bool,
    ) -> None:
        self._sheet = sheet
        self._around = around
        self.turned = turned
        self.head_rows = head
        self._rows = head + body
        in_rows = [len(head) + k for k, row in enumerate(times) if row]
        in_columns = sorted({k for row in times for k in row})
        self._lines, self._places = (in_columns, in_rows) if turned else (in_rows, in_columns)
        self._line_set = frozenset(self._lines)
        width = max(len(row.cells) for row in self._rows)
        self._all_lines = range(width) if turned else range(len(self._rows))
        self._all_places = range(len(self._rows)) if turned else range(width)
        self._labels = [place for place in self._all_places if place < self._places[0]]
        self._heads = [line for line in self._all_lines if line < self._lines[0]]
        self._fields = {line: found for line in self._all_lines if (found := self._field_of(line))}
        self._columns = self._stop_columns()
        self._names = {line: self._place_name(line) for line in self._all_lines if line >= self._lines[0]}
        self.first_row = self._rows[0].number

    # What stands where

    def _cell(self, line: int, place: int) -> Cell:
        return self._rows[place].at(line) if self.turned else self._rows[line].at(place)

    def _number(self, line: int, place: int) -> int:
        return self._rows[place if self.turned else line].number

    def _column(self, line: int, place: int) -> int:
        return line if self.turned else place

    def _field_of(self, line: int) -> tuple[str, int, Cell] | None:
        """Find which field of a run a line says: its name, where it stands, and a value behind a colon."""
        if line in self._line_set:
            return None
        for place in self._labels:
            words = shown(self._cell(line, place))
            label, *value = _COLON.split(words, maxsplit=1)
            field = self._around.names.find("runs", label)
            if field in RUN_FIELDS:
                return str(field), place, value[0] if value else None
        return None

    def _stop_columns(self) -> dict[str, int]:
        """Find the places that hold what is said of stops: by their heading, the name also by its text."""
        find, columns = self._around.names.find, dict[str, int]()
        for place in self._labels:
            for line in self._heads:
                field = find("runs", plain(self._cell(line, place)))
                if field in _STOP_FIELDS and field not in columns:
                    columns[str(field)] = place
        free = [place for place in self._labels if place not in columns.values()]
        texts = {
            place: [words for line in self._lines if _is_text(words := self._words(line, place))] for place in free
        }
        marks = [p for p in free if texts[p] and all(w.casefold() in _ARRIVES | _LEAVES for w in texts[p])]
        columns |= {"mark": marks[0]} if marks else {}
        named = [place for place in free if texts[place] and place not in marks]
        if "place" not in columns and named:
            columns["place"] = max(named, key=lambda place: (len(texts[place]), place))
        before = [place for place in named if "place" in columns and place < columns["place"]]
        if before and not self.turned:
            columns["village"] = before[-1]
        used = set(columns.values())
        self.ignored = [] if self.turned else [letter(place) for place in named if place not in used]
        return columns

    @property
    def has_names(self) -> bool:
        return any(field in self._columns for field in ("place", "stop_code", "address", "lat"))

    def _words(self, line: int, place: int) -> str:
        return plain(self._cell(line, place))

    def description(self) -> "_Description":
        """Tell what was recognised: how many stops and runs, and where the names and times stand."""
        where = next(self._columns[f] for f in ("place", "stop_code", "address", "lat") if f in self._columns)
        columns = self._lines if self.turned else self._places
        return _Description(
            stops=len(self._stops()),
            runs=len(self._places),
            names=str(self._rows[where].number if self.turned else letter(where)),
            first=letter(columns[0]),
            last=letter(columns[-1]),
        )

    # Stops

    def _stops(self) -> list[tuple[int, ...]]:
        """List the stops by the lines of their times: one, or arrival and departure."""
        stops: list[tuple[int, ...]] = []
        for line in self._all_lines:
            if line < self._lines[0] or line in self._fields or not self._is_stop(line):
                continue
            joins = stops and self._mark(stops[-1][-1]) == "arrives" and self._mark(line) == "leaves"
            if joins and self._stop_words(line) in {"", self._stop_words(stops[-1][0])}:
                stops[-1] = (*stops[-1], line)
            else:
                stops.append((line,))
        return stops

    def _is_stop(self, line: int) -> bool:
        return line in self._line_set or any(_has_digit(self._words(line, place)) for place in self._places)

    def _mark(self, line: int) -> str:
        place = self._columns.get("mark")
        words = self._words(line, place).casefold() if place is not None else self._split_name(line)[1]
        return "arrives" if words in _ARRIVES else "leaves" if words in _LEAVES else ""

    def _split_name(self, line: int) -> tuple[str, str]:
        """Take a mark of arrival or departure off a stop's name: `駅 着`, `Asema (tulo)`."""
        place = self._columns.get("place")
        words = shown(self._cell(line, place)) if place is not None else ""
        name, _, mark = words.rstrip(")）").replace("（", "(").replace("(", " ").rpartition(" ")
        mark = mark.strip().casefold()
        return (
            (name.strip(), mark)
            if name and len(mark) < _LONGEST_TIME and len(mark) > mark.isascii() and mark in _ARRIVES | _LEAVES
            else (words, "")
        )

    def _stop_words(self, line: int) -> str:
        return self._split_name(line)[0]

    def _place_name(self, line: int) -> str:
        """Name a stop, with its village where the name alone is not in the list of places."""
        name, village = self._stop_words(line), self._columns.get("village")
        if village is None or not name or self._around.find_place(name):
            return name
        above = (shown(self._cell(one, village)) for one in range(line, self._lines[0] - 1, -1))
        region = next(filter(None, above), "")
        return name if not region or name.startswith(region) else f"{region} {name}"

    # Runs

    def runs(self) -> Iterator[RunRows]:
        """Read each run: its stops, and what the header says of it."""
        stops = self._stops()
        for place in self._places:
            said_in = self._said(place)
            rows = [record for stop in stops if (record := self._visit(stop, place))]
            if rows:
                yield RunRows(self._code(place, said_in), rows, said_in)

    def _visit(self, lines: tuple[int, ...], place: int) -> Record | None:
        filled = [line for line in lines if self._words(line, place)]
        if not filled:
            return None
        line, label = filled[-1], self._header_words(place)
        name = Spot("place", self._column(lines[0], self._columns.get("place", 0)), "", self._names[lines[0]])
        spots = [name, Spot("time", self._column(line, place), label, self._cell(line, place))]
        times = [time_of(self._cell(one, place)) for one in filled]
        if len(times) == 2 and isinstance(times[0], int) and isinstance(times[1], int) and times[0] <= times[1]:
            spots.append(Spot("dwell_min", self._column(line, place), label, (times[1] - times[0]) // 60))
        for field, at in self._columns.items():
            if field in _STOP_FIELDS and field != "place":
                spots.append(Spot(field, self._column(lines[0], at), "", self._cell(lines[0], at)))
        return picked(self._sheet, self._number(line, place), spots)

    def _said(self, place: int) -> dict[str, Record]:
        """Find what the header says of a run; what stands over several runs counts for all of them."""
        said: dict[str, Record] = {}
        for line, (field, label_at, value) in self._fields.items():
            at, cell = self._value(line, place, field, label_at, value)
            if field not in said and plain(cell):
                spot = Spot(field, self._column(line, at), shown(self._cell(line, label_at)), cell)
                said[field] = picked(self._sheet, self._number(line, at), [spot])
        for line, at, cell in self._unlabelled_days(place):
            spot = Spot("days", self._column(line, at), "", cell)
            said.setdefault("days", picked(self._sheet, self._number(line, at), [spot]))
        return said

    def _value(self, line: int, place: int, field: str, label_at: int, value: Cell) -> tuple[int, Cell]:
        if value is not None:
            return label_at, value
        if not any(self._words(line, one) for one in self._places):
            beside = [one for one in self._labels if one > label_at and self._words(line, one)]
            return (beside[0], self._cell(line, beside[0])) if beside else (place, None)
        at = place if field in {"run_id", "run_name"} else self._filled_from(line, place)
        return at, self._cell(line, at)

    def _filled_from(self, line: int, place: int) -> int:
        """Find the cell that counts for a run: its own, or where that is blank the nearest before it."""
        return next((one for one in reversed(self._places) if one <= place and self._words(line, one)), place)

    def _unlabelled(self) -> list[int]:
        return [line for line in self._heads if line not in self._fields]

    def _unlabelled_days(self, place: int) -> Iterator[tuple[int, int, Cell]]:
        for line in self._unlabelled():
            if self._holds_days(line):
                at = self._filled_from(line, place)
                yield line, at, self._cell(line, at)
        for line in self._unlabelled():
            alone = [one for one in self._all_places if self._words(line, one)]
            if len(alone) == 1 and alone[0] in self._labels and _is_days(self._cell(line, alone[0])):
                yield line, alone[0], self._cell(line, alone[0])

    def _holds_days(self, line: int) -> bool:
        filled = [self._cell(line, place) for place in self._places if self._words(line, place)]
        return bool(filled) and all(map(_is_days, filled))

    def _code(self, place: int, said_in: dict[str, Record]) -> str:
        """Name a run by its run_id, else by all that stands above it, one part a line, the nearest last."""
        if "run_id" in said_in:
            return said_in["run_id"].text("run_id")
        return "\n".join(self._headings(place))

    def _headings(self, place: int) -> list[str]:
        lines = [line for line in self._unlabelled() if not self._holds_days(line)]
        words = [self._words(line, self._filled_from(line, place)) for line in lines[:-1]]
        words += [self._words(line, place) for line in lines[-1:]]
        return [_NOTE_MARKS.sub("", name) for name in words if name and not self._around.names.find("runs", name)]

    def _header_words(self, place: int) -> str:
        fields = [line for line, found in self._fields.items() if found[0] in {"run_id", "run_name"}]
        named = (self._words(line, place) for line in [*fields, *reversed(self._unlabelled())])
        return next(filter(None, named), "")


def cells_of(table: Table) -> int:
    """Count the cells of a sheet, blank ones before the last of a row with them."""
    return sum(len(row.cells) for row in table.rows)


def _without_dittos(table: Table) -> Iterator[Row]:
    """Write out the cells that say "as above"."""
    above: tuple[Cell, ...] = ()
    for row in table.rows:
        cells = tuple(
            above[k] if isinstance(cell, str) and cell.strip() in _DITTO and k < len(above) else cell
            for k, cell in enumerate(row.cells)
        )
        above = cells
        yield Row(row.number, cells)


def _cleaned(row: Row) -> tuple[Cell, ...]:
    """Blank the signs for "does not stop here", and take the marks of footnotes off times."""
    return tuple(_clean(cell) for cell in row.cells)


def _clean(cell: Cell) -> Cell:
    if not isinstance(cell, str) or len(cell) > _LONGEST_TIME:
        return cell
    words = cell.strip()
    if words in _NOT_SERVED or words in _PASSED:
        return None
    bare = _NOTE_MARKS.sub("", words)
    return bare if bare != words and isinstance(time_of(bare), int) else cell


def _is_strong(cell: Cell) -> bool:
    return _clock(cell, strong=True) is not None


@lru_cache(maxsize=8_192, typed=True)
def _clock(cell: Cell, *, strong: bool) -> int | None:
    """Read a time, where it cannot be something else: 745 and 7.45 count only in sheets without clearer times."""
    if cell is None or isinstance(cell, bool) or (isinstance(cell, str) and not cell):
        return None
    if isinstance(cell, str | int | float):
        words = plain(_clean(cell)) if isinstance(cell, str) else str(cell)
        is_fraction = isinstance(cell, float) and 0 < cell < 2 and len(words) > 5
        is_clear = is_fraction or bool(isinstance(cell, str) and _STRONG.search(words))
        if len(words) > _LONGEST_TIME * 2 or not (is_clear or (not strong and _WEAK.fullmatch(words))):
            return None
        cell = words
    found = time_of(cell)
    return found if isinstance(found, int) else None


def _is_text(words: str) -> bool:
    return bool(words) and any(sign.isalpha() for sign in words)


def _has_digit(words: str) -> bool:
    return any(sign.isdigit() for sign in words)


def _is_days(cell: Cell) -> bool:
    days = days_of(cell) if len(plain(cell)) <= _LONGEST_TIME else None
    return days is not None and not isinstance(days, Unclear)


def shared_codes(groups: Sequence[list[RunRows]]) -> set[str]:
    """List the codes that stand in more than one sheet."""
    counts = Counter(code for group in groups for code in {run.code for run in group})
    return {code for code, count in counts.items() if count > 1}
