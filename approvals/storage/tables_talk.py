"""The tables of what people do around a decision: what each has put out of sight."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, PrimaryKeyConstraint, Table, Text

from approvals.storage.metadata import METADATA
from approvals.storage.types import Utc

snoozes = Table(
    "snoozes",
    METADATA,
    Column("request_id", Text, ForeignKey("requests.id"), nullable=False),
    Column("person", Text, nullable=False, index=True),
    Column("until", Utc, nullable=False),
    Column("revision", Integer, nullable=False),
    PrimaryKeyConstraint("request_id", "person"),
)
