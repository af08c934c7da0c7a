"""An answer to a server's question as a request of its own: what reviewers see of it, and what it asks of them.

It is bound to the call, the questions and the answers, in the order in which they were asked, and names the request in
whose run it was given. Nothing of it ever runs, so silence allows none, nothing is edited, and no grant covers it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from approvals.domain import fingerprint
from approvals.domain.answered import ANSWER_TO
from approvals.domain.model import ApprovalRequest, Caller, ToolCall
from approvals.domain.terms import OnTimeout, Steps, Terms
from approvals.filing import Filing
from gateway import heavy
from gateway.asking import ELICIT, KINDS, REVIEW_SECONDS, Given, Side
from gateway.policy.model import LimitUse, Ruling
from gateway.protocol.patience import Plan
from gateway.upstreams import RpcError

WHY = "In the middle of this call its server asked a question; this is what the agent's client answered."


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The call in whose run answers are given. `name` is its tool as the agent knows it.

    `parent` is the request that people approved, None for a call that the policy allowed. `until` is on the loop's
    clock: an answer that is not approved by then is of no use. `plan` says how long this client can be kept waiting.
    """

    name: str
    call: ToolCall
    caller: Caller
    until: float
    plan: Callable[[Side, timedelta], Plan]
    parent: ApprovalRequest | None = None
    deny_cooldown: timedelta = timedelta(0)


async def filing_of(
    run: Run, given: Sequence[Given], ruling: Ruling, terms: Terms, *, arguments: Mapping[str, Any], bypass: bool
) -> Filing:
    """What is filed about the answers of a run; `bypass`: break-glass is open, and nobody is asked."""
    parent, shown = run.parent, {"arguments": arguments, **_shown(given)}
    call = await heavy.run(
        heavy.weight(shown),
        fingerprint.make_call,
        server=run.call.server,
        tool=run.call.tool,
        arguments=shown,
        tool_fingerprint=run.call.tool_fingerprint,
        meta={ANSWER_TO: parent.id if parent is not None else ""},
    )
    return Filing(
        call=call,
        caller=run.caller,
        terms=replace(terms, redact=_hidden(ruling.redact)),
        rule=ruling.rule if parent is None else parent.rule,
        rule_reason=f"{WHY} {ruling.reason or ''}".rstrip(),
        policy_version=ruling.policy_version,
        risk=ruling.risk.value,
        severity=ruling.severity.value,
        trace=tuple(step.as_json() for step in ruling.trace),
        deny_cooldown=run.deny_cooldown,
        waiting=True,
        bypass=bypass,
    )


def added(before: Sequence[LimitUse], after: Sequence[LimitUse]) -> tuple[LimitUse, ...]:
    """What a call costs more after its answers than was reserved for it."""
    paid = {(use.limit.pointer, use.keys): use.amount for use in before}
    more = [replace(use, amount=use.amount - paid.get((use.limit.pointer, use.keys), Decimal(0))) for use in after]
    return tuple(use for use in more if use.amount > 0)


def _hidden(redact: Sequence[Steps]) -> tuple[Steps, ...]:
    """What of the arguments is not shown to all, where it stands in a request about an answer: there, and answered."""
    return tuple(
        place
        for steps in redact
        for place in (("arguments", *steps), (KINDS[ELICIT], None, "answered", "content", *steps))
    )


def for_an_answer(terms: Terms, left: timedelta | None) -> Terms:
    """The terms of the call, for the answer: silence never allows it, nothing of it is edited, nothing runs later."""
    most = min(terms.timeout, timedelta(seconds=REVIEW_SECONDS))
    return replace(
        terms,
        timeout=terms.timeout if left is None else min(most, left),
        on_timeout=OnTimeout.DENY,
        escalate=(),
        edit=False,
        justification="off",
        cancel_window=timedelta(0),
        execute_on_approve=False,
        self_service=False,
        grants="never",
    )


def _shown(given: Sequence[Given]) -> dict[str, list[dict[str, Any]]]:
    """Questions and answers as reviewers see them, and as they are bound: by kind, in the order they were asked."""
    shown: dict[str, list[dict[str, Any]]] = {}
    for one in given:
        if isinstance(one.answer, RpcError):
            continue
        asked = {name: value for name, value in json.loads(one.question.params).items() if name != "_meta"}
        entry = {"asked": asked, "answered": json.loads(one.answer.raw)}
        shown.setdefault(KINDS[one.question.method], []).append(entry)
    return shown
