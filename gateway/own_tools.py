"""The gateway's own tools, listed after all others where the configuration adds them.

`placet_result` collects, and `placet_answer` is for an agent that is asked something about a call of its own: it works
whether it is listed or not. `placet_policy` says what a call would get. Nothing is sent, counted, filed or kept for
it, nobody is asked, and a tool that the agent is not shown is told apart from one that does not exist by nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from approvals.domain.model import Caller
from approvals.talking import ANSWER_MAX
from gateway import heavy
from gateway.asking import relayable
from gateway.catalog import Place
from gateway.inbound.gate import Called, InboundCall
from gateway.lookup import Down, Found, Lookup
from gateway.paging import Shown
from gateway.parts import Holding, Parts
from gateway.policy.evaluate import listing
from gateway.policy.justifying import field_of
from gateway.policy.verdicts import Final, final
from gateway.protocol import stopped, unasked
from gateway.protocol.asked import ANSWER_TOOL
from gateway.upstreams import Result
from gateway.upstreams.schemas import Problem

OURSELVES = ""
"""The server whose tools these are."""
POLICY, RESULT = "placet_policy", "placet_result"

_POLICY_TOOL: dict[str, Any] = {
    "name": POLICY,
    "description": "Ask what a call of a tool would get, before you make it: allowed, denied, over a limit, or held "
    "until a person approves it, with the reason and what is left of each limit. Nothing is called, counted or sent by "
    "this, and nobody is asked.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "tool": {"type": "string", "description": "The tool's name, as it is listed here"},
            "arguments": {"type": "object", "description": "The arguments you would call it with"},
        },
        "required": ["tool"],
        "additionalProperties": False,
    },
    "annotations": {"readOnlyHint": True},
}
_RESULT_TOOL: dict[str, Any] = {
    "name": RESULT,
    "description": "Wait for, and collect, the outcome of a call that waits for a person's approval. Give the request "
    "id that the waiting answer named (req_…). The same call made again does the same.",
    "inputSchema": {
        "type": "object",
        "properties": {"request": {"type": "string", "description": "The request id, req_…"}},
        "required": ["request"],
        "additionalProperties": False,
    },
    "annotations": {"readOnlyHint": True},
}

_ANSWER_TOOL: dict[str, Any] = {
    "name": ANSWER_TOOL,
    "description": "Answer what a reviewer asks you about a call of yours that waits for approval, in your own words; "
    "the answer that says so names the request id (req_…). Nothing runs and nothing is approved by this: the reviewer "
    "reads it, and the call goes on waiting, as if you had made it again.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "request": {"type": "string", "description": "The request id, req_…"},
            "answer": {"type": "string", "maxLength": ANSWER_MAX, "description": "What you answer"},
        },
        "required": ["request", "answer"],
        "additionalProperties": False,
    },
}


def listed(holding: Holding, *, asked: bool) -> list[Shown]:
    """Those the configuration adds, by name, and what an agent that is `asked` something answers with."""
    on = ((_ANSWER_TOOL, asked or holding.answer_tool), (_POLICY_TOOL, holding.policy_tool))
    added = [tool for tool, shown in (*on, (_RESULT_TOOL, holding.result_tool)) if shown]
    return [Shown(server=OURSELVES, name=tool["name"], listing=tool) for tool in added]


def adds(holding: Holding, name: str) -> bool:
    """Is this the name of one of them? That which answers is always there: a client may have an older list."""
    return any(tool.name == name for tool in listed(holding, asked=True))


async def ask_policy(parts: Parts, lookup: Lookup, caller: Caller, server: str | None, call: InboundCall) -> Called:
    """What the call that is asked about would get."""
    name, arguments = call.arguments.get("tool"), call.arguments.get("arguments", {})
    if not isinstance(name, str) or not isinstance(arguments, dict) or call.arguments.keys() - {"tool", "arguments"}:
        return _wrong("", "give tool, a text, and arguments, an object")
    found = await lookup.find(caller, server, name, Place(call.session, relayable(call.capabilities)))
    if isinstance(found, Down):
        return Result(
            raw=unasked.upstream_unavailable(server=found.server.name, tool=name, why=found.why), is_error=True
        )
    if not isinstance(found, Found) or not _is_listed(parts, found):
        return _wrong("/tool", "there is no tool of this name here; tools/list gives those there are")
    stop = parts.switches.why(caller.agent, found.server.name)
    if stop is not None:
        return Result(raw=stopped.call(stop, tool=name, now=datetime.now(UTC)), is_error=True)
    arguments = {
        key: one for key, one in arguments.items() if key != field_of(found.tool.definition.get("inputSchema"))
    }
    ruling = parts.judge.judge(found.server, found.tool, caller, arguments).ruling
    problems = await heavy.run(heavy.weight(arguments), found.tool.problems, arguments)
    return _told(final(ruling, await parts.limits.check(ruling.limits)), problems)


def _is_listed(parts: Parts, found: Found) -> bool:
    kind = parts.judge.risk(found.tool).kind
    return not found.tool.drifted and listing(found.server.policies, found.tool.name, kind)


def _told(answer: Final, problems: Sequence[Problem]) -> Result:
    said = {
        "verdict": answer.verdict.value,
        "rule": answer.rule,
        "reason": answer.reason,
        "would_allow": answer.ruling.allows,
        "limits": [one.as_json() for one in answer.standings],
        "invalid_arguments": [f"{one.pointer or '/'}: {one.message}" for one in problems],
        "note": "Nothing was called, counted or kept, and nobody was asked.",
    }
    content = [{"type": "text", "text": json.dumps(said, ensure_ascii=False, indent=1)}]
    return Result(raw=json.dumps({"content": content, "isError": False}).encode())


def _wrong(at: str, why: str) -> Result:
    return Result(raw=unasked.invalid_arguments(tool=POLICY, problems=[(at, why)]), is_error=True)
