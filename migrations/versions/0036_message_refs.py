"""Cards by their address in a channel: words that stand under one are found by it."""

from __future__ import annotations

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_messages_ref", "messages", ["ref"])
