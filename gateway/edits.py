"""Judging calls whose arguments a reviewer changed, as `approvals.editing` asks: the schema, the policy, the limits.

The tool is taken as it was last seen, and must be the one that was asked about; the server itself is asked before the
call runs. What an edited call gets is what it would get if an agent made it now, except that whoever has been asked
stays asked: an edit takes a call from nobody, and where the policy says of it what it says of the call as it is, those
to whom it went since are the ones who decide.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from approvals.domain.model import ApprovalRequest, Ruled, ToolCall
from approvals.domain.terms import Terms
from approvals.errors import Invalid, PolicyRefuses, Unfit
from approvals.storage.engine import Database
from approvals.storage.pins import Pin
from gateway import heavy
from gateway.catalog import Tool
from gateway.judge import Judge, Layered
from gateway.limits import Exceeded, Limits, overruns
from gateway.policy.model import Verdict
from gateway.policy.verdicts import Final, final
from gateway.upstreams.schemas import ArgumentCheck, Problem, UnusableSchema

CHANGED = "the server has changed this tool since the call was made, so it cannot run any more, whatever its arguments"


class Edits:
    """Judges edited calls. `server` gives a server as an agent may use it, by the names of both."""

    def __init__(
        self, *, db: Database, judge: Judge, limits: Limits, server: Callable[[str, str], Layered | None]
    ) -> None:
        self._db, self._judge, self._limits, self._server = db, judge, limits, server

    async def ruled(self, request: ApprovalRequest, call: ToolCall) -> Ruled:
        """What the policy says of the edited call.

        Raises:
            Unfit: the arguments do not fit the tool's schema.
            PolicyRefuses: the policy or a limit refuses the call.
            Invalid: the tool has changed, or the agent may not use its server any more.
            Unavailable.
        """
        server = self._server(request.caller.agent, call.server)
        if server is None:
            raise Invalid(field="arguments", why="the agent may not use this server any more")
        pin = await self._db.read(lambda tx: tx.pins.one(call.server, call.tool))
        if pin is None or pin.drifted or pin.accepted_fingerprint != call.tool_fingerprint:
            raise Invalid(field="arguments", why=CHANGED)
        definition, arguments = pin.accepted_definition, json.loads(call.arguments)
        problems = await heavy.run(heavy.weight([definition, arguments]), _problems, definition, arguments)
        if problems:
            raise Unfit([(one.pointer, one.message) for one in problems])
        tool = _tool(pin)
        edited = self._judge.again(server, tool, replace(request, call=call))
        room = await self._limits.check(edited.ruling.limits)
        answer = final(edited.ruling, room)
        if answer.verdict in {Verdict.DENY, Verdict.RATE_LIMITED}:
            raise PolicyRefuses(rule=answer.rule, why=answer.reason or "no rule allows it")
        unedited = self._judge.again(server, tool, request).ruling
        as_it_is = final(unedited, await self._limits.check(unedited.limits))
        terms, spec = None, answer.approval
        kept = edited.ruling.policy_version == request.policy_version and as_it_is.approval == spec
        if spec is not None and not kept:
            terms = self._judge.terms_of(edited, spec, tool)
        return _ruled(answer, terms, room if isinstance(room, Exceeded) else None)


def _ruled(answer: Final, terms: Terms | None, over: Exceeded | None) -> Ruled:
    ruling = answer.ruling
    return Ruled(
        rule=answer.rule,
        rule_reason=answer.reason,
        policy_version=ruling.policy_version,
        severity=ruling.severity.value,
        terms=terms,
        redact=ruling.redact,
        trace=tuple(step.as_json() for step in ruling.trace),
        over=() if over is None else overruns(over),
    )


def _problems(definition: Mapping[str, Any], arguments: dict[str, Any]) -> tuple[Problem, ...]:
    try:
        return ArgumentCheck(definition.get("inputSchema")).problems(arguments)
    except UnusableSchema as err:
        return (Problem(pointer="", message=f"this tool cannot be called: {err}"),)


def _tool(pin: Pin) -> Tool:
    return Tool(
        server=pin.server, name=pin.tool, definition=dict(pin.accepted_definition), fingerprint=pin.accepted_fingerprint
    )
