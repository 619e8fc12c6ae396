"""Gather the rows of a sheet into runs; a blank cell about the run means "as above"."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from webapp.files.columns import Record
from webapp.files.messages import Messages
from webapp.files.reading import RowReader
from webapp.files.spelling import Unclear, count_of, shown

KEY_FIELDS = ("operator", "run_id", "from")
RUN_FIELDS = (
    *KEY_FIELDS,
    "run_name",
    "vehicle",
    "seats",
    "wheelchair_places",
    "seats_per_wheelchair",
    "days",
    "until",
    "not_on",
    "also_on",
    "calendar",
    "shift",
    "who_may_ride",
    "detour",
    "max_extra_min",
    "max_ride_min",
)
_OF_VEHICLE = {"seats", "wheelchair_places", "seats_per_wheelchair"}
_OF_OPERATOR = {"vehicle", "who_may_ride", "detour", "max_extra_min", "max_ride_min", *_OF_VEHICLE}


@dataclass(slots=True)
class RunRows:
    """The rows of one run.

    said_in: for each field about the run the row that says it, which may belong to a run above.
    is_sound: False once something in its rows has been refused.
    """

    code: str
    rows: list[Record]
    said_in: dict[str, Record]
    is_sound: bool = True

    def reader(self, name: str, messages: Messages) -> RowReader:
        """Give the reader of the row that says a field about this run: its first row where none does."""
        return RowReader(self.said_in.get(name, self.rows[0]), messages, self.code)

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(self.said_in[name].text(name) if name in self.said_in else "" for name in KEY_FIELDS)


def runs_of(rows: Iterable[Record], messages: Messages) -> list[RunRows]:
    """Gather the rows of one sheet into runs, in the order of their `seq` where it is given."""
    blocks: list[RunRows] = []
    latest: dict[str, RunRows] = {}
    for record in rows:
        if not blocks and not record.text("run_id"):
            RowReader(record, messages).note("E-RUN-ID", "run_id")
            continue
        if not blocks or _begins_run(record, blocks[-1]):
            blocks.append(_new_block(record, blocks[-1] if blocks else None, latest))
            latest[blocks[-1].code] = blocks[-1]
        _add_row(record, blocks[-1], messages)
    runs = _joined(blocks, messages)
    for run in runs:
        _put_in_order(run, messages)
    return runs


def _begins_run(record: Record, above: RunRows) -> bool:
    said = {name: record.text(name) for name in KEY_FIELDS if record.text(name)}
    return any(words != above.said_in[name].text(name) for name, words in said.items() if name in above.said_in)


def _new_block(record: Record, above: RunRows | None, latest: dict[str, RunRows]) -> RunRows:
    """Begin a block of rows: more of a run that stood further up, or a run that takes over what stands above it."""
    earlier = latest.get(record.text("run_id"))
    if earlier and not _begins_run(record, earlier):
        return RunRows(earlier.code, [], earlier.said_in)
    said_here = {name: record for name in RUN_FIELDS if record.text(name)}
    said_in = _taken_over(record, above.said_in if above else {}) | said_here
    return RunRows(said_in["run_id"].text("run_id"), [], said_in)


def _taken_over(record: Record, above: Mapping[str, Record]) -> dict[str, Record]:
    """Take over what stands above, but no name, and nothing that was said of another vehicle or by another operator."""
    own = {"run_name"}
    for name, belongings in (("operator", _OF_OPERATOR), ("vehicle", _OF_VEHICLE)):
        if record.text(name) and name in above and above[name].text(name) != record.text(name):
            own |= belongings
    return {name: said for name, said in above.items() if name not in own}


def _add_row(record: Record, run: RunRows, messages: Messages) -> None:
    for name in filter(record.text, RUN_FIELDS):
        said = run.said_in.setdefault(name, record)
        if said.text(name) != record.text(name):
            other = shown(said.cell(name))
            RowReader(record, messages, run.code).note("E-RUN-VALUE", name, other=other, first=said.number)
            run.is_sound = False
    run.rows.append(record)


def _joined(blocks: list[RunRows], messages: Messages) -> list[RunRows]:
    """Join blocks of the same run, which only numbered rows may form."""
    runs: dict[tuple[str, ...], RunRows] = {}
    for block in blocks:
        run = runs.setdefault(block.key, block)
        if run is block:
            continue
        if not all(record.text("seq") for record in run.rows + block.rows):
            RowReader(block.rows[0], messages, run.code).note(
                "E-RUN-SPLIT", "run_id", value=run.code, first=run.rows[0].number
            )
            run.is_sound = False
        run.rows += block.rows
        run.is_sound &= block.is_sound
    return list(runs.values())


def _put_in_order(run: RunRows, messages: Messages) -> None:
    """Sort by `seq`, which must then be there, whole and different in each row."""
    if not any(record.text("seq") for record in run.rows):
        return
    numbers: dict[int, Record] = {}
    for record in run.rows:
        number = count_of(record.cell("seq"))
        if number is None or isinstance(number, Unclear) or number in numbers:
            RowReader(record, messages, run.code).note("E-RUN-SPLIT", "seq", variant="seq")
            run.is_sound = False
            return
        numbers[number] = record
    run.rows = [numbers[number] for number in sorted(numbers)]
