"""The signed way in: the three Request URLs of the app. The signature over the raw bytes comes before everything.

Whatever is wrong with a post gets a plain refusal: 401 where the signature does not hold (missing, old, repeated,
malformed: all alike), 413 over the cap, 400 for a signed body that is not what Slack sends. Never more, never a trace.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from approvals.access import Access, access
from approvals.channels import slack_payloads as payloads
from approvals.channels.slack_payloads import Malformed, NotHandled
from approvals.channels.slack_signing import SIGNATURE, TIMESTAMP, Signatures
from approvals.errors import Unavailable

log = logging.getLogger(__name__)

BODY_MAX = 1024 * 1024
BODY_SECONDS = 10.0

Take = Callable[[str, Any], Awaitable[dict[str, Any] | None]]


class Refused(Exception):
    """A post is refused; the same shape of answer as everywhere else (RFC 9457)."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        self.status, self.code, self.detail = status, code, detail
        super().__init__(detail)

    def response(self) -> web.Response:
        """The answer. A connection whose body was refused unread is closed."""
        fields = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        answer = web.Response(status=self.status, text=json.dumps(fields), content_type="application/problem+json")
        if self.status in (408, 413):
            answer.force_close()
        return answer


class SignedPosts:
    """Takes what Slack posts."""

    def __init__(self, signatures: Signatures, take: Take) -> None:
        self._signatures, self._take = signatures, take

    def routes(self) -> list[web.RouteDef]:
        """The routes to mount; each judges the signature by itself."""
        found = {
            "/slack/interactions": self.interactions,
            "/slack/events": self.events,
            "/slack/commands": self.commands,
        }
        for handler in found.values():
            access(Access.SIGNED)(handler)
        return [web.post(path, handler) for path, handler in found.items()]

    async def interactions(self, request: web.Request) -> web.Response:
        """A button or a submitted modal."""
        return await self._answer(request, self._interaction)

    async def events(self, request: web.Request) -> web.Response:
        """An event, or the challenge with which Slack tries a new Request URL."""
        return await self._answer(request, self._event)

    async def commands(self, request: web.Request) -> web.Response:
        """A slash command."""
        return await self._answer(request, lambda body: self._take("slash_commands", payloads.form(body)))

    async def _interaction(self, body: bytes) -> dict[str, Any] | None:
        fields = payloads.form(body)
        if set(fields) != {"payload"}:
            raise Malformed("an interaction is one field, payload")
        return await self._take("interactive", payloads.json_object(fields["payload"]))

    async def _event(self, body: bytes) -> dict[str, Any] | None:
        payload = payloads.json_object(body)
        if payload.get("type") == "url_verification":
            return {"challenge": str(payload.get("challenge", ""))[:500]}
        return await self._take("events_api", payload)

    async def _answer(
        self, request: web.Request, act: Callable[[bytes], Awaitable[dict[str, Any] | None]]
    ) -> web.Response:
        try:
            body = await _read(request)
            headers = {name: request.headers.getall(name, []) for name in (SIGNATURE, TIMESTAMP)}
            if not await self._signatures.accept(body, headers):
                log.warning("unsigned post to a Slack address", extra={"path": request.path})
                raise Refused(401, "unauthenticated", "This is not signed by Slack, or was sent before.")
            said = await act(body)
        except Malformed as err:
            log.warning("signed post that is not Slack's", extra={"path": request.path, "error": str(err)})
            return Refused(400, "bad_request", f"This is not what Slack sends here: {err}.").response()
        except NotHandled:
            return Refused(500, "internal", "Something broke on our side. It was refused and logged.").response()
        except Refused as refused:
            return refused.response()
        except Unavailable:
            return Refused(503, "unavailable", "The store cannot take it now. Nothing was done.").response()
        if said is None:
            return web.Response()
        return web.Response(text=json.dumps(said), content_type="application/json")


async def _read(request: web.Request) -> bytes:
    """The raw body, within its cap and in time."""
    if (request.content_length or 0) > BODY_MAX:
        raise Refused(413, "too_large", f"At most {BODY_MAX:,} bytes.")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.content.iter_any():
                body += piece
                if len(body) > BODY_MAX:
                    raise Refused(413, "too_large", f"At most {BODY_MAX:,} bytes.")
    except TimeoutError:
        raise Refused(408, "timed_out", f"The body did not come within {BODY_SECONDS:.0f} seconds.") from None
    return bytes(body)
