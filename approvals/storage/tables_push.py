"""The table of browsers that people are notified in."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, Table, Text

from approvals.storage.metadata import METADATA
from approvals.storage.types import Utc

browsers = Table(
    "browsers",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("person", Text, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", Utc, nullable=False),
)
"""`id`: a hash of the endpoint. `sealed`: where it is, and what messages to it are encrypted with."""
