"""What an agent says to people: why it makes a call, and what it answers.

A reviewer's question reaches the agent whose call is held, and its answer comes back: the call stays as it is.

A hold ends once for each question, so that the agent reads it; a client that goes on waiting without an answer is held
again, and is reminded by progress and at the end of its hold.
"""

from __future__ import annotations

from approvals.domain.lifecycle import open_question
from approvals.domain.model import ApprovalRequest
from approvals.domain.terms import Terms
from approvals.errors import Invalid, NotFound
from gateway.parts import Parts
from gateway.policy import justifying
from gateway.protocol import unasked
from gateway.protocol.asked import ANSWER_META
from gateway.running import refused, told
from gateway.upstreams import Result
from gateway.upstreams.peers import TOOLS_CHANGED
from gateway.visits import Visit


def is_asked_anew(request: ApprovalRequest) -> bool:
    """Has somebody asked its agent something that it has not been told yet?"""
    question = open_question(request)
    return question is not None and question.told_at is None


async def announce(visit: Visit, request: ApprovalRequest) -> None:
    """Let a client that keeps a list of tools ask for it again: the tool that answers is on it now."""
    if is_asked_anew(request):
        await visit.side.line.told(TOOLS_CHANGED, b"{}")


async def take_answer(parts: Parts, visit: Visit, request: ApprovalRequest) -> Result | None:
    """Keep what came with the same call made again as an answer; a result where it could not be kept.

    Raises:
        Unavailable.
    """
    said = visit.reply
    if said is None:
        return None
    try:
        await parts.desk.answer(request.id, agent=visit.caller.agent, text=said if isinstance(said, str) else "")
    except (Invalid, NotFound) as wrong:
        visit.outcome = "invalid_arguments"
        where = f"/_meta/{ANSWER_META.replace('/', '~1')}"
        return told(unasked.invalid_arguments(tool=visit.name, problems=[(where, _why(wrong))]))
    return None


def unreasoned(parts: Parts, visit: Visit, terms: Terms) -> Result | None:
    """A refusal of a call whose agent does not say why it makes it, though the rule wants that; once is enough."""
    if terms.justification == "off" or visit.joins:
        return None
    why = justifying.wrong(visit.why, terms.justification)
    if why is None:
        return None
    visit.outcome = "invalid_arguments"
    field = justifying.field_of(visit.found.tool.definition.get("inputSchema"))
    said = unasked.invalid_arguments(tool=visit.name, problems=[(f"/{field}", why)])
    return refused(parts, visit, f"invalid_arguments {why}", said)


def reason_of(visit: Visit, terms: Terms) -> str | None:
    """The agent's own reason, where the rule asks for one."""
    return visit.why.strip() if terms.justification != "off" and isinstance(visit.why, str) else None


def _why(wrong: Invalid | NotFound) -> str:
    return str(wrong.fields.get("why") or wrong)
