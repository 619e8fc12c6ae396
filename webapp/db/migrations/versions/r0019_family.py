"""Keep who agreed that whom is told of whose rides, how people want to be told, and what became of each message."""

from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "r0019"
down_revision = "r0018"
branch_labels = None
depends_on = None

SEEN = ["boarded", "alighted", "no_show"]
"""What a guardian could see, and an address on the operator's list was told, before there were consents."""


def upgrade() -> None:
    _make_tables()
    _take_over()
    op.drop_column("member", "guardian_email")


def _make_tables() -> None:
    op.create_table(
        "consent",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("operator_id", sa.String(), nullable=True),
        sa.Column("member", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=True),
        sa.Column("user_id", sa.String(), nullable=True),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("starts", sa.Date(), nullable=False),
        sa.Column("ends", sa.Date(), nullable=True),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("given_by", sa.String(), nullable=True),
        sa.Column("given_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["given_by"], ["user.id"]),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"]),
        sa.ForeignKeyConstraint(["subject_id"], ["user.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("operator_id", "subject_id", "user_id"):
        op.create_index(f"ix_consent_{column}", "consent", [column])
    op.create_table(
        "consent_end",
        sa.Column("consent_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["consent_id"], ["consent.id"]),
        sa.ForeignKeyConstraint(["ended_by"], ["user.id"]),
        sa.PrimaryKeyConstraint("consent_id"),
    )
    op.create_table(
        "family_news",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("ride_id", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("consent_id", sa.String(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("corrected_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["consent_id"], ["consent.id"]),
        sa.PrimaryKeyConstraint("run_id", "ride_id", "recipient", "kind", "number"),
    )
    op.create_table(
        "reach",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("channels", sa.JSON(), nullable=False),
        sa.Column("quiet_from", sa.Integer(), nullable=True),
        sa.Column("quiet_until", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "push_subscription",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("p256dh", sa.String(), nullable=False),
        sa.Column("auth", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_push_subscription_user_id", "push_subscription", ["user_id"])
    op.create_table(
        "line_link",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("line_id", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("code_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_index("ix_line_link_code", "line_link", ["code"])
    op.add_column("outbox", sa.Column("state", sa.String(), nullable=False, server_default=sa.text("'waiting'")))
    op.add_column("outbox", sa.Column("due_at", sa.DateTime(), nullable=True))
    op.add_column("outbox", sa.Column("leased_until", sa.DateTime(), nullable=True))
    op.add_column("outbox", sa.Column("via", sa.String(), nullable=False, server_default=sa.text("''")))
    op.create_index("ix_outbox_state_due_at", "outbox", ["state", "due_at"])
    op.execute("UPDATE outbox SET state = 'sent' WHERE sent_at IS NOT NULL")


def _take_over() -> None:
    """Turn the addresses on operators' lists, and the guardians, into the consents that they stood for."""
    found, now = op.get_bind(), datetime.now(UTC).replace(tzinfo=None)
    listed = found.execute(
        sa.text("SELECT operator_id, code, NULL, guardian_email FROM member WHERE guardian_email <> ''")
    ).all()
    named = found.execute(sa.text("SELECT operator_id, member, user_id, '' FROM guardian")).all()
    rows: list[dict[str, Any]] = [
        {
            "id": token_urlsafe(12),
            "operator_id": operator,
            "member": member,
            "user_id": user,
            "email": email.strip().lower(),
            "kinds": SEEN,
            "starts": now.date(),
            "basis": "records",
            "given_at": now,
        }
        for operator, member, user, email in (*listed, *named)
    ]
    if rows:
        columns = {"kinds": sa.JSON(), "starts": sa.Date(), "given_at": sa.DateTime()}
        wanted = [sa.column(name, columns.get(name, sa.String())) for name in rows[0]]
        op.bulk_insert(sa.table("consent", *wanted), rows)


def downgrade() -> None:
    op.add_column("member", sa.Column("guardian_email", sa.String(), nullable=False, server_default=sa.text("''")))
    op.execute(
        "UPDATE member SET guardian_email = COALESCE((SELECT max(email) FROM consent WHERE consent.operator_id = "
        "member.operator_id AND consent.member = member.code AND email <> '' AND id NOT IN "
        "(SELECT consent_id FROM consent_end)), '')"
    )
    op.drop_index("ix_outbox_state_due_at", "outbox")
    for column in ("via", "leased_until", "due_at", "state"):
        op.drop_column("outbox", column)
    for table in ("line_link", "push_subscription", "reach", "family_news", "consent_end", "consent"):
        op.drop_table(table)
