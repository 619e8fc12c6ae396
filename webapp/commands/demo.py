"""`noriai demo`: the main job on real streets, then a site."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from webapp.commands.serving import serve_town
from webapp.commands.shared import (
    PORT,
    SECONDS,
    console,
    prepare_built_in,
    progress_bar,
)
from webapp.config import read_settings
from webapp.live import LiveTown
from webapp.town import MADE, Town, open_town

DEMO = "demo-records"
"""A file that stands beside records which the demo made and may throw away."""


@click.command()
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
            serve_town(live, port, hints=_hints())
        live.now().store.close()


def _play(home: Path, solve: int) -> tuple[Town, Any]:
    from webapp import demo as stage

    if (home / "noriai.db").exists() and not (home / DEMO).exists():
        raise ValueError(f"{home} holds records that the demo did not make: choose another folder")
    settings = read_settings({}, home=home)
    (home / DEMO).touch()
    for old in (*home.glob("noriai.db*"), home / MADE):
        old.unlink(missing_ok=True)
    prepare_built_in(settings)
    clock = stage.DemoClock()
    town = open_town(settings, clock)
    with progress_bar() as bar:
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
