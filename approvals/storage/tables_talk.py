"""The tables of what people do around a decision: what they ask the agent, and what each has put out of sight."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from approvals.storage.metadata import METADATA
from approvals.storage.types import Sealed, Utc

IS_UNANSWERED = text("answered_at IS NULL")

questions = Table(
    "questions",
    METADATA,
    Column("request_id", Text, ForeignKey("requests.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("text", Sealed("text")),
    Column("told_at", Utc),
    Column("answer", Sealed("text")),
    Column("answered_at", Utc),
    PrimaryKeyConstraint("request_id", "ordinal"),
    Index("ix_questions_open", "request_id", sqlite_where=IS_UNANSWERED, postgresql_where=IS_UNANSWERED),
)

snoozes = Table(
    "snoozes",
    METADATA,
    Column("request_id", Text, ForeignKey("requests.id"), nullable=False),
    Column("person", Text, nullable=False, index=True),
    Column("until", Utc, nullable=False),
    Column("revision", Integer, nullable=False),
    PrimaryKeyConstraint("request_id", "person"),
)
