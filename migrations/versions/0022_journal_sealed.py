"""What the journal says of arguments becomes bytes that only the vault can read, under a key for each day.

`plain` marks the rows that are there, until `approvals.storage.old_rows` has sealed them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TEXTS = ("reason", "trace", "limits", "shadow")
IS_PLAIN = sa.text("plain = 1")


def upgrade() -> None:
    op.add_column("calls", sa.Column("plain", sa.Integer))
    op.execute("UPDATE calls SET plain = 1")
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for column in TEXTS:
        for statement in POSTGRESQL_BYTES if on_postgresql else SQLITE_BYTES:
            op.execute(sa.text(statement.format(column=column)))
    op.create_index("ix_calls_plain", "calls", ["id"], sqlite_where=IS_PLAIN, postgresql_where=IS_PLAIN)


POSTGRESQL_BYTES = (
    "ALTER TABLE calls ALTER COLUMN {column} DROP NOT NULL",
    "ALTER TABLE calls ALTER COLUMN {column} TYPE BYTEA USING convert_to({column}, 'UTF8')",
)
SQLITE_BYTES = (
    "ALTER TABLE calls ADD COLUMN {column}_bytes BLOB",
    "UPDATE calls SET {column}_bytes = CAST({column} AS BLOB)",
    "ALTER TABLE calls DROP COLUMN {column}",
    "ALTER TABLE calls RENAME COLUMN {column}_bytes TO {column}",
)
