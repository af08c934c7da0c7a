"""Cards that follow another, which shows them all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("follows", sa.Text))
    op.add_column("messages", sa.Column("round", sa.Integer))
    op.create_index("ix_messages_follows", "messages", ["follows"])
