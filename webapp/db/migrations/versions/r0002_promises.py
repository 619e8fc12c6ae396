"""Keep what rides take, and whom they may not meet, beyond seats; what rows had before has none of it."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run_ride", _stowage())
    op.add_column("run_ride", sa.Column("apart", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("run_ride", sa.Column("after", sa.String(), nullable=True))
    op.add_column("request", _stowage())
    op.add_column("request", sa.Column("purpose", sa.String(), nullable=False, server_default=sa.text("''")))
    op.add_column("request", sa.Column("after", sa.String(), nullable=True))


def downgrade() -> None:
    for table, columns in (("request", ("after", "purpose", "stowage")), ("run_ride", ("after", "apart", "stowage"))):
        for column in columns:
            op.drop_column(table, column)


def _stowage() -> sa.Column[int]:
    return sa.Column("stowage", sa.Integer(), nullable=False, server_default=sa.text("0"))
