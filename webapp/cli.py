"""`noriai`: the service from the command line."""

import json
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from matching import solver
from routing.area import Area
from routing.times import RoadError
from webapp.config import LANGUAGES, Settings, read_settings
from webapp.db.store import StoreError
from webapp.services import accounts, planning, schedules
from webapp.services.errors import ServiceError
from webapp.town import Town, open_town

console = Console()
ISO_DATE = click.DateTime(formats=["%Y-%m-%d"])
SECONDS = click.IntRange(min=1)
PORT = click.IntRange(1, 65535)
AREA_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")
BUILT_IN = "helsinki"
"""The area whose extract comes with an installed package; its source has the same name."""
DEMO = "demo-records"
"""A file that stands beside records which the demo made and may throw away."""
PLAIN = {
    "email": "that is no e-mail address, or somebody has it already",
    "operator": "dispatchers and drivers need an --operator that is there: see noriai schedule import",
}
"""Codes of services in words."""


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
        if as_json:
            click.echo(json.dumps(played.as_json(), ensure_ascii=False))
        else:
            _show(played)
        if not no_serve:
            _serve(town, port, hints=_hints())
        town.store.close()


def _play(home: Path, solve: int) -> tuple[Town, Any]:
    from webapp import demo as stage

    if (home / "noriai.db").exists() and not (home / DEMO).exists():
        raise ValueError(f"{home} holds records that the demo did not make: choose another folder")
    settings = read_settings({}, home=home)
    (home / DEMO).touch()
    for old in home.glob("noriai.db*"):
        old.unlink()
    if not (settings.area_folder / "area.json").exists():
        _prepare(BUILT_IN, BUILT_IN, settings)
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
@click.argument("source")
def area_add(name: str, source: str) -> None:
    """Prepare the roads of SOURCE as area NAME.

    SOURCE is "helsinki" (built in), a file (.osm.pbf, .osm, .osm.gz, .graphml) or "place:Porvoo, Finland" (download).

    Example: noriai area add porvoo porvoo.osm.pbf
    """
    if not AREA_NAME.fullmatch(name):
        raise click.BadParameter("use small letters, digits and hyphens", param_hint="NAME")
    settings = read_settings()
    _prepare(name, source, settings)
    about = Area.load(settings.areas / name)
    console.print(f"{name}: {about.nodes:,} junctions, {about.edges:,} streets. Serve it with NORIAI_AREA={name}")


def _open() -> Town:
    """Open the town of the settings; the built-in area needs no preparing by hand."""
    settings = read_settings()
    if settings.area == BUILT_IN and not (settings.area_folder / "area.json").exists():
        _prepare(BUILT_IN, BUILT_IN, settings)
    return open_town(settings)


def _prepare(name: str, source: str, settings: Settings) -> None:
    from routing.graph import prepare

    with Console(stderr=True).status(f"preparing {name}") as status:
        prepare(name, source, settings.areas / name, status.update)


@area.command("list")
def area_list() -> None:
    """List the prepared areas.

    Example: noriai area list
    """
    settings = read_settings()
    for folder in sorted(settings.areas.glob("*/area.json")):
        about = Area.load(folder.parent)
        mark = "*" if about.name == settings.area else " "
        click.echo(f"{mark} {about.name}: {about.nodes:,} junctions, {about.edges:,} streets, from {about.source}")


@main.group()
def schedule() -> None:
    """Check and take in schedule files.

    Example: noriai schedule check runs.xlsx
    """


def _checked(file: Path, operator: str, language: str) -> tuple[Town, schedules.Checked]:
    town = _open()
    return town, schedules.check(town, file.read_bytes(), file.name, operator=operator, language=language)


@schedule.command("check")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--operator", default="check", help="Code of the operator whose runs these are.")
@click.option("--language", type=click.Choice(sorted(LANGUAGES)), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print runs, rows, encoding and messages as JSON.")
def schedule_check(file: Path, operator: str, language: str, *, as_json: bool) -> None:
    """Say what is wrong with FILE and what it would give; nothing is kept. Exit status 1 when it has errors.

    Example: noriai schedule check runs.xlsx --json
    """
    town, checked = _checked(file, operator, language)
    if as_json:
        said = [
            {name: getattr(m, name) for name in ("code", "severity", "sheet", "row", "column", "value", "text", "run")}
            for m in checked.messages
        ]
        found = {"runs": len(checked.file.runs), "rows": checked.file.rows, "encoding": checked.file.encoding}
        click.echo(json.dumps({**found, "messages": said}, ensure_ascii=False))
    else:
        for message in checked.messages:
            click.echo(message.text)
        click.echo(f"{len(checked.file.runs)} runs in {checked.file.rows} rows, {len(checked.runs)} on the next days")
    town.store.close()
    sys.exit(1 if checked.refused else 0)


@schedule.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--operator", required=True, help="Code of the operator; it is added if it is new.")
@click.option("--operator-name", default="", help="Name of a new operator.")
@click.option("--kind", default="school", show_default=True, help="Kind of a new operator: school, care, ...")
def schedule_import(file: Path, operator: str, operator_name: str, kind: str) -> None:
    """Take in FILE as a whole, or nothing of it when it has an error.

    Example: noriai schedule import runs.xlsx --operator hillside-school
    """
    town, checked = _checked(file, operator, "en")
    for message in checked.messages:
        click.echo(message.text, err=True)
    if checked.refused:
        raise click.ClickException("the file has errors, so nothing was taken in")
    with town.store.read() as records:
        known = {one.id for one in records.list_operators()}
    if operator not in known:
        accounts.add_operator(town, code=operator, name=operator_name or operator, kind=kind)
    row = schedules.upload(town, file.read_bytes(), file.name, operator=operator, actor=None)
    kept = schedules.keep(town, checked, operator=operator, actor=None, upload=row)
    click.echo(f"{kept.new} runs new, {kept.changed} changed, {kept.unchanged} unchanged")
    for code in kept.held:
        click.echo(f"{code}: left as it is, because residents ride on it or it has begun", err=True)
    town.store.close()


@main.command()
@click.option("--date", "day", type=ISO_DATE, required=True, help="Service date, such as 2026-11-23.")
@click.option("--seconds", type=SECONDS, default=30, show_default=True, help="How long to search.")
def plan(day: datetime, seconds: int) -> None:
    """Re-plan a service date and book what the waiting list gains.

    Example: noriai plan --date 2026-11-23 --seconds 60
    """
    town = _open()
    with _warming() as progress:
        solver.warm(progress)
    with _progress() as bar, _ticking(bar, seconds):
        done = planning.replan(town, day.date(), seconds=seconds)
    town.store.close()
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
    _serve(_open(), port, host=host)


def _serve(town: Town, port: int, *, host: str = "127.0.0.1", hints: dict[str, Any] | None = None) -> None:
    from webapp import serving

    console.print(f"Serving http://{host}:{port} (Ctrl+C ends it)")
    with _warming() as progress:
        serving.serve(town, host=host, port=port, hints=hints, progress=progress)


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


if __name__ == "__main__":
    main()
