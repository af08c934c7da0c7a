"""The response headers of security.md 5c, on every answer of the process, whoever wrote it.

They are set by aiohttp's prepare signal, the last moment before the head goes out, so errors, streams
and other parts' routes have them too. A handler may have chosen its own caching; nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

_SOURCES = (
    "img-src 'self'; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
PAGE_POLICY = f"default-src 'none'; script-src 'self'; style-src 'self'; {_SOURCES}"
DATA_POLICY = f"default-src 'none'; {_SOURCES}"
"""For everything that is not a page: the same, minus script and style."""

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), publickey-credentials-get=(self)",
    "Server": "placet",
}
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"

# A worker is ruled by the policy of its own script's response, so scripts get the page's policy.
_PAGE_TYPES = frozenset({"text/html", "text/javascript"})

Signal = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


def set_headers(*, https: bool) -> Signal:
    """The prepare signal; `https` is whether the public URL is."""

    async def prepare(_request: web.Request, response: web.StreamResponse) -> None:
        stamp(response, https=https)

    return prepare


def stamp(response: web.StreamResponse, *, https: bool) -> None:
    """Set the headers on one response, also one that no signal reaches."""
    headers = response.headers
    headers.update(ALWAYS)
    headers["Content-Security-Policy"] = PAGE_POLICY if response.content_type in _PAGE_TYPES else DATA_POLICY
    headers.setdefault("Cache-Control", "no-store")
    if https:
        headers["Strict-Transport-Security"] = STRICT_TRANSPORT
