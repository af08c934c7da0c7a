"""What agents and people wrote becomes bytes that only the vault can read, under a wrapped key for each request.

The schema only: rows that are there stay readable bytes until `approvals.storage.old_rows` has sealed them, which
needs the keys of the installation and goes on where it was interrupted.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TEXTS = (
    ("requests", "justification"),
    ("requests", "trace"),
    ("requests", "over"),
    ("requests", "outcome_error"),
    ("votes", "reason"),
)


def upgrade() -> None:
    op.create_table(
        "data_keys",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("master", sa.Text, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_data_keys_master", "data_keys", ["master"])
    op.add_column("requests", sa.Column("destroyed_at", sa.DateTime(timezone=True)))
    op.add_column("events", sa.Column("words", sa.LargeBinary))
    op.add_column("audit", sa.Column("words", sa.LargeBinary))
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for table, column in TEXTS:
        for statement in POSTGRESQL_BYTES if on_postgresql else SQLITE_BYTES:
            op.execute(sa.text(statement.format(table=table, column=column)))
    for statement in POSTGRESQL_TRIGGERS if on_postgresql else SQLITE_TRIGGERS:
        op.execute(sa.text(statement))


POSTGRESQL_BYTES = (
    'ALTER TABLE {table} ALTER COLUMN "{column}" DROP NOT NULL',
    'ALTER TABLE {table} ALTER COLUMN "{column}" TYPE BYTEA USING convert_to("{column}", \'UTF8\')',
)
SQLITE_BYTES = (
    "ALTER TABLE {table} ADD COLUMN {column}_bytes BLOB",
    'UPDATE {table} SET {column}_bytes = CAST("{column}" AS BLOB)',
    'ALTER TABLE {table} DROP COLUMN "{column}"',
    'ALTER TABLE {table} RENAME COLUMN {column}_bytes TO "{column}"',
)
SQLITE_TRIGGERS = (
    "DROP TRIGGER audit_refuse_rewrite",
    """
    CREATE TRIGGER audit_refuse_rewrite BEFORE UPDATE OF detail, salt, words ON audit
    WHEN (NEW.detail IS NOT NULL AND NEW.detail IS NOT OLD.detail)
        OR (NEW.salt IS NOT NULL AND NEW.salt IS NOT OLD.salt) OR NEW.words IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'a detail of the audit can only be destroyed'); END
    """,
)
POSTGRESQL_TRIGGERS = (
    "DROP TRIGGER audit_refuse_rewrite ON audit",
    """
    CREATE TRIGGER audit_refuse_rewrite BEFORE UPDATE OF detail, salt, words ON audit
    FOR EACH ROW WHEN ((NEW.detail IS NOT NULL AND NEW.detail IS DISTINCT FROM OLD.detail)
        OR (NEW.salt IS NOT NULL AND NEW.salt IS DISTINCT FROM OLD.salt) OR NEW.words IS NOT NULL)
    EXECUTE FUNCTION audit_is_append_only()
    """,
)
