"""A request body, read once and strictly: one JSON object into one pydantic model.

No Content-Encoding, exactly one Content-Type, a cap and a deadline (security.md 2b, 2c); duplicate
names, NaN, deep nesting and unknown members are refused. Over the cap is a refusal, never a cut.
"""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from approvals.web.problems import Problem

M = TypeVar("M", bound=BaseModel)

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64
DEADLINE_SECONDS = 10
MAX_ERRORS = 20

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_CONTENT_TYPE = re.compile(r'application/json(?:\s*;\s*charset="?utf-8"?)?\s*', re.IGNORECASE)
# One pass, no second look: an unterminated string runs to the end instead of being tried again from each quote.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


async def read(request: web.Request, model: type[M]) -> M:
    """The body as a `model`.

    Raises:
        Problem: 400, 408, 413, 415 for the body as such, 422 naming the first wrong field.
    """
    return validate(await receive(request), model)


async def receive(request: web.Request) -> Any:
    """The body as JSON, before it is looked at.

    Raises:
        Problem: 400, 408, 413 or 415.
    """
    _check_type(request)
    return parse(await _read(request))


def length(text: str) -> timedelta:
    """What `bodies.Length` says."""
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def parse(data: bytes) -> Any:
    """JSON with one meaning only.

    Raises:
        Problem: 400 that says what is wrong.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as err:
        raise _bad(f"the body is not UTF-8 (byte {err.start})") from None
    if _depth(data) > MAX_DEPTH:
        raise _bad(f"the body is nested deeper than {MAX_DEPTH} levels")
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as err:
        raise _bad(f"the body is not JSON: {err.msg} at line {err.lineno}, column {err.colno}") from None
    except ValueError as err:  # a 5,000-digit integer
        raise _bad(f"the body is not JSON we accept: {err}") from None


def validate(value: Any, model: type[M]) -> M:
    """The value as a `model`, strictly: no unknown member, no conversion between types.

    Raises:
        Problem: 422 with `field` and all `errors`.
    """
    try:
        return model.model_validate(value, strict=True)
    except ValidationError as err:
        errors = [
            {"field": _pointer(one["loc"]), "detail": _words(one)} for one in err.errors(include_url=False)[:MAX_ERRORS]
        ]
        first = errors[0]
        raise Problem(
            422, "invalid", f"{first['field']}: {first['detail']}", extra={"field": first["field"], "errors": errors}
        ) from None


def _words(error: ErrorDetails) -> str:
    """What is wrong, for people; pydantic's own words where they do."""
    bounds = error.get("ctx", {})
    of = "character" if isinstance(error["input"], str) else "item"
    for bound, words in (("min_length", "at least"), ("max_length", "at most")):
        if bound in bounds:
            return f"{words} {bounds[bound]} {of}{'' if bounds[bound] == 1 else 's'}"
    return error["msg"].removeprefix("Value error, ")


def _check_type(request: web.Request) -> None:
    if request.headers.getall("Content-Encoding", []):
        raise Problem(415, "unsupported_media_type", "Send the body without Content-Encoding.")
    types = request.headers.getall("Content-Type", [])
    if len(types) != 1 or not _CONTENT_TYPE.fullmatch(types[0]):
        raise Problem(415, "unsupported_media_type", "Send `Content-Type: application/json` (UTF-8), once.")


async def _read(request: web.Request) -> bytes:
    if (request.content_length or 0) > MAX_BYTES:
        raise _too_large()
    received = bytearray()
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            async for chunk in request.content.iter_any():
                received += chunk
                if len(received) > MAX_BYTES:
                    raise _too_large()
    except (HttpProcessingError, web.RequestPayloadError):
        raise _bad("the body is not framed as its head says") from None
    except TimeoutError:
        raise Problem(408, "timed_out", f"The body did not arrive within {DEADLINE_SECONDS} seconds.") from None
    return bytes(received)


def _too_large() -> Problem:
    return Problem(413, "too_large", f"The body is larger than {MAX_BYTES} bytes.")


def _bad(why: str) -> Problem:
    return Problem(400, "bad_request", f"{why[0].upper()}{why[1:]}.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _bad(f"the name {twice[:80]!r} stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _bad(f"{name} is not a JSON number")


def _depth(data: bytes) -> int:
    depth = deepest = 0
    for found in _STRING_OR_BRACKET.finditer(data):
        if found[0][:1] == b'"':
            continue
        depth += 1 if found[0] in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _pointer(location: tuple[int | str, ...]) -> str:
    """A plain name for a member of the body itself, a JSON Pointer for what lies deeper."""
    if len(location) == 1:
        return str(location[0])
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location) or "body"
