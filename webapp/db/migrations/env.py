"""Run by Alembic: migrate on the connection that it was handed, or, from its command line, on `-x url=...`."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection
from sqlmodel.sql.sqltypes import AutoString

from webapp.db import tables
from webapp.db.engines import open_database

PATIENCE = 60.0


def migrate(connection: Connection) -> None:
    """Take the steps asked for. SQLite cannot alter most of a table, so steps are written as batches."""
    context.configure(
        connection=connection,
        target_metadata=tables.METADATA,
        render_as_batch=True,
        render_item=render_plainly,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def render_plainly(kind: str, thing: Any, _: object) -> str | Literal[False]:
    """Write SQLModel's text type as SQLAlchemy's, so that a step does not change with SQLModel."""
    return "sa.String()" if kind == "type" and isinstance(thing, AutoString) else False


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    with open_database(context.get_x_argument(as_dictionary=True)["url"], PATIENCE).migrating() as opened:
        migrate(opened)
