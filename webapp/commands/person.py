"""`noriai person`, `noriai audit` and `noriai retention`: what is known, who looked, what leaves when."""

from datetime import datetime
from pathlib import Path

import click

from webapp.commands.shared import ISO_DATE, open_the_town
from webapp.config import LANGUAGES
from webapp.services import access_log, erasing, portrait, retention
from webapp.services.errors import Conflict, NotFound
from webapp.town import Town

PLAIN = {
    "under way": "they are on a vehicle now: try again once they have got off",
    "scheduled": "a schedule in force still has this member: take in one without them first",
}


@click.group()
def person() -> None:
    """Give somebody all that is known of them, or erase it.

    PERSON is a resident's e-mail address, phone number, card number or id; with --operator, a member's code.

    Example: noriai person export anna@example.org --out anna.zip
    """


@person.command("export")
@click.argument("person")
@click.option("--operator", default="", help="Code of the operator whose member this is.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="A zip file.")
@click.option("--language", type=click.Choice(sorted(LANGUAGES)), help="Of the page; the person's own without it.")
def person_export(person: str, operator: str, out: Path, language: str | None) -> None:
    """Write all that is known of PERSON to a zip file: data.json, and index.html to be read.

    Example: noriai person export A12 --operator hillside-school --out a12.zip
    """
    town = open_the_town()
    try:
        spoken = language or ""
        if operator:
            found = portrait.of_member(town, operator, person)
        else:
            user = _resident(town, person)
            found, spoken = portrait.of_resident(town, user), language or _language(town, user)
        content = portrait.pack(town, found, language=spoken)
    finally:
        town.store.close()
    out.touch(mode=0o600)
    out.write_bytes(content)
    click.echo(f"{out}: {sum(map(len, found.values()))} entries in {sum(map(bool, found.values()))} classes of data")


@person.command("erase")
@click.argument("person")
@click.option("--operator", default="", help="Code of the operator whose member this is.")
@click.option("--yes", is_flag=True, help="Do it; without it, only what would be done is told.")
def person_erase(person: str, operator: str, *, yes: bool) -> None:
    """Erase all that is known of PERSON: trips to come are cancelled first, figures stay without them.

    Example: noriai person erase anna@example.org --yes
    """
    town = open_the_town()
    try:
        if operator and yes:
            done = erasing.erase_member(town, operator, person, by="command line")
        elif operator:
            done = erasing.plan_member(town, operator, person)
        elif yes:
            done = erasing.erase_resident(town, _resident(town, person), by="command line")
        else:
            done = erasing.plan_resident(town, _resident(town, person))
    except Conflict as fault:
        raise click.ClickException(PLAIN.get(str(fault), str(fault))) from fault
    except NotFound as fault:
        raise click.ClickException("nobody is known by this") from fault
    finally:
        town.store.close()
    for line in _told(done, did=yes):
        click.echo(line)


def _told(done: erasing.Erasing, *, did: bool) -> list[str]:
    if done.done and not did:
        return ["erased already"]
    steps = [
        (len(done.cancelled), "trips to come are cancelled; their drivers see it"),
        (done.waiting, "requests wait no more"),
        (done.weekly, "weekly trips end"),
        (done.helpers, "helpers, helped people or guardians are let go"),
        (done.consents, "consents end"),
    ]
    said = [f"{count} {text}" for count, text in steps if count]
    said += [f"{name}: {count} rows erased or emptied" for name, count in sorted(done.rows.items())]
    return [*said, "erased" if did else "then all else is erased; say --yes to do it"]


def _resident(town: Town, said: str) -> str:
    try:
        return erasing.find_resident(town, said).id
    except NotFound as fault:
        raise click.ClickException("no resident, or more than one, is known by this") from fault


def _language(town: Town, user_id: str) -> str:
    with town.store.read() as records:
        return records.get_user(user_id).language


@click.command("audit")
@click.option("--member", default="", help="Code of a member: who looked at their places.")
@click.option("--operator", default="", help="Code of the member's operator.")
@click.option("--person", "resident", default="", help="A resident: who looked at their places.")
@click.option("--date", "day", type=ISO_DATE, help="Who looked at more members on this date than work explains.")
@click.option("--most", type=click.IntRange(min=0), default=access_log.MANY_MEMBERS, show_default=True)
def audit(member: str, operator: str, resident: str, day: datetime | None, most: int) -> None:
    """Tell who looked at where somebody travels; people are called by their ids and names, members by their codes.

    Example: noriai audit --operator hillside-school --member A12
    """
    if bool(member) != bool(operator) or sum(map(bool, (member, resident, day))) != 1:
        raise click.UsageError("say --operator and --member, or --person, or --date")
    town = open_the_town()
    try:
        if day:
            for one in access_log.find_anomalies(town, day.date(), most=most):
                click.echo(f"{one.reader} {one.name} ({one.operator}): {one.members} members")
            return
        if member:
            found = access_log.read_member(town, operator, member)
        else:
            found = access_log.read_resident(town, _resident(town, resident))
        for reading in found:
            click.echo(f"{reading.at:%Y-%m-%d %H:%M} UTC  {reading.reader} {reading.name}  {reading.purpose}")
        click.echo(f"{len(found)} readings")
    finally:
        town.store.close()


@click.command("retention")
@click.option("--dry-run", is_flag=True, help="Only count what would go.")
@click.option("--rewrite", is_flag=True, help="Write the whole database anew afterwards, while nobody works.")
def keep_no_longer(*, dry_run: bool, rewrite: bool) -> None:
    """Let everything go whose time is over, as `noriai serve` does every day.

    Example: noriai retention --dry-run
    """
    town = open_the_town()
    try:
        counted = retention.preview(town)
        if not dry_run:
            retention.tidy(town)
        if rewrite:
            town.store.scrub(rewrite=True)
    finally:
        town.store.close()
    for limit in retention.LIMITS:
        click.echo(f"{counted[limit.name]:8}  {limit.name}, after {limit.days} days: {limit.what}")
