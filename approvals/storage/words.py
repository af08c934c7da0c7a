"""A ledger row's detail in two parts: what may stand in the clear, and what agents and people wrote.

Whatever is not known to be harmless is taken for words, so a detail that is added one day is sealed without anybody
thinking of it. The part in the clear outlives the words: a ledger whose words were destroyed still says who did what.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PLAIN = frozenset(
    {
        "as_expected",
        "binding",
        "break_glass",
        "by",
        "cause",
        "code",
        "confirmed_by",
        "decision",
        "event",
        "expires_at",
        "factors",
        "given_by",
        "given_with",
        "grant",
        "grant_scope",
        "holder",
        "lease_until",
        "outcome",
        "raise_seconds",
        "seconds",
        "until",
        "used",
        "uses",
        "via",
    }
)
"""Enumerated words, times, hashes, and addresses of people."""


def apart(detail: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What may stand in the clear, and what may not; nothing is lost of what is not there."""
    plain = {name: value for name, value in detail.items() if name in PLAIN or value is None}
    return plain, {name: value for name, value in detail.items() if name not in plain}
