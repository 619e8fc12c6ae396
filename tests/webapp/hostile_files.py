"""Files that somebody sends by mistake or malice, made here: name -> bytes, and what a dispatcher is told of each."""

import csv
import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from openpyxl import Workbook
from openpyxl.workbook.protection import WorkbookProtection

from tests.webapp.feed_samples import FEED, feed
from tests.webapp.schedule_samples import JAPANESE, TWO_RUNS, sheet
from tests.webapp.test_schedule_containers import BOMB as ENTITIES
from tests.webapp.test_schedule_containers import REPEATED, ROWS, XLS, content_of, far_corner, ods, packed, xls
from tests.webapp.test_schedule_workbooks import FIRST, HEADER, LAST, saved, workbook

TAKEN = ""
"""Expected of a file that is odd but sound: its runs are read, and nothing is refused."""


class Case(NamedTuple):
    """A file. expected: the code of the one error, with its variant, or `TAKEN`; says: words of the message."""

    name: str
    content: bytes
    expected: str
    says: str = ""
    filename: str = "sent.xlsx"


GOOD = workbook(runs=[HEADER, FIRST, LAST])
SHEET = "xl/worksheets/sheet1.xml"
XXE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
LAUGHS = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10}">' for k in range(1, 10))
LAUGHS = f'<!DOCTYPE l [<!ENTITY l0 "ha">{LAUGHS}]>'
ODS = ods(ROWS)
CSV = sheet(TWO_RUNS)
TRIPS = ("trips.txt", b"trip_id")


def with_part(name: str, content: bytes | Callable[[bytes], bytes], source: bytes = GOOD) -> bytes:
    """A workbook with one part put otherwise, or added."""
    with zipfile.ZipFile(io.BytesIO(source)) as archive:
        parts = {one: archive.read(one) for one in archive.namelist()}
    parts[name] = content(parts.get(name, b"")) if callable(content) else content
    return packed(parts)


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as written:
        for name, content in members:
            written.writestr(zipfile.ZipInfo(name), content, method)
    return made.getvalue()


def with_flags(content: bytes, flags: int) -> bytes:
    """Set flags in every entry of an archive's directory."""
    changed = bytearray(content)
    at = changed.find(b"PK\x01\x02")
    while at >= 0:
        changed[at + 8] |= flags
        at = changed.find(b"PK\x01\x02", at + 1)
    return bytes(changed)


def with_size(content: bytes, size: int) -> bytes:
    """Let the directory say that the largest entry unpacks to so many bytes."""
    changed = bytearray(content)
    with zipfile.ZipFile(io.BytesIO(content)) as read:
        largest = max(read.infolist(), key=lambda info: info.file_size).filename.encode()
    at = changed.find(largest, changed.find(b"PK\x01\x02")) - 46
    struct.pack_into("<L", changed, at + 24, size)
    return bytes(changed)


def overlapping() -> bytes:
    """An archive in which a second entry of the directory points to the bytes of the first."""
    one = archive(("trips.txt", b"trip_id\n" * 1000))
    at, end = one.find(b"PK\x01\x02"), one.find(b"PK\x05\x06")
    entry = one[at:end]
    local = one[:at]
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2, 2, 2 * len(entry), len(local), 0)
    return local + entry + entry.replace(b"trips.txt", b"stops.txt") + tail


def with_link() -> bytes:
    link = zipfile.ZipInfo("stops.txt")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as written:
        written.writestr("trips.txt", b"trip_id")
        written.writestr(link, b"/etc/passwd")
    return made.getvalue()


def with_long_directory() -> bytes:
    content = bytearray(feed())
    struct.pack_into("<L", content, len(content) - 22 + 12, 2**31)
    return bytes(content)


def large_archive() -> bytes:
    """An archive that says of itself that it is one for 4 GB and more."""
    content = feed()
    return content[:-22] + b"PK\x06\x07" + bytes(16) + content[-22:]


def sheet_part(rows: str) -> bytes:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>'.encode()


def changed_book(change: Callable[[Workbook], object], *, extra: bool = False) -> bytes:
    book = Workbook()
    page = book.worksheets[0]
    for row in (HEADER, FIRST, LAST):
        page.append(row)
    if extra:
        book.create_sheet("extra").append(["便ID", "x", "y"])
    change(book)
    return saved(book)


def since_1904(book: Workbook) -> None:
    book.epoch = datetime(1904, 1, 1)


def many_sheets(book: Workbook) -> None:
    for number in range(501):
        book.create_sheet(f"s{number}").append(["x"])


def locked_old() -> bytes:
    return XLS.replace(bytes.fromhex("09081000"), bytes.fromhex("2f001000"), 1)


def long_row(width: int) -> bytes:
    return workbook(runs=[["x"] * width])


def blank_rows(first: bytes, count: int) -> bytes:
    """A sheet whose rows go on, formatted and empty, as Excel leaves them."""
    more = "".join(f'<row r="{k}"><c r="A{k}" s="0"/></row>' for k in range(4, count))
    return first.replace(b"</sheetData>", more.encode() + b"</sheetData>")


def compound(name: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + name.encode("utf-16-le")


def csv_rows(count: int) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([["x"]] * count)
    return text.getvalue().encode()


def texts() -> Iterator[Case]:
    """Files of text, and what is taken for one."""
    utf8 = JAPANESE.encode()
    spoilt = (JAPANESE + ",,,,,,港町3-4,8:28,,\n" * 396).encode()
    at = spoilt.rindex("港町".encode())
    spoilt = spoilt[:at] + b"\xff" + spoilt[at + 1 :] + b",,,,,,x,8:50,,\n"
    name = "sent.csv"
    yield Case("nothing", b"", "E-FILE-EMPTY", "holds no rows", name)
    yield Case("blank lines", b"\n\n,,\n", "E-FILE-EMPTY", filename=name)
    yield Case("two million empty rows", b"\n" * 2_000_000, "E-FILE-EMPTY", filename=name)
    yield Case("a header alone", CSV.splitlines()[0].encode(), "E-FILE-EMPTY", filename=name)
    yield Case("no header", b"a,b\n1,2\n", "E-HEADER/none", "no row looks like a header", name)
    yield Case("control signs", bytes(range(1, 32)), "E-FILE-TYPE", "neither a CSV file", name)
    yield Case("bytes of no encoding", b"\x81\x8d\x90\xff\xfe", "E-FILE-TYPE", filename=name)
    yield Case("one wrong byte in row 400", spoilt, "E-FILE-TYPE/byte", "Row 400:", name)
    yield Case(
        "cut within a letter",
        utf8.replace(b"\n", b"\r\n")[: utf8.index("あ".encode()) + 4],
        "E-FILE-TYPE/byte",
        filename=name,
    )
    yield Case("half UTF-8, half cp932", utf8 + JAPANESE.encode("cp932"), "E-FILE-TYPE", filename=name)
    yield Case("cut UTF-16", JAPANESE.encode("utf-16")[:-1], "E-FILE-TYPE", filename=name)
    yield Case("UTF-16 without a mark", JAPANESE.encode("utf-16-le"), TAKEN, filename=name)
    yield Case("UTF-16 the other way round", JAPANESE.encode("utf-16-be"), TAKEN, filename=name)
    yield Case("zero bytes between letters", CSV.replace("D1", "D\0001").encode(), "E-FILE-TYPE", filename=name)
    yield Case("zero bytes alone", bytes(1000), "E-FILE-TYPE", filename=name)
    yield Case("damaged before", CSV.replace(",A,", ",TÃ¶Ã¶lÃ¶,").encode(), "E-MOJIBAKE", "already damaged", name)
    yield Case(
        "a quotation mark that never closes", b'run_id,time\n"D1,8:00\nD2,8:10\n', "E-FILE-TYPE/quote", "Row 2:", name
    )
    yield Case("a quotation mark before a megabyte", b'a,b\n"' + b"x," * 500_000, "E-FILE-BIG/cell", "Row 2:", name)
    yield Case("a line of ten megabytes", b"x" * 10_000_000, "E-FILE-BIG/cell", "100,000 characters", name)
    yield Case("ten megabytes of commas", b"," * 10_000_000, "E-FILE-BIG", filename=name)
    yield Case("10,000 columns", b"x," * 10_000, "E-FILE-BIG", "1,000 columns", name)
    yield Case("200,001 rows", csv_rows(200_001), "E-FILE-BIG", "200,000 rows", name)
    yield Case("more than 20 MB", b"x" * (20 * 2**20 + 1), "E-FILE-BIG", "at most 20 MB", name)
    yield Case("formulas as text", CSV.replace(",A,", ",=HYPERLINK(1),").encode(), TAKEN, filename=name)
    yield Case("lines that end in CR", CSV.replace("\r\n", "\r").encode(), TAKEN, filename=name)
    yield Case("a name of 300 signs", CSV.encode(), TAKEN, filename="../" + "x" * 300 + "<script>.csv")
    for content, kind in FOREIGN:
        yield Case(kind, content, "E-FILE-TYPE/foreign", kind)


FOREIGN = [
    (b"%PDF-1.7\x00\x01\x02", "PDF"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff\xe0", "JPEG"),
    (b"{\\rtf1 timetable}", "RTF"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"\x1f\x8b\x08" + bytes(20), "gzip"),
    (b"\xef\xbb\xbf\n<!DOCTYPE html><table><tr><td>8:00</td></tr></table>", "HTML"),
    (b'<?xml version="1.0"?><Workbook><Worksheet/></Workbook>', "XML"),
    (b'{"runs": []}', "JSON"),
    (packed({"word/document.xml": b"<w/>"}), "Word (.docx)"),
    (packed({"ppt/presentation.xml": b"<p/>"}), "PowerPoint (.pptx)"),
    (packed({"xl/workbook.bin": b"x"}), "Excel (.xlsb)"),
    (
        archive(("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", b"<a/>"), method=0),
        "OpenDocument (.odt)",
    ),
    (compound("WordDocument"), "Word (.doc)"),
]


def archives() -> Iterator[Case]:
    """Archives that are not what they say."""
    name = "sent.zip"
    yield Case("2.6 MB that unpack to 622", with_size(GOOD, 622 * 2**20), "E-FILE-BIG", "larger than we take in", name)
    yield Case("a bomb of zeros", BOMB, "E-FILE-BIG", filename=name)
    yield Case("a bomb in a workbook", with_part("xl/styles.xml", bytes(9 * 2**20)), "E-FILE-BIG")
    yield Case("a directory that says too little", with_size(GOOD, 100), "E-FILE-TYPE")
    yield Case("2,001 files", archive(TRIPS, *((f"f{k}", b"") for k in range(2001))), "E-FILE-BIG", filename=name)
    yield Case("a directory of 2 GB", with_long_directory(), "E-FILE-BIG", filename=name)
    yield Case("an archive for 4 GB and more", large_archive(), "E-FILE-TYPE", filename=name)
    yield Case("entries that share bytes", overlapping(), "E-FILE-ZIP/overlap", "share the same bytes", name)
    yield Case("a zip in a zip", archive(("feed.zip", feed())), "E-FILE-ZIP/nested", "holds another zip", name)
    yield Case(
        "the same table twice",
        archive(TRIPS, ("a/stops.txt", b""), ("b/stops.txt", b"")),
        "E-FILE-ZIP/twice",
        filename=name,
    )
    yield Case("the same name twice", archive(TRIPS, TRIPS), "E-FILE-ZIP/twice", "the same table twice", name)
    yield Case("a link", with_link(), "E-FILE-ZIP/link", "holds a link", name)
    for odd in (
        "../../etc/stops.txt",
        "/etc/stops.txt",
        "C:\\stops.txt",
        "..\\..\\stops.txt",
        "x" * 300,
        "\u202estops.txt",
        "a\nb.txt",
    ):
        yield Case(f"a file named {odd[:20]!r}", archive(TRIPS, (odd, b"")), "E-FILE-ZIP/name", "leads elsewhere", name)
    yield Case("encrypted", with_flags(feed(), 1), "E-FILE-PASSWORD", "locked with a password", name)
    yield Case("strongly encrypted", with_flags(feed(), 0x41), "E-FILE-PASSWORD", filename=name)
    yield Case("LZMA", archive(TRIPS, method=zipfile.ZIP_LZMA), "E-FILE-TYPE", filename=name)
    yield Case("bzip2", archive(TRIPS, method=zipfile.ZIP_BZIP2), "E-FILE-TYPE", filename=name)
    yield Case("damaged", feed().replace(b"PK\x03\x04", b"PK\x03\x05", 1), "E-FILE-TYPE", filename=name)
    yield Case("not even a directory", b"PK\x03\x04 not a zip", "E-FILE-TYPE", filename=name)
    yield Case("an empty archive", archive(), "E-FILE-TYPE", filename=name)
    yield Case("files of no kind", archive(("readme.txt", b"x")), "E-FILE-TYPE", filename=name)
    many = "trip_id,stop_id,stop_sequence,departure_time\n" + "t1,L,1,8:00:00\n" * 200_001
    yield Case("200,001 stop times", feed({"stop_times.txt": many}), "E-FILE-BIG", filename=name)
    often = "trip_id,start_time,end_time,headway_secs\nt1,00:00:00,47:00:00,1\n"
    yield Case("a headway of a second", feed({"frequencies.txt": often}), "E-FILE-BIG/runs", "10,000 runs", name)
    yield Case("a table that is no text", feed({"stops.txt": b"\0\1\2"}), "E-FILE-TYPE/text", 'Sheet "stops.txt"', name)
    yield Case(
        "a table with an open quote", feed({"stops.txt": FEED["stops.txt"] + '"x'}), "E-FILE-TYPE/quote", filename=name
    )


def workbooks() -> Iterator[Case]:
    """Workbooks of today."""
    for tenth in range(1, 10):
        yield Case(f"cut at {tenth}0 %", GOOD[: len(GOOD) * tenth // 10], "E-FILE-TYPE")
    yield Case(
        "entities",
        with_part("xl/workbook.xml", ENTITIES + b"<workbook/>"),
        "E-FILE-TYPE/entities",
        "declares a document type",
    )
    laughs = LAUGHS.encode()
    for part in (SHEET, "xl/styles.xml", "xl/sharedStrings.xml", "[Content_Types].xml"):
        whole = with_part(part, lambda old: old.replace(b"?>", b"?>" + laughs, 1) if b"?>" in old else laughs + old)
        yield Case(f"a billion laughs in {part}", whole, "E-FILE-TYPE/entities")
    yield Case(
        "an entity of a file", with_part(SHEET, lambda old: XXE + old.replace(b"D1", b"&x;")), "E-FILE-TYPE/entities"
    )
    yield Case(
        "entities in UTF-16", with_part(SHEET, (XXE.decode() + "<worksheet/>").encode("utf-16")), "E-FILE-TYPE/entities"
    )
    late = b"<!--" + b"x" * 5000 + b"-->" + XXE + b"<worksheet/>"
    yield Case("entities behind a long remark", with_part(SHEET, late), "E-FILE-TYPE/entities")
    corner = changed_book(lambda book: book.worksheets[0].cell(1_048_576, 16_384, "x"))
    yield Case("a cell in the far corner", corner, "E-FILE-BIG")
    yield Case("16,384 columns", long_row(16_384), "E-FILE-BIG", "1,000 columns")
    yield Case(
        "row 4,294,967,295",
        with_part(SHEET, sheet_part('<row r="4294967295"><c r="A4294967295"><v>1</v></c></row>')),
        "E-FILE-BIG",
    )
    yield Case("30,000 empty rows", with_part(SHEET, lambda old: blank_rows(old, 30_000)), TAKEN)
    yield Case("501 sheets", changed_book(many_sheets), "E-FILE-BIG")
    yield Case("no sheet at all", with_part(SHEET, b""), "E-FILE-TYPE")
    yield Case("broken XML", with_part(SHEET, lambda old: old[: len(old) // 2]), "E-FILE-TYPE")
    yield Case(
        "a text that is not there",
        with_part(SHEET, sheet_part('<row r="1"><c r="A1" t="s"><v>99999</v></c></row>')),
        "E-FILE-TYPE",
    )
    yield Case(
        "references that are none",
        with_part(SHEET, sheet_part('<row r="x"><c r="99"><v>1</v></c></row>')),
        "E-FILE-TYPE",
    )
    yield Case(
        "a number beyond all numbers",
        with_part(SHEET, sheet_part('<row r="1"><c r="A1"><v>1e999</v></c></row>')),
        "E-HEADER/none",
    )
    yield Case("a cell of 32,767 signs", workbook(runs=[HEADER, FIRST, [*LAST[:6], "港" * 32_767, *LAST[7:]]]), TAKEN)
    yield Case("locked with a password", compound("EncryptedPackage"), "E-FILE-PASSWORD", "locked with a password")
    yield Case("macros", with_part("xl/vbaProject.bin", b"\xd0\xcf\x11\xe0AutoOpen"), TAKEN, filename="sent.xlsm")
    link = with_part("xl/externalLinks/externalLink1.xml", b'<externalLink xmlns="x"><externalBook/></externalLink>')
    yield Case("a link to another workbook", link, TAKEN)
    yield Case(
        "protected sheets",
        changed_book(lambda book: setattr(book, "security", WorkbookProtection(lockStructure=True))),
        TAKEN,
    )
    yield Case("dates since 1904", changed_book(since_1904), TAKEN)
    yield Case("merged cells", changed_book(lambda book: book.worksheets[0].merge_cells("A2:A3")), TAKEN)
    for state in ("hidden", "veryHidden"):
        hidden = changed_book(lambda book, state=state: setattr(book.worksheets[1], "sheet_state", state), extra=True)  # type: ignore[misc]
        yield Case(f"a sheet that is {state}", hidden, TAKEN)
    hidden = changed_book(lambda book: setattr(book.worksheets[0], "sheet_state", "hidden"), extra=True)
    yield Case("all rows in a hidden sheet", hidden, "E-HEADER/none")
    formula = changed_book(lambda book: book.worksheets[0].__setitem__("H3", "=H2"))
    yield Case("a time that is a formula without a value", formula, "E-TIME-MISSING")
    fetching = changed_book(lambda book: book.worksheets[0].__setitem__("K2", '=WEBSERVICE("http://127.0.0.1/")'))
    yield Case("a formula that fetches", fetching, TAKEN)
    yield Case("text in place of a workbook", CSV.encode(), TAKEN, filename="runs.xlsx")
    yield Case("a workbook in place of text", GOOD, TAKEN, filename="runs.csv")


def old_workbooks() -> Iterator[Case]:
    """Workbooks of the old Excel and of LibreOffice."""
    for tenth in (1, 3, 5, 7):
        yield Case(f"xls cut at {tenth}0 %", XLS[: len(XLS) * tenth // 10], "E-FILE-TYPE", filename="a.xls")
    yield Case("xls locked", locked_old(), "E-FILE-PASSWORD", filename="a.xls")
    yield Case("xls, broken directory", XLS[:48] + struct.pack("<I", 0xFFFFFFF0) + XLS[52:], "E-FILE-TYPE")
    yield Case("xls, a directory in a loop", XLS[:512] + XLS[512:1024] * 4, "E-FILE-TYPE")
    yield Case("xls, the far corner", far_corner(), "E-FILE-BIG")
    yield Case("xls since 1904", xls(ROWS, since_1904=True), TAKEN, filename="a.xls")
    yield Case("xls, a hidden sheet", xls(ROWS, hidden=True), TAKEN, filename="a.xls")
    empty = (
        REPEATED.replace('office:value-type="string" ', "")
        .replace("<text:p>x</text:p>", "")
        .replace("1000000", "2000000")
    )
    yield Case("ods, repeated cells", packed({"content.xml": content_of(REPEATED)}), "E-FILE-BIG", filename="a.ods")
    yield Case(
        "ods, two million empty rows",
        with_part("content.xml", lambda old: add_row(old, empty), ODS),
        TAKEN,
        filename="a.ods",
    )
    yield Case(
        "ods, entities", packed({"content.xml": ENTITIES + content_of("")}), "E-FILE-TYPE/entities", filename="a.ods"
    )
    yield Case(
        "ods, a billion laughs in styles",
        with_part("styles.xml", LAUGHS.encode(), ODS),
        "E-FILE-TYPE/entities",
        filename="a.ods",
    )
    yield Case("ods, broken XML", packed({"content.xml": content_of("")[:-9]}), "E-FILE-TYPE", filename="a.ods")
    deep = content_of("<text:p>" * 100_000 + "</text:p>" * 100_000)
    yield Case("ods, XML of 100,000 levels", packed({"content.xml": deep}), "E-FILE-TYPE", filename="a.ods")
    locked = packed({"content.xml": b"x", "META-INF/manifest.xml": b"<manifest:encryption-data/>"})
    yield Case("ods, locked", locked, "E-FILE-PASSWORD", filename="a.ods")


def add_row(content: bytes, row: str) -> bytes:
    return content.replace(b"</table:table>", row.encode() + b"</table:table>", 1)


BOMB = archive(TRIPS, ("stop_times.txt", b"0" * (30 * 2**20)))


def cases() -> list[Case]:
    return [*texts(), *archives(), *workbooks(), *old_workbooks()]
