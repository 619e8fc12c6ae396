"""Keep who looked at whose places, what was refused, and of past days figures alone."""

import sqlalchemy as sa
from alembic import op

revision = "r0021"
down_revision = "r0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "place_read",
        sa.Column("reader_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("starts", sa.DateTime(), nullable=False),
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("reader_id", "kind", "object_id", "purpose", "starts"),
    )
    op.create_index("ix_place_read_object_id", "place_read", ["object_id"])
    op.create_index("ix_place_read_starts", "place_read", ["starts"])
    op.create_table(
        "refused_access",
        sa.Column("reader_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("starts", sa.DateTime(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("reader_id", "kind", "endpoint", "starts"),
    )
    op.create_index("ix_refused_access_starts", "refused_access", ["starts"])
    op.create_table(
        "past_day",
        sa.Column("service_date", sa.Date(), nullable=False),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("figures", "fares", "requests", "refused", "stops")),
        sa.PrimaryKeyConstraint("service_date"),
    )
    op.create_table(
        "past_run",
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("residents", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "service_date", "code"),
    )
    op.create_table(
        "erased_person",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
    )
    op.add_column("consent", sa.Column("text", sa.String(), nullable=False, server_default=sa.text("'1'")))


def downgrade() -> None:
    op.drop_column("consent", "text")
    for table in ("erased_person", "past_run", "past_day"):
        op.drop_table(table)
    op.drop_index("ix_refused_access_starts", "refused_access")
    op.drop_table("refused_access")
    op.drop_index("ix_place_read_starts", "place_read")
    op.drop_index("ix_place_read_object_id", "place_read")
    op.drop_table("place_read")
