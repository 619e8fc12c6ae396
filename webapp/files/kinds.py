"""Recognise files of other programs, so that a dispatcher is told what was sent instead of a table."""

_STARTS = {
    b"%PDF": "PDF",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"{\\rtf": "RTF",
    b"Rar!": "RAR",
    b"7z\xbc\xaf": "7z",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"SQLite format": "SQLite",
}
_IN_ZIP = {
    b"xl/workbook.xml": "",
    b"xl/workbook.bin": "Excel (.xlsb)",
    b"word/document.xml": "Word (.docx)",
    b"ppt/presentation.xml": "PowerPoint (.pptx)",
    b"Index/Document.iwa": "Numbers, Pages",
    b"opendocument.text": "OpenDocument (.odt)",
    b"opendocument.presentation": "OpenDocument (.odp)",
    b"epub+zip": "EPUB",
}
"""Names of parts and types that stand unpacked in an archive; a workbook may hold others within it."""

_IN_COMPOUND = {"Workbook": "", "Book": "", "WordDocument": "Word (.doc)", "PowerPoint Document": "PowerPoint (.ppt)"}
_MARKUP = {b"<!doctype html": "HTML", b"<html": "HTML", b"<table": "HTML", b"<meta": "HTML", b"<": "XML", b'{"': "JSON"}
_HEAD = 4096


def foreign_kind(content: bytes) -> str:
    """Name the kind of a file that is no table; empty where it may be one."""
    if content.startswith(b"PK\x03\x04"):
        return next((kind for name, kind in _IN_ZIP.items() if name in content), "")
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        return next((kind for name, kind in _IN_COMPOUND.items() if name.encode("utf-16-le") in content), "")
    found = next((kind for start, kind in _STARTS.items() if content.startswith(start)), "")
    text = content[:_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return found or next((kind for start, kind in _MARKUP.items() if text.startswith(start)), "")
