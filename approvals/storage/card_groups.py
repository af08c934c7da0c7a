"""Cards of requests that are alike, in one place of a channel: one leads and shows them all, the others follow it.

A card that follows is never shown by itself: the outbox passes its changes on to the leader, whose `round` counts
them, so that one that comes while the leader is being sent is not lost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select, text, update

from approvals.storage.frame import Group
from approvals.storage.messages import DIGEST
from approvals.storage.tables import requests
from approvals.storage.tables_messages import IS_QUEUED, messages

READ_MOST = 200
_PENDING = text("requests.state = 'pending'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A card of one of the requests that are alike and wait."""

    id: str
    follows: str | None
    is_dead: bool


class CardGroups(Group):
    """Statements about cards that follow others."""

    def alike(self, fold: str, channel: str, target: str) -> list[Placed]:
        """The cards at one place of requests that are alike and wait, the oldest first; not those told by a digest."""
        found = (
            select(messages)
            .join(requests, requests.c.id == messages.c.request_id)
            .where(_PENDING, requests.c.fold == fold, messages.c.channel == channel, messages.c.target == target)
            .order_by(requests.c.created_at, requests.c.id)
            .limit(READ_MOST)
        )
        return [
            Placed(
                id=row.id,
                follows=row.follows,
                is_dead=row.state == "dead",
            )
            for row in self._run(found)
            if row.ref != DIGEST
        ]

    def size(self, leader: str) -> int:
        """How many cards follow this one; 0 for one that is given up."""
        led = select(func.count()).select_from(messages).where(messages.c.follows == leader)
        alive = select(messages.c.id).where(messages.c.id == leader, messages.c.state != "dead")
        if self._run(alive).first() is None:
            return 0
        return int(self._run(led).scalar_one())

    def follow(self, ids: Sequence[str], leader: str) -> None:
        """Let these cards follow that one; what of them is out is taken back."""
        now = self._tx.now
        again = {"follows": leader, "state": "queued", "next_at": now, "attempts": 0}
        self._run(update(messages).where(messages.c.id.in_(ids), messages.c.state != "dead").values(again))

    def nudge(self, leader: str, after: timedelta) -> None:
        """Ask a leader to be drawn anew, after a while, so that many changes are one repaint."""
        soon: datetime = self._tx.now + after
        values = {
            "round": func.coalesce(messages.c.round, 0) + 1,
            "next_at": case((IS_QUEUED, messages.c.next_at), else_=soon),
            "state": "queued",
        }
        self._run(update(messages).where(messages.c.id == leader, messages.c.state != "dead").values(values))

    def redraw(self, channels: Collection[str], *, agent: str | None, server: str | None) -> None:
        """Ask for the cards anew that show what waits of an agent or to a server (None: of any)"""
        of = [] if agent is None else [requests.c.agent == agent]
        of += [] if server is None else [requests.c.server == server]
        shown = func.coalesce(messages.c.follows, messages.c.id)
        waiting = select(shown).join(requests, requests.c.id == messages.c.request_id).where(_PENDING, *of)
        anew = {
            "round": func.coalesce(messages.c.round, 0) + 1,
            "next_at": case((IS_QUEUED, messages.c.next_at), else_=self._tx.now),
            "state": "queued",
        }
        theirs = (messages.c.channel.in_(sorted(channels)), messages.c.state != "dead")
        self._run(update(messages).where(messages.c.id.in_(waiting), *theirs).values(anew))

    def taken_back(self, id: str) -> None:
        """A card that follows is no longer shown by itself."""
        self._run(update(messages).where(messages.c.id == id).values(ref=None))

    def stand_alone(self, id: str) -> None:
        """A card follows nothing any more, and is shown by itself."""
        values = {"follows": None, "ref": None, "state": "queued", "next_at": self._tx.now}
        self._run(update(messages).where(messages.c.id == id).values(holder=None, leased_until=None, **values))
