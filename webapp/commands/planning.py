"""`noriai plan` and `noriai verify`: days planned anew, and every plan judged."""

import sys
from datetime import datetime

import click
from rich.console import Console

from webapp import searching, working
from webapp.commands.shared import ISO_DATE, SECONDS, open_the_town, progress_bar, ticking
from webapp.leasing import Leases
from webapp.services import planning


@click.command()
@click.option("--date", "day", type=ISO_DATE, required=True, help="Service date, such as 2026-11-23.")
@click.option("--seconds", type=SECONDS, default=30, show_default=True, help="How long to search.")
def plan(day: datetime, seconds: int) -> None:
    """Re-plan a service date and book what the waiting list gains.

    Example: noriai plan --date 2026-11-23 --seconds 60
    """
    town = open_the_town()
    with Console(stderr=True).status("getting ready"):
        searching.start()
    with progress_bar() as bar, ticking(bar, seconds):
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


@click.command()
@click.option("--date", "day", type=ISO_DATE, help="Service date; all of them without it.")
def verify(day: datetime | None) -> None:
    """Judge every plan that ever held, and every booking. Exit status 1, and the list, when a promise is broken.

    Example: noriai verify --date 2026-11-23
    """
    town = open_the_town()
    judged, faults = planning.verify(town, day.date() if day else None)
    town.store.close()
    for fault in faults:
        click.echo(f"{fault.run} revision {fault.revision}: {fault.broken.rule} at {fault.broken.where}, "
                   f"{fault.broken.excess} too much")  # fmt: skip
    click.echo(f"{judged} plans judged, {len(faults)} promises broken")
    sys.exit(1 if faults else 0)
