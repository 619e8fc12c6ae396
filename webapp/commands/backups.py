"""`noriai backup`, `noriai restore`, `noriai held`: records copied, brought back, and what to send after that."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

from routing.times import RoadError
from webapp import backups
from webapp.commands.shared import open_the_town, progress_bar
from webapp.config import read_settings
from webapp.db.backups import count_held, release_held
from webapp.services import planning
from webapp.town import utc_now

KEYS = {
    "same": "The secret key is the one of the backup.",
    "restored": "The secret key of the backup is in place again.",
    "other": "The secret key is set by NORIAI_SECRET_KEY and is another than the backup's: cards and sessions of then "
    "do not open.",
    "missing": "This machine has another secret key than the backup, which does not hold its own: put the old one into "
    "the file secret-key or NORIAI_SECRET_KEY, else cards, links in messages and numbers for drivers of then do not "
    "open.",
}


@click.command()
@click.argument("target", metavar="DEST", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(min=1), default=14, show_default=True, help="Backups that stay in DEST.")
@click.option("--with-key", is_flag=True, help="Also the secret key: who reads the file can then be anybody.")
@click.option("--with-areas", is_flag=True, help="Also the prepared areas.")
def backup(target: Path, *, keep: int, with_key: bool, with_areas: bool) -> None:
    """Write the records into one file in the folder DEST (or to DEST, if that ends in .tar.gz) while they are in use.

    The file is read back before it counts, and only its owner may read it. It is not encrypted. Older backups in the
    folder are deleted, but for the newest ones. See docs/backups.md.

    Example: noriai backup /srv/backups --keep 30
    """
    with _telling() as tell:
        file, made = backups.back_up(read_settings(), target, utc_now(), tell, with_key=with_key, with_areas=with_areas)
    if with_key:
        click.echo("This file holds the secret key: keep it where nobody else comes.", err=True)
    rows = sum(made.counts.values())
    click.echo(f"{file}: {file.stat().st_size:,} bytes, {rows:,} rows at step {made.revision}, read back and whole")
    for gone in backups.prune(file.parent, keep) if file.parent == target else ():
        click.echo(f"{gone.name} was deleted: {keep} are kept")


@click.command()
@click.argument("file", metavar="BACKUP", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="Put it in place of records that are there; they are set aside.")
@click.option("--keep-signed-in", is_flag=True, help="Let sessions of then go on, also those that were ended since.")
def restore(file: Path, *, replace: bool, keep_signed_in: bool) -> None:
    """Put the records of BACKUP in place on an empty machine, or of older ones; then judge every plan in them.

    Stop the service first. Messages that had not gone out when the backup was made are held: see noriai held.

    Example: noriai restore /srv/backups/noriai-20261123T030000Z.tar.gz
    """
    settings = read_settings()
    with _telling() as tell:
        done = backups.restore(settings, file, utc_now, tell, replace=replace, sign_out=not keep_signed_in)
    made = datetime.fromisoformat(done.manifest.made_at)
    hours, minutes = divmod(round((utc_now() - made).total_seconds() / 60), 60)
    click.echo(f"Restored as of {made:%Y-%m-%d %H:%M:%S} UTC: what was changed in the {hours} h {minutes} min since "
               "then is not in it.")  # fmt: skip
    if done.aside:
        click.echo(f"The records that were here stay as {done.aside}.")
    for name, more in sorted(done.lost.items()):
        click.echo(f"  they have {more:,} rows more of {name}")
    click.echo(KEYS[done.key])
    if not keep_signed_in:
        click.echo("Everybody has to sign in again.")
    if done.held:
        click.echo(
            f"{done.held:,} messages are held, since they may have gone out: noriai held send, or noriai held drop"
        )
    _verify()


def _verify() -> None:
    try:
        town = open_the_town()
    except RoadError as error:
        click.echo(f"The records are in place. Before they can be judged (noriai verify): {error}", err=True)
        return
    judged, faults = planning.verify(town)
    town.store.close()
    click.echo(f"{judged} plans judged, {len(faults)} promises broken")
    sys.exit(1 if faults else 0)


@click.group()
def held() -> None:
    """Decide on the messages that are held since a restore: they may have gone out before it.

    Example: noriai held list
    """


@held.command("list")
def held_list() -> None:
    """Count the messages that are held, by kind.

    Example: noriai held list
    """
    town = open_the_town()
    for kind, number in count_held(town.store).items():
        click.echo(f"{kind}: {number}")
    town.store.close()


@held.command("send")
def held_send() -> None:
    """Let them be sent; some people may be told something twice.

    Example: noriai held send
    """
    _release(send=True)


@held.command("drop")
def held_drop() -> None:
    """Put them away unsent; some people may not be told something.

    Example: noriai held drop
    """
    _release(send=False)


def _release(*, send: bool) -> None:
    town = open_the_town()
    number = release_held(town.store, send=send)
    town.store.close()
    click.echo(f"{number:,} messages {'will be sent' if send else 'were put away'}")


@contextmanager
def _telling() -> Iterator[Callable[[str, int, int], None]]:
    """Show each step of some work under its name."""
    with progress_bar() as bar:
        tasks = {}

        def tell(name: str, done: int, of: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=of)
            bar.update(tasks[name], completed=done, total=of)

        yield tell
