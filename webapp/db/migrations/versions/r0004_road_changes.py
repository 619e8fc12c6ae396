"""Keep what new roads changed: each update once, each operator's review of it, and each run that changed."""

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "road_update",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "road_review",
        sa.Column("update_id", sa.String(), sa.ForeignKey("road_update.id"), primary_key=True),
        sa.Column("operator_id", sa.String(), sa.ForeignKey("operator.id"), primary_key=True),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=True),
        sa.Column("seen_by", sa.String(), nullable=True),
    )
    op.create_table(
        "road_change",
        sa.Column("update_id", sa.String(), sa.ForeignKey("road_update.id"), primary_key=True),
        sa.Column("run_id", sa.String(), primary_key=True),
        *(sa.Column(f"{which}_stop", sa.String(), nullable=False) for which in ("end", "most")),
        *(
            sa.Column(f"{which}_{when}", sa.Integer(), nullable=True)
            for which in ("end", "most")
            for when in ("before", "after")
        ),
        sa.Column("broken", sa.JSON(), nullable=False),
        sa.Column("unreachable", sa.JSON(), nullable=False),
    )


def downgrade() -> None:
    for table in ("road_change", "road_review", "road_update"):
        op.drop_table(table)
