"""Retention: which requests are too old, what was written after their end, and the receipts that outlive them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
IS_KEPT = sa.text("destroyed_at IS NULL AND state NOT IN ('pending', 'approved', 'executing')")
IS_LATE = sa.text("late_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("requests", sa.Column("destroyed_by", sa.Text))
    op.add_column("data_keys", sa.Column("late_at", TIME))
    op.create_index("ix_data_keys_late", "data_keys", ["late_at"], sqlite_where=IS_LATE, postgresql_where=IS_LATE)
    op.create_index("ix_requests_kept", "requests", ["changed_at"], sqlite_where=IS_KEPT, postgresql_where=IS_KEPT)
    op.create_table(
        "receipts",
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("at", TIME, nullable=False),
    )
