"""Was it Slack that posted this? The signature over the raw bytes, its age, and whether it came before.

slack-sdk's verifier does the arithmetic; whatever it raises on strange input means "no". Five minutes of clock
difference are allowed both ways, and within ten the same post is taken once, by whatever process: what was taken is a
row of the store, so neither a restart nor a second replica takes it again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from slack_sdk.signature import Clock, SignatureVerifier

from approvals.channels import First

SIGNATURE, TIMESTAMP = "X-Slack-Signature", "X-Slack-Request-Timestamp"
REMEMBERED = timedelta(minutes=15)
"""Longer than a signature is good for, whatever the clocks say."""


class _Time(Clock):
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def now(self) -> float:
        return self._now()


class Signatures:
    """Judges posts by their signature. `first` remembers those that were taken.

    Raises:
        ValueError: the signing secret is empty.
    """

    def __init__(self, secret: str, *, first: First, now: Callable[[], float] = time.time) -> None:
        self._verifier = SignatureVerifier(secret, clock=_Time(now))
        self._first, self._now = first, now

    async def accept(self, body: bytes, headers: Mapping[str, list[str]]) -> bool:
        """Is this an honest post of Slack's that has not come before? Says yes once.

        Raises:
            Unavailable: the store cannot say whether it came before.
        """
        stamps, signs = headers.get(TIMESTAMP, []), headers.get(SIGNATURE, [])
        if len(stamps) != 1 or len(signs) != 1 or not stamps[0].isascii() or not stamps[0].isdigit():
            return False
        try:
            good = self._verifier.is_valid(body, stamps[0], signs[0])
        except (ValueError, TypeError, OverflowError):
            return False
        # Only what Slack signed is ever written down.
        return good and await self._first(_named(stamps[0], signs[0]), self._until())

    def _until(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC) + REMEMBERED


def _named(stamp: str, sign: str) -> str:
    return "slack:" + hashlib.sha256(f"{stamp} {sign}".encode()).hexdigest()
