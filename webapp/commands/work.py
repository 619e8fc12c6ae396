"""`noriai work`: the work beside the site, in a process of its own."""

import click

from webapp.config import read_settings
from webapp.leasing import LASTS
from webapp.live import LiveTown
from webapp.town import open_town


@click.command()
@click.option(
    "--lease",
    type=click.FloatRange(min=1),
    default=LASTS,
    show_default=True,
    help="Seconds after which the work of a worker that fell silent is another one's.",
)
def work(lease: float) -> None:
    """Send messages, serve the waiting list and re-plan beside a site that other processes serve, until it is stopped.

    Any number may work at once, and beside `noriai serve`: each piece of work is done by one at a time.

    Example: noriai work
    """
    from webapp import logs, production, working

    settings = read_settings()
    production.refuse_unsafe(settings, [])
    logs.write_to(form=settings.log)
    live = LiveTown(open_town(settings))
    click.echo("Working (Ctrl+C ends it)", err=True)
    working.work(live, lasts=lease)
    live.now().store.close()
