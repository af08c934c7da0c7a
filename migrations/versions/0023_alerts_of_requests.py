"""What is said about a request beside its card, sealed as the request is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alerts", sa.Column("request_id", sa.Text()))
    op.add_column("alerts", sa.Column("words", sa.LargeBinary()))
