"""`noriai absence`: who does not come."""

import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import click

from webapp.commands.shared import ISO_DATE, open_the_town
from webapp.services import absences
from webapp.services.errors import Invalid
from webapp.warming import warm

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAYS = {
    "last": "--last comes before --first, or more than a year after it",
    "weekdays": "none of these weekdays lies between the two days",
}


@click.group()
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
    chosen, town = _days(**when), open_the_town()
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
    chosen, town = _days(**when), open_the_town()
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
    town = open_the_town()
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
