"""`noriai area`: road networks to drive in."""

import re
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from routing.area import Area
from routing.pace import EMPTY_ROAD, ENOUGH, HOURS, DayKind
from routing.times import RoadError
from webapp.commands.shared import (
    ISO_DATE,
    console,
    open_the_town,
    prepare_area,
)
from webapp.config import read_settings
from webapp.services import learning

AREA_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")


@click.group()
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
    prepare_area(name, sources, settings, country=country, vehicle=vehicle)
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
    town = open_the_town()
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
