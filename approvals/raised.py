"""What an approval raises besides: inside the transaction in which the call is approved."""

from __future__ import annotations

from collections.abc import Mapping

from approvals.domain import quorum, raising
from approvals.domain.lifecycle import Note, note
from approvals.domain.model import ApprovalRequest, Person, PersonId
from approvals.domain.raising import Raise
from approvals.storage.tx import Tx


def put(tx: Tx, request: ApprovalRequest, voters: Mapping[PersonId, Person], *, actor: str) -> None:
    """Raise what the request goes over, if everybody who approved it asked for that; the ledger says what and until."""
    lasts = raising.agreed(request, voters)
    if lasts is None:
        return
    by = tuple(dict.fromkeys(vote.reviewer for vote in quorum.counted(request, voters)))
    made = [
        Raise(
            id=f"rse_{request.id.removeprefix('req_')}{number or ''}",
            request=request.id,
            over=over,
            by=by,
            at=tx.now,
            until=tx.now + lasts,
        )
        for number, over in enumerate(request.over)
    ]
    tx.raises.add(made)
    detail = {
        "until": made[0].until.isoformat(),
        "budgets": [{"limit": one.over.name, "from": one.over.most, "to": one.over.to} for one in made],
    }
    row = note(request, Note.BUDGETS_RAISED, actor=actor, at=tx.now, before=request.state, detail=detail)
    tx.requests.append(row, request.binding)
