"""The same table in any workbook gives the same runs, and no file, however made, does more than get a message."""

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta

import pytest
import xlwt
from hypothesis import example, given, settings
from hypothesis import strategies as st
from odf.opendocument import OpenDocumentSpreadsheet
from odf.style import Style, TableProperties
from odf.table import Table, TableCell, TableRow
from odf.text import P
from openpyxl import Workbook
from openpyxl.styles import PatternFill

from tests.webapp.schedule_samples import message_of, read
from tests.webapp.test_schedule_workbooks import FIRST, HEADER, LAST, codes, saved, workbook
from webapp.files.canonical import ScheduleFile
from webapp.files.confined import read_confined
from webapp.files.spelling import Cell

ROWS: list[list[Cell]] = [HEADER, FIRST, LAST]


def xls(rows: Sequence[Sequence[Cell]], *, since_1904: bool = False, hidden: bool = False) -> bytes:
    book = xlwt.Workbook()
    book.dates_1904 = since_1904
    sheet = book.add_sheet("runs")
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            write_old(sheet, row, column, cell, since_1904=since_1904)
    if hidden:
        other = book.add_sheet("old")
        other.visibility = 1
        other.write(0, 0, "便ID")
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def write_old(sheet: xlwt.Worksheet, row: int, column: int, cell: Cell, *, since_1904: bool) -> None:
    if isinstance(cell, timedelta):
        sheet.write(row, column, cell / timedelta(days=1), xlwt.easyxf(num_format_str="[h]:mm"))
    elif isinstance(cell, time):
        part = (cell.hour * 60 + cell.minute) / 1440
        sheet.write(row, column, part, xlwt.easyxf(num_format_str="h:mm"))
    elif isinstance(cell, datetime):
        zero = date(1904, 1, 1) if since_1904 else date(1899, 12, 30)
        sheet.write(row, column, (cell.date() - zero).days, xlwt.easyxf(num_format_str="yyyy/m/d"))
    elif cell is not None:
        sheet.write(row, column, cell)


def ods(rows: Sequence[Sequence[Cell]], *, hidden: bool = False) -> bytes:
    document = OpenDocumentSpreadsheet()
    table = Table(name="runs")
    for cells in rows:
        row = TableRow()
        for cell in cells:
            row.addElement(ods_cell(cell))
        table.addElement(row)
    document.spreadsheet.addElement(table)
    if hidden:
        style = Style(name="hidden", family="table")
        style.addElement(TableProperties(display="false"))
        document.automaticstyles.addElement(style)
        other = Table(name="old", stylename="hidden")
        row = TableRow()
        row.addElement(ods_cell("便ID"))
        other.addElement(row)
        document.spreadsheet.addElement(other)
    stream = io.BytesIO()
    document.write(stream)
    return stream.getvalue()


def ods_cell(cell: Cell) -> TableCell:
    if isinstance(cell, timedelta | time):
        minutes = cell // timedelta(minutes=1) if isinstance(cell, timedelta) else cell.hour * 60 + cell.minute
        return TableCell(valuetype="time", timevalue=f"PT{minutes // 60:02d}H{minutes % 60:02d}M00S")
    if isinstance(cell, datetime):
        return TableCell(valuetype="date", datevalue=f"{cell:%Y-%m-%d}")
    if isinstance(cell, int):
        return TableCell(valuetype="float", value=str(cell))
    made = TableCell(valuetype="string") if cell else TableCell()
    if cell:
        made.addElement(P(text=str(cell)))
    return made


def stops(file: ScheduleFile) -> list[list[tuple[str, int | None, int, int]]]:
    return [[(s.place_name, s.time, s.board, s.alight) for s in run.stops] for run in file.runs]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: xls(ROWS), "runs.xls"),
        (lambda: xls(ROWS, since_1904=True), "runs.xls"),
        (lambda: ods(ROWS), "runs.ods"),
        (lambda: workbook(runs=ROWS), "runs.xlsm"),
    ],
    ids=["xls", "xls of 1904", "ods", "xlsm"],
)
def test_a_workbook_of_any_kind_gives_the_same_runs(make: Callable[[], bytes], name: str) -> None:
    file = read(make(), name)
    assert stops(file) == stops(read(workbook(runs=ROWS), "runs.xlsx"))
    assert [(run.first, run.last) for run in file.runs] == [(date(2026, 4, 1), date(2027, 3, 31))]
    assert file.errors == ()


@pytest.mark.parametrize("make", [xls, ods])
def test_a_hidden_sheet_is_not_read(make: Callable[..., bytes]) -> None:
    assert "W-IGNORED-SHEET" not in [message.code for message in read(make(ROWS, hidden=True), "runs").messages]


@pytest.mark.parametrize(("make", "kind"), [(xls, "Excel (.xls)"), (ods, "OpenDocument (.ods)")])
def test_a_wrong_ending_is_judged_by_the_content(make: Callable[..., bytes], kind: str) -> None:
    file = read(make(ROWS), "runs.csv")
    assert kind in message_of(file, "W-FILE-TYPE").text
    assert len(file.runs) == 1


def test_bars_may_stand_between_the_cells_of_a_text_file() -> None:
    text = "run_id|days|from|until|place|time|board|alight\nD1|Mon|2026-04-01|2027-03-31|A|8:00|1|\n|||||8:10||1\n"
    assert len(read(text.replace("|||||8:10", "||||B|8:10")).runs) == 1


def test_letters_that_were_lost_before_are_told() -> None:
    text = "run_id,days,from,until,place,time,board,alight\nD1,Mon,2026-04-01,2027-03-31,Landstra√üe,8:00,1,\n"
    for damaged in ("Landstra√üe", "TÃ¶Ã¶lÃ¶", "縺ゅ♀縺槭ｉ", "H\ufffdmeenlinna"):
        assert "E-MOJIBAKE" in [m.code for m in read(text.replace("Landstra√üe", damaged)).messages]
    assert "E-MOJIBAKE" not in [m.code for m in read(text.replace("Landstra√üe", "Töölö 縺")).messages]


def test_colours_are_said_to_mean_nothing() -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    for cells in ROWS:
        sheet.append(cells)
    sheet["A2"].fill = PatternFill("solid", fgColor="FF00FFFF")
    assert "W-COLOUR" not in codes(saved(book))
    sheet["H2"].fill = PatternFill("solid", fgColor="FFFF00FF")
    assert "2 coloured cells" in message_of(read(saved(book), "runs.xlsx"), "W-COLOUR").text


def test_formulas_without_a_value_in_a_libreoffice_sheet_are_named() -> None:
    archive = zipfile.ZipFile(io.BytesIO(ods(ROWS)))
    parts = {name: archive.read(name) for name in archive.namelist()}
    value, formula = b'office:value-type="time" office:time-value="PT24H30M00S"', b'table:formula="of:=[.A1]"'
    parts["content.xml"] = parts["content.xml"].replace(value, formula)
    assert "H3" in message_of(read(packed(parts), "runs.ods"), "W-FORMULA").text


def packed(parts: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def content_of(cells: str) -> bytes:
    names = "office:1.0", "table:1.0", "text:1.0"
    spaces = " ".join(f'xmlns:{n.split(":")[0]}="urn:oasis:names:tc:opendocument:xmlns:{n}"' for n in names)
    body = f'<office:body><office:spreadsheet><table:table table:name="T">{cells}</table:table>'
    whole = f"{body}</office:spreadsheet></office:body>"
    return f"<office:document-content {spaces}>{whole}</office:document-content>".encode()


REPEATED = '<table:table-row table:number-rows-repeated="1000000"><table:table-cell office:value-type="string" '
REPEATED += 'table:number-columns-repeated="16000"><text:p>x</text:p></table:table-cell></table:table-row>'
BOMB = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
XLS = xls(ROWS)


def far_corner() -> bytes:
    """An old workbook whose only cell stands in the last row and column."""
    book = xlwt.Workbook()
    book.add_sheet("a").write(0, 0, 1)
    book.get_sheet(0).write(65535, 255, 1)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


@pytest.mark.parametrize("value", [1e308, -1e308, "x" * 32_000, "=1+1", "7:00" * 8_000, "\u202e7:00", 10**300])
def test_any_cell_in_a_timetable_gets_no_more_than_a_message(value: Cell) -> None:
    rows: list[list[Cell]] = [["stop", "Run 1", "Run 2"]]
    rows += [["A", time(7), time(9)], ["B", value if not isinstance(value, int) else float(value), time(9, 10)]]
    rows += [["C", time(7, 20), time(9, 20)], [value if isinstance(value, str) else None, time(7, 30), time(9, 30)]]
    assert read(workbook(runs=rows), "runs.xlsx").messages


ABORTING = bytes.fromhex("0097ffff90ffc7ff9dfffc7c97000091ffff0017ffffffff00ff8fffffffffff2aff880dff")
"""Damage to XLS that makes its parser ask for more memory than there is, and abort its whole process."""


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([XLS, ods(ROWS)]), st.integers(0, 10**6), st.binary(min_size=1, max_size=40))
@example(XLS, 1882, ABORTING)
def test_a_damaged_workbook_never_raises(content: bytes, position: int, damage: bytes) -> None:
    """Read as the service reads it: in this very process the parser could end all tests."""
    position %= len(content)
    file = read_confined(content[:position] + damage + content[position + len(damage) :], "sent")
    assert file.runs or file.messages


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.lists(
            st.sampled_from(["", "7:00", "8:10", "レ", "〃", "stop", "便", "Mon", "迎え", "A1", "着", "※"]), max_size=6
        ),
        max_size=9,
    )
)
def test_no_table_however_odd_raises(rows: list[list[str]]) -> None:
    read("\n".join(",".join(row) for row in rows))
