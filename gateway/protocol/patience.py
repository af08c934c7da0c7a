"""How long this client can be kept waiting, and how (protocol.md 2.1 and 2.5).

A pure plan: the waiting itself is elsewhere. A progress token does not prove that progress resets the client's
clock, so a wall learned or known for a client's name shortens the hold. The name is the client's own word and
is used for nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from approvals.domain.model import Client


class Carrier(StrEnum):
    """What carries the wait: an event stream, or a plain response that is late."""

    STREAM = "stream"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The configured holds (`approvals.hold`)."""

    plain: timedelta = timedelta(seconds=50)
    with_progress: timedelta = timedelta(seconds=210)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Hold for this long by this carrier; `progress_every` is None where nobody asked for progress."""

    hold: timedelta
    carrier: Carrier
    progress_every: timedelta | None


PROGRESS_EVERY = timedelta(seconds=10)
# Past the deadline by this much, so that the outcome "expired" is told in place of "still pending".
_GRACE = timedelta(seconds=2)
# Room for the answer's own way back before the client's clock runs out.
_MARGIN = timedelta(seconds=10)
_SHORTEST = timedelta(seconds=1)
# Whole-call clocks that progress does not reset, by the name the client gives itself (protocol.md 2.1).
KNOWN_WALLS = {
    "claude-ai": timedelta(seconds=60),
    "codex-mcp-client": timedelta(seconds=60),
}
_CLOCK = re.compile(r"time[d ]?[ -]?out|timeout|-32001|deadline|took too long", re.IGNORECASE)


def plan(
    *,
    client: Client,
    has_progress_token: bool,
    streams: bool,
    hold: Hold,
    remaining: timedelta,
    learned: timedelta | None = None,
) -> Plan:
    """How to wait for a decision that is due within `remaining`.

    `streams` is whether the client takes an event stream; `learned` is after how long this client was seen to give up.
    """
    progress = has_progress_token and streams
    longest = hold.with_progress if progress else hold.plain
    for wall in (learned, KNOWN_WALLS.get(client.name or "")):
        if wall is not None:
            longest = min(longest, max(wall - _MARGIN, _SHORTEST))
    return Plan(
        hold=max(min(longest, remaining + _GRACE), timedelta(0)),
        carrier=Carrier.STREAM if streams else Carrier.PLAIN,
        progress_every=PROGRESS_EVERY if progress else None,
    )


def clock_ran_out(reason: str | None) -> bool:
    """Whether the reason of a `notifications/cancelled` says that the client gave up waiting, not the call."""
    return reason is not None and _CLOCK.search(reason[:500]) is not None
