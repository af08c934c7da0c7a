"""What a proposed grant would have let run, had it been there: held against the calls of the same agent and tool.

Pure. Only calls that people were asked about are looked at, since only for those a grant would have spoken. Denials and
edits count against the proposal: somebody looked at a call of this shape and did not want it so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from approvals.domain import shapes
from approvals.domain.model import ApprovalRequest, State
from approvals.domain.shapes import Proposal, Scope

LOOKED_AT = 200


class Past(StrEnum):
    """What became of a call."""

    APPROVED = "approved"
    DENIED = "denied"
    EDITED = "edited"
    UNANSWERED = "unanswered"
    NOBODY_ASKED = "nobody_asked"
    """Another grant, break-glass or silence let it run."""
    WAITING = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """How many calls were looked at, what became of those that fit, and which of them people did not want so."""

    looked_at: int
    unreadable: int = 0
    """Calls whose arguments were destroyed, so nobody can say."""
    came_to: dict[Past, int] = field(default_factory=dict)
    against: tuple[str, ...] = ()

    @property
    def matched(self) -> int:
        """How many of them it would have let run."""
        return sum(self.came_to.values())


def held_against(proposal: Proposal, model: ApprovalRequest, past: Iterable[ApprovalRequest]) -> Backtest:
    """Try a proposal, as it would be given with `model`, on past calls; its time and number of uses are not counted."""
    looked_at, unreadable, came_to, against = 0, 0, dict.fromkeys(Past, 0), []
    for one in past:
        if one.id == model.id or one.call.tool_fingerprint != model.call.tool_fingerprint:
            continue
        if one.destroyed is not None:
            unreadable += 1
            continue
        looked_at += 1
        if proposal.scope is Scope.SESSION and one.caller.session != model.caller.session:
            continue
        asked = one.edited_from or one.call.arguments
        if shapes.why_outside(proposal, model.call.arguments, asked) is not None:
            continue
        what = came_to_what(one)
        came_to[what] += 1
        if what in {Past.DENIED, Past.EDITED}:
            against.append(one.id)
    return Backtest(looked_at=looked_at, unreadable=unreadable, came_to=came_to, against=tuple(against))


def came_to_what(request: ApprovalRequest) -> Past:
    """What people made of a call."""
    if request.state is State.DENIED:
        return Past.DENIED
    if request.edited_from is not None:
        return Past.EDITED
    if request.state is State.PENDING:
        return Past.WAITING
    if request.decided_at is None:
        return Past.UNANSWERED
    return Past.APPROVED if request.ground is None else Past.NOBODY_ASKED


def in_words(test: Backtest) -> str:
    """One sentence, for before the click."""
    if not test.looked_at:
        return "There is no earlier call of this tool by this agent to try it on."
    calls = "the last call" if test.looked_at == 1 else f"the last {test.looked_at} calls"
    line = f"Would have matched {test.matched} of {calls} that people were asked about"
    bad = [
        f"{test.came_to[what]} of them {'was' if test.came_to[what] == 1 else 'were'} {what.value}"
        for what in (Past.DENIED, Past.EDITED)
        if test.came_to.get(what)
    ]
    return f"{line} ({', '.join(bad)})." if bad else f"{line}."
