"""Earlier decisions on calls like one request, put together for one reader, or for the card that several read.

They are looked up for the one request that is shown, never for a list, and what is looked at is bounded. A person gets
what they may see, by the same rule as for reading a request. Nobody knows who reads a card in a channel, so it counts
only what was put to everybody who is asked now.
"""

from __future__ import annotations

from functools import partial

from approvals.domain import quorum, similar
from approvals.domain.answered import answered_in
from approvals.domain.model import ApprovalRequest, Person, State
from approvals.domain.similar import Similar
from approvals.storage.tx import Tx

ON_CARD = 20
"""So many decisions, and other ends, are counted for a card, which is drawn anew whenever its request changes."""
SHOWN_ON = frozenset({"slack", "email"})
"""The channels whose cards have the line."""


def seen_by(tx: Tx, request: ApprovalRequest, person: Person) -> Similar:
    """What was decided before this request was, as far as the person may know of it."""
    return similar.similar(
        request,
        _past(tx, request, similar.LOOKED_AT),
        sees=partial(quorum.may_see, person),
        in_full=partial(quorum.may_see_in_full, person),
    )


def on_card(tx: Tx, request: ApprovalRequest, channel: str) -> str | None:
    """The line on a card: counts alone, and only while people are asked."""
    if channel not in SHOWN_ON or request.state is not State.PENDING or answered_in(request.call) is not None:
        return None
    found = similar.similar(
        request, _past(tx, request, ON_CARD), sees=partial(similar.put_to_the_same, request), in_full=lambda _: True
    )
    return similar.words(found)


def _past(tx: Tx, request: ApprovalRequest, limit: int) -> list[similar.Past]:
    before = None if request.state is State.PENDING else request.decided_at or tx.requests.changed_at(request.id)
    call = request.call
    return tx.earlier.of_tool(call.server, call.tool, but=request.id, before=before, limit=limit)
