"""Was it Slack that posted this? The signature over the raw bytes, its age, and whether it came before.

slack-sdk's verifier does the arithmetic; whatever it raises on strange input means "no". Five minutes of clock
difference are allowed both ways, and within ten the same post is taken once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from slack_sdk.signature import Clock, SignatureVerifier

SIGNATURE, TIMESTAMP = "X-Slack-Signature", "X-Slack-Request-Timestamp"
REMEMBERED_SECONDS = 600.0


class _Time(Clock):
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def now(self) -> float:
        return self._now()


class Signatures:
    """Judges posts by their signature.

    Raises:
        ValueError: the signing secret is empty.
    """

    def __init__(self, secret: str, *, now: Callable[[], float] = time.time) -> None:
        self._verifier = SignatureVerifier(secret, clock=_Time(now))
        self._now = now
        self._seen: dict[tuple[str, str], float] = {}

    def accept(self, body: bytes, headers: Mapping[str, list[str]]) -> bool:
        """Is this an honest post of Slack's that has not come before? Says yes once."""
        stamps, signs = headers.get(TIMESTAMP, []), headers.get(SIGNATURE, [])
        if len(stamps) != 1 or len(signs) != 1 or not stamps[0].isascii() or not stamps[0].isdigit():
            return False
        try:
            good = self._verifier.is_valid(body, stamps[0], signs[0])
        except (ValueError, TypeError, OverflowError):
            return False
        return good and self._is_new(stamps[0], signs[0])

    def _is_new(self, stamp: str, sign: str) -> bool:
        now = self._now()
        # Oldest first, so forgetting is a walk from the front; only what Slack signed ever gets in here.
        while self._seen and next(iter(self._seen.values())) <= now:
            del self._seen[next(iter(self._seen))]
        if (stamp, sign) in self._seen:
            return False
        self._seen[stamp, sign] = now + REMEMBERED_SECONDS
        return True
