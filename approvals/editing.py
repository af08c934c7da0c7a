"""Approving with other arguments than the agent's: what may be edited, and what an edit does.

Whoever composes the service hands in `Edits`, which knows what this package does not: the tool's schema, the policy and
the limits. They are asked before the transaction, about a call that the decision's binding fixes; inside it everything
about the person and the request is looked at again. The edit and the editor's vote are one transaction, and the vote is
for the new binding.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Protocol

from approvals.domain import fingerprint, quorum
from approvals.domain.answered import answered_in
from approvals.domain.changes import changes
from approvals.domain.happening import Event, Happened
from approvals.domain.model import Answer, ApprovalRequest, Decision, Person, Ruled, State, ToolCall
from approvals.errors import Conflict, Invalid, NotAllowed, Refusal
from approvals.room import Room

Judged = Ruled | Refusal | None
"""What came of asking about an edited call: None where nobody was asked, because the decision edits nothing."""


class Edits(Protocol):
    """Judges calls whose arguments a reviewer changed."""

    async def ruled(self, request: ApprovalRequest, call: ToolCall) -> Ruled:
        """What the policy says of the edited call, whose arguments fit the tool.

        Raises:
            Refusal: they do not, the policy or a limit refuses the call, or nobody can say.
        """
        ...


def read_arguments(text: str) -> bytes:
    """Arguments as somebody typed them, in their one form.

    Raises:
        Invalid: they are not one JSON object with one meaning; says where.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object)
        if not isinstance(value, dict):
            raise Invalid(field="arguments", why="they are one JSON object: {…}")
        return fingerprint.canonical(value)
    except json.JSONDecodeError as err:
        raise Invalid(field="arguments", why=f"{err.msg} at line {err.lineno}, column {err.colno}") from None
    except (ValueError, RecursionError) as err:
        raise Invalid(field="arguments", why=f"they have no exact form ({str(err)[:200]})") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def edited_call(request: ApprovalRequest, decision: Decision) -> ToolCall | None:
    """The call that a decision wants to run instead of what was asked; None where that is the same."""
    arguments = decision.arguments
    if arguments is None or arguments == request.call.arguments:
        return None
    return replace(request.call, arguments=arguments, arguments_sha256=fingerprint.sha256_hex(arguments))


async def judged(edits: Edits | None, request: ApprovalRequest, person: Person, decision: Decision) -> Judged:
    """Ask about an edited call, where the person could decide the request at all: nobody else learns what fits."""
    call = edited_call(request, decision)
    if call is None or request.state is not State.PENDING or decision.binding != request.binding:
        return None
    if quorum.why_not(person, request, decision.answer) is not None or why_not(request, decision) is not None:
        return None
    if edits is None:
        return Invalid(field="arguments", why="nobody can check them here, so they cannot be edited")
    try:
        return await edits.ruled(request, call)
    except Refusal as refused:
        return refused


def why_not(request: ApprovalRequest, decision: Decision) -> Refusal | None:
    """Why a decision may not edit the call it is about, None if it may or does not want to."""
    if decision.arguments is None:
        return None
    if decision.answer is not Answer.APPROVE:
        return Invalid(field="arguments", why="only an approval changes the arguments")
    if edited_call(request, decision) is None:
        return None
    if answered_in(request.call) is not None:
        return NotAllowed(
            what="change this", why="it is what was answered to a server's question, and is approved as it is or denied"
        )
    if not request.terms.edit:
        return NotAllowed(what="change this", why="its rule wants this call decided as it is (edit: false)")
    if decision.raise_for is not None:
        return Invalid(field="raise", why="a changed call may go over other limits; approve it first without a raise")
    if decision.grant is not None:
        return Invalid(field="grant", why="a grant speaks for a call that was read; change the call first without one")
    return None


def refused(request: ApprovalRequest, decision: Decision, found: Judged) -> Refusal | None:
    """Why the edited call cannot be put in place of the other, as far as those say who were asked about it.

    Raises:
        Conflict: what the edited call would get was asked about another state of the request.
    """
    if edited_call(request, decision) is None:
        return None
    if found is None:
        raise Conflict
    return found if isinstance(found, Refusal) else None


def edit(room: Room, request: ApprovalRequest, decision: Decision, found: Judged) -> ApprovalRequest | Refusal:
    """Put the edited call in place of the other; the request as it is then, where the decision edits anything.

    Raises:
        Conflict: what the edited call would get was asked about another state of the request.
    """
    call, no = edited_call(request, decision), refused(request, decision, found)
    if call is None or no is not None or not isinstance(found, Ruled):
        return no or request
    binding = fingerprint.binding(
        request=request.id,
        agent=request.caller.agent,
        call=call,
        policy_version=found.policy_version,
        rule=found.rule,
    )
    before, after = json.loads(request.call.arguments), json.loads(call.arguments)
    hidden = (*request.terms.redact, *found.redact)
    happened = Happened(
        event=Event.EDITED,
        actor=decision.reviewer,
        call=call,
        binding=binding,
        ruled=found,
        changes=changes(before, after, hidden),
        via=decision.via,
    )
    return room.move(request, happened)
