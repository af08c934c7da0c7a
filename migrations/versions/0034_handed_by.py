"""Who has handed a request on, and so may go on reading it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("requests", sa.Column("handed_by", sa.Text))
