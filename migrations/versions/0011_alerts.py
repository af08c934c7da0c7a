"""What channels are owed beside cards: that a stop began, or ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
IS_OWED = sa.text("state = 'queued'")


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("holder", sa.Text),
        sa.Column("leased_until", TIME),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.CheckConstraint("state IN ('queued', 'dead')", name="state"),
    )
    op.create_index("ix_alerts_owed", "alerts", ["next_at"], sqlite_where=IS_OWED, postgresql_where=IS_OWED)
