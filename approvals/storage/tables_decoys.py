"""The tables of decoys: which are to come, and what reviewers did with those that came."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, PrimaryKeyConstraint, Table, Text

from approvals.storage.metadata import METADATA
from approvals.storage.types import Utc

decoy_plans = Table(
    "decoy_plans",
    METADATA,
    Column("request_id", Text, ForeignKey("requests.id"), primary_key=True),
    Column("due_at", Utc, nullable=False, index=True),
    Column("left_at", Utc),
)
"""A real request that a decoy is to be made of, when, and since when its agent is away; or a decoy whose agent is to
seem away from then on."""

decoy_answers = Table(
    "decoy_answers",
    METADATA,
    Column("request_id", Text, ForeignKey("requests.id"), nullable=False),
    Column("person", Text, nullable=False),
    Column("server", Text, nullable=False),
    Column("seen", Text, nullable=False),
    Column("at", Utc, nullable=False, index=True),
    PrimaryKeyConstraint("request_id", "person"),
)
