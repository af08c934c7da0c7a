"""Whether the agent's own user was asked to open the page of a request."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("requests", sa.Column("shown_at", sa.DateTime(timezone=True)))
