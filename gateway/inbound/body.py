"""The body of a POST: read whole, within a cap, a rate, a deadline and a budget, parsed, and let go.

Over a number is a refusal, never a judgement of what has been read so far (security.md 2b). Large bodies are
parsed in a worker thread, so that one client's megabyte does not hold up everybody's answers.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Hashable

from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway import heavy
from gateway.inbound.flood import Buckets
from gateway.protocol.headers import Rejection
from gateway.protocol.jsonrpc import INVALID_REQUEST, Malformed, Message, parse
from gateway.protocol.strict import MAX_BYTES

log = logging.getLogger(__name__)

Read = tuple[Message | Malformed, str]
"""What the body says, and the SHA-256 of its bytes."""


class Bodies:
    """Reads bodies; knows how many bytes of them are in memory."""

    def __init__(self, *, seconds: float, budget: int, rate: Buckets) -> None:
        self._seconds = seconds
        self._budget = budget
        self._rate = rate
        self._held = 0

    async def read(self, http: web.Request, payer: Hashable) -> Read | Rejection:
        """The parsed body and its hash, or why it was not read; its bytes count against the rate of `payer`."""
        declared = http.content_length
        if declared is not None and declared > MAX_BYTES:
            return _TOO_LARGE
        if declared is not None and (wait := self._rate.take(payer, declared)) is not None:
            return _too_fast(wait)
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(self._seconds):
                problem = await self._collect(http, parts)
            if problem is not None:
                return problem
            body = b"".join(parts)
            if declared is None and (wait := self._rate.take(payer, len(body))) is not None:
                return _too_fast(wait)
            return await heavy.run(len(body), _digest, body)
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


def _too_fast(seconds: int) -> Rejection:
    why = f"Too many bytes in a short time. Wait {seconds} s, and send fewer or smaller requests."
    return Rejection(status=429, code=429, message=why, retry_after=seconds)


_TOO_LARGE = Rejection(
    status=413,
    code=INVALID_REQUEST,
    message=f"The body is larger than {MAX_BYTES} bytes. Send less in one call.",
)


def _digest(body: bytes) -> Read:
    return parse(body), hashlib.sha256(body).hexdigest()
