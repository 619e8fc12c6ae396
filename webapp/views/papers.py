"""Manifests to take along: pages to print, PDF, and a day as a table for a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from flask import Blueprint, Response, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from webapp.files.sheets import disarmed
from webapp.printing import Rider, Sheet, Stop, write_pdf
from webapp.services import dispatching, papers
from webapp.services.driving import Passenger, Visit
from webapp.services.papers import Paper
from webapp.views import days
from webapp.views.shared import language, needs, town, write_clock, write_day, write_spot

pages = Blueprint("papers", __name__)

KINDS = {
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@pages.get("/dispatch/manifests")
@needs("dispatcher")
def day() -> ResponseReturnValue:
    """The manifests of all runs of a day, one run a sheet."""
    shown = days.chosen(dispatching.list_dates(town(), current_user.operator_id))
    found = papers.read_papers(town(), shown.shown, operator=current_user.operator_id)
    files = [(kind, url_for("papers.day_file", kind=kind, day=shown.shown.isoformat())) for kind in KINDS]
    title = _("Manifests of the day")
    sheets = [written(paper) for paper in found]
    return render_template("dispatcher/papers.html", title=title, days=shown, sheets=sheets, files=files, run=None)


@pages.get("/dispatch/manifests.<any(pdf, csv, xlsx):kind>")
@needs("dispatcher")
def day_file(kind: str) -> ResponseReturnValue:
    """The manifests of a day as one PDF, or every stop and rider of it as a table."""
    shown = days.read_day(request.args.get("day", "")) or town().today()
    found = papers.read_papers(town(), shown, operator=current_user.operator_id)
    if kind == "pdf":
        return _sent(
            write_pdf([written(one) for one in found], title=write_day(shown), language=language()), kind, shown
        )
    rows = [row for paper in found for row in table_rows(paper)]
    return _sent(_csv(rows) if kind == "csv" else _xlsx(rows), kind, shown)


@pages.get("/dispatch/runs/<run_id>/manifest")
@needs("dispatcher")
def run(run_id: str) -> ResponseReturnValue:
    """One run's manifest, to be printed."""
    paper = papers.read_paper(town(), run_id, operator=current_user.operator_id)
    files = [("pdf", url_for("papers.run_file", run_id=run_id))]
    head = paper.manifest.head
    title = _("Manifest of %(code)s", code=head.code)
    return render_template(
        "dispatcher/papers.html", title=title, days=None, sheets=[written(paper)], files=files, run=head
    )


@pages.get("/dispatch/runs/<run_id>/manifest.pdf")
@needs("dispatcher")
def run_file(run_id: str) -> ResponseReturnValue:
    """One run's manifest as a PDF."""
    paper = papers.read_paper(town(), run_id, operator=current_user.operator_id)
    head = paper.manifest.head
    return _sent(write_pdf([written(paper)], title=head.code, language=language()), "pdf", head.service_date)


def _sent(content: bytes, kind: str, shown: date) -> Response:
    name = f"{current_user.operator_id}-{shown.isoformat()}.{kind}"
    answer = send_file(io.BytesIO(content), KINDS[kind], as_attachment=True, download_name=name, max_age=0)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def written(paper: Paper) -> Sheet:
    """Write a manifest as it is printed."""
    manifest = paper.manifest
    head = manifest.head
    stops = [visit for visit in manifest.visits if not visit.depot]
    ends = stops or list(manifest.visits)
    times = f"{_clock(ends[0].time, head.service_date)} – {_clock(ends[-1].time, head.service_date)}"
    committed = sum(one.party.people for visit in manifest.visits for one in visit.boarding if one.committed)
    residents = sum(one.party.people for visit in manifest.visits for one in visit.boarding if not one.committed)
    counts = [ngettext("%(num)s committed rider", "%(num)s committed riders", committed)]
    if residents:
        counts.append(ngettext("%(num)s resident", "%(num)s residents", residents))
    chairs = sum(one.party.wheelchairs for visit in manifest.visits for one in visit.boarding)
    if chairs:
        counts.append(ngettext("Wheelchair", "%(num)s wheelchairs", chairs))
    return Sheet(
        title=f"{head.code} · {head.name}" if head.name else head.code,
        day=write_day(head.service_date),
        facts=f"{_('Vehicle %(vehicle)s', vehicle=head.vehicle)} · {times}",
        counts=" · ".join(counts),
        absent_title=_("Absent today"),
        absent=tuple(_name(one) for one in manifest.absent),
        stops=tuple(_stop(paper, k, visit) for k, visit in enumerate(manifest.visits, 1)),
        foot=f"{head.code} · {head.service_date.isoformat()} · " + _("Revision %(number)s", number=head.revision),
        signing=_("Vehicle walked through, nobody aboard. Time, name: ______________________"),
    )


def _stop(paper: Paper, number: int, visit: Visit) -> Stop:
    head = paper.manifest.head
    late = visit.planned is not None and visit.time - visit.planned >= 60
    planned = "" if visit.planned is None else _clock(visit.planned, head.service_date)
    return Stop(
        number=number,
        time=_clock(visit.time, head.service_date),
        place=_place(visit),
        hint=_("Planned for %(time)s", time=planned) if late else "",
        riders=(
            *(Rider(_("Off"), _name(one), _marks(one, ())) for one in visit.alighting),
            *(Rider(_("On"), _name(one), _marks(one, paper.apart.get(one.ride, ()))) for one in visit.boarding),
        ),
        after=_("%(count)s aboard after", count=visit.load.people),
    )


def _place(visit: Visit) -> str:
    if visit.depot:
        return f"{visit.label} ({_('Depot')})" if visit.label else _("Depot")
    return visit.label if visit.planned is not None else write_spot(visit.label, visit.place)


def _name(passenger: Passenger) -> str:
    return passenger.name or _("Riders of the schedule")


def _marks(passenger: Passenger, apart: Sequence[str]) -> str:
    """Say what to mind of somebody: how many they are, wheelchairs, needs, and with whom they do not travel."""
    party = passenger.party
    said = [_("%(count)s people", count=party.people)] if party.people > 1 else []
    if party.wheelchairs:
        said.append(ngettext("Wheelchair", "%(num)s wheelchairs", party.wheelchairs))
    said += [need_text(need) for need in passenger.needs if need != "wheelchair"]
    if apart:
        said.append(_("not with: %(others)s", others=", ".join(apart)))
    if not passenger.committed:
        said.append(_("Resident"))
    return ", ".join(said)


def need_text(need: str) -> str:
    """Say a need in words, where it has any."""
    return {
        "walker": _("Walker"),
        "companion": _("With a companion"),
        "luggage": _("Luggage"),
        "AV-01": _("rides alone"),
        "AV-03": _("boards last, gets off first"),
        "AV-12": _("the seat beside stays empty"),
        "accompanied": _("never alone with residents"),
    }.get(need, need)


def _clock(second: int, shown: date) -> str:
    return write_clock(second, shown)


# Tables


def headings() -> list[str]:
    """Name the columns of a day's table."""
    return [
        _("Date"), _("Run"), _("Name"), _("Vehicle"), _("Number"), _("Stop"), _("Planned"), _("Expected"),
        _("On or off"), _("Rider"), _("People"), _("Wheelchairs"), _("Notes"), _("Aboard after"),
    ]  # fmt: skip


def table_rows(paper: Paper) -> Iterable[list[str | int]]:
    """Write every stop of a run, a row for each who boards or alights there; before them those who are absent."""
    head = paper.manifest.head
    run: list[str | int] = [head.service_date.isoformat(), head.code, head.name, head.vehicle]
    for one in paper.manifest.absent:
        yield [*run, "", "", "", "", _("Absent"), _name(one), one.party.people, one.party.wheelchairs, "", ""]
    for number, visit in enumerate(paper.manifest.visits, 1):
        planned = "" if visit.planned is None else _clock(visit.planned, head.service_date)
        stop: list[str | int] = [number, _place(visit), planned, _clock(visit.time, head.service_date)]
        callers: list[tuple[str, Passenger, tuple[str, ...]]] = [(_("Off"), one, ()) for one in visit.alighting]
        callers += [(_("On"), one, paper.apart.get(one.ride, ())) for one in visit.boarding]
        for way, one, apart in callers:
            party = one.party
            marks = _marks(one, apart)
            yield [*run, *stop, way, _name(one), party.people, party.wheelchairs, marks, visit.load.people]
        if not callers:
            yield [*run, *stop, "", "", 0, 0, "", visit.load.people]


def _csv(rows: Iterable[Sequence[str | int]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(headings())
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _xlsx(rows: Iterable[Sequence[str | int]]) -> bytes:
    from openpyxl import Workbook  # only who asks for a workbook waits for its library
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    book: Any = Workbook(write_only=True)
    sheet = book.create_sheet("day")
    sheet.freeze_panes = "A2"
    for letter, width in zip("ABCDEFGHIJKLMN", (12, 12, 22, 12, 8, 30, 9, 9, 10, 26, 9, 12, 34, 13), strict=True):
        sheet.column_dimensions[letter].width = width
    heads = [WriteOnlyCell(sheet, name) for name in headings()]
    for cell in heads:
        cell.font = Font(bold=True)
    sheet.append(heads)
    for row in rows:
        sheet.append([_cell(cell) for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(value: str | int) -> str | int:
    """No cell is a formula, and none holds what a workbook cannot."""
    return "".join(filter(str.isprintable, disarmed(value))) if isinstance(value, str) else value
