"""The whole schema in one place, for migrations and for tests: every module of tables, imported."""

from __future__ import annotations

from approvals.storage import metadata, tables, tables_audit, tables_stops, tables_talk

METADATA = metadata.METADATA
MODULES = (tables, tables_audit, tables_stops, tables_talk)
"""Where the tables are described."""
