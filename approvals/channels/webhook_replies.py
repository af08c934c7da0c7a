"""A signed reply may decide: `POST /hooks/NAME/decision`, for a hook that says `may_decide: true`.

The signature over the raw bytes comes before everything, then that it has not come before (on whatever replica). What
is signed names the request, the binding that the event carried, the answer and the person; the desk judges that
person as it does on any surface. A hook can answer only what it was told of, and approve only what it was shown whole.
There is no GET here: it never decides.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from approvals.access import Access, Handler, access
from approvals.channels import First
from approvals.channels import standard_webhooks as standard
from approvals.channels.webhook import ARGUMENTS_SHOWN, Hook, is_whole
from approvals.desk import Desk
from approvals.domain.card import arguments_shown
from approvals.domain.model import Answer, ApprovalRequest, Decision, PersonId, State
from approvals.errors import NotAllowed, NotFound, Refusal

log = logging.getLogger(__name__)

PATH = "/hooks/{name}/decision"
BODY_MAX = 16 * 1024
BODY_SECONDS = 10.0
MOST_BYTES_OF_ONE = 4
"""A character of a text has no more bytes than these in UTF-8."""
REMEMBERED = timedelta(seconds=3 * standard.TOLERANCE_SECONDS)
"""Longer than a signature is good for, whatever the clocks say."""


class Unsigned(Refusal):
    """No hook that may decide, a signature that does not hold, or a reply that came before: all alike."""

    code, http_status = "unauthenticated", 401
    for_people = "This is not signed by a hook that may decide, or was sent before."


class BadReply(Refusal):
    """Signed, and not a reply. Field: why."""

    code, http_status = "bad_request", 400
    for_people = "This is not a reply that can be taken: {why}."


class TooLarge(Refusal):
    """The body is over the cap, or late."""

    code, http_status = "too_large", 413
    for_people = f"A reply has at most {BODY_MAX:,} bytes, and comes within {BODY_SECONDS:.0f} seconds."


class Replied(BaseModel):
    """What came of a reply."""

    request: str
    state: str
    revision: int


class Reply(BaseModel):
    """What a hook answers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    request: str = Field(max_length=64)
    binding: str = Field(max_length=128)
    decision: Literal["approve", "deny"]
    person: str = Field(max_length=320)
    reason: str | None = None  # how long it may be is the desk's to say, which keeps what it refuses


class Replies:
    """Takes the replies of hooks."""

    def __init__(
        self,
        hooks: Iterable[Hook],
        *,
        desk: Desk,
        first: First,
        page: Callable[[str], str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._hooks = {hook.name: hook for hook in hooks if hook.may_decide}
        self._desk, self._first, self._page, self._now = desk, first, page, now

    def handler(self) -> Handler | None:
        """What answers at `PATH`; None when no hook may decide."""
        access(Access.SIGNED)(self.decide_by_hook)
        return self.decide_by_hook if self._hooks else None

    async def decide_by_hook(self, request: web.Request) -> web.StreamResponse:
        """Approve or deny by a hook's signed reply (Standard Webhooks), where it may decide.

        Raises:
            Refusal: with its own status; the guard answers.
        """
        body = await _read(request)
        hook = await self._signer(request, body)
        reply = _reply(body)
        await self._check_told(hook, reply.request)
        decision = Decision(
            reviewer=PersonId(reply.person.lower()),
            answer=Answer(reply.decision),
            binding=reply.binding,
            via=hook.channel,
            reason=reply.reason,
        )
        await self._check_read(reply.request, decision)
        decided = await self._desk.decide(reply.request, decision)
        return web.json_response({"request": decided.id, "state": decided.state.value, "revision": decided.revision})

    async def _signer(self, request: web.Request, body: bytes) -> Hook:
        hook = self._hooks.get(request.match_info["name"])
        if hook is None:
            raise Unsigned
        headers = {name: request.headers.getall(name, []) for name in standard.HEADERS}
        signed = standard.verify(hook.key, headers, body, now=self._now())
        if signed is None:
            log.warning("reply of a hook is not signed", extra={"hook": hook.name})
            raise Unsigned
        used = hashlib.sha256(f"{hook.name} {signed.at} {signed.id}".encode()).hexdigest()
        until = datetime.fromtimestamp(self._now(), UTC) + REMEMBERED
        if not await self._first(f"hook:{used}", until):
            log.warning("reply of a hook came before", extra={"hook": hook.name})
            raise Unsigned
        return hook

    async def _check_told(self, hook: Hook, request_id: str) -> None:
        rows = await self._desk.db.read(lambda tx: tx.messages.for_request(request_id))
        if all(row.channel != hook.channel for row in rows):
            raise NotFound(what="request")

    async def _check_read(self, request_id: str, decision: Decision) -> None:
        """What its event did not show whole is approved only where it can be read whole."""
        request = await self._desk.get(request_id)
        if decision.answer is not Answer.APPROVE or request is None or request.state is not State.PENDING:
            return
        if decision.binding != request.binding or _was_told_whole(request):
            return
        refused = NotAllowed(
            what="approve this by a reply",
            why="its event did not show all of the arguments: they were cut, or values in them are hidden. A reply may "
            f"deny it; it is approved on the page: {self._page(request_id)}",
        )
        await self._desk.turn_away(request_id, decision, refused)
        raise refused


def _was_told_whole(request: ApprovalRequest) -> bool:
    # What is so long was cut, however it was written: it is not redacted only to be measured.
    if len(request.call.arguments) > MOST_BYTES_OF_ONE * ARGUMENTS_SHOWN:
        return False
    return is_whole(*arguments_shown(request, json.loads(request.call.arguments)))


def _reply(body: bytes) -> Reply:
    try:
        return Reply.model_validate(json.loads(body, object_pairs_hook=_object))
    except ValidationError as err:
        first = err.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise BadReply(why=f"{where}: {first['msg']}") from None
    except (ValueError, RecursionError):
        raise BadReply(why="the body is not JSON in UTF-8 in which every name stands once") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


async def _read(request: web.Request) -> bytes:
    """The raw body, within its cap and in time."""
    if (request.content_length or 0) > BODY_MAX:
        raise TooLarge
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.content.iter_any():
                body += piece
                if len(body) > BODY_MAX:
                    raise TooLarge
    except TimeoutError:
        raise TooLarge from None
    return bytes(body)
