"""Outbox and message store in one table: every card is brought to the newest revision of its request.

`announce` queues a card for a target, `want` asks every card of a request to show a newer revision, `take_due`
leases what is due to one process. A card that was revised while it was being sent stays queued: `done` compares
what was shown with what is wanted. Delivery is at least once; a crash between send and `done` may repeat a post.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Text, case, cast, exists, func, or_, select, update

from approvals.storage.frame import Group
from approvals.storage.tables import IS_PENDING, requests
from approvals.storage.tables_messages import IS_DEAD, IS_QUEUED, messages

DIGEST: Mapping[str, Any] = {"digest": True}
"""The address of a card that was told of in a digest: there is nothing to revise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """One card at one target. `ref` is the channel's own address of it, once it was posted.

    `follows`: the card that shows it, with others (`card_groups`); `round` counts what changed on such a card.
    """

    id: str
    request_id: str
    channel: str
    target: str
    ref: Mapping[str, Any] | None
    wanted_revision: int
    shown_revision: int | None
    attempts: int
    next_at: datetime
    leased_until: datetime | None
    held_at: datetime | None
    state: str
    error: str | None
    follows: str | None = None
    round: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How far the outbox is behind: cards queued and given up, and when the oldest queued one was due."""

    queued: int
    dead: int
    oldest: datetime | None


class Messages(Group):
    """Statements about cards."""

    def announce(self, request_id: str, routes: Iterable[tuple[str, str]], revision: int, now: datetime) -> None:
        """Queue a card for every (channel, target); one that is there already is asked for the revision."""
        for channel, target in dict.fromkeys(routes):
            fresh = self._tx.insert(messages).values(
                id=new_message_id(),
                request_id=request_id,
                channel=channel,
                target=target,
                wanted_revision=revision,
                attempts=0,
                next_at=now,
                state="queued",
            )
            again = {"wanted_revision": revision, "state": "queued", "next_at": now, "attempts": 0, "error": None}
            self._run(fresh.on_conflict_do_update(index_elements=["request_id", "channel", "target"], set_=again))
        self._tx.touch(request_id)

    def want(self, request_id: str, revision: int, now: datetime) -> None:
        """Ask every card of a request that can still be reached to show this revision."""
        behind = update(messages).where(
            messages.c.request_id == request_id,
            messages.c.state != "dead",
            messages.c.wanted_revision < revision,
        )
        self._run(behind.values(wanted_revision=revision, state="queued", next_at=now, attempts=0))

    def again(self, request_id: str, channel: str) -> None:
        """Ask for the cards of a request in one channel to be drawn anew, though its revision is the same."""
        shown = (messages.c.request_id == request_id, messages.c.channel == channel, messages.c.state == "delivered")
        self._run(update(messages).where(*shown).values(state="queued", next_at=self._tx.now, attempts=0))

    def take_due(
        self, holder: str, now: datetime, lease: timedelta, limit: int, *, but_not: Collection[str] = ()
    ) -> list[MessageRow]:
        """Lease up to `limit` cards that are due, so that nobody else sends them meanwhile.

        `but_not` are channels that are busy: what waits for them must not keep the others from theirs.
        """
        free = or_(messages.c.leased_until.is_(None), messages.c.leased_until <= now)
        due = (
            select(messages.c.id)
            .where(IS_QUEUED, messages.c.next_at <= now, free, messages.c.channel.not_in(sorted(but_not)))
            .order_by(messages.c.next_at, messages.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        ids = self._run(due).scalars().all()
        if not ids:
            return []
        lease_them = update(messages).where(messages.c.id.in_(ids)).values(holder=holder, leased_until=now + lease)
        rows = self._run(lease_them.returning(messages)).all()
        return sorted((_message(row) for row in rows), key=lambda row: (row.next_at, row.id))

    def end_leases(self) -> None:
        """Let every card be taken anew: whoever was sending them is known to be gone."""
        leased = update(messages).where(IS_QUEUED, messages.c.leased_until.is_not(None))
        self._run(leased.values(holder=None, leased_until=None))

    def done(self, id: str, ref: Mapping[str, Any] | None, shown_revision: int, *, round: int = 0) -> None:
        """Note what a card shows now; it stays queued if a newer revision, or round, is wanted by now."""
        behind = or_(messages.c.wanted_revision > shown_revision, func.coalesce(messages.c.round, 0) > round)
        shown = func.coalesce(messages.c.shown_revision, 0)
        values = {
            "ref": dict(ref) if ref is not None else messages.c.ref,
            "shown_revision": case((shown > shown_revision, shown), else_=shown_revision),
            "shown_at": func.coalesce(messages.c.shown_at, self._tx.now_sql()),
            "state": case((behind, "queued"), else_="delivered"),
            "attempts": 0,
            "error": None,
            "holder": None,
            "leased_until": None,
        }
        self._run(update(messages).where(messages.c.id == id).values(values))

    def retry(self, id: str, next_at: datetime, error: str) -> None:
        """Give the lease back and try again at `next_at`."""
        values = {
            "next_at": next_at,
            "error": error,
            "attempts": messages.c.attempts + 1,
            "holder": None,
            "leased_until": None,
        }
        self._run(update(messages).where(messages.c.id == id).values(values))

    def hold(self, id: str, until: datetime) -> None:
        """Give the lease back: whoever it is for is not to be disturbed until then."""
        values = {"next_at": until, "held_at": self._tx.now, "holder": None, "leased_until": None}
        self._run(update(messages).where(messages.c.id == id, IS_QUEUED).values(values))

    def held_with(self, row: MessageRow) -> list[MessageRow]:
        """The cards that were held for the same place, are due and were never shown, with this one, locked."""
        same = (messages.c.channel == row.channel, messages.c.target == row.target)
        never = (messages.c.held_at.is_not(None), messages.c.ref.is_(None), messages.c.next_at <= self._tx.now)
        found = select(messages).where(IS_QUEUED, *same, *never).order_by(messages.c.id)
        return [_message(one) for one in self._run(found.with_for_update())]

    def digested(self, ids: Iterable[str]) -> None:
        """One message told of all these cards: none of them is shown by itself."""
        told = {"state": "delivered", "ref": dict(DIGEST), "holder": None, "leased_until": None, "error": None}
        self._run(
            update(messages)
            .where(messages.c.id.in_(list(ids)))
            .values(shown_revision=messages.c.wanted_revision, **told)
        )

    def dead(self, id: str, error: str) -> None:
        """Give a card up for good."""
        values = {"state": "dead", "error": error, "holder": None, "leased_until": None}
        self._run(update(messages).where(messages.c.id == id).values(values))

    def get(self, id: str) -> MessageRow | None:
        """One card."""
        row = self._run(select(messages).where(messages.c.id == id)).first()
        return None if row is None else _message(row)

    def at(self, channel: str, ref: Mapping[str, Any]) -> MessageRow | None:
        """The card at a channel's own address."""
        found = select(messages).where(messages.c.ref == dict(ref), messages.c.channel == channel).limit(1)
        row = self._run(found).first()
        return None if row is None else _message(row)

    def for_request(self, request_id: str) -> list[MessageRow]:
        """Every card of a request."""
        rows = self._run(
            select(messages).where(messages.c.request_id == request_id).order_by(messages.c.channel, messages.c.target)
        )
        return [_message(row) for row in rows]

    def untold(self, limit: int) -> list[str]:
        """Waiting requests with a card that was never shown, and a step for that in their terms: the oldest first."""
        never = (IS_QUEUED, messages.c.shown_revision.is_(None), messages.c.held_at.is_(None))
        terms = cast(requests.c.terms, Text)
        step = or_(terms.contains('"undelivered":true'), terms.contains('"undelivered": true'))
        found = select(requests.c.id).where(
            IS_PENDING, step, exists().where(messages.c.request_id == requests.c.id, *never)
        )
        return list(self._run(found.order_by(requests.c.created_at).limit(limit)).scalars())

    def dead_ones(self, *, after: str = "", limit: int = 100) -> list[MessageRow]:
        """A page of the cards that were given up, by id."""
        found = select(messages).where(IS_DEAD, messages.c.id > after).order_by(messages.c.id).limit(limit)
        return [_message(row) for row in self._run(found)]

    def revive(self, id: str, by: str, *, via: str) -> bool:
        """Try a card that was given up again, with the request as it is by then. False: there is no such card."""
        again = {"state": "queued", "next_at": self._tx.now, "attempts": 0, "error": None}
        found = update(messages).where(messages.c.id == id, IS_DEAD).values(again)
        row = self._run(found.returning(messages.c.request_id)).first()
        if row is None:
            return False
        self._tx.did("message.retried", by, subject=f"message:{id}", via=via, request=row.request_id)
        self._tx.touch(row.request_id)
        return True

    def next_due_at(self) -> datetime | None:
        """When the next queued card is due."""
        due: datetime | None = self._run(select(func.min(messages.c.next_at)).where(IS_QUEUED)).scalar_one()
        return due

    def backlog(self) -> Backlog:
        """How far the outbox is behind."""
        counted = select(func.count()).select_from(messages)
        return Backlog(
            queued=self._run(counted.where(IS_QUEUED)).scalar_one(),
            dead=self._run(counted.where(IS_DEAD)).scalar_one(),
            oldest=self.next_due_at(),
        )


def new_message_id() -> str:
    """`msg_` and 26 base32 characters (128 random bits)."""
    return "msg_" + base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def _message(row: Row[Any]) -> MessageRow:
    return MessageRow(
        id=row.id,
        request_id=row.request_id,
        channel=row.channel,
        target=row.target,
        ref=row.ref,
        wanted_revision=row.wanted_revision,
        shown_revision=row.shown_revision,
        attempts=row.attempts,
        next_at=row.next_at,
        leased_until=row.leased_until,
        held_at=row.held_at,
        state=row.state,
        error=row.error,
        follows=row.follows,
        round=row.round or 0,
    )
