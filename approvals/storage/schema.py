"""The whole schema in one place, for migrations and for tests: every module of tables, imported."""

from __future__ import annotations

from approvals.storage import (
    data_keys,
    metadata,
    sealed,
    tables,
    tables_attention,
    tables_audit,
    tables_decoys,
    tables_earlier,
    tables_grants,
    tables_identities,
    tables_messages,
    tables_push,
    tables_stops,
    tables_talk,
    tables_when,
)

METADATA = metadata.METADATA
MODULES = (
    tables,
    tables_attention,
    tables_audit,
    tables_decoys,
    tables_earlier,
    tables_grants,
    tables_identities,
    tables_messages,
    tables_push,
    tables_stops,
    tables_talk,
    tables_when,
    data_keys,
    sealed,
)
"""Where the tables are described."""
