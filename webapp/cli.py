"""`noriai`: the service from the command line."""

import json
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from routing.area import Area
from routing.pace import EMPTY_ROAD, ENOUGH, HOURS, DayKind
from routing.times import RoadError
from webapp import searching, town_rules, working
from webapp.commands.work import work
from webapp.config import LANGUAGES, Settings, read_settings
from webapp.db.store import StoreError
from webapp.files.answers import Answers, Terms
from webapp.files.archive import is_feed, pack_feed
from webapp.files.export import NotInEncoding
from webapp.files.field_names import FieldNames
from webapp.files.rules import detour_rule, riders_allowed
from webapp.leasing import Leases
from webapp.live import LiveTown
from webapp.resources import data_path
from webapp.services import absences, accounts, exporting, learning, ledger, planning, schedules, trying
from webapp.services.errors import Invalid, NotFound, ServiceError
from webapp.town import Town, open_town
from webapp.warming import warm

console = Console()
ISO_DATE = click.DateTime(formats=["%Y-%m-%d"])
SECONDS = click.IntRange(min=1)
COUNT = click.IntRange(0, 1000)
PORT = click.IntRange(1, 65535)
AREA_NAME = OPERATOR_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")
BUILT_IN = "helsinki"
"""The area whose extract comes with an installed package; its source has the same name."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DEMO = "demo-records"
"""A file that stands beside records which the demo made and may throw away."""
PLAIN = {
    "email": "that is no e-mail address, or somebody has it already",
    "first": "choose a first day from today on",
    "member": "the operator has no member of this code",
    "by": "--by is no address of the desk or of a dispatcher of this operator, and --late is a dispatcher's to say",
    "operator": "dispatchers and drivers need an --operator that is there: see noriai operator add",
}
"""Codes of services in words."""
DAYS = {
    "last": "--last comes before --first, or more than a year after it",
    "weekdays": "none of these weekdays lies between the two days",
}
LEFT_OUT = {
    "missing": "no departure from one stop and arrival at the next",
    "together": "arrival and departure tapped at once",
    "order": "arrival before departure",
    "road": "no road from one to the other",
    "short": "too short on the road to tell",
    "fast": "too fast to be a drive",
    "slow": "too slow to be a drive",
}
"""Why two stops told nothing of the road between them."""


class Commands(click.Group):
    """Commands whose faults are one clear line, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (RoadError, ServiceError, StoreError, ValueError, OSError) as error:
            said = f"{type(error).__name__}: {error}" if isinstance(error, StoreError) else str(error)
            raise click.ClickException(PLAIN.get(said, " ".join(said.split()))) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="noriai")
def main() -> None:
    """Noriai gives residents the free seats of school buses and care vans.

    Settings come from the environment: NORIAI_HOME (folder, default .noriai), NORIAI_DATABASE_URL, NORIAI_AREA,
    NORIAI_TIMEZONE and others, see docs/settings.md.

    Example: noriai demo
    """


@main.command()
@click.option("--dir", "folder", type=click.Path(path_type=Path, file_okay=False), help="Keep the demo's files here.")
@click.option("--no-serve", is_flag=True, help="End after the table.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
@click.option("--solve", type=SECONDS, default=10, show_default=True, help="Seconds for the re-planning.")
@click.option("--port", type=PORT, default=8000, show_default=True, help="Port of the site, on this machine only.")
def demo(folder: Path | None, *, no_serve: bool, as_json: bool, solve: int, port: int) -> None:
    """Show the main job on the streets of Helsinki: schedules, requests, bookings, re-planning, and the site.

    Example: noriai demo --no-serve --json
    """
    with tempfile.TemporaryDirectory(prefix="noriai-") as temporary:
        home = folder or Path(temporary)
        town, played = _play(home, solve)
        live = LiveTown(town)
        del town
        if as_json:
            click.echo(json.dumps(played.as_json(), ensure_ascii=False))
        else:
            _show(played)
        if not no_serve:
            _serve(live, port, hints=_hints())
        live.now().store.close()


def _play(home: Path, solve: int) -> tuple[Town, Any]:
    from webapp import demo as stage

    if (home / "noriai.db").exists() and not (home / DEMO).exists():
        raise ValueError(f"{home} holds records that the demo did not make: choose another folder")
    settings = read_settings({}, home=home)
    (home / DEMO).touch()
    for old in home.glob("noriai.db*"):
        old.unlink()
    _prepare_built_in(settings)
    clock = stage.DemoClock()
    town = open_town(settings, clock)
    with _progress() as bar:
        tasks: dict[str, Any] = {}

        def tell(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done, total=total)

        played = stage.play(town, clock, solve=solve, tell=tell)
        for task in tasks.values():
            bar.update(task, completed=bar.tasks[task].total)
    return town, played


def _show(played: Any) -> None:
    said = played.as_json()
    table = Table(title=f"Noriai demo, service date {said['day']}", show_header=False, title_justify="left")
    for name, value in _rows(said):
        table.add_row(name, str(value))
    Console().print(table)


def _rows(said: dict[str, Any]) -> Iterator[tuple[str, object]]:
    yield "runs, committed rides", f"{said['runs']}, {said['committed']}"
    yield "requests / offered / booked", f"{said['requests']} / {said['offered']} / {said['booked']}"
    yield from ((f"  refused: {reason}", count) for reason, count in said["refused"].items())
    yield "re-planned", "{before} → {after} of at most {upper_bound} parties in {seconds} s".format(**said["solver"])
    yield "an absence frees a seat", "{booked} of {waiting} who still waited".format(**said["absence"])
    yield "seat minutes free / filled", "{free} / {filled}".format(**said["seat_minutes"])
    yield "extra driving", f"{said['extra_drive_seconds'] // 60} min"
    yield "delay of committed riders", "worst {worst} s, mean {mean} s".format(**said["committed_delay_seconds"])
    yield "an offer took", "{p50} ms (median), {p99} ms (99th percentile)".format(**said["offer_ms"])
    yield "plans judged, promises broken", f"{said['revisions_judged']}, {said['promises_broken']}"
    yield "time", ", ".join(f"{name} {seconds} s" for name, seconds in said["seconds"].items())


@main.group()
def area() -> None:
    """Prepare road networks to drive in.

    Example: noriai area list
    """


@area.command("add")
@click.argument("name")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option("--country", default="", help="ISO code, such as JP: side of the traffic and usual limits.")
@click.option("--vehicle", type=click.Choice(["car", "van", "minibus", "bus"]), default="van", show_default=True)
def area_add(name: str, sources: tuple[str, ...], country: str, vehicle: str) -> None:
    """Prepare the roads of SOURCE as area NAME.

    SOURCE is "helsinki" (built in), a file (.osm.pbf, .osm, .osm.gz, .graphml) or "place:Porvoo, Finland" (download).
    Several OpenStreetMap files are read as one: vehicles drive across their borders. All lie in one country.

    The roads are those that VEHICLE may use and fits through.

    Example: noriai area add uusimaa porvoo.osm.pbf sipoo.osm.pbf --country FI --vehicle minibus
    """
    if not AREA_NAME.fullmatch(name):
        raise click.BadParameter("use small letters, digits and hyphens", param_hint="NAME")
    if country and not _is_country(country):
        raise click.BadParameter("use the two letters of ISO 3166, such as JP", param_hint="--country")
    settings = read_settings()
    _prepare(name, sources, settings, country=country, vehicle=vehicle)
    _tell(Area.load(settings.areas / name), f"Serve it with NORIAI_AREA={name}")


def _is_country(code: str) -> bool:
    """Whether a code of ISO 3166 is a country's; CLDR also knows some for unions, tests and the unknown."""
    from babel import Locale

    return (
        code.upper() in Locale("en").territories.keys() - {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"} and code.isalpha()
    )


@area.command("update")
@click.argument("name")
@click.argument("sources", nargs=-1)
def area_update(name: str, sources: tuple[str, ...]) -> None:
    """Prepare area NAME anew, for the country and the vehicle that it was prepared for.

    SOURCES are what `area add` takes; without them, the area's own are read again. Until the new roads are ready the
    old ones stay in service; a running service takes them over by itself and shows dispatchers which runs changed.

    Example: noriai area update porvoo porvoo-latest.osm.pbf
    """
    from routing.graph import update

    settings = read_settings()
    with Console(stderr=True).status(f"preparing {name}") as status:
        update(name, settings.areas / name, sources, status.update)
    _tell(Area.load(settings.areas / name), "Running services change to it now.")


def _tell(about: Area, what_next: str) -> None:
    for sentence in about.left_aside:
        console.print(sentence, markup=False)
    console.print(f"{about.name}: {about.nodes:,} junctions, {about.edges:,} streets. {what_next}")


def _open() -> Town:
    """Open the town of the settings; the built-in area needs no preparing by hand."""
    settings = read_settings()
    if BUILT_IN in settings.area:
        _prepare_built_in(settings)
    return open_town(settings)


def _prepare_built_in(settings: Settings) -> None:
    """Prepare the built-in area unless this version has; other areas are prepared anew by their owner's will alone."""
    try:
        Area.load(settings.areas / BUILT_IN)
    except RoadError:
        _prepare(BUILT_IN, [BUILT_IN], settings, country="FI")


def _prepare(name: str, sources: Sequence[str], settings: Settings, *, country: str, vehicle: str = "van") -> None:
    from routing.graph import prepare
    from routing.ways import VEHICLES, Rules

    with Console(stderr=True).status(f"preparing {name}") as status:
        prepare(name, sources, settings.areas / name, status.update, Rules(VEHICLES[vehicle], country))


@area.command("list")
def area_list() -> None:
    """List the prepared areas; those in service bear a star.

    Example: noriai area list
    """
    settings = read_settings()
    for folder in sorted(path.parent for path in settings.areas.glob("[!.]*/area.json")):
        mark = "*" if folder.name in settings.area else " "
        try:
            about = Area.load(folder)
        except RoadError as error:
            click.echo(f"{mark} {folder.name}: {error}")
            continue
        click.echo(f"{mark} {folder.name}: {about.nodes:,} junctions, {about.edges:,} streets, from {about.source}")


@area.command("learn")
@click.option("--since", type=ISO_DATE, help="First service date to learn from; all of them without it.")
@click.option(
    "--table",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Take the factors from a TOML file instead.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and keep nothing.")
def area_learn(since: datetime | None, file: Path | None, *, dry_run: bool) -> None:
    """Learn from drivers' taps how much slower than the empty road each hour is.

    Runs that are published from then on are timed by that. A town without records writes its table: docs/settings.md.

    Example: noriai area learn --since 2026-09-01 --dry-run
    """
    town = _open()
    lesson = learning.read_table(town, file) if file else learning.read_lesson(town, since.date() if since else None)
    _show_lesson(lesson)
    if not lesson.enough:
        click.echo(f"Too few drives: a kind of day needs {ENOUGH}. Nothing was changed.")
    elif dry_run:
        click.echo("Nothing was changed, as you asked.")
    else:
        learning.keep_factors(town, lesson.after)
        click.echo("Kept. Runs that are published from now on are timed by these factors.")
    town.store.close()


def _show_lesson(lesson: learning.Lesson) -> None:
    """Print, for each hour of which there is something to say, thousandths before and after, and how many drives."""
    table = Table("hour", *DayKind, title="Thousandths of the empty road (drives)", title_justify="left")
    for hour in range(HOURS):
        cells = [_cell(lesson, kind, hour) for kind in DayKind]
        if set(cells) != {str(EMPTY_ROAD)}:
            table.add_row(f"{hour}:00", *cells)
    Console().print(table)
    click.echo(f"{lesson.drives} drives, {sum(lesson.left_out.values())} pairs of stops left out")
    for reason, count in sorted(lesson.left_out.items()):
        click.echo(f"  {LEFT_OUT[reason]}: {count}")


def _cell(lesson: learning.Lesson, kind: DayKind, hour: int) -> str:
    before, after = lesson.before.row(kind)[hour], lesson.after.row(kind)[hour]
    count = lesson.counts.get((kind, hour), 0)
    return (f"{before} → {after}" if after != before else str(before)) + (f" ({count})" if count else "")


@main.group()
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
    town = _open()
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
    town = _open()
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


@main.group()
def absence() -> None:
    """Enter who does not come, as the phone desk does. People are called by the operator's own codes, never by name.

    Example: noriai absence list --operator hillside-school
    """


def _absence_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say who does not come when."""
    options = [
        click.option("--operator", required=True, help="Code of the operator."),
        click.option("--member", required=True, help="The operator's code of who does not come."),
        click.option("--first", type=ISO_DATE, required=True, help="First day."),
        click.option("--last", type=ISO_DATE, help="Last day; without it, the first alone."),
        click.option("--weekday", "weekdays", type=click.Choice(WEEKDAYS), multiple=True, help="Only on these days."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _days(first: datetime, last: datetime | None, weekdays: Sequence[str]) -> list[date]:
    try:
        return absences.days_of(first.date(), (last or first).date(), map(WEEKDAYS.index, weekdays))
    except Invalid as error:
        raise click.UsageError(DAYS[str(error)]) from error


@absence.command("add")
@_absence_options
@click.option("--by", "email", required=True, help="E-mail address of who enters it: the desk, or a dispatcher.")
@click.option("--late", is_flag=True, help="Also after the operator's deadline: a dispatcher's to decide.")
def absence_add(*, operator: str, member: str, email: str, late: bool, **when: Any) -> None:
    """Enter that a member does not come; the seat is offered to the waiting list at once.

    Example: noriai absence add --operator hillside-school --member A12 --first 2026-12-01 --last 2026-12-18
    --weekday Tue --by desk@example.org
    """
    chosen, town = _days(**when), _open()
    try:
        person = absences.find_member(town, member, operator=operator)
        actor = absences.find_staff(town, email, operator=operator, late=late)
        warm()
        told = absences.enter(town, person, chosen, actor=actor.id, late=late)
    finally:
        town.store.close()
    click.echo(f"{member}: absent on {_listed(told.absent)}")
    if told.too_late:
        click.echo(f"too late for {_listed(told.too_late)}: --late, by a dispatcher of the operator", err=True)
        sys.exit(1)


@absence.command("withdraw")
@_absence_options
def absence_withdraw(operator: str, member: str, **when: Any) -> None:
    """Let a member come after all, on each day on which nobody was promised the seat since.

    Example: noriai absence withdraw --operator hillside-school --member A12 --first 2026-12-08
    """
    chosen, town = _days(**when), _open()
    try:
        person = absences.find_member(town, member, operator=operator)
        back = absences.withdraw(town, person, chosen)
    finally:
        town.store.close()
    click.echo(f"{member}: comes on {_listed(back.comes)}")
    if back.promised:
        click.echo(f"the seat is promised to somebody else on {_listed(back.promised)}", err=True)
        sys.exit(1)


@absence.command("list")
@click.option("--operator", required=True, help="Code of the operator.")
def absence_list(operator: str) -> None:
    """List who of an operator's members does not come from today on, by code.

    Example: noriai absence list --operator hillside-school
    """
    town = _open()
    try:
        found = absences.list_absences(town, operator)
    finally:
        town.store.close()
    for person, away in sorted(found, key=lambda one: one[0].member):
        for one in away:
            days = " ".join(WEEKDAYS[day] for day in sorted(one.weekdays))
            span = f"{one.first}" if one.first == one.last else f"{one.first}..{one.last} {days}".strip()
            click.echo(f"{person.member}: {span}{' (seat promised to somebody else)' if one.wanted_back else ''}")


def _listed(days: Sequence[date]) -> str:
    return ", ".join(map(str, days)) or "no day"


@main.group()
def policy() -> None:
    """Check a town's rules, and try them on what was asked before.

    Example: noriai policy check my-town.toml
    """


@policy.command("list")
def policy_list() -> None:
    """List the rules files that come with the service; the one in service bears a star.

    Example: noriai policy list
    """
    chosen = read_settings().policy
    for path in town_rules.list_files():
        rules, _remarks = town_rules.check(path)
        click.echo(f"{'*' if path.name == chosen else ' '} {path.name}: {rules.get('name', 'has errors')}")


@policy.command("check")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def policy_check(file: Path) -> None:
    """Say what is wrong with the rules in FILE and what no machine enforces. Exit status 1 when it has errors.

    Example: noriai policy check data/policies/akkeshi.toml
    """
    rules, remarks = town_rules.check(file)
    for remark in remarks:
        click.echo(str(remark))
    click.echo(f"{file.name} can be used: {rules['name']}" if rules else f"{file.name} cannot be used")
    sys.exit(0 if rules else 1)


@policy.command("try")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--since", type=ISO_DATE, help="First service date to look at; the last 31 days without it.")
def policy_try(file: Path, since: datetime | None) -> None:
    """Say what the rules in FILE would have done to the requests of the last month. Nothing is changed.

    Requests are asked again on the runs as they were then, under present rules and under those of FILE. A run opens
    itself no farther than it did: what rules open beyond that shows once schedules are taken in again.

    Example: noriai policy try data/policies/akkeshi.toml --since 2026-11-01
    """
    rules, town = town_rules.load(file), _open()
    first = since.date() if since else town.today() - timedelta(days=31)
    with _progress() as bar:
        task = bar.add_task("days", total=1)
        trial = trying.try_rules(town, rules, first, lambda n, of: bar.update(task, completed=n, total=max(1, of)))
    town.store.close()
    click.echo(
        f"{_few(trial.asked)} requests were asked again since {first}; {_few(trial.offered)} had been offered a seat"
    )
    click.echo(f"{_few(trial.gained.total())} without a seat would be offered one")
    for rule, count in trial.lost.most_common():
        click.echo(f"{_few(count)} would be offered none any more: {rule}")
    if not trial.lost:
        click.echo("Nobody who was offered a seat would be refused.")


def _few(count: int) -> str:
    """Write a count of people, or only that there were few."""
    shown = ledger.coarse(count)
    return f"fewer than {ledger.SMALLEST_CELL}" if shown is None else str(shown)


@main.command()
@click.option("--date", "day", type=ISO_DATE, required=True, help="Service date, such as 2026-11-23.")
@click.option("--seconds", type=SECONDS, default=30, show_default=True, help="How long to search.")
def plan(day: datetime, seconds: int) -> None:
    """Re-plan a service date and book what the waiting list gains.

    Example: noriai plan --date 2026-11-23 --seconds 60
    """
    town = _open()
    with Console(stderr=True).status("getting ready"):
        searching.start()
    with _progress() as bar, _ticking(bar, seconds):
        done = working.plan_day(Leases(town.store), town, day.date(), seconds=seconds)
    town.store.close()
    if done is None:
        click.echo("another worker is re-planning that day")
        return
    if done.fault:
        raise click.ClickException(f"no better plan was found, and everything stays as it is: {done.fault}")
    click.echo(
        f"{done.before} parties before, {done.after} of at most {done.upper_bound} after; "
        f"driving {done.drive_before // 60} min before, {done.drive_after // 60} min after"
    )


@main.command()
@click.option("--date", "day", type=ISO_DATE, help="Service date; all of them without it.")
def verify(day: datetime | None) -> None:
    """Judge every plan that ever held, and every booking. Exit status 1, and the list, when a promise is broken.

    Example: noriai verify --date 2026-11-23
    """
    town = _open()
    judged, faults = planning.verify(town, day.date() if day else None)
    town.store.close()
    for fault in faults:
        click.echo(f"{fault.run} revision {fault.revision}: {fault.broken.rule} at {fault.broken.where}, "
                   f"{fault.broken.excess} too much")  # fmt: skip
    click.echo(f"{judged} plans judged, {len(faults)} promises broken")
    sys.exit(1 if faults else 0)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=PORT, default=8000, show_default=True)
def serve(host: str, port: int) -> None:
    """Serve the site until it is stopped.

    Example: noriai serve --port 8080
    """
    _serve(LiveTown(_open()), port, host=host)


def _serve(live: LiveTown, port: int, *, host: str = "127.0.0.1", hints: dict[str, Any] | None = None) -> None:
    from webapp import serving

    console.print(f"Serving http://{host}:{port} (Ctrl+C ends it)")
    with _warming() as progress:
        serving.serve(live, host=host, port=port, hints=hints, progress=progress)


def _hints() -> dict[str, Any]:
    """Tell who can sign in, here and, by what it returns, on the sign-in page: the demo's people are nobody's."""
    from webapp.demo import PASSWORD, read_table

    rows = read_table("users.csv")
    people = [(", ".join(filter(None, (row["role"], row["operator"]))), row["email"]) for row in rows]
    table = Table("role", "e-mail address", title=f"Sign in with the password {PASSWORD}", title_justify="left")
    for role, email in people:
        table.add_row(role, email)
    console.print(table)
    return {"password": PASSWORD, "people": people}


@main.group()
def operator() -> None:
    """Manage who runs vehicles.

    Example: noriai operator add sakura-day --name さくらデイサービス --kind care
    """


@operator.command("add")
@click.argument("code")
@click.option("--name", default="", help="What people call it; its code without it.")
@click.option("--kind", default="school", show_default=True, help="school, care, ...")
def operator_add(code: str, name: str, kind: str) -> None:
    """Add the operator CODE, or rename it: its dispatchers can hand in schedules on the site.

    Example: noriai operator add sakura-day --name さくらデイサービス --kind care
    """
    if not OPERATOR_CODE.fullmatch(code):
        raise click.BadParameter("use small letters, digits, - and _", param_hint="CODE")
    town = _open()
    accounts.add_operator(town, code=code, name=name or code, kind=kind)
    town.store.close()
    click.echo(f"{code} is an operator: let a dispatcher of it sign in with noriai user add")


@main.group()
def user() -> None:
    """Manage who signs in.

    Example: noriai user add anna@example.org --role dispatcher --operator hillside-school
    """


@user.command("add")
@click.argument("email")
@click.option("--role", type=click.Choice(accounts.ROLES), required=True)
@click.option("--name", default="", help="What to call them; their address without it.")
@click.option("--operator", default=None, help="Code of their operator (dispatchers and drivers).")
@click.option("--group", "groups", multiple=True, help="Group that entitles a resident to ride, such as registered.")
@click.password_option(help="Asked for when it is not given.")
def user_add(email: str, role: str, name: str, operator: str | None, *, groups: tuple[str, ...], password: str) -> None:
    """Let somebody sign in with EMAIL.

    Example: noriai user add anna@example.org --role resident --group registered
    """
    town = _open()
    accounts.add_user(
        town, name=name or email, role=role, email=email, password=password, operator=operator, groups=groups
    )
    town.store.close()
    click.echo(f"{email} can sign in as {role}")


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


@contextmanager
def _warming() -> Iterator[Callable[[int, int], None]]:
    """Show how far the search is ready, until it is."""
    bar = _progress()
    task = bar.add_task("warm up", total=1)

    def progress(done: int, total: int) -> None:
        bar.start()
        bar.update(task, completed=done, total=total)
        if done == total:
            bar.stop()

    try:
        yield progress
    finally:
        bar.stop()


@contextmanager
def _ticking(bar: Progress, seconds: int) -> Iterator[None]:
    """Move a bar with the time that a search is given: how far it has come otherwise is not known."""
    task, done = bar.add_task("re-plan", total=seconds), threading.Event()

    def tick() -> None:
        while not done.wait(0.2):
            bar.advance(task, 0.2)

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        bar.update(task, completed=seconds)


main.add_command(work)

if __name__ == "__main__":
    main()
