"""Keep people's own places, and find at once when a schedule was last published."""

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saved_place",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("owner_id", sa.String(), sa.ForeignKey("user.id"), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("lon", sa.Float(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.UniqueConstraint("owner_id", "label"),
    )
    op.create_index("ix_run_event_cause_at", "run_event", ["cause", "at"])


def downgrade() -> None:
    op.drop_index("ix_run_event_cause_at", "run_event")
    op.drop_table("saved_place")
