"""`noriai schedule`: schedule files, checked, taken in and written."""

import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from webapp.commands.shared import (
    COUNT,
    ISO_DATE,
    open_the_town,
)
from webapp.config import LANGUAGES
from webapp.files.answers import Answers, Terms
from webapp.files.archive import is_feed, pack_feed
from webapp.files.export import NotInEncoding
from webapp.files.field_names import FieldNames
from webapp.files.rules import detour_rule, riders_allowed
from webapp.resources import data_path
from webapp.services import accounts, exporting, schedules
from webapp.services.errors import NotFound
from webapp.town import Town


@click.group()
def schedule() -> None:
    """Check and take in schedule files.

    Example: noriai schedule check runs.xlsx
    """


def _content(file: Path) -> bytes:
    return pack_feed(file) if file.is_dir() else file.read_bytes()


def _checked(
    file: Path, operator: str, language: str, column: Sequence[str], said: dict[str, Any]
) -> tuple[Town, bytes, schedules.Checked]:
    content, columns = _content(file), _columns(column)
    answers = _answers(**said)
    if answers.from_day(None) != Answers() and not is_feed(content):
        raise click.UsageError("but for --effective, options are for GTFS feeds: write it in the columns of this file")
    town = open_the_town()
    if answers == Answers():
        answers = schedules.answers_before(town, operator, file.name)
    with town.store.read() as records:
        known = schedules.names_of_columns(records, operator)
    answers = answers.for_columns(columns)
    checked = schedules.check(
        town, content, file.name, operator=operator, language=language, answers=answers, columns=known
    )
    return town, content, checked


def _columns(said: Sequence[str]) -> dict[str, str]:
    """Read what columns mean, written as NAME=FIELD. Raises click.UsageError for a field that is none."""
    fields = set(FieldNames.load(data_path("field_names.toml")).fields["runs"])
    pairs = [one.rpartition("=") for one in said]
    for name, equals, field in pairs:
        if not name or not equals or (field and field not in fields):
            raise click.UsageError(
                f"--column {name}{equals}{field}: write NAME=FIELD, with one of {', '.join(sorted(fields))}"
            )
    return {name: field for name, _, field in pairs}


def _answers(
    *,
    seats: int | None,
    wheelchair_places: int,
    who_may_ride: str | None,
    detour: str,
    max_extra_min: int | None,
    riders: int,
    route: Sequence[str],
    first: datetime | None,
    week: datetime | None,
    sound_only: bool,
    effective: datetime | None,
) -> Answers:
    """Put together what the options say of a feed. Raises click.UsageError for words that say nothing."""
    names = FieldNames.load(data_path("field_names.toml"))
    rule = detour_rule(detour, names)
    if rule is None:
        raise click.UsageError(f"--detour {detour}: write none, on route, up to 5 min or deadhead")
    if riders > (seats or 0):
        raise click.UsageError(f"--riders {riders}: there are only {seats or 0} seats, write --seats")
    terms = Terms(
        seats=seats,
        wheelchairs=wheelchair_places,
        who_may_ride=None if who_may_ride is None else riders_allowed(who_may_ride, names),
        detour=rule.mode,
        max_detour=rule.most,
        deadhead=rule.deadhead,
        max_extra=None if max_extra_min is None else 60 * max_extra_min,
        riders=riders,
    )
    return Answers(
        otherwise=terms,
        only=frozenset(route) or None,
        first=first.date() if first else None,
        week=week.date() if week else None,
        sound_only=sound_only,
        effective=effective.date() if effective else None,
    )


def _feed_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that are said beside a file, most of them what a GTFS feed cannot say."""
    options = [
        click.option("--seats", type=COUNT, help="GTFS: seats of each vehicle."),
        click.option("--wheelchair-places", type=COUNT, default=0, help="GTFS: wheelchair places of each vehicle."),
        click.option("--who-may-ride", help="GTFS: committed, registered, anyone, or names of groups."),
        click.option("--detour", default="none", help='GTFS: none, "on route", "up to 5 min", deadhead.'),
        click.option("--max-extra-min", type=COUNT, help="GTFS: most minutes that a committed rider may lose."),
        click.option("--riders", type=COUNT, default=0, help="GTFS: committed riders on the whole of each trip."),
        click.option("--route", multiple=True, help="GTFS: take only this route_id or route_id/direction."),
        click.option("--from", "first", type=ISO_DATE, help="GTFS: use the plan for a year from this day on."),
        click.option(
            "--week", type=ISO_DATE, help="GTFS, with --from: a day of the week to repeat (else the fullest)."
        ),
        click.option("--effective", type=ISO_DATE, help="Any file: it holds from this day on; days before it stay."),
        click.option("--sound-only", is_flag=True, help="GTFS: take the runs without an error, leave the others."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


COLUMN = click.option(
    "--column", multiple=True, metavar="NAME=FIELD", help='What a column of the file means, such as "発=time".'
)


@schedule.command("check")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@COLUMN
@click.option("--operator", default="check", help="Code of the operator whose runs these are.")
@click.option("--language", type=click.Choice(sorted(LANGUAGES)), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print runs, rows, encoding and messages as JSON.")
@_feed_options
def schedule_check(
    file: Path, operator: str, language: str, column: tuple[str, ...], *, as_json: bool, **said: Any
) -> None:
    """Say what is wrong with FILE and what it would give; nothing is kept. Exit status 1 when it has errors.

    FILE is a CSV file, a workbook, or a GTFS feed: a zip or a folder.

    Example: noriai schedule check runs.xlsx --json
    """
    town, _content, checked = _checked(file, operator, language, column, said)
    if as_json:
        remarks = [
            {name: getattr(m, name) for name in ("code", "severity", "sheet", "row", "column", "value", "text", "run")}
            for m in checked.messages
        ]
        found = {"runs": len(checked.file.runs), "rows": checked.file.rows, "encoding": checked.file.encoding}
        click.echo(json.dumps({**found, "messages": remarks}, ensure_ascii=False))
    else:
        for message in checked.messages:
            click.echo(message.text)
        click.echo(f"{len(checked.file.runs)} runs in {checked.file.rows} rows, {len(checked.runs)} on the next days")
    town.store.close()
    sys.exit(1 if checked.refused else 0)


@schedule.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--operator", required=True, help="Code of the operator; it is added if it is new.")
@click.option("--operator-name", default="", help="Name of a new operator.")
@click.option("--kind", default="school", show_default=True, help="Kind of a new operator: school, care, ...")
@COLUMN
@_feed_options
def schedule_import(
    file: Path, operator: str, operator_name: str, kind: str, column: tuple[str, ...], **said: Any
) -> None:
    """Take in FILE as a whole, or nothing of it when it has an error. FILE is as for `check`.

    It takes the place of the earlier file of the same name. Runs on which a resident would lose a seat stay as they
    are: a dispatcher decides about them on the site. What --column says is remembered for the next such file.

    Example: noriai schedule import runs.xlsx --operator hillside-school
    """
    town, content, checked = _checked(file, operator, "en", column, said)
    for message in checked.messages:
        click.echo(message.text, err=True)
    if checked.refused:
        raise click.ClickException("the file has errors, so nothing was taken in")
    with town.store.read() as records:
        known = {one.id for one in records.list_operators()}
    if operator not in known:
        accounts.add_operator(town, code=operator, name=operator_name or operator, kind=kind)
    row = schedules.upload(town, content, file.name, operator=operator, actor=None, answers=checked.answers)
    schedules.remember_columns(town, checked, operator=operator, actor=None)
    kept = schedules.keep(town, checked, operator=operator, actor=None, upload=row)
    click.echo(
        f"{kept.new} runs new, {kept.changed} changed, {kept.unchanged} unchanged"
        + (f", {kept.removed} removed" if kept.removed else "")
    )
    for code in kept.held:
        click.echo(f"{code}: left as it is, because residents ride on it or it has begun", err=True)
    town.store.close()


@schedule.command("export")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--operator", required=True, help="Code of the operator.")
@click.option("--format", "kind", type=click.Choice(["csv", "xlsx"]), default="xlsx", show_default=True)
@click.option("--encoding", type=click.Choice(["utf-8", "cp932"]), default="utf-8", show_default=True, help="Of CSV.")
@click.option("--language", type=click.Choice(sorted(LANGUAGES)), default="en", show_default=True, help="Of headers.")
def schedule_export(out: Path, operator: str, kind: str, encoding: str, language: str) -> None:
    """Write what an operator handed in last to OUT, in the layout in which any schedule can be handed in.

    A CSV file holds the runs alone; a workbook holds the vehicles and places, too.

    Example: noriai schedule export --operator hillside-school --format csv runs.csv
    """
    if encoding == "cp932" and kind != "csv":
        raise click.UsageError("--encoding is for --format csv")
    town = open_the_town()
    try:
        content = exporting.export(town, operator, "csv-cp932" if encoding == "cp932" else kind, language)
    except NotFound as error:
        raise click.ClickException(f"no schedule of {operator} was taken in") from error
    except NotInEncoding as error:
        raise click.ClickException(f"cp932 has no sign for {error}: leave --encoding out") from error
    finally:
        town.store.close()
    out.write_bytes(content)
    click.echo(f"{out}: {len(content):,} bytes")
