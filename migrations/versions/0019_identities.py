"""People as an identity provider knows them, sign-ins under way, and by what a session and a vote were proved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("groups", sa.Text, nullable=False),
        sa.Column("linked_at", TIME, nullable=False),
        sa.Column("said_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject"),
        sa.UniqueConstraint("issuer", "person"),
    )
    op.create_index("ix_identities_person", "identities", ["person"])
    op.create_table(
        "sign_ins",
        sa.Column("state_sha256", sa.Text, nullable=False),
        sa.Column("browser_sha256", sa.Text, nullable=False),
        sa.Column("next", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("used_at", TIME),
        sa.Column("refused", sa.Text),
        sa.PrimaryKeyConstraint("state_sha256"),
    )
    op.create_index("ix_sign_ins_browser_sha256", "sign_ins", ["browser_sha256"])
    op.create_index("ix_sign_ins_expires_at", "sign_ins", ["expires_at"])
    op.add_column("sessions", sa.Column("sign_in", sa.Text))
    op.add_column("votes", sa.Column("sign_in", sa.Text))
