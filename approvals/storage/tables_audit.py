"""The tables of the audit chain, append-only by trigger: see `audit` for what may be asked of them."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from approvals.storage.metadata import METADATA, ROW_ID
from approvals.storage.types import Json, Sealed, Utc

audit = Table(
    "audit",
    METADATA,
    Column("seq", ROW_ID, primary_key=True, autoincrement=False),
    Column("at", Utc, nullable=False),
    Column("action", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("request_id", Text),
    Column("subject", Text),
    Column("binding", Text),
    Column("before", Text),
    Column("after", Text),
    Column("detail", Json),
    Column("salt", Text),
    Column("words", Sealed("json")),
    Column("detail_sha256", Text, nullable=False),
    Column("prev", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("ix_audit_request", "request_id", "seq"),
    Index("ix_audit_at", "at", "seq"),
)

checkpoints = Table(
    "checkpoints",
    METADATA,
    Column("seq", ROW_ID, primary_key=True, autoincrement=False),
    Column("head", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("key", Text, nullable=False),
    Column("signature", Text, nullable=False),
)
