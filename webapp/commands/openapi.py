"""`noriai openapi`: what the site takes over HTTP, for programs."""

import json

import click

from webapp.app import create_app
from webapp.commands.shared import open_the_town
from webapp.views.openapi import describe


@click.command()
def openapi() -> None:
    """Print what the site takes over HTTP as OpenAPI 3.1, read from its routes and the code behind them.

    Example: noriai openapi > docs/openapi.json
    """
    click.echo(json.dumps(describe(create_app(town=open_the_town())), indent=1, ensure_ascii=False))
