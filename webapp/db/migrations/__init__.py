"""The tables' history, one file of `versions` for each step.

A developer makes the next step from a changed `tables.py` with
`alembic revision --autogenerate -m "what changed"` and reads it before keeping it.
"""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text

from webapp.db.errors import StoreError

REVISION = text("SELECT version_num FROM alembic_version")


def upgrade(connection: Connection) -> None:
    """Take every step that is still to take, in the connection's transaction. Raises StoreError for newer records.

    Who still writes with the tables as they were is waited for, and who comes later sees the new ones: `Store.commit`
    reads the revision in each transaction, and holds that table's lock until its end.
    """
    found = revision_of(connection)
    if found == newest():
        return
    if found and connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
    try:
        command.upgrade(config_for(connection), "head")
    except CommandError as error:
        raise StoreError(f"these records were not made by this version of Noriai: {error}") from error


def config_for(connection: Connection | None) -> Config:
    """Tell Alembic where the steps are and on which connection to take them."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@cache
def newest() -> str:
    """Name the last step, to which the tables of this code belong."""
    return str(ScriptDirectory.from_config(config_for(None)).get_current_head())


def is_known(revision: str) -> bool:
    """Is this one of the steps that this code knows?"""
    return revision in {one.revision for one in ScriptDirectory.from_config(config_for(None)).walk_revisions()}


def revision_of(connection: Connection) -> str:
    """Name the step at which the records are; empty where there are none."""
    return read_revision(connection) if inspect(connection).has_table("alembic_version") else ""


def read_revision(connection: Connection) -> str:
    """Name the step at which records are that have their tables; nobody migrates them before the transaction ends."""
    return str(connection.execute(REVISION).scalar() or "")
