"""Keep how much slower than the empty road a town drives, and at which pace each run was timed."""

import sqlalchemy as sa
from alembic import op

revision = "r0005"
down_revision = "r0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("pace", sa.Integer(), nullable=False, server_default=sa.text("1000")))
    op.create_table(
        "pace_factor",
        sa.Column("day_kind", sa.String(), nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("thousandths", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day_kind", "hour"),
    )


def downgrade() -> None:
    op.drop_table("pace_factor")
    op.drop_column("run", "pace")
