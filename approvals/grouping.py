"""Cards that stand for many requests: which card a new request joins, and what is shown on one that leads.

In a channel that keeps its cards up to date (`folding.IN_PLACE`) the oldest card of requests that are alike becomes
the card of them all. Where messages cannot be taken back, the requests from the third on are told by one line each
time their number doubles (`folding.BY_NUMBER`). Elsewhere every request is told by itself.
"""

from __future__ import annotations

from datetime import timedelta

from approvals import stopped
from approvals.domain import group_card, plain
from approvals.domain.folding import Linked, Way, likeness, way_of
from approvals.domain.group_card import Group
from approvals.domain.model import ApprovalRequest, State
from approvals.domain.sentences import Telling
from approvals.room import Room
from approvals.storage.card_groups import Placed
from approvals.storage.messages import MessageRow
from approvals.storage.tx import Tx

SETTLE = timedelta(seconds=1)
"""How long a card waits for further changes before it is drawn anew."""
MEMBERS_MOST = 100
"""A card with more is left as it is, and another one begun."""


def join(tx: Tx, request: ApprovalRequest, folding: Linked) -> None:
    """Let the cards that a new request owes follow those of requests that are alike, where there are enough."""
    fold = likeness(request)
    if fold is None or folding.start is None or request.state is not State.PENDING:
        return
    for row in tx.messages.for_request(request.id):
        way = way_of(row.channel)
        if way is Way.IN_PLACE:
            _gather(tx, tx.card_groups.alike(fold, row.channel, row.target), folding.start)
        elif way is Way.BY_NUMBER:
            _count(tx, request, row, fold, folding)


def group_of(room: Room, leader: str, own: ApprovalRequest, folding: Linked) -> Group | None:
    """What a card shows that others follow; None for a card that stands alone."""
    tx = room.tx
    members = tx.requests.following(leader, MEMBERS_MOST + 1)
    if not members:
        return None
    requests = [own, *members]
    ended = []
    for one in group_card.lately_ended(requests, tx.now):
        history = tx.requests.events(one.id)
        names = {str(id): plain.visible(person.label) for id, person in room.named(one, history).items()}
        ended.append(Telling(request=one, needs=room.needs(one), names=names, history=tuple(history), now=room.tx.now))
    fold = next((fold for one in requests if (fold := likeness(one))), "")
    return group_card.make_group(
        requests, ended=ended, url=folding.page(fold), history=folding.history, now=tx.now, stops=stopped.everything(tx)
    )


def _gather(tx: Tx, rows: list[Placed], start: int) -> None:
    alone = [row for row in rows if row.follows is None and not row.is_dead]
    leaders = dict.fromkeys(row.follows for row in rows if row.follows is not None)
    leader = next((id for id in leaders if 0 < tx.card_groups.size(id) < MEMBERS_MOST), None)
    if leader is None and len(alone) >= start:
        leader = alone[0].id
    if leader is None:
        return
    tx.card_groups.follow([row.id for row in alone if row.id not in leaders and row.id != leader], leader)
    tx.card_groups.nudge(leader, SETTLE)


def _count(tx: Tx, request: ApprovalRequest, row: MessageRow, fold: str, folding: Linked) -> None:
    count, start = tx.requests.count_alike(fold), folding.start or 0
    if not folding.folds(count):
        return
    # It follows itself: nothing else shows it there.
    tx.card_groups.follow([row.id], row.id)
    doubled = start
    while doubled < count:
        doubled *= 2
    if count == doubled:
        call = request.call
        what = f"{plain.visible(call.tool)} on {plain.visible(call.server)}"
        text = (
            f"{count} calls of {what} that are alike wait for you.\n"
            f"Further ones are not told one by one. All of them as one table: {folding.page(fold)}"
        )
        tx.alerts.owe([(row.channel, row.target)], text, request=request.id)
