"""Signed webhooks: every change of a request as one CloudEvents 1.0 event, posted to an address of the operator's.

Signed as Standard Webhooks has it, with the same id however often it is tried: the request and its revision. What
an event shows is the card, so it is redacted, and long arguments are cut and said to be. Nothing of the answer is
read but its status; redirects are not followed; the proxy variables of the process are not looked at.
The outbox tries again, and tells by one event what changed while the receiver was away.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

from approvals.channels import Alert, MessageRef, RetryLater, Undeliverable
from approvals.channels import standard_webhooks as standard
from approvals.domain.card import Card
from approvals.domain.model import Answer, State

NAME = "webhook"
POST_SECONDS = 15.0
ARGUMENTS_SHOWN = 4_000
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"

CREATED = "placet.request.created"
UPDATED = "placet.request.updated"
ALERT = "placet.alert"
TYPES = {
    State.PENDING: UPDATED,
    State.APPROVED: "placet.request.decided",
    State.DENIED: "placet.request.decided",
    State.EXPIRED: "placet.request.expired",
    State.CANCELLED: "placet.request.cancelled",
    State.EXECUTING: "placet.request.running",
    State.SUCCEEDED: "placet.request.outcome",
    State.FAILED: "placet.request.outcome",
    State.UNKNOWN: "placet.request.outcome",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One receiver. `may_decide` tells it what a signed reply must name; `key` signs both ways."""

    name: str
    url: str = field(repr=False)
    key: bytes = field(repr=False)
    may_decide: bool = False

    @property
    def channel(self) -> str:
        """The channel of this receiver: each has deliveries and pauses of its own."""
        return f"{NAME}:{self.name}"


class WebhookChannel:
    """Posts events to one receiver. `source` says which Placet they are of (its public URL)."""

    def __init__(self, hook: Hook, *, source: str, now: Callable[[], float] = time.time) -> None:
        self._hook, self._source, self._now = hook, source, now

    async def post(self, card: Card, to: str) -> MessageRef:  # noqa: ARG002 (a receiver is one place)
        """Tell of a request for the first time."""
        await self._send(card, CREATED if card.state is State.PENDING else TYPES[card.state])
        return MessageRef(channel=self._hook.channel, data={"subject": card.request_id})

    async def revise(self, ref: MessageRef, card: Card) -> None:  # noqa: ARG002 (the subject is the card's)
        """Tell what has become of it."""
        await self._send(card, TYPES[card.state])

    async def say(self, alert: Alert, to: str) -> None:  # noqa: ARG002 (a receiver is one place)
        """Tell of something that is no request."""
        now = datetime.fromtimestamp(self._now(), UTC)
        data = {"text": alert.text, "at": _stamp(alert.at)}
        await self._post(_envelope(alert.id, type=ALERT, subject=alert.id, source=self._source, now=now, data=data))

    async def _send(self, card: Card, type: str) -> None:
        told = event(card, type=type, source=self._source, now=datetime.fromtimestamp(self._now(), UTC))
        if self._hook.may_decide:
            # A reply names it; one that approves is taken only where the event showed the whole call.
            told["data"]["binding"] = card.binding
            if not is_whole(card.arguments, card.hidden):
                told["data"]["answers"] = [Answer.DENY.value] if Answer.DENY in card.answers else []
        await self._post(told)

    async def _post(self, told: dict[str, Any]) -> None:
        now = self._now()
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        signed = standard.sign(self._hook.key, id=told["id"], at=int(now), body=body)
        headers = {"Content-Type": CONTENT_TYPE, "User-Agent": "Placet", **signed}
        timeout = aiohttp.ClientTimeout(total=POST_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.post(self._hook.url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            _judge(answer.status, answer.headers.get("Retry-After", ""))
            answer.close()


class WebhookRefused(Exception):
    """The receiver did not take the event; it is tried again."""


def is_whole(arguments: str, hidden: int) -> bool:
    """Does an event show these (redacted) arguments as they are, uncut and with no value hidden?"""
    return len(arguments) <= ARGUMENTS_SHOWN and hidden == 0


def event(card: Card, *, type: str, source: str, now: datetime) -> dict[str, Any]:
    """One event in the structured JSON format of CloudEvents 1.0. The id is the same for every try."""
    id = f"{card.request_id}-{card.revision}"
    return _envelope(id, type=type, subject=card.request_id, source=source, now=now, data=_data(card))


def _envelope(id: str, *, type: str, subject: str, source: str, now: datetime, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": type,
        "subject": subject,
        "time": _stamp(now),
        "datacontenttype": "application/json",
        "data": data,
    }


def _data(card: Card) -> dict[str, Any]:
    cut = len(card.arguments) > ARGUMENTS_SHOWN
    return {
        "request": card.request_id,
        "revision": card.revision,
        "state": card.state.value,
        "cause": card.cause.value if card.cause is not None else None,
        "headline": card.headline,
        "tool": card.tool,
        "server": card.server,
        "agent": card.agent,
        "owner": card.owner,
        "client": card.client,
        "risk": card.risk,
        "severity": card.severity,
        "rule": card.rule,
        "rule_reason": card.rule_reason,
        "justification": card.justification,
        "arguments": card.arguments[:ARGUMENTS_SHOWN],
        "arguments_cut": cut,
        "hidden_values": card.hidden,
        "warnings": list(card.warnings),
        "edits": list(card.edits),
        "created_at": _stamp(card.created_at),
        "expires_at": _stamp(card.expires_at),
        "needs": card.needs_line,
        "status": card.status_line,
        "result_excerpt": card.result_excerpt,
        "votes": [
            {
                "person": vote.reviewer,
                "name": vote.name,
                "answer": vote.answer.value,
                "reason": vote.reason,
                "via": vote.via,
                "at": _stamp(vote.at),
            }
            for vote in card.votes
        ],
        "answers": [answer.value for answer in card.answers],
        "stopped": card.stopped,
        "url": card.url,
    }


def _judge(status: int, retry_after: str) -> None:
    """Raise for whatever is not 2xx.

    Raises:
        Undeliverable: 410, with which a receiver says that it wants no more.
        RetryLater: it asks for a pause.
        WebhookRefused: it is tried again.
    """
    if 200 <= status < 300:
        return
    if status == 410:
        raise Undeliverable("the receiver answered 410 Gone: it wants no more events")
    if status in {429, 502, 503, 504} and retry_after.isascii() and retry_after.isdigit() and len(retry_after) <= 6:
        raise RetryLater(float(retry_after), f"the receiver answered {status} and asks for a pause")
    if 300 <= status < 400:
        raise WebhookRefused(f"the receiver answered {status}: redirects are not followed, configure where it leads")
    raise WebhookRefused(f"the receiver answered {status}")


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
