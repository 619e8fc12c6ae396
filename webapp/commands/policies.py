"""`noriai policy`: a town's rules."""

import sys
from datetime import datetime, timedelta
from pathlib import Path

import click

from webapp import town_rules
from webapp.commands.shared import (
    ISO_DATE,
    open_the_town,
    progress_bar,
)
from webapp.config import read_settings
from webapp.services import suppression, trying


@click.group()
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
    rules, town = town_rules.load(file), open_the_town()
    first = since.date() if since else town.today() - timedelta(days=31)
    with progress_bar() as bar:
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
    shown = suppression.coarse(count)
    return f"fewer than {suppression.SMALLEST_CELL}" if shown is None else str(shown)
