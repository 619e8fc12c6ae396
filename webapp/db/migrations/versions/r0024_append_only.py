"""Histories cannot be changed by mistake, nor by hand."""

import sqlalchemy as sa
from alembic import op

from webapp.db.migrations.append_only import protect, release

revision = "r0024"
down_revision = "r0023"
branch_labels = None
depends_on = None

TABLES = (
    "run_event",
    "event",
    "consent",
    "consent_end",
    "confirmation",
    "agreement_signature",
    "rule_change",
    "identity_event",
    "place_read",
    "erased_person",
)


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("reason"),
    )
    protect(*TABLES)


def downgrade() -> None:
    release(*TABLES)
    op.drop_table("erasure")
