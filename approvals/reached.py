"""Has anybody been told of a waiting request? Asked inside the transaction that wants to act on the answer.

"Nobody answered" and "nobody could be told" are two things. Somebody was told where a card was shown anywhere once,
where the page is one of the channels of the rule, or where a person has acted on the request or opened it all the
same. A card that waits for the end of its person's quiet hours could be shown, and was meant to wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from approvals.domain.model import ApprovalRequest, State
from approvals.storage.messages import MessageRow
from approvals.storage.tx import Tx

ENOUGH_TRIES = 5
"""After so many failed tries of each of its cards a request counts as told to nobody: 10 to 15 seconds."""
LONG_ENOUGH = timedelta(minutes=1)
"""While a channel fails, cards wait for it that were not tried even once: so long at most."""


def nobody(tx: Tx, request: ApprovalRequest) -> bool:
    """Was nobody told, in whatever way, until now?"""
    if by_page(request) or request.votes or request.questions or request.handed_by:
        return False
    rows = tx.messages.for_request(request.id)
    return not any(_shown(row) or _sleeps(row) for row in rows) and not tx.attention.opened(request.id)


def nobody_for_long(tx: Tx, request: ApprovalRequest) -> bool:
    """Was nobody told for so long that others are to be asked, however few of its cards were tried?"""
    longest = min((request.expires_at - request.created_at) / 2, LONG_ENOUGH)
    return request.state is State.PENDING and tx.now >= request.created_at + longest and nobody(tx, request)


def can_nobody(tx: Tx, request: ApprovalRequest) -> bool:
    """Was nobody told, and has enough been tried to ask others: often enough, or for half of the time there is?"""
    if request.state is not State.PENDING or not nobody(tx, request):
        return False
    half = request.created_at + (request.expires_at - request.created_at) / 2
    rows = tx.messages.for_request(request.id)
    return all(row.error is not None for row in rows) and (tx.now >= half or all(map(_fails, rows)))


def none_left(request: ApprovalRequest, rows: Sequence[MessageRow]) -> bool:
    """Is every card given up for good, and no page to go to?"""
    return request.state is State.PENDING and not by_page(request) and all(row.state == "dead" for row in rows)


def by_page(request: ApprovalRequest) -> bool:
    """Does the page tell of it? It always does, unless the rule leaves it out."""
    channels = request.terms.channels
    return not channels or any(channel.split(":", 1)[0] == "web" for channel in channels)


def _shown(row: MessageRow) -> bool:
    return row.shown_revision is not None


def _sleeps(row: MessageRow) -> bool:
    return row.held_at is not None and row.error is None


def _fails(row: MessageRow) -> bool:
    return row.state == "dead" or row.attempts >= ENOUGH_TRIES
