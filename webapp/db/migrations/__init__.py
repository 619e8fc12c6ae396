"""The tables' history, one file of `versions` for each step.

A developer makes the next step from a changed `tables.py` with
`alembic revision --autogenerate -m "what changed"` and reads it before keeping it.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from webapp.db.errors import StoreError


def upgrade(connection: Connection) -> None:
    """Take every step that is still to take, in the connection's transaction. Raises StoreError for newer records."""
    try:
        command.upgrade(config_for(connection), "head")
    except CommandError as error:
        raise StoreError(f"these records were not made by this version of Noriai: {error}") from error


def config_for(connection: Connection) -> Config:
    """Tell Alembic where the steps are and on which connection to take them."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
