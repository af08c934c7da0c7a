"""The tables of sign-ins at an identity provider: whom it knows, and the sign-ins under way."""

from __future__ import annotations

from sqlalchemy import Column, PrimaryKeyConstraint, Table, Text, UniqueConstraint

from approvals.storage.metadata import METADATA
from approvals.storage.types import FreeText, Json, Utc

identities = Table(
    "identities",
    METADATA,
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("person", Text, nullable=False, index=True),
    Column("groups", Json, nullable=False),
    Column("linked_at", Utc, nullable=False),
    Column("said_at", Utc, nullable=False),
    PrimaryKeyConstraint("issuer", "subject"),
    UniqueConstraint("issuer", "person"),
)

sign_ins = Table(
    "sign_ins",
    METADATA,
    Column("state_sha256", Text, primary_key=True),
    Column("browser_sha256", Text, nullable=False, index=True),
    Column("next", Text, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False, index=True),
    Column("used_at", Utc),
    Column("refused", FreeText),
)

former_credentials = Table(
    "former_credentials",
    METADATA,
    Column("hash", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("ended_at", Utc, nullable=False, index=True),
)
"""Tokens and sessions of people who were removed."""
