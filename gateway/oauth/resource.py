"""The gateway as an OAuth protected resource: its RFC 9728 documents, and the challenges that point to them.

Served only where an issuer is configured. With bearer keys every `/.well-known/oauth-*` is a plain 404, because some
clients prefer OAuth to the header they were given as soon as any discovery answers (protocol.md 4). A document is made
for any well-formed server name: which servers exist is not a stranger's to learn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from approvals.access import Access, access
from gateway.oauth.metadata import PROTECTED
from gateway.settings import AgentOauthSettings

INSUFFICIENT_SCOPE = "insufficient_scope"
_PATH = re.compile(r"/mcp(?:/[A-Za-z0-9_.\-]{1,128})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedResource:
    """What is said of this gateway to who has no token yet."""

    public_url: str
    issuer: str
    scopes: tuple[str, ...] = ()

    def document(self, path: str) -> Mapping[str, Any]:
        """The metadata of the resource at a path of ours; "" is the whole gateway."""
        said: dict[str, Any] = {
            "resource": self.public_url + path,
            "authorization_servers": [self.issuer],
            "scopes_supported": list(self.scopes),
            "bearer_methods_supported": ["header"],
        }
        # RFC 9728, 2: a parameter with no value is left out.
        return {name: value for name, value in said.items() if value != []}

    def challenge(self, path: str, *, error: str | None = None) -> str:
        """The WWW-Authenticate for a request to a path."""
        known = path if _PATH.fullmatch(path) else ""
        said = {
            "error": error,
            "resource_metadata": f"{self.public_url}{PROTECTED}{known}",
            "scope": " ".join(self.scopes) or None,
        }
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in said.items() if value is not None)

    def unauthorized(self) -> str:
        """The one sentence of every 401."""
        return f"A valid access token of {self.issuer} is needed. Send it once, as Authorization: Bearer …"

    def add_routes(self, app: web.Application) -> None:
        """Serve the documents."""
        access(Access.OPEN)(self.show)
        for path in ("", "/mcp", "/mcp/{server:[A-Za-z0-9_.\\-]{1,128}}"):
            app.router.add_get(PROTECTED + path, self.show)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """One document."""
        text = json.dumps(self.document(request.path.removeprefix(PROTECTED)))
        return web.Response(text=text, content_type="application/json")


def protected_resource(settings: AgentOauthSettings, public_url: str) -> ProtectedResource:
    """The resource that a configuration describes."""
    return ProtectedResource(public_url=public_url, issuer=settings.issuer, scopes=settings.scopes)
