"""`noriai`: the service from the command line."""

from typing import Any

import click

from routing.times import RoadError
from webapp.commands import (
    absences,
    areas,
    backups,
    demo,
    openapi,
    people,
    person,
    planning,
    policies,
    schedules,
    serving,
    work,
)
from webapp.db.store import StoreError
from webapp.services import passwords
from webapp.services.errors import ServiceError

PLAIN = {
    "password short": f"a password has at least {passwords.SHORTEST} characters",
    "password common": "this password is soon guessed: take several words that do not belong together",
    "email": "that is no e-mail address, or somebody has it already",
    "first": "choose a first day from today on",
    "member": "the operator has no member of this code",
    "by": "--by is no address of the desk or of a dispatcher of this operator, and --late is a dispatcher's to say",
    "person": "nobody has this address",
    "operator": "dispatchers and drivers need an --operator that is there, others none: see noriai operator add",
}
"""Codes of services in words."""


class Commands(click.Group):
    """Commands whose faults are one clear line, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (RoadError, ServiceError, StoreError, ValueError, OSError) as error:
            said = f"{type(error).__name__}: {error}" if isinstance(error, StoreError) else str(error)
            raise click.ClickException(PLAIN.get(said, " ".join(said.split()))) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="noriai")
def main() -> None:
    """Noriai gives residents the free seats of school buses and care vans.

    Settings come from the environment: NORIAI_HOME (folder, default .noriai), NORIAI_DATABASE_URL, NORIAI_AREA,
    NORIAI_TIMEZONE and others, see docs/settings.md.

    Example: noriai demo
    """


for command in (
    demo.demo,
    areas.area,
    schedules.schedule,
    absences.absence,
    policies.policy,
    planning.plan,
    planning.verify,
    serving.serve,
    people.operator,
    people.user,
    work.work,
    backups.backup,
    backups.restore,
    backups.held,
    person.person,
    person.audit,
    person.keep_no_longer,
    openapi.openapi,
):
    main.add_command(command)

if __name__ == "__main__":
    main()
