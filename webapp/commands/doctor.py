"""`noriai doctor`: what is wrong with an installation, and what to do about it."""

import json
import sys

import click

from webapp import doctoring
from webapp.config import read_settings

SIGNS = {"ok": "ok     ", "warning": "WARNING", "error": "ERROR  "}


@click.command()
@click.option("--online", is_flag=True, help="Also try to connect to the servers for mail, text messages and LINE.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of lines.")
def doctor(*, online: bool, as_json: bool) -> None:
    """Check settings, key, database, disk, clocks, roads and files; change nothing. Exit status 1: warnings, 2: errors.

    Example: noriai doctor --online
    """
    findings = doctoring.examine(read_settings(), online=online)
    if as_json:
        click.echo(json.dumps([one.as_json() for one in findings], ensure_ascii=False))
    else:
        for one in findings:
            remedy = f"\n        {one.remedy}" if one.remedy else ""
            click.echo(f"{SIGNS[one.level]} {one.about}: {one.seen}{remedy}")
    levels = {one.level for one in findings}
    sys.exit(2 if "error" in levels else 1 if "warning" in levels else 0)
