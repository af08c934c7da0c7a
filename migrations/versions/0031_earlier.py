"""The ends of two indexes: what people decided of a tool, and what ended without."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

PEOPLES = sa.text("decided_at IS NOT NULL AND ground IS NULL AND decoy IS NULL")
UNDECIDED = sa.text("decoy IS NULL AND state <> 'pending' AND (decided_at IS NULL OR ground IS NOT NULL)")


def upgrade() -> None:
    for name, column, where in (
        ("ix_requests_peoples", "decided_at", PEOPLES),
        ("ix_requests_undecided", "created_at", UNDECIDED),
    ):
        op.create_index(name, "requests", ["server", "tool", column], sqlite_where=where, postgresql_where=where)
