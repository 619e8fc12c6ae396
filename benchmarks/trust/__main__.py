"""Prove the promises of docs/trust.md on this machine, over HTTP, on both databases.

python -m benchmarks.trust [--short] [--only NAME ...] [--json] [--report FILE] [--postgresql ADDRESS]
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from sqlalchemy import make_url

from benchmarks.machine import machine
from benchmarks.trust.findings import Bench, Finding

TRIALS: tuple[str, ...] = (
    "actions",
    "rollcall",
    "load",
    "answers",
    "access",
    "identity",
    "privacy",
    "api",
    "files",
    "clocks",
    "background",
    "restart",
    "durability",
    "power",
    "outages",
    "recovery",
)
"""Modules of this package, in order; each has a `run(bench)` that yields its findings."""
LOCAL = "postgresql://postgres@127.0.0.1:5432/postgres"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials; give 0 when every promise held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="few of each, in minutes")
    parser.add_argument("--only", nargs="+", choices=TRIALS, default=TRIALS, help="these trials only")
    parser.add_argument("--json", action="store_true", help="print {promise: {held, figure, database}}")
    parser.add_argument("--report", type=Path, help="write the figures into this page, between its two marks")
    parser.add_argument("--postgresql", default=os.environ.get("NORIAI_TEST_DATABASE_URL", LOCAL))
    chosen = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="noriai-trust-") as folder:
        bench = Bench(Path(folder), short=chosen.short, postgresql=reachable(chosen.postgresql), say=say)
        findings = [finding for name in chosen.only for finding in tried(name, bench)]
    if chosen.json:
        print(json.dumps(as_json(findings), ensure_ascii=False))
    else:
        print("\n".join(lines(findings)))
    if chosen.report:
        write_report(chosen.report, findings, short=chosen.short)
    return 0 if all(one.held for one in findings) else 1


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def reachable(address: str) -> str:
    """Give the address of a PostgreSQL server if one answers there, else nothing."""
    try:
        psycopg.connect(make_url(address).set(drivername="postgresql").render_as_string(hide_password=False)).close()
    except psycopg.OperationalError:
        say("no PostgreSQL answers: SQLite only")
        return ""
    return address


def tried(name: str, bench: Bench) -> Iterable[Finding]:
    """Run one trial; what it finds is told at once."""
    say(name)
    for finding in import_module(f"benchmarks.trust.{name}").run(bench):
        say(f"  {'held  ' if finding.held else 'BROKEN'} {line(finding)}")
        yield finding


def as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """Give each promise under its number, trial and database."""
    return {
        " · ".join(filter(None, (f"{one.promise:02}", one.trial, one.database))): {
            "held": one.held,
            "figure": dict(one.figure),
            "database": one.database,
        }
        for one in sorted(findings, key=lambda one: (one.promise, one.trial, one.database))
    }


def line(one: Finding) -> str:
    return f"{one.promise:2} {one.trial}{f' ({one.database})' if one.database else ''}: {_figures(one)}"


def lines(findings: Iterable[Finding]) -> list[str]:
    return [
        f"{'held  ' if one.held else 'BROKEN'} {line(one)}" for one in sorted(findings, key=lambda one: one.promise)
    ]


BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def write_report(page: Path, findings: Iterable[Finding], *, short: bool) -> None:
    """Put the figures between the two marks of a page, with the machine and the date."""
    said = page.read_text(encoding="utf-8")
    before, rest = said.split(BEGIN)
    after = rest.split(END)[1]
    about = machine()
    rows = [_row(one) for one in sorted(findings, key=lambda one: (one.promise, one.trial, one.database))]
    table = [
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with `python -m benchmarks.trust{' --short' if short else ''}`: "
        f"{about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB.",
        "",
        "| Promise | Trial | Database | | Figures |",
        "|---|---|---|---|---|",
        *rows,
    ]
    page.write_text(f"{before}{BEGIN}\n" + "\n".join(table) + f"\n{END}{after}", encoding="utf-8")


def _row(one: Finding) -> str:
    held = "held" if one.held else "**broken**"
    return f"| {one.promise} | {one.trial} | {one.database or '–'} | {held} | {_figures(one)} |"


def _figures(one: Finding) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in one.figure.items())


if __name__ == "__main__":
    raise SystemExit(main())
