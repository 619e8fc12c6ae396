"""`noriai user reset-factors` and `noriai user password`: for people who cannot sign in any more."""

import click

from webapp.config import read_settings
from webapp.services import factors, passwords
from webapp.town import open_town


@click.command("reset-factors")
@click.argument("email")
def reset_factors(email: str) -> None:
    """Take passkeys, app and recovery codes from whoever signs in with EMAIL, and end all their sessions.

    Make sure first that it is them who ask. The password stays; it is noted in the records, and they are told by mail.

    Example: noriai user reset-factors anna@example.org
    """
    town = open_town(read_settings())
    factors.reset(town, passwords.find_user(town, email).id)
    town.store.close()
    click.echo(f"{email} has no second factor now; all sessions have ended")


@click.command("password")
@click.argument("email")
@click.password_option(help="Asked for when it is not given.")
def set_password(email: str, password: str) -> None:
    """Give whoever signs in with EMAIL a new password, and end all their sessions.

    Example: noriai user password anna@example.org
    """
    town = open_town(read_settings())
    passwords.put(town, passwords.find_user(town, email), password)
    town.store.close()
    click.echo(f"{email} has a new password; all sessions have ended")
