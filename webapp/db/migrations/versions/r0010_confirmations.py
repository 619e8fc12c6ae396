"""Keep who took a file in and what that did, runs that left the schedule with a past, and what columns are called."""

import sqlalchemy as sa
from alembic import op

revision = "r0010"
down_revision = "r0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("removed", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.create_table(
        "confirmation",
        sa.Column("upload_id", sa.String(), nullable=False),
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"]),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("upload_id"),
    )
    op.create_index("ix_confirmation_operator_id_at", "confirmation", ["operator_id", "at"])
    op.create_table(
        "column_names",
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("header", sa.String(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("told_by", sa.String(), nullable=True),
        sa.Column("told_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"]),
        sa.PrimaryKeyConstraint("operator_id", "header"),
    )


def downgrade() -> None:
    op.drop_table("column_names")
    op.drop_table("confirmation")
    op.drop_column("run", "removed")
