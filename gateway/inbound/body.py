"""The body of a POST: read whole, within a cap, a deadline and a budget, parsed, and let go.

Over a number is a refusal, never a judgement of what has been read so far (security.md 2b). Large bodies are
parsed in a worker thread, so that one client's megabyte does not hold up everybody's answers.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging

from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.protocol.headers import Rejection
from gateway.protocol.jsonrpc import INVALID_REQUEST, Malformed, Message, parse
from gateway.protocol.strict import MAX_BYTES

log = logging.getLogger(__name__)

_THREAD_FROM_BYTES = 64 * 1024

Read = tuple[Message | Malformed, str]
"""What the body says, and the SHA-256 of its bytes."""


class Bodies:
    """Reads bodies; knows how many bytes of them are in memory."""

    def __init__(self, *, seconds: float, budget: int) -> None:
        self._seconds = seconds
        self._budget = budget
        self._held = 0

    async def read(self, http: web.Request) -> Read | Rejection:
        """The parsed body and its hash, or why it was not read."""
        if http.content_length is not None and http.content_length > MAX_BYTES:
            return _TOO_LARGE
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(self._seconds):
                problem = await self._collect(http, parts)
            if problem is not None:
                return problem
            body = b"".join(parts)
            if len(body) > _THREAD_FROM_BYTES:
                return await asyncio.to_thread(_digest, body)
            return _digest(body)
        except TimeoutError:
            return Rejection(
                status=408,
                code=INVALID_REQUEST,
                message=f"The body did not arrive within {self._seconds:g} seconds. Send it at once.",
            )
        except (ClientPayloadError, HttpProcessingError, web.RequestPayloadError) as err:
            log.info("inbound body broken", extra={"why": type(err).__name__})
            return Rejection(status=400, code=INVALID_REQUEST, message="The body's transfer coding is broken.")
        finally:
            self._held -= sum(map(len, parts))

    async def _collect(self, http: web.Request, parts: list[bytes]) -> Rejection | None:
        size = 0
        while chunk := await http.content.readany():
            parts.append(chunk)
            size += len(chunk)
            self._held += len(chunk)
            if size > MAX_BYTES:
                return _TOO_LARGE
            if self._held > self._budget:
                return Rejection(
                    status=503, code=503, message="The gateway reads too much at once just now. Try again in a second."
                )
        return None


_TOO_LARGE = Rejection(
    status=413,
    code=INVALID_REQUEST,
    message=f"The body is larger than {MAX_BYTES} bytes. Send less in one call.",
)


def _digest(body: bytes) -> Read:
    return parse(body), hashlib.sha256(body).hexdigest()
