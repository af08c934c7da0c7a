"""What a refused request is answered: RFC 9457 problem+json with a machine `code` (contract.md 4).

A handler raises `Problem`; the guard turns it, a `Refusal` of the desk and every error of the HTTP
layer into the same shape. Raw JSON (the current Request of a lost race) is spliced, never re-dumped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from http import HTTPStatus
from typing import Any

from aiohttp import web

from approvals.domain.model import Person
from approvals.errors import Refusal

PROBLEM_TYPE = "application/problem+json"

UNAUTHENTICATED = "Sign in, or send a person's token as `Authorization: Bearer plc_person_…`."

LAPSED = (
    "What your identity provider said of your groups has run out, so you cannot decide by them. Sign out, and in again."
)
_CODES = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timed_out",
    413: "too_large",
    415: "unsupported_media_type",
    421: "misdirected",
}


class Problem(Exception):
    """A request is refused; carries everything of its answer."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        request: bytes | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers, self.extra, self.request = dict(headers or {}), dict(extra or {}), request

    def body(self) -> bytes:
        """The problem document; its own members win over `extra`."""
        fields = {
            **self.extra,
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        text = json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode()
        return text if self.request is None else text[:-1] + b',"request":' + self.request + b"}"

    def response(self) -> web.Response:
        """The problem as an answer. A connection whose body was refused unread is closed."""
        answer = web.Response(status=self.status, body=self.body(), headers=self.headers)
        answer.headers["Content-Type"] = f"{PROBLEM_TYPE}; charset=utf-8"
        if self.status in {408, 413}:
            answer.force_close()
        return answer


def unauthenticated() -> Problem:
    """The one 401: missing, empty, garbage, expired, revoked, doubled, an agent's token, all alike."""
    return Problem(401, "unauthenticated", UNAUTHENTICATED, headers={"WWW-Authenticate": 'Bearer realm="placet"'})


def not_found(what: str) -> Problem:
    """The same answer for what is not there and for what this person may not see."""
    return Problem(404, "not_found", f"There is no {what} like that, or you may not see it.")


def unseen(person: Person, what: str) -> Problem:
    """What is not there, or not for this person; where their groups have run out they are told that instead."""
    return Problem(403, "sign_in_again", LAPSED) if person.lapsed else not_found(what)


def links_off() -> Problem:
    """The answer where people sign in with their identity provider only."""
    return Problem(403, "links_off", "One-time links are switched off here (login.local): sign in with the button.")


def invalid(field: str, why: str) -> Problem:
    """A 422 that names one field."""
    return Problem(
        422, "invalid", f"{field}: {why}", extra={"field": field, "errors": [{"field": field, "detail": why}]}
    )


def of_refusal(refusal: Refusal, *, request: bytes | None = None) -> Problem:
    """The answer to what the desk refused; its plain fields (who, what, when, why) become members."""
    extra = {name: _plain(value) for name, value in refusal.fields.items() if _is_plain(value)}
    if "errors" in refusal.fields:
        extra["errors"] = refusal.fields["errors"]
    headers = {"Retry-After": "5"} if refusal.http_status == 503 else {}
    return Problem(refusal.http_status, refusal.code, str(refusal), headers=headers, extra=extra, request=request)


def of_http(error: web.HTTPException) -> Problem:
    """The answer to an error of aiohttp itself (no such path, wrong method, too large a body)."""
    code = _CODES.get(error.status, "refused")
    headers = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
    return Problem(error.status, code, f"{error.reason}.", headers=headers)


def our_fault() -> Problem:
    """The answer to a bug: nothing of it is told, the log has it all."""
    return Problem(500, "internal", "Something broke on our side. It was refused and logged.")


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool | datetime)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.value if isinstance(value, Enum) else value
