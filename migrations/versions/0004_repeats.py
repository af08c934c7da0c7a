"""An index of the requests that the same call, made again, is told of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

IS_RETOLD = sa.text("told_at IS NULL OR state = 'denied'")


def upgrade() -> None:
    op.create_index(
        "ix_requests_retold",
        "requests",
        ["changed_at", "server", "tool"],
        sqlite_where=IS_RETOLD,
        postgresql_where=IS_RETOLD,
    )
