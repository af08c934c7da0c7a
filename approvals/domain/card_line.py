"""A waiting request as one line of a list: who asks for what, until when. Nothing of its arguments is looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from approvals.domain import plain
from approvals.domain.model import ApprovalRequest
from approvals.domain.quorum import Need
from approvals.domain.redact import redact_text
from approvals.domain.sentences import needs_line

SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CardLine:
    """What a list shows of a request; texts are plain and visible, as on its card. `until` is its deadline."""

    request_id: str
    binding: str
    tool: str
    server: str
    agent: str
    risk: str
    severity: str
    until: str
    needs_line: str


def make_line(request: ApprovalRequest, needs: Iterable[Need], now: datetime) -> CardLine:
    """The line of a waiting request."""
    return CardLine(
        request_id=request.id,
        binding=request.binding,
        tool=_shown(request.call.tool),
        server=_shown(request.call.server),
        agent=_shown(request.caller.agent),
        risk=_shown(request.risk),
        severity=_shown(request.severity),
        until=plain.hour_of(request.expires_at, now),
        needs_line=needs_line(tuple(needs)),
    )


def _shown(text: str) -> str:
    return plain.shorten(plain.visible(redact_text(text)), SHOWN)
