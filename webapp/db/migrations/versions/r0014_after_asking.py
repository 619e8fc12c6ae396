"""Seats that are put aside until their rider answers; weekly trips; what riders said of a trip; who acts for whom."""

import sqlalchemy as sa
from alembic import op

revision = "r0014"
down_revision = "r0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("request", sa.Column("at_once", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("request", sa.Column("changes", sa.String(), nullable=True))
    op.add_column("request", sa.Column("series_id", sa.String(), nullable=True))
    op.create_index("ix_request_series_id", "request", ["series_id"])
    op.execute("UPDATE request SET at_once = true WHERE status = 'waiting'")  # who waits was told: we book it for you
    op.add_column("booking", sa.Column("answer_by", sa.DateTime(), nullable=True))
    op.create_index("ix_booking_answer_by", "booking", ["answer_by"])
    op.create_table(
        "series",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("rider_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("pickup", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("weekdays", sa.JSON(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("otherwise", sa.String(), nullable=False),
        sa.Column("next_day", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["rider_id"], ["user.id"]),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"]),
        sa.ForeignKeyConstraint(["asked_by"], ["user.id"]),
        sa.ForeignKeyConstraint(["ended_by"], ["user.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_series_rider_id", "series", ["rider_id"])
    op.create_table(
        "feedback",
        sa.Column("booking_id", sa.String(), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("written_by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"]),
        sa.ForeignKeyConstraint(["written_by"], ["user.id"]),
        sa.PrimaryKeyConstraint("booking_id"),
    )
    op.create_index("ix_feedback_at", "feedback", ["at"])
    op.create_table(
        "proxy",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("rider_id", sa.String(), nullable=False),
        sa.Column("helper_id", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("named_by", sa.String(), nullable=False),
        sa.Column("named_at", sa.DateTime(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["rider_id"], ["user.id"]),
        sa.ForeignKeyConstraint(["helper_id"], ["user.id"]),
        sa.ForeignKeyConstraint(["named_by"], ["user.id"]),
        sa.ForeignKeyConstraint(["ended_by"], ["user.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_proxy_rider_id", "proxy", ["rider_id"])
    op.create_index("ix_proxy_helper_id", "proxy", ["helper_id"])


def downgrade() -> None:
    for table in ("proxy", "feedback", "series"):
        op.drop_table(table)
    op.drop_index("ix_booking_answer_by", "booking")
    op.drop_column("booking", "answer_by")
    op.drop_index("ix_request_series_id", "request")
    for column in ("series_id", "changes", "at_once"):
        op.drop_column("request", column)
