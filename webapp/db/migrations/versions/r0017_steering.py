"""Keep what dispatchers do on the day: holds, riders taken over by another run, and the record of each action."""

import sqlalchemy as sa
from alembic import op

revision = "r0017"
down_revision = "r0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run_stop", sa.Column("held", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("run_ride", sa.Column("guest", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_table(
        "steering",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("actions", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("done_by", sa.String(), nullable=True),
        sa.Column("done_at", sa.DateTime(), nullable=True),
        sa.Column("undone_by", sa.String(), nullable=True),
        sa.Column("undone_at", sa.DateTime(), nullable=True),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"]),
        sa.ForeignKeyConstraint(["created_by"], ["user.id"]),
        sa.ForeignKeyConstraint(["done_by"], ["user.id"]),
        sa.ForeignKeyConstraint(["undone_by"], ["user.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_steering_operator_id_service_date", "steering", ["operator_id", "service_date"])


def downgrade() -> None:
    op.drop_index("ix_steering_operator_id_service_date", "steering")
    op.drop_table("steering")
    op.drop_column("run_ride", "guest")
    op.drop_column("run_stop", "held")
