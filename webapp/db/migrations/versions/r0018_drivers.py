"""Keep tablets, drivers' PINs, what an event takes back or says, and which unclosed runs the desk was told of."""

import sqlalchemy as sa
from alembic import op

revision = "r0018"
down_revision = "r0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("event", sa.Column("about", sa.String(), nullable=False, server_default=sa.text("''")))
    op.add_column("event", sa.Column("text", sa.String(), nullable=False, server_default=sa.text("''")))
    op.add_column("event", sa.Column("skew", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_index("ix_event_kind_received_at", "event", ["kind", "received_at"])
    op.add_column("run_watch", sa.Column("alarmed_at", sa.DateTime(), nullable=True))
    op.create_table(
        "tablet",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(), nullable=False),
        sa.Column("enrolled_by", sa.String(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"]),
        sa.ForeignKeyConstraint(["enrolled_by"], ["user.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tablet_operator_id", "tablet", ["operator_id"])
    op.create_table(
        "driver_pin",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("pin", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("set_at", sa.DateTime(), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.ForeignKeyConstraint(["set_by"], ["user.id"]),
        sa.PrimaryKeyConstraint("user_id"),
    )


def downgrade() -> None:
    op.drop_table("driver_pin")
    op.drop_index("ix_tablet_operator_id", "tablet")
    op.drop_table("tablet")
    op.drop_column("run_watch", "alarmed_at")
    op.drop_index("ix_event_kind_received_at", "event")
    for column in ("skew", "text", "about"):
        op.drop_column("event", column)
