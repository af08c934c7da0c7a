"""What a proposed grant would have let run, had it been there: held against the calls of the same agent and tool.

Pure. Only calls that needed approval are looked at, since only for those a grant would have spoken. Denials and edits
count against the proposal: somebody looked at a call of this shape and did not want it so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from approvals.domain import grants, quorum, shapes
from approvals.domain.model import ApprovalRequest, Person, State
from approvals.domain.shapes import Proposal

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
    """Calls whose arguments were destroyed, or are not for whoever asks."""
    came_to: dict[Past, int] = field(default_factory=dict)
    against: tuple[str, ...] = ()

    @property
    def matched(self) -> int:
        """How many of them it would have let run."""
        return sum(self.came_to.values())


def held_against(
    proposal: Proposal, model: ApprovalRequest, past: Iterable[ApprovalRequest], *, by: Person
) -> Backtest:
    """Try a proposal, as it would be given with `model`, on past calls; its time and number of uses are not counted.

    What somebody was asked is tried, and not what they made of it. What `by` may not read they are told nothing of.
    """
    looked_at, unreadable, came_to, against = 0, 0, dict.fromkeys(Past, 0), []
    for one in islice((one for one in past if _is_earlier(one, model)), LOOKED_AT):
        if one.destroyed is not None or not quorum.may_see_in_full(by, one):
            unreadable += 1
            continue
        looked_at += 1
        if not _speaks_for(proposal, model, one):
            continue
        what = came_to_what(one)
        came_to[what] += 1
        if what in {Past.DENIED, Past.EDITED}:
            against.append(one.id)
    return Backtest(looked_at=looked_at, unreadable=unreadable, came_to=came_to, against=tuple(against))


def _is_earlier(one: ApprovalRequest, model: ApprovalRequest) -> bool:
    """Was it another call of the same tool? A test of attention is one for as long as nobody was told of it."""
    disclosed = one.decoy is not None and one.state is not State.PENDING
    return one.id != model.id and one.call.tool_fingerprint == model.call.tool_fingerprint and not disclosed


def _speaks_for(proposal: Proposal, model: ApprovalRequest, one: ApprovalRequest) -> bool:
    session = grants.session_of(proposal, model)
    if grants.why_not_offered(one) is not None or grants.of_something_else(model, session, one) is not None:
        return False
    return shapes.why_outside(proposal, model.call.arguments, one.edited_from or one.call.arguments) is None


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
    more = f"; {test.unreadable} more cannot be read" if test.unreadable else ""
    if not test.looked_at:
        return f"There is no earlier call of this tool by this agent to try it on{more}."
    if test.looked_at == 1:
        line = f"Would {'' if test.matched else 'not '}have matched the last call that needed approval"
    else:
        line = f"Would have matched {test.matched} of the last {test.looked_at} calls that needed approval"
    bad = [
        f"{test.came_to[what]} of them {'was' if test.came_to[what] == 1 else 'were'} {what.value}"
        for what in (Past.DENIED, Past.EDITED)
        if test.came_to.get(what)
    ]
    return f"{line} ({', '.join(bad)}){more}." if bad else f"{line}{more}."
