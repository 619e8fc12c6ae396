"""`noriai operator` and `noriai user`: who runs vehicles, and who signs in."""

import re

import click

from webapp.commands.factors import reset_factors, set_password
from webapp.commands.shared import (
    open_the_town,
)
from webapp.services import accounts, passwords, rights

OPERATOR_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")


@click.group()
def operator() -> None:
    """Manage who runs vehicles.

    Example: noriai operator add sakura-day --name さくらデイサービス --kind care
    """


@operator.command("add")
@click.argument("code")
@click.option("--name", default="", help="What people call it; its code without it.")
@click.option("--kind", default="school", show_default=True, help="school, care, ...")
def operator_add(code: str, name: str, kind: str) -> None:
    """Add the operator CODE, or rename it: its dispatchers can hand in schedules on the site.

    Example: noriai operator add sakura-day --name さくらデイサービス --kind care
    """
    if not OPERATOR_CODE.fullmatch(code):
        raise click.BadParameter("use small letters, digits, - and _", param_hint="CODE")
    town = open_the_town()
    accounts.add_operator(town, code=code, name=name or code, kind=kind)
    town.store.close()
    click.echo(f"{code} is an operator: let a dispatcher of it sign in with noriai user add")


@click.group()
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
    passwords.check(password, about=(name, email))
    town = open_the_town()
    accounts.add_user(
        town, name=name or email, role=role, email=email, password=password, operator=operator, groups=groups
    )
    town.store.close()
    click.echo(f"{email} can sign in as {role}")


@user.command("list")
def user_list() -> None:
    """List who works for the town or an operator, and who is blocked.

    Example: noriai user list
    """
    town = open_the_town()
    for one in rights.list_staff(town):
        about = [*one.roles, *filter(None, (one.operator_id,)), *([] if one.active else ["blocked"])]
        click.echo(f"{one.email}: {', '.join(about)}")
    town.store.close()


@user.command("block")
@click.argument("email")
def user_block(email: str) -> None:
    """Let EMAIL in no more: every page that they have open ends at its next request.

    Example: noriai user block anna@example.org
    """
    town = open_the_town()
    rights.block(town, email)
    town.store.close()
    click.echo(f"{email} is out, on all devices")


@user.command("unblock")
@click.argument("email")
def user_unblock(email: str) -> None:
    """Let EMAIL in again.

    Example: noriai user unblock anna@example.org
    """
    town = open_the_town()
    rights.unblock(town, email)
    town.store.close()
    click.echo(f"{email} can sign in again")


@user.command("role")
@click.argument("email")
@click.argument("role", type=click.Choice(accounts.ROLES))
@click.option("--operator", default=None, help="Code of their operator (dispatchers and drivers).")
def user_role(email: str, role: str, operator: str | None) -> None:
    """Give EMAIL another ROLE or operator: every page that they have open ends at its next request.

    Example: noriai user role anna@example.org driver --operator hillside-school
    """
    town = open_the_town()
    rights.give_role(town, email, role, operator=operator)
    town.store.close()
    click.echo(f"{email} is {role} from now on, and has to sign in anew")


user.add_command(reset_factors)
user.add_command(set_password)
