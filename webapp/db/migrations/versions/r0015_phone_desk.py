"""Keep what residents signed on paper, the groups that the desk verified, and who calls whom back."""

import sqlalchemy as sa
from alembic import op

revision = "r0015"
down_revision = "r0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("user", sa.Column("groups_until", sa.JSON(), nullable=False, server_default=sa.text("'{}'")))
    op.create_table(
        "rider_profile",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("reading", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("helper_name", sa.String(), nullable=False),
        sa.Column("helper_phone", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("consent_on", sa.Date(), nullable=True),
        sa.Column("entered_by", sa.String(), nullable=False),
        sa.Column("entered_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.ForeignKeyConstraint(["entered_by"], ["user.id"]),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "group_record",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.ForeignKeyConstraint(["by"], ["user.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_group_record_user_id", "group_record", ["user_id"])
    op.create_table(
        "call_turn",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("taken_by", sa.String(), nullable=True),
        sa.Column("taken_at", sa.DateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("again_at", sa.DateTime(), nullable=True),
        sa.Column("last_key", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.ForeignKeyConstraint(["taken_by"], ["user.id"]),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "call_back",
        sa.Column("matter", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.ForeignKeyConstraint(["by"], ["user.id"]),
        sa.PrimaryKeyConstraint("matter"),
    )
    op.create_index("ix_call_back_user_id", "call_back", ["user_id"])


def downgrade() -> None:
    op.drop_index("ix_call_back_user_id", "call_back")
    op.drop_table("call_back")
    op.drop_table("call_turn")
    op.drop_index("ix_group_record_user_id", "group_record")
    op.drop_table("group_record")
    op.drop_table("rider_profile")
    op.drop_column("user", "groups_until")
