"""Keep what a dispatcher answers about a GTFS feed beside it."""

import sqlalchemy as sa
from alembic import op

revision = "r0006"
down_revision = "r0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("upload", sa.Column("answers", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("upload", "answers")
