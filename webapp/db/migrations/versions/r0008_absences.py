"""Keep who does not come when, who may say so, and until when."""

import sqlalchemy as sa
from alembic import op

revision = "r0008"
down_revision = "r0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("operator", sa.Column("absence_notice", sa.Integer(), nullable=False, server_default=sa.text("3600")))
    op.add_column("operator", sa.Column("absence_closes", sa.Integer(), nullable=True))
    op.add_column("run_stop", sa.Column("skipped", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("run_ride", sa.Column("absent", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.create_table(
        "guardian",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("member", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("user_id", "operator_id", "member"),
    )
    op.create_table(
        "absent_day",
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("member", sa.String(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("entered_by", sa.String(), nullable=False),
        sa.Column("entered_at", sa.DateTime(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("wanted_back_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"]),
        sa.PrimaryKeyConstraint("operator_id", "member", "service_date"),
    )
    op.create_index("ix_absent_day_service_date", "absent_day", ["service_date"])


def downgrade() -> None:
    op.drop_table("absent_day")
    op.drop_table("guardian")
    op.drop_column("run_ride", "absent")
    op.drop_column("run_stop", "skipped")
    op.drop_column("operator", "absence_closes")
    op.drop_column("operator", "absence_notice")
