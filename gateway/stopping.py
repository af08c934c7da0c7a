"""What becomes of a tool call while its agent, its server or everything is stopped: a step before any policy.

What ran is told all the same, because an agent that is not told would run it again later; what is running is waited
for. Whatever else the call would find or get, it is told that it is stopped, and what waits for people stays saved.
"""

from __future__ import annotations

from datetime import UTC, datetime

from approvals.domain.model import ApprovalRequest, Cause, State
from approvals.domain.stops import Freeze, Stop
from gateway.parts import Parts
from gateway.protocol import stopped
from gateway.protocol.verdict import Code
from gateway.running import told
from gateway.upstreams import Result
from gateway.visits import Visit

_WAS_SENT = frozenset({State.SUCCEEDED, State.FAILED, State.UNKNOWN})
_WAITS = frozenset({State.PENDING, State.APPROVED})
CODES = frozenset({Code.FROZEN.value, Code.PAUSED.value})
"""The outcomes of calls that were stopped."""


def stop_of(parts: Parts, visit: Visit, request: ApprovalRequest | None = None) -> Stop | None:
    """What stops a call now; nothing stops one whose request is running or has ended."""
    if request is not None and request.state not in _WAITS:
        return None
    return parts.switches.why(visit.caller.agent, visit.call.server)


def is_settled(request: ApprovalRequest) -> bool:
    """Is the agent told of an ended request while it is stopped: because it ran, or ended by the freeze itself?"""
    return request.state in _WAS_SENT or request.cause is Cause.FROZEN


def is_over(parts: Parts, request: ApprovalRequest) -> bool:
    """Is a client not held any longer for a request that has not ended? What is running is waited for."""
    if parts.closing:
        return True
    return request.state in _WAITS and parts.switches.why(request.caller.agent, request.call.server) is not None


def answer(parts: Parts, visit: Visit, stop: Stop, request: ApprovalRequest | None) -> Result:
    """The answer of a call that is stopped; `request` is what stays saved for it."""
    visit.outcome = (Code.FROZEN if isinstance(stop, Freeze) else Code.PAUSED).value
    visit.request = request.id if request is not None else None
    url = parts.holding.page(request.id) if request is not None else None
    return told(stopped.call(stop, tool=visit.name, now=datetime.now(UTC), request=visit.request, url=url))
