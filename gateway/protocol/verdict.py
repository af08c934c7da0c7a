"""The verdict an agent gets in place of a tool's result: its codes, and how it is written (contract.md 5).

One text block for the model and `_meta["placet/verdict"]` for programs, both made from one `Verdict`. Words of people
and upstreams go through `quoted`, as data. Which outcome says what is in `answers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from approvals.domain.plain import shorten, visible
from gateway.protocol.raw import dump, join_object, split_object, with_members

VERDICT = "placet/verdict"
QUOTE_LIMIT = 500
OWN_PREFIX = "placet/"
"""Members of `_meta` under this prefix are said by the gateway alone."""
WAITS_FOR = "placet/request"
"""In the gateway's own progress: the request a held call waits for."""


class Code(StrEnum):
    """The codes an agent may see (contract.md 5; `agent_paused` and `gateway_unavailable` are additions)."""

    APPROVED = "approved"
    POLICY_DENIED = "policy_denied"
    RATE_LIMITED = "rate_limited"
    PENDING = "approval_pending"
    DENIED = "approval_denied"
    EXPIRED = "approval_expired"
    CANCELLED = "approval_cancelled"
    UNDELIVERABLE = "approval_undeliverable"
    QUEUE_FULL = "queue_full"
    INVALID_ARGUMENTS = "invalid_arguments"
    TOOL_CHANGED = "tool_changed"
    FROZEN = "frozen"
    PAUSED = "agent_paused"
    OUTCOME_UNKNOWN = "outcome_unknown"
    UPSTREAM_UNAVAILABLE = "upstream_unavailable"
    GATEWAY_UNAVAILABLE = "gateway_unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is said: `text` to the model, the rest to programs. `retryable`: the same call may succeed later.

    `allows`: what the rule that refused would let through. `edited`: a reviewer has changed the arguments.
    `question`: what a reviewer asks the agent.
    """

    code: Code
    text: str
    retryable: bool
    request: str | None = None
    rule: str | None = None
    reason: str | None = None
    allows: str | None = None
    question: str | None = None
    retry_after: timedelta | None = None
    url: str | None = None
    expires_at: datetime | None = None
    edited: bool = False


def quoted(text: str, limit: int = QUOTE_LIMIT) -> str:
    """Somebody else's words as one quoted line: no line breaks, nothing invisible, at most `limit` characters."""
    return '"' + shorten(visible(text), limit).replace('"', "'") + '"'


def ended(text: str) -> str:
    """The same at the end of a sentence: with a full stop, where the words themselves do not end in one."""
    words = quoted(text)
    return words if words[-2:-1] in {".", "!", "?", "…"} else f"{words}."


def call_of(tool: str) -> str:
    """A call by its tool, at the beginning of a sentence."""
    return f"The call of {shorten(visible(tool), 128)}"


def seconds(wait: timedelta) -> str:
    """A wait in whole seconds, at least one."""
    count = max(1, -(-wait // timedelta(seconds=1)))
    return "1 second" if count == 1 else f"{count} seconds"


def render(verdict: Verdict) -> bytes:
    """The tool result that carries the verdict."""
    content = [{"type": "text", "text": verdict.text}]
    return dump({"content": content, "isError": True, "_meta": {VERDICT: meta_of(verdict)}})


def meta_of(verdict: Verdict) -> dict[str, Any]:
    """What programs are told: the member of `_meta`."""
    meta: dict[str, Any] = {"code": verdict.code}
    for name in ("request", "rule"):
        if (value := getattr(verdict, name)) is not None:
            meta[name] = value
    if verdict.reason is not None:
        meta["reason"] = shorten(visible(verdict.reason), QUOTE_LIMIT)
    if verdict.allows is not None:
        meta["would_allow"] = shorten(visible(verdict.allows), QUOTE_LIMIT)
    if verdict.question is not None:
        meta["question"] = shorten(visible(verdict.question), QUOTE_LIMIT)
    meta["retryable"] = verdict.retryable
    if verdict.retry_after is not None:
        meta["retry_after_ms"] = max(0, round(verdict.retry_after.total_seconds() * 1000))
    if verdict.url is not None:
        meta["url"] = verdict.url
    if verdict.expires_at is not None:
        meta["expires_at"] = timestamp(verdict.expires_at)
    if verdict.edited:
        meta["edited"] = True
    return meta


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unforged(raw: bytes) -> bytes:
    """An upstream's result without what only the gateway may say in its `_meta`; untouched where nothing is.

    Raises:
        ValueError: `raw` is not a JSON object.
    """
    if OWN_PREFIX.encode() not in raw and b"\\u" not in raw:
        return raw
    members = split_object(raw)
    meta = members.get("_meta", b"")
    if not meta.startswith(b"{"):
        return raw
    kept = {name: text for name, text in split_object(meta).items() if not name.startswith(OWN_PREFIX)}
    if len(kept) == len(split_object(meta)):
        return raw
    return with_members(raw, {"_meta": join_object(kept)})
