"""Keep who travels on a resident's trips as a rule, where they start, and how somebody reads the pages."""

import sqlalchemy as sa
from alembic import op

revision = "r0013"
down_revision = "r0012"
branch_labels = None
depends_on = None

USER = sa.table("user", sa.column("id"), sa.column("groups", sa.JSON()), sa.column("wheelchairs", sa.Integer()))


def upgrade() -> None:
    op.add_column("user", sa.Column("people", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column("user", sa.Column("wheelchairs", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("user", sa.Column("needs", sa.JSON(), server_default=sa.text("'[]'"), nullable=False))
    op.add_column("user", sa.Column("stowage", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("user", sa.Column("home_id", sa.String(), nullable=True))
    op.add_column("user", sa.Column("text_size", sa.String(), server_default=sa.text("''"), nullable=False))
    op.add_column("user", sa.Column("contrast", sa.String(), server_default=sa.text("''"), nullable=False))
    _keep_wheelchairs()


def _keep_wheelchairs() -> None:
    """Whom the desk registered with a wheelchair travels in one as a rule, as was asked so far."""
    connection = op.get_bind()
    for row in connection.execute(sa.select(USER.c.id, USER.c.groups)).all():
        if "wheelchair" in row.groups:
            connection.execute(sa.update(USER).where(USER.c.id == row.id).values(wheelchairs=1))


def downgrade() -> None:
    for name in ("contrast", "text_size", "home_id", "stowage", "needs", "wheelchairs", "people"):
        op.drop_column("user", name)
