"""Tests of attention: when the agent went away whose request one is to be made of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("decoy_plans", sa.Column("left_at", sa.DateTime(timezone=True)))
