"""When time next changes a waiting request: its deadline, or a step of its chain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

IS_PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    op.add_column("requests", sa.Column("next_at", sa.DateTime(timezone=True)))
    op.execute("UPDATE requests SET next_at = expires_at WHERE state = 'pending'")
    op.drop_index("ix_requests_expiring", "requests")
    op.create_index(
        "ix_requests_next",
        "requests",
        ["state", "next_at"],
        sqlite_where=IS_PENDING,
        postgresql_where=IS_PENDING,
    )
