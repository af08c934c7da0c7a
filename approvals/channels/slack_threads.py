"""What people write in the thread under a card comes back as a comment of its request, with their name.

Slack tells of messages only where the app is subscribed to them, which its manifest asks for with `--threads`. Taken is
what a person known to us writes under a card of ours whose request they may read. Bots (we are one), edits, deletions
and accounts of nobody are passed over. Slack tells at least once, so a message counts by its own place, once.
"""

from __future__ import annotations

import html
import logging
import re
from dataclasses import dataclass
from functools import partial
from typing import Any

from approvals.channels import slack_payloads as payloads
from approvals.channels.slack_door import VIA
from approvals.channels.slack_payloads import Who
from approvals.channels.slack_people import SlackPeople
from approvals.channels.slack_submissions import Ack
from approvals.channels.slack_telling import Telling
from approvals.desk import Desk
from approvals.domain.model import Person
from approvals.errors import NotFound, Refusal
from approvals.storage.messages import MessageRow
from approvals.storage.tx import Tx
from approvals.talking import Written

log = logging.getLogger(__name__)

SPOKEN = frozenset({None, "thread_broadcast", "file_share"})
"""The subtypes of messages that a person has just written; an edit or a deletion is another."""
MANY = (
    "This card stands for several calls, so your words were not kept as a comment. "
    "Write on the page of the one you mean."
)
_REFERENCE = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A message in a thread: `thread` and `ts` are the times by which Slack knows the two messages."""

    who: Who
    channel: str
    thread: str
    ts: str
    text: str


def reply_in(payload: Any) -> Reply | None:
    """What a person wrote in a thread; None for every other event.

    Raises:
        Malformed: it is not what Slack sends.
    """
    event = payload.get("event") if isinstance(payload, dict) else None
    if not isinstance(event, dict) or event.get("type") != "message" or event.get("subtype") not in SPOKEN:
        return None
    if event.get("bot_id") or event.get("thread_ts") in {None, event.get("ts")}:
        return None
    workspace = payloads.string(payload, "team_id")
    team = event.get("user_team") or event.get("team") or workspace
    said = event.get("text")
    files = "\n(with a file, in Slack)" if event.get("files") else ""
    return Reply(
        who=Who(user=payloads.user_id(payloads.string(event, "user")), team=str(team), workspace=workspace),
        channel=payloads.string(event, "channel"),
        thread=payloads.string(event, "thread_ts"),
        ts=payloads.string(event, "ts"),
        text=as_written(said if isinstance(said, str) else "") + files,
    )


def as_written(text: str) -> str:
    """A message without Slack's markup: references as people read them, its three characters as they were typed."""
    return html.unescape(_REFERENCE.sub(_spelled, text)).strip()


def _spelled(found: re.Match[str]) -> str:
    target, label = found[1], found[2]
    if target[:1] in {"@", "#", "!"}:
        sign = "@" if target[:1] == "!" else target[:1]
        return f"{sign}{(label or target[1:]).removeprefix(sign)}"
    return target if label in {None, "", target} else f"{label} ({target})"


class Threads:
    """Takes replies."""

    def __init__(self, desk: Desk, *, people: SlackPeople, telling: Telling, channel: str) -> None:
        self._desk, self._people, self._telling, self._channel = desk, people, telling, channel

    async def take(self, reply: Reply) -> Ack:
        """Keep one as a comment. Whoever we know and cannot take it from is told so alone; it is never lost unseen."""
        card, alone, person = await self._desk.db.read(lambda tx: self._look(tx, reply))
        if card is None or person is None:
            log.debug("reply passed over", extra={"user": reply.who.user, "known": person is not None})
            return Ack()
        if not alone:
            return self._not_kept(reply, MANY)
        written = Written(thread=(self._channel, f"{reply.channel}/{reply.thread}"), id=f"{reply.channel}/{reply.ts}")
        try:
            await self._people.admit(reply.who)
            await self._desk.comment(card.request_id, by=person.id, via=VIA, text=reply.text, written=written)
        except NotFound:
            log.debug("reply of somebody who may not read the request", extra={"request": card.request_id})
        except Refusal as refused:
            return self._not_kept(reply, f"This was not kept as a comment. {refused}")
        return Ack()

    def _look(self, tx: Tx, reply: Reply) -> tuple[MessageRow | None, bool, Person | None]:
        card = tx.messages.at(self._channel, {"channel": reply.channel, "ts": reply.thread})
        alone = card is not None and tx.card_groups.size(card.id) == 0
        return card, alone, self._desk.directory.by_slack(tx, reply.who.user)

    def _not_kept(self, reply: Reply, why: str) -> Ack:
        place = {"channel": reply.channel, "user": reply.who.user, "thread_ts": reply.thread}
        return Ack(then=partial(self._telling.beside, place, why))
