"""Which waiting requests are alike, so that they can be shown as one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    op.add_column("requests", sa.Column("fold", sa.Text))
    op.create_index(
        "ix_requests_fold", "requests", ["fold", "created_at"], sqlite_where=PENDING, postgresql_where=PENDING
    )
