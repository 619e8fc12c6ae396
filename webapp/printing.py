"""Manifests as a PDF whose font is in it: Latin, Japanese and Korean letters appear on every machine."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

FONT = ("noto_cjk_sans_jp_regular", "NotoSansCJKjp-Regular.otf")
"""Package and file of the one font: Noto Sans CJK has the letters of all languages of the site."""
MARGIN, WIDTH, BOTTOM = 14, 182, 276
"""Millimetres on A4: around, between the margins, and down to where text may stand."""
BOX = 4.6
GREY = 236


@dataclass(frozen=True, slots=True)
class Rider:
    """One line of a stop: on or off, who, and what to mind."""

    way: str
    name: str
    marks: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop as it is printed. after: how many are aboard when it is left."""

    number: int
    time: str
    place: str
    hint: str
    riders: tuple[Rider, ...]
    after: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One run on paper; every text is written already."""

    title: str
    day: str
    facts: str
    counts: str
    absent_title: str
    absent: tuple[str, ...]
    stops: tuple[Stop, ...]
    foot: str
    signing: str


def write_pdf(sheets: Sequence[Sheet], *, title: str, language: str) -> bytes:
    """Draw each run on a sheet of its own, A4 upright; a long run goes on overleaf."""
    logging.getLogger("fpdf").setLevel(logging.ERROR)  # what it says of letters may be part of a name
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    pdf = _paper()
    pdf.set_title(title)
    pdf.set_lang(language)
    for sheet in sheets:
        _Drawn(pdf, sheet).draw()
    return bytes(pdf.output())


@cache
def _font() -> str:
    return str(resources.files(FONT[0]) / FONT[1])


def _paper() -> Any:
    from fpdf import FPDF  # only who asks for a PDF waits for its library

    pdf = FPDF(format="A4")
    pdf.add_font("noto", "", _font())
    pdf.set_margins(MARGIN, MARGIN, MARGIN)
    pdf.set_auto_page_break(False)
    return pdf


class _Drawn:
    """Draws one run from top to bottom."""

    def __init__(self, pdf: Any, sheet: Sheet) -> None:
        self._pdf, self._sheet, self._pages = pdf, sheet, 0

    def draw(self) -> None:
        self._turn()
        self._text(self._sheet.facts, 11)
        self._text(self._sheet.counts, 11)
        if self._sheet.absent:
            self._space(8)
            self._bold(self._sheet.absent_title, 12)
            for name in self._sheet.absent:
                self._rider(Rider("", name))
        for stop in self._sheet.stops:
            self._stop(stop)
        self._space(24)
        self._pdf.set_y(self._pdf.get_y() + 6)
        self._text(self._sheet.signing, 11)

    def _turn(self) -> None:
        """Begin a page: the run's name, its day, and below what the page is of."""
        self._pages += 1
        self._pdf.add_page()
        self._pdf.set_font("noto", size=9)
        self._pdf.set_xy(MARGIN, 284)
        self._pdf.cell(WIDTH, 5, f"{self._sheet.foot} · {self._pages}", align="R")
        self._pdf.set_xy(MARGIN, MARGIN)
        self._bold(self._sheet.title, 18 if self._pages == 1 else 12)
        self._text(self._sheet.day, 12 if self._pages == 1 else 10)

    def _space(self, height: float) -> None:
        """Turn the page where so many millimetres are not left."""
        if self._pdf.get_y() + height > BOTTOM:
            self._turn()

    def _stop(self, stop: Stop) -> None:
        pdf = self._pdf
        self._space(11 + 8 * min(len(stop.riders), 3))
        pdf.set_y(pdf.get_y() + 3)
        top = pdf.get_y()
        pdf.set_font("noto", size=12)
        height = 6 * self._lines(stop.place, WIDTH - 74) + (5 if stop.hint else 0) + 2
        pdf.set_fill_color(GREY)
        pdf.rect(MARGIN, top, WIDTH, height, style="F")
        pdf.set_xy(MARGIN + 1, top + 1)
        self._bold(f"{stop.number}", 12, width=9)
        pdf.set_xy(MARGIN + 10, top + 1)
        self._bold(stop.time, 13, width=18)
        pdf.set_xy(MARGIN + 28, top + 1)
        pdf.set_font("noto", size=12)
        pdf.multi_cell(WIDTH - 74, 6, stop.place, align="L")
        if stop.hint:
            pdf.set_x(MARGIN + 28)
            pdf.set_font("noto", size=9)
            pdf.cell(WIDTH - 74, 5, stop.hint)
        pdf.set_xy(MARGIN + WIDTH - 46, top + 1)
        pdf.set_font("noto", size=10)
        pdf.cell(45, 6, stop.after, align="R")
        pdf.set_y(top + height + 1)
        for rider in stop.riders:
            self._rider(rider)

    def _rider(self, rider: Rider) -> None:
        """Draw a box to tick, on or off, the name, and what to mind below it."""
        pdf = self._pdf
        pdf.set_font("noto", size=12)
        names = self._lines(rider.name, WIDTH - 34)
        pdf.set_font("noto", size=10)
        marks = self._lines(rider.marks, WIDTH - 34) if rider.marks else 0
        self._space(6 * names + 5 * marks + 2)
        top = pdf.get_y() + 1
        pdf.set_line_width(0.4)
        pdf.rect(MARGIN + 2, top + 0.7, BOX, BOX)
        pdf.set_xy(MARGIN + 10, top)
        self._bold(rider.way, 11, width=18)
        pdf.set_xy(MARGIN + 30, top)
        pdf.set_font("noto", size=12)
        pdf.multi_cell(WIDTH - 34, 6, rider.name, align="L", new_x="LEFT", new_y="NEXT")
        if rider.marks:
            pdf.set_xy(MARGIN + 30, pdf.get_y())
            pdf.set_font("noto", size=10)
            pdf.multi_cell(WIDTH - 34, 5, rider.marks, align="L", new_x="LEFT", new_y="NEXT")
        pdf.set_y(pdf.get_y() + 1)

    def _lines(self, text: str, width: int) -> int:
        """Count the lines that a text takes."""
        if self._pdf.get_string_width(text) < width - 3:
            return 1
        return len(self._pdf.multi_cell(width, 6, text, dry_run=True, output="LINES"))

    def _text(self, text: str, size: int) -> None:
        self._pdf.set_x(MARGIN)
        self._pdf.set_font("noto", size=size)
        self._pdf.multi_cell(WIDTH, size * 0.5, text, align="L", new_x="LMARGIN", new_y="NEXT")

    def _bold(self, text: str, size: int, width: int = WIDTH) -> None:
        """Write in bold: letters of the one font with an edge."""
        with self._pdf.local_context(text_mode="FILL_STROKE", line_width=0.25):
            self._pdf.set_font("noto", size=size)
            self._pdf.multi_cell(width, size * 0.5, text, align="L", new_x="LMARGIN", new_y="NEXT")
