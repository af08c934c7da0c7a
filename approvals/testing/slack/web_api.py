"""`/api/<method>` over HTTP: bodies, tokens, scopes, rates, faults, and the record of every call.

Refusals are `ok: false` with HTTP 200, as Slack does it; only a rate limit (429) and an injected
outage have another status. What a method does is in the `methods_*` modules.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from dataclasses import dataclass, field

from aiohttp import web

from approvals.testing.slack.context import Context
from approvals.testing.slack.faults import Call, Cut, Fault, Faults, Limiter, ratelimited, refused
from approvals.testing.slack.methods import METHODS, Method, TokenKind
from approvals.testing.slack.state import ApiError, Json

JSON_TYPE = "application/json"
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(slots=True)
class WebApi:
    """Answers the app's calls."""

    context: Context
    limiter: Limiter
    tokens: dict[str, TokenKind]
    faults: Faults = field(default_factory=Faults)
    calls: list[Call] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One call."""
        name = request.match_info["method"]
        try:
            args, token = await _read(request)
        except ApiError as refusal:
            return self._answered(name, {}, refused(refusal.error, refusal.extra))
        fault = self.faults.take(name, args)
        if fault is not None:
            spoiled = await self._spoil(request, fault, args)
            if spoiled is not None:
                return spoiled
        if (pause := self._pause(name, args)) > 0:
            return self._answered(name, args, ratelimited(), status=429, headers={"Retry-After": str(pause)})
        answer = self._run(name, args, token)
        if fault is not None and fault.cut is Cut.AFTER:
            return self._cut(request, name, args)
        return self._answered(name, args, answer)

    def _pause(self, name: str, args: Json) -> int:
        method = METHODS.get(name)
        return 0 if method is None else self.limiter.wait(name, args, method.per_minute)

    def _run(self, name: str, args: Json, token: str | None) -> Json:
        try:
            method = METHODS.get(name)
            if method is None:
                raise ApiError("unknown_method", req_method=name)
            self._admit(method, token)
            return {"ok": True, **method.handler(self.context, args)}
        except ApiError as refusal:
            return refused(refusal.error, refusal.extra)

    def _admit(self, method: Method, token: str | None) -> None:
        if not token:
            raise ApiError("not_authed")
        kind = next((k for known, k in self.tokens.items() if hmac.compare_digest(known, token)), None)
        if kind is None:
            raise ApiError("invalid_auth")
        if kind is not method.token:
            raise ApiError("not_allowed_token_type")
        if kind is TokenKind.BOT and method.scopes and self.context.scopes.isdisjoint(method.scopes):
            provided = ",".join(sorted(self.context.scopes))
            raise ApiError("missing_scope", needed=method.scopes[0], provided=provided)

    async def _spoil(self, request: web.Request, fault: Fault, args: Json) -> web.StreamResponse | None:
        name = request.match_info["method"]
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.gate is not None:
            await fault.gate.through()
        if fault.cut is Cut.BEFORE:
            return self._cut(request, name, args)
        if fault.retry_after is not None:
            headers = {"Retry-After": str(fault.retry_after)}
            return self._answered(name, args, ratelimited(), status=429, headers=headers)
        if fault.status is not None:
            body = refused(fault.error or "fatal_error", fault.extra)
            return self._answered(name, args, body, status=fault.status)
        if fault.error is not None:
            return self._answered(name, args, refused(fault.error, fault.extra))
        return None

    def _cut(self, request: web.Request, name: str, args: Json) -> web.StreamResponse:
        self._record(name, args, 0, None)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _answered(
        self, name: str, args: Json, answer: Json, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> web.Response:
        self._record(name, args, status, answer)
        method = METHODS.get(name)
        scopes = {"x-oauth-scopes": ",".join(sorted(self.context.scopes))}
        if method is not None and method.scopes:
            scopes["x-accepted-oauth-scopes"] = ",".join(method.scopes)
        return web.json_response(answer, status=status, headers={**scopes, **(headers or {})})

    def _record(self, name: str, args: Json, status: int, answer: Json | None) -> None:
        workspace = self.context.workspace
        self.calls.append(Call(method=name, args=args, at=workspace.clock(), status=status, answer=answer))
        workspace.changes.bump()


async def _read(request: web.Request) -> tuple[Json, str | None]:
    """The arguments and the token, wherever the client put them."""
    args: Json = dict(request.query)
    header = request.headers.get("Authorization", "")
    token = header.removeprefix("Bearer ").strip() if header.startswith("Bearer ") else None
    if request.method == "POST" and request.can_read_body:
        if request.content_type == JSON_TYPE:
            args |= _object(await request.text())
            args.pop("token", None)  # a token inside a JSON body is not looked at
            return args, token
        if request.content_type not in FORM_TYPES:
            raise ApiError("invalid_post_type")
        form = await request.post()
        args |= {name: value for name, value in form.items() if isinstance(value, str)}
    in_form = args.pop("token", None)
    return args, token or in_form


def _object(body: str) -> Json:
    try:
        value = json.loads(body)
    except ValueError:
        raise ApiError("invalid_json") from None
    if not isinstance(value, dict):
        raise ApiError("json_not_object")
    return value
