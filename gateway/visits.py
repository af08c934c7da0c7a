"""One tool call on its walk, and the row that it leaves in the journal.

The row has what a policy could be tried on again: what the call was judged by, what decided, what its limits cost,
when they were looked at, and when it ran.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from approvals.domain.model import Caller, ToolCall
from approvals.storage.calls import CallRow
from gateway.asking import Side
from gateway.judge import Judgement
from gateway.limits import Exceeded
from gateway.lookup import Found
from gateway.policy.model import Ruling, Shadowed, Verdict
from gateway.showing import Back


@dataclass(slots=True, kw_only=True)
class Visit:
    """One call on its walk. `arguments` is dropped once the call is judged, so that a held call is small.

    `back` is what the client brings from showing a page, `reply` what it says to a reviewer's question, `why` its
    reason for the call; `joins`: there is an open request of this call already. `limited` is the limit that decided
    instead of a rule, `counted_at` when limits were looked at, by the store's clock, `ran_at` when the call was sent,
    having taken what it costs, `shadowed` the limits in shadow that would have had no room, and `missing` why nobody
    there is now could approve it.
    """

    caller: Caller
    found: Found
    name: str
    call: ToolCall
    arguments: dict[str, Any]
    side: Side
    trace: Mapping[str, str]
    streams: bool
    tasks: bool
    began: float
    back: Back | None = None
    reply: object = None
    why: object = None
    joins: bool = False
    request: str | None = None
    outcome: str | None = None
    limited: Exceeded | None = None
    counted_at: datetime | None = None
    ran_at: datetime | None = None
    shadowed: tuple[Exceeded, ...] = ()
    missing: tuple[str, ...] = ()


def row_of(visit: Visit, judgement: Judgement) -> CallRow:
    """The journal's row of a call that has got its answer, or was left by its client."""
    ruling, limited = judgement.ruling, visit.limited
    return CallRow(
        id=f"call_{secrets.token_hex(16)}",
        at=judgement.facts.now,
        agent=visit.caller.agent,
        owner=visit.caller.owner,
        server=visit.call.server,
        tool=visit.call.tool,
        arguments_sha256=visit.call.arguments_sha256,
        verdict=_verdict(visit, ruling),
        rule=ruling.rule if limited is None else limited.rule,
        reason=ruling.reason if limited is None else limited.reason,
        trace=tuple(step.as_json() for step in ruling.trace),
        policy_version=ruling.policy_version,
        request_id=visit.request,
        outcome=visit.outcome,
        ms=round((time.monotonic() - visit.began) * 1000),
        risk=judgement.facts.risk.kind.value,
        severity=judgement.facts.risk.severity.value,
        session=judgement.facts.session,
        counted_at=visit.counted_at,
        ran_at=visit.ran_at,
        limits=tuple(use.as_json() for use in ruling.limits),
        shadow=tuple(one.as_json() for one in (*ruling.shadow, *map(_in_shadow, visit.shadowed))),
    )


def _in_shadow(over: Exceeded) -> Shadowed:
    verdict = Verdict.REQUIRE_APPROVAL if over.asks else Verdict.RATE_LIMITED
    return Shadowed(rule=over.rule, verdict=verdict, reason=over.reason, why=over.reason, policy=over.use.policy)


def _verdict(visit: Visit, ruling: Ruling) -> str:
    """What decided: a rule, or a limit that refuses or asks."""
    if visit.outcome == "rate_limited":
        return Verdict.RATE_LIMITED.value
    return (ruling.verdict if visit.limited is None else Verdict.REQUIRE_APPROVAL).value
